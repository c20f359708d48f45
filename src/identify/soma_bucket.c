
/*
 * Copyright (C) The ngx_soma authors
 *
 * Buckets of tokens.
 */


#include "soma_bucket.h"


static void soma_bucket_fill(soma_bucket_t *bucket, int64_t rate,
    int64_t burst, int64_t now);
static soma_bucket_slot_t *soma_bucket_set(soma_bucket_table_t *table,
    uint64_t who);


int64_t
soma_bucket_left(soma_bucket_t *bucket, int64_t rate, int64_t burst,
    int64_t now)
{
    soma_bucket_fill(bucket, rate, burst, now);

    return bucket->level > 0 ? bucket->level / 1000 : 0;
}


void
soma_bucket_take(soma_bucket_t *bucket, int64_t rate, int64_t burst,
    int64_t now)
{
    soma_bucket_fill(bucket, rate, burst, now);

    bucket->level -= 1000;

    if (bucket->level < -burst * 1000) {
        bucket->level = -burst * 1000;
    }
}


static void
soma_bucket_fill(soma_bucket_t *bucket, int64_t rate, int64_t burst,
    int64_t now)
{
    int64_t  passed;

    if (bucket->last == 0) {
        bucket->last = now;
        bucket->level = burst * 1000;
        return;
    }

    passed = now - bucket->last;

    /* longer than this fills any of them, and must not overflow */

    if (passed > 3600 * 1000) {
        passed = 3600 * 1000;
    }

    bucket->last = now;

    if (passed > 0) {
        bucket->level += passed * rate;
    }

    if (bucket->level > burst * 1000) {
        bucket->level = burst * 1000;
    }
}


soma_bucket_t *
soma_bucket_find(soma_bucket_table_t *table, uint64_t who)
{
    unsigned             i;
    soma_bucket_slot_t  *slot;

    who += (who == 0);
    slot = soma_bucket_set(table, who);

    for (i = 0; i < SOMA_BUCKET_WAYS; i++) {
        if (slot[i].who == who) {
            return &slot[i].bucket;
        }
    }

    return NULL;
}


soma_bucket_t *
soma_bucket_make(soma_bucket_table_t *table, uint64_t who)
{
    unsigned             i;
    soma_bucket_t       *bucket;
    soma_bucket_slot_t  *slot, *oldest;

    bucket = soma_bucket_find(table, who);

    if (bucket != NULL) {
        return bucket;
    }

    who += (who == 0);
    slot = soma_bucket_set(table, who);
    oldest = &slot[0];

    for (i = 1; i < SOMA_BUCKET_WAYS; i++) {
        if (slot[i].bucket.last < oldest->bucket.last) {
            oldest = &slot[i];
        }
    }

    oldest->who = who;
    oldest->bucket.level = 0;
    oldest->bucket.last = 0;

    return &oldest->bucket;
}


static soma_bucket_slot_t *
soma_bucket_set(soma_bucket_table_t *table, uint64_t who)
{
    return table->slots[(who ^ who >> 32) % SOMA_BUCKET_SETS];
}
