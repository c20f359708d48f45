
/*
 * Copyright (C) The ngx_soma authors
 *
 * A tenant's hash as Redis has it: lines "field=value".  What is understood
 * comes back from shared memory as it was; and any bytes of shared memory are
 * read without harm.
 */


#include <stdlib.h>

#include "soma_tenant.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
need(int cond)
{
    if (!cond) {
        abort();
    }
}


static void
same(soma_str_t a, soma_str_t b)
{
    need(soma_str_eq(a, b));
}


static void
within(soma_str_t s, const unsigned char *buf, size_t len)
{
    need(s.len == 0 || (s.data >= buf && s.data + s.len <= buf + len));
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int             rc;
    size_t          len;
    soma_str_t      name, value;
    soma_tenant_t   tenant, back, before;
    const uint8_t  *p, *end, *eq, *line;
    unsigned char   buf[SOMA_TENANT_PACKED_MAX];

    memset(&tenant, 0, sizeof(tenant));
    end = data + size;

    for (p = data; p < end; p = line + 1) {
        line = memchr(p, '\n', (size_t) (end - p));
        line = line ? line : end;
        eq = memchr(p, '=', (size_t) (line - p));

        if (eq == NULL) {
            continue;
        }

        name.data = (unsigned char *) (uintptr_t) p;
        name.len = (size_t) (eq - p);
        value.data = (unsigned char *) (uintptr_t) (eq + 1);
        value.len = (size_t) (line - eq - 1);

        before = tenant;
        rc = soma_tenant_set(&tenant, name, value);

        if (rc == SOMA_ERROR) {
            same(before.limits, tenant.limits);
            same(before.models, tenant.models);
        }
    }

    len = soma_tenant_pack(&tenant, buf, sizeof(buf));
    need(len <= sizeof(buf));

    if (len) {
        need(soma_tenant_unpack(&back, buf, len) == SOMA_OK);
        same(back.limits, tenant.limits);
        same(back.models, tenant.models);
        same(back.tags, tenant.tags);
        need(back.has_limits == tenant.has_limits);
        need(back.has_models == tenant.has_models);
    }

    if (soma_tenant_unpack(&back, data, size) == SOMA_OK) {
        within(back.limits, data, size);
        within(back.models, data, size);
        within(back.tags, data, size);
    }

    return 0;
}
