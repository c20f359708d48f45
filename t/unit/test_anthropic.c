
/*
 * Copyright (C) The ngx_soma authors
 *
 * Anthropic's dialect, function by function of its table.  What recorded
 * traffic comes to is test_traffic.c, the inner form test_inner_*.c.
 */


#include <yyjson.h>

#include "soma_test.h"
#include "soma_ask_test.h"
#include "soma_answer.h"
#include "soma_prompt.h"


#define HEAD   "{\"model\":\"m\",\"max_tokens\":9"
#define START  "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\","   \
               "\"type\":\"message\",\"role\":\"assistant\",\"content\":[],"  \
               "\"model\":\"claude-x\",\"stop_reason\":null," \
               "\"usage\":{\"input_tokens\":10,\"cache_read_input_tokens\":" \
               "100,\"cache_creation_input_tokens\":20,\"cache_creation\":" \
               "{\"ephemeral_5m_input_tokens\":5,\"ephemeral_1h_input_tokens" \
               "\":15},\"output_tokens\":1,\"service_tier\":\"priority\"}}}"
#define BEGIN  "{\"type\":\"content_block_start\",\"index\":0," \
               "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}"
#define DELTA  "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":" \
               "{\"type\":\"text_delta\",\"text\":\"Hi\\n\"}}"
#define STOP   "{\"type\":\"content_block_stop\",\"index\":0}"
#define END    "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":" \
               "\"end_turn\"},\"usage\":{\"output_tokens\":7}}"
#define LAST   "{\"type\":\"message_stop\"}"
#define CALL   "{\"type\":\"content_block_start\",\"content_block\":" \
               "{\"type\":\"server_tool_use\",\"input\":{\"q\":[\"\\\"}\"," \
               "{}]}},\"index\":1}"


static soma_arena_t  *arena;


static void
test_table(void)
{
    int                    n;
    soma_url_t             url;
    const char            *names;
    const soma_surface_t  *surface;
    soma_inner_request_t   asked;

    soma_ok(soma_dialect_find(SOMA_STR("anthropic"), &names)
            == &soma_anthropic, "it is found by its name");

    memset(&url, 0, sizeof(url));
    memset(&asked, 0, sizeof(asked));

    url.below = SOMA_STR("/messages");

    soma_ok(soma_dialect_client(&url, arena) == &soma_anthropic,
            "who asks there speaks it");
    surface = url.surface;

    soma_ok(surface != NULL && surface->api == SOMA_API_CHAT
            && surface->methods == SOMA_POST
            && surface->body == SOMA_BODY_JSON && url.id.len == 0,
            "/messages");

    url.below = SOMA_STR("/messages/x");
    soma_is_int(soma_anthropic.surface(&url, arena), SOMA_DECLINED,
                "and nothing below");
    url.below = SOMA_STR("/message");
    soma_is_int(soma_anthropic.surface(&url, arena), SOMA_DECLINED,
                "and nothing else");
    url.below = SOMA_STR("/chat/completions");
    soma_ok(soma_dialect_client(&url, arena) == &soma_openai
            && url.surface != NULL, "others speak theirs");

    soma_ok(strcmp(soma_anthropic.bounds(SOMA_API_CHAT), "\"max_tokens\"")
            == 0, "what its bound is called");
    soma_ok(soma_anthropic.bounds(SOMA_API_RESPONSES) == NULL,
            "of its API only");

    soma_is_int(soma_anthropic.nheaders, 1, "a header of its own");
    soma_ok(soma_str_is(soma_anthropic.headers[0].name, "anthropic-version")
            && soma_str_is(soma_anthropic.headers[0].value, "2023-06-01"),
            "the version");
    soma_ok(soma_str_is(soma_anthropic.credential, "x-api-key: ")
            && soma_str_is(soma_anthropic.own_headers[0], "anthropic-"),
            "how a key is said, and what headers are its own");
    soma_ok(soma_str_is(soma_anthropic.rate[0].reset,
                        "anthropic-ratelimit-requests-reset")
            && soma_str_is(soma_anthropic.rate[1].limit,
                           "anthropic-ratelimit-tokens-limit")
            && soma_anthropic.reset == SOMA_RESET_TIME, "limits");
    soma_ok(soma_str_is(soma_anthropic.path(arena, &asked),
                        "/messages"), "where a request goes");

    for (n = 0; n < SOMA_ASK_TOTAL; n++) {
        soma_ok(soma_anthropic.want[n].name.len == 0
                || soma_policy_find(soma_anthropic.want[n].name.data,
                                    soma_anthropic.want[n].name.len) < 0,
                "what is read is no matter of policy");
    }
}


