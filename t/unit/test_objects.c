
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a request names of what a provider keeps for all tenants, and what is
 * remembered of whose it is.
 */


#include "soma_ask_test.h"
#include "soma_openai.h"
#include "soma_own.h"
#include "soma_test.h"


#define STR(s)  ((soma_str_t) { strlen(s), (unsigned char *) (s) })


static soma_arena_t  *arena;


/* "kind id kind id " of what is named; NULL: the request is refused */

static const struct {
    soma_api_e   api;
    const char  *body;
    const char  *want;
} cases[] = {
    { SOMA_API_RESPONSES, "{\"model\":\"m\",\"input\":\"x\"}", "" },
    { SOMA_API_RESPONSES, "{\"model\":\"m\","
      "\"previous_response_id\":\"resp_1\",\"conversation\":null}",
      "previous_response_id resp_1 " },
    { SOMA_API_RESPONSES, "{\"model\":\"m\","
      "\"previous_response_id\":\"re\\u0073p_1\"}",
      "previous_response_id resp_1 " },
    { SOMA_API_RESPONSES, "{\"model\":\"m\",\"conversation\":\"conv_1\"}",
      "conversation conv_1 " },
    { SOMA_API_RESPONSES, "{\"model\":\"m\",\"conversation\":"
      "{\"id\":\"conv_1\"}}", "conversation conv_1 " },
    { SOMA_API_RESPONSES, "{\"model\":\"m\",\"prompt\":{\"id\":\"pmpt_1\","
      "\"version\":\"2\",\"variables\":{\"id\":\"x\"}}}", "prompt pmpt_1 " },
    { SOMA_API_COMPLETIONS, "{\"model\":\"m\",\"prompt\":\"text\"}", "" },
    { SOMA_API_RESPONSES, "{\"model\":\"m\",\"input\":[{\"role\":\"user\","
      "\"content\":[{\"type\":\"input_file\",\"file_id\":\"file-1\"},"
      "{\"type\":\"input_image\",\"file_id\" : \"file-2\"}]}]}",
      "file_id file-1 file_id file-2 " },
    { SOMA_API_CHAT, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\","
      "\"content\":[{\"type\":\"file\",\"file\":{\"fil\\u0065_id\":"
      "\"file-1\"}}]}]}", "file_id file-1 " },
    { SOMA_API_CHAT, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\","
      "\"content\":\"say \\\"file_id\\\":\\\"x\\\" \\\\\"}]}", "" },
    { SOMA_API_RESPONSES, "{\"model\":\"m\",\"tools\":[{\"type\":"
      "\"file_search\",\"vector_store_ids\":[\"vs_1\" , \"vs_2\"]}]}",
      "vector_store_ids vs_1 vector_store_ids vs_2 " },
    { SOMA_API_RESPONSES, "{\"model\":\"m\",\"tools\":[{\"type\":"
      "\"code_interpreter\",\"container\":\"cntr_1\"}]}",
      "container cntr_1 " },
    { SOMA_API_RESPONSES, "{\"model\":\"m\",\"tools\":[{\"type\":"
      "\"code_interpreter\",\"container\":{\"type\":\"auto\",\"file_ids\":"
      "[\"file-1\"]}}]}", "file_id file-1 " },
    { SOMA_API_RESPONSES, "{\"model\":\"m\",\"tools\":[{\"type\":"
      "\"function\",\"parameters\":{\"properties\":{\"file_id\":{\"type\":"
      "\"string\"},\"container\":{\"type\":\"string\"}}}}]}", "" },
    { SOMA_API_RESPONSES, "{\"model\":\"m\",\"input\":[{\"type\":"
      "\"item_reference\",\"id\":\"msg_1\"}]}", "item_reference  " },
    { SOMA_API_RESPONSES, "{\"model\":\"m\",\"input\":[{\"id\":\"msg_1\"}]}",
      "item_reference  " },
    { SOMA_API_RESPONSES, "{\"model\":\"m\",\"input\":[{\"type\":null,"
      "\"id\":\"msg_1\"}]}", "item_reference  " },
    { SOMA_API_RESPONSES, "{\"model\":\"m\",\"input\":[{\"id\":\"rs_1\","
      "\"type\":\"reasoning\",\"summary\":[]},{\"role\":\"user\","
      "\"content\":\"x\"}]}", "" },
    { SOMA_API_RESPONSES, "{\"model\":\"m\",\"input\":[[\"x\"],{},{\"a\":"
      "[1,{\"id\":\"y\"}],\"content\":[]}]}", "" },

    { SOMA_API_RESPONSES, "{\"model\":\"m\",\"previous_response_id\":7}",
      NULL },
    { SOMA_API_RESPONSES, "{\"model\":\"m\",\"previous_response_id\":"
      "[\"resp_1\"]}", NULL },
    { SOMA_API_RESPONSES, "{\"model\":\"m\",\"conversation\":{\"id\":\"a\","
      "\"id\":\"b\"}}", NULL },
    { SOMA_API_RESPONSES, "{\"model\":\"m\",\"conversation\":{\"name\":"
      "\"a\"}}", NULL },
    { SOMA_API_RESPONSES, "{\"model\":\"m\",\"previous_response_id\":\"a\","
      "\"Previous_Response_Id\":\"b\"}", NULL }
};


