
/*
 * Copyright (C) The ngx_soma authors
 *
 * Usage by day, and reports of it.
 */


#include "soma_test.h"
#include "soma_arena_malloc.h"
#include "soma_aggregate.h"


#define DAY_MS  (24 * 3600 * (int64_t) 1000)
#define DAY     20000                   /* 2024-10-04 */


static char  output[65536];


static soma_record_t
record(int day, const char *tenant, const char *model)
{
    soma_record_t  r;

    memset(&r, 0, sizeof(r));

    r.time = day * DAY_MS + 5;
    r.tenant = str(tenant);
    r.provider = str("local");
    r.model = str(model);
    r.usage.input_tokens = 10;
    r.usage.output_tokens = 3;
    r.cost.total = 1500;

    return r;
}


static void
test_days(void)
{
    int          i, bad;
    int32_t      day;
    char         buf[16];
    soma_out_t   out;

    static const char *wrong[] = {
        "", "2026", "2026-13-01", "2026-00-10", "2026-02-30", "2025-02-29",
        "2026-01-00", "2026/01/01", "2026-1-011", "1969-12-31", "20x6-01-01",
        "2026-01-01T", "-026-01-01"
    };

    for (bad = 0, i = 0; i < 80000; i++) {
        soma_put_init(&out, buf, sizeof(buf));
        soma_put_day(&out, soma_aggregate_day_to_ms(i));
        bad += (soma_aggregate_day_parse((soma_str_t) { 10,
                                         (unsigned char *) buf },
                                         &day) != SOMA_OK || day != i);
    }

    soma_is_int(bad, 0, "every day of 219 years, there and back");

    for (i = 0; i < (int) (sizeof(wrong) / sizeof(wrong[0])); i++) {
        soma_is_int(soma_aggregate_day_parse(str(wrong[i]), &day), SOMA_ERROR,
                    "\"%s\" is no day", wrong[i]);
    }
}


static void
test_table(void)
{
    char                 name[32], key[SOMA_USAGE_KEY_MAX + 1];
    unsigned             i;
    soma_str_t           tenant, provider, model;
    soma_record_t        r;
    soma_usage_table_t  *t;

    t = soma_aggregate_table_init(calloc(1, soma_aggregate_table_size(64)), 64);

    r = record(DAY, "acme", "echo");
    soma_aggregate_table_add(t, &r);
    r.error = str("upstream_error");
    soma_aggregate_table_add(t, &r);

    soma_is_int(t->used, 1, "one row");
    soma_is_int(t->row[0].sum[SOMA_SUM_REQUESTS], 2, "of two requests");
    soma_is_int(t->row[0].sum[SOMA_SUM_ERRORS], 1, "one error");
    soma_is_int(t->row[0].sum[SOMA_SUM_COST], 3000, "their cost");

    soma_aggregate_row_key(&t->row[0], &tenant, &provider, &model);
    soma_is_str(tenant.data, tenant.len, "acme", "tenant");
    soma_is_str(provider.data, provider.len, "local", "provider");
    soma_is_str(model.data, model.len, "echo", "model");

    for (i = 0; i < 200; i++) {
        snprintf(name, sizeof(name), "t%u", i % 40);
        r = record(DAY + 1 + (int) i / 40, name, "echo");
        soma_aggregate_table_add(t, &r);
    }

    for (i = 0; i < t->used; i++) {
        if (t->row[i].day != DAY + 5) {
            break;
        }
    }

    soma_is_int(i, 40, "the oldest days went first");
    soma_is_int(t->used, 40, "the newest is whole");
    soma_is_int(t->dropped, 0, "nothing dropped");
    soma_ok(t->generation > 0, "and who was reading can tell");

    for (i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "u%u", i);
        r = record(DAY + 5, name, "echo");
        soma_aggregate_table_add(t, &r);
    }

    soma_is_int(t->used, 64, "full of one day");
    soma_aggregate_row_key(&t->row[63], &tenant, &provider, &model);
    soma_is_str(tenant.data, tenant.len, "other", "the rest is \"other\"");
    soma_is_int(t->row[63].sum[SOMA_SUM_REQUESTS], 77, "all of it");

    r = record(DAY, "late", "echo");
    soma_aggregate_table_add(t, &r);
    soma_is_int(t->dropped, 1, "older than a full table");

    r = record(DAY + 6, "acme", "echo");
    soma_aggregate_table_add(t, &r);
    soma_is_int(t->used, 1, "a new day begins");

    memset(key, 'k', sizeof(key));
    key[sizeof(key) - 1] = '\0';
    r = record(DAY + 6, key, "echo");
    soma_aggregate_table_add(t, &r);
    soma_aggregate_row_key(&t->row[1], &tenant, &provider, &model);
    soma_is_str(tenant.data, tenant.len, "other", "too long a name");

    free(t);
}


