
/*
 * Copyright (C) The ngx_soma authors
 *
 * Tables of counters.
 */


#include "soma_metrics.h"
#include "soma_xxh3.h"


#define SOMA_METRIC_LABEL_MAX  255      /* its length is one byte */


static unsigned soma_table_slots(unsigned max);
static size_t soma_series_size(unsigned values);
static uint64_t *soma_metrics_get(soma_metrics_t *metrics,
    soma_table_t *table, const soma_str_t *label, unsigned n);
static void soma_metrics_counts(uint64_t *value, const soma_record_t *record);
static void soma_metrics_timings(uint64_t *values,
    const soma_record_t *record);


/* the bounds of OpenTelemetry's semantic conventions for generative AI */

const soma_hist_t  soma_hist[SOMA_HISTS] = {
    { 0, 14, 1,
      { 10000, 20000, 40000, 80000, 160000, 320000, 640000, 1280000,
        2560000, 5120000, 10240000, 20480000, 40960000, 81920000 } },

    { 16, 16, 1,
      { 1000, 5000, 10000, 20000, 40000, 60000, 80000, 100000, 250000,
        500000, 750000, 1000000, 2500000, 5000000, 7500000, 10000000 } },

    { 34, 13, 1,
      { 10000, 25000, 50000, 75000, 100000, 150000, 200000, 300000, 400000,
        500000, 750000, 1000000, 2500000 } },

    { 49, 14, 0,
      { 1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576,
        4194304, 16777216, 67108864 } },

    { 65, 14, 0,
      { 1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576,
        4194304, 16777216, 67108864 } }
};


int
soma_metrics_key(soma_metric_key_t *key, const soma_str_t *label, unsigned n)
{
    size_t          len;
    unsigned        i;
    unsigned char  *p, *end;

    p = key->data;
    end = key->data + SOMA_METRIC_KEY_MAX;

    for (i = 0; i < n; i++) {
        len = label[i].len;

        if (len > SOMA_METRIC_LABEL_MAX || len + 1 > (size_t) (end - p)) {
            return SOMA_DECLINED;
        }

        *p++ = (unsigned char) len;

        soma_copy(p, label[i].data, len);
        p += len;
    }

    key->len = (uint32_t) (p - key->data);
    key->hash = soma_xxh3_mix(key->data, key->len);

    return SOMA_OK;
}


/* at most half full, so that a chain is short even when all is used */

static unsigned
soma_table_slots(unsigned max)
{
    unsigned  n;

    for (n = 2; n < 2 * max; n *= 2) { /* void */ }

    return n;
}


static size_t
soma_series_size(unsigned values)
{
    return sizeof(soma_series_t) + values * sizeof(uint64_t);
}


size_t
soma_metrics_table_size(unsigned max, unsigned values)
{
    return sizeof(soma_table_t) + soma_table_slots(max) * sizeof(uint32_t)
           + max * soma_series_size(values);
}


soma_table_t *
soma_metrics_table_init(void *mem, unsigned max, unsigned labels,
    unsigned values)
{
    unsigned            i;
    soma_str_t          label[SOMA_METRIC_LABELS_MAX];
    soma_table_t       *table;
    soma_metric_key_t   key;

    table = mem;

    table->max = max;
    table->labels = labels;
    table->values = values;
    table->size = (uint32_t) soma_series_size(values);
    table->mask = soma_table_slots(max) - 1;
    table->series = (unsigned char *) mem + sizeof(soma_table_t);
    table->index = (uint32_t *) (table->series
                                 + (size_t) max * table->size);

    for (i = 0; i < labels; i++) {
        label[i] = SOMA_STR("other");
    }

    (void) soma_metrics_key(&key, label, labels);
    (void) soma_metrics_table_add(table, &key);

    return table;
}


uint64_t *
soma_metrics_table_find(const soma_table_t *table, const soma_metric_key_t *key)
{
    uint32_t        i, n;
    soma_series_t  *series;

    for (i = (uint32_t) key->hash & table->mask; ; i = (i + 1) & table->mask) {

        n = __atomic_load_n(&table->index[i], __ATOMIC_ACQUIRE);

        if (n == 0) {
            return NULL;
        }

        series = (soma_series_t *) (table->series
                                    + (size_t) (n - 1) * table->size);

        if (series->key.hash == key->hash
            && series->key.len == key->len
            && soma_same(series->key.data, key->data, key->len))
        {
            return series->value;
        }
    }
}


uint64_t *
soma_metrics_table_add(soma_table_t *table, const soma_metric_key_t *key)
{
    uint32_t        i;
    uint64_t       *value;
    soma_series_t  *series;

    /* somebody may have been faster */

    value = soma_metrics_table_find(table, key);

    if (value) {
        return value;
    }

    if (table->used >= table->max) {
        return soma_metrics_table_other(table);
    }

    series = (soma_series_t *) (table->series
                                + (size_t) table->used * table->size);

    /* what a process killed right here left behind is not counted on */

    memset(series, 0, table->size);

    series->key.hash = key->hash;
    series->key.len = key->len;
    memcpy(series->key.data, key->data, key->len);

    i = (uint32_t) key->hash & table->mask;

    while (table->index[i]) {
        i = (i + 1) & table->mask;
    }

    __atomic_store_n(&table->index[i], table->used + 1, __ATOMIC_RELEASE);
    __atomic_store_n(&table->used, table->used + 1, __ATOMIC_RELEASE);

    return series->value;
}


