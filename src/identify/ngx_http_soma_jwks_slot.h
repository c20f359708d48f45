
/*
 * Copyright (C) The ngx_soma authors
 *
 * The slots of issuers' keys in the shared zone, for who fetches them.
 */


#ifndef NGX_HTTP_SOMA_JWKS_SLOT_H
#define NGX_HTTP_SOMA_JWKS_SLOT_H


#include "ngx_http_soma_jwt.h"


#define ngx_http_soma_jwks_due(now, when)                                     \
    ((ngx_msec_int_t) ((now) - (when)) >= 0)


/*
 * NGX_OK: this worker shall fetch now; NGX_BUSY: another one does.  A fetch
 * that is under way is joined by a token whose kid is not in the set only
 * when it is such a token's fetch, or when there may be one: who invents kids
 * waits no more often than who asks for him.  known: the worker has a set;
 * forced: for a token, not because it is time.
 */
ngx_int_t ngx_http_soma_jwks_slot_lease(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_jwt_t *jwt, ngx_uint_t known, ngx_uint_t forced);

/* what was fetched, with so many keys of use; NULL, or what is wrong */
const char *ngx_http_soma_jwks_slot_keep(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_jwt_t *jwt, ngx_str_t *text, ngx_uint_t keys);

/* nothing was, and why: the next time is later */
void ngx_http_soma_jwks_slot_failed(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_jwt_t *jwt, const char *error);


#endif /* NGX_HTTP_SOMA_JWKS_SLOT_H */
