
/*
 * Copyright (C) The ngx_soma authors
 *
 * GET /v1/models and /v1/models/<id>, as OpenAI answers them: what this key
 * may use.
 */


#include "ngx_http_soma_endpoint.h"


/* OpenAI's clients want a time; a gateway knows none that all its nodes would
 * agree on.  2026-01-01 */
#define NGX_HTTP_SOMA_MODEL_CREATED  1767225600


static ngx_int_t ngx_http_soma_models_one(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx, ngx_str_t *name);
static void ngx_http_soma_models_write(soma_out_t *out, void *data);
static void ngx_http_soma_model_write(soma_out_t *out, void *data);
static ngx_uint_t ngx_http_soma_models_usable(ngx_http_soma_route_t *route);


ngx_int_t
ngx_http_soma_models_handler(ngx_http_request_t *r)
{
    u_char               *p, *end;
    ngx_int_t             rc;
    ngx_str_t             name;
    ngx_http_soma_ctx_t  *ctx;

    ctx = ngx_http_soma_get_ctx(r);

    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_soma_endpoint_only_get(r, ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    /* the first "/models/": a model's name may hold another */

    end = r->uri.data + r->uri.len;
    p = ngx_strlcasestrn(r->uri.data, end, (u_char *) "/models/",
                         sizeof("/models/") - 2);

    if (p == NULL || p + sizeof("/models/") - 1 == end) {
        return ngx_http_soma_endpoint_answer(r, NGX_HTTP_OK,
                                             ngx_http_soma_models_write, ctx);
    }

    name.data = p + sizeof("/models/") - 1;
    name.len = end - name.data;

    return ngx_http_soma_models_one(r, ctx, &name);
}


static ngx_int_t
ngx_http_soma_models_one(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx,
    ngx_str_t *name)
{
    ngx_http_soma_route_t  *route;

    route = ngx_http_soma_plan_route(ctx->main, name);

    if (route == NULL || !ngx_http_soma_plan_allowed(ctx, &route->name)) {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_NO_MODEL,
                                   "model_not_found",
                                   "the model \"%*s\" does not exist or this "
                                   "key may not use it, GET /v1/models lists "
                                   "what it may", ngx_min(name->len, 128),
                                   name->data);
    }

    return ngx_http_soma_endpoint_answer(r, NGX_HTTP_OK,
                                         ngx_http_soma_model_write, route);
}


static void
ngx_http_soma_models_write(soma_out_t *out, void *data)
{
    ngx_http_soma_ctx_t *ctx = data;

    ngx_uint_t               i;
    ngx_http_soma_route_t  **route;

    route = ctx->main->routes.elts;

    soma_put_cstr(out, "{\"object\":\"list\",\"data\":[");

    for (i = 0; i < ctx->main->routes.nelts; i++) {

        if (!ngx_http_soma_plan_allowed(ctx, &route[i]->name)
            || !ngx_http_soma_models_usable(route[i]))
        {
            continue;
        }

        ngx_http_soma_model_write(out, route[i]);
    }

    soma_put_cstr(out, "]}");
}


static void
ngx_http_soma_model_write(soma_out_t *out, void *data)
{
    ngx_http_soma_route_t *route = data;

    ngx_http_soma_target_t  *target;

    target = route->targets.elts;

    soma_member_open(out, NULL, '{');
    soma_member_str(out, "id", ngx_http_soma_str(route->name));
    soma_member_text(out, "object", "model");
    soma_member_int(out, "created", NGX_HTTP_SOMA_MODEL_CREATED);
    soma_member_str(out, "owned_by",
                    route->single && route->targets.nelts
                    ? ngx_http_soma_str(target[0].model->provider->name)
                    : SOMA_STR("soma"));
    soma_put_char(out, '}');
}


/* a route whose providers all lack their keys answers nobody */

static ngx_uint_t
ngx_http_soma_models_usable(ngx_http_soma_route_t *route)
{
    ngx_uint_t               i;
    ngx_http_soma_target_t  *target;

    target = route->targets.elts;

    for (i = 0; i < route->targets.nelts; i++) {
        if (target[i].model->provider->missing.len == 0) {
            return 1;
        }
    }

    return 0;
}
