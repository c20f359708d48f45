
/*
 * Copyright (C) The ngx_soma authors
 *
 * Tools for a request.  Which of them is called is the model's choice alone:
 * a choice of some of them, or of none, is one of those that it is told of.
 */


#include "soma_ollama_request.h"
#include "soma_write.h"


static int soma_ollama_write_tool(soma_pieces_t *out,
    const soma_inner_toolset_t *tool, soma_inner_loss_t *loss);
static int soma_ollama_write_choice(const soma_inner_request_t *request,
    soma_inner_loss_t *loss);


int
soma_ollama_write_tools(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    unsigned                     i, n;
    const soma_inner_toolset_t  *tool;

    n = 0;

    if (request->ntools == 0) {
        return SOMA_OK;
    }

    if (request->choice == SOMA_INNER_CHOICE_NONE) {
        return SOMA_OK;
    }

    if (loss->facts & SOMA_FACT_NO_TOOLS) {
        return soma_inner_lose(loss, SOMA_STR("tools"),
                               "is not known to that model");
    }

    for (i = 0; i < request->ntools; i++) {
        tool = &request->tools[i];

        if (request->choice == SOMA_INNER_CHOICE_SOME
            && !soma_write_named(request, tool))
        {
            continue;
        }

        if (tool->kind == SOMA_INNER_HOSTED) {
            if (soma_inner_lose(loss, tool->type, SOMA_OLLAMA_WHY) != SOMA_OK)
            {
                return SOMA_DECLINED;
            }

            continue;
        }

        if (n++ == 0) {
            soma_write_name(out, "tools");
        }

        soma_pieces_char(out, n == 1 ? '[' : ',');

        if (soma_ollama_write_tool(out, tool, loss) != SOMA_OK) {
            return SOMA_DECLINED;
        }
    }

    if (n == 0) {
        return SOMA_OK;
    }

    soma_pieces_char(out, ']');

    return soma_ollama_write_choice(request, loss);
}


/* a tool that takes free text takes an object with that text here; templates
 * read parameters and description whether there is something in them or not */

static int
soma_ollama_write_tool(soma_pieces_t *out, const soma_inner_toolset_t *tool,
    soma_inner_loss_t *loss)
{
    soma_str_t  type;

    soma_pieces_cstr(out, "{\"type\":\"function\",\"function\":{");
    soma_write_quoted(out, "name", tool->name);
    soma_write_text(out, "description", tool->about.data != NULL
                                        ? tool->about : SOMA_STR(""));

    if (tool->kind == SOMA_INNER_CUSTOM) {
        soma_pieces_cstr(out, ",\"parameters\":{\"type\":\"object\","
                              "\"properties\":{\"input\":{\"type\":"
                              "\"string\"}},\"required\":[\"input\"]}");

        if (tool->grammar.data != NULL
            && soma_fill_text(tool->grammar, "type", &type) == SOMA_OK
            && !soma_str_is(type, "text")
            && soma_inner_lose(loss, SOMA_STR("tools.custom.format"),
                               SOMA_OLLAMA_WHY)
               != SOMA_OK)
        {
            return SOMA_DECLINED;
        }

    } else {
        soma_write_raw(out, "parameters",
                       tool->schema.len ? tool->schema
                       : SOMA_STR("{\"type\":\"object\",\"properties\":{}}"));
    }

    if (tool->strict_said && tool->strict) {
        soma_inner_drop(loss, SOMA_STR("tools.strict"));
    }

    if (tool->cache != SOMA_INNER_CACHE_NONE) {
        soma_inner_drop(loss, SOMA_STR("cache_control"));
    }

    soma_pieces_cstr(out, "}}");

    return SOMA_OK;
}


static int
soma_ollama_write_choice(const soma_inner_request_t *request,
    soma_inner_loss_t *loss)
{
    if ((request->choice == SOMA_INNER_CHOICE_ANY
         || request->choice == SOMA_INNER_CHOICE_ONE
         || (request->choice == SOMA_INNER_CHOICE_SOME && request->must))
        && soma_inner_lose(loss, request->choice_name, "cannot force a call "
                           "in a request of Ollama's API")
           != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    if (request->one_call) {
        return soma_inner_lose(loss, SOMA_STR("parallel_tool_calls"),
                               SOMA_OLLAMA_WHY);
    }

    return SOMA_OK;
}
