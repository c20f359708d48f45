
/*
 * Copyright (C) The ngx_soma authors
 *
 * Tools that a request of the Messages API brings.  One without a type, or of
 * type custom, is the client's own, and so are those that the API describes
 * to the model and the client runs; any other one is run by the provider.
 */


#include "soma_anthropic.h"


/* what the API tells the model of one of those is not in the request: at most
 * so many tokens */
#define SOMA_ANTHROPIC_TOOL_TOKENS  2048


static int soma_anthropic_ask_tool(soma_arena_t *arena,
    soma_json_value_t *tool, soma_str_t *type, const char **error);
static unsigned soma_anthropic_ask_known(soma_str_t type);


int
soma_anthropic_ask_tools(soma_ask_t *ask, soma_arena_t *arena,
    soma_json_value_t *value, const char **error)
{
    int                rc;
    unsigned           n;
    soma_str_t         name, type;
    soma_json_iter_t   it;
    soma_json_value_t  tool;

    *error = "tools: Input should be a valid list";

    if (value->type != SOMA_JSON_ARRAY
        || soma_json_first(&it, value->text) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    for (n = 0; (rc = soma_json_next(&it, &name, &tool)) == SOMA_OK; n++) {

        if (n == SOMA_ASK_TOOLS_MAX) {
            *error = "tools: there are more than 1024";
            return SOMA_ERROR;
        }

        if (soma_anthropic_ask_tool(arena, &tool, &type, error) != SOMA_OK) {
            return SOMA_ERROR;
        }

        if (type.len == 0 || soma_str_is(type, "custom")) {
            continue;
        }

        if (soma_anthropic_ask_known(type)) {
            ask->before += SOMA_ANTHROPIC_TOOL_TOKENS;
            continue;
        }

        if (soma_ask_hosted(ask, type, error) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    return rc == SOMA_DONE ? SOMA_OK : SOMA_ERROR;
}


/* a type that stands twice, or in another case, may be read as either */

static int
soma_anthropic_ask_tool(soma_arena_t *arena, soma_json_value_t *tool,
    soma_str_t *type, const char **error)
{
    int                rc;
    unsigned           n;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  v;

    *error = "tools: each should be a valid object with one \"type\", a "
             "string, at most";

    n = 0;
    type->len = 0;

    if (tool->type != SOMA_JSON_OBJECT
        || soma_json_first(&it, tool->text) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    while ((rc = soma_json_next(&it, &name, &v)) == SOMA_OK) {

        if (soma_ask_name(arena, name, &name) != SOMA_OK) {
            return SOMA_ERROR;
        }

        if (!soma_str_case_is(name, "type")) {
            continue;
        }

        if (n++ != 0 || !soma_str_is(name, "type")) {
            return SOMA_ERROR;
        }

        if (v.type != SOMA_JSON_NULL
            && (soma_json_text(arena, &v, type) != SOMA_OK || type->len == 0))
        {
            return SOMA_ERROR;
        }
    }

    return rc == SOMA_DONE ? SOMA_OK : SOMA_ERROR;
}


/* whether the client runs it, though the API knows it */

static unsigned
soma_anthropic_ask_known(soma_str_t type)
{
    size_t  i;

    static const soma_str_t  known[] = {
        soma_string("bash_20"),
        soma_string("browser_"),
        soma_string("computer_"),
        soma_string("memory_"),
        soma_string("text_editor_20")
    };

    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (type.len >= known[i].len
            && memcmp(type.data, known[i].data, known[i].len) == 0)
        {
            return 1;
        }
    }

    return 0;
}
