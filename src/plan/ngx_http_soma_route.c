
/*
 * Copyright (C) The ngx_soma authors
 *
 * The directive soma_route, and the table of everything a client may ask for
 * by name: routes, and each model as a route of its own.
 */


#include "ngx_http_soma_plan.h"
#include "ngx_http_soma_block.h"
#include "ngx_http_soma_complexity.h"
#include "ngx_http_soma_model.h"


#define NGX_HTTP_SOMA_ROUTE_WEIGHT  1000    /* the most that a model has */


typedef struct {
    ngx_http_soma_route_t   route;      /* first: routes are found by it */
    ngx_array_t             models;     /* ngx_str_t, by target */
    u_char                 *file;
    ngx_uint_t              line;
    ngx_uint_t              strategy;   /* soma_strategy_e */
    ngx_uint_t              retry;      /* 1: said */
} ngx_http_soma_route_conf_t;


static char *ngx_http_soma_route_strategy(ngx_conf_t *cf,
    ngx_http_soma_block_t *block, const ngx_http_soma_block_word_t *word,
    ngx_str_t *value);
static char *ngx_http_soma_route_model(ngx_conf_t *cf,
    ngx_http_soma_block_t *block, const ngx_http_soma_block_word_t *word,
    ngx_str_t *value);
static ngx_int_t ngx_http_soma_route_weight(ngx_conf_t *cf,
    ngx_uint_t *weight);
static char *ngx_http_soma_route_retry(ngx_conf_t *cf,
    ngx_http_soma_block_t *block, const ngx_http_soma_block_word_t *word,
    ngx_str_t *value);
static ngx_int_t ngx_http_soma_route_init(ngx_conf_t *cf,
    ngx_http_soma_main_conf_t *smcf, ngx_http_soma_route_conf_t *rcf);
static ngx_int_t ngx_http_soma_single_route(ngx_conf_t *cf,
    ngx_http_soma_main_conf_t *smcf, ngx_http_soma_model_t *model);
static ngx_int_t ngx_http_soma_route_name(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_route_t *route);


static const ngx_conf_enum_t  ngx_http_soma_route_strategies[] = {
    { ngx_string("order"), SOMA_ORDER },
    { ngx_string("weighted"), SOMA_WEIGHTED },
    { ngx_string("cost"), SOMA_CHEAPEST },
    { ngx_string("complexity"), SOMA_COMPLEXITY },
    { ngx_null_string, 0 }
};


static const ngx_http_soma_block_word_t  ngx_http_soma_route_words[] = {

    { "strategy", 1, NGX_HTTP_SOMA_BLOCK_MANY, 0,
      ngx_http_soma_route_strategy,
      offsetof(ngx_http_soma_route_conf_t, strategy),
      ngx_http_soma_route_strategies },

    { "model", 1, 2, NGX_HTTP_SOMA_BLOCK_AGAIN,
      ngx_http_soma_route_model, 0, NULL },

    { "retry_on", 0, NGX_HTTP_SOMA_BLOCK_MANY, NGX_HTTP_SOMA_BLOCK_AGAIN,
      ngx_http_soma_route_retry, 0, NULL },

    { "tools", 1, NGX_HTTP_SOMA_BLOCK_MANY, NGX_HTTP_SOMA_BLOCK_AGAIN,
      ngx_http_soma_block_list,
      offsetof(ngx_http_soma_route_conf_t, route)
      + offsetof(ngx_http_soma_route_t, tools), NULL },

    { NULL, 0, 0, 0, NULL, 0, NULL }
};


