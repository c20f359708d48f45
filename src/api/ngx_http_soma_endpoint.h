
/*
 * Copyright (C) The ngx_soma authors
 *
 * What the endpoints share.  Private to src/api.
 */


#ifndef NGX_HTTP_SOMA_ENDPOINT_H
#define NGX_HTTP_SOMA_ENDPOINT_H


#include "ngx_http_soma.h"
#include "ngx_http_soma_api.h"
#include "ngx_http_soma_metrics.h"
#include "ngx_http_soma_settle.h"
#include "ngx_http_soma_redis.h"
#include "ngx_http_soma_plan.h"
#include "soma_member.h"


#define NGX_HTTP_SOMA_ANSWER_MIN      8192
#define NGX_HTTP_SOMA_ANSWER_MAX      (32 * 1024 * 1024)

#define NGX_HTTP_SOMA_USAGE_DAYS_MAX  62        /* of one call */
#define NGX_HTTP_SOMA_USAGE_KEYS_MAX  62000     /* hashes read for one call */
#define NGX_HTTP_SOMA_USAGE_TENANTS   10000     /* of one call, not said */
#define NGX_HTTP_SOMA_USAGE_PAGE_MAX  1000      /* of limit= */
#define NGX_HTTP_SOMA_USAGE_BATCH     992       /* hashes asked for at once */

/* clients want a time; a gateway knows none that all its nodes would agree
 * on.  2026-01-01 */
#define NGX_HTTP_SOMA_MODEL_CREATED   1767225600

#define NGX_HTTP_SOMA_SCAN_MAX        1000      /* SCAN calls */
#define NGX_HTTP_SOMA_SCAN_COUNT      "5000"
#define NGX_HTTP_SOMA_LOCKS_SHOWN     1000


typedef void (*ngx_http_soma_write_pt)(soma_out_t *out, void *data);

/* an answer of any size: "write" is called again with more room until all of
 * it fits */
ngx_int_t ngx_http_soma_endpoint_answer(ngx_http_request_t *r,
    ngx_uint_t status, ngx_http_soma_write_pt write, void *data);

/* GET and HEAD: NGX_OK, else the fault's status */
ngx_int_t ngx_http_soma_endpoint_only_get(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx);

/* 405 with the header Allow; methods is a constant */
ngx_int_t ngx_http_soma_endpoint_method(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx, const char *methods);

/* are all arguments of the query among "names", words with blanks between?
 * NGX_OK, or 400 with the fault noted */
ngx_int_t ngx_http_soma_endpoint_args(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx, const char *names);

/* a query's value, unescaped in r->pool; NGX_DECLINED: not there, or empty */
ngx_int_t ngx_http_soma_endpoint_arg(ngx_http_request_t *r, const char *name,
    soma_str_t *value);

/*
 * A handler waits for Redis and returns what this does (NGX_DONE, a client
 * that leaves is noticed); then it ends with what a handler would return.
 * sleep: the same for who has counted the request already, NGX_AGAIN or an
 * HTTP status.
 */
ngx_int_t ngx_http_soma_endpoint_wait(ngx_http_request_t *r);
ngx_int_t ngx_http_soma_endpoint_sleep(ngx_http_request_t *r);
void ngx_http_soma_endpoint_end(ngx_http_request_t *r, ngx_int_t rc);

/* what a waiting endpoint remembers of its request: "size" zeroed bytes */
void *ngx_http_soma_endpoint_state_create(ngx_http_request_t *r, size_t size);
void *ngx_http_soma_endpoint_state(ngx_http_request_t *r);


/* a route whose providers all lack their keys answers nobody: 0 */
ngx_uint_t ngx_http_soma_models_usable(ngx_http_soma_route_t *route);

ngx_int_t ngx_http_soma_api_usage_handler(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx);
ngx_int_t ngx_http_soma_api_health_handler(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx);
ngx_int_t ngx_http_soma_api_health_ready(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx);
ngx_int_t ngx_http_soma_api_config_handler(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx);
ngx_int_t ngx_http_soma_api_locks_handler(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx);

/* .../keys and .../tenants, and what is below them */
ngx_uint_t ngx_http_soma_manage_is(ngx_http_request_t *r);
ngx_int_t ngx_http_soma_manage_handler(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx);


#endif /* NGX_HTTP_SOMA_ENDPOINT_H */
