
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a piece's end cuts: texts within an escape, and names that are spelt
 * with escapes.  Both are rare.
 */


#include "soma_read.h"


static void soma_read_held(soma_read_t *r, const soma_read_ops_t *ops,
    void *data, const unsigned char **p, const unsigned char *end);
static size_t soma_read_escape(const unsigned char *p,
    const unsigned char *end);
static int soma_read_hex(const unsigned char *p, uint32_t *n);


const unsigned char *
soma_read_text(soma_read_t *r, const soma_read_ops_t *ops, void *data,
    const unsigned char *p, const unsigned char *end)
{
    size_t                n;
    const unsigned char  *q;

    soma_read_held(r, ops, data, &p, end);

    if (p == end) {
        return end;
    }

    q = soma_read_quote(p, end);

    if (q != NULL) {

        if (q - p > 1) {
            ops->text(data, r->slot, p, (size_t) (q - p) - 1, 1);
        }

        soma_read_next(r);
        return q;
    }

    /* what may be an escape's beginning waits for its rest */

    q = p;

    while ((q = memchr(q, '\\', (size_t) (end - q))) != NULL) {
        n = soma_read_escape(q, end);

        if (n == 0) {
            break;
        }

        q += n;
    }

    if (q == NULL) {
        q = end;
    }

    if (q > p) {
        ops->text(data, r->slot, p, (size_t) (q - p), 1);
    }

    memcpy(r->buf, q, (size_t) (end - q));
    r->len = (unsigned char) (end - q);

    return end;
}


/*
 * Completes the escape in r->buf.  Of its bytes only the last can be anything
 * but a backslash, "u" or a hex digit: that one is read again where the
 * escape has turned out to end before it.
 */

static void
soma_read_held(soma_read_t *r, const soma_read_ops_t *ops, void *data,
    const unsigned char **p, const unsigned char *end)
{
    size_t  n;

    while (r->len > 0 && *p < end) {

        r->buf[r->len++] = *(*p)++;

        n = soma_read_escape(r->buf, r->buf + r->len);

        if (n == 0) {
            continue;
        }

        ops->text(data, r->slot, r->buf, n, 1);

        if (n == r->len) {
            r->len = 0;
            return;
        }

        (*p)--;
        r->len -= (unsigned char) (n + 1);
        memmove(r->buf, r->buf + n, r->len);

        if (r->len > 0 && r->buf[0] != '\\') {
            ops->text(data, r->slot, r->buf, r->len, 0);
            r->len = 0;
        }
    }
}


/*
 * Bytes of the escape at p, with those of the second where both are one
 * character; 0: it is not all there.  "\u" without four digits is one of two
 * bytes.
 */

static size_t
soma_read_escape(const unsigned char *p, const unsigned char *end)
{
    size_t    len, i;
    uint32_t  unit;

    len = (size_t) (end - p);

    if (len < 2) {
        return 0;
    }

    if (p[1] != 'u') {
        return 2;
    }

    for (i = 2; i < 6; i++) {

        if (i == len) {
            return 0;
        }

        if (!soma_read_hex(p + i, NULL)) {
            return 2;
        }
    }

    unit = 0;

    for (i = 2; i < 6; i++) {
        (void) soma_read_hex(p + i, &unit);
    }

    if (unit < 0xd800 || unit >= 0xdc00) {
        return 6;
    }

    for (i = 6; i < SOMA_READ_ESCAPE; i++) {

        if (i == len) {
            return 0;
        }

        if (i == 6 ? p[i] != '\\' : i == 7 ? p[i] != 'u'
                                           : !soma_read_hex(p + i, NULL))
        {
            return 6;
        }
    }

    unit = 0;

    for (i = 8; i < SOMA_READ_ESCAPE; i++) {
        (void) soma_read_hex(p + i, &unit);
    }

    return (unit >= 0xdc00 && unit < 0xe000) ? SOMA_READ_ESCAPE : 6;
}


static int
soma_read_hex(const unsigned char *p, uint32_t *n)
{
    unsigned  c;

    c = *p;

    if (c >= '0' && c <= '9') {
        c -= '0';

    } else {
        c |= 0x20;

        if (c < 'a' || c > 'f') {
            return 0;
        }

        c -= 'a' - 10;
    }

    if (n != NULL) {
        *n = *n << 4 | c;
    }

    return 1;
}


soma_str_t
soma_read_plain(soma_str_t name, unsigned char *buf)
{
    size_t                i, n;
    uint32_t              unit;
    unsigned char         c;
    const unsigned char  *p, *end;

    p = name.data;
    end = p + name.len;
    name.data = buf;

    for (name.len = 0; p < end; name.len++) {

        if (name.len == SOMA_READ_SMALL_MAX) {
            name.len = 0;
            return name;
        }

        c = *p;
        n = (c == '\\') ? soma_read_escape(p, end) : 1;

        if (n == 2 && (p[1] == '"' || p[1] == '\\' || p[1] == '/')) {
            c = p[1];

        } else if (n != 1) {
            unit = 0;

            for (i = 2; i < n; i++) {
                (void) soma_read_hex(p + i, &unit);
            }

            if (n != 6 || unit >= 0x80) {
                name.len = 0;
                return name;
            }

            c = (unsigned char) unit;
        }

        buf[name.len] = c;
        p += n;
    }

    return name;
}
