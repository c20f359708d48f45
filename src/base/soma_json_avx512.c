
/*
 * Copyright (C) The ngx_soma authors
 *
 * The walk past nested values and strings with AVX-512, of machines that have
 * its VBMI too: from Ice Lake and Zen 4 on.  Older ones may slow down for it.
 */


#include "soma_json_skip.h"

#if (SOMA_JSON_X86)

#include <immintrin.h>


#define SOMA_BLOCK_TARGET                                                     \
    __attribute__((target("avx512f,avx512bw,avx512vbmi,bmi,bmi2,popcnt,"      \
                          "pclmul")))

#define SOMA_VECTOR_INLINE                                                    \
    static inline __attribute__((always_inline)) SOMA_BLOCK_TARGET


typedef __m512i  soma_block_t;


/*
 * Those that are common in text, each at its low half: / f n r t.  What has
 * another low half than the entry is none of them.
 */
#define SOMA_TEXT_ESCAPES                                                     \
    0x01, 0x00, 0x72, 0x00, 0x74, 0x00, 0x66, 0x00,                           \
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x6e, 0x2f


SOMA_VECTOR_INLINE soma_block_t
soma_block_load(const unsigned char *p)
{
    return _mm512_loadu_si512(p);
}


SOMA_VECTOR_INLINE uint64_t
soma_block_eq(soma_block_t b, char c)
{
    return _mm512_cmpeq_epi8_mask(b, _mm512_set1_epi8(c));
}


SOMA_VECTOR_INLINE uint64_t
soma_block_either(soma_block_t b, char c)
{
    return soma_block_eq(_mm512_or_si512(b, _mm512_set1_epi8(0x20)), c);
}


SOMA_VECTOR_INLINE uint64_t
soma_block_pair(soma_block_t b, char c)
{
    return soma_block_eq(_mm512_or_si512(b, _mm512_set1_epi8(0x02)), c);
}


SOMA_VECTOR_INLINE uint64_t
soma_block_upper(soma_block_t b)
{
    return _mm512_test_epi8_mask(b, _mm512_set1_epi8(0x20));
}


SOMA_VECTOR_INLINE uint64_t
soma_block_control(soma_block_t b)
{
    return _mm512_cmplt_epu8_mask(b, _mm512_set1_epi8(0x20));
}


SOMA_VECTOR_INLINE int
soma_block_plain(soma_block_t b)
{
    return soma_block_control(b) == 0;
}


/* soma_json_class[] of bytes below 0x80; above, what is 0x80 below */
SOMA_VECTOR_INLINE uint64_t
soma_block_class(soma_block_t b, char bits)
{
    return _mm512_test_epi8_mask(
               _mm512_permutex2var_epi8(
                   _mm512_loadu_si512(soma_json_class), b,
                   _mm512_loadu_si512(soma_json_class + 64)),
               _mm512_set1_epi8(bits))
           & ~(uint64_t) _mm512_movepi8_mask(b);
}


SOMA_VECTOR_INLINE uint64_t
soma_block_odd(soma_block_t b)
{
    return ~(soma_block_class(b, SOMA_JSON_OUTSIDE) | soma_block_eq(b, '"')
             | soma_block_either(b, '{') | soma_block_either(b, '}'));
}


SOMA_VECTOR_INLINE uint64_t
soma_block_simple(soma_block_t b, const unsigned char *p, uint64_t some)
{
    (void) p;

    return some & soma_block_class(b, SOMA_JSON_SIMPLE);
}


SOMA_VECTOR_INLINE uint64_t
soma_block_hex(soma_block_t b, const unsigned char *p, uint64_t some)
{
    (void) p;

    return some & soma_block_class(b, SOMA_JSON_HEX);
}


/*
 * What ends text: a quote that no backslash is before, a control character,
 * and what is behind a backslash and not one of SOMA_TEXT_ESCAPES or a quote.
 */
SOMA_VECTOR_INLINE int
soma_block_text(const unsigned char *p)
{
    __m512i    v, escapes;
    __mmask64  behind, quote, escape;

    v = _mm512_loadu_si512(p);
    escapes = _mm512_broadcast_i32x4(_mm_setr_epi8(SOMA_TEXT_ESCAPES));

    behind = _mm512_cmpeq_epi8_mask(_mm512_loadu_si512(p - 1),
                                    _mm512_set1_epi8('\\'));
    quote = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('"'));
    escape = _mm512_mask_cmpeq_epi8_mask(behind,
                                         _mm512_shuffle_epi8(escapes, v), v);

    return ((~escape & (behind ^ quote)) | soma_block_control(v)) == 0;
}


#define SOMA_BLOCK_CLMUL  1

#include "soma_json_block.h"


const soma_json_walker_t  soma_json_avx512 = {
    "avx512",
    soma_block_nest,
    soma_block_string
};


#endif
