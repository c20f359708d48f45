
/*
 * Copyright (C) The ngx_soma authors
 *
 * Writes answers of Cohere's Chat API out of the inner form, whole and
 * streamed.
 */


#ifndef SOMA_COHERE_ANSWER_H
#define SOMA_COHERE_ANSWER_H


#include "soma_inner.h"
#include "soma_pieces.h"


/* bytes of blocks that wait for the one before them, for a stream of this
 * dialect has one block at a time */
#define SOMA_COHERE_HELD_MAX  (4 * 1024 * 1024)

/* a longer signature is lost */
#define SOMA_COHERE_SEAL_MAX  (64 * 1024)
#define SOMA_COHERE_ID_ROOM   128           /* of an id, beside its envelope */


typedef struct soma_cohere_open_s  soma_cohere_open_t;

struct soma_cohere_open_s {
    soma_cohere_open_t      *next;
    unsigned                 block;
    soma_inner_kind_e        kind;
    soma_str_t               id;        /* CALL */
    soma_str_t               name;      /* CALL */
    soma_pieces_t            text;      /* of a whole answer, or that waits */
    soma_pieces_t            seal;      /* in base64, what an id holds */
    unsigned                 started:1;
    unsigned                 closed:1;
};


/* zeroed and filled in by the caller: what it says of the request */
typedef struct {
    soma_arena_t            *arena;
    const soma_seal_store_t  *seals;    /* NULL: none */
    soma_str_t               id;        /* name: where the provider has none */
    soma_usage_t             usage;     /* of the prompt, as it was counted
                                           here */
    int64_t                  cost;      /* nano-USD, to stand in the usage of a
                                           stream's end; -1: not told */
    unsigned                 stream:1;

    /* out, at SOMA_DECLINED: a constant sentence */
    const char              *error;

    /* private */
    soma_cohere_open_t      *open;      /* in their order; of a stream the
                                           first one is being written */
    soma_cohere_open_t     **last;
    soma_cohere_open_t      *spare;
    soma_str_t               carried;   /* signed reasoning that the next call
                                           takes with it in its id */
    size_t                   held;      /* bytes */
    unsigned                 nopen;
    unsigned                 contents;  /* so far */
    unsigned                 calls;
    soma_inner_finish_e      finish;
    unsigned                 called:1;
    unsigned                 begun:1;   /* message-start is written */
    unsigned                 failed:1;
    unsigned                 done:1;
} soma_cohere_answer_t;


/*
 * Takes the next event; what the client is to get for it is put into "out":
 * of a stream at once, of a whole answer all of it at SOMA_INNER_END.
 * Choices but the first are left out.  SOMA_OK; SOMA_DECLINED: the answer is
 * beyond a bound, answer->error says which; SOMA_ERROR: no memory.
 */
int soma_cohere_answer_write(soma_cohere_answer_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event);


#endif /* SOMA_COHERE_ANSWER_H */
