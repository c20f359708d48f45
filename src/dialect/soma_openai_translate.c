
/*
 * Copyright (C) The ngx_soma authors
 *
 * Between OpenAI's APIs and the inner form: which reader and which writer an
 * API has, with the room they need.
 */


#include "soma_openai.h"
#include "soma_openai_answer.h"
#include "soma_openai_embeddings.h"
#include "soma_openai_events.h"
#include "soma_openai_request.h"
#include "soma_openai_responses.h"
#include "soma_openai_shared.h"
#include "soma_translate.h"


static int soma_openai_translate_chat(soma_writer_t *writer,
    soma_pieces_t *out, const soma_inner_event_t *event);
static int soma_openai_translate_responses(soma_writer_t *writer,
    soma_pieces_t *out, const soma_inner_event_t *event);
static int soma_openai_translate_embeddings(soma_writer_t *writer,
    soma_pieces_t *out, const soma_inner_event_t *event);
static int soma_openai_translate_id(soma_writer_t *writer,
    const char *prefix, soma_str_t *id);
static soma_openai_events_t *soma_openai_translate_decoder(
    soma_decoder_t *decoder);


int
soma_openai_read_request(soma_inner_request_t *request,
    const soma_ask_t *ask, soma_arena_t *arena, soma_str_t body,
    const char **error)
{
    switch (ask->api) {

    case SOMA_API_CHAT:
        return soma_openai_request_read(request, arena, body, error);

    case SOMA_API_COMPLETIONS:
        return soma_openai_completions_read(request, arena, body, error);

    case SOMA_API_RESPONSES:
        return soma_openai_responses_read(request, arena, body, error);

    case SOMA_API_EMBEDDINGS:
        return soma_openai_embeddings_read(request, arena, body, error);

    default:
        return SOMA_DECLINED;
    }
}


int
soma_openai_write_event(soma_writer_t *writer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    int  rc;

    switch (writer->ask->api) {

    case SOMA_API_CHAT:
    case SOMA_API_COMPLETIONS:
        rc = soma_openai_translate_chat(writer, out, event);
        break;

    case SOMA_API_RESPONSES:
        rc = soma_openai_translate_responses(writer, out, event);
        break;

    case SOMA_API_EMBEDDINGS:
        rc = soma_openai_translate_embeddings(writer, out, event);
        break;

    default:
        writer->error = "this API has no answer of another provider";
        return SOMA_DECLINED;
    }

    if (rc == SOMA_DECLINED) {
        writer->error = "the answer has more in it than is taken";
    }

    return rc;
}


static int
soma_openai_translate_chat(soma_writer_t *writer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    int                    rc;
    soma_openai_answer_t  *answer;

    rc = soma_translate_state(writer->arena, &writer->state,
                              sizeof(soma_openai_answer_t));

    if (rc == SOMA_ERROR) {
        return SOMA_ERROR;
    }

    answer = writer->state;

    if (rc == SOMA_OK) {
        answer->arena = writer->arena;
        answer->model = writer->model;
        answer->created = writer->created;
        answer->stream = writer->ask->stream;
        answer->usage_asked = writer->ask->usage_asked;
        answer->seals = writer->request ? writer->request->seals : NULL;
        answer->completions = (writer->ask->api == SOMA_API_COMPLETIONS);
        answer->old = (soma_openai_toolset_old(writer->request) & 1);

        if (soma_openai_translate_id(writer, answer->completions
                                             ? "cmpl-" : "chatcmpl-",
                                     &answer->id)
            != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    answer->cost = writer->cost;

    return soma_openai_answer_write(answer, out, event);
}


static int
soma_openai_translate_responses(soma_writer_t *writer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    int                       rc;
    soma_openai_responses_t  *answer;

    rc = soma_translate_state(writer->arena, &writer->state,
                              sizeof(soma_openai_responses_t));

    if (rc == SOMA_ERROR) {
        return SOMA_ERROR;
    }

    answer = writer->state;

    if (rc == SOMA_OK) {
        answer->arena = writer->arena;
        answer->id = writer->id;
        answer->model = writer->model;
        answer->created = writer->created;
        answer->max_tokens = writer->ask->max_tokens;
        answer->request = writer->request;
        answer->stream = writer->ask->stream;
    }

    answer->cost = writer->cost;

    return soma_openai_responses_write(answer, out, event);
}


static int
soma_openai_translate_embeddings(soma_writer_t *writer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    int              rc;
    soma_vectors_t  *answer;

    rc = soma_translate_state(writer->arena, &writer->state,
                              sizeof(soma_vectors_t));

    if (rc == SOMA_ERROR) {
        return SOMA_ERROR;
    }

    answer = writer->state;

    if (rc == SOMA_OK) {
        answer->arena = writer->arena;
        answer->model = writer->model;
    }

    return soma_openai_embeddings_write(answer, out, event);
}


/* an answer's id that is made here says of which API it is, as OpenAI's do */

static int
soma_openai_translate_id(soma_writer_t *writer, const char *prefix,
    soma_str_t *id)
{
    size_t          len;
    unsigned char  *p;

    len = strlen(prefix);

    p = writer->arena->alloc(writer->arena->data, len + writer->id.len);
    if (p == NULL) {
        return SOMA_ERROR;
    }

    memcpy(p, prefix, len);

    if (writer->id.len != 0) {
        memcpy(p + len, writer->id.data, writer->id.len);
    }

    id->data = p;
    id->len = len + writer->id.len;

    return SOMA_OK;
}


soma_str_t
soma_openai_path(soma_arena_t *arena, const soma_inner_request_t *request)
{
    (void) arena;

    return (request->task == SOMA_INNER_INPUTS)
           ? SOMA_STR("/embeddings") : SOMA_STR("/chat/completions");
}


int
soma_openai_write_request(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_ask_t *ask,
    soma_inner_loss_t *loss)
{
    soma_str_t  bound;

    if (request->task == SOMA_INNER_INPUTS) {
        return soma_openai_embeddings_request(out, request, loss);
    }

    bound = SOMA_STR("max_tokens");

    if (ask->newer_bound || soma_openai_bound_newer(request->model)) {
        bound = SOMA_STR("max_completion_tokens");
    }

    return soma_openai_write(out, request, bound, !ask->usage_left,
                             loss);
}


static soma_openai_events_t *
soma_openai_translate_decoder(soma_decoder_t *decoder)
{
    int                    rc;
    soma_openai_events_t  *events;

    rc = soma_translate_state(decoder->arena, &decoder->state,
                              sizeof(soma_openai_events_t));
    events = decoder->state;

    if (rc == SOMA_OK) {
        soma_translate_events(&events->events, decoder);
        events->events.request = decoder->request;
        events->events.names = &soma_openai_shared_names;
    }

    return events;
}


int
soma_openai_read_whole(soma_decoder_t *decoder, soma_str_t body)
{
    soma_openai_events_t  *events;

    events = soma_openai_translate_decoder(decoder);

    if (events == NULL) {
        return SOMA_ERROR;
    }

    return (decoder->api == SOMA_API_EMBEDDINGS)
           ? soma_openai_embeddings_events(events, body)
           : soma_openai_events_whole(events, body);
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
