
/*
 * Copyright (C) The ngx_soma authors
 *
 * The names of members: decoded where they are spelt with escapes, and told
 * whether they are wanted, stand twice, or have to be allowed.
 */


#include "soma_json_scan.h"


static const char *soma_json_name_byte(soma_json_scan_t *scan, int c);
static const char *soma_json_name_escape(soma_json_scan_t *scan, int c);
static const char *soma_json_name_unicode(soma_json_scan_t *scan);
static const char *soma_json_name_utf8(soma_json_scan_t *scan, int c);
static const char *soma_json_name_folded(soma_json_scan_t *scan);


const unsigned char *
soma_json_name(soma_json_scan_t *scan, const unsigned char *p,
    const unsigned char *end)
{
    const char  *error;

    for ( /* void */ ; p < end; p++) {

        if (*p == '"' && scan->step == SOMA_NAME_PLAIN && scan->utf8 == 0
            && scan->surrogate == 0)
        {
            error = soma_json_name_known(scan, scan->name_buf, scan->name_len);

            if (error == NULL) {
                error = soma_json_name_folded(scan);
            }

            if (error != NULL) {
                p = scan->piece;
                scan->offset = scan->name;
                return soma_json_scan_refuse(scan, p, error);
            }

            scan->state = SOMA_SCAN_COLON;
            return p + 1;
        }

        error = soma_json_name_byte(scan, *p);
        if (error != NULL) {
            return soma_json_scan_refuse(scan, p, error);
        }
    }

    return p;
}


static inline void
soma_json_name_put(soma_json_scan_t *scan, int c)
{
    if (scan->name_len < SOMA_JSON_NAME_MAX) {
        scan->name_buf[scan->name_len++] = (unsigned char) c;
        return;
    }

    /* nobody's, whatever follows */
    scan->name_len = SOMA_JSON_NAME_MAX + 1;
}


static const char *
soma_json_name_byte(soma_json_scan_t *scan, int c)
{
    if (scan->step != SOMA_NAME_PLAIN) {
        return soma_json_name_escape(scan, c);
    }

    if (scan->utf8 != 0 || c >= 0x80) {
        return soma_json_name_utf8(scan, c);
    }

    if (c == '\\') {
        scan->step = SOMA_NAME_ESCAPE;
        return NULL;
    }

    if (scan->surrogate != 0) {
        return "half a surrogate pair in a name";
    }

    if (c < 0x20) {
        return soma_json_scan_faults[SOMA_JSON_FAULT_CONTROL];
    }

    soma_json_name_put(scan, c);

    return NULL;
}


static const char *
soma_json_name_escape(soma_json_scan_t *scan, int c)
{
    static const char  from[] = "bfnrt";
    static const char  to[] = "\b\f\n\r\t";

    const char  *letter;

    if (scan->step != SOMA_NAME_ESCAPE) {

        if (!(soma_json_class[c] & SOMA_JSON_HEX)) {
            return soma_json_scan_faults[SOMA_JSON_FAULT_ESCAPE];
        }

        scan->unicode = (scan->unicode << 4) | soma_json_hex(c);

        if (scan->step++ == SOMA_NAME_HEX4) {
            return soma_json_name_unicode(scan);
        }

        return NULL;
    }

    if (!(soma_json_class[c] & SOMA_JSON_LETTER)) {
        return soma_json_scan_faults[SOMA_JSON_FAULT_ESCAPE];
    }

    if (c == 'u') {
        scan->step = SOMA_NAME_HEX1;
        scan->unicode = 0;
        return NULL;
    }

    if (scan->surrogate != 0) {
        return "half a surrogate pair in a name";
    }

    letter = strchr(from, c);
    soma_json_name_put(scan, letter != NULL ? to[letter - from] : c);
    scan->step = SOMA_NAME_PLAIN;

    return NULL;
}


static const char *
soma_json_name_unicode(soma_json_scan_t *scan)
{
    uint32_t  u;

    u = scan->unicode;
    scan->step = SOMA_NAME_PLAIN;

    if ((u & 0xfc00) == 0xd800 && scan->surrogate == 0) {
        scan->surrogate = u;
        return NULL;
    }

    if (((u & 0xfc00) == 0xdc00) != (scan->surrogate != 0)) {
        return "half a surrogate pair in a name";
    }

    if (u == 0) {
        return "a null character in a name";
    }

    if (scan->surrogate != 0) {
        u = 0x10000 + ((scan->surrogate & 0x3ff) << 10) + (u & 0x3ff);
        scan->surrogate = 0;

        soma_json_name_put(scan, (int) (0xf0 | (u >> 18)));
        soma_json_name_put(scan, (int) (0x80 | ((u >> 12) & 0x3f)));
        soma_json_name_put(scan, (int) (0x80 | ((u >> 6) & 0x3f)));
        soma_json_name_put(scan, (int) (0x80 | (u & 0x3f)));

    } else if (u >= 0x800) {
        soma_json_name_put(scan, (int) (0xe0 | (u >> 12)));
        soma_json_name_put(scan, (int) (0x80 | ((u >> 6) & 0x3f)));
        soma_json_name_put(scan, (int) (0x80 | (u & 0x3f)));

    } else if (u >= 0x80) {
        soma_json_name_put(scan, (int) (0xc0 | (u >> 6)));
        soma_json_name_put(scan, (int) (0x80 | (u & 0x3f)));

    } else {
        soma_json_name_put(scan, (int) u);
    }

    return NULL;
}


