
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
 *     soma_block_either()    which are that byte or it without 0x20, a bit
 *                            that it has
 *     soma_block_upper()     which have the bit 0x20
 *     soma_block_odd()       which may not stand outside strings
 *     soma_block_letters()   of some, which may follow a backslash
 *     soma_block_hex()       of some, which are hex digits
 *     soma_block_inside()    from quotes to what lies between them
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


typedef struct {
    soma_block_t          block;
    const unsigned char  *bytes;
    size_t                n;            /* of them are the input's */
    uint64_t              quote;        /* unescaped */
    uint64_t              slash;
    uint64_t              escaped;      /* behind a backslash */
    uint64_t              follow;       /* the next block's first one is */
    unsigned char         rest[SOMA_BLOCK];
} soma_json_block_t;


/*
 * Of a row of backslashes every other byte is escaped, and what follows it
 * if their number is odd.  A row that starts at an odd place carries, added
 * to itself, into the byte behind it; that tells where it started.
 */
SOMA_BLOCK_INLINE void
soma_block_escapes(soma_json_block_t *b, uint64_t carry)
{
    uint64_t  slash, behind, odd, sum;

    static const uint64_t  even = 0x5555555555555555u;

    if (b->slash == 0) {
        b->escaped = carry;
        b->follow = 0;
        return;
    }

    slash = b->slash & ~carry;
    behind = (slash << 1) | carry;
    odd = slash & ~even & ~behind;

    b->follow = __builtin_add_overflow(odd, slash, &sum);
    b->escaped = (even ^ (sum << 1)) & behind;

    if (b->n < SOMA_BLOCK) {
        b->follow = (b->escaped >> b->n) & 1;
        b->escaped &= soma_block_valid(b->n);
    }
}


SOMA_BLOCK_INLINE void
soma_block_next(soma_json_block_t *b, const unsigned char *p, size_t len,
    uint64_t carry)
{
    if (len >= SOMA_BLOCK) {
        b->bytes = p;
        b->n = SOMA_BLOCK;

    } else {
        memset(b->rest, ' ', SOMA_BLOCK);
        memcpy(b->rest, p, len);
        b->bytes = b->rest;
        b->n = len;
    }

    b->block = soma_block_load(b->bytes);
    b->quote = soma_block_eq(b->block, '"');
    b->slash = soma_block_eq(b->block, '\\');

    soma_block_escapes(b, carry);

    b->quote &= ~b->escaped;
}


/*
 * The escapes among the bytes of "within": which bytes are wrong in them.
 * *hex has a bit for each digit that the bytes of a block must begin with.
 */
SOMA_BLOCK_INLINE uint64_t
soma_block_wrong(soma_json_block_t *b, uint64_t within, uint64_t *hex)
{
    uint64_t  escaped, u, digits, over, wrong;

    escaped = b->escaped & within;
    wrong = escaped & ~soma_block_letters(b->block, b->bytes, escaped);

    u = escaped & soma_block_eq(b->block, 'u');
    digits = (u << 1) | (u << 2) | (u << 3) | (u << 4) | *hex;
    over = (u >> 63) | (u >> 62) | (u >> 61) | (u >> 60);

    if (digits == 0) {
        *hex = over;
        return wrong;
    }

    if (b->n < SOMA_BLOCK) {
        over = (digits >> b->n) | (over << (SOMA_BLOCK - b->n));
    }

    *hex = over & 0x0f;
    digits &= within;

    return wrong | (digits & ~soma_block_hex(b->block, b->bytes, digits));
}


