
/*
 * Copyright (C) The ngx_soma authors
 *
 * The vocabularies that soma_vocabulary names, mapped once by the master and
 * shared by all workers.
 */


#ifndef NGX_HTTP_SOMA_VOCABULARY_H
#define NGX_HTTP_SOMA_VOCABULARY_H


#include "ngx_http_soma.h"
#include "soma_bpe.h"


/* soma_vocabulary cl100k_base|o200k_base FILE */
char *ngx_http_soma_vocabulary(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* what the model reads with, or NULL: not known, or not configured */
const soma_bpe_t *ngx_http_soma_bpe(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_model_t *model);


#endif /* NGX_HTTP_SOMA_VOCABULARY_H */
