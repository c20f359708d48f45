
/*
 * Copyright (C) The ngx_soma authors
 *
 * The header of a provider's answer, and what its status says.
 */


#include "ngx_http_soma_attempt.h"


static ngx_uint_t ngx_http_soma_header_is(ngx_table_elt_t *h,
    const char *name);
static ngx_int_t ngx_http_soma_process_header(ngx_http_request_t *r);
static ngx_int_t ngx_http_soma_interim_header(ngx_http_request_t *r);
static ngx_int_t ngx_http_soma_status_line(ngx_http_soma_attempt_t *a);
static ngx_int_t ngx_http_soma_header_line(ngx_http_soma_attempt_t *a);
static ngx_uint_t ngx_http_soma_header_ours(ngx_table_elt_t *h);
static void ngx_http_soma_header_hops(ngx_http_soma_attempt_t *a);
static void ngx_http_soma_retry_after(ngx_http_soma_attempt_t *a,
    ngx_table_elt_t *h);
static ngx_int_t ngx_http_soma_header_done(ngx_http_soma_attempt_t *a);
static void ngx_http_soma_content_type(ngx_http_soma_attempt_t *a);
static ngx_uint_t ngx_http_soma_type_is(ngx_str_t *type, const char *name,
    size_t len);
static ngx_int_t ngx_http_soma_bad_status(ngx_http_soma_attempt_t *a);


static const struct {
    ngx_uint_t   status;
    const char  *reason;
} ngx_http_soma_reasons[] = {
    { 204, "http_204" },
    { 304, "http_304" },
    { 400, "http_400" },
    { 401, "http_401" },
    { 402, "http_402" },
    { 403, "http_403" },
    { 404, "http_404" },
    { 408, "http_408" },
    { 413, "http_413" },
    { 407, "http_407" },
    { 422, "http_422" },
    { 429, "http_429" },
    { 500, "http_500" },
    { 502, "http_502" },
    { 503, "http_503" },
    { 504, "http_504" },
    { 529, "http_529" },
    { 0, NULL }
};


const char *
ngx_http_soma_header_reason(ngx_uint_t status)
{
    ngx_uint_t  i;

    for (i = 0; ngx_http_soma_reasons[i].status; i++) {
        if (ngx_http_soma_reasons[i].status == status) {
            return ngx_http_soma_reasons[i].reason;
        }
    }

    return status >= 500 ? "http_5xx" : status >= 400 ? "http_4xx"
           : status >= 300 ? "http_3xx" : "http_2xx";
}


ngx_int_t
ngx_http_soma_header_status(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_http_soma_ctx_t      *ctx;
    ngx_http_soma_attempt_t  *a;

    ctx = ngx_http_soma_get_ctx(r);
    a = ctx->attempt;

    rc = ngx_http_parse_status_line(r, &r->upstream->buffer, &a->status);

    if (rc == NGX_AGAIN) {
        ngx_http_soma_silence_begin(a);
        return rc;
    }

    if (rc == NGX_ERROR) {
        return ngx_http_soma_peek_reject(a, SOMA_FAIL_LOST,
                                         "an answer that is no HTTP");
    }

    if (a->status.code >= 100 && a->status.code < 200) {

        /* an interim answer: the one that counts is still to come */

        if (a->status.code == NGX_HTTP_SWITCHING_PROTOCOLS
            || ++a->interim > NGX_HTTP_SOMA_INTERIM_MAX)
        {
            return ngx_http_soma_peek_reject(a, SOMA_FAIL_LOST,
                                           "an interim answer that has no end");
        }

        r->upstream->process_header = ngx_http_soma_interim_header;

        return ngx_http_soma_interim_header(r);
    }

    if (ngx_http_soma_status_line(a) != NGX_OK) {
        return NGX_ERROR;
    }

    r->upstream->process_header = ngx_http_soma_process_header;

    return ngx_http_soma_process_header(r);
}


