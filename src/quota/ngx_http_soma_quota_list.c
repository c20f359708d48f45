
/*
 * Copyright (C) The ngx_soma authors
 */


#include "ngx_http_soma_quota_list.h"
#include "ngx_http_soma_lease.h"
#include "ngx_http_soma_tz.h"
#include "soma_xxh3.h"


/* as much of a state as is copied while the zone is locked */
typedef struct {
    u_char         *key;
    size_t          len;
    u_char         *name;
    size_t          name_len;
    soma_quota_t    quota;
    int64_t         limit;
    int64_t         untold;
} ngx_http_soma_quota_copy_t;


static ngx_int_t ngx_http_soma_quota_list_copy(ngx_pool_t *pool,
    ngx_http_soma_quota_copy_t *copy, ngx_http_soma_state_t *state);
static ngx_int_t ngx_http_soma_quota_copy_locked(
    ngx_http_soma_quota_zone_t *zone, ngx_pool_t *pool, ngx_array_t *copies);
static ngx_int_t ngx_http_soma_quota_row(ngx_http_soma_quota_row_t *row,
    ngx_http_soma_quota_copy_t *copy, int64_t now);
static void ngx_http_soma_quota_row_numbers(ngx_http_soma_quota_row_t *row,
    soma_quota_t *quota, int64_t now);


