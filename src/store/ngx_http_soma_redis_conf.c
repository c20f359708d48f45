
/*
 * Copyright (C) The ngx_soma authors
 *
 * soma_redis URL [timeout=TIME] [user=NAME] [password=env:NAME|file:PATH]
 * [sentinel_user=NAME] [sentinel_password=env:NAME|file:PATH]
 * [tls_ca=PATH] [tls_cert=PATH tls_key=PATH]
 */


#include "ngx_http_soma_block.h"
#include "ngx_http_soma_file.h"
#include "ngx_http_soma_redis_link.h"


#define NGX_HTTP_SOMA_REDIS_ALLOWED                                           \
    "timeout=TIME of at most 60s (like timeout=200ms), user=NAME, "           \
    "password=env:NAME or password=file:PATH, sentinel_user=NAME, "           \
    "sentinel_password=env:NAME or file:PATH, tls_ca=PATH, tls_cert=PATH "    \
    "and tls_key=PATH"

#define NGX_HTTP_SOMA_REDIS_TIMEOUT_MAX  60000      /* ms */

#define ngx_http_soma_ngx_str(s)  ((ngx_str_t) { (s).len, (s).data })


static char *ngx_http_soma_redis_url(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_soma_redis_conf_t *redis, ngx_uint_t *tls);
static char *ngx_http_soma_redis_hosts(ngx_conf_t *cf,
    ngx_http_soma_redis_conf_t *redis, soma_redis_url_t *url);
static char *ngx_http_soma_redis_host(ngx_conf_t *cf,
    ngx_http_soma_redis_conf_t *redis, ngx_http_soma_redis_host_t *host);
static char *ngx_http_soma_redis_shown(ngx_conf_t *cf,
    ngx_http_soma_redis_conf_t *redis, ngx_uint_t tls);
static char *ngx_http_soma_redis_secret(ngx_conf_t *cf,
    ngx_http_soma_block_t *block, const ngx_http_soma_block_word_t *word,
    ngx_str_t *value);
static char *ngx_http_soma_redis_secret_env(ngx_conf_t *cf, const char *name,
    ngx_str_t *source, ngx_str_t *text);
static char *ngx_http_soma_redis_secret_file(ngx_conf_t *cf,
    const char *name, ngx_str_t *source, ngx_str_t *text);
static char *ngx_http_soma_redis_check(ngx_conf_t *cf,
    ngx_http_soma_redis_conf_t *redis, ngx_uint_t tls);


static const ngx_http_soma_block_range_t  ngx_http_soma_redis_time = {
    1, NGX_HTTP_SOMA_REDIS_TIMEOUT_MAX, NULL
};


#define ngx_http_soma_redis_param(name, read, field, post)                    \
    { name, 1, 1, 0, read, offsetof(ngx_http_soma_redis_conf_t, field), post }

static const ngx_http_soma_block_word_t  ngx_http_soma_redis_params[] = {
    ngx_http_soma_redis_param("timeout", ngx_http_soma_block_msec, timeout,
                              &ngx_http_soma_redis_time),
    ngx_http_soma_redis_param("user", ngx_http_soma_block_str, user, NULL),
    ngx_http_soma_redis_param("password", ngx_http_soma_redis_secret,
                              password, NULL),
    ngx_http_soma_redis_param("sentinel_user", ngx_http_soma_block_str,
                              sentinel_user, NULL),
    ngx_http_soma_redis_param("sentinel_password", ngx_http_soma_redis_secret,
                              sentinel_password, NULL),
    ngx_http_soma_redis_param("tls_ca", ngx_http_soma_block_path, tls_ca,
                              NULL),
    ngx_http_soma_redis_param("tls_cert", ngx_http_soma_block_path, tls_cert,
                              NULL),
    ngx_http_soma_redis_param("tls_key", ngx_http_soma_block_path, tls_key,
                              NULL),
    { NULL, 0, 0, 0, NULL, 0, NULL }
};


char *
ngx_http_soma_redis_conf_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_soma_main_conf_t  *smcf = conf;

    char                   *rv;
    ngx_str_t              *value;
    ngx_uint_t              tls;
    ngx_http_soma_block_t   block;

    (void) cmd;

    if (smcf->redis.set) {
        return "is duplicate";
    }

    smcf->redis.set = 1;

    value = cf->args->elts;

    rv = ngx_http_soma_redis_url(cf, &value[1], &smcf->redis, &tls);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    ngx_memzero(&block, sizeof(ngx_http_soma_block_t));

    block.directive = "soma_redis";
    block.words = ngx_http_soma_redis_params;
    block.conf = &smcf->redis;
    block.allowed = NGX_HTTP_SOMA_REDIS_ALLOWED;
    block.secret = 1;

    rv = ngx_http_soma_block_params(cf, &block, 2);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    rv = ngx_http_soma_redis_check(cf, &smcf->redis, tls);
    if (rv != NGX_CONF_OK || !tls) {
        return rv;
    }

    return ngx_http_soma_redis_tls_conf(cf, &smcf->redis);
}


