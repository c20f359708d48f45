
/*
 * Copyright (C) The ngx_soma authors
 */


#include "ngx_http_soma_settle.h"
#include "ngx_http_soma_attempt.h"
#include "ngx_http_soma_own.h"
#include "ngx_http_soma_quota.h"
#include "ngx_http_soma_trace.h"
#include "soma_xxh3.h"


#define NGX_HTTP_SOMA_HASH_WHOLE  16384     /* a longer body: both its ends */
#define NGX_HTTP_SOMA_HASH_PARTS  16
#define NGX_HTTP_SOMA_HASH_MORE   (NGX_HTTP_SOMA_HASH_PARTS + 1)


static void ngx_http_soma_settle_holds(ngx_http_soma_ctx_t *ctx);
static void ngx_http_soma_settle_record(ngx_http_soma_ctx_t *ctx);
static ngx_uint_t ngx_http_soma_settle_status(ngx_http_soma_ctx_t *ctx);
static soma_str_t ngx_http_soma_settle_error(ngx_http_soma_ctx_t *ctx,
    ngx_uint_t status);
static unsigned ngx_http_soma_hash_parts(ngx_http_soma_ctx_t *ctx,
    soma_str_t *part);
static unsigned ngx_http_soma_hash_range(ngx_http_soma_ctx_t *ctx,
    soma_str_t *part, unsigned n, size_t start, size_t end);


static const soma_str_t  ngx_http_soma_api_names[] = {
    soma_string("access"),
    soma_string("chat"),
    soma_string("completions"),
    soma_string("embeddings"),
    soma_string("responses"),
    soma_string("images"),
    soma_string("speech"),
    soma_string("transcriptions"),
    soma_string("translations"),
    soma_string("models"),
    soma_string("moderations"),
    soma_string("rerank"),
    soma_string("compact"),
    soma_string("input_tokens"),
    soma_string("stored")
};


void
ngx_http_soma_settle(ngx_http_soma_ctx_t *ctx)
{
    if (ctx->settled) {
        return;
    }

    ctx->settled = 1;

    if (ctx->error.fault != SOMA_FAULT_NONE && ctx->attempts == 0) {
        ngx_http_soma_metrics_refused(ctx->main, ctx->identity.tenant,
                                      ctx->error.code);
    }

    if (ctx->model && ctx->attempts) {
        ngx_http_soma_bill(ctx, ctx->complete);
    }

    ngx_http_soma_settle_holds(ctx);
    ngx_http_soma_own_note(ctx);

    /* what was let in has a record; what was refused has a metric */

    if (ctx->attempts
        || (ctx->admitted && ctx->ask.api == SOMA_API_NONE
            && !ctx->conf->api))
    {
        ngx_http_soma_settle_record(ctx);
    }
}


int64_t
ngx_http_soma_settle_usage_cost(ngx_http_soma_ctx_t *ctx)
{
    if (!ctx->conf->usage_cost || !ctx->model->price->known) {
        return -1;
    }

    if (!ctx->settled) {
        ngx_http_soma_bill(ctx, 1);
    }

    return ctx->cost.total;
}


static void
ngx_http_soma_settle_holds(ngx_http_soma_ctx_t *ctx)
{
    int64_t  used[SOMA_AMOUNTS];

    ngx_memzero(used, sizeof(used));

    /* a request that the next limit turned away used nothing of this one */

    used[SOMA_REQUESTS] = ctx->admitted;
    used[SOMA_TOKENS] = ctx->usage.input_tokens + ctx->usage.output_tokens;
    used[SOMA_COST] = ctx->cost.total - ctx->cost.retried;

    ngx_http_soma_quota_settle(ctx->main, &ctx->attempt_hold, used);

    /* who asks pays for the attempts before as well */

    used[SOMA_TOKENS] += ctx->retried_tokens;
    used[SOMA_COST] = ctx->cost.total;

    ngx_http_soma_quota_settle(ctx->main, &ctx->hold, used);
}


