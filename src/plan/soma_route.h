
/*
 * Copyright (C) The ngx_soma authors
 *
 * From a route to an ordered list of targets, and the health by which a
 * target is passed over for a while.
 */


#ifndef SOMA_ROUTE_H
#define SOMA_ROUTE_H


#include "soma_base.h"


#define SOMA_TARGETS_MAX        16      /* of one route */
#define SOMA_WEIGHT_MAX         1000
#define SOMA_RETRY_STATUS_MAX   8
#define SOMA_HEALTH_FAILS       5       /* in a row open the breaker */
#define SOMA_HEALTH_OPEN_MS     10000
#define SOMA_HEALTH_OPEN_MAX_MS 300000  /* longest Retry-After believed */


typedef enum {
    SOMA_ORDER = 0,
    SOMA_WEIGHTED
} soma_strategy_e;


/* lives in shared memory; zeroed means healthy */
typedef struct {
    int64_t   open_until;       /* ms UTC */
    uint32_t  fails;            /* in a row */
    uint32_t  opened;           /* how often, in a row */
} soma_health_t;


typedef struct {
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

/*
 * SOMA_HEALTH_FAILS failures in a row close a target for
 * SOMA_HEALTH_OPEN_MS.  It is then usable again, and one more failure closes
 * it at once for twice as long, up to SOMA_HEALTH_OPEN_MAX_MS; one success
 * and all is forgotten, except that a pause that runs is sat out: an answer
 * begun before does not undo it.  Failures of what was under way when a
 * target closed do not count.  A Retry-After closes it by itself.
 */
int soma_health_usable(const soma_health_t *health, int64_t now);
void soma_health_good(soma_health_t *health);

/* retry_after_ms: what the provider asked for, 0: nothing */
void soma_health_bad(soma_health_t *health, int64_t now,
    int64_t retry_after_ms);


/* retry_on error timeout http_403 http_429 http_5xx http_NNN */
typedef struct {
    unsigned  error:1;
    unsigned  timeout:1;
    unsigned  http_5xx:1;
    unsigned  http_4xx:1;
    uint16_t  status[SOMA_RETRY_STATUS_MAX];
    unsigned  nstatus;
} soma_retry_t;

/* one word; SOMA_ERROR: unknown (the http_NNN are 400 to 599);
 * SOMA_DECLINED: more than SOMA_RETRY_STATUS_MAX different ones */
int soma_retry_parse(soma_retry_t *retry, soma_str_t word);
int soma_retry_status(const soma_retry_t *retry, int status);


#endif /* SOMA_ROUTE_H */
