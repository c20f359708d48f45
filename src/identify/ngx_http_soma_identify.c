
/*
 * Copyright (C) The ngx_soma authors
 */


#include "ngx_http_soma_identify.h"
#include "ngx_http_soma_sigv4.h"
#include "ngx_http_soma_cache.h"
#include "ngx_http_soma_jwt.h"
#include "ngx_http_soma_redis.h"

#include <openssl/evp.h>


#define NGX_HTTP_SOMA_KEY_PREFIX   "soma:key:"
#define NGX_HTTP_SOMA_SEEN_MAX     128         /* longer credentials: hashed */
#define NGX_HTTP_SOMA_KEY_NAME     (sizeof(NGX_HTTP_SOMA_KEY_PREFIX) - 1      \
                                    + 2 * SOMA_KEY_HASH)


/*
 * The credential that came last over a client's connection, and its hash:
 * the next request mostly has the same.  Whom it belongs to is asked anew
 * every time.
 */
typedef struct {
    size_t   len;
    u_char   credential[NGX_HTTP_SOMA_SEEN_MAX];
    u_char   hash[SOMA_KEY_HASH];
} ngx_http_soma_seen_t;


static ngx_int_t ngx_http_soma_signed(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx);
static ngx_int_t ngx_http_soma_try(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx);
static ngx_uint_t ngx_http_soma_next(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx);
static ngx_int_t ngx_http_soma_refuse(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx, ngx_int_t rc);
static ngx_int_t ngx_http_soma_nobody(ngx_http_soma_ctx_t *ctx);
static ngx_int_t ngx_http_soma_hash_seen(ngx_http_request_t *r,
    soma_str_t credential, u_char *hash);
static ngx_uint_t ngx_http_soma_seen_same(u_char *a, u_char *b, size_t len);
static ngx_http_soma_seen_t *ngx_http_soma_seen(ngx_http_request_t *r);
static void ngx_http_soma_seen_cleanup(void *data);
static ngx_int_t ngx_http_soma_hash_key(soma_str_t credential, u_char *hash);
static soma_identity_t *ngx_http_soma_configured_key(
    ngx_http_soma_main_conf_t *smcf, u_char *hash);
static ngx_int_t ngx_http_soma_cached_key(ngx_http_soma_ctx_t *ctx,
    int64_t fresh);
static ngx_int_t ngx_http_soma_ask_redis(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx);
static void ngx_http_soma_key_handler(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_soma_read_key(ngx_http_soma_ctx_t *ctx,
    redisReply *reply);
static void ngx_http_soma_keep_key(ngx_http_soma_ctx_t *ctx, soma_str_t data,
    int64_t expires);
static ngx_int_t ngx_http_soma_known(ngx_http_soma_ctx_t *ctx);
static ngx_int_t ngx_http_soma_unknown(ngx_http_soma_ctx_t *ctx);


/* one context a process: making it anew costs more than the hash */

static EVP_MD_CTX  *ngx_http_soma_md;


void
ngx_http_soma_identify_exit_worker(void)
{
    EVP_MD_CTX_free(ngx_http_soma_md);
    ngx_http_soma_md = NULL;

    ngx_http_soma_strange_exit_worker();
    ngx_http_soma_tenant_find_exit_worker();
}


ngx_int_t
ngx_http_soma_identify(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ctx->identified) {
        return NGX_OK;
    }

    if (ctx->error.fault != SOMA_FAULT_NONE) {
        return soma_dialect_fault_status(ctx->error.fault);
    }

    rc = ngx_http_soma_sigv4_find(ctx);

    if (rc != NGX_DECLINED) {
        return (rc == NGX_OK) ? ngx_http_soma_signed(r, ctx) : rc;
    }

    while (ngx_http_soma_credential_find(r, &ctx->key.candidate,
                                         &ctx->key.credential)
           == NGX_OK)
    {
        rc = ngx_http_soma_try(r, ctx);

        if (rc != NGX_BUSY) {
            return rc;
        }

        ctx->key.candidate = ngx_http_soma_next(r, ctx);
    }

    return ngx_http_soma_nobody(ctx);
}


