
/*
 * Copyright (C) The ngx_soma authors
 *
 * The ground every plain C file stands on: result codes, strings, the arena
 * and a bounded writer.  No nginx here; the result codes have nginx's values
 * so that glue may hand them on.
 */


#ifndef SOMA_BASE_H
#define SOMA_BASE_H


#include <stddef.h>
#include <stdint.h>
#include <string.h>


#define SOMA_OK         0
#define SOMA_ERROR     -1
#define SOMA_AGAIN     -2
#define SOMA_DONE      -4
#define SOMA_DECLINED  -5


typedef struct {
    size_t          len;
    unsigned char  *data;       /* not NUL-terminated */
} soma_str_t;


#define soma_string(s)  { sizeof(s) - 1, (unsigned char *) (s) }
#define soma_str_null   { 0, NULL }
#define SOMA_STR(s)                                                           \
    ((soma_str_t) { sizeof(s) - 1, (unsigned char *) (s) })


/*
 * Memory comes from whoever calls: a request's pool under nginx, malloc in a
 * test.  Nothing is freed one by one; the owner drops the whole arena.
 * alloc() returns memory aligned for any type, or NULL.
 */
typedef struct {
    void  *(*alloc)(void *data, size_t size);
    void    *data;
} soma_arena_t;


/*
 * A writer that never passes its end: what does not fit sets "full" and
 * leaves the rest out, and all that comes later.  The buffer belongs to the
 * caller.
 */
typedef struct {
    unsigned char  *start;
    unsigned char  *pos;
    unsigned char  *end;
    unsigned        full:1;
} soma_out_t;


/* memcpy() for what is short as a rule: a call of it would cost more */
static inline void
soma_copy(unsigned char *to, const unsigned char *from, size_t len)
{
    uint64_t       first, last;
    unsigned char  head[16], tail[16];

    if (len > 2 * sizeof(head)) {
        memcpy(to, from, len);
        return;
    }

    if (len >= sizeof(head)) {
        memcpy(head, from, sizeof(head));
        memcpy(tail, from + len - sizeof(tail), sizeof(tail));
        memcpy(to, head, sizeof(head));
        memcpy(to + len - sizeof(tail), tail, sizeof(tail));
        return;
    }

    if (len >= sizeof(uint64_t)) {
        memcpy(&first, from, sizeof(uint64_t));
        memcpy(&last, from + len - sizeof(uint64_t), sizeof(uint64_t));
        memcpy(to, &first, sizeof(uint64_t));
        memcpy(to + len - sizeof(uint64_t), &last, sizeof(uint64_t));
        return;
    }

    while (len--) {
        *to++ = *from++;
    }
}


/* whether memcmp() is 0, likewise */
static inline int
soma_same(const void *a, const void *b, size_t len)
{
    size_t                i;
    uint64_t              x, y;
    const unsigned char  *p, *q;

    p = a;
    q = b;

    if (len < sizeof(uint64_t)) {

        for (i = 0; i < len && p[i] == q[i]; i++) { /* void */ }

        return i == len;
    }

    for (i = 0; len - i > sizeof(uint64_t); i += sizeof(uint64_t)) {
        memcpy(&x, p + i, sizeof(uint64_t));
        memcpy(&y, q + i, sizeof(uint64_t));

        if (x != y) {
            return 0;
        }
    }

    memcpy(&x, p + len - sizeof(uint64_t), sizeof(uint64_t));
    memcpy(&y, q + len - sizeof(uint64_t), sizeof(uint64_t));

    return x == y;
}


/* of the longest int64, with its sign */
#define SOMA_INT_LEN  20

/* into SOMA_INT_LEN bytes; returns how many of them it took */
size_t soma_put_int_text(unsigned char *p, int64_t n);

/* sixteen digits, lower case; returns behind them */
unsigned char *soma_put_hex64(unsigned char *p, uint64_t n);

void soma_put_init(soma_out_t *out, void *buf, size_t size);
void soma_put(soma_out_t *out, const void *data, size_t len);
void soma_put_str(soma_out_t *out, soma_str_t s);
void soma_put_cstr(soma_out_t *out, const char *s);
void soma_put_char(soma_out_t *out, int c);
void soma_put_int(soma_out_t *out, int64_t n);

