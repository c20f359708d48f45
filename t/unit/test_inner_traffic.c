
/*
 * Copyright (C) The ngx_soma authors
 *
 * Recorded answers of providers through the inner form: the events keep to
 * what soma_inner.h promises, text and usage are what an independent program
 * read from the same bytes, whole and in pieces, and the clients of every
 * dialect can be told.  See t/traffic/README.md for the files.
 */


#include <yyjson.h>

#include "soma_test.h"
#include "soma_arena_malloc.h"
#include "soma_base64.h"
#include "soma_dialect.h"


#define BLOCKS   4096
#define CLIENTS  7


/* what became of an answer */
typedef struct {
    soma_pieces_t        text;          /* of the first choice */
    soma_usage_t         usage;
    const char          *wrong;         /* a promise that was not kept */
    soma_writer_t        writer[CLIENTS];   /* one a client */
    soma_ask_t           ask[CLIENTS];
    soma_url_t           url[CLIENTS];
    soma_pieces_t        out[CLIENTS];
    soma_pieces_t        told[CLIENTS];
    unsigned             calls;         /* of the first choice */
    unsigned             refusals;      /* they are words, too */
    unsigned             mute;          /* it is no answer, but what a client
                                           was told of one */
    unsigned char        open[BLOCKS];  /* of the first choice */
    unsigned             blocks;
    unsigned             begun;
    unsigned             finished;
    unsigned             failed;
    unsigned             over;
} answer_t;


/* as clients they write, and as providers they read it again */
static const struct {
    const soma_dialect_t  *dialect;
    const soma_dialect_t  *reader;
    soma_api_e             api;
    const char            *whole;
    const char            *stream;
} clients[CLIENTS] = {
    { &soma_openai, &soma_openai, SOMA_API_CHAT, "/v1/chat/completions",
      "/v1/chat/completions" },
    { &soma_openai, &soma_openai_responses, SOMA_API_RESPONSES,
      "/v1/responses", "/v1/responses" },
    { &soma_anthropic, &soma_anthropic, SOMA_API_CHAT, "/v1/messages",
      "/v1/messages" },
    { &soma_gemini, &soma_gemini, SOMA_API_CHAT,
      "/v1beta/models/m:generateContent",
      "/v1beta/models/m:streamGenerateContent" },
    { &soma_bedrock, &soma_bedrock, SOMA_API_CHAT, "/model/m/converse",
      "/model/m/converse-stream" },
    { &soma_ollama, &soma_ollama, SOMA_API_CHAT, "/api/chat", "/api/chat" },
    { &soma_cohere, &soma_cohere, SOMA_API_CHAT, "/v2/chat", "/v2/chat" }
};


static int
sink(void *data, const soma_inner_event_t *event)
{
    answer_t  *answer = data;

    int       rc;
    unsigned  i;

    if (answer->over) {
        answer->wrong = "something behind the end";
    }

    if (!answer->begun && event->event != SOMA_INNER_START
        && event->event != SOMA_INNER_FAILED)
    {
        answer->wrong = "no start";
    }

    if (event->event != SOMA_INNER_BEGIN && event->event != SOMA_INNER_RAW
        && (event->event == SOMA_INNER_DELTA
            || event->event == SOMA_INNER_CLOSE)
        && event->choice == 0
        && (event->block >= BLOCKS || !answer->open[event->block]))
    {
        answer->wrong = "a block that is not open";
    }

    switch (event->event) {

    case SOMA_INNER_START:
        answer->wrong = answer->begun ? "two starts" : answer->wrong;
        answer->begun = 1;
        break;

    case SOMA_INNER_BEGIN:
    case SOMA_INNER_RAW:

        if (event->choice == 0) {

            if (event->block != answer->blocks++) {
                answer->wrong = "a block out of order";
            }

            answer->open[event->block] = (event->event == SOMA_INNER_BEGIN);
            answer->calls += (event->event == SOMA_INNER_BEGIN
                              && event->kind == SOMA_INNER_CALL);
        }

        break;

    case SOMA_INNER_DELTA:

        if (event->choice == 0
            && (event->kind == SOMA_INNER_TEXT
                || (event->kind == SOMA_INNER_REFUSAL && answer->refusals)))
        {
            soma_pieces_put(&answer->text, event->text.data, event->text.len);
        }

        break;

    case SOMA_INNER_CLOSE:

        if (event->choice == 0) {
            answer->open[event->block] = 0;
        }

        break;

    case SOMA_INNER_USAGE:
        answer->usage = *event->usage;
        break;

    case SOMA_INNER_FINISH:

        for (i = 0; event->choice == 0 && i < answer->blocks; i++) {
            if (answer->open[i]) {
                answer->wrong = "a finish with open blocks";
            }
        }

        answer->finished++;
        break;

    case SOMA_INNER_FAILED:
        answer->failed = 1;
        answer->over = 1;
        break;

    case SOMA_INNER_END:
        answer->over = 1;
        break;

    default:
        break;
    }

    for (i = 0; i < CLIENTS && !answer->mute; i++) {
        rc = clients[i].dialect->write(&answer->writer[i], &answer->out[i],
                                       event);

        if (rc != SOMA_OK) {
            answer->wrong = (rc == SOMA_DECLINED) ? answer->writer[i].error
                                                  : "no memory";
        }

        soma_pieces_join(&answer->told[i], &answer->out[i]);
        soma_pieces_reset(&answer->out[i]);
    }

    return SOMA_OK;
}


