
/*
 * Copyright (C) The ngx_soma authors
 *
 * The cluster: which node is master of which slot, and a link to each that
 * is needed.
 *
 * The map is CLUSTER SLOTS of any node that answers.  It is asked for again
 * every POLL ms at the latest, since a worker that serves from its cache
 * sends nothing that could be redirected, and yet must listen to a master
 * that is new; and
 * sooner when something is in doubt.  MOVED corrects one slot at once.
 *
 * A node is in the table as long as it has slots, is named by the
 * configuration, or a slot is on its way to it (ASK).  Links are made when
 * the first command needs them, and closed when the node has no slots any
 * more, so that a master that was away comes back with a new one.
 */


#include "ngx_http_soma_redis_link.h"


#define NGX_HTTP_SOMA_CLUSTER_POLL     500      /* ms */
#define NGX_HTTP_SOMA_CLUSTER_DOUBT    50       /* ms, half of it chance */
#define NGX_HTTP_SOMA_CLUSTER_FAILS    6        /* that the pause grows */
#define NGX_HTTP_SOMA_CLUSTER_WANTED   10000    /* ms that an ASK is good for */
#define NGX_HTTP_SOMA_CLUSTER_RANGES   16384    /* of a reply, read */
#define NGX_HTTP_SOMA_CLUSTER_NONE     255      /* no such node */


#if (NGX_HTTP_SOMA_REDIS_NODES_MAX >= NGX_HTTP_SOMA_CLUSTER_NONE)
#error "a node's number must fit in the map"
#endif


typedef struct {
    ngx_http_soma_link_t         link;
    ngx_msec_t                   wanted;    /* until then */
    unsigned                     set:1;
    unsigned                     seed:1;    /* of the configuration */
    unsigned                     used:1;    /* has slots */
    unsigned                     asked:1;   /* "wanted" counts */
} ngx_http_soma_node_t;


typedef struct {
    ngx_http_soma_node_t         node[NGX_HTTP_SOMA_REDIS_NODES_MAX];
    ngx_uint_t                   n;         /* of which some are set */
    u_char                       slots[SOMA_SLOTS];
    u_char                       fresh[SOMA_SLOTS];     /* being read */
    ngx_uint_t                   turn;      /* whom to ask for the map */
    ngx_uint_t                   fails;     /* of it, one after the other */
    ngx_event_t                  poll;
    ngx_connection_t             dummy;
    const char                  *error;

    unsigned                     known:1;   /* there is a map */
    unsigned                     asking:1;  /* for a new one */
    unsigned                     full:1;    /* too many nodes was logged */
    unsigned                     closed:1;
} ngx_http_soma_cluster_t;


static ngx_http_soma_node_t *ngx_http_soma_cluster_add(ngx_str_t *host,
    in_port_t port);
static ngx_http_soma_node_t *ngx_http_soma_cluster_find(ngx_str_t *host,
    in_port_t port);
static void ngx_http_soma_cluster_up(ngx_http_soma_link_t *link);
static void ngx_http_soma_cluster_lost(ngx_http_soma_link_t *link);
static ngx_http_soma_link_t *ngx_http_soma_cluster_link(
    ngx_http_soma_node_t *node);
static void ngx_http_soma_cluster_poll(ngx_event_t *ev);
static void ngx_http_soma_cluster_ask(void);
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
static void ngx_http_soma_cluster_failed(void);
static void ngx_http_soma_cluster_later(ngx_msec_t delay);


static ngx_http_soma_cluster_t  ngx_http_soma_cluster;


ngx_int_t
ngx_http_soma_redis_cluster_init(void)
{
    ngx_uint_t                   i;
    ngx_event_t                 *ev;
    ngx_http_soma_node_t        *node;
    ngx_http_soma_cluster_t     *cl;
    ngx_http_soma_redis_conf_t  *conf;

    cl = &ngx_http_soma_cluster;
    conf = ngx_http_soma_redis_worker.conf;

    ngx_memzero(cl, sizeof(ngx_http_soma_cluster_t));
    ngx_memset(cl->slots, NGX_HTTP_SOMA_CLUSTER_NONE, SOMA_SLOTS);

    cl->error = "the cluster's map is not known yet";
    cl->dummy.fd = (ngx_socket_t) -1;

    ev = &cl->poll;
    ev->handler = ngx_http_soma_cluster_poll;
    ev->data = &cl->dummy;
    ev->log = ngx_http_soma_redis_worker.log;
    ev->cancelable = 1;

    for (i = 0; i < conf->nhosts; i++) {
        node = ngx_http_soma_cluster_add(&conf->hosts[i].name,
                                         conf->hosts[i].port);
        if (node) {
            node->seed = 1;
        }
    }

    /* not all workers the same one */

    cl->turn = (ngx_uint_t) ngx_random() % cl->n;

    ngx_http_soma_cluster_ask();

    return NGX_OK;
}


