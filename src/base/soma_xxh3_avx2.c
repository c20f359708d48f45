
/*
 * Copyright (C) The ngx_soma authors
 *
 * XXH3 as xxHash's header has it, compiled once more for AVX2.
 */


#include "soma_xxh3.h"

#if (SOMA_XXH3_WIDE)

#pragma GCC target("avx2")

#define XXH_INLINE_ALL
#define XXH_VECTOR  XXH_AVX2
#include <xxhash.h>

#include "soma_xxh3_any.h"


uint64_t
soma_xxh3_avx2(const soma_str_t *part, unsigned n)
{
    return soma_xxh3_any(part, n);
}


#endif
