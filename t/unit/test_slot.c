
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_test.h"
#include "soma_slot.h"


static void
slot(const char *key, unsigned want)
{
    soma_is_int(soma_slot(str(key)), want, "slot of \"%s\"", key);
}


static void
key(int want, int argc, const char *a, const char *b, const char *c,
    const char *d)
{
    int          i;
    size_t       len[4];
    const char  *argv[4];

    argv[0] = a;
    argv[1] = b;
    argv[2] = c;
    argv[3] = d;

    for (i = 0; i < argc; i++) {
        len[i] = strlen(argv[i]);
    }

    soma_is_int(soma_slot_key(argc, argv, len), want, "key of %s", a);
}


static void
move(const char *text, soma_slot_move_e kind, unsigned slot, const char *host,
    int port)
{
    soma_slot_move_t  m;

    soma_slot_move(&m, str(text));

    soma_is_int(m.move, kind, "\"%s\"", text);
    soma_is_int(m.slot, slot, "\"%s\": slot", text);
    soma_is_str(m.host.data, m.host.len, host, "\"%s\": host", text);
    soma_is_int(m.port, port, "\"%s\": port", text);
}


int
main(void)
{
    soma_is_int(soma_slot_crc16("123456789", 9), 0x31c3, "CRC-16/XMODEM");
    soma_is_int(soma_slot_crc16("", 0), 0, "of nothing");

    /* what CLUSTER KEYSLOT of Redis 7.0 says */
    slot("foo", 12182);
    slot("somekey", 11058);
    slot("foo{hash_tag}", 2515);
    slot("bar{hash_tag}", 2515);
    slot("hash_tag", 2515);
    slot("", 0);

    soma_is_int(soma_slot(str("foo{}{bar}")),
                soma_slot_crc16("foo{}{bar}", 10) % SOMA_SLOTS, "an empty tag");
    soma_is_int(soma_slot(str("foo{{bar}}zap")),
                soma_slot(str("{bar")), "a tag ends at the first brace");
    soma_is_int(soma_slot(str("foo{bar}{zap}")), soma_slot(str("bar")),
                "the first tag counts");
    soma_is_int(soma_slot(str("foo{bar")),
                soma_slot_crc16("foo{bar", 7) % SOMA_SLOTS, "no end of a tag");
    soma_is_int(soma_slot(str("foo{")),
                soma_slot_crc16("foo{", 4) % SOMA_SLOTS, "a brace at the end");
    soma_is_int(soma_slot(str("soma:{acme}:events")),
                soma_slot(str("soma:{acme}:applied")),
                "a tenant's keys are in one slot");
    soma_is_int(soma_slot(str("soma:{training:lock:acme}:state")),
                soma_slot(str("training:lock:acme")),
                "a lock and its state are in one slot");

    key(1, 2, "GET", "k", "", "");
    key(1, 3, "hset", "k", "f", "");
    key(3, 4, "EVAL", "return 1", "1", "k");
    key(3, 4, "evalsha", "0123", "2", "k");
    key(0, 4, "EVAL", "return 1", "0", "k");
    key(0, 4, "EVAL", "return 1", "x", "k");
    key(0, 3, "EVAL", "return 1", "1", "");
    key(0, 2, "SCAN", "0", "", "");
    key(0, 3, "PUBLISH", "c", "m", "");
    key(0, 1, "PING", "", "", "");

    move("MOVED 3999 127.0.0.1:6381", SOMA_SLOT_MOVED, 3999, "127.0.0.1",
         6381);
    move("ASK 0 host.name:1", SOMA_SLOT_ASK, 0, "host.name", 1);
    move("MOVED 16383 ::1:6381", SOMA_SLOT_MOVED, 16383, "::1", 6381);
    move("MOVED 1 :7000", SOMA_SLOT_MOVED, 1, "", 7000);
    move("MOVED 1 ?:7000", SOMA_SLOT_MOVED, 1, "", 7000);
    move("MOVED 16384 h:1", SOMA_SLOT_STAYS, 0, "", 0);
    move("MOVED -1 h:1", SOMA_SLOT_STAYS, 0, "", 0);
    move("MOVED x h:1", SOMA_SLOT_STAYS, 0, "", 0);
    move("MOVED 1 h", SOMA_SLOT_STAYS, 0, "", 0);
    move("MOVED 1 h:0", SOMA_SLOT_STAYS, 0, "", 0);
    move("MOVED 1 h:65536", SOMA_SLOT_STAYS, 0, "", 0);
    move("MOVED 1", SOMA_SLOT_STAYS, 0, "", 0);
    move("MOVED", SOMA_SLOT_STAYS, 0, "", 0);
    move("MOVEDX 1 h:1", SOMA_SLOT_STAYS, 0, "", 0);
    move("ERR no such key", SOMA_SLOT_STAYS, 0, "", 0);
    move("", SOMA_SLOT_STAYS, 0, "", 0);

    return soma_done();
}
