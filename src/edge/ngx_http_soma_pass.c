
/*
 * Copyright (C) The ngx_soma authors
 *
 * The content handler of soma_pass: which endpoint is asked; its body is
 * read, and the walk goes on with that.
 */


#include "ngx_http_soma_walk.h"
#include "ngx_http_soma_api.h"
#include "ngx_http_soma_lock.h"
#include "ngx_http_soma_sigv4.h"


static ngx_uint_t ngx_http_soma_pass_models(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx, ngx_str_t path);
static ngx_int_t ngx_http_soma_surface(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx);


ngx_int_t
ngx_http_soma_pass_handler(ngx_http_request_t *r)
{
    ngx_int_t             rc;
    ngx_str_t             path;
    ngx_http_soma_ctx_t  *ctx;

    if (r != r->main) {

        /* all that follows belongs to a client's own request */

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "soma: soma_pass serves no subrequest");

        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx = ngx_http_soma_get_ctx(r);

    if (ctx == NULL || !ctx->identified) {

        /* "satisfy any" let somebody in whom we do not know */

        return NGX_HTTP_UNAUTHORIZED;
    }

    path = ngx_http_soma_path(r);

    /* what has a body is looked at when that is there */

    if (ctx->url.surface == NULL || ctx->url.surface->body == SOMA_BODY_NONE
        || ctx->url.surface->api == SOMA_API_MODELS)
    {
        rc = ngx_http_soma_sigv4_check(ctx, 0);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (ngx_http_soma_path_begins(&path, "/training/")) {
        return ngx_http_soma_lock_api_handler(r);
    }

    if (ctx->url.surface && ctx->url.surface->api == SOMA_API_MODELS) {
        return ngx_http_soma_models_ollama_handler(r);
    }

    if (ngx_http_soma_pass_models(r, ctx, path)) {
        return ngx_http_soma_models_handler(r);
    }

    rc = ngx_http_soma_surface(r, ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_read_client_request_body(r, ngx_http_soma_walk_body);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    return NGX_DONE;
}


/* models are listed, below any version of an API; what is asked of one of
 * them, by its name in the path, is posted */
static ngx_uint_t
ngx_http_soma_pass_models(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx,
    ngx_str_t path)
{
    soma_str_t  below;

    if (ctx->url.surface != NULL && r->method == NGX_HTTP_POST) {
        return 0;
    }

    below = soma_dialect_below(ngx_http_soma_str(r->uri), "/v1beta/");

    if (below.data != NULL) {
        path = ngx_http_soma_ngx(below);
    }

    return ngx_http_soma_path_begins(&path, "/models")
           && (path.len == 7 || path.data[7] == '/');
}


/* which endpoint is asked, and whether it takes that method */
static ngx_int_t
ngx_http_soma_surface(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx)
{
    unsigned               method;
    const soma_surface_t  *surface;

    /* error_page may have led here from elsewhere */

    ngx_http_soma_ctx_url(ctx);

    surface = ctx->url.surface;

    if (surface == NULL) {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_NOT_FOUND, "unknown_url",
                                   "no such endpoint here: there are %s",
                                   ctx->client->surfaces);
    }

    method = (r->method == NGX_HTTP_POST) ? SOMA_POST
             : (r->method == NGX_HTTP_GET) ? SOMA_GET
             : (r->method == NGX_HTTP_DELETE) ? SOMA_DELETE : 0;

    if (!(surface->methods & method)) {

        /* who would rather have a websocket asks again without */

        if (r->method == NGX_HTTP_GET && r->headers_in.upgrade) {
            return ngx_http_soma_fault(ctx, SOMA_FAULT_UPGRADE,
                                       "websocket_not_supported",
                                       "there are no websockets here: send a "
                                       "POST, and \"stream\": true for events");
        }

        return ngx_http_soma_fault(ctx, SOMA_FAULT_METHOD,
                                   "method_not_allowed",
                                   "this endpoint takes %s only",
                                   surface->methods == SOMA_POST ? "POST"
                                   : surface->methods == SOMA_GET ? "GET"
                                   : "GET and DELETE");
    }

    ctx->ask.api = surface->api;

    return NGX_OK;
}
