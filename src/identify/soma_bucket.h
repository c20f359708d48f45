
/*
 * Copyright (C) The ngx_soma authors
 *
 * How many questions strangers may cost: a bucket of tokens each, and a table
 * of them by who asks.
 */


#ifndef SOMA_BUCKET_H
#define SOMA_BUCKET_H


#include "soma_base.h"


#define SOMA_BUCKET_SETS  1024          /* of the table */
#define SOMA_BUCKET_WAYS  4             /* buckets in each */


/* full at first: last is 0 */
typedef struct {
    int64_t   level;            /* thousandths of a token */
    int64_t   last;             /* ms, when it was filled */
} soma_bucket_t;

typedef struct {
    uint64_t       who;         /* a hash, 0: nobody */
    soma_bucket_t  bucket;
} soma_bucket_slot_t;

/* zeroed memory is an empty table */
typedef struct {
    soma_bucket_slot_t  slots[SOMA_BUCKET_SETS][SOMA_BUCKET_WAYS];
} soma_bucket_table_t;


/* whole tokens that are in it now; rate: tokens a second, burst: the most it
 * holds; now: ms, of a clock that may be set back */
int64_t soma_bucket_left(soma_bucket_t *bucket, int64_t rate, int64_t burst,
    int64_t now);

/* takes a token, also where none is left: what was asked meanwhile is owed,
 * but no more than another burst */
void soma_bucket_take(soma_bucket_t *bucket, int64_t rate, int64_t burst,
    int64_t now);

/* whose bucket it is; NULL: none, it is as a full one */
soma_bucket_t *soma_bucket_find(soma_bucket_table_t *table, uint64_t who);

/* as above; where there is none, the one that was used longest ago goes */
soma_bucket_t *soma_bucket_make(soma_bucket_table_t *table, uint64_t who);


#endif /* SOMA_BUCKET_H */
