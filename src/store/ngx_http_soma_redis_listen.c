
/*
 * Copyright (C) The ngx_soma authors
 *
 * The listener: a second connection that hears of changed keys and locks, so
 * that the cache drops them at once.
 *
 * Redis tells of a change by anybody (redis-cli too) to a connection that
 * has said CLIENT TRACKING ON with itself as the target; in RESP2 the news
 * come as messages of the channel __redis__:invalidate.  Where that is
 * refused (Redis before 6, an ACL) there is still our own channel, which
 * whoever changes a key by our endpoints publishes on.
 *
 * In a cluster each master tells of its own keys only, so each has a
 * listener.
 *
 * A listener that is connected and hears nothing looks like a quiet day.  So
 * the worker publishes to a channel of each listener's own now and then, and
 * wants to hear that.
 */


#include "ngx_http_soma_redis_link.h"
#include "ngx_http_soma_cache.h"


#define NGX_HTTP_SOMA_REDIS_BEAT        5000    /* ms */
#define NGX_HTTP_SOMA_REDIS_CHANNELS    3
#define NGX_HTTP_SOMA_REDIS_INVALIDATE  "__redis__:invalidate"
#define NGX_HTTP_SOMA_REDIS_KEY         "soma:key:"
#define NGX_HTTP_SOMA_REDIS_LOCK        "training:lock:"
#define NGX_HTTP_SOMA_REDIS_TENANT      "soma:tenant:"


typedef struct {
    ngx_http_soma_link_t        link;
    ngx_uint_t                  nchannels;      /* confirmed */
    u_char                      id[NGX_INT64_LEN + 1];
    u_char                      own[sizeof(NGX_HTTP_SOMA_REDIS_CHANGES)
                                    + NGX_INT64_LEN + 10];

    unsigned                    set:1;
    unsigned                    waits:1;        /* for its own beat */
    unsigned                    tracking:1;
} ngx_http_soma_listen_t;


typedef struct {
    ngx_http_soma_listen_t       one[NGX_HTTP_SOMA_REDIS_NODES_MAX];
    ngx_uint_t                   n;             /* of which some are set */
    ngx_http_soma_redis_state_t  counts;        /* for nobody */
    ngx_event_t                  beat;
    ngx_connection_t             dummy;
    uint64_t                     changes;

    unsigned                     told:1;        /* tracking was refused */
    unsigned                     mute:1;        /* PUBLISH is refused */
} ngx_http_soma_listeners_t;


static void ngx_http_soma_redis_listen_up(ngx_http_soma_link_t *link);
static void ngx_http_soma_redis_listen_lost(ngx_http_soma_link_t *link);
static void ngx_http_soma_redis_listen_id(void *data, redisReply *reply);
static void ngx_http_soma_redis_listen_track(ngx_http_soma_listen_t *listen);
static void ngx_http_soma_redis_listen_tracked(void *data,
    redisReply *reply);
static void ngx_http_soma_redis_listen_subscribe(
    ngx_http_soma_listen_t *listen);
static void ngx_http_soma_redis_listen_message(redisAsyncContext *ac,
    void *data, void *privdata);
static void ngx_http_soma_redis_listen_invalidate(redisReply *keys);
static void ngx_http_soma_redis_listen_change(redisReply *text);
static void ngx_http_soma_redis_listen_drop(ngx_uint_t kind, u_char *data,
    size_t len);
static void ngx_http_soma_redis_listen_stale(void);
static void ngx_http_soma_redis_listen_empty(void);
static void ngx_http_soma_redis_listen_beat(ngx_event_t *ev);
static void ngx_http_soma_redis_listen_beat_one(
    ngx_http_soma_listen_t *listen);
static void ngx_http_soma_redis_listen_beaten(void *data, redisReply *reply);


static ngx_http_soma_listeners_t  ngx_http_soma_listeners;


