
/*
 * Copyright (C) The ngx_soma authors
 *
 * Calls that are kept whole until their reply has come, since it may ask for
 * them once more: scripts that Redis forgot, and in a cluster everything,
 * which may be redirected.
 */


#include "ngx_http_soma_redis_link.h"
#include <ngx_sha1.h>


#define NGX_HTTP_SOMA_REDIS_PREFIX_ARGS  3      /* EVALSHA sha nkeys */


typedef struct {
    ngx_queue_t                      queue;     /* of those that wait */
    ngx_msec_t                       until;
    ngx_http_soma_redis_pt           handler;
    void                            *data;
    ngx_http_soma_link_t            *link;      /* it was sent to */
    size_t                           size;
    ngx_uint_t                       tries;
    int                              argc;
    const char                     **argv;
    size_t                          *argvlen;
    ngx_http_soma_script_t          *script;    /* NULL: a command */
    ngx_uint_t                       asking;    /* said before it, last */
} ngx_http_soma_redis_kept_t;


typedef struct {
    ngx_queue_t                      waiting;   /* for TRYAGAIN to be over */
    ngx_event_t                      again;
    ngx_connection_t                 dummy;
} ngx_http_soma_redis_calls_t;


static void ngx_http_soma_redis_sha(ngx_http_soma_script_t *script);
static ngx_http_soma_redis_kept_t *ngx_http_soma_redis_keep(
    ngx_http_soma_script_t *script, int nkeys, int argc, const char **argv,
    const size_t *argvlen);
static void ngx_http_soma_redis_kept_free(ngx_http_soma_redis_kept_t *kept);
static ngx_int_t ngx_http_soma_redis_kept_start(
    ngx_http_soma_redis_kept_t *kept, ngx_http_soma_redis_pt handler,
    void *data);
static ngx_int_t ngx_http_soma_redis_kept_send(
    ngx_http_soma_redis_kept_t *kept, ngx_http_soma_link_t *link,
    ngx_uint_t asking);
static void ngx_http_soma_redis_kept_reply(void *data, redisReply *reply);
static ngx_int_t ngx_http_soma_redis_kept_again(
    ngx_http_soma_redis_kept_t *kept, redisReply *reply);
static ngx_int_t ngx_http_soma_redis_kept_moved(
    ngx_http_soma_redis_kept_t *kept, redisReply *reply);
static void ngx_http_soma_redis_kept_wait(ngx_http_soma_redis_kept_t *kept);
static void ngx_http_soma_redis_again_event(ngx_event_t *ev);


static ngx_http_soma_redis_calls_t  ngx_http_soma_redis_calls;


void
ngx_http_soma_redis_call_init(void)
{
    ngx_http_soma_redis_calls_t  *calls;

    calls = &ngx_http_soma_redis_calls;

    ngx_memzero(calls, sizeof(ngx_http_soma_redis_calls_t));
    ngx_queue_init(&calls->waiting);

    calls->dummy.fd = (ngx_socket_t) -1;

    calls->again.handler = ngx_http_soma_redis_again_event;
    calls->again.data = &calls->dummy;
    calls->again.log = ngx_http_soma_redis_worker.log;
}


void
ngx_http_soma_redis_call_exit(void)
{
    void                         *data;
    ngx_queue_t                  *q;
    ngx_http_soma_redis_kept_t   *kept;
    ngx_http_soma_redis_calls_t  *calls;

    calls = &ngx_http_soma_redis_calls;

    if (calls->again.timer_set) {
        ngx_del_timer(&calls->again);
    }

    while (!ngx_queue_empty(&calls->waiting)) {
        q = ngx_queue_head(&calls->waiting);
        ngx_queue_remove(q);

        kept = ngx_queue_data(q, ngx_http_soma_redis_kept_t, queue);
        data = kept;

        ngx_http_soma_redis_discard(ngx_http_soma_redis_kept_reply, data);
    }
}


static void
ngx_http_soma_redis_sha(ngx_http_soma_script_t *script)
{
    u_char      digest[20];
    ngx_sha1_t  sha1;

    ngx_sha1_init(&sha1);
    ngx_sha1_update(&sha1, script->text, ngx_strlen(script->text));
    ngx_sha1_final(digest, &sha1);

    *ngx_hex_dump((u_char *) script->sha, digest, sizeof(digest)) = '\0';
}


ngx_int_t
ngx_http_soma_redis_script(ngx_http_soma_script_t *script,
    ngx_http_soma_redis_pt handler, void *data, int nkeys, int argc,
    const char **argv, const size_t *argvlen)
{
    if (script->sha[0] == '\0') {
        ngx_http_soma_redis_sha(script);
    }

    return ngx_http_soma_redis_kept_start(
                 ngx_http_soma_redis_keep(script, nkeys, argc, argv, argvlen),
                 handler, data);
}


