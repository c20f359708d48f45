
/*
 * Copyright (C) The ngx_soma authors
 *
 * Reads what a provider answers to a request of Google's API.
 */


#ifndef SOMA_GEMINI_EVENTS_H
#define SOMA_GEMINI_EVENTS_H


#include "soma_dialect.h"
#include "soma_events.h"


/* a call whose arguments Vertex streams: a path into them at a time */
#define SOMA_GEMINI_PATH_MAX  1024      /* bytes */
#define SOMA_GEMINI_PATH_DEPTH  32


/* the place in a call's arguments that is open */
typedef struct {
    unsigned char         path[SOMA_GEMINI_PATH_MAX];   /* of the last value */
    size_t                len;
    unsigned              depth;        /* objects and arrays open */
    unsigned char         kind[SOMA_GEMINI_PATH_DEPTH];     /* '{' or '[' */
    unsigned              begun:1;
    unsigned              string:1;     /* the value goes on */
} soma_gemini_args_t;


/* zeroed, with the first part of "events" and "request" filled in */
typedef struct {
    soma_events_t                events;
    const soma_inner_request_t  *request;   /* NULL: it is not known */

    /* private */
    soma_gemini_args_t          *args;      /* of the call that goes on */
    int64_t                      chars;     /* of the first choice's text */
    int64_t                      bytes;
    uint64_t                     sealed[SOMA_INNER_CHOICES_MAX / 64];
                                            /* the words that are open have
                                               their signature */
    uint64_t                     calls[SOMA_INNER_CHOICES_MAX / 64];
    uint64_t                     reasons[SOMA_INNER_CHOICES_MAX / 64];
    unsigned char                reason[SOMA_INNER_CHOICES_MAX];
    soma_pieces_t                scratch;   /* used again for each event */
    unsigned                     cited;     /* supports that were told */
    unsigned                     blocked:1; /* the prompt was refused */
    unsigned                     some:1;    /* there was a candidate */
} soma_gemini_events_t;


/*
 * A whole answer, which may be an array, or one event of a stream.  SOMA_OK;
 * SOMA_ERROR: no memory, or the sink said so.
 */
int soma_gemini_events_whole(soma_gemini_events_t *answer, soma_str_t body);
int soma_gemini_events_event(soma_gemini_events_t *answer, soma_str_t data);

/* the connection's end: SOMA_OK; SOMA_DECLINED: the stream was cut */
int soma_gemini_events_end(soma_gemini_events_t *answer);

/* of an embeddings API */
int soma_gemini_events_vectors(soma_gemini_events_t *answer,
    soma_str_t body);


/* empty, and good until the next one is asked for */
soma_pieces_t *soma_gemini_events_scratch(soma_gemini_events_t *answer);

/* soma_gemini_events_parts.c: one part of a candidate's content */
int soma_gemini_events_part(soma_gemini_events_t *answer, unsigned choice,
    soma_str_t part);

/* soma_gemini_events_args.c: a functionCall, whole or as it streams */
int soma_gemini_events_call(soma_gemini_events_t *answer, unsigned choice,
    soma_str_t call, soma_str_t signature);
int soma_gemini_events_signed(soma_gemini_events_t *answer, unsigned choice,
    soma_events_open_t *open, soma_str_t signature);

/* soma_gemini_events_more.c: usage, errors, logprobs, citations */
int soma_gemini_events_usage(soma_gemini_events_t *answer, soma_str_t object);
int soma_gemini_events_error(soma_gemini_events_t *answer, soma_str_t object);
int soma_gemini_events_probs(soma_gemini_events_t *answer, unsigned choice,
    soma_str_t candidate);
int soma_gemini_events_cites(soma_gemini_events_t *answer, unsigned choice,
    soma_str_t candidate);


#endif /* SOMA_GEMINI_EVENTS_H */
