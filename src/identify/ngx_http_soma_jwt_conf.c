
/*
 * Copyright (C) The ngx_soma authors
 *
 * The directive soma_jwt: an issuer of tokens, its keys, what its claims
 * mean.
 */


#include "ngx_http_soma_jwt.h"


#define NGX_HTTP_SOMA_JWT_LEEWAY_MAX   3600000      /* ms */
#define NGX_HTTP_SOMA_JWT_REFRESH_MAX  86400000


static ngx_http_soma_jwt_t *ngx_http_soma_jwt_add(ngx_conf_t *cf,
    ngx_array_t *all, ngx_str_t *name);
static char *ngx_http_soma_jwt_audiences(ngx_conf_t *cf,
    ngx_http_soma_block_t *block, const ngx_http_soma_block_word_t *word,
    ngx_str_t *value);
static char *ngx_http_soma_jwt_algorithms(ngx_conf_t *cf,
    ngx_http_soma_block_t *block, const ngx_http_soma_block_word_t *word,
    ngx_str_t *value);
static char *ngx_http_soma_jwt_claim(ngx_conf_t *cf,
    ngx_http_soma_block_t *block, const ngx_http_soma_block_word_t *word,
    ngx_str_t *value);
static char *ngx_http_soma_jwt_tenant(ngx_conf_t *cf,
    ngx_http_soma_block_t *block, const ngx_http_soma_block_word_t *word,
    ngx_str_t *value);
static char *ngx_http_soma_jwt_tenants(ngx_conf_t *cf,
    ngx_http_soma_block_t *block, const ngx_http_soma_block_word_t *word,
    ngx_str_t *value);
static char *ngx_http_soma_jwt_complete(ngx_conf_t *cf,
    ngx_http_soma_jwt_t *jwt);
static const char *ngx_http_soma_jwt_lacks(ngx_http_soma_jwt_t *jwt);
static ngx_int_t ngx_http_soma_jwt_algs(ngx_http_soma_jwt_t *jwt);
static ngx_int_t ngx_http_soma_jwt_same(ngx_conf_t *cf,
    ngx_http_soma_jwt_t **jwt, ngx_uint_t n);


static const ngx_http_soma_block_range_t  ngx_http_soma_jwt_leeway = {
    0, NGX_HTTP_SOMA_JWT_LEEWAY_MAX, "0 to 1h"
};

static const ngx_http_soma_block_range_t  ngx_http_soma_jwt_refresh = {
    NGX_HTTP_SOMA_JWKS_REFRESH, NGX_HTTP_SOMA_JWT_REFRESH_MAX, "1s to 24h"
};


static const ngx_http_soma_block_word_t  ngx_http_soma_jwt_words[] = {

    { "secret", 1, 1, NGX_HTTP_SOMA_BLOCK_AGAIN,
      ngx_http_soma_jwt_keys_secret, 0, NULL },

    { "jwks", 1, 1, NGX_HTTP_SOMA_BLOCK_AGAIN,
      ngx_http_soma_jwt_keys_jwks, 0, NULL },

    { "issuer", 1, 1, 0,
      ngx_http_soma_block_str, offsetof(ngx_http_soma_jwt_t, issuer), NULL },

    { "audience", 1, NGX_HTTP_SOMA_BLOCK_MANY, NGX_HTTP_SOMA_BLOCK_AGAIN,
      ngx_http_soma_jwt_audiences, 0, NULL },

    { "algorithms", 1, NGX_HTTP_SOMA_BLOCK_MANY, NGX_HTTP_SOMA_BLOCK_AGAIN,
      ngx_http_soma_jwt_algorithms, 0, NULL },

    { "leeway", 1, 1, 0,
      ngx_http_soma_block_msec, offsetof(ngx_http_soma_jwt_t, leeway),
      &ngx_http_soma_jwt_leeway },

    { "refresh", 1, 1, 0,
      ngx_http_soma_block_msec, offsetof(ngx_http_soma_jwt_t, refresh),
      &ngx_http_soma_jwt_refresh },

    { "claim", 1, NGX_HTTP_SOMA_BLOCK_MANY, NGX_HTTP_SOMA_BLOCK_AGAIN,
      ngx_http_soma_jwt_claim, 0, NULL },

    { "tenant", 1, 1, 0,
      ngx_http_soma_jwt_tenant, 0, NULL },

    { "tenants", 1, NGX_HTTP_SOMA_BLOCK_MANY, 0,
      ngx_http_soma_jwt_tenants, 0, NULL },

    { "ssl_trusted_certificate", 1, 1, 0,
      ngx_http_soma_jwt_keys_ca, 0, NULL },

    { NULL, 0, 0, 0, NULL, 0, NULL }
};


