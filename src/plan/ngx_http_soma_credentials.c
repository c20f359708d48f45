
/*
 * Copyright (C) The ngx_soma authors
 *
 * Credentials that expire: each worker fetches its own, and new ones before
 * their end; while the last ones are good a source that fails does no harm.
 */


#include "ngx_http_soma_plan.h"
#include "ngx_http_soma_credentials.h"
#include "ngx_http_soma_fetch.h"


#define NGX_HTTP_SOMA_CREDENTIALS_POOL     4096
#define NGX_HTTP_SOMA_CREDENTIALS_ANSWER   65536        /* bytes */
#define NGX_HTTP_SOMA_CREDENTIALS_TIMEOUT  5000         /* ms */
#define NGX_HTTP_SOMA_CREDENTIALS_EARLY    300000       /* ms before the end */
#define NGX_HTTP_SOMA_CREDENTIALS_LEAST    1000         /* ms between two */
#define NGX_HTTP_SOMA_CREDENTIALS_MOST     60000        /* after failures */
#define NGX_HTTP_SOMA_CREDENTIALS_UNSAID   900000       /* ms, where no end
                                                           was told */
#define NGX_HTTP_SOMA_CREDENTIALS_LINE     4096         /* of a header, of a
                                                           role's name */

#define NGX_HTTP_SOMA_CREDENTIALS_ROLES                                       \
    "/latest/meta-data/iam/security-credentials/"


static void ngx_http_soma_credentials_tick(ngx_event_t *ev);
static ngx_int_t ngx_http_soma_credentials_fetch(
    ngx_http_soma_credentials_t *c);
static ngx_int_t ngx_http_soma_credentials_account(
    ngx_http_soma_credentials_t *c, ngx_http_soma_fetch_t *fetch);
static ngx_int_t ngx_http_soma_credentials_role(
    ngx_http_soma_credentials_t *c, ngx_http_soma_fetch_t *fetch);
static void ngx_http_soma_credentials_fetched(
    ngx_http_soma_fetched_t *fetched, void *data);
static const char *ngx_http_soma_credentials_next(
    ngx_http_soma_credentials_t *c, ngx_http_soma_fetched_t *fetched);
static const char *ngx_http_soma_credentials_set(
    ngx_http_soma_credentials_t *c, ngx_str_t *body);
static ngx_int_t ngx_http_soma_credentials_copy(ngx_pool_t *pool,
    ngx_str_t *to, const char *head, soma_str_t from, const char *tail);
static void ngx_http_soma_credentials_done(ngx_http_soma_credentials_t *c,
    const char *error);


static ngx_http_soma_main_conf_t  *ngx_http_soma_credentials_main;


ngx_int_t
ngx_http_soma_credentials_init_worker(ngx_cycle_t *cycle,
    ngx_http_soma_main_conf_t *smcf)
{
    ngx_uint_t                     i;
    ngx_http_soma_provider_t     **pp;
    ngx_http_soma_credentials_t   *c;

    ngx_http_soma_credentials_main = smcf;
    pp = smcf->providers.elts;

    for (i = 0; i < smcf->providers.nelts; i++) {
        c = pp[i]->credentials;

        if (c == NULL || c->kind == NGX_HTTP_SOMA_CREDENTIALS_STATIC) {
            continue;
        }

        ngx_queue_init(&c->waiting);

        c->dummy.fd = (ngx_socket_t) -1;
        c->dummy.data = c;
        c->timer.handler = ngx_http_soma_credentials_tick;
        c->timer.data = &c->dummy;
        c->timer.log = cycle->log;
        c->timer.cancelable = 1;
        c->backoff = NGX_HTTP_SOMA_CREDENTIALS_LEAST;

        ngx_add_timer(&c->timer, 1);
    }

    return NGX_OK;
}


