
/*
 * Copyright (C) The ngx_soma authors
 *
 * Do it: encode the request for a target, send it, decode the answer; on a
 * failure before the first good byte, the next target.
 *
 * One nginx upstream serves a request from its first attempt to its last.
 * Each time nginx asks for a peer, ngx_http_soma_get_peer() takes the next
 * target of the plan and puts that target's configuration, TLS and request
 * bytes into the upstream before it names an address; what nginx calls the
 * next upstream server is our next target.
 */


#ifndef NGX_HTTP_SOMA_ATTEMPT_H
#define NGX_HTTP_SOMA_ATTEMPT_H


#include "ngx_http_soma.h"
#include "ngx_http_soma_body.h"
#include "ngx_http_soma_inner.h"
#include "soma_dialect.h"


#define NGX_HTTP_SOMA_ADDRS_MAX       16        /* of one provider */
#define NGX_HTTP_SOMA_KEEPALIVE_TIME  60000     /* ms idle */
#define NGX_HTTP_SOMA_REQUESTS_MAX    10000     /* of one connection */
#define NGX_HTTP_SOMA_RESOLVE_RETRY   5000      /* ms after a failure */
#define NGX_HTTP_SOMA_RESOLVE_POLL    10        /* ms, of a waiting request */
#define NGX_HTTP_SOMA_PEEK_ROOM       512       /* bytes left in the buffer */
#define NGX_HTTP_SOMA_PEEK_MAX        262144    /* bytes it grows to, where
                                                   the beginning of an answer
                                                   does not tell what it is */
#define NGX_HTTP_SOMA_TRANSLATE_MAX   16777216  /* bytes of a whole answer, or
                                                   of an event, that is
                                                   translated */
#define NGX_HTTP_SOMA_INTERIM_MAX     32        /* 1xx before an answer */
#define NGX_HTTP_SOMA_HEADER_ALONE    300       /* ms that a header waits for
                                                   what stands behind it */
#define NGX_HTTP_SOMA_FAULT_MAX       2048      /* bytes of an error body */


/* a Content-Encoding; several of them are not known */
typedef enum {
    NGX_HTTP_SOMA_IDENTITY = 0,
    NGX_HTTP_SOMA_GZIP,
    NGX_HTTP_SOMA_DEFLATE,
    NGX_HTTP_SOMA_UNKNOWN
} ngx_http_soma_encoding_e;


/* kinds of buffers on the way to the client */
typedef enum {
    NGX_HTTP_SOMA_BUF_REF = 0,      /* of the upstream's bytes */
    NGX_HTTP_SOMA_BUF_SMALL,        /* copies */
    NGX_HTTP_SOMA_BUF_LARGE,
    NGX_HTTP_SOMA_BUFS
} ngx_http_soma_buf_e;


typedef struct {
    ngx_queue_t                     queue;
    ngx_connection_t               *connection;
    ngx_http_soma_peers_t          *peers;
    socklen_t                       socklen;
    ngx_sockaddr_t                  sockaddr;
} ngx_http_soma_idle_t;


typedef struct {
    socklen_t                       socklen;
    ngx_sockaddr_t                  sockaddr;
    ngx_str_t                       name;
    u_char                          text[NGX_SOCKADDR_STRLEN];
} ngx_http_soma_addr_t;


/* a provider's addresses and idle connections; each worker its own */
struct ngx_http_soma_peers_s {
    ngx_http_soma_provider_t       *provider;
    ngx_http_soma_addr_t            addr[NGX_HTTP_SOMA_ADDRS_MAX];
    ngx_uint_t                      naddrs;
    ngx_uint_t                      next;
    ngx_queue_t                     cache;
    ngx_queue_t                     free;
    ngx_resolver_t                 *resolver;   /* NULL: addresses are fixed */
    ngx_msec_t                      resolver_timeout;
    ngx_event_t                     timer;
    ngx_connection_t                dummy;      /* for debug logs of events */
#if (NGX_HTTP_SSL)
    ngx_ssl_session_t              *session;
#endif
    unsigned                        resolving:1;
};


