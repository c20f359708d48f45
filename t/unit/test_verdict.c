
/*
 * Copyright (C) The ngx_soma authors
 *
 * What came with a good status, and whether it answers anything; what came
 * with a bad one, and whether it is written as an error.
 */


#include "soma_dialect.h"
#include "soma_silence.h"
#include "soma_test.h"
#include "soma_arena_malloc.h"


#define CHAT   SOMA_API_CHAT
#define MORE   SOMA_VERDICT_MORE
#define GOOD   SOMA_VERDICT_GOOD
#define ERROR  SOMA_VERDICT_ERROR
#define NONE   SOMA_VERDICT_NONE

#define ERR    "{\"error\":{\"message\":\"overloaded\"}}"


static soma_arena_t  *arena;


static const struct {
    soma_api_e       api;
    const char      *type;
    const char      *body;
    soma_verdict_e   verdict;       /* of the whole of it */
} bodies[] = {
    { CHAT, "application/json", "{\"choices\":[{}],\"usage\":{}}", GOOD },
    { CHAT, "", "\n\n \r\n{\"choices\":[{\"index\":0}]}", GOOD },
    { CHAT, "application/json", "\xef\xbb\xbf{\"choices\":[{}]}", GOOD },
    { CHAT, "text/html", "{\"choices\":[{\"index\":0}]}", GOOD },
    { CHAT, "", "{\"choices\":[],\"usage\":{\"prompt_tokens\":1}}", GOOD },
    { CHAT, "", "{\"id\":\"x\",\"error\":null,\"choices\":[{}]}", GOOD },
    { CHAT, "", "{\"id\":\"x\",\"error\":{},\"choices\":[{}]}", GOOD },
    { CHAT, "", "{\"id\":\"x\",\"error\":\"\",\"choices\":[{}]}", GOOD },
    { CHAT, "", "{\"choices\":[{\"cut", GOOD },
    { CHAT, "", "{\"message\":\"x\",\"choices\":[{}]}", GOOD },
    { SOMA_API_EMBEDDINGS, "", "{\"object\":\"list\",\"data\":[]}", GOOD },
    { SOMA_API_RESPONSES, "", "{\"output\":[{}],\"error\":null}", GOOD },
    { SOMA_API_IMAGES, "", "{\"created\":1,\"data\":[{}]}", GOOD },

    { CHAT, "application/json", ERR, ERROR },
    { CHAT, "text/plain", "  " ERR, ERROR },
    { CHAT, "", "{\"error\":\"no such model\"}", ERROR },
    { CHAT, "", "{\"error\":true,\"message\":\"x\"}", ERROR },
    { CHAT, "", "{\"object\":\"error\",\"message\":\"x\"}", ERROR },
    { CHAT, "", "{\"type\":\"error\",\"message\":\"x\"}", ERROR },
    { CHAT, "", "{\"choices\":[{}],\"error\":{\"code\":502}}", ERROR },
    { SOMA_API_RESPONSES, "", "{\"id\":\"r\",\"status\":\"failed\",\"error\":"
      "{\"code\":\"server_error\"},\"output\":[]}", ERROR },

    { CHAT, "application/json", "", NONE },
    { CHAT, "application/json", " \n\n ", NONE },
    { CHAT, "application/json", "null", NONE },
    { CHAT, "application/json", "true", NONE },
    { CHAT, "application/json", "42", NONE },
    { CHAT, "application/json", "\"ok\"", NONE },
    { CHAT, "application/json", "[]", NONE },
    { CHAT, "application/json", "[{\"choices\":[{}]}]", NONE },
    { CHAT, "application/json", "{}", NONE },
    { CHAT, "application/json", "{ }", NONE },
    { CHAT, "application/json", "{\"ok\":true}", NONE },
    { CHAT, "application/json", "{\"message\":\"Not Found\"}", NONE },
    { CHAT, "application/json", "{\"detail\":[{}]}", NONE },
    { CHAT, "application/json", "{\"choices\":[]}", NONE },
    { CHAT, "application/json", "{\"id\":\"x\",\"choices\":[ ]}", NONE },
    { CHAT, "application/json", "{\"choices\":null}", NONE },
    { CHAT, "application/json", "{\"id\":\"x\",\"cho", NONE },
    { CHAT, "text/html", "<!doctype html><title>login</title>", NONE },
    { CHAT, "application/json", "<html>", NONE },
    { CHAT, "text/plain", "upstream connect error", NONE },

    { SOMA_API_SPEECH, "audio/mpeg", "\x01\x02", GOOD },
    { SOMA_API_SPEECH, "audio/mpeg", "{looks so", GOOD },
    { SOMA_API_SPEECH, "application/octet-stream", "ID3", GOOD },
    { SOMA_API_SPEECH, "audio/mpeg", "", NONE },
    { SOMA_API_SPEECH, "text/html", "<html>", NONE },
    { SOMA_API_SPEECH, "application/json", ERR, ERROR },
    { SOMA_API_SPEECH, "application/json", "{}", NONE },

    { SOMA_API_TRANSCRIPTIONS, "text/plain", "hello", GOOD },
    { SOMA_API_TRANSCRIPTIONS, "text/plain", "[Music] la", GOOD },
    { SOMA_API_TRANSCRIPTIONS, "text/plain", "", GOOD },
    { SOMA_API_TRANSCRIPTIONS, "text/vtt", "WEBVTT\n", GOOD },
    { SOMA_API_TRANSCRIPTIONS, "application/json", "{\"text\":\"x\"}", GOOD },
    { SOMA_API_TRANSCRIPTIONS, "application/json", "", NONE },
    { SOMA_API_TRANSCRIPTIONS, "application/json", ERR, ERROR },
    { SOMA_API_TRANSLATIONS, "text/html", "<html>", NONE },

    { SOMA_API_STORED, "", "{\"status\":\"failed\",\"error\":{\"code\":\"x\"},"
      "\"id\":\"r\"}", GOOD },
    { SOMA_API_STORED, "", "{\"deleted\":true}", GOOD },
    { SOMA_API_STORED, "", ERR, ERROR },
    { SOMA_API_STORED, "", "{}", NONE }
};


