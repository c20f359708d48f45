
/*
 * Copyright (C) The ngx_soma authors
 *
 * What an answer comes to, in events and whole: its text, its usage wherever
 * that stands, and whether the model has begun.
 */


#include "soma_openai.h"
#include "soma_test.h"


#define STR(s)  ((soma_str_t) { strlen(s), (unsigned char *) (s) })


static int
event(soma_answer_t *answer, soma_ask_t *ask, const char *name,
    const char *data)
{
    soma_sse_event_t  e;

    memset(&e, 0, sizeof(e));

    e.name = STR(name);
    e.data = STR(data);
    e.raw = e.data;

    answer->api = ask->api;
    answer->stream = 1;

    return soma_openai.event(answer, ask, &e);
}


/* a whole answer, in pieces of "step" bytes; what its reader said last */

static int
body(soma_answer_t *answer, soma_str_t text, size_t step)
{
    int             rc;
    size_t          pos, n;
    unsigned char  *piece;
    soma_reader_t   reader;

    memset(&reader, 0, sizeof(reader));
    rc = SOMA_AGAIN;

    for (pos = 0; pos < text.len; pos += n) {
        n = text.len - pos < step ? text.len - pos : step;

        piece = malloc(n);
        memcpy(piece, text.data + pos, n);
        rc = soma_openai.body(answer, &reader, piece, n);
        free(piece);
    }

    return rc;
}


/* a whole answer with one member */

static void
member(soma_answer_t *answer, const char *name, soma_str_t value)
{
    int   n;
    char  buf[1024];

    n = snprintf(buf, sizeof(buf), "{\"%s\":%.*s}", name, (int) value.len,
                 (char *) value.data);

    soma_is_int(body(answer, (soma_str_t) { (size_t) n,
                                            (unsigned char *) buf },
                     (size_t) n), SOMA_OK, "%s", buf);
}


/* a usage that does not stand where it belongs */