void
ngx_http_soma_redis_listen_init(void)
{
    ngx_event_t                *ev;
    ngx_http_soma_listeners_t  *all;

    all = &ngx_http_soma_listeners;

    ngx_memzero(all, sizeof(ngx_http_soma_listeners_t));

    all->dummy.fd = (ngx_socket_t) -1;

    ev = &all->beat;
    ev->handler = ngx_http_soma_redis_listen_beat;
    ev->data = &all->dummy;
    ev->log = ngx_http_soma_redis_worker.log;
    ev->cancelable = 1;

    ngx_add_timer(ev, NGX_HTTP_SOMA_REDIS_BEAT);
}


/* host NULL: nobody knows yet where it leads */
void
ngx_http_soma_redis_listen_start(ngx_uint_t n, ngx_str_t *host,
    in_port_t port)
{
    ngx_http_soma_link_t    *link;
    ngx_http_soma_listen_t  *listen;

    listen = &ngx_http_soma_listeners.one[n];

    if (listen->set) {
        return;
    }

    ngx_memzero(listen, sizeof(ngx_http_soma_listen_t));

    listen->set = 1;
    link = &listen->link;

    link->name = "listener";
    link->kind = NGX_HTTP_SOMA_LINK_LISTENER;
    link->conf = ngx_http_soma_redis_worker.conf;
    link->node = ngx_http_soma_redis_worker.smcf->node;
    link->log = ngx_http_soma_redis_worker.log;
    link->owner = listen;
    link->counts = &ngx_http_soma_listeners.counts;
    link->up = ngx_http_soma_redis_listen_up;
    link->lost = ngx_http_soma_redis_listen_lost;

    ngx_http_soma_listeners.n = ngx_max(ngx_http_soma_listeners.n, n + 1);

    ngx_http_soma_redis_link_init(link);

    if (host == NULL) {
        link->where = link->conf->url;
        return;
    }

    ngx_http_soma_redis_link_target(link, host, port);

    if (link->conf->path.len) {
        link->where = link->conf->url;
    }

    ngx_http_soma_redis_link_connect(link);
}


/* not within a callback of its own */
void
ngx_http_soma_redis_listen_stop(ngx_uint_t n)
{
    ngx_http_soma_listen_t  *listen;

    listen = &ngx_http_soma_listeners.one[n];

    if (listen->set) {
        ngx_http_soma_redis_link_close(&listen->link);
        listen->set = 0;
    }
}


void
ngx_http_soma_redis_listen_close(void)
{
    ngx_uint_t  i;

    for (i = 0; i < ngx_http_soma_listeners.n; i++) {
        ngx_http_soma_redis_listen_stop(i);
    }

    if (ngx_http_soma_listeners.beat.timer_set) {
        ngx_del_timer(&ngx_http_soma_listeners.beat);
    }

    ngx_http_soma_listeners.n = 0;
}


ngx_http_soma_link_t *
ngx_http_soma_redis_listen_link(ngx_uint_t n)
{
    return &ngx_http_soma_listeners.one[n].link;
}


ngx_uint_t
ngx_http_soma_redis_listen_on(void)
{
    ngx_uint_t               i, n;
    ngx_http_soma_listen_t  *listen;

    listen = ngx_http_soma_listeners.one;

    for (i = 0, n = 0; i < ngx_http_soma_listeners.n; i++) {

        if (!listen[i].set) {
            continue;
        }

        if (listen[i].nchannels != NGX_HTTP_SOMA_REDIS_CHANNELS) {
            return 0;
        }

        n++;
    }

    return n != 0;
}


void
ngx_http_soma_redis_listen_state(ngx_http_soma_redis_state_t *state)
{
    ngx_uint_t               i;
    ngx_http_soma_listen_t  *listen;

    state->changes = ngx_http_soma_listeners.changes;
    state->listening = ngx_http_soma_redis_listen_on();
    state->tracking = state->listening;

    listen = ngx_http_soma_listeners.one;

    for (i = 0; i < ngx_http_soma_listeners.n; i++) {
        if (listen[i].set && !listen[i].tracking) {
            state->tracking = 0;
        }
    }
}


