
/*
 * Copyright (C) The ngx_soma authors
 *
 * Time zones.  A file holds its changes twice: with times of 32 bits, which
 * are skipped, and of 64 bits, behind which the rule for the time to come
 * stands as a line of text ("CET-1CEST,M3.5.0,M10.5.0/3").
 */


#include "soma_tz.h"


#define SOMA_TZ_HEAD       44       /* bytes: "TZif", version, counts */
#define SOMA_TZ_TYPES_MAX  256
#define SOMA_TZ_TYPE       6        /* bytes */
#define SOMA_TZ_OFFSET     93600    /* s, 26 hours: no zone is further off */
#define SOMA_TZ_HOURS      167      /* of a rule's time */
#define SOMA_TZ_LOOKS      16       /* changes near one midnight */
#define SOMA_DAY_S         86400


typedef struct {
    soma_str_t  rest;               /* not read yet */
    unsigned    version;
    uint32_t    isut, isstd, leap, time, type, chars;
} soma_tz_head_t;


/* the day and time of a change, each year anew */
typedef struct {
    int         kind;               /* 'M', 'J', or 'n' */
    int         month;
    int         week;
    int         day;
    int64_t     time;               /* s, by the clock that was before */
} soma_tz_rule_t;


static int soma_tz_head(soma_tz_head_t *head, soma_str_t *file);
static size_t soma_tz_size(const soma_tz_head_t *head, size_t bytes);
static int64_t soma_tz_int(const unsigned char *p, unsigned bytes);
static int soma_tz_block(soma_tz_t *tz, const soma_tz_head_t *head,
    const unsigned char *p);
static int soma_tz_put(soma_tz_t *tz, int64_t at, int64_t offset);
static int soma_tz_footer(soma_tz_t *tz, soma_str_t line);
static int soma_tz_word(soma_str_t *s);
static int soma_tz_number(soma_str_t *s, int max, int *n);
static int soma_tz_clock(soma_str_t *s, int64_t *seconds);
static int soma_tz_skip(soma_str_t *s, int c);
static int soma_tz_rule(soma_str_t *s, soma_tz_rule_t *rule);
static int64_t soma_tz_day(const soma_tz_rule_t *rule, int year);
static int soma_tz_extend(soma_tz_t *tz, const soma_tz_rule_t *rule,
    int64_t standard, int64_t summer);
static unsigned soma_tz_find(const soma_tz_t *tz, int64_t ms);


int
soma_tz_valid(soma_str_t name)
{
    int     c;
    size_t  i;

    if (name.len == 0 || name.len > SOMA_TZ_NAME_MAX) {
        return 0;
    }

    for (i = 0; i < name.len; i++) {
        c = name.data[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
            continue;
        }

        if (i == 0
            || !((c >= '0' && c <= '9') || c == '_' || c == '+' || c == '-'
                 || c == '/')
            || (c == '/' && (i + 1 == name.len || name.data[i + 1] == '/')))
        {
            return 0;
        }
    }

    return 1;
}


static int64_t
soma_tz_int(const unsigned char *p, unsigned bytes)
{
    uint64_t  n;

    n = (p[0] & 0x80) ? UINT64_MAX : 0;

    while (bytes-- != 0) {
        n = n << 8 | *p++;
    }

    return (int64_t) n;
}


static int
soma_tz_head(soma_tz_head_t *head, soma_str_t *file)
{
    unsigned        i;
    uint32_t       *count[6];
    unsigned char  *p;

    if (file->len < SOMA_TZ_HEAD || memcmp(file->data, "TZif", 4) != 0) {
        return SOMA_ERROR;
    }

    p = file->data;
    head->version = p[4];

    count[0] = &head->isut;
    count[1] = &head->isstd;
    count[2] = &head->leap;
    count[3] = &head->time;
    count[4] = &head->type;
    count[5] = &head->chars;

    for (i = 0; i < 6; i++) {
        *count[i] = (uint32_t) soma_tz_int(p + 20 + i * 4, 4);

        /* a sum of them does not overflow then */
        if (*count[i] > SOMA_TZ_FILE_MAX) {
            return SOMA_ERROR;
        }
    }

    file->data += SOMA_TZ_HEAD;
    file->len -= SOMA_TZ_HEAD;

    return SOMA_OK;
}


