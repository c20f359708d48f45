
/*
 * Copyright (C) The ngx_soma authors
 *
 * The reader of the anthropic dialect: one for an event that lies whole, for
 * one that comes in pieces, and for a whole answer.
 */


#ifndef SOMA_ANTHROPIC_READ_H
#define SOMA_ANTHROPIC_READ_H


#include "soma_anthropic.h"
#include "soma_answer.h"
#include "soma_read.h"


/* no count above this is believed: sums of several stay below 2^63 */
#define SOMA_ANTHROPIC_TOKENS_MAX  1000000000000000


typedef enum {
    SOMA_A_INPUT = 0,           /* neither from the cache nor to it */
    SOMA_A_OUTPUT,
    SOMA_A_CACHE_READ,
    SOMA_A_CACHE_WRITE,
    SOMA_A_CACHE_WRITE_5M,
    SOMA_A_CACHE_WRITE_1H,
    SOMA_A_THINKING,
    SOMA_A_SEARCHES,
    SOMA_A_FIELDS
} soma_anthropic_field_e;


/* objects and arrays that are looked into */
typedef enum {
    SOMA_AP_TOP = 1,            /* whole values */
    SOMA_AP_ROOT,               /* an event, or a whole answer */
    SOMA_AP_MESSAGE,            /* of message_start */
    SOMA_AP_CONTENT,
    SOMA_AP_BLOCK,
    SOMA_AP_DELTA,
    SOMA_AP_INPUT,              /* what a tool is called with */
    SOMA_AP_USAGE,
    SOMA_AP_GROUP               /* of counts in a usage */
} soma_anthropic_place_e;


/* values in them, indices into soma_anthropic_ways */
typedef enum {
    SOMA_AS_NONE = 0,
    SOMA_AS_ROOT,
    SOMA_AS_TYPE,
    SOMA_AS_INDEX,
    SOMA_AS_ERROR,
    SOMA_AS_MESSAGE,
    SOMA_AS_ID,
    SOMA_AS_MODEL,
    SOMA_AS_CONTENT,
    SOMA_AS_BLOCK,
    SOMA_AS_BLOCK_TYPE,
    SOMA_AS_DELTA,
    SOMA_AS_TEXT,
    SOMA_AS_THINKING,
    SOMA_AS_SIGNATURE,
    SOMA_AS_JSON,               /* a piece of what a tool is called with */
    SOMA_AS_INPUT,
    SOMA_AS_STOP,
    SOMA_AS_USAGE,              /* of a whole answer, or a stream's last */
    SOMA_AS_USAGE_FIRST,
    SOMA_AS_COUNT,
    SOMA_AS_GROUP,
    SOMA_AS_TIER,
    SOMA_AS_TOTAL
} soma_anthropic_slot_e;


/* what an event says it is */
typedef enum {
    SOMA_AT_OTHER = 0,
    SOMA_AT_BLOCK_START,
    SOMA_AT_BLOCK_STOP,
    SOMA_AT_MESSAGE_DELTA,
    SOMA_AT_MESSAGE_STOP,
    SOMA_AT_ERROR
} soma_anthropic_type_e;


/* blocks have this many channels each */
typedef enum {
    SOMA_ANTHROPIC_TEXT = 0,
    SOMA_ANTHROPIC_THINKING,
    SOMA_ANTHROPIC_JSON,
    SOMA_ANTHROPIC_CHANNELS
} soma_anthropic_channel_e;


typedef struct {
    soma_answer_t        *answer;
    const unsigned char  *piece;        /* the bytes at hand, */
    int64_t               taken;        /* and how many were before them */
    const unsigned char  *usage_at;     /* where it began */
    int64_t               input_at;     /* likewise, from the first byte */
    int64_t               index;        /* of the block */
    int64_t               n[SOMA_A_FIELDS];     /* -1: not reported */
    unsigned char         field;        /* of the count at hand */
    unsigned char         type;         /* soma_anthropic_type_e */
    unsigned              begun:1;      /* this struct is set */
    unsigned              some:1;       /* it has data */
    unsigned              typed:1;      /* by a member, not its name */
    unsigned              lies:1;       /* all of it lies in one piece */
    unsigned              last:1;       /* the usage at hand is _USAGE */
    unsigned              counted:1;    /* such a one has told the output */
    unsigned              stopped:1;    /* there is a reason to stop */
    unsigned              error:1;      /* it is one */
    soma_read_t           read;
} soma_anthropic_read_t;


void soma_anthropic_read_init(soma_anthropic_read_t *w,
    soma_answer_t *answer);

/* the name of the event, empty: it has none */
void soma_anthropic_read_named(soma_anthropic_read_t *w, soma_str_t name);

void soma_anthropic_read(soma_anthropic_read_t *w, const unsigned char *p,
    size_t len);

/* soma_anthropic_usage.c: of a usage object its counts */
void soma_anthropic_usage_init(soma_anthropic_read_t *w);
unsigned soma_anthropic_usage_slot(soma_anthropic_read_t *w, unsigned place,
    soma_str_t name);
void soma_anthropic_usage_count(soma_anthropic_read_t *w,
    soma_json_value_t *value);
void soma_anthropic_usage_tier(soma_anthropic_read_t *w,
    soma_json_value_t *value);
void soma_anthropic_usage_counted(soma_anthropic_read_t *w);


#endif /* SOMA_ANTHROPIC_READ_H */
