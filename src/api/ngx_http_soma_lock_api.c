
/*
 * Copyright (C) The ngx_soma authors
 *
 * The endpoints: .../training/enable, .../training/disable and
 * .../training/status/<tenant>.  docs/training-lock.md tells what they say.
 */


#include "ngx_http_soma_cache.h"
#include "ngx_http_soma_endpoint.h"
#include "ngx_http_soma_lock_redis.h"
#include "ngx_http_soma_lock_table.h"
#include "ngx_http_soma_lock_api.h"


#define NGX_HTTP_SOMA_TRAINING_BODY  8192   /* bytes of a request */

#define NGX_HTTP_SOMA_TRAINING_PATH  "/training/"



static ngx_int_t ngx_http_soma_training_route(ngx_http_request_t *r,
    ngx_http_soma_training_t *t);
static ngx_int_t ngx_http_soma_training_status(ngx_http_request_t *r,
    ngx_http_soma_training_t *t);
static void ngx_http_soma_training_body_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_soma_training_read(ngx_http_request_t *r,
    ngx_http_soma_training_t *t);
static ngx_int_t ngx_http_soma_training_body(ngx_http_request_t *r,
    soma_str_t *body);
static ngx_int_t ngx_http_soma_training_ask(ngx_http_request_t *r,
    ngx_http_soma_training_t *t);
static void ngx_http_soma_training_reply(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_soma_training_apply(ngx_http_soma_training_t *t,
    ngx_http_soma_lock_answer_t *answer);
static ngx_int_t ngx_http_soma_training_send(ngx_http_request_t *r,
    ngx_http_soma_training_t *t);
static void ngx_http_soma_training_print(soma_out_t *out,
    ngx_http_soma_training_t *t, soma_lock_t *lock);
static ngx_http_soma_training_t *ngx_http_soma_training_get(
    ngx_http_request_t *r);
static void ngx_http_soma_training_cleanup(void *data);


ngx_int_t
ngx_http_soma_lock_api_handler(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_pool_cleanup_t        *cln;
    ngx_http_soma_ctx_t       *ctx;
    ngx_http_soma_training_t  *t;

    ctx = ngx_http_soma_get_ctx(r);

    if (ctx == NULL || ctx->main->zone == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (!(ctx->identity.capabilities & SOMA_CAN_ADMIN)) {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_FORBIDDEN,
                                   "admin_required",
                                   "training locks are for keys with the "
                                   "capability \"admin\"");
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_soma_training_t));
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* it cleans nothing: by it the data is found again from the request */

    cln->handler = ngx_http_soma_training_cleanup;

    t = cln->data;
    ngx_memzero(t, sizeof(ngx_http_soma_training_t));
    t->ctx = ctx;
    t->status = NGX_HTTP_OK;

    rc = ngx_http_soma_training_route(r, t);

    if (rc != NGX_OK) {
        return rc;
    }

    if (t->op == NGX_HTTP_SOMA_TRAINING_STATUS) {
        return ngx_http_soma_training_status(r, t);
    }

    if (r->headers_in.content_length_n > NGX_HTTP_SOMA_TRAINING_BODY) {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_TOO_LARGE,
                                   "body_too_large",
                                   "the body of a training lock request may "
                                   "have %d bytes",
                                   NGX_HTTP_SOMA_TRAINING_BODY);
    }

    r->request_body_in_single_buf = 1;

    rc = ngx_http_read_client_request_body(r,
                                          ngx_http_soma_training_body_handler);

    return (rc >= NGX_HTTP_SPECIAL_RESPONSE) ? rc : NGX_DONE;
}


