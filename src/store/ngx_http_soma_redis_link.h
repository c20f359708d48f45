
/*
 * Copyright (C) The ngx_soma authors
 *
 * A link: one connection to Redis that comes back by itself.  Private to the
 * store.
 */


#ifndef NGX_HTTP_SOMA_REDIS_LINK_H
#define NGX_HTTP_SOMA_REDIS_LINK_H


#include "ngx_http_soma_redis.h"


#define NGX_HTTP_SOMA_REDIS_ERROR_MAX   160
#define NGX_HTTP_SOMA_REDIS_IDLE_CALLS  256     /* kept for the next ones */


typedef enum {
    NGX_HTTP_SOMA_LINK_DOWN = 0,
    NGX_HTTP_SOMA_LINK_CONNECT,     /* TCP, then AUTH and its company */
    NGX_HTTP_SOMA_LINK_READY,
    NGX_HTTP_SOMA_LINK_CLOSED       /* never again in this process */
} ngx_http_soma_link_state_e;


typedef struct ngx_http_soma_link_s  ngx_http_soma_link_t;

typedef void (*ngx_http_soma_link_pt)(ngx_http_soma_link_t *link);


/* a command on its way */
typedef struct {
    ngx_queue_t                      queue;     /* oldest first */
    ngx_http_soma_link_t            *link;
    ngx_msec_t                       sent;
    ngx_http_soma_redis_pt           handler;   /* NULL: nobody waits */
    void                            *data;
} ngx_http_soma_link_call_t;


struct ngx_http_soma_link_s {
    const char                      *name;      /* for logs */
    ngx_http_soma_redis_conf_t      *conf;
    ngx_str_t                        node;
    ngx_log_t                       *log;

    redisAsyncContext               *ac;
    ngx_connection_t                *connection;
    ngx_event_t                      flush;     /* posted: bytes to write */
    ngx_event_t                      timer;     /* connect, oldest command */
    ngx_event_t                      retry;
    ngx_msec_t                       backoff;

    ngx_http_soma_link_state_e       state;
    ngx_queue_t                      calls;
    ngx_queue_t                      idle_calls;
    ngx_uint_t                       ncalls;
    ngx_uint_t                       nidle;
    size_t                           unsent;    /* since all was written */

    ngx_http_soma_link_pt            up;        /* ready for commands */
    ngx_http_soma_link_pt            lost;      /* was ready, is no more */
    ngx_http_soma_link_pt            leaving;   /* graceful exit begins */
    void                           (*discard)(ngx_http_soma_redis_pt handler,
                                              void *data);

    ngx_http_soma_redis_state_t      counts;
    u_char                           error[NGX_HTTP_SOMA_REDIS_ERROR_MAX];

    unsigned                         listener:1;
    unsigned                         ready:1;   /* "up" was called */
    unsigned                         established:1;
    unsigned                         writing:1; /* within hiredis' write */
    unsigned                         told:1;    /* the failure was logged */
    unsigned                         left:1;    /* "leaving" was called */
    unsigned                         closing:1; /* the process ends */
};


/* the adapter: hiredis' context on nginx's loop */
ngx_int_t ngx_http_soma_redis_attach(ngx_http_soma_link_t *link);

/* called by the adapter when hiredis lets go of the context; link->ac is
 * NULL by then; why: hiredis' own word, or NULL */
void ngx_http_soma_redis_link_gone(ngx_http_soma_link_t *link,
    const char *why);

/* called by the adapter when nginx asks to close (c->close) */
void ngx_http_soma_redis_link_asked(ngx_http_soma_link_t *link);


void ngx_http_soma_redis_link_init(ngx_http_soma_link_t *link);
void ngx_http_soma_redis_link_connect(ngx_http_soma_link_t *link);

/* drops the connection (deferred by hiredis when it is within a callback);
 * every pending command fails, a retry follows */
void ngx_http_soma_redis_link_drop(ngx_http_soma_link_t *link,
    const char *fmt, ...);

/* the end: no retry, and no handler is called any more: what is pending goes
 * to "discard", to be freed */
void ngx_http_soma_redis_link_close(ngx_http_soma_link_t *link);

/* as ngx_http_soma_redis_command(), in any state that has a connection */
ngx_int_t ngx_http_soma_redis_link_send(ngx_http_soma_link_t *link,
    ngx_http_soma_redis_pt handler, void *data, int argc, const char **argv,
    const size_t *argvlen, ngx_http_soma_link_call_t **callp);


/* the listener */
void ngx_http_soma_redis_listen_init(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_link_t *command);
void ngx_http_soma_redis_listen_command_up(void);
void ngx_http_soma_redis_listen_command_lost(void);
void ngx_http_soma_redis_listen_close(void);
void ngx_http_soma_redis_listen_state(ngx_http_soma_redis_state_t *state);

/* 1: a change of a key or a lock is heard by this worker */
ngx_uint_t ngx_http_soma_redis_listening(void);

/* Redis was emptied */
void ngx_http_soma_redis_flushed(void);

/* 1 when the reply is an error that begins so */
ngx_uint_t ngx_http_soma_redis_is_error(redisReply *reply,
    const char *prefix);


#endif /* NGX_HTTP_SOMA_REDIS_LINK_H */
