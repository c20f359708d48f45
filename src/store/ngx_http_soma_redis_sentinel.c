
/*
 * Copyright (C) The ngx_soma authors
 *
 * Sentinel: one more link, to one Sentinel after the other.  It asks who is
 * master, and stays to hear of another one.
 *
 * The command link asks here before each attempt to connect.  What a
 * Sentinel says is looked at by the link's own ROLE: one that is behind its
 * times costs an attempt, and then the next one is asked.
 *
 *     SENTINEL get-master-addr-by-name <master>    address, or nil
 *     SUBSCRIBE +switch-master    "<master> <old ip> <port> <new ip> <port>"
 */


#include "ngx_http_soma_redis_link.h"


#define NGX_HTTP_SOMA_SENTINEL_SWITCH  "+switch-master"
#define NGX_HTTP_SOMA_SENTINEL_WORDS   5


typedef struct {
    ngx_http_soma_link_t         link;
    ngx_uint_t                   next;      /* of the configuration's hosts */
    ngx_http_soma_redis_state_t  counts;    /* for nobody */
    unsigned                     set:1;
    unsigned                     answered:1;    /* this connection did */
} ngx_http_soma_sentinel_t;


static void ngx_http_soma_sentinel_connect(ngx_http_soma_link_t *link);
static void ngx_http_soma_sentinel_wanted(ngx_http_soma_link_t *link);
static void ngx_http_soma_sentinel_up(ngx_http_soma_link_t *link);
static void ngx_http_soma_sentinel_lost(ngx_http_soma_link_t *link);
static void ngx_http_soma_sentinel_told(void *data, redisReply *reply);
static void ngx_http_soma_sentinel_message(redisAsyncContext *ac, void *data,
    void *privdata);
static void ngx_http_soma_sentinel_switch(soma_str_t text);
static void ngx_http_soma_sentinel_found(soma_str_t host, soma_str_t port);
static void ngx_http_soma_sentinel_lead(ngx_http_soma_link_t *link,
    ngx_str_t *host, in_port_t port);


static ngx_http_soma_sentinel_t  ngx_http_soma_sentinel;


ngx_int_t
ngx_http_soma_redis_sentinel_init(void)
{
    ngx_http_soma_link_t          *link;
    ngx_http_soma_redis_worker_t  *w;

    w = &ngx_http_soma_redis_worker;

    ngx_memzero(&ngx_http_soma_sentinel, sizeof(ngx_http_soma_sentinel_t));

    ngx_http_soma_sentinel.set = 1;

    link = &ngx_http_soma_sentinel.link;

    link->name = "sentinel";
    link->kind = NGX_HTTP_SOMA_LINK_SENTINEL;
    link->conf = w->conf;
    link->node = w->smcf->node;
    link->log = w->log;
    link->counts = &ngx_http_soma_sentinel.counts;
    link->seek = ngx_http_soma_sentinel_connect;
    link->up = ngx_http_soma_sentinel_up;
    link->lost = ngx_http_soma_sentinel_lost;

    ngx_http_soma_redis_link_init(link);

    w->link.seek = ngx_http_soma_sentinel_wanted;

    ngx_http_soma_redis_listen_start(0, NULL, 0);
    ngx_http_soma_redis_listen_link(0)->seek = ngx_http_soma_sentinel_wanted;

    ngx_http_soma_sentinel_connect(link);

    return NGX_OK;
}


void
ngx_http_soma_redis_sentinel_exit(void)
{
    if (ngx_http_soma_sentinel.set) {
        ngx_http_soma_sentinel.set = 0;
        ngx_http_soma_redis_link_close(&ngx_http_soma_sentinel.link);
    }
}


/* to the next of the list, from its beginning again after the last */
static void
ngx_http_soma_sentinel_connect(ngx_http_soma_link_t *link)
{
    ngx_http_soma_redis_host_t  *host;

    host = &link->conf->hosts[ngx_http_soma_sentinel.next];

    ngx_http_soma_sentinel.next = (ngx_http_soma_sentinel.next + 1)
                                  % link->conf->nhosts;
    ngx_http_soma_sentinel.answered = 0;

    ngx_http_soma_redis_link_target(link, &host->name, host->port);
    ngx_http_soma_redis_link_connect(link);
}


/*
 * The command link or the listener wants to connect.  A Sentinel that has
 * answered is a subscriber and takes no more questions: the next one is
 * asked, whose answer makes them connect.  One that is being asked will do.
 */
static void
ngx_http_soma_sentinel_wanted(ngx_http_soma_link_t *link)
{
    ngx_http_soma_link_t  *sentinel;

    /* where the command link is, there the listener belongs */

    if (link != &ngx_http_soma_redis_worker.link
        && ngx_http_soma_redis_worker.link.state == NGX_HTTP_SOMA_LINK_READY)
    {
        ngx_http_soma_redis_link_connect(link);
        return;
    }

    sentinel = &ngx_http_soma_sentinel.link;

    if (sentinel->state == NGX_HTTP_SOMA_LINK_READY
        && ngx_http_soma_sentinel.answered)
    {
        sentinel->told = 1;
        ngx_http_soma_redis_link_drop(sentinel, "the next one is asked");
        ngx_http_soma_redis_link_soon(sentinel);
    }
}


