
/*
 * Copyright (C) The ngx_soma authors
 *
 * Clients that leave.  The provider goes on working for them, and bills it;
 * so its answer is heard out to learn what it was, within bounds of time and
 * size.  nginx's upstream is told to look after no client: who leaves is
 * noticed here.
 */


#include "ngx_http_soma_attempt.h"
#include "ngx_http_soma_block.h"


#define NGX_HTTP_SOMA_DRAIN_TIME_MAX  3600000       /* ms */
#define NGX_HTTP_SOMA_DRAIN_BYTES     (64 * 1024 * 1024)    /* of the answer,
                                                       once the client left */
#define NGX_HTTP_SOMA_DRAIN_EMPTY     64            /* events in a row that
                                                       bring no text */


/* from when the client left */
struct ngx_http_soma_drain_s {
    ngx_http_soma_attempt_t  *attempt;
    off_t                     bytes;
    int64_t                   text_len;
    ngx_uint_t                empty;
    ngx_event_t               event;
    ngx_connection_t          dummy;    /* for debug logs of events */
};


static void ngx_http_soma_drain_reading(ngx_http_request_t *r);
static ngx_uint_t ngx_http_soma_drain_gone(ngx_http_request_t *r);
static void ngx_http_soma_drain_end(ngx_http_soma_attempt_t *a);
static void ngx_http_soma_drain_handler(ngx_event_t *ev);
static void ngx_http_soma_drain_cleanup(void *data);


/* soma_on_abort auto|cancel|drain [TIME] */
char *
ngx_http_soma_drain_on_abort(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_soma_loc_conf_t  *slcf = conf;

    char       *rv;
    int64_t     ms;
    ngx_str_t  *value;

    rv = ngx_http_soma_block_enum_slot(cf, cmd, conf);

    if (rv != NGX_CONF_OK || cf->args->nelts == 2) {
        return rv;
    }

    value = cf->args->elts;

    if (slcf->on_abort == NGX_HTTP_SOMA_ABORT_CANCEL
        || soma_number_duration(ngx_http_soma_str(value[2]), &ms) != SOMA_OK
        || ms <= 0 || ms > NGX_HTTP_SOMA_DRAIN_TIME_MAX)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"%V\" in \"soma_on_abort\": behind "
                           "\"auto\" or \"drain\" a time up to 1h may stand, "
                           "\"2m\" say, for which answers are read on",
                           &value[2]);
        return NGX_CONF_ERROR;
    }

    slcf->abort_time = ms;

    return NGX_CONF_OK;
}


/*
 * By default what can only be learned at its end: a plain answer under a
 * limit of tokens or cost.  nginx asks once, before the first attempt.
 */
ngx_uint_t
ngx_http_soma_drain_wanted(ngx_http_soma_attempt_t *a)
{
    ngx_http_soma_ctx_t  *ctx;

    ctx = a->ctx;

    if (ctx->attempts == 1) {
        a->drain = (ctx->conf->on_abort == NGX_HTTP_SOMA_ABORT_DRAIN
                    || (ctx->conf->on_abort == NGX_HTTP_SOMA_ABORT_AUTO
                        && ctx->metered && !ctx->ask.stream));
    }

    return a->drain;
}


ngx_int_t
ngx_http_soma_drain_watch(ngx_http_soma_attempt_t *a)
{
    ngx_event_t         *rev;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = a->ctx->request;

    if (!a->drain) {

        /* nginx looks itself; what looked while the request waited does not
         * any more */

        r->read_event_handler = ngx_http_block_reading;
        return NGX_OK;
    }

    r->read_event_handler = ngx_http_soma_drain_reading;

    c = r->connection;
    rev = c->read;

#if (NGX_HTTP_V2)
    if (r->stream) {
        return NGX_OK;
    }
#endif

    /* a request that came with its connection was never waited for */

    if ((ngx_event_flags & NGX_USE_CLEAR_EVENT) && !rev->active
        && c->fd != (ngx_socket_t) -1)
    {
        return ngx_add_event(rev, NGX_READ_EVENT, NGX_CLEAR_EVENT);
    }

    if (rev->ready) {
        ngx_post_event(rev, &ngx_posted_events);
        return NGX_OK;
    }

    return ngx_handle_read_event(rev, 0);
}


static void
ngx_http_soma_drain_reading(ngx_http_request_t *r)
{
    ngx_connection_t     *c;
    ngx_http_soma_ctx_t  *ctx;

    c = r->connection;
    ctx = ngx_http_soma_get_ctx(r);

    if (!ngx_http_soma_drain_gone(r)) {
        ngx_http_block_reading(r);
        return;
    }

    if (!ctx->left && ngx_http_soma_drain(ctx->attempt) != NGX_OK) {
        ngx_http_soma_drain_end(ctx->attempt);
        return;
    }

    if (!c->error) {
        ngx_http_block_reading(r);
        return;
    }

    /*
     * A stream of HTTP/2 that is reset while its window is closed: nobody
     * would write, and so find out, and the provider would wait for us.
     */

    if (r->upstream->header_sent) {
        ngx_post_event(c->write, &ngx_posted_events);
    }
}


/* as nginx's upstream finds out; who has only closed its own half is gone for
 * it, too, but may still get the answer */
