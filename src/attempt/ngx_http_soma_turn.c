
/*
 * Copyright (C) The ngx_soma authors
 *
 * One turn of nginx's loop often brings several requests.  Each alone, from
 * its first byte to the provider's socket, walks more code than a processor's
 * first cache holds, and fetches all of it anew.  So those whose bodies came
 * in a turn wait for its end: then they are admitted and planned one behind
 * the other, and after that sent one behind the other.  A request that comes
 * alone waits for nobody.
 */


#include "ngx_http_soma_attempt.h"


#define NGX_HTTP_SOMA_TURN_MAX   64             /* requests */
#define NGX_HTTP_SOMA_TURN_BODY  (32 * 1024)    /* bytes: a longer one would
                                                   leave the caches by then */


static void ngx_http_soma_turn_handler(ngx_event_t *ev);
static void ngx_http_soma_turn_put(ngx_queue_t *queue,
    ngx_http_soma_ctx_t *ctx);
static ngx_http_soma_ctx_t *ngx_http_soma_turn_take(ngx_queue_t *queue);
static void ngx_http_soma_turn_run(ngx_http_soma_ctx_t *ctx);


static ngx_queue_t       ngx_http_soma_turn_came;
static ngx_queue_t       ngx_http_soma_turn_ready;
static ngx_uint_t        ngx_http_soma_turn_n;
static ngx_event_t       ngx_http_soma_turn_event;
static ngx_connection_t  ngx_http_soma_turn_dummy = {
    .fd = (ngx_socket_t) -1         /* for debug logs of events */
};


ngx_int_t
ngx_http_soma_turn_join(ngx_http_soma_ctx_t *ctx)
{
    ngx_int_t            rc;
    ngx_event_t         *ev;
    ngx_http_request_t  *r;

    r = ctx->request;
    ev = &ngx_http_soma_turn_event;

    if (ngx_http_soma_turn_n == NGX_HTTP_SOMA_TURN_MAX
        || r->headers_in.content_length_n > NGX_HTTP_SOMA_TURN_BODY)
    {
        return NGX_DECLINED;
    }

    rc = ngx_http_soma_suspend(r);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ev->handler == NULL) {
        ngx_queue_init(&ngx_http_soma_turn_came);
        ngx_queue_init(&ngx_http_soma_turn_ready);

        ev->handler = ngx_http_soma_turn_handler;
        ev->data = &ngx_http_soma_turn_dummy;
    }

    ev->log = ngx_cycle->log;

    ngx_http_soma_turn_put(&ngx_http_soma_turn_came, ctx);

    if (!ev->posted) {
        ngx_post_event(ev, &ngx_posted_events);
    }

    return NGX_DONE;
}


void
ngx_http_soma_turn_leave(ngx_http_soma_ctx_t *ctx)
{
    if (ctx->in_turn) {
        ctx->in_turn = 0;
        ngx_queue_remove(&ctx->turn);
        ngx_http_soma_turn_n--;
    }
}


static void
ngx_http_soma_turn_put(ngx_queue_t *queue, ngx_http_soma_ctx_t *ctx)
{
    ngx_queue_insert_tail(queue, &ctx->turn);
    ctx->in_turn = 1;
    ngx_http_soma_turn_n++;
}


/* the end of one request may be that of another, of the same connection: so
 * nothing is known of the next before it is taken */
static ngx_http_soma_ctx_t *
ngx_http_soma_turn_take(ngx_queue_t *queue)
{
    ngx_http_soma_ctx_t  *ctx;

    if (ngx_queue_empty(queue)) {
        return NULL;
    }

    ctx = ngx_queue_data(ngx_queue_head(queue), ngx_http_soma_ctx_t, turn);

    ngx_http_soma_turn_leave(ctx);
    ngx_http_set_log_request(ctx->request->connection->log, ctx->request);

    return ctx;
}


static void
ngx_http_soma_turn_handler(ngx_event_t *ev)
{
    ngx_connection_t     *c;
    ngx_http_soma_ctx_t  *ctx;

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, ev->log, 0, "soma turn of %ui",
                   ngx_http_soma_turn_n);

    while ((ctx = ngx_http_soma_turn_take(&ngx_http_soma_turn_came))) {
        ngx_http_soma_turn_run(ctx);
    }

    while ((ctx = ngx_http_soma_turn_take(&ngx_http_soma_turn_ready))) {
        c = ctx->request->connection;

        ngx_http_soma_attempt_begin(ctx);
        ngx_http_run_posted_requests(c);
    }
}


static void
ngx_http_soma_turn_run(ngx_http_soma_ctx_t *ctx)
{
    ngx_int_t          rc;
    ngx_connection_t  *c;

    c = ctx->request->connection;

    rc = ngx_http_soma_pass_run(ctx);

    if (rc == NGX_DONE && ctx->ready) {
        ngx_http_soma_turn_put(&ngx_http_soma_turn_ready, ctx);
        return;
    }

    ngx_http_soma_pass_ran(ctx, rc);
    ngx_http_run_posted_requests(c);
}
