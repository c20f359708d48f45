
/*
 * Copyright (C) The ngx_soma authors
 *
 * An answer of OpenAI's chat API and the inner form, whole and streamed; and
 * of the older completions API, whose answers are the same but for the choice
 * itself, which has a text and nothing else.  Source: OpenAI's API reference,
 * "The chat completion object", "chunk object" and "The completion object";
 * reasoning_content is what compatible servers and clients have agreed on.
 */


#ifndef SOMA_OPENAI_ANSWER_H
#define SOMA_OPENAI_ANSWER_H


#include "soma_inner.h"
#include "soma_pieces.h"


#define SOMA_OPENAI_THOUGHT_MAX  (1024 * 1024)  /* bytes of signed reasoning
                                                   that a stream repeats */
#define SOMA_OPENAI_ID_MAX       1024           /* of a call's id that has a
                                                   signature in it */
#define SOMA_OPENAI_CARRIED_MAX  (SOMA_OPENAI_ID_MAX - 32)


/* a block of the answer that is open, or of a whole one that was; beside them
 * what a choice has once: OPAQUE, its logprobs; SEARCH_RESULT, what its text
 * rests on */
typedef struct soma_openai_open_s  soma_openai_open_t;

struct soma_openai_open_s {
    soma_openai_open_t   *next;
    unsigned              choice;
    unsigned              block;
    unsigned              index;        /* of a call, in its choice */
    soma_inner_kind_e     kind;
    soma_inner_tool_e     tool;
    soma_str_t            id;           /* raw: with quotes */
    soma_str_t            name;         /* raw: with quotes */
    soma_pieces_t         text;         /* of a whole answer; of a stream its
                                           reasoning */
    soma_pieces_t         seal;         /* a signature or what is opaque, */
    soma_str_t            maker;        /* name: and whose it is */
    unsigned              said:1;       /* it has arguments */
    unsigned              begun:1;      /* a stream was told of the call */
    unsigned              sealed:1;
    unsigned              opaque:1;
};


/* zeroed and filled in by the caller: what it says of the request */
typedef struct {
    soma_arena_t         *arena;
    soma_str_t            id;           /* name: where the provider has none */
    soma_str_t            model;        /* name: likewise */
    int64_t               created;      /* s UTC, likewise */
    int64_t               cost;         /* nano-USD, in a stream's usage; -1:
                                           not told */
    const soma_seal_store_t  *seals;    /* NULL: none */
    unsigned              stream:1;
    unsigned              usage_asked:1;
    unsigned              completions:1;    /* of that API */
    unsigned              old:1;        /* the client knows one call only, by
                                           the form of before tools */

    /* private */
    soma_str_t            head;         /* of each chunk, up to its choices */
    soma_openai_open_t   *open;
    soma_openai_open_t  **last;
    soma_openai_open_t   *spare;
    soma_str_t            carried;      /* what signed reasoning the next call
                                           takes with it in its id */
    unsigned              nopen;
    soma_usage_t          usage;
    uint64_t              begun[SOMA_INNER_CHOICES_MAX / 64];
    uint64_t              ended[SOMA_INNER_CHOICES_MAX / 64];
    uint16_t              calls[SOMA_INNER_CHOICES_MAX];
    unsigned char         finish[SOMA_INNER_CHOICES_MAX];
    unsigned              choices;      /* the highest + 1 */
    unsigned              failed:1;
    unsigned              done:1;
} soma_openai_answer_t;


/*
 * Takes the next event; what the client is to get for it is put into "out":
 * of a stream at once, of a whole answer all of it at SOMA_INNER_END.
 * SOMA_OK; SOMA_DECLINED: the answer is beyond a bound; SOMA_ERROR: no
 * memory.
 */
int soma_openai_answer_write(soma_openai_answer_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event);


/* soma_openai_answer.c: a chunk up to the value of "delta" (of completions, to
 * where "text" is to come), its end, with logprobs where there are some, and
 * the first one of a choice; what of a choice is kept beside its blocks, NULL:
 * no memory */
void soma_openai_answer_chunk(soma_openai_answer_t *answer,
    soma_pieces_t *out, unsigned choice);
void soma_openai_answer_chunk_end(soma_openai_answer_t *answer,
    soma_pieces_t *out, const char *finish);
void soma_openai_answer_role(soma_openai_answer_t *answer,
    soma_pieces_t *out, unsigned choice);
int soma_openai_answer_new(soma_openai_answer_t *answer,
    const soma_inner_event_t *event, soma_inner_kind_e kind,
    soma_openai_open_t **result);

/* soma_openai_answer_extra.c: what has a place in no message of OpenAI's own
 * but in those of servers that are like it; SOMA_OK or SOMA_ERROR */
int soma_openai_answer_seal(soma_openai_answer_t *answer,
    soma_openai_open_t *open, const soma_inner_event_t *event);
void soma_openai_answer_detail(soma_openai_open_t *open, soma_pieces_t *out);
void soma_openai_answer_extra(soma_openai_open_t *open, soma_pieces_t *out);
void soma_openai_answer_carry(soma_openai_answer_t *answer,
    soma_openai_open_t *open);
void soma_openai_answer_id(soma_openai_answer_t *answer,
    soma_openai_open_t *open, soma_pieces_t *out);
int soma_openai_answer_probs(soma_openai_answer_t *answer, soma_pieces_t *out,
    const soma_inner_event_t *event);
int soma_openai_answer_cite(soma_openai_answer_t *answer, soma_pieces_t *out,
    const soma_inner_event_t *event);
int soma_openai_answer_media(soma_openai_answer_t *answer, soma_pieces_t *out,
    const soma_inner_event_t *event);

/* its parts: a whole answer, the usage of any, what a finish is called */
void soma_openai_answer_whole(soma_openai_answer_t *answer,
    soma_pieces_t *out);
void soma_openai_answer_usage(soma_openai_answer_t *answer,
    soma_pieces_t *out);
const char *soma_openai_answer_reason(soma_openai_answer_t *answer,
    soma_inner_finish_e finish);


#endif /* SOMA_OPENAI_ANSWER_H */
