
/*
 * Copyright (C) The ngx_soma authors
 *
 * Leases: the arithmetic of one, and several instances against a model of
 * Redis' side, with calls and answers that get lost.  The script itself is
 * tested in t/lease_script.t.
 */


#include "soma_lease.h"
#include "soma_test.h"


#define NODES      4
#define FLYING     8
#define STEP       25          /* ms */
#define STEPS      4000
#define ROUNDS     60
#define DAY        86400000

/* as in soma_lease.lua */
#define NEAR       4
#define IDLE_PART  128


typedef struct {
    int64_t            seq;
    int64_t            from;
    int64_t            held;
    int64_t            used;
    int64_t            part;
    int64_t            exp;
    int                there;
} row_t;


/* Redis: one key */
typedef struct {
    row_t              row[NODES];
    int64_t            whole;
    int64_t            at;
    int64_t            spare;
    int64_t            since;
    int64_t            mend;
    int64_t            hungry;
    int                there;
} model_t;


typedef struct {
    int64_t            want;
    int64_t            ends;
    uint32_t           epoch;
    int64_t            window;
} flying_t;


typedef struct {
    soma_lease_t       lease;
    uint64_t           seq;
    uint64_t           after;       /* of who waits, 0: nobody does */
    int64_t            want;
    flying_t           flying[FLYING];
    unsigned           nflying;
} node_t;


typedef struct {
    soma_limit_t       limit;
    model_t            redis;
    node_t             node[NODES];
    int64_t            now;
    int64_t            start;
    int64_t            length;      /* of a calendar window */
    int64_t            used;        /* in all; calendar: in this window */
    int64_t            asked;
    int64_t            refused;
    int64_t            idle;        /* ms in which nothing is taken */
    int                lossy;
} world_t;


static int64_t
pick(int64_t n)
{
    return (int64_t) (soma_rnd() % (uint64_t) n);
}


static int64_t
min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}


static int64_t
max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}


static soma_limit_t
make(soma_amount_e amount, soma_window_e window, int64_t limit)
{
    soma_limit_t  l;

    memset(&l, 0, sizeof(l));
    l.amount = amount;
    l.window = window;
    l.limit = limit;

    return l;
}


static int
calendar(const world_t *w)
{
    return w->limit.window == SOMA_WINDOW_DAY;
}


static void
model_refill(world_t *w, int known, int64_t whole)
{
    int64_t   span, past, earned;
    model_t  *m;

    m = &w->redis;
    span = soma_window_ms(w->limit.window);

    if (!m->there) {
        m->whole = known ? min64(w->limit.limit, whole) : w->limit.limit;
        m->at = w->now;
        m->spare = 0;
    }

    past = w->now - m->at;
    earned = w->limit.limit * past + m->spare;
    m->whole += earned / span;
    m->spare = earned % span;
    m->at = w->now;

    if (m->whole >= w->limit.limit) {
        m->whole = w->limit.limit;
        m->spare = 0;
    }
}


static void
model_turn(world_t *w)
{
    int64_t   start;
    model_t  *m;

    m = &w->redis;
    start = w->start + (w->now - w->start) / w->length * w->length;

    if (start > m->since) {
        memset(m->row, 0, sizeof(m->row));
        m->since = start;
    }
}


