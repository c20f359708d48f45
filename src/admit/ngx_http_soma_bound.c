
/*
 * Copyright (C) The ngx_soma authors
 *
 * How long an answer may be when the client did not say: as long as its
 * model can make it, as far as the limits can pay it.
 */


#include "ngx_http_soma_admit.h"
#include "ngx_http_soma_vocabulary.h"


static ngx_uint_t ngx_http_soma_bound_metered(ngx_array_t *limits);
static void ngx_http_soma_bound_costed(ngx_http_soma_ctx_t *ctx,
    ngx_array_t *limits);
static ngx_uint_t ngx_http_soma_bound_nearly_full(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_hold_t **hold, const int64_t *want);
static ngx_uint_t ngx_http_soma_bound_open(ngx_http_soma_ctx_t *ctx);
static int64_t ngx_http_soma_bound_fit(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_model_t *model, soma_amount_e amount, int64_t left);
static int64_t ngx_http_soma_bound_most(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_model_t *model);
static int64_t ngx_http_soma_model_max(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_model_t *model);


ngx_uint_t
ngx_http_soma_bound_written(ngx_http_soma_ctx_t *ctx)
{
    /* how long a compacted conversation is nobody can say beforehand */

    return ctx->client->bounds(ctx->ask.api) != NULL
           || ctx->ask.api == SOMA_API_COMPACT;
}


int64_t
ngx_http_soma_bound_output(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_model_t *model)
{
    int64_t  n;

    if (!ngx_http_soma_bound_written(ctx)) {
        return ngx_http_soma_admit_made(ctx, model);
    }

    n = ngx_http_soma_model_max(ctx, model);

    if (ctx->cap > 0 && n > ctx->cap) {
        n = ctx->cap;
    }

    return n * ctx->ask.n * ctx->ask.prompts;
}


/* of one answer, whatever the limits say */
static int64_t
ngx_http_soma_model_max(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_model_t *model)
{
    int64_t  n;

    n = model->price->max_output > 0 ? model->price->max_output
                                     : NGX_HTTP_SOMA_OUTPUT_MAX;

    if (ctx->ask.max_tokens >= 0) {
        n = ctx->ask.max_tokens;
    }

    if (ctx->conf->max_tokens == NGX_HTTP_SOMA_BOUND_TRUST) {
        n = ngx_min(n, NGX_HTTP_SOMA_OUTPUT_SLICE);
    }

    return n;
}


ngx_int_t
ngx_http_soma_bound_check(ngx_http_soma_ctx_t *ctx)
{
    const char  *names;

    if (ctx->conf->max_tokens != NGX_HTTP_SOMA_BOUND_REQUIRE
        || ctx->ask.max_tokens >= 0)
    {
        return NGX_OK;
    }

    names = ctx->client->bounds(ctx->ask.api);

    if (names == NULL) {
        return NGX_OK;
    }

    return ngx_http_soma_fault(ctx, SOMA_FAULT_BAD_REQUEST,
                               "missing_required_parameter",
                               "you must provide %s: how many tokens an "
                               "answer may have", names);
}


ngx_int_t
ngx_http_soma_bound_reserve(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_hold_t **hold, soma_str_t owner, ngx_array_t *limits,
    ngx_http_soma_model_t *model, int64_t least,
    ngx_http_soma_refusal_t *refusal)
{
    int64_t               cap, first, want[SOMA_AMOUNTS], none[SOMA_AMOUNTS];
    ngx_int_t             rc;
    ngx_uint_t            tries, metered;
    ngx_http_soma_rate_t  rate[SOMA_AMOUNTS];

    first = ctx->cap;
    ngx_memcpy(rate, ctx->rate, sizeof(rate));
    refusal->waits = 0;
    refusal->behind = 0;

    metered = ngx_http_soma_bound_metered(limits)
              && !soma_api_free(ctx->ask.api);

    if (hold == &ctx->caller_hold && metered) {
        ngx_http_soma_bound_costed(ctx, limits);
    }

    if (metered && ctx->input_bound == 0) {
        ngx_http_soma_vocabulary_bound(ctx);
    }

    if (metered && ngx_http_soma_vocabulary_nearly_full(owner)) {
        (void) ngx_http_soma_vocabulary_count(ctx);
    }

    for (tries = 0; ; tries++) {

        ngx_http_soma_admit_wants(ctx, model, want);

        /* who waits has the time to count: what many ask for at once by a
         * bound would be let to few of them, and withheld from the others */

        ctx->count_first = (metered && hold == &ctx->caller_hold
                            && !ctx->counted
                            && ctx->ask.api != SOMA_API_NONE);

        rc = ngx_http_soma_quota_reserve(ctx, hold, owner, limits, want, 0,
                                         refusal);

        if (rc == NGX_AGAIN && ctx->count_first) {
            (void) ngx_http_soma_vocabulary_count(ctx);
            continue;
        }

        if (rc == NGX_OK && metered
            && ngx_http_soma_bound_nearly_full(ctx, hold, want)
            && ngx_http_soma_vocabulary_count(ctx) == NGX_OK)
        {
            /* what a loose bound holds is withheld from others */

            ngx_memzero(none, sizeof(none));
            ngx_http_soma_quota_settle(ctx->main, hold, none);
            ngx_memcpy(ctx->rate, rate, sizeof(rate));
            continue;
        }

        if (rc != NGX_BUSY || tries == NGX_HTTP_SOMA_LOWER_MAX
            || refusal->behind || (ctx->cap > 0 && ctx->cap <= least)
            || (refusal->limit->amount != SOMA_TOKENS
                && refusal->limit->amount != SOMA_COST))
        {
            break;
        }

        /* an upper bound refuses nobody, where one can count */

        if (ngx_http_soma_vocabulary_count(ctx) == NGX_OK) {
            continue;
        }

        if (!ngx_http_soma_bound_open(ctx)) {
            break;
        }

        /* where not even the least fits, the refusal tells when it will */

        cap = ngx_http_soma_bound_fit(ctx, model, refusal->limit->amount,
                                      refusal->verdict.remaining);
        ctx->cap = ngx_max(cap, least);
    }

    if (rc == NGX_BUSY && refusal->waits) {

        /* when it is its turn more may be there than now */

        ctx->cap = first;
    }

    if (metered) {
        ctx->metered |= (rc == NGX_OK);

        ngx_http_soma_vocabulary_note(owner, rc == NGX_BUSY
                                         || ngx_http_soma_bound_nearly_full(ctx,
                                                                hold, want));
    }

    return rc;
}


