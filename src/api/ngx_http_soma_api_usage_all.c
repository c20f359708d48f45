
/*
 * Copyright (C) The ngx_soma authors
 *
 * GET .../usage?tenant=*: which tenants there are, page by page.  Redis has
 * an index of those that were made at run time; the configuration has its
 * own; and this node has seen those that only a token's claim names.  All
 * three are sorted, so that a page is the first names behind its cursor.
 */


#include "ngx_http_soma_api_usage.h"
#include "ngx_http_soma_manage.h"


static ngx_int_t ngx_http_soma_usage_many(ngx_http_soma_usage_state_t *st);
static void ngx_http_soma_usage_indexed(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_soma_usage_union(ngx_http_request_t *r,
    ngx_http_soma_usage_state_t *st, redisReply *reply);
static ngx_int_t ngx_http_soma_usage_seen(ngx_http_soma_usage_state_t *st,
    redisReply *reply, soma_report_t *seen);
static ngx_uint_t ngx_http_soma_usage_behind(ngx_http_soma_usage_state_t *st,
    soma_str_t name);


ngx_int_t
ngx_http_soma_api_usage_page(ngx_http_request_t *r,
    ngx_http_soma_usage_state_t *st)
{
    int64_t     n;
    soma_str_t  text;

    st->limit = ngx_min(NGX_HTTP_SOMA_USAGE_TENANTS,
                        NGX_HTTP_SOMA_USAGE_KEYS_MAX
                        / (st->to - st->from + 1));

    if (ngx_http_soma_endpoint_arg(r, "limit", &text) == NGX_OK) {

        if (soma_number_int(text, &n) != SOMA_OK || n < 1
            || n > NGX_HTTP_SOMA_USAGE_PAGE_MAX)
        {
            return ngx_http_soma_fault(st->ctx, SOMA_FAULT_BAD_REQUEST,
                                       "invalid_limit",
                                       "limit= is a number from 1 to %d",
                                       NGX_HTTP_SOMA_USAGE_PAGE_MAX);
        }

        st->limit = (ngx_uint_t) n;
        st->paged = 1;
    }

    if (ngx_http_soma_endpoint_arg(r, "cursor", &st->cursor) == NGX_OK) {

        if (!soma_lock_tenant_valid(st->cursor)) {
            return ngx_http_soma_fault(st->ctx, SOMA_FAULT_BAD_REQUEST,
                                       "invalid_cursor",
                                       "cursor= is what the page before said "
                                       "under \"cursor\"");
        }

        st->paged = 1;
    }

    if (st->paged && !st->all) {
        return ngx_http_soma_fault(st->ctx, SOMA_FAULT_BAD_REQUEST,
                                   "invalid_limit",
                                   "limit= and cursor= are for tenant=*: a "
                                   "tenant's own usage has no pages");
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_soma_api_usage_index(ngx_http_request_t *r,
    ngx_http_soma_usage_state_t *st)
{
    ngx_int_t              rc;
    u_char                *from;
    ngx_http_soma_call_t   call;

    ngx_http_soma_manage_call(&call, "ZRANGEBYLEX");
    ngx_http_soma_manage_cstr(&call, NGX_HTTP_SOMA_TENANTS_INDEX);

    from = call.out.pos;

    if (st->cursor.len) {
        soma_put_char(&call.out, '(');
        soma_put_str(&call.out, st->cursor);

    } else {
        soma_put_char(&call.out, '-');
    }

    ngx_http_soma_manage_printed(&call, from);
    ngx_http_soma_manage_cstr(&call, "+");
    ngx_http_soma_manage_cstr(&call, "LIMIT");
    ngx_http_soma_manage_cstr(&call, "0");
    ngx_http_soma_manage_int(&call, (int64_t) st->limit + 1);

    rc = ngx_http_soma_redis_request(r, ngx_http_soma_usage_indexed,
                                     call.argc, call.argv, call.argvlen);
    if (rc == NGX_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc != NGX_OK) {
        return ngx_http_soma_api_usage_local(r, st);
    }

    return ngx_http_soma_endpoint_wait(r);
}


static void
ngx_http_soma_usage_indexed(ngx_http_request_t *r, redisReply *reply)
{
    ngx_int_t                     rc;
    ngx_http_soma_usage_state_t  *st;

    st = ngx_http_soma_endpoint_state(r);

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        rc = ngx_http_soma_api_usage_local(r, st);

    } else {
        rc = ngx_http_soma_usage_union(r, st, reply);

        if (rc == NGX_OK) {
            rc = ngx_http_soma_api_usage_ask(r, st);
        }
    }

    if (rc != NGX_AGAIN) {
        ngx_http_soma_endpoint_end(r, rc);
    }
}


static ngx_int_t
ngx_http_soma_usage_union(ngx_http_request_t *r,
    ngx_http_soma_usage_state_t *st, redisReply *reply)
{
    size_t          i;
    soma_str_t     *name;
    soma_report_t   seen;

    soma_report_init(&seen, &st->ctx->arena, SOMA_BY_TENANT);

    if (ngx_http_soma_usage_seen(st, reply, &seen) != NGX_OK
        || soma_report_merge(&seen) != SOMA_OK
        || ngx_array_init(&st->tenants, r->pool, 16, sizeof(soma_str_t))
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    for (i = 0; i < seen.n; i++) {

        if (!ngx_http_soma_usage_behind(st, seen.row[i].tenant)) {
            continue;
        }

        if (st->tenants.nelts == st->limit) {

            if (!st->paged) {
                return ngx_http_soma_usage_many(st);
            }

            name = st->tenants.elts;
            st->next = name[st->limit - 1];
            break;
        }

        name = ngx_array_push(&st->tenants);
        if (name == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        *name = seen.row[i].tenant;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_usage_many(ngx_http_soma_usage_state_t *st)
{
    return ngx_http_soma_fault(st->ctx, SOMA_FAULT_BAD_REQUEST,
                               "range_too_large",
                               "more than %ui tenants for so many days: ask "
                               "for pages, limit=%d, and go on with cursor= "
                               "as the answer says", st->limit,
                               NGX_HTTP_SOMA_USAGE_PAGE_MAX);
}


static ngx_int_t
ngx_http_soma_usage_seen(ngx_http_soma_usage_state_t *st, redisReply *reply,
    soma_report_t *seen)
{
    size_t                      i;
    soma_str_t                  name;
    soma_report_row_t           row;
    ngx_http_soma_tenant_t    **tenant;
    ngx_http_soma_main_conf_t  *smcf;

    smcf = st->ctx->main;
    ngx_memzero(&row, sizeof(soma_report_row_t));

    for (i = 0; i < reply->elements; i++) {

        if (reply->element[i]->type != REDIS_REPLY_STRING) {
            continue;
        }

        name.data = (u_char *) reply->element[i]->str;
        name.len = reply->element[i]->len;

        /* the name is part of a key: whoever wrote it there */

        if (!soma_lock_tenant_valid(name)) {
            continue;
        }

        row.tenant = soma_str_dup(&st->ctx->arena, name);

        if (row.tenant.data == NULL
            || soma_report_add(seen, &row) != SOMA_OK)
        {
            return NGX_ERROR;
        }
    }

    tenant = smcf->tenants.elts;

    for (i = 0; i < smcf->tenants.nelts; i++) {
        row.tenant = ngx_http_soma_str(tenant[i]->name);

        if (soma_report_add(seen, &row) != SOMA_OK) {
            return NGX_ERROR;
        }
    }

    if (ngx_http_soma_metrics_usage(smcf, seen, 0, st->to, NULL) == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* in the order of Redis' index: byte by byte, the shorter one first */
static ngx_uint_t
ngx_http_soma_usage_behind(ngx_http_soma_usage_state_t *st, soma_str_t name)
{
    size_t  len;
    int     rc;

    if (!soma_lock_tenant_valid(name)) {
        return 0;
    }

    if (st->cursor.len == 0) {
        return 1;
    }

    len = ngx_min(name.len, st->cursor.len);
    rc = ngx_memcmp(name.data, st->cursor.data, len);

    return rc > 0 || (rc == 0 && name.len > st->cursor.len);
}
