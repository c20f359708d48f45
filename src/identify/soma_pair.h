
/*
 * Copyright (C) The ngx_soma authors
 *
 * A key of the gateway as a pair of AWS's: clients that sign their requests
 * have an access key and a secret, and never send the secret.  The access
 * key's id tells the hash of the key that it stands for; the secret follows
 * from the id and a secret of the gateway, so that nothing more is kept:
 *
 *     id      "SOMA" and the key's SHA-256, 64 hex digits
 *     secret  base64 of HMAC-SHA-256(gateway's secret, id)
 */


#ifndef SOMA_PAIR_H
#define SOMA_PAIR_H


#include "soma_key.h"


#define SOMA_PAIR_ID      (4 + 2 * SOMA_KEY_HASH)
#define SOMA_PAIR_SECRET  44
#define SOMA_PAIR_LEAST   32            /* bytes of the gateway's secret */


/* SOMA_PAIR_ID bytes */
void soma_pair_id(unsigned char *id, const unsigned char *hash);

/* SOMA_OK, or SOMA_DECLINED: it is no id of ours */
int soma_pair_hash(soma_str_t id, unsigned char *hash);

/* SOMA_PAIR_SECRET bytes; SOMA_OK, or SOMA_ERROR */
int soma_pair_secret(unsigned char *secret, soma_str_t master, soma_str_t id);


#endif /* SOMA_PAIR_H */
