
/*
 * Copyright (C) The ngx_soma authors
 *
 * Time zones and the windows of limits that turn by their clocks.  The files
 * are made here, so that the machine's own database does not matter.
 */


#include "soma_quota.h"
#include "soma_arena_malloc.h"
#include "soma_test.h"


#define HOUR  ((int64_t) 3600000)
#define DAY   (24 * HOUR)


static unsigned char   file[4096];
static soma_arena_t   *arena;


static size_t
put_int(size_t at, int64_t n, unsigned bytes)
{
    while (bytes-- != 0) {
        file[at++] = (unsigned char) ((uint64_t) n >> (bytes * 8));
    }

    return at;
}


static size_t
put_head(size_t at, unsigned times, unsigned types)
{
    memset(file + at, 0, 44);
    memcpy(file + at, "TZif2", 5);
    put_int(at + 32, times, 4);
    put_int(at + 36, types, 4);
    put_int(at + 40, 4, 4);

    return at + 44;
}


/* changes in s UTC to offsets in s; the first offset is before them */
static soma_str_t
make(const int64_t *at, const int64_t *offset, unsigned n,
    const char *footer)
{
    size_t      p;
    unsigned    i;
    soma_str_t  s;

    p = put_head(0, 0, 1);
    memset(file + p, 0, 10);
    p = put_head(p + 10, n, n + 1);

    for (i = 0; i < n; i++) {
        p = put_int(p, at[i], 8);
    }

    for (i = 0; i < n; i++) {
        file[p++] = (unsigned char) (i + 1);
    }

    for (i = 0; i < n + 1; i++) {
        p = put_int(p, offset[i], 4);
        file[p++] = 0;
        file[p++] = 0;
    }

    memcpy(file + p, "XXX", 4);
    p += 4;
    p += (size_t) snprintf((char *) file + p, sizeof(file) - p, "\n%s\n",
                           footer);
    s.data = file;
    s.len = p;

    return s;
}


static soma_tz_t
zone(const char *footer, int64_t first)
{
    soma_tz_t  tz;

    soma_ok(soma_tz_read(&tz, arena, make(NULL, &first, 0, footer))
            == SOMA_OK, "zone %s", footer);

    return tz;
}


static int64_t
at(const char *text)
{
    int64_t  ms;

    return soma_time_parse(str(text), &ms) == SOMA_OK ? ms : -1;
}


static void
test_names(void)
{
    size_t  i;

    static const char *const  good[] = {
        "Europe/Berlin", "UTC", "Etc/GMT+5", "America/Port-au-Prince",
        "America/Argentina/Buenos_Aires", "EST5EDT"
    };

    static const char *const  bad[] = {
        "", "/etc/passwd", "..", "../x", "Europe/../x", "Europe//Berlin",
        "Europe/", "Europe Berlin", "-x", "Europe/B\"", "+1"
    };

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        soma_ok(soma_tz_valid(str(good[i])), "name %s", good[i]);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        soma_ok(!soma_tz_valid(str(bad[i])), "no name \"%s\"", bad[i]);
    }
}


static void
test_berlin(void)
{
    soma_tz_t  tz;

    tz = zone("CET-1CEST,M3.5.0,M10.5.0/3", 3600);

    soma_is_int(soma_tz_local(&tz, at("2026-12-01T00:00:00Z")),
                at("2026-12-01T01:00:00Z"), "an hour ahead in winter");
    soma_is_int(soma_tz_local(&tz, at("2026-07-01T00:00:00Z")),
                at("2026-07-01T02:00:00Z"), "two in summer");
    soma_is_int(soma_tz_local(&tz, at("2026-03-29T00:59:59.999Z")),
                at("2026-03-29T01:59:59.999Z"), "before the change");
    soma_is_int(soma_tz_local(&tz, at("2026-03-29T01:00:00Z")),
                at("2026-03-29T03:00:00Z"), "from it on");
    soma_is_int(soma_tz_local(&tz, at("2150-07-01T00:00:00Z")),
                at("2150-07-01T02:00:00Z"), "the rule goes on");

    soma_is_int(soma_tz_utc(&tz, at("2026-07-01T00:00:00Z")),
                at("2026-06-30T22:00:00Z"), "midnight in summer");
    soma_is_int(soma_tz_utc(&tz, at("2026-03-29T02:30:00Z")),
                at("2026-03-29T01:00:00Z"), "a time that is skipped: the "
                "first moment after it");
    soma_is_int(soma_tz_utc(&tz, at("2026-10-25T02:30:00Z")),
                at("2026-10-25T00:30:00Z"), "one that comes twice: the first");
}


