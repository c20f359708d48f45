
/*
 * Copyright (C) The ngx_soma authors
 */


#include "ngx_http_soma_settle.h"
#include "ngx_http_soma_own.h"
#include "ngx_http_soma_quota.h"


static void ngx_http_soma_settle_holds(ngx_http_soma_ctx_t *ctx);
static void ngx_http_soma_settle_record(ngx_http_soma_ctx_t *ctx,
    const soma_outcome_t *outcome);


static const soma_str_t  ngx_http_soma_api_names[SOMA_APIS] = {
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
    soma_string("stored"),
    soma_string("invoke")
};


void
ngx_http_soma_settle(ngx_http_soma_ctx_t *ctx, const soma_outcome_t *outcome)
{
    if (ctx->settled) {
        return;
    }

    ctx->settled = 1;

    if (outcome->fault.len != 0 && !outcome->tried) {
        ngx_http_soma_metrics_refused(ctx->main, ctx->identity.tenant,
                                      outcome->fault);
    }

    if (ctx->model && outcome->tried) {
        ngx_http_soma_bill(ctx, outcome);
    }

    ngx_http_soma_settle_holds(ctx);
    ngx_http_soma_own_note(ctx);

    /* what was let in has a record; what was refused has a metric */

    if (outcome->tried
        || (ctx->admitted && ctx->ask.api == SOMA_API_NONE
            && !ctx->conf->api))
    {
        ngx_http_soma_settle_record(ctx, outcome);
    }
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

    ngx_http_soma_quota_settle(ctx->main, &ctx->provider_hold, used);

    /* who asks pays for the attempts before as well */

    used[SOMA_TOKENS] += ctx->bill.retried_tokens;
    used[SOMA_COST] = ctx->cost.total;

    ngx_http_soma_quota_settle(ctx->main, &ctx->caller_hold, used);
}


static void
ngx_http_soma_settle_record(ngx_http_soma_ctx_t *ctx,
    const soma_outcome_t *outcome)
{
    u_char         hash[2 * sizeof(uint64_t)];
    soma_record_t  record;

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

    record.status = outcome->told;
    record.error = soma_bill_error(outcome);
    record.attempts = (int32_t) ctx->attempts;
    record.latency_ms = ngx_current_msec - ctx->start_msec;
    record.first_token_ms = ctx->first_token
                            ? (int64_t) ctx->first_token_msec : -1;
    record.retried_tokens = ctx->bill.retried_tokens;
    record.stream = ctx->ask.stream;
    record.usage = ctx->usage;
    record.cost = ctx->cost;

    (void) ngx_http_soma_journal_append(&record);
    ngx_http_soma_metrics_record(ctx->main, &record);
}
