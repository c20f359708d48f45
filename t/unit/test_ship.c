
/*
 * Copyright (C) The ngx_soma authors
 *
 * The shipper's rounds against a Redis of the worst kind: it forgets calls,
 * forgets replies, forgets writes, refuses a tenant for a while.  At the end
 * every record must be there once.
 */


#include "soma_test.h"
#include "soma_arena_malloc.h"
#include "soma_ship_writer.h"


#define RECORDS_MAX  12000
#define TENANTS      24
#define RECORD       400
#define WRITER       "0123456789abcdef"
#define TIME         1795226400000


typedef struct {
    unsigned char  bytes[RECORD];
    size_t         len;
    unsigned       tenant;
    int64_t        tokens;
} kept_t;


typedef struct {
    uint64_t       applied;
    int64_t        day_tokens;
    int64_t        hour_tokens;
    int64_t        requests;
    int64_t        poisoned;            /* until then every write fails */
} books_t;


typedef struct {
    books_t        books[TENANTS];
    unsigned char  seen[RECORDS_MAX + 1];
} redis_t;


static kept_t                kept[RECORDS_MAX + 1];
static uint64_t              nkept, first_kept, cursor;
static redis_t               redis, saved;
static soma_ship_scratch_t   scratch;
static soma_ship_writer_t    w;
static unsigned              dice_state;
static int                   bad_calls;
static int64_t               now;


static unsigned
dice(unsigned n)
{
    dice_state = dice_state * 1103515245 + 12345;

    return (dice_state >> 16) % n;
}


static int
source_next(void *data, uint64_t *seq, soma_str_t *payload)
{
    (void) data;

    if (cursor > nkept) {
        return SOMA_DONE;
    }

    *seq = cursor;
    payload->data = kept[cursor].bytes;
    payload->len = kept[cursor].len;
    cursor++;

    return SOMA_OK;
}


static void
source_back(void *data)
{
    (void) data;

    cursor--;
}


static void
source_seek(void *data, uint64_t seq)
{
    (void) data;

    cursor = seq < first_kept ? first_kept : seq;
}


static const soma_ship_source_t  source = {
    source_next, source_back, source_seek, NULL
};


static void
fill(soma_record_t *record, char *id, char *tenant)
{
    memset(record, 0, sizeof(soma_record_t));

    record->id = (soma_str_t) { strlen(id), (unsigned char *) id };
    record->tenant = (soma_str_t) { strlen(tenant), (unsigned char *) tenant };
    record->provider = SOMA_STR("p");
    record->model = SOMA_STR("m");
    record->first_token_ms = -1;
    record->status = 200;
}


static void
append(unsigned tenant)
{
    char           id[24], name[24];
    kept_t        *k;
    soma_record_t  record;

    k = &kept[++nkept];

    snprintf(id, sizeof(id), "%u", (unsigned) nkept);
    snprintf(name, sizeof(name), "t%u", tenant);

    fill(&record, id, name);
    record.time = TIME + (int64_t) nkept * 2000;
    record.usage.input_tokens = 1 + dice(1000);

    k->tenant = tenant;
    k->tokens = record.usage.input_tokens;
    k->len = soma_record_encode(&record, k->bytes, sizeof(k->bytes));

    if (k->len == 0) {
        bad_calls++;
    }
}


static int64_t
number(soma_ship_batch_t *b, unsigned i)
{
    char  text[32];

    snprintf(text, sizeof(text), "%.*s", (int) b->argvlen[i], b->argv[i]);

    return atoll(text);
}


