
/*
 * Copyright (C) The ngx_soma authors
 *
 * soma-route: trains the weights of `strategy complexity` on recorded
 * outcomes, and scores and explains prompts by them.
 */


#ifndef ROUTE_H
#define ROUTE_H


#include <stdio.h>
#include <yyjson.h>

#include "soma_complexity.h"


#define ROUTE_MODELS_MAX   8        /* names of a side of a pair, of sources */
#define ROUTE_SOURCES_MAX  32


typedef struct {
    const char      *name;
    const char      *cheap[ROUTE_MODELS_MAX];   /* the first that is there */
    const char      *strong[ROUTE_MODELS_MAX];
    const char      *source[ROUTE_SOURCES_MAX];
    unsigned         ncheap;
    unsigned         nstrong;
    unsigned         nsources;
} route_pair_t;


/* a record: what its prompt looks like, and the line that it was */
typedef struct {
    yyjson_doc      *doc;
    yyjson_val      *root;
    const char      *id;
    const char      *source;
    const char      *category;
    uint16_t        *feature;       /* nstats of them first */
    unsigned         n;
    unsigned         nstats;
    float            in;            /* tokens of its prompt */
} route_record_t;


/* what the records of one pair are trained on */
typedef struct {
    const route_record_t  **record;
    double                 *weight;     /* of each; their sum is their number */
    double                 *cheap;      /* quality, 0 to 1 */
    double                 *strong;
    double                 *cheap_usd;
    double                 *strong_usd;
    double                 *gain;       /* what the tables are to say */
    double                 *out;
    unsigned               *fold;       /* for the curve */
    size_t                  nrecords;
    size_t                  n;          /* with the small talk behind them */
} route_set_t;


/* the last one is NULL */
extern const char *const  route_talk[];


int route_train(int argc, char **argv);
int route_score(int argc, char **argv);
int route_explain(int argc, char **argv);

/* a file's bytes, aligned and with a zero byte behind; exits where there is
 * none */
soma_str_t route_read(const char *path);
void *route_alloc(size_t size);
void route_die(const char *format, ...)
    __attribute__((noreturn, format(printf, 1, 2)));

/* the last message of the user, and the tools of a request */
soma_str_t route_message(yyjson_val *root, unsigned *tools);

/*
 * Ridge regression of a value on features: fit[] has a weight a bucket and the
 * bias behind them.  Records of the fold "without" are left out; -1: none.
 */
void route_fit(const route_set_t *set, const double *value, double lambda,
    int without, double *fit);
double route_predict(const double *fit, const route_record_t *record);

/* rank of a record by two fits, as the router has it */
float route_rank(const double *gain, const double *out,
    const route_record_t *record);


#endif /* ROUTE_H */
