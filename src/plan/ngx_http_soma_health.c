
/*
 * Copyright (C) The ngx_soma authors
 *
 * Health in the shared zone: of models, in fixed slots found by the hash of
 * provider and model; of models as one tenant knows them, while they are not
 * well; and what is known of providers.  A reload keeps all of it.
 */


#include "ngx_http_soma_plan.h"


typedef struct {
    uint64_t            hash;       /* 0: free */
    soma_health_all_t   health;
} ngx_http_soma_health_slot_t;


typedef struct {
    uint64_t            hash;       /* of model and tenant, 0: free */
    int64_t             used;       /* ms UTC of the last failure */
    soma_health_own_t   health;
} ngx_http_soma_health_own_t;


typedef struct {
    ngx_uint_t                   owns;      /* that are not free */
    ngx_http_soma_health_slot_t  model[NGX_HTTP_SOMA_HEALTHS_MAX];
    ngx_http_soma_health_own_t   own[NGX_HTTP_SOMA_HEALTH_OWNS_MAX];
    ngx_http_soma_provider_state_t
                                 provider[NGX_HTTP_SOMA_PROVIDER_STATES_MAX];
} ngx_http_soma_healths_t;


static ngx_http_soma_provider_state_t *ngx_http_soma_provider_slot(
    ngx_http_soma_healths_t *healths, ngx_http_soma_provider_t *provider);
static soma_health_all_t *ngx_http_soma_health_slot(
    ngx_http_soma_healths_t *healths, ngx_http_soma_model_t *model,
    ngx_uint_t make);
static uint64_t ngx_http_soma_health_hash(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_model_t *model);
static ngx_http_soma_health_own_t *ngx_http_soma_health_own(
    ngx_http_soma_healths_t *healths, uint64_t hash, int64_t now,
    ngx_uint_t make);


ngx_int_t
ngx_http_soma_health_init_zone(ngx_http_soma_main_conf_t *smcf, ngx_log_t *log)
{
    ngx_uint_t                  i;
    ngx_http_soma_provider_t  **provider;

    if (smcf->zone->health == NULL) {
        smcf->zone->health = ngx_slab_calloc(smcf->shpool,
                                             sizeof(ngx_http_soma_healths_t));
    }

    if (smcf->zone->health == NULL) {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "soma_zone is too small for the health of targets");
        return NGX_ERROR;
    }

    provider = smcf->providers.elts;

    ngx_shmtx_lock(&smcf->shpool->mutex);

    for (i = 0; i < smcf->providers.nelts; i++) {
        provider[i]->state = ngx_http_soma_provider_slot(smcf->zone->health,
                                                         provider[i]);
    }

    ngx_shmtx_unlock(&smcf->shpool->mutex);

    return NGX_OK;
}


/* NULL: the table is full of providers of former configurations */
static ngx_http_soma_provider_state_t *
ngx_http_soma_provider_slot(ngx_http_soma_healths_t *healths,
    ngx_http_soma_provider_t *provider)
{
    uint64_t                         hash;
    ngx_uint_t                       i, n;
    ngx_http_soma_provider_state_t  *slot;

    /* another key, another answer */

    hash = soma_str_hash(provider->name.data, provider->name.len);
    hash = hash * 31 + soma_str_hash(provider->endpoint.data,
                                     provider->endpoint.len);
    hash = hash * 31 + soma_str_hash(provider->api_key.data,
                                     provider->api_key.len);
    hash += (hash == 0);

    i = hash % NGX_HTTP_SOMA_PROVIDER_STATES_MAX;

    for (n = 0; n < NGX_HTTP_SOMA_PROVIDER_STATES_MAX; n++) {

        slot = &healths->provider[i];

        if (slot->hash == 0 || slot->hash == hash) {
            slot->hash = hash;
            return slot;
        }

        i = (i + 1) % NGX_HTTP_SOMA_PROVIDER_STATES_MAX;
    }

    return NULL;
}


soma_health_all_t
ngx_http_soma_health_get(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_model_t *model)
{
    soma_health_all_t  none, *health;

    ngx_memzero(&none, sizeof(soma_health_all_t));

    health = ngx_http_soma_health_slot(smcf->zone->health, model, 0);

    /* a copy torn by a writer is off by one note and harmless */

    return health ? *health : none;
}


