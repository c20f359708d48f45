
/*
 * Copyright (C) The ngx_soma authors
 *
 * The walk past nested values and strings for any machine: eight bytes a
 * step within strings, one outside.  The other kinds hand over to it what
 * they find faulty, so that all kinds fail alike, at the same byte.
 */


#include "soma_json_skip.h"


#define SOMA_ONES  0x0101010101010101u
#define SOMA_TOPS  0x8080808080808080u


static size_t soma_json_skip_nest(soma_json_skip_t *skip,
    const unsigned char *p, size_t len);
static size_t soma_json_skip_string(soma_json_skip_t *skip,
    const unsigned char *p, size_t len);


const soma_json_walker_t  soma_json_portable = {
    "portable",
    soma_json_skip_nest,
    soma_json_skip_string
};


/* made of the SOMA_JSON_PLAIN .. SOMA_JSON_SIMPLE bits */
const unsigned char  soma_json_class[256] = {
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x12, 0x12, 0x00, 0x00, 0x12, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x33, 0x21, 0x44, 0x21, 0x21, 0x21, 0x21, 0x21,
    0x21, 0x21, 0x21, 0x23, 0x23, 0x23, 0x23, 0x65,
    0x2b, 0x2b, 0x2b, 0x2b, 0x2b, 0x2b, 0x2b, 0x2b,
    0x2b, 0x2b, 0x23, 0x21, 0x21, 0x21, 0x21, 0x21,
    0x21, 0x2b, 0x2b, 0x2b, 0x2b, 0x2b, 0x2b, 0x23,
    0x23, 0x23, 0x23, 0x23, 0x23, 0x23, 0x23, 0x23,
    0x23, 0x23, 0x23, 0x23, 0x23, 0x23, 0x23, 0x23,
    0x23, 0x23, 0x23, 0x21, 0x44, 0x21, 0x21, 0x21,
    0x21, 0x2b, 0x6f, 0x2b, 0x2b, 0x2b, 0x6f, 0x23,
    0x23, 0x23, 0x23, 0x23, 0x23, 0x23, 0x67, 0x23,
    0x23, 0x23, 0x67, 0x23, 0x67, 0x27, 0x23, 0x23,
    0x23, 0x23, 0x23, 0x21, 0x21, 0x21, 0x21, 0x21,
    0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01,
    0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01,
    0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01,
    0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01,
    0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01,
    0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01,
    0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01,
    0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01,
    0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01,
    0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01,
    0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01,
    0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01,
    0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01,
    0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01,
    0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01,
    0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01
};


static const soma_str_t  soma_json_skip_none[] = { soma_str_null };

const soma_json_marks_t  soma_json_skip_all = {
    soma_json_skip_none, soma_str_null, soma_str_null, 0
};


int
soma_json_skip_able(const soma_json_marks_t *marks)
{
    const soma_str_t  *mark;

    for (mark = marks->mark; mark->len != 0; mark++) {
        if (mark->len < 4 || memchr("dfik", mark->data[0], 4) == NULL
            || memchr("aclnpr", mark->data[2], 6) == NULL)
        {
            return 0;
        }
    }

    return marks->end.len == 0
           || (marks->end.len >= 3
               && memcmp(marks->end.data + marks->end.len - 3, "rl\"", 3)
                  == 0);
}


void
soma_json_skip_mark_string(soma_json_skip_t *skip, const unsigned char *p,
    const unsigned char *end)
{
    size_t             n, len;
    const soma_str_t  *mark;

    len = (size_t) (end - p);

    for (mark = skip->marks->mark; mark->len != 0; mark++) {

        /* most differ in the first four, which all have */

        if (len >= 4 && memcmp(mark->data, p, 4) != 0) {
            continue;
        }

        n = mark->len < len ? mark->len : len;

        if (memcmp(mark->data, p, n) == 0) {
            skip->marked = 1;
            return;
        }
    }
}


void
soma_json_skip_mark_end(soma_json_skip_t *skip, const unsigned char *p,
    const unsigned char *start, const unsigned char *end)
{
    size_t                    n, len;
    const unsigned char      *q;
    const soma_json_marks_t  *marks;

    marks = skip->marks;
    len = (size_t) (p + 1 - start);

    if (marks->end.len == 0) {
        return;
    }

    n = marks->end.len < len ? marks->end.len : len;

    if (memcmp(marks->end.data + marks->end.len - n, p + 1 - n, n) != 0
        || (marks->but.len != 0 && marks->but.len <= len
            && memcmp(marks->but.data, p + 1 - marks->but.len, marks->but.len)
               == 0))
    {
        return;
    }

    for (q = p + 1; q < end && (soma_json_class[*q] & SOMA_JSON_SPACE); q++) {
        /* void */
    }

    if (q == end || (*q == ':') == marks->name) {
        skip->ended = 1;
    }
}


/* the names are of small letters and "_": \u005F, \u0061 to \u007A */

