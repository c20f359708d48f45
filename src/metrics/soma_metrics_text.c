
/*
 * Copyright (C) The ngx_soma authors
 *
 * Tables of counters as text for Prometheus,
 * https://prometheus.io/docs/instrumenting/exposition_formats/.
 */


#include "soma_metrics_rows.h"


static unsigned soma_row_labels(const soma_series_t *series,
    const char *const *name, soma_label_t *label);
static void soma_text_counter(soma_text_t *text, const soma_rows_t *rows,
    const char *const *name, unsigned value);
static void soma_text_histogram(soma_text_t *text, const soma_rows_t *rows,
    const char *const *name, soma_hist_e hist, const char *type);
static void soma_text_buckets(soma_text_t *text, const soma_hist_t *h,
    const uint64_t *value, soma_label_t *label, unsigned n);
static void soma_text_measure(soma_out_t *out, const soma_hist_t *h,
    int64_t value);
static void soma_text_requests(soma_text_t *text, const soma_rows_t *rows,
    const soma_rows_t *tenants);
static void soma_text_tokens(soma_text_t *text, const soma_series_t *row);
static void soma_text_timings(soma_text_t *text, const soma_rows_t *rows,
    const soma_rows_t *models);
static int soma_text_line(soma_text_t *text, const char *suffix,
    const soma_label_t *label, unsigned n);
static void soma_text_end(soma_text_t *text);
static void soma_text_value(soma_text_t *text, soma_str_t value);
static size_t soma_text_utf8(const unsigned char *p, size_t left);
static void soma_text_seconds(soma_out_t *out, int64_t us);


static const char *const  soma_request_labels[] = {
    "tenant", "provider", "model", "api", "status", NULL
};

static const char *const  soma_tenant_labels[] = {
    "tenant", "provider", "model", NULL
};

static const char *const  soma_timing_labels[] = {
    "gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model",
    "error_type", NULL
};

static const char *const  soma_refused_labels[] = {
    "tenant", "reason", NULL
};

static const char *const  soma_attempt_labels[] = {
    "provider", "reason", NULL
};


