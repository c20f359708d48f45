
/*
 * Copyright (C) The ngx_soma authors
 *
 * A token that comes again costs a hash, not a signature: what it stood for
 * is remembered by its SHA-256, in each worker, least recently used out
 * first.
 */


#include "ngx_http_soma_jwt.h"


typedef struct {
    ngx_rbtree_node_t       node;       /* by the first bytes of the hash */
    ngx_queue_t             queue;      /* most recently used first */
    u_char                  hash[SOMA_KEY_HASH];
    ngx_http_soma_jwt_t    *jwt;
    ngx_uint_t              version;    /* of the keys it was checked with */
    int64_t                 expires;
    size_t                  len;
    u_char                  data[1];
} ngx_http_soma_jwt_entry_t;


typedef struct {
    ngx_rbtree_t            rbtree;
    ngx_rbtree_node_t       sentinel;
    ngx_queue_t             queue;
    ngx_uint_t              count;
    size_t                  bytes;
    ngx_uint_t              count_max;
    size_t                  bytes_max;
} ngx_http_soma_jwt_cache_t;


static ngx_rbtree_key_t ngx_http_soma_jwt_cache_key(const u_char *hash);
static void ngx_http_soma_jwt_cache_insert(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel);
static ngx_http_soma_jwt_entry_t *ngx_http_soma_jwt_cache_find(
    ngx_http_soma_jwt_cache_t *cache, const u_char *hash);
static ngx_http_soma_jwt_entry_t *ngx_http_soma_jwt_cache_fresh(
    ngx_http_soma_jwt_cache_t *cache, const u_char *hash, int64_t now);
static void ngx_http_soma_jwt_cache_add(ngx_http_soma_jwt_cache_t *cache,
    const ngx_http_soma_jwt_entry_t *entry, const u_char *data);
static void ngx_http_soma_jwt_cache_remove(ngx_http_soma_jwt_cache_t *cache,
    ngx_http_soma_jwt_entry_t *e);
static void ngx_http_soma_jwt_cache_empty(ngx_http_soma_jwt_cache_t *cache);


/* apart, so that whoever invents tokens drives out nobody who has one */

static ngx_http_soma_jwt_cache_t  ngx_http_soma_jwt_known;
static ngx_http_soma_jwt_cache_t  ngx_http_soma_jwt_refusals;


void
ngx_http_soma_jwt_cache_init(void)
{
    ngx_uint_t                  i;
    ngx_http_soma_jwt_cache_t  *cache[] = { &ngx_http_soma_jwt_known,
                                            &ngx_http_soma_jwt_refusals };

    for (i = 0; i < 2; i++) {
        ngx_memzero(cache[i], sizeof(ngx_http_soma_jwt_cache_t));
        ngx_rbtree_init(&cache[i]->rbtree, &cache[i]->sentinel,
                        ngx_http_soma_jwt_cache_insert);
        ngx_queue_init(&cache[i]->queue);
    }

    ngx_http_soma_jwt_known.count_max = NGX_HTTP_SOMA_JWT_CACHE_MAX;
    ngx_http_soma_jwt_known.bytes_max = NGX_HTTP_SOMA_JWT_CACHE_BYTES;

    ngx_http_soma_jwt_refusals.count_max = NGX_HTTP_SOMA_JWT_REFUSED_MAX;
    ngx_http_soma_jwt_refusals.bytes_max = NGX_HTTP_SOMA_JWT_REFUSED_BYTES;
}


void
ngx_http_soma_jwt_cache_exit(void)
{
    ngx_http_soma_jwt_cache_empty(&ngx_http_soma_jwt_known);
    ngx_http_soma_jwt_cache_empty(&ngx_http_soma_jwt_refusals);
}


ngx_int_t
ngx_http_soma_jwt_cache_get(const u_char *hash, int64_t now,
    ngx_pool_t *pool, soma_identity_t *identity)
{
    u_char                     *p;
    ngx_http_soma_jwt_entry_t  *e;

    e = ngx_http_soma_jwt_cache_fresh(&ngx_http_soma_jwt_known, hash, now);

    if (e == NULL) {
        return NGX_DECLINED;
    }

    p = ngx_pnalloc(pool, e->len);
    if (p == NULL) {
        return NGX_DECLINED;
    }

    ngx_memcpy(p, e->data, e->len);

    return soma_key_identity_unpack(identity, p, e->len) == SOMA_OK
           ? NGX_OK : NGX_DECLINED;
}


void
ngx_http_soma_jwt_cache_put(ngx_http_soma_jwt_t *jwt, ngx_uint_t version,
    const u_char *hash, int64_t now, int64_t expires, const u_char *packed,
    size_t len)
{
    ngx_http_soma_jwt_entry_t  entry;

    ngx_memcpy(entry.hash, hash, SOMA_KEY_HASH);
    entry.jwt = jwt;
    entry.version = version;
    entry.expires = ngx_min(expires, now + NGX_HTTP_SOMA_JWT_CACHE_TIME);
    entry.len = len;

    ngx_http_soma_jwt_cache_add(&ngx_http_soma_jwt_known, &entry, packed);
}


ngx_int_t
ngx_http_soma_jwt_cache_refused(const u_char *hash, int64_t now,
    soma_jwt_error_e *error)
{
    ngx_http_soma_jwt_entry_t  *e;

    e = ngx_http_soma_jwt_cache_fresh(&ngx_http_soma_jwt_refusals, hash, now);

    if (e == NULL) {
        return NGX_DECLINED;
    }

    *error = (soma_jwt_error_e) e->data[0];

    return NGX_OK;
}