static const char *const  ngx_http_soma_jwt_claims[NGX_HTTP_SOMA_CLAIMS] = {
    "tenant", "user", "capabilities", "models", "tags"
};


char *
ngx_http_soma_jwt_block(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_soma_main_conf_t  *smcf = conf;

    char                   *rv;
    ngx_str_t              *value;
    ngx_http_soma_jwt_t    *jwt;
    ngx_http_soma_block_t   block;

    (void) cmd;

    value = cf->args->elts;

    if (!soma_tenant_valid(ngx_http_soma_str(value[1]))) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid name \"%V\" of \"soma_jwt\": letters, "
                           "digits, \".\", \"_\" and \"-\" are allowed",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    if (smcf->jwt == NULL) {
        smcf->jwt = ngx_array_create(cf->pool, 2, sizeof(void *));
        if (smcf->jwt == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    jwt = ngx_http_soma_jwt_add(cf, smcf->jwt, &value[1]);
    if (jwt == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&block, sizeof(ngx_http_soma_block_t));

    block.directive = "soma_jwt";
    block.name = &jwt->name;
    block.words = ngx_http_soma_jwt_words;
    block.conf = jwt;

    rv = ngx_http_soma_block(cf, &block);

    return rv == NGX_CONF_OK ? ngx_http_soma_jwt_complete(cf, jwt) : rv;
}


static ngx_http_soma_jwt_t *
ngx_http_soma_jwt_add(ngx_conf_t *cf, ngx_array_t *all, ngx_str_t *name)
{
    u_char                *p;
    ngx_uint_t             i;
    ngx_http_soma_jwt_t  **jp, *jwt;

    jp = all->elts;

    for (i = 0; i < all->nelts; i++) {
        if (jp[i]->name.len == name->len
            && ngx_strncmp(jp[i]->name.data, name->data, name->len) == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "soma_jwt \"%V\" stands twice", name);
            return NULL;
        }
    }

    if (i == NGX_HTTP_SOMA_JWT_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "more than %d \"soma_jwt\" blocks",
                           NGX_HTTP_SOMA_JWT_MAX);
        return NULL;
    }

    jwt = ngx_pcalloc(cf->pool, sizeof(ngx_http_soma_jwt_t));
    jp = ngx_array_push(all);
    p = ngx_pnalloc(cf->pool, sizeof("jwt:") + name->len);

    if (jwt == NULL || jp == NULL || p == NULL) {
        return NULL;
    }

    *jp = jwt;

    jwt->name = *name;
    jwt->index = i;
    jwt->key.data = p;
    jwt->key.len = ngx_sprintf(p, "jwt:%V", &jwt->name) - p;
    jwt->leeway = NGX_CONF_UNSET_MSEC;
    jwt->refresh = NGX_CONF_UNSET_MSEC;

    return jwt;
}


