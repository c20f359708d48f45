
/*
 * Copyright (C) The ngx_soma authors
 *
 * Requests and answers of Cohere's Embed API and the inner form: each text is
 * a turn, each vector an event.  Sources: Cohere's API reference, "Embed",
 * v2; the types of its official client (MIT), version 7.3.1.
 */


#ifndef SOMA_COHERE_EMBED_H
#define SOMA_COHERE_EMBED_H


#include "soma_events.h"
#include "soma_fill.h"
#include "soma_pieces.h"
#include "soma_vectors.h"


#define SOMA_COHERE_EMBED_MAX        (64 * 1024 * 1024)     /* bytes of the
                                                               vectors */
#define SOMA_COHERE_EMBED_TEXTS_MAX  96     /* of a request to a provider */


/* zeroed and filled in by the caller */
typedef struct {
    soma_vectors_t               v;
    const soma_inner_request_t  *request;   /* that is answered; NULL: it was
                                               not read */
} soma_cohere_embed_t;


/* a client's half, as soma_dialect_t has it */
int soma_cohere_embed_read(soma_inner_request_t *request,
    soma_arena_t *arena, soma_str_t body, const char **error);
int soma_cohere_embed_write(soma_cohere_embed_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event);


/* soma_cohere_embed_provider.c: the request for a provider, and its whole
 * answer */
int soma_cohere_embed_request(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);
int soma_cohere_embed_events(soma_events_t *events, soma_str_t body);


#endif /* SOMA_COHERE_EMBED_H */
