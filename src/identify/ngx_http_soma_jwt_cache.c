
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


static struct {
    ngx_rbtree_t            rbtree;
    ngx_rbtree_node_t       sentinel;
    ngx_queue_t             queue;
    ngx_uint_t              count;
    size_t                  bytes;
} ngx_http_soma_jwt_cache;


static ngx_rbtree_key_t ngx_http_soma_jwt_cache_key(const u_char *hash);
static void ngx_http_soma_jwt_cache_insert(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel);
static ngx_http_soma_jwt_entry_t *ngx_http_soma_jwt_cache_find(
    const u_char *hash);
static void ngx_http_soma_jwt_cache_remove(ngx_http_soma_jwt_entry_t *e);


void
ngx_http_soma_jwt_cache_init(void)
{
    ngx_memzero(&ngx_http_soma_jwt_cache, sizeof(ngx_http_soma_jwt_cache));

    ngx_rbtree_init(&ngx_http_soma_jwt_cache.rbtree,
                    &ngx_http_soma_jwt_cache.sentinel,
                    ngx_http_soma_jwt_cache_insert);
    ngx_queue_init(&ngx_http_soma_jwt_cache.queue);
}


void
ngx_http_soma_jwt_cache_exit(void)
{
    ngx_queue_t  *q;

    while (!ngx_queue_empty(&ngx_http_soma_jwt_cache.queue)) {
        q = ngx_queue_head(&ngx_http_soma_jwt_cache.queue);

        ngx_http_soma_jwt_cache_remove(
                        ngx_queue_data(q, ngx_http_soma_jwt_entry_t, queue));
    }
}


ngx_int_t
ngx_http_soma_jwt_cache_get(const u_char *hash, int64_t now,
    ngx_pool_t *pool, soma_identity_t *identity)
{
    u_char                     *p;
    ngx_http_soma_jwt_entry_t  *e;

    e = ngx_http_soma_jwt_cache_find(hash);

    if (e == NULL) {
        return NGX_DECLINED;
    }

    if (e->expires <= now
        || (e->jwt->slot && e->jwt->slot->version != e->version))
    {
        ngx_http_soma_jwt_cache_remove(e);
        return NGX_DECLINED;
    }

    p = ngx_pnalloc(pool, e->len);
    if (p == NULL) {
        return NGX_DECLINED;
    }

    ngx_memcpy(p, e->data, e->len);

    ngx_queue_remove(&e->queue);
    ngx_queue_insert_head(&ngx_http_soma_jwt_cache.queue, &e->queue);

    return soma_identity_unpack(identity, p, e->len) == SOMA_OK
           ? NGX_OK : NGX_DECLINED;
}


void
ngx_http_soma_jwt_cache_put(ngx_http_soma_jwt_t *jwt, ngx_uint_t version,
    const u_char *hash, int64_t now, int64_t expires, const u_char *packed,
    size_t len)
{
    size_t                      size;
    ngx_queue_t                *q;
    ngx_http_soma_jwt_entry_t  *e;

    size = offsetof(ngx_http_soma_jwt_entry_t, data) + len;

    e = ngx_http_soma_jwt_cache_find(hash);

    if (e) {
        ngx_http_soma_jwt_cache_remove(e);
    }

    while (ngx_http_soma_jwt_cache.count >= NGX_HTTP_SOMA_JWT_CACHE_MAX
           || ngx_http_soma_jwt_cache.bytes + size
              > NGX_HTTP_SOMA_JWT_CACHE_BYTES)
    {
        q = ngx_queue_last(&ngx_http_soma_jwt_cache.queue);

        ngx_http_soma_jwt_cache_remove(
                        ngx_queue_data(q, ngx_http_soma_jwt_entry_t, queue));
    }

    e = ngx_alloc(size, ngx_cycle->log);
    if (e == NULL) {
        return;
    }

    ngx_memcpy(e->hash, hash, SOMA_KEY_HASH);
    ngx_memcpy(e->data, packed, len);

    e->node.key = ngx_http_soma_jwt_cache_key(hash);
    e->jwt = jwt;
    e->version = version;
    e->expires = ngx_min(expires, now + NGX_HTTP_SOMA_JWT_CACHE_TIME);
    e->len = len;

    ngx_rbtree_insert(&ngx_http_soma_jwt_cache.rbtree, &e->node);
    ngx_queue_insert_head(&ngx_http_soma_jwt_cache.queue, &e->queue);

    ngx_http_soma_jwt_cache.count++;
    ngx_http_soma_jwt_cache.bytes += size;
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
ngx_http_soma_jwt_cache_find(const u_char *hash)
{
    ngx_int_t                   rc;
    ngx_rbtree_key_t            key;
    ngx_rbtree_node_t          *node, *sentinel;
    ngx_http_soma_jwt_entry_t  *e;

    key = ngx_http_soma_jwt_cache_key(hash);
    node = ngx_http_soma_jwt_cache.rbtree.root;
    sentinel = ngx_http_soma_jwt_cache.rbtree.sentinel;

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
ngx_http_soma_jwt_cache_remove(ngx_http_soma_jwt_entry_t *e)
{
    ngx_rbtree_delete(&ngx_http_soma_jwt_cache.rbtree, &e->node);
    ngx_queue_remove(&e->queue);

    ngx_http_soma_jwt_cache.count--;
    ngx_http_soma_jwt_cache.bytes -= offsetof(ngx_http_soma_jwt_entry_t, data)
                                     + e->len;

    ngx_free(e);
}
