
/*
 * Copyright (C) The ngx_soma authors
 *
 * The order of targets, the breaker, retry_on.
 */


#include "soma_route.h"
#include "soma_test.h"


#define NOW    1795230245678
#define DRAWS  200000


static void
test_order(void)
{
    unsigned          n, order[SOMA_TARGETS_MAX];
    soma_candidate_t  c[SOMA_TARGETS_MAX + 4];

    memset(c, 0, sizeof(c));

    n = soma_route_order(SOMA_ORDER, c, 3, 1, order);
    soma_is_int(n, 0, "none usable");
    n = soma_route_order(SOMA_WEIGHTED, c, 3, 1, order);
    soma_is_int(n, 0, "none usable, weighted");
    n = soma_route_order(SOMA_WEIGHTED, c, 0, 1, order);
    soma_is_int(n, 0, "none at all");

    c[0].usable = 1;
    c[2].usable = 1;
    c[3].usable = 1;
    n = soma_route_order(SOMA_ORDER, c, 4, soma_rnd(), order);
    soma_ok(n == 3 && order[0] == 0 && order[1] == 2 && order[2] == 3,
            "as configured, without the closed one");

    for (n = 0; n < SOMA_TARGETS_MAX + 4; n++) {
        c[n].usable = 1;
        c[n].weight = 1;
    }

    n = soma_route_order(SOMA_WEIGHTED, c, SOMA_TARGETS_MAX + 4, soma_rnd(),
                         order);
    soma_is_int(n, SOMA_TARGETS_MAX, "never more than there is room for");
}


/* weights 1, 2, 3 and 4 (and one closed): the chance of each first and of
 * each second place, against the exact ones */
static void
test_weighted(void)
{
    int               i, fails;
    double            p;
    unsigned          n, a, b, seen, order[SOMA_TARGETS_MAX];
    unsigned          first[5], second[5][5];
    soma_candidate_t  c[5];

    static const unsigned  weight[5] = { 1, 2, 1000, 3, 4 };

    memset(first, 0, sizeof(first));
    memset(second, 0, sizeof(second));
    memset(c, 0, sizeof(c));

    for (a = 0; a < 5; a++) {
        c[a].weight = weight[a];
        c[a].usable = (a != 2);
    }

    fails = 0;

    for (i = 0; i < DRAWS; i++) {
        /* a poor source: the numbers of one worker's counter */
        n = soma_route_order(SOMA_WEIGHTED, c, 5, (uint64_t) i, order);
        seen = 0;

        for (a = 0; a < n; a++) {
            seen |= 1u << order[a];
        }

        fails += (n != 4 || seen != 0x1b);
        first[order[0]]++;
        second[order[0]][order[1]]++;
    }

    soma_is_int(fails, 0, "each usable one once");

    fails = 0;

    for (a = 0; a < 5; a++) {

        if (a == 2) {
            continue;
        }

        p = weight[a] / 10.0;
        fails += (first[a] < (p - 0.01) * DRAWS
                  || first[a] > (p + 0.01) * DRAWS);

        for (b = 0; b < 5; b++) {

            if (b == 2 || b == a) {
                continue;
            }

            p = weight[a] / 10.0 * weight[b] / (10.0 - weight[a]);
            fails += (second[a][b] < (p - 0.01) * DRAWS
                      || second[a][b] > (p + 0.01) * DRAWS);
        }
    }

    soma_is_int(fails, 0, "places by weight");

    memset(c, 0, sizeof(c));
    c[0].usable = 1;
    c[1].usable = 1;
    c[1].weight = 1000000;
    first[0] = 0;

    for (i = 0; i < DRAWS; i++) {
        (void) soma_route_order(SOMA_WEIGHTED, c, 2, soma_rnd(), order);
        first[0] += (order[0] == 0);
    }

    soma_ok(first[0] > 100 && first[0] < 400,
            "weights out of range are brought into it");
}


static void
test_breaker(void)
{
    int            i;
    int64_t        now, pause, last;
    soma_health_t  h;

    memset(&h, 0, sizeof(h));
    now = NOW;

    soma_ok(soma_health_usable(&h, now), "zeroed is healthy");

    for (i = 0; i < SOMA_HEALTH_FAILS - 1; i++) {
        soma_health_bad(&h, now, 0);
    }

    soma_ok(soma_health_usable(&h, now), "four failures are no rule");
    soma_health_good(&h);
    soma_health_bad(&h, now, 0);
    soma_ok(soma_health_usable(&h, now), "a success begins anew");

    for (i = 0; i < SOMA_HEALTH_FAILS - 1; i++) {
        soma_health_bad(&h, now, 0);
    }

    soma_ok(!soma_health_usable(&h, now), "the fifth in a row closes it");
    soma_is_int(h.open_until - now, SOMA_HEALTH_OPEN_MS, "for a while");

    for (i = 0; i < 100; i++) {
        soma_health_bad(&h, now + i, 0);
    }

    soma_is_int(h.open_until - now, SOMA_HEALTH_OPEN_MS,
                "those under way do not add to it");

    last = SOMA_HEALTH_OPEN_MS;

    for (i = 0; i < 40; i++) {
        now = h.open_until;

        if (soma_health_usable(&h, now - 1) || !soma_health_usable(&h, now)) {
            break;
        }

        soma_health_bad(&h, now, 0);
        pause = h.open_until - now;

        if (pause != (2 * last < SOMA_HEALTH_OPEN_MAX_MS
                      ? 2 * last : SOMA_HEALTH_OPEN_MAX_MS))
        {
            break;
        }

        last = pause;
    }

    soma_is_int(i, 40, "one failure after the pause doubles it, up to 5 m");
    soma_is_int(last, SOMA_HEALTH_OPEN_MAX_MS, "the longest pause");

    now = h.open_until;
    soma_health_good(&h);
    soma_ok(soma_health_usable(&h, now), "a success after the pause");
    soma_health_bad(&h, now, 0);
    soma_ok(soma_health_usable(&h, now), "and one failure is one again");
}


