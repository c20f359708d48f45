
/*
 * Copyright (C) The ngx_soma authors
 *
 * The tools of a request of the Messages API, and which of them may be
 * called.
 */


#include "soma_anthropic_request.h"


static int soma_anthropic_tools_tool(soma_fill_t *r,
    soma_inner_toolset_t *tool, soma_str_t text);


int
soma_anthropic_tools(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    int                rc;
    size_t             size;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  tool;

    (void) member;

    if (value->type != SOMA_JSON_ARRAY
        || soma_json_first(&it, value->text) != SOMA_OK)
    {
        *r->error = "\"tools\" must be an array";
        return SOMA_ERROR;
    }

    for (size = 0; soma_json_next(&it, &name, &tool) == SOMA_OK; size++) {
        /* void */
    }

    if (size > SOMA_INNER_TOOLS_MAX) {
        *r->error = "\"tools\" has more than 1024 tools";
        return SOMA_ERROR;
    }

    r->request->ntools = 0;
    r->request->tools = r->arena->alloc(r->arena->data,
                                        (size + 1)
                                        * sizeof(soma_inner_toolset_t));
    if (r->request->tools == NULL) {
        return SOMA_ERROR;
    }

    (void) soma_json_first(&it, value->text);

    while ((rc = soma_json_next(&it, &name, &tool)) == SOMA_OK) {
        if (soma_anthropic_tools_tool(r,
                                &r->request->tools[r->request->ntools++],
                                tool.text)
            != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    if (rc != SOMA_DONE) {
        *r->error = "\"tools\" is malformed";
        return SOMA_ERROR;
    }

    return SOMA_OK;
}


/* a type other than "custom" is a tool whose schema the provider knows */

static int
soma_anthropic_tools_tool(soma_fill_t *r, soma_inner_toolset_t *tool,
    soma_str_t text)
{
    soma_json_value_t  value;

    memset(tool, 0, sizeof(soma_inner_toolset_t));

    (void) soma_fill_name(r, text, "type", &tool->type);
    (void) soma_fill_name(r, text, "name", &tool->name);

    tool->cache = soma_fill_cache(text);

    if (tool->type.len != 0 && !soma_str_is(tool->type, "custom")) {
        tool->kind = SOMA_INNER_HOSTED;
        tool->raw = text;
        tool->maker = SOMA_STR(SOMA_ANTHROPIC_MAKER);
        return SOMA_OK;
    }

    if (tool->name.len == 0) {
        *r->error = "each of \"tools\" must have a \"name\"";
        return SOMA_ERROR;
    }

    (void) soma_fill_text(text, "description", &tool->about);

    if (soma_json_get(text, "input_schema", &value) == SOMA_OK
        && value.type == SOMA_JSON_OBJECT)
    {
        tool->schema = value.text;
    }

    if (soma_json_get(text, "strict", &value) == SOMA_OK
        && value.type != SOMA_JSON_NULL)
    {
        tool->strict_said = 1;
        tool->strict = (value.type == SOMA_JSON_TRUE);
    }

    return SOMA_OK;
}


int
soma_anthropic_tools_choice(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    size_t                 i;
    soma_str_t             type;
    soma_json_value_t      alone;
    soma_inner_request_t  *request;

    static const struct {
        const char           *type;
        soma_inner_choice_e   choice;
    } choices[] = {
        { "auto", SOMA_INNER_CHOICE_AUTO },
        { "none", SOMA_INNER_CHOICE_NONE },
        { "any",  SOMA_INNER_CHOICE_ANY },
        { "tool", SOMA_INNER_CHOICE_ONE }
    };

    request = r->request;
    request->choice_name = member->name;

    (void) soma_fill_text(value->text, "type", &type);

    for (i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
        if (soma_str_is(type, choices[i].type)) {
            request->choice = choices[i].choice;
            break;
        }
    }

    if (i == sizeof(choices) / sizeof(choices[0])) {
        *r->error = "\"tool_choice.type\" must be auto, any, tool or none";
        return SOMA_ERROR;
    }

    request->one_call = soma_json_get(value->text,
                                      "disable_parallel_tool_use", &alone)
                        == SOMA_OK && alone.type == SOMA_JSON_TRUE;

    if (request->choice != SOMA_INNER_CHOICE_ONE) {
        return SOMA_OK;
    }

    request->nnames = 1;
    request->names = r->arena->alloc(r->arena->data, sizeof(soma_str_t));

    if (request->names == NULL) {
        return SOMA_ERROR;
    }

    if (soma_fill_name(r, value->text, "name", request->names) != SOMA_OK) {
        *r->error = "\"tool_choice\" has no \"name\"";
        return SOMA_ERROR;
    }

    return SOMA_OK;
}