void
ngx_http_soma_redis_cluster_exit(void)
{
    ngx_uint_t                i;
    ngx_http_soma_cluster_t  *cl;

    cl = &ngx_http_soma_cluster;
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

    node = ngx_http_soma_cluster.node;

    for (i = 0; i < ngx_http_soma_cluster.n; i++) {
        if (node[i].set
            && ngx_http_soma_redis_link_leads(&node[i].link, host, port))
        {
            return &node[i];
        }
    }

    return NULL;
}


/* or finds it; NULL: the table is full */
static ngx_http_soma_node_t *
ngx_http_soma_cluster_add(ngx_str_t *host, in_port_t port)
{
    ngx_uint_t                     i;
    ngx_http_soma_link_t          *link;
    ngx_http_soma_node_t          *node;
    ngx_http_soma_redis_worker_t  *w;

    node = ngx_http_soma_cluster_find(host, port);

    if (node) {
        return node;
    }

    node = ngx_http_soma_cluster.node;
    w = &ngx_http_soma_redis_worker;

    for (i = 0; i < NGX_HTTP_SOMA_REDIS_NODES_MAX; i++) {
        if (!node[i].set && node[i].link.ac == NULL) {
            break;
        }
    }

    if (i == NGX_HTTP_SOMA_REDIS_NODES_MAX) {

        if (!ngx_http_soma_cluster.full) {
            ngx_http_soma_cluster.full = 1;
            ngx_log_error(NGX_LOG_ERR, w->log, 0,
                          "soma redis: more than %d nodes of a cluster",
                          NGX_HTTP_SOMA_REDIS_NODES_MAX);
        }

        return NULL;
    }

    node = &node[i];
    ngx_http_soma_cluster.n = ngx_max(ngx_http_soma_cluster.n, i + 1);

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
    ngx_http_soma_redis_cluster_doubt();
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

    if (!ngx_http_soma_cluster.known) {
        return 0;
    }

    node = ngx_http_soma_cluster.node;

    for (i = 0; i < ngx_http_soma_cluster.n; i++) {
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

    node = ngx_http_soma_cluster.node;

    for (i = 0; i < ngx_http_soma_cluster.n; i++) {
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

    node = ngx_http_soma_cluster.node;

    for (i = 0; i < ngx_http_soma_cluster.n; i++) {
        if (node[i].set && node[i].link.told) {
            return (const char *) node[i].link.error;
        }
    }

    return ngx_http_soma_cluster.error;
}


ngx_uint_t
ngx_http_soma_redis_cluster_pending(void)
{
    ngx_uint_t             i, pending;
    ngx_http_soma_node_t  *node;

    pending = 0;
    node = ngx_http_soma_cluster.node;

    for (i = 0; i < ngx_http_soma_cluster.n; i++) {
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

    node = ngx_http_soma_cluster.node;

    for (i = 0; i < ngx_http_soma_cluster.n; i++) {
        if (node[i].set && node[i].used
            && node[i].link.state == NGX_HTTP_SOMA_LINK_READY)
        {
            return &node[i].link;
        }
    }

    for (i = 0; i < ngx_http_soma_cluster.n; i++) {
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

    i = ngx_http_soma_cluster.slots[slot];

    if (i == NGX_HTTP_SOMA_CLUSTER_NONE) {
        ngx_http_soma_redis_cluster_doubt();
        return NULL;
    }

    return ngx_http_soma_cluster_link(&ngx_http_soma_cluster.node[i]);
}


ngx_http_soma_link_t *
ngx_http_soma_redis_cluster_master(ngx_uint_t n)
{
    ngx_uint_t             i;
    ngx_http_soma_node_t  *node;

    node = ngx_http_soma_cluster.node;

    for (i = 0; i < ngx_http_soma_cluster.n; i++) {

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

    cl = &ngx_http_soma_cluster;

    host.data = move->host.data;
    host.len = move->host.len;

    if (host.len == 0) {
        host = from->host;
    }

    node = ngx_http_soma_cluster_add(&host, (in_port_t) move->port);

    if (node == NULL) {
        return NULL;
    }

    if (move->move == SOMA_SLOT_MOVED) {
        cl->slots[move->slot] = (u_char) (node - cl->node);
        node->used = 1;
        node->link.parked = 0;

        ngx_http_soma_redis_cluster_doubt();

    } else {
        node->asked = 1;
        node->wanted = ngx_current_msec + NGX_HTTP_SOMA_CLUSTER_WANTED;
    }

    /* a key that is read there may change there */

    ngx_http_soma_redis_listen_start(node - cl->node, &node->link.host,
                                     node->link.port);

    return ngx_http_soma_cluster_link(node);
}


/* a pause after a failure is not cut short */
void
ngx_http_soma_redis_cluster_doubt(void)
{
    ngx_event_t  *ev;

    ev = &ngx_http_soma_cluster.poll;

    if (ngx_http_soma_cluster.asking || ngx_http_soma_cluster.fails) {
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

    delay = NGX_HTTP_SOMA_CLUSTER_DOUBT << ngx_http_soma_cluster.fails;

    if (ngx_http_soma_cluster.fails < NGX_HTTP_SOMA_CLUSTER_FAILS) {
        ngx_http_soma_cluster.fails++;
    }

    ngx_http_soma_cluster_later(ngx_min(delay,
                                        NGX_HTTP_SOMA_REDIS_BACKOFF_MAX));
}


/* half of the time is chance, lest all workers come at the same moment */
static void
ngx_http_soma_cluster_later(ngx_msec_t delay)
{
    ngx_event_t  *ev;

    if (ngx_http_soma_cluster.closed) {
        return;
    }

    ev = &ngx_http_soma_cluster.poll;

    /* the nearer time of a timer that is set would be taken for the same */

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    ngx_add_timer(ev, delay / 2 + (ngx_msec_t) ngx_random() % (delay / 2 + 1));
}


static void
ngx_http_soma_cluster_poll(ngx_event_t *ev)
{
    ngx_http_soma_cluster_tidy();

    if (ngx_http_soma_cluster.asking) {
        ngx_http_soma_cluster_later(NGX_HTTP_SOMA_CLUSTER_POLL);
        return;
    }

    ngx_http_soma_cluster_ask();
}


static void
ngx_http_soma_cluster_ask(void)
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

    ngx_http_soma_cluster.asking = 1;
    ngx_http_soma_cluster_later(NGX_HTTP_SOMA_CLUSTER_POLL);
}


/* one after the other: first of those that are up, else of all */
static ngx_http_soma_link_t *
ngx_http_soma_cluster_teacher(void)
{
    ngx_uint_t                i, k;
    ngx_http_soma_link_t     *link;
    ngx_http_soma_cluster_t  *cl;

    cl = &ngx_http_soma_cluster;

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

    cl = &ngx_http_soma_cluster;
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

    cl = &ngx_http_soma_cluster;

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

    node = ngx_http_soma_cluster_add(&host, (in_port_t) port);

    if (node) {
        ngx_memset(&ngx_http_soma_cluster.fresh[first],
                   (int) (node - ngx_http_soma_cluster.node),
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

    cl = &ngx_http_soma_cluster;

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

    cl = &ngx_http_soma_cluster;

    for (i = 0; i < cl->n; i++) {
        node = &cl->node[i];

        if (!node->set) {
            continue;
        }

        if (node->used) {

            /* one that had failed before it was given slots */

            if (node->link.told && !node->link.retry.timer_set) {
                ngx_http_soma_redis_link_connect(&node->link);
            }

            continue;
        }

        if (node->asked
            && (ngx_msec_int_t) (node->wanted - ngx_current_msec) > 0)
        {
            continue;
        }

        node->asked = 0;
        ngx_http_soma_redis_listen_stop(i);

        if (node->link.ncalls || !cl->known) {
            continue;
        }

        if (!node->seed) {
            ngx_http_soma_redis_link_close(&node->link);
            node->set = 0;
            continue;
        }

        if (node->link.ac && node->link.state == NGX_HTTP_SOMA_LINK_READY) {
            ngx_http_soma_redis_link_rest(&node->link);
        }
    }
}
