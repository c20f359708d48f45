
/*
 * Copyright (C) The ngx_soma authors
 *
 * The order of targets.
 */


#include "soma_route.h"


__extension__ typedef unsigned __int128  soma_uwide_t;


static void soma_route_sort(const soma_candidate_t *candidate,
    unsigned *order, unsigned n);
static uint64_t soma_random_next(uint64_t *state);
static uint32_t soma_weight(const soma_candidate_t *candidate);
static void soma_route_shuffle(const soma_candidate_t *candidate,
    unsigned *order, unsigned n, uint64_t random);


/* a Weyl sequence whose steps are mixed: each draw of one request is its
 * own, whatever the 64 bits it began with */
static uint64_t
soma_random_next(uint64_t *state)
{
    uint64_t  z;

    *state += 0x9e3779b97f4a7c15u;

    z = *state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;

    return z ^ (z >> 31);
}


static uint32_t
soma_weight(const soma_candidate_t *candidate)
{
    if (candidate->weight == 0) {
        return 1;
    }

    return (candidate->weight < SOMA_WEIGHT_MAX) ? candidate->weight
                                                 : SOMA_WEIGHT_MAX;
}


/*
 * Draws without putting back: each place goes to one of those left with the
 * chance of its weight among theirs.
 */
static void
soma_route_shuffle(const soma_candidate_t *candidate, unsigned *order,
    unsigned n, uint64_t random)
{
    unsigned  i, k, drawn;
    uint64_t  total, point;

    total = 0;

    for (i = 0; i < n; i++) {
        total += soma_weight(&candidate[order[i]]);
    }

    for (i = 0; i + 1 < n; i++) {
        /* scaled by a multiplication: a remainder would favour the first */
        point = (uint64_t) (((soma_uwide_t) soma_random_next(&random) * total)
                            >> 64);

        k = i;

        while (point >= soma_weight(&candidate[order[k]])) {
            point -= soma_weight(&candidate[order[k]]);
            k++;
        }

        drawn = order[k];

        for ( /* void */ ; k > i; k--) {
            order[k] = order[k - 1];
        }

        order[i] = drawn;
        total -= soma_weight(&candidate[drawn]);
    }
}


/* the cheapest first; equals as they stand, and last what has no price */

static void
soma_route_sort(const soma_candidate_t *candidate, unsigned *order,
    unsigned n)
{
    unsigned  i, k, taken;
    uint64_t  cost;

    for (i = 1; i < n; i++) {
        taken = order[i];
        cost = (uint64_t) candidate[taken].cost;

        for (k = i; k > 0 && (uint64_t) candidate[order[k - 1]].cost > cost;
             k--)
        {
            order[k] = order[k - 1];
        }

        order[k] = taken;
    }
}


unsigned
soma_route_order(soma_strategy_e strategy, const soma_candidate_t *candidate,
    unsigned n, uint64_t random, unsigned *order)
{
    unsigned  i, count;

    count = 0;

    for (i = 0; i < n && count < SOMA_TARGETS_MAX; i++) {
        if (candidate[i].usable) {
            order[count++] = i;
        }
    }

    if (strategy == SOMA_WEIGHTED) {
        soma_route_shuffle(candidate, order, count, random);

    } else if (strategy == SOMA_CHEAPEST) {
        soma_route_sort(candidate, order, count);
    }

    return count;
}


void
soma_route_from(unsigned *order, unsigned n, unsigned first)
{
    unsigned  i, k, weaker, copy[SOMA_TARGETS_MAX];

    for (weaker = 0; weaker < n && order[weaker] < first; weaker++) {
        copy[weaker] = order[weaker];
    }

    for (i = weaker, k = 0; i < n; i++) {
        order[k++] = order[i];
    }

    while (weaker > 0) {
        order[k++] = copy[--weaker];
    }
}
