
/*
 * Copyright (C) The ngx_soma authors
 *
 * Training locks: the check every request passes, and the three endpoints.
 */


#ifndef NGX_HTTP_SOMA_LOCK_H
#define NGX_HTTP_SOMA_LOCK_H


#include "ngx_http_soma.h"


#define NGX_HTTP_SOMA_LOCK_FRESH  30000     /* ms a cached answer is good */


/*
 * What this node knows of the tenant's lock without asking: NGX_OK or an HTTP
 * status as below; NGX_DECLINED: nothing.
 */
ngx_int_t ngx_http_soma_lock_known(ngx_http_soma_ctx_t *ctx);

/*
 * NGX_OK: not locked (ctx->unlocked is set).  NGX_AGAIN: Redis is asked, and
 * ctx->walk goes on when it has answered.  Else an HTTP status with the
 * fault noted: 423, or 503 when Redis is away and soma_on_redis_down deny.
 */
ngx_int_t ngx_http_soma_lock_check(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx);

/* content handlers: POST .../training/enable, .../disable,
 * GET .../training/status/<tenant>; the caller has identified */
ngx_int_t ngx_http_soma_lock_api_handler(ngx_http_request_t *r);

/* locks made while Redis was away are written through */
ngx_int_t ngx_http_soma_lock_init_worker(ngx_cycle_t *cycle,
    ngx_http_soma_main_conf_t *smcf);


#endif /* NGX_HTTP_SOMA_LOCK_H */