static void
ngx_http_soma_redis_listen_up(ngx_http_soma_link_t *link)
{
    size_t       len[2] = { sizeof("CLIENT") - 1, sizeof("ID") - 1 };
    const char  *argv[2] = { "CLIENT", "ID" };

    (void) ngx_http_soma_redis_link_send(link, ngx_http_soma_redis_listen_id,
                                         link->owner, 2, argv, len);
}


static void
ngx_http_soma_redis_listen_lost(ngx_http_soma_link_t *link)
{
    ngx_http_soma_listen_t  *listen;

    listen = link->owner;

    listen->nchannels = 0;
    listen->tracking = 0;
    listen->waits = 0;

    ngx_http_soma_redis_listen_stale();
}


/* what follows goes out together: tracking begins before anything is heard */
static void
ngx_http_soma_redis_listen_id(void *data, redisReply *reply)
{
    ngx_http_soma_listen_t  *listen = data;

    if (reply == NULL) {
        return;
    }

    listen->id[0] = '\0';

    if (reply->type == REDIS_REPLY_INTEGER) {
        ngx_sprintf(listen->id, "%L%Z", (int64_t) reply->integer);
    }

    /* ids of connections of two nodes of a cluster may be the same */

    ngx_sprintf(listen->own, "%s:%xD.%s%Z", NGX_HTTP_SOMA_REDIS_CHANGES,
                (uint32_t) ngx_random(), listen->id);

    ngx_http_soma_redis_listen_track(listen);
    ngx_http_soma_redis_listen_subscribe(listen);
}


static void
ngx_http_soma_redis_listen_track(ngx_http_soma_listen_t *listen)
{
    static const char  *on[] = {
        "CLIENT", "TRACKING", "ON", "REDIRECT", NULL, "BCAST",
        "PREFIX", NGX_HTTP_SOMA_REDIS_KEY, "PREFIX", NGX_HTTP_SOMA_REDIS_LOCK,
        "PREFIX", NGX_HTTP_SOMA_REDIS_TENANT
    };

    size_t       len[12];
    ngx_uint_t   i;
    const char  *argv[12];

    if (listen->id[0] == '\0') {
        return;
    }

    for (i = 0; i < 12; i++) {
        argv[i] = on[i] ? on[i] : (const char *) listen->id;
        len[i] = ngx_strlen(argv[i]);
    }

    (void) ngx_http_soma_redis_link_send(&listen->link,
                                         ngx_http_soma_redis_listen_tracked,
                                         listen, 12, argv, len);
}


static void
ngx_http_soma_redis_listen_tracked(void *data, redisReply *reply)
{
    ngx_http_soma_listen_t  *listen = data;

    if (reply == NULL) {
        return;
    }

    if (reply->type == REDIS_REPLY_ERROR) {

        if (!ngx_http_soma_listeners.told) {
            ngx_http_soma_listeners.told = 1;
            ngx_http_soma_log(NGX_LOG_NOTICE, listen->link.log, 0,
                              "soma redis: no CLIENT TRACKING: \"%s\"; a "
                              "change of a key or a lock is heard on channel "
                              "%s only",
                              reply->str, NGX_HTTP_SOMA_REDIS_CHANGES);
        }

        return;
    }

    listen->tracking = 1;
}


static void
ngx_http_soma_redis_listen_subscribe(ngx_http_soma_listen_t *listen)
{
    size_t                 len[NGX_HTTP_SOMA_REDIS_CHANNELS + 1];
    ngx_uint_t             i;
    const char            *argv[NGX_HTTP_SOMA_REDIS_CHANNELS + 1];
    ngx_http_soma_link_t  *link;

    link = &listen->link;

    argv[0] = "SUBSCRIBE";
    argv[1] = NGX_HTTP_SOMA_REDIS_INVALIDATE;
    argv[2] = NGX_HTTP_SOMA_REDIS_CHANGES;
    argv[3] = (const char *) listen->own;

    for (i = 0; i <= NGX_HTTP_SOMA_REDIS_CHANNELS; i++) {
        len[i] = ngx_strlen(argv[i]);
    }

    /* not a call of ours: its callback is called for every message */

    if (link->ac == NULL
        || redisAsyncCommandArgv(link->ac, ngx_http_soma_redis_listen_message,
                                 listen, NGX_HTTP_SOMA_REDIS_CHANNELS + 1,
                                 argv, len)
           != REDIS_OK)
    {
        ngx_http_soma_redis_link_drop(link, "cannot subscribe");
    }
}


