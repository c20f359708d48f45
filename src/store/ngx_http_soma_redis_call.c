
/*
 * Copyright (C) The ngx_soma authors
 *
 * Calls that are kept whole until their reply has come, since it may ask for
 * them once more: scripts that Redis forgot, and in a cluster everything,
 * which may be redirected.
 */


#include "ngx_http_soma_redis_link.h"
#include "soma_resp.h"
#include <ngx_sha1.h>


#define NGX_HTTP_SOMA_REDIS_NAME_ARGS    2      /* EVALSHA sha */
#define NGX_HTTP_SOMA_REDIS_PREFIX_ARGS  3      /* and nkeys */


typedef struct {
    ngx_queue_t                      queue;     /* of those that wait */
    ngx_msec_t                       until;
    ngx_http_soma_redis_pt           handler;
    void                            *data;
    ngx_http_soma_link_t            *link;      /* it was sent to */
    size_t                           size;
    ngx_uint_t                       tries;
    ngx_int_t                        slot;
    int                              argc;
    u_char                          *text;      /* as Redis reads it */
    u_char                          *named;     /* in it: behind the hash */
    u_char                          *last;
    ngx_http_soma_script_t          *script;    /* NULL: a command */
    unsigned                         asking:1;  /* said before it, last */
    unsigned                         whole:1;   /* the script is sent too */
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
static ngx_int_t ngx_http_soma_redis_kept_slot(ngx_http_soma_script_t *script,
    const char **prefix, size_t *prefixlen, int argc, const char **argv,
    const size_t *argvlen);
static void ngx_http_soma_redis_kept_free(ngx_http_soma_redis_kept_t *kept);
static ngx_int_t ngx_http_soma_redis_kept_start(
    ngx_http_soma_redis_kept_t *kept, ngx_http_soma_redis_pt handler,
    void *data);
static ngx_int_t ngx_http_soma_redis_kept_send(
    ngx_http_soma_redis_kept_t *kept, ngx_http_soma_link_t *link,
    ngx_uint_t asking);
static ngx_int_t ngx_http_soma_redis_kept_whole(
    ngx_http_soma_redis_kept_t *kept);
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
ngx_http_soma_redis_call_kept(ngx_http_soma_redis_pt handler, void *data,
    int argc, const char **argv, const size_t *argvlen)
{
    return ngx_http_soma_redis_kept_start(
                     ngx_http_soma_redis_keep(NULL, 0, argc, argv, argvlen),
                     handler, data);
}


/* one block: the struct and the text */
static ngx_http_soma_redis_kept_t *
ngx_http_soma_redis_keep(ngx_http_soma_script_t *script, int nkeys, int argc,
    const char **argv, const size_t *argvlen)
{
    int                          n;
    u_char                      *p, number[NGX_INT_T_LEN];
    size_t                       size;
    size_t                       len[NGX_HTTP_SOMA_REDIS_PREFIX_ARGS + 1];
    const char                  *prefix[NGX_HTTP_SOMA_REDIS_PREFIX_ARGS + 1];
    ngx_http_soma_redis_kept_t  *kept;

    if (!ngx_http_soma_redis_ready()
        || argc > NGX_HTTP_SOMA_REDIS_ARGS_MAX
        || ngx_http_soma_redis_worker.kept > NGX_HTTP_SOMA_REDIS_BYTES_MAX)
    {
        return NULL;
    }

    n = 0;

    if (script) {
        prefix[n] = "EVALSHA";
        len[n++] = sizeof("EVALSHA") - 1;
        prefix[n] = script->sha;
        len[n++] = sizeof(script->sha) - 1;
        prefix[n] = (char *) number;
        len[n++] = ngx_sprintf(number, "%d", nkeys) - number;
    }

    size = sizeof(ngx_http_soma_redis_kept_t) + SOMA_RESP_HEAD
           + soma_resp_size(n, len) + soma_resp_size(argc, argvlen) + 1;

    kept = ngx_alloc(size, ngx_http_soma_redis_worker.log);
    if (kept == NULL) {
        return NULL;
    }

    kept->link = NULL;
    kept->size = size;
    kept->tries = 0;
    kept->script = script;
    kept->argc = argc + n;
    kept->asking = 0;
    kept->whole = 0;
    kept->text = (u_char *) (kept + 1);

    p = soma_resp_array(kept->text, kept->argc);
    kept->named = p;

    if (script) {
        kept->named = soma_resp_args(p, NGX_HTTP_SOMA_REDIS_NAME_ARGS, prefix,
                                     len);
        p = soma_resp_args(kept->named, 1,
                           &prefix[NGX_HTTP_SOMA_REDIS_NAME_ARGS],
                           &len[NGX_HTTP_SOMA_REDIS_NAME_ARGS]);
    }

    kept->last = soma_resp_args(p, argc, argv, argvlen);
    *kept->last = '\0';

    kept->slot = ngx_http_soma_redis_kept_slot(script, prefix, len, argc,
                                               argv, argvlen);

    ngx_http_soma_redis_worker.kept += size;

    return kept;
}


/* a script's key is the first of what follows its prefix */
static ngx_int_t
ngx_http_soma_redis_kept_slot(ngx_http_soma_script_t *script,
    const char **prefix, size_t *prefixlen, int argc, const char **argv,
    const size_t *argvlen)
{
    int  n;

    if (script == NULL) {
        return ngx_http_soma_redis_slot(argc, argv, argvlen);
    }

    n = NGX_HTTP_SOMA_REDIS_PREFIX_ARGS;

    if (argc > 0) {
        prefix[n] = argv[0];
        prefixlen[n++] = argvlen[0];
    }

    return ngx_http_soma_redis_slot(n, prefix, prefixlen);
}


static void
ngx_http_soma_redis_kept_free(ngx_http_soma_redis_kept_t *kept)
{
    ngx_http_soma_redis_worker.kept -= kept->size;
    ngx_free(kept);
}


ngx_int_t
ngx_http_soma_redis_call_discard(ngx_http_soma_redis_pt *handler, void **data)
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

    link = ngx_http_soma_redis_route(kept->slot);

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
    kept->asking = asking & 1;

    if (kept->whole) {
        return ngx_http_soma_redis_kept_whole(kept);
    }

    return ngx_http_soma_redis_link_text(link, ngx_http_soma_redis_kept_reply,
                                         kept, kept->text,
                                         kept->last - kept->text);
}


