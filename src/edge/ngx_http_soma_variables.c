
/*
 * Copyright (C) The ngx_soma authors
 *
 * The variables, for log_format and anything else.
 */


#include "ngx_http_soma_settle.h"


typedef enum {
    NGX_HTTP_SOMA_VAR_TENANT = 0,
    NGX_HTTP_SOMA_VAR_USER,
    NGX_HTTP_SOMA_VAR_KEY,
    NGX_HTTP_SOMA_VAR_ROUTE,
    NGX_HTTP_SOMA_VAR_PROVIDER,
    NGX_HTTP_SOMA_VAR_MODEL,
    NGX_HTTP_SOMA_VAR_INPUT,
    NGX_HTTP_SOMA_VAR_OUTPUT,
    NGX_HTTP_SOMA_VAR_CACHED,
    NGX_HTTP_SOMA_VAR_COST,
    NGX_HTTP_SOMA_VAR_FIRST_TOKEN,
    NGX_HTTP_SOMA_VAR_ATTEMPTS,
    NGX_HTTP_SOMA_VAR_CACHE,
    NGX_HTTP_SOMA_VAR_ERROR,
    NGX_HTTP_SOMA_VAR_REASON
} ngx_http_soma_var_e;


static ngx_int_t ngx_http_soma_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static void ngx_http_soma_variable_text(ngx_http_soma_ctx_t *ctx,
    uintptr_t which, soma_out_t *out);


static ngx_http_variable_t  ngx_http_soma_vars[] = {

    { ngx_string("soma_tenant"), NULL, ngx_http_soma_variable,
      NGX_HTTP_SOMA_VAR_TENANT, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("soma_user"), NULL, ngx_http_soma_variable,
      NGX_HTTP_SOMA_VAR_USER, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("soma_key"), NULL, ngx_http_soma_variable,
      NGX_HTTP_SOMA_VAR_KEY, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("soma_route"), NULL, ngx_http_soma_variable,
      NGX_HTTP_SOMA_VAR_ROUTE, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("soma_provider"), NULL, ngx_http_soma_variable,
      NGX_HTTP_SOMA_VAR_PROVIDER, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("soma_model"), NULL, ngx_http_soma_variable,
      NGX_HTTP_SOMA_VAR_MODEL, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("soma_input_tokens"), NULL, ngx_http_soma_variable,
      NGX_HTTP_SOMA_VAR_INPUT, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("soma_output_tokens"), NULL, ngx_http_soma_variable,
      NGX_HTTP_SOMA_VAR_OUTPUT, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("soma_cached_tokens"), NULL, ngx_http_soma_variable,
      NGX_HTTP_SOMA_VAR_CACHED, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("soma_cost"), NULL, ngx_http_soma_variable,
      NGX_HTTP_SOMA_VAR_COST, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("soma_first_token_time"), NULL, ngx_http_soma_variable,
      NGX_HTTP_SOMA_VAR_FIRST_TOKEN, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("soma_attempts"), NULL, ngx_http_soma_variable,
      NGX_HTTP_SOMA_VAR_ATTEMPTS, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("soma_cache"), NULL, ngx_http_soma_variable,
      NGX_HTTP_SOMA_VAR_CACHE, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("soma_error"), NULL, ngx_http_soma_variable,
      NGX_HTTP_SOMA_VAR_ERROR, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("soma_route_reason"), NULL, ngx_http_soma_variable,
      NGX_HTTP_SOMA_VAR_REASON, NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_http_soma_variables_add(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_soma_vars; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    u_char               *p;
    soma_out_t            out;
    ngx_http_soma_ctx_t  *ctx;

    v->not_found = 1;

    ctx = ngx_http_soma_get_ctx(r);

    if (ctx == NULL) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, SOMA_RECORD_STR_MAX);
    if (p == NULL) {
        return NGX_ERROR;
    }

    soma_put_init(&out, p, SOMA_RECORD_STR_MAX);
    ngx_http_soma_variable_text(ctx, data, &out);

    if (out.pos == out.start) {
        return NGX_OK;
    }

    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
    v->data = out.start;
    v->len = out.pos - out.start;

    return NGX_OK;
}


static void
ngx_http_soma_variable_text(ngx_http_soma_ctx_t *ctx, uintptr_t which,
    soma_out_t *out)
{
    u_char      *p;
    ngx_msec_t   ms;

    switch (which) {

    case NGX_HTTP_SOMA_VAR_TENANT:
        soma_put_str(out, ctx->identity.tenant);
        return;

    case NGX_HTTP_SOMA_VAR_USER:
        soma_put_str(out, ctx->identity.user);
        return;

    case NGX_HTTP_SOMA_VAR_KEY:
        soma_put_str(out, ctx->identity.key);
        return;

    case NGX_HTTP_SOMA_VAR_ERROR:
        soma_put_str(out, ctx->error.code);
        return;

    case NGX_HTTP_SOMA_VAR_CACHE:
        return;
    }

    if (ctx->route && which == NGX_HTTP_SOMA_VAR_ROUTE) {
        soma_put_str(out, ngx_http_soma_str(ctx->route->name));
        return;
    }

    if (ctx->model == NULL) {
        return;
    }

    switch (which) {

    case NGX_HTTP_SOMA_VAR_PROVIDER:
        soma_put_str(out, ngx_http_soma_str(ctx->model->provider->name));
        return;

    case NGX_HTTP_SOMA_VAR_MODEL:
        soma_put_str(out, ngx_http_soma_str(ctx->model->name));
        return;

    case NGX_HTTP_SOMA_VAR_REASON:
        soma_put_str(out, ngx_http_soma_str(ctx->plan.reason));
        return;

    case NGX_HTTP_SOMA_VAR_INPUT:
        soma_put_int(out, ctx->usage.input_tokens);
        return;

    case NGX_HTTP_SOMA_VAR_OUTPUT:
        soma_put_int(out, ctx->usage.output_tokens);
        return;

    case NGX_HTTP_SOMA_VAR_CACHED:
        soma_put_int(out, ctx->usage.cached_tokens);
        return;

    case NGX_HTTP_SOMA_VAR_COST:
        soma_put_usd(out, ctx->cost.total);
        return;

    case NGX_HTTP_SOMA_VAR_ATTEMPTS:
        soma_put_int(out, ctx->attempts);
        return;

    case NGX_HTTP_SOMA_VAR_FIRST_TOKEN:

        if (!ctx->first_token) {
            return;
        }

        /* seconds and milliseconds, as nginx's own times */

        ms = ctx->first_token_msec;
        p = out->pos;
        p = ngx_slprintf(p, out->end, "%T.%03M", (time_t) ms / 1000,
                         ms % 1000);
        out->pos = p;
        return;
    }
}
