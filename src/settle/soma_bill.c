
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_bill.h"


static int soma_bill_hidden(const soma_bill_t *bill);
static void soma_bill_text(const soma_bill_t *bill, soma_usage_t *usage);
static void soma_bill_pieces(const soma_bill_t *bill, soma_usage_t *usage);


int
soma_bill_doubt(unsigned sent, int status, unsigned lost)
{
    return sent && lost && (status == 0 || (status >= 200 && status < 300));
}


soma_bill_e
soma_bill_basis(const soma_bill_t *bill)
{
    if (bill->status == 0) {
        return bill->sent ? SOMA_BILL_RESERVED : SOMA_BILL_NOTHING;
    }

    if (bill->status >= 300) {
        return SOMA_BILL_NOTHING;
    }

    if (bill->cut) {
        return SOMA_BILL_TEXT;
    }

    if (bill->complete && bill->usage.known) {
        return SOMA_BILL_USAGE;
    }

    if (bill->failed && !bill->usage.known && bill->text_len == 0) {

        /* an error instead of an answer */

        return SOMA_BILL_NOTHING;
    }

    if (bill->usage.known && !bill->stream) {
        return SOMA_BILL_USAGE;
    }

    return soma_bill_hidden(bill) ? SOMA_BILL_RESERVED : SOMA_BILL_TEXT;
}


/*
 * Text that was seen to its end is all there is of an answer.  Of one that
 * was left in the middle there may be more: what its model thought before,
 * which only the usage behind the text would have told, and of a plain
 * answer, which its provider has made before it sends any of it, all the
 * rest.
 */
static int
soma_bill_hidden(const soma_bill_t *bill)
{
    if (bill->text_len == 0) {
        return bill->metered || !bill->complete;
    }

    return bill->stream ? (bill->reasons && !bill->ended) : !bill->complete;
}


void
soma_bill(const soma_bill_t *bill, soma_usage_t *usage)
{
    switch (soma_bill_basis(bill)) {

    case SOMA_BILL_USAGE:
        *usage = bill->usage;
        usage->basis = SOMA_BASIS_REPORTED;
        soma_bill_pieces(bill, usage);
        break;

    case SOMA_BILL_TEXT:
        soma_bill_text(bill, usage);
        break;

    case SOMA_BILL_RESERVED:
        soma_bill_reserved(&bill->reserved, bill->tier, usage);

        /* what the provider said on its way may be more than that */

        if (bill->usage.known) {

            if (bill->usage.output_tokens > usage->output_tokens) {
                usage->output_tokens = bill->usage.output_tokens;
            }

            usage->input_tokens = bill->usage.input_tokens;
            usage->cached_tokens = bill->usage.cached_tokens;
            usage->cache_write_tokens = bill->usage.cache_write_tokens;
            usage->cache_write_1h_tokens = bill->usage.cache_write_1h_tokens;
        }

        break;

    default: /* SOMA_BILL_NOTHING */
        memset(usage, 0, sizeof(soma_usage_t));
    }
}


static void
soma_bill_text(const soma_bill_t *bill, soma_usage_t *usage)
{
    *usage = bill->usage;

    if (!bill->usage.known) {
        usage->input_tokens = bill->reserved.input_tokens;
        usage->tier = bill->tier;
    }

    soma_bill_pieces(bill, usage);

    if (!bill->cut && bill->usage.known
        && bill->usage.output_tokens >= bill->counted)
    {
        /* it tells its usage as it goes, and has told it up to here */

        usage->basis = SOMA_BASIS_REPORTED;
        return;
    }

    usage->output_tokens = bill->counted;
    usage->known = (bill->cut && bill->exact);
    usage->estimated = !usage->known;
    usage->basis = bill->exact ? SOMA_BASIS_COUNTED : SOMA_BASIS_ESTIMATED;
}


/* as the provider counted them, or as they were asked for */
static void
soma_bill_pieces(const soma_bill_t *bill, soma_usage_t *usage)
{
    if (usage->images == 0) {
        usage->images = bill->reserved.images;
    }

    if (bill->reserved.image_pico > 0) {
        usage->image_pico = bill->reserved.image_pico;
    }

    if (usage->characters == 0) {
        usage->characters = bill->reserved.characters;
    }

    if (usage->audio_ms == 0) {
        usage->audio_ms = bill->reserved.audio_ms;
    }
}


void
soma_bill_reserved(const soma_reservation_t *reserved, soma_tier_e tier,
    soma_usage_t *usage)
{
    memset(usage, 0, sizeof(soma_usage_t));

    usage->input_tokens = reserved->input_tokens;
    usage->output_tokens = reserved->output_tokens;
    usage->images = reserved->images;
    usage->image_pico = reserved->image_pico > 0 ? reserved->image_pico : 0;
    usage->characters = reserved->characters;
    usage->audio_ms = reserved->audio_ms;
    usage->tier = tier;
    usage->estimated = 1;
    usage->basis = SOMA_BASIS_RESERVED;
}
