
/*
 * Copyright (C) The ngx_soma authors
 *
 * The walkers that look at 64 bytes a step, as masks of 64 bits.  A file for
 * one instruction set defines SOMA_BLOCK_TARGET, soma_block_t and the
 * soma_block_*() functions named below, and includes this.
 *
 *     soma_block_load()      takes 64 bytes
 *     soma_block_eq()        which are that byte
 *     soma_block_control()   which are below 0x20
 *     soma_block_plain()     true when none is below 0x20
 *     soma_block_text()      of 64 bytes of a string and the one before them:
 *                            true when none ends it, is below 0x20, or is
 *                            behind a backslash and not an escape of texts
 *     soma_block_either()    which are that byte or it without 0x20, a bit
 *                            that it has
 *     soma_block_pair()      which are that byte or it without 0x02, a bit
 *                            that it has
 *     soma_block_upper()     which have the bit 0x20
 *     soma_block_odd()       which may not stand outside strings
 *     soma_block_simple()    of those behind a backslash, which are a whole
 *                            escape
 *     soma_block_hex()       of some, which are hex digits
 *     soma_block_inside()    from quotes to what lies between them; with
 *                            SOMA_BLOCK_CLMUL it is here
 *
 * Wherever a block has a fault, it is given to the portable walker, from the
 * state at its start: that names the byte and the reason.  So does a block
 * that nests deeper than one word of levels.
 */


#ifndef SOMA_JSON_BLOCK_H
#define SOMA_JSON_BLOCK_H


#include "soma_json_skip.h"


#define SOMA_BLOCK         64
#define SOMA_BLOCK_INLINE                                                     \
    static inline __attribute__((always_inline)) SOMA_BLOCK_TARGET

#define soma_block_valid(n)  (~(uint64_t) 0 >> (SOMA_BLOCK - (n)))


#if (SOMA_BLOCK_CLMUL)

/* each bit becomes the parity of those up to it: a product without carries
 * by all ones */
SOMA_BLOCK_INLINE uint64_t
soma_block_inside(uint64_t quote)
{
    return (uint64_t) _mm_cvtsi128_si64(
               _mm_clmulepi64_si128(_mm_set_epi64x(0, (int64_t) quote),
                                    _mm_set1_epi8((char) 0xff), 0));
}

#endif


typedef struct {
    soma_block_t          block;
    const unsigned char  *bytes;
    size_t                n;            /* of them are the input's */
    uint64_t              quote;        /* unescaped */
    uint64_t              escaped;      /* behind a backslash */
    uint64_t              u;            /* of them, where digits follow */
    uint64_t              broken;       /* of them, no escape at all */
    uint64_t              follow;       /* the next block's first is escaped */
} soma_json_block_t;


/* the state of soma_json_skip_t, in registers */
typedef struct {
    uint64_t  quoted;       /* all ones or none */
    uint64_t  escaped;
    uint64_t  hex;
    uint64_t  kind;         /* of the levels, all in one word */
    uint64_t  depth;
} soma_json_walk_t;


SOMA_BLOCK_INLINE void
soma_block_enter(soma_json_walk_t *w, soma_json_skip_t *skip)
{
    w->quoted = 0 - (uint64_t) skip->quoted;
    w->escaped = skip->escaped;
    w->hex = skip->hex;
    w->kind = skip->kind[0];
    w->depth = skip->depth;
}


SOMA_BLOCK_INLINE void
soma_block_leave(soma_json_walk_t *w, soma_json_skip_t *skip)
{
    skip->quoted = w->quoted & 1;
    skip->escaped = (unsigned char) w->escaped;
    skip->hex = (unsigned char) w->hex;
    skip->kind[0] = w->kind;
    skip->depth = (uint32_t) w->depth;
}


/*
 * Of a row of backslashes every other byte is escaped, and what follows it
 * if their number is odd.  A row that starts at an odd place carries, added
 * to itself, into the byte behind it; that tells where it started.
 */
SOMA_BLOCK_INLINE void
soma_block_escapes(soma_json_block_t *b, uint64_t slash, uint64_t carry)
{
    uint64_t  behind, odd, sum;

    static const uint64_t  even = 0x5555555555555555u;

    slash &= ~carry;
    behind = (slash << 1) | carry;

    if ((slash & behind) == 0) {

        /* no rows */

        b->follow = slash >> (SOMA_BLOCK - 1);
        b->escaped = behind;

    } else {
        odd = slash & ~even & ~behind;

        b->follow = __builtin_add_overflow(odd, slash, &sum);
        b->escaped = (even ^ (sum << 1)) & behind;
    }

    if (b->n < SOMA_BLOCK) {
        b->follow = (b->escaped >> b->n) & 1;
        b->escaped &= soma_block_valid(b->n);
    }
}


