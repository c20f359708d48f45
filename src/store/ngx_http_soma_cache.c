
/*
 * Copyright (C) The ngx_soma authors
 *
 * The cache in the shared zone.
 *
 * The race it must not lose: a worker asks Redis, the value changes, the
 * change is heard on the listener's connection, and only then the old value
 * arrives on the other one and would be put.  So a value that is put soon
 * after a change of its kind is good for a moment only.
 */


#include "ngx_http_soma_cache.h"
#include "ngx_http_soma_lru.h"
#include "ngx_http_soma_redis_link.h"


/* the part of the zone: keys that nobody knows, however many are tried,
 * leave the rest to quotas and metrics */
#define NGX_HTTP_SOMA_CACHE_PART   4


typedef struct {
    ngx_http_soma_lru_entry_t  entry;
    int64_t                    put;     /* ms UTC */
    int64_t                    expires;
    uint32_t                   epoch;
    uint16_t                   len;
    uint8_t                    brief;
    u_char                     data[1];
} ngx_http_soma_cache_node_t;


typedef struct {
    ngx_http_soma_lru_t        lru;
    uint32_t                   epoch[NGX_HTTP_SOMA_CACHE_KINDS];
    ngx_atomic_t               changes[NGX_HTTP_SOMA_CACHE_KINDS];
    int64_t                    changed[NGX_HTTP_SOMA_CACHE_KINDS];
} ngx_http_soma_cache_t;


static ngx_http_soma_cache_t *ngx_http_soma_cache(
    ngx_http_soma_main_conf_t *smcf);
static ngx_uint_t ngx_http_soma_cache_holds(ngx_http_soma_cache_t *cache,
    ngx_http_soma_cache_node_t *cn, int64_t now, int64_t fresh);
static ngx_http_soma_cache_node_t *ngx_http_soma_cache_node(
    ngx_http_soma_main_conf_t *smcf, ngx_uint_t kind, soma_str_t name,
    size_t len);


ngx_int_t
ngx_http_soma_cache_init_zone(ngx_http_soma_main_conf_t *smcf, ngx_log_t *log)
{
    ngx_http_soma_cache_t  *cache;

    if (smcf->zone->cache) {
        return NGX_OK;
    }

    cache = ngx_slab_calloc(smcf->shpool, sizeof(ngx_http_soma_cache_t));
    if (cache == NULL) {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "soma_zone is too small for its cache of keys");
        return NGX_ERROR;
    }

    ngx_http_soma_lru_init(&cache->lru, NGX_HTTP_SOMA_CACHE_MAX,
                           (size_t) (smcf->shpool->end - smcf->shpool->start)
                           / NGX_HTTP_SOMA_CACHE_PART);

    smcf->zone->cache = cache;

    return NGX_OK;
}


static ngx_http_soma_cache_t *
ngx_http_soma_cache(ngx_http_soma_main_conf_t *smcf)
{
    return smcf->zone->cache;
}


ngx_int_t
ngx_http_soma_cache_get(ngx_http_soma_main_conf_t *smcf, ngx_uint_t kind,
    soma_str_t name, int64_t now, int64_t fresh, u_char *buf, size_t *len,
    int64_t *expires)
{
    ngx_int_t                    rc;
    ngx_http_soma_cache_t       *cache;
    ngx_http_soma_cache_node_t  *cn;

    cache = ngx_http_soma_cache(smcf);

    rc = NGX_DECLINED;

    ngx_shmtx_lock(&smcf->shpool->mutex);

    cn = ngx_http_soma_lru_find(&cache->lru, kind, name);

    if (cn && cn->len <= *len
        && ngx_http_soma_cache_holds(cache, cn, now, fresh))
    {
        *len = cn->len;
        *expires = cn->expires;
        ngx_memcpy(buf, cn->data, cn->len);

        ngx_http_soma_lru_use(&cache->lru, cn);

        rc = NGX_OK;
    }

    ngx_shmtx_unlock(&smcf->shpool->mutex);

    return rc;
}


