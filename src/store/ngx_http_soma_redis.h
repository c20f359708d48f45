
/*
 * Copyright (C) The ngx_soma authors
 *
 * One pipelined connection a worker to Redis (in a cluster: to each master
 * that it needs), and a second one that listens for changes.  Nothing here
 * ever blocks; a reply that does not come within the timeout closes the
 * connection, and every command pending on it fails.
 *
 * The breaker.  The first command that times out takes the connection down,
 * and then every command is declined at once, until a new connection has
 * answered a greeting that ends in PING and ROLE: that is the probe, and it
 * costs no caller anything.  Attempts come after BACKOFF_MIN ms, doubled up
 * to BACKOFF_MAX, half of it chance; a connection that has let a command time
 * out within STEADY ms of coming up does not set the pause back.
 *
 * Keys in a cluster.  A command goes to the node of its first key, which is
 * its second word; a script's is KEYS[1]; SCAN and PUBLISH go to any node.
 * All keys of one call must be in one slot: write a hash tag, as in
 * soma:{tenant}:events.  See soma_slot_key().  MOVED, ASK and TRYAGAIN are
 * followed here; a caller sees a reply, or none.
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
#define NGX_HTTP_SOMA_REDIS_STEADY       5000           /* ms */
#define NGX_HTTP_SOMA_REDIS_HOOKS_MAX    8              /* of each kind */
#define NGX_HTTP_SOMA_REDIS_NODES_MAX    64             /* of a cluster */
#define NGX_HTTP_SOMA_REDIS_TRIES_MAX    8              /* redirections */
#define NGX_HTTP_SOMA_REDIS_AGAIN        25             /* ms, of TRYAGAIN */

/* what anybody publishes who changes a key, a lock or a tenant behind Redis'
 * own tracking: "key <sha256 hex>", "lock <tenant>", "tenant <name>" */
#define NGX_HTTP_SOMA_REDIS_CHANGES      "soma:changes"


/* reply is NULL when the connection was lost or timed out; it belongs to
 * hiredis and is gone after the handler returns */
typedef void (*ngx_http_soma_redis_pt)(void *data, redisReply *reply);

/* the same with a request that is alive; its posted requests are run after */
typedef void (*ngx_http_soma_redis_request_pt)(ngx_http_request_t *r,
    redisReply *reply);

typedef void (*ngx_http_soma_redis_up_pt)(void *data);


/* the directive soma_redis */
char *ngx_http_soma_redis_conf_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* called in worker and single processes only; no Redis configured: NGX_OK */
ngx_int_t ngx_http_soma_redis_init_worker(ngx_cycle_t *cycle,
    ngx_http_soma_main_conf_t *smcf);

/* pending handlers are not called any more: the process ends */
void ngx_http_soma_redis_exit_worker(ngx_cycle_t *cycle);

/* 1: connected, ready for commands (in a cluster: those of some key) */
ngx_uint_t ngx_http_soma_redis_ready(void);

/*
 * NGX_AGAIN: this worker has not heard of Redis yet; the request waits until
 * it was, until it cannot be reached, or for the timeout, and then goes on
 * with ctx->walk.  NGX_OK: go on.  Else an HTTP status.
 */
ngx_int_t ngx_http_soma_redis_first(ngx_http_soma_ctx_t *ctx);

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

/*
 * As ngx_http_soma_redis_request(), to the nth master whatever the key; for
 * SCAN, which tells of one node only.  NGX_DONE: there are no more than n
 * (outside of a cluster: one).
 */
ngx_int_t ngx_http_soma_redis_request_master(ngx_http_request_t *r,
    ngx_uint_t n, ngx_http_soma_redis_request_pt handler, int argc,
    const char **argv, const size_t *argvlen);

/*
 * EVALSHA, and EVAL once more on NOSCRIPT.  argv holds the keys, then the
 * arguments, and may be changed after the call; sha is filled in by the
 * first call.
 */
typedef struct {
    const char  *text;
    char         sha[41];
} ngx_http_soma_script_t;

ngx_int_t ngx_http_soma_redis_script(ngx_http_soma_script_t *script,
    ngx_http_soma_redis_pt handler, void *data, int nkeys, int argc,
    const char **argv, const size_t *argvlen);

/* called each time a connection has come up (after AUTH, SELECT); in a cluster
 * that of any master */
ngx_int_t ngx_http_soma_redis_on_up(ngx_http_soma_redis_up_pt handler,
    void *data);

/* called when Redis tells that it was emptied (FLUSHALL, FLUSHDB) */
ngx_int_t ngx_http_soma_redis_on_flush(ngx_http_soma_redis_up_pt handler,
    void *data);

/* called once when a graceful exit begins and the connection is up: the last
 * chance to send; what is pending then keeps the worker, up to the timeout */
ngx_int_t ngx_http_soma_redis_on_exit(ngx_http_soma_redis_up_pt handler,
    void *data);

/* how data of a handler is freed that is never called any more, since the
 * worker ends; data from a pool that lives longer needs none */
ngx_int_t ngx_http_soma_redis_on_drop(ngx_http_soma_redis_pt handler,
    ngx_http_soma_redis_up_pt drop);


/* of this worker, since it started */
typedef struct {
    uint64_t    commands;       /* sent */
    uint64_t    replies;
    uint64_t    errors;         /* replies that were errors */
    uint64_t    declined;       /* not ready, or a bound was reached */
    uint64_t    timeouts;
    uint64_t    connects;       /* attempts of the command connection */
    uint64_t    changes;        /* heard by the listener */
    ngx_uint_t  pending;        /* commands */
    const char *error;          /* NULL: ready, or not configured */
    unsigned    configured:1;
    unsigned    ready:1;
    unsigned    listening:1;    /* changes are heard */
    unsigned    tracking:1;     /* those of anybody, by CLIENT TRACKING */
} ngx_http_soma_redis_state_t;

void ngx_http_soma_redis_state(ngx_http_soma_redis_state_t *state);


#endif /* NGX_HTTP_SOMA_REDIS_H */
