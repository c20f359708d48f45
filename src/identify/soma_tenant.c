
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_tenant.h"
#include "soma_key.h"
#include "soma_quota.h"


static void soma_tenant_flagged(soma_tenant_t *tenant, unsigned char flags);
static unsigned char soma_tenant_flags(const soma_tenant_t *tenant);


#define SOMA_TENANT_STRINGS     3

#define SOMA_TENANT_HAS_LIMITS  0x01
#define SOMA_TENANT_HAS_MODELS  0x02
#define SOMA_TENANT_HAS_TAGS    0x04
#define SOMA_TENANT_INVALID     0x08

/* lengths, flags, then the strings; one build reads what it wrote itself */
#define SOMA_TENANT_HEAD        (SOMA_TENANT_STRINGS * sizeof(uint16_t) + 1)


int
soma_tenant_valid(soma_str_t name)
{
    int     c;
    size_t  i;

    if (name.len == 0 || name.len > SOMA_TENANT_MAX) {
        return 0;
    }

    for (i = 0; i < name.len; i++) {
        c = name.data[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9')
            || c == '.' || c == '_' || c == '-')
        {
            continue;
        }

        return 0;
    }

    return 1;
}


int
soma_tenant_set(soma_tenant_t *tenant, soma_str_t name, soma_str_t value)
{
    unsigned          n;
    const char       *error;
    soma_limit_t      limits[SOMA_LIMITS_MAX];
    soma_identity_t   identity;

    value = soma_str_trim(value);

    if (soma_str_is(name, "limits")) {

        if (value.len > SOMA_TENANT_LIMITS_LEN
            || soma_limit_list_parse(limits, SOMA_LIMITS_MAX, &n, value,
                                     SOMA_SCOPE_TENANT, &error)
               != SOMA_OK)
        {
            return SOMA_ERROR;
        }

        tenant->limits = value;
        tenant->has_limits = 1;

        return SOMA_OK;
    }

    memset(&identity, 0, sizeof(soma_identity_t));

    if (soma_str_is(name, "models")) {

        if (soma_key_identity_set(&identity, name, value) != SOMA_OK) {
            return SOMA_ERROR;
        }

        tenant->models = identity.models;
        tenant->has_models = 1;

        return SOMA_OK;
    }

    if (soma_str_is(name, "tags")) {

        if (soma_key_identity_set(&identity, name, value) != SOMA_OK) {
            return SOMA_ERROR;
        }

        tenant->tags = identity.tags;
        tenant->has_tags = 1;

        return SOMA_OK;
    }

    return SOMA_DECLINED;
}


size_t
soma_tenant_pack(const soma_tenant_t *tenant, unsigned char *buf, size_t size)
{
    size_t          total, i;
    uint16_t        lens[SOMA_TENANT_STRINGS];
    soma_str_t      strings[SOMA_TENANT_STRINGS];
    unsigned char  *p;

    strings[0] = tenant->limits;
    strings[1] = tenant->models;
    strings[2] = tenant->tags;

    total = SOMA_TENANT_HEAD;

    for (i = 0; i < SOMA_TENANT_STRINGS; i++) {

        if (strings[i].len > SOMA_TENANT_PACKED_MAX) {
            return 0;
        }

        total += strings[i].len;
        lens[i] = (uint16_t) strings[i].len;
    }

    if (total > SOMA_TENANT_PACKED_MAX || total > size) {
        return 0;
    }

    p = buf;

    memcpy(p, lens, sizeof(lens));
    p += sizeof(lens);
    *p++ = soma_tenant_flags(tenant);

    for (i = 0; i < SOMA_TENANT_STRINGS; i++) {
        if (strings[i].len != 0) {
            memcpy(p, strings[i].data, strings[i].len);
            p += strings[i].len;
        }
    }

    return total;
}


static unsigned char
soma_tenant_flags(const soma_tenant_t *tenant)
{
    unsigned char  flags;

    flags = 0;
    flags |= tenant->has_limits ? SOMA_TENANT_HAS_LIMITS : 0;
    flags |= tenant->has_models ? SOMA_TENANT_HAS_MODELS : 0;
    flags |= tenant->has_tags ? SOMA_TENANT_HAS_TAGS : 0;
    flags |= tenant->invalid ? SOMA_TENANT_INVALID : 0;

    return flags;
}


int
soma_tenant_unpack(soma_tenant_t *tenant, const unsigned char *buf,
    size_t len)
{
    size_t                i, left;
    uint16_t              lens[SOMA_TENANT_STRINGS];
    soma_str_t            strings[SOMA_TENANT_STRINGS];
    unsigned char         flags;
    const unsigned char  *p;

    if (len < SOMA_TENANT_HEAD || len > SOMA_TENANT_PACKED_MAX) {
        return SOMA_ERROR;
    }

    p = buf;

    memcpy(lens, p, sizeof(lens));
    p += sizeof(lens);
    flags = *p++;

    left = len - SOMA_TENANT_HEAD;

    for (i = 0; i < SOMA_TENANT_STRINGS; i++) {

        if (lens[i] > left) {
            return SOMA_ERROR;
        }

        strings[i].len = lens[i];
        strings[i].data = (unsigned char *) (uintptr_t) p;

        p += lens[i];
        left -= lens[i];
    }

    if (left != 0) {
        return SOMA_ERROR;
    }

    tenant->limits = strings[0];
    tenant->models = strings[1];
    tenant->tags = strings[2];
    soma_tenant_flagged(tenant, flags);

    return SOMA_OK;
}


static void
soma_tenant_flagged(soma_tenant_t *tenant, unsigned char flags)
{
    tenant->has_limits = ((flags & SOMA_TENANT_HAS_LIMITS) != 0);
    tenant->has_models = ((flags & SOMA_TENANT_HAS_MODELS) != 0);
    tenant->has_tags = ((flags & SOMA_TENANT_HAS_TAGS) != 0);
    tenant->invalid = ((flags & SOMA_TENANT_INVALID) != 0);
}