static void
test_ask(void)
{
    size_t           i;
    soma_test_ask_t  t;

    static const struct {
        const char  *body;
        const char  *error;         /* NULL: none */
    } cases[] = {
        { HEAD "}", NULL },
        { HEAD ",\"stream\":true}", NULL },
        { HEAD ",\"stream\":null,\"service_tier\":null,\"tools\":null}",
          NULL },
        { "{\"max_tokens\":1}", "model: Field required" },
        { "{\"model\":null,\"max_tokens\":1}", "model: Field required" },
        { "{\"model\":\"\",\"max_tokens\":1}", "model" },
        { "{\"model\":1,\"max_tokens\":1}", "\"model\" must be a string" },
        { "{\"model\":\"m\"}", "max_tokens: Field required" },
        { "{\"model\":\"m\",\"max_tokens\":null}",
          "max_tokens: Field required" },
        { "{\"model\":\"m\",\"max_tokens\":\"9\"}",
          "max_tokens: Input should be a valid integer" },
        { "{\"model\":\"m\",\"max_tokens\":1.5}",
          "max_tokens: Input should be a valid integer" },
        { "{\"model\":\"m\",\"max_tokens\":0}",
          "max_tokens: Input should be greater than or equal to 1" },
        { "{\"model\":\"m\",\"max_tokens\":-1}",
          "max_tokens: Input should be greater than or equal to 1" },
        { HEAD ",\"stream\":1}", "stream: Input should be a valid boolean" },
        { HEAD ",\"service_tier\":1}",
          "service_tier: Input should be a valid string" },
        { HEAD ",\"tools\":{}}", "tools: Input should be a valid list" },
        { HEAD ",\"tools\":[1]}", "tools: each" },
        { HEAD ",\"tools\":[{\"type\":1}]}", "tools: each" },
        { HEAD ",\"tools\":[{\"type\":\"a\",\"type\":\"b\"}]}",
          "tools: each" },
        { HEAD ",\"tools\":[{\"Type\":\"a\"}]}", "tools: each" },
        { HEAD ",\"model\":\"n\"}", "comes twice" },
        { HEAD ",\"MAX_TOKENS\":7}", "wrong case" },
        { HEAD ",\"container\":7}", "container" },
        { HEAD ",\"max_completion_tokens\":\"no member of it\",\"n\":0}",
          NULL }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int  rc = soma_test_ask(&t, &soma_anthropic, SOMA_API_CHAT,
                                str(cases[i].body), arena);

        if (cases[i].error == NULL) {
            soma_ok(rc == SOMA_OK && t.error == NULL, "%s: %s", cases[i].body,
                    t.error ? t.error : "taken");

        } else {
            soma_ok(rc == SOMA_ERROR && t.error != NULL
                    && strstr(t.error, cases[i].error) != NULL,
                    "%s: %s", cases[i].body, t.error ? t.error : "taken");
        }
    }

    (void) soma_test_ask(&t, &soma_anthropic, SOMA_API_CHAT,
                         str("{\"model\":\"cl\\u0061ude\",\"max_tokens\":12e2,"
                             "\"stream\":true,\"service_tier\":\"auto\"}"),
                         arena);

    soma_ok(soma_str_is(t.ask.model, "claude") && t.ask.max_tokens == 1200
            && t.ask.stream && t.ask.usage_asked && t.ask.n == 1
            && t.ask.prompts == 1 && t.ask.tier == SOMA_TIER_DEFAULT
            && !t.ask.window, "what is asked");

    (void) soma_test_ask(&t, &soma_anthropic, SOMA_API_CHAT,
                         str("{\"model\":\"m\",\"max_tokens\":99999999999}"),
                         arena);

    soma_is_int(t.ask.max_tokens, 1000000000, "as many as are believed");
}


static void
test_tools(void)
{
    soma_test_ask_t  t;

    (void) soma_test_ask(&t, &soma_anthropic, SOMA_API_CHAT,
                         str(HEAD ",\"tools\":[{\"name\":\"f\","
                             "\"input_schema\":{\"type\":\"object\"}},"
                             "{\"type\":\"custom\",\"name\":\"g\"},"
                             "{\"type\":null,\"name\":\"h\"},"
                             "{\"type\":\"bash_20250124\",\"name\":\"bash\"},"
                             "{\"type\":\"text_editor_20250728\"}]}"), arena);

    soma_is_int(t.ask.nhosted, 0, "what the client runs is its own");
    soma_is_int(t.ask.before, 4096, "what the API tells of them is counted");

    (void) soma_test_ask(&t, &soma_anthropic, SOMA_API_CHAT,
                         str(HEAD ",\"tools\":[{\"type\":"
                             "\"web_search_20250305\",\"name\":\"web_search\"},"
                             "{\"type\":\"code_execution_20250825\"},"
                             "{\"type\":\"web_search_20250305\"},"
                             "{\"type\":\"text_editor_code_execution\"},"
                             "{\"ty\\u0070e\":\"mcp_toolset\"}]}"), arena);

    soma_is_int(t.ask.nhosted, 4, "what the provider runs is told");
    soma_ok(soma_str_is(t.ask.hosted[0], "web_search_20250305")
            && soma_str_is(t.ask.hosted[1], "code_execution_20250825")
            && soma_str_is(t.ask.hosted[3], "mcp_toolset"), "by its type");

    (void) soma_test_ask(&t, &soma_anthropic, SOMA_API_CHAT,
                         str(HEAD ",\"mcp_servers\":[{\"url\":\"https://x\"}],"
                             "\"workspace_id\":null}"), arena);

    soma_ok(soma_policy_find((unsigned char *) "mcp_servers", 11) >= 0
            && (t.scan.others[0] | t.scan.others[1]) != 0,
            "servers that the client names are a matter of policy");
}


