
/*
 * Copyright (C) The ngx_soma authors
 *
 * What the files of the endpoints of keys share.
 */


#ifndef NGX_HTTP_SOMA_API_KEYS_H
#define NGX_HTTP_SOMA_API_KEYS_H


#include "ngx_http_soma_manage.h"


#define NGX_HTTP_SOMA_HEX_LEN   (2 * SOMA_KEY_HASH)

/* of a key without a name, as it stands in logs and records */
#define NGX_HTTP_SOMA_SHORT_ID  12


/* the list of keys; the rows of m->tenant after m->cursor (at most m->limit,
 * m->next says where more are), or those of m->id, then m->found */
ngx_int_t ngx_http_soma_api_keys_range(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m);
ngx_int_t ngx_http_soma_api_keys_listing(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m);
ngx_int_t ngx_http_soma_api_keys_find(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m);
ngx_http_soma_key_t *ngx_http_soma_api_keys_configured(
    ngx_http_soma_main_conf_t *smcf, soma_str_t id);
ngx_uint_t ngx_http_soma_api_keys_left_over(ngx_http_soma_manage_t *m,
    ngx_http_soma_key_row_t *row);
void ngx_http_soma_api_keys_unlist(const soma_entry_t *entry);
void ngx_http_soma_api_keys_id(ngx_http_soma_key_t *key, soma_str_t *id,
    u_char *buf);
void ngx_http_soma_api_keys_print(soma_out_t *out, ngx_http_soma_key_row_t *row,
    const char *source, soma_str_t secret);
ngx_int_t ngx_http_soma_api_keys_gone(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m);
ngx_int_t ngx_http_soma_api_keys_item(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m);

/*
 * A new key: its secret, hash and id are made (into m->secret, m->made), its
 * hash written, and the answer that shows the secret; a changed one is
 * forgotten by all nodes.
 */
ngx_int_t ngx_http_soma_api_keys_make(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m);
ngx_int_t ngx_http_soma_api_keys_write(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, ngx_http_soma_manage_reply_pt reply);
ngx_int_t ngx_http_soma_api_keys_show(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, ngx_uint_t status);
void ngx_http_soma_api_keys_forget(ngx_http_soma_manage_t *m,
    ngx_http_soma_key_row_t *row);

/* m->found: rotates m->rows; the refusal when somebody else does */
ngx_int_t ngx_http_soma_api_keys_rotate(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m);
ngx_int_t ngx_http_soma_api_keys_meanwhile(ngx_http_soma_manage_t *m);

/* rows of a list: pushed as Redis lists them, then asked for, then read */
ngx_int_t ngx_http_soma_api_keys_add_rows(ngx_http_soma_manage_t *m,
    redisReply *reply);
ngx_int_t ngx_http_soma_api_keys_ask(ngx_http_request_t *r,
    ngx_http_soma_manage_t *m, ngx_http_soma_manage_reply_pt handler);
void ngx_http_soma_api_keys_read(ngx_http_soma_manage_t *m,
    ngx_http_soma_key_row_t *row, redisReply *reply);


#endif /* NGX_HTTP_SOMA_API_KEYS_H */
