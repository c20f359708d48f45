
/*
 * Copyright (C) The ngx_soma authors
 *
 * What is said to Redis about a training lock, one script an operation.
 *
 *     training:lock:<tenant>                 the lock, JSON, with a TTL
 *     soma:{training:lock:<tenant>}:state    hash: changed, ms UTC of the
 *                                            last change; ended, the value
 *                                            of the last lock that ended
 *     soma:{<tenant>}:events                 stream: "lock" of each change,
 *                                            by a second command
 *     soma:training                          channel: the same JSON
 *     soma:changes                           channel: "lock <tenant>"
 *
 * The state's hash tag puts it into the lock's own cluster slot.  Private to
 * src/admit.
 */


#ifndef NGX_HTTP_SOMA_LOCK_REDIS_H
#define NGX_HTTP_SOMA_LOCK_REDIS_H


#include "ngx_http_soma_lock.h"
#include "ngx_http_soma_redis.h"


#define NGX_HTTP_SOMA_LOCK_ARGS       16
#define NGX_HTTP_SOMA_LOCK_NAME_MAX   (SOMA_TENANT_MAX + 64)
#define NGX_HTTP_SOMA_LOCK_EVENT_MAX  (SOMA_LOCK_JSON_MAX + 512)
#define NGX_HTTP_SOMA_LOCK_EVENTS     1000000   /* kept in a stream, unless
                                                   soma_ledger says */


typedef struct {
    int           argc;
    const char   *argv[NGX_HTTP_SOMA_LOCK_ARGS];
    size_t        argvlen[NGX_HTTP_SOMA_LOCK_ARGS];
    soma_out_t    out;
    u_char        buf[3 * NGX_HTTP_SOMA_LOCK_NAME_MAX
                      + NGX_HTTP_SOMA_LOCK_EVENT_MAX + 256];
} ngx_http_soma_lock_call_t;


/* the scripts: of each the file NAME.lua beside this one */
extern const char  soma_lock_disable_lua[];
extern const char  soma_lock_enable_lua[];
extern const char  soma_lock_expired_lua[];
extern const char  soma_lock_get_lua[];


/* what a script answered */
#define NGX_HTTP_SOMA_LOCK_NO     0
#define NGX_HTTP_SOMA_LOCK_YES    1
#define NGX_HTTP_SOMA_LOCK_NEWER  2     /* a later change is known there */

typedef struct {
    ngx_int_t     code;
    soma_str_t    json;                 /* data NULL: no lock there now */
    int64_t       expires;              /* ms UTC, 0: never */
} ngx_http_soma_lock_answer_t;


/*
 * The calls; strings are not copied, the call is to be sent at once.
 * get:      YES with the lock, or NO
 * enable:   YES; NO with the lock that is there; NEWER (late ones only)
 * disable:  YES with the lock that was; NO: there was none; NEWER with the
 *           lock that stays (late ones only)
 * expired:  YES: announced; NO with the lock that is there; NEWER: others
 *           did
 * late: decided while Redis was away, at "now"
 */
void ngx_http_soma_lock_redis_get(ngx_http_soma_lock_call_t *call,
    soma_str_t tenant);
void ngx_http_soma_lock_redis_enable(ngx_http_soma_lock_call_t *call,
    ngx_http_soma_main_conf_t *smcf, const soma_lock_t *lock,
    soma_str_t json, int64_t ttl_ms, ngx_uint_t late);
void ngx_http_soma_lock_redis_disable(ngx_http_soma_lock_call_t *call,
    ngx_http_soma_main_conf_t *smcf, const soma_lock_t *lock, int64_t now,
    ngx_uint_t late);
void ngx_http_soma_lock_redis_expired(ngx_http_soma_lock_call_t *call,
    ngx_http_soma_main_conf_t *smcf, const soma_lock_t *lock,
    soma_str_t json, int64_t at);

/*
 * The change was answered by YES: writes its event to the tenant's stream;
 * name and times as the call's own.  Nobody waits for it: when it cannot be
 * written, that is logged.
 */
void ngx_http_soma_lock_redis_record(ngx_http_soma_main_conf_t *smcf,
    const char *name, const soma_lock_t *lock, int64_t at, int64_t ttl_ms);

/* NGX_OK, or NGX_ERROR: no answer or an error, logged; strings belong to the
 * reply */
ngx_int_t ngx_http_soma_lock_redis_answer(redisReply *reply, soma_str_t tenant,
    int64_t now, ngx_http_soma_lock_answer_t *answer);

/*
 * Remembers what Redis said; json.data NULL: no lock.  fresh 0: something
 * changed while Redis was asked, the cache is left alone.
 */
void ngx_http_soma_lock_redis_learn(ngx_http_soma_main_conf_t *smcf,
    soma_str_t tenant, soma_str_t json, int64_t expires, int64_t now,
    ngx_uint_t fresh);


#endif /* NGX_HTTP_SOMA_LOCK_REDIS_H */
