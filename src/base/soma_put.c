
/*
 * Copyright (C) The ngx_soma authors
 *
 * The bounded writer.
 */


#include "soma_base.h"

#if (__SSE2__)
#include <emmintrin.h>
#endif


#define SOMA_NANO      1000000000
#define SOMA_NANO_LEN  9


static size_t soma_plain_len(const unsigned char *p, size_t left);
static size_t soma_utf8_len(const unsigned char *p, size_t left,
    size_t *skip);
static void soma_put_escaped(soma_out_t *out, int c);
static void soma_put_padded(soma_out_t *out, int n, int width);


static const char  soma_hex_digits[] = "0123456789abcdef";

static const char  soma_pairs[] =
    "0001020304050607080910111213141516171819"
    "2021222324252627282930313233343536373839"
    "4041424344454647484950515253545556575859"
    "6061626364656667686970717273747576777879"
    "8081828384858687888990919293949596979899";


void
soma_put_init(soma_out_t *out, void *buf, size_t size)
{
    out->start = buf;
    out->pos = buf;
    out->end = (size != 0) ? out->start + size : out->start;
    out->full = 0;
}


void
soma_put(soma_out_t *out, const void *data, size_t len)
{
    size_t  left;

    if (out->full || len == 0) {
        return;
    }

    left = (size_t) (out->end - out->pos);

    if (len > left) {
        out->full = 1;
        len = left;

        if (len == 0) {
            return;
        }
    }

    soma_copy(out->pos, data, len);
    out->pos += len;
}


void
soma_put_str(soma_out_t *out, soma_str_t s)
{
    soma_put(out, s.data, s.len);
}


void
soma_put_cstr(soma_out_t *out, const char *s)
{
    soma_put(out, s, strlen(s));
}


void
soma_put_char(soma_out_t *out, int c)
{
    if (out->full || out->pos == out->end) {
        out->full = 1;
        return;
    }

    *out->pos++ = (unsigned char) c;
}


static inline unsigned char *
soma_put4(unsigned char *p, unsigned n)
{
    memcpy(p, &soma_pairs[2 * (n / 100)], 2);
    memcpy(p + 2, &soma_pairs[2 * (n % 100)], 2);

    return p + 4;
}


/* n is below 10000, without zeros before it */
static inline unsigned char *
soma_put_first(unsigned char *p, unsigned n)
{
    if (n >= 1000) {
        return soma_put4(p, n);
    }

    if (n >= 100) {
        *p++ = (unsigned char) ('0' + n / 100);
        n %= 100;

    } else if (n < 10) {
        *p = (unsigned char) ('0' + n);
        return p + 1;
    }

    memcpy(p, &soma_pairs[2 * n], 2);

    return p + 2;
}


static unsigned char *
soma_put_long(unsigned char *p, uint64_t n)
{
    unsigned  i;
    uint16_t  rest[SOMA_INT_LEN / 4];

    for (i = 0; n >= 10000; n /= 10000) {
        rest[i++] = (uint16_t) (n % 10000);
    }

    p = soma_put_first(p, (unsigned) n);

    while (i > 0) {
        p = soma_put4(p, rest[--i]);
    }

    return p;
}


size_t
soma_put_int_text(unsigned char *p, int64_t n)
{
    uint64_t        u;
    unsigned char  *start;

    u = (uint64_t) n;
    start = p;

    if (n < 0) {
        *p++ = '-';
        u = 0 - u;
    }

    p = (u < 10000) ? soma_put_first(p, (unsigned) u) : soma_put_long(p, u);

    return (size_t) (p - start);
}


void
soma_put_int(soma_out_t *out, int64_t n)
{
    size_t         len, room;
    unsigned char  buf[SOMA_INT_LEN];

    if (out->full) {
        return;
    }

    room = (size_t) (out->end - out->pos);

    if (room >= SOMA_INT_LEN) {
        out->pos += soma_put_int_text(out->pos, n);
        return;
    }

    len = soma_put_int_text(buf, n);

    if (len > room) {
        out->full = 1;
        return;
    }

    soma_copy(out->pos, buf, len);
    out->pos += len;
}


static void
soma_put_padded(soma_out_t *out, int n, int width)
{
    char  buf[SOMA_INT_LEN];
    int   i;

    for (i = width - 1; i >= 0; i--) {
        buf[i] = (char) ('0' + n % 10);
        n /= 10;
    }

    soma_put(out, buf, (size_t) width);
}


