
/*
 * Copyright (C) The ngx_soma authors
 *
 * Where a link leads: an address as it is, a name by nginx's resolver at
 * each attempt, or without a resolver by what the system knew of it when the
 * configuration was read.
 */


#include "ngx_http_soma_redis_link.h"


static ngx_int_t ngx_http_soma_redis_link_literal(
    ngx_http_soma_link_t *link);
static void ngx_http_soma_redis_link_add(ngx_http_soma_link_t *link,
    struct sockaddr *sockaddr, socklen_t socklen);
static ngx_http_soma_redis_host_t *ngx_http_soma_redis_link_known(
    ngx_http_soma_link_t *link);
static ngx_int_t ngx_http_soma_redis_link_resolve(ngx_http_soma_link_t *link,
    const char **error);
static void ngx_http_soma_redis_link_resolved(ngx_resolver_ctx_t *ctx);


void
ngx_http_soma_redis_link_target(ngx_http_soma_link_t *link, ngx_str_t *host,
    in_port_t port)
{
    u_char  *p;
    size_t   len;

    ngx_http_soma_redis_link_unlocate(link);

    len = ngx_min(host->len, SOMA_SLOT_HOST_MAX);

    link->host.data = link->where_buf + 1;
    link->host.len = len;
    link->port = port;
    link->naddrs = 0;
    link->turn = 0;

    p = link->host.data;

    /* a unix socket has no host, and NULL is no address for memcpy() */

    if (len) {
        p = ngx_cpymem(p, host->data, len);
    }

    if (ngx_strlchr(link->host.data, p, ':')) {
        link->where_buf[0] = '[';
        *p++ = ']';
        link->where.data = link->where_buf;

    } else {
        link->where.data = link->host.data;
    }

    p = ngx_sprintf(p, ":%d", (int) port);
    link->where.len = p - link->where.data;
}


ngx_uint_t
ngx_http_soma_redis_link_leads(ngx_http_soma_link_t *link, ngx_str_t *host,
    in_port_t port)
{
    return link->port == port && link->host.len == host->len
           && ngx_strncmp(link->host.data, host->data, host->len) == 0;
}


ngx_int_t
ngx_http_soma_redis_link_locate(ngx_http_soma_link_t *link,
    const char **error)
{
    ngx_uint_t                   i;
    ngx_http_soma_redis_host_t  *host;

    if (link->naddrs > 1 && link->turn + 1 < link->naddrs) {
        link->turn++;
        return NGX_OK;
    }

    if (link->host.len == 0) {
        *error = "there is no address of it yet";
        return NGX_ERROR;
    }

    link->turn = 0;
    link->naddrs = 0;

    if (ngx_http_soma_redis_link_literal(link) == NGX_OK) {
        return NGX_OK;
    }

    if (link->conf->resolver) {
        return ngx_http_soma_redis_link_resolve(link, error);
    }

    host = ngx_http_soma_redis_link_known(link);

    if (host == NULL || host->naddrs == 0) {
        *error = "its name needs a \"resolver\" above soma_redis";
        return NGX_ERROR;
    }

    for (i = 0; i < host->naddrs; i++) {
        ngx_http_soma_redis_link_add(link, host->addrs[i].sockaddr,
                                     host->addrs[i].socklen);
    }

    return NGX_OK;
}


