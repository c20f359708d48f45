
/*
 * Copyright (C) The ngx_soma authors
 *
 * A link: one connection to Redis that comes back by itself; and who decides
 * where it leads.  Private to the store.
 *
 *     _redis.c          what the steps see: commands, hooks
 *     _redis_first.c    requests that come before Redis was heard of
 *     _redis_call.c     commands that are kept: scripts, redirections
 *     _redis_link.c     a link's life
 *         _link_greet.c    what it says before it is ready
 *         _link_send.c     its commands and replies; soma_resp.c: their text
 *         _link_name.c     names and addresses
 *     _redis_adapter.c  hiredis on nginx's loop
 *     _redis_listen.c   news of changes
 *     _redis_sentinel.c, _redis_cluster.c, _redis_cluster_map.c    who is
 *         master, of what
 */


#ifndef NGX_HTTP_SOMA_REDIS_LINK_H
#define NGX_HTTP_SOMA_REDIS_LINK_H


#include "ngx_http_soma_redis.h"
#include "soma_slot.h"


#define NGX_HTTP_SOMA_REDIS_ERROR_MAX   160
#define NGX_HTTP_SOMA_REDIS_IDLE_CALLS  256     /* kept for the next ones */
#define NGX_HTTP_SOMA_REDIS_ADDRS_MAX   8       /* of a name */

/* what a reply may be: hiredis itself believes whatever is announced */
#define NGX_HTTP_SOMA_REDIS_STRING_MAX    (1024 * 1024)      /* of one string */
#define NGX_HTTP_SOMA_REDIS_REPLY_MAX     (64 * 1024 * 1024) /* of them all */
#define NGX_HTTP_SOMA_REDIS_ELEMENTS_MAX  262144    /* at all depths */

#define NGX_HTTP_SOMA_REDIS_WHERE_MAX   (SOMA_SLOT_HOST_MAX + 16)


typedef enum {
    NGX_HTTP_SOMA_LINK_DOWN = 0,
    NGX_HTTP_SOMA_LINK_CONNECT,     /* TCP, then AUTH and its company */
    NGX_HTTP_SOMA_LINK_READY,
    NGX_HTTP_SOMA_LINK_CLOSED       /* never again in this process */
} ngx_http_soma_link_state_e;


typedef enum {
    NGX_HTTP_SOMA_LINK_COMMAND = 0,
    NGX_HTTP_SOMA_LINK_LISTENER,
    NGX_HTTP_SOMA_LINK_SENTINEL
} ngx_http_soma_link_kind_e;


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
    ngx_http_soma_link_kind_e        kind;
    ngx_http_soma_redis_conf_t      *conf;
    ngx_str_t                        node;
    ngx_log_t                       *log;
    void                            *owner;     /* its owner's */

    /* where it leads */
    ngx_str_t                        host;      /* in where_buf, or conf's */
    in_port_t                        port;
    ngx_str_t                        where;     /* for logs */
    u_char                           where_buf[NGX_HTTP_SOMA_REDIS_WHERE_MAX];
    ngx_sockaddr_t                   addr[NGX_HTTP_SOMA_REDIS_ADDRS_MAX];
    socklen_t                        socklen[NGX_HTTP_SOMA_REDIS_ADDRS_MAX];
    ngx_uint_t                       naddrs;
    ngx_uint_t                       turn;      /* which of them is next */
    ngx_resolver_ctx_t              *resolving;

    redisAsyncContext               *ac;
    ngx_connection_t                *connection;
    ngx_event_t                      flush;     /* posted: bytes to write */
    ngx_event_t                      timer;     /* connect, oldest command */
    ngx_event_t                      retry;
    ngx_msec_t                       backoff;
    ngx_msec_t                       since;     /* it is ready */

    ngx_http_soma_link_state_e       state;
    ngx_queue_t                      calls;
    ngx_queue_t                      idle_calls;
    ngx_uint_t                       ncalls;
    ngx_uint_t                       nidle;
    size_t                           unsent;    /* since all was written */

    /* of the reply that is being read */
    size_t                           elements;
    size_t                           bytes;     /* of its strings */
    const char                      *refused;   /* why it is, or NULL */

    /* time to connect: who has it is to call ..._link_connect(), now or
     * later; NULL: that is done at once */
    ngx_http_soma_link_pt            seek;
    ngx_http_soma_link_pt            up;        /* ready for commands */
    ngx_http_soma_link_pt            lost;      /* was ready, is no more */
    ngx_http_soma_link_pt            leaving;   /* graceful exit begins */
    void                           (*discard)(ngx_http_soma_redis_pt handler,
                                              void *data);

    ngx_http_soma_redis_state_t     *counts;
    u_char                           error[NGX_HTTP_SOMA_REDIS_ERROR_MAX];

    unsigned                         ready:1;   /* "up" was called */
    unsigned                         established:1;
    unsigned                         writing:1; /* within hiredis' write */
    unsigned                         told:1;    /* the failure was logged */
    unsigned                         left:1;    /* "leaving" was called */
    unsigned                         late:1;    /* a command timed out, or
                                                   a reply was refused */
    unsigned                         parked:1;  /* when lost, stays so */
    unsigned                         resting:1; /* disconnects on purpose */
    unsigned                         closing:1; /* no handler is called */
};


