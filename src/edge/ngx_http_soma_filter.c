
/*
 * Copyright (C) The ngx_soma authors
 *
 * Any step ends a request by returning an HTTP status, as in nginx; nginx
 * then makes its page for that status, and here the page becomes the error
 * that was noted, or the answer that was made on the spot.
 */


#include "ngx_http_soma_filter.h"
#include "ngx_http_soma_identify.h"
#include "ngx_http_soma_attempt.h"
#include "ngx_http_soma_settle.h"
#include "ngx_http_soma_walk.h"


#define NGX_HTTP_SOMA_VALUES     256    /* bytes of all that is written */
#define NGX_HTTP_SOMA_TAIL_MAX   65536  /* of an answer, that go at once */


static ngx_int_t ngx_http_soma_add_retry(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx, soma_out_t *out);
static ngx_int_t ngx_http_soma_header_filter(ngx_http_request_t *r);
static ngx_uint_t ngx_http_soma_drained(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx);
static ngx_int_t ngx_http_soma_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_int_t ngx_http_soma_replace(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx);
static void ngx_http_soma_page_fault(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx);
static ngx_int_t ngx_http_soma_error_body(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx);
static ngx_int_t ngx_http_soma_headers(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx);
static ngx_int_t ngx_http_soma_error_name(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx);
static ngx_int_t ngx_http_soma_error_headers(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx, soma_out_t *out);
static ngx_int_t ngx_http_soma_add_number(ngx_http_request_t *r,
    const ngx_str_t *name, soma_out_t *out, int64_t n);
static void ngx_http_soma_settle_header(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx);
static void ngx_http_soma_settle_body(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx, ngx_chain_t *in);
static void ngx_http_soma_consume(ngx_chain_t *in);


enum {
    NGX_HTTP_SOMA_H_ID = 0,
    NGX_HTTP_SOMA_H_ATTEMPTS,
    NGX_HTTP_SOMA_H_MODEL,
    NGX_HTTP_SOMA_H_PROVIDER,
    NGX_HTTP_SOMA_H_COST,
    NGX_HTTP_SOMA_H_DROPPED,
    NGX_HTTP_SOMA_H_REASON,
    NGX_HTTP_SOMA_H_BEARER,
    NGX_HTTP_SOMA_H_RETRY_AFTER,
    NGX_HTTP_SOMA_H_RETRY,
    NGX_HTTP_SOMA_H_NOSNIFF
};


static const ngx_str_t  ngx_http_soma_names[] = {
    ngx_string("x-request-id"),
    ngx_string("x-soma-attempts"),
    ngx_string("x-soma-model"),
    ngx_string("x-soma-provider"),
    ngx_string("x-soma-cost"),
    ngx_string("x-soma-dropped"),
    ngx_string("x-soma-route-reason"),
    ngx_string("WWW-Authenticate"),
    ngx_string("Retry-After"),
    ngx_string("x-should-retry"),
    ngx_string("X-Content-Type-Options")
};


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_http_next_body_filter;


