
/*
 * Copyright (C) The ngx_soma authors
 *
 * What the steps see of Redis: commands, commands bound to a request, and
 * scripts, on the worker's one command link.
 */


#include "ngx_http_soma_redis_link.h"
#include <ngx_sha1.h>


#define NGX_HTTP_SOMA_REDIS_PREFIX_ARGS  3      /* EVALSHA sha nkeys */

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


/* a command of a request; lives until the reply, whatever the request does */
typedef struct {
    ngx_http_request_t              *request;   /* NULL: it ended */
    ngx_http_cleanup_t              *cleanup;
    ngx_http_soma_redis_request_pt   handler;
} ngx_http_soma_redis_cell_t;


/* a script call, kept whole for the case that Redis forgot the script */
typedef struct {
    ngx_http_soma_redis_pt           handler;
    void                            *data;
    size_t                           size;
    int                              argc;
    const char                     **argv;
    size_t                          *argvlen;
    ngx_http_soma_script_t          *script;
} ngx_http_soma_redis_eval_t;


typedef struct {
    ngx_http_soma_link_t             link;
    ngx_http_soma_redis_hook_t       hooks[NGX_HTTP_SOMA_REDIS_HOOKS]
                                          [NGX_HTTP_SOMA_REDIS_HOOKS_MAX];
    ngx_uint_t                       nhooks[NGX_HTTP_SOMA_REDIS_HOOKS];
    size_t                           kept;      /* bytes of script calls */
    unsigned                         set:1;
} ngx_http_soma_redis_worker_t;


static void ngx_http_soma_redis_up(ngx_http_soma_link_t *link);
static void ngx_http_soma_redis_lost(ngx_http_soma_link_t *link);
static void ngx_http_soma_redis_leaving(ngx_http_soma_link_t *link);
static void ngx_http_soma_redis_discard(ngx_http_soma_redis_pt handler,
    void *data);
static ngx_int_t ngx_http_soma_redis_hook(ngx_uint_t kind,
    ngx_http_soma_redis_up_pt handler, void *data);
static void ngx_http_soma_redis_run_hooks(ngx_uint_t kind);
static ngx_http_soma_redis_cell_t *ngx_http_soma_redis_cell(
    ngx_http_request_t *r, ngx_http_soma_redis_request_pt handler);
static void ngx_http_soma_redis_cell_drop(ngx_http_soma_redis_cell_t *cell);
static void ngx_http_soma_redis_cell_cleanup(void *data);
static void ngx_http_soma_redis_cell_reply(void *data, redisReply *reply);
static void ngx_http_soma_redis_sha(ngx_http_soma_script_t *script);
static ngx_http_soma_redis_eval_t *ngx_http_soma_redis_eval(
    ngx_http_soma_script_t *script, int nkeys, int argc, const char **argv,
    const size_t *argvlen);
static void ngx_http_soma_redis_eval_free(ngx_http_soma_redis_eval_t *eval);
static void ngx_http_soma_redis_eval_reply(void *data, redisReply *reply);


static ngx_http_soma_redis_worker_t  ngx_http_soma_redis_worker;


ngx_int_t
ngx_http_soma_redis_init_worker(ngx_cycle_t *cycle,
    ngx_http_soma_main_conf_t *smcf)
{
    ngx_http_soma_link_t  *link;

    ngx_memzero(&ngx_http_soma_redis_worker,
                sizeof(ngx_http_soma_redis_worker_t));

    if (!smcf->redis.set) {
        return NGX_OK;
    }

    ngx_http_soma_redis_worker.set = 1;

    link = &ngx_http_soma_redis_worker.link;

    link->name = "connection";
    link->conf = &smcf->redis;
    link->node = smcf->node;
    link->log = cycle->log;
    link->up = ngx_http_soma_redis_up;
    link->lost = ngx_http_soma_redis_lost;
    link->leaving = ngx_http_soma_redis_leaving;
    link->discard = ngx_http_soma_redis_discard;

    ngx_http_soma_redis_link_init(link);
    ngx_http_soma_redis_link_connect(link);

    ngx_http_soma_redis_listen_init(smcf, link);

    return NGX_OK;
}


