
/*
 * Copyright (C) The ngx_soma authors
 *
 * Reads what a provider answers to a request of Cohere's Chat API.
 */


#ifndef SOMA_COHERE_EVENTS_H
#define SOMA_COHERE_EVENTS_H


#include "soma_events.h"


/* zeroed, with the first part of "events" filled in */
typedef struct {
    soma_events_t  events;

    unsigned       called:1;        /* private */
} soma_cohere_events_t;


/*
 * A whole answer, or one event of a stream: the bytes of its "data".  What
 * is no JSON object is a FAILED of a whole answer, and nothing in a stream.
 * SOMA_OK; SOMA_ERROR: no memory, or the sink said so.
 */
int soma_cohere_events_whole(soma_cohere_events_t *answer, soma_str_t body);
int soma_cohere_events_event(soma_cohere_events_t *answer, soma_str_t data);

/* the connection's end: SOMA_OK; SOMA_DECLINED: the stream was cut, and whoever
 * has the connection says so; SOMA_ERROR as above */
int soma_cohere_events_end(soma_cohere_events_t *answer);

/* for soma_cohere_embed_provider.c: FAILED where an answer is an error; the
 * counts of an answer, in the object that it calls so */
int soma_cohere_events_refused(soma_events_t *events, soma_str_t body);
int soma_cohere_events_usage(soma_events_t *events, soma_str_t end,
    const char *name);


#endif /* SOMA_COHERE_EVENTS_H */
