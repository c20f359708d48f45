
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a request asks beside text: members by which a provider would choose
 * another model, key or address, and tools of the provider's own.  They pass
 * where every provider that may answer allows them.
 */


#include "ngx_http_soma_attempt.h"


/* allows whatever its list is of */
#define NGX_HTTP_SOMA_POLICY_ALL  "all"


static ngx_int_t ngx_http_soma_policy_members(ngx_http_soma_ctx_t *ctx);
static ngx_int_t ngx_http_soma_policy_member(ngx_http_soma_ctx_t *ctx,
    ngx_uint_t i);
static ngx_int_t ngx_http_soma_policy_tool(ngx_http_soma_ctx_t *ctx,
    soma_str_t name);
static ngx_uint_t ngx_http_soma_policy_allows(ngx_http_soma_route_t *route,
    ngx_uint_t i);
static ngx_uint_t ngx_http_soma_tool_allowed(ngx_http_soma_route_t *route,
    soma_str_t name);
static ngx_uint_t ngx_http_soma_tool_listed(ngx_array_t *tools,
    soma_str_t name);
static ngx_uint_t ngx_http_soma_policy_searches(ngx_http_soma_route_t *route);


ngx_int_t
ngx_http_soma_policy(ngx_http_soma_ctx_t *ctx)
{
    unsigned   i;
    ngx_int_t  rc;

    rc = ngx_http_soma_policy_members(ctx);

    for (i = 0; rc == NGX_OK && i < ctx->ask.nhosted; i++) {
        rc = ngx_http_soma_policy_tool(ctx, ctx->ask.hosted[i]);
    }

    if (ngx_http_soma_policy_searches(ctx->route)) {
        ctx->ask.window = 1;
    }

    return rc;
}


static ngx_int_t
ngx_http_soma_policy_members(ngx_http_soma_ctx_t *ctx)
{
    ngx_int_t   rc;
    ngx_uint_t  i;

    rc = NGX_OK;

    for (i = 0; i < SOMA_JSON_OTHERS && ctx->others[i] == 0; i++) {
        /* void */
    }

    if (i == SOMA_JSON_OTHERS) {
        return NGX_OK;
    }

    for (i = 0; rc == NGX_OK && i < SOMA_POLICIES; i++) {
        if (ctx->others[i / 64] & ((uint64_t) 1 << (i % 64))) {
            rc = ngx_http_soma_policy_member(ctx, i);
        }
    }

    return rc;
}


static ngx_int_t
ngx_http_soma_policy_member(ngx_http_soma_ctx_t *ctx, ngx_uint_t i)
{
    const char           *does;
    soma_str_t            tool;
    const soma_policy_t  *policy;

    policy = &soma_policies[i];

    if (policy->why == SOMA_POLICY_TOOL) {

        if (ngx_http_soma_policy_allows(ctx->route, i)) {
            ctx->ask.window = 1;
            return NGX_OK;
        }

        tool = soma_str_is(policy->name, "plugins") ? policy->name
                                                    : SOMA_STR("web_search");

        return ngx_http_soma_policy_tool(ctx, tool);
    }

    if (ngx_http_soma_policy_allows(ctx->route, i)) {
        return NGX_OK;
    }

    does = (policy->why == SOMA_POLICY_BOUND)
           ? "bounds an answer beside \"max_tokens\""
           : "may choose another model, key or address than this gateway";

    return ngx_http_soma_fault(ctx, SOMA_FAULT_BAD_REQUEST,
                               "unsupported_parameter",
                               "\"%*s\" is not passed on, since it %s: leave "
                               "it out, or have it allowed by \"allow %*s\" "
                               "of soma_provider", policy->name.len,
                               policy->name.data, does, policy->name.len,
                               policy->name.data);
}


/* who searches, or runs what it wrote, reads more than the request */
static ngx_int_t
ngx_http_soma_policy_tool(ngx_http_soma_ctx_t *ctx, soma_str_t name)
{
    if (ngx_http_soma_tool_allowed(ctx->route, name)) {
        ctx->ask.window = 1;
        return NGX_OK;
    }

    return ngx_http_soma_fault(ctx, SOMA_FAULT_BAD_REQUEST,
                               "tool_not_allowed",
                               "the tool \"%*s\" is run by the provider, which "
                               "costs beside tokens: leave it out, or have it "
                               "allowed by \"tools %*s\" of soma_provider or "
                               "soma_route", name.len, name.data, name.len,
                               name.data);
}


/* the echo reads none of them */
static ngx_uint_t
ngx_http_soma_policy_allows(ngx_http_soma_route_t *route, ngx_uint_t i)
{
    ngx_uint_t                 k;
    ngx_http_soma_target_t    *target;
    ngx_http_soma_provider_t  *provider;

    target = route->targets.elts;

    for (k = 0; k < route->targets.nelts; k++) {
        provider = target[k].model->provider;

        if (!provider->echo
            && !(provider->allow[i / 64] & ((uint64_t) 1 << (i % 64))))
        {
            return 0;
        }
    }

    return 1;
}


static ngx_uint_t
ngx_http_soma_tool_allowed(ngx_http_soma_route_t *route, soma_str_t name)
{
    ngx_uint_t                 i;
    ngx_http_soma_target_t    *target;
    ngx_http_soma_provider_t  *provider;

    if (ngx_http_soma_tool_listed(&route->tools, name)) {
        return 1;
    }

    target = route->targets.elts;

    for (i = 0; i < route->targets.nelts; i++) {
        provider = target[i].model->provider;

        if (!provider->echo
            && !ngx_http_soma_tool_listed(&provider->tools, name))
        {
            return 0;
        }
    }

    return 1;
}


/* "web_search" is web_search_preview and web_search_2025_08_26 too */
static ngx_uint_t
ngx_http_soma_tool_listed(ngx_array_t *tools, soma_str_t name)
{
    ngx_uint_t   i;
    soma_str_t  *tool;

    tool = tools->elts;

    for (i = 0; i < tools->nelts; i++) {

        if (soma_str_is(tool[i], NGX_HTTP_SOMA_POLICY_ALL)) {
            return 1;
        }

        if (name.len >= tool[i].len
            && soma_same(name.data, tool[i].data, tool[i].len)
            && (name.len == tool[i].len || name.data[tool[i].len] == '_'))
        {
            return 1;
        }
    }

    return 0;
}


/* models that search unasked: gpt-4o-search-preview, sonar, x:online */
static ngx_uint_t
ngx_http_soma_policy_searches(ngx_http_soma_route_t *route)
{
    ngx_str_t               *name;
    ngx_uint_t               i, k;
    ngx_http_soma_target_t  *target;

    static ngx_str_t  words[] = {
        ngx_string("-search-"),
        ngx_string("sonar"),
        ngx_string(":online"),
        ngx_string("deep-research")
    };

    target = route->targets.elts;

    for (i = 0; i < route->targets.nelts; i++) {
        name = &target[i].model->target;

        for (k = 0; k < sizeof(words) / sizeof(words[0]); k++) {
            if (ngx_strlcasestrn(name->data, name->data + name->len,
                                 words[k].data, words[k].len - 1)
                != NULL)
            {
                return 1;
            }
        }
    }

    return 0;
}
