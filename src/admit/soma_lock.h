
/*
 * Copyright (C) The ngx_soma authors
 *
 * A training lock: while a tenant trains, its requests wait outside.  The
 * value is the JSON that stands in Redis under training:lock:<tenant>:
 * {"tenant":..,"user":..,"reason":..,"enabled_at":..}.
 */


#ifndef SOMA_LOCK_H
#define SOMA_LOCK_H


#include "soma_base.h"


#define SOMA_LOCK_TTL_MS      (24 * 3600 * (int64_t) 1000)
#define SOMA_LOCK_TTL_MAX_MS  (366 * 24 * 3600 * (int64_t) 1000)
#define SOMA_LOCK_JSON_MAX    1024
#define SOMA_TENANT_MAX       128


typedef struct {
    soma_str_t  tenant;
    soma_str_t  user;
    soma_str_t  reason;
    int64_t     ttl_ms;         /* of a request to enable */
    int64_t     enabled_at;     /* ms UTC */
} soma_lock_t;


/* body of POST /v1/training/enable and /disable; ttl in seconds (number) or
 * a duration string ("2h").  SOMA_ERROR: *error is a sentence */
int soma_lock_request(soma_lock_t *lock, soma_arena_t *arena, soma_str_t body,
    const char **error);

/* the JSON for Redis; enabled_at as an RFC 3339 string */
void soma_lock_json(soma_out_t *out, const soma_lock_t *lock);

/* reads it back; unknown members are ignored, a foreign value that is no
 * such JSON still locks (user and reason empty): SOMA_DECLINED */
int soma_lock_parse(soma_lock_t *lock, soma_arena_t *arena, soma_str_t json);

/* [A-Za-z0-9._-]{1,SOMA_TENANT_MAX}: what may stand in a Redis key */
int soma_tenant_valid(soma_str_t tenant);


#endif /* SOMA_LOCK_H */
