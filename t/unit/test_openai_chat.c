
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a chat of OpenAI's API carries beside words: signatures, forms of
 * before, namespaces, names that do not fit.
 */


#define _GNU_SOURCE

#include "soma_pair_test.h"


#define STR(s)  ((soma_str_t) { strlen(s), (unsigned char *) (s) })


static soma_arena_t  *arena;


static int
has(soma_str_t s, const char *what)
{
    return memmem(s.data, s.len, what, strlen(what)) != NULL;
}


/* a copy of what stands between two texts */

static const char *
between(soma_str_t s, const char *before, const char *after)
{
    char        *copy;
    const char  *p, *end;

    p = memmem(s.data, s.len, before, strlen(before));

    if (p == NULL) {
        return "(nothing)";
    }

    p += strlen(before);
    end = memmem(p, (size_t) ((char *) s.data + s.len - p), after,
                 strlen(after));

    if (end == NULL) {
        return "(no end)";
    }

    copy = arena->alloc(arena->data, (size_t) (end - p) + 1);
    memcpy(copy, p, (size_t) (end - p));
    copy[end - p] = '\0';

    return copy;
}


static const struct {
    const char            *path;
    const soma_dialect_t  *to;
    unsigned               facts;
    const char            *body;
    const char            *want;        /* has it; "!" ...: it is that */
} requests[] = {

    { "/v1/chat/completions", &soma_anthropic, 0,
      "{\"model\":\"x\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"},"
      "{\"role\":\"assistant\",\"content\":null,\"function_call\":{\"name\":"
      "\"f\",\"arguments\":\"{}\"}},{\"role\":\"function\",\"name\":\"f\","
      "\"content\":\"r\"}],\"functions\":[{\"name\":\"f\",\"parameters\":"
      "{\"type\":\"object\"}}],\"function_call\":{\"name\":\"f\"}}",
      "{\"type\":\"tool_use\",\"id\":\"call_2_f\",\"name\":\"f\",\"input\":"
      "{}}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\","
      "\"tool_use_id\":\"call_2_f\",\"content\":\"r\"}]}],\"tools\":[{"
      "\"name\":\"f\",\"input_schema\":{\"type\":\"object\"}}],"
      "\"tool_choice\":{\"type\":\"tool\",\"name\":\"f\"}" },

    { "/v1/responses", &soma_anthropic, 0,
      "{\"model\":\"x\",\"input\":[{\"role\":\"user\",\"content\":\"a\"},{"
      "\"type\":\"function_call\",\"call_id\":\"c\",\"namespace\":\"n\","
      "\"name\":\"f\",\"arguments\":\"{}\"}],\"tools\":[{\"type\":"
      "\"namespace\",\"name\":\"n\",\"tools\":[{\"type\":\"function\","
      "\"name\":\"f\"},{\"type\":\"function\",\"name\":\"g\"}]}],"
      "\"tool_choice\":{\"type\":\"function\",\"namespace\":\"n\",\"name\":"
      "\"g\"}}",
      "\"name\":\"n__f\",\"input\":{}}]}],\"tools\":[{\"name\":\"n__f\","
      "\"input_schema\":{\"type\":\"object\",\"properties\":{}}},{\"name\":"
      "\"n__g\",\"input_schema\":{\"type\":\"object\",\"properties\":{}}}],"
      "\"tool_choice\":{\"type\":\"tool\",\"name\":\"n__g\"}" },

    { "/v1/messages", &soma_openai, 0,
      "{\"model\":\"x\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\","
      "\"content\":\"a\"},{\"role\":\"assistant\",\"content\":[{\"type\":"
      "\"thinking\",\"thinking\":\"t\",\"signature\":\"\"},{\"type\":"
      "\"thinking\",\"thinking\":\"theirs\",\"signature\":\"sig\"}]},{"
      "\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\","
      "\"thinking\":\"theirs\",\"signature\":\"sig\"}]},{\"role\":\"user\","
      "\"content\":\"b\"}],\"tools\":[{\"name\":\"a.b\",\"cache_control\":"
      "{\"type\":\"ephemeral\"}}],\"tool_choice\":{\"type\":\"tool\","
      "\"name\":\"a.b\"}}",
      "\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":"
      "\"assistant\",\"content\":\"\",\"reasoning_content\":\"t\"},{"
      "\"role\":\"user\",\"content\":\"b\"}],\"max_tokens\":9,\"tools\":[{"
      "\"type\":\"function\",\"function\":{\"name\":\"a_b_" },

    { "/v1/messages", &soma_openai, SOMA_FACT_DEVELOPER,
      "{\"model\":\"x\",\"max_tokens\":9,\"system\":\"s\",\"messages\":[{"
      "\"role\":\"user\",\"content\":\"a\"}]}",
      "{\"role\":\"developer\",\"content\":\"s\"}" },

    { "/v1/messages", &soma_openai, SOMA_FACT_NO_SAMPLING,
      "{\"model\":\"x\",\"max_tokens\":9,\"temperature\":0.5,\"messages\":[{"
      "\"role\":\"user\",\"content\":\"a\"}]}",
      "!temperature is not taken by this model" },

    { "/v1/messages", &soma_openai, SOMA_FACT_NO_SAMPLING,
      "{\"model\":\"x\",\"max_tokens\":9,\"temperature\":1,\"messages\":[{"
      "\"role\":\"user\",\"content\":\"a\"}]}",
      "\"max_tokens\":9}" },

    { "/v1/messages", &soma_openai, SOMA_FACT_NO_IMAGES,
      "{\"model\":\"x\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\","
      "\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"url\","
      "\"url\":\"https://e.org\"}}]}]}",
      "!an image is not taken by this model" },

    { "/v1/messages", &soma_openai, 0,
      "{\"model\":\"x\",\"max_tokens\":9,\"stop_sequences\":[\"1\",\"2\","
      "\"3\",\"4\",\"5\"],\"messages\":[{\"role\":\"user\",\"content\":"
      "\"a\"}]}",
      "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
      "\"a\"}],\"max_tokens\":9,\"stop\":[\"1\",\"2\",\"3\",\"4\"]}" },

    { "/v1/chat/completions", &soma_anthropic, 0,
      "{\"model\":\"x\",\"modalities\":[\"text\"],\"reasoning\":{"
      "\"max_tokens\":2048},\"max_tokens\":9000,\"messages\":[{\"role\":"
      "\"user\",\"content\":\"a\"}]}",
      "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2048}" },

    { "/v1/chat/completions", &soma_anthropic, 0,
      "{\"model\":\"x\",\"modalities\":[\"text\",\"audio\"],\"messages\":[{"
      "\"role\":\"user\",\"content\":\"a\"}]}",
      "!modalities has no place in a request of Anthropic's API" }
};


