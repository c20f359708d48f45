
/*
 * Copyright (C) The ngx_soma authors
 *
 * What counts for the tenant of a request: its soma_tenant block, and in the
 * place of its lines what Redis says under soma:tenant:<name>.
 *
 * The answer of Redis lives in the shared cache.  Each worker keeps what it
 * made of it, limits parsed, in a table of its own, and looks at the shared
 * one again after a change was heard, or after NGX_HTTP_SOMA_TENANT_LOOK.
 */


#include "ngx_http_soma_identify.h"
#include "ngx_http_soma_cache.h"
#include "ngx_http_soma_redis.h"
#include "soma_tenant.h"
#include "ngx_http_soma_tz.h"


#define NGX_HTTP_SOMA_TENANT_PREFIX  "soma:tenant:"
#define NGX_HTTP_SOMA_TENANT_LOOK    100    /* ms */
#define NGX_HTTP_SOMA_TENANT_FRESH   60000  /* ms in the shared cache */
#define NGX_HTTP_SOMA_TENANT_SETS    256    /* the worker's table */
#define NGX_HTTP_SOMA_TENANT_WAYS    4
#define NGX_HTTP_SOMA_TENANT_RETRY   1000   /* ms until a client asks again */


/* lives as long as the table or a request holds it */
typedef struct {
    soma_str_t               name;
    soma_str_t               data;      /* of the cache; empty: no hash */
    ngx_http_soma_tenant_t  *block;     /* may be NULL */
    ngx_http_soma_tenant_t   merged;
    soma_limit_t             limits[SOMA_LIMITS_MAX];
    ngx_uint_t               changes;
    ngx_msec_t               looked;
    ngx_uint_t               refs;
} ngx_http_soma_tenant_entry_t;


typedef struct {
    ngx_http_soma_tenant_entry_t  *way[NGX_HTTP_SOMA_TENANT_WAYS];
    ngx_uint_t                     next;
} ngx_http_soma_tenant_set_t;


static ngx_int_t ngx_http_soma_tenant_cached(ngx_http_soma_ctx_t *ctx,
    int64_t fresh);
static ngx_int_t ngx_http_soma_tenant_ask(ngx_http_request_t *r,
    ngx_http_soma_ctx_t *ctx);
