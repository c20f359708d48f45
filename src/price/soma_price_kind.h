
/*
 * Copyright (C) The ngx_soma authors
 *
 * Kinds of tokens by their prices: what soma_price.c, which bills, and
 * soma_price_bound.c, which looks ahead, share.
 */


#ifndef SOMA_PRICE_KIND_H
#define SOMA_PRICE_KIND_H


#include "soma_price.h"


#define SOMA_FEMTO_IN_PICO  1000
#define SOMA_FEMTO_IN_NANO  1000000
#define SOMA_PICO_IN_NANO   1000
#define SOMA_MS_IN_SECOND   1000


typedef soma_wide_t  soma_femto_t;


typedef enum {
    SOMA_KIND_INPUT = 0,
    SOMA_KIND_CACHE_READ,
    SOMA_KIND_CACHE_WRITE,
    SOMA_KIND_CACHE_WRITE_1H,
    SOMA_KIND_AUDIO_INPUT,
    SOMA_KIND_IMAGE_INPUT,
    SOMA_KIND_OUTPUT,
    SOMA_KIND_REASONING,
    SOMA_KIND_AUDIO_OUTPUT,
    SOMA_KIND_IMAGE_OUTPUT,
    SOMA_KIND_NONE
} soma_price_kind_e;


/* a price by hand may be anything: what is not said costs nothing */
static inline int64_t
soma_price_pico(int64_t price)
{
    if (price < 0) {
        return 0;
    }

    return price > SOMA_PRICE_MAX ? SOMA_PRICE_MAX : price;
}


static inline int64_t
soma_price_count(int64_t n)
{
    if (n < 0) {
        return 0;
    }

    return n > SOMA_PRICE_COUNT_MAX ? SOMA_PRICE_COUNT_MAX : n;
}


static inline int64_t
soma_price_greater(int64_t a, int64_t b)
{
    return a > b ? a : b;
}


/* femto-USD a token of that kind; level: steps passed */
int64_t soma_price_unit(const soma_price_t *price, unsigned level,
    unsigned tier, unsigned kind);


#endif /* SOMA_PRICE_KIND_H */
