
/*
 * Copyright (C) The ngx_soma authors
 *
 * Sends journals to Redis as a worker's shipper does, by the same rounds and
 * the same script: what Redis has already is not applied again.
 *
 * It knows that by the writer's number in soma:{tenant}:applied.  A gateway
 * removes that number after the files; so where Redis knows nothing of a
 * writer, the tenant's stream is asked for the records themselves first.
 */


#include <stdlib.h>

#include "ledger.h"
#include "soma_ship_writer.h"


#define LEDGER_WORDS_MAX  (SOMA_SHIP_ARGS_MAX + 3)
#define LEDGER_PAGE       500           /* entries of a stream at once */
#define LEDGER_SKEW       86400000      /* ms: no clock is so wrong */
#define LEDGER_ID         64            /* bytes of a stream's id */
#define LEDGER_IDS        256           /* slots of a new set */


typedef struct {
    const ledger_file_t   *file;
    ledger_map_t           map;
} ledger_part_t;


/* request ids of a tenant that Redis may or may not have */
typedef struct {
    uint64_t              *slot;        /* hashes, 0: free */
    size_t                 size;        /* power of two */
    size_t                 n;
} ledger_ids_t;


typedef struct ledger_tenant_s  ledger_tenant_t;

struct ledger_tenant_s {
    ledger_tenant_t       *next;
    soma_str_t             name;
    int64_t                first;       /* ms, of its first record */
    ledger_ids_t           ids;
    unsigned               known:1;     /* Redis knows the writer */
    unsigned               left_out:1;
};


typedef struct {
    const ledger_opt_t    *opt;
    ledger_part_t         *part;        /* of the writer under way */
    size_t                 nparts;
    size_t                 at;
    size_t                 before_at;
    soma_segment_cursor_t  cursor;
    soma_segment_cursor_t  before;
    ledger_tenant_t       *tenants;
    ledger_tenant_t       *found;       /* the one found last */

    soma_ship_writer_t     ship;
    soma_ship_scratch_t   *scratch;

    uint64_t               records;
    uint64_t               shipped;
    uint64_t               bad;
    unsigned               refused;     /* tenants, of writers */
    unsigned               left_out;
} ledger_replay_t;


static int ledger_replay_writer(ledger_replay_t *r,
    const ledger_files_t *files, size_t from, size_t to);
static int ledger_replay_map(ledger_replay_t *r, const ledger_files_t *files,
    size_t from, size_t to);
static void ledger_replay_free(ledger_replay_t *r);
static int ledger_replay_next(void *data, uint64_t *seq,
    soma_str_t *payload);
static void ledger_replay_back(void *data);
static void ledger_replay_seek(void *data, uint64_t seq);
static int ledger_replay_read(ledger_replay_t *r, uint64_t *seq,
    soma_str_t *payload);
static ledger_tenant_t *ledger_replay_tenant(ledger_replay_t *r,
    soma_str_t name);
static int ledger_replay_look(ledger_replay_t *r);
static int ledger_replay_ask(ledger_replay_t *r, ledger_tenant_t *t);
static int ledger_replay_stream(ledger_replay_t *r, ledger_tenant_t *t);
static uint64_t ledger_replay_page(const ledger_tenant_t *t,
    const redisReply *reply, char *from);
static int ledger_replay_rounds(ledger_replay_t *r);
static int ledger_replay_send(ledger_replay_t *r, soma_ship_tenant_t *t);
static void *ledger_replay_alloc(void *data, size_t size);
static unsigned ledger_ids_has(const ledger_ids_t *ids, uint64_t hash);
static void ledger_ids_add(ledger_ids_t *ids, uint64_t hash);


static ledger_replay_t  ledger_replay_all;

/* of a writer's tenants, freed one by one behind it */
static soma_arena_t  ledger_replay_arena = { ledger_replay_alloc, NULL };


static void *
ledger_replay_alloc(void *data, size_t size)
{
    (void) data;

    return ledger_alloc(NULL, size);
}


