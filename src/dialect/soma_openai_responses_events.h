
/*
 * Copyright (C) The ngx_soma authors
 *
 * Reads what a provider answers to a request of OpenAI's Responses API.
 */


#ifndef SOMA_OPENAI_RESPONSES_EVENTS_H
#define SOMA_OPENAI_RESPONSES_EVENTS_H


#include "soma_events.h"


#define SOMA_OPENAI_RESPONSES_ITEMS  1024   /* of an answer */
#define SOMA_OPENAI_RESPONSES_EACH   1024   /* parts of one */


/* zeroed, with the first part of "events" filled in */
typedef struct {
    soma_events_t  events;

    /* private, a bit an item */
    uint64_t       said[SOMA_OPENAI_RESPONSES_ITEMS / 64];
                                        /* some of it has come */
    uint64_t       over[SOMA_OPENAI_RESPONSES_ITEMS / 64];
    uint64_t       plain[SOMA_OPENAI_RESPONSES_ITEMS / 64];
                                        /* its reasoning is no summary */
    int64_t        part;                /* of the summary at hand */
    unsigned       calls:1;
} soma_openai_responses_events_t;


/*
 * A whole answer, or one event of a stream: the bytes of its "data".  What
 * is no JSON object is a FAILED of a whole answer, and nothing in a stream.
 * SOMA_OK; SOMA_ERROR: no memory, or the sink said so.
 */
int soma_openai_responses_events_whole(soma_openai_responses_events_t *answer,
    soma_str_t body);
int soma_openai_responses_events_event(soma_openai_responses_events_t *answer,
    soma_str_t data);

/* the connection's end: SOMA_OK; SOMA_DECLINED: the stream was cut */
int soma_openai_responses_events_end(soma_openai_responses_events_t *answer);


/* soma_openai_responses_events_items.c */

/* an item that has come whole, or comes to its end now: what of it was not
 * said before is said */
int soma_openai_responses_events_item(soma_openai_responses_events_t *answer,
    uint32_t index, soma_str_t item);

/* words of a part of an item; a part that is not open begins */
int soma_openai_responses_events_words(soma_openai_responses_events_t *answer,
    soma_inner_kind_e kind, uint32_t index, uint32_t part, soma_str_t text);

/* more of what was thought of: "part" of a summary, or not of one */
int soma_openai_responses_events_thought(
    soma_openai_responses_events_t *answer, uint32_t index, int64_t part,
    unsigned summary, soma_str_t text);

/* a call, begun where it is not yet there; of a custom tool or not */
int soma_openai_responses_events_call(soma_openai_responses_events_t *answer,
    uint32_t index, soma_inner_tool_e tool, soma_str_t item,
    soma_events_open_t **open);

/* what a text rests on, and how likely it was */
int soma_openai_responses_events_note(soma_openai_responses_events_t *answer,
    soma_events_open_t *open, soma_str_t note);
int soma_openai_responses_events_probs(soma_openai_responses_events_t *answer,
    soma_str_t object);


#endif /* SOMA_OPENAI_RESPONSES_EVENTS_H */
