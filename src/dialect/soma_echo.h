
/*
 * Copyright (C) The ngx_soma authors
 *
 * The built-in provider: answers with the last user text of the prompt, and
 * counts tokens honestly: a token is a piece it could stream, and every piece
 * is one event.  It knows the inner form alone, so every client's dialect.
 */


#ifndef SOMA_ECHO_H
#define SOMA_ECHO_H


#include "soma_dialect.h"


#define SOMA_ECHO_WORD_MAX    12        /* bytes of a piece, space aside */
#define SOMA_ECHO_PIECES_MAX  16384     /* of all choices of an answer */
#define SOMA_ECHO_TEXT_MAX    (64 * 1024)
#define SOMA_ECHO_N_MAX       16
#define SOMA_ECHO_INPUTS_MAX  2048      /* texts to embed at once */
#define SOMA_ECHO_DIMENSIONS  16        /* of its embeddings */


/* as soma_dialect_t has it */
int soma_echo_local(soma_local_t *local, soma_inner_sink_pt sink,
    void *data);

/* vectors, for a request of SOMA_INNER_INPUTS */
int soma_echo_embed(soma_local_t *local, soma_usage_t *usage,
    soma_inner_sink_pt sink, void *data);

/* bytes of the first piece of a text that is not empty */
size_t soma_echo_piece(const unsigned char *p, const unsigned char *end);

/* of a text without escapes */
int64_t soma_echo_pieces(soma_str_t text);

/* the tokens of a list of their numbers, raw */
int64_t soma_echo_numbers(soma_str_t list);


#endif /* SOMA_ECHO_H */
