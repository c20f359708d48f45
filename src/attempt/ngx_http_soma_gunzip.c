
/*
 * Copyright (C) The ngx_soma authors
 *
 * A provider that compresses although it was asked not to: its answer is
 * unpacked here, so that it can be read, and goes on to the client plain.  A
 * few hundred bytes may be megabytes of events: they are unpacked in pieces,
 * the next when the client has the last, and other requests are served in
 * between.
 */


#include "ngx_http_soma_attempt.h"

#include <zlib.h>


#define NGX_HTTP_SOMA_GUNZIP_SIZE   8192            /* bytes at a time */
#define NGX_HTTP_SOMA_GUNZIP_PIECE  (64 * 1024)     /* until others come */
#define NGX_HTTP_SOMA_GUNZIP_MAGIC  0x1f            /* a member begins so */


struct ngx_http_soma_gunzip_s {
    z_stream                        z;
    ngx_http_soma_encoding_e        encoding;
    unsigned                        begun:1;
    unsigned                        more:1;     /* the input has more */
    unsigned                        whole:1;    /* its last member is */
    unsigned                        over:1;     /* what follows is none */
    u_char                          out[NGX_HTTP_SOMA_GUNZIP_SIZE];
};


static ngx_int_t ngx_http_soma_gunzip_member(ngx_http_soma_gunzip_t *gunzip);
static ngx_int_t ngx_http_soma_gunzip_begin(ngx_http_soma_attempt_t *a);
static ngx_int_t ngx_http_soma_gunzip_step(ngx_http_soma_attempt_t *a,
    size_t *len);
static void ngx_http_soma_gunzip_whole(ngx_http_soma_attempt_t *a);
static ngx_int_t ngx_http_soma_gunzip_bad(ngx_http_soma_attempt_t *a, int rc);
static void *ngx_http_soma_gunzip_alloc(void *opaque, u_int items,
    u_int size);
static void ngx_http_soma_gunzip_free(void *opaque, void *address);


ngx_int_t
ngx_http_soma_gunzip_start(ngx_http_soma_attempt_t *a)
{
    ngx_http_upstream_t       *u;
    ngx_http_soma_encoding_e   encoding;

    u = a->ctx->request->upstream;

    if (a->encoding == NULL) {
        return NGX_OK;
    }

    encoding = ngx_http_soma_unpack_encoding(&a->encoding->value);

    if (encoding == NGX_HTTP_SOMA_IDENTITY) {
        a->encoding = NULL;
        return NGX_OK;
    }

    if (encoding == NGX_HTTP_SOMA_UNKNOWN) {

        /* an error in it is the client's to read, as it came */

        if (a->status.code >= NGX_HTTP_BAD_REQUEST) {
            return NGX_OK;
        }

        return ngx_http_soma_peek_reject(a, SOMA_FAIL_ANSWER,
                                        "an answer in an encoding that was not "
                                        "asked for");
    }

    a->gunzip = ngx_pcalloc(a->ctx->request->pool,
                            sizeof(ngx_http_soma_gunzip_t));
    if (a->gunzip == NULL) {
        return NGX_ERROR;
    }

    a->gunzip->encoding = encoding;

    /* a header without a hash is not sent */

    a->encoding->hash = 0;
    u->headers_in.content_length_n = -1;

    return NGX_OK;
}


/*
 * As much of the body's beginning as there is room for, to be looked at; the
 * body is unpacked from its start all the same.  NGX_OK: that is all of it;
 * NGX_AGAIN: there is more, or may be; NGX_ERROR: it is broken.
 */
ngx_int_t
ngx_http_soma_gunzip_look(ngx_http_soma_attempt_t *a, u_char *p, size_t len,
    u_char *out, size_t *size)
{
    int                      rc;
    z_stream                *z;
    ngx_http_soma_gunzip_t  *gunzip;

    gunzip = a->gunzip;
    z = &gunzip->z;

    z->next_in = p;
    z->avail_in = (uInt) len;

    if (!gunzip->begun && ngx_http_soma_gunzip_begin(a) != NGX_OK) {
        return NGX_ERROR;
    }

    z->next_out = out;
    z->avail_out = (uInt) *size;

    do {
        rc = inflate(z, Z_SYNC_FLUSH);

        if (rc != Z_STREAM_END || z->avail_in == 0
            || gunzip->encoding != NGX_HTTP_SOMA_GZIP
            || z->next_in[0] != NGX_HTTP_SOMA_GUNZIP_MAGIC)
        {
            break;
        }

    } while (inflateReset(z) == Z_OK);

    *size -= z->avail_out;

    if (inflateReset(z) != Z_OK) {
        return NGX_ERROR;
    }

    return (rc == Z_STREAM_END) ? NGX_OK
           : (rc == Z_OK || rc == Z_BUF_ERROR) ? NGX_AGAIN : NGX_ERROR;
}


