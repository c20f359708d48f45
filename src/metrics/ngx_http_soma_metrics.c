
/*
 * Copyright (C) The ngx_soma authors
 *
 * Metrics in the shared zone: its tables, and what is counted there.
 */


#include "ngx_http_soma_metrics.h"


static soma_table_t *ngx_http_soma_metrics_table(ngx_slab_pool_t *shpool,
    unsigned max, unsigned labels, unsigned values, size_t *budget);


ngx_int_t
ngx_http_soma_metrics_init_zone(ngx_http_soma_main_conf_t *smcf,
    ngx_log_t *log)
{
    size_t                    budget;
    ngx_slab_pool_t          *shpool;
    ngx_http_soma_metrics_t  *metrics;

    shpool = smcf->shpool;
    metrics = smcf->zone->metrics;

    if (metrics) {
        if (metrics->layout != NGX_HTTP_SOMA_METRICS_LAYOUT
            || metrics->size != sizeof(ngx_http_soma_metrics_t))
        {
            ngx_log_error(NGX_LOG_EMERG, log, 0,
                          "soma_zone holds metrics of another version of the "
                          "module: restart nginx instead of reloading it");
            return NGX_ERROR;
        }

        return ngx_http_soma_metrics_usage_init_zone(smcf, log);
    }

    metrics = ngx_slab_calloc(shpool, sizeof(ngx_http_soma_metrics_t));
    if (metrics == NULL) {
        goto failed;
    }

    metrics->layout = NGX_HTTP_SOMA_METRICS_LAYOUT;
    metrics->size = sizeof(ngx_http_soma_metrics_t);

    budget = smcf->shm_zone->shm.size / NGX_HTTP_SOMA_METRICS_SHARE;

    metrics->attempts = ngx_http_soma_metrics_table(shpool,
                            SOMA_METRIC_ATTEMPTS_MAX, 2, 1, &budget);
    metrics->refused = ngx_http_soma_metrics_table(shpool,
                           SOMA_METRIC_REFUSED_MAX, 2, 1, &budget);
    metrics->timings = ngx_http_soma_metrics_table(shpool,
                           SOMA_METRIC_TIMINGS_MAX, 4, SOMA_HIST_VALUES,
                           &budget);
    metrics->requests = ngx_http_soma_metrics_table(shpool,
                            SOMA_METRIC_SERIES_MAX, 5, SOMA_COUNTS, &budget);

    if (metrics->attempts == NULL || metrics->refused == NULL
        || metrics->timings == NULL || metrics->requests == NULL)
    {
        goto failed;
    }

    smcf->zone->metrics = metrics;

    return ngx_http_soma_metrics_usage_init_zone(smcf, log);

failed:

    ngx_log_error(NGX_LOG_EMERG, log, 0,
                  "soma_zone is too small for metrics: give it more than "
                  "%uzk", smcf->shm_zone->shm.size / 1024);

    return NGX_ERROR;
}


/* a table of half the budget at most, so that each of them finds room */
static soma_table_t *
ngx_http_soma_metrics_table(ngx_slab_pool_t *shpool, unsigned max,
    unsigned labels, unsigned values, size_t *budget)
{
    void    *p;
    size_t   size;

    size = soma_metrics_table_size(max, values);

    while (max > SOMA_METRIC_TABLE_MIN && size > *budget / 2) {
        max /= 2;
        size = soma_metrics_table_size(max, values);
    }

    *budget -= ngx_min(size, *budget);

    p = ngx_slab_calloc(shpool, size);
    if (p == NULL) {
        return NULL;
    }

    return soma_metrics_table_init(p, max, labels, values);
}


void
ngx_http_soma_metrics_lock(void *shpool)
{
    ngx_shmtx_lock(&((ngx_slab_pool_t *) shpool)->mutex);
}


void
ngx_http_soma_metrics_unlock(void *shpool)
{
    ngx_shmtx_unlock(&((ngx_slab_pool_t *) shpool)->mutex);
}


ngx_int_t
ngx_http_soma_metrics_view(ngx_http_soma_main_conf_t *smcf,
    soma_metrics_t *view)
{
    ngx_http_soma_usage_t    *usage;
    ngx_http_soma_metrics_t  *metrics;

    if (smcf->zone == NULL || smcf->zone->metrics == NULL) {
        return NGX_DECLINED;
    }

    metrics = smcf->zone->metrics;
    usage = smcf->zone->usage;

    view->requests = metrics->requests;
    view->timings = metrics->timings;
    view->refused = metrics->refused;
    view->attempts = metrics->attempts;
    view->usage = usage->table;
    view->lock = ngx_http_soma_metrics_lock;
    view->unlock = ngx_http_soma_metrics_unlock;
    view->data = smcf->shpool;

    return NGX_OK;
}


void
ngx_http_soma_metrics_record(ngx_http_soma_main_conf_t *smcf,
    const soma_record_t *record)
{
    soma_metrics_t  view;

    if (ngx_http_soma_metrics_view(smcf, &view) == NGX_OK) {
        soma_metrics_record(&view, record);
    }
}


void
ngx_http_soma_metrics_refused(ngx_http_soma_main_conf_t *smcf,
    soma_str_t tenant, soma_str_t reason)
{
    soma_metrics_t  view;

    if (ngx_http_soma_metrics_view(smcf, &view) == NGX_OK) {
        soma_metrics_event(&view, view.refused, tenant, reason);
    }
}


void
ngx_http_soma_metrics_attempt(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_provider_t *provider, const char *reason)
{
    soma_str_t      why;
    soma_metrics_t  view;

    if (ngx_http_soma_metrics_view(smcf, &view) == NGX_OK) {
        why.data = (u_char *) reason;
        why.len = ngx_strlen(reason);

        soma_metrics_event(&view, view.attempts,
                           ngx_http_soma_str(provider->name), why);
    }
}
