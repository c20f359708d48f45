
/*
 * Copyright (C) The ngx_soma authors
 *
 * One key by its id, wherever it is written down.
 */


#include "ngx_http_soma_manage.h"
#include "ngx_http_soma_api_keys.h"


static ngx_int_t ngx_http_soma_keys_by_hash(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, u_char *hash);
static ngx_int_t ngx_http_soma_keys_by_id(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, redisReply *reply);
static ngx_int_t ngx_http_soma_keys_row(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, redisReply *reply);
static ngx_int_t ngx_http_soma_keys_none(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m);
static ngx_int_t ngx_http_soma_keys_unknown(ngx_http_soma_manage_t *m);
static void ngx_http_soma_keys_write_item(soma_out_t *out, void *data);


ngx_http_soma_key_t *
ngx_http_soma_api_keys_configured(ngx_http_soma_main_conf_t *smcf,
    soma_str_t id)
{
    u_char                buf[SOMA_KEY_ID_LEN], hash[SOMA_KEY_HASH];
    soma_str_t            name;
    ngx_uint_t            i, hashed;
    ngx_http_soma_key_t  *key;

    hashed = (soma_str_hex(id, hash, sizeof(hash)) == SOMA_OK);
    key = smcf->keys.elts;

    for (i = 0; i < smcf->keys.nelts; i++) {

        ngx_http_soma_api_keys_id(&key[i], &name, buf);

        if (soma_str_eq(name, id)
            || (hashed && ngx_memcmp(hash, key[i].hash, sizeof(hash)) == 0))
        {
            return &key[i];
        }
    }

    return NULL;
}


