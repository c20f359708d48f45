
/*
 * Copyright (C) The ngx_soma authors
 */


#include "ngx_http_soma_lease.h"
#include "ngx_http_soma_redis.h"


static ngx_int_t ngx_http_soma_quota_check_locked(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_takes_t *takes, int64_t now,
    ngx_http_soma_refusal_t *refusal);
static void ngx_http_soma_quota_line_locked(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_takes_t *takes, ngx_int_t rc,
    ngx_http_soma_refusal_t *refusal);
static ngx_int_t ngx_http_soma_quota_lease_locked(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_take_t *take, int64_t now);
static void ngx_http_soma_quota_need_locked(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_takes_t *takes, ngx_uint_t waits);
static void ngx_http_soma_quota_unneed_locked(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_takes_t *takes);
static void ngx_http_soma_quota_lack(ngx_http_soma_takes_t *takes,
    ngx_http_soma_refusal_t *refusal);
static void ngx_http_soma_quota_refuse(ngx_http_soma_take_t *take,
    ngx_http_soma_refusal_t *refusal, ngx_uint_t first);
static ngx_int_t ngx_http_soma_quota_take_locked(
    ngx_http_soma_main_conf_t *smcf, ngx_http_soma_takes_t *takes,
    ngx_http_soma_hold_t **hold, int64_t now);
static void ngx_http_soma_quota_forget_locked(
    ngx_http_soma_quota_zone_t *zone, ngx_http_soma_takes_t *takes);
static void ngx_http_soma_quota_rate(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_takes_t *takes);
static void ngx_http_soma_quota_full(ngx_http_soma_main_conf_t *smcf,
    const char *what);


/* a second log line of the same trouble within this helps nobody */
#define NGX_HTTP_SOMA_QUOTA_LOG_MS  1000


ngx_int_t
ngx_http_soma_quota_reserve(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_hold_t **hold, soma_str_t owner, ngx_array_t *limits,
    const int64_t *want, ngx_uint_t trim, ngx_http_soma_refusal_t *refusal)
{
    int64_t                     now;
    ngx_int_t                   rc;
    ngx_http_soma_takes_t       takes;
    ngx_http_soma_main_conf_t  *smcf;

    if (limits == NULL || limits->nelts == 0) {
        return NGX_OK;
    }

    smcf = ctx->main;

    if (ngx_http_soma_quota_prepare(ctx, &takes, owner, limits, want, trim)
        != NGX_OK
        || (*hold != NULL && (*hold)->n + takes.n > NGX_HTTP_SOMA_HOLD_MAX))
    {
        ngx_http_soma_quota_full(smcf, "a request has more limits, or longer "
                                       "names, than one hold can have");
        return NGX_ERROR;
    }

    now = ngx_http_soma_now();
    takes.line = (hold == &ctx->caller_hold
                  && ngx_http_soma_quota_wait_may(ctx));

    ngx_shmtx_lock(&smcf->shpool->mutex);

    rc = ngx_http_soma_quota_check_locked(ctx, &takes, now, refusal);

    if (hold == &ctx->caller_hold) {
        ngx_http_soma_quota_line_locked(ctx, &takes, rc, refusal);
    }

    if (rc == NGX_AGAIN && !ctx->count_first) {
        ngx_http_soma_quota_need_locked(ctx, &takes, hold == &ctx->caller_hold);
    }

    if ((rc == NGX_AGAIN || rc == NGX_DECLINED) && hold != &ctx->caller_hold) {
        ngx_http_soma_quota_lack(&takes, refusal);
        rc = NGX_BUSY;
    }

    if (rc == NGX_OK) {
        ngx_http_soma_quota_unneed_locked(ctx, &takes);

        rc = ngx_http_soma_quota_take_locked(smcf, &takes, hold, now);
    }

    if (rc != NGX_OK) {
        ngx_http_soma_quota_forget_locked(smcf->zone->quota, &takes);
    }

    ngx_shmtx_unlock(&smcf->shpool->mutex);

    if (rc == NGX_ERROR) {
        ngx_http_soma_quota_full(smcf, "soma_zone is too small for the "
                                       "limits in use");
        return NGX_ERROR;
    }

    if (rc == NGX_BUSY) {
        refusal->owner = owner;
    }

    /* what is left at a provider is nothing to tell a client, nor what was
     * left when one that waits came */

    if (hold == &ctx->caller_hold && !(rc == NGX_BUSY && refusal->waits)) {
        ngx_http_soma_quota_rate(ctx, &takes);
    }

    return rc;
}


