
/*
 * Copyright (C) The ngx_soma authors
 *
 * Signatures that are kept: whatever comes back is what was put under that
 * key, and what is kept is what came last.
 */


#include "soma_test.h"
#include "soma_seals.h"


#define SIZE   (512 * 1024)
#define PUTS   3000


/* bytes that tell whose they are, of a length of their own */

static soma_str_t
made(unsigned char *buf, unsigned n)
{
    size_t      i;
    soma_str_t  s;

    s.data = buf;
    s.len = 1 + (n * 7919) % 6000;

    for (i = 0; i < s.len; i++) {
        buf[i] = (unsigned char) (n + i * (n | 1));
    }

    return s;
}


static void
key_of(uint64_t key[2], unsigned n)
{
    key[0] = (n + 1) * UINT64_C(0x9e3779b97f4a7c15);
    key[1] = n;
}


int
main(void)
{
    unsigned        i, n, kept, wrong, gone;
    uint64_t        key[2];
    soma_str_t      s, got;
    soma_seals_t   *seals;
    unsigned char  *memory, buf[SOMA_SEALS_LEN_MAX + 1];

    memory = calloc(1, SIZE);
    seals = soma_seals_init(memory, SIZE);

    soma_ok(seals != NULL, "room");
    soma_ok(soma_seals_init(buf, SOMA_SEALS_LEN_MAX) == NULL, "too little");

    key_of(key, 0);
    soma_is_int(soma_seals_get(seals, key, &got), SOMA_DECLINED,
                "nothing yet");

    memset(buf, 'x', sizeof(buf));
    s.data = buf;
    s.len = sizeof(buf);
    soma_is_int(soma_seals_put(seals, key, s), SOMA_DECLINED, "too long");
    s.len = 0;
    soma_is_int(soma_seals_put(seals, key, s), SOMA_DECLINED, "nothing");

    wrong = gone = 0;

    for (n = 0; n < PUTS; n++) {
        key_of(key, n);
        wrong += soma_seals_put(seals, key, made(buf, n)) != SOMA_OK;

        /* the last few are there; all that is there is whole */

        for (i = (n > 200) ? n - 200 : 0, kept = 0; i <= n; i++) {
            key_of(key, i);

            if (soma_seals_get(seals, key, &got) != SOMA_OK) {
                gone += (n - i < 8);
                continue;
            }

            kept++;
            s = made(buf, i);
            wrong += !soma_str_eq(s, got)
                     || got.data + got.len > memory + SIZE;
        }
    }

    soma_is_int(wrong, 0, "whatever comes back is as it was");
    soma_ok(gone < PUTS / 20, "%u of the last eight of each are gone", gone);
    soma_ok(kept > 60, "%u are kept", kept);

    key_of(key, 0);
    soma_is_int(soma_seals_get(seals, key, &got), SOMA_DECLINED,
                "the oldest is gone");

    /* a key with another second half is another key */

    key_of(key, PUTS - 1);
    soma_is_int(soma_seals_get(seals, key, &got), SOMA_OK, "the last");
    key[1]++;
    soma_is_int(soma_seals_get(seals, key, &got), SOMA_DECLINED,
                "and no other");

    free(memory);

    return soma_done();
}
