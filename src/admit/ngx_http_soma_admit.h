
/*
 * Copyright (C) The ngx_soma authors
 *
 * May it: the training lock, then the quotas of who asks.
 */


#ifndef NGX_HTTP_SOMA_ADMIT_H
#define NGX_HTTP_SOMA_ADMIT_H


#include "ngx_http_soma.h"


#define NGX_HTTP_SOMA_OUTPUT_MAX  4096      /* tokens, when nobody says */


/* access phase of every location of ours: identify, lock; and for a service
 * behind soma_access the quotas as well */
ngx_int_t ngx_http_soma_access_handler(ngx_http_request_t *r);

/*
 * Quotas of a request whose route is known: reserves under the limits of the
 * tenant and of the key.  NGX_OK, or an HTTP status with the fault noted.
 */
ngx_int_t ngx_http_soma_admit(ngx_http_soma_ctx_t *ctx);

/* what a request may use at most, for the limits of a model's provider;
 * model NULL: of the dearest in ctx->route */
void ngx_http_soma_wants(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_model_t *model, int64_t *want);

/* notes the fault of a limit that refused; returns 429 */
ngx_int_t ngx_http_soma_refused(ngx_http_soma_ctx_t *ctx,
    soma_limit_t *limit, soma_str_t owner, soma_verdict_t *verdict);

char *ngx_http_soma_tenant(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
ngx_int_t ngx_http_soma_tenants_init(ngx_conf_t *cf,
    ngx_http_soma_main_conf_t *smcf);


#endif /* NGX_HTTP_SOMA_ADMIT_H */