int
ledger_replay(const ledger_opt_t *opt)
{
    int                    rc;
    size_t                 i, from;
    ledger_opt_t           with;
    ledger_replay_t       *r;
    static ledger_files_t  files;

    r = &ledger_replay_all;
    r->opt = opt;

    with = *opt;
    with.before = 1;

    if (ledger_files(&files, &with) != LEDGER_OK
        || ledger_redis_open(opt) != LEDGER_OK)
    {
        return LEDGER_TROUBLE;
    }

    r->scratch = ledger_alloc(NULL, sizeof(soma_ship_scratch_t));
    rc = LEDGER_OK;

    for (i = 0, from = 0; rc == LEDGER_OK && i < files.n; i++) {
        if (i + 1 == files.n || !ledger_same_writer(&files, i + 1)) {
            rc = ledger_replay_writer(r, &files, from, i + 1);
            from = i + 1;
        }
    }

    free(r->scratch);
    r->scratch = NULL;
    ledger_redis_close();

    printf("records    %llu\n"
           "sent       %llu\n",
           (unsigned long long) r->records, (unsigned long long) r->shipped);

    if (r->bad) {
        printf("unreadable %llu\n", (unsigned long long) r->bad);
    }

    if (rc != LEDGER_OK) {
        return rc;
    }

    return r->refused || r->left_out || r->bad ? LEDGER_WRONG : LEDGER_OK;
}


static int
ledger_replay_writer(ledger_replay_t *r, const ledger_files_t *files,
    size_t from, size_t to)
{
    int                  rc;
    soma_str_t           name;
    soma_ship_source_t   source;
    soma_ship_tenant_t  *unused;

    rc = ledger_replay_map(r, files, from, to);

    if (rc == LEDGER_OK && r->nparts) {
        rc = ledger_replay_look(r);
    }

    if (rc == LEDGER_OK && r->nparts) {
        source.next = ledger_replay_next;
        source.back = ledger_replay_back;
        source.seek = ledger_replay_seek;
        source.data = r;

        name.data = (unsigned char *) r->part[0].file->writer;
        name.len = SOMA_WRITER_LEN;

        soma_ship_writer_init(&r->ship, name, &ledger_replay_arena, &source,
                              r->part[0].file->first_seq, r->opt->events, 0);
        ledger_replay_seek(r, 0);

        rc = ledger_replay_rounds(r);

        r->shipped += r->ship.shipped;
        r->bad += r->ship.bad;

        unused = NULL;
        soma_ship_writer_done(&r->ship, &unused);

        while (unused) {
            soma_ship_tenant_t  *next = unused->next;

            free(unused);
            unused = next;
        }
    }

    ledger_replay_free(r);

    return rc;
}


/* a hole would make Redis believe that it has what is not there */
static int
ledger_replay_map(ledger_replay_t *r, const ledger_files_t *files,
    size_t from, size_t to)
{
    int                   rc;
    size_t                i;
    ledger_part_t        *part;
    const ledger_file_t  *file, *before;

    r->part = ledger_alloc(NULL, (to - from) * sizeof(ledger_part_t));
    r->nparts = 0;
    before = NULL;

    for (i = from; i < to; i++) {
        file = &files->file[i];

        if (file->state == LEDGER_UNUSED
            || (before && before->number == file->number))
        {
            continue;
        }

        if (file->state != LEDGER_SEGMENT) {
            r->bad++;
            (void) ledger_error("%s: it is left out: it cannot be read",
                                file->path);
            continue;
        }

        if (before && before->number + 1 != file->number && !r->opt->force) {
            return ledger_error("%s: segment %llu of this writer is not "
                                "there: Redis would take its records for "
                                "applied.  If they are lost for good, --force",
                                file->path,
                                (unsigned long long) before->number + 1);
        }

        part = &r->part[r->nparts];
        part->file = file;
        rc = ledger_map(file, &part->map);

        if (rc == SOMA_DECLINED) {
            continue;
        }

        if (rc != SOMA_OK) {
            return LEDGER_TROUBLE;
        }

        r->nparts++;
        before = file;
    }

    return LEDGER_OK;
}


