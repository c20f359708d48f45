
/*
 * Copyright (C) The ngx_soma authors
 *
 * The shared zone's birth, and how a new configuration takes it over.  On a
 * reload this runs in the master while the old workers still use the zone:
 * what is there stays as it is.
 */


#include "ngx_http_soma.h"
#include "ngx_http_soma_conf.h"
#include "ngx_http_soma_cache.h"
#include "ngx_http_soma_jwt.h"
#include "ngx_http_soma_lock_table.h"
#include "ngx_http_soma_plan.h"
#include "ngx_http_soma_quota.h"
#include "ngx_http_soma_settle.h"


/* to be raised with every change of what lies in the zone */
#define NGX_HTTP_SOMA_ZONE_LAYOUT  11


static ngx_http_soma_zone_t *ngx_http_soma_zone_new(ngx_shm_zone_t *shm_zone,
    ngx_slab_pool_t *shpool);
static ngx_int_t ngx_http_soma_zone_parts(ngx_http_soma_main_conf_t *smcf,
    ngx_log_t *log);
static ngx_int_t ngx_http_soma_zone_log(ngx_shm_zone_t *shm_zone);


ngx_int_t
ngx_http_soma_zone_init(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_http_soma_main_conf_t  *before = data;

    ngx_http_soma_zone_t       *zone;
    ngx_http_soma_main_conf_t  *smcf;

    smcf = shm_zone->data;
    smcf->shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (before) {
        zone = before->zone;

    } else if (shm_zone->shm.exists) {
        zone = smcf->shpool->data;

    } else {
        zone = ngx_http_soma_zone_new(shm_zone, smcf->shpool);
        if (zone == NULL) {
            return NGX_ERROR;
        }
    }

    if (zone == NULL || zone->layout != NGX_HTTP_SOMA_ZONE_LAYOUT) {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "soma_zone \"%V\" was made by another version of "
                      "ngx_soma (layout %ui, this one has %ui): restart "
                      "nginx instead of reloading it", &shm_zone->shm.name,
                      zone ? zone->layout : 0,
                      (ngx_uint_t) NGX_HTTP_SOMA_ZONE_LAYOUT);
        return NGX_ERROR;
    }

    smcf->zone = zone;

    return ngx_http_soma_zone_parts(smcf, shm_zone->shm.log);
}


static ngx_http_soma_zone_t *
ngx_http_soma_zone_new(ngx_shm_zone_t *shm_zone, ngx_slab_pool_t *shpool)
{
    ngx_http_soma_zone_t  *zone;

    zone = ngx_slab_calloc(shpool, sizeof(ngx_http_soma_zone_t));

    if (zone == NULL || ngx_http_soma_zone_log(shm_zone) != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "soma_zone \"%V\" is too small", &shm_zone->shm.name);
        return NULL;
    }

    zone->layout = NGX_HTTP_SOMA_ZONE_LAYOUT;
    shpool->data = zone;

    /* a full zone is the caller's to tell of, with its own words */
    shpool->log_nomem = 0;

    return zone;
}


static ngx_int_t
ngx_http_soma_zone_parts(ngx_http_soma_main_conf_t *smcf, ngx_log_t *log)
{
    if (ngx_http_soma_cache_init_zone(smcf, log) != NGX_OK
        || ngx_http_soma_quota_init_zone(smcf, log) != NGX_OK
        || ngx_http_soma_lock_table_init_zone(smcf, log) != NGX_OK
        || ngx_http_soma_health_init_zone(smcf, log) != NGX_OK
        || ngx_http_soma_metrics_init_zone(smcf, log) != NGX_OK
        || ngx_http_soma_jwks_slot_init_zone(smcf, log) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_zone_log(ngx_shm_zone_t *shm_zone)
{
    size_t            len;
    ngx_slab_pool_t  *shpool;

    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    len = sizeof(" in soma_zone \"\"") + shm_zone->shm.name.len;

    shpool->log_ctx = ngx_slab_alloc(shpool, len);
    if (shpool->log_ctx == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(shpool->log_ctx, " in soma_zone \"%V\"%Z",
                &shm_zone->shm.name);

    return NGX_OK;
}
