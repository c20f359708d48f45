
/*
 * Copyright (C) The ngx_soma authors
 *
 * The directive soma_jwt: an issuer of tokens, its keys, what its claims
 * mean.
 */


#include "ngx_http_soma_jwt.h"
#include "ngx_http_soma_conf.h"

#include <openssl/err.h>
#include <openssl/pem.h>


typedef struct {
    const char   *name;
    ngx_uint_t    args;     /* 0: one or more */
    char       *(*read)(ngx_conf_t *cf, ngx_http_soma_jwt_t *jwt);
} ngx_http_soma_jwt_word_t;


static char *ngx_http_soma_jwt_line(ngx_conf_t *cf, ngx_command_t *dummy,
    void *conf);
static char *ngx_http_soma_jwt_secret(ngx_conf_t *cf,
    ngx_http_soma_jwt_t *jwt);
static char *ngx_http_soma_jwt_jwks(ngx_conf_t *cf, ngx_http_soma_jwt_t *jwt);
static char *ngx_http_soma_jwt_url(ngx_conf_t *cf, ngx_http_soma_jwt_t *jwt,
    ngx_str_t *url);
static ngx_uint_t ngx_http_soma_jwt_local(u_char *p, u_char *last);
static char *ngx_http_soma_jwt_issuer(ngx_conf_t *cf,
    ngx_http_soma_jwt_t *jwt);
static char *ngx_http_soma_jwt_audiences(ngx_conf_t *cf,
    ngx_http_soma_jwt_t *jwt);
static char *ngx_http_soma_jwt_algorithms(ngx_conf_t *cf,
    ngx_http_soma_jwt_t *jwt);
static char *ngx_http_soma_jwt_time(ngx_conf_t *cf,
    ngx_http_soma_jwt_t *jwt);
static char *ngx_http_soma_jwt_claim(ngx_conf_t *cf,
    ngx_http_soma_jwt_t *jwt);
static char *ngx_http_soma_jwt_tenant(ngx_conf_t *cf,
    ngx_http_soma_jwt_t *jwt);
static char *ngx_http_soma_jwt_tenants(ngx_conf_t *cf,
    ngx_http_soma_jwt_t *jwt);
static char *ngx_http_soma_jwt_ca(ngx_conf_t *cf, ngx_http_soma_jwt_t *jwt);
static soma_jwks_t *ngx_http_soma_jwt_set(ngx_conf_t *cf,
    ngx_http_soma_jwt_t *jwt);
static void ngx_http_soma_jwt_set_free(void *data);
static char *ngx_http_soma_jwt_complete(ngx_conf_t *cf,
    ngx_http_soma_jwt_t *jwt);
static unsigned ngx_http_soma_jwt_has(ngx_http_soma_jwt_t *jwt);


static const ngx_http_soma_jwt_word_t  ngx_http_soma_jwt_words[] = {
    { "secret",                  1, ngx_http_soma_jwt_secret },
    { "jwks",                    1, ngx_http_soma_jwt_jwks },
    { "issuer",                  1, ngx_http_soma_jwt_issuer },
    { "audience",                0, ngx_http_soma_jwt_audiences },
    { "algorithms",              0, ngx_http_soma_jwt_algorithms },
    { "leeway",                  1, ngx_http_soma_jwt_time },
    { "refresh",                 1, ngx_http_soma_jwt_time },
    { "claim",                   0, ngx_http_soma_jwt_claim },
    { "tenant",                  1, ngx_http_soma_jwt_tenant },
    { "tenants",                 0, ngx_http_soma_jwt_tenants },
    { "ssl_trusted_certificate", 1, ngx_http_soma_jwt_ca },
    { NULL,                      0, NULL }
};


static const char *const  ngx_http_soma_jwt_claims[NGX_HTTP_SOMA_CLAIMS] = {
    "tenant", "user", "capabilities", "models", "tags"
};