SOMA_BLOCK_TARGET static size_t
soma_block_string(soma_json_skip_t *skip, const unsigned char *p, size_t len)
{
    size_t             i;
    uint64_t           within, wrong, hex;
    soma_json_block_t  b;

    for (i = 0; i < len; i += SOMA_BLOCK) {
        soma_block_next(&b, p + i, len - i, skip->escaped);

        /* the closing quote too: a digit may be due there */
        within = b.quote ? (b.quote - 1) ^ b.quote : soma_block_valid(b.n);
        hex = skip->hex;
        wrong = 0;

        if (!soma_block_plain(b.block)) {
            wrong = soma_block_control(b.block) & within;
        }

        if (b.escaped | hex) {
            wrong |= soma_block_wrong(&b, within, &hex);
        }

        if (wrong) {
            return i + soma_json_portable.string(skip, p + i, len - i);
        }

        if (b.quote) {
            skip->quoted = 0;
            skip->escaped = 0;
            skip->hex = 0;

            return i + (size_t) __builtin_ctzll(b.quote) + 1;
        }

        skip->escaped = (unsigned char) b.follow;
        skip->hex = (unsigned char) hex;
    }

    return len;
}


typedef struct {
    uint64_t  kind;         /* of the levels, all in one word */
    uint64_t  depth;
    uint64_t  open;
    uint64_t  close;
    uint64_t  object;
} soma_json_levels_t;


/*
 * Follows the brackets of a block.  Returns the place behind the one that
 * closes the last level, 0: the value goes on, -1: a pair does not match.
 * Without a branch on what a bracket is, since nothing foretells it.
 */
SOMA_BLOCK_INLINE int
soma_block_levels(soma_json_levels_t *v)
{
    int       at;
    uint64_t  left, open, level, differs, wrong;

    wrong = 0;

    for (left = v->open | v->close; left != 0; left &= left - 1) {
        at = __builtin_ctzll(left);
        open = (v->open >> at) & 1;

        level = v->depth + open - 1;
        differs = ((v->kind >> level) ^ (v->object >> at)) & 1;

        v->kind ^= differs << level;
        wrong |= differs & ~open;

        v->depth += 2 * open - 1;

        if (v->depth == 0) {
            return wrong ? -1 : at + 1;
        }
    }

    return wrong ? -1 : 0;
}


SOMA_BLOCK_TARGET static size_t
soma_block_nest(soma_json_skip_t *skip, const unsigned char *p, size_t len)
{
    int                 end;
    size_t              i;
    uint64_t            inside, wrong, hex, odd;
    soma_json_block_t   b;
    soma_json_levels_t  v;

    for (i = 0; i < len; i += SOMA_BLOCK) {
        soma_block_next(&b, p + i, len - i, skip->escaped);

        hex = skip->hex;
        wrong = 0;

        if (b.escaped | hex) {
            wrong = soma_block_wrong(&b, soma_block_valid(b.n), &hex);
        }

        if (skip->quoted && b.quote == 0 && soma_block_plain(b.block)
            && wrong == 0)
        {
            skip->escaped = (unsigned char) b.follow;
            skip->hex = (unsigned char) hex;
            continue;
        }

        /* the opening quote is inside, the closing one is not */
        inside = soma_block_inside(b.quote) ^ (0 - (uint64_t) skip->quoted);

        odd = soma_block_odd(b.block);
        wrong |= odd & ~inside;

        if (!soma_block_plain(b.block)) {
            wrong |= soma_block_control(b.block) & inside;
        }

        v.open = soma_block_either(b.block, '{') & ~inside;
        v.close = soma_block_either(b.block, '}') & ~inside;
        v.object = soma_block_upper(b.block);
        v.kind = skip->kind[0];
        v.depth = skip->depth;

        end = -1;

        if (wrong == 0
            && v.depth + (uint64_t) __builtin_popcountll(v.open) <= 64)
        {
            end = soma_block_levels(&v);
        }

        if (end < 0) {
            end = (int) soma_json_portable.nest(skip, p + i, b.n);

            if (skip->fault != SOMA_JSON_FAULT_NONE || skip->depth == 0) {
                return i + (size_t) end;
            }

            continue;
        }

        skip->kind[0] = v.kind;
        skip->depth = (uint32_t) v.depth;

        if (end > 0) {
            skip->quoted = 0;
            skip->escaped = 0;
            skip->hex = 0;

            return i + (size_t) end;
        }

        skip->quoted = (inside >> (b.n - 1)) & 1;
        skip->escaped = (unsigned char) b.follow;
        skip->hex = (unsigned char) hex;
    }

    return len;
}


#endif /* SOMA_JSON_BLOCK_H */
