
/*
 * Copyright (C) The ngx_soma authors
 *
 * The rounds of one writer.
 *
 * A tenant's "applied" does three jobs: it is the "prev" of the next batch,
 * it tells on a second reading which records to pass over, and a reply below
 * it is how lost writes are noticed.  So going back to any record, for
 * whatever reason, is always right, and only costs reading.
 */


#include "soma_ship_tenant.h"


static void soma_ship_rewind(soma_ship_writer_t *w, int64_t now);
static int soma_ship_read(soma_ship_writer_t *w,
    soma_ship_scratch_t *scratch, uint64_t seq, soma_str_t payload);
static void soma_ship_ref(soma_ship_writer_t *w,
    soma_ship_scratch_t *scratch, soma_ship_tenant_t *t, uint64_t seq,
    soma_str_t payload);
static void soma_ship_ask(soma_ship_writer_t *w, int64_t now);
static void soma_ship_caught_up(soma_ship_writer_t *w);
static void soma_ship_fill(soma_ship_writer_t *w,
    soma_ship_scratch_t *scratch, soma_ship_tenant_t *t);
static void soma_ship_forget_call(soma_ship_writer_t *w,
    soma_ship_batch_t *batch, soma_ship_tenant_t *t);
static soma_str_t soma_ship_name(soma_ship_writer_t *w);
static void soma_ship_answered(soma_ship_writer_t *w, soma_ship_tenant_t *t,
    uint64_t applied);


void
soma_ship_writer_init(soma_ship_writer_t *w, soma_str_t writer,
    soma_arena_t *arena, const soma_ship_source_t *source, uint64_t first,
    int64_t events, unsigned fresh)
{
    memset(w, 0, sizeof(soma_ship_writer_t));
    memcpy(w->writer, writer.data, SOMA_WRITER_LEN);

    w->arena = arena;
    w->source = *source;
    w->events = events;
    w->position = first;
    w->tip = first;
    w->fresh = fresh;
}


void
soma_ship_writer_done(soma_ship_writer_t *w, soma_ship_tenant_t **unused)
{
    unsigned             i;
    soma_ship_tenant_t  *t;

    for (i = 0; i < SOMA_SHIP_TENANT_CHAINS; i++) {
        while (w->chains[i]) {
            t = w->chains[i];
            w->chains[i] = t->next;
            t->next = *unused;
            *unused = t;
        }
    }

    while (w->unused) {
        t = w->unused;
        w->unused = t->next;
        t->next = *unused;
        *unused = t;
    }

    w->ntenants = 0;
}


static soma_str_t
soma_ship_name(soma_ship_writer_t *w)
{
    return (soma_str_t) { SOMA_WRITER_LEN, w->writer };
}


int
soma_ship_writer_gather(soma_ship_writer_t *w, soma_ship_scratch_t *scratch,
    int64_t now)
{
    int         rc;
    uint64_t    seq;
    unsigned    scanned;
    soma_str_t  payload;

    w->round = NULL;
    w->nrefs = 0;

    soma_ship_rewind(w, now);

    rc = SOMA_OK;

    for (scanned = 0; scanned < SOMA_SHIP_SCAN_MAX; scanned++) {

        if (w->nrefs == SOMA_SHIP_ROUND_MAX) {
            break;
        }

        rc = w->source.next(w->source.data, &seq, &payload);
        if (rc != SOMA_OK) {
            break;
        }

        if (soma_ship_read(w, scratch, seq, payload) != SOMA_OK) {
            w->source.back(w->source.data);
            break;
        }

        w->position = seq + 1;
    }

    if (w->position >= w->tip) {
        w->tip = w->position;
        soma_ship_caught_up(w);
    }

    if (w->nasks != 0) {
        soma_ship_ask(w, now);
    }

    if (w->round != NULL) {
        return SOMA_OK;
    }

    return (rc == SOMA_OK && scanned == SOMA_SHIP_SCAN_MAX) ? SOMA_AGAIN
                                                            : SOMA_DONE;
}


/*
 * Tenants whose pause is over are released, and reading goes back to the
 * first record that one of them wants; when nobody wants any from before the
 * tip it goes on there.
 */
static void
soma_ship_rewind(soma_ship_writer_t *w, int64_t now)
{
    uint64_t             to;
    unsigned             i;
    soma_ship_tenant_t  *t;

    to = w->position;

    for (i = 0; w->nheld != 0 && i < SOMA_SHIP_TENANT_CHAINS; i++) {
        for (t = w->chains[i]; t != NULL; t = t->next) {

            if (t->held == 0 || !t->known || t->retry > now) {
                continue;
            }

            if (t->held < to) {
                to = t->held;
            }

            if (!t->behind && t->held < w->tip) {
                t->behind = 1;
                w->nbehind++;
            }

            t->held = 0;
            w->nheld--;
        }
    }

    if (w->nbehind == 0) {
        to = w->tip;
    }

    if (to != w->position) {
        w->source.seek(w->source.data, to);
        w->position = to;
    }
}


