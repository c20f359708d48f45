
/*
 * Copyright (C) The ngx_soma authors
 *
 * The readers that most words of blocks have.
 */


#include "ngx_http_soma_block.h"
#include "ngx_http_soma_tz.h"


#define ngx_http_soma_block_field(block, word, type)                          \
    ((type *) ((u_char *) (block)->conf + (word)->offset))


static ngx_uint_t ngx_http_soma_block_within(
    const ngx_http_soma_block_word_t *word, ngx_int_t n);
static const char *ngx_http_soma_block_allows(
    const ngx_http_soma_block_word_t *word);
static ngx_uint_t ngx_http_soma_block_choose(const ngx_conf_enum_t *e,
    ngx_str_t *value, ngx_uint_t *n, ngx_str_t *said);
static char *ngx_http_soma_block_limit_add(ngx_conf_t *cf,
    ngx_array_t *limits, soma_scope_e scope);
static ngx_int_t ngx_http_soma_block_limit_text(ngx_conf_t *cf,
    soma_limit_t *limit, soma_str_t *words, ngx_uint_t n);


char *
ngx_http_soma_block_str(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value)
{
    (void) cf;

    if (value->len == 0) {
        return "is empty";
    }

    *ngx_http_soma_block_field(block, word, ngx_str_t) = *value;

    return NGX_CONF_OK;
}


char *
ngx_http_soma_block_path(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value)
{
    char       *rv;
    ngx_str_t  *path;

    rv = ngx_http_soma_block_str(cf, block, word, value);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    path = ngx_http_soma_block_field(block, word, ngx_str_t);

    return ngx_conf_full_name(cf->cycle, path, 1) == NGX_OK ? NGX_CONF_OK
                                                            : NGX_CONF_ERROR;
}


