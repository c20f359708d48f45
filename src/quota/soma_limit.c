
/*
 * Copyright (C) The ngx_soma authors
 *
 * The words of a limit.
 */


#include "soma_quota.h"


#define SOMA_KILO_DIGITS  3
#define SOMA_MEGA_DIGITS  6
#define SOMA_GIGA_DIGITS  9
#define SOMA_NANO_DIGITS  9


static int soma_limit_word(const char *const *names, unsigned n,
    soma_str_t word);
static int soma_limit_number(int64_t *value, soma_str_t word, int scale,
    const char *syntax, const char **error);
static int soma_limit_count(int64_t *value, soma_str_t word,
    const char **error);
static int soma_limit_cost(int64_t *value, soma_str_t word,
    const char **error);
static int soma_limit_size(soma_limit_t *limit, soma_str_t word,
    const char **error);
static int soma_limit_per(soma_limit_t *limit, soma_str_t scope,
    const char **error);
static int soma_limit_from(soma_limit_t *limit, soma_str_t day,
    const char **error);
static int soma_limit_tz(soma_limit_t *limit, soma_str_t name,
    const char **error);
static int soma_limit_until(soma_limit_t *limit, soma_str_t time,
    const char **error);
static int soma_limit_option(soma_limit_t *limit, soma_str_t word,
    unsigned *seen, const char **error);
static int soma_limit_text(soma_limit_t *limit, soma_str_t text,
    soma_scope_e scope, const char **error);


static const char *const  soma_amounts[] = {
    "requests", "tokens", "cost", "concurrency"
};

static const char *const  soma_windows[] = {
    "none", "second", "minute", "hour", "day", "week", "month", "ever"
};

static const char *const  soma_scopes[] = {
    "tenant", "user", "key", "model", "provider"
};

#define SOMA_SCOPES  (sizeof(soma_scopes) / sizeof(soma_scopes[0]))


const char *
soma_limit_amount_name(soma_amount_e amount)
{
    return ((unsigned) amount < SOMA_AMOUNTS) ? soma_amounts[amount] : "none";
}


const char *
soma_limit_window_name(soma_window_e window)
{
    return soma_windows[(unsigned) window < SOMA_WINDOWS ? window : 0];
}


const char *
soma_limit_scope_name(soma_scope_e scope)
{
    return ((unsigned) scope < SOMA_SCOPES) ? soma_scopes[scope] : "none";
}


static int
soma_limit_word(const char *const *names, unsigned n, soma_str_t word)
{
    unsigned  i;

    for (i = 0; i < n; i++) {
        if (soma_str_is(word, names[i])) {
            return (int) i;
        }
    }

    return -1;
}


/*
 * Digits with at most "scale" of them behind a point, times 10^scale: here
 * nothing is rounded, a limit is what its line says.
 */
static int
soma_limit_number(int64_t *value, soma_str_t word, int scale,
    const char *syntax, const char **error)
{
    size_t  i, point;

    point = word.len;

    for (i = 0; i < word.len; i++) {

        if (word.data[i] == '.' && point == word.len) {
            point = i;
            continue;
        }

        if (word.data[i] < '0' || word.data[i] > '9') {
            *error = syntax;
            return SOMA_ERROR;
        }
    }

    if (word.len == 0
        || point == 0
        || point + 1 == word.len
        || (point != word.len && word.len - point - 1 > (size_t) scale))
    {
        *error = syntax;
        return SOMA_ERROR;
    }

    if (soma_number_decimal(word, scale, value) != SOMA_OK
        || *value > SOMA_LIMIT_MAX)
    {
        *error = "limit is too large: allowed is up to 9000000g, "
                 "or 9000000 USD";
        return SOMA_ERROR;
    }

    if (*value == 0) {
        *error = "limit is zero: allowed is a number above 0";
        return SOMA_ERROR;
    }

    return SOMA_OK;
}


static int
soma_limit_count(int64_t *value, soma_str_t word, const char **error)
{
    int  scale;

    scale = 0;

    if (word.len != 0) {

        switch (word.data[word.len - 1]) {

        case 'k':
        case 'K':
            scale = SOMA_KILO_DIGITS;
            break;

        case 'm':
        case 'M':
            scale = SOMA_MEGA_DIGITS;
            break;

        case 'g':
        case 'G':
            scale = SOMA_GIGA_DIGITS;
            break;

        default:
            break;
        }

        word.len -= (scale != 0);
    }

    return soma_limit_number(value, word, scale,
                             "limit is not a whole number: allowed are digits "
                             "with a suffix k, m or g at most, as in 600, "
                             "10k or 1.5m", error);
}


