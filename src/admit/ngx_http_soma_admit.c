
/*
 * Copyright (C) The ngx_soma authors
 */


#include "ngx_http_soma_admit.h"
#include "ngx_http_soma_quota.h"
#include "ngx_http_soma_tz.h"
#include "ngx_http_soma_vocabulary.h"


#define NGX_HTTP_SOMA_OWNER_MAX  (SOMA_TENANT_MAX + 64)


static void ngx_http_soma_want(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_model_t *model, int64_t *want);
static ngx_int_t ngx_http_soma_reserve(ngx_http_soma_ctx_t *ctx,
    const char *kind, soma_str_t name, ngx_array_t *limits);
static ngx_int_t ngx_http_soma_admit_key(ngx_http_soma_ctx_t *ctx,
    ngx_uint_t lacks);
static ngx_uint_t ngx_http_soma_runs_api(ngx_http_soma_ctx_t *ctx);
static ngx_int_t ngx_http_soma_admit_targets(ngx_http_soma_ctx_t *ctx);
static soma_str_t ngx_http_soma_owner(u_char *buf, const char *kind,
    soma_str_t name);
static ngx_array_t *ngx_http_soma_key_limits(ngx_http_soma_ctx_t *ctx);


/*
 * All that is lacking is asked for before anything is waited for, so that it
 * comes with one answer of Redis.  What was taken before stays taken.
 */
ngx_int_t
ngx_http_soma_admit(ngx_http_soma_ctx_t *ctx)
{
    ngx_int_t   rc;
    ngx_uint_t  lacks;

    lacks = 0;

    if (!ctx->tenant_admitted && ctx->tenant && ctx->tenant->limits.nelts
        && !ngx_http_soma_runs_api(ctx))
    {
        rc = ngx_http_soma_reserve(ctx, "tenant:", ctx->identity.tenant,
                                   &ctx->tenant->limits);

        if (rc == NGX_BUSY) {
            return ngx_http_soma_quota_wait(ctx);
        }

        if (rc != NGX_OK && rc != NGX_AGAIN) {
            return rc;
        }

        lacks = (rc == NGX_AGAIN);
        ctx->tenant_admitted = !lacks;
    }

    if (!ctx->key_admitted && ctx->identity.limits.len) {
        rc = ngx_http_soma_admit_key(ctx, lacks);

        if (rc == NGX_BUSY) {
            return ngx_http_soma_quota_wait(ctx);
        }

        if (rc != NGX_OK && rc != NGX_AGAIN) {
            return rc;
        }

        lacks |= (rc == NGX_AGAIN);
    }

    if (ctx->main->redis.set && ctx->route != NULL
        && ngx_http_soma_admit_targets(ctx) == NGX_AGAIN)
    {
        lacks = 1;
    }

    if (lacks) {
        return ngx_http_soma_lease_wait(ctx);
    }

    ctx->admitted = 1;
    ctx->caller_cap = ctx->cap;
    ctx->caller_input = ctx->input_bound;

    return NGX_OK;
}


/* who runs the gateway is not shut out of it by what its tenant has used; the
 * limits of the key itself hold */
static ngx_uint_t
ngx_http_soma_runs_api(ngx_http_soma_ctx_t *ctx)
{
    ngx_http_soma_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(ctx->request, ngx_http_soma_module);

    return slcf->api && (ctx->identity.capabilities & SOMA_CAN_ADMIN);
}


/* lacks: the tenant's limits are waited for, nothing is taken yet */
static ngx_int_t
ngx_http_soma_admit_key(ngx_http_soma_ctx_t *ctx, ngx_uint_t lacks)
{
    u_char        buf[NGX_HTTP_SOMA_OWNER_MAX];
    int64_t       want[SOMA_AMOUNTS];
    ngx_int_t     rc;
    ngx_array_t  *limits;

    limits = ngx_http_soma_key_limits(ctx);

    if (limits == NULL) {
        return ctx->error.fault == SOMA_FAULT_NONE
               ? NGX_HTTP_INTERNAL_SERVER_ERROR
               : soma_dialect_fault_status(ctx->error.fault);
    }

    if (lacks) {

        if (ctx->input_bound == 0 && ctx->ask.api != SOMA_API_NONE) {
            ngx_http_soma_vocabulary_bound(ctx);
        }

        ngx_http_soma_admit_wants(ctx, NULL, want);

        return ngx_http_soma_quota_ensure(ctx,
                     ngx_http_soma_owner(buf, "key:", ctx->identity.key),
                     limits, want);
    }

    rc = ngx_http_soma_reserve(ctx, "key:", ctx->identity.key, limits);

    ctx->key_admitted = (rc == NGX_OK);

    return rc;
}


