
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_openai.h"
#include "soma_openai_responses_write.h"
#include "soma_openai_shared.h"
#include "soma_write.h"


static int soma_openai_responses_write_bound(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);
static void soma_openai_responses_write_text(soma_pieces_t *out,
    const soma_inner_request_t *request);
static void soma_openai_responses_write_reasoning(soma_pieces_t *out,
    const soma_inner_request_t *request);
static void soma_openai_responses_write_include(soma_pieces_t *out,
    const soma_inner_request_t *request);
static unsigned soma_openai_responses_write_thinks(
    const soma_inner_request_t *request);
static unsigned soma_openai_responses_write_sealed(
    const soma_inner_request_t *request);


/* in the order of soma_inner_member_e */
static const soma_write_member_t  soma_openai_responses_write_members[] = {
    { SOMA_WRITE_OWN,     NULL },                   /* max_output_tokens */
    { SOMA_WRITE_MEMBER,  "temperature" },
    { SOMA_WRITE_MEMBER,  "top_p" },
    { SOMA_WRITE_REFUSED, NULL },                   /* top_k */
    { SOMA_WRITE_REFUSED, NULL },                   /* frequency_penalty */
    { SOMA_WRITE_REFUSED, NULL },                   /* presence_penalty */
    { SOMA_WRITE_REFUSED, NULL },                   /* seed */
    { SOMA_WRITE_REFUSED, NULL },                   /* n */
    { SOMA_WRITE_OWN,     NULL },                   /* logprobs: include */
    { SOMA_WRITE_MEMBER,  "top_logprobs" },
    { SOMA_WRITE_REFUSED, NULL },                   /* logit_bias */
    { SOMA_WRITE_REFUSED, NULL },                   /* min_p */
    { SOMA_WRITE_REFUSED, NULL },                   /* prediction */
    { SOMA_WRITE_OWN,     NULL },                   /* verbosity: text */
    { SOMA_WRITE_MEMBER,  "truncation" },
    { SOMA_WRITE_MEMBER,  "user" },
    { SOMA_WRITE_OWN,     NULL },                   /* tier */
    { SOMA_WRITE_HINT,    NULL },                   /* store */
    { SOMA_WRITE_MEMBER,  "prompt_cache_key" }
};


