
/*
 * Copyright (C) The ngx_soma authors
 *
 * How long the next byte of an answer is waited for.
 */


#ifndef SOMA_SILENCE_H
#define SOMA_SILENCE_H


#include "soma_base.h"


/* all in ms */
typedef struct {
    int64_t   first_token;      /* silence, before a stream says anything */
    int64_t   idle;             /* silence, within what has begun */
    int64_t   answer;           /* a plain answer, from its request's end */
    int64_t   total;            /* any answer */
} soma_wait_t;


typedef enum {
    SOMA_WAIT_FIRST = 0,        /* a stream without text */
    SOMA_WAIT_TEXT,             /* a stream with some */
    SOMA_WAIT_PLAIN,            /* a plain answer, nothing of it yet */
    SOMA_WAIT_BODY              /* a part of it, or of a header */
} soma_wait_e;


/*
 * Whatever comes restarts the wait, also what says nothing: a comment, a
 * blank line.  elapsed: ms since the attempt began.  At least 1.
 */
int64_t soma_silence(const soma_wait_t *wait, soma_wait_e state,
    int64_t elapsed);


#endif /* SOMA_SILENCE_H */
