
/*
 * Copyright (C) The ngx_soma authors
 *
 * GET .../config: what a client can discover with its key, no secrets.
 */


#include "ngx_http_soma_endpoint.h"
#include "ngx_http_soma_manage.h"


static void ngx_http_soma_config_limit(soma_out_t *out, const char *owner,
    soma_str_t text);
static void ngx_http_soma_config_write(soma_out_t *out, void *data);
static void ngx_http_soma_config_who(soma_out_t *out,
    ngx_http_soma_ctx_t *ctx);
static void ngx_http_soma_config_limits(soma_out_t *out,
    ngx_http_soma_ctx_t *ctx);
static void ngx_http_soma_config_models(soma_out_t *out,
    ngx_http_soma_ctx_t *ctx);
static void ngx_http_soma_config_price(soma_out_t *out,
    ngx_http_soma_model_t *model);
static void ngx_http_soma_put_price(soma_out_t *out, const char *name,
    int64_t pico);
static void ngx_http_soma_config_routes(soma_out_t *out,
    ngx_http_soma_ctx_t *ctx);
static void ngx_http_soma_config_features(soma_out_t *out,
    ngx_http_soma_ctx_t *ctx);


static const char *const  ngx_http_soma_apis[] = {
    "chat/completions",
    "completions",
    "embeddings",
    "responses",
    "images/generations",
    "audio/speech",
    "audio/transcriptions",
    "audio/translations",
    "models"
};


ngx_int_t
ngx_http_soma_api_config_handler(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx)
{
    return ngx_http_soma_endpoint_answer(r, NGX_HTTP_OK,
                                         ngx_http_soma_config_write, ctx);
}


static void
ngx_http_soma_config_write(soma_out_t *out, void *data)
{
    ngx_http_soma_ctx_t *ctx = data;

    ngx_uint_t  i;

    soma_put_char(out, '{');
    soma_member_text(out, "version", NGX_HTTP_SOMA_VERSION);
    soma_member_str(out, "node", ngx_http_soma_str(ctx->main->node));

    ngx_http_soma_config_who(out, ctx);

    soma_member_open(out, "apis", '[');

    for (i = 0; i < sizeof(ngx_http_soma_apis) / sizeof(char *); i++) {
        soma_member_text(out, NULL, ngx_http_soma_apis[i]);
    }

    soma_put_char(out, ']');

    ngx_http_soma_config_routes(out, ctx);
    ngx_http_soma_config_models(out, ctx);
    ngx_http_soma_config_limits(out, ctx);
    ngx_http_soma_config_features(out, ctx);

    soma_put_cstr(out, "}\n");
}


static void
ngx_http_soma_config_who(soma_out_t *out, ngx_http_soma_ctx_t *ctx)
{
    soma_identity_t  *identity;

    identity = &ctx->identity;

    soma_member_str(out, "tenant", identity->tenant);
    soma_member_str(out, "user", identity->user);
    soma_member_str(out, "key", identity->key);

    soma_member_list(out, "capabilities",
                     ngx_http_soma_manage_capabilities(identity->capabilities),
                     ',');
    soma_member_time(out, "expires", identity->expires);
}


/* as they are configured: {"owner":"tenant","limit":"cost 50/day"}; those of
 * a key stand in one string */

static void
ngx_http_soma_config_limits(soma_out_t *out, ngx_http_soma_ctx_t *ctx)
{
    u_char        *p, *end, *stop;
    ngx_uint_t     i;
    soma_str_t     text;
    soma_limit_t  *limit;

    soma_member_open(out, "limits", '[');

    if (ctx->tenant) {
        limit = ctx->tenant->limits.elts;

        for (i = 0; i < ctx->tenant->limits.nelts; i++) {
            ngx_http_soma_config_limit(out, "tenant", limit[i].text);
        }
    }

    p = ctx->identity.limits.data;
    end = ctx->identity.limits.len ? p + ctx->identity.limits.len : p;

    while (p < end) {
        stop = ngx_strlchr(p, end, ';');

        if (stop == NULL) {
            stop = end;
        }

        while (p < stop && *p == ' ') {
            p++;
        }

        text.data = p;
        text.len = stop - p;
        p = stop + 1;

        if (text.len) {
            ngx_http_soma_config_limit(out, "key", text);
        }
    }

    soma_put_char(out, ']');
}


static void
ngx_http_soma_config_limit(soma_out_t *out, const char *owner, soma_str_t text)
{
    soma_member_open(out, NULL, '{');
    soma_member_text(out, "owner", owner);
    soma_member_str(out, "limit", text);
    soma_put_char(out, '}');
}


