
/*
 * Copyright (C) The ngx_soma authors
 *
 * Whose request it is, where a key may say so: one key of an application
 * stands for all of its users.
 */


#ifndef NGX_HTTP_SOMA_USER_H
#define NGX_HTTP_SOMA_USER_H


#include "ngx_http_soma.h"


/* the directive soma_user_from */
char *ngx_http_soma_user_from(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * The user and the tags that the headers say, and those that the body says,
 * into ctx->identity, if the key may: NGX_OK, or 400 with the fault noted.
 * Each may be called more than once.
 */
ngx_int_t ngx_http_soma_user_head(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx);
ngx_int_t ngx_http_soma_user_body(ngx_http_soma_ctx_t *ctx);


#endif /* NGX_HTTP_SOMA_USER_H */