static void
test_bodies(void)
{
    size_t       i, n, len;
    soma_look_t  look;

    for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {

        memset(&look, 0, sizeof(look));
        look.api = bodies[i].api;
        look.type = str(bodies[i].type);
        look.text = str(bodies[i].body);
        look.whole = 1;

        soma_is_int(soma_openai.verdict(&look), bodies[i].verdict,
                    "body %d: %.40s", (int) i, bodies[i].body);

        /* a part of it says the same, or nothing yet, unless an error stands
         * behind the text */

        look.whole = 0;
        len = look.text.len;

        for (n = 0; n < len; n++) {
            look.text.len = n;

            if (soma_openai.verdict(&look) != MORE
                && soma_openai.verdict(&look) != bodies[i].verdict)
            {
                break;
            }
        }

        soma_ok(n == len || strstr(bodies[i].body, "\"choices\":[{"),
                "%d bytes of body %d", (int) n, (int) i);
    }
}


static const struct {
    const char      *raw;
    soma_verdict_e   verdict;
} streams[] = {
    { "data: {\"choices\":[{\"delta\":{}}]}\n\n", GOOD },
    { "data:{\"choices\":[]}\r\n\r\n", GOOD },
    { ": hi\n\n: there\n\ndata: {\"choices\":[{}]}\n\n", GOOD },
    { "event: response.created\ndata: {\"type\":\"response.created\"}\n\n",
      GOOD },
    { "data: {\"type\":\"ping\"}\n\n", GOOD },
    { "data: " ERR "\n\n", ERROR },
    { "\xef\xbb\xbf" "data: " ERR "\r\n\r\n", ERROR },
    { ": wait\r\n\r\nid: 1\r\ndata: " ERR "\r\n\r\n", ERROR },
    { "id: 1\n\ndata: " ERR "\n\n", ERROR },
    { "data:\n\ndata: " ERR "\n\n", ERROR },
    { "data: {\ndata: \"error\":\ndata: {\"code\":5}}\n\n", ERROR },
    { "event: error\ndata: {\"code\":\"x\"}\n\n", ERROR },
    { "data: {\"type\":\"response.failed\",\"response\":{}}\n\n", ERROR },
    { "data: {\"message\":\"Internal error\",\"code\":500}\n\n", ERROR },
    { "data: {\"detail\":\"Internal error\"}\n\n", ERROR },
    { "data: [DONE]\n\n", NONE },
    { "data: {}\n\n", NONE },
    { "data: null\n\n", NONE },
    { "data: upstream error\n\n", NONE }
};


