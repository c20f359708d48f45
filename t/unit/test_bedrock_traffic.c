
/*
 * Copyright (C) The ngx_soma authors
 *
 * Recorded traffic of Bedrock's: what it answered, metered to the token and
 * read through the inner form, whole and in pieces; and what its clients ask,
 * written for every provider.  See t/traffic/README.md.
 */


#include <ctype.h>

#include <yyjson.h>

#include "soma_base64.h"
#include "soma_pair_test.h"


static soma_arena_t  *arena;
static int            usages, words, thoughts, calls, headers;


static soma_str_t
string(yyjson_val *v)
{
    return (soma_str_t) { yyjson_get_len(v),
                          (unsigned char *) yyjson_get_str(v) };
}


static int
has(yyjson_val *root, const char *feature)
{
    yyjson_val       *v;
    yyjson_arr_iter   it;

    yyjson_arr_iter_init(yyjson_obj_get(root, "features"), &it);

    while ((v = yyjson_arr_iter_next(&it)) != NULL) {
        if (yyjson_equals_str(v, feature)) {
            return 1;
        }
    }

    return 0;
}


/* what the books are told, in pieces of "step" bytes */

static void
metered(soma_str_t body, unsigned stream, soma_ask_t *ask, size_t step,
    soma_answer_t *answer)
{
    int               rc;
    size_t            pos, n, used, took;
    soma_reader_t     reader;
    soma_frames_t     frames;
    unsigned char    *piece;
    soma_sse_event_t  e;

    memset(answer, 0, sizeof(soma_answer_t));
    memset(&reader, 0, sizeof(reader));
    memset(&frames, 0, sizeof(frames));
    answer->api = ask->api;
    answer->stream = stream;
    frames.framing = soma_bedrock.framing;
    frames.sse.arena = arena;
    frames.sse.max = SOMA_FRAMES_EVENT_MAX;

    for (pos = 0; pos < body.len; pos += n) {
        n = (body.len - pos < step) ? body.len - pos : step;

        /* of its own, so that nobody looks beyond it */

        piece = malloc(n);
        memcpy(piece, body.data + pos, n);

        if (!stream) {
            (void) soma_bedrock.body(answer, &reader, piece, n);
            free(piece);
            continue;
        }

        for (used = 0; ; used += took) {
            rc = soma_frames_feed(&frames, piece + used, n - used, &took, &e);

            if (rc != SOMA_OK) {
                break;
            }

            soma_ok(soma_bedrock.event(answer, ask, &e) != SOMA_EVENT_DROP,
                    "an event");
            soma_ok(answer->usage_text.len == 0, "nothing is put into it");
        }

        free(piece);
    }
}


static void
count(const char *id, yyjson_val *want, const char *name, int64_t got)
{
    yyjson_val  *v;

    v = yyjson_obj_get(want, name);

    if (yyjson_is_int(v)) {
        soma_is_int(got, yyjson_get_sint(v), "%s: %s", id, name);
    }
}


static void
check(const char *id, yyjson_val *root, unsigned stream,
    soma_answer_t *answer)
{
    yyjson_val    *want, *text;
    soma_usage_t  *u;

    u = &answer->usage;
    want = yyjson_obj_get(root, "expected_usage");
    text = yyjson_obj_get(root, "expected_text");

    if (!yyjson_is_obj(want)) {
        soma_ok(!u->known, "%s: no usage", id);
        return;
    }

    usages++;

    soma_ok(u->known, "%s: usage", id);
    count(id, want, "total_input_tokens", u->input_tokens);
    count(id, want, "total_output_tokens", u->output_tokens);
    count(id, want, "cached_input_tokens", u->cached_tokens);
    count(id, want, "cache_write_tokens", u->cache_write_tokens);
    count(id, want, "cache_write_1h_tokens", u->cache_write_1h_tokens);
    count(id, want, "reasoning_tokens", u->reasoning_tokens);

    soma_ok(answer->finished && !answer->failed && answer->begun
            && answer->formed, "%s: ended well", id);

    if (stream) {
        soma_ok(answer->done, "%s: to its end", id);
    }

    if (yyjson_get_len(text) != 0) {
        soma_ok(answer->text_len >= (int64_t) yyjson_get_len(text),
                "%s: its text, %d of at least %d", id,
                (int) answer->text_len, (int) yyjson_get_len(text));
    }
}


