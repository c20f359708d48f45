
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_bill.h"


/* what of an outcome the tables look at */
enum {
    SOMA_BILL_TRIED    = 1 << 0,
    SOMA_BILL_SENT     = 1 << 1,
    SOMA_BILL_BEGUN    = 1 << 2,    /* there is an answer */
    SOMA_BILL_REFUSED  = 1 << 3,    /* which is none of 2xx */
    SOMA_BILL_STREAM   = 1 << 4,
    SOMA_BILL_METERED  = 1 << 5,
    SOMA_BILL_REASONS  = 1 << 6,
    SOMA_BILL_KNOWN    = 1 << 7,    /* a usage was told */
    SOMA_BILL_SEEN     = 1 << 8,    /* some text was */
    SOMA_BILL_WHOLE    = 1 << 9,    /* all of it was */
    SOMA_BILL_COMPLETE = 1 << 10,   /* and what stands behind it */
    SOMA_BILL_ENDED    = 1 << 11,
    SOMA_BILL_FAILED   = 1 << 12,
    SOMA_BILL_STOPPED  = 1 << 13,   /* by us */
    SOMA_BILL_CUT      = 1 << 14,   /* and its client was told so */
    SOMA_BILL_SILENT   = 1 << 15,
    SOMA_BILL_LEFT     = 1 << 16,
    SOMA_BILL_FAULT    = 1 << 17,
    SOMA_BILL_BAD      = 1 << 18    /* the client was told an error */
};


/* the first row counts whose "is" are all there, and none of its "not" */

typedef struct {
    const char   *rule;
    unsigned      is;
    unsigned      not;
    soma_bill_e   basis;
} soma_bill_row_t;


/*
 * Text that was seen to its end is all there is of an answer.  Of one that
 * was left in the middle there may be more: what its model thought before,
 * which only the usage behind the text would have told, and of a plain
 * answer, which its provider has made before it sends any of it, all the
 * rest.
 */
static const soma_bill_row_t  soma_bill_rows[SOMA_BILL_RULES] = {

    { "it was never sent",
      0, SOMA_BILL_BEGUN|SOMA_BILL_SENT, SOMA_BILL_NOTHING },

    { "it was sent, and no answer came",
      0, SOMA_BILL_BEGUN, SOMA_BILL_RESERVED },

    { "its provider refused it",
      SOMA_BILL_REFUSED, 0, SOMA_BILL_NOTHING },

    { "it was cut here: what was passed on",
      SOMA_BILL_STOPPED, 0, SOMA_BILL_TEXT },

    { "it is whole, and told its usage",
      SOMA_BILL_WHOLE|SOMA_BILL_KNOWN, 0, SOMA_BILL_USAGE },

    { "an error event instead of an answer",
      SOMA_BILL_FAILED, SOMA_BILL_KNOWN|SOMA_BILL_SEEN, SOMA_BILL_NOTHING },

    { "a plain answer told its usage before it broke off",
      SOMA_BILL_KNOWN, SOMA_BILL_STREAM, SOMA_BILL_USAGE },

    { "it is paid by its tokens, and no text was seen",
      SOMA_BILL_METERED, SOMA_BILL_SEEN, SOMA_BILL_RESERVED },

    { "it broke off before any text",
      0, SOMA_BILL_SEEN|SOMA_BILL_WHOLE, SOMA_BILL_RESERVED },

    { "a plain answer broke off",
      0, SOMA_BILL_STREAM|SOMA_BILL_WHOLE, SOMA_BILL_RESERVED },

    { "a stream that thinks was left before its last event",
      SOMA_BILL_STREAM|SOMA_BILL_REASONS|SOMA_BILL_SEEN, SOMA_BILL_ENDED,
      SOMA_BILL_RESERVED },

    { "what was seen is all there was",
      0, 0, SOMA_BILL_TEXT }
};


