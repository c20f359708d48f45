
/*
 * Copyright (C) The ngx_soma authors
 *
 * The words of soma_provider that say what may be expected of its answers:
 * in what time they come, and which of their parts.
 */


#include "ngx_http_soma_provider.h"


#define ngx_http_soma_provider_time(name, field)                              \
    { name, 1, 1, 0, ngx_http_soma_block_msec,                                \
      offsetof(ngx_http_soma_provider_t, field),                              \
      &ngx_http_soma_provider_any_time }


static const ngx_http_soma_block_range_t  ngx_http_soma_provider_any_time = {
    1, NGX_MAX_INT_T_VALUE, "a time above 0"
};

static const ngx_http_soma_block_word_t  ngx_http_soma_provider_timeouts[] = {
    ngx_http_soma_provider_time("connect", connect_timeout),
    ngx_http_soma_provider_time("first_token", first_token_timeout),
    ngx_http_soma_provider_time("idle", idle_timeout),
    ngx_http_soma_provider_time("answer", answer_timeout),
    ngx_http_soma_provider_time("total", total_timeout),
    ngx_http_soma_provider_time("heartbeat", heartbeat),
    { NULL, 0, 0, 0, NULL, 0, NULL }
};


char *
ngx_http_soma_provider_answer_timeouts(ngx_conf_t *cf,
    ngx_http_soma_block_t *block, const ngx_http_soma_block_word_t *word,
    ngx_str_t *value)
{
    ngx_http_soma_block_t  times;

    (void) value;

    ngx_memzero(&times, sizeof(ngx_http_soma_block_t));

    times.directive = word->name;
    times.words = ngx_http_soma_provider_timeouts;
    times.conf = block->conf;
    times.allowed = "connect=TIME first_token=TIME idle=TIME answer=TIME "
                    "total=TIME heartbeat=TIME, like connect=2s";

    return ngx_http_soma_block_params(cf, &times, 1);
}


void
ngx_http_soma_provider_answer_times(ngx_http_soma_provider_t *provider)
{
    if (provider->answer_timeout == NGX_CONF_UNSET_MSEC
        && provider->first_token_timeout != NGX_CONF_UNSET_MSEC
        && provider->idle_timeout != NGX_CONF_UNSET_MSEC)
    {
        provider->answer_timeout = ngx_max(provider->first_token_timeout,
                                           provider->idle_timeout);
    }

    ngx_conf_init_msec_value(provider->connect_timeout, 5000);
    ngx_conf_init_msec_value(provider->first_token_timeout, 120000);
    ngx_conf_init_msec_value(provider->idle_timeout, 60000);
    ngx_conf_init_msec_value(provider->answer_timeout, 600000);
    ngx_conf_init_msec_value(provider->total_timeout, 7200000);
}


char *
ngx_http_soma_provider_answer_hidden(ngx_conf_t *cf,
    ngx_http_soma_block_t *block, const ngx_http_soma_block_word_t *word,
    ngx_str_t *value)
{
    ngx_str_t                 *name;
    ngx_uint_t                 i;
    ngx_http_soma_provider_t  *provider;

    (void) word;

    provider = block->conf;

    if (provider->hide_headers == NULL) {
        provider->hide_headers = ngx_array_create(cf->pool, 4,
                                                  sizeof(ngx_str_t));
        if (provider->hide_headers == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    for (i = 1; i < cf->args->nelts; i++) {

        name = ngx_array_push(provider->hide_headers);
        if (name == NULL) {
            return NGX_CONF_ERROR;
        }

        *name = *value++;
    }

    return NGX_CONF_OK;
}
