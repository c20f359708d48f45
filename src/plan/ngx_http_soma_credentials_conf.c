
/*
 * Copyright (C) The ngx_soma authors
 *
 * Where a provider's credentials come from: the word "credentials".
 */


#include "ngx_http_soma_credentials.h"
#include "ngx_http_soma_file.h"


#define NGX_HTTP_SOMA_CREDENTIALS_FILE     65536        /* bytes */

#define NGX_HTTP_SOMA_CREDENTIALS_IMDS     "http://169.254.169.254"
#define NGX_HTTP_SOMA_CREDENTIALS_ECS      "http://169.254.170.2"
#define NGX_HTTP_SOMA_CREDENTIALS_GCE      "metadata.google.internal"


static char *ngx_http_soma_credentials_aws(ngx_conf_t *cf,
    ngx_http_soma_credentials_t *c);
static char *ngx_http_soma_credentials_aws_env(ngx_conf_t *cf,
    ngx_http_soma_credentials_t *c);
static char *ngx_http_soma_credentials_aws_file(ngx_conf_t *cf,
    ngx_http_soma_credentials_t *c);
static char *ngx_http_soma_credentials_aws_instance(ngx_conf_t *cf,
    ngx_http_soma_credentials_t *c);
static char *ngx_http_soma_credentials_google(ngx_conf_t *cf,
    ngx_http_soma_credentials_t *c);
static ngx_int_t ngx_http_soma_credentials_read(ngx_conf_t *cf,
    ngx_http_soma_credentials_t *c, ngx_str_t *text);
static ngx_int_t ngx_http_soma_credentials_getenv(ngx_conf_t *cf,
    const char *name, soma_str_t *value);
static char *ngx_http_soma_credentials_missing(ngx_conf_t *cf,
    ngx_http_soma_credentials_t *c, const char *what);


char *
ngx_http_soma_credentials(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value)
{
    ngx_http_soma_provider_t     *provider;
    ngx_http_soma_credentials_t  *c;

    provider = block->conf;

    if (!(value->len == 3 && ngx_strncmp(value->data, "env", 3) == 0)
        && !(value->len == 8 && ngx_strncmp(value->data, "instance", 8) == 0)
        && !(value->len > 5 && ngx_strncmp(value->data, "file:", 5) == 0))
    {
        return ngx_http_soma_block_invalid(cf, block, word, value,
                                           "\"env\", \"file:PATH\" or "
                                           "\"instance\"");
    }

    c = ngx_pcalloc(cf->pool, sizeof(ngx_http_soma_credentials_t));
    if (c == NULL) {
        return NGX_CONF_ERROR;
    }

    c->provider = provider;
    c->word = *value;
    provider->credentials = c;

    return NGX_CONF_OK;
}


char *
ngx_http_soma_credentials_complete(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider)
{
    ngx_http_soma_credentials_t  *c;

    c = provider->credentials;

    if (c == NULL) {
        return NGX_CONF_OK;
    }

    if (provider->api_key.len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "soma_provider \"%V\" has an \"api_key\" and "
                           "\"credentials\": one of them is enough",
                           &provider->name);
        return NGX_CONF_ERROR;
    }

    if (provider->dialect->sign) {
        return ngx_http_soma_credentials_aws(cf, c);
    }

    if (soma_str_is(provider->dialect->name, "gemini")) {
        return ngx_http_soma_credentials_google(cf, c);
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"credentials\" of soma_provider \"%V\" are for the "
                       "dialects bedrock and gemini: others have an "
                       "\"api_key\"", &provider->name);

    return NGX_CONF_ERROR;
}


static char *
ngx_http_soma_credentials_aws(ngx_conf_t *cf, ngx_http_soma_credentials_t *c)
{
    switch (c->word.data[0]) {

    case 'e':
        return ngx_http_soma_credentials_aws_env(cf, c);

    case 'f':
        return ngx_http_soma_credentials_aws_file(cf, c);

    default:
        return ngx_http_soma_credentials_aws_instance(cf, c);
    }
}


