
/*
 * Copyright (C) The ngx_soma authors
 *
 * The words of soma_jwt that say with which keys its tokens are signed:
 * secret, jwks, and the CA of a jwks behind a URL.
 */


#include "ngx_http_soma_jwt.h"
#include "ngx_http_soma_file.h"

#include <openssl/err.h>
#include <openssl/pem.h>


static char *ngx_http_soma_jwt_secret_env(ngx_conf_t *cf,
    ngx_http_soma_jwt_t *jwt, ngx_str_t *value, ngx_str_t *secret);
static char *ngx_http_soma_jwt_secret_file(ngx_conf_t *cf,
    ngx_str_t *value, ngx_str_t *secret);
static char *ngx_http_soma_jwt_jwks_file(ngx_conf_t *cf,
    ngx_http_soma_jwt_t *jwt, ngx_str_t *value);
static char *ngx_http_soma_jwt_url(ngx_conf_t *cf, ngx_http_soma_jwt_t *jwt,
    ngx_str_t *url);
static ngx_uint_t ngx_http_soma_jwt_local(u_char *p, u_char *last);
static soma_jwks_t *ngx_http_soma_jwt_set(ngx_conf_t *cf,
    ngx_http_soma_jwt_t *jwt);
static void ngx_http_soma_jwt_set_free(void *data);


unsigned
ngx_http_soma_jwt_keys(ngx_http_soma_jwt_t *jwt)
{
    return jwt->set != NULL || jwt->url.len != 0;
}


char *
ngx_http_soma_jwt_keys_secret(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value)
{
    char                 *rv;
    ngx_str_t             text;
    const char           *error;
    soma_jwks_t          *set;
    ngx_http_soma_jwt_t  *jwt;

    (void) word;

    jwt = block->conf;

    if (ngx_http_soma_jwt_keys(jwt)) {
        return "is not the only one: a soma_jwt has one secret or one jwks";
    }

    if (ngx_strncmp(value->data, "env:", 4) == 0) {
        rv = ngx_http_soma_jwt_secret_env(cf, jwt, value, &text);

    } else if (ngx_strncmp(value->data, "file:", 5) == 0) {
        rv = ngx_http_soma_jwt_secret_file(cf, value, &text);

    } else {
        /* the word itself may be the secret: it is not repeated */
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the secret of soma_jwt \"%V\" must be file:PATH "
                           "or env:NAME", &jwt->name);
        return NGX_CONF_ERROR;
    }

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    set = ngx_http_soma_jwt_set(cf, jwt);
    if (set == NULL) {
        return NGX_CONF_ERROR;
    }

    if (soma_jwks_secret(set, ngx_http_soma_str(text), &error) != SOMA_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the secret of soma_jwt \"%V\" has %uz bytes: %s, "
                           "like what openssl rand -hex 32 prints",
                           &jwt->name, text.len, error);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_soma_jwt_secret_env(ngx_conf_t *cf, ngx_http_soma_jwt_t *jwt,
    ngx_str_t *value, ngx_str_t *secret)
{
    ngx_str_t  text;

    text.data = (u_char *) getenv((char *) value->data + 4);

    if (text.data == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "environment variable \"%s\" of soma_jwt "
                           "\"%V\" is not set", value->data + 4, &jwt->name);
        return NGX_CONF_ERROR;
    }

    text.len = ngx_strlen(text.data);

    secret->len = text.len;
    secret->data = ngx_pstrdup(cf->pool, &text);

    return secret->data ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_http_soma_jwt_secret_file(ngx_conf_t *cf, ngx_str_t *value,
    ngx_str_t *secret)
{
    ngx_str_t  path, text;

    path.data = value->data + 5;
    path.len = value->len - 5;

    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK
        || ngx_http_soma_file_read(cf, &path, SOMA_JWT_SECRET_MAX + 2,
                                   NGX_HTTP_SOMA_FILE_SECRET, &text)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    /* the line's end that an editor puts there */

    if (text.len && text.data[text.len - 1] == '\n') {
        text.len -= (text.len > 1 && text.data[text.len - 2] == '\r') + 1;
    }

    secret->len = text.len;
    secret->data = ngx_pstrdup(cf->pool, &text);

    ngx_explicit_memzero(text.data, text.len);

    return secret->data ? NGX_CONF_OK : NGX_CONF_ERROR;
}


char *
ngx_http_soma_jwt_keys_jwks(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value)
{
    ngx_http_soma_jwt_t  *jwt;

    (void) word;

    jwt = block->conf;

    if (ngx_http_soma_jwt_keys(jwt)) {
        return "is not the only one: a soma_jwt has one secret or one jwks";
    }

    return ngx_strncmp(value->data, "file:", 5) == 0
           ? ngx_http_soma_jwt_jwks_file(cf, jwt, value)
           : ngx_http_soma_jwt_url(cf, jwt, value);
}