typedef struct {
    const char   *error;        /* NULL: the code of our own */
    unsigned      is;
    unsigned      not;
} soma_bill_error_t;


static const soma_bill_error_t  soma_bill_errors[] = {
    { NULL, SOMA_BILL_FAULT, SOMA_BILL_BEGUN },
    { "limit_store_unavailable", SOMA_BILL_CUT|SOMA_BILL_SILENT, 0 },
    { "budget_cut", SOMA_BILL_CUT, 0 },
    { "provider_error_event", SOMA_BILL_FAILED, 0 },
    { "", 0, SOMA_BILL_TRIED },
    { "client_closed", SOMA_BILL_LEFT, SOMA_BILL_COMPLETE },
    { "stream_broken", 0, SOMA_BILL_COMPLETE },
    { "provider_error", SOMA_BILL_BAD, 0 },
    { "", 0, 0 }
};


static const soma_bill_row_t *soma_bill_row(const soma_outcome_t *outcome);
static unsigned soma_bill_facts(const soma_outcome_t *outcome);
static void soma_bill_text(const soma_outcome_t *outcome,
    const soma_reservation_t *reserved, soma_usage_t *usage);
static void soma_bill_pieces(const soma_reservation_t *reserved,
    soma_usage_t *usage);


int
soma_bill_doubt(const soma_outcome_t *outcome)
{
    return outcome->sent && outcome->lost
           && (outcome->status == 0
               || (outcome->status >= 200 && outcome->status < 300));
}


soma_bill_e
soma_bill_basis(const soma_outcome_t *outcome)
{
    return soma_bill_row(outcome)->basis;
}


const char *
soma_bill_rule(const soma_outcome_t *outcome)
{
    return soma_bill_row(outcome)->rule;
}


static const soma_bill_row_t *
soma_bill_row(const soma_outcome_t *outcome)
{
    unsigned                facts;
    const soma_bill_row_t  *row;

    facts = soma_bill_facts(outcome);

    for (row = soma_bill_rows;
         (facts & row->is) != row->is || (facts & row->not) != 0;
         row++)
    {
        /* void: the last row is any outcome's */
    }

    return row;
}


static unsigned
soma_bill_facts(const soma_outcome_t *outcome)
{
    unsigned  facts;

    facts = 0;

    facts |= outcome->tried ? SOMA_BILL_TRIED : 0;
    facts |= outcome->sent ? SOMA_BILL_SENT : 0;
    facts |= (outcome->status != 0) ? SOMA_BILL_BEGUN : 0;
    facts |= (outcome->status >= 300) ? SOMA_BILL_REFUSED : 0;
    facts |= outcome->stream ? SOMA_BILL_STREAM : 0;
    facts |= outcome->metered ? SOMA_BILL_METERED : 0;
    facts |= outcome->reasons ? SOMA_BILL_REASONS : 0;
    facts |= outcome->usage.known ? SOMA_BILL_KNOWN : 0;
    facts |= (outcome->text_len != 0) ? SOMA_BILL_SEEN : 0;
    facts |= (outcome->complete || outcome->finished) ? SOMA_BILL_WHOLE : 0;
    facts |= outcome->complete ? SOMA_BILL_COMPLETE : 0;
    facts |= outcome->ended ? SOMA_BILL_ENDED : 0;
    facts |= outcome->failed ? SOMA_BILL_FAILED : 0;
    facts |= (outcome->cut || outcome->held) ? SOMA_BILL_STOPPED : 0;
    facts |= outcome->cut ? SOMA_BILL_CUT : 0;
    facts |= outcome->silent ? SOMA_BILL_SILENT : 0;
    facts |= outcome->left ? SOMA_BILL_LEFT : 0;
    facts |= (outcome->fault.len != 0) ? SOMA_BILL_FAULT : 0;
    facts |= (outcome->told >= 400) ? SOMA_BILL_BAD : 0;

    return facts;
}


