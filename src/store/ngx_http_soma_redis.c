
/*
 * Copyright (C) The ngx_soma authors
 *
 * What the steps see of Redis: commands, commands bound to a request, and
 * scripts, on the links to where they belong.
 */


#include "ngx_http_soma_redis_link.h"


enum {
    NGX_HTTP_SOMA_REDIS_UP = 0,
    NGX_HTTP_SOMA_REDIS_FLUSH,
    NGX_HTTP_SOMA_REDIS_EXIT,
    NGX_HTTP_SOMA_REDIS_HOOKS
};


typedef struct {
    ngx_http_soma_redis_up_pt        handler;
    void                            *data;
} ngx_http_soma_redis_hook_t;


/* whose data outlives the worker's links */
typedef struct {
    ngx_http_soma_redis_pt           handler;
    ngx_http_soma_redis_up_pt        drop;
} ngx_http_soma_redis_owner_t;


/* a command of a request; lives until the reply, whatever the request does */
typedef struct {
    ngx_http_request_t              *request;   /* NULL: it ended */
    ngx_http_cleanup_t              *cleanup;
    ngx_http_soma_redis_request_pt   handler;
} ngx_http_soma_redis_cell_t;


typedef struct {
    ngx_http_soma_redis_hook_t       hook[NGX_HTTP_SOMA_REDIS_HOOKS]
                                         [NGX_HTTP_SOMA_REDIS_HOOKS_MAX];
    ngx_uint_t                       n[NGX_HTTP_SOMA_REDIS_HOOKS];
    ngx_http_soma_redis_owner_t      owner[NGX_HTTP_SOMA_REDIS_HOOKS_MAX];
    ngx_uint_t                       nowners;
} ngx_http_soma_redis_hooks_t;


static void ngx_http_soma_redis_up(ngx_http_soma_link_t *link);
static void ngx_http_soma_redis_lost(ngx_http_soma_link_t *link);
static ngx_int_t ngx_http_soma_redis_ask(ngx_http_request_t *r,
    ngx_http_soma_link_t *link, ngx_http_soma_redis_request_pt handler,
    int argc, const char **argv, const size_t *argvlen);
static ngx_int_t ngx_http_soma_redis_begin(ngx_http_soma_redis_worker_t *w);
static ngx_int_t ngx_http_soma_redis_hook(ngx_uint_t kind,
    ngx_http_soma_redis_up_pt handler, void *data);
static void ngx_http_soma_redis_run_hooks(ngx_uint_t kind);
static ngx_http_soma_redis_cell_t *ngx_http_soma_redis_cell(
    ngx_http_request_t *r, ngx_http_soma_redis_request_pt handler);
static void ngx_http_soma_redis_cell_drop(void *data);
static void ngx_http_soma_redis_cell_cleanup(void *data);
static void ngx_http_soma_redis_cell_reply(void *data, redisReply *reply);


ngx_http_soma_redis_worker_t        ngx_http_soma_redis_worker;
static ngx_http_soma_redis_hooks_t  ngx_http_soma_redis_hooks;


