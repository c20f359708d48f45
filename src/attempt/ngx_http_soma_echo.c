
/*
 * Copyright (C) The ngx_soma authors
 *
 * The echo provider as a target: answered here, without a network.
 */


#include "ngx_http_soma_attempt.h"
#include "ngx_http_soma_settle.h"
#include "soma_echo.h"


ngx_int_t
ngx_http_soma_echo(ngx_http_soma_ctx_t *ctx)
{
    int           rc;
    soma_str_t    out;
    const char   *error;
    soma_echo_t   echo;

    if (ngx_http_soma_body_whole(ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ctx->ask.bound > 0) {
        ctx->ask.max_tokens = ctx->ask.bound;
    }

    ngx_memzero(&echo, sizeof(soma_echo_t));

    echo.ask = &ctx->ask;
    echo.body = ctx->body;
    echo.model = ctx->ask.model;
    echo.id = ngx_http_soma_str(ctx->id);
    echo.created = ctx->start / 1000;

    error = "no memory";

    rc = soma_echo_answer(&echo, &ctx->arena, &out, &ctx->answer.usage,
                          &error);

    if (rc == SOMA_DECLINED) {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_BAD_REQUEST,
                                   "unsupported_endpoint",
                                   "the echo provider has no answer for this "
                                   "endpoint: ask another model");
    }

    if (rc != SOMA_OK) {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_BAD_REQUEST,
                                   "invalid_request", "%s", error);
    }

    ctx->reply.status = NGX_HTTP_OK;
    ctx->reply.body = ngx_http_soma_ngx(out);
    ctx->reply.set = 1;

    if (ctx->ask.stream) {
        ngx_str_set(&ctx->reply.type, "text/event-stream");

    } else {
        ngx_str_set(&ctx->reply.type, "application/json");
    }

    ctx->answer.stream = ctx->ask.stream;
    ctx->answered = 1;
    ctx->complete = 1;
    ctx->status = NGX_HTTP_OK;
    ctx->first_token = 1;
    ctx->first_token_msec = ngx_current_msec - ctx->start_msec;

    ngx_http_soma_settle(ctx);

    return NGX_OK;
}
