
/*
 * Copyright (C) The ngx_soma authors
 *
 * Endpoints for operators, dashboards and clients.
 */


#ifndef NGX_HTTP_SOMA_API_H
#define NGX_HTTP_SOMA_API_H


#include "ngx_http_soma.h"


/* content handler of soma_api: by the tail of the path usage, health,
 * config, locks, keys..., tenants..., training/..., livez, readyz */
ngx_int_t ngx_http_soma_api_handler(ngx_http_request_t *r);

/* 1: livez and readyz, which nobody needs a key for */
ngx_uint_t ngx_http_soma_api_open(ngx_http_request_t *r);

/* 1: limits of requests hold for it */
ngx_uint_t ngx_http_soma_api_limited(ngx_http_request_t *r);

/* content handler of soma_metrics */
ngx_int_t ngx_http_soma_metrics_text_handler(ngx_http_request_t *r);

/* GET /v1/models: what this key may use */
ngx_int_t ngx_http_soma_models_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_soma_models_ollama_handler(ngx_http_request_t *r);


#endif /* NGX_HTTP_SOMA_API_H */
