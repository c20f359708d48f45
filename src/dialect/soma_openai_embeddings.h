
/*
 * Copyright (C) The ngx_soma authors
 *
 * Requests and answers of OpenAI's embeddings API and the inner form: each
 * input is a turn, each vector an event.  Source: OpenAI's API reference,
 * "Create embeddings".
 */


#ifndef SOMA_OPENAI_EMBEDDINGS_H
#define SOMA_OPENAI_EMBEDDINGS_H


#include "soma_fill.h"
#include "soma_openai_events.h"
#include "soma_pieces.h"
#include "soma_vectors.h"


#define SOMA_OPENAI_EMBEDDINGS_MAX  (128 * 1024 * 1024)     /* bytes of an
                                                               answer */


/* as soma_dialect_t has them */
int soma_openai_embeddings_read(soma_inner_request_t *request,
    soma_arena_t *arena, soma_str_t body, const char **error);
int soma_openai_embeddings_write(soma_vectors_t *vectors,
    soma_pieces_t *out, const soma_inner_event_t *event);


/* soma_openai_embeddings_provider.c: the request for a provider, and its
 * whole answer */
int soma_openai_embeddings_request(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);
int soma_openai_embeddings_events(soma_openai_events_t *answer,
    soma_str_t body);


#endif /* SOMA_OPENAI_EMBEDDINGS_H */
