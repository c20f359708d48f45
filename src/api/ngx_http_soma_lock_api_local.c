
/*
 * Copyright (C) The ngx_soma authors
 *
 * Training locks without Redis: of this machine alone.
 */


#include "ngx_http_soma_cache.h"
#include "ngx_http_soma_lock_api.h"
#include "ngx_http_soma_endpoint.h"
#include "ngx_http_soma_lock_redis.h"
#include "ngx_http_soma_lock_table.h"


static ngx_int_t ngx_http_soma_training_local_enable(
    ngx_http_soma_training_t *t);
static ngx_int_t ngx_http_soma_training_local_disable(
    ngx_http_soma_training_t *t);


ngx_int_t
ngx_http_soma_lock_api_local(ngx_http_soma_training_t *t)
{
    ngx_http_soma_lock_copy_t  copy;

    t->local = 1;

    switch (t->op) {

    case NGX_HTTP_SOMA_TRAINING_ENABLE:
        return ngx_http_soma_training_local_enable(t);

    case NGX_HTTP_SOMA_TRAINING_DISABLE:
        return ngx_http_soma_training_local_disable(t);

    default:
        break;
    }

    if (ngx_http_soma_lock_table_get(t->ctx->main, t->lock.tenant, &copy)
        == NGX_OK
        && copy.state != NGX_HTTP_SOMA_LOCK_GONE
        && (copy.expires == 0 || copy.expires > t->now))
    {
        t->locked = 1;
        t->expires = copy.expires;
        t->holder = soma_str_dup(&t->ctx->arena, copy.json);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_training_local_enable(ngx_http_soma_training_t *t)
{
    ngx_int_t                   rc;
    ngx_http_soma_lock_e        state;
    ngx_http_soma_lock_copy_t   copy;
    ngx_http_soma_main_conf_t  *smcf;

    smcf = t->ctx->main;

    state = smcf->redis.set ? NGX_HTTP_SOMA_LOCK_NEW
                            : NGX_HTTP_SOMA_LOCK_KNOWN;

    t->locked = 1;
    t->holder = t->json;
    t->expires = t->now + t->lock.ttl_ms;

    rc = ngx_http_soma_lock_table_add(smcf, t->lock.tenant, t->json, state,
                                      t->expires, t->now, &copy);

    if (rc == NGX_DECLINED) {
        t->status = NGX_HTTP_CONFLICT;
        t->expires = copy.expires;
        t->holder = soma_str_dup(&t->ctx->arena, copy.json);

        return NGX_OK;
    }

    if (rc != NGX_OK) {
        return ngx_http_soma_fault(t->ctx, SOMA_FAULT_UNAVAILABLE,
                                   "zone_full",
                                   "there is no room in soma_zone for a "
                                   "training lock");
    }

    (void) ngx_http_soma_cache_put(smcf, NGX_HTTP_SOMA_CACHE_LOCK,
                                   t->lock.tenant, t->json, t->now,
                                   t->expires);

    ngx_http_soma_lock_api_log(t);

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_training_local_disable(ngx_http_soma_training_t *t)
{
    ngx_int_t                   rc;
    ngx_http_soma_lock_copy_t   copy;
    ngx_http_soma_main_conf_t  *smcf;

    smcf = t->ctx->main;

    rc = ngx_http_soma_lock_table_get(smcf, t->lock.tenant, &copy);

    if (rc == NGX_OK
        && copy.state != NGX_HTTP_SOMA_LOCK_GONE
        && (copy.expires == 0 || copy.expires > t->now))
    {
        t->was = 1;
        t->holder = soma_str_dup(&t->ctx->arena, copy.json);

    } else if (rc == NGX_DECLINED && smcf->redis.set) {
        t->was = 2;
    }

    if (smcf->redis.set) {

        /* also of a lock that is not known here: Redis may have one */

        if (ngx_http_soma_lock_table_put(smcf, t->lock.tenant, t->json,
                                         NGX_HTTP_SOMA_LOCK_GONE, 0, t->now)
            != NGX_OK)
        {
            return ngx_http_soma_fault(t->ctx, SOMA_FAULT_UNAVAILABLE,
                                       "zone_full",
                                       "there is no room in soma_zone to "
                                       "remember this until Redis is back");
        }

    } else if (rc == NGX_OK) {
        (void) ngx_http_soma_lock_table_remove(smcf, &copy);
    }

    ngx_http_soma_cache_drop(smcf, NGX_HTTP_SOMA_CACHE_LOCK, t->lock.tenant);

    ngx_http_soma_lock_api_log(t);

    return NGX_OK;
}
