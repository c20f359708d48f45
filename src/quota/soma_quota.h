
/*
 * Copyright (C) The ngx_soma authors
 *
 * The one engine for limits: an amount of requests, tokens, cost or
 * concurrency, in a window, for a scope.  Rates (second, minute, hour) are
 * token buckets, budgets (day, week, month, ever) calendar windows of a time
 * zone, concurrency is what is held now.  This file is the arithmetic of one
 * state; where the states live is the caller's.
 *
 * A count belongs to its rule: owner, amount, window and scope.  The number
 * comes with each question, and another number finds what was spent.
 */


#ifndef SOMA_QUOTA_H
#define SOMA_QUOTA_H


#include "soma_base.h"
#include "soma_tz.h"


/* 9e15, 9,000,000 USD in nano: Redis' scripts count exactly to 2^53 */
#define SOMA_LIMIT_MAX       9000000000000000

#define SOMA_LIMIT_WORDS     6          /* amount, number/window, per=, from=,
                                           tz=, until= */
#define SOMA_LIMIT_FROM_MAX  28         /* a day that every month has */
#define SOMA_RULE_MAX        128        /* bytes of soma_rule_of() */
#define SOMA_LIMITS_MAX      8          /* in one text of limits */
#define SOMA_QUOTA_SKEW_MS   10000      /* clocks of workers differ by less */
#define SOMA_QUOTA_BUSY_MS   1000       /* when to try again for a slot */
#define SOMA_QUOTA_DEBT_MAX  ((int64_t) 1 << 62)

/* the end of a window that has none: exact in Redis' scripts, too */
#define SOMA_WINDOW_NEVER    9000000000000000


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
    SOMA_WINDOW_DAY,                /* and all below: a calendar's */
    SOMA_WINDOW_WEEK,
    SOMA_WINDOW_MONTH,
    SOMA_WINDOW_EVER,
    SOMA_WINDOWS
} soma_window_e;

#define soma_window_calendar(window)  ((window) >= SOMA_WINDOW_DAY)

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
    int64_t        until;           /* ms UTC, 0: it does not end */
    soma_str_t     tz;              /* of a calendar, a name; empty: UTC; the
                                       caller's, as the text */
    const soma_tz_t  *zone;         /* of that name; NULL: UTC.  The parser
                                       leaves it to soma_limit_zone() */
    unsigned char  from;            /* first day of a month, 0: the first */
    unsigned       local:1;         /* until is by the zone's clock yet */
    unsigned       shares:1;        /* another one has the same count */
    soma_str_t     text;            /* "requests 600/minute per=user" or
                                       null; the caller's */
} soma_limit_t;


/* one scope's state under one limit; zeroed means untouched */
typedef struct {
    int64_t  level;     /* bucket: left; window, concurrency: used */
    int64_t  since;     /* ms UTC; bucket: last refill; window: its start */
    int64_t  spare;     /* bucket: remainder of the refill division */
    int64_t  turn;      /* window: its end */
    int64_t  out;       /* reserved by requests in flight, in this window */
} soma_quota_t;


typedef struct {
    int64_t  remaining; /* after this request, not below 0 */
    int64_t  reset_ms;  /* until it is whole again */
    int64_t  retry_ms;  /* refused: until it may pass, rounded up; -1: never
                           will.  Passed: 0 */
    int      waits;     /* refused, but what others in flight give back may
                           be enough */
} soma_verdict_t;


/*
 * words: "requests" "600/minute" "per=user" (as the directive has them); in
 * any order behind the number per=SCOPE, from=DAY, tz=ZONE, until=TIME.
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
int soma_limit_list_parse(soma_limit_t *limit, unsigned max, unsigned *n,
    soma_str_t text, soma_scope_e scope, const char **error);

/* the zone of limit->tz is there: sets it, and what was said by its clock */
void soma_limit_zone(soma_limit_t *limit, const soma_tz_t *zone);

/* of limits of one owner: says which of them share a count */
void soma_rule_share(soma_limit_t *limit, unsigned n);

/*
 * Of those that share a count one holds: the tightest of those that have an
 * end which is still to come, else the tightest of those without.  1: it is
 * that one.
 */
int soma_rule_holds(const soma_limit_t *limit, unsigned n, unsigned i,
    int64_t now);

/* what names its count, without owner and scope: "cost/month from=15
 * tz=Europe/Berlin"; and back from there: of "limit" amount, window, from
 * and tz are set, SOMA_ERROR: it is none */
void soma_rule_of(soma_out_t *out, const soma_limit_t *limit);
int soma_rule_limit(soma_limit_t *limit, soma_str_t rule);

/* "0.000001 USD left of 50 USD a day" */
#define SOMA_LIMIT_LEFT_MAX  96
void soma_rule_left(soma_out_t *out, const soma_limit_t *limit,
    int64_t left);

/* "USD", "tokens", "requests", "requests at a time"; and n in it */
const char *soma_rule_unit(soma_amount_e amount);
void soma_rule_put_amount(soma_out_t *out, soma_amount_e amount, int64_t n);

/* its words as they would be written, without until=: "cost 50/day per=user" */
#define SOMA_LIMIT_WORDS_MAX  (SOMA_RULE_MAX + 64)
void soma_rule_words(soma_out_t *out, const soma_limit_t *limit);

const char *soma_limit_amount_name(soma_amount_e amount);
const char *soma_limit_window_name(soma_window_e window);
const char *soma_limit_scope_name(soma_scope_e scope);

/* of a rate's window; 0: no rate */
int64_t soma_window_ms(soma_window_e window);

/*
 * Of a calendar's limit: the window that holds "now", from "start", which is
 * never 0, to "end", which is after "now".  A window begins with the first
 * moment at which the zone's clock shows its first day; weeks with Monday.
 */
void soma_window_span(const soma_limit_t *limit, int64_t now, int64_t *start,
    int64_t *end);

/* the edges of that window and of its neighbours: edge[1] is its start */
#define SOMA_WINDOW_EDGES  4
void soma_window_edges(const soma_limit_t *limit, int64_t now, int64_t *edge);

/* the number of a state's limit is another from now on; what was used stays
 * used.  limit->limit is the old one */
void soma_quota_change(const soma_limit_t *limit, soma_quota_t *quota,
    int64_t now, int64_t number);

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
