
/*
 * Copyright (C) The ngx_soma authors
 *
 * Bodies and values of training locks.  A request that is accepted fits in
 * Redis' value and comes back from it as it was.
 */


#include <stdlib.h>

#include "soma_lock.h"
#include "soma_arena_malloc.h"


#define NOW  1795230245678


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
need(int cond)
{
    if (!cond) {
        abort();
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int             rc;
    soma_out_t      out;
    soma_str_t      text;
    const char     *error;
    soma_lock_t     lock, back;
    soma_arena_t   *arena;
    unsigned char   buf[SOMA_LOCK_JSON_MAX];

    text.data = (unsigned char *) (uintptr_t) data;
    text.len = size;
    error = NULL;

    arena = soma_test_arena();

    rc = soma_lock_parse(&back, arena, text);
    need(rc == SOMA_OK || rc == SOMA_DECLINED);
    need(back.tenant.len == 0 || soma_lock_tenant_valid(back.tenant));
    need(back.user.len <= SOMA_LOCK_USER_MAX
         && back.reason.len <= SOMA_LOCK_REASON_MAX);

    rc = soma_lock_request(&lock, arena, text, &error);

    if (rc != SOMA_OK) {
        need(error != NULL);
        soma_test_arena_free(arena);
        return 0;
    }

    need(soma_lock_tenant_valid(lock.tenant) && lock.user.len != 0);
    need(lock.ttl_ms >= SOMA_LOCK_TTL_MIN_MS
         && lock.ttl_ms <= SOMA_LOCK_TTL_MAX_MS);

    lock.enabled_at = NOW;
    soma_put_init(&out, buf, sizeof(buf));
    soma_lock_json(&out, &lock);
    need(!out.full);

    text.data = buf;
    text.len = (size_t) (out.pos - buf);

    need(soma_lock_parse(&back, arena, text) == SOMA_OK);
    need(soma_str_eq(back.tenant, lock.tenant)
         && soma_str_eq(back.user, lock.user)
         && soma_str_eq(back.reason, lock.reason)
         && back.enabled_at == NOW);

    soma_test_arena_free(arena);

    return 0;
}