static char *
ngx_http_soma_credentials_aws_env(ngx_conf_t *cf,
    ngx_http_soma_credentials_t *c)
{
    if (ngx_http_soma_credentials_getenv(cf, "AWS_ACCESS_KEY_ID", &c->now.id)
        == NGX_ERROR
        || ngx_http_soma_credentials_getenv(cf, "AWS_SECRET_ACCESS_KEY",
                                            &c->now.secret)
           == NGX_ERROR
        || ngx_http_soma_credentials_getenv(cf, "AWS_SESSION_TOKEN",
                                            &c->now.token)
           == NGX_ERROR)
    {
        return NGX_CONF_ERROR;
    }

    if (c->now.id.len == 0 || c->now.secret.len == 0) {
        return ngx_http_soma_credentials_missing(cf, c,
                                                 "AWS_ACCESS_KEY_ID or "
                                                 "AWS_SECRET_ACCESS_KEY is "
                                                 "not set");
    }

    c->ready = 1;

    return NGX_CONF_OK;
}


static char *
ngx_http_soma_credentials_aws_file(ngx_conf_t *cf,
    ngx_http_soma_credentials_t *c)
{
    ngx_str_t   text;
    soma_str_t  profile;

    if (ngx_http_soma_credentials_read(cf, c, &text) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_soma_credentials_getenv(cf, "AWS_PROFILE", &profile)
        == NGX_ERROR)
    {
        return NGX_CONF_ERROR;
    }

    if (profile.len == 0) {
        profile = SOMA_STR("default");
    }

    if (soma_credentials_file(ngx_http_soma_str(text), profile, &c->now)
        != SOMA_OK)
    {
        return ngx_http_soma_credentials_missing(cf, c,
                                                 "its file has no such "
                                                 "profile, or no key in it");
    }

    c->ready = 1;

    return NGX_CONF_OK;
}