static int
soma_limit_cost(int64_t *value, soma_str_t word, const char **error)
{
    return soma_limit_number(value, word, SOMA_NANO_DIGITS,
                             "limit is not an amount of USD: allowed is a "
                             "number with at most 9 decimals, as in 50 or "
                             "0.25", error);
}


static int
soma_limit_size(soma_limit_t *limit, soma_str_t word, const char **error)
{
    int             found;
    soma_str_t      number, window;
    unsigned char  *slash;

    slash = word.len ? memchr(word.data, '/', word.len) : NULL;

    if (limit->amount == SOMA_CONCURRENCY) {

        if (slash != NULL) {
            *error = "concurrency has no window: allowed is a number alone, "
                     "as in 20";
            return SOMA_ERROR;
        }

        return soma_limit_count(&limit->limit, word, error);
    }

    if (slash == NULL) {
        *error = "limit has no window: allowed is a number and /second, "
                 "/minute, /hour, /day, /week, /month or /ever, as in "
                 "600/minute";
        return SOMA_ERROR;
    }

    number.data = word.data;
    number.len = (size_t) (slash - word.data);
    window.data = slash + 1;
    window.len = word.len - number.len - 1;

    found = soma_limit_word(soma_windows, SOMA_WINDOWS, window);

    if (found <= SOMA_WINDOW_NONE) {
        *error = "unknown window: allowed are second, minute, hour, day, "
                 "week, month and ever";
        return SOMA_ERROR;
    }

    limit->window = (soma_window_e) found;

    if (limit->amount == SOMA_COST) {
        return soma_limit_cost(&limit->limit, number, error);
    }

    return soma_limit_count(&limit->limit, number, error);
}


static int
soma_limit_per(soma_limit_t *limit, soma_str_t scope, const char **error)
{
    int  found;

    found = soma_limit_word(soma_scopes, SOMA_SCOPES, scope);

    if (found < 0) {
        *error = "unknown scope: allowed behind per= are tenant, user, key, "
                 "model and provider";
        return SOMA_ERROR;
    }

    limit->per = (soma_scope_e) found;

    return SOMA_OK;
}


static int
soma_limit_from(soma_limit_t *limit, soma_str_t day, const char **error)
{
    int64_t  n;

    if (limit->window != SOMA_WINDOW_MONTH) {
        *error = "from= says on which day a month begins: it stands with "
                 "/month only";
        return SOMA_ERROR;
    }

    if (soma_number_int(day, &n) != SOMA_OK || n < 1
        || n > SOMA_LIMIT_FROM_MAX)
    {
        *error = "unknown day: allowed behind from= are 1 to 28, which every "
                 "month has";
        return SOMA_ERROR;
    }

    /* the first is what a month begins with anyway: the same count */
    limit->from = (n > 1) ? (unsigned char) n : 0;

    return SOMA_OK;
}


static int
soma_limit_tz(soma_limit_t *limit, soma_str_t name, const char **error)
{
    if (!soma_window_calendar(limit->window)
        || limit->window == SOMA_WINDOW_EVER)
    {
        *error = "tz= says by which clock a calendar turns: it stands with "
                 "/day, /week and /month only";
        return SOMA_ERROR;
    }

    if (!soma_tz_valid(name)) {
        *error = "unknown time zone: allowed behind tz= is a name of the "
                 "system's time zones, as in Europe/Berlin";
        return SOMA_ERROR;
    }

    if (!soma_str_is(name, "UTC")) {
        limit->tz = name;
    }

    return SOMA_OK;
}


static int
soma_limit_until(soma_limit_t *limit, soma_str_t time, const char **error)
{
    unsigned  local;

    if (soma_time_parse_local(time, &limit->until, &local) != SOMA_OK
        || limit->until <= 0)
    {
        *error = "unknown time: allowed behind until= are a date and a time, "
                 "as in 2026-12-24, 2026-12-24T18:00:00 or "
                 "2026-12-24T18:00:00+01:00";
        return SOMA_ERROR;
    }

    limit->local = local;

    return SOMA_OK;
}


