
/*
 * Copyright (C) The ngx_soma authors
 *
 * A row for each way in which a request may end.
 */


#include "soma_test.h"
#include "soma_bill.h"


#define PROMPT  100     /* tokens reserved for the prompt */
#define BOUND   4096    /* and for the answer */
#define COUNTED 25      /* of the text that was seen */


typedef struct {
    const char    *name;
    int            status;
    const char    *flags;       /* letters of soma_bill_t's, see bill_of() */
    int64_t        text;        /* bytes seen */
    int64_t        in, out;     /* reported, -1: not */
    int64_t        want_in;
    int64_t        want_out;
    soma_basis_e   basis;
    unsigned       estimated;
} bill_row_t;


#define REPORTED   SOMA_BASIS_REPORTED
#define COUNT      SOMA_BASIS_COUNTED
#define ESTIMATED  SOMA_BASIS_ESTIMATED
#define RESERVED   SOMA_BASIS_RESERVED


/* m metered, o sent, s stream, c complete, d ended, f failed, x cut,
 * r reasons, e exact */
static const bill_row_t  rows[] = {

    /* no answer began */

    { "no connection was made", 0, "m", 0, -1, -1, 0, 0, REPORTED, 0 },
    { "the client left before its request was out",
      0, "ms", 0, -1, -1, 0, 0, REPORTED, 0 },
    { "the client left before a plain answer",
      0, "mo", 0, -1, -1, PROMPT, BOUND, RESERVED, 1 },
    { "the client left before a stream began",
      0, "mos", 0, -1, -1, PROMPT, BOUND, RESERVED, 1 },
    { "the client left an embedding",
      0, "o", 0, -1, -1, PROMPT, BOUND, RESERVED, 1 },

    /* refusals */

    { "the provider answers 400", 400, "moc", 0, -1, -1, 0, 0, REPORTED, 0 },
    { "the provider answers 429", 429, "moc", 0, -1, -1, 0, 0, REPORTED, 0 },
    { "the provider answers 500 with a usage",
      500, "moc", 0, 11, 7, 0, 0, REPORTED, 0 },
    { "the provider answers 302", 302, "moc", 0, -1, -1, 0, 0, REPORTED, 0 },
    { "an error of 500 is cut", 500, "mo", 40, -1, -1, 0, 0, REPORTED, 0 },

    /* plain answers */

    { "a whole plain answer with usage",
      200, "moc", 100, 11, 7, 11, 7, REPORTED, 0 },
    { "an explicit 0 is 0", 200, "moc", 100, 0, 0, 0, 0, REPORTED, 0 },
    { "a whole plain answer without usage: its text",
      200, "moc", 100, -1, -1, PROMPT, COUNTED, ESTIMATED, 1 },
    { "the same of a model that reasons",
      200, "mocr", 100, -1, -1, PROMPT, COUNTED, ESTIMATED, 1 },
    { "neither usage nor text",
      200, "moc", 0, -1, -1, PROMPT, BOUND, RESERVED, 1 },
    { "a cut plain answer", 200, "mo", 100, -1, -1, PROMPT, BOUND, RESERVED,
      1 },
    { "a plain answer cut before its text",
      200, "mo", 0, -1, -1, PROMPT, BOUND, RESERVED, 1 },
    { "a plain answer cut behind its usage",
      200, "mo", 100, 11, 7, 11, 7, REPORTED, 0 },
    { "what is not paid by its tokens and says no usage",
      200, "oc", 0, -1, -1, PROMPT, 0, ESTIMATED, 1 },

    /* streams */

    { "a whole stream with usage",
      200, "moscd", 100, 11, 7, 11, 7, REPORTED, 0 },
    { "a whole stream without usage",
      200, "mosc", 100, -1, -1, PROMPT, COUNTED, ESTIMATED, 1 },
    { "a whole stream without usage, by a vocabulary",
      200, "mosce", 100, -1, -1, PROMPT, COUNTED, COUNT, 1 },
    { "a whole stream without usage and text",
      200, "mosc", 0, -1, -1, PROMPT, BOUND, RESERVED, 1 },
    { "a stream that its client left",
      200, "mos", 100, -1, -1, PROMPT, COUNTED, ESTIMATED, 1 },
    { "a stream that its client left before any text",
      200, "mos", 0, -1, -1, PROMPT, BOUND, RESERVED, 1 },
    { "a stream of a model that reasons, left",
      200, "mosr", 100, -1, -1, PROMPT, BOUND, RESERVED, 1 },
    { "the same, left behind its finish and before its usage",
      200, "moscr", 100, -1, -1, PROMPT, BOUND, RESERVED, 1 },
    { "the same to its end, which tells no usage",
      200, "moscdr", 100, -1, -1, PROMPT, COUNTED, ESTIMATED, 1 },
    { "a left stream whose usage is told as it goes",
      200, "mos", 100, 11, 30, 11, 30, REPORTED, 0 },
    { "a left stream whose first event told an early usage",
      200, "mos", 100, 11, 1, 11, COUNTED, ESTIMATED, 1 },
    { "a left stream that told an early usage and thinks",
      200, "mos", 0, 11, 1, 11, BOUND, RESERVED, 1 },
    { "a left stream that told more than was reserved",
      200, "mosr", 100, 11, 9000, 11, 9000, RESERVED, 1 },
    { "an error event instead of an answer",
      200, "moscf", 0, -1, -1, 0, 0, REPORTED, 0 },
    { "an error event behind some text",
      200, "moscf", 100, -1, -1, PROMPT, COUNTED, ESTIMATED, 1 },
    { "an error event with usage",
      200, "moscf", 0, 11, 7, 11, 7, REPORTED, 0 },

    /* cut by us: what went to the client, whatever was said */

    { "a stream is cut for its budget",
      200, "moscx", 100, -1, -1, PROMPT, COUNTED, ESTIMATED, 1 },
    { "a stream is cut, and was counted exactly",
      200, "moscxe", 100, -1, -1, PROMPT, COUNTED, COUNT, 0 },
    { "a stream is cut, and told more",
      200, "moscx", 100, 11, 90, 11, COUNTED, ESTIMATED, 1 },
    { "a stream is cut before its first text",
      200, "moscx", 0, -1, -1, PROMPT, COUNTED, ESTIMATED, 1 },
    { "a stream of a model that reasons is cut",
      200, "moscxr", 100, -1, -1, PROMPT, COUNTED, ESTIMATED, 1 }
};