/* this worker's */
typedef struct {
    ngx_http_soma_redis_conf_t      *conf;
    ngx_http_soma_main_conf_t       *smcf;
    ngx_log_t                       *log;
    ngx_http_soma_link_t             link;      /* not in a cluster */
    ngx_http_soma_redis_state_t      counts;
    size_t                           kept;      /* bytes of calls */
    unsigned                         set:1;
    unsigned                         cluster:1;
    unsigned                         left:1;    /* the exit hooks were run */
} ngx_http_soma_redis_worker_t;

extern ngx_http_soma_redis_worker_t  ngx_http_soma_redis_worker;


/* the context of TLS, of the files that "redis" names, or none of its own */
char *ngx_http_soma_redis_tls_conf(ngx_conf_t *cf,
    ngx_http_soma_redis_conf_t *redis);

/* TLS on the context of a link that has just begun to connect */
ngx_int_t ngx_http_soma_redis_tls_start(ngx_http_soma_link_t *link);


/* the adapter: hiredis' context on nginx's loop */
ngx_int_t ngx_http_soma_redis_adapter_attach(ngx_http_soma_link_t *link);

/* bounds what hiredis' reader makes of a reply; check is called when it has
 * read and may drop the link */
void ngx_http_soma_redis_reader_init(ngx_http_soma_link_t *link);
void ngx_http_soma_redis_reader_check(ngx_http_soma_link_t *link);

/* called by the adapter when hiredis lets go of the context; link->ac is
 * NULL by then; why: hiredis' own word, or NULL */
void ngx_http_soma_redis_link_gone(ngx_http_soma_link_t *link,
    const char *why);

/* called by the adapter when nginx asks to close (c->close) */
void ngx_http_soma_redis_link_asked(ngx_http_soma_link_t *link);


/* conf, log, name, kind, counts and the callbacks are set; the rest is 0 */
void ngx_http_soma_redis_link_init(ngx_http_soma_link_t *link);
void ngx_http_soma_redis_link_connect(ngx_http_soma_link_t *link);

/* with an address in addr[turn], or a path in the configuration */
void ngx_http_soma_redis_link_open(ngx_http_soma_link_t *link);

/* AUTH and its company, then ..._link_ready() or a drop; NGX_ERROR: not even
 * begun */
ngx_int_t ngx_http_soma_redis_link_greet(ngx_http_soma_link_t *link);
void ngx_http_soma_redis_link_ready(ngx_http_soma_link_t *link);

/* a failed attempt, or one that cannot begin: a retry follows */
void ngx_http_soma_redis_link_failed(ngx_http_soma_link_t *link,
    const char *why);

/* connects in a moment, whatever pause there was to be */
void ngx_http_soma_redis_link_soon(ngx_http_soma_link_t *link);

/* drops the connection (deferred by hiredis when it is within a callback);
 * every pending command fails, a retry follows */
void ngx_http_soma_redis_link_drop(ngx_http_soma_link_t *link,
    const char *fmt, ...);

/* nothing is pending: disconnects without a word, until the next connect */
void ngx_http_soma_redis_link_rest(ngx_http_soma_link_t *link);

/* the end: no retry, and no handler is called any more: what is pending goes
 * to "discard", to be freed */
void ngx_http_soma_redis_link_close(ngx_http_soma_link_t *link);

/* as ngx_http_soma_redis_command(), in any state that has a connection */
ngx_int_t ngx_http_soma_redis_link_send(ngx_http_soma_link_t *link,
    ngx_http_soma_redis_pt handler, void *data, int argc, const char **argv,
    const size_t *argvlen);

/* the same, written already (soma_resp.h); hiredis wants a '\0' behind it */
ngx_int_t ngx_http_soma_redis_link_text(ngx_http_soma_link_t *link,
    ngx_http_soma_redis_pt handler, void *data, const u_char *text,
    size_t len);

/* those that are kept for the next ones */
void ngx_http_soma_redis_link_free_calls(ngx_http_soma_link_t *link);


/* names: where the link leads from its next attempt on; the host is copied */
void ngx_http_soma_redis_link_target(ngx_http_soma_link_t *link,
    ngx_str_t *host, in_port_t port);

ngx_uint_t ngx_http_soma_redis_link_leads(ngx_http_soma_link_t *link,
    ngx_str_t *host, in_port_t port);

