
/*
 * Copyright (C) The ngx_soma authors
 */


#define XXH_INLINE_ALL
#include <xxhash.h>

#include "soma_xxh3.h"


uint64_t
soma_xxh3(const void *data, size_t len)
{
#if (SOMA_XXH3_WIDE)

    __builtin_cpu_init();

    if (__builtin_cpu_supports("avx2")) {
        return soma_xxh3_avx2(data, len);
    }

#endif

    return XXH3_64bits(data, len);
}