/* who signs brings no other credential */
static ngx_int_t
ngx_http_soma_signed(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = ngx_http_soma_try(r, ctx);

    return (rc == NGX_BUSY) ? ngx_http_soma_nobody(ctx) : rc;
}


/* NGX_BUSY: this credential is none of ours, the next one may be */
static ngx_int_t
ngx_http_soma_try(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx)
{
    ngx_int_t         rc;
    soma_identity_t  *identity;

    if (!ctx->key.signature
        && ngx_http_soma_hash_seen(r, ctx->key.credential, ctx->key.hash)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ctx->main->jwt && soma_jwt_like(ctx->key.credential)) {
        rc = ngx_http_soma_jwt_identify(r, ctx, ctx->key.credential);

        if (rc == NGX_OK) {
            return ngx_http_soma_known(ctx);
        }

        return rc == NGX_AGAIN ? rc : ngx_http_soma_refuse(r, ctx, rc);
    }

    identity = ngx_http_soma_configured_key(ctx->main, ctx->key.hash);

    if (identity != NULL) {
        ctx->identity = *identity;
        return ngx_http_soma_known(ctx);
    }

    if (!ctx->main->redis.set) {
        return ngx_http_soma_unknown(ctx);
    }

    rc = ngx_http_soma_cached_key(ctx, NGX_HTTP_SOMA_KEY_FRESH);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    rc = ngx_http_soma_strange_check(r, ctx);

    if (rc != NGX_OK) {
        return ngx_http_soma_refuse(r, ctx, rc);
    }

    rc = ngx_http_soma_ask_redis(r, ctx);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    /* Redis is away: what was last known of the key is better than nothing */

    if (ctx->conf->on_redis_down == NGX_HTTP_SOMA_DOWN_ALLOW) {
        rc = ngx_http_soma_cached_key(ctx, NGX_MAX_INT_T_VALUE);

        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    rc = ngx_http_soma_fault(ctx, SOMA_FAULT_UNAVAILABLE,
                             "key_store_unavailable",
                             "the key cannot be checked now, Redis is away: "
                             "try again in a moment");

    return ngx_http_soma_refuse(r, ctx, rc);
}


/*
 * The credential to look at behind one that is none of ours: a bearer may be
 * meant for the service behind soma_access, with ours beside it.  Elsewhere
 * the first one decides alone, so that nobody guesses two at a time.
 */
static ngx_uint_t
ngx_http_soma_next(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx)
{
    ngx_http_soma_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_soma_module);

    return (slcf->access && !slcf->pass && !slcf->api)
           ? ctx->key.candidate + 1 : NGX_HTTP_SOMA_CREDENTIAL_ARG + 1;
}


/*
 * A credential that cannot be taken is the end of it, unless the request
 * brings another one: then it is what is told when that one fails as well.
 */
static ngx_int_t
ngx_http_soma_refuse(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx,
    ngx_int_t rc)
{
    ngx_uint_t  next;
    soma_str_t  credential;

    next = ngx_http_soma_next(r, ctx);

    if (ctx->error.fault == SOMA_FAULT_NONE
        || ngx_http_soma_credential_find(r, &next, &credential) != NGX_OK)
    {
        return rc;
    }

    if (ctx->key.refused == NULL) {
        ctx->key.refused = ngx_palloc(r->pool, sizeof(ngx_http_soma_error_t));
        if (ctx->key.refused == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        *ctx->key.refused = ctx->error;
    }

    ngx_memzero(&ctx->error, sizeof(ngx_http_soma_error_t));

    return NGX_BUSY;
}


static ngx_int_t
ngx_http_soma_nobody(ngx_http_soma_ctx_t *ctx)
{
    if (ctx->key.refused) {
        ctx->error = *ctx->key.refused;
        return soma_dialect_fault_status(ctx->error.fault);
    }

    if (ctx->key.unknown) {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_UNAUTHORIZED,
                                   "invalid_api_key",
                                   "this API key is not known here: check "
                                   "it, or ask whoever runs this gateway for "
                                   "one");
    }

    return ngx_http_soma_fault(ctx, SOMA_FAULT_UNAUTHORIZED,
                               "missing_api_key",
                               "no API key was sent: put it in the header "
                               "\"Authorization: Bearer KEY\" or "
                               "\"x-api-key: KEY\"");
}


