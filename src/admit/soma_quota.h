
/*
 * Copyright (C) The ngx_soma authors
 *
 * The one engine for limits: an amount of requests, tokens, cost or
 * concurrency, in a window, for a scope.  Rates (second, minute, hour) are
 * token buckets, budgets (day, month) calendar windows in UTC, concurrency
 * is what is held now.  This file is the arithmetic of one state; where the
 * states live is the caller's.
 */


#ifndef SOMA_QUOTA_H
#define SOMA_QUOTA_H


#include "soma_base.h"


/* 9e15, 9,000,000 USD in nano: Redis' scripts count exactly to 2^53 */
#define SOMA_LIMIT_MAX       9000000000000000

#define SOMA_LIMIT_WORDS     3          /* amount, number/window, per= */
#define SOMA_LIMITS_MAX      8          /* in one text of limits */
#define SOMA_QUOTA_SKEW_MS   10000      /* clocks of workers differ by less */
#define SOMA_QUOTA_BUSY_MS   1000       /* when to try again for a slot */
#define SOMA_QUOTA_DEBT_MAX  ((int64_t) 1 << 62)


typedef enum {
    SOMA_REQUESTS = 0,
    SOMA_TOKENS,
    SOMA_COST,                      /* nano-USD */
    SOMA_CONCURRENCY,
    SOMA_AMOUNTS
} soma_amount_e;

typedef enum {
    SOMA_WINDOW_NONE = 0,           /* concurrency */
    SOMA_WINDOW_SECOND,
    SOMA_WINDOW_MINUTE,
    SOMA_WINDOW_HOUR,
    SOMA_WINDOW_DAY,
    SOMA_WINDOW_MONTH
} soma_window_e;

typedef enum {
    SOMA_SCOPE_TENANT = 0,
    SOMA_SCOPE_USER,
    SOMA_SCOPE_KEY,
    SOMA_SCOPE_MODEL,
    SOMA_SCOPE_PROVIDER
} soma_scope_e;


typedef struct {
    soma_amount_e  amount;
    soma_window_e  window;
    soma_scope_e   per;
    int64_t        limit;           /* in the amount's unit */
    soma_str_t     text;            /* "requests 600/minute per=user" or
                                       null; the caller's */
} soma_limit_t;


/* one scope's state under one limit; zeroed means untouched */
typedef struct {
    int64_t  level;     /* bucket: left; window, concurrency: used */
    int64_t  since;     /* ms UTC; bucket: last refill; window: its start */
    int64_t  spare;     /* bucket: remainder of the refill division */
} soma_quota_t;


typedef struct {
    int64_t  remaining; /* after this request, not below 0 */
    int64_t  reset_ms;  /* until it is whole again */
    int64_t  retry_ms;  /* refused: until it may pass, rounded up; -1: never
                           will.  Passed: 0 */
} soma_verdict_t;


/*
 * words: "requests" "600/minute" "per=user" (as the directive has them).
 * Counts take k, m, g suffixes (1m = 1,000,000); cost is decimal USD.
 * SOMA_ERROR: *error is a constant sentence naming the bad word's fault and
 * what is allowed, bad its index (a word is missing: of the last one there;
 * 0 if n is 0).  "scope" is the default where per= is not given
 * (SOMA_SCOPE_TENANT in a tenant, SOMA_SCOPE_PROVIDER in a provider).
 * limit->text is set to null.
 */
int soma_limit_parse(soma_limit_t *limit, const soma_str_t *words, unsigned n,
    soma_scope_e scope, unsigned *bad, const char **error);

/*
 * The limits of a key in one text, "requests 10/minute;cost 5/day per=user":
 * at most max go to "limit", *n says how many; each one's text points into
 * "text".  An empty text holds none.
 */
int soma_limits_parse(soma_limit_t *limit, unsigned max, unsigned *n,
    soma_str_t text, soma_scope_e scope, const char **error);

const char *soma_amount_name(soma_amount_e amount);
const char *soma_window_name(soma_window_e window);
const char *soma_scope_name(soma_scope_e scope);

/* of a rate's window; 0: no rate */
int64_t soma_window_ms(soma_window_e window);

/*
 * May "want" be taken now?  SOMA_OK or SOMA_DECLINED; verdict filled both
 * ways.  The state's refill or window turn is done here; nothing is taken.
 * A clock that stepped back neither refills nor turns the window; stepped
 * back by more than SOMA_QUOTA_SKEW_MS, time goes on from there, so that
 * nobody waits for a day that a wrong clock once showed.  A want of 0 always
 * passes: what takes nothing cannot pass a limit.
 */
int soma_quota_check(const soma_limit_t *limit, soma_quota_t *quota,
    int64_t now, int64_t want, soma_verdict_t *verdict);

/* after a check that said SOMA_OK; returns the window's start, which
 * soma_quota_settle() wants back */
int64_t soma_quota_take(const soma_limit_t *limit, soma_quota_t *quota,
    int64_t want);

/*
 * "used" of "taken" was used (used may be more: a bucket then goes below 0
 * and works the debt off by its refill).  A calendar window that turned in
 * between is left alone.  Concurrency is given back whole.
 */
void soma_quota_settle(const soma_limit_t *limit, soma_quota_t *quota,
    int64_t now, int64_t window, int64_t taken, int64_t used);


#endif /* SOMA_QUOTA_H */
