
/*
 * Copyright (C) The ngx_soma authors
 *
 * What Ollama's clients ask of a server beside chats: which models it has,
 * what one of them can, its version.
 */


#include "ngx_http_soma_endpoint.h"
#include "ngx_http_soma_body.h"
#include "soma_ollama.h"
#include "soma_ollama_models.h"


static void ngx_http_soma_models_ollama_show(ngx_http_request_t *r);
static ngx_int_t ngx_http_soma_models_ollama_shown(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx);
static ngx_int_t ngx_http_soma_models_ollama_send(ngx_http_request_t *r,
    soma_pieces_t *out);
static void ngx_http_soma_models_ollama_tags(ngx_http_soma_ctx_t *ctx,
    soma_pieces_t *out);
static void ngx_http_soma_models_ollama_model(soma_ollama_model_t *model,
    ngx_http_soma_route_t *route);


ngx_int_t
ngx_http_soma_models_ollama_handler(ngx_http_request_t *r)
{
    ngx_int_t             rc;
    soma_pieces_t         out;
    ngx_http_soma_ctx_t  *ctx;

    ctx = ngx_http_soma_get_ctx(r);

    if (ctx->url.surface->form == SOMA_OLLAMA_SHOW) {

        if (r->method != NGX_HTTP_POST) {
            return ngx_http_soma_endpoint_method(r, ctx, "POST");
        }

        rc = ngx_http_read_client_request_body(r,
                                         ngx_http_soma_models_ollama_show);

        return (rc >= NGX_HTTP_SPECIAL_RESPONSE) ? rc : NGX_DONE;
    }

    rc = ngx_http_soma_endpoint_only_get(r, ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    soma_pieces_init(&out, &ctx->arena);

    switch (ctx->url.surface->form) {

    case SOMA_OLLAMA_TAGS:
        ngx_http_soma_models_ollama_tags(ctx, &out);
        break;

    case SOMA_OLLAMA_PS:
        soma_ollama_models_ps(&out);
        break;

    default:
        soma_ollama_models_version(&out);
    }

    return ngx_http_soma_models_ollama_send(r, &out);
}


static void
ngx_http_soma_models_ollama_show(ngx_http_request_t *r)
{
    ngx_http_finalize_request(r,
                    ngx_http_soma_models_ollama_shown(r,
                                                ngx_http_soma_get_ctx(r)));
}


static ngx_int_t
ngx_http_soma_models_ollama_shown(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx)
{
    int                     rc;
    ngx_str_t               asked;
    soma_str_t              name;
    soma_pieces_t           out;
    soma_ollama_model_t     model;
    ngx_http_soma_route_t  *route;

    if (r->request_body == NULL || r->request_body->bufs == NULL
        || ngx_http_soma_body_whole(ctx) != NGX_OK)
    {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_BAD_REQUEST,
                                   "invalid_json", "the request has no body");
    }

    rc = soma_ollama_models_asked(&ctx->arena, ctx->body, &name);

    if (rc == SOMA_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc != SOMA_OK) {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_BAD_REQUEST,
                                   "invalid_request", "model is required");
    }

    asked = ngx_http_soma_ngx(name);
    route = ngx_http_soma_plan_route(ctx->main, &asked);

    if (route == NULL || !ngx_http_soma_plan_allowed(ctx, &route->name)) {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_NO_MODEL,
                                   "model_not_found",
                                   "model \"%*s\" not found: GET /api/tags "
                                   "lists those that this key may use",
                                   ngx_min(name.len, 128), name.data);
    }

    ngx_http_soma_models_ollama_model(&model, route);

    soma_pieces_init(&out, &ctx->arena);
    soma_ollama_models_show(&out, &model);

    return ngx_http_soma_models_ollama_send(r, &out);
}


static ngx_int_t
ngx_http_soma_models_ollama_send(ngx_http_request_t *r, soma_pieces_t *out)
{
    ngx_str_t   body;
    soma_str_t  whole;

    if (soma_pieces_whole(out, &whole) != SOMA_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    body = ngx_http_soma_ngx(whole);

    return ngx_http_soma_send(r, NGX_HTTP_OK, "application/json", &body);
}


static void
ngx_http_soma_models_ollama_tags(ngx_http_soma_ctx_t *ctx, soma_pieces_t *out)
{
    ngx_uint_t               i;
    soma_ollama_model_t      model;
    ngx_http_soma_route_t  **route;

    route = ctx->main->routes.elts;

    soma_ollama_models_begin(out);

    for (i = 0; i < ctx->main->routes.nelts; i++) {

        if (ngx_http_soma_plan_allowed(ctx, &route[i]->name)
            && ngx_http_soma_models_usable(route[i]))
        {
            ngx_http_soma_models_ollama_model(&model, route[i]);
            soma_ollama_models_model(out, &model);
        }
    }

    soma_ollama_models_end(out);
}


/* what the first target can do, as far as the configuration knows */
static void
ngx_http_soma_models_ollama_model(soma_ollama_model_t *model,
    ngx_http_soma_route_t *route)
{
    ngx_uint_t               facts;
    ngx_http_soma_target_t  *target;

    ngx_memzero(model, sizeof(soma_ollama_model_t));

    model->name = ngx_http_soma_str(route->name);
    model->modified = NGX_HTTP_SOMA_MODEL_CREATED;

    if (route->targets.nelts == 0) {
        return;
    }

    target = route->targets.elts;
    facts = target[0].model->facts;

    model->context = target[0].model->price->max_input;
    model->tools = !(facts & SOMA_FACT_NO_TOOLS);
    model->images = !(facts & SOMA_FACT_NO_IMAGES);
    model->thinks = target[0].model->price->reasons;
}
