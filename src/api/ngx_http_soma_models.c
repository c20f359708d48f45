
/*
 * Copyright (C) The ngx_soma authors
 *
 * GET /v1/models and /v1/models/<id>, in the words of who asks: what this key
 * may use.
 */


#include "ngx_http_soma_endpoint.h"
#include "soma_models.h"


/* who asks, and what it may see */
typedef struct {
    soma_models_e           shape;
    soma_models_entry_t    *entry;
    size_t                  n;
} ngx_http_soma_models_t;


static ngx_int_t ngx_http_soma_models_one(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_models_t *models, ngx_str_t *name);
static ngx_int_t ngx_http_soma_models_all(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_models_t *models);
static soma_models_e ngx_http_soma_models_shape(ngx_http_request_t *r);
static void ngx_http_soma_models_entry(soma_models_entry_t *entry,
    ngx_http_soma_route_t *route);
static void ngx_http_soma_models_write(soma_out_t *out, void *data);
static void ngx_http_soma_model_write(soma_out_t *out, void *data);


ngx_int_t
ngx_http_soma_models_handler(ngx_http_request_t *r)
{
    u_char                  *p, *end;
    ngx_int_t                rc;
    ngx_str_t                name;
    ngx_http_soma_ctx_t     *ctx;
    const soma_dialect_t    *client;
    ngx_http_soma_models_t  *models;

    ctx = ngx_http_soma_get_ctx(r);

    models = ngx_pcalloc(r->pool, sizeof(ngx_http_soma_models_t));

    if (ctx == NULL || models == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    models->shape = ngx_http_soma_models_shape(r);
    client = soma_dialect_find(soma_models_dialect(models->shape), NULL);

    if (client != NULL) {
        ctx->client = client;
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
        rc = ngx_http_soma_models_all(ctx, models);

        return (rc == NGX_OK)
               ? ngx_http_soma_endpoint_answer(r, NGX_HTTP_OK,
                                               ngx_http_soma_models_write,
                                               models)
               : rc;
    }

    name.data = p + sizeof("/models/") - 1;
    name.len = end - name.data;

    return ngx_http_soma_models_one(ctx, models, &name);
}


/* one path has three shapes, and headers tell who asks */
static soma_models_e
ngx_http_soma_models_shape(ngx_http_request_t *r)
{
    ngx_str_t  value;

    static ngx_str_t  anthropic = ngx_string("anthropic-version");
    static ngx_str_t  google = ngx_string("x-goog-api-key");

    if (ngx_http_soma_header_in(r, &anthropic) != NULL) {
        return SOMA_MODELS_ANTHROPIC;
    }

    if (ngx_http_soma_header_in(r, &google) != NULL
        || ngx_http_arg(r, (u_char *) "key", 3, &value) == NGX_OK
        || ngx_strlcasestrn(r->uri.data, r->uri.data + r->uri.len,
                            (u_char *) "/v1beta", 7 - 1)
           != NULL)
    {
        return SOMA_MODELS_GEMINI;
    }

    return SOMA_MODELS_OPENAI;
}


static ngx_int_t
ngx_http_soma_models_one(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_models_t *models, ngx_str_t *name)
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

    models->entry = ngx_pcalloc(ctx->request->pool,
                                sizeof(soma_models_entry_t));
    if (models->entry == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_soma_models_entry(models->entry, route);

    return ngx_http_soma_endpoint_answer(ctx->request, NGX_HTTP_OK,
                                         ngx_http_soma_model_write, models);
}


static ngx_int_t
ngx_http_soma_models_all(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_models_t *models)
{
    ngx_uint_t               i, n;
    ngx_http_soma_route_t  **route;

    route = ctx->main->routes.elts;
    n = ctx->main->routes.nelts;

    models->entry = ngx_pcalloc(ctx->request->pool,
                                (n + 1) * sizeof(soma_models_entry_t));
    if (models->entry == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    for (i = 0; i < n; i++) {

        if (ngx_http_soma_plan_allowed(ctx, &route[i]->name)
            && ngx_http_soma_models_usable(route[i]))
        {
            ngx_http_soma_models_entry(&models->entry[models->n++], route[i]);
        }
    }

    return NGX_OK;
}


static void
ngx_http_soma_models_entry(soma_models_entry_t *entry,
    ngx_http_soma_route_t *route)
{
    ngx_http_soma_target_t  *target;

    target = route->targets.elts;

    entry->name = ngx_http_soma_str(route->name);
    entry->owner = route->single && route->targets.nelts
                   ? ngx_http_soma_str(target[0].model->provider->name)
                   : SOMA_STR("soma");
    entry->created = NGX_HTTP_SOMA_MODEL_CREATED;

    if (route->targets.nelts) {
        entry->context = target[0].model->price->max_input;
        entry->output = target[0].model->price->max_output;
    }
}


static void
ngx_http_soma_models_write(soma_out_t *out, void *data)
{
    ngx_http_soma_models_t  *models = data;

    soma_models_list(out, models->shape, models->entry, models->n);
}


static void
ngx_http_soma_model_write(soma_out_t *out, void *data)
{
    ngx_http_soma_models_t  *models = data;

    soma_models_one(out, models->shape, models->entry);
}


ngx_uint_t
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
