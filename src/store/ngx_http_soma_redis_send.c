
/*
 * Copyright (C) The ngx_soma authors
 *
 * Commands of a link on their way: written, answered, or failed when the
 * link is lost.
 */


#include "ngx_http_soma_redis_link.h"


static u_char *ngx_http_soma_redis_link_head(u_char *p, u_char kind,
    size_t n);
static ngx_int_t ngx_http_soma_redis_link_write(ngx_http_soma_link_t *link,
    ngx_http_soma_link_call_t *call, int argc, const char **argv,
    const size_t *argvlen, size_t size);
static void ngx_http_soma_redis_link_reply(redisAsyncContext *ac,
    void *data, void *privdata);
static ngx_http_soma_link_call_t *ngx_http_soma_redis_link_get_call(
    ngx_http_soma_link_t *link);
static void ngx_http_soma_redis_link_free_call(ngx_http_soma_link_t *link,
    ngx_http_soma_link_call_t *call);


/* with one of these words Redis says that this connection is of no use */
static const char  *ngx_http_soma_redis_useless[] = {
    "LOADING", "READONLY", "MASTERDOWN", "NOAUTH", "WRONGPASS", NULL
};


ngx_int_t
ngx_http_soma_redis_link_send(ngx_http_soma_link_t *link,
    ngx_http_soma_redis_pt handler, void *data, int argc, const char **argv,
    const size_t *argvlen)
{
    int                         i;
    size_t                      size;
    ngx_http_soma_link_call_t  *call;

    size = 0;

    for (i = 0; i < argc; i++) {
        size += argvlen[i];
    }

    if ((link->state != NGX_HTTP_SOMA_LINK_READY
         && link->state != NGX_HTTP_SOMA_LINK_CONNECT)
        || link->ncalls >= NGX_HTTP_SOMA_REDIS_PENDING_MAX
        || argc > NGX_HTTP_SOMA_REDIS_ARGS_MAX
        || link->unsent + size > NGX_HTTP_SOMA_REDIS_BYTES_MAX)
    {
        link->counts->declined++;
        return NGX_DECLINED;
    }

    call = ngx_http_soma_redis_link_get_call(link);
    if (call == NULL) {
        return NGX_DECLINED;
    }

    call->handler = handler;
    call->data = data;
    call->sent = ngx_current_msec;

    if (ngx_http_soma_redis_link_write(link, call, argc, argv, argvlen, size)
        != NGX_OK)
    {
        /* on its way down, hiredis takes nothing any more */
        link->counts->declined++;
        ngx_http_soma_redis_link_free_call(link, call);
        return NGX_DECLINED;
    }

    link->counts->commands++;
    link->unsent += size;
    link->ncalls++;
    ngx_queue_insert_tail(&link->calls, &call->queue);

    if (link->state == NGX_HTTP_SOMA_LINK_READY && !link->timer.timer_set) {
        ngx_add_timer(&link->timer, link->conf->timeout);
    }

    return NGX_OK;
}


/*
 * Of the protocol of Redis, RESP 2: an array of bulk strings.  hiredis would
 * write it too, through the format of a string for each argument, of which a
 * shipment has hundreds.
 */

static ngx_int_t
ngx_http_soma_redis_link_write(ngx_http_soma_link_t *link,
    ngx_http_soma_link_call_t *call, int argc, const char **argv,
    const size_t *argvlen, size_t size)
{
    int      i, rc;
    u_char  *p, *buf;

    buf = ngx_alloc(size + (argc + 1) * (NGX_SIZE_T_LEN + sizeof("$\r\n\r\n")),
                    ngx_cycle->log);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    p = ngx_http_soma_redis_link_head(buf, '*', argc);

    for (i = 0; i < argc; i++) {
        p = ngx_http_soma_redis_link_head(p, '$', argvlen[i]);
        p = ngx_cpymem(p, argv[i], argvlen[i]);
        *p++ = CR;
        *p++ = LF;
    }

    /* hiredis looks for an argument behind the last one */
    *p = '\0';

    rc = redisAsyncFormattedCommand(link->ac, ngx_http_soma_redis_link_reply,
                                    call, (char *) buf, p - buf);
    ngx_free(buf);

    return rc == REDIS_OK ? NGX_OK : NGX_ERROR;
}