char *
ngx_http_soma_route(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_soma_main_conf_t  *smcf = conf;

    char                        *rv;
    ngx_str_t                   *value;
    ngx_http_soma_block_t        block;
    ngx_http_soma_route_t      **rp;
    ngx_http_soma_route_conf_t  *rcf;

    (void) cmd;

    value = cf->args->elts;

    rcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_soma_route_conf_t));
    rp = ngx_array_push(&smcf->routes);

    if (rcf == NULL || rp == NULL
        || ngx_array_init(&rcf->models, cf->pool, 4, sizeof(ngx_str_t))
           != NGX_OK
        || ngx_array_init(&rcf->route.targets, cf->pool, 4,
                          sizeof(ngx_http_soma_target_t))
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    *rp = &rcf->route;
    rcf->route.name = value[1];
    rcf->file = cf->conf_file->file.name.data;
    rcf->line = cf->conf_file->line;

    ngx_memzero(&block, sizeof(ngx_http_soma_block_t));

    block.directive = "soma_route";
    block.name = &rcf->route.name;
    block.words = ngx_http_soma_route_words;
    block.conf = rcf;

    rv = ngx_http_soma_block(cf, &block);

    if (rv == NGX_CONF_OK && rcf->models.nelts == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "soma_route \"%V\" has no \"model\"",
                           &rcf->route.name);
        return NGX_CONF_ERROR;
    }

    rcf->route.strategy = (soma_strategy_e) rcf->strategy;

    return rv;
}


static char *
ngx_http_soma_route_strategy(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value)
{
    char                        *rv;
    ngx_http_soma_route_conf_t  *rcf;

    rcf = block->conf;
    rv = ngx_http_soma_block_enum(cf, block, word, value);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (rcf->strategy == SOMA_COMPLEXITY) {
        rcf->route.complexity = ngx_http_soma_complexity_conf(cf, block);

        return rcf->route.complexity ? NGX_CONF_OK : NGX_CONF_ERROR;
    }

    if (cf->args->nelts > 2) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "nothing is expected behind \"strategy %V\" of "
                           "soma_route \"%V\"", value, block->name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_soma_route_model(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value)
{
    ngx_str_t                   *name;
    ngx_uint_t                   weight;
    ngx_http_soma_target_t      *target;
    ngx_http_soma_route_conf_t  *rcf;

    (void) word;

    rcf = block->conf;

    if (ngx_http_soma_route_weight(cf, &weight) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"%V\" in soma_route \"%V\": "
                           "\"model NAME [weight=1..1000]\" is allowed",
                           &value[1], &rcf->route.name);
        return NGX_CONF_ERROR;
    }

    if (rcf->models.nelts == SOMA_TARGETS_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "soma_route \"%V\" has more than %d models",
                           &rcf->route.name, SOMA_TARGETS_MAX);
        return NGX_CONF_ERROR;
    }

    name = ngx_array_push(&rcf->models);
    target = ngx_array_push(&rcf->route.targets);

    if (name == NULL || target == NULL) {
        return NGX_CONF_ERROR;
    }

    *name = *value;
    target->model = NULL;
    target->weight = weight;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_soma_route_weight(ngx_conf_t *cf, ngx_uint_t *weight)
{
    ngx_int_t   n;
    ngx_str_t  *value, s;

    *weight = 1;

    if (cf->args->nelts == 2) {
        return NGX_OK;
    }

    value = cf->args->elts;

    if (!ngx_http_soma_block_param(&value[2], "weight", &s)) {
        return NGX_ERROR;
    }

    n = ngx_atoi(s.data, s.len);

    if (n < 1 || n > NGX_HTTP_SOMA_ROUTE_WEIGHT) {
        return NGX_ERROR;
    }

    *weight = (ngx_uint_t) n;

    return NGX_OK;
}


