
/*
 * Copyright (C) The ngx_soma authors
 *
 * Objects that a provider keeps under one key for all tenants: a request that
 * names one, and those for a stored response itself.  Whoever was not given it
 * is told that there is no such thing; who was, is led to who keeps it.
 */


#include "ngx_http_soma_attempt.h"
#include "ngx_http_soma_own.h"
#include "ngx_http_soma_plan.h"


static ngx_int_t ngx_http_soma_object(ngx_http_soma_ctx_t *ctx);
static ngx_int_t ngx_http_soma_stored_objects(ngx_http_soma_ctx_t *ctx);
static ngx_int_t ngx_http_soma_stored_response(ngx_http_soma_ctx_t *ctx);
static void ngx_http_soma_object_known(ngx_http_soma_ctx_t *ctx,
    ngx_int_t rc);
static ngx_int_t ngx_http_soma_object_take(ngx_http_soma_ctx_t *ctx,
    ngx_int_t rc);
static ngx_int_t ngx_http_soma_object_unknown(ngx_http_soma_ctx_t *ctx);
static ngx_int_t ngx_http_soma_object_away(ngx_http_soma_ctx_t *ctx);
static ngx_uint_t ngx_http_soma_object_allowed(ngx_http_soma_route_t *route,
    soma_object_e kind);
static void ngx_http_soma_stored_known(ngx_http_soma_ctx_t *ctx,
    ngx_int_t rc);
static ngx_int_t ngx_http_soma_stored_route(ngx_http_soma_ctx_t *ctx,
    ngx_int_t rc);
static ngx_http_soma_model_t *ngx_http_soma_stored_only(
    ngx_http_soma_main_conf_t *smcf);


ngx_int_t
ngx_http_soma_stored(ngx_http_soma_ctx_t *ctx)
{
    if (ctx->url.surface->body == SOMA_BODY_NONE) {
        return ngx_http_soma_stored_response(ctx);
    }

    return ngx_http_soma_stored_objects(ctx);
}


static ngx_int_t
ngx_http_soma_stored_objects(ngx_http_soma_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ctx->ask.nids == 0) {
        return NGX_OK;
    }

    if (ngx_http_soma_own_alone(ctx)) {

        /* whatever it is, nobody else here can have been given it */

        ctx->ask.window = 1;
        return NGX_OK;
    }

    rc = NGX_OK;

    while (rc == NGX_OK && ctx->object.known < ctx->ask.nids) {
        rc = ngx_http_soma_object(ctx);
    }

    return rc;
}


static ngx_int_t
ngx_http_soma_object(ngx_http_soma_ctx_t *ctx)
{
    ngx_int_t       rc;
    soma_ask_id_t  *id;

    id = &ctx->ask.ids[ctx->object.known];

    if (ngx_http_soma_object_allowed(ctx->route, id->kind)) {
        ctx->ask.window = 1;
        ctx->object.known++;
        return NGX_OK;
    }

    /* of the others nobody is told by an answer that passes here */

    rc = (id->kind == SOMA_OBJECT_RESPONSE)
         ? ngx_http_soma_own_find(ctx, id->id, ngx_http_soma_object_known)
         : NGX_DECLINED;

    return (rc == NGX_AGAIN) ? NGX_AGAIN : ngx_http_soma_object_take(ctx, rc);
}


static void
ngx_http_soma_object_known(ngx_http_soma_ctx_t *ctx, ngx_int_t rc)
{
    ctx->walk(ctx, ngx_http_soma_object_take(ctx, rc));
}


