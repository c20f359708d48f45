
/*
 * Copyright (C) The ngx_soma authors
 *
 * A copy of a table of counters: what is printed does not change under the
 * printer.
 */


#ifndef SOMA_METRICS_ROWS_H
#define SOMA_METRICS_ROWS_H


#include "soma_metrics.h"


typedef struct {
    soma_series_t  **row;       /* sorted by their labels */
    unsigned         n;
    unsigned         values;
} soma_rows_t;


/* rows of zeros are left out; SOMA_ERROR: no memory */
int soma_metrics_rows_copy(soma_rows_t *rows, const soma_table_t *table,
    soma_arena_t *arena);

/* rows with the same first labels are one; merged may be rows */
int soma_metrics_rows_merge(soma_rows_t *merged, const soma_rows_t *rows,
    unsigned labels, soma_arena_t *arena);

/* 0: of soma_access, without a provider, so without tokens and cost */
int soma_metrics_rows_billed(const soma_series_t *series);


#endif /* SOMA_METRICS_ROWS_H */
