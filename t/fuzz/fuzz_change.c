
/*
 * Copyright (C) The ngx_soma authors
 *
 * Bodies of .../keys and .../tenants, and entries of the index.  What is
 * accepted is understood when it comes back from Redis; what is not has a
 * sentence that says why.
 */


#include <stdlib.h>

#include "soma_change.h"
#include "soma_tenant.h"
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


static void
stored(const soma_change_t *change, soma_change_e kind)
{
    int              i, rc;
    soma_str_t       name;
    soma_tenant_t    tenant;
    soma_identity_t  identity;

    memset(&identity, 0, sizeof(identity));
    memset(&tenant, 0, sizeof(tenant));

    for (i = 0; i < SOMA_FIELD_OVERLAP; i++) {

        if (!(change->set & (1u << i))) {
            continue;
        }

        name.data = (unsigned char *) (uintptr_t) soma_change_field_name(i);
        name.len = strlen(soma_change_field_name(i));

        if (kind == SOMA_CHANGE_TENANT
            || (kind == SOMA_CHANGE_TENANT_NEW && i != SOMA_FIELD_NAME))
        {
            rc = soma_tenant_set(&tenant, name, change->value[i]);

        } else {
            rc = soma_key_identity_set(&identity, name, change->value[i]);
        }

        need(rc == SOMA_OK);
    }

    need(identity.expires == 0 || identity.expires > NOW);
}


static void
entries(soma_str_t text)
{
    soma_out_t     out;
    soma_str_t     again;
    soma_entry_t   entry, back;
    unsigned char  buf[SOMA_ENTRY_MAX * 4];

    soma_put_init(&out, buf, sizeof(buf));
    (void) soma_change_entry_after(&out, text);

    if (text.len > SOMA_ENTRY_MAX
        || soma_change_entry_parse(&entry, text) != SOMA_OK)
    {
        return;
    }

    soma_put_init(&out, buf, sizeof(buf));
    soma_change_entry_by_id(&out, &entry);
    need(!out.full);

    again.data = buf;
    again.len = (size_t) (out.pos - buf);

    need(soma_change_entry_parse(&back, again) == SOMA_OK
         && soma_str_eq(back.id, entry.id)
         && soma_str_eq(back.tenant, entry.tenant)
         && soma_str_eq(back.hex, entry.hex)
         && back.created == entry.created);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int              kind, rc;
    soma_out_t       error;
    soma_str_t       text;
    soma_arena_t    *arena;
    soma_change_t    change;
    soma_identity_t  identity;
    unsigned char    buf[SOMA_CHANGE_ERROR_MAX];

    text.data = (unsigned char *) (uintptr_t) data;
    text.len = size;

    for (kind = SOMA_CHANGE_KEY_NEW; kind <= SOMA_CHANGE_TENANT; kind++) {

        arena = soma_test_arena();
        soma_put_init(&error, buf, sizeof(buf));

        rc = soma_change_read(&change, arena, text, (soma_change_e) kind, NOW,
                              &error);

        if (rc == SOMA_OK) {
            need(error.pos == error.start);
            need((change.set & change.removed) == 0);
            need(change.overlap >= 0 && change.overlap <= SOMA_OVERLAP_MAX_MS);
            stored(&change, (soma_change_e) kind);

            memset(&identity, 0, sizeof(identity));
            (void) soma_change_apply(&change, &identity);

        } else {
            need(rc == SOMA_ERROR && error.pos != error.start);
        }

        soma_test_arena_free(arena);
    }

    entries(text);

    return 0;
}
