
/*
 * Copyright (C) The ngx_soma authors
 *
 * The bytes a provider gets: the line, the headers, and the body as it lies
 * with the dialect's edits spliced in, or written anew for a provider of
 * another dialect; and its type as it was read here.
 */


#include "ngx_http_soma_attempt.h"
#include "ngx_http_soma_credentials.h"
#include "soma_query.h"


static ngx_int_t ngx_http_soma_spliced(ngx_http_soma_attempt_t *a,
    ngx_chain_t **body, size_t *len, ngx_str_t *args);
static ngx_str_t ngx_http_soma_request_path(ngx_http_soma_attempt_t *a);
static ngx_int_t ngx_http_soma_request_auth(ngx_http_soma_attempt_t *a,
    ngx_str_t *path, ngx_str_t *args, ngx_chain_t *body, ngx_str_t *auth);
static ngx_int_t ngx_http_soma_request_pieces(ngx_http_soma_attempt_t *a,
    ngx_chain_t *body, soma_sign_t *sign);
static void ngx_http_soma_request_line(ngx_http_soma_attempt_t *a,
    ngx_buf_t *b, ngx_str_t *path, ngx_str_t *args);
static void ngx_http_soma_request_length(ngx_http_soma_ctx_t *ctx,
    ngx_buf_t *b, size_t len);
static ngx_int_t ngx_http_soma_encode(ngx_http_soma_attempt_t *a,
    soma_json_edits_t *edits);
static ngx_int_t ngx_http_soma_args(ngx_http_soma_attempt_t *a,
    ngx_str_t *args);