static void
test_retry_after(void)
{
    soma_health_t  h;

    memset(&h, 0, sizeof(h));

    soma_health_bad(&h, NOW, 7000);
    soma_is_int(h.open_until, NOW + 7000, "Retry-After closes at once");
    soma_health_bad(&h, NOW + 1000, 2000);
    soma_is_int(h.open_until, NOW + 7000, "a shorter one later changes none");
    soma_health_bad(&h, NOW + 1000, 9000);
    soma_is_int(h.open_until, NOW + 10000, "a longer one does");
    soma_health_good(&h);
    soma_ok(!soma_health_usable(&h, NOW + 2000),
            "an answer begun before does not undo it");
    soma_ok(soma_health_usable(&h, NOW + 10000), "until it is over");
    soma_health_bad(&h, NOW + 10000, 0);
    soma_ok(soma_health_usable(&h, NOW + 10000),
            "a pause asked for is no failure of the target");

    soma_health_bad(&h, NOW + 10000, INT64_MAX);
    soma_is_int(h.open_until, NOW + 10000 + SOMA_HEALTH_OPEN_MAX_MS,
                "nobody is believed for ever");
    soma_health_bad(&h, NOW + 10000, -5);
    soma_is_int(h.open_until, NOW + 10000 + SOMA_HEALTH_OPEN_MAX_MS,
                "nor below 0");

    soma_ok(soma_health_usable(&h, NOW - 86400000),
            "a clock set back a day does not close it for a day");
    soma_health_bad(&h, NOW - 86400000, 0);
    soma_ok(h.open_until <= NOW - 86400000, "and a failure then is one");

    memset(&h, 0, sizeof(h));
    h.fails = UINT32_MAX;
    h.opened = UINT32_MAX;
    soma_health_bad(&h, NOW, 0);
    soma_ok(h.fails == UINT32_MAX && h.opened == UINT32_MAX
            && h.open_until == NOW + SOMA_HEALTH_OPEN_MAX_MS,
            "counters stop at their end");
}


static void
test_retry(void)
{
    size_t        i;
    char          word[16];
    soma_retry_t  r;

    static const char *const  bad[] = {
        "", "errors", "http_", "http_5x", "http_399", "http_600", "http_200",
        "http_4291", "http_-42", "http_xxx", "HTTP_500", "http_5XX", "off"
    };

    memset(&r, 0, sizeof(r));

    soma_ok(soma_retry_parse(&r, str("error")) == SOMA_OK && r.error
            && soma_retry_parse(&r, str("timeout")) == SOMA_OK && r.timeout
            && soma_retry_parse(&r, str("http_403")) == SOMA_OK
            && soma_retry_parse(&r, str("http_429")) == SOMA_OK
            && soma_retry_parse(&r, str("http_429")) == SOMA_OK
            && r.nstatus == 2, "words");
    soma_ok(soma_retry_status(&r, 403) && soma_retry_status(&r, 429)
            && !soma_retry_status(&r, 404) && !soma_retry_status(&r, 500)
            && !soma_retry_status(&r, 200), "statuses by number");

    soma_is_int(soma_retry_parse(&r, str("http_5xx")), SOMA_OK, "http_5xx");
    soma_ok(soma_retry_status(&r, 500) && soma_retry_status(&r, 599)
            && !soma_retry_status(&r, 600) && !soma_retry_status(&r, 499),
            "all of 5xx");
    soma_is_int(soma_retry_parse(&r, str("http_503")), SOMA_OK, "http_503");
    soma_is_int(r.nstatus, 2, "is in 5xx already");

    soma_is_int(soma_retry_parse(&r, str("http_4xx")), SOMA_OK, "http_4xx");
    soma_ok(soma_retry_status(&r, 400) && soma_retry_status(&r, 499)
            && !soma_retry_status(&r, 399), "all of 4xx");

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        soma_is_int(soma_retry_parse(&r, str(bad[i])), SOMA_ERROR,
                    "unknown: \"%s\"", bad[i]);
    }

    memset(&r, 0, sizeof(r));

    for (i = 0; i < SOMA_RETRY_STATUS_MAX; i++) {
        snprintf(word, sizeof(word), "http_%d", 400 + (int) i);
        (void) soma_retry_parse(&r, str(word));
    }

    soma_is_int(r.nstatus, SOMA_RETRY_STATUS_MAX, "so many");
    soma_is_int(soma_retry_parse(&r, str("http_500")), SOMA_DECLINED,
                "and no more");
    soma_is_int(soma_retry_parse(&r, str("http_400")), SOMA_OK,
                "but again what is there");
}


int
main(void)
{
    test_order();
    test_weighted();
    test_breaker();
    test_retry_after();
    test_retry();

    return soma_done();
}
