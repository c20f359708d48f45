
/*
 * Copyright (C) The ngx_soma authors
 *
 * Writes a request of the Responses API out of the inner form: all but its
 * input.
 */


#include "soma_names.h"
#include "soma_openai.h"
#include "soma_openai_responses_write.h"
#include "soma_write.h"


static int soma_openai_responses_write_bound(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);
static int soma_openai_responses_write_tools(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);
static void soma_openai_responses_write_tool(soma_pieces_t *out,
    const soma_inner_toolset_t *tool);
static void soma_openai_responses_write_choice(soma_pieces_t *out,
    const soma_inner_request_t *request);
static void soma_openai_responses_write_named(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_str_t name);
static void soma_openai_responses_write_text(soma_pieces_t *out,
    const soma_inner_request_t *request);
static void soma_openai_responses_write_reasoning(soma_pieces_t *out,
    const soma_inner_request_t *request);
static unsigned soma_openai_responses_write_thinks(
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
    { SOMA_WRITE_OWN,     NULL },                   /* logprobs: "include" */
    { SOMA_WRITE_MEMBER,  "top_logprobs" },
    { SOMA_WRITE_REFUSED, NULL },                   /* logit_bias */
    { SOMA_WRITE_REFUSED, NULL },                   /* min_p */
    { SOMA_WRITE_HINT,    NULL },                   /* prediction */
    { SOMA_WRITE_OWN,     NULL },                   /* verbosity: "text" */
    { SOMA_WRITE_MEMBER,  "truncation" },
    { SOMA_WRITE_MEMBER,  "user" },
    { SOMA_WRITE_HINT,    NULL },                   /* service_tier */
    { SOMA_WRITE_HINT,    NULL },                   /* store */
    { SOMA_WRITE_MEMBER,  "prompt_cache_key" }
};


