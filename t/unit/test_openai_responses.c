
/*
 * Copyright (C) The ngx_soma authors
 *
 * A provider that is asked by OpenAI's Responses API, for clients of other
 * APIs.
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


static const struct {
    const char  *path;
    const char  *body;              /* of a client */
    const char  *want;              /* of the provider, "!" ...: refused */
} requests[] = {

    { "/v1/chat/completions",
      "{\"model\":\"x\",\"messages\":[{\"role\":\"system\",\"content\":"
      "\"s\"},{\"role\":\"user\",\"content\":\"hi\"}],\"max_tokens\":5}",
      "{\"model\":\"m\",\"instructions\":\"s\",\"input\":[{\"type\":"
      "\"message\",\"role\":\"user\",\"content\":\"hi\"}],\"store\":false,"
      "\"max_output_tokens\":16}" },

    { "/v1/chat/completions",
      "{\"model\":\"x\",\"messages\":[{\"role\":\"user\",\"content\":[{"
      "\"type\":\"text\",\"text\":\"a\"},{\"type\":\"image_url\","
      "\"image_url\":{\"url\":\"https://e.org/a.png\",\"detail\":\"low\"}},"
      "{\"type\":\"file\",\"file\":{\"filename\":\"a.pdf\",\"file_data\":"
      "\"data:application/pdf;base64,JVBERi0=\"}}]},{\"role\":"
      "\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c1\","
      "\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":"
      "\"{\\\"a\\\":1.0}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c1\","
      "\"content\":\"r\"}],\"tools\":[{\"type\":\"function\",\"function\":"
      "{\"name\":\"f\"}},{\"type\":\"custom\",\"custom\":{\"name\":\"c\","
      "\"format\":{\"type\":\"grammar\",\"grammar\":{\"syntax\":\"lark\","
      "\"definition\":\"d\"}}}}],\"tool_choice\":{\"type\":\"custom\","
      "\"custom\":{\"name\":\"c\"}},\"parallel_tool_calls\":false,"
      "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{"
      "\"name\":\"n\",\"schema\":{},\"strict\":true}},\"verbosity\":"
      "\"low\",\"reasoning_effort\":\"high\",\"stream\":true}",
      "{\"model\":\"m\",\"input\":[{\"type\":\"message\",\"role\":\"user\","
      "\"content\":[{\"type\":\"input_text\",\"text\":\"a\"},{\"type\":"
      "\"input_image\",\"image_url\":\"https://e.org/a.png\",\"detail\":"
      "\"low\"},{\"type\":\"input_file\",\"filename\":\"a.pdf\","
      "\"file_data\":\"data:application/pdf;base64,JVBERi0=\"}]},{\"type\":"
      "\"function_call\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":"
      "\"{\\\"a\\\":1.0}\"},{\"type\":\"function_call_output\","
      "\"call_id\":\"c1\",\"output\":\"r\"}],\"stream\":true,"
      "\"store\":false,\"tools\":[{\"type\":\"function\",\"name\":\"f\","
      "\"parameters\":null,\"strict\":false},{\"type\":\"custom\","
      "\"name\":\"c\",\"format\":{\"type\":\"grammar\",\"syntax\":\"lark\","
      "\"definition\":\"d\"}}],\"tool_choice\":{\"type\":\"custom\","
      "\"name\":\"c\"},\"parallel_tool_calls\":false,\"text\":{\"format\":"
      "{\"type\":\"json_schema\",\"name\":\"n\",\"schema\":{},\"strict\":"
      "true},\"verbosity\":\"low\"},\"reasoning\":{\"effort\":\"high\","
      "\"summary\":\"auto\"},\"include\":["
      "\"reasoning.encrypted_content\"]}" },

    { "/v1/chat/completions",
      "{\"model\":\"x\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],"
      "\"stop\":[\"x\"]}",
      "{\"model\":\"m\",\"input\":[{\"type\":\"message\",\"role\":"
      "\"user\",\"content\":\"a\"}],\"store\":false}" },

    { "/v1/chat/completions",
      "{\"model\":\"x\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],"
      "\"n\":2}",
      "!n has no place in a request of OpenAI's Responses API" },

    { "/v1/chat/completions",
      "{\"model\":\"x\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],"
      "\"logprobs\":true,\"top_logprobs\":2,\"frequency_penalty\":0,"
      "\"store\":true,\"service_tier\":\"flex\"}",
      "{\"model\":\"m\",\"input\":[{\"type\":\"message\",\"role\":\"user\","
      "\"content\":\"a\"}],\"store\":false,\"include\":["
      "\"message.output_text.logprobs\"],\"service_tier\":\"flex\","
      "\"top_logprobs\":2}" },

    { "/v1/messages",
      "{\"model\":\"x\",\"max_tokens\":99,\"thinking\":{\"type\":"
      "\"adaptive\"},\"messages\":[{\"role\":\"user\",\"content\":\"a\"},"
      "{\"role\":\"assistant\",\"content\":[{\"type\":\"redacted_thinking\","
      "\"data\":\"soma1|o|openai|rs_9|ENC\"},{\"type\":\"thinking\","
      "\"thinking\":\"own\",\"signature\":\"sig\"},{\"type\":\"text\","
      "\"text\":\"b\"},{\"type\":\"tool_use\",\"id\":\"t.1\",\"name\":"
      "\"f\",\"input\":{}}]},{\"role\":\"user\",\"content\":[{\"type\":"
      "\"tool_result\",\"tool_use_id\":\"t.1\",\"is_error\":true,"
      "\"content\":[{\"type\":\"text\",\"text\":\"r\"},{\"type\":"
      "\"image\",\"source\":{\"type\":\"base64\",\"media_type\":"
      "\"image/png\",\"data\":\"iVBORw0KGgo=\"}}]}]}]}",
      "{\"model\":\"m\",\"input\":[{\"type\":\"message\",\"role\":\"user\","
      "\"content\":\"a\"},{\"type\":\"reasoning\",\"id\":\"rs_9\","
      "\"summary\":[],"
      "\"encrypted_content\":\"ENC\"},{\"role\":\"assistant\","
      "\"content\":\"b\"},{\"type\":\"function_call\",\"call_id\":"
      "\"t_1_3442611375c8ba5a\",\"name\":\"f\",\"arguments\":\"{}\"},"
      "{\"type\":\"function_call_output\",\"call_id\":"
      "\"t_1_3442611375c8ba5a\",\"output\":[{\"type\":\"input_text\","
      "\"text\":\"Error:\"},{\"type\":\"input_text\",\"text\":\"r\"},"
      "{\"type\":\"input_image\",\"image_url\":\"data:image/png;base64,"
      "iVBORw0KGgo=\",\"detail\":\"auto\"}]}],\"store\":false,"
      "\"max_output_tokens\":99,\"reasoning\":{\"summary\":\"auto\"},"
      "\"include\":[\"reasoning.encrypted_content\"]}" }
};


