
/*
 * Copyright (C) The ngx_soma authors
 *
 * The parts of a chat request that is written out of the inner form: see
 * soma_openai_write() in soma_openai_request.h, whose words for what they
 * return hold for them.
 */


#ifndef SOMA_OPENAI_WRITE_H
#define SOMA_OPENAI_WRITE_H


#include "soma_openai_request.h"


#define SOMA_OPENAI_WHY  "has no place in a chat request of OpenAI's API"

#define SOMA_OPENAI_STOPS_MAX  4


/* members with their names */
int soma_openai_write_turns(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);
int soma_openai_write_tools(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);

/* one part of a content; nothing for a call, a result or reasoning */
int soma_openai_write_part(soma_pieces_t *out,
    const soma_inner_block_t *block, soma_inner_loss_t *loss);

/* whether it is one of a content */
unsigned soma_openai_write_said(const soma_inner_block_t *block);


#endif /* SOMA_OPENAI_WRITE_H */