static void
ledger_replay_free(ledger_replay_t *r)
{
    size_t            i;
    ledger_tenant_t  *t;

    for (i = 0; i < r->nparts; i++) {
        ledger_unmap(&r->part[i].map);
    }

    free(r->part);
    r->part = NULL;
    r->nparts = 0;

    while (r->tenants) {
        t = r->tenants;
        r->tenants = t->next;
        free(t->ids.slot);
        free(t->name.data);
        free(t);
    }

    r->found = NULL;
}


/* SOMA_DONE at the end of what was written when we came there */
static int
ledger_replay_read(ledger_replay_t *r, uint64_t *seq, soma_str_t *payload)
{
    for ( /* void */ ; r->at < r->nparts; r->at++) {

        if (soma_segment_next(&r->part[r->at].map.segment, &r->cursor, seq,
                              payload)
            == SOMA_OK)
        {
            return SOMA_OK;
        }

        if (r->at + 1 == r->nparts) {
            break;
        }

        memset(&r->cursor, 0, sizeof(soma_segment_cursor_t));
    }

    return SOMA_DONE;
}


/* records of tenants that are left out are as if they were not there */
static int
ledger_replay_next(void *data, uint64_t *seq, soma_str_t *payload)
{
    ledger_replay_t *r = data;

    soma_record_t     record;
    ledger_tenant_t  *t;

    r->before_at = r->at;
    r->before = r->cursor;

    while (ledger_replay_read(r, seq, payload) == SOMA_OK) {

        if (soma_record_decode(&record, payload->data, payload->len)
            != SOMA_OK)
        {
            return SOMA_OK;
        }

        t = ledger_replay_tenant(r, record.tenant);

        if (t != NULL && !t->left_out) {
            return SOMA_OK;
        }
    }

    return SOMA_DONE;
}


static void
ledger_replay_back(void *data)
{
    ledger_replay_t *r = data;

    r->at = r->before_at;
    r->cursor = r->before;
}


static void
ledger_replay_seek(void *data, uint64_t seq)
{
    ledger_replay_t *r = data;

    uint64_t    got;
    soma_str_t  payload;

    for (r->at = 0;
         r->at + 1 < r->nparts
         && r->part[r->at + 1].map.segment.first_seq <= seq;
         r->at++)
    {
        /* void */
    }

    memset(&r->cursor, 0, sizeof(soma_segment_cursor_t));

    while (ledger_replay_next(r, &got, &payload) == SOMA_OK) {
        if (got >= seq) {
            ledger_replay_back(r);
            break;
        }
    }
}


static ledger_tenant_t *
ledger_replay_tenant(ledger_replay_t *r, soma_str_t name)
{
    ledger_tenant_t  *t;

    if (r->found && soma_str_eq(r->found->name, name)) {
        return r->found;
    }

    for (t = r->tenants; t != NULL; t = t->next) {
        if (soma_str_eq(t->name, name)) {
            r->found = t;
            break;
        }
    }

    return t;
}


/* who is in it, and may all of them be sent? */
static int
ledger_replay_look(ledger_replay_t *r)
{
    int               rc;
    uint64_t          seq;
    soma_str_t        payload;
    soma_record_t     record;
    ledger_tenant_t  *t;

    r->at = 0;
    memset(&r->cursor, 0, sizeof(soma_segment_cursor_t));

    while (ledger_replay_read(r, &seq, &payload) == SOMA_OK) {

        if (soma_record_decode(&record, payload.data, payload.len) != SOMA_OK)
        {
            continue;
        }

        t = ledger_replay_tenant(r, record.tenant);

        if (t == NULL) {
            t = ledger_alloc(NULL, sizeof(ledger_tenant_t));
            memset(t, 0, sizeof(ledger_tenant_t));

            t->name.data = ledger_alloc(NULL, record.tenant.len);
            t->name.len = record.tenant.len;
            memcpy(t->name.data, record.tenant.data, t->name.len);

            t->first = record.time;
            t->left_out = r->opt->tenant.len
                          && !soma_str_eq(r->opt->tenant, record.tenant);
            t->next = r->tenants;
            r->tenants = t;

            rc = t->left_out ? LEDGER_OK : ledger_replay_ask(r, t);

            if (rc != LEDGER_OK) {
                return rc;
            }
        }

        if (t->left_out) {
            continue;
        }

        r->records++;

        if (record.time < t->first) {
            t->first = record.time;
        }

        if (!t->known) {
            ledger_ids_add(&t->ids, soma_str_hash(record.id.data,
                                                  record.id.len));
        }
    }

    for (t = r->tenants; t != NULL; t = t->next) {

        if (!t->left_out && !t->known && !r->opt->force
            && ledger_replay_stream(r, t) != LEDGER_OK)
        {
            return LEDGER_TROUBLE;
        }
    }

    return LEDGER_OK;
}