static void
test_elsewhere(void)
{
    size_t         i, step;
    soma_ask_t     ask;
    soma_str_t     text;
    soma_answer_t  answer;

    static const struct {
        const char  *data;
        int          in;
        int          out;
        const char  *what;
    } cases[] = {
        { "{\"choices\":[{\"delta\":{},\"usage\":{\"prompt_tokens\":100,"
          "\"completion_tokens\":50}}]}", 100, 50, "in a choice" },
        { "{\"choices\":[],\"x_groq\":{\"usage\":{\"prompt_tokens\":7,"
          "\"completion_tokens\":6}}}", 7, 6, "Groq's" },
        { "{\"choices\":[{\"delta\":{\"usage\":{\"prompt_tokens\":3,"
          "\"completion_tokens\":2}}}]}", 3, 2, "in a delta" },
        { "{\"choices\":[{\"message\":{\"content\":\"a\",\"usage\":"
          "{\"prompt_tokens\":3,\"completion_tokens\":1}}}]}", 3, 1,
          "in a message" },
        { "{\"message\":{\"usage\":{\"input_tokens\":9,"
          "\"output_tokens\":1}}}", 9, 1, "in the message at the root" },
        { "{\"usage\":{\"prompt_tokens\":\"11\",\"completion_tokens\":"
          "\"7\"}}", 11, 7, "numbers as text" },
        { "{\"usage\":{\"prompt\\u005ftokens\":11,\"completion_tokens\":7"
          "}}", 11, 7, "a name with an escape" },
        { "{\"usage\":{\"prompt_tokens\":0,\"completion_tokens\":0,"
          "\"total_tokens\":0}}", 0, 0, "explicit zeros" },
        { "{\"choices\":[{\"usage\":{\"prompt_tokens\":1,"
          "\"completion_tokens\":2}}],\"usage\":{\"prompt_tokens\":4,"
          "\"completion_tokens\":5}}", 4, 5, "a proper one behind it" },
        { "{\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":5},"
          "\"x_groq\":{\"usage\":{\"prompt_tokens\":1,"
          "\"completion_tokens\":2}}}", 4, 5, "a proper one before it" },
        { "{\"usage\":{},\"x_groq\":{\"usage\":{\"prompt_tokens\":1,"
          "\"completion_tokens\":2}}}", 1, 2, "an empty one before it" },
        { "{\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":5},"
          "\"tool_usage\":{\"image_gen\":{\"input_tokens\":10,"
          "\"output_tokens\":1000}}}", 14, 1005, "pictures behind it" },
        { "{\"tool_usage\":{\"image_gen\":{\"input_tokens\":10,"
          "\"output_tokens\":1000}},\"usage\":{\"prompt_tokens\":4,"
          "\"completion_tokens\":5}}", 14, 1005, "pictures before it" }
    };

    memset(&ask, 0, sizeof(ask));
    ask.api = SOMA_API_CHAT;
    ask.usage_asked = 1;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memset(&answer, 0, sizeof(answer));
        answer.stream = 1;
        event(&answer, &ask, "", cases[i].data);
        soma_is_int(answer.usage.known, 1, "usage: %s", cases[i].what);
        soma_is_int(answer.usage.input_tokens, cases[i].in, "its input");
        soma_is_int(answer.usage.output_tokens, cases[i].out, "its output");
        soma_ok(answer.usage_text.len >= 2, "where it stands");

        text = STR(cases[i].data);

        for (step = 1; step <= text.len; step += text.len - 1) {
            memset(&answer, 0, sizeof(answer));
            soma_is_int(body(&answer, text, step), SOMA_OK, "a whole answer");
            soma_is_int(answer.usage.input_tokens, cases[i].in, "its input");
            soma_is_int(answer.usage.output_tokens, cases[i].out,
                        "its output");
        }
    }

    soma_is_int(answer.usage.image_input_tokens, 0, "text for pictures");
    soma_is_int(answer.usage.image_output_tokens, 1000, "pictures");

    memset(&answer, 0, sizeof(answer));
    text = STR("{\"tool_usage\":{\"image_gen\":{\"input_tokens\":10,"
               "\"output_tokens\":1000,\"output_tokens_details\":"
               "{\"image_tokens\":900,\"text_tokens\":100}},"
               "\"web_search\":{\"num_requests\":3}}}");
    soma_is_int(body(&answer, text, 1), SOMA_OK, "tools alone");
    soma_is_int(answer.usage.known, 0, "are no usage");
    soma_is_int(answer.usage.image_output_tokens, 900, "their details count");
    soma_is_int(answer.usage.queries, 3, "searches");
}


/* whole answers whose text is counted, as nothing else tells what they are */