/* whether few more such requests fit under the limits of who asks */
static ngx_uint_t
ngx_http_soma_bound_nearly_full(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_hold_t **hold, const int64_t *want)
{
    ngx_uint_t             i;
    ngx_http_soma_rate_t  *rate;

    for (i = SOMA_TOKENS; i <= SOMA_COST; i++) {
        rate = &ctx->rate[i];

        if (hold == &ctx->caller_hold && rate->limit != 0
            && rate->remaining / NGX_HTTP_SOMA_NEARLY_FULL < want[i])
        {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_soma_bound_metered(ngx_array_t *limits)
{
    ngx_uint_t     i;
    soma_limit_t  *limit;

    limit = limits->elts;

    for (i = 0; i < limits->nelts; i++) {
        if (limit[i].amount == SOMA_TOKENS || limit[i].amount == SOMA_COST) {
            return 1;
        }
    }

    return 0;
}


static void
ngx_http_soma_bound_costed(ngx_http_soma_ctx_t *ctx, ngx_array_t *limits)
{
    ngx_uint_t     i;
    soma_limit_t  *limit;

    limit = limits->elts;

    for (i = 0; i < limits->nelts; i++) {
        ctx->costed |= (limit[i].amount == SOMA_COST);
    }
}


/* what the client said itself is reserved whole, or refused */
static ngx_uint_t
ngx_http_soma_bound_open(ngx_http_soma_ctx_t *ctx)
{
    return ctx->client->bounds(ctx->ask.api) != NULL
           && (ctx->ask.max_tokens < 0
               || ctx->conf->max_tokens == NGX_HTTP_SOMA_BOUND_TRUST);
}


/* the longest answer that "left" pays; 0: not one token */
static int64_t
ngx_http_soma_bound_fit(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_model_t *model, soma_amount_e amount, int64_t left)
{
    int64_t  low, high, middle, want[SOMA_AMOUNTS];

    low = 0;
    high = ngx_http_soma_bound_most(ctx, model);

    while (low < high) {
        middle = low + (high - low + 1) / 2;

        ctx->cap = middle;
        ngx_http_soma_admit_wants(ctx, model, want);

        if (want[amount] <= left) {
            low = middle;

        } else {
            high = middle - 1;
        }
    }

    return low;
}


/* by the last refusal, that is one less than what was too much */
static int64_t
ngx_http_soma_bound_most(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_model_t *model)
{
    int64_t                  most;
    ngx_uint_t               i;
    ngx_http_soma_target_t  *target;

    if (ctx->cap > 0) {
        return ctx->cap - 1;
    }

    if (model != NULL) {
        return ngx_http_soma_model_max(ctx, model);
    }

    most = 0;
    target = ctx->route->targets.elts;

    for (i = 0; i < ctx->route->targets.nelts; i++) {
        most = ngx_max(most, ngx_http_soma_model_max(ctx, target[i].model));
    }

    return most;
}


int64_t
ngx_http_soma_bound(ngx_http_soma_ctx_t *ctx)
{
    int64_t  max;

    if (ctx->ask.max_tokens >= 0
        || ctx->conf->max_tokens == NGX_HTTP_SOMA_BOUND_TRUST
        || ctx->client->bounds(ctx->ask.api) == NULL)
    {
        return 0;
    }

    max = ctx->model->price->max_output;

    if (ctx->cap > 0 && (max <= 0 || ctx->cap < max)) {
        return ctx->cap;
    }

    if (max <= 0 && ctx->metered) {
        return NGX_HTTP_SOMA_OUTPUT_MAX;
    }

    return 0;
}


void
ngx_http_soma_bound_reserved(ngx_http_soma_ctx_t *ctx, int64_t *reserved,
    int64_t *most)
{
    int64_t  cap;

    reserved[1] = ngx_http_soma_bound_output(ctx, ctx->model);

    cap = ctx->cap;
    ctx->cap = ctx->caller_cap;
    reserved[0] = ngx_http_soma_bound_output(ctx, ctx->model);
    ctx->cap = cap;

    *most = ctx->ask.max_tokens;

    if (*most < 0) {
        *most = ctx->ask.bound;
    }

    if (*most <= 0) {
        *most = ctx->model->price->max_output;
    }

    *most = *most > 0 ? *most * ctx->ask.n * ctx->ask.prompts
                      : INT64_MAX;
}
