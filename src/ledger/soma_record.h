
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


#define SOMA_RECORD_STR_MAX  255    /* bytes of one string, cut on encoding */
#define SOMA_RECORD_STRS     16
#define SOMA_RECORD_INTS     29

/* all but the strings: without any int, and with all of them */
#define SOMA_RECORD_LEAST    (8 + SOMA_RECORD_STRS)
#define SOMA_RECORD_FIXED    (SOMA_RECORD_LEAST + 8 * SOMA_RECORD_INTS)

/* the longest strings fit: a record is never lost for being too long */
#define SOMA_RECORD_MAX      4608   /* bytes, encoded */
#define SOMA_RECORD_JSON_MAX (6 * SOMA_RECORD_MAX)


#define SOMA_RECORD_WHO_STRS   10   /* node to api */
#define SOMA_RECORD_TAIL_STRS  3    /* cache to catalogue */


typedef struct {
    int64_t       time;             /* ms UTC, of the request's arrival */
    soma_str_t    id;               /* request id; all strings in a row, as
                                       they stand in the binary form */
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
    int64_t       retried_tokens;   /* that attempts before the last one may
                                       have used; in no other number but
                                       cost.retried and cost.total */
    unsigned      stream:1;
    soma_usage_t  usage;
    soma_cost_t   cost;
} soma_record_t;


/* what soma_record_json_next() has of the record before; both lens 0: none */
typedef struct {
    soma_str_t    who;              /* JSON, where it was put */
    soma_str_t    tail;
    soma_str_t    who_strs[SOMA_RECORD_WHO_STRS];
    soma_str_t    tail_strs[SOMA_RECORD_TAIL_STRS];
} soma_record_memo_t;


/*
 * The binary form, version 2:
 *
 *     0  version u8
 *     1  flags u8 (1: stream, 2: usage known, 4: usage estimated; and 8 times
 *        what it rests on, soma_basis_e)
 *     2  service tier u8 (soma_tier_e)
 *     3  number of strings u8, SOMA_RECORD_STRS
 *     4  which ints are there u32, little-endian, a bit each from the lowest:
 *        the others are 0
 *     8  those ints i64, little-endian
 *    ..  length of each string u8
 *    ..  strings, one behind the other
 *
 * in the order of SOMA_RECORD_EACH, status and attempts as i64 among them.
 * Ints that came later stand behind the others, so that a record without
 * them is as it was.  Version 1, which is read and no longer written, has the
 * first 27 ints, all of them, and in bytes 3 to 7 their number, that of
 * strings and zeros.
 */

/* bytes written, 0 when it does not fit, which never is with SOMA_RECORD_MAX
 * bytes, and always with less than SOMA_RECORD_FIXED.  A string above
 * SOMA_RECORD_STR_MAX is cut between characters */
size_t soma_record_encode(const soma_record_t *record, unsigned char *buf,
    size_t size);

/* strings point into buf; SOMA_ERROR: malformed or a version from the future */
int soma_record_decode(soma_record_t *record, const unsigned char *buf,
    size_t len);

/* the tenant alone, into buf; SOMA_ERROR exactly where decode says so */
int soma_record_tenant(soma_str_t *tenant, const unsigned char *buf,
    size_t len);

/*
 * One JSON object: id, time (ms), node, tenant, user, key, session, route,
 * model, provider, target, api, stream, status, error, attempts,
 * input_tokens, cached_tokens, cache_write_tokens, output_tokens,
 * reasoning_tokens, audio_input_tokens, audio_output_tokens, estimated,
 * cost_nano, cost_input_nano, cost_cached_nano, cost_cache_write_nano,
 * cost_output_nano, cost_reasoning_nano, cost_audio_nano, cost_other_nano,
 * latency_ms, first_token_ms (null: none), query_hash, cache, tags,
 * catalogue; and only where they say something: basis (counted, estimated,
 * reserved), service_tier, cache_write_1h_tokens, image_input_tokens,
 * image_output_tokens, queries, images, characters, audio_ms,
 * retried_tokens, cost_retried_nano.  At most SOMA_RECORD_JSON_MAX bytes for a
 * record whose strings are within SOMA_RECORD_STR_MAX, as decoded ones are.
 */
void soma_record_json(soma_out_t *out, const soma_record_t *record);

/* the same, quicker where who asked for what is as in the record before,
 * whose strings and JSON must still stand where they stood.  Both are to be
 * decoded ones to be told alike */
void soma_record_json_next(soma_out_t *out, const soma_record_t *record,
    soma_record_memo_t *memo);


#endif /* SOMA_RECORD_H */
