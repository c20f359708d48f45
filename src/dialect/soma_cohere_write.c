
/*
 * Copyright (C) The ngx_soma authors
 *
 * Writes requests out of the inner form, but for their messages.
 */


#include "soma_cohere_request.h"
#include "soma_custom.h"
#include "soma_write.h"


#define SOMA_COHERE_STOPS_MAX  5


static int soma_cohere_write_tools(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);
static int soma_cohere_write_tool(soma_pieces_t *out,
    const soma_inner_toolset_t *tool, soma_inner_loss_t *loss);
static int soma_cohere_write_choice(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);
static int soma_cohere_write_format(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);
static void soma_cohere_write_think(soma_pieces_t *out,
    const soma_inner_request_t *request);
static int soma_cohere_write_rest(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);


/* in the order of soma_inner_member_e */
static const soma_write_member_t  soma_cohere_write_members[] = {
    { SOMA_WRITE_MEMBER,  "max_tokens" },
    { SOMA_WRITE_MEMBER,  "temperature" },
    { SOMA_WRITE_MEMBER,  "p" },
    { SOMA_WRITE_MEMBER,  "k" },
    { SOMA_WRITE_MEMBER,  "frequency_penalty" },
    { SOMA_WRITE_MEMBER,  "presence_penalty" },
    { SOMA_WRITE_MEMBER,  "seed" },
    { SOMA_WRITE_REFUSED, NULL },                   /* n */
    { SOMA_WRITE_MEMBER,  "logprobs" },
    { SOMA_WRITE_REFUSED, NULL },                   /* top_logprobs */
    { SOMA_WRITE_REFUSED, NULL },                   /* logit_bias */
    { SOMA_WRITE_REFUSED, NULL },                   /* min_p */
    { SOMA_WRITE_HINT,    NULL },                   /* prediction */
    { SOMA_WRITE_HINT,    NULL },                   /* verbosity */
    { SOMA_WRITE_REFUSED, NULL },                   /* truncation */
    { SOMA_WRITE_HINT,    NULL },                   /* user */
    { SOMA_WRITE_HINT,    NULL },                   /* tier */
    { SOMA_WRITE_HINT,    NULL },                   /* store */
    { SOMA_WRITE_HINT,    NULL }                    /* cache key */
};