static ngx_int_t
ngx_http_soma_object_take(ngx_http_soma_ctx_t *ctx, ngx_int_t rc)
{
    switch (rc) {

    case NGX_OK:
        break;

    case NGX_DECLINED:
        return ngx_http_soma_object_unknown(ctx);

    case NGX_BUSY:
        return ngx_http_soma_object_away(ctx);

    default:
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->object.known++;
    ctx->object.keeper = ctx->object.own.provider;

    if (ctx->object.own.tokens > 0) {
        ctx->ask.before += ctx->object.own.tokens;

    } else {
        ctx->ask.window = 1;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_object_unknown(ngx_http_soma_ctx_t *ctx)
{
    soma_str_t      name;
    soma_ask_id_t  *id;

    id = &ctx->ask.ids[ctx->object.known];
    name = soma_policy_objects[id->kind];

    if (id->kind == SOMA_OBJECT_RESPONSE) {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_NOT_FOUND,
                                   "previous_response_not_found",
                                   "there is no response \"%*s\" of yours to "
                                   "go on from: name one that you were given "
                                   "in the last 30 days, with \"store\" not "
                                   "false, or send the whole conversation",
                                   ngx_min(id->id.len, SOMA_OWN_ID_MAX),
                                   id->id.data);
    }

    return ngx_http_soma_fault(ctx, SOMA_FAULT_NOT_FOUND, "object_not_found",
                               "there is no \"%*s\" \"%*s\" of yours: what a "
                               "provider keeps is not passed on, unless "
                               "\"allow %*s\" of soma_provider says so",
                               name.len, name.data,
                               ngx_min(id->id.len, SOMA_OWN_ID_MAX),
                               id->id.data, name.len, name.data);
}


/* whose it is has to be known: what was once given to one tenant must not go
 * to another because nobody can be asked */
static ngx_int_t
ngx_http_soma_object_away(ngx_http_soma_ctx_t *ctx)
{
    return ngx_http_soma_fault(ctx, SOMA_FAULT_UNAVAILABLE,
                               "object_store_unavailable",
                               "whose response this is cannot be told now, "
                               "Redis is away: try again in a moment");
}


static ngx_uint_t
ngx_http_soma_object_allowed(ngx_http_soma_route_t *route, soma_object_e kind)
{
    ngx_uint_t                 i;
    ngx_http_soma_target_t    *target;
    ngx_http_soma_provider_t  *provider;

    target = route->targets.elts;

    for (i = 0; i < route->targets.nelts; i++) {
        provider = target[i].model->provider;

        if (!provider->echo && !(provider->allow_objects & (1 << kind))) {
            return 0;
        }
    }

    return 1;
}


ngx_int_t
ngx_http_soma_stored_keeper(ngx_http_soma_ctx_t *ctx)
{
    ngx_str_t               *name;
    ngx_uint_t               i, n;
    ngx_http_soma_target_t  *target;

    if (ctx->object.keeper.len == 0) {
        return NGX_OK;
    }

    n = 0;
    target = ctx->route->targets.elts;

    for (i = 0; i < ctx->plan.n; i++) {
        name = &target[ctx->plan.order[i]].model->provider->name;

        if (soma_str_eq(ngx_http_soma_str(*name), ctx->object.keeper)) {
            ctx->plan.order[n++] = ctx->plan.order[i];
        }
    }

    ctx->plan.n = n;

    if (n != 0) {
        return NGX_OK;
    }

    return ngx_http_soma_fault(ctx, SOMA_FAULT_NOT_FOUND,
                               "previous_response_not_found",
                               "the response is kept by another provider than "
                               "those of \"%V\" that can be used now: name a "
                               "model of the same provider, or send the whole "
                               "conversation", &ctx->route->name);
}


static ngx_int_t
ngx_http_soma_stored_response(ngx_http_soma_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ctx->route != NULL) {
        return NGX_OK;
    }

    ctx->ask.body_len = 0;
    ctx->ask.max_tokens = -1;
    ctx->ask.n = 1;
    ctx->ask.prompts = 1;

    rc = ngx_http_soma_own_find(ctx, ctx->url.id,
                                ngx_http_soma_stored_known);

    return (rc == NGX_AGAIN) ? NGX_AGAIN : ngx_http_soma_stored_route(ctx, rc);
}


static void
ngx_http_soma_stored_known(ngx_http_soma_ctx_t *ctx, ngx_int_t rc)
{
    ctx->walk(ctx, ngx_http_soma_stored_route(ctx, rc));
}


static ngx_int_t
ngx_http_soma_stored_route(ngx_http_soma_ctx_t *ctx, ngx_int_t rc)
{
    ngx_str_t               name;
    ngx_http_soma_model_t  *model;

    if (rc == NGX_BUSY) {
        return ngx_http_soma_object_away(ctx);
    }

    if (rc == NGX_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc == NGX_OK) {
        name = ngx_http_soma_ngx(ctx->object.own.model);
        ctx->object.keeper = ctx->object.own.provider;
        ctx->route = ngx_http_soma_plan_route(ctx->main, &name);

    } else if (soma_own_id(ctx->url.id)
               && ngx_http_soma_own_alone(ctx))
    {
        /* a tenant that has the gateway to itself, before it was restarted */

        model = ngx_http_soma_stored_only(ctx->main);

        if (model) {
            ctx->object.keeper = ngx_http_soma_str(model->provider->name);
            ctx->route = ngx_http_soma_plan_route(ctx->main, &model->name);
        }
    }

    if (ctx->route == NULL
        || !ngx_http_soma_plan_allowed(ctx, &ctx->route->name))
    {
        ctx->route = NULL;

        return ngx_http_soma_fault(ctx, SOMA_FAULT_NOT_FOUND,
                                   "response_not_found",
                                   "there is no response \"%*s\" of yours",
                                   ngx_min(ctx->url.id.len,
                                           SOMA_OWN_ID_MAX),
                                   ctx->url.id.data);
    }

    return NGX_OK;
}


/* any model of the one provider there is; NULL: there are several */
static ngx_http_soma_model_t *
ngx_http_soma_stored_only(ngx_http_soma_main_conf_t *smcf)
{
    ngx_uint_t               i;
    ngx_http_soma_model_t  **model, *only;

    only = NULL;
    model = smcf->models.elts;

    for (i = 0; i < smcf->models.nelts; i++) {

        if (model[i]->provider->echo) {
            continue;
        }

        if (only != NULL && only->provider != model[i]->provider) {
            return NULL;
        }

        only = only ? only : model[i];
    }

    return only;
}
