
/*
 * Copyright (C) The ngx_soma authors
 *
 * What each worker tells of itself in the shared zone, every second and when
 * it goes.
 */


#include "ngx_http_soma_metrics.h"
#include "ngx_http_soma_ledger.h"
#include "ngx_http_soma_redis.h"


typedef struct {
    ngx_http_soma_main_conf_t  *main;
    ngx_http_soma_worker_t     *slot;
    ngx_int_t                   inflight;
    ngx_event_t                 event;
    ngx_connection_t            dummy;
} ngx_http_soma_publisher_t;


static ngx_http_soma_worker_t *ngx_http_soma_worker_slot(
    ngx_http_soma_main_conf_t *smcf);
static ngx_uint_t ngx_http_soma_worker_gone(ngx_http_soma_worker_t *worker);
static void ngx_http_soma_worker_retire(ngx_http_soma_metrics_t *metrics,
    ngx_http_soma_worker_t *worker);
static void ngx_http_soma_worker_sweep(ngx_http_soma_main_conf_t *smcf);
static void ngx_http_soma_publish(void);
static void ngx_http_soma_publish_handler(ngx_event_t *ev);
static void ngx_http_soma_publish_last(void *data);


static ngx_http_soma_publisher_t  ngx_http_soma_publisher;


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


/* while the journal and Redis can still tell what they did */
void
ngx_http_soma_metrics_exit_worker(void)
{
    if (ngx_http_soma_publisher.main) {
        ngx_http_soma_publish();
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
