
/*
 * Copyright (C) The ngx_soma authors
 *
 * The walk past nested values and strings with AVX2.
 */


#include "soma_json_skip.h"

#if (SOMA_JSON_X86)

#include <immintrin.h>


#define SOMA_BLOCK_TARGET                                                     \
    __attribute__((target("avx2,bmi,popcnt,pclmul")))

#define SOMA_VECTOR_INLINE                                                    \
    static inline __attribute__((always_inline)) SOMA_BLOCK_TARGET


typedef struct {
    __m256i  low;
    __m256i  high;
} soma_block_t;


/*
 * A byte is in a class when the entry of its low half and the entry of its
 * high half have the class's bit in common.  Bytes from 0x80 are in none:
 * the shuffle gives 0 for them.
 *
 * 0x01 0x02 0x04 0x08   what is an escape behind a backslash: 2F 22, 5C,
 *                       62 66 6E, 72 74
 * 0x10 0x20             hex digits: 30..39; 41..46 61..66
 */
#define SOMA_ESCAPE_LOW                                                       \
    0x10, 0x30, 0x3d, 0x30, 0x38, 0x30, 0x34, 0x10,                           \
    0x10, 0x10, 0x00, 0x00, 0x02, 0x00, 0x04, 0x01

#define SOMA_ESCAPE_HIGH                                                      \
    0x00, 0x00, 0x01, 0x10, 0x20, 0x02, 0x24, 0x08,                           \
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00

#define SOMA_ESCAPE_SIMPLE  0x0f
#define SOMA_ESCAPE_DIGIT   0x30

/*
 * What may stand outside strings: 0x01 09 0A 0D, 0x02 20 22 2B..2E,
 * 0x04 30..3A, 0x08 41..4F 61..6F, 0x10 50..5B 5D 70..7B 7D
 */
#define SOMA_OUTSIDE_LOW                                                      \
    0x16, 0x1c, 0x1e, 0x1c, 0x1c, 0x1c, 0x1c, 0x1c,                           \
    0x1c, 0x1d, 0x1d, 0x1a, 0x0a, 0x1b, 0x0a, 0x08

#define SOMA_OUTSIDE_HIGH                                                     \
    0x01, 0x00, 0x02, 0x04, 0x08, 0x10, 0x08, 0x10,                           \
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00

/*
 * Those that are common in text, each at its low half: / f n r t.  What has
 * another low half than the entry is none of them.
 */
#define SOMA_TEXT_ESCAPES                                                     \
    0x01, 0x00, 0x72, 0x00, 0x74, 0x00, 0x66, 0x00,                           \
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x6e, 0x2f

#define soma_vector_table(...)                                                \
    _mm256_setr_epi8(__VA_ARGS__, __VA_ARGS__)


SOMA_VECTOR_INLINE soma_block_t
soma_block_load(const unsigned char *p)
{
    soma_block_t  b;

    b.low = _mm256_loadu_si256((const __m256i *) (const void *) p);
    b.high = _mm256_loadu_si256((const __m256i *) (const void *) (p + 32));

    return b;
}


SOMA_VECTOR_INLINE uint64_t
soma_vector_mask(__m256i low, __m256i high)
{
    return (uint32_t) _mm256_movemask_epi8(low)
           | ((uint64_t) (uint32_t) _mm256_movemask_epi8(high) << 32);
}


SOMA_VECTOR_INLINE uint64_t
soma_block_eq(soma_block_t b, char c)
{
    __m256i  v;

    v = _mm256_set1_epi8(c);

    return soma_vector_mask(_mm256_cmpeq_epi8(b.low, v),
                            _mm256_cmpeq_epi8(b.high, v));
}


SOMA_VECTOR_INLINE uint64_t
soma_block_with(soma_block_t b, char c, char some)
{
    __m256i  v, bit;

    v = _mm256_set1_epi8(c);
    bit = _mm256_set1_epi8(some);

    return soma_vector_mask(_mm256_cmpeq_epi8(_mm256_or_si256(b.low, bit), v),
                            _mm256_cmpeq_epi8(_mm256_or_si256(b.high, bit),
                                              v));
}


SOMA_VECTOR_INLINE uint64_t
soma_block_either(soma_block_t b, char c)
{
    return soma_block_with(b, c, 0x20);
}


SOMA_VECTOR_INLINE uint64_t
soma_block_pair(soma_block_t b, char c)
{
    return soma_block_with(b, c, 0x02);
}


