
/*
 * Copyright (C) The ngx_soma authors
 *
 * What the writers of requests and answers share, whatever their dialect:
 * members with their commas, and what becomes of those that a dialect has no
 * place for.
 */


#ifndef SOMA_WRITE_H
#define SOMA_WRITE_H


#include "soma_inner.h"
#include "soma_pieces.h"


/* a member's name with its comma and colon; it begins the object where that
 * ends in an opening brace */
void soma_write_name(soma_pieces_t *out, const char *name);

/* members; an absent string writes nothing */
void soma_write_text(soma_pieces_t *out, const char *name, soma_str_t text);
void soma_write_quoted(soma_pieces_t *out, const char *name, soma_str_t s);
void soma_write_word(soma_pieces_t *out, const char *name, const char *word);
void soma_write_raw(soma_pieces_t *out, const char *name, soma_str_t raw);
void soma_write_int(soma_pieces_t *out, const char *name, int64_t n);

/* a text that may be gone before "out" is: an event's */
void soma_write_copy(soma_pieces_t *out, const char *name, soma_str_t text);

/* raw JSON as the string that holds it */
void soma_write_escaped(soma_pieces_t *out, const char *name,
    soma_str_t raw);


/* what a dialect calls a member of soma_inner_member_e, and what becomes of
 * it where it has none */
typedef enum {
    SOMA_WRITE_REFUSED = 0,
    SOMA_WRITE_HINT,                /* left out and named, never an error */
    SOMA_WRITE_MEMBER,              /* by "name" */
    SOMA_WRITE_OWN                  /* the dialect's own writer says it */
} soma_write_e;

typedef struct {
    soma_write_e   how;
    const char    *name;
} soma_write_member_t;


/*
 * Writes the plain members of a request by a table of SOMA_INNER_MEMBERS,
 * then disposes of request->other.  One that states the default, and is
 * refused otherwise, is left out.  SOMA_OK, or SOMA_DECLINED with
 * loss->refused.  why: a constant clause.
 */
int soma_write_members(soma_pieces_t *out,
    const soma_inner_request_t *request, const soma_write_member_t *table,
    const char *why, soma_inner_loss_t *loss);

/* a table for inputs that become vectors: what bounds or draws an answer means
 * nothing; how a long one is truncated is the dialect's own to say */
extern const soma_write_member_t  soma_write_inputs[SOMA_INNER_MEMBERS];

/* 1: a member of request->other by that name is a hint; says how many numbers
 * a vector is to have */
int soma_write_hint(soma_str_t name);
int soma_write_dimensions(soma_str_t name);

/*
 * A list of inputs, one text each; "tokens": or one list of token numbers.
 * SOMA_DECLINED: loss says that one of them is something else, and why.
 */
int soma_write_texts(soma_pieces_t *out, const char *name,
    const soma_inner_request_t *request, unsigned tokens, const char *why,
    soma_inner_loss_t *loss);

/* how many numbers, by that name, and what is left to soma_write_members() */
void soma_write_sized(soma_pieces_t *out, const char *name,
    const soma_inner_request_t *request, soma_inner_request_t *rest);

/* 1: the value says what is so where nothing is said */
int soma_write_default(soma_inner_member_e member, soma_str_t raw);


/*
 * What the model itself does not take, by loss->facts (soma_write_facts.c):
 * "fit" is the request without it, where loss->lossy lets it go.  Members that
 * state a default are left out of it.  SOMA_OK, or SOMA_DECLINED with
 * loss->refused.  The blocks are shared with the request: images and
 * documents that are let go stay, and the provider has the last word.
 */
int soma_write_facts(soma_inner_request_t *fit,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);

/* whether a tool is one of those that the choice names */
unsigned soma_write_named(const soma_inner_request_t *request,
    const soma_inner_toolset_t *tool);

/* the client's stop sequences as a member; what is beyond "max" of them is
 * left to soma_stops.h */
void soma_write_stops(soma_pieces_t *out, const char *name,
    const soma_inner_request_t *request, unsigned max,
    soma_inner_loss_t *loss);

/* a text without the blanks at its end, escaped ones among them */
soma_str_t soma_write_trim(soma_str_t text);

/* names points of a prompt's cache as left out, where there are some and the
 * dialect has none */
void soma_write_uncached(const soma_inner_request_t *request,
    soma_inner_loss_t *loss);


#endif /* SOMA_WRITE_H */
