
/*
 * Copyright (C) The ngx_soma authors
 *
 * A request's body that came under a Content-Encoding, unpacked: what is
 * looked at is what the provider reads, and no provider has to know how.
 * Unpacked it may be as large as it might have come, client_max_body_size; and
 * that is done a piece at a time, so that nobody else waits for it.
 */


#include "ngx_http_soma_attempt.h"

#include <zlib.h>


#define NGX_HTTP_SOMA_UNPACK_STEP   (512 * 1024)        /* bytes a time */
#define NGX_HTTP_SOMA_UNPACK_FIRST  (16 * 1024)         /* of a buffer; each
                                                           is twice the last,
                                                           up to STEP */
#define NGX_HTTP_SOMA_UNPACKED_MAX  (64 * 1024 * 1024)  /* where the client's
                                                           body has no bound */


typedef struct {
    ngx_http_soma_ctx_t       *ctx;
    ngx_http_soma_encoding_e   encoding;
    z_stream                   zs;
    ngx_chain_t               *in;
    ngx_chain_t               *out;         /* the first of them */
    ngx_chain_t              **last;
    ngx_buf_t                 *buf;         /* the last of them */
    off_t                      total;
    off_t                      max;
    ngx_event_t                event;
    ngx_connection_t           dummy;       /* for debug logs of events */
    unsigned                   begun:1;     /* zs has to be ended */
    unsigned                   ended:1;     /* a member is whole */
} ngx_http_soma_unpack_t;


static ngx_http_soma_encoding_e ngx_http_soma_body_encoding(
    ngx_http_request_t *r, ngx_str_t **value);
static ngx_int_t ngx_http_soma_unpack_begin(ngx_http_soma_unpack_t *u);
static ngx_int_t ngx_http_soma_unpack_step(ngx_http_soma_unpack_t *u);
static ngx_int_t ngx_http_soma_unpack_room(ngx_http_soma_unpack_t *u);
static ngx_int_t ngx_http_soma_unpack_end(ngx_http_soma_unpack_t *u);
static ngx_int_t ngx_http_soma_unpack_bad(ngx_http_soma_unpack_t *u);
static void ngx_http_soma_unpack_handler(ngx_event_t *ev);
static void ngx_http_soma_unpack_cleanup(void *data);


ngx_int_t
ngx_http_soma_unpack(ngx_http_soma_ctx_t *ctx)
{
    ngx_int_t                  rc;
    ngx_str_t                 *value;
    ngx_http_request_t        *r;
    ngx_http_cleanup_t        *cln;
    ngx_http_soma_unpack_t    *u;
    ngx_http_soma_encoding_e   encoding;

    r = ctx->request;
    encoding = ngx_http_soma_body_encoding(r, &value);

    if (encoding == NGX_HTTP_SOMA_IDENTITY) {
        return NGX_DECLINED;
    }

    if (encoding == NGX_HTTP_SOMA_UNKNOWN) {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_MEDIA_TYPE,
                                   "unsupported_content_encoding",
                                   "the Content-Encoding \"%V\" of the request "
                                   "is not known here: send the body as it is, "
                                   "or with gzip or deflate alone", value);
    }

    if (r->request_body == NULL || r->request_body->bufs == NULL) {
        return NGX_DECLINED;
    }

    u = ngx_pcalloc(r->pool, sizeof(ngx_http_soma_unpack_t));
    cln = ngx_http_cleanup_add(r, 0);

    if (u == NULL || cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_soma_unpack_cleanup;
    cln->data = u;

    u->ctx = ctx;
    u->encoding = encoding;
    u->last = &u->out;

    rc = ngx_http_soma_unpack_begin(u);

    if (rc == NGX_OK) {
        rc = ngx_http_soma_unpack_step(u);
    }

    if (rc == NGX_AGAIN) {
        return ngx_http_soma_wait(ctx, NGX_HTTP_SOMA_WAIT_BODY, ctx->walk);
    }

    return rc;
}


