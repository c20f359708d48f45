
/*
 * Copyright (C) The ngx_soma authors
 *
 * Are the segments whole, and do they follow one another?
 */


#include <stdlib.h>

#include "ledger.h"
#include "soma_aggregate.h"


typedef struct {
    uint64_t              segments;
    uint64_t              writers;
    uint64_t              unused;
    uint64_t              torn;
    uint64_t              records;
    uint64_t              problems;
    int64_t               sums[SOMA_SUMS];
    unsigned              verbose:1;

    /* of the writer under way */
    const ledger_file_t  *before;       /* the segment before, NULL: none */
    uint64_t              last;
} ledger_verify_t;


static void ledger_problem(ledger_verify_t *v, const ledger_file_t *file,
    const char *what);
static int ledger_verify_file(ledger_verify_t *v, const ledger_file_t *file);
static void ledger_verify_follows(ledger_verify_t *v,
    const ledger_file_t *file);
static void ledger_verify_damage(ledger_verify_t *v,
    const ledger_file_t *file, const soma_check_t *check);
static void ledger_verify_records(ledger_verify_t *v,
    const ledger_file_t *file, const ledger_map_t *map, uint64_t last);
static void ledger_verify_cost(ledger_verify_t *v, const ledger_file_t *file,
    uint64_t seq, const soma_record_t *r);
static void ledger_verify_sum(int64_t *sums, const soma_record_t *r);
static void ledger_verify_told(const ledger_verify_t *v);


int
ledger_verify(const ledger_opt_t *opt)
{
    size_t                 i;
    ledger_verify_t        v;
    static ledger_files_t  files;

    memset(&v, 0, sizeof(ledger_verify_t));
    v.verbose = opt->verbose;

    if (ledger_files(&files, opt) != LEDGER_OK) {
        return LEDGER_TROUBLE;
    }

    if (files.n == 0) {
        printf("no segments\n");
        return LEDGER_OK;
    }

    for (i = 0; i < files.n; i++) {

        if (!ledger_same_writer(&files, i)) {
            v.before = NULL;
        }

        if (ledger_verify_file(&v, &files.file[i]) != LEDGER_OK) {
            return LEDGER_TROUBLE;
        }
    }

    ledger_verify_told(&v);

    return v.problems ? LEDGER_WRONG : LEDGER_OK;
}


static void
ledger_problem(ledger_verify_t *v, const ledger_file_t *file,
    const char *what)
{
    printf("%s: %s\n", file->path, what);
    v->problems++;
}


static int
ledger_verify_file(ledger_verify_t *v, const ledger_file_t *file)
{
    int           rc;
    ledger_map_t  map;
    soma_check_t  check;

    if (file->state == LEDGER_UNUSED) {
        v->unused++;
        return LEDGER_OK;
    }

    if (file->state == LEDGER_ASIDE) {
        ledger_problem(v, file, "a worker could not read it and put it "
                                "aside");
        return LEDGER_OK;
    }

    if (file->state == LEDGER_BROKEN) {
        ledger_problem(v, file, file->error);
        return LEDGER_OK;
    }

    rc = ledger_map(file, &map);

    if (rc != SOMA_OK) {
        return rc == SOMA_DECLINED ? LEDGER_OK : LEDGER_TROUBLE;
    }

    if (map.error != NULL) {
        ledger_problem(v, file, map.error);
        ledger_unmap(&map);
        return LEDGER_OK;
    }

    if (file->misnamed) {
        ledger_problem(v, file, "its header has another writer or number "
                                "than its name");
    }

    ledger_verify_follows(v, file);
    (void) ledger_walk(&map, &check);
    ledger_verify_damage(v, file, &check);
    ledger_verify_records(v, file, &map, check.last);

    if (v->verbose) {
        printf("%s: records %llu to %llu%s%s\n", file->path,
               (unsigned long long) file->first_seq,
               (unsigned long long) check.last,
               check.records ? "" : ", none",
               soma_segment_closed(&map.segment) ? ", closed" : "");
    }

    v->segments++;
    v->writers += v->before == NULL;
    v->records += check.records;
    v->before = file;
    v->last = check.last;

    ledger_unmap(&map);

    return LEDGER_OK;
}


static void
ledger_verify_follows(ledger_verify_t *v, const ledger_file_t *file)
{
    const ledger_file_t  *before;

    before = v->before;

    if (before == NULL) {
        return;
    }

    if (before->number == file->number) {
        printf("%s: the same segment as %s\n", file->path, before->path);
        v->problems++;
        return;
    }

    if (before->number + 1 != file->number) {
        printf("%s: a hole: the segment before it is number %llu\n",
               file->path, (unsigned long long) before->number);
        v->problems++;
    }

    if (file->first_seq <= v->last) {
        printf("%s: begins with record %llu, but %s goes up to %llu\n",
               file->path, (unsigned long long) file->first_seq,
               before->path, (unsigned long long) v->last);
        v->problems++;

    } else if (file->first_seq != v->last + 1) {
        printf("%s: a hole: records %llu to %llu are not there\n",
               file->path, (unsigned long long) v->last + 1,
               (unsigned long long) file->first_seq - 1);
        v->problems++;
    }

    if (file->size != before->size) {
        printf("%s: %zu bytes, but %s of the same writer has %zu: one of "
               "them was cut\n", file->path, file->size, before->path,
               before->size);
        v->problems++;
    }
}


