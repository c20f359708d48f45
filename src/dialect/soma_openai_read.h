
/*
 * Copyright (C) The ngx_soma authors
 *
 * The reader of the openai dialect: one for an event that lies whole, for one
 * that comes in pieces, and for a whole answer.
 */


#ifndef SOMA_OPENAI_READ_H
#define SOMA_OPENAI_READ_H


#include "soma_answer.h"
#include "soma_openai.h"
#include "soma_read.h"


typedef enum {
    SOMA_F_INPUT = 0,
    SOMA_F_OUTPUT,
    SOMA_F_TOTAL,
    SOMA_F_CACHED,
    SOMA_F_CACHE_READ,          /* under Anthropic's name */
    SOMA_F_CACHE_WRITE,
    SOMA_F_CACHE_WRITE_1H,
    SOMA_F_REASONING,
    SOMA_F_REASONING_TOP,       /* beside the counts, not in their details */
    SOMA_F_AUDIO_IN,
    SOMA_F_AUDIO_OUT,
    SOMA_F_IMAGE_IN,
    SOMA_F_IMAGE_OUT,
    SOMA_F_SEARCHES,
    SOMA_F_X_SEARCHES,
    SOMA_F_SECONDS,
    SOMA_F_TOTAL_FIELDS
} soma_openai_field_e;


/* counts of one usage object, -1: not reported */
typedef struct {
    int64_t  n[SOMA_F_TOTAL_FIELDS];
} soma_openai_counts_t;


typedef struct {
    soma_str_t  name;
    int         field;
} soma_openai_count_t;


/* objects and arrays that are looked into */
typedef enum {
    SOMA_P_TOP = 1,             /* whole values */
    SOMA_P_LIST,                /* an array at the top: [DONE] */
    SOMA_P_ROOT,                /* an event, or a whole answer */
    SOMA_P_RESPONSE,
    SOMA_P_CHOICES,
    SOMA_P_CHOICE,
    SOMA_P_DELTA,
    SOMA_P_MESSAGE,
    SOMA_P_CALLS,
    SOMA_P_CALL,
    SOMA_P_FUNCTION,
    SOMA_P_AUDIO,
    SOMA_P_PARTS,
    SOMA_P_PART,
    SOMA_P_OUTPUT,
    SOMA_P_ITEM,
    SOMA_P_HOLDER,              /* of a usage and nothing else */
    SOMA_P_USAGE,
    SOMA_P_GROUP,               /* of counts in a usage */
    SOMA_P_TOOLS,               /* tool_usage */
    SOMA_P_IMAGE_GEN,
    SOMA_P_WEB_SEARCH
} soma_openai_place_e;


/* values in them, indices into soma_openai_ways */
typedef enum {
    SOMA_S_NONE = 0,
    SOMA_S_ROOT,
    SOMA_S_BARE,                /* in an array at the top */
    SOMA_S_USAGE,
    SOMA_S_USAGE_ELSEWHERE,     /* deeper than it belongs */
    SOMA_S_COUNT,
    SOMA_S_GROUP,
    SOMA_S_ERROR,
    SOMA_S_TYPE,
    SOMA_S_OBJECT,
    SOMA_S_RESPONSE,
    SOMA_S_EVENT_DELTA,         /* a delta that is a string */
    SOMA_S_TIER,
    SOMA_S_MODEL,
    SOMA_S_ID,
    SOMA_S_CREATED,
    SOMA_S_SEQUENCE,
    SOMA_S_DURATION,
    SOMA_S_DATA,
    SOMA_S_HOLDER,
    SOMA_S_CHOICES,
    SOMA_S_CHOICE,
    SOMA_S_INDEX,
    SOMA_S_FINISH,
    SOMA_S_DELTA,
    SOMA_S_MESSAGE,
    SOMA_S_TEXT,                /* of a completion */
    SOMA_S_TRANSCRIPT,          /* text at the root */
    SOMA_S_CONTENT,
    SOMA_S_REASONING,
    SOMA_S_REASONING_CONTENT,
    SOMA_S_REASONING_DETAILS,
    SOMA_S_CALLS,
    SOMA_S_CALL,
    SOMA_S_FUNCTION,
    SOMA_S_CALL_NAME,
    SOMA_S_ARGUMENTS,
    SOMA_S_AUDIO,
    SOMA_S_PART,                /* text of a part, or parts in it */
    SOMA_S_OUTPUT,
    SOMA_S_ITEM,
    SOMA_S_ITEM_TYPE,
    SOMA_S_ITEM_PARTS,
    SOMA_S_BYTES,               /* a picture, a sound */
    SOMA_S_TOOLS,
    SOMA_S_IMAGE_GEN,
    SOMA_S_WEB_SEARCH,
    SOMA_S_TOTAL
} soma_openai_slot_e;


/* what an event says it is */
typedef enum {
    SOMA_T_NONE = 0,            /* nothing, as those of a chat */
    SOMA_T_OTHER,
    SOMA_T_DELTA,
    SOMA_T_SOUND,               /* a delta that is no text */
    SOMA_T_ERROR,
    SOMA_T_FAILED,
    SOMA_T_LAST,                /* of a response */
    SOMA_T_DONE                 /* of sound, a transcript, a picture */
} soma_openai_type_e;


typedef struct {
    soma_answer_t              *answer;
    const soma_openai_count_t  *group;      /* of the counts at hand */
    const unsigned char        *usage_at;   /* where it began */
    int64_t                     index;      /* of the choice at hand */
    int64_t                     whole;      /* bytes of texts that stand
                                               whole in this event */
    int64_t                     doubtful;   /* bytes of deltas of an event
                                               that has not said its type */
    int64_t                     thought;    /* bytes of reasoning counted */
    int64_t                     again;      /* under another name so far */
    unsigned char               named;      /* the slot of the first name */
    unsigned char               named_again;
    unsigned char               parts;      /* the slot that parts are of */
    unsigned char               field;      /* of the count at hand */
    unsigned char               type;       /* soma_openai_type_e */
    unsigned                    begun:1;    /* this struct is set */
    unsigned                    some:1;     /* it has data */
    unsigned                    typed:1;    /* by a member, not its name */
    unsigned                    lies:1;     /* all of it lies in one piece */
    unsigned                    usage:1;    /* where it belongs */
    unsigned                    elsewhere:1;    /* the one at hand is not */
    unsigned                    choices:1;  /* an array of them */
    unsigned                    any:1;      /* it has one */
    unsigned                    finished:1; /* the choice at hand */
    unsigned                    within:1;   /* a text that stands whole */
    unsigned                    error:1;    /* it is one */
    soma_openai_counts_t        counts;
    soma_read_t                 read;
} soma_openai_read_t;


void soma_openai_read_init(soma_openai_read_t *w, soma_answer_t *answer);

/* the name of the event, empty: it has none */
void soma_openai_read_named(soma_openai_read_t *w, soma_str_t name);

void soma_openai_read(soma_openai_read_t *w, const unsigned char *p,
    size_t len);

/* soma_openai_usage.c: of a usage object its counts.  slot: of a member in
 * the place USAGE, GROUP, IMAGE_GEN or WEB_SEARCH */
void soma_openai_usage_init(soma_openai_counts_t *counts);
unsigned soma_openai_usage_slot(soma_openai_read_t *w, unsigned place,
    soma_str_t name);
void soma_openai_usage_count(soma_openai_read_t *w, soma_json_value_t *value);
void soma_openai_usage_counted(soma_openai_read_t *w, unsigned place);


#endif /* SOMA_OPENAI_READ_H */
