
/*
 * Copyright (C) The ngx_soma authors
 *
 * Strings of known length.
 */


#include "soma_base.h"


#define SOMA_FNV_BASIS  0xcbf29ce484222325u
#define SOMA_FNV_PRIME  0x00000100000001b3u


static int soma_lower(int c);
static int soma_is_blank(int c);


int
soma_str_eq(soma_str_t a, soma_str_t b)
{
    return a.len == b.len && soma_same(a.data, b.data, a.len);
}


int
soma_str_is(soma_str_t a, const char *b)
{
    size_t  len;

    len = strlen(b);

    return a.len == len && soma_same(a.data, b, len);
}


static int
soma_lower(int c)
{
    return (c >= 'A' && c <= 'Z') ? c | 0x20 : c;
}


int
soma_str_case_is(soma_str_t a, const char *b)
{
    size_t  i;

    if (a.len != strlen(b)) {
        return 0;
    }

    for (i = 0; i < a.len; i++) {
        if (soma_lower(a.data[i]) != soma_lower((unsigned char) b[i])) {
            return 0;
        }
    }

    return 1;
}


soma_str_t
soma_str_dup(soma_arena_t *arena, soma_str_t s)
{
    soma_str_t  copy;

    copy.len = 0;

    /* an empty copy has an address too: NULL means no memory */
    copy.data = arena->alloc(arena->data, s.len ? s.len : 1);

    if (copy.data != NULL && s.len != 0) {
        memcpy(copy.data, s.data, s.len);
        copy.len = s.len;
    }

    return copy;
}


static int
soma_is_blank(int c)
{
    return c == ' ' || c == '\t';
}


soma_str_t
soma_str_trim(soma_str_t s)
{
    while (s.len != 0 && soma_is_blank(s.data[0])) {
        s.data++;
        s.len--;
    }

    while (s.len != 0 && soma_is_blank(s.data[s.len - 1])) {
        s.len--;
    }

    return s;
}


int
soma_str_in_list(soma_str_t list, soma_str_t name)
{
    size_t      i;
    soma_str_t  item;

    while (list.len) {

        item.data = list.data;

        for (i = 0; i < list.len && list.data[i] != ','; i++) { /* void */ }

        item.len = i;
        i += (i < list.len);
        list.data += i;
        list.len -= i;

        item = soma_str_trim(item);

        if (item.len != name.len) {
            continue;
        }

        for (i = 0; i < item.len
                    && soma_lower(item.data[i]) == soma_lower(name.data[i]);
             i++)
        {
            /* void */
        }

        if (i == item.len) {
            return 1;
        }
    }

    return 0;
}


int
soma_str_word(soma_str_t *s, soma_str_t *word)
{
    size_t  i;

    *s = soma_str_trim(*s);

    if (s->len == 0) {
        return 0;
    }

    for (i = 0; i < s->len && !soma_is_blank(s->data[i]); i++) { /* void */ }

    word->data = s->data;
    word->len = i;
    s->data += i;
    s->len -= i;

    return 1;
}


int
soma_str_hex(soma_str_t s, unsigned char *out, size_t size)
{
    int       c, digit;
    size_t    i;
    unsigned  byte;

    if (s.len % 2 != 0 || s.len / 2 != size) {
        return SOMA_ERROR;
    }

    byte = 0;

    for (i = 0; i < s.len; i++) {
        c = soma_lower(s.data[i]);

        if (c >= '0' && c <= '9') {
            digit = c - '0';

        } else if (c >= 'a' && c <= 'f') {
            digit = c - 'a' + 10;

        } else {
            return SOMA_ERROR;
        }

        byte = (byte << 4 | (unsigned) digit) & 0xff;

        if (i % 2 == 1) {
            out[i / 2] = (unsigned char) byte;
        }
    }

    return SOMA_OK;
}


uint64_t
soma_str_hash(const void *data, size_t len)
{
    size_t                i;
    uint64_t              hash;
    const unsigned char  *p;

    p = data;
    hash = SOMA_FNV_BASIS;

    for (i = 0; i < len; i++) {
        hash = (hash ^ p[i]) * SOMA_FNV_PRIME;
    }

    return hash;
}