/* an attempt cannot wait: what its provider's limits need is leased ahead */
static ngx_int_t
ngx_http_soma_admit_targets(ngx_http_soma_ctx_t *ctx)
{
    u_char                     buf[NGX_HTTP_SOMA_OWNER_MAX];
    int64_t                    want[SOMA_AMOUNTS];
    ngx_int_t                  rc;
    ngx_uint_t                 i;
    ngx_http_soma_target_t    *target;
    ngx_http_soma_provider_t  *provider;

    rc = NGX_OK;
    target = ctx->route->targets.elts;

    for (i = 0; i < ctx->route->targets.nelts; i++) {
        provider = target[i].model->provider;

        if (provider->limits.nelts == 0 || provider->missing.len != 0) {
            continue;
        }

        if (ctx->input_bound == 0) {
            ngx_http_soma_vocabulary_bound(ctx);
        }

        /* the scopes of a limit are read off it */

        ctx->model = target[i].model;

        ngx_http_soma_admit_wants(ctx, ctx->model, want);

        if (ngx_http_soma_quota_ensure(ctx,
                          ngx_http_soma_owner(buf, "provider:",
                                         ngx_http_soma_str(provider->name)),
                          &provider->limits, want)
            == NGX_AGAIN)
        {
            rc = NGX_AGAIN;
        }

        ctx->model = NULL;
    }

    return rc;
}


static soma_str_t
ngx_http_soma_owner(u_char *buf, const char *kind, soma_str_t name)
{
    soma_out_t  out;
    soma_str_t  owner;

    soma_put_init(&out, buf, NGX_HTTP_SOMA_OWNER_MAX);
    soma_put_cstr(&out, kind);
    soma_put_str(&out, name);

    owner.data = buf;
    owner.len = out.pos - out.start;

    return owner;
}


/* NGX_OK; NGX_AGAIN: a lease is lacking; NGX_BUSY: it stands in line for what
 * others hold; or an HTTP status, the fault noted */
static ngx_int_t
ngx_http_soma_reserve(ngx_http_soma_ctx_t *ctx, const char *kind,
    soma_str_t name, ngx_array_t *limits)
{
    u_char                   buf[NGX_HTTP_SOMA_OWNER_MAX];
    ngx_int_t                rc;
    ngx_http_soma_refusal_t  refusal;

    rc = ngx_http_soma_bound_reserve(ctx, &ctx->caller_hold,
                                     ngx_http_soma_owner(buf, kind, name),
                                     limits, NULL, NGX_HTTP_SOMA_OUTPUT_MIN,
                                     &refusal);
    if (rc == NGX_OK || rc == NGX_AGAIN) {
        return rc;
    }

    if (rc == NGX_BUSY && refusal.waits) {
        return NGX_BUSY;
    }

    ngx_http_soma_quota_leave(ctx);

    if (rc == NGX_BUSY) {
        return ngx_http_soma_admit_refused(ctx, refusal.limit, refusal.owner,
                                           &refusal.verdict);
    }

    ctx->error.retry_ms = 1000;

    if (rc == NGX_DECLINED) {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_UNAVAILABLE,
                                   "limit_store_unavailable",
                                   "what is left of your limits cannot be "
                                   "told now, Redis is away: try again in a "
                                   "moment");
    }

    return ngx_http_soma_fault(ctx, SOMA_FAULT_UNAVAILABLE, "no_memory",
                               "the gateway's shared memory is full: enlarge "
                               "soma_zone");
}


ngx_int_t
ngx_http_soma_admit_refused(ngx_http_soma_ctx_t *ctx, soma_limit_t *limit,
    soma_str_t owner, soma_verdict_t *verdict)
{
    u_char        buf[SOMA_LIMIT_LEFT_MAX];
    soma_out_t    left;
    soma_fault_e  fault;
    const char   *code, *way_out;

    if (ctx->error.fault == SOMA_FAULT_NONE) {
        ctx->error.retry_ms = verdict->retry_ms > 0 ? verdict->retry_ms : 0;
        ctx->error.no_retry = (verdict->retry_ms < 0
                               || soma_window_calendar(limit->window));
    }

    fault = SOMA_FAULT_RATE;
    code = "rate_limit_exceeded";

    if (limit->amount == SOMA_COST || soma_window_calendar(limit->window)) {
        fault = SOMA_FAULT_QUOTA;
        code = "insufficient_quota";
    }

    if (limit->amount == SOMA_CONCURRENCY) {
        way_out = "wait until a request in flight has ended";

    } else if (verdict->retry_ms < 0 && limit->window == SOMA_WINDOW_EVER) {
        way_out = "it does not fill again: have it raised";

    } else if (verdict->retry_ms < 0) {
        way_out = "this request alone asks for more than the limit: ask for "
                  "fewer tokens (max_tokens)";

    } else {
        way_out = "come back when Retry-After says";
    }

    soma_put_init(&left, buf, sizeof(buf));
    soma_rule_left(&left, limit, verdict->remaining);

    return ngx_http_soma_fault(ctx, fault, code,
                               "limit \"%*s\" of %*s is used up, %*s: %s",
                               limit->text.len, limit->text.data,
                               owner.len, owner.data,
                               (size_t) (left.pos - left.start), left.start,
                               way_out);
}


