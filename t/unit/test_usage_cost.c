
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_test.h"
#include "soma_arena_malloc.h"
#include "soma_openai.h"
#include "soma_usage_cost.h"


#define STR(s)  ((soma_str_t) { strlen(s), (unsigned char *) (s) })

#define OUT_MAX  4096


/* a stream as it would go out, from pieces of "step" bytes */

static soma_str_t
priced(soma_arena_t *arena, soma_api_e api, const char *stream, size_t step,
    int64_t cost)
{
    size_t            pos, n, used, off;
    soma_ask_t        ask;
    soma_out_t        out;
    soma_sse_t        sse;
    unsigned char    *p, buf[SOMA_USAGE_COST_MAX];
    soma_answer_t     answer;
    soma_json_edit_t  edit;
    soma_sse_event_t  event;

    memset(&ask, 0, sizeof(ask));
    memset(&sse, 0, sizeof(sse));
    memset(&answer, 0, sizeof(answer));

    ask.api = api;
    ask.usage_asked = 1;
    answer.api = api;
    sse.arena = arena;

    p = arena->alloc(arena->data, OUT_MAX);
    soma_put_init(&out, p, OUT_MAX);

    for (pos = 0; pos < strlen(stream); pos += n) {

        n = strlen(stream) - pos < step ? strlen(stream) - pos : step;

        for (off = 0; ; off += used) {
            if (soma_sse_feed(&sse, (const unsigned char *) stream + pos + off,
                              n - off, &used, &event)
                != SOMA_OK)
            {
                break;
            }

            (void) soma_openai.event(&answer, &ask, &event);

            if (answer.usage_text.len == 0
                || soma_usage_cost(&event, answer.usage_text, cost, buf,
                                   &edit)
                   != SOMA_OK)
            {
                soma_put_str(&out, event.raw);
                continue;
            }

            soma_put(&out, event.raw.data, edit.start);
            soma_put_str(&out, edit.text);
            soma_put(&out, event.raw.data + edit.end,
                     event.raw.len - edit.end);
        }
    }

    /* the LF of a CRLF that was cut */

    if (soma_sse_end(&sse, &event) == SOMA_OK) {
        soma_put_str(&out, event.raw);
    }

    return (soma_str_t) { (size_t) (out.pos - out.start), p };
}


static void
is_priced(soma_api_e api, const char *stream, const char *want,
    const char *what)
{
    size_t         i;
    soma_str_t     got;
    soma_arena_t  *arena;

    static const size_t  steps[] = { 1, 7, OUT_MAX };

    for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        arena = soma_test_arena();
        got = priced(arena, api, stream, steps[i], 5850);
        soma_is_str(got.data, got.len, want, "%s, %zu bytes at a time", what,
                    steps[i]);
        soma_test_arena_free(arena);
    }
}


