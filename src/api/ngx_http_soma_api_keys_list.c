
/*
 * Copyright (C) The ngx_soma authors
 *
 * GET .../keys and .../keys/<id>, and the search by id that every change of a
 * key begins with.
 *
 * The index tells which keys there are, their hashes what they are.  In a
 * cluster the two lie in different slots, so nothing writes both at once: an
 * entry is written before its hash and removed after it.  Hence every key
 * that works is listed, and an entry may be left whose hash is gone (expired,
 * deleted by hand, a node that died in between): it is not shown, and removed
 * when it is old enough to be no key that is just being made.
 */


#include "ngx_http_soma_manage.h"
#include "ngx_http_soma_api_keys.h"


static void ngx_http_soma_keys_until(ngx_http_soma_manage_t *m,
    ngx_http_soma_call_t *call);
static ngx_int_t ngx_http_soma_keys_page(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m);
static ngx_int_t ngx_http_soma_keys_entries(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, redisReply *reply);
static ngx_int_t ngx_http_soma_keys_listed(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, redisReply *reply);
static void ngx_http_soma_key_field(ngx_http_soma_key_row_t *row,
    soma_str_t field, soma_str_t value);
static void ngx_http_soma_keys_write(soma_out_t *out, void *data);
static void ngx_http_soma_keys_write_conf(soma_out_t *out,
    ngx_http_soma_manage_t *m);


