
/*
 * Copyright (C) The ngx_soma authors
 *
 * One target after the other: what must be set before it is tried, and what
 * its failure means for the rest of the plan.
 */


#include "ngx_http_soma_attempt.h"
#include "ngx_http_soma_admit.h"
#include "ngx_http_soma_plan.h"
#include "ngx_http_soma_quota.h"
#include "ngx_http_soma_settle.h"


static ngx_int_t ngx_http_soma_target_admit(ngx_http_soma_attempt_t *a);
static void ngx_http_soma_target_reset(ngx_http_soma_attempt_t *a);
static void ngx_http_soma_target_note(ngx_http_soma_attempt_t *a,
    const char *reason);
static ngx_uint_t ngx_http_soma_target_retry(ngx_http_soma_attempt_t *a);


ngx_int_t
ngx_http_soma_next_target(ngx_http_soma_attempt_t *a)
{
    ngx_int_t                rc;
    ngx_http_soma_ctx_t     *ctx;
    ngx_http_upstream_t     *u;
    ngx_http_soma_target_t  *target;

    ctx = a->ctx;
    target = ctx->route->targets.elts;

    while (ctx->next < ctx->norder) {

        ctx->model = target[ctx->order[ctx->next++]].model;
        ctx->cap = ctx->ask_cap;
        a->provider = ctx->model->provider;

        rc = ngx_http_soma_target_admit(a);

        if (rc == NGX_BUSY) {
            continue;
        }

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }

        ngx_http_soma_bill_retried(ctx);
        ctx->attempts++;

        ngx_log_debug3(NGX_LOG_DEBUG_HTTP, ctx->request->connection->log, 0,
                       "soma attempt %ui: model \"%V\" of provider \"%V\"",
                       ctx->attempts, &ctx->model->name, &a->provider->name);

        ngx_http_soma_target_reset(a);

        ctx->ask.bound = ngx_http_soma_bound(ctx);
        ctx->ask.newer_bound = a->provider->newer_bound;

        if (a->provider->echo) {
            rc = ngx_http_soma_echo(ctx);
            a->local = (rc == NGX_OK);
            return NGX_DONE;
        }

        u = ctx->request->upstream;

        a->conf = a->provider->upstream;
        a->conf.buffer_size = ctx->conf->buffer_size;
        a->conf.ignore_client_abort = a->drain;

        u->conf = &a->conf;
#if (NGX_HTTP_SSL)
        u->ssl = a->provider->ssl;
        u->ssl_name = a->provider->server_name;
#endif
        u->process_header = ngx_http_soma_process_status;

        return ngx_http_soma_create_request(a);
    }

    return NGX_DECLINED;
}


/* the limits of who answers; NGX_BUSY: this target has none left */
static ngx_int_t
ngx_http_soma_target_admit(ngx_http_soma_attempt_t *a)
{
    u_char                   buf[NGX_HTTP_SOMA_NOTE_MAX];
    int64_t                  least;
    ngx_int_t                rc;
    soma_out_t               out;
    soma_str_t               owner;
    ngx_http_soma_ctx_t     *ctx;
    ngx_http_soma_refusal_t  refusal;

    ctx = a->ctx;

    if (a->provider->limits.nelts == 0) {
        return NGX_OK;
    }

    soma_out_init(&out, buf, sizeof(buf));
    soma_put_cstr(&out, "provider:");
    soma_put_str(&out, ngx_http_soma_str(a->provider->name));

    owner.data = buf;
    owner.len = out.pos - out.start;

    /* the next target's whole answer is better than a part of this one's */

    least = ctx->next < ctx->norder ? NGX_HTTP_SOMA_OUTPUT_MAX
                                    : NGX_HTTP_SOMA_OUTPUT_MIN;

    rc = ngx_http_soma_bound_reserve(ctx, &ctx->attempt_hold, owner,
                                     &a->provider->limits, ctx->model, least,
                                     &refusal);
    if (rc != NGX_BUSY) {
        return rc;
    }

    ngx_http_soma_target_note(a, "its limit is used up");
    ngx_http_soma_metrics_attempt(ctx->main, a->provider, "limit");

    if (ctx->next >= ctx->norder && ctx->attempts == 0) {
        (void) ngx_http_soma_refused(ctx, refusal.limit, refusal.owner,
                                     &refusal.verdict);
    }

    return NGX_BUSY;
}


