
/*
 * Copyright (C) The ngx_soma authors
 */


#include <string.h>
#include "soma_slot.h"


static const char *const  soma_slot_keyless[] = {
    "SCAN", "PUBLISH", "PING", "CLUSTER", "SCRIPT", "ROLE", "INFO",
    "CLIENT", "TIME", "DBSIZE", NULL
};


static int soma_slot_name(const char *arg, size_t len, const char *name);


/* a nibble at a time: the table stays in one cache line */
unsigned
soma_slot_crc16(const void *data, size_t len)
{
    static const uint16_t  table[16] = {
        0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5, 0x60c6, 0x70e7,
        0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef
    };

    size_t                i;
    unsigned              crc;
    const unsigned char  *p;

    p = data;
    crc = 0;

    for (i = 0; i < len; i++) {
        crc = ((crc << 4) ^ table[((crc >> 12) ^ (p[i] >> 4)) & 15]) & 0xffff;
        crc = ((crc << 4) ^ table[((crc >> 12) ^ p[i]) & 15]) & 0xffff;
    }

    return crc;
}


unsigned
soma_slot(soma_str_t key)
{
    unsigned char  *open, *close, *last;

    last = key.data + key.len;
    open = key.len ? memchr(key.data, '{', key.len) : NULL;

    if (open) {
        open++;
        close = (open < last) ? memchr(open, '}', (size_t) (last - open))
                              : NULL;

        if (close && close != open) {
            key.data = open;
            key.len = (size_t) (close - open);
        }
    }

    return soma_slot_crc16(key.data, key.len) % SOMA_SLOTS;
}


int
soma_slot_key(int argc, const char *const *argv, const size_t *argvlen)
{
    int         i;
    int64_t     n;
    soma_str_t  keys;

    if (argc < 2) {
        return 0;
    }

    for (i = 0; soma_slot_keyless[i]; i++) {
        if (soma_slot_name(argv[0], argvlen[0], soma_slot_keyless[i])) {
            return 0;
        }
    }

    if (soma_slot_name(argv[0], argvlen[0], "EVAL")
        || soma_slot_name(argv[0], argvlen[0], "EVALSHA"))
    {
        if (argc < 4) {
            return 0;
        }

        keys.data = (unsigned char *) argv[2];
        keys.len = argvlen[2];

        return (soma_number_int(keys, &n) == SOMA_OK && n > 0) ? 3 : 0;
    }

    return 1;
}


static int
soma_slot_name(const char *arg, size_t len, const char *name)
{
    soma_str_t  s;

    s.data = (unsigned char *) arg;
    s.len = len;

    return soma_str_case_is(s, name);
}


void
soma_slot_move(soma_slot_move_t *move, soma_str_t text)
{
    size_t            n;
    int64_t           slot, port;
    soma_str_t        word, digits;
    soma_slot_move_e  kind;

    memset(move, 0, sizeof(soma_slot_move_t));

    if (!soma_str_word(&text, &word)) {
        return;
    }

    if (soma_str_is(word, "MOVED")) {
        kind = SOMA_SLOT_MOVED;

    } else if (soma_str_is(word, "ASK")) {
        kind = SOMA_SLOT_ASK;

    } else {
        return;
    }

    if (!soma_str_word(&text, &word)
        || soma_number_int(word, &slot) != SOMA_OK
        || slot < 0 || slot >= SOMA_SLOTS
        || !soma_str_word(&text, &word))
    {
        return;
    }

    /* an IPv6 address has colons of its own, and no brackets here */

    for (n = word.len; n > 0 && word.data[n - 1] != ':'; n--) { /* void */ }

    digits.data = word.data + n;
    digits.len = word.len - n;

    if (n == 0 || n - 1 > SOMA_SLOT_HOST_MAX
        || soma_number_int(digits, &port) != SOMA_OK
        || port < 1 || port > 65535)
    {
        return;
    }

    move->move = kind;
    move->slot = (unsigned) slot;
    move->host.data = word.data;
    move->host.len = n - 1;
    move->port = (int) port;

    /* before Redis 7 a node that does not know itself said "?" */

    if (soma_str_is(move->host, "?")) {
        move->host.len = 0;
    }
}