static void
ngx_http_soma_settle_record(ngx_http_soma_ctx_t *ctx)
{
    u_char           hash[2 * sizeof(uint64_t)];
    soma_record_t    record;

    ngx_memzero(&record, sizeof(soma_record_t));

    record.time = ctx->start;
    record.id = ngx_http_soma_str(ctx->id);
    record.node = ngx_http_soma_str(ctx->main->node);
    record.tenant = ctx->identity.tenant;
    record.user = ctx->identity.user;
    record.key = ctx->identity.key;
    record.tags = ctx->identity.tags;
    record.session = ngx_http_soma_str(ctx->session);
    record.api = ngx_http_soma_api_names[ctx->ask.api];
    record.catalogue = ngx_http_soma_str(ctx->main->catalogue_hash);

    if (ctx->route) {
        record.route = ngx_http_soma_str(ctx->route->name);
        (void) soma_put_hex64(hash, ctx->query_hash);
        record.query_hash.data = hash;
        record.query_hash.len = sizeof(hash);
    }

    if (ctx->model) {
        record.model = ngx_http_soma_str(ctx->model->name);
        record.target = ngx_http_soma_str(ctx->model->target);
        record.provider = ngx_http_soma_str(ctx->model->provider->name);
    }

    record.status = (int32_t) ngx_http_soma_settle_status(ctx);
    record.error = ngx_http_soma_settle_error(ctx, record.status);
    record.attempts = (int32_t) ctx->attempts;
    record.latency_ms = ngx_current_msec - ctx->start_msec;
    record.first_token_ms = ctx->first_token
                            ? (int64_t) ctx->first_token_msec : -1;
    record.retried_tokens = ctx->retried_tokens;
    record.stream = ctx->ask.stream;
    record.usage = ctx->usage;
    record.cost = ctx->cost;

    (void) ngx_http_soma_journal_append(&record);
    ngx_http_soma_metrics_record(ctx->main, &record);
}


static ngx_uint_t
ngx_http_soma_settle_status(ngx_http_soma_ctx_t *ctx)
{
    if (ctx->status) {
        return ctx->status;
    }

    if (ctx->error.fault != SOMA_FAULT_NONE) {
        return soma_dialect_fault_status(ctx->error.fault);
    }

    if (ctx->request->err_status) {
        return ctx->request->err_status;
    }

    if (ctx->request->headers_out.status) {
        return ctx->request->headers_out.status;
    }

    return NGX_HTTP_CLIENT_CLOSED_REQUEST;
}


static soma_str_t
ngx_http_soma_settle_error(ngx_http_soma_ctx_t *ctx, ngx_uint_t status)
{
    if (ctx->error.fault != SOMA_FAULT_NONE && !ctx->answered) {
        return ctx->error.code;
    }

    if (ctx->cut) {
        return ctx->lease_silent ? SOMA_STR("limit_store_unavailable")
                                 : SOMA_STR("budget_cut");
    }

    if (ctx->answer.failed) {
        return SOMA_STR("provider_error_event");
    }

    if (ctx->attempts == 0) {
        return SOMA_STR("");
    }

    if (!ctx->complete) {

        if (ctx->left || ctx->request->connection->error
            || status == NGX_HTTP_CLIENT_CLOSED_REQUEST)
        {
            return SOMA_STR("client_closed");
        }

        return SOMA_STR("stream_broken");
    }

    if (status >= NGX_HTTP_BAD_REQUEST) {
        return SOMA_STR("provider_error");
    }

    return SOMA_STR("");
}


/* however the body came in pieces, its hash is the same */

ngx_int_t
ngx_http_soma_settle_query_hash(ngx_http_soma_ctx_t *ctx)
{
    unsigned    n;
    soma_str_t  part[NGX_HTTP_SOMA_HASH_PARTS];

    n = ngx_http_soma_hash_parts(ctx, part);

    if (n == NGX_HTTP_SOMA_HASH_MORE) {

        if (ngx_http_soma_body_whole(ctx) != NGX_OK) {
            return NGX_ERROR;
        }

        n = ngx_http_soma_hash_parts(ctx, part);
    }

    ctx->query_hash = soma_xxh3(part, n);

    return NGX_OK;
}


static unsigned
ngx_http_soma_hash_parts(ngx_http_soma_ctx_t *ctx, soma_str_t *part)
{
    size_t    len;
    unsigned  n;

    len = ctx->ask.body_len;

    if (len <= NGX_HTTP_SOMA_HASH_WHOLE) {
        return ngx_http_soma_hash_range(ctx, part, 0, 0, len);
    }

    part[0].data = (u_char *) &ctx->ask.body_len;
    part[0].len = sizeof(ctx->ask.body_len);

    n = ngx_http_soma_hash_range(ctx, part, 1, 0,
                                 NGX_HTTP_SOMA_HASH_WHOLE / 2);

    return ngx_http_soma_hash_range(ctx, part, n,
                                    len - NGX_HTTP_SOMA_HASH_WHOLE / 2, len);
}


static unsigned
ngx_http_soma_hash_range(ngx_http_soma_ctx_t *ctx, soma_str_t *part,
    unsigned n, size_t start, size_t end)
{
    size_t        at, from, to;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    at = 0;

    for (cl = ctx->request->request_body->bufs; cl; cl = cl->next) {
        b = cl->buf;

        if (!ngx_buf_in_memory(b)) {
            continue;
        }

        from = ngx_max(start, at);
        to = ngx_min(end, at + (b->last - b->pos));

        if (from < to) {

            if (n >= NGX_HTTP_SOMA_HASH_PARTS) {
                return NGX_HTTP_SOMA_HASH_MORE;
            }

            part[n].data = b->pos + (from - at);
            part[n].len = to - from;
            n++;
        }

        at += b->last - b->pos;
    }

    return n;
}
