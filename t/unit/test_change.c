
/*
 * Copyright (C) The ngx_soma authors
 *
 * Bodies of .../keys and .../tenants, secrets, and the index.
 */


#include <stdio.h>

#include "soma_change.h"
#include "soma_arena_malloc.h"
#include "soma_test.h"


#define NOW    1795230245678
#define BIT(f) (1u << (f))
#define HEX                                                                  \
    "3a1e50c3c1b80395622f86abe3c2bbef2e10795b02dd50ae6452018dc7e20778"


/* the error's text, or "" */
static const char *
change_read(soma_change_t *change, soma_arena_t *arena, const char *body,
    soma_change_e kind)
{
    soma_out_t   error;
    static char  buf[SOMA_CHANGE_ERROR_MAX + 1];

    soma_put_init(&error, buf, SOMA_CHANGE_ERROR_MAX);

    if (soma_change_read(change, arena, str(body), kind, NOW, &error)
        == SOMA_OK)
    {
        return "";
    }

    *error.pos = '\0';

    return (error.pos == error.start || error.full) ? "no sentence" : buf;
}


static void
test_good(void)
{
    size_t          i;
    soma_arena_t   *arena;
    soma_change_t   c;

    static const struct {
        soma_change_e  kind;
        const char    *body;
        soma_field_e   field;
        const char    *value;       /* NULL: removed */
    } good[] = {
        { SOMA_CHANGE_KEY_NEW, "{\"tenant\":\"acme\"}",
          SOMA_FIELD_TENANT, "acme" },
        { SOMA_CHANGE_KEY_NEW, "{\"tenant\":\"acme\",\"name\":\"a.B_c-1\"}",
          SOMA_FIELD_NAME, "a.B_c-1" },
        { SOMA_CHANGE_KEY, "{\"limits\":[\" requests  10/minute \","
          "\"cost 5/day per=user\"]}", SOMA_FIELD_LIMITS,
          "requests 10/minute;cost 5/day per=user" },
        { SOMA_CHANGE_KEY, "{\"models\":[\"gpt-*\",\"echo\"]}",
          SOMA_FIELD_MODELS, "gpt-* echo" },
        { SOMA_CHANGE_KEY, "{\"models\":\"a  b\"}",
          SOMA_FIELD_MODELS, "a  b" },
        { SOMA_CHANGE_KEY, "{\"models\":[]}", SOMA_FIELD_MODELS, NULL },
        { SOMA_CHANGE_KEY, "{\"models\":null}", SOMA_FIELD_MODELS, NULL },
        { SOMA_CHANGE_KEY, "{\"capabilities\":[\"admin\",\"usage\"]}",
          SOMA_FIELD_CAPABILITIES, "admin,usage" },
        { SOMA_CHANGE_KEY, "{\"expires\":\"2999-01-01\"}",
          SOMA_FIELD_EXPIRES, "2999-01-01T00:00:00.000Z" },
        { SOMA_CHANGE_KEY, "{\"expires\":4102444800}",
          SOMA_FIELD_EXPIRES, "2100-01-01T00:00:00.000Z" },
        { SOMA_CHANGE_KEY, "{\"expires\":0}", SOMA_FIELD_EXPIRES, NULL },
        { SOMA_CHANGE_KEY, "{\"user\":\"\"}", SOMA_FIELD_USER, NULL },
        { SOMA_CHANGE_TENANT, "{\"models\":[]}", SOMA_FIELD_MODELS, "" },
        { SOMA_CHANGE_TENANT, "{\"limits\":\"\"}", SOMA_FIELD_LIMITS, "" },
        { SOMA_CHANGE_TENANT, "{\"limits\":null}", SOMA_FIELD_LIMITS, NULL },
        { SOMA_CHANGE_TENANT, "{\"tags\":\"\"}", SOMA_FIELD_TAGS, NULL },
        { SOMA_CHANGE_TENANT_NEW, "{\"name\":\"beta\"}", SOMA_FIELD_NAME,
          "beta" },
        { SOMA_CHANGE_KEY_ROTATE, "", SOMA_FIELD_OVERLAP, "-" },
    };

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {

        arena = soma_test_arena();

        soma_ok(change_read(&c, arena, good[i].body, good[i].kind)[0] == '\0',
                "accepted: %s", good[i].body);

        if (good[i].value == NULL) {
            soma_ok((c.removed & BIT(good[i].field)) != 0 && c.set == 0,
                    "removed: %s", good[i].body);

        } else if (strcmp(good[i].value, "-") != 0) {
            soma_ok((c.set & BIT(good[i].field)) != 0
                    && soma_str_is(c.value[good[i].field], good[i].value),
                    "%s: %s", good[i].body, good[i].value);
        }

        soma_test_arena_free(arena);
    }
}