static int
ledger_replay_ask(ledger_replay_t *r, ledger_tenant_t *t)
{
    redisReply  *reply;

    reply = ledger_redis("HEXISTS soma:{%b}:applied %b", t->name.data,
                         t->name.len, r->part[0].file->writer,
                         (size_t) SOMA_WRITER_LEN);
    if (reply == NULL) {
        return LEDGER_TROUBLE;
    }

    t->known = reply->type == REDIS_REPLY_INTEGER && reply->integer == 1;
    freeReplyObject(reply);

    return LEDGER_OK;
}


/* an entry cannot be older than its request, but for a clock that is wrong */
static int
ledger_replay_stream(ledger_replay_t *r, ledger_tenant_t *t)
{
    char         from[LEDGER_ID];
    uint64_t     has;
    size_t       n;
    unsigned     stream;
    redisReply  *reply;

    reply = ledger_redis("TYPE soma:{%b}:events", t->name.data, t->name.len);

    if (reply == NULL) {
        return LEDGER_TROUBLE;
    }

    stream = reply->type == REDIS_REPLY_STATUS
             && strcmp(reply->str, "stream") == 0;
    freeReplyObject(reply);

    if (!stream) {
        return LEDGER_OK;
    }

    has = 0;
    (void) snprintf(from, sizeof(from), "%lld",
                    t->first > LEDGER_SKEW
                    ? (long long) (t->first - LEDGER_SKEW) : 0);

    do {
        reply = ledger_redis("XRANGE soma:{%b}:events %s + COUNT %d",
                             t->name.data, t->name.len, from, LEDGER_PAGE);
        if (reply == NULL) {
            return LEDGER_TROUBLE;
        }

        n = reply->type == REDIS_REPLY_ARRAY ? reply->elements : 0;
        has += ledger_replay_page(t, reply, from);
        freeReplyObject(reply);

    } while (n == LEDGER_PAGE);

    if (has == 0) {
        return LEDGER_OK;
    }

    (void) ledger_error("writer %.*s, tenant \"%.*s\": Redis has %llu of its "
                        "records, but knows the writer no more: they are "
                        "left out (--force sends them a second time)",
                        SOMA_WRITER_LEN, r->part[0].file->writer,
                        (int) t->name.len, t->name.data,
                        (unsigned long long) has);
    t->left_out = 1;
    r->left_out++;

    return LEDGER_OK;
}


static uint64_t
ledger_replay_page(const ledger_tenant_t *t, const redisReply *reply,
    char *from)
{
    size_t       i, k;
    uint64_t     has;
    redisReply  *entry, *fields;

    if (reply->type != REDIS_REPLY_ARRAY) {
        return 0;
    }

    for (has = 0, i = 0; i < reply->elements; i++) {
        entry = reply->element[i];

        if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2
            || entry->element[1]->type != REDIS_REPLY_ARRAY)
        {
            continue;
        }

        fields = entry->element[1];

        for (k = 0; k + 1 < fields->elements; k += 2) {
            if (strcmp(fields->element[k]->str, "id") == 0) {
                has += ledger_ids_has(&t->ids,
                           soma_str_hash(fields->element[k + 1]->str,
                                         fields->element[k + 1]->len));
            }
        }

        /* "(" before an id means behind it, as of Redis 6.2 */

        if (entry->element[0]->len < LEDGER_ID - 2) {
            from[0] = '(';
            strcpy(from + 1, entry->element[0]->str);
        }
    }

    return has;
}


