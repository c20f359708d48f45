
/*
 * Copyright (C) The ngx_soma authors
 *
 * A link's life: connect, AUTH and its company, ready, lost, again.
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
static ngx_int_t ngx_http_soma_redis_link_greet(ngx_http_soma_link_t *link);
static ngx_int_t ngx_http_soma_redis_link_say(ngx_http_soma_link_t *link,
    ngx_http_soma_redis_pt handler, int argc, const char *a, const char *b,
    ngx_str_t *c);
static ngx_int_t ngx_http_soma_redis_link_auth(ngx_http_soma_link_t *link);
static ngx_int_t ngx_http_soma_redis_link_refused(ngx_http_soma_link_t *link,
    redisReply *reply, ngx_uint_t must);
static void ngx_http_soma_redis_link_must(void *data, redisReply *reply);
static void ngx_http_soma_redis_link_may(void *data, redisReply *reply);
static void ngx_http_soma_redis_link_hello(void *data, redisReply *reply);
static void ngx_http_soma_redis_link_role(void *data, redisReply *reply);
static void ngx_http_soma_redis_link_ready(ngx_http_soma_link_t *link);
static void ngx_http_soma_redis_link_reply(redisAsyncContext *ac,
    void *data, void *privdata);
static void ngx_http_soma_redis_link_timer(ngx_event_t *ev);
static void ngx_http_soma_redis_link_retry(ngx_event_t *ev);
static void ngx_http_soma_redis_link_later(ngx_http_soma_link_t *link);
static void ngx_http_soma_redis_link_note(ngx_http_soma_link_t *link,
    const char *why);
static ngx_http_soma_link_call_t *ngx_http_soma_redis_link_get_call(
    ngx_http_soma_link_t *link);
static void ngx_http_soma_redis_link_free_call(ngx_http_soma_link_t *link,
    ngx_http_soma_link_call_t *call);


/* with one of these words Redis says that this connection is of no use */
static const char  *ngx_http_soma_redis_useless[] = {
    "LOADING", "READONLY", "MASTERDOWN", "NOAUTH", "WRONGPASS", NULL
};


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

    if (ngx_http_soma_redis_attach(link) != NGX_OK) {
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


/*
 * Everything in one write; the replies come in the same order.  In a cluster
 * a node's role is no matter: one that is not the master of a key says so.
 */
static ngx_int_t
ngx_http_soma_redis_link_greet(ngx_http_soma_link_t *link)
{
    u_char      *p, buf[NGX_INT64_LEN + NGX_MAXHOSTNAMELEN + 16];
    ngx_str_t    value;
    ngx_uint_t   sentinel;

    sentinel = (link->kind == NGX_HTTP_SOMA_LINK_SENTINEL);

    if (ngx_http_soma_redis_link_auth(link) != NGX_OK) {
        return NGX_ERROR;
    }

    if (link->conf->db > 0 && !sentinel) {
        p = ngx_sprintf(buf, "%i", link->conf->db);
        value.data = buf;
        value.len = p - buf;

        if (ngx_http_soma_redis_link_say(link, ngx_http_soma_redis_link_must,
                                         2, "SELECT", NULL, &value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    p = ngx_snprintf(buf, sizeof(buf), "soma-%V-%P", &link->node, ngx_pid);
    value.data = buf;
    value.len = p - buf;

    if (ngx_http_soma_redis_link_say(link, ngx_http_soma_redis_link_may, 3,
                                     "CLIENT", "SETNAME", &value)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (sentinel || ngx_http_soma_redis_worker.cluster) {
        return ngx_http_soma_redis_link_say(link,
                                            ngx_http_soma_redis_link_hello, 1,
                                            "PING", NULL, NULL);
    }

    if (ngx_http_soma_redis_link_say(link, ngx_http_soma_redis_link_may, 1,
                                     "PING", NULL, NULL)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_soma_redis_link_say(link, ngx_http_soma_redis_link_role,
                                        1, "ROLE", NULL, NULL);
}


static ngx_int_t
ngx_http_soma_redis_link_auth(ngx_http_soma_link_t *link)
{
    int          argc;
    size_t       len[3];
    ngx_str_t   *user, *password;
    const char  *argv[3];

    user = &link->conf->user;
    password = &link->conf->password;

    if (link->kind == NGX_HTTP_SOMA_LINK_SENTINEL) {
        user = &link->conf->sentinel_user;
        password = &link->conf->sentinel_password;
    }

    if (password->len == 0) {
        return NGX_OK;
    }

    argc = 0;
    argv[argc] = "AUTH";
    len[argc++] = 4;

    if (user->len) {
        argv[argc] = (char *) user->data;
        len[argc++] = user->len;
    }

    argv[argc] = (char *) password->data;
    len[argc++] = password->len;

    return ngx_http_soma_redis_link_send(link, ngx_http_soma_redis_link_must,
                                         link, argc, argv, len);
}


static ngx_int_t
ngx_http_soma_redis_link_say(ngx_http_soma_link_t *link,
    ngx_http_soma_redis_pt handler, int argc, const char *a, const char *b,
    ngx_str_t *c)
{
    int          n;
    size_t       len[3];
    const char  *argv[3];

    n = 0;
    argv[n] = a;
    len[n++] = ngx_strlen(a);

    if (b) {
        argv[n] = b;
        len[n++] = ngx_strlen(b);
    }

    if (c) {
        argv[n] = (char *) c->data;
        len[n++] = c->len;
    }

    return ngx_http_soma_redis_link_send(link, handler, link, argc, argv,
                                         len);
}


/* NGX_DECLINED: the link is on its way down */
static ngx_int_t
ngx_http_soma_redis_link_refused(ngx_http_soma_link_t *link,
    redisReply *reply, ngx_uint_t must)
{
    ngx_uint_t  i;

    if (reply == NULL || link->state != NGX_HTTP_SOMA_LINK_CONNECT) {
        return NGX_DECLINED;
    }

    if (reply->type != REDIS_REPLY_ERROR) {
        return NGX_OK;
    }

    for (i = 0; ngx_http_soma_redis_useless[i]; i++) {
        if (ngx_http_soma_redis_is_error(reply,
                                         ngx_http_soma_redis_useless[i]))
        {
            must = 1;
        }
    }

    if (must) {
        ngx_http_soma_redis_link_drop(link, "%s", reply->str);
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static void
ngx_http_soma_redis_link_must(void *data, redisReply *reply)
{
    (void) ngx_http_soma_redis_link_refused(data, reply, 1);
}


static void
ngx_http_soma_redis_link_may(void *data, redisReply *reply)
{
    (void) ngx_http_soma_redis_link_refused(data, reply, 0);
}


/* the last reply of the greeting, one of the two */

static void
ngx_http_soma_redis_link_hello(void *data, redisReply *reply)
{
    ngx_http_soma_link_t  *link = data;

    if (ngx_http_soma_redis_link_refused(link, reply, 0) == NGX_OK) {
        ngx_http_soma_redis_link_ready(link);
    }
}


static void
ngx_http_soma_redis_link_role(void *data, redisReply *reply)
{
    ngx_http_soma_link_t  *link = data;

    redisReply  *role;

    if (ngx_http_soma_redis_link_refused(link, reply, 0) != NGX_OK) {
        return;
    }

    /* a user who may not ask finds out by the first write */
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements
        && reply->element[0]->type == REDIS_REPLY_STRING)
    {
        role = reply->element[0];

        if (ngx_strcmp(role->str, "master") != 0) {
            ngx_http_soma_redis_link_drop(link,
                                          "its role is \"%s\", not \"master\"",
                                          role->str);
            return;
        }
    }

    ngx_http_soma_redis_link_ready(link);
}


static void
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


static void
ngx_http_soma_redis_link_reply(redisAsyncContext *ac, void *data,
    void *privdata)
{
    redisReply                 *reply = data;
    ngx_http_soma_link_call_t  *call = privdata;

    void                    *handler_data;
    ngx_uint_t               i;
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

    if (reply == NULL || reply->type != REDIS_REPLY_ERROR
        || link->state != NGX_HTTP_SOMA_LINK_READY)
    {
        return;
    }

    for (i = 0; ngx_http_soma_redis_useless[i]; i++) {
        if (ngx_http_soma_redis_is_error(reply,
                                         ngx_http_soma_redis_useless[i]))
        {
            ngx_http_soma_redis_link_drop(link, "%s", reply->str);
            return;
        }
    }
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

    ngx_log_error(level, link->log, 0, "soma redis: %s to %V is down: %s",
                  link->name, &link->where, link->error);
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
    ngx_queue_t  *q;

    link->closing = 1;
    link->state = NGX_HTTP_SOMA_LINK_CLOSED;

    ngx_http_soma_redis_link_unlocate(link);

    if (link->ac) {
        redisAsyncFree(link->ac);
    }

    if (link->retry.timer_set) {
        ngx_del_timer(&link->retry);
    }

    while (!ngx_queue_empty(&link->idle_calls)) {
        q = ngx_queue_head(&link->idle_calls);
        ngx_queue_remove(q);
        ngx_free(ngx_queue_data(q, ngx_http_soma_link_call_t, queue));
    }

    link->nidle = 0;
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


ngx_uint_t
ngx_http_soma_redis_is_error(redisReply *reply, const char *prefix)
{
    return reply && reply->type == REDIS_REPLY_ERROR
           && ngx_strncmp(reply->str, prefix, ngx_strlen(prefix)) == 0;
}
