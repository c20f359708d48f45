
/*
 * Copyright (C) The ngx_soma authors
 *
 * The word "credentials" of soma_provider: keys and tokens of a cloud, where
 * one api_key is not enough.  Those that expire are fetched by each worker,
 * and again before their end.
 */


#ifndef NGX_HTTP_SOMA_CREDENTIALS_H
#define NGX_HTTP_SOMA_CREDENTIALS_H


#include "ngx_http_soma_block.h"
#include "soma_credentials.h"


/* kinds */
typedef enum {
    NGX_HTTP_SOMA_CREDENTIALS_STATIC = 0,
    NGX_HTTP_SOMA_CREDENTIALS_ROLE,         /* of an instance, AWS */
    NGX_HTTP_SOMA_CREDENTIALS_CONTAINER,    /* of a container, AWS */
    NGX_HTTP_SOMA_CREDENTIALS_ACCOUNT,      /* a service account, Google */
    NGX_HTTP_SOMA_CREDENTIALS_METADATA      /* of an instance, Google */
} ngx_http_soma_credentials_kind_e;


/* an instance of AWS is asked for a session, its role, and what that has */
typedef enum {
    NGX_HTTP_SOMA_CREDENTIALS_SESSION = 0,
    NGX_HTTP_SOMA_CREDENTIALS_NAME,
    NGX_HTTP_SOMA_CREDENTIALS_LAST
} ngx_http_soma_credentials_step_e;


struct ngx_http_soma_credentials_s {
    ngx_http_soma_provider_t    *provider;
    ngx_str_t                    word;      /* as configured */
    ngx_http_soma_credentials_kind_e  kind;
    soma_credentials_account_t   account;
    ngx_str_t                    url;       /* that they are fetched from */
    ngx_str_t                    header;    /* a line to go with it */

    /* of a worker */
    soma_credentials_t           now;       /* AWS's; id empty: none yet */
    ngx_pool_t                  *pool;      /* of what was fetched last */
    ngx_queue_t                  waiting;   /* ctx->wait */
    ngx_event_t                  timer;
    ngx_connection_t             dummy;
    ngx_pool_t                  *asking;    /* of what is fetched now */
    ngx_http_soma_credentials_step_e  step;
    ngx_str_t                    session;   /* a line, of an instance's
                                               metadata */
    ngx_str_t                    role;
    ngx_msec_t                   backoff;
    unsigned                     ready:1;
    unsigned                     fetching:1;
};


char *ngx_http_soma_credentials(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value);

/* strings in a row, with a null byte behind that is not counted */
ngx_int_t ngx_http_soma_credentials_join(ngx_pool_t *pool, ngx_str_t *to,
    const char *a, const char *b, const char *c);

/* when the dialect and the region are known */
char *ngx_http_soma_credentials_complete(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider);

/*
 * NGX_OK: the first target's credentials are there, or will not be there so
 * soon; NGX_AGAIN: they are being fetched, and ctx->walk goes on then.
 */
ngx_int_t ngx_http_soma_credentials_wait(ngx_http_soma_ctx_t *ctx);

ngx_int_t ngx_http_soma_credentials_init_worker(ngx_cycle_t *cycle,
    ngx_http_soma_main_conf_t *smcf);
void ngx_http_soma_credentials_exit_worker(void);


#endif /* NGX_HTTP_SOMA_CREDENTIALS_H */
