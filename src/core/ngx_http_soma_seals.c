
/*
 * Copyright (C) The ngx_soma authors
 *
 * Signatures that are too long for a client to carry, in the zone of all
 * workers: an eighth of it, taken when the first one comes.  Their keys are
 * random, and mean nothing to another tenant.
 */


#include "ngx_http_soma_inner.h"
#include "soma_base64.h"
#include "soma_seal.h"
#include "soma_seals.h"
#include "soma_xxh3.h"

#include <openssl/rand.h>


#define NGX_HTTP_SOMA_SEALS_PART  8         /* of the zone */
#define NGX_HTTP_SOMA_SEALS_MAX   (32 * 1024 * 1024)


static int ngx_http_soma_seals_put(void *data, soma_str_t bytes,
    unsigned char *key);
static int ngx_http_soma_seals_get(void *data, soma_arena_t *arena,
    soma_str_t key, soma_str_t *bytes);
static soma_seals_t *ngx_http_soma_seals(ngx_http_soma_ctx_t *ctx);
static void ngx_http_soma_seals_key(ngx_http_soma_ctx_t *ctx,
    uint64_t key[2]);


ngx_int_t
ngx_http_soma_seals_store(ngx_http_soma_ctx_t *ctx,
    const soma_seal_store_t **store)
{
    soma_seal_store_t  *s;

    s = ngx_palloc(ctx->request->pool, sizeof(soma_seal_store_t));
    if (s == NULL) {
        return NGX_ERROR;
    }

    s->put = ngx_http_soma_seals_put;
    s->get = ngx_http_soma_seals_get;
    s->data = ctx;

    *store = s;

    return NGX_OK;
}


static int
ngx_http_soma_seals_put(void *data, soma_str_t bytes, unsigned char *key)
{
    ngx_http_soma_ctx_t *ctx = data;

    int               rc;
    uint64_t          random[2];
    soma_str_t        raw;
    unsigned char     buf[SOMA_SEAL_KEY_LEN + 2];
    ngx_slab_pool_t  *shpool;

    shpool = ctx->main->shpool;

    if (shpool == NULL
        || RAND_bytes((unsigned char *) random, sizeof(random)) != 1)
    {
        return SOMA_DECLINED;
    }

    raw.data = (unsigned char *) random;
    raw.len = sizeof(random);

    if (soma_base64_encode_url(buf, raw) != SOMA_SEAL_KEY_LEN) {
        return SOMA_DECLINED;
    }

    ngx_memcpy(key, buf, SOMA_SEAL_KEY_LEN);
    ngx_http_soma_seals_key(ctx, random);

    ngx_shmtx_lock(&shpool->mutex);

    rc = SOMA_DECLINED;

    if (ctx->main->zone->seals == NULL) {
        ctx->main->zone->seals = ngx_http_soma_seals(ctx);
    }

    if (ctx->main->zone->seals) {
        rc = soma_seals_put(ctx->main->zone->seals, random, bytes);
    }

    ngx_shmtx_unlock(&shpool->mutex);

    if (rc != SOMA_OK) {
        ngx_log_error(NGX_LOG_WARN, ctx->request->connection->log, 0,
                      "soma: signed reasoning of %uz bytes goes to a client "
                      "that cannot carry it, and there is no room for it in "
                      "soma_zone", bytes.len);
    }

    return rc;
}


static int
ngx_http_soma_seals_get(void *data, soma_arena_t *arena, soma_str_t key,
    soma_str_t *bytes)
{
    ngx_http_soma_ctx_t *ctx = data;

    int               rc;
    size_t            len;
    uint64_t          raw[2];
    soma_str_t        found;
    unsigned char     buf[32];
    ngx_slab_pool_t  *shpool;

    shpool = ctx->main->shpool;

    if (shpool == NULL || ctx->main->zone->seals == NULL
        || soma_base64_decoded_len(key.len) > sizeof(buf)
        || soma_base64_decode(buf, &len, key) != SOMA_OK
        || len != sizeof(raw))
    {
        return SOMA_DECLINED;
    }

    ngx_memcpy(raw, buf, sizeof(raw));
    ngx_http_soma_seals_key(ctx, raw);

    ngx_shmtx_lock(&shpool->mutex);

    rc = soma_seals_get(ctx->main->zone->seals, raw, &found);

    if (rc == SOMA_OK) {
        bytes->len = found.len;
        bytes->data = arena->alloc(arena->data, found.len);

        if (bytes->data == NULL) {
            rc = SOMA_ERROR;

        } else {
            ngx_memcpy(bytes->data, found.data, found.len);
        }
    }

    ngx_shmtx_unlock(&shpool->mutex);

    return rc;
}


/* under the zone's lock */

static soma_seals_t *
ngx_http_soma_seals(ngx_http_soma_ctx_t *ctx)
{
    size_t            size;
    void             *memory;
    ngx_slab_pool_t  *shpool;

    shpool = ctx->main->shpool;
    size = (size_t) (shpool->end - shpool->start) / NGX_HTTP_SOMA_SEALS_PART;

    if (size > NGX_HTTP_SOMA_SEALS_MAX) {
        size = NGX_HTTP_SOMA_SEALS_MAX;
    }

    if (size < 2 * SOMA_SEALS_LEN_MAX) {
        return NULL;
    }

    memory = ngx_slab_calloc_locked(shpool, size);

    return (memory == NULL) ? NULL : soma_seals_init(memory, size);
}


static void
ngx_http_soma_seals_key(ngx_http_soma_ctx_t *ctx, uint64_t key[2])
{
    key[1] ^= soma_xxh3_mix(ctx->identity.tenant.data,
                            ctx->identity.tenant.len);
}