static void
test_objects_named(void)
{
    size_t           i;
    unsigned         k;
    soma_out_t       out;
    unsigned char    buf[512];
    soma_test_ask_t  t;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        k = (soma_test_ask(&t, &soma_openai, cases[i].api,
                           STR(cases[i].body), arena)
             == SOMA_OK);

        if (cases[i].want == NULL) {
            soma_ok(!k, "%s is refused", cases[i].body);
            continue;
        }

        soma_put_init(&out, buf, sizeof(buf));

        for (k = 0; k < t.ask.nids; k++) {
            soma_put_str(&out, soma_policy_objects[t.ask.ids[k].kind]);
            soma_put_char(&out, ' ');
            soma_put_str(&out, t.ask.ids[k].id);
            soma_put_char(&out, ' ');
        }

        soma_is_str(buf, out.pos - out.start, cases[i].want, "%s names \"%s\"",
                    cases[i].body, cases[i].want);
    }
}


static void
test_objects_many(void)
{
    unsigned         n, k;
    soma_out_t       out;
    soma_str_t       body;
    unsigned char    buf[4096];
    soma_test_ask_t  t;

    for (n = SOMA_ASK_IDS_MAX; n <= SOMA_ASK_IDS_MAX + 1; n++) {

        soma_put_init(&out, buf, sizeof(buf));
        soma_put_cstr(&out, "{\"model\":\"m\",\"input\":[");

        for (k = 0; k < n; k++) {
            soma_put_cstr(&out, k ? "," : "");
            soma_put_cstr(&out, "{\"type\":\"input_file\",\"file_id\":\"f");
            soma_put_int(&out, k);
            soma_put_cstr(&out, "\"}");
        }

        soma_put_cstr(&out, "]}");

        body.data = buf;
        body.len = (size_t) (out.pos - out.start);

        soma_is_int(soma_test_ask(&t, &soma_openai, SOMA_API_RESPONSES, body,
                                  arena),
                    n <= SOMA_ASK_IDS_MAX ? SOMA_OK : SOMA_ERROR,
                    "%u files are %s", n,
                    n <= SOMA_ASK_IDS_MAX ? "taken" : "too many");
    }
}


static void
test_own(void)
{
    size_t         len;
    soma_own_t     own, back;
    unsigned char  buf[SOMA_OWN_VALUE_MAX], long_id[SOMA_OWN_ID_MAX + 1];
    unsigned char  one[SOMA_OWN_HASH], two[SOMA_OWN_HASH];

    soma_ok(soma_own_id(STR("resp_68c-A.1")), "a usual id");
    soma_ok(!soma_own_id(STR("")), "an empty one is nobody's");
    soma_ok(!soma_own_id(STR("..")), "nor is a path");
    soma_ok(!soma_own_id(STR("a/b")), "nor two segments of one");
    soma_ok(!soma_own_id(STR("a b")), "nor one with a blank");
    memset(long_id, 'a', sizeof(long_id));
    soma_ok(soma_own_id((soma_str_t) { SOMA_OWN_ID_MAX, long_id }),
            "the longest");
    soma_ok(!soma_own_id((soma_str_t) { SOMA_OWN_ID_MAX + 1, long_id }),
            "and a longer one");

    soma_is_int(soma_own_hash(STR("acme"), STR("resp_1"), one), SOMA_OK,
                "an id has a name");
    soma_is_int(soma_own_hash(STR("other"), STR("resp_1"), two), SOMA_OK,
                "for each tenant");
    soma_ok(memcmp(one, two, sizeof(one)) != 0, "another one");
    (void) soma_own_hash(STR("acm"), STR("eresp_1"), two);
    soma_ok(memcmp(one, two, sizeof(one)) != 0, "wherever it is cut");

    own.provider = STR("openai");
    own.model = STR("gpt 5/mini");
    own.tokens = 12345;
    len = soma_own_pack(&own, buf, sizeof(buf));

    soma_is_int(soma_own_unpack(&back, (soma_str_t) { len, buf }), SOMA_OK,
                "what is kept comes back");
    soma_is_str(back.provider.data, back.provider.len, "openai", "provider");
    soma_is_str(back.model.data, back.model.len, "gpt 5/mini", "model");
    soma_is_int(back.tokens, 12345, "tokens");

    soma_is_int(soma_own_pack(&own, buf, 10), 0, "what has no room is none");
    soma_is_int(soma_own_unpack(&back, STR("")), SOMA_ERROR, "nothing");
    soma_is_int(soma_own_unpack(&back, STR("a\nb")), SOMA_ERROR, "a part");
    soma_is_int(soma_own_unpack(&back, STR("\nb\n1")), SOMA_ERROR,
                "no provider");
    soma_is_int(soma_own_unpack(&back, STR("a\nb\n-1")), SOMA_ERROR,
                "fewer tokens than none");
}


int
main(void)
{
    arena = soma_test_arena();

    test_objects_named();
    test_objects_many();
    test_own();

    soma_test_arena_free(arena);

    return soma_done();
}