int
soma_openai_responses_write_request(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    int                   rc;
    soma_inner_request_t  fit;

    if (soma_write_facts(&fit, request, loss) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    request = &fit;

    soma_pieces_char(out, '{');
    soma_write_quoted(out, "model", request->model);

    rc = soma_openai_responses_write_input(out, request, loss);

    if (rc != SOMA_OK) {
        return rc;
    }

    if (request->stream) {
        soma_pieces_cstr(out, ",\"stream\":true");
    }

    soma_pieces_cstr(out, ",\"store\":false");

    if (soma_openai_responses_write_bound(out, request, loss) != SOMA_OK
        || soma_openai_responses_write_tools(out, request, loss) != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    if (request->format == SOMA_INNER_FORMAT_ENUM
        && soma_inner_lose(loss, request->format_member,
                           SOMA_OPENAI_RESPONSES_WHY)
           != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    soma_openai_responses_write_text(out, request);
    soma_openai_responses_write_reasoning(out, request);
    soma_openai_responses_write_include(out, request);
    soma_openai_shared_tier(out, request, loss);
    soma_openai_shared_labels(out, request);
    soma_write_uncached(request, loss);

    loss->stops = (request->nstops != 0);

    if (soma_write_members(out, request, soma_openai_responses_write_members,
                           SOMA_OPENAI_RESPONSES_WHY, loss)
        != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    soma_pieces_char(out, '}');

    return out->failed ? SOMA_ERROR : SOMA_OK;
}


/* the API has a least one, and a shorter answer than that is raised to it */

static int
soma_openai_responses_write_bound(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    int64_t                    bound;
    soma_json_value_t          value;
    const soma_inner_value_t  *said;

    said = &request->member[SOMA_INNER_MAX_TOKENS];

    if (said->raw.data == NULL) {
        return SOMA_OK;
    }

    value.text = said->raw;
    value.type = SOMA_JSON_NUMBER;

    if (soma_json_int(&value, &bound) == SOMA_OK && bound >= 1
        && bound < SOMA_OPENAI_RESPONSES_BOUND_MIN)
    {
        soma_inner_drop(loss, said->name);
        soma_write_int(out, "max_output_tokens",
                       SOMA_OPENAI_RESPONSES_BOUND_MIN);
        return SOMA_OK;
    }

    soma_write_raw(out, "max_output_tokens", said->raw);

    return SOMA_OK;
}


static void
soma_openai_responses_write_text(soma_pieces_t *out,
    const soma_inner_request_t *request)
{
    const soma_inner_value_t  *verbosity;

    verbosity = &request->member[SOMA_INNER_VERBOSITY];

    if (request->format != SOMA_INNER_FORMAT_OBJECT
        && request->format != SOMA_INNER_FORMAT_SCHEMA
        && verbosity->raw.data == NULL)
    {
        return;
    }

    soma_write_name(out, "text");
    soma_pieces_char(out, '{');

    if (request->format == SOMA_INNER_FORMAT_OBJECT) {
        soma_pieces_cstr(out, "\"format\":{\"type\":\"json_object\"}");

    } else if (request->format == SOMA_INNER_FORMAT_SCHEMA) {
        soma_pieces_cstr(out, "\"format\":{\"type\":\"json_schema\"");
        soma_openai_shared_schema(out, request);
        soma_pieces_char(out, '}');
    }

    soma_write_raw(out, "verbosity", verbosity->raw);
    soma_pieces_char(out, '}');
}


/* who asks for reasoning sees what there is of it, unless he says no */

static void
soma_openai_responses_write_reasoning(soma_pieces_t *out,
    const soma_inner_request_t *request)
{
    unsigned             show;
    soma_inner_effort_e  effort;

    effort = soma_openai_shared_effort(request);

    show = request->show_said
           ? request->show
           : (request->adaptive || (effort != SOMA_INNER_EFFORT_UNSET
                                    && effort != SOMA_INNER_EFFORT_NONE));

    if (effort == SOMA_INNER_EFFORT_UNSET && !show) {
        return;
    }

    soma_write_name(out, "reasoning");
    soma_pieces_char(out, '{');

    if (effort != SOMA_INNER_EFFORT_UNSET) {
        soma_write_word(out, "effort", soma_inner_effort_name(effort));
    }

    if (show && effort != SOMA_INNER_EFFORT_NONE) {
        soma_write_word(out, "summary", "auto");
    }

    soma_pieces_char(out, '}');
}


/* models that do not reason refuse to be asked for it */

static void
soma_openai_responses_write_include(soma_pieces_t *out,
    const soma_inner_request_t *request)
{
    unsigned  thinks, probs;

    thinks = soma_openai_responses_write_thinks(request);
    probs = soma_str_is(request->member[SOMA_INNER_LOGPROBS].raw, "true");

    if (!thinks && !probs) {
        return;
    }

    soma_write_name(out, "include");
    soma_pieces_char(out, '[');

    if (thinks) {
        soma_pieces_cstr(out, "\"reasoning.encrypted_content\"");
    }

    if (probs) {
        soma_openai_shared_comma(out);
        soma_pieces_cstr(out, "\"message.output_text.logprobs\"");
    }

    soma_pieces_char(out, ']');
}


/* whether it is one that reasons: by its name, by what is asked of it, or by
 * what it has done before */

static unsigned
soma_openai_responses_write_thinks(const soma_inner_request_t *request)
{
    soma_inner_effort_e  effort;

    effort = soma_openai_shared_effort(request);

    return soma_openai_bound_newer(request->model) || request->adaptive
           || (effort != SOMA_INNER_EFFORT_UNSET
               && effort != SOMA_INNER_EFFORT_NONE)
           || soma_openai_responses_write_sealed(request);
}


static unsigned
soma_openai_responses_write_sealed(const soma_inner_request_t *request)
{
    const soma_inner_turn_t   *turn;
    const soma_inner_block_t  *block;

    for (turn = request->turns; turn; turn = turn->next) {
        for (block = turn->blocks; block; block = block->next) {
            if (block->kind == SOMA_INNER_REASONING && block->opaque.len != 0
                && soma_openai_shared_own(block))
            {
                return 1;
            }
        }
    }

    return 0;
}
