
/*
 * Copyright (C) The ngx_soma authors
 *
 * Writes answers of Anthropic's Messages API out of the inner form, whole
 * and streamed.  Source: Anthropic's API reference, "Create a Message" and
 * "Streaming messages".
 */


#ifndef SOMA_ANTHROPIC_ANSWER_H
#define SOMA_ANTHROPIC_ANSWER_H


#include "soma_inner.h"
#include "soma_pieces.h"


/* bytes of blocks that wait for the one before them, for a stream of this
 * dialect has one block at a time */
#define SOMA_ANTHROPIC_HELD_MAX  (4 * 1024 * 1024)


typedef struct soma_anthropic_open_s  soma_anthropic_open_t;

struct soma_anthropic_open_s {
    soma_anthropic_open_t   *next;
    unsigned                 block;
    soma_inner_kind_e        kind;
    soma_inner_tool_e        tool;
    soma_pieces_t            head;      /* CALL: id and name, as members;
                                           OPAQUE: all of it */
    soma_pieces_t            text;      /* of a whole answer, or that waits */
    soma_pieces_t            cites;     /* likewise: "," before each */
    soma_pieces_t            seal;      /* likewise: signature or opaque */
    unsigned                 sealed:1;  /* there is a signature */
    unsigned                 redacted:1;    /* what is sealed is opaque */
    unsigned                 started:1;
    unsigned                 closed:1;
};


/* zeroed and filled in by the caller: what it says of the request */
typedef struct {
    soma_arena_t            *arena;
    soma_str_t               id;        /* name: where the provider has none */
    soma_str_t               model;     /* name: likewise */
    soma_usage_t             usage;     /* of the prompt, as it was counted
                                           here: message_start says so where
                                           the provider has not spoken yet */
    int64_t                  cost;      /* nano-USD, to stand in the usage of a
                                           stream's end; -1: not told */
    unsigned                 stream:1;

    /* out, at SOMA_DECLINED: a constant sentence */
    const char              *error;

    /* private */
    soma_anthropic_open_t   *open;      /* in their order; of a stream the
                                           first one is being written */
    soma_anthropic_open_t  **last;
    soma_anthropic_open_t   *spare;
    soma_pieces_t            stop;      /* the stop sequence, with quotes */
    size_t                   held;      /* bytes */
    unsigned                 nopen;
    unsigned                 index;     /* of the block being written */
    soma_inner_finish_e      finish;
    unsigned                 calls:1;
    unsigned                 refused:1;
    unsigned                 begun:1;   /* message_start is written */
    unsigned                 failed:1;
    unsigned                 done:1;
} soma_anthropic_answer_t;


/*
 * Takes the next event; what the client is to get for it is put into "out":
 * of a stream at once, of a whole answer all of it at SOMA_INNER_END.
 * Choices but the first are left out.  SOMA_OK; SOMA_DECLINED: the answer is
 * beyond a bound, or, whole, has a call whose arguments are no JSON object:
 * answer->error says so; SOMA_ERROR: no memory.
 */
int soma_anthropic_answer_write(soma_anthropic_answer_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event);

/* what an error of that HTTP status is called */
const char *soma_anthropic_answer_error(int status);

/* soma_anthropic_answer_blocks.c: a new block, the last of the list; what of
 * it is known as it begins; the one that an event is about, if it is open;
 * what the event adds to it */
int soma_anthropic_answer_new(soma_anthropic_answer_t *answer,
    soma_anthropic_open_t **result);
void soma_anthropic_answer_head(soma_anthropic_answer_t *answer,
    soma_anthropic_open_t *open, const soma_inner_event_t *event);
soma_anthropic_open_t *soma_anthropic_answer_open(
    soma_anthropic_answer_t *answer, const soma_inner_event_t *event);
void soma_anthropic_answer_keep(soma_anthropic_open_t *open,
    const soma_inner_event_t *event);

/* for soma_anthropic_answer_whole.c */
void soma_anthropic_answer_usage(soma_pieces_t *out,
    const soma_usage_t *usage, int64_t cost);
void soma_anthropic_answer_stop(soma_anthropic_answer_t *answer,
    soma_pieces_t *out);
int soma_anthropic_answer_whole(soma_anthropic_answer_t *answer,
    soma_pieces_t *out);


#endif /* SOMA_ANTHROPIC_ANSWER_H */
