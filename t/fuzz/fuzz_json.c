
/*
 * Copyright (C) The ngx_soma authors
 *
 * The scanner: every kind, whole and cut anywhere, says the same, and says
 * what yyjson says.  The first byte of the input decides how it is cut.
 */


#include "soma_json_oracle.h"


#define CUTS_MAX  8192


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static size_t
cuts(size_t *cut, size_t len, unsigned how, uint64_t seed)
{
    size_t  n, at;

    at = 0;

    for (n = 0; n < CUTS_MAX; n++) {

        if (how == 0) {
            at++;

        } else {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            at += (seed >> 40) % (how == 1 ? 8 : 160);
        }

        if (at > len) {
            break;
        }

        cut[n] = at;
    }

    return n;
}


static void
fail(const char *kind, const char *fault)
{
    fprintf(stderr, "%s: %s\n", kind, fault);
    abort();
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int               rc;
    size_t            i, n;
    unsigned          how;
    uint64_t          seed;
    const char       *fault;
    static size_t     cut[CUTS_MAX];
    soma_json_scan_t  whole, scan;

    if (size == 0) {
        return 0;
    }

    seed = *data++;
    size--;

    (void) soma_json_scan_use("portable");
    rc = oracle_scan(&whole, data, size, NULL, 0);

    for (i = 0; i < ORACLE_KINDS; i++) {
        if (soma_json_scan_use(oracle_kinds[i]) != SOMA_OK) {
            continue;
        }

        for (how = 0; how < 4; how++) {
            n = (how == 3) ? 0 : cuts(cut, size, how, seed + how);

            if (oracle_scan(&scan, data, size, cut, n) != rc
                || !oracle_same(&whole, &scan))
            {
                fail(oracle_kinds[i], "not the same as portable");
            }

            fault = (rc == SOMA_OK) ? oracle_marks(data, size, &scan, 0)
                                    : NULL;
            if (fault != NULL) {
                fail(oracle_kinds[i], fault);
            }
        }
    }

    fault = oracle_check(data, size, &whole, rc);
    if (fault != NULL) {
        fail("yyjson", fault);
    }

    return 0;
}
