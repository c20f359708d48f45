
/*
 * Copyright (C) The ngx_soma authors
 *
 * The order of targets, and their health.
 */


#include "soma_route.h"


#define SOMA_STATUS_LOW    400      /* what retry_on may name */
#define SOMA_STATUS_HIGH   599
#define SOMA_DOUBLINGS     5        /* 10 s * 2^5 is past the longest wait */


__extension__ typedef unsigned __int128  soma_uwide_t;


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
    }

    return count;
}


int
soma_health_usable(const soma_health_t *health, int64_t now)
{
    if (now >= health->open_until) {
        return 1;
    }

    /* no pause is that long: the clock was set back */
    return now < health->open_until - SOMA_HEALTH_OPEN_MAX_MS;
}


void
soma_health_good(soma_health_t *health)
{
    health->fails = 0;
    health->opened = 0;
}


void
soma_health_bad(soma_health_t *health, int64_t now, int64_t retry_after_ms)
{
    int64_t   pause;
    uint32_t  doublings;

    pause = 0;

    /* those that were on their way when it opened say nothing new */
    if (soma_health_usable(health, now)) {

        if (health->open_until > now) {
            health->open_until = now;
        }

        if (health->fails < UINT32_MAX) {
            health->fails++;
        }

        if (health->fails >= SOMA_HEALTH_FAILS || health->opened != 0) {
            doublings = (health->opened < SOMA_DOUBLINGS) ? health->opened
                                                          : SOMA_DOUBLINGS;
            pause = (int64_t) SOMA_HEALTH_OPEN_MS << doublings;

            if (pause > SOMA_HEALTH_OPEN_MAX_MS) {
                pause = SOMA_HEALTH_OPEN_MAX_MS;
            }

            if (health->opened < UINT32_MAX) {
                health->opened++;
            }
        }
    }

    if (retry_after_ms > SOMA_HEALTH_OPEN_MAX_MS) {
        retry_after_ms = SOMA_HEALTH_OPEN_MAX_MS;
    }

    if (pause < retry_after_ms) {
        pause = retry_after_ms;
    }

    if (pause > 0 && health->open_until < now + pause) {
        health->open_until = now + pause;
    }
}


int
soma_retry_parse(soma_retry_t *retry, soma_str_t word)
{
    int64_t     status;
    soma_str_t  number;

    if (soma_str_is(word, "error")) {
        retry->error = 1;
        return SOMA_OK;
    }

    if (soma_str_is(word, "timeout")) {
        retry->timeout = 1;
        return SOMA_OK;
    }

    if (soma_str_is(word, "http_5xx")) {
        retry->http_5xx = 1;
        return SOMA_OK;
    }

    if (soma_str_is(word, "http_4xx")) {
        retry->http_4xx = 1;
        return SOMA_OK;
    }

    if (word.len != sizeof("http_NNN") - 1
        || memcmp(word.data, "http_", sizeof("http_") - 1) != 0)
    {
        return SOMA_ERROR;
    }

    number.data = word.data + sizeof("http_") - 1;
    number.len = word.len - (sizeof("http_") - 1);

    if (soma_parse_int(number, &status) != SOMA_OK
        || status < SOMA_STATUS_LOW
        || status > SOMA_STATUS_HIGH)
    {
        return SOMA_ERROR;
    }

    if (soma_retry_status(retry, (int) status)) {
        return SOMA_OK;
    }

    if (retry->nstatus == SOMA_RETRY_STATUS_MAX) {
        return SOMA_DECLINED;
    }

    retry->status[retry->nstatus++] = (uint16_t) status;

    return SOMA_OK;
}


int
soma_retry_status(const soma_retry_t *retry, int status)
{
    unsigned  i;

    if (retry->http_5xx && status >= 500 && status <= SOMA_STATUS_HIGH) {
        return 1;
    }

    if (retry->http_4xx && status >= SOMA_STATUS_LOW && status < 500) {
        return 1;
    }

    for (i = 0; i < retry->nstatus; i++) {
        if (retry->status[i] == status) {
            return 1;
        }
    }

    return 0;
}
