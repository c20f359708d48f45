
/*
 * Copyright (C) The ngx_soma authors
 *
 * Keys that nobody knows are cheap to invent and cost Redis a question each:
 * who brought too many of them lately is refused from memory.  A key that was
 * ever known here is asked for whatever comes with it.
 */


#include "ngx_http_soma_identify.h"
#include "ngx_http_soma_cache.h"
#include "soma_bucket.h"
#include "soma_xxh3.h"


static uint64_t ngx_http_soma_strange_who(ngx_http_request_t *r);
static ngx_uint_t ngx_http_soma_strange_known(ngx_http_soma_ctx_t *ctx);


/* this worker's; the table comes with the first stranger */

static soma_bucket_t         ngx_http_soma_strange_all;
static soma_bucket_table_t  *ngx_http_soma_strange_table;


void
ngx_http_soma_strange_exit_worker(void)
{
    if (ngx_http_soma_strange_table) {
        ngx_free(ngx_http_soma_strange_table);
        ngx_http_soma_strange_table = NULL;
    }
}


ngx_int_t
ngx_http_soma_strange_check(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx)
{
    int64_t         now;
    soma_bucket_t  *bucket;

    if (ngx_http_soma_strange_table == NULL) {
        return NGX_OK;
    }

    now = (int64_t) ngx_current_msec;
    bucket = soma_bucket_find(ngx_http_soma_strange_table,
                              ngx_http_soma_strange_who(r));

    if ((bucket == NULL
         || soma_bucket_left(bucket, NGX_HTTP_SOMA_STRANGE_RATE,
                             NGX_HTTP_SOMA_STRANGE_BURST, now))
        && soma_bucket_left(&ngx_http_soma_strange_all,
                            NGX_HTTP_SOMA_STRANGE_ALL_RATE,
                            NGX_HTTP_SOMA_STRANGE_ALL_BURST, now))
    {
        return NGX_OK;
    }

    if (ngx_http_soma_strange_known(ctx)) {
        return NGX_OK;
    }

    ctx->error.retry_ms = 1000;

    return ngx_http_soma_fault(ctx, SOMA_FAULT_RATE, "too_many_unknown_keys",
                               "too many unknown API keys came from here, and "
                               "this one is not known yet: come back when "
                               "Retry-After says");
}


void
ngx_http_soma_strange_note(ngx_http_request_t *r)
{
    int64_t         now;
    soma_bucket_t  *bucket;

    if (ngx_http_soma_strange_table == NULL) {
        ngx_http_soma_strange_table = ngx_calloc(sizeof(soma_bucket_table_t),
                                                 r->connection->log);
        if (ngx_http_soma_strange_table == NULL) {
            return;
        }
    }

    now = (int64_t) ngx_current_msec;
    bucket = soma_bucket_make(ngx_http_soma_strange_table,
                              ngx_http_soma_strange_who(r));

    soma_bucket_take(bucket, NGX_HTTP_SOMA_STRANGE_RATE,
                     NGX_HTTP_SOMA_STRANGE_BURST, now);
    soma_bucket_take(&ngx_http_soma_strange_all,
                     NGX_HTTP_SOMA_STRANGE_ALL_RATE,
                     NGX_HTTP_SOMA_STRANGE_ALL_BURST, now);
}


/* the client's address, as the realip module may have put it; of IPv6 the
 * network, for one host has as many addresses there as it likes */
static uint64_t
ngx_http_soma_strange_who(ngx_http_request_t *r)
{
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    switch (r->connection->sockaddr->sa_family) {

    case AF_INET:
        sin = (struct sockaddr_in *) r->connection->sockaddr;
        return soma_xxh3_mix(&sin->sin_addr, sizeof(sin->sin_addr));

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) r->connection->sockaddr;

        if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
            return soma_xxh3_mix(&sin6->sin6_addr.s6_addr[12], 4);
        }

        return soma_xxh3_mix(&sin6->sin6_addr, 8);
#endif
    }

    return 1;
}


/* was it ever one of ours, however old that is? */
static ngx_uint_t
ngx_http_soma_strange_known(ngx_http_soma_ctx_t *ctx)
{
    size_t      len;
    u_char      packed[SOMA_IDENTITY_MAX];
    int64_t     expires;
    soma_str_t  name;

    name.data = ctx->key.hash;
    name.len = SOMA_KEY_HASH;
    len = sizeof(packed);

    return ngx_http_soma_cache_get(ctx->main, NGX_HTTP_SOMA_CACHE_KEY, name,
                                   ctx->start, NGX_MAX_INT_T_VALUE, packed,
                                   &len, &expires)
           == NGX_OK && len != 0;
}