static ngx_int_t
ngx_http_soma_training_route(ngx_http_request_t *r,
    ngx_http_soma_training_t *t)
{
    size_t       len;
    u_char      *p, *last;
    soma_str_t   tail;

    len = sizeof(NGX_HTTP_SOMA_TRAINING_PATH) - 1;
    last = r->uri.data + r->uri.len;

    p = ngx_strlcasestrn(r->uri.data, last,
                         (u_char *) NGX_HTTP_SOMA_TRAINING_PATH, len - 1);

    tail.data = (p != NULL) ? p + len : last;
    tail.len = last - tail.data;

    if (soma_str_is(tail, "enable") || soma_str_is(tail, "disable")) {

        if (r->method != NGX_HTTP_POST) {
            return ngx_http_soma_fault(t->ctx, SOMA_FAULT_METHOD,
                                       "method_not_allowed",
                                       "training locks are set and lifted "
                                       "with POST");
        }

        t->op = (tail.data[0] == 'e') ? NGX_HTTP_SOMA_TRAINING_ENABLE
                                      : NGX_HTTP_SOMA_TRAINING_DISABLE;
        return NGX_OK;
    }

    len = sizeof("status") - 1;

    if (tail.len >= len && ngx_memcmp(tail.data, "status", len) == 0
        && (tail.len == len || tail.data[len] == '/'))
    {
        if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
            return ngx_http_soma_fault(t->ctx, SOMA_FAULT_METHOD,
                                       "method_not_allowed",
                                       "the status of a training lock is "
                                       "asked for with GET");
        }

        t->op = NGX_HTTP_SOMA_TRAINING_STATUS;

        /* without a name: of the tenant that asks */

        t->lock.tenant = t->ctx->identity.tenant;

        if (tail.len > len + 1) {
            t->lock.tenant.data = tail.data + len + 1;
            t->lock.tenant.len = tail.len - len - 1;
        }

        if (!soma_lock_tenant_valid(t->lock.tenant)) {
            return ngx_http_soma_fault(t->ctx, SOMA_FAULT_BAD_REQUEST,
                                       "invalid_tenant",
                                       "a tenant's name has 1 to %d letters, "
                                       "digits, dots, underscores or hyphens",
                                       SOMA_TENANT_MAX);
        }

        return NGX_OK;
    }

    return ngx_http_soma_fault(t->ctx, SOMA_FAULT_NOT_FOUND,
                               "unknown_endpoint",
                               "no such endpoint: there are POST "
                               "training/enable, POST training/disable and "
                               "GET training/status/<tenant>");
}


static ngx_int_t
ngx_http_soma_training_status(ngx_http_request_t *r,
    ngx_http_soma_training_t *t)
{
    ngx_int_t  rc;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    t->now = ngx_http_soma_now();

    rc = ngx_http_soma_training_ask(r, t);

    if (rc == NGX_DECLINED) {
        rc = ngx_http_soma_lock_api_local(t);

        return (rc == NGX_OK) ? ngx_http_soma_training_send(r, t) : rc;
    }

    if (rc == NGX_AGAIN) {
        r->main->count++;
        return NGX_DONE;
    }

    return rc;
}


static void
ngx_http_soma_training_body_handler(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_http_soma_training_t  *t;

    t = ngx_http_soma_training_get(r);

    rc = ngx_http_soma_training_read(r, t);

    if (rc == NGX_OK) {
        rc = ngx_http_soma_training_ask(r, t);
    }

    if (rc == NGX_AGAIN) {
        return;
    }

    if (rc == NGX_DECLINED) {
        rc = ngx_http_soma_lock_api_local(t);

        if (rc == NGX_OK) {
            rc = ngx_http_soma_training_send(r, t);
        }
    }

    ngx_http_finalize_request(r, rc);
}


