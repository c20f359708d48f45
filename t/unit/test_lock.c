
/*
 * Copyright (C) The ngx_soma authors
 *
 * The JSON of training locks.
 */


#include "soma_lock.h"
#include "soma_arena_malloc.h"
#include "soma_test.h"


#define NOW    1795230245678
#define TENANT "\"tenant\":\"acme\",\"user\":\"root\""


static void
test_request(void)
{
    size_t         i;
    const char    *error;
    soma_lock_t    lock;
    soma_arena_t  *arena;

    static const struct {
        const char  *body;
        int64_t      ttl;
        const char  *reason;
    } good[] = {
        { "{" TENANT "}", SOMA_LOCK_TTL_MS, "" },
        { " {" TENANT ",\"reason\":null,\"ttl\":null}\n", SOMA_LOCK_TTL_MS,
          "" },
        { "{" TENANT ",\"reason\":\"\"}", SOMA_LOCK_TTL_MS, "" },
        { "{" TENANT ",\"reason\":\"night\\nrun\",\"ttl\":60}", 60000,
          "night\nrun" },
        { "{" TENANT ",\"ttl\":1}", 1000, "" },
        { "{" TENANT ",\"ttl\":31622400}", SOMA_LOCK_TTL_MAX_MS, "" },
        { "{" TENANT ",\"ttl\":\"2h\"}", 7200000, "" },
        { "{" TENANT ",\"ttl\":\"1500ms\"}", 1500, "" },
        { "{" TENANT ",\"ttl\":\"90\"}", 90000, "" },
        { "{" TENANT ",\"ttl\":\"366d\"}", SOMA_LOCK_TTL_MAX_MS, "" },
        { "{\"t\\u0065nant\":\"acme\",\"user\":\"root\"}", SOMA_LOCK_TTL_MS,
          "" },
    };

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        arena = soma_test_arena();

        soma_ok(soma_lock_request(&lock, arena, str(good[i].body), &error)
                == SOMA_OK && lock.ttl_ms == good[i].ttl
                && soma_str_is(lock.tenant, "acme")
                && soma_str_is(lock.user, "root")
                && soma_str_is(lock.reason, good[i].reason)
                && lock.enabled_at == 0, "%s", good[i].body);

        soma_test_arena_free(arena);
    }
}


static void
test_request_errors(void)
{
    size_t         i;
    const char    *error;
    soma_lock_t    lock;
    soma_arena_t  *arena;

    static const char *const  bad[][2] = {
        { "", "must be a JSON object" },
        { "{", "must be a JSON object" },
        { "[]", "must be a JSON object" },
        { "\"acme\"", "must be a JSON object" },
        { "{" TENANT "} x", "must be a JSON object" },
        { "{" TENANT ",}", "must be a JSON object" },
        { "{\"tenant\":\"acme\",\"user\":\"\xff\"}",
          "must be a JSON object" },
        { "{}", "\"tenant\" is required" },
        { "{\"user\":\"root\"}", "\"tenant\" is required" },
        { "{\"tenant\":7,\"user\":\"root\"}", "\"tenant\" is required" },
        { "{\"tenant\":\"\",\"user\":\"root\"}", "\"tenant\" is required" },
        { "{\"tenant\":\"a b\",\"user\":\"root\"}", "\"tenant\" is req" },
        { "{\"tenant\":\"a:b\",\"user\":\"root\"}", "\"tenant\" is req" },
        { "{\"tenant\":\"a\\u0000\",\"user\":\"root\"}", "\"tenant\" is" },
        { "{\"tenant\":\"acme\"}", "\"user\" is required" },
        { "{\"tenant\":\"acme\",\"user\":\"\"}", "\"user\" is required" },
        { "{\"tenant\":\"acme\",\"user\":null}", "\"user\" is required" },
        { "{\"tenant\":\"acme\",\"user\":\"a\\nb\"}", "\"user\" is req" },
        { "{" TENANT ",\"reason\":7}", "\"reason\" must be" },
        { "{" TENANT ",\"reason\":[]}", "\"reason\" must be" },
        { "{" TENANT ",\"reason\":\"\\u0001\"}", "\"reason\" must be" },
        { "{" TENANT ",\"ttl\":0}", "\"ttl\" must be" },
        { "{" TENANT ",\"ttl\":-5}", "\"ttl\" must be" },
        { "{" TENANT ",\"ttl\":1.5}", "\"ttl\" must be" },
        { "{" TENANT ",\"ttl\":31622401}", "\"ttl\" must be" },
        { "{" TENANT ",\"ttl\":18446744073709551615}", "\"ttl\" must be" },
        { "{" TENANT ",\"ttl\":1e30}", "\"ttl\" must be" },
        { "{" TENANT ",\"ttl\":\"999ms\"}", "\"ttl\" must be" },
        { "{" TENANT ",\"ttl\":\"367d\"}", "\"ttl\" must be" },
        { "{" TENANT ",\"ttl\":\"soon\"}", "\"ttl\" must be" },
        { "{" TENANT ",\"ttl\":\"\"}", "\"ttl\" must be" },
        { "{" TENANT ",\"ttl\":true}", "\"ttl\" must be" },
        { "{" TENANT ",\"ttl\":{}}", "\"ttl\" must be" },
        { "{" TENANT ",\"tll\":60}", "unknown member" },
        { "{" TENANT ",\"\":60}", "unknown member" },
        { "{" TENANT ",\"tenant\":\"other\"}", "member twice" },
        { "{" TENANT ",\"\\u0074enant\":\"other\"}", "member twice" },
        { "{" TENANT ",\"ttl\":null,\"ttl\":60}", "member twice" },
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        arena = soma_test_arena();
        error = "";

        if (!soma_ok(soma_lock_request(&lock, arena, str(bad[i][0]), &error)
                     == SOMA_ERROR && strstr(error, bad[i][1]) != NULL,
                     "refused: %s", bad[i][0]))
        {
            printf("#  %s\n", error);
        }

        soma_test_arena_free(arena);
    }
}


