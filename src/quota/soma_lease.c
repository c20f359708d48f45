
/*
 * Copyright (C) The ngx_soma authors
 *
 * Arithmetic of one lease: taking, settling, how large a slice is asked for,
 * and what an answer of Redis changes.
 */


#include "soma_lease.h"


#define SOMA_LEASE_DEBT_MAX  SOMA_LIMIT_MAX


static int64_t soma_lease_add(int64_t a, int64_t b);
static int64_t soma_lease_amount(int64_t n);
static void soma_lease_shift(soma_lease_t *lease, int64_t n);
static void soma_lease_expire(soma_lease_t *lease, int64_t now);
static void soma_lease_sample(soma_lease_t *lease, int64_t now);
static void soma_lease_guess(soma_lease_t *lease, int64_t want);
static int soma_lease_idle(const soma_lease_t *lease, int64_t now);
static void soma_lease_give(soma_lease_t *lease, int64_t now, int all);
static void soma_lease_again(soma_lease_t *lease,
    const soma_lease_item_t *item, int64_t now);
static void soma_lease_turned(soma_lease_t *lease,
    const soma_lease_reply_t *reply);


/* saturates far below overflow: nothing here is ever that large in earnest */
static int64_t
soma_lease_add(int64_t a, int64_t b)
{
    int64_t  n;

    n = a + b;

    if (n > SOMA_LEASE_DEBT_MAX) {
        return SOMA_LEASE_DEBT_MAX;
    }

    return (n < -SOMA_LEASE_DEBT_MAX) ? -SOMA_LEASE_DEBT_MAX : n;
}


static int64_t
soma_lease_amount(int64_t n)
{
    if (n < 0) {
        return 0;
    }

    return (n > SOMA_LIMIT_MAX) ? SOMA_LIMIT_MAX : n;
}


/* what comes and goes by Redis is no swing of the demand */
static void
soma_lease_shift(soma_lease_t *lease, int64_t n)
{
    lease->avail = soma_lease_add(lease->avail, n);
    lease->high = soma_lease_add(lease->high, n);
    lease->low = soma_lease_add(lease->low, n);
}


/* what is in flight goes on and is told of when Redis is heard again */
static void
soma_lease_expire(soma_lease_t *lease, int64_t now)
{
    if (lease->avail > 0
        && (now >= lease->expires
            || (lease->turn != 0 && now >= lease->turn)))
    {
        soma_lease_shift(lease, -lease->avail);
    }
}


void
soma_lease_init(soma_lease_t *lease, uint64_t seq, int64_t now)
{
    lease->ack = seq;
    lease->sample = now;
    lease->due = now;
}


int
soma_lease_check(soma_lease_t *lease, int64_t now, int64_t want,
    uint64_t after)
{
    soma_lease_expire(lease, now);

    want = soma_lease_amount(want);

    if (want == 0 || want <= lease->avail) {
        return SOMA_OK;
    }

    if (after != UINT64_MAX && lease->failed > after) {
        return SOMA_ERROR;
    }

    if (want <= soma_lease_add(lease->avail, lease->free)) {
        return SOMA_AGAIN;
    }

    if (after != UINT64_MAX && lease->heard > after) {
        return SOMA_DECLINED;
    }

    if (lease->refused != 0 && now - lease->refused < SOMA_LEASE_SOON_MS) {
        return SOMA_DECLINED;
    }

    return SOMA_AGAIN;
}


/* nothing is known of the demand yet */
static void
soma_lease_guess(soma_lease_t *lease, int64_t want)
{
    if (lease->ahead == 0) {
        want = soma_lease_amount(want);
        want = soma_number_muldiv(want, SOMA_LEASE_FIRST, 1);
        lease->ahead = soma_lease_amount(want);
        lease->guessed = 1;
    }
}


void
soma_lease_need(soma_lease_t *lease, int64_t now, int64_t want,
    int64_t least)
{
    least = soma_lease_amount(least);

    if (lease->need == 0 || least < lease->least) {
        lease->least = least;
    }

    lease->need = soma_lease_add(lease->need, soma_lease_amount(want));
    lease->taken = now;
    lease->due = now;

    soma_lease_guess(lease, want);
}


int
soma_lease_pending(const soma_lease_t *lease, uint64_t since)
{
    return lease->heard <= since && lease->failed <= since
           && (lease->need != 0 || lease->seq > since);
}


