
/*
 * Copyright (C) The ngx_soma authors
 *
 * Bedrock's dialect through its table.  The first byte says what the rest is:
 * r a client's request, s a provider's stream as lines of a name, a blank and
 * a payload, which are put into frames here, i the same of a model's own
 * words, x frames as they are, w a provider's whole answer, v one of a model's
 * own, o a stream of OpenAI's for a client of Bedrock's, a a client's
 * Authorization.  The second one says how it is cut.  Whatever the bytes,
 * nothing is read beyond them; the books are told the same however they come;
 * and what is written are whole frames, in their order, of JSON where what was
 * read is.
 */


#include <yyjson.h>

#include "soma_base64.h"
#include "soma_eventstream.h"
#include "soma_pair_test.h"
#include "soma_sigv4.h"


#define CHECK(cond)                                                           \
    do { if (!(cond)) { __builtin_trap(); } } while (0)


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static unsigned
is_json(soma_str_t s)
{
    yyjson_doc  *doc;

    doc = yyjson_read((const char *) s.data, s.len, 0);
    yyjson_doc_free(doc);

    return doc != NULL;
}


static void
fuzz_request(soma_arena_t *arena, soma_str_t body, unsigned how)
{
    size_t                 i;
    pair_t                 pair;
    soma_str_t             got;
    const soma_dialect_t  *target;

    static const char *const  paths[] = {
        "/model/m/converse", "/model/a%3Ab%2Fc/converse-stream",
        "/model/m/count-tokens", "/model/m/invoke", "/v1/chat/completions",
        "/v1/messages", "/v1/responses",
        "/v1beta/models/m:generateContent"
    };
    static const char *const  models[] = {
        "m", "us.anthropic.claude-opus-4-8", "anthropic.claude-3-7-sonnet",
        "amazon.nova-2-lite"
    };
    static const char *const  names[] = { "openai", "anthropic", "bedrock" };

    if (pair_ask(&pair, arena, paths[how % 8], body) != SOMA_OK) {
        return;
    }

    CHECK(pair.ask.model.len != 0 && pair.ask.max_tokens >= -1);

    if (pair_read(&pair) != SOMA_OK) {
        return;
    }

    for (i = 0; i < 3; i++) {
        soma_pieces_t  out;

        target = soma_dialect_find((soma_str_t) { strlen(names[i]),
                                   (unsigned char *) names[i] }, NULL);

        if (!(target->apis >> pair.ask.api & 1)) {
            continue;
        }

        memset(&pair.loss, 0, sizeof(pair.loss));
        pair.loss.lossy = (how & 8) ? SOMA_INNER_DROP : SOMA_INNER_REFUSE;
        pair.loss.max_tokens = 4096;
        pair.loss.facts = how >> 5;
        pair.request.model = (soma_str_t) { strlen(models[how >> 4 & 3]),
                                 (unsigned char *) models[how >> 4 & 3] };

        soma_pieces_init(&out, arena);

        if (target->write_request(&out, &pair.request, &pair.ask,
                                  &pair.loss)
            != SOMA_OK)
        {
            CHECK(pair.loss.refused.data != NULL && pair.loss.why != NULL);
            continue;
        }

        CHECK(soma_pieces_whole(&out, &got) == SOMA_OK);

        if (is_json(body)) {
            CHECK(is_json(got));
        }
    }
}


/* a line that begins with "!" is an exception's; of a model's own words what
 * follows is put into base64 */

static soma_str_t
framed(soma_arena_t *arena, soma_str_t lines, unsigned own)
{
    unsigned        exception;
    soma_str_t      all, line, name, payload;
    unsigned char  *lf, *blank, *p;

    all.data = arena->alloc(arena->data, lines.len * 300 + 400);
    all.len = 0;
    CHECK(all.data != NULL);

    while (lines.len != 0) {
        lf = memchr(lines.data, '\n', lines.len);
        line.data = lines.data;
        line.len = lf ? (size_t) (lf - lines.data) : lines.len;
        lines.data += line.len + (lf != NULL);
        lines.len -= line.len + (lf != NULL);

        exception = (line.len != 0 && line.data[0] == '!');
        line.data += exception;
        line.len -= exception;

        blank = line.len ? memchr(line.data, ' ', line.len) : NULL;
        name.data = line.data;
        name.len = blank ? (size_t) (blank - line.data) : line.len;
        payload.data = line.data + name.len + (blank != NULL);
        payload.len = line.len - name.len - (blank != NULL);
        name.len = name.len > 64 ? 64 : name.len;

        if (own) {
            p = arena->alloc(arena->data,
                             soma_base64_encoded_len(payload.len) + 16);
            CHECK(p != NULL);
            memcpy(p, "{\"bytes\":\"", 10);
            payload.len = 10 + soma_base64_encode(p + 10, payload);
            memcpy(p + payload.len, "\"}", 2);
            payload.data = p;
            payload.len += 2;
            name = exception ? name : SOMA_STR("chunk");
        }

        all.len += soma_eventstream_write(all.data + all.len, name, exception,
                                          payload);
    }

    return all;
}


