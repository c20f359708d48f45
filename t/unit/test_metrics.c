
/*
 * Copyright (C) The ngx_soma authors
 *
 * Counters, histograms and their text.
 */


#include <pthread.h>
#include <time.h>

#include "soma_test.h"
#include "soma_arena_malloc.h"
#include "soma_metrics.h"


#define RACERS  4
#define ROUNDS  20000


static char             output[1024 * 1024];
static pthread_mutex_t  mutex = PTHREAD_MUTEX_INITIALIZER;


static void
lock(void *data)
{
    (void) data;
    pthread_mutex_lock(&mutex);
}


static void
unlock(void *data)
{
    (void) data;
    pthread_mutex_unlock(&mutex);
}


static soma_table_t *
table(unsigned max, unsigned labels, unsigned values)
{
    return soma_metrics_table_init(calloc(1, soma_metrics_table_size(max,
                                                                  values)), max,
                                   labels, values);
}


static void
make(soma_metrics_t *m, unsigned max)
{
    m->requests = table(max, 5, SOMA_COUNTS);
    m->timings = table(max, 4, SOMA_HIST_VALUES);
    m->refused = table(max, 2, 1);
    m->attempts = table(max, 2, 1);
    m->usage = soma_aggregate_table_init(calloc(1,
                                                soma_aggregate_table_size(max)),
                                         max);
    m->lock = lock;
    m->unlock = unlock;
    m->data = NULL;
}


static void
drop(soma_metrics_t *m)
{
    free(m->requests);
    free(m->timings);
    free(m->refused);
    free(m->attempts);
    free(m->usage);
}


static soma_record_t
record(const char *tenant, const char *model, int status)
{
    soma_record_t  r;

    memset(&r, 0, sizeof(r));

    r.tenant.data = (unsigned char *) tenant;
    r.tenant.len = strlen(tenant);
    r.model.data = (unsigned char *) model;
    r.model.len = strlen(model);
    r.provider = SOMA_STR("local");
    r.api = SOMA_STR("chat");
    r.status = status;
    r.stream = 1;
    r.first_token_ms = 12;
    r.latency_ms = 212;
    r.usage.known = 1;
    r.usage.input_tokens = 100;
    r.usage.cached_tokens = 40;
    r.usage.output_tokens = 11;
    r.cost.total = 1500;

    return r;
}


static int
no_more(void *data, soma_out_t *out)
{
    (void) data;
    (void) out;

    return SOMA_ERROR;
}


/* the text with small buffers, glued together */
static int
more(void *data, soma_out_t *out)
{
    char  **end;

    end = data;

    if (*end + SOMA_TEXT_LINE_MAX > output + sizeof(output)) {
        return SOMA_ERROR;
    }

    if (out->start) {
        *end += out->pos - out->start;
    }

    soma_put_init(out, *end, SOMA_TEXT_LINE_MAX);

    return SOMA_OK;
}


static size_t
print(soma_metrics_t *m)
{
    int           rc;
    char         *end;
    soma_text_t   text;
    soma_arena_t *arena;

    memset(&text, 0, sizeof(text));
    end = output;
    text.more = more;
    text.data = &end;

    arena = soma_test_arena();
    rc = soma_metrics_text(&text, m, arena);
    soma_test_arena_free(arena);

    soma_is_int(rc, SOMA_OK, "the text is written");

    if (text.out.start) {
        end += text.out.pos - text.out.start;
    }

    *end = '\0';

    return (size_t) (end - output);
}


static int
has(const char *line)
{
    char    *p;
    size_t   len;

    len = strlen(line);

    for (p = strstr(output, line); p; p = strstr(p + 1, line)) {
        if ((p == output || p[-1] == '\n') && p[len] == '\n') {
            return 1;
        }
    }

    return 0;
}


