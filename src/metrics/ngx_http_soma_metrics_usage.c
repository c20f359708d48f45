
/*
 * Copyright (C) The ngx_soma authors
 *
 * Usage by day in the shared zone, and reports of it.
 */


#include "ngx_http_soma_metrics.h"


static ngx_uint_t ngx_http_soma_usage_of(soma_usage_row_t *row, soma_str_t
    *tenant);
static ngx_int_t ngx_http_soma_usage_chunk(ngx_http_soma_main_conf_t *smcf,
    soma_usage_row_t *rows, ngx_uint_t *n, uint32_t *pos,
    uint32_t *generation, int32_t from, int32_t to, soma_str_t *tenant);
static ngx_int_t ngx_http_soma_usage_report(soma_report_t *report,
    soma_usage_row_t *rows, ngx_uint_t n);


ngx_int_t
ngx_http_soma_metrics_usage_init_zone(ngx_http_soma_main_conf_t *smcf,
    ngx_log_t *log)
{
    void                   *p;
    size_t                  budget;
    unsigned                max;
    ngx_http_soma_usage_t  *usage;

    usage = smcf->zone->usage;

    if (usage) {
        if (usage->layout != NGX_HTTP_SOMA_METRICS_LAYOUT
            || usage->size != sizeof(ngx_http_soma_usage_t))
        {
            ngx_log_error(NGX_LOG_EMERG, log, 0,
                          "soma_zone holds usage of another version of the "
                          "module: restart nginx instead of reloading it");
            return NGX_ERROR;
        }

        return NGX_OK;
    }

    budget = smcf->shm_zone->shm.size / NGX_HTTP_SOMA_METRICS_SHARE;

    max = SOMA_USAGE_ROWS_MAX;

    while (max > SOMA_USAGE_ROWS_MIN
           && soma_aggregate_table_size(max) > budget)
    {
        max /= 2;
    }

    usage = ngx_slab_calloc(smcf->shpool, sizeof(ngx_http_soma_usage_t));
    p = ngx_slab_calloc(smcf->shpool, soma_aggregate_table_size(max));

    if (usage == NULL || p == NULL) {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "soma_zone is too small for usage: give it more than "
                      "%uzk", smcf->shm_zone->shm.size / 1024);
        return NGX_ERROR;
    }

    usage->layout = NGX_HTTP_SOMA_METRICS_LAYOUT;
    usage->size = sizeof(ngx_http_soma_usage_t);
    usage->created = ngx_http_soma_now();
    usage->table = soma_aggregate_table_init(p, max);

    smcf->zone->usage = usage;

    return NGX_OK;
}


ngx_int_t
ngx_http_soma_metrics_usage(ngx_http_soma_main_conf_t *smcf,
    soma_report_t *report, int32_t from, int32_t to, soma_str_t *tenant)
{
    uint32_t           pos, generation;
    ngx_int_t          rc;
    ngx_uint_t         n;
    soma_usage_row_t  *rows;

    if (smcf->zone == NULL || smcf->zone->usage == NULL) {
        return NGX_OK;
    }

    rows = ngx_alloc(SOMA_USAGE_CHUNK * sizeof(soma_usage_row_t),
                     ngx_cycle->log);
    if (rows == NULL) {
        return NGX_ERROR;
    }

    pos = 0;
    generation = 0;

    do {
        rc = ngx_http_soma_usage_chunk(smcf, rows, &n, &pos, &generation,
                                       from, to, tenant);

        if (rc == NGX_DECLINED) {
            /* a day was dropped meanwhile: all that was read may have been
             * read twice or not at all */
            report->n = 0;
            rc = NGX_AGAIN;
            continue;
        }

        if (ngx_http_soma_usage_report(report, rows, n) != NGX_OK) {
            rc = NGX_DECLINED;
        }

    } while (rc == NGX_AGAIN);

    ngx_free(rows);

    return rc;
}


/* NGX_AGAIN: there are more, NGX_DECLINED: from the beginning */
static ngx_int_t
ngx_http_soma_usage_chunk(ngx_http_soma_main_conf_t *smcf,
    soma_usage_row_t *rows, ngx_uint_t *n, uint32_t *pos,
    uint32_t *generation, int32_t from, int32_t to, soma_str_t *tenant)
{
    uint32_t             end;
    ngx_int_t            rc;
    soma_usage_row_t    *row;
    soma_usage_table_t  *table;

    *n = 0;
    table = ((ngx_http_soma_usage_t *) smcf->zone->usage)->table;

    ngx_shmtx_lock(&smcf->shpool->mutex);

    if (*pos == 0) {
        *generation = table->generation;

    } else if (*generation != table->generation) {
        ngx_shmtx_unlock(&smcf->shpool->mutex);
        *pos = 0;
        return NGX_DECLINED;
    }

    end = ngx_min(table->used, *pos + SOMA_USAGE_CHUNK);

    for ( /* void */ ; *pos < end; (*pos)++) {
        row = &table->row[*pos];

        if (row->day >= from && row->day <= to
            && ngx_http_soma_usage_of(row, tenant))
        {
            rows[(*n)++] = *row;
        }
    }

    rc = (*pos < table->used) ? NGX_AGAIN : NGX_OK;

    ngx_shmtx_unlock(&smcf->shpool->mutex);

    return rc;
}


/* tenant NULL: of any */
static ngx_uint_t
ngx_http_soma_usage_of(soma_usage_row_t *row, soma_str_t *tenant)
{
    soma_str_t  name, provider, model;

    if (tenant == NULL) {
        return 1;
    }

    soma_aggregate_row_key(row, &name, &provider, &model);

    return soma_str_eq(name, *tenant);
}


static ngx_int_t
ngx_http_soma_usage_report(soma_report_t *report, soma_usage_row_t *rows,
    ngx_uint_t n)
{
    u_char             *key;
    ngx_uint_t          i;
    soma_report_row_t   row;

    for (i = 0; i < n; i++) {

        key = report->arena->alloc(report->arena->data, rows[i].len);
        if (key == NULL) {
            return NGX_ERROR;
        }

        soma_aggregate_row_key(&rows[i], &row.tenant, &row.provider,
                               &row.model);

        /* the same places within the copy */

        ngx_memcpy(key, rows[i].key, rows[i].len);
        row.tenant.data = key + (row.tenant.data - rows[i].key);
        row.provider.data = key + (row.provider.data - rows[i].key);
        row.model.data = key + (row.model.data - rows[i].key);

        row.day = rows[i].day;
        ngx_memcpy(row.sum, rows[i].sum, sizeof(row.sum));

        if (soma_report_add(report, &row) != SOMA_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_uint_t
ngx_http_soma_metrics_replaying(ngx_http_soma_main_conf_t *smcf)
{
    ngx_http_soma_usage_t  *usage;

    usage = smcf->zone ? smcf->zone->usage : NULL;

    return usage && usage->replay != 0
           && usage->replay != NGX_HTTP_SOMA_REPLAY_DONE;
}
