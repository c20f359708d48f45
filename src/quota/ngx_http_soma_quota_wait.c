
/*
 * Copyright (C) The ngx_soma authors
 *
 * Requests that wait for what others hold.  Each stands in the line of one
 * state, in shared memory: whoever came first is first, whichever worker has
 * it.  The first one looks again when something of its state was given back;
 * what another worker did is seen by polling, a few times a second it looks
 * for what nobody tells.  Nobody waits longer than soma_limit_wait in all.
 */


#include "ngx_http_soma_quota_zone.h"


typedef struct {
    ngx_queue_t              queue;     /* of this worker, while suspended */
    ngx_http_soma_ctx_t     *ctx;
    ngx_http_soma_waiter_t  *waiter;    /* NULL: not in line */
    ngx_msec_t               until;
    ngx_msec_t               next;      /* look, though nothing was told */
    uint32_t                 seen;      /* changes of the state */
    unsigned                 queued:1;
} ngx_http_soma_quota_wait_t;


static ngx_http_soma_quota_wait_t *ngx_http_soma_quota_wait_get(
    ngx_http_soma_ctx_t *ctx);
static void ngx_http_soma_quota_wait_cleanup(void *data);
static void ngx_http_soma_quota_wait_poll(ngx_event_t *ev);
static ngx_uint_t ngx_http_soma_quota_wait_look(void);
static ngx_uint_t ngx_http_soma_quota_wait_ready(
    ngx_http_soma_quota_wait_t *wait);
static void ngx_http_soma_quota_wait_resume(ngx_http_soma_ctx_t *ctx,
    ngx_int_t rc);


static ngx_queue_t  ngx_http_soma_quota_waits;
static ngx_event_t  ngx_http_soma_quota_wait_event;


void
ngx_http_soma_quota_wait_init(void)
{
    static ngx_connection_t  dummy = { .fd = (ngx_socket_t) -1 };

    ngx_event_t  *ev;

    ev = &ngx_http_soma_quota_wait_event;

    if (ev->handler != NULL) {

        /* without a master a reload comes here with requests that wait */

        return;
    }

    ev->handler = ngx_http_soma_quota_wait_poll;
    ev->data = &dummy;
    ev->log = ngx_cycle->log;

    ngx_queue_init(&ngx_http_soma_quota_waits);
}


ngx_uint_t
ngx_http_soma_quota_wait_may(ngx_http_soma_ctx_t *ctx)
{
    ngx_http_soma_quota_wait_t  *wait;

    wait = ctx->quota_wait;

    if (wait == NULL) {
        return ctx->conf->limit_wait != 0;
    }

    return (ngx_msec_int_t) (wait->until - ngx_current_msec) > 0;
}


ngx_uint_t
ngx_http_soma_quota_wait_behind_locked(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_state_t *state)
{
    ngx_http_soma_quota_wait_t  *wait;

    if (state->nwaits == 0) {
        return 0;
    }

    wait = ctx->quota_wait;

    return wait == NULL || wait->waiter == NULL
           || ngx_queue_head(&state->waits) != &wait->waiter->queue;
}


ngx_int_t
ngx_http_soma_quota_wait_join_locked(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_state_t *state)
{
    int64_t                      now;
    ngx_queue_t                 *slot;
    ngx_http_soma_waiter_t      *waiter;
    ngx_http_soma_quota_wait_t  *wait;
    ngx_http_soma_quota_zone_t  *zone;

    wait = ngx_http_soma_quota_wait_get(ctx);

    if (wait == NULL) {
        return NGX_DECLINED;
    }

    if (wait->waiter != NULL && wait->waiter->state == state) {
        wait->seen = state->changes;
        return NGX_OK;
    }

    ngx_http_soma_quota_wait_leave_locked(ctx);

    if (state->nwaits >= NGX_HTTP_SOMA_WAITS_MAX) {
        return NGX_DECLINED;
    }

    now = ngx_http_soma_now();
    waiter = ngx_http_soma_quota_zone_alloc_locked(ctx->main,
                                                 sizeof(ngx_http_soma_waiter_t),
                                                 now);
    if (waiter == NULL) {
        return NGX_DECLINED;
    }

    waiter->state = state;
    state->holds++;
    state->nwaits++;
    ngx_queue_insert_tail(&state->waits, &waiter->queue);

    slot = ngx_http_soma_quota_slot_waits();

    if (slot != NULL) {
        ngx_queue_insert_tail(slot, &waiter->slot);

    } else {
        ngx_queue_init(&waiter->slot);
    }

    zone = ctx->main->zone->quota;
    zone->nwaits++;

    wait->waiter = waiter;
    wait->seen = state->changes;

    return NGX_OK;
}