/* a JSON string with its quotes; invalid UTF-8 becomes U+FFFD */
void soma_put_json_str(soma_out_t *out, soma_str_t s);

/* text of others for a log: what could end a line, move a terminal's cursor or
 * close a quote becomes \xHH; quoted 0: the text is not between quotes, and
 * quotes and backslashes stand as they are */
void soma_put_log(soma_out_t *out, soma_str_t s, int quoted);

/* nano-USD as a decimal of USD without trailing zeros: 1500 -> 0.0000015 */
void soma_put_usd(soma_out_t *out, int64_t nano);

/* 2026-11-21 and 2026-11-21T03 and 2026-11-21T03:04:05.678Z, of ms UTC */
void soma_put_day(soma_out_t *out, int64_t ms);
void soma_put_hour(soma_out_t *out, int64_t ms);
void soma_put_time(soma_out_t *out, int64_t ms);

void soma_put_hex(soma_out_t *out, const unsigned char *data, size_t len);


int soma_str_eq(soma_str_t a, soma_str_t b);
int soma_str_is(soma_str_t a, const char *b);
int soma_str_case_is(soma_str_t a, const char *b);

/* without the blanks (space, tab) at both ends */
soma_str_t soma_str_trim(soma_str_t s);

/* whether a list with commas in between, as headers have it, holds that name
 * in any case */
int soma_str_in_list(soma_str_t list, soma_str_t name);

/* cuts the next word off a list with blanks in between; 0: there is none */
int soma_str_word(soma_str_t *s, soma_str_t *word);

/* a copy in the arena; data is NULL when there is no memory */
soma_str_t soma_str_dup(soma_arena_t *arena, soma_str_t s);

/* digits only, whole string; SOMA_ERROR for anything else or overflow; here
 * and below the result is untouched on SOMA_ERROR (parse_hex: undefined) */
int soma_number_int(soma_str_t s, int64_t *n);

/*
 * An exact decimal ("0.15", "2.5e-06", "50") times 10^scale as an integer;
 * what is finer than one unit is rounded half up.  scale 9: USD to nano-USD;
 * scale 12: USD to pico-USD.  SOMA_ERROR on bad syntax, a negative number or
 * overflow.
 */
int soma_number_decimal(soma_str_t s, int scale, int64_t *n);

/* "30s" "5m" "24h" "500ms" "7d" or bare seconds, to ms */
int soma_number_duration(soma_str_t s, int64_t *ms);

/* exactly 2 * size hex digits -> size bytes, any case */
int soma_str_hex(soma_str_t s, unsigned char *out, size_t size);


/* calendar in UTC, month 1..12; times outside the years 1..9999 count as
 * the first or the last ms of them */
void soma_time_civil(int64_t ms, int *year, int *month, int *day);
int64_t soma_time_day_ms(int64_t ms);        /* since midnight */
int64_t soma_time_day_start(int64_t ms);
int64_t soma_time_month_start(int64_t ms);
int64_t soma_time_next_day_start(int64_t ms);
int64_t soma_time_next_month_start(int64_t ms);
int64_t soma_time_month_of(int year, int month);     /* its first ms */


/*
 * RFC 3339, "2026-11-21T03:04:05.678+01:00", also without a zone (UTC), with
 * a space for the T, or a date alone (its first ms, UTC).  Finer than 1 ms is
 * cut off.
 */
int soma_time_parse(soma_str_t s, int64_t *ms);

/* the same; *local: it had no zone */
int soma_time_parse_local(soma_str_t s, int64_t *ms, unsigned *local);


__extension__ typedef __int128  soma_wide_t;


/* a / b, towards 0, b > 0: a division of 128 bits is a call, and hardly ever
 * needed */
static inline soma_wide_t
soma_wide_div(soma_wide_t a, int64_t b)
{
    if (a >= 0 && a <= INT64_MAX) {
        return (soma_wide_t) ((uint64_t) a / (uint64_t) b);
    }

    return a / b;
}


/* a * b / c, towards 0, without overflow in between; a result out of range
 * is the nearest in range; c > 0 */
int64_t soma_number_muldiv(int64_t a, int64_t b, int64_t c);

/* FNV-1a, for what is written down or told */
uint64_t soma_str_hash(const void *data, size_t len);


#endif /* SOMA_BASE_H */