void
ngx_http_soma_credentials_exit_worker(void)
{
    ngx_uint_t                     i;
    ngx_http_soma_provider_t     **pp;
    ngx_http_soma_credentials_t   *c;

    if (ngx_http_soma_credentials_main == NULL) {
        return;
    }

    pp = ngx_http_soma_credentials_main->providers.elts;

    for (i = 0; i < ngx_http_soma_credentials_main->providers.nelts; i++) {
        c = pp[i]->credentials;

        if (c == NULL) {
            continue;
        }

        if (c->timer.timer_set) {
            ngx_del_timer(&c->timer);
        }

        if (c->asking) {
            ngx_destroy_pool(c->asking);
            c->asking = NULL;
        }

        if (c->pool) {
            ngx_destroy_pool(c->pool);
            c->pool = NULL;
            c->ready = 0;
        }
    }

    ngx_http_soma_credentials_main = NULL;
}


ngx_int_t
ngx_http_soma_credentials_wait(ngx_http_soma_ctx_t *ctx)
{
    ngx_int_t                     rc;
    ngx_http_soma_target_t       *target;
    ngx_http_soma_credentials_t  *c;

    target = ctx->route->targets.elts;

    if (ctx->plan.n == 0
        || ngx_http_soma_waited_for(ctx, NGX_HTTP_SOMA_WAIT_TOKEN))
    {
        return NGX_OK;
    }

    c = target[ctx->plan.order[0]].model->provider->credentials;

    if (c == NULL || c->ready
        || (!c->fetching && c->backoff > NGX_HTTP_SOMA_CREDENTIALS_LEAST))
    {
        return NGX_OK;
    }

    rc = ngx_http_soma_wait(ctx, NGX_HTTP_SOMA_WAIT_TOKEN, ctx->walk);

    if (rc == NGX_AGAIN) {
        ngx_queue_insert_tail(&c->waiting, &ctx->wait.queue);
    }

    return rc;
}


static void
ngx_http_soma_credentials_tick(ngx_event_t *ev)
{
    ngx_http_soma_credentials_t  *c;

    c = ((ngx_connection_t *) ev->data)->data;

    if (ngx_exiting || ngx_terminate || c->fetching) {
        return;
    }

    c->fetching = 1;
    c->step = (c->kind == NGX_HTTP_SOMA_CREDENTIALS_ROLE)
              ? NGX_HTTP_SOMA_CREDENTIALS_SESSION
              : NGX_HTTP_SOMA_CREDENTIALS_LAST;

    c->asking = ngx_create_pool(NGX_HTTP_SOMA_CREDENTIALS_POOL,
                                ngx_cycle->log);

    if (c->asking == NULL || ngx_http_soma_credentials_fetch(c) != NGX_OK) {
        ngx_http_soma_credentials_done(c, "they could not be asked for");
    }
}


static ngx_int_t
ngx_http_soma_credentials_fetch(ngx_http_soma_credentials_t *c)
{
    ngx_int_t              rc;
    ngx_http_soma_fetch_t  fetch;

    ngx_memzero(&fetch, sizeof(ngx_http_soma_fetch_t));

    fetch.max = NGX_HTTP_SOMA_CREDENTIALS_ANSWER;
    fetch.timeout = NGX_HTTP_SOMA_CREDENTIALS_TIMEOUT;
    fetch.url = c->url;

    if (c->header.len) {
        fetch.headers[0] = (char *) c->header.data;
    }

    rc = NGX_OK;

    if (c->kind == NGX_HTTP_SOMA_CREDENTIALS_ACCOUNT) {
        rc = ngx_http_soma_credentials_account(c, &fetch);

    } else if (c->kind == NGX_HTTP_SOMA_CREDENTIALS_ROLE) {
        rc = ngx_http_soma_credentials_role(c, &fetch);
    }

    return (rc == NGX_OK)
           ? ngx_http_soma_fetch(&fetch, ngx_http_soma_credentials_fetched, c)
           : NGX_ERROR;
}


