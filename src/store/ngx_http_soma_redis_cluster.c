
/*
 * Copyright (C) The ngx_soma authors
 *
 * The cluster: which node is master of which slot, and a link to each that
 * is needed.
 *
 * The map is CLUSTER SLOTS of any node that answers.  It is asked for again
 * every POLL ms at the latest, since a worker that serves from its cache
 * sends nothing that could be redirected, and yet must listen to a master
 * that is new; and sooner when something is in doubt.  MOVED corrects one
 * slot at once.
 *
 * A node is in the table as long as it has slots, is named by the
 * configuration, or a slot is on its way to it (ASK).  Links are made when
 * the first command needs them, and closed when the node has no slots any
 * more, so that a master that was away comes back with a new one.
 */


#include "ngx_http_soma_redis_cluster.h"


#define NGX_HTTP_SOMA_CLUSTER_WANTED   10000    /* ms that an ASK is good for */


static ngx_http_soma_node_t *ngx_http_soma_cluster_find(ngx_str_t *host,
    in_port_t port);
static ngx_http_soma_node_t *ngx_http_soma_cluster_free(void);
static void ngx_http_soma_cluster_up(ngx_http_soma_link_t *link);
static void ngx_http_soma_cluster_lost(ngx_http_soma_link_t *link);
static ngx_http_soma_link_t *ngx_http_soma_cluster_link(
    ngx_http_soma_node_t *node);


ngx_http_soma_cluster_t  ngx_http_soma_redis_cluster;


ngx_int_t
ngx_http_soma_redis_cluster_init(void)
{
    ngx_uint_t                   i;
    ngx_event_t                 *ev;
    ngx_http_soma_node_t        *node;
    ngx_http_soma_cluster_t     *cl;
    ngx_http_soma_redis_conf_t  *conf;

    cl = &ngx_http_soma_redis_cluster;
    conf = ngx_http_soma_redis_worker.conf;

    ngx_memzero(cl, sizeof(ngx_http_soma_cluster_t));
    ngx_memset(cl->slots, NGX_HTTP_SOMA_CLUSTER_NONE, SOMA_SLOTS);

    cl->error = "the cluster's map is not known yet";
    cl->dummy.fd = (ngx_socket_t) -1;

    ev = &cl->poll;
    ev->handler = ngx_http_soma_redis_cluster_map_poll;
    ev->data = &cl->dummy;
    ev->log = ngx_http_soma_redis_worker.log;
    ev->cancelable = 1;

    for (i = 0; i < conf->nhosts; i++) {
        node = ngx_http_soma_redis_cluster_add(&conf->hosts[i].name,
                                         conf->hosts[i].port);
        if (node) {
            node->seed = 1;
        }
    }

    /* not all workers the same one */

    cl->turn = (ngx_uint_t) ngx_random() % cl->n;

    ngx_http_soma_redis_cluster_map();

    return NGX_OK;
}


void
ngx_http_soma_redis_cluster_exit(void)
{
    ngx_uint_t                i;
    ngx_http_soma_cluster_t  *cl;

    cl = &ngx_http_soma_redis_cluster;
    cl->closed = 1;

    if (cl->poll.timer_set) {
        ngx_del_timer(&cl->poll);
    }

    for (i = 0; i < cl->n; i++) {
        if (cl->node[i].set) {
            ngx_http_soma_redis_link_close(&cl->node[i].link);
        }
    }
}


static ngx_http_soma_node_t *
ngx_http_soma_cluster_find(ngx_str_t *host, in_port_t port)
{
    ngx_uint_t             i;
    ngx_http_soma_node_t  *node;

    node = ngx_http_soma_redis_cluster.node;

    for (i = 0; i < ngx_http_soma_redis_cluster.n; i++) {
        if (node[i].set
            && ngx_http_soma_redis_link_leads(&node[i].link, host, port))
        {
            return &node[i];
        }
    }

    return NULL;
}