static void
test_body_text(void)
{
    size_t         i, step;
    soma_str_t     text;
    soma_answer_t  answer;

    static const struct {
        const char  *data;
        int          len;
        int          formed;
    } cases[] = {
        { "{\"choices\":[{\"message\":{\"content\":\"Hello\"}}]}", 5, 1 },
        { "{\"choices\":[{\"message\":{\"content\":null,\"tool_calls\":"
          "[{\"function\":{\"name\":\"f\",\"arguments\":"
          "\"{\\\"a\\\":1}\"}}]}}]}", 7, 1 },
        { "{\"choices\":[{\"message\":{\"reasoning_content\":\"hm\","
          "\"content\":\"yes\"}},{\"message\":{\"refusal\":\"no\"}}]}",
          7, 1 },
        { "{\"choices\":[{\"text\":\"abc\"},{\"text\":\"\\u4e2d\"}]}",
          6, 1 },
        { "{\"output\":[{\"type\":\"reasoning\",\"summary\":[{\"text\":"
          "\"hm\"}]},{\"type\":\"message\",\"content\":[{\"type\":"
          "\"output_text\",\"text\":\"yes\"}]},{\"type\":"
          "\"function_call\",\"name\":\"f\",\"arguments\":\"{}\"}],"
          "\"text\":{\"format\":{\"type\":\"text\"}}}", 7, 1 },
        { "{\"text\":\"spoken\"}", 6, 1 },
        { "{\"data\":[{\"b64_json\":\"AAAA\"}]}", 0, 1 },
        { "{\"object\":\"list\",\"data\":[]}", 0, 1 },
        { "{\"instructions\":\"abc\"}", 0, 0 },
        { "{\"detail\":\"Not Found\"}", 0, 0 },
        { "{}", 0, 0 }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        text = STR(cases[i].data);

        for (step = 1; step <= text.len; step += text.len - 1) {
            memset(&answer, 0, sizeof(answer));
            soma_is_int(body(&answer, text, step), SOMA_OK, "%s",
                        cases[i].data);
            soma_is_int(answer.text_len, cases[i].len, "bytes of text");
            soma_is_int(answer.formed, cases[i].formed, "an answer's form");
            soma_is_int(answer.failed, 0, "no failure");
        }
    }

    memset(&answer, 0, sizeof(answer));
    soma_is_int(body(&answer, STR(cases[2].data), 1), SOMA_OK, "a chat's");
    soma_is_int(answer.reasoned, 1, "reasoning is seen");
    memset(&answer, 0, sizeof(answer));
    soma_is_int(body(&answer, STR(cases[4].data), 1), SOMA_OK, "a response's");
    soma_is_int(answer.reasoned, 1, "reasoning is seen");
    memset(&answer, 0, sizeof(answer));
    soma_is_int(body(&answer, STR(cases[0].data), 1), SOMA_OK, "no");
    soma_is_int(answer.reasoned, 0, "reasoning is none");

    memset(&answer, 0, sizeof(answer));
    text = STR("{\"choices\":[{\"message\":{\"content\":\"Hello");
    soma_is_int(body(&answer, text, 7), SOMA_AGAIN, "cut: no end");
    soma_is_int(answer.text_len, 5, "what was there is counted");

    memset(&answer, 0, sizeof(answer));
    text = STR("{\"error\":{\"message\":\"long");
    soma_is_int(body(&answer, text, 7), SOMA_AGAIN, "an error, not yet whole");
    soma_is_int(answer.failed, 1, "is known for one");

    memset(&answer, 0, sizeof(answer));
    soma_is_int(body(&answer, STR("<html>{}"), 3), SOMA_ERROR, "no JSON");
    soma_is_int(body(&answer, STR("{\"a\":[}}"), 1), SOMA_OK,
                "brackets of what is passed over are counted");
    soma_is_int(body(&answer, STR("{\"choices\":[}"), 1), SOMA_ERROR,
                "those of what is read are paired");
}


/* what tells that the model has begun to answer */

static void
test_begun(void)
{
    size_t         i;
    soma_ask_t     ask;
    soma_answer_t  answer;

    static const struct {
        const char  *data;
        int          begun;
    } cases[] = {
        { "{\"choices\":[{\"delta\":{\"role\":\"assistant\","
          "\"content\":\"\"}}]}", 0 },
        { "{\"choices\":[{\"delta\":{\"role\":\"assistant\","
          "\"audio\":null,\"tool_calls\":null}}]}", 0 },
        { "{\"choices\":[],\"usage\":null}", 0 },
        { "{\"type\":\"response.created\",\"response\":{\"id\":\"r\","
          "\"output\":[],\"instructions\":\"be good\"}}", 0 },
        { "{\"type\":\"response.output_item.added\",\"item\":{\"type\":"
          "\"message\",\"content\":[]}}", 0 },
        { "{\"type\":\"response.output_item.added\",\"item\":{\"type\":"
          "\"function_call\",\"name\":\"f\",\"arguments\":\"\"}}", 1 },
        { "{\"choices\":[{\"delta\":{\"content\":\"a\"}}]}", 1 },
        { "{\"choices\":[{\"delta\":{\"reasoning\":\"a\"}}]}", 1 },
        { "{\"choices\":[{\"delta\":{\"tool_calls\":[{\"function\":"
          "{\"name\":\"f\",\"arguments\":\"\"}}]}}]}", 1 },
        { "{\"choices\":[{\"text\":\"a\"}]}", 1 },
        { "{\"type\":\"response.output_text.delta\",\"delta\":\"a\"}",
          1 },
        { "{\"type\":\"image_generation.partial_image\",\"b64_json\":"
          "\"AA\"}", 1 },
        { "{\"type\":\"speech.audio.delta\",\"audio\":\"AA\"}", 1 }
    };

    memset(&ask, 0, sizeof(ask));
    ask.api = SOMA_API_CHAT;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memset(&answer, 0, sizeof(answer));
        answer.stream = 1;
        event(&answer, &ask, "", cases[i].data);
        soma_is_int(answer.begun, cases[i].begun, "begun: %s",
                    cases[i].data);
    }
}


