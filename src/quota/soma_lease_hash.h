
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a quota's hash in Redis says to who only reads it: how much all nodes
 * have used.  The fields stand in soma_lease.lua.
 */


#ifndef SOMA_LEASE_HASH_H
#define SOMA_LEASE_HASH_H


#include "soma_quota.h"


/* zeroed: no such hash */
typedef struct {
    int64_t   whole;        /* of a rate */
    int64_t   at;
    int64_t   of;
    int64_t   since;        /* of a window, ms UTC */
    int64_t   base;
    int64_t   used;         /* of all rows */
    int64_t   held;         /* of those that have not ended */
    unsigned  rate:1;       /* whole is there */
} soma_lease_hash_t;


/* one field; what is not understood is left alone.  now: ms UTC */
void soma_lease_hash_field(soma_lease_hash_t *hash, soma_str_t name,
    soma_str_t value, int64_t now);

/* what was used as of now under that limit, in its unit; of concurrency:
 * what nodes hold.  Never below 0 */
int64_t soma_lease_hash_used(const soma_lease_hash_t *hash,
    const soma_limit_t *limit, int64_t now);


#endif /* SOMA_LEASE_HASH_H */
