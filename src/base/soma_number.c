
/*
 * Copyright (C) The ngx_soma authors
 *
 * Numbers as people write them, into integers, exactly.
 */


#include "soma_base.h"


/* further than this from the point no int64 has a digit, so that a longer
 * exponent says nothing new; and no text is as long */
#define SOMA_EXPONENT_MAX  ((int64_t) 1 << 40)


typedef struct {
    soma_str_t  digits;         /* with at most one point among them */
    size_t      point;          /* digits before it */
    size_t      count;          /* digits in all */
    int64_t     exponent;
} soma_decimal_t;


static int soma_is_digit(int c);
static int soma_push_digit(int64_t *n, int digit);
static int soma_decimal_split(soma_decimal_t *decimal, soma_str_t s);
static int soma_decimal_exponent(int64_t *exponent, soma_str_t s);


static int
soma_is_digit(int c)
{
    return c >= '0' && c <= '9';
}


static int
soma_push_digit(int64_t *n, int digit)
{
    if (*n > (INT64_MAX - digit) / 10) {
        return SOMA_ERROR;
    }

    *n = *n * 10 + digit;

    return SOMA_OK;
}


int
soma_number_int(soma_str_t s, int64_t *n)
{
    size_t   i;
    int64_t  value;

    if (s.len == 0) {
        return SOMA_ERROR;
    }

    value = 0;

    for (i = 0; i < s.len; i++) {
        if (!soma_is_digit(s.data[i])
            || soma_push_digit(&value, s.data[i] - '0') != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    *n = value;

    return SOMA_OK;
}


static int
soma_decimal_exponent(int64_t *exponent, soma_str_t s)
{
    int      negative;
    size_t   i;
    int64_t  value;

    i = 0;
    value = 0;
    negative = 0;

    if (s.len != 0 && (s.data[0] == '-' || s.data[0] == '+')) {
        negative = (s.data[0] == '-');
        i = 1;
    }

    if (i == s.len) {
        return SOMA_ERROR;
    }

    for ( /* void */ ; i < s.len; i++) {
        if (!soma_is_digit(s.data[i])) {
            return SOMA_ERROR;
        }

        if (value < SOMA_EXPONENT_MAX) {
            value = value * 10 + (s.data[i] - '0');
        }
    }

    *exponent = negative ? -value : value;

    return SOMA_OK;
}


static int
soma_decimal_split(soma_decimal_t *decimal, soma_str_t s)
{
    int         pointed;
    size_t      i;
    soma_str_t  rest;

    pointed = 0;
    decimal->point = 0;
    decimal->count = 0;
    decimal->exponent = 0;

    for (i = 0; i < s.len; i++) {

        if (soma_is_digit(s.data[i])) {
            decimal->count++;
            decimal->point += !pointed;
            continue;
        }

        if (s.data[i] != '.' || pointed || decimal->count == 0) {
            break;
        }

        pointed = 1;
    }

    if (decimal->count == 0 || (pointed && decimal->count == decimal->point)) {
        return SOMA_ERROR;
    }

    decimal->digits.data = s.data;
    decimal->digits.len = i;

    if (i == s.len) {
        return SOMA_OK;
    }

    if (s.data[i] != 'e' && s.data[i] != 'E') {
        return SOMA_ERROR;
    }

    rest.data = s.data + i + 1;
    rest.len = s.len - i - 1;

    return soma_decimal_exponent(&decimal->exponent, rest);
}


int
soma_number_decimal(soma_str_t s, int scale, int64_t *n)
{
    int             c;
    size_t          i;
    int64_t         value, left;
    soma_decimal_t  decimal;

    if (soma_decimal_split(&decimal, s) != SOMA_OK) {
        return SOMA_ERROR;
    }

    /* so many digits stand before the point once it has moved by scale */
    left = (int64_t) decimal.point + decimal.exponent + scale;
    value = 0;

    for (i = 0; i < decimal.digits.len; i++) {
        c = decimal.digits.data[i];

        if (c == '.') {
            continue;
        }

        if (left <= 0) {
            /* the first digit behind the point decides half up exactly */
            if (left == 0 && c >= '5') {
                if (value == INT64_MAX) {
                    return SOMA_ERROR;
                }

                value++;
            }

            left = 0;
            break;
        }

        if (soma_push_digit(&value, c - '0') != SOMA_OK) {
            return SOMA_ERROR;
        }

        left--;
    }

    while (left > 0 && value != 0) {
        if (soma_push_digit(&value, 0) != SOMA_OK) {
            return SOMA_ERROR;
        }

        left--;
    }

    *n = value;

    return SOMA_OK;
}


int
soma_number_duration(soma_str_t s, int64_t *ms)
{
    size_t      i;
    int64_t     value, unit;
    soma_str_t  number, word;

    for (i = 0; i < s.len && soma_is_digit(s.data[i]); i++) { /* void */ }

    number.data = s.data;
    number.len = i;
    word.data = (i != 0) ? s.data + i : s.data;
    word.len = s.len - i;

    if (soma_number_int(number, &value) != SOMA_OK) {
        return SOMA_ERROR;
    }

    if (soma_str_is(word, "ms")) {
        unit = 1;

    } else if (word.len == 0 || soma_str_is(word, "s")) {
        unit = 1000;

    } else if (soma_str_is(word, "m")) {
        unit = 60 * 1000;

    } else if (soma_str_is(word, "h")) {
        unit = 3600 * 1000;

    } else if (soma_str_is(word, "d")) {
        unit = 24 * 3600 * 1000;

    } else {
        return SOMA_ERROR;
    }

    if (value > INT64_MAX / unit) {
        return SOMA_ERROR;
    }

    *ms = value * unit;

    return SOMA_OK;
}


int64_t
soma_number_muldiv(int64_t a, int64_t b, int64_t c)
{
    soma_wide_t  wide;

    wide = soma_wide_div((soma_wide_t) a * b, c);

    if (wide > INT64_MAX) {
        return INT64_MAX;
    }

    if (wide < INT64_MIN) {
        return INT64_MIN;
    }

    return (int64_t) wide;
}
