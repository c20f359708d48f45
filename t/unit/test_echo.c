
/*
 * Copyright (C) The ngx_soma authors
 */


#define _GNU_SOURCE
#include <string.h>

#include <yyjson.h>

#include "soma_test.h"
#include "soma_ask_test.h"
#include "soma_echo.h"
#include "soma_local.h"


#define STR(s)  ((soma_str_t) { strlen(s), (unsigned char *) (s) })


typedef struct {
    soma_arena_t         *arena;
    soma_test_ask_t       t;
    soma_local_answer_t   answer;
    soma_str_t            out;
    soma_usage_t          usage;
    const char           *error;
    yyjson_doc           *doc;
    yyjson_val           *root;
} run_t;


/* the whole way of an answer, again and again */

static int
answer(run_t *r, int64_t cost)
{
    int                   rc;
    soma_local_answer_t  *a;

    a = &r->answer;

    memset(a, 0, sizeof(soma_local_answer_t));

    a->client = &soma_openai;
    a->target = &soma_echo;
    a->local.arena = r->arena;
    a->local.ask = &r->t.ask;
    a->local.model = r->t.ask.model;
    a->local.id = SOMA_STR("id-1");
    a->local.created = 1700000000;

    rc = soma_local_answer(a, r->t.body);

    if (rc == SOMA_OK) {
        rc = soma_local_end(a, cost);
    }

    if (rc == SOMA_OK) {
        rc = soma_pieces_whole(&a->body, &r->out);
    }

    r->usage = a->usage;
    r->error = a->error;

    return rc;
}


static int
run_cost(run_t *r, soma_api_e api, const char *body, int64_t cost)
{
    int  rc;

    memset(r, 0, sizeof(run_t));

    r->arena = soma_test_arena();

    rc = soma_test_ask(&r->t, &soma_openai, api, STR(body), r->arena);
    if (rc != SOMA_OK) {
        r->error = r->t.error;
        return rc;
    }

    rc = answer(r, cost);

    if (rc == SOMA_OK && !r->t.ask.stream) {
        r->doc = yyjson_read((char *) r->out.data, r->out.len, 0);
        r->root = yyjson_doc_get_root(r->doc);
    }

    return rc;
}


static int
run(run_t *r, soma_api_e api, const char *body)
{
    return run_cost(r, api, body, -1);
}


static void
drop(run_t *r)
{
    yyjson_doc_free(r->doc);
    soma_test_arena_free(r->arena);
}


static void
is_text(run_t *r, const char *pointer, const char *want, const char *what)
{
    yyjson_val  *v;

    v = yyjson_ptr_get(r->root, pointer);
    soma_is_str(yyjson_get_str(v), yyjson_get_len(v), want, "%s", what);
}


static void
is_number(run_t *r, const char *pointer, int64_t want, const char *what)
{
    yyjson_val  *v;

    v = yyjson_ptr_get(r->root, pointer);
    soma_is_int(yyjson_is_int(v) ? yyjson_get_sint(v) : -1, want, "%s", what);
}


/*
 * Reads a stream as a client does: joins the deltas, counts the events that
 * have one, keeps the last event's JSON in r->root.
 */

static void
read_stream(run_t *r, soma_str_t *text, int *pieces, soma_answer_t *answer)
{
    int                rc;
    size_t             pos, used;
    yyjson_doc        *doc;
    yyjson_val        *root, *v;
    soma_sse_t         sse;
    soma_sse_event_t   e;

    memset(&sse, 0, sizeof(sse));
    memset(answer, 0, sizeof(soma_answer_t));

    sse.arena = r->arena;
    answer->api = r->t.ask.api;
    text->data = r->arena->alloc(r->arena->data, r->out.len + 1);
    text->len = 0;
    *pieces = 0;

    for (pos = 0; ; pos += used) {

        rc = soma_sse_feed(&sse, r->out.data + pos, r->out.len - pos, &used,
                           &e);
        if (rc != SOMA_OK) {
            break;
        }

        (void) soma_openai.event(answer, &r->t.ask, &e);

        if (e.data.len == 6 && memcmp(e.data.data, "[DONE]", 6) == 0) {
            continue;
        }

        doc = yyjson_read((char *) e.data.data, e.data.len, 0);
        if (doc == NULL) {
            soma_ok(0, "an event that is no JSON");
            return;
        }

        root = yyjson_doc_get_root(doc);

        v = yyjson_ptr_get(root, "/choices/0/delta/content");
        v = v ? v : yyjson_ptr_get(root, "/choices/0/text");
        v = v ? v : yyjson_obj_get(root, "delta");

        if (yyjson_get_len(v) != 0) {
            memcpy(text->data + text->len, yyjson_get_str(v),
                   yyjson_get_len(v));
            text->len += yyjson_get_len(v);
            (*pieces)++;
        }

        if (r->doc != NULL) {
            yyjson_doc_free(r->doc);
        }

        r->doc = doc;
        r->root = root;
    }

    soma_is_int(rc, SOMA_AGAIN, "the stream is events to its last byte");
    soma_is_int(pos + used, r->out.len, "all of them");
}


