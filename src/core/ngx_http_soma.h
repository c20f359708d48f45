
/*
 * Copyright (C) The ngx_soma authors
 *
 * What the glue shares: the configuration, a request's context, and the few
 * functions a step offers to the steps behind it.
 */


#ifndef NGX_HTTP_SOMA_H
#define NGX_HTTP_SOMA_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_soma_wait.h"
#include "soma_base.h"
#include "soma_bpe.h"
#include "soma_factor.h"
#include "soma_key.h"
#include "soma_quota.h"
#include "soma_lock.h"
#include "soma_route.h"
#include "soma_health.h"
#include "soma_dialect.h"
#include "soma_own.h"
#include "soma_price.h"
#include "soma_redis_url.h"
#include "soma_record.h"


#define NGX_HTTP_SOMA_VERSION       "0.1.0"

#define NGX_HTTP_SOMA_LOCKED        423

#define NGX_HTTP_SOMA_ID_MAX        128     /* of a client's x-request-id */
#define NGX_HTTP_SOMA_SESSION_MAX   128
#define NGX_HTTP_SOMA_MESSAGE_MAX   512     /* of an error to a client */
#define NGX_HTTP_SOMA_LOG_MAX       1024    /* of a line, escaped */
#define NGX_HTTP_SOMA_NOTE_MAX      256     /* of what failed attempts said */


/* the layouts are nginx's and ours are the same: { size_t, u_char * } */
#define ngx_http_soma_str(s)    ((soma_str_t) { (s).len, (s).data })
#define ngx_http_soma_ngx(s)    ((ngx_str_t) { (s).len, (s).data })


typedef struct ngx_http_soma_provider_s   ngx_http_soma_provider_t;
typedef struct ngx_http_soma_model_s      ngx_http_soma_model_t;
typedef struct ngx_http_soma_route_s      ngx_http_soma_route_t;
typedef struct ngx_http_soma_complexity_s  ngx_http_soma_complexity_t;
typedef struct ngx_http_soma_tenant_s     ngx_http_soma_tenant_t;
typedef struct ngx_http_soma_jwt_s        ngx_http_soma_jwt_t;
typedef struct ngx_http_soma_hold_s       ngx_http_soma_hold_t;
typedef struct ngx_http_soma_lease_wait_s ngx_http_soma_lease_wait_t;
typedef struct ngx_http_soma_peers_s      ngx_http_soma_peers_t;
typedef struct ngx_http_soma_meter_s      ngx_http_soma_meter_t;
typedef struct ngx_http_soma_doubt_s      ngx_http_soma_doubt_t;
typedef struct ngx_http_soma_credentials_s  ngx_http_soma_credentials_t;


/* what is known of a provider, in the shared zone; each is written at once */
typedef struct {
    uint64_t                        hash;       /* of name, endpoint, key */
    int64_t                         refused;    /* our key: ms UTC, 0: not */
    int64_t                         no_usage;   /* stream_options: ms UTC of
                                                   the refusal, 0: none */
} ngx_http_soma_provider_state_t;


/* what of a request is fetched for a provider that takes bytes alone */
#define NGX_HTTP_SOMA_MEDIA_OFF     0
#define NGX_HTTP_SOMA_MEDIA_PUBLIC  1
#define NGX_HTTP_SOMA_MEDIA_ALL     2


#define NGX_HTTP_SOMA_USAGE_AUTO    0
#define NGX_HTTP_SOMA_USAGE_ON      1
#define NGX_HTTP_SOMA_USAGE_OFF     2


