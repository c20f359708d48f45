
/*
 * Copyright (C) The ngx_soma authors
 *
 * The walk of a request: identify, admit, plan, attempt, settle.
 */


#ifndef NGX_HTTP_SOMA_WALK_H
#define NGX_HTTP_SOMA_WALK_H


#include "ngx_http_soma.h"


/* a request of ours: its context, which is settled in the end; or NULL */
ngx_http_soma_ctx_t *ngx_http_soma_walk_begin(ngx_http_request_t *r);

/*
 * In the access phase: who asks, and may it?  A service behind soma_access
 * needs no more.  NGX_OK; NGX_AGAIN: it waits, and the phases are run again;
 * or an HTTP status.
 */
ngx_int_t ngx_http_soma_walk_enter(ngx_http_soma_ctx_t *ctx);

/* soma_pass, from the moment that the body is there */
void ngx_http_soma_walk_body(ngx_http_request_t *r);

/*
 * The walk until something can be sent: NGX_OK, then sent() does so;
 * NGX_AGAIN: it waits, and goes on by itself; else sent() ends the request
 * with it.
 */
ngx_int_t ngx_http_soma_walk_pass(ngx_http_soma_ctx_t *ctx);
void ngx_http_soma_walk_sent(ngx_http_soma_ctx_t *ctx, ngx_int_t rc);

/*
 * ngx_http_soma_turn.c: the same for all requests of one turn of nginx's loop
 * together.  NGX_AGAIN: it waits for the others; NGX_DECLINED: not this one,
 * it is to go its way alone; or an HTTP status.
 */
ngx_int_t ngx_http_soma_turn_join(ngx_http_soma_ctx_t *ctx);

/* the access phase of every location of ours (ngx_http_soma_access.c), and
 * the content handler of soma_pass (ngx_http_soma_pass.c) */
ngx_int_t ngx_http_soma_access_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_soma_pass_handler(ngx_http_request_t *r);


#endif /* NGX_HTTP_SOMA_WALK_H */