static char *
ngx_http_soma_redis_url(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_soma_redis_conf_t *redis, ngx_uint_t *tls)
{
    char                      *rv;
    soma_str_t                 text, word;
    const char                *error;
    soma_redis_url_t           url;
    ngx_http_core_loc_conf_t  *clcf;

    text.len = value->len;
    text.data = ngx_pnalloc(cf->pool, value->len + 1);
    if (text.data == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memcpy(text.data, value->data, value->len);
    text.data[text.len] = '\0';

    if (soma_redis_url(&url, text, &error, &word) != SOMA_OK) {

        if (word.len) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "soma_redis: \"%*s\" %s", word.len, word.data,
                               error);
        } else {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "soma_redis: what was given %s", error);
        }

        return NGX_CONF_ERROR;
    }

    *tls = url.tls;

    redis->kind = url.kind;
    redis->user = ngx_http_soma_ngx_str(url.user);
    redis->password = ngx_http_soma_ngx_str(url.password);
    redis->master = ngx_http_soma_ngx_str(url.master);
    redis->path = ngx_http_soma_ngx_str(url.path);
    redis->db = (ngx_int_t) url.db;

    if (redis->path.len) {
        /* "?db=N" behind it was read already */
        redis->path.data[redis->path.len] = '\0';
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->resolver && clcf->resolver->connections.nelts) {
        redis->resolver = clcf->resolver;
        redis->resolver_timeout = clcf->resolver_timeout;

        if (redis->resolver_timeout == NGX_CONF_UNSET_MSEC) {
            redis->resolver_timeout = 30000;
        }
    }

    rv = ngx_http_soma_redis_hosts(cf, redis, &url);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    return ngx_http_soma_redis_shown(cf, redis, url.tls);
}


