
/*
 * Copyright (C) The ngx_soma authors
 *
 * The bill of a request, from how it ended and from what was reserved for it.
 * soma_bill.c decides which of them is due.
 */


#include "ngx_http_soma_settle.h"
#include "ngx_http_soma_admit.h"
#include "ngx_http_soma_vocabulary.h"


struct ngx_http_soma_doubt_s {
    ngx_http_soma_model_t  *model;
    soma_usage_t            usage;
    soma_cost_t             cost;
};


static void ngx_http_soma_bill_pieces(ngx_http_soma_ctx_t *ctx,
    soma_reservation_t *reserved);
static void ngx_http_soma_bill_tokens(ngx_http_soma_ctx_t *ctx,
    soma_reservation_t *reserved);
static int64_t ngx_http_soma_bill_prompt(ngx_http_soma_ctx_t *ctx);
static int64_t ngx_http_soma_bill_output(ngx_http_soma_ctx_t *ctx);


void
ngx_http_soma_bill(ngx_http_soma_ctx_t *ctx, const soma_outcome_t *outcome)
{
    soma_reservation_t      reserved;
    ngx_http_soma_doubt_t  *doubt;

    doubt = ctx->bill.doubt;

    if (soma_api_free(ctx->ask.api)) {

        /* the usage of a stored response was paid when it was made */

        ngx_memzero(&ctx->usage, sizeof(soma_usage_t));
        ctx->usage.known = 1;
        return;
    }

    if (outcome->status == 0 && doubt != NULL) {

        /* none came after it, or none that could be tried */

        ctx->model = doubt->model;
        ctx->usage = doubt->usage;
        ctx->cost = doubt->cost;

    } else {
        ngx_memzero(&reserved, sizeof(soma_reservation_t));

        ngx_http_soma_bill_pieces(ctx, &reserved);

        switch (soma_bill_basis(outcome)) {

        case SOMA_BILL_TEXT:

            if (!outcome->usage.known) {
                reserved.input_tokens = ngx_http_soma_bill_prompt(ctx);
            }

            break;

        case SOMA_BILL_RESERVED:
            ngx_http_soma_bill_tokens(ctx, &reserved);
            break;

        default:
            break;
        }

        ngx_log_debug1(NGX_LOG_DEBUG_HTTP, ctx->request->connection->log, 0,
                       "soma bill: %s", soma_bill_rule(outcome));

        soma_bill(outcome, &reserved, &ctx->usage);
        soma_price_cost(ctx->model->price, &ctx->usage, &ctx->cost);
    }

    ctx->cost.retried = ctx->bill.retried_cost;
    ctx->cost.total += ctx->bill.retried_cost;
}


/* what is billed by the piece and stands in the request, not in the answer */
static void
ngx_http_soma_bill_pieces(ngx_http_soma_ctx_t *ctx,
    soma_reservation_t *reserved)
{
    soma_price_ask_t  ask;

    ngx_http_soma_admit_price_ask(ctx, ctx->model, 0, &ask);

    reserved->tier = ctx->ask.tier;
    reserved->images = ask.images;
    reserved->image_pico = ask.image_pico;
    reserved->characters = ask.characters;
    reserved->audio_ms = ask.audio_ms;
}


/* what a limit would reserve, whether one was asked or not */
static void
ngx_http_soma_bill_tokens(ngx_http_soma_ctx_t *ctx,
    soma_reservation_t *reserved)
{
    reserved->input_tokens = ngx_http_soma_bill_prompt(ctx);
    reserved->output_tokens = ngx_http_soma_bill_output(ctx);
}


/* counted or estimated, once, however often a stream asks what it has come
 * to; never more than was reserved for it */
static int64_t
ngx_http_soma_bill_prompt(ngx_http_soma_ctx_t *ctx)
{
    if (ctx->bill.prompt == 0) {
        ctx->bill.prompt = ngx_http_soma_vocabulary_estimate(ctx);
    }

    if (ctx->ask.window || ctx->ask.before) {

        /* what the provider read beside the body nobody here has seen */

        return ngx_max(ctx->bill.prompt + ctx->ask.before, ctx->input_bound);
    }

    return ctx->input_bound ? ngx_min(ctx->bill.prompt, ctx->input_bound)
                            : ctx->bill.prompt;
}


/* all that the provider was told it may make, or that its model can */
static int64_t
ngx_http_soma_bill_output(ngx_http_soma_ctx_t *ctx)
{
    int64_t  n;

    if (!ngx_http_soma_bound_written(ctx)) {
        return ngx_http_soma_admit_made(ctx, ctx->model);
    }

    n = ctx->ask.max_tokens;

    if (n < 0) {
        n = ctx->ask.bound;
    }

    if (n <= 0) {
        n = ctx->model->price->max_output;
    }

    if (n <= 0) {
        n = NGX_HTTP_SOMA_OUTPUT_MAX;
    }

    return n * ctx->ask.n * ctx->ask.prompts;
}


void
ngx_http_soma_bill_failed(ngx_http_soma_ctx_t *ctx,
    const soma_outcome_t *outcome, int64_t *used)
{
    soma_reservation_t      reserved;
    ngx_http_soma_doubt_t  *doubt;

    if (!soma_bill_doubt(outcome)) {
        return;
    }

    doubt = ngx_pcalloc(ctx->request->pool, sizeof(ngx_http_soma_doubt_t));
    if (doubt == NULL) {
        return;
    }

    ngx_memzero(&reserved, sizeof(soma_reservation_t));

    ngx_http_soma_bill_pieces(ctx, &reserved);
    ngx_http_soma_bill_tokens(ctx, &reserved);

    /* the next target may read the prompt in another way */

    ctx->bill.prompt = 0;

    doubt->model = ctx->model;
    soma_bill_reserved(&reserved, &doubt->usage);
    soma_price_cost(ctx->model->price, &doubt->usage, &doubt->cost);

    used[SOMA_TOKENS] = doubt->usage.input_tokens
                        + doubt->usage.output_tokens;
    used[SOMA_COST] = doubt->cost.total;

    ctx->bill.doubt = doubt;
}


void
ngx_http_soma_bill_retried(ngx_http_soma_ctx_t *ctx)
{
    ngx_http_soma_doubt_t  *doubt;

    doubt = ctx->bill.doubt;

    if (doubt == NULL) {
        return;
    }

    ctx->bill.retried_tokens += doubt->usage.input_tokens
                           + doubt->usage.output_tokens;
    ctx->bill.retried_cost += doubt->cost.total;
    ctx->bill.doubt = NULL;
}