static ngx_uint_t
ngx_http_soma_drain_gone(ngx_http_request_t *r)
{
    char               buf[1];
    ssize_t            n;
    ngx_connection_t  *c;

    c = r->connection;

    if (c->error) {
        return 1;
    }

#if (NGX_HTTP_V2)
    if (r->stream) {
        return 0;
    }
#endif

#if (NGX_HTTP_V3)
    if (c->quic) {
        return c->write->error;
    }
#endif

#if (NGX_HAVE_KQUEUE)
    if (ngx_event_flags & NGX_USE_KQUEUE_EVENT) {
        return c->read->pending_eof;
    }
#endif

#if (NGX_HAVE_EPOLLRDHUP)
    if ((ngx_event_flags & NGX_USE_EPOLL_EVENT) && ngx_use_epoll_rdhup) {
        return c->read->pending_eof;
    }
#endif

    n = recv(c->fd, buf, 1, MSG_PEEK);

    return n == 0 || (n == -1 && ngx_socket_errno != NGX_EAGAIN);
}


ngx_int_t
ngx_http_soma_drain(ngx_http_soma_attempt_t *a)
{
    ngx_http_cleanup_t     *cln;
    ngx_http_request_t     *r;
    ngx_http_soma_ctx_t    *ctx;
    ngx_http_soma_drain_t  *drain;

    ctx = a->ctx;
    r = ctx->request;

    if (ctx->left) {
        return NGX_OK;
    }

    ctx->left = 1;

    /* nobody is at work yet */

    if (!r->upstream->request_body_sent || a->over) {
        return NGX_DECLINED;
    }

    drain = ngx_pcalloc(r->pool, sizeof(ngx_http_soma_drain_t));
    cln = ngx_http_cleanup_add(r, 0);

    if (drain == NULL || cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_soma_drain_cleanup;
    cln->data = drain;

    drain->attempt = a;
    drain->text_len = ctx->answer.text_len;
    drain->dummy.fd = (ngx_socket_t) -1;
    drain->dummy.data = drain;
    drain->event.data = &drain->dummy;
    drain->event.log = r->connection->log;
    drain->event.handler = ngx_http_soma_drain_handler;

    ngx_add_timer(&drain->event, ctx->conf->abort_time);

    a->left = drain;

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "soma: the client has left, and the provider's answer is "
                  "read on for %M ms at most to learn what it costs",
                  ctx->conf->abort_time);

    return NGX_OK;
}


ngx_int_t
ngx_http_soma_drain_read(ngx_http_soma_attempt_t *a, size_t bytes)
{
    if (!a->drain) {
        return NGX_OK;
    }

    if (a->ctx->request->connection->error
        && ngx_http_soma_drain(a) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (a->left == NULL) {
        return NGX_OK;
    }

    a->left->bytes += bytes;

    if (a->left->bytes <= NGX_HTTP_SOMA_DRAIN_BYTES) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_INFO, a->ctx->request->connection->log, 0,
                  "soma: an answer whose client has left is larger than %d "
                  "bytes, and is read no more", NGX_HTTP_SOMA_DRAIN_BYTES);

    return NGX_ERROR;
}


ngx_int_t
ngx_http_soma_drain_event(ngx_http_soma_attempt_t *a)
{
    ngx_http_soma_ctx_t    *ctx;
    ngx_http_soma_drain_t  *drain;

    ctx = a->ctx;
    drain = a->left;

    if (drain->text_len != ctx->answer.text_len || ctx->answer.finished) {
        drain->text_len = ctx->answer.text_len;
        drain->empty = 0;
        return NGX_OK;
    }

    if (++drain->empty <= NGX_HTTP_SOMA_DRAIN_EMPTY) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_INFO, ctx->request->connection->log, 0,
                  "soma: a stream whose client has left brought no text with "
                  "%d events, and is read no more", NGX_HTTP_SOMA_DRAIN_EMPTY);

    return NGX_ERROR;
}


static void
ngx_http_soma_drain_handler(ngx_event_t *ev)
{
    ngx_connection_t         *c, *dummy;
    ngx_http_soma_drain_t    *drain;
    ngx_http_soma_attempt_t  *a;

    dummy = ev->data;
    drain = dummy->data;
    a = drain->attempt;
    c = a->ctx->request->connection;

    ngx_http_set_log_request(c->log, a->ctx->request);

    ngx_log_error(NGX_LOG_INFO, c->log, 0,
                  "soma: an answer whose client has left did not end in %M "
                  "ms, and is read no more", a->ctx->conf->abort_time);

    ngx_http_soma_drain_end(a);
    ngx_http_run_posted_requests(c);
}


/*
 * With the request its upstream ends, which gives back its own count of the
 * request: there must be one more, or the request would be gone under nginx.
 */
static void
ngx_http_soma_drain_end(ngx_http_soma_attempt_t *a)
{
    ngx_http_request_t  *r;

    r = a->ctx->request;

    r->main->count++;
    ngx_http_finalize_request(r, NGX_HTTP_CLIENT_CLOSED_REQUEST);
}


static void
ngx_http_soma_drain_cleanup(void *data)
{
    ngx_http_soma_drain_t  *drain = data;

    if (drain->event.timer_set) {
        ngx_del_timer(&drain->event);
    }
}
