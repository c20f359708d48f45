
/*
 * Copyright (C) The ngx_soma authors
 *
 * TLS to Redis, which hiredis offers from 1.0 on (libhiredis_ssl; config
 * looks for it).  The server's certificate is verified against tls_ca or what
 * the system trusts, and must be of the name or the address it was asked by.
 */


#include "ngx_http_soma_redis_link.h"

#if (NGX_HTTP_SOMA_REDIS_TLS)

#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>


static void ngx_http_soma_redis_tls_free(void *data);
static ngx_int_t ngx_http_soma_redis_tls_files(ngx_conf_t *cf, SSL_CTX *ctx,
    ngx_http_soma_redis_conf_t *redis);
static ngx_int_t ngx_http_soma_redis_tls_name(SSL *ssl,
    ngx_http_soma_link_t *link);


char *
ngx_http_soma_redis_tls_conf(ngx_conf_t *cf,
    ngx_http_soma_redis_conf_t *redis)
{
    SSL_CTX             *ctx;
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NGX_CONF_ERROR;
    }

    ctx = SSL_CTX_new(TLS_client_method());
    if (ctx == NULL) {
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_http_soma_redis_tls_free;
    cln->data = ctx;

    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);

    if (!SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION)
        || ngx_http_soma_redis_tls_files(cf, ctx, redis) != NGX_OK)
    {
        ERR_clear_error();
        return NGX_CONF_ERROR;
    }

    redis->tls = ctx;

    return NGX_CONF_OK;
}


static void
ngx_http_soma_redis_tls_free(void *data)
{
    SSL_CTX_free(data);
}


static ngx_int_t
ngx_http_soma_redis_tls_files(ngx_conf_t *cf, SSL_CTX *ctx,
    ngx_http_soma_redis_conf_t *redis)
{
    ngx_str_t  *name;

    if ((redis->tls_cert.len != 0) != (redis->tls_key.len != 0)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "soma_redis: tls_cert= and tls_key= belong "
                           "together");
        return NGX_ERROR;
    }

    name = &redis->tls_ca;

    if (name->len == 0) {

        if (!SSL_CTX_set_default_verify_paths(ctx)) {
            return NGX_ERROR;
        }

    } else if (!SSL_CTX_load_verify_locations(ctx, (char *) name->data,
                                              NULL))
    {
        goto failed;
    }

    if (redis->tls_cert.len == 0) {
        return NGX_OK;
    }

    name = &redis->tls_cert;

    if (!SSL_CTX_use_certificate_chain_file(ctx, (char *) name->data)) {
        goto failed;
    }

    name = &redis->tls_key;

    if (!SSL_CTX_use_PrivateKey_file(ctx, (char *) name->data,
                                     SSL_FILETYPE_PEM)
        || !SSL_CTX_check_private_key(ctx))
    {
        goto failed;
    }

    return NGX_OK;

failed:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "soma_redis: \"%V\" cannot be used for TLS: %s", name,
                       ERR_reason_error_string(ERR_peek_last_error()));

    return NGX_ERROR;
}


ngx_int_t
ngx_http_soma_redis_tls_start(ngx_http_soma_link_t *link)
{
    SSL  *ssl;

    ssl = SSL_new(link->conf->tls);
    if (ssl == NULL) {
        return NGX_ERROR;
    }

    /* the context of hiredis has it, once this has gone well */

    if (ngx_http_soma_redis_tls_name(ssl, link) != NGX_OK
        || redisInitiateSSL(&link->ac->c, ssl) != REDIS_OK)
    {
        SSL_free(ssl);
        ERR_clear_error();
        return NGX_ERROR;
    }

    ERR_clear_error();

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_redis_tls_name(SSL *ssl, ngx_http_soma_link_t *link)
{
    char                name[SOMA_SLOT_HOST_MAX + 1];
    X509_VERIFY_PARAM  *param;

    ngx_memcpy(name, link->host.data, link->host.len);
    name[link->host.len] = '\0';

    param = SSL_get0_param(ssl);

    if (X509_VERIFY_PARAM_set1_ip_asc(param, name)) {
        return NGX_OK;
    }

    if (!SSL_set_tlsext_host_name(ssl, name) || !SSL_set1_host(ssl, name)) {
        return NGX_ERROR;
    }

    return NGX_OK;
}

#else

char *
ngx_http_soma_redis_tls_conf(ngx_conf_t *cf,
    ngx_http_soma_redis_conf_t *redis)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "soma_redis: rediss:// needs hiredis 1.0 or newer%s, "
                       "this module was built with %d.%d.%d",
                       HIREDIS_MAJOR >= 1 ? " with its libhiredis_ssl" : "",
                       HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
    return NGX_CONF_ERROR;
}


ngx_int_t
ngx_http_soma_redis_tls_start(ngx_http_soma_link_t *link)
{
    return NGX_ERROR;
}

#endif
