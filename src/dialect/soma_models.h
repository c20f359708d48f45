
/*
 * Copyright (C) The ngx_soma authors
 *
 * Lists of models, as the clients of each dialect read them.  One path has
 * several shapes: what else the request says tells who asks.
 */


#ifndef SOMA_MODELS_H
#define SOMA_MODELS_H


#include "soma_base.h"


typedef enum {
    SOMA_MODELS_OPENAI = 0,
    SOMA_MODELS_ANTHROPIC,
    SOMA_MODELS_GEMINI
} soma_models_e;


typedef struct {
    soma_str_t   name;          /* decoded */
    soma_str_t   owner;
    int64_t      created;       /* s UTC */
    int64_t      context;       /* tokens, 0: not known */
    int64_t      output;        /* likewise, of an answer */
} soma_models_entry_t;


/* a list of n entries; one of them alone */
void soma_models_list(soma_out_t *out, soma_models_e shape,
    const soma_models_entry_t *entry, size_t n);
void soma_models_one(soma_out_t *out, soma_models_e shape,
    const soma_models_entry_t *entry);

/* the dialect of who reads that shape: its name */
soma_str_t soma_models_dialect(soma_models_e shape);


#endif /* SOMA_MODELS_H */
