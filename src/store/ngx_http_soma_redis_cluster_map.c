
/*
 * Copyright (C) The ngx_soma authors
 *
 * The map of the cluster: CLUSTER SLOTS of any node that answers, asked for
 * again and again, and what a new one changes.
 */


#include "ngx_http_soma_redis_cluster.h"


#define NGX_HTTP_SOMA_CLUSTER_POLL     500      /* ms */
#define NGX_HTTP_SOMA_CLUSTER_DOUBT    50       /* ms, half of it chance */
#define NGX_HTTP_SOMA_CLUSTER_FAILS    6        /* that the pause grows */
#define NGX_HTTP_SOMA_CLUSTER_RANGES   16384    /* of a reply, read */


static ngx_http_soma_link_t *ngx_http_soma_cluster_teacher(void);
static void ngx_http_soma_cluster_told(void *data, redisReply *reply);
static ngx_int_t ngx_http_soma_cluster_read(ngx_http_soma_node_t *from,
    redisReply *reply);
static void ngx_http_soma_cluster_range(ngx_http_soma_node_t *from,
    redisReply *range);
static void ngx_http_soma_cluster_host(ngx_http_soma_node_t *from,
    redisReply *master, ngx_str_t *host);
static void ngx_http_soma_cluster_take(void);
static void ngx_http_soma_cluster_tidy(void);
static void ngx_http_soma_cluster_leave(ngx_http_soma_node_t *node,
    ngx_uint_t i);
static void ngx_http_soma_cluster_failed(void);
static void ngx_http_soma_cluster_later(ngx_msec_t delay);


/* a pause after a failure is not cut short */
void
ngx_http_soma_redis_cluster_map_doubt(void)
{
    ngx_event_t              *ev;
    ngx_http_soma_cluster_t  *cl;

    cl = &ngx_http_soma_redis_cluster;
    ev = &cl->poll;

    if (cl->asking || cl->fails) {
        return;
    }

    if (!ev->timer_set
        || (ngx_msec_int_t) (ev->timer.key - ngx_current_msec)
           > NGX_HTTP_SOMA_CLUSTER_DOUBT)
    {
        ngx_http_soma_cluster_later(NGX_HTTP_SOMA_CLUSTER_DOUBT);
    }
}


static void
ngx_http_soma_cluster_failed(void)
{
    ngx_msec_t  delay;

    delay = NGX_HTTP_SOMA_CLUSTER_DOUBT << ngx_http_soma_redis_cluster.fails;

    if (ngx_http_soma_redis_cluster.fails < NGX_HTTP_SOMA_CLUSTER_FAILS) {
        ngx_http_soma_redis_cluster.fails++;
    }

    ngx_http_soma_cluster_later(ngx_min(delay,
                                        NGX_HTTP_SOMA_REDIS_BACKOFF_MAX));
}


/* half of the time is chance, lest all workers come at the same moment */
static void
ngx_http_soma_cluster_later(ngx_msec_t delay)
{
    ngx_event_t  *ev;

    if (ngx_http_soma_redis_cluster.closed) {
        return;
    }

    ev = &ngx_http_soma_redis_cluster.poll;

    /* the nearer time of a timer that is set would be taken for the same */

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    ngx_add_timer(ev, delay / 2 + (ngx_msec_t) ngx_random() % (delay / 2 + 1));
}


void
ngx_http_soma_redis_cluster_map_poll(ngx_event_t *ev)
{
    ngx_http_soma_cluster_tidy();

    if (ngx_http_soma_redis_cluster.asking) {
        ngx_http_soma_cluster_later(NGX_HTTP_SOMA_CLUSTER_POLL);
        return;
    }

    ngx_http_soma_redis_cluster_map();
}


