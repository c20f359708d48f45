
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
    const char    *flags;       /* letters of an outcome's, see outcome_of() */
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


/* m metered, o sent, s stream, c complete, n finished, d ended, f failed,
 * x cut, h held, r reasons, e exact */
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
    { "the same, cut before its end",
      200, "o", 0, -1, -1, PROMPT, BOUND, RESERVED, 1 },

    /* streams */

    { "a whole stream with usage",
      200, "moscd", 100, 11, 7, 11, 7, REPORTED, 0 },
    { "a whole stream without usage",
      200, "mosc", 100, -1, -1, PROMPT, COUNTED, ESTIMATED, 1 },
    { "a stream that was left behind its finish and usage",
      200, "mosn", 100, 11, 7, 11, 7, REPORTED, 0 },
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
      200, "moscxr", 100, -1, -1, PROMPT, COUNTED, ESTIMATED, 1 },
    { "a stream that waited for a lease until it was over",
      200, "moshe", 100, -1, -1, PROMPT, COUNTED, COUNT, 0 },
    { "the same of a model that reasons",
      200, "moshr", 100, 11, 90, 11, COUNTED, ESTIMATED, 1 }
};


static soma_reservation_t
reservation(void)
{
    soma_reservation_t  reserved;

    memset(&reserved, 0, sizeof(reserved));

    reserved.input_tokens = PROMPT;
    reserved.output_tokens = BOUND;
    reserved.tier = SOMA_TIER_PRIORITY;

    return reserved;
}


static void
outcome_of(soma_outcome_t *outcome, const bill_row_t *row)
{
    memset(outcome, 0, sizeof(soma_outcome_t));

    outcome->status = row->status;
    outcome->text_len = row->text;
    outcome->counted = COUNTED;

    outcome->metered = (strchr(row->flags, 'm') != NULL);
    outcome->sent = (strchr(row->flags, 'o') != NULL);
    outcome->stream = (strchr(row->flags, 's') != NULL);
    outcome->complete = (strchr(row->flags, 'c') != NULL);
    outcome->finished = (strchr(row->flags, 'n') != NULL);
    outcome->ended = (strchr(row->flags, 'd') != NULL);
    outcome->failed = (strchr(row->flags, 'f') != NULL);
    outcome->cut = (strchr(row->flags, 'x') != NULL);
    outcome->held = (strchr(row->flags, 'h') != NULL);
    outcome->reasons = (strchr(row->flags, 'r') != NULL);
    outcome->exact = (strchr(row->flags, 'e') != NULL);

    if (row->in >= 0) {
        outcome->usage.known = 1;
        outcome->usage.input_tokens = row->in;
        outcome->usage.output_tokens = row->out;
    }
}


/* whether that rule is a new one */
static unsigned
rule_seen(const char *rule)
{
    unsigned            i;
    static unsigned     n;
    static const char  *seen[SOMA_BILL_RULES];

    for (i = 0; i < n; i++) {
        if (strcmp(seen[i], rule) == 0) {
            return 0;
        }
    }

    if (n < SOMA_BILL_RULES) {
        seen[n++] = rule;
    }

    return 1;
}


static void
test_rows(void)
{
    size_t               i;
    unsigned             rules;
    soma_usage_t         usage;
    soma_outcome_t       outcome;
    soma_reservation_t   reserved;

    rules = 0;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {

        outcome_of(&outcome, &rows[i]);
        reserved = reservation();

        if (!outcome.metered && outcome.complete) {
            reserved.output_tokens = 0;
            outcome.counted = 0;
        }

        memset(&usage, 0xa5, sizeof(usage));
        soma_bill(&outcome, &reserved, &usage);
        rules += rule_seen(soma_bill_rule(&outcome));

        soma_is_int(usage.input_tokens, rows[i].want_in, "%s: prompt",
                    rows[i].name);
        soma_is_int(usage.output_tokens, rows[i].want_out, "%s: answer",
                    rows[i].name);
        soma_is_int(usage.basis, rows[i].basis, "%s: basis", rows[i].name);
        soma_is_int(usage.estimated, rows[i].estimated, "%s: estimated",
                    rows[i].name);
    }

    soma_is_int(rules, SOMA_BILL_RULES, "each rule has decided one of them");
}


/* what is paid by the piece stands in the request */
static void
test_pieces(void)
{
    soma_usage_t         usage;
    soma_outcome_t       outcome;
    soma_reservation_t   reserved;

    memset(&outcome, 0, sizeof(outcome));
    memset(&reserved, 0, sizeof(reserved));

    outcome.status = 200;
    outcome.complete = 1;
    outcome.sent = 1;
    reserved.images = 3;
    reserved.characters = 240;
    reserved.audio_ms = 5000;

    soma_bill(&outcome, &reserved, &usage);
    soma_ok(usage.images == 3 && usage.characters == 240
            && usage.audio_ms == 5000 && usage.estimated,
            "pieces are billed where no usage tells them");

    outcome.usage.known = 1;
    outcome.usage.images = 2;
    soma_bill(&outcome, &reserved, &usage);
    soma_ok(usage.images == 2 && usage.characters == 240 && usage.known
            && !usage.estimated, "and where it tells, as it says");

    outcome.status = 0;
    soma_bill(&outcome, &reserved, &usage);
    soma_ok(usage.images == 3 && usage.audio_ms == 5000
            && usage.basis == SOMA_BASIS_RESERVED,
            "who leaves before the pictures are there pays them");

    outcome.sent = 0;
    soma_bill(&outcome, &reserved, &usage);
    soma_ok(usage.images == 0 && usage.characters == 0,
            "who leaves before they are asked for does not");
}


