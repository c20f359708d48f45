
/*
 * Copyright (C) The ngx_soma authors
 *
 * Prices in LiteLLM's catalogue format (model_prices_and_context_window.json:
 * USD a token) read into integer pico-USD, and the cost of a usage in
 * integer nano-USD.
 */


#ifndef SOMA_PRICE_H
#define SOMA_PRICE_H


#include "soma_base.h"
#include "soma_usage.h"


#define SOMA_PRICE_UNSET    -1      /* the catalogue does not say */
#define SOMA_PRICE_STEPS_MAX 4      /* prompt sizes at which prices change */
#define SOMA_CATALOGUE_MAX   20000  /* models */


/* pico-USD a token, by service tier, SOMA_PRICE_UNSET where not said */
typedef struct {
    int64_t  input[4];              /* index: soma_tier_e */
    int64_t  output[4];
    int64_t  cache_read[4];
    int64_t  cache_write[4];
    int64_t  cache_write_1h[4];
} soma_price_step_t;


typedef struct {
    soma_str_t         name;            /* the catalogue's key */
    soma_str_t         provider;        /* litellm_provider */
    soma_str_t         mode;            /* chat, embedding ... */
    soma_price_step_t  base;
    struct {
        int64_t            above;       /* prompt tokens, exclusive */
        soma_price_step_t  price;
    } step[SOMA_PRICE_STEPS_MAX];
    unsigned           nsteps;          /* ascending by "above" */
    int64_t            reasoning;       /* pico-USD a token, or unset */
    int64_t            audio_input;
    int64_t            audio_output;
    int64_t            image_input;     /* a token */
    int64_t            image_output;    /* a token */
    int64_t            per_image;       /* pico-USD an image made */
    int64_t            per_query;       /* pico-USD a query */
    int64_t            per_request;
    int64_t            per_character;   /* of input */
    int64_t            per_second;      /* of input sound */
    int64_t            max_input;       /* tokens, 0: not said */
    int64_t            max_output;      /* tokens, 0: not said */
    unsigned           known:1;         /* any price at all */
} soma_price_t;


/* nano-USD; the parts sum to total exactly */
typedef struct {
    int64_t  total;
    int64_t  input;                     /* uncached text prompt */
    int64_t  cached;
    int64_t  cache_write;
    int64_t  output;                    /* text answer, no reasoning */
    int64_t  reasoning;
    int64_t  audio;
    int64_t  other;                     /* images, queries, requests ... */
} soma_cost_t;


typedef struct soma_catalogue_s  soma_catalogue_t;

/*
 * Reads a catalogue into the arena (the text is not needed afterwards).
 * Entries that are no models are skipped and counted.  SOMA_ERROR: *error is
 * a sentence in the arena with the line where known.
 */
int soma_catalogue_load(soma_catalogue_t **catalogue, soma_arena_t *arena,
    soma_str_t text, soma_str_t *error);

size_t soma_catalogue_models(const soma_catalogue_t *catalogue);
size_t soma_catalogue_skipped(const soma_catalogue_t *catalogue);

/* the first 16 hex digits of ... any stable 64-bit hash of the text */
soma_str_t soma_catalogue_hash(const soma_catalogue_t *catalogue);

/* by the catalogue's key: "<provider>/<name>", then the bare name; NULL when
 * not there */
const soma_price_t *soma_catalogue_find(const soma_catalogue_t *catalogue,
    soma_str_t provider, soma_str_t name);

/* a price with nothing set, to be filled by hand */
void soma_price_init(soma_price_t *price);

/*
 * The cost of a usage.  What has no price of its own is billed as its plain
 * kind (cached as input, reasoning as output, batch as half); the step
 * applies by the whole prompt size.  Rounded once, half up, at the total.
 */
void soma_price_cost(const soma_price_t *price, const soma_usage_t *usage,
    soma_cost_t *cost);

/* the most a request may cost in nano-USD, rounded up: whole prompt at the
 * dearest input kind, max_output at the dearest output kind */
int64_t soma_price_bound(const soma_price_t *price, int64_t input_tokens,
    int64_t output_tokens);


#endif /* SOMA_PRICE_H */
