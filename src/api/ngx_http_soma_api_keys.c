
/*
 * Copyright (C) The ngx_soma authors
 *
 * POST .../keys, POST and DELETE .../keys/<id>.  docs/api.md tells what they
 * say; the order of writes is told in ngx_http_soma_api_keys_list.c.
 */


#include "ngx_http_soma_manage.h"
#include "ngx_http_soma_api_keys.h"
#include "ngx_http_soma_cache.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>


static ngx_int_t ngx_http_soma_keys_known(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m);
static ngx_int_t ngx_http_soma_keys_create(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m);
static ngx_int_t ngx_http_soma_keys_tenant(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, redisReply *reply);
static ngx_int_t ngx_http_soma_keys_reserve(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m);
static ngx_int_t ngx_http_soma_keys_reserved(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, redisReply *reply);
static ngx_int_t ngx_http_soma_keys_taken(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, redisReply *reply);
static ngx_int_t ngx_http_soma_keys_taken_by(ngx_http_soma_manage_t *m);
static void ngx_http_soma_keys_fields(ngx_http_soma_call_t *call,
    ngx_http_soma_key_row_t *row);
static ngx_int_t ngx_http_soma_keys_created(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, redisReply *reply);
static ngx_int_t ngx_http_soma_keys_change(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m);
static ngx_int_t ngx_http_soma_keys_change_row(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, ngx_http_soma_key_row_t *row);
static ngx_int_t ngx_http_soma_keys_changed(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, redisReply *reply);
static ngx_int_t ngx_http_soma_keys_delete(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m);
static ngx_int_t ngx_http_soma_keys_delete_row(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, ngx_http_soma_key_row_t *row);
static ngx_int_t ngx_http_soma_keys_deleted(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, redisReply *reply);
static ngx_int_t ngx_http_soma_keys_unlisted(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, redisReply *reply);
static void ngx_http_soma_keys_write_gone(soma_out_t *out, void *data);


ngx_int_t
ngx_http_soma_api_keys_route(ngx_http_request_t *r, ngx_http_soma_manage_t *m,
    soma_str_t tail)
{
    u_char      *slash;
    soma_str_t   verb;

    m->op = ngx_http_soma_api_keys_find;

    if (tail.len == 0) {

        if (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)) {
            m->op = ngx_http_soma_api_keys_listing;
            return NGX_OK;
        }

        if (r->method == NGX_HTTP_POST) {
            m->op = ngx_http_soma_keys_create;
            m->kind = SOMA_CHANGE_KEY_NEW;
            m->body = 1;
            return NGX_OK;
        }

        return ngx_http_soma_endpoint_method(r, m->ctx, "GET, HEAD, POST");
    }

    m->id = tail;
    slash = ngx_strlchr(tail.data, tail.data + tail.len, '/');

    if (slash != NULL) {
        m->id.len = slash - tail.data;
        verb.data = slash + 1;
        verb.len = tail.len - m->id.len - 1;

        if (!soma_str_is(verb, "rotate")) {
            return ngx_http_soma_fault(m->ctx, SOMA_FAULT_NOT_FOUND,
                                       "unknown_endpoint",
                                       "no such endpoint: there are "
                                       ".../keys, .../keys/<id> and "
                                       ".../keys/<id>/rotate");
        }

        if (r->method != NGX_HTTP_POST) {
            return ngx_http_soma_endpoint_method(r, m->ctx, "POST");
        }

        m->found = ngx_http_soma_api_keys_rotate;
        m->kind = SOMA_CHANGE_KEY_ROTATE;
        m->body = 1;
        return NGX_OK;
    }

    if (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)) {
        m->found = ngx_http_soma_api_keys_item;
        return NGX_OK;
    }

    if (r->method == NGX_HTTP_POST) {
        m->found = ngx_http_soma_keys_change;
        m->kind = SOMA_CHANGE_KEY;
        m->body = 1;
        m->alone = 1;
        return NGX_OK;
    }

    if (r->method == NGX_HTTP_DELETE) {
        m->found = ngx_http_soma_keys_delete;
        m->alone = 1;
        return NGX_OK;
    }

    return ngx_http_soma_endpoint_method(r, m->ctx, "GET, HEAD, POST, DELETE");
}