static void
test_pieces(void)
{
    size_t  i;

    static const struct {
        const char  *text;
        int          n;
        const char  *first;
    } cases[] = {
        { "",                               0, "" },
        { "Hello",                          1, "Hello" },
        { "Hello world",                    2, "Hello" },
        { "Hello, world!",                  4, "Hello" },
        { " a",                             1, " a" },
        { "  a",                            2, " " },
        { " ",                              1, " " },
        { " !",                             2, " " },
        { "a\n\nb",                         4, "a" },
        { "abcdefghijkl",                   1, "abcdefghijkl" },
        { "abcdefghijklm",                  2, "abcdefghijkl" },
        { " abcdefghijklm",                 2, " abcdefghijkl" },
        { "\xc3\xa9t\xc3\xa9",              1, "\xc3\xa9t\xc3\xa9" },
        { "abcdefghijk\xc3\xa9",            2, "abcdefghijk" },
        { "\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad",
          2, "\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad\xe6\x96\x87" },
        { "\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80",
          2, "\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        soma_str_t  s = STR(cases[i].text);

        soma_is_int(soma_echo_pieces(s), cases[i].n, "pieces of \"%s\"",
                    i == 8 ? "a b" : cases[i].text);

        if (s.len != 0) {
            soma_is_str(s.data, soma_echo_piece(s.data, s.data + s.len),
                        cases[i].first, "the first one");
        }
    }
}


static void
test_chat(void)
{
    run_t  r;

    soma_is_int(run(&r, SOMA_API_CHAT,
                    "{\"model\":\"my \\\"echo\\\"\",\"messages\":["
                    "{\"role\":\"system\",\"content\":\"Be brief.\"},"
                    "{\"role\":\"user\",\"content\":\"first\"},"
                    "{\"role\":\"assistant\",\"content\":\"one two\"},"
                    "{\"role\":\"user\",\"content\":[{\"type\":\"text\","
                    "\"text\":\"Caf\\u00e9 \\\"x\\\"\"},{\"type\":"
                    "\"image_url\",\"image_url\":{\"url\":\"y\"}},"
                    "{\"type\":\"text\",\"text\":\"a\\\\b\\u0001\"}]}]}"),
                SOMA_OK, "chat");
    soma_ok(r.doc != NULL, "is JSON");
    is_text(&r, "/choices/0/message/content",
            "Caf\xc3\xa9 \"x\"\na\\b\x01", "the last user's text");
    is_text(&r, "/model", "my \"echo\"", "the client's name of the model");
    is_text(&r, "/id", "chatcmpl-id-1", "id");
    is_text(&r, "/object", "chat.completion", "object");
    is_text(&r, "/choices/0/finish_reason", "stop", "finish reason");
    is_number(&r, "/created", 1700000000, "created");

    /* Be| brief|. first one| two Caf..| |"|x|" a|\|b|^A = 3+1+2+5+4 */
    is_number(&r, "/usage/prompt_tokens", 15, "prompt tokens");
    /* the line feed between the parts is said, too */
    is_number(&r, "/usage/completion_tokens", 10, "completion tokens");
    is_number(&r, "/usage/total_tokens", 25, "total tokens");
    soma_is_int(r.usage.input_tokens, 15, "usage: input");
    soma_is_int(r.usage.output_tokens, 10, "usage: output");
    soma_is_int(r.usage.known, 1, "usage: known");
    soma_is_int(r.usage.estimated, 0, "usage: not estimated");
    drop(&r);

    soma_is_int(run(&r, SOMA_API_CHAT, "{\"model\":\"m\",\"max_tokens\":2,"
                    "\"messages\":[{\"role\":\"user\",\"content\":"
                    "\"one two three\"}],\"n\":3}"), SOMA_OK, "cut");
    is_text(&r, "/choices/2/message/content", "one two", "after two tokens");
    is_text(&r, "/choices/2/finish_reason", "length", "says so");
    is_number(&r, "/usage/completion_tokens", 6, "three times");
    soma_is_int(r.usage.output_tokens, 6, "usage: three times");
    drop(&r);

    soma_is_int(run(&r, SOMA_API_CHAT, "{\"model\":\"m\",\"max_tokens\":3,"
                    "\"messages\":[{\"role\":\"user\",\"content\":"
                    "\"one two three\"}]}"), SOMA_OK, "just enough");
    is_text(&r, "/choices/0/finish_reason", "stop", "is not cut");
    drop(&r);

    soma_is_int(run(&r, SOMA_API_CHAT, "{\"model\":\"m\"}"), SOMA_OK,
                "no messages");
    is_text(&r, "/choices/0/message/content", "", "nothing to say");
    drop(&r);

    soma_is_int(run(&r, SOMA_API_CHAT, "{\"model\":\"m\",\"messages\":[1]}"),
                SOMA_ERROR, "what is no conversation");
    soma_ok(r.error && strstr(r.error, "\"messages\"") != NULL, "says: %s",
            r.error);
    drop(&r);

    soma_is_int(run(&r, SOMA_API_CHAT, "{\"model\":\"m\",\"messages\":["
                    "{\"role\":\"user\",\"content\":\"weather?\"},"
                    "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":["
                    "{\"id\":\"c\",\"type\":\"function\",\"function\":"
                    "{\"name\":\"f\",\"arguments\":\"{}\"}}]},{\"role\":"
                    "\"tool\",\"tool_call_id\":\"c\","
                    "\"content\":\"so hot\"}]}"),
                SOMA_OK, "a tool's result last");
    is_text(&r, "/choices/0/message/content", "weather?",
            "is not what the user said");
    is_number(&r, "/usage/prompt_tokens", 4, "but counts");
    drop(&r);
}


static void
test_chat_stream(void)
{
    int            asked, pieces;
    run_t          r;
    soma_str_t     text;
    soma_answer_t  answer;

    static const char  *bodies[] = {
        "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\","
        "\"content\":\"Say \\u4e2d\\ud83d\\ude00 \\\"now\\\"\\n\"}]}",
        "{\"model\":\"m\",\"stream\":true,\"stream_options\":"
        "{\"include_usage\":true},\"messages\":[{\"role\":\"user\","
        "\"content\":\"Say \\u4e2d\\ud83d\\ude00 \\\"now\\\"\\n\"}]}"
    };

    for (asked = 0; asked < 2; asked++) {

        soma_is_int(run(&r, SOMA_API_CHAT, bodies[asked]), SOMA_OK,
                    "a chat stream");
        read_stream(&r, &text, &pieces, &answer);
        soma_is_str(text.data, text.len,
                    "Say \xe4\xb8\xad\xf0\x9f\x98\x80 \"now\"\n",
                    "its text");
        soma_is_int(pieces, r.usage.output_tokens, "a chunk a token");
        soma_is_int(answer.done, 1, "done");
        soma_is_int(answer.finished, 1, "finished");
        soma_is_int(answer.text_len, text.len, "text counted");
        soma_is_int(answer.usage.known, asked, "usage where asked for");

        if (asked) {
            soma_is_int(answer.usage.input_tokens, r.usage.input_tokens,
                        "the same input");
            soma_is_int(answer.usage.output_tokens, r.usage.output_tokens,
                        "the same output");
            is_number(&r, "/usage/total_tokens",
                      r.usage.input_tokens + r.usage.output_tokens,
                      "the total");

        } else {
            is_text(&r, "/choices/0/finish_reason", "stop",
                    "the last chunk's reason");
        }

        drop(&r);
    }

    soma_is_int(run(&r, SOMA_API_CHAT, "{\"model\":\"m\",\"stream\":true,"
                    "\"max_completion_tokens\":1,\"messages\":[{\"role\":"
                    "\"user\",\"content\":\"one two\"}]}"), SOMA_OK,
                "a stream cut");
    read_stream(&r, &text, &pieces, &answer);
    soma_is_str(text.data, text.len, "one", "after one token");
    is_text(&r, "/choices/0/finish_reason", "length", "says so");
    drop(&r);
}


static void
test_completions(void)
{
    int            pieces;
    run_t          r;
    soma_str_t     text;
    soma_answer_t  answer;

    soma_is_int(run(&r, SOMA_API_COMPLETIONS, "{\"model\":\"m\",\"prompt\":"
                    "\"one two\"}"), SOMA_OK, "completions");
    is_text(&r, "/choices/0/text", "one two", "text");
    is_text(&r, "/object", "text_completion", "object");
    is_number(&r, "/usage/prompt_tokens", 2, "prompt tokens");
    drop(&r);

    soma_is_int(run(&r, SOMA_API_COMPLETIONS, "{\"model\":\"m\",\"prompt\":"
                    "[\"one\",\"two three\"],\"stream\":true}"), SOMA_OK,
                "a stream of completions");
    read_stream(&r, &text, &pieces, &answer);
    soma_is_str(text.data, text.len, "two three", "of the last prompt");
    soma_is_int(r.usage.input_tokens, 3, "input");
    soma_is_int(pieces, 2, "a chunk a token");
    drop(&r);

    soma_is_int(run(&r, SOMA_API_COMPLETIONS, "{\"model\":\"m\",\"prompt\":"
                    "[[1,2,3],[4]]}"), SOMA_OK, "prompts in tokens");
    is_number(&r, "/usage/prompt_tokens", 4, "are counted");
    is_text(&r, "/choices/0/text", "", "and have no text");
    drop(&r);
}


static void
test_responses(void)
{
    int            pieces;
    run_t          r;
    soma_str_t     text;
    soma_answer_t  answer;

    soma_is_int(run(&r, SOMA_API_RESPONSES, "{\"model\":\"m\",\"input\":"
                    "\"one \\\"two\\\"\",\"instructions\":\"Be brief\"}"),
                SOMA_OK, "responses");
    is_text(&r, "/output/0/content/0/text", "one \"two\"", "text");
    is_text(&r, "/status", "completed", "status");
    is_text(&r, "/id", "resp_id-1", "id");
    is_text(&r, "/output/0/id", "msg_id-1", "id of the message");
    is_number(&r, "/usage/input_tokens", 7, "input");
    is_number(&r, "/usage/output_tokens", 5, "output");
    soma_is_int(r.usage.output_tokens, 5, "usage: output");
    drop(&r);

    soma_is_int(run(&r, SOMA_API_RESPONSES, "{\"model\":\"m\",\"stream\":"
                    "true,\"n\":5,\"input\":[{\"role\":\"user\",\"content\":"
                    "[{\"type\":\"input_text\",\"text\":\"a b\\tc\"}]}]}"),
                SOMA_OK, "a stream of responses");
    read_stream(&r, &text, &pieces, &answer);
    soma_is_str(text.data, text.len, "a b\tc", "its text");
    soma_is_int(pieces, 4, "an event a token");
    soma_is_int(answer.done, 1, "done");
    soma_is_int(answer.failed, 0, "not failed");
    soma_is_int(answer.usage.known, 1, "usage");
    soma_is_int(answer.usage.output_tokens, r.usage.output_tokens,
                "the same output");
    is_text(&r, "/type", "response.completed", "the last event");
    is_text(&r, "/response/output/0/content/0/text", "a b\tc",
            "has it whole");
    drop(&r);

    soma_is_int(run(&r, SOMA_API_RESPONSES, "{\"model\":\"m\",\"stream\":"
                    "true,\"max_output_tokens\":1,\"input\":\"a b\"}"),
                SOMA_OK, "a stream of responses cut");
    read_stream(&r, &text, &pieces, &answer);
    is_text(&r, "/type", "response.incomplete", "is incomplete");
    is_text(&r, "/response/incomplete_details/reason", "max_output_tokens",
            "and says why");
    soma_is_int(answer.usage.output_tokens, 1, "one token");
    drop(&r);
}


static void
test_embeddings(void)
{
    size_t       i;
    run_t        r;
    double       d;
    yyjson_val  *a, *b;

    soma_is_int(run(&r, SOMA_API_EMBEDDINGS, "{\"model\":\"m\",\"input\":"
                    "[\"one two\",\"x\",\"one two\",\"\"]}"), SOMA_OK,
                "embeddings");
    soma_is_int(yyjson_arr_size(yyjson_obj_get(r.root, "data")), 4,
                "a vector a text");
    a = yyjson_ptr_get(r.root, "/data/0/embedding");
    b = yyjson_ptr_get(r.root, "/data/2/embedding");
    soma_is_int(yyjson_arr_size(a), SOMA_ECHO_DIMENSIONS, "its dimensions");
    soma_ok(yyjson_equals(a, b), "the same text, the same vector");
    soma_ok(!yyjson_equals(a, yyjson_ptr_get(r.root, "/data/1/embedding")),
            "another text, another");
    is_number(&r, "/data/3/index", 3, "index");
    is_number(&r, "/usage/prompt_tokens", 5, "prompt tokens");
    is_number(&r, "/usage/total_tokens", 5, "total tokens");
    soma_is_int(r.usage.output_tokens, 0, "no output");

    for (i = 0; i < SOMA_ECHO_DIMENSIONS; i++) {
        d = yyjson_get_num(yyjson_arr_get(a, i));
        soma_ok(d >= -1 && d <= 1 && d * 512 == (int) (d * 512),
                "number %d is exact", (int) i);
    }

    drop(&r);

    soma_is_int(run(&r, SOMA_API_EMBEDDINGS, "{\"model\":\"m\",\"input\":"
                    "\"one two\",\"encoding_format\":\"base64\"}"), SOMA_OK,
                "embeddings in base64");
    soma_is_int(yyjson_get_len(yyjson_ptr_get(r.root, "/data/0/embedding")),
                88, "sixteen floats");
    drop(&r);

    soma_is_int(run(&r, SOMA_API_EMBEDDINGS, "{\"model\":\"m\",\"input\":"
                    "[1,2,3]}"), SOMA_OK, "one text in tokens");
    is_number(&r, "/usage/prompt_tokens", 3, "counted");
    drop(&r);

    soma_is_int(run(&r, SOMA_API_EMBEDDINGS, "{\"model\":\"m\",\"input\":"
                    "[[1,2],[3]]}"), SOMA_OK, "two texts in tokens");
    is_number(&r, "/data/1/index", 1, "two vectors");
    is_number(&r, "/usage/prompt_tokens", 3, "counted");
    drop(&r);

    {
        static const char  *bad[] = {
            "{\"model\":\"m\"}",
            "{\"model\":\"m\",\"input\":[]}",
            "{\"model\":\"m\",\"input\":7}",
            "{\"model\":\"m\",\"input\":[\"a\",7]}",
            "{\"model\":\"m\",\"input\":[[\"a\"]]}",
            "{\"model\":\"m\",\"input\":[null]}"
        };

        for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
            soma_is_int(run(&r, SOMA_API_EMBEDDINGS, bad[i]), SOMA_ERROR,
                        "refused: %s", bad[i]);
            soma_ok(r.error != NULL && strstr(r.error, "\"input\"") != NULL,
                    "says: %s", r.error);
            drop(&r);
        }
    }
}


static void
test_bounds(void)
{
    char   *body;
    size_t  i, n;
    run_t   r;
    int     stream;

    static const char  tail[] = "\"}]}";

    body = malloc(400 * 1024);

    for (stream = 0; stream < 2; stream++) {

        /* more text than is said, each byte a token of six bytes in JSON */

        n = (size_t) sprintf(body, "{\"model\":\"m\",\"stream\":%s,"
                             "\"messages\":[{\"role\":\"user\",\"content\":\"",
                             stream ? "true" : "false");

        for (i = 0; i < 50000; i++, n += 6) {
            memcpy(body + n, "\\u0001", 6);
        }

        memcpy(body + n, tail, sizeof(tail));

        soma_is_int(run(&r, SOMA_API_CHAT, body), SOMA_OK, "a long text");
        soma_is_int(r.usage.input_tokens, 50000, "counted whole");
        soma_is_int(r.usage.output_tokens, SOMA_ECHO_PIECES_MAX,
                    "said in part");
        drop(&r);

        n = (size_t) sprintf(body, "{\"model\":\"m\",\"stream\":%s,"
                             "\"messages\":[{\"role\":\"user\",\"content\":\"",
                             stream ? "true" : "false");
        memset(body + n, 'x', 100 * 1024);
        n += 100 * 1024;
        memcpy(body + n, tail, sizeof(tail));

        soma_is_int(run(&r, SOMA_API_CHAT, body), SOMA_OK, "a long word");
        soma_is_int(r.usage.output_tokens, SOMA_ECHO_TEXT_MAX / 12,
                    "said in part");
        drop(&r);
    }

    free(body);

    soma_is_int(run(&r, SOMA_API_CHAT, "{\"model\":\"m\",\"n\":17}"),
                SOMA_ERROR, "too many answers");
    soma_ok(strstr(r.error, "\"n\"") != NULL, "says: %s", r.error);
    drop(&r);

    soma_is_int(run(&r, SOMA_API_IMAGES, "{\"model\":\"m\"}"), SOMA_DECLINED,
                "no echo of images");
    drop(&r);
}


/* each allocation that fails is an error, and a next try works */

static void
test_memory(void)
{
    int     rc;
    run_t   r;
    size_t  i, k;

    static const struct {
        soma_api_e   api;
        const char  *body;
    } cases[] = {
        { SOMA_API_CHAT, "{\"model\":\"m\",\"stream\":true,\"messages\":"
          "[{\"role\":\"user\",\"content\":\"a\\nb\"}]}" },
        { SOMA_API_COMPLETIONS, "{\"model\":\"m\",\"prompt\":\"a\"}" },
        { SOMA_API_RESPONSES, "{\"model\":\"m\",\"input\":\"a\"}" },
        { SOMA_API_RESPONSES, "{\"model\":\"m\",\"input\":\"a\","
          "\"stream\":true}" },
        { SOMA_API_EMBEDDINGS, "{\"model\":\"m\",\"input\":\"a\"}" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        soma_is_int(run(&r, cases[i].api, cases[i].body), SOMA_OK,
                    "with memory");

        for (k = 1; k < 50; k++) {
            soma_test_arena_fail(r.arena, k);
            rc = answer(&r, -1);
            soma_test_arena_fail(r.arena, 0);

            if (rc == SOMA_OK) {
                break;
            }

            soma_ok(rc == SOMA_ERROR && r.error == NULL,
                    "allocation %d of case %d fails", (int) k, (int) i);
        }

        soma_ok(k > 3 && k < 50, "then it works");
        drop(&r);
    }
}


/* the end of a stream tells what it cost; without a stream there is a header
 * for it */

static void
test_cost(void)
{
    size_t  i;
    run_t   r;

    static const struct {
        soma_api_e   api;
        const char  *body;
        const char  *want;
    } cases[] = {
        { SOMA_API_CHAT, "{\"model\":\"m\",\"stream\":true,\"stream_options\":"
          "{\"include_usage\":true},\"messages\":[]}",
          "\"completion_tokens_details\":{\"reasoning_tokens\":0},"
          "\"cost\":0.0000015}}\n\n" },
        { SOMA_API_COMPLETIONS, "{\"model\":\"m\",\"stream\":true,"
          "\"stream_options\":{\"include_usage\":true}}",
          ",\"cost\":0.0000015}}\n\ndata: [DONE]" },
        { SOMA_API_RESPONSES, "{\"model\":\"m\",\"stream\":true,\"input\":"
          "\"a\"}", "\"total_tokens\":2,\"cost\":0.0000015},\"user\"" },
        { SOMA_API_CHAT, "{\"model\":\"m\",\"stream\":true}", NULL },
        { SOMA_API_CHAT, "{\"model\":\"m\"}", NULL },
        { SOMA_API_RESPONSES, "{\"model\":\"m\",\"input\":\"a\"}", NULL },
        { SOMA_API_EMBEDDINGS, "{\"model\":\"m\",\"stream\":true,"
          "\"input\":\"a\"}", NULL }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        soma_is_int(run_cost(&r, cases[i].api, cases[i].body, 1500), SOMA_OK,
                    "case %d", (int) i);

        if (cases[i].want != NULL) {
            soma_ok(memmem(r.out.data, r.out.len, cases[i].want,
                           strlen(cases[i].want))
                    != NULL, "a stream's usage says what it cost");

        } else {
            soma_ok(memmem(r.out.data, r.out.len, "cost", 4) == NULL,
                    "nothing else does");
        }

        drop(&r);
    }
}


int
main(void)
{
    test_cost();
    test_pieces();
    test_chat();
    test_chat_stream();
    test_completions();
    test_responses();
    test_embeddings();
    test_bounds();
    test_memory();

    return soma_done();
}
