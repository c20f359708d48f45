
/*
 * Copyright (C) The ngx_soma authors
 *
 * The cache in the shared zone: a red-black tree by name and a queue by use.
 *
 * The race it must not lose: a worker asks Redis, the value changes, the
 * change is heard on the listener's connection, and only then the old value
 * arrives on the other one and would be put.  So a value that is put soon
 * after a change of its kind is good for a moment only.
 */


#include "ngx_http_soma_cache.h"
#include "ngx_http_soma_redis_link.h"


#define NGX_HTTP_SOMA_CACHE_EVICT  64   /* at most, for one put */

/* the part of the zone: keys that nobody knows, however many are tried,
 * leave the rest to quotas and metrics */
#define NGX_HTTP_SOMA_CACHE_PART   4


typedef struct {
    ngx_rbtree_node_t        node;
    ngx_queue_t              queue;     /* most recently used first */
    int64_t                  put;       /* ms UTC */
    int64_t                  expires;
    ngx_uint_t               epoch;
    uint32_t                 size;      /* in the slab */
    uint16_t                 data_len;
    uint8_t                  name_len;
    uint8_t                  kind:2;
    uint8_t                  brief:1;
    u_char                   data[1];   /* name, data */
} ngx_http_soma_cache_node_t;


typedef struct {
    ngx_rbtree_t             rbtree;
    ngx_rbtree_node_t        sentinel;
    ngx_queue_t              queue;
    ngx_uint_t               count;
    size_t                   bytes;
    ngx_uint_t               epoch[NGX_HTTP_SOMA_CACHE_KINDS];
    ngx_atomic_t             changes[NGX_HTTP_SOMA_CACHE_KINDS];
    int64_t                  changed[NGX_HTTP_SOMA_CACHE_KINDS];
} ngx_http_soma_cache_t;


static ngx_http_soma_cache_t *ngx_http_soma_cache(
    ngx_http_soma_main_conf_t *smcf);
static uint32_t ngx_http_soma_cache_hash(ngx_uint_t kind, soma_str_t name);
static ngx_int_t ngx_http_soma_cache_cmp(ngx_http_soma_cache_node_t *cn,
    ngx_uint_t kind, soma_str_t name);
static void ngx_http_soma_cache_insert(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel);
static ngx_http_soma_cache_node_t *ngx_http_soma_cache_find(
    ngx_http_soma_cache_t *cache, ngx_uint_t kind, soma_str_t name);
static void ngx_http_soma_cache_remove(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_cache_node_t *cn);
static ngx_int_t ngx_http_soma_cache_evict(ngx_http_soma_main_conf_t *smcf);
static ngx_http_soma_cache_node_t *ngx_http_soma_cache_alloc(
    ngx_http_soma_main_conf_t *smcf, size_t size);


ngx_int_t
ngx_http_soma_cache_init_zone(ngx_http_soma_main_conf_t *smcf, ngx_log_t *log)
{
    ngx_http_soma_cache_t  *cache;

    if (smcf->zone->cache) {
        return NGX_OK;
    }

    cache = ngx_slab_calloc(smcf->shpool, sizeof(ngx_http_soma_cache_t));
    if (cache == NULL) {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "soma_zone is too small for its cache of keys");
        return NGX_ERROR;
    }

    ngx_rbtree_init(&cache->rbtree, &cache->sentinel,
                    ngx_http_soma_cache_insert);
    ngx_queue_init(&cache->queue);

    smcf->zone->cache = cache;

    return NGX_OK;
}


static ngx_http_soma_cache_t *
ngx_http_soma_cache(ngx_http_soma_main_conf_t *smcf)
{
    return smcf->zone->cache;
}


ngx_int_t
ngx_http_soma_cache_get(ngx_http_soma_main_conf_t *smcf, ngx_uint_t kind,
    soma_str_t name, int64_t now, int64_t fresh, u_char *buf, size_t *len,
    int64_t *expires)
{
    int64_t                      age;
    ngx_int_t                    rc;
    ngx_http_soma_cache_t       *cache;
    ngx_http_soma_cache_node_t  *cn;

    cache = ngx_http_soma_cache(smcf);

    rc = NGX_DECLINED;

    ngx_shmtx_lock(&smcf->shpool->mutex);

    cn = ngx_http_soma_cache_find(cache, kind, name);

    if (cn == NULL
        || cn->data_len > *len
        || (cn->expires != 0 && cn->expires <= now))
    {
        goto done;
    }

    if (fresh != NGX_HTTP_SOMA_CACHE_ANY) {

        if (cn->epoch != cache->epoch[kind]) {
            goto done;
        }

        /* the clock may have been set back */
        age = now > cn->put ? now - cn->put : cn->put - now;

        if (age > fresh || (cn->brief && age > NGX_HTTP_SOMA_CACHE_BRIEF)) {
            goto done;
        }
    }

    *len = cn->data_len;
    *expires = cn->expires;
    ngx_memcpy(buf, cn->data + cn->name_len, cn->data_len);

    ngx_queue_remove(&cn->queue);
    ngx_queue_insert_head(&cache->queue, &cn->queue);

    rc = NGX_OK;

done:

    ngx_shmtx_unlock(&smcf->shpool->mutex);

    return rc;
}


