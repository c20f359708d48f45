
/*
 * Copyright (C) The ngx_soma authors
 *
 * Who calls: from the credential of a request to its identity.
 */


#ifndef NGX_HTTP_SOMA_IDENTIFY_H
#define NGX_HTTP_SOMA_IDENTIFY_H


#include "ngx_http_soma.h"


#define NGX_HTTP_SOMA_CREDENTIALS  4       /* headers that may carry one, */
#define NGX_HTTP_SOMA_CREDENTIAL_ARG  NGX_HTTP_SOMA_CREDENTIALS  /* and an
                                              argument, behind them */

/* unknown keys that Redis is asked for: a second, and at once; of a client's
 * address at a worker, and of all of them */
#define NGX_HTTP_SOMA_STRANGE_RATE       10
#define NGX_HTTP_SOMA_STRANGE_BURST      100
#define NGX_HTTP_SOMA_STRANGE_ALL_RATE   100
#define NGX_HTTP_SOMA_STRANGE_ALL_BURST  1000

#define NGX_HTTP_SOMA_KEY_FRESH  60000      /* ms a cached key is good */


/*
 * NGX_OK: ctx->identity is filled.  NGX_AGAIN: Redis is asked, and ctx->walk
 * goes on when it has answered.  Else an HTTP status, the fault noted.
 */
ngx_int_t ngx_http_soma_identify(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx);

/*
 * The tenant of an identified request, with what Redis says of it.  begin
 * asks Redis where it must and never waits: NGX_OK or an HTTP status.  end
 * waits for the answer, if one is to come: NGX_OK (ctx->tenant counts),
 * NGX_AGAIN as above, or an HTTP status.  In between the lock may be asked
 * for, so that both cost one round trip.
 */
ngx_int_t ngx_http_soma_tenant_find_begin(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx);
ngx_int_t ngx_http_soma_tenant_find_end(ngx_http_soma_ctx_t *ctx);
void ngx_http_soma_tenant_find_exit_worker(void);

/*
 * May Redis be asked for a key that is not known?  NGX_OK, or 429 with the
 * fault noted.  note: it was asked, and does not know it either.
 */
ngx_int_t ngx_http_soma_strange_check(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx);
void ngx_http_soma_strange_note(ngx_http_request_t *r);
void ngx_http_soma_strange_exit_worker(void);

/* frees what the worker kept to hash keys with */
void ngx_http_soma_identify_exit_worker(void);

/* 1: the header carries a credential of a client and never travels on */
ngx_uint_t ngx_http_soma_credential_header(ngx_table_elt_t *h);

/*
 * The credentials that a request brings, one by one: *n counts on from 0, and
 * is left at what was found.  NGX_OK, or NGX_DECLINED: no more.  The string
 * lies in the request's headers.
 */
ngx_int_t ngx_http_soma_credential_find(ngx_http_request_t *r, ngx_uint_t *n,
    soma_str_t *credential);

/* takes every header that carries ctx->key.credential out of the request, for
 * good: no handler behind passes on what opens this gateway */
ngx_int_t ngx_http_soma_credential_strip(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx);

/* the directive soma_key */
char *ngx_http_soma_keys_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* warns of names in lists of models that nothing has */
void ngx_http_soma_keys_models_check(ngx_conf_t *cf,
    ngx_http_soma_main_conf_t *smcf);

/* sorts the keys and refuses doubles, at the end of http {} */
ngx_int_t ngx_http_soma_keys_init(ngx_conf_t *cf,
    ngx_http_soma_main_conf_t *smcf);


#endif /* NGX_HTTP_SOMA_IDENTIFY_H */
