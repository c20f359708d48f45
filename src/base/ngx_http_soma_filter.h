
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


#endif /* NGX_HTTP_SOMA_FILTER_H */