static void
fill(char *buf, size_t n, const char *piece)
{
    size_t  i, len;

    len = strlen(piece);

    for (i = 0; i < n; i++) {
        memcpy(buf + i * len, piece, len);
    }

    buf[n * len] = '\0';
}


/* the longest of all that is allowed, every byte of it escaped */
static void
test_bounds(void)
{
    char           user[2048], reason[4096], tenant[256], big[8192];
    soma_out_t     out;
    const char    *error;
    soma_str_t     json;
    soma_lock_t    lock, back;
    soma_arena_t  *arena;
    unsigned char  buf[SOMA_LOCK_JSON_MAX];

    arena = soma_test_arena();

    fill(tenant, SOMA_TENANT_MAX, "t");
    fill(user, SOMA_LOCK_USER_MAX, "\\\\");
    fill(reason, SOMA_LOCK_REASON_MAX, "\\n");
    snprintf(big, sizeof(big), "{\"tenant\":\"%s\",\"user\":\"%s\","
             "\"reason\":\"%s\"}", tenant, user, reason);

    soma_is_int(soma_lock_request(&lock, arena, str(big), &error), SOMA_OK,
                "the longest request");

    lock.enabled_at = NOW;
    soma_put_init(&out, buf, sizeof(buf));
    soma_lock_json(&out, &lock);
    soma_ok(!out.full, "fits");

    json.data = buf;
    json.len = (size_t) (out.pos - buf);
    soma_ok(soma_lock_parse(&back, arena, json) == SOMA_OK
            && soma_str_eq(back.tenant, lock.tenant)
            && soma_str_eq(back.user, lock.user)
            && soma_str_eq(back.reason, lock.reason)
            && back.enabled_at == NOW, "comes back");

    fill(user, SOMA_LOCK_USER_MAX + 1, "u");
    snprintf(big, sizeof(big), "{\"tenant\":\"a\",\"user\":\"%s\"}", user);
    soma_is_int(soma_lock_request(&lock, arena, str(big), &error),
                SOMA_ERROR, "a user too long");

    fill(reason, SOMA_LOCK_REASON_MAX + 1, "r");
    snprintf(big, sizeof(big), "{" TENANT ",\"reason\":\"%s\"}", reason);
    soma_is_int(soma_lock_request(&lock, arena, str(big), &error),
                SOMA_ERROR, "a reason too long");

    fill(tenant, SOMA_TENANT_MAX + 1, "t");
    snprintf(big, sizeof(big), "{\"tenant\":\"%s\",\"user\":\"u\"}", tenant);
    soma_is_int(soma_lock_request(&lock, arena, str(big), &error),
                SOMA_ERROR, "a tenant too long");

    /* 86 euro signs are 258 bytes */
    fill(user, 86, "\xe2\x82\xac");
    snprintf(big, sizeof(big), "{\"user\":\"%s\"}", user);
    soma_ok(soma_lock_parse(&back, arena, str(big)) == SOMA_OK
            && back.user.len == 255, "a foreign one is cut between letters");

    soma_test_arena_free(arena);
}


