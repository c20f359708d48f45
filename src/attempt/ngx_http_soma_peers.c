
/*
 * Copyright (C) The ngx_soma authors
 *
 * A provider's addresses, resolved again when their time to live is over,
 * and its idle connections.  Requests never wait for a name that was known
 * once: the old addresses serve until new ones have come.
 */


#include "ngx_http_soma_attempt.h"


static ngx_int_t ngx_http_soma_peers_static(ngx_conf_t *cf,
    ngx_http_soma_peers_t *peers);
static void ngx_http_soma_peers_set(ngx_http_soma_peers_t *peers,
    ngx_uint_t i, struct sockaddr *sockaddr, socklen_t socklen);
static void ngx_http_soma_resolve(ngx_http_soma_peers_t *peers);
static void ngx_http_soma_resolve_timer(ngx_event_t *ev);
static void ngx_http_soma_resolved(ngx_resolver_ctx_t *ctx);
static void ngx_http_soma_idle_dummy(ngx_event_t *ev);
static void ngx_http_soma_idle_handler(ngx_event_t *ev);
static void ngx_http_soma_idle_close(ngx_connection_t *c);


ngx_int_t
ngx_http_soma_peers_create(ngx_conf_t *cf, ngx_http_soma_provider_t *provider)
{
    ngx_uint_t                 i;
    ngx_http_soma_idle_t      *idle;
    ngx_http_soma_peers_t     *peers;
    ngx_http_core_loc_conf_t  *clcf;

    peers = ngx_pcalloc(cf->pool, sizeof(ngx_http_soma_peers_t));
    if (peers == NULL) {
        return NGX_ERROR;
    }

    provider->peers = peers;
    peers->provider = provider;
    ngx_queue_init(&peers->cache);
    ngx_queue_init(&peers->free);

    if (provider->block) {
        provider->server_name = provider->host;
        return NGX_OK;
    }

    idle = ngx_pcalloc(cf->pool, sizeof(ngx_http_soma_idle_t)
                                 * (provider->keepalive + 1));
    if (idle == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < provider->keepalive; i++) {
        idle[i].peers = peers;
        ngx_queue_insert_head(&peers->free, &idle[i].queue);
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->resolver && clcf->resolver->connections.nelts) {
        peers->resolver = clcf->resolver;
        peers->resolver_timeout = clcf->resolver_timeout;

        if (peers->resolver_timeout == NGX_CONF_UNSET_MSEC) {
            peers->resolver_timeout = 30000;
        }
    }

    return ngx_http_soma_peers_static(cf, peers);
}


/* addresses that need no resolver: literal ones, and without a resolver what
 * the system knows at the start */
static ngx_int_t
ngx_http_soma_peers_static(ngx_conf_t *cf, ngx_http_soma_peers_t *peers)
{
    ngx_url_t                  u;
    ngx_uint_t                 i;
    ngx_http_soma_provider_t  *provider;

    provider = peers->provider;

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = provider->host;
    u.default_port = provider->port;
    u.no_resolve = (peers->resolver != NULL);

    if (ngx_parse_url(cf->pool, &u) != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "%s in endpoint \"%V\" of soma_provider \"%V\" in "
                      "%s:%ui%s", u.err ? u.err : "error",
                      &provider->endpoint, &provider->name, provider->file,
                      provider->line,
                      peers->resolver ? "" : "; with a \"resolver\" the name "
                                             "is looked up at run time");
        return NGX_ERROR;
    }

    provider->server_name = u.host;
    provider->port = u.port;

    for (i = 0; i < u.naddrs && i < NGX_HTTP_SOMA_ADDRS_MAX; i++) {
        ngx_http_soma_peers_set(peers, i, u.addrs[i].sockaddr,
                                u.addrs[i].socklen);
    }

    peers->naddrs = i;

    if (i) {
        peers->resolver = NULL;
    }

    return NGX_OK;
}


static void
ngx_http_soma_peers_set(ngx_http_soma_peers_t *peers, ngx_uint_t i,
    struct sockaddr *sockaddr, socklen_t socklen)
{
    ngx_http_soma_addr_t  *addr;

    addr = &peers->addr[i];