/* with the script itself, and the same behind it */
static ngx_int_t
ngx_http_soma_redis_kept_whole(ngx_http_soma_redis_kept_t *kept)
{
    u_char      *p, *text;
    size_t       len[NGX_HTTP_SOMA_REDIS_NAME_ARGS];
    ngx_int_t    rc;
    const char  *argv[NGX_HTTP_SOMA_REDIS_NAME_ARGS];

    argv[0] = "EVAL";
    len[0] = sizeof("EVAL") - 1;
    argv[1] = kept->script->text;
    len[1] = ngx_strlen(kept->script->text);

    text = ngx_alloc(SOMA_RESP_HEAD
                     + soma_resp_size(NGX_HTTP_SOMA_REDIS_NAME_ARGS, len)
                     + (kept->last - kept->named) + 1,
                     ngx_http_soma_redis_worker.log);
    if (text == NULL) {
        return NGX_DECLINED;
    }

    p = soma_resp_array(text, kept->argc);
    p = soma_resp_args(p, NGX_HTTP_SOMA_REDIS_NAME_ARGS, argv, len);
    p = ngx_cpymem(p, kept->named, kept->last - kept->named);
    *p = '\0';

    rc = ngx_http_soma_redis_link_text(kept->link,
                                       ngx_http_soma_redis_kept_reply, kept,
                                       text, p - text);

    ngx_free(text);

    return rc;
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
    if (kept->script && !kept->whole
        && ngx_http_soma_redis_link_is_error(reply, "NOSCRIPT"))
    {
        kept->whole = 1;

        return (ngx_http_soma_redis_kept_send(kept, kept->link, kept->asking)
                == NGX_OK) ? NGX_OK : NGX_ERROR;
    }

    if (!ngx_http_soma_redis_worker.cluster) {
        return NGX_DECLINED;
    }

    if (ngx_http_soma_redis_link_is_error(reply, "CLUSTERDOWN")
        || ngx_http_soma_redis_link_is_error(reply, "MASTERDOWN"))
    {
        ngx_http_soma_redis_cluster_map_doubt();
        return NGX_ERROR;
    }

    if (ngx_http_soma_redis_link_is_error(reply, "TRYAGAIN")) {

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

        link = ngx_http_soma_redis_route(kept->slot);

        if (link && ngx_http_soma_redis_kept_send(kept, link, 0) == NGX_OK) {
            continue;
        }

        handler = kept->handler;
        data = kept->data;

        ngx_http_soma_redis_kept_free(kept);

        handler(data, NULL);
    }
}
