
/*
 * Copyright (C) The ngx_soma authors
 *
 * The ledger as others see it: a journal that records go to, and the shipper
 * that takes them to Redis.
 */


#ifndef NGX_HTTP_SOMA_LEDGER_H
#define NGX_HTTP_SOMA_LEDGER_H


#include "ngx_http_soma.h"


/* may the journal live there?  makes the directory */
char *ngx_http_soma_journal_open_check(ngx_conf_t *cf,
    ngx_http_soma_ledger_conf_t *conf);

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


#endif /* NGX_HTTP_SOMA_LEDGER_H */