static void
ledger_verify_damage(ledger_verify_t *v, const ledger_file_t *file,
    const soma_check_t *check)
{
    if (check->kind == SOMA_CHECK_CLEAN) {
        return;
    }

    if (check->kind == SOMA_CHECK_TORN) {
        v->torn++;
        printf("%s: an append was cut off behind record %llu (%zu bytes at "
               "%zu): no damage\n", file->path,
               (unsigned long long) check->last, check->torn, check->at);
        return;
    }

    printf("%s: damaged behind record %llu, at byte %zu: %s", file->path,
           (unsigned long long) check->last, check->at, check->what);

    if (check->behind) {
        printf("; %llu whole records behind it do not count (%llu to %llu)",
               (unsigned long long) check->behind,
               (unsigned long long) check->behind_first,
               (unsigned long long) check->behind_last);
    }

    printf("\n");
    v->problems++;
}


static void
ledger_verify_records(ledger_verify_t *v, const ledger_file_t *file,
    const ledger_map_t *map, uint64_t last)
{
    uint64_t               seq;
    soma_str_t             payload;
    soma_record_t          record;
    soma_segment_cursor_t  cursor;

    memset(&cursor, 0, sizeof(soma_segment_cursor_t));
    cursor.seq = file->first_seq - 1;

    while (cursor.seq < last
           && soma_segment_next(&map->segment, &cursor, &seq, &payload)
              == SOMA_OK)
    {
        if (soma_record_decode(&record, payload.data, payload.len)
            != SOMA_OK)
        {
            printf("%s: record %llu is whole, but of a form that is not "
                   "known: no shipper sends it\n", file->path,
                   (unsigned long long) seq);
            v->problems++;
            continue;
        }

        ledger_verify_cost(v, file, seq, &record);
        ledger_verify_sum(v->sums, &record);
    }
}


static void
ledger_verify_cost(ledger_verify_t *v, const ledger_file_t *file,
    uint64_t seq, const soma_record_t *r)
{
    int64_t             sum;
    const soma_cost_t  *c;

    c = &r->cost;

    if (__builtin_add_overflow(c->input, c->cached, &sum)
        || __builtin_add_overflow(sum, c->cache_write, &sum)
        || __builtin_add_overflow(sum, c->output, &sum)
        || __builtin_add_overflow(sum, c->reasoning, &sum)
        || __builtin_add_overflow(sum, c->audio, &sum)
        || __builtin_add_overflow(sum, c->other, &sum)
        || sum != c->total)
    {
        printf("%s: record %llu: the parts of its cost are not its total, "
               "%lld nano-USD\n", file->path, (unsigned long long) seq,
               (long long) c->total);
        v->problems++;
    }
}


static void
ledger_verify_sum(int64_t *sums, const soma_record_t *r)
{
    sums[SOMA_SUM_REQUESTS]++;
    sums[SOMA_SUM_INPUT] += r->usage.input_tokens;
    sums[SOMA_SUM_OUTPUT] += r->usage.output_tokens;
    sums[SOMA_SUM_COST] += r->cost.total;
    sums[SOMA_SUM_ERRORS] += r->error.len != 0 || r->status >= 400;
    sums[SOMA_SUM_ESTIMATED] += r->usage.estimated;
}


static void
ledger_verify_told(const ledger_verify_t *v)
{
    printf("writers        %llu\n"
           "segments       %llu\n"
           "records        %llu\n"
           "input tokens   %lld\n"
           "output tokens  %lld\n"
           "cost           %lld nano-USD\n"
           "errors         %lld\n"
           "estimated      %lld\n",
           (unsigned long long) v->writers, (unsigned long long) v->segments,
           (unsigned long long) v->records,
           (long long) v->sums[SOMA_SUM_INPUT],
           (long long) v->sums[SOMA_SUM_OUTPUT],
           (long long) v->sums[SOMA_SUM_COST],
           (long long) v->sums[SOMA_SUM_ERRORS],
           (long long) v->sums[SOMA_SUM_ESTIMATED]);

    if (v->unused) {
        printf("made ahead     %llu, without records\n",
               (unsigned long long) v->unused);
    }

    if (v->torn) {
        printf("cut off        %llu appends\n", (unsigned long long) v->torn);
    }

    printf("problems       %llu\n", (unsigned long long) v->problems);
}