/* limits that a key carries itself, "requests 10/minute;cost 5/day"; one that
 * cannot be read closes the key: an open one would cost money */
static ngx_array_t *
ngx_http_soma_key_limits(ngx_http_soma_ctx_t *ctx)
{
    int           rc;
    unsigned      n;
    soma_str_t    zone;
    const char   *error;
    ngx_array_t  *limits;

    limits = ngx_array_create(ctx->request->pool, SOMA_KEY_LIMITS_MAX,
                              sizeof(soma_limit_t));
    if (limits == NULL) {
        return NULL;
    }

    rc = soma_limit_list_parse(limits->elts, SOMA_KEY_LIMITS_MAX, &n,
                               ctx->identity.limits, SOMA_SCOPE_KEY, &error);

    if (rc == SOMA_OK
        && ngx_http_soma_tz_limits(limits->elts, n, &zone) != NGX_OK)
    {
        error = "a time zone is not known here";
        rc = SOMA_ERROR;
    }

    if (rc != SOMA_OK) {
        ngx_http_soma_log(NGX_LOG_ERR, ctx->request->connection->log, 0,
                          "soma: the limits of key \"%*s\" cannot be read: %s",
                          ctx->identity.key.len, ctx->identity.key.data, error);

        (void) ngx_http_soma_fault(ctx, SOMA_FAULT_FORBIDDEN, "invalid_limits",
                                   "the limits of this API key cannot be "
                                   "read: have them mended");
        return NULL;
    }

    limits->nelts = n;

    return limits;
}


/* what that model may take, where it is more than what others may */
static void
ngx_http_soma_want(ngx_http_soma_ctx_t *ctx, ngx_http_soma_model_t *model,
    int64_t *want)
{
    int64_t           n;
    soma_price_ask_t  ask;

    ngx_http_soma_admit_price_ask(ctx, model, ngx_http_soma_bound_output(ctx,
                                                                         model),
                                  &ask);

    n = ask.input_tokens + ask.output_tokens;
    want[SOMA_TOKENS] = ngx_max(want[SOMA_TOKENS], n);

    n = soma_price_bound(&model->dearest, &ask);
    want[SOMA_COST] = ngx_max(want[SOMA_COST], n);
}


void
ngx_http_soma_admit_price_ask(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_model_t *model, int64_t output, soma_price_ask_t *ask)
{
    ngx_memzero(ask, sizeof(soma_price_ask_t));

    ask->input_tokens = ctx->input_bound;
    ask->output_tokens = output;
    ask->images = ctx->ask.work.images;
    ask->image_pico = SOMA_PRICE_UNSET;
    ask->characters = ctx->ask.work.characters;
    ask->audio_ms = ctx->ask.work.audio_ms;
    ask->tier = ctx->ask.tier;
    ask->kinds = ctx->counted ? ctx->kinds : SOMA_PRICE_KIND_SETS - 1;

    if (ask->images) {
        ask->image_pico = soma_price_image(model->price,
                                           &ctx->ask.work.image);
    }

    if (ctx->ask.nhosted) {
        ask->queries = NGX_HTTP_SOMA_QUERIES;
    }
}


/* tokens of an answer that has no bound */
int64_t
ngx_http_soma_admit_made(ngx_http_soma_ctx_t *ctx, ngx_http_soma_model_t *model)
{
    soma_price_ask_t  ask;

    if (ctx->ask.work.images == 0 && ctx->ask.work.characters == 0
        && ctx->ask.work.audio_ms == 0)
    {
        return 0;
    }

    ngx_http_soma_admit_price_ask(ctx, model, 0, &ask);

    return soma_price_made(model->price, &ask);
}


void
ngx_http_soma_admit_wants(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_model_t *model, int64_t *want)
{
    ngx_uint_t               i;
    ngx_http_soma_target_t  *target;

    want[SOMA_REQUESTS] = 1;
    want[SOMA_CONCURRENCY] = 1;
    want[SOMA_TOKENS] = 0;
    want[SOMA_COST] = 0;

    if (ctx->ask.api == SOMA_API_NONE || soma_api_free(ctx->ask.api)) {
        return;
    }

    if (model != NULL) {
        ngx_http_soma_want(ctx, model, want);
        return;
    }

    target = ctx->route->targets.elts;

    for (i = 0; i < ctx->route->targets.nelts; i++) {
        ngx_http_soma_want(ctx, target[i].model, want);
    }
}
