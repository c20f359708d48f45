
/*
 * Copyright (C) The ngx_soma authors
 *
 * A client of one dialect and a provider of another, through their tables
 * alone, as the gateway drives them: a request from the client's bytes to the
 * provider's, and an answer back, in pieces of any size.
 */


#ifndef SOMA_PAIR_TEST_H
#define SOMA_PAIR_TEST_H


#include <stdio.h>

#include "soma_arena_malloc.h"
#include "soma_dialect.h"
#include "soma_test.h"


typedef struct {
    soma_arena_t          *arena;
    const soma_dialect_t  *client;
    const char            *error;       /* of ask() or read_request() */
    soma_str_t             body;
    soma_url_t             url;
    soma_json_scan_t       scan;
    soma_ask_t             ask;
    soma_inner_request_t   request;
    soma_inner_loss_t      loss;
    soma_writer_t          writer;
    soma_decoder_t         decoder;
    soma_pieces_t          out;
    soma_pieces_t          told;        /* all that the client got */
    unsigned               over:1;      /* END or FAILED was written */
    unsigned               failed:1;
} pair_t;


static inline int
pair_value(void *data, soma_json_span_t *span, soma_str_t *s)
{
    pair_t  *pair = data;

    s->data = pair->body.data + span->start;
    s->len = span->end - span->start;

    return s->len ? SOMA_OK : SOMA_ERROR;
}


/* path: as a client writes it, "/v1/messages", with its query.  SOMA_OK;
 * SOMA_DECLINED: no dialect has that path; SOMA_ERROR: pair->error */
static inline int
pair_ask(pair_t *pair, soma_arena_t *arena, const char *path, soma_str_t body)
{
    char  *args;

    memset(pair, 0, sizeof(pair_t));

    pair->arena = arena;
    pair->body = body;

    args = strchr(path, '?');

    pair->url.args = SOMA_STR("");
    pair->url.path.data = (unsigned char *) (uintptr_t) path;
    pair->url.path.len = args ? (size_t) (args - path) : strlen(path);

    if (args != NULL) {
        pair->url.args.data = (unsigned char *) args + 1;
        pair->url.args.len = strlen(args + 1);
    }

    pair->url.below = soma_dialect_below(pair->url.path, "/v1/");

    if (pair->url.below.data == NULL) {
        pair->url.below = pair->url.path;
    }

    pair->client = soma_dialect_client(&pair->url, arena);

    if (pair->url.surface == NULL) {
        return SOMA_DECLINED;
    }

    pair->ask.url = &pair->url;
    pair->ask.api = pair->url.surface->api;
    pair->ask.body_len = body.len;
    pair->ask.max_tokens = -1;
    pair->ask.n = 1;
    pair->ask.prompts = 1;

    soma_json_scan_init(&pair->scan, pair->client->want, SOMA_ASK_TOTAL);
    soma_json_scan_watch(&pair->scan, pair->client->prompt->marks);

    if (soma_json_scan(&pair->scan, body.data, body.len) == SOMA_ERROR
        || soma_json_scan_end(&pair->scan) != SOMA_OK)
    {
        pair->error = "no JSON";
        return SOMA_ERROR;
    }

    pair->ask.scan = &pair->scan;

    return pair->client->ask(&pair->ask, arena, pair_value, pair,
                             &pair->error);
}


static inline int
pair_read(pair_t *pair)
{
    int  rc;

    rc = pair->client->read_request(&pair->request, &pair->ask, pair->arena,
                                    pair->body, &pair->error);

    pair->request.stream = pair->ask.stream;

    return rc;
}


static inline soma_str_t
pair_refused(pair_t *pair, soma_str_t name, const char *why)
{
    soma_str_t     whole;
    soma_pieces_t  out;

    soma_pieces_init(&out, pair->arena);
    soma_pieces_char(&out, '!');
    soma_pieces_put(&out, name.data, name.len);

    if (why != NULL) {
        soma_pieces_char(&out, ' ');
        soma_pieces_cstr(&out, why);
    }

    return soma_pieces_whole(&out, &whole) == SOMA_OK ? whole : SOMA_STR("!");
}


/* what that provider is sent; "!" and a member's name, or a sentence: it was
 * refused.  The target's model is "m" */
static inline soma_str_t
pair_write(pair_t *pair, const soma_dialect_t *target)
{
    int            rc;
    soma_str_t     whole;
    soma_pieces_t  out;

    pair->request.model = SOMA_STR("m");

    soma_pieces_init(&out, pair->arena);

    rc = target->write_request(&out, &pair->request, &pair->ask,
                               &pair->loss);

    if (rc == SOMA_DECLINED) {
        return pair_refused(pair, pair->loss.refused, pair->loss.why);
    }

    if (rc != SOMA_OK || soma_pieces_whole(&out, &whole) != SOMA_OK) {
        return SOMA_STR("!");
    }

    return whole;
}


