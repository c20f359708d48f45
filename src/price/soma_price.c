
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a usage costs.  Sums are kept in femto-USD (10^-15): there a half of
 * a pico-USD price and a thousandth of a second are whole numbers, so that
 * nothing is rounded before the total.
 */


#include "soma_price_kind.h"


/* in the order of soma_cost_t */
typedef enum {
    SOMA_PART_INPUT = 0,
    SOMA_PART_CACHED,
    SOMA_PART_CACHE_WRITE,
    SOMA_PART_OUTPUT,
    SOMA_PART_REASONING,
    SOMA_PART_AUDIO,
    SOMA_PART_OTHER,
    SOMA_PARTS
} soma_price_part_e;


typedef struct {
    size_t             offset;      /* in soma_price_step_t */
    soma_price_kind_e  plain;       /* billed as this where not said */
} soma_price_kind_t;


typedef struct {
    const soma_price_t  *price;
    const soma_usage_t  *usage;
    unsigned             level;     /* steps passed, 0: base */
    unsigned             tier;
    soma_femto_t         part[SOMA_PARTS];
} soma_price_bill_t;


static const soma_price_step_t *soma_price_level(const soma_price_t *price,
    unsigned level);
static const int64_t *soma_price_of(const soma_price_step_t *step,
    unsigned kind);
static int64_t soma_price_take(int64_t *left, int64_t n);
static soma_femto_t soma_price_tokens(const soma_price_bill_t *bill,
    unsigned kind, int64_t n);
static void soma_price_bill_input(soma_price_bill_t *bill);
static void soma_price_bill_output(soma_price_bill_t *bill);
static void soma_price_bill_pieces(soma_price_bill_t *bill);
static void soma_price_round(const soma_price_bill_t *bill,
    soma_cost_t *cost);


static const soma_price_kind_t  soma_price_kinds[] = {

    { offsetof(soma_price_step_t, input), SOMA_KIND_NONE },
    { offsetof(soma_price_step_t, cache_read), SOMA_KIND_INPUT },
    { offsetof(soma_price_step_t, cache_write), SOMA_KIND_INPUT },
    { offsetof(soma_price_step_t, cache_write_1h), SOMA_KIND_CACHE_WRITE },
    { offsetof(soma_price_step_t, audio_input), SOMA_KIND_INPUT },
    { offsetof(soma_price_step_t, image_input), SOMA_KIND_INPUT },
    { offsetof(soma_price_step_t, output), SOMA_KIND_NONE },
    { offsetof(soma_price_step_t, reasoning), SOMA_KIND_OUTPUT },
    { offsetof(soma_price_step_t, audio_output), SOMA_KIND_OUTPUT },
    { offsetof(soma_price_step_t, image_output), SOMA_KIND_OUTPUT }
};


void
soma_price_init(soma_price_t *price)
{
    unsigned  i;
    int64_t  *p;

    memset(price, 0, sizeof(soma_price_t));

    p = (int64_t *) (void *) &price->base;

    for (i = 0; i < sizeof(soma_price_step_t) / sizeof(int64_t); i++) {
        p[i] = SOMA_PRICE_UNSET;
    }

    price->per_image = SOMA_PRICE_UNSET;
    price->per_query = SOMA_PRICE_UNSET;
    price->per_request = SOMA_PRICE_UNSET;
    price->per_character = SOMA_PRICE_UNSET;
    price->per_second = SOMA_PRICE_UNSET;
}


static const soma_price_step_t *
soma_price_level(const soma_price_t *price, unsigned level)
{
    return level == 0 ? &price->base : &price->step[level - 1].price;
}


/* by tier */
static const int64_t *
soma_price_of(const soma_price_step_t *step, unsigned kind)
{
    return (const void *) ((const unsigned char *) step
                           + soma_price_kinds[kind].offset);
}


static int64_t
soma_price_take(int64_t *left, int64_t n)
{
    n = soma_price_count(n);

    if (n > *left) {
        n = *left;
    }

    *left -= n;

    return n;
}


