
/*
 * Copyright (C) The ngx_soma authors
 *
 * Arithmetic of limits: token buckets, calendar windows, concurrency.
 */


#include "soma_quota.h"


static int64_t soma_narrow(soma_wide_t n);
static int soma_quota_waits(const soma_limit_t *limit,
    const soma_quota_t *quota, int64_t want, int64_t left);
static void soma_bucket_refill(const soma_limit_t *limit,
    soma_quota_t *quota, int64_t now);
static int64_t soma_bucket_wait(const soma_limit_t *limit,
    const soma_quota_t *quota, int64_t now, int64_t need);
static int soma_bucket_check(const soma_limit_t *limit, soma_quota_t *quota,
    int64_t now, int64_t want, soma_verdict_t *verdict);
static void soma_calendar_turn(const soma_limit_t *limit,
    soma_quota_t *quota, int64_t now);
static int soma_calendar_check(const soma_limit_t *limit,
    soma_quota_t *quota, int64_t now, int64_t want, soma_verdict_t *verdict);
static int soma_concurrency_check(const soma_limit_t *limit,
    soma_quota_t *quota, int64_t want, soma_verdict_t *verdict);


static int64_t
soma_narrow(soma_wide_t n)
{
    if (n > INT64_MAX) {
        return INT64_MAX;
    }

    return (n < INT64_MIN) ? INT64_MIN : (int64_t) n;
}


static void
soma_bucket_refill(const soma_limit_t *limit, soma_quota_t *quota,
    int64_t now)
{
    int64_t      window;
    soma_wide_t  earned, whole, level;

    window = soma_window_ms(limit->window);

    if (quota->since == 0) {
        quota->level = limit->limit;
        quota->since = now;
        quota->spare = 0;
        return;
    }

    level = quota->level;

    if (now > quota->since) {
        earned = (soma_wide_t) limit->limit * (now - quota->since)
                 + quota->spare;
        whole = soma_wide_div(earned, window);
        level += whole;

        /* no second division: this one costs more than all the rest */
        quota->spare = (int64_t) (earned - whole * window);
        quota->since = now;

    } else if (quota->since - now > SOMA_QUOTA_SKEW_MS) {
        quota->since = now;
    }

    /* also when a reload made the limit smaller */
    if (level >= limit->limit) {
        level = limit->limit;
        quota->spare = 0;
    }

    quota->level = (int64_t) level;
}


/* ms until "need" more have come in; the clock may be behind the state */
static int64_t
soma_bucket_wait(const soma_limit_t *limit, const soma_quota_t *quota,
    int64_t now, int64_t need)
{
    soma_wide_t  missing, wait;

    if (need <= 0) {
        return 0;
    }

    if (limit->limit <= 0) {
        return INT64_MAX;
    }

    missing = (soma_wide_t) need * soma_window_ms(limit->window)
              - quota->spare;
    wait = soma_wide_div(missing + limit->limit - 1, limit->limit);

    return soma_narrow(wait + (quota->since - now));
}


static int
soma_bucket_check(const soma_limit_t *limit, soma_quota_t *quota,
    int64_t now, int64_t want, soma_verdict_t *verdict)
{
    int64_t  level;

    soma_bucket_refill(limit, quota, now);

    level = quota->level;

    if (want == 0 || want <= level) {
        level -= want;
        verdict->remaining = (level > 0) ? level : 0;
        verdict->reset_ms = soma_bucket_wait(limit, quota, now,
                                             limit->limit - level);
        return SOMA_OK;
    }

    verdict->remaining = (level > 0) ? level : 0;
    verdict->reset_ms = soma_bucket_wait(limit, quota, now,
                                         limit->limit - level);
    verdict->retry_ms = (want > limit->limit)
                        ? -1
                        : soma_bucket_wait(limit, quota, now, want - level);
    verdict->waits = soma_quota_waits(limit, quota, want, level);

    return SOMA_DECLINED;
}


/* most questions lie in the window that the last one was in */
static void
soma_calendar_turn(const soma_limit_t *limit, soma_quota_t *quota,
    int64_t now)
{
    int64_t  start, end;

    if (quota->since != 0 && now < quota->turn
        && quota->since - now <= SOMA_QUOTA_SKEW_MS)
    {
        return;
    }

    soma_window_span(limit, now, &start, &end);

    if (quota->since == 0 || start > quota->since) {
        quota->since = start;
        quota->turn = end;
        quota->level = 0;
        quota->out = 0;

    } else if (quota->since - now > SOMA_QUOTA_SKEW_MS) {
        /* what was used in a day that is still to come was used today */
        quota->since = start;
        quota->turn = end;

    } else {
        quota->turn = end;
    }
}


/* whether it fits when all of what is in flight comes back; a request that
 * was counted never does */
static int
soma_quota_waits(const soma_limit_t *limit, const soma_quota_t *quota,
    int64_t want, int64_t left)
{
    return limit->amount != SOMA_REQUESTS && quota->out > 0
           && want <= limit->limit
           && (soma_wide_t) want <= (soma_wide_t) left + quota->out;
}


