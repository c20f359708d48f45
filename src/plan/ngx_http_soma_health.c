
/*
 * Copyright (C) The ngx_soma authors
 *
 * Health of models in the shared zone: a table of fixed slots, found by the
 * hash of provider and model, so that a reload keeps what is known.
 */


#include "ngx_http_soma_plan.h"


typedef struct {
    uint64_t       hash;        /* 0: free */
    soma_health_t  health;
} ngx_http_soma_health_slot_t;


static ngx_http_soma_health_slot_t *ngx_http_soma_health_slot(
    ngx_http_soma_main_conf_t *smcf, ngx_http_soma_model_t *model,
    ngx_uint_t make);


ngx_int_t
ngx_http_soma_health_init_zone(ngx_http_soma_main_conf_t *smcf, ngx_log_t *log)
{
    if (smcf->zone->health) {
        return NGX_OK;
    }

    smcf->zone->health = ngx_slab_calloc(smcf->shpool,
                                         NGX_HTTP_SOMA_HEALTHS_MAX
                                         * sizeof(ngx_http_soma_health_slot_t));
    if (smcf->zone->health == NULL) {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "soma_zone is too small for the health of targets");
        return NGX_ERROR;
    }

    return NGX_OK;
}


soma_health_t
ngx_http_soma_health_get(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_model_t *model)
{
    soma_health_t                 health;
    ngx_http_soma_health_slot_t  *slot;

    ngx_memzero(&health, sizeof(soma_health_t));

    slot = ngx_http_soma_health_slot(smcf, model, 0);

    /* a copy torn by a writer is off by one note and harmless */

    return slot ? slot->health : health;
}


void
ngx_http_soma_health_note(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_model_t *model, ngx_uint_t good, int64_t retry_after_ms)
{
    ngx_http_soma_health_slot_t  *slot;

    if (good) {

        /* the usual case takes no lock: there is nothing to forget */

        slot = ngx_http_soma_health_slot(smcf, model, 0);

        if (slot == NULL
            || (slot->health.fails == 0 && slot->health.opened == 0))
        {
            return;
        }
    }

    ngx_shmtx_lock(&smcf->shpool->mutex);

    slot = ngx_http_soma_health_slot(smcf, model, 1);

    if (slot) {
        if (good) {
            soma_health_good(&slot->health);

        } else {
            soma_health_bad(&slot->health, ngx_http_soma_now(),
                            retry_after_ms);
        }
    }

    ngx_shmtx_unlock(&smcf->shpool->mutex);
}


static ngx_http_soma_health_slot_t *
ngx_http_soma_health_slot(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_model_t *model, ngx_uint_t make)
{
    ngx_uint_t                    i, n;
    ngx_http_soma_health_slot_t  *slots;

    slots = smcf->zone->health;
    i = model->hash % NGX_HTTP_SOMA_HEALTHS_MAX;

    for (n = 0; n < NGX_HTTP_SOMA_HEALTHS_MAX; n++) {

        if (slots[i].hash == model->hash) {
            return &slots[i];
        }

        if (slots[i].hash == 0) {
            if (make) {
                slots[i].hash = model->hash;
                return &slots[i];
            }

            return NULL;
        }

        i = (i + 1) % NGX_HTTP_SOMA_HEALTHS_MAX;
    }

    return NULL;
}
