
/*
 * Copyright (C) The ngx_soma authors
 *
 * Any request to the built-in provider: the first byte chooses the api, the
 * rest is the body.  What is answered must be JSON, or a stream of it, and
 * its usage what the answer itself says.
 */


#include <stdlib.h>

#include <yyjson.h>

#include "soma_ask_test.h"
#include "soma_echo.h"
#include "soma_local.h"
#include "soma_openai.h"


#define CHECK(cond)                                                           \
    do { if (!(cond)) { __builtin_trap(); } } while (0)


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
check_stream(soma_ask_t *ask, soma_str_t out, soma_usage_t *usage,
    soma_arena_t *arena)
{
    int                rc;
    size_t             pos, used;
    soma_sse_t         sse;
    yyjson_doc        *doc;
    soma_answer_t      answer;
    soma_sse_event_t   e;

    memset(&sse, 0, sizeof(sse));
    memset(&answer, 0, sizeof(answer));

    sse.arena = arena;
    answer.api = ask->api;

    for (pos = 0; ; pos += used) {

        rc = soma_sse_feed(&sse, out.data + pos, out.len - pos, &used, &e);

        if (rc == SOMA_DECLINED) {
            continue;
        }

        if (rc != SOMA_OK) {
            break;
        }

        CHECK(soma_openai.event(&answer, ask, &e) == SOMA_EVENT_PASS);

        if (e.data.len == 6 && memcmp(e.data.data, "[DONE]", 6) == 0) {
            continue;
        }

        doc = yyjson_read((char *) e.data.data, e.data.len, 0);
        CHECK(doc != NULL);
        yyjson_doc_free(doc);
    }

    CHECK(rc == SOMA_AGAIN && pos + used == out.len);
    CHECK(soma_sse_end(&sse, &e) == SOMA_DONE);

    /* the last event of a long text may pass unexamined */

    if (answer.done) {
        CHECK(answer.finished);
    }

    if (answer.usage.known) {
        CHECK(answer.usage.input_tokens == usage->input_tokens);
        CHECK(answer.usage.output_tokens == usage->output_tokens);
    }
}


static void
check_whole(soma_str_t out, soma_usage_t *usage)
{
    yyjson_doc  *doc;
    yyjson_val  *u, *in, *all;

    doc = yyjson_read((char *) out.data, out.len, 0);
    CHECK(doc != NULL);

    u = yyjson_obj_get(yyjson_doc_get_root(doc), "usage");
    in = yyjson_obj_get(u, "prompt_tokens");
    in = in ? in : yyjson_obj_get(u, "input_tokens");
    all = yyjson_obj_get(u, "total_tokens");

    CHECK(yyjson_get_sint(in) == usage->input_tokens);
    CHECK(yyjson_get_sint(all) == usage->input_tokens
                                  + usage->output_tokens);

    yyjson_doc_free(doc);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int               rc;
    soma_str_t        body, out;
    soma_arena_t     *arena;
    soma_usage_t     *usage;
    soma_test_ask_t   t;

    static soma_local_answer_t  answer;

    static const soma_api_e  apis[] = {
        SOMA_API_CHAT, SOMA_API_COMPLETIONS, SOMA_API_RESPONSES,
        SOMA_API_EMBEDDINGS
    };

    if (size < 2) {
        return 0;
    }

    arena = soma_test_arena();

    body.data = (unsigned char *) data + 1;
    body.len = size - 1;

    if (soma_test_ask(&t, &soma_openai, apis[data[0] % 4], body, arena)
        == SOMA_OK)
    {
        memset(&answer, 0, sizeof(answer));

        answer.client = &soma_openai;
        answer.target = &soma_echo;
        answer.local.arena = arena;
        answer.local.ask = &t.ask;
        answer.local.model = t.ask.model;
        answer.local.id = SOMA_STR("0123-\"x\"");
        answer.local.created = 1700000000;

        rc = soma_local_answer(&answer, body);

        if (rc == SOMA_OK) {

            usage = &answer.usage;

            CHECK(usage->known && usage->output_tokens >= 0);

            if (t.ask.max_tokens >= 0) {
                CHECK(usage->output_tokens <= t.ask.max_tokens * t.ask.n);
            }

            CHECK(soma_local_end(&answer, -1) == SOMA_OK);
            CHECK(soma_pieces_whole(&answer.body, &out) == SOMA_OK);

            if (t.ask.stream && t.ask.api != SOMA_API_EMBEDDINGS) {
                check_stream(&t.ask, out, usage, arena);

            } else {
                check_whole(out, usage);
            }

        } else {
            CHECK(rc == SOMA_ERROR && answer.error != NULL);
        }
    }

    soma_test_arena_free(arena);

    return 0;
}
