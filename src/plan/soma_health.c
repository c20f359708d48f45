
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_health.h"


#define SOMA_DOUBLINGS     5        /* 10 s * 2^5 is past the longest wait */


static void soma_health_count(soma_health_all_t *all, soma_health_own_t *own,
    int64_t now, int64_t retry_after_ms);


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
soma_health_probe(soma_health_t *health, int64_t now)
{
    /* one that ends behind the longest wait is of a clock that was set */

    if (now < health->probe_until
        && health->probe_until - now <= SOMA_HEALTH_PROBE_MS)
    {
        return 0;
    }

    health->probe_until = now + SOMA_HEALTH_PROBE_MS;

    return 1;
}


void
soma_health_probe_end(soma_health_t *health, unsigned good)
{
    health->probe_until = 0;

    if (good) {
        health->open_until = 0;
        soma_health_good(health);
    }
}


int
soma_health_well(const soma_health_all_t *all, const soma_health_own_t *own)
{
    return all->health.fails == 0 && all->health.opened == 0
           && all->tenants == 0 && all->own_until == 0
           && (own == NULL
               || (own->health.fails == 0 && own->health.opened == 0));
}


void
soma_health_note_good(soma_health_all_t *all, soma_health_own_t *own)
{
    soma_health_good(&all->health);

    all->own_until = 0;
    all->tenants = 0;
    all->run++;

    if (own != NULL) {
        soma_health_good(&own->health);
    }
}


void
soma_health_note_bad(soma_health_all_t *all, soma_health_own_t *own,
    soma_evidence_e evidence, int64_t now, int64_t retry_after_ms)
{
    if (evidence == SOMA_EVIDENCE_NONE) {
        return;
    }

    if (evidence == SOMA_EVIDENCE_ALL || own == NULL) {
        soma_health_bad(&all->health, now, retry_after_ms);
        return;
    }

    soma_health_bad(&own->health, now, retry_after_ms);
    soma_health_count(all, own, now, retry_after_ms);

    if (all->own_until < own->health.open_until) {
        all->own_until = own->health.open_until;
    }
}


/* what a failure of one tenant's says about the target to all others */

static void
soma_health_count(soma_health_all_t *all, soma_health_own_t *own, int64_t now,
    int64_t retry_after_ms)
{
    if (!soma_health_usable(&all->health, now)) {
        return;
    }

    if (all->pause != all->health.open_until) {

        /* behind a pause, one tenant alone does not close it again either */

        all->pause = all->health.open_until;
        all->tenants = 0;
        all->run++;
    }

    if (own->run != all->run) {
        own->run = all->run;
        own->counted = 0;
    }

    if (own->counted == SOMA_HEALTH_SHARE) {
        return;
    }

    if (own->counted++ == 0) {
        all->tenants++;
    }

    if (all->tenants > 1) {
        soma_health_bad(&all->health, now, retry_after_ms);
        return;
    }

    if (all->health.opened == 0) {
        soma_health_bad(&all->health, now, 0);
    }
}


int64_t
soma_health_until(const soma_health_all_t *all, int64_t now)
{
    int64_t  until;

    until = 0;

    if (!soma_health_usable(&all->health, now)) {
        until = all->health.open_until;
    }

    if (until < all->own_until
        && all->own_until - now <= SOMA_HEALTH_OPEN_MAX_MS)
    {
        until = all->own_until;
    }

    return until;
}
