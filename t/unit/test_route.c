
/*
 * Copyright (C) The ngx_soma authors
 *
 * The order of targets.
 */


#include "soma_route.h"
#include "soma_test.h"


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


/* what will do is first, a stronger one takes its place, a weaker one last */

static void
test_from(void)
{
    size_t    i;
    unsigned  k, order[SOMA_TARGETS_MAX];

    static const struct {
        unsigned  n, order[4], first, want[4];
    } cases[] = {
        { 4, { 0, 1, 2, 3 }, 0, { 0, 1, 2, 3 } },
        { 4, { 0, 1, 2, 3 }, 2, { 2, 3, 1, 0 } },
        { 4, { 0, 1, 2, 3 }, 3, { 3, 2, 1, 0 } },
        { 3, { 0, 1, 3 }, 2, { 3, 1, 0 } },
        { 2, { 0, 1 }, 3, { 1, 0 } },
        { 1, { 2 }, 0, { 2 } },
        { 0, { 0 }, 1, { 0 } }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memcpy(order, cases[i].order, sizeof(cases[i].order));
        soma_route_from(order, cases[i].n, cases[i].first);

        for (k = 0; k < cases[i].n; k++) {
            soma_is_int(order[k], cases[i].want[k], "case %zu, place %u", i,
                        k);
        }
    }
}


static void
test_cheapest(void)
{
    unsigned          i, n, order[SOMA_TARGETS_MAX];
    soma_candidate_t  c[6];

    static const int64_t   cost[6] = { 30, -1, 10, 10, 0, 5 };
    static const unsigned  want[5] = { 4, 2, 3, 0, 1 };

    memset(c, 0, sizeof(c));

    for (i = 0; i < 6; i++) {
        c[i].cost = cost[i];
        c[i].usable = (i != 5);
    }

    n = soma_route_order(SOMA_CHEAPEST, c, 6, soma_rnd(), order);
    soma_is_int(n, 5, "the usable ones");

    for (i = 0; i < n; i++) {
        soma_is_int(order[i], want[i], "by cost, place %u", i);
    }
}


int
main(void)
{
    test_cheapest();
    test_from();
    test_order();
    test_weighted();

    return soma_done();
}