ngx_int_t
ngx_http_soma_filter_init(ngx_conf_t *cf)
{
    (void) cf;

    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_soma_header_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_soma_body_filter;

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_header_filter(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_http_soma_ctx_t       *ctx;
    ngx_http_soma_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_soma_module);

    if (r != r->main) {
        return ngx_http_next_header_filter(r);
    }

    if (!(slcf->pass || slcf->access || slcf->api)) {

        /* another location may answer for one of ours */

        ctx = r->internal ? ngx_http_soma_get_ctx(r) : NULL;

        if (ctx) {
            ngx_http_soma_settle_header(r, ctx);
        }

        return ngx_http_next_header_filter(r);
    }

    ctx = ngx_http_soma_get_ctx(r);

    if (ctx == NULL) {

        /* refused by nginx before we were asked: a body too large, say */

        if (r->err_status == 0 || slcf->access) {
            return ngx_http_next_header_filter(r);
        }

        ctx = ngx_http_soma_walk_begin(r);
        if (ctx == NULL) {
            return NGX_ERROR;
        }
    }

    if (r->err_status >= NGX_HTTP_BAD_REQUEST
        && r->err_status != ctx->edge.page
        && (ctx->error.fault != SOMA_FAULT_NONE || ctx->reply.set
            || slcf->pass || slcf->api))
    {
        if (ngx_http_soma_replace(r, ctx) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    ngx_http_soma_settle_header(r, ctx);

    if (ngx_http_soma_headers(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_http_next_header_filter(r);

    return (rc == NGX_ERROR && ngx_http_soma_drained(r, ctx)) ? NGX_OK : rc;
}


/*
 * A client that has its answer finds it in the books.  An answer of an
 * attempt is settled where its end is seen; what is left is our refusals,
 * and the services that soma_access protects.
 */
static void
ngx_http_soma_settle_header(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx)
{
    if (ctx->settled || ctx->answered) {
        return;
    }

    if (ctx->error.fault != SOMA_FAULT_NONE
        || (ctx->attempt == NULL
            && (r->header_only || r->method == NGX_HTTP_HEAD
                || r->headers_out.status == NGX_HTTP_NO_CONTENT
                || r->headers_out.status == NGX_HTTP_NOT_MODIFIED
                || r->headers_out.content_length_n == 0)))
    {
        ngx_http_soma_outcome_settle(ctx);
    }
}


/*
 * The end of a service's answer.  While there is more on its way than a
 * socket takes at once the request goes on, and holds what it holds: then
 * nginx's end of the request settles it.
 */
static void
ngx_http_soma_settle_body(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx,
    ngx_chain_t *in)
{
    off_t       size;
    ngx_uint_t  end;

    if (ctx->attempt) {
        return;
    }

    size = 0;
    end = 0;

    for ( /* void */ ; in; in = in->next) {
        size += ngx_buf_size(in->buf);
        end |= in->buf->last_buf;
    }

    /* a client that was told the length needs no other end */

    ctx->edge.passed += size;
    end |= (ctx->edge.passed == r->headers_out.content_length_n);

    if (end && size <= NGX_HTTP_SOMA_TAIL_MAX && !r->connection->buffered) {
        ngx_http_soma_outcome_settle(ctx);
    }
}


static ngx_int_t
ngx_http_soma_replace(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx)
{
    if (!ctx->reply.set) {
        ngx_http_soma_page_fault(r, ctx);

        if (ngx_http_soma_error_body(r, ctx) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    ctx->edge.replaced = 1;

    r->err_status = ctx->reply.status >= NGX_HTTP_BAD_REQUEST
                    ? ctx->reply.status : 0;
    r->headers_out.status = ctx->reply.status;
    ngx_str_null(&r->headers_out.status_line);

    if (ctx->reply.status == NGX_HTTP_SOMA_LOCKED) {
        ngx_str_set(&r->headers_out.status_line, "423 Locked");
    }

    r->headers_out.content_type = ctx->reply.type;
    r->headers_out.content_type_len = ctx->reply.type.len;
    r->headers_out.content_type_lowcase = NULL;
    ngx_http_clear_content_length(r);
    ngx_http_clear_accept_ranges(r);
    r->headers_out.content_length_n = ctx->reply.body.len;

    return NGX_OK;
}


/* nginx's own refusals, in words */
static void
ngx_http_soma_page_fault(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx)
{
    if (ctx->error.fault != SOMA_FAULT_NONE) {
        return;
    }

    switch (r->err_status) {

    case NGX_HTTP_UNAUTHORIZED:
        (void) ngx_http_soma_fault(ctx, SOMA_FAULT_UNAUTHORIZED,
                                   "missing_api_key", "an API key is needed");
        return;

    case NGX_HTTP_FORBIDDEN:
        (void) ngx_http_soma_fault(ctx, SOMA_FAULT_FORBIDDEN, "forbidden",
                                   "this is not allowed from here");
        return;

    case NGX_HTTP_NOT_FOUND:
        (void) ngx_http_soma_fault(ctx, SOMA_FAULT_NOT_FOUND, "not_found",
                                   "there is nothing at this path");
        return;

    case NGX_HTTP_NOT_ALLOWED:
        (void) ngx_http_soma_fault(ctx, SOMA_FAULT_METHOD,
                                   "method_not_allowed",
                                   "this method is not allowed here");
        return;

    case NGX_HTTP_REQUEST_ENTITY_TOO_LARGE:
        (void) ngx_http_soma_fault(ctx, SOMA_FAULT_TOO_LARGE,
                                   "request_too_large",
                                   "the body is larger than this gateway "
                                   "takes: send less, or have "
                                   "client_max_body_size raised");
        return;

    case NGX_HTTP_BAD_GATEWAY:
        (void) ngx_http_soma_fault(ctx, SOMA_FAULT_UPSTREAM, "upstream_error",
                                   "no answer could be had");
        return;

    case NGX_HTTP_SERVICE_UNAVAILABLE:
        (void) ngx_http_soma_fault(ctx, SOMA_FAULT_UNAVAILABLE, "unavailable",
                                   "the gateway cannot serve this now");
        return;

    case NGX_HTTP_GATEWAY_TIME_OUT:
        (void) ngx_http_soma_fault(ctx, SOMA_FAULT_TIMEOUT,
                                   "upstream_timeout",
                                   "no answer came in time");
        return;

    case NGX_HTTP_INTERNAL_SERVER_ERROR:
        (void) ngx_http_soma_fault(ctx, SOMA_FAULT_INTERNAL, "internal_error",
                                   "the gateway failed: its log says why");
        return;
    }

    (void) ngx_http_soma_fault(ctx, SOMA_FAULT_BAD_REQUEST, "bad_request",
                               "the request cannot be served");
    ctx->reply.status = r->err_status;
}


static ngx_int_t
ngx_http_soma_error_body(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx)
{
    u_char      *p;
    int64_t      retry;
    soma_out_t   out;

    p = ngx_pnalloc(r->pool, NGX_HTTP_SOMA_FAULT_MAX);
    if (p == NULL) {
        return NGX_ERROR;
    }

    soma_put_init(&out, p, NGX_HTTP_SOMA_FAULT_MAX);
    retry = ctx->error.no_retry
            ? 0 : soma_dialect_fault_retry(ctx->error.fault,
                                           ctx->error.retry_ms);

    if (retry > 0 && ctx->client->fault_retry) {
        ctx->client->fault_retry(&out, ctx->error.fault, ctx->error.code,
                                 ngx_http_soma_str(ctx->error.message),
                                 retry);

    } else {
        ctx->client->fault(&out, ctx->error.fault, ctx->error.code,
                           ngx_http_soma_str(ctx->error.message));
    }

    /* what nginx itself makes of a status has been made of it: clients of
     * some dialects know other ones */

    if (ctx->reply.status == 0 || ctx->client->fault_status) {
        ctx->reply.status = soma_dialect_status(ctx->client,
                                                ctx->error.fault);
    }

    ngx_str_set(&ctx->reply.type, "application/json");
    ctx->reply.body.data = out.start;
    ctx->reply.body.len = out.pos - out.start;
    ctx->reply.set = 1;

    return NGX_OK;
}


/* what is written lies side by side; the rest stays where it is, for it
 * outlives the request's headers */
static ngx_int_t
ngx_http_soma_headers(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx)
{
    u_char           *p;
    soma_out_t        out;
    const ngx_str_t  *name;

    name = ngx_http_soma_names;

    p = ngx_pnalloc(r->pool, NGX_HTTP_SOMA_VALUES);

    if (p == NULL
        || ngx_http_soma_add_header(r, &name[NGX_HTTP_SOMA_H_ID],
                                    ctx->id.data, ctx->id.len)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    soma_put_init(&out, p, NGX_HTTP_SOMA_VALUES);

    if (ctx->error.fault != SOMA_FAULT_NONE
        && ngx_http_soma_error_headers(r, ctx, &out) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_soma_filter_rate_headers(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ctx->attempts == 0) {
        return NGX_OK;
    }

    if (ngx_http_soma_add_number(r, &name[NGX_HTTP_SOMA_H_ATTEMPTS], &out,
                                 ctx->attempts)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!ctx->answered) {
        return NGX_OK;
    }

    if (ngx_http_soma_add_header(r, &name[NGX_HTTP_SOMA_H_MODEL],
                                    ctx->model->name.data, ctx->model->name.len)
        != NGX_OK
        || ngx_http_soma_add_header(r, &name[NGX_HTTP_SOMA_H_PROVIDER],
                                    ctx->model->provider->name.data,
                                    ctx->model->provider->name.len)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ctx->dropped.len
        && ngx_http_soma_add_header(r, &name[NGX_HTTP_SOMA_H_DROPPED],
                                    ctx->dropped.data, ctx->dropped.len)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ctx->plan.reason.len
        && ngx_http_soma_add_header(r, &name[NGX_HTTP_SOMA_H_REASON],
                                    ctx->plan.reason.data,
                                    ctx->plan.reason.len)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!ctx->settled) {
        return NGX_OK;
    }

    p = out.pos;
    soma_put_usd(&out, ctx->cost.total);

    return ngx_http_soma_add_header(r, &name[NGX_HTTP_SOMA_H_COST], p,
                                    out.pos - p);
}


static ngx_int_t
ngx_http_soma_error_headers(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx,
    soma_out_t *out)
{
    const ngx_str_t  *name;

    name = ngx_http_soma_names;

    if (ngx_http_soma_add_header(r, &name[NGX_HTTP_SOMA_H_NOSNIFF],
                                 (u_char *) "nosniff", 7)
        != NGX_OK
        || (ctx->error.fault == SOMA_FAULT_UNAUTHORIZED
            && ngx_http_soma_add_header(r, &name[NGX_HTTP_SOMA_H_BEARER],
                                        (u_char *) "Bearer", 6)
               != NGX_OK))
    {
        return NGX_ERROR;
    }

    if (ngx_http_soma_add_retry(r, ctx, out) != NGX_OK
        || ngx_http_soma_error_name(r, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ctx->error.no_retry) {
        return ngx_http_soma_add_header(r, &name[NGX_HTTP_SOMA_H_RETRY],
                                        (u_char *) "false", 5);
    }

    return NGX_OK;
}


/* where a dialect's clients look for the class of an error in a header */
static ngx_int_t
ngx_http_soma_error_name(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx)
{
    ngx_str_t   name;
    soma_str_t  value;

    if (ctx->client->fault_name == NULL) {
        return NGX_OK;
    }

    name = ngx_http_soma_ngx(ctx->client->fault_header);
    value = ctx->client->fault_name(ctx->error.fault);

    return ngx_http_soma_add_header(r, &name, value.data, value.len);
}


/* a budget that is used up till midnight is both: known when, and no case for
 * a client that would try again by itself */
static ngx_int_t
ngx_http_soma_add_retry(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx,
    soma_out_t *out)
{
    int64_t           retry;
    const ngx_str_t  *name;

    retry = ctx->error.retry_ms;

    if (!ctx->error.no_retry) {
        retry = soma_dialect_fault_retry(ctx->error.fault, retry);
    }

    if (retry <= 0) {
        return NGX_OK;
    }

    ngx_http_soma_filter_drop_headers(r, "retry-after");

    /* whole seconds, and never too early */

    name = &ngx_http_soma_names[NGX_HTTP_SOMA_H_RETRY_AFTER];

    return ngx_http_soma_add_number(r, name, out, (retry + 999) / 1000);
}


static ngx_int_t
ngx_http_soma_add_number(ngx_http_request_t *r, const ngx_str_t *name,
    soma_out_t *out, int64_t n)
{
    u_char  *p;

    p = out->pos;
    soma_put_int(out, n);

    return ngx_http_soma_add_header(r, name, p, out->pos - p);
}


/* nobody takes the answer, and it is read on all the same */
static ngx_uint_t
ngx_http_soma_drained(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx)
{
    ngx_http_soma_attempt_t  *a;

    a = ctx->attempt;

    return r->connection->error && a && a->drain && r->upstream
           && r->upstream->input_filter_ctx == a
           && ngx_http_soma_drain(a) == NGX_OK;
}


static ngx_int_t
ngx_http_soma_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_int_t             rc;
    ngx_buf_t            *b;
    ngx_chain_t           out;
    ngx_http_soma_ctx_t  *ctx;

    ctx = r == r->main ? ngx_http_get_module_ctx(r, ngx_http_soma_module)
                       : NULL;

    if (ctx == NULL) {
        return ngx_http_next_body_filter(r, in);
    }

    if (ctx->edge.replaced) {

        if (in == NULL) {
            return ngx_http_next_body_filter(r, in);
        }

        ngx_http_soma_consume(in);

        if (ctx->edge.replaced_sent) {
            return NGX_OK;
        }

        ctx->edge.replaced_sent = 1;

        b = ngx_calloc_buf(r->pool);
        if (b == NULL) {
            return NGX_ERROR;
        }

        b->pos = ctx->reply.body.data;
        b->last = b->pos + ctx->reply.body.len;
        b->memory = 1;
        b->last_buf = 1;
        b->last_in_chain = 1;

        out.buf = b;
        out.next = NULL;

        return ngx_http_next_body_filter(r, &out);
    }

    if (!ctx->settled) {
        ngx_http_soma_settle_body(r, ctx, in);
    }

    if ((ctx->event_held || ctx->answer_paused) && in == NULL && r->out == NULL
        && !r->connection->buffered && !r->connection->error)
    {
        /* for nginx there is something on its way, and it looks how far */

        return NGX_OK;
    }

    rc = ngx_http_next_body_filter(r, in);

    if (rc == NGX_ERROR && ngx_http_soma_drained(r, ctx)) {
        /*
         * The client has gone; the provider is heard out all the same.  What
         * the client had not taken yet is forgotten, or the upstream's buffer
         * would never be free again; its bytes stay as they are, for frames
         * of HTTP/2 that are queued may still refer to them.
         */

        ngx_http_soma_consume(in);
        r->upstream->busy_bufs = ngx_http_soma_pause_held(ctx->attempt);

        return NGX_OK;
    }

    return rc;
}


static void
ngx_http_soma_consume(ngx_chain_t *in)
{
    for ( /* void */ ; in; in = in->next) {
        in->buf->pos = in->buf->last;
        in->buf->file_pos = in->buf->file_last;
    }
}
