
/*
 * Copyright (C) The ngx_soma authors
 *
 * What did it cost: usage -> cost -> unused reservation back -> one record
 * -> metrics.  Plus the journal the records go to and the shipper that takes
 * them to Redis.
 */


#ifndef NGX_HTTP_SOMA_SETTLE_H
#define NGX_HTTP_SOMA_SETTLE_H


#include "ngx_http_soma.h"
#include "soma_bill.h"


/*
 * How a request ended is told by whoever saw it, the attempt or the edge: of
 * them nothing is asked here.  Once a request, on whatever way it ends; later
 * calls do nothing.
 */
void ngx_http_soma_settle(ngx_http_soma_ctx_t *ctx,
    const soma_outcome_t *outcome);

/*
 * The bill (ngx_http_soma_bill.c).  bill: ctx->usage and ctx->cost as they
 * would be if the request ended so.
 *
 * failed: the attempt under way did.  Where it may have cost something, used[]
 * of tokens and cost becomes that.  retried: another one begins, and this is
 * booked beside it.
 */
void ngx_http_soma_bill(ngx_http_soma_ctx_t *ctx,
    const soma_outcome_t *outcome);
void ngx_http_soma_bill_failed(ngx_http_soma_ctx_t *ctx,
    const soma_outcome_t *outcome, int64_t *used);
void ngx_http_soma_bill_retried(ngx_http_soma_ctx_t *ctx);

ngx_int_t ngx_http_soma_variables_add(ngx_conf_t *cf);


/* the journal (one writer a worker); no soma_ledger: appends are NGX_OK and
 * go nowhere */
ngx_int_t ngx_http_soma_journal_init_worker(ngx_cycle_t *cycle,
    ngx_http_soma_main_conf_t *smcf);
void ngx_http_soma_journal_exit_worker(ngx_cycle_t *cycle);

/* NGX_OK, or NGX_ERROR: the disk is full or gone (logged, counted, and the
 * record kept in memory up to a bound until there is room again) */
ngx_int_t ngx_http_soma_journal_append(const soma_record_t *record);

typedef struct {
    uint64_t    appended;       /* records, this worker */
    uint64_t    shipped;
    uint64_t    dropped;        /* no room on disk and in memory */
    uint64_t    pending;        /* appended, not yet acknowledged, with those
                                   of adopted segments */
    uint64_t    adopted;        /* segments */
    const char *error;          /* NULL: fine */
} ngx_http_soma_journal_state_t;

void ngx_http_soma_journal_state(ngx_http_soma_journal_state_t *state);

/* sends the journal to Redis; to be called after journal and redis */
ngx_int_t ngx_http_soma_shipper_init_worker(ngx_cycle_t *cycle,
    ngx_http_soma_main_conf_t *smcf);


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

/* content handler of soma_metrics */
ngx_int_t ngx_http_soma_metrics_text_handler(ngx_http_request_t *r);


#endif /* NGX_HTTP_SOMA_SETTLE_H */
