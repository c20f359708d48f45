
/*
 * Copyright (C) The ngx_soma authors
 *
 * The cohere dialect: what its clients ask and are told, what its providers
 * are asked and say.
 */


#include "soma_cohere.h"
#include "soma_pair_test.h"


#define COHERE  "/v2/chat"
#define CHAT    "/v1/chat/completions"
#define CLAUDE  "/v1/messages"
#define HI      "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"


static soma_arena_t  *arena;


#define STR(s)  ((soma_str_t) { strlen(s), (unsigned char *) (uintptr_t) (s) })


static void
test_requests(void)
{
    size_t      i;
    pair_t      pair;
    soma_str_t  got;

    static const struct {
        const char            *path;
        const soma_dialect_t  *to;
        const char            *body;
        const char            *want;
    } cases[] = {
        { CHAT, &soma_cohere,
          "{\"model\":\"x\",\"messages\":[{\"role\":\"system\",\"content\":"
          "\"s\"},{\"role\":\"user\",\"content\":\"hi\"}],\"stop\":[\"a\"],"
          "\"max_tokens\":9,\"top_p\":0.5,\"seed\":1}",
          "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":"
          "\"s\"},{\"role\":\"user\",\"content\":\"hi\"}],\"stream\":false,"
          "\"stop_sequences\":[\"a\"],\"max_tokens\":9,\"p\":0.5,\"seed\":1}" },
        { CHAT, &soma_cohere,
          "{\"model\":\"x\"," HI ",\"tools\":[{\"type\":\"function\","
          "\"function\":{\"name\":\"f\"}},{\"type\":\"function\","
          "\"function\":{\"name\":\"g\",\"parameters\":{\"a\":1.0}}}],"
          "\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":"
          "\"g\"}}}",
          "{\"model\":\"m\"," HI ",\"stream\":false,\"tools\":[{\"type\":"
          "\"function\",\"function\":{\"name\":\"g\",\"parameters\":{\"a\":"
          "1.0}}}],\"tool_choice\":\"REQUIRED\"}" },
        { CHAT, &soma_cohere,
          "{\"model\":\"x\",\"messages\":[{\"role\":\"user\",\"content\":"
          "\"hi\"},{\"role\":\"assistant\",\"content\":null,\"tool_calls\":"
          "[{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\","
          "\"arguments\":\"\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c\","
          "\"content\":\"r\"}]}",
          "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
          "\"hi\"},{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c\","
          "\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":"
          "\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":"
          "\"r\"}],\"stream\":false}" },
        { CHAT, &soma_cohere, "{\"model\":\"x\"," HI ",\"n\":2}",
          "!n has no place in a request of Cohere's API" },
        { CHAT, &soma_cohere,
          "{\"model\":\"x\"," HI ",\"reasoning_effort\":\"none\"}",
          "{\"model\":\"m\"," HI ",\"stream\":false,\"thinking\":{\"type\":"
          "\"disabled\"}}" },
        { CHAT, &soma_cohere,
          "{\"model\":\"x\"," HI ",\"response_format\":{\"type\":"
          "\"json_object\"},\"tools\":[{\"type\":\"function\",\"function\":{"
          "\"name\":\"f\"}}]}",
          "!response_format has no place beside tools in a request of "
          "Cohere's API" },
        { CLAUDE, &soma_cohere,
          "{\"model\":\"x\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\","
          "\"content\":[{\"type\":\"document\",\"title\":\"t\",\"source\":{"
          "\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":\"d\"}},"
          "{\"type\":\"text\",\"text\":\"q\"}]}]}",
          "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{"
          "\"type\":\"text\",\"text\":\"q\"}]}],\"documents\":[{\"data\":{"
          "\"title\":\"t\",\"snippet\":\"d\"}}],\"stream\":false,"
          "\"max_tokens\":9}" },
        { CLAUDE, &soma_cohere,
          "{\"model\":\"x\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\","
          "\"content\":[{\"type\":\"document\",\"source\":{\"type\":"
          "\"base64\",\"media_type\":\"application/pdf\",\"data\":\"JVBERi0="
          "\"}}]}]}",
          "!application/pdf has no place in a request of Cohere's API" },

        { COHERE, &soma_openai,
          "{\"model\":\"x\",\"messages\":[{\"role\":\"system\",\"content\":"
          "\"s\"},{\"role\":\"user\",\"content\":\"hi\"},{\"role\":"
          "\"assistant\",\"tool_plan\":\"p\",\"tool_calls\":[{\"id\":\"c\","
          "\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":"
          "\"{\\\"a\\\": 1.0}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c\","
          "\"content\":[{\"type\":\"document\",\"document\":{\"data\":{\"k\":"
          "\"v\"}}}]}],\"p\":0.5,\"safety_mode\":\"CONTEXTUAL\","
          "\"stop_sequences\":[\"a\"]}",
          "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":"
          "\"s\"},{\"role\":\"user\",\"content\":\"hi\"},{\"role\":"
          "\"assistant\",\"content\":\"p\",\"tool_calls\":[{\"id\":\"c\","
          "\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":"
          "\"{\\\"a\\\": 1.0}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c\","
          "\"content\":\"{\\\"k\\\":\\\"v\\\"}\"}],\"stop\":[\"a\"],\"top_p\":"
          "0.5}" },
        { COHERE, &soma_openai,
          "{\"model\":\"x\"," HI ",\"documents\":[\"d\",{\"data\":{\"title\":"
          "\"t\",\"text\":\"e\"}}]}",
          "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{"
          "\"type\":\"text\",\"text\":\"d\"},{\"type\":\"text\",\"text\":"
          "\"t\\n\\ne\"},{\"type\":\"text\",\"text\":\"hi\"}]}]}" },
        { COHERE, &soma_openai,
          "{\"model\":\"x\"," HI ",\"safety_mode\":\"STRICT\"}",
          "!safety_mode has no place in a chat request of OpenAI's API" },
        { COHERE, &soma_openai,
          "{\"model\":\"x\"," HI ",\"tool_choice\":\"AUTO\"}",
          "! \"tool_choice\" must be \"REQUIRED\" or \"NONE\"" },
        { COHERE, &soma_openai,
          "{\"model\":\"x\",\"messages\":[{\"role\":\"bot\",\"content\":"
          "\"\"}]}",
          "! \"bot\" is no role of a message: there are system, user, "
          "assistant and tool" },
        { COHERE, &soma_openai, "{\"model\":\"x\",\"messages\":[]}",
          "! \"messages\" has nothing in it" },
        { COHERE, &soma_openai,
          "{\"model\":\"x\"," HI ",\"max_tokens\":\"9\"}",
          "! \"max_tokens\" must be a positive integer" },
        { COHERE, &soma_openai,
          "{\"model\":\"x\"," HI ",\"documents\":[{\"id\":\"d\"}]}",
          "! each of \"documents\" must be a string or have \"data\"" },
        { COHERE, &soma_openai,
          "{\"model\":\"x\",\"messages\":[{\"role\":\"user\",\"content\":[{"
          "\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;"
          "base64,JVBERi0xLjQK\"}}]}]}",
          "! \"image_url\" holds application/pdf, which is no image" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        got = pair_request(&pair, arena, cases[i].path, STR(cases[i].body),
                           cases[i].to);
        soma_is_str(got.data, got.len, cases[i].want, "request %zu", i);
    }
}


#define EVENT(type, more)                                                     \
    "event: " type "\ndata: {\"type\":\"" type "\"" more "}\n\n"

#define COHERE_STREAM                                                         \
    EVENT("message-start", ",\"id\":\"r\",\"delta\":{\"message\":{\"role\":"  \
          "\"assistant\",\"content\":[],\"tool_plan\":\"\"}}")                \
    EVENT("content-start", ",\"index\":0,\"delta\":{\"message\":{"            \
          "\"content\":{\"type\":\"thinking\",\"thinking\":\"\"}}}")          \
    EVENT("content-delta", ",\"index\":0,\"delta\":{\"message\":{"            \
          "\"content\":{\"thinking\":\"hm\"}}}")                              \
    EVENT("content-end", ",\"index\":0")                                      \
    EVENT("tool-plan-delta", ",\"delta\":{\"message\":{\"tool_plan\":"        \
          "\"I \\ud83e\\udd8a\"}}")                                           \
    EVENT("tool-call-start", ",\"index\":0,\"delta\":{\"message\":{"          \
          "\"tool_calls\":{\"id\":\"c\",\"type\":\"function\",\"function\":{" \
          "\"name\":\"f\",\"arguments\":\"\"}}}}")                            \
    EVENT("tool-call-delta", ",\"index\":0,\"delta\":{\"message\":{"          \
          "\"tool_calls\":{\"function\":{\"arguments\":\"{\\\"a\\\":1}\"}}}}") \
    EVENT("tool-call-end", ",\"index\":0")                                    \
    EVENT("message-end", ",\"delta\":{\"finish_reason\":\"TOOL_CALL\","       \
          "\"usage\":{\"billed_units\":{\"input_tokens\":1,"                  \
          "\"output_tokens\":1},\"tokens\":{\"input_tokens\":7,"              \
          "\"output_tokens\":5},\"cached_tokens\":2}}")                       \
    "data: [DONE]\n\n"


/* a provider's stream to a client of Anthropic's, and to one of its own that is
 * told by way of the inner form; in pieces of any size */

static void
test_streams(void)
{
    size_t      i;
    pair_t      pair;
    soma_str_t  got;

    static const size_t  steps[] = { 0, 1, 7 };

    static const char  want[] =
        EVENT("message-start", ",\"id\":\"r\",\"delta\":{\"message\":{"
              "\"role\":\"assistant\"}}")
        EVENT("content-start", ",\"index\":0,\"delta\":{\"message\":{"
              "\"content\":{\"type\":\"thinking\",\"thinking\":\"\"}}}")
        EVENT("content-delta", ",\"index\":0,\"delta\":{\"message\":{"
              "\"content\":{\"thinking\":\"hm\"}}}")
        EVENT("content-end", ",\"index\":0")
        EVENT("content-start", ",\"index\":1,\"delta\":{\"message\":{"
              "\"content\":{\"type\":\"thinking\",\"thinking\":\"\"}}}")
        EVENT("content-delta", ",\"index\":1,\"delta\":{\"message\":{"
              "\"content\":{\"thinking\":\"I \\ud83e\\udd8a\"}}}")
        EVENT("content-end", ",\"index\":1")
        EVENT("tool-call-start", ",\"index\":0,\"delta\":{\"message\":{"
              "\"tool_calls\":{\"id\":\"c\",\"type\":\"function\","
              "\"function\":{\"name\":\"f\",\"arguments\":\"\"}}}}")
        EVENT("tool-call-delta", ",\"index\":0,\"delta\":{\"message\":{"
              "\"tool_calls\":{\"function\":{\"arguments\":\"{\\\"a\\\":1}\""
              "}}}}")
        EVENT("tool-call-end", ",\"index\":0")
        EVENT("message-end", ",\"delta\":{\"finish_reason\":\"TOOL_CALL\","
              "\"usage\":{\"billed_units\":{\"input_tokens\":7,"
              "\"output_tokens\":5},\"tokens\":{\"input_tokens\":7,"
              "\"output_tokens\":5},\"cached_tokens\":2}}")
        "data: [DONE]\n\n";

    for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        soma_is_int(pair_ask(&pair, arena, COHERE,
                             STR("{\"model\":\"x\",\"stream\":true," HI "}")),
                    SOMA_OK, "it asks");
        soma_is_int(pair_read(&pair), SOMA_OK, "and is read");

        got = pair_answer(&pair, &soma_cohere, STR(COHERE_STREAM), steps[i]);
        soma_is_str(got.data, got.len, want, "a stream, step %zu", steps[i]);
        soma_ok(pair.over && !pair.failed, "with its end");
    }

    got = pair_answer(&pair, &soma_cohere,
                      STR(EVENT("message-end", ",\"delta\":{\"finish_reason\""
                                ":\"ERROR\",\"error\":\"oh\"}")), 0);
    soma_ok(pair.failed, "a failure: %.*s", (int) got.len, got.data);

    got = pair_answer(&pair, &soma_cohere,
                      STR(EVENT("message-start", ",\"id\":\"r\"")), 0);
    soma_ok(!pair.over, "one that is cut: %.*s", (int) got.len, got.data);
}