void
ngx_http_soma_redis_exit_worker(ngx_cycle_t *cycle)
{
    if (!ngx_http_soma_redis_worker.set) {
        return;
    }

    ngx_http_soma_redis_worker.set = 0;

    ngx_http_soma_redis_listen_close();
    ngx_http_soma_redis_link_close(&ngx_http_soma_redis_worker.link);
}


ngx_uint_t
ngx_http_soma_redis_ready(void)
{
    return ngx_http_soma_redis_worker.set
           && ngx_http_soma_redis_worker.link.state
              == NGX_HTTP_SOMA_LINK_READY;
}


const char *
ngx_http_soma_redis_error(void)
{
    if (!ngx_http_soma_redis_worker.set) {
        return "not configured";
    }

    return (const char *) ngx_http_soma_redis_worker.link.error;
}


void
ngx_http_soma_redis_state(ngx_http_soma_redis_state_t *state)
{
    if (!ngx_http_soma_redis_worker.set) {
        ngx_memzero(state, sizeof(ngx_http_soma_redis_state_t));
        return;
    }

    *state = ngx_http_soma_redis_worker.link.counts;

    state->configured = 1;
    state->ready = ngx_http_soma_redis_ready();
    state->pending = ngx_http_soma_redis_worker.link.ncalls;
    state->error = state->ready ? NULL : ngx_http_soma_redis_error();

    ngx_http_soma_redis_listen_state(state);
}


static void
ngx_http_soma_redis_up(ngx_http_soma_link_t *link)
{
    ngx_http_soma_redis_listen_command_up();
    ngx_http_soma_redis_run_hooks(NGX_HTTP_SOMA_REDIS_UP);
}


static void
ngx_http_soma_redis_lost(ngx_http_soma_link_t *link)
{
    ngx_http_soma_redis_listen_command_lost();
}


static void
ngx_http_soma_redis_leaving(ngx_http_soma_link_t *link)
{
    ngx_http_soma_redis_run_hooks(NGX_HTTP_SOMA_REDIS_EXIT);
}


/* data of other handlers is their owners', who have it from a pool */
static void
ngx_http_soma_redis_discard(ngx_http_soma_redis_pt handler, void *data)
{
    ngx_http_soma_redis_eval_t  *eval;

    if (handler == ngx_http_soma_redis_eval_reply) {
        eval = data;
        handler = eval->handler;
        data = eval->data;

        ngx_http_soma_redis_eval_free(eval);
    }

    if (handler == ngx_http_soma_redis_cell_reply) {
        ngx_http_soma_redis_cell_drop(data);
    }
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

    n = &ngx_http_soma_redis_worker.nhooks[kind];

    if (*n == NGX_HTTP_SOMA_REDIS_HOOKS_MAX) {
        return NGX_ERROR;
    }

    hook = &ngx_http_soma_redis_worker.hooks[kind][(*n)++];

    hook->handler = handler;
    hook->data = data;

    return NGX_OK;
}


