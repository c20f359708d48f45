
/*
 * Copyright (C) The ngx_soma authors
 *
 * A request of Anthropic's Messages API and the inner form.  Source:
 * Anthropic's API reference, "Create a Message", versions 2023-06-01 and
 * 2026-10-21.
 */


#ifndef SOMA_ANTHROPIC_REQUEST_H
#define SOMA_ANTHROPIC_REQUEST_H


#include "soma_fill.h"
#include "soma_names.h"
#include "soma_pieces.h"


#define SOMA_ANTHROPIC_MAKER  "anthropic"   /* of reasoning's signatures */

/* which the API wants, and stays below max_tokens */
#define SOMA_ANTHROPIC_BUDGET_MIN  1024


/*
 * Reads a body, whole in memory, which must outlive the request.  SOMA_OK;
 * SOMA_ERROR: *error is a sentence for the client in the arena or constant,
 * NULL where there was no memory.
 */
int soma_anthropic_request_read(soma_inner_request_t *request,
    soma_arena_t *arena, soma_str_t body, const char **error);

/*
 * Writes the body for a provider.  loss->max_tokens is sent where the client
 * said none, and is not 0 then.  loss->adaptive chooses between thinking
 * "adaptive" with an effort, and "enabled" with a budget.  SOMA_OK;
 * SOMA_DECLINED: loss->refused is a member that the Messages API has no place
 * for; SOMA_ERROR: no memory.
 */
int soma_anthropic_write(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);


/* parts of it, for soma_anthropic_request_members; what
 * soma_anthropic_turns.c and soma_anthropic_tools.c read */
int soma_anthropic_turns(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value);
int soma_anthropic_turns_system(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
int soma_anthropic_tools(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value);
int soma_anthropic_tools_choice(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);


/* what soma_anthropic_write_turns.c and soma_anthropic_write_tools.c write,
 * each a member with its name: as soma_anthropic_write() */
int soma_anthropic_write_turns(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);
int soma_anthropic_write_tools(soma_pieces_t *out,
    const soma_inner_request_t *request, unsigned thinking,
    soma_inner_loss_t *loss);

/* soma_anthropic_write_points.c: cache points that the API would refuse are
 * taken away, and named */
void soma_anthropic_write_points(const soma_inner_request_t *request,
    soma_inner_loss_t *loss);

/* blocks: whether there is something of it to write; one of a list; an image
 * or a document; whether it is this dialect's own */
unsigned soma_anthropic_write_turns_says(const soma_inner_block_t *block);
int soma_anthropic_write_turns_block(soma_pieces_t *out,
    const soma_inner_block_t *block, unsigned trim, soma_inner_loss_t *loss);
int soma_anthropic_write_media_source(soma_pieces_t *out,
    const soma_inner_block_t *block, soma_inner_loss_t *loss);
unsigned soma_anthropic_write_turns_own(const soma_inner_block_t *block);

/* names of tools and ids of calls that the API takes, and one as a member */
extern const soma_names_t  soma_anthropic_write_turns_names;
extern const soma_names_t  soma_anthropic_write_turns_ids;

void soma_anthropic_write_turns_name(soma_pieces_t *out, const char *member,
    const soma_names_t *rule, soma_str_t name);

void soma_anthropic_write_turns_cache(soma_pieces_t *out,
    soma_inner_cache_e cache);
void soma_anthropic_write_turns_comma(soma_pieces_t *out);


#define SOMA_ANTHROPIC_WHY  "has no place in a request of Anthropic's API"


#endif /* SOMA_ANTHROPIC_REQUEST_H */
