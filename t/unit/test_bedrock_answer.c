
/*
 * Copyright (C) The ngx_soma authors
 *
 * The bedrock dialect: what is read of its providers' answers, and what its
 * clients are told.
 */


#define _GNU_SOURCE             /* memmem() */

#include <yyjson.h>

#include "soma_bedrock.h"
#include "soma_eventstream.h"
#include "soma_pair_test.h"


#define CHAT      "/v1/chat/completions"
#define MESSAGES  "/v1/messages"
#define HI        "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define ASKED                                                                 \
    "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hi\"}]}]}"


static soma_arena_t  *arena;

static const size_t  steps[] = { 1, 7, 0 };


/* frames of a list of names and payloads: a name that begins with "!" is an
 * exception's */

static soma_str_t
frames(const char *const *list)
{
    soma_str_t      name, all;
    unsigned        exception;
    unsigned char  *p;

    all.data = arena->alloc(arena->data, 256 * 1024);
    all.len = 0;

    for ( /* void */ ; *list != NULL; list += 2) {
        exception = (**list == '!');
        name = str(*list + exception);
        p = all.data + all.len;
        all.len += soma_eventstream_write(p, name, exception, str(list[1]));
    }

    return all;
}


/* and back: "name payload\n" each; checksums are looked at */

static char *
unframed(soma_str_t all)
{
    int               rc;
    size_t            used;
    soma_out_t        out;
    char             *text;
    soma_frames_t     f;
    soma_sse_event_t  e;

    text = arena->alloc(arena->data, 64 * 1024);
    soma_put_init(&out, text, 64 * 1024 - 1);

    memset(&f, 0, sizeof(f));
    f.framing = SOMA_FRAMING_AWS;
    f.sse.arena = arena;

    for ( ;; ) {
        rc = soma_frames_feed(&f, all.data, all.len, &used, &e);
        all.data += used;
        all.len -= used;

        if (rc != SOMA_OK) {
            break;
        }

        soma_put_cstr(&out, e.failed ? "!" : "");
        soma_put_str(&out, e.name);
        soma_put_char(&out, ' ');
        soma_put_str(&out, e.data);
        soma_put_char(&out, '\n');
    }

    soma_ok(rc == SOMA_AGAIN && f.sse.len == 0, "whole frames");
    *out.pos = '\0';

    return text;
}


static void
ask(pair_t *p, const char *path, const char *body)
{
    int  rc;

    rc = pair_ask(p, arena, path, str(body));
    rc = (rc == SOMA_OK) ? pair_read(p) : rc;
    soma_is_int(rc, SOMA_OK, "asked");
}


static void
in(soma_str_t s, const char *what)
{
    soma_ok(memmem(s.data, s.len, what, strlen(what)) != NULL, "%s in: %.*s",
            what, (int) (s.len < 900 ? s.len : 900), s.data);
}


#define START   "messageStart", "{\"role\":\"assistant\",\"p\":\"abc\"}"
#define STOP(n) "contentBlockStop", "{\"contentBlockIndex\":" #n "}"
#define DELTA(n, d)                                                           \
    "contentBlockDelta", "{\"contentBlockIndex\":" #n ",\"delta\":{" d "}}"
#define CALL(n, id, name)                                                     \
    "contentBlockStart", "{\"contentBlockIndex\":" #n ",\"start\":{"          \
    "\"toolUse\":{\"toolUseId\":\"" id "\",\"name\":\"" name "\"}}}"
#define END(why)  "messageStop", "{\"stopReason\":\"" why "\"}"
#define META                                                                  \
    "metadata", "{\"usage\":{\"inputTokens\":5,\"outputTokens\":7,"           \
    "\"totalTokens\":42,\"cacheReadInputTokens\":10,"                         \
    "\"cacheWriteInputTokens\":20,\"cacheDetails\":[{\"ttl\":\"5m\","         \
    "\"inputTokens\":12},{\"inputTokens\":8,\"ttl\":\"1h\"}]},\"metrics\":{"  \
    "\"latencyMs\":9},\"serviceTier\":{\"type\":\"flex\"}}"


