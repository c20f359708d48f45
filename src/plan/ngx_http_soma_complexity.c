
/*
 * Copyright (C) The ngx_soma authors
 */


#include "ngx_http_soma_complexity.h"
#include "ngx_http_soma_file.h"
#include "ngx_http_soma_inner.h"


#define NGX_HTTP_SOMA_COMPLEXITY_FILE_MAX  (8 * 1024 * 1024)


static ngx_int_t ngx_http_soma_complexity_read(ngx_conf_t *cf,
    ngx_http_soma_complexity_t *c);
static ngx_int_t ngx_http_soma_complexity_share(ngx_http_soma_complexity_t *c,
    ngx_str_t *value);
static int ngx_http_soma_complexity_pair(ngx_http_soma_complexity_t *c,
    ngx_str_t *said, ngx_str_t *weak, ngx_str_t *strong);
static void ngx_http_soma_complexity_names(ngx_http_soma_complexity_t *c,
    u_char *p, u_char *last, ngx_str_t *names);


ngx_http_soma_complexity_t *
ngx_http_soma_complexity_conf(ngx_conf_t *cf, ngx_http_soma_block_t *block)
{
    ngx_str_t                   *value;
    ngx_uint_t                   i;
    ngx_http_soma_complexity_t  *c;

    c = ngx_pcalloc(cf->pool, sizeof(ngx_http_soma_complexity_t));
    if (c == NULL) {
        return NULL;
    }

    c->share = NGX_HTTP_SOMA_COMPLEXITY_SAVE;
    c->file = cf->conf_file->file.name.data;
    c->line = cf->conf_file->line;
    value = cf->args->elts;

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "weights=", 8) == 0
            && value[i].len > 8)
        {
            c->path.data = value[i].data + 8;
            c->path.len = value[i].len - 8;
            continue;
        }

        if (ngx_strncmp(value[i].data, "pair=", 5) == 0 && value[i].len > 5
            && c->npairs < SOMA_TARGETS_MAX)
        {
            c->pair[c->npairs].data = value[i].data + 5;
            c->pair[c->npairs++].len = value[i].len - 5;
            continue;
        }

        if (ngx_http_soma_complexity_share(c, &value[i]) == NGX_OK) {
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"%V\" behind \"strategy complexity\" of "
                           "soma_route \"%V\": weights=FILE, save=N%% or "
                           "keep=0.N, and pair=NAME are allowed", &value[i],
                           block->name);
        return NULL;
    }

    if (c->path.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"strategy complexity\" of soma_route \"%V\" needs "
                           "weights=FILE, which soma-route has made",
                           block->name);
        return NULL;
    }

    if (ngx_conf_full_name(cf->cycle, &c->path, 1) != NGX_OK
        || ngx_http_soma_complexity_read(cf, c) != NGX_OK)
    {
        return NULL;
    }

    return c;
}


