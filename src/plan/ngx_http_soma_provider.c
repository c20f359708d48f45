
/*
 * Copyright (C) The ngx_soma authors
 *
 * The directive soma_provider.
 */


#include "ngx_http_soma_attempt.h"
#include "ngx_http_soma_conf.h"


#define NGX_HTTP_SOMA_API_KEY_MAX  4096     /* bytes of a key file */


static char *ngx_http_soma_provider_line(ngx_conf_t *cf, ngx_command_t *dummy,
    void *conf);
static char *ngx_http_soma_provider_dialect(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider);
static char *ngx_http_soma_provider_endpoint(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider);
static char *ngx_http_soma_provider_surface(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider);
static char *ngx_http_soma_provider_key_words(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider);
static char *ngx_http_soma_provider_key_check(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider, ngx_str_t *key);
static char *ngx_http_soma_provider_key(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider);
static char *ngx_http_soma_key_file(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider, ngx_str_t path, ngx_str_t *key);
static char *ngx_http_soma_provider_missing(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider, const char *kind, ngx_str_t *name,
    const char *what);
static char *ngx_http_soma_provider_keepalive(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider);
static char *ngx_http_soma_provider_bound(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider);
static ngx_uint_t ngx_http_soma_provider_openai(ngx_str_t *host);
static char *ngx_http_soma_provider_allow(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider);
static char *ngx_http_soma_provider_tools(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider);
static char *ngx_http_soma_provider_verify(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider);
static char *ngx_http_soma_provider_ca(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider);
static char *ngx_http_soma_provider_limit(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider);


typedef struct {
    const char  *name;
    ngx_uint_t   args;          /* words behind the name, 0: any number */
    char        *(*read)(ngx_conf_t *cf, ngx_http_soma_provider_t *provider);
} ngx_http_soma_provider_word_t;


static const ngx_http_soma_provider_word_t  ngx_http_soma_provider_words[] = {
    { "dialect",                 1, ngx_http_soma_provider_dialect },
    { "endpoint",                1, ngx_http_soma_provider_endpoint },
    { "api_key",                 1, ngx_http_soma_provider_key },
    { "timeout",                 0, ngx_http_soma_provider_answer_timeout },
    { "limit",                   0, ngx_http_soma_provider_limit },
    { "keepalive",               1, ngx_http_soma_provider_keepalive },
    { "max_tokens_name",         1, ngx_http_soma_provider_bound },
    { "allow",                   0, ngx_http_soma_provider_allow },
    { "tools",                   0, ngx_http_soma_provider_tools },
    { "stream_usage",            1, ngx_http_soma_provider_answer_usage },
    { "hide_header",             0, ngx_http_soma_provider_answer_hide },
    { "ssl_verify",              1, ngx_http_soma_provider_verify },
    { "ssl_trusted_certificate", 1, ngx_http_soma_provider_ca },
    { NULL,                      0, NULL }
};


char *
ngx_http_soma_provider(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_soma_main_conf_t  *smcf = conf;

    char                       *rv;
    ngx_str_t                  *value;
    ngx_http_soma_provider_t  **pp, *provider;

    (void) cmd;

    value = cf->args->elts;

    if (ngx_http_soma_provider_find(smcf, &value[1]) != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "soma_provider \"%V\" stands twice", &value[1]);
        return NGX_CONF_ERROR;
    }

    provider = ngx_pcalloc(cf->pool, sizeof(ngx_http_soma_provider_t));
    pp = ngx_array_push(&smcf->providers);

    if (provider == NULL || pp == NULL
        || ngx_array_init(&provider->limits, cf->pool, 2,
                          sizeof(soma_limit_t))
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    *pp = provider;

    provider->name = value[1];
    provider->index = smcf->providers.nelts - 1;
    provider->file = cf->conf_file->file.name.data;
    provider->line = cf->conf_file->line;
    ngx_str_set(&provider->auth, "");
    provider->connect_timeout = NGX_CONF_UNSET_MSEC;
    provider->first_token_timeout = NGX_CONF_UNSET_MSEC;
    provider->idle_timeout = NGX_CONF_UNSET_MSEC;
    provider->answer_timeout = NGX_CONF_UNSET_MSEC;
    provider->total_timeout = NGX_CONF_UNSET_MSEC;
    provider->keepalive = NGX_HTTP_SOMA_KEEPALIVE;
    provider->verify = 1;

    rv = ngx_http_soma_block(cf, ngx_http_soma_provider_line, provider);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (provider->dialect == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "soma_provider \"%V\" needs a \"dialect\"",
                           &provider->name);
        return NGX_CONF_ERROR;
    }

    if (provider->endpoint.len == 0 && !provider->echo) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "soma_provider \"%V\" needs an \"endpoint\", like "
                           "https://api.openai.com/v1", &provider->name);
        return NGX_CONF_ERROR;
    }

    ngx_http_soma_provider_answer_times(provider);

    if (!provider->bound_set) {
        provider->newer_bound = ngx_http_soma_provider_openai(&provider->host);
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_soma_provider_line(ngx_conf_t *cf, ngx_command_t *dummy, void *conf)
{
    ngx_http_soma_provider_t  *provider = conf;

    ngx_str_t                            *value;
    const ngx_http_soma_provider_word_t  *word;

    (void) dummy;

    value = cf->args->elts;

    for (word = ngx_http_soma_provider_words; word->name; word++) {

        if (ngx_strcmp(value[0].data, word->name) != 0) {
            continue;
        }

        if (word->read == ngx_http_soma_provider_key
            && cf->args->nelts != 2)
        {
            return ngx_http_soma_provider_key_words(cf, provider);
        }

        if (cf->args->nelts < 2
            || (word->args && cf->args->nelts != word->args + 1))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid number of words behind \"%V\" in "
                               "soma_provider \"%V\"", &value[0],
                               &provider->name);
            return NGX_CONF_ERROR;
        }

        return word->read(cf, provider);
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown directive \"%V\" in soma_provider \"%V\": "
                       "allowed are dialect, endpoint, api_key, timeout, "
                       "limit, keepalive, max_tokens_name, allow, tools, "
                       "stream_usage, hide_header, ssl_verify and "
                       "ssl_trusted_certificate", &value[0], &provider->name);

    return NGX_CONF_ERROR;
}


