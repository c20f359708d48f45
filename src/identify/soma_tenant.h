
/*
 * Copyright (C) The ngx_soma authors
 *
 * A tenant at run time: what the hash soma:tenant:<name> in Redis says, in
 * the place of the same lines of a soma_tenant block.
 */


#ifndef SOMA_TENANT_H
#define SOMA_TENANT_H


#include "soma_base.h"


#define SOMA_TENANT_MAX         128     /* bytes of a name */
#define SOMA_TENANT_LIMITS_LEN  1024    /* bytes of all limits */
#define SOMA_TENANT_PACKED_MAX  3584    /* bytes, packed */


/* has_...: the field is there, empty too: no limits, all models */
typedef struct {
    soma_str_t  limits;         /* "requests 600/minute per=user;..." */
    soma_str_t  models;         /* space separated */
    soma_str_t  tags;           /* of keys that have none */
    unsigned    has_limits:1;
    unsigned    has_models:1;
    unsigned    has_tags:1;
    unsigned    invalid:1;      /* a field was not understood: closed */
} soma_tenant_t;


/* [A-Za-z0-9._-]{1,SOMA_TENANT_MAX}: what may stand in a Redis key */
int soma_tenant_valid(soma_str_t name);

/*
 * One field of the hash: limits (soma_limit_list_parse(), a tenant's scope),
 * models and tags (as soma_key_identity_set()).  Unknown fields: SOMA_DECLINED;
 * a bad value: SOMA_ERROR, the tenant as it was.  Strings are not copied.
 */
int soma_tenant_set(soma_tenant_t *tenant, soma_str_t name,
    soma_str_t value);

/* to and from one flat piece of shared memory; pack returns the size, never
 * 0 but for what does not fit; unpacked strings point into buf */
size_t soma_tenant_pack(const soma_tenant_t *tenant, unsigned char *buf,
    size_t size);
int soma_tenant_unpack(soma_tenant_t *tenant, const unsigned char *buf,
    size_t len);


#endif /* SOMA_TENANT_H */
