
/*
 * Copyright (C) The ngx_soma authors
 *
 * The header of a provider's answer, and the first look at its body: whether
 * it is good enough to begin the client's answer with.
 */


#include "ngx_http_soma_attempt.h"
#include "ngx_http_soma_plan.h"
#include "ngx_http_soma_settle.h"
#include "soma_look.h"


static ngx_int_t ngx_http_soma_process_header(ngx_http_request_t *r);
static ngx_int_t ngx_http_soma_header_line(ngx_http_soma_attempt_t *a);
static void ngx_http_soma_retry_after(ngx_http_soma_attempt_t *a,
    ngx_table_elt_t *h);
static ngx_int_t ngx_http_soma_header_done(ngx_http_soma_attempt_t *a);
static void ngx_http_soma_content_type(ngx_http_soma_attempt_t *a);
static ngx_uint_t ngx_http_soma_type_is(ngx_str_t *type, const char *name,
    size_t len);
static ngx_int_t ngx_http_soma_bad_status(ngx_http_soma_attempt_t *a);
static ngx_int_t ngx_http_soma_first_event(ngx_http_soma_attempt_t *a);
static ngx_uint_t ngx_http_soma_may_move_on(ngx_http_soma_attempt_t *a);
static void ngx_http_soma_accept(ngx_http_soma_attempt_t *a);


