
/*
 * Copyright (C) The ngx_soma authors
 *
 * Limits: their words, and their arithmetic against a slow exact model.
 */


#include "soma_quota.h"
#include "soma_test.h"


#define NOW     1795230245678      /* 2026-11-21T03:04:05.678Z */
#define DAY     86400000
#define ROUNDS  (soma_valgrind() ? 100 : 400)
#define STEPS   400


__extension__ typedef __int128  wide_t;


/* below n, as often small as large */
static int64_t
pick(int64_t n)
{
    return (int64_t) ((soma_rnd() >> (soma_rnd() % 64)) % (uint64_t) n);
}


static int
parse(soma_limit_t *limit, const char *text, unsigned *bad,
    const char **error)
{
    unsigned    n;
    soma_str_t  rest, words[8];

    rest = str(text);

    for (n = 0; n < 8 && soma_str_word(&rest, &words[n]); n++) { /* void */ }

    *bad = 99;
    *error = NULL;

    return soma_limit_parse(limit, words, n, SOMA_SCOPE_TENANT, bad, error);
}


static void
test_parse(void)
{
    size_t         i;
    unsigned       bad;
    const char    *error;
    soma_limit_t   l;

    static const struct {
        const char     *text;
        soma_amount_e   amount;
        int64_t         limit;
        soma_window_e   window;
        soma_scope_e    per;
    } good[] = {
        { "requests 600/minute per=user", SOMA_REQUESTS, 600,
          SOMA_WINDOW_MINUTE, SOMA_SCOPE_USER },
        { "tokens 1m/hour", SOMA_TOKENS, 1000000, SOMA_WINDOW_HOUR,
          SOMA_SCOPE_TENANT },
        { "tokens 1.5M/day per=key", SOMA_TOKENS, 1500000, SOMA_WINDOW_DAY,
          SOMA_SCOPE_KEY },
        { "tokens 0.001k/second", SOMA_TOKENS, 1, SOMA_WINDOW_SECOND,
          SOMA_SCOPE_TENANT },
        { "requests 10k/second per=model", SOMA_REQUESTS, 10000,
          SOMA_WINDOW_SECOND, SOMA_SCOPE_MODEL },
        { "tokens 9000000g/month", SOMA_TOKENS, SOMA_LIMIT_MAX,
          SOMA_WINDOW_MONTH, SOMA_SCOPE_TENANT },
        { "cost 50/day", SOMA_COST, 50000000000, SOMA_WINDOW_DAY,
          SOMA_SCOPE_TENANT },
        { "cost 20/month per=provider", SOMA_COST, 20000000000,
          SOMA_WINDOW_MONTH, SOMA_SCOPE_PROVIDER },
        { "cost 0.000000001/hour", SOMA_COST, 1, SOMA_WINDOW_HOUR,
          SOMA_SCOPE_TENANT },
        { "cost 12.345678901/day", SOMA_COST, 12345678901, SOMA_WINDOW_DAY,
          SOMA_SCOPE_TENANT },
        { "cost 9000000/month", SOMA_COST, SOMA_LIMIT_MAX,
          SOMA_WINDOW_MONTH, SOMA_SCOPE_TENANT },
        { "concurrency 20", SOMA_CONCURRENCY, 20, SOMA_WINDOW_NONE,
          SOMA_SCOPE_TENANT },
        { "cost 100/week", SOMA_COST, 100000000000, SOMA_WINDOW_WEEK,
          SOMA_SCOPE_TENANT },
        { "tokens 5m/ever per=user", SOMA_TOKENS, 5000000, SOMA_WINDOW_EVER,
          SOMA_SCOPE_USER },
        { "cost 20/month tz=Europe/Berlin from=15 per=user", SOMA_COST,
          20000000000, SOMA_WINDOW_MONTH, SOMA_SCOPE_USER },
        { "concurrency 30 until=2026-12-24", SOMA_CONCURRENCY, 30,
          SOMA_WINDOW_NONE, SOMA_SCOPE_TENANT },
        { "concurrency 2k per=tenant", SOMA_CONCURRENCY, 2000,
          SOMA_WINDOW_NONE, SOMA_SCOPE_TENANT },
    };

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        soma_ok(parse(&l, good[i].text, &bad, &error) == SOMA_OK
                && l.amount == good[i].amount && l.limit == good[i].limit
                && l.window == good[i].window && l.per == good[i].per
                && l.text.len == 0, "limit %s", good[i].text);
    }
}