ngx_int_t
ngx_http_soma_quota_ensure(ngx_http_soma_ctx_t *ctx, soma_str_t owner,
    ngx_array_t *limits, const int64_t *want)
{
    int64_t                     now;
    ngx_int_t                   rc;
    ngx_http_soma_takes_t       takes;
    ngx_http_soma_refusal_t     refusal;
    ngx_http_soma_main_conf_t  *smcf;

    smcf = ctx->main;

    if (limits->nelts == 0 || !smcf->redis.set
        || ngx_http_soma_quota_prepare(ctx, &takes, owner, limits, want, 0)
           != NGX_OK)
    {
        return NGX_OK;
    }

    now = ngx_http_soma_now();

    /* a reservation that does not fit may be lowered to what does */

    takes.part = 1;
    takes.line = 0;

    ngx_shmtx_lock(&smcf->shpool->mutex);

    rc = ngx_http_soma_quota_check_locked(ctx, &takes, now, &refusal);

    if (rc == NGX_AGAIN) {
        ngx_http_soma_quota_need_locked(ctx, &takes, 1);
    }

    ngx_http_soma_quota_forget_locked(smcf->zone->quota, &takes);

    ngx_shmtx_unlock(&smcf->shpool->mutex);

    return (rc == NGX_AGAIN) ? NGX_AGAIN : NGX_OK;
}


void
ngx_http_soma_quota_settle(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_hold_t **hold, const int64_t *used)
{
    int64_t                      now;
    ngx_uint_t                   waits;
    ngx_http_soma_quota_zone_t  *zone;

    if (*hold == NULL) {
        return;
    }

    now = ngx_http_soma_now();
    zone = smcf->zone->quota;

    ngx_shmtx_lock(&smcf->shpool->mutex);

    ngx_http_soma_quota_zone_return_locked(zone, *hold, used, now);
    ngx_http_soma_quota_zone_free_locked(smcf, *hold);
    waits = zone->nwaits;

    ngx_shmtx_unlock(&smcf->shpool->mutex);

    *hold = NULL;

    if (waits != 0) {
        ngx_http_soma_quota_wait_kick();
    }
}


/*
 * Every limit is asked, also after one refused: the client is told of the
 * one that keeps it out longest, or it would come back too early.
 */

static ngx_int_t
ngx_http_soma_quota_check_locked(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_takes_t *takes, int64_t now,
    ngx_http_soma_refusal_t *refusal)
{
    ngx_int_t              rc, lease;
    ngx_uint_t             i;
    ngx_http_soma_take_t  *take;

    rc = NGX_OK;

    for (i = 0; i < takes->n; i++) {
        take = &takes->take[i];

        take->state = ngx_http_soma_quota_zone_state_locked(ctx->main,
                                                           take->limit,
                                                           take->key, take->len,
                                                           take->hash, now);
        if (take->state == NULL) {
            return NGX_ERROR;
        }

        lease = NGX_OK;

        if (soma_quota_check(take->limit, &take->state->quota, now,
                             take->want, &take->verdict)
            != SOMA_OK)
        {
            lease = NGX_BUSY;

            if (takes->part && take->verdict.remaining > 0
                && (take->limit->amount == SOMA_TOKENS
                    || take->limit->amount == SOMA_COST))
            {
                take->want = take->verdict.remaining;
                lease = NGX_OK;
            }
        }

        if (lease == NGX_OK && takes->line && take->want > 0
            && ngx_http_soma_quota_wait_behind_locked(ctx, take->state))
        {
            /* it may fit, but others were here before */

            take->verdict.waits = 1;
            take->behind = 1;
            lease = NGX_BUSY;
        }

        if (lease == NGX_OK && ctx->main->redis.set) {
            lease = ngx_http_soma_quota_lease_locked(ctx, take, now);

            if (lease == NGX_ERROR) {
                return NGX_ERROR;
            }
        }

        take->refused = (lease == NGX_BUSY);

        if (lease == NGX_BUSY) {
            ngx_http_soma_quota_refuse(take, refusal, rc != NGX_BUSY);
            rc = NGX_BUSY;

        } else if (rc != NGX_BUSY && rc != NGX_DECLINED && lease != NGX_OK) {
            rc = lease;
        }
    }

    return rc;
}


/* what all nodes together have left; NGX_DECLINED: nobody can tell */

