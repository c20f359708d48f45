
/*
 * Copyright (C) The ngx_soma authors
 *
 * The reader of the cohere dialect for the books: one for an event that lies
 * whole, for one that comes in pieces, and for a whole answer.
 */


#ifndef SOMA_COHERE_READ_H
#define SOMA_COHERE_READ_H


#include "soma_cohere.h"
#include "soma_answer.h"
#include "soma_read.h"


/* objects and arrays that are looked into */
typedef enum {
    SOMA_COP_TOP = 1,           /* whole values */
    SOMA_COP_ROOT,
    SOMA_COP_DELTA,
    SOMA_COP_MESSAGE,
    SOMA_COP_CONTENTS,
    SOMA_COP_CONTENT,
    SOMA_COP_CALLS,
    SOMA_COP_CALL,
    SOMA_COP_FUNCTION,
    SOMA_COP_USAGE,
    SOMA_COP_TOKENS,
    SOMA_COP_BILLED
} soma_cohere_place_e;


/* values in them, indices into soma_cohere_ways */
typedef enum {
    SOMA_COS_NONE = 0,
    SOMA_COS_ROOT,
    SOMA_COS_TYPE,
    SOMA_COS_ID,
    SOMA_COS_INDEX,
    SOMA_COS_DELTA,
    SOMA_COS_MESSAGE,
    SOMA_COS_CONTENT,           /* one in an event, a list in an answer */
    SOMA_COS_PART,
    SOMA_COS_TEXT,
    SOMA_COS_THINKING,
    SOMA_COS_PLAN,
    SOMA_COS_CALLS,             /* likewise */
    SOMA_COS_CALL,
    SOMA_COS_FUNCTION,
    SOMA_COS_ARGUMENTS,
    SOMA_COS_FINISH,
    SOMA_COS_ERROR,
    SOMA_COS_USAGE,             /* of what is no chat: "meta" */
    SOMA_COS_VECTORS,           /* likewise, what was asked for */
    SOMA_COS_TOKENS,
    SOMA_COS_BILLED,
    SOMA_COS_CACHED,            /* counts */
    SOMA_COS_INPUT,
    SOMA_COS_OUTPUT,
    SOMA_COS_REASONING,
    SOMA_COS_BILLED_INPUT,
    SOMA_COS_BILLED_OUTPUT,
    SOMA_COS_SEARCHES,
    SOMA_COS_TOTAL
} soma_cohere_slot_e;


#define SOMA_COHERE_COUNTS  (SOMA_COS_TOTAL - SOMA_COS_CACHED)


/* channels of an answer's text */
typedef enum {
    SOMA_COHERE_TEXT = 0,
    SOMA_COHERE_THINKING,
    SOMA_COHERE_PLAN,
    SOMA_COHERE_ARGUMENTS
} soma_cohere_channel_e;


/* kinds of event that matter here */
typedef enum {
    SOMA_COT_OTHER = 0,
    SOMA_COT_CONTENT_START,
    SOMA_COT_CALL_START,
    SOMA_COT_BLOCK_END,
    SOMA_COT_MESSAGE_END
} soma_cohere_type_e;


typedef struct {
    soma_answer_t        *answer;
    const unsigned char  *usage;        /* where it began */
    soma_cohere_type_e    type;
    int64_t               index;        /* -1: not said */
    int64_t               count[SOMA_COHERE_COUNTS];    /* -1: not reported */
    unsigned              begun:1;      /* this struct is set */
    unsigned              some:1;       /* it has data */
    unsigned              lies:1;       /* all of it lies in one piece */
    unsigned              counted:1;    /* "usage" was seen */
    unsigned              error:1;
    soma_read_t           read;
} soma_cohere_read_t;


void soma_cohere_read_init(soma_cohere_read_t *w, soma_answer_t *answer);
void soma_cohere_read(soma_cohere_read_t *w, const unsigned char *p,
    size_t len);


#endif /* SOMA_COHERE_READ_H */
