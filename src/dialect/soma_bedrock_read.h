
/*
 * Copyright (C) The ngx_soma authors
 *
 * The reader of the bedrock dialect: one for an event that lies whole, and
 * for a whole answer, be it Converse's or in a model's own words.  Those are
 * Anthropic's, Amazon's Nova and Titan, Meta's, Cohere's, Mistral's, AI21's,
 * and OpenAI's.
 */


#ifndef SOMA_BEDROCK_READ_H
#define SOMA_BEDROCK_READ_H


#include "soma_bedrock.h"
#include "soma_answer.h"
#include "soma_read.h"


/* no count above this is believed: sums of several stay below 2^63 */
#define SOMA_BEDROCK_TOKENS_MAX  1000000000000000


typedef enum {
    SOMA_B_INPUT = 0,           /* neither from the cache nor to it */
    SOMA_B_PROMPT,              /* all of it */
    SOMA_B_OUTPUT,
    SOMA_B_CACHE_READ,
    SOMA_B_CACHE_WRITE,
    SOMA_B_CACHE_WRITE_1H,
    SOMA_B_THINKING,
    SOMA_B_FIELDS
} soma_bedrock_field_e;


/* objects and arrays that are looked into */
typedef enum {
    SOMA_BP_TOP = 1,            /* whole values */
    SOMA_BP_ROOT,               /* an event, or a whole answer */
    SOMA_BP_MESSAGE,            /* also "output" */
    SOMA_BP_CONTENT,
    SOMA_BP_BLOCK,
    SOMA_BP_DELTA,
    SOMA_BP_TOOL,
    SOMA_BP_INPUT,              /* what a tool is called with */
    SOMA_BP_REASON,
    SOMA_BP_CITED,              /* texts with their citations */
    SOMA_BP_RESULTS,            /* of models' own words */
    SOMA_BP_RESULT,
    SOMA_BP_USAGE,
    SOMA_BP_METRICS,            /* AWS's own count of them */
    SOMA_BP_GROUP,              /* of counts in a usage */
    SOMA_BP_CACHES,
    SOMA_BP_CACHE,
    SOMA_BP_TIER
} soma_bedrock_place_e;


/* values in them, indices into soma_bedrock_ways */
typedef enum {
    SOMA_BS_NONE = 0,
    SOMA_BS_ROOT,
    SOMA_BS_EVENT,              /* a stream's, within another object */
    SOMA_BS_STOPPED,            /* likewise, that ends a block */
    SOMA_BS_INDEX,
    SOMA_BS_ERROR,
    SOMA_BS_TYPE,               /* Anthropic's name of an event */
    SOMA_BS_ID,
    SOMA_BS_MODEL,
    SOMA_BS_MESSAGE,
    SOMA_BS_CONTENT,
    SOMA_BS_BLOCK,
    SOMA_BS_START,
    SOMA_BS_DELTA,
    SOMA_BS_TEXT,
    SOMA_BS_THINKING,
    SOMA_BS_SIGNATURE,
    SOMA_BS_JSON,               /* a piece of what a tool is called with */
    SOMA_BS_TOOL,
    SOMA_BS_INPUT,
    SOMA_BS_REASON,
    SOMA_BS_CITED,
    SOMA_BS_OTHER,              /* a part of the answer, but no text */
    SOMA_BS_RESULTS,
    SOMA_BS_RESULT,
    SOMA_BS_FORMED,             /* that only an answer has */
    SOMA_BS_STOP,
    SOMA_BS_USAGE,
    SOMA_BS_METRICS,
    SOMA_BS_COUNT,
    SOMA_BS_GROUP,
    SOMA_BS_CACHES,
    SOMA_BS_CACHE,
    SOMA_BS_TTL,
    SOMA_BS_TIER,
    SOMA_BS_TIER_NAME,
    SOMA_BS_TOTAL
} soma_bedrock_slot_e;


/* blocks have this many channels each */
typedef enum {
    SOMA_BEDROCK_TEXT = 0,
    SOMA_BEDROCK_THINKING,
    SOMA_BEDROCK_JSON,
    SOMA_BEDROCK_CHANNELS
} soma_bedrock_channel_e;


typedef struct {
    soma_answer_t        *answer;
    const unsigned char  *piece;        /* the bytes at hand, */
    int64_t               taken;        /* and how many were before them */
    int64_t               input_at;     /* where it began, likewise */
    int64_t               index;        /* of the block */
    int64_t               n[SOMA_B_FIELDS];     /* -1: not reported */
    int64_t               cache;        /* of one of cacheDetails */
    unsigned char         field;        /* of the count at hand */
    unsigned              begun:1;      /* this struct is set */
    unsigned              counted:1;    /* a count has come */
    unsigned              metrics:1;    /* these are AWS's own */
    unsigned              proper:1;     /* of a bill, not of a beginning */
    unsigned              hour:1;       /* the cache at hand lives so long */
    unsigned              block:1;      /* it is of one, */
    unsigned              ended:1;      /* that ends */
    unsigned              stopped:1;
    unsigned              last:1;       /* the stream's last event */
    unsigned              error:1;      /* it is one */
    soma_read_t           read;
} soma_bedrock_read_t;


void soma_bedrock_read_init(soma_bedrock_read_t *w, soma_answer_t *answer);
void soma_bedrock_read(soma_bedrock_read_t *w, const unsigned char *p,
    size_t len);

/* soma_bedrock_event.c: what an event that was read comes to, SOMA_EVENT_* */
int soma_bedrock_event_end(soma_bedrock_read_t *w);

/* soma_bedrock_usage.c: which count a member is, SOMA_BS_COUNT or 0; a count;
 * what all of them come to */
unsigned soma_bedrock_usage_slot(soma_bedrock_read_t *w, unsigned place,
    soma_str_t name);
void soma_bedrock_usage_count(soma_bedrock_read_t *w,
    soma_json_value_t *value);
void soma_bedrock_usage_tier(soma_bedrock_read_t *w, soma_json_value_t *value);
void soma_bedrock_usage_counted(soma_bedrock_read_t *w);


#endif /* SOMA_BEDROCK_READ_H */