/* the table of well-formed sequences, Unicode 15, 3.9, table 3-7 */
static const char *
soma_json_name_utf8(soma_json_scan_t *scan, int c)
{
    if (scan->surrogate != 0) {
        return "half a surrogate pair in a name";
    }

    if (scan->utf8 != 0) {

        if (c < scan->utf8_low || c > scan->utf8_high) {
            return "bad UTF-8 in a name";
        }

        scan->utf8--;
        scan->utf8_low = 0x80;
        scan->utf8_high = 0xbf;

    } else {

        if (c < 0xc2 || c > 0xf4) {
            return "bad UTF-8 in a name";
        }

        scan->utf8 = (c < 0xe0) ? 1 : (c < 0xf0) ? 2 : 3;
        scan->utf8_low = (c == 0xe0) ? 0xa0 : (c == 0xf0) ? 0x90 : 0x80;
        scan->utf8_high = (c == 0xed) ? 0x9f : (c == 0xf4) ? 0x8f : 0xbf;
    }

    soma_json_name_put(scan, c);

    return NULL;
}


static inline int
soma_json_lower(int c)
{
    return (c >= 'A' && c <= 'Z') ? c | 0x20 : c;
}


static inline void
soma_json_other(soma_json_scan_t *scan, const unsigned char *name, size_t len)
{
    int  i;

    if (scan->other == NULL) {
        return;
    }

    i = scan->other(name, len);

    if (i >= 0 && i < SOMA_JSON_OTHER_MAX) {
        scan->current = (signed char) (-2 - i);
    }
}


const char *
soma_json_name_known(soma_json_scan_t *scan, const unsigned char *name,
    size_t len)
{
    size_t                   k;
    unsigned                 i;
    const soma_json_want_t  *want;

    scan->current = -1;

    if (len == 0 || len > SOMA_JSON_NAME_MAX) {
        return NULL;
    }

    if (!(scan->lengths & soma_json_length(len))) {
        soma_json_other(scan, name, len);
        return NULL;
    }

    for (i = 0; i < scan->nwant; i++) {
        want = &scan->want[i];

        if (want->name.len != len || ((want->name.data[0] ^ name[0]) & 0xdf)) {
            continue;
        }

        if (soma_same(want->name.data, name, len)) {

            if (want->unique && scan->span[i].type != SOMA_JSON_NONE) {
                return "a member that must be unique comes twice";
            }

            scan->current = (signed char) i;
            return NULL;
        }

        if (!want->unique) {
            continue;
        }

        for (k = 0; k < len; k++) {
            if (soma_json_lower(want->name.data[k])
                != soma_json_lower(name[k]))
            {
                break;
            }
        }

        if (k == len) {
            return "a member's name in the wrong case";
        }
    }

    soma_json_other(scan, name, len);

    return NULL;
}


/*
 * Beyond ASCII two characters are "s" and "k" to a parser that does not tell
 * case: U+017F, the long s, and U+212A, the Kelvin sign.
 */
static const char *
soma_json_name_folded(soma_json_scan_t *scan)
{
    size_t         i, n, len;
    unsigned char  name[SOMA_JSON_NAME_MAX];

    len = scan->name_len;

    if (scan->current != -1 || len > SOMA_JSON_NAME_MAX) {
        return NULL;
    }

    for (i = 0, n = 0; i < len; n++) {

        if (len - i >= 2 && memcmp(&scan->name_buf[i], "\xc5\xbf", 2) == 0) {
            name[n] = 's';
            i += 2;

        } else if (len - i >= 3
                   && memcmp(&scan->name_buf[i], "\xe2\x84\xaa", 3) == 0)
        {
            name[n] = 'k';
            i += 3;

        } else {
            name[n] = scan->name_buf[i++];
        }
    }

    if (n == len) {
        return NULL;
    }

    if (soma_json_name_known(scan, name, n) == NULL
        && (scan->current < 0 || !scan->want[scan->current].unique))
    {
        scan->current = (scan->current >= 0) ? -1 : scan->current;
        return NULL;
    }

    return "a member's name in the wrong case";
}
