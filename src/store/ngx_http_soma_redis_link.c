
/*
 * Copyright (C) The ngx_soma authors
 *
 * A link's life: connect, the greeting, ready, lost, again.
 *
 * There is one door out: hiredis calls the adapter's cleanup for whatever
 * reason a context ends, and ngx_http_soma_redis_link_gone() is what makes
 * of it a retry.
 */


#include "ngx_http_soma_redis_link.h"


static redisAsyncContext *ngx_http_soma_redis_link_context(
    ngx_http_soma_link_t *link);
static void ngx_http_soma_redis_link_on_connect(const redisAsyncContext *ac,
    int status);
static void ngx_http_soma_redis_link_timer(ngx_event_t *ev);
static void ngx_http_soma_redis_link_retry(ngx_event_t *ev);
static void ngx_http_soma_redis_link_later(ngx_http_soma_link_t *link);
static void ngx_http_soma_redis_link_note(ngx_http_soma_link_t *link,
    const char *why);


void
ngx_http_soma_redis_link_init(ngx_http_soma_link_t *link)
{
    ngx_queue_init(&link->calls);
    ngx_queue_init(&link->idle_calls);

    link->timer.handler = ngx_http_soma_redis_link_timer;
    link->timer.data = link;
    link->timer.log = link->log;

    link->retry.handler = ngx_http_soma_redis_link_retry;
    link->retry.data = link;
    link->retry.log = link->log;
    link->retry.cancelable = 1;

    link->backoff = NGX_HTTP_SOMA_REDIS_BACKOFF_MIN;

    ngx_sprintf(link->error, "not connected yet%Z");
}


void
ngx_http_soma_redis_link_connect(ngx_http_soma_link_t *link)
{
    ngx_int_t    rc;
    const char  *error;

    if (link->state != NGX_HTTP_SOMA_LINK_DOWN || link->ac
        || link->resolving)
    {
        return;
    }

    if (link->retry.timer_set) {
        ngx_del_timer(&link->retry);
    }

    if (link->conf->path.len) {
        ngx_http_soma_redis_link_open(link);
        return;
    }

    rc = ngx_http_soma_redis_link_locate(link, &error);

    if (rc == NGX_OK) {
        ngx_http_soma_redis_link_open(link);

    } else if (rc == NGX_ERROR) {
        ngx_http_soma_redis_link_failed(link, error);
    }
}


void
ngx_http_soma_redis_link_open(ngx_http_soma_link_t *link)
{
    redisAsyncContext  *ac;

    if (link->kind == NGX_HTTP_SOMA_LINK_COMMAND) {
        link->counts->connects++;
    }

    ac = ngx_http_soma_redis_link_context(link);

    if (ac == NULL) {
        ngx_http_soma_redis_link_failed(link, "out of memory");
        return;
    }

    link->ac = ac;

    if (ac->err) {
        ngx_http_soma_redis_link_note(link, ac->errstr);
        link->ac = NULL;
        redisAsyncFree(ac);
        ngx_http_soma_redis_link_later(link);
        return;
    }

    if (link->conf->tls && ngx_http_soma_redis_tls_start(link) != NGX_OK) {
        ngx_http_soma_redis_link_note(link, "TLS cannot be started");
        link->ac = NULL;
        redisAsyncFree(ac);
        ngx_http_soma_redis_link_later(link);
        return;
    }

    if (ngx_http_soma_redis_adapter_attach(link) != NGX_OK) {
        ngx_http_soma_redis_link_note(link, "no free connection");
        link->ac = NULL;
        redisAsyncFree(ac);
        ngx_http_soma_redis_link_later(link);
        return;
    }

    if (link->conf->path.len == 0) {
        (void) redisEnableKeepAlive(&ac->c);
    }

    link->state = NGX_HTTP_SOMA_LINK_CONNECT;

    link->timer.cancelable = 1;
    ngx_add_timer(&link->timer, link->conf->timeout);

    (void) redisAsyncSetConnectCallback(ac,
                                        ngx_http_soma_redis_link_on_connect);

    if (ngx_http_soma_redis_link_greet(link) != NGX_OK) {
        ngx_http_soma_redis_link_drop(link, "out of memory");
    }
}


