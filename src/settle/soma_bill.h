
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a request is billed for, from how it ended, and what its record says of
 * that end: two tables in soma_bill.c.  One rule: what went out and did not
 * come back known is booked at what was reserved for it, never at zero, and
 * the usage says what it rests on.
 */


#ifndef SOMA_BILL_H
#define SOMA_BILL_H


#include "soma_base.h"
#include "soma_usage.h"


/*
 * How a request ended, or the attempt that was its last, as whoever saw the
 * end tells it.  "counted" and "exact" count where soma_bill_basis() is
 * SOMA_BILL_TEXT.
 */
typedef struct {
    int                 status;     /* of the answer, 0: none began */
    int                 told;       /* the status that the client was told */
    soma_str_t          fault;      /* code of our own error, empty: none */
    soma_usage_t        usage;      /* as far as the provider told it */
    int64_t             text_len;   /* bytes of text that were seen */
    int64_t             counted;    /* tokens of it */
    unsigned            exact:1;    /* by the model's vocabulary */
    unsigned            tried:1;    /* there was an attempt */
    unsigned            sent:1;     /* the whole request went out, and the
                                       attempt did not fail for nothing */
    unsigned            lost:1;     /* the connection broke, or was silent for
                                       too long */
    unsigned            stream:1;   /* the answer comes in events */
    unsigned            metered:1;  /* it is paid by its tokens */
    unsigned            reasons:1;  /* its model thinks unseen */
    unsigned            complete:1; /* it came to its end */
    unsigned            finished:1; /* all of its text was there */
    unsigned            ended:1;    /* its last event was seen: no usage can
                                       come behind it */
    unsigned            failed:1;   /* by an error event */
    unsigned            cut:1;      /* by us: what was passed on is what
                                       counts */
    unsigned            silent:1;   /* since Redis did not answer */
    unsigned            held:1;     /* an event waited for a lease until it
                                       was over: as if it were cut */
    unsigned            left:1;     /* its client has gone */
} soma_outcome_t;


/* the most that a request may use, in a usage's units; tokens of all of its
 * answers together.  The pieces are always due, the tokens where
 * soma_bill_basis() says so */
typedef struct {
    int64_t             input_tokens;
    int64_t             output_tokens;
    int64_t             images;
    int64_t             image_pico; /* pico-USD each, below 0: by the price */
    int64_t             characters; /* of speech */
    int64_t             audio_ms;   /* of transcribed sound */
    soma_tier_e         tier;       /* that was asked for */
} soma_reservation_t;


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
int soma_bill_doubt(const soma_outcome_t *outcome);

/* which of the above is due: TEXT needs "counted", "exact" and the tokens of
 * the prompt, RESERVED all that is reserved */
soma_bill_e soma_bill_basis(const soma_outcome_t *outcome);

/* the row of the table that says so, in words; there are so many */
#define SOMA_BILL_RULES  12

const char *soma_bill_rule(const soma_outcome_t *outcome);

/* the usage that is due */
void soma_bill(const soma_outcome_t *outcome,
    const soma_reservation_t *reserved, soma_usage_t *usage);

/* the usage of what is booked at its reservation */
void soma_bill_reserved(const soma_reservation_t *reserved,
    soma_usage_t *usage);

/* the error of the record, empty: none */
soma_str_t soma_bill_error(const soma_outcome_t *outcome);


#endif /* SOMA_BILL_H */