static void
test_parse_errors(void)
{
    size_t         i;
    unsigned       bad;
    const char    *error;
    soma_limit_t   l;

    static const struct {
        const char  *text;
        unsigned     bad;
        const char  *part;
    } cases[] = {
        { "", 0, "limit is empty" },
        { "bananas 5/day", 0, "allowed are requests, tokens, cost and" },
        { "Requests 5/day", 0, "unknown amount" },
        { "requests", 0, "limit has no number" },
        { "concurrency", 0, "limit has no number" },
        { "requests 600", 1, "limit has no window" },
        { "cost 50", 1, "limit has no window" },
        { "requests 600/fortnight", 1, "allowed are second, minute, hour" },
        { "requests 600/", 1, "unknown window" },
        { "requests 600/none", 1, "unknown window" },
        { "requests 600/minutes", 1, "unknown window" },
        { "requests 600/minute/2", 1, "unknown window" },
        { "requests /minute", 1, "not a whole number" },
        { "requests six/minute", 1, "not a whole number" },
        { "requests -5/minute", 1, "not a whole number" },
        { "requests 1.5/minute", 1, "not a whole number" },
        { "requests 1.0005k/minute", 1, "not a whole number" },
        { "requests 1e3/minute", 1, "not a whole number" },
        { "requests k/minute", 1, "not a whole number" },
        { "requests 1kk/minute", 1, "not a whole number" },
        { "requests .5k/minute", 1, "not a whole number" },
        { "requests 1.k/minute", 1, "not a whole number" },
        { "requests 1t/minute", 1, "not a whole number" },
        { "requests 0/minute", 1, "above 0" },
        { "tokens 0k/minute", 1, "above 0" },
        { "cost 0/day", 1, "above 0" },
        { "cost 0.000000000/day", 1, "above 0" },
        { "concurrency 0", 1, "above 0" },
        { "tokens 1000000001g/day", 1, "too large" },
        { "tokens 99999999999999999999999999/day", 1, "too large" },
        { "cost 1000000000.000000001/day", 1, "too large" },
        { "cost 0.0000000001/day", 1, "at most 9 decimals" },
        { "cost $5/day", 1, "not an amount of USD" },
        { "cost 5k/day", 1, "not an amount of USD" },
        { "cost 5e3/day", 1, "not an amount of USD" },
        { "cost 5,00/day", 1, "not an amount of USD" },
        { "cost 1.2.3/day", 1, "not an amount of USD" },
        { "concurrency 20/minute", 1, "concurrency has no window" },
        { "concurrency 1.5", 1, "not a whole number" },
        { "requests 5/day user", 2, "allowed are per=" },
        { "requests 5/day Per=user", 2, "allowed are per=" },
        { "requests 5/day per=", 2, "unknown scope" },
        { "requests 5/day per=team", 2, "tenant, user, key, model and" },
        { "requests 5/day per=user per=key", 3, "stands twice" },
        { "requests 5/day per=user burst", 3, "unknown word" },
        { "cost 5/month per=user from=2 tz=UTC until=2026-12-24 x", 6,
          "word too many" },
        { "cost 5/day from=2", 2, "with /month only" },
        { "cost 5/month from=0", 2, "1 to 28" },
        { "cost 5/month from=29", 2, "1 to 28" },
        { "cost 5/month from=", 2, "1 to 28" },
        { "cost 5/hour tz=Europe/Berlin", 2, "/day, /week and /month only" },
        { "cost 5/ever tz=Europe/Berlin", 2, "/day, /week and /month only" },
        { "cost 5/day tz=../../etc/passwd", 2, "unknown time zone" },
        { "cost 5/day tz=", 2, "unknown time zone" },
        { "cost 5/day until=tomorrow", 2, "as in 2026-12-24" },
        { "cost 5/day until=2026-13-01", 2, "as in 2026-12-24" },
        { "cost 5/day until=0001-01-01", 2, "as in 2026-12-24" },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        if (!soma_ok(parse(&l, cases[i].text, &bad, &error) == SOMA_ERROR
                     && bad == cases[i].bad && error != NULL
                     && strstr(error, cases[i].part) != NULL,
                     "no limit: \"%s\"", cases[i].text))
        {
            printf("#  bad %u, %s\n", bad, error ? error : "no error");
        }
    }
}


