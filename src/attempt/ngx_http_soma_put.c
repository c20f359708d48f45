
/*
 * Copyright (C) The ngx_soma authors
 *
 * What goes to the client, in the buffers that carry it.  No list is walked
 * from its start: a packed answer is tens of thousands of events at once.
 */


#include "ngx_http_soma_attempt.h"


#define NGX_HTTP_SOMA_COPY_SIZE  4096
#define NGX_HTTP_SOMA_COPY_MIN   64     /* of a cost, one an event perhaps */


static ngx_int_t ngx_http_soma_put_ref(ngx_http_soma_attempt_t *a, u_char *p,
    size_t len);
static ngx_int_t ngx_http_soma_put_copy(ngx_http_soma_attempt_t *a, u_char *p,
    size_t len);
static ngx_buf_t *ngx_http_soma_put_last(ngx_http_soma_attempt_t *a);
static ngx_buf_t *ngx_http_soma_put_next(ngx_http_soma_attempt_t *a,
    ngx_uint_t kind);
static ngx_uint_t ngx_http_soma_buf_kind(ngx_buf_t *b);


ngx_int_t
ngx_http_soma_put(ngx_http_soma_attempt_t *a, u_char *p, size_t len)
{
    ngx_http_request_t   *r;
    ngx_http_upstream_t  *u;

    r = a->ctx->request;
    u = r->upstream;

    if (len == 0 || (a->drain && r->connection->error)) {
        return NGX_OK;
    }

    if (p >= u->buffer.start && p < u->buffer.end) {
        return ngx_http_soma_put_ref(a, p, len);
    }

    return ngx_http_soma_put_copy(a, p, len);
}


static ngx_int_t
ngx_http_soma_put_ref(ngx_http_soma_attempt_t *a, u_char *p, size_t len)
{
    ngx_buf_t  *b;

    b = ngx_http_soma_put_last(a);

    /* events that lie side by side go out as one */

    if (b != NULL && b->start == NULL && b->last == p) {
        b->last += len;
        return NGX_OK;
    }

    b = ngx_http_soma_put_next(a, NGX_HTTP_SOMA_BUF_REF);

    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = p;
    b->last = p + len;

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_put_copy(ngx_http_soma_attempt_t *a, u_char *p, size_t len)
{
    size_t       n;
    ngx_buf_t   *b;
    ngx_uint_t   kind;

    b = ngx_http_soma_put_last(a);

    /* what is put between two events is short, all else is many of them */

    kind = (b != NULL && b->start == NULL && len <= NGX_HTTP_SOMA_COPY_MIN)
           ? NGX_HTTP_SOMA_BUF_SMALL : NGX_HTTP_SOMA_BUF_LARGE;

    while (len) {

        if (b == NULL || b->start == NULL || b->last == b->end) {
            b = ngx_http_soma_put_next(a, kind);

            if (b == NULL) {
                return NGX_ERROR;
            }
        }

        n = ngx_min(len, (size_t) (b->end - b->last));

        b->last = ngx_cpymem(b->last, p, n);
        p += n;
        len -= n;
    }

    return NGX_OK;
}


/* NULL: nothing waits to go out */
static ngx_buf_t *
ngx_http_soma_put_last(ngx_http_soma_attempt_t *a)
{
    if (a->ctx->request->upstream->out_bufs == NULL) {
        a->out_last = NULL;
    }

    return (a->out_last != NULL) ? a->out_last->buf : NULL;
}


static ngx_buf_t *
ngx_http_soma_put_next(ngx_http_soma_attempt_t *a, ngx_uint_t kind)
{
    ngx_chain_t          *cl;
    ngx_http_upstream_t  *u;

    u = a->ctx->request->upstream;

    cl = ngx_http_soma_put_buf(a, kind);
    if (cl == NULL) {
        return NULL;
    }

    cl->buf->memory = 1;
    cl->buf->flush = 1;
    cl->buf->tag = u->output.tag;

    if (a->out_last != NULL) {
        a->out_last->next = cl;

    } else {
        u->out_bufs = cl;
    }

    a->out_last = cl;

    return cl->buf;
}


/* nginx gives back all kinds in one list */
ngx_chain_t *
ngx_http_soma_put_buf(ngx_http_soma_attempt_t *a, ngx_uint_t kind)
{
    size_t                size;
    ngx_buf_t            *b;
    ngx_uint_t            i;
    ngx_chain_t          *cl;
    ngx_http_request_t   *r;
    ngx_http_upstream_t  *u;

    r = a->ctx->request;
    u = r->upstream;

    while (u->free_bufs != NULL && a->free[kind] == NULL) {
        cl = u->free_bufs;
        u->free_bufs = cl->next;

        i = ngx_http_soma_buf_kind(cl->buf);
        cl->next = a->free[i];
        a->free[i] = cl;
    }

    cl = a->free[kind];

    if (cl != NULL) {
        a->free[kind] = cl->next;
        cl->next = NULL;
        cl->buf->pos = cl->buf->start;
        cl->buf->last = cl->buf->start;
        return cl;
    }

    cl = ngx_alloc_chain_link(r->pool);
    b = ngx_calloc_buf(r->pool);

    if (cl == NULL || b == NULL) {
        return NULL;
    }

    if (kind != NGX_HTTP_SOMA_BUF_REF) {
        size = (kind == NGX_HTTP_SOMA_BUF_SMALL) ? NGX_HTTP_SOMA_COPY_MIN
                                                 : NGX_HTTP_SOMA_COPY_SIZE;

        b->start = ngx_palloc(r->pool, size);
        if (b->start == NULL) {
            return NULL;
        }

        b->pos = b->start;
        b->last = b->start;
        b->end = b->start + size;
    }

    cl->buf = b;
    cl->next = NULL;

    return cl;
}


static ngx_uint_t
ngx_http_soma_buf_kind(ngx_buf_t *b)
{
    if (b->start == NULL) {
        return NGX_HTTP_SOMA_BUF_REF;
    }

    return (b->end - b->start > NGX_HTTP_SOMA_COPY_MIN)
           ? NGX_HTTP_SOMA_BUF_LARGE : NGX_HTTP_SOMA_BUF_SMALL;
}
