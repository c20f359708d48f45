
/*
 * Copyright (C) The ngx_soma authors
 *
 * The keys of issuers that stand behind a URL.  One worker fetches the text
 * and puts it into the shared zone with a new version; every worker makes its
 * own keys of it when it next needs them.  The last good text stays while an
 * issuer fails.
 */


#include "ngx_http_soma_jwks_slot.h"
#include "ngx_http_soma_fetch.h"


#define NGX_HTTP_SOMA_JWKS_POOL      4096
#define NGX_HTTP_SOMA_JWKS_TICK      60000  /* ms, the longest sleep */


/* an issuer in this worker */
typedef struct {
    ngx_http_soma_jwt_t        *jwt;
    ngx_http_soma_main_conf_t  *main;
    ngx_pool_t                 *pool;       /* of the set */
    soma_jwks_t                *set;
    ngx_uint_t                  version;    /* of the set */
    ngx_uint_t                  tried;      /* last version looked at */
    ngx_uint_t                  strangers;  /* that wait */
    ngx_event_t                 timer;
} ngx_http_soma_jwks_worker_t;


typedef struct {
    ngx_http_soma_jwks_slot_t  *slot;
    ngx_uint_t                 *strangers;  /* that it is one of, or NULL */
    ngx_uint_t                  rounds;     /* when it began to wait */
    ngx_msec_t                  until;
} ngx_http_soma_jwks_wait_t;


static void ngx_http_soma_jwks_load(ngx_http_soma_jwks_worker_t *w);
static void ngx_http_soma_jwks_tick(ngx_event_t *ev);
static void ngx_http_soma_jwks_sleep(ngx_http_soma_jwks_worker_t *w);
static void ngx_http_soma_jwks_fetch(ngx_http_soma_jwks_worker_t *w);
static void ngx_http_soma_jwks_fetched(ngx_http_soma_fetched_t *fetched,
    void *data);
static ngx_uint_t ngx_http_soma_jwks_check(ngx_str_t *text,
    const char **error);
static void ngx_http_soma_jwks_over(ngx_http_soma_ctx_t *ctx);
static void ngx_http_soma_jwks_poll(ngx_event_t *ev);


static ngx_http_soma_jwks_worker_t  *ngx_http_soma_jwks_workers;

static struct {
    ngx_queue_t        queue;       /* of ctx->wait */
    ngx_uint_t         count;
    ngx_event_t        timer;
    ngx_connection_t   dummy;       /* for the timers' debug log */
} ngx_http_soma_jwks_waiting;


ngx_int_t
ngx_http_soma_jwks_init_worker(ngx_cycle_t *cycle,
    ngx_http_soma_main_conf_t *smcf)
{
    ngx_uint_t                     i;
    ngx_event_t                   *ev;
    ngx_http_soma_jwt_t          **jwt;
    ngx_http_soma_jwks_worker_t   *w;

    w = ngx_pcalloc(cycle->pool,
                    smcf->jwt->nelts * sizeof(ngx_http_soma_jwks_worker_t));
    if (w == NULL) {
        return NGX_ERROR;
    }

    ngx_http_soma_jwks_workers = w;
    jwt = smcf->jwt->elts;

    ngx_memzero(&ngx_http_soma_jwks_waiting,
                sizeof(ngx_http_soma_jwks_waiting));
    ngx_queue_init(&ngx_http_soma_jwks_waiting.queue);
    ngx_http_soma_jwks_waiting.dummy.fd = (ngx_socket_t) -1;

    ev = &ngx_http_soma_jwks_waiting.timer;
    ev->handler = ngx_http_soma_jwks_poll;
    ev->data = &ngx_http_soma_jwks_waiting.dummy;
    ev->log = cycle->log;

    for (i = 0; i < smcf->jwt->nelts; i++) {
        w[i].jwt = jwt[i];
        w[i].main = smcf;

        if (jwt[i]->slot == NULL) {
            continue;
        }

        ev = &w[i].timer;
        ev->handler = ngx_http_soma_jwks_tick;
        ev->data = &ngx_http_soma_jwks_waiting.dummy;
        ev->log = cycle->log;
        ev->cancelable = 1;

        ngx_add_timer(ev, 1);
    }

    return NGX_OK;
}


