
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a failure means: whether the next target is tried, and whose breaker
 * counts it.
 */


#include "soma_health.h"
#include "soma_test.h"


#define NOW    1795230245678


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


/* a failure each of these tenants, as often as said */

static void
fail(soma_health_all_t *all, soma_health_own_t *own, int times, int64_t now)
{
    while (times--) {
        soma_health_note_bad(all, own, SOMA_EVIDENCE_TENANT, now, 0);
    }
}


static void
test_tenants(void)
{
    soma_health_all_t  all;
    soma_health_own_t  a, b;

    memset(&all, 0, sizeof(all));
    memset(&a, 0, sizeof(a));
    memset(&b, 0, sizeof(b));

    soma_ok(soma_health_well(&all, NULL) && soma_health_well(&all, &a),
            "zeroed, there is nothing to forget");

    fail(&all, &a, 1000, NOW);
    soma_ok(!soma_health_usable(&a.health, NOW),
            "who fails alone closes the target to itself");
    soma_ok(soma_health_usable(&all.health, NOW), "and to nobody else");
    soma_is_int(soma_health_until(&all, NOW), NOW + SOMA_HEALTH_OPEN_MS,
                "but who watches is told");
    soma_ok(!soma_health_well(&all, NULL), "and a success has something to "
            "forget");

    fail(&all, &b, 1, NOW);
    soma_ok(soma_health_usable(&all.health, NOW),
            "one failure of another is not enough, however many one had");
    fail(&all, &b, 1, NOW);
    soma_ok(!soma_health_usable(&all.health, NOW),
            "two of another and three of the first close it to all");
    soma_ok(soma_health_usable(&b.health, NOW), "the other had but two");

    fail(&all, &a, 1000, NOW + SOMA_HEALTH_OPEN_MS);
    soma_ok(soma_health_usable(&all.health, NOW + SOMA_HEALTH_OPEN_MS),
            "behind the pause one tenant alone does not close it again");
    fail(&all, &b, 1, NOW + SOMA_HEALTH_OPEN_MS);
    soma_is_int(all.health.open_until, NOW + 3 * SOMA_HEALTH_OPEN_MS,
                "the first failure of a second one does, for twice as long");

    soma_health_note_good(&all, &b);
    soma_is_int(all.own_until, 0, "a success is told to who watches");
    fail(&all, &a, 3, NOW + 3 * SOMA_HEALTH_OPEN_MS);
    fail(&all, &b, 1, NOW + 3 * SOMA_HEALTH_OPEN_MS);
    soma_ok(soma_health_usable(&all.health, NOW + 3 * SOMA_HEALTH_OPEN_MS),
            "and begins anew");

    memset(&all, 0, sizeof(all));
    memset(&a, 0, sizeof(a));
    memset(&b, 0, sizeof(b));

    soma_health_note_bad(&all, &a, SOMA_EVIDENCE_TENANT, NOW, 60000);
    soma_is_int(a.health.open_until, NOW + 60000,
                "a Retry-After is the pause of who got it");
    soma_ok(soma_health_usable(&all.health, NOW), "not of the others");
    soma_health_note_bad(&all, &b, SOMA_EVIDENCE_TENANT, NOW, 60000);
    soma_is_int(all.health.open_until, NOW + 60000,
                "but when two got one it is for all");

    memset(&all, 0, sizeof(all));
    memset(&a, 0, sizeof(a));
    soma_health_note_bad(&all, &a, SOMA_EVIDENCE_NONE, NOW, 60000);
    soma_ok(soma_health_well(&all, &a), "the client's own fault is nothing");

    while (soma_health_usable(&all.health, NOW)) {
        soma_health_note_bad(&all, &a, SOMA_EVIDENCE_ALL, NOW, 0);
    }

    soma_is_int(all.health.fails, SOMA_HEALTH_FAILS,
                "a refused connection speaks for all tenants");
    soma_is_int(a.health.fails, 0, "and of none in particular");
}


static void
test_probe(void)
{
    soma_health_t  h;

    memset(&h, 0, sizeof(h));
    soma_health_bad(&h, NOW, 60000);

    soma_ok(soma_health_probe(&h, NOW), "one may look");
    soma_ok(!soma_health_probe(&h, NOW + 1000), "one at a time");
    soma_health_probe_end(&h, 0);
    soma_ok(!soma_health_usable(&h, NOW + 1000), "it failed: still closed");
    soma_ok(soma_health_probe(&h, NOW + 1000), "the next one may look");
    soma_ok(soma_health_probe(&h, NOW + 1000 + SOMA_HEALTH_PROBE_MS),
            "a probe that never came back is forgotten");
    soma_ok(soma_health_probe(&h, NOW - 86400000),
            "so is one of a clock that was set back");
    soma_health_probe_end(&h, 1);
    soma_ok(soma_health_usable(&h, NOW + 2000), "a good one opens it at once");
}


static int
may(const soma_retry_t *retry, soma_fail_e fail, int status)
{
    soma_retry_facts_t  facts = { retry, fail, status, 1, 0 };

    return soma_retry_may(&facts);
}


static int
early(const soma_retry_t *retry, soma_fail_e fail, int status, unsigned left)
{
    soma_retry_facts_t  facts = { retry, fail, status, left, 0 };

    return soma_retry_early(&facts);
}


