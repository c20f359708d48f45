
/*
 * Copyright (C) The ngx_soma authors
 *
 * Counters and histograms in a piece of memory that many processes share,
 * and their text for Prometheus.  A table holds series: a key of a few
 * labels and a few 64-bit values.  Series are only ever added, so that
 * looking one up takes no lock.
 */


#ifndef SOMA_METRICS_H
#define SOMA_METRICS_H


#include "soma_aggregate.h"


#define SOMA_METRIC_SERIES_MAX    4096  /* tenant, provider, model, api,
                                           status */
#define SOMA_METRIC_TIMINGS_MAX   1024  /* operation, provider, model, error */
#define SOMA_METRIC_REFUSED_MAX   2048  /* tenant, reason */
#define SOMA_METRIC_ATTEMPTS_MAX  512   /* provider, reason */
#define SOMA_METRIC_TABLE_MIN     16    /* series, where a zone is small */

#define SOMA_METRIC_KEY_MAX       240   /* bytes of all labels of a series */
#define SOMA_METRIC_LABELS_MAX    5

#define SOMA_TEXT_LINE_MAX        4096  /* of an exposition */


/* the values of a series of requests */
enum {
    SOMA_COUNT_REQUESTS = 0,
    SOMA_COUNT_INPUT,
    SOMA_COUNT_CACHED,
    SOMA_COUNT_CACHE_WRITE,
    SOMA_COUNT_OUTPUT,
    SOMA_COUNT_REASONING,
    SOMA_COUNT_COST,                    /* nano-USD */
    SOMA_COUNT_ESTIMATED,
    SOMA_COUNTS
};


/*
 * A histogram is its buckets, not cumulated, the last one for what passes
 * all bounds, and then the sum.  Times are in microseconds.
 */
typedef enum {
    SOMA_HIST_DURATION = 0,
    SOMA_HIST_FIRST_TOKEN,
    SOMA_HIST_PER_TOKEN,
    SOMA_HIST_INPUT,
    SOMA_HIST_OUTPUT,
    SOMA_HISTS
} soma_hist_e;

#define SOMA_HIST_BOUNDS_MAX      16

typedef struct {
    unsigned  offset;                   /* of its first bucket in a series */
    unsigned  n;                        /* bounds */
    unsigned  seconds:1;                /* bounds and sum are us */
    int64_t   bound[SOMA_HIST_BOUNDS_MAX];
} soma_hist_t;

extern const soma_hist_t  soma_hist[SOMA_HISTS];

#define SOMA_HIST_VALUES          81    /* of all five */


typedef struct {
    uint64_t       hash;
    uint32_t       len;
    unsigned char  data[SOMA_METRIC_KEY_MAX];   /* length u8, bytes ... */
} soma_metric_key_t;

typedef struct {
    soma_metric_key_t  key;
    uint64_t           value[];
} soma_series_t;

/* in shared memory, at the same address for everybody */
typedef struct {
    uint32_t        max;                /* series */
    uint32_t        used;
    uint32_t        mask;               /* of index */
    uint32_t        labels;
    uint32_t        values;
    uint32_t        size;               /* bytes of a series */
    uint64_t        overflow;           /* counted into "other" */
    uint32_t       *index;              /* 0: free, else series + 1 */
    unsigned char  *series;
} soma_table_t;


/* bytes a table takes */
size_t soma_metrics_table_size(unsigned max, unsigned values);

/* mem: soma_metrics_table_size() zeroed bytes, aligned for any type.  The first
 * series is the one whose labels are all "other" */
soma_table_t *soma_metrics_table_init(void *mem, unsigned max, unsigned labels,
    unsigned values);

/* SOMA_DECLINED: the labels are too long together */
int soma_metrics_key(soma_metric_key_t *key, const soma_str_t *label,
    unsigned n);

/* the values of a series; NULL: not there yet.  Needs no lock */
uint64_t *soma_metrics_table_find(const soma_table_t *table,
    const soma_metric_key_t *key);

/* the same, made if need be; the values of "other" when the table is full.
 * One at a time: the caller holds a lock */
uint64_t *soma_metrics_table_add(soma_table_t *table,
    const soma_metric_key_t *key);

uint64_t *soma_metrics_table_other(soma_table_t *table);


static inline void
soma_metric_add(uint64_t *value, uint64_t n)
{
    (void) __atomic_fetch_add(value, n, __ATOMIC_RELAXED);
}


/* the same by who holds the lock that all writers of the value take: it is
 * read without */
static inline void
soma_metric_count(uint64_t *value, uint64_t n)
{
    __atomic_store_n(value, *value + n, __ATOMIC_RELAXED);
}


/* with the lock held */
void soma_metrics_hist_add(uint64_t *values, soma_hist_e hist, int64_t n);


/* what one process needs to count */
typedef struct {
    soma_table_t        *requests;
    soma_table_t        *timings;
    soma_table_t        *refused;
    soma_table_t        *attempts;
    soma_usage_table_t  *usage;         /* or NULL */
    void               (*lock)(void *data);
    void               (*unlock)(void *data);
    void                *data;
} soma_metrics_t;

/* into requests, timings and usage, with one lock for all numbers */
void soma_metrics_record(soma_metrics_t *metrics,
    const soma_record_t *record);

/* one more of (a, b) in refused or attempts */
void soma_metrics_event(soma_metrics_t *metrics, soma_table_t *table,
    soma_str_t a, soma_str_t b);

/* OTel's gen_ai.operation.name of our api */
soma_str_t soma_metrics_operation(soma_str_t api);


/*
 * The text: exposition format 0.0.4 of Prometheus.  more() gives a new
 * buffer of at least SOMA_TEXT_LINE_MAX bytes when the old one has no room
 * for another line (out->pos tells how far it was used), or SOMA_ERROR.
 */
typedef struct {
    soma_out_t     out;
    int          (*more)(void *data, soma_out_t *out);
    void          *data;
    const char    *name;                /* of the family being written */
    unsigned       first:1;             /* its HELP is still to come */
    unsigned       failed:1;
    const char    *type;
    const char    *help;
} soma_text_t;

typedef struct {
    const char  *name;
    soma_str_t   value;
} soma_label_t;

/* HELP and TYPE come with the family's first sample: none, no family */
void soma_metrics_text_family(soma_text_t *text, const char *name,
    const char *type, const char *help);

void soma_metrics_text_int(soma_text_t *text, const soma_label_t *label,
    unsigned n, int64_t value);
void soma_metrics_text_usd(soma_text_t *text, const soma_label_t *label,
    unsigned n, int64_t nano);

/* all that is in the tables; SOMA_ERROR: no memory */
int soma_metrics_text(soma_text_t *text, const soma_metrics_t *metrics,
    soma_arena_t *arena);


#endif /* SOMA_METRICS_H */
