
/*
 * Copyright (C) The ngx_soma authors
 *
 * The health by which a target is passed over for a while.
 *
 * What fails may be the target, or what is asked of it: a prompt that a
 * server dies of, a rate that one oversized request passes alone.  So each
 * tenant has a breaker of its own for each target, and the one that all
 * tenants share wants failures of more than one of them, or such as no
 * request can make.
 */


#ifndef SOMA_HEALTH_H
#define SOMA_HEALTH_H


#include "soma_base.h"
#include "soma_retry.h"


#define SOMA_HEALTH_FAILS       5       /* in a row open the breaker */
#define SOMA_HEALTH_SHARE       3       /* of them, one tenant's at most */
#define SOMA_HEALTH_OPEN_MS     10000
#define SOMA_HEALTH_OPEN_MAX_MS 300000  /* longest Retry-After believed */
#define SOMA_HEALTH_PROBE_MS    30000   /* then a probe counts as lost */


/* one breaker; lives in shared memory, zeroed means healthy */
typedef struct {
    int64_t   open_until;       /* ms UTC */
    int64_t   probe_until;      /* ms UTC: a request is let through */
    uint32_t  fails;            /* in a row */
    uint32_t  opened;           /* how often, in a row */
} soma_health_t;


/* a target as one tenant knows it */
typedef struct {
    soma_health_t  health;
    uint32_t       run;         /* the target's that it counted in */
    uint32_t       counted;     /* failures in that run, SHARE at most */
} soma_health_own_t;


/* a target as all know it */
typedef struct {
    soma_health_t  health;
    int64_t        own_until;   /* ms UTC: the longest pause of any tenant's
                                   since the last success */
    int64_t        pause;       /* ms UTC: the end of the last pause that a
                                   run began behind */
    uint32_t       run;         /* of failures without a success */
    uint32_t       tenants;     /* that failed in this run */
} soma_health_all_t;


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

/*
 * A closed target that nobody else can take the place of is asked all the
 * same, by one request at a time.  1: this one may; its end is told by _end()
 * in any case, and good: the target is well again.
 */
int soma_health_probe(soma_health_t *health, int64_t now);
void soma_health_probe_end(soma_health_t *health, unsigned good);

/* own may be NULL: of a tenant without failures, or one nobody can keep */
void soma_health_note_good(soma_health_all_t *all, soma_health_own_t *own);
void soma_health_note_bad(soma_health_all_t *all, soma_health_own_t *own,
    soma_evidence_e evidence, int64_t now, int64_t retry_after_ms);

/* 1: soma_health_note_good() has nothing to do */
int soma_health_well(const soma_health_all_t *all,
    const soma_health_own_t *own);

/* when a target is usable again by all tenants, for who watches it; not
 * later than now: it is */
int64_t soma_health_until(const soma_health_all_t *all, int64_t now);


#endif /* SOMA_HEALTH_H */