static ngx_int_t
ngx_http_soma_hash_seen(ngx_http_request_t *r, soma_str_t credential,
    u_char *hash)
{
    ngx_http_soma_seen_t  *seen;

    /* a stream's connection is its own, and a first request may be the only
     * one: what is kept is for a connection that is used again */

    if (r->http_version >= NGX_HTTP_VERSION_20 || r->connection->requests < 2
        || credential.len > NGX_HTTP_SOMA_SEEN_MAX)
    {
        return ngx_http_soma_hash_key(credential, hash);
    }

    seen = ngx_http_soma_seen(r);

    if (seen == NULL) {
        return NGX_ERROR;
    }

    /* not memcmp(): a proxy may send many clients' keys over one connection,
     * and none of them is to learn how much of its guess was right */

    if (seen->len == credential.len
        && ngx_http_soma_seen_same(seen->credential, credential.data,
                                   credential.len))
    {
        ngx_memcpy(hash, seen->hash, SOMA_KEY_HASH);
        return NGX_OK;
    }

    seen->len = 0;

    if (ngx_http_soma_hash_key(credential, hash) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_memcpy(seen->credential, credential.data, credential.len);
    ngx_memcpy(seen->hash, hash, SOMA_KEY_HASH);
    seen->len = credential.len;

    return NGX_OK;
}


/* takes as long whatever differs */
static ngx_uint_t
ngx_http_soma_seen_same(u_char *a, u_char *b, size_t len)
{
    size_t    i;
    uint64_t  x, y, differs;

    differs = 0;

    for (i = 0; len - i >= sizeof(uint64_t); i += sizeof(uint64_t)) {
        ngx_memcpy(&x, a + i, sizeof(uint64_t));
        ngx_memcpy(&y, b + i, sizeof(uint64_t));
        differs |= x ^ y;
    }

    for ( /* void */ ; i < len; i++) {
        differs |= a[i] ^ b[i];
    }

    return differs == 0;
}


static ngx_http_soma_seen_t *
ngx_http_soma_seen(ngx_http_request_t *r)
{
    ngx_pool_t            *pool;
    ngx_pool_cleanup_t    *cln;
    ngx_http_soma_seen_t  *seen;

    pool = r->connection->pool;

    for (cln = pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_soma_seen_cleanup) {
            return cln->data;
        }
    }

    cln = ngx_pool_cleanup_add(pool, sizeof(ngx_http_soma_seen_t));
    if (cln == NULL) {
        return NULL;
    }

    seen = cln->data;
    seen->len = 0;
    cln->handler = ngx_http_soma_seen_cleanup;

    return seen;
}


static void
ngx_http_soma_seen_cleanup(void *data)
{
    ngx_explicit_memzero(data, sizeof(ngx_http_soma_seen_t));
}