/* the script, in C and for one key */
static void
model_sync(world_t *w, int me, const soma_lease_item_t *item,
    soma_lease_reply_t *reply)
{
    int       i, live, turned, lost;
    int64_t   used, part, held, others, whole, free, mine, share;
    row_t    *row;
    model_t  *m;

    m = &w->redis;
    memset(reply, 0, sizeof(*reply));

    if (m->row[me].there && m->row[me].seq >= (int64_t) item->seq) {
        return;
    }

    held = item->held;
    turned = 0;

    if (calendar(w)) {
        model_turn(w);
        turned = (item->since != 0 && item->since != m->since);
        held = turned ? 0 : held;
        reply->since = m->since;
        reply->turn = m->since + w->length - w->now;
    }

    row = &m->row[me];
    lost = item->state != SOMA_LEASE_NEW && !turned
           && (!row->there || row->seq < (int64_t) item->ack);
    used = part = item->used;

    if (row->there && row->from == (int64_t) item->ack) {
        used = max64(0, used - row->part);
    }

    mine = row->there ? row->used : 0;

    if (turned) {
        part = 0;
        used = 0;

    } else if (calendar(w)) {
        mine = item->since ? item->total : mine + used;
    }

    whole = w->limit.limit;

    if (soma_window_ms(w->limit.window)) {
        model_refill(w, item->state != SOMA_LEASE_NEW, item->whole);
        m->whole -= used;
        whole = m->whole;
    }

    m->there = 1;
    live = 1;
    others = 0;

    for (i = 0; i < NODES; i++) {
        if (i == me || !m->row[i].there) {
            continue;
        }

        if (m->row[i].exp > w->now) {
            live++;
            others += m->row[i].held;
        }

        whole -= calendar(w) ? m->row[i].used : 0;
    }

    whole -= calendar(w) ? mine : 0;
    m->mend = lost ? w->now + SOMA_LEASE_TTL_MS : m->mend;
    free = whole - others - held;

    if (m->mend > w->now) {
        reply->flags = SOMA_LEASE_MENDS;

    } else if (free > 0) {
        share = free / (2 * live);

        if (w->limit.amount == SOMA_CONCURRENCY) {
            share = min64(share, max64(0, w->limit.limit / (2 * live) - held));
        }

        if (calendar(w) && item->ahead * live * NEAR > free) {
            share = min64(share, w->limit.limit
                                 / (IDLE_PART * live));
        }

        reply->grant = min64(free, max64(item->need,
                                         min64(item->need + item->ahead,
                                               share)));
        reply->grant = (reply->grant < item->least) ? 0 : reply->grant;
    }

    if (reply->grant < item->need && others > 0) {
        m->hungry = w->now;
    }

    if (m->hungry && w->now - m->hungry < 2000) {
        reply->flags |= SOMA_LEASE_TIGHT;
    }

    held += reply->grant;

    row->there = !(item->state == SOMA_LEASE_LEAVES && held == 0
                   && !calendar(w));
    row->seq = (int64_t) item->seq;
    row->from = (int64_t) item->ack;
    row->held = held;
    row->used = mine;
    row->part = part;
    row->exp = w->now + SOMA_LEASE_TTL_MS;

    reply->applied = 1;
    reply->free = max64(0, free - reply->grant);
    reply->whole = whole;
    reply->used = mine;
}


static void
node_sync(world_t *w, int me)
{
    int                 fate;
    node_t             *node;
    soma_lease_item_t   item;
    soma_lease_reply_t  reply;

    node = &w->node[me];
    fate = w->lossy ? (int) pick(10) : 9;

    soma_lease_send(&w->limit, &node->lease, ++node->seq, w->now, 0, &item);

    if (fate >= 2) {
        model_sync(w, me, &item, &reply);
    }

    if (fate < 4 && w->lossy) {
        soma_lease_fail(&node->lease, item.seq, w->now);
        return;
    }

    soma_lease_reply(&node->lease, &item, &reply, w->now);
}


static int64_t
window_of(const world_t *w)
{
    return calendar(w) ? (w->now - w->start) / w->length : 0;
}


static void
node_take(world_t *w, int me, int64_t want)
{
    node_t    *node;
    flying_t  *f;

    node = &w->node[me];
    f = &node->flying[node->nflying++];
    f->want = want;
    f->epoch = soma_lease_take(&node->lease, w->now, want);
    f->ends = w->now + STEP * pick(40);
    f->window = window_of(w);
}


static void
node_turn(world_t *w, int me, int64_t want)
{
    int        rc;
    unsigned   i;
    int64_t    used;
    node_t    *node;
    flying_t  *f;

    node = &w->node[me];

    for (i = 0; i < node->nflying; /* void */) {
        f = &node->flying[i];

        if (f->ends > w->now) {
            i++;
            continue;
        }

        used = pick(3) ? f->want : pick(f->want + 1);
        soma_lease_settle(&w->limit, &node->lease, f->epoch, f->want, used);

        if (f->window == window_of(w) && w->limit.amount != SOMA_CONCURRENCY)
        {
            w->used += used;
        }

        *f = node->flying[--node->nflying];
    }

    if (want && node->nflying < FLYING) {
        w->asked++;
        rc = soma_lease_check(&node->lease, w->now, want,
                              node->after ? node->after : UINT64_MAX);

        if (rc == SOMA_AGAIN) {
            node->after = node->seq;
            soma_lease_need(&node->lease, w->now, want, want);
            node_sync(w, me);
            rc = soma_lease_check(&node->lease, w->now, want, node->after);
        }

        node->after = 0;

        if (rc == SOMA_OK) {
            node_take(w, me, want);

        } else {
            w->refused++;
        }
    }

    if (node->lease.due <= w->now
        && !(soma_lease_quiet(&node->lease, w->now)
             && (!node->lease.known || node->lease.since)))
    {
        node_sync(w, me);
    }
}


/* what is leased is what is needed */
static void
world_exact(world_t *w)
{
    int  i;

    for (i = 0; i < NODES; i++) {
        w->node[i].lease.ahead = -1;
    }
}