ngx_int_t
ngx_http_soma_redis_init_worker(ngx_cycle_t *cycle,
    ngx_http_soma_main_conf_t *smcf)
{
    ngx_http_soma_redis_worker_t  *w;

    w = &ngx_http_soma_redis_worker;

    ngx_memzero(w, sizeof(ngx_http_soma_redis_worker_t));
    ngx_memzero(&ngx_http_soma_redis_hooks,
                sizeof(ngx_http_soma_redis_hooks_t));

    ngx_http_soma_redis_first_init(cycle->log, smcf->redis.set);

    if (!smcf->redis.set) {
        return NGX_OK;
    }

    if (ngx_http_soma_redis_on_drop(ngx_http_soma_redis_cell_reply,
                                    ngx_http_soma_redis_cell_drop)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    w->set = 1;
    w->conf = &smcf->redis;
    w->smcf = smcf;
    w->log = cycle->log;

    ngx_http_soma_redis_call_init();
    ngx_http_soma_redis_listen_init();

    if (w->conf->kind == SOMA_REDIS_CLUSTER) {
        w->cluster = 1;
        return ngx_http_soma_redis_cluster_init();
    }

    return ngx_http_soma_redis_begin(w);
}


static ngx_int_t
ngx_http_soma_redis_begin(ngx_http_soma_redis_worker_t *w)
{
    ngx_str_t              none;
    ngx_http_soma_link_t  *link;

    link = &w->link;

    link->name = "connection";
    link->conf = w->conf;
    link->node = w->smcf->node;
    link->log = w->log;
    link->counts = &w->counts;
    link->up = ngx_http_soma_redis_up;
    link->lost = ngx_http_soma_redis_lost;
    link->leaving = ngx_http_soma_redis_leaving;
    link->discard = ngx_http_soma_redis_discard;

    ngx_http_soma_redis_link_init(link);

    if (w->conf->kind == SOMA_REDIS_SENTINELS) {
        link->where = w->conf->url;
        return ngx_http_soma_redis_sentinel_init();
    }

    if (w->conf->nhosts) {
        ngx_http_soma_redis_link_target(link, &w->conf->hosts[0].name,
                                        w->conf->hosts[0].port);
    }

    link->where = w->conf->url;

    ngx_http_soma_redis_link_connect(link);

    ngx_str_null(&none);
    ngx_http_soma_redis_listen_start(0, w->conf->nhosts
                                        ? &w->conf->hosts[0].name : &none,
                                     link->port);

    return NGX_OK;
}


void
ngx_http_soma_redis_exit_worker(ngx_cycle_t *cycle)
{
    ngx_http_soma_redis_worker_t  *w;

    w = &ngx_http_soma_redis_worker;

    if (!w->set) {
        return;
    }

    ngx_http_soma_redis_listen_close();

    if (w->cluster) {
        ngx_http_soma_redis_cluster_exit();

    } else {
        ngx_http_soma_redis_sentinel_exit();
        ngx_http_soma_redis_link_close(&w->link);
    }

    ngx_http_soma_redis_call_exit();

    w->set = 0;
}


ngx_uint_t
ngx_http_soma_redis_ready(void)
{
    ngx_http_soma_redis_worker_t  *w;

    w = &ngx_http_soma_redis_worker;

    if (!w->set) {
        return 0;
    }

    if (w->cluster) {
        return ngx_http_soma_redis_cluster_ready();
    }

    return w->link.state == NGX_HTTP_SOMA_LINK_READY;
}


const char *
ngx_http_soma_redis_error(void)
{
    ngx_http_soma_redis_worker_t  *w;

    w = &ngx_http_soma_redis_worker;

    if (!w->set) {
        return "not configured";
    }

    if (w->cluster) {
        return ngx_http_soma_redis_cluster_error();
    }

    return (const char *) w->link.error;
}


void
ngx_http_soma_redis_state(ngx_http_soma_redis_state_t *state)
{
    ngx_http_soma_redis_worker_t  *w;

    w = &ngx_http_soma_redis_worker;

    *state = w->counts;

    if (!w->set) {
        return;
    }

    state->configured = 1;
    state->ready = ngx_http_soma_redis_ready();
    state->pending = w->cluster ? ngx_http_soma_redis_cluster_pending()
                                : w->link.ncalls;
    state->error = state->ready ? NULL : ngx_http_soma_redis_error();

    ngx_http_soma_redis_listen_state(state);
}


static void
ngx_http_soma_redis_up(ngx_http_soma_link_t *link)
{
    ngx_http_soma_redis_came_up();
}


static void
ngx_http_soma_redis_lost(ngx_http_soma_link_t *link)
{
    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, link->log, 0,
                   "soma redis: lost %V", &link->where);
}


void
ngx_http_soma_redis_missed(void)
{
    if (!ngx_http_soma_redis_worker.cluster
        || !ngx_http_soma_redis_cluster_hope())
    {
        ngx_http_soma_redis_first_heard();
    }
}


void
ngx_http_soma_redis_came_up(void)
{
    ngx_http_soma_redis_first_heard();
    ngx_http_soma_redis_run_hooks(NGX_HTTP_SOMA_REDIS_UP);
}


void
ngx_http_soma_redis_leaving(ngx_http_soma_link_t *link)
{
    if (!ngx_http_soma_redis_worker.left) {
        ngx_http_soma_redis_worker.left = 1;
        ngx_http_soma_redis_run_hooks(NGX_HTTP_SOMA_REDIS_EXIT);
    }
}


void
ngx_http_soma_redis_discard(ngx_http_soma_redis_pt handler, void *data)
{
    ngx_uint_t                    i;
    ngx_http_soma_redis_owner_t  *owner;

    (void) ngx_http_soma_redis_call_discard(&handler, &data);

    for (i = 0; i < ngx_http_soma_redis_hooks.nowners; i++) {
        owner = &ngx_http_soma_redis_hooks.owner[i];

        if (owner->handler == handler) {
            owner->drop(data);
            return;
        }
    }
}


