
/*
 * Copyright (C) The ngx_soma authors
 *
 * Where to: models, routes, and the order in which a request tries them.
 */


#ifndef NGX_HTTP_SOMA_PLAN_H
#define NGX_HTTP_SOMA_PLAN_H


#include "ngx_http_soma.h"


#define NGX_HTTP_SOMA_HEALTHS_MAX          4096     /* models watched */
#define NGX_HTTP_SOMA_HEALTH_OWNS_MAX      1024     /* of tenants that fail */
#define NGX_HTTP_SOMA_HEALTH_OWNS_SET      8        /* looked at for one */
#define NGX_HTTP_SOMA_PROVIDER_STATES_MAX  512


char *ngx_http_soma_model(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_soma_route(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* names to pointers, prices, at the end of http {} */
ngx_int_t ngx_http_soma_route_init_all(ngx_conf_t *cf,
    ngx_http_soma_main_conf_t *smcf);

/* what may be asked for by that name; NULL: nothing */
ngx_http_soma_route_t *ngx_http_soma_plan_route(
    ngx_http_soma_main_conf_t *smcf, ngx_str_t *name);

/* may this identity use the route or model of that name? */
ngx_uint_t ngx_http_soma_plan_allowed(ngx_http_soma_ctx_t *ctx,
    ngx_str_t *name);

/* fills ctx->plan.order; NGX_OK, or an HTTP status with the fault noted */
ngx_int_t ngx_http_soma_plan(ngx_http_soma_ctx_t *ctx);

/* no target can be used: an HTTP status, with the fault noted */
ngx_int_t ngx_http_soma_plan_none(ngx_http_soma_ctx_t *ctx);

/* health of a model at its provider, in the shared zone */
ngx_int_t ngx_http_soma_health_init_zone(ngx_http_soma_main_conf_t *smcf,
    ngx_log_t *log);
soma_health_all_t ngx_http_soma_health_get(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_model_t *model);

/* 1: configured whole, its key not refused, and one of its models at least
 * is tried; one without models fails nobody */
ngx_uint_t ngx_http_soma_health_up(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_provider_t *provider, int64_t now);

/* until when (ms UTC) the model is closed to this request's tenant, 0: not */
int64_t ngx_http_soma_health_closed(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_model_t *model, int64_t now);

/* of a closed one; 1: this request may ask it, and tells the end of it */
ngx_uint_t ngx_http_soma_health_probe(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_model_t *model);
void ngx_http_soma_health_probe_end(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_model_t *model, ngx_uint_t good);

void ngx_http_soma_health_good(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_model_t *model);
void ngx_http_soma_health_bad(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_model_t *model, soma_evidence_e evidence,
    int64_t retry_after_ms);


/* 1: a limit of cost concerns this target, which has no price */
ngx_uint_t ngx_http_soma_unpriced_target(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_model_t *model);

/* the refusal for it: 400 model_unpriced */
ngx_int_t ngx_http_soma_unpriced_refuse(ngx_http_soma_ctx_t *ctx);


#endif /* NGX_HTTP_SOMA_PLAN_H */
