
/*
 * Copyright (C) The ngx_soma authors
 */


#define XXH_INLINE_ALL
#include <xxhash.h>

#include "soma_xxh3.h"
#include "soma_xxh3_any.h"


uint64_t
soma_xxh3(const soma_str_t *part, unsigned n)
{
#if (SOMA_XXH3_WIDE)

    __builtin_cpu_init();

    if (__builtin_cpu_supports("avx2")) {
        return soma_xxh3_avx2(part, n);
    }

#endif

    return soma_xxh3_any(part, n);
}


uint64_t
soma_xxh3_mix(const void *data, size_t len)
{
    return XXH3_64bits(data, len);
}
