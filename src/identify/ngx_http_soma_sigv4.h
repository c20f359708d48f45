
/*
 * Copyright (C) The ngx_soma authors
 *
 * Clients that sign their requests as AWS's do.  Who it is stands in the
 * header; whether it is, is known when the body is there.
 */


#ifndef NGX_HTTP_SOMA_SIGV4_H
#define NGX_HTTP_SOMA_SIGV4_H


#include "ngx_http_soma.h"


/* the directive soma_sigv4 */
char *ngx_http_soma_sigv4(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* NGX_OK: ctx->key.hash is that of the key whose pair signed, so it says;
 * NGX_DECLINED: it is not signed; else a status, the fault noted */
ngx_int_t ngx_http_soma_sigv4_find(ngx_http_soma_ctx_t *ctx);

/* NGX_OK: the request is not signed, or with the key's own secret; else a
 * status.  body: r->request_body has all there is of one */
ngx_int_t ngx_http_soma_sigv4_check(ngx_http_soma_ctx_t *ctx,
    ngx_uint_t body);


#endif /* NGX_HTTP_SOMA_SIGV4_H */