static void
test_objects(void)
{
    size_t           i;
    soma_test_ask_t  t;

    static const struct {
        const char     *more;
        int             n;          /* -1: refused */
        soma_object_e   kind;
        const char     *id;
        int             window;
    } cases[] = {
        { "\"container\":\"c1\"", 1, SOMA_OBJECT_CONTAINER, "c1", 0 },
        { "\"container\":{\"id\":\"c2\"}", 1, SOMA_OBJECT_CONTAINER, "c2", 0 },
        { "\"container\":{\"id\":null,\"skills\":[{\"type\":\"anthropic\","
          "\"skill_id\":\"xlsx\"}]}", 0, 0, "", 0 },
        { "\"container\":{\"skills\":[{\"type\":\"custom\",\"skill_id\":"
          "\"skill_1\"}]}", 1, SOMA_OBJECT_CONTAINER, "skill_1", 0 },
        { "\"container\":{\"skills\":[{\"type\":\"custom\"}]}", -1, 0, "", 0 },
        { "\"container\":{\"skills\":7}", -1, 0, "", 0 },
        { "\"container\":{\"id\":7}", -1, 0, "", 0 },
        { "\"container\":null", 0, 0, "", 0 },
        { "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
          "\"document\",\"source\":{\"type\":\"file\",\"file_id\":"
          "\"file_1\"}}]}]", 1, SOMA_OBJECT_FILE, "file_1", 0 },
        { "\"messages\":[{\"content\":[{\"type\":\"container_upload\","
          "\"file\\u005fid\":\"file_2\"}]}]", 1, SOMA_OBJECT_FILE, "file_2",
          0 },
        { "\"messages\":[{\"content\":[{\"type\":\"tool_use\",\"input\":"
          "{\"file_id\":\"theirs\",\"a\":[{\"container\":\"x\"}]},"
          "\"id\":\"t\"}]}]", 0, 0, "", 0 },
        { "\"messages\":[{\"content\":[{\"type\":\"tool_use\",\"input\":"
          "{\"file_id\":\"theirs\"}},{\"file_id\":\"ours\"}]}]", 1,
          SOMA_OBJECT_FILE, "ours", 0 },
        { "\"messages\":[{\"content\":[{\"type\":\"\\u0069mage\",\"source\":{}"
          "}]}]", 0, 0, "", 1 },
        { "\"messages\":[{\"content\":[{\"type\":\"document\","
          "\"sourc\\u0065\":{}}]}]", 0, 0, "", 1 },
        { "\"messages\":[{\"content\":[{\"type\":\"document\",\"source\":"
          "{\"type\":\"\\u0075rl\"}}]}]", 0, 0, "", 1 }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int         rc;
        char        body[512];

        snprintf(body, sizeof(body), HEAD ",%s}", cases[i].more);
        rc = soma_test_ask(&t, &soma_anthropic, SOMA_API_CHAT, str(body),
                           arena);

        if (cases[i].n < 0) {
            soma_ok(rc == SOMA_ERROR, "%s is refused", cases[i].more);
            continue;
        }

        soma_ok(rc == SOMA_OK && (int) t.ask.nids == cases[i].n,
                "%s: %d of %d", cases[i].more, (int) t.ask.nids, cases[i].n);
        soma_is_int(t.ask.window, cases[i].window, "and how it is spelt");

        if (cases[i].n == 1 && t.ask.nids == 1) {
            soma_ok(t.ask.ids[0].kind == cases[i].kind
                    && soma_str_eq(t.ask.ids[0].id, str(cases[i].id)),
                    "%s", cases[i].id);
        }
    }
}