char *
ngx_http_soma_block_list(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value)
{
    ngx_str_t    *s;
    ngx_uint_t    i;
    ngx_array_t  *list;

    list = ngx_http_soma_block_field(block, word, ngx_array_t);

    if (list->elts == NULL
        && ngx_array_init(list, cf->pool, 4, sizeof(ngx_str_t)) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        s = ngx_array_push(list);
        if (s == NULL) {
            return NGX_CONF_ERROR;
        }

        *s = *value++;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_soma_block_number(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value)
{
    ngx_int_t  n;

    n = ngx_atoi(value->data, value->len);

    if (n == NGX_ERROR || !ngx_http_soma_block_within(word, n)) {
        return ngx_http_soma_block_invalid(cf, block, word, value,
                                           ngx_http_soma_block_allows(word));
    }

    *ngx_http_soma_block_field(block, word, ngx_int_t) = n;

    return NGX_CONF_OK;
}


char *
ngx_http_soma_block_size(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value)
{
    ssize_t  size;

    size = ngx_parse_size(value);

    if (size == NGX_ERROR || !ngx_http_soma_block_within(word, size)) {
        return ngx_http_soma_block_invalid(cf, block, word, value,
                                           ngx_http_soma_block_allows(word));
    }

    *ngx_http_soma_block_field(block, word, size_t) = (size_t) size;

    return NGX_CONF_OK;
}


char *
ngx_http_soma_block_msec(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value)
{
    ngx_int_t  ms;

    ms = ngx_parse_time(value, 0);

    if (ms != NGX_ERROR && ngx_http_soma_block_within(word, ms)) {
        *ngx_http_soma_block_field(block, word, ngx_msec_t) = (ngx_msec_t) ms;
        return NGX_CONF_OK;
    }

    if (block->allowed) {
        return ngx_http_soma_block_invalid(cf, block, word, value, NULL);
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid time \"%V\" of \"%s\" in %s \"%V\": %s is "
                       "allowed", value, word->name, block->directive,
                       block->name, ngx_http_soma_block_allows(word));

    return NGX_CONF_ERROR;
}


static ngx_uint_t
ngx_http_soma_block_within(const ngx_http_soma_block_word_t *word,
    ngx_int_t n)
{
    const ngx_http_soma_block_range_t  *range;

    range = word->post;

    return range == NULL || (n >= range->min && n <= range->max);
}


static const char *
ngx_http_soma_block_allows(const ngx_http_soma_block_word_t *word)
{
    const ngx_http_soma_block_range_t  *range;

    range = word->post;

    return range ? range->text : "a value of its kind";
}


char *
ngx_http_soma_block_flag(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value)
{
    ngx_flag_t  on;

    on = (ngx_strcmp(value->data, "on") == 0);

    if (!on && ngx_strcmp(value->data, "off") != 0) {
        return ngx_http_soma_block_invalid(cf, block, word, value,
                                           "on or off");
    }

    *ngx_http_soma_block_field(block, word, ngx_flag_t) = on;

    return NGX_CONF_OK;
}


char *
ngx_http_soma_block_enum(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value)
{
    u_char       buf[NGX_HTTP_SOMA_BLOCK_SAID];
    ngx_str_t    said;
    ngx_uint_t  *np;

    said.data = buf;
    np = ngx_http_soma_block_field(block, word, ngx_uint_t);

    if (ngx_http_soma_block_choose(word->post, value, np, &said)) {
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid %s \"%V\" of %s \"%V\": %V is allowed",
                       word->name, value, block->directive, block->name,
                       &said);

    return NGX_CONF_ERROR;
}


char *
ngx_http_soma_block_enum_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    u_char       buf[NGX_HTTP_SOMA_BLOCK_SAID];
    ngx_str_t   *value, said;
    ngx_uint_t  *np;

    np = (ngx_uint_t *) ((char *) conf + cmd->offset);

    if (*np != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;
    said.data = buf;

    if (ngx_http_soma_block_choose(cmd->post, &value[1], np, &said)) {
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid value \"%V\" of \"%V\": %V is allowed",
                       &value[1], &cmd->name, &said);

    return NGX_CONF_ERROR;
}


/* 1: *n is it; else "said" lists the choices, in BLOCK_SAID bytes of its */
static ngx_uint_t
ngx_http_soma_block_choose(const ngx_conf_enum_t *e, ngx_str_t *value,
    ngx_uint_t *n, ngx_str_t *said)
{
    u_char      *p;
    ngx_uint_t   i;

    p = said->data;

    for (i = 0; e[i].name.len; i++) {

        if (e[i].name.len == value->len
            && ngx_strncmp(e[i].name.data, value->data, value->len) == 0)
        {
            *n = e[i].value;
            return 1;
        }

        p = ngx_slprintf(p, said->data + NGX_HTTP_SOMA_BLOCK_SAID,
                         i ? " or \"%V\"" : "\"%V\"", &e[i].name);
    }

    said->len = p - said->data;

    return 0;
}


char *
ngx_http_soma_block_limit(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value)
{
    ngx_array_t         *limits;
    const soma_scope_e  *scope;

    (void) value;

    scope = word->post;
    limits = ngx_http_soma_block_field(block, word, ngx_array_t);

    if (limits->nelts == NGX_HTTP_SOMA_BLOCK_LIMITS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "more than %d limits in one block",
                           NGX_HTTP_SOMA_BLOCK_LIMITS);
        return NGX_CONF_ERROR;
    }

    return ngx_http_soma_block_limit_add(cf, limits, *scope);
}


static char *
ngx_http_soma_block_limit_add(ngx_conf_t *cf, ngx_array_t *limits,
    soma_scope_e scope)
{
    unsigned       bad;
    ngx_str_t     *value;
    soma_str_t     words[NGX_CONF_MAX_ARGS], zone;
    ngx_uint_t     i, n;
    const char    *error;
    soma_limit_t  *limit;

    value = cf->args->elts;
    n = ngx_min(cf->args->nelts - 1, NGX_CONF_MAX_ARGS);

    for (i = 0; i < n; i++) {
        words[i] = ngx_http_soma_str(value[i + 1]);
    }

    limit = ngx_array_push(limits);
    if (limit == NULL) {
        return NGX_CONF_ERROR;
    }

    bad = 0;

    if (soma_limit_parse(limit, words, n, scope, &bad, &error) != SOMA_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"%V\" in \"limit\": %s",
                           &value[ngx_min(bad + 1, cf->args->nelts - 1)],
                           error);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_soma_tz_limits(limit, 1, &zone) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"tz=%*s\" in \"limit\": there is no "
                           "such time zone in " NGX_HTTP_SOMA_TZ_DIR
                           ": install the system's (tzdata), or name one as "
                           "in Europe/Berlin", zone.len, zone.data);
        return NGX_CONF_ERROR;
    }

    soma_rule_share(limits->elts, limits->nelts);

    return ngx_http_soma_block_limit_text(cf, limit, words, n) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* the words as they stand: what a client is told */
static ngx_int_t
ngx_http_soma_block_limit_text(ngx_conf_t *cf, soma_limit_t *limit,
    soma_str_t *words, ngx_uint_t n)
{
    size_t       len;
    u_char      *p;
    ngx_uint_t   i;

    len = 0;

    for (i = 0; i < n; i++) {
        len += words[i].len + (i != 0);
    }

    p = ngx_pnalloc(cf->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    limit->text.data = p;
    limit->text.len = len;

    for (i = 0; i < n; i++) {
        if (i) {
            *p++ = ' ';
        }

        p = ngx_cpymem(p, words[i].data, words[i].len);
    }

    return NGX_OK;
}
