
/*
 * Copyright (C) The ngx_soma authors
 *
 * Reads what Bedrock answers to a request of Converse.
 */


#ifndef SOMA_BEDROCK_EVENTS_H
#define SOMA_BEDROCK_EVENTS_H


#include "soma_events.h"
#include "soma_sse.h"


/* zeroed, with the first part of "events" filled in */
typedef struct {
    soma_events_t  events;

    /* private: the last word of each count */
    int64_t        input;           /* neither from the cache nor to it */
    int64_t        cached;
    int64_t        written;
    int64_t        letters;         /* of the text at hand, for citations */
    uint32_t       lettered;        /* the provider's number of it */
    unsigned       stopped:1;       /* there was a messageStop */
    unsigned       metered:1;       /* and a metadata */
} soma_bedrock_events_t;


/*
 * A whole answer, or one frame of a stream.  What is no JSON object is a
 * FAILED of a whole answer, and nothing in a stream.  SOMA_OK; SOMA_ERROR: no
 * memory, or the sink said so.
 */
int soma_bedrock_events_whole(soma_bedrock_events_t *answer,
    soma_str_t body);
int soma_bedrock_events_event(soma_bedrock_events_t *answer,
    const soma_sse_event_t *event);

/* the connection's end: SOMA_OK; SOMA_DECLINED: the stream was cut, and whoever
 * has the connection says so; SOMA_ERROR as above */
int soma_bedrock_events_end(soma_bedrock_events_t *answer);


/* for both of its files: the block of that number, of that kind; one of another
 * kind is over then.  NULL: there is none, and it is begun where "begin" */
int soma_bedrock_events_open(soma_bedrock_events_t *answer, uint32_t index,
    soma_inner_kind_e kind, unsigned begin, soma_events_open_t **open);

/* soma_bedrock_events_parts.c: what blocks and pieces of them hold */
int soma_bedrock_events_block(soma_bedrock_events_t *answer, uint32_t index,
    soma_str_t block);
int soma_bedrock_events_call(soma_bedrock_events_t *answer, uint32_t index,
    soma_str_t call, soma_events_open_t **open);
int soma_bedrock_events_piece(soma_bedrock_events_t *answer, uint32_t index,
    soma_str_t delta);
int soma_bedrock_events_picture(soma_bedrock_events_t *answer,
    uint32_t index, soma_str_t image, unsigned begin);


#endif /* SOMA_BEDROCK_EVENTS_H */
