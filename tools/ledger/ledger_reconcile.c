
/*
 * Copyright (C) The ngx_soma authors
 *
 * The journals against Redis.  The journals are read first; then what Redis
 * has is taken of each tenant at one moment, sums and "applied" in one
 * transaction and the stream up to its last entry of then.  So the two may
 * be compared while gateways work: what came in between is in the stream and
 * in the sums, or in neither.
 */


#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "ledger.h"
#include "soma_books.h"


#define LEDGER_PAGE         500             /* entries of a stream at once */
#define LEDGER_POLL         100000          /* us */
#define LEDGER_SHOWN_MAX    10              /* records named */
#define LEDGER_SKEW         86400000        /* ms: no clock is so wrong */
#define LEDGER_ID           64              /* bytes of a stream's id */


typedef struct {
    const ledger_opt_t   *opt;
    soma_books_t          books;
    uint64_t              strange;          /* entries that are no records */
    int64_t               total[SOMA_SUMS];
    uint64_t              sums;             /* that differ */
    unsigned              writers;          /* of the journals */
    unsigned char         json[SOMA_RECORD_JSON_MAX];
} ledger_books_t;


static int ledger_reconcile_journal(void *data, const ledger_record_t *r);
static int ledger_reconcile_tenants(ledger_books_t *b);
static int ledger_reconcile_scan(ledger_books_t *b);
static int ledger_reconcile_key(ledger_books_t *b, soma_str_t key);
static int ledger_reconcile_wait(ledger_books_t *b);
static int ledger_reconcile_tenant(ledger_books_t *b, uint32_t tenant);
static redisReply *ledger_reconcile_snapshot(ledger_books_t *b,
    uint32_t tenant);
static int ledger_reconcile_applied(ledger_books_t *b, uint32_t tenant,
    const redisReply *reply);
static int ledger_reconcile_sums(ledger_books_t *b, uint32_t tenant,
    int32_t day, const redisReply *reply);
static int ledger_reconcile_info(ledger_books_t *b, uint32_t tenant,
    const redisReply *reply, char *last);
static int ledger_reconcile_stream(ledger_books_t *b, uint32_t tenant,
    const char *last);
static soma_str_t ledger_usage_of(const redisReply *entry);
static int ledger_reconcile_cmp(const void *a, const void *b);
static void ledger_reconcile_rows(ledger_books_t *b);
static void ledger_reconcile_row(ledger_books_t *b,
    const soma_books_row_t *row);
static void ledger_reconcile_records(ledger_books_t *b);
static void ledger_reconcile_cut(ledger_books_t *b);


static ledger_books_t  ledger_books;


