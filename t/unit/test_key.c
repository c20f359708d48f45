
/*
 * Copyright (C) The ngx_soma authors
 *
 * Credentials, capabilities, identities, lists of models.
 */


#include "soma_key.h"
#include "soma_test.h"


static void
test_bearer(void)
{
    int            c, rc;
    size_t         i, at, wrong;
    char           big[SOMA_KEY_MAX + 2];
    soma_str_t     key;
    unsigned char  text[40];

    static const char *const  good[][2] = {
        { "Bearer sk-abc", "sk-abc" },
        { "bearer sk-abc", "sk-abc" },
        { "BEARER\t \tsk-abc \t", "sk-abc" },
        { "  Bearer   sk-abc", "sk-abc" },
        { "sk-abc", "sk-abc" },
        { " sk-abc\t", "sk-abc" },
        { "Bearersk-abc", "Bearersk-abc" },
        { "Bearer \"sk\"", "\"sk\"" },
        { "Bearer \xc3\xa4", "\xc3\xa4" },
    };

    static const char *const  bad[] = {
        "", " ", "\t", "Bearer", "Bearer ", "bearer \t ", "Basic dXNlcg==",
        "Bearer a b", "Bearer Bearer a", "a\x01", "Bearer a\x7f", "a b"
    };

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        soma_is_int(soma_key_bearer(str(good[i][0]), &key), SOMA_OK,
                    "credential in \"%s\"", good[i][0]);
        soma_is_str(key.data, key.len, good[i][1], "is %s", good[i][1]);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        soma_is_int(soma_key_bearer(str(bad[i]), &key), SOMA_DECLINED,
                    "no credential in \"%s\"", bad[i]);
    }

    soma_is_int(soma_key_bearer(SOMA_STR("sk\0x"), &key), SOMA_DECLINED,
                "no NUL in a credential");

    memset(big, 'k', sizeof(big));
    key.data = (unsigned char *) big;
    key.len = SOMA_KEY_MAX;
    soma_is_int(soma_key_bearer(key, &key), SOMA_OK, "the longest");
    key.len = SOMA_KEY_MAX + 1;
    soma_is_int(soma_key_bearer(key, &key), SOMA_DECLINED, "too long");

    /* a byte that no credential has, wherever it stands */

    wrong = 0;

    for (i = 1; i <= 40; i++) {
        for (at = 0; at < i; at++) {
            for (c = 0; c < 256; c++) {
                memset(text, 'k', i);
                text[at] = (unsigned char) c;
                key = (soma_str_t) { i, text };

                rc = soma_key_bearer(key, &key);

                if (c == ' ' || c == '\t') {
                    continue;       /* what is trimmed, or ends a word */
                }

                wrong += rc != (c <= ' ' || c == 0x7f ? SOMA_DECLINED
                                                      : SOMA_OK);
            }
        }
    }

    soma_is_int(wrong, 0, "any byte at any place");
}


static void
test_capabilities(void)
{
    size_t    i;
    unsigned  bits;

    static const struct {
        const char  *text;
        unsigned     bits;
    } good[] = {
        { "", 0 },
        { "admin", SOMA_CAN_ADMIN },
        { "usage", SOMA_CAN_USAGE },
        { "admin,usage", SOMA_CAN_ADMIN | SOMA_CAN_USAGE },
        { " usage , admin ", SOMA_CAN_ADMIN | SOMA_CAN_USAGE },
        { "admin,admin", SOMA_CAN_ADMIN },
        { "user", SOMA_CAN_USER },
        { "user,admin", SOMA_CAN_USER | SOMA_CAN_ADMIN },
    };

    static const char *const  bad[] = {
        "Admin", "root", "admin,", ",admin", "admin,,usage", ",",
        "admin usage", "admin;usage"
    };

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        bits = 99;
        soma_ok(soma_key_capabilities_parse(str(good[i].text), &bits) == SOMA_OK
                && bits == good[i].bits, "capabilities \"%s\"",
                good[i].text);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        bits = 99;
        soma_ok(soma_key_capabilities_parse(str(bad[i]), &bits) == SOMA_ERROR
                && bits == 99, "no capabilities: \"%s\"", bad[i]);
    }
}


static int
set(soma_identity_t *identity, const char *name, const char *value)
{
    return soma_key_identity_set(identity, str(name), str(value));
}


static void
test_set(void)
{
    size_t           i;
    soma_identity_t  id;

    static const char *const  good[][2] = {
        { "tenant", "acme" }, { "user", "alice@example.org" },
        { "user", "" }, { "name", "laptop" },
        { "models", "assistant gpt-*" }, { "models", "" },
        { "limits", "requests 10/minute;cost 5/day" }, { "limits", "" },
        { "tags", "team=red" }, { "capabilities", "admin" },
        { "expires", "0" }, { "expires", "" }, { "expires", "2026-12-31" },
    };

    static const char *const  bad[][2] = {
        { "tenant", "" }, { "tenant", "a b" }, { "tenant", "a{b}" },
        { "user", "a\nb" }, { "name", "a\x7f" },
        { "models", "a\tb\x01" },
        { "models", "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 "
                    "22 23 24 25 26 27 28 29 30 31 32 33" },
        { "limits", "requests\t10/minute" },
        { "limits", "requests 10" }, { "limits", "bananas 10/day" },
        { "limits", "concurrency 1;concurrency 1;concurrency 1;concurrency 1;"
                    "concurrency 1;concurrency 1;concurrency 1;concurrency 1;"
                    "concurrency 1" },
        { "capabilities", "root" }, { "expires", "soon" },
        { "expires", "-1" }, { "expires", "1795230245678" },
    };

    memset(&id, 0, sizeof(id));

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        soma_is_int(set(&id, good[i][0], good[i][1]), SOMA_OK, "%s \"%s\"",
                    good[i][0], good[i][1]);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        soma_is_int(set(&id, bad[i][0], bad[i][1]), SOMA_ERROR,
                    "bad %s: \"%s\"", bad[i][0], bad[i][1]);
    }

    soma_is_int(set(&id, "colour", "red"), SOMA_DECLINED, "unknown field");
    soma_is_str(id.tenant.data, id.tenant.len, "acme", "tenant stays");
    soma_is_str(id.key.data, id.key.len, "laptop", "name stays");
    soma_is_int(id.expires, 1798675200000, "a date");
    soma_is_int(id.capabilities, SOMA_CAN_ADMIN, "capabilities stay");

    (void) set(&id, "expires", "1795230245");
    soma_is_int(id.expires, 1795230245000, "Unix seconds");
    (void) set(&id, "expires", "1960-01-01");
    soma_is_int(id.expires, 1, "long ago is not never");
    (void) set(&id, "models", "  ");
    soma_is_int(id.models.len, 0, "blanks are no list");
}


