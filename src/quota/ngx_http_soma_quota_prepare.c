
/*
 * Copyright (C) The ngx_soma authors
 *
 * Which states a request's limits mean, and how much it wants of each.
 */


#include "ngx_http_soma_quota_zone.h"
#include "soma_xxh3.h"


static void ngx_http_soma_quota_scope(ngx_http_soma_ctx_t *ctx,
    soma_scope_e per, soma_str_t *group, soma_str_t *value);


void
ngx_http_soma_quota_prepare_key(soma_out_t *out, soma_limit_t *limit,
    soma_str_t owner, soma_str_t group, soma_str_t value)
{
    soma_put_str(out, owner);
    soma_put_char(out, '\0');
    soma_rule_of(out, limit);
    soma_put_char(out, '\0');
    soma_put_cstr(out, soma_limit_scope_name(limit->per));
    soma_put_char(out, '\0');
    soma_put_str(out, group);
    soma_put_char(out, '\0');
    soma_put_str(out, value);
}


/* all that needs no lock: which states, and how much of each */

ngx_int_t
ngx_http_soma_quota_prepare(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_takes_t *takes, soma_str_t owner, ngx_array_t *limits,
    const int64_t *want, ngx_uint_t trim)
{
    u_char                *p;
    int64_t                now;
    soma_out_t             out;
    soma_str_t             group, value;
    ngx_uint_t             i;
    soma_limit_t          *limit;
    ngx_http_soma_take_t  *take;

    limit = limits->elts;
    takes->n = 0;

    if (limits->nelts > NGX_HTTP_SOMA_HOLD_MAX) {
        return NGX_ERROR;
    }

    now = ngx_http_soma_now();
    soma_put_init(&out, takes->buf, NGX_HTTP_SOMA_STATE_KEYS);

    for (i = 0; i < limits->nelts; i++) {

        if ((limit[i].shares || limit[i].until != 0)
            && !soma_rule_holds(limit, limits->nelts, i, now))
        {
            continue;
        }

        take = &takes->take[takes->n++];

        ngx_http_soma_quota_scope(ctx, limit[i].per, &group, &value);

        p = out.pos;
        ngx_http_soma_quota_prepare_key(&out, &limit[i], owner, group, value);

        if (out.full) {
            return NGX_ERROR;
        }

        take->key = p;
        take->len = out.pos - p;
        take->hash = (uint32_t) soma_xxh3_mix(take->key, take->len);
        take->limit = &limit[i];
        take->state = NULL;
        take->lacks = 0;
        take->behind = 0;
        take->refused = 0;
        take->want = want[limit[i].amount];

        if (trim
            && (limit[i].amount == SOMA_TOKENS || limit[i].amount == SOMA_COST)
            && take->want > limit[i].limit)
        {
            take->want = limit[i].limit;
        }
    }

    takes->part = 0;
    takes->line = 0;

    return NGX_OK;
}


/*
 * A user or a key is somebody's: two tenants may each have an "alice", and a
 * provider's limit per user means them apart.
 */

static void
ngx_http_soma_quota_scope(ngx_http_soma_ctx_t *ctx, soma_scope_e per,
    soma_str_t *group, soma_str_t *value)
{
    *group = (soma_str_t) soma_str_null;
    *value = (soma_str_t) soma_str_null;

    switch (per) {

    case SOMA_SCOPE_TENANT:
        *group = ctx->identity.tenant;
        break;

    case SOMA_SCOPE_USER:
        *group = ctx->identity.tenant;
        *value = ctx->identity.user;
        break;

    case SOMA_SCOPE_KEY:
        *group = ctx->identity.tenant;
        *value = ctx->identity.key;
        break;

    case SOMA_SCOPE_MODEL:
        if (ctx->model != NULL) {
            *value = ngx_http_soma_str(ctx->model->name);

        } else if (ctx->route != NULL) {
            *value = ngx_http_soma_str(ctx->route->name);

        } else {
            *value = ctx->ask.model;
        }

        break;

    case SOMA_SCOPE_PROVIDER:
        if (ctx->model != NULL) {
            *value = ngx_http_soma_str(ctx->model->provider->name);
        }

        break;
    }
}
