
/*
 * Copyright (C) The ngx_soma authors
 *
 * A request to the endpoints of training locks.
 */


#ifndef NGX_HTTP_SOMA_LOCK_API_H
#define NGX_HTTP_SOMA_LOCK_API_H


#include "ngx_http_soma_cache.h"
#include "ngx_http_soma_endpoint.h"
#include "ngx_http_soma_lock_redis.h"
#include "ngx_http_soma_lock_table.h"


typedef enum {
    NGX_HTTP_SOMA_TRAINING_ENABLE = 0,
    NGX_HTTP_SOMA_TRAINING_DISABLE,
    NGX_HTTP_SOMA_TRAINING_STATUS
} ngx_http_soma_training_e;


/* what the request asks, and what it is to be told */
typedef struct {
    ngx_http_soma_ctx_t       *ctx;
    ngx_http_soma_training_e   op;
    soma_lock_t                lock;
    soma_str_t                 json;        /* of the lock to be */
    int64_t                    now;

    ngx_uint_t                 status;      /* HTTP */
    ngx_uint_t                 locked;
    ngx_uint_t                 was;         /* disable: 0 no, 1 yes, 2 ? */
    soma_str_t                 holder;      /* JSON of that lock */
    int64_t                    expires;
    ngx_uint_t                 local;       /* Redis does not know (yet) */
} ngx_http_soma_training_t;


/* without Redis: the lock of this machine alone; NGX_OK or an HTTP status */
ngx_int_t ngx_http_soma_lock_api_local(ngx_http_soma_training_t *t);

void ngx_http_soma_lock_api_log(ngx_http_soma_training_t *t);


#endif /* NGX_HTTP_SOMA_LOCK_API_H */
