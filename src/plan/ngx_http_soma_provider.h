
/*
 * Copyright (C) The ngx_soma authors
 *
 * The directive soma_provider.
 */


#ifndef NGX_HTTP_SOMA_PROVIDER_H
#define NGX_HTTP_SOMA_PROVIDER_H


#include "ngx_http_soma_block.h"


char *ngx_http_soma_provider(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* readers of its words: "api_key"; "timeout" and "hide_header" */
char *ngx_http_soma_provider_key(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value);
char *ngx_http_soma_provider_answer_timeouts(ngx_conf_t *cf,
    ngx_http_soma_block_t *block, const ngx_http_soma_block_word_t *word,
    ngx_str_t *value);
char *ngx_http_soma_provider_answer_hidden(ngx_conf_t *cf,
    ngx_http_soma_block_t *block, const ngx_http_soma_block_word_t *word,
    ngx_str_t *value);

/* the times that were not said.  Who says both times of a stream, and nothing
 * of plain answers, means them too */
void ngx_http_soma_provider_answer_times(ngx_http_soma_provider_t *provider);


#endif /* NGX_HTTP_SOMA_PROVIDER_H */