/* all of that: a client's request as a provider's */
static inline soma_str_t
pair_request(pair_t *pair, soma_arena_t *arena, const char *path,
    soma_str_t body, const soma_dialect_t *target)
{
    int  rc;

    rc = pair_ask(pair, arena, path, body);

    if (rc == SOMA_OK) {
        rc = pair_read(pair);
    }

    if (rc != SOMA_OK) {
        return pair_refused(pair, SOMA_STR(""), pair->error
                                                ? pair->error : "no endpoint");
    }

    return pair_write(pair, target);
}


static inline int
pair_sink(void *data, const soma_inner_event_t *event)
{
    pair_t  *pair = data;

    int  rc;

    if (pair->over) {
        return SOMA_OK;
    }

    pair->failed |= (event->event == SOMA_INNER_FAILED);
    pair->over = (event->event == SOMA_INNER_FAILED
                  || event->event == SOMA_INNER_END);

    rc = pair->client->write(&pair->writer, &pair->out, event);

    soma_pieces_join(&pair->told, &pair->out);
    soma_pieces_reset(&pair->out);

    return rc == SOMA_OK ? SOMA_OK : SOMA_ERROR;
}


/*
 * What the client gets for an answer of that provider; of a stream in pieces
 * of "step" bytes, 0: in one.  pair_ask() has been called; pair->ask.stream
 * says whether it is one.  "!": it could not be read or told; a stream that
 * ends without its proper end has pair->over 0.
 */
static inline soma_str_t
pair_answer(pair_t *pair, const soma_dialect_t *from, soma_str_t bytes,
    size_t step)
{
    int               rc;
    size_t            n, used;
    soma_str_t        whole;
    unsigned char    *piece;
    soma_frames_t     frames;
    soma_sse_event_t  event;

    memset(&pair->writer, 0, sizeof(soma_writer_t));
    memset(&pair->decoder, 0, sizeof(soma_decoder_t));

    soma_pieces_init(&pair->out, pair->arena);
    soma_pieces_init(&pair->told, pair->arena);

    pair->over = 0;
    pair->failed = 0;
    pair->writer.arena = pair->arena;
    pair->writer.ask = &pair->ask;
    pair->writer.request = &pair->request;
    pair->writer.id = SOMA_STR("0123456789abcdef");
    pair->writer.model = SOMA_STR("asked");
    pair->writer.created = 1700000000;
    pair->writer.cost = -1;
    pair->decoder.arena = pair->arena;
    pair->decoder.api = from->answers ? from->answers(pair->ask.api)
                                      : pair->ask.api;
    pair->decoder.request = &pair->request;
    pair->decoder.sink = pair_sink;
    pair->decoder.data = pair;
    pair->decoder.seed = 42;

    rc = SOMA_OK;

    if (!pair->ask.stream) {
        rc = from->read_whole(&pair->decoder, bytes);
        goto done;
    }

    memset(&frames, 0, sizeof(soma_frames_t));
    frames.sse.arena = pair->arena;
    frames.sse.max = SOMA_FRAMES_EVENT_MAX;
    frames.framing = from->framing;

    while (bytes.len != 0 && rc == SOMA_OK) {

        /* of its own, so that nobody looks beyond it */

        n = (step == 0 || step > bytes.len) ? bytes.len : step;
        piece = malloc(n);
        memcpy(piece, bytes.data, n);
        bytes.data += n;
        bytes.len -= n;

        for (used = 0, step = step ? step : n; rc == SOMA_OK; /* void */ ) {
            size_t  took;

            rc = soma_frames_feed(&frames, piece + used, n - used, &took,
                                  &event);
            used += took;

            if (rc == SOMA_OK && !event.comment) {
                rc = from->read_event(&pair->decoder, &event);
            }
        }

        rc = (rc == SOMA_AGAIN) ? SOMA_OK : rc;
        free(piece);
    }

    if (rc == SOMA_OK && soma_frames_end(&frames, &event) == SOMA_OK
        && !event.comment)
    {
        rc = from->read_event(&pair->decoder, &event);
    }

    if (rc == SOMA_OK && !pair->over) {
        (void) from->read_end(&pair->decoder);
    }

done:

    if (rc != SOMA_OK
        || soma_pieces_whole(&pair->told, &whole) != SOMA_OK)
    {
        return SOMA_STR("!");
    }

    return whole;
}


#endif /* SOMA_PAIR_TEST_H */
