
/*
 * Copyright (C) The ngx_soma authors
 *
 * The check every request passes: is its tenant locked?
 */


#include "ngx_http_soma_cache.h"
#include "ngx_http_soma_lock_redis.h"
#include "ngx_http_soma_lock_table.h"
#include "soma_xxh3.h"


#define NGX_HTTP_SOMA_LOCK_AGAIN  1000  /* ms until a client asks again */

#define NGX_HTTP_SOMA_UNLOCKED       64     /* tenants, a power of two */
#define NGX_HTTP_SOMA_UNLOCKED_NAME  40     /* bytes of one */
#define NGX_HTTP_SOMA_UNLOCKED_MS    100


/*
 * A tenant that was not locked a moment ago, as this worker saw it in the
 * zone: nearly every request's tenant, and no reason for all workers to wait
 * for one mutex.  It holds while no change of a lock was heard and this node
 * knows of no lock.
 */
typedef struct {
    ngx_msec_t  until;
    ngx_uint_t  changes;
    size_t      len;
    u_char      tenant[NGX_HTTP_SOMA_UNLOCKED_NAME];
} ngx_http_soma_unlocked_t;


static ngx_int_t ngx_http_soma_lock_seen(ngx_http_soma_ctx_t *ctx);
static ngx_int_t ngx_http_soma_lock_local(ngx_http_soma_ctx_t *ctx,
    ngx_uint_t pending);
static ngx_int_t ngx_http_soma_lock_cached(ngx_http_soma_ctx_t *ctx,
    int64_t fresh);
