
/*
 * Copyright (C) The ngx_soma authors
 *
 * The records as text.  Both forms come from the JSON that goes to Redis, so
 * that there is one list of a record's members.
 */


#include <yyjson.h>

#include "ledger.h"


#define LEDGER_JSON_MAX  (SOMA_RECORD_JSON_MAX + 64)


typedef struct {
    ledger_format_e  format;
    unsigned char    json[LEDGER_JSON_MAX];
} ledger_dump_t;


static int ledger_dump_record(void *data, const ledger_record_t *r);
static int ledger_dump_csv(ledger_dump_t *dump, size_t len);
static void ledger_dump_cell(yyjson_val *val);
static void ledger_dump_text(const char *p, size_t len);


static const char *const  ledger_columns[] = {
    "writer", "number", "id", "time", "node", "tenant", "user", "key",
    "session", "route", "model", "provider", "target", "api", "stream",
    "status", "error", "attempts", "input_tokens", "cached_tokens",
    "cache_write_tokens", "cache_write_1h_tokens", "output_tokens",
    "reasoning_tokens", "audio_input_tokens", "audio_output_tokens",
    "image_input_tokens", "image_output_tokens", "queries", "images",
    "characters", "audio_ms", "service_tier", "estimated", "basis",
    "cost_nano", "cost_input_nano", "cost_cached_nano", "cost_cache_write_nano",
    "cost_output_nano", "cost_reasoning_nano", "cost_audio_nano",
    "cost_other_nano", "cost_retried_nano", "retried_tokens", "latency_ms",
    "first_token_ms", "query_hash", "cache", "tags", "catalogue"
};


#define LEDGER_COLUMNS  (sizeof(ledger_columns) / sizeof(ledger_columns[0]))


int
ledger_dump(const ledger_opt_t *opt)
{
    size_t                 i;
    ledger_each_t          each;
    static ledger_dump_t   dump;
    static ledger_files_t  files;

    dump.format = opt->format;

    if (ledger_files(&files, opt) != LEDGER_OK) {
        return LEDGER_TROUBLE;
    }

    if (opt->format == LEDGER_CSV) {
        for (i = 0; i < LEDGER_COLUMNS; i++) {
            printf("%s%s", i ? "," : "", ledger_columns[i]);
        }

        printf("\r\n");
    }

    if (ledger_each(&files, opt, ledger_dump_record, &dump, &each)
        != LEDGER_OK)
    {
        return LEDGER_TROUBLE;
    }

    for (i = 0; i < files.n; i++) {
        if (files.file[i].state == LEDGER_BROKEN
            || files.file[i].state == LEDGER_ASIDE)
        {
            (void) ledger_error("%s: it is left out: %s", files.file[i].path,
                                files.file[i].error ? files.file[i].error
                                : "a worker could not read it");
        }
    }

    if (each.bad || each.damaged) {
        (void) ledger_error("%llu records cannot be read, %llu segments are "
                            "damaged: soma-ledger verify tells",
                            (unsigned long long) each.bad,
                            (unsigned long long) each.damaged);
        return LEDGER_WRONG;
    }

    return LEDGER_OK;
}


static int
ledger_dump_record(void *data, const ledger_record_t *r)
{
    ledger_dump_t *dump = data;

    size_t      start;
    soma_str_t  writer;
    soma_out_t  out;

    writer.data = (unsigned char *) r->file->writer;
    writer.len = SOMA_WRITER_LEN;

    soma_put_init(&out, dump->json, sizeof(dump->json));
    soma_put_cstr(&out, "{\"writer\":");
    soma_put_json_str(&out, writer);
    soma_put_cstr(&out, ",\"number\":");
    soma_put_int(&out, (int64_t) r->seq);

    start = (size_t) (out.pos - out.start);
    soma_record_json(&out, &r->record);
    dump->json[start] = ',';

    if (out.full) {
        return ledger_error("record %llu of %s is too long",
                            (unsigned long long) r->seq, r->file->path);
    }

    if (dump->format == LEDGER_CSV) {
        return ledger_dump_csv(dump, (size_t) (out.pos - out.start));
    }

    (void) fwrite(dump->json, 1, (size_t) (out.pos - out.start), stdout);
    putchar('\n');

    return ferror(stdout) ? SOMA_ERROR : SOMA_OK;
}


static int
ledger_dump_csv(ledger_dump_t *dump, size_t len)
{
    size_t       i, n;
    yyjson_val  *val, *root;
    yyjson_doc  *doc;

    doc = yyjson_read((char *) dump->json, len, 0);

    if (doc == NULL) {
        (void) ledger_error("there is no memory");
        return SOMA_ERROR;
    }

    root = yyjson_doc_get_root(doc);

    for (i = 0, n = 0; i < LEDGER_COLUMNS; i++) {

        if (i) {
            putchar(',');
        }

        val = yyjson_obj_get(root, ledger_columns[i]);

        if (val) {
            ledger_dump_cell(val);
            n++;
        }
    }

    printf("\r\n");

    if (n != yyjson_obj_size(root)) {
        (void) ledger_error("a record has members without a column");
        yyjson_doc_free(doc);
        return SOMA_ERROR;
    }

    yyjson_doc_free(doc);

    return ferror(stdout) ? SOMA_ERROR : SOMA_OK;
}


static void
ledger_dump_cell(yyjson_val *val)
{
    if (yyjson_is_int(val)) {
        printf("%lld", (long long) yyjson_get_sint(val));

    } else if (yyjson_is_bool(val)) {
        fputs(yyjson_get_bool(val) ? "true" : "false", stdout);

    } else if (yyjson_is_str(val)) {
        ledger_dump_text(yyjson_get_str(val), yyjson_get_len(val));
    }
}


/* RFC 4180 */
static void
ledger_dump_text(const char *p, size_t len)
{
    size_t    i;
    unsigned  quote;

    for (quote = 0, i = 0; i < len && !quote; i++) {
        quote = p[i] == '"' || p[i] == ',' || p[i] == '\r' || p[i] == '\n';
    }

    if (!quote) {
        (void) fwrite(p, 1, len, stdout);
        return;
    }

    putchar('"');

    for (i = 0; i < len; i++) {
        if (p[i] == '"') {
            putchar('"');
        }

        putchar(p[i]);
    }

    putchar('"');
}
