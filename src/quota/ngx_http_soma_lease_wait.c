
/*
 * Copyright (C) The ngx_soma authors
 *
 * Requests that wait for a lease.  They look again when this worker has an
 * answer; what another worker's answer brought is seen by polling.
 */


#include "ngx_http_soma_lease.h"


struct ngx_http_soma_lease_wait_s {
    ngx_queue_t                 queue;      /* oldest first */
    ngx_http_soma_ctx_t        *ctx;
    ngx_http_soma_lease_pt      handler;    /* of a stream */
    uint64_t                    groups;     /* bits of those it waits for */
    uint32_t                    answers;    /* the sum of their counters */
    ngx_msec_t                  until;
    unsigned                    queued:1;
    unsigned                    stream:1;   /* nginx goes on with its events,
                                               the request does not wait */
};


static ngx_http_soma_lease_wait_t *ngx_http_soma_lease_wait_get(
    ngx_http_soma_ctx_t *ctx);
static void ngx_http_soma_lease_wait_queue(ngx_http_soma_lease_wait_t *wait);
static void ngx_http_soma_lease_wait_resume(ngx_http_soma_ctx_t *ctx,
    ngx_int_t rc);
static void ngx_http_soma_lease_wait_cleanup(void *data);
static void ngx_http_soma_lease_poll(ngx_event_t *ev);
static uint32_t ngx_http_soma_lease_answers(uint64_t groups);
static void ngx_http_soma_lease_wait_look(ngx_http_soma_lease_wait_t *wait);


static ngx_queue_t                 ngx_http_soma_lease_waits;
static ngx_event_t                 ngx_http_soma_lease_wait_event;
static ngx_http_soma_main_conf_t  *ngx_http_soma_lease_wait_conf;


void
ngx_http_soma_lease_wait_init(ngx_http_soma_main_conf_t *smcf)
{
    static ngx_connection_t  dummy = { .fd = (ngx_socket_t) -1 };

    ngx_event_t  *ev;

    ev = &ngx_http_soma_lease_wait_event;

    if (ev->timer_set) {

        /* without a master a reload comes here with requests that wait */

        ngx_http_soma_lease_wait_conf = smcf;
        return;
    }

    ngx_memzero(ev, sizeof(ngx_event_t));

    ev->handler = ngx_http_soma_lease_poll;
    ev->data = &dummy;
    ev->log = ngx_cycle->log;

    ngx_http_soma_lease_wait_conf = smcf;
    ngx_queue_init(&ngx_http_soma_lease_waits);
}