typedef struct ngx_http_soma_gunzip_s  ngx_http_soma_gunzip_t;
typedef struct ngx_http_soma_beat_s    ngx_http_soma_beat_t;
typedef struct ngx_http_soma_drain_s   ngx_http_soma_drain_t;


/* an answer that waits for its client before more of it is unpacked */
typedef struct {
    ngx_event_t                     event;
    ngx_connection_t                dummy;      /* for debug logs of events */
    ngx_http_event_handler_pt       write;      /* nginx's own */
} ngx_http_soma_paused_t;


typedef struct ngx_http_soma_translate_s  ngx_http_soma_translate_t;


/* a stream that waits for a lease, before an event */
typedef struct {
    soma_sse_event_t                event;
    int                             action;     /* on it */
    u_char                         *rest;       /* behind it, of the piece
                                                   that was at hand */
    size_t                          len;
    u_char                         *last;       /* of the upstream's buffer */
    ngx_chain_t                    *busy;       /* what keeps that buffer */
} ngx_http_soma_held_t;


typedef struct {
    ngx_http_soma_ctx_t            *ctx;
    ngx_http_soma_provider_t       *provider;   /* NULL: none yet */
    ngx_http_soma_translate_t      *translate;  /* NULL: its bytes pass */
    ngx_str_t                       headers;    /* for providers of */
    const soma_dialect_t           *headers_of; /* this dialect */
    ngx_chain_t                    *request_bufs;

    /* the peer under way */
    ngx_uint_t                      addr_tries;
    ngx_uint_t                      block_tries;    /* servers left */
    void                           *block_data;
    ngx_event_get_peer_pt           block_get;
    ngx_event_free_peer_pt          block_free;
#if (NGX_HTTP_SSL)
    ngx_event_set_peer_session_pt   block_set_session;
    ngx_event_save_peer_session_pt  block_save_session;
#endif

    /* the answer under way */
    ngx_http_status_t               status;
    ngx_http_chunked_t              chunked;
    const soma_dialect_t           *dialect;    /* of the target */
    soma_frames_t                   frames;
    ngx_http_soma_held_t            held;       /* while ctx->event_held */
    soma_reader_t                  *reader;     /* of what comes in pieces */
    ngx_chain_t                    *out_last;   /* of u->out_bufs */
    ngx_chain_t                    *free[NGX_HTTP_SOMA_BUFS];
    ngx_table_elt_t                *encoding;   /* Content-Encoding */
    ngx_http_soma_gunzip_t         *gunzip;     /* NULL: not compressed */
    u_char                         *looked;     /* its first bytes unpacked */
    ngx_http_soma_paused_t          *pause;      /* NULL: never yet */
    size_t                          peeked;     /* unframed bytes that wait
                                                   in the buffer */
    off_t                           rest;       /* of Content-Length, or -1 */
    size_t                          skipped;    /* of the body, that the
                                                   client does not get */
    ngx_http_soma_drain_t          *left;       /* NULL: the client waits */
    int64_t                         retry_after_ms;
    soma_usage_t                    told;       /* by the answer's header */
    soma_fail_e                     fail;
    const char                     *reason;     /* of a failure; constant */
    ngx_str_t                       said;       /* by a 4xx, or empty */
    ngx_msec_t                      start;
    ngx_uint_t                      interim;    /* answers passed over */
    ngx_http_soma_beat_t           *beat;       /* NULL: none yet */

    unsigned                        again:1;    /* same target, once more */
    unsigned                        fresh:1;    /* no idle connection */
    unsigned                        event_stream:1;
    unsigned                        json:1;
    unsigned                        good:1;     /* 2xx that has a body */
    unsigned                        sniffed:1;  /* what the body is */
    unsigned                        retyped:1;  /* and not as it says */
    unsigned                        closed:1;   /* its JSON, in the buffer */
    unsigned                        hops:1;     /* Connection stands there */
    unsigned                        probe:1;    /* the model is closed */
    unsigned                        nudged:1;   /* a byte is ours */
    unsigned                        released:1; /* the header may go out */
    unsigned                        usage_added:1;  /* stream_options, by us */
    unsigned                        resend:1;   /* without them */
    unsigned                        ended:1;    /* the body is whole */
    unsigned                        caught:1;   /* its members are, all or
                                                   as far as they go */
    unsigned                        some:1;     /* there are bytes of it */
    unsigned                        whole:1;    /* it is JSON, to its end */
    unsigned                        within:1;   /* an event of which a part
                                                   has gone out */
    unsigned                        header:1;   /* the header is whole */
    unsigned                        drain:1;    /* goes on without client */
    unsigned                        drop_lf:1;  /* of a CR that was dropped */
    unsigned                        local:1;    /* answered by us */
    unsigned                        over:1;     /* it failed */
    unsigned                        translated:1;   /* what lies in the buffer
                                                   is the client's */

    /* of this target; not zeroed at first: each target sets all of it */
    ngx_http_upstream_conf_t        conf;
} ngx_http_soma_attempt_t;


