
/*
 * Copyright (C) The ngx_soma authors
 *
 * A provider that compresses although it was asked not to: its answer is
 * unpacked here, so that it can be read, and goes on to the client plain.
 */


#include "ngx_http_soma_attempt.h"

#include <zlib.h>


#define NGX_HTTP_SOMA_GUNZIP_SIZE  8192     /* bytes unpacked at a time */
#define NGX_HTTP_SOMA_GUNZIP_BITS  (15 + 32)    /* gzip or zlib, by its head */


struct ngx_http_soma_gunzip_s {
    z_stream                        z;
    unsigned                        more:1;     /* the input has more */
    u_char                          out[NGX_HTTP_SOMA_GUNZIP_SIZE];
};


static void *ngx_http_soma_gunzip_alloc(void *opaque, u_int items,
    u_int size);
static void ngx_http_soma_gunzip_free(void *opaque, void *address);


ngx_int_t
ngx_http_soma_gunzip_start(ngx_http_soma_attempt_t *a)
{
    ngx_str_t            *encoding;
    ngx_http_upstream_t  *u;

    u = a->ctx->request->upstream;

    if (a->encoding == NULL) {
        return NGX_OK;
    }

    encoding = &a->encoding->value;

    if (encoding->len != 4
        || ngx_strncasecmp(encoding->data, (u_char *) "gzip", 4) != 0)
    {
        return NGX_OK;
    }

    a->gunzip = ngx_pcalloc(a->ctx->request->pool,
                            sizeof(ngx_http_soma_gunzip_t));
    if (a->gunzip == NULL) {
        return NGX_ERROR;
    }

    a->gunzip->z.zalloc = ngx_http_soma_gunzip_alloc;
    a->gunzip->z.zfree = ngx_http_soma_gunzip_free;
    a->gunzip->z.opaque = a->ctx->request->pool;

    if (inflateInit2(&a->gunzip->z, NGX_HTTP_SOMA_GUNZIP_BITS) != Z_OK) {
        return NGX_ERROR;
    }

    /* a header without a hash is not sent */

    a->encoding->hash = 0;
    u->headers_in.content_length_n = -1;

    return NGX_OK;
}


ngx_int_t
ngx_http_soma_gunzip(ngx_http_soma_attempt_t *a, u_char *p, size_t len)
{
    a->gunzip->z.next_in = p;
    a->gunzip->z.avail_in = (uInt) len;
    a->gunzip->more = 1;

    return ngx_http_soma_gunzip_rest(a);
}


ngx_int_t
ngx_http_soma_gunzip_rest(ngx_http_soma_attempt_t *a)
{
    int        rc;
    size_t     n;
    z_stream  *z;

    z = &a->gunzip->z;

    while (a->gunzip->more && !a->ctx->held) {
        z->next_out = a->gunzip->out;
        z->avail_out = NGX_HTTP_SOMA_GUNZIP_SIZE;

        rc = inflate(z, Z_SYNC_FLUSH);

        if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR) {
            ngx_log_error(NGX_LOG_ERR, a->ctx->request->connection->log, 0,
                          "soma: provider \"%V\" sent a broken gzip body: %d",
                          &a->provider->name, rc);
            return NGX_ERROR;
        }

        n = NGX_HTTP_SOMA_GUNZIP_SIZE - z->avail_out;
        a->gunzip->more = (rc == Z_OK && z->avail_out == 0);

        if (n && ngx_http_soma_bytes(a, a->gunzip->out, n) != NGX_OK) {
            return NGX_ERROR;
        }

    }

    return NGX_OK;
}


static void *
ngx_http_soma_gunzip_alloc(void *opaque, u_int items, u_int size)
{
    return ngx_palloc(opaque, items * size);
}


/* the pool takes it all back when the request ends */
static void
ngx_http_soma_gunzip_free(void *opaque, void *address)
{
    (void) opaque;
    (void) address;
}
