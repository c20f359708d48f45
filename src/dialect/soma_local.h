
/*
 * Copyright (C) The ngx_soma authors
 *
 * A target that answers here, without a network: the client's request into
 * the inner form, the target's events out of it, and those in the client's
 * own dialect.
 */


#ifndef SOMA_LOCAL_H
#define SOMA_LOCAL_H


#include "soma_dialect.h"


#define SOMA_LOCAL_MAX  (64 * 1024 * 1024)  /* bytes of an answer */


/* zeroed; the first part is filled in by the caller */
typedef struct {
    const soma_dialect_t  *client;
    const soma_dialect_t  *target;
    soma_local_t           local;       /* all but "request" */

    /* out */
    soma_usage_t           usage;
    soma_inner_finish_e    finish;      /* of the last choice that had one */
    unsigned               finished:1;
    soma_pieces_t          body;
    const char            *error;       /* a sentence for the client; NULL: no
                                           memory */

    /* private */
    soma_inner_request_t   request;
    soma_writer_t          writer;
} soma_local_answer_t;


/*
 * All of the answer but its end, which may say what it costs.  SOMA_OK: usage
 * and finish are known; SOMA_DECLINED: the inner form has no such API;
 * SOMA_ERROR: answer->error.
 */
int soma_local_answer(soma_local_answer_t *answer, soma_str_t body);

/* its end: the body is whole.  cost: nano-USD, -1: not told.  SOMA_OK, or
 * SOMA_ERROR with answer->error */
int soma_local_end(soma_local_answer_t *answer, int64_t cost);


#endif /* SOMA_LOCAL_H */