/*
 * The body out of its Content-Encoding.  NGX_DECLINED: it has none; NGX_OK;
 * NGX_AGAIN: it waits, and ctx->walk goes on with NGX_OK or a status; or a
 * status, the fault noted.
 */
ngx_int_t ngx_http_soma_unpack(ngx_http_soma_ctx_t *ctx);

/* what the body asks, into ctx->ask: NGX_OK, or a status */
ngx_int_t ngx_http_soma_read(ngx_http_soma_ctx_t *ctx);

/*
 * Tells equal questions apart from others; no secret, no proof.  Taken when
 * the body has just been read: later it has left the processor's caches.
 */
ngx_int_t ngx_http_soma_query_hash(ngx_http_soma_ctx_t *ctx);

/* whether all that may answer allow what is asked beside text: NGX_OK, or 400
 * with the fault noted */
ngx_int_t ngx_http_soma_policy(ngx_http_soma_ctx_t *ctx);

/*
 * Whether the tenant was given what it names of a provider's: NGX_OK,
 * NGX_AGAIN (it waits, and ctx->walk goes on), or a status with the fault
 * noted.  Of a request for a stored response it finds the route as well.
 */
ngx_int_t ngx_http_soma_stored(ngx_http_soma_ctx_t *ctx);

/* of a plan, what leads to who keeps what is named: NGX_OK, or a status */
ngx_int_t ngx_http_soma_stored_keeper(ngx_http_soma_ctx_t *ctx);


/*
 * Chooses the first target, makes its request.  NGX_OK: now begin() sends it;
 * NGX_DONE: it was the echo, whose answer stands in ctx->reply; or a status,
 * the fault noted.
 */
ngx_int_t ngx_http_soma_attempt(ngx_http_soma_ctx_t *ctx);
void ngx_http_soma_attempt_begin(ngx_http_soma_ctx_t *ctx);

/* NGX_OK: ctx->model and the upstream are set for the next target;
 * NGX_DONE: it is the echo, ctx->reply is set; NGX_DECLINED: none is left;
 * NGX_ERROR */
ngx_int_t ngx_http_soma_target_next(ngx_http_soma_attempt_t *a);

/* notes why the target under way failed; 1: the next one may be tried */
ngx_uint_t ngx_http_soma_target_failed(ngx_http_soma_attempt_t *a);

/* the same target once more, after a->resend; NGX_OK or NGX_ERROR */
ngx_int_t ngx_http_soma_target_again(ngx_http_soma_attempt_t *a);

/* of a request that looked whether a closed target is well again */
void ngx_http_soma_target_probe_end(ngx_http_soma_attempt_t *a,
    ngx_uint_t good);

/* the headers for the target under way, into a->headers */
ngx_int_t ngx_http_soma_request_headers(ngx_http_soma_attempt_t *a);

/* the request bytes for the target under way, into the upstream; NGX_DECLINED:
 * it has no place for what is asked */
ngx_int_t ngx_http_soma_request_create(ngx_http_soma_attempt_t *a);

/*
 * ngx_http_soma_translate.c: a target of another dialect than the client's.
 *
 * _begin(): before a target's request is made; NGX_OK, or NGX_ERROR.
 * _request(): its body, and the path below its endpoint.  NGX_DECLINED: it
 * cannot be said there, ctx->error says why if no other target is left.
 */
ngx_int_t ngx_http_soma_translate_begin(ngx_http_soma_attempt_t *a);