static void ngx_http_soma_tenant_handler(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_soma_tenant_read(ngx_http_soma_ctx_t *ctx,
    redisReply *reply);
static void ngx_http_soma_tenant_fields(ngx_http_soma_ctx_t *ctx,
    soma_tenant_t *tenant, redisReply *reply);
static void ngx_http_soma_tenant_down(ngx_http_soma_ctx_t *ctx);
static ngx_http_soma_tenant_set_t *ngx_http_soma_tenant_set(soma_str_t name);
static ngx_http_soma_tenant_entry_t **ngx_http_soma_tenant_way(
    ngx_http_soma_tenant_set_t *set, soma_str_t name);
static ngx_int_t ngx_http_soma_tenant_learn(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_tenant_t *block, soma_str_t data, ngx_uint_t changes);
static ngx_int_t ngx_http_soma_tenant_merge(
    ngx_http_soma_tenant_entry_t *entry);
static ngx_int_t ngx_http_soma_tenant_use(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_tenant_entry_t *entry);
static void ngx_http_soma_tenant_unref(void *data);


static ngx_http_soma_tenant_set_t
    ngx_http_soma_tenants[NGX_HTTP_SOMA_TENANT_SETS];


void
ngx_http_soma_tenant_find_exit_worker(void)
{
    ngx_uint_t                     i, k;
    ngx_http_soma_tenant_entry_t  *entry;

    for (i = 0; i < NGX_HTTP_SOMA_TENANT_SETS; i++) {
        for (k = 0; k < NGX_HTTP_SOMA_TENANT_WAYS; k++) {
            entry = ngx_http_soma_tenants[i].way[k];
            ngx_http_soma_tenants[i].way[k] = NULL;

            if (entry) {
                ngx_http_soma_tenant_unref(entry);
            }
        }
    }
}


ngx_int_t
ngx_http_soma_tenant_find_begin(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx)
{
    ngx_int_t                       rc;
    soma_str_t                      name;
    ngx_http_soma_tenant_entry_t  **way;

    if (ctx->tenancy.known || ctx->tenancy.asked || ctx->tenancy.failed) {
        return NGX_OK;
    }

    name = ctx->identity.tenant;

    if (!ctx->main->redis.set) {
        ctx->tenant = ngx_http_soma_names_find(&ctx->main->tenant_names,
                                               name.data, name.len);
        ctx->tenancy.known = 1;
        return NGX_OK;
    }

    way = ngx_http_soma_tenant_way(ngx_http_soma_tenant_set(name), name);

    if (way != NULL
        && (*way)->changes
           == ngx_http_soma_cache_changes(ctx->main,
                                          NGX_HTTP_SOMA_CACHE_TENANT)
        && ngx_current_msec - (*way)->looked < NGX_HTTP_SOMA_TENANT_LOOK)
    {
        return ngx_http_soma_tenant_use(ctx, *way);
    }

    rc = ngx_http_soma_tenant_cached(ctx, NGX_HTTP_SOMA_TENANT_FRESH);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    rc = ngx_http_soma_tenant_ask(r, ctx);

    if (rc == NGX_DECLINED) {
        ngx_http_soma_tenant_down(ctx);
        return NGX_OK;
    }

    return rc;
}


ngx_int_t
ngx_http_soma_tenant_find_end(ngx_http_soma_ctx_t *ctx)
{
    if (ctx->tenancy.asked) {
        return ngx_http_soma_wait(ctx, NGX_HTTP_SOMA_WAIT_TENANT, ctx->walk);
    }

    if (!ctx->tenancy.known) {

        if (ctx->conf->api) {
            return NGX_OK;
        }

        ctx->error.retry_ms = NGX_HTTP_SOMA_TENANT_RETRY;

        return ngx_http_soma_fault(ctx, SOMA_FAULT_UNAVAILABLE,
                                   "tenant_store_unavailable",
                                   "the limits of tenant \"%*s\" cannot be "
                                   "told now, Redis is away: try again in a "
                                   "moment", ctx->identity.tenant.len,
                                   ctx->identity.tenant.data);
    }

    if (ctx->tenant && ctx->tenant->invalid && !ctx->conf->api) {
        return ngx_http_soma_fault(ctx, SOMA_FAULT_FORBIDDEN,
                                   "invalid_tenant",
                                   "what Redis says of tenant \"%*s\" cannot "
                                   "be read: have soma:tenant:%*s mended",
                                   ctx->identity.tenant.len,
                                   ctx->identity.tenant.data,
                                   ctx->identity.tenant.len,
                                   ctx->identity.tenant.data);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_soma_tenant_cached(ngx_http_soma_ctx_t *ctx, int64_t fresh)
{
    size_t                   len;
    u_char                   packed[SOMA_TENANT_PACKED_MAX];
    int64_t                  expires;
    ngx_uint_t               changes;
    soma_str_t               name, data;
    ngx_http_soma_tenant_t  *block;

    name = ctx->identity.tenant;
    len = sizeof(packed);
    changes = ngx_http_soma_cache_changes(ctx->main,
                                          NGX_HTTP_SOMA_CACHE_TENANT);

    if (ngx_http_soma_cache_get(ctx->main, NGX_HTTP_SOMA_CACHE_TENANT, name,
                                ngx_http_soma_now(), fresh, packed, &len,
                                &expires)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    block = ngx_http_soma_names_find(&ctx->main->tenant_names, name.data,
                                     name.len);
    data.data = packed;
    data.len = len;

    return ngx_http_soma_tenant_learn(ctx, block, data, changes);
}


static ngx_int_t
ngx_http_soma_tenant_ask(ngx_http_request_t *r, ngx_http_soma_ctx_t *ctx)
{
    u_char      *p, name[sizeof(NGX_HTTP_SOMA_TENANT_PREFIX)
                         + SOMA_TENANT_MAX];
    size_t       argvlen[2];
    ngx_int_t    rc;
    const char  *argv[2];

    if (ctx->identity.tenant.len > SOMA_TENANT_MAX) {
        return NGX_DECLINED;
    }

    p = ngx_cpymem(name, NGX_HTTP_SOMA_TENANT_PREFIX,
                   sizeof(NGX_HTTP_SOMA_TENANT_PREFIX) - 1);
    p = ngx_cpymem(p, ctx->identity.tenant.data, ctx->identity.tenant.len);

    argv[0] = "HGETALL";
    argvlen[0] = sizeof("HGETALL") - 1;
    argv[1] = (char *) name;
    argvlen[1] = p - name;

    ctx->tenancy.changes = ngx_http_soma_cache_changes(ctx->main,
                                                NGX_HTTP_SOMA_CACHE_TENANT);

    rc = ngx_http_soma_redis_request(r, ngx_http_soma_tenant_handler, 2, argv,
                                     argvlen);
    if (rc != NGX_OK) {
        return rc == NGX_ERROR ? NGX_HTTP_INTERNAL_SERVER_ERROR : NGX_DECLINED;
    }

    ctx->tenancy.asked = 1;

    return NGX_OK;
}


static void
ngx_http_soma_tenant_handler(ngx_http_request_t *r, redisReply *reply)
{
    ngx_int_t             rc;
    ngx_http_soma_ctx_t  *ctx;

    ctx = ngx_http_soma_get_ctx(r);

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "soma tenant from redis: %d", reply ? reply->type : -1);

    ctx->tenancy.asked = 0;

    rc = ngx_http_soma_tenant_read(ctx, reply);

    if (rc != NGX_OK) {
        ngx_http_soma_tenant_down(ctx);
    }

    /* where its lock was asked for after it, the lock's answer goes on */

    if (ngx_http_soma_waits_for(ctx, NGX_HTTP_SOMA_WAIT_TENANT)) {
        ngx_http_soma_wake(ctx, rc == NGX_OK ? NGX_OK : NGX_BUSY);
    }
}


/* NGX_DECLINED: the reply tells nothing of the tenant */

static ngx_int_t
ngx_http_soma_tenant_read(ngx_http_soma_ctx_t *ctx, redisReply *reply)
{
    u_char                   packed[SOMA_TENANT_PACKED_MAX];
    soma_str_t               name, data;
    soma_tenant_t            tenant;
    ngx_http_soma_tenant_t  *block;

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        return NGX_DECLINED;
    }

    name = ctx->identity.tenant;
    data.data = packed;
    data.len = 0;

    if (reply->elements) {
        ngx_memzero(&tenant, sizeof(soma_tenant_t));
        ngx_http_soma_tenant_fields(ctx, &tenant, reply);
        data.len = soma_tenant_pack(&tenant, packed, sizeof(packed));

        if (data.len == 0) {
            ngx_memzero(&tenant, sizeof(soma_tenant_t));
            tenant.invalid = 1;
            data.len = soma_tenant_pack(&tenant, packed, sizeof(packed));
        }
    }

    /* a change that was heard meanwhile may have overtaken the reply */

    if (ngx_http_soma_cache_changes(ctx->main, NGX_HTTP_SOMA_CACHE_TENANT)
        == ctx->tenancy.changes)
    {
        (void) ngx_http_soma_cache_put(ctx->main, NGX_HTTP_SOMA_CACHE_TENANT,
                                       name, data, ngx_http_soma_now(), 0);
    }

    block = ngx_http_soma_names_find(&ctx->main->tenant_names, name.data,
                                     name.len);

    return ngx_http_soma_tenant_learn(ctx, block, data, ctx->tenancy.changes);
}


static void
ngx_http_soma_tenant_fields(ngx_http_soma_ctx_t *ctx, soma_tenant_t *tenant,
    redisReply *reply)
{
    size_t      i;
    soma_str_t  field, value;

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

        if (soma_tenant_set(tenant, field, value) == SOMA_ERROR) {
            ngx_http_soma_log(NGX_LOG_ERR, ctx->request->connection->log, 0,
                              "soma: field \"%*s\" of soma:tenant:%*s in Redis "
                              "has a value that is not understood, the tenant "
                              "is refused", field.len, field.data,
                              ctx->identity.tenant.len,
                              ctx->identity.tenant.data);
            tenant->invalid = 1;
            return;
        }
    }
}


/*
 * Redis is away.  Who said "deny" wants no request under limits that may have
 * been changed; otherwise what was last known counts, or the block.
 */

static void
ngx_http_soma_tenant_down(ngx_http_soma_ctx_t *ctx)
{
    soma_str_t  name;

    if (ctx->conf->on_redis_down == NGX_HTTP_SOMA_DOWN_DENY
        && !ctx->conf->api)
    {
        ctx->tenancy.failed = 1;
        return;
    }

    if (ngx_http_soma_tenant_cached(ctx, NGX_HTTP_SOMA_CACHE_ANY) == NGX_OK) {
        return;
    }

    name = ctx->identity.tenant;
    ctx->tenant = ngx_http_soma_names_find(&ctx->main->tenant_names,
                                           name.data, name.len);
    ctx->tenancy.known = 1;
}


static ngx_http_soma_tenant_set_t *
ngx_http_soma_tenant_set(soma_str_t name)
{
    uint32_t  hash;

    hash = ngx_murmur_hash2(name.data, name.len);

    return &ngx_http_soma_tenants[hash % NGX_HTTP_SOMA_TENANT_SETS];
}


static ngx_http_soma_tenant_entry_t **
ngx_http_soma_tenant_way(ngx_http_soma_tenant_set_t *set, soma_str_t name)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_SOMA_TENANT_WAYS; i++) {
        if (set->way[i] && soma_str_eq(set->way[i]->name, name)) {
            return &set->way[i];
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_soma_tenant_learn(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_tenant_t *block, soma_str_t data, ngx_uint_t changes)
{
    u_char                         *p;
    soma_str_t                      name;
    ngx_http_soma_tenant_set_t     *set;
    ngx_http_soma_tenant_entry_t   *entry, **way;

    name = ctx->identity.tenant;
    set = ngx_http_soma_tenant_set(name);
    way = ngx_http_soma_tenant_way(set, name);

    if (way != NULL && (*way)->block == block
        && soma_str_eq((*way)->data, data))
    {
        (*way)->changes = changes;
        (*way)->looked = ngx_current_msec;

        return ngx_http_soma_tenant_use(ctx, *way);
    }

    entry = ngx_calloc(sizeof(ngx_http_soma_tenant_entry_t) + name.len
                       + data.len, ngx_cycle->log);
    if (entry == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = (u_char *) (entry + 1);

    entry->name.data = p;
    entry->name.len = name.len;
    p = ngx_cpymem(p, name.data, name.len);

    entry->data.data = p;
    entry->data.len = data.len;
    ngx_memcpy(p, data.data, data.len);

    entry->block = block;
    entry->changes = changes;
    entry->looked = ngx_current_msec;
    entry->refs = 1;

    if (ngx_http_soma_tenant_merge(entry) != NGX_OK) {
        ngx_free(entry);
        return NGX_DECLINED;
    }

    if (way == NULL) {
        way = &set->way[set->next++ % NGX_HTTP_SOMA_TENANT_WAYS];
    }

    if (*way != NULL) {
        ngx_http_soma_tenant_unref(*way);
    }

    *way = entry;

    return ngx_http_soma_tenant_use(ctx, entry);
}


static ngx_int_t
ngx_http_soma_tenant_merge(ngx_http_soma_tenant_entry_t *entry)
{
    unsigned                 n;
    const char              *error;
    soma_str_t               zone;
    soma_tenant_t            tenant;
    ngx_http_soma_tenant_t  *merged;

    if (entry->data.len == 0) {
        return NGX_OK;
    }

    if (soma_tenant_unpack(&tenant, entry->data.data, entry->data.len)
        != SOMA_OK)
    {
        return NGX_ERROR;
    }

    merged = &entry->merged;

    if (entry->block) {
        *merged = *entry->block;
    }

    merged->name = ngx_http_soma_ngx(entry->name);
    merged->invalid = tenant.invalid;

    if (tenant.has_models) {
        merged->models = ngx_http_soma_ngx(tenant.models);
    }

    if (tenant.has_tags) {
        merged->tags = ngx_http_soma_ngx(tenant.tags);
    }

    if (tenant.has_limits) {

        if (soma_limit_list_parse(entry->limits, SOMA_LIMITS_MAX, &n,
                                  tenant.limits, SOMA_SCOPE_TENANT, &error)
            != SOMA_OK
            || ngx_http_soma_tz_limits(entry->limits, n, &zone) != NGX_OK)
        {
            merged->invalid = 1;
            n = 0;
        }

        merged->limits.elts = entry->limits;
        merged->limits.nelts = n;
        merged->limits.size = sizeof(soma_limit_t);
        merged->limits.nalloc = SOMA_LIMITS_MAX;
        merged->limits.pool = NULL;
    }

    return NGX_OK;
}


/* a request may outlive the entry's time in the table: a stream that runs
 * for minutes settles under the limits it began with */

static ngx_int_t
ngx_http_soma_tenant_use(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_tenant_entry_t *entry)
{
    ngx_pool_cleanup_t  *cln;

    if (entry->data.len == 0) {
        ctx->tenant = entry->block;
        ctx->tenancy.known = 1;
        return NGX_OK;
    }

    cln = ngx_pool_cleanup_add(ctx->request->pool, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_soma_tenant_unref;
    cln->data = entry;
    entry->refs++;

    ctx->tenant = &entry->merged;
    ctx->tenancy.known = 1;

    if (ctx->identity.tags.len == 0) {
        ctx->identity.tags = ngx_http_soma_str(entry->merged.tags);
    }

    return NGX_OK;
}


static void
ngx_http_soma_tenant_unref(void *data)
{
    ngx_http_soma_tenant_entry_t *entry = data;

    if (--entry->refs == 0) {
        ngx_free(entry);
    }
}
