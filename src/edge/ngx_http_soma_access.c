
/*
 * Copyright (C) The ngx_soma authors
 *
 * The access phase of every location of ours.
 */


#include "ngx_http_soma_walk.h"
#include "ngx_http_soma_api.h"
#include "ngx_http_soma_cors.h"
#include "ngx_http_soma_identify.h"


static ngx_int_t ngx_http_soma_page_check(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx);


ngx_int_t
ngx_http_soma_access_handler(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_http_soma_ctx_t       *ctx;
    ngx_http_soma_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_soma_module);

    if (!(slcf->pass || slcf->access || slcf->api) || r != r->main) {
        return NGX_DECLINED;
    }

    if (slcf->api && ngx_http_soma_api_open(r)) {
        return NGX_DECLINED;
    }

    if (slcf->cors && ngx_http_soma_cors_preflight(r) != NGX_DECLINED) {
        return NGX_HTTP_NO_CONTENT;
    }

    ctx = ngx_http_soma_get_ctx(r);

    if (ctx == NULL) {
        ctx = ngx_http_soma_walk_begin(r);

        if (ctx == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    if (r->error_page && ctx->error.fault != SOMA_FAULT_NONE) {
        return ngx_http_soma_page_check(r, ctx);
    }

    if (ngx_http_soma_waits(ctx)) {
        return NGX_AGAIN;
    }

    rc = ngx_http_soma_walk_enter(ctx);

    /* what comes next may be a page of another service */

    if (ctx->identified && !ctx->key.stripped && rc != NGX_AGAIN
        && !slcf->pass_key && (slcf->access || slcf->error_page)
        && ngx_http_soma_credential_strip(r, ctx) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return (rc == NGX_OK) ? NGX_DECLINED : rc;
}


/*
 * The page for a fault of ours, in a location of ours again.  Another way of
 * serving who was let in is welcome there; a refusal stays one: only a file
 * that the configuration names may say it in other words.
 */
static ngx_int_t
ngx_http_soma_page_check(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx)
{
    ngx_http_core_loc_conf_t  *clcf;

    if (ctx->admitted
        && soma_dialect_fault_status(ctx->error.fault)
           >= NGX_HTTP_INTERNAL_SERVER_ERROR)
    {
        return NGX_DECLINED;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (r->content_handler == NULL && clcf->handler == NULL && !clcf->named
        && !ctx->conf->page_varies)
    {
        ctx->edge.page = r->err_status;
        return NGX_DECLINED;
    }

    return soma_dialect_fault_status(ctx->error.fault);
}