static int
same(soma_answer_t *a, soma_answer_t *b)
{
    return memcmp(&a->usage, &b->usage, sizeof(soma_usage_t)) == 0
           && a->text_len == b->text_len && a->done == b->done
           && a->unheard == b->unheard && a->begun == b->begun
           && a->formed == b->formed && a->failed == b->failed
           && a->finished == b->finished
           && memcmp(&a->progress, &b->progress, sizeof(soma_progress_t))
              == 0;
}


/* what a client of OpenAI's was told in a stream, put together */

static yyjson_mut_val *
gathered(yyjson_mut_doc *to, soma_str_t told, yyjson_val **usage,
    yyjson_doc **last)
{
    size_t           at;
    char             text[64 * 1024], thought[64 * 1024];
    soma_str_t       line;
    yyjson_doc      *doc;
    yyjson_val      *delta, *v;
    yyjson_mut_val  *message;
    unsigned char   *end;

    text[0] = '\0';
    thought[0] = '\0';
    *usage = NULL;
    *last = NULL;

    for (at = 0; at < told.len; at = (size_t) (end - told.data) + 1) {
        end = memchr(told.data + at, '\n', told.len - at);
        line.data = told.data + at;
        line.len = (size_t) (end - line.data);

        if (line.len < 7 || line.data[6] != '{') {
            continue;
        }

        doc = yyjson_read((char *) line.data + 6, line.len - 6, 0);
        delta = yyjson_ptr_get(yyjson_doc_get_root(doc), "/choices/0/delta");
        v = yyjson_obj_get(delta, "content");

        if (yyjson_is_str(v)) {
            strcat(text, yyjson_get_str(v));
        }

        v = yyjson_obj_get(delta, "reasoning_content");

        if (yyjson_is_str(v)) {
            strcat(thought, yyjson_get_str(v));
        }

        v = yyjson_obj_get(yyjson_doc_get_root(doc), "usage");

        if (yyjson_is_obj(v)) {
            *usage = v;
            *last = doc;
            continue;
        }

        yyjson_doc_free(doc);
    }

    message = yyjson_mut_obj(to);
    yyjson_mut_obj_add_strcpy(to, message, "content", text);
    yyjson_mut_obj_add_strcpy(to, message, "reasoning_content", thought);

    return message;
}


/* a client of OpenAI's gets the same words */

static void
read_through(const char *id, soma_str_t body, yyjson_val *root,
    unsigned stream)
{
    size_t           i;
    pair_t           pair;
    soma_str_t       told;
    yyjson_doc      *doc;
    yyjson_val      *usage, *want, *text, *thought, *message;
    yyjson_mut_doc  *to;
    yyjson_mut_val  *m;
    const char      *said;

    static const size_t  steps[] = { 1, 7, 0 };

    want = yyjson_obj_get(root, "expected_usage");
    text = yyjson_obj_get(root, "expected_text");
    thought = yyjson_obj_get(root, "expected_reasoning");

    for (i = 0; i < (stream ? 3 : 1); i++) {

        (void) pair_ask(&pair, arena, "/v1/chat/completions",
                        stream ? SOMA_STR("{\"model\":\"x\",\"stream\":true,"
                                          "\"stream_options\":{"
                                          "\"include_usage\":true},"
                                          "\"messages\":[]}")
                               : SOMA_STR("{\"model\":\"x\",\"messages\":"
                                          "[]}"));
        (void) pair_read(&pair);

        told = pair_answer(&pair, &soma_bedrock, body, steps[i]);
        soma_ok(pair.over && !pair.failed, "%s: read", id);

        to = yyjson_mut_doc_new(NULL);
        usage = NULL;

        if (stream) {
            m = gathered(to, told, &usage, &doc);

        } else {
            doc = yyjson_read((char *) told.data, told.len, 0);
            usage = yyjson_obj_get(yyjson_doc_get_root(doc), "usage");
            message = yyjson_ptr_get(yyjson_doc_get_root(doc),
                                     "/choices/0/message");
            m = yyjson_val_mut_copy(to, message);
        }

        count(id, want, "total_input_tokens",
              yyjson_get_sint(yyjson_obj_get(usage, "prompt_tokens")));
        count(id, want, "total_output_tokens",
              yyjson_get_sint(yyjson_obj_get(usage, "completion_tokens")));

        if (yyjson_get_len(text) != 0) {
            words++;
            said = yyjson_mut_get_str(yyjson_mut_obj_get(m, "content"));
            soma_is_str(said ? said : "", said ? strlen(said) : 0,
                        yyjson_get_str(text), "%s: its words", id);
        }

        if (yyjson_get_len(thought) != 0) {
            thoughts++;
            said = yyjson_mut_get_str(yyjson_mut_obj_get(m,
                                                  "reasoning_content"));
            soma_is_str(said ? said : "", said ? strlen(said) : 0,
                        yyjson_get_str(thought), "%s: its thoughts", id);
        }

        if (!stream) {
            calls += (int) yyjson_mut_arr_size(yyjson_mut_obj_get(m,
                                                          "tool_calls"));
            soma_is_int(yyjson_mut_arr_size(yyjson_mut_obj_get(m,
                                                          "tool_calls")),
                        yyjson_arr_size(yyjson_obj_get(root,
                                                       "expected_calls")),
                        "%s: its calls", id);
        }

        yyjson_mut_doc_free(to);
        yyjson_doc_free(doc);
    }
}