static void
test_parse_list(void)
{
    unsigned       n;
    const char    *error;
    soma_limit_t   l[SOMA_LIMITS_MAX];

    soma_ok(soma_limit_list_parse(l, SOMA_LIMITS_MAX, &n,
                                str(" requests 10/minute ;cost 5/day per=user"),
                                SOMA_SCOPE_KEY, &error) == SOMA_OK && n == 2,
            "two in one text");
    soma_is_str(l[0].text.data, l[0].text.len, "requests 10/minute",
                "the first one's text");
    soma_ok(l[0].per == SOMA_SCOPE_KEY && l[1].per == SOMA_SCOPE_USER
            && l[1].amount == SOMA_COST && l[1].limit == 5000000000,
            "their scopes");
    soma_ok(soma_limit_list_parse(l, SOMA_LIMITS_MAX, &n,
                                 str("concurrency 1; "), SOMA_SCOPE_KEY, &error)
            == SOMA_OK && n == 1, "a semicolon at the end");
    soma_ok(soma_limit_list_parse(l, SOMA_LIMITS_MAX, &n, str("  "),
                                  SOMA_SCOPE_KEY, &error) == SOMA_OK && n == 0,
            "none");
    soma_is_int(soma_limit_list_parse(l, SOMA_LIMITS_MAX, &n,
                                      str("concurrency 1;;concurrency 2"),
                                      SOMA_SCOPE_KEY, &error), SOMA_ERROR,
                "an empty one in between");
    soma_is_int(soma_limit_list_parse(l, 1, &n,
                                      str("concurrency 1;concurrency 2"),
                                      SOMA_SCOPE_KEY, &error), SOMA_ERROR,
                "one too many");
    soma_is_int(soma_limit_list_parse(l, SOMA_LIMITS_MAX, &n,
                                      str("requests 1/day per=key a b c d"),
                                      SOMA_SCOPE_KEY, &error), SOMA_ERROR,
                "words too many");

    soma_ok(strcmp(soma_limit_amount_name(SOMA_COST), "cost") == 0
            && strcmp(soma_limit_window_name(SOMA_WINDOW_MONTH), "month") == 0
            && strcmp(soma_limit_scope_name(SOMA_SCOPE_PROVIDER),
                      "provider") == 0,
            "names");
    soma_ok(strcmp(soma_limit_amount_name((soma_amount_e) 77), "none") == 0
            && strcmp(soma_limit_window_name((soma_window_e) 77), "none") == 0
            && strcmp(soma_limit_scope_name((soma_scope_e) 77), "none") == 0,
            "names of nothing");
}


static soma_limit_t
make(soma_amount_e amount, soma_window_e window, int64_t limit)
{
    soma_limit_t  l;

    memset(&l, 0, sizeof(l));
    l.amount = amount;
    l.window = window;
    l.limit = limit;

    return l;
}


static void
test_bucket(void)
{
    soma_limit_t    l;
    soma_quota_t    q;
    soma_verdict_t  v;

    l = make(SOMA_REQUESTS, SOMA_WINDOW_MINUTE, 7);
    memset(&q, 0, sizeof(q));

    soma_ok(soma_quota_check(&l, &q, NOW, 7, &v) == SOMA_OK
            && v.remaining == 0 && v.reset_ms == 60000 && v.retry_ms == 0,
            "a bucket starts full");
    soma_ok(soma_quota_check(&l, &q, NOW, 2, &v) == SOMA_OK
            && v.remaining == 5, "a check takes nothing");
    soma_quota_take(&l, &q, 7);

    soma_ok(soma_quota_check(&l, &q, NOW, 1, &v) == SOMA_DECLINED
            && v.remaining == 0 && v.retry_ms == 8572, "empty: 60000 / 7 up");
    soma_is_int(soma_quota_check(&l, &q, NOW + 8571, 1, &v), SOMA_DECLINED,
                "a ms before");
    soma_is_int(v.retry_ms, 1, "says so");
    soma_is_int(soma_quota_check(&l, &q, NOW + 8572, 1, &v), SOMA_OK,
                "and then");

    soma_ok(soma_quota_check(&l, &q, NOW + 8572, 8, &v) == SOMA_DECLINED
            && v.retry_ms == -1 && v.remaining == 1, "more than there ever is");
    soma_is_int(soma_quota_check(&l, &q, NOW + 8572, 0, &v), SOMA_OK,
                "nothing");

    soma_ok(soma_quota_check(&l, &q, NOW + 60000, 7, &v) == SOMA_OK,
            "full after a minute, though asked in between");
    soma_quota_take(&l, &q, 7);
    soma_quota_settle(&l, &q, NOW + 60000, 0, 7, 2);
    soma_is_int(q.level, 5, "given back");
    soma_quota_settle(&l, &q, NOW + 60000, 0, 2, 30);
    soma_is_int(q.level, -23, "used more than taken: debt");
    soma_ok(soma_quota_check(&l, &q, NOW + 60000, 1, &v) == SOMA_DECLINED
            && v.remaining == 0 && v.retry_ms == 205715
            && v.reset_ms == 257143, "debt is waited for");
    soma_is_int(soma_quota_check(&l, &q, NOW + 60000, 0, &v), SOMA_OK,
                "nothing passes in debt too");
    soma_is_int(soma_quota_check(&l, &q, NOW + 60000 + 205715, 1, &v),
                SOMA_OK, "debt is worked off");
    soma_quota_settle(&l, &q, NOW + 600000, 0, 100, 0);
    soma_is_int(q.level, 7, "never over the limit");

    l.limit = 3;
    soma_ok(soma_quota_check(&l, &q, NOW + 600000, 1, &v) == SOMA_OK
            && v.remaining == 2, "a smaller limit after a reload");
    l.limit = 0;
    soma_ok(soma_quota_check(&l, &q, NOW + 600000, 1, &v) == SOMA_DECLINED
            && v.retry_ms == -1, "a limit of nothing");
}


