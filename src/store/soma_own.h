
/*
 * Copyright (C) The ngx_soma authors
 *
 * Objects that a provider keeps under one key for all tenants of a gateway: a
 * stored response goes by an id that whoever knows it may name.  What is
 * remembered of an id, and under which name.
 */


#ifndef SOMA_OWN_H
#define SOMA_OWN_H


#include "soma_base.h"


#define SOMA_OWN_ID_MAX     128     /* bytes of an id */
#define SOMA_OWN_HASH       32
#define SOMA_OWN_VALUE_MAX  768     /* bytes, packed */


typedef struct {
    soma_str_t  provider;   /* that keeps it */
    soma_str_t  model;      /* by our name, that it was asked of */
    int64_t     tokens;     /* of what goes on from it: its prompt and its
                               answer; 0: not known */
} soma_own_t;


/* whether an id is of letters, digits, "-", "_" and "." alone, and not longer
 * than SOMA_OWN_ID_MAX: others are nobody's */
int soma_own_id(soma_str_t id);

/* SHA-256 of tenant and id: the same id of another tenant has another one */
int soma_own_hash(soma_str_t tenant, soma_str_t id,
    unsigned char hash[SOMA_OWN_HASH]);

/* to and from one flat piece; pack returns the size, 0: it does not fit;
 * unpacked strings point into "text" */
size_t soma_own_pack(const soma_own_t *own, unsigned char *buf, size_t size);
int soma_own_unpack(soma_own_t *own, soma_str_t text);


#endif /* SOMA_OWN_H */
