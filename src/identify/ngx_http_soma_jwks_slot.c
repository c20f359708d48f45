
/*
 * Copyright (C) The ngx_soma authors
 *
 * The keys of issuers in the shared zone: a slot for each URL, with the text
 * that was fetched last, and who may fetch the next one.
 */


#include "ngx_http_soma_jwks_slot.h"

#include <openssl/evp.h>


/* a worker that holds the lease and does not end is passed over then */
#define NGX_HTTP_SOMA_JWKS_LEASE     (NGX_HTTP_SOMA_JWKS_TIMEOUT + 2000)


typedef struct {
    ngx_http_soma_jwks_slot_t   slots[NGX_HTTP_SOMA_JWKS_SLOTS];
} ngx_http_soma_jwks_zone_t;


static ngx_int_t ngx_http_soma_jwks_slot_find(
    ngx_http_soma_jwks_zone_t *zone, ngx_http_soma_jwt_t *jwt,
    ngx_log_t *log);
static ngx_int_t ngx_http_soma_jwks_slot_text(
    ngx_http_soma_jwks_slot_t *slot, ngx_slab_pool_t *shpool,
    ngx_str_t *text);
static void ngx_http_soma_jwks_slot_ended(ngx_http_soma_jwks_slot_t *slot);


ngx_int_t
ngx_http_soma_jwks_slot_init_zone(ngx_http_soma_main_conf_t *smcf,
    ngx_log_t *log)
{
    ngx_int_t                   rc;
    ngx_uint_t                  i;
    ngx_http_soma_jwt_t       **jwt;
    ngx_http_soma_jwks_zone_t  *zone;

    rc = NGX_OK;
    jwt = smcf->jwt ? smcf->jwt->elts : NULL;

    for (i = 0; jwt && i < smcf->jwt->nelts && rc == NGX_OK; i++) {

        if (jwt[i]->url.len == 0) {
            continue;
        }

        ngx_shmtx_lock(&smcf->shpool->mutex);

        zone = smcf->zone->jwt;

        if (zone == NULL) {
            zone = ngx_slab_calloc_locked(smcf->shpool,
                                          sizeof(ngx_http_soma_jwks_zone_t));
            smcf->zone->jwt = zone;
        }

        rc = zone ? ngx_http_soma_jwks_slot_find(zone, jwt[i], log)
                  : NGX_DECLINED;

        ngx_shmtx_unlock(&smcf->shpool->mutex);

        if (rc == NGX_DECLINED) {
            ngx_log_error(NGX_LOG_EMERG, log, 0,
                          "soma_zone is too small for the keys of soma_jwt");
        }
    }

    return rc == NGX_OK ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_soma_jwks_slot_find(ngx_http_soma_jwks_zone_t *zone,
    ngx_http_soma_jwt_t *jwt, ngx_log_t *log)
{
    u_char                      name[EVP_MAX_MD_SIZE];
    ngx_int_t                   rc;
    unsigned                    len;
    ngx_uint_t                  i;
    EVP_MD_CTX                 *md;
    ngx_http_soma_jwks_slot_t  *slot;

    md = EVP_MD_CTX_new();

    rc = md != NULL
         && EVP_DigestInit_ex(md, EVP_sha256(), NULL)
         && EVP_DigestUpdate(md, jwt->url.data, jwt->url.len + 1)
         && EVP_DigestUpdate(md, jwt->ca.data, jwt->ca.len)
         && EVP_DigestFinal_ex(md, name, &len);

    EVP_MD_CTX_free(md);

    if (!rc) {
        return NGX_ERROR;
    }

    for (i = 0; i < NGX_HTTP_SOMA_JWKS_SLOTS; i++) {
        slot = &zone->slots[i];

        if (!slot->used) {
            ngx_memcpy(slot->name, name, SOMA_KEY_HASH);
            slot->next = ngx_current_msec;
            slot->used = 1;
        }

        if (ngx_memcmp(slot->name, name, SOMA_KEY_HASH) == 0) {
            jwt->slot = slot;
            return NGX_OK;
        }
    }

    ngx_log_error(NGX_LOG_EMERG, log, 0,
                  "more than %d different URLs of \"jwks\" since nginx was "
                  "started: restart it", NGX_HTTP_SOMA_JWKS_SLOTS);

    return NGX_ERROR;
}


ngx_int_t
ngx_http_soma_jwks_slot_lease(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_jwt_t *jwt, ngx_uint_t known, ngx_uint_t forced)
{
    ngx_int_t                   rc;
    ngx_pid_t                   pid;
    ngx_msec_t                  now;
    ngx_uint_t                  open;
    ngx_http_soma_jwks_slot_t  *slot;

    slot = jwt->slot;
    now = ngx_current_msec;
    rc = NGX_DECLINED;

    ngx_shmtx_lock(&smcf->shpool->mutex);

    pid = (ngx_pid_t) slot->fetching;

    open = !slot->was_forced
           || ngx_http_soma_jwks_due(now, slot->forced
                                          + NGX_HTTP_SOMA_JWKS_FORCE_MIN);

    if (pid && !ngx_http_soma_jwks_due(now, slot->lease)
        && (pid == ngx_pid || kill(pid, 0) == 0 || ngx_errno != NGX_ESRCH))
    {
        if (!known || open || slot->forced_round == slot->rounds) {
            rc = NGX_BUSY;
        }

    } else if (forced && open) {
        slot->was_forced = 1;
        slot->forced = now;
        slot->forced_round = slot->rounds;
        rc = NGX_OK;

    } else if (!forced && ngx_http_soma_jwks_due(now, slot->next)) {
        rc = NGX_OK;
    }

    if (rc == NGX_OK) {
        slot->fetching = (ngx_atomic_uint_t) ngx_pid;
        slot->lease = now + NGX_HTTP_SOMA_JWKS_LEASE;
    }

    ngx_shmtx_unlock(&smcf->shpool->mutex);

    return rc;
}


const char *
ngx_http_soma_jwks_slot_keep(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_jwt_t *jwt, ngx_str_t *text, ngx_uint_t keys)
{
    ngx_uint_t                  same, failures;
    ngx_slab_pool_t            *shpool;
    ngx_http_soma_jwks_slot_t  *slot;

    slot = jwt->slot;
    shpool = smcf->shpool;

    ngx_shmtx_lock(&shpool->mutex);

    same = slot->text != NULL && slot->len == text->len
           && ngx_memcmp(slot->text, text->data, text->len) == 0;

    if (!same && ngx_http_soma_jwks_slot_text(slot, shpool, text) != NGX_OK) {
        ngx_shmtx_unlock(&shpool->mutex);
        return "there is no room for its keys: enlarge soma_zone";
    }

    slot->keys = keys;
    failures = slot->failures;

    slot->failures = 0;
    slot->error_len = 0;
    slot->fetched = ngx_http_soma_now();
    slot->next = ngx_current_msec + jwt->refresh;
    ngx_http_soma_jwks_slot_ended(slot);

    ngx_shmtx_unlock(&shpool->mutex);

    if (failures || !same) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "soma_jwt \"%V\": %ui keys fetched", &jwt->name,
                      keys);
    }

    return NULL;
}


