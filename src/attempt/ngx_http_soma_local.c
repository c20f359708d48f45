
/*
 * Copyright (C) The ngx_soma authors
 *
 * A target that has no endpoint: answered here, without a network.
 */


#include "ngx_http_soma_attempt.h"
#include "ngx_http_soma_settle.h"
#include "soma_local.h"


static void ngx_http_soma_local_answered(ngx_http_soma_ctx_t *ctx,
    soma_local_answer_t *answer);


ngx_int_t
ngx_http_soma_local(ngx_http_soma_ctx_t *ctx)
{
    int                   rc;
    soma_str_t            body;
    soma_local_answer_t  *answer;

    answer = ngx_pcalloc(ctx->request->pool, sizeof(soma_local_answer_t));

    if (answer == NULL || ngx_http_soma_body_whole(ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ctx->ask.bound > 0) {
        ctx->ask.max_tokens = ctx->ask.bound;
    }

    answer->client = ctx->client;
    answer->target = ctx->model->provider->dialect;
    answer->local.arena = &ctx->arena;
    answer->local.ask = &ctx->ask;
    answer->local.id = ngx_http_soma_str(ctx->id);
    answer->local.model = ctx->ask.model;
    answer->local.created = ctx->start / 1000;

    rc = soma_local_answer(answer, ctx->body);

    if (rc == SOMA_DECLINED) {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_BAD_REQUEST,
                                   "unsupported_endpoint",
                                   "the echo provider has no answer for this "
                                   "endpoint: ask another model");
    }

    if (rc != SOMA_OK) {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_BAD_REQUEST,
                                   "invalid_request", "%s",
                                   answer->error ? answer->error
                                                 : "no memory");
    }

    ngx_http_soma_local_answered(ctx, answer);

    if (soma_local_end(answer, ngx_http_soma_outcome_cost(ctx))
        != SOMA_OK
        || soma_pieces_whole(&answer->body, &body) != SOMA_OK)
    {
        ctx->reply.set = 0;
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->reply.body = ngx_http_soma_ngx(body);

    return NGX_OK;
}


/* settled before its end is written, which may tell what it costs */
static void
ngx_http_soma_local_answered(ngx_http_soma_ctx_t *ctx,
    soma_local_answer_t *answer)
{
    ctx->answer.usage = answer->usage;
    ctx->answer.stream = ctx->ask.stream;

    ctx->reply.status = NGX_HTTP_OK;
    ctx->reply.set = 1;

    if (ctx->ask.stream && ctx->client->stream_type) {
        ctx->reply.type = ngx_http_soma_ngx(ctx->client->stream_type(
                                                               &ctx->ask));

    } else if (ctx->ask.stream) {
        ngx_str_set(&ctx->reply.type, "text/event-stream");

    } else {
        ngx_str_set(&ctx->reply.type, "application/json");
    }

    ctx->answered = 1;
    ctx->complete = 1;
    ctx->status = NGX_HTTP_OK;
    ctx->first_token = 1;
    ctx->first_token_msec = ngx_current_msec - ctx->start_msec;

    ngx_http_soma_outcome_settle(ctx);
}
