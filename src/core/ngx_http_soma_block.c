
/*
 * Copyright (C) The ngx_soma authors
 */


#include "ngx_http_soma_block.h"


static char *ngx_http_soma_block_line(ngx_conf_t *cf, ngx_command_t *dummy,
    void *conf);
static char *ngx_http_soma_block_word(ngx_conf_t *cf,
    ngx_http_soma_block_t *block, ngx_uint_t i);
static char *ngx_http_soma_block_unknown(ngx_conf_t *cf,
    ngx_http_soma_block_t *block);
static char *ngx_http_soma_block_wrong(ngx_conf_t *cf,
    ngx_http_soma_block_t *block, ngx_str_t *param);


char *
ngx_http_soma_block(ngx_conf_t *cf, ngx_http_soma_block_t *block)
{
    char        *rv;
    ngx_conf_t   save;

    save = *cf;

    cf->handler = ngx_http_soma_block_line;
    cf->handler_conf = (void *) block;

    rv = ngx_conf_parse(cf, NULL);

    *cf = save;

    return rv;
}


static char *
ngx_http_soma_block_line(ngx_conf_t *cf, ngx_command_t *dummy, void *conf)
{
    ngx_http_soma_block_t  *block = conf;

    ngx_str_t   *value;
    ngx_uint_t   i;

    (void) dummy;

    value = cf->args->elts;

    for (i = 0; block->words[i].name; i++) {
        if (ngx_strcmp(value[0].data, block->words[i].name) == 0) {
            return ngx_http_soma_block_word(cf, block, i);
        }
    }

    return ngx_http_soma_block_unknown(cf, block);
}


static char *
ngx_http_soma_block_word(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    ngx_uint_t i)
{
    char                              *rv;
    uint64_t                           bit;
    ngx_str_t                         *value;
    ngx_uint_t                         n;
    const ngx_http_soma_block_word_t  *word;

    word = &block->words[i];
    value = cf->args->elts;
    n = cf->args->nelts - 1;
    bit = (uint64_t) 1 << (i % NGX_HTTP_SOMA_BLOCK_WORDS);

    if ((block->seen & bit) && !(word->flags & NGX_HTTP_SOMA_BLOCK_AGAIN)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%s\" stands twice in %s \"%V\"", word->name,
                           block->directive, block->name);
        return NGX_CONF_ERROR;
    }

    block->seen |= bit;

    if (n < word->min || n > word->max) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid number of words behind \"%s\" in %s "
                           "\"%V\"", word->name, block->directive,
                           block->name);
        return NGX_CONF_ERROR;
    }

    rv = word->read(cf, block, word, n ? &value[1] : NULL);

    if (rv == NGX_CONF_OK || rv == NGX_CONF_ERROR) {
        return rv;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%s\" of %s \"%V\" %s",
                       word->name, block->directive, block->name, rv);

    return NGX_CONF_ERROR;
}


static char *
ngx_http_soma_block_unknown(ngx_conf_t *cf, ngx_http_soma_block_t *block)
{
    u_char                            *p, said[NGX_HTTP_SOMA_BLOCK_SAID];
    ngx_str_t                         *value;
    const ngx_http_soma_block_word_t  *word;

    p = said;

    for (word = block->words; word->name; word++) {
        p = ngx_slprintf(p, said + sizeof(said), "%s%s",
                         word == block->words ? ""
                         : word[1].name ? ", " : " and ", word->name);
    }

    value = cf->args->elts;

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown directive \"%V\" in %s \"%V\": allowed are "
                       "%*s", &value[0], block->directive, block->name,
                       (size_t) (p - said), said);

    return NGX_CONF_ERROR;
}


char *
ngx_http_soma_block_params(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    ngx_uint_t from)
{
    char                              *rv;
    ngx_str_t                         *param, value;
    ngx_uint_t                         i;
    const ngx_http_soma_block_word_t  *word;

    param = cf->args->elts;

    for (i = from; i < cf->args->nelts; i++) {

        for (word = block->words; word->name; word++) {
            if (ngx_http_soma_block_param(&param[i], word->name, &value)) {
                break;
            }
        }

        if (word->name == NULL) {
            return ngx_http_soma_block_wrong(cf, block, &param[i]);
        }

        rv = word->read(cf, block, word, &value);

        if (rv == NGX_CONF_OK) {
            continue;
        }

        return rv == NGX_CONF_ERROR
               ? rv : ngx_http_soma_block_wrong(cf, block, &param[i]);
    }

    return NGX_CONF_OK;
}


/* "pasword=..." misspelled is a password all the same */
static char *
ngx_http_soma_block_wrong(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    ngx_str_t *param)
{
    u_char     *eq;
    ngx_str_t   name;

    name = *param;
    eq = ngx_strlchr(name.data, name.data + name.len, '=');

    if (block->secret && eq) {
        name.len = eq - name.data + 1;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" of \"%s\": allowed are %s",
                       &name, block->directive, block->allowed);

    return NGX_CONF_ERROR;
}


ngx_uint_t
ngx_http_soma_block_param(ngx_str_t *word, const char *name, ngx_str_t *value)
{
    size_t  len;

    len = ngx_strlen(name);

    if (word->len <= len || word->data[len] != '='
        || ngx_strncmp(word->data, name, len) != 0)
    {
        return 0;
    }

    value->data = word->data + len + 1;
    value->len = word->len - len - 1;

    return 1;
}


char *
ngx_http_soma_block_invalid(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value,
    const char *allowed)
{
    if (block->allowed) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%s=%V\" of \"%s\": allowed "
                           "are %s", word->name, value, block->directive,
                           block->allowed);
        return NGX_CONF_ERROR;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid \"%V\" in \"%s\" of %s \"%V\": %s is allowed",
                       value, word->name, block->directive, block->name,
                       allowed);

    return NGX_CONF_ERROR;
}