int
soma_cohere_write(soma_pieces_t *out, const soma_inner_request_t *request,
    soma_inner_loss_t *loss)
{
    soma_inner_request_t  fit;

    if (soma_write_facts(&fit, request, loss) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    request = &fit;

    soma_pieces_char(out, '{');
    soma_write_quoted(out, "model", request->model);

    if (soma_cohere_write_turns(out, request, loss) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    soma_write_raw(out, "stream", request->stream ? SOMA_STR("true")
                                                  : SOMA_STR("false"));

    if (soma_cohere_write_tools(out, request, loss) != SOMA_OK
        || soma_cohere_write_format(out, request, loss) != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    soma_cohere_write_think(out, request);
    soma_write_uncached(request, loss);

    soma_write_stops(out, "stop_sequences", request, SOMA_COHERE_STOPS_MAX,
                     loss);

    if (soma_cohere_write_rest(out, request, loss) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    soma_pieces_char(out, '}');

    return out->failed ? SOMA_ERROR : SOMA_OK;
}


/* a choice of one of them is one of those that the model is told of */

static int
soma_cohere_write_tools(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    unsigned                     i, n, strict;
    const soma_inner_toolset_t  *tool;

    n = 0;
    strict = 0;

    for (i = 0; i < request->ntools; i++) {
        tool = &request->tools[i];

        if ((request->choice == SOMA_INNER_CHOICE_SOME
             || request->choice == SOMA_INNER_CHOICE_ONE)
            && !soma_write_named(request, tool))
        {
            continue;
        }

        if (tool->kind == SOMA_INNER_HOSTED) {
            if (soma_inner_lose(loss, tool->type, SOMA_COHERE_WHY) != SOMA_OK)
            {
                return SOMA_DECLINED;
            }

            continue;
        }

        if (n++ == 0) {
            soma_write_name(out, "tools");
        }

        soma_pieces_char(out, n == 1 ? '[' : ',');

        if (soma_cohere_write_tool(out, tool, loss) != SOMA_OK) {
            return SOMA_DECLINED;
        }

        strict += (tool->strict_said && tool->strict);
    }

    if (n == 0) {
        return SOMA_OK;
    }

    soma_pieces_char(out, ']');

    if (strict == n) {
        soma_write_raw(out, "strict_tools", SOMA_STR("true"));

    } else if (strict != 0) {
        soma_inner_drop(loss, SOMA_STR("tools.strict"));
    }

    return soma_cohere_write_choice(out, request, loss);
}


/* a tool that takes free text takes an object with that text here */

static int
soma_cohere_write_tool(soma_pieces_t *out, const soma_inner_toolset_t *tool,
    soma_inner_loss_t *loss)
{
    soma_pieces_cstr(out, "{\"type\":\"function\",\"function\":{");
    soma_write_quoted(out, "name", tool->name);
    soma_write_text(out, "description", tool->about);

    if (tool->kind == SOMA_INNER_CUSTOM) {
        soma_write_raw(out, "parameters", SOMA_STR(SOMA_CUSTOM_SCHEMA));

        if (soma_custom_grammar(tool, SOMA_COHERE_WHY, loss) != SOMA_OK) {
            return SOMA_DECLINED;
        }

    } else {
        soma_write_raw(out, "parameters",
                       tool->schema.len ? tool->schema
                       : SOMA_STR("{\"type\":\"object\",\"properties\":{}}"));
    }

    soma_pieces_cstr(out, "}}");

    return SOMA_OK;
}


static int
soma_cohere_write_choice(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    switch (request->choice) {

    case SOMA_INNER_CHOICE_NONE:
        soma_write_word(out, "tool_choice", "NONE");
        break;

    case SOMA_INNER_CHOICE_ANY:
    case SOMA_INNER_CHOICE_ONE:
        soma_write_word(out, "tool_choice", "REQUIRED");
        break;

    case SOMA_INNER_CHOICE_SOME:
        if (request->must) {
            soma_write_word(out, "tool_choice", "REQUIRED");
        }

        break;

    default:
        break;
    }

    return request->one_call
           ? soma_inner_lose(loss, SOMA_STR("parallel_tool_calls"),
                             SOMA_COHERE_WHY)
           : SOMA_OK;
}


/* beside tools, the API refuses it */

static int
soma_cohere_write_format(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    if (request->format == SOMA_INNER_FORMAT_TEXT) {
        return SOMA_OK;
    }

    if (request->ntools != 0) {
        return soma_inner_lose(loss, request->format_member, "has no place "
                               "beside tools in a request of Cohere's API");
    }

    if (request->format == SOMA_INNER_FORMAT_ENUM) {
        return soma_inner_lose(loss, request->format_member,
                               SOMA_COHERE_WHY);
    }

    soma_pieces_cstr(out, ",\"response_format\":{\"type\":\"json_object\"");

    if (request->format == SOMA_INNER_FORMAT_SCHEMA
        && request->format_schema.len != 0)
    {
        soma_write_raw(out, "json_schema", request->format_schema);
    }

    soma_pieces_char(out, '}');

    return SOMA_OK;
}


static void
soma_cohere_write_think(soma_pieces_t *out,
    const soma_inner_request_t *request)
{
    int64_t  budget;

    budget = request->budget;

    if (request->effort == SOMA_INNER_EFFORT_NONE) {
        soma_pieces_cstr(out, ",\"thinking\":{\"type\":\"disabled\"}");
        return;
    }

    if (budget < 0 && request->effort == SOMA_INNER_EFFORT_UNSET
        && !request->adaptive)
    {
        return;
    }

    if (budget < 0 && request->effort != SOMA_INNER_EFFORT_UNSET) {
        budget = soma_inner_effort_budget(request->effort);
    }

    soma_pieces_cstr(out, ",\"thinking\":{\"type\":\"enabled\"");

    if (budget > 0) {
        soma_write_int(out, "token_budget", budget);
    }

    soma_pieces_char(out, '}');
}


static int
soma_cohere_write_rest(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    if (request->nlabels != 0
        && soma_inner_lose(loss, request->label_member, SOMA_COHERE_WHY)
           != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    return soma_write_members(out, request, soma_cohere_write_members,
                              SOMA_COHERE_WHY, loss);
}
