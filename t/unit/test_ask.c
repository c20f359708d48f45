
/*
 * Copyright (C) The ngx_soma authors
 *
 * How many answers a request asks for, at the most.
 */


#include "soma_ask_test.h"
#include "soma_test.h"


#define BODY_MAX  (65537 * 3 + 256)
#define HEAD      67    /* bytes up to the second prompt */


/* the most answers there can be, of the most tokens, are still a number */

static void
test_ask_prompts(soma_arena_t *arena)
{
    int              rc;
    unsigned         n;
    soma_out_t       out;
    soma_str_t       body;
    soma_test_ask_t  t;

    body.data = arena->alloc(arena->data, BODY_MAX);

    for (n = 65536; n <= 65537; n++) {

        soma_put_init(&out, body.data, BODY_MAX);
        soma_put_cstr(&out, "{\"model\":\"m\",\"best_of\":1024,"
                            "\"max_tokens\":9000000000000,\"prompt\":[\"\"");

        while (out.pos < out.start + HEAD + 3 * (n - 1)) {
            soma_put_cstr(&out, ",\"\"");
        }

        soma_put_cstr(&out, "]}");
        body.len = (size_t) (out.pos - out.start);

        rc = soma_test_ask(&t, &soma_openai, SOMA_API_COMPLETIONS, body,
                           arena);

        if (n == 65536) {
            soma_is_int(rc, SOMA_OK, "the most prompts");
            soma_is_int(t.ask.prompts, 65536, "are counted");
            soma_ok(t.ask.max_tokens <= INT64_MAX / t.ask.n / t.ask.prompts,
                    "times all that is asked for each is no overflow");

        } else {
            soma_is_int(rc, SOMA_ERROR, "one more is refused");
            soma_ok(t.error != NULL && strstr(t.error, "65536 texts") != NULL,
                    "with the number that is allowed");
        }
    }
}


/* lists of numbers, and what they are mixed with */

static void
test_ask_mixed(soma_arena_t *arena)
{
    size_t           i;
    soma_out_t       out;
    soma_str_t       body;
    unsigned char    buf[256];
    soma_test_ask_t  t;

    static const struct {
        const char  *prompt;
        int64_t      prompts;
    } list[] = {
        { "[]", 1 },
        { "[15339]", 1 },
        { "[15339, 1917,0]", 1 },
        { "[\"a\",\"b\"]", 2 },
        { "[\"a\",5,\"b\",\"c\"]", 4 },
        { "[5,\"a\",\"b\"]", 3 },
        { "[1,[2,3],[4]]", 3 },
        { "[[1,2],[3]]", 2 },
        { "[5,null,true]", 3 }
    };

    for (i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        soma_put_init(&out, buf, sizeof(buf));
        soma_put_cstr(&out, "{\"model\":\"m\",\"prompt\":");
        soma_put_cstr(&out, list[i].prompt);
        soma_put_char(&out, '}');

        body.data = buf;
        body.len = (size_t) (out.pos - out.start);

        soma_is_int(soma_test_ask(&t, &soma_openai, SOMA_API_COMPLETIONS,
                                  body, arena),
                    SOMA_OK, "%s", list[i].prompt);
        soma_is_int(t.ask.prompts > 1 ? t.ask.prompts : 1, list[i].prompts,
                    "its prompts");
    }
}


int
main(void)
{
    soma_arena_t  *arena;

    arena = soma_test_arena();

    test_ask_prompts(arena);
    test_ask_mixed(arena);

    soma_test_arena_free(arena);

    return soma_done();
}
