
/*
 * Copyright (C) The ngx_soma authors
 */


#include "ngx_http_soma_plan.h"
#include "ngx_http_soma_trace.h"


static ngx_int_t ngx_http_soma_no_target(ngx_http_soma_ctx_t *ctx,
    int64_t now);


ngx_http_soma_route_t *
ngx_http_soma_route_find(ngx_http_soma_main_conf_t *smcf, ngx_str_t *name)
{
    return ngx_http_soma_names_find(&smcf->route_names, name->data, name->len);
}


/* the key's own list narrows the tenant's; both must allow */
ngx_uint_t
ngx_http_soma_route_allowed(ngx_http_soma_ctx_t *ctx, ngx_str_t *name)
{
    soma_str_t  model, list;

    model = ngx_http_soma_str(*name);

    if (ctx->tenant) {
        list = ngx_http_soma_str(ctx->tenant->models);

        if (soma_models_allow(list, model) != SOMA_OK) {
            return 0;
        }
    }

    return soma_models_allow(ctx->identity.models, model) == SOMA_OK;
}


ngx_int_t
ngx_http_soma_plan(ngx_http_soma_ctx_t *ctx)
{
    int64_t                  now;
    ngx_uint_t               i, n;
    soma_health_t            health;
    soma_candidate_t         candidate[SOMA_TARGETS_MAX];
    ngx_http_soma_target_t  *target;

    now = ngx_http_soma_now();
    target = ctx->route->targets.elts;
    n = ctx->route->targets.nelts;

    for (i = 0; i < n; i++) {
        candidate[i].weight = (uint32_t) target[i].weight;
        candidate[i].usable = 0;

        if (target[i].model->provider->missing.len) {
            continue;
        }

        health = ngx_http_soma_health_get(ctx->main, target[i].model);
        candidate[i].usable = (soma_health_usable(&health, now) != 0);
    }

    ctx->norder = soma_route_order(ctx->route->strategy, candidate, n,
                                   n > 1 ? ngx_http_soma_random() : 0,
                                   ctx->order);
    ctx->next = 0;

    if (ctx->norder == 0) {
        return ngx_http_soma_no_target(ctx, now);
    }

    return NGX_OK;
}


/* says which target is missing what, and when the first one may be back */
static ngx_int_t
ngx_http_soma_no_target(ngx_http_soma_ctx_t *ctx, int64_t now)
{
    u_char                  *p, *last, buf[NGX_HTTP_SOMA_NOTE_MAX];
    int64_t                  wait, until;
    ngx_str_t               *missing;
    ngx_uint_t               i;
    soma_health_t            health;
    ngx_http_soma_target_t  *target;

    p = buf;
    last = buf + sizeof(buf);
    until = 0;
    target = ctx->route->targets.elts;

    for (i = 0; i < ctx->route->targets.nelts; i++) {

        missing = &target[i].model->provider->missing;

        if (missing->len) {
            p = ngx_slprintf(p, last, "%s%V: %V", i ? "; " : "",
                             &target[i].model->provider->name, missing);
            continue;
        }

        health = ngx_http_soma_health_get(ctx->main, target[i].model);

        if (until == 0 || health.open_until < until) {
            until = health.open_until;
        }

        p = ngx_slprintf(p, last, "%s%V: failing or asked for a pause",
                         i ? "; " : "", &target[i].model->name);
    }

    wait = until > now ? until - now : 0;

    if (ctx->error.fault == SOMA_FAULT_NONE) {
        ctx->error.retry_ms = wait;
        ctx->error.no_retry = (until == 0);
    }

    return ngx_http_soma_fault(ctx, SOMA_FAULT_UNAVAILABLE, "no_target",
                               "no target of \"%V\" can be used now: %*s",
                               &ctx->route->name, (size_t) (p - buf), buf);
}
