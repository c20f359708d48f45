
/*
 * Copyright (C) The ngx_soma authors
 *
 * XXH3, 64 bits, seed 0 (github.com/Cyan4973/xxHash, doc/xxhash_spec.md):
 * tells texts apart, and proves nothing.
 */


#ifndef SOMA_XXH3_H
#define SOMA_XXH3_H


#include "soma_base.h"


/* clang has another way to say what a file is compiled for */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define SOMA_XXH3_WIDE  1
#endif


/* of a text in n parts, however it is parted */
uint64_t soma_xxh3(const soma_str_t *part, unsigned n);

/* the same of some bytes, for tables in memory: no defence against names that
 * were made to collide */
uint64_t soma_xxh3_mix(const void *data, size_t len);

#if (SOMA_XXH3_WIDE)
uint64_t soma_xxh3_avx2(const soma_str_t *part, unsigned n);
#endif


#endif /* SOMA_XXH3_H */
