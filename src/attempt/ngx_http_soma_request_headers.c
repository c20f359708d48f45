
/*
 * Copyright (C) The ngx_soma authors
 *
 * The headers a provider gets: the client's without what is hop-by-hop,
 * secret, ours, policy of another gateway, or of another dialect than the
 * provider's; and those that the provider's dialect wants.
 */


#include "ngx_http_soma_attempt.h"
#include "ngx_http_soma_identify.h"
#include "ngx_http_soma_trace.h"


static size_t ngx_http_soma_request_headers_len(ngx_http_soma_attempt_t *a,
    ngx_uint_t *named);
static u_char *ngx_http_soma_request_own(ngx_http_soma_attempt_t *a,
    u_char *p);
static u_char *ngx_http_soma_request_line_of(u_char *p, u_char *name,
    size_t name_len, u_char *value, size_t value_len);
static ngx_uint_t ngx_http_soma_request_passes(ngx_http_soma_attempt_t *a,
    ngx_table_elt_t *h, ngx_uint_t named);
static ngx_uint_t ngx_http_soma_request_begins(ngx_table_elt_t *h);
static ngx_uint_t ngx_http_soma_request_stays(ngx_table_elt_t *h);
static ngx_uint_t ngx_http_soma_request_connection(ngx_table_elt_t *h);


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


/* once for all targets of a dialect */
ngx_int_t
ngx_http_soma_request_headers(ngx_http_soma_attempt_t *a)
{
    u_char               *p;
    ngx_uint_t            i, trace, named;
    ngx_list_part_t      *part;
    ngx_table_elt_t      *h;
    ngx_http_request_t   *r;

    if (a->headers_of == a->dialect) {
        return NGX_OK;
    }

    r = a->ctx->request;

    p = ngx_pnalloc(r->pool, ngx_http_soma_request_headers_len(a, &named));
    if (p == NULL) {
        return NGX_ERROR;
    }

    a->headers_of = a->dialect;
    a->headers.data = p;
    trace = 0;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (!ngx_http_soma_request_passes(a, &h[i], named)) {
                continue;
            }

            if (h[i].key.len == sizeof("traceparent") - 1
                && soma_same(h[i].lowcase_key, "traceparent", 11))
            {
                trace = 1;
            }

            p = ngx_http_soma_request_line_of(p, h[i].key.data, h[i].key.len,
                                              h[i].value.data,
                                              h[i].value.len);
        }
    }

    p = ngx_http_soma_request_own(a, p);

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


/* the most that they come to; named: there is a Connection */
static size_t
ngx_http_soma_request_headers_len(ngx_http_soma_attempt_t *a,
    ngx_uint_t *named)
{
    size_t                 len;
    ngx_uint_t             i;
    ngx_list_part_t       *part;
    ngx_table_elt_t       *h;
    const soma_dialect_t  *dialect;

    *named = 0;
    len = sizeof("traceparent: \r\n") + NGX_HTTP_SOMA_TRACEPARENT;

    part = &a->ctx->request->headers_in.headers.part;

    for ( /* void */ ; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            len += h[i].key.len + h[i].value.len + sizeof(": \r\n") - 1;
            *named |= ngx_http_soma_request_connection(&h[i]);
        }
    }

    dialect = a->dialect;

    for (i = 0; i < dialect->nheaders; i++) {
        len += dialect->headers[i].name.len + dialect->headers[i].value.len
               + sizeof(": \r\n") - 1;
    }

    return len;
}


/* what the dialect wants, and a client of it may have said itself */
static u_char *
ngx_http_soma_request_own(ngx_http_soma_attempt_t *a, u_char *p)
{
    ngx_str_t             name;
    ngx_uint_t            i;
    const soma_header_t  *own;

    own = a->dialect->headers;

    for (i = 0; i < a->dialect->nheaders; i++) {

        name = ngx_http_soma_ngx(own[i].name);

        if (!a->translate
            && ngx_http_soma_header_in(a->ctx->request, &name) != NULL)
        {
            continue;
        }

        p = ngx_http_soma_request_line_of(p, own[i].name.data,
                                          own[i].name.len, own[i].value.data,
                                          own[i].value.len);
    }

    return p;
}


static u_char *
ngx_http_soma_request_line_of(u_char *p, u_char *name, size_t name_len,
    u_char *value, size_t value_len)
{
    p = ngx_cpymem(p, name, name_len);
    *p++ = ':';
    *p++ = ' ';
    p = ngx_cpymem(p, value, value_len);
    *p++ = '\r';
    *p++ = '\n';

    return p;
}


static ngx_uint_t
ngx_http_soma_request_passes(ngx_http_soma_attempt_t *a, ngx_table_elt_t *h,
    ngx_uint_t named)
{
    ngx_str_t         *user;
    const soma_str_t         *own;
    ngx_list_part_t   *part;

    if (ngx_http_soma_request_stays(h) || ngx_http_soma_request_begins(h)
        || ngx_http_soma_credential_header(h))
    {
        return 0;
    }

    /* who the user is was said to us */

    user = &a->ctx->conf->user_header;

    if (user->len == h->key.len
        && soma_same(h->lowcase_key, user->data, h->key.len))
    {
        return 0;
    }

    for (own = a->ctx->client->own_headers; a->translate && own && own->len;
         own++)
    {
        if (h->key.len >= own->len
            && soma_same(h->lowcase_key, own->data, own->len))
        {
            return 0;
        }
    }

    /* whatever Connection names is hop-by-hop as well */

    part = &a->ctx->request->headers_in.headers.part;

    return !named || !ngx_http_soma_header_hop(part, h->lowcase_key,
                                               h->key.len);
}


static ngx_uint_t
ngx_http_soma_request_begins(ngx_table_elt_t *h)
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
ngx_http_soma_request_stays(ngx_table_elt_t *h)
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
ngx_http_soma_request_connection(ngx_table_elt_t *h)
{
    return h->key.len == sizeof("connection") - 1
           && soma_same(h->lowcase_key, "connection", h->key.len);
}
