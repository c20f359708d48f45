
/*
 * Copyright (C) The ngx_soma authors
 *
 * GET and POST .../tenants, GET, POST and DELETE .../tenants/<name>.  What is
 * written is the hash soma:tenant:<name>, whose fields take the place of the
 * lines of a soma_tenant block; then the index soma:tenants, so that a name
 * in it whose hash is gone is not shown, and the next change of a tenant that
 * is missing in it puts it there.
 */


#include "ngx_http_soma_manage.h"
#include "ngx_http_soma_api_tenants.h"
#include "ngx_http_soma_api_keys.h"
#include "ngx_http_soma_cache.h"


static ngx_int_t ngx_http_soma_tenants_ready(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m);
static ngx_int_t ngx_http_soma_tenants_push(ngx_http_soma_manage_t *m,
    soma_str_t name);
static ngx_int_t ngx_http_soma_tenants_list(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m);
static ngx_int_t ngx_http_soma_tenants_names(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, redisReply *reply);
static ngx_int_t ngx_http_soma_tenants_configured(ngx_http_soma_manage_t *m);
static ngx_int_t ngx_http_soma_tenants_ask(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, ngx_http_soma_manage_reply_pt handler);
static void ngx_http_soma_tenants_read(ngx_http_soma_manage_t *m,
    redisReply *reply);
static ngx_int_t ngx_http_soma_tenants_listed(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, redisReply *reply);
static ngx_int_t ngx_http_soma_tenants_item(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m);
static ngx_int_t ngx_http_soma_tenants_got(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, redisReply *reply);
static ngx_int_t ngx_http_soma_tenants_show(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m);
static ngx_int_t ngx_http_soma_tenants_unknown(ngx_http_soma_manage_t *m);
static ngx_int_t ngx_http_soma_tenants_change(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m);
static ngx_int_t ngx_http_soma_tenants_changed(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, redisReply *reply);
static ngx_int_t ngx_http_soma_tenants_indexed(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, redisReply *reply);
static ngx_int_t ngx_http_soma_tenants_delete(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m);
static ngx_int_t ngx_http_soma_tenants_keys(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m);
static ngx_int_t ngx_http_soma_tenants_drop(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m);
static ngx_int_t ngx_http_soma_tenants_dropped(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, redisReply *reply);
static ngx_int_t ngx_http_soma_tenants_unlisted(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, redisReply *reply);


ngx_int_t
ngx_http_soma_api_tenants_route(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, soma_str_t tail)
{
    m->id = tail;

    if (tail.len == 0) {

        if (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)) {
            m->op = ngx_http_soma_tenants_list;
            return NGX_OK;
        }

        if (r->method == NGX_HTTP_POST) {
            m->op = ngx_http_soma_tenants_change;
            m->kind = SOMA_CHANGE_TENANT_NEW;
            m->body = 1;
            m->alone = 1;
            return NGX_OK;
        }

        return ngx_http_soma_endpoint_method(r, m->ctx, "GET, HEAD, POST");
    }

    if (!soma_lock_tenant_valid(tail)) {
        return ngx_http_soma_fault(m->ctx, SOMA_FAULT_NOT_FOUND,
                                   "unknown_tenant",
                                   "no such endpoint: there are .../tenants "
                                   "and .../tenants/<name>, a name of 1 to "
                                   "%d letters, digits, \".\", \"_\" and "
                                   "\"-\"", SOMA_TENANT_MAX);
    }

    if (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)) {
        m->op = ngx_http_soma_tenants_item;
        return NGX_OK;
    }

    if (r->method == NGX_HTTP_POST) {
        m->op = ngx_http_soma_tenants_change;
        m->kind = SOMA_CHANGE_TENANT;
        m->body = 1;
        m->alone = 1;
        return NGX_OK;
    }

    if (r->method == NGX_HTTP_DELETE) {
        m->op = ngx_http_soma_tenants_delete;
        m->alone = 1;
        return NGX_OK;
    }

    return ngx_http_soma_endpoint_method(r, m->ctx, "GET, HEAD, POST, DELETE");
}


