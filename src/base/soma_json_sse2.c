
/*
 * Copyright (C) The ngx_soma authors
 *
 * The walk past nested values and strings with SSE2, which every x86-64 has.
 */


#include "soma_json_skip.h"

#if (SOMA_JSON_X86)

#include <emmintrin.h>


#define SOMA_BLOCK_TARGET

#define SOMA_VECTOR_INLINE                                                    \
    static inline __attribute__((always_inline))


typedef struct {
    __m128i  v[4];
} soma_block_t;

/* written out: gcc does not unroll a loop of four, and then has the vectors
 * in memory */
#define soma_block_each(b, expr)                                              \
    do {                                                                      \
        __m128i  v;                                                           \
                                                                              \
        v = (b).v[0]; (b).v[0] = (expr);                                      \
        v = (b).v[1]; (b).v[1] = (expr);                                      \
        v = (b).v[2]; (b).v[2] = (expr);                                      \
        v = (b).v[3]; (b).v[3] = (expr);                                      \
    } while (0)


SOMA_VECTOR_INLINE soma_block_t
soma_block_load(const unsigned char *p)
{
    soma_block_t  b;

    b.v[0] = _mm_loadu_si128((const __m128i *) (const void *) p);
    b.v[1] = _mm_loadu_si128((const __m128i *) (const void *) (p + 16));
    b.v[2] = _mm_loadu_si128((const __m128i *) (const void *) (p + 32));
    b.v[3] = _mm_loadu_si128((const __m128i *) (const void *) (p + 48));

    return b;
}


SOMA_VECTOR_INLINE uint64_t
soma_vector_mask(soma_block_t b)
{
    uint32_t  low, high;

    low = (uint32_t) _mm_movemask_epi8(b.v[0])
          | ((uint32_t) _mm_movemask_epi8(b.v[1]) << 16);
    high = (uint32_t) _mm_movemask_epi8(b.v[2])
           | ((uint32_t) _mm_movemask_epi8(b.v[3]) << 16);

    return low | ((uint64_t) high << 32);
}


SOMA_VECTOR_INLINE __m128i
soma_vector_is(__m128i v, char c)
{
    return _mm_cmpeq_epi8(v, _mm_set1_epi8(c));
}


/* low <= v <= low + more, unsigned */
SOMA_VECTOR_INLINE __m128i
soma_vector_range(__m128i v, char low, char more)
{
    v = _mm_sub_epi8(v, _mm_set1_epi8(low));

    return _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(more)), v);
}


SOMA_VECTOR_INLINE uint64_t
soma_block_eq(soma_block_t b, char c)
{
    soma_block_each(b, soma_vector_is(v, c));

    return soma_vector_mask(b);
}


SOMA_VECTOR_INLINE uint64_t
soma_block_either(soma_block_t b, char c)
{
    soma_block_each(b, _mm_or_si128(v, _mm_set1_epi8(0x20)));

    return soma_block_eq(b, c);
}


SOMA_VECTOR_INLINE uint64_t
soma_block_pair(soma_block_t b, char c)
{
    soma_block_each(b, _mm_or_si128(v, _mm_set1_epi8(0x02)));

    return soma_block_eq(b, c);
}


SOMA_VECTOR_INLINE uint64_t
soma_block_upper(soma_block_t b)
{
    soma_block_each(b, _mm_slli_epi16(v, 2));

    return soma_vector_mask(b);
}


SOMA_VECTOR_INLINE int
soma_block_plain(soma_block_t b)
{
    __m128i  least;

    least = _mm_min_epu8(_mm_min_epu8(b.v[0], b.v[1]),
                         _mm_min_epu8(b.v[2], b.v[3]));

    return _mm_movemask_epi8(soma_vector_range(least, 0, 0x1f)) == 0;
}


/*
 * What ends text: a quote that no backslash is before, a control character,
 * and what is behind a backslash and neither "n" nor a quote.
 */
SOMA_VECTOR_INLINE __m128i
soma_vector_ends(const unsigned char *p)
{
    __m128i  v, behind, quote;

    v = _mm_loadu_si128((const __m128i *) (const void *) p);
    behind = _mm_loadu_si128((const __m128i *) (const void *) (p - 1));

    behind = soma_vector_is(behind, '\\');
    quote = soma_vector_is(v, '"');

    return _mm_or_si128(
               _mm_andnot_si128(_mm_and_si128(behind, soma_vector_is(v, 'n')),
                                _mm_xor_si128(behind, quote)),
               soma_vector_range(v, 0, 0x1f));
}


SOMA_VECTOR_INLINE int
soma_block_text(const unsigned char *p)
{
    return _mm_movemask_epi8(
               _mm_or_si128(_mm_or_si128(soma_vector_ends(p),
                                         soma_vector_ends(p + 16)),
                            _mm_or_si128(soma_vector_ends(p + 32),
                                         soma_vector_ends(p + 48))))
           == 0;
}


SOMA_VECTOR_INLINE uint64_t
soma_block_control(soma_block_t b)
{
    soma_block_each(b, soma_vector_range(v, 0, 0x1f));

    return soma_vector_mask(b);
}


SOMA_VECTOR_INLINE __m128i
soma_vector_outside(__m128i v)
{
    __m128i  lower, good, bad;

    lower = _mm_or_si128(v, _mm_set1_epi8(0x20));

    /* letters and brackets, but the backslash and the bar between them */
    good = soma_vector_range(lower, 'a', '}' - 'a');
    bad = soma_vector_is(lower, '|');

    /* + , - . 0..9 :, but the slash between them */
    good = _mm_or_si128(good, soma_vector_range(v, '+', ':' - '+'));
    bad = _mm_or_si128(bad, soma_vector_is(v, '/'));

    /* the space and the quote, which differ in a bit; tab and LF; CR */
    good = _mm_or_si128(good, soma_vector_is(_mm_and_si128(v,
                                                 _mm_set1_epi8(~0x02)), ' '));
    good = _mm_or_si128(good, soma_vector_range(v, '\t', '\n' - '\t'));
    good = _mm_or_si128(good, soma_vector_is(v, '\r'));

    return _mm_andnot_si128(bad, good);
}


SOMA_VECTOR_INLINE uint64_t
soma_block_odd(soma_block_t b)
{
    soma_block_each(b, soma_vector_outside(v));

    return ~soma_vector_mask(b);
}


SOMA_VECTOR_INLINE uint64_t
soma_bytes_class(const unsigned char *p, uint64_t some, int class)
{
    uint64_t  left, found;

    found = 0;

    for (left = some; left != 0; left &= left - 1) {
        if (soma_json_class[p[__builtin_ctzll(left)]] & class) {
            found |= left & (0 - left);
        }
    }

    return found;
}


SOMA_VECTOR_INLINE uint64_t
soma_block_simple(soma_block_t b, const unsigned char *p, uint64_t some)
{
    (void) b;

    return soma_bytes_class(p, some, SOMA_JSON_SIMPLE);
}


SOMA_VECTOR_INLINE uint64_t
soma_block_hex(soma_block_t b, const unsigned char *p, uint64_t some)
{
    (void) b;

    return soma_bytes_class(p, some, SOMA_JSON_HEX);
}


/* each bit becomes the parity of those up to it */
SOMA_VECTOR_INLINE uint64_t
soma_block_inside(uint64_t quote)
{
    int  i;

    for (i = 1; i < 64; i *= 2) {
        quote ^= quote << i;
    }

    return quote;
}


#include "soma_json_block.h"


const soma_json_walker_t  soma_json_sse2 = {
    "sse2",
    soma_block_nest,
    soma_block_string
};


#endif