static void
test_requests(void)
{
    size_t      i;
    pair_t      pair;
    soma_str_t  s;

    for (i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        s = pair_request(&pair, arena, requests[i].path,
                         STR(requests[i].body), &soma_openai_responses);
        soma_is_str(s.data, s.len, requests[i].want, "request %zu", i);
    }
}


#define EVENT(type, members)                                                  \
    "event: " type "\r\ndata: {\"type\":\"" type "\"," members "}\r\n\r\n"

/* reasoning, words, a refusal, two calls at once, a search of the provider's
 * own, and events that nobody knows */
static const char  streamed[] =
    EVENT("response.created", "\"sequence_number\":0,\"response\":{\"id\":"
          "\"resp_7\",\"object\":\"response\",\"created_at\":12,\"model\":"
          "\"g\",\"status\":\"in_progress\",\"output\":[]}")
    EVENT("response.queued", "\"response\":{}")
    EVENT("response.output_item.added", "\"output_index\":0,\"item\":{"
          "\"id\":\"rs_1\",\"type\":\"reasoning\",\"summary\":[],"
          "\"encrypted_content\":\"EARLY\"}")
    EVENT("response.reasoning_summary_text.delta", "\"output_index\":0,"
          "\"summary_index\":0,\"delta\":\"think\"")
    EVENT("response.reasoning_summary_text.done", "\"output_index\":0,"
          "\"summary_index\":0,\"text\":\"think\"")
    EVENT("response.reasoning_summary_text.delta", "\"output_index\":0,"
          "\"summary_index\":1,\"delta\":\"more\"")
    EVENT("response.output_item.done", "\"output_index\":0,\"item\":{"
          "\"id\":\"rs_1\",\"type\":\"reasoning\",\"summary\":[{\"type\":"
          "\"summary_text\",\"text\":\"think\"},{\"type\":\"summary_text\","
          "\"text\":\"more\"}],\"encrypted_content\":\"ENC\"}")
    EVENT("response.output_item.done", "\"output_index\":1,\"item\":{"
          "\"id\":\"ws_1\",\"type\":\"web_search_call\",\"status\":"
          "\"completed\"}")
    EVENT("response.output_item.added", "\"output_index\":2,\"item\":{"
          "\"id\":\"msg_1\",\"type\":\"message\",\"content\":[]}")
    EVENT("response.content_part.added", "\"output_index\":2,"
          "\"content_index\":0,\"part\":{\"type\":\"output_text\",\"text\":"
          "\"\"}")
    EVENT("response.output_text.delta", "\"output_index\":2,"
          "\"content_index\":0,\"delta\":\"hel\",\"logprobs\":[]")
    EVENT("response.output_text.delta", "\"output_index\":2,"
          "\"content_index\":0,\"delta\":\"lo\"")
    EVENT("response.output_text.annotation.added", "\"output_index\":2,"
          "\"content_index\":0,\"annotation_index\":0,\"annotation\":{"
          "\"type\":\"url_citation\",\"url\":\"https://e.org\",\"title\":"
          "\"t\",\"start_index\":0,\"end_index\":5}")
    EVENT("response.output_text.done", "\"output_index\":2,"
          "\"content_index\":0,\"text\":\"hello\"")
    EVENT("response.output_item.done", "\"output_index\":2,\"item\":{"
          "\"id\":\"msg_1\",\"type\":\"message\",\"content\":[{\"type\":"
          "\"output_text\",\"text\":\"hello\"}]}")
    EVENT("response.output_item.added", "\"output_index\":3,\"item\":{"
          "\"id\":\"fc_1\",\"type\":\"function_call\",\"call_id\":\"c1\","
          "\"name\":\"f\",\"arguments\":\"\"}")
    EVENT("response.output_item.added", "\"output_index\":4,\"item\":{"
          "\"id\":\"fc_2\",\"type\":\"function_call\",\"call_id\":\"c2\","
          "\"name\":\"g\",\"arguments\":\"\"}")
    EVENT("response.function_call_arguments.delta", "\"output_index\":4,"
          "\"delta\":\"{\\\"b\\\":2}\"")
    EVENT("response.function_call_arguments.delta", "\"output_index\":3,"
          "\"delta\":\"{\\\"a\\\":\"")
    EVENT("response.function_call_arguments.delta", "\"output_index\":3,"
          "\"delta\":\"1}\"")
    EVENT("response.function_call_arguments.done", "\"output_index\":3,"
          "\"arguments\":\"{\\\"a\\\":1}\"")
    EVENT("response.output_item.done", "\"output_index\":3,\"item\":{"
          "\"type\":\"function_call\",\"call_id\":\"c1\",\"name\":\"f\","
          "\"arguments\":\"{\\\"a\\\":1}\"}")
    EVENT("response.output_item.done", "\"output_index\":4,\"item\":{"
          "\"type\":\"function_call\",\"call_id\":\"c2\",\"name\":\"g\","
          "\"arguments\":\"{\\\"b\\\":2}\"}")
    EVENT("response.completed", "\"response\":{\"id\":\"resp_7\","
          "\"status\":\"completed\",\"service_tier\":\"default\","
          "\"output\":[{\"type\":\"reasoning\",\"summary\":[]}],\"usage\":{"
          "\"input_tokens\":9,\"input_tokens_details\":{\"cached_tokens\":4},"
          "\"output_tokens\":6,\"output_tokens_details\":{"
          "\"reasoning_tokens\":2},\"total_tokens\":15}}");