struct ngx_http_soma_provider_s {
    ngx_str_t                       name;
    const soma_dialect_t           *dialect;
    ngx_uint_t                      index;      /* in main conf */
    ngx_str_t                       endpoint;   /* as configured */
    ngx_str_t                       host;       /* Host: of a request */
    ngx_str_t                       server_name;    /* SNI, no port */
    ngx_str_t                       uri;        /* prefix, no final slash */
    in_port_t                       port;
    ngx_str_t                       api_key;    /* never leaves this struct
                                                   but in "auth" */
    ngx_str_t                       region;     /* of a cloud */
    ngx_http_soma_credentials_t    *credentials;    /* NULL: an api_key, or
                                                   none */
    ngx_str_t                       key_header; /* of it; empty: as the
                                                   dialect has it */
    ngx_str_t                       auth;       /* a whole header line */
    ngx_str_t                       missing;    /* why it is in no plan */
    ngx_msec_t                      connect_timeout;
    ngx_msec_t                      first_token_timeout;
    ngx_msec_t                      idle_timeout;
    ngx_msec_t                      answer_timeout; /* of a plain one */
    ngx_msec_t                      total_timeout;
    ngx_msec_t                      heartbeat;  /* 0: none */
    ngx_uint_t                      stream_usage;   /* ..._USAGE_... */
    ngx_array_t                    *hide_headers;   /* ngx_str_t, or NULL */
    ngx_http_soma_provider_state_t *state;      /* NULL: no room for it */
    ngx_uint_t                      keepalive;  /* idle connections a worker */
    ngx_array_t                     limits;     /* soma_limit_t */
    ngx_http_upstream_conf_t        upstream;   /* template of a request's */
    ngx_http_upstream_srv_conf_t   *block;      /* endpoint is upstream{} */
    ngx_http_soma_peers_t          *peers;      /* addresses, idle conns */
    ngx_str_t                       ca_file;
    ngx_flag_t                      verify;
    u_char                         *file;       /* where configured */
    ngx_uint_t                      line;
    unsigned                        echo:1;
    unsigned                        ssl:1;
    uint64_t                        allow[SOMA_JSON_OTHERS];    /* of them: they
                                                   may pass */
    unsigned                        allow_objects;  /* bits of soma_object_e:
                                                   whoever was given them */
    ngx_array_t                     tools;      /* soma_str_t, that may be
                                                   used beside functions */
    ngx_uint_t                      bound_name;     /* 1: the newer one */
    unsigned                        newer_bound:1;  /* of soma_ask_t */
};


struct ngx_http_soma_model_s {
    ngx_str_t                       name;       /* what clients say */
    ngx_str_t                       target;     /* what the provider says */
    ngx_uint_t                      index;
    ngx_http_soma_provider_t       *provider;
    const soma_dialect_t           *dialect;    /* that it is asked in */
    ngx_uint_t                      facts;      /* SOMA_FACT_... */
    const soma_price_t             *price;      /* never NULL */
    soma_price_dearest_t            dearest;    /* of it */
    const soma_factor_t            *factor;     /* NULL: its vocabulary is
                                                   known, or nothing is */
    uint64_t                        hash;       /* of both names, never 0 */
    unsigned                        free:1;     /* no price anywhere */
};


typedef struct {
    ngx_http_soma_model_t          *model;
    ngx_uint_t                      weight;
} ngx_http_soma_target_t;


struct ngx_http_soma_route_s {
    ngx_str_t                       name;
    soma_strategy_e                 strategy;
    ngx_http_soma_complexity_t     *complexity; /* of that strategy */
    soma_retry_t                    retry;
    ngx_array_t                     targets;    /* ngx_http_soma_target_t */
    ngx_array_t                     tools;      /* soma_str_t, allowed beside
                                                   those of its providers */
    unsigned                        single:1;   /* made of a soma_model */
};


struct ngx_http_soma_tenant_s {
    ngx_str_t                       name;
    ngx_array_t                     limits;     /* soma_limit_t */
    ngx_str_t                       models;     /* space separated, or empty:
                                                   all */
    ngx_str_t                       tags;       /* of keys without any */
    u_char                         *file;       /* where configured, or NULL */
    ngx_uint_t                      line;
    unsigned                        invalid:1;  /* Redis' word is not clear */
};


/* a table of names, case kept, searched by halves */
typedef struct {
    ngx_str_t                       name;
    void                           *value;
} ngx_http_soma_name_t;


typedef struct {
    u_char                          hash[SOMA_KEY_HASH];
    soma_identity_t                 identity;
    u_char                         *file;       /* where configured */
    ngx_uint_t                      line;
} ngx_http_soma_key_t;


typedef struct {
    ngx_str_t                       name;       /* or an address */
    in_port_t                       port;
    ngx_addr_t                     *addrs;      /* as known at the start */
    ngx_uint_t                      naddrs;     /* 0: ask the resolver */
    unsigned                        literal:1;
} ngx_http_soma_redis_host_t;


/* soma_redis URL [parameters]; by the store */
typedef struct {
    ngx_str_t                       url;        /* no user, no password */
    soma_redis_kind_e               kind;
    ngx_str_t                       path;       /* of a unix socket, with a
                                                   null byte */
    ngx_str_t                       master;     /* its name at Sentinel */
    ngx_http_soma_redis_host_t     *hosts;
    ngx_uint_t                      nhosts;
    ngx_str_t                       user;
    ngx_str_t                       password;
    ngx_str_t                       sentinel_user;
    ngx_str_t                       sentinel_password;
    ngx_int_t                       db;
    ngx_msec_t                      timeout;    /* of a command, connect */
    ngx_resolver_t                 *resolver;   /* NULL: none */
    ngx_msec_t                      resolver_timeout;
    ngx_str_t                       tls_ca;     /* files, or empty */
    ngx_str_t                       tls_cert;
    ngx_str_t                       tls_key;
    void                           *tls;        /* NULL: in the clear */
    unsigned                        set:1;
} ngx_http_soma_redis_conf_t;


