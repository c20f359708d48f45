
/*
 * Copyright (C) The ngx_soma authors
 *
 * What did it cost: usage -> cost -> unused reservation back -> one record
 * -> the ledger and metrics, whose headers come with this one.
 */


#ifndef NGX_HTTP_SOMA_SETTLE_H
#define NGX_HTTP_SOMA_SETTLE_H


#include "ngx_http_soma.h"
#include "ngx_http_soma_ledger.h"
#include "ngx_http_soma_metrics.h"
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


#endif /* NGX_HTTP_SOMA_SETTLE_H */