static ngx_int_t
ngx_http_soma_quota_lease_locked(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_take_t *take, int64_t now)
{
    int            rc;
    int64_t        msec;
    soma_lease_t  *lease;

    if (ngx_http_soma_lease_make_locked(ctx->main, take->state,
                                        ctx->identity.tenant, now)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    msec = ngx_http_soma_lease_now();
    lease = &take->state->leased->lease;

    rc = soma_lease_check(lease, msec, take->want,
                          ctx->lease.after ? ctx->lease.after : UINT64_MAX);

    if (rc == SOMA_AGAIN && (ctx->lease.late || !ngx_http_soma_redis_ready()))
    {
        rc = SOMA_ERROR;
    }

    switch (rc) {

    case SOMA_OK:
        soma_lease_verdict(take->limit, lease, msec, take->want, 0,
                           &take->verdict);
        return NGX_OK;

    case SOMA_DECLINED:
        soma_lease_verdict(take->limit, lease, msec, take->want, 1,
                           &take->verdict);
        return NGX_BUSY;

    case SOMA_AGAIN:
        take->lacks = 1;
        return NGX_AGAIN;

    default:

        /* this node's own count still holds */

        if (ctx->conf->on_redis_down == NGX_HTTP_SOMA_DOWN_ALLOW) {
            return NGX_OK;
        }

        take->lacks = 1;
        return NGX_DECLINED;
    }
}


/*
 * Who is refused only by what others hold stands in line for the first such
 * limit; who was let in leaves it.  One that waits for a lease keeps its
 * place, and so does one that will try with less.
 */

static void
ngx_http_soma_quota_line_locked(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_takes_t *takes, ngx_int_t rc,
    ngx_http_soma_refusal_t *refusal)
{
    ngx_uint_t              i;
    ngx_http_soma_take_t   *take;
    ngx_http_soma_state_t  *state;

    refusal->waits = 0;
    refusal->behind = 0;

    if (rc == NGX_AGAIN || (rc == NGX_OK && ctx->quota_wait == NULL)) {
        return;
    }

    state = NULL;

    for (i = 0; rc == NGX_BUSY && takes->line && i < takes->n; i++) {
        take = &takes->take[i];

        if (!take->refused) {
            continue;
        }

        if (!take->verdict.waits) {
            refusal->behind = 0;
            state = NULL;
            break;
        }

        refusal->behind |= take->behind;
        state = state ? state : take->state;
    }

    if (state == NULL) {

        if (rc == NGX_OK) {
            ngx_http_soma_quota_wait_leave_locked(ctx);
        }

        return;
    }

    refusal->waits = (ngx_http_soma_quota_wait_join_locked(ctx,
                                                           state) == NGX_OK);
    refusal->behind &= refusal->waits;
}


/* waits: it will be there to take it; else it tries smaller ones at once */

static void
ngx_http_soma_quota_need_locked(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_takes_t *takes, ngx_uint_t waits)
{
    uint64_t                     bit;
    ngx_uint_t                   i;
    ngx_http_soma_take_t        *take;
    ngx_http_soma_group_t       *group;
    ngx_http_soma_leased_t      *leased;
    ngx_http_soma_quota_zone_t  *zone;

    zone = ctx->main->zone->quota;

    if (ctx->lease.after == 0) {
        ctx->lease.after = zone->seq;
    }

    for (i = 0; i < takes->n; i++) {
        take = &takes->take[i];

        if (!take->lacks) {
            continue;
        }

        leased = take->state->leased;

        if (!waits && leased->lease.need != 0) {
            continue;
        }

        group = leased->group;
        bit = ngx_http_soma_lease_bit(group->hash);

        if (!(ctx->lease.groups & bit)) {
            ctx->lease.groups |= bit;
            ctx->lease.answers +=
                        zone->answers[group->hash % NGX_HTTP_SOMA_ANSWERS];
        }

        /* an answer to an earlier call wakes those who wait for the next */

        bit = ngx_http_soma_lease_bit(take->hash);

        if (waits && (ctx->lease.needs & bit)
            && soma_lease_pending(&leased->lease, ctx->lease.asked))
        {
            continue;
        }

        /* who can do with less looks again when a part is there */

        ngx_http_soma_lease_need_locked(zone, take->state, take->want,
                                        takes->part ? 1 : take->want);

        if (waits) {
            ctx->lease.needs |= bit;
            ctx->lease.asked = zone->seq;
        }
    }

    ngx_http_soma_lease_kick();
}


static void
ngx_http_soma_quota_unneed_locked(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_takes_t *takes)
{
    uint64_t               bit;
    ngx_uint_t             i;
    ngx_http_soma_take_t  *take;

    if (ctx->lease.needs == 0) {
        return;
    }

    for (i = 0; i < takes->n; i++) {
        take = &takes->take[i];
        bit = ngx_http_soma_lease_bit(take->hash);

        if (!(ctx->lease.needs & bit) || take->state->leased == NULL) {
            continue;
        }

        soma_lease_unneed(&take->state->leased->lease, ctx->lease.asked,
                          take->want);
        ctx->lease.needs &= ~bit;
    }
}


/* the one that cannot wait is refused for now */

static void
ngx_http_soma_quota_lack(ngx_http_soma_takes_t *takes,
    ngx_http_soma_refusal_t *refusal)
{
    ngx_uint_t             i, first;
    ngx_http_soma_take_t  *take;

    first = 1;

    for (i = 0; i < takes->n; i++) {
        take = &takes->take[i];

        if (take->lacks) {
            soma_lease_verdict(take->limit, &take->state->leased->lease,
                               ngx_http_soma_lease_now(), take->want, 1,
                               &take->verdict);

            take->verdict.remaining =
                                ngx_max(0, take->state->leased->lease.avail);

            ngx_http_soma_quota_refuse(take, refusal, first);
            first = 0;
        }
    }
}


static void
ngx_http_soma_quota_refuse(ngx_http_soma_take_t *take,
    ngx_http_soma_refusal_t *refusal, ngx_uint_t first)
{
    if (first
        || (refusal->verdict.retry_ms != -1
            && (take->verdict.retry_ms == -1
                || take->verdict.retry_ms > refusal->verdict.retry_ms)))
    {
        refusal->limit = take->limit;
        refusal->verdict = take->verdict;
    }
}


/*
 * The hold is written before the state changes, item by item: a worker that
 * is killed in between leaves a hold that gives back what was taken, or what
 * was about to be.
 */

static ngx_int_t
ngx_http_soma_quota_take_locked(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_takes_t *takes, ngx_http_soma_hold_t **hold, int64_t now)
{
    ngx_uint_t                  i;
    ngx_http_soma_take_t       *take;
    ngx_http_soma_hold_t       *h;
    ngx_http_soma_hold_item_t  *item;

    if (*hold == NULL) {
        *hold = ngx_http_soma_quota_zone_hold_locked(smcf, now);
        if (*hold == NULL) {
            return NGX_ERROR;
        }
    }

    h = *hold;

    for (i = 0; i < takes->n; i++) {
        take = &takes->take[i];
        item = &h->item[h->n];

        item->state = take->state;
        item->taken = take->want;
        item->window = take->state->quota.since;
        item->asked = 0;

        h->n++;

        item->window = soma_quota_take(take->limit, &take->state->quota,
                                       take->want);

        if (take->state->leased != NULL) {
            ngx_http_soma_lease_take_locked(smcf->zone->quota, take->state,
                                            item);
        }
    }

    return NGX_OK;
}


static void
ngx_http_soma_quota_forget_locked(ngx_http_soma_quota_zone_t *zone,
    ngx_http_soma_takes_t *takes)
{
    ngx_uint_t  i;

    for (i = 0; i < takes->n; i++) {
        if (takes->take[i].state != NULL) {
            ngx_http_soma_quota_zone_unhold_locked(zone, takes->take[i].state);
        }
    }
}


static void
ngx_http_soma_quota_rate(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_takes_t *takes)
{
    ngx_uint_t             i;
    ngx_http_soma_rate_t  *rate;
    ngx_http_soma_take_t  *take;

    for (i = 0; i < takes->n; i++) {
        take = &takes->take[i];
        rate = &ctx->rate[take->limit->amount];

        if (rate->limit != 0 && rate->remaining <= take->verdict.remaining) {
            continue;
        }

        rate->limit = take->limit->limit;
        rate->remaining = take->verdict.remaining;
        rate->reset_ms = take->verdict.reset_ms;
    }
}


static void
ngx_http_soma_quota_full(ngx_http_soma_main_conf_t *smcf, const char *what)
{
    static ngx_msec_t  last;

    if (last != 0 && ngx_current_msec - last < NGX_HTTP_SOMA_QUOTA_LOG_MS) {
        return;
    }

    last = ngx_current_msec;

    ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0,
                  "soma quotas: %s in zone \"%V\"", what,
                  &smcf->shm_zone->shm.name);
}