static ngx_int_t
ngx_http_soma_jwks_slot_text(ngx_http_soma_jwks_slot_t *slot,
    ngx_slab_pool_t *shpool, ngx_str_t *text)
{
    u_char  *p;

    p = ngx_slab_alloc_locked(shpool, text->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, text->data, text->len);

    if (slot->text) {
        ngx_slab_free_locked(shpool, slot->text);
    }

    slot->text = p;
    slot->len = text->len;
    slot->version++;

    return NGX_OK;
}


/* a slow issuer is left in peace from when it answered, not was asked */
static void
ngx_http_soma_jwks_slot_ended(ngx_http_soma_jwks_slot_t *slot)
{
    if (slot->was_forced && slot->forced_round == slot->rounds) {
        slot->forced = ngx_current_msec;
    }

    slot->fetching = 0;
    slot->rounds++;
}


void
ngx_http_soma_jwks_slot_failed(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_jwt_t *jwt, const char *error)
{
    ngx_msec_t                  retry;
    ngx_uint_t                  i, failures;
    ngx_http_soma_jwks_slot_t  *slot;

    slot = jwt->slot;

    ngx_shmtx_lock(&smcf->shpool->mutex);

    failures = slot->failures++;
    retry = NGX_HTTP_SOMA_JWKS_RETRY_MIN;

    for (i = 0; i < failures && retry < NGX_HTTP_SOMA_JWKS_RETRY_MAX; i++) {
        retry *= 2;
    }

    retry = ngx_min(retry, NGX_HTTP_SOMA_JWKS_RETRY_MAX);

    slot->error_len = ngx_min(ngx_strlen(error), NGX_HTTP_SOMA_JWKS_ERROR);
    ngx_memcpy(slot->error, error, slot->error_len);

    slot->next = ngx_current_msec + ngx_min(retry, jwt->refresh);
    ngx_http_soma_jwks_slot_ended(slot);

    ngx_shmtx_unlock(&smcf->shpool->mutex);

    /* once, until it is well again */

    if (failures == 0) {
        ngx_http_soma_log(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "soma_jwt \"%V\": its keys cannot be fetched, %s: %s",
                          &jwt->name, slot->version ? "the last ones stay"
                                                       : "there are none yet",
                          error);
    }
}
