
/*
 * Copyright (C) The ngx_soma authors
 *
 * The reader of the ollama dialect for the books: one for a line that lies
 * whole, for one that comes in pieces, and for a whole answer.
 */


#ifndef SOMA_OLLAMA_READ_H
#define SOMA_OLLAMA_READ_H


#include "soma_ollama.h"
#include "soma_answer.h"
#include "soma_read.h"


/* objects and arrays that are looked into */
typedef enum {
    SOMA_OLP_TOP = 1,           /* whole values */
    SOMA_OLP_ROOT,
    SOMA_OLP_MESSAGE,
    SOMA_OLP_CALLS,
    SOMA_OLP_CALL,
    SOMA_OLP_FUNCTION,
    SOMA_OLP_ARGUMENTS
} soma_ollama_place_e;


/* values in them, indices into soma_ollama_ways */
typedef enum {
    SOMA_OLS_NONE = 0,
    SOMA_OLS_ROOT,
    SOMA_OLS_MODEL,
    SOMA_OLS_CREATED,
    SOMA_OLS_MESSAGE,
    SOMA_OLS_TEXT,              /* what is said: content, response */
    SOMA_OLS_THINKING,
    SOMA_OLS_CALLS,
    SOMA_OLS_CALL,
    SOMA_OLS_FUNCTION,
    SOMA_OLS_ARGUMENTS,
    SOMA_OLS_DONE,
    SOMA_OLS_REASON,
    SOMA_OLS_ERROR,
    SOMA_OLS_VECTORS,
    SOMA_OLS_PROMPT,            /* counts */
    SOMA_OLS_EVAL,
    SOMA_OLS_TOTAL
} soma_ollama_slot_e;


/* channels of an answer's text */
typedef enum {
    SOMA_OLLAMA_TEXT = 0,
    SOMA_OLLAMA_THINKING,
    SOMA_OLLAMA_ARGUMENTS
} soma_ollama_channel_e;


typedef struct {
    soma_answer_t        *answer;
    const unsigned char  *piece;        /* the bytes at hand, */
    int64_t               taken;        /* and how many were before them */
    const unsigned char  *root;         /* where the object began */
    int64_t               input_at;     /* likewise arguments, from the first
                                           byte */
    int64_t               prompt;       /* -1: not reported */
    int64_t               eval;
    unsigned              begun:1;      /* this struct is set */
    unsigned              some:1;       /* it has data */
    unsigned              lies:1;       /* all of it lies in one piece */
    unsigned              done:1;
    unsigned              loaded:1;     /* it is about loading alone */
    unsigned              error:1;
    soma_read_t           read;
} soma_ollama_read_t;


void soma_ollama_read_init(soma_ollama_read_t *w, soma_answer_t *answer);
void soma_ollama_read(soma_ollama_read_t *w, const unsigned char *p,
    size_t len);


#endif /* SOMA_OLLAMA_READ_H */
