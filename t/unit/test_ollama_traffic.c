
/*
 * Copyright (C) The ngx_soma authors
 *
 * Recorded traffic of Ollama's: what its servers answered, metered to the
 * token and read through the inner form, whole and in pieces; and what its
 * clients ask, written for every provider.  See t/traffic/README.md.
 */


#include <yyjson.h>

#include "soma_base64.h"
#include "soma_ollama.h"
#include "soma_pair_test.h"


static soma_arena_t  *arena;
static int            usages;


static soma_str_t
string(yyjson_val *v)
{
    return (soma_str_t) { yyjson_get_len(v),
                          (unsigned char *) yyjson_get_str(v) };
}


/* what the books are told, in pieces of "step" bytes; parts: lines come in
 * parts of that size */

static void
metered(soma_str_t body, unsigned stream, soma_api_e api, size_t step,
    unsigned parts, soma_answer_t *answer)
{
    int               rc;
    size_t            pos, n, used, took, off;
    soma_ask_t        ask;
    soma_reader_t     reader;
    soma_frames_t     frames;
    soma_sse_event_t  e, part;

    memset(answer, 0, sizeof(soma_answer_t));
    memset(&reader, 0, sizeof(reader));
    memset(&frames, 0, sizeof(frames));
    memset(&ask, 0, sizeof(ask));
    answer->api = api;
    answer->stream = stream;
    ask.api = api;
    frames.framing = soma_ollama.framing;
    frames.sse.arena = arena;
    frames.sse.max = SOMA_FRAMES_EVENT_MAX;

    for (pos = 0; pos < body.len; pos += n) {
        n = (body.len - pos < step) ? body.len - pos : step;

        if (!stream) {
            (void) soma_ollama.body(answer, &reader, body.data + pos, n);
            continue;
        }

        for (used = 0; ; used += took) {
            rc = soma_frames_feed(&frames, body.data + pos + used, n - used,
                                  &took, &e);

            if (rc != SOMA_OK) {
                break;
            }

            if (!parts) {
                (void) soma_ollama.event(answer, &ask, &e);
                continue;
            }

            for (off = 0; off < e.data.len; off += part.data.len) {
                part = e;
                part.part = 1;
                part.first = (off == 0);
                part.data.data = e.data.data + off;
                part.data.len = (e.data.len - off < step) ? e.data.len - off
                                                          : step;
                part.last = (off + part.data.len == e.data.len);
                (void) soma_ollama.part(answer, &ask, &reader, &part);
            }
        }
    }
}


static void
check(const char *id, yyjson_val *want, yyjson_val *text,
    soma_answer_t *answer)
{
    if (!yyjson_is_obj(want)) {
        soma_ok(!answer->usage.known, "%s: no usage", id);
        return;
    }

    usages++;

    soma_ok(answer->usage.known, "%s: usage", id);
    soma_is_int(answer->usage.input_tokens,
                yyjson_get_sint(yyjson_obj_get(want, "total_input_tokens")),
                "%s: input", id);
    soma_is_int(answer->usage.output_tokens,
                yyjson_get_sint(yyjson_obj_get(want, "total_output_tokens")),
                "%s: output", id);
    soma_is_int(answer->text_len, yyjson_get_len(text), "%s: text", id);
    soma_ok(answer->done && answer->finished && !answer->failed
            && answer->begun && answer->formed, "%s: ended well", id);
}


/* a client of OpenAI's gets the same words */

static void
read_through(const char *id, soma_str_t body, yyjson_val *root)
{
    pair_t       pair;
    size_t       i, n;
    soma_str_t   told;
    yyjson_doc  *doc;
    yyjson_val  *want, *usage, *text;
    unsigned     stream;

    static const size_t  steps[] = { 1, 7, 0 };

    stream = yyjson_is_true(yyjson_obj_get(root, "stream"));
    text = yyjson_obj_get(root, "expected_text");
    want = yyjson_obj_get(root, "expected_usage");

    for (i = 0; i < (stream ? 3 : 1); i++) {
        (void) pair_ask(&pair, arena, "/v1/chat/completions",
                        stream ? SOMA_STR("{\"model\":\"x\",\"stream\":true,"
                                          "\"messages\":[]}")
                               : SOMA_STR("{\"model\":\"x\",\"messages\":"
                                          "[]}"));
        (void) pair_read(&pair);

        told = pair_answer(&pair, &soma_ollama, body, steps[i]);
        soma_ok(pair.over && !pair.failed, "%s: read", id);

        if (stream) {
            n = told.len;
            soma_ok(n > 20 && memcmp(told.data + n - 14, "data: [DONE]\n\n",
                                     14) == 0, "%s: told to its end", id);
            continue;
        }

        doc = yyjson_read((char *) told.data, told.len, 0);
        usage = yyjson_obj_get(yyjson_doc_get_root(doc), "usage");
        soma_ok(yyjson_equals(yyjson_ptr_get(yyjson_doc_get_root(doc),
                                             "/choices/0/message/content"),
                              text), "%s: its words", id);
        soma_is_int(yyjson_get_sint(yyjson_obj_get(usage,
                                                   "completion_tokens")),
                    yyjson_get_sint(yyjson_obj_get(want,
                                                   "total_output_tokens")),
                    "%s: its tokens", id);
        yyjson_doc_free(doc);
    }
}


