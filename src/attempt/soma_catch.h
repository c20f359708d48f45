
/*
 * Copyright (C) The ngx_soma authors
 *
 * Catches the wanted members of a whole JSON answer while it streams by in
 * pieces: nothing of it is kept but the value under way.
 */


#ifndef SOMA_CATCH_H
#define SOMA_CATCH_H


#include "soma_dialect.h"


#define SOMA_CATCH_MAX  (16 * 1024)     /* a longer value is not caught */


typedef struct {
    soma_json_scan_t       scan;
    const soma_dialect_t  *dialect;
    soma_arena_t          *arena;
    unsigned char         *buf;         /* the value under way */
    size_t                 len;
    size_t                 size;
    unsigned               index;       /* its index in answer_want */
    unsigned               part:1;      /* buf holds a beginning */
    unsigned               lost:1;      /* it was too long */
} soma_catch_t;


/* dialect and arena must outlive it */
void soma_catch_init(soma_catch_t *c, const soma_dialect_t *dialect,
    soma_arena_t *arena);

/* SOMA_AGAIN: more is to come; SOMA_OK: the object has closed; SOMA_ERROR:
 * it is no JSON object, or no memory: nothing more is caught */
int soma_catch(soma_catch_t *c, soma_answer_t *answer, const unsigned char *p,
    size_t len);


#endif /* SOMA_CATCH_H */
