
/*
 * Copyright (C) The ngx_soma authors
 *
 * Credentials and identities.
 */


#include "soma_key.h"
#include "soma_quota.h"
#include "soma_tenant.h"


#define SOMA_IDENTITY_STRINGS  6
#define SOMA_EXPIRES_MAX       253402300799     /* s: 9999-12-31T23:59:59 */

/* lengths, capabilities, expires, then the strings: one build reads what it
 * wrote itself, so the numbers lie in the machine's own order */
#define SOMA_IDENTITY_HEAD                                                    \
    (SOMA_IDENTITY_STRINGS * sizeof(uint16_t) + sizeof(uint32_t)              \
     + sizeof(int64_t))


static unsigned soma_key_capability(soma_str_t word);
static int soma_set_text(soma_str_t *dst, soma_str_t value, size_t max);
static int soma_set_models(soma_identity_t *identity, soma_str_t value);
static int soma_set_limits(soma_identity_t *identity, soma_str_t value);
static int soma_set_expires(soma_identity_t *identity, soma_str_t value);
static int soma_model_match(soma_str_t pattern, soma_str_t model);


/* where the first byte is that no credential has, if it has any */
static size_t
soma_key_clean(soma_str_t s)
{
    size_t    i;
    uint64_t  v, low, del;

    static const uint64_t  ones = 0x0101010101010101u;
    static const uint64_t  high = 0x8080808080808080u;

    for (i = 0; s.len - i >= sizeof(v); i += sizeof(v)) {
        memcpy(&v, s.data + i, sizeof(v));

        low = (v - ones * (' ' + 1)) & ~v;
        del = v ^ (ones * 0x7f);
        del = (del - ones) & ~del;

        if ((low | del) & high) {
            break;
        }
    }

    while (i < s.len && s.data[i] > ' ' && s.data[i] != 0x7f) {
        i++;
    }

    return i;
}


int
soma_key_bearer(soma_str_t value, soma_str_t *credential)
{
    size_t      max;
    soma_str_t  rest, scheme;

    if (value.len > 7 && memcmp(value.data, "Bearer ", 7) == 0) {

        /* as everybody writes it */

        value.data += 7;
        value.len -= 7;
        value = soma_str_trim(value);

    } else {
        value = soma_str_trim(value);
        rest = value;

        if (soma_str_word(&rest, &scheme)
            && soma_str_case_is(scheme, "bearer"))
        {
            value = soma_str_trim(rest);
        }
    }

    max = SOMA_KEY_MAX;

    if (value.len > max && memcmp(value.data, "eyJ", 3) == 0) {
        max = SOMA_TOKEN_MAX;
    }

    if (value.len == 0 || value.len > max) {
        return SOMA_DECLINED;
    }

    if (soma_key_clean(value) != value.len) {
        return SOMA_DECLINED;
    }

    *credential = value;

    return SOMA_OK;
}


int
soma_key_capabilities_parse(soma_str_t list, unsigned *bits)
{
    size_t      len;
    unsigned    found, bit;
    soma_str_t  word;

    found = 0;
    list = soma_str_trim(list);

    while (list.len != 0) {

        for (len = 0; len < list.len && list.data[len] != ','; len++) {
            /* void */
        }

        word.data = list.data;
        word.len = len;
        word = soma_str_trim(word);

        bit = soma_key_capability(word);

        if (bit == 0) {
            return SOMA_ERROR;
        }

        found |= bit;

        if (len == list.len) {
            break;
        }

        list.data += len + 1;
        list.len -= len + 1;

        if (list.len == 0) {
            return SOMA_ERROR;
        }
    }

    *bits = found;

    return SOMA_OK;
}


/* its bit, 0: there is none of that name */

static unsigned
soma_key_capability(soma_str_t word)
{
    return soma_str_is(word, "admin") ? SOMA_CAN_ADMIN
           : soma_str_is(word, "usage") ? SOMA_CAN_USAGE
           : soma_str_is(word, "user") ? SOMA_CAN_USER : 0;
}


static int
soma_set_text(soma_str_t *dst, soma_str_t value, size_t max)
{
    size_t  i;

    if (value.len > max) {
        return SOMA_ERROR;
    }

    for (i = 0; i < value.len; i++) {
        if (value.data[i] < ' ' || value.data[i] == 0x7f) {
            return SOMA_ERROR;
        }
    }

    *dst = value;

    return SOMA_OK;
}


static int
soma_set_models(soma_identity_t *identity, soma_str_t value)
{
    unsigned    n;
    soma_str_t  list, word;

    n = 0;
    list = value;

    while (soma_str_word(&list, &word)) {
        if (word.len > SOMA_MODEL_MAX || ++n > SOMA_KEY_MODELS_MAX) {
            return SOMA_ERROR;
        }
    }

    return soma_set_text(&identity->models, value, SOMA_IDENTITY_MAX);
}