ngx_int_t
ngx_http_soma_redis_slot(int argc, const char **argv, const size_t *argvlen)
{
    int         i;
    soma_str_t  key;

    if (!ngx_http_soma_redis_worker.cluster) {
        return NGX_HTTP_SOMA_REDIS_NO_SLOT;
    }

    i = soma_slot_key(argc, argv, argvlen);

    if (i == 0) {
        return NGX_HTTP_SOMA_REDIS_NO_SLOT;
    }

    key.data = (u_char *) argv[i];
    key.len = argvlen[i];

    return soma_slot(key);
}


ngx_http_soma_link_t *
ngx_http_soma_redis_route(ngx_int_t slot)
{
    if (!ngx_http_soma_redis_worker.set) {
        return NULL;
    }

    return (slot == NGX_HTTP_SOMA_REDIS_NO_SLOT)
           ? ngx_http_soma_redis_any()
           : ngx_http_soma_redis_cluster_slot(slot);
}


ngx_http_soma_link_t *
ngx_http_soma_redis_any(void)
{
    ngx_http_soma_redis_worker_t  *w;

    w = &ngx_http_soma_redis_worker;

    if (w->cluster) {
        return ngx_http_soma_redis_cluster_any();
    }

    return (w->link.state == NGX_HTTP_SOMA_LINK_READY) ? &w->link : NULL;
}


void
ngx_http_soma_redis_flushed(void)
{
    ngx_http_soma_redis_run_hooks(NGX_HTTP_SOMA_REDIS_FLUSH);
}


static ngx_int_t
ngx_http_soma_redis_hook(ngx_uint_t kind, ngx_http_soma_redis_up_pt handler,
    void *data)
{
    ngx_uint_t                  *n;
    ngx_http_soma_redis_hook_t  *hook;

    n = &ngx_http_soma_redis_hooks.n[kind];

    if (*n == NGX_HTTP_SOMA_REDIS_HOOKS_MAX) {
        return NGX_ERROR;
    }

    hook = &ngx_http_soma_redis_hooks.hook[kind][(*n)++];

    hook->handler = handler;
    hook->data = data;

    return NGX_OK;
}


static void
ngx_http_soma_redis_run_hooks(ngx_uint_t kind)
{
    ngx_uint_t                   i;
    ngx_http_soma_redis_hook_t  *hook;

    hook = ngx_http_soma_redis_hooks.hook[kind];

    for (i = 0; i < ngx_http_soma_redis_hooks.n[kind]; i++) {
        hook[i].handler(hook[i].data);
    }
}


ngx_int_t
ngx_http_soma_redis_on_up(ngx_http_soma_redis_up_pt handler, void *data)
{
    return ngx_http_soma_redis_hook(NGX_HTTP_SOMA_REDIS_UP, handler, data);
}


ngx_int_t
ngx_http_soma_redis_on_flush(ngx_http_soma_redis_up_pt handler, void *data)
{
    return ngx_http_soma_redis_hook(NGX_HTTP_SOMA_REDIS_FLUSH, handler, data);
}


ngx_int_t
ngx_http_soma_redis_on_exit(ngx_http_soma_redis_up_pt handler, void *data)
{
    return ngx_http_soma_redis_hook(NGX_HTTP_SOMA_REDIS_EXIT, handler, data);
}


ngx_int_t
ngx_http_soma_redis_on_drop(ngx_http_soma_redis_pt handler,
    ngx_http_soma_redis_up_pt drop)
{
    ngx_http_soma_redis_owner_t  *owner;

    if (ngx_http_soma_redis_hooks.nowners == NGX_HTTP_SOMA_REDIS_HOOKS_MAX) {
        return NGX_ERROR;
    }

    owner = &ngx_http_soma_redis_hooks.owner[
                                          ngx_http_soma_redis_hooks.nowners++];

    owner->handler = handler;
    owner->drop = drop;

    return NGX_OK;
}


