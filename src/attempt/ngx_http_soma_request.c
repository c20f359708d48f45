
/*
 * Copyright (C) The ngx_soma authors
 *
 * The bytes a provider gets: the client's headers without what is hop-by-hop,
 * secret, ours, or policy of another gateway; the body as it lies, with the
 * dialect's edits spliced in, and its type as it was read here.
 */


#include "ngx_http_soma_attempt.h"
#include "ngx_http_soma_identify.h"
#include "ngx_http_soma_trace.h"
#include "soma_query.h"


static void ngx_http_soma_request_line(ngx_http_soma_attempt_t *a,
    ngx_buf_t *b, ngx_str_t *args);
static void ngx_http_soma_request_length(ngx_http_soma_ctx_t *ctx,
    ngx_buf_t *b, size_t len);
static ngx_int_t ngx_http_soma_client_headers(ngx_http_soma_attempt_t *a);
static ngx_uint_t ngx_http_soma_header_passes(ngx_table_elt_t *h);
static ngx_uint_t ngx_http_soma_header_begins(ngx_table_elt_t *h);
static ngx_uint_t ngx_http_soma_header_stays(ngx_table_elt_t *h);
static ngx_uint_t ngx_http_soma_is_connection(ngx_table_elt_t *h);
static ngx_int_t ngx_http_soma_encode(ngx_http_soma_attempt_t *a,
    soma_json_edits_t *edits);
static ngx_int_t ngx_http_soma_args(ngx_http_soma_attempt_t *a,
    ngx_str_t *args);


/* lower-case names that never travel to a provider */
static ngx_str_t  ngx_http_soma_stay_headers[] = {
    ngx_string("host"),
    ngx_string("connection"),
    ngx_string("content-length"),
    ngx_string("transfer-encoding"),
    ngx_string("accept-encoding"),
    ngx_string("x-request-id"),
    ngx_string("cookie"),
    ngx_string("expect"),
    ngx_string("te"),
    ngx_string("trailer"),
    ngx_string("upgrade"),
    ngx_string("keep-alive"),
    ngx_string("proxy-connection"),
    ngx_string("proxy-authorization"),
    ngx_string("http2-settings"),
    ngx_string("forwarded"),
    ngx_string("x-forwarded-for"),
    ngx_string("x-real-ip"),
    ngx_string("openai-organization"),
    ngx_string("openai-project"),
    ngx_string("x-session-id"),
    ngx_string("content-type"),
    ngx_string("content-encoding"),
    ngx_string("content-range"),
    ngx_string("range"),
    ngx_string("if-match"),
    ngx_string("if-none-match"),
    ngx_string("if-modified-since"),
    ngx_string("if-unmodified-since"),
    ngx_string("if-range"),
    ngx_string("extra-parameters"),
    ngx_string("azureml-model-deployment"),
    ngx_null_string
};


/* beginnings of such names: by these aggregators, and proxies before a
 * provider, are told of another model, key, address or method */
static ngx_str_t  ngx_http_soma_stay_prefixes[] = {
    ngx_string("x-soma-"),
    ngx_string("x-portkey-"),
    ngx_string("x-litellm-"),
    ngx_string("x-openrouter-"),
    ngx_string("x-ai-eg-"),
    ngx_string("x-bf-"),
    ngx_string("x-tfy-"),
    ngx_string("x-kong-"),
    ngx_string("x-envoy-"),
    ngx_string("x-forwarded-"),
    ngx_string("x-original-"),
    ngx_string("x-rewrite-"),
    ngx_string("x-http-method"),
    ngx_string("x-method-override"),
    ngx_string("x-host"),
    ngx_string("x-model"),
    ngx_string("x-provider"),
    ngx_string("x-upstream-"),
    ngx_string("x-target-"),
    ngx_string("x-amz-"),
    ngx_string("x-goog-"),
    ngx_string("x-ms-"),
    ngx_string("x-accel-"),
    ngx_string("ai-gateway-"),
    ngx_string("cf-aig-"),
    ngx_string("helicone-"),
    ngx_null_string
};


ngx_int_t
ngx_http_soma_request_create(ngx_http_soma_attempt_t *a)
{
    size_t                     len;
    ngx_buf_t                 *b;
    ngx_str_t                  args;
    ngx_chain_t               *cl, *body;
    soma_json_edits_t          edits;
    ngx_http_request_t        *r;
    ngx_http_soma_ctx_t       *ctx;
    ngx_http_soma_provider_t  *provider;

    ctx = a->ctx;
    r = ctx->request;
    provider = a->provider;

    if (a->headers.data == NULL && ngx_http_soma_client_headers(a) != NGX_OK) {
        return NGX_ERROR;
    }

    edits.n = 0;

    if (ngx_http_soma_encode(a, &edits) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_soma_args(a, &args) != NGX_OK) {
        return NGX_ERROR;
    }

    len = sizeof("DELETE ? HTTP/1.1\r\nHost: \r\nContent-Length: \r\n"
                 "Content-Type: \r\nAccept-Encoding: identity\r\n"
                 "x-request-id: \r\n\r\n")
          + provider->uri.len + a->path.len + args.len + provider->host.len
          + NGX_OFF_T_LEN + ctx->type.len + provider->auth.len + ctx->id.len
          + a->headers.len;

    b = ngx_create_temp_buf(r->pool, len);
    cl = ngx_alloc_chain_link(r->pool);

    if (b == NULL || cl == NULL) {
        return NGX_ERROR;
    }

    ngx_http_soma_request_line(a, b, &args);
    ngx_http_soma_request_length(ctx, b,
                                 soma_json_edited_len(&edits,
                                                      ctx->ask.body_len));

    b->last = ngx_cpymem(b->last, provider->auth.data, provider->auth.len);
    b->last = ngx_cpymem(b->last, "Accept-Encoding: identity\r\nx-request-id: ",
                         sizeof("Accept-Encoding: identity\r\n"
                                "x-request-id: ") - 1);
    b->last = ngx_cpymem(b->last, ctx->id.data, ctx->id.len);
    b->last = ngx_cpymem(b->last, "\r\n", 2);
    b->last = ngx_cpymem(b->last, a->headers.data, a->headers.len);
    b->last = ngx_cpymem(b->last, "\r\n", 2);

    body = NULL;

    if (ctx->ask.body_len) {
        body = ngx_http_soma_body_chain(ctx, &edits);

        if (body == NULL) {
            return NGX_ERROR;
        }

    } else {
        b->last_buf = 1;
    }

    b->flush = 1;
    cl->buf = b;
    cl->next = body;

    a->request_bufs = cl;
    r->upstream->request_bufs = cl;

    return NGX_OK;
}


