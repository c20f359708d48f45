
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a limit counts: its rule, which limits share a count and which of
 * them holds, and how much of it is left in words.
 */


#include "soma_quota.h"


static int soma_limit_same(const soma_limit_t *a, const soma_limit_t *b);
static int soma_limit_before(const soma_limit_t *a, const soma_limit_t *b);


static int
soma_limit_same(const soma_limit_t *a, const soma_limit_t *b)
{
    return a->amount == b->amount && a->window == b->window
           && a->per == b->per && a->from == b->from
           && soma_str_eq(a->tz, b->tz);
}


void
soma_rule_share(soma_limit_t *limit, unsigned n)
{
    unsigned  i, j;

    for (i = 0; i < n; i++) {
        limit[i].shares = 0;

        for (j = 0; j < n; j++) {
            if (j != i && soma_limit_same(&limit[i], &limit[j])) {
                limit[i].shares = 1;
            }
        }
    }
}


/* does a hold rather than b, both at that time in force */
static int
soma_limit_before(const soma_limit_t *a, const soma_limit_t *b)
{
    if ((a->until != 0) != (b->until != 0)) {
        return a->until != 0;
    }

    return a->limit < b->limit;
}


int
soma_rule_holds(const soma_limit_t *limit, unsigned n, unsigned i,
    int64_t now)
{
    unsigned             j;
    const soma_limit_t  *one, *other;

    one = &limit[i];

    if (one->until != 0 && now >= one->until) {
        return 0;
    }

    for (j = 0; one->shares && j < n; j++) {
        other = &limit[j];

        if (j == i || !soma_limit_same(one, other)
            || (other->until != 0 && now >= other->until))
        {
            continue;
        }

        if (soma_limit_before(other, one)
            || (j < i && !soma_limit_before(one, other)))
        {
            return 0;
        }
    }

    return 1;
}


static void
soma_rule_window(soma_out_t *out, const soma_limit_t *limit)
{
    if (limit->window != SOMA_WINDOW_NONE) {
        soma_put_char(out, '/');
        soma_put_cstr(out, soma_limit_window_name(limit->window));
    }
}


/* when its windows begin */

static void
soma_rule_start(soma_out_t *out, const soma_limit_t *limit)
{
    if (limit->from != 0) {
        soma_put_cstr(out, " from=");
        soma_put_int(out, limit->from);
    }

    if (limit->tz.len != 0) {
        soma_put_cstr(out, " tz=");
        soma_put_str(out, limit->tz);
    }
}


void
soma_rule_of(soma_out_t *out, const soma_limit_t *limit)
{
    soma_put_cstr(out, soma_limit_amount_name(limit->amount));

    soma_rule_window(out, limit);

    soma_rule_start(out, limit);
}


void
soma_rule_words(soma_out_t *out, const soma_limit_t *limit)
{
    soma_put_cstr(out, soma_limit_amount_name(limit->amount));
    soma_put_char(out, ' ');
    soma_rule_put_amount(out, limit->amount, limit->limit);

    soma_rule_window(out, limit);

    soma_put_cstr(out, " per=");
    soma_put_cstr(out, soma_limit_scope_name(limit->per));

    soma_rule_start(out, limit);
}


/* the words of a limit, but for its number: so it is read as one of them */
int
soma_rule_limit(soma_limit_t *limit, soma_str_t rule)
{
    unsigned        n, bad;
    soma_out_t      out;
    soma_str_t      word[SOMA_LIMIT_WORDS];
    const char     *error;
    unsigned char  *slash, size[16];

    for (n = 0; n < SOMA_LIMIT_WORDS - 1; n++) {
        if (!soma_str_word(&rule, &word[n + (n != 0)])) {
            break;
        }
    }

    if (n == 0 || rule.len != 0) {
        return SOMA_ERROR;
    }

    slash = memchr(word[0].data, '/', word[0].len);

    soma_put_init(&out, size, sizeof(size));
    soma_put_char(&out, '1');

    if (slash != NULL) {
        soma_put(&out, slash,
                 word[0].len - (size_t) (slash - word[0].data));
        word[0].len = (size_t) (slash - word[0].data);
    }

    word[1].data = size;
    word[1].len = (size_t) (out.pos - out.start);

    if (out.full) {
        return SOMA_ERROR;
    }

    return soma_limit_parse(limit, word, n + 1, SOMA_SCOPE_TENANT, &bad,
                            &error);
}


const char *
soma_rule_unit(soma_amount_e amount)
{
    static const char *const  units[SOMA_AMOUNTS] = {
        "requests", "tokens", "USD", "requests at a time"
    };

    return ((unsigned) amount < SOMA_AMOUNTS) ? units[amount] : "none";
}


void
soma_rule_put_amount(soma_out_t *out, soma_amount_e amount, int64_t n)
{
    if (amount == SOMA_COST) {
        soma_put_usd(out, n);
        return;
    }

    soma_put_int(out, n);
}


void
soma_rule_left(soma_out_t *out, const soma_limit_t *limit, int64_t left)
{
    static const char *const  windows[SOMA_WINDOWS] = {
        "", " a second", " a minute", " an hour", " a day", " a week",
        " a month", " in all"
    };

    soma_rule_put_amount(out, limit->amount, left);

    if (limit->amount != SOMA_CONCURRENCY) {
        soma_put_char(out, ' ');
        soma_put_cstr(out, soma_rule_unit(limit->amount));
    }

    soma_put_cstr(out, " left of ");
    soma_rule_put_amount(out, limit->amount, limit->limit);
    soma_put_char(out, ' ');
    soma_put_cstr(out, soma_rule_unit(limit->amount));
    soma_put_cstr(out, windows[limit->window]);
}
