
/*
 * Copyright (C) The ngx_soma authors
 *
 * Answers through the inner form: whatever the bytes, nothing is read beyond
 * them, an answer ends once, and each event that is written is JSON where
 * what was read is.  The first byte chooses the dialects, or another API of
 * OpenAI's, and the stream, whose events are lines.
 */


#include "soma_inner_test.h"
#include "soma_json_oracle.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static unsigned
is_json(const unsigned char *p, size_t len)
{
    yyjson_doc  *doc;

    doc = yyjson_read((const char *) p, len, 0);
    yyjson_doc_free(doc);

    return doc != NULL;
}


/* all that was written for events that were JSON is */

static void
check(soma_arena_t *arena, inner_answer_t *answer, unsigned stream)
{
    soma_str_t            got;
    const unsigned char  *p, *end, *line;

    (void) arena;

    if (soma_pieces_whole(&answer->out, &got) != SOMA_OK || got.len == 0
        || (answer->to_anthropic.error != NULL && !stream))
    {
        return;
    }

    if (!stream) {
        if (!is_json(got.data, got.len)) {
            fprintf(stderr, "no JSON: %.*s\n", (int) got.len, got.data);
            abort();
        }

        return;
    }

    end = got.data + got.len;

    for (p = got.data; p < end; p = line + 1) {
        line = memchr(p, '\n', (size_t) (end - p));

        if (line == NULL) {
            fprintf(stderr, "a line without an end\n");
            abort();
        }

        if (line - p > 6 && memcmp(p, "data: ", 6) == 0 && p[6] != '['
            && !is_json(p + 6, (size_t) (line - p) - 6))
        {
            fprintf(stderr, "no JSON: %.*s\n", (int) (line - p), p);
            abort();
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned                stream, good;
    soma_str_t              event;
    soma_arena_t           *arena;
    const uint8_t          *p, *end, *line;
    static inner_answer_t   answer;

    if (size == 0) {
        return 0;
    }

    arena = soma_test_arena();
    stream = data[0] >> 2 & 1;
    good = 1;

    inner_answer_init(&answer, arena, (dialect_e) (data[0] & 1),
                      (data[0] >> 4 & 1) ? COMPLETIONS
                      : (data[0] >> 5 & 1) ? RESPONSES
                      : (dialect_e) (data[0] >> 1 & 1), stream);

    end = data + size;

    for (p = data + 1; p < end; p = line + 1) {
        line = stream ? memchr(p, '\n', (size_t) (end - p)) : end;

        if (line == NULL) {
            line = end;
        }

        event.data = (unsigned char *) (uintptr_t) p;
        event.len = (size_t) (line - p);
        good &= is_json(p, event.len) || soma_str_is(event, "[DONE]");

        (void) inner_answer_take(&answer, event);

        if (line == end) {
            break;
        }
    }

    (void) inner_answer_close(&answer);

    if (answer.ended + answer.failed > 1) {
        fprintf(stderr, "an answer that ends twice\n");
        abort();
    }

    if (good) {
        check(arena, &answer, stream);
    }

    soma_test_arena_free(arena);

    return 0;
}
