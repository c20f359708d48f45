
/*
 * Copyright (C) The ngx_soma authors
 *
 * strategy complexity weights=FILE [save=N%|keep=N] [pair=NAME ...]: the
 * weakest target of a route that will do, by weights that soma-route trained.
 */


#ifndef NGX_HTTP_SOMA_COMPLEXITY_H
#define NGX_HTTP_SOMA_COMPLEXITY_H


#include "ngx_http_soma.h"
#include "ngx_http_soma_block.h"
#include "soma_complexity.h"


#define NGX_HTTP_SOMA_COMPLEXITY_SAVE   300     /* thousandths, unsaid */
#define NGX_HTTP_SOMA_COMPLEXITY_TOLD   256     /* bytes of a reason */


struct ngx_http_soma_complexity_s {
    soma_complexity_t               weights;
    ngx_str_t                       path;
    u_char                         *file;       /* where it is said */
    ngx_uint_t                      line;
    ngx_str_t                       pair[SOMA_TARGETS_MAX];     /* as said */
    ngx_uint_t                      npairs;
    ngx_uint_t                      share;      /* thousandths */
    ngx_uint_t                      keep;       /* of quality; else of cost */
    soma_complexity_step_t          step[SOMA_TARGETS_MAX];
};


/* what is behind "strategy complexity", from cf->args[2] on */
ngx_http_soma_complexity_t *ngx_http_soma_complexity_conf(ngx_conf_t *cf,
    ngx_http_soma_block_t *block);

/* the pairs of a route's targets, when these are known */
ngx_int_t ngx_http_soma_complexity_init(ngx_conf_t *cf,
    ngx_http_soma_route_t *route);

/* which target will do: its number; and why into ctx->plan.reason */
ngx_int_t ngx_http_soma_complexity(ngx_http_soma_ctx_t *ctx,
    ngx_uint_t *first);


#endif /* NGX_HTTP_SOMA_COMPLEXITY_H */
