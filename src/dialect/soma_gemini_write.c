
/*
 * Copyright (C) The ngx_soma authors
 *
 * Writes a request of Google's API out of the inner form.
 */


#include "soma_gemini_request.h"
#include "soma_write.h"


static int soma_gemini_write_config(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_ask_t *ask,
    soma_inner_loss_t *loss);
static int soma_gemini_write_form(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);
static int soma_gemini_write_thinking(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);
static void soma_gemini_write_level(soma_pieces_t *out,
    const soma_inner_request_t *request);
static int soma_gemini_write_sampling(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);
static void soma_gemini_write_labels(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);


/* in the order of soma_inner_member_e, within generationConfig */
static const soma_write_member_t  soma_gemini_write_members[] = {
    { SOMA_WRITE_OWN,     NULL },                   /* max_tokens */
    { SOMA_WRITE_OWN,     NULL },                   /* temperature */
    { SOMA_WRITE_OWN,     NULL },                   /* top_p */
    { SOMA_WRITE_OWN,     NULL },                   /* top_k */
    { SOMA_WRITE_MEMBER,  "frequencyPenalty" },
    { SOMA_WRITE_MEMBER,  "presencePenalty" },
    { SOMA_WRITE_MEMBER,  "seed" },
    { SOMA_WRITE_MEMBER,  "candidateCount" },
    { SOMA_WRITE_MEMBER,  "responseLogprobs" },
    { SOMA_WRITE_MEMBER,  "logprobs" },
    { SOMA_WRITE_REFUSED, NULL },                   /* logit_bias */
    { SOMA_WRITE_REFUSED, NULL },                   /* min_p */
    { SOMA_WRITE_HINT,    NULL },                   /* prediction */
    { SOMA_WRITE_HINT,    NULL },                   /* verbosity */
    { SOMA_WRITE_REFUSED, NULL },                   /* truncation */
    { SOMA_WRITE_HINT,    NULL },                   /* user */
    { SOMA_WRITE_OWN,     NULL },                   /* tier */
    { SOMA_WRITE_HINT,    NULL },                   /* store */
    { SOMA_WRITE_HINT,    NULL }                    /* cache key */
};


int
soma_gemini_write(soma_pieces_t *out, const soma_inner_request_t *request,
    soma_ask_t *ask, soma_inner_loss_t *loss)
{
    int  rc;

    soma_pieces_char(out, '{');

    rc = soma_gemini_write_turns(out, request, loss);

    if (rc == SOMA_OK) {
        rc = soma_gemini_write_tools(out, request, loss);
    }

    if (rc == SOMA_OK) {
        rc = soma_gemini_write_config(out, request, ask, loss);
    }

    if (rc != SOMA_OK) {
        return rc;
    }

    soma_gemini_write_labels(out, request, loss);

    if (request->cache != SOMA_INNER_CACHE_NONE) {
        soma_inner_drop(loss, SOMA_STR("cache_control"));
    }

    soma_pieces_char(out, '}');

    return out->failed ? SOMA_ERROR : SOMA_OK;
}


