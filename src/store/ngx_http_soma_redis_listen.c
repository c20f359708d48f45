
/*
 * Copyright (C) The ngx_soma authors
 *
 * The listener: a second connection that hears of changed keys and locks, so
 * that the cache drops them at once.
 *
 * Redis tells of a change by anybody (redis-cli too) when the command
 * connection has said CLIENT TRACKING ON with the listener as its target; in
 * RESP2 the news come as messages of the channel __redis__:invalidate.  Where
 * that is refused (Redis before 6, an ACL) there is still our own channel,
 * which whoever changes a key by our endpoints publishes on.
 *
 * A listener that is connected and hears nothing looks like a quiet day.  So
 * the worker publishes to a channel of its own now and then, and wants to
 * hear that.
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
    ngx_http_soma_link_t       *command;
    ngx_http_soma_main_conf_t  *smcf;
    ngx_event_t                 beat;
    ngx_uint_t                  nchannels;      /* confirmed */
    uint64_t                    changes;
    u_char                      id[NGX_INT64_LEN + 1];
    u_char                      own[sizeof(NGX_HTTP_SOMA_REDIS_CHANGES)
                                    + NGX_INT64_LEN + 1];

    unsigned                    set:1;
    unsigned                    waits:1;        /* for its own beat */
    unsigned                    tracking:1;
    unsigned                    told:1;         /* tracking was refused */
    unsigned                    mute:1;         /* PUBLISH is refused */
} ngx_http_soma_listen_t;


static void ngx_http_soma_redis_listen_up(ngx_http_soma_link_t *link);
static void ngx_http_soma_redis_listen_lost(ngx_http_soma_link_t *link);
static void ngx_http_soma_redis_listen_id(void *data, redisReply *reply);
static void ngx_http_soma_redis_listen_subscribe(void);
static void ngx_http_soma_redis_listen_message(redisAsyncContext *ac,
    void *data, void *privdata);
static void ngx_http_soma_redis_listen_invalidate(redisReply *keys);
static void ngx_http_soma_redis_listen_change(redisReply *text);
static void ngx_http_soma_redis_listen_drop(ngx_uint_t kind, u_char *data,
    size_t len);
static void ngx_http_soma_redis_listen_track(void);
static void ngx_http_soma_redis_listen_tracked(void *data,
    redisReply *reply);
static void ngx_http_soma_redis_listen_stale(void);
static void ngx_http_soma_redis_listen_beat(ngx_event_t *ev);
static void ngx_http_soma_redis_listen_beaten(void *data, redisReply *reply);


static ngx_http_soma_listen_t  ngx_http_soma_listen;


void
ngx_http_soma_redis_listen_init(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_link_t *command)
{
    ngx_event_t           *ev;
    ngx_http_soma_link_t  *link;

    ngx_memzero(&ngx_http_soma_listen, sizeof(ngx_http_soma_listen_t));

    ngx_http_soma_listen.set = 1;
    ngx_http_soma_listen.smcf = smcf;
    ngx_http_soma_listen.command = command;

    link = &ngx_http_soma_listen.link;

    link->name = "listener";
    link->conf = command->conf;
    link->node = command->node;
    link->log = command->log;
    link->listener = 1;
    link->up = ngx_http_soma_redis_listen_up;
    link->lost = ngx_http_soma_redis_listen_lost;

    ev = &ngx_http_soma_listen.beat;
    ev->handler = ngx_http_soma_redis_listen_beat;
    ev->data = link;
    ev->log = link->log;
    ev->cancelable = 1;

    ngx_http_soma_redis_link_init(link);
    ngx_http_soma_redis_link_connect(link);

    ngx_add_timer(ev, NGX_HTTP_SOMA_REDIS_BEAT);
}


void
ngx_http_soma_redis_listen_close(void)
{
    if (!ngx_http_soma_listen.set) {
        return;
    }

    ngx_http_soma_listen.set = 0;

    if (ngx_http_soma_listen.beat.timer_set) {
        ngx_del_timer(&ngx_http_soma_listen.beat);
    }

    ngx_http_soma_redis_link_close(&ngx_http_soma_listen.link);
}


ngx_uint_t
ngx_http_soma_redis_listening(void)
{
    return ngx_http_soma_listen.set
           && ngx_http_soma_listen.nchannels == NGX_HTTP_SOMA_REDIS_CHANNELS;
}


void
ngx_http_soma_redis_listen_state(ngx_http_soma_redis_state_t *state)
{
    state->changes = ngx_http_soma_listen.changes;
    state->listening = ngx_http_soma_redis_listening();
    state->tracking = ngx_http_soma_listen.tracking;
}


