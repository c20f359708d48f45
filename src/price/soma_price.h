
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
#include "soma_image.h"
#include "soma_usage.h"


#define SOMA_PRICE_UNSET     -1     /* the catalogue does not say */
#define SOMA_PRICE_STEPS_MAX 4      /* prompt sizes at which prices change */
#define SOMA_PRICE_TIERS     4      /* soma_tier_e */
#define SOMA_CATALOGUE_MAX   20000  /* models */

/* pico-USD: a thousand USD for one token or image is no price but a typing
 * error, and what is smaller cannot overflow */
#define SOMA_PRICE_MAX       ((int64_t) 1000 * 1000000000000)

/* tokens, images, milliseconds ... of one request; more is counted as this */
#define SOMA_PRICE_COUNT_MAX ((int64_t) 1000000000000)


/*
 * pico-USD a token, by service tier (soma_tier_e), SOMA_PRICE_UNSET where not
 * said.  What is not said is billed as its plain kind: cache_read and
 * cache_write as input, cache_write_1h as cache_write, reasoning as output,
 * audio and image as input or output.  A missing batch price is half of the
 * standard one, a missing flex price is the standard one, and a missing
 * priority price is the dearest that is known.
 */
typedef struct {
    int64_t  input[SOMA_PRICE_TIERS];
    int64_t  cache_read[SOMA_PRICE_TIERS];
    int64_t  cache_write[SOMA_PRICE_TIERS];
    int64_t  cache_write_1h[SOMA_PRICE_TIERS];
    int64_t  audio_input[SOMA_PRICE_TIERS];
    int64_t  image_input[SOMA_PRICE_TIERS];
    int64_t  output[SOMA_PRICE_TIERS];
    int64_t  reasoning[SOMA_PRICE_TIERS];
    int64_t  audio_output[SOMA_PRICE_TIERS];
    int64_t  image_output[SOMA_PRICE_TIERS];
} soma_price_step_t;


/* prices of requests whose whole prompt is larger than "above" */
typedef struct {
    int64_t            above;           /* prompt tokens, exclusive */
    soma_price_step_t  price;
} soma_price_level_t;


/* an image of one size and quality */
typedef struct {
    soma_image_t       image;
    int64_t            pico;            /* pico-USD */
} soma_price_image_t;


typedef struct {
    soma_str_t                 name;        /* the catalogue's key */
    soma_str_t                 provider;    /* litellm_provider */
    soma_str_t                 mode;        /* chat, embedding ... or empty */
    soma_price_step_t          base;
    const soma_price_level_t  *step;        /* ascending by "above" */
    unsigned                   nsteps;      /* <= SOMA_PRICE_STEPS_MAX */
    unsigned                   known:1;     /* any price at all */
    unsigned                   reasons:1;   /* it thinks before it answers */
    int64_t                    per_image;   /* pico-USD an image made */
    const soma_price_image_t  *image;       /* of certain ones */
    unsigned                   nimages;
    int64_t                    per_query;   /* pico-USD a query */
    int64_t                    per_request;
    int64_t                    per_character;   /* of speech input */
    int64_t                    per_second;      /* of transcribed sound */
    int64_t                    max_input;   /* tokens, 0: not said */
    int64_t                    max_output;  /* tokens, 0: not said */
} soma_price_t;


#define SOMA_PRICE_KIND_BITS    3       /* bits of soma_price_ask_t's kinds */
#define SOMA_PRICE_KIND_SETS    8

#define SOMA_PRICE_CACHE_WRITE  1       /* the request marks what to keep */
#define SOMA_PRICE_AUDIO        2       /* there is sound in it, or asked for */
#define SOMA_PRICE_IMAGE        4       /* there are images */


/* what a request may use at most */
typedef struct {
    int64_t      input_tokens;
    int64_t      output_tokens;
    int64_t      images;                /* made */
    int64_t      image_pico;            /* pico-USD each, as its size and
                                           quality say; SOMA_PRICE_UNSET: the
                                           price's own */
    int64_t      characters;            /* of speech input */
    int64_t      audio_ms;              /* of sound to be listened to */
    int64_t      queries;               /* searches */
    soma_tier_e  tier;                  /* asked for */
    unsigned     kinds;                 /* of tokens beside text */
} soma_price_ask_t;


/*
 * femto-USD a token at most, [n]: of a prompt that has passed n steps, or
 * fewer; by the tier that is asked for and the kinds that may be met.
 */
typedef struct {
    const soma_price_t  *price;
    int64_t              above[SOMA_PRICE_STEPS_MAX];
    int64_t              input[SOMA_PRICE_STEPS_MAX + 1][SOMA_PRICE_TIERS]
                              [SOMA_PRICE_KIND_SETS];
    int64_t              output[SOMA_PRICE_STEPS_MAX + 1][SOMA_PRICE_TIERS]
                               [SOMA_PRICE_KIND_SETS];
    unsigned             nsteps;
} soma_price_dearest_t;