static void
test_bad(void)
{
    size_t          i;
    const char     *error;
    soma_arena_t   *arena;
    soma_change_t   c;

    static const struct {
        soma_change_e  kind;
        const char    *body;
        const char    *error;
    } bad[] = {
        { SOMA_CHANGE_KEY_NEW, "", "\"tenant\" is required" },
        { SOMA_CHANGE_KEY_NEW, "[]", "must be a JSON object" },
        { SOMA_CHANGE_KEY_NEW, "{\"tenant\":\"acme\"", "JSON object" },
        { SOMA_CHANGE_KEY_NEW, "{\"tenant\":null}", "is required" },
        { SOMA_CHANGE_KEY_NEW, "{\"tenant\":\"a b\"}", "\"tenant\" has 1" },
        { SOMA_CHANGE_KEY_NEW, "{\"tenant\":7}", "\"tenant\" must be a str" },
        { SOMA_CHANGE_KEY_NEW, "{\"tenant\":\"a\",\"tenant\":\"b\"}",
          "stands twice" },
        { SOMA_CHANGE_KEY_NEW, "{\"tenant\":\"a\",\"\\u0074enant\":\"b\"}",
          "stands twice" },
        { SOMA_CHANGE_KEY_NEW, "{\"tenant\":\"a\",\"nmae\":\"b\"}",
          "unknown member \"nmae\": allowed are tenant, name, user, capab" },
        { SOMA_CHANGE_KEY_NEW, "{\"tenant\":\"a\",\"name\":\"sk-abc\"}",
          "\"name\" has 1" },
        { SOMA_CHANGE_KEY_NEW, "{\"tenant\":\"a\",\"name\":\""
          "00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff"
          "\"}", "\"name\" must not be 64 hex digits" },
        { SOMA_CHANGE_KEY_NEW, "{\"tenant\":\"a\",\"name\":\"..\"}",
          "\"name\" has 1" },
        { SOMA_CHANGE_KEY_NEW, "{\"tenant\":\"a\",\"name\":\"a/b\"}",
          "\"name\" has 1" },
        { SOMA_CHANGE_KEY, "{\"tenant\":\"b\"}", "cannot be changed" },
        { SOMA_CHANGE_KEY, "{\"name\":\"b\"}", "cannot be changed" },
        { SOMA_CHANGE_KEY, "{\"overlap\":1}", "unknown member \"overlap\"" },
        { SOMA_CHANGE_KEY, "{\"user\":\"a\\nb\"}", "\"user\" has up to" },
        { SOMA_CHANGE_KEY, "{\"capabilities\":[\"root\"]}", "allowed are" },
        { SOMA_CHANGE_KEY, "{\"capabilities\":{}}", "an array of strings" },
        { SOMA_CHANGE_KEY, "{\"models\":[\"a b\"]}", "more than one" },
        { SOMA_CHANGE_KEY, "{\"models\":[\"\"]}", "is empty" },
        { SOMA_CHANGE_KEY, "{\"models\":[7]}", "an array of strings" },
        { SOMA_CHANGE_KEY, "{\"limits\":[\"requests 1/day;cost 1/day\"]}",
          "more than one" },
        { SOMA_CHANGE_KEY, "{\"limits\":[\"requests 5/fortnight\"]}",
          "\"limits\" cannot be read: unknown window" },
        { SOMA_CHANGE_TENANT, "{\"limits\":\"requests\"}", "has no number" },
        { SOMA_CHANGE_KEY, "{\"expires\":\"soon\"}", "is not a time" },
        { SOMA_CHANGE_KEY, "{\"expires\":\"2020-01-01\"}", "is past" },
        { SOMA_CHANGE_KEY, "{\"expires\":1}", "is past" },
        { SOMA_CHANGE_KEY, "{\"expires\":-1}", "must be a string" },
        { SOMA_CHANGE_KEY, "{\"expires\":1.5}", "must be a string" },
        { SOMA_CHANGE_KEY, "{\"expires\":1795230245678}", "is not a time" },
        { SOMA_CHANGE_KEY_ROTATE, "{\"overlap\":\"91d\"}", "up to 90 days" },
        { SOMA_CHANGE_KEY_ROTATE, "{\"overlap\":\"soon\"}", "up to 90 days" },
        { SOMA_CHANGE_KEY_ROTATE, "{\"user\":\"x\"}", "allowed are overlap" },
        { SOMA_CHANGE_TENANT_NEW, "{\"limits\":[]}", "\"name\" is required" },
        { SOMA_CHANGE_TENANT_NEW, "{\"tenant\":\"x\"}", "unknown member" },
        { SOMA_CHANGE_TENANT, "{\"user\":\"x\"}",
          "allowed are models, limits, tags" },
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        arena = soma_test_arena();
        error = change_read(&c, arena, bad[i].body, bad[i].kind);

        if (!soma_ok(strstr(error, bad[i].error) != NULL, "refused: %s",
                     bad[i].body))
        {
            printf("#  %s\n", error);
        }

        soma_test_arena_free(arena);
    }
}