static void
world_init(world_t *w, soma_limit_t limit, int lossy)
{
    int  i;

    memset(w, 0, sizeof(*w));
    w->limit = limit;
    w->now = 20000000;
    w->start = w->now;
    w->length = 40000;
    w->lossy = lossy;

    for (i = 0; i < NODES; i++) {
        soma_lease_init(&w->node[i].lease, ++w->node[i].seq, w->now);
    }
}


/* reserved and used by all must stay below the limit at any moment */
static int
world_holds(const world_t *w)
{
    int       i;
    unsigned  j;
    int64_t   out, most;

    out = 0;

    for (i = 0; i < NODES; i++) {
        for (j = 0; j < w->node[i].nflying; j++) {
            if (w->node[i].flying[j].window == window_of(w)) {
                out += w->node[i].flying[j].want;
            }
        }
    }

    most = w->limit.limit;

    if (soma_window_ms(w->limit.window)) {
        most += w->limit.limit * (w->now - w->start)
                / soma_window_ms(w->limit.window);
    }

    return w->used + out <= most;
}


static int
run(soma_limit_t limit, int lossy, int64_t *used)
{
    int      i, step, held;
    int64_t  window, size;
    world_t  w;

    world_init(&w, limit, lossy);
    held = 1;
    window = 0;
    size = max64(1, limit.limit / (1 + pick(200)));

    for (step = 0; step < STEPS && held; step++) {
        w.now += STEP;

        if (window_of(&w) != window) {
            window = window_of(&w);
            w.used = 0;
        }

        for (i = 0; i < NODES; i++) {
            node_turn(&w, i, pick(4) ? 1 + pick(size) : 0);
            held &= world_holds(&w);
        }
    }

    *used = w.used;

    return held;
}


static void
test_many(void)
{
    int      i, good[4];
    int64_t  used;

    memset(good, 0, sizeof(good));

    for (i = 0; i < ROUNDS; i++) {
        good[0] += run(make(SOMA_COST, SOMA_WINDOW_DAY, 1 + pick(1000000)),
                       i % 2, &used);
        good[1] += run(make(SOMA_TOKENS, SOMA_WINDOW_MINUTE,
                            1 + pick(1000000)), i % 2, &used);
        good[2] += run(make(SOMA_REQUESTS, SOMA_WINDOW_SECOND,
                            1 + pick(1000)), i % 2, &used);
        good[3] += run(make(SOMA_CONCURRENCY, SOMA_WINDOW_NONE,
                            1 + pick(20)), i % 2, &used);
    }

    soma_is_int(good[0], ROUNDS, "budgets that were never passed");
    soma_is_int(good[1], ROUNDS, "rates that were never passed");
    soma_is_int(good[2], ROUNDS, "rates of a second");
    soma_is_int(good[3], ROUNDS, "concurrencies");
}


/* demand that ends at one node must not strand what others could use */
static void
test_spendable(void)
{
    int      i, step;
    int64_t  used;
    world_t  w;

    world_init(&w, make(SOMA_COST, SOMA_WINDOW_DAY, 1000000), 0);
    w.length = DAY;

    for (step = 0; step < 200; step++) {
        w.now += STEP;

        for (i = 0; i < NODES; i++) {
            node_turn(&w, i, 1 + pick(400));
        }
    }

    used = w.used;
    soma_ok(used < 700000, "not all at once: %lld", (long long) used);

    /* from here on only one is asked */

    for (step = 0; step < 16000; step++) {
        w.now += STEP;

        for (i = 0; i < NODES; i++) {
            node_turn(&w, i, i ? 0 : 1 + pick(400));
        }
    }

    soma_ok(w.used <= 1000000 && w.used >= 999600,
            "one node spends what is left: %lld", (long long) w.used);
}


/* one that takes as much as it may at once, without a pause */
static unsigned
newcomer_turn(world_t *w, unsigned most)
{
    unsigned   waits;
    node_t    *node;

    node = &w->node[0];
    w->now += STEP;
    waits = 0;

    do {
        waits += (node->nflying < most
                  && soma_lease_check(&node->lease, w->now, 1, UINT64_MAX)
                     != SOMA_OK);
        node_turn(w, 0, node->nflying < most);
    } while (node->nflying < most);

    return waits;
}


/*
 * A node that is alone has no more of a small limit ahead than the half: one
 * that comes is served by its first call, whenever that is.  And the first
 * one does not wait for what it had before.
 */
