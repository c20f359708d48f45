
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
static ngx_int_t ngx_http_soma_allow(ngx_http_request_t *r,
    const char *methods);
static void ngx_http_soma_state_cleanup(void *data);


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


ngx_int_t
ngx_http_soma_endpoint_args(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx,
    const char *names)
{
    u_char      *p, *end, *last, *eq;
    soma_str_t   arg, list, word;

    if (r->args.len == 0) {
        return NGX_OK;
    }

    p = r->args.data;
    end = p + r->args.len;

    for ( /* void */ ; p < end; p = last + 1) {

        last = ngx_strlchr(p, end, '&');
        last = last ? last : end;
        eq = ngx_strlchr(p, last, '=');

        arg.data = p;
        arg.len = (size_t) ((eq ? eq : last) - p);

        if (arg.len == 0) {
            continue;
        }

        list.data = (u_char *) (uintptr_t) names;
        list.len = ngx_strlen(names);

        do {
            if (!soma_str_word(&list, &word)) {
                return ngx_http_soma_fault(ctx, SOMA_FAULT_BAD_REQUEST,
                                           "unknown_argument",
                                           "there is no argument \"%*s\" "
                                           "here: allowed %s%s",
                                           ngx_min(arg.len, 64), arg.data,
                                           names[0] ? "are " : "is ",
                                           names[0] ? names : "none");
            }
        } while (!soma_str_eq(arg, word));
    }

    return NGX_OK;
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


ngx_int_t
ngx_http_soma_endpoint_only_get(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx)
{
    if (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)) {
        return NGX_OK;
    }

    if (ctx == NULL) {
        return ngx_http_soma_allow(r, "GET, HEAD") == NGX_OK
               ? NGX_HTTP_NOT_ALLOWED : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_soma_endpoint_method(r, ctx, "GET, HEAD");
}


ngx_int_t
ngx_http_soma_endpoint_method(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx,
    const char *methods)
{
    if (ngx_http_soma_allow(r, methods) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_soma_fault(ctx, SOMA_FAULT_METHOD, "method_not_allowed",
                               "\"%V\" takes %s, not %V", &r->uri, methods,
                               &r->method_name);
}


static ngx_int_t
ngx_http_soma_allow(ngx_http_request_t *r, const char *methods)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->hash = 1;
    ngx_str_set(&h->key, "Allow");
    h->value.data = (u_char *) methods;
    h->value.len = ngx_strlen(methods);

    return NGX_OK;
}


ngx_int_t
ngx_http_soma_endpoint_answer(ngx_http_request_t *r, ngx_uint_t status,
    ngx_http_soma_write_pt write, void *data)
{
    u_char      *buf;
    size_t       size;
    ngx_str_t    body;
    soma_out_t   out;

    size = NGX_HTTP_SOMA_ANSWER_MIN;

    do {
        buf = ngx_palloc(r->pool, size);
        if (buf == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        soma_put_init(&out, buf, size);
        write(&out, data);

        if (!out.full) {
            body.data = buf;
            body.len = out.pos - out.start;

            return ngx_http_soma_send(r, status, "application/json", &body);
        }

        ngx_pfree(r->pool, buf);
        size *= 2;

    } while (size <= NGX_HTTP_SOMA_ANSWER_MAX);

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "soma: an answer passes %uz bytes",
                  (size_t) NGX_HTTP_SOMA_ANSWER_MAX);

    return NGX_HTTP_INTERNAL_SERVER_ERROR;
}


ngx_int_t
ngx_http_soma_endpoint_arg(ngx_http_request_t *r, const char *name,
    soma_str_t *value)
{
    u_char     *p, *s;
    ngx_str_t   raw;

    if (ngx_http_arg(r, (u_char *) name, ngx_strlen(name), &raw) != NGX_OK
        || raw.len == 0)
    {
        return NGX_DECLINED;
    }

    p = ngx_pnalloc(r->pool, raw.len);
    if (p == NULL) {
        return NGX_DECLINED;
    }

    value->data = p;
    s = raw.data;

    ngx_unescape_uri(&p, &s, raw.len, 0);

    value->len = p - value->data;

    return NGX_OK;
}


/* the module's one context is the steps': a cleanup that cleans nothing is
 * the other place a request keeps for us */

void *
ngx_http_soma_endpoint_state_create(ngx_http_request_t *r, size_t size)
{
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(r->pool, size);
    if (cln == NULL) {
        return NULL;
    }

    ngx_memzero(cln->data, size);

    cln->handler = ngx_http_soma_state_cleanup;

    return cln->data;
}


void *
ngx_http_soma_endpoint_state(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t  *cln;

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_soma_state_cleanup) {
            return cln->data;
        }
    }

    return NULL;
}


static void
ngx_http_soma_state_cleanup(void *data)
{
    (void) data;
}
