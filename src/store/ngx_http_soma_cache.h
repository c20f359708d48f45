
/*
 * Copyright (C) The ngx_soma authors
 *
 * What Redis said about keys and locks, remembered in the shared zone for
 * all workers, negative answers too; dropped when Redis tells of a change.
 * Bounded, least recently used out first.
 */


#ifndef NGX_HTTP_SOMA_CACHE_H
#define NGX_HTTP_SOMA_CACHE_H


#include "ngx_http_soma.h"


#define NGX_HTTP_SOMA_CACHE_MAX   65536     /* entries */
#define NGX_HTTP_SOMA_CACHE_DATA  4096      /* bytes of one */

#define NGX_HTTP_SOMA_CACHE_KEY   0         /* name: 32 bytes of SHA-256 */
#define NGX_HTTP_SOMA_CACHE_LOCK  1         /* name: tenant */


ngx_int_t ngx_http_soma_cache_init_zone(ngx_http_soma_main_conf_t *smcf,
    ngx_log_t *log);

/*
 * NGX_OK: data copied into buf (len: in its size, out the length, 0: a
 * negative answer); *expires ms UTC of the value itself (0: none).
 * NGX_DECLINED: not known, or older than "fresh" ms.
 */
ngx_int_t ngx_http_soma_cache_get(ngx_http_soma_main_conf_t *smcf,
    ngx_uint_t kind, soma_str_t name, int64_t now, int64_t fresh, u_char *buf,
    size_t *len, int64_t *expires);

ngx_int_t ngx_http_soma_cache_put(ngx_http_soma_main_conf_t *smcf,
    ngx_uint_t kind, soma_str_t name, soma_str_t data, int64_t now,
    int64_t expires);

void ngx_http_soma_cache_drop(ngx_http_soma_main_conf_t *smcf,
    ngx_uint_t kind, soma_str_t name);

/* every entry of a kind must be asked for again (the listener was away) */
void ngx_http_soma_cache_stale(ngx_http_soma_main_conf_t *smcf,
    ngx_uint_t kind);

/* calls "each" for every entry of a kind, under the zone's mutex */
void ngx_http_soma_cache_walk(ngx_http_soma_main_conf_t *smcf,
    ngx_uint_t kind, void (*each)(void *data, soma_str_t name,
    soma_str_t value, int64_t expires), void *data);


#endif /* NGX_HTTP_SOMA_CACHE_H */
