
/*
 * Copyright (C) The ngx_soma authors
 *
 * The directives of the services: soma_ledger, soma_prices; and those that
 * make a location ours.
 */


#include "ngx_http_soma_conf.h"
#include "ngx_http_soma_api.h"
#include "ngx_http_soma_attempt.h"
#include "ngx_http_soma_block.h"
#include "ngx_http_soma_file.h"
#include "ngx_http_soma_journal.h"
#include "ngx_http_soma_settle.h"
#include "ngx_http_soma_walk.h"


#define NGX_HTTP_SOMA_PRICES_MAX  (64 * 1024 * 1024)


static char *ngx_http_soma_ledger_sync(ngx_conf_t *cf,
    ngx_http_soma_block_t *block, const ngx_http_soma_block_word_t *word,
    ngx_str_t *value);
static char *ngx_http_soma_handler(ngx_conf_t *cf, ngx_http_handler_pt handler);


static const ngx_http_soma_block_range_t  ngx_http_soma_ledger_segment = {
    256 * 1024, 1024 * 1024 * 1024, NULL
};

static const ngx_http_soma_block_range_t  ngx_http_soma_ledger_sync_time = {
    10, NGX_MAX_INT_T_VALUE, NULL
};

static const ngx_http_soma_block_range_t  ngx_http_soma_ledger_events = {
    1, NGX_MAX_INT_T_VALUE, NULL
};


static const ngx_http_soma_block_word_t  ngx_http_soma_ledger_params[] = {

    { "segment", 1, 1, 0,
      ngx_http_soma_block_size,
      offsetof(ngx_http_soma_ledger_conf_t, segment),
      &ngx_http_soma_ledger_segment },

    { "keep", 1, 1, 0,
      ngx_http_soma_block_msec, offsetof(ngx_http_soma_ledger_conf_t, keep),
      NULL },

    { "sync", 1, 1, 0,
      ngx_http_soma_ledger_sync, offsetof(ngx_http_soma_ledger_conf_t, sync),
      &ngx_http_soma_ledger_sync_time },

    { "events", 1, 1, 0,
      ngx_http_soma_block_number,
      offsetof(ngx_http_soma_ledger_conf_t, events),
      &ngx_http_soma_ledger_events },

    { NULL, 0, 0, 0, NULL, 0, NULL }
};