void
ngx_http_soma_quota_wait_leave_locked(ngx_http_soma_ctx_t *ctx)
{
    ngx_http_soma_quota_wait_t  *wait;

    wait = ctx->quota_wait;

    if (wait == NULL || wait->waiter == NULL) {
        return;
    }

    ngx_http_soma_quota_wait_end_locked(ctx->main, wait->waiter);
    wait->waiter = NULL;

    ngx_http_soma_quota_wait_kick();
}


/* the next one in line may look */
void
ngx_http_soma_quota_wait_end_locked(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_waiter_t *waiter)
{
    ngx_http_soma_state_t       *state;
    ngx_http_soma_quota_zone_t  *zone;

    zone = smcf->zone->quota;
    state = waiter->state;

    ngx_queue_remove(&waiter->queue);
    ngx_queue_remove(&waiter->slot);
    ngx_slab_free_locked(smcf->shpool, waiter);

    state->nwaits--;
    state->changes++;
    zone->nwaits--;

    ngx_http_soma_quota_zone_unhold_locked(zone, state);
}


ngx_int_t
ngx_http_soma_quota_wait(ngx_http_soma_ctx_t *ctx)
{
    ngx_int_t                    rc;
    ngx_http_soma_quota_wait_t  *wait;

    wait = ctx->quota_wait;

    rc = ngx_http_soma_wait(ctx, NGX_HTTP_SOMA_WAIT_LINE,
                            ngx_http_soma_quota_wait_resume);
    if (rc != NGX_AGAIN) {
        return rc;
    }

    wait->next = ngx_current_msec + NGX_HTTP_SOMA_WAIT_RETRY;
    wait->queued = 1;

    ngx_queue_insert_tail(&ngx_http_soma_quota_waits, &wait->queue);

    if (!ngx_http_soma_quota_wait_event.timer_set) {
        ngx_add_timer(&ngx_http_soma_quota_wait_event,
                      NGX_HTTP_SOMA_WAIT_POLL);
    }

    return NGX_AGAIN;
}