static void
test_streams(void)
{
    size_t       i, k;
    pair_t       p;
    soma_str_t   s;

    static const char *const  plain[] = {
        "initial-response", "{}", START, DELTA(0, "\"text\":\"\""),
        DELTA(0, "\"text\":\"Hel\""), DELTA(0, "\"text\":\"lo \\ud83d\""),
        DELTA(0, "\"text\":\"\\ude00\""), "unknown", "{\"a\":1}", STOP(0),
        END("end_turn"), META, "later", "{}", NULL
    };

    /* thoughts, a text, two calls that are mixed, one of them of nothing; the
     * usage before the end */

    static const char *const  mixed[] = {
        START, DELTA(0, "\"reasoningContent\":{\"text\":\"th\"}"),
        DELTA(0, "\"reasoningContent\":{\"signature\":\"SIG\"}"), STOP(0),
        DELTA(1, "\"reasoningContent\":{\"redactedContent\":\"QUJD\"}"),
        STOP(1), DELTA(2, "\"text\":\"t\""), CALL(3, "c1", "f"),
        CALL(4, "c2", "g"), DELTA(3, "\"toolUse\":{\"input\":\"{\\\"a\\\":\"}"),
        DELTA(4, "\"toolUse\":{\"input\":\"\"}"),
        DELTA(3, "\"toolUse\":{\"input\":\"1}\"}"), STOP(4), STOP(3), META,
        END("tool_use"), NULL
    };

    for (i = 0; i < 3; i++) {

        ask(&p, CHAT, "{\"model\":\"x\",\"stream\":true,\"stream_options\":"
                      "{\"include_usage\":true}," HI "}");
        s = pair_answer(&p, &soma_bedrock, frames(plain), steps[i]);
        soma_ok(p.over && !p.failed, "to its end");
        in(s, "\"content\":\"Hel\"");
        in(s, "\"content\":\"\\ud83d\\ude00\"");
        in(s, "\"finish_reason\":\"stop\"");
        in(s, "\"prompt_tokens\":35,\"completion_tokens\":7,"
              "\"total_tokens\":42");
        in(s, "\"cached_tokens\":10");
        in(s, "data: [DONE]\n\n");

        ask(&p, MESSAGES, "{\"model\":\"x\",\"max_tokens\":9,\"stream\":true,"
                          HI "}");
        s = pair_answer(&p, &soma_bedrock, frames(mixed), steps[i]);
        soma_ok(p.over && !p.failed, "to its end");

        for (k = 0; k < 8; k++) {
            static const char *const  want[] = {
                "{\"type\":\"thinking_delta\",\"thinking\":\"th\"}",
                "{\"type\":\"signature_delta\",\"signature\":"
                "\"soma1|s|bedrock|SIG\"}",
                "soma1|o|bedrock|QUJD",
                "{\"type\":\"text_delta\",\"text\":\"t\"}",
                "{\"type\":\"tool_use\",\"id\":\"c1\",\"name\":\"f\","
                "\"input\":{}}",
                "{\"type\":\"tool_use\",\"id\":\"c2\",\"name\":\"g\","
                "\"input\":{}}",
                "\"stop_reason\":\"tool_use\"",
                "\"input_tokens\":5,\"cache_creation_input_tokens\":20,"
                "\"cache_read_input_tokens\":10,\"output_tokens\":7"
            };

            in(s, want[k]);
        }
    }
}


static void
test_broken(void)
{
    size_t      i, k;
    pair_t      p;
    soma_str_t  s, all;

    static const struct {
        const char  *list[24];
        unsigned     over;
        unsigned     failed;
        const char  *want;              /* to a client of OpenAI's */
    } cases[] = {
        /* cut */
        { { START, DELTA(0, "\"text\":\"a\""), NULL }, 0, 0, "\"a\"" },
        { { START, DELTA(0, "\"text\":\"a\""), STOP(0), NULL }, 0, 0,
          "\"a\"" },
        { { NULL }, 0, 0, "" },

        /* no usage is no cut */
        { { START, DELTA(0, "\"text\":\"a\""), STOP(0), END("max_tokens"),
            NULL }, 1, 0, "\"finish_reason\":\"length\"" },

        /* blocks that nobody ended, twice, without a beginning */
        { { DELTA(7, "\"text\":\"a\""), END("end_turn"), META, NULL }, 1, 0,
          "\"finish_reason\":\"stop\"" },
        { { START, CALL(0, "c", "f"), CALL(0, "d", "f"), STOP(0), STOP(0),
            STOP(9), END("tool_use"), END("end_turn"), META, META, NULL }, 1,
          0, "\"finish_reason\":\"tool_calls\"" },
        { { START, DELTA(0, "\"toolUse\":{\"input\":\"{}\"}"),
            END("end_turn"), META, NULL }, 1, 0,
          "\"finish_reason\":\"stop\"" },
        { { START, "contentBlockDelta", "", "contentBlockDelta", "[1]",
            "contentBlockDelta", "{\"delta\":1}", "messageStop", "{", META,
            NULL }, 1, 0, "\"finish_reason\":\"stop\"" },

        /* exceptions */
        { { "!throttlingException", "{\"message\":\"slow\"}", NULL }, 1, 1,
          "slow" },
        { { START, DELTA(0, "\"text\":\"a\""), "!modelStreamErrorException",
            "{\"Message\":\"broke\",\"originalStatusCode\":500}", META, NULL },
          1, 1, "broke" },
        { { START, "!InternalFailure", "", NULL }, 1, 1, "error" },
        { { START, DELTA(0, "\"text\":\"a\""), STOP(0), END("end_turn"), META,
            "!internalServerException", "{}", NULL }, 1, 0,
          "\"finish_reason\":\"stop\"" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (k = 0; k < 3; k++) {

            ask(&p, CHAT, "{\"model\":\"x\",\"stream\":true," HI "}");
            s = pair_answer(&p, &soma_bedrock, frames(cases[i].list),
                            steps[k]);
            soma_ok(p.over == cases[i].over && p.failed == cases[i].failed,
                    "case %d: over %d, failed %d", (int) i, p.over, p.failed);
            in(s, cases[i].want);
            soma_ok(memmem(s.data, s.len, "[DONE]", 6) == NULL
                    || (p.over && !p.failed), "no end where there is none");
        }
    }

    /* a checksum that is wrong, and a frame that is cut */

    all = frames(cases[3].list);
    all.data[20] ^= 1;
    ask(&p, CHAT, "{\"model\":\"x\",\"stream\":true," HI "}");
    s = pair_answer(&p, &soma_bedrock, all, 7);
    soma_is_str(s.data, s.len, "!", "a frame that is none");

    all = frames(cases[3].list);
    all.len -= 3;
    ask(&p, CHAT, "{\"model\":\"x\",\"stream\":true," HI "}");
    s = pair_answer(&p, &soma_bedrock, all, 7);
    soma_ok(!p.over, "a frame that is cut");
}


#define WHOLE(content, why, more)                                             \
    "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":["          \
    content "]}},\"stopReason\":\"" why "\",\"usage\":{\"inputTokens\":5,"    \
    "\"outputTokens\":7,\"totalTokens\":12},\"metrics\":{\"latencyMs\":1}"    \
    more "}"


