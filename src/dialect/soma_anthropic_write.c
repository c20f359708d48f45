
/*
 * Copyright (C) The ngx_soma authors
 *
 * Writes a request of the Messages API out of the inner form.
 */


#include "soma_anthropic_request.h"
#include "soma_write.h"


#define SOMA_ANTHROPIC_SCALE  9     /* digits of a temperature */


static int64_t soma_anthropic_write_bound(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);
static unsigned soma_anthropic_write_thinking(soma_pieces_t *out,
    const soma_inner_request_t *request, int64_t bound,
    soma_inner_loss_t *loss);
static unsigned soma_anthropic_write_budget(soma_pieces_t *out,
    const soma_inner_request_t *request, int64_t bound,
    soma_inner_loss_t *loss);
static int soma_anthropic_write_output(soma_pieces_t *out,
    const soma_inner_request_t *request, unsigned thinking,
    soma_inner_loss_t *loss);
static int soma_anthropic_write_sampling(soma_pieces_t *out,
    const soma_inner_request_t *request, unsigned thinking,
    soma_inner_loss_t *loss);
static int soma_anthropic_write_stops(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);
static int soma_anthropic_write_labels(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);


/* in the order of soma_inner_member_e */
static const soma_write_member_t  soma_anthropic_write_members[] = {
    { SOMA_WRITE_OWN,     NULL },                   /* max_tokens */
    { SOMA_WRITE_OWN,     NULL },                   /* temperature */
    { SOMA_WRITE_OWN,     NULL },                   /* top_p */
    { SOMA_WRITE_OWN,     NULL },                   /* top_k */
    { SOMA_WRITE_REFUSED, NULL },                   /* frequency_penalty */
    { SOMA_WRITE_REFUSED, NULL },                   /* presence_penalty */
    { SOMA_WRITE_REFUSED, NULL },                   /* seed */
    { SOMA_WRITE_REFUSED, NULL },                   /* n */
    { SOMA_WRITE_REFUSED, NULL },                   /* logprobs */
    { SOMA_WRITE_REFUSED, NULL },                   /* top_logprobs */
    { SOMA_WRITE_REFUSED, NULL },                   /* logit_bias */
    { SOMA_WRITE_REFUSED, NULL },                   /* min_p */
    { SOMA_WRITE_HINT,    NULL },                   /* prediction */
    { SOMA_WRITE_HINT,    NULL },                   /* verbosity */
    { SOMA_WRITE_REFUSED, NULL },                   /* truncation */
    { SOMA_WRITE_OWN,     NULL },                   /* user: metadata */
    { SOMA_WRITE_OWN,     NULL },                   /* tier */
    { SOMA_WRITE_HINT,    NULL },                   /* store */
    { SOMA_WRITE_HINT,    NULL }                    /* cache key */
};