static void
test_text(void)
{
    soma_record_t   r;
    soma_metrics_t  m;

    make(&m, 64);

    soma_is_int(print(&m), 0, "nothing counted, nothing printed");

    r = record("acme", "echo", 200);
    soma_metrics_record(&m, &r);
    r = record("acme", "echo", 502);
    r.error = SOMA_STR("upstream_error");
    r.cost.total = 1;
    soma_metrics_record(&m, &r);
    soma_metrics_event(&m, m.refused, SOMA_STR("acme"),
                       SOMA_STR("rate_limit_exceeded"));
    soma_metrics_event(&m, m.attempts, SOMA_STR("local"),
                       SOMA_STR("http_429"));

    print(&m);

    soma_ok(has("soma_requests_total{tenant=\"acme\",provider=\"local\","
                "model=\"echo\",api=\"chat\",status=\"200\"} 1"),
            "a request by its status");
    soma_ok(has("soma_tokens_total{tenant=\"acme\",provider=\"local\","
                "model=\"echo\",type=\"input\"} 200"),
            "tokens summed over statuses");
    soma_ok(has("soma_tokens_total{tenant=\"acme\",provider=\"local\","
                "model=\"echo\",type=\"cached\"} 80"), "cached tokens");
    soma_ok(strstr(output, "type=\"reasoning\"") == NULL,
            "no series for a kind that never came");
    soma_ok(has("soma_cost_usd_total{tenant=\"acme\",provider=\"local\","
                "model=\"echo\"} 0.000001501"), "cost to the nano-dollar");
    soma_ok(has("soma_refused_total{tenant=\"acme\","
                "reason=\"rate_limit_exceeded\"} 1"), "refused");
    soma_ok(has("soma_attempt_failures_total{provider=\"local\","
                "reason=\"http_429\"} 1"), "a failed attempt");
    soma_ok(has("# TYPE gen_ai_server_request_duration_seconds histogram"),
            "a type");
    soma_ok(has("gen_ai_server_request_duration_seconds_bucket{"
                "gen_ai_operation_name=\"chat\","
                "gen_ai_provider_name=\"local\","
                "gen_ai_request_model=\"echo\",le=\"0.16\"} 0"),
            "below the bound: nothing, and no error_type");
    soma_ok(has("gen_ai_server_request_duration_seconds_bucket{"
                "gen_ai_operation_name=\"chat\","
                "gen_ai_provider_name=\"local\","
                "gen_ai_request_model=\"echo\","
                "error_type=\"upstream_error\",le=\"0.32\"} 1"),
            "an error has its type");
    soma_ok(has("gen_ai_server_time_to_first_token_seconds_sum{"
                "gen_ai_operation_name=\"chat\","
                "gen_ai_provider_name=\"local\","
                "gen_ai_request_model=\"echo\"} 0.024"),
            "first token, summed over errors");
    soma_ok(has("gen_ai_server_time_per_output_token_seconds_sum{"
                "gen_ai_operation_name=\"chat\","
                "gen_ai_provider_name=\"local\","
                "gen_ai_request_model=\"echo\"} 0.04"),
            "200 ms for the 10 tokens behind the first, twice");
    soma_ok(has("gen_ai_client_token_usage_bucket{"
                "gen_ai_operation_name=\"chat\","
                "gen_ai_provider_name=\"local\","
                "gen_ai_request_model=\"echo\","
                "gen_ai_token_type=\"output\",le=\"16\"} 2"),
            "token usage");
    soma_ok(strstr(output, "other") == NULL, "no empty series");

    drop(&m);
}


