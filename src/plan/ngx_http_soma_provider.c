
/*
 * Copyright (C) The ngx_soma authors
 */


#include "ngx_http_soma_provider.h"
#include "ngx_http_soma_credentials.h"


#define NGX_HTTP_SOMA_KEEPALIVE       64        /* idle connections kept */
#define NGX_HTTP_SOMA_KEEPALIVE_MAX   4096


static ngx_http_soma_provider_t *ngx_http_soma_provider_add(ngx_conf_t *cf,
    ngx_http_soma_main_conf_t *smcf, ngx_str_t *name);
static char *ngx_http_soma_provider_complete(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider);
static char *ngx_http_soma_provider_dialect(ngx_conf_t *cf,
    ngx_http_soma_block_t *block, const ngx_http_soma_block_word_t *word,
    ngx_str_t *value);
static char *ngx_http_soma_provider_endpoint(ngx_conf_t *cf,
    ngx_http_soma_block_t *block, const ngx_http_soma_block_word_t *word,
    ngx_str_t *value);
static u_char *ngx_http_soma_provider_scheme(
    ngx_http_soma_provider_t *provider, ngx_str_t *url);
static char *ngx_http_soma_provider_surface(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider);
static char *ngx_http_soma_provider_region(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider);
static ngx_uint_t ngx_http_soma_provider_openai(ngx_str_t *host);
static char *ngx_http_soma_provider_allow(ngx_conf_t *cf,
    ngx_http_soma_block_t *block, const ngx_http_soma_block_word_t *word,
    ngx_str_t *value);
static int ngx_http_soma_provider_object(ngx_str_t *word);


static const ngx_http_soma_block_range_t  ngx_http_soma_provider_idle = {
    0, NGX_HTTP_SOMA_KEEPALIVE_MAX,
    "a number of idle connections from 0 to "
    ngx_value(NGX_HTTP_SOMA_KEEPALIVE_MAX)
};

static const soma_scope_e  ngx_http_soma_provider_scope = SOMA_SCOPE_PROVIDER;

static const ngx_conf_enum_t  ngx_http_soma_provider_bounds[] = {
    { ngx_string("max_tokens"), 0 },
    { ngx_string("max_completion_tokens"), 1 },
    { ngx_null_string, 0 }
};

static const ngx_conf_enum_t  ngx_http_soma_provider_usage[] = {
    { ngx_string("auto"), NGX_HTTP_SOMA_USAGE_AUTO },
    { ngx_string("on"), NGX_HTTP_SOMA_USAGE_ON },
    { ngx_string("off"), NGX_HTTP_SOMA_USAGE_OFF },
    { ngx_null_string, 0 }
};


/* "api_key" counts its words itself: one of them may be the key, and none is
 * repeated in a log */

static const ngx_http_soma_block_word_t  ngx_http_soma_provider_words[] = {

    { "dialect", 1, 1, NGX_HTTP_SOMA_BLOCK_AGAIN,
      ngx_http_soma_provider_dialect, 0, NULL },

    { "endpoint", 1, 1, NGX_HTTP_SOMA_BLOCK_AGAIN,
      ngx_http_soma_provider_endpoint, 0, NULL },

    { "api_key", 0, NGX_HTTP_SOMA_BLOCK_MANY, NGX_HTTP_SOMA_BLOCK_AGAIN,
      ngx_http_soma_provider_key, 0, NULL },

    { "credentials", 1, 1, NGX_HTTP_SOMA_BLOCK_AGAIN,
      ngx_http_soma_credentials, 0, NULL },

    { "region", 1, 1, NGX_HTTP_SOMA_BLOCK_AGAIN,
      ngx_http_soma_block_str, offsetof(ngx_http_soma_provider_t, region),
      NULL },

    { "timeout", 1, NGX_HTTP_SOMA_BLOCK_MANY, NGX_HTTP_SOMA_BLOCK_AGAIN,
      ngx_http_soma_provider_answer_timeouts, 0, NULL },

    { "limit", 1, NGX_HTTP_SOMA_BLOCK_MANY, NGX_HTTP_SOMA_BLOCK_AGAIN,
      ngx_http_soma_block_limit, offsetof(ngx_http_soma_provider_t, limits),
      &ngx_http_soma_provider_scope },

    { "keepalive", 1, 1, NGX_HTTP_SOMA_BLOCK_AGAIN,
      ngx_http_soma_block_number,
      offsetof(ngx_http_soma_provider_t, keepalive),
      &ngx_http_soma_provider_idle },

    { "max_tokens_name", 1, 1, NGX_HTTP_SOMA_BLOCK_AGAIN,
      ngx_http_soma_block_enum,
      offsetof(ngx_http_soma_provider_t, bound_name),
      ngx_http_soma_provider_bounds },

    { "allow", 1, NGX_HTTP_SOMA_BLOCK_MANY, NGX_HTTP_SOMA_BLOCK_AGAIN,
      ngx_http_soma_provider_allow, 0, NULL },

    { "tools", 1, NGX_HTTP_SOMA_BLOCK_MANY, NGX_HTTP_SOMA_BLOCK_AGAIN,
      ngx_http_soma_block_list, offsetof(ngx_http_soma_provider_t, tools),
      NULL },

    { "stream_usage", 1, 1, NGX_HTTP_SOMA_BLOCK_AGAIN,
      ngx_http_soma_block_enum,
      offsetof(ngx_http_soma_provider_t, stream_usage),
      ngx_http_soma_provider_usage },

    { "hide_header", 1, NGX_HTTP_SOMA_BLOCK_MANY, NGX_HTTP_SOMA_BLOCK_AGAIN,
      ngx_http_soma_provider_answer_hidden, 0, NULL },

    { "ssl_verify", 1, 1, NGX_HTTP_SOMA_BLOCK_AGAIN,
      ngx_http_soma_block_flag, offsetof(ngx_http_soma_provider_t, verify),
      NULL },

    { "ssl_trusted_certificate", 1, 1, NGX_HTTP_SOMA_BLOCK_AGAIN,
      ngx_http_soma_block_str, offsetof(ngx_http_soma_provider_t, ca_file),
      NULL },

    { NULL, 0, 0, 0, NULL, 0, NULL }
};