static void
test_requests(void)
{
    size_t      i;
    pair_t      pair;
    soma_str_t  s;

    for (i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {

        if (pair_ask(&pair, arena, requests[i].path, STR(requests[i].body))
            != SOMA_OK
            || pair_read(&pair) != SOMA_OK)
        {
            soma_ok(0, "request %zu: %s", i, pair.error);
            continue;
        }

        pair.loss.facts = requests[i].facts;
        s = pair_write(&pair, requests[i].to);

        if (requests[i].want[0] == '!') {
            soma_is_str(s.data, s.len, requests[i].want, "refused: %zu", i);

        } else if (!soma_ok(has(s, requests[i].want), "request %zu", i)) {
            printf("# %.*s\n", (int) s.len, s.data);
        }
    }
}


#define ASK(model, more)                                                      \
    "{\"model\":\"" model "\",\"max_tokens\":9,\"stream\":true," more         \
    "\"messages\":[{\"role\":\"user\",\"content\":\"a\"}"


/* Anthropic's thoughts to a client of chats, and back */

static void
test_thoughts(void)
{
    pair_t       pair;
    const char  *seal;
    char         body[2048];
    soma_str_t   s;

    static const char  said[] =
        "data: {\"type\":\"message_start\",\"message\":{\"id\":\"m\"}}\n\n"
        "data: {\"type\":\"content_block_start\",\"index\":0,"
        "\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\"}}\n\n"
        "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{"
        "\"type\":\"thinking_delta\",\"thinking\":\"hm\"}}\n\n"
        "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{"
        "\"type\":\"signature_delta\",\"signature\":\"SIG==\"}}\n\n"
        "data: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
        "data: {\"type\":\"content_block_start\",\"index\":1,"
        "\"content_block\":{\"type\":\"redacted_thinking\",\"data\":"
        "\"RED\"}}\n\n"
        "data: {\"type\":\"content_block_stop\",\"index\":1}\n\n"
        "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
        "\"end_turn\"},\"usage\":{\"output_tokens\":2}}\n\n"
        "data: {\"type\":\"message_stop\"}\n\n";

    (void) pair_request(&pair, arena, "/v1/chat/completions",
                        STR(ASK("x", "") "]}"), &soma_anthropic);
    s = pair_answer(&pair, &soma_anthropic, STR(said), 7);

    soma_ok(has(s, "\"reasoning_content\":\"hm\""), "its words");

    seal = between(s, "\"reasoning_details\":[", "]}");
    soma_ok(strstr(seal, "\"text\":\"hm\",\"signature\":\"soma1|s|anthropic|"
                         "SIG==\"") != NULL, "sealed: %s", seal);
    soma_ok(has(s, "{\"type\":\"reasoning.encrypted\",\"data\":"
                   "\"soma1|o|anthropic|RED\""), "what is redacted");

    snprintf(body, sizeof(body),
             ASK("x", "") ",{\"role\":\"assistant\",\"content\":\"b\","
             "\"reasoning_content\":\"hm\",\"reasoning_details\":[%s,{"
             "\"type\":\"reasoning.encrypted\",\"data\":"
             "\"soma1|o|anthropic|RED\"}]},{\"role\":\"user\",\"content\":"
             "\"c\"}]}", seal);
    s = pair_request(&pair, arena, "/v1/chat/completions", STR(body),
                     &soma_anthropic);

    soma_ok(has(s, "[{\"type\":\"thinking\",\"thinking\":\"hm\","
                   "\"signature\":\"SIG==\"},{\"type\":"
                   "\"redacted_thinking\",\"data\":\"RED\"},{\"type\":"
                   "\"text\",\"text\":\"b\"}]"), "back as it was");

    s = pair_request(&pair, arena, "/v1/chat/completions", STR(body),
                     &soma_openai_responses);
    soma_ok(!has(s, "RED") && !has(s, "hm"), "and to nobody else");
}


/* a signature of a call, in all of its places */

static void
test_calls(void)
{
    size_t              i;
    pair_t              pair;
    const char         *id;
    char                body[4096];
    soma_str_t          s;
    soma_inner_event_t  event;

    (void) pair_request(&pair, arena, "/v1/chat/completions",
                        STR(ASK("x", "") "]}"), &soma_anthropic);
    (void) pair_answer(&pair, &soma_anthropic, STR(""), 0);

    for (i = 0; i < 6; i++) {
        memset(&event, 0, sizeof(event));
        event.kind = SOMA_INNER_CALL;
        event.event = (i == 0) ? SOMA_INNER_START
                      : (i == 1) ? SOMA_INNER_BEGIN
                      : (i == 2) ? SOMA_INNER_SIGNATURE
                      : (i == 3) ? SOMA_INNER_DELTA
                      : (i == 4) ? SOMA_INNER_CLOSE : SOMA_INNER_FINISH;
        event.id = SOMA_STR("c1");
        event.name = SOMA_STR("f");
        event.maker = SOMA_STR("gemini");
        event.text = (i == 2) ? SOMA_STR("S+/=") : SOMA_STR("{}");
        (void) pair_sink(&pair, &event);
    }

    soma_ok(soma_pieces_whole(&pair.told, &s) == SOMA_OK
            && has(s, "\"extra_content\":{\"google\":{"
                      "\"thought_signature\":\"soma1|s|gemini|S+/=\"}}"),
            "beside the call");

    id = between(s, "\"id\":\"call_", "\"");
    soma_ok(strncmp(id, "0~", 2) == 0, "and in its id: call_%s", id);

    /* all that most clients send back */

    snprintf(body, sizeof(body),
             ASK("x", "") ",{\"role\":\"assistant\",\"content\":null,"
             "\"tool_calls\":[{\"id\":\"call_%s\",\"type\":\"function\","
             "\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]},{\"role\":"
             "\"tool\",\"tool_call_id\":\"call_%s\",\"content\":\"r\"}]}",
             id, id);

    (void) pair_ask(&pair, arena, "/v1/chat/completions", STR(body));
    soma_is_int(pair_read(&pair), SOMA_OK, "it is read");

    soma_ok(soma_str_is(pair.request.turns->next->blocks->signature, "S+/=")
            && soma_str_is(pair.request.turns->next->blocks->maker, "gemini")
            && soma_str_is(pair.request.turns->next->blocks->arguments, "{}"),
            "and back with its maker");

    s = pair_write(&pair, &soma_anthropic);
    soma_ok(has(s, "\"id\":\"call_") && !has(s, "~"), "others' ids fit");
}


/* what a server that is like OpenAI's signs goes through Anthropic's clients */

static void
test_through(void)
{
    pair_t      pair;
    soma_str_t  s;

    (void) pair_request(&pair, arena, "/v1/messages", STR(ASK("x", "") "]}"),
                        &soma_openai);
    s = pair_answer(&pair, &soma_openai,
                    STR("data: {\"choices\":[{\"index\":0,\"delta\":{"
                        "\"reasoning\":\"r\",\"reasoning_details\":[{"
                        "\"type\":\"reasoning.encrypted\",\"data\":\"E\","
                        "\"id\":\"x\"}]}}]}\n\n"
                        "data: {\"choices\":[{\"index\":0,\"delta\":{"
                        "\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"type\":"
                        "\"function\",\"function\":{\"name\":\"f\","
                        "\"arguments\":\"{}\"},\"extra_content\":{\"google\":"
                        "{\"thought_signature\":\"S\"}}}]},"
                        "\"finish_reason\":\"tool_calls\"}]}\n\n"
                        "data: [DONE]\n\n"), 1);

    soma_ok(has(s, "\"signature\":\"soma1|o|openai-chat|{\\\"type\\\":"),
            "what is encrypted");
    soma_ok(has(s, "{\"type\":\"redacted_thinking\",\"data\":"
                   "\"soma1|s|openai-chat|S\"}"), "a call's");

    s = pair_request(&pair, arena, "/v1/messages",
                     STR(ASK("x", "") ",{\"role\":\"assistant\",\"content\":"
                         "[{\"type\":\"thinking\",\"thinking\":\"r\","
                         "\"signature\":\"soma1|o|openai-chat|{\\\"type\\\":"
                         "\\\"reasoning.encrypted\\\",\\\"data\\\":"
                         "\\\"E\\\",\\\"id\\\":\\\"x\\\"}\"},{\"type\":"
                         "\"redacted_thinking\",\"data\":"
                         "\"soma1|s|openai-chat|S\"},{\"type\":"
                         "\"tool_use\",\"id\":\"c\",\"name\":\"f\","
                         "\"input\":{}}]}]}"), &soma_openai);

    soma_ok(has(s, "\"reasoning_content\":\"r\",\"reasoning_details\":[{"
                   "\"type\":\"reasoning.encrypted\",\"data\":\"E\",\"id\":"
                   "\"x\"}]"), "back as it was");
    soma_ok(has(s, "\"arguments\":\"{}\"},\"extra_content\":{\"google\":{"
                   "\"thought_signature\":\"S\"}}}"), "and the call's");
}


/* the answer to who asks in the form of before, and to who has namespaces */

static void
test_forms(void)
{
    pair_t      pair;
    soma_str_t  s;

    static const char  called[] =
        "{\"id\":\"m\",\"type\":\"message\",\"content\":[{\"type\":"
        "\"tool_use\",\"id\":\"t\",\"name\":\"n__f\",\"input\":{\"a\":1}}],"
        "\"stop_reason\":\"tool_use\",\"usage\":{}}";

    (void) pair_request(&pair, arena, "/v1/chat/completions",
                        STR("{\"model\":\"x\",\"messages\":[{\"role\":"
                            "\"user\",\"content\":\"a\"}],\"functions\":[{"
                            "\"name\":\"n__f\"}]}"), &soma_anthropic);
    s = pair_answer(&pair, &soma_anthropic, STR(called), 0);
    soma_ok(has(s, "\"function_call\":{\"name\":\"n__f\",\"arguments\":"
                   "\"{\\\"a\\\":1}\"}")
            && has(s, "\"finish_reason\":\"function_call\"")
            && !has(s, "tool_calls"), "the old form");

    (void) pair_request(&pair, arena, "/v1/responses",
                        STR("{\"model\":\"x\",\"input\":\"a\",\"tools\":[{"
                            "\"type\":\"namespace\",\"name\":\"n\","
                            "\"tools\":[{\"type\":\"function\",\"name\":"
                            "\"f\"}]}]}"), &soma_anthropic);
    s = pair_answer(&pair, &soma_anthropic, STR(called), 0);
    soma_ok(has(s, "\"namespace\":\"n\",\"name\":\"f\""), "a namespace");
}


int
main(void)
{
    arena = soma_test_arena();

    test_requests();
    test_thoughts();
    test_calls();
    test_through();
    test_forms();

    soma_test_arena_free(arena);

    return soma_test_done();
}