static void
test_bounds(void)
{
    int              n;
    size_t           i;
    const char      *error;
    soma_arena_t    *arena;
    soma_change_t    c;
    soma_identity_t  identity;

    static char  body[SOMA_CHANGE_BODY_MAX + 64];

    arena = soma_test_arena();

    n = sprintf(body, "{\"models\":[");

    for (i = 0; i < 30; i++) {
        n += sprintf(body + n, "%s\"m%0100d\"", i ? "," : "", (int) i);
    }

    sprintf(body + n, "]}");
    error = change_read(&c, arena, body, SOMA_CHANGE_KEY);
    soma_ok(strstr(error, "is too long") != NULL, "long models: %s", error);

    memset(body, ' ', sizeof(body) - 1);
    memcpy(body, "{}", 2);
    error = change_read(&c, arena, body, SOMA_CHANGE_KEY);
    soma_ok(strstr(error, "JSON object") != NULL, "a long body");

    n = sprintf(body, "{\"models\":[");

    for (i = 0; i < 18; i++) {
        n += sprintf(body + n, "%s\"m%0100d\"", i ? "," : "", (int) i);
    }

    sprintf(body + n, "],\"tags\":\"%0200d\"}", 0);
    memset(&identity, 0, sizeof(identity));

    soma_ok(change_read(&c, arena, body, SOMA_CHANGE_KEY)[0] == '\0'
            && soma_change_apply(&c, &identity) == SOMA_ERROR,
            "each fits, all of them do not");

    memset(&identity, 0, sizeof(identity));
    identity.user = str("bob");

    soma_ok(change_read(&c, arena, "{\"user\":null,\"tags\":\"t\"}",
                        SOMA_CHANGE_KEY)[0] == '\0'
            && soma_change_apply(&c, &identity) == SOMA_OK
            && identity.user.len == 0 && soma_str_is(identity.tags, "t"),
            "applied");

    soma_ok(change_read(&c, arena, "{\"overlap\":0}",
                        SOMA_CHANGE_KEY_ROTATE)[0] == '\0'
            && c.overlap == 0, "no overlap");
    soma_ok(change_read(&c, arena, "{\"overlap\":\"2d\"}",
                        SOMA_CHANGE_KEY_ROTATE)[0] == '\0'
            && c.overlap == 2 * 86400000, "two days");
    soma_ok(change_read(&c, arena, "{}", SOMA_CHANGE_KEY_ROTATE)[0] == '\0'
            && c.overlap == SOMA_OVERLAP_MS, "an hour when not said");

    soma_test_arena_free(arena);
}


