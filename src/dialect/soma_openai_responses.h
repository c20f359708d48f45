
/*
 * Copyright (C) The ngx_soma authors
 *
 * Requests and answers of OpenAI's Responses API and the inner form.  An
 * answer is a list of items: messages of one or more parts, reasoning, calls,
 * pictures.  A stream tells how each of them comes to be, and at its end all
 * of it again, so that a writer has to keep what it said.  Source: OpenAI's
 * API reference, "Create a model response", "The response object" and
 * "Streaming events".
 */


#ifndef SOMA_OPENAI_RESPONSES_H
#define SOMA_OPENAI_RESPONSES_H


#include "soma_fill.h"
#include "soma_pieces.h"


#define SOMA_OPENAI_RESPONSES_MAX    (32 * 1024 * 1024) /* bytes that are
                                                           kept of an answer */
#define SOMA_OPENAI_RESPONSES_PARTS  4096               /* of all its items */


typedef struct soma_openai_part_s  soma_openai_part_t;
typedef struct soma_openai_item_s  soma_openai_item_t;

/* a block of the answer: a part of a message, or all of another item */
struct soma_openai_part_s {
    soma_openai_part_t   *next;
    soma_openai_item_t   *item;
    unsigned              block;
    unsigned              index;        /* in its item */
    soma_inner_kind_e     kind;
    soma_pieces_t         said;         /* so far */
    soma_str_t            text;         /* text: all of it, once closed */
    soma_pieces_t         notes;        /* annotations, with their commas */
    soma_pieces_t         probs;        /* likewise, of its words */
    unsigned              nnotes;
    unsigned              nprobs;
    unsigned              begun:1;      /* its stream was told of it */
    unsigned              closed:1;
};

struct soma_openai_item_s {
    soma_openai_item_t   *next;
    soma_openai_part_t   *parts;
    soma_openai_part_t  **last;
    unsigned              index;        /* in the answer */
    soma_inner_kind_e     kind;         /* TEXT: a message */
    soma_inner_tool_e     tool;
    soma_str_t            id;           /* raw: with quotes */
    soma_str_t            call;         /* raw: with quotes, likewise */
    soma_str_t            name;
    soma_str_t            space;        /* its namespace, likewise; data NULL:
                                           it has none */
    soma_pieces_t         seal;         /* encrypted_content */
    unsigned              nparts;
    unsigned              open;         /* of them, that are not closed */
    unsigned              sealed:1;     /* there is one */
    unsigned              incomplete:1;
    unsigned              done:1;
};


/* zeroed and filled in by the caller */
typedef struct {
    soma_arena_t         *arena;
    soma_str_t            id;           /* name: where the provider has none,
                                           without "resp_" */
    soma_str_t            model;        /* name: likewise */
    int64_t               created;      /* s UTC, likewise */
    int64_t               max_tokens;   /* as it was asked, -1: it was not */
    int64_t               cost;         /* nano-USD, in a stream's usage; -1:
                                           not told */
    const soma_inner_request_t  *request;   /* that is answered; NULL: it is
                                               not known */
    unsigned              stream:1;

    /* private */
    soma_str_t            response;     /* raw: its id */
    soma_openai_item_t   *items;
    soma_openai_item_t  **last;
    soma_openai_item_t   *item;         /* the last one */
    soma_openai_item_t   *settled;      /* up to this one all are done */
    soma_openai_part_t   *part;         /* that an event was about */
    unsigned              nitems;
    unsigned              nparts;
    size_t                kept;         /* bytes */
    int64_t               sequence;     /* of the next event */
    soma_usage_t          usage;
    soma_str_t            code;         /* name: of an error, one of those
                                           that a response may have */
    soma_str_t            message;      /* text */
    soma_inner_finish_e   finish;
    unsigned              ended:1;      /* the answer's status is known */
    unsigned              finished:1;
    unsigned              failed:1;
    unsigned              done:1;
} soma_openai_responses_t;


/* as soma_dialect_t has them */
int soma_openai_responses_read(soma_inner_request_t *request,
    soma_arena_t *arena, soma_str_t body, const char **error);
int soma_openai_responses_write(soma_openai_responses_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event);


/* soma_openai_responses_turns.c: "input", for its table of members */
int soma_openai_responses_input(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);


/* soma_openai_responses_objects.c: JSON of what there is so far */
void soma_openai_responses_object(soma_openai_responses_t *answer,
    soma_pieces_t *out);
void soma_openai_responses_item(soma_openai_item_t *item, soma_pieces_t *out);
void soma_openai_responses_part(soma_openai_part_t *part, soma_pieces_t *out);

/* "logprobs" of a text */
void soma_openai_responses_likely(soma_openai_part_t *part,
    soma_pieces_t *out);


/* soma_openai_responses_told.c: events; nothing for a whole answer */

/* one up to its own members, and its end */
void soma_openai_responses_event(soma_openai_responses_t *answer,
    soma_pieces_t *out, const char *type);
void soma_openai_responses_event_end(soma_pieces_t *out);

/* one about a part, up to its own members */
void soma_openai_responses_place(soma_openai_responses_t *answer,
    soma_pieces_t *out, soma_openai_part_t *part, const char *type);

/* whole ones: with the response, an item, a part, the error in them */
void soma_openai_responses_told(soma_openai_responses_t *answer,
    soma_pieces_t *out, const char *type);
void soma_openai_responses_listed(soma_openai_responses_t *answer,
    soma_pieces_t *out, soma_openai_item_t *item, const char *type);
void soma_openai_responses_shown(soma_openai_responses_t *answer,
    soma_pieces_t *out, soma_openai_part_t *part, const char *type);
void soma_openai_responses_error(soma_openai_responses_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event);


/* soma_openai_responses_parts.c */

/* of the block that an event is about, if it is open */
soma_openai_part_t *soma_openai_responses_find(
    soma_openai_responses_t *answer, const soma_inner_event_t *event);

/* within SOMA_OPENAI_RESPONSES_MAX, beyond which it is SOMA_DECLINED */
int soma_openai_responses_keep(soma_openai_responses_t *answer,
    soma_pieces_t *kept, soma_str_t text);

/* SOMA_INNER_SIGNATURE, SOMA_INNER_CITATION, SOMA_INNER_PROBS */
int soma_openai_responses_seal(soma_openai_responses_t *answer,
    const soma_inner_event_t *event);
int soma_openai_responses_note(soma_openai_responses_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event);

int soma_openai_responses_probs(soma_openai_responses_t *answer,
    const soma_inner_event_t *event);

/* a name with quotes, and a number where that is not 0; data NULL: no
 * memory */
soma_str_t soma_openai_responses_quote(soma_arena_t *arena,
    const char *prefix, soma_str_t s, unsigned index);


#endif /* SOMA_OPENAI_RESPONSES_H */
