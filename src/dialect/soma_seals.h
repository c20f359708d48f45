
/*
 * Copyright (C) The ngx_soma authors
 *
 * Signatures that are too long for a call's id, kept for as long as there is
 * room: a ring of bytes in memory that its owner shares and locks, the oldest
 * overwritten first.  A client brings a key back in the place of what is kept.
 */


#ifndef SOMA_SEALS_H
#define SOMA_SEALS_H


#include "soma_base.h"


#define SOMA_SEALS_LEN_MAX  (64 * 1024)     /* bytes of one that is kept */
#define SOMA_SEALS_MEAN     2048            /* bytes of one, as a rule */
#define SOMA_SEALS_WAYS     4               /* slots that a key may lie in */


typedef struct {
    uint64_t           key[2];      /* both 0: empty */
    uint64_t           at;          /* bytes written before it */
    uint32_t           len;
    uint32_t           unused;
} soma_seals_slot_t;


typedef struct {
    uint64_t           head;        /* bytes ever written */
    uint64_t           size;        /* of the ring */
    uint64_t           nslots;      /* a power of two */
    soma_seals_slot_t  slot[];      /* the ring lies behind them */
} soma_seals_t;


/* size bytes of zeroed memory, aligned as a uint64_t; NULL: they are too few */
soma_seals_t *soma_seals_init(void *memory, size_t size);

/* SOMA_OK, or SOMA_DECLINED: it is too long.  The key is the caller's, of which
 * no two are the same, and of which nobody may guess one */
int soma_seals_put(soma_seals_t *seals, const uint64_t key[2],
    soma_str_t bytes);

/* where it lies: copy it before anything else is put.  SOMA_DECLINED: it was
 * never there, or is no more */
int soma_seals_get(soma_seals_t *seals, const uint64_t key[2],
    soma_str_t *bytes);


#endif /* SOMA_SEALS_H */