static void
test_stream(void)
{
    size_t      i;
    pair_t      pair;
    soma_str_t  s;

    static const size_t  steps[] = { 0, 1, 7 };

    for (i = 0; i < 3; i++) {
        (void) pair_request(&pair, arena, "/v1/messages",
                            STR("{\"model\":\"x\",\"max_tokens\":50,"
                                "\"stream\":true,\"messages\":[{\"role\":"
                                "\"user\",\"content\":\"a\"}]}"),
                            &soma_openai_responses);
        s = pair_answer(&pair, &soma_openai_responses, STR(streamed),
                        steps[i]);

        soma_ok(pair.over && !pair.failed, "it has its end");
        soma_ok(has(s, "\"thinking_delta\",\"thinking\":\"think\"")
                && has(s, "\"thinking\":\"more\"")
                && has(s, "\"thinking\":\"\\n\\n\""), "what was thought");
        soma_ok(has(s, "\"text\":\"hel\"") && has(s, "\"text\":\"lo\"")
                && !has(s, "hello"), "words, once");
        soma_ok(has(s, "\"id\":\"c1\",\"name\":\"f\"")
                && has(s, "\"partial_json\":\"{\\\"b\\\":2}\""), "calls");
        soma_ok(has(s, "\"stop_reason\":\"tool_use\""), "why it ended");
        soma_ok(has(s, "\"input_tokens\":5,\"cache_creation_input_tokens\":0,"
                       "\"cache_read_input_tokens\":4,\"output_tokens\":6"),
                "usage");
    }

    (void) pair_request(&pair, arena, "/v1/chat/completions",
                        STR("{\"model\":\"x\",\"stream\":true,\"messages\":"
                            "[{\"role\":\"user\",\"content\":\"a\"}]}"),
                        &soma_openai_responses);
    s = pair_answer(&pair, &soma_openai_responses, STR(streamed), 0);

    soma_ok(has(s, "\"id\":\"resp_7\"") && has(s, "\"created\":12")
            && has(s, "\"finish_reason\":\"tool_calls\""), "a chat of it");
}