static void
begin(answer_t *answer, soma_arena_t *arena, unsigned stream)
{
    unsigned     i;
    const char  *path;

    memset(answer, 0, sizeof(answer_t));

    soma_pieces_init(&answer->text, arena);

    for (i = 0; i < CLIENTS; i++) {
        path = stream ? clients[i].stream : clients[i].whole;

        answer->url[i].path = (soma_str_t) { strlen(path),
                                   (unsigned char *) (uintptr_t) path };
        answer->url[i].args = SOMA_STR("alt=sse");
        answer->url[i].below = soma_dialect_below(answer->url[i].path,
                                                  "/v1/");

        if (answer->url[i].below.data == NULL) {
            answer->url[i].below = answer->url[i].path;
        }

        soma_ok(soma_dialect_client(&answer->url[i], arena)
                == clients[i].dialect, "whose path it is");

        answer->ask[i].url = &answer->url[i];
        answer->ask[i].api = clients[i].api;
        answer->ask[i].model = SOMA_STR("m");
        answer->ask[i].n = 1;
        answer->ask[i].usage_asked = 1;
        answer->ask[i].stream = stream & 1;
        answer->ask[i].max_tokens = -1;
        answer->writer[i].arena = arena;
        answer->writer[i].ask = &answer->ask[i];
        answer->writer[i].id = SOMA_STR("1");
        answer->writer[i].model = SOMA_STR("m");
        answer->writer[i].cost = -1;
        soma_pieces_init(&answer->out[i], arena);
        soma_pieces_init(&answer->told[i], arena);
    }
}


static int
read_stream(answer_t *answer, const soma_dialect_t *dialect,
    soma_decoder_t *decoder, soma_str_t bytes, size_t step)
{
    int               rc;
    size_t            n, used, took;
    unsigned char    *piece;
    soma_frames_t     frames;
    soma_sse_event_t  event;

    memset(&frames, 0, sizeof(soma_frames_t));
    frames.sse.arena = decoder->arena;
    frames.sse.max = SOMA_FRAMES_EVENT_MAX;
    frames.framing = dialect->framing;

    rc = SOMA_OK;

    while (bytes.len != 0 && rc == SOMA_OK) {

        n = (step == 0 || step > bytes.len) ? bytes.len : step;
        piece = malloc(n);
        memcpy(piece, bytes.data, n);
        bytes.data += n;
        bytes.len -= n;

        for (used = 0; rc == SOMA_OK; used += took) {
            rc = soma_frames_feed(&frames, piece + used, n - used, &took,
                                  &event);

            if (rc == SOMA_OK && !event.comment) {
                rc = dialect->read_event(decoder, &event);
            }
        }

        rc = (rc == SOMA_AGAIN) ? SOMA_OK : rc;
        free(piece);
    }

    if (rc == SOMA_OK && soma_frames_end(&frames, &event) == SOMA_OK
        && !event.comment)
    {
        rc = dialect->read_event(decoder, &event);
    }

    if (rc == SOMA_OK && !answer->over) {
        (void) dialect->read_end(decoder);
    }

    return rc;
}


/* each of the counts that the other program found */

