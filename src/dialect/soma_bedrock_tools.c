
/*
 * Copyright (C) The ngx_soma authors
 *
 * The tools of a request of Converse, and which of them may be called.
 */


#include "soma_bedrock_request.h"


static int soma_bedrock_tools_list(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_bedrock_tools_tool(soma_fill_t *r, soma_str_t text);
static int soma_bedrock_tools_spec(soma_fill_t *r,
    soma_inner_toolset_t *tool, soma_str_t spec);
static int soma_bedrock_tools_choice(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);


static const soma_bedrock_nested_t  soma_bedrock_tools_config[] = {
    { "tools", { soma_string("toolConfig.tools"),
                 soma_bedrock_tools_list, 0 } },
    { "toolChoice", { soma_string("toolConfig.toolChoice"),
                      soma_bedrock_tools_choice, 0 } }
};


int
soma_bedrock_tools(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    return soma_bedrock_request_nested(r, member->name, value,
                                       soma_bedrock_tools_config,
                                       sizeof(soma_bedrock_tools_config)
                                       / sizeof(soma_bedrock_nested_t));
}


static int
soma_bedrock_tools_list(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    int                rc;
    size_t             size;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  tool;

    if (value->type != SOMA_JSON_ARRAY
        || soma_json_first(&it, value->text) != SOMA_OK)
    {
        return soma_fill_fail(r, "\"", member->name, "\" must be an array");
    }

    for (size = 0; soma_json_next(&it, &name, &tool) == SOMA_OK; size++) {
        /* void */
    }

    if (size > SOMA_INNER_TOOLS_MAX) {
        return soma_fill_fail(r, "\"", member->name,
                              "\" has more than 1024 tools");
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
        if (soma_bedrock_tools_tool(r, tool.text) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    return (rc == SOMA_DONE) ? SOMA_OK
           : soma_fill_fail(r, "\"", member->name, "\" is malformed");
}


/* a cache's point is of the tool before it; what is no toolSpec is a tool of
 * AWS's own */

static int
soma_bedrock_tools_tool(soma_fill_t *r, soma_str_t text)
{
    soma_str_t             name;
    soma_json_iter_t       it;
    soma_json_value_t      value;
    soma_inner_request_t  *request;
    soma_inner_toolset_t  *tool;

    request = r->request;

    if (soma_json_first(&it, text) != SOMA_OK || !it.object
        || soma_json_next(&it, &name, &value) != SOMA_OK)
    {
        *r->error = "each of \"toolConfig.tools\" must be an object with one "
                    "member";
        return SOMA_ERROR;
    }

    if (soma_str_is(name, "cachePoint")) {

        if (request->ntools != 0) {
            request->tools[request->ntools - 1].cache
                = soma_bedrock_turns_point(value.text);
        }

        return SOMA_OK;
    }

    tool = &request->tools[request->ntools++];
    memset(tool, 0, sizeof(soma_inner_toolset_t));

    if (soma_str_is(name, "toolSpec")) {
        return soma_bedrock_tools_spec(r, tool, value.text);
    }

    tool->kind = SOMA_INNER_HOSTED;
    tool->raw = text;
    tool->maker = SOMA_STR(SOMA_BEDROCK_MAKER);
    tool->type = name;

    (void) soma_fill_name(r, value.text, "name", &tool->name);

    if (tool->name.len != 0) {
        tool->type = tool->name;
    }

    return SOMA_OK;
}


static int
soma_bedrock_tools_spec(soma_fill_t *r, soma_inner_toolset_t *tool,
    soma_str_t spec)
{
    soma_json_value_t  value, schema;

    if (soma_fill_name(r, spec, "name", &tool->name) != SOMA_OK
        || tool->name.len == 0)
    {
        *r->error = "each \"toolSpec\" must have a \"name\"";
        return SOMA_ERROR;
    }

    (void) soma_fill_text(spec, "description", &tool->about);

    if (soma_json_get(spec, "inputSchema", &value) == SOMA_OK
        && soma_json_get(value.text, "json", &schema) == SOMA_OK
        && schema.type == SOMA_JSON_OBJECT)
    {
        tool->schema = schema.text;
    }

    if (soma_json_get(spec, "strict", &value) == SOMA_OK
        && value.type != SOMA_JSON_NULL)
    {
        tool->strict_said = 1;
        tool->strict = (value.type == SOMA_JSON_TRUE);
    }

    return SOMA_OK;
}


/* {"auto":{}}, {"any":{}} or {"tool":{"name":...}} */

static int
soma_bedrock_tools_choice(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    soma_str_t             name;
    soma_json_iter_t       it;
    soma_json_value_t      v;
    soma_inner_request_t  *request;

    request = r->request;
    request->choice_name = member->name;

    if (soma_json_first(&it, value->text) != SOMA_OK || !it.object
        || soma_json_next(&it, &name, &v) != SOMA_OK)
    {
        return soma_fill_fail(r, "\"", member->name,
                              "\" must be an object with one member");
    }

    if (soma_str_is(name, "auto")) {
        request->choice = SOMA_INNER_CHOICE_AUTO;
        return SOMA_OK;
    }

    if (soma_str_is(name, "any")) {
        request->choice = SOMA_INNER_CHOICE_ANY;
        return SOMA_OK;
    }

    request->choice = SOMA_INNER_CHOICE_ONE;
    request->nnames = 1;
    request->names = r->arena->alloc(r->arena->data, sizeof(soma_str_t));

    if (request->names == NULL) {
        return SOMA_ERROR;
    }

    if (!soma_str_is(name, "tool")
        || soma_fill_name(r, v.text, "name", request->names) != SOMA_OK)
    {
        return soma_fill_fail(r, "\"", member->name, "\" must be auto, any, "
                              "or tool with a \"name\"");
    }

    return SOMA_OK;
}