static void
test_streams(void)
{
    is_priced(SOMA_API_CHAT,
              "data: {\"choices\":[{\"delta\":{\"content\":\"usage\"}}],"
              "\"usage\":null}\n\n"
              "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":11,"
              "\"completion_tokens\":7}}\n\ndata: [DONE]\n\n",
              "data: {\"choices\":[{\"delta\":{\"content\":\"usage\"}}],"
              "\"usage\":null}\n\n"
              "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":11,"
              "\"completion_tokens\":7,\"cost\":0.00000585}}\n\n"
              "data: [DONE]\n\n", "a chat");

    is_priced(SOMA_API_CHAT,
              ": hi\r\nid: 1\r\ndata:{\"usage\" : { \"prompt_tokens\" : 1 , "
              "\"x\" : { } } , \"choices\":[{\"delta\":{}}]}\r\n\r\n"
              "data: {\"choices\":[{\"delta\":{}}]}\r\n\r\n",
              ": hi\r\nid: 1\r\ndata:{\"usage\" : { \"prompt_tokens\" : 1 , "
              "\"x\" : { } ,\"cost\":0.00000585} , "
              "\"choices\":[{\"delta\":{}}]}\r\n\r\n"
              "data: {\"choices\":[{\"delta\":{}}]}\r\n\r\n",
              "CRLF, blanks, fields around, and nothing of it stays");

    is_priced(SOMA_API_CHAT,
              "data: {\"usage\":{},\"choices\":[]}\n\n"
              "data: {\"usage\":{ },\"choices\":[]}\n\n"
              "data: {\"usage\":[],\"choices\":[]}\n\n"
              "data: {\"usage\":\"{}\",\"choices\":[]}\n\n",
              "data: {\"usage\":{\"cost\":0.00000585},\"choices\":[]}\n\n"
              "data: {\"usage\":{ \"cost\":0.00000585},\"choices\":[]}\n\n"
              "data: {\"usage\":[],\"choices\":[]}\n\n"
              "data: {\"usage\":\"{}\",\"choices\":[]}\n\n",
              "nothing in it");

    is_priced(SOMA_API_RESPONSES,
              "data: {\"type\":\"response.created\",\"response\":"
              "{\"usage\":null}}\n\n"
              "event: response.completed\ndata: {\"type\":"
              "\"response.completed\",\"response\":{\"usage\":"
              "{\"input_tokens\":1,\"output_tokens\":2,"
              "\"output_tokens_details\":{\"reasoning_tokens\":0}},"
              "\"metadata\":{}}}\n\n",
              "data: {\"type\":\"response.created\",\"response\":"
              "{\"usage\":null}}\n\n"
              "event: response.completed\ndata: {\"type\":"
              "\"response.completed\",\"response\":{\"usage\":"
              "{\"input_tokens\":1,\"output_tokens\":2,"
              "\"output_tokens_details\":{\"reasoning_tokens\":0},"
              "\"cost\":0.00000585},\"metadata\":{}}}\n\n",
              "a response");

    is_priced(SOMA_API_CHAT,
              "data: {\"choices\":[],\ndata: \"usage\":{\"x\":1}}\n\n"
              "data: {\"choices\":[],\"usage\":{\"x\":1}}\n\n",
              "data: {\"choices\":[],\ndata: \"usage\":{\"x\":1}}\n\n"
              "data: {\"choices\":[],\"usage\":{\"x\":1,"
              "\"cost\":0.00000585}}\n\n",
              "several lines are one event that is left alone");
}


static void
is_spliced(const char *usage, int64_t cost, const char *want)
{
    int               rc;
    soma_out_t        out;
    unsigned char     buf[SOMA_USAGE_COST_MAX], to[256];
    soma_json_edit_t  edit;
    soma_sse_event_t  event;

    memset(&event, 0, sizeof(event));
    event.raw = STR(usage);

    rc = soma_usage_cost(&event, event.raw, cost, buf, &edit);

    if (want == NULL) {
        soma_is_int(rc, SOMA_DECLINED, "left alone: %s", usage);
        return;
    }

    soma_put_init(&out, to, sizeof(to));

    if (rc == SOMA_OK) {
        soma_put(&out, usage, edit.start);
        soma_put_str(&out, edit.text);
        soma_put(&out, usage + edit.end, strlen(usage) - edit.end);
    }

    soma_is_str(to, out.pos - out.start, want, "spliced: %s", usage);
}


