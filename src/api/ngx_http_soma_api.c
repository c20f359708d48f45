
/*
 * Copyright (C) The ngx_soma authors
 *
 * The handler of soma_api: which endpoint a path means, and what they share.
 */


#include "ngx_http_soma_endpoint.h"
#include "ngx_http_soma_lock.h"


typedef ngx_int_t (*ngx_http_soma_endpoint_pt)(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx);

typedef struct {
    ngx_str_t                   tail;
    ngx_http_soma_endpoint_pt   handler;
    const char                 *args;       /* of its query */
    unsigned                    open:1;     /* needs no key */
    unsigned                    free:1;     /* no limit holds for it */
} ngx_http_soma_endpoint_t;


static ngx_http_soma_endpoint_t *ngx_http_soma_endpoint(
    ngx_http_request_t *r);
static ngx_uint_t ngx_http_soma_is_training(ngx_http_request_t *r);
static ngx_int_t ngx_http_soma_live_handler(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx);


static ngx_http_soma_endpoint_t  ngx_http_soma_endpoints[] = {
    { ngx_string("/usage"), ngx_http_soma_api_usage_handler,
      "tenant day from to by limit cursor", 0, 0 },
    { ngx_string("/health"), ngx_http_soma_api_health_handler, "", 0, 1 },
    { ngx_string("/config"), ngx_http_soma_api_config_handler, "", 0, 1 },
    { ngx_string("/locks"), ngx_http_soma_api_locks_handler, "", 0, 0 },
    { ngx_string("/livez"), ngx_http_soma_live_handler, NULL, 1, 1 },
    { ngx_string("/readyz"), ngx_http_soma_api_health_ready, NULL, 1, 1 },
    { ngx_null_string, NULL, NULL, 0, 0 }
};


ngx_int_t
ngx_http_soma_api_handler(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_http_soma_ctx_t       *ctx;
    ngx_http_soma_endpoint_t  *endpoint;

    ctx = ngx_http_soma_get_ctx(r);

    if (ctx && ngx_http_soma_manage_is(r)) {
        return ngx_http_soma_manage_handler(r, ctx);
    }

    if (ctx && ngx_http_soma_is_training(r)) {
        return ngx_http_soma_lock_api_handler(r);
    }

    endpoint = ngx_http_soma_endpoint(r);

    if (ctx == NULL && (endpoint == NULL || !endpoint->open)) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (endpoint == NULL) {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_NOT_FOUND,
                                   "unknown_endpoint",
                                   "there is no \"%V\" here, but usage, "
                                   "health, config, limits, locks, keys, "
                                   "tenants, "
                                   "livez, readyz, "
                                   "training/enable, training/disable and "
                                   "training/status/<tenant>", &r->uri);
    }

    rc = ngx_http_soma_endpoint_only_get(r, ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    if (endpoint->args) {
        rc = ngx_http_soma_endpoint_args(r, ctx, endpoint->args);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    return endpoint->handler(r, ctx);
}


/* who may not ask for more may not have Redis asked either; what this node
 * answers from its memory may always be read */
ngx_uint_t
ngx_http_soma_api_limited(ngx_http_request_t *r)
{
    ngx_http_soma_endpoint_t  *endpoint;

    if (ngx_http_soma_manage_is(r) || ngx_http_soma_is_training(r)) {
        return 1;
    }

    endpoint = ngx_http_soma_endpoint(r);

    return endpoint == NULL || !endpoint->free;
}


ngx_uint_t
ngx_http_soma_api_open(ngx_http_request_t *r)
{
    ngx_http_soma_endpoint_t  *endpoint;

    if (ngx_http_soma_manage_is(r) || ngx_http_soma_is_training(r)) {
        return 0;
    }

    endpoint = ngx_http_soma_endpoint(r);

    return endpoint && endpoint->open;
}


/* a location may stand anywhere: the last word of the path tells */

static ngx_http_soma_endpoint_t *
ngx_http_soma_endpoint(ngx_http_request_t *r)
{
    ngx_http_soma_endpoint_t  *endpoint;

    for (endpoint = ngx_http_soma_endpoints; endpoint->handler; endpoint++) {

        if (r->uri.len >= endpoint->tail.len
            && ngx_memcmp(r->uri.data + r->uri.len - endpoint->tail.len,
                          endpoint->tail.data, endpoint->tail.len) == 0)
        {
            return endpoint;
        }
    }

    return NULL;
}


/* asked first: a tenant may be called "usage" */

static ngx_uint_t
ngx_http_soma_is_training(ngx_http_request_t *r)
{
    return r->uri.len > sizeof("/training/") - 1
           && ngx_strlcasestrn(r->uri.data, r->uri.data + r->uri.len,
                               (u_char *) "/training/",
                               sizeof("/training/") - 2)
              != NULL;
}


static ngx_int_t
ngx_http_soma_live_handler(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx)
{
    static ngx_str_t  ok = ngx_string("ok\n");

    (void) ctx;

    return ngx_http_soma_send(r, NGX_HTTP_OK, "text/plain", &ok);
}