static int
soma_gemini_write_config(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_ask_t *ask,
    soma_inner_loss_t *loss)
{
    const soma_inner_value_t  *bound;

    bound = &request->member[SOMA_INNER_MAX_TOKENS];

    soma_pieces_cstr(out, ",\"generationConfig\":{");

    if (bound->raw.data != NULL) {
        soma_write_raw(out, "maxOutputTokens", bound->raw);

    } else if (ask->bound > 0) {
        soma_write_int(out, "maxOutputTokens", ask->bound);
    }

    if (soma_gemini_write_sampling(out, request, loss) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    soma_write_stops(out, "stopSequences", request, SOMA_GEMINI_STOPS_MAX,
                     loss);

    if (soma_gemini_write_form(out, request, loss) != SOMA_OK
        || soma_gemini_write_thinking(out, request, loss) != SOMA_OK
        || soma_write_members(out, request, soma_gemini_write_members,
                              SOMA_GEMINI_WHY, loss)
           != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    soma_pieces_char(out, '}');

    return SOMA_OK;
}


static int
soma_gemini_write_sampling(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    size_t                     i;
    const soma_inner_value_t  *value;

    static const struct {
        soma_inner_member_e   member;
        const char           *name;
    } members[] = {
        { SOMA_INNER_TEMPERATURE, "temperature" },
        { SOMA_INNER_TOP_P, "topP" },
        { SOMA_INNER_TOP_K, "topK" }
    };

    for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        value = &request->member[members[i].member];

        if (value->raw.data == NULL) {
            continue;
        }

        if (!(loss->facts & SOMA_FACT_NO_SAMPLING)) {
            soma_write_raw(out, members[i].name, value->raw);

        } else if (!soma_write_default(members[i].member, value->raw)
                   && soma_inner_lose(loss, value->name,
                                      "is not taken by this model")
                      != SOMA_OK)
        {
            return SOMA_DECLINED;
        }
    }

    return SOMA_OK;
}


static int
soma_gemini_write_form(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    if (request->format == SOMA_INNER_FORMAT_TEXT) {
        return SOMA_OK;
    }

    if (request->format != SOMA_INNER_FORMAT_OBJECT
        && loss->facts & SOMA_FACT_NO_SCHEMA)
    {
        return soma_inner_lose(loss, request->format_member,
                               "is not taken by this model");
    }

    soma_write_word(out, "responseMimeType",
                    request->format == SOMA_INNER_FORMAT_ENUM
                    ? "text/x.enum" : "application/json");

    if (request->format != SOMA_INNER_FORMAT_OBJECT
        && request->format_schema.len != 0)
    {
        soma_write_raw(out, "responseJsonSchema", request->format_schema);
    }

    return SOMA_OK;
}


/*
 * Models of the third generation take a level, those before it a number of
 * tokens.  What of it is thought is shown where the client has not said
 * otherwise: who asks for reasoning can show it.
 */

static int
soma_gemini_write_thinking(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    int64_t   budget;
    unsigned  asked, level;

    asked = request->effort != SOMA_INNER_EFFORT_UNSET
            || request->budget >= 0 || request->adaptive;

    if (!asked && !request->show_said) {
        return SOMA_OK;
    }

    if (loss->facts & SOMA_FACT_NO_REASONING) {

        return (!asked || request->effort == SOMA_INNER_EFFORT_NONE
                || request->budget == 0)
               ? SOMA_OK
               : soma_inner_lose(loss, request->reasoning_member,
                                 "is not taken by this model");
    }

    soma_write_name(out, "thinkingConfig");
    soma_pieces_char(out, '{');

    if (request->effort == SOMA_INNER_EFFORT_NONE || request->budget == 0) {
        soma_pieces_cstr(out, "\"thinkingBudget\":0}");
        return SOMA_OK;
    }

    level = (loss->facts & SOMA_FACT_BUDGET) ? 0
            : (loss->adaptive || loss->facts & SOMA_FACT_ADAPTIVE) ? 1
            : soma_gemini_write_third(request->model, loss) != 2;

    if (level) {
        soma_gemini_write_level(out, request);

    } else if (request->budget > 0) {
        soma_write_int(out, "thinkingBudget", request->budget);

    } else if (request->effort != SOMA_INNER_EFFORT_UNSET
               && request->effort != SOMA_INNER_EFFORT_MAX)
    {
        budget = soma_inner_effort_budget(request->effort);
        soma_write_int(out, "thinkingBudget",
                       budget > SOMA_GEMINI_BUDGET_MAX
                       ? SOMA_GEMINI_BUDGET_MAX : budget);

    } else if (asked) {
        soma_write_int(out, "thinkingBudget",
                       request->effort == SOMA_INNER_EFFORT_MAX
                       ? SOMA_GEMINI_BUDGET_MAX : -1);
    }

    if (request->show_said ? request->show : asked) {
        soma_write_name(out, "includeThoughts");
        soma_pieces_cstr(out, "true");
    }

    soma_pieces_char(out, '}');

    return SOMA_OK;
}


/* the highest that all of them know is "high" */

static void
soma_gemini_write_level(soma_pieces_t *out,
    const soma_inner_request_t *request)
{
    soma_inner_effort_e  effort;

    effort = (request->effort != SOMA_INNER_EFFORT_UNSET)
             ? request->effort : soma_inner_budget_effort(request->budget);

    switch (effort) {

    case SOMA_INNER_EFFORT_UNSET:
    case SOMA_INNER_EFFORT_NONE:
        return;

    case SOMA_INNER_EFFORT_MINIMAL:
        soma_write_word(out, "thinkingLevel", "MINIMAL");
        return;

    case SOMA_INNER_EFFORT_LOW:
        soma_write_word(out, "thinkingLevel", "LOW");
        return;

    case SOMA_INNER_EFFORT_MEDIUM:
        soma_write_word(out, "thinkingLevel", "MEDIUM");
        return;

    default:
        soma_write_word(out, "thinkingLevel", "HIGH");
    }
}


/*
 * Of gemini-2.5-pro 2, of gemini-3.1-flash 3; of gemini-flash-latest 3, for
 * the newest are.  0: it is another name, of a model that is newer than this
 * code, or tuned.
 */

unsigned
soma_gemini_write_third(soma_str_t model, const soma_inner_loss_t *loss)
{
    size_t                i;
    const unsigned char  *p;

    static const char  family[] = "gemini-";

    if (loss->facts & SOMA_FACT_CALL_CHECK) {
        return 3;
    }

    p = model.data;

    for (i = 0; i + sizeof(family) - 1 < model.len; i++) {

        if (memcmp(p + i, family, sizeof(family) - 1) != 0) {
            continue;
        }

        i += sizeof(family) - 1;

        if (p[i] >= '0' && p[i] <= '9') {

            return (i + 1 < model.len && p[i + 1] >= '0' && p[i + 1] <= '9')
                   || p[i] >= '3' ? 3 : 2;
        }

        return (model.len - i >= 6
                && memcmp(p + model.len - 6, "latest", 6) == 0) ? 3 : 0;
    }

    return 0;
}


static void
soma_gemini_write_labels(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    unsigned                   i;
    const soma_inner_value_t  *tier;

    for (i = 0; i < request->nlabels; i++) {
        soma_pieces_cstr(out, i == 0 ? ",\"labels\":{" : ",");
        soma_pieces_text(out, request->labels[i].name);
        soma_pieces_char(out, ':');
        soma_pieces_text(out, request->labels[i].value);
    }

    if (i != 0) {
        soma_pieces_char(out, '}');
    }

    tier = &request->member[SOMA_INNER_TIER];

    if (tier->raw.data == NULL) {
        return;
    }

    if (soma_str_is(tier->raw, "\"flex\"")
        || soma_str_is(tier->raw, "\"priority\""))
    {
        soma_write_raw(out, "serviceTier", tier->raw);

    } else if (!soma_write_default(SOMA_INNER_TIER, tier->raw)
               && !soma_str_is(tier->raw, "\"standard_only\"")
               && !soma_str_is(tier->raw, "\"standard\""))
    {
        soma_inner_drop(loss, tier->name);
    }
}
