
/*
 * Copyright (C) The ngx_soma authors
 *
 * Tools of a request of Google's API, and the choice among them.
 */


#include "soma_gemini_request.h"


static int soma_gemini_tools_one(soma_gemini_fill_t *r, soma_str_t tool);
static int soma_gemini_tools_functions(soma_gemini_fill_t *r,
    soma_json_value_t *list);
static int soma_gemini_tools_function(soma_gemini_fill_t *r,
    soma_str_t function);
static int soma_gemini_tools_hosted(soma_gemini_fill_t *r, soma_str_t name,
    soma_str_t raw);
static soma_inner_toolset_t *soma_gemini_tools_next(soma_gemini_fill_t *r);
static int soma_gemini_tools_calling(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_gemini_tools_server(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_gemini_tools_mode(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_gemini_tools_names(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);


static const soma_fill_member_t  soma_gemini_tools_members[] = {
    { soma_string("functionCallingConfig"), soma_gemini_tools_calling, 0 },
    { soma_string("includeServerSideToolInvocations"),
      soma_gemini_tools_server, 0 }
};


static const soma_fill_member_t  soma_gemini_tools_calls[] = {
    { soma_string("allowedFunctionNames"), soma_gemini_tools_names, 0 },
    { soma_string("mode"), soma_gemini_tools_mode, 0 }
};


int
soma_gemini_tools(soma_fill_t *fill, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    int                rc;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  tool;

    (void) member;

    if (value->type == SOMA_JSON_OBJECT) {
        return soma_gemini_tools_one((soma_gemini_fill_t *) fill,
                                     value->text);
    }

    if (value->type != SOMA_JSON_ARRAY
        || soma_json_first(&it, value->text) != SOMA_OK)
    {
        *fill->error = "\"tools\" must be an array";
        return SOMA_ERROR;
    }

    while ((rc = soma_json_next(&it, &name, &tool)) == SOMA_OK) {

        if (soma_gemini_tools_one((soma_gemini_fill_t *) fill, tool.text)
            != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    if (rc != SOMA_DONE) {
        *fill->error = "\"tools\" is malformed";
        return SOMA_ERROR;
    }

    return SOMA_OK;
}


/* an object of a list of functions, and of Google's own tools by their names */

static int
soma_gemini_tools_one(soma_gemini_fill_t *r, soma_str_t tool)
{
    int                rc;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  v;

    if (soma_json_first(&it, tool) != SOMA_OK || !it.object) {
        *r->fill.error = "each of \"tools\" must be an object";
        return SOMA_ERROR;
    }

    while ((rc = soma_json_next(&it, &name, &v)) == SOMA_OK) {

        if (v.type == SOMA_JSON_NULL) {
            continue;
        }

        rc = soma_gemini_is(name, "functionDeclarations")
             ? soma_gemini_tools_functions(r, &v)
             : soma_gemini_tools_hosted(r, name, v.text);

        if (rc != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    return (rc == SOMA_DONE) ? SOMA_OK : SOMA_ERROR;
}


static int
soma_gemini_tools_functions(soma_gemini_fill_t *r, soma_json_value_t *list)
{
    int                rc;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  function;

    if (soma_json_first(&it, list->text) != SOMA_OK || it.object) {
        *r->fill.error = "\"functionDeclarations\" must be an array";
        return SOMA_ERROR;
    }

    while ((rc = soma_json_next(&it, &name, &function)) == SOMA_OK) {
        if (soma_gemini_tools_function(r, function.text) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    return (rc == SOMA_DONE) ? SOMA_OK : SOMA_ERROR;
}


static int
soma_gemini_tools_function(soma_gemini_fill_t *r, soma_str_t function)
{
    soma_json_value_t      v;
    soma_inner_toolset_t  *tool;

    tool = soma_gemini_tools_next(r);
    if (tool == NULL) {
        return SOMA_ERROR;
    }

    if (soma_fill_name(&r->fill, function, "name", &tool->name) != SOMA_OK) {
        *r->fill.error = "a \"functionDeclarations\" has no \"name\"";
        return SOMA_ERROR;
    }

    (void) soma_fill_text(function, "description", &tool->about);

    if (soma_gemini_get(function, "parametersJsonSchema", &v) == SOMA_OK
        && v.type != SOMA_JSON_NULL)
    {
        tool->schema = v.text;

    } else if (soma_gemini_get(function, "parameters", &v) == SOMA_OK
               && v.type == SOMA_JSON_OBJECT
               && soma_gemini_schema(r->fill.arena, v.text, &tool->schema)
                  != SOMA_OK)
    {
        return soma_fill_fail(&r->fill, "\"parameters\" of the function \"",
                              tool->name, "\" are no schema, or lie too "
                              "deep");
    }

    /* what it gives back is told to no other model; one that does not hold the
     * answer up is no other's either */

    if (soma_gemini_get(function, "behavior", &v) == SOMA_OK
        && soma_str_is(v.text, "\"NON_BLOCKING\""))
    {
        return soma_gemini_request_other(r,
                               SOMA_STR("tools.functionDeclarations.behavior"),
                               v.text);
    }

    return SOMA_OK;
}


static int
soma_gemini_tools_hosted(soma_gemini_fill_t *r, soma_str_t name,
    soma_str_t raw)
{
    soma_pieces_t          out;
    soma_inner_toolset_t  *tool;

    tool = soma_gemini_tools_next(r);
    if (tool == NULL) {
        return SOMA_ERROR;
    }

    tool->kind = SOMA_INNER_HOSTED;
    tool->type = name;
    tool->maker = SOMA_STR(SOMA_GEMINI_MAKER);

    soma_pieces_init(&out, r->fill.arena);
    soma_pieces_char(&out, '{');
    soma_pieces_text(&out, name);
    soma_pieces_char(&out, ':');
    soma_pieces_str(&out, raw);
    soma_pieces_char(&out, '}');

    return soma_pieces_whole(&out, &tool->raw);
}


static soma_inner_toolset_t *
soma_gemini_tools_next(soma_gemini_fill_t *r)
{
    soma_inner_toolset_t  *tool;
    soma_inner_request_t  *request;

    request = r->fill.request;

    if (request->tools == NULL) {
        request->tools = r->fill.arena->alloc(r->fill.arena->data,
                                              SOMA_INNER_TOOLS_MAX
                                              * sizeof(soma_inner_toolset_t));
        if (request->tools == NULL) {
            return NULL;
        }
    }

    if (request->ntools == SOMA_INNER_TOOLS_MAX) {
        *r->fill.error = "\"tools\" has more than 1024 tools in it";
        return NULL;
    }

    tool = &request->tools[request->ntools++];
    memset(tool, 0, sizeof(soma_inner_toolset_t));

    return tool;
}


int
soma_gemini_tools_config(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    (void) member;

    return soma_gemini_request_fill((soma_gemini_fill_t *) r, value->text,
                            "toolConfig.", soma_gemini_tools_members,
                            sizeof(soma_gemini_tools_members)
                            / sizeof(soma_gemini_tools_members[0]));
}


static int
soma_gemini_tools_calling(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    r->request->choice_name = member->name;

    return soma_gemini_request_fill((soma_gemini_fill_t *) r, value->text,
                            "toolConfig.functionCallingConfig.",
                            soma_gemini_tools_calls,
                            sizeof(soma_gemini_tools_calls)
                            / sizeof(soma_gemini_tools_calls[0]));
}


static int
soma_gemini_tools_server(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    (void) member;

    return (value->type == SOMA_JSON_FALSE) ? SOMA_OK
           : soma_gemini_request_other((soma_gemini_fill_t *) r,
                               SOMA_STR("includeServerSideToolInvocations"),
                               value->text);
}


/* read first: the mode says what they are for */

static int
soma_gemini_tools_names(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    soma_str_t             name;
    soma_json_iter_t       it;
    soma_json_value_t      v;
    soma_inner_request_t  *request;

    request = r->request;

    if (value->type != SOMA_JSON_ARRAY
        || soma_json_first(&it, value->text) != SOMA_OK)
    {
        return soma_fill_fail(r, "\"", member->name, "\" must be an array");
    }

    request->names = r->arena->alloc(r->arena->data, SOMA_INNER_TOOLS_MAX
                                                     * sizeof(soma_str_t));
    if (request->names == NULL) {
        return SOMA_ERROR;
    }

    while (soma_json_next(&it, &name, &v) == SOMA_OK) {

        if (request->nnames == SOMA_INNER_TOOLS_MAX
            || v.type != SOMA_JSON_STRING
            || soma_json_text(r->arena, &v, &request->names[request->nnames])
               != SOMA_OK)
        {
            return soma_fill_fail(r, "\"", member->name,
                                  "\" must be an array of up to 1024 "
                                  "strings");
        }

        request->nnames++;
    }

    if (request->nnames != 0) {
        request->choice = SOMA_INNER_CHOICE_SOME;
    }

    return SOMA_OK;
}


/* VALIDATED: calls keep to their schemas, which others do or do not do */

static int
soma_gemini_tools_mode(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    soma_str_t             mode;
    soma_inner_request_t  *request;

    request = r->request;

    if (soma_fill_inside(value, &mode) != SOMA_OK) {
        return soma_fill_fail(r, "\"", member->name, "\" must be a string");
    }

    if (soma_str_case_is(mode, "none")) {
        request->choice = SOMA_INNER_CHOICE_NONE;
        return SOMA_OK;
    }

    if (soma_str_case_is(mode, "any")) {
        request->must = (request->nnames != 0);
        request->choice = (request->nnames == 0) ? SOMA_INNER_CHOICE_ANY
                          : (request->nnames == 1) ? SOMA_INNER_CHOICE_ONE
                          : SOMA_INNER_CHOICE_SOME;
        return SOMA_OK;
    }

    if (soma_str_case_is(mode, "auto")
        || soma_str_case_is(mode, "validated"))
    {
        if (request->nnames == 0) {
            request->choice = SOMA_INNER_CHOICE_AUTO;
        }

        return SOMA_OK;
    }

    if (soma_str_case_is(mode, "mode_unspecified")) {
        return SOMA_OK;
    }

    return soma_fill_fail(r, "\"", mode, "\" is no mode of calling "
                          "functions: there are auto, any, none and "
                          "validated");
}
