
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a model does not take of a request, whatever its dialect.
 */


#include "soma_write.h"


#define SOMA_WRITE_FACT  "is not taken by this model"


static int soma_write_sampling(soma_inner_request_t *fit,
    soma_inner_loss_t *loss);
static int soma_write_reasons(soma_inner_request_t *fit,
    soma_inner_loss_t *loss);
static int soma_write_forms(soma_inner_request_t *fit,
    soma_inner_loss_t *loss);
static int soma_write_media(const soma_inner_request_t *request,
    soma_inner_loss_t *loss);
static int soma_write_seen(const soma_inner_block_t *block,
    soma_inner_loss_t *loss);
static unsigned soma_write_points(const soma_inner_block_t *block);


int
soma_write_facts(soma_inner_request_t *fit,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    *fit = *request;

    if (loss->facts == 0) {
        return SOMA_OK;
    }

    if (soma_write_sampling(fit, loss) != SOMA_OK
        || soma_write_reasons(fit, loss) != SOMA_OK
        || soma_write_forms(fit, loss) != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    return soma_write_media(fit, loss);
}


static int
soma_write_sampling(soma_inner_request_t *fit, soma_inner_loss_t *loss)
{
    size_t               i;
    soma_inner_value_t  *value;

    static const soma_inner_member_e  members[] = {
        SOMA_INNER_TEMPERATURE, SOMA_INNER_TOP_P, SOMA_INNER_TOP_K
    };

    if (loss->facts & SOMA_FACT_NO_SAMPLING) {

        for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
            value = &fit->member[members[i]];

            if (value->raw.data == NULL) {
                continue;
            }

            if (!soma_write_default(members[i], value->raw)
                && soma_inner_lose(loss, value->name, SOMA_WRITE_FACT)
                   != SOMA_OK)
            {
                return SOMA_DECLINED;
            }

            value->raw = (soma_str_t) soma_str_null;
        }
    }

    value = &fit->member[SOMA_INNER_TOP_P];

    if (!(loss->facts & SOMA_FACT_ONE_SAMPLING) || value->raw.data == NULL
        || fit->member[SOMA_INNER_TEMPERATURE].raw.data == NULL)
    {
        return SOMA_OK;
    }

    if (!soma_write_default(SOMA_INNER_TOP_P, value->raw)) {

        if (soma_write_default(SOMA_INNER_TEMPERATURE,
                               fit->member[SOMA_INNER_TEMPERATURE].raw))
        {
            fit->member[SOMA_INNER_TEMPERATURE].raw
                                               = (soma_str_t) soma_str_null;
            return SOMA_OK;
        }

        if (soma_inner_lose(loss, value->name, "cannot stand beside a "
                            "temperature for this model")
            != SOMA_OK)
        {
            return SOMA_DECLINED;
        }
    }

    value->raw = (soma_str_t) soma_str_null;

    return SOMA_OK;
}


/* a model that cannot reason does what "none" asks for */

