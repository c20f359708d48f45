
/*
 * Copyright (C) The ngx_soma authors
 *
 * Embeddings between Google's API and the inner form, and what countTokens
 * answers.
 */


#ifndef SOMA_GEMINI_EMBEDDINGS_H
#define SOMA_GEMINI_EMBEDDINGS_H


#include "soma_inner.h"
#include "soma_pieces.h"
#include "soma_vectors.h"


#define SOMA_GEMINI_VECTORS_MAX  (64 * 1024 * 1024)     /* bytes of them */


/* zeroed and filled in by the caller */
typedef struct {
    soma_vectors_t  v;
    unsigned        batch:1;        /* a list of them is asked for */
    unsigned        count:1;        /* no vector at all, but the prompt's
                                       tokens */
} soma_gemini_embeddings_t;


/* as soma_gemini_answer_write(); SOMA_DECLINED: beyond the bound, or a vector
 * that is none */
int soma_gemini_embeddings_write(soma_gemini_embeddings_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event);


#endif /* SOMA_GEMINI_EMBEDDINGS_H */