static const struct {
    ngx_uint_t   status;
    const char  *reason;
} ngx_http_soma_reasons[] = {
    { 400, "http_400" },
    { 401, "http_401" },
    { 402, "http_402" },
    { 403, "http_403" },
    { 404, "http_404" },
    { 408, "http_408" },
    { 413, "http_413" },
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
ngx_http_soma_status_reason(ngx_uint_t status)
{
    ngx_uint_t  i;

    for (i = 0; ngx_http_soma_reasons[i].status; i++) {
        if (ngx_http_soma_reasons[i].status == status) {
            return ngx_http_soma_reasons[i].reason;
        }
    }

    return status >= 500 ? "http_5xx" : "http_4xx";
}


ngx_int_t
ngx_http_soma_process_status(ngx_http_request_t *r)
{
    size_t                    len;
    ngx_int_t                 rc;
    ngx_http_upstream_t      *u;
    ngx_http_soma_ctx_t      *ctx;
    ngx_http_soma_attempt_t  *a;

    ctx = ngx_http_soma_get_ctx(r);
    a = ctx->attempt;
    u = r->upstream;

    rc = ngx_http_parse_status_line(r, &u->buffer, &a->status);

    if (rc == NGX_AGAIN) {
        return rc;
    }

    if (rc == NGX_ERROR) {
        a->reason = "an answer that is no HTTP";
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

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

    u->process_header = ngx_http_soma_process_header;

    return ngx_http_soma_process_header(r);
}


static ngx_int_t
ngx_http_soma_process_header(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_http_soma_ctx_t      *ctx;
    ngx_http_soma_attempt_t  *a;

    ctx = ngx_http_soma_get_ctx(r);
    a = ctx->attempt;

    while (!a->header) {

        rc = ngx_http_parse_header_line(r, &r->upstream->buffer, 1);

        if (rc == NGX_OK) {
            if (ngx_http_soma_header_line(a) != NGX_OK) {
                return NGX_ERROR;
            }

            continue;
        }

        if (rc == NGX_AGAIN) {
            return NGX_AGAIN;
        }

        if (rc != NGX_HTTP_PARSE_HEADER_DONE) {
            a->reason = "an answer with a broken header";
            return NGX_HTTP_UPSTREAM_INVALID_HEADER;
        }

        a->header = 1;
        a->rest = r->upstream->headers_in.content_length_n;

        if (ngx_http_soma_gunzip_start(a) != NGX_OK) {
            return NGX_ERROR;
        }

        rc = ngx_http_soma_header_done(a);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (a->good && !a->gunzip && (a->event_stream || a->json)) {

        rc = ngx_http_soma_peek(a);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    ngx_http_soma_accept(a);

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_header_line(ngx_http_soma_attempt_t *a)
{
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

    ngx_http_soma_retry_after(a, h);

    if (h->key.len == sizeof("content-encoding") - 1
        && ngx_strncmp(h->lowcase_key, "content-encoding", h->key.len) == 0)
    {
        a->encoding = h;
    }

    umcf = ngx_http_get_module_main_conf(r, ngx_http_upstream_module);

    hh = ngx_hash_find(&umcf->headers_in_hash, h->hash, h->lowcase_key,
                       h->key.len);

    if (hh) {
        return hh->handler(r, h, hh->offset);
    }

    return NGX_OK;
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
        if (soma_parse_int(ngx_http_soma_str(h->value), &n) == SOMA_OK) {
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

    if (soma_parse_int(ngx_http_soma_str(h->value), &n) == SOMA_OK) {
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

    a->good = (a->status.code >= 200 && a->status.code < 300);

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


/* what a refusal means: the next target, or the client's answer as it is */
static ngx_int_t
ngx_http_soma_bad_status(ngx_http_soma_attempt_t *a)
{
    ngx_http_soma_ctx_t  *ctx;

    ctx = a->ctx;

    if (!ctx->route->single && ctx->next < ctx->norder
        && soma_retry_status(&ctx->route->retry, (int) a->status.code))
    {
        a->reason = ngx_http_soma_status_reason(a->status.code);
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    if (a->status.code == NGX_HTTP_TOO_MANY_REQUESTS
        || a->status.code >= NGX_HTTP_INTERNAL_SERVER_ERROR)
    {
        ngx_http_soma_health_note(ctx->main, ctx->model, 0,
                                  a->retry_after_ms);
    }

    ngx_http_soma_metrics_attempt(ctx->main, a->provider,
                                  ngx_http_soma_status_reason(a->status.code));

    return NGX_OK;
}


ngx_int_t
ngx_http_soma_peek(ngx_http_soma_attempt_t *a)
{
    size_t      len;
    u_char     *p;
    ngx_int_t   rc;
    ngx_buf_t  *b;

    b = &a->ctx->request->upstream->buffer;

    p = b->pos + a->peeked;
    len = b->last - p;

    if (len) {
        rc = ngx_http_soma_unframe(a, p, &len);

        if (rc == NGX_ERROR) {
            a->reason = "an answer with a broken body";
            return NGX_HTTP_UPSTREAM_INVALID_HEADER;
        }

        b->last = p + len;
        a->peeked += len;
        a->ended = (rc == NGX_DONE);
    }

    if (a->event_stream) {
        rc = ngx_http_soma_first_event(a);

        if (rc != NGX_AGAIN) {
            return rc;
        }

        if (a->ended && ngx_http_soma_may_move_on(a)) {
            a->reason = "an empty stream";
            return NGX_HTTP_UPSTREAM_INVALID_HEADER;
        }

    } else if (!a->ended && a->rest > b->end - b->last) {

        /* it will not fit: no use in waiting */

        return NGX_OK;
    }

    if (!a->ended && b->end - b->last >= NGX_HTTP_SOMA_PEEK_ROOM) {

        if (a->json && a->rest == -1
            && !a->ctx->request->upstream->headers_in.chunked)
        {
            /* only the end of the connection would tell */

            return NGX_OK;
        }

        return NGX_AGAIN;
    }

    if (a->ended && a->json) {

        /* the answer is whole and good: its cost can stand in the header */

        a->ctx->answered = 1;
        a->ctx->status = a->status.code;

        ngx_http_soma_catch(a, b->pos, a->peeked);

        if (ngx_http_soma_broken(a)) {
            a->ctx->answered = 0;
            a->ctx->status = 0;
            a->reason = "an answer that is cut off";
            return NGX_HTTP_UPSTREAM_INVALID_HEADER;
        }

        a->caught = 1;
    }

    return NGX_OK;
}


/* NGX_AGAIN: no event yet but comments, or a part of one */
static ngx_int_t
ngx_http_soma_first_event(ngx_http_soma_attempt_t *a)
{
    ngx_buf_t    *b;
    soma_look_e   look;

    b = &a->ctx->request->upstream->buffer;

    look = soma_look_stream(a->provider->dialect, &a->ctx->ask, b->pos,
                            a->peeked);

    if (look == SOMA_LOOK_MORE) {
        return NGX_AGAIN;
    }

    if (look == SOMA_LOOK_ERROR && ngx_http_soma_may_move_on(a)) {
        a->reason = "an error as first event";
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    return NGX_OK;
}


/* a stream that is of no use from its beginning: is there another target? */
static ngx_uint_t
ngx_http_soma_may_move_on(ngx_http_soma_attempt_t *a)
{
    ngx_http_soma_ctx_t  *ctx;

    ctx = a->ctx;

    return ctx->next < ctx->norder && !ctx->route->single
           && ctx->route->retry.error;
}


void
ngx_http_soma_sse_reset(ngx_http_soma_attempt_t *a)
{
    soma_sse_t  sse;

    sse = a->sse;

    ngx_memzero(&a->sse, sizeof(soma_sse_t));

    a->sse.arena = sse.arena;
    a->sse.buf = sse.buf;
    a->sse.size = sse.size;
    a->sse.scratch = sse.scratch;
    a->sse.scratch_size = sse.scratch_size;
}


/* this answer is the client's: from here on no other target is tried */
static void
ngx_http_soma_accept(ngx_http_soma_attempt_t *a)
{
    ngx_http_soma_ctx_t  *ctx;
    ngx_http_upstream_t  *u;

    ctx = a->ctx;
    u = ctx->request->upstream;

    ctx->answered = 1;
    ctx->status = a->status.code;

    if (a->good) {
        ngx_http_soma_health_note(ctx->main, ctx->model, 1, 0);
    }

    a->conf.read_timeout = a->provider->idle_timeout;

    ngx_http_soma_meter_start(a);

    if (a->event_stream) {

        /* its length is unknown once an event may be left out */

        u->headers_in.content_length_n = -1;

    } else if (a->peeked && u->headers_in.chunked && a->ended) {

        /* it lies whole in the buffer: it has a length now */

        u->headers_in.chunked = 0;
        u->headers_in.content_length_n = a->peeked;
    }

    if (a->caught
        || (a->ended && a->peeked == 0 && !(a->event_stream && a->good)))
    {
        /* caught, or without a body: the header may be the end of it */

        ctx->complete = 1;
        ngx_http_soma_settle(ctx);
    }
}
