
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_sniff.h"


static soma_sniff_e soma_sniff_field(const unsigned char *p, size_t len,
    soma_str_t field);


soma_sniff_e
soma_sniff(const unsigned char *p, size_t len)
{
    size_t                i;
    soma_sniff_e          is;
    const unsigned char  *end;

    static const soma_str_t     fields[] = {
        soma_string("data"),
        soma_string("event"),
        soma_string("id"),
        soma_string("retry")
    };
    static const unsigned char  mark[] = { 0xef, 0xbb, 0xbf };

    if (len == 0) {
        return SOMA_SNIFF_MORE;
    }

    end = p + len;

    for (i = 0; i < sizeof(mark) && i < len && p[i] == mark[i]; i++) {
        /* void */
    }

    if (i == len) {
        return SOMA_SNIFF_MORE;
    }

    if (i == sizeof(mark)) {
        p += i;
    }

    while (p < end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n')) {
        p++;
    }

    if (p == end) {
        return SOMA_SNIFF_MORE;
    }

    if (*p == '{' || *p == '[') {
        return SOMA_SNIFF_JSON;
    }

    if (*p == ':') {
        return SOMA_SNIFF_SSE;
    }

    for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        is = soma_sniff_field(p, (size_t) (end - p), fields[i]);

        if (is != SOMA_SNIFF_OTHER) {
            return is;
        }
    }

    return SOMA_SNIFF_OTHER;
}


/* a line that is nothing but the name is a field too */

static soma_sniff_e
soma_sniff_field(const unsigned char *p, size_t len, soma_str_t field)
{
    if (memcmp(p, field.data, len < field.len ? len : field.len) != 0) {
        return SOMA_SNIFF_OTHER;
    }

    if (len <= field.len) {
        return SOMA_SNIFF_MORE;
    }

    p += field.len;

    return (*p == ':' || *p == '\r' || *p == '\n') ? SOMA_SNIFF_SSE
                                                   : SOMA_SNIFF_OTHER;
}
