
/*
 * Copyright (C) The ngx_soma authors
 *
 * The words of soma_provider that say what may be expected of its answers:
 * in what time they come, and which of their parts.
 */


#include "ngx_http_soma_attempt.h"
#include "ngx_http_soma_conf.h"


char *
ngx_http_soma_provider_answer_timeout(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider)
{
    ngx_int_t    ms;
    ngx_str_t   *value, s;
    ngx_uint_t   i, k;

    static const struct {
        const char  *name;
        size_t       offset;
    } times[] = {
        { "connect", offsetof(ngx_http_soma_provider_t, connect_timeout) },
        { "first_token",
          offsetof(ngx_http_soma_provider_t, first_token_timeout) },
        { "idle", offsetof(ngx_http_soma_provider_t, idle_timeout) },
        { "answer", offsetof(ngx_http_soma_provider_t, answer_timeout) },
        { "total", offsetof(ngx_http_soma_provider_t, total_timeout) },
        { "heartbeat", offsetof(ngx_http_soma_provider_t, heartbeat) },
        { NULL, 0 }
    };

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        for (k = 0; times[k].name; k++) {
            if (ngx_http_soma_block_param(&value[i], times[k].name, &s)) {
                break;
            }
        }

        if (times[k].name == NULL) {
            goto invalid;
        }

        ms = ngx_parse_time(&s, 0);

        if (ms == NGX_ERROR || ms == 0) {
            goto invalid;
        }

        *(ngx_msec_t *) ((u_char *) provider + times[k].offset) =
                                                              (ngx_msec_t) ms;
    }

    return NGX_CONF_OK;

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid \"%V\" in \"timeout\" of soma_provider "
                       "\"%V\": connect=TIME first_token=TIME idle=TIME "
                       "answer=TIME total=TIME heartbeat=TIME are allowed, "
                       "like connect=2s", &value[i], &provider->name);

    return NGX_CONF_ERROR;
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
ngx_http_soma_provider_answer_usage(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "auto") == 0) {
        provider->stream_usage = NGX_HTTP_SOMA_USAGE_AUTO;

    } else if (ngx_strcmp(value[1].data, "on") == 0) {
        provider->stream_usage = NGX_HTTP_SOMA_USAGE_ON;

    } else if (ngx_strcmp(value[1].data, "off") == 0) {
        provider->stream_usage = NGX_HTTP_SOMA_USAGE_OFF;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"%V\" in \"stream_usage\" of "
                           "soma_provider \"%V\": on, off or auto is "
                           "allowed", &value[1], &provider->name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_soma_provider_answer_hide(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider)
{
    ngx_str_t   *value, *name;
    ngx_uint_t   i;

    value = cf->args->elts;

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

        *name = value[i];
    }

    return NGX_CONF_OK;
}