/* where midnight itself is skipped, or comes twice */
static void
test_midnight(void)
{
    soma_tz_t  tz;

    tz = zone("<-04>4<-03>,M9.1.6/24,M4.1.6/24", -4 * 3600);

    soma_is_int(soma_tz_utc(&tz, at("2026-09-06T00:00:00Z")),
                at("2026-09-06T04:00:00Z"), "no midnight: the day begins at "
                "one");
    soma_is_int(soma_tz_local(&tz, at("2026-09-06T04:00:00Z")),
                at("2026-09-06T01:00:00Z"), "by its clock");
    soma_is_int(soma_tz_utc(&tz, at("2026-04-05T00:00:00Z")),
                at("2026-04-05T04:00:00Z"), "23 o'clock twice: the day begins "
                "after the second");

    tz = zone("CST5CDT,M3.2.0/0,M11.1.0/1", -5 * 3600);

    soma_is_int(soma_tz_utc(&tz, at("2026-11-01T00:00:00Z")),
                at("2026-11-01T04:00:00Z"), "midnight twice: the first");

    tz = zone("AEST-10AEDT,M10.1.0,M4.1.0/3", 36000);

    soma_is_int(soma_tz_local(&tz, at("2026-01-01T00:00:00Z")),
                at("2026-01-01T11:00:00Z"), "summer over the turn of a year");
    soma_is_int(soma_tz_local(&tz, at("2026-07-01T00:00:00Z")),
                at("2026-07-01T10:00:00Z"), "and winter in July");

    tz = zone("EST5EDT4,0/0,J365/23", -5 * 3600);

    soma_is_int(soma_tz_local(&tz, at("2026-12-31T12:00:00Z")),
                at("2026-12-31T08:00:00Z"), "summer all the year");
}


static void
test_changes(void)
{
    soma_tz_t  tz;

    static const int64_t  when[] = { -99999999999999, 1000000, 2000000 };
    static const int64_t  offset[] = { 0, 600, 1200, -3600 };

    soma_is_int(soma_tz_read(&tz, arena, make(when, offset, 3, "")), SOMA_OK,
                "a zone without a rule");
    soma_is_int(soma_tz_local(&tz, 0), 600000, "before its changes");
    soma_is_int(soma_tz_local(&tz, 1000000000), 1001200000, "at the first");
    soma_is_int(soma_tz_local(&tz, 4000000000000), 3999996400000,
                "long after the last");
    soma_is_int(soma_tz_local(NULL, 77), 77, "UTC");
}


static void
test_broken(void)
{
    size_t          i, len;
    soma_tz_t       tz;
    soma_str_t      s;
    unsigned char  *copy;

    static const int64_t  when[] = { 1000000, 2000000 };
    static const int64_t  back[] = { 2000000, 1000000 };
    static const int64_t  offset[] = { 0, 600, 1200 };
    static const int64_t  far[] = { 0, 600, 100000 };

    static const char *const  rules[] = {
        "X", "CET", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-999",
        "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M0.5.0,M10.5.0",
        "CET-1CEST,M3.5.7,M10.5.0", "CET-1CEST,M3.5.0,M10.5.0/200",
        "<CET-1", "CET-1CEST,M3.5.0,M10.5.0,", "CET-1:60"
    };

    for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        soma_is_int(soma_tz_read(&tz, arena, make(when, offset, 2,
                                                   rules[i])),
                    SOMA_ERROR, "no rule: %s", rules[i]);
    }

    soma_is_int(soma_tz_read(&tz, arena, make(back, offset, 2, "")),
                SOMA_ERROR, "changes that go back");
    soma_is_int(soma_tz_read(&tz, arena, make(when, far, 2, "")),
                SOMA_ERROR, "an offset of more than a day");

    /* of exactly its size, so that a read behind it is seen */

    s = make(when, offset, 2, "CET-1CEST,M3.5.0,M10.5.0/3");
    len = s.len;

    for (i = 0; i < len; i++) {
        copy = malloc(i + 1);
        memcpy(copy, file, i);
        s.data = copy;
        s.len = i;

        if (soma_tz_read(&tz, arena, s) != SOMA_ERROR) {
            soma_ok(0, "a file cut at %zu is none", i);
        }

        free(copy);
    }

    for (i = 0; i < len * 8; i++) {
        copy = malloc(len);
        memcpy(copy, file, len);
        copy[i / 8] ^= (unsigned char) (1 << i % 8);
        s.data = copy;
        s.len = len;

        if (soma_tz_read(&tz, arena, s) == SOMA_OK) {
            (void) soma_tz_utc(&tz, at("2026-12-24") + (int64_t) i);
        }

        free(copy);
    }

    soma_ok(1, "broken files do no harm");
}


static void
span_is(const char *text, const soma_tz_t *tz, const char *now,
    const char *from, const char *to)
{
    int64_t         start, end, edge[SOMA_WINDOW_EDGES];
    unsigned        n, bad;
    soma_str_t      rest, words[SOMA_LIMIT_WORDS];
    const char     *error;
    soma_limit_t    l;

    rest = str(text);

    for (n = 0; n < SOMA_LIMIT_WORDS && soma_str_word(&rest, &words[n]); n++) {
        /* void */
    }

    if (soma_limit_parse(&l, words, n, SOMA_SCOPE_TENANT, &bad, &error)
        != SOMA_OK)
    {
        soma_ok(0, "%s: %s", text, error);
        return;
    }

    soma_limit_zone(&l, tz);
    soma_window_span(&l, at(now), &start, &end);
    soma_window_edges(&l, at(now), edge);

    soma_ok(start == at(from) && end == at(to) && edge[1] == start
            && edge[2] == end && edge[0] < start && edge[3] > end,
            "%s at %s: %s to %s", text, now, from, to);
}