static void
test_splice(void)
{
    size_t           i;
    soma_str_t       s;
    soma_test_ask_t  t;

    static const struct {
        const char  *body;
        const char  *model;
        const char  *want;
    } cases[] = {
        { "{ \"max_tokens\" : 9 , \"model\":\"m\" }", "m",
          "{ \"max_tokens\" : 9 , \"model\":\"m\" }" },
        { "{\"stream\":true,\"model\":\"m\",\"max_tokens\":9.0}", "claude\"x",
          "{\"stream\":true,\"model\":\"claude\\\"x\",\"max_tokens\":9.0}" },
        { "{\"max_tokens\":5000000000,\"model\":\"m\"}", "m",
          "{\"max_tokens\":1000000000,\"model\":\"m\"}" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        (void) soma_test_ask(&t, &soma_anthropic, SOMA_API_CHAT,
                             str(cases[i].body), arena);
        s = soma_test_encode(&t, &soma_anthropic, str(cases[i].model), arena);

        soma_is_str(s.data, s.len, cases[i].want, "%s for %s", cases[i].body,
                    cases[i].model);
    }

    /* less than the client said, since less was reserved */

    (void) soma_test_ask(&t, &soma_anthropic, SOMA_API_CHAT, str(HEAD "}"),
                         arena);
    t.ask.max_tokens = 4;
    s = soma_test_encode(&t, &soma_anthropic, SOMA_STR("m"), arena);
    soma_is_str(s.data, s.len, "{\"model\":\"m\",\"max_tokens\":4}",
                "as many as were reserved");
}


static void
test_fault(void)
{
    size_t         i;
    soma_out_t     out;
    yyjson_doc    *doc;
    yyjson_val    *error;
    unsigned char  buf[512];

    static const struct {
        soma_fault_e  fault;
        const char   *type;
    } cases[] = {
        { SOMA_FAULT_BAD_REQUEST, "invalid_request_error" },
        { SOMA_FAULT_UNAUTHORIZED, "authentication_error" },
        { SOMA_FAULT_FORBIDDEN, "permission_error" },
        { SOMA_FAULT_NO_MODEL, "not_found_error" },
        { SOMA_FAULT_NOT_FOUND, "not_found_error" },
        { SOMA_FAULT_METHOD, "invalid_request_error" },
        { SOMA_FAULT_TOO_LARGE, "request_too_large" },
        { SOMA_FAULT_LOCKED, "training_lock" },
        { SOMA_FAULT_RATE, "rate_limit_error" },
        { SOMA_FAULT_QUOTA, "billing_error" },
        { SOMA_FAULT_INTERNAL, "api_error" },
        { SOMA_FAULT_UPSTREAM, "api_error" },
        { SOMA_FAULT_UNAVAILABLE, "overloaded_error" },
        { SOMA_FAULT_TIMEOUT, "timeout_error" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        soma_put_init(&out, buf, sizeof(buf));
        soma_anthropic.fault(&out, cases[i].fault, SOMA_STR("code"),
                             SOMA_STR("no \"luck\""));

        doc = yyjson_read((char *) buf, (size_t) (out.pos - buf), 0);
        error = yyjson_obj_get(yyjson_doc_get_root(doc), "error");

        soma_ok(yyjson_equals_str(yyjson_obj_get(yyjson_doc_get_root(doc),
                                                 "type"), "error")
                && yyjson_equals_str(yyjson_obj_get(error, "type"),
                                     cases[i].type)
                && yyjson_equals_str(yyjson_obj_get(error, "message"),
                                     "no \"luck\""), "%s", cases[i].type);
        yyjson_doc_free(doc);
    }

    soma_put_init(&out, buf, sizeof(buf));
    soma_anthropic.fault_event(&out, NULL, SOMA_FAULT_UPSTREAM,
                               SOMA_STR(""), SOMA_STR("cut"));
    soma_is_str(buf, out.pos - buf,
                "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
                "\"api_error\",\"message\":\"cut\"}}\n\n",
                "in a stream it is an event, and the last");
}


static int
tell(soma_answer_t *answer, const char *data)
{
    soma_sse_event_t  e;

    memset(&e, 0, sizeof(e));
    e.data = str(data);

    return soma_anthropic.event(answer, NULL, &e);
}


static void
heard(void *data, unsigned channel, const unsigned char *p, size_t len)
{
    char  *s = data;

    sprintf(s + strlen(s), "%u:%.*s;", channel, (int) len, p);
}


static void
test_event(void)
{
    char           said[512];
    soma_answer_t  a;

    memset(&a, 0, sizeof(a));
    said[0] = 0;
    a.stream = 1;
    a.text = heard;
    a.text_data = said;

    soma_is_int(tell(&a, START), SOMA_EVENT_PASS, "it starts");
    soma_ok(a.usage.known && a.usage.input_tokens == 130
            && a.usage.cached_tokens == 100
            && a.usage.cache_write_tokens == 20
            && a.usage.cache_write_1h_tokens == 15
            && a.usage.output_tokens == 1
            && a.usage.tier == SOMA_TIER_PRIORITY, "with its prompt's usage");
    soma_ok(a.usage_text.len == 0, "which is no bill");
    soma_ok(soma_str_is(a.id, "msg_1") && soma_str_is(a.model, "claude-x")
            && a.formed && !a.begun && !a.finished, "who answers");

    (void) tell(&a, BEGIN);
    soma_ok(!a.begun && a.progress.choices == 1 && a.progress.ended[0] == 0,
            "a block is open");

    soma_is_int(tell(&a, "{\"type\": \"ping\"}"), SOMA_EVENT_PASS, "a ping");

    (void) tell(&a, DELTA);
    soma_ok(a.begun && a.text_len == 3 && a.unheard == 0, "it says something");

    (void) tell(&a, STOP);
    soma_is_int(a.progress.ended[0], 1, "the block has ended");

    (void) tell(&a, "{\"type\":\"content_block_start\",\"index\":2,"
                "\"content_block\":{\"type\":\"tool_use\",\"id\":\"t\","
                "\"name\":\"f\",\"input\":{}}}");
    soma_ok(a.progress.choices == 3 && a.progress.ended[0] == 3,
            "one that was passed over is none");
    (void) tell(&a, "{\"type\":\"content_block_delta\",\"index\":2,\"delta\":"
                "{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\"}}");
    (void) tell(&a, "{\"type\":\"content_block_delta\",\"index\":3,\"delta\":"
                "{\"type\":\"thinking_delta\",\"thinking\":\"hm\"}}");

    soma_ok(strcmp(said, "0:Hi;0:\n;8:{;8:\";8:a;10:hm;") == 0,
            "who listens hears it: %s", said);
    soma_ok(!a.reasoned, "a thought alone is no block of it");

    (void) tell(&a, "{\"type\":\"content_block_delta\",\"index\":3,\"delta\":"
                "{\"type\":\"signature_delta\",\"signature\":\"x\"}}");
    soma_ok(a.reasoned, "what is signed was thought");

    (void) tell(&a, "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
                "null},\"usage\":{\"output_tokens\":5}}");
    soma_ok(!a.finished && a.usage.output_tokens == 5, "so far");

    (void) tell(&a, END);
    soma_ok(a.finished && !a.done && a.usage.output_tokens == 7
            && a.usage.input_tokens == 130, "the last word of each holds");
    soma_is_str(a.usage_text.data, a.usage_text.len, "{\"output_tokens\":7}",
                "and where it stands");

    (void) tell(&a, LAST);
    soma_ok(a.done && a.usage_text.len == 0, "that was all");

    soma_is_int(tell(&a, "{\"type\":\"what\",\"ever\":[{}]}"),
                SOMA_EVENT_PASS, "what is not known passes");

}


static void
test_event_usage(void)
{
    soma_answer_t  a;

    /* with tools of its own the provider reads more than it said first */

    memset(&a, 0, sizeof(a));
    (void) tell(&a, START);
    (void) tell(&a, "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
                "\"end_turn\"},\"usage\":{\"input_tokens\":404500,"
                "\"cache_read_input_tokens\":0,\"cache_creation_input_tokens\""
                ":0,\"output_tokens\":9,\"output_tokens_details\":"
                "{\"thinking_tokens\":4},\"server_tool_use\":"
                "{\"web_search_requests\":3},\"iterations\":[{\"input_tokens\""
                ":1}]}}");
    soma_ok(a.usage.input_tokens == 404500 && a.usage.cached_tokens == 0
            && a.usage.cache_write_tokens == 0
            && a.usage.cache_write_1h_tokens == 0
            && a.usage.reasoning_tokens == 4 && a.usage.queries == 3,
            "and tells it at its end");

    /* nothing that a count can be */

    memset(&a, 0, sizeof(a));
    (void) tell(&a, "{\"usage\":{\"input_tokens\":-1,\"output_tokens\":\"7\","
                "\"cache_read_input_tokens\":1e30}}");
    soma_ok(!a.usage.known && a.usage.input_tokens == 0, "no counts");

    /* a provider that never says more than at the start */

    memset(&a, 0, sizeof(a));
    (void) tell(&a, START);
    (void) tell(&a, DELTA);
    (void) tell(&a, "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
                "\"end_turn\"}}");
    soma_ok(a.finished && !a.usage.known, "its first word is not believed");
}


static void
test_event_error(void)
{
    soma_answer_t     a;
    soma_sse_event_t  e;

    memset(&a, 0, sizeof(a));
    (void) tell(&a, START);
    soma_is_int(tell(&a, "{\"type\":\"error\",\"error\":{\"type\":"
                     "\"overloaded_error\",\"message\":\"x\"}}"),
                SOMA_EVENT_ERROR, "it fails");
    soma_ok(a.failed && !a.done && !a.usage.known,
            "before it has said anything: nobody bills that");

    memset(&a, 0, sizeof(a));
    (void) tell(&a, START);
    (void) tell(&a, DELTA);
    memset(&e, 0, sizeof(e));
    e.name = SOMA_STR("error");
    e.data = SOMA_STR("{}");
    soma_is_int(soma_anthropic.event(&a, NULL, &e), SOMA_EVENT_ERROR,
                "known by its name too");
    soma_ok(a.failed && a.usage.known, "behind some of it");
}


/* an event in pieces of all sizes comes to what it comes to whole */

static void
test_part(void)
{
    int                rc;
    size_t             i, n, at, step;
    soma_answer_t      one, two;
    soma_reader_t      reader;
    soma_sse_event_t   e;
    unsigned char     *piece;

    static const char *const  events[] = {
        START, BEGIN, DELTA, STOP, END, LAST, CALL,
        "{\"type\":\"error\",\"error\":{\"type\":\"api_error\"}}"
    };

    memset(&one, 0, sizeof(one));
    one.stream = 1;

    for (i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        (void) tell(&one, events[i]);
    }

    for (step = 1; step < 40; step++) {
        memset(&two, 0, sizeof(two));
        two.stream = 1;
        rc = 0;

        for (i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
            memset(&reader, 0, sizeof(reader));
            n = strlen(events[i]);

            for (at = 0; at < n; at += step) {
                memset(&e, 0, sizeof(e));
                e.part = 1;
                e.first = (at == 0);
                e.last = (at + step >= n);
                e.data.len = e.last ? n - at : step;

                piece = malloc(e.data.len);
                memcpy(piece, events[i] + at, e.data.len);
                e.data.data = piece;
                rc = soma_anthropic.part(&two, NULL, &reader, &e);
                free(piece);
            }
        }

        soma_ok(rc == SOMA_EVENT_ERROR
                && memcmp(&one.usage, &two.usage, sizeof(soma_usage_t)) == 0
                && one.text_len == two.text_len && one.unheard == two.unheard
                && memcmp(&one.progress, &two.progress,
                          sizeof(soma_progress_t)) == 0
                && one.failed == two.failed && one.done == two.done,
                "in parts of %d", (int) step);
    }

    soma_ok(one.unheard == 16 && one.text_len == 19,
            "what a tool is called with at once nobody hears: %d",
            (int) one.unheard);
}


static void
test_body(void)
{
    int             rc;
    size_t          i, n;
    soma_answer_t   a;
    soma_reader_t   reader;
    unsigned char   c;

    static const char  body[] =
        "{\"id\":\"msg_9\",\"type\":\"message\",\"role\":\"assistant\","
        "\"model\":\"claude-x\",\"content\":[{\"type\":\"thinking\","
        "\"thinking\":\"hm\",\"signature\":\"sss\"},{\"type\":\"text\","
        "\"text\":\"a\\u00e9\"},{\"type\":\"tool_use\",\"id\":\"t\",\"name\":"
        "\"f\",\"input\":{\"a\":{\"usage\":{\"input_tokens\":99}}}}],"
        "\"stop_reason\":\"tool_use\",\"stop_sequence\":null,\"usage\":"
        "{\"input_tokens\":4,\"cache_read_input_tokens\":null,"
        "\"cache_creation\":{\"ephemeral_5m_input_tokens\":2,"
        "\"ephemeral_1h_input_tokens\":3},\"output_tokens\":8,"
        "\"service_tier\":\"standard\"}} ";

    memset(&a, 0, sizeof(a));
    memset(&reader, 0, sizeof(reader));
    rc = SOMA_AGAIN;
    n = sizeof(body) - 1;

    for (i = 0; i < n; i++) {
        c = (unsigned char) body[i];
        rc = soma_anthropic.body(&a, &reader, &c, 1);

        if (i < n - 2 && rc != SOMA_AGAIN) {
            break;
        }
    }

    soma_ok(rc == SOMA_OK && i == n, "a whole answer, byte by byte");
    soma_ok(a.usage.known && a.usage.input_tokens == 9
            && a.usage.cache_write_tokens == 5
            && a.usage.cache_write_1h_tokens == 3
            && a.usage.output_tokens == 8, "its usage, and no other");
    soma_ok(soma_str_is(a.service_tier, "standard")
            && soma_str_is(a.id, "msg_9") && a.finished && a.formed
            && a.begun && a.reasoned && !a.failed, "what it is");
    soma_is_int(a.text_len, 2 + 2 + 35, "what it says");

    memset(&a, 0, sizeof(a));
    memset(&reader, 0, sizeof(reader));
    rc = soma_anthropic.body(&a, &reader,
                             (unsigned char *) "{\"type\":\"error\",\"error\":{"
                             "\"type\":\"overloaded_error\"}}", 52);
    soma_ok(rc == SOMA_OK && a.failed && !a.formed && !a.usage.known,
            "an error instead");

    memset(&reader, 0, sizeof(reader));
    soma_is_int(soma_anthropic.body(&a, &reader, (unsigned char *) "<html>",
                                    6),
                SOMA_AGAIN, "no JSON is known by what follows");
}


static void
test_cut(void)
{
    size_t              size;
    soma_ask_t          ask;
    soma_out_t          out;
    soma_usage_t        usage;
    soma_answer_t       a;
    unsigned char       buf[8 * SOMA_CUT_EVENT_MAX];

    memset(&ask, 0, sizeof(ask));
    memset(&usage, 0, sizeof(usage));
    memset(&a, 0, sizeof(a));

    (void) tell(&a, START);
    (void) tell(&a, BEGIN);
    (void) tell(&a, STOP);
    (void) tell(&a, "{\"type\":\"content_block_start\",\"index\":1,"
                "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}");

    usage = a.usage;
    usage.output_tokens = 12;

    soma_put_init(&out, buf, sizeof(buf));
    soma_anthropic.cut(&out, &ask, &a, &usage, 1500000000);
    size = (size_t) (out.pos - buf);

    soma_is_str(buf, size,
                "event: content_block_stop\n"
                "data: {\"type\":\"content_block_stop\",\"index\":1}\n\n"
                "event: message_delta\n"
                "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
                "\"max_tokens\",\"stop_sequence\":null},\"usage\":"
                "{\"input_tokens\":10,\"cache_creation_input_tokens\":20,"
                "\"cache_read_input_tokens\":100,\"output_tokens\":12,"
                "\"cost\":1.5}}\n\n"
                "event: message_stop\n"
                "data: {\"type\":\"message_stop\"}\n\n",
                "as if it had reached its bound");
    soma_ok(size < SOMA_CUT_EVENT_MAX * (a.progress.choices + 2u),
            "in the room that there is");

    soma_put_init(&out, buf, sizeof(buf));
    soma_anthropic.cut(&out, &ask, &a, &usage, -1);
    *out.pos = 0;
    soma_ok(strstr((char *) buf, "cost") == NULL, "its cost only if asked");
}


static void
test_verdict(void)
{
    size_t          i, k;
    soma_look_t     look;
    soma_verdict_e  got, last;

    static const struct {
        unsigned         event;
        const char      *name;
        const char      *text;
        soma_verdict_e   verdict;
    } cases[] = {
        { 0, "", "{\"id\":\"msg_1\",\"type\":\"message\",\"content\":[{}]}",
          SOMA_VERDICT_GOOD },
        { 0, "", "{\"id\":\"msg_1\",\"content\":[],\"usage\":{\"a\":1}}",
          SOMA_VERDICT_GOOD },
        { 0, "", "{\"type\":\"error\",\"error\":{\"type\":\"api_error\"}}",
          SOMA_VERDICT_ERROR },
        { 0, "", "{\"error\":{\"type\":\"api_error\"},\"type\":\"error\"}",
          SOMA_VERDICT_ERROR },
        { 0, "", "{\"message\":\"Not Found\"}", SOMA_VERDICT_NONE },
        { 0, "", "{}", SOMA_VERDICT_NONE },
        { 0, "", "", SOMA_VERDICT_NONE },
        { 0, "", "<html>", SOMA_VERDICT_NONE },
        { 0, "", "[{}]", SOMA_VERDICT_NONE },
        { 1, "message_start", START, SOMA_VERDICT_GOOD },
        { 1, "ping", "{\"type\":\"ping\"}", SOMA_VERDICT_GOOD },
        { 1, "error", "{\"type\":\"error\",\"error\":{\"type\":\"x\"}}",
          SOMA_VERDICT_ERROR },
        { 1, "", "{\"type\":\"error\",\"error\":{\"type\":\"x\"}}",
          SOMA_VERDICT_ERROR },
        { 1, "error", "{}", SOMA_VERDICT_ERROR },
        { 1, "", "{\"message\":\"Rate limited\"}", SOMA_VERDICT_ERROR },
        { 1, "", "{}", SOMA_VERDICT_NONE },
        { 1, "", "nothing", SOMA_VERDICT_NONE }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memset(&look, 0, sizeof(look));
        look.api = SOMA_API_CHAT;
        look.event = cases[i].event;
        look.name = str(cases[i].name);
        look.text = str(cases[i].text);
        look.whole = 1;

        soma_is_int(soma_anthropic.verdict(&look), cases[i].verdict, "%s",
                    cases[i].text);

        /* one that is told early stays */

        last = SOMA_VERDICT_MORE;
        look.whole = 0;

        for (k = 0; k < strlen(cases[i].text); k++) {
            look.text.len = k;
            got = soma_anthropic.verdict(&look);

            if (last != SOMA_VERDICT_MORE && got != last
                && got != SOMA_VERDICT_ERROR)
            {
                break;
            }

            last = got;
        }

        soma_ok(k == strlen(cases[i].text)
                && (last == SOMA_VERDICT_MORE || last == cases[i].verdict),
                "and nothing else before");
    }
}


static void
test_refusal(void)
{
    soma_refusal_t  r;

    soma_anthropic.refusal(str("{\"type\":\"error\",\"error\":{\"type\":"
                               "\"invalid_request_error\",\"message\":"
                               "\"max_tokens: too large\"},"
                               "\"request_id\":\"req_1\"}"), &r);
    soma_ok(r.whole && r.ours && !r.content && !r.usage, "an error of its own");
    soma_is_str(r.message.text.data, r.message.text.len,
                "\"max_tokens: too large\"", "what it says");

    soma_anthropic.refusal(str("{\"type\":\"error\",\"error\":{\"type\":"
                               "\"invalid_request_error\",\"message\":"
                               "\"Output blocked by content filtering "
                               "policy\"}}"), &r);
    soma_ok(r.ours && r.content, "it is about what was asked");

    soma_anthropic.refusal(str("{\"message\":\"forbidden\"}"), &r);
    soma_ok(r.whole && !r.ours && r.message.type == SOMA_JSON_STRING,
            "somebody else's");

    soma_anthropic.refusal(str("<html>"), &r);
    soma_ok(!r.whole && !r.ours, "no JSON");
}


static void
test_write_request(void)
{
    size_t                 i;
    soma_str_t             body;
    soma_ask_t             ask;
    const char            *error;
    yyjson_doc            *doc;
    yyjson_val            *root;
    soma_pieces_t          out;
    soma_inner_loss_t      loss;
    soma_inner_request_t   request;

    static const struct {
        const char  *model;
        int64_t      bound;
        int64_t      known;
        int64_t      want;
        const char  *thinking;
    } cases[] = {
        { "claude-sonnet-4-5-20250929", 77, 0, 77, "enabled" },
        { "claude-3-7-sonnet-20250219", 0, 64000, 64000, "enabled" },
        { "claude-opus-4-8", 0, 0, 4096, "adaptive" },
        { "anthropic/claude-opus-4.6", 0, 0, 4096, "adaptive" },
        { "claude-sonnet-5", 9, 7, 9, "adaptive" },
        { "claude-fable-5-2", 0, 0, 4096, "adaptive" },
        { "some-model", 0, 0, 4096, "enabled" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memset(&ask, 0, sizeof(ask));
        memset(&loss, 0, sizeof(loss));
        ask.api = SOMA_API_CHAT;

        soma_is_int(soma_openai.read_request(&request, &ask, arena,
                        str("{\"model\":\"x\",\"reasoning_effort\":\"low\","
                            "\"messages\":[{\"role\":\"user\",\"content\":"
                            "\"hi\"}]}"), &error),
                    SOMA_OK, "a request of another dialect");

        request.model = str(cases[i].model);
        ask.bound = cases[i].bound;
        loss.max_tokens = cases[i].known;
        soma_pieces_init(&out, arena);

        soma_is_int(soma_anthropic.write_request(&out, &request, &ask, &loss),
                    SOMA_OK, "is written for %s", cases[i].model);
        (void) soma_pieces_whole(&out, &body);

        doc = yyjson_read((char *) body.data, body.len, 0);
        root = yyjson_doc_get_root(doc);

        soma_ok(yyjson_equals_str(yyjson_obj_get(root, "model"),
                                  cases[i].model), "with the model's name");

        if (cases[i].want > 1100) {
            soma_is_int(yyjson_get_sint(yyjson_obj_get(root, "max_tokens")),
                        cases[i].want, "with a bound");
            soma_ok(yyjson_equals_str(yyjson_ptr_get(root, "/thinking/type"),
                                      cases[i].thinking), "%s",
                    cases[i].thinking);
        }

        yyjson_doc_free(doc);
    }

    ask.api = SOMA_API_RESPONSES;
    soma_is_int(soma_anthropic.read_request(&request, &ask, arena,
                                            str(HEAD "}"), &error),
                SOMA_DECLINED, "of no API but its own");
}


static int
kept(void *data, const soma_inner_event_t *event)
{
    int  *events = data;

    events[event->event]++;

    return SOMA_OK;
}


/* an answer of its own through the adapters, and its cost */

static void
test_translate(void)
{
    int                  rc, events[SOMA_INNER_END + 1];
    size_t               i;
    soma_ask_t           ask;
    soma_str_t           s;
    soma_usage_t         usage;
    soma_pieces_t        out;
    soma_writer_t        writer;
    soma_decoder_t       decoder;
    soma_sse_event_t     e;
    soma_inner_event_t   event;

    static const char *const  stream[] = {
        START, BEGIN, DELTA, STOP, END, LAST
    };

    memset(events, 0, sizeof(events));
    memset(&decoder, 0, sizeof(decoder));
    memset(&e, 0, sizeof(e));

    decoder.arena = arena;
    decoder.api = SOMA_API_CHAT;
    decoder.sink = kept;
    decoder.data = events;
    rc = SOMA_OK;

    for (i = 0; i < sizeof(stream) / sizeof(stream[0]); i++) {
        e.data = str(stream[i]);
        rc |= soma_anthropic.read_event(&decoder, &e);
    }

    soma_ok(rc == SOMA_OK && soma_anthropic.read_end(&decoder) == SOMA_OK
            && events[SOMA_INNER_START] == 1 && events[SOMA_INNER_BEGIN] == 1
            && events[SOMA_INNER_DELTA] == 1 && events[SOMA_INNER_END] == 1,
            "a stream is read");

    decoder.state = NULL;
    e.data = str(START);
    (void) soma_anthropic.read_event(&decoder, &e);
    soma_is_int(soma_anthropic.read_end(&decoder), SOMA_DECLINED,
                "one that is cut is told");

    decoder.state = NULL;
    memset(events, 0, sizeof(events));
    rc = soma_anthropic.read_whole(&decoder,
                                   str("{\"id\":\"m\",\"type\":\"message\","
                                       "\"content\":[],\"stop_reason\":"
                                       "\"end_turn\"}"));
    soma_ok(rc == SOMA_OK && events[SOMA_INNER_END] == 1, "a whole answer");

    memset(&ask, 0, sizeof(ask));
    memset(&writer, 0, sizeof(writer));
    memset(&event, 0, sizeof(event));
    memset(&usage, 0, sizeof(usage));
    ask.stream = 1;
    writer.arena = arena;
    writer.ask = &ask;
    writer.id = SOMA_STR("msg_g");
    writer.model = SOMA_STR("m");
    writer.usage.input_tokens = 33;
    writer.cost = -1;
    soma_pieces_init(&out, arena);

    event.event = SOMA_INNER_START;
    rc = soma_anthropic.write(&writer, &out, &event);
    event.event = SOMA_INNER_BEGIN;
    event.kind = SOMA_INNER_TEXT;
    rc |= soma_anthropic.write(&writer, &out, &event);
    event.event = SOMA_INNER_DELTA;
    event.text = SOMA_STR("x");
    rc |= soma_anthropic.write(&writer, &out, &event);
    event.event = SOMA_INNER_CLOSE;
    rc |= soma_anthropic.write(&writer, &out, &event);
    event.event = SOMA_INNER_USAGE;
    usage.input_tokens = 30;
    usage.output_tokens = 2;
    event.usage = &usage;
    rc |= soma_anthropic.write(&writer, &out, &event);
    writer.cost = 2500000;
    event.event = SOMA_INNER_END;
    rc |= soma_anthropic.write(&writer, &out, &event);
    (void) soma_pieces_whole(&out, &s);
    s.data[s.len - 1] = 0;

    soma_ok(rc == SOMA_OK && strstr((char *) s.data, "\"input_tokens\":33")
            && strstr((char *) s.data, "\"id\":\"msg_g\""),
            "a stream is written, with what was counted first");
    soma_ok(strstr((char *) s.data, "\"output_tokens\":2,\"cost\":0.0025}"),
            "and what it cost at its end: %s", s.data);
}


static void
test_prompt(void)
{
    size_t            i;
    int64_t           n;
    soma_test_ask_t   t;

    static const struct {
        const char  *body;
        int64_t      tokens;        /* a token a byte of text */
        int          marked;
        int          fetches;
    } cases[] = {
        { HEAD ",\"messages\":[{\"role\":\"user\",\"content\":\"abc\"}]}",
          3 + 3 + 4 + 3, 0, 0 },
        { HEAD ",\"system\":\"abcd\",\"messages\":[]}", 3 + 4 + 4, 0, 0 },
        { HEAD ",\"system\":[{\"type\":\"text\",\"text\":\"abcd\","
          "\"cache_control\":{\"type\":\"ephemeral\"}}],\"messages\":[]}",
          3 + 4 + 4, 0, 0 },
        { HEAD ",\"messages\":[{\"content\":[{\"type\":\"image\",\"source\":"
          "{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":"
          "\"aaaa\"}}]}]}", 3 + 3 + 4784, 1, 0 },
        { HEAD ",\"messages\":[{\"content\":[{\"source\":{\"type\":\"url\","
          "\"url\":\"https://x\"},\"type\":\"image\"}]}]}", 3 + 3 + 4784, 1,
          0 },
        { HEAD ",\"messages\":[{\"content\":[{\"type\":\"document\",\"source\""
          ":{\"type\":\"base64\",\"media_type\":\"application/pdf\",\"data\":"
          "\"aaaa\"}}]}]}", 3 + 3 + 16384, 1, 0 },
        { HEAD ",\"messages\":[{\"content\":[{\"type\":\"document\",\"source\""
          ":{\"type\":\"url\",\"url\":\"https://x\"}}]}]}", -1, 1, 1 },
        { HEAD ",\"messages\":[{\"content\":[{\"type\":\"tool_result\","
          "\"content\":[{\"source\": {\"type\" : \"url\"},"
          "\"type\":\"document\"}]}]}]}", -1, 1, 1 },
        { HEAD ",\"messages\":[{\"content\":[{\"type\":\"document\",\"source\""
          ":{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":"
          "\"aaaa\"}}]}]}", -1, 1, 0 },
        { HEAD ",\"messages\":[{\"content\":[{\"type\":\"document\",\"source\""
          ":{\"type\":\"content\",\"content\":[{\"type\":\"text\",\"text\":"
          "\"abc\"},{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":"
          "\"x\"}}]}}]}]}", 3 + 3 + 3 + 4784, 1, 0 },
        { HEAD ",\"messages\":[{\"content\":[{\"type\":\"tool_use\",\"input\":"
          "{\"type\":\"url\",\"url\":\"https://x\"},\"name\":\"f\"}]}]}",
          3 + 3 + 32 + 1, 0, 0 },
        { HEAD ",\"messages\":[{\"content\":[{\"type\":\"tool_result\","
          "\"tool_use_id\":\"t\",\"content\":[{\"type\":\"text\",\"text\":"
          "\"ab\"}]}]}]}", 3 + 3 + 2, 0, 0 },
        { HEAD ",\"messages\":[{\"content\":[{\"type\":\"search_result\","
          "\"source\":\"https://x\",\"title\":\"t\",\"content\":[{\"type\":"
          "\"text\",\"text\":\"ab\"}]}]}]}", 3 + 3 + 9 + 1 + 2, 0, 0 }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        soma_str_t  body = str(cases[i].body);

        (void) soma_test_ask(&t, &soma_anthropic, SOMA_API_CHAT, body, arena);

        n = soma_prompt_tokens(soma_anthropic.prompt, NULL, SOMA_API_CHAT,
                               soma_prompt_traits(SOMA_STR("claude-x")), body);

        if (cases[i].tokens >= 0) {
            soma_is_int(n, cases[i].tokens, "%s", cases[i].body);
        }

        soma_is_int(soma_json_scan_marked(&t.scan), cases[i].marked,
                    "it is marked, or not");
        soma_ok(cases[i].marked || n <= soma_prompt_bound(body.len, 0),
                "what is not is no more than its bytes");
        soma_is_int(soma_prompt_fetches(soma_anthropic.prompt, body),
                    cases[i].fetches, "what it has fetched");
        soma_ok(!cases[i].fetches
                || soma_json_scan_ended(&t.scan, SOMA_ASK_MESSAGES),
                "and that is seen");
    }
}


int
main(void)
{
    arena = soma_test_arena();

    test_table();
    test_ask();
    test_tools();
    test_objects();
    test_splice();
    test_fault();
    test_event();
    test_event_usage();
    test_event_error();
    test_part();
    test_body();
    test_cut();
    test_verdict();
    test_refusal();
    test_write_request();
    test_translate();
    test_prompt();

    soma_test_arena_free(arena);

    return soma_done();
}
