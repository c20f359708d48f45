
/*
 * Copyright (C) The ngx_soma authors
 *
 * Images and documents that a client named by URL, for targets that take
 * their bytes alone: they are fetched before the first attempt, for a fallback
 * cannot wait.  A client could name any host: private addresses are refused
 * unless the configuration allows them, and all is bounded.
 */


#include "ngx_http_soma_attempt.h"
#include "ngx_http_soma_fetch.h"


#define NGX_HTTP_SOMA_MEDIA_MAX        20       /* of a request */
#define NGX_HTTP_SOMA_MEDIA_AT_ONCE    4
#define NGX_HTTP_SOMA_MEDIA_SIZE       (20 * 1024 * 1024)   /* bytes of one */
#define NGX_HTTP_SOMA_MEDIA_TOTAL      (32 * 1024 * 1024)   /* of a request */
#define NGX_HTTP_SOMA_MEDIA_TIMEOUT    15000    /* ms, of one */
#define NGX_HTTP_SOMA_MEDIA_REDIRECTS  3
#define NGX_HTTP_SOMA_MEDIA_URL        8192     /* bytes */
#define NGX_HTTP_SOMA_MEDIA_SHOWN      200      /* of it, in a message */


typedef struct ngx_http_soma_media_s  ngx_http_soma_media_t;

/* one that is under way; it outlives the request where that ends first */
typedef struct {
    ngx_http_soma_media_t  *media;      /* NULL: its request has gone */
    ngx_uint_t              index;
} ngx_http_soma_media_job_t;

struct ngx_http_soma_media_s {
    ngx_http_soma_ctx_t        *ctx;
    soma_inner_block_t         *block[NGX_HTTP_SOMA_MEDIA_MAX];
    ngx_http_soma_media_job_t  *job[NGX_HTTP_SOMA_MEDIA_MAX];
    ngx_uint_t                  n;
    ngx_uint_t                  next;
    ngx_uint_t                  running;
    size_t                      total;  /* bytes so far */
    ngx_int_t                   rc;     /* NGX_OK, or the status of an error */
};


static unsigned ngx_http_soma_media_kinds(ngx_http_soma_ctx_t *ctx);
static ngx_int_t ngx_http_soma_media_start(ngx_http_soma_media_t *media);
static ngx_int_t ngx_http_soma_media_fetch(ngx_http_soma_media_t *media,
    ngx_uint_t i);
static void ngx_http_soma_media_done(ngx_http_soma_fetched_t *fetched,
    void *data);
static void ngx_http_soma_media_take(ngx_http_soma_media_t *media,
    ngx_uint_t i, ngx_http_soma_fetched_t *fetched);
static void ngx_http_soma_media_forget(ngx_http_soma_media_t *media);
static void ngx_http_soma_media_over(ngx_http_soma_ctx_t *ctx);
static ngx_int_t ngx_http_soma_media_fault(ngx_http_soma_media_t *media,
    ngx_uint_t i, const char *why);


