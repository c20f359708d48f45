
/*
 * Copyright (C) The ngx_soma authors
 *
 * The system's time zones.  Each is read once, by the process that first
 * asks for it: mostly when the configuration is read, else one file of a few
 * kilobytes when a limit from Redis names it.
 */


#ifndef NGX_HTTP_SOMA_TZ_H
#define NGX_HTTP_SOMA_TZ_H


#include "ngx_http_soma.h"


#define NGX_HTTP_SOMA_TZ_DIR  "/usr/share/zoneinfo"
#define NGX_HTTP_SOMA_TZ_MAX  64        /* zones in use */


/* of that name, for ever; NULL: there is none, or too many are in use */
const soma_tz_t *ngx_http_soma_tz_find(soma_str_t name);

/* after soma_limit_list_parse(): NGX_OK, or NGX_ERROR with the name of the zone
 * that is not there */
ngx_int_t ngx_http_soma_tz_limits(soma_limit_t *limit, ngx_uint_t n,
    soma_str_t *bad);


#endif /* NGX_HTTP_SOMA_TZ_H */
