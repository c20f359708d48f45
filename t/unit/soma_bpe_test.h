
/*
 * Copyright (C) The ngx_soma authors
 *
 * A vocabulary small enough to reason about: the single bytes, and a few
 * words with what they are merged from.
 */


#ifndef SOMA_BPE_TEST_H
#define SOMA_BPE_TEST_H


#include <stdlib.h>
#include "soma_bpe.h"


#define SOMA_BPE_TEST_BYTES  256


static const char *const  soma_bpe_test_words[] = {
    "in", "th", "the", " t", " the", "he", "ll", "hell", "hello", " w", "or",
    " wor", "ld", " world", "aa", "aaaa", "aaaaaaaa", "aaaaaaaaaaaaaaaa", "ab",
    "  ", "    ", "\n\n", "'s", "er", "nat", "inter", "at", "ion", "io", "al",
    "nation", "national", "international", "ational", "ter", "te", "12", "123",
    "\xe4\xb8", "\xe4\xb8\xad", "\xc3\xa9", "ba", "abab", "==", "===="
};

#define SOMA_BPE_TEST_TOKENS                                                  \
    (SOMA_BPE_TEST_BYTES                                                      \
     + sizeof(soma_bpe_test_words) / sizeof(soma_bpe_test_words[0]))


static inline void *
soma_bpe_test_alloc(void *data, size_t size)
{
    (void) data;

    return malloc(size);
}


/* file->data is malloc()ed */

static inline int
soma_bpe_test_make(soma_bpe_family_e family, soma_str_t *token,
    soma_str_t *file)
{
    size_t        i;
    const char   *error;
    soma_arena_t  arena;

    static unsigned char  bytes[SOMA_BPE_TEST_BYTES];

    for (i = 0; i < SOMA_BPE_TEST_BYTES; i++) {
        bytes[i] = (unsigned char) i;
        token[i].data = &bytes[i];
        token[i].len = 1;
    }

    for ( /* void */ ; i < SOMA_BPE_TEST_TOKENS; i++) {
        token[i].data = (unsigned char *) (uintptr_t)
                        soma_bpe_test_words[i - SOMA_BPE_TEST_BYTES];
        token[i].len = strlen(soma_bpe_test_words[i - SOMA_BPE_TEST_BYTES]);
    }

    arena.alloc = soma_bpe_test_alloc;
    arena.data = NULL;

    return soma_bpe_make(&arena, family, token, SOMA_BPE_TEST_TOKENS, file,
                         &error);
}


/* the same, and the vocabulary that is read from it */

static inline int
soma_bpe_test_open(soma_bpe_t *bpe, soma_bpe_family_e family,
    soma_str_t *file)
{
    const char  *error;
    soma_str_t   token[SOMA_BPE_TEST_TOKENS];

    if (soma_bpe_test_make(family, token, file) != SOMA_OK) {
        return SOMA_ERROR;
    }

    return soma_bpe_open(bpe, *file, &error);
}


#endif /* SOMA_BPE_TEST_H */
