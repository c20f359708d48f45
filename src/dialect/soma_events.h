
/*
 * Copyright (C) The ngx_soma authors
 *
 * What the readers of answers share, whatever their dialect: events in the
 * order that soma_inner.h promises, whatever the order they came in; texts
 * mended where they were cut; calls that wait for their names.
 */


#ifndef SOMA_EVENTS_H
#define SOMA_EVENTS_H


#include "soma_custom.h"
#include "soma_inner.h"
#include "soma_json.h"
#include "soma_mend.h"
#include "soma_names.h"
#include "soma_pieces.h"


#define SOMA_EVENTS_HELD_MAX   (1024 * 1024)    /* bytes of arguments of a
                                                   call without a name */
#define SOMA_EVENTS_TOKENS_MAX  1000000000000   /* a count above is a lie */
#define SOMA_EVENTS_NO_KEY      UINT32_MAX


typedef struct soma_events_open_s  soma_events_open_t;

/* a block that is open */
struct soma_events_open_s {
    soma_events_open_t   *next;
    unsigned              choice;
    unsigned              block;        /* its number, once it has begun */
    uint32_t              key;          /* the provider's number of it */
    soma_inner_kind_e     kind;
    soma_inner_tool_e     tool;
    soma_mend_t           mend;
    soma_pieces_t         held;         /* arguments before the name */
    soma_custom_t         custom;       /* of a function that stands for a
                                           custom tool, */
    soma_mend_t           taken;        /* its text */
    unsigned char         id[SOMA_INNER_ID_MAX];
    unsigned char         name[SOMA_INNER_NAME_MAX];
    unsigned              id_len;
    unsigned              name_len;
    unsigned              begun:1;
    unsigned              said:1;       /* the reader's own: words came */
    unsigned              wrapped:1;    /* it stands for one */
};


/* zeroed; the first part is filled in by the caller */
typedef struct {
    soma_arena_t         *arena;
    soma_inner_sink_pt    sink;
    void                 *data;
    uint64_t              seed;         /* of ids that have to be made: another
                                           one for each answer */
    const soma_inner_request_t  *request;   /* that is answered, for names of
                                           tools and custom ones (see
                                           soma_custom.h); NULL: not known */
    const soma_names_t   *names;        /* how its tools were named; NULL: as
                                           they are */

    /* private */
    soma_mend_room_t      room;
    soma_pieces_t         scratch;
    soma_pieces_t         taken;        /* of a custom tool's text */
    soma_events_open_t   *open;
    soma_events_open_t   *spare;
    soma_usage_t          usage;
    soma_str_t            id;           /* of the answer, until START */
    soma_str_t            model;
    int64_t               created;
    unsigned              nopen;
    unsigned              calls;        /* so far, for their ids */
    uint32_t              blocks[SOMA_INNER_CHOICES_MAX];
    uint64_t              finished[SOMA_INNER_CHOICES_MAX / 64];
    unsigned              choices;      /* the highest + 1 */
    unsigned              ready:1;
    unsigned              started:1;
    unsigned              over:1;       /* FAILED or END */
} soma_events_t;


/*
 * All that return int: SOMA_OK; SOMA_ERROR: no memory, or the sink said so.
 * What is beyond a bound becomes a FAILED that names it, and all that comes
 * after FAILED or END is nothing.
 */

/* the room of an answer, before anything else is done with it: all below that
 * need it see to that themselves */
void soma_events_ready(soma_events_t *events);

/* what is known of the answer: the first word of each holds */
int soma_events_about(soma_events_t *events, soma_str_t object);

/* a block by the provider's number of it, if it is open */
soma_events_open_t *soma_events_find(soma_events_t *events, unsigned choice,
    soma_inner_kind_e kind, uint32_t key);
soma_events_open_t *soma_events_find_id(soma_events_t *events,
    unsigned choice, soma_str_t id);

/* a new one; a CALL begins when it has a name.  *open is NULL where the
 * answer is over, or the choice is finished */
int soma_events_begin(soma_events_t *events, unsigned choice,
    soma_inner_kind_e kind, uint32_t key, soma_events_open_t **open);

/* a call's id and name, decoded; the first word of each holds */
int soma_events_name(soma_events_t *events, soma_events_open_t *open,
    soma_str_t id, soma_str_t name);

/* more of its words, as they stood between quotes; raw JSON, for arguments
 * that are no string */
int soma_events_text(soma_events_t *events, soma_events_open_t *open,
    soma_str_t text);
int soma_events_raw(soma_events_t *events, soma_events_open_t *open,
    soma_str_t raw);

int soma_events_close(soma_events_t *events, soma_events_open_t *open);

/* an event of another kind: START goes before it where it has to */
int soma_events_emit(soma_events_t *events, soma_inner_event_t *event);

/* events->usage has changed */
int soma_events_usage(soma_events_t *events);

int soma_events_finish(soma_events_t *events, unsigned choice,
    soma_inner_finish_e finish, soma_str_t text);
int soma_events_failed(soma_events_t *events, int status, soma_str_t type,
    soma_str_t code, soma_str_t text);

/* the provider's proper end */
int soma_events_end(soma_events_t *events);

/* soma_events_vector.c: the vector of an input, an array of numbers or a
 * string of base64; the end of an answer of them, which has no finish; and a
 * FAILED where there are none */
int soma_events_vector(soma_events_t *events, unsigned index,
    soma_json_value_t *value);
int soma_events_vectors_end(soma_events_t *events);
int soma_events_vectors_none(soma_events_t *events);


/* a count of tokens of an object; *n is untouched where there is none that
 * can be one */
void soma_events_count(soma_str_t object, const char *name, int64_t *n);

/* a string of an object, decoded into the arena; empty: there is none.  SOMA_OK
 * or SOMA_ERROR (no memory) */
int soma_events_decoded(soma_events_t *events, soma_str_t object,
    const char *name, soma_str_t *text);

/* what stands between the quotes of a string of an object; empty: none */
soma_str_t soma_events_inside(soma_str_t object, const char *name);


#endif /* SOMA_EVENTS_H */