/* 7 tokens a minute, asked every 13 ms for half a day: none is lost */
static void
test_spare(void)
{
    int64_t         i, taken, steps;
    soma_limit_t    l;
    soma_quota_t    q;
    soma_verdict_t  v;

    l = make(SOMA_TOKENS, SOMA_WINDOW_MINUTE, 7);
    memset(&q, 0, sizeof(q));

    taken = 0;
    steps = DAY / 2 / 13;

    for (i = 0; i <= steps; i++) {
        if (soma_quota_check(&l, &q, NOW + i * 13, 1, &v) == SOMA_OK) {
            soma_quota_take(&l, &q, 1);
            taken++;
        }
    }

    soma_is_int(taken, 7 + steps * 13 * 7 / 60000, "to the last token");
}


static void
test_bucket_clock(void)
{
    int64_t         full;
    soma_limit_t    l;
    soma_quota_t    q;
    soma_verdict_t  v;

    l = make(SOMA_COST, SOMA_WINDOW_HOUR, SOMA_LIMIT_MAX);
    memset(&q, 0, sizeof(q));

    (void) soma_quota_check(&l, &q, NOW, SOMA_LIMIT_MAX, &v);
    soma_quota_take(&l, &q, SOMA_LIMIT_MAX);
    full = q.level;

    soma_ok(soma_quota_check(&l, &q, NOW - 5000, 1, &v) == SOMA_DECLINED
            && q.level == full && v.retry_ms == 5001,
            "another worker's clock is a little behind");
    (void) soma_quota_check(&l, &q, NOW, 1, &v);
    soma_is_int(q.level, full, "those ms are not earned twice");

    (void) soma_quota_check(&l, &q, NOW - DAY, 1, &v);
    soma_ok(q.level == full && v.retry_ms == 1,
            "a clock set back a day earns nothing, and goes on from there");
    soma_is_int(soma_quota_check(&l, &q, NOW - DAY + 1, 1, &v), SOMA_OK,
                "from there");

    soma_is_int(soma_quota_check(&l, &q, INT64_MAX, SOMA_LIMIT_MAX, &v),
                SOMA_OK, "the end of time");
    soma_quota_take(&l, &q, SOMA_LIMIT_MAX);
    (void) soma_quota_check(&l, &q, INT64_MIN, 1, &v);
    soma_ok(q.level == 0 && q.since == 1, "the beginning of time");

    soma_quota_settle(&l, &q, 1, 0, 0, INT64_MAX);
    soma_quota_settle(&l, &q, 1, 0, 0, INT64_MAX);
    soma_is_int(q.level, -SOMA_QUOTA_DEBT_MAX, "debt has an end");
    (void) soma_quota_check(&l, &q, 1, SOMA_LIMIT_MAX, &v);
    soma_ok(v.retry_ms > 0 && v.reset_ms > 0, "and a time to come back");

    l = make(SOMA_COST, SOMA_WINDOW_HOUR, 1);
    (void) soma_quota_check(&l, &q, 1, 1, &v);
    soma_is_int(v.retry_ms, INT64_MAX, "however long that is");
    soma_quota_take(&l, &q, INT64_MAX);
    soma_is_int(q.level, -SOMA_QUOTA_DEBT_MAX, "take has the same end");
}


/*
 * The model: what is in the bucket as one exact number in window-ths of a
 * token, walked in one-ms steps where the time allows it.
 */
typedef struct {
    wide_t   units;
    int64_t  at;
    int64_t  limit;
    int64_t  window;
} model_t;


static void
model_walk(model_t *m, int64_t now)
{
    int64_t  left;

    for (left = now - m->at; left > 0 && m->units < (wide_t) m->limit
                                                    * m->window; left--)
    {
        m->units += m->limit;
    }

    if (m->units > (wide_t) m->limit * m->window) {
        m->units = (wide_t) m->limit * m->window;
    }

    m->at = now;
}


static int64_t
model_level(const model_t *m)
{
    wide_t  whole;

    whole = m->units / m->window;

    return (int64_t) (whole - (m->units < 0 && m->units % m->window != 0));
}


/* one random step against the model; 0: they differ */
static int
model_step(model_t *m, const soma_limit_t *l, soma_quota_t *q, int64_t now,
    int64_t *held)
{
    int             rc;
    int64_t         want, used;
    soma_quota_t    copy;
    soma_verdict_t  v, w;

    model_walk(m, now);

    want = (soma_rnd() % 16 == 0) ? l->limit + 1 + pick(5) : pick(l->limit + 1);
    rc = soma_quota_check(l, q, now, want, &v);

    if (q->level != model_level(m)
        || (rc == SOMA_OK) != (want == 0 || want <= model_level(m)))
    {
        return 0;
    }

    if (rc == SOMA_OK) {

        if (soma_rnd() % 4 != 0) {
            soma_quota_take(l, q, want);
            m->units -= (wide_t) want * m->window;
            *held += want;
        }

    } else if (want > l->limit) {

        if (v.retry_ms != -1) {
            return 0;
        }

    } else {
        /* to the ms */
        copy = *q;

        if (v.retry_ms <= 0
            || soma_quota_check(l, &copy, now + v.retry_ms - 1, want, &w)
               != SOMA_DECLINED
            || soma_quota_check(l, &copy, now + v.retry_ms, want, &w)
               != SOMA_OK)
        {
            return 0;
        }
    }

    if (*held > 0 && soma_rnd() % 3 == 0) {
        want = 1 + pick(*held);
        used = (soma_rnd() % 8 == 0) ? want + pick(l->limit) : pick(want + 1);
        *held -= want;

        soma_quota_settle(l, q, now, q->since, want, used);

        m->units += (wide_t) (want - used) * m->window;
        model_walk(m, now);
    }

    return q->level == model_level(m);
}


