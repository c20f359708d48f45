
/*
 * Copyright (C) The ngx_soma authors
 *
 * The calendar, UTC, without the C library's: its functions take locks and
 * look at the environment.
 */


#include "soma_base.h"


#define SOMA_DAY_MS       86400000
#define SOMA_CYCLE_DAYS   146097        /* the calendar repeats: 400 years */
#define SOMA_EPOCH_DAYS   719468        /* 1970-01-01 since 0000-03-01 */
#define SOMA_TIME_MIN     (-62135596800000)     /* 0001-01-01 */
#define SOMA_TIME_MAX     253402300799999       /* 9999-12-31T23:59:59.999 */


static int64_t soma_time_clamp(int64_t ms);
static int64_t soma_days(int64_t ms);
static int64_t soma_days_of(int year, int month);
static int soma_time_field(soma_str_t *s, int len, int *value);
static int soma_time_skip(soma_str_t *s, int a, int b);
static int soma_time_date(soma_str_t *s, int64_t *ms);
static int soma_time_clock(soma_str_t *s, int64_t *ms);
static int soma_time_zone(soma_str_t *s, int64_t *ms);


/* days before a month; the year begins in March, so that the leap day is
 * its last and needs no rule */
static const int  soma_month_days[12] = {
    0, 31, 61, 92, 122, 153, 184, 214, 245, 275, 306, 337
};


/* four digits of year are all a time has here, and no sum overflows */
static int64_t
soma_time_clamp(int64_t ms)
{
    if (ms < SOMA_TIME_MIN) {
        return SOMA_TIME_MIN;
    }

    return (ms > SOMA_TIME_MAX) ? SOMA_TIME_MAX : ms;
}


static int64_t
soma_days(int64_t ms)
{
    ms = soma_time_clamp(ms);

    return (ms >= 0) ? ms / SOMA_DAY_MS
                     : -((-ms + SOMA_DAY_MS - 1) / SOMA_DAY_MS);
}


int64_t
soma_time_day_ms(int64_t ms)
{
    return soma_time_clamp(ms) - soma_days(ms) * SOMA_DAY_MS;
}


void
soma_time_civil(int64_t ms, int *year, int *month, int *day)
{
    int      m;
    int64_t  days, cycle, century, four, y;

    days = soma_days(ms) + SOMA_EPOCH_DAYS;
    cycle = days / SOMA_CYCLE_DAYS;
    days %= SOMA_CYCLE_DAYS;

    /* the last day of the last century (year) of a cycle is a leap day: it
     * would count as the first of a fifth one */
    century = days / 36524;
    century -= (century == 4);
    days -= century * 36524;

    four = days / 1461;
    days %= 1461;

    y = days / 365;
    y -= (y == 4);
    days -= y * 365;

    for (m = 11; soma_month_days[m] > days; m--) { /* void */ }

    y += cycle * 400 + century * 100 + four * 4;

    *day = (int) days - soma_month_days[m] + 1;
    *month = (m < 10) ? m + 3 : m - 9;
    *year = (int) y + (m >= 10);
}


static int64_t
soma_days_of(int year, int month)
{
    int  m;

    m = (month + 9) % 12;
    year -= (month < 3);

    return year * 365 + year / 4 - year / 100 + year / 400
           + soma_month_days[m] - SOMA_EPOCH_DAYS;
}


int64_t
soma_time_month_of(int year, int month)
{
    return soma_days_of(year, month) * SOMA_DAY_MS;
}


int64_t
soma_time_day_start(int64_t ms)
{
    return soma_days(ms) * SOMA_DAY_MS;
}


int64_t
soma_time_next_day_start(int64_t ms)
{
    return (soma_days(ms) + 1) * SOMA_DAY_MS;
}


int64_t
soma_time_month_start(int64_t ms)
{
    int  year, month, day;

    soma_time_civil(ms, &year, &month, &day);

    return soma_days_of(year, month) * SOMA_DAY_MS;
}


int64_t
soma_time_next_month_start(int64_t ms)
{
    int  year, month, day;

    soma_time_civil(ms, &year, &month, &day);

    if (++month == 13) {
        month = 1;
        year++;
    }

    return soma_days_of(year, month) * SOMA_DAY_MS;
}