static ngx_int_t
ngx_http_soma_tenants_ready(ngx_http_request_t *r, ngx_http_soma_manage_t *m)
{
    m->local = !m->ctx->main->redis.set;

    return ngx_array_init(&m->rows, r->pool, 8,
                          sizeof(ngx_http_soma_tenant_row_t));
}


static ngx_int_t
ngx_http_soma_tenants_push(ngx_http_soma_manage_t *m, soma_str_t name)
{
    ngx_http_soma_tenant_row_t  *row;

    row = ngx_array_push(&m->rows);
    if (row == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(row, sizeof(ngx_http_soma_tenant_row_t));
    row->name = name;

    return NGX_OK;
}


ngx_http_soma_tenant_t *
ngx_http_soma_api_tenants_block(ngx_http_soma_manage_t *m, soma_str_t name)
{
    return ngx_http_soma_names_find(&m->ctx->main->tenant_names, name.data,
                                    name.len);
}


static ngx_int_t
ngx_http_soma_tenants_list(ngx_http_request_t *r, ngx_http_soma_manage_t *m)
{
    ngx_int_t             rc;
    ngx_http_soma_call_t  call;

    rc = ngx_http_soma_endpoint_args(r, m->ctx, "limit cursor");

    if (rc == NGX_OK) {
        rc = ngx_http_soma_manage_page(r, m);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (m->cursor.len && !soma_lock_tenant_valid(m->cursor)) {
        return ngx_http_soma_fault(m->ctx, SOMA_FAULT_BAD_REQUEST,
                                   "invalid_cursor",
                                   "cursor= is what the page before said "
                                   "under \"cursor\"");
    }

    if (ngx_http_soma_tenants_ready(r, m) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (m->local) {

        if (ngx_http_soma_tenants_configured(m) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_http_soma_endpoint_answer(r, NGX_HTTP_OK,
                                            ngx_http_soma_api_tenants_write, m);
    }

    ngx_http_soma_manage_call(&call, "ZRANGEBYLEX");
    ngx_http_soma_manage_cstr(&call, NGX_HTTP_SOMA_TENANTS_INDEX);

    if (m->cursor.len) {
        ngx_http_soma_manage_key(&call, "(", m->cursor);

    } else {
        ngx_http_soma_manage_cstr(&call, "-");
    }

    ngx_http_soma_manage_cstr(&call, "+");
    ngx_http_soma_manage_cstr(&call, "LIMIT");
    ngx_http_soma_manage_cstr(&call, "0");
    ngx_http_soma_manage_int(&call, m->limit);

    return ngx_http_soma_manage_send(r, m, &call, ngx_http_soma_tenants_names);
}


static ngx_int_t
ngx_http_soma_tenants_names(ngx_http_request_t *r, ngx_http_soma_manage_t *m,
    redisReply *reply)
{
    size_t      i;
    soma_str_t  name;

    if (reply->type != REDIS_REPLY_ARRAY) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (m->cursor.len == 0
        && ngx_http_soma_tenants_configured(m) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    name = (soma_str_t) soma_str_null;

    for (i = 0; i < reply->elements; i++) {

        name.data = (u_char *) reply->element[i]->str;
        name.len = reply->element[i]->len;
        name = soma_str_dup(&m->ctx->arena, name);

        if (name.data == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        if (soma_lock_tenant_valid(name)
            && ngx_http_soma_api_tenants_block(m, name) == NULL
            && ngx_http_soma_tenants_push(m, name) != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    if (reply->elements == m->limit) {
        m->next = name;
    }

    if (m->rows.nelts == 0) {
        return ngx_http_soma_endpoint_answer(r, NGX_HTTP_OK,
                                            ngx_http_soma_api_tenants_write, m);
    }

    return ngx_http_soma_tenants_ask(r, m, ngx_http_soma_tenants_listed);
}


static ngx_int_t
ngx_http_soma_tenants_configured(ngx_http_soma_manage_t *m)
{
    ngx_uint_t                i;
    ngx_http_soma_tenant_t  **tenant;

    tenant = m->ctx->main->tenants.elts;

    for (i = 0; i < m->ctx->main->tenants.nelts; i++) {
        if (ngx_http_soma_tenants_push(m, ngx_http_soma_str(tenant[i]->name))
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_tenants_ask(ngx_http_request_t *r, ngx_http_soma_manage_t *m,
    ngx_http_soma_manage_reply_pt handler)
{
    ngx_int_t                    rc;
    ngx_uint_t                   i;
    ngx_http_soma_tenant_row_t  *row;

    row = m->rows.elts;
    m->got = 0;
    m->sent = m->rows.nelts;

    for (i = 0; i < m->rows.nelts; i++) {

        rc = ngx_http_soma_manage_hash(r, m, NGX_HTTP_SOMA_TENANT_PREFIX,
                                       row[i].name, i, handler);

        if (rc != NGX_AGAIN) {
            return rc;
        }
    }

    return NGX_AGAIN;
}


static void
ngx_http_soma_tenants_read(ngx_http_soma_manage_t *m, redisReply *reply)
{
    size_t                       i;
    int64_t                      ms;
    ngx_uint_t                   n;
    soma_str_t                   field, value;
    ngx_http_soma_tenant_row_t  *row;

    reply = ngx_http_soma_manage_hashed(m, reply, &n);

    if (reply == NULL) {
        return;
    }

    row = m->rows.elts;
    row += n;

    row->there = (reply->elements != 0);

    for (i = 0; i + 1 < reply->elements; i += 2) {

        field.data = (u_char *) reply->element[i]->str;
        field.len = reply->element[i]->len;
        value.data = (u_char *) reply->element[i + 1]->str;
        value.len = reply->element[i + 1]->len;
        value = soma_str_dup(&m->ctx->arena, value);

        if (value.data == NULL) {
            continue;
        }

        if (soma_tenant_set(&row->tenant, field, value) == SOMA_ERROR) {
            row->tenant.invalid = 1;

        } else if (soma_str_is(field, "created")
                   && soma_time_parse(value, &ms) == SOMA_OK)
        {
            row->created = ms;
        }
    }
}


static ngx_int_t
ngx_http_soma_tenants_listed(ngx_http_request_t *r, ngx_http_soma_manage_t *m,
    redisReply *reply)
{
    ngx_http_soma_tenants_read(m, reply);

    if (++m->got < m->sent) {
        return NGX_AGAIN;
    }

    return ngx_http_soma_endpoint_answer(r, NGX_HTTP_OK,
                                            ngx_http_soma_api_tenants_write, m);
}


static ngx_int_t
ngx_http_soma_tenants_item(ngx_http_request_t *r, ngx_http_soma_manage_t *m)
{
    if (ngx_http_soma_tenants_ready(r, m) != NGX_OK
        || ngx_http_soma_tenants_push(m, m->id) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (m->local) {
        return ngx_http_soma_tenants_show(r, m);
    }

    return ngx_http_soma_tenants_ask(r, m, ngx_http_soma_tenants_got);
}


static ngx_int_t
ngx_http_soma_tenants_got(ngx_http_request_t *r, ngx_http_soma_manage_t *m,
    redisReply *reply)
{
    ngx_http_soma_tenants_read(m, reply);

    return ngx_http_soma_tenants_show(r, m);
}


static ngx_int_t
ngx_http_soma_tenants_show(ngx_http_request_t *r, ngx_http_soma_manage_t *m)
{
    ngx_uint_t                   status;
    ngx_http_soma_tenant_row_t  *row;

    row = m->rows.elts;

    if (!row->there && ngx_http_soma_api_tenants_block(m, row->name) == NULL) {
        return ngx_http_soma_tenants_unknown(m);
    }

    status = (m->kind == SOMA_CHANGE_TENANT_NEW) ? NGX_HTTP_CREATED
                                                 : NGX_HTTP_OK;

    return ngx_http_soma_endpoint_answer(r, status,
                                       ngx_http_soma_api_tenants_write_item, m);
}


static ngx_int_t
ngx_http_soma_tenants_unknown(ngx_http_soma_manage_t *m)
{
    return ngx_http_soma_fault(m->ctx, SOMA_FAULT_NOT_FOUND, "unknown_tenant",
                               "there is no tenant \"%*s\": POST .../tenants "
                               "with {\"name\":\"%*s\"} makes it",
                               m->id.len, m->id.data, m->id.len, m->id.data);
}


/* a block may get its hash by either way; a tenant that stands nowhere is
 * made by POST .../tenants only, or a slip of the pen would make one */

static ngx_int_t
ngx_http_soma_tenants_change(ngx_http_request_t *r, ngx_http_soma_manage_t *m)
{
    ngx_uint_t             i;
    const char            *there;
    ngx_http_soma_call_t   call;

    if (m->kind == SOMA_CHANGE_TENANT_NEW) {
        m->id = m->change.value[SOMA_FIELD_NAME];
        m->change.set &= ~(1u << SOMA_FIELD_NAME);
        there = "0";

    } else {
        there = ngx_http_soma_api_tenants_block(m, m->id) ? "2" : "1";

        if ((m->change.set | m->change.removed) == 0) {
            return ngx_http_soma_fault(m->ctx, SOMA_FAULT_BAD_REQUEST,
                                       "invalid_request",
                                       "nothing to change: say limits, "
                                       "models or tags, null to remove one");
        }
    }

    if (ngx_http_soma_tenants_ready(r, m) != NGX_OK
        || ngx_http_soma_tenants_push(m, m->id) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (m->local) {
        return ngx_http_soma_manage_no_redis(m);
    }

    ngx_http_soma_manage_call(&call, "EVAL");
    ngx_http_soma_manage_cstr(&call, soma_manage_write_lua);
    ngx_http_soma_manage_cstr(&call, "1");
    ngx_http_soma_manage_key(&call, NGX_HTTP_SOMA_TENANT_PREFIX, m->id);
    ngx_http_soma_manage_cstr(&call, there);
    ngx_http_soma_manage_cstr(&call, "-");
    ngx_http_soma_manage_time(&call, m->now);
    ngx_http_soma_manage_change(&call, &m->change, m->change.set);

    for (i = 0; i < SOMA_FIELDS; i++) {
        if (m->change.removed & (1u << i)) {
            ngx_http_soma_manage_cstr(&call, soma_change_field_name(i));
        }
    }

    m->written = 1;

    return ngx_http_soma_manage_send(r, m, &call,
                                     ngx_http_soma_tenants_changed);
}


static ngx_int_t
ngx_http_soma_tenants_changed(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, redisReply *reply)
{
    ngx_http_soma_call_t  call;

    if (!ngx_http_soma_manage_did(reply)) {

        if (m->kind != SOMA_CHANGE_TENANT_NEW) {
            return ngx_http_soma_tenants_unknown(m);
        }

        return ngx_http_soma_fault(m->ctx, SOMA_FAULT_CONFLICT,
                                   "tenant_exists",
                                   "there is a tenant \"%*s\" already: "
                                   "change it with POST .../tenants/%*s",
                                   m->id.len, m->id.data,
                                   m->id.len, m->id.data);
    }

    ngx_http_soma_manage_drop(m, NGX_HTTP_SOMA_CACHE_TENANT, m->id);
    ngx_http_soma_manage_log(r, m, "tenant",
                             m->kind == SOMA_CHANGE_TENANT_NEW ? "created"
                                                               : "changed",
                             m->id, m->id);

    ngx_http_soma_manage_call(&call, "ZADD");
    ngx_http_soma_manage_cstr(&call, NGX_HTTP_SOMA_TENANTS_INDEX);
    ngx_http_soma_manage_cstr(&call, "0");
    ngx_http_soma_manage_str(&call, m->id);

    return ngx_http_soma_manage_send(r, m, &call,
                                     ngx_http_soma_tenants_indexed);
}


static ngx_int_t
ngx_http_soma_tenants_indexed(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, redisReply *reply)
{
    (void) reply;

    return ngx_http_soma_tenants_ask(r, m, ngx_http_soma_tenants_got);
}


static ngx_int_t
ngx_http_soma_tenants_delete(ngx_http_request_t *r, ngx_http_soma_manage_t *m)
{
    if (ngx_http_soma_tenants_ready(r, m) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (m->local) {
        return ngx_http_soma_manage_no_redis(m);
    }

    if (ngx_http_soma_api_tenants_block(m, m->id)) {
        return ngx_http_soma_tenants_drop(r, m);
    }

    /* its keys would work on without its limits */

    if (ngx_array_init(&m->rows, r->pool, NGX_HTTP_SOMA_PAGE,
                       sizeof(ngx_http_soma_key_row_t))
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    m->tenant = m->id;
    m->limit = NGX_HTTP_SOMA_PAGE;
    m->found = ngx_http_soma_tenants_keys;

    return ngx_http_soma_api_keys_range(r, m);
}


/* entries whose keys are gone leave the index as they are met, so that the
 * next try comes further */

static ngx_int_t
ngx_http_soma_tenants_keys(ngx_http_request_t *r, ngx_http_soma_manage_t *m)
{
    ngx_uint_t                i;
    ngx_http_soma_key_row_t  *row;

    row = m->rows.elts;

    for (i = 0; i < m->rows.nelts; i++) {
        if (row[i].there) {
            return ngx_http_soma_fault(m->ctx, SOMA_FAULT_CONFLICT,
                                       "tenant_has_keys",
                                       "tenant \"%*s\" has keys, which would "
                                       "work on without its limits: revoke "
                                       "them first, GET .../keys?tenant=%*s "
                                       "lists them", m->id.len, m->id.data,
                                       m->id.len, m->id.data);
        }
    }

    if (m->next.len == 0) {
        return ngx_http_soma_tenants_drop(r, m);
    }

    if (++m->passes == NGX_HTTP_SOMA_TENANT_PAGES) {
        m->ctx->error.retry_ms = NGX_HTTP_SOMA_MANAGE_RETRY;

        return ngx_http_soma_fault(m->ctx, SOMA_FAULT_CONFLICT,
                                   "tenant_index_long",
                                   "the first %d keys listed for tenant "
                                   "\"%*s\" are gone, but there are more, "
                                   "and one may still work: try again",
                                   NGX_HTTP_SOMA_TENANT_PAGES
                                   * NGX_HTTP_SOMA_PAGE,
                                   m->id.len, m->id.data);
    }

    m->rows.nelts = 0;
    m->cursor = m->next;

    return ngx_http_soma_api_keys_range(r, m);
}


static ngx_int_t
ngx_http_soma_tenants_drop(ngx_http_request_t *r, ngx_http_soma_manage_t *m)
{
    ngx_http_soma_call_t  call;

    ngx_http_soma_manage_call(&call, "DEL");
    ngx_http_soma_manage_key(&call, NGX_HTTP_SOMA_TENANT_PREFIX, m->id);

    m->written = 1;

    return ngx_http_soma_manage_send(r, m, &call,
                                     ngx_http_soma_tenants_dropped);
}


static ngx_int_t
ngx_http_soma_tenants_dropped(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, redisReply *reply)
{
    ngx_http_soma_call_t     call;
    ngx_http_soma_tenant_t  *block;

    if (!ngx_http_soma_manage_did(reply)) {

        block = ngx_http_soma_api_tenants_block(m, m->id);

        if (block == NULL) {
            return ngx_http_soma_tenants_unknown(m);
        }

        return ngx_http_soma_fault(m->ctx, SOMA_FAULT_CONFLICT,
                                   "configured_tenant",
                                   "tenant \"%*s\" stands in the "
                                   "configuration: remove the soma_tenant "
                                   "block in %s:%ui",
                                   m->id.len, m->id.data, block->file,
                                   block->line);
    }

    ngx_http_soma_manage_drop(m, NGX_HTTP_SOMA_CACHE_TENANT, m->id);
    ngx_http_soma_manage_log(r, m, "tenant", "deleted", m->id, m->id);

    ngx_http_soma_manage_call(&call, "ZREM");
    ngx_http_soma_manage_cstr(&call, NGX_HTTP_SOMA_TENANTS_INDEX);
    ngx_http_soma_manage_str(&call, m->id);

    return ngx_http_soma_manage_send(r, m, &call,
                                     ngx_http_soma_tenants_unlisted);
}


static ngx_int_t
ngx_http_soma_tenants_unlisted(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, redisReply *reply)
{
    (void) reply;

    return ngx_http_soma_endpoint_answer(r, NGX_HTTP_OK,
                                       ngx_http_soma_api_tenants_write_gone, m);
}
