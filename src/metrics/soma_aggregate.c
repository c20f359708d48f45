
/*
 * Copyright (C) The ngx_soma authors
 *
 * The table of usage by day, tenant, provider and model.
 */


#include "soma_aggregate.h"
#include "soma_xxh3.h"


#define SOMA_DAY_MS            (24 * 3600 * (int64_t) 1000)
#define SOMA_USAGE_STRING_MAX  255      /* its length is one byte */


static int soma_usage_key(soma_usage_row_t *row, int32_t day,
    soma_str_t tenant, soma_str_t provider, soma_str_t model);
static soma_usage_row_t *soma_usage_find(soma_usage_table_t *table,
    const soma_usage_row_t *key);
static soma_usage_row_t *soma_usage_make(soma_usage_table_t *table,
    const soma_usage_row_t *key, unsigned max);
static void soma_usage_index(soma_usage_table_t *table, uint32_t n);
static int32_t soma_usage_oldest(const soma_usage_table_t *table);
static void soma_usage_evict(soma_usage_table_t *table, int32_t day);
static unsigned soma_usage_slots(unsigned max);


static const char *const  soma_sum_names[SOMA_SUMS] = {
    "requests",
    "errors",
    "estimated",
    "input_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cost_nano"
};


const char *
soma_aggregate_sum_name(soma_sum_e sum)
{
    return soma_sum_names[sum];
}


static unsigned
soma_usage_slots(unsigned max)
{
    unsigned  n;

    for (n = 2; n < 2 * max; n *= 2) { /* void */ }

    return n;
}


size_t
soma_aggregate_table_size(unsigned max)
{
    return sizeof(soma_usage_table_t)
           + soma_usage_slots(max) * sizeof(uint32_t)
           + max * sizeof(soma_usage_row_t);
}


soma_usage_table_t *
soma_aggregate_table_init(void *mem, unsigned max)
{
    unsigned char       *p;
    soma_usage_table_t  *table;

    table = mem;
    p = (unsigned char *) mem + sizeof(soma_usage_table_t);

    table->max = max;
    table->mask = soma_usage_slots(max) - 1;
    table->row = (soma_usage_row_t *) p;
    table->index = (uint32_t *) (p + max * sizeof(soma_usage_row_t));

    return table;
}


static int
soma_usage_key(soma_usage_row_t *row, int32_t day, soma_str_t tenant,
    soma_str_t provider, soma_str_t model)
{
    unsigned        i;
    soma_str_t      part[3];
    unsigned char  *p, *end;

    part[0] = tenant;
    part[1] = provider;
    part[2] = model;

    p = row->key;
    end = row->key + SOMA_USAGE_KEY_MAX;

    for (i = 0; i < 3; i++) {

        if (part[i].len > SOMA_USAGE_STRING_MAX
            || part[i].len + 1 > (size_t) (end - p))
        {
            return SOMA_DECLINED;
        }

        *p++ = (unsigned char) part[i].len;

        soma_copy(p, part[i].data, part[i].len);
        p += part[i].len;
    }

    row->day = day;
    row->len = (uint32_t) (p - row->key);
    row->hash = soma_xxh3_mix(row->key, row->len) + (uint64_t) day * 0x9e3779b1;

    return SOMA_OK;
}


void
soma_aggregate_row_key(const soma_usage_row_t *row, soma_str_t *tenant,
    soma_str_t *provider, soma_str_t *model)
{
    unsigned              i;
    soma_str_t           *part[3];
    const unsigned char  *p;

    part[0] = tenant;
    part[1] = provider;
    part[2] = model;

    p = row->key;

    for (i = 0; i < 3; i++) {
        part[i]->len = *p++;
        part[i]->data = (unsigned char *) p;
        p += part[i]->len;
    }
}


static soma_usage_row_t *
soma_usage_find(soma_usage_table_t *table, const soma_usage_row_t *key)
{
    uint32_t           i;
    soma_usage_row_t  *row;

    i = (uint32_t) key->hash & table->mask;

    for ( /* void */ ; table->index[i]; i = (i + 1) & table->mask) {

        row = &table->row[table->index[i] - 1];

        if (row->hash == key->hash && row->day == key->day
            && row->len == key->len
            && soma_same(row->key, key->key, key->len))
        {
            return row;
        }
    }

    return NULL;
}


static soma_usage_row_t *
soma_usage_make(soma_usage_table_t *table, const soma_usage_row_t *key,
    unsigned max)
{
    soma_usage_row_t  *row;

    if (table->used >= max) {
        return NULL;
    }

    row = &table->row[table->used];

    *row = *key;
    memset(row->sum, 0, sizeof(row->sum));

    table->used++;
    soma_usage_index(table, table->used);

    return row;
}


