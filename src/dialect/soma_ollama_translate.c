
/*
 * Copyright (C) The ngx_soma authors
 *
 * Between Ollama's API and the inner form: which reader and which writer an
 * endpoint has, with the room they need.
 */


#include "soma_ollama.h"
#include "soma_ollama_answer.h"
#include "soma_ollama_events.h"
#include "soma_ollama_request.h"
#include "soma_translate.h"


static int soma_ollama_translate_chat(soma_writer_t *writer,
    soma_pieces_t *out, const soma_inner_event_t *event);
static int soma_ollama_translate_embed(soma_writer_t *writer,
    soma_pieces_t *out, const soma_inner_event_t *event);
static soma_ollama_events_t *soma_ollama_translate_decoder(
    soma_decoder_t *decoder);


int
soma_ollama_read_request(soma_inner_request_t *request,
    const soma_ask_t *ask, soma_arena_t *arena, soma_str_t body,
    const char **error)
{
    if (ask->api != SOMA_API_CHAT && ask->api != SOMA_API_EMBEDDINGS) {
        return SOMA_DECLINED;
    }

    return soma_ollama_request_read(request, soma_ollama_surface_form(ask),
                                    arena, body, error);
}


int
soma_ollama_write_event(soma_writer_t *writer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    switch (writer->ask->api) {

    case SOMA_API_CHAT:
        return soma_ollama_translate_chat(writer, out, event);

    case SOMA_API_EMBEDDINGS:
        return soma_ollama_translate_embed(writer, out, event);

    default:
        writer->error = "this API has no answer of another provider";
        return SOMA_DECLINED;
    }
}


static int
soma_ollama_translate_chat(soma_writer_t *writer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    int                    rc;
    soma_ollama_answer_t  *answer;

    rc = soma_translate_state(writer->arena, &writer->state,
                              sizeof(soma_ollama_answer_t));
    if (rc == SOMA_ERROR) {
        return SOMA_ERROR;
    }

    answer = writer->state;

    if (rc == SOMA_OK) {
        answer->arena = writer->arena;
        answer->form = soma_ollama_surface_form(writer->ask);
        answer->seals = writer->request ? writer->request->seals : NULL;
        answer->model = writer->model;
        answer->created = writer->created;
        answer->stream = writer->ask->stream;
    }

    answer->cost = writer->cost;
    answer->elapsed = writer->elapsed;

    rc = soma_ollama_answer_write(answer, out, event);

    if (rc == SOMA_DECLINED) {
        writer->error = answer->error;
    }

    return rc;
}


static int
soma_ollama_translate_embed(soma_writer_t *writer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    int                   rc;
    soma_ollama_embed_t  *answer;

    rc = soma_translate_state(writer->arena, &writer->state,
                              sizeof(soma_ollama_embed_t));
    if (rc == SOMA_ERROR) {
        return SOMA_ERROR;
    }

    answer = writer->state;

    if (rc == SOMA_OK) {
        answer->v.arena = writer->arena;
        answer->form = soma_ollama_surface_form(writer->ask);
        answer->v.model = writer->model;
    }

    answer->elapsed = writer->elapsed;

    rc = soma_ollama_embed_write(answer, out, event);

    if (rc == SOMA_DECLINED) {
        writer->error = "the answer has more in it than is taken, or no "
                        "vector that can be read";
    }

    return rc;
}


soma_str_t
soma_ollama_path(soma_arena_t *arena, const soma_inner_request_t *request)
{
    (void) arena;

    return (request->task == SOMA_INNER_INPUTS) ? SOMA_STR("/api/embed")
                                                : SOMA_STR("/api/chat");
}


int
soma_ollama_write_request(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_ask_t *ask,
    soma_inner_loss_t *loss)
{
    (void) ask;

    return soma_ollama_write(out, request, loss);
}


static soma_ollama_events_t *
soma_ollama_translate_decoder(soma_decoder_t *decoder)
{
    soma_ollama_events_t  *answer;

    switch (soma_translate_state(decoder->arena, &decoder->state,
                                 sizeof(soma_ollama_events_t)))
    {
    case SOMA_OK:
        answer = decoder->state;
        answer->request = decoder->request;
        soma_translate_events(&answer->events, decoder);
        return answer;

    case SOMA_DECLINED:
        return decoder->state;

    default:
        return NULL;
    }
}


int
soma_ollama_read_whole(soma_decoder_t *decoder, soma_str_t body)
{
    soma_ollama_events_t  *answer;

    answer = soma_ollama_translate_decoder(decoder);

    if (answer == NULL) {
        return SOMA_ERROR;
    }

    return (decoder->api == SOMA_API_EMBEDDINGS)
           ? soma_ollama_events_embed(answer, body)
           : soma_ollama_events_whole(answer, body);
}


int
soma_ollama_read_event(soma_decoder_t *decoder, soma_sse_event_t *event)
{
    soma_ollama_events_t  *answer;

    answer = soma_ollama_translate_decoder(decoder);

    return answer ? soma_ollama_events_line(answer, event->data) : SOMA_ERROR;
}


int
soma_ollama_read_end(soma_decoder_t *decoder)
{
    soma_ollama_events_t  *answer;

    answer = soma_ollama_translate_decoder(decoder);

    return answer ? soma_ollama_events_end(answer) : SOMA_ERROR;
}
