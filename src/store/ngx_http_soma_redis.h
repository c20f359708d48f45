
/*
 * Copyright (C) The ngx_soma authors
 *
 * One pipelined connection a worker to Redis, and a second one that listens
 * for changes.  Nothing here ever blocks; a reply that does not come within
 * the timeout closes the connection, and every command pending on it fails.
 */


#ifndef NGX_HTTP_SOMA_REDIS_H
#define NGX_HTTP_SOMA_REDIS_H


#include "ngx_http_soma.h"
#include <hiredis/hiredis.h>
#include <hiredis/async.h>


#define NGX_HTTP_SOMA_REDIS_PENDING_MAX  10000          /* commands */
#define NGX_HTTP_SOMA_REDIS_BYTES_MAX    (8 * 1024 * 1024)  /* unsent */
#define NGX_HTTP_SOMA_REDIS_ARGS_MAX     4096
#define NGX_HTTP_SOMA_REDIS_BACKOFF_MIN  50             /* ms */
#define NGX_HTTP_SOMA_REDIS_BACKOFF_MAX  2000           /* ms, with jitter */


/* reply is NULL when the connection was lost or timed out; it belongs to
 * hiredis and is gone after the handler returns */
typedef void (*ngx_http_soma_redis_pt)(void *data, redisReply *reply);

/* the same with a request that is alive; its posted requests are run after */
typedef void (*ngx_http_soma_redis_request_pt)(ngx_http_request_t *r,
    redisReply *reply);

typedef void (*ngx_http_soma_redis_up_pt)(void *data);


/* called in worker and single processes only; no Redis configured: NGX_OK */
ngx_int_t ngx_http_soma_redis_init_worker(ngx_cycle_t *cycle,
    ngx_http_soma_main_conf_t *smcf);
void ngx_http_soma_redis_exit_worker(ngx_cycle_t *cycle);

/* 1: connected, ready for commands */
ngx_uint_t ngx_http_soma_redis_ready(void);

/* why it is not: a constant or a bounded text, for /soma/health */
const char *ngx_http_soma_redis_error(void);

/*
 * NGX_OK: queued, the handler will be called once.  NGX_DECLINED: not
 * connected or a bound is reached: the handler is never called.
 */
ngx_int_t ngx_http_soma_redis_command(ngx_http_soma_redis_pt handler,
    void *data, int argc, const char **argv, const size_t *argvlen);

/* as above; when the request ends first, its reply falls on the floor */
ngx_int_t ngx_http_soma_redis_request(ngx_http_request_t *r,
    ngx_http_soma_redis_request_pt handler, int argc, const char **argv,
    const size_t *argvlen);

/* EVALSHA, and EVAL once more on NOSCRIPT; a script is registered once */
typedef struct {
    const char  *text;
    char         sha[41];
} ngx_http_soma_script_t;

ngx_int_t ngx_http_soma_redis_script(ngx_http_soma_script_t *script,
    ngx_http_soma_redis_pt handler, void *data, int nkeys, int argc,
    const char **argv, const size_t *argvlen);

/* called each time the connection has come up (after AUTH, SELECT) */
ngx_int_t ngx_http_soma_redis_on_up(ngx_http_soma_redis_up_pt handler,
    void *data);


#endif /* NGX_HTTP_SOMA_REDIS_H */