static void
test_memory(void)
{
    size_t              i;
    const char         *error;
    soma_arena_t       *arena;
    soma_change_t       c;

    for (i = 1; i < 8; i++) {
        arena = soma_test_arena();
        ((soma_test_arena_t *) arena->data)->fail_at = i;

        error = change_read(&c, arena, "{\"models\":[\"a\"],\"expires\":"
                            "\"2999-01-01\",\"limits\":[\"cost 1/day\"]}",
                            SOMA_CHANGE_KEY);

        soma_ok(strcmp(error, "no sentence") != 0, "memory ends at %d",
                (int) i);

        soma_test_arena_free(arena);
    }
}


static void
test_secret(void)
{
    size_t         i;
    soma_out_t     out;
    unsigned char  random[SOMA_SECRET_RANDOM], buf[SOMA_SECRET_LEN + 1];

    for (i = 0; i < sizeof(random); i++) {
        random[i] = (unsigned char) (i * 8 + 3);
    }

    soma_put_init(&out, buf, sizeof(buf));
    soma_change_secret(&out, random);

    soma_is_str(buf, (size_t) (out.pos - buf),
                "sk-soma-AwsTGyMrMztDS1NbY2tze4OLk5ujq7O7w8vT2-Pr8_s",
                "base64url");
    soma_is_int(out.pos - buf, SOMA_SECRET_LEN, "its length");
}


static void
test_entries(void)
{
    size_t         i;
    soma_out_t     out;
    soma_entry_t   e, back;
    unsigned char  buf[SOMA_ENTRY_MAX];

    static const char *const  bad[] = {
        "", "id", "id a acme " HEX, "id a acme " HEX " 1 2",
        "id a acme " HEX " x", "id  acme " HEX " 1", "od a acme " HEX " 1",
        "id a ac:me " HEX " 1", "id a acme beef 1", " id a acme " HEX " 1"
    };

    static const char *const  cursors[] = {
        "", "acme", "acme/bot", "acme/bot/12/3", "a b/bot/12", "a/b\n/1"
    };

    e.id = str("bot");
    e.tenant = str("acme");
    e.hex = str(HEX);
    e.created = NOW;

    soma_put_init(&out, buf, sizeof(buf));
    soma_change_entry_by_id(&out, &e);
    soma_is_str(buf, (size_t) (out.pos - buf),
                "id bot acme " HEX " 1795230245678", "by id");
    soma_ok(soma_change_entry_parse(&back,
                                    (soma_str_t) { (size_t) (out.pos - buf),
                                                   buf })
            == SOMA_OK && soma_str_is(back.id, "bot")
            && soma_str_is(back.tenant, "acme") && back.created == NOW,
            "and back");

    soma_put_init(&out, buf, sizeof(buf));
    soma_change_entry_by_tenant(&out, &e);
    soma_is_str(buf, (size_t) (out.pos - buf),
                "tenant acme bot " HEX " 1795230245678", "by tenant");
    soma_ok(soma_change_entry_parse(&back,
                                    (soma_str_t) { (size_t) (out.pos - buf),
                                                   buf })
            == SOMA_OK && soma_str_is(back.id, "bot")
            && soma_str_is(back.tenant, "acme"), "and back");

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        soma_ok(soma_change_entry_parse(&back, str(bad[i])) == SOMA_ERROR,
                "no entry: \"%s\"", bad[i]);
    }

    soma_put_init(&out, buf, sizeof(buf));
    soma_change_entry_cursor(&out, &e);
    soma_is_str(buf, (size_t) (out.pos - buf), "acme/bot/3a1e50c3c1b80395",
                "a cursor");

    soma_put_init(&out, buf, sizeof(buf));
    soma_ok(soma_change_entry_after(&out, str("acme/bot/3a1e50c3c1b80395"))
            == SOMA_OK, "and back");
    soma_is_str(buf, (size_t) (out.pos - buf),
                "(tenant acme bot 3a1e50c3c1b80395~", "behind it");

    for (i = 0; i < sizeof(cursors) / sizeof(cursors[0]); i++) {
        soma_put_init(&out, buf, sizeof(buf));
        soma_ok(soma_change_entry_after(&out, str(cursors[i])) == SOMA_ERROR,
                "no cursor: \"%s\"", cursors[i]);
    }
}


int
main(void)
{
    test_good();
    test_bad();
    test_bounds();
    test_memory();
    test_secret();
    test_entries();

    return soma_done();
}
