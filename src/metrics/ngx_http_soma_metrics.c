
/*
 * Copyright (C) The ngx_soma authors
 *
 * Metrics and usage by day in the shared zone, and what each worker tells
 * there of itself.
 */


#include "ngx_http_soma_metrics.h"
#include "ngx_http_soma_settle.h"
#include "ngx_http_soma_redis.h"


/* what of the zone may go here */
#define NGX_HTTP_SOMA_METRICS_SHARE  8          /* an eighth, each */


typedef struct {
    ngx_http_soma_main_conf_t  *main;
    ngx_http_soma_worker_t     *slot;
    ngx_int_t                   inflight;
    ngx_event_t                 event;
    ngx_connection_t            dummy;
} ngx_http_soma_publisher_t;


static soma_table_t *ngx_http_soma_metrics_table(ngx_slab_pool_t *shpool,
    unsigned max, unsigned labels, unsigned values, size_t *budget);
static ngx_int_t ngx_http_soma_usage_init_zone(
    ngx_http_soma_main_conf_t *smcf, ngx_log_t *log);
static ngx_http_soma_worker_t *ngx_http_soma_worker_slot(
    ngx_http_soma_main_conf_t *smcf);
static ngx_uint_t ngx_http_soma_worker_gone(ngx_http_soma_worker_t *worker);
static void ngx_http_soma_worker_retire(ngx_http_soma_metrics_t *metrics,
    ngx_http_soma_worker_t *worker);
static void ngx_http_soma_worker_sweep(ngx_http_soma_main_conf_t *smcf);
static void ngx_http_soma_publish(void);
static void ngx_http_soma_publish_handler(ngx_event_t *ev);
static void ngx_http_soma_publish_last(void *data);
static ngx_int_t ngx_http_soma_usage_chunk(ngx_http_soma_main_conf_t *smcf,
    soma_usage_row_t *rows, ngx_uint_t *n, uint32_t *pos,
    uint32_t *generation, int32_t from, int32_t to, soma_str_t *tenant);
static ngx_int_t ngx_http_soma_usage_report(soma_report_t *report,
    soma_usage_row_t *rows, ngx_uint_t n);


static ngx_http_soma_publisher_t  ngx_http_soma_publisher;


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

        return ngx_http_soma_usage_init_zone(smcf, log);
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

    return ngx_http_soma_usage_init_zone(smcf, log);

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