/*
 * The length of the well-formed character at p, or 0 and how many bytes to
 * give up on: the longest start of a character, as Unicode recommends, so
 * that our text has as many U+FFFD as a browser's would.
 */
static size_t
soma_utf8_len(const unsigned char *p, size_t left, size_t *skip)
{
    size_t         len, i;
    unsigned char  lo, hi;

    *skip = 1;
    lo = 0x80;
    hi = 0xbf;

    if (p[0] < 0x80) {
        return 1;
    }

    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        len = 2;

    } else if (p[0] >= 0xe0 && p[0] <= 0xef) {
        len = 3;
        lo = (p[0] == 0xe0) ? 0xa0 : lo;
        hi = (p[0] == 0xed) ? 0x9f : hi;

    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        len = 4;
        lo = (p[0] == 0xf0) ? 0x90 : lo;
        hi = (p[0] == 0xf4) ? 0x8f : hi;

    } else {
        return 0;
    }

    for (i = 1; i < len; i++) {
        if (i == left || p[i] < lo || p[i] > hi) {
            *skip = i;
            return 0;
        }

        lo = 0x80;
        hi = 0xbf;
    }

    return len;
}


static void
soma_put_escaped(soma_out_t *out, int c)
{
    char  buf[6];

    switch (c) {

    case '"':
        soma_put(out, "\\\"", 2);
        return;

    case '\\':
        soma_put(out, "\\\\", 2);
        return;

    case '\n':
        soma_put(out, "\\n", 2);
        return;

    case '\r':
        soma_put(out, "\\r", 2);
        return;

    case '\t':
        soma_put(out, "\\t", 2);
        return;

    case '\b':
        soma_put(out, "\\b", 2);
        return;

    case '\f':
        soma_put(out, "\\f", 2);
        return;

    default:
        memcpy(buf, "\\u00", 4);
        buf[4] = soma_hex_digits[c >> 4];
        buf[5] = soma_hex_digits[c & 15];
        soma_put(out, buf, 6);
    }
}


/*
 * Which of eight bytes need an escape or are not ASCII, as their high bits.
 * A byte below n, as long as none has its high bit, gets one from a - n.
 */
static inline uint64_t
soma_odd(uint64_t v)
{
    uint64_t  quote, slash;

    static const uint64_t  ones = 0x0101010101010101u;
    static const uint64_t  high = 0x8080808080808080u;

    quote = v ^ (ones * '"');
    slash = v ^ (ones * '\\');

    return (v | (v - ones * 0x20) | (quote - ones) | (slash - ones)) & high;
}


/* how many bytes at p need no escape and are ASCII */
static size_t
soma_plain_len(const unsigned char *p, size_t left)
{
    size_t    n;
    uint32_t  half, last;
    uint64_t  v;

    for (n = 0; left - n >= sizeof(v); n += sizeof(v)) {
        memcpy(&v, p + n, sizeof(v));

        if (soma_odd(v)) {
            break;
        }
    }

    /* what is left, with some bytes looked at twice */

    if (n != 0 && left - n < sizeof(v)) {
        memcpy(&v, p + left - sizeof(v), sizeof(v));

        if (soma_odd(v) == 0) {
            return left;
        }

    } else if (n == 0 && left >= sizeof(half) && left < sizeof(v)) {
        memcpy(&half, p, sizeof(half));
        memcpy(&last, p + left - sizeof(last), sizeof(last));

        if (soma_odd((uint64_t) half << 32 | last) == 0) {
            return left;
        }
    }

    while (n < left && p[n] >= 0x20 && p[n] < 0x80 && p[n] != '"'
           && p[n] != '\\')
    {
        n++;
    }

    return n;
}


void
soma_put_json_str(soma_out_t *out, soma_str_t s)
{
    size_t                len, skip;
    const unsigned char  *p, *last, *plain;

    p = s.data;

    if (!out->full && (size_t) (out->end - out->pos) >= s.len + 2
        && (s.len == 0 || soma_plain_len(p, s.len) == s.len))
    {
        *out->pos++ = '"';
        soma_copy(out->pos, p, s.len);
        out->pos += s.len;
        *out->pos++ = '"';
        return;
    }

    soma_put_char(out, '"');

    last = (s.len != 0) ? p + s.len : p;
    plain = p;

    while (p != last) {

        p += soma_plain_len(p, (size_t) (last - p));

        if (p == last) {
            break;
        }

        if (*p < 0x80) {
            soma_put(out, plain, (size_t) (p - plain));
            soma_put_escaped(out, *p);
            plain = ++p;
            continue;
        }

        len = soma_utf8_len(p, (size_t) (last - p), &skip);

        if (len == 0) {
            soma_put(out, plain, (size_t) (p - plain));
            soma_put(out, "\xef\xbf\xbd", 3);
            p += skip;
            plain = p;
            continue;
        }

        p += len;
    }

    soma_put(out, plain, (size_t) (p - plain));
    soma_put_char(out, '"');
}