void
ngx_http_soma_jwks_exit_worker(void)
{
    ngx_uint_t                    i;
    ngx_http_soma_main_conf_t    *smcf;
    ngx_http_soma_jwks_worker_t  *w;

    w = ngx_http_soma_jwks_workers;

    if (w == NULL) {
        return;
    }

    smcf = w->main;

    for (i = 0; i < smcf->jwt->nelts; i++) {

        if (w[i].timer.timer_set) {
            ngx_del_timer(&w[i].timer);
        }

        if (w[i].pool) {
            soma_jwks_free(w[i].set);
            ngx_destroy_pool(w[i].pool);
        }

        /* the next one need not wait until our lease is over */

        if (w[i].jwt->slot) {
            (void) ngx_atomic_cmp_set(&w[i].jwt->slot->fetching,
                                      (ngx_atomic_uint_t) ngx_pid, 0);
        }
    }

    ngx_http_soma_jwks_workers = NULL;
}


soma_jwks_t *
ngx_http_soma_jwks(ngx_http_soma_jwt_t *jwt, ngx_uint_t *version)
{
    ngx_http_soma_jwks_worker_t  *w;

    if (jwt->set) {
        *version = 0;
        return jwt->set;
    }

    w = &ngx_http_soma_jwks_workers[jwt->index];

    if (jwt->slot->version != w->tried) {
        ngx_http_soma_jwks_load(w);
    }

    *version = w->version;

    return w->set;
}


static void
ngx_http_soma_jwks_load(ngx_http_soma_jwks_worker_t *w)
{
    ngx_str_t                   text;
    ngx_pool_t                 *pool;
    const char                 *error;
    ngx_uint_t                  version;
    soma_jwks_t                *set;
    soma_arena_t                arena;
    ngx_http_soma_jwks_slot_t  *slot;

    slot = w->jwt->slot;

    pool = ngx_create_pool(NGX_HTTP_SOMA_JWKS_POOL, ngx_cycle->log);
    if (pool == NULL) {
        return;
    }

    set = ngx_pcalloc(pool, sizeof(soma_jwks_t));
    text.data = ngx_pnalloc(pool, SOMA_JWKS_MAX);

    if (set == NULL || text.data == NULL) {
        ngx_destroy_pool(pool);
        return;
    }

    ngx_shmtx_lock(&w->main->shpool->mutex);

    version = slot->version;
    text.len = slot->len;
    ngx_memcpy(text.data, slot->text, text.len);

    ngx_shmtx_unlock(&w->main->shpool->mutex);

    arena = ngx_http_soma_arena(pool);
    w->tried = version;

    if (soma_jwks_parse(set, &arena, ngx_http_soma_str(text), 0, &error)
        != SOMA_OK)
    {
        /* it was good where it was fetched: there is no memory here */

        ngx_http_soma_log(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "soma_jwt \"%V\": its new keys cannot be used: %s",
                          &w->jwt->name, error);
        soma_jwks_free(set);
        ngx_destroy_pool(pool);
        return;
    }

    (void) ngx_pfree(pool, text.data);

    if (w->pool) {
        soma_jwks_free(w->set);
        ngx_destroy_pool(w->pool);
    }

    w->pool = pool;
    w->set = set;
    w->version = version;
}


static void
ngx_http_soma_jwks_tick(ngx_event_t *ev)
{
    ngx_http_soma_jwks_worker_t  *w;

    w = (ngx_http_soma_jwks_worker_t *)
            ((u_char *) ev - offsetof(ngx_http_soma_jwks_worker_t, timer));

    if (ngx_exiting) {
        return;
    }

    if (ngx_http_soma_jwks_slot_lease(w->main, w->jwt, w->set != NULL, 0)
        == NGX_OK)
    {
        ngx_http_soma_jwks_fetch(w);
    }

    ngx_http_soma_jwks_sleep(w);
}