ngx_http_soma_node_t *
ngx_http_soma_redis_cluster_add(ngx_str_t *host, in_port_t port)
{
    ngx_http_soma_link_t          *link;
    ngx_http_soma_node_t          *node;
    ngx_http_soma_redis_worker_t  *w;

    node = ngx_http_soma_cluster_find(host, port);

    if (node) {
        return node;
    }

    node = ngx_http_soma_cluster_free();

    if (node == NULL) {
        return NULL;
    }

    w = &ngx_http_soma_redis_worker;

    ngx_memzero(node, sizeof(ngx_http_soma_node_t));

    node->set = 1;
    link = &node->link;

    link->name = "connection";
    link->conf = w->conf;
    link->node = w->smcf->node;
    link->log = w->log;
    link->owner = node;
    link->counts = &w->counts;
    link->parked = 1;
    link->up = ngx_http_soma_cluster_up;
    link->lost = ngx_http_soma_cluster_lost;
    link->leaving = ngx_http_soma_redis_leaving;
    link->discard = ngx_http_soma_redis_discard;

    ngx_http_soma_redis_link_init(link);
    ngx_http_soma_redis_link_target(link, host, port);

    return node;
}


/* a place in the table, whose last link has come to its end */
static ngx_http_soma_node_t *
ngx_http_soma_cluster_free(void)
{
    ngx_uint_t                i;
    ngx_http_soma_cluster_t  *cl;

    cl = &ngx_http_soma_redis_cluster;

    for (i = 0; i < NGX_HTTP_SOMA_REDIS_NODES_MAX; i++) {

        if (!cl->node[i].set && cl->node[i].link.ac == NULL) {
            cl->n = ngx_max(cl->n, i + 1);
            return &cl->node[i];
        }
    }

    if (!cl->full) {
        cl->full = 1;
        ngx_log_error(NGX_LOG_ERR, ngx_http_soma_redis_worker.log, 0,
                      "soma redis: more than %d nodes of a cluster",
                      NGX_HTTP_SOMA_REDIS_NODES_MAX);
    }

    return NULL;
}


static void
ngx_http_soma_cluster_up(ngx_http_soma_link_t *link)
{
    ngx_http_soma_node_t  *node;

    node = link->owner;

    if (node->used) {
        ngx_http_soma_redis_came_up();
    }
}


static void
ngx_http_soma_cluster_lost(ngx_http_soma_link_t *link)
{
    ngx_http_soma_redis_cluster_map_doubt();
}


/*
 * A link that has come down once must be up again before it gets commands:
 * they would wait for a connect that may never end.
 */
static ngx_http_soma_link_t *
ngx_http_soma_cluster_link(ngx_http_soma_node_t *node)
{
    ngx_http_soma_link_t  *link;

    link = &node->link;

    if (link->state == NGX_HTTP_SOMA_LINK_DOWN && !link->told
        && !link->retry.timer_set && link->ac == NULL)
    {
        ngx_http_soma_redis_link_connect(link);
    }

    if (link->state == NGX_HTTP_SOMA_LINK_READY) {
        return link;
    }

    if (link->state == NGX_HTTP_SOMA_LINK_CONNECT && !link->told) {

        /* nginx ends a worker whose timers may all be cancelled, with the
         * requests that wait for this connect */

        link->timer.cancelable = 0;

        return link;
    }

    return NULL;
}


ngx_uint_t
ngx_http_soma_redis_cluster_ready(void)
{
    ngx_uint_t             i;
    ngx_http_soma_node_t  *node;

    if (!ngx_http_soma_redis_cluster.known) {
        return 0;
    }

    node = ngx_http_soma_redis_cluster.node;

    for (i = 0; i < ngx_http_soma_redis_cluster.n; i++) {
        if (node[i].set && node[i].used
            && (node[i].link.state == NGX_HTTP_SOMA_LINK_READY
                || !node[i].link.told))
        {
            return 1;
        }
    }

    return 0;
}


ngx_uint_t
ngx_http_soma_redis_cluster_hope(void)
{
    ngx_uint_t             i;
    ngx_http_soma_node_t  *node;

    node = ngx_http_soma_redis_cluster.node;

    for (i = 0; i < ngx_http_soma_redis_cluster.n; i++) {
        if (node[i].set && !node[i].link.told) {
            return 1;
        }
    }

    return 0;
}


