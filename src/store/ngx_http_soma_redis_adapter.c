
/*
 * Copyright (C) The ngx_soma authors
 *
 * hiredis' asynchronous context on nginx's event loop.
 *
 * Who closes what: the socket is hiredis', the ngx_connection_t around it is
 * ours.  When hiredis lets go of the context it calls "cleanup" first and
 * closes the socket right after; we take the events off and give the
 * connection back with fd -1, so that nobody closes the number twice.
 *
 * Reads are level-triggered, since hiredis reads once a wake-up.  Writes
 * wait for the end of the loop's round (a posted event) and then go out in
 * one system call; only what the socket did not take waits for EPOLLOUT.
 */


#include "ngx_http_soma_redis_link.h"


static void ngx_http_soma_redis_read_event(ngx_event_t *rev);
static void ngx_http_soma_redis_write_event(ngx_event_t *wev);
static void ngx_http_soma_redis_flush_event(ngx_event_t *ev);
static void ngx_http_soma_redis_write(ngx_http_soma_link_t *link);
static void ngx_http_soma_redis_add_read(void *data);
static void ngx_http_soma_redis_del_read(void *data);
static void ngx_http_soma_redis_add_write(void *data);
static void ngx_http_soma_redis_del_write(void *data);
static void ngx_http_soma_redis_cleanup(void *data);


ngx_int_t
ngx_http_soma_redis_adapter_attach(ngx_http_soma_link_t *link)
{
    ngx_connection_t   *c;
    redisAsyncContext  *ac;

    ac = link->ac;

    c = ngx_get_connection(ac->c.fd, link->log);
    if (c == NULL) {
        return NGX_ERROR;
    }

    c->data = link;
    c->number = ngx_atomic_fetch_add(ngx_connection_counter, 1);
    c->start_time = ngx_current_msec;

    /* nginx calls the read handler of idle connections when a graceful exit
     * begins: that is how we hear of it */
    c->idle = (link->kind == NGX_HTTP_SOMA_LINK_COMMAND);

    c->read->handler = ngx_http_soma_redis_read_event;
    c->read->log = link->log;
    c->write->handler = ngx_http_soma_redis_write_event;
    c->write->log = link->log;

    ngx_memzero(&link->flush, sizeof(ngx_event_t));
    link->flush.handler = ngx_http_soma_redis_flush_event;
    link->flush.data = c;
    link->flush.log = link->log;

    link->connection = c;
    link->established = 0;
    link->writing = 0;

    ngx_http_soma_redis_reader_init(link);

    ac->data = link;
    ac->ev.data = link;
    ac->ev.addRead = ngx_http_soma_redis_add_read;
    ac->ev.delRead = ngx_http_soma_redis_del_read;
    ac->ev.addWrite = ngx_http_soma_redis_add_write;
    ac->ev.delWrite = ngx_http_soma_redis_del_write;
    ac->ev.cleanup = ngx_http_soma_redis_cleanup;

    return NGX_OK;
}


static void
ngx_http_soma_redis_read_event(ngx_event_t *rev)
{
    ngx_connection_t      *c;
    ngx_http_soma_link_t  *link;

    c = rev->data;
    link = c->data;

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, link->log, 0,
                   "soma redis: %s is readable", link->name);

    if (c->close) {
        ngx_http_soma_redis_link_asked(link);
        return;
    }

    /* the context may be gone after this */
    redisAsyncHandleRead(link->ac);

    /* the link outlives it */
    ngx_http_soma_redis_reader_check(link);
}


static void
ngx_http_soma_redis_write_event(ngx_event_t *wev)
{
    ngx_connection_t  *c;

    c = wev->data;

    ngx_http_soma_redis_write(c->data);
}


static void
ngx_http_soma_redis_flush_event(ngx_event_t *ev)
{
    ngx_connection_t  *c;

    c = ev->data;

    ngx_http_soma_redis_write(c->data);
}


static void
ngx_http_soma_redis_write(ngx_http_soma_link_t *link)
{
    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, link->log, 0,
                   "soma redis: write of %s", link->name);

    link->established = 1;
    link->writing = 1;

    redisAsyncHandleWrite(link->ac);

    /* the link is ours and outlives the context */
    link->writing = 0;
}


static void
ngx_http_soma_redis_add_read(void *data)
{
    ngx_http_soma_link_t  *link = data;

    ngx_event_t  *rev;

    rev = link->connection->read;

    if (!rev->active
        && ngx_add_event(rev, NGX_READ_EVENT, NGX_LEVEL_EVENT) != NGX_OK)
    {
        /* the command timer will find out */
        ngx_log_error(NGX_LOG_ALERT, link->log, 0,
                      "soma redis: cannot wait for replies");
    }
}


static void
ngx_http_soma_redis_del_read(void *data)
{
    ngx_http_soma_link_t  *link = data;

    ngx_event_t  *rev;

    rev = link->connection->read;

    if (rev->active) {
        (void) ngx_del_event(rev, NGX_READ_EVENT, 0);
    }
}


static void
ngx_http_soma_redis_add_write(void *data)
{
    ngx_http_soma_link_t  *link = data;

    ngx_event_t  *wev;

    wev = link->connection->write;

    if (wev->active) {
        return;
    }

    if (link->established && !link->writing) {
        if (!link->flush.posted) {
            ngx_post_event(&link->flush, &ngx_posted_events);
        }

        return;
    }

    if (ngx_add_event(wev, NGX_WRITE_EVENT, NGX_LEVEL_EVENT) != NGX_OK) {
        ngx_log_error(NGX_LOG_ALERT, link->log, 0,
                      "soma redis: cannot wait to write");
    }
}


static void
ngx_http_soma_redis_del_write(void *data)
{
    ngx_http_soma_link_t  *link = data;

    ngx_event_t  *wev;

    /* hiredis calls this when its buffer is empty */
    link->unsent = 0;

    wev = link->connection->write;

    if (wev->active) {
        (void) ngx_del_event(wev, NGX_WRITE_EVENT, 0);
    }
}


static void
ngx_http_soma_redis_cleanup(void *data)
{
    ngx_http_soma_link_t  *link = data;

    const char        *why;
    ngx_connection_t  *c;

    c = link->connection;

    if (ngx_del_conn && (c->read->active || c->write->active)) {
        (void) ngx_del_conn(c, 0);

    } else {
        ngx_http_soma_redis_del_read(link);
        ngx_http_soma_redis_del_write(link);
    }

    if (c->read->posted) {
        ngx_delete_posted_event(c->read);
    }

    if (c->write->posted) {
        ngx_delete_posted_event(c->write);
    }

    if (link->flush.posted) {
        ngx_delete_posted_event(&link->flush);
    }

    ngx_free_connection(c);

    c->fd = (ngx_socket_t) -1;

    why = link->refused ? link->refused
                        : link->ac->err ? link->ac->errstr : NULL;
    link->refused = NULL;

    link->connection = NULL;
    link->ac = NULL;
    link->unsent = 0;

    ngx_http_soma_redis_link_gone(link, why);
}
