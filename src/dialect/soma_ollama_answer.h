
/*
 * Copyright (C) The ngx_soma authors
 *
 * Writes answers of Ollama's API out of the inner form: of chat and generate,
 * whole and as lines, and of embed.  Source: Ollama's api/types.go of
 * 2026-08-21, "ChatResponse", "GenerateResponse", "EmbedResponse"; what its
 * clients cannot be without was measured with ollama 0.6.3 (Python) and 0.6.4
 * (JavaScript).
 */


#ifndef SOMA_OLLAMA_ANSWER_H
#define SOMA_OLLAMA_ANSWER_H


#include "soma_inner.h"
#include "soma_ollama.h"
#include "soma_pieces.h"
#include "soma_vectors.h"


#define SOMA_OLLAMA_CALL_MAX  (4 * 1024 * 1024)     /* bytes of a call's
                                                       arguments */


typedef struct soma_ollama_open_s  soma_ollama_open_t;

/* a block that is open */
struct soma_ollama_open_s {
    soma_ollama_open_t   *next;
    unsigned              block;
    unsigned              index;        /* of a call */
    soma_inner_kind_e     kind;
    soma_inner_tool_e     tool;
    soma_str_t            id;           /* name */
    soma_str_t            name;         /* name */
    soma_pieces_t         text;         /* of a call */
    soma_pieces_t         seal;         /* its signature, in base64 */
};


/* zeroed and filled in by the caller: what it says of the request */
typedef struct {
    soma_arena_t         *arena;
    const soma_seal_store_t  *seals;    /* NULL: none */
    soma_ollama_form_e    form;
    soma_str_t            model;        /* name: where the provider has none */
    int64_t               created;      /* s UTC, likewise */
    int64_t               cost;         /* nano-USD, in a stream's last line;
                                           -1: not told */
    int64_t               elapsed;      /* ns, at the event at hand */
    unsigned              stream:1;

    /* out, at SOMA_DECLINED: a constant sentence */
    const char           *error;

    /* private */
    soma_str_t            head;         /* of each line */
    soma_ollama_open_t   *open;
    soma_ollama_open_t   *spare;
    unsigned              nopen;
    unsigned              calls;        /* that have begun */
    int64_t               began;        /* ns, when the model began */
    soma_pieces_t         content;      /* of a whole answer */
    soma_pieces_t         thinking;
    soma_pieces_t         list;         /* of its calls */
    soma_pieces_t         probs;
    soma_usage_t          usage;
    soma_inner_finish_e   finish;
    unsigned              ready:1;
    unsigned              done:1;       /* nothing comes any more */
} soma_ollama_answer_t;


/*
 * Takes the next event; what the client is to get for it is put into "out":
 * of a stream at once, of a whole answer all of it at SOMA_INNER_END.
 * SOMA_OK; SOMA_DECLINED: answer->error; SOMA_ERROR: no memory.
 */
int soma_ollama_answer_write(soma_ollama_answer_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event);

/* a block that was a call, into answer->list: likewise, where SOMA_DECLINED
 * says that its arguments are no object (soma_ollama_answer_call.c) */
int soma_ollama_answer_call(soma_ollama_answer_t *answer,
    soma_ollama_open_t *open);

/* the elements of an event's logprobs, into a list that is open */
void soma_ollama_probs_write(soma_pieces_t *out, soma_str_t raw);


/* vectors; zeroed and filled in by the caller */
typedef struct {
    soma_vectors_t        v;
    soma_ollama_form_e    form;
    int64_t               elapsed;
} soma_ollama_embed_t;

#define SOMA_OLLAMA_EMBED_MAX  (64 * 1024 * 1024)   /* bytes of all of them */


/* likewise, in soma_ollama_embed.c */
int soma_ollama_embed_write(soma_ollama_embed_t *answer, soma_pieces_t *out,
    const soma_inner_event_t *event);


#endif /* SOMA_OLLAMA_ANSWER_H */