static void
test_text_len(void)
{
    size_t         i;
    soma_ask_t     ask;
    soma_answer_t  answer;

    static const struct {
        const char  *data;
        int          len;
    } cases[] = {
        { "{\"choices\":[{\"delta\":{\"content\":\"Hello\"}}]}",          5 },
        { "{\"choices\":[{\"delta\":{\"content\":\"a\\n\\\"b\"}}]}",      4 },
        { "{\"choices\":[{\"delta\":{\"content\":\"\\u4e2d\\u0041\"}}]}", 4 },
        { "{\"choices\":[{\"delta\":{\"content\":\"\\\\\"}}]}",           1 },
        { "{\"choices\":[{\"delta\":{\"content\":null,"
          "\"reasoning_content\":\"abc\"}}]}",                            3 },
        { "{\"choices\":[{\"delta\":{\"reasoning_content\":\"abc\","
          "\"reasoning\":\"abc\",\"content\":\"\"}}]}",                   3 },
        { "{\"choices\":[{\"delta\":{\"refusal\":\"no\"}}]}",             2 },
        { "{\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}",         0 },
        { "{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,"
          "\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\"}},"
          "{\"function\":{\"arguments\":\"xy\"}}]}}]}",                   5 },
        { "{\"choices\":[{\"delta\":{\"function_call\":"
          "{\"arguments\":\"abcd\"}}}]}",                                 4 },
        { "{\"choices\":[{\"text\":\"abc\"},{\"text\":\"de\"}]}",         5 },
        { "{\"choices\":[{\"delta\":{\"content\":[{\"type\":\"thinking\","
          "\"thinking\":[{\"type\":\"text\",\"text\":\"hm\"}]},"
          "{\"type\":\"text\",\"text\":\"yes\"}]}}]}",                    5 },
        { "{\"type\":\"response.output_text.delta\",\"delta\":\"abc\"}",  3 },
        { "{\"type\":\"response.reasoning_summary_text.delta\","
          "\"delta\":\"abc\"}",                                           3 },
        { "{\"type\":\"response.audio.delta\",\"delta\":\"AAAA\"}",       0 },
        { "{\"type\":\"response.output_text.done\",\"text\":\"abc\"}",    3 }
    };

    memset(&ask, 0, sizeof(ask));
    ask.api = SOMA_API_CHAT;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memset(&answer, 0, sizeof(answer));
        answer.stream = 1;
        soma_is_int(event(&answer, &ask, "", cases[i].data),
                    SOMA_EVENT_PASS, "passes: %s", cases[i].data);
        soma_is_int(answer.text_len, cases[i].len, "bytes of text");
    }

    /* what was said in pieces is not counted again where it stands whole */

    memset(&answer, 0, sizeof(answer));
    answer.stream = 1;
    event(&answer, &ask, "", "{\"choices\":[{\"message\":{\"content\":"
          "\"ab\"},\"delta\":{\"content\":\"ab\"}}]}");
    event(&answer, &ask, "", "{\"choices\":[{\"message\":{\"content\":"
          "\"abc\"},\"delta\":{\"content\":\"c\"}}]}");
    soma_is_int(answer.text_len, 3, "Perplexity says it both ways");
    soma_is_int(answer.unheard, 0, "all of it in pieces");

    event(&answer, &ask, "", "{\"type\":\"response.completed\",\"response\":"
          "{\"output\":[{\"content\":[{\"text\":\"abcdef\"}]}]}}");
    soma_is_int(answer.text_len, 6, "more than in pieces");
    soma_is_int(answer.unheard, 3, "is what nobody was told");
}


/* what a listener heard, "channel:piece" one behind the other */
typedef struct {
    char      text[1024];
    size_t    len;
    unsigned  channel;
} heard_t;


static void
hear(void *data, unsigned channel, const unsigned char *p, size_t len)
{
    heard_t  *h = data;

    if (channel != h->channel) {
        h->len += (size_t) sprintf(h->text + h->len, "<%u>", channel);
        h->channel = channel;
    }

    memcpy(h->text + h->len, p, len);
    h->len += len;
}


