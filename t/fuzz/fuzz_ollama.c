
/*
 * Copyright (C) The ngx_soma authors
 *
 * Ollama's dialect through its table.  The first byte says what the rest is:
 * r a client's request, s a provider's stream, w a provider's whole answer,
 * o a stream of OpenAI's for a client of Ollama's.  The second one says how
 * it is cut.  Whatever the bytes, nothing is read beyond them; the books are
 * told the same however they come; and what is written is JSON where what was
 * read is.
 */


#include "soma_books_fuzz.h"
#include "soma_ollama.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


/* what is read is the provider's business but for its strings, which yyjson
 * looks into */

static unsigned
lines_are_json(soma_str_t s)
{
    soma_str_t      line;
    unsigned char  *lf;

    while (s.len != 0) {
        lf = memchr(s.data, '\n', s.len);
        line.data = s.data;
        line.len = lf ? (size_t) (lf - s.data) : s.len;

        if (line.len != 0 && !is_json(line)) {
            return 0;
        }

        line.len += (lf != NULL);
        s.data += line.len;
        s.len -= line.len;
    }

    return 1;
}


static void
fuzz_request(soma_arena_t *arena, soma_str_t body, unsigned how)
{
    size_t                 i;
    pair_t                 pair;
    soma_str_t             got;
    const soma_dialect_t  *target;

    static const char *const  paths[] = {
        "/api/chat", "/api/generate", "/api/embed", "/api/embeddings",
        "/v1/chat/completions", "/v1/messages", "/v1/embeddings",
        "/v1/responses"
    };
    static const char *const  names[] = { "openai", "anthropic", "ollama" };

    if (pair_ask(&pair, arena, paths[how % 8], body) != SOMA_OK
        || pair_read(&pair) != SOMA_OK)
    {
        return;
    }

    for (i = 0; i < 3; i++) {
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

    metered(arena, &soma_ollama, bytes, stream, bytes.len + 1, 0, &a);

    if (stream) {
        metered(arena, &soma_ollama, bytes, stream, step, 0, &b);
        same(&a, &b);
        metered(arena, &soma_ollama, bytes, stream, bytes.len + 1,
                (unsigned) step, &b);
        same(&a, &b);
    }

    (void) pair_ask(&pair, arena, "/api/chat",
                    stream ? SOMA_STR("{\"model\":\"m\"}")
                           : SOMA_STR("{\"model\":\"m\",\"stream\":false}"));

    one = pair_answer(&pair, &soma_ollama, bytes, 0);

    if (one.len != 0 && one.data[0] == '{'
        && (stream ? lines_are_json(bytes) : is_json(bytes)))
    {
        CHECK(stream ? lines_are_json(one) : is_json(one));
    }

    if (stream) {
        two = pair_answer(&pair, &soma_ollama, bytes, step);
        CHECK(soma_str_eq(one, two));
    }
}


/* a client of Ollama's gets lines of JSON, and nothing behind the last one */

static void
fuzz_client(soma_arena_t *arena, soma_str_t bytes, unsigned how)
{
    pair_t      pair;
    soma_str_t  one, two;

    (void) pair_ask(&pair, arena, (how & 8) ? "/api/chat" : "/api/generate",
                    SOMA_STR("{\"model\":\"m\"}"));

    one = pair_answer(&pair, &soma_openai, bytes, 0);
    two = pair_answer(&pair, &soma_openai, bytes, 1 + how % 7);

    CHECK(soma_str_eq(one, two));
    CHECK(one.len == 0 || soma_str_is(one, "!")
          || one.data[one.len - 1] == '\n');
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
    }

    soma_test_arena_free(arena);
    free(copy);

    return 0;
}