static void
test_newcomer(void)
{
    int       step, good, took;
    int64_t   limit;
    world_t   w, with;
    unsigned  most, waits, late;

    good = 0;
    took = 0;
    waits = 0;
    late = 0;

    for (limit = 2; limit <= 2 * FLYING; limit++) {

        for (most = 1; most <= FLYING && most <= limit; most++) {
            world_init(&w, make(SOMA_CONCURRENCY, SOMA_WINDOW_NONE, limit), 0);

            for (step = 0; step < 1200; step++) {
                waits += newcomer_turn(&w, most);

                if (step == 600) {
                    late -= waits;
                }

                if (step % 7) {
                    continue;
                }

                with = w;
                took++;
                with.node[1].want = max64(1, min64(limit - most,
                                                   (limit + 1) / 2));
                with.node[1].want = min64(with.node[1].want, limit - most);
                soma_lease_need(&with.node[1].lease, w.now,
                                with.node[1].want, with.node[1].want);
                node_sync(&with, 1);
                good += (with.node[1].lease.avail >= with.node[1].want);
            }

            late += waits;
        }
    }

    soma_is_int(good, took, "served by the first call");
    soma_is_int(late, 0, "a steady one does not wait");
    soma_ok(waits <= 2 * FLYING * FLYING * FLYING,
            "one that grows waits once a step: %u", waits);
}


/* what a steady tenant costs Redis */
static void
test_calls(void)
{
    int      step;
    world_t  w;

    world_init(&w, make(SOMA_REQUESTS, SOMA_WINDOW_HOUR, 10000000), 0);

    for (step = 0; step < 4000; step++) {
        w.now += STEP;
        node_turn(&w, 0, 1);
    }

    soma_is_int(w.refused, 0, "%lld requests pass", (long long) w.asked);
    soma_ok(w.node[0].seq <= 4000 * STEP / SOMA_LEASE_BEAT_MS + 12,
            "with %llu calls in %d s", (unsigned long long) w.node[0].seq,
            4000 * STEP / 1000);

    for (step = 0; step < 400; step++) {
        w.now += STEP;
        node_turn(&w, 0, 0);
    }

    soma_is_int(w.redis.row[0].there, 0, "an idle one leaves Redis");
    soma_is_int(w.node[0].lease.avail, 0, "with nothing held");
}


static void
test_lost(void)
{
    node_t             *node;
    world_t             w;
    soma_lease_item_t   item;
    soma_lease_reply_t  reply;

    world_init(&w, make(SOMA_TOKENS, SOMA_WINDOW_HOUR, 100000), 0);
    node = &w.node[0];

    soma_lease_need(&node->lease, w.now, 100, 100);
    node_sync(&w, 0);
    node_take(&w, 0, 100);
    soma_lease_settle(&w.limit, &node->lease, 0, 100, 60);
    node->nflying = 0;

    /* the answer is lost, twice; then it is told once more */

    soma_lease_send(&w.limit, &node->lease, ++node->seq, w.now, 0, &item);
    soma_is_int(item.used, 60, "used is told");
    model_sync(&w, 0, &item, &reply);
    soma_is_int(w.redis.whole, 99940, "and counted");
    soma_lease_fail(&node->lease, item.seq, w.now);

    soma_lease_take(&node->lease, w.now, 40);
    soma_lease_settle(&w.limit, &node->lease, 0, 40, 40);
    soma_lease_send(&w.limit, &node->lease, ++node->seq, w.now, 0, &item);
    soma_is_int(item.used, 100, "told again, with more");
    model_sync(&w, 0, &item, &reply);
    soma_is_int(w.redis.whole, 99900, "counted once");
    soma_lease_fail(&node->lease, item.seq, w.now);

    soma_lease_send(&w.limit, &node->lease, ++node->seq, w.now, 0, &item);
    model_sync(&w, 0, &item, &reply);
    soma_is_int(w.redis.whole, 99900, "still once");
    soma_lease_reply(&node->lease, &item, &reply, w.now);
    soma_is_int(node->lease.used, 0, "answered");

    item.seq--;
    model_sync(&w, 0, &item, &reply);
    soma_is_int(reply.applied, 0, "an old call comes late: nothing");
}


/* a part of what the next one wants is kept from others by nobody */
static void
test_parts(void)
{
    world_t             w;
    soma_lease_t       *l;
    soma_lease_item_t   item;

    world_init(&w, make(SOMA_COST, SOMA_WINDOW_DAY, 600), 0);
    world_exact(&w);
    l = &w.node[1].lease;

    soma_lease_need(&w.node[0].lease, w.now, 500, 500);
    node_sync(&w, 0);
    (void) soma_lease_take(&w.node[0].lease, w.now, 500);

    soma_lease_need(l, w.now, 200, 200);
    node_sync(&w, 1);
    soma_is_int(l->avail, 0, "a part that serves nobody is not leased");
    soma_is_int(l->free, 100, "but known");

    soma_lease_need(l, w.now, 50, 50);
    soma_lease_need(l, w.now, 200, 200);
    node_sync(&w, 1);
    soma_is_int(l->avail, 100, "one that serves somebody is");

    soma_lease_need(l, w.now, 200, 200);
    soma_lease_send(&w.limit, l, ++w.node[1].seq, w.now, 0, &item);
    soma_ok(item.held == 0 && item.need == 200 && item.least == 200,
            "while others starve it goes back when it serves nobody");
}


