
/*
 * Copyright (C) The ngx_soma authors
 *
 * What ends a string or a nested value, sixteen bytes at a time.
 */


#ifndef SOMA_READ_FIND_H
#define SOMA_READ_FIND_H


#include "soma_base.h"

#if (__SSE2__)
#include <emmintrin.h>
#endif


static inline const unsigned char *
soma_read_space(const unsigned char *p, const unsigned char *end)
{
    while (p < end && *p <= ' ') {
        p++;
    }

    return p;
}


/* the next quote or backslash, or end */

static inline const unsigned char *
soma_read_special(const unsigned char *p, const unsigned char *end)
{
#if (__SSE2__)

    int      mask;
    __m128i  v, quote, backslash;

    quote = _mm_set1_epi8('"');
    backslash = _mm_set1_epi8('\\');

    for ( /* void */ ; end - p >= 16; p += 16) {
        v = _mm_loadu_si128((const __m128i *) (const void *) p);
        mask = _mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(v, quote),
                                              _mm_cmpeq_epi8(v, backslash)));
        if (mask != 0) {
            return p + __builtin_ctz((unsigned) mask);
        }
    }

#endif

    while (p < end && *p != '"' && *p != '\\') {
        p++;
    }

    return p;
}


/* p is within a string; returns behind its closing quote, or NULL */

static inline const unsigned char *
soma_read_quote(const unsigned char *p, const unsigned char *end)
{
    for ( ;; ) {
        p = soma_read_special(p, end);

        if (p == end) {
            return NULL;
        }

        if (*p == '"') {
            return p + 1;
        }

        if (end - p < 2) {
            return NULL;
        }

        p += 2;
    }
}


/* the next quote or bracket, or end */

static inline const unsigned char *
soma_read_bracket(const unsigned char *p, const unsigned char *end)
{
#if (__SSE2__)

    int      mask;
    __m128i  v, w, small, quote, opens, closes;

    small = _mm_set1_epi8(0x20);
    quote = _mm_set1_epi8('"');
    opens = _mm_set1_epi8('{');
    closes = _mm_set1_epi8('}');

    for ( /* void */ ; end - p >= 16; p += 16) {
        v = _mm_loadu_si128((const __m128i *) (const void *) p);

        /* "[" and "]" are "{" and "}" but for this bit */

        w = _mm_or_si128(v, small);
        w = _mm_or_si128(_mm_cmpeq_epi8(w, opens),
                         _mm_cmpeq_epi8(w, closes));
        mask = _mm_movemask_epi8(_mm_or_si128(w, _mm_cmpeq_epi8(v, quote)));

        if (mask != 0) {
            return p + __builtin_ctz((unsigned) mask);
        }
    }

#endif

    while (p < end && *p != '"' && (*p | 0x20) != '{' && (*p | 0x20) != '}') {
        p++;
    }

    return p;
}


/* whether bytes end within an escape that began in them */

static inline unsigned char
soma_read_escaped(const unsigned char *p, const unsigned char *end)
{
    unsigned  n;

    for (n = 0; end > p && end[-1] == '\\'; end--) {
        n++;
    }

    return n & 1;
}


#endif /* SOMA_READ_FIND_H */