/* NGX_OK: addr[turn] is set; NGX_AGAIN: ..._link_open() or _failed() will be
 * called; NGX_ERROR: not to be found, error says why */
ngx_int_t ngx_http_soma_redis_link_locate(ngx_http_soma_link_t *link,
    const char **error);

void ngx_http_soma_redis_link_unlocate(ngx_http_soma_link_t *link);


/* the slot of a command's key in a cluster */
#define NGX_HTTP_SOMA_REDIS_NO_SLOT  -1     /* no key, or no cluster */

ngx_int_t ngx_http_soma_redis_slot(int argc, const char **argv,
    const size_t *argvlen);

/*
 * Which link a command takes: by its slot in a cluster, where it is made when
 * it is needed.  NULL: there is none now.
 */
ngx_http_soma_link_t *ngx_http_soma_redis_route(ngx_int_t slot);

/* any link that is ready; NULL: none */
ngx_http_soma_link_t *ngx_http_soma_redis_any(void);

/* a command link came up, Redis was emptied, a graceful exit begins */
void ngx_http_soma_redis_came_up(void);
void ngx_http_soma_redis_flushed(void);
void ngx_http_soma_redis_leaving(ngx_http_soma_link_t *link);

/* of requests that wait for Redis' first word; "heard": it is there, or an
 * attempt to reach it has failed */
void ngx_http_soma_redis_first_init(ngx_log_t *log, ngx_uint_t redis);
void ngx_http_soma_redis_first_heard(void);

/* an attempt of a link for commands has failed */
void ngx_http_soma_redis_missed(void);

/* frees what a handler of the store was given, when it is not called */
void ngx_http_soma_redis_discard(ngx_http_soma_redis_pt handler, void *data);


/* calls that are kept until their reply, to be sent again */
ngx_int_t ngx_http_soma_redis_call_kept(ngx_http_soma_redis_pt handler,
    void *data, int argc, const char **argv, const size_t *argvlen);

/* NGX_OK: it was one of those and is freed; *handler, *data are the caller's
 * of it */
ngx_int_t ngx_http_soma_redis_call_discard(ngx_http_soma_redis_pt *handler,
    void **data);
void ngx_http_soma_redis_call_init(void);
void ngx_http_soma_redis_call_exit(void);


/* Sentinel: leads the command link and the listener to the master */
ngx_int_t ngx_http_soma_redis_sentinel_init(void);
void ngx_http_soma_redis_sentinel_exit(void);


/* the cluster */
ngx_int_t ngx_http_soma_redis_cluster_init(void);
void ngx_http_soma_redis_cluster_exit(void);
ngx_uint_t ngx_http_soma_redis_cluster_ready(void);

/* 1: there are nodes that have not failed yet */
ngx_uint_t ngx_http_soma_redis_cluster_hope(void);
const char *ngx_http_soma_redis_cluster_error(void);
ngx_uint_t ngx_http_soma_redis_cluster_pending(void);
ngx_http_soma_link_t *ngx_http_soma_redis_cluster_any(void);
ngx_http_soma_link_t *ngx_http_soma_redis_cluster_slot(ngx_uint_t slot);

/* the nth master, NULL: there are no more */
ngx_http_soma_link_t *ngx_http_soma_redis_cluster_master(ngx_uint_t n);

/* the node that a redirection names, asked by "from"; NULL: no room, or it
 * is down */
ngx_http_soma_link_t *ngx_http_soma_redis_cluster_moved(
    ngx_http_soma_link_t *from, soma_slot_move_t *move);

/* the map may be wrong */
void ngx_http_soma_redis_cluster_map_doubt(void);


/* the listeners: number 0 outside of a cluster, that of the node in one */
void ngx_http_soma_redis_listen_init(void);
void ngx_http_soma_redis_listen_start(ngx_uint_t n, ngx_str_t *host,
    in_port_t port);
void ngx_http_soma_redis_listen_stop(ngx_uint_t n);
void ngx_http_soma_redis_listen_close(void);
void ngx_http_soma_redis_listen_state(ngx_http_soma_redis_state_t *state);

/* where listener 0 leads, which is where the command link does */
ngx_http_soma_link_t *ngx_http_soma_redis_listen_link(ngx_uint_t n);

/* 1: a change of a key or a lock is heard by this worker, from all nodes */
ngx_uint_t ngx_http_soma_redis_listen_on(void);


/* 1 when the reply is an error that begins so */
ngx_uint_t ngx_http_soma_redis_link_is_error(redisReply *reply,
    const char *prefix);

/* 1 when it says that this connection is of no use */
ngx_uint_t ngx_http_soma_redis_link_is_useless(redisReply *reply);


#endif /* NGX_HTTP_SOMA_REDIS_LINK_H */
