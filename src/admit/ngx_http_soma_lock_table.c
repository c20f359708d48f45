
/*
 * Copyright (C) The ngx_soma authors
 */


#include "ngx_http_soma_lock_table.h"
#include "ngx_http_soma_quota_zone.h"


/* clocks of Redis and ours may disagree by so much about an expiry */
#define NGX_HTTP_SOMA_LOCK_SLACK  2000  /* ms */


typedef struct ngx_http_soma_lock_entry_s  ngx_http_soma_lock_entry_t;

struct ngx_http_soma_lock_entry_s {
    ngx_http_soma_lock_entry_t  *next;
    int64_t                      expires;
    int64_t                      changed;
    int64_t                      taken;     /* ms UTC, by a worker */
    ngx_http_soma_lock_e         state;
    uint16_t                     tenant_len;
    uint16_t                     json_len;
    u_char                       data[1];   /* tenant, json */
};


typedef struct {
    ngx_uint_t                   count;
    ngx_http_soma_lock_entry_t  *chain[NGX_HTTP_SOMA_LOCK_CHAINS];
} ngx_http_soma_lock_table_t;


static ngx_http_soma_lock_table_t *ngx_http_soma_lock_table(
    ngx_http_soma_main_conf_t *smcf);
static ngx_http_soma_lock_entry_t **ngx_http_soma_lock_find_locked(
    ngx_http_soma_lock_table_t *table, soma_str_t tenant);
static ngx_int_t ngx_http_soma_lock_set_locked(
    ngx_http_soma_main_conf_t *smcf, soma_str_t tenant, soma_str_t json,
    ngx_http_soma_lock_e state, int64_t expires, int64_t changed);
static void ngx_http_soma_lock_drop_locked(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_lock_entry_t **p);
static void ngx_http_soma_lock_copy(ngx_http_soma_lock_copy_t *copy,
    ngx_http_soma_lock_entry_t *entry);