static ngx_uint_t
ngx_http_soma_cache_holds(ngx_http_soma_cache_t *cache,
    ngx_http_soma_cache_node_t *cn, int64_t now, int64_t fresh)
{
    int64_t  age;

    if (cn->expires != 0 && cn->expires <= now) {
        return 0;
    }

    if (fresh == NGX_HTTP_SOMA_CACHE_ANY) {
        return 1;
    }

    if (cn->epoch != cache->epoch[cn->entry.kind]) {
        return 0;
    }

    /* the clock may have been set back */

    age = now > cn->put ? now - cn->put : cn->put - now;

    return age <= fresh && !(cn->brief && age > NGX_HTTP_SOMA_CACHE_BRIEF);
}


ngx_int_t
ngx_http_soma_cache_put(ngx_http_soma_main_conf_t *smcf, ngx_uint_t kind,
    soma_str_t name, soma_str_t data, int64_t now, int64_t expires)
{
    ngx_http_soma_cache_t       *cache;
    ngx_http_soma_cache_node_t  *cn;

    cache = ngx_http_soma_cache(smcf);

    if (name.len > NGX_HTTP_SOMA_CACHE_NAME
        || data.len > NGX_HTTP_SOMA_CACHE_DATA)
    {
        return NGX_DECLINED;
    }

    ngx_shmtx_lock(&smcf->shpool->mutex);

    cn = ngx_http_soma_cache_node(smcf, kind, name, data.len);

    if (cn == NULL) {
        ngx_shmtx_unlock(&smcf->shpool->mutex);
        return NGX_DECLINED;
    }

    if (data.len) {
        ngx_memcpy(cn->data, data.data, data.len);
    }

    cn->put = now;
    cn->expires = expires;
    cn->epoch = cache->epoch[kind];
    cn->brief = !ngx_http_soma_redis_listen_on()
                || now - cache->changed[kind] < NGX_HTTP_SOMA_CACHE_SETTLE;

    ngx_shmtx_unlock(&smcf->shpool->mutex);

    return NGX_OK;
}


/* the one of that name, or a new one; NULL: there is no room */
static ngx_http_soma_cache_node_t *
ngx_http_soma_cache_node(ngx_http_soma_main_conf_t *smcf, ngx_uint_t kind,
    soma_str_t name, size_t len)
{
    ngx_http_soma_lru_t         *lru;
    ngx_http_soma_cache_node_t  *cn;

    lru = &ngx_http_soma_cache(smcf)->lru;
    cn = ngx_http_soma_lru_find(lru, kind, name);

    if (cn && cn->len == len) {
        return cn;
    }

    if (cn) {
        ngx_http_soma_lru_remove(lru, smcf->shpool, cn);
    }

    cn = ngx_http_soma_lru_add(lru, smcf->shpool, kind, name,
                               offsetof(ngx_http_soma_cache_node_t, data)
                               + len);
    if (cn) {
        cn->len = (uint16_t) len;
    }

    return cn;
}


void
ngx_http_soma_cache_drop(ngx_http_soma_main_conf_t *smcf, ngx_uint_t kind,
    soma_str_t name)
{
    ngx_http_soma_cache_t       *cache;
    ngx_http_soma_cache_node_t  *cn;

    cache = ngx_http_soma_cache(smcf);

    ngx_shmtx_lock(&smcf->shpool->mutex);

    cache->changed[kind] = ngx_http_soma_now();
    cache->changes[kind]++;

    cn = ngx_http_soma_lru_find(&cache->lru, kind, name);

    if (cn) {
        ngx_http_soma_lru_remove(&cache->lru, smcf->shpool, cn);
    }

    ngx_shmtx_unlock(&smcf->shpool->mutex);
}


void
ngx_http_soma_cache_stale(ngx_http_soma_main_conf_t *smcf, ngx_uint_t kind)
{
    ngx_http_soma_cache_t  *cache;

    cache = ngx_http_soma_cache(smcf);

    ngx_shmtx_lock(&smcf->shpool->mutex);

    cache->changed[kind] = ngx_http_soma_now();
    cache->changes[kind]++;
    cache->epoch[kind]++;

    ngx_shmtx_unlock(&smcf->shpool->mutex);
}


ngx_uint_t
ngx_http_soma_cache_changes(ngx_http_soma_main_conf_t *smcf, ngx_uint_t kind)
{
    return ngx_http_soma_cache(smcf)->changes[kind];
}