void
ngx_http_soma_redis_cluster_map(void)
{
    size_t                 len[2];
    const char            *argv[2];
    ngx_http_soma_link_t  *link;

    link = ngx_http_soma_cluster_teacher();

    argv[0] = "CLUSTER";
    len[0] = sizeof("CLUSTER") - 1;
    argv[1] = "SLOTS";
    len[1] = sizeof("SLOTS") - 1;

    if (link == NULL
        || ngx_http_soma_redis_link_send(link, ngx_http_soma_cluster_told,
                                         link->owner, 2, argv, len)
           != NGX_OK)
    {
        ngx_http_soma_cluster_failed();
        return;
    }

    ngx_http_soma_redis_cluster.asking = 1;
    ngx_http_soma_cluster_later(NGX_HTTP_SOMA_CLUSTER_POLL);
}


/* one after the other: first of those that are up, else of all */
static ngx_http_soma_link_t *
ngx_http_soma_cluster_teacher(void)
{
    ngx_uint_t                i, k;
    ngx_http_soma_link_t     *link;
    ngx_http_soma_cluster_t  *cl;

    cl = &ngx_http_soma_redis_cluster;

    for (i = 1; i <= cl->n; i++) {
        k = (cl->turn + i) % cl->n;

        if (cl->node[k].set && cl->node[k].used
            && cl->node[k].link.state == NGX_HTTP_SOMA_LINK_READY)
        {
            cl->turn = k;
            return &cl->node[k].link;
        }
    }

    for (i = 1; i <= cl->n; i++) {
        k = (cl->turn + i) % cl->n;
        link = &cl->node[k].link;

        if (!cl->node[k].set || link->retry.timer_set || link->resolving) {
            continue;
        }

        ngx_http_soma_redis_link_connect(link);

        if (link->state == NGX_HTTP_SOMA_LINK_CONNECT
            || link->state == NGX_HTTP_SOMA_LINK_READY)
        {
            cl->turn = k;
            return link;
        }
    }

    return NULL;
}


static void
ngx_http_soma_cluster_told(void *data, redisReply *reply)
{
    ngx_http_soma_node_t  *from = data;

    ngx_uint_t                known;
    ngx_http_soma_cluster_t  *cl;

    cl = &ngx_http_soma_redis_cluster;
    cl->asking = 0;

    if (reply == NULL
        || ngx_http_soma_cluster_read(from, reply) != NGX_OK)
    {
        ngx_http_soma_cluster_failed();
        return;
    }

    known = cl->known;
    cl->known = 1;
    cl->fails = 0;

    ngx_http_soma_cluster_take();
    ngx_http_soma_redis_first_heard();

    if (!known) {
        ngx_log_error(NGX_LOG_INFO, ngx_http_soma_redis_worker.log, 0,
                      "soma redis: the map of the cluster is known");
        ngx_http_soma_redis_came_up();
    }
}


/*
 * [[first, last, [host, port, id, ...] of the master, replicas ...], ...]
 * NGX_ERROR: not a map, or one without any slot.
 */
static ngx_int_t
ngx_http_soma_cluster_read(ngx_http_soma_node_t *from, redisReply *reply)
{
    size_t                    i;
    ngx_http_soma_cluster_t  *cl;

    cl = &ngx_http_soma_redis_cluster;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0) {
        cl->error = (reply->type == REDIS_REPLY_ERROR)
                    ? "a node of it refuses CLUSTER SLOTS"
                    : "a node of it knows of no slots";

        if (!cl->known) {
            ngx_http_soma_log(NGX_LOG_WARN, ngx_http_soma_redis_worker.log, 0,
                              "soma redis: %V gives no map of a cluster%s%s",
                              &from->link.where, reply->str ? ": " : "",
                              reply->str ? reply->str : "");
        }

        return NGX_ERROR;
    }

    ngx_memset(cl->fresh, NGX_HTTP_SOMA_CLUSTER_NONE, SOMA_SLOTS);

    for (i = 0; i < reply->elements && i < NGX_HTTP_SOMA_CLUSTER_RANGES; i++)
    {
        ngx_http_soma_cluster_range(from, reply->element[i]);
    }

    return NGX_OK;
}


