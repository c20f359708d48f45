
/*
 * Copyright (C) The ngx_soma authors
 *
 * JSON Web Tokens beside keys: the directive soma_jwt, the keys of issuers,
 * and what of a token makes an identity.
 */


#ifndef NGX_HTTP_SOMA_JWT_H
#define NGX_HTTP_SOMA_JWT_H


#include "ngx_http_soma_block.h"
#include "soma_jwt.h"


#define NGX_HTTP_SOMA_JWT_MAX          16       /* soma_jwt blocks */
#define NGX_HTTP_SOMA_JWT_AUDIENCES    32       /* of one */
#define NGX_HTTP_SOMA_JWT_TENANTS      2048     /* bytes of the list */
#define NGX_HTTP_SOMA_JWT_CA           1048576  /* bytes of a file */

#define NGX_HTTP_SOMA_JWKS_SLOTS       64       /* URLs since nginx started */
#define NGX_HTTP_SOMA_JWKS_ERROR       160      /* bytes */
#define NGX_HTTP_SOMA_JWKS_TIMEOUT     10000    /* ms, of a fetch */
#define NGX_HTTP_SOMA_JWKS_REFRESH     1000     /* ms, the least allowed */

/* a kid that nobody knows may make the issuer be asked so often at most */
#define NGX_HTTP_SOMA_JWKS_FORCE_MIN   10000    /* ms */

/* between tries when an issuer fails: doubled from MIN to MAX */
#define NGX_HTTP_SOMA_JWKS_RETRY_MIN   1000     /* ms */
#define NGX_HTTP_SOMA_JWKS_RETRY_MAX   60000

/* requests that wait for keys */
#define NGX_HTTP_SOMA_JWKS_WAIT        5000     /* ms, each */
#define NGX_HTTP_SOMA_JWKS_WAITERS     1024     /* a worker */
#define NGX_HTTP_SOMA_JWKS_STRANGERS   64       /* of them, for a kid that is
                                                   not in an issuer's set */
#define NGX_HTTP_SOMA_JWKS_POLL        20       /* ms */

/* identities that a worker remembers by their token */
#define NGX_HTTP_SOMA_JWT_CACHE_MAX    4096     /* tokens */
#define NGX_HTTP_SOMA_JWT_CACHE_BYTES  (2 * 1024 * 1024)
#define NGX_HTTP_SOMA_JWT_CACHE_TIME   3600000  /* ms, if it lives longer */

/* refusals that it remembers, so that a bad signature is checked once */
#define NGX_HTTP_SOMA_JWT_REFUSED_MAX    4096
#define NGX_HTTP_SOMA_JWT_REFUSED_BYTES  (1024 * 1024)
#define NGX_HTTP_SOMA_JWT_REFUSED_TIME   10000  /* ms */


/* what claims are for, "claim WHAT=NAME" */
typedef enum {
    NGX_HTTP_SOMA_CLAIM_TENANT = 0,
    NGX_HTTP_SOMA_CLAIM_USER,
    NGX_HTTP_SOMA_CLAIM_CAPABILITIES,
    NGX_HTTP_SOMA_CLAIM_MODELS,
    NGX_HTTP_SOMA_CLAIM_TAGS,
    NGX_HTTP_SOMA_CLAIMS
} ngx_http_soma_claim_e;


/*
 * The keys of one URL in the shared zone.  One worker fetches the text, all
 * of them read it; times are of ngx_current_msec, the same in all workers.
 */
typedef struct {
    u_char                  name[SOMA_KEY_HASH];    /* of URL and CA */
    ngx_atomic_t            version;    /* 0: there never was a text */
    ngx_atomic_t            rounds;     /* fetches that came to an end */
    ngx_atomic_t            fetching;   /* the pid of who does */
    ngx_msec_t              lease;      /* and until when it may */
    ngx_msec_t              next;       /* when it is fetched again */
    ngx_msec_t              forced;     /* when a request last asked for it,
                                           or had its answer */
    ngx_uint_t              forced_round;   /* "rounds" when it asked */
    ngx_uint_t              failures;   /* in a row */
    int64_t                 fetched;    /* ms UTC, 0: never */
    ngx_uint_t              keys;
    u_char                 *text;
    size_t                  len;
    size_t                  error_len;
    u_char                  error[NGX_HTTP_SOMA_JWKS_ERROR];
    unsigned                used:1;
    unsigned                was_forced:1;
} ngx_http_soma_jwks_slot_t;


