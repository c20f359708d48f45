
/*
 * Copyright (C) The ngx_soma authors
 *
 * Between Google's API and the inner form: which reader and which writer an
 * endpoint has, with the room they need.
 */


#include "soma_gemini.h"
#include "soma_gemini_answer.h"
#include "soma_gemini_embeddings.h"
#include "soma_gemini_events.h"
#include "soma_gemini_request.h"


static void *soma_gemini_translate_room(soma_arena_t *arena, size_t size);
static int soma_gemini_translate_chat(soma_writer_t *writer,
    soma_pieces_t *out, const soma_inner_event_t *event);
static int soma_gemini_translate_vectors(soma_writer_t *writer,
    soma_pieces_t *out, const soma_inner_event_t *event);
static soma_gemini_events_t *soma_gemini_translate_decoder(
    soma_decoder_t *decoder);


int
soma_gemini_read_request(soma_inner_request_t *request,
    const soma_ask_t *ask, soma_arena_t *arena, soma_str_t body,
    const char **error)
{
    switch (ask->api) {

    case SOMA_API_CHAT:
    case SOMA_API_COUNT:
        return soma_gemini_request_read(request, arena, body, error);

    case SOMA_API_EMBEDDINGS:
        return soma_gemini_request_embeddings(request, arena, body,
                                           ask->url->surface->form
                                           == SOMA_GEMINI_BATCH, error);

    default:
        return SOMA_DECLINED;
    }
}


int
soma_gemini_write_event(soma_writer_t *writer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    switch (writer->ask->api) {

    case SOMA_API_CHAT:
        return soma_gemini_translate_chat(writer, out, event);

    case SOMA_API_EMBEDDINGS:
    case SOMA_API_COUNT:
        return soma_gemini_translate_vectors(writer, out, event);

    default:
        writer->error = "this API has no answer of another provider";
        return SOMA_DECLINED;
    }
}


static void *
soma_gemini_translate_room(soma_arena_t *arena, size_t size)
{
    void  *room;

    room = arena->alloc(arena->data, size);

    if (room != NULL) {
        memset(room, 0, size);
    }

    return room;
}


static int
soma_gemini_translate_chat(soma_writer_t *writer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    int                    rc;
    soma_gemini_answer_t  *answer;

    answer = writer->state;

    if (answer == NULL) {
        answer = soma_gemini_translate_room(writer->arena,
                                            sizeof(soma_gemini_answer_t));
        if (answer == NULL) {
            return SOMA_ERROR;
        }

        answer->arena = writer->arena;
        answer->id = writer->id;
        answer->model = writer->model;
        answer->usage = writer->usage;
        answer->stream = writer->ask->stream;
        answer->sse = (soma_gemini_sse(writer->ask) != 0);

        writer->state = answer;
    }

    answer->cost = writer->cost;

    rc = soma_gemini_answer_write(answer, out, event);

    if (rc == SOMA_DECLINED) {
        writer->error = answer->error;
    }

    return rc;
}


static int
soma_gemini_translate_vectors(soma_writer_t *writer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    int                        rc;
    soma_gemini_embeddings_t  *answer;

    answer = writer->state;

    if (answer == NULL) {
        answer = soma_gemini_translate_room(writer->arena,
                                           sizeof(soma_gemini_embeddings_t));
        if (answer == NULL) {
            return SOMA_ERROR;
        }

        answer->arena = writer->arena;
        answer->count = (writer->ask->api == SOMA_API_COUNT);
        answer->batch = (writer->ask->url->surface->form
                         == SOMA_GEMINI_BATCH);

        writer->state = answer;
    }

    rc = soma_gemini_embeddings_write(answer, out, event);

    if (rc == SOMA_DECLINED) {
        writer->error = "the provider's vectors are none, or have more in "
                        "them than is taken";
    }

    return rc;
}


int
soma_gemini_write_request(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_ask_t *ask,
    soma_inner_loss_t *loss)
{
    return (request->task == SOMA_INNER_INPUTS)
           ? soma_gemini_write_inputs(out, request, loss)
           : soma_gemini_write(out, request, ask, loss);
}


static soma_gemini_events_t *
soma_gemini_translate_decoder(soma_decoder_t *decoder)
{
    soma_gemini_events_t  *events;

    events = decoder->state;

    if (events == NULL) {
        events = soma_gemini_translate_room(decoder->arena,
                                            sizeof(soma_gemini_events_t));
        if (events == NULL) {
            return NULL;
        }

        events->events.arena = decoder->arena;
        events->events.sink = decoder->sink;
        events->events.data = decoder->data;
        events->events.seed = decoder->seed;
        events->request = decoder->request;

        decoder->state = events;
    }

    return events;
}


int
soma_gemini_read_whole(soma_decoder_t *decoder, soma_str_t body)
{
    soma_gemini_events_t  *events;

    events = soma_gemini_translate_decoder(decoder);

    if (events == NULL) {
        return SOMA_ERROR;
    }

    return (decoder->api == SOMA_API_EMBEDDINGS)
           ? soma_gemini_events_vectors(events, body)
           : soma_gemini_events_whole(events, body);
}


int
soma_gemini_read_event(soma_decoder_t *decoder, soma_sse_event_t *event)
{
    soma_gemini_events_t  *events;

    events = soma_gemini_translate_decoder(decoder);

    return events ? soma_gemini_events_event(events, event->data)
                  : SOMA_ERROR;
}


int
soma_gemini_read_end(soma_decoder_t *decoder)
{
    soma_gemini_events_t  *events;

    events = soma_gemini_translate_decoder(decoder);

    return events ? soma_gemini_events_end(events) : SOMA_ERROR;
}
