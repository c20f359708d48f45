
/*
 * Copyright (C) The ngx_soma authors
 *
 * How an answer ends: whole, broken off by its provider, or in the middle of
 * an event.
 */


#include "ngx_http_soma_attempt.h"
#include "ngx_http_soma_quota.h"
#include "ngx_http_soma_settle.h"


static ngx_uint_t ngx_http_soma_end_hears(ngx_http_soma_ctx_t *ctx, ngx_int_t
    rc);
static void ngx_http_soma_end_rest(ngx_http_soma_attempt_t *a);
static ngx_int_t ngx_http_soma_event_last(ngx_http_soma_attempt_t *a,
    soma_sse_event_t *event);
static void ngx_http_soma_fault_event(ngx_http_soma_attempt_t *a,
    ngx_int_t rc);


void
ngx_http_soma_end_answer(ngx_http_soma_attempt_t *a, ngx_int_t rc)
{
    ngx_http_soma_ctx_t  *ctx;

    ctx = a->ctx;

    /* it is not held any more, but settled as one that was */

    ngx_http_soma_lease_wait_done(ctx);

    if (ctx->cut) {
        return;
    }

    if (!a->event_stream || !a->good) {

        if (rc == NGX_OK) {
            ctx->complete = 1;
        }

        ngx_http_soma_outcome_settle(ctx);
        return;
    }

    if (rc == NGX_OK) {
        ngx_http_soma_end_rest(a);
    }

    if (ctx->answer.done || ctx->answer.finished || ctx->answer.failed
        || ctx->cut)
    {
        ctx->complete = 1;
        ngx_http_soma_outcome_settle(ctx);
        return;
    }

    ngx_http_soma_outcome_settle(ctx);

    if (ngx_http_soma_end_hears(ctx, rc)) {
        ngx_http_soma_fault_event(a, rc);
    }
}


/* whether the client is still there to be told */
static ngx_uint_t
ngx_http_soma_end_hears(ngx_http_soma_ctx_t *ctx, ngx_int_t rc)
{
    return rc != NGX_DONE && rc != NGX_HTTP_CLIENT_CLOSED_REQUEST
           && rc != NGX_HTTP_REQUEST_TIME_OUT
           && !ctx->request->connection->error && !ctx->left;
}


/*
 * A last event without its blank line: behind a finish it goes out, else it
 * was cut off and would spoil the error event behind it.
 */
static void
ngx_http_soma_end_rest(ngx_http_soma_attempt_t *a)
{
    int                   rc;
    ngx_int_t             last;
    ngx_uint_t            within;
    ngx_http_request_t   *r;
    soma_sse_event_t      event;
    ngx_http_soma_ctx_t  *ctx;

    ctx = a->ctx;
    r = ctx->request;

    rc = soma_frames_end(&a->frames, &event);

    if (rc == SOMA_OK || rc == SOMA_DECLINED) {
        within = a->within;
        last = ngx_http_soma_event_last(a, &event);
        a->within = within;

        if (last == NGX_ERROR) {
            return;
        }
    }

    if (a->translate && !ctx->cut && ctx->answer.finished) {
        (void) ngx_http_soma_translate_end(a);
    }

    if (r->upstream->out_bufs == NULL) {
        return;
    }

    if (ctx->answer.done || ctx->answer.finished || ctx->answer.failed
        || ctx->cut)
    {
        (void) ngx_http_output_filter(r, r->upstream->out_bufs);
    }

    r->upstream->out_bufs = NULL;
}


/* nginx is done with this request: it is too late to wait for anything */
static ngx_int_t
ngx_http_soma_event_last(ngx_http_soma_attempt_t *a, soma_sse_event_t *event)
{
    ngx_int_t  rc;

    rc = ngx_http_soma_stream_event(a, event);

    return (rc == NGX_AGAIN) ? ngx_http_soma_stream_cut(a) : rc;
}


/*
 * The provider left in the middle of a stream.  The client gets a proper
 * last event; where nginx would now cut the connection, the end of the body
 * goes with it.
 */
static void
ngx_http_soma_fault_event(ngx_http_soma_attempt_t *a, ngx_int_t rc)
{
    u_char               *p;
    ngx_buf_t            *b;
    soma_out_t            out;
    soma_str_t            code, message;
    ngx_chain_t           cl;
    soma_fault_e          fault;
    ngx_http_request_t   *r;

    r = a->ctx->request;

    b = ngx_calloc_buf(r->pool);
    p = ngx_pnalloc(r->pool, NGX_HTTP_SOMA_FAULT_MAX);

    if (b == NULL || p == NULL) {
        return;
    }

    if (rc == NGX_HTTP_GATEWAY_TIME_OUT) {
        fault = SOMA_FAULT_TIMEOUT;
        code = (soma_str_t) soma_string("upstream_timeout");
        message = (soma_str_t) soma_string("the provider stopped in the "
                                           "middle of its answer");

    } else {
        fault = SOMA_FAULT_UPSTREAM;
        code = (soma_str_t) soma_string("upstream_error");
        message = (soma_str_t) soma_string("the provider broke off in the "
                                           "middle of its answer");
    }

    soma_put_init(&out, p, NGX_HTTP_SOMA_FAULT_MAX);

    if (a->within) {

        /* what has gone out of an event has to end as one */

        soma_put_cstr(&out, "\n\n");
    }

    a->ctx->client->fault_event(&out, &a->ctx->ask, fault, code, message);

    b->pos = out.start;
    b->last = out.pos;
    b->memory = 1;
    b->flush = 1;
    b->last_buf = (rc != NGX_OK);

    cl.buf = b;
    cl.next = NULL;

    (void) ngx_http_output_filter(r, &cl);
}