static int
same_usage(const char *id, yyjson_val *expected, const soma_usage_t *usage)
{
    size_t       i;
    yyjson_val  *want;

    const struct {
        const char  *name;
        int64_t      got;
    } counts[] = {
        { "total_input_tokens", usage->input_tokens },
        { "total_output_tokens", usage->output_tokens },
        { "cached_input_tokens", usage->cached_tokens },
        { "cache_write_tokens", usage->cache_write_tokens },
        { "reasoning_tokens", usage->reasoning_tokens }
    };

    for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        want = yyjson_obj_get(expected, counts[i].name);

        if (yyjson_is_int(want) && yyjson_get_sint(want) != counts[i].got) {
            printf("# %s: %s is %lld, expected %lld\n", id, counts[i].name,
                   (long long) counts[i].got,
                   (long long) yyjson_get_sint(want));
            return 0;
        }
    }

    return 1;
}


static int
same_text(soma_arena_t *arena, answer_t *answer, yyjson_val *want)
{
    soma_str_t  text, plain;

    if (!yyjson_is_str(want)) {
        return 1;
    }

    return soma_pieces_whole(&answer->text, &text) == SOMA_OK
           && soma_inner_plain(arena, text, &plain) == SOMA_OK
           && plain.len == yyjson_get_len(want)
           && memcmp(plain.data, yyjson_get_str(want), plain.len) == 0;
}


/* what each client was told, read again by the same dialect: words, calls and
 * usage are those of the provider */

static void
test_told(const char *id, soma_arena_t *arena, answer_t *answer,
    unsigned stream)
{
    int              rc;
    unsigned         i;
    answer_t        *again;
    soma_str_t       text, plain, told, same;
    soma_decoder_t   decoder;

    again = malloc(sizeof(answer_t));

    if (soma_pieces_whole(&answer->text, &text) != SOMA_OK
        || soma_inner_plain(arena, text, &plain) != SOMA_OK)
    {
        soma_ok(0, "%s: no memory", id);
        free(again);
        return;
    }

    for (i = 0; i < CLIENTS; i++) {
        memset(again, 0, sizeof(answer_t));
        again->mute = 1;
        again->refusals = 1;
        soma_pieces_init(&again->text, arena);

        memset(&decoder, 0, sizeof(decoder));
        decoder.arena = arena;
        decoder.api = clients[i].api;
        decoder.sink = sink;
        decoder.data = again;
        decoder.seed = 42;

        rc = soma_pieces_whole(&answer->told[i], &told);

        if (rc == SOMA_OK) {
            rc = stream ? read_stream(again, clients[i].reader, &decoder,
                                      told, i * 3)
                        : clients[i].reader->read_whole(&decoder, told);
        }

        soma_ok(rc == SOMA_OK && again->over && !again->failed
                && again->wrong == NULL, "%s: client %u reads it%s%s", id, i,
                again->wrong ? ", " : "", again->wrong ? again->wrong : "");

        soma_ok(soma_pieces_whole(&again->text, &text) == SOMA_OK
                && soma_inner_plain(arena, text, &same) == SOMA_OK
                && soma_str_eq(plain, same), "%s: client %u: its words", id,
                i);
        soma_ok(again->calls == answer->calls, "%s: client %u: %u calls", id,
                i, again->calls);
        soma_ok(again->usage.input_tokens == answer->usage.input_tokens
                && again->usage.output_tokens
                   == answer->usage.output_tokens,
                "%s: client %u: its usage, %lld and %lld", id, i,
                (long long) again->usage.input_tokens,
                (long long) again->usage.output_tokens);
    }

    free(again);
}


/* recordings of two answers, one behind the other, are of the first */

static unsigned
several(soma_str_t body)
{
    size_t    i;
    unsigned  n;

    static const soma_str_t  stop = soma_string("event: message_stop");

    n = 0;

    for (i = 0; i + stop.len <= body.len; i++) {
        n += (memcmp(body.data + i, stop.data, stop.len) == 0);
    }

    return n > 1;
}