static char *
ngx_http_soma_jwt_audiences(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value)
{
    ngx_uint_t            i;
    ngx_http_soma_jwt_t  *jwt;

    (void) word;

    jwt = block->conf;

    for (i = 0; i < cf->args->nelts - 1; i++) {
        if (jwt->naudiences == NGX_HTTP_SOMA_JWT_AUDIENCES) {
            return "has too many names";
        }

        jwt->audiences[jwt->naudiences++] = ngx_http_soma_str(value[i]);
    }

    for (i = 0; jwt->naudiences > 1 && i < jwt->naudiences; i++) {
        if (soma_str_is(jwt->audiences[i], "*")) {
            return "has \"*\", any audience, and others beside it";
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_soma_jwt_algorithms(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value)
{
    unsigned              alg;
    ngx_uint_t            i;
    ngx_http_soma_jwt_t  *jwt;

    (void) word;

    jwt = block->conf;

    for (i = 0; i < cf->args->nelts - 1; i++) {

        alg = soma_jwt_alg_of(ngx_http_soma_str(value[i]));

        if (alg == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid algorithm \"%V\" of soma_jwt \"%V\": "
                               "HS256, RS256 and ES256 are allowed",
                               &value[i], &jwt->name);
            return NGX_CONF_ERROR;
        }

        jwt->algs |= alg;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_soma_jwt_claim(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value)
{
    ngx_str_t             name;
    ngx_uint_t            i, k;
    ngx_http_soma_jwt_t  *jwt;

    (void) word;

    jwt = block->conf;
    ngx_str_null(&name);

    for (i = 0; i < cf->args->nelts - 1; i++) {

        for (k = 0; k < NGX_HTTP_SOMA_CLAIMS; k++) {
            if (ngx_http_soma_block_param(&value[i],
                                          ngx_http_soma_jwt_claims[k], &name))
            {
                break;
            }
        }

        if (k == NGX_HTTP_SOMA_CLAIMS) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid \"%V\" behind \"claim\" in soma_jwt "
                               "\"%V\": tenant=NAME user=NAME "
                               "capabilities=NAME models=NAME tags=NAME are "
                               "allowed, where NAME is a claim, or a path to "
                               "one like /realm_access/roles", &value[i],
                               &jwt->name);
            return NGX_CONF_ERROR;
        }

        if (jwt->claims[k].len) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"claim %s=\" stands twice in soma_jwt "
                               "\"%V\"", ngx_http_soma_jwt_claims[k],
                               &jwt->name);
            return NGX_CONF_ERROR;
        }

        jwt->claims[k] = name;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_soma_jwt_tenant(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value)
{
    ngx_http_soma_jwt_t  *jwt;

    (void) cf;
    (void) word;

    if (!soma_tenant_valid(ngx_http_soma_str(*value))) {
        return "is no name of a tenant";
    }

    jwt = block->conf;
    jwt->tenant = *value;

    return NGX_CONF_OK;
}


/* kept as soma_key_models_allow() reads a list, with the same * at the end */
static char *
ngx_http_soma_jwt_tenants(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value)
{
    u_char               *p;
    ngx_uint_t            i;
    ngx_http_soma_jwt_t  *jwt;

    (void) word;

    jwt = block->conf;

    jwt->tenants.data = ngx_pnalloc(cf->pool, NGX_HTTP_SOMA_JWT_TENANTS);
    if (jwt->tenants.data == NULL) {
        return NGX_CONF_ERROR;
    }

    p = jwt->tenants.data;

    for (i = 0; i < cf->args->nelts - 1; i++) {
        if (value[i].len + 1
            > (size_t) (jwt->tenants.data + NGX_HTTP_SOMA_JWT_TENANTS - p))
        {
            return "has too many names";
        }

        p = ngx_cpymem(p, value[i].data, value[i].len);
        *p++ = ' ';
    }

    jwt->tenants.len = p - 1 - jwt->tenants.data;

    return NGX_CONF_OK;
}


static char *
ngx_http_soma_jwt_complete(ngx_conf_t *cf, ngx_http_soma_jwt_t *jwt)
{
    ngx_str_t   *user;
    const char  *error;

    error = ngx_http_soma_jwt_lacks(jwt);

    if (error == NULL && ngx_http_soma_jwt_algs(jwt) != NGX_OK) {
        error = "has no key for any of its \"algorithms\": a secret is for "
                "HS256, an RSA key for RS256, a P-256 key for ES256";
    }

    if (error) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "soma_jwt \"%V\" %s",
                           &jwt->name, error);
        return NGX_CONF_ERROR;
    }

    ngx_conf_init_msec_value(jwt->leeway, 30000);
    ngx_conf_init_msec_value(jwt->refresh, 600000);

    user = &jwt->claims[NGX_HTTP_SOMA_CLAIM_USER];

    if (user->len == 0) {
        ngx_str_set(user, "sub");
    }

    return NGX_CONF_OK;
}