static void
ngx_http_soma_target_reset(ngx_http_soma_attempt_t *a)
{
    ngx_memzero(&a->status, sizeof(ngx_http_status_t));
    ngx_memzero(&a->chunked, sizeof(ngx_http_chunked_t));
    ngx_memzero(&a->ctx->answer, sizeof(soma_answer_t));

    a->ctx->answer.api = a->ctx->ask.api;
    a->ctx->meter = NULL;
    ngx_http_soma_sse_reset(a);
    a->reader = NULL;
    a->encoding = NULL;
    a->gunzip = NULL;
    a->peeked = 0;
    a->retry_after_ms = 0;
    a->reason = NULL;
    a->fresh = 0;
    a->event_stream = 0;
    a->json = 0;
    a->good = 0;
    a->ended = 0;
    a->caught = 0;
    a->some = 0;
    a->whole = 0;
    a->within = 0;
    a->header = 0;
    a->drop_lf = 0;
    a->over = 0;
    a->rest = -1;
}


ngx_uint_t
ngx_http_soma_target_failed(ngx_http_soma_attempt_t *a)
{
    int64_t               used[SOMA_AMOUNTS];
    const char           *reason;
    ngx_uint_t            retry;
    ngx_http_soma_ctx_t  *ctx;

    ctx = a->ctx;
    retry = ngx_http_soma_target_retry(a);
    reason = a->reason;

    if (reason == NULL) {
        reason = ctx->request->upstream->request_sent ? "connection lost"
                                                      : "no connection";
    }

    ngx_http_soma_target_note(a, reason);
    ngx_http_soma_metrics_attempt(ctx->main, a->provider,
                                  a->reason ? a->reason : "error");
    ngx_http_soma_health_note(ctx->main, ctx->model, 0, a->retry_after_ms);

    ngx_memzero(used, sizeof(used));
    used[SOMA_REQUESTS] = 1;

    ngx_http_soma_bill_failed(ctx, a->status.code,
                              a->reason == NULL
                              || ngx_strcmp(a->reason, "timeout") == 0, used);
    ngx_http_soma_quota_settle(ctx->main, &ctx->attempt_hold, used);

    a->over = 1;

    return retry && ctx->next < ctx->norder;
}


static ngx_uint_t
ngx_http_soma_target_retry(ngx_http_soma_attempt_t *a)
{
    soma_retry_t  *retry;

    retry = &a->ctx->route->retry;

    if (a->ctx->route->single) {
        return 0;
    }

    if (a->reason && ngx_strcmp(a->reason, "timeout") == 0) {
        return retry->timeout;
    }

    /* a good status: the error came as the first event of a stream */

    if (a->header && !a->good) {
        return soma_retry_status(retry, (int) a->status.code) != 0;
    }

    return retry->error;
}


/* what the failed attempts said, for the error that may come in the end */
static void
ngx_http_soma_target_note(ngx_http_soma_attempt_t *a, const char *reason)
{
    u_char     *p, *last;
    ngx_str_t  *note;

    note = &a->ctx->note;

    if (note->data == NULL) {
        note->data = ngx_pnalloc(a->ctx->request->pool,
                                 NGX_HTTP_SOMA_NOTE_MAX);
        if (note->data == NULL) {
            return;
        }
    }

    p = note->data + note->len;
    last = note->data + NGX_HTTP_SOMA_NOTE_MAX;

    p = ngx_slprintf(p, last, "%s%V of %V: %s", note->len ? "; " : "",
                     &a->ctx->model->name, &a->provider->name, reason);

    if (a->header && !a->good) {
        p = ngx_slprintf(p, last, " %ui", a->status.code);
    }

    note->len = p - note->data;

    ngx_http_soma_log(NGX_LOG_WARN, a->ctx->request->connection->log, 0,
                      "soma: attempt %ui failed: %V", a->ctx->attempts, note);
}
