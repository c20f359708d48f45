
/*
 * Copyright (C) The ngx_soma authors
 *
 * How long an answer may be: said to the provider by its own name alone, with
 * the number that is reserved.
 */


#include "soma_ask_test.h"
#include "soma_test.h"


#define STR(s)  ((soma_str_t) { strlen(s), (unsigned char *) (s) })


static soma_arena_t  *arena;


typedef struct {
    soma_api_e   api;
    unsigned     newer;
    int64_t      bound;         /* by the limits */
    const char  *body;
    const char  *want;
} bound_case_t;


static const bound_case_t  cases[] = {
    { SOMA_API_CHAT, 0, 0, "{\"model\":\"m\",\"max_completion_tokens\":1}",
      "{\"model\":\"m\",\"max_tokens\":1}" },
    { SOMA_API_CHAT, 1, 0, "{\"max_tokens\": 1 , \"model\":\"m\"}",
      "{\"max_completion_tokens\":1 , \"model\":\"m\"}" },

    /* what is right stays as it lies, byte for byte */

    { SOMA_API_CHAT, 0, 0, "{ \"model\":\"m\" , \"max_tokens\" : 7.0 }",
      "{ \"model\":\"m\" , \"max_tokens\" : 7.0 }" },
    { SOMA_API_CHAT, 1, 9, "{\"model\":\"m\",\"max_tokens\":null,"
      "\"max_completion_tokens\":7}",
      "{\"model\":\"m\",\"max_tokens\":null,\"max_completion_tokens\":7}" },

    /* both names: one goes, wherever it stands, with one comma */

    { SOMA_API_CHAT, 0, 0, "{\"max_completion_tokens\":9,\"max_tokens\":1,"
      "\"model\":\"m\"}",
      "{\"max_tokens\":9,\"model\":\"m\"}" },
    { SOMA_API_CHAT, 1, 0, "{\"max_completion_tokens\":9,\"max_tokens\":1,"
      "\"model\":\"m\"}",
      "{\"max_completion_tokens\":9,\"model\":\"m\"}" },
    { SOMA_API_CHAT, 0, 0, "{\"model\":\"m\",\"max_tokens\":9 ,\n\t"
      "\"max_completion_tokens\" : 1 }",
      "{\"model\":\"m\",\"max_tokens\":9  }" },
    { SOMA_API_CHAT, 0, 0, "{\"max_completion_tokens\":9 , "
      "\"max_output_tokens\":3,\"max_tokens\":1,\"model\":\"m\"}",
      "{ \"max_tokens\":9,\"model\":\"m\"}" },
    { SOMA_API_CHAT, 0, 0, "{\"max_output_tokens\":8,"
      "\"max_completion_tokens\":9,\"model\":\"m\"}",
      "{\"max_tokens\":9,\"model\":\"m\"}" },
    { SOMA_API_CHAT, 0, 0, "{\"model\":\"m\",\"max_completion_tokens\":4,"
      "\"max_output_tokens\":3,\"max_tokens\":4}",
      "{\"model\":\"m\",\"max_tokens\":4}" },
    { SOMA_API_CHAT, 0, 0, "{\"max_completion_tokens\":9,\"model\":\"m\","
      "\"stream\":true,\"max_tokens\":9}",
      "{\"stream_options\":{\"include_usage\":true},\"model\":\"m\","
      "\"stream\":true,\"max_tokens\":9}" },

    /* -1 says nothing; where the limits do, their word stands for it */

    { SOMA_API_CHAT, 0, 0, "{\"model\":\"m\",\"max_tokens\":-1}",
      "{\"model\":\"m\",\"max_tokens\":-1}" },
    { SOMA_API_CHAT, 0, 50, "{\"model\":\"m\",\"max_tokens\":-1}",
      "{\"model\":\"m\",\"max_tokens\":50}" },
    { SOMA_API_CHAT, 1, 50, "{\"model\":\"m\",\"max_tokens\":-1}",
      "{\"model\":\"m\",\"max_completion_tokens\":50}" },
    { SOMA_API_CHAT, 0, 0, "{\"model\":\"m\",\"max_tokens\":-1,"
      "\"max_completion_tokens\":3}",
      "{\"model\":\"m\",\"max_tokens\":3}" },

    /* a number that is larger than any answer is said as it is reserved */

    { SOMA_API_CHAT, 0, 0, "{\"model\":\"m\",\"max_tokens\":5e12}",
      "{\"model\":\"m\",\"max_tokens\":1000000000}" },

    { SOMA_API_COMPLETIONS, 1, 50, "{\"model\":\"m\","
      "\"max_completion_tokens\":3}", "{\"model\":\"m\",\"max_tokens\":50}" },
    { SOMA_API_RESPONSES, 0, 50, "{\"model\":\"m\",\"max_tokens\":3}",
      "{\"model\":\"m\",\"max_output_tokens\":50}" },
    { SOMA_API_RESPONSES, 0, 0, "{\"model\":\"m\",\"max_tokens\":99,"
      "\"max_output_tokens\":5}", "{\"model\":\"m\",\"max_output_tokens\":5}" },
    { SOMA_API_EMBEDDINGS, 0, 50, "{\"model\":\"m\",\"max_tokens\":3}",
      "{\"model\":\"m\",\"max_tokens\":3}" }
};


static void
test_bound_said(void)
{
    size_t           i;
    soma_str_t       s;
    soma_test_ask_t  t;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        soma_is_int(soma_test_ask(&t, &soma_openai, cases[i].api,
                                  STR(cases[i].body), arena),
                    SOMA_OK, "ask: %s", cases[i].body);

        t.ask.bound = cases[i].bound;
        t.ask.newer_bound = cases[i].newer;

        s = soma_test_encode(&t, &soma_openai, STR("m"), arena);
        soma_is_str(s.data, s.len, cases[i].want, "is told as %s",
                    cases[i].want);
    }
}


/* white space has no bound, what looks for a comma in it does not give up */

static void
test_bound_spaces(void)
{
    soma_str_t       body, s;
    soma_test_ask_t  t;
    unsigned char    buf[4096], want[4096];

    body.data = buf;
    body.len = (size_t) snprintf((char *) buf, sizeof(buf),
        "{%1000s\"max_output_tokens\":9%1000s,%1000s\"max_tokens\":5%700s,"
        "\"model\":\"m\"}", "", "", "", "");

    soma_is_int(soma_test_ask(&t, &soma_openai, SOMA_API_CHAT, body, arena),
                SOMA_OK, "a body of white space");

    s = soma_test_encode(&t, &soma_openai, STR("m"), arena);

    (void) snprintf((char *) want, sizeof(want),
                    "{%1000s%1000s\"max_tokens\":5%700s,\"model\":\"m\"}",
                    "", "", "");
    soma_is_str(s.data, s.len, (char *) want, "loses one member of it");

    soma_test_arena_fail(arena, 1);
    t.ask.max_tokens = 6;
    soma_is_int(soma_openai.splice(&t.ask, STR("m"), arena, soma_test_value,
                                   &t.body, &t.edits),
                SOMA_ERROR, "without memory nothing is told");
    soma_test_arena_fail(arena, 0);
}


int
main(void)
{
    arena = soma_test_arena();

    test_bound_said();
    test_bound_spaces();

    soma_test_arena_free(arena);

    return soma_done();
}
