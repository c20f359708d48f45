
/*
 * Copyright (C) The ngx_soma authors
 *
 * States and holds in the shared zone: found, made, kept while somebody
 * holds them, and let go when there is no room.  A state is let go only when
 * it says nothing any more (a full bucket, a window that is over): a spent
 * budget is never forgotten, a full zone refuses instead.
 */


#include "ngx_http_soma_lease.h"
#include "ngx_http_soma_quota_zone.h"
#include "ngx_http_soma_tz.h"


static void ngx_http_soma_quota_number_locked(
    ngx_http_soma_quota_zone_t *zone, ngx_http_soma_state_t *state,
    int64_t number, int64_t now);
static ngx_http_soma_state_t *ngx_http_soma_quota_make_locked(
    ngx_http_soma_main_conf_t *smcf, soma_limit_t *limit, u_char *key,
    size_t len, uint32_t hash, int64_t now);
static ngx_uint_t ngx_http_soma_quota_evict_locked(
    ngx_http_soma_main_conf_t *smcf, int64_t now);
static ngx_uint_t ngx_http_soma_quota_idle(ngx_http_soma_state_t *state,
    int64_t now);
static void ngx_http_soma_quota_drop_locked(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_state_t *state);


ngx_int_t
ngx_http_soma_quota_init_zone(ngx_http_soma_main_conf_t *smcf, ngx_log_t *log)
{
    size_t                       size;
    ngx_uint_t                   i, n;
    ngx_http_soma_quota_zone_t  *zone;

    if (smcf->zone->quota != NULL) {
        return NGX_OK;
    }

    zone = ngx_slab_calloc(smcf->shpool, sizeof(ngx_http_soma_quota_zone_t));
    if (zone == NULL) {
        goto failed;
    }

    size = smcf->shm_zone->shm.size;

    for (n = NGX_HTTP_SOMA_BUCKETS_MIN;
         n < NGX_HTTP_SOMA_QUOTAS_MAX && n < size / NGX_HTTP_SOMA_BUCKET_ZONE;
         n *= 2)
    {
        /* void */
    }

    zone->mask = n - 1;
    zone->bucket = ngx_slab_calloc(smcf->shpool,
                                   n * sizeof(ngx_http_soma_state_t *));
    if (zone->bucket == NULL) {
        goto failed;
    }

    for (i = 0; i < NGX_HTTP_SOMA_WINDOWS; i++) {
        ngx_queue_init(&zone->unheld[i]);
    }

    for (i = 0; i < NGX_HTTP_SOMA_SLOTS_MAX; i++) {
        ngx_queue_init(&zone->slot[i].holds);
        ngx_queue_init(&zone->slot[i].waits);
    }

    ngx_queue_init(&zone->spare);

    if (ngx_http_soma_lease_init_zone(zone) != NGX_OK) {
        goto failed;
    }

    smcf->zone->quota = zone;

    return NGX_OK;

failed:

    ngx_log_error(NGX_LOG_EMERG, log, 0,
                  "soma_zone is too small: no room for its quotas in %uz "
                  "bytes", smcf->shm_zone->shm.size);

    return NGX_ERROR;
}


ngx_http_soma_state_t *
ngx_http_soma_quota_zone_find_locked(ngx_http_soma_quota_zone_t *zone,
    const u_char *key, size_t len, uint32_t hash)
{
    ngx_http_soma_state_t  *state;

    for (state = zone->bucket[hash & zone->mask];
         state != NULL;
         state = state->next)
    {
        if (state->hash == hash && state->len == len
            && soma_same(state->key, key, len))
        {
            break;
        }
    }

    return state;
}


/* the state comes back held */

ngx_http_soma_state_t *
ngx_http_soma_quota_zone_state_locked(ngx_http_soma_main_conf_t *smcf,
    soma_limit_t *limit, u_char *key, size_t len, uint32_t hash, int64_t now)
{
    ngx_http_soma_state_t       *state;
    ngx_http_soma_quota_zone_t  *zone;

    zone = smcf->zone->quota;

    state = ngx_http_soma_quota_zone_find_locked(zone, key, len, hash);

    if (state == NULL) {
        state = ngx_http_soma_quota_make_locked(smcf, limit, key, len, hash,
                                                now);
        if (state == NULL) {
            return NULL;
        }

    } else if (state->holds == 0) {
        ngx_queue_remove(&state->queue);
    }

    state->holds++;

    if (state->limit != limit->limit) {
        ngx_http_soma_quota_number_locked(zone, state, limit->limit, now);
    }

    return state;
}


/* somebody gave the limit another number */
static void
ngx_http_soma_quota_number_locked(ngx_http_soma_quota_zone_t *zone,
    ngx_http_soma_state_t *state, int64_t number, int64_t now)
{
    soma_limit_t  limit;

    ngx_http_soma_quota_zone_limit(state, &limit);
    soma_quota_change(&limit, &state->quota, now, number);

    if (state->leased != NULL) {
        ngx_http_soma_lease_number_locked(zone, state, number);
    }

    state->limit = number;
}