/* soma_ledger PATH [segment=4m] [keep=1h] [sync=off|1s] [events=1000000] */
typedef struct {
    ngx_str_t                       path;
    size_t                          segment;    /* bytes */
    ngx_msec_t                      keep;       /* acknowledged segments */
    ngx_msec_t                      sync;       /* 0: left to the kernel */
    ngx_int_t                       events;     /* kept in a tenant's stream */
} ngx_http_soma_ledger_conf_t;


/*
 * The shared zone's root.  Each part owns what its pointer leads to and makes
 * it in its init_zone; all of them take the slab pool's mutex.
 */
typedef struct {
    ngx_uint_t                      layout;
    void                           *cache;
    void                           *quota;
    void                           *health;
    void                           *metrics;
    void                           *usage;
    void                           *jwt;
    void                           *locks;      /* of training */
    void                           *seals;      /* NULL: none was kept yet */
} ngx_http_soma_zone_t;


typedef struct {
    ngx_shm_zone_t                 *shm_zone;
    ngx_slab_pool_t                *shpool;     /* after init_zone */
    ngx_http_soma_zone_t           *zone;

    ngx_http_soma_redis_conf_t      redis;
    ngx_http_soma_ledger_conf_t     ledger;
    ngx_str_t                       node;       /* this host's name */

    ngx_str_t                       prices;
    soma_catalogue_t               *catalogue;  /* NULL: none */
    ngx_str_t                       catalogue_hash;
    int64_t                         catalogue_time; /* ms UTC, of its file */
    soma_bpe_t                     *vocabulary[SOMA_BPE_FAMILIES];
    ngx_array_t                    *factors;    /* soma_factor_t, NULL: none */

    ngx_array_t                     providers;  /* ..._provider_t * */
    ngx_array_t                     models;     /* ..._model_t * */
    ngx_array_t                     routes;     /* ..._route_t *, the single
                                                   ones of models too */
    ngx_array_t                     tenants;    /* ..._tenant_t * */
    ngx_array_t                     keys;       /* ..._key_t, sorted */
    ngx_array_t                    *jwt;        /* ..._jwt_t *, NULL: none */
    ngx_str_t                       sigv4;      /* of what keys' pairs are
                                                   made; empty: there are
                                                   none */
    ngx_array_t                     route_names;    /* sorted ..._name_t */
    ngx_array_t                     tenant_names;

    ngx_flag_t                      used;       /* any of our handlers */
    ngx_flag_t                      cors;       /* any soma_cors */
} ngx_http_soma_main_conf_t;


#define NGX_HTTP_SOMA_UNPRICED_DENY   0
#define NGX_HTTP_SOMA_UNPRICED_ALLOW  1
#define NGX_HTTP_SOMA_DOWN_ALLOW    0
#define NGX_HTTP_SOMA_DOWN_DENY     1
#define NGX_HTTP_SOMA_ABORT_AUTO    0
#define NGX_HTTP_SOMA_ABORT_CANCEL  1
#define NGX_HTTP_SOMA_ABORT_DRAIN   2
#define NGX_HTTP_SOMA_USER_OFF      0
#define NGX_HTTP_SOMA_USER_HEADER   1
#define NGX_HTTP_SOMA_USER_BODY     2
#define NGX_HTTP_SOMA_BOUND_CLAMP   0
#define NGX_HTTP_SOMA_BOUND_REQUIRE 1
#define NGX_HTTP_SOMA_BOUND_TRUST   2

typedef struct {
    ngx_flag_t                      access;
    ngx_flag_t                      pass_key;       /* on to the service */
    ngx_flag_t                      training_lock;
    ngx_flag_t                      usage_cost;
    ngx_uint_t                      lossy;      /* soma_inner_lossy_e */
    ngx_uint_t                      fetch_media;    /* NGX_HTTP_SOMA_MEDIA_ */
    ngx_uint_t                      on_redis_down;
    ngx_uint_t                      unpriced;       /* ..._UNPRICED_... */
    ngx_uint_t                      on_abort;
    ngx_msec_t                      abort_time;     /* answers are drained */
    ngx_uint_t                      user_from;      /* ..._USER_... */
    ngx_str_t                       user_header;    /* in small letters */
    ngx_uint_t                      max_tokens;     /* ..._BOUND_... */
    ngx_array_t                    *cors;           /* ngx_str_t, origins */
    ngx_msec_t                      limit_wait;     /* 0: nobody waits */
    size_t                          body_buffer;
    size_t                          buffer_size;    /* of an answer */
    unsigned                        pass:1;
    unsigned                        api:1;
    unsigned                        metrics:1;
    unsigned                        error_page:1;   /* there are some */
    unsigned                        page_varies:1;  /* with the request */
} ngx_http_soma_loc_conf_t;


