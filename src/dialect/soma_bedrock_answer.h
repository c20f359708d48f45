
/*
 * Copyright (C) The ngx_soma authors
 *
 * Writes answers of Bedrock's Converse out of the inner form, whole and
 * streamed.  Source: AWS's model of bedrock-runtime, ConverseResponse and
 * ConverseStreamOutput.
 */


#ifndef SOMA_BEDROCK_ANSWER_H
#define SOMA_BEDROCK_ANSWER_H


#include "soma_inner.h"
#include "soma_json.h"
#include "soma_pieces.h"


typedef struct soma_bedrock_open_s  soma_bedrock_open_t;

struct soma_bedrock_open_s {
    soma_bedrock_open_t   *next;
    unsigned               block;
    unsigned               index;       /* as the client knows it */
    soma_inner_kind_e      kind;
    soma_inner_tool_e      tool;
    soma_pieces_t          head;        /* CALL: id and name, as members */
    soma_pieces_t          text;        /* of a whole answer; of a picture its
                                           bytes */
    soma_pieces_t          cites;       /* of a whole answer, "," before each */
    soma_pieces_t          seal;        /* a signature, or opaque reasoning */
    soma_str_t             format;      /* of a picture */
    unsigned               said:1;      /* there was text */
    unsigned               sealed:1;
    unsigned               own:1;       /* by Bedrock itself */
    unsigned               opaque:1;    /* what is sealed is */
    unsigned               started:1;   /* the client knows of it */
    unsigned               closed:1;
};


/* zeroed and filled in by the caller: what it says of the request */
typedef struct {
    soma_arena_t          *arena;
    soma_usage_t           usage;
    int64_t                elapsed;     /* ns since the request came */
    int64_t                cost;        /* nano-USD, to stand in the usage of a
                                           stream's end; -1: not told */
    unsigned               stream:1;
    unsigned               stops:1;     /* which stop sequence it was is asked
                                           for, as "/stop_sequence", */
    unsigned               delta_stops:1;   /* as "/delta/stop_sequence" */

    /* out, at SOMA_DECLINED: a constant sentence */
    const char            *error;

    /* private */
    soma_bedrock_open_t   *open;        /* in their order */
    soma_bedrock_open_t  **last;
    soma_bedrock_open_t   *spare;
    soma_pieces_t          stop;        /* the stop sequence, with quotes */
    soma_pieces_t          payload;     /* of a frame */
    unsigned char         *frame;
    size_t                 size;        /* of its room */
    unsigned               nopen;
    unsigned               index;       /* of the next block */
    soma_inner_finish_e    finish;
    unsigned               calls:1;
    unsigned               begun:1;     /* messageStart is written */
    unsigned               failed:1;
    unsigned               done:1;
} soma_bedrock_answer_t;


/*
 * Takes the next event; what the client is to get for it is put into "out":
 * of a stream at once, of a whole answer all of it at SOMA_INNER_END.
 * Choices but the first are left out.  SOMA_OK; SOMA_DECLINED: the answer is
 * beyond a bound, or, whole, has a call whose arguments are no JSON object:
 * answer->error says so; SOMA_ERROR: no memory.
 */
int soma_bedrock_answer_write(soma_bedrock_answer_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event);


/* for its files: blocks gathered and told, frames, members of the end */
int soma_bedrock_answer_begin(soma_bedrock_answer_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event);
int soma_bedrock_answer_add(soma_bedrock_answer_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event);
int soma_bedrock_answer_shut(soma_bedrock_answer_t *answer,
    soma_pieces_t *out, soma_bedrock_open_t *open);
/* what seals it, as a member of reasoningContent or reasoningText */
int soma_bedrock_answer_sealed(soma_pieces_t *out,
    soma_bedrock_open_t *open);

int soma_bedrock_answer_whole(soma_bedrock_answer_t *answer,
    soma_pieces_t *out);
int soma_bedrock_answer_message(soma_bedrock_answer_t *answer,
    soma_pieces_t *out);
int soma_bedrock_answer_frame(soma_bedrock_answer_t *answer,
    soma_pieces_t *out, soma_str_t name, unsigned exception);
void soma_bedrock_answer_stop(soma_bedrock_answer_t *answer,
    soma_pieces_t *out);
void soma_bedrock_answer_usage(soma_bedrock_answer_t *answer,
    soma_pieces_t *out, int64_t cost);

/* soma_bedrock_cites.c: a citation of another dialect in Bedrock's form;
 * SOMA_DECLINED: it has none.  And one of Bedrock's in the form that others
 * know, *type and *maker of it; text_len: letters that it is of */
int soma_bedrock_cites_write(soma_pieces_t *out,
    const soma_inner_event_t *event);
int soma_bedrock_cites_read(soma_pieces_t *out, soma_str_t cite,
    int64_t text_len, soma_str_t *type, soma_str_t *maker);


#endif /* SOMA_BEDROCK_ANSWER_H */
