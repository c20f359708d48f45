
/*
 * Copyright (C) The ngx_soma authors
 *
 * The first moments of a worker.  Who comes before Redis was heard of waits
 * until it was, be it that it is there or that it is not, and no longer than
 * for a reply.  Else each reload would turn away, or let in unasked, who
 * comes in the milliseconds that a connection takes.
 */


#include "ngx_http_soma_redis_link.h"


/* there are no more of them than worker_connections, and streams of HTTP/2 in
 * them, let in */
typedef struct {
    ngx_queue_t          queue;
    ngx_http_request_t  *request;
    ngx_http_cleanup_t  *cleanup;
} ngx_http_soma_redis_early_t;


typedef struct {
    ngx_queue_t       early;
    ngx_event_t       event;        /* posted, or their time is over */
    ngx_connection_t  dummy;
    unsigned          heard:1;
} ngx_http_soma_redis_first_t;


static void ngx_http_soma_redis_first_gone(void *data);
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
ngx_http_soma_redis_first(ngx_http_request_t *r)
{
    ngx_http_cleanup_t           *cln;
    ngx_http_soma_redis_early_t  *early;
    ngx_http_soma_redis_first_t  *first;

    first = &ngx_http_soma_redis_first_word;

    if (first->heard) {
        return NGX_OK;
    }

    early = ngx_palloc(r->pool, sizeof(ngx_http_soma_redis_early_t));
    cln = ngx_http_cleanup_add(r, 0);

    if (early == NULL || cln == NULL || ngx_http_soma_suspend(r) != NGX_OK) {
        return NGX_ERROR;
    }

    early->request = r;
    early->cleanup = cln;

    cln->handler = ngx_http_soma_redis_first_gone;
    cln->data = early;

    ngx_queue_insert_tail(&first->early, &early->queue);

    if (!first->event.timer_set) {
        ngx_add_timer(&first->event, ngx_http_soma_redis_worker.conf->timeout);
    }

    return NGX_AGAIN;
}


static void
ngx_http_soma_redis_first_gone(void *data)
{
    ngx_http_soma_redis_early_t  *early = data;

    ngx_queue_remove(&early->queue);
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
    ngx_http_soma_redis_early_t  *early;
    ngx_http_soma_redis_first_t  *first;

    first = &ngx_http_soma_redis_first_word;
    first->heard = 1;

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    /* nobody joins any more; one that is run may end others, which leave */

    while (!ngx_queue_empty(&first->early)) {
        q = ngx_queue_head(&first->early);
        early = ngx_queue_data(q, ngx_http_soma_redis_early_t, queue);

        early->cleanup->handler = NULL;
        ngx_queue_remove(q);

        ngx_http_soma_wake(early->request);
    }
}