static void
test_bucket_model(void)
{
    int             i, k, fails;
    model_t         m;
    int64_t         now, held;
    soma_limit_t    l;
    soma_quota_t    q;
    soma_verdict_t  v;

    static const int64_t  windows[] = { 1000, 60000, 3600000 };

    fails = 0;

    for (i = 0; i < ROUNDS; i++) {
        k = (int) (soma_rnd() % 3);
        l = make(SOMA_TOKENS, (soma_window_e) (SOMA_WINDOW_SECOND + k),
                 1 + pick(soma_rnd() % 2 ? 50 : SOMA_LIMIT_MAX));
        memset(&q, 0, sizeof(q));

        now = NOW;
        held = 0;
        m.limit = l.limit;
        m.window = windows[k];
        m.at = now;
        m.units = (wide_t) m.limit * m.window;

        (void) soma_quota_check(&l, &q, now, 1, &v);

        for (k = 0; k < STEPS; k++) {
            now += pick(m.window / 50);

            if (!model_step(&m, &l, &q, now, &held)) {
                fails++;
                break;
            }
        }
    }

    soma_is_int(fails, 0, "buckets as the exact model has them");
}


/* over any window: what was in it and what came in, no more */
static void
test_bucket_sum(void)
{
    int             i, k, n, from, fails, passed;
    int64_t         now, sum, want, when[STEPS], took[STEPS];
    soma_limit_t    l;
    soma_quota_t    q;
    soma_verdict_t  v;

    fails = 0;
    passed = 0;

    for (i = 0; i < ROUNDS; i++) {
        l = make(SOMA_TOKENS, SOMA_WINDOW_SECOND, 1 + pick(1000));
        memset(&q, 0, sizeof(q));
        now = NOW;
        n = 0;

        for (k = 0; k < STEPS; k++) {
            /* clocks of workers, up to 3 ms apart */
            now += pick(20);
            want = 1 + pick(l.limit);

            if (soma_quota_check(&l, &q, now - pick(4), want, &v)
                == SOMA_OK)
            {
                soma_quota_take(&l, &q, want);
                when[n] = now;
                took[n++] = want;
                passed++;
            }
        }

        for (from = 0; from < n; from++) {
            sum = 0;

            for (k = from; k < n && when[k] - when[from] <= 1000 - 3; k++) {
                sum += took[k];
            }

            fails += (sum > 2 * l.limit);
        }
    }

    soma_ok(passed > ROUNDS * 10, "%d takes", passed);
    soma_is_int(fails, 0, "never more than twice the limit in a window");
}