int
soma_anthropic_write(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    int64_t               bound;
    unsigned              thinking;
    soma_inner_request_t  fit;

    if (soma_write_facts(&fit, request, loss) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    request = &fit;
    soma_anthropic_write_points(request, loss);

    soma_pieces_char(out, '{');
    soma_write_quoted(out, "model", request->model);

    bound = soma_anthropic_write_bound(out, request, loss);

    if (soma_anthropic_write_turns(out, request, loss) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    if (request->stream) {
        soma_pieces_cstr(out, ",\"stream\":true");
    }

    thinking = soma_anthropic_write_thinking(out, request, bound, loss);

    if (soma_anthropic_write_output(out, request, thinking, loss) != SOMA_OK
        || soma_anthropic_write_tools(out, request, thinking, loss) != SOMA_OK
        || soma_anthropic_write_sampling(out, request, thinking, loss)
           != SOMA_OK
        || soma_anthropic_write_stops(out, request, loss) != SOMA_OK
        || soma_anthropic_write_labels(out, request, loss) != SOMA_OK
        || soma_write_members(out, request, soma_anthropic_write_members,
                              SOMA_ANTHROPIC_WHY, loss)
           != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    soma_anthropic_write_turns_cache(out, request->cache);
    soma_pieces_char(out, '}');

    return out->failed ? SOMA_ERROR : SOMA_OK;
}


/* returns it, or 0 where it is no number: the provider will say so */

static int64_t
soma_anthropic_write_bound(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    int64_t            bound;
    soma_json_value_t  value;

    value.text = request->member[SOMA_INNER_MAX_TOKENS].raw;
    value.type = SOMA_JSON_NUMBER;

    if (value.text.data == NULL) {
        soma_write_int(out, "max_tokens", loss->max_tokens);
        return loss->max_tokens;
    }

    soma_write_raw(out, "max_tokens", value.text);

    return (soma_json_int(&value, &bound) == SOMA_OK) ? bound : 0;
}


/* returns whether the model is asked to think */

static unsigned
soma_anthropic_write_thinking(soma_pieces_t *out,
    const soma_inner_request_t *request, int64_t bound,
    soma_inner_loss_t *loss)
{
    if (request->effort == SOMA_INNER_EFFORT_NONE || request->budget == 0) {
        soma_pieces_cstr(out, ",\"thinking\":{\"type\":\"disabled\"}");
        return 0;
    }

    if (request->effort == SOMA_INNER_EFFORT_UNSET && request->budget < 0
        && !request->adaptive)
    {
        return 0;
    }

    if (!loss->adaptive) {
        return soma_anthropic_write_budget(out, request, bound, loss);
    }

    soma_pieces_cstr(out, ",\"thinking\":{\"type\":\"adaptive\"");

    if (request->show_said) {
        soma_write_word(out, "display", request->show ? "summarized"
                                                      : "omitted");
    }

    soma_pieces_char(out, '}');

    return 1;
}


/* a budget has to leave room for the answer, and is a quarter below
 * max_tokens where it does not */

static unsigned
soma_anthropic_write_budget(soma_pieces_t *out,
    const soma_inner_request_t *request, int64_t bound,
    soma_inner_loss_t *loss)
{
    int64_t  budget;

    budget = (request->budget > 0) ? request->budget
             : soma_inner_effort_budget(request->effort
                                        != SOMA_INNER_EFFORT_UNSET
                                        ? request->effort
                                        : SOMA_INNER_EFFORT_MEDIUM);

    if (budget < SOMA_ANTHROPIC_BUDGET_MIN) {
        budget = SOMA_ANTHROPIC_BUDGET_MIN;
    }

    if (bound > 0 && budget >= bound) {
        budget = bound - bound / 4;

        if (request->effort != SOMA_INNER_EFFORT_MAX) {
            soma_inner_drop(loss, request->reasoning_member);
        }

        if (budget < SOMA_ANTHROPIC_BUDGET_MIN) {
            budget = SOMA_ANTHROPIC_BUDGET_MIN;
        }

        if (budget >= bound) {
            return 0;
        }
    }

    soma_pieces_cstr(out, ",\"thinking\":{\"type\":\"enabled\","
                          "\"budget_tokens\":");
    soma_pieces_int(out, budget);

    if (request->show_said) {
        soma_write_word(out, "display", request->show ? "summarized"
                                                      : "omitted");
    }

    soma_pieces_char(out, '}');

    return 1;
}


static int
soma_anthropic_write_output(soma_pieces_t *out,
    const soma_inner_request_t *request, unsigned thinking,
    soma_inner_loss_t *loss)
{
    soma_inner_effort_e  effort;

    effort = SOMA_INNER_EFFORT_UNSET;

    if (thinking && loss->adaptive) {
        effort = (request->effort != SOMA_INNER_EFFORT_UNSET)
                 ? request->effort : soma_inner_budget_effort(request->budget);

        if (effort == SOMA_INNER_EFFORT_MINIMAL) {
            effort = SOMA_INNER_EFFORT_LOW;
        }
    }

    if (request->format == SOMA_INNER_FORMAT_ENUM) {
        return soma_inner_lose(loss, request->format_member,
                               SOMA_ANTHROPIC_WHY);
    }

    if (effort == SOMA_INNER_EFFORT_UNSET
        && request->format != SOMA_INNER_FORMAT_SCHEMA)
    {
        return SOMA_OK;
    }

    soma_pieces_cstr(out, ",\"output_config\":{");

    if (effort != SOMA_INNER_EFFORT_UNSET) {
        soma_write_word(out, "effort", soma_inner_effort_name(effort));
    }

    if (request->format == SOMA_INNER_FORMAT_SCHEMA) {
        soma_write_name(out, "format");
        soma_pieces_cstr(out, "{\"type\":\"json_schema\"");
        soma_write_raw(out, "schema", request->format_schema.len
                                      ? request->format_schema
                                      : SOMA_STR("{\"type\":\"object\"}"));
        soma_pieces_char(out, '}');
    }

    soma_pieces_char(out, '}');

    return SOMA_OK;
}


/* a value that is so anyway is left out: newer models refuse even that */

static int
soma_anthropic_write_sampling(soma_pieces_t *out,
    const soma_inner_request_t *request, unsigned thinking,
    soma_inner_loss_t *loss)
{
    int64_t                    n;
    const soma_inner_value_t  *heat, *top_p, *top_k;

    heat = &request->member[SOMA_INNER_TEMPERATURE];
    top_p = &request->member[SOMA_INNER_TOP_P];
    top_k = &request->member[SOMA_INNER_TOP_K];

    if (heat->raw.data != NULL
        && !soma_write_default(SOMA_INNER_TEMPERATURE, heat->raw))
    {
        if (thinking) {
            if (soma_inner_lose(loss, heat->name, "cannot stand beside "
                                "reasoning in a request of Anthropic's API")
                != SOMA_OK)
            {
                return SOMA_DECLINED;
            }

        } else if (soma_number_decimal(heat->raw, SOMA_ANTHROPIC_SCALE, &n)
                   == SOMA_OK && n > 1000000000)
        {
            if (soma_inner_lose(loss, heat->name, "is at most 1 in a request "
                                "of Anthropic's API")
                != SOMA_OK)
            {
                return SOMA_DECLINED;
            }

        } else {
            soma_write_raw(out, "temperature", heat->raw);
        }
    }

    if (top_p->raw.data != NULL
        && !soma_write_default(SOMA_INNER_TOP_P, top_p->raw))
    {
        soma_write_raw(out, "top_p", top_p->raw);
    }

    if (top_k->raw.data != NULL) {

        if (!thinking) {
            soma_write_raw(out, "top_k", top_k->raw);

        } else if (soma_inner_lose(loss, top_k->name, "cannot stand beside "
                                   "reasoning in a request of Anthropic's "
                                   "API")
                   != SOMA_OK)
        {
            return SOMA_DECLINED;
        }
    }

    return SOMA_OK;
}


static int
soma_anthropic_write_stops(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    unsigned  i, n;

    n = 0;

    for (i = 0; i < request->nstops; i++) {

        if (soma_inner_blank(request->stops[i])) {
            if (soma_inner_lose(loss, request->stop_member, "may not be "
                                "blank in a request of Anthropic's API")
                != SOMA_OK)
            {
                return SOMA_DECLINED;
            }

            continue;
        }

        soma_pieces_cstr(out, n++ == 0 ? ",\"stop_sequences\":[" : ",");
        soma_pieces_text(out, request->stops[i]);
    }

    if (n != 0) {
        soma_pieces_char(out, ']');
    }

    return SOMA_OK;
}


/* user and tier have their own words here */

static int
soma_anthropic_write_labels(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    const soma_inner_value_t  *user, *tier;

    user = &request->member[SOMA_INNER_USER_ID];
    tier = &request->member[SOMA_INNER_TIER];

    if (user->raw.data != NULL) {
        soma_pieces_cstr(out, ",\"metadata\":{");
        soma_write_raw(out, "user_id", user->raw);
        soma_pieces_char(out, '}');
    }

    if (tier->raw.data != NULL) {

        if (soma_str_is(tier->raw, "\"standard_only\"")
            || soma_str_is(tier->raw, "\"default\""))
        {
            soma_write_word(out, "service_tier", "standard_only");

        } else if (soma_str_is(tier->raw, "\"auto\"")) {
            soma_write_word(out, "service_tier", "auto");

        } else {
            soma_inner_drop(loss, tier->name);
        }
    }

    if (request->nlabels != 0) {
        return soma_inner_lose(loss, request->label_member,
                               SOMA_ANTHROPIC_WHY);
    }

    return SOMA_OK;
}
