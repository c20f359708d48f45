
/*
 * Copyright (C) The ngx_soma authors
 *
 * The training locks this node knows of, in the shared zone, never pushed
 * out by anything: the lock itself where there is no Redis, what Redis has
 * still to be told when it was away, and whose end is to be announced.
 * Private to src/admit.
 */


#ifndef NGX_HTTP_SOMA_LOCK_TABLE_H
#define NGX_HTTP_SOMA_LOCK_TABLE_H


#include "ngx_http_soma_lock.h"


#define NGX_HTTP_SOMA_LOCKS_MAX    4096     /* known at a time */
#define NGX_HTTP_SOMA_LOCK_CHAINS  256
#define NGX_HTTP_SOMA_LOCK_LEASE   5000     /* ms a worker has to tell */


typedef enum {
    NGX_HTTP_SOMA_LOCK_KNOWN = 0,   /* as Redis has it, or nobody else */
    NGX_HTTP_SOMA_LOCK_NEW,         /* made here, Redis is to be told */
    NGX_HTTP_SOMA_LOCK_GONE         /* ended here, Redis is to be told */
} ngx_http_soma_lock_e;


typedef struct {
    ngx_http_soma_lock_e  state;
    int64_t               expires;  /* ms UTC, 0: never */
    int64_t               changed;  /* ms UTC, of what Redis is to be told */
    soma_str_t            tenant;   /* into buf */
    soma_str_t            json;     /* into buf */
    u_char                buf[SOMA_TENANT_MAX + SOMA_LOCK_JSON_MAX];
} ngx_http_soma_lock_copy_t;


/* in the zone, once: NGX_OK, or NGX_ERROR and a line of the log */
ngx_int_t ngx_http_soma_lock_table_init_zone(ngx_http_soma_main_conf_t *smcf,
    ngx_log_t *log);

/* how many there are, without the mutex */
ngx_uint_t ngx_http_soma_lock_table_count(ngx_http_soma_main_conf_t *smcf);

/* NGX_OK or NGX_DECLINED */
ngx_int_t ngx_http_soma_lock_table_get(ngx_http_soma_main_conf_t *smcf,
    soma_str_t tenant, ngx_http_soma_lock_copy_t *copy);

/* makes or replaces; NGX_ERROR: no room */
ngx_int_t ngx_http_soma_lock_table_put(ngx_http_soma_main_conf_t *smcf,
    soma_str_t tenant, soma_str_t json, ngx_http_soma_lock_e state,
    int64_t expires, int64_t changed);

/*
 * As put, but of two workers only one wins: NGX_DECLINED when there is a lock
 * that has not expired, copied out.
 */
ngx_int_t ngx_http_soma_lock_table_add(ngx_http_soma_main_conf_t *smcf,
    soma_str_t tenant, soma_str_t json, ngx_http_soma_lock_e state,
    int64_t expires, int64_t changed, ngx_http_soma_lock_copy_t *copy);

/* what Redis says, unless it has still to be told: json.data NULL: no lock */
void ngx_http_soma_lock_table_learn(ngx_http_soma_main_conf_t *smcf,
    soma_str_t tenant, soma_str_t json, int64_t expires, int64_t now);

/* removes it if it is the one that was copied; NGX_DECLINED: it is another */
ngx_int_t ngx_http_soma_lock_table_remove(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_lock_copy_t *copy);

/* one that is due (expired, or to be told to Redis) and that no worker took
 * within the lease; NGX_DECLINED: none */
ngx_int_t ngx_http_soma_lock_table_due(ngx_http_soma_main_conf_t *smcf,
    int64_t now, ngx_http_soma_lock_copy_t *copy);

/* copies of all of them, one after the other, under the zone's mutex */
void ngx_http_soma_lock_table_walk(ngx_http_soma_main_conf_t *smcf,
    void (*each)(void *data, ngx_http_soma_lock_copy_t *copy), void *data);

/* Redis is back: leases taken before count no more */
void ngx_http_soma_lock_table_wake(ngx_http_soma_main_conf_t *smcf);


#endif /* NGX_HTTP_SOMA_LOCK_TABLE_H */