static void
test_whole(void)
{
    pair_t      pair;
    soma_str_t  got;

    soma_is_int(pair_ask(&pair, arena, COHERE,
                         STR("{\"model\":\"x\"," HI "}")), SOMA_OK, "asks");
    soma_is_int(pair_read(&pair), SOMA_OK, "and is read");

    got = pair_answer(&pair, &soma_cohere,
                      STR("{\"id\":\"r\",\"message\":{\"role\":\"assistant\","
                          "\"content\":[{\"type\":\"text\",\"text\":\"Hi\"}],"
                          "\"tool_calls\":null},\"finish_reason\":"
                          "\"MAX_TOKENS\",\"usage\":{\"tokens\":{"
                          "\"input_tokens\":7,\"output_tokens\":5}}}"), 0);
    soma_is_str(got.data, got.len,
                "{\"id\":\"r\",\"message\":{\"role\":\"assistant\","
                "\"content\":[{\"type\":\"text\",\"text\":\"Hi\"}]},"
                "\"finish_reason\":\"MAX_TOKENS\",\"usage\":{\"billed_units\":"
                "{\"input_tokens\":7,\"output_tokens\":5},\"tokens\":{"
                "\"input_tokens\":7,\"output_tokens\":5},\"cached_tokens\":0}}"
                "\n", "a whole answer");

    (void) pair_answer(&pair, &soma_cohere, STR("{\"message\":\"no\"}"), 0);
    soma_ok(pair.failed, "an error");
}


