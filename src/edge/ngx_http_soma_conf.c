
/*
 * Copyright (C) The ngx_soma authors
 */


#include "ngx_http_soma_conf.h"
#include "ngx_http_soma_cors.h"
#include "ngx_http_soma_identify.h"
#include "ngx_http_soma_jwt.h"
#include "ngx_http_soma_admit.h"
#include "ngx_http_soma_plan.h"
#include "ngx_http_soma_attempt.h"
#include "ngx_http_soma_filter.h"
#include "ngx_http_soma_walk.h"
#include "ngx_http_soma_api.h"
#include "ngx_http_soma_settle.h"


static ngx_int_t ngx_http_soma_add_zone(ngx_conf_t *cf,
    ngx_http_soma_main_conf_t *smcf, size_t size);
static ngx_int_t ngx_http_soma_node_name(ngx_conf_t *cf,
    ngx_http_soma_main_conf_t *smcf);
static void ngx_http_soma_merge_policy(ngx_http_soma_loc_conf_t *prev,
    ngx_http_soma_loc_conf_t *conf);
static ngx_uint_t ngx_http_soma_taken(ngx_conf_t *cf,
    ngx_http_soma_loc_conf_t *conf, ngx_http_core_loc_conf_t *clcf);
static ngx_uint_t ngx_http_soma_guarded(ngx_conf_t *cf);
static void ngx_http_soma_metrics_guard(ngx_conf_t *cf,
    ngx_http_soma_loc_conf_t *conf, ngx_http_core_loc_conf_t *clcf);
static void ngx_http_soma_error_pages(ngx_http_soma_loc_conf_t *conf,
    ngx_http_core_loc_conf_t *clcf);


void *
ngx_http_soma_conf_create_main(ngx_conf_t *cf)
{
    ngx_http_soma_main_conf_t  *smcf;

    smcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_soma_main_conf_t));
    if (smcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     smcf->shm_zone = NULL;
     *     smcf->redis.set = 0;
     *     smcf->ledger.path = { 0, NULL };
     *     smcf->catalogue = NULL;
     *     smcf->used = 0;
     */

    if (ngx_array_init(&smcf->providers, cf->pool, 4, sizeof(void *))
        != NGX_OK
        || ngx_array_init(&smcf->models, cf->pool, 16, sizeof(void *))
           != NGX_OK
        || ngx_array_init(&smcf->routes, cf->pool, 16, sizeof(void *))
           != NGX_OK
        || ngx_array_init(&smcf->tenants, cf->pool, 4, sizeof(void *))
           != NGX_OK
        || ngx_array_init(&smcf->keys, cf->pool, 4,
                          sizeof(ngx_http_soma_key_t))
           != NGX_OK
        || ngx_array_init(&smcf->route_names, cf->pool, 16,
                          sizeof(ngx_http_soma_name_t))
           != NGX_OK
        || ngx_array_init(&smcf->tenant_names, cf->pool, 4,
                          sizeof(ngx_http_soma_name_t))
           != NGX_OK)
    {
        return NULL;
    }

    return smcf;
}


