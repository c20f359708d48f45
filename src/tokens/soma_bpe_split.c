
/*
 * Copyright (C) The ngx_soma authors
 *
 * Where a text is split before its pieces are encoded.  tiktoken does it by
 * regular expressions, which are tried in this order at each place:
 *
 *     cl100k_base
 *         '(?i:[sdmt]|ll|ve|re)
 *         [^\r\n\p{L}\p{N}]?+\p{L}++
 *         \p{N}{1,3}+
 *          ?[^\s\p{L}\p{N}]++[\r\n]*+
 *         \s++$
 *         \s*[\r\n]
 *         \s+(?!\S)
 *         \s
 *
 *     o200k_base, where U is [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}], W is
 *     [\p{Ll}\p{Lm}\p{Lo}\p{M}], and S is (?i:'s|'t|'re|'ve|'m|'ll|'d)
 *         [^\r\n\p{L}\p{N}]?U*W+S?
 *         [^\r\n\p{L}\p{N}]?U+W*S?
 *         \p{N}{1,3}
 *          ?[^\s\p{L}\p{N}]+[\r\n/]*
 *         \s*[\r\n]+
 *         \s+(?!\S)
 *         \s+
 *
 * A byte that belongs to no character counts as one that is neither letter,
 * nor number, nor space.
 */


#include "soma_bpe_table.h"
#include "soma_bpe_kind.h"


#define SOMA_BPE_NRANGES                                                      \
    (sizeof(soma_bpe_ranges) / sizeof(soma_bpe_ranges[0]))


typedef struct {
    const unsigned char  *kind;
    const unsigned char  *end;
    int                   open;     /* the end of the input was looked at */
} soma_bpe_look_t;


unsigned
soma_bpe_split_kind(uint32_t cp)
{
    size_t    low, high, mid;
    uint32_t  range;

    if (cp == '\r' || cp == '\n') {
        return SOMA_BPE_NEWLINE;
    }

    low = 0;
    high = SOMA_BPE_NRANGES;

    while (high - low > 1) {
        mid = (low + high) / 2;

        if (soma_bpe_ranges[mid] >> 3 <= cp) {
            low = mid;

        } else {
            high = mid;
        }
    }

    range = soma_bpe_ranges[low];

    if ((range & 7) == SOMA_BPE_NEWLINE) {
        return ((cp - (range >> 3)) & 1) ? SOMA_BPE_LOWER : SOMA_BPE_UPPER;
    }

    return range & 7;
}


/* a character of more than one byte */

static unsigned
soma_bpe_wide(soma_bpe_look_t *look, const unsigned char *p,
    const unsigned char **next)
{
    size_t    i, n;
    uint32_t  cp, low;

    *next = p + 1;

    if (*p >= 0xc2 && *p < 0xe0) {
        n = 2;
        cp = *p & 0x1f;
        low = 0x80;

    } else if (*p >= 0xe0 && *p < 0xf0) {
        n = 3;
        cp = *p & 0x0f;
        low = 0x800;

    } else if (*p >= 0xf0 && *p < 0xf5) {
        n = 4;
        cp = *p & 0x07;
        low = 0x10000;

    } else {
        return SOMA_BPE_OTHER;
    }

    for (i = 1; i < n; i++) {

        if (p + i == look->end) {
            look->open = 1;
            return SOMA_BPE_OTHER;
        }

        if ((p[i] & 0xc0) != 0x80) {
            return SOMA_BPE_OTHER;
        }

        cp = cp << 6 | (p[i] & 0x3f);
    }

    if (cp < low || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff)) {
        return SOMA_BPE_OTHER;
    }

    *next = p + n;

    return cp < SOMA_BPE_KINDS ? look->kind[cp] : soma_bpe_split_kind(cp);
}


static inline unsigned
soma_bpe_look(soma_bpe_look_t *look, const unsigned char *p,
    const unsigned char **next)
{
    if (p == look->end) {
        look->open = 1;
        *next = p;
        return SOMA_BPE_END;
    }

    if (*p < 0x80) {
        *next = p + 1;
        return look->kind[*p];
    }

    return soma_bpe_wide(look, p, next);
}


#define soma_bpe_is_letter(k)  ((k) >= SOMA_BPE_UPPER && (k) <= SOMA_BPE_LETTER)
#define soma_bpe_is_other(k)   ((k) == SOMA_BPE_OTHER || (k) == SOMA_BPE_MARK)


/* behind 's 't 're 've 'm 'll 'd at p, or p when there is none of them */

static const unsigned char *
soma_bpe_suffix(soma_bpe_look_t *look, const unsigned char *p)
{
    unsigned char         second;
    const unsigned char  *end;

    end = look->end;

    if (p == end) {
        look->open = 1;
        return p;
    }

    if (*p != '\'') {
        return p;
    }

    if (end - p < 2) {
        look->open = 1;
        return p;
    }

    switch (p[1] < 0x80 ? p[1] | 0x20 : p[1]) {

    case 's':
    case 't':
    case 'm':
    case 'd':
        return p + 2;

    case 'r':
    case 'v':
        second = 'e';
        break;

    case 'l':
        second = 'l';
        break;

    case 0xc5:

        /* U+017F, the long s, is an s in another case */

        if (end - p < 3) {
            look->open = 1;
            return p;
        }

        return p[2] == 0xbf ? p + 3 : p;

    default:
        return p;
    }

    if (end - p < 3) {
        look->open = 1;
        return p;
    }

    return (p[2] | 0x20) == second ? p + 3 : p;
}


/* what \p{N}{1,3} takes, of which the first ends at p */

static const unsigned char *
soma_bpe_number(soma_bpe_look_t *look, const unsigned char *p)
{
    unsigned              i;
    const unsigned char  *next;

    for (i = 1; i < 3; i++) {
        if (soma_bpe_look(look, p, &next) != SOMA_BPE_NUMBER) {
            return p;
        }

        p = next;
    }

    return p;
}