void
soma_put_log(soma_out_t *out, soma_str_t s, int quoted)
{
    size_t         i;
    unsigned char  c;

    for (i = 0; i < s.len; i++) {
        c = s.data[i];

        if (c < 0x20 || c > 0x7e || (quoted && (c == '"' || c == '\\'))) {
            soma_put(out, "\\x", 2);
            soma_put_hex(out, &c, 1);

        } else {
            soma_put_char(out, c);
        }
    }
}


void
soma_put_usd(soma_out_t *out, int64_t nano)
{
    size_t         len;
    uint64_t       u;
    unsigned       fraction;
    unsigned char  buf[SOMA_NANO_LEN];

    u = (uint64_t) nano;

    if (nano < 0) {
        soma_put_char(out, '-');
        u = 0 - u;
    }

    soma_put_int(out, (int64_t) (u / SOMA_NANO));

    fraction = (unsigned) (u % SOMA_NANO);

    if (fraction == 0) {
        return;
    }

    buf[0] = (unsigned char) ('0' + fraction / 100000000);
    (void) soma_put4(buf + 1, fraction / 10000 % 10000);
    (void) soma_put4(buf + 5, fraction % 10000);

    for (len = SOMA_NANO_LEN; buf[len - 1] == '0'; len--) { /* void */ }

    soma_put_char(out, '.');
    soma_put(out, buf, len);
}


/* each half of a byte becomes a byte, and those above nine get what lies
 * between ':' and 'a' */

#if (__SSE2__)

unsigned char *
soma_put_hex64(unsigned char *p, uint64_t n)
{
    __m128i  v, half;

    v = _mm_cvtsi64_si128((int64_t) __builtin_bswap64(n));
    half = _mm_set1_epi8(0x0f);

    v = _mm_unpacklo_epi8(_mm_and_si128(_mm_srli_epi16(v, 4), half),
                          _mm_and_si128(v, half));

    v = _mm_add_epi8(_mm_add_epi8(v, _mm_set1_epi8('0')),
                     _mm_and_si128(_mm_cmpgt_epi8(v, _mm_set1_epi8(9)),
                                   _mm_set1_epi8('a' - '0' - 10)));

    _mm_storeu_si128((__m128i *) (void *) p, v);

    return p + 2 * sizeof(uint64_t);
}

#else

unsigned char *
soma_put_hex64(unsigned char *p, uint64_t n)
{
    size_t  i;

    for (i = 0; i < 2 * sizeof(uint64_t); i++) {
        *p++ = "0123456789abcdef"[n >> 60];
        n <<= 4;
    }

    return p;
}

#endif


void
soma_put_day(soma_out_t *out, int64_t ms)
{
    int  year, month, day;

    soma_time_civil(ms, &year, &month, &day);

    soma_put_padded(out, year, 4);
    soma_put_char(out, '-');
    soma_put_padded(out, month, 2);
    soma_put_char(out, '-');
    soma_put_padded(out, day, 2);
}


void
soma_put_hour(soma_out_t *out, int64_t ms)
{
    soma_put_day(out, ms);
    soma_put_char(out, 'T');
    soma_put_padded(out, (int) (soma_time_day_ms(ms) / 3600000), 2);
}


void
soma_put_time(soma_out_t *out, int64_t ms)
{
    int  rest;

    soma_put_hour(out, ms);

    rest = (int) (soma_time_day_ms(ms) % 3600000);

    soma_put_char(out, ':');
    soma_put_padded(out, rest / 60000, 2);
    soma_put_char(out, ':');
    soma_put_padded(out, rest / 1000 % 60, 2);
    soma_put_char(out, '.');
    soma_put_padded(out, rest % 1000, 3);
    soma_put_char(out, 'Z');
}


void
soma_put_hex(soma_out_t *out, const unsigned char *data, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        soma_put_char(out, soma_hex_digits[data[i] >> 4]);
        soma_put_char(out, soma_hex_digits[data[i] & 15]);
    }
}
