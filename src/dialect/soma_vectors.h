
/*
 * Copyright (C) The ngx_soma authors
 *
 * An answer that is vectors on its way to a client, whatever its dialect: what
 * is gathered of its events, and told at their end.
 */


#ifndef SOMA_VECTORS_H
#define SOMA_VECTORS_H


#include "soma_inner.h"
#include "soma_pieces.h"


/* zeroed and filled in by the caller, at the head of a dialect's own */
typedef struct {
    soma_arena_t   *arena;
    soma_str_t      id;             /* name: where the provider has none */
    soma_str_t      model;          /* name: likewise */

    /* private */
    soma_pieces_t   list;           /* as the dialect has them */
    soma_usage_t    usage;
    unsigned        n;              /* in the list */
    unsigned        done:1;
} soma_vectors_t;


/* a dialect's: a vector into the list, SOMA_DECLINED where it is beyond a
 * bound or none; and all of the answer */
typedef int (*soma_vectors_add_pt)(soma_vectors_t *vectors,
    const soma_inner_event_t *event);
typedef void (*soma_vectors_end_pt)(soma_vectors_t *vectors,
    soma_pieces_t *out);


/* as soma_dialect_t.write */
int soma_vectors_write(soma_vectors_t *vectors, soma_pieces_t *out,
    const soma_inner_event_t *event, soma_vectors_add_pt add,
    soma_vectors_end_pt end);


#endif /* SOMA_VECTORS_H */