static char *
ngx_http_soma_provider_dialect(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider)
{
    ngx_str_t   *value;
    const char  *names;

    value = cf->args->elts;

    provider->dialect = soma_dialect_find(ngx_http_soma_str(value[1]), &names);

    if (provider->dialect == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown dialect \"%V\" of soma_provider \"%V\": "
                           "allowed are %s", &value[1], &provider->name,
                           names);
        return NGX_CONF_ERROR;
    }

    provider->echo = (provider->dialect->local != NULL);

    return NGX_CONF_OK;
}


static char *
ngx_http_soma_provider_endpoint(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider)
{
    u_char     *p, *last;
    ngx_str_t  *value;

    value = cf->args->elts;
    p = value[1].data;
    last = p + value[1].len;

    if (value[1].len > 8 && ngx_strncasecmp(p, (u_char *) "https://", 8) == 0)
    {
#if (NGX_HTTP_SSL)
        provider->ssl = 1;
        provider->port = 443;
        p += 8;
#else
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "endpoint \"%V\" needs an nginx built with SSL",
                           &value[1]);
        return NGX_CONF_ERROR;
#endif

    } else if (value[1].len > 7
               && ngx_strncasecmp(p, (u_char *) "http://", 7) == 0)
    {
        provider->port = 80;
        p += 7;

    } else {
        goto invalid;
    }

    provider->endpoint = value[1];
    provider->host.data = p;

    while (p < last && *p != '/' && *p != '?' && *p != '#' && *p != '@') {
        p++;
    }

    provider->host.len = p - provider->host.data;

    if (provider->host.len == 0
        || ngx_strlchr(p, last, '?') || ngx_strlchr(p, last, '#')
        || ngx_strlchr(value[1].data, last, '@'))
    {
        goto invalid;
    }

    while (last > p && last[-1] == '/') {
        last--;
    }

    provider->uri.data = p;
    provider->uri.len = last - p;

    return ngx_http_soma_provider_surface(cf, provider);

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid endpoint of soma_provider \"%V\": "
                       "http://HOST[:PORT][/PATH] or https://... is allowed, "
                       "without user, query and fragment, where HOST may be "
                       "the name of an upstream block", &provider->name);

    return NGX_CONF_ERROR;
}