static void
test_windows(void)
{
    int64_t        start, end, now, before;
    soma_tz_t      berlin, newfoundland;
    unsigned       i, bad;
    soma_limit_t   l;

    berlin = zone("CET-1CEST,M3.5.0,M10.5.0/3", 3600);

    span_is("cost 1/week", NULL, "2026-12-01", "2026-11-30", "2026-12-07");
    span_is("cost 1/week", NULL, "2026-12-06T23:59:59.999Z", "2026-11-30",
            "2026-12-07");
    span_is("cost 1/week", NULL, "2026-12-07", "2026-12-07", "2026-12-14");
    span_is("cost 1/month from=15", NULL, "2026-12-14T23:59:59Z",
            "2026-11-15", "2026-12-15");
    span_is("cost 1/month from=15", NULL, "2026-12-15", "2026-12-15",
            "2027-01-15");
    span_is("cost 1/month from=28", NULL, "2027-03-01", "2027-02-28",
            "2027-03-28");
    span_is("cost 1/month from=1", NULL, "2028-02-29", "2028-02-01",
            "2028-03-01");
    span_is("cost 1/day tz=Europe/Berlin", &berlin, "2026-12-01T23:30:00Z",
            "2026-12-01T23:00:00Z", "2026-12-02T23:00:00Z");
    span_is("cost 1/day tz=Europe/Berlin", &berlin, "2026-03-29T12:00:00Z",
            "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z");
    span_is("cost 1/day tz=Europe/Berlin", &berlin, "2026-10-25T12:00:00Z",
            "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z");
    span_is("cost 1/week tz=Europe/Berlin", &berlin, "2026-03-29T12:00:00Z",
            "2026-03-22T23:00:00Z", "2026-03-29T22:00:00Z");
    span_is("cost 1/month tz=Europe/Berlin", &berlin, "2026-10-31T23:30:00Z",
            "2026-10-31T23:00:00Z", "2026-11-30T23:00:00Z");

    /* the clock goes back over midnight: the day is not turned back */

    newfoundland = zone("NST3:30NDT,M4.1.0/0:01,M11.1.0/0:01", -12600);

    memset(&l, 0, sizeof(l));
    l.zone = &newfoundland;
    bad = 0;
    before = 0;
    now = at("2026-10-30");

    for (i = 0; i < 5 * 24 * 60; i++, now += 60000) {

        for (l.window = SOMA_WINDOW_DAY; l.window < SOMA_WINDOW_EVER;
             l.window++)
        {
            soma_window_span(&l, now, &start, &end);
            bad += (start > now || end <= now);

            if (l.window == SOMA_WINDOW_DAY) {
                bad += (start < before);
                before = start;
            }
        }
    }

    soma_is_int(bad, 0, "each moment lies in its window, and none turns back");

    l.window = SOMA_WINDOW_EVER;
    soma_window_span(&l, now, &start, &end);
    soma_ok(start == 1 && end == SOMA_WINDOW_NEVER, "ever");
}


static void
test_until(void)
{
    unsigned      n;
    soma_tz_t     berlin;
    const char   *error;
    soma_limit_t  l[SOMA_LIMITS_MAX];

    berlin = zone("CET-1CEST,M3.5.0,M10.5.0/3", 3600);

    soma_ok(soma_limit_list_parse(l, SOMA_LIMITS_MAX, &n,
                                str("cost 1/day until=2026-12-24;"
                                    "cost 1/week until=2026-12-24T18:00:00;"
                                    "cost 1/month until=2026-12-24T18:00:00Z "
                                    "tz=Europe/Berlin;"
                                    "cost 2/day until=2026-07-24 "
                                    "tz=Europe/Berlin"),
                                SOMA_SCOPE_TENANT, &error) == SOMA_OK && n == 4,
            "limits that end");
    soma_limit_zone(&l[2], &berlin);
    soma_limit_zone(&l[3], &berlin);
    soma_limit_zone(&l[3], &berlin);

    soma_is_int(l[0].until, at("2026-12-24"), "a date, UTC");
    soma_is_int(l[1].until, at("2026-12-24T18:00:00Z"), "a time, UTC");
    soma_is_int(l[2].until, at("2026-12-24T18:00:00Z"),
                "what has a zone needs none");
    soma_is_int(l[3].until, at("2026-07-23T22:00:00Z"),
                "a date by the limit's clock, once");
}


int
main(void)
{
    arena = soma_test_arena();

    test_names();
    test_berlin();
    test_midnight();
    test_changes();
    test_broken();
    test_windows();
    test_until();

    soma_test_arena_free(arena);

    return soma_done();
}
