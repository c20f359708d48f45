
/*
 * Copyright (C) The ngx_soma authors
 *
 * A client's request in the inner form, for who has to look into it: the plan,
 * and what is written for a target of another dialect.
 */


#ifndef NGX_HTTP_SOMA_INNER_H
#define NGX_HTTP_SOMA_INNER_H


#include "ngx_http_soma.h"


/* into ctx->inner, once a request: NGX_OK; NGX_DECLINED, and a constant clause
 * that says why it cannot be read; NGX_ERROR: no memory */
ngx_int_t ngx_http_soma_inner(ngx_http_soma_ctx_t *ctx, const char **error);

/* what keeps signatures for this client, for the request's life */
ngx_int_t ngx_http_soma_seals_store(ngx_http_soma_ctx_t *ctx,
    const soma_seal_store_t **store);


#endif /* NGX_HTTP_SOMA_INNER_H */
