
/*
 * Copyright (C) The ngx_soma authors
 *
 * Writes requests of OpenAI's Responses API out of the inner form.  Source:
 * OpenAI's API reference, "Create a model response".  The provider keeps
 * nothing: what the model thought comes back encrypted, and goes to it again
 * before the call that it led to.
 */


#ifndef SOMA_OPENAI_RESPONSES_WRITE_H
#define SOMA_OPENAI_RESPONSES_WRITE_H


#include "soma_inner.h"
#include "soma_pieces.h"


#define SOMA_OPENAI_RESPONSES_WHY                                             \
    "has no place in a request of OpenAI's Responses API"

#define SOMA_OPENAI_RESPONSES_BOUND_MIN  16     /* tokens of an answer */


/* as soma_dialect_t has it, and what is beside the conversation */
int soma_openai_responses_write_request(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);

/* parts of it, each with the names of its members */
int soma_openai_responses_write_input(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);
int soma_openai_responses_write_tools(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);

/* what a user says, or a tool gave back: one part of a list; SOMA_OK,
 * SOMA_DECLINED with loss->refused, or SOMA_ERROR */
int soma_openai_responses_write_part(soma_pieces_t *out,
    const soma_inner_block_t *block, soma_inner_loss_t *loss);


#endif /* SOMA_OPENAI_RESPONSES_WRITE_H */
