
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_lease_hash.h"


#define SOMA_LEASE_ROW  6           /* seq from held used part exp */


static int64_t soma_lease_hash_int(soma_str_t s);
static void soma_lease_hash_row(soma_lease_hash_t *hash, soma_str_t row,
    int64_t now);
static int64_t soma_lease_hash_rate(const soma_lease_hash_t *hash,
    const soma_limit_t *limit, int64_t now);


/* with a sign; 0 for what is none */
static int64_t
soma_lease_hash_int(soma_str_t s)
{
    int      minus;
    int64_t  n;

    minus = (s.len != 0 && s.data[0] == '-');
    s.data += minus;
    s.len -= (size_t) minus;

    if (soma_number_int(s, &n) != SOMA_OK || n > SOMA_LIMIT_MAX) {
        return 0;
    }

    return minus ? -n : n;
}


void
soma_lease_hash_field(soma_lease_hash_t *hash, soma_str_t name,
    soma_str_t value, int64_t now)
{
    if (soma_str_is(name, "whole")) {
        hash->whole = soma_lease_hash_int(value);
        hash->rate = 1;

    } else if (soma_str_is(name, "at")) {
        hash->at = soma_lease_hash_int(value);

    } else if (soma_str_is(name, "of")) {
        hash->of = soma_lease_hash_int(value);

    } else if (soma_str_is(name, "since")) {
        hash->since = soma_lease_hash_int(value);

    } else if (soma_str_is(name, "base")) {
        hash->base = soma_lease_hash_int(value);

    } else if (name.len > 2 && memcmp(name.data, "n:", 2) == 0) {
        soma_lease_hash_row(hash, value, now);
    }
}


static void
soma_lease_hash_row(soma_lease_hash_t *hash, soma_str_t row, int64_t now)
{
    int64_t     n[SOMA_LEASE_ROW];
    unsigned    i;
    soma_str_t  word;

    for (i = 0; i < SOMA_LEASE_ROW; i++) {

        if (!soma_str_word(&row, &word)) {
            return;
        }

        n[i] = soma_lease_hash_int(word);
    }

    /* the sums of any number of rows stay far from overflow */

    if (hash->used < SOMA_LIMIT_MAX) {
        hash->used += n[3];
    }

    if (n[5] > now && hash->held < SOMA_LIMIT_MAX) {
        hash->held += n[2];
    }
}


static int64_t
soma_lease_hash_rate(const soma_lease_hash_t *hash, const soma_limit_t *limit,
    int64_t now)
{
    int64_t      of, past;
    soma_wide_t  level;

    if (!hash->rate) {
        return 0;
    }

    of = hash->of > 0 ? hash->of : limit->limit;
    past = (now > hash->at) ? now - hash->at : 0;
    level = (soma_wide_t) of * past / soma_window_ms(limit->window)
            + hash->whole;

    return (level < of) ? (int64_t) (of - level) : 0;
}


int64_t
soma_lease_hash_used(const soma_lease_hash_t *hash, const soma_limit_t *limit,
    int64_t now)
{
    int64_t  start, end, used;

    if (limit->window == SOMA_WINDOW_NONE) {
        return hash->held;
    }

    if (!soma_window_calendar(limit->window)) {
        return soma_lease_hash_rate(hash, limit, now);
    }

    soma_window_span(limit, now, &start, &end);

    if (hash->since < start) {
        return 0;
    }

    used = hash->base + hash->used;

    return (used > 0) ? used : 0;
}