static int
soma_write_reasons(soma_inner_request_t *fit, soma_inner_loss_t *loss)
{
    if (!(loss->facts & SOMA_FACT_NO_REASONING)) {
        return SOMA_OK;
    }

    if ((fit->adaptive || fit->budget > 0
         || fit->effort > SOMA_INNER_EFFORT_NONE)
        && soma_inner_lose(loss, fit->reasoning_member, SOMA_WRITE_FACT)
           != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    fit->adaptive = 0;
    fit->budget = -1;
    fit->effort = SOMA_INNER_EFFORT_UNSET;
    fit->show_said = 0;
    fit->show = 0;

    return SOMA_OK;
}


static int
soma_write_forms(soma_inner_request_t *fit, soma_inner_loss_t *loss)
{
    unsigned  forced;

    if ((loss->facts & SOMA_FACT_NO_TOOLS) && fit->ntools != 0) {

        if (soma_inner_lose(loss, SOMA_STR("tools"), SOMA_WRITE_FACT)
            != SOMA_OK)
        {
            return SOMA_DECLINED;
        }

        fit->ntools = 0;
        fit->choice = SOMA_INNER_CHOICE_UNSET;
        fit->one_call = 0;
    }

    forced = (fit->choice == SOMA_INNER_CHOICE_ANY
              || fit->choice == SOMA_INNER_CHOICE_ONE
              || (fit->choice == SOMA_INNER_CHOICE_SOME && fit->must));

    if ((loss->facts & SOMA_FACT_NO_FORCING) && forced) {

        if (soma_inner_lose(loss, fit->choice_name, SOMA_WRITE_FACT)
            != SOMA_OK)
        {
            return SOMA_DECLINED;
        }

        fit->must = 0;

        if (fit->choice != SOMA_INNER_CHOICE_SOME) {
            fit->choice = SOMA_INNER_CHOICE_AUTO;
        }
    }

    if ((loss->facts & SOMA_FACT_NO_SCHEMA)
        && fit->format == SOMA_INNER_FORMAT_SCHEMA)
    {
        if (soma_inner_lose(loss, fit->format_member, SOMA_WRITE_FACT)
            != SOMA_OK)
        {
            return SOMA_DECLINED;
        }

        fit->format = SOMA_INNER_FORMAT_TEXT;
    }

    return SOMA_OK;
}


static int
soma_write_media(const soma_inner_request_t *request,
    soma_inner_loss_t *loss)
{
    const soma_inner_turn_t   *turn;
    const soma_inner_block_t  *block, *part;

    if (!(loss->facts & (SOMA_FACT_NO_IMAGES|SOMA_FACT_NO_DOCUMENTS))) {
        return SOMA_OK;
    }

    for (turn = request->turns; turn; turn = turn->next) {
        for (block = turn->blocks; block; block = block->next) {

            if (soma_write_seen(block, loss) != SOMA_OK) {
                return SOMA_DECLINED;
            }

            for (part = block->content; part; part = part->next) {
                if (soma_write_seen(part, loss) != SOMA_OK) {
                    return SOMA_DECLINED;
                }
            }
        }
    }

    return SOMA_OK;
}


/* words of a document are text, which every model takes */

static int
soma_write_seen(const soma_inner_block_t *block, soma_inner_loss_t *loss)
{
    if (block->kind == SOMA_INNER_IMAGE
        && (loss->facts & SOMA_FACT_NO_IMAGES))
    {
        return soma_inner_lose(loss, SOMA_STR("an image"), SOMA_WRITE_FACT);
    }

    if (block->kind == SOMA_INNER_DOCUMENT
        && block->source != SOMA_INNER_PLAIN
        && block->source != SOMA_INNER_PARTS
        && (loss->facts & SOMA_FACT_NO_DOCUMENTS))
    {
        return soma_inner_lose(loss, SOMA_STR("a document"),
                               SOMA_WRITE_FACT);
    }

    return SOMA_OK;
}


void
soma_write_uncached(const soma_inner_request_t *request,
    soma_inner_loss_t *loss)
{
    unsigned                  i, n;
    const soma_inner_turn_t  *turn;

    n = (request->cache != SOMA_INNER_CACHE_NONE)
        + soma_write_points(request->system);

    for (turn = request->turns; turn && n == 0; turn = turn->next) {
        n += soma_write_points(turn->blocks);
    }

    for (i = 0; i < request->ntools && n == 0; i++) {
        n += (request->tools[i].cache != SOMA_INNER_CACHE_NONE);
    }

    if (n != 0) {
        soma_inner_drop(loss, SOMA_STR("cache_control"));
    }
}


static unsigned
soma_write_points(const soma_inner_block_t *block)
{
    const soma_inner_block_t  *part;

    for ( /* void */ ; block; block = block->next) {

        if (block->cache != SOMA_INNER_CACHE_NONE) {
            return 1;
        }

        for (part = block->content; part; part = part->next) {
            if (part->cache != SOMA_INNER_CACHE_NONE) {
                return 1;
            }
        }
    }

    return 0;
}
