
/*
 * Copyright (C) The ngx_soma authors
 *
 * Arbitrary text as a price catalogue, arbitrary usage at its prices: a
 * defined result, parts that sum to the total, none of them negative, and no
 * cost above its bound.
 *
 * Input: USAGE bytes of usage, then the text.
 */


#include <stdlib.h>
#include "soma_arena_malloc.h"
#include "soma_price.h"


#define USAGE  (14 * 8 + 1)


#define must(cond)  do { if (!(cond)) { abort(); } } while (0)


static void
bill(const soma_price_t *price, const soma_usage_t *usage)
{
    int64_t               bound;
    soma_price_ask_t      ask;
    soma_cost_t           cost;
    soma_usage_t          tokens;
    soma_price_dearest_t  dearest;

    soma_price_cost(price, usage, &cost);

    must(cost.input >= 0 && cost.cached >= 0 && cost.cache_write >= 0
         && cost.output >= 0 && cost.reasoning >= 0 && cost.audio >= 0
         && cost.other >= 0);

    must((uint64_t) cost.input + (uint64_t) cost.cached
         + (uint64_t) cost.cache_write + (uint64_t) cost.output
         + (uint64_t) cost.reasoning + (uint64_t) cost.audio
         + (uint64_t) cost.other == (uint64_t) cost.total);

    tokens = *usage;
    tokens.image_pico = 0;

    memset(&ask, 0, sizeof(ask));
    ask.input_tokens = tokens.input_tokens;
    ask.output_tokens = tokens.output_tokens;
    ask.images = tokens.images;
    ask.image_pico = SOMA_PRICE_UNSET;
    ask.characters = tokens.characters;
    ask.audio_ms = tokens.audio_ms;
    ask.queries = tokens.queries;
    ask.tier = tokens.tier;
    ask.kinds = SOMA_PRICE_KIND_SETS - 1;

    soma_price_dearest(&dearest, price);
    bound = soma_price_bound(&dearest, &ask);
    soma_price_cost(price, &tokens, &cost);
    must(cost.total <= bound);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    size_t               i;
    soma_str_t           text, error;
    soma_usage_t         usage;
    soma_arena_t        *arena;
    soma_catalogue_t    *catalogue;
    const soma_price_t  *price;

    if (len < USAGE) {
        return 0;
    }

    memset(&usage, 0, sizeof(usage));
    memcpy(&usage, data, USAGE - 1);
    usage.tier = data[USAGE - 1] & 3;
    usage.known = data[USAGE - 1] >> 2 & 1;
    usage.estimated = data[USAGE - 1] >> 3 & 1;

    /* of its own size, so that a byte too far is seen */
    text.len = len - USAGE;
    text.data = malloc(text.len ? text.len : 1);
    must(text.data != NULL);
    memcpy(text.data, data + USAGE, text.len);

    arena = soma_test_arena();
    error.len = 0;

    if (soma_catalogue_load(&catalogue, arena, text, &error) != SOMA_OK) {
        must(error.len != 0 && error.data != NULL);
        goto done;
    }

    for (i = 0; i < soma_catalogue_models(catalogue); i++) {
        price = soma_catalogue_model(catalogue, i);

        must(soma_catalogue_find(catalogue, SOMA_STR("x"), price->name)
             != NULL);
        must(price->nsteps <= SOMA_PRICE_STEPS_MAX);

        bill(price, &usage);
    }

done:

    free(text.data);
    soma_test_arena_free(arena);

    return 0;
}