static ngx_int_t
ngx_http_soma_usage_init_zone(ngx_http_soma_main_conf_t *smcf, ngx_log_t *log)
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
ngx_http_soma_metrics_init_worker(ngx_cycle_t *cycle,
    ngx_http_soma_main_conf_t *smcf)
{
    ngx_event_t                *ev;
    ngx_pool_cleanup_t         *cln;
    ngx_http_soma_publisher_t  *publisher;

    if (smcf == NULL || smcf->zone == NULL || smcf->zone->metrics == NULL) {
        return NGX_OK;
    }

    publisher = &ngx_http_soma_publisher;

    ngx_memzero(publisher, sizeof(ngx_http_soma_publisher_t));

    publisher->main = smcf;
    publisher->slot = ngx_http_soma_worker_slot(smcf);
    publisher->dummy.fd = (ngx_socket_t) -1;

    cln = ngx_pool_cleanup_add(cycle->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_soma_publish_last;
    cln->data = publisher;

    ev = &publisher->event;

    ev->handler = ngx_http_soma_publish_handler;
    ev->data = &publisher->dummy;
    ev->log = cycle->log;
    ev->cancelable = 1;

    ngx_add_timer(ev, NGX_HTTP_SOMA_PUBLISH);

    return ngx_http_soma_metrics_replay(cycle, smcf);
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


void
ngx_http_soma_metrics_inflight(ngx_http_soma_main_conf_t *smcf, int delta)
{
    ngx_http_soma_worker_t     *slot;
    ngx_http_soma_publisher_t  *publisher;

    publisher = &ngx_http_soma_publisher;
    publisher->inflight += delta;

    slot = publisher->slot;

    if (slot && slot->pid == (ngx_atomic_t) ngx_pid) {
        slot->value[NGX_HTTP_SOMA_WORKER_INFLIGHT] = publisher->inflight;
    }
}


/* a slot of this process; NULL: all are taken by the living */

static ngx_http_soma_worker_t *
ngx_http_soma_worker_slot(ngx_http_soma_main_conf_t *smcf)
{
    ngx_uint_t                i;
    ngx_http_soma_worker_t   *worker, *slot;
    ngx_http_soma_metrics_t  *metrics;

    metrics = smcf->zone->metrics;
    slot = NULL;

    ngx_shmtx_lock(&smcf->shpool->mutex);

    for (i = 0; i < NGX_HTTP_SOMA_WORKERS_MAX; i++) {
        worker = &metrics->worker[i];

        if (worker->pid == (ngx_atomic_t) ngx_pid) {
            ngx_http_soma_worker_retire(metrics, worker);
        }

        if (worker->pid && ngx_http_soma_worker_gone(worker)) {
            ngx_http_soma_worker_retire(metrics, worker);
        }

        if (worker->pid == 0 && slot == NULL) {
            slot = worker;
        }
    }

    if (slot) {
        slot->updated = ngx_current_msec;
        slot->pid = ngx_pid;
    }

    ngx_shmtx_unlock(&smcf->shpool->mutex);

    return slot;
}


/* a number may have been given to a process that is none of ours: who is
 * alive tells so every second */

static ngx_uint_t
ngx_http_soma_worker_gone(ngx_http_soma_worker_t *worker)
{
    ngx_msec_int_t  age;

    if (kill((ngx_pid_t) worker->pid, 0) == -1 && ngx_errno == ESRCH) {
        return 1;
    }

    age = (ngx_msec_int_t) (ngx_current_msec - (ngx_msec_t) worker->updated);

    return age > NGX_HTTP_SOMA_WORKER_STALE;
}


static void
ngx_http_soma_worker_retire(ngx_http_soma_metrics_t *metrics,
    ngx_http_soma_worker_t *worker)
{
    ngx_uint_t  i;

    for (i = NGX_HTTP_SOMA_WORKER_GAUGES; i < NGX_HTTP_SOMA_WORKER_VALUES;
         i++)
    {
        metrics->retired[i] += worker->value[i];
    }

    ngx_memzero((void *) worker->value, sizeof(worker->value));

    worker->pid = 0;
}


static void
ngx_http_soma_worker_sweep(ngx_http_soma_main_conf_t *smcf)
{
    ngx_uint_t                i;
    ngx_http_soma_worker_t   *worker;
    ngx_http_soma_metrics_t  *metrics;

    metrics = smcf->zone->metrics;

    for (i = 0; i < NGX_HTTP_SOMA_WORKERS_MAX; i++) {
        worker = &metrics->worker[i];

        if (worker->pid == 0 || worker->pid == (ngx_atomic_t) ngx_pid
            || !ngx_http_soma_worker_gone(worker))
        {
            continue;
        }

        ngx_shmtx_lock(&smcf->shpool->mutex);

        if (worker->pid && ngx_http_soma_worker_gone(worker)) {
            ngx_http_soma_worker_retire(metrics, worker);
        }

        ngx_shmtx_unlock(&smcf->shpool->mutex);
    }
}


static void
ngx_http_soma_publish(void)
{
    ngx_http_soma_worker_t        *slot;
    ngx_http_soma_publisher_t     *publisher;
    ngx_http_soma_redis_state_t    redis;
    ngx_http_soma_journal_state_t  journal;

    publisher = &ngx_http_soma_publisher;

    if (publisher->slot == NULL
        || publisher->slot->pid != (ngx_atomic_t) ngx_pid)
    {
        publisher->slot = ngx_http_soma_worker_slot(publisher->main);
    }

    slot = publisher->slot;

    if (slot == NULL) {
        return;
    }

    ngx_http_soma_journal_state(&journal);
    ngx_http_soma_redis_state(&redis);

    slot->value[NGX_HTTP_SOMA_WORKER_INFLIGHT] = publisher->inflight;
    slot->value[NGX_HTTP_SOMA_WORKER_PENDING] = journal.pending;
    slot->value[NGX_HTTP_SOMA_WORKER_ADOPTED] = journal.adopted;
    slot->value[NGX_HTTP_SOMA_WORKER_JOURNAL_ERROR] = journal.error != NULL;
    slot->value[NGX_HTTP_SOMA_WORKER_REDIS_UP] = ngx_http_soma_redis_ready();
    slot->value[NGX_HTTP_SOMA_WORKER_APPENDED] = journal.appended;
    slot->value[NGX_HTTP_SOMA_WORKER_SHIPPED] = journal.shipped;
    slot->value[NGX_HTTP_SOMA_WORKER_DROPPED] = journal.dropped;
    slot->value[NGX_HTTP_SOMA_WORKER_COMMANDS] = redis.commands;
    slot->value[NGX_HTTP_SOMA_WORKER_TIMEOUTS] = redis.timeouts;
    slot->value[NGX_HTTP_SOMA_WORKER_CONNECTS] = redis.connects;

    slot->updated = ngx_current_msec;
}


static void
ngx_http_soma_publish_handler(ngx_event_t *ev)
{
    ngx_http_soma_publish();
    ngx_http_soma_worker_sweep(ngx_http_soma_publisher.main);

    if (!ngx_exiting) {
        ngx_add_timer(ev, NGX_HTTP_SOMA_PUBLISH);
    }
}


/* while the journal and Redis can still tell what they did */

void
ngx_http_soma_metrics_exit_worker(void)
{
    if (ngx_http_soma_publisher.main) {
        ngx_http_soma_publish();
    }
}


/* the pool of the cycle goes last, after every module's exit */

static void
ngx_http_soma_publish_last(void *data)
{
    ngx_http_soma_publisher_t *publisher = data;

    ngx_http_soma_worker_t     *slot;
    ngx_http_soma_main_conf_t  *smcf;

    slot = publisher->slot;
    smcf = publisher->main;

    if (slot == NULL || slot->pid != (ngx_atomic_t) ngx_pid) {
        return;
    }

    ngx_shmtx_lock(&smcf->shpool->mutex);
    ngx_http_soma_worker_retire(smcf->zone->metrics, slot);
    ngx_shmtx_unlock(&smcf->shpool->mutex);

    publisher->slot = NULL;
}


void
ngx_http_soma_metrics_workers(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_workers_t *workers)
{
    ngx_uint_t                i, k;
    ngx_http_soma_worker_t   *worker;
    ngx_http_soma_metrics_t  *metrics;

    metrics = smcf->zone->metrics;

    ngx_memzero(workers, sizeof(ngx_http_soma_workers_t));

    ngx_http_soma_publish();
    ngx_http_soma_worker_sweep(smcf);

    ngx_shmtx_lock(&smcf->shpool->mutex);

    for (k = 0; k < NGX_HTTP_SOMA_WORKER_VALUES; k++) {
        workers->value[k] = (int64_t) metrics->retired[k];
    }

    for (i = 0; i < NGX_HTTP_SOMA_WORKERS_MAX; i++) {
        worker = &metrics->worker[i];

        if (worker->pid == 0) {
            continue;
        }

        workers->workers++;

        for (k = 0; k < NGX_HTTP_SOMA_WORKER_VALUES; k++) {
            workers->value[k] += (int64_t) worker->value[k];
        }
    }

    ngx_shmtx_unlock(&smcf->shpool->mutex);
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
    soma_str_t           name, provider, model;
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

        if (row->day < from || row->day > to) {
            continue;
        }

        if (tenant) {
            soma_aggregate_row_key(row, &name, &provider, &model);

            if (!soma_str_eq(name, *tenant)) {
                continue;
            }
        }

        rows[(*n)++] = *row;
    }

    rc = (*pos < table->used) ? NGX_AGAIN : NGX_OK;

    ngx_shmtx_unlock(&smcf->shpool->mutex);

    return rc;
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