/* what may stand behind the number, each once */
static int
soma_limit_option(soma_limit_t *limit, soma_str_t word, unsigned *seen,
    const char **error)
{
    size_t    len;
    unsigned  i;

    static const struct {
        const char  *name;
        int        (*set)(soma_limit_t *limit, soma_str_t value,
                          const char **error);
    } options[] = {
        { "per=", soma_limit_per },
        { "from=", soma_limit_from },
        { "tz=", soma_limit_tz },
        { "until=", soma_limit_until }
    };

    for (i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        len = strlen(options[i].name);

        if (word.len < len || memcmp(word.data, options[i].name, len) != 0) {
            continue;
        }

        if (*seen & (1u << i)) {
            *error = "word stands twice";
            return SOMA_ERROR;
        }

        *seen |= 1u << i;
        word.data += len;
        word.len -= len;

        return options[i].set(limit, word, error);
    }

    *error = "unknown word: allowed are per= with tenant, user, key, model "
             "or provider, from=, tz= and until=";

    return SOMA_ERROR;
}


int
soma_limit_parse(soma_limit_t *limit, const soma_str_t *words, unsigned n,
    soma_scope_e scope, unsigned *bad, const char **error)
{
    int       found;
    unsigned  i, seen;

    memset(limit, 0, sizeof(soma_limit_t));

    limit->per = scope;
    *bad = 0;

    if (n == 0) {
        *error = "limit is empty: allowed is an amount and a number, as in "
                 "requests 600/minute";
        return SOMA_ERROR;
    }

    found = soma_limit_word(soma_amounts, SOMA_AMOUNTS, words[0]);

    if (found < 0) {
        *error = "unknown amount: allowed are requests, tokens, cost and "
                 "concurrency";
        return SOMA_ERROR;
    }

    limit->amount = (soma_amount_e) found;

    if (n == 1) {
        *error = "limit has no number: allowed is a number and a window, as "
                 "in 600/minute, or for concurrency a number alone, as in 20";
        return SOMA_ERROR;
    }

    *bad = 1;

    if (soma_limit_size(limit, words[1], error) != SOMA_OK) {
        return SOMA_ERROR;
    }

    seen = 0;

    for (i = 2; i < n; i++) {
        *bad = i;

        if (i == SOMA_LIMIT_WORDS) {
            *error = "word too many: allowed are an amount, a number with "
                     "its window, and per=, from=, tz= and until= once each";
            return SOMA_ERROR;
        }

        if (soma_limit_option(limit, words[i], &seen, error) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    *bad = 0;

    if (limit->tz.len == 0) {
        soma_limit_zone(limit, NULL);
    }

    return SOMA_OK;
}


void
soma_limit_zone(soma_limit_t *limit, const soma_tz_t *zone)
{
    limit->zone = zone;

    if (limit->local) {
        limit->until = soma_tz_utc(zone, limit->until);
        limit->local = 0;
    }
}


static int
soma_limit_text(soma_limit_t *limit, soma_str_t text, soma_scope_e scope,
    const char **error)
{
    unsigned    n, bad;
    soma_str_t  rest, words[SOMA_LIMIT_WORDS + 1];

    n = 0;
    rest = text;

    /* one word more than is allowed is enough to be told so */
    while (n < SOMA_LIMIT_WORDS + 1 && soma_str_word(&rest, &words[n])) {
        n++;
    }

    if (soma_limit_parse(limit, words, n, scope, &bad, error) != SOMA_OK) {
        return SOMA_ERROR;
    }

    limit->text = text;

    return SOMA_OK;
}


int
soma_limit_list_parse(soma_limit_t *limit, unsigned max, unsigned *n,
    soma_str_t text, soma_scope_e scope, const char **error)
{
    size_t          len;
    soma_str_t      one;
    unsigned char  *semicolon;

    *n = 0;

    text = soma_str_trim(text);

    while (text.len != 0) {
        semicolon = memchr(text.data, ';', text.len);
        len = (semicolon != NULL) ? (size_t) (semicolon - text.data)
                                  : text.len;

        one.data = text.data;
        one.len = len;

        len += (semicolon != NULL);
        text.data += len;
        text.len -= len;
        text = soma_str_trim(text);

        if (*n == max) {
            *error = "too many limits in one text: allowed are 8";
            return SOMA_ERROR;
        }

        if (soma_limit_text(&limit[*n], soma_str_trim(one), scope, error)
            != SOMA_OK)
        {
            return SOMA_ERROR;
        }

        (*n)++;
    }

    soma_rule_share(limit, *n);

    return SOMA_OK;
}