static ngx_http_soma_encoding_e
ngx_http_soma_body_encoding(ngx_http_request_t *r, ngx_str_t **value)
{
    ngx_uint_t                 i;
    ngx_list_part_t           *part;
    ngx_table_elt_t           *h;
    ngx_http_soma_encoding_e   encoding, one;

    encoding = NGX_HTTP_SOMA_IDENTITY;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len != sizeof("content-encoding") - 1
                || !soma_same(h[i].lowcase_key, "content-encoding",
                              sizeof("content-encoding") - 1))
            {
                continue;
            }

            one = ngx_http_soma_unpack_encoding(&h[i].value);

            if (one == NGX_HTTP_SOMA_IDENTITY) {
                continue;
            }

            *value = &h[i].value;

            /* in which order two of them were packed, nobody agrees on */

            if (encoding != NGX_HTTP_SOMA_IDENTITY) {
                return NGX_HTTP_SOMA_UNKNOWN;
            }

            encoding = one;
        }
    }

    return encoding;
}


ngx_http_soma_encoding_e
ngx_http_soma_unpack_encoding(ngx_str_t *value)
{
    soma_str_t  name;

    name = ngx_http_soma_str(*value);

    while (name.len && (name.data[0] == ' ' || name.data[0] == '\t')) {
        name.data++;
        name.len--;
    }

    while (name.len && (name.data[name.len - 1] == ' '
                        || name.data[name.len - 1] == '\t'))
    {
        name.len--;
    }

    if (name.len == 0 || soma_str_case_is(name, "identity")) {
        return NGX_HTTP_SOMA_IDENTITY;
    }

    if (soma_str_case_is(name, "gzip") || soma_str_case_is(name, "x-gzip")) {
        return NGX_HTTP_SOMA_GZIP;
    }

    if (soma_str_case_is(name, "deflate")) {
        return NGX_HTTP_SOMA_DEFLATE;
    }

    return NGX_HTTP_SOMA_UNKNOWN;
}


