
/*
 * Copyright (C) The ngx_soma authors
 */


#include "ngx_http_soma_own.h"
#include "ngx_http_soma_cache.h"
#include "ngx_http_soma_redis.h"


#define NGX_HTTP_SOMA_OWN_PREFIX  "soma:{"
#define NGX_HTTP_SOMA_OWN_KEY     (sizeof("soma:{}:own:") + SOMA_TENANT_MAX   \
                                   + 2 * SOMA_OWN_HASH)


static ngx_int_t ngx_http_soma_own_take(ngx_http_soma_ctx_t *ctx,
    soma_str_t value);
static size_t ngx_http_soma_own_key(ngx_http_soma_ctx_t *ctx, u_char *hash,
    u_char *key);
static void ngx_http_soma_own_handler(ngx_http_request_t *r,
    redisReply *reply);
static void ngx_http_soma_own_put(ngx_http_soma_ctx_t *ctx, u_char *hash,
    soma_str_t value);
static void ngx_http_soma_own_put_handler(void *data, redisReply *reply);


ngx_uint_t
ngx_http_soma_own_alone(ngx_http_soma_ctx_t *ctx)
{
    return ctx->main->tenants.nelts <= 1 && !ctx->main->redis.set
           && ctx->main->jwt == NULL;
}


ngx_int_t
ngx_http_soma_own_find(ngx_http_soma_ctx_t *ctx, soma_str_t id,
    ngx_http_soma_resume_pt next)
{
    size_t       len, argvlen[2];
    u_char       hash[SOMA_OWN_HASH], buf[SOMA_OWN_VALUE_MAX];
    u_char       key[NGX_HTTP_SOMA_OWN_KEY];
    int64_t      expires;
    ngx_int_t    rc;
    const char  *argv[2];

    if (!soma_own_id(id)) {
        return NGX_DECLINED;
    }

    if (soma_own_hash(ctx->identity.tenant, id, hash) != SOMA_OK) {
        return NGX_ERROR;
    }

    len = sizeof(buf);

    if (ngx_http_soma_cache_get(ctx->main, NGX_HTTP_SOMA_CACHE_OWN,
                                (soma_str_t) { SOMA_OWN_HASH, hash },
                                ngx_http_soma_now(), NGX_HTTP_SOMA_CACHE_ANY,
                                buf, &len, &expires)
        == NGX_OK)
    {
        return ngx_http_soma_own_take(ctx, (soma_str_t) { len, buf });
    }

    if (!ctx->main->redis.set) {
        return NGX_DECLINED;
    }

    argv[0] = "GET";
    argvlen[0] = sizeof("GET") - 1;
    argv[1] = (char *) key;
    argvlen[1] = ngx_http_soma_own_key(ctx, hash, key);

    rc = ngx_http_soma_redis_request(ctx->request, ngx_http_soma_own_handler,
                                     2, argv, argvlen);
    if (rc != NGX_OK) {
        return rc == NGX_ERROR ? NGX_ERROR : NGX_BUSY;
    }

    return ngx_http_soma_wait(ctx, NGX_HTTP_SOMA_WAIT_OWNER, next)
           == NGX_AGAIN ? NGX_AGAIN : NGX_ERROR;
}


static void
ngx_http_soma_own_handler(ngx_http_request_t *r, redisReply *reply)
{
    ngx_int_t             rc;
    ngx_http_soma_ctx_t  *ctx;

    ctx = ngx_http_soma_get_ctx(r);

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "soma own from redis: %d", reply ? reply->type : -1);

    if (reply != NULL && reply->type == REDIS_REPLY_NIL) {
        rc = NGX_DECLINED;

    } else if (reply != NULL && reply->type == REDIS_REPLY_STRING) {
        rc = ngx_http_soma_own_take(ctx,
                                    (soma_str_t) { reply->len,
                                                   (u_char *) reply->str });

    } else {
        rc = NGX_BUSY;
    }

    ngx_http_soma_wake(ctx, rc);
}


