
/*
 * Copyright (C) The ngx_soma authors
 *
 * Which walker this machine runs.
 */


#include "soma_json_skip.h"


static int soma_json_runs(const soma_json_walker_t *walker);


/* fastest first */
static const soma_json_walker_t *const  soma_json_walkers[] = {
#if (SOMA_JSON_X86)
    &soma_json_avx512,
    &soma_json_avx2,
    &soma_json_sse2,
#endif
    &soma_json_portable
};

#define SOMA_JSON_WALKERS                                                     \
    (sizeof(soma_json_walkers) / sizeof(soma_json_walkers[0]))


/*
 * The one variable of the plain C: a choice that is the same for the whole
 * process, made once, and by a test again.
 */
static const soma_json_walker_t  *soma_json_chosen;


static int
soma_json_runs(const soma_json_walker_t *walker)
{
#if (SOMA_JSON_X86)

    __builtin_cpu_init();

    if (walker == &soma_json_avx512) {
        return soma_json_runs(&soma_json_avx2)
               && __builtin_cpu_supports("bmi2")
               && __builtin_cpu_supports("avx512bw")
               && __builtin_cpu_supports("avx512vbmi");
    }

    if (walker == &soma_json_avx2) {
        return __builtin_cpu_supports("avx2")
               && __builtin_cpu_supports("bmi")
               && __builtin_cpu_supports("popcnt")
               && __builtin_cpu_supports("pclmul");
    }

#endif

    /* SSE2 is part of x86-64 */
    return walker != NULL;
}


const soma_json_walker_t *
soma_json_kind_walker(void)
{
    size_t  i;

    for (i = 0; soma_json_chosen == NULL; i++) {
        if (soma_json_runs(soma_json_walkers[i])) {
            soma_json_chosen = soma_json_walkers[i];
        }
    }

    return soma_json_chosen;
}


const char *
soma_json_scan_kind(void)
{
    return soma_json_kind_walker()->kind;
}


int
soma_json_scan_use(const char *kind)
{
    size_t  i;

    for (i = 0; i < SOMA_JSON_WALKERS; i++) {

        if (strcmp(soma_json_walkers[i]->kind, kind) == 0
            && soma_json_runs(soma_json_walkers[i]))
        {
            soma_json_chosen = soma_json_walkers[i];
            return SOMA_OK;
        }
    }

    return SOMA_DECLINED;
}
