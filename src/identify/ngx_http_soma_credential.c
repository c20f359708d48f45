
/*
 * Copyright (C) The ngx_soma authors
 *
 * The headers that carry a credential: finding it, and taking it out.
 */


#include "ngx_http_soma_identify.h"


static ngx_int_t ngx_http_soma_credential_of(ngx_table_elt_t *h,
    ngx_uint_t n, soma_str_t *credential);
static ngx_int_t ngx_http_soma_credential_arg(ngx_http_request_t *r,
    soma_str_t *credential);
static ngx_int_t ngx_http_soma_header_remove(ngx_http_request_t *r,
    ngx_list_part_t *part, ngx_uint_t i);
static void ngx_http_soma_part_remove(ngx_list_t *list,
    ngx_list_part_t *part);


static const struct {
    ngx_str_t   name;
    ngx_uint_t  bearer;
} ngx_http_soma_credentials[NGX_HTTP_SOMA_CREDENTIALS] = {
    { ngx_string("authorization"),  1 },
    { ngx_string("x-api-key"),      0 },
    { ngx_string("x-goog-api-key"), 0 },
    { ngx_string("api-key"),        0 }
};


ngx_uint_t
ngx_http_soma_credential_header(ngx_table_elt_t *h)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_SOMA_CREDENTIALS; i++) {
        if (h->key.len == ngx_http_soma_credentials[i].name.len
            && soma_same(h->lowcase_key,
                         ngx_http_soma_credentials[i].name.data, h->key.len))
        {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_http_soma_credential_find(ngx_http_request_t *r, ngx_uint_t *n,
    soma_str_t *credential)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for ( /* void */ ; *n < NGX_HTTP_SOMA_CREDENTIALS; (*n)++) {

        for (part = &r->headers_in.headers.part; part; part = part->next) {
            h = part->elts;

            for (i = 0; i < part->nelts; i++) {
                if (ngx_http_soma_credential_of(&h[i], *n, credential)
                    == NGX_OK)
                {
                    return NGX_OK;
                }
            }
        }
    }

    if (*n == NGX_HTTP_SOMA_CREDENTIAL_ARG) {
        return ngx_http_soma_credential_arg(r, credential);
    }

    return NGX_DECLINED;
}


/* Google's clients, who name their model in the URL, may name their key there
 * too: nobody else's do, and a service behind soma_access has arguments of its
 * own */
static ngx_int_t
ngx_http_soma_credential_arg(ngx_http_request_t *r, soma_str_t *credential)
{
    ngx_str_t                  value;
    ngx_http_soma_ctx_t       *ctx;
    ngx_http_soma_loc_conf_t  *slcf;

    ctx = ngx_http_soma_get_ctx(r);
    slcf = ngx_http_get_module_loc_conf(r, ngx_http_soma_module);

    if (ctx == NULL || !slcf->pass
        || (ctx->url.model.len == 0 && r->method != NGX_HTTP_GET)
        || ngx_http_arg(r, (u_char *) "key", 3, &value) != NGX_OK
        || value.len == 0
        || soma_dialect_unescape(&ctx->arena, ngx_http_soma_str(value),
                                 credential)
           != SOMA_OK)
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* what a header says, if it is the n-th of those that carry a credential */
static ngx_int_t
ngx_http_soma_credential_of(ngx_table_elt_t *h, ngx_uint_t n,
    soma_str_t *credential)
{
    soma_str_t        value;
    const ngx_str_t  *name;

    name = &ngx_http_soma_credentials[n].name;

    if (h->key.len != name->len
        || !soma_same(h->lowcase_key, name->data, name->len))
    {
        return NGX_DECLINED;
    }

    value = ngx_http_soma_str(h->value);

    if (ngx_http_soma_credentials[n].bearer) {
        return soma_key_bearer(value, credential) == SOMA_OK
               && credential->len ? NGX_OK : NGX_DECLINED;
    }

    *credential = value;

    return value.len ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
ngx_http_soma_credential_strip(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx)
{
    ngx_uint_t        i, n;
    soma_str_t        credential;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    ctx->key.stripped = 1;

    for (n = 0; n < NGX_HTTP_SOMA_CREDENTIALS; n++) {

        part = &r->headers_in.headers.part;

        for (i = 0; part; /* void */ ) {

            if (i >= part->nelts) {
                part = part->next;
                i = 0;
                continue;
            }

            h = part->elts;

            if (ngx_http_soma_credential_of(&h[i], n, &credential) != NGX_OK
                || !soma_str_eq(credential, ctx->key.credential))
            {
                i++;
                continue;
            }

            if (r->headers_in.authorization == &h[i]) {
                r->headers_in.authorization = NULL;
            }

            if (ngx_http_soma_header_remove(r, part, i) != NGX_OK) {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


/*
 * No other header may move, for nginx points at many of them; and nginx's
 * loops take it that no part of a list is empty but the first one of an empty
 * list.  So parts are cut and joined around what lies where it lies.
 */
static ngx_int_t
ngx_http_soma_header_remove(ngx_http_request_t *r, ngx_list_part_t *part,
    ngx_uint_t i)
{
    ngx_list_t       *list;
    ngx_list_part_t  *rest;
    ngx_table_elt_t  *h;

    list = &r->headers_in.headers;

    if (part->nelts == 1) {
        ngx_http_soma_part_remove(list, part);
        return NGX_OK;
    }

    if (i + 1 == part->nelts) {
        part->nelts--;
        return NGX_OK;
    }

    h = part->elts;
    rest = part;

    if (i) {
        rest = ngx_palloc(r->pool, sizeof(ngx_list_part_t));
        if (rest == NULL) {
            return NGX_ERROR;
        }

        rest->next = part->next;
        rest->nelts = part->nelts;
        part->nelts = i;
        part->next = rest;
    }

    rest->elts = h + i + 1;
    rest->nelts -= i + 1;

    if (list->last == part) {

        /* the room that is left in it, which "nalloc" tells */

        list->last = rest;
        list->nalloc -= i + 1;
    }

    return NGX_OK;
}


/* a part of one header, which goes */
static void
ngx_http_soma_part_remove(ngx_list_t *list, ngx_list_part_t *part)
{
    ngx_list_part_t  *prev, *next;

    part->nelts = 0;
    next = part->next;

    if (part == &list->part) {

        if (next) {
            *part = *next;

            if (list->last == next) {
                list->last = part;
            }
        }

        return;
    }

    for (prev = &list->part; prev->next != part; prev = prev->next) {
        /* void */
    }

    prev->next = next;

    if (list->last == part) {

        /* full, so that what comes next gets a part of its own */

        list->last = prev;
        list->nalloc = prev->nelts;
    }
}
