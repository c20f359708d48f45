
/*
 * Copyright (C) The ngx_soma authors
 *
 * Between Bedrock's Converse and the inner form: its readers and writers with
 * the room they need.
 */


#include "soma_bedrock.h"
#include "soma_bedrock_answer.h"
#include "soma_bedrock_events.h"
#include "soma_bedrock_request.h"
#include "soma_bedrock_write.h"
#include "soma_translate.h"


static soma_bedrock_answer_t *soma_bedrock_translate_writer(
    soma_writer_t *writer);
static void soma_bedrock_translate_paths(soma_bedrock_answer_t *answer,
    const soma_inner_request_t *request);
static soma_bedrock_events_t *soma_bedrock_translate_decoder(
    soma_decoder_t *decoder);


/* of what is to be counted the request that it would be */

int
soma_bedrock_read_request(soma_inner_request_t *request,
    const soma_ask_t *ask, soma_arena_t *arena, soma_str_t body,
    const char **error)
{
    soma_json_value_t  input, converse;

    switch (ask->api) {

    case SOMA_API_CHAT:
        return soma_bedrock_request_read(request, arena, body, error);

    case SOMA_API_COUNT:
        if (soma_json_get(body, "input", &input) != SOMA_OK
            || soma_json_get(input.text, "converse", &converse) != SOMA_OK
            || converse.type != SOMA_JSON_OBJECT)
        {
            return SOMA_DECLINED;
        }

        return soma_bedrock_request_read(request, arena, converse.text,
                                         error);

    default:
        return SOMA_DECLINED;
    }
}


int
soma_bedrock_write_event(soma_writer_t *writer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    int                     rc;
    soma_bedrock_answer_t  *answer;

    answer = soma_bedrock_translate_writer(writer);
    if (answer == NULL) {
        return SOMA_ERROR;
    }

    answer->cost = writer->cost;
    answer->elapsed = writer->elapsed;

    rc = soma_bedrock_answer_write(answer, out, event);

    if (rc == SOMA_DECLINED) {
        writer->error = answer->error;
    }

    return rc;
}


static soma_bedrock_answer_t *
soma_bedrock_translate_writer(soma_writer_t *writer)
{
    int                     rc;
    soma_bedrock_answer_t  *answer;

    rc = soma_translate_state(writer->arena, &writer->state,
                              sizeof(soma_bedrock_answer_t));
    answer = writer->state;

    if (rc == SOMA_OK) {
        answer->arena = writer->arena;
        answer->usage = writer->usage;
        answer->stream = writer->ask->stream;

        if (writer->request != NULL) {
            soma_bedrock_translate_paths(answer, writer->request);
        }
    }

    return answer;
}


/* which stop sequence it was is the one thing of a model's own that others
 * know, too */

static void
soma_bedrock_translate_paths(soma_bedrock_answer_t *answer,
    const soma_inner_request_t *request)
{
    unsigned           i;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  path;

    for (i = 0; i < request->nothers; i++) {

        if (!soma_str_is(request->other[i].name,
                         "additionalModelResponseFieldPaths")
            || soma_json_first(&it, request->other[i].raw) != SOMA_OK)
        {
            continue;
        }

        while (soma_json_next(&it, &name, &path) == SOMA_OK) {
            answer->stops |= soma_str_is(path.text, "\"/stop_sequence\"");
            answer->delta_stops |= soma_str_is(path.text,
                                               "\"/delta/stop_sequence\"");
        }
    }
}


int
soma_bedrock_write_request(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_ask_t *ask,
    soma_inner_loss_t *loss)
{
    return soma_bedrock_write(out, request, ask->bound > 0 ? ask->bound : 0,
                              loss);
}


static soma_bedrock_events_t *
soma_bedrock_translate_decoder(soma_decoder_t *decoder)
{
    int                     rc;
    soma_bedrock_events_t  *events;

    rc = soma_translate_state(decoder->arena, &decoder->state,
                              sizeof(soma_bedrock_events_t));
    events = decoder->state;

    if (rc == SOMA_OK) {
        soma_translate_events(&events->events, decoder);
        events->events.request = decoder->request;
        events->events.names = &soma_bedrock_tool_names;
    }

    return events;
}


int
soma_bedrock_read_whole(soma_decoder_t *decoder, soma_str_t body)
{
    soma_bedrock_events_t  *events;

    events = soma_bedrock_translate_decoder(decoder);

    return events ? soma_bedrock_events_whole(events, body) : SOMA_ERROR;
}


int
soma_bedrock_read_event(soma_decoder_t *decoder, soma_sse_event_t *event)
{
    soma_bedrock_events_t  *events;

    events = soma_bedrock_translate_decoder(decoder);

    return events ? soma_bedrock_events_event(events, event) : SOMA_ERROR;
}


int
soma_bedrock_read_end(soma_decoder_t *decoder)
{
    soma_bedrock_events_t  *events;

    events = soma_bedrock_translate_decoder(decoder);

    return events ? soma_bedrock_events_end(events) : SOMA_ERROR;
}
