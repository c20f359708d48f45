
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a request asks: its body is looked at once, JSON or a form.
 */


#include "ngx_http_soma_attempt.h"
#include "soma_multipart.h"


/* the most tokens that an image of a form is read as: 65 tiles of OpenAI's
 * image models with high fidelity */
#define NGX_HTTP_SOMA_FORM_IMAGE  6240

#define NGX_HTTP_SOMA_FORM_N_MAX  1024


/* fields of a form that the steps look at */
typedef enum {
    NGX_HTTP_SOMA_FORM_MODEL = 0,
    NGX_HTTP_SOMA_FORM_STREAM,
    NGX_HTTP_SOMA_FORM_N,
    NGX_HTTP_SOMA_FORM_SIZE,
    NGX_HTTP_SOMA_FORM_QUALITY,
    NGX_HTTP_SOMA_FORM_FIELDS
} ngx_http_soma_form_field_e;


static ngx_int_t ngx_http_soma_form_n(ngx_http_soma_ctx_t *ctx, soma_json_span_t
    *span);
static ngx_int_t ngx_http_soma_ask_json(ngx_http_soma_ctx_t *ctx);
static ngx_int_t ngx_http_soma_ask_form(ngx_http_soma_ctx_t *ctx);
static ngx_int_t ngx_http_soma_form_fields(ngx_http_soma_ctx_t *ctx,
    soma_json_span_t *span);
static soma_str_t ngx_http_soma_form_value(ngx_http_soma_ctx_t *ctx,
    soma_json_span_t *span);
static ngx_int_t ngx_http_soma_form_type(ngx_http_soma_ctx_t *ctx,
    soma_str_t boundary);


static const soma_json_want_t
    ngx_http_soma_form_want[NGX_HTTP_SOMA_FORM_FIELDS] =
{
    { soma_string("model"),   1 },
    { soma_string("stream"),  1 },
    { soma_string("n"),       1 },
    { soma_string("size"),    1 },
    { soma_string("quality"), 1 }
};


ngx_int_t
ngx_http_soma_read(ngx_http_soma_ctx_t *ctx)
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

    if (ctx->url.surface->body == SOMA_BODY_FORM) {
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

    soma_json_scan_init(scan, ctx->client->want, SOMA_ASK_TOTAL);
    soma_json_scan_watch(scan, ctx->client->prompt->marks);
    scan->other = soma_policy_find;

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
    ngx_memcpy(ctx->others, scan->others, sizeof(ctx->others));
    ngx_str_set(&ctx->type, "application/json");

    error = NULL;

    if (ctx->client->ask(&ctx->ask, &ctx->arena, ngx_http_soma_body_value, ctx,
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


/* sound comes as a form, which is passed through */
static ngx_int_t
ngx_http_soma_ask_form(ngx_http_soma_ctx_t *ctx)
{
    soma_str_t           boundary, type;
    soma_form_t          form;
    soma_json_span_t     span[NGX_HTTP_SOMA_FORM_FIELDS];
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

    if (ngx_http_soma_form_type(ctx, boundary) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    form.want = ngx_http_soma_form_want;
    form.nwant = NGX_HTTP_SOMA_FORM_FIELDS;
    form.span = span;
    form.other = soma_policy_find;

    if (soma_multipart_form(ctx->body, boundary, &form) != SOMA_OK) {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_BAD_REQUEST, "invalid_form",
                                   "the form cannot be read without doubt: "
                                   "each field once, plain names");
    }

    ngx_memcpy(ctx->others, form.others, sizeof(ctx->others));

    if (ctx->ask.api == SOMA_API_IMAGES) {
        ctx->ask.form_tokens = (int64_t) (ctx->body.len - form.files)
                               + form.nfiles * NGX_HTTP_SOMA_FORM_IMAGE;

    } else {
        ctx->ask.work.audio_ms = soma_work_sound(
                                     ngx_http_soma_form_value(ctx,
                                                              &form.file));
    }

    return ngx_http_soma_form_fields(ctx, span);
}


static ngx_int_t
ngx_http_soma_form_fields(ngx_http_soma_ctx_t *ctx, soma_json_span_t *span)
{
    soma_str_t  stream;

    if (span[NGX_HTTP_SOMA_FORM_MODEL].type == SOMA_JSON_NONE) {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_BAD_REQUEST, "invalid_form",
                                   "the form has no field \"model\"");
    }

    ctx->model_span = span[NGX_HTTP_SOMA_FORM_MODEL];
    ctx->ask.model = ngx_http_soma_form_value(ctx, &ctx->model_span);

    stream = ngx_http_soma_form_value(ctx, &span[NGX_HTTP_SOMA_FORM_STREAM]);

    if (soma_str_is(stream, "true")) {
        ctx->ask.stream = 1;
        ctx->ask.usage_asked = 1;
    }

    if (ctx->ask.api == SOMA_API_IMAGES) {
        ctx->ask.work.images = ctx->ask.n;
        soma_image_asked(&ctx->ask.work.image,
            ngx_http_soma_form_value(ctx, &span[NGX_HTTP_SOMA_FORM_SIZE]),
            ngx_http_soma_form_value(ctx, &span[NGX_HTTP_SOMA_FORM_QUALITY]));
    }

    if (span[NGX_HTTP_SOMA_FORM_N].type == SOMA_JSON_NONE) {
        return NGX_OK;
    }

    return ngx_http_soma_form_n(ctx, &span[NGX_HTTP_SOMA_FORM_N]);
}


static ngx_int_t
ngx_http_soma_form_n(ngx_http_soma_ctx_t *ctx, soma_json_span_t *span)
{
    int64_t  n;

    if (soma_number_int(ngx_http_soma_form_value(ctx, span), &n) != SOMA_OK
        || n < 1 || n > NGX_HTTP_SOMA_FORM_N_MAX)
    {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_BAD_REQUEST, "invalid_form",
                                   "the field \"n\" must be an integer from 1 "
                                   "to %d", NGX_HTTP_SOMA_FORM_N_MAX);
    }

    ctx->ask.n = n;

    if (ctx->ask.work.images) {
        ctx->ask.work.images = n;
    }

    return NGX_OK;
}


static soma_str_t
ngx_http_soma_form_value(ngx_http_soma_ctx_t *ctx, soma_json_span_t *span)
{
    soma_str_t  value;

    value.data = ctx->body.data + span->start;
    value.len = span->end - span->start;

    return value;
}


/* the type that the form was read as, and no other one beside it */
static ngx_int_t
ngx_http_soma_form_type(ngx_http_soma_ctx_t *ctx, soma_str_t boundary)
{
    u_char  *p;

    p = ngx_pnalloc(ctx->request->pool,
                    sizeof("multipart/form-data; boundary=\"\"")
                    + boundary.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    /* a boundary with a blank or a slash in it has to stand in quotes */

    ctx->type.data = p;
    ctx->type.len = ngx_sprintf(p, "multipart/form-data; boundary=%s%*s%s",
                                soma_multipart_token(boundary) ? "" : "\"",
                                boundary.len, boundary.data,
                                soma_multipart_token(boundary) ? "" : "\"")
                    - p;

    return NGX_OK;
}