static ngx_int_t
ngx_http_soma_training_read(ngx_http_request_t *r,
    ngx_http_soma_training_t *t)
{
    u_char      *buf;
    ngx_int_t    rc;
    soma_str_t   body;
    soma_out_t   out;
    const char  *error;

    rc = ngx_http_soma_training_body(r, &body);

    if (rc == NGX_DECLINED) {
        return ngx_http_soma_fault(t->ctx, SOMA_FAULT_TOO_LARGE,
                                   "body_too_large",
                                   "the body of a training lock request may "
                                   "have %d bytes",
                                   NGX_HTTP_SOMA_TRAINING_BODY);
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (soma_lock_request(&t->lock, &t->ctx->arena, body, &error) != SOMA_OK) {
        return ngx_http_soma_fault(t->ctx, SOMA_FAULT_BAD_REQUEST,
                                   "invalid_training_lock", "%s", error);
    }

    t->now = ngx_http_soma_now();
    t->lock.enabled_at = t->now;

    buf = ngx_palloc(r->pool, SOMA_LOCK_JSON_MAX);
    if (buf == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    soma_put_init(&out, buf, SOMA_LOCK_JSON_MAX);
    soma_lock_json(&out, &t->lock);

    t->json.data = out.start;
    t->json.len = out.pos - out.start;

    return NGX_OK;
}


/* NGX_DECLINED: it is too long */

static ngx_int_t
ngx_http_soma_training_body(ngx_http_request_t *r, soma_str_t *body)
{
    off_t         len;
    u_char       *p;
    ssize_t       n;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    len = 0;

    if (r->request_body != NULL) {
        for (cl = r->request_body->bufs; cl != NULL; cl = cl->next) {
            len += ngx_buf_size(cl->buf);
        }
    }

    if (len > NGX_HTTP_SOMA_TRAINING_BODY) {
        return NGX_DECLINED;
    }

    body->len = 0;
    body->data = ngx_pnalloc(r->pool, NGX_HTTP_SOMA_TRAINING_BODY);

    if (body->data == NULL) {
        return NGX_ERROR;
    }

    if (len == 0) {
        return NGX_OK;
    }

    p = body->data;

    for (cl = r->request_body->bufs; cl != NULL; cl = cl->next) {
        b = cl->buf;

        if (!b->in_file) {
            p = ngx_cpymem(p, b->pos, b->last - b->pos);
            continue;
        }

        n = ngx_read_file(b->file, p, (size_t) (b->file_last - b->file_pos),
                          b->file_pos);

        if (n != (ssize_t) (b->file_last - b->file_pos)) {
            return NGX_ERROR;
        }

        p += n;
    }

    body->len = p - body->data;

    return NGX_OK;
}


/* NGX_AGAIN: the reply will end the request; NGX_DECLINED: Redis is away */

static ngx_int_t
ngx_http_soma_training_ask(ngx_http_request_t *r,
    ngx_http_soma_training_t *t)
{
    ngx_int_t                   rc;
    ngx_http_soma_ctx_t        *ctx;
    ngx_http_soma_lock_call_t   call;
    ngx_http_soma_lock_copy_t   copy;

    ctx = t->ctx;

    if (!ctx->main->redis.set) {
        return NGX_DECLINED;
    }

    if (t->op == NGX_HTTP_SOMA_TRAINING_STATUS
        && ngx_http_soma_lock_table_count(ctx->main) != 0
        && ngx_http_soma_lock_table_get(ctx->main, t->lock.tenant, &copy)
           == NGX_OK
        && copy.state != NGX_HTTP_SOMA_LOCK_KNOWN)
    {
        /* Redis is behind what counts here */

        return NGX_DECLINED;
    }

    ctx->lock_changes = ngx_http_soma_cache_changes(ctx->main,
                                                    NGX_HTTP_SOMA_CACHE_LOCK);

    switch (t->op) {

    case NGX_HTTP_SOMA_TRAINING_ENABLE:
        ngx_http_soma_lock_redis_enable(&call, ctx->main, &t->lock, t->json,
                                        t->lock.ttl_ms, 0);
        break;

    case NGX_HTTP_SOMA_TRAINING_DISABLE:
        ngx_http_soma_lock_redis_disable(&call, ctx->main, &t->lock, t->now,
                                         0);
        break;

    default:
        ngx_http_soma_lock_redis_get(&call, t->lock.tenant);
    }

    rc = ngx_http_soma_redis_request(r, ngx_http_soma_training_reply,
                                     call.argc, call.argv, call.argvlen);
    if (rc == NGX_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc != NGX_OK) {
        return NGX_DECLINED;
    }

    return ngx_http_soma_endpoint_sleep(r);
}


static void
ngx_http_soma_training_reply(ngx_http_request_t *r, redisReply *reply)
{
    ngx_int_t                     rc;
    ngx_http_soma_training_t     *t;
    ngx_http_soma_lock_answer_t   answer;

    t = ngx_http_soma_training_get(r);

    /* an answer that was lost may have been a yes: telling Redis again later
     * does no harm then, the value is the same */

    if (ngx_http_soma_lock_redis_answer(reply, t->lock.tenant, t->now, &answer)
        == NGX_OK)
    {
        rc = ngx_http_soma_training_apply(t, &answer);

    } else {
        rc = ngx_http_soma_lock_api_local(t);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_soma_training_send(r, t);
    }

    ngx_http_soma_endpoint_end(r, rc);
}


static ngx_int_t
ngx_http_soma_training_apply(ngx_http_soma_training_t *t,
    ngx_http_soma_lock_answer_t *answer)
{
    ngx_uint_t                  fresh;
    soma_str_t                  json;
    ngx_http_soma_ctx_t        *ctx;
    ngx_http_soma_lock_copy_t   copy;

    ctx = t->ctx;

    t->expires = answer->expires;
    t->locked = (answer->json.data != NULL);

    /* the reply's strings are gone before the answer is written */

    t->holder = answer->json;

    if (t->locked) {
        t->holder = soma_str_dup(&ctx->arena, answer->json);

        if (t->holder.data == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    if (t->op == NGX_HTTP_SOMA_TRAINING_ENABLE) {

        if (t->locked) {
            t->status = NGX_HTTP_CONFLICT;

        } else {
            t->locked = 1;
            t->holder = t->json;
            t->expires = t->now + t->lock.ttl_ms;
            ngx_http_soma_lock_api_log(t);
            ngx_http_soma_lock_redis_record(ctx->main, "enabled", &t->lock,
                                            t->lock.enabled_at, t->lock.ttl_ms);
        }

    } else if (t->op == NGX_HTTP_SOMA_TRAINING_DISABLE) {
        t->was = t->locked;
        t->locked = 0;
        t->expires = 0;
        ngx_http_soma_lock_api_log(t);

        if (t->was) {
            ngx_http_soma_lock_redis_record(ctx->main, "disabled", &t->lock,
                                            t->now, 0);
        }
    }

    /* a decision Redis took takes the place of one still to be told */

    if (t->op != NGX_HTTP_SOMA_TRAINING_STATUS
        && t->status == NGX_HTTP_OK
        && ngx_http_soma_lock_table_count(ctx->main) != 0
        && ngx_http_soma_lock_table_get(ctx->main, t->lock.tenant, &copy)
           == NGX_OK)
    {
        (void) ngx_http_soma_lock_table_remove(ctx->main, &copy);
    }

    fresh = (t->op != NGX_HTTP_SOMA_TRAINING_STATUS
             || ngx_http_soma_cache_changes(ctx->main,
                                            NGX_HTTP_SOMA_CACHE_LOCK)
                == ctx->lock_changes);

    json = t->holder;

    if (!t->locked) {
        json.data = NULL;
        json.len = 0;
    }

    ngx_http_soma_lock_redis_learn(ctx->main, t->lock.tenant, json, t->expires,
                                   t->now, fresh);

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_training_send(ngx_http_request_t *r,
    ngx_http_soma_training_t *t)
{
    size_t       size;
    u_char      *buf;
    ngx_str_t    body;
    soma_out_t   out;
    soma_lock_t  lock;

    ngx_memzero(&lock, sizeof(soma_lock_t));

    if (t->holder.len != 0
        && soma_lock_parse(&lock, &t->ctx->arena, t->holder) == SOMA_ERROR)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* the tenant, its holder's words once as they are and once in a
     * sentence, every byte escaped at worst */

    size = 6 * (2 * SOMA_TENANT_MAX + 2 * SOMA_LOCK_USER_MAX
                + SOMA_LOCK_REASON_MAX) + 1024;

    buf = ngx_pnalloc(r->pool, size);
    if (buf == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    soma_put_init(&out, buf, size);
    ngx_http_soma_training_print(&out, t, &lock);

    body.data = out.start;
    body.len = out.pos - out.start;

    return ngx_http_soma_send(r, t->status, "application/json", &body);
}


static void
ngx_http_soma_training_print(soma_out_t *out, ngx_http_soma_training_t *t,
    soma_lock_t *lock)
{
    soma_put_char(out, '{');

    if (t->status == NGX_HTTP_CONFLICT) {
        soma_put_cstr(out, "\"error\":{\"message\":\"this tenant is locked "
                           "already: see user, enabled_at and ttl for who "
                           "holds it and how long\",\"type\":"
                           "\"conflict_error\",\"code\":\"already_locked\"},");
    }

    soma_put_cstr(out, "\"tenant\":");
    soma_put_json_str(out, t->lock.tenant);
    soma_put_cstr(out, t->locked ? ",\"locked\":true" : ",\"locked\":false");

    if (t->op == NGX_HTTP_SOMA_TRAINING_DISABLE) {
        soma_put_cstr(out, t->was == 1 ? ",\"was_locked\":true"
                           : t->was == 0 ? ",\"was_locked\":false"
                                         : ",\"was_locked\":null");
    }

    if (t->holder.len != 0) {
        soma_put_cstr(out, ",\"user\":");
        soma_put_json_str(out, lock->user);
        soma_put_cstr(out, ",\"reason\":");
        soma_put_json_str(out, lock->reason);
        soma_put_cstr(out, ",\"enabled_at\":");

        if (lock->enabled_at != 0) {
            soma_put_char(out, '"');
            soma_put_time(out, lock->enabled_at);
            soma_put_char(out, '"');

        } else {
            soma_put_cstr(out, "null");
        }
    }

    if (t->locked) {
        soma_put_cstr(out, ",\"ttl\":");

        if (t->expires != 0) {
            soma_put_int(out, (t->expires - t->now + 999) / 1000);

        } else {
            soma_put_cstr(out, "null");
        }
    }

    soma_put_cstr(out, t->local ? ",\"stored\":\"local\"}"
                                : ",\"stored\":\"redis\"}");
}


/* who stops or frees a whole tenant is to be found in the log */

void
ngx_http_soma_lock_api_log(ngx_http_soma_training_t *t)
{
    ngx_http_soma_log(NGX_LOG_NOTICE, t->ctx->request->connection->log, 0,
                      "soma: training lock of tenant \"%*s\" %s by \"%*s\", "
                      "with key \"%*s\"%s",
                      t->lock.tenant.len, t->lock.tenant.data,
                      t->op == NGX_HTTP_SOMA_TRAINING_ENABLE ? "set" : "lifted",
                      t->lock.user.len, t->lock.user.data,
                      t->ctx->identity.key.len, t->ctx->identity.key.data,
                      (t->local && t->ctx->main->redis.set)
                      ? ", redis is to be told" : "");
}


static ngx_http_soma_training_t *
ngx_http_soma_training_get(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t  *cln;

    for (cln = r->pool->cleanup; cln != NULL; cln = cln->next) {
        if (cln->handler == ngx_http_soma_training_cleanup) {
            return cln->data;
        }
    }

    return NULL;
}


static void
ngx_http_soma_training_cleanup(void *data)
{
    (void) data;
}
