
/*
 * Copyright (C) The ngx_soma authors
 *
 * From a token to an identity.
 */


#include "ngx_http_soma_jwt.h"
#include "ngx_http_soma_fetch.h"


#define NGX_HTTP_SOMA_JWT_POOL  16384


static ngx_int_t ngx_http_soma_jwt_tenant_check(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_jwt_t *jwt, ngx_str_t *claim, soma_str_t tenant);
static ngx_int_t ngx_http_soma_jwt_look(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx, soma_str_t token, soma_arena_t *arena);
static ngx_http_soma_jwt_t *ngx_http_soma_jwt_find(
    ngx_http_soma_main_conf_t *smcf, soma_str_t issuer);
static ngx_int_t ngx_http_soma_jwt_wait(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_jwt_t *jwt);
static void ngx_http_soma_jwt_remember(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_jwt_t *jwt, ngx_uint_t version, soma_jwt_error_e error);
static ngx_int_t ngx_http_soma_jwt_refuse(ngx_http_soma_ctx_t *ctx,
    soma_jwt_error_e error);
static ngx_int_t ngx_http_soma_jwt_away(ngx_http_soma_ctx_t *ctx);
static ngx_int_t ngx_http_soma_jwt_claims(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_jwt_t *jwt, soma_jwt_t *token, soma_arena_t *arena,
    soma_identity_t *identity);
static ngx_int_t ngx_http_soma_jwt_tenant(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_jwt_t *jwt, soma_jwt_t *token, soma_arena_t *arena,
    soma_identity_t *identity);
static ngx_int_t ngx_http_soma_jwt_keep(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_jwt_t *jwt, ngx_uint_t version, soma_identity_t *identity);


static ngx_uint_t  ngx_http_soma_jwt_set_up;


ngx_int_t
ngx_http_soma_jwt_init_worker(ngx_cycle_t *cycle,
    ngx_http_soma_main_conf_t *smcf)
{
    if (smcf->jwt == NULL) {
        return NGX_OK;
    }

    ngx_http_soma_jwt_set_up = 1;
    ngx_http_soma_jwt_cache_init();

    return ngx_http_soma_jwks_init_worker(cycle, smcf);
}


void
ngx_http_soma_jwt_exit_worker(void)
{
    if (!ngx_http_soma_jwt_set_up) {
        return;
    }

    ngx_http_soma_fetch_exit_worker();
    ngx_http_soma_jwks_exit_worker();
    ngx_http_soma_jwt_cache_exit();

    ngx_http_soma_jwt_set_up = 0;
}


ngx_int_t
ngx_http_soma_jwt_identify(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx,
    soma_str_t token)
{
    ngx_int_t          rc;
    ngx_pool_t        *pool;
    soma_arena_t       arena;
    soma_jwt_error_e   error;

    rc = ngx_http_soma_jwt_cache_get(ctx->key.hash, ctx->start, r->pool,
                                     &ctx->identity);
    if (rc == NGX_OK) {
        return NGX_OK;
    }

    if (ngx_http_soma_jwt_cache_refused(ctx->key.hash, ctx->start, &error)
        == NGX_OK)
    {
        return ngx_http_soma_jwt_refuse(ctx, error);
    }

    pool = ngx_create_pool(NGX_HTTP_SOMA_JWT_POOL, r->connection->log);
    if (pool == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    arena = ngx_http_soma_arena(pool);

    rc = ngx_http_soma_jwt_look(r, ctx, token, &arena);

    ngx_destroy_pool(pool);

    return rc;
}


static ngx_int_t
ngx_http_soma_jwt_look(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx,
    soma_str_t token, soma_arena_t *arena)
{
    int64_t               expires;
    ngx_int_t             rc;
    ngx_uint_t            version;
    soma_jwt_t            parsed;
    soma_jwks_t          *set;
    soma_identity_t       identity;
    soma_jwt_error_e      error;
    ngx_http_soma_jwt_t  *jwt;

    expires = 0;
    error = soma_jwt_parse(&parsed, arena, token);

    if (error != SOMA_JWT_OK) {
        return ngx_http_soma_jwt_refuse(ctx, error);
    }

    jwt = ngx_http_soma_jwt_find(ctx->main, parsed.issuer);

    if (jwt == NULL) {
        return ngx_http_soma_jwt_refuse(ctx, SOMA_JWT_ISSUER);
    }

    set = ngx_http_soma_jwks(jwt, &version);

    if (set == NULL) {
        rc = ngx_http_soma_jwt_wait(ctx, jwt);

        return rc == NGX_AGAIN ? rc : ngx_http_soma_jwt_away(ctx);
    }

    error = soma_jwt_verify(&parsed, set, jwt->algs);

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "soma jwt checked: %d", (int) error);

    if ((error == SOMA_JWT_UNKNOWN_KID || error == SOMA_JWT_NO_KEY)
        && jwt->slot)
    {
        /* its issuer may have a new key */

        rc = ngx_http_soma_jwt_wait(ctx, jwt);

        if (rc == NGX_AGAIN) {
            return rc;
        }

        if (rc == NGX_BUSY) {
            return ngx_http_soma_jwt_away(ctx);
        }
    }

    if (error == SOMA_JWT_OK) {
        error = soma_jwt_times(&parsed, ctx->start, (int64_t) jwt->leeway,
                               &expires);
    }

    if (error == SOMA_JWT_OK) {
        error = soma_jwt_audience(&parsed, jwt->audiences,
                                  (unsigned) jwt->naudiences);
    }

    if (error != SOMA_JWT_OK) {
        ngx_http_soma_jwt_remember(ctx, jwt, version, error);
        return ngx_http_soma_jwt_refuse(ctx, error);
    }

    ngx_memzero(&identity, sizeof(soma_identity_t));

    identity.key = ngx_http_soma_str(jwt->key);
    identity.expires = expires;

    rc = ngx_http_soma_jwt_claims(ctx, jwt, &parsed, arena, &identity);

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_soma_jwt_keep(ctx, jwt, version, &identity);
}