/* ngx_http_soma_translate_loss.c: NGX_OK or NGX_ERROR; the others are always
 * NGX_DECLINED */
ngx_int_t ngx_http_soma_translate_loss_dropped(ngx_http_soma_attempt_t *a,
    soma_inner_loss_t *loss);
ngx_int_t ngx_http_soma_translate_loss_unsaid(ngx_http_soma_attempt_t *a,
    const char *code, const char *why);
ngx_int_t ngx_http_soma_translate_loss_lost(ngx_http_soma_attempt_t *a,
    soma_inner_loss_t *loss);

/* what the client named by URL, for targets of the plan that take bytes
 * alone: NGX_OK, NGX_AGAIN while it is fetched, or a status */
ngx_int_t ngx_http_soma_media(ngx_http_soma_ctx_t *ctx);

/* a count of tokens that no target can be asked for is answered here:
 * NGX_DONE, ctx->reply is set; NGX_OK: it is none; or a status */
ngx_int_t ngx_http_soma_count(ngx_http_soma_ctx_t *ctx);

ngx_int_t ngx_http_soma_translate_request(ngx_http_soma_attempt_t *a,
    ngx_chain_t **body, size_t *len, ngx_str_t *path);

/*
 * A whole answer that lies in the upstream's buffer, NGX_DECLINED: it cannot
 * be told to the client; and its place there is taken by the client's.  One
 * event to the client; the end of the connection, of a stream that says
 * nothing of its end; the end of one that is cut, as text.  NGX_OK, or
 * NGX_ERROR: there is no more of this answer.
 */
ngx_int_t ngx_http_soma_translate_whole(ngx_http_soma_attempt_t *a);
void ngx_http_soma_translate_take(ngx_http_soma_attempt_t *a);
ngx_int_t ngx_http_soma_translate_event(ngx_http_soma_attempt_t *a,
    soma_sse_event_t *event);
ngx_int_t ngx_http_soma_translate_end(ngx_http_soma_attempt_t *a);
ngx_int_t ngx_http_soma_translate_cut(ngx_http_soma_attempt_t *a,
    soma_str_t *text);

/* the answer of a target without an endpoint into ctx->reply; an HTTP status on
 * failure */
ngx_int_t ngx_http_soma_local(ngx_http_soma_ctx_t *ctx);


/* balancing */
ngx_int_t ngx_http_soma_peer_init(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *us);
ngx_int_t ngx_http_soma_peers_init_worker(ngx_cycle_t *cycle,
    ngx_http_soma_main_conf_t *smcf);
ngx_int_t ngx_http_soma_peers_create(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider);
void ngx_http_soma_peers_idle_save(ngx_http_soma_peers_t *peers,
    ngx_peer_connection_t *pc, ngx_http_upstream_t *u);
ngx_int_t ngx_http_soma_peers_idle_get(ngx_http_soma_peers_t *peers,
    ngx_peer_connection_t *pc);


/*
 * Clients that leave (ngx_http_soma_drain.c).  wanted: whether nginx is to
 * look after no client.  watch: it is looked for, from now on.
 *
 * drain: it has left, and the answer is read on.  NGX_DECLINED: there will be
 * none.  read: so many bytes of it came; event: an event did, with a->left.
 * NGX_ERROR: enough.
 */
ngx_uint_t ngx_http_soma_drain_wanted(ngx_http_soma_attempt_t *a);
ngx_int_t ngx_http_soma_drain_watch(ngx_http_soma_attempt_t *a);
ngx_int_t ngx_http_soma_drain(ngx_http_soma_attempt_t *a);
ngx_int_t ngx_http_soma_drain_read(ngx_http_soma_attempt_t *a, size_t bytes);
ngx_int_t ngx_http_soma_drain_event(ngx_http_soma_attempt_t *a);


/* the answer's header; interim ones are passed over */
ngx_int_t ngx_http_soma_header_status(ngx_http_request_t *r);

/* 1: one of the Connection headers in that list names it */
ngx_uint_t ngx_http_soma_header_hop(ngx_list_part_t *part, u_char *name,
    size_t len);

/* then its beginning, looked at before any of it goes to the client.
 * NGX_OK: it is the client's */
ngx_int_t ngx_http_soma_peek(ngx_http_soma_attempt_t *a);

