
/*
 * Copyright (C) The ngx_soma authors
 *
 * What Converse has no member of its own for, and models do:
 * additionalModelRequestFields; and outputConfig, where what is said of
 * reasoning may stand too.
 *
 *     Anthropic's    thinking enabled with a budget, or adaptive with an effort
 *     Nova           reasoningConfig with an effort
 *     gpt-oss        reasoning_effort
 *     any other      outputConfig.effort
 */


#include "soma_anthropic.h"
#include "soma_bedrock_write.h"
#include "soma_write.h"


#define SOMA_BEDROCK_REASONS  307       /* a version of Anthropic's */


static int soma_bedrock_write_reasoning(soma_bedrock_write_t *w,
    soma_inner_effort_e *effort);
static unsigned soma_bedrock_write_reasons(soma_bedrock_write_t *w);
static int soma_bedrock_write_off(soma_bedrock_write_t *w);
static void soma_bedrock_write_model(soma_bedrock_write_t *w,
    soma_inner_effort_e *effort);
static void soma_bedrock_write_budget(soma_bedrock_write_t *w);
static void soma_bedrock_write_shown(soma_bedrock_write_t *w);
static int soma_bedrock_write_top_k(soma_bedrock_write_t *w);
static int soma_bedrock_write_alone(soma_bedrock_write_t *w);
static void soma_bedrock_write_betas(soma_bedrock_write_t *w);
static int soma_bedrock_write_output(soma_bedrock_write_t *w,
    soma_inner_effort_e effort);


/* an object that stays empty is one that says nothing */