static unsigned
test_answer(yyjson_val *root, const soma_dialect_t *dialect,
    soma_str_t body, size_t step)
{
    int              rc;
    unsigned         stream;
    answer_t        *answer;
    const char      *id;
    yyjson_val      *usage;
    soma_arena_t    *arena;
    soma_decoder_t   decoder;

    arena = soma_test_arena();
    answer = malloc(sizeof(answer_t));

    stream = yyjson_is_true(yyjson_obj_get(root, "stream"))
             && body.data[0] != '{';
    id = yyjson_get_str(yyjson_obj_get(root, "id"));
    usage = yyjson_obj_get(root, "expected_usage");

    begin(answer, arena, stream);

    memset(&decoder, 0, sizeof(decoder));
    decoder.arena = arena;
    decoder.api = SOMA_API_CHAT;
    decoder.sink = sink;
    decoder.data = answer;
    decoder.seed = 42;

    rc = stream ? read_stream(answer, dialect, &decoder, body, step)
                : dialect->read_whole(&decoder, body);

    soma_ok(rc == SOMA_OK && answer->wrong == NULL, "%s: %s", id,
            answer->wrong ? answer->wrong : "read");

    if (answer->over && !answer->failed && !several(body)) {
        soma_ok(same_text(arena, answer,
                          yyjson_obj_get(root, "expected_text")),
                "%s: its text", id);

        if (yyjson_is_obj(usage)) {
            soma_ok(same_usage(id, usage, &answer->usage), "%s: its usage",
                    id);
        }

        if (answer->calls + answer->text.len != 0) {
            test_told(id, arena, answer, stream);
        }
    }

    rc = answer->over;

    free(answer);
    soma_test_arena_free(arena);

    return (unsigned) rc;
}


static unsigned
test_exchange(yyjson_val *root, const char *api,
    const soma_dialect_t *dialect)
{
    size_t       i;
    unsigned     over;
    soma_str_t   b64, body;
    yyjson_val  *v;

    static const size_t  steps[] = { 0, 1, 7 };

    v = yyjson_ptr_get(root, "/response/body_b64");

    if (!yyjson_equals_str(yyjson_obj_get(root, "api"), api)
        || yyjson_get_int(yyjson_ptr_get(root, "/response/status")) != 200
        || yyjson_get_len(v) == 0)
    {
        return 0;
    }

    b64.data = (unsigned char *) (uintptr_t) yyjson_get_str(v);
    b64.len = yyjson_get_len(v);
    body.data = malloc(soma_base64_decoded_len(b64.len));

    if (soma_base64_decode(body.data, &body.len, b64) != SOMA_OK) {
        free(body.data);
        return 0;
    }

    over = 0;

    for (i = 0; i < 3; i++) {
        over = test_answer(root, dialect, body, steps[i]);

        if (!yyjson_is_true(yyjson_obj_get(root, "stream"))) {
            break;
        }
    }

    free(body.data);

    return over;
}


/* how many of them had their proper end */

static unsigned
test_file(const char *path, const char *api, const soma_dialect_t *dialect)
{
    char        *file, *line, *end;
    size_t       len;
    unsigned     n;
    yyjson_doc  *doc;

    file = soma_file(path, &len);
    n = 0;

    for (line = file; line < file + len; line = end + 1) {

        end = memchr(line, '\n', (size_t) (file + len - line));

        if (end == NULL) {
            end = file + len;
        }

        doc = yyjson_read(line, (size_t) (end - line), 0);
        n += test_exchange(yyjson_doc_get_root(doc), api, dialect);
        yyjson_doc_free(doc);
    }

    free(file);

    printf("# %u answers of %s\n", n, api);

    return n;
}


int
main(void)
{
    soma_ok(test_file("t/traffic/openai.jsonl", "chat.completions",
                      &soma_openai)
            > 250, "answers to chats");
    soma_ok(test_file("t/traffic/openai.jsonl", "responses",
                      &soma_openai_responses)
            > 90, "responses");
    soma_ok(test_file("t/traffic/anthropic.jsonl", "messages",
                      &soma_anthropic)
            > 40, "messages");
    soma_ok(test_file("t/traffic/gemini.jsonl", "generateContent",
                      &soma_gemini)
            > 40, "contents");
    soma_ok(test_file("t/traffic/gemini.jsonl", "streamGenerateContent",
                      &soma_gemini)
            > 15, "and their streams");
    soma_ok(test_file("t/traffic/bedrock.jsonl", "converse", &soma_bedrock)
            > 15, "Converse");
    soma_ok(test_file("t/traffic/bedrock.jsonl", "converse-stream",
                      &soma_bedrock)
            > 15, "and its streams");
    soma_ok(test_file("t/traffic/ollama.jsonl", "ollama/chat", &soma_ollama)
            > 1, "Ollama's chats");

    soma_ok(test_file("t/traffic/cohere.jsonl", "v2/chat", &soma_cohere)
            > 15, "and Cohere's");

    return soma_done();
}