/* into memory of the request */
static ngx_int_t
ngx_http_soma_own_take(ngx_http_soma_ctx_t *ctx, soma_str_t value)
{
    u_char  *p;

    p = ngx_pnalloc(ctx->request->pool, value.len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, value.data, value.len);
    value.data = p;

    return soma_own_unpack(&ctx->object.own, value) == SOMA_OK ? NGX_OK
                                                        : NGX_DECLINED;
}


static size_t
ngx_http_soma_own_key(ngx_http_soma_ctx_t *ctx, u_char *hash, u_char *key)
{
    soma_out_t  out;

    soma_put_init(&out, key, NGX_HTTP_SOMA_OWN_KEY);

    soma_put_cstr(&out, NGX_HTTP_SOMA_OWN_PREFIX);
    soma_put_str(&out, ctx->identity.tenant);
    soma_put_cstr(&out, "}:own:");
    soma_put_hex(&out, hash, SOMA_OWN_HASH);

    return out.pos - out.start;
}


void
ngx_http_soma_own_note(ngx_http_soma_ctx_t *ctx)
{
    size_t      len;
    u_char      hash[SOMA_OWN_HASH], buf[SOMA_OWN_VALUE_MAX];
    soma_own_t  own;

    if (ctx->ask.api != SOMA_API_RESPONSES || ctx->ask.unstored
        || ctx->status >= NGX_HTTP_BAD_REQUEST || !ctx->answered
        || ctx->model == NULL || !soma_own_id(ctx->answer.id)
        || ngx_http_soma_own_alone(ctx))
    {
        return;
    }

    own.provider = ngx_http_soma_str(ctx->model->provider->name);
    own.model = ngx_http_soma_str(ctx->model->name);
    own.tokens = 0;

    /* only the provider's own word bounds what it keeps */

    if (ctx->answer.usage.known && !ctx->usage.estimated) {
        own.tokens = ctx->usage.input_tokens + ctx->usage.output_tokens;
    }

    len = soma_own_pack(&own, buf, sizeof(buf));

    if (len == 0
        || soma_own_hash(ctx->identity.tenant, ctx->answer.id, hash)
           != SOMA_OK)
    {
        return;
    }

    ngx_http_soma_own_put(ctx, hash, (soma_str_t) { len, buf });
}


/* the zone has it too, so that who goes on from the answer's first bytes does
 * not outrun Redis; and all that there is to know, where Redis is away */
static void
ngx_http_soma_own_put(ngx_http_soma_ctx_t *ctx, u_char *hash,
    soma_str_t value)
{
    size_t       argvlen[5];
    u_char       key[NGX_HTTP_SOMA_OWN_KEY], ttl[NGX_INT64_LEN];
    int64_t      now, keep;
    const char  *argv[5];

    keep = NGX_HTTP_SOMA_OWN_TTL;

    if (ctx->main->redis.set) {
        argv[0] = "SET";
        argvlen[0] = sizeof("SET") - 1;
        argv[1] = (char *) key;
        argvlen[1] = ngx_http_soma_own_key(ctx, hash, key);
        argv[2] = (char *) value.data;
        argvlen[2] = value.len;
        argv[3] = "EX";
        argvlen[3] = sizeof("EX") - 1;
        argv[4] = (char *) ttl;
        argvlen[4] = ngx_sprintf(ttl, "%d", NGX_HTTP_SOMA_OWN_TTL) - ttl;

        if (ngx_http_soma_redis_command(ngx_http_soma_own_put_handler, NULL,
                                        5, argv, argvlen)
            == NGX_OK)
        {
            keep = NGX_HTTP_SOMA_OWN_BRIEF;
        }
    }

    now = ngx_http_soma_now();

    (void) ngx_http_soma_cache_put(ctx->main, NGX_HTTP_SOMA_CACHE_OWN,
                                   (soma_str_t) { SOMA_OWN_HASH, hash },
                                   value, now, now + keep * 1000);
}


static void
ngx_http_soma_own_put_handler(void *data, redisReply *reply)
{
    (void) data;

    if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "soma: a response's owner could not be kept in Redis");
    }
}