void
ngx_http_soma_quota_zone_part(ngx_http_soma_state_t *state, soma_str_t *part)
{
    soma_str_t  key;

    key.data = state->key;
    key.len = state->len;

    ngx_http_soma_quota_zone_parts(key, part);
}


void
ngx_http_soma_quota_zone_parts(soma_str_t key, soma_str_t *part)
{
    u_char      *p, *end, *last;
    ngx_uint_t   i;

    p = key.data;
    last = key.data + key.len;

    for (i = 0; i < NGX_HTTP_SOMA_KEY_PARTS; i++) {
        end = NULL;

        if (i + 1 < NGX_HTTP_SOMA_KEY_PARTS) {
            end = ngx_strlchr(p, last, '\0');
        }

        if (end == NULL) {
            end = last;
        }

        part[i].data = p;
        part[i].len = end - p;
        p = (end < last) ? end + 1 : last;
    }
}


void
ngx_http_soma_quota_zone_limit(ngx_http_soma_state_t *state,
    soma_limit_t *limit)
{
    soma_str_t  part[NGX_HTTP_SOMA_KEY_PARTS];

    if (state->ruled) {
        ngx_http_soma_quota_zone_part(state, part);

        if (soma_rule_limit(limit, part[NGX_HTTP_SOMA_KEY_RULE]) == SOMA_OK
            && limit->tz.len != 0)
        {
            limit->zone = ngx_http_soma_tz_find(limit->tz);
        }

    } else {
        ngx_memzero(limit, sizeof(soma_limit_t));
    }

    limit->amount = state->amount;
    limit->window = state->window;
    limit->limit = state->limit;
}


void
ngx_http_soma_quota_zone_unhold_locked(ngx_http_soma_quota_zone_t *zone,
    ngx_http_soma_state_t *state)
{
    if (--state->holds == 0) {
        ngx_queue_insert_head(&zone->unheld[state->window], &state->queue);
    }
}


ngx_http_soma_hold_t *
ngx_http_soma_quota_zone_hold_locked(ngx_http_soma_main_conf_t *smcf,
    int64_t now)
{
    ngx_queue_t                 *q, *holds;
    ngx_http_soma_hold_t        *hold;
    ngx_http_soma_quota_zone_t  *zone;

    zone = smcf->zone->quota;

    if (zone->nspare != 0) {
        q = ngx_queue_head(&zone->spare);
        ngx_queue_remove(q);
        zone->nspare--;
        hold = ngx_queue_data(q, ngx_http_soma_hold_t, queue);

    } else {
        hold = ngx_http_soma_quota_zone_alloc_locked(smcf,
                                          sizeof(ngx_http_soma_hold_t), now);
        if (hold == NULL) {
            return NULL;
        }
    }

    hold->n = 0;

    holds = ngx_http_soma_quota_slot_holds();

    if (holds != NULL) {
        ngx_queue_insert_head(holds, &hold->queue);

    } else {
        ngx_queue_init(&hold->queue);
    }

    return hold;
}


void
ngx_http_soma_quota_zone_free_locked(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_hold_t *hold)
{
    ngx_http_soma_quota_zone_t  *zone;

    zone = smcf->zone->quota;

    ngx_queue_remove(&hold->queue);

    if (zone->nspare < NGX_HTTP_SOMA_SPARE_MAX) {
        ngx_queue_insert_head(&zone->spare, &hold->queue);
        zone->nspare++;
        return;
    }

    ngx_slab_free_locked(smcf->shpool, hold);
}


/*
 * What a killed worker's request used nobody knows.  It was made, so it
 * stays counted as a request; it runs no more, so its concurrency returns;
 * and no record of it reached the ledger, so tokens and cost return whole:
 * the budget agrees with the books, and a crash cannot eat a day's budget by
 * what requests might have cost at most.
 */

void
ngx_http_soma_quota_zone_return_locked(ngx_http_soma_quota_zone_t *zone,
    ngx_http_soma_hold_t *hold, const int64_t *used, int64_t now)
{
    int64_t                     n;
    ngx_uint_t                  i;
    soma_limit_t                limit;
    ngx_http_soma_state_t      *state;
    ngx_http_soma_hold_item_t  *item;

    /* to settle nobody asks for the calendar */

    ngx_memzero(&limit, sizeof(soma_limit_t));

    while (hold->n != 0) {
        i = --hold->n;
        item = &hold->item[i];
        state = item->state;

        limit.amount = state->amount;
        limit.window = state->window;
        limit.limit = state->limit;

        if (used != NULL) {
            n = used[state->amount];

        } else if (state->amount == SOMA_REQUESTS) {
            n = item->taken;

        } else {
            n = 0;
        }

        soma_quota_settle(&limit, &state->quota, now, item->window,
                          item->taken, n);

        if (state->leased != NULL) {
            ngx_http_soma_lease_settle_locked(zone, state, item, n);
        }

        state->changes++;

        ngx_http_soma_quota_zone_unhold_locked(zone, state);
    }
}