/* bytes of what a head describes, with times of that many bytes */
static size_t
soma_tz_size(const soma_tz_head_t *head, size_t bytes)
{
    return head->time * (bytes + 1) + head->type * (size_t) SOMA_TZ_TYPE
           + head->chars + head->leap * (bytes + 4) + head->isstd
           + head->isut;
}


int
soma_tz_read(soma_tz_t *tz, soma_arena_t *arena, soma_str_t file)
{
    size_t          size;
    soma_str_t      line;
    unsigned char  *end;
    soma_tz_head_t  head;

    memset(tz, 0, sizeof(soma_tz_t));

    if (file.len > SOMA_TZ_FILE_MAX
        || soma_tz_head(&head, &file) != SOMA_OK || head.version < '2')
    {
        return SOMA_ERROR;
    }

    size = soma_tz_size(&head, 4);

    if (size > file.len) {
        return SOMA_ERROR;
    }

    file.data += size;
    file.len -= size;

    if (soma_tz_head(&head, &file) != SOMA_OK) {
        return SOMA_ERROR;
    }

    size = soma_tz_size(&head, 8);

    if (size + 1 >= file.len || head.type == 0
        || head.type > SOMA_TZ_TYPES_MAX || head.time > SOMA_TZ_CHANGES_MAX
        || file.data[size] != '\n')
    {
        return SOMA_ERROR;
    }

    line.data = file.data + size + 1;
    end = memchr(line.data, '\n', file.len - size - 1);

    if (end == NULL) {
        return SOMA_ERROR;
    }

    line.len = (size_t) (end - line.data);

    tz->change = arena->alloc(arena->data,
                              SOMA_TZ_CHANGES_MAX * sizeof(soma_tz_change_t));

    if (tz->change == NULL
        || soma_tz_block(tz, &head, file.data) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    return (line.len == 0) ? SOMA_OK : soma_tz_footer(tz, line);
}


static int
soma_tz_block(soma_tz_t *tz, const soma_tz_head_t *head,
    const unsigned char *p)
{
    int64_t               at, offset[SOMA_TZ_TYPES_MAX];
    uint32_t              i;
    const unsigned char  *index;

    index = p + (size_t) head->time * 8;

    for (i = 0; i < head->type; i++) {
        offset[i] = soma_tz_int(index + head->time
                                + i * (size_t) SOMA_TZ_TYPE, 4);

        if (offset[i] < -SOMA_TZ_OFFSET || offset[i] > SOMA_TZ_OFFSET) {
            return SOMA_ERROR;
        }
    }

    tz->first = offset[0] * 1000;

    for (i = 0; i < head->time; i++) {
        at = soma_tz_int(p + (size_t) i * 8, 8);

        if (index[i] >= head->type
            || soma_tz_put(tz, at, offset[index[i]]) != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    return SOMA_OK;
}


/* in seconds; times far from ours are left out, but for what they leave */
static int
soma_tz_put(soma_tz_t *tz, int64_t at, int64_t offset)
{
    static const int64_t  far = 253402300799;

    if (at < -far) {
        tz->first = offset * 1000;
        return SOMA_OK;
    }

    if (at > far) {
        return SOMA_OK;
    }

    if (tz->n != 0 && at * 1000 <= tz->change[tz->n - 1].at) {

        /* "summer all the year" is written as changes that meet */

        if (at * 1000 != tz->change[tz->n - 1].at) {
            return SOMA_ERROR;
        }

        tz->n--;
    }

    if (tz->n == SOMA_TZ_CHANGES_MAX) {
        return SOMA_ERROR;
    }

    tz->change[tz->n].at = at * 1000;
    tz->change[tz->n].offset = offset * 1000;
    tz->n++;

    return SOMA_OK;
}


static int
soma_tz_footer(soma_tz_t *tz, soma_str_t line)
{
    int64_t         standard, summer;
    soma_tz_rule_t  rule[2];

    if (soma_tz_word(&line) != SOMA_OK
        || soma_tz_clock(&line, &standard) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    /* a sign here says how far west */
    standard = -standard;

    if (line.len == 0) {
        return SOMA_OK;
    }

    summer = standard + 3600;

    if (soma_tz_word(&line) != SOMA_OK) {
        return SOMA_ERROR;
    }

    if (line.len != 0 && line.data[0] != ',') {

        if (soma_tz_clock(&line, &summer) != SOMA_OK) {
            return SOMA_ERROR;
        }

        summer = -summer;
    }

    if (soma_tz_rule(&line, &rule[0]) != SOMA_OK
        || soma_tz_rule(&line, &rule[1]) != SOMA_OK || line.len != 0)
    {
        return SOMA_ERROR;
    }

    return soma_tz_extend(tz, rule, standard, summer);
}


/* a name: letters, or anything in angle brackets */
static int
soma_tz_word(soma_str_t *s)
{
    int     c;
    size_t  i;

    if (s->len != 0 && s->data[0] == '<') {

        for (i = 1; i < s->len && s->data[i] != '>'; i++) { /* void */ }

        if (i >= s->len) {
            return SOMA_ERROR;
        }

        i++;

    } else {

        for (i = 0; i < s->len; i++) {
            c = s->data[i] | 0x20;

            if (c < 'a' || c > 'z') {
                break;
            }
        }

        if (i < 3) {
            return SOMA_ERROR;
        }
    }

    s->data += i;
    s->len -= i;

    return SOMA_OK;
}


static int
soma_tz_number(soma_str_t *s, int max, int *n)
{
    size_t  i;

    *n = 0;

    for (i = 0; i < s->len && s->data[i] >= '0' && s->data[i] <= '9'; i++) {
        *n = *n * 10 + (s->data[i] - '0');

        if (*n > max) {
            return SOMA_ERROR;
        }
    }

    s->data += i;
    s->len -= i;

    return (i == 0) ? SOMA_ERROR : SOMA_OK;
}


/* "[+-]hh[:mm[:ss]]" */
static int
soma_tz_clock(soma_str_t *s, int64_t *seconds)
{
    int      n, unit, sign;
    int64_t  sum;

    sign = 1;

    if (s->len != 0 && (s->data[0] == '-' || s->data[0] == '+')) {
        sign = (s->data[0] == '-') ? -1 : 1;
        s->data++;
        s->len--;
    }

    if (soma_tz_number(s, SOMA_TZ_HOURS, &n) != SOMA_OK) {
        return SOMA_ERROR;
    }

    sum = (int64_t) n * 3600;

    for (unit = 60; unit != 0 && s->len != 0 && s->data[0] == ':'; unit /= 60)
    {
        s->data++;
        s->len--;

        if (soma_tz_number(s, 59, &n) != SOMA_OK) {
            return SOMA_ERROR;
        }

        sum += (int64_t) n * unit;
    }

    *seconds = sign * sum;

    return SOMA_OK;
}


static int
soma_tz_skip(soma_str_t *s, int c)
{
    if (s->len == 0 || s->data[0] != c) {
        return SOMA_ERROR;
    }

    s->data++;
    s->len--;

    return SOMA_OK;
}


/* ",Mm.w.d", ",Jn" or ",n", and "/time" */
static int
soma_tz_rule(soma_str_t *s, soma_tz_rule_t *rule)
{
    int  rc;

    if (soma_tz_skip(s, ',') != SOMA_OK || s->len == 0) {
        return SOMA_ERROR;
    }

    rule->time = 7200;
    rule->kind = 'n';

    if (s->data[0] == 'M' || s->data[0] == 'J') {
        rule->kind = s->data[0];
        s->data++;
        s->len--;
    }

    if (rule->kind == 'M') {
        rc = (soma_tz_number(s, 12, &rule->month) == SOMA_OK
              && soma_tz_skip(s, '.') == SOMA_OK
              && soma_tz_number(s, 5, &rule->week) == SOMA_OK
              && soma_tz_skip(s, '.') == SOMA_OK
              && soma_tz_number(s, 6, &rule->day) == SOMA_OK
              && rule->month != 0 && rule->week != 0) ? SOMA_OK : SOMA_ERROR;

    } else {
        rc = soma_tz_number(s, 365, &rule->day);
    }

    if (rc == SOMA_OK && s->len != 0 && s->data[0] == '/') {
        s->data++;
        s->len--;

        rc = soma_tz_clock(s, &rule->time);
    }

    return rc;
}


/* seconds since 1970 of that day's midnight, by the zone's own clock */
static int64_t
soma_tz_day(const soma_tz_rule_t *rule, int year)
{
    int      leap;
    int64_t  days, first, n;

    first = soma_time_month_of(year, rule->kind == 'M' ? rule->month : 1)
            / (SOMA_DAY_S * 1000);

    if (rule->kind != 'M') {
        leap = (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));

        /* J: the 29th of February is never counted, nor is there a day 0 */
        n = rule->day;

        if (rule->kind == 'J') {
            n = n - 1 + (leap && n >= 60);
        }

        return (first + n) * SOMA_DAY_S;
    }

    /* the day of the week of the first of the month; 1970 began on day 4 */
    n = (first + 4) % 7;
    days = (rule->day - n + 7) % 7 + (rule->week - 1) * 7;

    while (first + days >= soma_time_next_month_start(first * SOMA_DAY_S * 1000)
                           / (SOMA_DAY_S * 1000))
    {
        days -= 7;              /* the fifth is the last */
    }

    return (first + days) * SOMA_DAY_S;
}


static int
soma_tz_extend(soma_tz_t *tz, const soma_tz_rule_t *rule, int64_t standard,
    int64_t summer)
{
    int               year, month, day, early, i;
    int64_t           last;
    soma_tz_change_t  change[2];

    last = tz->n ? tz->change[tz->n - 1].at : 0;
    soma_time_civil(last, &year, &month, &day);
    year = (year < 1970) ? 1970 : year;

    for ( /* void */ ; year <= SOMA_TZ_YEAR_LAST; year++) {

        change[0].at = soma_tz_day(&rule[0], year) + rule[0].time - standard;
        change[0].offset = summer;
        change[1].at = soma_tz_day(&rule[1], year) + rule[1].time - summer;
        change[1].offset = standard;

        /* in the south summer ends before it begins */
        early = (change[1].at < change[0].at);

        for (i = 0; i < 2; i++) {

            if (change[i ^ early].at * 1000 > last
                && soma_tz_put(tz, change[i ^ early].at,
                               change[i ^ early].offset)
                   != SOMA_OK)
            {
                return SOMA_ERROR;
            }
        }
    }

    return SOMA_OK;
}


/* how many changes lie at or before that time */
static unsigned
soma_tz_find(const soma_tz_t *tz, int64_t ms)
{
    unsigned  low, high, middle;

    low = 0;
    high = tz->n;

    while (low < high) {
        middle = low + (high - low) / 2;

        if (tz->change[middle].at <= ms) {
            low = middle + 1;

        } else {
            high = middle;
        }
    }

    return low;
}


int64_t
soma_tz_local(const soma_tz_t *tz, int64_t ms)
{
    unsigned  i;

    if (tz == NULL) {
        return ms;
    }

    i = soma_tz_find(tz, ms);

    return ms + (i == 0 ? tz->first : tz->change[i - 1].offset);
}


int64_t
soma_tz_utc(const soma_tz_t *tz, int64_t local)
{
    int64_t   at, offset, found;
    unsigned  i, looks;

    if (tz == NULL) {
        return local;
    }

    /* from before anywhere that time may be, change by change */

    at = local - (int64_t) SOMA_TZ_OFFSET * 1000;
    i = soma_tz_find(tz, at);

    for (looks = 0; looks < SOMA_TZ_LOOKS; looks++) {
        offset = (i == 0) ? tz->first : tz->change[i - 1].offset;
        found = local - offset;

        if (i == tz->n || found < tz->change[i].at) {
            return (found > at) ? found : at;
        }

        at = tz->change[i++].at;
    }

    return at;
}
