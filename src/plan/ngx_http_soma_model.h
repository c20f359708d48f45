
/*
 * Copyright (C) The ngx_soma authors
 *
 * A soma_model as it was written, until its names are looked up.
 */


#ifndef NGX_HTTP_SOMA_MODEL_H
#define NGX_HTTP_SOMA_MODEL_H


#include "ngx_http_soma.h"


typedef struct {
    ngx_http_soma_model_t  model;       /* first: models are found by it */
    ngx_str_t              provider;
    ngx_str_t              api;         /* "chat", "responses", or empty */
    int64_t                input;       /* pico-USD a token */
    int64_t                output;
    int64_t                cached;
    int64_t                cache_write;
    int64_t                context;     /* tokens */
    int64_t                max_output;
    u_char                *file;
    ngx_uint_t             line;
} ngx_http_soma_model_conf_t;


/* finds the provider and the price */
ngx_int_t ngx_http_soma_model_init(ngx_conf_t *cf,
    ngx_http_soma_main_conf_t *smcf, ngx_http_soma_model_conf_t *mcf);

void ngx_http_soma_model_price(soma_price_t *price,
    ngx_http_soma_model_conf_t *mcf);


#endif /* NGX_HTTP_SOMA_MODEL_H */