soma_str_t
soma_bill_error(const soma_outcome_t *outcome)
{
    unsigned                  facts;
    soma_str_t                error;
    const soma_bill_error_t  *row;

    facts = soma_bill_facts(outcome);

    for (row = soma_bill_errors;
         (facts & row->is) != row->is || (facts & row->not) != 0;
         row++)
    {
        /* void: the last row is any outcome's */
    }

    if (row->error == NULL) {
        return outcome->fault;
    }

    error.data = (unsigned char *) (uintptr_t) row->error;
    error.len = strlen(row->error);

    return error;
}


void
soma_bill(const soma_outcome_t *outcome, const soma_reservation_t *reserved,
    soma_usage_t *usage)
{
    switch (soma_bill_basis(outcome)) {

    case SOMA_BILL_USAGE:
        *usage = outcome->usage;
        usage->basis = SOMA_BASIS_REPORTED;
        soma_bill_pieces(reserved, usage);
        break;

    case SOMA_BILL_TEXT:
        soma_bill_text(outcome, reserved, usage);
        break;

    case SOMA_BILL_RESERVED:
        soma_bill_reserved(reserved, usage);

        /* what the provider said on its way may be more than that */

        if (outcome->usage.known) {

            if (outcome->usage.output_tokens > usage->output_tokens) {
                usage->output_tokens = outcome->usage.output_tokens;
            }

            usage->input_tokens = outcome->usage.input_tokens;
            usage->cached_tokens = outcome->usage.cached_tokens;
            usage->cache_write_tokens = outcome->usage.cache_write_tokens;
            usage->cache_write_1h_tokens =
                                       outcome->usage.cache_write_1h_tokens;
        }

        break;

    default: /* SOMA_BILL_NOTHING */
        memset(usage, 0, sizeof(soma_usage_t));
    }
}


static void
soma_bill_text(const soma_outcome_t *outcome,
    const soma_reservation_t *reserved, soma_usage_t *usage)
{
    unsigned  stopped;

    *usage = outcome->usage;
    stopped = outcome->cut || outcome->held;

    if (!outcome->usage.known) {
        usage->input_tokens = reserved->input_tokens;
        usage->tier = reserved->tier;
    }

    soma_bill_pieces(reserved, usage);

    if (!stopped && outcome->usage.known
        && outcome->usage.output_tokens >= outcome->counted)
    {
        /* it tells its usage as it goes, and has told it up to here */

        usage->basis = SOMA_BASIS_REPORTED;
        return;
    }

    usage->output_tokens = outcome->counted;
    usage->known = (stopped && outcome->exact);
    usage->estimated = !usage->known;
    usage->basis = outcome->exact ? SOMA_BASIS_COUNTED : SOMA_BASIS_ESTIMATED;
}


/* as the provider counted them, or as they were asked for */
static void
soma_bill_pieces(const soma_reservation_t *reserved, soma_usage_t *usage)
{
    if (usage->images == 0) {
        usage->images = reserved->images;
    }

    if (reserved->image_pico > 0) {
        usage->image_pico = reserved->image_pico;
    }

    if (usage->characters == 0) {
        usage->characters = reserved->characters;
    }

    if (usage->audio_ms == 0) {
        usage->audio_ms = reserved->audio_ms;
    }
}


void
soma_bill_reserved(const soma_reservation_t *reserved, soma_usage_t *usage)
{
    memset(usage, 0, sizeof(soma_usage_t));

    usage->input_tokens = reserved->input_tokens;
    usage->output_tokens = reserved->output_tokens;
    usage->images = reserved->images;
    usage->image_pico = reserved->image_pico > 0 ? reserved->image_pico : 0;
    usage->characters = reserved->characters;
    usage->audio_ms = reserved->audio_ms;
    usage->tier = reserved->tier;
    usage->estimated = 1;
    usage->basis = SOMA_BASIS_RESERVED;
}
