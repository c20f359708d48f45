
/*
 * Copyright (C) The ngx_soma authors
 *
 * Copies of tables of counters, sorted, with equal rows as one.
 */


#include <stdlib.h>

#include "soma_metrics_rows.h"


static int soma_rows_cmp(const void *a, const void *b);
static uint32_t soma_key_prefix(const soma_metric_key_t *key,
    unsigned labels);
static int soma_series_empty(const soma_series_t *series, unsigned values);


int
soma_metrics_rows_copy(soma_rows_t *rows, const soma_table_t *table,
    soma_arena_t *arena)
{
    size_t          k;
    unsigned        i, n;
    unsigned char  *copy;
    soma_series_t  *from, *to;

    n = __atomic_load_n(&table->used, __ATOMIC_ACQUIRE);

    rows->n = 0;
    rows->values = table->values;
    rows->row = arena->alloc(arena->data, n * sizeof(soma_series_t *));
    copy = arena->alloc(arena->data, (size_t) n * table->size);

    if (rows->row == NULL || copy == NULL) {
        return SOMA_ERROR;
    }

    for (i = 0; i < n; i++) {
        from = (soma_series_t *) (table->series + (size_t) i * table->size);
        to = (soma_series_t *) (copy + (size_t) rows->n * table->size);

        to->key = from->key;

        for (k = 0; k < table->values; k++) {
            to->value[k] = __atomic_load_n(&from->value[k],
                                           __ATOMIC_RELAXED);
        }

        if (!soma_series_empty(to, table->values)) {
            rows->row[rows->n++] = to;
        }
    }

    qsort(rows->row, rows->n, sizeof(soma_series_t *), soma_rows_cmp);

    /* a process killed while adding may have left a key twice: all labels */

    return soma_metrics_rows_merge(rows, rows, table->labels, arena);
}


static int
soma_series_empty(const soma_series_t *series, unsigned values)
{
    unsigned  i;

    for (i = 0; i < values; i++) {
        if (series->value[i]) {
            return 0;
        }
    }

    return 1;
}


int
soma_metrics_rows_billed(const soma_series_t *series)
{
    return series->key.data[soma_key_prefix(&series->key, 1)] != 0;
}


static int
soma_rows_cmp(const void *a, const void *b)
{
    int                   rc;
    uint32_t              len;
    const soma_series_t  *x, *y;

    x = *(soma_series_t *const *) a;
    y = *(soma_series_t *const *) b;

    len = x->key.len < y->key.len ? x->key.len : y->key.len;
    rc = memcmp(x->key.data, y->key.data, len);

    if (rc == 0) {
        rc = (x->key.len > y->key.len) - (x->key.len < y->key.len);
    }

    return rc;
}


/* the rows are sorted: equal ones stand side by side */
int
soma_metrics_rows_merge(soma_rows_t *merged, const soma_rows_t *rows,
    unsigned labels, soma_arena_t *arena)
{
    size_t            size;
    unsigned          i, k, n;
    uint32_t          len;
    soma_series_t    *row, *last, **out;

    n = 0;
    last = NULL;
    size = sizeof(soma_series_t) + rows->values * sizeof(uint64_t);

    out = arena->alloc(arena->data, (rows->n + 1) * sizeof(soma_series_t *));
    if (out == NULL) {
        return SOMA_ERROR;
    }

    for (i = 0; i < rows->n; i++) {
        row = rows->row[i];
        len = soma_key_prefix(&row->key, labels);

        if (last && last->key.len == len
            && memcmp(last->key.data, row->key.data, len) == 0)
        {
            for (k = 0; k < rows->values; k++) {
                last->value[k] += row->value[k];
            }

            continue;
        }

        last = arena->alloc(arena->data, size);
        if (last == NULL) {
            return SOMA_ERROR;
        }

        memcpy(last, row, size);
        last->key.len = len;
        out[n++] = last;
    }

    merged->row = out;
    merged->n = n;
    merged->values = rows->values;

    return SOMA_OK;
}


static uint32_t
soma_key_prefix(const soma_metric_key_t *key, unsigned labels)
{
    uint32_t  pos;

    pos = 0;

    while (labels-- && pos < key->len) {
        pos += 1 + key->data[pos];
    }

    return pos;
}
