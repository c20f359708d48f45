
/*
 * Copyright (C) The ngx_soma authors
 */


#include "ngx_http_soma_lru.h"


static uint32_t ngx_http_soma_lru_hash(ngx_uint_t kind, soma_str_t name);
static ngx_int_t ngx_http_soma_lru_cmp(ngx_http_soma_lru_entry_t *e,
    ngx_uint_t kind, soma_str_t name);
static void ngx_http_soma_lru_insert(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel);
static size_t ngx_http_soma_lru_takes(ngx_slab_pool_t *shpool, size_t size);
static void *ngx_http_soma_lru_alloc(ngx_http_soma_lru_t *lru,
    ngx_slab_pool_t *shpool, size_t size);


void
ngx_http_soma_lru_init(ngx_http_soma_lru_t *lru, ngx_uint_t count_max,
    size_t bytes_max)
{
    ngx_memzero(lru, sizeof(ngx_http_soma_lru_t));

    ngx_rbtree_init(&lru->rbtree, &lru->sentinel, ngx_http_soma_lru_insert);
    ngx_queue_init(&lru->queue);

    lru->count_max = count_max;
    lru->bytes_max = bytes_max;
}


void *
ngx_http_soma_lru_find(ngx_http_soma_lru_t *lru, ngx_uint_t kind,
    soma_str_t name)
{
    uint32_t                    hash;
    ngx_int_t                   rc;
    ngx_rbtree_node_t          *node, *sentinel;
    ngx_http_soma_lru_entry_t  *e;

    hash = ngx_http_soma_lru_hash(kind, name);

    node = lru->rbtree.root;
    sentinel = lru->rbtree.sentinel;

    while (node != sentinel) {

        if (hash != node->key) {
            node = (hash < node->key) ? node->left : node->right;
            continue;
        }

        e = (ngx_http_soma_lru_entry_t *) node;
        rc = ngx_http_soma_lru_cmp(e, kind, name);

        if (rc == 0) {
            return e;
        }

        node = (rc < 0) ? node->left : node->right;
    }

    return NULL;
}


void
ngx_http_soma_lru_use(ngx_http_soma_lru_t *lru, void *entry)
{
    ngx_http_soma_lru_entry_t  *e = entry;

    ngx_queue_remove(&e->queue);
    ngx_queue_insert_head(&lru->queue, &e->queue);
}


void *
ngx_http_soma_lru_add(ngx_http_soma_lru_t *lru, ngx_slab_pool_t *shpool,
    ngx_uint_t kind, soma_str_t name, size_t size)
{
    size_t                      takes;
    ngx_http_soma_lru_entry_t  *e;

    if (name.len > NGX_HTTP_SOMA_LRU_NAME_MAX) {
        return NULL;
    }

    takes = ngx_http_soma_lru_takes(shpool, size + name.len);

    e = ngx_http_soma_lru_alloc(lru, shpool, takes);
    if (e == NULL) {
        return NULL;
    }

    e->name = (u_char *) e + size;
    e->name_len = (uint8_t) name.len;
    e->kind = (uint8_t) kind;
    e->size = (uint32_t) takes;
    ngx_memcpy(e->name, name.data, name.len);

    e->node.key = ngx_http_soma_lru_hash(kind, name);

    ngx_rbtree_insert(&lru->rbtree, &e->node);
    ngx_queue_insert_head(&lru->queue, &e->queue);

    lru->count++;
    lru->bytes += takes;

    return e;
}


/* the slab rounds up to powers of two, and to pages above half a page */
static size_t
ngx_http_soma_lru_takes(ngx_slab_pool_t *shpool, size_t size)
{
    size_t  takes;

    if (shpool == NULL) {
        return size;
    }

    for (takes = 64; takes < size && takes < ngx_pagesize / 2; takes <<= 1) {
        /* void */
    }

    return takes < size ? ngx_align(size, ngx_pagesize) : takes;
}


static void *
ngx_http_soma_lru_alloc(ngx_http_soma_lru_t *lru, ngx_slab_pool_t *shpool,
    size_t size)
{
    void         *p;
    ngx_uint_t    i;
    ngx_queue_t  *q;

    for (i = 0; i <= NGX_HTTP_SOMA_LRU_EVICT; i++) {

        if (lru->count < lru->count_max
            && lru->bytes + size <= lru->bytes_max)
        {
            p = shpool ? ngx_slab_alloc_locked(shpool, size)
                       : ngx_alloc(size, ngx_cycle->log);

            if (p || shpool == NULL) {
                return p;
            }
        }

        if (ngx_queue_empty(&lru->queue)) {
            break;
        }

        q = ngx_queue_last(&lru->queue);

        ngx_http_soma_lru_remove(lru, shpool,
                        ngx_queue_data(q, ngx_http_soma_lru_entry_t, queue));
    }

    return NULL;
}


void
ngx_http_soma_lru_remove(ngx_http_soma_lru_t *lru, ngx_slab_pool_t *shpool,
    void *entry)
{
    ngx_http_soma_lru_entry_t  *e = entry;

    ngx_rbtree_delete(&lru->rbtree, &e->node);
    ngx_queue_remove(&e->queue);

    lru->count--;
    lru->bytes -= e->size;

    if (shpool) {
        ngx_slab_free_locked(shpool, e);

    } else {
        ngx_free(e);
    }
}


void
ngx_http_soma_lru_empty(ngx_http_soma_lru_t *lru, ngx_slab_pool_t *shpool)
{
    ngx_queue_t  *q;

    while (!ngx_queue_empty(&lru->queue)) {
        q = ngx_queue_head(&lru->queue);

        ngx_http_soma_lru_remove(lru, shpool,
                        ngx_queue_data(q, ngx_http_soma_lru_entry_t, queue));
    }
}


static uint32_t
ngx_http_soma_lru_hash(ngx_uint_t kind, soma_str_t name)
{
    return ngx_murmur_hash2(name.data, name.len) ^ (uint32_t) kind;
}


static ngx_int_t
ngx_http_soma_lru_cmp(ngx_http_soma_lru_entry_t *e, ngx_uint_t kind,
    soma_str_t name)
{
    if (e->kind != kind) {
        return kind < e->kind ? -1 : 1;
    }

    return ngx_memn2cmp(name.data, e->name, name.len, e->name_len);
}


static void
ngx_http_soma_lru_insert(ngx_rbtree_node_t *temp, ngx_rbtree_node_t *node,
    ngx_rbtree_node_t *sentinel)
{
    ngx_int_t                    rc;
    soma_str_t                   name;
    ngx_rbtree_node_t          **p;
    ngx_http_soma_lru_entry_t   *e;

    e = (ngx_http_soma_lru_entry_t *) node;
    name.data = e->name;
    name.len = e->name_len;

    for ( ;; ) {

        if (node->key < temp->key) {
            p = &temp->left;

        } else if (node->key > temp->key) {
            p = &temp->right;

        } else {
            rc = ngx_http_soma_lru_cmp((ngx_http_soma_lru_entry_t *) temp,
                                       e->kind, name);
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
