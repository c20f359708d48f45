
/*
 * Copyright (C) The ngx_soma authors
 *
 * Reads what a provider answers to a chat request of OpenAI's API, and what
 * compatible servers make of it: reasoning under several names, usage in
 * several places, calls without a number or an id, errors in a 200.
 */


#ifndef SOMA_OPENAI_EVENTS_H
#define SOMA_OPENAI_EVENTS_H


#include "soma_events.h"


/* zeroed, with "events" filled in as soma_events.h says */
typedef struct {
    soma_events_t  events;
} soma_openai_events_t;


/*
 * A whole answer, or one event of a stream: the bytes of its "data", [DONE]
 * among them.  What is no JSON object is a FAILED of a whole answer, and
 * nothing in a stream.  SOMA_OK; SOMA_ERROR: no memory, or the sink said so.
 */
int soma_openai_events_whole(soma_openai_events_t *answer, soma_str_t body);
int soma_openai_events_event(soma_openai_events_t *answer, soma_str_t data);

/* the connection's end: SOMA_OK, also without [DONE] where all choices have
 * finished; SOMA_DECLINED: the stream was cut, and whoever has the
 * connection says so; SOMA_ERROR as above */
int soma_openai_events_end(soma_openai_events_t *answer);

/* for soma_openai_events_calls.c and _usage.c */
int soma_openai_events_calls(soma_events_t *events, unsigned choice,
    soma_str_t message);
int soma_openai_events_usage(soma_events_t *events, soma_str_t chunk);

/* soma_openai_events_seals.c: of a message its reasoning_details, of a call
 * its extra_content */
int soma_openai_events_details(soma_events_t *events, unsigned index,
    soma_str_t message);
int soma_openai_events_extra(soma_events_t *events, soma_events_open_t *open,
    soma_str_t call);


/* errors of all of OpenAI's APIs: FAILED where an object has one, and the
 * status that goes with what it says */
int soma_openai_events_error(soma_events_t *events, soma_str_t chunk);
int soma_openai_events_status(soma_str_t type, soma_str_t code,
    soma_str_t error);


#endif /* SOMA_OPENAI_EVENTS_H */