ngx_int_t
ngx_http_soma_redis_kept_command(ngx_http_soma_redis_pt handler, void *data,
    int argc, const char **argv, const size_t *argvlen)
{
    return ngx_http_soma_redis_kept_start(
                     ngx_http_soma_redis_keep(NULL, 0, argc, argv, argvlen),
                     handler, data);
}


/* one block: the struct, the vectors, the number of keys, the arguments */
static ngx_http_soma_redis_kept_t *
ngx_http_soma_redis_keep(ngx_http_soma_script_t *script, int nkeys, int argc,
    const char **argv, const size_t *argvlen)
{
    int                          i, n, prefix;
    u_char                      *p;
    size_t                       size;
    ngx_http_soma_redis_kept_t  *kept;

    if (!ngx_http_soma_redis_ready()
        || argc > NGX_HTTP_SOMA_REDIS_ARGS_MAX
        || ngx_http_soma_redis_worker.kept > NGX_HTTP_SOMA_REDIS_BYTES_MAX)
    {
        return NULL;
    }

    prefix = script ? NGX_HTTP_SOMA_REDIS_PREFIX_ARGS : 0;
    n = argc + prefix;

    size = sizeof(ngx_http_soma_redis_kept_t)
           + n * (sizeof(char *) + sizeof(size_t)) + NGX_INT_T_LEN;

    for (i = 0; i < argc; i++) {
        size += argvlen[i];
    }

    kept = ngx_alloc(size, ngx_http_soma_redis_worker.log);
    if (kept == NULL) {
        return NULL;
    }

    kept->link = NULL;
    kept->size = size;
    kept->tries = 0;
    kept->script = script;
    kept->argc = n;
    kept->argv = (const char **) (kept + 1);
    kept->argvlen = (size_t *) (kept->argv + n);

    p = (u_char *) (kept->argvlen + n);

    if (script) {
        kept->argv[0] = "EVALSHA";
        kept->argvlen[0] = sizeof("EVALSHA") - 1;
        kept->argv[1] = script->sha;
        kept->argvlen[1] = sizeof(script->sha) - 1;
        kept->argv[2] = (char *) p;
        p = ngx_sprintf(p, "%d", nkeys);
        kept->argvlen[2] = p - (u_char *) kept->argv[2];
    }

    for (i = 0; i < argc; i++) {
        kept->argv[i + prefix] = (char *) p;
        kept->argvlen[i + prefix] = argvlen[i];
        p = ngx_cpymem(p, argv[i], argvlen[i]);
    }

    ngx_http_soma_redis_worker.kept += size;

    return kept;
}


static void
ngx_http_soma_redis_kept_free(ngx_http_soma_redis_kept_t *kept)
{
    ngx_http_soma_redis_worker.kept -= kept->size;
    ngx_free(kept);
}


