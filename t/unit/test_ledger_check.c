
/*
 * Copyright (C) The ngx_soma authors
 *
 * What soma-ledger says of a segment's end: every byte of a small one
 * flipped, every length cut, every append cut off at every byte.
 */


#include "soma_test.h"
#include "../../tools/ledger/soma_check.c"


#define WRITER   "0123456789abcdef"
#define RECORDS  6
#define FIRST    41


static _Alignas(8) unsigned char  whole[SOMA_SEGMENT_MIN];
static _Alignas(8) unsigned char  copy[SOMA_SEGMENT_MIN];
static size_t                     ends[RECORDS + 1];


static void
make(void)
{
    unsigned        i, n;
    unsigned char   payload[64];
    soma_segment_t  s;

    memset(whole, 0, sizeof(whole));

    soma_ok(soma_segment_create(&s, whole, sizeof(whole), SOMA_STR(WRITER), 3,
                                FIRST, 1) == SOMA_OK, "a segment");

    ends[0] = s.pos;

    for (i = 1; i <= RECORDS; i++) {
        n = 8 + 7 * i;
        memset(payload, 'a' + (int) i, sizeof(payload));

        if (soma_segment_append(&s, payload, n) != SOMA_OK) {
            soma_ok(0, "append %u", i);
        }

        ends[i] = s.pos;
    }
}


static soma_check_e
check_size(soma_check_t *check, size_t size)
{
    size_t          torn;
    const char     *error;
    soma_segment_t  s;

    memset(check, 0, sizeof(soma_check_t));

    if (soma_segment_open(&s, copy, size, &torn, &error) != SOMA_OK) {
        return (soma_check_e) -1;
    }

    soma_segment_check(&s, check);

    return check->kind;
}


static void
flips(void)
{
    size_t        at;
    unsigned      clean, torn, bad, wrong, hidden;
    soma_check_t  check;

    clean = torn = wrong = hidden = bad = 0;

    for (at = ends[0]; at < ends[RECORDS]; at++) {
        memcpy(copy, whole, sizeof(whole));
        copy[at] ^= 0x10;

        switch (check_size(&check, sizeof(copy))) {

        case SOMA_CHECK_CLEAN:
            clean++;
            hidden += check.records != RECORDS;
            break;

        case SOMA_CHECK_TORN:
            torn++;
            break;

        case SOMA_CHECK_DAMAGED:
            bad++;
            wrong += check.what == NULL
                     || check.at > at
                     || check.records + check.behind + 1 != RECORDS
                     || (check.behind && check.behind_last
                         != FIRST + RECORDS - 1);
            break;
        }
    }

    soma_is_int(torn, 0, "no flipped byte passes for an append cut off");
    soma_is_int(hidden, 0, "and none takes a record away unseen");
    soma_is_int(wrong, 0, "records behind a damage are found, all of them");
    soma_ok(clean < RECORDS * 8, "only padding is nobody's (%u)", clean);
    soma_ok(bad > 200, "%u flips are damage", bad);
}


/* the stores of an append up to one of them, in their order */
static void
cut_appends(void)
{
    size_t        n, at;
    unsigned      bad;
    soma_check_t  check;

    bad = 0;
    at = ends[RECORDS - 1];

    for (n = 8; n < ends[RECORDS] - at; n++) {
        memcpy(copy, whole, sizeof(whole));
        memset(copy + at, 0, 8);
        memset(copy + at + n, 0, ends[RECORDS] - at - n);

        bad += check_size(&check, sizeof(copy))
               != (n == 8 ? SOMA_CHECK_CLEAN : SOMA_CHECK_TORN);
        bad += check.records != RECORDS - 1;
    }

    soma_is_int(bad, 0, "an append cut off at any byte is no damage");

    soma_segment_t  s = { .base = copy };

    soma_segment_close(&s);
    soma_is_int(check_size(&check, sizeof(copy)), SOMA_CHECK_DAMAGED,
                "but in a segment that was closed it is");
}


static void
cut_files(void)
{
    size_t        size;
    unsigned      bad;
    soma_check_t  check;

    bad = 0;

    for (size = SOMA_SEGMENT_HEADER; size < ends[RECORDS] + 64; size++) {
        memcpy(copy, whole, sizeof(whole));
        bad += check_size(&check, size) != SOMA_CHECK_DAMAGED;
    }

    soma_is_int(bad, 0, "a file cut anywhere is seen to be cut");

    (void) check_size(&check, ends[RECORDS] - 1);
    soma_is_str(check.what, strlen(check.what),
                "the file ends within a record", "and where");
}


static void
others(void)
{
    soma_check_t    check;
    soma_segment_t  s;

    memcpy(copy, whole, sizeof(whole));
    soma_is_int(check_size(&check, sizeof(copy)), SOMA_CHECK_CLEAN,
                "a whole one");
    soma_is_int(check.records, RECORDS, "has its records");
    soma_is_int(check.last, FIRST + RECORDS - 1, "up to the last");

    s.base = copy;
    soma_segment_ack(&s, FIRST + RECORDS - 1);
    soma_is_int(check_size(&check, sizeof(copy)), SOMA_CHECK_CLEAN,
                "all of it shipped");

    soma_segment_ack(&s, FIRST + RECORDS);
    soma_is_int(check_size(&check, sizeof(copy)), SOMA_CHECK_DAMAGED,
                "more shipped than there is");

    soma_segment_ack(&s, UINT64_MAX);
    soma_is_int(check_size(&check, sizeof(copy)), SOMA_CHECK_CLEAN,
                "noted as done with");

    memcpy(copy, whole, sizeof(whole));
    copy[sizeof(copy) - 1] = 1;
    soma_is_int(check_size(&check, sizeof(copy)), SOMA_CHECK_DAMAGED,
                "a byte far behind the end");

    memset(copy, 0, sizeof(copy));
    (void) soma_segment_create(&s, copy, sizeof(copy), SOMA_STR(WRITER), 1, 1,
                               1);
    soma_is_int(check_size(&check, sizeof(copy)), SOMA_CHECK_CLEAN,
                "an empty one");
    soma_is_int(check.records, 0, "has no records");
    soma_is_int(check.last, 0, "and no last one");
}


int
main(void)
{
    make();
    flips();
    cut_appends();
    cut_files();
    others();

    return soma_done();
}