static unsigned
ledger_ids_has(const ledger_ids_t *ids, uint64_t hash)
{
    size_t  at;

    if (ids->size == 0) {
        return 0;
    }

    hash |= hash == 0;

    for (at = hash & (ids->size - 1);
         ids->slot[at] != 0;
         at = (at + 1) & (ids->size - 1))
    {
        if (ids->slot[at] == hash) {
            return 1;
        }
    }

    return 0;
}


static void
ledger_ids_add(ledger_ids_t *ids, uint64_t hash)
{
    size_t        i, at;
    ledger_ids_t  larger;

    if (ids->n >= ids->size / 2) {
        larger.size = ids->size ? ids->size * 2 : LEDGER_IDS;
        larger.n = 0;
        larger.slot = ledger_alloc(NULL, larger.size * sizeof(uint64_t));
        memset(larger.slot, 0, larger.size * sizeof(uint64_t));

        for (i = 0; i < ids->size; i++) {
            if (ids->slot[i] != 0) {
                ledger_ids_add(&larger, ids->slot[i]);
            }
        }

        free(ids->slot);
        *ids = larger;
    }

    hash |= hash == 0;

    for (at = hash & (ids->size - 1);
         ids->slot[at] != 0;
         at = (at + 1) & (ids->size - 1))
    {
        if (ids->slot[at] == hash) {
            return;
        }
    }

    ids->slot[at] = hash;
    ids->n++;
}


static int
ledger_replay_rounds(ledger_replay_t *r)
{
    int                  rc;
    soma_ship_tenant_t  *t;

    for ( ;; ) {

        /* no time passes: a tenant that was refused is not tried again */

        rc = soma_ship_writer_gather(&r->ship, r->scratch, 0);

        if (rc == SOMA_DONE) {
            return LEDGER_OK;
        }

        while (soma_ship_writer_next(&r->ship, r->scratch, &t) == SOMA_OK) {
            if (ledger_replay_send(r, t) != LEDGER_OK) {
                return LEDGER_TROUBLE;
            }
        }
    }
}


static int
ledger_replay_send(ledger_replay_t *r, soma_ship_tenant_t *t)
{
    int                 i, argc;
    char                nkeys[16];
    redisReply         *reply;
    soma_ship_batch_t  *batch;

    static const char  *argv[LEDGER_WORDS_MAX];
    static size_t       argvlen[LEDGER_WORDS_MAX];

    batch = &r->scratch->batch;

    (void) snprintf(nkeys, sizeof(nkeys), "%u", batch->nkeys);

    argv[0] = "EVAL";
    argv[1] = soma_ship_lua;
    argv[2] = nkeys;
    argc = 3;

    for (i = 0; i < argc; i++) {
        argvlen[i] = strlen(argv[i]);
    }

    for (i = 0; i < (int) batch->argc; i++) {
        argv[argc] = batch->argv[i];
        argvlen[argc++] = batch->argvlen[i];
    }

    reply = ledger_redis_call(argc, argv, argvlen);

    if (reply == NULL) {
        (void) ledger_error("what was sent counts; run it again for the "
                            "rest");
        return LEDGER_TROUBLE;
    }

    if (reply->type == REDIS_REPLY_INTEGER) {
        soma_ship_writer_reply(&r->ship, t, reply->integer < 0 ? 0
                                     : (uint64_t) reply->integer);

    } else {
        (void) ledger_error("writer %.*s, tenant \"%.*s\": Redis refuses its "
                            "records: %s", SOMA_WRITER_LEN, r->ship.writer,
                            (int) t->len, t->name,
                            reply->str ? reply->str : "no number");
        r->refused++;
        soma_ship_writer_failed(&r->ship, t, 0, 1);
    }

    freeReplyObject(reply);

    return LEDGER_OK;
}
