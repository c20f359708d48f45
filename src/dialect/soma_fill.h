
/*
 * Copyright (C) The ngx_soma authors
 *
 * What the readers of requests share, whatever their dialect: a body's
 * members by a table, strings in the forms of the inner form, refusals that
 * name a member, and the bounds of soma_inner.h.
 */


#ifndef SOMA_FILL_H
#define SOMA_FILL_H


#include "soma_inner.h"
#include "soma_json.h"


#define SOMA_FILL_ERROR_MAX  256        /* bytes of a sentence */
#define SOMA_FILL_MEMBERS_MAX  64
#define SOMA_FILL_CALLS      1024       /* chains of calls, by their ids */
#define SOMA_FILL_CHAIN_MAX  256        /* calls of a chain that are looked
                                           at, the newest first */


typedef struct soma_fill_call_s  soma_fill_call_t;

struct soma_fill_call_s {
    soma_fill_call_t       *next;
    soma_inner_block_t     *block;
};


/* one request under way */
typedef struct {
    soma_inner_request_t   *request;
    soma_arena_t           *arena;
    const char            **error;      /* for the client; NULL: no memory */
    soma_inner_block_t    **system;     /* where the next one goes */
    soma_inner_turn_t     **turns;
    unsigned                nblocks;
    soma_fill_call_t      **calls;      /* NULL: there was none so far */
} soma_fill_t;


typedef struct soma_fill_member_s  soma_fill_member_t;

struct soma_fill_member_s {
    soma_str_t             name;
    int                  (*read)(soma_fill_t *r,
                               const soma_fill_member_t *member,
                               soma_json_value_t *value);
    soma_inner_member_e    member;      /* of soma_fill_value() */
};


/*
 * Begins with a zeroed request.  *body is mended where it is no valid text
 * (soma_mend.h): SOMA_OK, or SOMA_ERROR without memory.
 */
int soma_fill_init(soma_fill_t *r, soma_inner_request_t *request,
    soma_arena_t *arena, const char **error, soma_str_t *body);


/* all of these: SOMA_OK, or SOMA_ERROR with *r->error set */

/*
 * Reads the members of an object by the table and in its order, n of them at
 * most SOMA_FILL_MEMBERS_MAX; one that is not in it goes to request->other.
 * Of a member that stands twice the last one holds, as it does for most
 * parsers.  null is "not said".
 */
int soma_fill_object(soma_fill_t *r, soma_str_t object,
    const soma_fill_member_t *table, size_t n);

/* for tables: a member that is kept as it is, one that was read before, and
 * lists that dialects have alike */
int soma_fill_value(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value);
int soma_fill_skip(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value);
int soma_fill_stop(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value);
int soma_fill_labels(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value);

/* the next turn of the conversation, the next block of a list */
soma_inner_turn_t *soma_fill_turn(soma_fill_t *r, soma_inner_role_e role);
soma_inner_block_t *soma_fill_block(soma_fill_t *r,
    soma_inner_block_t ***last, soma_inner_kind_e kind);

/* the cache point on a part or a tool: "cache_control" of an object, and its
 * value; servers other than Anthropic's that know it read it there, too */
soma_inner_cache_e soma_fill_cache(soma_str_t object);
soma_inner_cache_e soma_fill_cache_point(soma_json_value_t *value);

/* notes a call whose id is known, for soma_fill_called() */
int soma_fill_call(soma_fill_t *r, soma_inner_block_t *block);

/* always SOMA_ERROR: before + name + after */
int soma_fill_fail(soma_fill_t *r, const char *before, soma_str_t name,
    const char *after);


/* the rest: SOMA_OK, or SOMA_DECLINED with an absent string */

/* what stands between the quotes of a string; of a string member */
int soma_fill_inside(soma_json_value_t *value, soma_str_t *text);
int soma_fill_text(soma_str_t object, const char *name, soma_str_t *text);

/* the same, decoded: ids and names */
int soma_fill_name(soma_fill_t *r, soma_str_t object, const char *name,
    soma_str_t *text);

/* the last call of that id before now, or NULL */
soma_inner_block_t *soma_fill_called(soma_fill_t *r, soma_str_t id);


#endif /* SOMA_FILL_H */
