
/*
 * Copyright (C) The ngx_soma authors
 *
 * soma-ledger's two books side by side.
 */


#include "soma_test.h"
#include "soma_arena_malloc.h"
#include "soma_record.h"
#include "../../tools/ledger/soma_books.c"


#define TIME    1795226400000
#define MANY    200000
#define WRITER  "0123456789abcdef"


static soma_arena_t      *arena;
static soma_books_t       books;
static soma_record_t      record;
static unsigned char      json[SOMA_RECORD_JSON_MAX];


static void
begin(void)
{
    uint32_t  id;

    soma_test_arena_free(arena);
    arena = soma_test_arena();
    soma_books_init(&books, arena);
    (void) soma_books_tenant(&books, SOMA_STR("acme"), &id);
    (void) soma_books_writer(&books, SOMA_STR(WRITER), &id);
}


static soma_str_t
text(const char *id, int64_t time, int64_t cost)
{
    soma_out_t  out;

    memset(&record, 0, sizeof(soma_record_t));

    record.id = (soma_str_t) { strlen(id), (unsigned char *) id };
    record.time = time;
    record.tenant = SOMA_STR("acme");
    record.provider = SOMA_STR("openai");
    record.model = SOMA_STR("a/b");
    record.status = 200;
    record.usage.input_tokens = 10;
    record.usage.output_tokens = 5;
    record.cost.total = cost;

    soma_put_init(&out, json, sizeof(json));
    soma_record_json(&out, &record);

    return (soma_str_t) { (size_t) (out.pos - json), json };
}


static int64_t
differ(soma_sum_e sum)
{
    int64_t   beyond, n;
    uint32_t  i;

    for (n = 0, i = 0; i < books.rows.n; i++) {
        n += soma_books_difference(&books, &books.row[i], sum, &beyond);
    }

    return n;
}


static int
sum(const char *field, const char *value)
{
    return soma_books_sum(&books, 0, soma_aggregate_day_of(TIME),
        (soma_str_t) { strlen(field), (unsigned char *) field },
        (soma_str_t) { strlen(value), (unsigned char *) value });
}


static void
balance(void)
{
    soma_books_count_t  count;

    begin();

    (void) soma_books_journal(&books, 0, 0, 1, text("a", TIME, 100));
    (void) soma_books_journal(&books, 0, 0, 2, text("b", TIME, 100));
    (void) soma_books_journal(&books, 0, 0, 3, text("c", TIME, 100));
    (void) soma_books_applied(&books, 0, SOMA_STR(WRITER), 2);

    soma_is_int(soma_books_behind(&books), 1, "one is not applied");

    (void) soma_books_stream(&books, 0, text("a", TIME, 100));
    (void) soma_books_stream(&books, 0, text("b", TIME, 100));
    (void) soma_books_stream(&books, 0, text("other", TIME, 7));
    (void) soma_books_stream(&books, 0, text("tomorrow", TIME + 86400000,
                                             7));

    soma_is_int(sum("openai/a/b/cost_nano", "207"), SOMA_OK, "a sum");
    soma_is_int(sum("openai/a/b/requests", "3"), SOMA_OK, "and another");
    soma_is_int(sum("openai/a/b/input_tokens", "30"), SOMA_OK, "tokens");
    soma_is_int(sum("openai/a/b/output_tokens", "15"), SOMA_OK, "more");
    soma_is_int(sum("openai/a/b/bananas", "3"), SOMA_DECLINED, "no sum");
    soma_is_int(sum("cost_nano", "3"), SOMA_DECLINED, "no field");
    soma_is_int(sum("a/b/requests", "x"), SOMA_DECLINED, "no number");
    soma_is_int(sum("/", "1"), SOMA_DECLINED, "nothing");

    soma_books_balance(&books, &count);

    soma_is_int(count.journal, 3, "records of the journal");
    soma_is_int(count.stream, 1, "of the stream alone, of days compared");
    soma_is_int(count.waiting, 1, "one waits");
    soma_is_int(count.twice + count.missing + count.changed, 0, "no more");
    soma_is_int(differ(SOMA_SUM_COST), -100, "which is the difference");
    soma_is_int(differ(SOMA_SUM_REQUESTS), -1, "of requests too");
    soma_is_int(differ(SOMA_SUM_INPUT), -10, "and of tokens");
    soma_is_int(books.rows.n, 1, "in one row");
}


/* a client's own request ids may come again, and in one millisecond */
static void
same_ids(void)
{
    soma_books_count_t  count;

    begin();

    (void) soma_books_journal(&books, 0, 0, 1, text("a", TIME, 1));
    (void) soma_books_journal(&books, 0, 0, 2, text("a", TIME, 1));
    (void) soma_books_journal(&books, 0, 0, 3, text("a", TIME + 1, 1));
    (void) soma_books_applied(&books, 0, SOMA_STR(WRITER), 3);
    (void) soma_books_stream(&books, 0, text("a", TIME, 1));
    (void) soma_books_stream(&books, 0, text("a", TIME, 1));
    (void) soma_books_stream(&books, 0, text("a", TIME + 1, 1));

    soma_books_balance(&books, &count);
    soma_is_int(count.twice + count.missing, 0, "one id, three requests");

    (void) soma_books_stream(&books, 0, text("a", TIME, 1));
    soma_books_balance(&books, &count);
    soma_is_int(count.twice, 1, "and one of them twice");
}