int
ledger_reconcile(const ledger_opt_t *opt)
{
    int                    rc;
    uint32_t               i;
    ledger_books_t        *b;
    ledger_each_t          each;
    soma_books_count_t     count;
    static ledger_files_t  files;

    b = &ledger_books;
    b->opt = opt;
    soma_books_init(&b->books, &ledger_arena);

    /* first, lest what the journals say is old when Redis is away */

    if (ledger_redis_open(opt) != LEDGER_OK
        || ledger_files(&files, opt) != LEDGER_OK
        || ledger_each(&files, opt, ledger_reconcile_journal, b, &each)
           != LEDGER_OK)
    {
        ledger_redis_close();
        return LEDGER_TROUBLE;
    }

    b->writers = b->books.writers.n;
    rc = ledger_reconcile_tenants(b);

    if (rc == LEDGER_OK && opt->wait) {
        rc = ledger_reconcile_wait(b);
    }

    soma_books_forget_applied(&b->books);

    for (i = 0; rc == LEDGER_OK && i < b->books.tenants.n; i++) {
        rc = ledger_reconcile_tenant(b, i);
    }

    ledger_redis_close();

    if (rc != LEDGER_OK) {
        return rc;
    }

    soma_books_balance(&b->books, &count);
    ledger_reconcile_rows(b);
    ledger_reconcile_records(b);
    ledger_reconcile_cut(b);

    if (each.bad || each.damaged) {
        printf("journals: %llu records that cannot be read, %llu damaged "
               "segments: soma-ledger verify tells\n",
               (unsigned long long) each.bad,
               (unsigned long long) each.damaged);
    }

    if (b->strange) {
        printf("Redis: %llu entries or fields that no gateway made\n",
               (unsigned long long) b->strange);
    }

    printf("journals       %llu records of %u writers\n"
           "only in Redis  %llu records: other nodes', or of segments that "
           "were removed\n"
           "waiting        %llu records that Redis does not have yet\n",
           (unsigned long long) count.journal, b->writers,
           (unsigned long long) count.stream,
           (unsigned long long) count.waiting);

    if (b->sums == 0 && count.twice == 0 && count.missing == 0
        && count.changed == 0)
    {
        printf("difference     0\n");
        return LEDGER_OK;
    }

    printf("stream         %llu records twice, %llu missing, %llu changed\n"
           "difference     %lld nano-USD, %lld tokens, %lld requests; "
           "%llu sums differ\n",
           (unsigned long long) count.twice,
           (unsigned long long) count.missing,
           (unsigned long long) count.changed,
           (long long) b->total[SOMA_SUM_COST],
           (long long) (b->total[SOMA_SUM_INPUT]
                        + b->total[SOMA_SUM_OUTPUT]),
           (long long) b->total[SOMA_SUM_REQUESTS],
           (unsigned long long) b->sums);

    return LEDGER_WRONG;
}


static int
ledger_reconcile_journal(void *data, const ledger_record_t *r)
{
    ledger_books_t *b = data;

    int         rc;
    uint32_t    tenant, writer;
    soma_str_t  id, json;
    soma_out_t  out;

    id.data = (unsigned char *) r->file->writer;
    id.len = SOMA_WRITER_LEN;

    soma_put_init(&out, b->json, sizeof(b->json));
    soma_record_json(&out, &r->record);
    json.data = b->json;
    json.len = (size_t) (out.pos - out.start);

    writer = 0;
    rc = soma_books_tenant(&b->books, r->record.tenant, &tenant);

    if (rc == SOMA_OK) {
        rc = soma_books_writer(&b->books, id, &writer);
    }

    if (rc == SOMA_OK) {
        rc = soma_books_journal(&b->books, tenant, writer, r->seq, json);
    }

    if (rc != SOMA_OK) {
        (void) ledger_error("%s: the journals hold more than can be compared "
                            "at once: narrow it by --tenant or --day",
                            r->file->path);
    }

    return rc;
}


/* tenants and days that Redis has, beside those of the journals */
static int
ledger_reconcile_tenants(ledger_books_t *b)
{
    uint32_t  i, tenant;
    unsigned  n;

    if (b->opt->tenant.len
        && soma_books_tenant(&b->books, b->opt->tenant, &tenant) != SOMA_OK)
    {
        return LEDGER_TROUBLE;
    }

    for (n = 0; n < ledger_redis_masters(); n++) {
        if (ledger_redis_use(n) != LEDGER_OK
            || ledger_reconcile_scan(b) != LEDGER_OK)
        {
            return LEDGER_TROUBLE;
        }
    }

    for (i = 0; b->opt->has_day && i < b->books.tenants.n; i++) {
        if (soma_books_day(&b->books, i, b->opt->day) != SOMA_OK) {
            return LEDGER_TROUBLE;
        }
    }

    return LEDGER_OK;
}


static int
ledger_reconcile_scan(ledger_books_t *b)
{
    int          rc;
    char         cursor[24];
    size_t       i;
    redisReply  *reply, *keys;

    strcpy(cursor, "0");

    do {
        reply = ledger_redis("SCAN %s MATCH soma:{*}:usage:* COUNT 1000",
                             cursor);

        if (reply == NULL) {
            return LEDGER_TROUBLE;
        }

        rc = LEDGER_TROUBLE;

        if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2
            && reply->element[0]->len < sizeof(cursor))
        {
            strcpy(cursor, reply->element[0]->str);
            keys = reply->element[1];
            rc = LEDGER_OK;

            for (i = 0; rc == LEDGER_OK && i < keys->elements; i++) {
                rc = ledger_reconcile_key(b, (soma_str_t) {
                         keys->element[i]->len,
                         (unsigned char *) keys->element[i]->str });
            }
        }

        freeReplyObject(reply);

    } while (rc == LEDGER_OK && strcmp(cursor, "0") != 0);

    return rc;
}


