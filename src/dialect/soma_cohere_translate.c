
/*
 * Copyright (C) The ngx_soma authors
 *
 * Between Cohere's API and the inner form: its reader and its writer, with the
 * room they need.
 */


#include "soma_cohere.h"
#include "soma_cohere_answer.h"
#include "soma_cohere_embed.h"
#include "soma_cohere_events.h"
#include "soma_cohere_request.h"
#include "soma_translate.h"


static int soma_cohere_translate_chat(soma_writer_t *writer,
    soma_pieces_t *out, const soma_inner_event_t *event);
static int soma_cohere_translate_embed(soma_writer_t *writer,
    soma_pieces_t *out, const soma_inner_event_t *event);
static soma_cohere_events_t *soma_cohere_translate_decoder(
    soma_decoder_t *decoder);


int
soma_cohere_read_request(soma_inner_request_t *request,
    const soma_ask_t *ask, soma_arena_t *arena, soma_str_t body,
    const char **error)
{
    switch (ask->api) {

    case SOMA_API_CHAT:
        return soma_cohere_request_read(request, arena, body, error);

    case SOMA_API_EMBEDDINGS:
        return soma_cohere_embed_read(request, arena, body, error);

    default:
        return SOMA_DECLINED;
    }
}


int
soma_cohere_write_event(soma_writer_t *writer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    switch (writer->ask->api) {

    case SOMA_API_CHAT:
        return soma_cohere_translate_chat(writer, out, event);

    case SOMA_API_EMBEDDINGS:
        return soma_cohere_translate_embed(writer, out, event);

    default:
        writer->error = "this API has no answer of another provider";
        return SOMA_DECLINED;
    }
}


static int
soma_cohere_translate_chat(soma_writer_t *writer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    int                    rc;
    soma_cohere_answer_t  *answer;

    rc = soma_translate_state(writer->arena, &writer->state,
                              sizeof(soma_cohere_answer_t));
    if (rc == SOMA_ERROR) {
        return SOMA_ERROR;
    }

    answer = writer->state;

    if (rc == SOMA_OK) {
        answer->arena = writer->arena;
        answer->id = writer->id;
        answer->seals = writer->request ? writer->request->seals : NULL;
        answer->usage = writer->usage;
        answer->stream = writer->ask->stream;
    }

    answer->cost = writer->cost;

    rc = soma_cohere_answer_write(answer, out, event);

    if (rc == SOMA_DECLINED) {
        writer->error = answer->error;
    }

    return rc;
}


static int
soma_cohere_translate_embed(soma_writer_t *writer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    int                   rc;
    soma_cohere_embed_t  *answer;

    rc = soma_translate_state(writer->arena, &writer->state,
                              sizeof(soma_cohere_embed_t));
    if (rc == SOMA_ERROR) {
        return SOMA_ERROR;
    }

    answer = writer->state;

    if (rc == SOMA_OK) {
        answer->v.arena = writer->arena;
        answer->request = writer->request;
        answer->v.id = writer->id;
    }

    rc = soma_cohere_embed_write(answer, out, event);

    if (rc == SOMA_DECLINED) {
        writer->error = "the answer has more in it than is taken, or no "
                        "vector that can be read";
    }

    return rc;
}


soma_str_t
soma_cohere_path(soma_arena_t *arena, const soma_inner_request_t *request)
{
    (void) arena;

    return (request->task == SOMA_INNER_INPUTS) ? SOMA_STR("/embed")
                                                : SOMA_STR("/chat");
}


int
soma_cohere_write_request(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_ask_t *ask,
    soma_inner_loss_t *loss)
{
    (void) ask;

    return (request->task == SOMA_INNER_INPUTS)
           ? soma_cohere_embed_request(out, request, loss)
           : soma_cohere_write(out, request, loss);
}


static soma_cohere_events_t *
soma_cohere_translate_decoder(soma_decoder_t *decoder)
{
    soma_cohere_events_t  *answer;

    switch (soma_translate_state(decoder->arena, &decoder->state,
                                 sizeof(soma_cohere_events_t)))
    {
    case SOMA_OK:
        answer = decoder->state;
        soma_translate_events(&answer->events, decoder);
        answer->events.request = decoder->request;
        return answer;

    case SOMA_DECLINED:
        return decoder->state;

    default:
        return NULL;
    }
}


int
soma_cohere_read_whole(soma_decoder_t *decoder, soma_str_t body)
{
    soma_cohere_events_t  *answer;

    answer = soma_cohere_translate_decoder(decoder);

    if (answer == NULL) {
        return SOMA_ERROR;
    }

    return (decoder->api == SOMA_API_EMBEDDINGS)
           ? soma_cohere_embed_events(&answer->events, body)
           : soma_cohere_events_whole(answer, body);
}


int
soma_cohere_read_event(soma_decoder_t *decoder, soma_sse_event_t *event)
{
    soma_cohere_events_t  *answer;

    answer = soma_cohere_translate_decoder(decoder);

    return answer ? soma_cohere_events_event(answer, event->data)
                  : SOMA_ERROR;
}


int
soma_cohere_read_end(soma_decoder_t *decoder)
{
    soma_cohere_events_t  *answer;

    answer = soma_cohere_translate_decoder(decoder);

    return answer ? soma_cohere_events_end(answer) : SOMA_ERROR;
}