char *
ngx_http_soma_services_ledger(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_soma_main_conf_t  *smcf = conf;

    ngx_str_t                    *value;
    ngx_http_soma_block_t         block;
    ngx_http_soma_ledger_conf_t  *ledger;

    (void) cmd;

    ledger = &smcf->ledger;

    if (ledger->path.len) {
        return "is duplicate";
    }

    value = cf->args->elts;

    ledger->path = value[1];
    ledger->segment = 4 * 1024 * 1024;
    ledger->keep = NGX_CONF_UNSET_MSEC;
    ledger->events = 1000000;

    if (ngx_conf_full_name(cf->cycle, &ledger->path, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&block, sizeof(ngx_http_soma_block_t));

    block.directive = "soma_ledger";
    block.words = ngx_http_soma_ledger_params;
    block.conf = ledger;
    block.allowed = "segment=SIZE (256k to 1g) keep=TIME sync=off|TIME (10ms "
                    "or more) events=NUMBER";

    if (ngx_http_soma_block_params(cf, &block, 2) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_soma_journal_open_check(cf, ledger);
}


static char *
ngx_http_soma_ledger_sync(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value)
{
    ngx_http_soma_ledger_conf_t  *ledger;

    ledger = block->conf;

    if (ngx_strcmp(value->data, "off") == 0) {
        ledger->sync = 0;
        return NGX_CONF_OK;
    }

    return ngx_http_soma_block_msec(cf, block, word, value);
}


char *
ngx_http_soma_services_prices(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_soma_main_conf_t  *smcf = conf;

    ngx_str_t        *value, text;
    soma_str_t        error, hash;
    soma_arena_t      arena;
    ngx_file_info_t   info;

    (void) cmd;

    if (smcf->prices.len) {
        return "is duplicate";
    }

    value = cf->args->elts;
    smcf->prices = value[1];

    if (ngx_conf_full_name(cf->cycle, &smcf->prices, 1) != NGX_OK
        || ngx_http_soma_file_read(cf, &smcf->prices, NGX_HTTP_SOMA_PRICES_MAX,
                                   NGX_HTTP_SOMA_FILE_PLAIN, &text)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    arena = ngx_http_soma_arena(cf->pool);
    error = (soma_str_t) soma_string("no memory");

    if (soma_catalogue_load(&smcf->catalogue, &arena, ngx_http_soma_str(text),
                            &error)
        != SOMA_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is no price catalogue: %*s",
                           &smcf->prices, error.len, error.data);
        return NGX_CONF_ERROR;
    }

    hash = soma_catalogue_hash(smcf->catalogue);
    smcf->catalogue_hash = ngx_http_soma_ngx(hash);

    if (ngx_file_info(smcf->prices.data, &info) != NGX_FILE_ERROR) {
        smcf->catalogue_time = (int64_t) ngx_file_mtime(&info) * 1000;
    }

    ngx_conf_log_error(NGX_LOG_INFO, cf, 0,
                       "soma: prices of %uz models from \"%V\" (%V), %uz "
                       "entries that are no models skipped",
                       soma_catalogue_models(smcf->catalogue), &smcf->prices,
                       &smcf->catalogue_hash,
                       soma_catalogue_skipped(smcf->catalogue));

    return NGX_CONF_OK;
}


static char *
ngx_http_soma_handler(ngx_conf_t *cf, ngx_http_handler_pt handler)
{
    ngx_str_t                  *value;
    ngx_http_core_loc_conf_t   *clcf;
    ngx_http_soma_main_conf_t  *smcf;

    if (cf->args->nelts != 1) {
        value = cf->args->elts;

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" takes no words: which models there are, "
                           "where they are and who may use them is said by "
                           "soma_provider, soma_model, soma_route and "
                           "soma_tenant in http", &value[0]);
        return NGX_CONF_ERROR;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler) {
        return "stands in a location that has another handler already";
    }

    clcf->handler = handler;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_soma_module);
    smcf->used = 1;

    return NGX_CONF_OK;
}


char *
ngx_http_soma_services_pass(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_soma_loc_conf_t  *slcf = conf;

    (void) cmd;

    slcf->pass = 1;

    return ngx_http_soma_handler(cf, ngx_http_soma_pass_handler);
}


char *
ngx_http_soma_services_api(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_soma_loc_conf_t  *slcf = conf;

    (void) cmd;

    slcf->api = 1;

    return ngx_http_soma_handler(cf, ngx_http_soma_api_handler);
}


char *
ngx_http_soma_services_metrics(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_soma_loc_conf_t  *slcf = conf;

    (void) cmd;

    slcf->metrics = 1;

    return ngx_http_soma_handler(cf, ngx_http_soma_metrics_text_handler);
}


char *
ngx_http_soma_services_access(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_soma_loc_conf_t  *slcf = conf;

    ngx_str_t                  *value;
    ngx_http_soma_main_conf_t  *smcf;

    (void) cmd;

    if (slcf->access != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    slcf->access = 1;

    if (cf->args->nelts == 2) {
        value = cf->args->elts;

        if (ngx_strcmp(value[1].data, "off") == 0) {
            slcf->access = 0;

        } else if (ngx_strcmp(value[1].data, "pass_key") == 0) {
            slcf->pass_key = 1;

        } else if (ngx_strcmp(value[1].data, "on") != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid value \"%V\" of \"soma_access\": "
                               "nothing, \"on\", \"off\" or \"pass_key\" is "
                               "allowed", &value[1]);
            return NGX_CONF_ERROR;
        }
    }

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_soma_module);
    smcf->used = 1;

    return NGX_CONF_OK;
}