ngx_int_t
ngx_http_soma_media(ngx_http_soma_ctx_t *ctx)
{
    unsigned                kinds;
    ngx_int_t               rc;
    ngx_uint_t              n;
    const char             *error;
    ngx_http_soma_media_t  *media;

    if (ctx->conf->fetch_media == NGX_HTTP_SOMA_MEDIA_OFF) {
        return NGX_OK;
    }

    kinds = ngx_http_soma_media_kinds(ctx);

    if (kinds == 0) {
        return NGX_OK;
    }

    rc = ngx_http_soma_inner(ctx, &error);

    if (rc != NGX_OK) {

        /* whoever is asked this says so */

        return (rc == NGX_DECLINED) ? NGX_OK
                                    : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (soma_inner_urls(ctx->inner, kinds, NULL, 0) == 0) {
        return NGX_OK;
    }

    media = ngx_pcalloc(ctx->request->pool, sizeof(ngx_http_soma_media_t));
    if (media == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    media->ctx = ctx;

    n = soma_inner_urls(ctx->inner, kinds, media->block,
                        NGX_HTTP_SOMA_MEDIA_MAX);

    if (n > NGX_HTTP_SOMA_MEDIA_MAX) {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_BAD_REQUEST,
                                   "too_much_media",
                                   "the request names %ui images and "
                                   "documents by URL, of which %d are "
                                   "fetched at most: send their bytes", n,
                                   NGX_HTTP_SOMA_MEDIA_MAX);
    }

    media->n = n;

    rc = ngx_http_soma_media_start(media);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_soma_wait(ctx, NGX_HTTP_SOMA_WAIT_MEDIA, ctx->walk);

    if (rc != NGX_AGAIN) {
        ngx_http_soma_media_forget(media);
        return rc;
    }

    ctx->wait.data = media;
    ctx->wait.over = ngx_http_soma_media_over;

    return NGX_AGAIN;
}


/* what targets of the plan take by its bytes alone */
static unsigned
ngx_http_soma_media_kinds(ngx_http_soma_ctx_t *ctx)
{
    unsigned                 kinds;
    ngx_uint_t               i;
    ngx_http_soma_model_t   *model;
    ngx_http_soma_target_t  *target;

    if (ctx->client->read_request == NULL || ctx->ask.scan == NULL
        || ctx->ask.api == SOMA_API_EMBEDDINGS)
    {
        return 0;
    }

    kinds = 0;
    target = ctx->route->targets.elts;

    for (i = 0; i < ctx->plan.n; i++) {
        model = target[ctx->plan.order[i]].model;

        if (!soma_dialect_same(ctx->client, model->dialect, ctx->ask.api)) {
            kinds |= model->dialect->fetches;
        }
    }

    return kinds;
}


static ngx_int_t
ngx_http_soma_media_start(ngx_http_soma_media_t *media)
{
    ngx_int_t  rc;

    while (media->next < media->n
           && media->running < NGX_HTTP_SOMA_MEDIA_AT_ONCE)
    {
        rc = ngx_http_soma_media_fetch(media, media->next++);

        if (rc != NGX_OK) {

            /* those under way have nobody to tell */

            ngx_http_soma_media_forget(media);
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_media_fetch(ngx_http_soma_media_t *media, ngx_uint_t i)
{
    u_char                     *p;
    soma_str_t                  url;
    ngx_http_soma_ctx_t        *ctx;
    ngx_http_soma_fetch_t       fetch;
    ngx_http_soma_media_job_t  *job;

    ctx = media->ctx;

    if (soma_inner_plain(&ctx->arena, media->block[i]->data, &url)
        != SOMA_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (url.len > NGX_HTTP_SOMA_MEDIA_URL
        || memchr(url.data, '\0', url.len) != NULL)
    {
        return ngx_http_soma_media_fault(media, i, "that is no URL");
    }

    p = ngx_pnalloc(ctx->request->pool, url.len + 1);
    job = ngx_calloc(sizeof(ngx_http_soma_media_job_t), ngx_cycle->log);

    if (p == NULL || job == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memcpy(p, url.data, url.len);
    p[url.len] = '\0';

    ngx_memzero(&fetch, sizeof(ngx_http_soma_fetch_t));

    fetch.url.data = p;
    fetch.url.len = url.len;
    fetch.max = NGX_HTTP_SOMA_MEDIA_SIZE;
    fetch.timeout = NGX_HTTP_SOMA_MEDIA_TIMEOUT;
    fetch.redirects = NGX_HTTP_SOMA_MEDIA_REDIRECTS;
    fetch.strange = (ctx->conf->fetch_media != NGX_HTTP_SOMA_MEDIA_ALL);

    job->media = media;
    job->index = i;
    media->job[i] = job;

    if (ngx_http_soma_fetch(&fetch, ngx_http_soma_media_done, job)
        != NGX_OK)
    {
        media->job[i] = NULL;
        ngx_free(job);

        return ngx_http_soma_fault(ctx, SOMA_FAULT_UNAVAILABLE,
                                   "too_many_fetches",
                                   "too much is being fetched at the moment: "
                                   "try again, or send the bytes");
    }

    media->running++;

    return NGX_OK;
}


static void
ngx_http_soma_media_done(ngx_http_soma_fetched_t *fetched, void *data)
{
    ngx_http_soma_media_job_t *job = data;

    ngx_uint_t              i;
    ngx_http_soma_media_t  *media;

    i = job->index;
    media = job->media;

    ngx_free(job);

    if (media == NULL) {
        return;
    }

    media->job[i] = NULL;
    media->running--;

    ngx_http_soma_media_take(media, i, fetched);

    if (media->rc == NGX_OK) {
        media->rc = ngx_http_soma_media_start(media);
    }

    if (media->rc != NGX_OK || media->running == 0) {
        ngx_http_soma_wake(media->ctx, media->rc);
    }
}


static void
ngx_http_soma_media_take(ngx_http_soma_media_t *media, ngx_uint_t i,
    ngx_http_soma_fetched_t *fetched)
{
    int  rc;

    if (fetched->error) {
        media->rc = ngx_http_soma_media_fault(media, i, fetched->error);
        return;
    }

    if (fetched->status != NGX_HTTP_OK) {
        media->rc = ngx_http_soma_media_fault(media, i,
                                              fetched->status == 404
                                              ? "there is nothing there (404)"
                                              : "it was answered with an "
                                                "error");
        return;
    }

    media->total += fetched->body.len;

    if (media->total > NGX_HTTP_SOMA_MEDIA_TOTAL) {
        media->rc = ngx_http_soma_media_fault(media, i,
                                              "all that the request names "
                                              "comes to more than 32 MB");
        return;
    }

    rc = soma_inner_fetched(&media->ctx->arena, media->block[i],
                            ngx_http_soma_str(fetched->body));

    if (rc == SOMA_DECLINED) {
        media->rc = ngx_http_soma_media_fault(media, i,
                                              media->block[i]->kind
                                              == SOMA_INNER_IMAGE
                                              ? "what is there is no image"
                                              : "what is there is no PDF");

    } else if (rc != SOMA_OK) {
        media->rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
}


static void
ngx_http_soma_media_over(ngx_http_soma_ctx_t *ctx)
{
    ngx_http_soma_media_forget(ctx->wait.data);
}


/* the wait is over, or the request is: what is under way tells nobody */
static void
ngx_http_soma_media_forget(ngx_http_soma_media_t *media)
{
    ngx_uint_t  i;

    for (i = 0; i < media->n; i++) {
        if (media->job[i]) {
            media->job[i]->media = NULL;
            media->job[i] = NULL;
        }
    }
}


static ngx_int_t
ngx_http_soma_media_fault(ngx_http_soma_media_t *media, ngx_uint_t i,
    const char *why)
{
    size_t      len;
    soma_str_t  url;

    url = media->block[i]->data;
    len = ngx_min(url.len, NGX_HTTP_SOMA_MEDIA_SHOWN);

    return ngx_http_soma_fault(media->ctx, SOMA_FAULT_BAD_REQUEST,
                               "media_unavailable",
                               "\"%*s\" could not be fetched for a provider "
                               "that takes bytes alone: %s", len, url.data,
                               why);
}