uint64_t *
soma_metrics_table_other(soma_table_t *table)
{
    soma_metric_add(&table->overflow, 1);

    return ((soma_series_t *) table->series)->value;
}


void
soma_metrics_hist_add(uint64_t *values, soma_hist_e hist, int64_t n)
{
    unsigned            i;
    const soma_hist_t  *h;

    h = &soma_hist[hist];

    if (n < 0) {
        n = 0;
    }

    for (i = 0; i < h->n; i++) {
        if (n <= h->bound[i]) {
            break;
        }
    }

    soma_metric_count(&values[h->offset + i], 1);
    soma_metric_count(&values[h->offset + h->n + 1], (uint64_t) n);
}


static uint64_t *
soma_metrics_get(soma_metrics_t *metrics, soma_table_t *table,
    const soma_str_t *label, unsigned n)
{
    uint64_t           *value;
    soma_metric_key_t   key;

    if (soma_metrics_key(&key, label, n) != SOMA_OK) {
        return soma_metrics_table_other(table);
    }

    value = soma_metrics_table_find(table, &key);

    if (value) {
        return value;
    }

    /* a full table stays full: no lock for each of the many that come */

    if (__atomic_load_n(&table->used, __ATOMIC_RELAXED) >= table->max) {
        return soma_metrics_table_other(table);
    }

    metrics->lock(metrics->data);
    value = soma_metrics_table_add(table, &key);
    metrics->unlock(metrics->data);

    return value;
}


void
soma_metrics_event(soma_metrics_t *metrics, soma_table_t *table, soma_str_t a,
    soma_str_t b)
{
    soma_str_t  label[2];

    label[0] = a;
    label[1] = b;

    soma_metric_add(soma_metrics_get(metrics, table, label, 2), 1);
}


void
soma_metrics_record(soma_metrics_t *metrics, const soma_record_t *record)
{
    char         status[16];
    uint64_t    *value, *timings;
    soma_out_t   out;
    soma_str_t   label[SOMA_METRIC_LABELS_MAX];

    soma_put_init(&out, status, sizeof(status));
    soma_put_int(&out, record->status);

    label[0] = record->tenant;
    label[1] = record->provider;
    label[2] = record->model.len ? record->model : record->route;
    label[3] = record->api;
    label[4].data = (unsigned char *) status;
    label[4].len = (size_t) (out.pos - out.start);

    value = soma_metrics_get(metrics, metrics->requests, label, 5);

    timings = NULL;

    /* soma_access: no model, nothing of generative AI */

    if (record->provider.len) {
        label[0] = soma_metrics_operation(record->api);
        label[3] = record->error;

        timings = soma_metrics_get(metrics, metrics->timings, label, 4);
    }

    /* one lock instead of one for each of the many numbers */

    metrics->lock(metrics->data);

    soma_metrics_counts(value, record);

    if (timings) {
        soma_metrics_timings(timings, record);
    }

    if (metrics->usage) {
        soma_aggregate_table_add(metrics->usage, record);
    }

    metrics->unlock(metrics->data);
}


static void
soma_metrics_counts(uint64_t *value, const soma_record_t *record)
{
    const soma_usage_t  *usage;

    usage = &record->usage;

    soma_metric_count(&value[SOMA_COUNT_REQUESTS], 1);

#define soma_metrics_sum(i, n)                                                \
    if ((n) > 0) {                                                            \
        soma_metric_count(&value[i], (uint64_t) (n));                         \
    }

    soma_metrics_sum(SOMA_COUNT_INPUT, usage->input_tokens);
    soma_metrics_sum(SOMA_COUNT_CACHED, usage->cached_tokens);
    soma_metrics_sum(SOMA_COUNT_CACHE_WRITE, usage->cache_write_tokens);
    soma_metrics_sum(SOMA_COUNT_OUTPUT, usage->output_tokens);
    soma_metrics_sum(SOMA_COUNT_REASONING, usage->reasoning_tokens);
    soma_metrics_sum(SOMA_COUNT_COST, record->cost.total);
    soma_metrics_sum(SOMA_COUNT_ESTIMATED, usage->estimated);

#undef soma_metrics_sum
}


static void
soma_metrics_timings(uint64_t *values, const soma_record_t *record)
{
    int64_t  ms, n;

    soma_metrics_hist_add(values, SOMA_HIST_DURATION,
                          record->latency_ms * 1000);

    if (record->usage.known || record->usage.estimated) {
        soma_metrics_hist_add(values, SOMA_HIST_INPUT,
                              record->usage.input_tokens);
        soma_metrics_hist_add(values, SOMA_HIST_OUTPUT,
                              record->usage.output_tokens);
    }

    if (!record->stream || record->first_token_ms < 0) {
        return;
    }

    soma_metrics_hist_add(values, SOMA_HIST_FIRST_TOKEN,
                          record->first_token_ms * 1000);

    /* of the tokens behind the first */

    n = record->usage.output_tokens - 1;
    ms = record->latency_ms - record->first_token_ms;

    if (n > 0 && ms >= 0) {
        soma_metrics_hist_add(values, SOMA_HIST_PER_TOKEN,
                              soma_number_muldiv(ms, 1000, n));
    }
}


soma_str_t
soma_metrics_operation(soma_str_t api)
{
    if (soma_str_is(api, "responses")) {
        return SOMA_STR("chat");
    }

    if (soma_str_is(api, "completions")) {
        return SOMA_STR("text_completion");
    }

    return api;
}