ngx_int_t
ngx_http_soma_gunzip(ngx_http_soma_attempt_t *a, u_char *p, size_t len)
{
    ngx_http_soma_gunzip_t  *gunzip;

    gunzip = a->gunzip;

    if (len == 0 || gunzip->over) {
        return NGX_OK;
    }

    gunzip->z.next_in = p;
    gunzip->z.avail_in = (uInt) len;

    if (!gunzip->begun && ngx_http_soma_gunzip_begin(a) != NGX_OK) {
        return NGX_ERROR;
    }

    gunzip->more = 1;

    return ngx_http_soma_gunzip_rest(a);
}


/* "deflate" is zlib's format by its RFC, and bare by many who send it: none
 * of these begins as a bare one does */
static ngx_int_t
ngx_http_soma_gunzip_begin(ngx_http_soma_attempt_t *a)
{
    int        bits;
    z_stream  *z;

    z = &a->gunzip->z;

    z->zalloc = ngx_http_soma_gunzip_alloc;
    z->zfree = ngx_http_soma_gunzip_free;
    z->opaque = a->ctx->request->pool;

    bits = (a->gunzip->encoding == NGX_HTTP_SOMA_GZIP) ? MAX_WBITS + 16
           : ((z->next_in[0] & 0x0f) == Z_DEFLATED) ? MAX_WBITS : -MAX_WBITS;

    if (inflateInit2(z, bits) != Z_OK) {
        return NGX_ERROR;
    }

    a->gunzip->begun = 1;

    return NGX_OK;
}


ngx_int_t
ngx_http_soma_gunzip_rest(ngx_http_soma_attempt_t *a)
{
    size_t  n, done;

    done = 0;

    while (a->gunzip->more && !a->ctx->event_held && !a->ctx->cut) {

        if (done >= NGX_HTTP_SOMA_GUNZIP_PIECE) {
            return ngx_http_soma_pause(a);
        }

        if (ngx_http_soma_gunzip_step(a, &n) != NGX_OK) {
            return NGX_ERROR;
        }

        done += n;

        if (n && ngx_http_soma_stream_bytes(a, a->gunzip->out, n) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* the next bytes into gunzip->out */
static ngx_int_t
ngx_http_soma_gunzip_step(ngx_http_soma_attempt_t *a, size_t *len)
{
    int                      rc;
    z_stream                *z;
    ngx_http_soma_gunzip_t  *gunzip;

    gunzip = a->gunzip;
    z = &gunzip->z;
    *len = 0;

    if (gunzip->whole) {
        rc = ngx_http_soma_gunzip_member(gunzip);

        if (rc != NGX_OK) {
            return rc == NGX_DONE ? NGX_OK : NGX_ERROR;
        }
    }

    z->next_out = gunzip->out;
    z->avail_out = NGX_HTTP_SOMA_GUNZIP_SIZE;

    rc = inflate(z, Z_SYNC_FLUSH);

    if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR) {
        return ngx_http_soma_gunzip_bad(a, rc);
    }

    *len = NGX_HTTP_SOMA_GUNZIP_SIZE - z->avail_out;
    gunzip->whole = (rc == Z_STREAM_END);

    if (gunzip->whole) {
        ngx_http_soma_gunzip_whole(a);
    }

    gunzip->more = gunzip->whole ? (z->avail_in != 0)
                                 : (rc == Z_OK && z->avail_out == 0);

    return NGX_OK;
}


/* gzip may have several members, and padding after the last: NGX_DONE */
static ngx_int_t
ngx_http_soma_gunzip_member(ngx_http_soma_gunzip_t *gunzip)
{
    if (gunzip->encoding != NGX_HTTP_SOMA_GZIP
        || gunzip->z.next_in[0] != NGX_HTTP_SOMA_GUNZIP_MAGIC)
    {
        gunzip->over = 1;
        gunzip->more = 0;
        return NGX_DONE;
    }

    if (inflateReset(&gunzip->z) != Z_OK) {
        return NGX_ERROR;
    }

    gunzip->whole = 0;

    return NGX_OK;
}


/* now the body may end with its connection, as far as this goes */
static void
ngx_http_soma_gunzip_whole(ngx_http_soma_attempt_t *a)
{
    ngx_http_upstream_t  *u;

    u = a->ctx->request->upstream;

    if (u->length == 1 && a->rest == -1 && !u->headers_in.chunked
        && !(a->json && a->good && !a->caught))
    {
        u->length = -1;
    }
}


ngx_int_t
ngx_http_soma_gunzip_end(ngx_http_soma_attempt_t *a)
{
    if (!a->gunzip->begun || a->gunzip->whole || a->ctx->cut) {
        return NGX_OK;
    }

    return ngx_http_soma_gunzip_bad(a, Z_BUF_ERROR);
}


static ngx_int_t
ngx_http_soma_gunzip_bad(ngx_http_soma_attempt_t *a, int rc)
{
    ngx_log_error(NGX_LOG_ERR, a->ctx->request->connection->log, 0,
                  "soma: provider \"%V\" sent a packed body that is %s",
                  &a->provider->name, rc == Z_BUF_ERROR ? "cut off"
                                                        : "broken");
    return NGX_ERROR;
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
