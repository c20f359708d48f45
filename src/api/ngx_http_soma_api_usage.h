
/*
 * Copyright (C) The ngx_soma authors
 *
 * GET .../usage: what its parts share of a request.
 */


#ifndef NGX_HTTP_SOMA_API_USAGE_H
#define NGX_HTTP_SOMA_API_USAGE_H


#include "ngx_http_soma_endpoint.h"
#include "soma_lock.h"


typedef struct {
    ngx_http_soma_ctx_t  *ctx;
    soma_report_t         report;
    unsigned              by;
    int32_t               from;         /* days since 1970 */
    int32_t               to;
    soma_str_t            tenant;       /* as asked; "*": all */
    ngx_array_t           tenants;      /* soma_str_t, sorted */
    ngx_uint_t            limit;        /* tenants of this answer */
    soma_str_t            cursor;       /* the last one of the page before */
    soma_str_t            next;         /* the last one of this, if there are
                                           more */
    ngx_uint_t            sent;         /* hashes asked for */
    ngx_uint_t            got;
    const char           *note;
    unsigned              all:1;
    unsigned              paged:1;      /* limit or cursor was said */
    unsigned              local:1;
    unsigned              failed:1;     /* Redis is away, or refused */
    unsigned              full:1;       /* too many rows */
} ngx_http_soma_usage_state_t;


/* limit= and cursor=: NGX_OK, or 400 with the fault noted */
ngx_int_t ngx_http_soma_api_usage_page(ngx_http_request_t *r,
    ngx_http_soma_usage_state_t *st);

/* the tenants of tenant=*: asks the index, and then for their hashes */
ngx_int_t ngx_http_soma_api_usage_index(ngx_http_request_t *r,
    ngx_http_soma_usage_state_t *st);

/* asks for the hashes of st->tenants; returns what a handler does */
ngx_int_t ngx_http_soma_api_usage_ask(ngx_http_request_t *r,
    ngx_http_soma_usage_state_t *st);

/* this node's own numbers, when Redis has none */
ngx_int_t ngx_http_soma_api_usage_local(ngx_http_request_t *r,
    ngx_http_soma_usage_state_t *st);


#endif /* NGX_HTTP_SOMA_API_USAGE_H */