static void
test_report(void)
{
    int                rc;
    unsigned           i;
    soma_out_t         out;
    soma_arena_t      *arena;
    soma_report_t      report;

    static const char *field[][2] = {
        { "openai/gpt-4o/requests", "3" },
        { "openai/gpt-4o/cost_nano", "1500" },
        { "hub/meta/llama-3/requests", "2" },
        { "hub/meta/llama-3/input_tokens", "70" },
        { "nonsense", "1" },
        { "", "1" },
        { "/", "1" },
        { "a/b", "1" },
        { "a/b/unheard_of", "1" },
        { "a/b/requests", "minus" },
        { "openai/gpt-4o/output_tokens", "9223372036854775807" },
        { "openai/gpt-4o/output_tokens", "5" }
    };

    arena = soma_test_arena();
    soma_report_init(&report, arena, SOMA_BY_MODEL);

    for (rc = 0, i = 0; i < sizeof(field) / sizeof(field[0]); i++) {
        rc |= soma_report_field(&report, DAY, str("acme"), str(field[i][0]),
                                str(field[i][1]));
    }

    soma_is_int(rc, SOMA_OK, "fields are read");
    soma_is_int(soma_report_merge(&report), SOMA_OK, "and merged");
    soma_is_int(report.n, 2, "to a row a model");

    soma_put_init(&out, output, sizeof(output));
    soma_report_json(&out, &report);
    soma_is_str(out.start, out.pos - out.start,
        "\"rows\":[{\"provider\":\"hub\",\"model\":\"meta/llama-3\","
        "\"requests\":2,\"errors\":0,\"estimated\":0,\"input_tokens\":70,"
        "\"cached_tokens\":0,\"cache_write_tokens\":0,\"output_tokens\":0,"
        "\"reasoning_tokens\":0,\"cost_nano\":0,\"cost_usd\":\"0\"},"
        "{\"provider\":\"openai\",\"model\":\"gpt-4o\",\"requests\":3,"
        "\"errors\":0,\"estimated\":0,\"input_tokens\":0,"
        "\"cached_tokens\":0,\"cache_write_tokens\":0,"
        "\"output_tokens\":9223372036854775807,\"reasoning_tokens\":0,"
        "\"cost_nano\":1500,\"cost_usd\":\"0.0000015\"}],"
        "\"total\":{\"requests\":5,\"errors\":0,\"estimated\":0,"
        "\"input_tokens\":70,\"cached_tokens\":0,\"cache_write_tokens\":0,"
        "\"output_tokens\":9223372036854775807,\"reasoning_tokens\":0,"
        "\"cost_nano\":1500,\"cost_usd\":\"0.0000015\"}", "as JSON");

    soma_test_arena_free(arena);
}


static void
test_groups(void)
{
    int                rc;
    unsigned           i;
    soma_arena_t      *arena;
    soma_report_t      report;
    soma_report_row_t  row;

    arena = soma_test_arena();
    memset(&row, 0, sizeof(row));
    row.tenant = str("acme");
    row.provider = str("p");
    row.model = str("m");
    row.sum[0] = 1;

    soma_report_init(&report, arena, SOMA_BY_DAY);

    for (rc = 0, i = 0; i < 100000; i++) {
        row.day = DAY + (int32_t) (i % 62);
        rc |= soma_report_add(&report, &row);
    }

    (void) soma_report_merge(&report);

    soma_is_int(rc, SOMA_OK, "many additions of few rows");
    soma_is_int(report.n, 62, "a row a day");
    soma_ok(report.room <= 256, "in little room (%zu)", report.room);
    soma_is_int(report.row[0].day, DAY, "sorted");
    soma_is_int(report.row[0].sum[0], 1613, "summed");

    soma_report_init(&report, arena, SOMA_BY_DAY);

    for (rc = 0, i = 0; i < 3 * SOMA_REPORT_ROWS_MAX && rc == 0; i++) {
        row.day = (int32_t) i;
        rc = soma_report_add(&report, &row);
    }

    soma_is_int(rc, SOMA_DECLINED, "too many rows");

    soma_test_arena_free(arena);
}


int
main(void)
{
    test_days();
    test_table();
    test_report();
    test_groups();

    return soma_done();
}