    addr->socklen = socklen;
    ngx_memcpy(&addr->sockaddr, sockaddr, socklen);
    ngx_inet_set_port(&addr->sockaddr.sockaddr, peers->provider->port);

    addr->name.data = addr->text;
    addr->name.len = ngx_sock_ntop(&addr->sockaddr.sockaddr, socklen,
                                   addr->text, NGX_SOCKADDR_STRLEN, 1);
}


ngx_int_t
ngx_http_soma_peers_init_worker(ngx_cycle_t *cycle,
    ngx_http_soma_main_conf_t *smcf)
{
    ngx_uint_t                  i;
    ngx_http_soma_peers_t      *peers;
    ngx_http_soma_provider_t  **pp;

    pp = smcf->providers.elts;

    for (i = 0; i < smcf->providers.nelts; i++) {

        peers = pp[i]->peers;

        if (peers == NULL || peers->resolver == NULL) {
            continue;
        }

        peers->dummy.fd = (ngx_socket_t) -1;
        peers->timer.handler = ngx_http_soma_resolve_timer;
        peers->timer.data = &peers->dummy;
        peers->timer.log = cycle->log;
        peers->timer.cancelable = 1;
        peers->dummy.data = peers;

        ngx_http_soma_resolve(peers);
    }

    return NGX_OK;
}


static void
ngx_http_soma_resolve_timer(ngx_event_t *ev)
{
    ngx_connection_t  *c;

    c = ev->data;

    if (ngx_exiting || ngx_terminate) {
        return;
    }

    ngx_http_soma_resolve(c->data);
}


static void
ngx_http_soma_resolve(ngx_http_soma_peers_t *peers)
{
    ngx_resolver_ctx_t  *ctx, temp;

    temp.name = peers->provider->server_name;

    ctx = ngx_resolve_start(peers->resolver, &temp);

    if (ctx == NULL || ctx == NGX_NO_RESOLVER) {
        ngx_add_timer(&peers->timer, NGX_HTTP_SOMA_RESOLVE_RETRY);
        return;
    }

    ctx->name = peers->provider->server_name;
    ctx->handler = ngx_http_soma_resolved;
    ctx->data = peers;
    ctx->timeout = peers->resolver_timeout;
    ctx->cancelable = 1;

    peers->resolving = 1;

    if (ngx_resolve_name(ctx) != NGX_OK) {
        peers->resolving = 0;
        ngx_add_timer(&peers->timer, NGX_HTTP_SOMA_RESOLVE_RETRY);
    }
}


static void
ngx_http_soma_resolved(ngx_resolver_ctx_t *ctx)
{
    time_t                  wait;
    ngx_uint_t              i;
    ngx_http_soma_peers_t  *peers;

    peers = ctx->data;
    peers->resolving = 0;

    if (ctx->state) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "soma_provider \"%V\": %V could not be resolved "
                      "(%i: %s)%s", &peers->provider->name, &ctx->name,
                      ctx->state, ngx_resolver_strerror(ctx->state),
                      peers->naddrs ? ", its last addresses stay in use" : "");

        ngx_resolve_name_done(ctx);
        ngx_add_timer(&peers->timer, NGX_HTTP_SOMA_RESOLVE_RETRY);
        return;
    }

    for (i = 0; i < ctx->naddrs && i < NGX_HTTP_SOMA_ADDRS_MAX; i++) {
        ngx_http_soma_peers_set(peers, i, ctx->addrs[i].sockaddr,
                                ctx->addrs[i].socklen);
    }

    peers->naddrs = i;
    wait = ctx->valid - ngx_time();

    ngx_resolve_name_done(ctx);

    ngx_add_timer(&peers->timer, (ngx_msec_t) ngx_max(wait, 1) * 1000);
}