static void
test_text(void)
{
    size_t         i;
    heard_t        h;
    soma_ask_t     ask;
    soma_answer_t  answer;

    static const struct {
        const char  *data;
        const char  *text;
    } cases[] = {
        { "{\"choices\":[{\"delta\":{\"content\":\"Hello\"}}]}", "Hello" },
        { "{\"choices\":[{\"delta\":{\"content\":\"\"}}]}", "" },
        { "{\"choices\":[{\"delta\":{\"content\":"
          "\"\\\\a\\nb\\t\\r\\b\\f\\\"\\/c\"}}]}",
          "\\a\nb\t\r\b\f\"/c" },
        { "{\"choices\":[{\"delta\":{\"content\":"
          "\"\\u0041\\u00e9\\u4e2d\\ud83d\\ude00\"}}]}",
          "A\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80" },
        { "{\"choices\":[{\"delta\":{\"content\":"
          "\"\\ud83dx\\ude00\\ud83d\\u0041\\uzzzz\"}}]}",
          "\xef\xbf\xbdx\xef\xbf\xbd\xef\xbf\xbd" "A\xef\xbf\xbdzzzz" },
        { "{\"choices\":[{\"delta\":{\"content\":\"\\u00\"}}]}",
          "\xef\xbf\xbd" "00" },
        { "{\"choices\":[{\"index\":2,\"delta\":{\"content\":\"a\"}}]}",
          "<6>a" },
        { "{\"choices\":[{\"delta\":{\"reasoning\":\"abc\","
          "\"reasoning_content\":\"abc\",\"content\":\"d\"}}]}",
          "<1>abc<0>d" },
        { "{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,"
          "\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\"}}]}}]}",
          "<2>{\"a" },
        { "{\"choices\":[{\"text\":\"abc\",\"index\":0}]}", "abc" },
        { "{\"choices\":[{\"delta\":{\"content\":[{\"type\":"
          "\"thinking\",\"thinking\":[{\"type\":\"text\","
          "\"text\":\"hm\"}]},{\"type\":\"text\","
          "\"text\":\"yes\"}]}}]}", "hmyes" },
        { "{\"type\":\"response.output_text.delta\",\"delta\":\"a\\n\"}",
          "a\n" },
        { "{\"type\":\"response.audio.delta\",\"delta\":\"AAAA\"}", "" }
    };

    memset(&ask, 0, sizeof(ask));
    ask.api = SOMA_API_CHAT;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memset(&answer, 0, sizeof(answer));
        memset(&h, 0, sizeof(h));
        answer.text = hear;
        answer.text_data = &h;

        event(&answer, &ask, "", cases[i].data);
        soma_is_str((unsigned char *) h.text, h.len, cases[i].text,
                    "heard: %s", cases[i].data);
    }
}


