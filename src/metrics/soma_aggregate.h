
/*
 * Copyright (C) The ngx_soma authors
 *
 * What was used by day, tenant, provider and model: a bounded table in
 * memory that processes share, and reports that group such rows, be they
 * from the table or from the hashes in Redis.
 */


#ifndef SOMA_AGGREGATE_H
#define SOMA_AGGREGATE_H


#include "soma_base.h"
#include "soma_record.h"


#define SOMA_USAGE_ROWS_MAX    16384    /* of the table */
#define SOMA_USAGE_ROWS_MIN    64       /* where a zone is small */
#define SOMA_USAGE_KEY_MAX     232      /* bytes of tenant, provider, model */
#define SOMA_USAGE_CHUNK       512      /* rows read under one lock */

#define SOMA_REPORT_ROWS_MAX   20000


typedef enum {
    SOMA_SUM_REQUESTS = 0,
    SOMA_SUM_ERRORS,
    SOMA_SUM_ESTIMATED,
    SOMA_SUM_INPUT,
    SOMA_SUM_CACHED,
    SOMA_SUM_CACHE_WRITE,
    SOMA_SUM_OUTPUT,
    SOMA_SUM_REASONING,
    SOMA_SUM_COST,                      /* nano-USD */
    SOMA_SUMS
} soma_sum_e;

/* as the fields are called in Redis and in answers: "requests" ... */
const char *soma_aggregate_sum_name(soma_sum_e sum);


typedef struct {
    uint64_t       hash;
    int32_t        day;                 /* since 1970-01-01, UTC */
    uint32_t       len;
    unsigned char  key[SOMA_USAGE_KEY_MAX];     /* length u8, bytes ... */
    int64_t        sum[SOMA_SUMS];
} soma_usage_row_t;

/* everything here is done under the caller's lock */
typedef struct {
    uint32_t           max;
    uint32_t           used;
    uint32_t           mask;
    uint32_t           generation;      /* rows have moved */
    uint64_t           dropped;         /* records that found no row */
    uint32_t          *index;
    soma_usage_row_t  *row;
} soma_usage_table_t;


size_t soma_aggregate_table_size(unsigned max);

/* mem: soma_aggregate_table_size() zeroed bytes, aligned for any type */
soma_usage_table_t *soma_aggregate_table_init(void *mem, unsigned max);

/*
 * A full table gives up its oldest day; full of one day alone it counts into
 * a row of tenant, provider and model "other".  A record of a day older than
 * all of a full table is dropped (and counted).
 */
void soma_aggregate_table_add(soma_usage_table_t *table,
    const soma_record_t *record);

/* what a row's key says; strings point into the row */
void soma_aggregate_row_key(const soma_usage_row_t *row, soma_str_t *tenant,
    soma_str_t *provider, soma_str_t *model);


#define SOMA_BY_DAY     0x01            /* what a report tells apart */
#define SOMA_BY_TENANT  0x02
#define SOMA_BY_MODEL   0x04            /* and provider */

typedef struct {
    int32_t     day;
    soma_str_t  tenant;
    soma_str_t  provider;
    soma_str_t  model;
    int64_t     sum[SOMA_SUMS];
} soma_report_row_t;

typedef struct {
    soma_arena_t       *arena;
    unsigned            by;
    soma_report_row_t  *row;
    size_t              n;
    size_t              room;
} soma_report_t;


void soma_report_init(soma_report_t *report, soma_arena_t *arena,
    unsigned by);

/*
 * Adds sums; strings are kept, not copied.  SOMA_DECLINED: too many rows,
 * SOMA_ERROR: no memory.
 */
int soma_report_add(soma_report_t *report, const soma_report_row_t *row);

/*
 * One field of a hash soma:{tenant}:usage:<day>: "<provider>/<model>/<sum>"
 * with an integer.  A field that is none of ours is passed over.  Results as
 * of soma_report_add().
 */
int soma_report_field(soma_report_t *report, int32_t day, soma_str_t tenant,
    soma_str_t field, soma_str_t value);

/* makes one row of those that are told apart by nothing, sorted; adding may
 * go on.  The rows are then by day, tenant, provider, model */
int soma_report_merge(soma_report_t *report);

void soma_report_total(const soma_report_t *report, int64_t *sum);

/* "requests":1,...,"cost_nano":5,"cost_usd":"0.000000005" without braces */
void soma_report_sums(soma_out_t *out, const int64_t *sum);

/* {"rows":[...],"total":{...}} without braces */
void soma_report_json(soma_out_t *out, const soma_report_t *report);


/* days since 1970-01-01 of YYYY-MM-DD, both ways; SOMA_ERROR: no such day */
int soma_aggregate_day_parse(soma_str_t s, int32_t *day);
int32_t soma_aggregate_day_of(int64_t ms);
int64_t soma_aggregate_day_to_ms(int32_t day);


#endif /* SOMA_AGGREGATE_H */
