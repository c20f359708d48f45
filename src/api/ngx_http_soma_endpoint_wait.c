
/*
 * Copyright (C) The ngx_soma authors
 *
 * Endpoints that wait for Redis, by the one door there is.
 */


#include "ngx_http_soma_endpoint.h"


static void ngx_http_soma_endpoint_resume(ngx_http_soma_ctx_t *ctx,
    ngx_int_t rc);


ngx_int_t
ngx_http_soma_endpoint_wait(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    rc = ngx_http_soma_endpoint_sleep(r);

    if (rc != NGX_AGAIN) {
        return rc;
    }

    r->main->count++;

    return NGX_DONE;
}


ngx_int_t
ngx_http_soma_endpoint_sleep(ngx_http_request_t *r)
{
    return ngx_http_soma_wait(ngx_http_soma_get_ctx(r),
                              NGX_HTTP_SOMA_WAIT_ENDPOINT,
                              ngx_http_soma_endpoint_resume);
}


void
ngx_http_soma_endpoint_end(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_http_soma_wake(ngx_http_soma_get_ctx(r), rc);
}


static void
ngx_http_soma_endpoint_resume(ngx_http_soma_ctx_t *ctx, ngx_int_t rc)
{
    ngx_http_finalize_request(ctx->request, rc);
}
