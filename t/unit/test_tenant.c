
/*
 * Copyright (C) The ngx_soma authors
 *
 * Tenants of Redis: fields, and the packed form.
 */


#include "soma_tenant.h"
#include "soma_test.h"


static void
test_set(void)
{
    int            rc;
    size_t         i;
    soma_tenant_t  t;

    static const struct {
        const char  *name;
        const char  *value;
        int          rc;
    } fields[] = {
        { "limits", "requests 600/minute per=user;cost 50/day", SOMA_OK },
        { "limits", " ", SOMA_OK },
        { "limits", "requests", SOMA_ERROR },
        { "limits", "requests 1/day;requests 1/day;requests 1/day;"
                    "requests 1/day;requests 1/day;requests 1/day;"
                    "requests 1/day;requests 1/day;requests 1/day",
                    SOMA_ERROR },
        { "models", "gpt-4o assist*", SOMA_OK },
        { "models", "", SOMA_OK },
        { "models", "a\nb", SOMA_ERROR },
        { "tags", "team=blue", SOMA_OK },
        { "tags", "a\x01", SOMA_ERROR },
        { "created", "whatever", SOMA_DECLINED },
        { "tenant", "acme", SOMA_DECLINED },
        { "", "", SOMA_DECLINED },
    };

    for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        memset(&t, 0, sizeof(t));
        rc = soma_tenant_set(&t, str(fields[i].name), str(fields[i].value));

        soma_ok(rc == fields[i].rc
                && (t.has_limits || t.has_models || t.has_tags)
                   == (rc == SOMA_OK),
                "%s: \"%.20s\"", fields[i].name, fields[i].value);
    }
}


static void
test_pack(void)
{
    size_t         len, i;
    unsigned       bad;
    unsigned char  buf[SOMA_TENANT_PACKED_MAX];
    soma_tenant_t  t, u;

    static unsigned char  models[SOMA_TENANT_PACKED_MAX];

    memset(&t, 0, sizeof(t));
    len = soma_tenant_pack(&t, buf, sizeof(buf));

    soma_ok(len != 0 && soma_tenant_unpack(&u, buf, len) == SOMA_OK
            && !u.has_limits && !u.has_models && !u.has_tags && !u.invalid,
            "an empty one is there too");

    (void) soma_tenant_set(&t, str("limits"), str(" cost 50/day "));
    (void) soma_tenant_set(&t, str("models"), str(""));
    t.invalid = 1;
    len = soma_tenant_pack(&t, buf, sizeof(buf));

    soma_ok(soma_tenant_unpack(&u, buf, len) == SOMA_OK
            && soma_str_is(u.limits, "cost 50/day") && u.has_limits
            && u.models.len == 0 && u.has_models && !u.has_tags && u.invalid,
            "packed and unpacked");

    bad = 0;

    for (i = 0; i < len; i++) {
        bad += (soma_tenant_unpack(&u, buf, i) == SOMA_OK);
        bad += (soma_tenant_pack(&t, buf, i) != 0);
    }

    soma_ok(bad == 0, "no part of it is a whole");

    memset(models, 'x', sizeof(models));
    t.models.data = models;
    t.models.len = sizeof(models);

    soma_ok(soma_tenant_pack(&t, buf, sizeof(buf)) == 0, "too long");
}


int
main(void)
{
    test_set();
    test_pack();

    return soma_done();
}
