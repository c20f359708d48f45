
/*
 * Copyright (C) The ngx_soma authors
 *
 * Windows: how long those of rates are, and of the calendar when the one begins
 * and ends that holds a moment, by the clock of its zone.
 */


#include "soma_quota.h"


#define SOMA_DAY_MS      86400000
#define SOMA_EPOCH_WEEK  3          /* 1970-01-01 was a Thursday */


static int64_t soma_window_first(const soma_limit_t *limit, int64_t local);
static int64_t soma_window_after(const soma_limit_t *limit, int64_t first);


int64_t
soma_window_ms(soma_window_e window)
{
    switch (window) {

    case SOMA_WINDOW_SECOND:
        return 1000;

    case SOMA_WINDOW_MINUTE:
        return 60 * 1000;

    case SOMA_WINDOW_HOUR:
        return 3600 * 1000;

    default:
        return 0;
    }
}


/* when the window of that local time began */
static int64_t
soma_window_first(const soma_limit_t *limit, int64_t local)
{
    int64_t  day, first, days;

    day = soma_time_day_start(local);

    switch (limit->window) {

    case SOMA_WINDOW_WEEK:
        days = (day / SOMA_DAY_MS + SOMA_EPOCH_WEEK) % 7;
        return day - (days < 0 ? days + 7 : days) * SOMA_DAY_MS;

    case SOMA_WINDOW_MONTH:
        break;

    default:
        return day;
    }

    days = limit->from ? limit->from - 1 : 0;
    first = soma_time_month_start(local) + days * SOMA_DAY_MS;

    if (first > local) {
        first = soma_time_month_start(soma_time_month_start(local) - 1)
                + days * SOMA_DAY_MS;
    }

    return first;
}


/* the local time at which the next one begins */
static int64_t
soma_window_after(const soma_limit_t *limit, int64_t first)
{
    switch (limit->window) {

    case SOMA_WINDOW_WEEK:
        return first + 7 * (int64_t) SOMA_DAY_MS;

    case SOMA_WINDOW_MONTH:
        return soma_time_next_month_start(first)
               + (limit->from ? limit->from - 1 : 0) * (int64_t) SOMA_DAY_MS;

    default:
        return first + SOMA_DAY_MS;
    }
}


void
soma_window_span(const soma_limit_t *limit, int64_t now, int64_t *start,
    int64_t *end)
{
    int64_t  first, next;

    if (limit->window == SOMA_WINDOW_EVER) {
        *start = 1;
        *end = SOMA_WINDOW_NEVER;
        return;
    }

    first = soma_window_first(limit, soma_tz_local(limit->zone, now));
    next = soma_window_after(limit, first);

    *start = soma_tz_utc(limit->zone, first);
    *end = soma_tz_utc(limit->zone, next);

    /* a clock that was set back over midnight shows the old day again: the
     * new one has begun all the same */

    if (*end <= now) {
        *start = *end;
        *end = soma_tz_utc(limit->zone, soma_window_after(limit, next));
    }

    /* never 0, which means untouched */

    *start = (*start > 0) ? *start : 1;
    *end = (*end > now || now == INT64_MAX) ? *end : now + 1;
}


void
soma_window_edges(const soma_limit_t *limit, int64_t now, int64_t *edge)
{
    int64_t  end;

    if (!soma_window_calendar(limit->window)) {
        memset(edge, 0, SOMA_WINDOW_EDGES * sizeof(int64_t));
        return;
    }

    soma_window_span(limit, now, &edge[1], &edge[2]);

    if (limit->window == SOMA_WINDOW_EVER) {
        edge[0] = 0;
        edge[3] = edge[2];
        return;
    }

    soma_window_span(limit, edge[1] - 1, &edge[0], &end);
    soma_window_span(limit, edge[2], &end, &edge[3]);
}
