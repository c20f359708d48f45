
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_base64.h"


#define SOMA_BASE64_BLANK  0x40
#define SOMA_BASE64_PAD    0x41
#define SOMA_BASE64_BAD    0xff


static size_t soma_base64_write(unsigned char *to, soma_str_t from,
    const char *letters, int pad);
static unsigned soma_base64_value(unsigned char c);


static const char  soma_base64_letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char  soma_base64_url_letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";


size_t
soma_base64_encode(unsigned char *to, soma_str_t from)
{
    return soma_base64_write(to, from, soma_base64_letters, 1);
}


size_t
soma_base64_encode_url(unsigned char *to, soma_str_t from)
{
    return soma_base64_write(to, from, soma_base64_url_letters, 0);
}


static size_t
soma_base64_write(unsigned char *to, soma_str_t from, const char *letters,
    int pad)
{
    size_t          i;
    uint32_t        v;
    unsigned        k, n;
    unsigned char  *start;

    start = to;

    for (i = 0; i < from.len; i += 3) {
        n = (from.len - i < 3) ? (unsigned) (from.len - i) : 3;

        v = (uint32_t) from.data[i] << 16;
        v |= (n > 1) ? (uint32_t) from.data[i + 1] << 8 : 0;
        v |= (n > 2) ? (uint32_t) from.data[i + 2] : 0;

        for (k = 0; k < 4; k++) {
            if (k <= n) {
                *to++ = (unsigned char) letters[v >> (18 - 6 * k) & 0x3f];

            } else if (pad) {
                *to++ = '=';
            }
        }
    }

    return (size_t) (to - start);
}


/* below 64, or what else it is */

static unsigned
soma_base64_value(unsigned char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }

    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26u;
    }

    if (c >= '0' && c <= '9') {
        return c - '0' + 52u;
    }

    switch (c) {

    case '+':
    case '-':
        return 62;

    case '/':
    case '_':
        return 63;

    case '=':
        return SOMA_BASE64_PAD;

    case ' ':
    case '\t':
    case '\r':
    case '\n':
        return SOMA_BASE64_BLANK;

    default:
        return SOMA_BASE64_BAD;
    }
}


int
soma_base64_decode(unsigned char *to, size_t *len, soma_str_t from)
{
    size_t          i;
    uint32_t        v;
    unsigned        n, c, pads;
    unsigned char  *start;

    start = to;
    v = 0;
    n = 0;
    pads = 0;

    for (i = 0; i < from.len; i++) {
        c = soma_base64_value(from.data[i]);

        if (c == SOMA_BASE64_BLANK) {
            continue;
        }

        if (c == SOMA_BASE64_PAD) {
            pads++;
            continue;
        }

        if (c == SOMA_BASE64_BAD || pads != 0) {
            return SOMA_ERROR;
        }

        v = v << 6 | c;

        if (++n % 4 == 0) {
            *to++ = (unsigned char) (v >> 16);
            *to++ = (unsigned char) (v >> 8);
            *to++ = (unsigned char) v;
            v = 0;
        }
    }

    if (n % 4 == 1 || pads > 2) {
        return SOMA_ERROR;
    }

    if (n % 4 == 3) {
        *to++ = (unsigned char) (v >> 10);
        *to++ = (unsigned char) (v >> 2);

    } else if (n % 4 == 2) {
        *to++ = (unsigned char) (v >> 4);
    }

    *len = (size_t) (to - start);

    return SOMA_OK;
}


int
soma_base64_standard(soma_arena_t *arena, soma_str_t from, soma_str_t *to)
{
    size_t          i, n;
    unsigned        c, pads;
    unsigned char  *p;

    static const unsigned char  letters[256] = {
        ['+'] = 1, ['/'] = 1,
        ['0'] = 1, ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1, ['5'] = 1,
        ['6'] = 1, ['7'] = 1, ['8'] = 1, ['9'] = 1,
        ['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1, ['F'] = 1,
        ['G'] = 1, ['H'] = 1, ['I'] = 1, ['J'] = 1, ['K'] = 1, ['L'] = 1,
        ['M'] = 1, ['N'] = 1, ['O'] = 1, ['P'] = 1, ['Q'] = 1, ['R'] = 1,
        ['S'] = 1, ['T'] = 1, ['U'] = 1, ['V'] = 1, ['W'] = 1, ['X'] = 1,
        ['Y'] = 1, ['Z'] = 1,
        ['a'] = 1, ['b'] = 1, ['c'] = 1, ['d'] = 1, ['e'] = 1, ['f'] = 1,
        ['g'] = 1, ['h'] = 1, ['i'] = 1, ['j'] = 1, ['k'] = 1, ['l'] = 1,
        ['m'] = 1, ['n'] = 1, ['o'] = 1, ['p'] = 1, ['q'] = 1, ['r'] = 1,
        ['s'] = 1, ['t'] = 1, ['u'] = 1, ['v'] = 1, ['w'] = 1, ['x'] = 1,
        ['y'] = 1, ['z'] = 1
    };

    for (i = 0; i < from.len && letters[from.data[i]]; i++) { /* void */ }

    n = from.len - i;

    if (from.len % 4 == 0
        && (n == 0 || (n == 1 && from.data[i] == '=')
            || (n == 2 && from.data[i] == '=' && from.data[i + 1] == '=')))
    {
        *to = from;
        return SOMA_OK;
    }

    p = arena->alloc(arena->data, from.len + 4);
    if (p == NULL) {
        return SOMA_ERROR;
    }

    to->data = p;
    n = 0;
    pads = 0;

    for (i = 0; i < from.len; i++) {
        c = soma_base64_value(from.data[i]);

        if (c == SOMA_BASE64_BLANK) {
            continue;
        }

        if (c == SOMA_BASE64_PAD) {
            pads++;
            continue;
        }

        if (c == SOMA_BASE64_BAD || pads != 0) {
            return SOMA_DECLINED;
        }

        p[n++] = (unsigned char) soma_base64_letters[c];
    }

    if (n % 4 == 1 || pads > 2) {
        return SOMA_DECLINED;
    }

    while (n % 4 != 0) {
        p[n++] = '=';
    }

    to->len = n;

    return SOMA_OK;
}