void
soma_lease_unneed(soma_lease_t *lease, uint64_t since, int64_t want)
{
    if (soma_lease_pending(lease, since) && lease->seq <= since) {
        lease->need = soma_lease_amount(lease->need
                                        - soma_lease_amount(want));
    }
}


uint32_t
soma_lease_take(soma_lease_t *lease, int64_t now, int64_t want)
{
    int64_t  soon;

    want = soma_lease_amount(want);

    lease->avail = soma_lease_add(lease->avail, -want);
    lease->out = soma_lease_add(lease->out, want);
    lease->taken = now;

    if (lease->avail < lease->low) {
        lease->low = lease->avail;
    }

    if (want > lease->size) {
        lease->size = want;

        soma_lease_guess(lease, want);
    }

    /* what is held comes back but for what was used of it */

    if (lease->used > lease->slice / 2 || lease->avail < lease->size) {
        soon = lease->sent + SOMA_LEASE_SOON_MS;

        if (soon < lease->due) {
            lease->due = (soon > now) ? soon : now;
        }
    }

    return lease->epoch;
}


void
soma_lease_settle(const soma_limit_t *limit, soma_lease_t *lease,
    uint32_t epoch, int64_t taken, int64_t used)
{
    if (epoch != lease->epoch) {
        return;
    }

    taken = soma_lease_amount(taken);
    used = soma_lease_amount(used);

    if (limit->amount == SOMA_CONCURRENCY) {
        used = 0;
    }

    lease->out = soma_lease_amount(lease->out - taken);
    lease->avail = soma_lease_add(lease->avail, taken - used);
    lease->used = soma_lease_add(lease->used, used);
    lease->spent = soma_lease_add(lease->spent, used);

    if (soma_window_calendar(limit->window)) {
        lease->total = soma_lease_add(lease->total, used);
    }
}


/*
 * A slice is what was spent lately, times the time it shall last, and what
 * requests held beyond it at the worst moment, twice.  It grows at once and
 * shrinks by halves.
 */
static void
soma_lease_sample(soma_lease_t *lease, int64_t now)
{
    int64_t  past, ahead, swing;

    past = now - lease->sample;

    if (past < SOMA_LEASE_SAMPLE_MS) {
        return;
    }

    swing = lease->high - lease->low - lease->spent;
    ahead = soma_number_muldiv(lease->spent, SOMA_LEASE_AHEAD_MS, past);
    ahead = soma_lease_add(soma_lease_amount(ahead),
                           2 * soma_lease_amount(swing));

    if (past < SOMA_LEASE_SHRINK_MS) {

        /* a burst counts, a pause does not yet */

        if (ahead > lease->ahead) {
            lease->ahead = soma_lease_amount(ahead);
            lease->guessed = 0;
        }

        return;
    }

    if (ahead < lease->ahead / 2) {
        ahead = lease->ahead / 2;
    }

    if (ahead < SOMA_LEASE_LEAST * lease->size) {
        ahead = SOMA_LEASE_LEAST * lease->size;
    }

    lease->ahead = soma_lease_amount(ahead);
    lease->guessed = 0;
    lease->spent = 0;
    lease->size = 0;
    lease->sample = now;
    lease->high = lease->avail;
    lease->low = lease->avail;
}


static int
soma_lease_idle(const soma_lease_t *lease, int64_t now)
{
    return lease->need == 0
           && now - lease->taken >= (lease->tight ? SOMA_LEASE_TIGHT_MS
                                                  : SOMA_LEASE_BEAT_MS);
}


/* what is given back leaves avail before the call: whether it arrives or
 * not, the next one tells what is held */
static void
soma_lease_give(soma_lease_t *lease, int64_t now, int all)
{
    int64_t  keep;

    if (lease->avail <= 0) {
        return;
    }

    if (all || soma_lease_idle(lease, now)
        || (lease->tight && lease->need != 0 && lease->avail < lease->least))
    {
        soma_lease_shift(lease, -lease->avail);
        return;
    }

    /* what was granted a moment ago waits for those who needed it */

    if (now - lease->sent < SOMA_LEASE_BEAT_MS / 2) {
        return;
    }

    keep = soma_lease_add(lease->need, 2 * lease->ahead);

    if (lease->avail > keep) {
        soma_lease_shift(lease, keep - lease->avail);
    }
}