/* an address, not a name: hiredis would ask the resolver and wait */
static redisAsyncContext *
ngx_http_soma_redis_link_context(ngx_http_soma_link_t *link)
{
    size_t            len;
    u_char            text[NGX_SOCKADDR_STRLEN + 1];
    struct sockaddr  *sa;

    if (link->conf->path.len) {
        return redisAsyncConnectUnix((char *) link->conf->path.data);
    }

    sa = &link->addr[link->turn].sockaddr;

    len = ngx_sock_ntop(sa, link->socklen[link->turn], text,
                        NGX_SOCKADDR_STRLEN, 0);

    /* nginx writes [::1] */

    if (len > 2 && text[0] == '[') {
        text[len - 1] = '\0';
        return redisAsyncConnect((char *) text + 1, ngx_inet_get_port(sa));
    }

    text[len] = '\0';

    return redisAsyncConnect((char *) text, ngx_inet_get_port(sa));
}


void
ngx_http_soma_redis_link_failed(ngx_http_soma_link_t *link, const char *why)
{
    ngx_http_soma_redis_link_note(link, why);
    ngx_http_soma_redis_link_later(link);
}


static void
ngx_http_soma_redis_link_on_connect(const redisAsyncContext *ac, int status)
{
    ngx_http_soma_link_t  *link;

    link = ac->data;

    ngx_log_debug2(NGX_LOG_DEBUG_EVENT, link->log, 0,
                   "soma redis: %s connected: %d", link->name, status);

    /* hiredis 1.x hands the failure to its owner, 0.14 to nobody */
    if (status != REDIS_OK && ac->err) {
        ngx_http_soma_redis_link_note(link, ac->errstr);
    }
}


void
ngx_http_soma_redis_link_ready(ngx_http_soma_link_t *link)
{
    ngx_uint_t  level;

    link->state = NGX_HTTP_SOMA_LINK_READY;
    link->ready = 1;
    link->late = 0;
    link->since = ngx_current_msec;
    link->error[0] = '\0';

    if (link->timer.timer_set) {
        ngx_del_timer(&link->timer);
    }

    link->timer.cancelable = (link->kind != NGX_HTTP_SOMA_LINK_COMMAND);

    /* commands that did not wait for the greeting; their time began with it */

    if (link->ncalls) {
        ngx_add_timer(&link->timer, link->conf->timeout);
    }

    level = (link->told && link->kind == NGX_HTTP_SOMA_LINK_COMMAND)
            ? NGX_LOG_NOTICE : NGX_LOG_INFO;

    ngx_log_error(level, link->log, 0, "soma redis: %s to %V is up",
                  link->name, &link->where);

    link->told = 0;

    link->up(link);
}


static void
ngx_http_soma_redis_link_timer(ngx_event_t *ev)
{
    ngx_msec_t                  waited;
    ngx_queue_t                *q;
    ngx_http_soma_link_t       *link;
    ngx_http_soma_link_call_t  *call;

    link = ev->data;

    if (link->ac == NULL) {
        return;
    }

    if (link->state == NGX_HTTP_SOMA_LINK_CONNECT) {
        link->counts->timeouts++;
        ngx_http_soma_redis_link_drop(link, "no answer to a connect in %M ms",
                                      link->conf->timeout);
        return;
    }

    if (ngx_queue_empty(&link->calls)) {
        return;
    }

    q = ngx_queue_head(&link->calls);
    call = ngx_queue_data(q, ngx_http_soma_link_call_t, queue);
    waited = ngx_current_msec - call->sent;

    if (waited < link->conf->timeout) {
        ngx_add_timer(ev, link->conf->timeout - waited);
        return;
    }

    link->counts->timeouts++;
    link->late = 1;
    ngx_http_soma_redis_link_drop(link, "no reply in %M ms, %ui commands "
                                  "pending", waited, link->ncalls);
}


void
ngx_http_soma_redis_link_drop(ngx_http_soma_link_t *link, const char *fmt,
    ...)
{
    u_char   *p, text[NGX_HTTP_SOMA_REDIS_ERROR_MAX];
    va_list   args;

    va_start(args, fmt);
    p = ngx_vslprintf(text, text + sizeof(text) - 1, fmt, args);
    va_end(args);

    *p = '\0';

    ngx_http_soma_redis_link_note(link, (char *) text);

    if (link->state != NGX_HTTP_SOMA_LINK_CLOSED) {
        link->state = NGX_HTTP_SOMA_LINK_DOWN;
    }

    if (link->ac) {
        redisAsyncFree(link->ac);
    }
}


void
ngx_http_soma_redis_link_rest(ngx_http_soma_link_t *link)
{
    link->ready = 0;
    link->resting = 1;

    redisAsyncFree(link->ac);

    link->resting = 0;
}


