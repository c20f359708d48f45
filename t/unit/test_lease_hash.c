
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a quota's hash in Redis says to who reads it.
 */


#include "soma_lease_hash.h"
#include "soma_test.h"


#define NOW  1795230245678      /* 2026-11-21T03:04:05.678Z */


static int64_t
used(const char *limit, const char *const *field)
{
    unsigned           n;
    const char        *error;
    soma_limit_t       l[1];
    soma_lease_hash_t  hash;

    memset(&hash, 0, sizeof(hash));

    if (soma_limit_list_parse(l, 1, &n, str(limit), SOMA_SCOPE_TENANT, &error)
        != SOMA_OK)
    {
        return -1;
    }

    for ( /* void */ ; *field != NULL; field += 2) {
        soma_lease_hash_field(&hash, str(field[0]), str(field[1]), NOW);
    }

    return soma_lease_hash_used(&hash, l, NOW);
}


int
main(void)
{
    static const char *const  none[] = { NULL };
    static const char *const  day[] = {
        "since", "1795219200000", "base", "7",
        "n:aaaaaaaaaaaaaaaa", "9 8 100 20 0 1795230245679",
        "n:bbbbbbbbbbbbbbbb", "9 8 50 3 0 1795230245678",
        "run", "x", "folded", "y 1;", "mend", "9", NULL
    };
    static const char *const  old[] = {
        "since", "1795132800000", "n:a", "9 8 100 20 0 1795230245679", NULL
    };
    static const char *const  rate[] = {
        "whole", "-20", "at", "1795230235678", "of", "60", "spare", "0", NULL
    };
    static const char *const  broken[] = {
        "since", "x", "base", "99999999999999999999", "n:", "1 2 3 4 5 6",
        "n:a", "1 2", "n:b", "a b c d e f", "whole", "", "at", "-", NULL
    };

    soma_is_int(used("cost 50/day", none), 0, "no hash: nothing");
    soma_is_int(used("cost 50/day", day), 30, "the sum of all nodes");
    soma_is_int(used("cost 50/day", old), 0, "of a day that is over: nothing");
    soma_is_int(used("cost 50/ever", old), 20, "but what never ends stays");
    soma_is_int(used("concurrency 500", day), 100, "held by those that live");
    soma_is_int(used("tokens 60/minute", rate), 70,
                "a rate has filled by ten since, and owes");
    soma_is_int(used("tokens 90/minute", rate), 70,
                "whatever its number is now");
    soma_is_int(used("tokens 60/minute", none), 0, "a rate nobody used");
    soma_is_int(used("cost 50/day", broken), 0, "what is broken says nothing");
    soma_is_int(used("cost 50/ever", broken), 0, "nor here");
    soma_is_int(used("tokens 60/minute", broken), 0, "nor of a rate");

    return soma_done();
}