static soma_str_t
random_str(unsigned char *buf, size_t max)
{
    size_t      i;
    soma_str_t  s;

    s.data = buf;
    s.len = soma_rnd() % (max + 1);

    for (i = 0; i < s.len; i++) {
        buf[i] = (unsigned char) soma_rnd();
    }

    return s;
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
test_pack(void)
{
    int              i, fails;
    size_t           len;
    unsigned char    text[6][400], buf[SOMA_IDENTITY_MAX];
    unsigned char   *exact;
    soma_identity_t  id, back;

    fails = 0;

    for (i = 0; i < 20000; i++) {
        memset(&id, 0, sizeof(id));
        id.tenant = random_str(text[0], 128);
        id.user = random_str(text[1], 256);
        id.key = random_str(text[2], 128);
        id.models = random_str(text[3], 400);
        id.limits = random_str(text[4], 400);
        id.tags = random_str(text[5], 256);
        id.capabilities = (unsigned) soma_rnd();
        id.expires = (int64_t) soma_rnd();

        len = soma_key_identity_pack(&id, buf, sizeof(buf));

        /* on the heap, so that a byte too far is seen */
        exact = malloc(len);
        memcpy(exact, buf, len);

        fails += (len == 0
                  || soma_key_identity_unpack(&back, exact, len) != SOMA_OK
                  || !same(&id, &back));
        fails += (soma_key_identity_unpack(&back, exact,
                                           len - 1) != SOMA_ERROR);
        fails += (soma_key_identity_pack(&id, buf, len - 1) != 0);
        fails += (soma_key_identity_pack(&id, buf, len) != len);

        free(exact);
    }

    soma_is_int(fails, 0, "identities there and back");

    memset(&id, 0, sizeof(id));
    len = soma_key_identity_pack(&id, buf, sizeof(buf));
    soma_ok(len != 0 && soma_key_identity_unpack(&back, buf, len) == SOMA_OK
            && same(&id, &back), "an empty identity");

    soma_is_int(soma_key_identity_unpack(&back, buf, len + 1), SOMA_ERROR,
                "a byte too many");
    soma_is_int(soma_key_identity_unpack(&back, buf, 0), SOMA_ERROR, "nothing");

    memset(buf, 0xff, sizeof(buf));
    soma_is_int(soma_key_identity_unpack(&back, buf, sizeof(buf)), SOMA_ERROR,
                "lengths that lead outside");

    id.user.data = buf;
    id.user.len = SOMA_IDENTITY_MAX;
    soma_is_int(soma_key_identity_pack(&id, buf, sizeof(buf)), 0, "too long");
    id.user.len = 70000;
    soma_is_int(soma_key_identity_pack(&id, buf, sizeof(buf)), 0,
                "far too long");
}


static void
test_models(void)
{
    size_t  i;

    static const struct {
        const char  *list;
        const char  *model;
        int          rc;
    } cases[] = {
        { "", "anything", SOMA_OK },
        { "gpt-4o", "gpt-4o", SOMA_OK },
        { "gpt-4o", "gpt-4o-mini", SOMA_DECLINED },
        { "gpt-4o-mini", "gpt-4o", SOMA_DECLINED },
        { "a gpt-4o  b", "gpt-4o", SOMA_OK },
        { "a b c", "d", SOMA_DECLINED },
        { "gpt-*", "gpt-4o", SOMA_OK },
        { "gpt-*", "gpt-", SOMA_OK },
        { "gpt-*", "gpt", SOMA_DECLINED },
        { "gpt-*", "xgpt-4o", SOMA_DECLINED },
        { "*", "anything", SOMA_OK },
        { "*", "", SOMA_OK },
        { "g*t", "gpt", SOMA_DECLINED },
        { "g*t", "g*t", SOMA_OK },
        { "gpt-4o", "GPT-4o", SOMA_DECLINED },
        { "a b", "a b", SOMA_DECLINED },
        { "a", "", SOMA_DECLINED },
        { " ", "a", SOMA_DECLINED },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        soma_is_int(soma_key_models_allow(str(cases[i].list),
                                          str(cases[i].model)), cases[i].rc,
                    "\"%s\" in \"%s\"", cases[i].model, cases[i].list);
    }
}


int
main(void)
{
    test_bearer();
    test_capabilities();
    test_set();
    test_pack();
    test_models();

    return soma_done();
}