static soma_verdict_e
first(const char *raw, size_t len)
{
    int          rc;
    size_t       skip;
    soma_look_t  look;

    memset(&look, 0, sizeof(look));
    look.api = CHAT;

    rc = soma_look_event(&look, arena, (const unsigned char *) raw, len,
                         &skip);

    return rc == SOMA_OK ? soma_openai.verdict(&look) : MORE;
}


static void
test_streams(void)
{
    size_t          i, n, len;
    char           *big, *p;
    soma_verdict_e  verdict;

    for (i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {

        len = strlen(streams[i].raw);

        soma_is_int(first(streams[i].raw, len), streams[i].verdict,
                    "stream %d", (int) i);

        for (n = 0; n < len; n++) {
            verdict = first(streams[i].raw, n);

            if (verdict != MORE && verdict != streams[i].verdict) {
                break;
            }
        }

        soma_is_int(n, len, "its parts say the same, or nothing yet");
    }

    /* an error is told long before its end */

    big = malloc(400000);
    p = big + sprintf(big, "data: {\"error\":{\"message\":\"");
    memset(p, 'x', 300000);

    soma_is_int(first(big, 40), ERROR, "an error by its beginning");
    soma_is_int(first(big, 300000), ERROR, "however long it is");
    p = big + sprintf(big, "data: {\"type\":\"response.created\",\"response\":"
                           "{\"tools\":\"");
    memset(p, 'x', 300000);
    soma_is_int(first(big, 300000), MORE, "what says nothing yet");

    free(big);
}


static void
test_skip(void)
{
    size_t       i, skip;
    soma_look_t  look;

    static const struct {
        const char  *raw;
        size_t       skip;
    } cases[] = {
        { "", 0 }, { ": x", 0 }, { ": x\n", 4 }, { ": x\n\n", 5 },
        { ": x\r\n\r\n: y", 7 }, { "\n\n\n", 3 }, { "id: 1\n", 0 },
        { "id: 1\n\n", 7 }, { "event: x\n: c\n", 0 }, { "data:\n\n", 7 },
        { "retry: 5\n\n: x\n", 14 }
    };

    memset(&look, 0, sizeof(look));

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        soma_is_int(soma_look_event(&look, arena,
                                    (const unsigned char *) cases[i].raw,
                                    strlen(cases[i].raw), &skip),
                    SOMA_AGAIN, "no event in %d", (int) i);
        soma_is_int(skip, cases[i].skip, "what of %d says nothing", (int) i);
    }
}


