
/*
 * Copyright (C) The ngx_soma authors
 *
 * A request of Cohere's Chat API and the inner form.
 */


#ifndef SOMA_COHERE_REQUEST_H
#define SOMA_COHERE_REQUEST_H


#include "soma_fill.h"
#include "soma_pieces.h"


#define SOMA_COHERE_WHY  "has no place in a request of Cohere's API"


/*
 * Reads a body, whole in memory, which must outlive the request.  SOMA_OK;
 * SOMA_ERROR: *error is a sentence for the client in the arena or constant,
 * NULL where there was no memory.
 */
int soma_cohere_request_read(soma_inner_request_t *request,
    soma_arena_t *arena, soma_str_t body, const char **error);

/*
 * Writes the body for a provider.  SOMA_OK; SOMA_DECLINED: loss->refused is
 * a member that it has no place for; SOMA_ERROR: no memory.
 */
int soma_cohere_write(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);


/* for tables of members: how soon it is to be answered, and in
 * soma_cohere_turns.c what was said */
int soma_cohere_request_priority(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
int soma_cohere_turns(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value);

/* soma_cohere_write_turns.c: "messages" and "documents" */
int soma_cohere_write_turns(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);


#endif /* SOMA_COHERE_REQUEST_H */