ngx_int_t
ngx_http_soma_redis_kept_discard(ngx_http_soma_redis_pt *handler, void **data)
{
    ngx_http_soma_redis_kept_t  *kept;

    if (*handler != ngx_http_soma_redis_kept_reply) {
        return NGX_DECLINED;
    }

    kept = *data;

    *handler = kept->handler;
    *data = kept->data;

    ngx_http_soma_redis_kept_free(kept);

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_redis_kept_start(ngx_http_soma_redis_kept_t *kept,
    ngx_http_soma_redis_pt handler, void *data)
{
    ngx_http_soma_link_t  *link;

    if (kept == NULL) {
        ngx_http_soma_redis_worker.counts.declined++;
        return NGX_DECLINED;
    }

    kept->handler = handler;
    kept->data = data;

    link = ngx_http_soma_redis_route(kept->argc, kept->argv, kept->argvlen);

    if (link == NULL) {
        ngx_http_soma_redis_worker.counts.declined++;
    }

    if (link == NULL
        || ngx_http_soma_redis_kept_send(kept, link, 0) != NGX_OK)
    {
        ngx_http_soma_redis_kept_free(kept);
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_redis_kept_send(ngx_http_soma_redis_kept_t *kept,
    ngx_http_soma_link_t *link, ngx_uint_t asking)
{
    static size_t       len = sizeof("ASKING") - 1;
    static const char  *argv = "ASKING";

    if (asking
        && ngx_http_soma_redis_link_send(link, NULL, NULL, 1, &argv, &len)
           != NGX_OK)
    {
        return NGX_DECLINED;
    }

    kept->link = link;
    kept->asking = asking;

    return ngx_http_soma_redis_link_send(link, ngx_http_soma_redis_kept_reply,
                                         kept, kept->argc, kept->argv,
                                         kept->argvlen);
}


static void
ngx_http_soma_redis_kept_reply(void *data, redisReply *reply)
{
    ngx_http_soma_redis_kept_t  *kept = data;

    ngx_int_t                rc;
    void                    *handler_data;
    ngx_http_soma_redis_pt   handler;

    if (reply && reply->type == REDIS_REPLY_ERROR) {
        rc = ngx_http_soma_redis_kept_again(kept, reply);

        if (rc == NGX_OK) {
            return;
        }

        if (rc == NGX_ERROR) {
            reply = NULL;
        }
    }

    handler = kept->handler;
    handler_data = kept->data;

    ngx_http_soma_redis_kept_free(kept);

    handler(handler_data, reply);
}


/* NGX_OK: it will be answered once more; NGX_DECLINED: this is the answer;
 * NGX_ERROR: there will be none */
static ngx_int_t
ngx_http_soma_redis_kept_again(ngx_http_soma_redis_kept_t *kept,
    redisReply *reply)
{
    if (kept->script && ngx_http_soma_redis_is_error(reply, "NOSCRIPT")
        && kept->argv[1] != kept->script->text)
    {
        kept->argv[0] = "EVAL";
        kept->argvlen[0] = sizeof("EVAL") - 1;
        kept->argv[1] = kept->script->text;
        kept->argvlen[1] = ngx_strlen(kept->script->text);

        return (ngx_http_soma_redis_kept_send(kept, kept->link, kept->asking)
                == NGX_OK) ? NGX_OK : NGX_ERROR;
    }

    if (!ngx_http_soma_redis_worker.cluster) {
        return NGX_DECLINED;
    }

    if (ngx_http_soma_redis_is_error(reply, "CLUSTERDOWN")
        || ngx_http_soma_redis_is_error(reply, "MASTERDOWN"))
    {
        ngx_http_soma_redis_cluster_doubt();
        return NGX_ERROR;
    }

    if (ngx_http_soma_redis_is_error(reply, "TRYAGAIN")) {

        if (++kept->tries > NGX_HTTP_SOMA_REDIS_TRIES_MAX) {
            return NGX_ERROR;
        }

        ngx_http_soma_redis_kept_wait(kept);
        return NGX_OK;
    }

    return ngx_http_soma_redis_kept_moved(kept, reply);
}


static ngx_int_t
ngx_http_soma_redis_kept_moved(ngx_http_soma_redis_kept_t *kept,
    redisReply *reply)
{
    soma_str_t             text;
    soma_slot_move_t       move;
    ngx_http_soma_link_t  *link;

    text.data = (u_char *) reply->str;
    text.len = reply->len;

    soma_slot_move(&move, text);

    if (move.move == SOMA_SLOT_STAYS) {
        return NGX_DECLINED;
    }

    if (++kept->tries > NGX_HTTP_SOMA_REDIS_TRIES_MAX) {
        return NGX_ERROR;
    }

    link = ngx_http_soma_redis_cluster_moved(kept->link, &move);

    if (link == NULL) {
        return NGX_ERROR;
    }

    return (ngx_http_soma_redis_kept_send(kept, link,
                                          move.move == SOMA_SLOT_ASK)
            == NGX_OK) ? NGX_OK : NGX_ERROR;
}


/* a slot on its way has some of a script's keys here, some there */
static void
ngx_http_soma_redis_kept_wait(ngx_http_soma_redis_kept_t *kept)
{
    ngx_http_soma_redis_calls_t  *calls;

    calls = &ngx_http_soma_redis_calls;

    kept->until = ngx_current_msec + NGX_HTTP_SOMA_REDIS_AGAIN;
    ngx_queue_insert_tail(&calls->waiting, &kept->queue);

    if (!calls->again.timer_set) {
        ngx_add_timer(&calls->again, NGX_HTTP_SOMA_REDIS_AGAIN);
    }
}


static void
ngx_http_soma_redis_again_event(ngx_event_t *ev)
{
    void                         *data;
    ngx_queue_t                  *q;
    ngx_msec_int_t                left;
    ngx_http_soma_link_t         *link;
    ngx_http_soma_redis_pt        handler;
    ngx_http_soma_redis_kept_t   *kept;
    ngx_http_soma_redis_calls_t  *calls;

    calls = &ngx_http_soma_redis_calls;

    while (!ngx_queue_empty(&calls->waiting)) {
        q = ngx_queue_head(&calls->waiting);
        kept = ngx_queue_data(q, ngx_http_soma_redis_kept_t, queue);
        left = (ngx_msec_int_t) (kept->until - ngx_current_msec);

        if (left > 0) {
            ngx_add_timer(ev, (ngx_msec_t) left);
            return;
        }

        ngx_queue_remove(q);

        link = ngx_http_soma_redis_route(kept->argc, kept->argv,
                                         kept->argvlen);

        if (link && ngx_http_soma_redis_kept_send(kept, link, 0) == NGX_OK) {
            continue;
        }

        handler = kept->handler;
        data = kept->data;

        ngx_http_soma_redis_kept_free(kept);

        handler(data, NULL);
    }
}