static void
test_members(void)
{
    soma_answer_t      answer;
    soma_json_value_t  value;

    memset(&answer, 0, sizeof(answer));
    answer.api = SOMA_API_TRANSCRIPTIONS;

    value.type = SOMA_JSON_NUMBER;
    value.text = STR("3.0245");
    member(&answer, "duration", value.text);
    soma_is_int(answer.usage.audio_ms, 3025, "duration of a transcript");
    soma_is_int(answer.usage.known, 0, "is no usage");

    value.type = SOMA_JSON_OBJECT;
    value.text = STR("{\"type\":\"duration\",\"seconds\":4}");
    member(&answer, "usage", value.text);
    soma_is_int(answer.usage.audio_ms, 4000, "seconds billed");
    soma_is_int(answer.usage.known, 1, "are usage");

    value.text = STR("{\"type\":\"tokens\",\"input_tokens\":14,"
                     "\"input_token_details\":{\"text_tokens\":0,"
                     "\"audio_tokens\":14},\"output_tokens\":45,"
                     "\"total_tokens\":59}");
    memset(&answer, 0, sizeof(answer));
    answer.api = SOMA_API_TRANSCRIPTIONS;
    member(&answer, "usage", value.text);
    soma_is_int(answer.usage.audio_input_tokens, 14, "audio of a transcript");
    soma_is_int(answer.usage.input_tokens, 14, "its input");

    value.text = STR("{\"input_tokens\":50,\"input_tokens_details\":"
                     "{\"image_tokens\":40,\"text_tokens\":10},"
                     "\"output_tokens\":1000,\"output_tokens_details\":"
                     "{\"image_tokens\":1000},\"total_tokens\":1050}");
    memset(&answer, 0, sizeof(answer));
    answer.api = SOMA_API_IMAGES;
    member(&answer, "usage", value.text);
    soma_is_int(answer.usage.image_input_tokens, 40, "images in");
    soma_is_int(answer.usage.image_output_tokens, 1000, "images out");

    value.text = STR("{\"prompt_tokens\":1,\"completion_tokens\":1,"
                     "\"server_side_tool_usage_details\":"
                     "{\"web_search_calls\":2,\"x_search_calls\":3,"
                     "\"mcp_calls\":9},\"service_tier\":\"flex\","
                     "\"cache_creation\":{\"ephemeral_1h_input_tokens\":1}}");
    memset(&answer, 0, sizeof(answer));
    answer.api = SOMA_API_RESPONSES;
    member(&answer, "usage", value.text);
    soma_is_int(answer.usage.queries, 5, "searches");
    soma_is_int(answer.usage.tier, SOMA_TIER_FLEX, "tier within usage");
    soma_is_int(answer.usage.cache_write_1h_tokens, 1, "written for 1 h");

    value.text = STR("{\"message\":\"x\"}");
    member(&answer, "error", value.text);
    soma_is_int(answer.failed, 1, "an error body");

    value.type = SOMA_JSON_STRING;
    value.text = STR("\"never heard of\"");
    memset(&answer, 0, sizeof(answer));
    member(&answer, "service_tier", value.text);
    soma_is_int(answer.service_tier.len, 0, "an unknown tier is none");
    value.text = STR("\"a\\u0062\"");
    member(&answer, "model", value.text);
    soma_is_int(answer.model.len, 0, "an escaped model is left out");
}