static ngx_int_t ngx_http_soma_lock_ask(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx);
static void ngx_http_soma_lock_handler(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_soma_lock_down(ngx_http_soma_ctx_t *ctx);
static ngx_int_t ngx_http_soma_lock_refuse(ngx_http_soma_ctx_t *ctx,
    soma_str_t json, int64_t expires, int64_t now);


static ngx_http_soma_unlocked_t
    ngx_http_soma_unlocked[NGX_HTTP_SOMA_UNLOCKED];


ngx_int_t
ngx_http_soma_lock_known(ngx_http_soma_ctx_t *ctx)
{
    ngx_int_t                   rc;
    ngx_http_soma_main_conf_t  *smcf;

    if (ctx->unlocked) {
        return NGX_OK;
    }

    if (ctx->error.fault != SOMA_FAULT_NONE) {
        return soma_dialect_fault_status(ctx->error.fault);
    }

    smcf = ctx->main;

    if (smcf->zone == NULL || ctx->identity.tenant.len == 0) {
        ctx->unlocked = 1;
        return NGX_OK;
    }

    /* what this node decided counts here before Redis could be told */

    rc = ngx_http_soma_lock_local(ctx, smcf->redis.set);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (!smcf->redis.set) {
        ctx->unlocked = 1;
        return NGX_OK;
    }

    return ngx_http_soma_lock_seen(ctx);
}


ngx_int_t
ngx_http_soma_lock_check(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = ngx_http_soma_lock_known(ctx);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    rc = ngx_http_soma_lock_ask(r, ctx);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    return ngx_http_soma_lock_down(ctx);
}


/* pending: only what Redis has not been told counts */

static ngx_int_t
ngx_http_soma_lock_local(ngx_http_soma_ctx_t *ctx, ngx_uint_t pending)
{
    int64_t                    now;
    ngx_http_soma_lock_copy_t  copy;

    if (ngx_http_soma_lock_table_count(ctx->main) == 0
        || ngx_http_soma_lock_table_get(ctx->main, ctx->identity.tenant, &copy)
           != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if (pending && copy.state == NGX_HTTP_SOMA_LOCK_KNOWN) {
        return NGX_DECLINED;
    }

    now = ngx_http_soma_now();

    if (copy.state == NGX_HTTP_SOMA_LOCK_GONE
        || (copy.expires != 0 && copy.expires <= now))
    {
        ctx->unlocked = 1;
        return NGX_OK;
    }

    return ngx_http_soma_lock_refuse(ctx, copy.json, copy.expires, now);
}


static ngx_int_t
ngx_http_soma_lock_seen(ngx_http_soma_ctx_t *ctx)
{
    ngx_int_t                  rc;
    ngx_uint_t                 i, changes;
    soma_str_t                 tenant;
    ngx_http_soma_unlocked_t  *seen;

    tenant = ctx->identity.tenant;

    if (tenant.len > NGX_HTTP_SOMA_UNLOCKED_NAME
        || ngx_http_soma_lock_table_count(ctx->main) != 0)
    {
        return ngx_http_soma_lock_cached(ctx, NGX_HTTP_SOMA_LOCK_FRESH);
    }

    i = soma_xxh3_mix(tenant.data, tenant.len) & (NGX_HTTP_SOMA_UNLOCKED - 1);
    seen = &ngx_http_soma_unlocked[i];

    changes = ngx_http_soma_cache_changes(ctx->main, NGX_HTTP_SOMA_CACHE_LOCK);

    if (seen->len == tenant.len
        && seen->changes == changes
        && (ngx_msec_int_t) (seen->until - ngx_current_msec) > 0
        && ngx_memcmp(seen->tenant, tenant.data, tenant.len) == 0)
    {
        ctx->unlocked = 1;
        return NGX_OK;
    }

    rc = ngx_http_soma_lock_cached(ctx, NGX_HTTP_SOMA_LOCK_FRESH);

    if (rc == NGX_OK) {
        seen->until = ngx_current_msec + NGX_HTTP_SOMA_UNLOCKED_MS;
        seen->changes = changes;
        seen->len = tenant.len;
        ngx_memcpy(seen->tenant, tenant.data, tenant.len);
    }

    return rc;
}


static ngx_int_t
ngx_http_soma_lock_cached(ngx_http_soma_ctx_t *ctx, int64_t fresh)
{
    size_t      len;
    u_char      buf[SOMA_LOCK_JSON_MAX];
    int64_t     now, expires;
    soma_str_t  json;

    now = ngx_http_soma_now();
    len = sizeof(buf);

    if (ngx_http_soma_cache_get(ctx->main, NGX_HTTP_SOMA_CACHE_LOCK,
                                ctx->identity.tenant, now, fresh, buf, &len,
                                &expires)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if (len == 0) {
        ctx->unlocked = 1;
        return NGX_OK;
    }

    if (expires != 0 && expires <= now) {

        /* over by our clock; Redis may know of a longer one */

        return NGX_DECLINED;
    }

    json.data = buf;
    json.len = len;

    return ngx_http_soma_lock_refuse(ctx, json, expires, now);
}


static ngx_int_t
ngx_http_soma_lock_ask(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx)
{
    ngx_int_t                  rc;
    ngx_http_soma_lock_call_t  call;

    ctx->lock_changes = ngx_http_soma_cache_changes(ctx->main,
                                                    NGX_HTTP_SOMA_CACHE_LOCK);

    ngx_http_soma_lock_redis_get(&call, ctx->identity.tenant);

    rc = ngx_http_soma_redis_request(r, ngx_http_soma_lock_handler, call.argc,
                                     call.argv, call.argvlen);
    if (rc == NGX_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc != NGX_OK) {
        return NGX_DECLINED;
    }

    return ngx_http_soma_wait(ctx, NGX_HTTP_SOMA_WAIT_LOCK, ctx->walk);
}


static void
ngx_http_soma_lock_handler(ngx_http_request_t *r, redisReply *reply)
{
    int64_t                       now;
    ngx_int_t                     rc;
    ngx_uint_t                    fresh;
    ngx_http_soma_ctx_t          *ctx;
    ngx_http_soma_lock_answer_t   answer;

    ctx = ngx_http_soma_get_ctx(r);

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "soma lock from redis: %d", reply ? reply->type : -1);

    now = ngx_http_soma_now();

    rc = ngx_http_soma_lock_redis_answer(reply, ctx->identity.tenant, now,
                                         &answer);
    if (rc != NGX_OK) {
        (void) ngx_http_soma_lock_down(ctx);

    } else {
        fresh = (ngx_http_soma_cache_changes(ctx->main,
                                             NGX_HTTP_SOMA_CACHE_LOCK)
                 == ctx->lock_changes);

        ngx_http_soma_lock_redis_learn(ctx->main, ctx->identity.tenant,
                                       answer.json, answer.expires, now, fresh);

        if (answer.json.data == NULL) {
            ctx->unlocked = 1;

        } else {
            (void) ngx_http_soma_lock_refuse(ctx, answer.json, answer.expires,
                                             now);
        }
    }

    ngx_http_soma_wake(ctx, rc == NGX_OK ? NGX_OK : NGX_BUSY);
}


/*
 * A lock that is known holds on while Redis is away.  Of other tenants the
 * last word heard is as good as none, so soma_on_redis_down decides.
 */

static ngx_int_t
ngx_http_soma_lock_down(ngx_http_soma_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = ngx_http_soma_lock_local(ctx, 0);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (ctx->conf->on_redis_down == NGX_HTTP_SOMA_DOWN_DENY) {
        ctx->error.retry_ms = NGX_HTTP_SOMA_LOCK_AGAIN;

        return ngx_http_soma_fault(ctx, SOMA_FAULT_UNAVAILABLE,
                                   "lock_store_unavailable",
                                   "whether tenant \"%*s\" is locked for "
                                   "training cannot be told now, Redis is "
                                   "away: try again in a moment",
                                   ctx->identity.tenant.len,
                                   ctx->identity.tenant.data);
    }

    ctx->unlocked = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_lock_refuse(ngx_http_soma_ctx_t *ctx, soma_str_t json,
    int64_t expires, int64_t now)
{
    u_char       buf[256];
    soma_out_t   out;
    soma_lock_t  lock;

    if (soma_lock_parse(&lock, &ctx->arena, json) == SOMA_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (expires != 0) {
        ctx->error.retry_ms = expires - now;
    }

    soma_put_init(&out, buf, sizeof(buf));

    if (lock.enabled_at != 0) {
        soma_put_cstr(&out, " since ");
        soma_put_time(&out, lock.enabled_at);
    }

    if (expires != 0) {
        soma_put_cstr(&out, " until ");
        soma_put_time(&out, expires);
    }

    if (lock.user.len == 0) {
        lock.user = SOMA_STR("somebody");
    }

    return ngx_http_soma_fault(ctx, SOMA_FAULT_LOCKED, "training_lock",
                               "tenant \"%*s\" is locked for training by "
                               "%*s%*s%s%*s",
                               ctx->identity.tenant.len,
                               ctx->identity.tenant.data,
                               lock.user.len, lock.user.data,
                               (size_t) (out.pos - out.start), out.start,
                               lock.reason.len ? ": " : "",
                               lock.reason.len,
                               lock.reason.len ? lock.reason.data
                                               : (u_char *) "");
}
