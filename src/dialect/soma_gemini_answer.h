
/*
 * Copyright (C) The ngx_soma authors
 *
 * Writes answers of Google's generateContent out of the inner form, whole and
 * streamed, as events or as an array.  Source: Google's reference of
 * GenerateContentResponse.
 */


#ifndef SOMA_GEMINI_ANSWER_H
#define SOMA_GEMINI_ANSWER_H


#include "soma_inner.h"
#include "soma_pieces.h"


/* bytes of calls, pictures and signatures that wait for their ends: this
 * dialect has each of them whole in one part */
#define SOMA_GEMINI_HELD_MAX  (32 * 1024 * 1024)


typedef struct soma_gemini_open_s  soma_gemini_open_t;

struct soma_gemini_open_s {
    soma_gemini_open_t   *next;
    unsigned              choice;
    unsigned              block;
    soma_inner_kind_e     kind;
    soma_inner_tool_e     tool;
    soma_pieces_t         head;         /* CALL: id and name, as members;
                                           media: the type */
    soma_pieces_t         text;         /* what waits of its words, arguments
                                           or bytes */
    soma_pieces_t         seal;         /* the signature, as it is to stand */
    unsigned              said:1;       /* some of its words were written */
};


/* what is known of one choice */
typedef struct {
    soma_pieces_t         parts;        /* of a whole answer, with commas */
    soma_pieces_t         seal;         /* of reasoning that was not said: for
                                           the next part */
    soma_pieces_t         probs;        /* of all its tokens, as they came */
    soma_pieces_t         tops;
    soma_pieces_t         chunks;       /* what it cites, with commas */
    unsigned              nchunks;
    soma_inner_finish_e   finish;
    unsigned              calls:1;
} soma_gemini_choice_t;


/* zeroed and filled in by the caller: what it says of the request */
typedef struct {
    soma_arena_t         *arena;
    soma_str_t            id;           /* name: where the provider has none */
    soma_str_t            model;        /* name: likewise */
    soma_usage_t          usage;        /* of the prompt, as it was counted
                                           here, until the provider speaks */
    int64_t               cost;         /* nano-USD, to stand in a stream's
                                           last usage; -1: not told */
    unsigned              stream:1;
    unsigned              sse:1;        /* a stream of events, not an array */

    /* out, at SOMA_DECLINED: a constant sentence */
    const char           *error;

    /* private */
    soma_gemini_choice_t *choices[SOMA_INNER_CHOICES_MAX];
    unsigned              nchoices;     /* the highest + 1 */
    soma_gemini_open_t   *open;
    soma_gemini_open_t   *spare;
    soma_pieces_t         scratch;      /* of parts, used again for each event
                                           of a stream */
    unsigned              nopen;
    size_t                held;         /* bytes */
    unsigned              begun:1;      /* something of it is written */
    unsigned              failed:1;
    unsigned              done:1;
} soma_gemini_answer_t;


/*
 * Takes the next event; what the client is to get for it is put into "out":
 * of a stream at once, of a whole answer all of it at SOMA_INNER_END.  SOMA_OK;
 * SOMA_DECLINED: answer->error says why; SOMA_ERROR: no memory.
 */
int soma_gemini_answer_write(soma_gemini_answer_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event);


/* soma_gemini_answer_part.c: what a block is to a client.  All of it that
 * waits, as parts with commas between; "last": nothing more comes of it */
int soma_gemini_answer_part(soma_gemini_answer_t *answer,
    soma_gemini_choice_t *choice, soma_gemini_open_t *open, unsigned last,
    soma_pieces_t *parts);

/* a signature as a part may have it: its maker's as it is, another's in an
 * envelope */
void soma_gemini_answer_seal(soma_pieces_t *out,
    const soma_inner_event_t *event);

/* soma_gemini_answer_more.c: what stands beside a candidate's content */
int soma_gemini_answer_cite(soma_gemini_choice_t *choice,
    const soma_inner_event_t *event);
int soma_gemini_answer_prob(soma_gemini_choice_t *choice,
    const soma_inner_event_t *event);
void soma_gemini_answer_more(soma_pieces_t *out, soma_gemini_choice_t *choice);
void soma_gemini_answer_usage(soma_pieces_t *out, const soma_usage_t *usage,
    int64_t cost);


#endif /* SOMA_GEMINI_ANSWER_H */
