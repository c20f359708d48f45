
/*
 * Copyright (C) The ngx_soma authors
 *
 * What the shipper knows of one journal writer: how far Redis has the
 * records of each tenant, what waits, and what comes next.  No I/O: the
 * records come from a source, the calls go to whoever drives it.
 *
 * It works in rounds.  soma_ship_writer_gather() reads records and sorts them
 * by tenant, soma_ship_writer_next() gives one call after the other, and each
 * is answered by soma_ship_writer_reply() or _failed().  A tenant has one call
 * in a round at most, so its records are applied in order; a tenant whose
 * call failed is held back with a growing pause and nobody waits for it.
 */


#ifndef SOMA_SHIP_WRITER_H
#define SOMA_SHIP_WRITER_H


#include "soma_ship.h"


#define SOMA_SHIP_TENANTS_MAX   16384   /* known at a time */
#define SOMA_SHIP_TENANT_CHAINS 1024    /* power of two */
#define SOMA_SHIP_ROUND_MAX     16384   /* records of a round */
#define SOMA_SHIP_SCAN_MAX      16384   /* records read for a round */
#define SOMA_SHIP_CHECKS_MAX    256     /* questions of a round */
#define SOMA_SHIP_BACKOFF_MIN   100     /* ms */
#define SOMA_SHIP_BACKOFF_MAX   30000   /* ms */


/*
 * Where records come from.  Payloads stay valid until the round's last call
 * was made.
 *
 * next: SOMA_OK, or SOMA_DONE at the end of what is written (or SOMA_ERROR:
 * cannot be read now).
 * back: forgets the last next.
 * seek: the next record is that of "seq", or the first one behind it.
 */
typedef struct {
    int   (*next)(void *data, uint64_t *seq, soma_str_t *payload);
    void  (*back)(void *data);
    void  (*seek)(void *data, uint64_t seq);
    void   *data;
} soma_ship_source_t;


typedef enum {
    SOMA_SHIP_NONE = 0,
    SOMA_SHIP_BATCH,            /* the script, with records */
    SOMA_SHIP_CHECK,            /* the script, as a question */
    SOMA_SHIP_FORGET            /* HDEL of the writer's field */
} soma_ship_call_e;


typedef struct soma_ship_tenant_s  soma_ship_tenant_t;

struct soma_ship_tenant_s {
    soma_ship_tenant_t  *next;          /* in a chain, or in "unused" */
    soma_ship_tenant_t  *round_next;
    uint64_t             applied;       /* Redis has all up to here */
    uint64_t             counted;       /* in "shipped", up to here */
    uint64_t             held;          /* the first that waits, 0: none */
    uint64_t             last;          /* seen */
    int64_t              retry;         /* ms, not before */
    int64_t              backoff;
    unsigned             first_ref;     /* of the round's, 0: none */
    unsigned             last_ref;
    unsigned             nrefs;
    uint64_t             first;         /* of the call */
    uint64_t             sent;          /* last of the call */
    unsigned             count;         /* of the call */
    soma_ship_call_e     call;
    unsigned             known:1;       /* "applied" is Redis' own word */
    unsigned             check:1;       /* ask again */
    unsigned             recheck:1;     /* what it answers may be out of date */
    unsigned             forget:1;
    unsigned             behind:1;      /* wants records before the tip */
    uint16_t             len;
    unsigned char        name[SOMA_RECORD_STR_MAX];
};


typedef struct {
    soma_str_t  payload;
    uint64_t    seq;
    unsigned    next;
} soma_ship_ref_t;


/* for all writers, one after the other */
typedef struct {
    soma_ship_ref_t    refs[SOMA_SHIP_ROUND_MAX + 1];
    soma_ship_batch_t  batch;
} soma_ship_scratch_t;


typedef struct {
    unsigned char        writer[SOMA_WRITER_LEN];
    soma_ship_source_t   source;
    soma_arena_t        *arena;
    int64_t              events;

    uint64_t             position;      /* the next to be read, at least */
    uint64_t             tip;           /* the furthest position so far */
    unsigned             nbehind;
    unsigned             nheld;
    unsigned             nasks;         /* with check or forget */
    unsigned             ntenants;
    unsigned             outstanding;   /* calls of this round */
    unsigned             nrefs;

    soma_ship_tenant_t  *round;
    soma_ship_tenant_t  *unused;
    soma_ship_tenant_t  *chains[SOMA_SHIP_TENANT_CHAINS];

    uint64_t             shipped;       /* records confirmed */
    uint64_t             rewinds;       /* Redis had lost writes */
    uint64_t             bad;           /* records that cannot be read */

    unsigned             fresh:1;       /* begins in this process: what Redis
                                           has not heard of is at 0 */
    unsigned             lost:1;        /* set by a rewind; the driver takes
                                           it as a sign to check all */
} soma_ship_writer_t;


/* the arena serves the writer's tenants and must outlive it */
void soma_ship_writer_init(soma_ship_writer_t *w, soma_str_t writer,
    soma_arena_t *arena, const soma_ship_source_t *source, uint64_t first,
    int64_t events, unsigned fresh);

/* SOMA_OK: calls wait; SOMA_AGAIN: nothing yet, but there is more to read;
 * SOMA_DONE: nothing.  Not while calls are outstanding. */
int soma_ship_writer_gather(soma_ship_writer_t *w, soma_ship_scratch_t *scratch,
    int64_t now);

/* SOMA_OK: *tenant, whose "call" tells what it is, with scratch->batch ready
 * to be sent (argv, argvlen, argc; FORGET: a whole command); SOMA_DONE */
int soma_ship_writer_next(soma_ship_writer_t *w, soma_ship_scratch_t *scratch,
    soma_ship_tenant_t **tenant);

/* the integer that Redis gave */
void soma_ship_writer_reply(soma_ship_writer_t *w, soma_ship_tenant_t *tenant,
    uint64_t applied);

/* no answer, or an error; "fault" of Redis: the pause grows */
void soma_ship_writer_failed(soma_ship_writer_t *w, soma_ship_tenant_t *tenant,
    int64_t now, unsigned fault);

/* the connection is back, or Redis lost writes: ask for every tenant */
void soma_ship_writer_check(soma_ship_writer_t *w);

/* all records up to here are in Redis; not while calls are outstanding */
uint64_t soma_ship_writer_acked(const soma_ship_writer_t *w);

/* records before "first" are no longer kept: tenants without any others are
 * forgotten here and in Redis */
void soma_ship_writer_trim(soma_ship_writer_t *w, uint64_t first);

/* gives the tenants' memory back to the arena's owner: to "unused" of
 * another writer */
void soma_ship_writer_done(soma_ship_writer_t *w,
    soma_ship_tenant_t **unused);


#endif /* SOMA_SHIP_WRITER_H */
