
/*
 * Copyright (C) The ngx_soma authors
 *
 * The content handler of soma_pass: reads the body, looks at what it asks,
 * and walks the request through admit, plan and attempt.
 */


#include "ngx_http_soma_attempt.h"
#include "ngx_http_soma_admit.h"
#include "ngx_http_soma_api.h"
#include "ngx_http_soma_lock.h"
#include "ngx_http_soma_plan.h"
#include "ngx_http_soma_quota.h"
#include "ngx_http_soma_settle.h"
#include "ngx_http_soma_user.h"


static ngx_int_t ngx_http_soma_surface(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx, ngx_str_t path);
static void ngx_http_soma_body_handler(ngx_http_request_t *r);
static void ngx_http_soma_unpacked(ngx_http_soma_ctx_t *ctx, ngx_int_t rc);
static void ngx_http_soma_unnamed(ngx_http_soma_ctx_t *ctx);
static void ngx_http_soma_resume(ngx_http_soma_ctx_t *ctx);


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

    if (ngx_http_soma_path_begins(&path, "/training/")) {
        return ngx_http_soma_lock_api_handler(r);
    }

    if (ngx_http_soma_path_begins(&path, "/models")
        && (path.len == 7 || path.data[7] == '/'))
    {
        return ngx_http_soma_models_handler(r);
    }

    rc = ngx_http_soma_surface(r, ctx, path);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_read_client_request_body(r, ngx_http_soma_body_handler);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    return NGX_DONE;
}


/* which endpoint is asked, and whether it takes that method */
static ngx_int_t
ngx_http_soma_surface(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx,
    ngx_str_t path)
{
    unsigned               method;
    const soma_surface_t  *surface;

    /* error_page may have led here from elsewhere */

    ctx->client = soma_dialect_client(ngx_http_soma_str(path), &surface,
                                      &ctx->stored);

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

    ctx->surface = surface;
    ctx->ask.api = surface->api;

    return NGX_OK;
}


static void
ngx_http_soma_body_handler(ngx_http_request_t *r)
{
    ngx_int_t             rc;
    ngx_http_soma_ctx_t  *ctx;

    ctx = ngx_http_soma_get_ctx(r);

    if (ctx->surface->body == SOMA_BODY_NONE) {
        ngx_http_soma_pass_ran(ctx, ngx_http_soma_stored(ctx));
        return;
    }

    rc = ngx_http_soma_unpack(ctx, ngx_http_soma_unpacked);

    if (rc == NGX_DONE) {
        return;
    }

    if (rc != NGX_DECLINED) {
        ngx_http_soma_unpacked(ctx, rc);
        return;
    }

    rc = ngx_http_soma_turn_join(ctx);

    if (rc == NGX_DECLINED) {
        rc = ngx_http_soma_pass_run(ctx);
    }

    ngx_http_soma_pass_ran(ctx, rc);
}


static void
ngx_http_soma_unpacked(ngx_http_soma_ctx_t *ctx, ngx_int_t rc)
{
    if (rc == NGX_OK) {
        rc = ngx_http_soma_pass_run(ctx);
    }

    ngx_http_soma_pass_ran(ctx, rc);
}


void
ngx_http_soma_pass_ran(ngx_http_soma_ctx_t *ctx, ngx_int_t rc)
{
    if (rc != NGX_DONE) {
        ngx_http_finalize_request(ctx->request, rc);
        return;
    }

    if (ctx->ready) {
        ngx_http_soma_attempt_begin(ctx);
    }
}


ngx_int_t
ngx_http_soma_pass_run(ngx_http_soma_ctx_t *ctx)
{
    ngx_int_t   rc;
    ngx_str_t   name;

    rc = ngx_http_soma_read(ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_soma_user_body(ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_soma_settle_query_hash(ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ctx->ask.model.len == 0) {
        ngx_http_soma_unnamed(ctx);
    }

    name = ngx_http_soma_ngx(ctx->ask.model);
    ctx->route = ngx_http_soma_plan_route(ctx->main, &name);

    if (ctx->route == NULL) {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_NO_MODEL, "model_not_found",
                                   "there is no model \"%V\" here: GET "
                                   "/v1/models lists those you may use",
                                   &name);
    }

    if (!ngx_http_soma_plan_allowed(ctx, &name)) {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_FORBIDDEN,
                                   "model_not_allowed",
                                   "this API key may not use model \"%V\": "
                                   "GET /v1/models lists those it may", &name);
    }

    rc = ngx_http_soma_policy(ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_soma_bound_check(ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_soma_stored_objects(ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_soma_pass_go_on(ctx);
}


/*
 * Moderations have a model of their own where the request names none: that of
 * OpenAI if it is configured, else the provider of the first model that the
 * key may use chooses one.
 */
static void
ngx_http_soma_unnamed(ngx_http_soma_ctx_t *ctx)
{
    ngx_uint_t               i;
    ngx_http_soma_route_t  **route;

    static ngx_str_t  usual = ngx_string("omni-moderation-latest");

    ctx->ask.model = ngx_http_soma_str(usual);
    route = ctx->main->routes.elts;

    if (ngx_http_soma_plan_route(ctx->main, &usual) != NULL) {
        return;
    }

    for (i = 0; i < ctx->main->routes.nelts; i++) {
        if (ngx_http_soma_plan_allowed(ctx, &route[i]->name)) {
            ctx->ask.model = ngx_http_soma_str(route[i]->name);
            return;
        }
    }
}


/* from where a request may have waited for what its limits lease */
ngx_int_t
ngx_http_soma_pass_go_on(ngx_http_soma_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = ngx_http_soma_admit(ctx);

    if (rc == NGX_AGAIN) {
        return ngx_http_soma_admit_wait(ctx, ngx_http_soma_resume) == NGX_OK
               ? NGX_DONE : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_soma_plan(ctx);

    if (rc == NGX_OK) {
        rc = ngx_http_soma_stored_keeper(ctx);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_soma_attempt(ctx);
}


static void
ngx_http_soma_resume(ngx_http_soma_ctx_t *ctx)
{
    ngx_http_soma_pass_ran(ctx, ngx_http_soma_pass_go_on(ctx));
}