static ngx_http_soma_state_t *
ngx_http_soma_quota_make_locked(ngx_http_soma_main_conf_t *smcf,
    soma_limit_t *limit, u_char *key, size_t len, uint32_t hash, int64_t now)
{
    ngx_http_soma_state_t       *state;
    ngx_http_soma_quota_zone_t  *zone;

    zone = smcf->zone->quota;

    if (zone->nstates >= NGX_HTTP_SOMA_QUOTAS_MAX
        && ngx_http_soma_quota_evict_locked(smcf, now) == 0)
    {
        return NULL;
    }

    state = ngx_http_soma_quota_zone_alloc_locked(smcf,
                             offsetof(ngx_http_soma_state_t, key) + len, now);
    if (state == NULL) {
        return NULL;
    }

    ngx_memzero(state, offsetof(ngx_http_soma_state_t, key));

    state->limit = limit->limit;
    state->amount = limit->amount;
    state->window = limit->window;
    state->ruled = (limit->from != 0 || limit->tz.len != 0);
    state->hash = hash;
    state->len = len;
    ngx_memcpy(state->key, key, len);
    ngx_queue_init(&state->waits);

    state->next = zone->bucket[hash & zone->mask];
    zone->bucket[hash & zone->mask] = state;
    zone->nstates++;

    return state;
}


void *
ngx_http_soma_quota_zone_alloc_locked(ngx_http_soma_main_conf_t *smcf,
    size_t size, int64_t now)
{
    void        *p;
    ngx_uint_t   i;

    for (i = 0; i < NGX_HTTP_SOMA_EVICT_ROUNDS; i++) {
        p = ngx_slab_alloc_locked(smcf->shpool, size);

        if (p != NULL || ngx_http_soma_quota_evict_locked(smcf, now) == 0) {
            return p;
        }
    }

    return ngx_slab_alloc_locked(smcf->shpool, size);
}


/*
 * A queue's oldest state is the first whose bucket is full or whose window
 * is over, debts apart: when a few from the end are not, none is.  Spare
 * holds stay: in a zone full of spent budgets those who have a state already
 * must still be able to hold it.
 */

static ngx_uint_t
ngx_http_soma_quota_evict_locked(ngx_http_soma_main_conf_t *smcf, int64_t now)
{
    ngx_uint_t                   i, looks, n;
    ngx_queue_t                 *q, *prev;
    ngx_http_soma_state_t       *state;
    ngx_http_soma_quota_zone_t  *zone;

    zone = smcf->zone->quota;
    n = 0;

    for (i = 0; i < NGX_HTTP_SOMA_WINDOWS; i++) {
        q = ngx_queue_last(&zone->unheld[i]);

        for (looks = 0;
             looks < NGX_HTTP_SOMA_EVICT_LOOKS
             && q != ngx_queue_sentinel(&zone->unheld[i]);
             looks++, q = prev)
        {
            prev = ngx_queue_prev(q);
            state = ngx_queue_data(q, ngx_http_soma_state_t, queue);

            if (ngx_http_soma_quota_idle(state, now)) {
                ngx_http_soma_quota_drop_locked(smcf, state);
                n++;
            }
        }
    }

    return n;
}


static ngx_uint_t
ngx_http_soma_quota_idle(ngx_http_soma_state_t *state, int64_t now)
{
    soma_limit_t    limit;
    soma_quota_t    quota;
    soma_verdict_t  verdict;

    if (state->leased != NULL && state->leased->active) {
        return 0;
    }

    ngx_http_soma_quota_zone_limit(state, &limit);
    quota = state->quota;

    return soma_quota_check(&limit, &quota, now, 0, &verdict) == SOMA_OK
           && verdict.remaining == limit.limit;
}


static void
ngx_http_soma_quota_drop_locked(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_state_t *state)
{
    ngx_http_soma_state_t       **p;
    ngx_http_soma_quota_zone_t   *zone;

    zone = smcf->zone->quota;

    for (p = &zone->bucket[state->hash & zone->mask];
         *p != NULL;
         p = &(*p)->next)
    {
        if (*p == state) {
            *p = state->next;
            break;
        }
    }

    ngx_queue_remove(&state->queue);
    zone->nstates--;

    if (state->leased != NULL) {
        ngx_http_soma_lease_drop_locked(smcf, state);
    }

    ngx_slab_free_locked(smcf->shpool, state);
}