/* another number: what one has goes back, what was spent is told on */
static void
test_change(void)
{
    node_t             *node;
    world_t             w;
    soma_lease_item_t   item;
    soma_lease_reply_t  reply;

    world_init(&w, make(SOMA_COST, SOMA_WINDOW_DAY, 100000), 0);
    node = &w.node[0];

    soma_lease_need(&node->lease, w.now, 1000, 1000);
    node_sync(&w, 0);
    (void) soma_lease_take(&node->lease, w.now, 1000);
    soma_lease_settle(&w.limit, &node->lease, node->lease.epoch, 1000, 900);

    soma_lease_send(&w.limit, &node->lease, ++node->seq, w.now, 0, &item);
    model_sync(&w, 0, &item, &reply);
    soma_lease_change(&node->lease, w.now, 500 - 100000);
    w.limit.limit = 500;
    soma_lease_reply(&node->lease, &item, &reply, w.now);

    soma_is_int(node->lease.avail, 0, "nothing is left to spend");
    soma_is_int(soma_lease_check(&node->lease, w.now, 1, UINT64_MAX),
                SOMA_AGAIN, "Redis is asked by the new number");

    soma_lease_need(&node->lease, w.now, 1, 1);
    node_sync(&w, 0);
    soma_is_int(w.redis.row[0].used, 900, "what was used is counted once");
    soma_is_int(soma_lease_check(&node->lease, w.now, 1, 0), SOMA_DECLINED,
                "below what was spent: refused");

    soma_lease_change(&node->lease, w.now, 500);
    w.limit.limit = 1000;
    soma_lease_need(&node->lease, w.now, 100, 100);
    node_sync(&w, 0);
    soma_is_int(soma_lease_check(&node->lease, w.now, 100, 0), SOMA_OK,
                "raised: the rest of it is there");
    soma_is_int(soma_lease_check(&node->lease, w.now, 101, 0), SOMA_DECLINED,
                "and no more");
}


/* Redis' clock shows none of the windows: as if it had not been asked */
static void
test_clock(void)
{
    soma_lease_t        lease;
    soma_limit_t        limit;
    soma_lease_item_t   item;
    soma_lease_reply_t  reply;

    limit = make(SOMA_COST, SOMA_WINDOW_DAY, 1000);
    memset(&lease, 0, sizeof(lease));
    memset(&reply, 0, sizeof(reply));
    soma_lease_init(&lease, 1, 1000);
    soma_lease_need(&lease, 1000, 10, 10);
    soma_lease_send(&limit, &lease, 2, 1000, 0, &item);

    reply.flags = SOMA_LEASE_CLOCK;
    soma_lease_reply(&lease, &item, &reply, 1005);
    soma_ok(lease.due <= 1010 && lease.need == 10 && lease.failed == 0,
            "the same is asked again at once");
    soma_is_int(soma_lease_pending(&lease, 1), 1, "who waits waits on");
    soma_is_int(soma_lease_check(&lease, 1006, 10, 1), SOMA_AGAIN,
                "and is not refused");
}


static void
test_expiry(void)
{
    node_t   *node;
    world_t   w;

    world_init(&w, make(SOMA_TOKENS, SOMA_WINDOW_HOUR, 100000), 0);
    node = &w.node[0];

    soma_lease_need(&node->lease, w.now, 100, 100);
    node_sync(&w, 0);
    soma_is_int(node->lease.avail, 100 + 100 * SOMA_LEASE_FIRST,
                "what is needed and some more, at first");
    soma_is_int(soma_lease_check(&node->lease, w.now, 1700, UINT64_MAX),
                SOMA_OK, "it can be spent");

    node_take(&w, 0, 40);

    soma_is_int(soma_lease_check(&node->lease, w.now + SOMA_LEASE_TTL_MS
                                 - SOMA_LEASE_MARGIN_MS, 1, UINT64_MAX),
                SOMA_AGAIN, "not after it has expired");
    soma_is_int(node->lease.avail, 0, "nothing is free any more");
    soma_is_int(node->lease.out, 40, "what is in flight is");

    soma_lease_settle(&w.limit, &node->lease, 0, 40, 30);
    soma_is_int(node->lease.used, 30, "and its use is told");

    /* Redis is away and the operator allows: a debt */

    (void) soma_lease_check(&node->lease, w.now + 60000, 0, UINT64_MAX);
    soma_lease_take(&node->lease, w.now, 50);
    soma_ok(node->lease.avail < 0, "debt");
    w.now += 60000;
    node_sync(&w, 0);
    soma_ok(node->lease.avail >= 0, "is taken to Redis");
    soma_is_int(w.redis.row[0].held, node->lease.avail + node->lease.out,
                "which knows what is held");
}


