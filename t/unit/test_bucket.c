
/*
 * Copyright (C) The ngx_soma authors
 *
 * Buckets: what a stranger may ask, and whose bucket it is.
 */


#include "soma_bucket.h"
#include "soma_test.h"


static soma_bucket_table_t  table;


static void
test_bucket(void)
{
    int            i;
    soma_bucket_t  b = { 0, 0 };

    soma_is_int(soma_bucket_left(&b, 10, 100, 1000), 100, "full at first");

    for (i = 0; i < 100; i++) {
        soma_bucket_take(&b, 10, 100, 1000);
    }

    soma_is_int(soma_bucket_left(&b, 10, 100, 1000), 0, "and then empty");
    soma_is_int(soma_bucket_left(&b, 10, 100, 1099), 0, "not a whole token");
    soma_is_int(soma_bucket_left(&b, 10, 100, 1100), 1, "a tenth of a second");
    soma_is_int(soma_bucket_left(&b, 10, 100, 2000), 10, "a second");
    soma_is_int(soma_bucket_left(&b, 10, 100, 500), 10, "a clock set back");
    soma_is_int(soma_bucket_left(&b, 10, 100, 1500), 20, "goes on from there");
    soma_is_int(soma_bucket_left(&b, 10, 100, INT64_MAX), 100,
                "never more than its burst");
}


static void
test_debt(void)
{
    int            i;
    soma_bucket_t  b = { 0, 0 };

    /* many were on their way when the last token went */

    for (i = 0; i < 1000; i++) {
        soma_bucket_take(&b, 10, 100, 1000);
    }

    soma_is_int(soma_bucket_left(&b, 10, 100, 1000), 0, "owing is empty");
    soma_is_int(soma_bucket_left(&b, 10, 100, 11000), 0,
                "a debt is worked off first");
    soma_is_int(soma_bucket_left(&b, 10, 100, 11100), 1,
                "and is never more than another burst");
}


static void
test_table(void)
{
    uint64_t        i;
    soma_bucket_t  *b;

    soma_ok(soma_bucket_find(&table, 7) == NULL, "nobody is in it");

    b = soma_bucket_make(&table, 7);
    soma_bucket_take(b, 10, 100, 1000);

    soma_ok(soma_bucket_find(&table, 7) == b, "who was made is found");
    soma_ok(soma_bucket_make(&table, 7) == b, "and not made twice");
    soma_is_int(soma_bucket_left(b, 10, 100, 1000), 99, "with what he took");

    /* three others of the same set, then a fourth: the oldest goes */

    for (i = 1; i < SOMA_BUCKET_WAYS; i++) {
        soma_bucket_take(soma_bucket_make(&table, 7 + i * SOMA_BUCKET_SETS),
                         10, 100, 1000 + (int64_t) i);
    }

    soma_ok(soma_bucket_find(&table, 7) != NULL, "a full set keeps its own");
    soma_bucket_take(b, 10, 100, 5000);
    (void) soma_bucket_make(&table, 7 + 8 * SOMA_BUCKET_SETS);

    soma_ok(soma_bucket_find(&table, 7) != NULL, "who came last stays");
    soma_ok(soma_bucket_find(&table, 7 + SOMA_BUCKET_SETS) == NULL,
            "who came longest ago goes");

    b = soma_bucket_make(&table, 0);
    soma_ok(soma_bucket_find(&table, 0) == b, "a hash of 0 is somebody too");
    soma_ok(soma_bucket_find(&table, 2) == NULL, "and not somebody else");

    for (i = 0; i < 100000; i++) {
        (void) soma_bucket_make(&table, i * 0x9e3779b97f4a7c15u);
    }

    soma_ok(1, "any number of them fits");
}


int
main(void)
{
    test_bucket();
    test_debt();
    test_table();

    return soma_done();
}