static ngx_int_t
ngx_http_soma_hash_key(soma_str_t credential, u_char *hash)
{
    unsigned     len;
    EVP_MD_CTX  *md;

    md = ngx_http_soma_md;

    if (md == NULL) {
        md = EVP_MD_CTX_new();

        if (md == NULL || !EVP_DigestInit_ex(md, EVP_sha256(), NULL)) {
            EVP_MD_CTX_free(md);
            return NGX_ERROR;
        }

        ngx_http_soma_md = md;
    }

    if (!EVP_DigestInit_ex(md, NULL, NULL)
        || !EVP_DigestUpdate(md, credential.data, credential.len)
        || !EVP_DigestFinal_ex(md, hash, &len))
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static soma_identity_t *
ngx_http_soma_configured_key(ngx_http_soma_main_conf_t *smcf, u_char *hash)
{
    ngx_int_t             rc;
    ngx_uint_t            low, high, middle;
    ngx_http_soma_key_t  *key;

    key = smcf->keys.elts;
    low = 0;
    high = smcf->keys.nelts;

    while (low < high) {
        middle = low + (high - low) / 2;
        rc = ngx_memcmp(hash, key[middle].hash, SOMA_KEY_HASH);

        if (rc == 0) {
            return &key[middle].identity;
        }

        if (rc < 0) {
            high = middle;

        } else {
            low = middle + 1;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_soma_cached_key(ngx_http_soma_ctx_t *ctx, int64_t fresh)
{
    size_t      len;
    u_char     *buf, packed[SOMA_IDENTITY_MAX];
    int64_t     expires;
    soma_str_t  name;

    name.data = ctx->key.hash;
    name.len = SOMA_KEY_HASH;
    len = sizeof(packed);

    if (ngx_http_soma_cache_get(ctx->main, NGX_HTTP_SOMA_CACHE_KEY, name,
                                ctx->start, fresh, packed, &len, &expires)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if (len == 0) {
        return ngx_http_soma_unknown(ctx);
    }

    buf = ngx_pnalloc(ctx->request->pool, len);
    if (buf == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memcpy(buf, packed, len);

    if (soma_key_identity_unpack(&ctx->identity, buf, len) != SOMA_OK) {
        return NGX_DECLINED;
    }

    return ngx_http_soma_known(ctx);
}


static ngx_int_t
ngx_http_soma_ask_redis(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx)
{
    u_char      *p, name[NGX_HTTP_SOMA_KEY_NAME];
    size_t       argvlen[2];
    ngx_int_t    rc;
    const char  *argv[2];

    p = ngx_cpymem(name, NGX_HTTP_SOMA_KEY_PREFIX,
                   sizeof(NGX_HTTP_SOMA_KEY_PREFIX) - 1);
    p = ngx_hex_dump(p, ctx->key.hash, SOMA_KEY_HASH);

    argv[0] = "HGETALL";
    argvlen[0] = sizeof("HGETALL") - 1;
    argv[1] = (char *) name;
    argvlen[1] = p - name;

    ctx->key.changes = ngx_http_soma_cache_changes(ctx->main,
                                                 NGX_HTTP_SOMA_CACHE_KEY);

    rc = ngx_http_soma_redis_request(r, ngx_http_soma_key_handler, 2, argv,
                                     argvlen);
    if (rc != NGX_OK) {
        return rc == NGX_ERROR ? NGX_HTTP_INTERNAL_SERVER_ERROR : NGX_DECLINED;
    }

    return ngx_http_soma_wait(ctx, NGX_HTTP_SOMA_WAIT_KEY, ctx->walk);
}


static void
ngx_http_soma_key_handler(ngx_http_request_t *r, redisReply *reply)
{
    ngx_int_t             rc, came;
    ngx_http_soma_ctx_t  *ctx;

    ctx = ngx_http_soma_get_ctx(r);

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "soma key from redis: %d", reply ? reply->type : -1);

    rc = ngx_http_soma_read_key(ctx, reply);
    came = (rc == NGX_DECLINED) ? NGX_BUSY : NGX_OK;

    if (rc == NGX_BUSY) {
        ngx_http_soma_strange_note(r);
    }

    if (rc == NGX_DECLINED
        && ctx->conf->on_redis_down == NGX_HTTP_SOMA_DOWN_ALLOW)
    {
        rc = ngx_http_soma_cached_key(ctx, NGX_MAX_INT_T_VALUE);
    }

    if (rc == NGX_DECLINED) {
        rc = ngx_http_soma_fault(ctx, SOMA_FAULT_UNAVAILABLE,
                                 "key_store_unavailable",
                                 "the key cannot be checked now, Redis gave "
                                 "no answer: try again in a moment");

        rc = ngx_http_soma_refuse(r, ctx, rc);
    }

    if (rc == NGX_BUSY) {
        ctx->key.candidate = ngx_http_soma_next(r, ctx);
    }

    ngx_http_soma_wake(ctx, came);
}


/* NGX_DECLINED: the reply tells nothing of the key; NGX_BUSY: there is no
 * such key */
static ngx_int_t
ngx_http_soma_read_key(ngx_http_soma_ctx_t *ctx, redisReply *reply)
{
    size_t            i, len;
    u_char            packed[SOMA_IDENTITY_MAX];
    soma_str_t        field, value, data;
    soma_identity_t  *identity;

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        return NGX_DECLINED;
    }

    data.data = packed;
    data.len = 0;
    identity = &ctx->identity;

    for (i = 0; i + 1 < reply->elements; i += 2) {

        if (reply->element[i]->type != REDIS_REPLY_STRING
            || reply->element[i + 1]->type != REDIS_REPLY_STRING)
        {
            continue;
        }

        field.data = (u_char *) reply->element[i]->str;
        field.len = reply->element[i]->len;
        value.data = (u_char *) reply->element[i + 1]->str;
        value.len = reply->element[i + 1]->len;
        value = soma_str_dup(&ctx->arena, value);

        if (value.data == NULL) {
            return NGX_DECLINED;
        }

        if (soma_key_identity_set(identity, field, value) == SOMA_ERROR) {
            ngx_http_soma_log(NGX_LOG_ERR, ctx->request->connection->log, 0,
                              "soma: field \"%*s\" of soma:key:%*xs.. in Redis "
                              "has a value that is not understood, the key is "
                              "refused", field.len, field.data,
                              (size_t) 6, ctx->key.hash);
            identity->tenant.len = 0;
            break;
        }
    }

    if (identity->tenant.len && soma_tenant_valid(identity->tenant)) {
        len = soma_key_identity_pack(identity, packed, sizeof(packed));

        if (len) {
            data.len = len;
            ngx_http_soma_keep_key(ctx, data, identity->expires);
        }

        return ngx_http_soma_known(ctx);
    }

    ngx_http_soma_keep_key(ctx, data, 0);

    return ngx_http_soma_unknown(ctx);
}


static void
ngx_http_soma_keep_key(ngx_http_soma_ctx_t *ctx, soma_str_t data,
    int64_t expires)
{
    soma_str_t  name;

    /* a change that was heard meanwhile may have overtaken the reply */

    if (ngx_http_soma_cache_changes(ctx->main, NGX_HTTP_SOMA_CACHE_KEY)
        != ctx->key.changes)
    {
        return;
    }

    name.data = ctx->key.hash;
    name.len = SOMA_KEY_HASH;

    (void) ngx_http_soma_cache_put(ctx->main, NGX_HTTP_SOMA_CACHE_KEY, name,
                                   data, ngx_http_soma_now(), expires);
}


static ngx_int_t
ngx_http_soma_known(ngx_http_soma_ctx_t *ctx)
{
    u_char           *p;
    soma_identity_t  *identity;

    identity = &ctx->identity;

    if (identity->key.len == 0) {
        p = ngx_pnalloc(ctx->request->pool, 12);
        if (p == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        identity->key.data = p;
        identity->key.len = ngx_hex_dump(p, ctx->key.hash, 6) - p;
    }

    if (identity->expires && identity->expires <= ctx->start) {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_UNAUTHORIZED,
                                   "expired_api_key",
                                   "this API key has expired: ask for a new "
                                   "one");
    }

    ctx->identified = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_unknown(ngx_http_soma_ctx_t *ctx)
{
    ctx->key.unknown = 1;

    return NGX_BUSY;
}
