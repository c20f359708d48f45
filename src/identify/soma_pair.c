
/*
 * Copyright (C) The ngx_soma authors
 */


#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "soma_base64.h"
#include "soma_pair.h"


#define SOMA_PAIR_MARK  "SOMA"


void
soma_pair_id(unsigned char *id, const unsigned char *hash)
{
    soma_out_t  out;

    soma_put_init(&out, id, SOMA_PAIR_ID);
    soma_put_cstr(&out, SOMA_PAIR_MARK);
    soma_put_hex(&out, hash, SOMA_KEY_HASH);
}


int
soma_pair_hash(soma_str_t id, unsigned char *hash)
{
    size_t  len;

    len = sizeof(SOMA_PAIR_MARK) - 1;

    if (id.len != SOMA_PAIR_ID || memcmp(id.data, SOMA_PAIR_MARK, len) != 0) {
        return SOMA_DECLINED;
    }

    id.data += len;
    id.len -= len;

    return soma_str_hex(id, hash, SOMA_KEY_HASH) == SOMA_OK ? SOMA_OK
                                                            : SOMA_DECLINED;
}


int
soma_pair_secret(unsigned char *secret, soma_str_t master, soma_str_t id)
{
    unsigned       len;
    soma_str_t     mac;
    unsigned char  buf[EVP_MAX_MD_SIZE];

    if (HMAC(EVP_sha256(), master.data, (int) master.len, id.data, id.len,
             buf, &len)
        == NULL)
    {
        return SOMA_ERROR;
    }

    mac.data = buf;
    mac.len = len;

    (void) soma_base64_encode(secret, mac);
    OPENSSL_cleanse(buf, sizeof(buf));

    return SOMA_OK;
}
