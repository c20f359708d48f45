
/*
 * Copyright (C) The ngx_soma authors
 *
 * The gemini dialect on either side of the gateway.  The first byte says what
 * the rest is: a client's body, for whom; a provider's answer, of whom, for
 * whom, and in pieces of which size; or an answer for the books, whole and in
 * pieces of a byte, which have to come to the same.  Of what is JSON JSON has
 * to come.
 */


#include <yyjson.h>

#include "soma_pair_test.h"


#define STR(s)  ((soma_str_t) { strlen(s), (unsigned char *) (uintptr_t) (s) })

#define CHECK(cond)                                                           \
    do { if (!(cond)) { __builtin_trap(); } } while (0)


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static soma_arena_t  *arena;
static pair_t         pair;


static const char *const  paths[] = {
    "/v1beta/models/m:generateContent",
    "/v1beta/models/m:streamGenerateContent?alt=sse",
    "/v1beta/models/m:streamGenerateContent",
    "/v1beta/models/m:batchEmbedContents",
    "/v1/chat/completions",
    "/v1/messages",
    "/v1/responses",
    "/v1beta/models/m:countTokens"
};

static const char *const  bodies[] = {
    "{\"contents\":[{\"parts\":[{\"text\":\"x\"}]}]}",
    "{\"contents\":[{\"parts\":[{\"text\":\"x\"}]}]}",
    "{\"contents\":[{\"parts\":[{\"text\":\"x\"}]}]}",
    "{\"requests\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}",
    "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\","
    "\"content\":\"x\"}]}",
    "{\"model\":\"m\",\"max_tokens\":9,\"stream\":true,\"messages\":[{"
    "\"role\":\"user\",\"content\":\"x\"}]}",
    "{\"model\":\"m\",\"input\":\"x\"}",
    "{\"contents\":[{\"parts\":[{\"text\":\"x\"}]}]}"
};


static unsigned
is_json(soma_str_t s)
{
    yyjson_doc  *doc;

    doc = yyjson_read((char *) s.data, s.len, 0);
    yyjson_doc_free(doc);

    return doc != NULL;
}


static void
request(unsigned how, soma_str_t body)
{
    size_t      i;
    soma_str_t  got, path;

    static const soma_dialect_t *const  to[] = {
        &soma_gemini, &soma_openai, &soma_anthropic
    };

    if (pair_ask(&pair, arena, paths[how & 7], body) != SOMA_OK
        || pair_read(&pair) != SOMA_OK)
    {
        return;
    }

    for (i = 0; i < sizeof(to) / sizeof(to[0]); i++) {

        if (i != 0 && pair.client != &soma_gemini) {
            break;
        }

        memset(&pair.loss, 0, sizeof(pair.loss));
        pair.loss.lossy = (how & 8) ? SOMA_INNER_WARN : SOMA_INNER_REFUSE;
        pair.loss.facts = (how & 16) ? SOMA_FACT_CALL_CHECK : 0;

        got = pair_write(&pair, to[i]);

        if (got.data[0] == '{' && is_json(body)) {
            CHECK(is_json(got));
        }
    }

    path = soma_gemini.path(arena, &pair.request);
    CHECK(path.len != 0);
}


static void
answer(unsigned how, soma_str_t bytes)
{
    soma_str_t             got;
    const soma_dialect_t  *from;

    from = (how & 8) ? &soma_openai : &soma_gemini;

    if ((how & 7) < 4) {
        from = (how & 16) ? &soma_anthropic : from;
    }

    if (pair_ask(&pair, arena, paths[how & 7], STR(bodies[how & 7]))
        != SOMA_OK
        || pair_read(&pair) != SOMA_OK)
    {
        return;
    }

    got = pair_answer(&pair, from, bytes, how >> 5);

    if (!pair.ask.stream && pair.over && !pair.failed && got.len != 0
        && got.data[0] == '{' && is_json(bytes))
    {
        CHECK(is_json(got));
    }
}


static void
books(soma_str_t bytes)
{
    int             rc;
    size_t          i;
    soma_answer_t  *one, *pieces;
    soma_reader_t   reader;

    one = calloc(1, sizeof(soma_answer_t));
    pieces = calloc(1, sizeof(soma_answer_t));

    memset(&reader, 0, sizeof(reader));
    rc = soma_gemini.body(one, &reader, bytes.data, bytes.len);
    memset(&reader, 0, sizeof(reader));

    for (i = 0; i < bytes.len; i++) {
        if (soma_gemini.body(pieces, &reader, bytes.data + i, 1)
            == SOMA_ERROR)
        {
            break;
        }
    }

    CHECK(rc == SOMA_ERROR || one->text_len == pieces->text_len);
    CHECK(rc == SOMA_ERROR
          || one->usage.output_tokens == pieces->usage.output_tokens);
    CHECK(rc == SOMA_ERROR || one->finished == pieces->finished);
    CHECK(one->usage.input_tokens >= 0 && one->usage.output_tokens >= 0);
    CHECK(one->usage.cached_tokens <= one->usage.input_tokens);

    free(one);
    free(pieces);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    soma_str_t      bytes;
    unsigned char  *copy;

    if (size < 2) {
        return 0;
    }

    copy = malloc(size);
    memcpy(copy, data, size);
    bytes.data = copy + 2;
    bytes.len = size - 2;

    arena = soma_test_arena();

    switch (copy[0] % 3) {

    case 0:
        request(copy[1], bytes);
        break;

    case 1:
        answer(copy[1], bytes);
        break;

    default:
        books(bytes);
    }

    soma_test_arena_free(arena);
    free(copy);

    return 0;
}