static void
test_calendar(void)
{
    int64_t         window;
    soma_limit_t    l;
    soma_quota_t    q;
    soma_verdict_t  v;

    l = make(SOMA_COST, SOMA_WINDOW_DAY, 100);
    memset(&q, 0, sizeof(q));

    soma_ok(soma_quota_check(&l, &q, NOW, 60, &v) == SOMA_OK
            && v.remaining == 40
            && v.reset_ms == soma_time_next_day_start(NOW) - NOW,
            "a day is untouched");
    window = soma_quota_take(&l, &q, 60);
    soma_is_int(window, soma_time_day_start(NOW), "the window's start");

    soma_ok(soma_quota_check(&l, &q, NOW, 41, &v) == SOMA_DECLINED
            && v.remaining == 40
            && v.retry_ms == soma_time_next_day_start(NOW) - NOW,
            "over it: tomorrow");
    soma_ok(soma_quota_check(&l, &q, NOW, 101, &v) == SOMA_DECLINED
            && v.retry_ms == -1, "more than a day ever has");
    soma_is_int(soma_quota_check(&l, &q, NOW + v.reset_ms - 1, 41, &v),
                SOMA_DECLINED, "until midnight");

    soma_quota_settle(&l, &q, NOW, window, 60, 10);
    soma_is_int(q.level, 10, "given back");
    soma_quota_settle(&l, &q, NOW, window, 10, 200);
    soma_is_int(q.level, 200, "used more than there was");
    soma_ok(soma_quota_check(&l, &q, NOW, 1, &v) == SOMA_DECLINED
            && v.remaining == 0, "is seen");
    soma_is_int(soma_quota_check(&l, &q, NOW, 0, &v), SOMA_OK, "nothing");

    soma_ok(soma_quota_check(&l, &q, soma_time_next_day_start(NOW), 100, &v)
            == SOMA_OK && q.level == 0, "a new day");
    soma_quota_take(&l, &q, 30);
    soma_quota_settle(&l, &q, NOW + DAY, window, 200, 0);
    soma_is_int(q.level, 30, "what yesterday gives back is yesterday's");

    (void) soma_quota_check(&l, &q, soma_time_next_day_start(NOW) - 1, 1, &v);
    soma_ok(q.level == 30 && q.since == soma_time_next_day_start(NOW),
            "a clock a ms behind turns nothing back");
    (void) soma_quota_check(&l, &q, NOW - 40 * (int64_t) DAY, 1, &v);
    soma_ok(q.level == 30
            && q.since == soma_time_day_start(NOW - 40 * (int64_t) DAY),
            "a clock set back takes along what was used");

    memset(&q, 0, sizeof(q));
    soma_quota_settle(&l, &q, NOW, window, 5, 50);
    soma_is_int(q.level, 0, "a state that was dropped is left alone");
    (void) soma_quota_check(&l, &q, 5, 100, &v);
    soma_quota_take(&l, &q, 100);
    soma_is_int(soma_quota_check(&l, &q, 6, 1, &v), SOMA_DECLINED,
                "the first day of all is a day too");
    (void) soma_quota_check(&l, &q, INT64_MAX, 1, &v);
    soma_ok(v.reset_ms > 0, "so is the last");
    soma_quota_take(&l, &q, INT64_MAX);
    soma_quota_take(&l, &q, INT64_MAX);
    soma_is_int(q.level, INT64_MAX, "use has an end");
    soma_ok(soma_quota_check(&l, &q, INT64_MAX, 1, &v) == SOMA_DECLINED
            && v.remaining == 0, "and is over");
}


static void
test_months(void)
{
    int             i, days, fails;
    int64_t         now;
    soma_limit_t    l;
    soma_quota_t    q;
    soma_verdict_t  v;

    static const int  length[] = {
        31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };

    l = make(SOMA_REQUESTS, SOMA_WINDOW_MONTH, 1);
    memset(&q, 0, sizeof(q));

    /* 2023-01-01; 2024 and 2028 are leap years; 2100 is not */
    now = 1672531200000;
    fails = 0;

    for (i = 0; i < 12 * 80; i++) {
        days = length[i % 12];

        if (i % 12 == 1 && (2023 + i / 12) % 4 == 0
            && 2023 + i / 12 != 2100)
        {
            days = 29;
        }

        fails += (soma_quota_check(&l, &q, now, 1, &v) != SOMA_OK);
        soma_quota_take(&l, &q, 1);
        fails += (soma_quota_check(&l, &q, now, 1, &v) != SOMA_DECLINED
                  || v.retry_ms != (int64_t) days * DAY);
        now += (int64_t) days * DAY;
        fails += (soma_quota_check(&l, &q, now - 1, 1, &v) != SOMA_DECLINED
                  || v.retry_ms != 1);
    }

    soma_is_int(fails, 0, "each month has its own length, for 80 years");
}


static void
test_calendar_sum(void)
{
    int             i, k, fails;
    int64_t         now, start, day, used, taken, window, really;
    soma_limit_t    l;
    soma_quota_t    q;
    soma_verdict_t  v;

    fails = 0;

    for (i = 0; i < ROUNDS; i++) {
        l = make(SOMA_COST, SOMA_WINDOW_DAY, 1 + pick(SOMA_LIMIT_MAX));
        memset(&q, 0, sizeof(q));
        now = NOW;
        day = 0;
        used = 0;

        for (k = 0; k < STEPS; k++) {
            now += pick(DAY / 50);
            start = soma_time_day_start(now);

            if (start != day) {
                day = start;
                used = 0;
            }

            taken = 1 + pick(l.limit);

            if (soma_quota_check(&l, &q, now, taken, &v) != SOMA_OK) {
                continue;
            }

            window = soma_quota_take(&l, &q, taken);
            fails += (window != day);
            really = pick(taken + 1);

            /* now and then midnight comes before the answer's end */
            soma_quota_settle(&l, &q, now, window, taken, really);
            used += really;
            fails += (used > l.limit || q.level != used
                      || v.remaining < 0);
        }
    }

    soma_is_int(fails, 0, "never more than the limit in a day");
}


