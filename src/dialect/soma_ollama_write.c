
/*
 * Copyright (C) The ngx_soma authors
 *
 * Writes requests out of the inner form: a chat, or inputs to embed.
 */


#include "soma_ollama_request.h"
#include "soma_write.h"


static int soma_ollama_write_format(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);
static int soma_ollama_write_think(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);
static int soma_ollama_write_truncation(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);
static int soma_ollama_write_rest(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);
static int soma_ollama_write_inputs(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);


/* in the order of soma_inner_member_e */
static const soma_write_member_t  soma_ollama_write_members[] = {
    { SOMA_WRITE_OWN,     NULL },                   /* max_tokens */
    { SOMA_WRITE_OWN,     NULL },                   /* temperature */
    { SOMA_WRITE_OWN,     NULL },                   /* top_p */
    { SOMA_WRITE_OWN,     NULL },                   /* top_k */
    { SOMA_WRITE_OWN,     NULL },                   /* frequency_penalty */
    { SOMA_WRITE_OWN,     NULL },                   /* presence_penalty */
    { SOMA_WRITE_OWN,     NULL },                   /* seed */
    { SOMA_WRITE_REFUSED, NULL },                   /* n */
    { SOMA_WRITE_MEMBER,  "logprobs" },
    { SOMA_WRITE_MEMBER,  "top_logprobs" },
    { SOMA_WRITE_REFUSED, NULL },                   /* logit_bias */
    { SOMA_WRITE_OWN,     NULL },                   /* min_p */
    { SOMA_WRITE_HINT,    NULL },                   /* prediction */
    { SOMA_WRITE_HINT,    NULL },                   /* verbosity */
    { SOMA_WRITE_OWN,     NULL },                   /* truncation */
    { SOMA_WRITE_HINT,    NULL },                   /* user */
    { SOMA_WRITE_HINT,    NULL },                   /* tier */
    { SOMA_WRITE_HINT,    NULL },                   /* store */
    { SOMA_WRITE_HINT,    NULL }                    /* cache key */
};


/* who says nothing of a stream gets one */

int
soma_ollama_write(soma_pieces_t *out, const soma_inner_request_t *request,
    soma_inner_loss_t *loss)
{
    if (request->task == SOMA_INNER_INPUTS) {
        return soma_ollama_write_inputs(out, request, loss);
    }

    soma_pieces_char(out, '{');
    soma_write_quoted(out, "model", request->model);

    if (soma_ollama_write_turns(out, request, loss) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    soma_write_raw(out, "stream", request->stream ? SOMA_STR("true")
                                                  : SOMA_STR("false"));

    if (soma_ollama_write_tools(out, request, loss) != SOMA_OK
        || soma_ollama_write_format(out, request, loss) != SOMA_OK
        || soma_ollama_write_think(out, request, loss) != SOMA_OK
        || soma_ollama_write_truncation(out, request, loss) != SOMA_OK
        || soma_ollama_write_options(out, request, loss) != SOMA_OK
        || soma_ollama_write_rest(out, request, loss) != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    soma_pieces_char(out, '}');

    return out->failed ? SOMA_ERROR : SOMA_OK;
}


static int
soma_ollama_write_format(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    switch (request->format) {

    case SOMA_INNER_FORMAT_OBJECT:
        soma_write_word(out, "format", "json");
        return SOMA_OK;

    case SOMA_INNER_FORMAT_SCHEMA:
        if (loss->facts & SOMA_FACT_NO_SCHEMA) {
            return soma_inner_lose(loss, request->format_member,
                                   "is not known to that model");
        }

        soma_write_raw(out, "format", request->format_schema.len
                                      ? request->format_schema
                                      : SOMA_STR("{\"type\":\"object\"}"));
        return SOMA_OK;

    case SOMA_INNER_FORMAT_ENUM:
        return soma_inner_lose(loss, request->format_member,
                               SOMA_OLLAMA_WHY);

    default:
        return SOMA_OK;
    }
}


/* a level, or true for models that know none; a level that is not known here
 * is the next one below */

static int
soma_ollama_write_think(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    soma_inner_effort_e  effort;

    effort = request->effort;

    if (effort == SOMA_INNER_EFFORT_UNSET) {
        effort = soma_inner_budget_effort(request->budget);
    }

    if (effort == SOMA_INNER_EFFORT_UNSET && !request->adaptive) {
        return SOMA_OK;
    }

    if (loss->facts & SOMA_FACT_NO_REASONING) {
        return (effort == SOMA_INNER_EFFORT_NONE)
               ? SOMA_OK : soma_inner_lose(loss, request->reasoning_member,
                                           "is not known to that model");
    }

    switch (effort) {

    case SOMA_INNER_EFFORT_NONE:
        soma_write_raw(out, "think", SOMA_STR("false"));
        return SOMA_OK;

    case SOMA_INNER_EFFORT_MINIMAL:
        effort = SOMA_INNER_EFFORT_LOW;
        break;

    case SOMA_INNER_EFFORT_XHIGH:
        effort = SOMA_INNER_EFFORT_HIGH;
        break;

    default:
        break;
    }

    if (effort == SOMA_INNER_EFFORT_UNSET
        || (loss->facts & SOMA_FACT_BUDGET))
    {
        soma_write_raw(out, "think", SOMA_STR("true"));

    } else {
        soma_write_word(out, "think", soma_inner_effort_name(effort));
    }

    return SOMA_OK;
}


/* Ollama truncates unless it is told not to */

static int
soma_ollama_write_truncation(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    const soma_inner_value_t  *said;

    said = &request->member[SOMA_INNER_TRUNCATION];

    if (said->raw.data == NULL || soma_str_is(said->raw, "\"auto\"")) {
        return SOMA_OK;
    }

    if (soma_str_is(said->raw, "\"disabled\"")) {
        soma_write_raw(out, "truncate", SOMA_STR("false"));
        return SOMA_OK;
    }

    return soma_inner_lose(loss, said->name, SOMA_OLLAMA_WHY);
}


/* plain members, and those of "other" that are no options */

static int
soma_ollama_write_rest(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    unsigned              i;
    soma_inner_request_t  rest;

    if (request->nlabels != 0
        && soma_inner_lose(loss, request->label_member, SOMA_OLLAMA_WHY)
           != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    rest = *request;
    rest.nothers = 0;

    for (i = 0; i < request->nothers; i++) {
        if (!soma_ollama_write_options_has(request->other[i].name)) {
            rest.other[rest.nothers++] = request->other[i];
        }
    }

    return soma_write_members(out, &rest, soma_ollama_write_members,
                              SOMA_OLLAMA_WHY, loss);
}


/* of each turn its one text; numbers of tokens are one model's own */

static int
soma_ollama_write_inputs(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    soma_inner_request_t  rest;

    soma_pieces_char(out, '{');
    soma_write_quoted(out, "model", request->model);

    if (soma_write_texts(out, "input", request, 0,
                         "must be one text each in a request of Ollama's API",
                         loss)
        != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    if (soma_ollama_write_truncation(out, request, loss) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    soma_write_sized(out, "dimensions", request, &rest);

    if (soma_write_members(out, &rest, soma_write_inputs,
                           SOMA_OLLAMA_WHY, loss)
        != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    soma_pieces_char(out, '}');

    return out->failed ? SOMA_ERROR : SOMA_OK;
}