ngx_int_t
ngx_http_soma_quota_list(ngx_http_soma_main_conf_t *smcf, ngx_pool_t *pool,
    ngx_array_t *rows, ngx_http_soma_quota_want_pt want, void *data)
{
    int64_t                      now;
    ngx_int_t                    rc;
    ngx_uint_t                   i;
    ngx_array_t                  copies;
    ngx_http_soma_quota_row_t   *row, one;
    ngx_http_soma_quota_copy_t  *copy;

    if (ngx_array_init(&copies, pool, 64, sizeof(ngx_http_soma_quota_copy_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_shmtx_lock(&smcf->shpool->mutex);

    rc = ngx_http_soma_quota_copy_locked(smcf->zone->quota, pool, &copies);

    ngx_shmtx_unlock(&smcf->shpool->mutex);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    now = ngx_http_soma_now();
    copy = copies.elts;

    for (i = 0; i < copies.nelts; i++) {

        if (ngx_http_soma_quota_row(&one, &copy[i], now) != NGX_OK
            || !want(data, &one))
        {
            continue;
        }

        row = ngx_array_push(rows);
        if (row == NULL) {
            return NGX_ERROR;
        }

        *row = one;
    }

    return rc;
}


static ngx_int_t
ngx_http_soma_quota_copy_locked(ngx_http_soma_quota_zone_t *zone,
    ngx_pool_t *pool, ngx_array_t *copies)
{
    ngx_uint_t                   i;
    ngx_http_soma_state_t       *state;
    ngx_http_soma_quota_copy_t  *copy;

    for (i = 0; i <= zone->mask; i++) {

        for (state = zone->bucket[i]; state; state = state->next) {

            if (copies->nelts == NGX_HTTP_SOMA_QUOTAS_SHOWN) {
                return NGX_DECLINED;
            }

            copy = ngx_array_push(copies);
            if (copy == NULL) {
                return NGX_ERROR;
            }

            if (ngx_http_soma_quota_list_copy(pool, copy, state) != NGX_OK) {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_quota_list_copy(ngx_pool_t *pool,
    ngx_http_soma_quota_copy_t *copy, ngx_http_soma_state_t *state)
{
    ngx_memzero(copy, sizeof(ngx_http_soma_quota_copy_t));

    copy->quota = state->quota;
    copy->limit = state->limit;
    copy->len = state->len;
    copy->key = ngx_pnalloc(pool, state->len);

    if (copy->key == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(copy->key, state->key, state->len);

    if (state->leased == NULL) {
        return NGX_OK;
    }

    copy->untold = state->leased->lease.used;
    copy->name_len = state->leased->len;
    copy->name = ngx_pnalloc(pool, copy->name_len);

    if (copy->name == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(copy->name, state->leased->name, copy->name_len);

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_quota_row(ngx_http_soma_quota_row_t *row,
    ngx_http_soma_quota_copy_t *copy, int64_t now)
{
    int         scope;
    soma_str_t  name, part[NGX_HTTP_SOMA_KEY_PARTS];

    name.data = copy->key;
    name.len = copy->len;

    ngx_http_soma_quota_zone_parts(name, part);
    ngx_memzero(row, sizeof(ngx_http_soma_quota_row_t));

    if (soma_rule_limit(&row->limit, part[NGX_HTTP_SOMA_KEY_RULE])
        != SOMA_OK)
    {
        return NGX_ERROR;
    }

    if (row->limit.tz.len != 0) {
        row->limit.zone = ngx_http_soma_tz_find(row->limit.tz);
    }

    for (scope = SOMA_SCOPE_TENANT; scope <= SOMA_SCOPE_PROVIDER; scope++) {
        if (soma_str_is(part[NGX_HTTP_SOMA_KEY_SCOPE],
                        soma_limit_scope_name(scope)))
        {
            row->limit.per = scope;
        }
    }

    row->name = name;
    row->owner = part[NGX_HTTP_SOMA_KEY_OWNER];
    row->scope = part[NGX_HTTP_SOMA_KEY_SCOPE];
    row->tenant = part[NGX_HTTP_SOMA_KEY_GROUP];
    row->value = part[NGX_HTTP_SOMA_KEY_VALUE];
    row->key.data = copy->name;
    row->key.len = copy->name_len;
    row->limit.limit = copy->limit;
    row->untold = copy->untold;
    row->there = 1;

    ngx_http_soma_quota_row_numbers(row, &copy->quota, now);

    return NGX_OK;
}


/* the copy is refilled, or turned, for the question */
static void
ngx_http_soma_quota_row_numbers(ngx_http_soma_quota_row_t *row,
    soma_quota_t *quota, int64_t now)
{
    int64_t         used;
    soma_limit_t   *limit;
    soma_verdict_t  verdict;

    limit = &row->limit;

    (void) soma_quota_check(limit, quota, now, 0, &verdict);

    used = soma_window_ms(limit->window) ? limit->limit - quota->level
                                         : quota->level;

    row->reserved = ngx_min(quota->out, ngx_max(used, 0));
    row->used = ngx_max(used - row->reserved, 0);

    if (limit->window == SOMA_WINDOW_NONE) {
        row->used = used;
        row->reserved = 0;

    } else if (limit->window != SOMA_WINDOW_EVER) {
        row->resets = soma_window_calendar(limit->window)
                      ? quota->turn
                      : (verdict.reset_ms > 0 ? now + verdict.reset_ms : 0);
    }
}


ngx_int_t
ngx_http_soma_quota_list_add(ngx_pool_t *pool, ngx_array_t *rows,
    soma_limit_t *limit, soma_str_t owner, soma_str_t tenant,
    soma_str_t value)
{
    soma_out_t                  out, tag;
    soma_str_t                  s, part[NGX_HTTP_SOMA_KEY_PARTS];
    soma_quota_t                quota;
    ngx_http_soma_quota_row_t  *row;

    row = ngx_array_push(rows);

    soma_put_init(&out, ngx_pnalloc(pool, NGX_HTTP_SOMA_STATE_KEYS),
                  NGX_HTTP_SOMA_STATE_KEYS);

    if (row == NULL || out.start == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(row, sizeof(ngx_http_soma_quota_row_t));
    ngx_memzero(&quota, sizeof(soma_quota_t));

    ngx_http_soma_quota_prepare_key(&out, limit, owner, tenant, value);

    row->name.data = out.start;
    row->name.len = out.pos - out.start;
    row->limit = *limit;

    ngx_http_soma_quota_zone_parts(row->name, part);
    row->owner = part[NGX_HTTP_SOMA_KEY_OWNER];
    row->scope = part[NGX_HTTP_SOMA_KEY_SCOPE];
    row->tenant = part[NGX_HTTP_SOMA_KEY_GROUP];
    row->value = part[NGX_HTTP_SOMA_KEY_VALUE];

    soma_put_init(&tag, out.pos, out.end - out.pos);
    soma_lease_tag(&tag, row->owner, row->tenant);
    s.data = tag.start;
    s.len = tag.pos - tag.start;

    soma_put_init(&out, tag.pos, tag.end - tag.pos);
    soma_lease_key(&out, s, row->owner, part[NGX_HTTP_SOMA_KEY_RULE],
                   row->scope, row->tenant, row->value);
    row->key.data = out.start;
    row->key.len = out.pos - out.start;

    ngx_http_soma_quota_row_numbers(row, &quota, ngx_http_soma_now());

    return (tag.full || out.full) ? NGX_ERROR : NGX_OK;
}


int64_t
ngx_http_soma_quota_list_left(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_tenant_t *tenant, soma_limit_t *limit)
{
    u_char                   buf[SOMA_TENANT_MAX + SOMA_RULE_MAX + 64];
    u_char                   own[SOMA_TENANT_MAX + 16];
    int64_t                  left;
    soma_out_t               out, owner;
    soma_str_t               o, name;
    soma_quota_t             quota;
    soma_verdict_t           verdict;
    ngx_http_soma_state_t   *state;
    ngx_http_soma_leased_t  *leased;

    name = ngx_http_soma_str(tenant->name);

    soma_put_init(&owner, own, sizeof(own));
    soma_put_cstr(&owner, "tenant:");
    soma_put_str(&owner, name);
    o.data = own;
    o.len = owner.pos - owner.start;

    soma_put_init(&out, buf, sizeof(buf));
    ngx_http_soma_quota_prepare_key(&out, limit, o, name,
                                    (soma_str_t) soma_str_null);

    left = limit->limit;

    ngx_shmtx_lock(&smcf->shpool->mutex);

    state = ngx_http_soma_quota_zone_find_locked(smcf->zone->quota, out.start,
                                      out.pos - out.start,
                                      (uint32_t) soma_xxh3_mix(out.start,
                                                      out.pos - out.start));
    if (state != NULL && !out.full) {
        quota = state->quota;

        (void) soma_quota_check(limit, &quota, ngx_http_soma_now(), 0,
                                &verdict);
        left = verdict.remaining;
        leased = state->leased;

        /* what others used */

        if (leased != NULL && leased->lease.heard != 0
            && limit->window != SOMA_WINDOW_NONE
            && (leased->lease.turn == 0
                || ngx_http_soma_lease_now() < leased->lease.turn))
        {
            left = ngx_min(left, leased->lease.whole - leased->lease.used);
        }
    }

    ngx_shmtx_unlock(&smcf->shpool->mutex);

    return ngx_max(left, 0);
}