int
soma_bedrock_write_fields(soma_bedrock_write_t *w)
{
    soma_str_t            fields;
    soma_pieces_t        *out, own;
    soma_inner_effort_e   effort;

    out = w->out;
    effort = SOMA_INNER_EFFORT_UNSET;

    soma_pieces_init(&own, out->arena);
    soma_pieces_char(&own, '{');

    w->out = &own;

    if (soma_bedrock_write_reasoning(w, &effort) != SOMA_OK
        || soma_bedrock_write_top_k(w) != SOMA_OK
        || soma_bedrock_write_alone(w) != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    soma_bedrock_write_betas(w);

    w->out = out;

    soma_pieces_char(&own, '}');

    if (soma_pieces_whole(&own, &fields) != SOMA_OK) {
        w->failed = 1;
        return SOMA_DECLINED;
    }

    if (fields.len > 2) {
        soma_write_raw(out, "additionalModelRequestFields", fields);
    }

    /* which stop sequence it was is told on demand: of a whole answer by the
     * first of these, of a stream by the other */

    if (w->request->nstops != 0 && w->family == SOMA_BEDROCK_CLAUDE) {
        soma_write_raw(out, "additionalModelResponseFieldPaths",
                       SOMA_STR("[\"/stop_sequence\","
                                "\"/delta/stop_sequence\"]"));
    }

    return soma_bedrock_write_output(w, effort);
}


/* *effort is what outputConfig says */

static int
soma_bedrock_write_reasoning(soma_bedrock_write_t *w,
    soma_inner_effort_e *effort)
{
    const soma_inner_request_t  *request;

    request = w->request;

    if (request->effort == SOMA_INNER_EFFORT_UNSET && request->budget < 0
        && !request->adaptive)
    {
        return SOMA_OK;
    }

    if (request->effort == SOMA_INNER_EFFORT_NONE || request->budget == 0) {
        return soma_bedrock_write_reasons(w) ? soma_bedrock_write_off(w)
                                             : SOMA_OK;
    }

    if (!soma_bedrock_write_reasons(w)) {
        return soma_inner_lose(w->loss, request->reasoning_member,
                               "is not taken by the model");
    }

    soma_bedrock_write_model(w, effort);

    return SOMA_OK;
}


/* whether the model can: of Anthropic's those from 3.7 on */

static unsigned
soma_bedrock_write_reasons(soma_bedrock_write_t *w)
{
    unsigned  version;

    if (w->loss->facts & SOMA_FACT_NO_REASONING) {
        return 0;
    }

    version = soma_anthropic_version(w->request->model);

    return w->family != SOMA_BEDROCK_CLAUDE || version == 0
           || version >= SOMA_BEDROCK_REASONS;
}


/* a model that nobody knows does not reason unasked */

static int
soma_bedrock_write_off(soma_bedrock_write_t *w)
{
    switch (w->family) {

    case SOMA_BEDROCK_CLAUDE:
        soma_write_raw(w->out, "thinking",
                       SOMA_STR("{\"type\":\"disabled\"}"));
        return SOMA_OK;

    case SOMA_BEDROCK_NOVA:
        soma_write_raw(w->out, "reasoningConfig",
                       SOMA_STR("{\"type\":\"disabled\"}"));
        return SOMA_OK;

    case SOMA_BEDROCK_GPT:
        return soma_inner_lose(w->loss, w->request->reasoning_member,
                               "cannot be switched off with this model");

    default:
        soma_inner_drop(w->loss, w->request->reasoning_member);
        return SOMA_OK;
    }
}


static void
soma_bedrock_write_model(soma_bedrock_write_t *w, soma_inner_effort_e *effort)
{
    unsigned             claude;
    soma_inner_effort_e  asked;

    w->thinking = 1;
    claude = (w->family == SOMA_BEDROCK_CLAUDE);

    if (claude && (!(w->loss->adaptive || w->loss->facts & SOMA_FACT_ADAPTIVE)
                   || w->loss->facts & SOMA_FACT_BUDGET))
    {
        soma_bedrock_write_budget(w);
        return;
    }

    asked = (w->request->effort != SOMA_INNER_EFFORT_UNSET)
            ? w->request->effort : soma_inner_budget_effort(w->request->budget);

    if (asked == SOMA_INNER_EFFORT_MINIMAL) {
        asked = SOMA_INNER_EFFORT_LOW;
    }

    if (claude) {
        soma_write_name(w->out, "thinking");
        soma_pieces_cstr(w->out, "{\"type\":\"adaptive\"");
        soma_bedrock_write_shown(w);
        soma_pieces_char(w->out, '}');

        *effort = asked;
        return;
    }

    /* others know three of them */

    if (asked == SOMA_INNER_EFFORT_UNSET) {
        asked = SOMA_INNER_EFFORT_MEDIUM;

    } else if (asked > SOMA_INNER_EFFORT_HIGH) {
        asked = SOMA_INNER_EFFORT_HIGH;
    }

    switch (w->family) {

    case SOMA_BEDROCK_NOVA:
        soma_write_name(w->out, "reasoningConfig");
        soma_pieces_cstr(w->out, "{\"type\":\"enabled\"");
        soma_write_word(w->out, "maxReasoningEffort",
                        soma_inner_effort_name(asked));
        soma_pieces_char(w->out, '}');
        break;

    case SOMA_BEDROCK_GPT:
        soma_write_word(w->out, "reasoning_effort",
                        soma_inner_effort_name(asked));
        break;

    default:
        *effort = asked;
    }
}


/* a budget has to leave room for the answer, and is a quarter below the bound
 * where it does not */

static void
soma_bedrock_write_budget(soma_bedrock_write_t *w)
{
    int64_t                      budget;
    const soma_inner_request_t  *request;

    request = w->request;

    budget = (request->budget > 0) ? request->budget
             : soma_inner_effort_budget(request->effort
                                        != SOMA_INNER_EFFORT_UNSET
                                        ? request->effort
                                        : SOMA_INNER_EFFORT_MEDIUM);

    if (budget < SOMA_BEDROCK_BUDGET_MIN) {
        budget = SOMA_BEDROCK_BUDGET_MIN;
    }

    if (w->bound > 0 && budget >= w->bound) {
        budget = w->bound - w->bound / 4;

        if (request->effort != SOMA_INNER_EFFORT_MAX) {
            soma_inner_drop(w->loss, request->reasoning_member);
        }

        if (budget < SOMA_BEDROCK_BUDGET_MIN) {
            budget = SOMA_BEDROCK_BUDGET_MIN;
        }

        if (budget >= w->bound) {
            w->thinking = 0;
            return;
        }

    } else if (request->effort == SOMA_INNER_EFFORT_MAX
               && request->budget <= 0)
    {
        /* nobody knows what the model's greatest is */

        budget = soma_inner_effort_budget(SOMA_INNER_EFFORT_XHIGH);
    }

    soma_write_name(w->out, "thinking");
    soma_pieces_cstr(w->out, "{\"type\":\"enabled\"");
    soma_write_int(w->out, "budget_tokens", budget);
    soma_bedrock_write_shown(w);
    soma_pieces_char(w->out, '}');
}


static void
soma_bedrock_write_shown(soma_bedrock_write_t *w)
{
    if (w->request->show_said) {
        soma_write_word(w->out, "display", w->request->show ? "summarized"
                                                            : "omitted");
    }
}


static int
soma_bedrock_write_top_k(soma_bedrock_write_t *w)
{
    const soma_inner_value_t  *top_k;

    top_k = &w->request->member[SOMA_INNER_TOP_K];

    if (top_k->raw.data == NULL) {
        return SOMA_OK;
    }

    if (w->loss->facts & SOMA_FACT_NO_SAMPLING) {
        return soma_inner_lose(w->loss, top_k->name,
                               "is not taken by the model");
    }

    switch (w->family) {

    case SOMA_BEDROCK_CLAUDE:

        if (w->thinking) {
            return soma_inner_lose(w->loss, top_k->name, "cannot stand beside "
                                   "reasoning in a request of a model of "
                                   "Anthropic's");
        }

        soma_write_raw(w->out, "top_k", top_k->raw);
        return SOMA_OK;

    case SOMA_BEDROCK_NOVA:
        soma_write_name(w->out, "inferenceConfig");
        soma_pieces_char(w->out, '{');
        soma_write_raw(w->out, "topK", top_k->raw);
        soma_pieces_char(w->out, '}');
        return SOMA_OK;

    default:
        return soma_bedrock_write_lose(w, top_k->name);
    }
}


/* one call at a time is for Anthropic's models to promise, in their own form of
 * the choice, which then stands for Converse's */

static int
soma_bedrock_write_alone(soma_bedrock_write_t *w)
{
    soma_str_t                   name;
    soma_inner_choice_e          choice;
    const soma_inner_request_t  *request;

    request = w->request;

    if (!request->one_call || request->ntools == 0
        || request->choice == SOMA_INNER_CHOICE_NONE)
    {
        return SOMA_OK;
    }

    if (w->family != SOMA_BEDROCK_CLAUDE) {
        return soma_bedrock_write_lose(w, SOMA_STR("parallel_tool_calls"));
    }

    choice = request->choice;

    if (choice == SOMA_INNER_CHOICE_SOME) {
        choice = request->must ? SOMA_INNER_CHOICE_ANY
                               : SOMA_INNER_CHOICE_AUTO;
    }

    if (w->thinking || w->loss->facts & SOMA_FACT_NO_FORCING) {

        /* what is forced is refused with the tools */

        choice = SOMA_INNER_CHOICE_AUTO;
    }

    soma_write_name(w->out, "tool_choice");
    soma_pieces_char(w->out, '{');
    soma_write_word(w->out, "type",
                    choice == SOMA_INNER_CHOICE_ANY ? "any"
                    : choice == SOMA_INNER_CHOICE_ONE ? "tool" : "auto");

    if (choice == SOMA_INNER_CHOICE_ONE) {

        if (soma_names_fit(w->out->arena, &soma_bedrock_tool_names,
                           request->names[0], &name)
            != SOMA_OK)
        {
            w->failed = 1;
            return SOMA_DECLINED;
        }

        soma_write_quoted(w->out, "name", name);
    }

    soma_pieces_cstr(w->out, ",\"disable_parallel_tool_use\":true}");

    return SOMA_OK;
}


static int
soma_bedrock_write_output(soma_bedrock_write_t *w, soma_inner_effort_e effort)
{
    soma_inner_format_e          format;
    const soma_inner_request_t  *request;

    request = w->request;
    format = request->format;

    if (format == SOMA_INNER_FORMAT_ENUM
        || (format == SOMA_INNER_FORMAT_SCHEMA
            && w->loss->facts & SOMA_FACT_NO_SCHEMA))
    {
        if (soma_inner_lose(w->loss, request->format_member,
                            format == SOMA_INNER_FORMAT_ENUM
                            ? SOMA_BEDROCK_WHY : "is not taken by the model")
            != SOMA_OK)
        {
            return SOMA_DECLINED;
        }

        format = SOMA_INNER_FORMAT_TEXT;
    }

    if (effort == SOMA_INNER_EFFORT_UNSET
        && format != SOMA_INNER_FORMAT_SCHEMA)
    {
        return SOMA_OK;
    }

    soma_write_name(w->out, "outputConfig");
    soma_pieces_char(w->out, '{');

    if (effort != SOMA_INNER_EFFORT_UNSET) {
        soma_write_word(w->out, "effort", soma_inner_effort_name(effort));
    }

    if (format == SOMA_INNER_FORMAT_SCHEMA) {
        soma_write_name(w->out, "textFormat");
        soma_pieces_cstr(w->out, "{\"type\":\"json_schema\",\"structure\":"
                                 "{\"jsonSchema\":{");
        soma_write_escaped(w->out, "schema", request->format_schema.len
                                             ? request->format_schema
                                             : SOMA_STR("{\"type\":"
                                                        "\"object\"}"));
        soma_write_text(w->out, "name", request->format_name.len
                                        ? request->format_name
                                        : SOMA_STR("output"));

        if (request->format_about.len != 0) {
            soma_write_text(w->out, "description", request->format_about);
        }

        soma_pieces_cstr(w->out, "}}}");
    }

    soma_pieces_char(w->out, '}');

    return SOMA_OK;
}


/* what Anthropic has on trial, in so far as Bedrock knows it too: it refuses
 * what it does not.  Source: AWS's user guide, "Anthropic Claude Messages
 * API" */

static const soma_str_t  soma_bedrock_betas[] = {
    soma_string("computer-use-2025-01-24"),
    soma_string("token-efficient-tools-2025-02-19"),
    soma_string("output-128k-2025-02-19"),
    soma_string("interleaved-thinking-2025-05-14"),
    soma_string("dev-full-thinking-2025-05-14"),
    soma_string("context-1m-2025-08-07"),
    soma_string("context-management-2025-06-27"),
    soma_string("tool-search-tool-2025-10-19"),
    soma_string("tool-examples-2025-10-29"),
    soma_string("effort-2025-11-24")
};


static void
soma_bedrock_write_betas(soma_bedrock_write_t *w)
{
    size_t          i, n;
    unsigned        some;
    soma_str_t      rest, beta;
    unsigned char  *comma;

    rest = w->request->betas;
    n = sizeof(soma_bedrock_betas) / sizeof(soma_bedrock_betas[0]);

    if (w->family != SOMA_BEDROCK_CLAUDE) {
        return;
    }

    for (some = 0; rest.len != 0; /* void */ ) {
        comma = memchr(rest.data, ',', rest.len);

        beta.data = rest.data;
        beta.len = comma ? (size_t) (comma - rest.data) : rest.len;

        rest.len -= beta.len + (comma != NULL);
        rest.data += beta.len + (comma != NULL);

        beta = soma_str_trim(beta);

        for (i = 0; i < n && !soma_str_eq(beta, soma_bedrock_betas[i]); i++) {
            /* void */
        }

        if (i == n) {
            continue;
        }

        if (!some) {
            soma_write_name(w->out, "anthropic_beta");
        }

        soma_pieces_cstr(w->out, some ? ",\"" : "[\"");
        soma_pieces_put(w->out, beta.data, beta.len);
        soma_pieces_char(w->out, '"');
        some = 1;
    }

    if (some) {
        soma_pieces_char(w->out, ']');
    }
}
