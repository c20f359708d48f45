
/*
 * Copyright (C) The ngx_soma authors
 *
 * soma_cors: pages of other origins.
 */


#ifndef NGX_HTTP_SOMA_CORS_H
#define NGX_HTTP_SOMA_CORS_H


#include "ngx_http_soma.h"


#define NGX_HTTP_SOMA_CORS_HEADERS_MAX  2048    /* bytes of their names */


/* 204 for a preflight, else NGX_DECLINED; where soma_cors is on */
ngx_int_t ngx_http_soma_cors_preflight(ngx_http_request_t *r);

/* the header filter, before all others of ours */
ngx_int_t ngx_http_soma_cors_init(ngx_conf_t *cf);

char *ngx_http_soma_cors(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


#endif /* NGX_HTTP_SOMA_CORS_H */