/* soma:{tenant}:usage:YYYY-MM-DD */
static int
ledger_reconcile_key(ledger_books_t *b, soma_str_t key)
{
    int32_t     day;
    uint32_t    tenant;
    soma_str_t  name, date;

    static const char  head[] = "soma:{";
    static const char  tail[] = "}:usage:YYYY-MM-DD";

    if (key.len < sizeof(head) - 1 + sizeof(tail) - 1) {
        return LEDGER_OK;
    }

    name.data = key.data + sizeof(head) - 1;
    name.len = key.len - (sizeof(head) - 1) - (sizeof(tail) - 1);
    date.data = key.data + key.len - (sizeof("YYYY-MM-DD") - 1);
    date.len = sizeof("YYYY-MM-DD") - 1;

    /* the hash of an hour ends in T and the hour, and is no day */

    if (memcmp(name.data + name.len, tail, sizeof("}:usage:") - 1) != 0
        || soma_aggregate_day_parse(date, &day) != SOMA_OK
        || (b->opt->has_day && day != b->opt->day)
        || (b->opt->tenant.len && !soma_str_eq(b->opt->tenant, name)))
    {
        return LEDGER_OK;
    }

    if (soma_books_tenant(&b->books, name, &tenant) != SOMA_OK
        || soma_books_day(&b->books, tenant, day) != SOMA_OK)
    {
        return ledger_error("Redis has more tenants or days than can be "
                            "compared at once: name one by --tenant");
    }

    return LEDGER_OK;
}


/* until Redis has applied what the journals had when they were read */
static int
ledger_reconcile_wait(ledger_books_t *b)
{
    int          rc;
    time_t       until;
    uint32_t     i;
    soma_str_t   name;
    redisReply  *reply;

    for (until = time(NULL) + b->opt->wait; /* void */; usleep(LEDGER_POLL)) {

        soma_books_forget_applied(&b->books);

        for (i = 0; i < b->books.tenants.n; i++) {
            name = b->books.tenant[i].name;
            reply = ledger_redis("HGETALL soma:{%b}:applied", name.data,
                                 name.len);

            if (reply == NULL) {
                return LEDGER_TROUBLE;
            }

            rc = ledger_reconcile_applied(b, i, reply);
            freeReplyObject(reply);

            if (rc != LEDGER_OK) {
                return rc;
            }
        }

        if (soma_books_behind(&b->books) == 0 || time(NULL) >= until) {
            return LEDGER_OK;
        }
    }
}


static int
ledger_reconcile_tenant(ledger_books_t *b, uint32_t tenant)
{
    int          rc;
    char         last[LEDGER_ID];
    uint32_t     i, ndays;
    redisReply  *reply;

    reply = ledger_reconcile_snapshot(b, tenant);

    if (reply == NULL) {
        return LEDGER_TROUBLE;
    }

    ndays = b->books.tenant[tenant].ndays;
    rc = LEDGER_TROUBLE;

    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == ndays + 2) {

        rc = ledger_reconcile_applied(b, tenant, reply->element[0]);

        for (i = 0; rc == LEDGER_OK && i < ndays; i++) {
            rc = ledger_reconcile_sums(b, tenant,
                                       b->books.tenant[tenant].day[i],
                                       reply->element[i + 1]);
        }

        if (rc == LEDGER_OK) {
            rc = ledger_reconcile_info(b, tenant, reply->element[ndays + 1],
                                       last);
        }

    } else {
        (void) ledger_error("Redis: EXEC: an answer that makes no sense");
    }

    freeReplyObject(reply);

    if (rc == LEDGER_OK && last[0] != '\0') {
        rc = ledger_reconcile_stream(b, tenant, last);
    }

    return rc;
}