/* SOMA_DECLINED: the round ends before this record */
static int
soma_ship_read(soma_ship_writer_t *w, soma_ship_scratch_t *scratch,
    uint64_t seq, soma_str_t payload)
{
    soma_str_t           tenant;
    soma_ship_tenant_t  *t;

    if (soma_record_tenant(&tenant, payload.data, payload.len) != SOMA_OK) {
        if (seq >= w->tip) {
            w->bad++;
        }

        return SOMA_OK;
    }

    t = soma_ship_tenant_get(w, tenant);
    if (t == NULL) {
        return SOMA_DECLINED;
    }

    if (seq > t->last) {
        t->last = seq;
    }

    if (t->known && seq <= t->applied) {

        /* of a call that was carried out, and whose answer was lost */

        if (seq > t->counted) {
            t->counted = seq;
            w->shipped++;
        }

        return SOMA_OK;
    }

    if (!t->known) {

        if (t->held == 0) {
            soma_ship_tenant_hold(w, t, seq, 0);
        }

        soma_ship_tenant_mark(w, t, 1, 0);

        return SOMA_OK;
    }

    if (t->held != 0) {
        return SOMA_OK;
    }

    if (t->nrefs == SOMA_SHIP_RECORDS_MAX) {
        return SOMA_DECLINED;
    }

    soma_ship_ref(w, scratch, t, seq, payload);

    return SOMA_OK;
}


static void
soma_ship_ref(soma_ship_writer_t *w, soma_ship_scratch_t *scratch,
    soma_ship_tenant_t *t, uint64_t seq, soma_str_t payload)
{
    unsigned          n;
    soma_ship_ref_t  *ref;

    n = ++w->nrefs;
    ref = &scratch->refs[n];

    ref->payload = payload;
    ref->seq = seq;
    ref->next = 0;

    if (t->nrefs++ == 0) {
        t->first_ref = n;
        t->call = SOMA_SHIP_BATCH;
        t->round_next = w->round;
        w->round = t;

        /* a batch asks as well as a question does */
        soma_ship_tenant_mark(w, t, 0, 0);

    } else {
        scratch->refs[t->last_ref].next = n;
    }

    t->last_ref = n;
}


static void
soma_ship_ask(soma_ship_writer_t *w, int64_t now)
{
    unsigned             i, n;
    soma_ship_tenant_t  *t;

    n = 0;

    for (i = 0; i < SOMA_SHIP_TENANT_CHAINS; i++) {
        for (t = w->chains[i]; t != NULL; t = t->next) {

            if ((!t->check && !t->forget) || t->call != SOMA_SHIP_NONE
                || t->retry > now)
            {
                continue;
            }

            t->call = t->check ? SOMA_SHIP_CHECK : SOMA_SHIP_FORGET;
            t->round_next = w->round;
            w->round = t;

            if (++n == SOMA_SHIP_CHECKS_MAX) {
                return;
            }
        }
    }
}


static void
soma_ship_caught_up(soma_ship_writer_t *w)
{
    unsigned             i;
    soma_ship_tenant_t  *t;

    for (i = 0; w->nbehind != 0 && i < SOMA_SHIP_TENANT_CHAINS; i++) {
        for (t = w->chains[i]; t != NULL; t = t->next) {
            if (t->behind) {
                t->behind = 0;
                w->nbehind--;
            }
        }
    }
}


int
soma_ship_writer_next(soma_ship_writer_t *w, soma_ship_scratch_t *scratch,
    soma_ship_tenant_t **tenant)
{
    soma_ship_tenant_t  *t;

    t = w->round;

    if (t == NULL) {
        return SOMA_DONE;
    }

    w->round = t->round_next;
    w->outstanding++;

    if (t->call == SOMA_SHIP_FORGET) {
        soma_ship_forget_call(w, &scratch->batch, t);

    } else {
        soma_ship_fill(w, scratch, t);
    }

    *tenant = t;

    return SOMA_OK;
}


static void
soma_ship_fill(soma_ship_writer_t *w, soma_ship_scratch_t *scratch,
    soma_ship_tenant_t *t)
{
    unsigned            n;
    soma_record_t       record;
    soma_ship_ref_t    *ref;
    soma_ship_batch_t  *batch;

    batch = &scratch->batch;

    soma_ship_start(batch, soma_ship_name(w), soma_ship_tenant_name(t),
                    t->applied, w->events);

    for (n = t->first_ref; n != 0; n = ref->next) {
        ref = &scratch->refs[n];

        (void) soma_record_decode(&record, ref->payload.data,
                                  ref->payload.len);

        if (soma_ship_add(batch, ref->seq, &record) != SOMA_OK) {
            soma_ship_tenant_hold(w, t, ref->seq, 0);
            break;
        }
    }

    t->first = batch->first;
    t->sent = batch->last;
    t->count = batch->nrecords;
    t->nrefs = 0;
    t->first_ref = 0;

    soma_ship_finish(batch);
}


