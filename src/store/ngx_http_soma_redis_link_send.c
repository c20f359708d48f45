
/*
 * Copyright (C) The ngx_soma authors
 *
 * Commands of a link on their way: written, answered, or failed when the
 * link is lost.
 */


#include "ngx_http_soma_redis_link.h"
#include "soma_resp.h"


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
    u_char     *p, *text;
    ngx_int_t   rc;

    if (argc > NGX_HTTP_SOMA_REDIS_ARGS_MAX) {
        link->counts->declined++;
        return NGX_DECLINED;
    }

    text = ngx_alloc(SOMA_RESP_HEAD + soma_resp_size(argc, argvlen) + 1,
                     link->log);
    if (text == NULL) {
        return NGX_DECLINED;
    }

    p = soma_resp_array(text, argc);
    p = soma_resp_args(p, argc, argv, argvlen);
    *p = '\0';

    rc = ngx_http_soma_redis_link_text(link, handler, data, text, p - text);

    ngx_free(text);

    return rc;
}


ngx_int_t
ngx_http_soma_redis_link_text(ngx_http_soma_link_t *link,
    ngx_http_soma_redis_pt handler, void *data, const u_char *text, size_t len)
{
    ngx_http_soma_link_call_t  *call;

    if ((link->state != NGX_HTTP_SOMA_LINK_READY
         && link->state != NGX_HTTP_SOMA_LINK_CONNECT)
        || link->ncalls >= NGX_HTTP_SOMA_REDIS_PENDING_MAX
        || link->unsent + len > NGX_HTTP_SOMA_REDIS_BYTES_MAX)
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

    if (redisAsyncFormattedCommand(link->ac, ngx_http_soma_redis_link_reply,
                                   call, (const char *) text, len)
        != REDIS_OK)
    {
        /* on its way down, hiredis takes nothing any more */
        link->counts->declined++;
        ngx_http_soma_redis_link_free_call(link, call);
        return NGX_DECLINED;
    }

    link->counts->commands++;
    link->unsent += len;
    link->ncalls++;
    ngx_queue_insert_tail(&link->calls, &call->queue);

    if (link->state == NGX_HTTP_SOMA_LINK_READY && !link->timer.timer_set) {
        ngx_add_timer(&link->timer, link->conf->timeout);
    }

    return NGX_OK;
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

    if (ngx_http_soma_redis_link_is_useless(reply)
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
ngx_http_soma_redis_link_is_error(redisReply *reply, const char *prefix)
{
    return reply && reply->type == REDIS_REPLY_ERROR
           && ngx_strncmp(reply->str, prefix, ngx_strlen(prefix)) == 0;
}


ngx_uint_t
ngx_http_soma_redis_link_is_useless(redisReply *reply)
{
    ngx_uint_t  i;

    for (i = 0; ngx_http_soma_redis_useless[i]; i++) {
        if (ngx_http_soma_redis_link_is_error(reply,
                                              ngx_http_soma_redis_useless[i]))
        {
            return 1;
        }
    }

    return 0;
}