SOMA_BLOCK_INLINE void
soma_block_read(soma_json_block_t *b, const unsigned char *p, size_t n,
    uint64_t carry)
{
    b->bytes = p;
    b->n = n;
    b->block = soma_block_load(p);

    soma_block_escapes(b, soma_block_eq(b->block, '\\'), carry);

    b->quote = soma_block_eq(b->block, '"') & ~b->escaped;
    b->u = soma_block_eq(b->block, 'u') & b->escaped;
    b->broken = b->escaped & ~b->u;
    b->broken &= ~soma_block_simple(b->block, b->bytes, b->broken);
}


/*
 * The escapes among the bytes of "within": which bytes are wrong in them.
 * *hex has a bit for each digit that the bytes of a block must begin with.
 */
SOMA_BLOCK_INLINE uint64_t
soma_block_wrong(soma_json_block_t *b, uint64_t within, uint64_t *hex)
{
    uint64_t  u, digits, over, wrong;

    wrong = b->broken & within;
    u = b->u & within;

    digits = (u << 1) | (u << 2) | (u << 3) | (u << 4) | *hex;
    over = (u >> 63) | (u >> 62) | (u >> 61) | (u >> 60);

    if (b->n < SOMA_BLOCK) {
        over = (digits >> b->n) | (over << (SOMA_BLOCK - b->n));
    }

    *hex = over & 0x0f;
    digits &= within;

    return wrong | (digits & ~soma_block_hex(b->block, b->bytes, digits));
}


/* what a step returns, unless the walk ends in its block: where */
#define SOMA_STEP_ON      0
#define SOMA_STEP_WRONG  -1     /* the block's state is still the old one */


/* a block in the midst of a string */
SOMA_BLOCK_INLINE int
soma_block_within(soma_json_walk_t *w, soma_json_block_t *b)
{
    uint64_t  hex, wrong;

    hex = w->hex;
    wrong = soma_block_wrong(b, soma_block_valid(b->n), &hex);

    if (wrong || !soma_block_plain(b->block)) {
        return SOMA_STEP_WRONG;
    }

    w->escaped = b->follow;
    w->hex = hex;

    return SOMA_STEP_ON;
}


SOMA_BLOCK_INLINE int
soma_block_string_step(soma_json_walk_t *w, const unsigned char *p, size_t n)
{
    uint64_t           within, wrong, hex;
    soma_json_block_t  b;

    soma_block_read(&b, p, n, w->escaped);

    if (b.quote == 0) {
        return soma_block_within(w, &b);
    }

    /* the closing quote too: a digit may be due there */
    within = (b.quote - 1) ^ b.quote;
    hex = w->hex;

    wrong = soma_block_control(b.block) & within;
    wrong |= soma_block_wrong(&b, within, &hex);

    if (wrong) {
        return SOMA_STEP_WRONG;
    }

    w->quoted = 0;
    w->escaped = 0;
    w->hex = 0;

    return __builtin_ctzll(b.quote) + 1;
}


/*
 * Follows the brackets of a block.  Without a branch on what a bracket is,
 * since nothing foretells it.
 */
SOMA_BLOCK_INLINE int
soma_block_levels(soma_json_walk_t *w, uint64_t opening, uint64_t closing,
    uint64_t object)
{
    int       at;
    uint64_t  left, open, level, differs, wrong, kind, depth;

    at = 0;
    wrong = 0;
    kind = w->kind;
    depth = w->depth;

    for (left = opening | closing; left != 0; left &= left - 1) {
        at = __builtin_ctzll(left);
        open = (opening >> at) & 1;

        level = depth + open - 1;
        differs = ((kind >> level) ^ (object >> at)) & 1;

        kind ^= differs << level;
        wrong |= differs & ~open;

        depth += 2 * open - 1;

        if (depth == 0) {
            break;
        }
    }

    if (wrong) {
        return SOMA_STEP_WRONG;
    }

    w->kind = kind;
    w->depth = depth;

    return depth == 0 ? at + 1 : SOMA_STEP_ON;
}


/* the bytes that have less than n behind them in their block */
SOMA_BLOCK_INLINE uint64_t
soma_block_last(soma_json_block_t *b, unsigned n)
{
    return ~(uint64_t) 0 << (b->n > n ? b->n - n : 0);
}