/* the line, and whose it is */
static void
ngx_http_soma_request_line(ngx_http_soma_attempt_t *a, ngx_buf_t *b,
    ngx_str_t *args)
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
    b->last = ngx_cpymem(b->last, a->path.data, a->path.len);

    if (args->len) {
        *b->last++ = '?';
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


/* once a request: every target gets the same */
static ngx_int_t
ngx_http_soma_client_headers(ngx_http_soma_attempt_t *a)
{
    size_t               len;
    u_char              *p;
    ngx_uint_t           i, trace, named;
    ngx_list_part_t     *part;
    ngx_table_elt_t     *h;
    ngx_http_request_t  *r;

    r = a->ctx->request;
    named = 0;
    len = sizeof("traceparent: \r\n") + NGX_HTTP_SOMA_TRACEPARENT;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            len += h[i].key.len + h[i].value.len + sizeof(": \r\n") - 1;
            named |= ngx_http_soma_is_connection(&h[i]);
        }
    }

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    a->headers.data = p;
    trace = 0;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (!ngx_http_soma_header_passes(&h[i])) {
                continue;
            }

            /* who the user is was said to us */

            if (a->ctx->conf->user_header.len == h[i].key.len
                && soma_same(h[i].lowcase_key,
                             a->ctx->conf->user_header.data, h[i].key.len))
            {
                continue;
            }

            /* whatever Connection names is hop-by-hop as well */

            if (named && ngx_http_soma_header_hop(&r->headers_in.headers.part,
                                                h[i].lowcase_key, h[i].key.len))
            {
                continue;
            }

            if (h[i].key.len == sizeof("traceparent") - 1
                && soma_same(h[i].lowcase_key, "traceparent", 11))
            {
                trace = 1;
            }

            p = ngx_cpymem(p, h[i].key.data, h[i].key.len);
            *p++ = ':';
            *p++ = ' ';
            p = ngx_cpymem(p, h[i].value.data, h[i].value.len);
            *p++ = '\r';
            *p++ = '\n';
        }
    }

    if (!trace) {
        p = ngx_cpymem(p, "traceparent: ", sizeof("traceparent: ") - 1);
        ngx_http_soma_trace_parent(p);
        p += NGX_HTTP_SOMA_TRACEPARENT;
        *p++ = '\r';
        *p++ = '\n';
    }

    a->headers.len = p - a->headers.data;

    return NGX_OK;
}


static ngx_uint_t
ngx_http_soma_header_passes(ngx_table_elt_t *h)
{
    if (ngx_http_soma_header_stays(h)) {
        return 0;
    }

    if (ngx_http_soma_header_begins(h)) {
        return 0;
    }

    return !ngx_http_soma_credential_header(h);
}


static ngx_uint_t
ngx_http_soma_header_begins(ngx_table_elt_t *h)
{
    ngx_str_t  *name;

    if (h->key.len < 3
        || (h->lowcase_key[1] != '-' && h->lowcase_key[2] != '-'
            && h->lowcase_key[0] != 'h'))
    {
        return 0;
    }

    for (name = ngx_http_soma_stay_prefixes; name->len; name++) {
        if (name->len <= h->key.len
            && name->data[2] == h->lowcase_key[2]
            && ngx_memcmp(name->data, h->lowcase_key, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* a bit for each pair of a length and a first letter: most headers are none
 * of those that stay, and are told from them at once */
#define ngx_http_soma_stay_bit(len, c)                                        \
    ((uint64_t) 1 << (((len) * 5 + (c)) & 63))


static ngx_uint_t
ngx_http_soma_header_stays(ngx_table_elt_t *h)
{
    ngx_str_t  *name;

    static uint64_t  bits;

    if (h->key.len == 0) {
        return 0;
    }

    if (bits == 0) {
        for (name = ngx_http_soma_stay_headers; name->len; name++) {
            bits |= ngx_http_soma_stay_bit(name->len, name->data[0]);
        }
    }

    if (!(bits & ngx_http_soma_stay_bit(h->key.len, h->lowcase_key[0]))) {
        return 0;
    }

    for (name = ngx_http_soma_stay_headers; name->len; name++) {
        if (name->len == h->key.len
            && name->data[0] == h->lowcase_key[0]
            && soma_same(name->data, h->lowcase_key, name->len))
        {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_soma_is_connection(ngx_table_elt_t *h)
{
    return h->key.len == sizeof("connection") - 1
           && soma_same(h->lowcase_key, "connection", h->key.len);
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
        return a->provider->dialect->splice(&ctx->ask, target, &ctx->arena,
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
                                ? a->provider->dialect->stored_args
                                : a->provider->dialect->args, args->data);

    return NGX_OK;
}