/* what the headers x-ratelimit-* tell; limit 0: no such limit */
typedef struct {
    int64_t                         limit;
    int64_t                         remaining;
    int64_t                         reset_ms;
} ngx_http_soma_rate_t;


/* an error to the client, set once, written in its dialect by the filter */
typedef struct {
    soma_fault_e                    fault;
    soma_str_t                      code;       /* constant */
    ngx_str_t                       message;    /* in r->pool */
    int64_t                         retry_ms;   /* 0: say nothing */
    unsigned                        no_retry:1; /* x-should-retry: false */
} ngx_http_soma_error_t;


/* a locally made answer, written by the same filter */
typedef struct {
    ngx_uint_t                      status;
    ngx_str_t                       type;
    ngx_str_t                       body;
    unsigned                        set:1;
} ngx_http_soma_reply_t;


#include "ngx_http_soma_ctx.h"


extern ngx_module_t  ngx_http_soma_module;


/* the context of the main request, whatever redirects it went
 * through; NULL when there is none yet */
ngx_http_soma_ctx_t *ngx_http_soma_get_ctx(ngx_http_request_t *r);

/* a header of the request by its name in lower case; NULL: it has none */
ngx_str_t *ngx_http_soma_header_in(ngx_http_request_t *r, ngx_str_t *name);

/* a header of the answer; name and data outlive the request */
ngx_int_t ngx_http_soma_add_header(ngx_http_request_t *r,
    const ngx_str_t *name, u_char *data, size_t len);

/* the value of that name, or NULL; sort: NGX_OK, or NGX_DECLINED with the
 * first name that stands twice */
void *ngx_http_soma_names_find(ngx_array_t *names, const u_char *data,
    size_t len);
ngx_int_t ngx_http_soma_names_sort(ngx_array_t *names, ngx_str_t **twice);

/* the soma_provider of that name, or NULL */
ngx_http_soma_provider_t *ngx_http_soma_provider_find(
    ngx_http_soma_main_conf_t *smcf, ngx_str_t *name);

/* ms UTC of nginx's cached clock */
int64_t ngx_http_soma_now(void);

/* arenas over pools */
soma_arena_t ngx_http_soma_arena(ngx_pool_t *pool);

/*
 * Notes the error and returns its HTTP status, for a handler to return.  The
 * first error of a request stays.  fmt as for ngx_sprintf; the message names
 * the cause and the way out and never holds a secret.
 */
ngx_int_t ngx_http_soma_fault(ngx_http_soma_ctx_t *ctx, soma_fault_e fault,
    const char *code, const char *fmt, ...);

/*
 * A line of the log that tells text of others (clients, providers, Redis).
 * What %V and %*s stand for is escaped as between quotes, and %s as without
 * any: so no text of others makes a line of its own, moves a terminal's cursor
 * or leaves its quotes.  Besides there are %d %ui %i %uz %L %uL %uD.  vlog:
 * behind "head", which is ours.
 */
void ngx_http_soma_log(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...);
void ngx_http_soma_vlog(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *head, const char *fmt, va_list args);

/* the path below the version of the API, whatever the location puts before
 * it: /v1/chat/completions is /chat/completions */
ngx_str_t ngx_http_soma_path(ngx_http_request_t *r);
ngx_uint_t ngx_http_soma_path_begins(ngx_str_t *path, const char *prefix);

/* the door to wait, see ngx_http_soma_wait.h */

/*
 * Puts the request to sleep until ngx_http_soma_wake() calls "resume".  A
 * client that leaves meanwhile ends the request (also one whose socket was
 * never waited on, its request having come with the connection).  NGX_AGAIN,
 * or an HTTP status: then it does not sleep.
 */
ngx_int_t ngx_http_soma_wait(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_wait_e what, ngx_http_soma_resume_pt resume);

/*
 * From any event: the wait is over, and the request goes on under its own log
 * context.  rc is handed to "resume"; NGX_BUSY says that what was waited for
 * did not come, of which the log gets a line.
 */
void ngx_http_soma_wake(ngx_http_soma_ctx_t *ctx, ngx_int_t rc);

/* the wait is over, nobody is to wake the request any more */
void ngx_http_soma_wait_end(ngx_http_soma_ctx_t *ctx);

/* sends a whole answer of our own (headers and body); for content handlers:
 * returns what they return */
ngx_int_t ngx_http_soma_send(ngx_http_request_t *r, ngx_uint_t status,
    const char *type, ngx_str_t *body);


#endif /* NGX_HTTP_SOMA_H */