static void
ngx_http_soma_redis_listen_message(redisAsyncContext *ac, void *data,
    void *privdata)
{
    redisReply              *reply = data;
    ngx_http_soma_listen_t  *listen = privdata;

    char  *kind, *channel;

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY
        || reply->elements != 3
        || reply->element[0]->type != REDIS_REPLY_STRING
        || reply->element[1]->type != REDIS_REPLY_STRING)
    {
        return;
    }

    kind = reply->element[0]->str;
    channel = reply->element[1]->str;

    if (ngx_strcmp(kind, "subscribe") == 0) {

        if (++listen->nchannels == NGX_HTTP_SOMA_REDIS_CHANNELS) {
            listen->link.backoff = NGX_HTTP_SOMA_REDIS_BACKOFF_MIN;
            listen->waits = 0;

            /* what was read before this moment may have changed unheard, and
             * Redis may have been emptied */

            ngx_http_soma_redis_listen_empty();
        }

        return;
    }

    if (ngx_strcmp(kind, "message") != 0) {
        return;
    }

    if (ngx_strcmp(channel, NGX_HTTP_SOMA_REDIS_INVALIDATE) == 0) {
        ngx_http_soma_redis_listen_invalidate(reply->element[2]);

    } else if (ngx_strcmp(channel, NGX_HTTP_SOMA_REDIS_CHANGES) == 0) {
        ngx_http_soma_redis_listen_change(reply->element[2]);

    } else {
        listen->waits = 0;
    }
}


static void
ngx_http_soma_redis_listen_invalidate(redisReply *keys)
{
    size_t       i, len;
    u_char      *p;
    redisReply  *key;

    if (keys->type != REDIS_REPLY_ARRAY) {
        ngx_http_soma_listeners.changes++;
        ngx_http_soma_redis_listen_empty();
        return;
    }

    for (i = 0; i < keys->elements; i++) {
        key = keys->element[i];

        if (key->type != REDIS_REPLY_STRING) {
            continue;
        }

        p = (u_char *) key->str;

        len = sizeof(NGX_HTTP_SOMA_REDIS_KEY) - 1;

        if (key->len > len
            && ngx_memcmp(p, NGX_HTTP_SOMA_REDIS_KEY, len) == 0)
        {
            ngx_http_soma_redis_listen_drop(NGX_HTTP_SOMA_CACHE_KEY, p + len,
                                            key->len - len);
            continue;
        }

        len = sizeof(NGX_HTTP_SOMA_REDIS_LOCK) - 1;

        if (key->len > len
            && ngx_memcmp(p, NGX_HTTP_SOMA_REDIS_LOCK, len) == 0)
        {
            ngx_http_soma_redis_listen_drop(NGX_HTTP_SOMA_CACHE_LOCK,
                                            p + len, key->len - len);
            continue;
        }

        len = sizeof(NGX_HTTP_SOMA_REDIS_TENANT) - 1;

        if (key->len > len
            && ngx_memcmp(p, NGX_HTTP_SOMA_REDIS_TENANT, len) == 0)
        {
            ngx_http_soma_redis_listen_drop(NGX_HTTP_SOMA_CACHE_TENANT,
                                            p + len, key->len - len);
        }
    }
}