/* signatures of another provider's come back in a call's id */

static void
test_seals(void)
{
    char        id[512], body[2048];
    pair_t      pair;
    soma_str_t  got;
    const char *at;

    static const char  stream[] =
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":"
        "{\"id\":\"r\",\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\n"
        "event: content_block_start\ndata: {\"type\":\"content_block_start\","
        "\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":"
        "\"\",\"signature\":\"\"}}\n\n"
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\","
        "\"index\":0,\"delta\":{\"type\":\"signature_delta\",\"signature\":"
        "\"SIG=\"}}\n\n"
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\","
        "\"index\":0}\n\n"
        "event: content_block_start\ndata: {\"type\":\"content_block_start\","
        "\"index\":1,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t\","
        "\"name\":\"f\",\"input\":{}}}\n\n"
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\","
        "\"index\":1}\n\n"
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{"
        "\"stop_reason\":\"tool_use\"},\"usage\":{\"output_tokens\":2}}\n\n"
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

    (void) pair_ask(&pair, arena, COHERE,
                    STR("{\"model\":\"x\",\"stream\":true," HI "}"));
    (void) pair_read(&pair);

    got = pair_answer(&pair, &soma_anthropic, STR(stream), 0);
    at = strstr((const char *) got.data, "\"id\":\"t~.");

    soma_ok(at != NULL, "it goes along: %.*s", (int) got.len, got.data);

    if (at == NULL) {
        return;
    }

    snprintf(id, sizeof(id), "%.*s", (int) strcspn(at + 6, "\""), at + 6);
    snprintf(body, sizeof(body), "{\"model\":\"x\",\"max_tokens\":9,"
             "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":"
             "\"assistant\",\"tool_calls\":[{\"id\":\"%s\",\"type\":"
             "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}"
             "]},{\"role\":\"tool\",\"tool_call_id\":\"%s\",\"content\":\"r\"}"
             "]}", id, id);

    got = pair_request(&pair, arena, COHERE, STR(body), &soma_anthropic);
    soma_ok(strstr((const char *) got.data, "\"signature\":\"SIG=\"") != NULL
            && strstr((const char *) got.data, "\"id\":\"t\"") != NULL
            && strstr((const char *) got.data, "\"tool_use_id\":\"t\"")
               != NULL,
            "and back: %.*s", (int) got.len, got.data);
}


static soma_answer_t  answer;

static int
meter(const char *bytes, size_t step, int64_t *input, int64_t *output)
{
    int                rc;
    size_t             n, len;
    pair_t             pair;
    soma_reader_t      reader;

    (void) pair_ask(&pair, arena, COHERE, STR("{\"model\":\"x\"," HI "}"));

    memset(&answer, 0, sizeof(answer));
    memset(&reader, 0, sizeof(reader));
    answer.api = SOMA_API_CHAT;

    rc = SOMA_AGAIN;
    len = strlen(bytes);

    for (n = 0; n < len && rc == SOMA_AGAIN; n += step) {
        rc = soma_cohere.body(&answer, &reader,
                              (const unsigned char *) bytes + n,
                              len - n < step ? len - n : step);
    }

    *input = answer.usage.input_tokens;
    *output = answer.usage.output_tokens;

    return rc;
}


static void
test_books(void)
{
    int64_t     input, output;
    size_t      step;
    soma_out_t  out;
    soma_ask_t  ask;
    soma_look_t    look;
    soma_usage_t   usage;
    unsigned char  buf[1024];

    for (step = 1; step < 300; step += 13) {
        soma_is_int(meter("{\"id\":\"r\",\"message\":{\"content\":[{\"type\":"
                          "\"text\",\"text\":\"Hi\"}]},\"finish_reason\":"
                          "\"COMPLETE\",\"usage\":{\"billed_units\":{"
                          "\"input_tokens\":1,\"output_tokens\":1},\"tokens\":"
                          "{\"input_tokens\":70,\"output_tokens\":50}}}",
                          step, &input, &output), SOMA_OK, "step %zu", step);
        soma_ok(input == 70 && output == 50 && answer.usage.known
                && answer.finished && answer.formed && !answer.failed
                && answer.text_len == 2, "what it used");
    }

    (void) meter("{\"message\":{},\"usage\":{\"billed_units\":{"
                 "\"input_tokens\":3,\"output_tokens\":4}}}", 1000, &input,
                 &output);
    soma_ok(input == 3 && output == 4, "what is billed stands in for it");

    (void) meter("{\"id\":\"r\",\"results\":[{\"index\":0}],\"meta\":{"
                 "\"billed_units\":{\"search_units\":2}}}", 7, &input,
                 &output);
    soma_ok(answer.usage.queries == 2 && answer.usage.known && answer.formed,
            "ranks");

    (void) meter("{\"id\":\"r\",\"embeddings\":{\"float\":[[0.5]]},"
                 "\"meta\":{\"billed_units\":{\"input_tokens\":3}}}", 5,
                 &input, &output);
    soma_ok(input == 3 && output == 0 && answer.formed && !answer.failed,
            "vectors");

    (void) meter("{\"message\":\"no such model\"}", 1000, &input, &output);
    soma_ok(answer.failed && !answer.usage.known, "an error");

    memset(&answer, 0, sizeof(answer));
    memset(&ask, 0, sizeof(ask));
    memset(&usage, 0, sizeof(usage));
    answer.progress.sequence = soma_cohere_open(SOMA_COHERE_CALL, 3);
    usage.input_tokens = 7;
    usage.output_tokens = 5;

    soma_put_init(&out, buf, sizeof(buf));
    soma_cohere.cut(&out, &ask, &answer, &usage, -1);
    soma_is_str(buf, (size_t) (out.pos - buf),
                EVENT("tool-call-end", ",\"index\":3")
                EVENT("message-end", ",\"delta\":{\"finish_reason\":"
                      "\"MAX_TOKENS\",\"usage\":{\"tokens\":{"
                      "\"input_tokens\":7,\"output_tokens\":5},"
                      "\"cached_tokens\":0}}")
                "data: [DONE]\n\n", "what ends one that is cut");

    memset(&look, 0, sizeof(look));
    look.api = SOMA_API_CHAT;
    look.whole = 1;
    look.text = STR("{\"message\":\"no\"}");
    soma_is_int(soma_cohere.verdict(&look), SOMA_VERDICT_ERROR, "an error");
    look.text = STR("{\"id\":\"r\",\"message\":{},\"finish_reason\":\"x\"}");
    soma_is_int(soma_cohere.verdict(&look), SOMA_VERDICT_GOOD, "an answer");
    look.text = STR("<html>");
    soma_is_int(soma_cohere.verdict(&look), SOMA_VERDICT_NONE, "nothing");
}


int
main(void)
{
    arena = soma_test_arena();

    test_requests();
    test_streams();
    test_whole();
    test_seals();
    test_books();

    soma_test_arena_free(arena);

    return soma_test_done();
}