static void
test_exchange(yyjson_val *root)
{
    unsigned        stream;
    size_t          len;
    soma_str_t      b64, body;
    soma_url_t      url;
    const char     *id;
    soma_answer_t   one, two;

    id = yyjson_get_str(yyjson_obj_get(root, "id"));
    id = id ? id : "?";
    stream = yyjson_is_true(yyjson_obj_get(root, "stream"));

    memset(&url, 0, sizeof(url));
    url.path = string(yyjson_ptr_get(root, "/request/path"));

    if (!soma_ok(soma_ollama.surface(&url, arena) == SOMA_OK, "%s: a path",
                 id))
    {
        return;
    }

    b64 = string(yyjson_ptr_get(root, "/response/body_b64"));
    body.data = arena->alloc(arena->data, soma_base64_decoded_len(b64.len));
    (void) soma_base64_decode(body.data, &len, b64);
    body.len = len;

    metered(body, stream, url.surface->api, body.len, 0, &one);
    check(id, yyjson_obj_get(root, "expected_usage"),
          yyjson_obj_get(root, "expected_text"), &one);

    metered(body, stream, url.surface->api, 1, 0, &two);
    soma_ok(memcmp(&one.usage, &two.usage, sizeof(soma_usage_t)) == 0
            && one.text_len == two.text_len && one.done == two.done,
            "%s: the same in pieces", id);

    metered(body, stream, url.surface->api, 3, 1, &two);
    soma_ok(memcmp(&one.usage, &two.usage, sizeof(soma_usage_t)) == 0
            && one.text_len == two.text_len && one.done == two.done,
            "%s: and in parts", id);

    if (url.surface->api == SOMA_API_CHAT) {
        read_through(id, body, root);
    }
}


/* every client's request is understood, and said to all providers */

static void
test_request(yyjson_val *root)
{
    int                    rc;
    size_t                 i;
    pair_t                 pair;
    soma_str_t             s, body;
    yyjson_doc            *doc;
    const char            *what, *path;
    const soma_dialect_t  *target;

    static const char *const  names[] = {
        "openai", "anthropic", "gemini", "bedrock", "ollama", "cohere"
    };

    what = yyjson_get_str(yyjson_obj_get(root, "case"));
    what = what ? what : "?";
    path = yyjson_get_str(yyjson_obj_get(root, "path"));
    body = string(yyjson_obj_get(root, "body"));

    if (strcmp(path, "/api/show") == 0) {
        return;
    }

    if (!soma_ok(pair_ask(&pair, arena, path, body) == SOMA_OK
                 && pair.client == &soma_ollama && pair_read(&pair) == SOMA_OK,
                 "%s is read", what))
    {
        return;
    }

    for (i = 0; i < pair.request.nothers; i++) {
        s = pair.request.other[i].name;
        soma_ok(soma_str_is(s, "keep_alive")
                || soma_str_is(s, "options.repeat_penalty")
                || soma_str_is(s, "options.num_ctx"), "%s: %.*s", what,
                (int) s.len, s.data);
    }

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        target = soma_dialect_find(str(names[i]), NULL);

        if (target == NULL || target->write_request == NULL
            || !(target->apis >> pair.ask.api & 1))
        {
            continue;
        }

        memset(&pair.loss, 0, sizeof(pair.loss));
        pair.loss.lossy = SOMA_INNER_DROP;
        pair.loss.max_tokens = 4096;

        s = pair_write(&pair, target);
        doc = yyjson_read((char *) s.data, s.len, 0);
        soma_ok(yyjson_is_obj(yyjson_doc_get_root(doc)), "%s to %s", what,
                names[i]);
        yyjson_doc_free(doc);
    }

    rc = pair.ask.stream;
    soma_is_int(rc, yyjson_get_bool(yyjson_obj_get(
                        yyjson_doc_get_root(doc = yyjson_read(
                            (char *) body.data, body.len, 0)), "stream")),
                "%s: a stream", what);
    yyjson_doc_free(doc);
}


static int
lines(const char *path, void (*each)(yyjson_val *root))
{
    int          n;
    char        *file, *line, *end;
    size_t       len;
    yyjson_doc  *doc;

    file = soma_file(path, &len);

    for (n = 0, line = file; line < file + len; line = end + 1, n++) {
        end = memchr(line, '\n', (size_t) (file + len - line));
        end = end ? end : file + len;

        doc = yyjson_read(line, (size_t) (end - line), 0);

        if (soma_ok(doc != NULL, "a line of %s", path)) {
            each(yyjson_doc_get_root(doc));
        }

        yyjson_doc_free(doc);
    }

    free(file);

    return n;
}


int
main(void)
{
    arena = soma_test_arena();

    soma_ok(lines("t/traffic/ollama.jsonl", test_exchange) >= 5,
            "traffic was read");
    soma_is_int(usages, 4, "usages of it");
    soma_ok(lines("t/traffic/ollama_requests.jsonl", test_request) >= 15,
            "and what clients ask");

    soma_test_arena_free(arena);

    return soma_done();
}
