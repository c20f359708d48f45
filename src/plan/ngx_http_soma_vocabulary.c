
/*
 * Copyright (C) The ngx_soma authors
 */


#include "ngx_http_soma_vocabulary.h"


const soma_bpe_t *
ngx_http_soma_bpe(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_model_t *model)
{
    soma_bpe_family_e  family;

    family = soma_bpe_family(ngx_http_soma_str(model->target));

    return smcf->vocabulary[family];
}
