
/*
 * Copyright (C) The ngx_soma authors
 *
 * Reads requests of Bedrock's Converse into the inner form.  Source: AWS's
 * model of bedrock-runtime, ConverseRequest.
 */


#ifndef SOMA_BEDROCK_REQUEST_H
#define SOMA_BEDROCK_REQUEST_H


#include "soma_bedrock.h"
#include "soma_fill.h"


/* a member of an object within a request, by its own name and its whole one */
typedef struct {
    const char          *name;
    soma_fill_member_t   member;
} soma_bedrock_nested_t;


/*
 * Reads a body, whole in memory, which must outlive the request.  SOMA_OK;
 * SOMA_ERROR: *error is a sentence for the client in the arena or constant,
 * NULL where there was no memory.
 */
int soma_bedrock_request_read(soma_inner_request_t *request,
    soma_arena_t *arena, soma_str_t body, const char **error);

/* the members of an object by a table; those that are in no table go to
 * request->other by their whole names */
int soma_bedrock_request_nested(soma_fill_t *r, soma_str_t name,
    soma_json_value_t *value, const soma_bedrock_nested_t *table, size_t n);


/* parts of it, for soma_bedrock_request_members: what soma_bedrock_turns.c,
 * soma_bedrock_tools.c and soma_bedrock_fields.c read */
int soma_bedrock_turns(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value);
int soma_bedrock_turns_system(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
int soma_bedrock_tools(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value);
int soma_bedrock_fields(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value);

/* a cache's point stands behind what it is of */
soma_inner_cache_e soma_bedrock_turns_point(soma_str_t point);

/* soma_bedrock_parts.c: what the blocks of a content hold; "last" is where
 * those of a result go */
int soma_bedrock_parts_media(soma_fill_t *r, soma_inner_block_t *block,
    soma_json_value_t *value);
int soma_bedrock_parts_search(soma_fill_t *r, soma_inner_block_t *block,
    soma_json_value_t *value);


#endif /* SOMA_BEDROCK_REQUEST_H */