ngx_int_t
ngx_http_soma_redis_command(ngx_http_soma_redis_pt handler, void *data,
    int argc, const char **argv, const size_t *argvlen)
{
    ngx_http_soma_link_t  *link;

    /* a redirection is followed with a copy */

    if (ngx_http_soma_redis_worker.cluster) {
        return ngx_http_soma_redis_call_kept(handler, data, argc, argv,
                                             argvlen);
    }

    link = ngx_http_soma_redis_route(NGX_HTTP_SOMA_REDIS_NO_SLOT);

    if (link == NULL) {
        ngx_http_soma_redis_worker.counts.declined++;
        return NGX_DECLINED;
    }

    return ngx_http_soma_redis_link_send(link, handler, data, argc, argv,
                                         argvlen);
}


ngx_int_t
ngx_http_soma_redis_request(ngx_http_request_t *r,
    ngx_http_soma_redis_request_pt handler, int argc, const char **argv,
    const size_t *argvlen)
{
    return ngx_http_soma_redis_ask(r, NULL, handler, argc, argv, argvlen);
}


ngx_int_t
ngx_http_soma_redis_request_master(ngx_http_request_t *r, ngx_uint_t n,
    ngx_http_soma_redis_request_pt handler, int argc, const char **argv,
    const size_t *argvlen)
{
    ngx_http_soma_link_t  *link;

    if (!ngx_http_soma_redis_ready()) {
        ngx_http_soma_redis_worker.counts.declined++;
        return NGX_DECLINED;
    }

    if (!ngx_http_soma_redis_worker.cluster) {
        link = (n == 0) ? &ngx_http_soma_redis_worker.link : NULL;

    } else {
        link = ngx_http_soma_redis_cluster_master(n);
    }

    if (link == NULL) {
        return NGX_DONE;
    }

    return ngx_http_soma_redis_ask(r, link, handler, argc, argv, argvlen);
}


/* link NULL: by the key */
static ngx_int_t
ngx_http_soma_redis_ask(ngx_http_request_t *r, ngx_http_soma_link_t *link,
    ngx_http_soma_redis_request_pt handler, int argc, const char **argv,
    const size_t *argvlen)
{
    ngx_int_t                    rc;
    ngx_http_soma_redis_cell_t  *cell;

    if (!ngx_http_soma_redis_ready()) {
        ngx_http_soma_redis_worker.counts.declined++;
        return NGX_DECLINED;
    }

    cell = ngx_http_soma_redis_cell(r, handler);
    if (cell == NULL) {
        return NGX_DECLINED;
    }

    if (link) {
        rc = ngx_http_soma_redis_link_send(link,
                                           ngx_http_soma_redis_cell_reply,
                                           cell, argc, argv, argvlen);
    } else {
        rc = ngx_http_soma_redis_command(ngx_http_soma_redis_cell_reply, cell,
                                         argc, argv, argvlen);
    }

    if (rc != NGX_OK) {
        ngx_http_soma_redis_cell_drop(cell);
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_http_soma_redis_cell_t *
ngx_http_soma_redis_cell(ngx_http_request_t *r,
    ngx_http_soma_redis_request_pt handler)
{
    ngx_http_cleanup_t          *cln;
    ngx_http_soma_redis_cell_t  *cell;

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NULL;
    }

    cell = ngx_alloc(sizeof(ngx_http_soma_redis_cell_t), r->connection->log);
    if (cell == NULL) {
        return NULL;
    }

    cell->request = r;
    cell->handler = handler;
    cell->cleanup = cln;

    cln->handler = ngx_http_soma_redis_cell_cleanup;
    cln->data = cell;

    return cell;
}


static void
ngx_http_soma_redis_cell_drop(void *data)
{
    ngx_http_soma_redis_cell_t  *cell = data;

    if (cell->request) {
        cell->cleanup->handler = NULL;
    }

    ngx_free(cell);
}


static void
ngx_http_soma_redis_cell_cleanup(void *data)
{
    ngx_http_soma_redis_cell_t  *cell = data;

    cell->request = NULL;
}


static void
ngx_http_soma_redis_cell_reply(void *data, redisReply *reply)
{
    ngx_http_soma_redis_cell_t  *cell = data;

    ngx_connection_t                *c;
    ngx_http_request_t              *r;
    ngx_http_soma_redis_request_pt   handler;

    r = cell->request;
    handler = cell->handler;

    if (r) {
        cell->cleanup->handler = NULL;
    }

    ngx_free(cell);

    if (r == NULL) {
        return;
    }

    c = r->connection;

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, c->log, 0,
                   "soma redis: reply for a request, type %d",
                   reply ? reply->type : -1);

    ngx_http_set_log_request(c->log, r);

    handler(r, reply);

    ngx_http_run_posted_requests(c);
}
