
/*
 * Copyright (C) The ngx_soma authors
 *
 * What the readers of requests share, whatever their dialect: a body's
 * members by a table, strings in the forms of the inner form, refusals that
 * name a member, and the bounds of soma_inner.h.
 */


#ifndef SOMA_READ_H
#define SOMA_READ_H


#include "soma_inner.h"
#include "soma_json.h"


#define SOMA_READ_ERROR_MAX  256        /* bytes of a sentence */


/* one request under way */
typedef struct {
    soma_inner_request_t   *request;
    soma_arena_t           *arena;
    const char            **error;      /* for the client; NULL: no memory */
    soma_inner_block_t    **system;     /* where the next one goes */
    soma_inner_turn_t     **turns;
    unsigned                nblocks;
} soma_read_t;


typedef struct soma_read_member_s  soma_read_member_t;

struct soma_read_member_s {
    soma_str_t             name;
    int                  (*read)(soma_read_t *r,
                               const soma_read_member_t *member,
                               soma_json_value_t *value);
    soma_inner_member_e    member;      /* of soma_read_value() */
};


/* all of these: SOMA_OK, or SOMA_ERROR with *r->error set */

/*
 * Reads each member of an object by the table; one that is not in it goes to
 * request->other.  null is "not said".
 */
int soma_read_object(soma_read_t *r, soma_str_t object,
    const soma_read_member_t *table, size_t n);

/* for tables: a member that is kept as it is, one that was read before, and
 * lists that dialects have alike */
int soma_read_value(soma_read_t *r, const soma_read_member_t *member,
    soma_json_value_t *value);
int soma_read_skip(soma_read_t *r, const soma_read_member_t *member,
    soma_json_value_t *value);
int soma_read_stop(soma_read_t *r, const soma_read_member_t *member,
    soma_json_value_t *value);
int soma_read_labels(soma_read_t *r, const soma_read_member_t *member,
    soma_json_value_t *value);

/* the next turn of the conversation, the next block of a list */
soma_inner_turn_t *soma_read_turn(soma_read_t *r, soma_inner_role_e role);
soma_inner_block_t *soma_read_block(soma_read_t *r,
    soma_inner_block_t ***last, soma_inner_kind_e kind);

/* always SOMA_ERROR: before + name + after */
int soma_read_fail(soma_read_t *r, const char *before, soma_str_t name,
    const char *after);


/* the rest: SOMA_OK, or SOMA_DECLINED with an absent string */

/* what stands between the quotes of a string; of a string member */
int soma_read_inside(soma_json_value_t *value, soma_str_t *text);
int soma_read_text(soma_str_t object, const char *name, soma_str_t *text);

/* the same, decoded: ids and names */
int soma_read_name(soma_read_t *r, soma_str_t object, const char *name,
    soma_str_t *text);

/* the last call of that id before now, or NULL */
soma_inner_block_t *soma_read_called(soma_inner_request_t *request,
    soma_str_t id);


#endif /* SOMA_READ_H */
