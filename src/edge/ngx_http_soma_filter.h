
/*
 * Copyright (C) The ngx_soma authors
 *
 * What the client sees that no provider sent: our headers on every answer,
 * and in the place of nginx's error pages an error in the client's dialect.
 */


#ifndef NGX_HTTP_SOMA_FILTER_H
#define NGX_HTTP_SOMA_FILTER_H


#include "ngx_http_soma.h"


ngx_int_t ngx_http_soma_filter_init(ngx_conf_t *cf);

/* those whose names begin so, whoever set them */
void ngx_http_soma_filter_drop_headers(ngx_http_request_t *r,
    const char *prefix);

/* x-ratelimit-*: what is left of the limits of who asks
 * (ngx_http_soma_filter_rate.c) */
ngx_int_t ngx_http_soma_filter_rate_headers(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx);


#endif /* NGX_HTTP_SOMA_FILTER_H */