/* what the script does, over the arguments that it would get */
static uint64_t
script(soma_ship_batch_t *b, unsigned tenant)
{
    books_t   *books;
    unsigned   i, n, at, key;
    uint64_t   id;

    at = b->nkeys;
    books = &redis.books[tenant];

    if (b->argvlen[at] != 16 || memcmp(b->argv[at], WRITER, 16) != 0) {
        bad_calls++;
    }

    if (number(b, at + 2) > number(b, at + 3)
        || books->applied != (uint64_t) number(b, at + 1))
    {
        return books->applied;
    }

    n = (unsigned) number(b, at + 5);
    i = at + 8;

    while (n-- != 0) {
        key = (unsigned) number(b, i);

        if (key < 3 || key > b->nkeys) {
            bad_calls++;
            return 0;
        }

        if (b->argvlen[i + 1] == 16
            && memcmp(b->argv[i + 1], "p/m/input_tokens", 16) == 0)
        {
            if (key < (unsigned) number(b, at + 7)) {
                books->day_tokens += number(b, i + 2);

            } else {
                books->hour_tokens += number(b, i + 2);
            }

        } else if (key < (unsigned) number(b, at + 7)) {
            books->requests += number(b, i + 2);
        }

        i += 3;
    }

    n = (unsigned) number(b, at + 6);

    while (n-- != 0) {
        id = (uint64_t) number(b, i);

        if (id == 0 || id > nkept || kept[id].tenant != tenant
            || b->argv[i + 1][0] != '{'
            || b->argv[i + 1][b->argvlen[i + 1] - 1] != '}')
        {
            bad_calls++;
            return 0;
        }

        redis.seen[id]++;
        i += 2;
    }

    if (i != b->argc) {
        bad_calls++;
    }

    books->applied = (uint64_t) number(b, at + 3);

    return books->applied;
}


static unsigned
tenant_of(soma_ship_tenant_t *t)
{
    char  name[16];

    snprintf(name, sizeof(name), "%.*s", t->len - 1, (char *) t->name + 1);

    return (unsigned) atoi(name);
}


/* Redis is emptied between the next round's calls and their replies */
static unsigned  emptied;


/* one round; trouble: percent of calls that go wrong */
static int
run(unsigned trouble)
{
    int                  rc;
    unsigned             n, i, tenant;
    uint64_t             reply[TENANTS];
    unsigned char        outcome[TENANTS];
    soma_ship_tenant_t  *t, *calls[TENANTS];

    now += 50;
    n = 0;

    rc = soma_ship_writer_gather(&w, &scratch, now);

    while (soma_ship_writer_next(&w, &scratch, &t) == SOMA_OK) {
        tenant = tenant_of(t);
        calls[n] = t;
        reply[n] = 0;
        outcome[n] = (dice(100) < trouble) ? (unsigned char) (1 + dice(2)) : 0;

        if (scratch.batch.argc > SOMA_SHIP_ARGS_MAX) {
            bad_calls++;
        }

        if (redis.books[tenant].poisoned > now && t->call != SOMA_SHIP_CHECK) {
            outcome[n] = 3;

        } else if (t->call == SOMA_SHIP_FORGET) {
            redis.books[tenant].applied = 0;

        } else if (outcome[n] != 1) {
            reply[n] = script(&scratch.batch, tenant);
        }

        n++;
    }

    if (emptied && n != 0) {
        emptied = 0;
        memset(&redis, 0, sizeof(redis));
        soma_ship_writer_check(&w);
    }

    /* replies may come in any order when connections change in between */

    for (i = n; i > 0; i--) {
        if (outcome[i - 1] == 0) {
            soma_ship_writer_reply(&w, calls[i - 1], reply[i - 1]);

        } else {
            soma_ship_writer_failed(&w, calls[i - 1], now, outcome[i - 1] == 3);
        }
    }

    if (w.outstanding != 0) {
        bad_calls++;
    }

    if (w.lost) {
        soma_ship_writer_check(&w);
    }

    return rc;
}


static int
settled(void)
{
    unsigned  i;

    for (i = 0; i < 5000; i++) {
        if (run(0) == SOMA_DONE && w.nheld == 0
            && soma_ship_writer_acked(&w) == nkept)
        {
            return 1;
        }
    }

    return 0;
}


/* every record from "first" once, and the sums with them */
static int
exact(uint64_t first)
{
    int       held;
    uint64_t  i;
    unsigned  t;
    books_t   sums[TENANTS];

    held = 1;
    memset(sums, 0, sizeof(sums));

    for (i = first; i <= nkept; i++) {
        sums[kept[i].tenant].day_tokens += kept[i].tokens;
        sums[kept[i].tenant].requests++;

        if (redis.seen[i] != 1) {
            held = 0;
        }
    }

    for (t = 0; t < TENANTS; t++) {
        if (redis.books[t].day_tokens != sums[t].day_tokens
            || redis.books[t].hour_tokens != sums[t].day_tokens
            || redis.books[t].requests != sums[t].requests)
        {
            held = 0;
        }
    }

    return held;
}


