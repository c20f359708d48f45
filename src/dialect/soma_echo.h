
/*
 * Copyright (C) The ngx_soma authors
 *
 * The built-in provider: answers with the last user text of the prompt, in
 * OpenAI's shapes, and counts tokens honestly: a token is a piece it could
 * stream, and every piece is one chunk.
 */


#ifndef SOMA_ECHO_H
#define SOMA_ECHO_H


#include "soma_dialect.h"


#define SOMA_ECHO_TEXT_MAX   (64 * 1024)
#define SOMA_ECHO_DIMENSIONS  16        /* of its embeddings */


typedef struct {
    soma_ask_t    *ask;
    soma_str_t     body;            /* the client's, whole and contiguous */
    soma_str_t     model;           /* as the client called it */
    soma_str_t     id;              /* request id */
    int64_t        created;         /* seconds UTC */
    soma_str_t     usage;           /* set: where it stands in the answer;
                                       empty: nowhere */
} soma_echo_t;


/*
 * Writes the whole answer (a JSON body, or a stream ending in [DONE]) into
 * memory of the arena, and its usage.  With ask->stream and
 * !ask->usage_asked the usage chunk is left out.
 * SOMA_DECLINED: this api has no echo; SOMA_ERROR: no memory or a body that
 * is no JSON, *error says which.
 */
int soma_echo_answer(soma_echo_t *echo, soma_arena_t *arena, soma_str_t *out,
    soma_usage_t *usage, const char **error);


#endif /* SOMA_ECHO_H */