int
soma_openai_responses_write_request(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    unsigned                   i;
    const soma_inner_block_t  *block;

    soma_pieces_char(out, '{');
    soma_write_quoted(out, "model", request->model);

    for (block = request->system; block; block = block->next) {
        soma_pieces_cstr(out, block == request->system
                              ? ",\"instructions\":\"" : "\\n\\n");
        soma_pieces_str(out, block->text);
    }

    if (request->system != NULL) {
        soma_pieces_char(out, '"');
    }

    if (soma_openai_responses_write_input(out, request, loss) != SOMA_OK
        || soma_openai_responses_write_bound(out, request, loss) != SOMA_OK
        || soma_openai_responses_write_tools(out, request, loss) != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    if (request->nstops != 0
        && soma_inner_lose(loss, request->stop_member,
                           SOMA_OPENAI_RESPONSES_WHY)
           != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    if (request->stream) {
        soma_pieces_cstr(out, ",\"stream\":true");
    }

    soma_pieces_cstr(out, ",\"store\":false");
    soma_openai_responses_write_text(out, request);
    soma_openai_responses_write_reasoning(out, request);

    for (i = 0; i < request->nlabels; i++) {
        soma_pieces_cstr(out, i == 0 ? ",\"metadata\":{" : ",");
        soma_pieces_text(out, request->labels[i].name);
        soma_pieces_char(out, ':');
        soma_pieces_text(out, request->labels[i].value);
    }

    if (request->nlabels != 0) {
        soma_pieces_char(out, '}');
    }

    if (soma_write_members(out, request, soma_openai_responses_write_members,
                           SOMA_OPENAI_RESPONSES_WHY, loss)
        != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    soma_pieces_char(out, '}');

    return out->failed ? SOMA_ERROR : SOMA_OK;
}


/* fewer than this API takes would be another answer, and another price */

static int
soma_openai_responses_write_bound(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    int64_t                    n;
    const soma_inner_value_t  *member;

    member = &request->member[SOMA_INNER_MAX_TOKENS];

    if (member->raw.data == NULL) {
        return SOMA_OK;
    }

    if (soma_number_int(member->raw, &n) == SOMA_OK
        && n < SOMA_OPENAI_RESPONSES_LEAST)
    {
        return soma_inner_lose(loss, member->name,
                               "is below 16, the least that OpenAI's "
                               "Responses API takes");
    }

    soma_write_raw(out, "max_output_tokens", member->raw);

    return SOMA_OK;
}


static int
soma_openai_responses_write_tools(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    unsigned                     i, n;
    const soma_inner_toolset_t  *tool;

    n = 0;

    for (i = 0; i < request->ntools; i++) {
        tool = &request->tools[i];

        if (tool->kind == SOMA_INNER_HOSTED) {
            if (soma_inner_lose(loss, tool->type, SOMA_OPENAI_RESPONSES_WHY)
                != SOMA_OK)
            {
                return SOMA_DECLINED;
            }

            continue;
        }

        soma_pieces_cstr(out, n++ == 0 ? ",\"tools\":[{" : ",{");
        soma_openai_responses_write_tool(out, tool);
    }

    if (n != 0) {
        soma_pieces_char(out, ']');
        soma_openai_responses_write_choice(out, request);
    }

    return SOMA_OK;
}


/* where nobody says whether it is strict, this API takes it for that, and
 * refuses most schemas */

static void
soma_openai_responses_write_tool(soma_pieces_t *out,
    const soma_inner_toolset_t *tool)
{
    soma_str_t  name;

    if (soma_names_fit(out->arena, &soma_openai_tool_names, tool->name, &name)
        != SOMA_OK)
    {
        out->failed = 1;
        return;
    }

    if (tool->kind == SOMA_INNER_CUSTOM) {
        soma_write_word(out, "type", "custom");
        soma_write_quoted(out, "name", name);
        soma_write_text(out, "description", tool->about);
        soma_write_raw(out, "format", tool->grammar);
        soma_pieces_char(out, '}');
        return;
    }

    soma_write_word(out, "type", "function");
    soma_write_quoted(out, "name", name);
    soma_write_text(out, "description", tool->about);
    soma_write_raw(out, "parameters", tool->schema.data != NULL
                                      ? tool->schema : SOMA_STR("null"));
    soma_write_raw(out, "strict", tool->strict ? SOMA_STR("true")
                                               : SOMA_STR("false"));
    soma_pieces_char(out, '}');
}


static void
soma_openai_responses_write_choice(soma_pieces_t *out,
    const soma_inner_request_t *request)
{
    unsigned  i;

    static const char *const  words[] = { NULL, "auto", "none", "required" };

    if (request->choice <= SOMA_INNER_CHOICE_ANY) {

        if (words[request->choice] != NULL) {
            soma_write_word(out, "tool_choice", words[request->choice]);
        }

    } else if (request->choice == SOMA_INNER_CHOICE_ONE) {
        soma_write_name(out, "tool_choice");
        soma_openai_responses_write_named(out, request, request->names[0]);

    } else {
        soma_pieces_cstr(out, ",\"tool_choice\":{\"type\":"
                              "\"allowed_tools\"");
        soma_write_word(out, "mode", request->must ? "required" : "auto");
        soma_pieces_cstr(out, ",\"tools\":[");

        for (i = 0; i < request->nnames; i++) {

            if (i != 0) {
                soma_pieces_char(out, ',');
            }

            soma_openai_responses_write_named(out, request,
                                              request->names[i]);
        }

        soma_pieces_cstr(out, "]}");
    }

    if (request->one_call) {
        soma_pieces_cstr(out, ",\"parallel_tool_calls\":false");
    }
}


static void
soma_openai_responses_write_named(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_str_t name)
{
    unsigned    i, custom;
    soma_str_t  fit;

    custom = 0;

    for (i = 0; i < request->ntools; i++) {
        custom |= (request->tools[i].kind == SOMA_INNER_CUSTOM
                   && soma_str_eq(request->tools[i].name, name));
    }

    if (soma_names_fit(out->arena, &soma_openai_tool_names, name, &fit)
        != SOMA_OK)
    {
        out->failed = 1;
        return;
    }

    soma_pieces_char(out, '{');
    soma_write_word(out, "type", custom ? "custom" : "function");
    soma_write_quoted(out, "name", fit);
    soma_pieces_char(out, '}');
}


static void
soma_openai_responses_write_text(soma_pieces_t *out,
    const soma_inner_request_t *request)
{
    soma_str_t  verbosity;

    verbosity = request->member[SOMA_INNER_VERBOSITY].raw;

    if (request->format != SOMA_INNER_FORMAT_OBJECT
        && request->format != SOMA_INNER_FORMAT_SCHEMA
        && verbosity.data == NULL)
    {
        return;
    }

    soma_pieces_cstr(out, ",\"text\":{");
    soma_write_raw(out, "verbosity", verbosity);

    if (request->format == SOMA_INNER_FORMAT_OBJECT) {
        soma_write_raw(out, "format", SOMA_STR("{\"type\":\"json_object\"}"));

    } else if (request->format == SOMA_INNER_FORMAT_SCHEMA) {
        soma_write_name(out, "format");
        soma_pieces_char(out, '{');
        soma_write_word(out, "type", "json_schema");
        soma_write_text(out, "name", request->format_name.len
                                     ? request->format_name
                                     : SOMA_STR("output"));
        soma_write_text(out, "description", request->format_about);
        soma_write_raw(out, "schema", request->format_schema);
        soma_write_raw(out, "strict", request->format_strict
                                      ? SOMA_STR("true")
                                      : SOMA_STR("false"));
        soma_pieces_char(out, '}');
    }

    soma_pieces_char(out, '}');
}


/* what is not kept there comes back encrypted, for the next turn; a model that
 * does not reason refuses to be asked for that */

static void
soma_openai_responses_write_reasoning(soma_pieces_t *out,
    const soma_inner_request_t *request)
{
    unsigned             thinks, probs;
    soma_str_t           probs_said;
    soma_inner_effort_e  effort;

    effort = request->effort;

    if (effort == SOMA_INNER_EFFORT_UNSET && request->budget >= 0) {
        effort = soma_inner_budget_effort(request->budget);
    }

    if (effort != SOMA_INNER_EFFORT_UNSET || request->show) {
        soma_pieces_cstr(out, ",\"reasoning\":{");

        if (effort != SOMA_INNER_EFFORT_UNSET) {
            soma_write_word(out, "effort", soma_inner_effort_name(effort));
        }

        if (effort != SOMA_INNER_EFFORT_NONE
            && (request->show || !request->show_said))
        {
            soma_write_word(out, "summary", "auto");
        }

        soma_pieces_char(out, '}');
    }

    thinks = (effort != SOMA_INNER_EFFORT_NONE
              && (effort != SOMA_INNER_EFFORT_UNSET || request->adaptive
                  || soma_openai_responses_write_thinks(request)));

    probs_said = request->member[SOMA_INNER_LOGPROBS].raw;
    probs = soma_str_is(probs_said, "true");

    if (!thinks && !probs) {
        return;
    }

    soma_pieces_cstr(out, ",\"include\":[");
    soma_pieces_cstr(out, thinks ? "\"reasoning.encrypted_content\"" : "");
    soma_pieces_cstr(out, thinks && probs ? "," : "");
    soma_pieces_cstr(out, probs ? "\"message.output_text.logprobs\"" : "");
    soma_pieces_char(out, ']');
}


/* whether the conversation has reasoning of OpenAI's in it */

static unsigned
soma_openai_responses_write_thinks(const soma_inner_request_t *request)
{
    const soma_inner_turn_t   *turn;
    const soma_inner_block_t  *block;

    for (turn = request->turns; turn; turn = turn->next) {
        for (block = turn->blocks; block; block = block->next) {

            if (block->kind == SOMA_INNER_REASONING && block->opaque.len != 0
                && soma_str_is(block->maker, "openai"))
            {
                return 1;
            }
        }
    }

    return 0;
}