static char *
ngx_http_soma_credentials_aws_instance(ngx_conf_t *cf,
    ngx_http_soma_credentials_t *c)
{
    ngx_int_t   rc;
    soma_str_t  full, relative, token, base;

    if (ngx_http_soma_credentials_getenv(cf,
                            "AWS_CONTAINER_CREDENTIALS_FULL_URI", &full)
        == NGX_ERROR
        || ngx_http_soma_credentials_getenv(cf,
                            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                            &relative)
           == NGX_ERROR
        || ngx_http_soma_credentials_getenv(cf,
                            "AWS_CONTAINER_AUTHORIZATION_TOKEN", &token)
           == NGX_ERROR
        || ngx_http_soma_credentials_getenv(cf,
                            "AWS_EC2_METADATA_SERVICE_ENDPOINT", &base)
           == NGX_ERROR)
    {
        return NGX_CONF_ERROR;
    }

    c->kind = NGX_HTTP_SOMA_CREDENTIALS_CONTAINER;

    if (full.len) {
        c->url = ngx_http_soma_ngx(full);
        rc = NGX_OK;

    } else if (relative.len) {
        rc = ngx_http_soma_credentials_join(cf->pool, &c->url,
                                            NGX_HTTP_SOMA_CREDENTIALS_ECS,
                                            (char *) relative.data, "");

    } else {
        c->kind = NGX_HTTP_SOMA_CREDENTIALS_ROLE;

        rc = ngx_http_soma_credentials_join(cf->pool, &c->url,
                                     base.len ? (char *) base.data
                                     : NGX_HTTP_SOMA_CREDENTIALS_IMDS,
                                     "", "");
    }

    if (rc == NGX_OK && token.len) {
        rc = ngx_http_soma_credentials_join(cf->pool, &c->header,
                                            "Authorization: ",
                                            (char *) token.data, "");
    }

    return (rc == NGX_OK) ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_http_soma_credentials_google(ngx_conf_t *cf,
    ngx_http_soma_credentials_t *c)
{
    ngx_str_t     text;
    soma_str_t    host, path;
    soma_arena_t  arena;

    if (c->word.data[0] == 'i') {
        c->kind = NGX_HTTP_SOMA_CREDENTIALS_METADATA;
        ngx_str_set(&c->header, "Metadata-Flavor: Google");

        if (ngx_http_soma_credentials_getenv(cf, "GCE_METADATA_HOST", &host)
            == NGX_ERROR)
        {
            return NGX_CONF_ERROR;
        }

        return ngx_http_soma_credentials_join(cf->pool, &c->url, "http://",
                        host.len ? (char *) host.data
                                 : NGX_HTTP_SOMA_CREDENTIALS_GCE,
                        "/computeMetadata/v1/instance/service-accounts/"
                        "default/token")
               == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
    }

    c->kind = NGX_HTTP_SOMA_CREDENTIALS_ACCOUNT;

    if (c->word.data[0] == 'e') {

        if (ngx_http_soma_credentials_getenv(cf,
                                "GOOGLE_APPLICATION_CREDENTIALS", &path)
            == NGX_ERROR)
        {
            return NGX_CONF_ERROR;
        }

        if (path.len == 0) {
            return ngx_http_soma_credentials_missing(cf, c,
                                           "GOOGLE_APPLICATION_CREDENTIALS "
                                           "is not set");
        }

        if (ngx_http_soma_credentials_join(cf->pool, &c->word, "file:",
                                           (char *) path.data, "")
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_http_soma_credentials_read(cf, c, &text) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    arena = ngx_http_soma_arena(cf->pool);

    if (soma_credentials_account(&arena, ngx_http_soma_str(text),
                                 &c->account)
        != SOMA_OK)
    {
        return ngx_http_soma_credentials_missing(cf, c,
                                                 "its file is no service "
                                                 "account's JSON");
    }

    c->url.data = ngx_pnalloc(cf->pool, c->account.token_uri.len + 1);
    if (c->url.data == NULL) {
        return NGX_CONF_ERROR;
    }

    c->url.len = c->account.token_uri.len;
    ngx_memcpy(c->url.data, c->account.token_uri.data, c->url.len);
    c->url.data[c->url.len] = '\0';

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_soma_credentials_read(ngx_conf_t *cf, ngx_http_soma_credentials_t *c,
    ngx_str_t *text)
{
    ngx_str_t  path, read;

    path.data = c->word.data + 5;
    path.len = c->word.len - 5;

    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK
        || ngx_http_soma_file_read(cf, &path, NGX_HTTP_SOMA_CREDENTIALS_FILE,
                                   NGX_HTTP_SOMA_FILE_SECRET, &read)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* what is taken out of it points into it, as long as the workers live */

    text->len = read.len;
    text->data = ngx_pstrdup(cf->pool, &read);

    ngx_explicit_memzero(read.data, read.len);

    return (text->data != NULL) ? NGX_OK : NGX_ERROR;
}


/* a copy that ends in a null byte which is not counted; empty: it is not set */
static ngx_int_t
ngx_http_soma_credentials_getenv(ngx_conf_t *cf, const char *name,
    soma_str_t *value)
{
    char    *env;
    u_char  *p;

    value->len = 0;
    value->data = (u_char *) "";

    env = getenv(name);

    if (env == NULL || env[0] == '\0') {
        return NGX_OK;
    }

    value->len = ngx_strlen(env);

    p = ngx_pnalloc(cf->pool, value->len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, env, value->len + 1);
    value->data = p;

    return NGX_OK;
}


ngx_int_t
ngx_http_soma_credentials_join(ngx_pool_t *pool, ngx_str_t *to,
    const char *a, const char *b, const char *c)
{
    u_char  *p;

    p = ngx_pnalloc(pool, ngx_strlen(a) + ngx_strlen(b) + ngx_strlen(c) + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    to->data = p;
    to->len = ngx_sprintf(p, "%s%s%s%Z", a, b, c) - p - 1;

    return NGX_OK;
}


/* as a key that is not there: its provider stays out of every plan */
static char *
ngx_http_soma_credentials_missing(ngx_conf_t *cf,
    ngx_http_soma_credentials_t *c, const char *what)
{
    if (ngx_http_soma_credentials_join(cf->pool, &c->provider->missing,
                                       "credentials: ", what, "")
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                       "soma_provider \"%V\" stays out of every plan: %V",
                       &c->provider->name, &c->provider->missing);

    return NGX_CONF_OK;
}
