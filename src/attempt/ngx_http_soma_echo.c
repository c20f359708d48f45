
/*
 * Copyright (C) The ngx_soma authors
 *
 * The echo provider as a target: answered here, without a network.
 */


#include "ngx_http_soma_attempt.h"
#include "ngx_http_soma_settle.h"
#include "soma_echo.h"
#include "soma_usage_cost.h"


static void ngx_http_soma_echo_priced(ngx_http_soma_ctx_t *ctx,
    soma_str_t usage);


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

    if (ctx->conf->usage_cost && ctx->ask.stream && echo.usage.len) {
        ngx_http_soma_echo_priced(ctx, echo.usage);
    }

    return NGX_OK;
}


/* the usage of a stream is told what it costs */
static void
ngx_http_soma_echo_priced(ngx_http_soma_ctx_t *ctx, soma_str_t usage)
{
    u_char            *p, *start, buf[SOMA_USAGE_COST_MAX];
    int64_t            cost;
    ngx_str_t         *body;
    soma_json_edit_t   edit;
    soma_sse_event_t   all;

    body = &ctx->reply.body;
    cost = ngx_http_soma_settle_usage_cost(ctx);

    ngx_memzero(&all, sizeof(soma_sse_event_t));
    all.raw = ngx_http_soma_str(*body);

    if (cost < 0 || soma_usage_cost(&all, usage, cost, buf, &edit) != SOMA_OK)
    {
        return;
    }

    start = ngx_pnalloc(ctx->request->pool, body->len + edit.text.len);
    if (start == NULL) {
        return;
    }

    p = ngx_cpymem(start, body->data, edit.start);
    p = ngx_cpymem(p, edit.text.data, edit.text.len);
    p = ngx_cpymem(p, body->data + edit.end, body->len - edit.end);

    body->data = start;
    body->len = p - start;
}