ngx_int_t
ngx_http_soma_cache_put(ngx_http_soma_main_conf_t *smcf, ngx_uint_t kind,
    soma_str_t name, soma_str_t data, int64_t now, int64_t expires)
{
    ngx_http_soma_cache_t       *cache;
    ngx_http_soma_cache_node_t  *cn;

    cache = ngx_http_soma_cache(smcf);

    if (name.len > NGX_HTTP_SOMA_CACHE_NAME
        || data.len > NGX_HTTP_SOMA_CACHE_DATA)
    {
        return NGX_DECLINED;
    }

    ngx_shmtx_lock(&smcf->shpool->mutex);

    cn = ngx_http_soma_cache_find(cache, kind, name);

    if (cn && cn->data_len != data.len) {
        ngx_http_soma_cache_remove(smcf, cn);
        cn = NULL;
    }

    if (cn == NULL) {
        cn = ngx_http_soma_cache_alloc(smcf,
                            offsetof(ngx_http_soma_cache_node_t, data)
                            + name.len + data.len);
        if (cn == NULL) {
            ngx_shmtx_unlock(&smcf->shpool->mutex);
            return NGX_DECLINED;
        }

        cn->node.key = ngx_http_soma_cache_hash(kind, name);
        cn->kind = kind;
        cn->name_len = (uint8_t) name.len;
        cn->data_len = (uint16_t) data.len;
        ngx_memcpy(cn->data, name.data, name.len);

        ngx_rbtree_insert(&cache->rbtree, &cn->node);
        ngx_queue_insert_head(&cache->queue, &cn->queue);
        cache->count++;
    }

    if (data.len) {
        ngx_memcpy(cn->data + name.len, data.data, data.len);
    }

    cn->put = now;
    cn->expires = expires;
    cn->epoch = cache->epoch[kind];
    cn->brief = !ngx_http_soma_redis_listen_on()
                || now - cache->changed[kind] < NGX_HTTP_SOMA_CACHE_SETTLE;

    ngx_shmtx_unlock(&smcf->shpool->mutex);

    return NGX_OK;
}


void
ngx_http_soma_cache_drop(ngx_http_soma_main_conf_t *smcf, ngx_uint_t kind,
    soma_str_t name)
{
    ngx_http_soma_cache_t       *cache;
    ngx_http_soma_cache_node_t  *cn;

    cache = ngx_http_soma_cache(smcf);

    ngx_shmtx_lock(&smcf->shpool->mutex);

    cache->changed[kind] = ngx_http_soma_now();
    cache->changes[kind]++;

    cn = ngx_http_soma_cache_find(cache, kind, name);

    if (cn) {
        ngx_http_soma_cache_remove(smcf, cn);
    }

    ngx_shmtx_unlock(&smcf->shpool->mutex);
}


void
ngx_http_soma_cache_stale(ngx_http_soma_main_conf_t *smcf, ngx_uint_t kind)
{
    ngx_http_soma_cache_t  *cache;

    cache = ngx_http_soma_cache(smcf);

    ngx_shmtx_lock(&smcf->shpool->mutex);

    cache->changed[kind] = ngx_http_soma_now();
    cache->changes[kind]++;
    cache->epoch[kind]++;

    ngx_shmtx_unlock(&smcf->shpool->mutex);
}


ngx_uint_t
ngx_http_soma_cache_changes(ngx_http_soma_main_conf_t *smcf, ngx_uint_t kind)
{
    return ngx_http_soma_cache(smcf)->changes[kind];
}


static uint32_t
ngx_http_soma_cache_hash(ngx_uint_t kind, soma_str_t name)
{
    return ngx_murmur_hash2(name.data, name.len) ^ (uint32_t) kind;
}