static void
test_json(void)
{
    soma_out_t     out;
    soma_lock_t    lock;
    unsigned char  buf[SOMA_LOCK_JSON_MAX];

    memset(&lock, 0, sizeof(lock));
    lock.tenant = str("acme");
    lock.user = str("a\"b");
    lock.reason = str("night run");
    lock.enabled_at = NOW;

    soma_put_init(&out, buf, sizeof(buf));
    soma_lock_json(&out, &lock);
    soma_is_str(buf, out.pos - buf, "{\"tenant\":\"acme\",\"user\":\"a\\\"b\","
                "\"reason\":\"night run\","
                "\"enabled_at\":\"2026-11-21T03:04:05.678Z\"}", "as it is");
}


static void
test_parse(void)
{
    size_t         i;
    soma_lock_t    lock;
    soma_arena_t  *arena;

    static const char *const  foreign[] = {
        "", "1", "locked", "\"x\"", "[]", "null", "{", "{\"tenant\":\"a\"",
        "\xff\xfe"
    };

    arena = soma_test_arena();

    soma_ok(soma_lock_parse(&lock, arena,
                            str("{\"tenant\":\"acme\",\"user\":\"u\","
                                "\"reason\":\"r\",\"enabled_at\":"
                                "\"2026-11-21T03:04:05.678901+00:00\","
                                "\"ttl\":60,\"host\":\"gpu1\"}")) == SOMA_OK
            && soma_str_is(lock.tenant, "acme") && soma_str_is(lock.user, "u")
            && soma_str_is(lock.reason, "r") && lock.enabled_at == NOW
            && lock.ttl_ms == 0, "another program's lock");

    soma_ok(soma_lock_parse(&lock, arena,
                            str("{\"tenant\":\"a b\",\"user\":7,"
                                "\"reason\":null,\"enabled_at\":\"today\"}"))
            == SOMA_OK && lock.tenant.len == 0 && lock.user.len == 0
            && lock.reason.len == 0 && lock.enabled_at == 0,
            "members that make no sense");

    for (i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        memset(&lock, 0xff, sizeof(lock));
        soma_ok(soma_lock_parse(&lock, arena, str(foreign[i]))
                == SOMA_DECLINED && lock.tenant.len == 0
                && lock.user.len == 0 && lock.reason.len == 0
                && lock.enabled_at == 0, "still locks: \"%s\"", foreign[i]);
    }

    soma_test_arena_free(arena);
}


static void
test_memory(void)
{
    size_t         n;
    char          *big;
    const char    *error;
    soma_str_t     body;
    soma_lock_t    lock;
    soma_arena_t  *arena;

    for (n = 1; n < 20; n++) {
        arena = soma_test_arena();
        soma_test_arena_fail(arena, n);
        error = "";

        if (soma_lock_request(&lock, arena, str("{" TENANT "}"), &error)
            == SOMA_OK)
        {
            soma_test_arena_free(arena);
            break;
        }

        soma_is_str(error, strlen(error),
                    "There is no memory to read the body.",
                    "allocation %zu fails", n);
        soma_is_int(soma_lock_parse(&lock, arena, str("{" TENANT "}")),
                    SOMA_ERROR, "so it does for Redis' value");
        soma_test_arena_free(arena);
    }

    soma_ok(n > 1 && n < 20, "with memory it goes");

    big = malloc(SOMA_LOCK_BODY_MAX + 1);
    memset(big, ' ', SOMA_LOCK_BODY_MAX + 1);
    memcpy(big, "{" TENANT "}", sizeof("{" TENANT "}") - 1);
    body.data = (unsigned char *) big;
    arena = soma_test_arena();

    body.len = SOMA_LOCK_BODY_MAX;
    soma_is_int(soma_lock_request(&lock, arena, body, &error), SOMA_OK,
                "the longest body");
    body.len = SOMA_LOCK_BODY_MAX + 1;
    soma_is_int(soma_lock_request(&lock, arena, body, &error), SOMA_ERROR,
                "too long a body");
    soma_is_int(soma_lock_parse(&lock, arena, body), SOMA_DECLINED,
                "too long a value still locks");

    soma_test_arena_free(arena);
    free(big);
}


static void
test_tenant(void)
{
    size_t  i;

    static const char *const  bad[] = {
        "", " ", "a b", "a:b", "{a}", "a*", "a\n", "\xc3\xa4", "a/b", "a?"
    };

    soma_ok(soma_lock_tenant_valid(str("a"))
            && soma_lock_tenant_valid(str("A-z_0.9")),
            "tenants");

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        soma_ok(!soma_lock_tenant_valid(str(bad[i])), "no tenant: \"%s\"",
                bad[i]);
    }

    soma_ok(!soma_lock_tenant_valid(SOMA_STR("a\0")), "no tenant with a NUL");
}


int
main(void)
{
    test_request();
    test_request_errors();
    test_bounds();
    test_json();
    test_parse();
    test_memory();
    test_tenant();

    return soma_done();
}