static void
test_facts(void)
{
    soma_retry_t        r;
    soma_retry_facts_t  facts;

    memset(&r, 0, sizeof(r));
    memset(&facts, 0, sizeof(facts));

    r.error = 1;
    facts.retry = &r;
    facts.fail = SOMA_FAIL_LOST;

    soma_ok(!soma_retry_may(&facts) && !soma_retry_left(&facts),
            "no target is left");
    facts.left = 2;
    soma_ok(soma_retry_may(&facts) && soma_retry_left(&facts), "two are");
    facts.gone = 1;
    soma_ok(!soma_retry_may(&facts) && !soma_retry_left(&facts),
            "a client that has left is asked for nowhere else");

    soma_ok(early(&r, SOMA_FAIL_ANSWER, 204, 0),
            "what is no answer needs no look");
    soma_ok(early(&r, SOMA_FAIL_AUTH, 401, 0)
            && early(&r, SOMA_FAIL_AUTH, 402, 1), "nor does a refused key");
    soma_ok(!early(&r, SOMA_FAIL_AUTH, 403, 1),
            "the body of a 403 may speak of the request");
    soma_ok(!early(&r, SOMA_FAIL_STATUS, 429, 1),
            "an error for the client has to be read");

    (void) soma_retry_parse(&r, str("http_403"));
    (void) soma_retry_parse(&r, str("http_429"));

    soma_ok(early(&r, SOMA_FAIL_AUTH, 403, 1)
            && early(&r, SOMA_FAIL_STATUS, 429, 1),
            "what retry_on names moves on at once");
    soma_ok(!early(&r, SOMA_FAIL_AUTH, 403, 0)
            && !early(&r, SOMA_FAIL_STATUS, 429, 0),
            "but not from the last target");
    soma_ok(!early(&r, SOMA_FAIL_NONE, 200, 1), "a good one stays");
}


static void
test_meaning(void)
{
    soma_retry_t  r;

    memset(&r, 0, sizeof(r));

    soma_ok(soma_retry_fail(200) == SOMA_FAIL_NONE
            && soma_retry_fail(201) == SOMA_FAIL_NONE
            && soma_retry_fail(204) == SOMA_FAIL_ANSWER
            && soma_retry_fail(205) == SOMA_FAIL_ANSWER
            && soma_retry_fail(301) == SOMA_FAIL_ANSWER
            && soma_retry_fail(304) == SOMA_FAIL_ANSWER
            && soma_retry_fail(101) == SOMA_FAIL_ANSWER
            && soma_retry_fail(999) == SOMA_FAIL_ANSWER
            && soma_retry_fail(0) == SOMA_FAIL_ANSWER,
            "what no body can follow, or nobody asked for, is no answer");
    soma_ok(soma_retry_fail(401) == SOMA_FAIL_AUTH
            && soma_retry_fail(402) == SOMA_FAIL_AUTH
            && soma_retry_fail(403) == SOMA_FAIL_AUTH
            && soma_retry_fail(407) == SOMA_FAIL_AUTH
            && soma_retry_fail(400) == SOMA_FAIL_STATUS
            && soma_retry_fail(599) == SOMA_FAIL_STATUS, "errors");

    soma_ok(may(&r, SOMA_FAIL_AUTH, 401),
            "a refused key moves on without a word of retry_on");
    soma_ok(!may(&r, SOMA_FAIL_CONNECT, 0)
            && !may(&r, SOMA_FAIL_TIMEOUT, 0)
            && !may(&r, SOMA_FAIL_ANSWER, 200)
            && !may(&r, SOMA_FAIL_STATUS, 500)
            && !may(&r, SOMA_FAIL_NONE, 0), "nothing else does");

    r.error = 1;
    soma_ok(may(&r, SOMA_FAIL_CONNECT, 0)
            && may(&r, SOMA_FAIL_LOST, 0)
            && may(&r, SOMA_FAIL_ANSWER, 200)
            && !may(&r, SOMA_FAIL_TIMEOUT, 0), "error");
    r.timeout = 1;
    soma_ok(may(&r, SOMA_FAIL_TIMEOUT, 0), "timeout");
    r.http_5xx = 1;
    soma_ok(may(&r, SOMA_FAIL_STATUS, 500)
            && !may(&r, SOMA_FAIL_STATUS, 429), "a status");

    soma_ok(soma_retry_evidence(SOMA_FAIL_CONNECT, 0) == SOMA_EVIDENCE_ALL
            && soma_retry_evidence(SOMA_FAIL_AUTH, 401) == SOMA_EVIDENCE_ALL,
            "what no request can make");
    soma_ok(soma_retry_evidence(SOMA_FAIL_AUTH, 403) == SOMA_EVIDENCE_TENANT
            && soma_retry_evidence(SOMA_FAIL_LOST, 0) == SOMA_EVIDENCE_TENANT
            && soma_retry_evidence(SOMA_FAIL_TIMEOUT, 0)
               == SOMA_EVIDENCE_TENANT
            && soma_retry_evidence(SOMA_FAIL_ANSWER, 200)
               == SOMA_EVIDENCE_TENANT
            && soma_retry_evidence(SOMA_FAIL_STATUS, 429)
               == SOMA_EVIDENCE_TENANT
            && soma_retry_evidence(SOMA_FAIL_STATUS, 503)
               == SOMA_EVIDENCE_TENANT, "what one can");
    soma_ok(soma_retry_evidence(SOMA_FAIL_STATUS, 400) == SOMA_EVIDENCE_NONE
            && soma_retry_evidence(SOMA_FAIL_STATUS, 404)
               == SOMA_EVIDENCE_NONE
            && soma_retry_evidence(SOMA_FAIL_STATUS, 422)
               == SOMA_EVIDENCE_NONE
            && soma_retry_evidence(SOMA_FAIL_NONE, 0) == SOMA_EVIDENCE_NONE,
            "what is the client's own");
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
    test_breaker();
    test_retry_after();
    test_tenants();
    test_probe();
    test_facts();
    test_meaning();
    test_retry();

    return soma_done();
}
