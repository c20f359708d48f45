
/*
 * Copyright (C) The ngx_soma authors
 *
 * Two books side by side: what journals say was used, and what Redis says,
 * in its sums of a day and in its stream of records.
 *
 * A record is known by its request id, arrival and node.  What Redis should
 * have is every record of the journals, and those of its stream that no
 * journal here has: of other nodes, or of segments that were removed.
 */


#ifndef SOMA_BOOKS_H
#define SOMA_BOOKS_H


#include "soma_base.h"
#include "soma_aggregate.h"
#include "soma_segment.h"


#define SOMA_BOOKS_RECORDS_MAX  (8 * 1024 * 1024)
#define SOMA_BOOKS_BLOCK        65536           /* records */
#define SOMA_BOOKS_BLOCKS_MAX   (SOMA_BOOKS_RECORDS_MAX / SOMA_BOOKS_BLOCK)
#define SOMA_BOOKS_NAMES_MAX    65536           /* tenants, and writers */
#define SOMA_BOOKS_ROWS_MAX     262144
#define SOMA_BOOKS_DAYS_MAX     4096            /* of a tenant */
#define SOMA_BOOKS_COUNTED      6               /* sums that need a number */


typedef struct {
    uint32_t            *slot;          /* index + 1, 0: free */
    uint32_t             mask;
    uint32_t             n;
} soma_books_index_t;


typedef struct {
    uint64_t             hash;          /* of id and node */
    int64_t              time;
    uint64_t             seq;           /* in the journal, 0: not there */
    int64_t              sum[SOMA_BOOKS_COUNTED];
    uint32_t             writer;
    uint32_t             row;
    uint16_t             streamed;      /* how often it is in the stream */
    unsigned             error:1;
    unsigned             estimated:1;
    unsigned             changed:1;     /* the stream says other sums */
} soma_books_record_t;


typedef struct {
    uint32_t             tenant;
    int32_t              day;
    soma_str_t           provider;
    soma_str_t           model;
    int64_t              journal[SOMA_SUMS];
    int64_t              stream[SOMA_SUMS];     /* no journal has them */
    int64_t              waiting[SOMA_SUMS];    /* in "journal", not in Redis
                                                   yet */
    int64_t              redis[SOMA_SUMS];      /* its sums */
} soma_books_row_t;


typedef struct soma_books_applied_s  soma_books_applied_t;

struct soma_books_applied_s {
    soma_books_applied_t  *next;
    uint32_t               writer;
    uint64_t               seq;
};


typedef struct {
    soma_str_t             name;
    soma_books_applied_t  *applied;
    int32_t               *day;         /* that are compared */
    uint32_t               ndays;
    uint32_t               days_room;

    /* of the stream, by the caller */
    int64_t                first_ms;    /* Redis' time of its first entry */
    int32_t                first_day;   /* of that one's arrival */
    unsigned               cut:1;       /* older entries were removed */
    unsigned               deleted:1;   /* some entry was, by hand */
} soma_books_tenant_t;


typedef struct {
    uint64_t               journal;     /* records */
    uint64_t               stream;      /* that no journal has */
    uint64_t               waiting;
    uint64_t               twice;       /* times too many in the stream */
    uint64_t               missing;     /* applied, but not in the stream */
    uint64_t               changed;
} soma_books_count_t;


typedef struct {
    soma_arena_t          *arena;
    soma_books_record_t   *block[SOMA_BOOKS_BLOCKS_MAX];
    uint32_t               nrecords;
    soma_books_index_t     records;

    soma_books_row_t      *row;
    uint32_t               rows_room;
    soma_books_index_t     rows;

    soma_books_tenant_t   *tenant;
    uint32_t               tenants_room;
    soma_books_index_t     tenants;

    soma_str_t            *writer;
    uint32_t               writers_room;
    soma_books_index_t     writers;
} soma_books_t;


/*
 * All of these give SOMA_OK, or SOMA_ERROR: no memory, or above a bound.
 * Strings are copied.
 */

void soma_books_init(soma_books_t *books, soma_arena_t *arena);

int soma_books_tenant(soma_books_t *books, soma_str_t name, uint32_t *tenant);
int soma_books_writer(soma_books_t *books, soma_str_t name, uint32_t *writer);

/* a record's JSON, as soma_record_json() wrote it.  SOMA_DECLINED: it is
 * none.  soma_books_stream() passes over days that are not compared */
int soma_books_journal(soma_books_t *books, uint32_t tenant, uint32_t writer,
    uint64_t seq, soma_str_t json);
int soma_books_stream(soma_books_t *books, uint32_t tenant, soma_str_t json);

/* ms UTC, of a record's JSON; SOMA_DECLINED */
int soma_books_time(soma_str_t json, int64_t *time);

/* a day of the tenant is compared; a record of a journal adds its own */
int soma_books_day(soma_books_t *books, uint32_t tenant, int32_t day);

/* Redis: "<provider>/<model>/<sum>" and a number of a day's hash.
 * SOMA_DECLINED: none of ours */
int soma_books_sum(soma_books_t *books, uint32_t tenant, int32_t day,
    soma_str_t field, soma_str_t value);

/* Redis: the last of a writer's records that it applied */
int soma_books_applied(soma_books_t *books, uint32_t tenant,
    soma_str_t writer, uint64_t seq);
void soma_books_forget_applied(soma_books_t *books);

/* records that Redis has not applied, as far as "applied" tells */
uint64_t soma_books_behind(const soma_books_t *books);

/* counts, and fills the rows' "stream" and "waiting"; once */
void soma_books_balance(soma_books_t *books, soma_books_count_t *count);

/* the i-th record, i < nrecords */
soma_books_record_t *soma_books_record(const soma_books_t *books,
    uint32_t i);

typedef enum {
    SOMA_BOOKS_FINE = 0,
    SOMA_BOOKS_WAITING,
    SOMA_BOOKS_MISSING,
    SOMA_BOOKS_TWICE,
    SOMA_BOOKS_CHANGED
} soma_books_state_e;

/* the worst that is to say of it */
soma_books_state_e soma_books_state(const soma_books_t *books,
    const soma_books_record_t *record);

/*
 * Redis' sum less what it should be.  0 where it is more and the tenant's
 * stream was cut within that day or later, so that nobody knows what else
 * was there; *beyond is then that more.
 */
int64_t soma_books_difference(const soma_books_t *books,
    const soma_books_row_t *row, soma_sum_e sum, int64_t *beyond);

/* by tenant's name, day, provider and model */
int soma_books_cmp(const soma_books_t *books, const soma_books_row_t *a,
    const soma_books_row_t *b);


#endif /* SOMA_BOOKS_H */