static char *
ngx_http_soma_route_retry(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value)
{
    int                          rc;
    ngx_uint_t                   i;
    ngx_http_soma_route_conf_t  *rcf;

    (void) word;

    rcf = block->conf;
    rcf->retry = 1;

    for (i = 0; i < cf->args->nelts - 1; i++) {

        rc = soma_retry_parse(&rcf->route.retry, ngx_http_soma_str(value[i]));

        if (rc == SOMA_OK) {
            continue;
        }

        if (rc == SOMA_DECLINED) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" is one status too many in "
                               "\"retry_on\" of soma_route \"%V\": at most "
                               "%uz are allowed, or http_4xx and http_5xx",
                               &value[i], &rcf->route.name,
                               sizeof(rcf->route.retry.status)
                               / sizeof(rcf->route.retry.status[0]));
            return NGX_CONF_ERROR;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"%V\" in \"retry_on\" of soma_route "
                           "\"%V\": error, timeout, http_4xx, http_5xx and "
                           "http_NNN are allowed", &value[i],
                           &rcf->route.name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_soma_route_init_all(ngx_conf_t *cf, ngx_http_soma_main_conf_t *smcf)
{
    ngx_str_t               *twice;
    ngx_uint_t               i, n;
    ngx_http_soma_model_t  **mp;
    ngx_http_soma_route_t  **rp;

    mp = smcf->models.elts;

    for (i = 0; i < smcf->models.nelts; i++) {
        if (ngx_http_soma_model_init(cf, smcf,
                                     (ngx_http_soma_model_conf_t *) mp[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    n = smcf->routes.nelts;

    for (i = 0; i < smcf->models.nelts; i++) {
        if (ngx_http_soma_single_route(cf, smcf, mp[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    rp = smcf->routes.elts;

    for (i = 0; i < n; i++) {
        if (ngx_http_soma_route_init(cf, smcf,
                                     (ngx_http_soma_route_conf_t *) rp[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (ngx_http_soma_names_sort(&smcf->route_names, &twice) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" names two of the soma_model and soma_route "
                           "directives: a client could not tell them apart",
                           twice);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_route_init(ngx_conf_t *cf, ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_route_conf_t *rcf)
{
    ngx_str_t               *name;
    ngx_uint_t               i, k;
    ngx_http_soma_model_t  **mp;
    ngx_http_soma_target_t  *target;

    if (!rcf->retry) {
        rcf->route.retry.error = 1;
        rcf->route.retry.timeout = 1;
        rcf->route.retry.http_5xx = 1;
        rcf->route.retry.status[0] = 429;
        rcf->route.retry.nstatus = 1;
    }

    name = rcf->models.elts;
    target = rcf->route.targets.elts;
    mp = smcf->models.elts;

    for (i = 0; i < rcf->models.nelts; i++) {

        for (k = 0; k < smcf->models.nelts; k++) {
            if (mp[k]->name.len == name[i].len
                && ngx_strncmp(mp[k]->name.data, name[i].data, name[i].len)
                   == 0)
            {
                target[i].model = mp[k];
                break;
            }
        }

        if (target[i].model == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "model \"%V\" of soma_route \"%V\" is not "
                          "configured in %s:%ui: add soma_model %V "
                          "provider=NAME;", &name[i], &rcf->route.name,
                          rcf->file, rcf->line, &name[i]);
            return NGX_ERROR;
        }
    }

    if (rcf->route.complexity
        && ngx_http_soma_complexity_init(cf, &rcf->route) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_soma_route_name(smcf, &rcf->route);
}


static ngx_int_t
ngx_http_soma_single_route(ngx_conf_t *cf, ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_model_t *model)
{
    ngx_http_soma_route_t   **rp, *route;
    ngx_http_soma_target_t   *target;

    route = ngx_pcalloc(cf->pool, sizeof(ngx_http_soma_route_t));
    rp = ngx_array_push(&smcf->routes);

    if (route == NULL || rp == NULL
        || ngx_array_init(&route->targets, cf->pool, 1,
                          sizeof(ngx_http_soma_target_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    *rp = route;
    route->name = model->name;
    route->single = 1;

    target = ngx_array_push(&route->targets);
    target->model = model;
    target->weight = 1;

    return ngx_http_soma_route_name(smcf, route);
}


static ngx_int_t
ngx_http_soma_route_name(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_route_t *route)
{
    ngx_http_soma_name_t  *name;

    name = ngx_array_push(&smcf->route_names);
    if (name == NULL) {
        return NGX_ERROR;
    }

    name->name = route->name;
    name->value = route;

    return NGX_OK;
}
