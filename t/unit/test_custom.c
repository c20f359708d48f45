
/*
 * Copyright (C) The ngx_soma authors
 *
 * Custom tools at providers that know functions only.
 */


#define _GNU_SOURCE

#include "soma_custom.h"
#include "soma_pair_test.h"


static soma_arena_t  *arena;


static int
has(soma_str_t s, const char *what)
{
    return memmem(s.data, s.len, what, strlen(what)) != NULL;
}


/* arguments as text, in pieces that end before each of their units */

static soma_str_t
taken(const char *arguments, unsigned cut)
{
    size_t         i, n, len;
    soma_str_t     piece, whole;
    soma_custom_t  custom;
    soma_pieces_t  out;

    memset(&custom, 0, sizeof(soma_custom_t));
    soma_pieces_init(&out, arena);

    len = strlen(arguments);

    for (i = 0; i < len; i += n) {
        n = (arguments[i] != '\\') ? 1 : (arguments[i + 1] == 'u') ? 6 : 2;

        if (cut == 0) {
            n = len;
        }

        piece.data = (unsigned char *) (uintptr_t) (arguments + i);
        piece.len = n;
        soma_custom_take(&custom, &out, piece);
    }

    soma_custom_end(&custom, &out);

    return soma_pieces_whole(&out, &whole) == SOMA_OK ? whole : SOMA_STR("!");
}


static void
test_taken(void)
{
    size_t      i;
    unsigned    cut;
    soma_str_t  text;

    static const struct {
        const char  *arguments;
        const char  *text;
    } cases[] = {
        { "{\\\"input\\\":\\\"ls -l\\\"}", "ls -l" },
        { " { \\\"input\\\" :\\n\\\"a\\\" } ", "a" },
        { "{\\\"input\\\":\\\"a\\\\nb\\\\\\\"c\\\\\\\\\\\"}",
          "a\\nb\\\"c\\\\" },
        { "{\\\"input\\\":\\\"a\\nb\\\"}", "a\\nb" },
        { "{\\u0022input\\\":\\\"\\u00e9\\\\u00e9\\\\ud83d\\\\ude00\\\"}",
          "\\u00e9\\u00e9\\ud83d\\ude00" },
        { "{\\\"input\\\":\\\"\\\"}", "" },
        { "{\\\"input\\\":\\\"cut", "cut" },
        { "{}", "" },
        { "", "" },
        { "{\\\"inp", "{\\\"inp" },
        { "{\\\"other\\\":1}", "{\\\"other\\\":1}" },
        { "{\\\"input\\\":[1]}", "{\\\"input\\\":[1]}" },
        { "plain words", "plain words" },
        { "                                                                 "
          "        {\\\"input\\\":\\\"\\\"}",
          "                                                                 "
          "        {\\\"input\\\":\\\"\\\"}" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (cut = 0; cut < 2; cut++) {
            text = taken(cases[i].arguments, cut);
            soma_is_str(text.data, text.len, cases[i].text, "%s",
                        cases[i].arguments);
        }
    }
}


static const char  asked[] =
    "{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":\"go\"},"
    "{\"type\":\"custom_tool_call\",\"call_id\":\"c1\",\"name\":\"sh\","
    "\"input\":\"ls\\n\"},{\"type\":\"custom_tool_call_output\","
    "\"call_id\":\"c1\",\"output\":\"x\"}],\"stream\":true,\"tools\":["
    "{\"type\":\"custom\",\"name\":\"sh\",\"description\":\"shell\"}]}";


static const char  answered[] =
    "event: message_start\n"
    "data: {\"type\":\"message_start\",\"message\":{\"id\":\"a\","
    "\"model\":\"m\",\"usage\":{\"input_tokens\":1}}}\n\n"
    "event: content_block_start\n"
    "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":"
    "{\"type\":\"tool_use\",\"id\":\"c2\",\"name\":\"sh\",\"input\":{}}}\n\n"
    "event: content_block_delta\n"
    "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
    "\"input_json_delta\",\"partial_json\":\"{\\\"inp\"}}\n\n"
    "event: content_block_delta\n"
    "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
    "\"input_json_delta\",\"partial_json\":\"ut\\\": \\\"cat \\\\ud83d\"}}"
    "\n\n"
    "event: content_block_delta\n"
    "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
    "\"input_json_delta\",\"partial_json\":\"\\\\ude00\\\\\"}}\n\n"
    "event: content_block_delta\n"
    "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
    "\"input_json_delta\",\"partial_json\":\"n\\\"}\"}}\n\n"
    "event: content_block_stop\n"
    "data: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
    "event: message_delta\n"
    "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
    "\"tool_use\"},\"usage\":{\"output_tokens\":2}}\n\n"
    "event: message_stop\n"
    "data: {\"type\":\"message_stop\"}\n\n";


static void
test_pair(void)
{
    size_t      i;
    pair_t      pair;
    soma_str_t  s;

    static const size_t  steps[] = { 1, 7, 0 };

    s = pair_request(&pair, arena, "/v1/responses", SOMA_STR(asked),
                     &soma_anthropic);

    soma_ok(has(s, "\"input_schema\":" SOMA_CUSTOM_SCHEMA),
            "a tool of one string");
    soma_ok(has(s, "\"name\":\"sh\",\"input\":{\"input\":\"ls\\n\"}"),
       "its call of before");

    for (i = 0; i < 3; i++) {
        s = pair_answer(&pair, &soma_anthropic, SOMA_STR(answered), steps[i]);

        soma_ok(has(s, "\"type\":\"custom_tool_call\",\"call_id\":\"c2\","
                  "\"name\":\"sh\",\"input\":\"cat \\ud83d\\ude00\\n\"}"),
           "the text of a call");
        soma_ok(has(s, "response.custom_tool_call_input.delta"), "as it comes");
        soma_ok(!has(s, "{\\\"inp"), "without what it came in");
    }
}


int
main(void)
{
    arena = soma_test_arena();

    test_taken();
    test_pair();

    soma_test_arena_free(arena);

    return soma_test_done();
}