static void
streams(void)
{
    soma_books_count_t  count;

    begin();

    (void) soma_books_journal(&books, 0, 0, 1, text("a", TIME, 1));
    (void) soma_books_journal(&books, 0, 0, 2, text("b", TIME + 9, 1));
    (void) soma_books_applied(&books, 0, SOMA_STR(WRITER), 2);
    (void) soma_books_stream(&books, 0, text("b", TIME + 9, 2));

    soma_books_balance(&books, &count);
    soma_is_int(count.missing, 1, "one is not in the stream");
    soma_is_int(count.changed, 1, "the other has another cost there");

    books.tenant[0].cut = 1;
    books.tenant[0].first_ms = TIME + 5;
    books.tenant[0].first_day = soma_aggregate_day_of(TIME);

    soma_books_balance(&books, &count);
    soma_is_int(count.missing, 0, "which is none when the stream was cut");

    books.tenant[0].deleted = 1;
    books.tenant[0].first_ms = TIME - 5;
    soma_books_balance(&books, &count);
    soma_is_int(count.missing, 1, "but it is behind the stream's beginning");

    (void) sum("openai/a/b/cost_nano", "50");
    soma_is_int(differ(SOMA_SUM_COST), 0, "more in Redis cannot be told");
    (void) sum("openai/a/b/cost_nano", "1");
    soma_is_int(differ(SOMA_SUM_COST), -1, "less can");
    (void) sum("openai/a/b/cost_nano", "-9223372036854775807");
    soma_is_int(differ(SOMA_SUM_COST), INT64_MIN + 1, "without overflow");
}


static void
no_records(void)
{
    size_t       i;
    int64_t      time;
    soma_str_t   s;

    static const char *const  not[] = {
        "", "{", "[]", "1", "{}", "{\"time\":1}", "{\"time\":\"1\"}",
        "{\"time\":1,\"status\":200,\"input_tokens\":\"1\"}"
    };

    begin();

    for (i = 0; i < sizeof(not) / sizeof(not[0]); i++) {
        s = (soma_str_t) { strlen(not[i]), (unsigned char *) not[i] };

        soma_is_int(soma_books_stream(&books, 0, s), SOMA_DECLINED,
                    "no record: %s", not[i]);
        soma_is_int(soma_books_journal(&books, 0, 0, 1, s), SOMA_DECLINED,
                    "nor of a journal");
    }

    soma_is_int(soma_books_time(text("a", TIME, 1), &time), SOMA_OK,
                "a record's time");
    soma_is_int(time, TIME, "in ms");
    soma_is_int(books.nrecords, 0, "nothing was added");
}


static void
many(void)
{
    int                 n, bad;
    char                id[32];
    soma_books_count_t  count;

    begin();
    n = getenv("LD_PRELOAD") && strstr(getenv("LD_PRELOAD"), "vgpreload")
        ? MANY / 20 : MANY;

    for (bad = 0; bad < n; bad++) {
        (void) snprintf(id, sizeof(id), "req_%d", bad);

        if (soma_books_journal(&books, 0, 0, (uint64_t) bad + 1,
                               text(id, TIME + bad, 1)) != SOMA_OK)
        {
            break;
        }
    }

    soma_is_int(bad, n, "many records");
    (void) soma_books_applied(&books, 0, SOMA_STR(WRITER), (uint64_t) n);

    for (bad = 0; bad < n; bad += 2) {
        (void) snprintf(id, sizeof(id), "req_%d", bad);
        (void) soma_books_stream(&books, 0, text(id, TIME + bad, 1));
    }

    soma_books_balance(&books, &count);
    soma_is_int(count.missing, n / 2, "every second one is missing");
    soma_is_int(count.stream, 0, "and none is of nobody");
}


/* each allocation fails in turn */
static void
no_memory(void)
{
    int       rc;
    size_t    at;
    unsigned  errors;
    uint32_t  id;

    for (errors = 0, at = 1; at < 40; at++) {
        soma_test_arena_free(arena);
        arena = soma_test_arena();
        soma_test_arena_fail(arena, at);
        soma_books_init(&books, arena);

        rc = soma_books_tenant(&books, SOMA_STR("acme"), &id);

        if (rc == SOMA_OK) {
            rc = soma_books_writer(&books, SOMA_STR(WRITER), &id);
        }

        if (rc == SOMA_OK) {
            rc = soma_books_journal(&books, 0, 0, 1, text("a", TIME, 1));
        }

        if (rc == SOMA_OK) {
            rc = soma_books_applied(&books, 0, SOMA_STR(WRITER), 1);
        }

        if (rc == SOMA_OK) {
            break;
        }

        errors += rc == SOMA_ERROR;
    }

    soma_ok(errors == at - 1 && at > 8, "no memory %u times", errors);
}


int
main(void)
{
    arena = soma_test_arena();

    balance();
    same_ids();
    streams();
    no_records();
    many();
    no_memory();

    soma_test_arena_free(arena);

    return soma_done();
}