static void
test_meaning(void)
{
    size_t             i;
    soma_answer_t      answer;
    soma_json_value_t  value;

    static const struct {
        const char  *text;
        soma_api_e   api;
        int          known;
        int          in;
        int          out;
        int          cached;
        int          reasoning;
        const char  *what;
    } cases[] = {
        { "{\"prompt_tokens\":10,\"completion_tokens\":2,\"total_tokens\":17,"
          "\"completion_tokens_details\":{\"reasoning_tokens\":5}}",
          SOMA_API_CHAT, 1, 10, 7, 0, 5, "xAI: reasoning outside" },
        { "{\"prompt_tokens\":10,\"completion_tokens\":7,\"total_tokens\":17,"
          "\"completion_tokens_details\":{\"reasoning_tokens\":5}}",
          SOMA_API_CHAT, 1, 10, 7, 0, 5, "OpenAI: reasoning inside" },
        { "{\"prompt_tokens\":10,\"completion_tokens\":2,"
          "\"total_tokens\":17}",
          SOMA_API_CHAT, 1, 10, 7, 0, 5, "Gemini: thoughts in the total" },
        { "{\"prompt_tokens\":10,\"completion_tokens\":2,\"total_tokens\":20,"
          "\"completion_tokens_details\":{\"reasoning_tokens\":5}}",
          SOMA_API_CHAT, 1, 13, 7, 0, 5, "Gemini: prompts of tools too" },
        { "{\"prompt_tokens\":10,\"completion_tokens\":2,\"total_tokens\":42,"
          "\"prompt_audio_seconds\":3}",
          SOMA_API_CHAT, 1, 40, 2, 0, 0, "Mistral: audio in the total" },
        { "{\"prompt_tokens\":10,\"completion_tokens\":2,\"total_tokens\":112,"
          "\"cache_read_input_tokens\":100}",
          SOMA_API_CHAT, 1, 110, 2, 100, 0, "cached outside the prompt" },
        { "{\"prompt_tokens\":10,\"completion_tokens\":2,\"total_tokens\":12,"
          "\"cache_read_input_tokens\":100}",
          SOMA_API_CHAT, 1, 110, 2, 100, 0, "cached is never above it" },
        { "{\"prompt_tokens\":10,\"completion_tokens\":2,"
          "\"prompt_cache_hit_tokens\":8,\"prompt_cache_miss_tokens\":2}",
          SOMA_API_CHAT, 1, 10, 2, 8, 0, "DeepSeek" },
        { "{\"prompt_tokens\":10,\"completion_tokens\":2,\"cached_tokens\":0,"
          "\"prompt_tokens_details\":{\"cached_tokens\":4}}",
          SOMA_API_CHAT, 1, 10, 2, 4, 0, "cached twice: the larger" },
        { "{\"prompt_tokens\":33,\"completion_tokens\":70,"
          "\"total_tokens\":103,\"reasoning_tokens\":900}",
          SOMA_API_CHAT, 1, 33, 970, 0, 900, "Perplexity: research apart" },
        { "{\"prompt_tokens\":43,\"completion_tokens\":10,"
          "\"total_tokens\":53,\"completion_tokens_details\":"
          "{\"reasoning_tokens\":11}}",
          SOMA_API_CHAT, 1, 43, 10, 0, 11, "OpenRouter: one too many" },
        { "{\"prompt_tokens\":0,\"completion_tokens\":0,\"total_tokens\":0}",
          SOMA_API_CHAT, 1, 0, 0, 0, 0, "explicit zeros" },
        { "{\"total_tokens\":3}",
          SOMA_API_EMBEDDINGS, 1, 3, 0, 0, 0, "Voyage: a total only" },
        { "{\"prompt_tokens\":3}",
          SOMA_API_EMBEDDINGS, 1, 3, 0, 0, 0, "embeddings have no output" },
        { "{\"prompt_tokens\":3,\"total_tokens\":8}",
          SOMA_API_CHAT, 1, 3, 5, 0, 0, "output from the total" },
        { "{\"prompt_tokens\":3}",
          SOMA_API_CHAT, 0, 3, 0, 0, 0, "no output: not known" },
        { "{\"completion_tokens\":3}",
          SOMA_API_CHAT, 0, 0, 3, 0, 0, "no input: not known" },
        { "{}", SOMA_API_CHAT, 0, 0, 0, 0, 0, "empty: not known" },
        { "{\"prompt_tokens\":null,\"completion_tokens\":\"5\"}",
          SOMA_API_CHAT, 0, 0, 5, 0, 0, "no input: not known" },
        { "{\"prompt_tokens\":-5,\"completion_tokens\":1.5}",
          SOMA_API_CHAT, 0, 0, 0, 0, 0, "no counts: not known" },
        { "{\"prompt_tokens\":99999999999999999,\"completion_tokens\":1}",
          SOMA_API_CHAT, 0, 0, 1, 0, 0, "beyond belief: not known" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memset(&answer, 0, sizeof(answer));
        answer.api = cases[i].api;
        value.type = SOMA_JSON_OBJECT;
        value.text = STR(cases[i].text);

        member(&answer, "usage", value.text);

        soma_is_int(answer.usage.known, cases[i].known, "%s", cases[i].what);
        soma_is_int(answer.usage.input_tokens, cases[i].in, "input");
        soma_is_int(answer.usage.output_tokens, cases[i].out, "output");
        soma_is_int(answer.usage.cached_tokens, cases[i].cached, "cached");
        soma_is_int(answer.usage.reasoning_tokens, cases[i].reasoning,
                    "reasoning");
    }
}


static void
test_tokens(void)
{
    soma_is_int(soma_dialect_estimate_tokens(9), 3,
                "four bytes a token, rounded up");
    soma_is_int(soma_dialect_sure_tokens(64), 0,
                "a short text may be one token");
    soma_is_int(soma_dialect_sure_tokens(64 + 16 * 20), 20,
                "sixteen bytes a token");
    soma_is_int(soma_dialect_sure_tokens(0), 0, "no text");
    soma_ok(soma_dialect_sure_tokens(INT64_MAX) > 0, "the longest text");
}


int
main(void)
{
    test_tokens();
    test_meaning();
    test_members();
    test_elsewhere();
    test_body_text();
    test_begun();
    test_text_len();
    test_text();

    return soma_done();
}