void
ngx_http_soma_redis_link_gone(ngx_http_soma_link_t *link, const char *why)
{
    if (link->timer.timer_set) {
        ngx_del_timer(&link->timer);
    }

    if (!link->resting && (why || link->error[0] == '\0')) {
        ngx_http_soma_redis_link_note(link,
                                      why ? why : "the connection was closed");
    }

    if (link->state != NGX_HTTP_SOMA_LINK_CLOSED) {
        link->state = NGX_HTTP_SOMA_LINK_DOWN;
    }

    if (link->ready) {
        link->ready = 0;

        /* a Redis that lets commands hang is not hurried to the next ones; a
         * listener is of use when it has subscribed, and says so itself */

        if (link->kind == NGX_HTTP_SOMA_LINK_COMMAND
            && (!link->late || ngx_current_msec - link->since
                               >= NGX_HTTP_SOMA_REDIS_STEADY))
        {
            link->backoff = NGX_HTTP_SOMA_REDIS_BACKOFF_MIN;
        }

        link->lost(link);
    }

    ngx_http_soma_redis_link_later(link);
}


/* the first word of an outage is an error, what follows is for the curious */
static void
ngx_http_soma_redis_link_note(ngx_http_soma_link_t *link, const char *why)
{
    ngx_uint_t  level;

    ngx_snprintf(link->error, sizeof(link->error), "%s%Z", why);
    link->error[sizeof(link->error) - 1] = '\0';

    if (link->state == NGX_HTTP_SOMA_LINK_CLOSED || link->told
        || link->kind == NGX_HTTP_SOMA_LINK_LISTENER)
    {
        level = NGX_LOG_INFO;

    } else {
        level = (link->kind == NGX_HTTP_SOMA_LINK_SENTINEL) ? NGX_LOG_WARN
                                                            : NGX_LOG_ERR;
        link->told = 1;
    }

    ngx_http_soma_log(level, link->log, 0, "soma redis: %s to %V is down: %s",
                      link->name, &link->where, link->error);

    if (link->kind == NGX_HTTP_SOMA_LINK_COMMAND) {
        ngx_http_soma_redis_missed();
    }
}


/* half of the time is chance, lest all workers come at the same moment */
static void
ngx_http_soma_redis_link_later(ngx_http_soma_link_t *link)
{
    ngx_msec_t  delay;

    if (link->state == NGX_HTTP_SOMA_LINK_CLOSED || link->parked) {
        return;
    }

    delay = link->backoff / 2
            + (ngx_msec_t) ngx_random() % (link->backoff / 2 + 1);

    link->backoff = ngx_min(link->backoff * 2,
                            NGX_HTTP_SOMA_REDIS_BACKOFF_MAX);

    if (link->retry.timer_set) {
        ngx_del_timer(&link->retry);
    }

    ngx_add_timer(&link->retry, delay);
}


static void
ngx_http_soma_redis_link_retry(ngx_event_t *ev)
{
    ngx_http_soma_link_t  *link;

    link = ev->data;

    if (link->state != NGX_HTTP_SOMA_LINK_DOWN || link->ac) {
        return;
    }

    if (link->seek) {
        link->seek(link);
        return;
    }

    ngx_http_soma_redis_link_connect(link);
}


void
ngx_http_soma_redis_link_soon(ngx_http_soma_link_t *link)
{
    if (link->state != NGX_HTTP_SOMA_LINK_DOWN || link->resolving) {
        return;
    }

    if (link->retry.timer_set) {
        ngx_del_timer(&link->retry);
    }

    ngx_add_timer(&link->retry, 1);
}


/*
 * nginx sets c->close on idle connections when a graceful exit begins: we
 * stay, since requests in flight need Redis.  When worker_shutdown_timeout
 * has passed it sets c->error too, and that is the end.
 */
void
ngx_http_soma_redis_link_asked(ngx_http_soma_link_t *link)
{
    if (link->connection->error) {
        link->state = NGX_HTTP_SOMA_LINK_CLOSED;
        redisAsyncFree(link->ac);
        return;
    }

    link->connection->close = 0;

    if (!link->left && link->state == NGX_HTTP_SOMA_LINK_READY) {
        link->left = 1;

        if (link->leaving) {
            link->leaving(link);
        }
    }
}


void
ngx_http_soma_redis_link_close(ngx_http_soma_link_t *link)
{
    link->closing = 1;
    link->state = NGX_HTTP_SOMA_LINK_CLOSED;

    ngx_http_soma_redis_link_unlocate(link);

    if (link->ac) {
        redisAsyncFree(link->ac);
    }

    if (link->retry.timer_set) {
        ngx_del_timer(&link->retry);
    }

    ngx_http_soma_redis_link_free_calls(link);
}