char *
ngx_http_soma_jwt_block(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_soma_main_conf_t  *smcf = conf;

    char                  *rv;
    u_char                *p;
    ngx_str_t             *value;
    ngx_uint_t             i;
    ngx_http_soma_jwt_t  **jp, *jwt;

    (void) cmd;

    value = cf->args->elts;

    if (!soma_lock_tenant_valid(ngx_http_soma_str(value[1]))) {
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

    jp = smcf->jwt->elts;

    for (i = 0; i < smcf->jwt->nelts; i++) {
        if (jp[i]->name.len == value[1].len
            && ngx_strncmp(jp[i]->name.data, value[1].data, value[1].len)
               == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "soma_jwt \"%V\" stands twice", &value[1]);
            return NGX_CONF_ERROR;
        }
    }

    if (i == NGX_HTTP_SOMA_JWT_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "more than %d \"soma_jwt\" blocks",
                           NGX_HTTP_SOMA_JWT_MAX);
        return NGX_CONF_ERROR;
    }

    jwt = ngx_pcalloc(cf->pool, sizeof(ngx_http_soma_jwt_t));
    jp = ngx_array_push(smcf->jwt);
    p = ngx_pnalloc(cf->pool, sizeof("jwt:") + value[1].len);

    if (jwt == NULL || jp == NULL || p == NULL) {
        return NGX_CONF_ERROR;
    }

    *jp = jwt;

    jwt->name = value[1];
    jwt->index = i;
    jwt->key.data = p;
    jwt->key.len = ngx_sprintf(p, "jwt:%V", &jwt->name) - p;
    jwt->leeway = NGX_CONF_UNSET_MSEC;
    jwt->refresh = NGX_CONF_UNSET_MSEC;

    rv = ngx_http_soma_block(cf, ngx_http_soma_jwt_line, jwt);

    return rv == NGX_CONF_OK ? ngx_http_soma_jwt_complete(cf, jwt) : rv;
}


static char *
ngx_http_soma_jwt_line(ngx_conf_t *cf, ngx_command_t *dummy, void *conf)
{
    ngx_http_soma_jwt_t  *jwt = conf;

    ngx_str_t                       *value;
    const ngx_http_soma_jwt_word_t  *word;

    (void) dummy;

    value = cf->args->elts;

    for (word = ngx_http_soma_jwt_words; word->name; word++) {

        if (ngx_strcmp(value[0].data, word->name) != 0) {
            continue;
        }

        if (cf->args->nelts < 2
            || (word->args && cf->args->nelts != word->args + 1))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid number of words behind \"%V\" in "
                               "soma_jwt \"%V\"", &value[0], &jwt->name);
            return NGX_CONF_ERROR;
        }

        return word->read(cf, jwt);
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown directive \"%V\" in soma_jwt \"%V\": allowed "
                       "are secret, jwks, issuer, audience, algorithms, "
                       "leeway, refresh, claim, tenant, tenants and "
                       "ssl_trusted_certificate", &value[0], &jwt->name);

    return NGX_CONF_ERROR;
}


