
/*
 * Copyright (C) The ngx_soma authors
 *
 * The shipper's batch: records of one tenant, by one writer, made into one
 * call of a script that applies all of them or none, and those it applied
 * before never again.
 */


#ifndef SOMA_SHIP_H
#define SOMA_SHIP_H


#include "soma_base.h"
#include "soma_segment.h"
#include "soma_record.h"


#define SOMA_SHIP_RECORDS_MAX   256             /* of a batch */
#define SOMA_SHIP_BYTES_MAX     (256 * 1024)    /* their JSON */
#define SOMA_SHIP_GROUPS_MAX    32              /* hour, provider, model */
#define SOMA_SHIP_HOURS_MAX     8
#define SOMA_SHIP_SUMS          9
#define SOMA_SHIP_KEYS_MAX      (2 + 2 * SOMA_SHIP_HOURS_MAX)
#define SOMA_SHIP_FIXED         8               /* arguments of any batch */
#define SOMA_SHIP_ARGS_MAX      (SOMA_SHIP_KEYS_MAX + SOMA_SHIP_FIXED        \
                                 + SOMA_SHIP_GROUPS_MAX * SOMA_SHIP_SUMS * 6  \
                                 + SOMA_SHIP_RECORDS_MAX * 2)
#define SOMA_SHIP_NAME_MAX      (SOMA_RECORD_STR_MAX + 64)  /* of a key */
#define SOMA_SHIP_SUMS_BYTES    (SOMA_SHIP_GROUPS_MAX * SOMA_SHIP_SUMS        \
                                 * (2 * SOMA_RECORD_STR_MAX + 48)             \
                                 + SOMA_SHIP_KEYS_MAX * SOMA_SHIP_NAME_MAX    \
                                 + 512)


/*
 * soma_ship.lua, which Redis runs.  Of its arguments "prev" is the last
 * sequence of this writer that the caller believes Redis has for this tenant.
 * Redis' own is the reply: equal to "last", all is there; anything else tells
 * where the caller was wrong and nothing was done.  first > last asks only.
 *
 * An error leaves everything as it was.
 */
extern const char  soma_ship_lua[];


typedef struct {
    unsigned        day;            /* index in days, hours */
    unsigned        hour;
    soma_str_t      provider;       /* in the record's bytes */
    soma_str_t      model;
    int64_t         sums[SOMA_SHIP_SUMS];
} soma_ship_group_t;


typedef struct {
    soma_str_t         writer;
    soma_str_t         tenant;
    uint64_t           prev;
    uint64_t           first;
    uint64_t           last;
    int64_t            events;      /* kept in the stream, about */

    soma_out_t         json;
    soma_record_memo_t memo;        /* of the record added last */
    unsigned           nrecords;
    soma_str_t         record[SOMA_SHIP_RECORDS_MAX * 2];   /* id, JSON */

    int64_t            days[SOMA_SHIP_HOURS_MAX];
    int64_t            hours[SOMA_SHIP_HOURS_MAX];
    unsigned           ndays;
    unsigned           nhours;
    soma_ship_group_t  groups[SOMA_SHIP_GROUPS_MAX];
    unsigned           ngroups;

    /* made by soma_ship_finish() */
    unsigned           nkeys;
    unsigned           argc;
    const char        *argv[SOMA_SHIP_ARGS_MAX];
    size_t             argvlen[SOMA_SHIP_ARGS_MAX];

    unsigned char      bytes[SOMA_SHIP_BYTES_MAX];
    unsigned char      sums[SOMA_SHIP_SUMS_BYTES];
} soma_ship_batch_t;                /* large: one for all batches */


void soma_ship_start(soma_ship_batch_t *batch, soma_str_t writer,
    soma_str_t tenant, uint64_t prev, int64_t events);

/* SOMA_OK; SOMA_DECLINED: the batch is full, the record is not in it.  The
 * record's strings must stay until soma_ship_finish() */
int soma_ship_add(soma_ship_batch_t *batch, uint64_t seq,
    const soma_record_t *record);

/* fills nkeys, argc, argv (into the batch and its records); a batch without
 * records asks only */
void soma_ship_finish(soma_ship_batch_t *batch);

/* "soma:{tenant}:applied" */
void soma_ship_applied_key(soma_out_t *out, soma_str_t tenant);


#endif /* SOMA_SHIP_H */
