
/*
 * Copyright (C) The ngx_soma authors
 *
 * Custom tools, which take free text, at a target that knows functions only:
 * such a tool is declared as a function of one string, a call of it in the
 * conversation has its text in that object, and what the model calls it with
 * is taken out of the object again, whole or streamed.
 *
 * A writer of requests uses SOMA_CUSTOM_SCHEMA, soma_custom_grammar() and
 * soma_custom_arguments().  A reader of answers that uses soma_events.h has
 * nothing to do but to set events->request, and events->names where the
 * target has a rule for names of tools: names come back as the client has
 * them, and calls of its custom tools are CALLs of SOMA_INNER_CUSTOM whose
 * deltas are the text.
 */


#ifndef SOMA_CUSTOM_H
#define SOMA_CUSTOM_H


#include "soma_inner.h"
#include "soma_pieces.h"


/* raw: of its arguments */
#define SOMA_CUSTOM_SCHEMA                                                    \
    "{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\"}},"  \
    "\"required\":[\"input\"],\"additionalProperties\":false}"

#define SOMA_CUSTOM_HELD  64        /* bytes before the text: braces, its
                                       name, blanks */


/* of one call, zeroed */
typedef struct {
    unsigned char  held[SOMA_CUSTOM_HELD];
    unsigned char  len;
    unsigned char  state;
    unsigned char  matched;         /* of what stands before the text */
} soma_custom_t;


/* a grammar cannot be kept to by a function: SOMA_OK where there is none, or
 * it is left out; SOMA_DECLINED with loss->refused.  why: a constant clause */
int soma_custom_grammar(const soma_inner_toolset_t *tool, const char *why,
    soma_inner_loss_t *loss);

/* arguments of a call of a custom tool: raw, an object */
void soma_custom_arguments(soma_pieces_t *out,
    const soma_inner_block_t *call);

/* the request's own custom tool of that name, or NULL */
const soma_inner_toolset_t *soma_custom_find(
    const soma_inner_request_t *request, soma_str_t name);

/* the next piece of the arguments, text of a string that holds JSON; what it
 * has of the tool's text goes to "out", where half a surrogate pair may end
 * it.  Arguments of another form go there as they are */
void soma_custom_take(soma_custom_t *custom, soma_pieces_t *out,
    soma_str_t text);

/* the arguments' end */
void soma_custom_end(soma_custom_t *custom, soma_pieces_t *out);


#endif /* SOMA_CUSTOM_H */