static void
ngx_http_soma_redis_run_hooks(ngx_uint_t kind)
{
    ngx_uint_t                   i;
    ngx_http_soma_redis_hook_t  *hook;

    hook = ngx_http_soma_redis_worker.hooks[kind];

    for (i = 0; i < ngx_http_soma_redis_worker.nhooks[kind]; i++) {
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
ngx_http_soma_redis_command(ngx_http_soma_redis_pt handler, void *data,
    int argc, const char **argv, const size_t *argvlen)
{
    if (!ngx_http_soma_redis_ready()) {
        ngx_http_soma_redis_worker.link.counts.declined++;
        return NGX_DECLINED;
    }

    return ngx_http_soma_redis_link_send(&ngx_http_soma_redis_worker.link,
                                         handler, data, argc, argv, argvlen,
                                         NULL);
}


ngx_int_t
ngx_http_soma_redis_request(ngx_http_request_t *r,
    ngx_http_soma_redis_request_pt handler, int argc, const char **argv,
    const size_t *argvlen)
{
    ngx_http_soma_redis_cell_t  *cell;

    if (!ngx_http_soma_redis_ready()) {
        ngx_http_soma_redis_worker.link.counts.declined++;
        return NGX_DECLINED;
    }

    cell = ngx_http_soma_redis_cell(r, handler);
    if (cell == NULL) {
        return NGX_DECLINED;
    }

    if (ngx_http_soma_redis_command(ngx_http_soma_redis_cell_reply, cell,
                                    argc, argv, argvlen)
        != NGX_OK)
    {
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
ngx_http_soma_redis_cell_drop(ngx_http_soma_redis_cell_t *cell)
{
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
    ngx_http_soma_redis_eval_t  *eval;

    if (!ngx_http_soma_redis_ready()
        || ngx_http_soma_redis_worker.kept > NGX_HTTP_SOMA_REDIS_BYTES_MAX)
    {
        ngx_http_soma_redis_worker.link.counts.declined++;
        return NGX_DECLINED;
    }

    if (script->sha[0] == '\0') {
        ngx_http_soma_redis_sha(script);
    }

    eval = ngx_http_soma_redis_eval(script, nkeys, argc, argv, argvlen);
    if (eval == NULL) {
        return NGX_DECLINED;
    }

    eval->handler = handler;
    eval->data = data;

    if (ngx_http_soma_redis_command(ngx_http_soma_redis_eval_reply, eval,
                                    eval->argc, eval->argv, eval->argvlen)
        != NGX_OK)
    {
        ngx_http_soma_redis_eval_free(eval);
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* one block: the struct, the vectors, the number of keys, the arguments */
static ngx_http_soma_redis_eval_t *
ngx_http_soma_redis_eval(ngx_http_soma_script_t *script, int nkeys, int argc,
    const char **argv, const size_t *argvlen)
{
    int                          i, n;
    u_char                      *p;
    size_t                       size;
    ngx_http_soma_redis_eval_t  *eval;

    n = argc + NGX_HTTP_SOMA_REDIS_PREFIX_ARGS;

    size = sizeof(ngx_http_soma_redis_eval_t)
           + n * (sizeof(char *) + sizeof(size_t)) + NGX_INT_T_LEN;

    for (i = 0; i < argc; i++) {
        size += argvlen[i];
    }

    eval = ngx_alloc(size, ngx_http_soma_redis_worker.link.log);
    if (eval == NULL) {
        return NULL;
    }

    eval->size = size;
    eval->script = script;
    eval->argc = n;
    eval->argv = (const char **) (eval + 1);
    eval->argvlen = (size_t *) (eval->argv + n);

    p = (u_char *) (eval->argvlen + n);

    eval->argv[0] = "EVALSHA";
    eval->argvlen[0] = sizeof("EVALSHA") - 1;
    eval->argv[1] = script->sha;
    eval->argvlen[1] = sizeof(script->sha) - 1;
    eval->argv[2] = (char *) p;
    p = ngx_sprintf(p, "%d", nkeys);
    eval->argvlen[2] = p - (u_char *) eval->argv[2];

    for (i = 0; i < argc; i++) {
        eval->argv[i + NGX_HTTP_SOMA_REDIS_PREFIX_ARGS] = (char *) p;
        eval->argvlen[i + NGX_HTTP_SOMA_REDIS_PREFIX_ARGS] = argvlen[i];
        p = ngx_cpymem(p, argv[i], argvlen[i]);
    }

    ngx_http_soma_redis_worker.kept += size;

    return eval;
}


static void
ngx_http_soma_redis_eval_free(ngx_http_soma_redis_eval_t *eval)
{
    ngx_http_soma_redis_worker.kept -= eval->size;
    ngx_free(eval);
}


static void
ngx_http_soma_redis_eval_reply(void *data, redisReply *reply)
{
    ngx_http_soma_redis_eval_t  *eval = data;

    void                    *handler_data;
    ngx_http_soma_redis_pt   handler;

    handler = eval->handler;
    handler_data = eval->data;

    if (ngx_http_soma_redis_is_error(reply, "NOSCRIPT")) {
        eval->argv[0] = "EVAL";
        eval->argvlen[0] = sizeof("EVAL") - 1;
        eval->argv[1] = eval->script->text;
        eval->argvlen[1] = ngx_strlen(eval->script->text);

        if (ngx_http_soma_redis_command(handler, handler_data, eval->argc,
                                        eval->argv, eval->argvlen)
            == NGX_OK)
        {
            ngx_http_soma_redis_eval_free(eval);
            return;
        }

        reply = NULL;
    }

    ngx_http_soma_redis_eval_free(eval);

    handler(handler_data, reply);
}
