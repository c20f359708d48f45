
/*
 * Copyright (C) The ngx_soma authors
 *
 * soma_redis URL [timeout=TIME] [user=NAME] [password=env:NAME|file:PATH]
 * [sentinel_user=NAME] [sentinel_password=env:NAME|file:PATH]
 * [tls_ca=PATH] [tls_cert=PATH tls_key=PATH]
 */


#include "ngx_http_soma_conf.h"
#include "ngx_http_soma_redis_link.h"


#define NGX_HTTP_SOMA_REDIS_PARAMS                                            \
    "timeout=TIME of at most 60s (like timeout=200ms), user=NAME, "           \
    "password=env:NAME or password=file:PATH, sentinel_user=NAME, "           \
    "sentinel_password=env:NAME or file:PATH, tls_ca=PATH, tls_cert=PATH "    \
    "and tls_key=PATH are allowed"

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
static char *ngx_http_soma_redis_param(ngx_conf_t *cf,
    ngx_http_soma_redis_conf_t *redis, ngx_http_soma_redis_files_t *files,
    ngx_str_t *word);
static char *ngx_http_soma_redis_secret(ngx_conf_t *cf, ngx_str_t source,
    const char *name, ngx_str_t *secret);
static char *ngx_http_soma_redis_check(ngx_conf_t *cf,
    ngx_http_soma_redis_conf_t *redis);


char *
ngx_http_soma_redis_conf_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_soma_main_conf_t  *smcf = conf;

    char                         *rv;
    ngx_str_t                    *value;
    ngx_uint_t                    i, tls;
    ngx_http_soma_redis_files_t   files;

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

    ngx_memzero(&files, sizeof(ngx_http_soma_redis_files_t));

    for (i = 2; i < cf->args->nelts; i++) {
        rv = ngx_http_soma_redis_param(cf, &smcf->redis, &files, &value[i]);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    rv = ngx_http_soma_redis_check(cf, &smcf->redis);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (!tls && (files.ca.len || files.cert.len || files.key.len)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "soma_redis: tls_ca, tls_cert and tls_key are for "
                           "rediss://, rediss-sentinel:// and "
                           "rediss-cluster://");
        return NGX_CONF_ERROR;
    }

    if (!tls) {
        return NGX_CONF_OK;
    }

    return ngx_http_soma_redis_tls_conf(cf, &smcf->redis, &files);
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
ngx_http_soma_redis_param(ngx_conf_t *cf, ngx_http_soma_redis_conf_t *redis,
    ngx_http_soma_redis_files_t *files, ngx_str_t *word)
{
    u_char     *eq;
    ngx_int_t   ms;
    ngx_str_t   s, name;

    if (ngx_http_soma_block_param(word, "timeout", &s)) {
        ms = ngx_parse_time(&s, 0);

        if (ms != NGX_ERROR && ms > 0
            && ms <= NGX_HTTP_SOMA_REDIS_TIMEOUT_MAX)
        {
            redis->timeout = (ngx_msec_t) ms;
            return NGX_CONF_OK;
        }

    } else if (ngx_http_soma_block_param(word, "user", &s) && s.len) {
        redis->user = s;
        return NGX_CONF_OK;

    } else if (ngx_http_soma_block_param(word, "password", &s)) {
        return ngx_http_soma_redis_secret(cf, s, "password",
                                          &redis->password);

    } else if (ngx_http_soma_block_param(word, "sentinel_user", &s) && s.len) {
        redis->sentinel_user = s;
        return NGX_CONF_OK;

    } else if (ngx_http_soma_block_param(word, "sentinel_password", &s)) {
        return ngx_http_soma_redis_secret(cf, s, "sentinel_password",
                                          &redis->sentinel_password);

    } else if (ngx_http_soma_block_param(word, "tls_ca", &s) && s.len) {
        files->ca = s;
        return NGX_CONF_OK;

    } else if (ngx_http_soma_block_param(word, "tls_cert", &s) && s.len) {
        files->cert = s;
        return NGX_CONF_OK;

    } else if (ngx_http_soma_block_param(word, "tls_key", &s) && s.len) {
        files->key = s;
        return NGX_CONF_OK;

    } else {

        /* a misspelled "pasword=..." is a password all the same */

        name = *word;
        eq = ngx_strlchr(name.data, name.data + name.len, '=');

        if (eq) {
            name.len = eq - name.data + 1;
        }

        word = &name;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" of \"soma_redis\": "
                       NGX_HTTP_SOMA_REDIS_PARAMS, word);

    return NGX_CONF_ERROR;
}


static char *
ngx_http_soma_redis_secret(ngx_conf_t *cf, ngx_str_t source,
    const char *name, ngx_str_t *secret)
{
    char       *env;
    ngx_str_t   text, path;

    if (source.len > 4 && ngx_strncmp(source.data, "env:", 4) == 0) {
        env = getenv((char *) source.data + 4);

        if (env == NULL || env[0] == '\0') {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "soma_redis: the environment variable \"%s\" "
                               "of %s= is not set", source.data + 4, name);
            return NGX_CONF_ERROR;
        }

        text.data = (u_char *) env;
        text.len = ngx_strlen(env);

    } else if (source.len > 5 && ngx_strncmp(source.data, "file:", 5) == 0) {
        path.data = source.data + 5;
        path.len = source.len - 5;

        if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK
            || ngx_http_soma_file_read(cf, &path, SOMA_REDIS_SECRET_MAX,
                                       NGX_HTTP_SOMA_FILE_SECRET, &text)
               != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

        while (text.len && (text.data[text.len - 1] == LF
                            || text.data[text.len - 1] == CR))
        {
            text.len--;
        }

        if (text.len == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "soma_redis: the file \"%V\" of %s= is empty",
                               &path, name);
            return NGX_CONF_ERROR;
        }

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "soma_redis: %s=env:NAME or %s=file:PATH is "
                           "allowed", name, name);
        return NGX_CONF_ERROR;
    }

    if (text.len > SOMA_REDIS_SECRET_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "soma_redis: what %s= names is longer than %d "
                           "bytes", name, SOMA_REDIS_SECRET_MAX);
        return NGX_CONF_ERROR;
    }

    secret->len = text.len;
    secret->data = ngx_pstrdup(cf->pool, &text);

    return secret->data ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_http_soma_redis_check(ngx_conf_t *cf, ngx_http_soma_redis_conf_t *redis)
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

    return NGX_CONF_OK;
}
