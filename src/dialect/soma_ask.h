
/*
 * Copyright (C) The ngx_soma authors
 *
 * What the readers of requests share, and those who edit them, whatever
 * their dialect.
 */


#ifndef SOMA_ASK_H
#define SOMA_ASK_H


#include "soma_dialect.h"


#define SOMA_ASK_TOKENS_MAX  1000000000     /* more is taken as this */
#define SOMA_ASK_TOOLS_MAX   1024           /* of a request */
#define SOMA_ASK_MODEL_MAX   512            /* bytes of its model's name */


/* what is so where a body does not say it, of a dialect whose streams tell
 * their usage unasked; ask->stream is the caller's */
void soma_ask_begin(soma_ask_t *ask);

/* the value of a member; SOMA_DECLINED: it is absent or null */
int soma_ask_value(soma_ask_t *ask, unsigned member, soma_value_pt value,
    void *data, soma_json_value_t *v);

int soma_ask_model(soma_ask_t *ask, soma_arena_t *arena,
    soma_json_value_t *value, const char **error);

/* the tier that a service_tier names, in a request or in an answer */
soma_tier_e soma_ask_tier(soma_str_t name);

/* a member's name as it stood, with its escapes undone */
int soma_ask_name(soma_arena_t *arena, soma_str_t name, soma_str_t *text);

/* notes a kind of tool that the provider runs */
int soma_ask_hosted(soma_ask_t *ask, soma_str_t type, const char **error);

/* edits: the model's name in the provider's words; a number where a member
 * has another value, the body's own bytes where they say it already */
int soma_ask_rename(soma_ask_t *ask, soma_str_t model, soma_arena_t *arena,
    soma_json_edits_t *edits);
int soma_ask_number(soma_ask_t *ask, unsigned member, int64_t n,
    soma_arena_t *arena, soma_value_pt value, void *data,
    soma_json_edits_t *edits);


/*
 * Objects that a request names and that the provider keeps, into ask->ids, in
 * soma_ask_objects.c.  All return SOMA_ERROR where an id is not plain, or
 * there are too many.
 */

/* an id, or an object with one */
int soma_ask_object(soma_ask_t *ask, soma_arena_t *arena,
    soma_json_value_t *value, soma_object_e kind);

/* the list is of items, which may stand for others that the provider has; or
 * what a call of a function was made with stands in it as an object, "input",
 * which nobody but the client reads */
#define SOMA_ASK_ITEMS  0x01
#define SOMA_ASK_CALLS  0x02

/* those that stand anywhere in a list */
int soma_ask_objects(soma_ask_t *ask, soma_arena_t *arena, soma_str_t list,
    unsigned how);


#endif /* SOMA_ASK_H */