char *
ngx_http_soma_conf_init_main(ngx_conf_t *cf, void *conf)
{
    ngx_http_soma_main_conf_t  *smcf = conf;

    if (smcf->redis.set && smcf->redis.timeout == 0) {
        smcf->redis.timeout = 200;
    }

    if (ngx_http_soma_node_name(cf, smcf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_soma_node_name(ngx_conf_t *cf, ngx_http_soma_main_conf_t *smcf)
{
    smcf->node = cf->cycle->hostname;

    if (smcf->node.len == 0) {
        ngx_str_set(&smcf->node, "localhost");
    }

    return NGX_OK;
}


void *
ngx_http_soma_conf_create_loc(ngx_conf_t *cf)
{
    ngx_http_soma_loc_conf_t  *slcf;

    slcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_soma_loc_conf_t));
    if (slcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     slcf->pass = 0;
     *     slcf->api = 0;
     *     slcf->metrics = 0;
     */

    slcf->access = NGX_CONF_UNSET;
    slcf->pass_key = NGX_CONF_UNSET;
    slcf->cors = NGX_CONF_UNSET_PTR;
    slcf->training_lock = NGX_CONF_UNSET;
    slcf->usage_cost = NGX_CONF_UNSET;
    slcf->lossy = NGX_CONF_UNSET_UINT;
    slcf->fetch_media = NGX_CONF_UNSET_UINT;
    slcf->on_redis_down = NGX_CONF_UNSET_UINT;
    slcf->unpriced = NGX_CONF_UNSET_UINT;
    slcf->on_abort = NGX_CONF_UNSET_UINT;
    slcf->abort_time = NGX_CONF_UNSET_MSEC;
    slcf->user_from = NGX_CONF_UNSET_UINT;
    slcf->max_tokens = NGX_CONF_UNSET_UINT;
    slcf->limit_wait = NGX_CONF_UNSET_MSEC;
    slcf->body_buffer = NGX_CONF_UNSET_SIZE;
    slcf->buffer_size = NGX_CONF_UNSET_SIZE;

    return slcf;
}


char *
ngx_http_soma_conf_merge_loc(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_soma_loc_conf_t  *prev = parent;
    ngx_http_soma_loc_conf_t  *conf = child;

    ngx_http_core_loc_conf_t  *clcf;

    ngx_http_soma_merge_policy(prev, conf);

    if (conf->buffer_size < 4096) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"soma_buffer_size\" must be at least 4k");
        return NGX_CONF_ERROR;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    ngx_http_soma_error_pages(conf, clcf);

    if (ngx_http_soma_taken(cf, conf, clcf)) {
        return NGX_CONF_ERROR;
    }

    if (conf->metrics) {
        ngx_http_soma_metrics_guard(cf, conf, clcf);
    }

    /* what "if" makes is the same location */

    if (clcf->noname && !conf->pass && !conf->api && !conf->metrics) {
        conf->pass = prev->pass;
        conf->api = prev->api;
        conf->metrics = prev->metrics;
    }

    if (conf->pass && clcf->client_body_buffer_size < conf->body_buffer) {
        clcf->client_body_buffer_size = conf->body_buffer;
    }

    return NGX_CONF_OK;
}


static void
ngx_http_soma_merge_policy(ngx_http_soma_loc_conf_t *prev,
    ngx_http_soma_loc_conf_t *conf)
{
    /* how the service is passed to is said with the directive that says it */

    if (conf->access == NGX_CONF_UNSET) {
        conf->pass_key = prev->pass_key;
    }

    ngx_conf_merge_value(conf->access, prev->access, 0);
    ngx_conf_init_value(conf->pass_key, 0);
    ngx_conf_merge_ptr_value(conf->cors, prev->cors, NULL);
    ngx_conf_merge_value(conf->training_lock, prev->training_lock, 1);
    ngx_conf_merge_value(conf->usage_cost, prev->usage_cost, 0);
    ngx_conf_merge_uint_value(conf->lossy, prev->lossy, SOMA_INNER_REFUSE);
    ngx_conf_merge_uint_value(conf->fetch_media, prev->fetch_media,
                              NGX_HTTP_SOMA_MEDIA_PUBLIC);
    ngx_conf_merge_uint_value(conf->on_redis_down, prev->on_redis_down,
                              NGX_HTTP_SOMA_DOWN_ALLOW);
    ngx_conf_merge_uint_value(conf->unpriced, prev->unpriced,
                              NGX_HTTP_SOMA_UNPRICED_DENY);
    ngx_conf_merge_uint_value(conf->on_abort, prev->on_abort,
                              NGX_HTTP_SOMA_ABORT_AUTO);
    ngx_conf_merge_msec_value(conf->abort_time, prev->abort_time,
                              NGX_HTTP_SOMA_DRAIN_TIME);

    if (conf->user_from == NGX_CONF_UNSET_UINT) {
        conf->user_header = prev->user_header;
    }

    ngx_conf_merge_uint_value(conf->user_from, prev->user_from,
                              NGX_HTTP_SOMA_USER_OFF);
    ngx_conf_merge_uint_value(conf->max_tokens, prev->max_tokens,
                              NGX_HTTP_SOMA_BOUND_CLAMP);
    ngx_conf_merge_msec_value(conf->limit_wait, prev->limit_wait, 1000);
    ngx_conf_merge_size_value(conf->body_buffer, prev->body_buffer,
                              1024 * 1024);
    ngx_conf_merge_size_value(conf->buffer_size, prev->buffer_size, 8192);
}


/* whoever took the location after us would answer without being asked */
static ngx_uint_t
ngx_http_soma_taken(ngx_conf_t *cf, ngx_http_soma_loc_conf_t *conf,
    ngx_http_core_loc_conf_t *clcf)
{
    if (clcf->handler && (conf->pass || conf->api || conf->metrics)
        && clcf->handler != ngx_http_soma_pass_handler
        && clcf->handler != ngx_http_soma_api_handler
        && clcf->handler != ngx_http_soma_metrics_text_handler)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"soma_%s\" stands in location \"%V\" that has "
                           "another handler too, one of them must go",
                           conf->pass ? "pass" : conf->api ? "api" : "metrics",
                           &clcf->name);
        return 1;
    }

    return 0;
}