/* nano-USD; the parts sum to total exactly */
typedef struct {
    int64_t  total;
    int64_t  input;                     /* uncached text prompt */
    int64_t  cached;
    int64_t  cache_write;
    int64_t  output;                    /* text answer, no reasoning */
    int64_t  reasoning;
    int64_t  audio;                     /* sound both ways, however counted */
    int64_t  other;                     /* images, queries, requests */
    int64_t  retried;                   /* what attempts before the last one
                                           may have cost: soma_price_cost()
                                           leaves it at 0 */
} soma_cost_t;


typedef struct soma_catalogue_s  soma_catalogue_t;

/*
 * Reads a catalogue into the arena (the text is not needed afterwards; the
 * parser's tree lives in malloc()ed memory for the time of the call).  An
 * entry is a model if it is an object with a litellm_provider and is not the
 * "sample_spec"; others are skipped and counted.  Of two models with one key
 * the later one counts.  A price that is no number, is negative or beyond
 * SOMA_PRICE_MAX is an error, for a model without its price is given away;
 * null is "not said".
 *
 * SOMA_ERROR: *error is a sentence in the arena (or constant), with the line
 * where the text is no JSON, else with the model and the member.
 */
int soma_catalogue_load(soma_catalogue_t **catalogue, soma_arena_t *arena,
    soma_str_t text, soma_str_t *error);

size_t soma_catalogue_models(const soma_catalogue_t *catalogue);
size_t soma_catalogue_skipped(const soma_catalogue_t *catalogue);

/* the i-th model in the order of the text, i < soma_catalogue_models() */
const soma_price_t *soma_catalogue_model(const soma_catalogue_t *catalogue,
    size_t i);

/* 16 hex digits of soma_str_hash() of the text */
soma_str_t soma_catalogue_hash(const soma_catalogue_t *catalogue);

/* by the catalogue's key: "<provider>/<name>", then the bare name; NULL when
 * not there.  Neither allocates nor copies */
const soma_price_t *soma_catalogue_find(const soma_catalogue_t *catalogue,
    soma_str_t provider, soma_str_t name);

/*
 * Sizes and qualities of the images that this model makes, from the names of
 * the catalogue that end in its own; into price->image.  SOMA_ERROR: no
 * memory.
 */
int soma_catalogue_images(const soma_catalogue_t *catalogue,
    soma_arena_t *arena, soma_str_t provider, soma_str_t name,
    soma_price_t *price);

/* a price with nothing set, to be filled by hand ("known" too) */
void soma_price_init(soma_price_t *price);

/*
 * The cost of a usage, exact, rounded once, half up, at the total; what the
 * parts lose by their own rounding down is added to the largest of them.
 * The step applies by the whole prompt size.
 *
 * No token is billed twice: cached, cache-written, audio and image tokens
 * are taken out of the prompt in this order, each at most what is left of
 * it; reasoning, audio and image tokens out of the answer likewise.  So a
 * provider that reports parts larger than the whole is billed the whole.
 * Images are billed by piece only if no image token was; sound by the second
 * and speech by the character only if tokens cost nothing.  A price by
 * request is due when the usage is known or estimated.
 *
 * A cost beyond INT64_MAX is INT64_MAX.  price may be NULL: all zero.
 */
void soma_price_cost(const soma_price_t *price, const soma_usage_t *usage,
    soma_cost_t *cost);

/*
 * The most that a request may cost in nano-USD, rounded up: every token of
 * its prompt and of its answer at the dearest kind that it may meet, at the
 * tier that it asks for or the standard one, at all steps that such a prompt
 * or a smaller one can be in; and what is paid by the piece.
 */
int64_t soma_price_bound(const soma_price_dearest_t *dearest,
    const soma_price_ask_t *ask);

/*
 * Tokens of an answer whose length nobody says: of images, speech, or what
 * was heard, where they are paid by tokens; 0: they are paid by the piece.
 */
int64_t soma_price_made(const soma_price_t *price,
    const soma_price_ask_t *ask);

/*
 * pico-USD of an image as it is asked for: the dearest that it may turn out
 * to be where size or quality are not said, or are not in the catalogue.
 * SOMA_PRICE_UNSET: images have no price of their own.
 */
int64_t soma_price_image(const soma_price_t *price,
    const soma_image_t *asked);

/* fills it in from a price that does not change or move any more */
void soma_price_dearest(soma_price_dearest_t *dearest,
    const soma_price_t *price);


#endif /* SOMA_PRICE_H */
