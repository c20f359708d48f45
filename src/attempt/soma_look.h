
/*
 * Copyright (C) The ngx_soma authors
 *
 * The first look at an answer, before any of it goes to the client: while
 * there is a next target, an error is no answer.
 */


#ifndef SOMA_LOOK_H
#define SOMA_LOOK_H


#include "soma_dialect.h"


typedef enum {
    SOMA_LOOK_MORE = 0,     /* no event yet, or a part of one that does not
                               tell */
    SOMA_LOOK_GOOD,
    SOMA_LOOK_ERROR
} soma_look_e;


/*
 * The first event of a stream that is more than comments.  p is the first
 * byte of the stream, len all of it that is there.  An error is told as soon
 * as the event says it is one, however much of it is still to come.
 */
soma_look_e soma_look_stream(const soma_dialect_t *dialect, soma_ask_t *ask,
    const unsigned char *p, size_t len);


#endif /* SOMA_LOOK_H */
