
/*
 * Copyright (C) The ngx_soma authors
 *
 * A token that comes again costs a hash, not a signature: what it stood for
 * is remembered by its SHA-256, in each worker, least recently used out
 * first.
 */


#include "ngx_http_soma_jwt.h"
#include "ngx_http_soma_lru.h"


typedef struct {
    ngx_http_soma_lru_entry_t   entry;      /* by the token's hash */
    ngx_http_soma_jwt_t        *jwt;
    ngx_uint_t                  version;    /* of the keys it was checked
                                               with */
    int64_t                     expires;
    size_t                      len;
    u_char                      data[1];
} ngx_http_soma_jwt_entry_t;


static ngx_http_soma_jwt_entry_t *ngx_http_soma_jwt_cache_fresh(
    ngx_http_soma_lru_t *cache, const u_char *hash, int64_t now);
static void ngx_http_soma_jwt_cache_add(ngx_http_soma_lru_t *cache,
    ngx_http_soma_jwt_t *jwt, ngx_uint_t version, const u_char *hash,
    int64_t expires, soma_str_t data);
static soma_str_t ngx_http_soma_jwt_cache_name(const u_char *hash);


/* apart, so that whoever invents tokens drives out nobody who has one */

static ngx_http_soma_lru_t  ngx_http_soma_jwt_known;
static ngx_http_soma_lru_t  ngx_http_soma_jwt_refusals;


void
ngx_http_soma_jwt_cache_init(void)
{
    ngx_http_soma_lru_init(&ngx_http_soma_jwt_known,
                           NGX_HTTP_SOMA_JWT_CACHE_MAX,
                           NGX_HTTP_SOMA_JWT_CACHE_BYTES);

    ngx_http_soma_lru_init(&ngx_http_soma_jwt_refusals,
                           NGX_HTTP_SOMA_JWT_REFUSED_MAX,
                           NGX_HTTP_SOMA_JWT_REFUSED_BYTES);
}


void
ngx_http_soma_jwt_cache_exit(void)
{
    ngx_http_soma_lru_empty(&ngx_http_soma_jwt_known, NULL);
    ngx_http_soma_lru_empty(&ngx_http_soma_jwt_refusals, NULL);
}


ngx_int_t
ngx_http_soma_jwt_cache_get(const u_char *hash, int64_t now,
    ngx_pool_t *pool, soma_identity_t *identity)
{
    u_char                     *p;
    ngx_http_soma_jwt_entry_t  *e;

    e = ngx_http_soma_jwt_cache_fresh(&ngx_http_soma_jwt_known, hash, now);

    if (e == NULL) {
        return NGX_DECLINED;
    }

    p = ngx_pnalloc(pool, e->len);
    if (p == NULL) {
        return NGX_DECLINED;
    }

    ngx_memcpy(p, e->data, e->len);

    return soma_key_identity_unpack(identity, p, e->len) == SOMA_OK
           ? NGX_OK : NGX_DECLINED;
}


void
ngx_http_soma_jwt_cache_put(ngx_http_soma_jwt_t *jwt, ngx_uint_t version,
    const u_char *hash, int64_t now, int64_t expires, const u_char *packed,
    size_t len)
{
    expires = ngx_min(expires, now + NGX_HTTP_SOMA_JWT_CACHE_TIME);

    ngx_http_soma_jwt_cache_add(&ngx_http_soma_jwt_known, jwt, version, hash,
                                expires,
                                (soma_str_t) { len, (u_char *) packed });
}


ngx_int_t
ngx_http_soma_jwt_cache_refused(const u_char *hash, int64_t now,
    soma_jwt_error_e *error)
{
    ngx_http_soma_jwt_entry_t  *e;

    e = ngx_http_soma_jwt_cache_fresh(&ngx_http_soma_jwt_refusals, hash, now);

    if (e == NULL) {
        return NGX_DECLINED;
    }

    *error = (soma_jwt_error_e) e->data[0];

    return NGX_OK;
}


void
ngx_http_soma_jwt_cache_refuse(ngx_http_soma_jwt_t *jwt, ngx_uint_t version,
    const u_char *hash, int64_t now, soma_jwt_error_e error)
{
    u_char  data;

    data = (u_char) error;

    ngx_http_soma_jwt_cache_add(&ngx_http_soma_jwt_refusals, jwt, version,
                                hash, now + NGX_HTTP_SOMA_JWT_REFUSED_TIME,
                                (soma_str_t) { 1, &data });
}


/* one that still holds, under the same keys; it is the most recent one then */
static ngx_http_soma_jwt_entry_t *
ngx_http_soma_jwt_cache_fresh(ngx_http_soma_lru_t *cache, const u_char *hash,
    int64_t now)
{
    ngx_http_soma_jwt_entry_t  *e;

    e = ngx_http_soma_lru_find(cache, 0, ngx_http_soma_jwt_cache_name(hash));

    if (e == NULL) {
        return NULL;
    }

    if (e->expires <= now
        || (e->jwt->slot && e->jwt->slot->version != e->version))
    {
        ngx_http_soma_lru_remove(cache, NULL, e);
        return NULL;
    }

    ngx_http_soma_lru_use(cache, e);

    return e;
}


static void
ngx_http_soma_jwt_cache_add(ngx_http_soma_lru_t *cache,
    ngx_http_soma_jwt_t *jwt, ngx_uint_t version, const u_char *hash,
    int64_t expires, soma_str_t data)
{
    soma_str_t                  name;
    ngx_http_soma_jwt_entry_t  *e;

    name = ngx_http_soma_jwt_cache_name(hash);
    e = ngx_http_soma_lru_find(cache, 0, name);

    if (e) {
        ngx_http_soma_lru_remove(cache, NULL, e);
    }

    e = ngx_http_soma_lru_add(cache, NULL, 0, name,
                              offsetof(ngx_http_soma_jwt_entry_t, data)
                              + data.len);
    if (e == NULL) {
        return;
    }

    e->jwt = jwt;
    e->version = version;
    e->expires = expires;
    e->len = data.len;
    ngx_memcpy(e->data, data.data, data.len);
}


static soma_str_t
ngx_http_soma_jwt_cache_name(const u_char *hash)
{
    return (soma_str_t) { SOMA_KEY_HASH, (u_char *) hash };
}