const char *
ngx_http_soma_redis_cluster_error(void)
{
    ngx_uint_t             i;
    ngx_http_soma_node_t  *node;

    node = ngx_http_soma_redis_cluster.node;

    for (i = 0; i < ngx_http_soma_redis_cluster.n; i++) {
        if (node[i].set && node[i].link.told) {
            return (const char *) node[i].link.error;
        }
    }

    return ngx_http_soma_redis_cluster.error;
}


ngx_uint_t
ngx_http_soma_redis_cluster_pending(void)
{
    ngx_uint_t             i, pending;
    ngx_http_soma_node_t  *node;

    pending = 0;
    node = ngx_http_soma_redis_cluster.node;

    for (i = 0; i < ngx_http_soma_redis_cluster.n; i++) {
        if (node[i].set) {
            pending += node[i].link.ncalls;
        }
    }

    return pending;
}


ngx_http_soma_link_t *
ngx_http_soma_redis_cluster_any(void)
{
    ngx_uint_t             i;
    ngx_http_soma_link_t  *link;
    ngx_http_soma_node_t  *node;

    node = ngx_http_soma_redis_cluster.node;

    for (i = 0; i < ngx_http_soma_redis_cluster.n; i++) {
        if (node[i].set && node[i].used
            && node[i].link.state == NGX_HTTP_SOMA_LINK_READY)
        {
            return &node[i].link;
        }
    }

    for (i = 0; i < ngx_http_soma_redis_cluster.n; i++) {
        if (node[i].set && node[i].used) {
            link = ngx_http_soma_cluster_link(&node[i]);

            if (link) {
                return link;
            }
        }
    }

    return NULL;
}


ngx_http_soma_link_t *
ngx_http_soma_redis_cluster_slot(ngx_uint_t slot)
{
    ngx_uint_t  i;

    i = ngx_http_soma_redis_cluster.slots[slot];

    if (i == NGX_HTTP_SOMA_CLUSTER_NONE) {
        ngx_http_soma_redis_cluster_map_doubt();
        return NULL;
    }

    return ngx_http_soma_cluster_link(&ngx_http_soma_redis_cluster.node[i]);
}


ngx_http_soma_link_t *
ngx_http_soma_redis_cluster_master(ngx_uint_t n)
{
    ngx_uint_t             i;
    ngx_http_soma_node_t  *node;

    node = ngx_http_soma_redis_cluster.node;

    for (i = 0; i < ngx_http_soma_redis_cluster.n; i++) {

        if (node[i].set && node[i].used && n-- == 0) {
            (void) ngx_http_soma_cluster_link(&node[i]);
            return &node[i].link;
        }
    }

    return NULL;
}


ngx_http_soma_link_t *
ngx_http_soma_redis_cluster_moved(ngx_http_soma_link_t *from,
    soma_slot_move_t *move)
{
    ngx_str_t                 host;
    ngx_http_soma_node_t     *node;
    ngx_http_soma_cluster_t  *cl;

    cl = &ngx_http_soma_redis_cluster;

    host.data = move->host.data;
    host.len = move->host.len;

    if (host.len == 0) {
        host = from->host;
    }

    node = ngx_http_soma_redis_cluster_add(&host, (in_port_t) move->port);

    if (node == NULL) {
        return NULL;
    }

    if (move->move == SOMA_SLOT_MOVED) {
        cl->slots[move->slot] = (u_char) (node - cl->node);
        node->used = 1;
        node->link.parked = 0;

        ngx_http_soma_redis_cluster_map_doubt();

    } else {
        node->asked = 1;
        node->wanted = ngx_current_msec + NGX_HTTP_SOMA_CLUSTER_WANTED;
    }

    /* a key that is read there may change there */

    ngx_http_soma_redis_listen_start(node - cl->node, &node->link.host,
                                     node->link.port);

    return ngx_http_soma_cluster_link(node);
}
