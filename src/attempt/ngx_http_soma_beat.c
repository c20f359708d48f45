
/*
 * Copyright (C) The ngx_soma authors
 *
 * A stream whose provider is silent: its header goes out although nothing
 * stands behind it, where no other target is left to move on to; and comments
 * of our own tell whoever stands between us and the client that it lives.
 */


#include "ngx_http_soma_attempt.h"


struct ngx_http_soma_beat_s {
    ngx_http_soma_attempt_t        *attempt;
    ngx_event_t                     event;
    ngx_connection_t                dummy;      /* for debug logs of events */
    ngx_recv_pt                     recv;       /* of the provider's, while
                                                   ours stands in its place */
    ngx_buf_t                       buf;        /* a comment, sent again and
                                                   again */
    ngx_chain_t                     chain;
};


static void ngx_http_soma_beat_in(ngx_http_soma_attempt_t *a, ngx_msec_t ms);
static void ngx_http_soma_beat_handler(ngx_event_t *ev);
static void ngx_http_soma_beat_nudge(ngx_http_soma_attempt_t *a);
static ssize_t ngx_http_soma_beat_recv(ngx_connection_t *c, u_char *buf,
    size_t size);
static ngx_int_t ngx_http_soma_beat_send(ngx_http_soma_attempt_t *a);


void
ngx_http_soma_beat_header(ngx_http_soma_attempt_t *a)
{
    if (a->event_stream && a->good && a->peeked == 0
        && !ngx_http_soma_target_left(a)
        && (a->beat == NULL || !a->beat->event.timer_set))
    {
        ngx_http_soma_beat_in(a, NGX_HTTP_SOMA_HEADER_ALONE);
    }
}


void
ngx_http_soma_beat_again(ngx_http_soma_attempt_t *a)
{
    if (a->event_stream && a->good) {
        ngx_http_soma_beat_in(a, a->provider->heartbeat);
    }
}


void
ngx_http_soma_beat_stop(ngx_http_soma_attempt_t *a)
{
    if (a->beat && a->beat->event.timer_set) {
        ngx_del_timer(&a->beat->event);
    }
}


static void
ngx_http_soma_beat_in(ngx_http_soma_attempt_t *a, ngx_msec_t ms)
{
    ngx_http_soma_beat_t  *beat;

    beat = a->beat;

    if (beat == NULL) {
        beat = ngx_pcalloc(a->ctx->request->pool,
                           sizeof(ngx_http_soma_beat_t));
        if (beat == NULL) {
            return;
        }

        beat->attempt = a;
        beat->dummy.fd = (ngx_socket_t) -1;
        beat->dummy.data = beat;
        beat->event.data = &beat->dummy;
        beat->event.log = a->ctx->request->connection->log;
        beat->event.handler = ngx_http_soma_beat_handler;

        a->beat = beat;
    }

    ngx_add_timer(&beat->event, ms);
}


static void
ngx_http_soma_beat_handler(ngx_event_t *ev)
{
    ngx_connection_t         *c, *dummy;
    ngx_http_request_t       *r;
    ngx_http_soma_beat_t     *beat;
    ngx_http_soma_attempt_t  *a;

    dummy = ev->data;
    beat = dummy->data;
    a = beat->attempt;
    r = a->ctx->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    if (!r->header_sent) {
        ngx_http_soma_beat_nudge(a);

    } else if (ngx_http_soma_beat_send(a) == NGX_ERROR) {

        /* nginx ends the request when it comes to it */

        r->upstream->error = 1;
        r->write_event_handler(r);

    } else if (a->provider->heartbeat) {
        ngx_http_soma_beat_again(a);
    }

    ngx_http_run_posted_requests(c);
}


/*
 * nginx asks what a header is good for only when something came.  So a byte
 * comes: process_header() takes it back.
 */
static void
ngx_http_soma_beat_nudge(ngx_http_soma_attempt_t *a)
{
    ngx_connection_t     *c;
    ngx_http_request_t   *r;
    ngx_http_upstream_t  *u;

    r = a->ctx->request;
    u = r->upstream;
    c = u->peer.connection;

    if (c == NULL || !a->header || a->ctx->answered || a->peeked
        || u->buffer.last == u->buffer.end)
    {
        return;
    }

    a->beat->recv = c->recv;
    c->recv = ngx_http_soma_beat_recv;

    u->read_event_handler(r, u);
}


static ssize_t
ngx_http_soma_beat_recv(ngx_connection_t *c, u_char *buf, size_t size)
{
    ngx_http_request_t       *r;
    ngx_http_soma_ctx_t      *ctx;
    ngx_http_soma_attempt_t  *a;

    (void) size;

    r = c->data;
    ctx = ngx_http_soma_get_ctx(r);
    a = ctx->attempt;

    c->recv = a->beat->recv;
    a->nudged = 1;
    *buf = '\n';

    return 1;
}


void
ngx_http_soma_beat_taken(ngx_http_soma_attempt_t *a)
{
    ngx_http_upstream_t  *u;

    u = a->ctx->request->upstream;

    a->nudged = 0;
    a->released = 1;
    u->buffer.last--;
    u->state->bytes_received--;
}


/* between events, and while nothing else waits for the client */
static ngx_int_t
ngx_http_soma_beat_send(ngx_http_soma_attempt_t *a)
{
    ngx_buf_t            *b;
    soma_str_t            text;
    ngx_http_request_t   *r;
    ngx_http_upstream_t  *u;
    ngx_http_soma_ctx_t  *ctx;

    ctx = a->ctx;
    r = ctx->request;
    u = r->upstream;
    b = &a->beat->buf;

    if (a->provider->heartbeat == 0 || a->within || a->ended || ctx->event_held
        || ctx->cut || ctx->complete || u->out_bufs || u->busy_bufs
        || b->pos != b->last || r->connection->buffered
        || r->connection->error)
    {
        return NGX_OK;
    }

    text = SOMA_STR(": heartbeat\n\n");

    if (ctx->client->beat) {
        text = ctx->client->beat(&ctx->ask);
    }

    b->start = text.data;
    b->end = text.data + text.len;
    b->pos = b->start;
    b->last = b->end;
    b->memory = 1;
    b->flush = 1;

    a->beat->chain.buf = b;
    a->beat->chain.next = NULL;

    return ngx_http_output_filter(r, &a->beat->chain);
}
