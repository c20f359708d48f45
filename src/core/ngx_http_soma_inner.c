
/*
 * Copyright (C) The ngx_soma authors
 */


#include "ngx_http_soma_inner.h"
#include "ngx_http_soma_body.h"


static ngx_int_t ngx_http_soma_inner_betas(ngx_http_soma_ctx_t *ctx,
    soma_inner_request_t *inner);


/* once a request, whatever targets it comes to */
ngx_int_t
ngx_http_soma_inner(ngx_http_soma_ctx_t *ctx, const char **error)
{
    int                    rc;
    soma_inner_request_t  *inner;

    if (ctx->inner != NULL) {
        return NGX_OK;
    }

    *error = "this endpoint is not translated for its provider";

    if (ctx->client->read_request == NULL || ctx->ask.scan == NULL) {
        return NGX_DECLINED;
    }

    inner = ngx_pcalloc(ctx->request->pool, sizeof(soma_inner_request_t));

    if (inner == NULL || ngx_http_soma_body_whole(ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_soma_seals_store(ctx, &inner->seals) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ctx->client->read_request(inner, &ctx->ask, &ctx->arena, ctx->body,
                                   error);

    if (rc == SOMA_OK) {
        inner->stream = ctx->ask.stream;
        ctx->inner = inner;

        return ngx_http_soma_inner_betas(ctx, inner);
    }

    return (rc == SOMA_DECLINED || *error != NULL) ? NGX_DECLINED : NGX_ERROR;
}


/* a header that may stand more than once */
static ngx_int_t
ngx_http_soma_inner_betas(ngx_http_soma_ctx_t *ctx,
    soma_inner_request_t *inner)
{
    u_char           *p;
    size_t            len;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    static const ngx_str_t  beta = ngx_string("anthropic-beta");

    part = &ctx->request->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {

            if (part->next == NULL) {
                return NGX_OK;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len != beta.len
            || !soma_same(h[i].lowcase_key, beta.data, beta.len))
        {
            continue;
        }

        len = inner->betas.len + 1 + h[i].value.len;

        p = ngx_pnalloc(ctx->request->pool, len);
        if (p == NULL) {
            return NGX_ERROR;
        }

        soma_copy(p, inner->betas.data, inner->betas.len);
        p[inner->betas.len] = ',';
        soma_copy(p + inner->betas.len + 1, h[i].value.data, h[i].value.len);

        inner->betas.data = p;
        inner->betas.len = len;
    }
}