ngx_int_t
ngx_http_soma_lease_wait(ngx_http_soma_ctx_t *ctx)
{
    ngx_int_t                    rc;
    ngx_http_soma_lease_wait_t  *wait;

    wait = ngx_http_soma_lease_wait_get(ctx);
    if (wait == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_soma_wait(ctx, NGX_HTTP_SOMA_WAIT_LEASE,
                            ngx_http_soma_lease_wait_resume);

    if (rc == NGX_AGAIN) {
        ngx_http_soma_lease_wait_queue(wait);
    }

    return rc;
}


/* what a lease that did not come means, its limit decides */
static void
ngx_http_soma_lease_wait_resume(ngx_http_soma_ctx_t *ctx, ngx_int_t rc)
{
    (void) rc;

    ctx->walk(ctx, NGX_OK);
}


ngx_int_t
ngx_http_soma_lease_wait_stream(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_lease_pt handler)
{
    ngx_http_soma_lease_wait_t  *wait;

    wait = ngx_http_soma_lease_wait_get(ctx);
    if (wait == NULL) {
        return NGX_ERROR;
    }

    if (!wait->stream) {
        wait->stream = 1;
        wait->until = ngx_current_msec + ctx->main->redis.timeout;
    }

    wait->handler = handler;

    ngx_http_soma_lease_wait_queue(wait);

    return NGX_OK;
}


void
ngx_http_soma_lease_wait_done(ngx_http_soma_ctx_t *ctx)
{
    if (ctx->lease.wait != NULL) {
        ngx_http_soma_lease_wait_cleanup(ctx->lease.wait);
        ctx->lease.wait->stream = 0;
    }

    ctx->lease.late = 0;
}


void
ngx_http_soma_lease_wait_anew(ngx_http_soma_ctx_t *ctx)
{
    ctx->lease.after = 0;
    ctx->lease.asked = 0;
    ctx->lease.needs = 0;
    ctx->lease.groups = 0;
    ctx->lease.answers = 0;
    ctx->lease.late = 0;

    if (ctx->lease.wait != NULL) {
        ctx->lease.wait->until = ngx_current_msec + ctx->main->redis.timeout;
    }
}


static ngx_http_soma_lease_wait_t *
ngx_http_soma_lease_wait_get(ngx_http_soma_ctx_t *ctx)
{
    ngx_http_cleanup_t    *cln;
    ngx_http_request_t    *r;
    ngx_http_soma_lease_wait_t  *wait;

    if (ctx->lease.wait != NULL) {
        return ctx->lease.wait;
    }

    r = ctx->request;

    cln = ngx_http_cleanup_add(r, 0);
    wait = ngx_pcalloc(r->pool, sizeof(ngx_http_soma_lease_wait_t));

    if (cln == NULL || wait == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_soma_lease_wait_cleanup;
    cln->data = wait;

    wait->ctx = ctx;
    wait->until = ngx_current_msec + ctx->main->redis.timeout;
    ctx->lease.wait = wait;

    return wait;
}


static void
ngx_http_soma_lease_wait_queue(ngx_http_soma_lease_wait_t *wait)
{
    ngx_http_soma_ctx_t  *ctx;

    ctx = wait->ctx;

    wait->groups = ctx->lease.groups;
    wait->answers = ctx->lease.answers;
    wait->queued = 1;

    ctx->lease.groups = 0;
    ctx->lease.answers = 0;

    ngx_queue_insert_tail(&ngx_http_soma_lease_waits, &wait->queue);

    if (!ngx_http_soma_lease_wait_event.timer_set) {
        ngx_add_timer(&ngx_http_soma_lease_wait_event,
                      NGX_HTTP_SOMA_LEASE_POLL);
    }
}


static void
ngx_http_soma_lease_wait_cleanup(void *data)
{
    ngx_http_soma_lease_wait_t  *wait = data;

    if (wait->queued) {
        wait->queued = 0;
        ngx_queue_remove(&wait->queue);
    }
}


static void
ngx_http_soma_lease_poll(ngx_event_t *ev)
{
    ngx_http_soma_lease_wake();

    if (!ngx_queue_empty(&ngx_http_soma_lease_waits) && !ev->timer_set) {
        ngx_add_timer(ev, NGX_HTTP_SOMA_LEASE_POLL);
    }
}


/* counters are read without the lock: what is missed now is seen then */
static uint32_t
ngx_http_soma_lease_answers(uint64_t groups)
{
    uint32_t                     n;
    ngx_uint_t                   i;
    ngx_http_soma_quota_zone_t  *zone;

    zone = ngx_http_soma_lease_wait_conf->zone->quota;
    n = 0;

    for (i = 0; i < NGX_HTTP_SOMA_ANSWERS; i++) {
        if (groups & ((uint64_t) 1 << i)) {
            n += zone->answers[i];
        }
    }

    return n;
}


/* those that wait on go to the end of the queue; each is looked at once */
void
ngx_http_soma_lease_wake(void)
{
    ngx_uint_t             late;
    ngx_queue_t           *q, seen;
    ngx_http_soma_lease_wait_t  *wait;

    ngx_queue_init(&seen);

    if (!ngx_queue_empty(&ngx_http_soma_lease_waits)) {
        ngx_queue_add(&seen, &ngx_http_soma_lease_waits);
        ngx_queue_init(&ngx_http_soma_lease_waits);
    }

    while (!ngx_queue_empty(&seen)) {
        q = ngx_queue_head(&seen);
        wait = ngx_queue_data(q, ngx_http_soma_lease_wait_t, queue);

        ngx_queue_remove(q);

        late = ((ngx_msec_int_t) (wait->until - ngx_current_msec) <= 0);

        if (!late
            && wait->answers == ngx_http_soma_lease_answers(wait->groups))
        {
            ngx_queue_insert_tail(&ngx_http_soma_lease_waits, q);
            continue;
        }

        wait->queued = 0;
        wait->ctx->lease.late = late;

        if (wait->stream) {
            ngx_http_soma_lease_wait_look(wait);

        } else {
            ngx_http_soma_wake(wait->ctx, late ? NGX_BUSY : NGX_OK);
        }
    }
}


static void
ngx_http_soma_lease_wait_look(ngx_http_soma_lease_wait_t *wait)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = wait->ctx->request;
    c = r->connection;

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, c->log, 0,
                   "soma lease: stream looks again, late:%ui",
                   (ngx_uint_t) wait->ctx->lease.late);

    ngx_http_set_log_request(c->log, r);

    wait->handler(wait->ctx);

    ngx_http_run_posted_requests(c);
}
