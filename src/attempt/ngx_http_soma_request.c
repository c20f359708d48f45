
/*
 * Copyright (C) The ngx_soma authors
 *
 * The bytes a provider gets: the client's headers without what is hop-by-hop,
 * secret or ours; the body as it lies, with the dialect's edits spliced in.
 */


#include "ngx_http_soma_attempt.h"
#include "ngx_http_soma_identify.h"
#include "ngx_http_soma_trace.h"
#include "soma_multipart.h"


static ngx_int_t ngx_http_soma_client_headers(ngx_http_soma_attempt_t *a);
static ngx_uint_t ngx_http_soma_header_passes(ngx_table_elt_t *h);
static ngx_uint_t ngx_http_soma_header_stays(ngx_table_elt_t *h);
static ngx_uint_t ngx_http_soma_is_connection(ngx_table_elt_t *h);
static ngx_uint_t ngx_http_soma_named_by_connection(ngx_http_request_t *r,
    ngx_table_elt_t *h);
static ngx_int_t ngx_http_soma_encode(ngx_http_soma_attempt_t *a,
    soma_json_edits_t *edits);
static ngx_str_t ngx_http_soma_args(ngx_http_request_t *r);


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
    ngx_null_string
};


ngx_int_t
ngx_http_soma_create_request(ngx_http_soma_attempt_t *a)
{
    size_t                     len;
    ngx_buf_t                 *b;
    ngx_str_t                  args;
    soma_out_t                 out;
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

    args = ngx_http_soma_args(r);

    len = sizeof("POST ? HTTP/1.1\r\nHost: \r\nContent-Length: \r\n"
                 "Accept-Encoding: identity\r\nx-request-id: \r\n\r\n")
          + provider->uri.len + a->path.len + args.len + provider->host.len
          + NGX_OFF_T_LEN + provider->auth.len + ctx->id.len + a->headers.len;

    b = ngx_create_temp_buf(r->pool, len);
    cl = ngx_alloc_chain_link(r->pool);

    if (b == NULL || cl == NULL) {
        return NGX_ERROR;
    }

    b->last = ngx_cpymem(b->last, "POST ", 5);
    b->last = ngx_cpymem(b->last, provider->uri.data, provider->uri.len);
    b->last = ngx_cpymem(b->last, a->path.data, a->path.len);

    if (args.len) {
        *b->last++ = '?';
        b->last = ngx_cpymem(b->last, args.data, args.len);
    }

    b->last = ngx_cpymem(b->last, " HTTP/1.1\r\nHost: ",
                         sizeof(" HTTP/1.1\r\nHost: ") - 1);
    b->last = ngx_cpymem(b->last, provider->host.data, provider->host.len);
    b->last = ngx_cpymem(b->last, "\r\nContent-Length: ",
                         sizeof("\r\nContent-Length: ") - 1);

    soma_out_init(&out, b->last, b->end - b->last);
    soma_put_int(&out, soma_json_edited_len(&edits, ctx->ask.body_len));
    b->last = ngx_cpymem(out.pos, "\r\n", 2);

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

            /* whatever Connection names is hop-by-hop as well */

            if (named && ngx_http_soma_named_by_connection(r, &h[i])) {
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
        ngx_http_soma_make_traceparent(p);
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

    if (h->key.len > 7 && ngx_memcmp(h->lowcase_key, "x-soma-", 7) == 0) {
        return 0;
    }

    return !ngx_http_soma_credential_header(h);
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


/* nginx 1.22 keeps no pointer to that header, and there may be several */
static ngx_uint_t
ngx_http_soma_named_by_connection(ngx_http_request_t *r, ngx_table_elt_t *h)
{
    ngx_str_t        *value;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *hc;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        hc = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (!ngx_http_soma_is_connection(&hc[i])) {
                continue;
            }

            value = &hc[i].value;

            if (ngx_strlcasestrn(value->data, value->data + value->len,
                                 h->lowcase_key, h->key.len - 1)
                != NULL)
            {
                return 1;
            }
        }
    }

    return 0;
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
        return a->provider->dialect->encode(&ctx->ask, target, &ctx->arena,
                                            ngx_http_soma_body_value, ctx,
                                            edits);
    }

    /* a form: its field "model" was found when the request was read */

    span = ctx->model_span;

    return soma_json_edit(edits, span.start, span.end, target);
}


/* the query without a key in it, which is Gemini's way to send a credential */
static ngx_str_t
ngx_http_soma_args(ngx_http_request_t *r)
{
    u_char     *p, *end, *last, *d;
    ngx_str_t   args;

    args = r->args;

    if (args.len == 0
        || ngx_strlcasestrn(args.data, args.data + args.len,
                            (u_char *) "key=", 4 - 1)
           == NULL)
    {
        return args;
    }

    d = ngx_pnalloc(r->pool, args.len);
    if (d == NULL) {
        args.len = 0;
        return args;
    }

    p = args.data;
    last = p + args.len;
    args.data = d;

    for ( /* void */ ; p < last; p = end + 1) {

        end = ngx_strlchr(p, last, '&');
        if (end == NULL) {
            end = last;
        }

        if (end - p >= 4 && ngx_strncasecmp(p, (u_char *) "key=", 4) == 0) {
            continue;
        }

        if (d != args.data) {
            *d++ = '&';
        }

        d = ngx_cpymem(d, p, end - p);
    }

    args.len = d - args.data;

    return args;
}
