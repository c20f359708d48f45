
/*
 * Copyright (C) The ngx_soma authors
 *
 * Leases and their groups in the shared zone.
 */


#include "ngx_http_soma_lease.h"

#include <sys/random.h>


static ngx_http_soma_group_t *ngx_http_soma_lease_join_locked(
    ngx_http_soma_main_conf_t *smcf, u_char *tag, size_t len, int64_t now);


/* another zone is another instance, also on the same host after a restart */
ngx_int_t
ngx_http_soma_lease_init_zone(ngx_http_soma_quota_zone_t *zone)
{
    u_char  id[SOMA_LEASE_INSTANCE / 2];

    if (getrandom(id, sizeof(id), 0) != (ssize_t) sizeof(id)) {
        return NGX_ERROR;
    }

    (void) ngx_hex_dump(zone->instance, id, sizeof(id));
    ngx_queue_init(&zone->groups);

    return NGX_OK;
}


ngx_int_t
ngx_http_soma_lease_make_locked(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_state_t *state, soma_str_t tenant, int64_t now)
{
    size_t                       len;
    u_char                       buf[SOMA_LEASE_KEY_MAX];
    soma_out_t                   tag, name;
    soma_str_t                   part[NGX_HTTP_SOMA_KEY_PARTS], s;
    soma_limit_t                 limit;
    ngx_http_soma_leased_t      *leased;
    ngx_http_soma_quota_zone_t  *zone;

    if (state->leased != NULL) {
        return NGX_OK;
    }

    zone = smcf->zone->quota;

    ngx_http_soma_quota_zone_part(state, part);

    soma_put_init(&tag, buf, sizeof(buf));
    soma_lease_tag(&tag, part[NGX_HTTP_SOMA_KEY_OWNER], tenant);

    s.data = tag.start;
    s.len = tag.pos - tag.start;

    soma_put_init(&name, tag.pos, tag.end - tag.pos);
    soma_lease_key(&name, s, part[NGX_HTTP_SOMA_KEY_OWNER],
                   part[NGX_HTTP_SOMA_KEY_RULE],
                   part[NGX_HTTP_SOMA_KEY_SCOPE],
                   part[NGX_HTTP_SOMA_KEY_GROUP],
                   part[NGX_HTTP_SOMA_KEY_VALUE]);

    if (tag.full || name.full) {
        return NGX_ERROR;
    }

    len = name.pos - name.start;

    leased = ngx_http_soma_quota_zone_alloc_locked(smcf,
                             offsetof(ngx_http_soma_leased_t, name) + len, now);
    if (leased == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(leased, offsetof(ngx_http_soma_leased_t, name));

    leased->group = ngx_http_soma_lease_join_locked(smcf, s.data, s.len, now);

    if (leased->group == NULL) {
        ngx_slab_free_locked(smcf->shpool, leased);
        return NGX_ERROR;
    }

    leased->state = state;
    leased->len = len;
    ngx_memcpy(leased->name, name.start, len);
    soma_lease_init(&leased->lease, ++zone->seq, ngx_http_soma_lease_now());

    ngx_http_soma_quota_zone_limit(state, &limit);
    soma_window_edges(&limit, now + zone->ahead, leased->lease.edge);

    state->leased = leased;

    return NGX_OK;
}


ngx_http_soma_group_t *
ngx_http_soma_lease_group_locked(ngx_http_soma_quota_zone_t *zone,
    const u_char *tag, size_t len, uint32_t hash)
{
    ngx_http_soma_group_t  *group;

    for (group = zone->group[hash % NGX_HTTP_SOMA_GROUP_BUCKETS];
         group != NULL;
         group = group->next)
    {
        if (group->hash == hash && group->len == len
            && ngx_memcmp(group->tag, tag, len) == 0)
        {
            break;
        }
    }

    return group;
}


static ngx_http_soma_group_t *
ngx_http_soma_lease_join_locked(ngx_http_soma_main_conf_t *smcf, u_char *tag,
    size_t len, int64_t now)
{
    uint32_t                     hash;
    ngx_http_soma_group_t       *group, **bucket;
    ngx_http_soma_quota_zone_t  *zone;

    zone = smcf->zone->quota;
    hash = ngx_murmur_hash2(tag, len);
    group = ngx_http_soma_lease_group_locked(zone, tag, len, hash);

    if (group == NULL) {
        group = ngx_http_soma_quota_zone_alloc_locked(smcf,
                               offsetof(ngx_http_soma_group_t, tag) + len, now);
        if (group == NULL) {
            return NULL;
        }

        ngx_memzero(group, offsetof(ngx_http_soma_group_t, tag));
        ngx_queue_init(&group->leases);
        group->hash = hash;
        group->len = len;
        ngx_memcpy(group->tag, tag, len);

        bucket = &zone->group[hash % NGX_HTTP_SOMA_GROUP_BUCKETS];
        group->next = *bucket;
        *bucket = group;
    }

    group->nstates++;

    return group;
}


void
ngx_http_soma_lease_awake_locked(ngx_http_soma_quota_zone_t *zone,
    ngx_http_soma_leased_t *leased)
{
    if (!leased->active) {
        leased->active = 1;
        ngx_queue_insert_head(&leased->group->leases, &leased->queue);
    }

    ngx_http_soma_lease_due_locked(zone, leased->group, leased->lease.due);
}


void
ngx_http_soma_lease_rest_locked(ngx_http_soma_leased_t *leased)
{
    if (leased->active) {
        leased->active = 0;
        ngx_queue_remove(&leased->queue);
    }
}


/* whoever has something of it by the old number gives it back, and all ask
 * anew */
void
ngx_http_soma_lease_number_locked(ngx_http_soma_quota_zone_t *zone,
    ngx_http_soma_state_t *state, int64_t number)
{
    ngx_http_soma_leased_t  *leased;

    leased = state->leased;

    soma_lease_change(&leased->lease, ngx_http_soma_lease_now(),
                      number - state->limit);

    if (leased->active) {
        ngx_http_soma_lease_due_locked(zone, leased->group,
                                       leased->lease.due);
    }
}


void
ngx_http_soma_lease_need_locked(ngx_http_soma_quota_zone_t *zone,
    ngx_http_soma_state_t *state, int64_t want, int64_t least)
{
    ngx_http_soma_leased_t  *leased;

    leased = state->leased;

    soma_lease_need(&leased->lease, ngx_http_soma_lease_now(), want, least);

    /* to the front, where the next call begins to look */

    ngx_http_soma_lease_rest_locked(leased);
    ngx_http_soma_lease_awake_locked(zone, leased);
}


void
ngx_http_soma_lease_take_locked(ngx_http_soma_quota_zone_t *zone,
    ngx_http_soma_state_t *state, ngx_http_soma_hold_item_t *item)
{
    int64_t                  due;
    ngx_http_soma_leased_t  *leased;

    leased = state->leased;
    due = leased->lease.due;

    item->epoch = soma_lease_take(&leased->lease, ngx_http_soma_lease_now(),
                                  item->taken);

    if (!leased->active || leased->lease.due < due) {
        ngx_http_soma_lease_rest_locked(leased);
        ngx_http_soma_lease_awake_locked(zone, leased);
    }
}


void
ngx_http_soma_lease_settle_locked(ngx_http_soma_quota_zone_t *zone,
    ngx_http_soma_state_t *state, ngx_http_soma_hold_item_t *item,
    int64_t used)
{
    soma_limit_t             limit;
    ngx_http_soma_leased_t  *leased;

    leased = state->leased;

    ngx_memzero(&limit, sizeof(soma_limit_t));
    limit.amount = state->amount;
    limit.window = state->window;

    soma_lease_settle(&limit, &leased->lease, item->epoch, item->taken, used);
    ngx_http_soma_lease_save_locked(zone, leased);

    if (!leased->active) {
        ngx_http_soma_lease_awake_locked(zone, leased);
    }

    if (ngx_exiting) {

        /* the last chance to tell */

        leased->lease.due = ngx_http_soma_lease_now();
        ngx_http_soma_lease_due_locked(zone, leased->group,
                                       leased->lease.due);
        ngx_http_soma_lease_kick();
    }
}


void
ngx_http_soma_lease_drop_locked(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_state_t *state)
{
    ngx_http_soma_group_t       *group, **p;
    ngx_http_soma_leased_t      *leased;
    ngx_http_soma_quota_zone_t  *zone;

    zone = smcf->zone->quota;
    leased = state->leased;
    group = leased->group;

    ngx_http_soma_lease_unsave_locked(leased);
    ngx_http_soma_lease_rest_locked(leased);
    ngx_slab_free_locked(smcf->shpool, leased);
    state->leased = NULL;

    if (--group->nstates != 0) {
        return;
    }

    for (p = &zone->group[group->hash % NGX_HTTP_SOMA_GROUP_BUCKETS];
         *p != NULL;
         p = &(*p)->next)
    {
        if (*p == group) {
            *p = group->next;
            break;
        }
    }

    if (group->queued) {
        ngx_queue_remove(&group->queue);
    }

    ngx_slab_free_locked(smcf->shpool, group);
}


void
ngx_http_soma_lease_due_locked(ngx_http_soma_quota_zone_t *zone,
    ngx_http_soma_group_t *group, int64_t due)
{
    if (group->flight != 0) {

        /* one call at a time; what came meanwhile goes with the next */

        group->after = ngx_min(group->after, due);
        return;
    }

    if (!group->queued || due < group->due) {
        ngx_http_soma_lease_queue_locked(zone, group, due);
    }
}


/* most come with a due that is near the last one, or now */
void
ngx_http_soma_lease_queue_locked(ngx_http_soma_quota_zone_t *zone,
    ngx_http_soma_group_t *group, int64_t due)
{
    ngx_queue_t            *q;
    ngx_http_soma_group_t  *other;

    if (group->queued) {
        ngx_queue_remove(&group->queue);
    }

    group->queued = 1;
    group->due = due;

    if (due - ngx_http_soma_lease_now() < SOMA_LEASE_BEAT_MS / 2) {

        for (q = ngx_queue_head(&zone->groups);
             q != ngx_queue_sentinel(&zone->groups);
             q = ngx_queue_next(q))
        {
            other = ngx_queue_data(q, ngx_http_soma_group_t, queue);

            if (other->due > due) {
                break;
            }
        }

        ngx_queue_insert_tail(q, &group->queue);
        return;
    }

    for (q = ngx_queue_last(&zone->groups);
         q != ngx_queue_sentinel(&zone->groups);
         q = ngx_queue_prev(q))
    {
        other = ngx_queue_data(q, ngx_http_soma_group_t, queue);

        if (other->due <= due) {
            break;
        }
    }

    ngx_queue_insert_head(q, &group->queue);
}