static void
ngx_http_soma_config_models(soma_out_t *out, ngx_http_soma_ctx_t *ctx)
{
    ngx_uint_t               i;
    const soma_price_t      *price;
    ngx_http_soma_model_t  **model;

    model = ctx->main->models.elts;

    soma_member_open(out, "models", '[');

    for (i = 0; i < ctx->main->models.nelts; i++) {

        if (!ngx_http_soma_plan_allowed(ctx, &model[i]->name)) {
            continue;
        }

        price = model[i]->price;

        soma_member_open(out, NULL, '{');
        soma_member_str(out, "name", ngx_http_soma_str(model[i]->name));
        soma_member_str(out, "provider",
                        ngx_http_soma_str(model[i]->provider->name));
        soma_member_bool(out, "usable", model[i]->provider->missing.len == 0);

        if (price->mode.len) {
            soma_member_str(out, "mode", price->mode);
        }

        if (price->max_input) {
            soma_member_int(out, "context", price->max_input);
        }

        if (price->max_output) {
            soma_member_int(out, "max_output", price->max_output);
        }

        ngx_http_soma_config_price(out, model[i]);
        soma_put_char(out, '}');
    }

    soma_put_char(out, ']');
}


static void
ngx_http_soma_config_price(soma_out_t *out, ngx_http_soma_model_t *model)
{
    const soma_price_step_t  *base;

    soma_member(out, "usd_per_1m");

    if (model->free || !model->price->known) {
        soma_put_cstr(out, "null");
        return;
    }

    base = &model->price->base;

    soma_put_char(out, '{');
    ngx_http_soma_put_price(out, "input", base->input[SOMA_TIER_DEFAULT]);
    ngx_http_soma_put_price(out, "output", base->output[SOMA_TIER_DEFAULT]);
    ngx_http_soma_put_price(out, "cached",
                            base->cache_read[SOMA_TIER_DEFAULT]);
    ngx_http_soma_put_price(out, "cache_write",
                            base->cache_write[SOMA_TIER_DEFAULT]);
    soma_put_char(out, '}');
}


/* a pico-dollar a token is a thousand nano-dollars a million */

static void
ngx_http_soma_put_price(soma_out_t *out, const char *name, int64_t pico)
{
    if (pico == SOMA_PRICE_UNSET) {
        return;
    }

    soma_member(out, name);
    soma_put_char(out, '"');
    soma_put_usd(out, soma_number_muldiv(pico, 1000, 1));
    soma_put_char(out, '"');
}


static void
ngx_http_soma_config_routes(soma_out_t *out, ngx_http_soma_ctx_t *ctx)
{
    ngx_uint_t                i, k;
    ngx_http_soma_route_t   **route;
    ngx_http_soma_target_t   *target;

    route = ctx->main->routes.elts;

    soma_member_open(out, "routes", '[');

    for (i = 0; i < ctx->main->routes.nelts; i++) {

        if (route[i]->single
            || !ngx_http_soma_plan_allowed(ctx, &route[i]->name))
        {
            continue;
        }

        soma_member_open(out, NULL, '{');
        soma_member_str(out, "name", ngx_http_soma_str(route[i]->name));
        soma_member_text(out, "strategy", route[i]->strategy == SOMA_WEIGHTED
                                          ? "weighted" : "order");
        soma_member_open(out, "models", '[');

        target = route[i]->targets.elts;

        for (k = 0; k < route[i]->targets.nelts; k++) {
            soma_member_str(out, NULL,
                            ngx_http_soma_str(target[k].model->name));
        }

        soma_put_cstr(out, "]}");
    }

    soma_put_char(out, ']');
}


static void
ngx_http_soma_config_features(soma_out_t *out, ngx_http_soma_ctx_t *ctx)
{
    ngx_http_soma_loc_conf_t  *slcf;

    slcf = ctx->conf;

    soma_member_open(out, "features", '{');
    soma_member_bool(out, "redis", ctx->main->redis.set);
    soma_member_bool(out, "ledger", ctx->main->ledger.path.len != 0);
    soma_member_bool(out, "training_lock", slcf->training_lock == 1);
    soma_member_text(out, "on_redis_down",
                     slcf->on_redis_down == NGX_HTTP_SOMA_DOWN_DENY
                     ? "deny" : "allow");
    soma_member_text(out, "on_abort",
                     slcf->on_abort == NGX_HTTP_SOMA_ABORT_DRAIN ? "drain"
                     : slcf->on_abort == NGX_HTTP_SOMA_ABORT_CANCEL ? "cancel"
                                                                    : "auto");
    soma_member_text(out, "max_tokens",
                     slcf->max_tokens == NGX_HTTP_SOMA_BOUND_TRUST ? "trust"
                     : slcf->max_tokens == NGX_HTTP_SOMA_BOUND_REQUIRE
                     ? "require" : "clamp");
    soma_member_bool(out, "usage_cost", slcf->usage_cost == 1);

    if (ctx->main->catalogue_hash.len) {
        soma_member_str(out, "catalogue",
                        ngx_http_soma_str(ctx->main->catalogue_hash));
    }

    soma_put_char(out, '}');
}