char *
ngx_http_soma_provider(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_soma_main_conf_t  *smcf = conf;

    char                      *rv;
    ngx_str_t                 *value;
    ngx_http_soma_block_t      block;
    ngx_http_soma_provider_t  *provider;

    (void) cmd;

    value = cf->args->elts;

    if (ngx_http_soma_provider_find(smcf, &value[1]) != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "soma_provider \"%V\" stands twice", &value[1]);
        return NGX_CONF_ERROR;
    }

    provider = ngx_http_soma_provider_add(cf, smcf, &value[1]);
    if (provider == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&block, sizeof(ngx_http_soma_block_t));

    block.directive = "soma_provider";
    block.name = &provider->name;
    block.words = ngx_http_soma_provider_words;
    block.conf = provider;

    rv = ngx_http_soma_block(cf, &block);

    return rv == NGX_CONF_OK ? ngx_http_soma_provider_complete(cf, provider)
                             : rv;
}


static ngx_http_soma_provider_t *
ngx_http_soma_provider_add(ngx_conf_t *cf, ngx_http_soma_main_conf_t *smcf,
    ngx_str_t *name)
{
    ngx_http_soma_provider_t  **pp, *provider;

    provider = ngx_pcalloc(cf->pool, sizeof(ngx_http_soma_provider_t));
    pp = ngx_array_push(&smcf->providers);

    if (provider == NULL || pp == NULL
        || ngx_array_init(&provider->limits, cf->pool, 2,
                          sizeof(soma_limit_t))
           != NGX_OK)
    {
        return NULL;
    }

    *pp = provider;

    provider->name = *name;
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
    provider->bound_name = NGX_CONF_UNSET_UINT;
    provider->verify = 1;

    return provider;
}


static char *
ngx_http_soma_provider_complete(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider)
{
    if (provider->dialect == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "soma_provider \"%V\" needs a \"dialect\"",
                           &provider->name);
        return NGX_CONF_ERROR;
    }

    if (provider->region.len && provider->endpoint.len == 0
        && provider->dialect->sign)
    {
        if (ngx_http_soma_provider_region(cf, provider) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (provider->endpoint.len == 0 && !provider->echo) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "soma_provider \"%V\" needs an \"endpoint\", like "
                           "https://api.openai.com/v1", &provider->name);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_soma_credentials_complete(cf, provider) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    ngx_http_soma_provider_answer_times(provider);

    if (provider->bound_name == NGX_CONF_UNSET_UINT) {
        provider->bound_name = ngx_http_soma_provider_openai(&provider->host);
    }

    provider->newer_bound = (provider->bound_name != 0);

    return NGX_CONF_OK;
}


