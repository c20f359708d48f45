
/*
 * Copyright (C) The ngx_soma authors
 *
 * The bytes of a provider's answer out of their framing, in place: chunks,
 * Content-Length, or until the connection ends.
 */


#include "ngx_http_soma_attempt.h"


static ngx_int_t ngx_http_soma_unchunk(ngx_http_soma_attempt_t *a, u_char *p,
    size_t *len);


ngx_int_t
ngx_http_soma_frame_read(ngx_http_soma_attempt_t *a, u_char *p, size_t *len)
{
    ngx_http_upstream_t  *u;

    u = a->ctx->request->upstream;

    if (a->ended) {
        *len = 0;
        return NGX_DONE;
    }

    if (u->headers_in.chunked) {
        return ngx_http_soma_unchunk(a, p, len);
    }

    if (a->rest == -1) {
        return NGX_OK;
    }

    if ((off_t) *len >= a->rest) {

        if ((off_t) *len > a->rest) {
            ngx_log_error(NGX_LOG_WARN, a->ctx->request->connection->log, 0,
                          "soma: provider \"%V\" sent more than its "
                          "Content-Length", &a->provider->name);
            u->headers_in.connection_close = 1;
            *len = (size_t) a->rest;
        }

        a->rest = 0;
        return NGX_DONE;
    }

    a->rest -= *len;

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_unchunk(ngx_http_soma_attempt_t *a, u_char *p, size_t *len)
{
    u_char               *d;
    size_t                n;
    ngx_buf_t             b;
    ngx_int_t             rc;
    ngx_http_request_t   *r;

    r = a->ctx->request;

    ngx_memzero(&b, sizeof(ngx_buf_t));

    b.pos = p;
    b.last = p + *len;
    b.start = p;
    b.end = b.last;
    d = p;

    for ( ;; ) {

#if (nginx_version >= 1027002)
        rc = ngx_http_parse_chunked(r, &b, &a->chunked, 0);
#else
        rc = ngx_http_parse_chunked(r, &b, &a->chunked);
#endif

        if (rc == NGX_OK) {
            n = ngx_min((off_t) (b.last - b.pos), a->chunked.size);

            ngx_memmove(d, b.pos, n);

            d += n;
            b.pos += n;
            a->chunked.size -= n;

            continue;
        }

        *len = d - p;

        if (rc == NGX_DONE) {

            if (b.pos != b.last) {
                r->upstream->headers_in.connection_close = 1;
            }

            return NGX_DONE;
        }

        if (rc == NGX_AGAIN) {
            return NGX_OK;
        }

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "soma: provider \"%V\" sent a broken chunk",
                      &a->provider->name);

        return NGX_ERROR;
    }
}