/* "save=30%" or "keep=0.98", into thousandths */
static ngx_int_t
ngx_http_soma_complexity_share(ngx_http_soma_complexity_t *c,
    ngx_str_t *value)
{
    int64_t     n;
    soma_str_t  s;

    s.data = value->data + 5;
    s.len = value->len - 5;

    if (value->len < 6
        || (ngx_strncmp(value->data, "save=", 5) != 0
            && ngx_strncmp(value->data, "keep=", 5) != 0))
    {
        return NGX_DECLINED;
    }

    c->keep = (value->data[0] == 'k');

    if (s.data[s.len - 1] == '%') {
        s.len--;

        if (soma_number_decimal(s, 1, &n) != SOMA_OK) {
            return NGX_DECLINED;
        }

    } else if (soma_number_decimal(s, 3, &n) != SOMA_OK) {
        return NGX_DECLINED;
    }

    if (n < 0 || n > 1000) {
        return NGX_DECLINED;
    }

    c->share = (ngx_uint_t) n;

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_complexity_read(ngx_conf_t *cf, ngx_http_soma_complexity_t *c)
{
    ngx_str_t    text;
    soma_str_t   bytes;
    const char  *error;

    if (ngx_http_soma_file_read(cf, &c->path,
                                NGX_HTTP_SOMA_COMPLEXITY_FILE_MAX,
                                NGX_HTTP_SOMA_FILE_PLAIN, &text)
        != NGX_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "weights \"%V\" could not be opened or read",
                           &c->path);
        return NGX_ERROR;
    }

    /* aligned, and for as long as the configuration lives */

    bytes.len = text.len;
    bytes.data = ngx_palloc(cf->pool, text.len + sizeof(uint64_t));

    if (bytes.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(bytes.data, text.data, text.len);

    if (soma_complexity_load(&c->weights, bytes, &error) != SOMA_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "weights \"%V\": %s",
                           &c->path, error);
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_soma_complexity_init(ngx_conf_t *cf, ngx_http_soma_route_t *route)
{
    int                          pair;
    u_char                       buf[NGX_HTTP_SOMA_BLOCK_SAID];
    ngx_str_t                    names;
    ngx_uint_t                   i;
    ngx_http_soma_target_t      *target;
    ngx_http_soma_complexity_t  *c;

    c = route->complexity;
    target = route->targets.elts;

    if (c->npairs > 0 && c->npairs + 1 != route->targets.nelts) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "soma_route \"%V\" has %ui models and %ui \"pair=\": one "
                      "is needed for each step from a model to the next in "
                      "%s:%ui", &route->name, route->targets.nelts, c->npairs,
                      c->file, c->line);
        return NGX_ERROR;
    }

    for (i = 0; i + 1 < route->targets.nelts; i++) {

        pair = ngx_http_soma_complexity_pair(c, c->npairs ? &c->pair[i] : NULL,
                                             &target[i].model->name,
                                             &target[i + 1].model->name);

        if (pair >= 0) {
            soma_complexity_cut(&c->weights, &c->step[i], (unsigned) pair,
                                c->keep, (unsigned) c->share);
            continue;
        }

        ngx_http_soma_complexity_names(c, buf, buf + sizeof(buf), &names);

        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "soma_route \"%V\" goes from \"%V\" to \"%V\", and "
                      "weights \"%V\" have no pair of that name: choose one "
                      "of them with \"pair=\": %V in %s:%ui", &route->name,
                      &target[i].model->name, &target[i + 1].model->name,
                      &c->path, &names, c->file, c->line);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* the one that was said, else "WEAK > STRONG", else the only one */
static int
ngx_http_soma_complexity_pair(ngx_http_soma_complexity_t *c, ngx_str_t *said,
    ngx_str_t *weak, ngx_str_t *strong)
{
    int         pair;
    u_char      buf[SOMA_COMPLEXITY_NAME_MAX];
    soma_str_t  name;

    if (said != NULL) {
        return soma_complexity_find(&c->weights, ngx_http_soma_str(*said));
    }

    name.data = buf;
    name.len = ngx_snprintf(buf, sizeof(buf), "%V > %V", weak, strong) - buf;
    pair = soma_complexity_find(&c->weights, name);

    return (pair < 0 && c->weights.file->npairs == 1) ? 0 : pair;
}


static void
ngx_http_soma_complexity_names(ngx_http_soma_complexity_t *c, u_char *p,
    u_char *last, ngx_str_t *names)
{
    ngx_uint_t  i;

    names->data = p;

    for (i = 0; i < c->weights.file->npairs; i++) {
        p = ngx_slprintf(p, last, "%s\"%s\"", i ? ", " : "",
                         c->weights.file->pair[i].name);
    }

    names->len = p - names->data;
}


ngx_int_t
ngx_http_soma_complexity(ngx_http_soma_ctx_t *ctx, ngx_uint_t *first)
{
    size_t                       len;
    u_char                      *p;
    ngx_int_t                    rc;
    soma_str_t                   words;
    const char                  *error;
    ngx_http_soma_complexity_t  *c;

    *first = 0;
    c = ctx->route->complexity;

    rc = ngx_http_soma_inner(ctx, &error);

    if (rc != NGX_OK) {

        /* what cannot be read is somebody else's to refuse */

        ngx_str_set(&ctx->plan.reason, "complexity: not known");

        return (rc == NGX_DECLINED) ? NGX_OK : rc;
    }

    p = ngx_pnalloc(ctx->request->pool, NGX_HTTP_SOMA_COMPLEXITY_TOLD);

    if (p == NULL
        || soma_inner_words(&ctx->arena, ctx->inner, &words) != SOMA_OK)
    {
        return NGX_ERROR;
    }

    ctx->plan.reason.data = p;
    p = ngx_cpymem(p, "complexity: ", sizeof("complexity: ") - 1);

    *first = soma_complexity_steps(&c->weights, c->step,
                           (unsigned) ctx->route->targets.nelts - 1, words,
                           ctx->inner->ntools, (char *) p,
                           NGX_HTTP_SOMA_COMPLEXITY_TOLD
                           - (sizeof("complexity: ") - 1), &len);

    ctx->plan.reason.len = p + len - ctx->plan.reason.data;

    return NGX_OK;
}
