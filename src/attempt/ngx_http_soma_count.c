
/*
 * Copyright (C) The ngx_soma authors
 *
 * How many tokens a prompt has.  A provider that speaks the client's dialect
 * is asked; for any other the gateway counts itself, as it does for limits,
 * and says so in a header.
 */


#include "ngx_http_soma_attempt.h"
#include "ngx_http_soma_settle.h"
#include "ngx_http_soma_vocabulary.h"


#define NGX_HTTP_SOMA_COUNT_MAX  256        /* bytes of an answer */


static ngx_uint_t ngx_http_soma_count_asked(ngx_http_soma_ctx_t *ctx);


ngx_int_t
ngx_http_soma_count(ngx_http_soma_ctx_t *ctx)
{
    u_char                  *p;
    soma_out_t               out;
    ngx_http_soma_target_t  *target;

    static const ngx_str_t  name = ngx_string("x-soma-counted");

    if (ctx->ask.api != SOMA_API_COUNT || ctx->client->count == NULL
        || ctx->plan.n == 0 || ngx_http_soma_count_asked(ctx))
    {
        return NGX_OK;
    }

    p = ngx_pnalloc(ctx->request->pool, NGX_HTTP_SOMA_COUNT_MAX);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    target = ctx->route->targets.elts;
    ctx->model = target[ctx->plan.order[0]].model;

    soma_put_init(&out, p, NGX_HTTP_SOMA_COUNT_MAX);
    ctx->client->count(&out, &ctx->ask,
                       ngx_http_soma_vocabulary_estimate(ctx));

    ctx->reply.status = NGX_HTTP_OK;
    ctx->reply.set = 1;
    ngx_str_set(&ctx->reply.type, "application/json");
    ctx->reply.body.data = out.start;
    ctx->reply.body.len = out.pos - out.start;

    ctx->answered = 1;
    ctx->complete = 1;
    ctx->status = NGX_HTTP_OK;

    ngx_http_soma_outcome_settle(ctx);

    return ngx_http_soma_add_header(ctx->request, &name, (u_char *) "gateway",
                                    7)
           == NGX_OK ? NGX_DONE : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


/* whether somebody in the plan can be asked in the client's own words */
static ngx_uint_t
ngx_http_soma_count_asked(ngx_http_soma_ctx_t *ctx)
{
    ngx_uint_t               i;
    ngx_http_soma_model_t   *model;
    ngx_http_soma_target_t  *target;

    target = ctx->route->targets.elts;

    for (i = 0; i < ctx->plan.n; i++) {
        model = target[ctx->plan.order[i]].model;

        if (model->dialect->local == NULL
            && soma_dialect_same(ctx->client, model->dialect, ctx->ask.api))
        {
            return 1;
        }
    }

    return 0;
}
