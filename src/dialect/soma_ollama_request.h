
/*
 * Copyright (C) The ngx_soma authors
 *
 * Requests of Ollama's API and the inner form: chat, generate and embed.
 * Sources: Ollama's docs/openapi.yaml and api/types.go of 2026-08-21.
 */


#ifndef SOMA_OLLAMA_REQUEST_H
#define SOMA_OLLAMA_REQUEST_H


#include "soma_fill.h"
#include "soma_ollama.h"
#include "soma_pieces.h"


#define SOMA_OLLAMA_WHY  "has no place in a request of Ollama's API"

/* what an option's name is known by outside of "options" */
#define SOMA_OLLAMA_OPTIONS  "options."
#define SOMA_OLLAMA_OPTIONS_LEN  (sizeof(SOMA_OLLAMA_OPTIONS) - 1)

/* calls without results that a result without an id may be of */
#define SOMA_OLLAMA_PENDING_MAX  1024


/*
 * Reads a body, whole in memory, which must outlive the request.  SOMA_OK;
 * SOMA_ERROR: *error is a sentence for the client in the arena or constant,
 * NULL where there was no memory.
 */
int soma_ollama_request_read(soma_inner_request_t *request,
    soma_ollama_form_e form, soma_arena_t *arena, soma_str_t body,
    const char **error);

/*
 * Writes the body for a provider, of a chat or of inputs.  SOMA_OK;
 * SOMA_DECLINED: loss->refused is a member that Ollama has no place for;
 * SOMA_ERROR: no memory.
 */
int soma_ollama_write(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);


/* members, for tables: what soma_ollama_turns.c, soma_ollama_tools.c and
 * soma_ollama_options.c read */
int soma_ollama_turns(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value);
int soma_ollama_turns_system(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
int soma_ollama_tools(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value);
int soma_ollama_options(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value);

/* images as blocks of their own, before the text that they stand beside */
int soma_ollama_turns_images(soma_fill_t *r, soma_inner_block_t ***last,
    soma_json_value_t *value);


/* what soma_ollama_write_turns.c, _tools.c and _options.c write, each a member
 * with its name: as soma_ollama_write() */
int soma_ollama_write_turns(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);
int soma_ollama_write_tools(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);
int soma_ollama_write_options(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);

/* whether a member of "other" is one of Ollama's options, and is written with
 * them */
unsigned soma_ollama_write_options_has(soma_str_t name);


#endif /* SOMA_OLLAMA_REQUEST_H */