static ngx_http_soma_quota_wait_t *
ngx_http_soma_quota_wait_get(ngx_http_soma_ctx_t *ctx)
{
    ngx_http_cleanup_t          *cln;
    ngx_http_request_t          *r;
    ngx_http_soma_quota_wait_t  *wait;

    if (ctx->quota_wait != NULL) {
        return ctx->quota_wait;
    }

    r = ctx->request;

    wait = ngx_pcalloc(r->pool, sizeof(ngx_http_soma_quota_wait_t));
    cln = ngx_http_cleanup_add(r, 0);

    if (wait == NULL || cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_soma_quota_wait_cleanup;
    cln->data = wait;

    wait->ctx = ctx;
    wait->until = ngx_current_msec + ctx->conf->limit_wait;
    ctx->quota_wait = wait;

    return wait;
}


/* its client has left, or it is answered */
static void
ngx_http_soma_quota_wait_cleanup(void *data)
{
    ngx_http_soma_quota_wait_t *wait = data;

    if (wait->queued) {
        wait->queued = 0;
        ngx_queue_remove(&wait->queue);
    }

    ngx_http_soma_quota_leave(wait->ctx);
}


void
ngx_http_soma_quota_leave(ngx_http_soma_ctx_t *ctx)
{
    ngx_slab_pool_t             *shpool;
    ngx_http_soma_quota_wait_t  *wait;

    wait = ctx->quota_wait;

    if (wait == NULL || wait->waiter == NULL) {
        return;
    }

    shpool = ctx->main->shpool;

    ngx_shmtx_lock(&shpool->mutex);
    ngx_http_soma_quota_wait_leave_locked(ctx);
    ngx_shmtx_unlock(&shpool->mutex);
}


void
ngx_http_soma_quota_wait_kick(void)
{
    ngx_event_t  *ev;

    ev = &ngx_http_soma_quota_wait_event;

    if (ev->handler != NULL && !ev->posted
        && !ngx_queue_empty(&ngx_http_soma_quota_waits))
    {
        ngx_post_event(ev, &ngx_posted_events);
    }
}


static void
ngx_http_soma_quota_wait_poll(ngx_event_t *ev)
{
    ngx_uint_t  i;

    /* each turn lets one of each line look; more of them after this event */

    for (i = 0; i < NGX_HTTP_SOMA_WAITS_MAX; i++) {
        if (!ngx_http_soma_quota_wait_look()) {
            break;
        }
    }

    if (!ngx_queue_empty(&ngx_http_soma_quota_waits) && !ev->timer_set) {
        ngx_add_timer(ev, NGX_HTTP_SOMA_WAIT_POLL);
    }
}


/* 1: somebody looked */
static ngx_uint_t
ngx_http_soma_quota_wait_look(void)
{
    ngx_uint_t                   any;
    ngx_queue_t                 *q, *next, ready;
    ngx_slab_pool_t             *shpool;
    ngx_http_soma_quota_wait_t  *wait;

    if (ngx_queue_empty(&ngx_http_soma_quota_waits)) {
        return 0;
    }

    q = ngx_queue_head(&ngx_http_soma_quota_waits);
    wait = ngx_queue_data(q, ngx_http_soma_quota_wait_t, queue);
    shpool = wait->ctx->main->shpool;

    ngx_queue_init(&ready);

    ngx_shmtx_lock(&shpool->mutex);

    for ( /* void */ ;
         q != ngx_queue_sentinel(&ngx_http_soma_quota_waits);
         q = next)
    {
        next = ngx_queue_next(q);
        wait = ngx_queue_data(q, ngx_http_soma_quota_wait_t, queue);

        if (ngx_http_soma_quota_wait_ready(wait)) {
            ngx_queue_remove(q);
            ngx_queue_insert_tail(&ready, q);
        }
    }

    ngx_shmtx_unlock(&shpool->mutex);

    any = !ngx_queue_empty(&ready);

    /* the end of one may be that of another, of the same connection */

    while (!ngx_queue_empty(&ready)) {
        q = ngx_queue_head(&ready);
        ngx_queue_remove(q);

        wait = ngx_queue_data(q, ngx_http_soma_quota_wait_t, queue);
        wait->queued = 0;

        ngx_http_soma_wake(wait->ctx, NGX_OK);
    }

    return any;
}


/* the first of its line, when something has changed or it is time; anybody
 * when its own time is over */
static ngx_uint_t
ngx_http_soma_quota_wait_ready(ngx_http_soma_quota_wait_t *wait)
{
    ngx_http_soma_state_t  *state;

    if (wait->waiter == NULL
        || (ngx_msec_int_t) (wait->until - ngx_current_msec) <= 0)
    {
        return 1;
    }

    state = wait->waiter->state;

    return ngx_queue_head(&state->waits) == &wait->waiter->queue
           && (state->changes != wait->seen
               || (ngx_msec_int_t) (wait->next - ngx_current_msec) <= 0);
}


/* what Redis said before is no answer to what is asked now */
static void
ngx_http_soma_quota_wait_resume(ngx_http_soma_ctx_t *ctx, ngx_int_t rc)
{
    ngx_http_soma_lease_wait_anew(ctx);

    ctx->walk(ctx, rc);
}


ngx_uint_t
ngx_http_soma_quota_waiting(ngx_http_soma_main_conf_t *smcf)
{
    ngx_http_soma_quota_zone_t  *zone;

    zone = smcf->zone->quota;

    return zone->nwaits;
}
