
/*
 * Copyright (C) The ngx_soma authors
 *
 * What the files of the built-in provider share.
 */


#ifndef SOMA_ECHO_RUN_H
#define SOMA_ECHO_RUN_H


#include <yyjson.h>

#include "soma_echo.h"


#define SOMA_ECHO_WORD_MAX    12        /* bytes of a piece, space aside */
#define SOMA_ECHO_PIECES_MAX  16384     /* of all choices of an answer */
#define SOMA_ECHO_N_MAX       16
#define SOMA_ECHO_INPUTS_MAX  2048      /* texts to embed at once */


typedef struct {
    soma_echo_t   *echo;
    soma_arena_t  *arena;
    soma_out_t     out;
    soma_str_t     text;            /* to be said, cut to what is allowed */
    size_t         escaped;         /* its length as JSON, no quotes */
    int64_t        pieces;          /* of it */
    int64_t        prompt_tokens;
    soma_str_t     id;              /* as JSON, with quotes */
    soma_str_t     item_id;
    soma_str_t     model;
    unsigned       length:1;        /* cut */
} soma_echo_run_t;


/* bytes of the first piece of a text that is not empty */
size_t soma_echo_piece(const unsigned char *p, const unsigned char *end);

int64_t soma_echo_pieces(soma_str_t text);

/* room for "size" bytes of answer: SOMA_OK or SOMA_ERROR */
int soma_echo_room(soma_echo_run_t *run, size_t size);

/* name as JSON with "prefix" before it, in the arena; data NULL: no memory */
soma_str_t soma_echo_quote(soma_arena_t *arena, const char *prefix,
    soma_str_t name);

int64_t soma_echo_output_tokens(soma_echo_run_t *run);

int soma_echo_chat(soma_echo_run_t *run);
int soma_echo_responses(soma_echo_run_t *run);
int soma_echo_embed(soma_echo_run_t *run, yyjson_val *root,
    const char **error);


#endif /* SOMA_ECHO_RUN_H */