/* the client's own request, as the gateway passes it, and said again */

static void
asked(const char *id, yyjson_val *root)
{
    int                 rc;
    pair_t              pair;
    soma_str_t          body, said;
    yyjson_doc         *doc;
    soma_json_edits_t   edits;

    body = string(yyjson_ptr_get(root, "/request/body"));

    if (body.len == 0 || body.data[0] != '{') {
        return;
    }

    rc = pair_ask(&pair, arena,
                  yyjson_get_str(yyjson_ptr_get(root, "/request/path")),
                  body);

    if (!soma_ok(rc == SOMA_OK, "%s: asked (%s)", id,
                 pair.error ? pair.error : "-"))
    {
        return;
    }

    memset(&edits, 0, sizeof(edits));
    soma_is_int(soma_bedrock.splice(&pair.ask, SOMA_STR("m"), arena,
                                    pair_value, &pair, &edits),
                SOMA_OK, "%s: spliced", id);
    soma_is_int(edits.n, 0, "%s: nothing is to be changed", id);

    /* one of them was never a request of Converse's, and was refused */

    if (pair.ask.api != SOMA_API_CHAT
        || yyjson_get_int(yyjson_ptr_get(root, "/response/status")) != 200)
    {
        return;
    }

    if (!soma_ok(pair_read(&pair) == SOMA_OK, "%s: read (%s)", id,
                 pair.error ? pair.error : "-"))
    {
        return;
    }

    pair.loss.lossy = SOMA_INNER_WARN;
    said = pair_write(&pair, &soma_bedrock);
    doc = yyjson_read((char *) said.data, said.len, 0);
    soma_ok(yyjson_is_obj(yyjson_doc_get_root(doc)), "%s: said again: %.*s",
            id, (int) (said.len < 300 ? said.len : 300), said.data);
    yyjson_doc_free(doc);
}


/* counts that stand in the header: of models whose answers have none, and the
 * same ones where they have them */

static void
headed(const char *id, yyjson_val *root, soma_answer_t *answer)
{
    size_t         i, n, k;
    soma_str_t     name;
    yyjson_val    *pair;
    soma_usage_t   told;
    unsigned char  small[128];

    memset(&told, 0, sizeof(told));

    yyjson_arr_foreach(yyjson_ptr_get(root, "/response/headers"), i, n, pair) {
        name = string(yyjson_arr_get_first(pair));

        if (!soma_ok(name.len <= sizeof(small), "%s: a name", id)) {
            return;
        }

        for (k = 0; k < name.len; k++) {
            small[k] = (unsigned char) tolower(name.data[k]);
        }

        name.data = small;
        soma_bedrock.usage_header(&told, name,
                                  string(yyjson_arr_get_last(pair)));
    }

    if (!told.known) {
        return;
    }

    if (!answer->usage.known) {
        headers++;
        soma_ok(told.input_tokens > 0 && told.output_tokens >= 0,
                "%s: its header alone tells", id);
        return;
    }

    soma_is_int(told.input_tokens, answer->usage.input_tokens,
                "%s: its header tells the same input", id);

    if (answer->usage.output_tokens != 0) {
        soma_is_int(told.output_tokens, answer->usage.output_tokens,
                    "%s: and the same output", id);
    }
}


