
/*
 * Copyright (C) The ngx_soma authors
 *
 * From the first attempt to the last: nginx's upstream is set going, and
 * what its end means is decided.
 */


#include "ngx_http_soma_attempt.h"
#include "ngx_http_soma_plan.h"


/* until a provider's name has an address */
typedef struct {
    ngx_http_soma_ctx_t      *ctx;
    ngx_http_soma_peers_t    *peers;
    ngx_msec_t                until;
    ngx_event_t               event;
    ngx_connection_t          dummy;    /* for debug logs of events */
} ngx_http_soma_address_t;


static const char *ngx_http_soma_status_code(soma_fault_e fault);
static ngx_int_t ngx_http_soma_auth_failed(ngx_http_soma_ctx_t *ctx);
static ngx_int_t ngx_http_soma_address_wait(ngx_http_soma_attempt_t *a);
static void ngx_http_soma_address_handler(ngx_event_t *ev);
static void ngx_http_soma_address_over(ngx_http_soma_ctx_t *ctx);
static void ngx_http_soma_upstream_init(ngx_http_soma_ctx_t *ctx,
    ngx_int_t rc);
static ngx_int_t ngx_http_soma_upstream_create(ngx_http_soma_attempt_t *a);
static ngx_int_t ngx_http_soma_request_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_soma_reinit_handler(ngx_http_request_t *r);
static void ngx_http_soma_abort_handler(ngx_http_request_t *r);
static void ngx_http_soma_finalize_handler(ngx_http_request_t *r,
    ngx_int_t rc);
static ngx_int_t ngx_http_soma_attempt_output(void *data, ngx_chain_t *in);
static ngx_int_t ngx_http_soma_all_failed(ngx_http_soma_ctx_t *ctx,
    ngx_int_t rc);
static ngx_int_t ngx_http_soma_status_failed(ngx_http_soma_attempt_t *a);