/* applied, the sums of each day, the stream's facts: at one moment */
static redisReply *
ledger_reconcile_snapshot(ledger_books_t *b, uint32_t tenant)
{
    char         day[16];
    uint32_t     i;
    soma_str_t   name;
    soma_out_t   out;
    redisReply  *reply;

    name = b->books.tenant[tenant].name;

    /* in a cluster: finds who has the tenant's slot */

    reply = ledger_redis("EXISTS soma:{%b}:applied", name.data, name.len);

    if (reply) {
        freeReplyObject(reply);
        reply = ledger_redis("MULTI");
    }

    if (reply) {
        freeReplyObject(reply);
        reply = ledger_redis("HGETALL soma:{%b}:applied", name.data,
                             name.len);
    }

    for (i = 0; reply && i < b->books.tenant[tenant].ndays; i++) {
        freeReplyObject(reply);

        soma_put_init(&out, day, sizeof(day));
        soma_put_day(&out,
                     soma_aggregate_day_to_ms(b->books.tenant[tenant].day[i]));

        reply = ledger_redis("HGETALL soma:{%b}:usage:%b", name.data,
                             name.len, day, (size_t) (out.pos - out.start));
    }

    if (reply) {
        freeReplyObject(reply);
        reply = ledger_redis("XINFO STREAM soma:{%b}:events", name.data,
                             name.len);
    }

    if (reply == NULL) {
        return NULL;
    }

    freeReplyObject(reply);

    return ledger_redis("EXEC");
}


static int
ledger_reconcile_applied(ledger_books_t *b, uint32_t tenant,
    const redisReply *reply)
{
    size_t      i;
    int64_t     seq;
    soma_str_t  writer, value;

    if (reply->type != REDIS_REPLY_ARRAY) {
        return ledger_error("Redis: applied of tenant \"%.*s\": %s",
                            (int) b->books.tenant[tenant].name.len,
                            b->books.tenant[tenant].name.data,
                            reply->str ? reply->str : "it is no hash");
    }

    for (i = 0; i + 1 < reply->elements; i += 2) {
        writer.data = (unsigned char *) reply->element[i]->str;
        writer.len = reply->element[i]->len;
        value.data = (unsigned char *) reply->element[i + 1]->str;
        value.len = reply->element[i + 1]->len;

        if (soma_number_int(value, &seq) != SOMA_OK) {
            b->strange++;
            continue;
        }

        if (soma_books_applied(&b->books, tenant, writer, (uint64_t) seq)
            != SOMA_OK)
        {
            return ledger_error("Redis knows too many writers");
        }
    }

    return LEDGER_OK;
}


static int
ledger_reconcile_sums(ledger_books_t *b, uint32_t tenant, int32_t day,
    const redisReply *reply)
{
    int         rc;
    size_t      i;
    soma_str_t  field, value;

    if (reply->type != REDIS_REPLY_ARRAY) {
        return ledger_error("Redis: a day's sums of tenant \"%.*s\": %s",
                            (int) b->books.tenant[tenant].name.len,
                            b->books.tenant[tenant].name.data,
                            reply->str ? reply->str : "they are no hash");
    }

    for (i = 0; i + 1 < reply->elements; i += 2) {
        field.data = (unsigned char *) reply->element[i]->str;
        field.len = reply->element[i]->len;
        value.data = (unsigned char *) reply->element[i + 1]->str;
        value.len = reply->element[i + 1]->len;

        rc = soma_books_sum(&b->books, tenant, day, field, value);

        if (rc == SOMA_ERROR) {
            return ledger_error("Redis has too many sums: name a day by "
                                "--day");
        }

        b->strange += rc == SOMA_DECLINED;
    }

    return LEDGER_OK;
}


/* "last" becomes the id of the last entry, or empty.  Before 7.0 Redis does
 * not tell whether a stream was cut */
