
/*
 * Copyright (C) The ngx_soma authors
 *
 * More for a request that has reserved already: a stream that grows.
 */


#include "ngx_http_soma_quota_zone.h"


static ngx_int_t ngx_http_soma_quota_more_locked(ngx_http_soma_hold_t *hold,
    const int64_t *more, int64_t *want, int64_t now);
static void ngx_http_soma_quota_limit(ngx_http_soma_state_t *state,
    soma_limit_t *limit);


ngx_int_t
ngx_http_soma_quota_extend(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_hold_t **hold, const int64_t *more)
{
    int64_t                     now, want[NGX_HTTP_SOMA_HOLD_MAX];
    ngx_int_t                   rc;
    ngx_uint_t                  i;
    soma_limit_t                limit;
    ngx_http_soma_hold_item_t  *item;

    if (*hold == NULL) {
        return NGX_OK;
    }

    now = ngx_http_soma_now();

    ngx_shmtx_lock(&ctx->main->shpool->mutex);

    rc = ngx_http_soma_quota_more_locked(*hold, more, want, now);

    for (i = 0; rc == NGX_OK && i < (*hold)->n; i++) {

        if (want[i] == 0) {
            continue;
        }

        item = &(*hold)->item[i];

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
ngx_http_soma_quota_more_locked(ngx_http_soma_hold_t *hold,
    const int64_t *more, int64_t *want, int64_t now)
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
    }

    return NGX_OK;
}


static void
ngx_http_soma_quota_limit(ngx_http_soma_state_t *state, soma_limit_t *limit)
{
    ngx_memzero(limit, sizeof(soma_limit_t));

    limit->amount = state->amount;
    limit->window = state->window;
    limit->limit = state->limit;
}
