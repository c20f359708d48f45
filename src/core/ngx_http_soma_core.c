
/*
 * Copyright (C) The ngx_soma authors
 */


#include "ngx_http_soma.h"


static void *ngx_http_soma_pool_alloc(void *data, size_t size);
static ngx_int_t ngx_http_soma_cmp_str(const u_char *a, size_t alen,
    const u_char *b, size_t blen);
static int ngx_libc_cdecl ngx_http_soma_cmp_names(const void *one,
    const void *two);


void *
ngx_http_soma_names_find(ngx_array_t *names, const u_char *data, size_t len)
{
    ngx_int_t              rc;
    ngx_uint_t             low, high, middle;
    ngx_http_soma_name_t  *name;

    name = names->elts;
    low = 0;
    high = names->nelts;

    while (low < high) {
        middle = low + (high - low) / 2;

        rc = ngx_http_soma_cmp_str(data, len, name[middle].name.data,
                                   name[middle].name.len);
        if (rc == 0) {
            return name[middle].value;
        }

        if (rc < 0) {
            high = middle;

        } else {
            low = middle + 1;
        }
    }

    return NULL;
}


ngx_int_t
ngx_http_soma_names_sort(ngx_array_t *names, ngx_str_t **twice)
{
    ngx_uint_t             i;
    ngx_http_soma_name_t  *name;

    name = names->elts;

    ngx_qsort(name, names->nelts, sizeof(ngx_http_soma_name_t),
              ngx_http_soma_cmp_names);

    for (i = 1; i < names->nelts; i++) {
        if (ngx_http_soma_cmp_names(&name[i - 1], &name[i]) == 0) {
            *twice = &name[i].name;
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_cmp_str(const u_char *a, size_t alen, const u_char *b,
    size_t blen)
{
    if (alen != blen) {
        return alen < blen ? -1 : 1;
    }

    return ngx_memcmp(a, b, alen);
}


static int ngx_libc_cdecl
ngx_http_soma_cmp_names(const void *one, const void *two)
{
    const ngx_http_soma_name_t  *first = one;
    const ngx_http_soma_name_t  *second = two;

    return (int) ngx_http_soma_cmp_str(first->name.data, first->name.len,
                                       second->name.data, second->name.len);
}


ngx_http_soma_provider_t *
ngx_http_soma_provider_find(ngx_http_soma_main_conf_t *smcf, ngx_str_t *name)
{
    ngx_uint_t                  i;
    ngx_http_soma_provider_t  **pp;

    pp = smcf->providers.elts;

    for (i = 0; i < smcf->providers.nelts; i++) {
        if (pp[i]->name.len == name->len
            && ngx_strncmp(pp[i]->name.data, name->data, name->len) == 0)
        {
            return pp[i];
        }
    }

    return NULL;
}


int64_t
ngx_http_soma_now(void)
{
    ngx_time_t  *tp;

    tp = ngx_timeofday();

    return (int64_t) tp->sec * 1000 + tp->msec;
}


soma_arena_t
ngx_http_soma_arena(ngx_pool_t *pool)
{
    soma_arena_t  arena;

    arena.alloc = ngx_http_soma_pool_alloc;
    arena.data = pool;

    return arena;
}


static void *
ngx_http_soma_pool_alloc(void *data, size_t size)
{
    return ngx_palloc(data, size);
}


ngx_int_t
ngx_http_soma_fault(ngx_http_soma_ctx_t *ctx, soma_fault_e fault,
    const char *code, const char *fmt, ...)
{
    u_char   *p;
    va_list   args;

    if (ctx->error.fault != SOMA_FAULT_NONE) {
        return soma_dialect_fault_status(ctx->error.fault);
    }

    ctx->error.fault = fault;
    ctx->error.code.data = (u_char *) code;
    ctx->error.code.len = ngx_strlen(code);

    p = ngx_pnalloc(ctx->request->pool, NGX_HTTP_SOMA_MESSAGE_MAX);

    if (p != NULL) {
        ctx->error.message.data = p;

        va_start(args, fmt);
        p = ngx_vslprintf(p, p + NGX_HTTP_SOMA_MESSAGE_MAX, fmt, args);
        va_end(args);

        ctx->error.message.len = p - ctx->error.message.data;
    }

    /* the message is JSON's to escape, the log has rules of its own */

    va_start(args, fmt);
    ngx_http_soma_vlog(NGX_LOG_INFO, ctx->request->connection->log, 0, code,
                       fmt, args);
    va_end(args);

    return soma_dialect_fault_status(fault);
}


ngx_str_t
ngx_http_soma_path(ngx_http_request_t *r)
{
    u_char     *v1;
    ngx_str_t   path;

    path = r->uri;

    if (path.len >= 4 && ngx_memcmp(path.data, "/v1/", 4) == 0) {
        path.data += 3;
        path.len -= 3;
        return path;
    }

    v1 = ngx_strlcasestrn(path.data, path.data + path.len,
                          (u_char *) "/v1/", 4 - 1);

    if (v1) {
        path.len -= v1 + 3 - path.data;
        path.data = v1 + 3;
    }

    return path;
}


ngx_uint_t
ngx_http_soma_path_begins(ngx_str_t *path, const char *prefix)
{
    size_t  len;

    len = ngx_strlen(prefix);

    return path->len >= len && ngx_strncmp(path->data, prefix, len) == 0;
}


ngx_int_t
ngx_http_soma_send(ngx_http_request_t *r, ngx_uint_t status, const char *type,
    ngx_str_t *body)
{
    ngx_int_t    rc;
    ngx_buf_t   *b;
    ngx_chain_t  out;

    if (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)) {
        rc = ngx_http_discard_request_body(r);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    r->headers_out.status = status;
    r->headers_out.content_length_n = body->len;
    r->headers_out.content_type.data = (u_char *) type;
    r->headers_out.content_type.len = ngx_strlen(type);
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = body->data;
    b->last = body->data + body->len;
    b->memory = (body->len > 0);
    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


ngx_int_t
ngx_http_soma_add_header(ngx_http_request_t *r, const ngx_str_t *name,
    u_char *data, size_t len)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif
    h->key = *name;
    h->lowcase_key = name->data;
    h->value.data = data;
    h->value.len = len;

    return NGX_OK;
}