/*
 * Strings that open, and escapes that may stand for a letter, of which a name
 * may be made that the scanner watches for.  "at" is where the block's bytes
 * are among all at hand.
 */
SOMA_BLOCK_INLINE void
soma_block_marks(soma_json_skip_t *skip, soma_json_block_t *b,
    uint64_t opening, const unsigned char *at, const unsigned char *end)
{
    uint64_t  left;

    /* of a first letter d, f, i, k */

    left = (soma_block_pair(b->block, 'f') | soma_block_pair(b->block, 'k'))
           >> 1;
    left = (left | soma_block_last(b, 1)) & opening;

    if (left == 0) {
        return;
    }

    /* mostly the third letter tells: a, c, l, n, p, r */

    left &= soma_block_last(b, 3)
            | (soma_block_pair(b->block, 'c') | soma_block_pair(b->block, 'n')
               | soma_block_pair(b->block, 'r')) >> 3;

    for ( /* void */ ; left != 0; left &= left - 1) {
        soma_json_skip_mark_string(skip, at + __builtin_ctzll(left) + 1, end);
    }
}


/* strings that close; those meant have "rl" for their last letters */
SOMA_BLOCK_INLINE void
soma_block_ends(soma_json_skip_t *skip, soma_json_block_t *b,
    uint64_t closing, const unsigned char *at, const unsigned char *start,
    const unsigned char *end)
{
    uint64_t  left;

    left = closing & (soma_block_eq(b->block, 'l') << 1 | 1);

    if (left == 0) {
        return;
    }

    left &= soma_block_eq(b->block, 'r') << 2 | 3;

    for ( /* void */ ; left != 0; left &= left - 1) {
        soma_json_skip_mark_end(skip, at + __builtin_ctzll(left), start, end);
    }
}


SOMA_BLOCK_INLINE void
soma_block_spelt(soma_json_skip_t *skip, soma_json_block_t *b,
    const unsigned char *at, const unsigned char *end)
{
    uint64_t  left, zero, high;

    /* u005 u006 u007 */

    zero = soma_block_eq(b->block, '0');
    high = soma_block_eq(b->block, '5') | soma_block_eq(b->block, '6')
           | soma_block_eq(b->block, '7');

    left = b->u & ((zero >> 1 & zero >> 2 & high >> 3)
                   | soma_block_last(b, 3));

    for ( /* void */ ; left != 0; left &= left - 1) {
        soma_json_skip_mark_escape(skip, at + __builtin_ctzll(left) + 1, end);
    }
}


/*
 * What a block is that does not begin and end in the midst of a string, or
 * has a fault; its quotes and escapes are known.
 */
SOMA_BLOCK_INLINE int
soma_block_brackets(soma_json_walk_t *w, soma_json_skip_t *skip,
    soma_json_block_t *b, const unsigned char *at,
    const unsigned char *start, const unsigned char *end)
{
    int       stop;
    uint64_t  inside, wrong, hex, opening, closing;

    hex = w->hex;
    wrong = 0;

    if (b->u | b->broken | hex) {
        wrong = soma_block_wrong(b, soma_block_valid(b->n), &hex);
    }

    /* the opening quote is inside, the closing one is not */
    inside = soma_block_inside(b->quote) ^ w->quoted;

    wrong |= soma_block_odd(b->block) & ~inside;
    wrong |= soma_block_control(b->block) & inside;

    opening = soma_block_either(b->block, '{') & ~inside;
    closing = soma_block_either(b->block, '}') & ~inside;

    if (wrong
        || w->depth + (uint64_t) __builtin_popcountll(opening) > SOMA_BLOCK)
    {
        return SOMA_STEP_WRONG;
    }

    soma_block_marks(skip, b, b->quote & inside, at, end);
    soma_block_ends(skip, b, b->quote & ~inside, at, start, end);

    stop = SOMA_STEP_ON;

    if (opening | closing) {
        stop = soma_block_levels(w, opening, closing,
                                 soma_block_upper(b->block));

        if (stop == SOMA_STEP_WRONG) {
            return stop;
        }
    }

    if (stop == SOMA_STEP_ON) {
        w->quoted = 0 - ((inside >> (b->n - 1)) & 1);
        w->escaped = b->follow;
        w->hex = hex;

    } else {
        w->quoted = 0;
        w->escaped = 0;
        w->hex = 0;
    }

    return stop;
}