static ngx_int_t
ngx_http_soma_cache_cmp(ngx_http_soma_cache_node_t *cn, ngx_uint_t kind,
    soma_str_t name)
{
    if (cn->kind != kind) {
        return kind < cn->kind ? -1 : 1;
    }

    return ngx_memn2cmp(name.data, cn->data, name.len, cn->name_len);
}


static void
ngx_http_soma_cache_insert(ngx_rbtree_node_t *temp, ngx_rbtree_node_t *node,
    ngx_rbtree_node_t *sentinel)
{
    ngx_int_t                    rc;
    soma_str_t                   name;
    ngx_rbtree_node_t          **p;
    ngx_http_soma_cache_node_t  *cn;

    cn = (ngx_http_soma_cache_node_t *) node;
    name.data = cn->data;
    name.len = cn->name_len;

    for ( ;; ) {

        if (node->key < temp->key) {
            p = &temp->left;

        } else if (node->key > temp->key) {
            p = &temp->right;

        } else {
            rc = ngx_http_soma_cache_cmp((ngx_http_soma_cache_node_t *) temp,
                                         cn->kind, name);
            p = (rc < 0) ? &temp->left : &temp->right;
        }

        if (*p == sentinel) {
            break;
        }

        temp = *p;
    }

    *p = node;
    node->parent = temp;
    node->left = sentinel;
    node->right = sentinel;
    ngx_rbt_red(node);
}


static ngx_http_soma_cache_node_t *
ngx_http_soma_cache_find(ngx_http_soma_cache_t *cache, ngx_uint_t kind,
    soma_str_t name)
{
    uint32_t            hash;
    ngx_int_t           rc;
    ngx_rbtree_node_t  *node, *sentinel;

    hash = ngx_http_soma_cache_hash(kind, name);

    node = cache->rbtree.root;
    sentinel = cache->rbtree.sentinel;

    while (node != sentinel) {

        if (hash != node->key) {
            node = (hash < node->key) ? node->left : node->right;
            continue;
        }

        rc = ngx_http_soma_cache_cmp((ngx_http_soma_cache_node_t *) node,
                                     kind, name);
        if (rc == 0) {
            return (ngx_http_soma_cache_node_t *) node;
        }

        node = (rc < 0) ? node->left : node->right;
    }

    return NULL;
}


static void
ngx_http_soma_cache_remove(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_cache_node_t *cn)
{
    ngx_http_soma_cache_t  *cache;

    cache = ngx_http_soma_cache(smcf);

    ngx_rbtree_delete(&cache->rbtree, &cn->node);
    ngx_queue_remove(&cn->queue);
    cache->count--;
    cache->bytes -= cn->size;

    ngx_slab_free_locked(smcf->shpool, cn);
}


static ngx_int_t
ngx_http_soma_cache_evict(ngx_http_soma_main_conf_t *smcf)
{
    ngx_queue_t            *q;
    ngx_http_soma_cache_t  *cache;

    cache = ngx_http_soma_cache(smcf);

    if (ngx_queue_empty(&cache->queue)) {
        return NGX_DECLINED;
    }

    q = ngx_queue_last(&cache->queue);

    ngx_http_soma_cache_remove(smcf,
                    ngx_queue_data(q, ngx_http_soma_cache_node_t, queue));

    return NGX_OK;
}


static ngx_http_soma_cache_node_t *
ngx_http_soma_cache_alloc(ngx_http_soma_main_conf_t *smcf, size_t size)
{
    size_t                       room, max;
    ngx_uint_t                   i;
    ngx_http_soma_cache_t       *cache;
    ngx_http_soma_cache_node_t  *cn;

    cache = ngx_http_soma_cache(smcf);
    max = (size_t) (smcf->shpool->end - smcf->shpool->start)
          / NGX_HTTP_SOMA_CACHE_PART;

    /* the slab rounds up to powers of two, and to pages above half a page */

    for (room = 64; room < size && room < ngx_pagesize / 2; room <<= 1) {
        /* void */
    }

    if (room < size) {
        room = ngx_align(size, ngx_pagesize);
    }

    for (i = 0; i <= NGX_HTTP_SOMA_CACHE_EVICT; i++) {

        if (cache->count < NGX_HTTP_SOMA_CACHE_MAX
            && cache->bytes + room <= max)
        {
            cn = ngx_slab_alloc_locked(smcf->shpool, size);

            if (cn) {
                cn->size = (uint32_t) room;
                cache->bytes += room;
                return cn;
            }
        }

        if (ngx_http_soma_cache_evict(smcf) != NGX_OK) {
            break;
        }
    }

    return NULL;
}
