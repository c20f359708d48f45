
/*
 * Copyright (C) The ngx_soma authors
 *
 * A client's query: what is passed of it is never longer, names only what may
 * pass, and has no byte that could begin anything else.
 */


#include <stdlib.h>

#include "soma_query.h"
#include "soma_sniff.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
need(int cond)
{
    if (!cond) {
        abort();
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t          i, n;
    soma_str_t      args;
    unsigned char  *out;

    static const soma_str_t  names[] = {
        soma_string("api-version"), soma_string("beta"),
        soma_string("x"), { 0, NULL }
    };

    args.data = (unsigned char *) (uintptr_t) data;
    args.len = size;

    out = malloc(size + 1);
    need(out != NULL);

    n = soma_query_pass(args, names, out);
    need(n <= size);

    for (i = 0; i < n; i++) {
        need(out[i] > ' ' && out[i] < 0x7f && out[i] != '#' && out[i] != '%'
             && out[i] != '+' && out[i] != ';');
    }

    /* what passed once passes again as it is */

    args.data = malloc(n + 1);
    need(args.data != NULL);
    memcpy(args.data, out, n);
    args.len = n;

    need(soma_query_pass(args, names, out) == n);
    need(n == 0 || memcmp(args.data, out, n) == 0);

    free(args.data);
    free(out);

    need(soma_sniff(data, size) <= SOMA_SNIFF_OTHER);

    return 0;
}
