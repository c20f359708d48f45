
/*
 * Copyright (C) The ngx_soma authors
 *
 * A request's body as nginx read it: one or two buffers, or a file when it
 * was larger than soma_body_buffer.
 */


#include "ngx_http_soma_body.h"


static ngx_chain_t *ngx_http_soma_body_buf(ngx_pool_t *pool,
    ngx_chain_t ***last, u_char *p, size_t len);


int
ngx_http_soma_body_value(void *data, soma_json_span_t *span,
    soma_str_t *value)
{
    ngx_http_soma_ctx_t  *ctx = data;

    size_t        off, size, from, to, len;
    u_char       *p;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    off = 0;
    p = NULL;
    len = span->end - span->start;
    value->len = 0;

    for (cl = ctx->request->request_body->bufs; cl; cl = cl->next) {

        b = cl->buf;
        size = b->last - b->pos;

        if (span->start >= off && span->end <= off + size) {
            value->data = b->pos + (span->start - off);
            value->len = len;
            return SOMA_OK;
        }

        from = ngx_max(span->start, off);
        to = ngx_min(span->end, off + size);

        if (from < to) {

            if (p == NULL) {
                p = ngx_pnalloc(ctx->request->pool, len);
                if (p == NULL) {
                    return SOMA_ERROR;
                }

                value->data = p;
            }

            p = ngx_cpymem(p, b->pos + (from - off), to - from);
            value->len += to - from;
        }

        off += size;
    }

    return value->len == len && len ? SOMA_OK : SOMA_ERROR;
}


ngx_int_t
ngx_http_soma_body_whole(ngx_http_soma_ctx_t *ctx)
{
    size_t               size;
    u_char              *p;
    ssize_t              n;
    ngx_buf_t           *b;
    ngx_chain_t         *cl;
    ngx_http_request_t  *r;

    if (ctx->body.data) {
        return NGX_OK;
    }

    r = ctx->request;
    cl = r->request_body->bufs;

    if (cl->next == NULL && !cl->buf->in_file) {
        ctx->body.data = cl->buf->pos;
        ctx->body.len = cl->buf->last - cl->buf->pos;
        return NGX_OK;
    }

    size = 0;

    for ( /* void */ ; cl; cl = cl->next) {
        size += ngx_buf_size(cl->buf);
    }

    b = ngx_create_temp_buf(r->pool, size + 1);
    if (b == NULL) {
        return NGX_ERROR;
    }

    p = b->pos;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {

        size = ngx_buf_size(cl->buf);

        if (size == 0) {

            /* the end of a chunked body: neither memory nor a file */

            continue;
        }

        if (ngx_buf_in_memory(cl->buf)) {
            p = ngx_cpymem(p, cl->buf->pos, size);
            continue;
        }

        n = ngx_read_file(cl->buf->file, p, size, cl->buf->file_pos);

        if (n == NGX_ERROR || (size_t) n != size) {
            ngx_log_error(NGX_LOG_CRIT, r->connection->log, 0,
                          "soma: the request body's file cannot be read");
            return NGX_ERROR;
        }

        p += size;
    }

    b->last = p;

    /* from here on there is one body, in memory */

    r->request_body->bufs->buf = b;
    r->request_body->bufs->next = NULL;

    ctx->body.data = b->pos;
    ctx->body.len = b->last - b->pos;

    return NGX_OK;
}


ngx_chain_t *
ngx_http_soma_body_chain(ngx_http_soma_ctx_t *ctx, soma_json_edits_t *edits)
{
    size_t             off, end, from, to;
    unsigned           i;
    ngx_buf_t         *b;
    ngx_pool_t        *pool;
    ngx_chain_t       *cl, *out, **last;
    soma_json_edit_t  *edit;

    pool = ctx->request->pool;
    out = NULL;
    last = &out;
    off = 0;
    from = 0;
    i = 0;

    for (cl = ctx->request->request_body->bufs; cl; cl = cl->next) {

        b = cl->buf;
        end = off + (b->last - b->pos);

        for ( ;; ) {
            edit = i < edits->n ? &edits->edit[i] : NULL;

            /* the client's own bytes up to the next edit */

            to = (edit && edit->start < end) ? edit->start : end;

            if (from < to
                && ngx_http_soma_body_buf(pool, &last, b->pos + (from - off),
                                          to - from)
                   == NULL)
            {
                return NULL;
            }

            from = ngx_max(from, to);

            if (edit == NULL || edit->start >= end) {
                break;
            }

            if (edit->text.len
                && ngx_http_soma_body_buf(pool, &last, edit->text.data,
                                          edit->text.len)
                   == NULL)
            {
                return NULL;
            }

            from = ngx_max(from, edit->end);
            i++;
        }

        off = end;
    }

    for (cl = out; cl; cl = cl->next) {
        if (cl->next == NULL) {
            cl->buf->last_buf = 1;
            cl->buf->flush = 1;
        }
    }

    return out;
}


static ngx_chain_t *
ngx_http_soma_body_buf(ngx_pool_t *pool, ngx_chain_t ***last, u_char *p,
    size_t len)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    b = ngx_calloc_buf(pool);
    cl = ngx_alloc_chain_link(pool);

    if (b == NULL || cl == NULL) {
        return NULL;
    }

    /* nginx rewinds to start when it sends the request once more */

    b->start = p;
    b->pos = p;
    b->last = p + len;
    b->end = b->last;
    b->memory = 1;

    cl->buf = b;
    cl->next = NULL;
    **last = cl;
    *last = &cl->next;

    return cl;
}
