
/*
 * Copyright (C) The ngx_soma authors
 *
 * The first moments of a worker.  Who comes before Redis was heard of waits
 * until it was, be it that it is there or that it is not, and no longer than
 * for a reply.  Else each reload would turn away, or let in unasked, who
 * comes in the milliseconds that a connection takes.
 */


#include "ngx_http_soma_redis_link.h"


/* there are no more early ones than worker_connections, and streams of HTTP/2
 * in them, let in */
typedef struct {
    ngx_queue_t       early;        /* of ctx->wait */
    ngx_event_t       event;        /* posted, or their time is over */
    ngx_connection_t  dummy;
    unsigned          heard:1;
} ngx_http_soma_redis_first_t;


static void ngx_http_soma_redis_first_event(ngx_event_t *ev);


static ngx_http_soma_redis_first_t  ngx_http_soma_redis_first_word;


void
ngx_http_soma_redis_first_init(ngx_log_t *log, ngx_uint_t redis)
{
    ngx_http_soma_redis_first_t  *first;

    first = &ngx_http_soma_redis_first_word;

    ngx_memzero(first, sizeof(ngx_http_soma_redis_first_t));
    ngx_queue_init(&first->early);

    first->heard = !redis;
    first->dummy.fd = (ngx_socket_t) -1;

    first->event.handler = ngx_http_soma_redis_first_event;
    first->event.data = &first->dummy;
    first->event.log = log;
}


ngx_int_t
ngx_http_soma_redis_first(ngx_http_soma_ctx_t *ctx)
{
    ngx_int_t                     rc;
    ngx_http_soma_redis_first_t  *first;

    first = &ngx_http_soma_redis_first_word;

    if (first->heard) {
        return NGX_OK;
    }

    rc = ngx_http_soma_wait(ctx, NGX_HTTP_SOMA_WAIT_REDIS, ctx->walk);

    if (rc != NGX_AGAIN) {
        return rc;
    }

    ngx_queue_insert_tail(&first->early, &ctx->wait.queue);

    if (!first->event.timer_set) {
        ngx_add_timer(&first->event, ngx_http_soma_redis_worker.conf->timeout);
    }

    return NGX_AGAIN;
}


void
ngx_http_soma_redis_first_heard(void)
{
    ngx_http_soma_redis_first_t  *first;

    first = &ngx_http_soma_redis_first_word;

    if (first->heard) {
        return;
    }

    first->heard = 1;

    if (!ngx_queue_empty(&first->early)) {
        ngx_post_event(&first->event, &ngx_posted_events);
    }
}


static void
ngx_http_soma_redis_first_event(ngx_event_t *ev)
{
    ngx_queue_t                  *q;
    ngx_http_soma_redis_first_t  *first;

    first = &ngx_http_soma_redis_first_word;
    first->heard = 1;

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    /* nobody joins any more; one that is run may end others, which leave */

    while (!ngx_queue_empty(&first->early)) {
        q = ngx_queue_head(&first->early);

        ngx_http_soma_wake(ngx_queue_data(q, ngx_http_soma_ctx_t, wait.queue),
                           NGX_OK);
    }
}