static void
test_labels(void)
{
    char            long_name[300];
    soma_record_t   r;
    soma_metrics_t  m;

    make(&m, 64);

    r = record("a\"b\\c\nd", "\xc3\xa9\xff\xe2\x82", 200);
    soma_metrics_record(&m, &r);
    print(&m);

    soma_ok(strstr(output, "{tenant=\"a\\\"b\\\\c\\nd\",provider=\"local\","
                   "model=\"\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"")
            != NULL,
            "quotes, backslashes, newlines and broken UTF-8");

    memset(long_name, 'x', sizeof(long_name));
    long_name[sizeof(long_name) - 1] = '\0';

    r = record(long_name, "echo", 200);
    soma_metrics_record(&m, &r);
    print(&m);

    soma_ok(has("soma_requests_total{tenant=\"other\",provider=\"other\","
                "model=\"other\",api=\"other\",status=\"other\"} 1"),
            "a key that is too long is \"other\"");

    r = record("t", "m", 200);
    r.model.len = 0;
    r.route = SOMA_STR("assistant");
    r.api = SOMA_STR("responses");
    r.first_token_ms = -1;
    soma_metrics_record(&m, &r);
    print(&m);

    soma_ok(strstr(output, "model=\"assistant\",api=\"responses\"") != NULL,
            "the route where no model answered");
    soma_ok(strstr(output, "gen_ai_operation_name=\"chat\","
                   "gen_ai_provider_name=\"local\","
                   "gen_ai_request_model=\"assistant\"") != NULL,
            "OTel's name of the operation");

    r = record("plain", "", 200);
    r.provider.len = 0;
    r.api = SOMA_STR("access");
    soma_metrics_record(&m, &r);
    print(&m);

    soma_ok(has("soma_requests_total{tenant=\"plain\",provider=\"\","
                "model=\"\",api=\"access\",status=\"200\"} 1"),
            "a request that is no LLM call is counted");
    soma_ok(strstr(output, "soma_cost_usd_total{tenant=\"plain\"") == NULL
            && strstr(output, "soma_tokens_total{tenant=\"plain\"") == NULL,
            "without tokens and cost");
    soma_ok(strstr(output, "operation_name=\"access\"") == NULL,
            "but is nothing of generative AI");

    drop(&m);
}


static void
test_overflow(void)
{
    char            name[32];
    unsigned        i;
    soma_record_t   r;
    soma_metrics_t  m;

    make(&m, 16);

    for (i = 0; i < 40; i++) {
        snprintf(name, sizeof(name), "tenant%u", i);
        r = record(name, "echo", 200);
        soma_metrics_record(&m, &r);
    }

    print(&m);

    soma_is_int(m.requests->used, 16, "no more series than there is room");
    soma_is_int(m.requests->overflow, 25, "and the rest is known");
    soma_ok(has("soma_requests_total{tenant=\"other\",provider=\"other\","
                "model=\"other\",api=\"other\",status=\"other\"} 25"),
            "under \"other\"");
    soma_ok(has("soma_cost_usd_total{tenant=\"other\",provider=\"other\","
                "model=\"other\"} 0.0000375"), "with its cost");

    drop(&m);
}


static void
test_bounds(void)
{
    int             h;
    uint64_t        values[SOMA_HIST_VALUES];
    unsigned        i, end;
    soma_text_t     text;
    soma_arena_t   *arena;
    soma_record_t   r;
    soma_metrics_t  m;

    for (end = 0, h = 0; h < SOMA_HISTS; h++) {
        soma_is_int(soma_hist[h].offset, end, "histogram %d follows", h);
        end += soma_hist[h].n + 2;

        for (i = 1; i < soma_hist[h].n; i++) {
            if (soma_hist[h].bound[i] <= soma_hist[h].bound[i - 1]) {
                soma_ok(0, "histogram %d bound %u", h, i);
            }
        }
    }

    soma_is_int(end, SOMA_HIST_VALUES, "all values are somebody's");

    memset(values, 0, sizeof(values));
    soma_metrics_hist_add(values, SOMA_HIST_INPUT, -5);
    soma_metrics_hist_add(values, SOMA_HIST_INPUT, 1);
    soma_metrics_hist_add(values, SOMA_HIST_INPUT, 2);
    soma_metrics_hist_add(values, SOMA_HIST_INPUT, 67108864);
    soma_metrics_hist_add(values, SOMA_HIST_INPUT, 67108865);
    i = soma_hist[SOMA_HIST_INPUT].offset;
    soma_is_int(values[i], 2, "at or below the first bound");
    soma_is_int(values[i + 1], 1, "above it");
    soma_is_int(values[i + 13], 1, "at the last");
    soma_is_int(values[i + 14], 1, "above the last");

    make(&m, 16);
    r = record("t", "m", 200);
    soma_metrics_record(&m, &r);

    memset(&text, 0, sizeof(text));
    text.more = no_more;
    arena = soma_test_arena();
    soma_is_int(soma_metrics_text(&text, &m, arena), SOMA_ERROR,
                "no room for the text is said");
    soma_test_arena_free(arena);

    for (i = 0; i < 8; i++) {
        memset(&text, 0, sizeof(text));
        text.more = no_more;
        arena = soma_test_arena();
        soma_test_arena_fail(arena, i);

        if (soma_metrics_text(&text, &m, arena) != SOMA_ERROR) {
            soma_ok(0, "no memory at %u", i);
        }

        soma_test_arena_free(arena);
    }

    drop(&m);
}


static void *
race(void *data)
{
    char            name[32];
    unsigned        i;
    soma_record_t   r;

    for (i = 0; i < ROUNDS; i++) {
        snprintf(name, sizeof(name), "tenant%u", i % 97);
        r = record(name, "echo", 200);
        soma_metrics_record(data, &r);
    }

    return NULL;
}


static void
test_race(void)
{
    unsigned        i;
    uint64_t        n, bad;
    pthread_t       thread[RACERS];
    soma_series_t  *series;
    soma_metrics_t  m;

    make(&m, 256);

    for (i = 0; i < RACERS; i++) {
        pthread_create(&thread[i], NULL, race, &m);
    }

    for (i = 0; i < RACERS; i++) {
        pthread_join(thread[i], NULL);
    }

    soma_is_int(m.requests->used, 98, "one series each, whoever was first");

    for (n = 0, bad = 0, i = 1; i < m.requests->used; i++) {
        series = (soma_series_t *) (m.requests->series
                                    + i * m.requests->size);
        n += series->value[SOMA_COUNT_REQUESTS];
        bad += (series->value[SOMA_COUNT_COST]
                != 1500 * series->value[SOMA_COUNT_REQUESTS]);
    }

    soma_is_int(n, RACERS * ROUNDS, "nothing is lost between threads");

    for (n = 0, i = 0; i < m.usage->used; i++) {
        n += (uint64_t) m.usage->row[i].sum[SOMA_SUM_REQUESTS];
    }

    soma_is_int(n, RACERS * ROUNDS, "nor of the usage by day");
    soma_is_int(bad, 0, "in no series");

    drop(&m);
}


static void
test_speed(void)
{
    unsigned         i;
    soma_record_t    r;
    soma_metrics_t   m;
    struct timespec  a, b;

    make(&m, 256);
    r = record("acme", "gpt-4o-mini", 200);

    clock_gettime(CLOCK_MONOTONIC, &a);

    for (i = 0; i < 200000; i++) {
        soma_metrics_record(&m, &r);
    }

    clock_gettime(CLOCK_MONOTONIC, &b);

    printf("# %lld ns a request\n",
           (long long) ((b.tv_sec - a.tv_sec) * 1000000000LL
                        + b.tv_nsec - a.tv_nsec) / 200000);

    soma_is_int(m.requests->used, 2, "one series and \"other\"");

    drop(&m);
}


int
main(void)
{
    test_text();
    test_labels();
    test_overflow();
    test_bounds();
    test_race();
    test_speed();

    return soma_done();
}