static void
start(soma_arena_t *arena, unsigned fresh)
{
    cursor = first_kept;

    soma_ship_writer_init(&w, SOMA_STR(WRITER), arena, &source, first_kept,
                          1000, fresh);
}


static void
reset(soma_arena_t *arena, unsigned seed)
{
    memset(&redis, 0, sizeof(redis));
    memset(&saved, 0, sizeof(saved));

    dice_state = seed;
    nkept = 0;
    first_kept = 1;
    now = 1000;

    start(arena, 1);
}


static void
test_batch(void)
{
    soma_record_t       record;
    soma_ship_batch_t  *b;
    unsigned            i;

    b = &scratch.batch;

    fill(&record, "r1", "acme");
    record.time = TIME;
    record.usage.input_tokens = 7;
    record.cost.total = 42;

    soma_ship_start(b, SOMA_STR(WRITER), SOMA_STR("acme"), 5, 100);
    soma_is_int(soma_ship_add(b, 9, &record), SOMA_OK, "a record goes in");
    soma_ship_finish(b);

    soma_is_int(b->nkeys, 4, "applied, events, a day and an hour");
    soma_is_str(b->argv[0], b->argvlen[0], "soma:{acme}:applied", "applied");
    soma_is_str(b->argv[1], b->argvlen[1], "soma:{acme}:events", "events");
    soma_is_str(b->argv[2], b->argvlen[2], "soma:{acme}:usage:2026-11-21",
                "the day");
    soma_is_str(b->argv[3], b->argvlen[3], "soma:{acme}:usage:2026-11-21T02",
                "the hour");
    soma_is_int(number(b, 5), 5, "prev");
    soma_is_int(number(b, 6), 9, "first");
    soma_is_int(number(b, 7), 9, "last");
    soma_is_int(number(b, 9), 6, "three sums, twice");
    soma_is_int(number(b, 11), 4, "hours begin behind the day");
    soma_is_str(b->argv[13], b->argvlen[13], "p/m/requests", "a field");
    soma_is_int(b->argc, 12 + 18 + 2, "no argument more");

    soma_ship_start(b, SOMA_STR(WRITER), SOMA_STR("acme"), 5, 100);
    soma_ship_finish(b);
    soma_is_int(b->nkeys, 1, "a question needs one key");
    soma_ok(number(b, 3) > number(b, 4), "first > last asks");

    soma_ship_start(b, SOMA_STR(WRITER), SOMA_STR("acme"), 0, 100);
    record.time = TIME;

    for (i = 0; i < SOMA_SHIP_HOURS_MAX; i++) {
        (void) soma_ship_add(b, i + 1, &record);
        record.time += 3600000;
    }

    soma_is_int(soma_ship_add(b, i + 1, &record), SOMA_DECLINED,
                "too many hours end a batch");
    soma_is_int(b->nrecords, SOMA_SHIP_HOURS_MAX, "what fits is in it");

    soma_ship_finish(b);
    soma_ok(b->argc <= SOMA_SHIP_ARGS_MAX, "arguments stay in their bound");
}


static void
test_trouble(soma_arena_t *arena)
{
    int       held;
    unsigned  seed, i, step;

    held = 1;

    for (seed = 1; seed <= 60 && held; seed++) {
        reset(arena, seed);

        for (step = 0; step < 120; step++) {

            for (i = dice(60); i > 0 && nkept < RECORDS_MAX; i--) {
                append(dice(3) ? dice(TENANTS) : 0);
            }

            if (dice(20) == 0) {
                redis.books[dice(TENANTS)].poisoned = now + 50 * dice(40);
            }

            if (dice(30) == 0) {
                saved = redis;
            }

            if (dice(30) == 0) {
                /* a failover: what came after "saved" is gone */
                redis = saved;
                soma_ship_writer_check(&w);
            }

            if (dice(60) == 0) {
                /* the worker is killed, another one adopts */
                start(arena, 0);
            }

            (void) run(dice(2) ? 0 : 30);
        }

        soma_ship_writer_check(&w);
        now += 60000;
        held = settled() && exact(1) && bad_calls == 0;
    }

    soma_ok(held, "60 stories of trouble end in exact books (seed %u, "
            "%d bad calls)", seed - 1, bad_calls);
}