static int
ledger_reconcile_info(ledger_books_t *b, uint32_t tenant,
    const redisReply *reply, char *last)
{
    size_t                i;
    int64_t               ms;
    long long             length, added;
    const char           *name;
    soma_str_t            json;
    redisReply           *value;
    soma_books_tenant_t  *t;

    last[0] = '\0';
    length = added = 0;
    t = &b->books.tenant[tenant];

    if (reply->type != REDIS_REPLY_ARRAY) {

        if (reply->str && strstr(reply->str, "no such key")) {
            return LEDGER_OK;
        }

        return ledger_error("Redis: the stream of tenant \"%.*s\": %s",
                            (int) t->name.len, t->name.data,
                            reply->str ? reply->str : "it is no stream");
    }

    for (i = 0; i + 1 < reply->elements; i += 2) {
        name = reply->element[i]->str;
        value = reply->element[i + 1];

        if (strcmp(name, "length") == 0) {
            length = value->integer;

        } else if (strcmp(name, "entries-added") == 0) {
            added = value->integer;

        } else if (strcmp(name, "max-deleted-entry-id") == 0) {
            t->deleted = strcmp(value->str, "0-0") != 0;

        } else if (strcmp(name, "last-generated-id") == 0
                   && value->len < LEDGER_ID)
        {
            strcpy(last, value->str);

        } else if (strcmp(name, "first-entry") == 0
                   && value->type == REDIS_REPLY_ARRAY)
        {
            t->first_ms = strtoll(value->element[0]->str, NULL, 10);
            json = ledger_usage_of(value);

            if (json.data && soma_books_time(json, &ms) == SOMA_OK) {
                t->first_day = soma_aggregate_day_of(ms);
            }
        }
    }

    t->cut = added > length;

    if (t->cut && length == 0) {
        t->first_ms = INT64_MAX;
        t->first_day = INT32_MAX;
    }

    return LEDGER_OK;
}


static soma_str_t
ledger_usage_of(const redisReply *entry)
{
    size_t       i;
    redisReply  *fields;
    soma_str_t   json = soma_str_null;

    if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2
        || entry->element[1]->type != REDIS_REPLY_ARRAY)
    {
        return json;
    }

    fields = entry->element[1];

    for (i = 0; i + 1 < fields->elements; i += 2) {
        if (strcmp(fields->element[i]->str, "usage") == 0) {
            json.data = (unsigned char *) fields->element[i + 1]->str;
            json.len = fields->element[i + 1]->len;
        }
    }

    return json;
}


static int
ledger_reconcile_stream(ledger_books_t *b, uint32_t tenant, const char *last)
{
    int          rc;
    char         from[LEDGER_ID];
    size_t       i, n;
    soma_str_t   name, json;
    redisReply  *reply;

    strcpy(from, "-");
    name = b->books.tenant[tenant].name;

    if (b->opt->has_day) {
        long long  ms = soma_aggregate_day_to_ms(b->opt->day) - LEDGER_SKEW;

        (void) snprintf(from, sizeof(from), "%lld", ms < 0 ? 0 : ms);
    }

    do {
        reply = ledger_redis("XRANGE soma:{%b}:events %s %s COUNT %d",
                             name.data, name.len, from, last, LEDGER_PAGE);

        if (reply == NULL) {
            return LEDGER_TROUBLE;
        }

        n = reply->type == REDIS_REPLY_ARRAY ? reply->elements : 0;

        for (i = 0; i < n; i++) {
            json = ledger_usage_of(reply->element[i]);

            rc = json.data ? soma_books_stream(&b->books, tenant, json)
                           : SOMA_DECLINED;

            if (rc == SOMA_ERROR) {
                freeReplyObject(reply);
                return ledger_error("Redis has more records than can be "
                                    "compared at once: narrow it by "
                                    "--tenant or --day");
            }

            b->strange += rc == SOMA_DECLINED;
        }

        /* "(" before an id means behind it, as of Redis 6.2 */

        if (n && reply->element[n - 1]->element[0]->len < LEDGER_ID - 2) {
            from[0] = '(';
            strcpy(from + 1, reply->element[n - 1]->element[0]->str);
        }

        freeReplyObject(reply);

    } while (n == LEDGER_PAGE);

    return LEDGER_OK;
}


