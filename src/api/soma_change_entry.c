
/*
 * Copyright (C) The ngx_soma authors
 *
 * Entries of the list of keys, their ids, and secrets of new ones.
 */


#include <yyjson.h>
#include "soma_change.h"
#include "soma_lock.h"
#include "soma_quota.h"
#include "soma_tenant.h"


#define SOMA_CURSOR_HEX   16


static int soma_entry_word(soma_str_t *rest, soma_str_t *word);


int
soma_change_id_valid(soma_str_t id)
{
    return soma_lock_tenant_valid(id)
           && id.data[0] != '.'
           && !(id.len >= 3 && memcmp(id.data, "sk-", 3) == 0);
}


void
soma_change_secret(soma_out_t *out, const unsigned char *random)
{
    int       bits;
    size_t    i;
    uint32_t  value;

    static const char  alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    soma_put_cstr(out, SOMA_SECRET_PREFIX);

    value = 0;
    bits = 0;

    for (i = 0; i < SOMA_SECRET_RANDOM; i++) {

        value = (value << 8) | random[i];
        bits += 8;

        while (bits >= 6) {
            bits -= 6;
            soma_put_char(out, alphabet[(value >> bits) & 0x3f]);
        }
    }

    if (bits != 0) {
        soma_put_char(out, alphabet[(value << (6 - bits)) & 0x3f]);
    }
}


void
soma_change_entry_by_id(soma_out_t *out, const soma_entry_t *entry)
{
    soma_put_cstr(out, "id ");
    soma_put_str(out, entry->id);
    soma_put_char(out, ' ');
    soma_put_str(out, entry->tenant);
    soma_put_char(out, ' ');
    soma_put_str(out, entry->hex);
    soma_put_char(out, ' ');
    soma_put_int(out, entry->created);
}


void
soma_change_entry_by_tenant(soma_out_t *out, const soma_entry_t *entry)
{
    soma_put_cstr(out, "tenant ");
    soma_put_str(out, entry->tenant);
    soma_put_char(out, ' ');
    soma_put_str(out, entry->id);
    soma_put_char(out, ' ');
    soma_put_str(out, entry->hex);
    soma_put_char(out, ' ');
    soma_put_int(out, entry->created);
}


/* one blank exactly between words */

static int
soma_entry_word(soma_str_t *rest, soma_str_t *word)
{
    unsigned char  *blank;

    blank = rest->len ? memchr(rest->data, ' ', rest->len) : NULL;

    word->data = rest->data;
    word->len = (blank != NULL) ? (size_t) (blank - rest->data) : rest->len;

    rest->data += word->len + (blank != NULL);
    rest->len -= word->len + (blank != NULL);

    return word->len != 0;
}


int
soma_change_entry_parse(soma_entry_t *entry, soma_str_t text)
{
    soma_str_t     kind, first, second, created;
    unsigned char  hash[SOMA_KEY_HASH];

    if (!soma_entry_word(&text, &kind)
        || !soma_entry_word(&text, &first)
        || !soma_entry_word(&text, &second)
        || !soma_entry_word(&text, &entry->hex)
        || !soma_entry_word(&text, &created)
        || text.len != 0)
    {
        return SOMA_ERROR;
    }

    if (soma_str_is(kind, "id")) {
        entry->id = first;
        entry->tenant = second;

    } else if (soma_str_is(kind, "tenant")) {
        entry->tenant = first;
        entry->id = second;

    } else {
        return SOMA_ERROR;
    }

    if (!soma_lock_tenant_valid(entry->tenant)
        || soma_str_hex(entry->hex, hash, sizeof(hash)) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    return soma_number_int(created, &entry->created);
}


void
soma_change_entry_cursor(soma_out_t *out, const soma_entry_t *entry)
{
    soma_str_t  hex;

    hex = entry->hex;

    if (hex.len > SOMA_CURSOR_HEX) {
        hex.len = SOMA_CURSOR_HEX;
    }

    soma_put_str(out, entry->tenant);
    soma_put_char(out, '/');
    soma_put_str(out, entry->id);
    soma_put_char(out, '/');
    soma_put_str(out, hex);
}


int
soma_change_entry_after(soma_out_t *out, soma_str_t cursor)
{
    size_t         i;
    unsigned       slashes;
    unsigned char  c;

    soma_put_cstr(out, "(tenant ");
    slashes = 0;

    for (i = 0; i < cursor.len; i++) {

        c = cursor.data[i];

        if (c == '/') {
            slashes++;
            c = ' ';

        } else if (c <= ' ' || c >= 0x7f) {
            return SOMA_ERROR;
        }

        soma_put_char(out, c);
    }

    /* behind every hash that begins so */
    soma_put_char(out, '~');

    return (slashes == 2 && !out->full) ? SOMA_OK : SOMA_ERROR;
}