static void
ngx_http_soma_redis_listen_change(redisReply *text)
{
    u_char  *p;

    if (text->type != REDIS_REPLY_STRING) {
        return;
    }

    p = (u_char *) text->str;

    if (text->len > 4 && ngx_memcmp(p, "key ", 4) == 0) {
        ngx_http_soma_redis_listen_drop(NGX_HTTP_SOMA_CACHE_KEY, p + 4,
                                        text->len - 4);

    } else if (text->len > 5 && ngx_memcmp(p, "lock ", 5) == 0) {
        ngx_http_soma_redis_listen_drop(NGX_HTTP_SOMA_CACHE_LOCK, p + 5,
                                        text->len - 5);

    } else if (text->len > 7 && ngx_memcmp(p, "tenant ", 7) == 0) {
        ngx_http_soma_redis_listen_drop(NGX_HTTP_SOMA_CACHE_TENANT, p + 7,
                                        text->len - 7);
    }
}


static void
ngx_http_soma_redis_listen_drop(ngx_uint_t kind, u_char *data, size_t len)
{
    u_char      hash[SOMA_KEY_HASH];
    soma_str_t  name;

    name.data = data;
    name.len = len;

    ngx_http_soma_listeners.changes++;

    if (kind == NGX_HTTP_SOMA_CACHE_KEY) {

        if (soma_str_hex(name, hash, sizeof(hash)) != SOMA_OK) {
            return;
        }

        name.data = hash;
        name.len = sizeof(hash);
    }

    ngx_http_soma_cache_drop(ngx_http_soma_redis_worker.smcf, kind, name);
}


static void
ngx_http_soma_redis_listen_stale(void)
{
    ngx_http_soma_cache_stale(ngx_http_soma_redis_worker.smcf,
                              NGX_HTTP_SOMA_CACHE_KEY);
    ngx_http_soma_cache_stale(ngx_http_soma_redis_worker.smcf,
                              NGX_HTTP_SOMA_CACHE_LOCK);
    ngx_http_soma_cache_stale(ngx_http_soma_redis_worker.smcf,
                              NGX_HTTP_SOMA_CACHE_TENANT);
}


/* Redis was emptied, or may have been */

static void
ngx_http_soma_redis_listen_empty(void)
{
    ngx_http_soma_redis_listen_stale();
    ngx_http_soma_redis_flushed();
}


static void
ngx_http_soma_redis_listen_beat(ngx_event_t *ev)
{
    ngx_uint_t               i;
    ngx_http_soma_listen_t  *listen;

    ngx_add_timer(ev, NGX_HTTP_SOMA_REDIS_BEAT);

    if (ngx_exiting || ngx_http_soma_listeners.mute) {
        return;
    }

    for (i = 0; i < ngx_http_soma_listeners.n; i++) {
        listen = &ngx_http_soma_listeners.one[i];

        if (listen->set
            && listen->nchannels == NGX_HTTP_SOMA_REDIS_CHANNELS)
        {
            ngx_http_soma_redis_listen_beat_one(listen);
        }
    }
}


static void
ngx_http_soma_redis_listen_beat_one(ngx_http_soma_listen_t *listen)
{
    size_t                 len[3];
    const char            *argv[3];
    ngx_http_soma_link_t  *link;

    link = ngx_http_soma_redis_any();

    if (link == NULL) {
        return;
    }

    if (listen->waits) {
        listen->waits = 0;
        ngx_http_soma_redis_link_drop(&listen->link,
                                      "hears nothing any more");
        return;
    }

    argv[0] = "PUBLISH";
    argv[1] = (const char *) listen->own;
    argv[2] = "beat";

    len[0] = sizeof("PUBLISH") - 1;
    len[1] = ngx_strlen(argv[1]);
    len[2] = sizeof("beat") - 1;

    if (ngx_http_soma_redis_link_send(link, ngx_http_soma_redis_listen_beaten,
                                      listen, 3, argv, len)
        == NGX_OK)
    {
        listen->waits = 1;
    }
}


static void
ngx_http_soma_redis_listen_beaten(void *data, redisReply *reply)
{
    ngx_http_soma_listen_t  *listen = data;

    if (reply == NULL) {
        listen->waits = 0;

    } else if (reply->type == REDIS_REPLY_ERROR) {
        listen->waits = 0;
        ngx_http_soma_listeners.mute = 1;
    }
}