static void
test_refusals(void)
{
    soma_str_t      body;
    soma_refusal_t  r;

    soma_openai.refusal(str(ERR), &r);
    soma_ok(r.whole && r.ours && !r.content && !r.usage, "an error");
    soma_is_str(r.message.text.data, r.message.text.len, "\"overloaded\"",
                "and what it says");

    body = str(" \n" ERR "  \n");
    soma_openai.refusal(body, &r);
    soma_ok(r.whole && r.ours, "with blanks around it");

    body = str(ERR);
    body.len--;
    soma_openai.refusal(body, &r);
    soma_ok(!r.whole && !r.ours, "one that is cut");

    soma_openai.refusal(str("{\"error\":{\"message\":\"x\",\"code\":"
                            "\"content_policy_violation\"}}"), &r);
    soma_ok(r.ours && r.content, "one about what was asked");
    soma_openai.refusal(str("{\"error\":{\"message\":\"x\",\"metadata\":"
                            "{\"reasons\":[],\"flagged_input\":\"y\"}}}"), &r);
    soma_ok(r.ours && r.content, "as others say it");

    soma_openai.refusal(str("{\"error\":{\"message\":\"stream_options: extra "
                            "fields not permitted\"}}"), &r);
    soma_ok(r.ours && r.usage, "one about what we added");
    soma_openai.refusal(str("{\"detail\":[{\"loc\":[\"body\","
                            "\"stream_options\"]}]}"), &r);
    soma_ok(!r.ours && r.whole && r.usage, "FastAPI's");
    soma_is_str(r.message.text.data, r.message.text.len,
                "[{\"loc\":[\"body\",\"stream_options\"]}]", "in its words");

    soma_openai.refusal(str("{\"error\":\"no such model\"}"), &r);
    soma_ok(!r.ours && r.whole, "a text for an error");
    soma_is_str(r.message.text.data, r.message.text.len, "\"no such model\"",
                "which is the message");
    soma_openai.refusal(str("{\"message\":\"x\"}"), &r);
    soma_ok(!r.ours && r.message.type == SOMA_JSON_STRING, "a message alone");

    soma_openai.refusal(str("<html>"), &r);
    soma_ok(!r.whole && !r.ours && r.message.type == SOMA_JSON_NONE, "a page");
    soma_openai.refusal(str(""), &r);
    soma_ok(!r.whole && !r.ours, "nothing");
    soma_openai.refusal(str("[]"), &r);
    soma_ok(!r.ours, "a list");
}


static void
test_statuses(void)
{
    size_t  i;
    int     client;

    static const struct {
        int           status;
        soma_fault_e  fault;
        int           client;
    } cases[] = {
        { 400, SOMA_FAULT_BAD_REQUEST, 400 },
        { 404, SOMA_FAULT_NOT_FOUND, 404 },
        { 408, SOMA_FAULT_TIMEOUT, 504 },
        { 413, SOMA_FAULT_TOO_LARGE, 413 },
        { 422, SOMA_FAULT_BAD_REQUEST, 422 },
        { 429, SOMA_FAULT_RATE, 429 },
        { 500, SOMA_FAULT_UPSTREAM, 502 },
        { 502, SOMA_FAULT_UPSTREAM, 502 },
        { 503, SOMA_FAULT_UNAVAILABLE, 503 },
        { 504, SOMA_FAULT_TIMEOUT, 504 },
        { 520, SOMA_FAULT_UPSTREAM, 502 },
        { 522, SOMA_FAULT_TIMEOUT, 504 },
        { 524, SOMA_FAULT_TIMEOUT, 504 },
        { 529, SOMA_FAULT_UNAVAILABLE, 503 },
        { 302, SOMA_FAULT_UPSTREAM, 502 },
        { 999, SOMA_FAULT_UPSTREAM, 502 }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        soma_is_int(soma_dialect_fault_of(cases[i].status, &client),
                    cases[i].fault, "the fault of %d", cases[i].status);
        soma_is_int(client, cases[i].client, "and what clients are told");
    }
}


static void
test_wait(void)
{
    soma_wait_t  w;

    w.first_token = 120000;
    w.idle = 60000;
    w.answer = 600000;
    w.total = 1000000;

    soma_is_int(soma_silence(&w, SOMA_WAIT_FIRST, 500000), 120000,
                "each sign of life restarts the wait for a first token");
    soma_is_int(soma_silence(&w, SOMA_WAIT_FIRST, 950000), 50000,
                "until all of the time is over");
    soma_is_int(soma_silence(&w, SOMA_WAIT_TEXT, 5000), 60000,
                "within a stream");
    soma_is_int(soma_silence(&w, SOMA_WAIT_PLAIN, 100000), 500000,
                "a plain answer has a time of its own");
    soma_is_int(soma_silence(&w, SOMA_WAIT_BODY, 100000), 60000,
                "and does not stop within");
    soma_is_int(soma_silence(&w, SOMA_WAIT_BODY, 590000), 10000,
                "nor go on for longer");
    soma_is_int(soma_silence(&w, SOMA_WAIT_TEXT, 2000000), 1,
                "a timer is never set to no time");
}


int
main(void)
{
    arena = soma_test_arena();

    test_bodies();
    test_streams();
    test_skip();
    test_refusals();
    test_statuses();
    test_wait();

    soma_test_arena_free(arena);

    return soma_done();
}