static void
metered(soma_arena_t *arena, soma_str_t bytes, unsigned stream,
    soma_api_e api, size_t step, soma_answer_t *answer)
{
    int               rc;
    size_t            n, used, took;
    soma_ask_t        ask;
    unsigned char    *piece;
    soma_reader_t     reader;
    soma_frames_t     frames;
    soma_sse_event_t  e;

    memset(answer, 0, sizeof(soma_answer_t));
    memset(&reader, 0, sizeof(reader));
    memset(&frames, 0, sizeof(frames));
    memset(&ask, 0, sizeof(ask));
    ask.api = answer->api = api;
    frames.framing = SOMA_FRAMING_AWS;
    frames.sse.arena = arena;
    frames.sse.max = SOMA_FRAMES_EVENT_MAX;

    for ( /* void */ ; bytes.len != 0; bytes.data += n, bytes.len -= n) {
        n = (bytes.len < step) ? bytes.len : step;
        piece = malloc(n);
        CHECK(piece != NULL);
        memcpy(piece, bytes.data, n);

        if (!stream) {
            rc = soma_bedrock.body(answer, &reader, piece, n);
            free(piece);

            if (rc == SOMA_ERROR) {
                return;
            }

            continue;
        }

        for (used = 0; ; used += took) {
            rc = soma_frames_feed(&frames, piece + used, n - used, &took, &e);

            if (rc != SOMA_OK) {
                break;
            }

            rc = soma_bedrock.event(answer, &ask, &e);
            CHECK(rc == SOMA_EVENT_PASS || (rc == SOMA_EVENT_ERROR
                                            && answer->failed));
            CHECK(answer->usage_text.len == 0);
        }

        free(piece);

        if (rc == SOMA_ERROR) {
            CHECK(frames.broken);
            return;
        }
    }
}


static void
same(const soma_answer_t *a, const soma_answer_t *b)
{
    CHECK(memcmp(&a->usage, &b->usage, sizeof(soma_usage_t)) == 0);
    CHECK(a->text_len == b->text_len && a->unheard == b->unheard);
    CHECK(a->text_len >= a->unheard && a->unheard >= 0);
    CHECK(a->done == b->done && a->finished == b->finished);
    CHECK(a->failed == b->failed && a->begun == b->begun);
    CHECK(memcmp(&a->progress, &b->progress, sizeof(a->progress)) == 0);
    CHECK(a->usage.input_tokens >= 0 && a->usage.output_tokens >= 0);
    CHECK(a->usage.cached_tokens >= 0 && a->usage.cache_write_tokens >= 0);
    CHECK(a->usage.cache_write_1h_tokens <= a->usage.cache_write_tokens);
}


static void
check_cut(soma_answer_t *answer)
{
    size_t         size;
    soma_out_t     out;
    soma_ask_t     ask;
    soma_usage_t   usage;
    unsigned char *buf;

    memset(&ask, 0, sizeof(ask));
    ask.api = answer->api;
    ask.n = 1;
    size = SOMA_CUT_EVENT_MAX * (answer->progress.choices + 3u);
    buf = malloc(size);
    CHECK(buf != NULL);

    usage = answer->usage;
    soma_put_init(&out, buf, size);
    soma_bedrock.cut(&out, &ask, answer, &usage, INT64_MAX);
    CHECK(!out.full);

    free(buf);
}


static void
fuzz_answer(soma_arena_t *arena, soma_str_t bytes, unsigned stream,
    unsigned own, unsigned how)
{
    pair_t         pair;
    size_t         step;
    soma_api_e     api;
    soma_str_t     one, two;
    soma_answer_t  a, b;

    step = 1 + how % 7;
    api = own ? SOMA_API_INVOKE : SOMA_API_CHAT;

    metered(arena, bytes, stream, api, bytes.len + 1, &a);
    metered(arena, bytes, stream, api, step, &b);

    if (stream || is_json(bytes)) {
        same(&a, &b);
    }

    if (stream) {
        check_cut(&a);
    }

    if (own) {
        return;
    }

    (void) pair_ask(&pair, arena, (how & 16) ? "/v1/messages"
                                             : "/v1/chat/completions",
                    stream ? SOMA_STR("{\"model\":\"m\",\"stream\":true,"
                                      "\"max_tokens\":9}")
                           : SOMA_STR("{\"model\":\"m\",\"max_tokens\":9}"));

    one = pair_answer(&pair, &soma_bedrock, bytes, 0);

    if (!stream) {

        if (one.len != 0 && one.data[0] == '{' && is_json(bytes)) {
            CHECK(is_json(one));
        }

        return;
    }

    two = pair_answer(&pair, &soma_bedrock, bytes, step);
    CHECK(soma_str_eq(one, two));
}


