
/*
 * Copyright (C) The ngx_soma authors
 *
 * The state of a request that waits.  There is one door to wait,
 * ngx_http_soma_wait(): a request that lacks what another event brings (an
 * answer of Redis, a lease, the end of a turn) is put to sleep there, under
 * the name of what it waits for, and is woken once, by ngx_http_soma_wake().
 * It waits for one thing at a time.
 *
 * Whoever brings the thing keeps the request in a list of its own, or in a
 * call that is under way; a request that ends first is taken out of the list
 * by the door, so that nothing late comes to a request that is gone.
 */


#ifndef NGX_HTTP_SOMA_WAIT_H
#define NGX_HTTP_SOMA_WAIT_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* what a request may wait for; ngx_http_soma_wait.c has the names */
typedef enum {
    NGX_HTTP_SOMA_WAIT_NOTHING = 0,     /* it runs */
    NGX_HTTP_SOMA_WAIT_REDIS,           /* be it there or not, at the start
                                           of a worker */
    NGX_HTTP_SOMA_WAIT_KEY,             /* what Redis says of it */
    NGX_HTTP_SOMA_WAIT_ISSUER,          /* its keys, which are fetched */
    NGX_HTTP_SOMA_WAIT_LOCK,            /* what Redis says of it */
    NGX_HTTP_SOMA_WAIT_TENANT,          /* what Redis says of it */
    NGX_HTTP_SOMA_WAIT_BODY,            /* to be unpacked */
    NGX_HTTP_SOMA_WAIT_TURN,            /* the end of it */
    NGX_HTTP_SOMA_WAIT_OWNER,           /* of an object that is named */
    NGX_HTTP_SOMA_WAIT_LEASE,           /* a part of a limit, from Redis */
    NGX_HTTP_SOMA_WAIT_LINE,            /* what others hold of a limit */
    NGX_HTTP_SOMA_WAIT_MEDIA,           /* images that are fetched */
    NGX_HTTP_SOMA_WAIT_TOKEN,           /* of a provider, that is fetched */
    NGX_HTTP_SOMA_WAIT_ADDRESS,         /* of a provider */
    NGX_HTTP_SOMA_WAIT_ENDPOINT,        /* what Redis says to one of ours */
    NGX_HTTP_SOMA_WAITS
} ngx_http_soma_wait_e;


typedef struct ngx_http_soma_ctx_s   ngx_http_soma_ctx_t;

/* goes on with a request that was woken, rc as ngx_http_soma_wake() got it */
typedef void (*ngx_http_soma_resume_pt)(ngx_http_soma_ctx_t *ctx,
    ngx_int_t rc);

/* the wait is over, in whatever way */
typedef void (*ngx_http_soma_wait_over_pt)(ngx_http_soma_ctx_t *ctx);


/* ctx->wait: the one state of a request that waits */
typedef struct {
    ngx_http_soma_wait_e             what;
    ngx_http_soma_resume_pt          resume;
    ngx_msec_t                       since;
    uint32_t                         had;       /* bits of what was waited
                                                   for, this one with them */

    /* of whoever brings the thing, from ngx_http_soma_wait() to the end */
    ngx_queue_t                      queue;     /* in a list of its own; the
                                                   door takes it out */
    void                            *data;
    ngx_http_soma_wait_over_pt       over;      /* NULL: need not know */
} ngx_http_soma_wait_t;


/* 1: it waits, for that; it has waited for that, or does */
#define ngx_http_soma_waits(ctx)  ((ctx)->wait.what                           \
                                   != NGX_HTTP_SOMA_WAIT_NOTHING)
#define ngx_http_soma_waits_for(ctx, thing)  ((ctx)->wait.what == (thing))
#define ngx_http_soma_waited_for(ctx, thing)                                  \
    (((ctx)->wait.had >> (thing)) & 1)


#endif /* NGX_HTTP_SOMA_WAIT_H */
