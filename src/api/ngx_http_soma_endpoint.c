
/*
 * Copyright (C) The ngx_soma authors
 *
 * What the endpoints share: arguments, methods, answers, and a state that
 * outlives the question to Redis.
 */


#include "ngx_http_soma_endpoint.h"
#include "ngx_http_soma_lock.h"


static ngx_int_t ngx_http_soma_allow(ngx_http_request_t *r,
    const char *methods);
static void ngx_http_soma_state_cleanup(void *data);


ngx_int_t
ngx_http_soma_endpoint_args(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx,
    const char *names)
{
    u_char      *p, *end, *last, *eq;
    soma_str_t   arg, list, word;

    if (r->args.len == 0) {
        return NGX_OK;
    }

    p = r->args.data;
    end = p + r->args.len;

    for ( /* void */ ; p < end; p = last + 1) {

        last = ngx_strlchr(p, end, '&');
        last = last ? last : end;
        eq = ngx_strlchr(p, last, '=');

        arg.data = p;
        arg.len = (size_t) ((eq ? eq : last) - p);

        if (arg.len == 0) {
            continue;
        }

        list.data = (u_char *) (uintptr_t) names;
        list.len = ngx_strlen(names);

        do {
            if (!soma_str_word(&list, &word)) {
                return ngx_http_soma_fault(ctx, SOMA_FAULT_BAD_REQUEST,
                                           "unknown_argument",
                                           "there is no argument \"%*s\" "
                                           "here: allowed %s%s",
                                           ngx_min(arg.len, 64), arg.data,
                                           names[0] ? "are " : "is ",
                                           names[0] ? names : "none");
            }
        } while (!soma_str_eq(arg, word));
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_soma_endpoint_only_get(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx)
{
    if (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)) {
        return NGX_OK;
    }

    if (ctx == NULL) {
        return ngx_http_soma_allow(r, "GET, HEAD") == NGX_OK
               ? NGX_HTTP_NOT_ALLOWED : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_soma_endpoint_method(r, ctx, "GET, HEAD");
}


ngx_int_t
ngx_http_soma_endpoint_method(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx,
    const char *methods)
{
    if (ngx_http_soma_allow(r, methods) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_soma_fault(ctx, SOMA_FAULT_METHOD, "method_not_allowed",
                               "\"%V\" takes %s, not %V", &r->uri, methods,
                               &r->method_name);
}


static ngx_int_t
ngx_http_soma_allow(ngx_http_request_t *r, const char *methods)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->hash = 1;
    ngx_str_set(&h->key, "Allow");
    h->value.data = (u_char *) methods;
    h->value.len = ngx_strlen(methods);

    return NGX_OK;
}


ngx_int_t
ngx_http_soma_endpoint_answer(ngx_http_request_t *r, ngx_uint_t status,
    ngx_http_soma_write_pt write, void *data)
{
    u_char      *buf;
    size_t       size;
    ngx_str_t    body;
    soma_out_t   out;

    size = NGX_HTTP_SOMA_ANSWER_MIN;

    do {
        buf = ngx_palloc(r->pool, size);
        if (buf == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        soma_put_init(&out, buf, size);
        write(&out, data);

        if (!out.full) {
            body.data = buf;
            body.len = out.pos - out.start;

            return ngx_http_soma_send(r, status, "application/json", &body);
        }

        ngx_pfree(r->pool, buf);
        size *= 2;

    } while (size <= NGX_HTTP_SOMA_ANSWER_MAX);

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "soma: an answer passes %uz bytes",
                  (size_t) NGX_HTTP_SOMA_ANSWER_MAX);

    return NGX_HTTP_INTERNAL_SERVER_ERROR;
}


ngx_int_t
ngx_http_soma_endpoint_arg(ngx_http_request_t *r, const char *name,
    soma_str_t *value)
{
    u_char     *p, *s;
    ngx_str_t   raw;

    if (ngx_http_arg(r, (u_char *) name, ngx_strlen(name), &raw) != NGX_OK
        || raw.len == 0)
    {
        return NGX_DECLINED;
    }

    p = ngx_pnalloc(r->pool, raw.len);
    if (p == NULL) {
        return NGX_DECLINED;
    }

    value->data = p;
    s = raw.data;

    ngx_unescape_uri(&p, &s, raw.len, 0);

    value->len = p - value->data;

    return NGX_OK;
}


/* the module's one context is the steps': a cleanup that cleans nothing is
 * the other place a request keeps for us */

void *
ngx_http_soma_endpoint_state_create(ngx_http_request_t *r, size_t size)
{
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(r->pool, size);
    if (cln == NULL) {
        return NULL;
    }

    ngx_memzero(cln->data, size);

    cln->handler = ngx_http_soma_state_cleanup;

    return cln->data;
}


void *
ngx_http_soma_endpoint_state(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t  *cln;

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_soma_state_cleanup) {
            return cln->data;
        }
    }

    return NULL;
}


static void
ngx_http_soma_state_cleanup(void *data)
{
    (void) data;
}