/* a call that was carried out and not answered is found out by asking */
static void
test_lost_answers(soma_arena_t *arena)
{
    unsigned  i;

    reset(arena, 9);

    for (i = 0; i < 5000; i++) {
        append(dice(TENANTS));

        if (dice(20) == 0) {
            (void) run(40);
            soma_ship_writer_check(&w);
        }
    }

    soma_ok(settled() && exact(1), "answers are lost, records are not");
    soma_is_int(w.shipped, 5000, "and each is counted once");
}


static void
test_silent_loss(soma_arena_t *arena)
{
    unsigned  i;

    reset(arena, 7);

    for (i = 0; i < 5000; i++) {
        append(dice(TENANTS));
    }

    soma_ok(settled() && exact(1), "5000 records arrive");
    soma_is_int(w.shipped, 5000, "and are counted");

    /* FLUSHALL, and nobody tells: one tenant's next record finds out */

    memset(&redis, 0, sizeof(redis));
    append(3);

    soma_ok(settled() && exact(1), "all come back after one tenant's word");
    soma_ok(w.rewinds >= TENANTS, "every tenant was asked");

    /* one whose word comes before the reply to what it took away, and no
     * other tenant to find it out */

    reset(arena, 8);
    append(5);
    soma_ok(settled() && exact(1), "one record, one tenant");

    append(5);
    emptied = 1;
    soma_ok(settled(), "a record that is gone when its reply comes");
    soma_ok(settled() && exact(1), "is sent again, with the one before it");
}


static void
test_poison(soma_arena_t *arena)
{
    unsigned  i, rounds, others;

    reset(arena, 9);
    redis.books[0].poisoned = INT64_MAX;

    for (i = 0; i < 4000; i++) {
        append(i % 4);
    }

    for (rounds = 0; rounds < 40; rounds++) {
        (void) run(0);
    }

    others = 0;

    for (i = 1; i <= nkept; i++) {
        others += redis.seen[i];
    }

    soma_is_int(others, 3000, "a poisoned tenant keeps nobody waiting");
    soma_is_int(soma_ship_writer_acked(&w), 0,
                "its records are not acknowledged");

    redis.books[0].poisoned = 0;
    now += SOMA_SHIP_BACKOFF_MAX;

    soma_ok(settled() && exact(1), "and arrive when it is cured");
}


static void
test_trim(soma_arena_t *arena)
{
    unsigned  i;

    reset(arena, 11);

    for (i = 0; i < 100; i++) {
        append(i < 50 ? 1 : 2);
    }

    soma_ok(settled(), "two tenants");
    soma_is_int(redis.books[1].applied, 50, "Redis knows the first");

    first_kept = 51;
    soma_ship_writer_trim(&w, first_kept);
    (void) run(0);

    soma_is_int(redis.books[1].applied, 0, "trimmed: its field is gone");
    soma_is_int(redis.books[2].applied, 100, "the other one's is not");
    soma_is_int(w.ntenants, 1, "one tenant is known");

    append(1);
    soma_ok(settled(), "the first one comes again");
    soma_is_int(redis.books[1].requests, 51, "and nothing counts twice");

    start(arena, 0);
    soma_ok(settled(), "adopted");
    soma_is_int(redis.books[1].requests, 51, "still nothing");
    soma_is_int(redis.books[2].requests, 50, "for nobody");
}


int
main(void)
{
    soma_arena_t  *arena;

    arena = soma_test_arena();

    test_batch();
    test_lost_answers(arena);
    test_silent_loss(arena);
    test_poison(arena);
    test_trim(arena);
    test_trouble(arena);

    soma_test_arena_free(arena);

    return soma_done();
}