static void
test_ends(void)
{
    size_t      i;
    pair_t      pair;
    soma_str_t  s;

    static const struct {
        const char  *bytes;
        const char  *has;
        unsigned     over;
        unsigned     failed;
    } ends[] = {
        { EVENT("response.output_text.done", "\"text\":\"a\"")
          EVENT("response.output_item.done", "\"output_index\":0,\"item\":{"
                "\"type\":\"message\",\"content\":[{\"type\":"
                "\"output_text\",\"text\":\"all\"}]}")
          EVENT("response.incomplete", "\"response\":{\"status\":"
                "\"incomplete\",\"incomplete_details\":{\"reason\":"
                "\"max_output_tokens\"}}"),
          "\"finish_reason\":\"length\"", 1, 0 },
        { EVENT("response.incomplete", "\"response\":{\"status\":"
                "\"incomplete\",\"incomplete_details\":{\"reason\":"
                "\"content_filter\"},\"output\":[]}"),
          "\"finish_reason\":\"content_filter\"", 1, 0 },
        { EVENT("response.completed", "\"response\":{\"status\":"
                "\"completed\",\"output\":[{\"type\":\"message\","
                "\"content\":[{\"type\":\"refusal\",\"refusal\":\"no\"}]}]}"),
          "\"refusal\":\"no\"", 1, 0 },
        { EVENT("response.failed", "\"response\":{\"status\":\"failed\","
                "\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":"
                "\"slow\"}}"),
          "\"message\":\"slow\"", 1, 1 },
        { EVENT("error", "\"code\":\"server_error\",\"message\":\"bad\""),
          "\"message\":\"bad\"", 1, 1 },
        { EVENT("error", "\"error\":{\"type\":\"server_error\",\"message\":"
                "\"worse\"}"),
          "\"message\":\"worse\"", 1, 1 },
        { "data: {\"error\":{\"message\":\"proxy\"}}\n\n",
          "\"message\":\"proxy\"", 1, 1 },
        { EVENT("response.output_text.delta", "\"delta\":\"cut\""),
          "\"content\":\"cut\"", 0, 0 }
    };

    for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        (void) pair_request(&pair, arena, "/v1/chat/completions",
                            STR("{\"model\":\"x\",\"stream\":true,"
                                "\"messages\":[{\"role\":\"user\","
                                "\"content\":\"a\"}]}"),
                            &soma_openai_responses);
        s = pair_answer(&pair, &soma_openai_responses, STR(ends[i].bytes), 1);

        soma_ok(has(s, ends[i].has), "an end: %s", ends[i].has);
        soma_ok(pair.over == ends[i].over && pair.failed == ends[i].failed,
                "as it is");
        soma_ok(!pair.failed || !has(s, "[DONE]"),
                "nothing behind an error");
    }
}


