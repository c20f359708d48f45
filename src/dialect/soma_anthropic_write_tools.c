
/*
 * Copyright (C) The ngx_soma authors
 *
 * Tools and the choice among them for a request of the Messages API.
 */


#include "soma_anthropic_request.h"
#include "soma_custom.h"
#include "soma_write.h"


static unsigned soma_anthropic_write_foreign(const soma_inner_toolset_t *tool);
static int soma_anthropic_write_tool(soma_pieces_t *out,
    const soma_inner_toolset_t *tool, soma_inner_loss_t *loss);
static int soma_anthropic_write_choice(soma_pieces_t *out,
    const soma_inner_request_t *request, unsigned thinking,
    soma_inner_loss_t *loss);


int
soma_anthropic_write_tools(soma_pieces_t *out,
    const soma_inner_request_t *request, unsigned thinking,
    soma_inner_loss_t *loss)
{
    unsigned                     i, n;
    const soma_inner_toolset_t  *tool;

    n = 0;

    for (i = 0; i < request->ntools; i++) {
        tool = &request->tools[i];

        if (request->choice == SOMA_INNER_CHOICE_SOME
            && !soma_write_named(request, tool))
        {
            continue;
        }

        if (soma_anthropic_write_foreign(tool)) {
            if (soma_inner_lose(loss, tool->type, SOMA_ANTHROPIC_WHY)
                != SOMA_OK)
            {
                return SOMA_DECLINED;
            }

            continue;
        }

        soma_pieces_cstr(out, n++ == 0 ? ",\"tools\":[" : ",");

        if (tool->kind == SOMA_INNER_HOSTED) {
            soma_pieces_str(out, tool->raw);

        } else if (soma_anthropic_write_tool(out, tool, loss) != SOMA_OK) {
            return SOMA_DECLINED;
        }
    }

    if (n == 0) {
        return SOMA_OK;
    }

    soma_pieces_char(out, ']');

    return soma_anthropic_write_choice(out, request, thinking, loss);
}


/* another provider's own */

static unsigned
soma_anthropic_write_foreign(const soma_inner_toolset_t *tool)
{
    return tool->kind == SOMA_INNER_HOSTED
           && !soma_str_is(tool->maker, SOMA_ANTHROPIC_MAKER);
}


/* a tool that takes free text takes an object with that text here */

static int
soma_anthropic_write_tool(soma_pieces_t *out,
    const soma_inner_toolset_t *tool, soma_inner_loss_t *loss)
{
    soma_pieces_char(out, '{');
    soma_anthropic_write_turns_name(out, "name",
                                    &soma_anthropic_write_turns_names,
                                    tool->name);

    if (tool->about.len != 0) {
        soma_write_text(out, "description", tool->about);
    }

    if (tool->kind == SOMA_INNER_CUSTOM) {
        soma_write_raw(out, "input_schema", SOMA_STR(SOMA_CUSTOM_SCHEMA));

        if (soma_custom_grammar(tool, SOMA_ANTHROPIC_WHY, loss) != SOMA_OK) {
            return SOMA_DECLINED;
        }

    } else {
        soma_write_raw(out, "input_schema",
                       tool->schema.len ? tool->schema
                       : SOMA_STR("{\"type\":\"object\",\"properties\":{}}"));
    }

    if (tool->strict_said && tool->strict) {
        soma_pieces_cstr(out, ",\"strict\":true");
    }

    soma_anthropic_write_turns_cache(out, tool->cache);
    soma_pieces_char(out, '}');

    return SOMA_OK;
}


static int
soma_anthropic_write_choice(soma_pieces_t *out,
    const soma_inner_request_t *request, unsigned thinking,
    soma_inner_loss_t *loss)
{
    unsigned              forced;
    soma_inner_choice_e   choice;

    choice = request->choice;

    if (choice == SOMA_INNER_CHOICE_SOME) {
        choice = request->must ? SOMA_INNER_CHOICE_ANY
                               : SOMA_INNER_CHOICE_AUTO;
    }

    forced = (choice == SOMA_INNER_CHOICE_ANY
              || choice == SOMA_INNER_CHOICE_ONE);

    if (forced && thinking) {
        if (soma_inner_lose(loss, request->choice_name, "cannot force a call "
                            "beside reasoning in a request of Anthropic's "
                            "API")
            != SOMA_OK)
        {
            return SOMA_DECLINED;
        }

        choice = SOMA_INNER_CHOICE_AUTO;
    }

    if (choice == SOMA_INNER_CHOICE_UNSET && !request->one_call) {
        return SOMA_OK;
    }

    soma_pieces_cstr(out, ",\"tool_choice\":{");

    soma_write_word(out, "type",
                    choice == SOMA_INNER_CHOICE_NONE ? "none"
                    : choice == SOMA_INNER_CHOICE_ANY ? "any"
                    : choice == SOMA_INNER_CHOICE_ONE ? "tool" : "auto");

    if (choice == SOMA_INNER_CHOICE_ONE) {
        soma_anthropic_write_turns_name(out, "name",
                                        &soma_anthropic_write_turns_names,
                                        request->names[0]);
    }

    if (request->one_call && choice != SOMA_INNER_CHOICE_NONE) {
        soma_pieces_cstr(out, ",\"disable_parallel_tool_use\":true");
    }

    soma_pieces_char(out, '}');

    return SOMA_OK;
}