static void
ngx_http_soma_cluster_range(ngx_http_soma_node_t *from, redisReply *range)
{
    long long              first, last, port;
    ngx_str_t              host;
    redisReply            *master;
    ngx_http_soma_node_t  *node;

    if (range->type != REDIS_REPLY_ARRAY || range->elements < 3
        || range->element[0]->type != REDIS_REPLY_INTEGER
        || range->element[1]->type != REDIS_REPLY_INTEGER
        || range->element[2]->type != REDIS_REPLY_ARRAY
        || range->element[2]->elements < 2
        || range->element[2]->element[1]->type != REDIS_REPLY_INTEGER)
    {
        return;
    }

    first = range->element[0]->integer;
    last = range->element[1]->integer;
    master = range->element[2];
    port = master->element[1]->integer;

    if (first < 0 || last >= SOMA_SLOTS || first > last
        || port < 1 || port > 65535)
    {
        return;
    }

    ngx_http_soma_cluster_host(from, master, &host);

    node = ngx_http_soma_redis_cluster_add(&host, (in_port_t) port);

    if (node) {
        ngx_memset(&ngx_http_soma_redis_cluster.fresh[first],
                   (int) (node - ngx_http_soma_redis_cluster.node),
                   (size_t) (last - first + 1));
    }
}


/* a node that does not know its own name is known by the one asked; "?" is
 * a name that was not set */
static void
ngx_http_soma_cluster_host(ngx_http_soma_node_t *from, redisReply *master,
    ngx_str_t *host)
{
    redisReply  *name;

    name = master->element[0];

    *host = from->link.host;

    if (name->type == REDIS_REPLY_STRING && name->len != 0
        && name->len <= SOMA_SLOT_HOST_MAX
        && !(name->len == 1 && name->str[0] == '?'))
    {
        host->data = (u_char *) name->str;
        host->len = name->len;
    }
}


static void
ngx_http_soma_cluster_take(void)
{
    ngx_uint_t                i;
    ngx_http_soma_node_t     *node;
    ngx_http_soma_cluster_t  *cl;

    u_char  used[NGX_HTTP_SOMA_CLUSTER_NONE + 1];

    cl = &ngx_http_soma_redis_cluster;

    ngx_memcpy(cl->slots, cl->fresh, SOMA_SLOTS);
    ngx_memzero(used, sizeof(used));

    for (i = 0; i < SOMA_SLOTS; i++) {
        used[cl->slots[i]] = 1;
    }

    for (i = 0; i < cl->n; i++) {
        node = &cl->node[i];

        if (!node->set) {
            continue;
        }

        node->used = used[i];
        node->link.parked = !used[i];

        if (used[i]) {
            ngx_http_soma_redis_listen_start(i, &node->link.host,
                                             node->link.port);
        }
    }

    cl->full = 0;
}


/* outside of any callback of hiredis */
static void
ngx_http_soma_cluster_tidy(void)
{
    ngx_uint_t                i;
    ngx_http_soma_node_t     *node;
    ngx_http_soma_cluster_t  *cl;

    cl = &ngx_http_soma_redis_cluster;

    for (i = 0; i < cl->n; i++) {
        node = &cl->node[i];

        if (!node->set) {
            continue;
        }

        if (!node->used) {
            ngx_http_soma_cluster_leave(node, i);
            continue;
        }

        /* one that had failed before it was given slots */

        if (node->link.told && !node->link.retry.timer_set) {
            ngx_http_soma_redis_link_connect(&node->link);
        }
    }
}


/* a node without slots: nobody listens to it, and its link goes, or rests */
static void
ngx_http_soma_cluster_leave(ngx_http_soma_node_t *node, ngx_uint_t i)
{
    if (node->asked
        && (ngx_msec_int_t) (node->wanted - ngx_current_msec) > 0)
    {
        return;
    }

    node->asked = 0;
    ngx_http_soma_redis_listen_stop(i);

    if (node->link.ncalls || !ngx_http_soma_redis_cluster.known) {
        return;
    }

    if (!node->seed) {
        ngx_http_soma_redis_link_close(&node->link);
        node->set = 0;
        return;
    }

    if (node->link.ac && node->link.state == NGX_HTTP_SOMA_LINK_READY) {
        ngx_http_soma_redis_link_rest(&node->link);
    }
}
