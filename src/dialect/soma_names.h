
/*
 * Copyright (C) The ngx_soma authors
 *
 * Names of tools and ids of calls for targets that do not take them as they
 * are.  What does not fit is written with its letters changed and a hash
 * behind: the same for the same name wherever it stands in a request, and
 * told from the tools of the request on its way back.  No state is kept.
 */


#ifndef SOMA_NAMES_H
#define SOMA_NAMES_H


#include "soma_inner.h"


/* what a target takes: letters, digits and those of "also", at most max */
typedef struct {
    const char   *also;
    unsigned      max;
    unsigned      letter:1;         /* it begins with a letter, or "_" */
} soma_names_t;


/* as the target takes it: the name itself where it fits.  SOMA_OK or
 * SOMA_ERROR (no memory) */
int soma_names_fit(soma_arena_t *arena, const soma_names_t *rule,
    soma_str_t name, soma_str_t *fit);

/* which tool of the request a target means by that name: the name itself
 * where it is none's.  *tool is NULL then; both may be of use to know whether
 * it is a custom one */
int soma_names_back(soma_arena_t *arena, const soma_names_t *rule,
    const soma_inner_request_t *request, soma_str_t name, soma_str_t *back,
    const soma_inner_toolset_t **tool);


#endif /* SOMA_NAMES_H */
