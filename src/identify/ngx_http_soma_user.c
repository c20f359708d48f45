
/*
 * Copyright (C) The ngx_soma authors
 */


#include "ngx_http_soma_user.h"
#include "ngx_http_soma_body.h"
#include "ngx_http_soma_identify.h"
#include "soma_tags.h"


static char *ngx_http_soma_user_header(ngx_conf_t *cf, ngx_http_soma_loc_conf_t
    *slcf, ngx_str_t *value);
static ngx_int_t ngx_http_soma_user_said(ngx_http_soma_ctx_t *ctx,
    soma_json_value_t *value);
static ngx_int_t ngx_http_soma_user_set(ngx_http_soma_ctx_t *ctx,
    soma_str_t user);
static void ngx_http_soma_user_tags(ngx_http_soma_ctx_t *ctx, soma_str_t list,
    soma_str_t object);


static ngx_str_t  ngx_http_soma_user_tags_name = ngx_string("x-soma-tags");


char *
ngx_http_soma_user_from(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_soma_loc_conf_t  *slcf = conf;

    ngx_str_t  *value;

    (void) cmd;

    if (slcf->user_from != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        slcf->user_from = NGX_HTTP_SOMA_USER_OFF;
        return NGX_CONF_OK;
    }

    if (cf->args->nelts == 3 && ngx_strcmp(value[1].data, "body") == 0
        && ngx_strcmp(value[2].data, "user") == 0)
    {
        slcf->user_from = NGX_HTTP_SOMA_USER_BODY;
        return NGX_CONF_OK;
    }

    if (cf->args->nelts == 3 && ngx_strcmp(value[1].data, "header") == 0) {
        return ngx_http_soma_user_header(cf, slcf, &value[2]);
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid \"soma_user_from\": \"header NAME\", "
                       "\"body user\" or \"off\" is allowed");

    return NGX_CONF_ERROR;
}


static char *
ngx_http_soma_user_header(ngx_conf_t *cf, ngx_http_soma_loc_conf_t *slcf,
    ngx_str_t *value)
{
    ngx_str_t  *name;

    slcf->user_from = NGX_HTTP_SOMA_USER_HEADER;
    name = &slcf->user_header;

    name->len = value->len;
    name->data = ngx_pnalloc(cf->pool, name->len);
    if (name->data == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_strlow(name->data, value->data, name->len);

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_soma_user_head(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx)
{
    ngx_int_t   rc;
    ngx_str_t  *value;

    if (!(ctx->identity.capabilities & SOMA_CAN_USER) || ctx->user_asked) {
        return NGX_OK;
    }

    ctx->user_asked = 1;

    if (ctx->conf->user_from == NGX_HTTP_SOMA_USER_HEADER) {
        value = ngx_http_soma_header_in(r, &ctx->conf->user_header);

        if (value != NULL) {
            rc = ngx_http_soma_user_set(ctx, ngx_http_soma_str(*value));

            if (rc != NGX_OK) {
                return rc;
            }
        }
    }

    value = ngx_http_soma_header_in(r, &ngx_http_soma_user_tags_name);

    if (value != NULL) {
        ngx_http_soma_user_tags(ctx, ngx_http_soma_str(*value), SOMA_STR(""));
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_soma_user_body(ngx_http_soma_ctx_t *ctx)
{
    soma_str_t          metadata;
    soma_json_span_t   *span;
    soma_json_value_t   v;

    if (!(ctx->identity.capabilities & SOMA_CAN_USER) || ctx->scan == NULL) {
        return NGX_OK;
    }

    metadata.data = NULL;
    metadata.len = 0;

    span = &ctx->scan->span[SOMA_ASK_METADATA];

    if (span->type == SOMA_JSON_OBJECT) {

        if (ngx_http_soma_body_value(ctx, span, &metadata) != SOMA_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        /* of who asks in it no tag is made: it is not of few values */

        if (ctx->client->user == NULL) {
            ngx_http_soma_user_tags(ctx, SOMA_STR(""), metadata);
        }
    }

    if (ctx->conf->user_from != NGX_HTTP_SOMA_USER_BODY) {
        return NGX_OK;
    }

    if (ctx->client->user != NULL) {

        if (metadata.len == 0
            || soma_json_get(metadata, ctx->client->user, &v) != SOMA_OK)
        {
            return NGX_OK;
        }

    } else {
        span = &ctx->scan->span[SOMA_ASK_USER];
        v.type = span->type;

        if (v.type != SOMA_JSON_NONE && v.type != SOMA_JSON_NULL
            && ngx_http_soma_body_value(ctx, span, &v.text) != SOMA_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    return ngx_http_soma_user_said(ctx, &v);
}


static ngx_int_t
ngx_http_soma_user_said(ngx_http_soma_ctx_t *ctx, soma_json_value_t *value)
{
    soma_str_t  text;

    if (value->type == SOMA_JSON_NONE || value->type == SOMA_JSON_NULL) {
        return NGX_OK;
    }

    if (soma_json_text(&ctx->arena, value, &text) != SOMA_OK) {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_BAD_REQUEST,
                                   "invalid_user",
                                   "\"%s\" must be a string or null",
                                   ctx->client->user ? ctx->client->user
                                                     : "user");
    }

    return ngx_http_soma_user_set(ctx, text);
}


/* nobody in particular stays whom the key was made for */
static ngx_int_t
ngx_http_soma_user_set(ngx_http_soma_ctx_t *ctx, soma_str_t user)
{
    user = soma_str_trim(user);

    if (user.len == 0) {
        return NGX_OK;
    }

    if (soma_key_identity_set(&ctx->identity, SOMA_STR("user"),
                              user) != SOMA_OK) {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_BAD_REQUEST,
                                   "invalid_user",
                                   "the user is longer than %d bytes, or has "
                                   "a control character in it",
                                   SOMA_USER_MAX);
    }

    return NGX_OK;
}


/* behind the key's own, which no request takes away */
static void
ngx_http_soma_user_tags(ngx_http_soma_ctx_t *ctx, soma_str_t list,
    soma_str_t object)
{
    u_char      *p;
    soma_out_t   out;

    p = ngx_pnalloc(ctx->request->pool, SOMA_USER_MAX);
    if (p == NULL) {
        return;
    }

    soma_put_init(&out, p, SOMA_USER_MAX);
    soma_put_str(&out, ctx->identity.tags);

    soma_tags_list(&out, list);

    if (object.len) {
        soma_tags_object(&out, object, &ctx->arena);
    }

    ctx->identity.tags.data = p;
    ctx->identity.tags.len = (size_t) (out.pos - out.start);
}
