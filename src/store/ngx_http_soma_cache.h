
/*
 * Copyright (C) The ngx_soma authors
 *
 * What Redis said about keys, locks and tenants, remembered in the shared
 * zone for all workers, negative answers too; dropped when Redis tells of a
 * change.  Bounded, least recently used out first.
 */


#ifndef NGX_HTTP_SOMA_CACHE_H
#define NGX_HTTP_SOMA_CACHE_H


#include "ngx_http_soma.h"


#define NGX_HTTP_SOMA_CACHE_MAX     65536   /* entries */
#define NGX_HTTP_SOMA_CACHE_DATA    4096    /* bytes of one */
#define NGX_HTTP_SOMA_CACHE_NAME    255     /* bytes of a name */

/*
 * A value is good for this long only when it was put while nobody listened,
 * or within SETTLE ms after a change of its kind was heard: its reply may
 * have been on its way when the change came on the other connection.
 */
#define NGX_HTTP_SOMA_CACHE_BRIEF   1000    /* ms */
#define NGX_HTTP_SOMA_CACHE_SETTLE  2000    /* ms */

#define NGX_HTTP_SOMA_CACHE_KEY     0       /* name: 32 bytes of SHA-256 */
#define NGX_HTTP_SOMA_CACHE_LOCK    1       /* name: tenant */
#define NGX_HTTP_SOMA_CACHE_TENANT  2       /* name: tenant */
#define NGX_HTTP_SOMA_CACHE_OWN     3       /* name: soma_own_hash() */
#define NGX_HTTP_SOMA_CACHE_KINDS   4

/* as "fresh": whatever its age, for when Redis is away */
#define NGX_HTTP_SOMA_CACHE_ANY     INT64_MAX


ngx_int_t ngx_http_soma_cache_init_zone(ngx_http_soma_main_conf_t *smcf,
    ngx_log_t *log);

/*
 * NGX_OK: data copied into buf (len: in its size, out the length, 0: a
 * negative answer); *expires ms UTC of the value itself (0: none).
 * NGX_DECLINED: not known, expired, longer than buf, stale or older than
 * "fresh" ms.
 */
ngx_int_t ngx_http_soma_cache_get(ngx_http_soma_main_conf_t *smcf,
    ngx_uint_t kind, soma_str_t name, int64_t now, int64_t fresh, u_char *buf,
    size_t *len, int64_t *expires);

/* NGX_DECLINED: too long, or the zone is full */
ngx_int_t ngx_http_soma_cache_put(ngx_http_soma_main_conf_t *smcf,
    ngx_uint_t kind, soma_str_t name, soma_str_t data, int64_t now,
    int64_t expires);

void ngx_http_soma_cache_drop(ngx_http_soma_main_conf_t *smcf,
    ngx_uint_t kind, soma_str_t name);

/* every entry of a kind must be asked for again (the listener was away) */
void ngx_http_soma_cache_stale(ngx_http_soma_main_conf_t *smcf,
    ngx_uint_t kind);

/*
 * Counts the changes of a kind that were heard, a stale included.  Who reads
 * it before asking Redis and finds another number at the reply may use the
 * reply and must not keep it.
 */
ngx_uint_t ngx_http_soma_cache_changes(ngx_http_soma_main_conf_t *smcf,
    ngx_uint_t kind);


#endif /* NGX_HTTP_SOMA_CACHE_H */