/* exactly len digits */
static int
soma_time_field(soma_str_t *s, int len, int *value)
{
    int  i, n;

    if (s->len < (size_t) len) {
        return SOMA_ERROR;
    }

    n = 0;

    for (i = 0; i < len; i++) {
        if (s->data[i] < '0' || s->data[i] > '9') {
            return SOMA_ERROR;
        }

        n = n * 10 + (s->data[i] - '0');
    }

    s->data += len;
    s->len -= (size_t) len;
    *value = n;

    return SOMA_OK;
}


static int
soma_time_skip(soma_str_t *s, int a, int b)
{
    if (s->len == 0 || (s->data[0] != a && s->data[0] != b)) {
        return SOMA_ERROR;
    }

    s->data++;
    s->len--;

    return SOMA_OK;
}


static int
soma_time_date(soma_str_t *s, int64_t *ms)
{
    int      year, month, day;
    int64_t  first;

    if (soma_time_field(s, 4, &year) != SOMA_OK
        || soma_time_skip(s, '-', '-') != SOMA_OK
        || soma_time_field(s, 2, &month) != SOMA_OK
        || soma_time_skip(s, '-', '-') != SOMA_OK
        || soma_time_field(s, 2, &day) != SOMA_OK
        || year == 0 || month < 1 || month > 12 || day < 1)
    {
        return SOMA_ERROR;
    }

    first = soma_days_of(year, month) * SOMA_DAY_MS;
    *ms = first + (int64_t) (day - 1) * SOMA_DAY_MS;

    return (*ms < soma_time_next_month_start(first)) ? SOMA_OK : SOMA_ERROR;
}


static int
soma_time_clock(soma_str_t *s, int64_t *ms)
{
    int  hour, minute, second, unit, digit;

    if (soma_time_field(s, 2, &hour) != SOMA_OK
        || soma_time_skip(s, ':', ':') != SOMA_OK
        || soma_time_field(s, 2, &minute) != SOMA_OK
        || soma_time_skip(s, ':', ':') != SOMA_OK
        || soma_time_field(s, 2, &second) != SOMA_OK
        || hour > 23 || minute > 59 || second > 60)
    {
        return SOMA_ERROR;
    }

    *ms += ((int64_t) hour * 60 + minute) * 60000 + (int64_t) second * 1000;

    if (soma_time_skip(s, '.', ',') != SOMA_OK) {
        return SOMA_OK;
    }

    if (soma_time_field(s, 1, &digit) != SOMA_OK) {
        return SOMA_ERROR;
    }

    unit = 100;

    do {
        *ms += digit * unit;
        unit /= 10;
    } while (soma_time_field(s, 1, &digit) == SOMA_OK);

    return SOMA_OK;
}


static int
soma_time_zone(soma_str_t *s, int64_t *ms)
{
    int      hour, minute, east;
    int64_t  offset;

    if (s->len == 0 || soma_time_skip(s, 'Z', 'z') == SOMA_OK) {
        return SOMA_OK;
    }

    east = (s->data[0] == '+');

    if (soma_time_skip(s, '+', '-') != SOMA_OK
        || soma_time_field(s, 2, &hour) != SOMA_OK
        || soma_time_skip(s, ':', ':') != SOMA_OK
        || soma_time_field(s, 2, &minute) != SOMA_OK
        || hour > 23 || minute > 59)
    {
        return SOMA_ERROR;
    }

    offset = ((int64_t) hour * 60 + minute) * 60000;
    *ms += east ? -offset : offset;

    return SOMA_OK;
}


int
soma_time_parse(soma_str_t s, int64_t *ms)
{
    unsigned  local;

    return soma_time_parse_local(s, ms, &local);
}


int
soma_time_parse_local(soma_str_t s, int64_t *ms, unsigned *local)
{
    int64_t  value;

    if (soma_time_date(&s, &value) != SOMA_OK) {
        return SOMA_ERROR;
    }

    *local = 1;

    if (s.len != 0) {

        if (soma_time_skip(&s, 'T', 't') != SOMA_OK
            && soma_time_skip(&s, ' ', ' ') != SOMA_OK)
        {
            return SOMA_ERROR;
        }

        if (soma_time_clock(&s, &value) != SOMA_OK) {
            return SOMA_ERROR;
        }

        *local = (s.len == 0);

        if (soma_time_zone(&s, &value) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    if (s.len != 0 || value < SOMA_TIME_MIN || value > SOMA_TIME_MAX) {
        return SOMA_ERROR;
    }

    *ms = value;

    return SOMA_OK;
}