static int
soma_calendar_check(const soma_limit_t *limit, soma_quota_t *quota,
    int64_t now, int64_t want, soma_verdict_t *verdict)
{
    int64_t  left, end;

    soma_calendar_turn(limit, quota, now);

    left = limit->limit - quota->level;
    end = (quota->turn > now) ? quota->turn - now : 1;
    end = (limit->window == SOMA_WINDOW_EVER) ? -1 : end;

    if (want == 0 || want <= left) {
        left -= want;
        verdict->remaining = (left > 0) ? left : 0;
        verdict->reset_ms = (left < limit->limit) ? end : 0;
        return SOMA_OK;
    }

    verdict->remaining = (left > 0) ? left : 0;
    verdict->reset_ms = (left < limit->limit) ? end : 0;
    verdict->retry_ms = (want > limit->limit) ? -1 : end;
    verdict->waits = soma_quota_waits(limit, quota, want, left);

    return SOMA_DECLINED;
}


static int
soma_concurrency_check(const soma_limit_t *limit, soma_quota_t *quota,
    int64_t want, soma_verdict_t *verdict)
{
    int      rc;
    int64_t  left;

    left = limit->limit - quota->level;
    rc = (want == 0 || want <= left) ? SOMA_OK : SOMA_DECLINED;

    if (rc == SOMA_OK) {
        left -= want;

    } else {
        verdict->retry_ms = (want > limit->limit) ? -1 : SOMA_QUOTA_BUSY_MS;
        verdict->waits = soma_quota_waits(limit, quota, want, left);
    }

    verdict->remaining = (left > 0) ? left : 0;
    verdict->reset_ms = (left < limit->limit) ? SOMA_QUOTA_BUSY_MS : 0;

    return rc;
}


int
soma_quota_check(const soma_limit_t *limit, soma_quota_t *quota, int64_t now,
    int64_t want, soma_verdict_t *verdict)
{
    verdict->remaining = 0;
    verdict->reset_ms = 0;
    verdict->retry_ms = 0;
    verdict->waits = 0;

    now = (now > 0) ? now : 1;
    want = (want > 0) ? want : 0;

    switch (limit->window) {

    case SOMA_WINDOW_NONE:
        return soma_concurrency_check(limit, quota, want, verdict);

    case SOMA_WINDOW_DAY:
    case SOMA_WINDOW_WEEK:
    case SOMA_WINDOW_MONTH:
    case SOMA_WINDOW_EVER:
        return soma_calendar_check(limit, quota, now, want, verdict);

    default:
        return soma_bucket_check(limit, quota, now, want, verdict);
    }
}


int64_t
soma_quota_take(const soma_limit_t *limit, soma_quota_t *quota, int64_t want)
{
    int64_t  level;

    want = (want > 0) ? want : 0;
    quota->out = soma_narrow((soma_wide_t) quota->out + want);

    if (soma_window_ms(limit->window) != 0) {
        level = soma_narrow((soma_wide_t) quota->level - want);
        quota->level = (level > -SOMA_QUOTA_DEBT_MAX) ? level
                                                      : -SOMA_QUOTA_DEBT_MAX;
        return quota->since;
    }

    quota->level = soma_narrow((soma_wide_t) quota->level + want);

    return quota->since;
}


void
soma_quota_settle(const soma_limit_t *limit, soma_quota_t *quota, int64_t now,
    int64_t window, int64_t taken, int64_t used)
{
    soma_wide_t  level;

    now = (now > 0) ? now : 1;
    taken = (taken > 0) ? taken : 0;
    used = (used > 0) ? used : 0;

    switch (limit->window) {

    case SOMA_WINDOW_NONE:
        quota->level = (quota->level > taken) ? quota->level - taken : 0;
        quota->out = (quota->out > taken) ? quota->out - taken : 0;
        return;

    case SOMA_WINDOW_DAY:
    case SOMA_WINDOW_WEEK:
    case SOMA_WINDOW_MONTH:
    case SOMA_WINDOW_EVER:
        if (window != quota->since || quota->since == 0) {
            return;
        }

        quota->out = (quota->out > taken) ? quota->out - taken : 0;
        level = (soma_wide_t) quota->level - taken + used;
        quota->level = (level > 0) ? soma_narrow(level) : 0;
        return;

    default:
        break;
    }

    quota->out = (quota->out > taken) ? quota->out - taken : 0;

    /* in the order of time: what came in before cannot fill the debt */
    soma_bucket_refill(limit, quota, now);

    level = (soma_wide_t) quota->level + taken - used;

    if (level >= limit->limit) {
        level = limit->limit;
        quota->spare = 0;
    }

    quota->level = (level > -SOMA_QUOTA_DEBT_MAX) ? (int64_t) level
                                                  : -SOMA_QUOTA_DEBT_MAX;
}


void
soma_quota_change(const soma_limit_t *limit, soma_quota_t *quota, int64_t now,
    int64_t number)
{
    soma_wide_t  level;

    if (soma_window_ms(limit->window) == 0 || quota->since == 0) {
        return;                     /* what is used is what it keeps */
    }

    soma_bucket_refill(limit, quota, (now > 0) ? now : 1);

    level = (soma_wide_t) quota->level + number - limit->limit;

    quota->level = (level > -SOMA_QUOTA_DEBT_MAX) ? soma_narrow(level)
                                                  : -SOMA_QUOTA_DEBT_MAX;
}