struct ngx_http_soma_jwt_s {
    ngx_str_t                   name;
    ngx_str_t                   key;        /* "jwt:NAME", in records */
    ngx_uint_t                  index;
    ngx_str_t                   issuer;
    soma_str_t                  audiences[NGX_HTTP_SOMA_JWT_AUDIENCES];
    ngx_uint_t                  naudiences;
    unsigned                    algs;
    ngx_msec_t                  leeway;
    ngx_msec_t                  refresh;
    ngx_str_t                   tenant;     /* of all its tokens */
    ngx_str_t                   tenants;    /* allowed ones, empty: all */
    ngx_str_t                   claims[NGX_HTTP_SOMA_CLAIMS];
    soma_jwks_t                *set;        /* NULL: from the URL */
    ngx_str_t                   url;
    ngx_str_t                   ca;         /* PEM */
    ngx_http_soma_jwks_slot_t  *slot;       /* after init_zone, with a URL */
};


/* for /soma/health */
typedef struct {
    ngx_uint_t              keys;
    int64_t                 fetched;    /* ms UTC, 0: never, or no URL */
    size_t                  error_len;
    u_char                  error[NGX_HTTP_SOMA_JWKS_ERROR];
} ngx_http_soma_jwks_state_t;


char *ngx_http_soma_jwt_block(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* has the block named any keys?  And the readers of its words that do:
 * "secret", "jwks" and "ssl_trusted_certificate" */
unsigned ngx_http_soma_jwt_keys(ngx_http_soma_jwt_t *jwt);
char *ngx_http_soma_jwt_keys_secret(ngx_conf_t *cf,
    ngx_http_soma_block_t *block, const ngx_http_soma_block_word_t *word,
    ngx_str_t *value);
char *ngx_http_soma_jwt_keys_jwks(ngx_conf_t *cf,
    ngx_http_soma_block_t *block, const ngx_http_soma_block_word_t *word,
    ngx_str_t *value);
char *ngx_http_soma_jwt_keys_ca(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value);

/* the end of http {}: do the blocks go together? */
ngx_int_t ngx_http_soma_jwt_init(ngx_conf_t *cf,
    ngx_http_soma_main_conf_t *smcf);

ngx_int_t ngx_http_soma_jwks_slot_init_zone(ngx_http_soma_main_conf_t *smcf,
    ngx_log_t *log);
ngx_int_t ngx_http_soma_jwt_init_worker(ngx_cycle_t *cycle,
    ngx_http_soma_main_conf_t *smcf);
void ngx_http_soma_jwt_exit_worker(void);

/*
 * Whose token is it?  ctx->key.hash is its hash.  NGX_OK: ctx->identity is
 * filled.  NGX_AGAIN: the issuer's keys are waited for.  Else an HTTP status,
 * the fault noted.
 */
ngx_int_t ngx_http_soma_jwt_identify(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx, soma_str_t token);


/* the keys as this worker knows them, NULL: none yet; good until the next
 * call; *version goes up with each change */
soma_jwks_t *ngx_http_soma_jwks(ngx_http_soma_jwt_t *jwt,
    ngx_uint_t *version);

/*
 * The request waits until the keys were fetched anew.  NGX_AGAIN: ctx->walk
 * goes on then; NGX_DECLINED: they were asked for too short a time ago;
 * NGX_BUSY: too many wait.
 */
ngx_int_t ngx_http_soma_jwks_wait(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_jwt_t *jwt);

void ngx_http_soma_jwks_state(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_jwt_t *jwt, ngx_http_soma_jwks_state_t *state);

ngx_int_t ngx_http_soma_jwks_init_worker(ngx_cycle_t *cycle,
    ngx_http_soma_main_conf_t *smcf);
void ngx_http_soma_jwks_exit_worker(void);


/* packed identities by the hash of their token, one worker's; get: copied
 * into r->pool, NGX_DECLINED: not there, or checked with other keys */
ngx_int_t ngx_http_soma_jwt_cache_get(const u_char *hash, int64_t now,
    ngx_pool_t *pool, soma_identity_t *identity);
void ngx_http_soma_jwt_cache_put(ngx_http_soma_jwt_t *jwt,
    ngx_uint_t version, const u_char *hash, int64_t now, int64_t expires,
    const u_char *packed, size_t len);

/* the same for refusals: NGX_OK, and why */
ngx_int_t ngx_http_soma_jwt_cache_refused(const u_char *hash, int64_t now,
    soma_jwt_error_e *error);
void ngx_http_soma_jwt_cache_refuse(ngx_http_soma_jwt_t *jwt,
    ngx_uint_t version, const u_char *hash, int64_t now,
    soma_jwt_error_e error);

void ngx_http_soma_jwt_cache_init(void);
void ngx_http_soma_jwt_cache_exit(void);


#endif /* NGX_HTTP_SOMA_JWT_H */