ngx_int_t
ngx_http_soma_request_create(ngx_http_soma_attempt_t *a)
{
    size_t                     len, body_len;
    ngx_buf_t                 *b;
    ngx_int_t                  rc;
    ngx_str_t                  path, args, auth;
    ngx_chain_t               *cl, *body;
    ngx_http_request_t        *r;
    ngx_http_soma_ctx_t       *ctx;
    ngx_http_soma_provider_t  *provider;

    ctx = a->ctx;
    r = ctx->request;
    provider = a->provider;

    if (ngx_http_soma_request_headers(a) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_str_null(&args);

    if (a->translate) {
        rc = ngx_http_soma_translate_request(a, &body, &body_len, &path);

    } else {
        path = ngx_http_soma_request_path(a);
        rc = ngx_http_soma_spliced(a, &body, &body_len, &args);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (path.len == 0
        || ngx_http_soma_request_auth(a, &path, &args, body, &auth) != NGX_OK)
    {
        return NGX_ERROR;
    }

    len = sizeof("DELETE ? HTTP/1.1\r\nHost: \r\nContent-Length: \r\n"
                 "Content-Type: \r\nAccept-Encoding: identity\r\n"
                 "x-request-id: \r\n\r\n")
          + provider->uri.len + path.len + args.len + provider->host.len
          + NGX_OFF_T_LEN + ctx->type.len + auth.len + ctx->id.len
          + a->headers.len;

    b = ngx_create_temp_buf(r->pool, len);
    cl = ngx_alloc_chain_link(r->pool);

    if (b == NULL || cl == NULL) {
        return NGX_ERROR;
    }

    ngx_http_soma_request_line(a, b, &path, &args);
    ngx_http_soma_request_length(ctx, b, body_len);

    b->last = ngx_cpymem(b->last, auth.data, auth.len);
    b->last = ngx_cpymem(b->last, "Accept-Encoding: identity\r\nx-request-id: ",
                         sizeof("Accept-Encoding: identity\r\n"
                                "x-request-id: ") - 1);
    b->last = ngx_cpymem(b->last, ctx->id.data, ctx->id.len);
    b->last = ngx_cpymem(b->last, "\r\n", 2);
    b->last = ngx_cpymem(b->last, a->headers.data, a->headers.len);
    b->last = ngx_cpymem(b->last, "\r\n", 2);

    b->last_buf = (body == NULL);
    b->flush = 1;
    cl->buf = b;
    cl->next = body;

    a->request_bufs = cl;
    r->upstream->request_bufs = cl;

    return NGX_OK;
}


/* the client's own, with the target's model where a path names it; empty: no
 * memory */
static ngx_str_t
ngx_http_soma_request_path(ngx_http_soma_attempt_t *a)
{
    ngx_http_soma_ctx_t  *ctx;

    ctx = a->ctx;

    if (a->dialect->splice_path == NULL) {
        return ngx_http_soma_ngx(ctx->url.below);
    }

    return ngx_http_soma_ngx(a->dialect->splice_path(&ctx->arena, &ctx->ask,
                                     ngx_http_soma_str(ctx->model->target)));
}


/* the client's own bytes, with its dialect's edits; none where it sent none */
static ngx_int_t
ngx_http_soma_spliced(ngx_http_soma_attempt_t *a, ngx_chain_t **body,
    size_t *len, ngx_str_t *args)
{
    soma_json_edits_t     edits;
    ngx_http_soma_ctx_t  *ctx;

    ctx = a->ctx;
    edits.n = 0;
    *body = NULL;

    if (ngx_http_soma_encode(a, &edits) != NGX_OK
        || ngx_http_soma_args(a, args) != NGX_OK)
    {
        return NGX_ERROR;
    }

    *len = soma_json_edited_len(&edits, ctx->ask.body_len);

    if (ctx->ask.body_len == 0) {
        return NGX_OK;
    }

    *body = ngx_http_soma_body_chain(ctx, &edits);

    return *body ? NGX_OK : NGX_ERROR;
}


/* what shows that the request is ours: a key's line, or a signature of all
 * of the request */
static ngx_int_t
ngx_http_soma_request_auth(ngx_http_soma_attempt_t *a, ngx_str_t *path,
    ngx_str_t *args, ngx_chain_t *body, ngx_str_t *auth)
{
    u_char                       *p;
    soma_out_t                    out;
    soma_sign_t                   sign;
    ngx_http_request_t           *r;
    ngx_http_soma_credentials_t  *c;

    r = a->ctx->request;
    c = a->provider->credentials;
    *auth = a->provider->auth;

    if (c == NULL || a->dialect->sign == NULL) {
        return NGX_OK;
    }

    ngx_memzero(&sign, sizeof(soma_sign_t));

    sign.method = ngx_http_soma_str(r->method_name);
    sign.host = ngx_http_soma_str(a->provider->host);
    sign.args = ngx_http_soma_str(*args);
    sign.type = ngx_http_soma_str(a->ctx->type);
    sign.now = ngx_http_soma_now();
    sign.region = ngx_http_soma_str(a->provider->region);
    sign.id = c->now.id;
    sign.secret = c->now.secret;
    sign.token = c->now.token;

    sign.path.len = a->provider->uri.len + path->len;
    sign.path.data = ngx_pnalloc(r->pool, sign.path.len);
    p = ngx_pnalloc(r->pool, SOMA_SIGN_MAX);

    if (sign.path.data == NULL || p == NULL
        || ngx_http_soma_request_pieces(a, body, &sign) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_memcpy(ngx_cpymem(sign.path.data, a->provider->uri.data,
                          a->provider->uri.len),
               path->data, path->len);

    soma_put_init(&out, p, SOMA_SIGN_MAX);

    if (a->dialect->sign(&sign, &out) != SOMA_OK || out.full) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "soma: a request to provider \"%V\" cannot be signed",
                      &a->provider->name);
        return NGX_ERROR;
    }

    auth->data = p;
    auth->len = out.pos - p;

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_request_pieces(ngx_http_soma_attempt_t *a, ngx_chain_t *body,
    soma_sign_t *sign)
{
    ngx_uint_t    n;
    soma_str_t   *piece;
    ngx_chain_t  *cl;

    for (n = 0, cl = body; cl; cl = cl->next) {
        n++;
    }

    piece = ngx_palloc(a->ctx->request->pool, (n + 1) * sizeof(soma_str_t));
    if (piece == NULL) {
        return NGX_ERROR;
    }

    sign->body = piece;

    for (cl = body; cl; cl = cl->next) {
        piece->data = cl->buf->pos;
        piece->len = cl->buf->last - cl->buf->pos;
        piece++;
    }

    sign->npieces = n;

    return NGX_OK;
}


/* the line, and whose it is */
static void
ngx_http_soma_request_line(ngx_http_soma_attempt_t *a, ngx_buf_t *b,
    ngx_str_t *path, ngx_str_t *args)
{
    ngx_str_t                  method;
    ngx_http_soma_provider_t  *provider;

    provider = a->provider;

    switch (a->ctx->request->method) {

    case NGX_HTTP_GET:
        ngx_str_set(&method, "GET ");
        break;

    case NGX_HTTP_DELETE:
        ngx_str_set(&method, "DELETE ");
        break;

    default:
        ngx_str_set(&method, "POST ");
    }

    b->last = ngx_cpymem(b->last, method.data, method.len);
    b->last = ngx_cpymem(b->last, provider->uri.data, provider->uri.len);
    b->last = ngx_cpymem(b->last, path->data, path->len);

    if (args->len) {
        *b->last++ = ngx_strlchr(path->data, path->data + path->len, '?')
                     ? '&' : '?';
        b->last = ngx_cpymem(b->last, args->data, args->len);
    }

    b->last = ngx_cpymem(b->last, " HTTP/1.1\r\nHost: ",
                         sizeof(" HTTP/1.1\r\nHost: ") - 1);
    b->last = ngx_cpymem(b->last, provider->host.data, provider->host.len);
    b->last = ngx_cpymem(b->last, "\r\n", 2);
}


static void
ngx_http_soma_request_length(ngx_http_soma_ctx_t *ctx, ngx_buf_t *b,
    size_t len)
{
    soma_out_t  out;

    if (ctx->request->method != NGX_HTTP_POST) {
        return;
    }

    b->last = ngx_cpymem(b->last, "Content-Length: ",
                         sizeof("Content-Length: ") - 1);

    soma_put_init(&out, b->last, b->end - b->last);
    soma_put_int(&out, len);
    b->last = ngx_cpymem(out.pos, "\r\n", 2);

    if (ctx->type.len == 0) {
        return;
    }

    b->last = ngx_cpymem(b->last, "Content-Type: ",
                         sizeof("Content-Type: ") - 1);
    b->last = ngx_cpymem(b->last, ctx->type.data, ctx->type.len);
    b->last = ngx_cpymem(b->last, "\r\n", 2);
}


static ngx_int_t
ngx_http_soma_encode(ngx_http_soma_attempt_t *a, soma_json_edits_t *edits)
{
    soma_str_t            target;
    soma_json_span_t      span;
    ngx_http_soma_ctx_t  *ctx;

    ctx = a->ctx;
    target = ngx_http_soma_str(ctx->model->target);

    if (ctx->ask.scan) {
        return a->dialect->splice(&ctx->ask, target, &ctx->arena,
                                            ngx_http_soma_body_value, ctx,
                                            edits);
    }

    if (ctx->ask.body_len == 0) {
        return NGX_OK;
    }

    /* a form: its field "model" was found when the request was read */

    span = ctx->model_span;

    return soma_json_edit(edits, span.start, span.end, target);
}


/* what stands in a query is told to nobody, but for what a dialect knows */
static ngx_int_t
ngx_http_soma_args(ngx_http_soma_attempt_t *a, ngx_str_t *args)
{
    ngx_http_request_t  *r;

    r = a->ctx->request;
    ngx_str_null(args);

    if (r->args.len == 0) {
        return NGX_OK;
    }

    args->data = ngx_pnalloc(r->pool, r->args.len);
    if (args->data == NULL) {
        return NGX_ERROR;
    }

    args->len = soma_query_pass(ngx_http_soma_str(r->args),
                                a->ctx->ask.api == SOMA_API_STORED
                                ? a->dialect->stored_args
                                : a->dialect->args, args->data);

    return NGX_OK;
}