ngx_int_t
ngx_http_soma_attempt(ngx_http_soma_ctx_t *ctx)
{
    ngx_int_t                 rc;
    ngx_http_request_t       *r;
    ngx_http_soma_attempt_t  *a;

    r = ctx->request;

    a = ngx_palloc(r->pool, sizeof(ngx_http_soma_attempt_t));
    if (a == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memzero(a, offsetof(ngx_http_soma_attempt_t, conf));

    ctx->attempt = a;
    a->ctx = ctx;
    a->frames.sse.arena = &ctx->arena;

    if (ngx_http_soma_upstream_create(a) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_soma_target_next(a);

    if (rc == NGX_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc == NGX_DECLINED && ctx->plan.probing) {

        /* others are looking already whether a target is well again */

        return ngx_http_soma_plan_none(ctx);
    }

    if (rc == NGX_DECLINED) {
        return ngx_http_soma_all_failed(ctx, NGX_HTTP_BAD_GATEWAY);
    }

    if (rc == NGX_DONE) {

        if (!a->local) {
            return ngx_http_soma_all_failed(ctx, NGX_HTTP_BAD_GATEWAY);
        }

        return NGX_DONE;
    }

    /* this target is chosen: the balancer's first answer is it */

    a->again = 1;

    return NGX_OK;
}


void
ngx_http_soma_attempt_begin(ngx_http_soma_ctx_t *ctx)
{
    ngx_int_t                 rc;
    ngx_http_soma_peers_t    *peers;
    ngx_http_soma_attempt_t  *a;

    rc = NGX_OK;
    a = ctx->attempt;
    peers = a->provider->peers;

    if (peers->resolver && peers->naddrs == 0 && peers->resolving) {
        rc = ngx_http_soma_address_wait(a);
    }

    if (rc == NGX_OK) {
        ngx_http_soma_upstream_init(ctx, rc);

    } else if (rc != NGX_AGAIN) {
        ngx_http_finalize_request(ctx->request, rc);
    }
}


/*
 * Only in the first moments of a worker: the name is being asked for and has
 * never been known.
 */
static ngx_int_t
ngx_http_soma_address_wait(ngx_http_soma_attempt_t *a)
{
    ngx_int_t                 rc;
    ngx_http_soma_ctx_t      *ctx;
    ngx_http_soma_address_t  *address;

    ctx = a->ctx;

    address = ngx_pcalloc(ctx->request->pool,
                          sizeof(ngx_http_soma_address_t));
    if (address == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_soma_wait(ctx, NGX_HTTP_SOMA_WAIT_ADDRESS,
                            ngx_http_soma_upstream_init);
    if (rc != NGX_AGAIN) {
        return rc;
    }

    ctx->wait.data = address;
    ctx->wait.over = ngx_http_soma_address_over;

    address->ctx = ctx;
    address->peers = a->provider->peers;
    address->until = ngx_current_msec + a->provider->connect_timeout;
    address->dummy.fd = (ngx_socket_t) -1;
    address->dummy.data = address;
    address->event.data = &address->dummy;
    address->event.log = ctx->request->connection->log;
    address->event.handler = ngx_http_soma_address_handler;

    ngx_add_timer(&address->event, NGX_HTTP_SOMA_RESOLVE_POLL);

    return NGX_AGAIN;
}


static void
ngx_http_soma_address_handler(ngx_event_t *ev)
{
    ngx_http_soma_peers_t    *peers;
    ngx_http_soma_address_t  *address;

    address = ((ngx_connection_t *) ev->data)->data;
    peers = address->peers;

    if (peers->naddrs == 0 && peers->resolving
        && (ngx_msec_int_t) (address->until - ngx_current_msec) > 0)
    {
        ngx_add_timer(ev, NGX_HTTP_SOMA_RESOLVE_POLL);
        return;
    }

    ngx_http_soma_wake(address->ctx, peers->naddrs ? NGX_OK : NGX_BUSY);
}


static void
ngx_http_soma_address_over(ngx_http_soma_ctx_t *ctx)
{
    ngx_http_soma_address_t  *address;

    address = ctx->wait.data;

    if (address->event.timer_set) {
        ngx_del_timer(&address->event);
    }
}


/* without an address the attempt fails, and the next target may have one */
static void
ngx_http_soma_upstream_init(ngx_http_soma_ctx_t *ctx, ngx_int_t rc)
{
    ngx_http_request_t  *r;

    (void) rc;

    r = ctx->request;

    if (ngx_http_soma_drain_watch(ctx->attempt) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ngx_http_upstream_init(r);
}


static ngx_int_t
ngx_http_soma_upstream_create(ngx_http_soma_attempt_t *a)
{
    ngx_http_request_t   *r;
    ngx_http_upstream_t  *u;

    r = a->ctx->request;

    if (ngx_http_upstream_create(r) != NGX_OK) {
        return NGX_ERROR;
    }

    u = r->upstream;

    ngx_str_set(&u->schema, "soma://");
    u->output.tag = (ngx_buf_tag_t) &ngx_http_soma_module;
    u->output.output_filter = ngx_http_soma_attempt_output;
    u->output.filter_ctx = r;
    u->buffering = 0;

    u->create_request = ngx_http_soma_request_handler;
    u->reinit_request = ngx_http_soma_reinit_handler;
    u->process_header = ngx_http_soma_header_status;
    u->abort_request = ngx_http_soma_abort_handler;
    u->finalize_request = ngx_http_soma_finalize_handler;

    u->input_filter_init = ngx_http_soma_stream_start;
    u->input_filter = ngx_http_soma_stream_filter;
    u->input_filter_ctx = a;

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_request_handler(ngx_http_request_t *r)
{
    ngx_http_soma_ctx_t      *ctx;
    ngx_http_soma_attempt_t  *a;

    ctx = ngx_http_soma_get_ctx(r);
    a = ctx->attempt;

    r->upstream->request_bufs = a->request_bufs;

    return NGX_OK;
}


/* each target is begun afresh by ngx_http_soma_target_next() */
static ngx_int_t
ngx_http_soma_reinit_handler(ngx_http_request_t *r)
{
    r->upstream->process_header = ngx_http_soma_header_status;

    /* the parser of headers may have stopped in the middle of one */

    r->state = 0;

    return NGX_OK;
}


static void
ngx_http_soma_abort_handler(ngx_http_request_t *r)
{
    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "soma abort request");
}


static void
ngx_http_soma_finalize_handler(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_http_soma_ctx_t      *ctx;
    ngx_http_soma_attempt_t  *a;

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "soma finalize request: %i", rc);

    ctx = ngx_http_soma_get_ctx(r);
    a = ctx->attempt;

    ngx_http_soma_target_probe_end(a, 0);
    ngx_http_soma_beat_stop(a);

    if (a->local) {

        /* nginx takes it for a 502: no error_page may stand in its place */

        r->error_page = 1;
        return;
    }

    if (!r->upstream->header_sent) {

        if (rc >= NGX_HTTP_INTERNAL_SERVER_ERROR) {
            (void) ngx_http_soma_all_failed(ctx, rc);
        }

        return;
    }

    ngx_http_soma_end_answer(a, rc);
}


/* the request's way out: small last segments must not wait for an ACK */
static ngx_int_t
ngx_http_soma_attempt_output(void *data, ngx_chain_t *in)
{
    ngx_http_request_t  *r = data;

    ngx_connection_t     *c;
    ngx_http_upstream_t  *u;

    u = r->upstream;
    c = u->peer.connection;

    if (c->tcp_nodelay == NGX_TCP_NODELAY_UNSET
        && u->peer.sockaddr->sa_family != AF_UNIX
        && ngx_tcp_nodelay(c) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_chain_writer(&u->writer, in);
}


/* what the last of them failed of is what the client is told */
static ngx_int_t
ngx_http_soma_all_failed(ngx_http_soma_ctx_t *ctx, ngx_int_t rc)
{
    const char               *code;
    soma_fault_e              fault;
    ngx_http_soma_attempt_t  *a;

    a = ctx->attempt;

    if (a->fail == SOMA_FAIL_AUTH) {
        return ngx_http_soma_auth_failed(ctx);
    }

    if (a->fail == SOMA_FAIL_STATUS) {
        return ngx_http_soma_status_failed(a);
    }

    fault = SOMA_FAULT_UPSTREAM;
    code = "upstream_error";

    if (rc == NGX_HTTP_GATEWAY_TIME_OUT) {
        fault = SOMA_FAULT_TIMEOUT;
        code = "upstream_timeout";

    } else if (rc == NGX_HTTP_INTERNAL_SERVER_ERROR) {
        fault = SOMA_FAULT_INTERNAL;
        code = "internal_error";
    }

    if (ctx->note.len == 0) {
        return ngx_http_soma_fault(ctx, fault, code,
                                   "no target of \"%V\" gave an answer",
                                   &ctx->route->name);
    }

    return ngx_http_soma_fault(ctx, fault, code,
                               "no target of \"%V\" gave an answer (%V): try "
                               "again, or another model", &ctx->route->name,
                               &ctx->note);
}


/* another key of the client's would not help, nor another try */
static ngx_int_t
ngx_http_soma_auth_failed(ngx_http_soma_ctx_t *ctx)
{
    ctx->error.no_retry = (ctx->error.fault == SOMA_FAULT_NONE);

    return ngx_http_soma_fault(ctx, SOMA_FAULT_UPSTREAM, "provider_auth",
                               "provider \"%V\" does not accept this "
                               "gateway: your key is good, whoever runs "
                               "the gateway has to look at its own",
                               &ctx->model->provider->name);
}


/* a provider's error that was not written as errors are: with its status */
static ngx_int_t
ngx_http_soma_status_failed(ngx_http_soma_attempt_t *a)
{
    int                   status;
    const char           *code;
    soma_fault_e          fault;
    ngx_http_soma_ctx_t  *ctx;

    ctx = a->ctx;

    if (ctx->error.fault != SOMA_FAULT_NONE) {
        return soma_dialect_fault_status(ctx->error.fault);
    }

    fault = soma_dialect_fault_of((int) a->status.code, &status);

    code = ngx_http_soma_status_code(fault);

    if (ctx->client->fault_status) {
        status = ctx->client->fault_status(fault);
    }

    ctx->status = status;
    ctx->reply.status = status;
    ctx->error.retry_ms = ngx_min(a->retry_after_ms, SOMA_HEALTH_OPEN_MAX_MS);

    if (status < NGX_HTTP_INTERNAL_SERVER_ERROR && a->said.len) {
        return ngx_http_soma_fault(ctx, fault, code, "%V", &a->said);
    }

    return ngx_http_soma_fault(ctx, fault, code,
                               "no target of \"%V\" gave an answer (%V)",
                               &ctx->route->name, &ctx->note);
}


static const char *
ngx_http_soma_status_code(soma_fault_e fault)
{
    switch (fault) {

    case SOMA_FAULT_TIMEOUT:
        return "upstream_timeout";

    case SOMA_FAULT_RATE:
        return "rate_limit_exceeded";

    case SOMA_FAULT_UPSTREAM:
    case SOMA_FAULT_UNAVAILABLE:
        return "upstream_error";

    default:
        return "provider_error";
    }
}