static void
test_exchange(yyjson_val *root)
{
    int             status;
    size_t          len;
    unsigned        stream;
    soma_ask_t      ask;
    soma_str_t      b64, body;
    soma_url_t      url;
    const char     *id;
    soma_answer_t   one, two;
    soma_refusal_t  refusal;

    id = yyjson_get_str(yyjson_obj_get(root, "id"));
    status = yyjson_get_int(yyjson_ptr_get(root, "/response/status"));
    stream = yyjson_is_true(yyjson_obj_get(root, "stream"));

    memset(&url, 0, sizeof(url));
    memset(&ask, 0, sizeof(ask));
    url.path = string(yyjson_ptr_get(root, "/request/path"));

    if (!soma_ok(soma_bedrock.surface(&url, arena) == SOMA_OK, "%s: a path",
                 id))
    {
        return;
    }

    ask.api = url.surface->api;
    asked(id, root);

    b64 = string(yyjson_ptr_get(root, "/response/body_b64"));
    body.data = arena->alloc(arena->data, soma_base64_decoded_len(b64.len)
                                          + 1);
    (void) soma_base64_decode(body.data, &len, b64);
    body.len = len;

    if (status != 200) {
        soma_bedrock.refusal(body, &refusal);
        soma_ok(refusal.whole && refusal.ours
                && refusal.message.type == SOMA_JSON_STRING,
                "%s: a refusal", id);
        return;
    }

    metered(body, stream, &ask, body.len, &one);
    check(id, root, stream, &one);

    headed(id, root, &one);

    metered(body, stream, &ask, 1, &two);
    soma_ok(same(&one, &two), "%s: the same in pieces", id);

    if (ask.api == SOMA_API_CHAT && !has(root, "server_tools")) {
        read_through(id, body, root, stream);
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
        "openai", "openai-chat", "openai-responses", "anthropic", "gemini",
        "bedrock", "ollama", "cohere"
    };

    what = yyjson_get_str(yyjson_obj_get(root, "case"));
    path = yyjson_get_str(yyjson_obj_get(root, "path"));
    body = string(yyjson_obj_get(root, "body"));

    rc = pair_ask(&pair, arena, path, body);

    if (!soma_ok(rc == SOMA_OK && pair.client == &soma_bedrock
                 && pair_read(&pair) == SOMA_OK, "%s is read", what))
    {
        return;
    }

    soma_ok(pair.ask.model.len != 0
            && memchr(pair.ask.model.data, '%', pair.ask.model.len) == NULL,
            "%s: its model", what);
    soma_is_int(pair.ask.stream, strstr(path, "/converse-stream") != NULL,
                "%s: a stream", what);

    for (i = 0; i < pair.request.nothers; i++) {
        s = pair.request.other[i].name;
        soma_ok(soma_str_is(s, "additionalModelResponseFieldPaths")
                || soma_str_is(s, "performanceConfig")
                || soma_str_is(s, "guardrailConfig"), "%s: %.*s", what,
                (int) s.len, s.data);
    }

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        target = soma_dialect_find(str(names[i]), NULL);

        if (target == NULL || target->write_request == NULL
            || pair.ask.api != SOMA_API_CHAT)
        {
            continue;
        }

        memset(&pair.loss, 0, sizeof(pair.loss));
        pair.loss.lossy = SOMA_INNER_DROP;
        pair.loss.max_tokens = 4096;

        s = pair_write(&pair, target);
        doc = yyjson_read((char *) s.data, s.len, 0);
        soma_ok(yyjson_is_obj(yyjson_doc_get_root(doc)), "%s to %s: %.*s",
                what, names[i], (int) (s.len < 200 ? s.len : 200), s.data);
        yyjson_doc_free(doc);
    }
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

    soma_ok(lines("t/traffic/bedrock.jsonl", test_exchange) >= 90,
            "traffic was read");
    soma_ok(usages >= 60, "%d usages", usages);
    soma_is_int(headers, 5, "usages of headers alone");
    soma_ok(words > 60 && thoughts > 10 && calls > 8,
            "%d texts, %d thoughts, %d calls", words, thoughts, calls);
    soma_ok(lines("t/traffic/bedrock_requests.jsonl", test_request) >= 20,
            "and what clients ask");

    soma_test_arena_free(arena);

    return soma_done();
}
