
/*
 * Copyright (C) The ngx_soma authors
 *
 * A provider of OpenAI's that is asked by its Responses API whoever asks.
 * Clients of OpenAI's own dialect have their bytes passed to all of its
 * endpoints but those of chats and completions; embeddings are asked for where
 * they are, by the other ones too.
 */


#include "soma_openai.h"
#include "soma_openai_responses.h"
#include "soma_openai_responses_events.h"
#include "soma_openai_responses_write.h"
#include "soma_openai_shared.h"
#include "soma_translate.h"


#define SOMA_OPENAI_RESPONSES_ASKED                                           \
    (1u << SOMA_API_CHAT | 1u << SOMA_API_COMPLETIONS)


static soma_api_e soma_openai_responses_answers(soma_api_e api);
static soma_str_t soma_openai_responses_path(soma_arena_t *arena,
    const soma_inner_request_t *request);
static int soma_openai_responses_said(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_ask_t *ask,
    soma_inner_loss_t *loss);
static soma_openai_responses_events_t *soma_openai_responses_decoder(
    soma_decoder_t *decoder);
static int soma_openai_responses_read_whole(soma_decoder_t *decoder,
    soma_str_t body);
static int soma_openai_responses_read_event(soma_decoder_t *decoder,
    soma_sse_event_t *event);
static int soma_openai_responses_read_end(soma_decoder_t *decoder);


const soma_dialect_t  soma_openai_responses = {
    .name = soma_string("openai-responses"),

    .kin = &soma_openai,
    .kin_apis = ~SOMA_OPENAI_RESPONSES_ASKED,

    .want = soma_openai_want,
    .prompt = &soma_openai_prompt,

    .credential = soma_string("Authorization: Bearer "),
    .args = soma_openai_args,
    .stored_args = soma_openai_stored_args,
    .apis = SOMA_OPENAI_RESPONSES_ASKED | 1u << SOMA_API_EMBEDDINGS,
    .path = soma_openai_responses_path,
    .answers = soma_openai_responses_answers,
    .splice_path = soma_openai_splice_path,
    .splice = soma_openai_encode,
    .write_request = soma_openai_responses_said,
    .tool_names = &soma_openai_shared_names,
    .call_ids = &soma_openai_shared_names,
    .framing = SOMA_FRAMING_SSE,
    .body = soma_openai_body,
    .event = soma_openai_event,
    .part = soma_openai_part,
    .verdict = soma_openai_verdict,
    .refusal = soma_openai_refusal,
    .read_whole = soma_openai_responses_read_whole,
    .read_event = soma_openai_responses_read_event,
    .read_end = soma_openai_responses_read_end
};


static soma_api_e
soma_openai_responses_answers(soma_api_e api)
{
    return (SOMA_OPENAI_RESPONSES_ASKED >> api & 1) ? SOMA_API_RESPONSES
                                                    : api;
}


static soma_str_t
soma_openai_responses_path(soma_arena_t *arena,
    const soma_inner_request_t *request)
{
    return (request->task == SOMA_INNER_INPUTS)
           ? soma_openai_path(arena, request) : SOMA_STR("/responses");
}


static int
soma_openai_responses_said(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_ask_t *ask,
    soma_inner_loss_t *loss)
{
    return (request->task == SOMA_INNER_INPUTS)
           ? soma_openai_write_request(out, request, ask, loss)
           : soma_openai_responses_write_request(out, request, loss);
}


static soma_openai_responses_events_t *
soma_openai_responses_decoder(soma_decoder_t *decoder)
{
    int                              rc;
    soma_openai_responses_events_t  *answer;

    rc = soma_translate_state(decoder->arena, &decoder->state,
                              sizeof(soma_openai_responses_events_t));
    answer = decoder->state;

    if (rc == SOMA_OK) {
        soma_translate_events(&answer->events, decoder);
        answer->events.request = decoder->request;
        answer->events.names = &soma_openai_shared_names;
    }

    return answer;
}


static int
soma_openai_responses_read_whole(soma_decoder_t *decoder, soma_str_t body)
{
    soma_openai_responses_events_t  *answer;

    if (decoder->api == SOMA_API_EMBEDDINGS) {
        return soma_openai_read_whole(decoder, body);
    }

    answer = soma_openai_responses_decoder(decoder);

    return answer ? soma_openai_responses_events_whole(answer, body)
                  : SOMA_ERROR;
}


static int
soma_openai_responses_read_event(soma_decoder_t *decoder,
    soma_sse_event_t *event)
{
    soma_openai_responses_events_t  *answer;

    answer = soma_openai_responses_decoder(decoder);

    return answer ? soma_openai_responses_events_event(answer, event->data)
                  : SOMA_ERROR;
}


static int
soma_openai_responses_read_end(soma_decoder_t *decoder)
{
    soma_openai_responses_events_t  *answer;

    answer = soma_openai_responses_decoder(decoder);

    return answer ? soma_openai_responses_events_end(answer) : SOMA_ERROR;
}