static void
soma_usage_index(soma_usage_table_t *table, uint32_t n)
{
    uint32_t  i;

    i = (uint32_t) table->row[n - 1].hash & table->mask;

    while (table->index[i]) {
        i = (i + 1) & table->mask;
    }

    table->index[i] = n;
}


static int32_t
soma_usage_oldest(const soma_usage_table_t *table)
{
    int32_t   day;
    uint32_t  i;

    day = table->row[0].day;

    for (i = 1; i < table->used; i++) {
        if (table->row[i].day < day) {
            day = table->row[i].day;
        }
    }

    return day;
}


static void
soma_usage_evict(soma_usage_table_t *table, int32_t day)
{
    uint32_t  i, n;

    n = 0;

    for (i = 0; i < table->used; i++) {
        if (table->row[i].day != day) {
            if (n != i) {
                table->row[n] = table->row[i];
            }

            n++;
        }
    }

    table->used = n;
    table->generation++;

    memset(table->index, 0, (table->mask + 1) * sizeof(uint32_t));

    for (i = 1; i <= n; i++) {
        soma_usage_index(table, i);
    }
}


void
soma_aggregate_table_add(soma_usage_table_t *table, const soma_record_t *record)
{
    int32_t             day, oldest;
    soma_str_t          other;
    soma_usage_row_t    key, *row;
    const soma_usage_t *usage;

    other = SOMA_STR("other");
    day = soma_aggregate_day_of(record->time);

    if (soma_usage_key(&key, day, record->tenant, record->provider,
                       record->model.len ? record->model : record->route)
        != SOMA_OK)
    {
        (void) soma_usage_key(&key, day, other, other, other);
    }

    row = soma_usage_find(table, &key);

    /* the last row is kept for "other" */

    if (row == NULL) {
        row = soma_usage_make(table, &key, table->max - 1);
    }

    if (row == NULL) {
        oldest = soma_usage_oldest(table);

        if (oldest < day) {
            soma_usage_evict(table, oldest);
            row = soma_usage_make(table, &key, table->max - 1);

        } else if (oldest == day) {
            (void) soma_usage_key(&key, day, other, other, other);
            row = soma_usage_find(table, &key);

            if (row == NULL) {
                row = soma_usage_make(table, &key, table->max);
            }
        }
    }

    if (row == NULL) {
        table->dropped++;
        return;
    }

    usage = &record->usage;

    row->sum[SOMA_SUM_REQUESTS]++;
    row->sum[SOMA_SUM_ERRORS] += (record->error.len != 0);
    row->sum[SOMA_SUM_ESTIMATED] += usage->estimated;
    row->sum[SOMA_SUM_INPUT] += usage->input_tokens;
    row->sum[SOMA_SUM_CACHED] += usage->cached_tokens;
    row->sum[SOMA_SUM_CACHE_WRITE] += usage->cache_write_tokens;
    row->sum[SOMA_SUM_OUTPUT] += usage->output_tokens;
    row->sum[SOMA_SUM_REASONING] += usage->reasoning_tokens;
    row->sum[SOMA_SUM_COST] += record->cost.total;
}


int32_t
soma_aggregate_day_of(int64_t ms)
{
    return (int32_t) (soma_time_day_start(ms) / SOMA_DAY_MS);
}


int64_t
soma_aggregate_day_to_ms(int32_t day)
{
    return day * SOMA_DAY_MS;
}


/* YYYY-MM-DD of the years 1970 and later; the calendar itself is the check:
 * a day that does not exist prints as another one */

int
soma_aggregate_day_parse(soma_str_t s, int32_t *day)
{
    int         y, m, d;
    char        buf[16];
    int64_t     n[3], ms;
    unsigned    i;
    soma_str_t  part;
    soma_out_t  out;

    static const unsigned  at[3] = { 0, 5, 8 };
    static const unsigned  len[3] = { 4, 2, 2 };

    if (s.len != 10 || s.data[4] != '-' || s.data[7] != '-') {
        return SOMA_ERROR;
    }

    for (i = 0; i < 3; i++) {
        part.data = s.data + at[i];
        part.len = len[i];

        if (soma_number_int(part, &n[i]) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    if (n[0] < 1970 || n[1] < 1 || n[1] > 12) {
        return SOMA_ERROR;
    }

    /* days of March-based years, as the calendar has them */

    y = (int) n[0] - (n[1] <= 2);
    m = (int) n[1] + (n[1] <= 2 ? 9 : -3);
    d = (int) n[2];

    ms = (365 * (int64_t) y + y / 4 - y / 100 + y / 400
          + (153 * m + 2) / 5 + d - 1 - 719468) * SOMA_DAY_MS;

    soma_put_init(&out, buf, sizeof(buf));
    soma_put_day(&out, ms);

    if (out.pos - out.start != 10 || memcmp(buf, s.data, 10) != 0) {
        return SOMA_ERROR;
    }

    *day = soma_aggregate_day_of(ms);

    return SOMA_OK;
}
