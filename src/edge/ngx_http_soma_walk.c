
/*
 * Copyright (C) The ngx_soma authors
 *
 * The five steps of a request, in their order.
 *
 * A step returns NGX_OK, and the next one follows; NGX_AGAIN, when it waits
 * (ngx_http_soma_wait()); or an HTTP status, which ends the request.  Whoever
 * waited walks again from the phase's first step: each step knows what it has
 * done.
 */


#include "ngx_http_soma_walk.h"
#include "ngx_http_soma_admit.h"
#include "ngx_http_soma_api.h"
#include "ngx_http_soma_attempt.h"
#include "ngx_http_soma_credentials.h"
#include "ngx_http_soma_identify.h"
#include "ngx_http_soma_lock.h"
#include "ngx_http_soma_metrics.h"
#include "ngx_http_soma_plan.h"
#include "ngx_http_soma_redis.h"
#include "ngx_http_soma_sigv4.h"
#include "ngx_http_soma_settle.h"
#include "ngx_http_soma_user.h"


static void ngx_http_soma_walk_phases(ngx_http_soma_ctx_t *ctx, ngx_int_t rc);
static ngx_int_t ngx_http_soma_walk_tenant(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_loc_conf_t *slcf);
static void ngx_http_soma_walk_on(ngx_http_soma_ctx_t *ctx, ngx_int_t rc);
static ngx_int_t ngx_http_soma_walk_asks(ngx_http_soma_ctx_t *ctx);
static ngx_int_t ngx_http_soma_walk_route(ngx_http_soma_ctx_t *ctx);
static void ngx_http_soma_walk_unnamed(ngx_http_soma_ctx_t *ctx);
static void ngx_http_soma_walk_over(ngx_http_soma_ctx_t *ctx);


ngx_http_soma_ctx_t *
ngx_http_soma_walk_begin(ngx_http_request_t *r)
{
    ngx_http_soma_ctx_t  *ctx;

    ctx = ngx_http_soma_ctx_create(r, ngx_http_soma_walk_over);

    if (ctx != NULL) {
        ngx_http_soma_metrics_inflight(ctx->main, 1);
    }

    return ctx;
}


/* the access phase */

ngx_int_t
ngx_http_soma_walk_enter(ngx_http_soma_ctx_t *ctx)
{
    ngx_int_t                  rc;
    ngx_http_request_t        *r;
    ngx_http_soma_loc_conf_t  *slcf;

    r = ctx->request;
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_soma_module);

    ctx->walk = ngx_http_soma_walk_phases;

    rc = ngx_http_soma_redis_first(ctx);

    /* 1 identify: who? */

    if (rc == NGX_OK) {
        rc = ngx_http_soma_identify(r, ctx);
    }

    /* 2 admit: may it? */

    if (rc == NGX_OK) {
        rc = ngx_http_soma_walk_tenant(ctx, slcf);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_soma_user_head(r, ctx);
    }

    if (rc == NGX_OK && !slcf->pass && !ctx->admitted
        && (!slcf->api || ngx_http_soma_api_limited(r)))
    {
        rc = ngx_http_soma_admit(ctx);
    }

    return rc;
}


/* the status of a step that failed is noted, and comes out again there */
static void
ngx_http_soma_walk_phases(ngx_http_soma_ctx_t *ctx, ngx_int_t rc)
{
    ngx_http_request_t  *r;

    (void) rc;

    r = ctx->request;
    r->write_event_handler = ngx_http_core_run_phases;

    ngx_http_core_run_phases(r);
}


/*
 * The tenant, and whether it is locked.  Where both have to be asked for, that
 * costs one round trip to Redis; and who is refused anyway has nothing asked
 * about its tenant.  The lock's own endpoints work while it holds.
 */
static ngx_int_t
ngx_http_soma_walk_tenant(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_loc_conf_t *slcf)
{
    ngx_int_t            rc;
    ngx_str_t            path;
    ngx_uint_t           lock;
    ngx_http_request_t  *r;

    r = ctx->request;
    path = ngx_http_soma_path(r);

    lock = slcf->training_lock && !slcf->api && !ctx->unlocked
           && !(slcf->pass && ngx_http_soma_path_begins(&path, "/training/"));

    if (lock) {
        rc = ngx_http_soma_lock_known(ctx);

        if (rc != NGX_OK && rc != NGX_DECLINED) {
            return rc;
        }
    }

    rc = ngx_http_soma_tenant_find_begin(r, ctx);

    if (rc == NGX_OK && lock && !ctx->unlocked) {
        rc = ngx_http_soma_lock_check(r, ctx);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_soma_tenant_find_end(ctx);
    }

    return rc;
}


/* the content phase of soma_pass: the body is there */