static void
ngx_http_soma_redis_listen_up(ngx_http_soma_link_t *link)
{
    size_t       len[2] = { sizeof("CLIENT") - 1, sizeof("ID") - 1 };
    const char  *argv[2] = { "CLIENT", "ID" };

    (void) ngx_http_soma_redis_link_send(link, ngx_http_soma_redis_listen_id,
                                         NULL, 2, argv, len, NULL);
}


static void
ngx_http_soma_redis_listen_lost(ngx_http_soma_link_t *link)
{
    ngx_http_soma_listen.nchannels = 0;
    ngx_http_soma_listen.tracking = 0;

    ngx_http_soma_redis_listen_stale();
}


void
ngx_http_soma_redis_listen_command_up(void)
{
    if (ngx_http_soma_redis_listening()) {
        ngx_http_soma_redis_listen_track();
    }
}


void
ngx_http_soma_redis_listen_command_lost(void)
{
    ngx_http_soma_listen.tracking = 0;
    ngx_http_soma_listen.waits = 0;

    if (ngx_http_soma_listen.set) {
        ngx_http_soma_redis_listen_stale();
    }
}


static void
ngx_http_soma_redis_listen_id(void *data, redisReply *reply)
{
    if (reply == NULL) {
        return;
    }

    ngx_http_soma_listen.id[0] = '\0';

    if (reply->type == REDIS_REPLY_INTEGER) {
        ngx_sprintf(ngx_http_soma_listen.id, "%L%Z",
                    (int64_t) reply->integer);
        ngx_sprintf(ngx_http_soma_listen.own, "%s:%L%Z",
                    NGX_HTTP_SOMA_REDIS_CHANGES, (int64_t) reply->integer);

    } else {
        ngx_sprintf(ngx_http_soma_listen.own, "%s:p%P%Z",
                    NGX_HTTP_SOMA_REDIS_CHANGES, ngx_pid);
    }

    ngx_http_soma_redis_listen_subscribe();
}


static void
ngx_http_soma_redis_listen_subscribe(void)
{
    size_t                 len[NGX_HTTP_SOMA_REDIS_CHANNELS + 1];
    ngx_uint_t             i;
    const char            *argv[NGX_HTTP_SOMA_REDIS_CHANNELS + 1];
    ngx_http_soma_link_t  *link;

    link = &ngx_http_soma_listen.link;

    argv[0] = "SUBSCRIBE";
    argv[1] = NGX_HTTP_SOMA_REDIS_INVALIDATE;
    argv[2] = NGX_HTTP_SOMA_REDIS_CHANGES;
    argv[3] = (const char *) ngx_http_soma_listen.own;

    for (i = 0; i <= NGX_HTTP_SOMA_REDIS_CHANNELS; i++) {
        len[i] = ngx_strlen(argv[i]);
    }

    /* not a call of ours: its callback is called for every message */

    if (redisAsyncCommandArgv(link->ac, ngx_http_soma_redis_listen_message,
                              NULL, NGX_HTTP_SOMA_REDIS_CHANNELS + 1, argv,
                              len)
        != REDIS_OK)
    {
        ngx_http_soma_redis_link_drop(link, "cannot subscribe");
    }
}


static void
ngx_http_soma_redis_listen_message(redisAsyncContext *ac, void *data,
    void *privdata)
{
    redisReply  *reply = data;

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

        if (++ngx_http_soma_listen.nchannels == NGX_HTTP_SOMA_REDIS_CHANNELS)
        {
            ngx_http_soma_listen.link.backoff =
                                              NGX_HTTP_SOMA_REDIS_BACKOFF_MIN;
            ngx_http_soma_listen.waits = 0;
            ngx_http_soma_redis_listen_stale();

            if (ngx_http_soma_redis_ready()) {
                ngx_http_soma_redis_listen_track();
            }
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
        ngx_http_soma_listen.waits = 0;
    }
}