static ngx_int_t
ngx_http_soma_keys_create(ngx_http_request_t *r, ngx_http_soma_manage_t *m)
{
    if (!m->ctx->main->redis.set) {
        return ngx_http_soma_manage_no_redis(m);
    }

    if (ngx_http_soma_api_keys_make(r, m) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (m->change.set & (1u << SOMA_FIELD_NAME)) {
        m->made.entry.id = m->change.value[SOMA_FIELD_NAME];
    }

    m->made.identity.key = m->made.entry.id;

    if (soma_change_apply(&m->change, &m->made.identity) != SOMA_OK) {
        return ngx_http_soma_fault(m->ctx, SOMA_FAULT_BAD_REQUEST,
                                   "invalid_request",
                                   "all fields of a key together may have %d "
                                   "bytes", SOMA_IDENTITY_MAX);
    }

    m->made.entry.tenant = m->made.identity.tenant;

    if (ngx_http_soma_api_keys_configured(m->ctx->main, m->made.entry.id)
        != NULL)
    {
        return ngx_http_soma_keys_taken_by(m);
    }

    return ngx_http_soma_keys_known(r, m);
}


/* a slip of the pen would make a key of a tenant without any limits */
static ngx_int_t
ngx_http_soma_keys_known(ngx_http_request_t *r, ngx_http_soma_manage_t *m)
{
    soma_str_t            tenant;
    ngx_http_soma_call_t  call;

    tenant = m->made.entry.tenant;

    if (ngx_http_soma_names_find(&m->ctx->main->tenant_names, tenant.data,
                                 tenant.len)
        != NULL)
    {
        return ngx_http_soma_keys_reserve(r, m);
    }

    ngx_http_soma_manage_call(&call, "EXISTS");
    ngx_http_soma_manage_key(&call, NGX_HTTP_SOMA_TENANT_PREFIX, tenant);

    return ngx_http_soma_manage_send(r, m, &call, ngx_http_soma_keys_tenant);
}


/* a secret nobody has seen, its hash, and an id that may be replaced */

ngx_int_t
ngx_http_soma_api_keys_make(ngx_http_request_t *r, ngx_http_soma_manage_t *m)
{
    u_char      *p, random[SOMA_SECRET_RANDOM], hash[SOMA_KEY_HASH];
    soma_out_t   out;

    p = ngx_pnalloc(r->pool, SOMA_SECRET_LEN + 2 * SOMA_KEY_HASH);

    if (p == NULL || RAND_bytes(random, sizeof(random)) != 1) {
        return NGX_ERROR;
    }

    soma_put_init(&out, p, SOMA_SECRET_LEN);
    soma_change_secret(&out, random);
    OPENSSL_cleanse(random, sizeof(random));

    m->secret.data = p;
    m->secret.len = out.pos - out.start;

    if (!EVP_Digest(m->secret.data, m->secret.len, hash, NULL, EVP_sha256(),
                    NULL))
    {
        return NGX_ERROR;
    }

    p += SOMA_SECRET_LEN;
    ngx_hex_dump(p, hash, SOMA_KEY_HASH);

    m->made.entry.hex.data = p;
    m->made.entry.hex.len = 2 * SOMA_KEY_HASH;
    m->made.entry.id.data = p;
    m->made.entry.id.len = SOMA_KEY_ID_LEN;
    m->made.entry.created = m->now;
    m->made.created = m->now;

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_keys_tenant(ngx_http_request_t *r, ngx_http_soma_manage_t *m,
    redisReply *reply)
{
    soma_str_t  tenant;

    if (ngx_http_soma_manage_did(reply)) {
        return ngx_http_soma_keys_reserve(r, m);
    }

    tenant = m->made.entry.tenant;

    return ngx_http_soma_fault(m->ctx, SOMA_FAULT_BAD_REQUEST,
                               "unknown_tenant",
                               "there is no tenant \"%*s\": make it first, "
                               "with POST .../tenants or soma_tenant in the "
                               "configuration", tenant.len, tenant.data);
}


static ngx_int_t
ngx_http_soma_keys_reserve(ngx_http_request_t *r, ngx_http_soma_manage_t *m)
{
    ngx_http_soma_call_t  call;

    ngx_http_soma_manage_call(&call, "EVAL");
    ngx_http_soma_manage_cstr(&call, soma_keys_reserve_lua);
    ngx_http_soma_manage_cstr(&call, "1");
    ngx_http_soma_manage_cstr(&call, NGX_HTTP_SOMA_KEYS_INDEX);
    ngx_http_soma_manage_range(&call, "id ", m->made.entry.id);
    ngx_http_soma_manage_entry(&call, &m->made.entry);

    m->written = 1;

    return ngx_http_soma_manage_send(r, m, &call, ngx_http_soma_keys_reserved);
}


static ngx_int_t
ngx_http_soma_keys_reserved(ngx_http_request_t *r, ngx_http_soma_manage_t *m,
    redisReply *reply)
{
    soma_str_t                text;
    ngx_http_soma_call_t      call;
    ngx_http_soma_key_row_t  *row;

    if (reply->type == REDIS_REPLY_INTEGER) {
        return ngx_http_soma_api_keys_write(r, m, ngx_http_soma_keys_created);
    }

    if (reply->type != REDIS_REPLY_STRING || m->again
        || ngx_array_init(&m->rows, r->pool, 1,
                          sizeof(ngx_http_soma_key_row_t))
           != NGX_OK)
    {
        return ngx_http_soma_keys_taken_by(m);
    }

    text.data = (u_char *) reply->str;
    text.len = reply->len;
    text = soma_str_dup(&m->ctx->arena, text);

    row = ngx_array_push(&m->rows);
    ngx_memzero(row, sizeof(ngx_http_soma_key_row_t));

    if (text.data == NULL || soma_change_entry_parse(&row->entry,
                                                     text) != SOMA_OK
        || m->now - row->entry.created < NGX_HTTP_SOMA_STALE_MS)
    {
        return ngx_http_soma_keys_taken_by(m);
    }

    ngx_http_soma_manage_call(&call, "EXISTS");
    ngx_http_soma_manage_key(&call, NGX_HTTP_SOMA_KEY_PREFIX, row->entry.hex);

    return ngx_http_soma_manage_send(r, m, &call, ngx_http_soma_keys_taken);
}


/* an id whose key has expired, or was deleted by hand, is free */

static ngx_int_t
ngx_http_soma_keys_taken(ngx_http_request_t *r, ngx_http_soma_manage_t *m,
    redisReply *reply)
{
    ngx_http_soma_key_row_t  *row;

    if (reply->type != REDIS_REPLY_INTEGER || reply->integer != 0) {
        return ngx_http_soma_keys_taken_by(m);
    }

    row = m->rows.elts;
    m->again = 1;

    ngx_http_soma_api_keys_left_over(m, row);

    return ngx_http_soma_keys_reserve(r, m);
}


static ngx_int_t
ngx_http_soma_keys_taken_by(ngx_http_soma_manage_t *m)
{
    return ngx_http_soma_fault(m->ctx, SOMA_FAULT_CONFLICT, "key_exists",
                               "there is a key \"%*s\" already: take another "
                               "\"name\", or change that one with POST "
                               ".../keys/%*s",
                               m->made.entry.id.len, m->made.entry.id.data,
                               m->made.entry.id.len, m->made.entry.id.data);
}


ngx_int_t
ngx_http_soma_api_keys_write(ngx_http_request_t *r, ngx_http_soma_manage_t *m,
    ngx_http_soma_manage_reply_pt reply)
{
    int64_t               expires;
    ngx_http_soma_call_t  call;

    expires = m->made.identity.expires;

    ngx_http_soma_manage_call(&call, "EVAL");
    ngx_http_soma_manage_cstr(&call, soma_manage_write_lua);
    ngx_http_soma_manage_cstr(&call, "1");
    ngx_http_soma_manage_key(&call, NGX_HTTP_SOMA_KEY_PREFIX,
                             m->made.entry.hex);
    ngx_http_soma_manage_cstr(&call, "0");

    if (expires) {
        ngx_http_soma_manage_int(&call, expires + NGX_HTTP_SOMA_KEPT_MS);

    } else {
        ngx_http_soma_manage_cstr(&call, "0");
    }

    ngx_http_soma_manage_time(&call, m->made.created);
    ngx_http_soma_keys_fields(&call, &m->made);

    m->written = 1;

    return ngx_http_soma_manage_send(r, m, &call, reply);
}


/* how many words, then names and values */

static void
ngx_http_soma_keys_fields(ngx_http_soma_call_t *call,
    ngx_http_soma_key_row_t *row)
{
    int               count;
    soma_str_t        capabilities;
    ngx_uint_t        i;
    soma_identity_t  *identity;

    identity = &row->identity;
    capabilities = ngx_http_soma_manage_capabilities(identity->capabilities);

    struct {
        const char  *name;
        soma_str_t   value;
    } field[] = {
        { "tenant", identity->tenant },
        { "name", row->entry.id },
        { "user", identity->user },
        { "capabilities", capabilities },
        { "models", identity->models },
        { "limits", identity->limits },
        { "tags", identity->tags }
    };

    count = (identity->expires != 0) ? 2 : 0;

    for (i = 0; i < sizeof(field) / sizeof(field[0]); i++) {
        count += field[i].value.len ? 2 : 0;
    }

    ngx_http_soma_manage_int(call, count);

    for (i = 0; i < sizeof(field) / sizeof(field[0]); i++) {
        if (field[i].value.len) {
            ngx_http_soma_manage_cstr(call, field[i].name);
            ngx_http_soma_manage_str(call, field[i].value);
        }
    }

    if (identity->expires) {
        ngx_http_soma_manage_cstr(call, "expires");
        ngx_http_soma_manage_time(call, identity->expires);
    }
}


static ngx_int_t
ngx_http_soma_keys_created(ngx_http_request_t *r, ngx_http_soma_manage_t *m,
    redisReply *reply)
{
    if (!ngx_http_soma_manage_did(reply)) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_soma_api_keys_forget(m, &m->made);
    ngx_http_soma_manage_log(r, m, "key", "created", m->made.entry.id,
                             m->made.entry.tenant);

    return ngx_http_soma_api_keys_show(r, m, NGX_HTTP_CREATED);
}


static ngx_int_t
ngx_http_soma_keys_change(ngx_http_request_t *r, ngx_http_soma_manage_t *m)
{
    ngx_http_soma_key_row_t  *row;

    row = m->rows.elts;

    if ((m->change.set | m->change.removed) == 0) {
        return ngx_http_soma_fault(m->ctx, SOMA_FAULT_BAD_REQUEST,
                                   "invalid_request",
                                   "nothing to change: say user, "
                                   "capabilities, models, limits, tags or "
                                   "expires, null to remove one");
    }

    if (soma_change_apply(&m->change, &row->identity) != SOMA_OK) {
        return ngx_http_soma_fault(m->ctx, SOMA_FAULT_BAD_REQUEST,
                                   "invalid_request",
                                   "all fields of a key together may have %d "
                                   "bytes", SOMA_IDENTITY_MAX);
    }

    m->got = 0;

    return ngx_http_soma_keys_change_row(r, m, row);
}


/* old keys of the id may do as little or as much as the new one, for the
 * time they have left */

static ngx_int_t
ngx_http_soma_keys_change_row(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, ngx_http_soma_key_row_t *row)
{
    unsigned              set, removed;
    ngx_uint_t            i;
    const char           *expiry;
    ngx_http_soma_call_t  call;

    set = m->change.set;
    removed = m->change.removed;

    if (row->rotated) {
        set &= ~(1u << SOMA_FIELD_EXPIRES);
        removed &= ~(1u << SOMA_FIELD_EXPIRES);
    }

    ngx_http_soma_manage_call(&call, "EVAL");
    ngx_http_soma_manage_cstr(&call, soma_manage_write_lua);
    ngx_http_soma_manage_cstr(&call, "1");
    ngx_http_soma_manage_key(&call, NGX_HTTP_SOMA_KEY_PREFIX, row->entry.hex);
    ngx_http_soma_manage_cstr(&call, "1");

    if (set & (1u << SOMA_FIELD_EXPIRES)) {
        ngx_http_soma_manage_int(&call, row->identity.expires
                                      + NGX_HTTP_SOMA_KEPT_MS);

    } else {
        expiry = (removed & (1u << SOMA_FIELD_EXPIRES)) ? "0" : "-";
        ngx_http_soma_manage_cstr(&call, expiry);
    }

    ngx_http_soma_manage_time(&call, row->created ? row->created : m->now);
    ngx_http_soma_manage_change(&call, &m->change, set);

    for (i = 0; i < SOMA_FIELDS; i++) {
        if (removed & (1u << i)) {
            ngx_http_soma_manage_cstr(&call, soma_change_field_name(i));
        }
    }

    m->written = 1;

    return ngx_http_soma_manage_send(r, m, &call, ngx_http_soma_keys_changed);
}


static ngx_int_t
ngx_http_soma_keys_changed(ngx_http_request_t *r, ngx_http_soma_manage_t *m,
    redisReply *reply)
{
    ngx_http_soma_key_row_t  *row;

    row = m->rows.elts;

    ngx_http_soma_api_keys_forget(m, &row[m->got]);

    if (m->got++ == 0 && !ngx_http_soma_manage_did(reply)) {
        return ngx_http_soma_fault(m->ctx, SOMA_FAULT_CONFLICT, "key_gone",
                                   "key \"%*s\" was revoked meanwhile",
                                   row->entry.id.len, row->entry.id.data);
    }

    if (m->got < m->rows.nelts) {
        return ngx_http_soma_keys_change_row(r, m, &row[m->got]);
    }

    ngx_http_soma_manage_log(r, m, "key", "changed", row->entry.id,
                             row->identity.tenant);

    return ngx_http_soma_api_keys_item(r, m);
}


static ngx_int_t
ngx_http_soma_keys_delete(ngx_http_request_t *r, ngx_http_soma_manage_t *m)
{
    m->got = 0;
    m->written = 1;

    return ngx_http_soma_keys_delete_row(r, m, m->rows.elts);
}


static ngx_int_t
ngx_http_soma_keys_delete_row(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, ngx_http_soma_key_row_t *row)
{
    ngx_http_soma_call_t  call;

    ngx_http_soma_manage_call(&call, "DEL");
    ngx_http_soma_manage_key(&call, NGX_HTTP_SOMA_KEY_PREFIX, row->entry.hex);

    return ngx_http_soma_manage_send(r, m, &call, ngx_http_soma_keys_deleted);
}


static ngx_int_t
ngx_http_soma_keys_deleted(ngx_http_request_t *r, ngx_http_soma_manage_t *m,
    redisReply *reply)
{
    ngx_uint_t                i;
    ngx_http_soma_call_t      call;
    ngx_http_soma_key_row_t  *row;

    (void) reply;

    row = m->rows.elts;

    ngx_http_soma_api_keys_forget(m, &row[m->got]);

    if (++m->got < m->rows.nelts) {
        return ngx_http_soma_keys_delete_row(r, m, &row[m->got]);
    }

    ngx_http_soma_manage_log(r, m, "key", "revoked", row->entry.id,
                             row->identity.tenant);

    ngx_http_soma_manage_call(&call, "ZREM");
    ngx_http_soma_manage_cstr(&call, NGX_HTTP_SOMA_KEYS_INDEX);

    for (i = 0; i < m->rows.nelts; i++) {
        ngx_http_soma_manage_entry(&call, &row[i].entry);
    }

    return ngx_http_soma_manage_send(r, m, &call, ngx_http_soma_keys_unlisted);
}


static ngx_int_t
ngx_http_soma_keys_unlisted(ngx_http_request_t *r, ngx_http_soma_manage_t *m,
    redisReply *reply)
{
    ngx_http_soma_key_row_t  *row;

    (void) reply;

    /* somebody may have rotated it while it was revoked: none is left when
     * none is found */

    row = m->rows.elts;
    m->made = *row;
    m->id = row->entry.id;

    if (++m->passes == NGX_HTTP_SOMA_REVOKE_PASSES) {
        return ngx_http_soma_api_keys_meanwhile(m);
    }

    return ngx_http_soma_api_keys_find(r, m);
}


ngx_int_t
ngx_http_soma_api_keys_gone(ngx_http_request_t *r, ngx_http_soma_manage_t *m)
{
    return ngx_http_soma_endpoint_answer(r, NGX_HTTP_OK,
                                         ngx_http_soma_keys_write_gone, m);
}


static void
ngx_http_soma_keys_write_gone(soma_out_t *out, void *data)
{
    ngx_http_soma_manage_t *m = data;

    soma_put_char(out, '{');
    soma_member_str(out, "id", m->made.entry.id);
    soma_member_str(out, "tenant", m->made.identity.tenant);
    soma_member_bool(out, "revoked", 1);
    soma_put_cstr(out, "}\n");
}


void
ngx_http_soma_api_keys_forget(ngx_http_soma_manage_t *m,
    ngx_http_soma_key_row_t *row)
{
    ngx_http_soma_manage_drop(m, NGX_HTTP_SOMA_CACHE_KEY, row->entry.hex);
}