static char *
ngx_http_soma_redis_hosts(ngx_conf_t *cf, ngx_http_soma_redis_conf_t *redis,
    soma_redis_url_t *url)
{
    ngx_uint_t                   i;
    ngx_http_soma_redis_host_t  *host;

    redis->nhosts = url->nhosts;
    redis->hosts = ngx_pcalloc(cf->pool, sizeof(ngx_http_soma_redis_host_t)
                                         * (url->nhosts + 1));
    if (redis->hosts == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < url->nhosts; i++) {
        host = &redis->hosts[i];

        host->name = ngx_http_soma_ngx_str(url->hosts[i].name);
        host->port = (in_port_t) url->hosts[i].port;

        if (ngx_http_soma_redis_host(cf, redis, host) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* with a resolver a name is looked up at run time, and each time anew */
static char *
ngx_http_soma_redis_host(ngx_conf_t *cf, ngx_http_soma_redis_conf_t *redis,
    ngx_http_soma_redis_host_t *host)
{
    ngx_int_t   rc;
    ngx_url_t   u;
    ngx_addr_t  addr;

    rc = ngx_parse_addr(cf->pool, &addr, host->name.data, host->name.len);

    if (rc == NGX_ERROR) {
        return NGX_CONF_ERROR;
    }

    if (rc == NGX_OK) {
        ngx_inet_set_port(addr.sockaddr, host->port);

        host->literal = 1;
        host->naddrs = 1;
        host->addrs = ngx_palloc(cf->pool, sizeof(ngx_addr_t));
        if (host->addrs == NULL) {
            return NGX_CONF_ERROR;
        }

        host->addrs[0] = addr;

        return NGX_CONF_OK;
    }

    if (redis->resolver) {
        return NGX_CONF_OK;
    }

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.host = host->name;
    u.url = host->name;
    u.port = host->port;

    if (ngx_inet_resolve_host(cf->pool, &u) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "soma_redis: %s \"%V\"; below a \"resolver\" "
                           "the name is looked up at run time",
                           u.err ? u.err : "cannot resolve host",
                           &host->name);
        return NGX_CONF_ERROR;
    }

    host->addrs = u.addrs;
    host->naddrs = ngx_min(u.naddrs, NGX_HTTP_SOMA_REDIS_ADDRS_MAX);

    return NGX_CONF_OK;
}


/* what logs and /soma/health show */
static char *
ngx_http_soma_redis_shown(ngx_conf_t *cf, ngx_http_soma_redis_conf_t *redis,
    ngx_uint_t tls)
{
    size_t                       len;
    u_char                      *p;
    ngx_uint_t                   i;
    ngx_http_soma_redis_host_t  *host;

    static const char  *const  scheme[] = {
        "redis", "unix", "redis-sentinel", "redis-cluster",
        "rediss", "unix", "rediss-sentinel", "rediss-cluster"
    };

    len = sizeof("rediss-sentinel:///?db=") + redis->path.len
          + redis->master.len + NGX_INT_T_LEN;

    for (i = 0; i < redis->nhosts; i++) {
        len += redis->hosts[i].name.len + sizeof(",[]:65535");
    }

    p = ngx_pnalloc(cf->pool, len);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    redis->url.data = p;

    p = ngx_sprintf(p, "%s:%s%V", scheme[redis->kind + (tls ? 4 : 0)],
                    redis->path.len ? "" : "//", &redis->path);

    for (i = 0; i < redis->nhosts; i++) {
        host = &redis->hosts[i];

        p = ngx_sprintf(p, ngx_strlchr(host->name.data, host->name.data
                                       + host->name.len, ':')
                           ? "%s[%V]:%d" : "%s%V:%d",
                        i ? "," : "", &host->name, (int) host->port);
    }

    if (redis->master.len) {
        p = ngx_sprintf(p, "/%V", &redis->master);
    }

    if (redis->path.len == 0 && redis->kind != SOMA_REDIS_CLUSTER) {
        p = ngx_sprintf(p, "/%i", redis->db);

    } else if (redis->db) {
        p = ngx_sprintf(p, "?db=%i", redis->db);
    }

    redis->url.len = p - redis->url.data;

    return NGX_CONF_OK;
}


static char *
ngx_http_soma_redis_secret(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value)
{
    char       *rv;
    ngx_str_t   text, *secret;

    if (value->len > 4 && ngx_strncmp(value->data, "env:", 4) == 0) {
        rv = ngx_http_soma_redis_secret_env(cf, word->name, value, &text);

    } else if (value->len > 5 && ngx_strncmp(value->data, "file:", 5) == 0) {
        rv = ngx_http_soma_redis_secret_file(cf, word->name, value, &text);

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "soma_redis: %s=env:NAME or %s=file:PATH is "
                           "allowed", word->name, word->name);
        return NGX_CONF_ERROR;
    }

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (text.len > SOMA_REDIS_SECRET_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "soma_redis: what %s= names is longer than %d "
                           "bytes", word->name, SOMA_REDIS_SECRET_MAX);
        return NGX_CONF_ERROR;
    }

    secret = (ngx_str_t *) ((u_char *) block->conf + word->offset);

    secret->len = text.len;
    secret->data = ngx_pstrdup(cf->pool, &text);

    return secret->data ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_http_soma_redis_secret_env(ngx_conf_t *cf, const char *name,
    ngx_str_t *source, ngx_str_t *text)
{
    char  *env;

    env = getenv((char *) source->data + 4);

    if (env == NULL || env[0] == '\0') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "soma_redis: the environment variable \"%s\" "
                           "of %s= is not set", source->data + 4, name);
        return NGX_CONF_ERROR;
    }

    text->data = (u_char *) env;
    text->len = ngx_strlen(env);

    return NGX_CONF_OK;
}


static char *
ngx_http_soma_redis_secret_file(ngx_conf_t *cf, const char *name,
    ngx_str_t *source, ngx_str_t *text)
{
    ngx_str_t  path;

    path.data = source->data + 5;
    path.len = source->len - 5;

    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK
        || ngx_http_soma_file_read(cf, &path, SOMA_REDIS_SECRET_MAX,
                                   NGX_HTTP_SOMA_FILE_SECRET, text)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    while (text->len && (text->data[text->len - 1] == LF
                         || text->data[text->len - 1] == CR))
    {
        text->len--;
    }

    if (text->len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "soma_redis: the file \"%V\" of %s= is empty",
                           &path, name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_soma_redis_check(ngx_conf_t *cf, ngx_http_soma_redis_conf_t *redis,
    ngx_uint_t tls)
{
    if (redis->user.len && redis->password.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "soma_redis has a user but no password: "
                           "redis://user:password@host or "
                           "password=env:NAME is allowed");
        return NGX_CONF_ERROR;
    }

    if (redis->sentinel_user.len && redis->sentinel_password.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "soma_redis has a sentinel_user= but no "
                           "sentinel_password=");
        return NGX_CONF_ERROR;
    }

    if (redis->sentinel_password.len && redis->kind != SOMA_REDIS_SENTINELS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "soma_redis: sentinel_password= is for "
                           "redis-sentinel://");
        return NGX_CONF_ERROR;
    }

    if (!tls
        && (redis->tls_ca.len || redis->tls_cert.len || redis->tls_key.len))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "soma_redis: tls_ca, tls_cert and tls_key are for "
                           "rediss://, rediss-sentinel:// and "
                           "rediss-cluster://");
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