static void
test_whole(void)
{
    size_t      i;
    pair_t      p;
    soma_str_t  s;

    static const struct {
        const char  *path;
        const char  *body;
        unsigned     failed;
        const char  *want;
    } cases[] = {
        { CHAT, WHOLE("{\"text\":\"Hi \\u00e9\"}", "end_turn", ""), 0,
          "\"content\":\"Hi \\u00e9\"|\"finish_reason\":\"stop\"|"
          "\"prompt_tokens\":5" },
        { CHAT, WHOLE("{\"toolUse\":{\"toolUseId\":\"i\",\"name\":\"f\","
          "\"input\":{\"b\":1.0,\"a\":\"x\"}}},{\"toolUse\":{\"toolUseId\":"
          "\"j\",\"name\":\"g\",\"input\":{}}}", "tool_use", ""), 0,
          "\"id\":\"i\"|\"arguments\":\"{\\\"b\\\":1.0,\\\"a\\\":\\\"x\\\"}\""
          "|\"id\":\"j\"|\"arguments\":\"{}\"|\"finish_reason\":"
          "\"tool_calls\"" },
        { MESSAGES, WHOLE("{\"reasoningContent\":{\"reasoningText\":{"
          "\"text\":\"T\",\"signature\":\"S\"}}},{\"reasoningContent\":{"
          "\"redactedContent\":\"QUJD\"}},{\"text\":\"a\"}", "stop_sequence",
          ",\"additionalModelResponseFields\":{\"stop_sequence\":\"XX\"}"), 0,
          "{\"type\":\"thinking\",\"thinking\":\"T\",\"signature\":"
          "\"soma1|s|bedrock|S\"}|soma1\\u007co|" },
        { MESSAGES, WHOLE("{\"text\":\"a\"}", "stop_sequence",
          ",\"additionalModelResponseFields\":{\"delta\":{\"stop_sequence\":"
          "\"XX\"}}"), 0, "\"stop_reason\":\"stop_sequence\","
          "\"stop_sequence\":\"XX\"" },
        { MESSAGES, WHOLE("{\"text\":\"\"}", "guardrail_intervened", ""), 0,
          "\"content\":[]|\"stop_reason\":\"refusal\"" },
        { CHAT, WHOLE("{\"text\":\"a\"}", "model_context_window_exceeded",
          ""), 0, "\"finish_reason\":\"length\"" },
        { CHAT, WHOLE("{\"text\":\"a\"}", "something_new", ""), 0,
          "\"finish_reason\":\"stop\"" },
        { CHAT, WHOLE("{\"toolUse\":{\"toolUseId\":\"s\",\"name\":"
          "\"nova_grounding\",\"type\":\"server_tool_use\",\"input\":{}}},"
          "{\"toolResult\":{\"toolUseId\":\"s\",\"content\":[]}},{\"text\":"
          "\"a\"}", "end_turn", ""), 0, "\"content\":\"a\"" },
        { CHAT, WHOLE("{\"citationsContent\":{\"content\":[{\"text\":\"ab\"},"
          "{\"text\":\"\\u00e9\"}],\"citations\":[{\"title\":\"T\","
          "\"location\":{\"web\":{\"url\":\"http://a\"}}}]}}", "end_turn",
          ""), 0, "\"content\":\"ab\\u00e9\"" },
        { MESSAGES, WHOLE("{\"citationsContent\":{\"content\":[{\"text\":"
          "\"ab\"}],\"citations\":[{\"title\":\"T\",\"sourceContent\":["
          "{\"text\":\"c\"}],\"location\":{\"documentPage\":{"
          "\"documentIndex\":0,\"start\":1,\"end\":2}}}]}}", "end_turn", ""),
          0, "\"citations\":[{\"type\":\"page_location\",\"cited_text\":\"c\""
          ",\"document_index\":0,\"document_title\":\"T\","
          "\"start_page_number\":1,\"end_page_number\":2}]" },
        { CHAT, "{\"message\":\"no\"}", 1, "" },
        { CHAT, "[]", 1, "" },
        { CHAT, "", 1, "" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char  want[512], *word, *save;

        ask(&p, cases[i].path, "{\"model\":\"x\",\"max_tokens\":9," HI "}");
        s = pair_answer(&p, &soma_bedrock, str(cases[i].body), 0);
        soma_is_int(p.failed, cases[i].failed, "whole %d", (int) i);

        if (i == 2) {

            /* an envelope has bars in it */

            in(s, "\"signature\":\"soma1|s|bedrock|S\"");
            in(s, "soma1|o|bedrock|QUJD");
            in(s, "\"stop_sequence\":\"XX\"");
            continue;
        }

        snprintf(want, sizeof(want), "%s", cases[i].want);

        for (word = strtok_r(want, "|", &save); word;
             word = strtok_r(NULL, "|", &save))
        {
            in(s, word);
        }
    }
}


/* a client of Bedrock's */

#define AN(type, more)                                                        \
    "event: " type "\ndata: {\"type\":\"" type "\"" more "}\n\n"
#define AN_START                                                              \
    AN("message_start", ",\"message\":{\"id\":\"m\",\"model\":\"c\","         \
       "\"content\":[],\"usage\":{\"input_tokens\":5,\"output_tokens\":1}}")
#define AN_BLOCK(n, b)                                                        \
    AN("content_block_start", ",\"index\":" #n ",\"content_block\":{" b "}")
#define AN_DELTA(n, d)                                                        \
    AN("content_block_delta", ",\"index\":" #n ",\"delta\":{" d "}")
#define AN_STOP(n)  AN("content_block_stop", ",\"index\":" #n)
#define AN_END(why)                                                           \
    AN("message_delta", ",\"delta\":{\"stop_reason\":\"" why "\","            \
       "\"stop_sequence\":\"XX\"},\"usage\":{\"output_tokens\":7,"             \
       "\"cache_read_input_tokens\":3}") AN("message_stop", "")


static void
test_told(void)
{
    size_t       i;
    pair_t       p;
    soma_str_t   s;

    static const char  stream[] =
        AN_START AN_BLOCK(0, "\"type\":\"thinking\",\"thinking\":\"\"")
        AN_DELTA(0, "\"type\":\"thinking_delta\",\"thinking\":\"th\"")
        AN_DELTA(0, "\"type\":\"signature_delta\",\"signature\":\"SIG\"")
        AN_STOP(0)
        AN_BLOCK(1, "\"type\":\"redacted_thinking\",\"data\":\"DATA\"")
        AN_STOP(1) AN_BLOCK(2, "\"type\":\"text\",\"text\":\"\"") AN_STOP(2)
        AN_BLOCK(3, "\"type\":\"text\",\"text\":\"\"")
        AN_DELTA(3, "\"type\":\"text_delta\",\"text\":\"a\\n\"")
        AN_DELTA(3, "\"type\":\"citations_delta\",\"citation\":{\"type\":"
                    "\"char_location\",\"cited_text\":\"c\","
                    "\"document_index\":0,\"document_title\":\"T\","
                    "\"start_char_index\":1,\"end_char_index\":2}")
        AN_STOP(3)
        AN_BLOCK(4, "\"type\":\"tool_use\",\"id\":\"i d\",\"name\":\"f\","
                    "\"input\":{}")
        AN_DELTA(4, "\"type\":\"input_json_delta\",\"partial_json\":\"\"")
        AN_DELTA(4, "\"type\":\"input_json_delta\",\"partial_json\":"
                    "\"{\\\"a\\\":1}\"")
        AN_STOP(4) AN("ping", "") AN_END("tool_use");

    static const char  want[] =
        "messageStart {\"role\":\"assistant\"}\n"
        "contentBlockDelta {\"contentBlockIndex\":0,\"delta\":{"
        "\"reasoningContent\":{\"text\":\"th\"}}}\n"
        "contentBlockDelta {\"contentBlockIndex\":0,\"delta\":{"
        "\"reasoningContent\":{\"signature\":\"soma1|s|anthropic|SIG\"}}}\n"
        "contentBlockStop {\"contentBlockIndex\":0}\n"
        "contentBlockDelta {\"contentBlockIndex\":1,\"delta\":{"
        "\"reasoningContent\":{\"redactedContent\":"
        "\"c29tYTF8b3xhbnRocm9waWN8REFUQQ==\"}}}\n"
        "contentBlockStop {\"contentBlockIndex\":1}\n"
        "contentBlockDelta {\"contentBlockIndex\":2,\"delta\":{\"text\":"
        "\"a\\n\"}}\n"
        "contentBlockDelta {\"contentBlockIndex\":2,\"delta\":{\"citation\":{"
        "\"title\":\"T\",\"sourceContent\":[{\"text\":\"c\"}],\"location\":{"
        "\"documentChar\":{\"documentIndex\":0,\"start\":1,\"end\":2}}}}}\n"
        "contentBlockStop {\"contentBlockIndex\":2}\n"
        "contentBlockStart {\"contentBlockIndex\":3,\"start\":{\"toolUse\":{"
        "\"toolUseId\":\"i_d_7cdd45d1f8ebac9a\",\"name\":\"f\"}}}\n"
        "contentBlockDelta {\"contentBlockIndex\":3,\"delta\":{\"toolUse\":{"
        "\"input\":\"{\\\"a\\\":1}\"}}}\n"
        "contentBlockStop {\"contentBlockIndex\":3}\n"
        "messageStop {\"stopReason\":\"tool_use\"}\n"
        "metadata {\"usage\":{\"inputTokens\":5,\"outputTokens\":7,"
        "\"totalTokens\":15,\"cacheReadInputTokens\":3,"
        "\"cacheWriteInputTokens\":0},\"metrics\":{\"latencyMs\":0}}\n";

    for (i = 0; i < 3; i++) {
        char  *got, *id;

        ask(&p, "/model/m/converse-stream", ASKED);
        s = pair_answer(&p, &soma_anthropic, str(stream), steps[i]);
        got = unframed(s);

        /* what does not fit has its hash behind */

        id = strstr(got, "i_d_");

        if (soma_ok(id != NULL, "an id that fits")) {
            memcpy(id + 4, "7cdd45d1f8ebac9a", 16);
        }

        soma_is_str(got, strlen(got), want, "told");
    }

    /* the same, whole */

    ask(&p, "/model/m/converse", ASKED);
    s = pair_answer(&p, &soma_anthropic,
                    SOMA_STR("{\"id\":\"m\",\"type\":\"message\",\"role\":"
                             "\"assistant\",\"content\":[{\"type\":"
                             "\"thinking\",\"thinking\":\"th\",\"signature\":"
                             "\"SIG\"},{\"type\":\"redacted_thinking\","
                             "\"data\":\"DATA\"},{\"type\":\"text\",\"text\":"
                             "\"\"},{\"type\":\"text\",\"text\":\"a\","
                             "\"citations\":[{\"type\":"
                             "\"web_search_result_location\",\"url\":"
                             "\"http://a\",\"title\":\"T\"}]},{\"type\":"
                             "\"tool_use\",\"id\":\"i\",\"name\":\"f\","
                             "\"input\":{}}],\"stop_reason\":\"tool_use\","
                             "\"usage\":{\"input_tokens\":1,"
                             "\"cache_creation_input_tokens\":9,"
                             "\"cache_creation\":{"
                             "\"ephemeral_1h_input_tokens\":4},"
                             "\"output_tokens\":2}}"), 0);
    soma_is_str(s.data, s.len,
                "{\"output\":{\"message\":{\"role\":\"assistant\","
                "\"content\":[{\"reasoningContent\":{\"reasoningText\":{"
                "\"text\":\"th\",\"signature\":\"soma1|s|anthropic|SIG\"}}},"
                "{\"reasoningContent\":{\"redactedContent\":"
                "\"c29tYTF8b3xhbnRocm9waWN8REFUQQ==\"}},{\"text\":\"a\"},"
                "{\"citationsContent\":{\"citations\":[{\"title\":"
                "\"T\",\"location\":{\"web\":{\"url\":\"http://a\"}}}]}},"
                "{\"toolUse\":{\"toolUseId\":\"i\",\"name\":\"f\",\"input\":{}"
                "}}]}},\"stopReason\":\"tool_use\",\"usage\":{\"inputTokens\":"
                "1,\"outputTokens\":2,\"totalTokens\":12,"
                "\"cacheReadInputTokens\":0,\"cacheWriteInputTokens\":9,"
                "\"cacheDetails\":[{\"ttl\":\"1h\",\"inputTokens\":4},{"
                "\"ttl\":\"5m\",\"inputTokens\":5}]},\"metrics\":{"
                "\"latencyMs\":0}}", "whole");
}


/* ends, failures, what was asked for, pictures */

static void
test_ends(void)
{
    size_t      i;
    pair_t      p;
    soma_str_t  s;

    static const struct {
        const char  *from;
        const char  *to;
    } reasons[] = {
        { "stop", "end_turn" }, { "length", "max_tokens" },
        { "content_filter", "content_filtered" },
        { "tool_calls", "tool_use" }, { "else", "end_turn" }
    };

    for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        char  body[256], want[64];

        snprintf(body, sizeof(body), "{\"id\":\"c\",\"choices\":[{\"index\":0,"
                 "\"message\":{\"role\":\"assistant\",\"content\":\"a\"},"
                 "\"finish_reason\":\"%s\"}]}", reasons[i].from);
        snprintf(want, sizeof(want), "\"stopReason\":\"%s\"", reasons[i].to);

        ask(&p, "/model/m/converse", ASKED);
        s = pair_answer(&p, &soma_openai, str(body), 0);
        in(s, want);

        /* no usage: all that clients need is there all the same */

        in(s, "\"usage\":{\"inputTokens\":0,\"outputTokens\":0,"
              "\"totalTokens\":0}");
    }

    ask(&p, "/model/m/converse",
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hi\"}]}],"
        "\"additionalModelResponseFieldPaths\":[\"/delta/stop_sequence\"]}");
    s = pair_answer(&p, &soma_anthropic,
                    SOMA_STR("{\"type\":\"message\",\"content\":[],"
                             "\"stop_reason\":\"stop_sequence\","
                             "\"stop_sequence\":\"X\"}"), 0);
    in(s, "\"content\":[]}},\"stopReason\":\"stop_sequence\","
          "\"additionalModelResponseFields\":{\"delta\":{\"stop_sequence\":"
          "\"X\"}}");

    /* calls whose arguments are none */

    ask(&p, "/model/m/converse", ASKED);
    s = pair_answer(&p, &soma_openai,
                    SOMA_STR("{\"choices\":[{\"message\":{\"tool_calls\":[{"
                             "\"id\":\"a\",\"type\":\"function\",\"function\":"
                             "{\"name\":\"f\",\"arguments\":\"no\"}}]}}]}"),
                    0);
    soma_is_str(s.data, s.len, "!", "no arguments");
    soma_ok(p.writer.error != NULL, "is said: %s", p.writer.error);

    /* a failure in a stream, and a cut */

    ask(&p, "/model/m/converse-stream", ASKED);
    s = pair_answer(&p, &soma_anthropic,
                    SOMA_STR(AN_START
                             AN_BLOCK(0, "\"type\":\"text\",\"text\":\"x\"")
                             AN("error", ",\"error\":{\"type\":"
                                "\"overloaded_error\",\"message\":\"o\"}")),
                    7);
    s = str(unframed(s));
    in(s, "!serviceUnavailableException {\"message\":\"o\"}\n");
    soma_ok(p.failed && memmem(s.data, s.len, "messageStop", 11) == NULL,
            "and no end");

    ask(&p, "/model/m/converse-stream", ASKED);
    s = pair_answer(&p, &soma_anthropic,
                    SOMA_STR(AN_START
                             AN_BLOCK(0, "\"type\":\"text\",\"text\":\"x\"")),
                    7);
    s = str(unframed(s));
    soma_ok(!p.over && memmem(s.data, s.len, "messageStop", 11) == NULL,
            "a cut is no end");

    /* nothing at all */

    ask(&p, "/model/m/converse-stream", ASKED);
    s = pair_answer(&p, &soma_anthropic,
                    SOMA_STR(AN_START AN_END("end_turn")), 0);
    s = str(unframed(s));
    in(s, "messageStart {\"role\":\"assistant\"}\nmessageStop {"
          "\"stopReason\":\"end_turn\"}\nmetadata ");

    /* what it cost stands in a stream's usage */

    ask(&p, "/model/m/converse-stream", ASKED);
    p.writer.cost = 5;
    (void) s;
}


static void
test_pictures(void)
{
    pair_t              p;
    soma_str_t          s;
    soma_pieces_t       out;
    soma_inner_event_t  e;
    unsigned            stream;

    for (stream = 0; stream < 2; stream++) {

        ask(&p, stream ? "/model/m/converse-stream" : "/model/m/converse",
            ASKED);
        memset(&p.writer, 0, sizeof(p.writer));
        soma_pieces_init(&out, arena);
        p.writer.arena = arena;
        p.writer.ask = &p.ask;
        p.writer.request = &p.request;
        p.writer.cost = 1500000000;
        p.writer.elapsed = 2500000;

        memset(&e, 0, sizeof(e));
        e.event = SOMA_INNER_START;
        (void) soma_bedrock.write(&p.writer, &out, &e);
        e.event = SOMA_INNER_BEGIN;
        e.kind = SOMA_INNER_IMAGE;
        (void) soma_bedrock.write(&p.writer, &out, &e);
        e.event = SOMA_INNER_MEDIA;
        e.media = SOMA_STR("image/jpeg");
        e.text = SOMA_STR("/9j/");
        (void) soma_bedrock.write(&p.writer, &out, &e);
        e.event = SOMA_INNER_CLOSE;
        e.text.len = 0;
        (void) soma_bedrock.write(&p.writer, &out, &e);
        e.event = SOMA_INNER_FINISH;
        (void) soma_bedrock.write(&p.writer, &out, &e);
        e.event = SOMA_INNER_END;
        soma_is_int(soma_bedrock.write(&p.writer, &out, &e), SOMA_OK, "end");
        (void) soma_pieces_whole(&out, &s);

        if (!stream) {
            in(s, "{\"image\":{\"format\":\"jpeg\",\"source\":{\"bytes\":"
                  "\"/9j/\"}}}");
            in(s, "\"latencyMs\":2");
            continue;
        }

        s = str(unframed(s));
        in(s, "contentBlockStart {\"contentBlockIndex\":0,\"start\":{"
              "\"image\":{\"format\":\"jpeg\"}}}\ncontentBlockDelta {"
              "\"contentBlockIndex\":0,\"delta\":{\"image\":{\"source\":{"
              "\"bytes\":\"/9j/\"}}}}\n");
        in(s, "\"cost\":1.5},\"metrics\":{\"latencyMs\":2}");
    }
}


/* a picture of a provider's is told to clients that know such */

static void
test_picture_read(void)
{
    size_t       i;
    pair_t       p;
    soma_str_t   s;

    static const char *const  list[] = {
        START, "contentBlockStart", "{\"contentBlockIndex\":0,\"start\":{"
        "\"image\":{\"format\":\"png\"}}}",
        DELTA(0, "\"image\":{\"source\":{\"bytes\":\"iVBORw0KGgo=\"}}"),
        STOP(0), END("end_turn"), META, NULL
    };

    for (i = 0; i < 3; i++) {
        ask(&p, "/v1beta/models/m:streamGenerateContent?alt=sse",
            "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"x\"}]}]"
            "}");
        s = pair_answer(&p, &soma_bedrock, frames(list), steps[i]);
        in(s, "\"inlineData\":{\"mimeType\":\"image/png\",\"data\":"
              "\"iVBORw0KGgo=\"}");
    }
}


static void
test_faults(void)
{
    char           *got;
    size_t          i;
    pair_t          p;
    unsigned        f;
    soma_out_t      out;
    soma_str_t      s;
    unsigned char   buf[64 * 1024];

    static const struct {
        soma_fault_e  fault;
        int           status;
        const char   *name;
        const char   *event;
    } cases[] = {
        { SOMA_FAULT_BAD_REQUEST, 400, "ValidationException",
          "validationException" },
        { SOMA_FAULT_UNAUTHORIZED, 403, "UnrecognizedClientException",
          "validationException" },
        { SOMA_FAULT_FORBIDDEN, 403, "AccessDeniedException",
          "validationException" },
        { SOMA_FAULT_NO_MODEL, 404, "ResourceNotFoundException",
          "validationException" },
        { SOMA_FAULT_TOO_LARGE, 413, "ValidationException",
          "validationException" },
        { SOMA_FAULT_RATE, 429, "ThrottlingException",
          "throttlingException" },
        { SOMA_FAULT_QUOTA, 429, "ServiceQuotaExceededException",
          "throttlingException" },
        { SOMA_FAULT_INTERNAL, 500, "InternalServerException",
          "internalServerException" },
        { SOMA_FAULT_UPSTREAM, 500, "InternalServerException",
          "modelStreamErrorException" },
        { SOMA_FAULT_UNAVAILABLE, 503, "ServiceUnavailableException",
          "serviceUnavailableException" },
        { SOMA_FAULT_TIMEOUT, 408, "ModelTimeoutException",
          "modelStreamErrorException" }
    };

    (void) pair_ask(&p, arena, "/model/m/converse-stream", str(ASKED));

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        f = cases[i].fault;

        soma_is_int(soma_dialect_status(&soma_bedrock, f), cases[i].status,
                    "%s", cases[i].name);
        s = soma_bedrock.fault_name(f);
        soma_is_str(s.data, s.len, cases[i].name, "its name");

        soma_put_init(&out, buf, sizeof(buf));
        soma_bedrock.fault(&out, f, SOMA_STR("c"), SOMA_STR("a \"b\""));
        soma_is_str(buf, out.pos - buf, "{\"message\":\"a \\\"b\\\"\"}",
                    "its body");

        soma_put_init(&out, buf, sizeof(buf));
        soma_bedrock.fault_event(&out, &p.ask, f, SOMA_STR("c"),
                                 SOMA_STR("m"));
        got = unframed((soma_str_t) { (size_t) (out.pos - buf), buf });
        soma_ok(got[0] == '!' && memcmp(got + 1, cases[i].event,
                                        strlen(cases[i].event)) == 0
                && strstr(got, " {\"message\":\"m\"}\n") != NULL,
                "in a stream: %s", got);
    }

    for (f = SOMA_FAULT_NONE; f <= SOMA_FAULT_TIMEOUT; f++) {
        soma_ok(soma_bedrock.fault_name(f).len != 0, "fault %u", f);
    }

    s.data = malloc(20000);
    s.len = 20000;
    memset(s.data, '"', s.len);
    soma_put_init(&out, buf, sizeof(buf));
    soma_bedrock.fault_event(&out, &p.ask, SOMA_FAULT_RATE, SOMA_STR(""), s);
    got = unframed((soma_str_t) { (size_t) (out.pos - buf), buf });
    soma_ok(strstr(got, "too long") != NULL, "a long message");
    free(s.data);

    /* what shows that a stream lives */

    s = soma_bedrock.stream_type(&p.ask);
    soma_is_str(s.data, s.len, "application/vnd.amazon.eventstream", "type");
    s = soma_bedrock.beat(&p.ask);
    got = unframed(s);
    soma_is_str(got, strlen(got), "ping {}\n", "a beat");

    soma_put_init(&out, buf, sizeof(buf));
    soma_bedrock.count(&out, &p.ask, 42);
    soma_is_str(buf, out.pos - buf, "{\"inputTokens\":42}", "a count");
}


/* the end of what is cut, read by ourselves as one */

static void
test_cut(void)
{
    size_t            i, used;
    char             *got;
    pair_t            p;
    soma_out_t        out;
    soma_str_t        all;
    soma_usage_t      usage;
    soma_answer_t     answer;
    soma_frames_t     frame;
    soma_sse_event_t  e;
    unsigned char     buf[64 * 1024];

    static const char *const  list[] = {
        START, DELTA(0, "\"text\":\"a\""), STOP(0), CALL(1, "i", "f"),
        DELTA(2, "\"text\":\"a\""), NULL
    };

    (void) pair_ask(&p, arena, "/model/m/converse-stream", str(ASKED));

    memset(&answer, 0, sizeof(answer));
    memset(&usage, 0, sizeof(usage));
    answer.api = SOMA_API_CHAT;
    answer.stream = 1;
    all = frames(list);

    for (i = 0; i < 2; i++) {
        memset(&frame, 0, sizeof(frame));
        frame.framing = SOMA_FRAMING_AWS;
        frame.sse.arena = arena;

        while (soma_frames_feed(&frame, all.data, all.len, &used, &e)
               == SOMA_OK)
        {
            soma_is_int(soma_bedrock.event(&answer, &p.ask, &e),
                        SOMA_EVENT_PASS, "an event");
            all.data += used;
            all.len -= used;
        }

        if (i == 1) {
            break;
        }

        soma_ok(!answer.done && answer.begun && answer.text_len == 2,
                "under way");

        usage.input_tokens = 10;
        usage.cached_tokens = 4;
        usage.output_tokens = 3;
        soma_put_init(&out, buf, SOMA_CUT_EVENT_MAX
                                 * (answer.progress.choices + 2u));
        soma_bedrock.cut(&out, &p.ask, &answer, &usage, 7);
        soma_ok(!out.full, "it fits");
        all.data = buf;
        all.len = (size_t) (out.pos - buf);
        got = unframed(all);
        soma_is_str(got, strlen(got),
                    "contentBlockStop {\"contentBlockIndex\":1}\n"
                    "contentBlockStop {\"contentBlockIndex\":2}\n"
                    "messageStop {\"stopReason\":\"max_tokens\"}\n"
                    "metadata {\"usage\":{\"inputTokens\":6,"
                    "\"outputTokens\":3,\"totalTokens\":13,"
                    "\"cacheReadInputTokens\":4,"
                    "\"cacheWriteInputTokens\":0,\"cost\":0.000000007},"
                    "\"metrics\":{\"latencyMs\":0}}\n", "cut");
    }

    soma_ok(answer.done && answer.finished && answer.usage.known
            && answer.usage.input_tokens == 10
            && answer.usage.output_tokens == 3, "and read as an end");
}


/* whether it is an answer */

static void
test_verdicts(void)
{
    size_t          i;
    soma_look_t     look;
    soma_refusal_t  refusal;

    static const struct {
        const char      *body;
        soma_api_e       api;
        unsigned         whole;
        soma_verdict_e   verdict;
    } cases[] = {
        { "{\"metrics\":{\"latencyMs\":1},\"output\":{\"message\":{",
          SOMA_API_CHAT, 0, SOMA_VERDICT_GOOD },
        { "{\"metr", SOMA_API_CHAT, 0, SOMA_VERDICT_MORE },
        { "{\"message\":\"no\"}", SOMA_API_CHAT, 1, SOMA_VERDICT_NONE },
        { "{\"inputTokens\":5}", SOMA_API_COUNT, 1, SOMA_VERDICT_GOOD },
        { "{\"generation\":\"x\"}", SOMA_API_INVOKE, 1, SOMA_VERDICT_GOOD },
        { "{\"type\":\"error\",\"error\":{\"message\":\"x\"}}",
          SOMA_API_INVOKE, 1, SOMA_VERDICT_ERROR },
        { "<html>", SOMA_API_CHAT, 1, SOMA_VERDICT_NONE }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memset(&look, 0, sizeof(look));
        look.api = cases[i].api;
        look.text = str(cases[i].body);
        look.whole = cases[i].whole;
        soma_is_int(soma_bedrock.verdict(&look), cases[i].verdict, "%s",
                    cases[i].body);
    }

    memset(&look, 0, sizeof(look));
    look.event = look.whole = 1;
    look.name = SOMA_STR("throttlingException");
    look.text = SOMA_STR("{\"message\":\"x\"}");
    look.failed = 1;
    soma_is_int(soma_bedrock.verdict(&look), SOMA_VERDICT_ERROR, "exception");
    look.failed = 0;
    look.name = SOMA_STR("messageStart");
    look.text = SOMA_STR("{\"role\":\"assistant\"}");
    soma_is_int(soma_bedrock.verdict(&look), SOMA_VERDICT_GOOD, "a frame");

    soma_bedrock.refusal(SOMA_STR("{\"Message\":\"Rate exceeded\"}"),
                         &refusal);
    soma_is_str(refusal.message.text.data, refusal.message.text.len,
                "\"Rate exceeded\"", "a message");
    soma_ok(refusal.whole && refusal.ours && !refusal.content, "of ours");
    soma_bedrock.refusal(SOMA_STR("{\"message\":\"blocked by guardrail\"}"),
                         &refusal);
    soma_ok(refusal.content, "about what was asked");
    soma_bedrock.refusal(SOMA_STR("<html>no</html>"), &refusal);
    soma_ok(!refusal.whole, "no JSON");
}


int
main(void)
{
    arena = soma_test_arena();

    test_streams();
    test_broken();
    test_whole();
    test_told();
    test_ends();
    test_pictures();
    test_picture_read();
    test_faults();
    test_cut();
    test_verdicts();

    soma_test_arena_free(arena);

    return soma_done();
}
