
/*
 * Copyright (C) The ngx_soma authors
 *
 * The beginning of a request and its end: its context, its id, what it
 * belongs to.
 */


#include "ngx_http_soma_trace.h"


static ngx_int_t ngx_http_soma_ctx_ids(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx);
static void ngx_http_soma_ctx_cleanup(void *data);
static ngx_uint_t ngx_http_soma_plain_token(ngx_str_t *s, size_t max);


static ngx_str_t  ngx_http_soma_request_id = ngx_string("x-request-id");
static ngx_str_t  ngx_http_soma_session_id = ngx_string("x-session-id");


ngx_http_soma_ctx_t *
ngx_http_soma_ctx_create(ngx_http_request_t *r, ngx_http_soma_ctx_over_pt over)
{
    ngx_http_cleanup_t   *cln;
    ngx_http_soma_ctx_t  *ctx;

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_soma_ctx_t));
    if (ctx == NULL) {
        return NULL;
    }

    ctx->request = r;
    ctx->over = over;
    ctx->main = ngx_http_get_module_main_conf(r, ngx_http_soma_module);
    ctx->conf = ngx_http_get_module_loc_conf(r, ngx_http_soma_module);
    ctx->arena = ngx_http_soma_arena(r->pool);
    ctx->start = (int64_t) r->start_sec * 1000 + r->start_msec;
    ctx->start_msec = ngx_current_msec;

    ngx_http_soma_ctx_url(ctx);

    cln = ngx_http_cleanup_add(r, 0);

    if (cln == NULL || ngx_http_soma_ctx_ids(r, ctx) != NGX_OK) {
        return NULL;
    }

    cln->handler = ngx_http_soma_ctx_cleanup;
    cln->data = ctx;

    ngx_http_set_ctx(r, ctx, ngx_http_soma_module);

    return ctx;
}


/* names of models may hold slashes and colons, escaped: dialects look for
 * them in the line as it was written */
void
ngx_http_soma_ctx_url(ngx_http_soma_ctx_t *ctx)
{
    u_char              *p;
    soma_url_t          *url;
    ngx_http_request_t  *r;

    r = ctx->request;
    url = &ctx->url;

    url->below = ngx_http_soma_str(ngx_http_soma_path(r));
    url->args = r->args.len ? ngx_http_soma_str(r->args) : SOMA_STR("");
    url->path = ngx_http_soma_str(r->unparsed_uri);

    p = ngx_strlchr(url->path.data, url->path.data + url->path.len, '?');

    if (p != NULL) {
        url->path.len = p - url->path.data;
    }

    ctx->client = soma_dialect_client(url, &ctx->arena);
    ctx->ask.url = url;
}


/* the client's own where they can be repeated as they are */
static ngx_int_t
ngx_http_soma_ctx_ids(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx)
{
    ngx_str_t  *value;

    value = ngx_http_soma_header_in(r, &ngx_http_soma_request_id);

    if (value && ngx_http_soma_plain_token(value, NGX_HTTP_SOMA_ID_MAX)) {
        ctx->id = *value;

    } else if (ngx_http_soma_trace_id(r->pool, &ctx->id) != NGX_OK) {
        return NGX_ERROR;
    }

    value = ngx_http_soma_header_in(r, &ngx_http_soma_session_id);

    if (value && ngx_http_soma_plain_token(value, NGX_HTTP_SOMA_SESSION_MAX)) {
        ctx->session = *value;
    }

    return NGX_OK;
}


static void
ngx_http_soma_ctx_cleanup(void *data)
{
    ngx_http_soma_ctx_t  *ctx = data;

    ngx_http_soma_wait_end(ctx);

    ctx->over(ctx);

    /* nginx logs after its cleanups, and an internal redirect may have
     * cleared what the variables look at */

    ngx_http_set_ctx(ctx->request, ctx, ngx_http_soma_module);
}


/*
 * An internal redirect (error_page) clears every module's context; the
 * request's cleanup still knows ours.
 */
ngx_http_soma_ctx_t *
ngx_http_soma_get_ctx(ngx_http_request_t *r)
{
    ngx_http_cleanup_t   *cln;
    ngx_http_soma_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r->main, ngx_http_soma_module);

    if (ctx != NULL || !(r->main->internal || r->main->filter_finalize
                         || r->main->uri_changed))
    {
        return ctx;
    }

    for (cln = r->main->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_soma_ctx_cleanup) {
            ctx = cln->data;

            /* another answer begins: what stood in for the last is void */

            ctx->edge.replaced = 0;
            ctx->edge.replaced_sent = 0;

            ngx_http_set_ctx(r->main, ctx, ngx_http_soma_module);

            return ctx;
        }
    }

    return NULL;
}


ngx_str_t *
ngx_http_soma_header_in(ngx_http_request_t *r, ngx_str_t *name)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return NULL;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len == name->len
            && h[i].lowcase_key[0] == name->data[0]
            && soma_same(h[i].lowcase_key, name->data, name->len))
        {
            return &h[i].value;
        }
    }
}


/* what may be sent back in a header and stand in a log as it is */
static ngx_uint_t
ngx_http_soma_plain_token(ngx_str_t *s, size_t max)
{
    size_t  i;

    if (s->len == 0 || s->len > max) {
        return 0;
    }

    for (i = 0; i < s->len; i++) {
        if (s->data[i] <= ' ' || s->data[i] >= 0x7f || s->data[i] == '"'
            || s->data[i] == '\\')
        {
            return 0;
        }
    }

    return 1;
}
