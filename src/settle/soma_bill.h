
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a request is billed for, from how it ended.  One rule: what went out
 * and did not come back known is booked at what was reserved for it, never at
 * zero, and the usage says what it rests on.
 */


#ifndef SOMA_BILL_H
#define SOMA_BILL_H


#include "soma_base.h"
#include "soma_usage.h"


/* the most that a request may use, in a usage's units; tokens of all of its
 * answers together */
typedef struct {
    int64_t  input_tokens;
    int64_t  output_tokens;
    int64_t  images;
    int64_t  image_pico;            /* pico-USD each, below 0: by the price */
    int64_t  characters;            /* of speech */
    int64_t  audio_ms;              /* of transcribed sound */
} soma_reservation_t;


/*
 * How the attempt ended that was the last.  The pieces of "reserved" are
 * always due; its tokens, "counted" and "exact" where soma_bill_basis() says.
 */
typedef struct {
    int                 status;     /* of the answer, 0: none began */
    soma_usage_t        usage;      /* as far as the provider told it */
    int64_t             text_len;   /* bytes of text that were seen */
    int64_t             counted;    /* tokens of it */
    soma_reservation_t  reserved;
    soma_tier_e         tier;       /* that was asked for */
    unsigned            sent:1;     /* the whole request went out, and the
                                       attempt did not fail for nothing */
    unsigned            stream:1;   /* the answer comes in events */
    unsigned            metered:1;  /* it is paid by its tokens */
    unsigned            complete:1; /* it came to its end */
    unsigned            ended:1;    /* its last event was seen: no usage can
                                       come behind it */
    unsigned            failed:1;   /* by an error event */
    unsigned            cut:1;      /* by us, or held until it was over: what
                                       was passed on is what counts */
    unsigned            reasons:1;  /* its model thinks unseen */
    unsigned            exact:1;    /* counted by the model's vocabulary */
} soma_bill_t;


typedef enum {
    SOMA_BILL_NOTHING = 0,          /* nothing was made */
    SOMA_BILL_USAGE,                /* what the provider said */
    SOMA_BILL_TEXT,                 /* what was seen is all there was */
    SOMA_BILL_RESERVED              /* nobody knows: the most it may be */
} soma_bill_e;


/*
 * What an attempt that failed, for whatever reason, may have cost all the
 * same: 1 if its whole request was out and the connection was lost, or was
 * silent for too long, before an answer was there.  A refusal costs nothing,
 * and neither does what is no answer.
 */
int soma_bill_doubt(unsigned sent, int status, unsigned lost);

/* which of the above is due: TEXT needs "counted", "exact" and the tokens of
 * the prompt, RESERVED all that is reserved */
soma_bill_e soma_bill_basis(const soma_bill_t *bill);

/* the usage that is due */
void soma_bill(const soma_bill_t *bill, soma_usage_t *usage);

/* the usage of what is booked at its reservation */
void soma_bill_reserved(const soma_reservation_t *reserved, soma_tier_e tier,
    soma_usage_t *usage);


#endif /* SOMA_BILL_H */
