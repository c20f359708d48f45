
/*
 * Copyright (C) The ngx_soma authors
 *
 * The directive soma_vocabulary_factor, and which factor a model has.
 */


#include "ngx_http_soma_vocabulary.h"
#include "soma_factor.h"


#define NGX_HTTP_SOMA_FACTOR_DIGITS  3      /* per mille */


char *
ngx_http_soma_factor_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_soma_main_conf_t  *smcf = conf;

    int64_t               n;
    ngx_str_t            *value;
    soma_factor_t        *factor;
    const soma_factor_t  *known;

    (void) cmd;

    value = cf->args->elts;

    if (soma_number_decimal(ngx_http_soma_str(value[2]),
                            NGX_HTTP_SOMA_FACTOR_DIGITS, &n)
        != SOMA_OK || n < SOMA_FACTOR_ONE / 2 || n > SOMA_FACTOR_MAX)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid factor \"%V\" of "
                           "\"soma_vocabulary_factor\": allowed are 0.5 to "
                           "10, such as 1.35", &value[2]);
        return NGX_CONF_ERROR;
    }

    if (smcf->factors == NULL) {
        smcf->factors = ngx_array_create(cf->pool, 4, sizeof(soma_factor_t));
        if (smcf->factors == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    factor = ngx_array_push(smcf->factors);
    if (factor == NULL) {
        return NGX_CONF_ERROR;
    }

    known = soma_factor_find(ngx_http_soma_str(value[1]));

    factor->family = ngx_http_soma_str(value[1]);
    factor->factor = n;
    factor->base = known ? known->base : 0;
    factor->tools = known ? known->tools : 0;

    return NGX_CONF_OK;
}


/* what the configuration says, of a model before its family */
const soma_factor_t *
ngx_http_soma_factor(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_model_t *model)
{
    soma_str_t            name;
    ngx_uint_t            i;
    soma_factor_t        *said;
    const soma_factor_t  *known;

    name = ngx_http_soma_str(model->target);

    if (model->provider->echo || soma_bpe_family(name) != SOMA_BPE_NONE) {
        return NULL;
    }

    known = soma_factor_find(name);
    said = smcf->factors ? smcf->factors->elts : NULL;

    for (i = 0; said && i < smcf->factors->nelts; i++) {
        if (soma_str_eq(said[i].family, name)) {
            return &said[i];
        }
    }

    for (i = 0; said && known && i < smcf->factors->nelts; i++) {
        if (soma_str_eq(said[i].family, known->family)) {
            return &said[i];
        }
    }

    return known;
}
