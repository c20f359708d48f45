
/*
 * Copyright (C) The ngx_soma authors
 *
 * Reports: rows of usage, grouped.
 */


#include <stdlib.h>

#include "soma_aggregate.h"


#define SOMA_REPORT_ROOM  64            /* rows of a new report */


static int soma_report_room(soma_report_t *report);
static int soma_report_cmp(const void *a, const void *b);
static int soma_report_cmp_str(soma_str_t a, soma_str_t b);
static int64_t soma_sum_add(int64_t a, int64_t b);
static void soma_report_key(soma_out_t *out, const soma_report_t *report,
    const soma_report_row_t *row);


void
soma_report_init(soma_report_t *report, soma_arena_t *arena, unsigned by)
{
    report->arena = arena;
    report->by = by;
    report->row = NULL;
    report->n = 0;
    report->room = 0;
}


int
soma_report_add(soma_report_t *report, const soma_report_row_t *row)
{
    int                 rc;
    soma_report_row_t  *to;

    if (report->n == report->room) {
        rc = soma_report_room(report);

        if (rc != SOMA_OK) {
            return rc;
        }
    }

    to = &report->row[report->n++];
    *to = *row;

    if (!(report->by & SOMA_BY_DAY)) {
        to->day = 0;
    }

    if (!(report->by & SOMA_BY_TENANT)) {
        to->tenant.len = 0;
    }

    if (!(report->by & SOMA_BY_MODEL)) {
        to->provider.len = 0;
        to->model.len = 0;
    }

    return SOMA_OK;
}


/* full: most of it may be one row told many times */

static int
soma_report_room(soma_report_t *report)
{
    size_t              room;
    soma_report_row_t  *row;

    if (soma_report_merge(report) != SOMA_OK) {
        return SOMA_ERROR;
    }

    if (report->n * 2 <= report->room && report->n < report->room) {
        return SOMA_OK;
    }

    if (report->n >= SOMA_REPORT_ROWS_MAX) {
        return SOMA_DECLINED;
    }

    room = report->room ? report->room * 2 : SOMA_REPORT_ROOM;
    row = report->arena->alloc(report->arena->data,
                               room * sizeof(soma_report_row_t));

    if (row == NULL) {
        return SOMA_ERROR;
    }

    if (report->n) {
        memcpy(row, report->row, report->n * sizeof(soma_report_row_t));
    }

    report->row = row;
    report->room = room;

    return SOMA_OK;
}


int
soma_report_field(soma_report_t *report, int32_t day, soma_str_t tenant,
    soma_str_t field, soma_str_t value)
{
    unsigned            i;
    soma_str_t          name;
    unsigned char      *p, *last, *end;
    soma_report_row_t   row;

    memset(&row, 0, sizeof(soma_report_row_t));

    /* a model's name may hold slashes, a provider's and a sum's do not */

    if (field.len == 0) {
        return SOMA_OK;
    }

    end = field.data + field.len;
    p = memchr(field.data, '/', field.len);

    for (last = end - 1; last > field.data && *last != '/'; last--) {
        /* void */
    }

    if (p == NULL || last <= p) {
        return SOMA_OK;
    }

    row.day = day;
    row.tenant = tenant;
    row.provider.data = field.data;
    row.provider.len = (size_t) (p - field.data);
    row.model.data = p + 1;
    row.model.len = (size_t) (last - p - 1);

    name.data = last + 1;
    name.len = (size_t) (end - last - 1);

    for (i = 0; i < SOMA_SUMS; i++) {
        if (soma_str_is(name, soma_aggregate_sum_name(i))
            && soma_number_int(value, &row.sum[i]) == SOMA_OK)
        {
            return soma_report_add(report, &row);
        }
    }

    return SOMA_OK;
}


static int
soma_report_cmp_str(soma_str_t a, soma_str_t b)
{
    int     rc;
    size_t  len;

    len = a.len < b.len ? a.len : b.len;
    rc = len ? memcmp(a.data, b.data, len) : 0;

    return rc ? rc : (a.len > b.len) - (a.len < b.len);
}


