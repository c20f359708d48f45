
/*
 * Copyright (C) The ngx_soma authors
 *
 * Who calls: the credential as it stands in a header, and the identity a key
 * stands for, as it is kept in the shared cache.
 */


#ifndef SOMA_KEY_H
#define SOMA_KEY_H


#include "soma_base.h"


#define SOMA_KEY_MAX         512        /* bytes of a credential */
#define SOMA_TOKEN_MAX       65536      /* of one that begins as a token does */
#define SOMA_KEY_HASH        32         /* SHA-256, raw */
#define SOMA_IDENTITY_MAX    2048       /* bytes, packed */
#define SOMA_KEY_MODELS_MAX  32
#define SOMA_KEY_LIMITS_MAX  8

#define SOMA_USER_MAX        256        /* bytes of a user, and of tags */
#define SOMA_KEY_ID_MAX      128
#define SOMA_MODEL_MAX       256        /* of one name in a list */

#define SOMA_CAN_ADMIN       0x01       /* capabilities */
#define SOMA_CAN_USAGE       0x02
#define SOMA_CAN_USER        0x04       /* say whose request it is */


typedef struct {
    soma_str_t  tenant;
    soma_str_t  user;
    soma_str_t  key;            /* id: name= or the first 12 hex digits */
    soma_str_t  models;         /* space separated, empty: the tenant's */
    soma_str_t  limits;         /* "requests 10/minute;cost 5/day" */
    soma_str_t  tags;
    unsigned    capabilities;
    int64_t     expires;        /* ms UTC, 0: never */
} soma_identity_t;


/* the credential in an Authorization value ("Bearer x", any case, blanks
 * trimmed), or the value itself for the other headers; SOMA_DECLINED: none,
 * or one that is too long or has a byte no key has (a blank, a control).
 * What begins with "eyJ" may be a JSON Web Token, which is longer */
int soma_key_bearer(soma_str_t value, soma_str_t *credential);

/* "admin,usage,user" -> bits, empty: none; SOMA_ERROR on an unknown word */
int soma_key_capabilities_parse(soma_str_t list, unsigned *bits);

/*
 * One field of a soma:key:<sha256> hash or of soma_key: tenant, user, name
 * (the key's id), models, limits, tags, capabilities, expires.  Unknown
 * fields: SOMA_DECLINED; a bad value: SOMA_ERROR, the identity as it was.
 * Strings are not copied.
 *
 *   tenant        soma_tenant_valid()
 *   user, tags    up to SOMA_USER_MAX bytes, no control characters
 *   models        names between blanks, a trailing * stands for any rest
 *   limits        soma_limit_list_parse(), the scope of a key
 *   capabilities  soma_key_capabilities_parse()
 *   expires       RFC 3339, a date, or Unix seconds; 0 or empty: never.  A
 *                 number past the year 9999 (seconds taken for ms) is an
 *                 error, so that no key lives longer than it was meant to
 */
int soma_key_identity_set(soma_identity_t *identity, soma_str_t name,
    soma_str_t value);

/* to and from one flat piece of shared memory; pack returns the size, 0:
 * does not fit; unpacked strings point into buf */
size_t soma_key_identity_pack(const soma_identity_t *identity,
    unsigned char *buf, size_t size);
int soma_key_identity_unpack(soma_identity_t *identity,
    const unsigned char *buf, size_t len);

/* is "model" in a space separated list? SOMA_OK or SOMA_DECLINED; an empty
 * list: SOMA_OK (all); "gpt-*" allows whatever begins with gpt- */
int soma_key_models_allow(soma_str_t list, soma_str_t model);


#endif /* SOMA_KEY_H */
