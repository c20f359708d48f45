
/*
 * Copyright (C) The ngx_soma authors
 *
 * More for a request that has reserved already: a stream that grows.
 */


#include "ngx_http_soma_lease.h"
#include "ngx_http_soma_redis.h"


static ngx_int_t ngx_http_soma_quota_more_locked(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_hold_t *hold, const int64_t *more, int64_t *want,
    int64_t now);
static ngx_int_t ngx_http_soma_quota_more_lease_locked(
    ngx_http_soma_ctx_t *ctx, ngx_http_soma_hold_item_t *item, int64_t more);
static void ngx_http_soma_quota_take_lease_locked(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_hold_item_t *item, int64_t taken, int64_t more);
static void ngx_http_soma_quota_limit(ngx_http_soma_state_t *state,
    soma_limit_t *limit);


ngx_int_t
ngx_http_soma_quota_extend(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_hold_t **hold, const int64_t *more)
{
    int64_t                     now, taken, want[NGX_HTTP_SOMA_HOLD_MAX];
    ngx_int_t                   rc;
    ngx_uint_t                  i;
    soma_limit_t                limit;
    ngx_http_soma_hold_item_t  *item;

    if (*hold == NULL) {
        return NGX_OK;
    }

    now = ngx_http_soma_now();

    ngx_shmtx_lock(&ctx->main->shpool->mutex);

    rc = ngx_http_soma_quota_more_locked(ctx, *hold, more, want, now);

    for (i = 0; rc == NGX_OK && i < (*hold)->n; i++) {

        if (want[i] == 0) {
            continue;
        }

        item = &(*hold)->item[i];
        taken = item->taken;

        if (item->window == item->state->quota.since
            || item->state->window < SOMA_WINDOW_DAY)
        {
            item->taken += want[i];

        } else {
            item->taken = want[i];
            item->window = item->state->quota.since;
        }

        ngx_http_soma_quota_limit(item->state, &limit);
        (void) soma_quota_take(&limit, &item->state->quota, want[i]);

        if (item->state->leased != NULL) {
            ngx_http_soma_quota_take_lease_locked(ctx, item, taken,
                                                more[item->state->amount]);
        }
    }

    ngx_shmtx_unlock(&ctx->main->shpool->mutex);

    return rc;
}


/*
 * want[]: what is to be taken for each item, 0: nothing.  A stream that goes
 * on after midnight moves to the new day with all that it has reserved: it
 * is settled there as a whole, for the day it began in is over.
 */

static ngx_int_t
ngx_http_soma_quota_more_locked(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_hold_t *hold, const int64_t *more, int64_t *want,
    int64_t now)
{
    ngx_uint_t                  i;
    soma_limit_t                limit;
    soma_verdict_t              verdict;
    ngx_http_soma_hold_item_t  *item;

    for (i = 0; i < hold->n; i++) {
        item = &hold->item[i];
        want[i] = more[item->state->amount];

        if (want[i] <= 0) {
            want[i] = 0;
            continue;
        }

        ngx_http_soma_quota_limit(item->state, &limit);

        /* turns the window, if it is over */

        (void) soma_quota_check(&limit, &item->state->quota, now, 0, &verdict);

        if (item->state->window >= SOMA_WINDOW_DAY
            && item->window != item->state->quota.since)
        {
            want[i] += item->taken;
        }

        if (soma_quota_check(&limit, &item->state->quota, now, want[i],
                             &verdict)
            != SOMA_OK)
        {
            return NGX_BUSY;
        }

        if (item->state->leased != NULL
            && ngx_http_soma_quota_more_lease_locked(ctx, item,
                                                  more[item->state->amount])
               != NGX_OK)
        {
            return NGX_BUSY;
        }
    }

    return NGX_OK;
}


/* the lease has its own window: it turns when Redis says so */

static ngx_inline int64_t
ngx_http_soma_quota_lease_want(ngx_http_soma_hold_item_t *item, int64_t taken,
    int64_t more)
{
    return item->epoch == item->state->leased->lease.epoch ? more
                                                           : more + taken;
}


/*
 * The next slice is leased while this one is streamed, so that there is
 * nothing to wait for.
 */

static ngx_int_t
ngx_http_soma_quota_more_lease_locked(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_hold_item_t *item, int64_t more)
{
    int                          rc;
    int64_t                      now, want;
    soma_limit_t                 limit;
    soma_lease_t                *lease;
    ngx_http_soma_quota_zone_t  *zone;

    zone = ctx->main->zone->quota;
    now = ngx_http_soma_lease_now();
    lease = &item->state->leased->lease;
    want = ngx_http_soma_quota_lease_want(item, item->taken, more);

    rc = soma_lease_check(lease, now, want, UINT64_MAX);

    if (lease->avail < 2 * want && lease->need == 0 && rc != SOMA_DECLINED) {
        ngx_http_soma_lease_need_locked(zone, item->state, 2 * want);
        ngx_http_soma_lease_kick();
    }

    if (rc == SOMA_OK) {
        return NGX_OK;
    }

    if (rc == SOMA_DECLINED) {
        return NGX_BUSY;
    }

    if (!ngx_http_soma_redis_ready()) {
        return ctx->conf->on_redis_down == NGX_HTTP_SOMA_DOWN_ALLOW
               ? NGX_OK : NGX_BUSY;
    }

    ngx_http_soma_quota_limit(item->state, &limit);

    return soma_lease_credit(&limit, lease, want) == SOMA_OK ? NGX_OK
                                                             : NGX_BUSY;
}


static void
ngx_http_soma_quota_take_lease_locked(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_hold_item_t *item, int64_t taken, int64_t more)
{
    int64_t  all;

    /* what is taken of the lease is told by the item */

    all = item->taken;
    item->taken = ngx_http_soma_quota_lease_want(item, taken, more);

    ngx_http_soma_lease_take_locked(ctx->main->zone->quota, item->state,
                                    item);
    item->taken = all;
}


static void
ngx_http_soma_quota_limit(ngx_http_soma_state_t *state, soma_limit_t *limit)
{
    ngx_memzero(limit, sizeof(soma_limit_t));

    limit->amount = state->amount;
    limit->window = state->window;
    limit->limit = state->limit;
}