/* room for more of it, up to what is looked at: NGX_AGAIN; NGX_DECLINED: no
 * more is looked at; NGX_ERROR */
ngx_int_t ngx_http_soma_peek_more(ngx_http_soma_attempt_t *a);

/* of a bad status: NGX_OK, it goes to the client; NGX_AGAIN; or as rejected */
ngx_int_t ngx_http_soma_refusal(ngx_http_soma_attempt_t *a);

/* no other target is tried from here on: NGX_OK or NGX_ERROR */
ngx_int_t ngx_http_soma_accept(ngx_http_soma_attempt_t *a);

/* the attempt failed: what process_header() is to return */
ngx_int_t ngx_http_soma_peek_reject(ngx_http_soma_attempt_t *a,
    soma_fail_e fail, const char *reason);

/* the retry rule (soma_retry.h) for this attempt: whether the plan has another
 * target, whether what a->fail says goes there, and before its body is read */
ngx_uint_t ngx_http_soma_target_left(ngx_http_soma_attempt_t *a);
ngx_uint_t ngx_http_soma_target_may(ngx_http_soma_attempt_t *a);
ngx_uint_t ngx_http_soma_target_early(ngx_http_soma_attempt_t *a);

/*
 * How long the next byte is waited for: from now on, while nginx reads a
 * header; and when it comes to wait, afterwards.
 */
void ngx_http_soma_silence_begin(ngx_http_soma_attempt_t *a);
void ngx_http_soma_silence_set(ngx_http_soma_attempt_t *a);

/*
 * A stream that is silent: its header alone is there, and goes out soon when
 * there is nobody else to ask, a->released; something went out, and the next
 * comment of ours is due in a while; no more of that.  _taken(): process_
 * header() was called because of us.
 */
void ngx_http_soma_beat_header(ngx_http_soma_attempt_t *a);
void ngx_http_soma_beat_again(ngx_http_soma_attempt_t *a);
void ngx_http_soma_beat_stop(ngx_http_soma_attempt_t *a);
void ngx_http_soma_beat_taken(ngx_http_soma_attempt_t *a);

/* the bytes of a JSON answer to whoever reads them: a->caught and a->whole */
void ngx_http_soma_stream_catch(ngx_http_soma_attempt_t *a, u_char *p,
    size_t len);

/* a JSON answer that has ended and is not whole */
ngx_uint_t ngx_http_soma_stream_broken(ngx_http_soma_attempt_t *a);

/* the constant name of a status, "http_429", for metrics */
const char *ngx_http_soma_header_reason(ngx_uint_t status);

/* the answer's body */
ngx_int_t ngx_http_soma_stream_start(void *data);
ngx_int_t ngx_http_soma_stream_filter(void *data, ssize_t bytes);

/* bytes of the body proper, out of framing and compression */
ngx_int_t ngx_http_soma_stream_bytes(ngx_http_soma_attempt_t *a, u_char *p,
    size_t len);

/* NGX_OK: a->gunzip is set if the answer needs it; NGX_ERROR, or
 * NGX_HTTP_UPSTREAM_INVALID_HEADER: nobody here can unpack it */
ngx_int_t ngx_http_soma_gunzip_start(ngx_http_soma_attempt_t *a);

/* unpacked bytes go to ngx_http_soma_stream_bytes(), until it is held or
 * has to wait for its client; then the rest of them by _rest().  _end(): the
 * body has ended, whether what is packed in it has too */
ngx_int_t ngx_http_soma_gunzip(ngx_http_soma_attempt_t *a, u_char *p,
    size_t len);
ngx_int_t ngx_http_soma_gunzip_rest(ngx_http_soma_attempt_t *a);
ngx_int_t ngx_http_soma_gunzip_end(ngx_http_soma_attempt_t *a);
ngx_int_t ngx_http_soma_gunzip_look(ngx_http_soma_attempt_t *a, u_char *p,
    size_t len, u_char *out, size_t *size);

/* the encoding that a Content-Encoding names */
ngx_http_soma_encoding_e ngx_http_soma_unpack_encoding(ngx_str_t *value);

/*
 * ngx_http_soma_pause.c: nothing more is read until _go(); _pause() lets the
 * client take what is there, and then unpacks on.
 */
