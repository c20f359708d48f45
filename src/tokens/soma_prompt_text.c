
/*
 * Copyright (C) The ngx_soma authors
 *
 * The tokens of a text as it stands between the quotes of its JSON string,
 * with escapes, piece by piece.
 */


#include "soma_prompt.h"


#define SOMA_PROMPT_BUF    1024
#define SOMA_UTF8_MAX      4


static unsigned
soma_prompt_text_hex(const unsigned char *p)
{
    unsigned  i, c, n;

    n = 0;

    for (i = 0; i < 4; i++) {
        c = p[i] | 0x20u;
        n = n << 4 | (c <= '9' ? c & 0x0f : (c - 'a' + 10) & 0x0f);
    }

    return n;
}


static size_t
soma_prompt_text_utf8(unsigned char *out, uint32_t cp)
{
    if (cp < 0x80) {
        out[0] = (unsigned char) cp;
        return 1;
    }

    if (cp < 0x800) {
        out[0] = (unsigned char) (0xc0 | cp >> 6);
        out[1] = (unsigned char) (0x80 | (cp & 0x3f));
        return 2;
    }

    if (cp < 0x10000) {
        out[0] = (unsigned char) (0xe0 | cp >> 12);
        out[1] = (unsigned char) (0x80 | (cp >> 6 & 0x3f));
        out[2] = (unsigned char) (0x80 | (cp & 0x3f));
        return 3;
    }

    out[0] = (unsigned char) (0xf0 | cp >> 18);
    out[1] = (unsigned char) (0x80 | (cp >> 12 & 0x3f));
    out[2] = (unsigned char) (0x80 | (cp >> 6 & 0x3f));
    out[3] = (unsigned char) (0x80 | (cp & 0x3f));

    return 4;
}


/*
 * What a backslash at p stands for; *n bytes of it, at most SOMA_UTF8_MAX.
 * A surrogate without its other half is U+FFFD, as it will be for the model.
 */

static const unsigned char *
soma_prompt_text_escape(const unsigned char *p, const unsigned char *end,
    unsigned char *out, size_t *n)
{
    uint32_t     cp, low;
    const char  *c;

    static const char  names[] = "bfnrt";
    static const char  values[] = "\b\f\n\r\t";

    *n = 0;

    if (end - p < 2) {
        return end;
    }

    if (p[1] != 'u') {
        c = memchr(names, p[1], sizeof(names) - 1);
        out[0] = c ? (unsigned char) values[c - names] : p[1];
        *n = 1;
        return p + 2;
    }

    if (end - p < 6) {
        return end;
    }

    cp = soma_prompt_text_hex(p + 2);
    p += 6;

    if (cp >= 0xd800 && cp < 0xdc00 && end - p >= 6 && p[0] == '\\'
        && p[1] == 'u')
    {
        low = soma_prompt_text_hex(p + 2);

        if (low >= 0xdc00 && low < 0xe000) {
            cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
            p += 6;
        }
    }

    if (cp >= 0xd800 && cp < 0xe000) {
        cp = 0xfffd;
    }

    *n = soma_prompt_text_utf8(out, cp);

    return p;
}


/* a text with escapes, decoded piece by piece */

static int64_t
soma_prompt_text_decoded(const soma_bpe_t *bpe, soma_str_t text)
{
    size_t                n, len;
    unsigned char         buf[SOMA_PROMPT_BUF + SOMA_UTF8_MAX];
    soma_bpe_stream_t     stream;
    const unsigned char  *p, *end, *slash;

    soma_bpe_stream_init(&stream, bpe);

    p = text.data;
    end = p + text.len;
    len = 0;

    while (p < end) {

        n = (size_t) (end - p);
        n = n < SOMA_PROMPT_BUF - len ? n : SOMA_PROMPT_BUF - len;

        slash = memchr(p, '\\', n);
        n = slash ? (size_t) (slash - p) : n;

        memcpy(buf + len, p, n);
        len += n;
        p += n;

        if (slash != NULL) {
            p = soma_prompt_text_escape(p, end, buf + len, &n);
            len += n;
        }

        if (len >= SOMA_PROMPT_BUF) {
            soma_bpe_stream_add(&stream, buf, len);
            len = 0;
        }
    }

    soma_bpe_stream_add(&stream, buf, len);

    return soma_bpe_stream_tokens(&stream);
}


int64_t
soma_prompt_text_tokens(const soma_bpe_t *bpe, soma_str_t text, int escapes)
{
    if (escapes && memchr(text.data, '\\', text.len) != NULL) {
        return soma_prompt_text_decoded(bpe, text);
    }

    return soma_bpe_count(bpe, text);
}
