
/*
 * Copyright (C) The ngx_soma authors
 *
 * The word "api_key" of soma_provider: env:NAME, file:PATH or the key itself.
 */


#include "ngx_http_soma_file.h"
#include "ngx_http_soma_provider.h"


#define NGX_HTTP_SOMA_API_KEY_MAX  4096     /* bytes of a key file */


static ngx_int_t ngx_http_soma_provider_key_header(
    ngx_http_soma_provider_t *provider, ngx_str_t *word);
static char *ngx_http_soma_provider_key_words(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider);
static char *ngx_http_soma_provider_key_check(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider, ngx_str_t *key);
static char *ngx_http_soma_provider_key_env(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider, ngx_str_t *key);
static char *ngx_http_soma_provider_key_file(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider, ngx_str_t *key);
static char *ngx_http_soma_provider_key_missing(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider, const char *kind, ngx_str_t *name,
    const char *what);
static char *ngx_http_soma_provider_key_set(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider, ngx_str_t *key);


char *
ngx_http_soma_provider_key(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value)
{
    char                      *rv;
    ngx_str_t                  key;
    ngx_http_soma_provider_t  *provider;

    (void) word;

    provider = block->conf;

    if (cf->args->nelts == 3) {
        if (ngx_http_soma_provider_key_header(provider, &value[1])
            != NGX_OK)
        {
            return ngx_http_soma_provider_key_words(cf, provider);
        }

    } else if (cf->args->nelts != 2) {
        return ngx_http_soma_provider_key_words(cf, provider);
    }

    key = *value;
    rv = ngx_http_soma_provider_key_check(cf, provider, &key);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (key.len > 4 && ngx_strncmp(key.data, "env:", 4) == 0) {
        rv = ngx_http_soma_provider_key_env(cf, provider, &key);

    } else if (key.len > 5 && ngx_strncmp(key.data, "file:", 5) == 0) {
        rv = ngx_http_soma_provider_key_file(cf, provider, &key);
    }

    if (rv != NGX_CONF_OK || provider->missing.len) {
        return rv;
    }

    return ngx_http_soma_provider_key_set(cf, provider, &key);
}


/* header=NAME: not in the header that its dialect has it in */
static ngx_int_t
ngx_http_soma_provider_key_header(ngx_http_soma_provider_t *provider,
    ngx_str_t *word)
{
    u_char     *p;
    ngx_str_t   name;

    if (word->len < 8 || ngx_strncmp(word->data, "header=", 7) != 0) {
        return NGX_DECLINED;
    }

    name.data = word->data + 7;
    name.len = word->len - 7;

    for (p = name.data; p < name.data + name.len; p++) {
        if (*p != '-' && *p != '_' && (*p < '0' || *p > '9')
            && (*p < 'a' || *p > 'z') && (*p < 'A' || *p > 'Z'))
        {
            return NGX_DECLINED;
        }
    }

    provider->key_header = name;

    return NGX_OK;
}


/* no word of it is repeated: one may be the key */
static char *
ngx_http_soma_provider_key_words(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "the api_key of soma_provider \"%V\" is one word: "
                       "env:NAME, file:PATH or the key itself, without "
                       "\"Bearer\"; behind it may stand header=NAME, of the "
                       "header it goes in", &provider->name);

    return NGX_CONF_ERROR;
}


/* what other programs expand, and nginx does not */
static char *
ngx_http_soma_provider_key_check(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider, ngx_str_t *key)
{
    u_char      *last;
    ngx_uint_t   i;

    static const char  *others[] = {
        "os.environ", "os.getenv", "process.env", "env/", "env=", "env.",
        "env(", "ENV:", "Env:", "File:", "FILE:", "file=", "file/", "{", "<",
        "%", "vault:", "secret:", "@", NULL
    };

    last = key->data + key->len;

    if (key->len == 0 || ngx_strlchr(key->data, last, '$')) {
        goto invalid;
    }

    for (i = 0; others[i]; i++) {
        if (key->len >= ngx_strlen(others[i])
            && ngx_strncmp(key->data, others[i], ngx_strlen(others[i])) == 0)
        {
            goto invalid;
        }
    }

    if ((key->len == 4 && ngx_strncmp(key->data, "env:", 4) == 0)
        || (key->len == 5 && ngx_strncmp(key->data, "file:", 5) == 0))
    {
        goto invalid;
    }

    return NGX_CONF_OK;

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "the api_key of soma_provider \"%V\" is no key but "
                       "names one in a way that is not known here: "
                       "env:NAME takes it from the environment, file:PATH "
                       "from a file", &provider->name);

    return NGX_CONF_ERROR;
}


static char *
ngx_http_soma_provider_key_env(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider, ngx_str_t *key)
{
    char       *env;
    ngx_str_t   name;

    name.data = key->data + 4;
    name.len = key->len - 4;

    env = getenv((char *) name.data);

    if (env == NULL || env[0] == '\0') {
        return ngx_http_soma_provider_key_missing(cf, provider,
                                                  "environment variable",
                                                  &name, "is not set");
    }

    key->len = ngx_strlen(env);
    key->data = ngx_pnalloc(cf->pool, key->len);
    if (key->data == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memcpy(key->data, env, key->len);

    return NGX_CONF_OK;
}


static char *
ngx_http_soma_provider_key_file(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider, ngx_str_t *key)
{
    u_char           *p;
    ngx_str_t         path, text;
    ngx_file_info_t   fi;

    path.data = key->data + 5;
    path.len = key->len - 5;

    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_file_info(path.data, &fi) == NGX_FILE_ERROR) {
        return ngx_http_soma_provider_key_missing(cf, provider, "file",
                                                  &path, "is not there");
    }

    if (ngx_http_soma_file_read(cf, &path, NGX_HTTP_SOMA_API_KEY_MAX,
                                NGX_HTTP_SOMA_FILE_SECRET, &text)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    while (text.len && text.data[text.len - 1] <= ' ') {
        text.len--;
    }

    if (text.len == 0) {
        return ngx_http_soma_provider_key_missing(cf, provider, "file",
                                                  &path, "is empty");
    }

    p = ngx_pstrdup(cf->pool, &text);
    ngx_explicit_memzero(text.data, text.len);

    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    key->data = p;
    key->len = text.len;

    return NGX_CONF_OK;
}


static char *
ngx_http_soma_provider_key_missing(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider, const char *kind, ngx_str_t *name,
    const char *what)
{
    size_t   len;
    u_char  *p;

    len = ngx_strlen(kind) + name->len + ngx_strlen(what) + sizeof("  \"\"");

    p = ngx_pnalloc(cf->pool, len);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    provider->missing.data = p;
    provider->missing.len = ngx_sprintf(p, "%s \"%V\" %s", kind, name, what)
                            - p;

    ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                       "soma_provider \"%V\" stays out of every plan: %V",
                       &provider->name, &provider->missing);

    return NGX_CONF_OK;
}


static char *
ngx_http_soma_provider_key_set(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider, ngx_str_t *key)
{
    size_t  i;

    for (i = 0; i < key->len; i++) {
        if (key->data[i] <= ' ' || key->data[i] == 0x7f) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "the api_key of soma_provider \"%V\" has a "
                               "blank or a control character in it",
                               &provider->name);
            return NGX_CONF_ERROR;
        }
    }

    provider->api_key = *key;

    return NGX_CONF_OK;
}
