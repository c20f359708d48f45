
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
#include "soma_tenant.h"


#define SOMA_LOCK_TTL_MS      (24 * 3600 * (int64_t) 1000)
#define SOMA_LOCK_TTL_MAX_MS  (366 * 24 * 3600 * (int64_t) 1000)
#define SOMA_LOCK_TTL_MIN_MS  1000
#define SOMA_LOCK_JSON_MAX    2048      /* holds every lock that is valid */
#define SOMA_LOCK_BODY_MAX    16384     /* read, more is refused */
#define SOMA_LOCK_USER_MAX    256       /* bytes */
#define SOMA_LOCK_REASON_MAX  512


typedef struct {
    soma_str_t  tenant;
    soma_str_t  user;
    soma_str_t  reason;
    int64_t     ttl_ms;         /* of a request to enable */
    int64_t     enabled_at;     /* ms UTC */
} soma_lock_t;


/*
 * Body of POST /v1/training/enable and /disable: an object of tenant, user,
 * reason and ttl and nothing else, each at most once; reason and ttl may be
 * left out or null.  ttl in seconds (number) or a duration string ("2h"),
 * SOMA_LOCK_TTL_MIN_MS to SOMA_LOCK_TTL_MAX_MS, otherwise SOMA_LOCK_TTL_MS.
 * enabled_at is 0.  Strings live in the arena.  SOMA_ERROR: *error is a
 * constant sentence.
 */
int soma_lock_request(soma_lock_t *lock, soma_arena_t *arena, soma_str_t body,
    const char **error);

/* the JSON for Redis; enabled_at as an RFC 3339 string; fits in
 * SOMA_LOCK_JSON_MAX if the lock came from soma_lock_request() */
void soma_lock_json(soma_out_t *out, const soma_lock_t *lock);

/*
 * Reads it back; unknown members and members of another type are ignored,
 * what is too long is cut, ttl_ms is 0.  A foreign value that is no JSON
 * object still locks (all strings empty): SOMA_DECLINED.  SOMA_ERROR: no
 * memory, and the lock is empty too.
 */
int soma_lock_parse(soma_lock_t *lock, soma_arena_t *arena, soma_str_t json);

/* a lock is a tenant's */
#define soma_lock_tenant_valid(tenant)  soma_tenant_valid(tenant)


#endif /* SOMA_LOCK_H */
