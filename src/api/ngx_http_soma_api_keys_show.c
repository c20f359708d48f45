
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a new or rotated key is answered with.
 */


#include "ngx_http_soma_manage.h"
#include "ngx_http_soma_api_keys.h"
#include "soma_pair.h"

#include <openssl/evp.h>


static void ngx_http_soma_keys_write_made(soma_out_t *out, void *data);
static void ngx_http_soma_keys_write_pair(soma_out_t *out,
    ngx_http_soma_manage_t *m);


/* the one answer that holds a secret */

ngx_int_t
ngx_http_soma_api_keys_show(ngx_http_request_t *r, ngx_http_soma_manage_t *m,
    ngx_uint_t status)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));
    h->hash = 1;
    ngx_str_set(&h->key, "Cache-Control");
    ngx_str_set(&h->value, "no-store");

    return ngx_http_soma_endpoint_answer(r, status,
                                         ngx_http_soma_keys_write_made, m);
}


static void
ngx_http_soma_keys_write_made(soma_out_t *out, void *data)
{
    ngx_http_soma_manage_t *m = data;

    ngx_http_soma_key_row_t  *row;

    ngx_http_soma_api_keys_print(out, &m->made, "redis", m->secret);
    ngx_http_soma_keys_write_pair(out, m);

    if (m->kind == SOMA_CHANGE_KEY_ROTATE) {
        row = m->rows.elts;
        soma_member_time(out, "old_key_expires", row->identity.expires);
    }

    soma_put_cstr(out, "}\n");
}


/* the same key for clients that sign */

static void
ngx_http_soma_keys_write_pair(soma_out_t *out, ngx_http_soma_manage_t *m)
{
    ngx_str_t      *master;
    soma_str_t      id, pair;
    unsigned char   hash[EVP_MAX_MD_SIZE], buf[SOMA_PAIR_ID];
    unsigned char   secret[SOMA_PAIR_SECRET];

    master = &m->ctx->main->sigv4;

    if (master->len == 0
        || !EVP_Digest(m->secret.data, m->secret.len, hash, NULL,
                       EVP_sha256(), NULL))
    {
        return;
    }

    soma_pair_id(buf, hash);
    id.data = buf;
    id.len = sizeof(buf);

    if (soma_pair_secret(secret, ngx_http_soma_str(*master), id) != SOMA_OK) {
        return;
    }

    pair.data = secret;
    pair.len = sizeof(secret);

    soma_member_str(out, "aws_access_key_id", id);
    soma_member_str(out, "aws_secret_access_key", pair);

    ngx_explicit_memzero(secret, sizeof(secret));
}