void
ngx_http_soma_walk_body(ngx_http_request_t *r)
{
    ngx_int_t             rc;
    ngx_http_soma_ctx_t  *ctx;

    ctx = ngx_http_soma_get_ctx(r);

    /* error_page may have led a request here twice */

    ctx->walk = ngx_http_soma_walk_on;
    ctx->asked = 0;
    ctx->object.known = 0;
    ctx->route = NULL;
    ctx->inner = NULL;

    rc = NGX_OK;

    if (ctx->url.surface->body != SOMA_BODY_NONE) {
        rc = ngx_http_soma_sigv4_check(ctx, 1);

        if (rc == NGX_OK) {
            rc = ngx_http_soma_unpack(ctx);
        }

        if (rc == NGX_DECLINED) {

            /* it came as it is, and may go with those that came with it */

            rc = ngx_http_soma_turn_join(ctx);
        }
    }

    if (rc != NGX_AGAIN) {
        ngx_http_soma_walk_on(ctx, rc == NGX_DECLINED ? NGX_OK : rc);
    }
}


static void
ngx_http_soma_walk_on(ngx_http_soma_ctx_t *ctx, ngx_int_t rc)
{
    if (rc == NGX_OK) {
        rc = ngx_http_soma_walk_pass(ctx);
    }

    ngx_http_soma_walk_sent(ctx, rc);
}


ngx_int_t
ngx_http_soma_walk_pass(ngx_http_soma_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = ngx_http_soma_walk_asks(ctx);

    /* 2 admit: whose is what it names, may it pay for it? */

    if (rc == NGX_OK) {
        rc = ngx_http_soma_stored(ctx);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_soma_admit(ctx);
    }

    /* 3 plan: where? */

    if (rc == NGX_OK) {
        rc = ngx_http_soma_plan(ctx);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_soma_stored_keeper(ctx);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_soma_credentials_wait(ctx);
    }

    /* 4 attempt: do it */

    if (rc == NGX_OK) {
        rc = ngx_http_soma_count(ctx);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_soma_media(ctx);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_soma_attempt(ctx);
    }

    return rc;
}


void
ngx_http_soma_walk_sent(ngx_http_soma_ctx_t *ctx, ngx_int_t rc)
{
    switch (rc) {

    case NGX_AGAIN:
        return;

    case NGX_OK:
        ngx_http_soma_attempt_begin(ctx);
        return;

    case NGX_DONE:

        /* the echo has said all there is */

        rc = ngx_http_soma_send(ctx->request, ctx->reply.status,
                                (char *) ctx->reply.type.data,
                                &ctx->reply.body);
        break;

    default:
        break;
    }

    ngx_http_finalize_request(ctx->request, rc);
}


/* what the body asks, of which model, and whether that is allowed */
static ngx_int_t
ngx_http_soma_walk_asks(ngx_http_soma_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ctx->asked || ctx->url.surface->body == SOMA_BODY_NONE) {
        return NGX_OK;
    }

    ctx->asked = 1;

    rc = ngx_http_soma_read(ctx);

    if (rc == NGX_OK) {
        rc = ngx_http_soma_user_body(ctx);
    }

    if (rc == NGX_OK && ngx_http_soma_query_hash(ctx) != NGX_OK) {
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc == NGX_OK) {
        rc = ngx_http_soma_walk_route(ctx);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_soma_policy(ctx);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_soma_bound_check(ctx);
    }

    return rc;
}


static ngx_int_t
ngx_http_soma_walk_route(ngx_http_soma_ctx_t *ctx)
{
    ngx_str_t  name;

    if (ctx->ask.model.len == 0) {
        ngx_http_soma_walk_unnamed(ctx);
    }

    name = ngx_http_soma_ngx(ctx->ask.model);
    ctx->route = ngx_http_soma_plan_route(ctx->main, &name);

    if (ctx->route == NULL) {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_NO_MODEL, "model_not_found",
                                   "there is no model \"%V\" here: GET "
                                   "/v1/models lists those you may use",
                                   &name);
    }

    if (!ngx_http_soma_plan_allowed(ctx, &name)) {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_FORBIDDEN,
                                   "model_not_allowed",
                                   "this API key may not use model \"%V\": "
                                   "GET /v1/models lists those it may", &name);
    }

    return NGX_OK;
}


/*
 * Moderations have a model of their own where the request names none: that of
 * OpenAI if it is configured, else the provider of the first model that the
 * key may use chooses one.
 */
static void
ngx_http_soma_walk_unnamed(ngx_http_soma_ctx_t *ctx)
{
    ngx_uint_t               i;
    ngx_http_soma_route_t  **route;

    static ngx_str_t  usual = ngx_string("omni-moderation-latest");

    ctx->ask.model = ngx_http_soma_str(usual);
    route = ctx->main->routes.elts;

    if (ngx_http_soma_plan_route(ctx->main, &usual) != NULL) {
        return;
    }

    for (i = 0; i < ctx->main->routes.nelts; i++) {
        if (ngx_http_soma_plan_allowed(ctx, &route[i]->name)) {
            ctx->ask.model = ngx_http_soma_str(route[i]->name);
            return;
        }
    }
}


/*
 * 5 settle.  An answer is settled where its end is seen, before the client
 * gets its last bytes; here, what ended in any other way.
 */
static void
ngx_http_soma_walk_over(ngx_http_soma_ctx_t *ctx)
{
    ngx_http_soma_outcome_settle(ctx);
    ngx_http_soma_metrics_inflight(ctx->main, -1);
}
