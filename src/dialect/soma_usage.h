
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a request used, in tokens, with one meaning for every provider:
 * input_tokens is the whole prompt, cached and cache-written tokens within;
 * output_tokens is the whole answer, reasoning within.
 */


#ifndef SOMA_USAGE_H
#define SOMA_USAGE_H


#include "soma_base.h"


typedef enum {
    SOMA_TIER_DEFAULT = 0,
    SOMA_TIER_FLEX,
    SOMA_TIER_PRIORITY,
    SOMA_TIER_BATCH
} soma_tier_e;


/* what the numbers of a usage rest on (soma_bill.h) */
typedef enum {
    SOMA_BASIS_REPORTED = 0,    /* the provider said so; or nothing was used */
    SOMA_BASIS_COUNTED,         /* text that was seen, by its vocabulary */
    SOMA_BASIS_ESTIMATED,       /* text that was seen, by its bytes */
    SOMA_BASIS_RESERVED         /* what was made is not known: the most that
                                   it may have been */
} soma_basis_e;

#define SOMA_BASES  4


typedef struct {
    int64_t      input_tokens;
    int64_t      cached_tokens;            /* read from the cache */
    int64_t      cache_write_tokens;       /* all writes, 1-hour ones within */
    int64_t      cache_write_1h_tokens;
    int64_t      output_tokens;
    int64_t      reasoning_tokens;
    int64_t      audio_input_tokens;
    int64_t      audio_output_tokens;
    int64_t      image_input_tokens;
    int64_t      image_output_tokens;
    int64_t      queries;                  /* billed searches, web or rank */
    int64_t      images;                   /* images made, when counted so */
    int64_t      characters;               /* of speech input */
    int64_t      audio_ms;                 /* of transcribed sound */
    soma_tier_e  tier;                     /* as the provider says it served */
    soma_basis_e basis;
    int64_t      image_pico;               /* pico-USD an image as it was asked
                                              for, 0: by the price; not
                                              recorded */
    unsigned     known:1;                  /* the provider reported usage */
    unsigned     estimated:1;              /* ours, not the provider's */
} soma_usage_t;


#endif /* SOMA_USAGE_H */
