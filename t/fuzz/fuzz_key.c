
/*
 * Copyright (C) The ngx_soma authors
 *
 * The first byte says which reader of keys gets the rest.  What it accepts
 * must keep its promises, and an identity must survive its packing.
 */


#include <stdlib.h>

#include "soma_key.h"


static const char *const  fields[] = {
    "tenant", "user", "name", "models", "limits", "tags", "capabilities",
    "expires", "other"
};

#define FIELDS  (sizeof(fields) / sizeof(fields[0]))


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
need(int cond)
{
    if (!cond) {
        abort();
    }
}


static int
same(const soma_identity_t *a, const soma_identity_t *b)
{
    return soma_str_eq(a->tenant, b->tenant)
           && soma_str_eq(a->user, b->user)
           && soma_str_eq(a->key, b->key)
           && soma_str_eq(a->models, b->models)
           && soma_str_eq(a->limits, b->limits)
           && soma_str_eq(a->tags, b->tags)
           && a->capabilities == b->capabilities
           && a->expires == b->expires;
}


static void
fuzz_bearer(soma_str_t text)
{
    size_t      i;
    soma_str_t  key;

    if (soma_key_bearer(text, &key) != SOMA_OK) {
        return;
    }

    need(key.len != 0);
    need(key.len <= SOMA_KEY_MAX
         || (key.len <= SOMA_TOKEN_MAX && memcmp(key.data, "eyJ", 3) == 0));
    need(key.data >= text.data
         && key.data + key.len <= text.data + text.len);

    for (i = 0; i < key.len; i++) {
        need(key.data[i] > ' ' && key.data[i] != 0x7f);
    }
}


static void
fuzz_unpack(soma_str_t text)
{
    unsigned char    buf[SOMA_IDENTITY_MAX];
    soma_identity_t  identity;

    if (soma_key_identity_unpack(&identity, text.data, text.len) != SOMA_OK) {
        return;
    }

    need(soma_key_identity_pack(&identity, buf, sizeof(buf)) == text.len);
    need(memcmp(buf, text.data, text.len) == 0);

    (void) soma_key_models_allow(identity.models, identity.tenant);
}


static void
fuzz_models(soma_str_t text)
{
    soma_str_t      model;
    unsigned char  *line;

    line = text.len ? memchr(text.data, '\n', text.len) : NULL;

    if (line == NULL) {
        return;
    }

    model.data = text.data;
    model.len = (size_t) (line - text.data);
    text.data += model.len + 1;
    text.len -= model.len + 1;

    (void) soma_key_models_allow(text, model);
}


/* the fields of a hash, one a line, as "tenant=acme" */
static void
fuzz_fields(soma_str_t text)
{
    size_t           len, i;
    soma_str_t       name, value;
    unsigned char    buf[SOMA_IDENTITY_MAX], *end;
    soma_identity_t  identity, before, back;

    memset(&identity, 0, sizeof(identity));

    while (text.len != 0) {
        end = memchr(text.data, '\n', text.len);
        len = (end != NULL) ? (size_t) (end - text.data) : text.len;

        for (i = 0; i < len && text.data[i] != '='; i++) { /* void */ }

        name.data = text.data;
        name.len = i;
        value.data = text.data + i + (i < len);
        value.len = len - i - (i < len);

        before = identity;

        if (soma_key_identity_set(&identity, name, value) != SOMA_OK) {
            need(same(&before, &identity));
        }

        len += (end != NULL);
        text.data += len;
        text.len -= len;
    }

    len = soma_key_identity_pack(&identity, buf, sizeof(buf));

    if (len != 0) {
        need(soma_key_identity_unpack(&back, buf, len) == SOMA_OK);
        need(same(&identity, &back));
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned         bits;
    soma_str_t       text, name;
    soma_identity_t  identity;

    if (size == 0) {
        return 0;
    }

    text.data = (unsigned char *) (uintptr_t) (data + 1);
    text.len = size - 1;

    switch (data[0] % 6) {

    case 0:
        fuzz_bearer(text);
        break;

    case 1:
        if (soma_key_capabilities_parse(text, &bits) == SOMA_OK) {
            need((bits & ~(unsigned) (SOMA_CAN_ADMIN | SOMA_CAN_USAGE
                                       | SOMA_CAN_USER)) == 0);
        }

        break;

    case 2:
        fuzz_unpack(text);
        break;

    case 3:
        fuzz_models(text);
        break;

    case 4:
        fuzz_fields(text);
        break;

    default:
        memset(&identity, 0, sizeof(identity));
        name.data = (unsigned char *) (uintptr_t) fields[data[0] / 6 % FIELDS];
        name.len = strlen(fields[data[0] / 6 % FIELDS]);
        (void) soma_key_identity_set(&identity, name, text);
    }

    return 0;
}