ngx_int_t
ngx_http_soma_api_keys_listing(ngx_http_request_t *r, ngx_http_soma_manage_t *m)
{
    ngx_int_t  rc;

    rc = ngx_http_soma_endpoint_args(r, m->ctx, "tenant limit cursor");

    if (rc == NGX_OK) {
        rc = ngx_http_soma_manage_page(r, m);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_soma_endpoint_arg(r, "tenant", &m->tenant) == NGX_OK
        && !soma_lock_tenant_valid(m->tenant))
    {
        return ngx_http_soma_fault(m->ctx, SOMA_FAULT_BAD_REQUEST,
                                   "invalid_tenant",
                                   "tenant= has 1 to %d letters, digits, "
                                   "\".\", \"_\" and \"-\"", SOMA_TENANT_MAX);
    }

    if (ngx_array_init(&m->rows, r->pool, m->limit,
                       sizeof(ngx_http_soma_key_row_t))
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    m->found = ngx_http_soma_keys_page;

    if (!m->ctx->main->redis.set) {
        m->local = 1;
        return ngx_http_soma_keys_page(r, m);
    }

    return ngx_http_soma_api_keys_range(r, m);
}


static ngx_int_t
ngx_http_soma_keys_page(ngx_http_request_t *r, ngx_http_soma_manage_t *m)
{
    return ngx_http_soma_endpoint_answer(r, NGX_HTTP_OK,
                                         ngx_http_soma_keys_write, m);
}


ngx_int_t
ngx_http_soma_api_keys_range(ngx_http_request_t *r, ngx_http_soma_manage_t *m)
{
    u_char                *from;
    soma_out_t            *out;
    ngx_http_soma_call_t   call;

    out = &call.out;

    ngx_http_soma_manage_call(&call, "ZRANGEBYLEX");
    ngx_http_soma_manage_cstr(&call, NGX_HTTP_SOMA_KEYS_INDEX);

    from = out->pos;

    if (m->cursor.len) {

        if (soma_change_entry_after(out, m->cursor) != SOMA_OK) {
            return ngx_http_soma_fault(m->ctx, SOMA_FAULT_BAD_REQUEST,
                                       "invalid_cursor",
                                       "cursor= is what the page before said "
                                       "under \"cursor\"");
        }

    } else {
        soma_put_cstr(out, "[tenant ");
        soma_put_str(out, m->tenant);
        soma_put_cstr(out, m->tenant.len ? " " : "");
    }

    ngx_http_soma_manage_printed(&call, from);

    ngx_http_soma_keys_until(m, &call);

    ngx_http_soma_manage_cstr(&call, "LIMIT");
    ngx_http_soma_manage_cstr(&call, "0");
    ngx_http_soma_manage_int(&call, m->limit);

    return ngx_http_soma_manage_send(r, m, &call, ngx_http_soma_keys_entries);
}


/* all entries of the tenant, or of any, stand before this word */
static void
ngx_http_soma_keys_until(ngx_http_soma_manage_t *m, ngx_http_soma_call_t *call)
{
    u_char  *from;

    from = call->out.pos;
    soma_put_cstr(&call->out, "(tenant");

    if (m->tenant.len) {
        soma_put_char(&call->out, ' ');
        soma_put_str(&call->out, m->tenant);
    }

    soma_put_char(&call->out, '!');
    ngx_http_soma_manage_printed(call, from);
}


static ngx_int_t
ngx_http_soma_keys_entries(ngx_http_request_t *r, ngx_http_soma_manage_t *m,
    redisReply *reply)
{
    u_char                   *p;
    soma_out_t                out;
    ngx_http_soma_key_row_t  *row;

    if (ngx_http_soma_api_keys_add_rows(m, reply) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    m->next.len = 0;

    if (reply->elements == m->limit && m->rows.nelts) {

        p = ngx_pnalloc(r->pool, SOMA_ENTRY_MAX);
        if (p == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        soma_put_init(&out, p, SOMA_ENTRY_MAX);
        row = m->rows.elts;
        soma_change_entry_cursor(&out, &row[m->rows.nelts - 1].entry);

        m->next.data = out.start;
        m->next.len = out.pos - out.start;
    }

    if (m->rows.nelts == 0) {
        return m->found(r, m);
    }

    return ngx_http_soma_api_keys_ask(r, m, ngx_http_soma_keys_listed);
}


/* rows of what the index has */

ngx_int_t
ngx_http_soma_api_keys_add_rows(ngx_http_soma_manage_t *m, redisReply *reply)
{
    size_t                    i;
    soma_str_t                text;
    soma_entry_t              entry;
    ngx_http_soma_key_row_t  *row;

    if (reply->type != REDIS_REPLY_ARRAY) {
        return NGX_ERROR;
    }

    for (i = 0; i < reply->elements; i++) {

        if (reply->element[i]->type != REDIS_REPLY_STRING) {
            continue;
        }

        text.data = (u_char *) reply->element[i]->str;
        text.len = reply->element[i]->len;
        text = soma_str_dup(&m->ctx->arena, text);

        if (text.data == NULL) {
            return NGX_ERROR;
        }

        if (soma_change_entry_parse(&entry, text) != SOMA_OK) {
            continue;
        }

        row = ngx_array_push(&m->rows);
        if (row == NULL) {
            return NGX_ERROR;
        }

        ngx_memzero(row, sizeof(ngx_http_soma_key_row_t));
        row->entry = entry;
    }

    return NGX_OK;
}


/* all the hashes in one go */

ngx_int_t
ngx_http_soma_api_keys_ask(ngx_http_request_t *r, ngx_http_soma_manage_t *m,
    ngx_http_soma_manage_reply_pt handler)
{
    ngx_int_t                 rc;
    ngx_uint_t                i;
    ngx_http_soma_key_row_t  *row;

    row = m->rows.elts;
    m->got = 0;
    m->sent = m->rows.nelts;

    for (i = 0; i < m->rows.nelts; i++) {

        rc = ngx_http_soma_manage_hash(r, m, NGX_HTTP_SOMA_KEY_PREFIX,
                                       row[i].entry.hex, i, handler);

        if (rc != NGX_AGAIN) {
            return rc;
        }
    }

    return NGX_AGAIN;
}


static ngx_int_t
ngx_http_soma_keys_listed(ngx_http_request_t *r, ngx_http_soma_manage_t *m,
    redisReply *reply)
{
    ngx_uint_t                i;
    ngx_http_soma_key_row_t  *row;

    row = m->rows.elts;
    reply = ngx_http_soma_manage_hashed(m, reply, &i);

    if (reply != NULL) {
        ngx_http_soma_api_keys_read(m, &row[i], reply);

        if (!row[i].there) {
            (void) ngx_http_soma_api_keys_left_over(m, &row[i]);
        }
    }

    if (++m->got < m->sent) {
        return NGX_AGAIN;
    }

    return m->found(r, m);
}


void
ngx_http_soma_api_keys_read(ngx_http_soma_manage_t *m,
    ngx_http_soma_key_row_t *row, redisReply *reply)
{
    size_t      i;
    soma_str_t  field, value;

    for (i = 0; i + 1 < reply->elements; i += 2) {

        if (reply->element[i]->type != REDIS_REPLY_STRING
            || reply->element[i + 1]->type != REDIS_REPLY_STRING)
        {
            continue;
        }

        field.data = (u_char *) reply->element[i]->str;
        field.len = reply->element[i]->len;
        value.data = (u_char *) reply->element[i + 1]->str;
        value.len = reply->element[i + 1]->len;
        value = soma_str_dup(&m->ctx->arena, value);

        if (value.data != NULL) {
            ngx_http_soma_key_field(row, field, value);
        }
    }

    row->there = (row->identity.tenant.len != 0);
}


static void
ngx_http_soma_key_field(ngx_http_soma_key_row_t *row, soma_str_t field,
    soma_str_t value)
{
    int64_t  ms;

    if (soma_key_identity_set(&row->identity, field, value) != SOMA_DECLINED) {
        return;
    }

    if (soma_time_parse(value, &ms) != SOMA_OK) {
        return;
    }

    if (soma_str_is(field, "created")) {
        row->created = ms;

    } else if (soma_str_is(field, "rotated")) {
        row->rotated = ms;
    }
}


/* 1: the entry is taken out; 0: it may be of a key that is being made */

ngx_uint_t
ngx_http_soma_api_keys_left_over(ngx_http_soma_manage_t *m,
    ngx_http_soma_key_row_t *row)
{
    if (m->now - row->entry.created < NGX_HTTP_SOMA_STALE_MS) {
        return 0;
    }

    ngx_http_soma_api_keys_unlist(&row->entry);

    return 1;
}


void
ngx_http_soma_api_keys_unlist(const soma_entry_t *entry)
{
    ngx_http_soma_call_t  call;

    ngx_http_soma_manage_call(&call, "ZREM");
    ngx_http_soma_manage_cstr(&call, NGX_HTTP_SOMA_KEYS_INDEX);
    ngx_http_soma_manage_entry(&call, entry);
    ngx_http_soma_manage_tell(&call);
}


static void
ngx_http_soma_keys_write(soma_out_t *out, void *data)
{
    ngx_http_soma_manage_t *m = data;

    ngx_uint_t                i;
    ngx_http_soma_key_row_t  *row;

    row = m->rows.elts;

    soma_put_char(out, '{');
    soma_member_text(out, "source", m->local ? "configuration" : "redis");
    soma_member_open(out, "keys", '[');

    if (m->cursor.len == 0) {
        ngx_http_soma_keys_write_conf(out, m);
    }

    for (i = 0; i < m->rows.nelts; i++) {
        if (row[i].there) {
            ngx_http_soma_api_keys_print(out, &row[i], "redis",
                                         (soma_str_t) soma_str_null);
            soma_put_char(out, '}');
        }
    }

    soma_put_cstr(out, "]");
    soma_member(out, "cursor");

    if (m->next.len) {
        soma_put_json_str(out, m->next);

    } else {
        soma_put_cstr(out, "null");
    }

    soma_put_cstr(out, "}\n");
}


static void
ngx_http_soma_keys_write_conf(soma_out_t *out, ngx_http_soma_manage_t *m)
{
    u_char                    buf[SOMA_KEY_ID_LEN];
    ngx_uint_t                i;
    ngx_http_soma_key_t      *key;
    ngx_http_soma_key_row_t   row;

    key = m->ctx->main->keys.elts;

    for (i = 0; i < m->ctx->main->keys.nelts; i++) {

        if (m->tenant.len
            && !soma_str_eq(m->tenant, key[i].identity.tenant))
        {
            continue;
        }

        ngx_memzero(&row, sizeof(ngx_http_soma_key_row_t));
        row.identity = key[i].identity;
        ngx_http_soma_api_keys_id(&key[i], &row.entry.id, buf);

        ngx_http_soma_api_keys_print(out, &row, "configuration",
                                     (soma_str_t) soma_str_null);
        soma_put_char(out, '}');
    }
}


/* the closing brace is the caller's */

void
ngx_http_soma_api_keys_print(soma_out_t *out, ngx_http_soma_key_row_t *row,
    const char *source, soma_str_t secret)
{
    soma_identity_t  *identity;

    identity = &row->identity;

    soma_member_open(out, NULL, '{');
    soma_member_str(out, "id", row->entry.id);

    if (secret.len) {
        soma_member_str(out, "key", secret);
    }

    soma_member_str(out, "tenant", identity->tenant);
    soma_member_str(out, "user", identity->user);

    soma_member_list(out, "capabilities",
                     ngx_http_soma_manage_capabilities(identity->capabilities),
                     ',');
    soma_member_list(out, "models", identity->models, ' ');
    soma_member_list(out, "limits", identity->limits, ';');
    soma_member_str(out, "tags", identity->tags);
    soma_member_time(out, "expires", identity->expires);
    soma_member_time(out, "created", row->created);

    if (row->rotated) {
        soma_member_time(out, "rotated", row->rotated);
    }

    soma_member_text(out, "source", source);
}


void
ngx_http_soma_api_keys_id(ngx_http_soma_key_t *key, soma_str_t *id, u_char *buf)
{
    *id = key->identity.key;

    if (id->len == 0) {

        id->data = buf;
        id->len = ngx_hex_dump(buf, key->hash, NGX_HTTP_SOMA_SHORT_ID / 2)
                  - buf;
    }
}
