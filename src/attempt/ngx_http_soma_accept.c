
/*
 * Copyright (C) The ngx_soma authors
 *
 * An answer that was looked at becomes the client's.
 */


#include "ngx_http_soma_attempt.h"
#include "ngx_http_soma_plan.h"
#include "ngx_http_soma_settle.h"


static ngx_int_t ngx_http_soma_accept_type(ngx_http_soma_attempt_t *a);
static void ngx_http_soma_accept_refusal(ngx_http_soma_attempt_t *a);


/* this answer is the client's: from here on no other target is tried */
ngx_int_t
ngx_http_soma_accept(ngx_http_soma_attempt_t *a)
{
    ngx_http_soma_ctx_t  *ctx;
    ngx_http_upstream_t  *u;

    ctx = a->ctx;
    u = ctx->request->upstream;

    ctx->answered = 1;
    ctx->status = a->status.code;

    ngx_http_soma_target_probe_end(a, a->good);

    if (a->good) {
        ngx_http_soma_health_good(ctx, ctx->model);

    } else {
        ngx_http_soma_accept_refusal(a);
    }

    ngx_http_soma_silence_set(a);
    ngx_http_soma_meter_start(a);

    if (a->event_stream) {

        /* its length is unknown once an event may be left out */

        u->headers_in.content_length_n = -1;

    } else if (a->peeked && u->headers_in.chunked && a->ended && !a->gunzip) {

        /* it lies whole in the buffer: it has a length now */

        u->headers_in.chunked = 0;
        u->headers_in.content_length_n = a->peeked;

    } else if (a->rest != -1 && u->headers_in.content_length_n != -1) {
        u->headers_in.content_length_n -= a->skipped;
    }

    if (a->caught
        || (a->ended && a->peeked == 0 && !(a->event_stream && a->good)))
    {
        /* caught, or without a body: the header may be the end of it */

        ctx->complete = 1;
        ngx_http_soma_outcome_settle(ctx);
    }

    return ngx_http_soma_accept_type(a);
}


/*
 * What a provider sends is shown from the gateway's origin: a browser is not
 * to look for itself what it may be.  The usual two forms are told by their
 * names, and clients read a body as its type says.
 */
static ngx_int_t
ngx_http_soma_accept_type(ngx_http_soma_attempt_t *a)
{
    ngx_str_t            *type, own;
    ngx_http_request_t   *r;
    ngx_http_upstream_t  *u;

    static ngx_str_t  json = ngx_string("application/json");
    static ngx_str_t  events = ngx_string("text/event-stream");

    static const ngx_str_t  nosniff = ngx_string("X-Content-Type-Options");

    if (a->good && !a->retyped && (a->json || a->event_stream)) {
        return NGX_OK;
    }

    r = a->ctx->request;
    u = r->upstream;
    type = &json;

    if (a->translated ? a->ctx->ask.stream : a->event_stream) {
        type = &events;

        if (a->ctx->client->stream_type) {
            own = ngx_http_soma_ngx(a->ctx->client->stream_type(
                                                           &a->ctx->ask));
            type = &own;
        }
    }

    if (a->retyped || !a->good) {

        if (u->headers_in.content_type) {
            u->headers_in.content_type->value = *type;

        } else {
            r->headers_out.content_type = *type;
            r->headers_out.content_type_len = type->len;
            r->headers_out.content_type_lowcase = NULL;
        }
    }

    return ngx_http_soma_add_header(r, &nosniff, (u_char *) "nosniff",
                                    7);
}


/* an error in the client's dialect, with a status that clients know */
static void
ngx_http_soma_accept_refusal(ngx_http_soma_attempt_t *a)
{
    int                   status;
    soma_fault_e          fault;
    ngx_http_soma_ctx_t  *ctx;
    ngx_http_upstream_t  *u;

    ctx = a->ctx;
    u = ctx->request->upstream;

    ngx_http_soma_health_bad(ctx, ctx->model,
                             soma_retry_evidence(a->fail,
                                                 (int) a->status.code),
                             a->retry_after_ms);

    ngx_http_soma_metrics_attempt(ctx->main, a->provider,
                                  ngx_http_soma_header_reason(a->status.code));

    if (a->status.code >= 503) {
        fault = soma_dialect_fault_of((int) a->status.code, &status);

        if (ctx->client->fault_status) {
            status = ctx->client->fault_status(fault);
        }

        ctx->status = status;
        u->headers_in.status_n = status;
        u->headers_in.status_line.len = 0;
    }
}
