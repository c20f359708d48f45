
/*
 * Copyright (C) The ngx_soma authors
 *
 * Tools and the choice among them for a request of Google's API: all functions
 * stand in one member, with the schemas as the client wrote them.
 */


#include "soma_gemini_request.h"
#include "soma_names.h"
#include "soma_write.h"


static int soma_gemini_write_functions(soma_pieces_t *out,
    const soma_inner_request_t *request, unsigned *n,
    soma_inner_loss_t *loss);
static int soma_gemini_write_function(soma_pieces_t *out,
    const soma_inner_toolset_t *tool, soma_inner_loss_t *loss);
static int soma_gemini_write_hosted(soma_pieces_t *out,
    const soma_inner_request_t *request, unsigned *n,
    soma_inner_loss_t *loss);
static int soma_gemini_write_choice(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);


int
soma_gemini_write_tools(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    unsigned  functions, tools;

    if (request->ntools == 0) {
        return SOMA_OK;
    }

    if (loss->facts & SOMA_FACT_NO_TOOLS) {
        return soma_inner_lose(loss, SOMA_STR("tools"),
                               "are not taken by this model");
    }

    functions = 0;
    tools = 0;

    if (soma_gemini_write_functions(out, request, &functions, loss)
        != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    tools = (functions != 0);

    if (soma_gemini_write_hosted(out, request, &tools, loss) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    if (tools != 0) {
        soma_pieces_char(out, ']');
    }

    if (functions == 0) {
        return SOMA_OK;
    }

    if (request->one_call
        && soma_inner_lose(loss, request->choice_name.len != 0
                                 ? request->choice_name
                                 : SOMA_STR("parallel_tool_calls"),
                           "cannot bound calls to one in a request of "
                           "Google's API")
           != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    return soma_gemini_write_choice(out, request, loss);
}


int
soma_gemini_write_tools_name(soma_pieces_t *out, const char *member,
    soma_str_t name)
{
    soma_str_t  fit;

    if (soma_names_fit(out->arena, &soma_gemini_tool_names, name, &fit)
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    soma_write_quoted(out, member, fit);

    return SOMA_OK;
}


static int
soma_gemini_write_functions(soma_pieces_t *out,
    const soma_inner_request_t *request, unsigned *n,
    soma_inner_loss_t *loss)
{
    unsigned  i;

    for (i = 0; i < request->ntools; i++) {

        if (request->tools[i].kind == SOMA_INNER_HOSTED) {
            continue;
        }

        soma_pieces_cstr(out, (*n)++ == 0
                              ? ",\"tools\":[{\"functionDeclarations\":["
                              : ",");

        if (soma_gemini_write_function(out, &request->tools[i], loss)
            != SOMA_OK)
        {
            return SOMA_DECLINED;
        }
    }

    if (*n != 0) {
        soma_pieces_cstr(out, "]}");
    }

    return SOMA_OK;
}


/* a tool that takes free text takes an object with that text here */

static int
soma_gemini_write_function(soma_pieces_t *out,
    const soma_inner_toolset_t *tool, soma_inner_loss_t *loss)
{
    soma_str_t  type;

    soma_pieces_char(out, '{');

    if (soma_gemini_write_tools_name(out, "name", tool->name) != SOMA_OK) {
        return SOMA_ERROR;
    }

    soma_write_text(out, "description", tool->about.data ? tool->about
                                                         : SOMA_STR(""));

    if (tool->cache != SOMA_INNER_CACHE_NONE) {
        soma_inner_drop(loss, SOMA_STR("cache_control"));
    }

    if (tool->strict_said && tool->strict) {
        soma_inner_drop(loss, SOMA_STR("strict"));
    }

    if (tool->kind != SOMA_INNER_CUSTOM) {

        if (tool->schema.len != 0) {
            soma_write_raw(out, "parametersJsonSchema", tool->schema);
        }

        soma_pieces_char(out, '}');
        return SOMA_OK;
    }

    if (tool->grammar.data != NULL
        && soma_fill_text(tool->grammar, "type", &type) == SOMA_OK
        && !soma_str_is(type, "text")
        && soma_inner_lose(loss, SOMA_STR("tools.custom.format"),
                           SOMA_GEMINI_WHY)
           != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    soma_pieces_cstr(out, ",\"parametersJsonSchema\":{\"type\":\"object\","
                          "\"properties\":{\"input\":{\"type\":\"string\"}},"
                          "\"required\":[\"input\"]}}");

    return SOMA_OK;
}


static int
soma_gemini_write_hosted(soma_pieces_t *out,
    const soma_inner_request_t *request, unsigned *n,
    soma_inner_loss_t *loss)
{
    unsigned                     i;
    const soma_inner_toolset_t  *tool;

    for (i = 0; i < request->ntools; i++) {
        tool = &request->tools[i];

        if (tool->kind != SOMA_INNER_HOSTED) {
            continue;
        }

        if (!soma_str_is(tool->maker, SOMA_GEMINI_MAKER)) {
            if (soma_inner_lose(loss, tool->type, SOMA_GEMINI_WHY)
                != SOMA_OK)
            {
                return SOMA_DECLINED;
            }

            continue;
        }

        soma_pieces_cstr(out, (*n)++ == 0 ? ",\"tools\":[" : ",");
        soma_pieces_str(out, tool->raw);
    }

    return SOMA_OK;
}


/* names go with "any", or with "validated", which may call or not */

static int
soma_gemini_write_choice(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    unsigned              i;
    soma_inner_choice_e   choice;

    /* in the order of soma_inner_choice_e */
    static const char *const  modes[] = {
        "AUTO", "AUTO", "NONE", "ANY", "ANY", "VALIDATED"
    };

    choice = request->choice;

    if (choice == SOMA_INNER_CHOICE_UNSET) {
        return SOMA_OK;
    }

    if (loss->facts & SOMA_FACT_NO_FORCING
        && (choice == SOMA_INNER_CHOICE_ANY || choice == SOMA_INNER_CHOICE_ONE
            || request->must))
    {
        return soma_inner_lose(loss, request->choice_name,
                               "is not taken by this model");
    }

    soma_pieces_cstr(out, ",\"toolConfig\":{\"functionCallingConfig\":{");
    soma_write_word(out, "mode",
                    choice == SOMA_INNER_CHOICE_SOME && request->must
                    ? "ANY" : modes[choice]);

    if (choice == SOMA_INNER_CHOICE_ONE || choice == SOMA_INNER_CHOICE_SOME) {

        soma_write_name(out, "allowedFunctionNames");
        soma_pieces_char(out, '[');

        for (i = 0; i < request->nnames
                    && (i == 0 || choice == SOMA_INNER_CHOICE_SOME); i++)
        {
            soma_str_t  fit;

            if (soma_names_fit(out->arena, &soma_gemini_tool_names,
                               request->names[i], &fit)
                != SOMA_OK)
            {
                return SOMA_ERROR;
            }

            soma_gemini_write_turns_comma(out);
            soma_pieces_quote(out, fit);
        }

        soma_pieces_char(out, ']');
    }

    soma_pieces_cstr(out, "}}");

    return SOMA_OK;
}