ngx_uint_t
ngx_http_soma_health_up(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_provider_t *provider, int64_t now)
{
    ngx_uint_t               i, models;
    soma_health_all_t        health;
    ngx_http_soma_model_t  **model;

    if (provider->missing.len
        || (provider->state && provider->state->refused))
    {
        return 0;
    }

    models = 0;
    model = smcf->models.elts;

    for (i = 0; i < smcf->models.nelts; i++) {

        if (model[i]->provider != provider) {
            continue;
        }

        models++;
        health = ngx_http_soma_health_get(smcf, model[i]);

        if (soma_health_until(&health, now) <= now) {
            return 1;
        }
    }

    return models == 0;
}


int64_t
ngx_http_soma_health_closed(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_model_t *model, int64_t now)
{
    int64_t                      until;
    soma_health_all_t           *all;
    ngx_http_soma_healths_t     *healths;
    ngx_http_soma_health_own_t  *own;

    until = 0;
    healths = ctx->main->zone->health;
    all = ngx_http_soma_health_slot(healths, model, 0);

    if (all && !soma_health_usable(&all->health, now)) {
        until = all->health.open_until;
    }

    if (healths->owns == 0) {
        return until;
    }

    own = ngx_http_soma_health_own(healths,
                                   ngx_http_soma_health_hash(ctx, model), now,
                                   0);

    if (own && !soma_health_usable(&own->health.health, now)) {
        until = ngx_max(until, own->health.health.open_until);
    }

    return until;
}


ngx_uint_t
ngx_http_soma_health_probe(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_model_t *model)
{
    int64_t                      now;
    uint64_t                     hash;
    ngx_uint_t                   may;
    soma_health_all_t           *all;
    ngx_http_soma_healths_t     *healths;
    ngx_http_soma_health_own_t  *own;

    now = ngx_http_soma_now();
    hash = ngx_http_soma_health_hash(ctx, model);
    healths = ctx->main->zone->health;
    may = 1;

    ngx_shmtx_lock(&ctx->main->shpool->mutex);

    all = ngx_http_soma_health_slot(healths, model, 0);
    own = ngx_http_soma_health_own(healths, hash, now, 0);

    if (all && !soma_health_usable(&all->health, now)) {
        may = soma_health_probe(&all->health, now);

    } else if (own && !soma_health_usable(&own->health.health, now)) {
        may = soma_health_probe(&own->health.health, now);
    }

    ngx_shmtx_unlock(&ctx->main->shpool->mutex);

    return may;
}


void
ngx_http_soma_health_probe_end(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_model_t *model, ngx_uint_t good)
{
    uint64_t                     hash;
    soma_health_all_t           *all;
    ngx_http_soma_healths_t     *healths;
    ngx_http_soma_health_own_t  *own;

    hash = ngx_http_soma_health_hash(ctx, model);
    healths = ctx->main->zone->health;

    ngx_shmtx_lock(&ctx->main->shpool->mutex);

    all = ngx_http_soma_health_slot(healths, model, 0);
    own = ngx_http_soma_health_own(healths, hash, 0, 0);

    if (all) {
        soma_health_probe_end(&all->health, good);
    }

    if (own) {
        soma_health_probe_end(&own->health.health, good);
    }

    ngx_shmtx_unlock(&ctx->main->shpool->mutex);
}