void
soma_lease_send(const soma_limit_t *limit, soma_lease_t *lease, uint64_t seq,
    int64_t now, int all, soma_lease_item_t *item)
{
    int64_t  avail;

    soma_lease_expire(lease, now);
    soma_lease_sample(lease, now);
    soma_lease_give(lease, now, all);

    avail = soma_lease_amount(lease->avail);

    item->seq = seq;
    item->ack = lease->ack;
    item->limit = limit->limit;
    item->window = limit->window;
    item->need = soma_lease_amount(lease->need - avail);
    item->least = (item->need != 0) ? soma_lease_amount(lease->least - avail)
                                    : 0;
    item->ahead = 0;
    item->held = soma_lease_amount(soma_lease_add(avail, lease->out));
    item->used = lease->used;
    item->total = soma_lease_amount(lease->total);
    item->since = lease->since;
    item->whole = lease->whole;
    memcpy(item->edge, lease->edge, sizeof(item->edge));

    if (!all && !lease->tight && !soma_lease_idle(lease, now)) {
        item->ahead = soma_lease_amount(lease->ahead + lease->need - avail
                                        - item->need);
    }

    /* of a small budget that many ask for at once the guess may be all that
     * is left in the end */

    if (lease->guessed && soma_window_calendar(limit->window)
        && item->ahead > limit->limit / SOMA_LEASE_FIRST_PART)
    {
        item->ahead = limit->limit / SOMA_LEASE_FIRST_PART;
    }

    item->state = lease->known ? SOMA_LEASE_KNOWN : SOMA_LEASE_NEW;

    if (lease->known && item->held == 0 && item->need == 0
        && item->ahead == 0 && item->used == 0
        && !soma_window_calendar(limit->window))
    {
        /* there or not, the row says nothing any more */

        item->state = SOMA_LEASE_LEAVES;
        lease->known = 0;
    }

    lease->forgiven = soma_lease_amount(-lease->avail);
    lease->seq = seq;
    lease->sent = now;
    lease->need = 0;
    lease->recounts |= lease->recount;
    lease->recount = 0;
    lease->due = now + (lease->tight ? SOMA_LEASE_TIGHT_MS
                                     : SOMA_LEASE_BEAT_MS);
}


/* what the old window's requests still use is the old window's */
static void
soma_lease_turned(soma_lease_t *lease, const soma_lease_reply_t *reply)
{
    lease->epoch++;
    lease->avail = 0;
    lease->out = 0;
    lease->used = 0;
    lease->total = reply->used;
    lease->since = reply->since;
    lease->high = 0;
    lease->low = 0;
    lease->spent = 0;
}


/* as if the call had not been sent: who waits for its answer waits on */
static void
soma_lease_again(soma_lease_t *lease, const soma_lease_item_t *item,
    int64_t now)
{
    lease->seq = 0;
    lease->forgiven = 0;
    lease->least = item->least;
    lease->need = soma_lease_add(lease->need, item->need);
    lease->recount |= lease->recounts;
    lease->recounts = 0;
    lease->due = now + 1;
}


void
soma_lease_reply(soma_lease_t *lease, const soma_lease_item_t *item,
    const soma_lease_reply_t *reply, int64_t now)
{
    if (lease->seq != item->seq) {
        return;
    }

    if (!reply->applied) {

        if (reply->flags & SOMA_LEASE_CLOCK) {
            soma_lease_again(lease, item, now);
            return;
        }

        soma_lease_fail(lease, item->seq, now);
        return;
    }

    lease->seq = 0;
    lease->ack = item->seq;
    lease->heard = item->seq;
    lease->recounts = 0;

    if (reply->since != 0 && lease->since != 0
        && reply->since != lease->since)
    {
        soma_lease_turned(lease, reply);

    } else {
        lease->used = soma_lease_amount(lease->used - item->used);
        soma_lease_shift(lease, lease->forgiven);

        if (lease->since == 0 && reply->since != 0) {
            lease->since = reply->since;
            lease->total = soma_lease_add(reply->used, lease->used);
        }
    }

    soma_lease_shift(lease, reply->grant);

    lease->forgiven = 0;
    lease->free = soma_lease_amount(reply->free);
    lease->whole = reply->whole;
    lease->slice = soma_lease_amount(lease->avail);
    lease->expires = lease->sent + SOMA_LEASE_TTL_MS - SOMA_LEASE_MARGIN_MS;
    lease->turn = reply->turn ? lease->sent + reply->turn : 0;
    lease->tight = (reply->flags & SOMA_LEASE_TIGHT) != 0;
    lease->refused = (reply->grant < item->need) ? now : 0;

    if (item->state != SOMA_LEASE_LEAVES) {
        lease->known = 1;
    }

    if (lease->tight && lease->due > lease->sent + SOMA_LEASE_TIGHT_MS) {
        lease->due = lease->sent + SOMA_LEASE_TIGHT_MS;
    }

    if (reply->flags & SOMA_LEASE_MENDS) {
        lease->failed = item->seq;
        lease->refused = 0;
    }
}