ngx_int_t
ngx_http_soma_peers_idle_get(ngx_http_soma_peers_t *peers,
    ngx_peer_connection_t *pc)
{
    ngx_queue_t           *q;
    ngx_connection_t      *c;
    ngx_http_soma_idle_t  *idle;

    for (q = ngx_queue_head(&peers->cache);
         q != ngx_queue_sentinel(&peers->cache);
         q = ngx_queue_next(q))
    {
        idle = ngx_queue_data(q, ngx_http_soma_idle_t, queue);

        if (ngx_memn2cmp((u_char *) &idle->sockaddr, (u_char *) pc->sockaddr,
                         idle->socklen, pc->socklen)
            != 0)
        {
            continue;
        }

        ngx_queue_remove(q);
        ngx_queue_insert_head(&peers->free, q);

        c = idle->connection;

        c->idle = 0;
        c->sent = 0;
        c->data = NULL;
        c->log = pc->log;
        c->read->log = pc->log;
        c->write->log = pc->log;
        c->pool->log = pc->log;

        if (c->read->timer_set) {
            ngx_del_timer(c->read);
        }

        pc->connection = c;
        pc->cached = 1;

        return NGX_DONE;
    }

    return NGX_OK;
}


void
ngx_http_soma_peers_idle_save(ngx_http_soma_peers_t *peers,
    ngx_peer_connection_t *pc, ngx_http_upstream_t *u)
{
    ngx_queue_t           *q;
    ngx_connection_t      *c;
    ngx_http_soma_idle_t  *idle;

    c = pc->connection;

    if (c == NULL || c->read->eof || c->read->error || c->read->timedout
        || c->write->error || c->write->timedout || !u->keepalive
        || !u->request_body_sent || peers->provider->keepalive == 0
        || c->requests >= NGX_HTTP_SOMA_REQUESTS_MAX
        || ngx_terminate || ngx_exiting
        || ngx_handle_read_event(c->read, 0) != NGX_OK)
    {
        return;
    }

    if (ngx_queue_empty(&peers->free)) {
        q = ngx_queue_last(&peers->cache);
        ngx_queue_remove(q);
        idle = ngx_queue_data(q, ngx_http_soma_idle_t, queue);
        ngx_http_soma_idle_close(idle->connection);

    } else {
        q = ngx_queue_head(&peers->free);
        ngx_queue_remove(q);
        idle = ngx_queue_data(q, ngx_http_soma_idle_t, queue);
    }

    ngx_queue_insert_head(&peers->cache, q);

    idle->connection = c;
    idle->socklen = pc->socklen;
    ngx_memcpy(&idle->sockaddr, pc->sockaddr, pc->socklen);

    pc->connection = NULL;

    c->read->delayed = 0;
    ngx_add_timer(c->read, NGX_HTTP_SOMA_KEEPALIVE_TIME);

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    c->write->handler = ngx_http_soma_idle_dummy;
    c->read->handler = ngx_http_soma_idle_handler;

    c->data = idle;
    c->idle = 1;
    c->log = ngx_cycle->log;
    c->read->log = ngx_cycle->log;
    c->write->log = ngx_cycle->log;
    c->pool->log = ngx_cycle->log;

    if (c->read->ready) {
        ngx_http_soma_idle_handler(c->read);
    }
}


static void
ngx_http_soma_idle_dummy(ngx_event_t *ev)
{
    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, ev->log, 0, "soma idle dummy handler");
}


static void
ngx_http_soma_idle_handler(ngx_event_t *ev)
{
    int                    n;
    char                   buf[1];
    ngx_connection_t      *c;
    ngx_http_soma_idle_t  *idle;

    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, ev->log, 0, "soma idle handler");

    c = ev->data;

    if (!c->close && !c->read->timedout) {

        n = recv(c->fd, buf, 1, MSG_PEEK);

        if (n == -1 && ngx_socket_errno == NGX_EAGAIN) {
            ev->ready = 0;

            if (ngx_handle_read_event(c->read, 0) == NGX_OK) {
                return;
            }
        }
    }

    idle = c->data;

    ngx_http_soma_idle_close(c);

    ngx_queue_remove(&idle->queue);
    ngx_queue_insert_head(&idle->peers->free, &idle->queue);
}


static void
ngx_http_soma_idle_close(ngx_connection_t *c)
{
#if (NGX_HTTP_SSL)

    if (c->ssl) {
        c->ssl->no_wait_shutdown = 1;
        c->ssl->no_send_shutdown = 1;

        if (ngx_ssl_shutdown(c) == NGX_AGAIN) {
            c->ssl->handler = ngx_http_soma_idle_close;
            return;
        }
    }

#endif

    ngx_destroy_pool(c->pool);
    ngx_close_connection(c);
}
