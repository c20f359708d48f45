
/*
 * Copyright (C) The ngx_soma authors
 *
 * From a route to an ordered list of targets.
 */


#ifndef SOMA_ROUTE_H
#define SOMA_ROUTE_H


#include "soma_base.h"


#define SOMA_TARGETS_MAX        16      /* of one route */
#define SOMA_WEIGHT_MAX         1000


typedef enum {
    SOMA_ORDER = 0,
    SOMA_WEIGHTED,
    SOMA_CHEAPEST,              /* by what this request is likely to cost */
    SOMA_COMPLEXITY             /* in order, from the one that will do */
} soma_strategy_e;


typedef struct {
    int64_t   cost;             /* nano-USD; -1: not known.  SOMA_CHEAPEST */
    uint32_t  weight;           /* 1..SOMA_WEIGHT_MAX */
    unsigned  usable:1;         /* configured whole and healthy */
} soma_candidate_t;


/*
 * Writes the indices of the candidates to try, best first, into "order" and
 * returns how many; usable ones only, at most SOMA_TARGETS_MAX, which "order"
 * must have room for.  random: any 64 bits.
 */
unsigned soma_route_order(soma_strategy_e strategy,
    const soma_candidate_t *candidate, unsigned n, uint64_t random,
    unsigned *order);

/* targets from weak to strong, of which the one numbered "first" will do: it,
 * then the stronger ones, then the weaker ones, the strongest of them first */
void soma_route_from(unsigned *order, unsigned n, unsigned first);


#endif /* SOMA_ROUTE_H */
