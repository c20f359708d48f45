
/*
 * Copyright (C) The ngx_soma authors
 *
 * An arena over malloc: one block an allocation, so that ASan and valgrind
 * see every byte that is read or written past its end.
 */


#ifndef SOMA_ARENA_MALLOC_H
#define SOMA_ARENA_MALLOC_H


#include <stdlib.h>
#include "soma_base.h"


typedef struct soma_test_block_s  soma_test_block_t;

struct soma_test_block_s {
    soma_test_block_t  *next;
    void               *memory;
};

typedef struct {
    soma_arena_t        arena;
    soma_test_block_t  *blocks;
    size_t              count;      /* allocations so far */
    size_t              bytes;
    size_t              fail_at;    /* this and later ones get NULL; 0: off */
} soma_test_arena_t;


static inline void *
soma_test_alloc(void *data, size_t size)
{
    soma_test_arena_t  *test = data;
    soma_test_block_t  *block;

    test->count++;

    if (test->fail_at != 0 && test->count >= test->fail_at) {
        return NULL;
    }

    block = malloc(sizeof(soma_test_block_t));
    if (block == NULL) {
        return NULL;
    }

    block->memory = malloc(size);
    if (block->memory == NULL) {
        free(block);
        return NULL;
    }

    block->next = test->blocks;
    test->blocks = block;
    test->bytes += size;

    return block->memory;
}


static inline soma_arena_t *
soma_test_arena(void)
{
    soma_test_arena_t  *test;

    test = calloc(1, sizeof(soma_test_arena_t));
    if (test == NULL) {
        abort();
    }

    test->arena.alloc = soma_test_alloc;
    test->arena.data = test;

    return &test->arena;
}


/* the n-th allocation from now and all later ones fail; 0: none */
static inline void
soma_test_arena_fail(soma_arena_t *arena, size_t n)
{
    soma_test_arena_t  *test = arena->data;

    test->fail_at = (n != 0) ? test->count + n : 0;
}


static inline void
soma_test_arena_free(soma_arena_t *arena)
{
    soma_test_arena_t  *test = arena->data;
    soma_test_block_t  *block, *next;

    for (block = test->blocks; block != NULL; block = next) {
        next = block->next;
        free(block->memory);
        free(block);
    }

    free(test);
}


#endif /* SOMA_ARENA_MALLOC_H */