/* its lines are passed over, and the buffer is as it was before it came */
static ngx_int_t
ngx_http_soma_interim_header(ngx_http_request_t *r)
{
    size_t                    len;
    ngx_int_t                 rc;
    ngx_buf_t                *b;
    ngx_http_soma_ctx_t      *ctx;
    ngx_http_soma_attempt_t  *a;

    ctx = ngx_http_soma_get_ctx(r);
    a = ctx->attempt;
    b = &r->upstream->buffer;

    do {
        rc = ngx_http_parse_header_line(r, b, 1);

    } while (rc == NGX_OK);

    if (rc == NGX_AGAIN) {
        ngx_http_soma_silence_begin(a);
        return rc;
    }

    if (rc != NGX_HTTP_PARSE_HEADER_DONE) {
        return ngx_http_soma_peek_reject(a, SOMA_FAIL_LOST,
                                         "an answer with a broken header");
    }

    len = b->last - b->pos;
    ngx_memmove(b->start, b->pos, len);
    b->pos = b->start;
    b->last = b->start + len;

    ngx_memzero(&a->status, sizeof(ngx_http_status_t));
    r->upstream->process_header = ngx_http_soma_header_status;

    return ngx_http_soma_header_status(r);
}


static ngx_int_t
ngx_http_soma_status_line(ngx_http_soma_attempt_t *a)
{
    size_t                len;
    ngx_http_request_t   *r;
    ngx_http_upstream_t  *u;

    r = a->ctx->request;
    u = r->upstream;

    if (u->state && u->state->status == 0) {
        u->state->status = a->status.code;
    }

    u->headers_in.status_n = a->status.code;

    len = a->status.end - a->status.start;
    u->headers_in.status_line.len = len;
    u->headers_in.status_line.data = ngx_pnalloc(r->pool, len);

    if (u->headers_in.status_line.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(u->headers_in.status_line.data, a->status.start, len);

    if (a->status.http_version < NGX_HTTP_VERSION_11) {
        u->headers_in.connection_close = 1;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_process_header(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_http_soma_ctx_t      *ctx;
    ngx_http_soma_attempt_t  *a;

    ctx = ngx_http_soma_get_ctx(r);
    a = ctx->attempt;

    if (a->nudged) {
        ngx_http_soma_beat_taken(a);
    }

    while (!a->header) {

        rc = ngx_http_parse_header_line(r, &r->upstream->buffer, 1);

        if (rc == NGX_OK) {
            if (ngx_http_soma_header_line(a) != NGX_OK) {
                return NGX_ERROR;
            }

            continue;
        }

        if (rc == NGX_AGAIN) {
            ngx_http_soma_silence_begin(a);
            return NGX_AGAIN;
        }

        if (rc != NGX_HTTP_PARSE_HEADER_DONE) {
            return ngx_http_soma_peek_reject(a, SOMA_FAIL_LOST,
                                             "an answer with a broken header");
        }

        a->header = 1;
        a->rest = r->upstream->headers_in.content_length_n;

        if (a->hops) {
            ngx_http_soma_header_hops(a);
        }

        rc = ngx_http_soma_gunzip_start(a);

        if (rc == NGX_OK) {
            rc = ngx_http_soma_header_done(a);
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    rc = ngx_http_soma_peek(a);

    if (rc == NGX_AGAIN) {
        ngx_http_soma_silence_begin(a);
        ngx_http_soma_beat_header(a);
    }

    return rc;
}


static ngx_int_t
ngx_http_soma_header_line(ngx_http_soma_attempt_t *a)
{
    soma_str_t                      name, value;
    ngx_table_elt_t                *h;
    ngx_http_request_t             *r;
    ngx_http_upstream_t            *u;
    ngx_http_upstream_header_t     *hh;
    ngx_http_upstream_main_conf_t  *umcf;

    r = a->ctx->request;
    u = r->upstream;

    h = ngx_list_push(&u->headers_in.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = r->header_hash;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    h->key.len = r->header_name_end - r->header_name_start;
    h->value.len = r->header_end - r->header_start;

    h->key.data = ngx_pnalloc(r->pool,
                              h->key.len + 1 + h->value.len + 1 + h->key.len);
    if (h->key.data == NULL) {
        h->hash = 0;
        return NGX_ERROR;
    }

    h->value.data = h->key.data + h->key.len + 1;
    h->lowcase_key = h->value.data + h->value.len + 1;

    soma_copy(h->key.data, r->header_name_start, h->key.len);
    h->key.data[h->key.len] = '\0';
    soma_copy(h->value.data, r->header_start, h->value.len);
    h->value.data[h->value.len] = '\0';

    if (h->key.len == r->lowcase_index) {
        soma_copy(h->lowcase_key, r->lowcase_header, h->key.len);

    } else {
        ngx_strlow(h->lowcase_key, h->key.data, h->key.len);
    }

    if (ngx_http_soma_header_ours(h)) {

        /* a header without a hash is not sent */

        h->hash = 0;
        return NGX_OK;
    }

    ngx_http_soma_retry_after(a, h);

    if (a->dialect->usage_header) {
        name.len = h->key.len;
        name.data = h->lowcase_key;
        value.len = h->value.len;
        value.data = h->value.data;

        a->dialect->usage_header(&a->told, name, value);
    }

    if (ngx_http_soma_header_is(h, "content-encoding")) {
        a->encoding = h;

    } else if (ngx_http_soma_header_is(h, "connection")) {
        a->hops = 1;
    }

    umcf = ngx_http_get_module_main_conf(r, ngx_http_upstream_module);

    hh = ngx_hash_find(&umcf->headers_in_hash, h->hash, h->lowcase_key,
                       h->key.len);

    if (hh) {
        return hh->handler(r, h, hh->offset);
    }

    return NGX_OK;
}


/*
 * What this gateway says itself, and what is said about another origin than
 * the client's: a gateway behind this one says both too.
 */
static ngx_uint_t
ngx_http_soma_header_ours(ngx_table_elt_t *h)
{
    ngx_uint_t  i;

    static const ngx_str_t  prefixes[] = {
        ngx_string("access-control-"),
        ngx_string("x-soma-")
    };

    for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {

        if (h->key.len >= prefixes[i].len
            && h->lowcase_key[0] == prefixes[i].data[0]
            && soma_same(h->lowcase_key, prefixes[i].data, prefixes[i].len))
        {
            return 1;
        }
    }

    return 0;
}


/* RFC 9110 7.6.1: what Connection names is for us alone; what says how the
 * body is to be read is nobody's to take away */
static void
ngx_http_soma_header_hops(ngx_http_soma_attempt_t *a)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part, *list;
    ngx_table_elt_t  *h;

    list = &a->ctx->request->upstream->headers_in.headers.part;

    for (part = list; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].hash == 0
                || (h[i].key.len > 8
                    && soma_same(h[i].lowcase_key, "content-", 8)))
            {
                continue;
            }

            if (ngx_http_soma_header_hop(list, h[i].lowcase_key,
                                         h[i].key.len)) {
                h[i].hash = 0;
            }
        }
    }
}


ngx_uint_t
ngx_http_soma_header_hop(ngx_list_part_t *part, u_char *name, size_t len)
{
    ngx_uint_t        i;
    soma_str_t        s;
    ngx_table_elt_t  *h;

    s.data = name;
    s.len = len;

    for ( /* void */ ; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (ngx_http_soma_header_is(&h[i], "connection")
                && soma_str_in_list(ngx_http_soma_str(h[i].value), s))
            {
                return 1;
            }
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_soma_header_is(ngx_table_elt_t *h, const char *name)
{
    return h->key.len == ngx_strlen(name)
           && soma_same(h->lowcase_key, name, h->key.len);
}


/* RFC 9110 10.2.3: seconds or a date; OpenAI's own in milliseconds wins */
static void
ngx_http_soma_retry_after(ngx_http_soma_attempt_t *a, ngx_table_elt_t *h)
{
    time_t   when;
    int64_t  n;

    if (h->key.len == sizeof("retry-after-ms") - 1
        && ngx_strncmp(h->lowcase_key, "retry-after-ms", h->key.len) == 0)
    {
        if (soma_number_int(ngx_http_soma_str(h->value), &n) == SOMA_OK) {
            a->retry_after_ms = n;
        }

        return;
    }

    if (a->retry_after_ms
        || h->key.len != sizeof("retry-after") - 1
        || ngx_strncmp(h->lowcase_key, "retry-after", h->key.len) != 0)
    {
        return;
    }

    if (soma_number_int(ngx_http_soma_str(h->value), &n) == SOMA_OK) {
        a->retry_after_ms = n < SOMA_HEALTH_OPEN_MAX_MS
                            ? n * 1000 : SOMA_HEALTH_OPEN_MAX_MS;
        return;
    }

    when = ngx_parse_http_time(h->value.data, h->value.len);

    if (when != (time_t) NGX_ERROR && when > ngx_time()) {
        a->retry_after_ms = (int64_t) (when - ngx_time()) * 1000;
    }
}


static ngx_int_t
ngx_http_soma_header_done(ngx_http_soma_attempt_t *a)
{
    ngx_http_upstream_t  *u;

    u = a->ctx->request->upstream;

    if (u->headers_in.chunked) {
        a->rest = -1;
        u->headers_in.content_length_n = -1;
    }

    if (a->status.code == NGX_HTTP_NO_CONTENT
        || a->status.code == NGX_HTTP_NOT_MODIFIED)
    {
        u->headers_in.chunked = 0;
        a->rest = 0;
    }

    /* nothing follows: waiting for more would be waiting for the timeout */

    a->ended = (a->rest == 0);

    a->fail = soma_retry_fail((int) a->status.code);
    a->good = (a->fail == SOMA_FAIL_NONE);

    ngx_http_soma_content_type(a);

    if (a->good) {
        return NGX_OK;
    }

    return ngx_http_soma_bad_status(a);
}


static void
ngx_http_soma_content_type(ngx_http_soma_attempt_t *a)
{
    ngx_str_t            *type;
    ngx_http_upstream_t  *u;

    u = a->ctx->request->upstream;

    if (a->good && a->ctx->ask.stream
        && a->dialect->framing != SOMA_FRAMING_SSE)
    {
        /* such a stream has one form only, and types of many names */

        a->event_stream = 1;
        a->ctx->answer.stream = 1;
        return;
    }

    if (u->headers_in.content_type == NULL) {

        /* it does not say: it is taken for what was asked for */

        a->event_stream = a->ctx->ask.stream;
        a->json = !a->event_stream;
        a->ctx->answer.stream = a->event_stream;
        return;
    }

    type = &u->headers_in.content_type->value;

    if (ngx_http_soma_type_is(type, "application/json", 16)) {
        a->json = 1;

    } else if (ngx_http_soma_type_is(type, "text/event-stream", 17)) {
        a->event_stream = 1;
        a->ctx->answer.stream = 1;
    }
}


/* as it is written everywhere, or else in any case; parameters may follow */
static ngx_uint_t
ngx_http_soma_type_is(ngx_str_t *type, const char *name, size_t len)
{
    if (type->len < len) {
        return 0;
    }

    return ngx_memcmp(type->data, name, len) == 0
           || ngx_strncasecmp(type->data, (u_char *) name, len) == 0;
}


/* what a status means by itself; NGX_OK: the body is to be looked at */
static ngx_int_t
ngx_http_soma_bad_status(ngx_http_soma_attempt_t *a)
{
    /* the body tells whether it is about what was added to the request */

    if (a->usage_added && a->fail == SOMA_FAIL_STATUS) {
        return NGX_OK;
    }

    if (!ngx_http_soma_target_early(a)) {
        return NGX_OK;
    }

    return ngx_http_soma_peek_reject(a, a->fail,
                                     ngx_http_soma_header_reason(
                                                             a->status.code));
}
