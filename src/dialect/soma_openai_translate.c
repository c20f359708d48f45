
/*
 * Copyright (C) The ngx_soma authors
 *
 * Between OpenAI's APIs and the inner form: which reader and which writer an
 * API has, with the room they need.
 */


#include "soma_openai.h"
#include "soma_openai_answer.h"
#include "soma_openai_events.h"
#include "soma_openai_request.h"


static soma_openai_answer_t *soma_openai_translate_writer(
    soma_writer_t *writer);
static soma_openai_events_t *soma_openai_translate_decoder(
    soma_decoder_t *decoder);


int
soma_openai_read_request(soma_inner_request_t *request, soma_api_e api,
    soma_arena_t *arena, soma_str_t body, const char **error)
{
    if (api != SOMA_API_CHAT) {
        return SOMA_DECLINED;
    }

    return soma_openai_request_read(request, arena, body, error);
}


int
soma_openai_write_event(soma_writer_t *writer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    int                    rc;
    soma_openai_answer_t  *answer;

    answer = soma_openai_translate_writer(writer);
    if (answer == NULL) {
        return SOMA_ERROR;
    }

    answer->cost = writer->cost;

    rc = soma_openai_answer_write(answer, out, event);

    if (rc == SOMA_DECLINED) {
        writer->error = "the answer has more choices or blocks than are taken";
    }

    return rc;
}


static soma_openai_answer_t *
soma_openai_translate_writer(soma_writer_t *writer)
{
    soma_arena_t          *arena;
    soma_openai_answer_t  *answer;

    if (writer->state != NULL) {
        return writer->state;
    }

    arena = writer->arena;

    answer = arena->alloc(arena->data, sizeof(soma_openai_answer_t));
    if (answer == NULL) {
        return NULL;
    }

    memset(answer, 0, sizeof(soma_openai_answer_t));

    answer->arena = arena;
    answer->id = writer->id;
    answer->model = writer->model;
    answer->created = writer->created;
    answer->stream = writer->ask->stream;
    answer->usage_asked = writer->ask->usage_asked;

    writer->state = answer;

    return answer;
}


soma_str_t
soma_openai_path(soma_arena_t *arena, soma_str_t model, unsigned stream)
{
    (void) arena;
    (void) model;
    (void) stream;

    return SOMA_STR("/chat/completions");
}


int
soma_openai_write_request(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_ask_t *ask,
    soma_inner_loss_t *loss)
{
    soma_str_t  bound;

    bound = SOMA_STR("max_tokens");

    if (ask->newer_bound || soma_openai_bound_newer(request->model)) {
        bound = SOMA_STR("max_completion_tokens");
    }

    return soma_openai_request_write(out, request, bound, !ask->usage_left,
                                     loss);
}


static soma_openai_events_t *
soma_openai_translate_decoder(soma_decoder_t *decoder)
{
    soma_arena_t          *arena;
    soma_openai_events_t  *events;

    if (decoder->state != NULL) {
        return decoder->state;
    }

    arena = decoder->arena;

    events = arena->alloc(arena->data, sizeof(soma_openai_events_t));
    if (events == NULL) {
        return NULL;
    }

    memset(events, 0, sizeof(soma_openai_events_t));

    events->events.arena = arena;
    events->events.sink = decoder->sink;
    events->events.data = decoder->data;
    events->events.seed = decoder->seed;

    decoder->state = events;

    return events;
}


int
soma_openai_read_whole(soma_decoder_t *decoder, soma_str_t body)
{
    soma_openai_events_t  *events;

    events = soma_openai_translate_decoder(decoder);

    return events ? soma_openai_events_whole(events, body) : SOMA_ERROR;
}


int
soma_openai_read_event(soma_decoder_t *decoder, soma_sse_event_t *event)
{
    soma_openai_events_t  *events;

    events = soma_openai_translate_decoder(decoder);

    return events ? soma_openai_events_event(events, event->data)
                  : SOMA_ERROR;
}


int
soma_openai_read_end(soma_decoder_t *decoder)
{
    soma_openai_events_t  *events;

    events = soma_openai_translate_decoder(decoder);

    return events ? soma_openai_events_end(events) : SOMA_ERROR;
}