/* where AWS serves a region */
static char *
ngx_http_soma_provider_region(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider)
{
    ngx_str_t              url;
    ngx_uint_t             i;
    ngx_http_soma_block_t  block;

    for (i = 0; i < provider->region.len; i++) {
        if ((provider->region.data[i] < 'a' || provider->region.data[i] > 'z')
            && (provider->region.data[i] < '0'
                || provider->region.data[i] > '9')
            && provider->region.data[i] != '-')
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "region \"%V\" of soma_provider \"%V\" is no "
                               "name of a region, like us-east-1",
                               &provider->region, &provider->name);
            return NGX_CONF_ERROR;
        }
    }

    url.len = sizeof("https://bedrock-runtime..amazonaws.com") - 1
              + provider->region.len;
    url.data = ngx_pnalloc(cf->pool, url.len + 1);

    if (url.data == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_sprintf(url.data, "https://bedrock-runtime.%V.amazonaws.com%Z",
                &provider->region);

    ngx_memzero(&block, sizeof(ngx_http_soma_block_t));
    block.conf = provider;

    return ngx_http_soma_provider_endpoint(cf, &block, NULL, &url);
}


static char *
ngx_http_soma_provider_dialect(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value)
{
    const char                *names;
    ngx_http_soma_provider_t  *provider;

    (void) word;

    provider = block->conf;
    provider->dialect = soma_dialect_find(ngx_http_soma_str(*value), &names);

    if (provider->dialect == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown dialect \"%V\" of soma_provider \"%V\": "
                           "allowed are %s", value, &provider->name, names);
        return NGX_CONF_ERROR;
    }

    provider->echo = (provider->dialect->local != NULL);

    return NGX_CONF_OK;
}


static char *
ngx_http_soma_provider_endpoint(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value)
{
    u_char                    *p, *last;
    ngx_http_soma_provider_t  *provider;

    (void) word;

    provider = block->conf;
    last = value->data + value->len;

    p = ngx_http_soma_provider_scheme(provider, value);
    if (p == NULL) {
        goto invalid;
    }

#if !(NGX_HTTP_SSL)
    if (provider->ssl) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "endpoint \"%V\" needs an nginx built with SSL",
                           value);
        return NGX_CONF_ERROR;
    }
#endif

    provider->endpoint = *value;
    provider->host.data = p;

    while (p < last && *p != '/' && *p != '?' && *p != '#' && *p != '@') {
        p++;
    }

    provider->host.len = p - provider->host.data;

    if (provider->host.len == 0
        || ngx_strlchr(p, last, '?') || ngx_strlchr(p, last, '#')
        || ngx_strlchr(value->data, last, '@'))
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


/* what stands behind it; NULL: it is neither http nor https */
static u_char *
ngx_http_soma_provider_scheme(ngx_http_soma_provider_t *provider,
    ngx_str_t *url)
{
    if (url->len > 8
        && ngx_strncasecmp(url->data, (u_char *) "https://", 8) == 0)
    {
        provider->ssl = 1;
        provider->port = 443;

        return url->data + 8;
    }

    if (url->len > 7
        && ngx_strncasecmp(url->data, (u_char *) "http://", 7) == 0)
    {
        provider->port = 80;

        return url->data + 7;
    }

    return NULL;
}


/* the examples of providers' pages name a whole URL */
static char *
ngx_http_soma_provider_surface(ngx_conf_t *cf,
    ngx_http_soma_provider_t *provider)
{
    ngx_str_t   *uri;
    ngx_uint_t   i;

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
ngx_http_soma_provider_allow(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value)
{
    int                        k;
    ngx_uint_t                 i;
    ngx_http_soma_provider_t  *provider;

    (void) word;

    provider = block->conf;

    for (i = 0; i < cf->args->nelts - 1; i++) {

        k = ngx_http_soma_provider_object(&value[i]);

        if (k >= 0) {
            provider->allow_objects |= 1 << k;
            continue;
        }

        k = soma_policy_find(value[i].data, value[i].len);

        if (k < 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unknown member \"%V\" in \"allow\": it names "
                               "members of a request that are refused "
                               "otherwise, like models, route or provider; "
                               "docs/configuration.md lists them", &value[i]);
            return NGX_CONF_ERROR;
        }

        provider->allow[k / 64] |= (uint64_t) 1 << (k % 64);
    }

    return NGX_CONF_OK;
}


static int
ngx_http_soma_provider_object(ngx_str_t *word)
{
    int  i;

    for (i = 0; i < SOMA_OBJECTS; i++) {
        if (soma_str_eq(soma_policy_objects[i], ngx_http_soma_str(*word))) {
            return i;
        }
    }

    return -1;
}