static void
bill_of(soma_bill_t *bill, const bill_row_t *row)
{
    memset(bill, 0, sizeof(soma_bill_t));

    bill->status = row->status;
    bill->text_len = row->text;
    bill->counted = COUNTED;
    bill->reserved.input_tokens = PROMPT;
    bill->reserved.output_tokens = BOUND;
    bill->tier = SOMA_TIER_PRIORITY;

    bill->metered = (strchr(row->flags, 'm') != NULL);
    bill->sent = (strchr(row->flags, 'o') != NULL);
    bill->stream = (strchr(row->flags, 's') != NULL);
    bill->complete = (strchr(row->flags, 'c') != NULL);
    bill->ended = (strchr(row->flags, 'd') != NULL);
    bill->failed = (strchr(row->flags, 'f') != NULL);
    bill->cut = (strchr(row->flags, 'x') != NULL);
    bill->reasons = (strchr(row->flags, 'r') != NULL);
    bill->exact = (strchr(row->flags, 'e') != NULL);

    if (row->in >= 0) {
        bill->usage.known = 1;
        bill->usage.input_tokens = row->in;
        bill->usage.output_tokens = row->out;
    }
}


static void
test_rows(void)
{
    size_t        i;
    soma_bill_t   bill;
    soma_usage_t  usage;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {

        bill_of(&bill, &rows[i]);

        if (!bill.metered && bill.complete) {
            bill.reserved.output_tokens = 0;
            bill.counted = 0;
        }

        memset(&usage, 0xa5, sizeof(usage));
        soma_bill(&bill, &usage);

        soma_is_int(usage.input_tokens, rows[i].want_in, "%s: prompt",
                    rows[i].name);
        soma_is_int(usage.output_tokens, rows[i].want_out, "%s: answer",
                    rows[i].name);
        soma_is_int(usage.basis, rows[i].basis, "%s: basis", rows[i].name);
        soma_is_int(usage.estimated, rows[i].estimated, "%s: estimated",
                    rows[i].name);
    }
}


/* what is paid by the piece stands in the request */
static void
test_pieces(void)
{
    soma_bill_t   bill;
    soma_usage_t  usage;

    memset(&bill, 0, sizeof(bill));

    bill.status = 200;
    bill.complete = 1;
    bill.sent = 1;
    bill.reserved.images = 3;
    bill.reserved.characters = 240;
    bill.reserved.audio_ms = 5000;

    soma_bill(&bill, &usage);
    soma_ok(usage.images == 3 && usage.characters == 240
            && usage.audio_ms == 5000 && usage.estimated,
            "pieces are billed where no usage tells them");

    bill.usage.known = 1;
    bill.usage.images = 2;
    soma_bill(&bill, &usage);
    soma_ok(usage.images == 2 && usage.characters == 240 && usage.known
            && !usage.estimated, "and where it tells, as it says");

    bill.status = 0;
    soma_bill(&bill, &usage);
    soma_ok(usage.images == 3 && usage.audio_ms == 5000
            && usage.basis == SOMA_BASIS_RESERVED,
            "who leaves before the pictures are there pays them");

    bill.sent = 0;
    soma_bill(&bill, &usage);
    soma_ok(usage.images == 0 && usage.characters == 0,
            "who leaves before they are asked for does not");
}


/* the tier that was asked for is the one that is booked when none was told */
static void
test_tier(void)
{
    soma_bill_t   bill;
    soma_usage_t  usage;

    memset(&bill, 0, sizeof(bill));

    bill.tier = SOMA_TIER_PRIORITY;
    bill.metered = 1;
    bill.sent = 1;

    soma_bill(&bill, &usage);
    soma_is_int(usage.tier, SOMA_TIER_PRIORITY, "a tier, reserved");

    bill.status = 200;
    bill.stream = 1;
    bill.text_len = 9;
    soma_bill(&bill, &usage);
    soma_is_int(usage.tier, SOMA_TIER_PRIORITY, "a tier, counted");

    bill.usage.known = 1;
    bill.complete = 1;
    soma_bill(&bill, &usage);
    soma_is_int(usage.tier, SOMA_TIER_DEFAULT, "a tier, as it was told");
}


static void
test_doubt(void)
{
    soma_is_int(soma_bill_doubt(1, 0, 1), 1, "silence may have cost");
    soma_is_int(soma_bill_doubt(1, 200, 1), 1, "half an answer has cost");
    soma_is_int(soma_bill_doubt(0, 0, 1), 0, "what was not sent is free");
    soma_is_int(soma_bill_doubt(1, 0, 0), 0, "what is no answer is free");
    soma_is_int(soma_bill_doubt(1, 200, 0), 0, "an error of 200 is free");
    soma_is_int(soma_bill_doubt(1, 503, 1), 0, "half an error is free");
    soma_is_int(soma_bill_doubt(1, 429, 1), 0, "a refusal is free");
}


int
main(void)
{
    test_rows();
    test_pieces();
    test_tier();
    test_doubt();

    return soma_done();
}