void
soma_json_skip_mark_escape(soma_json_skip_t *skip, const unsigned char *p,
    const unsigned char *end)
{
    if (end - p < 3
        || (p[0] == '0' && p[1] == '0' && p[2] >= '5' && p[2] <= '7'))
    {
        skip->marked = 1;
    }
}


int
soma_json_skip_push(soma_json_skip_t *skip, int c)
{
    uint64_t  bit, *word;

    /* the top level is a level too */
    if (skip->depth >= SOMA_JSON_DEPTH_MAX - 1) {
        skip->fault = SOMA_JSON_FAULT_DEPTH;
        return SOMA_ERROR;
    }

    word = &skip->kind[skip->depth / 64];
    bit = (uint64_t) 1 << (skip->depth % 64);

    if (c == '{') {
        *word |= bit;

    } else {
        *word &= ~bit;
    }

    skip->depth++;

    return SOMA_OK;
}


int
soma_json_skip_pop(soma_json_skip_t *skip, int c)
{
    uint32_t  level;
    uint64_t  object;

    level = skip->depth - 1;
    object = (skip->kind[level / 64] >> (level % 64)) & 1;

    if (object != (c == '}')) {
        skip->fault = SOMA_JSON_FAULT_PAIR;
        return SOMA_ERROR;
    }

    skip->depth = level;

    return SOMA_OK;
}


static size_t
soma_json_skip_nest(soma_json_skip_t *skip, const unsigned char *p,
    size_t len)
{
    int     c;
    size_t  i;

    for (i = 0; i < len; i++) {

        if (skip->quoted) {
            i += soma_json_skip_string(skip, p + i, len - i);

            if (skip->fault) {
                return i;
            }

            if (!skip->quoted && (i < 2 || p[i - 2] == 'l')) {
                soma_json_skip_mark_end(skip, p + i - 1, p, p + len);
            }

            if (i == len) {
                return i;
            }
        }

        c = p[i];

        if (soma_json_class[c] & SOMA_JSON_OUTSIDE) {
            continue;
        }

        switch (c) {

        case '"':
            skip->quoted = 1;
            soma_json_skip_mark_string(skip, p + i + 1, p + len);
            break;

        case '{':
        case '[':
            if (soma_json_skip_push(skip, c) != SOMA_OK) {
                return i;
            }

            break;

        case '}':
        case ']':
            if (soma_json_skip_pop(skip, c) != SOMA_OK) {
                return i;
            }

            if (skip->depth == 0) {
                return i + 1;
            }

            break;

        default:
            skip->fault = SOMA_JSON_FAULT_BYTE;
            return i;
        }
    }

    return len;
}


/* eight bytes at once while none of them is a control, quote or backslash */
static inline size_t
soma_json_plain(const unsigned char *p, size_t i, size_t len)
{
    uint64_t  x, quote, slash, found;

    while (len - i >= sizeof(uint64_t)) {
        memcpy(&x, p + i, sizeof(uint64_t));

        quote = x ^ (SOMA_ONES * '"');
        slash = x ^ (SOMA_ONES * '\\');

        /* a borrow makes false finds only above a true one */
        found = ((x - SOMA_ONES * 0x20) & ~x)
                | ((quote - SOMA_ONES) & ~quote)
                | ((slash - SOMA_ONES) & ~slash);

        if (found & SOMA_TOPS) {
            break;
        }

        i += sizeof(uint64_t);
    }

    while (i < len && (soma_json_class[p[i]] & SOMA_JSON_PLAIN)) {
        i++;
    }

    return i;
}


static size_t
soma_json_skip_string(soma_json_skip_t *skip, const unsigned char *p,
    size_t len)
{
    int     c;
    size_t  i;

    for (i = 0; i < len; i++) {

        if (skip->escaped) {
            c = p[i];

            if (!(soma_json_class[c] & SOMA_JSON_LETTER)) {
                skip->fault = SOMA_JSON_FAULT_ESCAPE;
                return i;
            }

            skip->escaped = 0;
            skip->hex = 0;

            if (c == 'u') {
                skip->hex = 0x0f;

                if (skip->depth > 0) {
                    soma_json_skip_mark_escape(skip, p + i + 1, p + len);
                }
            }

            continue;
        }

        if (skip->hex) {
            if (!(soma_json_class[p[i]] & SOMA_JSON_HEX)) {
                skip->fault = SOMA_JSON_FAULT_ESCAPE;
                return i;
            }

            skip->hex >>= 1;
            continue;
        }

        i = soma_json_plain(p, i, len);
        if (i == len) {
            break;
        }

        c = p[i];

        if (c == '\\') {
            skip->escaped = 1;

        } else if (c == '"') {
            skip->quoted = 0;
            return i + 1;

        } else {
            skip->fault = SOMA_JSON_FAULT_CONTROL;
            return i;
        }
    }

    return len;
}