static char *
ngx_http_soma_jwt_secret(ngx_conf_t *cf, ngx_http_soma_jwt_t *jwt)
{
    char         *env;
    u_char       *p;
    ngx_str_t    *value, path, text;
    const char   *error;
    soma_jwks_t  *set;

    value = cf->args->elts;
    env = NULL;

    if (ngx_http_soma_jwt_has(jwt)) {
        return "is not the only one: a soma_jwt has one secret or one jwks";
    }

    if (ngx_strncmp(value[1].data, "env:", 4) == 0) {
        env = getenv((char *) value[1].data + 4);

        if (env == NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "environment variable \"%s\" of soma_jwt "
                               "\"%V\" is not set", value[1].data + 4,
                               &jwt->name);
            return NGX_CONF_ERROR;
        }

        text.data = (u_char *) env;
        text.len = ngx_strlen(env);

    } else if (ngx_strncmp(value[1].data, "file:", 5) == 0) {
        path.data = value[1].data + 5;
        path.len = value[1].len - 5;

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

    } else {
        /* the word itself may be the secret: it is not repeated */
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the secret of soma_jwt \"%V\" must be file:PATH "
                           "or env:NAME", &jwt->name);
        return NGX_CONF_ERROR;
    }

    set = ngx_http_soma_jwt_set(cf, jwt);
    p = ngx_pnalloc(cf->pool, text.len + 1);

    if (set == NULL || p == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memcpy(p, text.data, text.len);

    if (text.data != (u_char *) env) {
        ngx_explicit_memzero(text.data, text.len);
    }

    text.data = p;

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
ngx_http_soma_jwt_jwks(ngx_conf_t *cf, ngx_http_soma_jwt_t *jwt)
{
    ngx_str_t     *value, path, text;
    const char    *error;
    soma_jwks_t   *set;
    soma_arena_t   arena;

    value = cf->args->elts;

    if (ngx_http_soma_jwt_has(jwt)) {
        return "is not the only one: a soma_jwt has one secret or one jwks";
    }

    if (ngx_strncmp(value[1].data, "file:", 5) != 0) {
        return ngx_http_soma_jwt_url(cf, jwt, &value[1]);
    }

    path.data = value[1].data + 5;
    path.len = value[1].len - 5;

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


static unsigned
ngx_http_soma_jwt_has(ngx_http_soma_jwt_t *jwt)
{
    return jwt->set != NULL || jwt->url.len != 0;
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


static char *
ngx_http_soma_jwt_issuer(ngx_conf_t *cf, ngx_http_soma_jwt_t *jwt)
{
    ngx_str_t  *value;

    if (jwt->issuer.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 0) {
        return "is empty";
    }

    jwt->issuer = value[1];

    return NGX_CONF_OK;
}


static char *
ngx_http_soma_jwt_audiences(ngx_conf_t *cf, ngx_http_soma_jwt_t *jwt)
{
    ngx_str_t   *value;
    ngx_uint_t   i;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
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
ngx_http_soma_jwt_algorithms(ngx_conf_t *cf, ngx_http_soma_jwt_t *jwt)
{
    ngx_str_t   *value;
    ngx_uint_t   i;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strcmp(value[i].data, "HS256") == 0) {
            jwt->algs |= SOMA_JWT_HS256;

        } else if (ngx_strcmp(value[i].data, "RS256") == 0) {
            jwt->algs |= SOMA_JWT_RS256;

        } else if (ngx_strcmp(value[i].data, "ES256") == 0) {
            jwt->algs |= SOMA_JWT_ES256;

        } else {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid algorithm \"%V\" of soma_jwt \"%V\": "
                               "HS256, RS256 and ES256 are allowed",
                               &value[i], &jwt->name);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_soma_jwt_time(ngx_conf_t *cf, ngx_http_soma_jwt_t *jwt)
{
    ngx_int_t    ms;
    ngx_str_t   *value;
    ngx_msec_t  *p;
    ngx_uint_t   leeway;

    value = cf->args->elts;
    leeway = (ngx_strcmp(value[0].data, "leeway") == 0);
    p = leeway ? &jwt->leeway : &jwt->refresh;

    if (*p != NGX_CONF_UNSET_MSEC) {
        return "is duplicate";
    }

    ms = ngx_parse_time(&value[1], 0);

    if (ms == NGX_ERROR || ms > (leeway ? 3600000 : 86400000)
        || (!leeway && ms < NGX_HTTP_SOMA_JWKS_REFRESH))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid time \"%V\" of \"%V\" in soma_jwt \"%V\": "
                           "%s is allowed", &value[1], &value[0], &jwt->name,
                           leeway ? "0 to 1h" : "1s to 24h");
        return NGX_CONF_ERROR;
    }

    *p = (ngx_msec_t) ms;

    return NGX_CONF_OK;
}


static char *
ngx_http_soma_jwt_claim(ngx_conf_t *cf, ngx_http_soma_jwt_t *jwt)
{
    ngx_str_t   *value, name;
    ngx_uint_t   i, k;

    value = cf->args->elts;
    ngx_str_null(&name);

    for (i = 1; i < cf->args->nelts; i++) {

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
ngx_http_soma_jwt_tenant(ngx_conf_t *cf, ngx_http_soma_jwt_t *jwt)
{
    ngx_str_t  *value;

    if (jwt->tenant.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (!soma_lock_tenant_valid(ngx_http_soma_str(value[1]))) {
        return "is no name of a tenant";
    }

    jwt->tenant = value[1];

    return NGX_CONF_OK;
}


/* kept as soma_key_models_allow() reads a list, with the same * at the end */
static char *
ngx_http_soma_jwt_tenants(ngx_conf_t *cf, ngx_http_soma_jwt_t *jwt)
{
    u_char      *p;
    ngx_str_t   *value;
    ngx_uint_t   i;

    if (jwt->tenants.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    jwt->tenants.data = ngx_pnalloc(cf->pool, NGX_HTTP_SOMA_JWT_TENANTS);
    if (jwt->tenants.data == NULL) {
        return NGX_CONF_ERROR;
    }

    p = jwt->tenants.data;

    for (i = 1; i < cf->args->nelts; i++) {
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
ngx_http_soma_jwt_ca(ngx_conf_t *cf, ngx_http_soma_jwt_t *jwt)
{
    BIO        *bio;
    X509       *x509;
    ngx_str_t  *value, path, text;

    if (jwt->ca.data) {
        return "is duplicate";
    }

    value = cf->args->elts;
    path = value[1];

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


static char *
ngx_http_soma_jwt_complete(ngx_conf_t *cf, ngx_http_soma_jwt_t *jwt)
{
    ngx_uint_t   i;
    unsigned     kinds;
    ngx_str_t   *user;
    const char  *error;

    if (!ngx_http_soma_jwt_has(jwt)) {
        error = "needs keys: secret file:PATH, jwks file:PATH or jwks "
                "https://URL";
        goto failed;
    }

    if ((jwt->tenant.len != 0)
        == (jwt->claims[NGX_HTTP_SOMA_CLAIM_TENANT].len != 0))
    {
        error = "needs one of \"tenant NAME\", of all its tokens, and \"claim "
                "tenant=NAME\", the claim that names it";
        goto failed;
    }

    if (jwt->tenants.len && jwt->tenant.len) {
        error = "has \"tenant\" and \"tenants\": the second one narrows what "
                "a claim may say";
        goto failed;
    }

    if (jwt->url.len == 0
        && (jwt->refresh != NGX_CONF_UNSET_MSEC || jwt->ca.len))
    {
        error = "has \"refresh\" or \"ssl_trusted_certificate\", which are "
                "for a jwks with a URL";
        goto failed;
    }

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

    if ((jwt->algs & kinds) == 0) {
        error = "has no key for any of its \"algorithms\": a secret is for "
                "HS256, an RSA key for RS256, a P-256 key for ES256";
        goto failed;
    }

    ngx_conf_init_msec_value(jwt->leeway, 30000);
    ngx_conf_init_msec_value(jwt->refresh, 600000);

    user = &jwt->claims[NGX_HTTP_SOMA_CLAIM_USER];

    if (user->len == 0) {
        ngx_str_set(user, "sub");
    }

    return NGX_CONF_OK;

failed:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "soma_jwt \"%V\" %s",
                       &jwt->name, error);

    return NGX_CONF_ERROR;
}


ngx_int_t
ngx_http_soma_jwt_init(ngx_conf_t *cf, ngx_http_soma_main_conf_t *smcf)
{
    ngx_uint_t             i, k;
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

        for (k = 0; k < i; k++) {
            if (jwt[i]->issuer.len == jwt[k]->issuer.len
                && ngx_strncmp(jwt[i]->issuer.data, jwt[k]->issuer.data,
                               jwt[i]->issuer.len)
                   == 0)
            {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "soma_jwt \"%V\" and soma_jwt \"%V\" have "
                                   "the same issuer", &jwt[k]->name,
                                   &jwt[i]->name);
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}