static int
ledger_reconcile_cmp(const void *a, const void *b)
{
    return soma_books_cmp(&ledger_books.books, *(soma_books_row_t **) a,
                          *(soma_books_row_t **) b);
}


static void
ledger_reconcile_rows(ledger_books_t *b)
{
    uint32_t           i, n;
    soma_books_row_t  **row;

    n = b->books.rows.n;
    row = ledger_alloc(NULL, n * sizeof(soma_books_row_t *));

    for (i = 0; i < n; i++) {
        row[i] = &b->books.row[i];
    }

    if (n) {
        qsort(row, n, sizeof(soma_books_row_t *), ledger_reconcile_cmp);
    }

    for (i = 0; i < n; i++) {
        ledger_reconcile_row(b, row[i]);
    }

    free(row);
}


static void
ledger_reconcile_row(ledger_books_t *b, const soma_books_row_t *row)
{
    int64_t   n, beyond;
    unsigned  i;

    for (i = 0; i < SOMA_SUMS; i++) {

        n = soma_books_difference(&b->books, row, i, &beyond);

        if (n == 0 && beyond == 0) {
            continue;
        }

        printf("tenant ");
        ledger_put_name(stdout, b->books.tenant[row->tenant].name);
        printf(" ");
        ledger_put_day(stdout, row->day);
        printf(" ");
        ledger_put_name(stdout, row->provider);
        printf("/");
        ledger_put_name(stdout, row->model);
        printf(" %s: %lld in Redis", soma_aggregate_sum_name(i),
               (long long) row->redis[i]);

        if (beyond) {
            printf(", %lld of them are in no journal here and in the stream "
                   "no more\n", (long long) beyond);
            continue;
        }

        printf(", %lld in the journals", (long long) row->journal[i]);

        if (row->waiting[i]) {
            printf(" (%lld wait)", (long long) row->waiting[i]);
        }

        if (row->stream[i]) {
            printf(", %lld in the stream alone", (long long) row->stream[i]);
        }

        printf(": difference %lld\n", (long long) n);

        b->sums++;
        b->total[i] = (int64_t) ((uint64_t) b->total[i] + (uint64_t) n);
    }
}


static void
ledger_reconcile_records(ledger_books_t *b)
{
    uint32_t              i, shown;
    soma_str_t            writer;
    soma_books_record_t  *r;
    soma_books_state_e    state;

    static const char *const  what[] = {
        "", "", "is missing in the stream", "is in the stream more than once",
        "is in the stream with other counts"
    };

    for (i = 0, shown = 0;
         i < b->books.nrecords && shown < LEDGER_SHOWN_MAX;
         i++)
    {
        r = soma_books_record(&b->books, i);
        state = soma_books_state(&b->books, r);

        if (state < SOMA_BOOKS_MISSING) {
            continue;
        }

        printf("tenant ");
        ledger_put_name(stdout,
            b->books.tenant[b->books.row[r->row].tenant].name);

        if (r->seq) {
            writer = b->books.writer[r->writer];
            printf(": record %llu of writer %.*s %s\n",
                   (unsigned long long) r->seq, (int) writer.len,
                   writer.data, what[state]);

        } else {
            printf(": a record of %lld (ms UTC) %s\n", (long long) r->time,
                   what[state]);
        }

        shown++;
    }
}


static void
ledger_reconcile_cut(ledger_books_t *b)
{
    uint32_t                    i;
    const soma_books_tenant_t  *t;

    for (i = 0; i < b->books.tenants.n; i++) {
        t = &b->books.tenant[i];

        if (!t->cut) {
            continue;
        }

        printf("tenant ");
        ledger_put_name(stdout, t->name);
        printf(": entries of its stream were removed");

        if (t->first_day != INT32_MAX && t->first_day != INT32_MIN) {
            printf(", it begins on ");
            ledger_put_day(stdout, t->first_day);
        }

        printf(": up to then only what Redis lacks is told\n");
    }
}