static void
test_refusal(void)
{
    uint64_t            after;
    world_t             w;
    soma_verdict_t      v;
    soma_lease_reply_t  reply;
    soma_lease_item_t   item;
    soma_lease_t       *l;

    world_init(&w, make(SOMA_TOKENS, SOMA_WINDOW_MINUTE, 600), 0);
    world_exact(&w);
    l = &w.node[1].lease;

    soma_lease_need(&w.node[0].lease, w.now, 500, 500);
    node_sync(&w, 0);
    (void) soma_lease_take(&w.node[0].lease, w.now, 500);

    soma_is_int(soma_lease_check(l, w.now, 200, UINT64_MAX), SOMA_AGAIN,
                "a cold lease asks");
    after = w.node[1].seq;
    soma_lease_need(l, w.now, 200, 1);
    node_sync(&w, 1);
    soma_is_int(l->avail, 100, "what there is comes to who can use a part");
    soma_is_int(soma_lease_check(l, w.now, 200, after), SOMA_DECLINED,
                "which is too little");
    soma_is_int(soma_lease_check(l, w.now, 100, after), SOMA_OK,
                "for 200");
    soma_is_int(soma_lease_check(l, w.now + SOMA_LEASE_SOON_MS - 1, 200,
                                 UINT64_MAX),
                SOMA_DECLINED, "the next one is not asked for at once");
    soma_is_int(soma_lease_check(l, w.now + SOMA_LEASE_SOON_MS, 200,
                                 UINT64_MAX),
                SOMA_AGAIN, "but soon");

    memset(&v, 0, sizeof(v));
    v.remaining = 600;
    soma_lease_verdict(&w.limit, l, w.now, 200, 1, &v);
    soma_is_int(v.retry_ms, SOMA_QUOTA_BUSY_MS,
                "leased elsewhere: it may come back");
    soma_is_int(v.remaining, 100, "remaining is what all have left");

    /* used elsewhere: it takes until the bucket has it again */

    soma_lease_settle(&w.limit, &w.node[0].lease, 0, 500, 500);
    node_sync(&w, 0);
    soma_lease_need(l, w.now, 200, 200);
    node_sync(&w, 1);
    memset(&v, 0, sizeof(v));
    soma_lease_verdict(&w.limit, l, w.now, 200, 1, &v);
    soma_ok(v.retry_ms >= 10000 && v.retry_ms <= 10001, "100 tokens: %lld ms",
            (long long) v.retry_ms);

    soma_lease_verdict(&w.limit, l, w.now, 601, 1, &v);
    soma_is_int(v.retry_ms, -1, "more than the limit: never");

    /* Redis does not answer */

    after = w.node[1].seq;
    soma_lease_send(&w.limit, l, ++w.node[1].seq, w.now, 0, &item);
    soma_lease_fail(l, item.seq, w.now);
    soma_is_int(soma_lease_check(l, w.now + 5000, 200, after), SOMA_ERROR,
                "no answer is no refusal");

    memset(&reply, 0, sizeof(reply));
    reply.applied = 1;
    reply.grant = 1000;
    soma_lease_reply(l, &item, &reply, w.now);
    soma_ok(l->avail < 1000, "an answer nobody waits for is left alone");
}


/* an emptied Redis: what was used is told again, and nothing is granted
 * before everybody could tell */
static void
test_flush(void)
{
    int64_t  held;
    world_t  w;

    world_init(&w, make(SOMA_COST, SOMA_WINDOW_DAY, 1000), 0);
    world_exact(&w);
    w.length = DAY;

    soma_lease_need(&w.node[0].lease, w.now, 600, 600);
    node_sync(&w, 0);
    (void) soma_lease_take(&w.node[0].lease, w.now, 600);
    soma_lease_settle(&w.limit, &w.node[0].lease, 0, 600, 600);
    node_sync(&w, 0);

    soma_lease_need(&w.node[1].lease, w.now, 200, 200);
    node_sync(&w, 1);
    soma_is_int(w.node[1].lease.avail, 200, "200 are leased");

    memset(&w.redis, 0, sizeof(w.redis));
    held = w.node[0].lease.avail;

    soma_lease_need(&w.node[0].lease, w.now, 400, 400);
    node_sync(&w, 0);
    soma_is_int(w.redis.row[0].used, 600, "600 were used, says who did");
    soma_is_int(w.node[0].lease.avail, held, "nothing is granted");
    soma_is_int(soma_lease_check(&w.node[0].lease, w.now, 400, 1),
                SOMA_ERROR, "which is no refusal");

    node_sync(&w, 1);
    soma_is_int(w.redis.row[1].held, 200, "200 are held, says who does");

    w.now += SOMA_LEASE_TTL_MS;
    node_sync(&w, 1);
    soma_lease_need(&w.node[0].lease, w.now, 400, 400);
    node_sync(&w, 0);
    soma_ok(w.node[0].lease.avail <= 400 && w.used <= 1000,
            "then what is left");
}