static ngx_int_t
ngx_http_soma_credentials_account(ngx_http_soma_credentials_t *c,
    ngx_http_soma_fetch_t *fetch)
{
    soma_str_t    form;
    soma_arena_t  arena;

    arena = ngx_http_soma_arena(c->asking);

    if (soma_credentials_grant(&arena, &c->account, ngx_http_soma_now(),
                               &form)
        != SOMA_OK)
    {
        return NGX_ERROR;
    }

    fetch->body = ngx_http_soma_ngx(form);

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_credentials_role(ngx_http_soma_credentials_t *c,
    ngx_http_soma_fetch_t *fetch)
{
    char  *base;

    base = (char *) c->url.data;

    switch (c->step) {

    case NGX_HTTP_SOMA_CREDENTIALS_SESSION:
        fetch->method = "PUT";
        fetch->headers[0] = "X-aws-ec2-metadata-token-ttl-seconds: 21600";

        return ngx_http_soma_credentials_join(c->asking, &fetch->url, base,
                                              "/latest/api/token", "");

    case NGX_HTTP_SOMA_CREDENTIALS_NAME:
        fetch->headers[0] = (char *) c->session.data;

        return ngx_http_soma_credentials_join(c->asking, &fetch->url, base,
                                       NGX_HTTP_SOMA_CREDENTIALS_ROLES, "");

    default:
        fetch->headers[0] = (char *) c->session.data;

        return ngx_http_soma_credentials_join(c->asking, &fetch->url, base,
                                       NGX_HTTP_SOMA_CREDENTIALS_ROLES,
                                       (char *) c->role.data);
    }
}


static void
ngx_http_soma_credentials_fetched(ngx_http_soma_fetched_t *fetched,
    void *data)
{
    ngx_http_soma_credentials_t *c = data;

    const char  *error;

    error = fetched->error;

    if (error == NULL && fetched->status != NGX_HTTP_OK) {
        error = (fetched->status == NGX_HTTP_BAD_REQUEST
                 || fetched->status == NGX_HTTP_UNAUTHORIZED
                 || fetched->status == NGX_HTTP_FORBIDDEN)
                ? "they are refused: the account, its key or its rights are "
                  "not good"
                : "they were answered with an error";
    }

    if (error == NULL && c->step != NGX_HTTP_SOMA_CREDENTIALS_LAST) {
        error = ngx_http_soma_credentials_next(c, fetched);

        if (error == NULL) {
            return;
        }

    } else if (error == NULL) {
        error = ngx_http_soma_credentials_set(c, &fetched->body);
    }

    ngx_http_soma_credentials_done(c, error);
}


/* what was said is a part of what is asked next; NULL: that is under way */
static const char *
ngx_http_soma_credentials_next(ngx_http_soma_credentials_t *c,
    ngx_http_soma_fetched_t *fetched)
{
    size_t      i;
    ngx_int_t   rc;
    soma_str_t  word;

    word = ngx_http_soma_str(fetched->body);

    for (i = 0; i < word.len && word.data[i] > ' ' && word.data[i] < 0x7f;
         i++)
    {
        /* void */
    }

    word.len = i;

    if (word.len == 0 || word.len > NGX_HTTP_SOMA_CREDENTIALS_LINE) {
        return "what the instance says of itself is not understood";
    }

    if (c->step == NGX_HTTP_SOMA_CREDENTIALS_SESSION) {
        c->step = NGX_HTTP_SOMA_CREDENTIALS_NAME;
        rc = ngx_http_soma_credentials_copy(c->asking, &c->session,
                                            "X-aws-ec2-metadata-token: ",
                                            word, "");

    } else {
        c->step = NGX_HTTP_SOMA_CREDENTIALS_LAST;
        rc = ngx_http_soma_credentials_copy(c->asking, &c->role, "", word,
                                            "");
    }

    return (rc == NGX_OK && ngx_http_soma_credentials_fetch(c) == NGX_OK)
           ? NULL : "they could not be asked for";
}


static const char *
ngx_http_soma_credentials_set(ngx_http_soma_credentials_t *c, ngx_str_t *body)
{
    int                  rc;
    ngx_str_t            text, auth;
    ngx_pool_t          *pool;
    soma_arena_t         arena;
    soma_credentials_t   now;

    pool = ngx_create_pool(NGX_HTTP_SOMA_CREDENTIALS_POOL, ngx_cycle->log);
    if (pool == NULL) {
        return "there is no memory";
    }

    arena = ngx_http_soma_arena(pool);
    rc = SOMA_DECLINED;
    ngx_memzero(&now, sizeof(soma_credentials_t));

    if (ngx_http_soma_credentials_copy(pool, &text, "",
                                       ngx_http_soma_str(*body), "")
        == NGX_OK)
    {
        rc = c->provider->dialect->sign
             ? soma_credentials_role(&arena, ngx_http_soma_str(text), &now)
             : soma_credentials_token(&arena, ngx_http_soma_str(text),
                                      ngx_http_soma_now(), &now);
    }

    if (rc == SOMA_OK && c->provider->dialect->sign == NULL) {
        rc = ngx_http_soma_credentials_copy(pool, &auth,
                                            "Authorization: Bearer ",
                                            now.token, "\r\n");
        c->provider->auth = auth;
    }

    if (rc != SOMA_OK) {
        ngx_destroy_pool(pool);
        return "what was answered holds none";
    }

    if (c->pool) {
        ngx_destroy_pool(c->pool);
    }

    c->pool = pool;
    c->now = now;
    c->ready = 1;

    return NULL;
}


static ngx_int_t
ngx_http_soma_credentials_copy(ngx_pool_t *pool, ngx_str_t *to,
    const char *head, soma_str_t from, const char *tail)
{
    u_char  *p;

    p = ngx_pnalloc(pool, ngx_strlen(head) + from.len + ngx_strlen(tail) + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    to->data = p;
    to->len = ngx_sprintf(p, "%s%*s%s%Z", head, from.len, from.data, tail)
              - p - 1;

    return NGX_OK;
}


/* NULL: there are new ones */
static void
ngx_http_soma_credentials_done(ngx_http_soma_credentials_t *c,
    const char *error)
{
    int64_t       left;
    ngx_msec_t    ms;
    ngx_queue_t  *q;

    c->fetching = 0;

    if (c->asking) {
        ngx_destroy_pool(c->asking);
        c->asking = NULL;
    }

    if (error) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "soma: the credentials of soma_provider \"%V\" could "
                      "not be fetched: %s; next try in %M ms",
                      &c->provider->name, error, c->backoff);

        ms = c->backoff;
        c->backoff = ngx_min(2 * c->backoff, NGX_HTTP_SOMA_CREDENTIALS_MOST);

        if (c->ready && c->now.expires
            && c->now.expires <= ngx_http_soma_now())
        {
            c->ready = 0;
        }

    } else {
        c->backoff = NGX_HTTP_SOMA_CREDENTIALS_LEAST;
        ms = NGX_HTTP_SOMA_CREDENTIALS_UNSAID;

        if (c->now.expires) {
            left = c->now.expires - ngx_http_soma_now();
            left = ngx_max(left - NGX_HTTP_SOMA_CREDENTIALS_EARLY, left / 2);
            ms = (ngx_msec_t) ngx_max(left, NGX_HTTP_SOMA_CREDENTIALS_LEAST);
        }
    }

    ngx_add_timer(&c->timer, ms);

    while (!ngx_queue_empty(&c->waiting)) {
        q = ngx_queue_head(&c->waiting);

        ngx_http_soma_wake(ngx_queue_data(q, ngx_http_soma_ctx_t, wait.queue),
                           NGX_OK);
    }
}