void
ngx_http_soma_health_good(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_model_t *model)
{
    uint64_t                     hash;
    soma_health_all_t           *all;
    ngx_http_soma_healths_t     *healths;
    ngx_http_soma_health_own_t  *own;

    if (model->provider->state && model->provider->state->refused) {
        model->provider->state->refused = 0;
    }

    healths = ctx->main->zone->health;
    all = ngx_http_soma_health_slot(healths, model, 0);

    /* the usual case takes no lock: there is nothing to forget */

    if (all == NULL || (healths->owns == 0 && soma_health_well(all, NULL))) {
        return;
    }

    hash = ngx_http_soma_health_hash(ctx, model);
    own = ngx_http_soma_health_own(healths, hash, 0, 0);

    if (soma_health_well(all, own ? &own->health : NULL)) {
        return;
    }

    ngx_shmtx_lock(&ctx->main->shpool->mutex);

    own = ngx_http_soma_health_own(healths, hash, 0, 0);

    soma_health_note_good(all, own ? &own->health : NULL);

    if (own && soma_health_usable(&own->health.health, ngx_http_soma_now())) {
        ngx_memzero(own, sizeof(ngx_http_soma_health_own_t));
        healths->owns--;
    }

    ngx_shmtx_unlock(&ctx->main->shpool->mutex);
}


void
ngx_http_soma_health_bad(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_model_t *model, soma_evidence_e evidence,
    int64_t retry_after_ms)
{
    int64_t                      now;
    uint64_t                     hash;
    soma_health_all_t           *all;
    ngx_http_soma_healths_t     *healths;
    ngx_http_soma_health_own_t  *own;

    if (evidence == SOMA_EVIDENCE_NONE) {
        return;
    }

    now = ngx_http_soma_now();
    hash = ngx_http_soma_health_hash(ctx, model);
    healths = ctx->main->zone->health;
    own = NULL;

    ngx_shmtx_lock(&ctx->main->shpool->mutex);

    all = ngx_http_soma_health_slot(healths, model, 1);

    if (evidence == SOMA_EVIDENCE_TENANT) {
        own = ngx_http_soma_health_own(healths, hash, now, 1);
    }

    if (all) {
        soma_health_note_bad(all, own ? &own->health : NULL, evidence, now,
                             retry_after_ms);
    }

    ngx_shmtx_unlock(&ctx->main->shpool->mutex);
}


static soma_health_all_t *
ngx_http_soma_health_slot(ngx_http_soma_healths_t *healths,
    ngx_http_soma_model_t *model, ngx_uint_t make)
{
    ngx_uint_t                    i, n;
    ngx_http_soma_health_slot_t  *slot;

    i = model->hash % NGX_HTTP_SOMA_HEALTHS_MAX;

    for (n = 0; n < NGX_HTTP_SOMA_HEALTHS_MAX; n++) {

        slot = &healths->model[i];

        if (slot->hash == model->hash) {
            return &slot->health;
        }

        if (slot->hash == 0) {

            if (!make) {
                return NULL;
            }

            slot->hash = model->hash;
            return &slot->health;
        }

        i = (i + 1) % NGX_HTTP_SOMA_HEALTHS_MAX;
    }

    return NULL;
}


static uint64_t
ngx_http_soma_health_hash(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_model_t *model)
{
    uint64_t  hash;

    hash = model->hash * 31 + soma_str_hash(ctx->identity.tenant.data,
                                            ctx->identity.tenant.len);

    return hash + (hash == 0);
}


/* make: the one of its set that failed longest ago makes room */
static ngx_http_soma_health_own_t *
ngx_http_soma_health_own(ngx_http_soma_healths_t *healths, uint64_t hash,
    int64_t now, ngx_uint_t make)
{
    ngx_uint_t                   i;
    ngx_http_soma_health_own_t  *own, *oldest;

    own = &healths->own[hash % (NGX_HTTP_SOMA_HEALTH_OWNS_MAX
                                / NGX_HTTP_SOMA_HEALTH_OWNS_SET)
                        * NGX_HTTP_SOMA_HEALTH_OWNS_SET];
    oldest = own;

    for (i = 0; i < NGX_HTTP_SOMA_HEALTH_OWNS_SET; i++) {

        if (own[i].hash == hash) {
            oldest = &own[i];
            goto found;
        }

        if (own[i].hash == 0
            || (oldest->hash && own[i].used < oldest->used))
        {
            oldest = &own[i];
        }
    }

    if (!make) {
        return NULL;
    }

    healths->owns += (oldest->hash == 0);

    ngx_memzero(oldest, sizeof(ngx_http_soma_health_own_t));
    oldest->hash = hash;

found:

    if (make) {
        oldest->used = now;
    }

    return oldest;
}
