
/*
 * Copyright (C) The ngx_soma authors
 *
 * OpenAI as a provider that is asked by its Responses API, whatever its
 * clients speak: some of its models do all they can by that one alone.
 */


#include "soma_openai.h"
#include "soma_openai_responses_write.h"


static soma_api_e soma_openai_responses_provider_answers(soma_api_e api);
static soma_str_t soma_openai_responses_provider_path(soma_arena_t *arena,
    const soma_inner_request_t *request);
static int soma_openai_responses_provider_write(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_ask_t *ask,
    soma_inner_loss_t *loss);
static soma_openai_responses_events_t *soma_openai_responses_provider_decoder(
    soma_decoder_t *decoder);
static int soma_openai_responses_provider_whole(soma_decoder_t *decoder,
    soma_str_t body);
static int soma_openai_responses_provider_event(soma_decoder_t *decoder,
    soma_sse_event_t *event);
static int soma_openai_responses_provider_end(soma_decoder_t *decoder);


const soma_dialect_t  soma_openai_responses = {
    .name = soma_string("openai-responses"),

    .kin = &soma_openai,
    .kin_apis = ~(1u << SOMA_API_CHAT | 1u << SOMA_API_COMPLETIONS),
    .want = soma_openai_want,
    .prompt = &soma_openai_prompt,

    .own_headers = soma_string("openai-"),
    .credential = soma_string("Authorization: Bearer "),
    .args = soma_openai_args,
    .stored_args = soma_openai_stored_args,
    .apis = SOMA_API_TALKS,
    .path = soma_openai_responses_provider_path,
    .answers = soma_openai_responses_provider_answers,
    .tool_names = &soma_openai_tool_names,
    .call_ids = &soma_openai_call_ids,
    .splice = soma_openai_encode,
    .write_request = soma_openai_responses_provider_write,
    .framing = SOMA_FRAMING_SSE,
    .body = soma_openai_body,
    .event = soma_openai_event,
    .part = soma_openai_part,
    .verdict = soma_openai_verdict,
    .refusal = soma_openai_refusal,
    .read_whole = soma_openai_responses_provider_whole,
    .read_event = soma_openai_responses_provider_event,
    .read_end = soma_openai_responses_provider_end
};


static soma_api_e
soma_openai_responses_provider_answers(soma_api_e api)
{
    return (1u << api & SOMA_API_TALKS) ? SOMA_API_RESPONSES : api;
}


static soma_str_t
soma_openai_responses_provider_path(soma_arena_t *arena,
    const soma_inner_request_t *request)
{
    (void) arena;
    (void) request;

    return SOMA_STR("/responses");
}


static int
soma_openai_responses_provider_write(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_ask_t *ask,
    soma_inner_loss_t *loss)
{
    (void) ask;

    if (request->task != SOMA_INNER_CONVERSATION && request->nturns > 1) {
        return soma_inner_lose(loss, SOMA_STR("prompt"),
                               "of several texts "
                               SOMA_OPENAI_RESPONSES_WHY);
    }

    return soma_openai_responses_write_request(out, request, loss);
}


static soma_openai_responses_events_t *
soma_openai_responses_provider_decoder(soma_decoder_t *decoder)
{
    soma_arena_t                    *arena;
    soma_openai_responses_events_t  *answer;

    if (decoder->state != NULL) {
        return decoder->state;
    }

    arena = decoder->arena;

    answer = arena->alloc(arena->data,
                          sizeof(soma_openai_responses_events_t));
    if (answer == NULL) {
        return NULL;
    }

    memset(answer, 0, sizeof(soma_openai_responses_events_t));

    answer->events.arena = arena;
    answer->events.sink = decoder->sink;
    answer->events.data = decoder->data;
    answer->events.seed = decoder->seed;
    answer->request = decoder->request;

    decoder->state = answer;

    return answer;
}


static int
soma_openai_responses_provider_whole(soma_decoder_t *decoder, soma_str_t body)
{
    soma_openai_responses_events_t  *answer;

    answer = soma_openai_responses_provider_decoder(decoder);

    return answer ? soma_openai_responses_events_whole(answer, body)
                  : SOMA_ERROR;
}


static int
soma_openai_responses_provider_event(soma_decoder_t *decoder,
    soma_sse_event_t *event)
{
    soma_openai_responses_events_t  *answer;

    answer = soma_openai_responses_provider_decoder(decoder);

    return answer ? soma_openai_responses_events_event(answer, event->data)
                  : SOMA_ERROR;
}


static int
soma_openai_responses_provider_end(soma_decoder_t *decoder)
{
    soma_openai_responses_events_t  *answer;

    answer = soma_openai_responses_provider_decoder(decoder);

    return answer ? soma_openai_responses_events_end(answer) : SOMA_ERROR;
}