/* a client of Bedrock's gets whole frames: one beginning, one end, and what
 * counts is the last; or an exception */

static void
fuzz_client(soma_arena_t *arena, soma_str_t bytes, unsigned how)
{
    size_t            used;
    pair_t            pair;
    unsigned          stops, last;
    soma_str_t        one, two;
    soma_frames_t     frames;
    soma_sse_event_t  e;

    (void) pair_ask(&pair, arena, "/model/m/converse-stream",
                    SOMA_STR("{}"));

    one = pair_answer(&pair, (how & 8) ? &soma_anthropic : &soma_openai,
                      bytes, 0);
    two = pair_answer(&pair, (how & 8) ? &soma_anthropic : &soma_openai,
                      bytes, 1 + how % 7);

    CHECK(soma_str_eq(one, two));

    if (soma_str_is(one, "!")) {
        return;
    }

    memset(&frames, 0, sizeof(frames));
    frames.framing = SOMA_FRAMING_AWS;
    frames.sse.arena = arena;
    stops = 0;
    last = 0;

    while (soma_frames_feed(&frames, one.data, one.len, &used, &e)
           == SOMA_OK)
    {
        one.data += used;
        one.len -= used;

        CHECK(!last);
        last = e.failed || soma_str_is(e.name, "metadata");
        stops += soma_str_is(e.name, "messageStop");
        CHECK(!soma_str_is(e.name, "metadata") || stops == 1);
    }

    CHECK(one.len == 0 && !frames.broken && frames.sse.len == 0);
    CHECK(last == pair.over);
}


/* the first line is an Authorization, the others are headers */

static int
header(void *data, soma_str_t name, unsigned n, soma_str_t *value)
{
    soma_str_t      lines, line;
    unsigned char  *lf;

    lines = *(soma_str_t *) data;

    while (lines.len != 0) {
        lf = memchr(lines.data, '\n', lines.len);
        line.data = lines.data;
        line.len = lf ? (size_t) (lf - lines.data) : lines.len;
        lines.data += line.len + (lf != NULL);
        lines.len -= line.len + (lf != NULL);

        if (line.len > name.len && line.data[name.len] == ':'
            && memcmp(line.data, name.data, name.len) == 0 && n-- == 0)
        {
            value->data = line.data + name.len + 1;
            value->len = line.len - name.len - 1;
            return SOMA_OK;
        }
    }

    return SOMA_DECLINED;
}


static void
fuzz_authorization(soma_str_t bytes, unsigned how)
{
    soma_str_t          auth, rest, body;
    soma_sigv4_t        request;
    unsigned char      *lf;
    soma_sigv4_line_t   line;

    lf = memchr(bytes.data, '\n', bytes.len);
    auth.data = bytes.data;
    auth.len = lf ? (size_t) (lf - bytes.data) : bytes.len;
    rest.data = bytes.data + auth.len + (lf != NULL);
    rest.len = bytes.len - auth.len - (lf != NULL);

    if (soma_sigv4_parse(auth, &line) != SOMA_OK) {
        return;
    }

    CHECK(line.id.len != 0 && line.date.len == 8 && line.region.len != 0);
    CHECK(line.service.len != 0 && line.names.len != 0);
    CHECK(line.signature.len == SOMA_SIGV4_HEX);

    body = SOMA_STR("body");
    memset(&request, 0, sizeof(request));
    request.method = SOMA_STR("POST");
    request.path = rest;
    request.args = rest;
    request.body = &body;
    request.npieces = how & 1;
    request.secret = SOMA_STR("S");
    request.now = 1440938160000;

    /* nobody guesses a signature */

    CHECK(soma_sigv4_verify(&line, &request, header, &rest)
          != SOMA_SIGV4_GOOD);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned        how;
    soma_str_t      bytes;
    soma_arena_t   *arena;
    unsigned char  *copy;

    if (size < 3 || size > 65536) {
        return 0;
    }

    copy = malloc(size - 2);
    CHECK(copy != NULL);
    memcpy(copy, data + 2, size - 2);

    bytes.data = copy;
    bytes.len = size - 2;
    how = data[1];
    arena = soma_test_arena();

    switch (data[0]) {

    case 'r':
        fuzz_request(arena, bytes, how);
        break;

    case 's':
    case 'i':
        fuzz_answer(arena, framed(arena, bytes, data[0] == 'i'), 1,
                    data[0] == 'i', how);
        break;

    case 'x':
        fuzz_answer(arena, bytes, 1, 0, how);
        break;

    case 'w':
    case 'v':
        fuzz_answer(arena, bytes, 0, data[0] == 'v', how);
        break;

    case 'o':
        fuzz_client(arena, bytes, how);
        break;

    case 'a':
        fuzz_authorization(bytes, how);
        break;
    }

    soma_test_arena_free(arena);
    free(copy);

    return 0;
}
