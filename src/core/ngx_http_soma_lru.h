
/*
 * Copyright (C) The ngx_soma authors
 *
 * Entries by name, a bounded number of them: a red-black tree to find one,
 * and a queue by use, whose end makes room for what is new.  A table lies in
 * the shared zone, where its user holds the mutex of the zone around every
 * call, or on the heap of one worker.
 */


#ifndef NGX_HTTP_SOMA_LRU_H
#define NGX_HTTP_SOMA_LRU_H


#include "ngx_http_soma.h"


/* entries that go at most to make room for one */
#define NGX_HTTP_SOMA_LRU_EVICT     64

#define NGX_HTTP_SOMA_LRU_NAME_MAX  255     /* bytes */


/* the first member of a user's entry, whose name lies behind it */
typedef struct {
    ngx_rbtree_node_t        node;
    ngx_queue_t              queue;     /* most recently used first */
    u_char                  *name;
    uint32_t                 size;      /* that it takes */
    uint8_t                  name_len;
    uint8_t                  kind;      /* names are of a kind */
} ngx_http_soma_lru_entry_t;


typedef struct {
    ngx_rbtree_t             rbtree;
    ngx_rbtree_node_t        sentinel;
    ngx_queue_t              queue;
    ngx_uint_t               count;
    size_t                   bytes;
    ngx_uint_t               count_max;
    size_t                   bytes_max;
} ngx_http_soma_lru_t;


/* "shpool" of these functions: where the entries lie; NULL: on the heap */

void ngx_http_soma_lru_init(ngx_http_soma_lru_t *lru, ngx_uint_t count_max,
    size_t bytes_max);

/* the entry of that name, or NULL */
void *ngx_http_soma_lru_find(ngx_http_soma_lru_t *lru, ngx_uint_t kind,
    soma_str_t name);

/* it was used */
void ngx_http_soma_lru_use(ngx_http_soma_lru_t *lru, void *entry);

/*
 * A new entry of "size" bytes, ngx_http_soma_lru_entry_t the first of them and
 * filled, the others not.  There must be none of that name.  NULL: the name is
 * too long, or there is no room.
 */
void *ngx_http_soma_lru_add(ngx_http_soma_lru_t *lru,
    ngx_slab_pool_t *shpool, ngx_uint_t kind, soma_str_t name, size_t size);

void ngx_http_soma_lru_remove(ngx_http_soma_lru_t *lru,
    ngx_slab_pool_t *shpool, void *entry);

/* removes all of them */
void ngx_http_soma_lru_empty(ngx_http_soma_lru_t *lru,
    ngx_slab_pool_t *shpool);


#endif /* NGX_HTTP_SOMA_LRU_H */
