
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a question gains by a stronger model, and how long that one's answer
 * will be, by the look of its last message: its words and all runs of four
 * bytes, hashed into tables of small weights that soma-route has trained on
 * recorded outcomes.  What is asked before it, and the system prompt, do not
 * count; neither do white space and case.
 *
 * A file of weights holds a table of each kind for some pairs of models, the
 * weights of one bucket beside each other, and what is kept and saved by each
 * cut through its scores.  All numbers are little-endian; floats are IEEE 754.
 */


#ifndef SOMA_COMPLEXITY_H
#define SOMA_COMPLEXITY_H


#include "soma_base.h"


#define SOMA_COMPLEXITY_MAGIC      "SOMAroute1\n"
#define SOMA_COMPLEXITY_BITS       14       /* of a bucket's number */
#define SOMA_COMPLEXITY_BUCKETS    (1u << SOMA_COMPLEXITY_BITS)
#define SOMA_COMPLEXITY_WINDOW     2048     /* bytes at each end of a text */
#define SOMA_COMPLEXITY_PAIRS_MAX  16
#define SOMA_COMPLEXITY_NAME_MAX   64       /* with a zero byte */
#define SOMA_COMPLEXITY_POINTS     65       /* of a curve: shares of 1/64 */
#define SOMA_COMPLEXITY_STATS      6        /* features beside the text's */
#define SOMA_COMPLEXITY_STAT       0.2f     /* what one of them weighs */

/* buckets that a text may fall into, and one that is written to and left */
#define SOMA_COMPLEXITY_FEATURES_MAX  (SOMA_COMPLEXITY_BUCKETS + 1)

/* tokens of an answer cost about so many of a prompt */
#define SOMA_COMPLEXITY_RATIO      4.0f


/* a cut: the stronger model has what scores at least so much */
typedef struct {
    float           cut;
    float           kept;           /* of the stronger model's quality */
    float           saved;          /* of its cost */
} soma_complexity_point_t;


typedef struct {
    float           scale;          /* of a weight */
    float           bias;
} soma_complexity_table_t;


typedef struct {
    char                      name[SOMA_COMPLEXITY_NAME_MAX];
    soma_complexity_table_t   gain;     /* of quality, -1 to 1 */
    soma_complexity_table_t   out;      /* ln of the tokens of an answer */
    soma_complexity_point_t   curve[SOMA_COMPLEXITY_POINTS];
} soma_complexity_pair_t;


/* a file as it stands; the weights lie behind the pairs, two of each of them
 * a bucket */
typedef struct {
    char                      magic[12];
    uint32_t                  npairs;
    uint32_t                  bits;
    uint32_t                  points;
    uint64_t                  hash;     /* XXH3 of all that is behind it */
    soma_complexity_pair_t    pair[];
} soma_complexity_file_t;


typedef struct {
    const soma_complexity_file_t  *file;
    const int8_t                  *weight;
} soma_complexity_t;


/* what a text looks like */
typedef struct {
    unsigned        n;              /* buckets of the text, each once */
    unsigned        nstats;
    size_t          len;            /* bytes, of white space one of each run */
    uint16_t        stat[SOMA_COMPLEXITY_STATS];
    uint16_t        bucket[SOMA_COMPLEXITY_FEATURES_MAX];
} soma_complexity_text_t;


typedef struct {
    float           gain;
    float           out;            /* tokens */
} soma_complexity_score_t;


/* bytes of a file: SOMA_OK, or SOMA_ERROR and a constant clause that says what
 * is wrong with it.  The bytes stay the caller's, and are aligned to 8 */
int soma_complexity_load(soma_complexity_t *c, soma_str_t bytes,
    const char **error);

size_t soma_complexity_size(unsigned npairs);

/* a user's last message, of any bytes; what may be broken UTF-8 is read as it
 * stands */
void soma_complexity_read(soma_complexity_text_t *text, soma_str_t message,
    unsigned tools);

/* of each pair of the file */
void soma_complexity_score(const soma_complexity_t *c,
    const soma_complexity_text_t *text, soma_complexity_score_t *score);

/*
 * Ranks questions: gain for what it costs more.  in: tokens of the prompt;
 * ratio: what a token of an answer costs in tokens of a prompt.  Higher needs
 * the stronger model.
 */
float soma_complexity_rank(const soma_complexity_score_t *score, float in,
    float ratio);

/* the number of a pair, or -1 */
int soma_complexity_find(const soma_complexity_t *c, soma_str_t name);

/* the cut that saves that share of the cost, or keeps that share of quality */
float soma_complexity_save(const soma_complexity_pair_t *pair, float share);
float soma_complexity_keep(const soma_complexity_pair_t *pair, float share);


/* from a weaker model to the next stronger one of a route */
typedef struct {
    unsigned        pair;
    float           cut;
} soma_complexity_step_t;


/* "share" is thousandths: of the cost that is to be saved, or of the quality
 * that is to be kept */
void soma_complexity_cut(const soma_complexity_t *c,
    soma_complexity_step_t *step, unsigned pair, unsigned keep,
    unsigned share);

/* how many of the steps a message needs, one after the other; "told" gets why,
 * at most "size" bytes with the zero byte, *len of them */
unsigned soma_complexity_steps(const soma_complexity_t *c,
    const soma_complexity_step_t *step, unsigned nsteps, soma_str_t message,
    unsigned tools, char *told, size_t size, size_t *len);


/* the same features as they are found, for who explains: start and len in the
 * message as it was read, of a stat len is 0 and start its number */
typedef void (*soma_complexity_each_pt)(void *data, uint16_t bucket,
    const unsigned char *p, size_t len);

void soma_complexity_each(soma_str_t message, unsigned tools,
    soma_complexity_each_pt each, void *data);


#endif /* SOMA_COMPLEXITY_H */
