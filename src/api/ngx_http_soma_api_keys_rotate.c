
/*
 * Copyright (C) The ngx_soma authors
 *
 * POST .../keys/<id>/rotate: a new key beside the one in use, which then ends
 * at once or after an overlap.
 */


#include "ngx_http_soma_manage.h"
#include "ngx_http_soma_api_keys.h"


static void ngx_http_soma_keys_make_room(ngx_http_soma_manage_t *m);
static void ngx_http_soma_keys_take_out(const soma_entry_t *entry);
static ngx_int_t ngx_http_soma_keys_rotate_write(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, redisReply *reply);
static ngx_int_t ngx_http_soma_keys_retire(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, redisReply *reply);
static ngx_int_t ngx_http_soma_keys_retire_row(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m);
static ngx_int_t ngx_http_soma_keys_retired(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, redisReply *reply);
static ngx_int_t ngx_http_soma_keys_rotated(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, redisReply *reply);


ngx_int_t
ngx_http_soma_api_keys_rotate(ngx_http_request_t *r, ngx_http_soma_manage_t *m)
{
    ngx_http_soma_call_t      call;
    ngx_http_soma_key_row_t  *row;

    row = m->rows.elts;

    if (row->rotated) {
        return ngx_http_soma_fault(m->ctx, SOMA_FAULT_CONFLICT, "key_gone",
                                   "the current key of \"%*s\" is gone, only "
                                   "old ones are left for their time: revoke "
                                   "them with DELETE .../keys/%*s and make a "
                                   "new one",
                                   row->entry.id.len, row->entry.id.data,
                                   row->entry.id.len, row->entry.id.data);
    }

    ngx_http_soma_keys_make_room(m);

    if (m->rows.nelts == NGX_HTTP_SOMA_SAME_ID_MAX) {
        return ngx_http_soma_fault(m->ctx, SOMA_FAULT_CONFLICT,
                                   "rotated_too_often",
                                   "key \"%*s\" has too many old ones that "
                                   "still work: wait, or revoke it and make "
                                   "a new one",
                                   row->entry.id.len, row->entry.id.data);
    }

    if (m->busy) {
        return ngx_http_soma_api_keys_meanwhile(m);
    }

    if (ngx_http_soma_api_keys_make(r, m) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    m->made.identity = row->identity;
    m->made.identity.key = row->entry.id;
    m->made.entry.id = row->entry.id;
    m->made.entry.tenant = row->identity.tenant;

    /* a key that was written by hand is listed from now on */

    ngx_http_soma_manage_call(&call, "EVAL");
    ngx_http_soma_manage_cstr(&call, soma_keys_rotate_lua);
    ngx_http_soma_manage_cstr(&call, "1");
    ngx_http_soma_manage_cstr(&call, NGX_HTTP_SOMA_KEYS_INDEX);
    ngx_http_soma_manage_range(&call, "id ", row->entry.id);
    ngx_http_soma_manage_int(&call, m->entries);
    ngx_http_soma_manage_entry(&call, &m->made.entry);
    ngx_http_soma_manage_entry(&call, &row->entry);

    m->written = 1;
    m->got = 0;

    return ngx_http_soma_manage_send(r, m, &call,
                                     ngx_http_soma_keys_rotate_write);
}


/* old keys whose time is over are kept so that clients hear of it, but not
 * in the way of new ones */

static void
ngx_http_soma_keys_make_room(ngx_http_soma_manage_t *m)
{
    ngx_uint_t                i, n;
    ngx_http_soma_key_row_t  *row;

    if (m->rows.nelts < NGX_HTTP_SOMA_SAME_ID_MAX) {
        return;
    }

    row = m->rows.elts;
    n = 0;

    for (i = 0; i < m->rows.nelts; i++) {

        if (row[i].rotated == 0 || row[i].identity.expires == 0
            || row[i].identity.expires > m->now)
        {
            row[n++] = row[i];
            continue;
        }

        ngx_http_soma_keys_take_out(&row[i].entry);
        ngx_http_soma_api_keys_forget(m, &row[i]);
        m->entries--;
    }

    m->rows.nelts = n;
}


static void
ngx_http_soma_keys_take_out(const soma_entry_t *entry)
{
    ngx_http_soma_call_t  call;

    ngx_http_soma_manage_call(&call, "DEL");
    ngx_http_soma_manage_key(&call, NGX_HTTP_SOMA_KEY_PREFIX, entry->hex);
    ngx_http_soma_manage_tell(&call);

    ngx_http_soma_api_keys_unlist(entry);
}


static ngx_int_t
ngx_http_soma_keys_rotate_write(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, redisReply *reply)
{
    if (!ngx_http_soma_manage_did(reply)) {
        return ngx_http_soma_api_keys_meanwhile(m);
    }

    return ngx_http_soma_api_keys_write(r, m, ngx_http_soma_keys_retire);
}


ngx_int_t
ngx_http_soma_api_keys_meanwhile(ngx_http_soma_manage_t *m)
{
    ngx_http_soma_key_row_t  *row;

    row = m->rows.elts;

    return ngx_http_soma_fault(m->ctx, SOMA_FAULT_CONFLICT,
                               "rotated_meanwhile",
                               "key \"%*s\" is rotated or revoked by "
                               "somebody else just now: look with GET",
                               row->entry.id.len, row->entry.id.data);
}


static ngx_int_t
ngx_http_soma_keys_retire(ngx_http_request_t *r, ngx_http_soma_manage_t *m,
    redisReply *reply)
{
    if (!ngx_http_soma_manage_did(reply)) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_soma_keys_retire_row(r, m);
}


static ngx_int_t
ngx_http_soma_keys_retire_row(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m)
{
    int64_t                   end;
    ngx_http_soma_call_t      call;
    ngx_http_soma_key_row_t  *row;

    row = m->rows.elts;
    row += m->got;
    end = m->now + m->change.overlap;

    if (row->identity.expires == 0 || end < row->identity.expires) {
        row->identity.expires = end;
    }

    ngx_http_soma_manage_call(&call, "EVAL");
    ngx_http_soma_manage_cstr(&call, soma_keys_retire_lua);
    ngx_http_soma_manage_cstr(&call, "1");
    ngx_http_soma_manage_key(&call, NGX_HTTP_SOMA_KEY_PREFIX, row->entry.hex);
    ngx_http_soma_manage_time(&call, m->now);
    ngx_http_soma_manage_time(&call, row->identity.expires);
    ngx_http_soma_manage_int(&call, m->change.overlap
                                  ? row->identity.expires
                                    + NGX_HTTP_SOMA_KEPT_MS
                                  : 0);

    return ngx_http_soma_manage_send(r, m, &call, ngx_http_soma_keys_rotated);
}


static ngx_int_t
ngx_http_soma_keys_rotated(ngx_http_request_t *r, ngx_http_soma_manage_t *m,
    redisReply *reply)
{
    ngx_http_soma_call_t      call;
    ngx_http_soma_key_row_t  *row;

    row = m->rows.elts;
    row += m->got;

    if (!ngx_http_soma_manage_did(reply) && m->got == 0) {

        /* nobody has seen the new one: it goes as it came */

        ngx_http_soma_keys_take_out(&m->made.entry);

        return ngx_http_soma_api_keys_meanwhile(m);
    }

    if (m->change.overlap == 0) {
        ngx_http_soma_manage_call(&call, "ZREM");
        ngx_http_soma_manage_cstr(&call, NGX_HTTP_SOMA_KEYS_INDEX);
        ngx_http_soma_manage_entry(&call, &row->entry);

        return ngx_http_soma_manage_send(r, m, &call,
                                         ngx_http_soma_keys_retired);
    }

    return ngx_http_soma_keys_retired(r, m, reply);
}


/* a node that died in a rotation leaves a key that nobody has seen beside the
 * one in use: both end now */

static ngx_int_t
ngx_http_soma_keys_retired(ngx_http_request_t *r, ngx_http_soma_manage_t *m,
    redisReply *reply)
{
    ngx_http_soma_key_row_t  *row;

    (void) reply;

    row = m->rows.elts;

    ngx_http_soma_api_keys_forget(m, &row[m->got]);

    while (++m->got < m->rows.nelts) {
        if (row[m->got].rotated == 0) {
            return ngx_http_soma_keys_retire_row(r, m);
        }
    }

    ngx_http_soma_api_keys_forget(m, &m->made);
    ngx_http_soma_manage_log(r, m, "key", "rotated", m->made.entry.id,
                             m->made.entry.tenant);

    return ngx_http_soma_api_keys_show(r, m, NGX_HTTP_OK);
}