/* NGX_DECLINED: its host is a name */
static ngx_int_t
ngx_http_soma_redis_link_literal(ngx_http_soma_link_t *link)
{
    in_addr_t            in;
    struct sockaddr_in   sin;
#if (NGX_HAVE_INET6)
    u_char               text[SOMA_SLOT_HOST_MAX];
    struct sockaddr_in6  sin6;
#endif

    in = ngx_inet_addr(link->host.data, link->host.len);

    if (in != INADDR_NONE) {
        ngx_memzero(&sin, sizeof(struct sockaddr_in));
        sin.sin_family = AF_INET;
        sin.sin_addr.s_addr = in;

        ngx_http_soma_redis_link_add(link, (struct sockaddr *) &sin,
                                     sizeof(struct sockaddr_in));
        return NGX_OK;
    }

#if (NGX_HAVE_INET6)

    ngx_memzero(&sin6, sizeof(struct sockaddr_in6));
    ngx_memcpy(text, link->host.data, link->host.len);

    if (ngx_inet6_addr(text, link->host.len, sin6.sin6_addr.s6_addr)
        == NGX_OK)
    {
        sin6.sin6_family = AF_INET6;

        ngx_http_soma_redis_link_add(link, (struct sockaddr *) &sin6,
                                     sizeof(struct sockaddr_in6));
        return NGX_OK;
    }

#endif

    return NGX_DECLINED;
}


static void
ngx_http_soma_redis_link_add(ngx_http_soma_link_t *link,
    struct sockaddr *sockaddr, socklen_t socklen)
{
    if (link->naddrs == NGX_HTTP_SOMA_REDIS_ADDRS_MAX) {
        return;
    }

    ngx_memcpy(&link->addr[link->naddrs], sockaddr, socklen);
    ngx_inet_set_port(&link->addr[link->naddrs].sockaddr, link->port);
    link->socklen[link->naddrs] = socklen;
    link->naddrs++;
}


/* Sentinel and a cluster may tell a name that the configuration has too */
static ngx_http_soma_redis_host_t *
ngx_http_soma_redis_link_known(ngx_http_soma_link_t *link)
{
    ngx_uint_t                   i;
    ngx_http_soma_redis_host_t  *host;

    host = link->conf->hosts;

    for (i = 0; i < link->conf->nhosts; i++) {
        if (host[i].name.len == link->host.len
            && ngx_strncasecmp(host[i].name.data, link->host.data,
                               link->host.len)
               == 0)
        {
            return &host[i];
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_soma_redis_link_resolve(ngx_http_soma_link_t *link,
    const char **error)
{
    ngx_resolver_ctx_t  *ctx, temp;

    temp.name = link->host;

    ctx = ngx_resolve_start(link->conf->resolver, &temp);

    if (ctx == NULL || ctx == NGX_NO_RESOLVER) {
        *error = "its name cannot be resolved now";
        return NGX_ERROR;
    }

    ctx->name = link->host;
    ctx->handler = ngx_http_soma_redis_link_resolved;
    ctx->data = link;
    ctx->timeout = link->conf->resolver_timeout;
    ctx->cancelable = 1;

    link->resolving = ctx;

    /* a name that is known is told before the return, and an error frees */

    if (ngx_resolve_name(ctx) != NGX_OK) {
        link->resolving = NULL;
        *error = "its name cannot be resolved now";
        return NGX_ERROR;
    }

    return NGX_AGAIN;
}


static void
ngx_http_soma_redis_link_resolved(ngx_resolver_ctx_t *ctx)
{
    char                   why[NGX_HTTP_SOMA_REDIS_ERROR_MAX];
    ngx_int_t              state;
    ngx_uint_t             i;
    ngx_http_soma_link_t  *link;

    link = ctx->data;
    link->resolving = NULL;
    state = ctx->state;

    for (i = 0; state == NGX_OK && i < ctx->naddrs; i++) {
        ngx_http_soma_redis_link_add(link, ctx->addrs[i].sockaddr,
                                     ctx->addrs[i].socklen);
    }

    ngx_resolve_name_done(ctx);

    if (link->naddrs == 0) {
        ngx_snprintf((u_char *) why, sizeof(why),
                     "its name could not be resolved (%s)%Z",
                     ngx_resolver_strerror(state));
        ngx_http_soma_redis_link_failed(link, why);
        return;
    }

    ngx_http_soma_redis_link_open(link);
}


void
ngx_http_soma_redis_link_unlocate(ngx_http_soma_link_t *link)
{
    if (link->resolving) {
        ngx_resolve_name_done(link->resolving);
        link->resolving = NULL;
    }
}
