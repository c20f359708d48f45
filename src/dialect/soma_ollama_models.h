
/*
 * Copyright (C) The ngx_soma authors
 *
 * What Ollama's clients are told of models: answers to /api/tags, /api/show,
 * /api/ps and /api/version.  Source: Ollama's api/types.go of 2026-08-21,
 * "ListModelResponse", "ShowResponse".  Of what only a server with files has
 * (size, digest, template) nothing is known, and each has its empty value.
 */


#ifndef SOMA_OLLAMA_MODELS_H
#define SOMA_OLLAMA_MODELS_H


#include "soma_pieces.h"


/* clients ask for features by the version of the server: the one whose API is
 * spoken here */
#define SOMA_OLLAMA_MODELS_VERSION  "0.12.0"


/* what a model can do; all that is not known is left out */
typedef struct {
    soma_str_t  name;               /* as clients call it */
    int64_t     modified;           /* s UTC */
    int64_t     context;            /* tokens of its window, 0: not known */
    unsigned    embeds:1;           /* it makes vectors, and no text */
    unsigned    tools:1;
    unsigned    images:1;
    unsigned    thinks:1;
} soma_ollama_model_t;


/* each writes one JSON body.  A list is soma_ollama_models_begin(), a model
 * each, and soma_ollama_models_end() */
void soma_ollama_models_begin(soma_pieces_t *out);
void soma_ollama_models_model(soma_pieces_t *out,
    const soma_ollama_model_t *model);
void soma_ollama_models_end(soma_pieces_t *out);

void soma_ollama_models_show(soma_pieces_t *out,
    const soma_ollama_model_t *model);
void soma_ollama_models_ps(soma_pieces_t *out);
void soma_ollama_models_version(soma_pieces_t *out);

/* the model that a body of /api/show names, by its newer or its older member,
 * unescaped: SOMA_OK; SOMA_DECLINED: none; SOMA_ERROR: no memory */
int soma_ollama_models_asked(soma_arena_t *arena, soma_str_t body,
    soma_str_t *name);


#endif /* SOMA_OLLAMA_MODELS_H */