/*
 * A step need not name every kind: what it leaves out costs as at the step
 * below.  A batch at a step is half of that step's price, not the batch price
 * of small prompts.  A tier that is dearer than the standard one, and has no
 * price of its own, takes the dearest that is known: it is not given away.
 */
int64_t
soma_price_unit(const soma_price_t *price, unsigned level, unsigned tier,
    unsigned kind)
{
    unsigned        i, n;
    int64_t         most;
    const int64_t  *p;

    while (kind != SOMA_KIND_NONE) {

        most = SOMA_PRICE_UNSET;

        for (i = level + 1; i-- > 0; /* void */ ) {
            p = soma_price_of(soma_price_level(price, i), kind);

            if (p[tier] >= 0) {
                most = soma_price_greater(most, p[tier]);
                break;
            }

            if (tier == SOMA_TIER_PRIORITY) {
                for (n = 0; n < SOMA_PRICE_TIERS; n++) {
                    most = soma_price_greater(most, p[n]);
                }

                continue;
            }

            if (p[SOMA_TIER_DEFAULT] < 0) {
                continue;
            }

            return soma_price_pico(p[SOMA_TIER_DEFAULT])
                   * (tier == SOMA_TIER_BATCH ? SOMA_FEMTO_IN_PICO / 2
                                              : SOMA_FEMTO_IN_PICO);
        }

        if (most >= 0) {
            return soma_price_pico(most) * SOMA_FEMTO_IN_PICO;
        }

        kind = soma_price_kinds[kind].plain;
    }

    return 0;
}


static soma_femto_t
soma_price_tokens(const soma_price_bill_t *bill, unsigned kind, int64_t n)
{
    if (n == 0) {
        return 0;
    }

    return (soma_femto_t) soma_price_unit(bill->price, bill->level, bill->tier,
                                          kind) * n;
}


static void
soma_price_bill_input(soma_price_bill_t *bill)
{
    int64_t              left, hour, n;
    const soma_usage_t  *usage;

    usage = bill->usage;
    left = soma_price_count(usage->input_tokens);

    n = soma_price_take(&left, usage->cached_tokens);
    bill->part[SOMA_PART_CACHED] =
                               soma_price_tokens(bill, SOMA_KIND_CACHE_READ, n);

    n = soma_price_take(&left, usage->cache_write_tokens);
    hour = soma_price_take(&n, usage->cache_write_1h_tokens);
    bill->part[SOMA_PART_CACHE_WRITE] =
                     soma_price_tokens(bill, SOMA_KIND_CACHE_WRITE, n)
                     + soma_price_tokens(bill, SOMA_KIND_CACHE_WRITE_1H, hour);

    n = soma_price_take(&left, usage->audio_input_tokens);
    bill->part[SOMA_PART_AUDIO] +=
                              soma_price_tokens(bill, SOMA_KIND_AUDIO_INPUT, n);

    n = soma_price_take(&left, usage->image_input_tokens);
    bill->part[SOMA_PART_OTHER] +=
                              soma_price_tokens(bill, SOMA_KIND_IMAGE_INPUT, n);

    bill->part[SOMA_PART_INPUT] =
                                soma_price_tokens(bill, SOMA_KIND_INPUT, left);
}


static void
soma_price_bill_output(soma_price_bill_t *bill)
{
    int64_t              left, n;
    const soma_usage_t  *usage;

    usage = bill->usage;
    left = soma_price_count(usage->output_tokens);

    n = soma_price_take(&left, usage->reasoning_tokens);
    bill->part[SOMA_PART_REASONING] =
                                soma_price_tokens(bill, SOMA_KIND_REASONING, n);

    n = soma_price_take(&left, usage->audio_output_tokens);
    bill->part[SOMA_PART_AUDIO] +=
                             soma_price_tokens(bill, SOMA_KIND_AUDIO_OUTPUT, n);

    n = soma_price_take(&left, usage->image_output_tokens);
    bill->part[SOMA_PART_OTHER] +=
                             soma_price_tokens(bill, SOMA_KIND_IMAGE_OUTPUT, n);

    bill->part[SOMA_PART_OUTPUT] =
                               soma_price_tokens(bill, SOMA_KIND_OUTPUT, left);
}


