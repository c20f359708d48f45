
/*
 * Copyright (C) The ngx_soma authors
 *
 * Tools and the choice among them for a chat request.
 */


#include "soma_openai_shared.h"
#include "soma_openai_write.h"
#include "soma_write.h"


static void soma_openai_write_tool(soma_pieces_t *out,
    const soma_inner_toolset_t *tool);
static void soma_openai_write_choice(soma_pieces_t *out,
    const soma_inner_request_t *request);
static void soma_openai_write_chosen(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_str_t name);


int
soma_openai_write_tools(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    unsigned                     i, n;
    const soma_inner_toolset_t  *tool;

    n = 0;

    for (i = 0; i < request->ntools; i++) {
        tool = &request->tools[i];

        if (tool->kind == SOMA_INNER_HOSTED) {
            if (soma_inner_lose(loss, tool->type, SOMA_OPENAI_WHY) != SOMA_OK)
            {
                return SOMA_DECLINED;
            }

            continue;
        }

        soma_pieces_cstr(out, n++ == 0 ? ",\"tools\":[{" : ",{");
        soma_openai_write_tool(out, tool);
    }

    /* a choice without tools is refused by OpenAI */

    if (n != 0) {
        soma_pieces_char(out, ']');
        soma_openai_write_choice(out, request);
    }

    return SOMA_OK;
}


static void
soma_openai_write_tool(soma_pieces_t *out, const soma_inner_toolset_t *tool)
{
    const char  *kind;

    kind = (tool->kind == SOMA_INNER_CUSTOM) ? "custom" : "function";

    soma_write_word(out, "type", kind);
    soma_write_name(out, kind);
    soma_pieces_char(out, '{');
    soma_openai_shared_name(out, "name", tool->name);
    soma_write_text(out, "description", tool->about);

    if (tool->kind == SOMA_INNER_CUSTOM) {
        soma_openai_shared_grammar(out, tool->grammar, 0);

    } else {
        soma_write_raw(out, "parameters", tool->schema);

        if (tool->strict_said) {
            soma_write_raw(out, "strict", tool->strict ? SOMA_STR("true")
                                                       : SOMA_STR("false"));
        }
    }

    soma_pieces_cstr(out, "}}");
}


static void
soma_openai_write_choice(soma_pieces_t *out,
    const soma_inner_request_t *request)
{
    unsigned  i;

    switch (request->choice) {

    case SOMA_INNER_CHOICE_AUTO:
        soma_write_word(out, "tool_choice", "auto");
        break;

    case SOMA_INNER_CHOICE_NONE:
        soma_write_word(out, "tool_choice", "none");
        break;

    case SOMA_INNER_CHOICE_ANY:
        soma_write_word(out, "tool_choice", "required");
        break;

    case SOMA_INNER_CHOICE_ONE:
        soma_write_name(out, "tool_choice");
        soma_openai_write_chosen(out, request, request->names[0]);
        break;

    case SOMA_INNER_CHOICE_SOME:
        soma_pieces_cstr(out, ",\"tool_choice\":{\"type\":"
                              "\"allowed_tools\",\"allowed_tools\":{");
        soma_write_word(out, "mode", request->must ? "required" : "auto");
        soma_pieces_cstr(out, ",\"tools\":[");

        for (i = 0; i < request->nnames; i++) {
            soma_openai_shared_comma(out);
            soma_openai_write_chosen(out, request, request->names[i]);
        }

        soma_pieces_cstr(out, "]}}");
        break;

    default:
        break;
    }

    if (request->one_call) {
        soma_pieces_cstr(out, ",\"parallel_tool_calls\":false");
    }
}


static void
soma_openai_write_chosen(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_str_t name)
{
    const char  *kind;

    kind = soma_openai_shared_custom(request, name) ? "custom" : "function";

    soma_pieces_char(out, '{');
    soma_write_word(out, "type", kind);
    soma_write_name(out, kind);
    soma_pieces_char(out, '{');
    soma_openai_shared_name(out, "name", name);
    soma_pieces_cstr(out, "}}");
}
