
/*
 * Copyright (C) The ngx_soma authors
 *
 * The reader of the gemini dialect: one for an event that lies whole, for one
 * that comes in pieces, and for a whole answer, which may be an array of them.
 */


#ifndef SOMA_GEMINI_READ_H
#define SOMA_GEMINI_READ_H


#include "soma_answer.h"
#include "soma_gemini.h"
#include "soma_read.h"


/* no count above this is believed: sums of several stay below 2^63 */
#define SOMA_GEMINI_TOKENS_MAX  1000000000000000


typedef enum {
    SOMA_G_PROMPT = 0,
    SOMA_G_TOOL_PROMPT,         /* beside it */
    SOMA_G_CANDIDATES,
    SOMA_G_THOUGHTS,            /* beside those */
    SOMA_G_CACHED,              /* within the prompt */
    SOMA_G_TOTAL,
    SOMA_G_AUDIO_IN,
    SOMA_G_IMAGE_IN,
    SOMA_G_AUDIO_OUT,
    SOMA_G_IMAGE_OUT,
    SOMA_G_FIELDS
} soma_gemini_field_e;


/* objects and arrays that are looked into */
typedef enum {
    SOMA_GP_TOP = 1,            /* whole values */
    SOMA_GP_LIST,               /* answers in an array */
    SOMA_GP_ROOT,
    SOMA_GP_CANDIDATES,
    SOMA_GP_CANDIDATE,
    SOMA_GP_CONTENT,
    SOMA_GP_PARTS,
    SOMA_GP_PART,
    SOMA_GP_CALL,
    SOMA_GP_ARGS,
    SOMA_GP_PARTIAL,            /* arguments as Vertex streams them */
    SOMA_GP_CODE,
    SOMA_GP_GROUNDING,
    SOMA_GP_QUERIES,
    SOMA_GP_FEEDBACK,
    SOMA_GP_USAGE,
    SOMA_GP_PROMPT_DETAILS,
    SOMA_GP_ANSWER_DETAILS,
    SOMA_GP_DETAIL
} soma_gemini_place_e;


/* values in them, indices into soma_gemini_ways */
typedef enum {
    SOMA_GS_NONE = 0,
    SOMA_GS_ROOT,
    SOMA_GS_ERROR,
    SOMA_GS_ID,
    SOMA_GS_MODEL,
    SOMA_GS_CANDIDATES,
    SOMA_GS_CANDIDATE,
    SOMA_GS_INDEX,
    SOMA_GS_CONTENT,
    SOMA_GS_PARTS,
    SOMA_GS_PART,
    SOMA_GS_TEXT,
    SOMA_GS_THOUGHT,
    SOMA_GS_SIGNATURE,
    SOMA_GS_CALL,
    SOMA_GS_ARGS,
    SOMA_GS_PARTIAL,
    SOMA_GS_CODE,
    SOMA_GS_CODE_TEXT,
    SOMA_GS_MADE,               /* any other part: a picture, a result */
    SOMA_GS_FINISH,
    SOMA_GS_GROUNDING,
    SOMA_GS_QUERIES,
    SOMA_GS_QUERY,
    SOMA_GS_FEEDBACK,
    SOMA_GS_BLOCKED,
    SOMA_GS_ANSWERS,            /* embeddings, counts: members of an answer */
    SOMA_GS_USAGE,
    SOMA_GS_COUNT,
    SOMA_GS_TIER,
    SOMA_GS_PROMPT_DETAILS,
    SOMA_GS_ANSWER_DETAILS,
    SOMA_GS_DETAIL,
    SOMA_GS_MODALITY,
    SOMA_GS_MODALITY_COUNT,
    SOMA_GS_TOTAL
} soma_gemini_slot_e;


/* candidates have this many channels each */
typedef enum {
    SOMA_GEMINI_TEXT = 0,
    SOMA_GEMINI_CODE,
    SOMA_GEMINI_CHANNELS
} soma_gemini_channel_e;


typedef struct {
    soma_answer_t        *answer;
    const unsigned char  *piece;        /* the bytes at hand, */
    int64_t               taken;        /* and how many were before them */
    const unsigned char  *usage_at;     /* where it began */
    int64_t               args_at;      /* likewise, from the first byte */
    int64_t               index;        /* of the candidate */
    int64_t               queries;      /* of this answer */
    int64_t               detail;       /* count of the modality at hand */
    int64_t               n[SOMA_G_FIELDS];     /* -1: not reported */
    unsigned char         field;        /* of the count at hand */
    unsigned char         modality;     /* 'A', 'I' or 0 of the detail */
    unsigned              begun:1;      /* this struct is set */
    unsigned              some:1;       /* it has data */
    unsigned              lies:1;       /* all of it lies in one piece */
    unsigned              counted:1;    /* there was a usage in it */
    unsigned              ended:1;      /* the candidate has its reason */
    unsigned              error:1;      /* it is one */
    unsigned              list:1;       /* there are several answers in it */
    soma_read_t           read;
} soma_gemini_read_t;


void soma_gemini_read_init(soma_gemini_read_t *w, soma_answer_t *answer);
void soma_gemini_read(soma_gemini_read_t *w, const unsigned char *p,
    size_t len);

/* soma_gemini_usage.c: of a usageMetadata its counts */
void soma_gemini_usage_init(soma_gemini_read_t *w);
unsigned soma_gemini_usage_slot(soma_gemini_read_t *w, unsigned place,
    soma_str_t name);
void soma_gemini_usage_count(soma_gemini_read_t *w,
    soma_json_value_t *value);
void soma_gemini_usage_tier(soma_gemini_read_t *w, soma_json_value_t *value);
void soma_gemini_usage_modality(soma_gemini_read_t *w,
    soma_json_value_t *value);
void soma_gemini_usage_detail(soma_gemini_read_t *w, unsigned place);
void soma_gemini_usage_counted(soma_gemini_read_t *w);


#endif /* SOMA_GEMINI_READ_H */