static char *
ngx_http_soma_jwt_jwks_file(ngx_conf_t *cf, ngx_http_soma_jwt_t *jwt,
    ngx_str_t *value)
{
    ngx_str_t      path, text;
    const char    *error;
    soma_jwks_t   *set;
    soma_arena_t   arena;

    path.data = value->data + 5;
    path.len = value->len - 5;

    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK
        || ngx_http_soma_file_read(cf, &path, SOMA_JWKS_MAX,
                                   NGX_HTTP_SOMA_FILE_TRUSTED, &text)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    set = ngx_http_soma_jwt_set(cf, jwt);
    if (set == NULL) {
        return NGX_CONF_ERROR;
    }

    arena = ngx_http_soma_arena(cf->pool);

    if (soma_jwks_parse(set, &arena, ngx_http_soma_str(text), 1, &error)
        != SOMA_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" of soma_jwt \"%V\" is of no use: %s",
                           &path, &jwt->name, error);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_soma_jwt_url(ngx_conf_t *cf, ngx_http_soma_jwt_t *jwt,
    ngx_str_t *url)
{
    size_t   i;
    u_char  *last;

    last = url->data + url->len;

    for (i = 0; i < url->len; i++) {
        if (url->data[i] <= ' ' || url->data[i] >= 0x7f
            || url->data[i] == '@' || url->data[i] == '#')
        {
            goto invalid;
        }
    }

    if (url->len > 8 && ngx_strncmp(url->data, "https://", 8) == 0) {
        jwt->url = *url;
        return NGX_CONF_OK;
    }

    if (url->len <= 7 || ngx_strncmp(url->data, "http://", 7) != 0) {
        goto invalid;
    }

    if (!ngx_http_soma_jwt_local(url->data + 7, last)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the jwks of soma_jwt \"%V\" needs https:// : "
                           "with http:// whoever is on the way could send "
                           "keys of his own; it is allowed for 127.0.0.1, "
                           "[::1] and localhost", &jwt->name);
        return NGX_CONF_ERROR;
    }

    jwt->url = *url;

    return NGX_CONF_OK;

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid jwks of soma_jwt \"%V\": file:PATH or "
                       "https://HOST[:PORT]/PATH is allowed, without a user",
                       &jwt->name);

    return NGX_CONF_ERROR;
}


static ngx_uint_t
ngx_http_soma_jwt_local(u_char *p, u_char *last)
{
    ngx_uint_t  i;

    static const ngx_str_t  hosts[] = {
        ngx_string("127.0.0.1"), ngx_string("[::1]"), ngx_string("localhost")
    };

    for (i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        if ((size_t) (last - p) >= hosts[i].len
            && ngx_strncmp(p, hosts[i].data, hosts[i].len) == 0
            && (p + hosts[i].len == last || p[hosts[i].len] == ':'
                || p[hosts[i].len] == '/'))
        {
            return 1;
        }
    }

    return 0;
}


static soma_jwks_t *
ngx_http_soma_jwt_set(ngx_conf_t *cf, ngx_http_soma_jwt_t *jwt)
{
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    jwt->set = ngx_pcalloc(cf->pool, sizeof(soma_jwks_t));
    if (jwt->set == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_soma_jwt_set_free;
    cln->data = jwt->set;

    return jwt->set;
}


static void
ngx_http_soma_jwt_set_free(void *data)
{
    soma_jwks_free(data);
}


char *
ngx_http_soma_jwt_keys_ca(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value)
{
    BIO                  *bio;
    X509                 *x509;
    ngx_str_t             path, text;
    ngx_http_soma_jwt_t  *jwt;

    (void) word;

    jwt = block->conf;
    path = *value;

    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK
        || ngx_http_soma_file_read(cf, &path, NGX_HTTP_SOMA_JWT_CA,
                                   NGX_HTTP_SOMA_FILE_TRUSTED, &text)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    bio = BIO_new_mem_buf(text.data, (int) text.len);
    x509 = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

    BIO_free(bio);
    ERR_clear_error();

    if (x509 == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" of soma_jwt \"%V\" has no certificate in "
                           "PEM", &path, &jwt->name);
        return NGX_CONF_ERROR;
    }

    X509_free(x509);

    jwt->ca.len = text.len;
    jwt->ca.data = ngx_pstrdup(cf->pool, &text);

    return jwt->ca.data ? NGX_CONF_OK : NGX_CONF_ERROR;
}