/* Redis is emptied between a call and its answer, or while a lease rests */
static void
test_recount(void)
{
    node_t             *node;
    world_t             w;
    soma_lease_item_t   item;
    soma_lease_reply_t  reply;

    world_init(&w, make(SOMA_COST, SOMA_WINDOW_DAY, 1000), 0);
    world_exact(&w);
    w.length = DAY;
    node = &w.node[0];

    soma_lease_need(&node->lease, w.now, 600, 600);
    node_sync(&w, 0);
    (void) soma_lease_take(&node->lease, w.now, 600);
    soma_lease_settle(&w.limit, &node->lease, 0, 600, 600);
    w.now += 2 * SOMA_LEASE_BEAT_MS;

    soma_lease_send(&w.limit, &node->lease, ++node->seq, w.now, 0, &item);
    model_sync(&w, 0, &item, &reply);
    memset(&w.redis, 0, sizeof(w.redis));
    soma_lease_recount(&node->lease, w.now);
    soma_lease_reply(&node->lease, &item, &reply, w.now);
    soma_is_int(soma_lease_quiet(&node->lease, w.now), 0,
                "an answer from before says nothing of what came after");

    soma_lease_send(&w.limit, &node->lease, ++node->seq, w.now, 0, &item);
    soma_lease_fail(&node->lease, item.seq, w.now);
    soma_is_int(soma_lease_quiet(&node->lease, w.now), 0,
                "a call without an answer does not either");

    node_sync(&w, 0);
    soma_is_int(w.redis.row[0].used, 600, "600 are told again");
    soma_is_int(soma_lease_quiet(&node->lease, w.now), 1, "once");

    soma_lease_recount(&node->lease, w.now);
    soma_is_int(soma_lease_quiet(&node->lease, w.now), 0, "and at each loss");

    memset(&node->lease, 0, sizeof(soma_lease_t));
    soma_lease_recount(&node->lease, w.now + DAY);
    soma_is_int(soma_lease_quiet(&node->lease, w.now + DAY), 1,
                "who used nothing has nothing to tell");
}


static void
test_turn(void)
{
    uint32_t   epoch;
    node_t    *node;
    world_t    w;

    world_init(&w, make(SOMA_COST, SOMA_WINDOW_DAY, 1000), 0);
    node = &w.node[0];

    soma_lease_need(&node->lease, w.now, 500, 500);
    node_sync(&w, 0);
    epoch = soma_lease_take(&node->lease, w.now, 300);

    w.now += w.length;
    soma_is_int(soma_lease_check(&node->lease, w.now, 1, UINT64_MAX),
                SOMA_AGAIN, "a new window is a new lease");
    soma_lease_need(&node->lease, w.now, 1000, 1000);
    node_sync(&w, 0);
    soma_is_int(node->lease.avail, 1000, "of the whole");

    soma_lease_settle(&w.limit, &node->lease, epoch, 300, 100);
    soma_is_int(node->lease.avail, 1000, "the old one gives nothing to it");
    soma_is_int(node->lease.total, 0, "and takes nothing");
}


static void
test_key(void)
{
    unsigned char  buf[SOMA_LEASE_KEY_MAX];
    soma_out_t     out, tag;
    soma_str_t     t;
    unsigned char  small[16];

    soma_put_init(&tag, small, sizeof(small));
    soma_lease_tag(&tag, SOMA_STR("tenant:acme"), SOMA_STR("acme"));
    t.data = tag.start;
    t.len = (size_t) (tag.pos - tag.start);
    soma_is_str(t.data, t.len, "acme", "tag of a tenant");

    soma_put_init(&out, buf, sizeof(buf));
    soma_lease_key(&out, t, SOMA_STR("tenant:acme"),
                   SOMA_STR("requests/minute"), SOMA_STR("user"),
                   SOMA_STR("acme"), SOMA_STR("al {ice}:x"));
    soma_is_str(out.start, out.pos - out.start,
                "soma:{acme}:quota:requests/minute:user:acme:"
                "al_%7Bice%7D%3Ax", "key of a user");

    soma_put_init(&out, buf, sizeof(buf));
    soma_lease_key(&out, t, SOMA_STR("key:0a1b"),
                   SOMA_STR("cost/month from=15 tz=Europe/Berlin"),
                   SOMA_STR("key"), SOMA_STR("acme"), SOMA_STR("0a1b"));
    soma_is_str(out.start, out.pos - out.start,
                "soma:{acme}:quota:key:0a1b:cost/month_from=15_"
                "tz=Europe/Berlin:key:acme:0a1b", "key of a key");

    soma_put_init(&tag, buf, sizeof(buf));
    soma_lease_tag(&tag, SOMA_STR("provider:o}p"), SOMA_STR("acme"));
    soma_is_str(tag.start, tag.pos - tag.start, "provider:o%7Dp",
                "tag of a provider");

    soma_put_init(&out, small, sizeof(small));
    soma_lease_key(&out, t, SOMA_STR("tenant:acme"), SOMA_STR("cost/day"),
                   SOMA_STR("tenant"), SOMA_STR("acme"), SOMA_STR(""));
    soma_ok(out.full, "too long a key is told");
}