static void
ngx_http_soma_sentinel_up(ngx_http_soma_link_t *link)
{
    size_t       len[3];
    const char  *argv[3];

    argv[0] = "SENTINEL";
    len[0] = sizeof("SENTINEL") - 1;
    argv[1] = "get-master-addr-by-name";
    len[1] = sizeof("get-master-addr-by-name") - 1;
    argv[2] = (const char *) link->conf->master.data;
    len[2] = link->conf->master.len;

    if (ngx_http_soma_redis_link_send(link, ngx_http_soma_sentinel_told, link,
                                      3, argv, len)
        != NGX_OK)
    {
        ngx_http_soma_redis_link_drop(link, "cannot ask");
        return;
    }

    argv[0] = "SUBSCRIBE";
    len[0] = sizeof("SUBSCRIBE") - 1;
    argv[1] = NGX_HTTP_SOMA_SENTINEL_SWITCH;
    len[1] = sizeof(NGX_HTTP_SOMA_SENTINEL_SWITCH) - 1;

    if (redisAsyncCommandArgv(link->ac, ngx_http_soma_sentinel_message, NULL,
                              2, argv, len)
        != REDIS_OK)
    {
        ngx_http_soma_redis_link_drop(link, "cannot subscribe");
    }
}


static void
ngx_http_soma_sentinel_lost(ngx_http_soma_link_t *link)
{
    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, link->log, 0,
                   "soma redis: lost sentinel %V", &link->where);
}


static void
ngx_http_soma_sentinel_told(void *data, redisReply *reply)
{
    ngx_http_soma_link_t  *link = data;

    soma_str_t  host, port;

    if (reply == NULL) {
        return;
    }

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2
        || reply->element[0]->type != REDIS_REPLY_STRING
        || reply->element[1]->type != REDIS_REPLY_STRING)
    {
        ngx_http_soma_redis_link_drop(link, "it knows no master \"%V\"%s%s",
                                      &link->conf->master,
                                      reply->str ? ": " : "",
                                      reply->str ? reply->str : "");
        return;
    }

    link->backoff = NGX_HTTP_SOMA_REDIS_BACKOFF_MIN;
    ngx_http_soma_sentinel.answered = 1;

    host.data = (u_char *) reply->element[0]->str;
    host.len = reply->element[0]->len;
    port.data = (u_char *) reply->element[1]->str;
    port.len = reply->element[1]->len;

    ngx_http_soma_sentinel_found(host, port);
}


static void
ngx_http_soma_sentinel_message(redisAsyncContext *ac, void *data,
    void *privdata)
{
    redisReply  *reply = data;

    soma_str_t  text;

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY
        || reply->elements != 3
        || reply->element[0]->type != REDIS_REPLY_STRING
        || reply->element[2]->type != REDIS_REPLY_STRING
        || ngx_strcmp(reply->element[0]->str, "message") != 0)
    {
        return;
    }

    text.data = (u_char *) reply->element[2]->str;
    text.len = reply->element[2]->len;

    ngx_http_soma_sentinel_switch(text);
}


static void
ngx_http_soma_sentinel_switch(soma_str_t text)
{
    ngx_str_t   *master;
    ngx_uint_t   i;
    soma_str_t   word[NGX_HTTP_SOMA_SENTINEL_WORDS];

    for (i = 0; i < NGX_HTTP_SOMA_SENTINEL_WORDS; i++) {
        if (!soma_str_word(&text, &word[i])) {
            return;
        }
    }

    master = &ngx_http_soma_redis_worker.conf->master;

    if (word[0].len != master->len
        || ngx_strncmp(word[0].data, master->data, master->len) != 0)
    {
        return;
    }

    ngx_http_soma_log(NGX_LOG_NOTICE, ngx_http_soma_redis_worker.log, 0,
                      "soma redis: sentinel has made %*s:%*s the master",
                      word[3].len, word[3].data, word[4].len, word[4].data);

    ngx_http_soma_sentinel_found(word[3], word[4]);
}


static void
ngx_http_soma_sentinel_found(soma_str_t host, soma_str_t port)
{
    int64_t    n;
    ngx_str_t  name;

    if (host.len == 0 || host.len > SOMA_SLOT_HOST_MAX
        || soma_number_int(port, &n) != SOMA_OK || n < 1 || n > 65535)
    {
        return;
    }

    name.data = host.data;
    name.len = host.len;

    ngx_http_soma_sentinel_lead(&ngx_http_soma_redis_worker.link, &name,
                                (in_port_t) n);
    ngx_http_soma_sentinel_lead(ngx_http_soma_redis_listen_link(0), &name,
                                (in_port_t) n);
}


static void
ngx_http_soma_sentinel_lead(ngx_http_soma_link_t *link, ngx_str_t *host,
    in_port_t port)
{
    ngx_uint_t  same;

    same = ngx_http_soma_redis_link_leads(link, host, port);

    if (same && link->state != NGX_HTTP_SOMA_LINK_DOWN) {
        return;
    }

    if (!same) {
        if (link->ac) {
            ngx_http_soma_redis_link_drop(link, "%V is not the master any "
                                          "more", &link->where);
        }

        ngx_http_soma_redis_link_target(link, host, port);
        link->backoff = NGX_HTTP_SOMA_REDIS_BACKOFF_MIN;
    }

    /* a link whose context hiredis has not let go of yet retries by itself */

    ngx_http_soma_redis_link_connect(link);
}