/* without an issuer a block is the only one, and takes tokens of all */
static ngx_http_soma_jwt_t *
ngx_http_soma_jwt_find(ngx_http_soma_main_conf_t *smcf, soma_str_t issuer)
{
    ngx_uint_t             i;
    ngx_http_soma_jwt_t  **jwt;

    jwt = smcf->jwt->elts;

    for (i = 0; i < smcf->jwt->nelts; i++) {
        if (jwt[i]->issuer.len == 0
            || soma_str_eq(ngx_http_soma_str(jwt[i]->issuer), issuer))
        {
            return jwt[i];
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_soma_jwt_wait(ngx_http_soma_ctx_t *ctx, ngx_http_soma_jwt_t *jwt)
{
    /* once a request, or one that nobody has the keys for would not end */

    if (ngx_http_soma_waited_for(ctx, NGX_HTTP_SOMA_WAIT_ISSUER)) {
        return NGX_DECLINED;
    }

    return ngx_http_soma_jwks_wait(ctx, jwt);
}


/* what cost the check of a signature and is so for ever: neither a kid that
 * may be known soon, nor a token that is too early */

static void
ngx_http_soma_jwt_remember(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_jwt_t *jwt, ngx_uint_t version, soma_jwt_error_e error)
{
    switch (error) {

    case SOMA_JWT_SIGNATURE:
    case SOMA_JWT_AUDIENCE:
    case SOMA_JWT_TIMES:
    case SOMA_JWT_NO_EXP:
    case SOMA_JWT_EXPIRED:
        ngx_http_soma_jwt_cache_refuse(jwt, version, ctx->key.hash,
                                       ctx->start, error);
        break;

    default:
        break;
    }
}


static ngx_int_t
ngx_http_soma_jwt_refuse(ngx_http_soma_ctx_t *ctx, soma_jwt_error_e error)
{
    if (error == SOMA_JWT_NO_MEMORY) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_soma_fault(ctx, SOMA_FAULT_UNAUTHORIZED,
                               soma_jwt_code(error), "%s",
                               soma_jwt_text(error));
}


static ngx_int_t
ngx_http_soma_jwt_away(ngx_http_soma_ctx_t *ctx)
{
    return ngx_http_soma_fault(ctx, SOMA_FAULT_UNAVAILABLE,
                               "token_keys_unavailable",
                               "the token cannot be checked now, the keys of "
                               "its issuer were not to be had yet: try again "
                               "in a moment");
}


static ngx_int_t
ngx_http_soma_jwt_claims(ngx_http_soma_ctx_t *ctx, ngx_http_soma_jwt_t *jwt,
    soma_jwt_t *token, soma_arena_t *arena, soma_identity_t *identity)
{
    int          rc;
    ngx_int_t    status;
    soma_str_t   text, field;
    ngx_uint_t   i;

    static const soma_str_t  fields[NGX_HTTP_SOMA_CLAIMS] = {
        soma_string("tenant"), soma_string("user"),
        soma_string("capabilities"), soma_string("models"),
        soma_string("tags")
    };

    status = ngx_http_soma_jwt_tenant(ctx, jwt, token, arena, identity);

    if (status != NGX_OK) {
        return status;
    }

    for (i = NGX_HTTP_SOMA_CLAIM_USER; i < NGX_HTTP_SOMA_CLAIMS; i++) {

        if (jwt->claims[i].len == 0) {
            continue;
        }

        rc = soma_jwt_claim(token, arena, ngx_http_soma_str(jwt->claims[i]),
                            &text);
        if (rc == SOMA_ERROR) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        if (rc == SOMA_DECLINED) {

            /* a list of models that is missing is not one of all models */

            if (i == NGX_HTTP_SOMA_CLAIM_MODELS) {
                goto invalid;
            }

            continue;
        }

        if (i == NGX_HTTP_SOMA_CLAIM_CAPABILITIES) {
            identity->capabilities = soma_jwt_capabilities(text);
            continue;
        }

        field = fields[i];

        if (soma_key_identity_set(identity, field, text) != SOMA_OK
            || (i == NGX_HTTP_SOMA_CLAIM_MODELS
                && soma_str_trim(identity->models).len == 0))
        {
            goto invalid;
        }
    }

    return NGX_OK;

invalid:

    return ngx_http_soma_fault(ctx, SOMA_FAULT_UNAUTHORIZED, "invalid_token",
                               "the token's claim \"%V\" is missing, or its "
                               "value cannot be taken for %*s",
                               &jwt->claims[i], fields[i].len,
                               fields[i].data);
}


static ngx_int_t
ngx_http_soma_jwt_tenant(ngx_http_soma_ctx_t *ctx, ngx_http_soma_jwt_t *jwt,
    soma_jwt_t *token, soma_arena_t *arena, soma_identity_t *identity)
{
    int         rc;
    ngx_str_t  *claim;

    if (jwt->tenant.len) {
        identity->tenant = ngx_http_soma_str(jwt->tenant);
        return NGX_OK;
    }

    claim = &jwt->claims[NGX_HTTP_SOMA_CLAIM_TENANT];

    rc = soma_jwt_claim(token, arena, ngx_http_soma_str(*claim),
                        &identity->tenant);

    if (rc == SOMA_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc == SOMA_DECLINED) {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_UNAUTHORIZED,
                                   "missing_tenant_claim",
                                   "the token has no claim \"%V\", which "
                                   "names the tenant: have its issuer add it",
                                   claim);
    }

    return ngx_http_soma_jwt_tenant_check(ctx, jwt, claim, identity->tenant);
}


static ngx_int_t
ngx_http_soma_jwt_tenant_check(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_jwt_t *jwt, ngx_str_t *claim, soma_str_t tenant)
{
    if (!soma_tenant_valid(tenant)) {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_UNAUTHORIZED,
                                   "invalid_tenant_claim",
                                   "the token's claim \"%V\" is no name of a "
                                   "tenant: letters, digits, \".\", \"_\" "
                                   "and \"-\" are allowed", claim);
    }

    if (soma_key_models_allow(ngx_http_soma_str(jwt->tenants), tenant)
        != SOMA_OK)
    {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_FORBIDDEN,
                                   "tenant_not_allowed",
                                   "the token's issuer may not speak for the "
                                   "tenant that its claim \"%V\" names",
                                   claim);
    }

    return NGX_OK;
}


/* packed, the strings leave the pool of the token for that of the request */
static ngx_int_t
ngx_http_soma_jwt_keep(ngx_http_soma_ctx_t *ctx, ngx_http_soma_jwt_t *jwt,
    ngx_uint_t version, soma_identity_t *identity)
{
    size_t   len;
    u_char  *p, packed[SOMA_IDENTITY_MAX];

    len = soma_key_identity_pack(identity, packed, sizeof(packed));

    if (len == 0) {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_UNAUTHORIZED,
                                   "invalid_token",
                                   "the token's claims are too long");
    }

    p = ngx_pnalloc(ctx->request->pool, len);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memcpy(p, packed, len);

    if (soma_key_identity_unpack(&ctx->identity, p, len) != SOMA_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_soma_jwt_cache_put(jwt, version, ctx->key.hash, ctx->start,
                                identity->expires, packed, len);

    return NGX_OK;
}