/* what [^\s\p{L}\p{N}]*[\r\n]* takes; "slash" too among the last */

static const unsigned char *
soma_bpe_others(soma_bpe_look_t *look, const unsigned char *p, int slash)
{
    unsigned              kind;
    const unsigned char  *next;

    for ( ;; ) {
        kind = soma_bpe_look(look, p, &next);

        if (!soma_bpe_is_other(kind)) {
            break;
        }

        p = next;
    }

    while (kind == SOMA_BPE_NEWLINE
           || (slash && p < look->end && *p == '/'))
    {
        p = next;
        kind = soma_bpe_look(look, p, &next);
    }

    return p;
}


/*
 * White space: up to its last line break; without one, all but the last
 * character, which goes with the word behind it.  At the end of the text
 * cl100k_base takes all.
 */

static const unsigned char *
soma_bpe_spaces(soma_bpe_look_t *look, const unsigned char *p, int all)
{
    unsigned              kind;
    const unsigned char  *start, *next, *last, *line;

    start = p;
    last = p;
    line = NULL;

    for ( ;; ) {
        kind = soma_bpe_look(look, p, &next);

        if (kind != SOMA_BPE_SPACE && kind != SOMA_BPE_NEWLINE) {
            break;
        }

        last = p;
        p = next;

        if (kind == SOMA_BPE_NEWLINE) {
            line = p;
        }
    }

    if (kind == SOMA_BPE_END && all) {
        return p;
    }

    if (line != NULL) {
        return line;
    }

    return (kind == SOMA_BPE_END || last == start) ? p : last;
}


static const unsigned char *
soma_bpe_cl100k(soma_bpe_look_t *look, const unsigned char *p)
{
    unsigned              kind, then;
    const unsigned char  *next, *word, *behind;

    if (*p == '\'') {
        word = soma_bpe_suffix(look, p);

        if (word != p) {
            return word;
        }
    }

    kind = soma_bpe_look(look, p, &next);

    if (kind == SOMA_BPE_NUMBER) {
        return soma_bpe_number(look, next);
    }

    if (kind == SOMA_BPE_NEWLINE) {
        return soma_bpe_spaces(look, p, 1);
    }

    then = kind;

    if (!soma_bpe_is_letter(kind)) {
        then = soma_bpe_look(look, next, &behind);

        if (soma_bpe_is_letter(then)) {
            next = behind;
        }
    }

    if (soma_bpe_is_letter(then)) {

        do {
            word = next;
            then = soma_bpe_look(look, word, &next);
        } while (soma_bpe_is_letter(then));

        return word;
    }

    if (soma_bpe_is_other(kind) || (*p == ' ' && soma_bpe_is_other(then))) {
        return soma_bpe_others(look, next, 0);
    }

    return soma_bpe_spaces(look, p, 1);
}


/*
 * U*W+, else U+, where the first has to give back what it took too much of:
 * capitals behind the last character that goes with both.  NULL: neither.
 */

static const unsigned char *
soma_bpe_word(soma_bpe_look_t *look, const unsigned char *p, int capitals)
{
    unsigned              kind;
    const unsigned char  *start, *next, *both;

    start = p;
    both = NULL;

    for ( ;; ) {
        kind = soma_bpe_look(look, p, &next);

        if (kind == SOMA_BPE_LETTER || kind == SOMA_BPE_MARK) {
            both = next;

        } else if (kind != SOMA_BPE_UPPER) {
            break;
        }

        p = next;
    }

    if (kind == SOMA_BPE_LOWER) {

        do {
            p = next;
            kind = soma_bpe_look(look, p, &next);
        } while (kind >= SOMA_BPE_LOWER && kind <= SOMA_BPE_MARK);

        return p;
    }

    if (both != NULL) {
        return both;
    }

    return (capitals && p != start) ? p : NULL;
}


static const unsigned char *
soma_bpe_o200k(soma_bpe_look_t *look, const unsigned char *p)
{
    unsigned              kind, then;
    const unsigned char  *next, *word, *behind;

    kind = soma_bpe_look(look, p, &next);

    switch (kind) {

    case SOMA_BPE_NUMBER:
        return soma_bpe_number(look, next);

    case SOMA_BPE_NEWLINE:
        return soma_bpe_spaces(look, p, 0);

    case SOMA_BPE_MARK:

        /* as what may stand before a word, else as the word itself */

        word = soma_bpe_word(look, next, 0);

        if (word == NULL) {
            word = next;
        }

        break;

    case SOMA_BPE_OTHER:
    case SOMA_BPE_SPACE:
        word = soma_bpe_word(look, next, 1);
        break;

    default:
        word = soma_bpe_word(look, p, 1);
    }

    if (word != NULL) {
        return soma_bpe_suffix(look, word);
    }

    if (kind == SOMA_BPE_OTHER) {
        return soma_bpe_others(look, next, 1);
    }

    then = soma_bpe_look(look, next, &behind);

    if (*p == ' ' && soma_bpe_is_other(then)) {
        return soma_bpe_others(look, behind, 1);
    }

    return soma_bpe_spaces(look, p, 0);
}


const unsigned char *
soma_bpe_split(const soma_bpe_t *bpe, const unsigned char *p,
    const unsigned char *end, int last)
{
    soma_bpe_look_t       look;
    const unsigned char  *piece;

    look.kind = bpe->kind;
    look.end = end;
    look.open = 0;

    piece = (bpe->family == SOMA_BPE_O200K) ? soma_bpe_o200k(&look, p)
                                            : soma_bpe_cl100k(&look, p);

    return (look.open && !last) ? NULL : piece;
}
