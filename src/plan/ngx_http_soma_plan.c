
/*
 * Copyright (C) The ngx_soma authors
 */


#include "ngx_http_soma_plan.h"
#include "ngx_http_soma_complexity.h"
#include "ngx_http_soma_trace.h"


#define NGX_HTTP_SOMA_RETRY_MS  1000    /* of a client, when one asks */
#define NGX_HTTP_SOMA_OUTPUT    512     /* tokens of an answer, as a rule */


static int64_t ngx_http_soma_plan_cost(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_model_t *model);


ngx_http_soma_route_t *
ngx_http_soma_plan_route(ngx_http_soma_main_conf_t *smcf, ngx_str_t *name)
{
    return ngx_http_soma_names_find(&smcf->route_names, name->data, name->len);
}


/* the key's own list narrows the tenant's; both must allow */
ngx_uint_t
ngx_http_soma_plan_allowed(ngx_http_soma_ctx_t *ctx, ngx_str_t *name)
{
    soma_str_t  model, list;

    model = ngx_http_soma_str(*name);

    if (ctx->tenant) {
        list = ngx_http_soma_str(ctx->tenant->models);

        if (soma_key_models_allow(list, model) != SOMA_OK) {
            return 0;
        }
    }

    return soma_key_models_allow(ctx->identity.models, model) == SOMA_OK;
}


/*
 * A target that fails, or asked for a pause, is left alone where another can
 * take its place.  Where none can, all are asked as before, but by one
 * request at a time: who waits for a provider to be well again would rather
 * find out.
 */
ngx_int_t
ngx_http_soma_plan(ngx_http_soma_ctx_t *ctx)
{
    int64_t                  now;
    ngx_int_t                rc;
    ngx_uint_t               i, n, closed, first;
    soma_candidate_t         candidate[SOMA_TARGETS_MAX];
    ngx_http_soma_target_t  *target;

    now = ngx_http_soma_now();
    target = ctx->route->targets.elts;
    n = ctx->route->targets.nelts;
    closed = 0;
    first = 0;

    ngx_str_null(&ctx->plan.reason);

    if (ctx->route->strategy == SOMA_COMPLEXITY) {
        rc = ngx_http_soma_complexity(ctx, &first);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    for (i = 0; i < n; i++) {
        candidate[i].weight = (uint32_t) target[i].weight;
        candidate[i].cost = (ctx->route->strategy == SOMA_CHEAPEST)
                            ? ngx_http_soma_plan_cost(ctx, target[i].model)
                            : 0;
        candidate[i].usable = 0;

        if (target[i].model->provider->missing.len) {
            continue;
        }

        if (ngx_http_soma_health_closed(ctx, target[i].model, now)) {
            closed = 1;
            continue;
        }

        candidate[i].usable = 1;
    }

    ctx->plan.n = soma_route_order(ctx->route->strategy, candidate, n,
                                   n > 1 ? ngx_http_soma_trace_random() : 0,
                                   ctx->plan.order);
    ctx->plan.next = 0;

    if (first) {
        soma_route_from(ctx->plan.order, (unsigned) ctx->plan.n,
                        (unsigned) first);
    }

    if (ctx->plan.n) {
        return NGX_OK;
    }

    if (!closed) {
        return ngx_http_soma_plan_none(ctx);
    }

    ctx->plan.probing = 1;

    for (i = 0; i < n; i++) {
        candidate[i].usable = (target[i].model->provider->missing.len == 0);
    }

    ctx->plan.n = soma_route_order(ctx->route->strategy, candidate, n,
                                   n > 1 ? ngx_http_soma_trace_random() : 0,
                                   ctx->plan.order);

    return NGX_OK;
}


/* what this request is likely to cost there, -1: nobody knows */
static int64_t
ngx_http_soma_plan_cost(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_model_t *model)
{
    int64_t       output;
    soma_cost_t   cost;
    soma_usage_t  usage;

    if (!model->price->known) {
        return -1;
    }

    output = ctx->ask.max_tokens;

    ngx_memzero(&usage, sizeof(soma_usage_t));

    usage.known = 1;
    usage.tier = ctx->ask.tier;
    usage.input_tokens = soma_dialect_estimate_tokens(
                             (int64_t) ctx->ask.body_len);
    usage.output_tokens = (output > 0 && output < NGX_HTTP_SOMA_OUTPUT)
                          ? output : NGX_HTTP_SOMA_OUTPUT;

    soma_price_cost(model->price, &usage, &cost);

    return cost.total;
}


/* says which target is missing what, and when the first one may be back */
ngx_int_t
ngx_http_soma_plan_none(ngx_http_soma_ctx_t *ctx)
{
    u_char                  *p, *last, buf[NGX_HTTP_SOMA_NOTE_MAX];
    int64_t                  now, closed, until;
    ngx_str_t               *missing;
    ngx_uint_t               i;
    ngx_http_soma_target_t  *target;

    p = buf;
    last = buf + sizeof(buf);
    now = ngx_http_soma_now();
    until = 0;
    target = ctx->route->targets.elts;

    for (i = 0; i < ctx->route->targets.nelts; i++) {

        missing = &target[i].model->provider->missing;

        if (missing->len) {
            p = ngx_slprintf(p, last, "%s%V: %V", i ? "; " : "",
                             &target[i].model->provider->name, missing);
            continue;
        }

        closed = ngx_http_soma_health_closed(ctx, target[i].model, now);
        closed = ngx_max(closed, now + NGX_HTTP_SOMA_RETRY_MS);

        if (until == 0 || closed < until) {
            until = closed;
        }

        p = ngx_slprintf(p, last, "%s%V: failing or asked for a pause",
                         i ? "; " : "", &target[i].model->name);
    }

    if (ctx->error.fault == SOMA_FAULT_NONE) {
        ctx->error.retry_ms = until ? until - now : 0;
        ctx->error.no_retry = (until == 0);
    }

    return ngx_http_soma_fault(ctx, SOMA_FAULT_UNAVAILABLE, "no_target",
                               "no target of \"%V\" can be used now: %*s",
                               &ctx->route->name, (size_t) (p - buf), buf);
}