int
soma_metrics_text(soma_text_t *text, const soma_metrics_t *metrics,
    soma_arena_t *arena)
{
    soma_rows_t  requests, tenants, timings, models, refused, attempts;

    if (soma_metrics_rows_copy(&requests, metrics->requests, arena) != SOMA_OK
        || soma_metrics_rows_merge(&tenants, &requests, 3, arena) != SOMA_OK
        || soma_metrics_rows_copy(&timings, metrics->timings, arena) != SOMA_OK
        || soma_metrics_rows_merge(&models, &timings, 3, arena) != SOMA_OK
        || soma_metrics_rows_copy(&refused, metrics->refused, arena) != SOMA_OK
        || soma_metrics_rows_copy(&attempts, metrics->attempts, arena)
           != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    soma_text_requests(text, &requests, &tenants);

    soma_metrics_text_family(text, "soma_refused_total", "counter",
                             "Requests turned away, by reason.");
    soma_text_counter(text, &refused, soma_refused_labels, 0);

    soma_metrics_text_family(text, "soma_attempt_failures_total", "counter",
                             "Attempts at a provider that failed, by reason.");
    soma_text_counter(text, &attempts, soma_attempt_labels, 0);

    soma_text_timings(text, &timings, &models);

    return text->failed ? SOMA_ERROR : SOMA_OK;
}


static void
soma_text_requests(soma_text_t *text, const soma_rows_t *rows,
    const soma_rows_t *tenants)
{
    unsigned      i, n;
    soma_label_t  label[SOMA_METRIC_LABELS_MAX + 1];

    soma_metrics_text_family(text, "soma_requests_total", "counter",
                             "Requests answered, by HTTP status.");
    soma_text_counter(text, rows, soma_request_labels, SOMA_COUNT_REQUESTS);

    soma_metrics_text_family(text, "soma_tokens_total", "counter",
                            "Tokens; cached and cache_write are part of input, "
                            "reasoning is part of output.");

    for (i = 0; i < tenants->n; i++) {
        if (soma_metrics_rows_billed(tenants->row[i])) {
            soma_text_tokens(text, tenants->row[i]);
        }
    }

    soma_metrics_text_family(text, "soma_cost_usd_total", "counter",
                             "Cost in US dollars, exact to the nano-dollar.");

    for (i = 0; i < tenants->n; i++) {
        if (!soma_metrics_rows_billed(tenants->row[i])) {
            continue;
        }

        n = soma_row_labels(tenants->row[i], soma_tenant_labels, label);
        soma_metrics_text_usd(text, label, n,
                             (int64_t) tenants->row[i]->value[SOMA_COUNT_COST]);
    }

    soma_metrics_text_family(text, "soma_estimated_total", "counter",
                          "Requests whose tokens the provider did not report.");
    soma_text_counter(text, tenants, soma_tenant_labels,
                      SOMA_COUNT_ESTIMATED);
}


/* input and output always, the others where there are any */
static void
soma_text_tokens(soma_text_t *text, const soma_series_t *row)
{
    unsigned      k, n;
    soma_label_t  label[SOMA_METRIC_LABELS_MAX + 1];

    static const struct {
        const char  *name;
        unsigned     value;
    } type[] = {
        { "input", SOMA_COUNT_INPUT },
        { "cached", SOMA_COUNT_CACHED },
        { "cache_write", SOMA_COUNT_CACHE_WRITE },
        { "output", SOMA_COUNT_OUTPUT },
        { "reasoning", SOMA_COUNT_REASONING }
    };

    n = soma_row_labels(row, soma_tenant_labels, label);

    for (k = 0; k < sizeof(type) / sizeof(type[0]); k++) {
        if (type[k].value != SOMA_COUNT_INPUT
            && type[k].value != SOMA_COUNT_OUTPUT
            && row->value[type[k].value] == 0)
        {
            continue;
        }

        label[n].name = "type";
        label[n].value.data = (unsigned char *) type[k].name;
        label[n].value.len = strlen(type[k].name);

        soma_metrics_text_int(text, label, n + 1,
                              (int64_t) row->value[type[k].value]);
    }
}


static void
soma_text_timings(soma_text_t *text, const soma_rows_t *rows,
    const soma_rows_t *models)
{
    soma_metrics_text_family(text, "gen_ai_server_request_duration_seconds",
                        "histogram", "Time from a request's arrival to the end "
                        "of its answer.");
    soma_text_histogram(text, rows, soma_timing_labels, SOMA_HIST_DURATION,
                        NULL);

    soma_metrics_text_family(text, "gen_ai_server_time_to_first_token_seconds",
                           "histogram", "Time to the first token of a streamed "
                           "answer.");
    soma_text_histogram(text, models, soma_timing_labels,
                        SOMA_HIST_FIRST_TOKEN, NULL);

    soma_metrics_text_family(text,
                          "gen_ai_server_time_per_output_token_seconds",
                          "histogram", "Time per output token behind the first "
                          "of a streamed answer.");
    soma_text_histogram(text, models, soma_timing_labels,
                        SOMA_HIST_PER_TOKEN, NULL);

    soma_metrics_text_family(text, "gen_ai_client_token_usage", "histogram",
                             "Tokens of a request, input and output.");
    soma_text_histogram(text, models, soma_timing_labels, SOMA_HIST_INPUT,
                        "input");
    soma_text_histogram(text, models, soma_timing_labels, SOMA_HIST_OUTPUT,
                        "output");
}


/* OTel leaves error.type away where there was no error */

static unsigned
soma_row_labels(const soma_series_t *series, const char *const *name,
    soma_label_t *label)
{
    unsigned              n;
    const unsigned char  *p, *end;

    n = 0;
    p = series->key.data;
    end = p + series->key.len;

    for ( /* void */ ; *name && p < end; name++, p += 1 + *p) {

        if (*p == 0 && strcmp(*name, "error_type") == 0) {
            continue;
        }

        label[n].name = *name;
        label[n].value.len = *p;
        label[n].value.data = (unsigned char *) p + 1;
        n++;
    }

    return n;
}


static void
soma_text_counter(soma_text_t *text, const soma_rows_t *rows,
    const char *const *name, unsigned value)
{
    unsigned      i, n;
    soma_label_t  label[SOMA_METRIC_LABELS_MAX];

    for (i = 0; i < rows->n; i++) {

        if (rows->row[i]->value[value] == 0) {
            continue;
        }

        n = soma_row_labels(rows->row[i], name, label);
        soma_metrics_text_int(text, label, n,
                              (int64_t) rows->row[i]->value[value]);
    }
}


static void
soma_text_histogram(soma_text_t *text, const soma_rows_t *rows,
    const char *const *name, soma_hist_e hist, const char *type)
{
    int64_t             total;
    uint64_t           *value;
    unsigned            i, k, n;
    soma_label_t        label[SOMA_METRIC_LABELS_MAX + 2];
    const soma_hist_t  *h;

    h = &soma_hist[hist];

    for (i = 0; i < rows->n; i++) {

        value = &rows->row[i]->value[h->offset];
        n = soma_row_labels(rows->row[i], name, label);

        for (total = 0, k = 0; k <= h->n; k++) {
            total += (int64_t) value[k];
        }

        if (total == 0) {
            continue;
        }

        if (type) {
            label[n].name = "gen_ai_token_type";
            label[n].value.data = (unsigned char *) type;
            label[n++].value.len = strlen(type);
        }

        soma_text_buckets(text, h, value, label, n);

        if (soma_text_line(text, "_sum", label, n) == SOMA_OK) {
            soma_text_measure(&text->out, h, (int64_t) value[h->n + 1]);
            soma_text_end(text);
        }

        if (soma_text_line(text, "_count", label, n) == SOMA_OK) {
            soma_put_int(&text->out, total);
            soma_text_end(text);
        }
    }
}


/* the last of the labels is the bucket's bound */
static void
soma_text_buckets(soma_text_t *text, const soma_hist_t *h,
    const uint64_t *value, soma_label_t *label, unsigned n)
{
    char        le[32];
    int64_t     total;
    unsigned    k;
    soma_out_t  out;

    label[n].name = "le";
    total = 0;

    for (k = 0; k <= h->n; k++) {
        total += (int64_t) value[k];

        soma_put_init(&out, le, sizeof(le));

        if (k == h->n) {
            soma_put_cstr(&out, "+Inf");

        } else {
            soma_text_measure(&out, h, h->bound[k]);
        }

        label[n].value.data = out.start;
        label[n].value.len = (size_t) (out.pos - out.start);

        if (soma_text_line(text, "_bucket", label, n + 1) == SOMA_OK) {
            soma_put_int(&text->out, total);
            soma_text_end(text);
        }
    }
}


static void
soma_text_measure(soma_out_t *out, const soma_hist_t *h, int64_t value)
{
    if (h->seconds) {
        soma_text_seconds(out, value);

    } else {
        soma_put_int(out, value);
    }
}


void
soma_metrics_text_family(soma_text_t *text, const char *name, const char *type,
    const char *help)
{
    text->name = name;
    text->type = type;
    text->help = help;
    text->first = 1;
}


void
soma_metrics_text_int(soma_text_t *text, const soma_label_t *label, unsigned n,
    int64_t value)
{
    if (soma_text_line(text, "", label, n) == SOMA_OK) {
        soma_put_int(&text->out, value);
        soma_text_end(text);
    }
}


void
soma_metrics_text_usd(soma_text_t *text, const soma_label_t *label, unsigned n,
    int64_t nano)
{
    if (soma_text_line(text, "", label, n) == SOMA_OK) {
        soma_put_usd(&text->out, nano);
        soma_text_end(text);
    }
}


/* a sample up to its value */

static int
soma_text_line(soma_text_t *text, const char *suffix,
    const soma_label_t *label, unsigned n)
{
    unsigned     i;
    soma_out_t  *out;

    out = &text->out;

    if (text->failed) {
        return SOMA_ERROR;
    }

    if (out->end - out->pos < SOMA_TEXT_LINE_MAX
        && text->more(text->data, out) != SOMA_OK)
    {
        text->failed = 1;
        return SOMA_ERROR;
    }

    if (text->first) {
        text->first = 0;

        soma_put_cstr(out, "# HELP ");
        soma_put_cstr(out, text->name);
        soma_put_char(out, ' ');
        soma_put_cstr(out, text->help);
        soma_put_cstr(out, "\n# TYPE ");
        soma_put_cstr(out, text->name);
        soma_put_char(out, ' ');
        soma_put_cstr(out, text->type);
        soma_put_char(out, '\n');
    }

    soma_put_cstr(out, text->name);
    soma_put_cstr(out, suffix);

    for (i = 0; i < n; i++) {
        soma_put_char(out, i ? ',' : '{');
        soma_put_cstr(out, label[i].name);
        soma_put_cstr(out, "=\"");
        soma_text_value(text, label[i].value);
        soma_put_char(out, '"');
    }

    soma_put_cstr(out, n ? "} " : " ");

    return SOMA_OK;
}


static void
soma_text_end(soma_text_t *text)
{
    soma_put_char(&text->out, '\n');

    if (text->out.full) {
        text->failed = 1;
    }
}


/* a label's value; what is no UTF-8 would spoil the whole scrape */

static void
soma_text_value(soma_text_t *text, soma_str_t value)
{
    size_t          n;
    unsigned char  *p, *end;

    p = value.data;
    end = p + value.len;

    while (p < end) {

        switch (*p) {

        case '\\':
        case '"':
            soma_put_char(&text->out, '\\');
            soma_put_char(&text->out, *p++);
            continue;

        case '\n':
            soma_put_cstr(&text->out, "\\n");
            p++;
            continue;

        default:
            break;
        }

        n = soma_text_utf8(p, (size_t) (end - p));

        if (n == 0) {
            soma_put_cstr(&text->out, "\xef\xbf\xbd");
            p++;
            continue;
        }

        soma_put(&text->out, p, n);
        p += n;
    }
}


/* bytes of the character at p, 0: none */

static size_t
soma_text_utf8(const unsigned char *p, size_t left)
{
    size_t    i, n;
    uint32_t  c;

    static const uint32_t  least[] = { 0, 0, 0x80, 0x800, 0x10000 };

    if (*p < 0x80) {
        return 1;
    }

    n = (*p >= 0xf0) ? 4 : (*p >= 0xe0) ? 3 : 2;

    if (*p < 0xc2 || *p > 0xf4 || n > left) {
        return 0;
    }

    c = *p & (0xff >> (n + 1));

    for (i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }

        c = (c << 6) | (p[i] & 0x3f);
    }

    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
        return 0;
    }

    return n;
}


/* microseconds as seconds, without trailing zeros */

static void
soma_text_seconds(soma_out_t *out, int64_t us)
{
    soma_put_usd(out, us * 1000);
}