/* the examples of providers' pages name a whole URL */
static char *
ngx_http_soma_provider_surface(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider)
{
    ngx_str_t         *uri;
    ngx_uint_t         i;

    static ngx_str_t  surfaces[] = {
        ngx_string("/chat/completions"), ngx_string("/completions"),
        ngx_string("/responses"), ngx_string("/embeddings"),
        ngx_string("/messages"), ngx_string("/models"),
        ngx_string("/images/generations"), ngx_string("/images/edits"),
        ngx_string("/images/variations"), ngx_string("/audio/speech"),
        ngx_string("/audio/transcriptions"),
        ngx_string("/audio/translations"), ngx_string("/moderations"),
        ngx_string("/rerank"), ngx_string("/chat"), ngx_string("/files"),
        ngx_string("/batches"), ngx_null_string
    };

    uri = &provider->uri;

    for (i = 0; surfaces[i].len; i++) {

        if (uri->len >= surfaces[i].len
            && ngx_strncasecmp(uri->data + uri->len - surfaces[i].len,
                               surfaces[i].data, surfaces[i].len)
               == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "the endpoint of soma_provider \"%V\" ends in "
                               "\"%V\", which the gateway adds itself: write "
                               "what stands before it, as in "
                               "https://api.openai.com/v1", &provider->name,
                               &surfaces[i]);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* no word of it is repeated: one may be the key */
static char *
ngx_http_soma_provider_key_words(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "the api_key of soma_provider \"%V\" is one word: "
                       "env:NAME, file:PATH or the key itself, without "
                       "\"Bearer\"", &provider->name);

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
ngx_http_soma_provider_key(ngx_conf_t *cf, ngx_http_soma_provider_t *provider)
{
    char       *env;
    size_t      i;
    ngx_str_t  *value, key, name;

    value = cf->args->elts;
    key = value[1];

    if (ngx_http_soma_provider_key_check(cf, provider, &key) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    if (key.len > 4 && ngx_strncmp(key.data, "env:", 4) == 0) {
        name.data = key.data + 4;
        name.len = key.len - 4;

        env = getenv((char *) name.data);

        if (env == NULL || env[0] == '\0') {
            return ngx_http_soma_provider_missing(cf, provider,
                                                  "environment variable",
                                                  &name, "is not set");
        }

        key.len = ngx_strlen(env);
        key.data = ngx_pnalloc(cf->pool, key.len);
        if (key.data == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_memcpy(key.data, env, key.len);

    } else if (key.len > 5 && ngx_strncmp(key.data, "file:", 5) == 0) {
        name.data = key.data + 5;
        name.len = key.len - 5;

        if (ngx_http_soma_key_file(cf, provider, name, &key) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }

        if (provider->missing.len) {
            return NGX_CONF_OK;
        }
    }

    for (i = 0; i < key.len; i++) {
        if (key.data[i] <= ' ' || key.data[i] == 0x7f) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "the api_key of soma_provider \"%V\" has a "
                               "blank or a control character in it",
                               &provider->name);
            return NGX_CONF_ERROR;
        }
    }

    provider->api_key = key;

    return NGX_CONF_OK;
}


static char *
ngx_http_soma_key_file(ngx_conf_t *cf, ngx_http_soma_provider_t *provider,
    ngx_str_t path, ngx_str_t *key)
{
    u_char           *p;
    ngx_str_t         text;
    ngx_file_info_t   fi;

    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_file_info(path.data, &fi) == NGX_FILE_ERROR) {
        return ngx_http_soma_provider_missing(cf, provider, "file", &path,
                                              "is not there");
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
        return ngx_http_soma_provider_missing(cf, provider, "file", &path,
                                              "is empty");
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
ngx_http_soma_provider_missing(ngx_conf_t *cf,
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
ngx_http_soma_provider_limit(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider)
{
    return ngx_http_soma_block_limit(cf, &provider->limits,
                                     SOMA_SCOPE_PROVIDER);
}


static char *
ngx_http_soma_provider_keepalive(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider)
{
    ngx_int_t   n;
    ngx_str_t  *value;

    value = cf->args->elts;
    n = ngx_atoi(value[1].data, value[1].len);

    if (n == NGX_ERROR || n > NGX_HTTP_SOMA_KEEPALIVE_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"%V\" in \"keepalive\" of soma_provider "
                           "\"%V\": a number of idle connections from 0 to "
                           "%d is allowed", &value[1], &provider->name,
                           NGX_HTTP_SOMA_KEEPALIVE_MAX);
        return NGX_CONF_ERROR;
    }

    provider->keepalive = (ngx_uint_t) n;

    return NGX_CONF_OK;
}


/* the name by which a chat's bound is said to this provider */
static char *
ngx_http_soma_provider_bound(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "max_completion_tokens") == 0) {
        provider->newer_bound = 1;

    } else if (ngx_strcmp(value[1].data, "max_tokens") != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid max_tokens_name \"%V\" of soma_provider "
                           "\"%V\": \"max_tokens\" or "
                           "\"max_completion_tokens\" is allowed", &value[1],
                           &provider->name);
        return NGX_CONF_ERROR;
    }

    provider->bound_set = 1;

    return NGX_CONF_OK;
}


/* OpenAI itself, and Azure's of it, call the older name deprecated */
static ngx_uint_t
ngx_http_soma_provider_openai(ngx_str_t *host)
{
    size_t      len;
    ngx_uint_t  i;

    static const ngx_str_t  names[] = {
        ngx_string("api.openai.com"),
        ngx_string(".api.openai.com"),
        ngx_string(".openai.azure.com")
    };

    for (len = 0; len < host->len && host->data[len] != ':'; len++) {
        /* void */
    }

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {

        if ((names[i].data[0] == '.' ? len > names[i].len
                                     : len == names[i].len)
            && ngx_strncasecmp(host->data + len - names[i].len, names[i].data,
                               names[i].len)
               == 0)
        {
            return 1;
        }
    }

    return 0;
}


static char *
ngx_http_soma_provider_allow(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider)
{
    return ngx_http_soma_policy_allow(cf, provider);
}


static char *
ngx_http_soma_provider_tools(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider)
{
    return ngx_http_soma_policy_tools(cf, &provider->tools);
}


static char *
ngx_http_soma_provider_verify(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        provider->verify = 0;

    } else if (ngx_strcmp(value[1].data, "on") != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"%V\" in \"ssl_verify\" of "
                           "soma_provider \"%V\": on or off is allowed",
                           &value[1], &provider->name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_soma_provider_ca(ngx_conf_t *cf, ngx_http_soma_provider_t *provider)
{
    ngx_str_t  *value;

    value = cf->args->elts;
    provider->ca_file = value[1];

    return NGX_CONF_OK;
}
