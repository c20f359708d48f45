
/*
 * Copyright (C) The ngx_soma authors
 *
 * More for a request that has reserved already: a stream that grows.
 */


#include "ngx_http_soma_lease.h"
#include "ngx_http_soma_redis.h"


static ngx_int_t ngx_http_soma_quota_more_locked(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_hold_t *hold, const int64_t *more, ngx_uint_t what,
    int64_t *want, int64_t now);
static ngx_int_t ngx_http_soma_quota_more_lease_locked(
    ngx_http_soma_ctx_t *ctx, ngx_http_soma_hold_item_t *item, int64_t more,
    ngx_uint_t what);
static void ngx_http_soma_quota_more_ask_locked(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_hold_item_t *item, int64_t want);
static void ngx_http_soma_quota_take_lease_locked(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_hold_item_t *item, int64_t taken, int64_t more);


ngx_int_t
ngx_http_soma_quota_extend(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_hold_t **hold, const int64_t *more, ngx_uint_t what)
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

    ctx->lease.groups = 0;
    ctx->lease.answers = 0;
    ctx->lease.silent = 0;

    ngx_shmtx_lock(&ctx->main->shpool->mutex);

    rc = ngx_http_soma_quota_more_locked(ctx, *hold, more, what, want, now);

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

        ngx_http_soma_quota_zone_limit(item->state, &limit);
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
    ngx_http_soma_hold_t *hold, const int64_t *more, ngx_uint_t what,
    int64_t *want, int64_t now)
{
    ngx_int_t                   rc, lease;
    ngx_uint_t                  i;
    soma_limit_t                limit;
    soma_verdict_t              verdict;
    ngx_http_soma_hold_item_t  *item;

    rc = NGX_OK;

    for (i = 0; i < hold->n; i++) {
        item = &hold->item[i];
        want[i] = more[item->state->amount];

        if (want[i] <= 0) {
            want[i] = 0;
            continue;
        }

        ngx_http_soma_quota_zone_limit(item->state, &limit);

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

        if (item->state->leased == NULL) {
            continue;
        }

        lease = ngx_http_soma_quota_more_lease_locked(ctx, item,
                                                more[item->state->amount],
                                                what);
        if (lease == NGX_BUSY) {
            return NGX_BUSY;
        }

        if (lease == NGX_AGAIN) {
            rc = NGX_AGAIN;
        }
    }

    return rc;
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
 * Nothing is taken that is not leased: as long as Redis answers, its word is
 * waited for, and it is taken at its word.
 */

static ngx_int_t
ngx_http_soma_quota_more_lease_locked(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_hold_item_t *item, int64_t more, ngx_uint_t what)
{
    int            rc;
    int64_t        want;
    soma_lease_t  *lease;

    lease = &item->state->leased->lease;

    if (what != NGX_HTTP_SOMA_MORE_AGAIN
        && (lease->heard > item->asked || lease->failed > item->asked))
    {
        item->asked = 0;
    }

    want = ngx_http_soma_quota_lease_want(item, item->taken, more);

    rc = soma_lease_check(lease, ngx_http_soma_lease_now(), want,
                          item->asked ? item->asked : UINT64_MAX);

    if (rc == SOMA_DECLINED
        && (what == NGX_HTTP_SOMA_MORE_NEEDED
            || (item->asked != 0 && lease->heard <= item->asked)))
    {
        /* that was another's question: the end of a stream is worth one */

        rc = SOMA_AGAIN;
    }

    if (rc == SOMA_AGAIN) {

        if (!ngx_http_soma_redis_ready()) {
            rc = SOMA_ERROR;

        } else if (ctx->lease.late && item->asked != 0) {
            rc = (lease->heard > item->asked) ? SOMA_DECLINED : SOMA_ERROR;
        }
    }

    switch (rc) {

    case SOMA_OK:
        return NGX_OK;

    case SOMA_AGAIN:
        ngx_http_soma_quota_more_ask_locked(ctx, item, want);
        return NGX_AGAIN;

    case SOMA_DECLINED:
        return NGX_BUSY;

    default:

        /* this node's own count still holds */

        if (ctx->conf->on_redis_down == NGX_HTTP_SOMA_DOWN_ALLOW) {
            return NGX_OK;
        }

        ctx->lease.silent = 1;
        return NGX_BUSY;
    }
}


/* once an answer: who has asked and asks for less is asking for the same */

static void
ngx_http_soma_quota_more_ask_locked(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_hold_item_t *item, int64_t want)
{
    uint64_t                     bit;
    ngx_http_soma_group_t       *group;
    ngx_http_soma_quota_zone_t  *zone;

    zone = ctx->main->zone->quota;
    group = item->state->leased->group;
    bit = ngx_http_soma_lease_bit(group->hash);

    if (!(ctx->lease.groups & bit)) {
        ctx->lease.groups |= bit;
        ctx->lease.answers +=
                           zone->answers[group->hash % NGX_HTTP_SOMA_ANSWERS];
    }

    if (item->asked == 0 || item->state->leased->lease.heard > item->asked) {
        ngx_http_soma_lease_need_locked(zone, item->state, want, 1);
        ngx_http_soma_lease_kick();

        item->asked = zone->seq;
    }
}


static void
ngx_http_soma_quota_take_lease_locked(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_hold_item_t *item, int64_t taken, int64_t more)
{
    int64_t  all;

    /* what is taken of the lease is told by the item */

    all = item->taken;
    item->asked = 0;
    item->taken = ngx_http_soma_quota_lease_want(item, taken, more);

    ngx_http_soma_lease_take_locked(ctx->main->zone->quota, item->state,
                                    item);
    item->taken = all;
}