static void
ngx_http_soma_redis_listen_invalidate(redisReply *keys)
{
    size_t       i, len;
    u_char      *p;
    redisReply  *key;

    if (keys->type != REDIS_REPLY_ARRAY) {
        ngx_http_soma_listen.changes++;
        ngx_http_soma_redis_listen_stale();
        ngx_http_soma_redis_flushed();
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

    ngx_http_soma_listen.changes++;

    if (kind == NGX_HTTP_SOMA_CACHE_KEY) {

        if (soma_parse_hex(name, hash, sizeof(hash)) != SOMA_OK) {
            return;
        }

        name.data = hash;
        name.len = sizeof(hash);
    }

    ngx_http_soma_cache_drop(ngx_http_soma_listen.smcf, kind, name);
}


/*
 * OFF first: tracking with the same prefixes cannot be turned on twice, and
 * the target of the one before may be a listener that is gone.
 */
static void
ngx_http_soma_redis_listen_track(void)
{
    static const char  *off[] = { "CLIENT", "TRACKING", "OFF" };
    static const char  *on[] = {
        "CLIENT", "TRACKING", "ON", "REDIRECT", NULL, "BCAST",
        "PREFIX", NGX_HTTP_SOMA_REDIS_KEY, "PREFIX", NGX_HTTP_SOMA_REDIS_LOCK,
        "PREFIX", NGX_HTTP_SOMA_REDIS_TENANT
    };

    size_t       len[12];
    ngx_uint_t   i;
    const char  *argv[12];

    if (ngx_http_soma_listen.id[0] == '\0') {
        return;
    }

    for (i = 0; i < 3; i++) {
        len[i] = ngx_strlen(off[i]);
    }

    (void) ngx_http_soma_redis_link_send(ngx_http_soma_listen.command, NULL,
                                         NULL, 3, off, len, NULL);

    for (i = 0; i < 12; i++) {
        argv[i] = on[i] ? on[i] : (const char *) ngx_http_soma_listen.id;
        len[i] = ngx_strlen(argv[i]);
    }

    (void) ngx_http_soma_redis_link_send(ngx_http_soma_listen.command,
                                         ngx_http_soma_redis_listen_tracked,
                                         NULL, 12, argv, len, NULL);
}


static void
ngx_http_soma_redis_listen_tracked(void *data, redisReply *reply)
{
    if (reply == NULL) {
        return;
    }

    if (reply->type == REDIS_REPLY_ERROR) {

        if (!ngx_http_soma_listen.told) {
            ngx_http_soma_listen.told = 1;
            ngx_log_error(NGX_LOG_NOTICE, ngx_http_soma_listen.link.log, 0,
                          "soma redis: no CLIENT TRACKING: \"%s\"; a change "
                          "of a key or a lock is heard on channel %s only",
                          reply->str, NGX_HTTP_SOMA_REDIS_CHANGES);
        }

        return;
    }

    /* what was read before this moment may have changed unheard */
    ngx_http_soma_redis_listen_stale();

    ngx_http_soma_listen.tracking = ngx_http_soma_redis_listening();
}


static void
ngx_http_soma_redis_listen_stale(void)
{
    ngx_http_soma_cache_stale(ngx_http_soma_listen.smcf,
                              NGX_HTTP_SOMA_CACHE_KEY);
    ngx_http_soma_cache_stale(ngx_http_soma_listen.smcf,
                              NGX_HTTP_SOMA_CACHE_LOCK);
    ngx_http_soma_cache_stale(ngx_http_soma_listen.smcf,
                              NGX_HTTP_SOMA_CACHE_TENANT);
}


static void
ngx_http_soma_redis_listen_beat(ngx_event_t *ev)
{
    size_t       len[3];
    const char  *argv[3];

    ngx_add_timer(ev, NGX_HTTP_SOMA_REDIS_BEAT);

    if (ngx_exiting || ngx_http_soma_listen.mute
        || !ngx_http_soma_redis_listening() || !ngx_http_soma_redis_ready())
    {
        return;
    }

    if (ngx_http_soma_listen.waits) {
        ngx_http_soma_listen.waits = 0;
        ngx_http_soma_redis_link_drop(&ngx_http_soma_listen.link,
                                      "hears nothing any more");
        return;
    }

    argv[0] = "PUBLISH";
    argv[1] = (const char *) ngx_http_soma_listen.own;
    argv[2] = "beat";

    len[0] = sizeof("PUBLISH") - 1;
    len[1] = ngx_strlen(argv[1]);
    len[2] = sizeof("beat") - 1;

    if (ngx_http_soma_redis_link_send(ngx_http_soma_listen.command,
                                      ngx_http_soma_redis_listen_beaten, NULL,
                                      3, argv, len, NULL)
        == NGX_OK)
    {
        ngx_http_soma_listen.waits = 1;
    }
}


static void
ngx_http_soma_redis_listen_beaten(void *data, redisReply *reply)
{
    if (reply == NULL) {
        ngx_http_soma_listen.waits = 0;

    } else if (reply->type == REDIS_REPLY_ERROR) {
        ngx_http_soma_listen.waits = 0;
        ngx_http_soma_listen.mute = 1;
    }
}
