
/*
 * Copyright (C) The ngx_soma authors
 *
 * Keys as pairs of AWS's.
 */


#include "soma_pair.h"
#include "soma_test.h"


int
main(void)
{
    int            i;
    soma_str_t     id;
    unsigned char  hash[SOMA_KEY_HASH], back[SOMA_KEY_HASH];
    unsigned char  buf[SOMA_PAIR_ID], secret[SOMA_PAIR_SECRET];

    for (i = 0; i < SOMA_KEY_HASH; i++) {
        hash[i] = (unsigned char) i;
    }

    soma_pair_id(buf, hash);
    id.data = buf;
    id.len = sizeof(buf);

    soma_is_str(buf, sizeof(buf), "SOMA000102030405060708090a0b0c0d0e0f"
                "101112131415161718191a1b1c1d1e1f", "an id");
    soma_is_int(soma_pair_hash(id, back), SOMA_OK, "tells");
    soma_ok(memcmp(hash, back, sizeof(hash)) == 0, "the key's hash");

    id.len--;
    soma_is_int(soma_pair_hash(id, back), SOMA_DECLINED, "a shorter one");
    soma_is_int(soma_pair_hash(SOMA_STR("AKIAIOSFODNN7EXAMPLE"), back),
                SOMA_DECLINED, "AWS's own");

    /* printf %s ID | openssl dgst -sha256 -hmac master -binary | base64 */

    id.len++;
    soma_is_int(soma_pair_secret(secret, SOMA_STR("master"), id), SOMA_OK,
                "its secret");
    soma_is_str(secret, sizeof(secret),
                "A9jMBNMNCJmX+ZBTlY9LR6fK+NIx35q7e5RSXBOqD3M=",
                "follows from it");

    return soma_test_done();
}