void
soma_lease_recount(soma_lease_t *lease, int64_t now)
{
    lease->recount = (lease->total > 0);
    lease->due = now;
}


void
soma_lease_fail(soma_lease_t *lease, uint64_t seq, int64_t now)
{
    if (lease->seq == seq) {
        lease->seq = 0;
        lease->forgiven = 0;
        lease->recount |= lease->recounts;
        lease->recounts = 0;
    }

    if (seq > lease->failed) {
        lease->failed = seq;
        lease->due = now + SOMA_LEASE_SOON_MS;
    }
}


void
soma_lease_change(soma_lease_t *lease, int64_t now, int64_t more)
{
    if (lease->avail > 0) {
        soma_lease_shift(lease, -lease->avail);
    }

    lease->whole = soma_lease_add(lease->whole, more);
    lease->free = 0;
    lease->slice = 0;
    lease->refused = 0;
    lease->due = now;

    /* the answer to a call in flight tells of the old number: what it told is
     * told again */

    lease->seq = 0;
    lease->forgiven = 0;
    lease->recount |= lease->recounts;
    lease->recounts = 0;
}


int
soma_lease_waits(const soma_limit_t *limit, const soma_lease_t *lease,
    int64_t want)
{
    return limit->amount != SOMA_REQUESTS && want <= limit->limit
           && want <= soma_lease_add(lease->whole, -lease->used);
}


int64_t
soma_lease_end(const int64_t *edge, int64_t since)
{
    unsigned  i;

    for (i = 0; i + 1 < SOMA_WINDOW_EDGES; i++) {
        if (edge[i] == since && edge[i + 1] > since) {
            return edge[i + 1];
        }
    }

    return 0;
}


int
soma_lease_quiet(const soma_lease_t *lease, int64_t now)
{
    return lease->avail == 0 && lease->out == 0 && lease->used == 0
           && lease->seq == 0 && !lease->recount && !lease->recounts
           && soma_lease_idle(lease, now);
}


void
soma_lease_verdict(const soma_limit_t *limit, const soma_lease_t *lease,
    int64_t now, int64_t want, int refused, soma_verdict_t *verdict)
{
    int64_t  left, retry, span;

    left = soma_lease_amount(soma_lease_add(lease->avail, lease->free));

    if (!refused) {
        left = soma_lease_amount(left - want);
    }

    span = soma_window_ms(limit->window);

    if (left < verdict->remaining) {
        verdict->remaining = left;

        if (span != 0 && limit->limit > 0) {
            retry = soma_number_muldiv(limit->limit - left, span,
                                       limit->limit) + 1;

            if (retry > verdict->reset_ms) {
                verdict->reset_ms = retry;
            }
        }
    }

    if (!refused) {
        return;
    }

    retry = SOMA_QUOTA_BUSY_MS;

    if (want > limit->limit) {
        retry = -1;

    } else if (want > lease->whole) {

        if (lease->turn != 0) {
            retry = (lease->turn > now) ? lease->turn - now : 1;

        } else if (span != 0 && limit->limit > 0) {
            retry = soma_number_muldiv(want - lease->whole, span,
                                       limit->limit) + 1;
        }
    }

    if (limit->window == SOMA_WINDOW_EVER && want > lease->whole) {
        retry = -1;
    }

    verdict->retry_ms = retry;
    verdict->waits = soma_lease_waits(limit, lease, want);
}