/* p is "at", or a copy of what is there among spaces; start and end are of
 * all bytes at hand */
SOMA_BLOCK_INLINE int
soma_block_nest_step(soma_json_walk_t *w, soma_json_skip_t *skip,
    const unsigned char *p, size_t n, const unsigned char *at,
    const unsigned char *start, const unsigned char *end)
{
    soma_json_block_t  b;

    soma_block_read(&b, p, n, w->escaped);

    if (b.u) {
        soma_block_spelt(skip, &b, at, end);
    }

    if ((b.quote | ~w->quoted) == 0) {
        return soma_block_within(w, &b);
    }

    return soma_block_brackets(w, skip, &b, at, start, end);
}


/*
 * How many bytes of whole blocks in the midst of a string are text that is
 * not to be looked at closer; there is a byte before p.  Nothing foretells
 * what escapes a block of text has, so all of it is one branch.
 */
SOMA_BLOCK_TARGET static __attribute__((noinline)) size_t
soma_block_run(const unsigned char *p, size_t len)
{
    size_t  i;

    for (i = 0; len - i >= SOMA_BLOCK; i += SOMA_BLOCK) {
        if (!soma_block_text(p + i)) {
            break;
        }
    }

    return i;
}


/* past blocks of text, from i on: where they end */
SOMA_BLOCK_INLINE size_t
soma_block_texts(soma_json_walk_t *w, const unsigned char *p, size_t i,
    size_t len)
{
    /* a backslash at the end of a row may be escaped itself */

    if (i && (w->hex | ~w->quoted) == 0 && w->escaped == (p[i - 1] == '\\')) {
        i += soma_block_run(p + i, len - i);
        w->escaped = p[i - 1] == '\\';
    }

    return i;
}


/* the bytes behind the last whole block, among spaces */
SOMA_BLOCK_INLINE const unsigned char *
soma_block_rest(unsigned char *rest, const unsigned char *p, size_t n)
{
    memset(rest, ' ', SOMA_BLOCK);
    memcpy(rest, p, n);

    return rest;
}


SOMA_BLOCK_TARGET static size_t
soma_block_string(soma_json_skip_t *skip, const unsigned char *p, size_t len)
{
    int               end;
    size_t            i;
    unsigned char     rest[SOMA_BLOCK];
    soma_json_walk_t  w;

    end = SOMA_STEP_ON;
    soma_block_enter(&w, skip);

    for (i = 0; /* void */ ; i += SOMA_BLOCK) {
        i = soma_block_texts(&w, p, i, len);

        if (len - i < SOMA_BLOCK) {
            break;
        }

        end = soma_block_string_step(&w, p + i, SOMA_BLOCK);

        if (end != SOMA_STEP_ON) {
            break;
        }
    }

    if (end == SOMA_STEP_ON && i < len) {
        end = soma_block_string_step(&w, soma_block_rest(rest, p + i, len - i),
                                     len - i);
    }

    soma_block_leave(&w, skip);

    if (end == SOMA_STEP_ON) {
        return len;
    }

    if (end == SOMA_STEP_WRONG) {
        return i + soma_json_portable.string(skip, p + i, len - i);
    }

    return i + (size_t) end;
}


SOMA_BLOCK_TARGET static size_t
soma_block_nest(soma_json_skip_t *skip, const unsigned char *p, size_t len)
{
    int                   end;
    size_t                i, n;
    unsigned char         rest[SOMA_BLOCK];
    soma_json_walk_t      w;
    const unsigned char  *block;

    soma_block_enter(&w, skip);

    for (i = 0; i < len; i += n) {
        i = soma_block_texts(&w, p, i, len);

        if (i == len) {
            break;
        }

        n = SOMA_BLOCK;
        block = p + i;

        if (len - i < SOMA_BLOCK) {
            n = len - i;
            block = soma_block_rest(rest, p + i, n);
        }

        end = soma_block_nest_step(&w, skip, block, n, p + i, p, p + len);

        if (end == SOMA_STEP_ON) {
            continue;
        }

        soma_block_leave(&w, skip);

        if (end != SOMA_STEP_WRONG) {
            return i + (size_t) end;
        }

        end = (int) soma_json_portable.nest(skip, p + i, n);

        if (skip->fault != SOMA_JSON_FAULT_NONE || skip->depth == 0) {
            return i + (size_t) end;
        }

        soma_block_enter(&w, skip);
    }

    soma_block_leave(&w, skip);

    return len;
}


#endif /* SOMA_JSON_BLOCK_H */