static void
test_whole(void)
{
    pair_t      pair;
    soma_str_t  s;

    (void) pair_request(&pair, arena, "/v1/chat/completions",
                        STR("{\"model\":\"x\",\"messages\":[{\"role\":"
                            "\"user\",\"content\":\"a\"}]}"),
                        &soma_openai_responses);
    s = pair_answer(&pair, &soma_openai_responses,
                    STR("{\"id\":\"resp_1\",\"object\":\"response\","
                        "\"created_at\":5,\"model\":\"g\",\"status\":"
                        "\"completed\",\"error\":null,\"output\":[{\"type\":"
                        "\"reasoning\",\"summary\":[{\"type\":"
                        "\"summary_text\",\"text\":\"t\"}]},{\"type\":"
                        "\"message\",\"content\":[{\"type\":\"output_text\","
                        "\"text\":\"a\",\"annotations\":[]},{\"type\":"
                        "\"output_text\",\"text\":\"b\"}]},{\"type\":"
                        "\"custom_tool_call\",\"call_id\":\"c\",\"name\":"
                        "\"n\",\"input\":\"i\"}],\"usage\":{"
                        "\"input_tokens\":1,\"output_tokens\":2}}"), 0);

    soma_ok(has(s, "\"content\":\"ab\"") && has(s, "\"input\":\"i\"")
            && has(s, "\"reasoning_content\":\"t\"")
            && has(s, "\"completion_tokens\":2"), "a whole one");

    s = pair_answer(&pair, &soma_openai_responses, STR("<html>"), 0);
    soma_ok(pair.failed, "what is no answer");
}


/* what passes and what does not */

static void
test_table(void)
{
    const soma_dialect_t  *found;

    found = soma_dialect_find(SOMA_STR("openai-responses"), NULL);
    soma_ok(found == &soma_openai_responses, "it is known by its name");

    soma_ok(!soma_dialect_same(&soma_openai, found, SOMA_API_CHAT)
            && !soma_dialect_same(&soma_openai, found, SOMA_API_COMPLETIONS)
            && soma_dialect_same(&soma_openai, found, SOMA_API_RESPONSES)
            && soma_dialect_same(&soma_openai, found, SOMA_API_EMBEDDINGS)
            && !soma_dialect_same(&soma_anthropic, found, SOMA_API_CHAT),
            "whose bytes pass");
    soma_ok(found->answers(SOMA_API_CHAT) == SOMA_API_RESPONSES
            && found->answers(SOMA_API_EMBEDDINGS) == SOMA_API_EMBEDDINGS,
            "what its answers are");
}


int
main(void)
{
    arena = soma_test_arena();

    test_requests();
    test_stream();
    test_ends();
    test_whole();
    test_table();

    soma_test_arena_free(arena);

    return soma_test_done();
}
