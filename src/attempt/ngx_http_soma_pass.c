
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
#include "soma_multipart.h"


static void ngx_http_soma_body_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_soma_go_on(ngx_http_soma_ctx_t *ctx);
static void ngx_http_soma_resume(ngx_http_soma_ctx_t *ctx);
static ngx_int_t ngx_http_soma_scan(ngx_http_soma_ctx_t *ctx);
static ngx_int_t ngx_http_soma_ask_json(ngx_http_soma_ctx_t *ctx);
static ngx_int_t ngx_http_soma_ask_form(ngx_http_soma_ctx_t *ctx);


ngx_int_t
ngx_http_soma_pass_handler(ngx_http_request_t *r)
{
    ngx_int_t             rc;
    ngx_str_t             path;
    soma_api_e            api;
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
        return ngx_http_soma_training_handler(r);
    }

    if (ngx_http_soma_path_begins(&path, "/models")
        && (path.len == 7 || path.data[7] == '/'))
    {
        return ngx_http_soma_models_handler(r);
    }

    api = soma_openai.api(ngx_http_soma_str(path));

    if (api == SOMA_API_NONE) {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_NOT_FOUND, "unknown_url",
                                   "no such endpoint here: there are "
                                   "chat/completions, completions, "
                                   "embeddings, responses, "
                                   "images/generations, audio/speech, "
                                   "audio/transcriptions, "
                                   "audio/translations and models");
    }

    if (r->method != NGX_HTTP_POST) {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_METHOD,
                                   "method_not_allowed",
                                   "this endpoint takes POST only");
    }

    ctx->ask.api = api;

    rc = ngx_http_read_client_request_body(r, ngx_http_soma_body_handler);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    return NGX_DONE;
}


static void
ngx_http_soma_body_handler(ngx_http_request_t *r)
{
    ngx_int_t             rc;
    ngx_http_soma_ctx_t  *ctx;

    ctx = ngx_http_soma_get_ctx(r);

    rc = ngx_http_soma_turn_join(ctx);

    if (rc == NGX_DECLINED) {
        rc = ngx_http_soma_run(ctx);
    }

    ngx_http_soma_ran(ctx, rc);
}


void
ngx_http_soma_ran(ngx_http_soma_ctx_t *ctx, ngx_int_t rc)
{
    if (rc != NGX_DONE) {
        ngx_http_finalize_request(ctx->request, rc);
        return;
    }

    if (ctx->ready) {
        ngx_http_soma_begin(ctx);
    }
}