static void
test_splice(void)
{
    is_spliced("{\"a\":1}", 0, "{\"a\":1,\"cost\":0}");
    is_spliced("{\"a\":1}", 1, "{\"a\":1,\"cost\":0.000000001}");
    is_spliced("{\"a\":1}", 12000000000, "{\"a\":1,\"cost\":12}");
    is_spliced("{\"a\":1}", INT64_MAX,
               "{\"a\":1,\"cost\":9223372036.854775807}");
    is_spliced("{}", INT64_MAX, "{\"cost\":9223372036.854775807}");

    is_spliced("{\"cost\":0.25,\"a\":1}", 1500000000,
               "{\"cost\":1.5,\"a\":1}");
    is_spliced("{ \"a\" : 1 , \"cost\" : null }", 1500000000,
               "{ \"a\" : 1 , \"cost\" : 1.5 }");
    is_spliced("{\"cost\":{\"total\":[{}]}}", 7, "{\"cost\":0.000000007}");
    is_spliced("{\"cost\":\"}\"}", 7, "{\"cost\":0.000000007}");
    is_spliced("{\"c\\u006fst\":1}", 7, "{\"c\\u006fst\":0.000000007}");
    is_spliced("{\"cost\":1,\"cost\":2}", 7,
               "{\"cost\":1,\"cost\":0.000000007}");
    is_spliced("{\"Cost\":1,\"cost_details\":{\"cost\":2}}", 7,
               "{\"Cost\":1,\"cost_details\":{\"cost\":2},"
               "\"cost\":0.000000007}");
    is_spliced("{\"a\":\"}\"}", 7, "{\"a\":\"}\",\"cost\":0.000000007}");

    is_spliced("", 7, NULL);
    is_spliced("[]", 7, NULL);
    is_spliced("{\"a\":1", 7, NULL);
    is_spliced("{\"a\" 1}", 7, NULL);
    is_spliced("{\"cost\":1,}", 7, NULL);
}


static void
test_range(void)
{
    char               text[] = "data: {\"usage\":{\"a\":1}}\n\n";
    soma_str_t         usage;
    unsigned char      buf[SOMA_USAGE_COST_MAX];
    soma_json_edit_t   edit;
    soma_sse_event_t   event;

    memset(&event, 0, sizeof(event));
    event.raw = STR(text);

    usage.data = (unsigned char *) text + 15;
    usage.len = 7;

    soma_is_int(soma_usage_cost(&event, usage, 7, buf, &edit), SOMA_OK,
                "within the event");
    soma_is_int(edit.start, 21, "counted from its beginning");

    event.raw.len = 21;
    soma_is_int(soma_usage_cost(&event, usage, 7, buf, &edit), SOMA_DECLINED,
                "over its end");

    event.raw.data += 16;
    event.raw.len = 10;
    soma_is_int(soma_usage_cost(&event, usage, 7, buf, &edit), SOMA_DECLINED,
                "before its beginning");

    event.raw = STR(text);
    event.raw.len = 10;
    soma_is_int(soma_usage_cost(&event, usage, 7, buf, &edit), SOMA_DECLINED,
                "behind it");
}


static void
test_cut(void)
{
    soma_ask_t      ask;
    soma_out_t      out;
    soma_usage_t    usage;
    soma_answer_t   answer;
    unsigned char   buf[8 * SOMA_CUT_EVENT_MAX];
    soma_str_t      text;

    memset(&ask, 0, sizeof(ask));
    memset(&answer, 0, sizeof(answer));
    memset(&usage, 0, sizeof(usage));
    ask.api = SOMA_API_CHAT;
    ask.n = 1;

    soma_put_init(&out, buf, sizeof(buf) - 1);
    soma_openai.cut(&out, &ask, &answer, &usage, 5850);
    *out.pos = '\0';
    soma_ok(strstr((char *) buf, "cost") == NULL,
            "a chat that did not ask is not told the cost");

    ask.usage_asked = 1;
    soma_put_init(&out, buf, sizeof(buf) - 1);
    soma_openai.cut(&out, &ask, &answer, &usage, 5850);
    *out.pos = '\0';
    soma_ok(strstr((char *) buf, "\"total_tokens\":0,\"cost\":0.00000585}}"
                   "\n\ndata: [DONE]\n\n") != NULL,
            "one that did is");

    ask.api = SOMA_API_RESPONSES;
    soma_put_init(&out, buf, sizeof(buf));
    soma_openai.cut(&out, &ask, &answer, &usage, 0);
    text.len = sizeof("\"total_tokens\":0,\"cost\":0}}}\n\n") - 1;
    text.data = out.pos - text.len;
    soma_is_str(text.data, text.len,
                "\"total_tokens\":0,\"cost\":0}}}\n\n",
                "a response is always");
}


int
main(void)
{
    test_streams();
    test_splice();
    test_range();
    test_cut();

    return soma_done();
}
