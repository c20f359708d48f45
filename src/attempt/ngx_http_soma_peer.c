
/*
 * Copyright (C) The ngx_soma authors
 *
 * The balancer nginx asks for peers: each ask is an attempt at a target.
 */


#include "ngx_http_soma_attempt.h"


static ngx_int_t ngx_http_soma_get_peer(ngx_peer_connection_t *pc,
    void *data);
static void ngx_http_soma_free_peer(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t state);
static ngx_int_t ngx_http_soma_get_addr(ngx_http_soma_attempt_t *a,
    ngx_peer_connection_t *pc);
static ngx_int_t ngx_http_soma_get_block(ngx_http_soma_attempt_t *a,
    ngx_peer_connection_t *pc);
static void ngx_http_soma_peer_failed(ngx_http_soma_attempt_t *a,
    ngx_peer_connection_t *pc, ngx_uint_t cached);
#if (NGX_HTTP_SSL)
static ngx_int_t ngx_http_soma_set_session(ngx_peer_connection_t *pc,
    void *data);
static void ngx_http_soma_save_session(ngx_peer_connection_t *pc, void *data);
#endif


ngx_int_t
ngx_http_soma_peer_init(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *us)
{
    ngx_http_soma_ctx_t    *ctx;
    ngx_peer_connection_t  *pc;

    (void) us;

    ctx = ngx_http_soma_get_ctx(r);
    pc = &r->upstream->peer;

    pc->data = ctx->attempt;
    pc->get = ngx_http_soma_get_peer;
    pc->free = ngx_http_soma_free_peer;
    pc->tries = 1;

#if (NGX_HTTP_SSL)
    pc->set_session = ngx_http_soma_set_session;
    pc->save_session = ngx_http_soma_save_session;

    /* nginx has just put the balancer's own name there */

    r->upstream->ssl_name = ((ngx_http_soma_attempt_t *) ctx->attempt)
                            ->provider->server_name;
#endif

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_get_peer(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_soma_attempt_t  *a = data;

    ngx_int_t  rc;

    pc->cached = 0;
    pc->connection = NULL;

    /* until there is a connection nginx leaves it as the last one had it */

    a->ctx->request->upstream->request_body_sent = 0;

    for ( ;; ) {

        if (a->resend) {
            a->again = 1;

            if (ngx_http_soma_target_again(a) != NGX_OK) {
                return NGX_ERROR;
            }
        }

        if (!a->again) {
            rc = ngx_http_soma_target_next(a);

            if (rc != NGX_OK) {
                pc->tries = 0;
                return rc == NGX_ERROR ? NGX_ERROR : NGX_DECLINED;
            }

            a->addr_tries = 0;
        }

        a->again = 0;
        a->reason = NULL;
        a->fail = SOMA_FAIL_NONE;

        if (a->provider->block) {
            rc = ngx_http_soma_get_block(a, pc);

        } else {
            rc = ngx_http_soma_get_addr(a, pc);
        }

        if (rc == NGX_OK || rc == NGX_DONE || rc == NGX_ERROR) {
            return rc;
        }

        if (!ngx_http_soma_target_failed(a)) {
            pc->tries = 0;
            return NGX_DECLINED;
        }
    }
}


static ngx_int_t
ngx_http_soma_get_addr(ngx_http_soma_attempt_t *a, ngx_peer_connection_t *pc)
{
    ngx_http_soma_addr_t   *addr, *copy;
    ngx_http_soma_peers_t  *peers;

    peers = a->provider->peers;

    if (peers->naddrs == 0) {
        a->reason = "its name could not be resolved";
        return NGX_DECLINED;
    }

    addr = &peers->addr[peers->next++ % peers->naddrs];
    a->addr_tries++;

    if (peers->resolver) {

        /* the table may change while the request is under way */

        copy = ngx_palloc(a->ctx->request->pool, sizeof(ngx_http_soma_addr_t));
        if (copy == NULL) {
            return NGX_ERROR;
        }

        *copy = *addr;
        copy->name.data = copy->text;
        addr = copy;
    }

    pc->sockaddr = &addr->sockaddr.sockaddr;
    pc->socklen = addr->socklen;
    pc->name = &addr->name;

    if (a->fresh) {
        a->fresh = 0;
        return NGX_OK;
    }

    return ngx_http_soma_peers_idle_get(peers, pc);
}


static ngx_int_t
ngx_http_soma_get_block(ngx_http_soma_attempt_t *a, ngx_peer_connection_t *pc)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = a->ctx->request;

    if (a->addr_tries++ == 0) {

        /* the block's balancers take what stands there for their own */

        pc->data = NULL;

        if (a->provider->block->peer.init(r, a->provider->block) != NGX_OK) {
            return NGX_ERROR;
        }

        a->block_tries = pc->tries;
        a->block_data = pc->data;
        a->block_get = pc->get;
        a->block_free = pc->free;
#if (NGX_HTTP_SSL)
        a->block_set_session = pc->set_session;
        a->block_save_session = pc->save_session;
#endif

        (void) ngx_http_soma_peer_init(r, NULL);
    }

    rc = a->block_get(pc, a->block_data);

    if (rc == NGX_BUSY) {
        a->reason = "its upstream block has no live server";
    }

    return rc;
}