static void
soma_ship_forget_call(soma_ship_writer_t *w, soma_ship_batch_t *batch,
    soma_ship_tenant_t *t)
{
    soma_out_t  out;

    soma_put_init(&out, batch->sums, sizeof(batch->sums));
    soma_ship_applied_key(&out, soma_ship_tenant_name(t));

    batch->argv[0] = "HDEL";
    batch->argvlen[0] = sizeof("HDEL") - 1;
    batch->argv[1] = (const char *) batch->sums;
    batch->argvlen[1] = (size_t) (out.pos - out.start);
    batch->argv[2] = (const char *) w->writer;
    batch->argvlen[2] = SOMA_WRITER_LEN;
    batch->argc = 3;
    batch->nkeys = 0;
}


void
soma_ship_writer_reply(soma_ship_writer_t *w, soma_ship_tenant_t *t,
    uint64_t applied)
{
    soma_ship_call_e  call;

    call = t->call;

    w->outstanding--;
    t->call = SOMA_SHIP_NONE;
    t->backoff = 0;
    t->retry = 0;

    if (call == SOMA_SHIP_FORGET) {

        /* no record can have come in between: they come in rounds */
        soma_ship_tenant_remove(w, t);
        return;
    }

    /* a call from before Redis was emptied may be answered behind the word
     * of that: its answer is not the last one */

    soma_ship_tenant_mark(w, t, t->recheck, 0);
    t->recheck = 0;

    if (call == SOMA_SHIP_BATCH && applied == t->sent) {
        w->shipped += t->count;
        t->counted = applied;
    }

    soma_ship_answered(w, t, applied);
}


static void
soma_ship_answered(soma_ship_writer_t *w, soma_ship_tenant_t *t,
    uint64_t applied)
{
    if (!t->known) {
        t->known = 1;
        t->applied = applied;
        t->counted = applied;
        return;
    }

    if (applied < t->applied) {
        w->rewinds++;
        w->lost = 1;
        t->applied = applied;
        soma_ship_tenant_hold(w, t, applied + 1, 0);
        return;
    }

    t->applied = applied;

    if (applied < t->sent) {
        /* Redis had some of them already, from a call whose reply we never
         * saw: the rest goes by the next batch */
        soma_ship_tenant_hold(w, t, t->first, 0);
    }
}


void
soma_ship_writer_failed(soma_ship_writer_t *w, soma_ship_tenant_t *t,
    int64_t now, unsigned fault)
{
    if (fault) {
        t->backoff = t->backoff ? t->backoff * 2 : SOMA_SHIP_BACKOFF_MIN;

        if (t->backoff > SOMA_SHIP_BACKOFF_MAX) {
            t->backoff = SOMA_SHIP_BACKOFF_MAX;
        }
    }

    if (t->call == SOMA_SHIP_BATCH) {
        soma_ship_tenant_hold(w, t, t->first, now + t->backoff);
    }

    t->retry = now + t->backoff;
    t->call = SOMA_SHIP_NONE;
    t->recheck = 0;
    w->outstanding--;
}


void
soma_ship_writer_check(soma_ship_writer_t *w)
{
    unsigned             i;
    soma_ship_tenant_t  *t;

    for (i = 0; i < SOMA_SHIP_TENANT_CHAINS; i++) {
        for (t = w->chains[i]; t != NULL; t = t->next) {
            if (!t->forget) {
                soma_ship_tenant_mark(w, t, 1, 0);
                t->recheck = (t->call != SOMA_SHIP_NONE);
            }
        }
    }

    w->lost = 0;
}


uint64_t
soma_ship_writer_acked(const soma_ship_writer_t *w)
{
    uint64_t                   first;
    unsigned                   i;
    const soma_ship_tenant_t  *t;

    first = w->nbehind ? w->position : w->tip;

    for (i = 0; w->nheld != 0 && i < SOMA_SHIP_TENANT_CHAINS; i++) {
        for (t = w->chains[i]; t != NULL; t = t->next) {
            if (t->held != 0 && t->held < first) {
                first = t->held;
            }
        }
    }

    return first - 1;
}


void
soma_ship_writer_trim(soma_ship_writer_t *w, uint64_t first)
{
    unsigned             i;
    soma_ship_tenant_t  *t;

    for (i = 0; i < SOMA_SHIP_TENANT_CHAINS; i++) {
        for (t = w->chains[i]; t != NULL; t = t->next) {
            if (t->known && t->held == 0 && t->last < first
                && t->call == SOMA_SHIP_NONE)
            {
                soma_ship_tenant_mark(w, t, 0, 1);
            }
        }
    }
}
