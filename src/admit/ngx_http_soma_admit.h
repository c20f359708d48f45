
/*
 * Copyright (C) The ngx_soma authors
 *
 * May it: the training lock, then the quotas of who asks.
 */


#ifndef NGX_HTTP_SOMA_ADMIT_H
#define NGX_HTTP_SOMA_ADMIT_H


#include "ngx_http_soma.h"
#include "ngx_http_soma_quota.h"


#define NGX_HTTP_SOMA_QUERIES     10      /* searches of one request that
                                             are reserved */
#define NGX_HTTP_SOMA_OUTPUT_MAX    4096    /* tokens, when nobody says */

/* less is no answer, and the least that OpenAI's /responses takes */
#define NGX_HTTP_SOMA_OUTPUT_MIN    16

#define NGX_HTTP_SOMA_OUTPUT_SLICE  256     /* tokens reserved at a time for
                                               an answer without a bound */
#define NGX_HTTP_SOMA_NEARLY_FULL   64      /* room for fewer requests of its
                                               size: prompts are counted */
#define NGX_HTTP_SOMA_LOWER_MAX     20      /* times that a reservation is
                                               lowered: hold's limits, races */


/*
 * Quotas of a request whose route is known, or of a service: reserves under
 * the limits of the tenant and of the key.  NGX_OK; NGX_AGAIN: it waits, for
 * leases or for its place in a line, and is to be called again by ctx->walk;
 * or an HTTP status with the fault noted.
 */
ngx_int_t ngx_http_soma_admit(ngx_http_soma_ctx_t *ctx);

/* what a request may cost at most with that model, and so many tokens of
 * answer */
void ngx_http_soma_admit_price_ask(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_model_t *model, int64_t output, soma_price_ask_t *ask);

/* tokens of an answer of images, speech or what was heard; 0: it is bounded,
 * or paid by the piece */
int64_t ngx_http_soma_admit_made(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_model_t *model);

/* what a request may use at most, for the limits of a model's provider;
 * model NULL: of the dearest in ctx->route */
void ngx_http_soma_admit_wants(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_model_t *model, int64_t *want);

/*
 * Of answers without a bound (ngx_http_soma_bound.c).
 *
 * Whether the model writes an answer whose tokens count: to all other requests
 * ngx_http_soma_admit_made() says what is made.
 */
ngx_uint_t ngx_http_soma_bound_written(ngx_http_soma_ctx_t *ctx);

/*
 * How many tokens all answers of that model to this request may have, as far
 * as it is reserved: ctx->cap is kept to.
 */
int64_t ngx_http_soma_bound_output(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_model_t *model);

/* soma_max_tokens require: NGX_OK, or 400 with the fault noted */
ngx_int_t ngx_http_soma_bound_check(ngx_http_soma_ctx_t *ctx);

/*
 * Reserves ngx_http_soma_admit_wants() of a model.  Where a limit of tokens or
 * cost refuses and the client left open how long an answer is, ctx->cap is
 * lowered to what the limit can still pay, but not below "least" tokens.
 * NGX_OK, NGX_BUSY, NGX_ERROR as ngx_http_soma_quota_reserve().
 */
ngx_int_t ngx_http_soma_bound_reserve(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_hold_t **hold, soma_str_t owner, ngx_array_t *limits,
    ngx_http_soma_model_t *model, int64_t least,
    ngx_http_soma_refusal_t *refusal);

/* what ctx->model is told of it in the body, 0: nothing */
int64_t ngx_http_soma_bound(ngx_http_soma_ctx_t *ctx);

/* tokens of output that are reserved with ctx->caller_hold and with
 * ctx->provider_hold, and the most that the provider was told of, by the
 * client or by us */
void ngx_http_soma_bound_reserved(ngx_http_soma_ctx_t *ctx, int64_t *reserved,
    int64_t *most);

/* notes the fault of a limit that refused; returns 429 */
ngx_int_t ngx_http_soma_admit_refused(ngx_http_soma_ctx_t *ctx,
    soma_limit_t *limit, soma_str_t owner, soma_verdict_t *verdict);

char *ngx_http_soma_tenant(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
ngx_int_t ngx_http_soma_tenant_init(ngx_conf_t *cf,
    ngx_http_soma_main_conf_t *smcf);


#endif /* NGX_HTTP_SOMA_ADMIT_H */
