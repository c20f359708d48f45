
/*
 * Copyright (C) The ngx_soma authors
 *
 * A request of OpenAI's chat API and the inner form.  Source: OpenAI's API
 * reference, "Create chat completion"; what compatible servers add is read
 * where clients send it (reasoning_content, cache_control in parts).
 */


#ifndef SOMA_OPENAI_REQUEST_H
#define SOMA_OPENAI_REQUEST_H


#include "soma_fill.h"
#include "soma_pieces.h"


/*
 * Reads a body, whole in memory, which must outlive the request.  SOMA_OK;
 * SOMA_ERROR: *error is a sentence for the client in the arena or constant,
 * NULL where there was no memory.
 */
int soma_openai_request_read(soma_inner_request_t *request,
    soma_arena_t *arena, soma_str_t body, const char **error);

/*
 * Writes the body for a provider.  SOMA_OK; SOMA_DECLINED: loss->refused is
 * a member that OpenAI's chat has no place for; SOMA_ERROR: no memory.
 * bound: the name of max_tokens at this provider.  usage: a stream is asked
 * for it.
 */
int soma_openai_write(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_str_t bound, unsigned usage,
    soma_inner_loss_t *loss);


/* the same of the completions API */
int soma_openai_completions_read(soma_inner_request_t *request,
    soma_arena_t *arena, soma_str_t body, const char **error);


/* members, for tables: what soma_openai_turns.c and soma_openai_toolset.c
 * read; prompts and inputs; the tools of the Responses API, whose members are
 * not in an object within each of them */
int soma_openai_request_inputs(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
int soma_openai_turns(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value);
int soma_openai_toolset(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value);
int soma_openai_toolset_flat(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
int soma_openai_toolset_functions(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
int soma_openai_toolset_function(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
int soma_openai_toolset_choice(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
int soma_openai_toolset_parallel(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);


/* parts of them: SOMA_OK, or SOMA_ERROR with *r->error set */

/* a format by its type; where that is a schema, it is in "schema" */
int soma_openai_request_form(soma_fill_t *r, soma_str_t name,
    soma_str_t type, soma_str_t schema);

/* an effort's word */
int soma_openai_request_effort(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);

/* of an image its URL, of a file the object that has its members, of a call
 * the one that has "arguments" */
int soma_openai_turns_url(soma_fill_t *r, soma_inner_block_t *block,
    soma_json_value_t *value);
int soma_openai_turns_document(soma_fill_t *r, soma_inner_block_t *block,
    soma_str_t file);
int soma_openai_turns_arguments(soma_fill_t *r, soma_inner_block_t *block,
    soma_str_t function);


/* soma_openai_thoughts.c: what a message of the assistant's says of its
 * reasoning, as blocks; and the signature of a call, wherever the client put
 * it */
int soma_openai_thoughts(soma_fill_t *r, soma_inner_block_t ***last,
    soma_str_t message);
int soma_openai_thoughts_call(soma_fill_t *r, soma_inner_block_t *block,
    soma_str_t message, soma_str_t call);

/* reasoning that a call has brought along in its id, as a block, where the
 * message does not have it itself */
int soma_openai_thoughts_before(soma_fill_t *r, soma_inner_block_t ***last,
    soma_str_t message, soma_str_t call);


/* the type of a tool of the form that was before tools; the maker of one of a
 * namespace, whose name is its type */
#define SOMA_OPENAI_OLD    "functions"
#define SOMA_OPENAI_SPACE  "openai-namespace"

/* whether the client speaks the old form, and is to be answered in it */
unsigned soma_openai_toolset_old(const soma_inner_request_t *request);

/* a tool of a namespace as the others know it: SOMA_OK or SOMA_ERROR; and
 * back, the namespace and what the tool is called in it: empty, and *name as
 * it is, where it is in none */
int soma_openai_toolset_joined(soma_arena_t *arena, soma_str_t space,
    soma_str_t name, soma_str_t *whole);
soma_str_t soma_openai_toolset_spacename(const soma_inner_request_t *request,
    soma_str_t *name);


#endif /* SOMA_OPENAI_REQUEST_H */
