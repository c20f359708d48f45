
/*
 * Copyright (C) The ngx_soma authors
 *
 * The most that a request may cost, before it is sent.
 */


#include "soma_price_kind.h"


/* OpenAI states 6,240 tokens for the largest image of high quality, and 100
 * for each of up to three that are shown on the way */
#define SOMA_PRICE_IMAGE_TOKENS  6540

/* a token of speech is 50 ms or more of it; a character, spoken at a quarter
 * of the usual speed, takes some 300 ms */
#define SOMA_PRICE_SPOKEN        6

/* nobody speaks 8 tokens a second for long */
#define SOMA_PRICE_HEARD_MS      125


static int64_t soma_price_most(const soma_price_t *price, unsigned level,
    unsigned tier, unsigned kinds, const unsigned *kind);


/* the kinds of tokens that a request may meet: SOMA_KIND_NONE ends each list;
 * in the order of the bits of soma_price_ask_t, text first */
static const unsigned  soma_price_inputs[] = {
    SOMA_KIND_INPUT, SOMA_KIND_CACHE_WRITE_1H, SOMA_KIND_AUDIO_INPUT,
    SOMA_KIND_IMAGE_INPUT
};

static const unsigned  soma_price_outputs[] = {
    SOMA_KIND_OUTPUT, SOMA_KIND_NONE, SOMA_KIND_AUDIO_OUTPUT,
    SOMA_KIND_IMAGE_OUTPUT
};


/*
 * A provider may serve another tier than it was asked for, but for that it
 * says "default": the dearer of the two counts.
 */
static int64_t
soma_price_most(const soma_price_t *price, unsigned level, unsigned tier,
    unsigned kinds, const unsigned *kind)
{
    int64_t   n, most;
    unsigned  i;

    most = 0;

    for (i = 0; i <= SOMA_PRICE_KIND_BITS; i++) {

        if (kind[i] == SOMA_KIND_NONE
            || (i > 0 && !(kinds & (1u << (i - 1)))))
        {
            continue;
        }

        n = soma_price_unit(price, level, tier, kind[i]);
        most = n > most ? n : most;

        n = soma_price_unit(price, level, SOMA_TIER_DEFAULT, kind[i]);
        most = n > most ? n : most;
    }

    /* reasoning is text that is not shown; and what is read from a cache may
     * be dearer than what is not, a write for five minutes than one for an
     * hour, where a catalogue is wrong */

    if (kind[0] == SOMA_KIND_OUTPUT) {
        n = soma_price_unit(price, level, tier, SOMA_KIND_REASONING);
        return soma_price_greater(most, n);
    }

    n = soma_price_unit(price, level, tier, SOMA_KIND_CACHE_READ);
    most = soma_price_greater(most, n);

    if (kinds & SOMA_PRICE_CACHE_WRITE) {
        n = soma_price_unit(price, level, tier, SOMA_KIND_CACHE_WRITE);
        most = soma_price_greater(most, n);
    }

    return most;
}


void
soma_price_dearest(soma_price_dearest_t *dearest, const soma_price_t *price)
{
    int64_t   input, output;
    unsigned  level, tier, kinds;

    memset(dearest, 0, sizeof(soma_price_dearest_t));

    dearest->price = price;
    dearest->nsteps = price->nsteps;

    for (level = 0; level < price->nsteps; level++) {
        dearest->above[level] = price->step[level].above;
    }

    for (tier = 0; tier < SOMA_PRICE_TIERS; tier++) {
        for (kinds = 0; kinds < SOMA_PRICE_KIND_SETS; kinds++) {

            input = 0;
            output = 0;

            for (level = 0; level <= price->nsteps; level++) {

                /* a smaller prompt must not cost more than a larger one */

                input = soma_price_greater(input,
                            soma_price_most(price, level, tier, kinds,
                                            soma_price_inputs));
                output = soma_price_greater(output,
                            soma_price_most(price, level, tier, kinds,
                                            soma_price_outputs));

                dearest->input[level][tier][kinds] = input;
                dearest->output[level][tier][kinds] = output;
            }
        }
    }
}


/* femto-USD of what is paid by the piece; where images or speech have no
 * such price, they are paid by the tokens that stand in the request's bound */
static soma_femto_t
soma_price_pieces(const soma_price_t *price, const soma_price_ask_t *ask)
{
    int64_t       image;
    soma_femto_t  femto;

    if (price == NULL) {
        return 0;
    }

    image = (ask->image_pico >= 0) ? ask->image_pico
                                   : soma_price_pico(price->per_image);

    femto = (soma_femto_t) image * soma_price_count(ask->images)
            + (soma_femto_t) soma_price_pico(price->per_character)
              * soma_price_count(ask->characters)
            + (soma_femto_t) soma_price_pico(price->per_query)
              * soma_price_count(ask->queries)
            + soma_price_pico(price->per_request);

    return femto * SOMA_FEMTO_IN_PICO
           + (soma_femto_t) soma_price_pico(price->per_second)
             * soma_price_count(ask->audio_ms)
             * (SOMA_FEMTO_IN_PICO / SOMA_MS_IN_SECOND);
}


int64_t
soma_price_bound(const soma_price_dearest_t *dearest,
    const soma_price_ask_t *ask)
{
    unsigned      level, tier, kinds;
    soma_femto_t  femto;

    level = 0;
    tier = (unsigned) ask->tier < SOMA_PRICE_TIERS ? (unsigned) ask->tier
                                                   : SOMA_TIER_DEFAULT;
    kinds = ask->kinds & (SOMA_PRICE_KIND_SETS - 1);

    while (level < dearest->nsteps
           && ask->input_tokens > dearest->above[level])
    {
        level++;
    }

    femto = (soma_femto_t) dearest->input[level][tier][kinds]
            * soma_price_count(ask->input_tokens)
            + (soma_femto_t) dearest->output[level][tier][kinds]
              * soma_price_count(ask->output_tokens)
            + soma_price_pieces(dearest->price, ask);

    femto = (femto + SOMA_FEMTO_IN_NANO - 1) / SOMA_FEMTO_IN_NANO;

    return femto > INT64_MAX ? INT64_MAX : (int64_t) femto;
}


int64_t
soma_price_image(const soma_price_t *price, const soma_image_t *asked)
{
    int64_t   most, any;
    unsigned  i;

    most = SOMA_PRICE_UNSET;
    any = price->per_image;

    for (i = 0; i < price->nimages; i++) {

        any = soma_price_greater(any, price->image[i].pico);

        if (soma_image_fits(asked, &price->image[i].image)) {
            most = soma_price_greater(most, price->image[i].pico);
        }
    }

    return most != SOMA_PRICE_UNSET ? most : any;
}


int64_t
soma_price_made(const soma_price_t *price, const soma_price_ask_t *ask)
{
    int64_t  n;

    n = 0;

    if (ask->images > 0 && ask->image_pico < 0 && price->per_image < 0) {
        n += soma_price_count(ask->images) * SOMA_PRICE_IMAGE_TOKENS;
    }

    if (ask->characters > 0 && price->per_character < 0) {
        n += soma_price_count(ask->characters) * SOMA_PRICE_SPOKEN;
    }

    if (ask->audio_ms > 0 && price->per_second < 0) {
        n += soma_price_count(ask->audio_ms) / SOMA_PRICE_HEARD_MS + 1;
    }

    return n;
}
