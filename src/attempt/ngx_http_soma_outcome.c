
/*
 * Copyright (C) The ngx_soma authors
 *
 * How a request has ended, told to whoever settles it.
 */


#include "ngx_http_soma_attempt.h"
#include "ngx_http_soma_admit.h"
#include "ngx_http_soma_settle.h"


static void ngx_http_soma_outcome(ngx_http_soma_ctx_t *ctx,
    soma_outcome_t *outcome, ngx_uint_t complete);
static void ngx_http_soma_outcome_answer(ngx_http_soma_ctx_t *ctx,
    soma_outcome_t *outcome);
static ngx_uint_t ngx_http_soma_outcome_told(ngx_http_soma_ctx_t *ctx);
static ngx_uint_t ngx_http_soma_outcome_sent(ngx_http_soma_ctx_t *ctx);


void
ngx_http_soma_outcome_settle(ngx_http_soma_ctx_t *ctx)
{
    soma_outcome_t  outcome;

    if (ctx->settled) {
        return;
    }

    ngx_http_soma_outcome(ctx, &outcome, ctx->complete);
    ngx_http_soma_settle(ctx, &outcome);
}


int64_t
ngx_http_soma_outcome_cost(ngx_http_soma_ctx_t *ctx)
{
    soma_outcome_t  outcome;

    if (!ctx->conf->usage_cost || !ctx->model->price->known) {
        return -1;
    }

    if (!ctx->settled) {
        ngx_http_soma_outcome(ctx, &outcome, 1);
        ngx_http_soma_bill(ctx, &outcome);
    }

    return ctx->cost.total;
}


void
ngx_http_soma_outcome_failed(ngx_http_soma_ctx_t *ctx, ngx_uint_t status,
    ngx_uint_t lost, int64_t *used)
{
    soma_outcome_t  outcome;

    ngx_memzero(&outcome, sizeof(soma_outcome_t));

    outcome.status = (int) status;
    outcome.tried = 1;
    outcome.sent = ngx_http_soma_outcome_sent(ctx);
    outcome.lost = lost;

    ngx_http_soma_bill_failed(ctx, &outcome, used);
}


static void
ngx_http_soma_outcome(ngx_http_soma_ctx_t *ctx, soma_outcome_t *outcome,
    ngx_uint_t complete)
{
    ngx_memzero(outcome, sizeof(soma_outcome_t));

    outcome->told = (int) ngx_http_soma_outcome_told(ctx);
    outcome->tried = (ctx->attempts != 0);
    outcome->complete = complete;
    outcome->left = (ctx->left || ctx->request->connection->error
                     || outcome->told == NGX_HTTP_CLIENT_CLOSED_REQUEST);

    if (ctx->error.fault != SOMA_FAULT_NONE) {
        outcome->fault = ctx->error.code;
    }

    if (ctx->model != NULL && ctx->attempts != 0) {
        ngx_http_soma_outcome_answer(ctx, outcome);
    }
}


/* what costs time to count is counted where that decides */
static void
ngx_http_soma_outcome_answer(ngx_http_soma_ctx_t *ctx,
    soma_outcome_t *outcome)
{
    ngx_uint_t                exact;
    soma_answer_t            *answer;
    ngx_http_soma_attempt_t  *a;

    a = ctx->attempt;
    answer = &ctx->answer;

    outcome->status = ctx->answered ? (int) ctx->status : 0;
    outcome->usage = answer->usage;

    if (!answer->usage.known && a != NULL && a->told.known) {
        outcome->usage = a->told;
    }

    outcome->text_len = answer->text_len;
    outcome->sent = ngx_http_soma_outcome_sent(ctx);
    outcome->stream = answer->stream;
    outcome->metered = (ngx_http_soma_bound_written(ctx)
                        || ngx_http_soma_admit_made(ctx, ctx->model) != 0);
    outcome->reasons = ctx->model->price->reasons || answer->reasoned;
    outcome->finished = answer->finished;
    outcome->ended = answer->done;
    outcome->failed = answer->failed;
    outcome->cut = ctx->cut;
    outcome->silent = ctx->lease.silent;
    outcome->held = ctx->event_held;

    /* an endpoint of images makes no text, whether it says so or not */

    if (ctx->ask.work.images && outcome->usage.image_output_tokens == 0) {
        outcome->usage.image_output_tokens = outcome->usage.output_tokens;
    }

    if (soma_bill_basis(outcome) != SOMA_BILL_TEXT) {
        return;
    }

    exact = 0;

    outcome->counted = ctx->meter != NULL
                       ? ngx_http_soma_meter_output(ctx, &exact)
                       : soma_dialect_estimate_tokens(answer->text_len);
    outcome->exact = exact;
}


static ngx_uint_t
ngx_http_soma_outcome_told(ngx_http_soma_ctx_t *ctx)
{
    ngx_http_request_t  *r;

    r = ctx->request;

    if (ctx->status) {
        return ctx->status;
    }

    if (ctx->error.fault != SOMA_FAULT_NONE) {
        return soma_dialect_status(ctx->client, ctx->error.fault);
    }

    if (r->err_status) {
        return r->err_status;
    }

    if (r->headers_out.status) {
        return r->headers_out.status;
    }

    return NGX_HTTP_CLIENT_CLOSED_REQUEST;
}


/* the attempt under way has its request at the provider */
static ngx_uint_t
ngx_http_soma_outcome_sent(ngx_http_soma_ctx_t *ctx)
{
    ngx_http_upstream_t      *u;
    ngx_http_soma_attempt_t  *a;

    a = ctx->attempt;
    u = ctx->request->upstream;

    return a != NULL && u != NULL && u->input_filter_ctx == a && !a->over
           && u->request_body_sent;
}