SOMA_VECTOR_INLINE uint64_t
soma_block_upper(soma_block_t b)
{
    return soma_vector_mask(_mm256_slli_epi16(b.low, 2),
                            _mm256_slli_epi16(b.high, 2));
}


SOMA_VECTOR_INLINE __m256i
soma_vector_control(__m256i v)
{
    return _mm256_cmpeq_epi8(_mm256_min_epu8(v, _mm256_set1_epi8(0x1f)), v);
}


SOMA_VECTOR_INLINE int
soma_block_plain(soma_block_t b)
{
    return _mm256_movemask_epi8(_mm256_or_si256(soma_vector_control(b.low),
                                                soma_vector_control(b.high)))
           == 0;
}


/*
 * What ends text: a quote that no backslash is before, a control character,
 * and what is behind a backslash and not one of SOMA_TEXT_ESCAPES or a quote.
 */
SOMA_VECTOR_INLINE __m256i
soma_vector_ends(const unsigned char *p)
{
    __m256i  v, behind, quote, escape;

    v = _mm256_loadu_si256((const __m256i *) (const void *) p);
    behind = _mm256_loadu_si256((const __m256i *) (const void *) (p - 1));

    behind = _mm256_cmpeq_epi8(behind, _mm256_set1_epi8('\\'));
    quote = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('"'));
    escape = _mm256_cmpeq_epi8(
                 _mm256_shuffle_epi8(soma_vector_table(SOMA_TEXT_ESCAPES), v),
                 v);

    return _mm256_or_si256(
               _mm256_andnot_si256(_mm256_and_si256(behind, escape),
                                   _mm256_xor_si256(behind, quote)),
               soma_vector_control(v));
}


SOMA_VECTOR_INLINE int
soma_block_text(const unsigned char *p)
{
    return _mm256_movemask_epi8(_mm256_or_si256(soma_vector_ends(p),
                                                soma_vector_ends(p + 32)))
           == 0;
}


SOMA_VECTOR_INLINE uint64_t
soma_block_control(soma_block_t b)
{
    return soma_vector_mask(soma_vector_control(b.low),
                            soma_vector_control(b.high));
}


SOMA_VECTOR_INLINE __m256i
soma_vector_class(__m256i v, __m256i low, __m256i high)
{
    __m256i  half;

    half = _mm256_and_si256(_mm256_srli_epi16(v, 4), _mm256_set1_epi8(0x0f));

    return _mm256_and_si256(_mm256_shuffle_epi8(low, v),
                            _mm256_shuffle_epi8(high, half));
}


/* which bytes have none of the bits */
SOMA_VECTOR_INLINE uint64_t
soma_block_none(soma_block_t b, __m256i low, __m256i high, char bits)
{
    __m256i  zero, v;

    zero = _mm256_setzero_si256();
    v = _mm256_set1_epi8(bits);

    return soma_vector_mask(
               _mm256_cmpeq_epi8(
                   _mm256_and_si256(soma_vector_class(b.low, low, high), v),
                   zero),
               _mm256_cmpeq_epi8(
                   _mm256_and_si256(soma_vector_class(b.high, low, high), v),
                   zero));
}


SOMA_VECTOR_INLINE uint64_t
soma_block_odd(soma_block_t b)
{
    return soma_block_none(b, soma_vector_table(SOMA_OUTSIDE_LOW),
                           soma_vector_table(SOMA_OUTSIDE_HIGH), 0x1f);
}


SOMA_VECTOR_INLINE uint64_t
soma_block_simple(soma_block_t b, const unsigned char *p, uint64_t some)
{
    (void) p;

    return some & ~soma_block_none(b, soma_vector_table(SOMA_ESCAPE_LOW),
                                   soma_vector_table(SOMA_ESCAPE_HIGH),
                                   SOMA_ESCAPE_SIMPLE);
}


SOMA_VECTOR_INLINE uint64_t
soma_block_hex(soma_block_t b, const unsigned char *p, uint64_t some)
{
    (void) p;

    return some & ~soma_block_none(b, soma_vector_table(SOMA_ESCAPE_LOW),
                                   soma_vector_table(SOMA_ESCAPE_HIGH),
                                   SOMA_ESCAPE_DIGIT);
}


#define SOMA_BLOCK_CLMUL  1

#include "soma_json_block.h"


const soma_json_walker_t  soma_json_avx2 = {
    "avx2",
    soma_block_nest,
    soma_block_string
};


#endif