static void
test_concurrency(void)
{
    soma_limit_t    l;
    soma_quota_t    q;
    soma_verdict_t  v;

    l = make(SOMA_CONCURRENCY, SOMA_WINDOW_NONE, 2);
    memset(&q, 0, sizeof(q));

    soma_ok(soma_quota_check(&l, &q, NOW, 1, &v) == SOMA_OK
            && v.remaining == 1, "one of two");
    soma_quota_take(&l, &q, 1);
    soma_is_int(soma_quota_check(&l, &q, NOW, 1, &v), SOMA_OK, "two of two");
    soma_quota_take(&l, &q, 1);
    soma_ok(soma_quota_check(&l, &q, NOW, 1, &v) == SOMA_DECLINED
            && v.retry_ms == SOMA_QUOTA_BUSY_MS && v.remaining == 0,
            "no third");
    soma_ok(soma_quota_check(&l, &q, NOW, 3, &v) == SOMA_DECLINED
            && v.retry_ms == -1, "three never");
    soma_quota_settle(&l, &q, NOW + DAY, 0, 1, 1);
    soma_is_int(q.level, 1, "given back whole");
    soma_quota_settle(&l, &q, NOW + DAY, 0, 5, 0);
    soma_is_int(q.level, 0, "never below none");
}


/* which of several limits with one count holds, and what names the count */
static void
test_shared(void)
{
    unsigned        i, n, held;
    int64_t         end;
    const char     *error;
    soma_out_t      out;
    soma_limit_t    l[SOMA_LIMITS_MAX], back;
    unsigned char   buf[SOMA_RULE_MAX];

    (void) soma_limit_list_parse(l, SOMA_LIMITS_MAX, &n,
                                 str("cost 20/day;cost 50/day until=2026-12-24;"
                                     "cost 30/day;cost 5/day per=user;"
                                     "cost 60/day until=2026-12-26;"
                                     "cost 20/day"),
                                 SOMA_SCOPE_TENANT, &error);
    end = l[1].until;
    soma_ok(n == 6 && l[0].shares && l[1].shares && !l[3].shares,
            "those of one count are told");

    for (held = 0, i = 0; i < n; i++) {
        held |= (unsigned) soma_rule_holds(l, n, i, end - 1) << i;
    }

    soma_is_int(held, 1 << 1 | 1 << 3, "one that ends takes the others' place,"
                " the tightest of them");

    for (held = 0, i = 0; i < n; i++) {
        held |= (unsigned) soma_rule_holds(l, n, i, end) << i;
    }

    soma_is_int(held, 1 << 3 | 1 << 4, "then the next");

    for (held = 0, i = 0; i < n; i++) {
        held |= (unsigned) soma_rule_holds(l, n, i, l[4].until) << i;
    }

    soma_is_int(held, 1 << 0 | 1 << 3, "then the tightest of the others, "
                "once");

    (void) soma_limit_list_parse(l, SOMA_LIMITS_MAX, &n,
                                 str("cost 20/month tz=Europe/Berlin from=15 "
                                     "per=user until=2026-12-24;"
                                     "cost 9/month from=1 tz=UTC;cost 9/month;"
                                     "concurrency 5;tokens 1m/ever"),
                                 SOMA_SCOPE_TENANT, &error);

    for (i = 0; i < n; i++) {
        static const char *const  rules[] = {
            "cost/month from=15 tz=Europe/Berlin", "cost/month",
            "cost/month", "concurrency", "tokens/ever"
        };

        soma_put_init(&out, buf, sizeof(buf));
        soma_rule_of(&out, &l[i]);
        soma_is_str(out.start, out.pos - out.start, rules[i], "its rule");
        soma_ok(soma_rule_limit(&back, str(rules[i])) == SOMA_OK
                && back.amount == l[i].amount && back.window == l[i].window
                && back.from == l[i].from && soma_str_eq(back.tz, l[i].tz),
                "and back from there");
    }

    soma_ok(l[1].shares && l[2].shares, "the same in other words is the same");
    soma_is_int(soma_rule_limit(&back, str("cost/eon")), SOMA_ERROR,
                "no rule");
    soma_is_int(soma_rule_limit(&back, str("")), SOMA_ERROR, "nor this");
}


/* another number for the same count */
static void
test_change(void)
{
    soma_limit_t    l;
    soma_quota_t    q;
    soma_verdict_t  v;

    memset(&q, 0, sizeof(q));
    l = make(SOMA_TOKENS, SOMA_WINDOW_MINUTE, 600);
    (void) soma_quota_check(&l, &q, NOW, 500, &v);
    (void) soma_quota_take(&l, &q, 500);

    soma_quota_change(&l, &q, NOW, 1000);
    l.limit = 1000;
    soma_is_int(soma_quota_check(&l, &q, NOW, 501, &v), SOMA_DECLINED,
                "a rate that was raised: what was used stays used");
    soma_is_int(soma_quota_check(&l, &q, NOW, 500, &v), SOMA_OK,
                "the rest is there");

    soma_quota_change(&l, &q, NOW, 100);
    l.limit = 100;
    soma_is_int(soma_quota_check(&l, &q, NOW, 1, &v), SOMA_DECLINED,
                "lowered below what was used: refused at once");
    soma_is_int(q.level, -400, "it is owed");
    soma_quota_change(&l, &q, NOW, 600);
    soma_is_int(q.level, 100, "and to and fro loses nothing");

    memset(&q, 0, sizeof(q));
    l = make(SOMA_COST, SOMA_WINDOW_DAY, 600);
    (void) soma_quota_check(&l, &q, NOW, 500, &v);
    (void) soma_quota_take(&l, &q, 500);
    soma_quota_change(&l, &q, NOW, 400);
    l.limit = 400;
    soma_is_int(soma_quota_check(&l, &q, NOW, 1, &v), SOMA_DECLINED,
                "a budget lowered below what was used");
    soma_is_int(v.remaining, 0, "has nothing left");
    soma_quota_change(&l, &q, NOW, 700);
    l.limit = 700;
    soma_is_int(soma_quota_check(&l, &q, NOW, 200, &v), SOMA_OK,
                "raised again, what is left of it");
    soma_is_int(soma_quota_check(&l, &q, NOW, 201, &v), SOMA_DECLINED,
                "and no more");
}


