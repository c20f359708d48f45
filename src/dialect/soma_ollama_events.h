
/*
 * Copyright (C) The ngx_soma authors
 *
 * Answers of Ollama as events of the inner form, whole and streamed: a whole
 * one is a stream's only line.
 */


#ifndef SOMA_OLLAMA_EVENTS_H
#define SOMA_OLLAMA_EVENTS_H


#include "soma_dialect.h"
#include "soma_events.h"


typedef struct {
    soma_events_t                events;
    const soma_inner_request_t  *request;   /* NULL: not known */

    /* private */
    unsigned                     called:1;  /* it has a call */
} soma_ollama_events_t;


/* as soma_dialect_t has them */
int soma_ollama_events_line(soma_ollama_events_t *answer, soma_str_t data);
int soma_ollama_events_whole(soma_ollama_events_t *answer, soma_str_t body);
int soma_ollama_events_embed(soma_ollama_events_t *answer, soma_str_t body);
int soma_ollama_events_end(soma_ollama_events_t *answer);

/* logprobs of a line, in the form that they have in the inner one
 * (soma_ollama_probs.c) */
int soma_ollama_probs_read(soma_events_t *events, soma_str_t line);


#endif /* SOMA_OLLAMA_EVENTS_H */
