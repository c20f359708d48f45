
/*
 * Copyright (C) The ngx_soma authors
 *
 * The directive soma_tenant.
 */


#include "ngx_http_soma_admit.h"
#include "ngx_http_soma_block.h"


static ngx_http_soma_tenant_t *ngx_http_soma_tenant_add(ngx_conf_t *cf,
    ngx_http_soma_main_conf_t *smcf, ngx_str_t *name);
static void ngx_http_soma_limits_warn(ngx_conf_t *cf, ngx_array_t *limits,
    const char *block, ngx_str_t *name, ngx_uint_t redis);
static char *ngx_http_soma_tenant_models(ngx_conf_t *cf,
    ngx_http_soma_block_t *block, const ngx_http_soma_block_word_t *word,
    ngx_str_t *value);


static const soma_scope_e  ngx_http_soma_tenant_scope = SOMA_SCOPE_TENANT;

static const ngx_http_soma_block_word_t  ngx_http_soma_tenant_words[] = {

    { "limit", 0, NGX_HTTP_SOMA_BLOCK_MANY, NGX_HTTP_SOMA_BLOCK_AGAIN,
      ngx_http_soma_block_limit, offsetof(ngx_http_soma_tenant_t, limits),
      &ngx_http_soma_tenant_scope },

    { "models", 1, NGX_HTTP_SOMA_BLOCK_MANY, 0,
      ngx_http_soma_tenant_models, 0, NULL },

    { NULL, 0, 0, 0, NULL, 0, NULL }
};


char *
ngx_http_soma_tenant(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_soma_main_conf_t  *smcf = conf;

    ngx_str_t               *value;
    ngx_http_soma_block_t    block;
    ngx_http_soma_tenant_t  *tenant;

    (void) cmd;

    value = cf->args->elts;

    if (!soma_tenant_valid(ngx_http_soma_str(value[1]))) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid tenant name \"%V\": up to %d letters, "
                           "digits, \".\", \"_\" and \"-\" are allowed",
                           &value[1], SOMA_TENANT_MAX);
        return NGX_CONF_ERROR;
    }

    tenant = ngx_http_soma_tenant_add(cf, smcf, &value[1]);
    if (tenant == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&block, sizeof(ngx_http_soma_block_t));

    block.directive = "soma_tenant";
    block.name = &tenant->name;
    block.words = ngx_http_soma_tenant_words;
    block.conf = tenant;

    return ngx_http_soma_block(cf, &block);
}


static ngx_http_soma_tenant_t *
ngx_http_soma_tenant_add(ngx_conf_t *cf, ngx_http_soma_main_conf_t *smcf,
    ngx_str_t *name)
{
    ngx_http_soma_name_t     *entry;
    ngx_http_soma_tenant_t  **tp, *tenant;

    tenant = ngx_pcalloc(cf->pool, sizeof(ngx_http_soma_tenant_t));
    tp = ngx_array_push(&smcf->tenants);
    entry = ngx_array_push(&smcf->tenant_names);

    if (tenant == NULL || tp == NULL || entry == NULL
        || ngx_array_init(&tenant->limits, cf->pool, 4, sizeof(soma_limit_t))
           != NGX_OK)
    {
        return NULL;
    }

    tenant->name = *name;
    tenant->file = cf->conf_file->file.name.data;
    tenant->line = cf->conf_file->line;
    *tp = tenant;
    entry->name = tenant->name;
    entry->value = tenant;

    return tenant;
}


static char *
ngx_http_soma_tenant_models(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value)
{
    size_t                   len;
    u_char                  *p;
    ngx_uint_t               i, n;
    ngx_http_soma_tenant_t  *tenant;

    (void) word;

    tenant = block->conf;
    n = cf->args->nelts - 1;
    len = 0;

    for (i = 0; i < n; i++) {
        len += value[i].len + 1;

        if (ngx_strlchr(value[i].data, value[i].data + value[i].len, ',')) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid \"%V\" in the models of soma_tenant "
                               "\"%V\": names stand with blanks between them, "
                               "without commas", &value[i], &tenant->name);
            return NGX_CONF_ERROR;
        }
    }

    p = ngx_pnalloc(cf->pool, len);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    tenant->models.data = p;
    tenant->models.len = len - 1;

    for (i = 0; i < n; i++) {
        p = ngx_cpymem(p, value[i].data, value[i].len);
        *p++ = ' ';
    }

    return NGX_CONF_OK;
}


/* limits that are right, and still are hardly what was meant */
static void
ngx_http_soma_limits_warn(ngx_conf_t *cf, ngx_array_t *limits,
    const char *block, ngx_str_t *name, ngx_uint_t redis)
{
    int64_t        now;
    ngx_uint_t     i;
    const char    *what;
    soma_limit_t  *limit;

    limit = limits->elts;
    now = ngx_http_soma_now();

    for (i = 0; i < limits->nelts; i++) {
        what = NULL;

        if (limit[i].until != 0 && limit[i].until <= now) {
            what = "has ended: remove it";

        } else if (limit[i].until != 0 && !limit[i].shares) {
            what = "stands alone: when it ends, nothing takes its place; add "
                   "the limit of the same amount, window and scope that "
                   "holds then, without until=";

        } else if (limit[i].window == SOMA_WINDOW_EVER && !redis) {
            what = "is counted from zero again when nginx is restarted: with "
                   "soma_redis the count outlives it";
        }

        if (what != NULL) {
            ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                               "limit \"%*s\" of %s \"%V\" %s",
                               limit[i].text.len, limit[i].text.data, block,
                               name, what);
        }
    }
}


ngx_int_t
ngx_http_soma_tenant_init(ngx_conf_t *cf, ngx_http_soma_main_conf_t *smcf)
{
    ngx_str_t                  *twice;
    ngx_uint_t                  i;
    ngx_http_soma_tenant_t    **tenant;
    ngx_http_soma_provider_t  **provider;

    tenant = smcf->tenants.elts;

    for (i = 0; i < smcf->tenants.nelts; i++) {
        ngx_http_soma_limits_warn(cf, &tenant[i]->limits, "soma_tenant",
                                  &tenant[i]->name, smcf->redis.set);
    }

    provider = smcf->providers.elts;

    for (i = 0; i < smcf->providers.nelts; i++) {
        ngx_http_soma_limits_warn(cf, &provider[i]->limits, "soma_provider",
                                  &provider[i]->name, smcf->redis.set);
    }

    if (ngx_http_soma_names_sort(&smcf->tenant_names, &twice) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "soma_tenant \"%V\" stands twice", twice);
        return NGX_ERROR;
    }

    return NGX_OK;
}
