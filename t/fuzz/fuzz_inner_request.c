
/*
 * Copyright (C) The ngx_soma authors
 *
 * Requests through the inner form: whatever the bytes, nothing is read
 * beyond them; and of a body that is JSON what is written is JSON.  The first
 * byte chooses the dialects, or another API of OpenAI's, and whether losses
 * are refused.
 */


#include "soma_inner_test.h"
#include "soma_json_oracle.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    soma_str_t      body, got;
    yyjson_doc     *doc, *out;
    soma_arena_t   *arena;
    unsigned char  *copy;

    if (size == 0) {
        return 0;
    }

    copy = malloc(size);
    if (copy == NULL) {
        abort();
    }

    memcpy(copy, data, size);
    body.data = copy + 1;
    body.len = size - 1;

    arena = soma_test_arena();

    memset(&inner_loss, 0, sizeof(inner_loss));
    inner_loss.max_tokens = 4096;
    inner_loss.adaptive = copy[0] >> 2 & 1;
    inner_loss.lossy = (copy[0] >> 3 & 1) ? SOMA_INNER_WARN
                                          : SOMA_INNER_REFUSE;

    got = inner_through(arena, (copy[0] >> 4 & 3) != 0
                               ? (dialect_e) (ANTHROPIC + (copy[0] >> 4 & 3))
                               : (dialect_e) (copy[0] & 1),
                        (dialect_e) (copy[0] >> 1 & 1), body);

    doc = yyjson_read((char *) body.data, body.len, 0);

    if (doc != NULL && got.data[0] == '{') {
        out = yyjson_read((char *) got.data, got.len, 0);

        if (out == NULL) {
            fprintf(stderr, "what is written is no JSON: %.*s\n",
                    (int) got.len, got.data);
            abort();
        }

        yyjson_doc_free(out);
    }

    yyjson_doc_free(doc);
    soma_test_arena_free(arena);
    free(copy);

    return 0;
}
