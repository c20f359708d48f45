
/*
 * Copyright (C) The ngx_soma authors
 *
 * Metrics and usage by day: what others count there, what lies in the shared
 * zone, and how endpoints read it.
 */


#ifndef NGX_HTTP_SOMA_METRICS_H
#define NGX_HTTP_SOMA_METRICS_H


#include "ngx_http_soma.h"
#include "soma_metrics.h"
#include "soma_aggregate.h"


#define NGX_HTTP_SOMA_METRICS_LAYOUT    3       /* of both, in the zone */

#define NGX_HTTP_SOMA_METRICS_SHARE     8       /* of the zone: an eighth for
                                                   metrics, and for usage */
#define NGX_HTTP_SOMA_WORKERS_MAX       256     /* old ones of reloads too */
#define NGX_HTTP_SOMA_WORKER_STALE      60000   /* ms without a sign: gone */
#define NGX_HTTP_SOMA_PUBLISH           1000    /* ms */

#define NGX_HTTP_SOMA_REPLAY_MAX        ((off_t) 1024 * 1024 * 1024)
#define NGX_HTTP_SOMA_REPLAY_FILES_MAX  65536
#define NGX_HTTP_SOMA_REPLAY_FILE_MAX   (64 * 1024 * 1024)
#define NGX_HTTP_SOMA_REPLAY_START      (16 * 1024 * 1024)  /* before the
                                           worker takes its first request */


/* metrics and aggregates in the shared zone */
ngx_int_t ngx_http_soma_metrics_init_zone(ngx_http_soma_main_conf_t *smcf,
    ngx_log_t *log);
ngx_int_t ngx_http_soma_metrics_init_worker(ngx_cycle_t *cycle,
    ngx_http_soma_main_conf_t *smcf);
void ngx_http_soma_metrics_exit_worker(void);

/* one settled request */
void ngx_http_soma_metrics_record(ngx_http_soma_main_conf_t *smcf,
    const soma_record_t *record);

/* a request turned away: reason is the error code */
void ngx_http_soma_metrics_refused(ngx_http_soma_main_conf_t *smcf,
    soma_str_t tenant, soma_str_t reason);

/* a failed attempt: "error" "timeout" "http_429" "event" ... */
void ngx_http_soma_metrics_attempt(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_provider_t *provider, const char *reason);

/* requests in flight of this worker: +1, -1 */
void ngx_http_soma_metrics_inflight(ngx_http_soma_main_conf_t *smcf,
    int delta);


/* what a worker tells of itself */
typedef enum {
    /* gauges: gone with the worker */
    NGX_HTTP_SOMA_WORKER_INFLIGHT = 0,
    NGX_HTTP_SOMA_WORKER_PENDING,
    NGX_HTTP_SOMA_WORKER_ADOPTED,
    NGX_HTTP_SOMA_WORKER_REDIS_UP,
    NGX_HTTP_SOMA_WORKER_JOURNAL_ERROR,
    NGX_HTTP_SOMA_WORKER_GAUGES,

    /* counters: they stay */
    NGX_HTTP_SOMA_WORKER_APPENDED = NGX_HTTP_SOMA_WORKER_GAUGES,
    NGX_HTTP_SOMA_WORKER_SHIPPED,
    NGX_HTTP_SOMA_WORKER_DROPPED,
    NGX_HTTP_SOMA_WORKER_COMMANDS,
    NGX_HTTP_SOMA_WORKER_TIMEOUTS,
    NGX_HTTP_SOMA_WORKER_CONNECTS,
    NGX_HTTP_SOMA_WORKER_VALUES
} ngx_http_soma_worker_value_e;


typedef struct {
    ngx_atomic_t         pid;           /* 0: free */
    ngx_atomic_t         updated;       /* ngx_current_msec, the host's */
    ngx_atomic_t         value[NGX_HTTP_SOMA_WORKER_VALUES];
} ngx_http_soma_worker_t;


typedef struct {
    ngx_uint_t           layout;
    size_t               size;          /* of this struct: another build? */
    soma_table_t        *requests;
    soma_table_t        *timings;
    soma_table_t        *refused;
    soma_table_t        *attempts;

    /* of workers that are gone */
    ngx_atomic_t         retired[NGX_HTTP_SOMA_WORKER_VALUES];
    ngx_http_soma_worker_t  worker[NGX_HTTP_SOMA_WORKERS_MAX];
} ngx_http_soma_metrics_t;


/* or the pid of the worker that reads, or 0 */
#define NGX_HTTP_SOMA_REPLAY_DONE       ((ngx_atomic_t) -1)

typedef struct {
    ngx_uint_t           layout;
    size_t               size;
    int64_t              created;       /* ms UTC */
    ngx_atomic_t         replay;
    soma_usage_table_t  *table;
} ngx_http_soma_usage_t;


/* sums over workers; workers: how many there are */
typedef struct {
    ngx_uint_t           workers;
    int64_t              value[NGX_HTTP_SOMA_WORKER_VALUES];
} ngx_http_soma_workers_t;

void ngx_http_soma_metrics_workers(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_workers_t *workers);

void ngx_http_soma_metrics_lock(void *shpool);
void ngx_http_soma_metrics_unlock(void *shpool);

/* for soma_metrics.c; NGX_DECLINED: no zone */
ngx_int_t ngx_http_soma_metrics_view(ngx_http_soma_main_conf_t *smcf,
    soma_metrics_t *view);

ngx_int_t ngx_http_soma_metrics_usage_init_zone(
    ngx_http_soma_main_conf_t *smcf, ngx_log_t *log);


/*
 * Adds this node's usage of the days from..to to a report; tenant NULL: of
 * all.  NGX_OK, NGX_DECLINED (too many rows) or NGX_ERROR.
 */
ngx_int_t ngx_http_soma_metrics_usage(ngx_http_soma_main_conf_t *smcf,
    soma_report_t *report, int32_t from, int32_t to, soma_str_t *tenant);

/* 1: the journal is still being read into the table */
ngx_uint_t ngx_http_soma_metrics_replaying(ngx_http_soma_main_conf_t *smcf);

/* one worker reads what the journal holds of this month, where no Redis
 * keeps the sums */
ngx_int_t ngx_http_soma_metrics_replay(ngx_cycle_t *cycle,
    ngx_http_soma_main_conf_t *smcf);


/* limits of tenants shown */
#define NGX_HTTP_SOMA_METRICS_LIMITS_MAX  256

/* ngx_http_soma_metrics_limits.c */
void ngx_http_soma_metrics_limits(soma_text_t *text,
    ngx_http_soma_main_conf_t *smcf);


#endif /* NGX_HTTP_SOMA_METRICS_H */
