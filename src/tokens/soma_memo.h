
/*
 * Copyright (C) The ngx_soma authors
 *
 * Counts of texts that were counted before: a chat sends all of what was said
 * in it again with each turn.  Only a hash of a text is kept, a polynomial
 * over the field of 2^61 - 1 at a secret point: two texts of n bytes that
 * differ have one hash with a chance of n / 7 in 2^61, whoever chose them.
 */


#ifndef SOMA_MEMO_H
#define SOMA_MEMO_H


#include "soma_base.h"


#define SOMA_MEMO_SLOTS  4096       /* a power of two; newer ones replace */
#define SOMA_MEMO_MIN    64         /* bytes: less is as soon counted */


typedef struct {
    uint64_t  hash;                 /* 0: empty */
    uint64_t  tokens;
} soma_memo_slot_t;


typedef struct {
    uint64_t          point;        /* 0: not set up */
    uint64_t          point2;       /* its powers */
    uint64_t          point3;
    uint64_t          point4;
    soma_memo_slot_t  slot[SOMA_MEMO_SLOTS];
} soma_memo_t;


/* "secret" is a number that nobody outside can guess */
void soma_memo_init(soma_memo_t *memo, uint64_t secret);

/* "kind" tells texts apart that are the same bytes, but not to be counted the
 * same way; never 0 */
uint64_t soma_memo_hash(const soma_memo_t *memo, soma_str_t text,
    unsigned kind);

/* tokens, or -1: not known */
int64_t soma_memo_get(const soma_memo_t *memo, uint64_t hash);

void soma_memo_put(soma_memo_t *memo, uint64_t hash, int64_t tokens);


#endif /* SOMA_MEMO_H */