static ngx_int_t
ngx_http_soma_unpack_begin(ngx_http_soma_unpack_t *u)
{
    int                        bits;
    u_char                    *p;
    ngx_http_request_t        *r;
    ngx_http_core_loc_conf_t  *clcf;

    r = u->ctx->request;
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    u->max = clcf->client_max_body_size ? clcf->client_max_body_size
                                        : NGX_HTTP_SOMA_UNPACKED_MAX;

    if (r->request_body->temp_file
        && ngx_http_soma_body_whole(u->ctx) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    u->in = r->request_body->bufs;

    while (u->in && ngx_buf_size(u->in->buf) == 0) {
        u->in = u->in->next;
    }

    if (u->in == NULL) {
        return ngx_http_soma_unpack_bad(u);
    }

    bits = MAX_WBITS + 16;

    if (u->encoding == NGX_HTTP_SOMA_DEFLATE) {

        /* zlib's format by its name's RFC, bare by many who send it */

        p = u->in->buf->pos;
        bits = MAX_WBITS;

        if (u->in->buf->last - p < 2 || (p[0] & 0x0f) != Z_DEFLATED
            || (p[0] << 8 | p[1]) % 31 != 0)
        {
            bits = -MAX_WBITS;
        }
    }

    if (inflateInit2(&u->zs, bits) != Z_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    u->begun = 1;
    u->zs.next_in = u->in->buf->pos;
    u->zs.avail_in = (uInt) ngx_buf_size(u->in->buf);

    return NGX_OK;
}


/* NGX_OK: all of it is there; NGX_AGAIN: posted, to go on; or a status */
static ngx_int_t
ngx_http_soma_unpack_step(ngx_http_soma_unpack_t *u)
{
    int     rc;
    size_t  n, done;

    done = 0;

    for ( ;; ) {

        if (done >= NGX_HTTP_SOMA_UNPACK_STEP) {
            u->dummy.fd = (ngx_socket_t) -1;
            u->event.data = &u->dummy;
            u->dummy.data = u;
            u->event.log = u->ctx->request->connection->log;
            u->event.handler = ngx_http_soma_unpack_handler;

            ngx_post_event(&u->event, &ngx_posted_next_events);

            return NGX_AGAIN;
        }

        while (u->zs.avail_in == 0 && u->in->next) {
            u->in = u->in->next;
            u->zs.next_in = u->in->buf->pos;
            u->zs.avail_in = (uInt) ngx_buf_size(u->in->buf);
        }

        if (u->ended) {

            if (u->zs.avail_in == 0) {
                return ngx_http_soma_unpack_end(u);
            }

            /* gzip may have several members, one behind the other */

            if (u->encoding != NGX_HTTP_SOMA_GZIP
                || inflateReset(&u->zs) != Z_OK)
            {
                return ngx_http_soma_unpack_bad(u);
            }

            u->ended = 0;
        }

        if (ngx_http_soma_unpack_room(u) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        u->zs.next_out = u->buf->last;
        u->zs.avail_out = (uInt) (u->buf->end - u->buf->last);

        rc = inflate(&u->zs, Z_NO_FLUSH);

        n = (size_t) (u->zs.next_out - u->buf->last);
        u->buf->last += n;
        u->total += n;
        done += n;

        if (u->total > u->max) {
            return ngx_http_soma_fault(u->ctx, SOMA_FAULT_TOO_LARGE,
                                       "request_too_large",
                                       "the request is larger than %O bytes "
                                       "when unpacked, as the "
                                       "client_max_body_size of this gateway "
                                       "allows", u->max);
        }

        if (rc == Z_STREAM_END) {
            u->ended = 1;

        } else if (rc != Z_OK || (n == 0 && u->zs.avail_in == 0
                                  && u->in->next == NULL))
        {
            return ngx_http_soma_unpack_bad(u);
        }
    }
}


static ngx_int_t
ngx_http_soma_unpack_room(ngx_http_soma_unpack_t *u)
{
    size_t        size;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    if (u->buf && u->buf->last < u->buf->end) {
        return NGX_OK;
    }

    size = u->buf ? ngx_min(2 * (size_t) (u->buf->end - u->buf->start),
                            NGX_HTTP_SOMA_UNPACK_STEP)
                  : NGX_HTTP_SOMA_UNPACK_FIRST;

    b = ngx_create_temp_buf(u->ctx->request->pool, size);
    cl = ngx_alloc_chain_link(u->ctx->request->pool);

    if (b == NULL || cl == NULL) {
        return NGX_ERROR;
    }

    cl->buf = b;
    cl->next = NULL;

    *u->last = cl;
    u->last = &cl->next;
    u->buf = b;

    return NGX_OK;
}


/* from here on there is no other body than this one */
static ngx_int_t
ngx_http_soma_unpack_end(ngx_http_soma_unpack_t *u)
{
    ngx_http_soma_unpack_cleanup(u);

    u->ctx->request->request_body->bufs = u->out;
    u->ctx->request->request_body->temp_file = NULL;
    u->ctx->body.data = NULL;
    u->ctx->body.len = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_unpack_bad(ngx_http_soma_unpack_t *u)
{
    return ngx_http_soma_fault(u->ctx, SOMA_FAULT_BAD_REQUEST,
                               "invalid_content_encoding",
                               "the body is not what its Content-Encoding "
                               "says, or not all of it");
}


static void
ngx_http_soma_unpack_handler(ngx_event_t *ev)
{
    ngx_int_t                rc;
    ngx_http_request_t      *r;
    ngx_http_soma_unpack_t  *u;

    u = ((ngx_connection_t *) ev->data)->data;
    r = u->ctx->request;

    ngx_http_set_log_request(r->connection->log, r);

    rc = ngx_http_soma_unpack_step(u);

    if (rc != NGX_AGAIN) {
        ngx_http_soma_wake(u->ctx, rc);
    }
}


static void
ngx_http_soma_unpack_cleanup(void *data)
{
    ngx_http_soma_unpack_t  *u = data;

    if (u->event.posted) {
        ngx_delete_posted_event(&u->event);
    }

    if (u->begun) {
        (void) inflateEnd(&u->zs);
        u->begun = 0;
    }
}
