
/*
 * Copyright (C) The ngx_soma authors
 *
 * An answer that waits in the middle: nginx is told that its buffer is full,
 * so that it reads no more, and that the buffer is on its way to the client,
 * so that it is not used again and nothing ends.
 *
 * What is unpacked waits for its client, in nginx's own turn: when all that
 * went out so far has left, the next piece is unpacked.
 */


#include "ngx_http_soma_attempt.h"


static void ngx_http_soma_pause_handler(ngx_event_t *ev);
static void ngx_http_soma_pause_cleanup(void *data);
static void ngx_http_soma_pause_write(ngx_http_request_t *r);
static ngx_uint_t ngx_http_soma_pause_over(ngx_http_soma_attempt_t *a);


ngx_int_t
ngx_http_soma_pause_stop(ngx_http_soma_attempt_t *a)
{
    ngx_buf_t            *b;
    ngx_chain_t          *cl, **ll;
    ngx_http_upstream_t  *u;

    u = a->ctx->request->upstream;

    cl = ngx_http_soma_put_buf(a, NGX_HTTP_SOMA_BUF_REF);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    b = cl->buf;
    b->pos = u->buffer.start;
    b->last = u->buffer.end;
    b->memory = 1;
    b->tag = u->output.tag;

    for (ll = &u->busy_bufs; *ll; ll = &(*ll)->next) { /* void */ }

    *ll = cl;

    a->held.last = u->buffer.last;
    a->held.busy = cl;

    u->buffer.last = u->buffer.end;

    return NGX_OK;
}


void
ngx_http_soma_pause_go(ngx_http_soma_attempt_t *a)
{
    ngx_buf_t  *b;

    a->ctx->request->upstream->buffer.last = a->held.last;

    b = a->held.busy->buf;
    b->pos = b->last;
    a->held.busy = NULL;
}


ngx_chain_t *
ngx_http_soma_pause_held(ngx_http_soma_attempt_t *a)
{
    if (!a->ctx->event_held && !a->ctx->answer_paused) {
        return NULL;
    }

    /* what lay behind it in that list is the caller's no more */

    a->held.busy->next = NULL;

    return a->held.busy;
}


ngx_int_t
ngx_http_soma_pause(ngx_http_soma_attempt_t *a)
{
    ngx_pool_cleanup_t    *cln;
    ngx_http_request_t    *r;
    ngx_http_soma_paused_t *pause;

    r = a->ctx->request;
    pause = a->pause;

    if (pause == NULL) {
        cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_soma_paused_t));
        if (cln == NULL) {
            return NGX_ERROR;
        }

        pause = cln->data;
        ngx_memzero(pause, sizeof(ngx_http_soma_paused_t));

        pause->dummy.fd = (ngx_socket_t) -1;
        pause->dummy.data = a;
        pause->event.data = &pause->dummy;
        pause->event.log = r->connection->log;
        pause->event.handler = ngx_http_soma_pause_handler;

        cln->handler = ngx_http_soma_pause_cleanup;
        a->pause = pause;
    }

    if (ngx_http_soma_pause_stop(a) != NGX_OK) {
        return NGX_ERROR;
    }

    a->ctx->answer_paused = 1;

    if (r->write_event_handler != ngx_http_soma_pause_write) {
        pause->write = r->write_event_handler;
        r->write_event_handler = ngx_http_soma_pause_write;
    }

    ngx_post_event(&pause->event, &ngx_posted_next_events);

    return NGX_OK;
}


static void
ngx_http_soma_pause_handler(ngx_event_t *ev)
{
    ngx_connection_t         *c;
    ngx_http_request_t       *r;
    ngx_http_soma_attempt_t  *a;

    c = ev->data;
    a = c->data;
    r = a->ctx->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    /* where the client is slow its socket wakes us */

    if (a->ctx->answer_paused
        && r->write_event_handler == ngx_http_soma_pause_write
        && ngx_http_soma_pause_over(a))
    {
        ngx_http_soma_pause_write(r);
    }

    ngx_http_run_posted_requests(c);
}


static void
ngx_http_soma_pause_cleanup(void *data)
{
    ngx_http_soma_paused_t  *pause = data;

    if (pause->event.posted) {
        ngx_delete_posted_event(&pause->event);
    }
}


/* in the place of nginx's own, which it calls behind it */
static void
ngx_http_soma_pause_write(ngx_http_request_t *r)
{
    ngx_http_soma_ctx_t            *ctx;
    ngx_http_soma_attempt_t        *a;
    ngx_http_event_handler_pt       write;

    ctx = ngx_http_soma_get_ctx(r);
    a = ctx->attempt;
    write = a->pause->write;

    if (ctx->answer_paused && ngx_http_soma_pause_over(a)) {

        ctx->answer_paused = 0;
        ngx_http_soma_pause_go(a);

        if (ngx_http_soma_gunzip_rest(a) != NGX_OK
            || ngx_http_soma_stream_done(a) != NGX_OK)
        {
            /* nginx ends the request when it comes to it */

            r->upstream->error = 1;
        }
    }

    if (ctx->answer_paused) {
        ngx_post_event(&a->pause->event, &ngx_posted_next_events);

    } else {
        r->write_event_handler = write;
    }

    write(r);
}


/* whether all that went out has left */
static ngx_uint_t
ngx_http_soma_pause_over(ngx_http_soma_attempt_t *a)
{
    ngx_chain_t         *cl;
    ngx_http_request_t  *r;

    r = a->ctx->request;

    if (r->upstream->out_bufs != NULL || r->out != NULL
        || r->connection->buffered)
    {
        return 0;
    }

    for (cl = a->held.busy->next; cl; cl = cl->next) {
        if (ngx_buf_size(cl->buf) != 0) {
            return 0;
        }
    }

    return 1;
}
