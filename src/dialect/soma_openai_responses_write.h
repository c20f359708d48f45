
/*
 * Copyright (C) The ngx_soma authors
 *
 * OpenAI's Responses API as a provider's: requests out of the inner form, and
 * answers into it.  Nothing is kept there ("store": false), so that reasoning
 * travels encrypted with the conversation.  Source: OpenAI's API reference,
 * "Create a model response", "Streaming events".
 */


#ifndef SOMA_OPENAI_RESPONSES_WRITE_H
#define SOMA_OPENAI_RESPONSES_WRITE_H


#include "soma_events.h"
#include "soma_pieces.h"


#define SOMA_OPENAI_RESPONSES_LEAST  16     /* tokens, of max_output_tokens */

#define SOMA_OPENAI_RESPONSES_WHY                                             \
    "has no place in a request of OpenAI's Responses API"


/* as soma_dialect_t has it */
int soma_openai_responses_write_request(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);

/* soma_openai_responses_write_input.c: the member "input" */
int soma_openai_responses_write_input(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);


/* an answer: zeroed, with "events" filled in as soma_events.h says */
typedef struct {
    soma_events_t                events;
    const soma_inner_request_t  *request;   /* that it answers, or NULL */
    unsigned                     called:1;  /* it has a call */
} soma_openai_responses_events_t;

int soma_openai_responses_events_whole(
    soma_openai_responses_events_t *answer, soma_str_t body);
int soma_openai_responses_events_event(
    soma_openai_responses_events_t *answer, soma_str_t data);
int soma_openai_responses_events_end(soma_openai_responses_events_t *answer);

/* soma_openai_responses_items.c: of a stream what is said of one item, and an
 * item that is whole */
int soma_openai_responses_items_event(soma_openai_responses_events_t *answer,
    soma_str_t type, soma_str_t event);
int soma_openai_responses_items_whole(soma_openai_responses_events_t *answer,
    uint32_t index, soma_str_t item);


#endif /* SOMA_OPENAI_RESPONSES_WRITE_H */