ngx_int_t
ngx_http_soma_api_keys_find(ngx_http_request_t *r, ngx_http_soma_manage_t *m)
{
    u_char                     hash[SOMA_KEY_HASH];
    ngx_http_soma_key_t       *key;
    ngx_http_soma_call_t       call;
    ngx_http_soma_key_row_t   *row;

    if (ngx_array_init(&m->rows, r->pool, NGX_HTTP_SOMA_SAME_ID_MAX,
                       sizeof(ngx_http_soma_key_row_t))
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    key = ngx_http_soma_api_keys_configured(m->ctx->main, m->id);

    if (key != NULL && m->passes == 0) {

        if (m->found != ngx_http_soma_api_keys_item) {
            return ngx_http_soma_fault(m->ctx, SOMA_FAULT_CONFLICT,
                                       "configured_key",
                                       "key \"%*s\" stands in the "
                                       "configuration: change the soma_key "
                                       "directive in %s:%ui",
                                       m->id.len, m->id.data, key->file,
                                       key->line);
        }

        row = ngx_array_push(&m->rows);

        ngx_memzero(row, sizeof(ngx_http_soma_key_row_t));
        row->identity = key->identity;
        row->entry.id = m->id;
        m->local = 1;

        return m->found(r, m);
    }

    if (!m->ctx->main->redis.set) {
        return (m->found == ngx_http_soma_api_keys_item)
               ? ngx_http_soma_keys_unknown(m)
               : ngx_http_soma_manage_no_redis(m);
    }

    if (soma_str_hex(m->id, hash, sizeof(hash)) == SOMA_OK) {
        return ngx_http_soma_keys_by_hash(r, m, hash);
    }

    if (!soma_change_id_valid(m->id)) {
        return ngx_http_soma_keys_unknown(m);
    }

    ngx_http_soma_manage_call(&call, "ZRANGEBYLEX");
    ngx_http_soma_manage_cstr(&call, NGX_HTTP_SOMA_KEYS_INDEX);
    ngx_http_soma_manage_range(&call, "id ", m->id);
    ngx_http_soma_manage_cstr(&call, "LIMIT");
    ngx_http_soma_manage_cstr(&call, "0");
    ngx_http_soma_manage_int(&call, NGX_HTTP_SOMA_SAME_ID_MAX);

    return ngx_http_soma_manage_send(r, m, &call, ngx_http_soma_keys_by_id);
}


/* a key that somebody wrote into Redis by hand is in no index */

static ngx_int_t
ngx_http_soma_keys_by_hash(ngx_http_request_t *r, ngx_http_soma_manage_t *m,
    u_char *hash)
{
    u_char                   *p;
    ngx_http_soma_key_row_t  *row;

    row = ngx_array_push(&m->rows);
    p = ngx_pnalloc(r->pool, NGX_HTTP_SOMA_HEX_LEN);

    if (row == NULL || p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memzero(row, sizeof(ngx_http_soma_key_row_t));
    ngx_hex_dump(p, hash, SOMA_KEY_HASH);

    row->entry.hex.data = p;
    row->entry.hex.len = NGX_HTTP_SOMA_HEX_LEN;

    return ngx_http_soma_api_keys_ask(r, m, ngx_http_soma_keys_row);
}


static ngx_int_t
ngx_http_soma_keys_by_id(ngx_http_request_t *r, ngx_http_soma_manage_t *m,
    redisReply *reply)
{
    if (ngx_http_soma_api_keys_add_rows(m, reply) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    m->entries = reply->elements;

    if (m->rows.nelts == 0) {
        return ngx_http_soma_keys_none(r, m);
    }

    return ngx_http_soma_api_keys_ask(r, m, ngx_http_soma_keys_row);
}


static ngx_int_t
ngx_http_soma_keys_row(ngx_http_request_t *r, ngx_http_soma_manage_t *m,
    redisReply *reply)
{
    ngx_uint_t                i, n, working, young;
    ngx_http_soma_key_row_t  *row, current;

    row = m->rows.elts;
    reply = ngx_http_soma_manage_hashed(m, reply, &i);

    if (reply != NULL) {
        ngx_http_soma_api_keys_read(m, &row[i], reply);
    }

    if (row[i].entry.id.len == 0) {

        /* by its hash: what the index would say of it */

        row[i].entry.id = row[i].identity.key;

        if (row[i].entry.id.len == 0) {
            row[i].entry.id.data = row[i].entry.hex.data;
            row[i].entry.id.len = NGX_HTTP_SOMA_SHORT_ID;
        }

        row[i].entry.tenant = row[i].identity.tenant;
        row[i].entry.created = row[i].created;
    }

    if (++m->got < m->sent) {
        return NGX_AGAIN;
    }

    n = 0;
    working = 0;
    young = 0;

    for (i = 0; i < m->rows.nelts; i++) {

        if (!row[i].there) {

            if (ngx_http_soma_api_keys_left_over(m, &row[i])) {
                m->entries -= (m->entries != 0);

            } else {
                m->busy = 1;
            }

            continue;
        }

        current = row[i];

        if (current.rotated == 0) {
            working++;
            young |= (m->now - current.entry.created
                      < NGX_HTTP_SOMA_STALE_MS);
        }

        /* the one that was not rotated comes first */

        if (current.rotated == 0 && n != 0) {
            row[n] = row[0];
            row[0] = current;

        } else {
            row[n] = current;
        }

        n++;
    }

    m->rows.nelts = n;

    /* between a new key and the end of the old one there are two */

    if (working > 1 && young) {
        m->busy = 1;
    }

    if (n == 0) {
        return ngx_http_soma_keys_none(r, m);
    }

    return m->found(r, m);
}


static ngx_int_t
ngx_http_soma_keys_none(ngx_http_request_t *r, ngx_http_soma_manage_t *m)
{
    return m->passes ? ngx_http_soma_api_keys_gone(r, m)
                     : ngx_http_soma_keys_unknown(m);
}


static ngx_int_t
ngx_http_soma_keys_unknown(ngx_http_soma_manage_t *m)
{
    /* what begins so is a key, not its id: it is not repeated */

    if (m->id.len >= 3 && ngx_memcmp(m->id.data, "sk-", 3) == 0) {
        return ngx_http_soma_fault(m->ctx, SOMA_FAULT_NOT_FOUND,
                                   "unknown_key",
                                   "this looks like a key itself: the path "
                                   "takes its id, as GET .../keys lists it");
    }

    return ngx_http_soma_fault(m->ctx, SOMA_FAULT_NOT_FOUND, "unknown_key",
                               "there is no key with the id \"%*s\": GET "
                               ".../keys lists the ids", ngx_min(m->id.len,
                               SOMA_KEY_ID_MAX), m->id.data);
}


ngx_int_t
ngx_http_soma_api_keys_item(ngx_http_request_t *r, ngx_http_soma_manage_t *m)
{
    return ngx_http_soma_endpoint_answer(r, NGX_HTTP_OK,
                                         ngx_http_soma_keys_write_item, m);
}


static void
ngx_http_soma_keys_write_item(soma_out_t *out, void *data)
{
    ngx_http_soma_manage_t *m = data;

    ngx_uint_t                i;
    ngx_http_soma_key_row_t  *row;

    row = m->rows.elts;

    ngx_http_soma_api_keys_print(out, &row[0], m->local ? "configuration"
                                                    : "redis",
                                 (soma_str_t) soma_str_null);

    if (m->rows.nelts > 1) {
        soma_member_open(out, "old", '[');

        for (i = 1; i < m->rows.nelts; i++) {
            soma_member_open(out, NULL, '{');
            soma_member_time(out, "rotated", row[i].rotated);
            soma_member_time(out, "expires", row[i].identity.expires);
            soma_put_char(out, '}');
        }

        soma_put_char(out, ']');
    }

    soma_put_cstr(out, "}\n");
}
