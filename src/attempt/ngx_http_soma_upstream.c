
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a provider's configuration becomes for nginx's upstream: the template
 * of a request's upstream configuration, TLS, and its addresses.
 */


#include "ngx_http_soma_attempt.h"


#define NGX_HTTP_SOMA_CA_FILE  "/etc/ssl/certs/ca-certificates.crt"


static ngx_int_t ngx_http_soma_upstream_conf(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider,
    ngx_http_upstream_srv_conf_t *balancer);
static ngx_int_t ngx_http_soma_upstream_auth(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider);
static ngx_int_t ngx_http_soma_upstream_auth(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider);
static ngx_http_upstream_srv_conf_t *ngx_http_soma_find_block(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider);
static ngx_int_t ngx_http_soma_own_block(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_provider_t *provider, ngx_log_t *log);
#if (NGX_HTTP_SSL)
static ngx_int_t ngx_http_soma_upstream_ssl(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider);
#endif


/* what a provider says about our account, its edge, or its own request id,
 * and what we or nginx say ourselves */
static ngx_str_t  ngx_http_soma_hide_headers[] = {
    ngx_string("Set-Cookie"),
    ngx_string("Set-Cookie2"),
    ngx_string("Openai-Organization"),
    ngx_string("Openai-Project"),
    ngx_string("Anthropic-Organization-Id"),
    ngx_string("X-Request-Id"),
    ngx_string("Alt-Svc"),
    ngx_string("Strict-Transport-Security"),
    ngx_string("Keep-Alive"),
    ngx_string("Proxy-Authenticate"),
    ngx_string("Www-Authenticate"),
    ngx_string("Proxy-Connection"),
    ngx_string("Trailer"),
    ngx_string("Upgrade"),
    ngx_string("X-Accel-Expires"),
    ngx_string("X-Accel-Redirect"),
    ngx_string("X-Accel-Limit-Rate"),
    ngx_string("X-Accel-Buffering"),
    ngx_string("X-Accel-Charset"),
    ngx_string("Server"),
    ngx_string("Date"),
    ngx_string("Via"),
    ngx_string("Location"),
    ngx_string("Content-Location"),
    ngx_string("Refresh"),
    ngx_string("X-Content-Type-Options"),
    ngx_null_string
};


ngx_int_t
ngx_http_soma_upstream_providers(ngx_conf_t *cf,
    ngx_http_soma_main_conf_t *smcf)
{
    ngx_uint_t                      i;
    ngx_http_soma_provider_t      **pp, *provider;
    ngx_http_upstream_srv_conf_t   *balancer;

    /* nginx asks this one for peers, whatever the provider */

    balancer = ngx_pcalloc(cf->pool, sizeof(ngx_http_upstream_srv_conf_t));
    if (balancer == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&balancer->host, "soma");
    balancer->peer.init = ngx_http_soma_peer_init;

    pp = smcf->providers.elts;

    for (i = 0; i < smcf->providers.nelts; i++) {
        provider = pp[i];

        if (provider->echo) {
            continue;
        }

        provider->block = ngx_http_soma_find_block(cf, provider);

        if (ngx_http_soma_upstream_auth(cf, provider) != NGX_OK
            || ngx_http_soma_own_block(smcf, provider, cf->log) != NGX_OK
            || ngx_http_soma_upstream_conf(cf, provider, balancer) != NGX_OK
            || ngx_http_soma_peers_create(cf, provider) != NGX_OK)
        {
            return NGX_ERROR;
        }

#if (NGX_HTTP_SSL)
        if (provider->ssl
            && ngx_http_soma_upstream_ssl(cf, provider) != NGX_OK)
        {
            return NGX_ERROR;
        }
#endif
    }

    return NGX_OK;
}


