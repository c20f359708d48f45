
/*
 * Copyright (C) The ngx_soma authors
 *
 * Identifiers: cheap, unique over all workers and nodes, not secrets.
 */


#ifndef NGX_HTTP_SOMA_TRACE_H
#define NGX_HTTP_SOMA_TRACE_H


#include "ngx_http_soma.h"


#define NGX_HTTP_SOMA_TRACEPARENT  55       /* 00-<32 hex>-<16 hex>-01 */


/* "req_" and 32 hex digits */
ngx_int_t ngx_http_soma_trace_id(ngx_pool_t *pool, ngx_str_t *id);

/* a W3C trace context of our own; buf has NGX_HTTP_SOMA_TRACEPARENT bytes */
void ngx_http_soma_trace_parent(u_char *buf);

/* 64 random bits, for weights and jitter */
uint64_t ngx_http_soma_trace_random(void);


#endif /* NGX_HTTP_SOMA_TRACE_H */
