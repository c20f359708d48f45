
/*
 * Copyright (C) The ngx_soma authors
 *
 * A model without a price under a limit of cost: nobody could say what is
 * left of the limit, so that it is not asked, unless soma_unpriced allows it.
 */


#include "ngx_http_soma_plan.h"


ngx_uint_t
ngx_http_soma_unpriced_target(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_model_t *model)
{
    ngx_uint_t     i;
    soma_limit_t  *limit;

    if (!model->free || ctx->conf->unpriced == NGX_HTTP_SOMA_UNPRICED_ALLOW) {
        return 0;
    }

    if (ctx->costed) {
        return 1;
    }

    limit = model->provider->limits.elts;

    for (i = 0; i < model->provider->limits.nelts; i++) {
        if (limit[i].amount == SOMA_COST) {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_http_soma_unpriced_refuse(ngx_http_soma_ctx_t *ctx)
{
    return ngx_http_soma_fault(ctx, SOMA_FAULT_BAD_REQUEST, "model_unpriced",
                               "model \"%V\" has no price, and a limit of "
                               "cost concerns this request: ask another "
                               "model, or have it priced by input= and "
                               "output= of soma_model", &ctx->route->name);
}