/* what is missing in the block, or too much in it; NULL: nothing */
static const char *
ngx_http_soma_jwt_lacks(ngx_http_soma_jwt_t *jwt)
{
    if (!ngx_http_soma_jwt_keys(jwt)) {
        return "needs keys: secret file:PATH, jwks file:PATH or jwks "
               "https://URL";
    }

    if ((jwt->tenant.len != 0)
        == (jwt->claims[NGX_HTTP_SOMA_CLAIM_TENANT].len != 0))
    {
        return "needs one of \"tenant NAME\", of all its tokens, and \"claim "
               "tenant=NAME\", the claim that names it";
    }

    if (jwt->tenants.len && jwt->tenant.len) {
        return "has \"tenant\" and \"tenants\": the second one narrows what "
               "a claim may say";
    }

    if (jwt->url.len == 0
        && (jwt->refresh != NGX_CONF_UNSET_MSEC || jwt->ca.len))
    {
        return "has \"refresh\" or \"ssl_trusted_certificate\", which are "
               "for a jwks with a URL";
    }

    return NULL;
}


static ngx_int_t
ngx_http_soma_jwt_algs(ngx_http_soma_jwt_t *jwt)
{
    unsigned    kinds;
    ngx_uint_t  i;

    kinds = SOMA_JWT_RS256 | SOMA_JWT_ES256;

    if (jwt->set) {
        kinds = 0;

        for (i = 0; i < jwt->set->n; i++) {
            kinds |= jwt->set->key[i].alg;
        }
    }

    if (jwt->algs == 0) {

        /* secrets in a set of public keys must be asked for */

        jwt->algs = (kinds == SOMA_JWT_HS256) ? kinds
                                              : kinds & ~SOMA_JWT_HS256;
    }

    return (jwt->algs & kinds) ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_soma_jwt_init(ngx_conf_t *cf, ngx_http_soma_main_conf_t *smcf)
{
    ngx_uint_t             i;
    ngx_http_soma_jwt_t  **jwt;

    if (smcf->jwt == NULL) {
        return NGX_OK;
    }

    jwt = smcf->jwt->elts;

    for (i = 0; i < smcf->jwt->nelts; i++) {

        if (jwt[i]->tenant.len
            && ngx_http_soma_names_find(&smcf->tenant_names,
                                        jwt[i]->tenant.data,
                                        jwt[i]->tenant.len)
               == NULL)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "tenant \"%V\" of soma_jwt \"%V\" is not "
                               "configured: add soma_tenant %V { }",
                               &jwt[i]->tenant, &jwt[i]->name,
                               &jwt[i]->tenant);
            return NGX_ERROR;
        }

        if (jwt[i]->issuer.len == 0 && smcf->jwt->nelts > 1) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "soma_jwt \"%V\" needs an \"issuer\": with "
                               "more than one block it is what chooses among "
                               "them", &jwt[i]->name);
            return NGX_ERROR;
        }

        if (ngx_http_soma_jwt_same(cf, jwt, i) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* is the issuer of jwt[n] that of one before it? */
static ngx_int_t
ngx_http_soma_jwt_same(ngx_conf_t *cf, ngx_http_soma_jwt_t **jwt,
    ngx_uint_t n)
{
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {
        if (jwt[n]->issuer.len == jwt[i]->issuer.len
            && ngx_strncmp(jwt[n]->issuer.data, jwt[i]->issuer.data,
                           jwt[n]->issuer.len)
               == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "soma_jwt \"%V\" and soma_jwt \"%V\" have "
                               "the same issuer", &jwt[i]->name,
                               &jwt[n]->name);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}