static void
soma_price_bill_pieces(soma_price_bill_t *bill)
{
    unsigned             i;
    soma_femto_t         tokens;
    const soma_price_t  *price;
    const soma_usage_t  *usage;

    price = bill->price;
    usage = bill->usage;
    tokens = 0;

    for (i = 0; i < SOMA_PARTS; i++) {
        tokens += bill->part[i];
    }

    if (tokens == 0) {
        bill->part[SOMA_PART_AUDIO] +=
            (soma_femto_t) soma_price_pico(price->per_second)
                * soma_price_count(usage->audio_ms)
                * (SOMA_FEMTO_IN_PICO / SOMA_MS_IN_SECOND)
            + (soma_femto_t) soma_price_pico(price->per_character)
                * soma_price_count(usage->characters) * SOMA_FEMTO_IN_PICO;
    }

    if (usage->image_output_tokens <= 0) {
        bill->part[SOMA_PART_OTHER] +=
            (soma_femto_t) soma_price_pico(usage->image_pico > 0
                                           ? usage->image_pico
                                           : price->per_image)
                * soma_price_count(usage->images) * SOMA_FEMTO_IN_PICO;
    }

    bill->part[SOMA_PART_OTHER] +=
        (soma_femto_t) soma_price_pico(price->per_query)
            * soma_price_count(usage->queries) * SOMA_FEMTO_IN_PICO;

    if (usage->known || usage->estimated) {
        bill->part[SOMA_PART_OTHER] +=
            (soma_femto_t) soma_price_pico(price->per_request)
                * SOMA_FEMTO_IN_PICO;
    }
}


static void
soma_price_round(const soma_price_bill_t *bill, soma_cost_t *cost)
{
    unsigned      i, largest;
    int64_t       rest, nano[SOMA_PARTS];
    soma_femto_t  sum, part;

    sum = 0;
    largest = 0;

    for (i = 0; i < SOMA_PARTS; i++) {
        sum += bill->part[i];

        if (bill->part[i] > bill->part[largest]) {
            largest = i;
        }
    }

    sum = soma_wide_div(sum + SOMA_FEMTO_IN_NANO / 2, SOMA_FEMTO_IN_NANO);
    cost->total = sum > INT64_MAX ? INT64_MAX : (int64_t) sum;
    rest = cost->total;

    for (i = 0; i < SOMA_PARTS; i++) {
        nano[i] = 0;

        if (bill->part[i] == 0) {
            continue;
        }

        part = soma_wide_div(bill->part[i], SOMA_FEMTO_IN_NANO);
        nano[i] = part > rest ? rest : (int64_t) part;
        rest -= nano[i];
    }

    nano[largest] += rest;

    cost->input = nano[SOMA_PART_INPUT];
    cost->cached = nano[SOMA_PART_CACHED];
    cost->cache_write = nano[SOMA_PART_CACHE_WRITE];
    cost->output = nano[SOMA_PART_OUTPUT];
    cost->reasoning = nano[SOMA_PART_REASONING];
    cost->audio = nano[SOMA_PART_AUDIO];
    cost->other = nano[SOMA_PART_OTHER];
    cost->retried = 0;
}


void
soma_price_cost(const soma_price_t *price, const soma_usage_t *usage,
    soma_cost_t *cost)
{
    soma_price_bill_t  bill;

    memset(cost, 0, sizeof(soma_cost_t));

    if (price == NULL) {
        return;
    }

    memset(&bill, 0, sizeof(soma_price_bill_t));

    bill.price = price;
    bill.usage = usage;
    bill.tier = (unsigned) usage->tier < SOMA_PRICE_TIERS ? usage->tier
                                                          : SOMA_TIER_DEFAULT;

    while (bill.level < price->nsteps
           && usage->input_tokens > price->step[bill.level].above)
    {
        bill.level++;
    }

    soma_price_bill_input(&bill);
    soma_price_bill_output(&bill);
    soma_price_bill_pieces(&bill);

    soma_price_round(&bill, cost);
}
