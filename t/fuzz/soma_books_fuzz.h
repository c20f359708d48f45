
/*
 * Copyright (C) The ngx_soma authors
 *
 * What the fuzzers of dialects share: whether bytes are JSON, and what the
 * books are told of an answer, however it comes.
 */


#ifndef SOMA_BOOKS_FUZZ_H
#define SOMA_BOOKS_FUZZ_H


#include <yyjson.h>

#include "soma_pair_test.h"


#define CHECK(cond)                                                           \
    do { if (!(cond)) { __builtin_trap(); } } while (0)


static inline unsigned
is_json(soma_str_t s)
{
    yyjson_doc  *doc;

    doc = yyjson_read((const char *) s.data, s.len, 0);
    yyjson_doc_free(doc);

    return doc != NULL;
}


/* of a whole answer in pieces of "step" bytes; of a stream, its events in parts
 * of so many bytes, 0: whole */

static inline void
metered(soma_arena_t *arena, const soma_dialect_t *dialect, soma_str_t bytes,
    unsigned stream, size_t step, unsigned parts, soma_answer_t *answer)
{
    int               rc;
    size_t            n, used, took, off;
    soma_ask_t        ask;
    unsigned char    *piece;
    soma_reader_t     reader;
    soma_frames_t     frames;
    soma_sse_event_t  e, part;

    memset(answer, 0, sizeof(soma_answer_t));
    memset(&reader, 0, sizeof(reader));
    memset(&frames, 0, sizeof(frames));
    memset(&ask, 0, sizeof(ask));
    ask.api = answer->api = SOMA_API_CHAT;
    frames.framing = dialect->framing;
    frames.sse.arena = arena;
    frames.sse.max = SOMA_FRAMES_EVENT_MAX;

    for ( /* void */ ; bytes.len != 0; bytes.data += n, bytes.len -= n) {
        n = (bytes.len < step) ? bytes.len : step;
        piece = malloc(n);
        CHECK(piece != NULL);
        memcpy(piece, bytes.data, n);

        if (!stream) {
            rc = dialect->body(answer, &reader, piece, n);
            free(piece);

            if (rc != SOMA_AGAIN) {
                return;
            }

            continue;
        }

        for (used = 0; ; used += took) {
            rc = soma_frames_feed(&frames, piece + used, n - used, &took, &e);

            if (rc != SOMA_OK) {
                break;
            }

            if (!parts) {
                (void) dialect->event(answer, &ask, &e);
                continue;
            }

            for (off = 0; off < e.data.len; off += part.data.len) {
                part = e;
                part.first = (off == 0);
                part.data.data = e.data.data + off;
                part.data.len = (e.data.len - off < parts) ? e.data.len - off
                                                           : parts;
                part.last = (off + part.data.len == e.data.len);
                (void) dialect->part(answer, &ask, &reader, &part);
            }
        }

        free(piece);
    }
}


static inline void
same(const soma_answer_t *a, const soma_answer_t *b)
{
    CHECK(memcmp(&a->usage, &b->usage, sizeof(soma_usage_t)) == 0);
    CHECK(a->text_len == b->text_len && a->unheard == b->unheard);
    CHECK(a->text_len >= a->unheard && a->unheard >= 0);
    CHECK(a->done == b->done && a->finished == b->finished);
    CHECK(a->failed == b->failed && a->begun == b->begun);
    CHECK(a->usage.input_tokens >= 0 && a->usage.output_tokens >= 0);
}


#endif /* SOMA_BOOKS_FUZZ_H */
