
/*
 * Copyright (C) The ngx_soma authors
 *
 * What the writers of requests of both of OpenAI's APIs have in common.
 */


#ifndef SOMA_OPENAI_SHARED_H
#define SOMA_OPENAI_SHARED_H


#include "soma_inner.h"
#include "soma_names.h"
#include "soma_pieces.h"


/* whose the signatures are that servers put into answers to chats: of those
 * that speak OpenAI's chat, and not of OpenAI's own models */
#define SOMA_OPENAI_CHAT_MAKER  "openai-chat"


/* of tools, and of ids of calls */
extern const soma_names_t  soma_openai_shared_names;


void soma_openai_shared_comma(soma_pieces_t *out);

/* a name or an id as the API takes it, as a member */
void soma_openai_shared_name(soma_pieces_t *out, const char *member,
    soma_str_t name);

/* "data:MEDIA;base64,BYTES" as a member; a media type that was not said is
 * what the bytes look like */
void soma_openai_shared_data(soma_pieces_t *out, const char *member,
    const soma_inner_block_t *block);

/* a document's file name, or one by its kind */
soma_str_t soma_openai_shared_title(const soma_inner_block_t *block);

/* words of a document, or of what a search found, as a member: its title
 * before them */
void soma_openai_shared_words(soma_pieces_t *out, const char *member,
    const soma_inner_block_t *block);

/* whether a block's bytes, ids and reasoning are OpenAI's own */
unsigned soma_openai_shared_own(const soma_inner_block_t *block);

/* "format" of a custom tool: a chat has a grammar in an object of its own */
void soma_openai_shared_grammar(soma_pieces_t *out, soma_str_t raw,
    unsigned flat);

/* whether a tool of that name takes free text */
unsigned soma_openai_shared_custom(const soma_inner_request_t *request,
    soma_str_t name);

/* "service_tier", or a hint that is left out */
void soma_openai_shared_tier(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);

/* the effort that a request asks for; UNSET: none of them */
soma_inner_effort_e soma_openai_shared_effort(
    const soma_inner_request_t *request);

/* the members of a schema that an answer is to have the form of */
void soma_openai_shared_schema(soma_pieces_t *out,
    const soma_inner_request_t *request);

/* metadata */
void soma_openai_shared_labels(soma_pieces_t *out,
    const soma_inner_request_t *request);


/* the members of a citation of a page of the web; "cite" may be gone before
 * "out" is.  What it does not say is said to be nothing */
void soma_openai_shared_cite(soma_pieces_t *out, soma_str_t cite);


#endif /* SOMA_OPENAI_SHARED_H */
