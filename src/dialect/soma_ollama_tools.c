
/*
 * Copyright (C) The ngx_soma authors
 *
 * The tools of a request: functions, whatever their type is called.
 */


#include "soma_ollama_request.h"


static int soma_ollama_tools_tool(soma_fill_t *r, soma_inner_toolset_t *tool,
    soma_json_value_t *value);


int
soma_ollama_tools(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    int                    rc;
    size_t                 n;
    soma_str_t             name;
    soma_json_iter_t       it;
    soma_json_value_t      tool;
    soma_inner_request_t  *request;

    if (value->type != SOMA_JSON_ARRAY
        || soma_json_first(&it, value->text) != SOMA_OK)
    {
        return soma_fill_fail(r, "\"", member->name, "\" must be an array");
    }

    for (n = 0; soma_json_next(&it, &name, &tool) == SOMA_OK; n++) {
        /* void */
    }

    if (n > SOMA_INNER_TOOLS_MAX) {
        return soma_fill_fail(r, "\"", member->name,
                              "\" has more than 1024 tools");
    }

    if (n == 0) {
        return SOMA_OK;
    }

    request = r->request;
    request->tools = r->arena->alloc(r->arena->data,
                                     n * sizeof(soma_inner_toolset_t));
    if (request->tools == NULL) {
        return SOMA_ERROR;
    }

    memset(request->tools, 0, n * sizeof(soma_inner_toolset_t));

    (void) soma_json_first(&it, value->text);

    while ((rc = soma_json_next(&it, &name, &tool)) == SOMA_OK) {
        if (soma_ollama_tools_tool(r, &request->tools[request->ntools++],
                                   &tool)
            != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    return (rc == SOMA_DONE) ? SOMA_OK
           : soma_fill_fail(r, "\"", member->name, "\" is malformed");
}


static int
soma_ollama_tools_tool(soma_fill_t *r, soma_inner_toolset_t *tool,
    soma_json_value_t *value)
{
    soma_json_value_t  function, v;

    if (value->type != SOMA_JSON_OBJECT
        || soma_json_get(value->text, "function", &function) != SOMA_OK
        || function.type != SOMA_JSON_OBJECT
        || soma_fill_name(r, function.text, "name", &tool->name) != SOMA_OK)
    {
        *r->error = "each of \"tools\" must have a \"function\" with a "
                    "\"name\"";
        return SOMA_ERROR;
    }

    (void) soma_fill_text(function.text, "description", &tool->about);

    if (soma_json_get(function.text, "parameters", &v) == SOMA_OK
        && v.type != SOMA_JSON_NULL)
    {
        tool->schema = v.text;
    }

    if (soma_json_get(function.text, "strict", &v) == SOMA_OK
        && v.type != SOMA_JSON_NULL)
    {
        tool->strict_said = 1;
        tool->strict = (v.type == SOMA_JSON_TRUE);
    }

    return SOMA_OK;
}
