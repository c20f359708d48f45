
/*
 * Copyright (C) The ngx_soma authors
 *
 * A client of one dialect and a provider of another, through their tables:
 * whatever the bytes, what is sent to a provider is JSON, and so is each line
 * of data that a client gets.  The first byte chooses the client and the
 * stream, the second the provider; an answer begins behind the first line,
 * which is the request, or there is none.
 */


#include <yyjson.h>

#include "soma_pair_test.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static const char  *const  paths[] = {
    "/v1/chat/completions", "/v1/responses", "/v1/messages",
    "/openai/deployments/d/chat/completions"
};

static const soma_dialect_t  *providers[] = {
    &soma_openai, &soma_openai_chat, &soma_openai_responses,
    &soma_anthropic, &soma_ollama, &soma_gemini, &soma_bedrock, &soma_cohere
};


static unsigned
is_json(const unsigned char *p, size_t len)
{
    yyjson_doc  *doc;

    doc = yyjson_read((const char *) p, len, 0);
    yyjson_doc_free(doc);

    return doc != NULL;
}


static void
check_json(const unsigned char *p, size_t len)
{
    if (!is_json(p, len)) {
        fprintf(stderr, "no JSON: %.*s\n", (int) len, p);
        abort();
    }
}


/* whether all data of a stream is JSON, as far as a look at lines tells */

static unsigned
is_stream(soma_str_t s)
{
    const unsigned char  *p, *end, *line;

    end = s.data + s.len;

    for (p = s.data; p < end; p = line + 1) {
        line = memchr(p, '\n', (size_t) (end - p));

        if (line == NULL) {
            line = end;
        }

        if (memchr(p, '\r', (size_t) (line - p)) != NULL) {
            return 0;
        }

        if (line - p > 5 && memcmp(p, "data:", 5) == 0
            && !is_json(p + 5, (size_t) (line - p) - 5)
            && !(line - p == 12 && memcmp(p, "data: [DONE]", 12) == 0))
        {
            return 0;
        }
    }

    return 1;
}


/* a stream's lines of data; a whole answer is all of it */

static void
check_told(soma_str_t s, unsigned stream)
{
    const unsigned char  *p, *end, *line;

    if (!stream) {
        if (s.len > 1) {
            check_json(s.data, s.len);
        }

        return;
    }

    end = s.data + s.len;

    for (p = s.data; p < end; p = line + 1) {
        line = memchr(p, '\n', (size_t) (end - p));

        if (line == NULL) {
            return;
        }

        if (line - p > 6 && memcmp(p, "data: ", 6) == 0 && p[6] == '{') {
            check_json(p + 6, (size_t) (line - p) - 6);
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                    rc;
    unsigned               stream;
    pair_t                 pair;
    soma_str_t             body, answer, s;
    soma_arena_t          *arena;
    const uint8_t         *line;
    const soma_dialect_t  *provider;

    if (size < 3) {
        return 0;
    }

    arena = soma_test_arena();
    provider = providers[data[1] % (sizeof(providers)
                                    / sizeof(providers[0]))];

    body.data = (unsigned char *) (uintptr_t) data + 2;
    body.len = size - 2;

    line = memchr(body.data, '\n', body.len);

    answer.data = (unsigned char *) "";
    answer.len = 0;

    if (line != NULL) {
        answer.data = (unsigned char *) (uintptr_t) line + 1;
        answer.len = (size_t) (data + size - line) - 1;
        body.len = (size_t) (line - body.data);
    }

    stream = data[0] >> 4 & 1;

    rc = pair_ask(&pair, arena, paths[data[0] & 3], body);

    if (rc == SOMA_OK && pair_read(&pair) == SOMA_OK) {
        pair.loss.lossy = (data[0] >> 5 & 1) ? SOMA_INNER_DROP
                                             : SOMA_INNER_REFUSE;
        pair.loss.facts = data[1] >> 4;
        s = pair_write(&pair, provider);

        /* what lies in a body unread is passed as it is */

        if (s.len != 0 && s.data[0] != '!' && is_json(body.data, body.len)) {
            check_json(s.data, s.len);
        }

        pair.ask.stream = stream & 1;
        s = pair_answer(&pair, provider, answer, data[0] >> 6);

        if (stream ? is_stream(answer) : is_json(answer.data, answer.len)) {
            check_told(s, stream);
        }
    }

    soma_test_arena_free(arena);

    return 0;
}