/* the tier that was asked for is the one that is booked when none was told */
static void
test_tier(void)
{
    soma_usage_t         usage;
    soma_outcome_t       outcome;
    soma_reservation_t   reserved;

    memset(&outcome, 0, sizeof(outcome));

    reserved = reservation();
    outcome.metered = 1;
    outcome.sent = 1;

    soma_bill(&outcome, &reserved, &usage);
    soma_is_int(usage.tier, SOMA_TIER_PRIORITY, "a tier, reserved");

    outcome.status = 200;
    outcome.stream = 1;
    outcome.text_len = 9;
    soma_bill(&outcome, &reserved, &usage);
    soma_is_int(usage.tier, SOMA_TIER_PRIORITY, "a tier, counted");

    outcome.usage.known = 1;
    outcome.complete = 1;
    soma_bill(&outcome, &reserved, &usage);
    soma_is_int(usage.tier, SOMA_TIER_DEFAULT, "a tier, as it was told");
}


/* attempts that failed, and may have cost something all the same */
static void
test_doubt(void)
{
    size_t          i;
    soma_outcome_t  outcome;

    static const struct {
        const char  *name;
        int          status;
        unsigned     sent;
        unsigned     lost;
        int          doubt;
    } doubts[] = {
        { "silence may have cost", 0, 1, 1, 1 },
        { "half an answer has cost", 200, 1, 1, 1 },
        { "what was not sent is free", 0, 0, 1, 0 },
        { "what is no answer is free", 0, 1, 0, 0 },
        { "an error of 200 is free", 200, 1, 0, 0 },
        { "half an error is free", 503, 1, 1, 0 },
        { "a refusal is free", 429, 1, 1, 0 }
    };

    for (i = 0; i < sizeof(doubts) / sizeof(doubts[0]); i++) {
        memset(&outcome, 0, sizeof(outcome));

        outcome.status = doubts[i].status;
        outcome.sent = doubts[i].sent;
        outcome.lost = doubts[i].lost;

        soma_is_int(soma_bill_doubt(&outcome), doubts[i].doubt, "%s",
                    doubts[i].name);
    }
}


/* what the record says: t tried, c complete, f failed, x cut, i silent,
 * l left, o an error of our own */
static void
test_errors(void)
{
    size_t           i;
    soma_str_t       error;
    soma_outcome_t   outcome;

    static const struct {
        const char  *name;
        int          status;
        int          told;
        const char  *flags;
        const char  *error;
    } errors[] = {
        { "all is well", 200, 200, "tc", "" },
        { "a service that was let in", 0, 200, "", "" },
        { "a service that its client left", 0, 499, "l", "" },
        { "an error of our own", 0, 502, "to", "our_own" },
        { "an error of our own, of a client that left", 0, 499, "tol",
          "our_own" },
        { "one that came behind an answer is not its error",
          200, 200, "tco", "" },
        { "cut for its budget", 200, 200, "tcx", "budget_cut" },
        { "cut for Redis is silent", 200, 200, "tcxi",
          "limit_store_unavailable" },
        { "Redis was silent, and it was not cut", 200, 200, "tci", "" },
        { "an error event", 200, 200, "tcf", "provider_error_event" },
        { "its client has gone", 200, 200, "tl", "client_closed" },
        { "its client has gone behind the end", 200, 200, "tcl", "" },
        { "it broke off", 200, 200, "t", "stream_broken" },
        { "its provider refused", 429, 429, "tc", "provider_error" }
    };

    for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        memset(&outcome, 0, sizeof(outcome));

        outcome.status = errors[i].status;
        outcome.told = errors[i].told;
        outcome.tried = (strchr(errors[i].flags, 't') != NULL);
        outcome.complete = (strchr(errors[i].flags, 'c') != NULL);
        outcome.failed = (strchr(errors[i].flags, 'f') != NULL);
        outcome.cut = (strchr(errors[i].flags, 'x') != NULL);
        outcome.silent = (strchr(errors[i].flags, 'i') != NULL);
        outcome.left = (strchr(errors[i].flags, 'l') != NULL);

        if (strchr(errors[i].flags, 'o') != NULL) {
            outcome.fault = SOMA_STR("our_own");
        }

        error = soma_bill_error(&outcome);

        soma_is_str(error.data, error.len, errors[i].error, "%s",
                    errors[i].name);
    }
}


int
main(void)
{
    test_rows();
    test_pieces();
    test_tier();
    test_doubt();
    test_errors();

    return soma_done();
}