ngx_int_t ngx_http_soma_pause_stop(ngx_http_soma_attempt_t *a);
void ngx_http_soma_pause_go(ngx_http_soma_attempt_t *a);
ngx_int_t ngx_http_soma_pause(ngx_http_soma_attempt_t *a);

/* behind the body's last bytes: settles, unless it is cut off, or waits */
ngx_int_t ngx_http_soma_stream_done(ngx_http_soma_attempt_t *a);

/*
 * ngx_http_soma_put.c: bytes to the client behind what waits there for it,
 * those of the upstream's buffer without a copy.  A fresh buffer of a kind.
 */
ngx_int_t ngx_http_soma_put(ngx_http_soma_attempt_t *a, u_char *p,
    size_t len);
ngx_chain_t *ngx_http_soma_put_buf(ngx_http_soma_attempt_t *a, ngx_uint_t kind);

/* of an answer that waits: what keeps its upstream's buffer busy; or NULL */
ngx_chain_t *ngx_http_soma_pause_held(ngx_http_soma_attempt_t *a);


/*
 * A stream against its budget: from the time that its answer is accepted;
 * before each event; and behind it, NGX_BUSY: its text passes what can be
 * reserved; NGX_AGAIN: it may not go out yet, to be called again behind
 * ngx_http_soma_lease_wait_stream().
 */
void ngx_http_soma_meter_start(ngx_http_soma_attempt_t *a);
void ngx_http_soma_meter_event(ngx_http_soma_ctx_t *ctx);
ngx_int_t ngx_http_soma_meter(ngx_http_soma_ctx_t *ctx);

/* instead of the event at hand: settles, and gives the stream's end */
ngx_int_t ngx_http_soma_meter_cut(ngx_http_soma_attempt_t *a, soma_str_t *text);

/* tokens of what a metered stream has sent so far */
int64_t ngx_http_soma_meter_output(ngx_http_soma_ctx_t *ctx,
    ngx_uint_t *exact);

/*
 * ngx_http_soma_outcome.c: how the request has ended.  settle: it has, and is
 * settled with that, once.  cost: what the usage at hand comes to in nano-USD,
 * what the record will say if it is the last; -1: nobody asked, or the model
 * has no price.
 *
 * failed: the attempt under way did; "lost": its connection broke or was
 * silent for too long, "status" as far as one came, or 0.  Where it may have
 * cost something, used[] of tokens and cost becomes that.
 */
void ngx_http_soma_outcome_settle(ngx_http_soma_ctx_t *ctx);
int64_t ngx_http_soma_outcome_cost(ngx_http_soma_ctx_t *ctx);
void ngx_http_soma_outcome_failed(ngx_http_soma_ctx_t *ctx, ngx_uint_t status,
    ngx_uint_t lost, int64_t *used);

/* ngx_http_soma_end.c: nginx's upstream is done with an answer whose header
 * went out */
void ngx_http_soma_end_answer(ngx_http_soma_attempt_t *a, ngx_int_t rc);

/* ngx_http_soma_stream.c: one event, or a part of one; NGX_AGAIN: it waits in
 * a->held; and the stream's end in the place of the event at hand */
ngx_int_t ngx_http_soma_stream_event(ngx_http_soma_attempt_t *a,
    soma_sse_event_t *event);
ngx_int_t ngx_http_soma_stream_cut(ngx_http_soma_attempt_t *a);

/*
 * ngx_http_soma_frame.c: takes body bytes in [p, p + len) as they came off
 * the wire; the ones of the body itself are moved to p and *len says how
 * many; NGX_OK, NGX_DONE at the end of the body, NGX_ERROR
 */
ngx_int_t ngx_http_soma_frame_read(ngx_http_soma_attempt_t *a, u_char *p,
    size_t *len);


/* the end of http {}: the addresses of all soma_provider blocks */
ngx_int_t ngx_http_soma_upstream_providers(ngx_conf_t *cf,
    ngx_http_soma_main_conf_t *smcf);

/* the directive soma_on_abort */
char *ngx_http_soma_drain_on_abort(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


#endif /* NGX_HTTP_SOMA_ATTEMPT_H */