static void
ngx_http_soma_jwks_sleep(ngx_http_soma_jwks_worker_t *w)
{
    ngx_msec_int_t  ms;

    ms = (ngx_msec_int_t) (w->jwt->slot->next - ngx_current_msec);

    /* somebody fetches: there will be another time */

    ms = ngx_max(ms, 100);
    ms = ngx_min(ms, NGX_HTTP_SOMA_JWKS_TICK);

    if (w->timer.timer_set) {
        ngx_del_timer(&w->timer);
    }

    ngx_add_timer(&w->timer, (ngx_msec_t) ms);
}


static void
ngx_http_soma_jwks_fetch(ngx_http_soma_jwks_worker_t *w)
{
    ngx_http_soma_fetch_t  fetch;

    ngx_memzero(&fetch, sizeof(ngx_http_soma_fetch_t));

    fetch.url = w->jwt->url;
    fetch.ca = w->jwt->ca;
    fetch.max = SOMA_JWKS_MAX;
    fetch.timeout = NGX_HTTP_SOMA_JWKS_TIMEOUT;

    if (ngx_http_soma_fetch(&fetch, ngx_http_soma_jwks_fetched, w) != NGX_OK)
    {
        ngx_http_soma_jwks_slot_failed(w->main, w->jwt,
                                       "it cannot be asked: no memory, or "
                                       "too much is being fetched");
    }
}


static void
ngx_http_soma_jwks_fetched(ngx_http_soma_fetched_t *fetched, void *data)
{
    ngx_http_soma_jwks_worker_t *w = data;

    u_char       buf[64];
    ngx_uint_t   keys;
    const char  *error;

    keys = 0;
    error = fetched->error;

    if (error == NULL && fetched->status != NGX_HTTP_OK) {
        ngx_sprintf(buf, "it answers with status %ui%Z", fetched->status);
        error = (char *) buf;
    }

    if (error == NULL) {
        keys = ngx_http_soma_jwks_check(&fetched->body, &error);
    }

    if (error == NULL) {
        error = ngx_http_soma_jwks_slot_keep(w->main, w->jwt, &fetched->body,
                                             keys);
    }

    if (error) {
        ngx_http_soma_jwks_slot_failed(w->main, w->jwt, error);
    }

    /* who waits in this worker is told at once, in others at the next poll */

    if (ngx_http_soma_jwks_waiting.timer.timer_set) {
        ngx_del_timer(&ngx_http_soma_jwks_waiting.timer);
        ngx_add_timer(&ngx_http_soma_jwks_waiting.timer, 1);
    }

    if (!ngx_exiting) {
        ngx_http_soma_jwks_sleep(w);
    }
}


static ngx_uint_t
ngx_http_soma_jwks_check(ngx_str_t *text, const char **error)
{
    ngx_uint_t     keys;
    ngx_pool_t    *pool;
    soma_jwks_t    set;
    soma_arena_t   arena;

    pool = ngx_create_pool(NGX_HTTP_SOMA_JWKS_POOL, ngx_cycle->log);
    if (pool == NULL) {
        *error = "there is no memory for its keys";
        return 0;
    }

    arena = ngx_http_soma_arena(pool);

    (void) soma_jwks_parse(&set, &arena, ngx_http_soma_str(*text), 0, error);

    keys = set.n;

    soma_jwks_free(&set);
    ngx_destroy_pool(pool);

    return keys;
}