ngx_int_t
ngx_http_soma_lock_table_init_zone(ngx_http_soma_main_conf_t *smcf,
    ngx_log_t *log)
{
    if (smcf->zone->locks == NULL) {
        smcf->zone->locks = ngx_slab_calloc(smcf->shpool,
                                         sizeof(ngx_http_soma_lock_table_t));
    }

    if (smcf->zone->locks == NULL) {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "soma_zone is too small: no room for its locks in %uz "
                      "bytes", smcf->shm_zone->shm.size);
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_uint_t
ngx_http_soma_lock_table_count(ngx_http_soma_main_conf_t *smcf)
{
    return ngx_http_soma_lock_table(smcf)->count;
}


ngx_int_t
ngx_http_soma_lock_table_get(ngx_http_soma_main_conf_t *smcf,
    soma_str_t tenant, ngx_http_soma_lock_copy_t *copy)
{
    ngx_int_t                     rc;
    ngx_http_soma_lock_entry_t  **p;

    rc = NGX_DECLINED;

    ngx_shmtx_lock(&smcf->shpool->mutex);

    p = ngx_http_soma_lock_find_locked(ngx_http_soma_lock_table(smcf), tenant);

    if (*p != NULL) {
        ngx_http_soma_lock_copy(copy, *p);
        rc = NGX_OK;
    }

    ngx_shmtx_unlock(&smcf->shpool->mutex);

    return rc;
}


ngx_int_t
ngx_http_soma_lock_table_put(ngx_http_soma_main_conf_t *smcf,
    soma_str_t tenant, soma_str_t json, ngx_http_soma_lock_e state,
    int64_t expires, int64_t changed)
{
    ngx_int_t  rc;

    ngx_shmtx_lock(&smcf->shpool->mutex);

    rc = ngx_http_soma_lock_set_locked(smcf, tenant, json, state, expires,
                                       changed);

    ngx_shmtx_unlock(&smcf->shpool->mutex);

    return rc;
}


ngx_int_t
ngx_http_soma_lock_table_add(ngx_http_soma_main_conf_t *smcf,
    soma_str_t tenant, soma_str_t json, ngx_http_soma_lock_e state,
    int64_t expires, int64_t changed, ngx_http_soma_lock_copy_t *copy)
{
    ngx_int_t                     rc;
    ngx_http_soma_lock_entry_t  **p;

    ngx_shmtx_lock(&smcf->shpool->mutex);

    p = ngx_http_soma_lock_find_locked(ngx_http_soma_lock_table(smcf), tenant);

    if (*p != NULL
        && (*p)->state != NGX_HTTP_SOMA_LOCK_GONE
        && ((*p)->expires == 0 || (*p)->expires > changed))
    {
        ngx_http_soma_lock_copy(copy, *p);
        rc = NGX_DECLINED;

    } else {
        rc = ngx_http_soma_lock_set_locked(smcf, tenant, json, state, expires,
                                           changed);
    }

    ngx_shmtx_unlock(&smcf->shpool->mutex);

    return rc;
}


void
ngx_http_soma_lock_table_learn(ngx_http_soma_main_conf_t *smcf,
    soma_str_t tenant, soma_str_t json, int64_t expires, int64_t now)
{
    ngx_http_soma_lock_table_t   *table;
    ngx_http_soma_lock_entry_t  **p;

    table = ngx_http_soma_lock_table(smcf);

    if (json.data == NULL && table->count == 0) {
        return;
    }

    ngx_shmtx_lock(&smcf->shpool->mutex);

    p = ngx_http_soma_lock_find_locked(table, tenant);

    if (*p != NULL && (*p)->state != NGX_HTTP_SOMA_LOCK_KNOWN) {

        /* what was decided here is still on its way */

    } else if (json.data != NULL) {

        /* no room: the cache has it as well, only its end goes unnoticed */

        (void) ngx_http_soma_lock_set_locked(smcf, tenant, json,
                                             NGX_HTTP_SOMA_LOCK_KNOWN,
                                             expires, 0);

    } else if (*p != NULL
               && ((*p)->expires == 0
                   || (*p)->expires > now + NGX_HTTP_SOMA_LOCK_SLACK))
    {
        /* ended before its time: somebody else told of that */

        ngx_http_soma_lock_drop_locked(smcf, p);
    }

    ngx_shmtx_unlock(&smcf->shpool->mutex);
}


ngx_int_t
ngx_http_soma_lock_table_remove(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_lock_copy_t *copy)
{
    ngx_int_t                     rc;
    ngx_http_soma_lock_entry_t  **p;

    rc = NGX_DECLINED;

    ngx_shmtx_lock(&smcf->shpool->mutex);

    p = ngx_http_soma_lock_find_locked(ngx_http_soma_lock_table(smcf),
                                       copy->tenant);

    if (*p != NULL
        && (*p)->state == copy->state
        && (*p)->changed == copy->changed
        && (*p)->json_len == copy->json.len
        && ngx_memcmp((*p)->data + (*p)->tenant_len, copy->json.data,
                      copy->json.len) == 0)
    {
        ngx_http_soma_lock_drop_locked(smcf, p);
        rc = NGX_OK;
    }

    ngx_shmtx_unlock(&smcf->shpool->mutex);

    return rc;
}


ngx_int_t
ngx_http_soma_lock_table_due(ngx_http_soma_main_conf_t *smcf, int64_t now,
    ngx_http_soma_lock_copy_t *copy)
{
    ngx_uint_t                   i;
    ngx_http_soma_lock_entry_t  *entry;
    ngx_http_soma_lock_table_t  *table;

    table = ngx_http_soma_lock_table(smcf);

    ngx_shmtx_lock(&smcf->shpool->mutex);

    for (i = 0; i < NGX_HTTP_SOMA_LOCK_CHAINS; i++) {

        for (entry = table->chain[i]; entry != NULL; entry = entry->next) {

            if (entry->state == NGX_HTTP_SOMA_LOCK_KNOWN
                && (entry->expires == 0 || entry->expires > now))
            {
                continue;
            }

            if (now - entry->taken < NGX_HTTP_SOMA_LOCK_LEASE
                && now >= entry->taken)
            {
                continue;
            }

            entry->taken = now;
            ngx_http_soma_lock_copy(copy, entry);

            ngx_shmtx_unlock(&smcf->shpool->mutex);

            return NGX_OK;
        }
    }

    ngx_shmtx_unlock(&smcf->shpool->mutex);

    return NGX_DECLINED;
}


void
ngx_http_soma_lock_table_wake(ngx_http_soma_main_conf_t *smcf)
{
    ngx_uint_t                   i;
    ngx_http_soma_lock_entry_t  *entry;
    ngx_http_soma_lock_table_t  *table;

    table = ngx_http_soma_lock_table(smcf);

    if (table->count == 0) {
        return;
    }

    ngx_shmtx_lock(&smcf->shpool->mutex);

    for (i = 0; i < NGX_HTTP_SOMA_LOCK_CHAINS; i++) {
        for (entry = table->chain[i]; entry != NULL; entry = entry->next) {
            entry->taken = 0;
        }
    }

    ngx_shmtx_unlock(&smcf->shpool->mutex);
}


static ngx_http_soma_lock_table_t *
ngx_http_soma_lock_table(ngx_http_soma_main_conf_t *smcf)
{
    return smcf->zone->locks;
}


static ngx_http_soma_lock_entry_t **
ngx_http_soma_lock_find_locked(ngx_http_soma_lock_table_t *table,
    soma_str_t tenant)
{
    uint32_t                      hash;
    ngx_http_soma_lock_entry_t  **p;

    hash = ngx_murmur_hash2(tenant.data, tenant.len);

    for (p = &table->chain[hash % NGX_HTTP_SOMA_LOCK_CHAINS];
         *p != NULL;
         p = &(*p)->next)
    {
        if ((*p)->tenant_len == tenant.len
            && ngx_memcmp((*p)->data, tenant.data, tenant.len) == 0)
        {
            break;
        }
    }

    return p;
}


static ngx_int_t
ngx_http_soma_lock_set_locked(ngx_http_soma_main_conf_t *smcf,
    soma_str_t tenant, soma_str_t json, ngx_http_soma_lock_e state,
    int64_t expires, int64_t changed)
{
    ngx_http_soma_lock_entry_t   *entry, **p;
    ngx_http_soma_lock_table_t   *table;

    table = ngx_http_soma_lock_table(smcf);

    if (tenant.len > SOMA_TENANT_MAX) {
        return NGX_ERROR;
    }

    if (json.len > SOMA_LOCK_JSON_MAX) {
        /* somebody else's value; that it locks is all there is to it */
        json.len = 0;
    }

    p = ngx_http_soma_lock_find_locked(table, tenant);

    if (*p == NULL && table->count >= NGX_HTTP_SOMA_LOCKS_MAX) {
        return NGX_ERROR;
    }

    entry = ngx_slab_alloc_locked(smcf->shpool,
                                  offsetof(ngx_http_soma_lock_entry_t, data)
                                  + tenant.len + json.len);
    if (entry == NULL) {
        return NGX_ERROR;
    }

    entry->expires = expires;
    entry->changed = changed;
    entry->taken = 0;
    entry->state = state;
    entry->tenant_len = tenant.len;
    entry->json_len = json.len;

    ngx_memcpy(entry->data, tenant.data, tenant.len);

    if (json.len != 0) {
        ngx_memcpy(entry->data + tenant.len, json.data, json.len);
    }

    if (*p != NULL) {
        ngx_http_soma_lock_drop_locked(smcf, p);
    }

    entry->next = *p;
    *p = entry;
    table->count++;

    return NGX_OK;
}


static void
ngx_http_soma_lock_drop_locked(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_lock_entry_t **p)
{
    ngx_http_soma_lock_entry_t  *entry;

    entry = *p;
    *p = entry->next;

    ngx_http_soma_lock_table(smcf)->count--;

    ngx_slab_free_locked(smcf->shpool, entry);
}


static void
ngx_http_soma_lock_copy(ngx_http_soma_lock_copy_t *copy,
    ngx_http_soma_lock_entry_t *entry)
{
    copy->state = entry->state;
    copy->expires = entry->expires;
    copy->changed = entry->changed;

    ngx_memcpy(copy->buf, entry->data, entry->tenant_len + entry->json_len);

    copy->tenant.data = copy->buf;
    copy->tenant.len = entry->tenant_len;
    copy->json.data = copy->buf + entry->tenant_len;
    copy->json.len = entry->json_len;
}


void
ngx_http_soma_lock_table_walk(ngx_http_soma_main_conf_t *smcf,
    void (*each)(void *data, ngx_http_soma_lock_copy_t *copy), void *data)
{
    ngx_uint_t                   i;
    ngx_http_soma_lock_copy_t    copy;
    ngx_http_soma_lock_table_t  *table;
    ngx_http_soma_lock_entry_t  *entry;

    table = ngx_http_soma_lock_table(smcf);

    ngx_shmtx_lock(&smcf->shpool->mutex);

    for (i = 0; i < NGX_HTTP_SOMA_LOCK_CHAINS; i++) {
        for (entry = table->chain[i]; entry; entry = entry->next) {
            ngx_http_soma_lock_copy(&copy, entry);
            each(data, &copy);
        }
    }

    ngx_shmtx_unlock(&smcf->shpool->mutex);
}
