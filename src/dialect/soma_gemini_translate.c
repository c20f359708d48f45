
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
#include "soma_translate.h"


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


static int
soma_gemini_translate_chat(soma_writer_t *writer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    int                    rc;
    soma_gemini_answer_t  *answer;

    rc = soma_translate_state(writer->arena, &writer->state,
                              sizeof(soma_gemini_answer_t));

    if (rc == SOMA_ERROR) {
        return SOMA_ERROR;
    }

    answer = writer->state;

    if (rc == SOMA_OK) {
        answer->arena = writer->arena;
        answer->id = writer->id;
        answer->model = writer->model;
        answer->usage = writer->usage;
        answer->stream = writer->ask->stream;
        answer->sse = (soma_gemini_sse(writer->ask) != 0);
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

    rc = soma_translate_state(writer->arena, &writer->state,
                              sizeof(soma_gemini_embeddings_t));

    if (rc == SOMA_ERROR) {
        return SOMA_ERROR;
    }

    answer = writer->state;

    if (rc == SOMA_OK) {
        answer->v.arena = writer->arena;
        answer->count = (writer->ask->api == SOMA_API_COUNT);
        answer->batch = (writer->ask->url->surface->form
                         == SOMA_GEMINI_BATCH);
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
    int                    rc;
    soma_gemini_events_t  *events;

    rc = soma_translate_state(decoder->arena, &decoder->state,
                              sizeof(soma_gemini_events_t));

    events = decoder->state;

    if (rc == SOMA_OK) {
        soma_translate_events(&events->events, decoder);
        events->request = decoder->request;
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
