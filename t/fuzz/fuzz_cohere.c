
/*
 * Copyright (C) The ngx_soma authors
 *
 * Cohere's dialect through its table.  The first byte says what the rest is:
 * r a client's request, s a provider's stream, w a provider's whole answer,
 * o a stream of OpenAI's for a client of Cohere's, v vectors of a provider,
 * e vectors of OpenAI's for whoever asks.  The second one says how it is cut,
 * or who asks.  Whatever the bytes, nothing is read beyond them; the books are
 * told the same however they come; and what is written is JSON where what was
 * read is.
 */


#include "soma_books_fuzz.h"
#include "soma_cohere.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
fuzz_request(soma_arena_t *arena, soma_str_t body, unsigned how)
{
    size_t                 i;
    pair_t                 pair;
    soma_str_t             got;
    const soma_dialect_t  *target;

    static const char *const  paths[] = {
        "/v2/chat", "/v2/chat", "/v2/embed", "/v2/embed",
        "/v1/chat/completions", "/v1/messages", "/v1/embeddings",
        "/v1/responses"
    };
    static const char *const  names[] = {
        "openai", "anthropic", "cohere", "gemini", "ollama"
    };

    if (pair_ask(&pair, arena, paths[how % 8], body) != SOMA_OK
        || pair_read(&pair) != SOMA_OK)
    {
        return;
    }

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        target = soma_dialect_find((soma_str_t) { strlen(names[i]),
                                   (unsigned char *) names[i] }, NULL);

        memset(&pair.loss, 0, sizeof(pair.loss));
        pair.loss.lossy = (how & 8) ? SOMA_INNER_DROP : SOMA_INNER_REFUSE;
        pair.loss.max_tokens = 4096;
        pair.loss.facts = how >> 4;

        if (!(target->apis >> pair.ask.api & 1)) {
            continue;
        }

        got = pair_write(&pair, target);

        if (got.data[0] == '{' && is_json(body)) {
            CHECK(is_json(got));
        }
    }
}


static void
fuzz_answer(soma_arena_t *arena, soma_str_t bytes, unsigned stream,
    unsigned how)
{
    pair_t         pair;
    size_t         step;
    soma_str_t     one, two;
    soma_answer_t  a, b;

    step = 1 + how % 7;

    metered(arena, &soma_cohere, bytes, stream, bytes.len + 1, 0, &a);

    if (stream) {
        metered(arena, &soma_cohere, bytes, stream, step, 0, &b);
        same(&a, &b);
        metered(arena, &soma_cohere, bytes, stream, bytes.len + 1,
                (unsigned) step, &b);
        same(&a, &b);
    }

    (void) pair_ask(&pair, arena, "/v2/chat",
                    stream ? SOMA_STR("{\"model\":\"m\",\"stream\":true}")
                           : SOMA_STR("{\"model\":\"m\"}"));

    one = pair_answer(&pair, &soma_cohere, bytes, 0);

    if (!stream && one.len != 0 && one.data[0] == '{' && is_json(bytes)) {
        CHECK(is_json(one));
    }

    if (stream) {
        two = pair_answer(&pair, &soma_cohere, bytes, step);
        CHECK(soma_str_eq(one, two));
    }
}


/* it is told the same, however the bytes came */

static void
fuzz_client(soma_arena_t *arena, soma_str_t bytes, unsigned how)
{
    pair_t      pair;
    soma_str_t  one, two;

    (void) pair_ask(&pair, arena, "/v2/chat",
                    SOMA_STR("{\"model\":\"m\",\"stream\":true}"));

    one = pair_answer(&pair, &soma_openai, bytes, 0);
    two = pair_answer(&pair, &soma_openai, bytes, 1 + how % 7);

    CHECK(soma_str_eq(one, two));
    CHECK(one.len == 0 || soma_str_is(one, "!")
          || one.data[one.len - 1] == '\n');
}


/* vectors, to who wants numbers and who wants base64 */

static void
fuzz_vectors(soma_arena_t *arena, const soma_dialect_t *from,
    soma_str_t bytes, unsigned how)
{
    pair_t      pair;
    soma_str_t  got;

    static const struct {
        const char  *path;
        soma_str_t   body;
    } asks[] = {
        { "/v2/embed", soma_string("{\"model\":\"m\",\"texts\":[\"a\"]}") },
        { "/v2/embed", soma_string("{\"model\":\"m\",\"texts\":[\"a\"],"
                                   "\"embedding_types\":[\"base64\"]}") },
        { "/v1/embeddings", soma_string("{\"model\":\"m\",\"input\":\"a\"}") },
        { "/v1/embeddings", soma_string("{\"model\":\"m\",\"input\":\"a\","
                                    "\"encoding_format\":\"base64\"}") },
        { "/api/embed", soma_string("{\"model\":\"m\",\"input\":\"a\"}") },
        { "/v1beta/models/m:embedContent",
          soma_string("{\"content\":{\"parts\":[{\"text\":\"a\"}]}}") }
    };

    how %= sizeof(asks) / sizeof(asks[0]);

    if (pair_ask(&pair, arena, asks[how].path, asks[how].body) != SOMA_OK
        || pair_read(&pair) != SOMA_OK)
    {
        return;
    }

    got = pair_answer(&pair, from, bytes, 0);

    if (got.len != 0 && got.data[0] == '{' && is_json(bytes)) {
        CHECK(is_json(got));
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned        how;
    soma_str_t      bytes;
    soma_arena_t   *arena;
    unsigned char  *copy;

    if (size < 3) {
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
    case 'w':
        fuzz_answer(arena, bytes, data[0] == 's', how);
        break;

    case 'o':
        fuzz_client(arena, bytes, how);
        break;

    case 'v':
        fuzz_vectors(arena, &soma_cohere, bytes, how);
        break;

    case 'e':
        fuzz_vectors(arena, &soma_openai, bytes, how);
        break;
    }

    soma_test_arena_free(arena);
    free(copy);

    return 0;
}