static int
soma_set_limits(soma_identity_t *identity, soma_str_t value)
{
    unsigned       n;
    soma_str_t     text;
    const char    *error;
    soma_limit_t   limits[SOMA_KEY_LIMITS_MAX];

    if (soma_set_text(&text, value, SOMA_IDENTITY_MAX) != SOMA_OK
        || soma_limit_list_parse(limits, SOMA_KEY_LIMITS_MAX, &n, value,
                                 SOMA_SCOPE_KEY, &error)
           != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    identity->limits = text;

    return SOMA_OK;
}


static int
soma_set_expires(soma_identity_t *identity, soma_str_t value)
{
    int64_t  n;

    if (value.len == 0) {
        identity->expires = 0;
        return SOMA_OK;
    }

    if (soma_number_int(value, &n) == SOMA_OK) {

        if (n > SOMA_EXPIRES_MAX) {
            return SOMA_ERROR;
        }

        identity->expires = n * 1000;
        return SOMA_OK;
    }

    /* a time before 1970 is as good as any past one, but 0 is not "never" */
    if (soma_time_parse(value, &n) != SOMA_OK) {
        return SOMA_ERROR;
    }

    identity->expires = (n > 0) ? n : 1;

    return SOMA_OK;
}


int
soma_key_identity_set(soma_identity_t *identity, soma_str_t name,
    soma_str_t value)
{
    value = soma_str_trim(value);

    if (soma_str_is(name, "tenant")) {

        if (!soma_tenant_valid(value)) {
            return SOMA_ERROR;
        }

        identity->tenant = value;
        return SOMA_OK;
    }

    if (soma_str_is(name, "user")) {
        return soma_set_text(&identity->user, value, SOMA_USER_MAX);
    }

    if (soma_str_is(name, "name")) {
        return soma_set_text(&identity->key, value, SOMA_KEY_ID_MAX);
    }

    if (soma_str_is(name, "models")) {
        return soma_set_models(identity, value);
    }

    if (soma_str_is(name, "limits")) {
        return soma_set_limits(identity, value);
    }

    if (soma_str_is(name, "tags")) {
        return soma_set_text(&identity->tags, value, SOMA_USER_MAX);
    }

    if (soma_str_is(name, "capabilities")) {
        return soma_key_capabilities_parse(value, &identity->capabilities);
    }

    if (soma_str_is(name, "expires")) {
        return soma_set_expires(identity, value);
    }

    return SOMA_DECLINED;
}


size_t
soma_key_identity_pack(const soma_identity_t *identity, unsigned char *buf,
    size_t size)
{
    size_t          total, i;
    uint16_t        lens[SOMA_IDENTITY_STRINGS];
    uint32_t        capabilities;
    soma_str_t      strings[SOMA_IDENTITY_STRINGS];
    unsigned char  *p;

    strings[0] = identity->tenant;
    strings[1] = identity->user;
    strings[2] = identity->key;
    strings[3] = identity->models;
    strings[4] = identity->limits;
    strings[5] = identity->tags;

    total = SOMA_IDENTITY_HEAD;

    for (i = 0; i < SOMA_IDENTITY_STRINGS; i++) {

        if (strings[i].len > SOMA_IDENTITY_MAX) {
            return 0;
        }

        total += strings[i].len;
        lens[i] = (uint16_t) strings[i].len;
    }

    if (total > SOMA_IDENTITY_MAX || total > size) {
        return 0;
    }

    capabilities = identity->capabilities;
    p = buf;

    memcpy(p, lens, sizeof(lens));
    p += sizeof(lens);
    memcpy(p, &capabilities, sizeof(capabilities));
    p += sizeof(capabilities);
    memcpy(p, &identity->expires, sizeof(identity->expires));
    p += sizeof(identity->expires);

    for (i = 0; i < SOMA_IDENTITY_STRINGS; i++) {
        if (strings[i].len != 0) {
            memcpy(p, strings[i].data, strings[i].len);
            p += strings[i].len;
        }
    }

    return total;
}


int
soma_key_identity_unpack(soma_identity_t *identity, const unsigned char *buf,
    size_t len)
{
    size_t                i, left;
    uint16_t              lens[SOMA_IDENTITY_STRINGS];
    uint32_t              capabilities;
    soma_str_t            strings[SOMA_IDENTITY_STRINGS];
    const unsigned char  *p;

    if (len < SOMA_IDENTITY_HEAD || len > SOMA_IDENTITY_MAX) {
        return SOMA_ERROR;
    }

    p = buf;

    memcpy(lens, p, sizeof(lens));
    p += sizeof(lens);
    memcpy(&capabilities, p, sizeof(capabilities));
    p += sizeof(capabilities);
    memcpy(&identity->expires, p, sizeof(identity->expires));
    p += sizeof(identity->expires);

    left = len - SOMA_IDENTITY_HEAD;

    for (i = 0; i < SOMA_IDENTITY_STRINGS; i++) {

        if (lens[i] > left) {
            return SOMA_ERROR;
        }

        strings[i].len = lens[i];
        strings[i].data = (unsigned char *) p;

        p += lens[i];
        left -= lens[i];
    }

    if (left != 0) {
        return SOMA_ERROR;
    }

    identity->tenant = strings[0];
    identity->user = strings[1];
    identity->key = strings[2];
    identity->models = strings[3];
    identity->limits = strings[4];
    identity->tags = strings[5];
    identity->capabilities = capabilities;

    return SOMA_OK;
}


static int
soma_model_match(soma_str_t pattern, soma_str_t model)
{
    if (pattern.data[pattern.len - 1] != '*') {
        return soma_str_eq(pattern, model);
    }

    pattern.len--;

    if (model.len < pattern.len) {
        return 0;
    }

    model.len = pattern.len;

    return soma_str_eq(pattern, model);
}


int
soma_key_models_allow(soma_str_t list, soma_str_t model)
{
    soma_str_t  word;

    if (list.len == 0) {
        return SOMA_OK;
    }

    while (soma_str_word(&list, &word)) {
        if (soma_model_match(word, model)) {
            return SOMA_OK;
        }
    }

    return SOMA_DECLINED;
}
