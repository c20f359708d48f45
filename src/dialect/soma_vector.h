
/*
 * Copyright (C) The ngx_soma authors
 *
 * A vector of an embedding in its two forms: an array of numbers, and base64
 * of little-endian floats of 32 bits.  Clients ask for one of them, providers
 * have one of them.
 */


#ifndef SOMA_VECTOR_H
#define SOMA_VECTOR_H


#include "soma_base.h"


#define SOMA_VECTOR_MAX  65536          /* numbers of one */


/* into the arena: SOMA_OK; SOMA_DECLINED: it is no such vector, or is longer
 * than SOMA_VECTOR_MAX; SOMA_ERROR: no memory */
int soma_vector_base64(soma_arena_t *arena, soma_str_t raw, soma_str_t *text);
int soma_vector_raw(soma_arena_t *arena, soma_str_t text, soma_str_t *raw);


#endif /* SOMA_VECTOR_H */
