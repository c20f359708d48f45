
/*
 * Copyright (C) The ngx_soma authors
 *
 * Between the Messages API and the inner form: its readers and writers with
 * the room they need.
 */


#include "soma_anthropic.h"
#include "soma_anthropic_answer.h"
#include "soma_anthropic_events.h"
#include "soma_anthropic_request.h"
#include "soma_translate.h"


static soma_anthropic_answer_t *soma_anthropic_translate_writer(
    soma_writer_t *writer);
static soma_anthropic_events_t *soma_anthropic_translate_decoder(
    soma_decoder_t *decoder);


int
soma_anthropic_read_request(soma_inner_request_t *request,
    const soma_ask_t *ask, soma_arena_t *arena, soma_str_t body,
    const char **error)
{
    if (ask->api != SOMA_API_CHAT) {
        return SOMA_DECLINED;
    }

    return soma_anthropic_request_read(request, arena, body, error);
}


int
soma_anthropic_write_event(soma_writer_t *writer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    int                       rc;
    soma_anthropic_answer_t  *answer;

    answer = soma_anthropic_translate_writer(writer);
    if (answer == NULL) {
        return SOMA_ERROR;
    }

    answer->cost = writer->cost;

    rc = soma_anthropic_answer_write(answer, out, event);

    if (rc == SOMA_DECLINED) {
        writer->error = answer->error;
    }

    return rc;
}


static soma_anthropic_answer_t *
soma_anthropic_translate_writer(soma_writer_t *writer)
{
    int                       rc;
    soma_anthropic_answer_t  *answer;

    rc = soma_translate_state(writer->arena, &writer->state,
                              sizeof(soma_anthropic_answer_t));
    answer = writer->state;

    if (rc == SOMA_OK) {
        answer->arena = writer->arena;
        answer->id = writer->id;
        answer->model = writer->model;
        answer->usage = writer->usage;
        answer->stream = writer->ask->stream;
    }

    return answer;
}


soma_str_t
soma_anthropic_path(soma_arena_t *arena, const soma_inner_request_t *request)
{
    (void) arena;
    (void) request;

    return SOMA_STR("/messages");
}


int
soma_anthropic_write_request(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_ask_t *ask,
    soma_inner_loss_t *loss)
{
    if (ask->bound > 0) {
        loss->max_tokens = ask->bound;

    } else if (loss->max_tokens <= 0) {
        loss->max_tokens = SOMA_ANTHROPIC_TOKENS_DEFAULT;
    }

    if ((loss->facts & SOMA_FACT_ADAPTIVE)
        || (!(loss->facts & SOMA_FACT_BUDGET)
            && soma_anthropic_version(request->model)
               >= SOMA_ANTHROPIC_ADAPTIVE))
    {
        loss->adaptive = 1;
    }

    return soma_anthropic_write(out, request, loss);
}


unsigned
soma_anthropic_version(soma_str_t model)
{
    size_t                i;
    unsigned              major;
    const unsigned char  *p;

    p = model.data;

    for (i = 1; i < model.len; i++) {

        if (p[i - 1] != '-' || p[i] < '1' || p[i] > '9'
            || (i + 1 < model.len && p[i + 1] >= '0' && p[i + 1] <= '9'))
        {
            continue;
        }

        major = (p[i] - '0') * 100u;

        if (i + 2 < model.len && (p[i + 1] == '-' || p[i + 1] == '.')
            && p[i + 2] >= '0' && p[i + 2] <= '9'
            && (i + 3 == model.len || p[i + 3] < '0' || p[i + 3] > '9'))
        {
            return major + (p[i + 2] - '0');
        }

        return major;
    }

    return 0;
}


static soma_anthropic_events_t *
soma_anthropic_translate_decoder(soma_decoder_t *decoder)
{
    int                       rc;
    soma_anthropic_events_t  *events;

    rc = soma_translate_state(decoder->arena, &decoder->state,
                              sizeof(soma_anthropic_events_t));
    events = decoder->state;

    if (rc == SOMA_OK) {
        soma_translate_events(&events->events, decoder);
        events->events.request = decoder->request;
        events->events.names = &soma_anthropic_write_turns_names;
    }

    return events;
}


int
soma_anthropic_read_whole(soma_decoder_t *decoder, soma_str_t body)
{
    soma_anthropic_events_t  *events;

    events = soma_anthropic_translate_decoder(decoder);

    return events ? soma_anthropic_events_whole(events, body) : SOMA_ERROR;
}


int
soma_anthropic_read_event(soma_decoder_t *decoder, soma_sse_event_t *event)
{
    soma_anthropic_events_t  *events;

    events = soma_anthropic_translate_decoder(decoder);

    return events ? soma_anthropic_events_event(events, event->data)
                  : SOMA_ERROR;
}


int
soma_anthropic_read_end(soma_decoder_t *decoder)
{
    soma_anthropic_events_t  *events;

    events = soma_anthropic_translate_decoder(decoder);

    return events ? soma_anthropic_events_end(events) : SOMA_ERROR;
}
