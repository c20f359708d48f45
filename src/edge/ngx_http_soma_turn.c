
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


#include "ngx_http_soma_walk.h"


#define NGX_HTTP_SOMA_TURN_MAX   64             /* requests */
#define NGX_HTTP_SOMA_TURN_BODY  (32 * 1024)    /* bytes: a longer one would
                                                   leave the caches by then */


static void ngx_http_soma_turn_handler(ngx_event_t *ev);
static void ngx_http_soma_turn_wake(ngx_queue_t *queue);
static void ngx_http_soma_turn_run(ngx_http_soma_ctx_t *ctx, ngx_int_t rc);


/* of ctx->wait: those whose bodies came, and those that can be sent */
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
    ngx_int_t     rc;
    ngx_event_t  *ev;

    ev = &ngx_http_soma_turn_event;

    if (ngx_http_soma_turn_n == NGX_HTTP_SOMA_TURN_MAX
        || ctx->request->headers_in.content_length_n
           > NGX_HTTP_SOMA_TURN_BODY)
    {
        return NGX_DECLINED;
    }

    rc = ngx_http_soma_wait(ctx, NGX_HTTP_SOMA_WAIT_TURN,
                            ngx_http_soma_turn_run);
    if (rc != NGX_AGAIN) {
        return rc;
    }

    if (ev->handler == NULL) {
        ngx_queue_init(&ngx_http_soma_turn_came);
        ngx_queue_init(&ngx_http_soma_turn_ready);

        ev->handler = ngx_http_soma_turn_handler;
        ev->data = &ngx_http_soma_turn_dummy;
    }

    ev->log = ngx_cycle->log;

    ngx_queue_insert_tail(&ngx_http_soma_turn_came, &ctx->wait.queue);
    ngx_http_soma_turn_n++;

    if (!ev->posted) {
        ngx_post_event(ev, &ngx_posted_events);
    }

    return NGX_AGAIN;
}


static void
ngx_http_soma_turn_handler(ngx_event_t *ev)
{
    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, ev->log, 0, "soma turn of %ui",
                   ngx_http_soma_turn_n);

    ngx_http_soma_turn_n = 0;

    ngx_http_soma_turn_wake(&ngx_http_soma_turn_came);
    ngx_http_soma_turn_wake(&ngx_http_soma_turn_ready);
}


/* the end of one request may be that of another, of the same connection: so
 * nothing is known of the next before it is taken */
static void
ngx_http_soma_turn_wake(ngx_queue_t *queue)
{
    ngx_queue_t  *q;

    while (!ngx_queue_empty(queue)) {
        q = ngx_queue_head(queue);

        ngx_http_soma_wake(ngx_queue_data(q, ngx_http_soma_ctx_t, wait.queue),
                           NGX_OK);
    }
}


static void
ngx_http_soma_turn_run(ngx_http_soma_ctx_t *ctx, ngx_int_t rc)
{
    rc = ngx_http_soma_walk_pass(ctx);

    if (rc == NGX_OK) {
        rc = ngx_http_soma_wait(ctx, NGX_HTTP_SOMA_WAIT_TURN,
                                ngx_http_soma_walk_sent);

        if (rc == NGX_AGAIN) {
            ngx_queue_insert_tail(&ngx_http_soma_turn_ready,
                                  &ctx->wait.queue);
        }
    }

    ngx_http_soma_walk_sent(ctx, rc);
}