ngx_int_t
ngx_http_soma_jwks_wait(ngx_http_soma_ctx_t *ctx, ngx_http_soma_jwt_t *jwt)
{
    ngx_int_t                     rc;
    ngx_http_soma_jwks_wait_t    *wait;
    ngx_http_soma_jwks_worker_t  *w;

    w = &ngx_http_soma_jwks_workers[jwt->index];

    if (ngx_http_soma_jwks_waiting.count >= NGX_HTTP_SOMA_JWKS_WAITERS
        || w->strangers >= NGX_HTTP_SOMA_JWKS_STRANGERS)
    {
        return NGX_BUSY;
    }

    wait = ngx_palloc(ctx->request->pool, sizeof(ngx_http_soma_jwks_wait_t));
    if (wait == NULL) {
        return NGX_DECLINED;
    }

    wait->slot = jwt->slot;
    wait->strangers = w->set ? &w->strangers : NULL;
    wait->rounds = jwt->slot->rounds;
    wait->until = ngx_current_msec + NGX_HTTP_SOMA_JWKS_WAIT;

    rc = ngx_http_soma_jwks_slot_lease(w->main, jwt, w->set != NULL, 1);

    if (rc == NGX_DECLINED) {
        return NGX_DECLINED;
    }

    if (rc == NGX_OK) {
        ngx_http_soma_jwks_fetch(w);
    }

    if (ngx_http_soma_wait(ctx, NGX_HTTP_SOMA_WAIT_ISSUER, ctx->walk)
        != NGX_AGAIN)
    {
        return NGX_DECLINED;
    }

    ctx->wait.data = wait;
    ctx->wait.over = ngx_http_soma_jwks_over;

    ngx_queue_insert_tail(&ngx_http_soma_jwks_waiting.queue, &ctx->wait.queue);
    ngx_http_soma_jwks_waiting.count++;

    if (wait->strangers) {
        w->strangers++;
    }

    if (!ngx_http_soma_jwks_waiting.timer.timer_set) {
        ngx_add_timer(&ngx_http_soma_jwks_waiting.timer,
                      NGX_HTTP_SOMA_JWKS_POLL);
    }

    return NGX_AGAIN;
}


static void
ngx_http_soma_jwks_over(ngx_http_soma_ctx_t *ctx)
{
    ngx_http_soma_jwks_wait_t  *wait;

    wait = ctx->wait.data;

    ngx_http_soma_jwks_waiting.count--;

    if (wait->strangers) {
        (*wait->strangers)--;
    }
}


static void
ngx_http_soma_jwks_poll(ngx_event_t *ev)
{
    ngx_int_t                   rc;
    ngx_queue_t                *q, *next, done;
    ngx_http_soma_ctx_t        *ctx;
    ngx_http_soma_jwks_wait_t  *wait;

    ngx_queue_init(&done);

    for (q = ngx_queue_head(&ngx_http_soma_jwks_waiting.queue);
         q != ngx_queue_sentinel(&ngx_http_soma_jwks_waiting.queue);
         q = next)
    {
        next = ngx_queue_next(q);
        ctx = ngx_queue_data(q, ngx_http_soma_ctx_t, wait.queue);
        wait = ctx->wait.data;

        if (wait->slot->rounds != wait->rounds
            || ngx_http_soma_jwks_due(ngx_current_msec, wait->until))
        {
            ngx_queue_remove(q);
            ngx_queue_insert_tail(&done, q);
        }
    }

    /* one that is run may end others, which take themselves out of the queue
     * that they are in */

    while (!ngx_queue_empty(&done)) {
        q = ngx_queue_head(&done);
        ctx = ngx_queue_data(q, ngx_http_soma_ctx_t, wait.queue);
        wait = ctx->wait.data;

        rc = (wait->slot->rounds != wait->rounds) ? NGX_OK : NGX_BUSY;

        ngx_http_soma_wake(ctx, rc);
    }

    if (!ngx_queue_empty(&ngx_http_soma_jwks_waiting.queue)
        && !ev->timer_set)
    {
        ngx_add_timer(ev, NGX_HTTP_SOMA_JWKS_POLL);
    }
}


void
ngx_http_soma_jwks_state(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_jwt_t *jwt, ngx_http_soma_jwks_state_t *state)
{
    ngx_http_soma_jwks_slot_t  *slot;

    ngx_memzero(state, sizeof(ngx_http_soma_jwks_state_t));

    if (jwt->set) {
        state->keys = jwt->set->n;
        return;
    }

    slot = jwt->slot;

    ngx_shmtx_lock(&smcf->shpool->mutex);

    state->keys = slot->keys;
    state->fetched = slot->fetched;
    state->error_len = slot->error_len;
    ngx_memcpy(state->error, slot->error, slot->error_len);

    ngx_shmtx_unlock(&smcf->shpool->mutex);
}