void
ngx_http_soma_jwt_cache_refuse(ngx_http_soma_jwt_t *jwt, ngx_uint_t version,
    const u_char *hash, int64_t now, soma_jwt_error_e error)
{
    u_char                     data;
    ngx_http_soma_jwt_entry_t  entry;

    ngx_memcpy(entry.hash, hash, SOMA_KEY_HASH);
    entry.jwt = jwt;
    entry.version = version;
    entry.expires = now + NGX_HTTP_SOMA_JWT_REFUSED_TIME;
    entry.len = 1;
    data = (u_char) error;

    ngx_http_soma_jwt_cache_add(&ngx_http_soma_jwt_refusals, &entry, &data);
}


/* one that still holds, under the same keys; it is the most recent one then */

static ngx_http_soma_jwt_entry_t *
ngx_http_soma_jwt_cache_fresh(ngx_http_soma_jwt_cache_t *cache,
    const u_char *hash, int64_t now)
{
    ngx_http_soma_jwt_entry_t  *e;

    e = ngx_http_soma_jwt_cache_find(cache, hash);

    if (e == NULL) {
        return NULL;
    }

    if (e->expires <= now
        || (e->jwt->slot && e->jwt->slot->version != e->version))
    {
        ngx_http_soma_jwt_cache_remove(cache, e);
        return NULL;
    }

    ngx_queue_remove(&e->queue);
    ngx_queue_insert_head(&cache->queue, &e->queue);

    return e;
}


static void
ngx_http_soma_jwt_cache_add(ngx_http_soma_jwt_cache_t *cache,
    const ngx_http_soma_jwt_entry_t *entry, const u_char *data)
{
    size_t                      size;
    ngx_queue_t                *q;
    ngx_http_soma_jwt_entry_t  *e;

    size = offsetof(ngx_http_soma_jwt_entry_t, data) + entry->len;

    e = ngx_http_soma_jwt_cache_find(cache, entry->hash);

    if (e) {
        ngx_http_soma_jwt_cache_remove(cache, e);
    }

    while (cache->count >= cache->count_max
           || cache->bytes + size > cache->bytes_max)
    {
        q = ngx_queue_last(&cache->queue);

        ngx_http_soma_jwt_cache_remove(cache,
                        ngx_queue_data(q, ngx_http_soma_jwt_entry_t, queue));
    }

    e = ngx_alloc(size, ngx_cycle->log);
    if (e == NULL) {
        return;
    }

    ngx_memcpy(e->hash, entry->hash, SOMA_KEY_HASH);
    ngx_memcpy(e->data, data, entry->len);

    e->node.key = ngx_http_soma_jwt_cache_key(entry->hash);
    e->jwt = entry->jwt;
    e->version = entry->version;
    e->expires = entry->expires;
    e->len = entry->len;

    ngx_rbtree_insert(&cache->rbtree, &e->node);
    ngx_queue_insert_head(&cache->queue, &e->queue);

    cache->count++;
    cache->bytes += size;
}


static ngx_rbtree_key_t
ngx_http_soma_jwt_cache_key(const u_char *hash)
{
    ngx_rbtree_key_t  key;

    ngx_memcpy(&key, hash, sizeof(ngx_rbtree_key_t));

    return key;
}


static void
ngx_http_soma_jwt_cache_insert(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel)
{
    ngx_rbtree_node_t          **p;
    ngx_http_soma_jwt_entry_t   *e, *t;

    e = (ngx_http_soma_jwt_entry_t *) node;

    for ( ;; ) {
        t = (ngx_http_soma_jwt_entry_t *) temp;

        if (node->key != temp->key) {
            p = (node->key < temp->key) ? &temp->left : &temp->right;

        } else {
            p = (ngx_memcmp(e->hash, t->hash, SOMA_KEY_HASH) < 0)
                ? &temp->left : &temp->right;
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


static ngx_http_soma_jwt_entry_t *
ngx_http_soma_jwt_cache_find(ngx_http_soma_jwt_cache_t *cache,
    const u_char *hash)
{
    ngx_int_t                   rc;
    ngx_rbtree_key_t            key;
    ngx_rbtree_node_t          *node, *sentinel;
    ngx_http_soma_jwt_entry_t  *e;

    key = ngx_http_soma_jwt_cache_key(hash);
    node = cache->rbtree.root;
    sentinel = cache->rbtree.sentinel;

    while (node != sentinel) {

        if (key != node->key) {
            node = (key < node->key) ? node->left : node->right;
            continue;
        }

        e = (ngx_http_soma_jwt_entry_t *) node;
        rc = ngx_memcmp(hash, e->hash, SOMA_KEY_HASH);

        if (rc == 0) {
            return e;
        }

        node = (rc < 0) ? node->left : node->right;
    }

    return NULL;
}


static void
ngx_http_soma_jwt_cache_remove(ngx_http_soma_jwt_cache_t *cache,
    ngx_http_soma_jwt_entry_t *e)
{
    ngx_rbtree_delete(&cache->rbtree, &e->node);
    ngx_queue_remove(&e->queue);

    cache->count--;
    cache->bytes -= offsetof(ngx_http_soma_jwt_entry_t, data) + e->len;

    ngx_free(e);
}


static void
ngx_http_soma_jwt_cache_empty(ngx_http_soma_jwt_cache_t *cache)
{
    ngx_queue_t  *q;

    while (!ngx_queue_empty(&cache->queue)) {
        q = ngx_queue_head(&cache->queue);

        ngx_http_soma_jwt_cache_remove(cache,
                        ngx_queue_data(q, ngx_http_soma_jwt_entry_t, queue));
    }
}
