
/*
 * Copyright (C) The ngx_soma authors
 *
 * Writes requests of Bedrock's Converse out of the inner form.  Source: AWS's
 * model of bedrock-runtime, ConverseRequest, and its user guide for what that
 * does not tell.
 */


#ifndef SOMA_BEDROCK_WRITE_H
#define SOMA_BEDROCK_WRITE_H


#include "soma_bedrock.h"


/* which Anthropic's models want, and stays below maxTokens */
#define SOMA_BEDROCK_BUDGET_MIN  1024

/* names of documents, and of tools that are declared by their calls alone */
#define SOMA_BEDROCK_NAMES_MAX  128

/* a text beside documents, where there is none */
#define SOMA_BEDROCK_BESIDE  "See the documents."


/*
 * Writes the body for a provider.  "bound" is one of the answer, in tokens,
 * where the client said none; 0: none is told.  SOMA_OK; SOMA_DECLINED:
 * loss->refused is a member that Converse has no place for; SOMA_ERROR: no
 * memory.
 */
int soma_bedrock_write(soma_pieces_t *out,
    const soma_inner_request_t *request, int64_t bound,
    soma_inner_loss_t *loss);


/* what a model is by its name, for members that are its own */
typedef enum {
    SOMA_BEDROCK_OTHER = 0,
    SOMA_BEDROCK_CLAUDE,
    SOMA_BEDROCK_NOVA,
    SOMA_BEDROCK_GPT
} soma_bedrock_family_e;

/* what is being written, for all its files */
typedef struct {
    soma_pieces_t               *out;
    const soma_inner_request_t  *request;
    soma_inner_loss_t           *loss;
    soma_bedrock_family_e        family;
    int64_t                      bound;     /* tokens, 0: not said */
    uint64_t                     titles[SOMA_BEDROCK_NAMES_MAX];
                                            /* of documents: their hashes */
    unsigned                     ntitles;
    unsigned                     thinking:1;
    unsigned                     called:1;  /* the conversation has calls or
                                               results */
    unsigned                     failed:1;  /* no memory */
} soma_bedrock_write_t;


soma_bedrock_family_e soma_bedrock_write_family(soma_str_t model);

/* each writes members: SOMA_OK, or SOMA_DECLINED; with w->failed: no memory */
int soma_bedrock_write_turns(soma_bedrock_write_t *w);
int soma_bedrock_write_tools(soma_bedrock_write_t *w);
int soma_bedrock_write_fields(soma_bedrock_write_t *w);

/* blocks: whether there is something of it to write; one of a list; an image,
 * a document ...; whether it is this dialect's own */
unsigned soma_bedrock_write_says(const soma_inner_block_t *block);
int soma_bedrock_write_block(soma_bedrock_write_t *w,
    const soma_inner_block_t *block, unsigned trim);
int soma_bedrock_write_media(soma_bedrock_write_t *w,
    const soma_inner_block_t *block);
int soma_bedrock_write_result(soma_bedrock_write_t *w,
    const soma_inner_block_t *block);
unsigned soma_bedrock_write_own(const soma_inner_block_t *block);

void soma_bedrock_write_cache(soma_pieces_t *out, soma_inner_cache_e cache);
void soma_bedrock_write_comma(soma_pieces_t *out);
void soma_bedrock_write_id(soma_bedrock_write_t *w, const char *name,
    const soma_names_t *rule, soma_str_t id);

/* a member that has no place here, as soma_inner_lose() */
int soma_bedrock_write_lose(soma_bedrock_write_t *w, soma_str_t name);


#define SOMA_BEDROCK_WHY  "has no place in a request of Bedrock's Converse"


#endif /* SOMA_BEDROCK_WRITE_H */