static void
ngx_http_soma_free_peer(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t state)
{
    ngx_http_soma_attempt_t  *a = data;

    ngx_uint_t  cached;

    cached = pc->cached;

    if (a->reason == NULL && a->fail == SOMA_FAIL_NONE
        && (state & NGX_PEER_FAILED) && pc->connection
        && (pc->connection->read->timedout || pc->connection->write->timedout))
    {
        a->reason = "timeout";
        a->fail = a->ctx->request->upstream->request_sent
                  ? SOMA_FAIL_TIMEOUT : SOMA_FAIL_SLOW;
    }

    if (a->provider->block) {

        /* an answer we do not want is no fault of the server that sent it */

        pc->tries = a->block_tries;

        a->block_free(pc, a->block_data,
                      a->status.code ? state & ~NGX_PEER_FAILED : state);

        a->block_tries = pc->tries;

    } else if (!(state & NGX_PEER_FAILED)) {
        ngx_http_soma_peers_idle_save(a->provider->peers, pc,
                                      a->ctx->request->upstream);
    }

    if (state & NGX_PEER_FAILED) {
        ngx_http_soma_peer_failed(a, pc, cached);
    }

    /* nginx would grant one more try to every cached connection that failed;
     * whether there is one was decided above */

    pc->cached = 0;
}


static void
ngx_http_soma_peer_failed(ngx_http_soma_attempt_t *a,
    ngx_peer_connection_t *pc, ngx_uint_t cached)
{
    ngx_http_upstream_t    *u;
    ngx_http_soma_peers_t  *peers;

    u = a->ctx->request->upstream;
    peers = a->provider->peers;

    if (a->reason == NULL && a->status.code == 0 && a->interim == 0) {

        /*
         * An idle connection that the provider closed in the same moment,
         * or one of several addresses that does not answer: nobody has seen
         * the request yet.
         */

        if (cached && u->buffer.last == u->buffer.pos) {
            a->again = 1;
            a->fresh = 1;

        } else if (!u->request_sent
                   && (a->provider->block ? a->block_tries
                                          : a->addr_tries < peers->naddrs))
        {
            a->again = 1;
            a->fresh = 1;
        }
    }

    if (a->again || a->resend) {
        pc->tries = 1;
        return;
    }

    pc->tries = ngx_http_soma_target_failed(a);
}


#if (NGX_HTTP_SSL)

static ngx_int_t
ngx_http_soma_set_session(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_soma_attempt_t  *a = data;

    if (a->provider->block) {
        return a->block_set_session(pc, a->block_data);
    }

    if (a->provider->peers->session == NULL) {
        return NGX_OK;
    }

    return ngx_ssl_set_session(pc->connection, a->provider->peers->session);
}


static void
ngx_http_soma_save_session(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_soma_attempt_t  *a = data;

    ngx_ssl_session_t      *session;
    ngx_http_soma_peers_t  *peers;

    if (a->provider->block) {
        a->block_save_session(pc, a->block_data);
        return;
    }

    session = ngx_ssl_get_session(pc->connection);

    if (session == NULL) {
        return;
    }

    peers = a->provider->peers;

    if (peers->session) {
        ngx_ssl_free_session(peers->session);
    }

    peers->session = session;
}

#endif