/* "*3\r\n", "$11\r\n" */
static u_char *
ngx_http_soma_redis_link_head(u_char *p, u_char kind, size_t n)
{
    u_char  *last, digits[NGX_SIZE_T_LEN];

    last = digits + sizeof(digits);

    do {
        *--last = (u_char) ('0' + n % 10);
        n /= 10;
    } while (n != 0);

    *p++ = kind;
    p = ngx_cpymem(p, last, digits + sizeof(digits) - last);
    *p++ = CR;
    *p++ = LF;

    return p;
}


static void
ngx_http_soma_redis_link_reply(redisAsyncContext *ac, void *data,
    void *privdata)
{
    redisReply                 *reply = data;
    ngx_http_soma_link_call_t  *call = privdata;

    void                    *handler_data;
    ngx_http_soma_link_t    *link;
    ngx_http_soma_redis_pt   handler;

    link = call->link;
    handler = call->handler;
    handler_data = call->data;

    ngx_queue_remove(&call->queue);
    link->ncalls--;
    ngx_http_soma_redis_link_free_call(link, call);

    if (reply) {
        link->counts->replies++;

        if (reply->type == REDIS_REPLY_ERROR) {
            link->counts->errors++;
        }

        if (link->ncalls == 0 && link->state == NGX_HTTP_SOMA_LINK_READY
            && link->timer.timer_set)
        {
            ngx_del_timer(&link->timer);
        }

    } else if (link->state != NGX_HTTP_SOMA_LINK_CLOSED) {
        /* the handlers of all that was pending see a link that is down */
        link->state = NGX_HTTP_SOMA_LINK_DOWN;
    }

    if (link->closing) {
        if (handler && link->discard) {
            link->discard(handler, handler_data);
        }

    } else if (handler) {
        handler(handler_data, reply);
    }

    if (ngx_http_soma_redis_is_useless(reply)
        && link->state == NGX_HTTP_SOMA_LINK_READY)
    {
        ngx_http_soma_redis_link_drop(link, "%s", reply->str);
    }
}


static ngx_http_soma_link_call_t *
ngx_http_soma_redis_link_get_call(ngx_http_soma_link_t *link)
{
    ngx_queue_t                *q;
    ngx_http_soma_link_call_t  *call;

    if (link->nidle == 0) {
        call = ngx_alloc(sizeof(ngx_http_soma_link_call_t), link->log);

    } else {
        q = ngx_queue_head(&link->idle_calls);
        ngx_queue_remove(q);
        link->nidle--;

        call = ngx_queue_data(q, ngx_http_soma_link_call_t, queue);
    }

    if (call) {
        call->link = link;
    }

    return call;
}


static void
ngx_http_soma_redis_link_free_call(ngx_http_soma_link_t *link,
    ngx_http_soma_link_call_t *call)
{
    if (link->nidle >= NGX_HTTP_SOMA_REDIS_IDLE_CALLS) {
        ngx_free(call);
        return;
    }

    ngx_queue_insert_head(&link->idle_calls, &call->queue);
    link->nidle++;
}


void
ngx_http_soma_redis_link_free_calls(ngx_http_soma_link_t *link)
{
    ngx_queue_t  *q;

    while (!ngx_queue_empty(&link->idle_calls)) {
        q = ngx_queue_head(&link->idle_calls);
        ngx_queue_remove(q);
        ngx_free(ngx_queue_data(q, ngx_http_soma_link_call_t, queue));
    }

    link->nidle = 0;
}


ngx_uint_t
ngx_http_soma_redis_is_error(redisReply *reply, const char *prefix)
{
    return reply && reply->type == REDIS_REPLY_ERROR
           && ngx_strncmp(reply->str, prefix, ngx_strlen(prefix)) == 0;
}


ngx_uint_t
ngx_http_soma_redis_is_useless(redisReply *reply)
{
    ngx_uint_t  i;

    for (i = 0; ngx_http_soma_redis_useless[i]; i++) {
        if (ngx_http_soma_redis_is_error(reply,
                                         ngx_http_soma_redis_useless[i]))
        {
            return 1;
        }
    }

    return 0;
}