/* the line that shows our key, as its dialect has it */
static ngx_int_t
ngx_http_soma_upstream_auth(ngx_conf_t *cf, ngx_http_soma_provider_t *provider)
{
    u_char     *p;
    ngx_str_t   head;

    if (provider->api_key.len == 0) {
        return NGX_OK;
    }

    head = provider->key_header;

    if (head.len == 0) {
        head = ngx_http_soma_ngx(provider->dialect->credential);
    }

    p = ngx_pnalloc(cf->pool, head.len + 2 + provider->api_key.len + 2);
    if (p == NULL) {
        return NGX_ERROR;
    }

    provider->auth.data = p;

    p = ngx_cpymem(p, head.data, head.len);

    if (provider->key_header.len) {
        p = ngx_cpymem(p, ": ", 2);
    }

    p = ngx_cpymem(p, provider->api_key.data, provider->api_key.len);
    p = ngx_cpymem(p, "\r\n", 2);

    provider->auth.len = p - provider->auth.data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_upstream_conf(ngx_conf_t *cf, ngx_http_soma_provider_t *provider,
    ngx_http_upstream_srv_conf_t *balancer)
{
    ngx_hash_init_t            hash;
    ngx_http_upstream_conf_t   none, *conf;

    conf = &provider->upstream;

    conf->upstream = balancer;
    conf->connect_timeout = provider->connect_timeout;
    conf->send_timeout = provider->idle_timeout;
    conf->read_timeout = provider->first_token_timeout;
    conf->pass_request_headers = 1;
    conf->pass_request_body = 1;
    conf->buffering = 0;
    conf->next_upstream = NGX_HTTP_UPSTREAM_FT_ERROR
                          |NGX_HTTP_UPSTREAM_FT_TIMEOUT
                          |NGX_HTTP_UPSTREAM_FT_INVALID_HEADER
                          |NGX_HTTP_UPSTREAM_FT_NON_IDEMPOTENT;
    conf->ignore_headers = NGX_HTTP_UPSTREAM_IGN_XA_REDIRECT
                           |NGX_HTTP_UPSTREAM_IGN_XA_EXPIRES
                           |NGX_HTTP_UPSTREAM_IGN_XA_LIMIT_RATE
                           |NGX_HTTP_UPSTREAM_IGN_XA_BUFFERING
                           |NGX_HTTP_UPSTREAM_IGN_XA_CHARSET;
    ngx_str_set(&conf->module, "soma");

    conf->hide_headers = provider->hide_headers ? provider->hide_headers
                                                : NGX_CONF_UNSET_PTR;
    conf->pass_headers = NGX_CONF_UNSET_PTR;

    ngx_memzero(&none, sizeof(ngx_http_upstream_conf_t));
    none.hide_headers = NGX_CONF_UNSET_PTR;
    none.pass_headers = NGX_CONF_UNSET_PTR;

    hash.max_size = 512;
    hash.bucket_size = ngx_align(64, ngx_cacheline_size);
    hash.name = "soma_hide_headers_hash";

    return ngx_http_upstream_hide_headers_hash(cf, conf, &none,
                                               ngx_http_soma_hide_headers,
                                               &hash);
}


static ngx_http_upstream_srv_conf_t *
ngx_http_soma_find_block(ngx_conf_t *cf, ngx_http_soma_provider_t *provider)
{
    ngx_uint_t                       i;
    ngx_http_upstream_srv_conf_t   **uscfp;
    ngx_http_upstream_main_conf_t   *umcf;

    umcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_upstream_module);
    uscfp = umcf->upstreams.elts;

    for (i = 0; i < umcf->upstreams.nelts; i++) {

        /* only a block has a list of servers */

        if (uscfp[i]->servers == NULL || uscfp[i]->port != 0) {
            continue;
        }

        if (uscfp[i]->host.len == provider->host.len
            && ngx_strncasecmp(uscfp[i]->host.data, provider->host.data,
                               provider->host.len)
               == 0)
        {
            return uscfp[i];
        }
    }

    return NULL;
}


/* a block's idle connections serve whoever asks it: one provider only, or
 * one that verifies might get a connection of one that does not */
static ngx_int_t
ngx_http_soma_own_block(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_provider_t *provider, ngx_log_t *log)
{
    ngx_uint_t                  i;
    ngx_http_soma_provider_t  **pp;

    if (provider->block == NULL) {
        return NGX_OK;
    }

    pp = smcf->providers.elts;

    for (i = 0; i < provider->index; i++) {

        if (pp[i]->block != provider->block) {
            continue;
        }

        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "soma_provider \"%V\" in %s:%ui names the upstream "
                      "block \"%V\" of soma_provider \"%V\", and they would "
                      "share its connections: give it a block of its own",
                      &provider->name, provider->file, provider->line,
                      &provider->host, &pp[i]->name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


#if (NGX_HTTP_SSL)

static ngx_int_t
ngx_http_soma_upstream_ssl(ngx_conf_t *cf, ngx_http_soma_provider_t *provider)
{
    ngx_str_t                  ca;
    ngx_ssl_t                 *ssl;
    ngx_pool_cleanup_t        *cln;
    ngx_http_upstream_conf_t  *conf;

    conf = &provider->upstream;

    ssl = ngx_pcalloc(cf->pool, sizeof(ngx_ssl_t));
    if (ssl == NULL) {
        return NGX_ERROR;
    }

    ssl->log = cf->log;

    if (ngx_ssl_create(ssl, NGX_SSL_TLSv1_2|NGX_SSL_TLSv1_3, NULL) != NGX_OK) {
        return NGX_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        ngx_ssl_cleanup_ctx(ssl);
        return NGX_ERROR;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = ssl;

    conf->ssl = ssl;
    conf->ssl_server_name = 1;
    conf->ssl_session_reuse = 1;
    conf->ssl_verify = provider->verify;

    if (!provider->verify) {
        return NGX_OK;
    }

    ca = provider->ca_file;

    if (ca.len == 0) {
        ngx_str_set(&ca, NGX_HTTP_SOMA_CA_FILE);
    }

    if (ngx_ssl_trusted_certificate(cf, ssl, &ca, 4) != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "soma_provider \"%V\" in %s:%ui cannot verify its "
                      "endpoint: name the authorities' file with "
                      "ssl_trusted_certificate, or install ca-certificates",
                      &provider->name, provider->file, provider->line);
        return NGX_ERROR;
    }

    return NGX_OK;
}

#endif