static int
soma_report_cmp(const void *a, const void *b)
{
    int                       rc;
    const soma_report_row_t  *x, *y;

    x = a;
    y = b;

    if (x->day != y->day) {
        return x->day < y->day ? -1 : 1;
    }

    rc = soma_report_cmp_str(x->tenant, y->tenant);

    if (rc == 0) {
        rc = soma_report_cmp_str(x->provider, y->provider);
    }

    return rc ? rc : soma_report_cmp_str(x->model, y->model);
}


int
soma_report_merge(soma_report_t *report)
{
    size_t              i, n;
    unsigned            k;
    soma_report_row_t  *row;

    row = report->row;

    if (report->n < 2) {
        return SOMA_OK;
    }

    qsort(row, report->n, sizeof(soma_report_row_t), soma_report_cmp);

    for (n = 0, i = 1; i < report->n; i++) {

        if (soma_report_cmp(&row[n], &row[i]) != 0) {
            row[++n] = row[i];
            continue;
        }

        for (k = 0; k < SOMA_SUMS; k++) {
            row[n].sum[k] = soma_sum_add(row[n].sum[k], row[i].sum[k]);
        }
    }

    report->n = n + 1;

    return SOMA_OK;
}


/* sums of Redis are anybody's numbers: they stay at the top */

static int64_t
soma_sum_add(int64_t a, int64_t b)
{
    int64_t  sum;

    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}


void
soma_report_total(const soma_report_t *report, int64_t *sum)
{
    size_t    i;
    unsigned  k;

    memset(sum, 0, SOMA_SUMS * sizeof(int64_t));

    for (i = 0; i < report->n; i++) {
        for (k = 0; k < SOMA_SUMS; k++) {
            sum[k] = soma_sum_add(sum[k], report->row[i].sum[k]);
        }
    }
}


void
soma_report_sums(soma_out_t *out, const int64_t *sum)
{
    unsigned  i;

    for (i = 0; i < SOMA_SUMS; i++) {
        soma_put_cstr(out, i ? ",\"" : "\"");
        soma_put_cstr(out, soma_aggregate_sum_name(i));
        soma_put_cstr(out, "\":");
        soma_put_int(out, sum[i]);
    }

    soma_put_cstr(out, ",\"cost_usd\":\"");
    soma_put_usd(out, sum[SOMA_SUM_COST]);
    soma_put_char(out, '"');
}


static void
soma_report_key(soma_out_t *out, const soma_report_t *report,
    const soma_report_row_t *row)
{
    if (report->by & SOMA_BY_DAY) {
        soma_put_cstr(out, "\"day\":\"");
        soma_put_day(out, soma_aggregate_day_to_ms(row->day));
        soma_put_cstr(out, "\",");
    }

    if (report->by & SOMA_BY_TENANT) {
        soma_put_cstr(out, "\"tenant\":");
        soma_put_json_str(out, row->tenant);
        soma_put_char(out, ',');
    }

    if (report->by & SOMA_BY_MODEL) {
        soma_put_cstr(out, "\"provider\":");
        soma_put_json_str(out, row->provider);
        soma_put_cstr(out, ",\"model\":");
        soma_put_json_str(out, row->model);
        soma_put_char(out, ',');
    }
}


void
soma_report_json(soma_out_t *out, const soma_report_t *report)
{
    size_t   i;
    int64_t  sum[SOMA_SUMS];

    soma_put_cstr(out, "\"rows\":[");

    for (i = 0; i < report->n; i++) {
        soma_put_cstr(out, i ? ",{" : "{");
        soma_report_key(out, report, &report->row[i]);
        soma_report_sums(out, report->row[i].sum);
        soma_put_char(out, '}');
    }

    soma_put_cstr(out, "],\"total\":{");
    soma_report_total(report, sum);
    soma_report_sums(out, sum);
    soma_put_char(out, '}');
}