/* what fits only when others give back is told from what is spent */
static void
test_waits(void)
{
    int64_t         window;
    soma_limit_t    l;
    soma_quota_t    q;
    soma_verdict_t  v;

    memset(&q, 0, sizeof(q));
    l = make(SOMA_COST, SOMA_WINDOW_DAY, 100);
    (void) soma_quota_check(&l, &q, NOW, 80, &v);
    window = soma_quota_take(&l, &q, 80);

    (void) soma_quota_check(&l, &q, NOW, 30, &v);
    soma_is_int(v.waits, 1, "80 in flight: 30 may wait");
    (void) soma_quota_check(&l, &q, NOW, 101, &v);
    soma_is_int(v.waits, 0, "what is more than all never may");

    soma_quota_settle(&l, &q, NOW, window, 80, 75);
    (void) soma_quota_check(&l, &q, NOW, 30, &v);
    soma_is_int(v.waits, 0, "75 spent: nothing comes back");

    (void) soma_quota_check(&l, &q, NOW, 20, &v);
    window = soma_quota_take(&l, &q, 20);
    (void) soma_quota_check(&l, &q, NOW, 26, &v);
    soma_is_int(v.waits, 0, "one that does not fit even then is refused");
    (void) soma_quota_check(&l, &q, NOW + DAY, 1, &v);
    soma_quota_settle(&l, &q, NOW + DAY, window, 20, 0);
    soma_is_int(q.out, 0, "the next day nothing is in flight");

    memset(&q, 0, sizeof(q));
    l = make(SOMA_CONCURRENCY, SOMA_WINDOW_NONE, 1);
    (void) soma_quota_check(&l, &q, NOW, 1, &v);
    window = soma_quota_take(&l, &q, 1);
    (void) soma_quota_check(&l, &q, NOW, 1, &v);
    soma_is_int(v.waits, 1, "a slot comes back");
    soma_quota_settle(&l, &q, NOW, window, 1, 1);
    soma_is_int(soma_quota_check(&l, &q, NOW, 1, &v), SOMA_OK, "it did");

    memset(&q, 0, sizeof(q));
    l = make(SOMA_REQUESTS, SOMA_WINDOW_DAY, 1);
    (void) soma_quota_check(&l, &q, NOW, 1, &v);
    (void) soma_quota_take(&l, &q, 1);
    (void) soma_quota_check(&l, &q, NOW, 1, &v);
    soma_is_int(v.waits, 0, "a request that was counted never does");
}


static void
test_left(void)
{
    size_t         i;
    unsigned       bad;
    const char    *error;
    soma_out_t     out;
    soma_limit_t   l;
    unsigned char  buf[SOMA_LIMIT_LEFT_MAX];

    static const struct {
        const char  *text;
        int64_t      left;
        const char  *words;
    } cases[] = {
        { "cost 50/day", 1000, "0.000001 USD left of 50 USD a day" },
        { "tokens 1k/hour", 12, "12 tokens left of 1000 tokens an hour" },
        { "requests 600/minute", 0,
          "0 requests left of 600 requests a minute" },
        { "cost 9000000/ever", SOMA_LIMIT_MAX,
          "9000000 USD left of 9000000 USD in all" },
        { "concurrency 20", 0, "0 left of 20 requests at a time" },
        { "cost 8999999.999999999/second", 8999999999999999,
          "8999999.999999999 USD left of 8999999.999999999 USD a second" },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        (void) parse(&l, cases[i].text, &bad, &error);
        soma_put_init(&out, buf, sizeof(buf));
        soma_rule_left(&out, &l, cases[i].left);
        soma_is_str(out.start, out.pos - out.start, cases[i].words,
                    "its unit is told");
        soma_ok(!out.full, "and fits");
    }
}


int
main(void)
{
    test_parse();
    test_parse_errors();
    test_parse_list();
    test_shared();
    test_change();
    test_waits();
    test_left();
    test_bucket();
    test_spare();
    test_bucket_clock();
    test_bucket_model();
    test_bucket_sum();
    test_calendar();
    test_months();
    test_calendar_sum();
    test_concurrency();

    return soma_done();
}