ngx_int_t
ngx_http_soma_run(ngx_http_soma_ctx_t *ctx)
{
    ngx_int_t   rc;
    ngx_str_t   name;

    rc = ngx_http_soma_scan(ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_soma_query_hash(ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    name = ngx_http_soma_ngx(ctx->ask.model);
    ctx->route = ngx_http_soma_route_find(ctx->main, &name);

    if (ctx->route == NULL) {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_NO_MODEL, "model_not_found",
                                   "there is no model \"%V\" here: GET "
                                   "/v1/models lists those you may use",
                                   &name);
    }

    if (!ngx_http_soma_route_allowed(ctx, &name)) {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_FORBIDDEN,
                                   "model_not_allowed",
                                   "this API key may not use model \"%V\": "
                                   "GET /v1/models lists those it may", &name);
    }

    rc = ngx_http_soma_bound_check(ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_soma_go_on(ctx);
}


/* from where a request may have waited for what its limits lease */
static ngx_int_t
ngx_http_soma_go_on(ngx_http_soma_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = ngx_http_soma_admit(ctx);

    if (rc == NGX_AGAIN) {
        return ngx_http_soma_lease_wait(ctx, ngx_http_soma_resume) == NGX_OK
               ? NGX_DONE : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_soma_plan(ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_soma_attempt(ctx);
}


static void
ngx_http_soma_resume(ngx_http_soma_ctx_t *ctx)
{
    ngx_http_soma_ran(ctx, ngx_http_soma_go_on(ctx));
}


static ngx_int_t
ngx_http_soma_scan(ngx_http_soma_ctx_t *ctx)
{
    ngx_chain_t         *cl;
    ngx_http_request_t  *r;

    r = ctx->request;
    ctx->ask.body_len = 0;

    if (r->request_body == NULL || r->request_body->bufs == NULL) {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_BAD_REQUEST, "invalid_json",
                                   "the request has no body");
    }

    if (r->request_body->temp_file
        && ngx_http_soma_body_whole(ctx) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        ctx->ask.body_len += ngx_buf_size(cl->buf);
    }

    ctx->ask.max_tokens = -1;
    ctx->ask.n = 1;
    ctx->ask.prompts = 1;

    if (ctx->ask.api == SOMA_API_TRANSCRIPTIONS
        || ctx->ask.api == SOMA_API_TRANSLATIONS)
    {
        return ngx_http_soma_ask_form(ctx);
    }

    return ngx_http_soma_ask_json(ctx);
}


static ngx_int_t
ngx_http_soma_ask_json(ngx_http_soma_ctx_t *ctx)
{
    int                rc;
    const char        *error;
    ngx_chain_t       *cl;
    soma_json_scan_t  *scan;

    scan = ngx_palloc(ctx->request->pool, sizeof(soma_json_scan_t));
    if (scan == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    soma_json_scan_init(scan, soma_openai.want, SOMA_ASK_TOTAL);

    rc = SOMA_AGAIN;

    for (cl = ctx->request->request_body->bufs; cl && rc != SOMA_ERROR;
         cl = cl->next)
    {
        rc = soma_json_scan(scan, cl->buf->pos, cl->buf->last - cl->buf->pos);
    }

    if (rc == SOMA_ERROR || soma_json_scan_end(scan) != SOMA_OK) {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_BAD_REQUEST, "invalid_json",
                                   "the body is refused at byte %uz: %s",
                                   scan->offset, scan->error);
    }

    ctx->scan = scan;
    ctx->ask.scan = scan;

    error = NULL;

    if (soma_openai.ask(&ctx->ask, &ctx->arena, ngx_http_soma_body_value, ctx,
                        &error)
        != SOMA_OK)
    {
        if (error == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_http_soma_fault(ctx, SOMA_FAULT_BAD_REQUEST,
                                   "invalid_request", "%s", error);
    }

    return NGX_OK;
}


/* sound comes as a form, which is passed through; only "model" is read */
static ngx_int_t
ngx_http_soma_ask_form(ngx_http_soma_ctx_t *ctx)
{
    int                  rc;
    soma_str_t           boundary, type;
    soma_json_span_t     span;
    ngx_http_request_t  *r;

    r = ctx->request;

    if (ngx_http_soma_body_whole(ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    type = (soma_str_t) soma_string("");

    if (r->headers_in.content_type) {
        type = ngx_http_soma_str(r->headers_in.content_type->value);
    }

    if (soma_multipart_boundary(type, &boundary) != SOMA_OK) {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_BAD_REQUEST, "invalid_form",
                                   "this endpoint takes multipart/form-data "
                                   "with a boundary");
    }

    rc = soma_multipart_field(ctx->body, boundary, "model", &ctx->model_span);

    if (rc != SOMA_OK) {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_BAD_REQUEST, "invalid_form",
                                   rc == SOMA_DECLINED
                                   ? "the form has no field \"model\""
                                   : "the form cannot be read without doubt: "
                                     "each field once, plain names");
    }

    ctx->ask.model.data = ctx->body.data + ctx->model_span.start;
    ctx->ask.model.len = ctx->model_span.end - ctx->model_span.start;

    if (soma_multipart_field(ctx->body, boundary, "stream", &span) == SOMA_OK
        && span.end - span.start == 4
        && ngx_strncmp(ctx->body.data + span.start, "true", 4) == 0)
    {
        ctx->ask.stream = 1;
        ctx->ask.usage_asked = 1;
    }

    return NGX_OK;
}
