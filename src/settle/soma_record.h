
/*
 * Copyright (C) The ngx_soma authors
 *
 * The usage record: one for every request that was let in.  Binary in the
 * journal (little-endian, versioned), JSON on the way to Redis.
 */


#ifndef SOMA_RECORD_H
#define SOMA_RECORD_H


#include "soma_base.h"
#include "soma_usage.h"
#include "soma_price.h"


#define SOMA_RECORD_MAX      4096   /* bytes, encoded */
#define SOMA_RECORD_STR_MAX  255    /* bytes of one string, cut on encoding */
#define SOMA_RECORD_JSON_MAX (6 * SOMA_RECORD_MAX)


typedef struct {
    int64_t       time;             /* ms UTC, of the request's arrival */
    soma_str_t    id;               /* request id */
    soma_str_t    node;
    soma_str_t    tenant;
    soma_str_t    user;
    soma_str_t    key;              /* key id, never the key */
    soma_str_t    session;
    soma_str_t    route;
    soma_str_t    model;            /* that answered, our name */
    soma_str_t    provider;
    soma_str_t    target;           /* the provider's name of the model */
    soma_str_t    api;
    soma_str_t    error;            /* code, or empty */
    soma_str_t    query_hash;
    soma_str_t    cache;            /* hit, miss or empty */
    soma_str_t    tags;
    soma_str_t    catalogue;        /* hash */
    int32_t       status;           /* HTTP, as the client got it */
    int32_t       attempts;
    int64_t       latency_ms;
    int64_t       first_token_ms;   /* -1: none */
    unsigned      stream:1;
    soma_usage_t  usage;
    soma_cost_t   cost;
} soma_record_t;


/* bytes written, 0 when it does not fit */
size_t soma_record_encode(const soma_record_t *record, unsigned char *buf,
    size_t size);

/* strings point into buf; SOMA_ERROR: malformed or a version from the future */
int soma_record_decode(soma_record_t *record, const unsigned char *buf,
    size_t len);

/* one JSON object, the field names of the issue: id, time, node ... */
void soma_record_json(soma_out_t *out, const soma_record_t *record);


#endif /* SOMA_RECORD_H */
