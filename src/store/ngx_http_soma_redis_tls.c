
/*
 * Copyright (C) The ngx_soma authors
 *
 * TLS to Redis, which hiredis offers from 1.0 on.
 */


#include "ngx_http_soma_redis_link.h"


char *
ngx_http_soma_redis_tls_conf(ngx_conf_t *cf,
    ngx_http_soma_redis_conf_t *redis, ngx_http_soma_redis_files_t *files)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "soma_redis: rediss:// needs hiredis 1.0 or newer, "
                       "this module was built with %d.%d.%d",
                       HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
    return NGX_CONF_ERROR;
}


ngx_int_t
ngx_http_soma_redis_tls_start(ngx_http_soma_link_t *link)
{
    return NGX_ERROR;
}