/*
 * Does another module stand in the way of a location?  Their configuration is
 * their own: of each that is known here, its first word is null as long as
 * nothing was said.
 */
static ngx_uint_t
ngx_http_soma_guarded(ngx_conf_t *cf)
{
    void                 **first;
    ngx_uint_t             i, k;
    ngx_module_t          *module;
    ngx_http_conf_ctx_t   *ctx;

    static const char  *guards[] = {
        "ngx_http_access_module", "ngx_http_auth_basic_module",
        "ngx_http_auth_request_module"
    };

    ctx = cf->ctx;

    for (i = 0; cf->cycle->modules[i]; i++) {
        module = cf->cycle->modules[i];

        for (k = 0; k < sizeof(guards) / sizeof(guards[0]); k++) {

            if (ngx_strcmp(module->name, guards[k]) != 0) {
                continue;
            }

            first = ctx->loc_conf[module->ctx_index];

            if (first && *first && *first != NGX_CONF_UNSET_PTR) {
                return 1;
            }
        }
    }

    return 0;
}


/* tenants, models and what they cost are told to whoever can ask */
static void
ngx_http_soma_metrics_guard(ngx_conf_t *cf, ngx_http_soma_loc_conf_t *conf,
    ngx_http_core_loc_conf_t *clcf)
{
    if (conf->access || clcf->internal || ngx_http_soma_guarded(cf)) {
        return;
    }

    ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                       "\"soma_metrics\" in location \"%V\" tells everybody "
                       "of tenants and their costs: put \"allow ADDRESS; deny "
                       "all;\", \"soma_access\" or \"auth_basic\" there, or "
                       "\"internal\"", &clcf->name);
}


static void
ngx_http_soma_error_pages(ngx_http_soma_loc_conf_t *conf,
    ngx_http_core_loc_conf_t *clcf)
{
    ngx_uint_t            i;
    ngx_http_err_page_t  *page;

    if (clcf->error_pages == NULL) {
        return;
    }

    conf->error_page = 1;
    page = clcf->error_pages->elts;

    for (i = 0; i < clcf->error_pages->nelts; i++) {
        if (page[i].value.lengths) {
            conf->page_varies = 1;
        }
    }
}


ngx_int_t
ngx_http_soma_conf_init(ngx_conf_t *cf)
{
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;
    ngx_http_soma_main_conf_t  *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_soma_module);

    if (ngx_http_soma_tenant_init(cf, smcf) != NGX_OK
        || ngx_http_soma_keys_init(cf, smcf) != NGX_OK
        || ngx_http_soma_jwt_init(cf, smcf) != NGX_OK
        || ngx_http_soma_upstream_providers(cf, smcf) != NGX_OK
        || ngx_http_soma_route_init_all(cf, smcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_soma_keys_models_check(cf, smcf);

    if (!smcf->used) {
        return NGX_OK;
    }

    if (smcf->shm_zone == NULL
        && ngx_http_soma_add_zone(cf, smcf, NGX_HTTP_SOMA_ZONE_SIZE) != NGX_OK)
    {
        return NGX_ERROR;
    }

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_ACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_soma_access_handler;

    if (ngx_http_soma_filter_init(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    return smcf->cors ? ngx_http_soma_cors_init(cf) : NGX_OK;
}


static ngx_int_t
ngx_http_soma_add_zone(ngx_conf_t *cf, ngx_http_soma_main_conf_t *smcf,
    size_t size)
{
    ngx_str_t  name = ngx_string("soma");

    smcf->shm_zone = ngx_shared_memory_add(cf, &name, size,
                                           &ngx_http_soma_module);
    if (smcf->shm_zone == NULL) {
        return NGX_ERROR;
    }

    smcf->shm_zone->init = ngx_http_soma_zone_init;
    smcf->shm_zone->data = smcf;

    return NGX_OK;
}


char *
ngx_http_soma_conf_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_soma_main_conf_t  *smcf = conf;

    ssize_t     size;
    ngx_str_t  *value;

    (void) cmd;

    if (smcf->shm_zone) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts != 2) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid number of arguments in \"soma_zone\": one "
                           "size and no name is allowed, like 64m");
        return NGX_CONF_ERROR;
    }

    size = ngx_parse_size(&value[1]);

    if (size < NGX_HTTP_SOMA_ZONE_MIN) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid size \"%V\" of \"soma_zone\": a size of "
                           "at least 1m is allowed, like 64m", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_soma_add_zone(cf, smcf, (size_t) size) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
