
/*
 * Copyright (C) The ngx_soma authors
 *
 * Models whose vocabulary nobody has: how many tokens a prompt may be to
 * them, by what a known vocabulary (o200k_base) counts.  The table is what
 * recorded traffic came to and what providers state, with room to spare; a
 * bound by it is never less than what any recorded prompt was billed as.
 */


#ifndef SOMA_FACTOR_H
#define SOMA_FACTOR_H


#include "soma_base.h"


#define SOMA_FACTOR_ONE   1000      /* per mille */
#define SOMA_FACTOR_MAX   10000     /* ten times; more is a typing error */


typedef struct {
    soma_str_t  family;             /* part of the models' names */
    int64_t     factor;             /* per mille of the count */
    int64_t     base;               /* tokens around any prompt */
    int64_t     tools;              /* tokens around tools */
} soma_factor_t;


/* by the name that the provider knows; NULL: no known family */
const soma_factor_t *soma_factor_find(soma_str_t model);

/*
 * The tokens at most.  count: by the vocabulary that is there; foreign: bytes
 * of text beyond ASCII, which other vocabularies split into more; bytes: of
 * all text, for no token is less than one.
 */
int64_t soma_factor_bound(const soma_factor_t *factor, int64_t count,
    int64_t foreign, int64_t bytes, int tools);

/* bytes beyond ASCII of a JSON body, escaped ones by what they stand for */
int64_t soma_factor_foreign(soma_str_t body);


#endif /* SOMA_FACTOR_H */
