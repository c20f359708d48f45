
/*
 * Copyright (C) The ngx_soma authors
 *
 * The text of a streamed answer for whoever counts it: out of its JSON
 * string, piece by piece, without a copy of it; and what an answer says of
 * itself.
 */


#include "soma_answer.h"


#define SOMA_UTF8_MAX      4
#define SOMA_REPLACEMENT   0xfffd


static const unsigned char *soma_answer_escape(soma_answer_t *answer,
    unsigned channel, const unsigned char *p, const unsigned char *end);
static int soma_answer_unit(const unsigned char *p, const unsigned char *end,
    uint32_t *c);
static size_t soma_answer_utf8(unsigned char *d, uint32_t c);


void
soma_answer_text(soma_answer_t *answer, unsigned channel,
    const unsigned char *p, size_t len)
{
    const unsigned char  *q, *end;

    end = p + len;

    while (p < end) {
        q = memchr(p, '\\', end - p);

        if (q == NULL) {
            q = end;
        }

        if (q > p) {
            answer->text(answer->text_data, channel, p, q - p);
        }

        p = (q < end) ? soma_answer_escape(answer, channel, q, end) : end;
    }
}


/* p is at a backslash; returns behind what it begins */

static const unsigned char *
soma_answer_escape(soma_answer_t *answer, unsigned channel,
    const unsigned char *p, const unsigned char *end)
{
    size_t         len;
    uint32_t       c, low;
    unsigned char  buf[SOMA_UTF8_MAX];

    if (end - p < 2) {
        return end;
    }

    if (p[1] == 'u') {
        if (!soma_answer_unit(p, end, &c)) {

            /* "\u" without its digits */

            c = SOMA_REPLACEMENT;
            p += 2;

        } else {
            p += 6;
        }

        if (c >= 0xd800 && c < 0xdc00 && end - p >= 6 && p[0] == '\\'
            && p[1] == 'u')
        {
            if (soma_answer_unit(p, end, &low)
                && low >= 0xdc00 && low < 0xe000)
            {
                c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
                p += 6;
            }
        }

        len = soma_answer_utf8(buf, c);

    } else {
        switch (p[1]) {

        case 'n':
            buf[0] = '\n';
            break;

        case 't':
            buf[0] = '\t';
            break;

        case 'r':
            buf[0] = '\r';
            break;

        case 'b':
            buf[0] = '\b';
            break;

        case 'f':
            buf[0] = '\f';
            break;

        default:
            buf[0] = p[1];
        }

        len = 1;
        p += 2;
    }

    answer->text(answer->text_data, channel, buf, len);

    return p;
}


int64_t
soma_answer_text_len(const unsigned char *p, size_t len)
{
    size_t                n;
    uint32_t              c;
    const unsigned char  *end;

    n = len;
    end = p + len;

    while (p < end && (p = memchr(p, '\\', end - p)) != NULL) {

        if (end - p >= 6 && p[1] == 'u' && soma_answer_unit(p, end, &c)) {
            n -= (c < 0x100) ? 5 : 3;
            p += 6;

        } else {
            n -= 1;
            p += 2;
        }
    }

    return (int64_t) n;
}


/* whether p begins with "\u" and four digits, and what they are */

static int
soma_answer_unit(const unsigned char *p, const unsigned char *end,
    uint32_t *c)
{
    unsigned char  hex[2];
    soma_str_t     digits;

    if (end - p < 6) {
        return 0;
    }

    digits.data = (unsigned char *) p + 2;
    digits.len = 4;

    if (soma_str_hex(digits, hex, sizeof(hex)) != SOMA_OK) {
        return 0;
    }

    *c = (uint32_t) hex[0] << 8 | hex[1];

    return 1;
}


static size_t
soma_answer_utf8(unsigned char *d, uint32_t c)
{
    if (c >= 0xd800 && c < 0xe000) {
        c = SOMA_REPLACEMENT;
    }

    if (c < 0x80) {
        d[0] = (unsigned char) c;
        return 1;
    }

    if (c < 0x800) {
        d[0] = (unsigned char) (0xc0 | c >> 6);
        d[1] = (unsigned char) (0x80 | (c & 0x3f));
        return 2;
    }

    if (c < 0x10000) {
        d[0] = (unsigned char) (0xe0 | c >> 12);
        d[1] = (unsigned char) (0x80 | (c >> 6 & 0x3f));
        d[2] = (unsigned char) (0x80 | (c & 0x3f));
        return 3;
    }

    d[0] = (unsigned char) (0xf0 | c >> 18);
    d[1] = (unsigned char) (0x80 | (c >> 12 & 0x3f));
    d[2] = (unsigned char) (0x80 | (c >> 6 & 0x3f));
    d[3] = (unsigned char) (0x80 | (c & 0x3f));

    return 4;
}


void
soma_answer_model(soma_answer_t *answer, soma_json_value_t *value)
{
    size_t  len;

    if (answer->model.len != 0 || value->type != SOMA_JSON_STRING) {
        return;
    }

    len = value->text.len - 2;

    if (len > SOMA_ANSWER_MODEL_MAX
        || memchr(value->text.data, '\\', value->text.len) != NULL)
    {
        return;
    }

    memcpy(answer->model_buf, value->text.data + 1, len);

    answer->model.data = answer->model_buf;
    answer->model.len = len;
}


void
soma_answer_id(soma_answer_t *answer, soma_json_value_t *value)
{
    size_t  len;

    if (answer->id.len != 0 || value->type != SOMA_JSON_STRING) {
        return;
    }

    len = value->text.len - 2;

    if (len > SOMA_ANSWER_ID_MAX
        || memchr(value->text.data, '\\', value->text.len) != NULL)
    {
        return;
    }

    memcpy(answer->id_buf, value->text.data + 1, len);

    answer->id.data = answer->id_buf;
    answer->id.len = len;
}