/* a need is told once, and by nobody who was served */
static void
test_need(void)
{
    uint64_t            since;
    soma_lease_t        lease;
    soma_limit_t        limit;
    soma_lease_item_t   item;
    soma_lease_reply_t  reply;

    limit = make(SOMA_TOKENS, SOMA_WINDOW_DAY, 1280);
    memset(&lease, 0, sizeof(lease));
    soma_lease_init(&lease, 1, 1000);

    soma_ok(!soma_lease_pending(&lease, 1), "nothing was told");

    since = 1;
    soma_lease_need(&lease, 1000, 100, 100);
    soma_ok(soma_lease_pending(&lease, since), "told, to be sent");
    soma_lease_send(&limit, &lease, 2, 1000, 0, &item);
    soma_is_int(item.need, 100, "sent");
    soma_is_int(item.ahead, 1280 / SOMA_LEASE_FIRST_PART,
                "with a first slice that is a small part of the budget");
    soma_ok(soma_lease_pending(&lease, since), "to be answered");

    soma_ok(!soma_lease_pending(&lease, 2), "who comes now is not in it");
    soma_lease_need(&lease, 1000, 30, 30);
    soma_lease_need(&lease, 1000, 20, 20);
    soma_lease_unneed(&lease, since, 100);
    soma_is_int(lease.need, 50, "what was sent cannot be taken back");

    memset(&reply, 0, sizeof(reply));
    reply.applied = 1;
    reply.grant = 30;
    reply.whole = 1280;
    soma_lease_reply(&lease, &item, &reply, 1001);

    soma_ok(!soma_lease_pending(&lease, since), "answered");
    soma_ok(soma_lease_pending(&lease, 2), "those after it wait on");

    soma_lease_unneed(&lease, 2, 30);
    soma_lease_take(&lease, 1001, 30);
    soma_lease_send(&limit, &lease, 3, 1001, 0, &item);
    soma_is_int(item.need, 20, "one of them was served by what came");

    soma_lease_fail(&lease, 3, 1002);
    soma_ok(!soma_lease_pending(&lease, 2), "no answer came");
    soma_lease_unneed(&lease, 2, 20);
    soma_is_int(lease.need, 0, "never less than nothing");
}


static void
test_args(void)
{
    int                i;
    size_t             len[SOMA_LEASE_ARGS];
    const char        *argv[SOMA_LEASE_ARGS];
    unsigned char      buf[SOMA_LEASE_ITEM_MAX];
    soma_out_t         out;
    soma_lease_item_t  item;

    memset(&item, 0, sizeof(item));
    item.window = SOMA_WINDOW_MONTH;
    item.limit = item.need = item.ahead = item.held = SOMA_LIMIT_MAX;
    item.used = item.total = SOMA_LIMIT_MAX;
    item.since = INT64_MAX;
    item.ack = INT64_MAX;
    item.whole = -SOMA_LIMIT_MAX;
    item.state = 2;
    item.edge[3] = SOMA_WINDOW_NEVER;

    soma_put_init(&out, buf, sizeof(buf));
    soma_lease_args(&out, &item, argv, len);
    soma_ok(!out.full, "the largest fit");
    soma_is_str(argv[0], len[0], "w", "a window of the calendar");
    soma_is_str(argv[1], len[1], "9000000000000000", "limit");
    soma_is_str(argv[10], len[10], "-9000000000000000", "whole");

    soma_is_str(argv[14], len[14], "9000000000000000", "the last edge");

    for (i = 0; i < SOMA_LEASE_ARGS && argv[i][len[i]] == '\0'; i++) {
        /* void */
    }

    soma_is_int(i, SOMA_LEASE_ARGS, "each ends in a null byte");
}


int
main(void)
{
    test_key();
    test_args();
    test_lost();
    test_change();
    test_parts();
    test_clock();
    test_expiry();
    test_refusal();
    test_flush();
    test_recount();
    test_turn();
    test_calls();
    test_spendable();
    test_many();
    test_newcomer();
    test_need();

    return soma_done();
}
