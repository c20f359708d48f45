
/*
 * Copyright (C) The ngx_soma authors
 *
 * A hash that tells equal questions apart from others.  However the body came
 * in pieces, it is the same.
 */


#include "ngx_http_soma_attempt.h"
#include "soma_xxh3.h"


#define NGX_HTTP_SOMA_HASH_WHOLE  16384     /* a longer body: both its ends */
#define NGX_HTTP_SOMA_HASH_PARTS  16
#define NGX_HTTP_SOMA_HASH_MORE   (NGX_HTTP_SOMA_HASH_PARTS + 1)


static unsigned ngx_http_soma_query_hash_parts(ngx_http_soma_ctx_t *ctx,
    soma_str_t *part);
static unsigned ngx_http_soma_query_hash_range(ngx_http_soma_ctx_t *ctx,
    soma_str_t *part, unsigned n, size_t start, size_t end);


ngx_int_t
ngx_http_soma_query_hash(ngx_http_soma_ctx_t *ctx)
{
    unsigned    n;
    soma_str_t  part[NGX_HTTP_SOMA_HASH_PARTS];

    n = ngx_http_soma_query_hash_parts(ctx, part);

    if (n == NGX_HTTP_SOMA_HASH_MORE) {

        if (ngx_http_soma_body_whole(ctx) != NGX_OK) {
            return NGX_ERROR;
        }

        n = ngx_http_soma_query_hash_parts(ctx, part);
    }

    ctx->query_hash = soma_xxh3(part, n);

    return NGX_OK;
}


static unsigned
ngx_http_soma_query_hash_parts(ngx_http_soma_ctx_t *ctx, soma_str_t *part)
{
    size_t    len;
    unsigned  n;

    len = ctx->ask.body_len;

    if (len <= NGX_HTTP_SOMA_HASH_WHOLE) {
        return ngx_http_soma_query_hash_range(ctx, part, 0, 0, len);
    }

    part[0].data = (u_char *) &ctx->ask.body_len;
    part[0].len = sizeof(ctx->ask.body_len);

    n = ngx_http_soma_query_hash_range(ctx, part, 1, 0,
                                 NGX_HTTP_SOMA_HASH_WHOLE / 2);

    return ngx_http_soma_query_hash_range(ctx, part, n,
                                    len - NGX_HTTP_SOMA_HASH_WHOLE / 2, len);
}


static unsigned
ngx_http_soma_query_hash_range(ngx_http_soma_ctx_t *ctx, soma_str_t *part,
    unsigned n, size_t start, size_t end)
{
    size_t        at, from, to;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    at = 0;

    for (cl = ctx->request->request_body->bufs; cl; cl = cl->next) {
        b = cl->buf;

        if (!ngx_buf_in_memory(b)) {
            continue;
        }

        from = ngx_max(start, at);
        to = ngx_min(end, at + (b->last - b->pos));

        if (from < to) {

            if (n >= NGX_HTTP_SOMA_HASH_PARTS) {
                return NGX_HTTP_SOMA_HASH_MORE;
            }

            part[n].data = b->pos + (from - at);
            part[n].len = to - from;
            n++;
        }

        at += b->last - b->pos;
    }

    return n;
}
