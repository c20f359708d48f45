
/*
 * Copyright (C) The ngx_soma authors
 *
 * The tools of a request, and which of them may be called.
 */


#include "soma_openai_request.h"


static int soma_openai_toolset_list(soma_fill_t *r, soma_json_value_t *value,
    unsigned flat);
static int soma_openai_toolset_room(soma_fill_t *r, size_t n);
static int soma_openai_toolset_tool(soma_fill_t *r, soma_inner_toolset_t *tool,
    soma_str_t text, unsigned flat);
static int soma_openai_toolset_members(soma_fill_t *r,
    soma_inner_toolset_t *tool, soma_str_t function);
static unsigned soma_openai_toolset_spaced(soma_str_t tool);
static size_t soma_openai_toolset_count(soma_str_t tool);
static int soma_openai_toolset_space(soma_fill_t *r, soma_str_t space);
static int soma_openai_toolset_name(soma_fill_t *r, soma_str_t tool,
    soma_str_t *name);
static int soma_openai_toolset_chosen(soma_fill_t *r,
    const soma_fill_member_t *member, soma_str_t choice);
static int soma_openai_toolset_some(soma_fill_t *r,
    const soma_fill_member_t *member, soma_str_t choice);
static int soma_openai_toolset_other(soma_fill_t *r,
    const soma_fill_member_t *member, soma_str_t choice);


int
soma_openai_toolset(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    (void) member;

    return soma_openai_toolset_list(r, value, 0);
}


int
soma_openai_toolset_flat(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    (void) member;

    return soma_openai_toolset_list(r, value, 1);
}


static int
soma_openai_toolset_list(soma_fill_t *r, soma_json_value_t *value,
    unsigned flat)
{
    int                    rc;
    size_t                 size;
    soma_str_t             name;
    soma_json_iter_t       it;
    soma_json_value_t      tool;
    soma_inner_request_t  *request;
    soma_inner_toolset_t  *last;

    if (value->type != SOMA_JSON_ARRAY
        || soma_json_first(&it, value->text) != SOMA_OK)
    {
        *r->error = "\"tools\" must be an array";
        return SOMA_ERROR;
    }

    for (size = 0; soma_json_next(&it, &name, &tool) == SOMA_OK; /* void */ )
    {
        size += flat ? soma_openai_toolset_count(tool.text) : 1;
    }

    if (size == 0) {
        return SOMA_OK;
    }

    if (soma_openai_toolset_room(r, size) != SOMA_OK) {
        return SOMA_ERROR;
    }

    request = r->request;

    (void) soma_json_first(&it, value->text);

    while ((rc = soma_json_next(&it, &name, &tool)) == SOMA_OK) {

        if (flat && soma_openai_toolset_spaced(tool.text)) {

            if (soma_openai_toolset_space(r, tool.text) != SOMA_OK) {
                return SOMA_ERROR;
            }

            continue;
        }

        last = &request->tools[request->ntools++];

        if (soma_openai_toolset_tool(r, last, tool.text, flat) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    if (rc != SOMA_DONE) {
        *r->error = "\"tools\" is malformed";
        return SOMA_ERROR;
    }

    return SOMA_OK;
}


/* tools in a namespace are its own list within the list */

static unsigned
soma_openai_toolset_spaced(soma_str_t tool)
{
    soma_str_t  type;

    return soma_fill_text(tool, "type", &type) == SOMA_OK
           && soma_str_is(type, "namespace");
}


static size_t
soma_openai_toolset_count(soma_str_t tool)
{
    size_t             n;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  tools, each;

    if (!soma_openai_toolset_spaced(tool)) {
        return 1;
    }

    if (soma_json_get(tool, "tools", &tools) != SOMA_OK
        || tools.type != SOMA_JSON_ARRAY
        || soma_json_first(&it, tools.text) != SOMA_OK)
    {
        return 0;
    }

    for (n = 0; soma_json_next(&it, &name, &each) == SOMA_OK; n++) {
        /* void */
    }

    return n;
}


/* to all others each of them is a tool NAMESPACE__NAME; its type says which
 * namespace that was */

static int
soma_openai_toolset_space(soma_fill_t *r, soma_str_t space)
{
    soma_str_t             its, name, whole;
    soma_json_iter_t       it;
    soma_json_value_t      tools, each;
    soma_inner_toolset_t  *tool;

    if (soma_fill_name(r, space, "name", &its) != SOMA_OK
        || soma_json_get(space, "tools", &tools) != SOMA_OK
        || tools.type != SOMA_JSON_ARRAY
        || soma_json_first(&it, tools.text) != SOMA_OK)
    {
        *r->error = "a namespace must have a \"name\" and \"tools\"";
        return SOMA_ERROR;
    }

    while (soma_json_next(&it, &name, &each) == SOMA_OK) {
        tool = &r->request->tools[r->request->ntools++];

        if (soma_openai_toolset_tool(r, tool, each.text, 1) != SOMA_OK) {
            return SOMA_ERROR;
        }

        if (tool->kind == SOMA_INNER_HOSTED) {
            continue;
        }

        if (soma_openai_toolset_joined(r->arena, its, tool->name, &whole)
            != SOMA_OK)
        {
            return SOMA_ERROR;
        }

        tool->name = whole;
        tool->type = its;
        tool->maker = SOMA_STR(SOMA_OPENAI_SPACE);
    }

    return SOMA_OK;
}


int
soma_openai_toolset_joined(soma_arena_t *arena, soma_str_t space,
    soma_str_t name, soma_str_t *whole)
{
    soma_pieces_t  out;

    soma_pieces_init(&out, arena);
    soma_pieces_put(&out, space.data, space.len);
    soma_pieces_cstr(&out, "__");
    soma_pieces_put(&out, name.data, name.len);

    return soma_pieces_whole(&out, whole);
}


soma_str_t
soma_openai_toolset_spacename(const soma_inner_request_t *request,
    soma_str_t *name)
{
    unsigned                     i;
    const soma_inner_toolset_t  *tool;

    for (i = 0; request != NULL && i < request->ntools; i++) {
        tool = &request->tools[i];

        if (tool->kind != SOMA_INNER_HOSTED
            && soma_str_is(tool->maker, SOMA_OPENAI_SPACE)
            && soma_str_eq(tool->name, *name))
        {
            name->data += tool->type.len + 2;
            name->len -= tool->type.len + 2;
            return tool->type;
        }
    }

    return (soma_str_t) soma_str_null;
}


/* the form of before tools: a list of functions */

int
soma_openai_toolset_functions(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value)
{
    size_t                 size;
    soma_str_t             name;
    soma_json_iter_t       it;
    soma_json_value_t      function;
    soma_inner_request_t  *request;
    soma_inner_toolset_t  *tool;

    request = r->request;

    if (value->type != SOMA_JSON_ARRAY
        || soma_json_first(&it, value->text) != SOMA_OK)
    {
        return soma_fill_fail(r, "\"", member->name, "\" must be an array");
    }

    for (size = 0; soma_json_next(&it, &name, &function) == SOMA_OK; size++) {
        /* void */
    }

    if (size == 0) {
        return SOMA_OK;
    }

    if (soma_openai_toolset_room(r, size) != SOMA_OK) {
        return SOMA_ERROR;
    }

    (void) soma_json_first(&it, value->text);

    while (soma_json_next(&it, &name, &function) == SOMA_OK) {
        tool = &request->tools[request->ntools++];

        tool->type = SOMA_STR(SOMA_OPENAI_OLD);

        if (soma_openai_toolset_members(r, tool, function.text) != SOMA_OK) {
            return soma_fill_fail(r, "each of \"", member->name,
                                  "\" must have a \"name\"");
        }
    }

    return SOMA_OK;
}


/* "auto", "none", or an object with a name */

int
soma_openai_toolset_function(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value)
{
    return soma_openai_toolset_choice(r, member, value);
}


unsigned
soma_openai_toolset_old(const soma_inner_request_t *request)
{
    return request != NULL && request->ntools != 0
           && soma_str_is(request->tools[0].type, SOMA_OPENAI_OLD);
}


/* for so many more tools than there are */

static int
soma_openai_toolset_room(soma_fill_t *r, size_t n)
{
    size_t                 size;
    soma_inner_request_t  *request;
    soma_inner_toolset_t  *tools;

    request = r->request;
    n += request->ntools;

    if (n > SOMA_INNER_TOOLS_MAX) {
        *r->error = "\"tools\" has more than 1024 tools";
        return SOMA_ERROR;
    }

    size = n * sizeof(soma_inner_toolset_t);

    tools = r->arena->alloc(r->arena->data, size);
    if (tools == NULL) {
        return SOMA_ERROR;
    }

    memset(tools, 0, size);

    if (request->ntools != 0) {
        memcpy(tools, request->tools,
               request->ntools * sizeof(soma_inner_toolset_t));
    }

    request->tools = tools;

    return SOMA_OK;
}


static int
soma_openai_toolset_tool(soma_fill_t *r, soma_inner_toolset_t *tool,
    soma_str_t text, unsigned flat)
{
    soma_json_value_t  function;

    (void) soma_fill_name(r, text, "type", &tool->type);

    if (soma_str_is(tool->type, "custom")) {
        tool->kind = SOMA_INNER_CUSTOM;

    } else if (!soma_str_is(tool->type, "function")) {
        tool->kind = SOMA_INNER_HOSTED;
        tool->raw = text;
        tool->maker = SOMA_STR("openai");
        return SOMA_OK;
    }

    function.text = text;

    if (!flat
        && soma_json_get(text, tool->kind == SOMA_INNER_CUSTOM ? "custom"
                                                               : "function",
                         &function)
           != SOMA_OK)
    {
        function.text = SOMA_STR("{}");
    }

    if (soma_openai_toolset_members(r, tool, function.text) != SOMA_OK) {
        *r->error = flat ? "each of \"tools\" must have a \"name\""
                         : "each of \"tools\" must have a \"function\" with "
                           "a \"name\"";
        return SOMA_ERROR;
    }

    tool->cache = soma_fill_cache(text);

    return SOMA_OK;
}


/* SOMA_DECLINED: it has no name */

static int
soma_openai_toolset_members(soma_fill_t *r, soma_inner_toolset_t *tool,
    soma_str_t function)
{
    soma_json_value_t  value;

    if (soma_fill_name(r, function, "name", &tool->name) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    (void) soma_fill_text(function, "description", &tool->about);

    if (soma_json_get(function, "parameters", &value) == SOMA_OK
        && value.type != SOMA_JSON_NULL)
    {
        tool->schema = value.text;
    }

    if (soma_json_get(function, "format", &value) == SOMA_OK) {
        tool->grammar = value.text;
    }

    if (soma_json_get(function, "strict", &value) == SOMA_OK
        && value.type != SOMA_JSON_NULL)
    {
        tool->strict_said = 1;
        tool->strict = (value.type == SOMA_JSON_TRUE);
    }

    return SOMA_OK;
}


int
soma_openai_toolset_choice(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    soma_str_t             word;
    soma_inner_request_t  *request;

    request = r->request;
    request->choice_name = member->name;

    if (soma_fill_inside(value, &word) != SOMA_OK) {
        return soma_openai_toolset_chosen(r, member, value->text);
    }

    request->choice = soma_str_is(word, "auto") ? SOMA_INNER_CHOICE_AUTO
                    : soma_str_is(word, "none") ? SOMA_INNER_CHOICE_NONE
                    : soma_str_is(word, "required")
                    ? SOMA_INNER_CHOICE_ANY : SOMA_INNER_CHOICE_UNSET;

    if (request->choice == SOMA_INNER_CHOICE_UNSET) {
        *r->error = "\"tool_choice\" must be \"auto\", \"none\", "
                    "\"required\" or an object";
        return SOMA_ERROR;
    }

    return SOMA_OK;
}


/* one tool, or some of them */

static int
soma_openai_toolset_chosen(soma_fill_t *r, const soma_fill_member_t *member,
    soma_str_t choice)
{
    soma_str_t             type;
    soma_inner_request_t  *request;

    request = r->request;

    (void) soma_fill_text(choice, "type", &type);

    if (soma_str_is(type, "allowed_tools")) {
        return soma_openai_toolset_some(r, member, choice);
    }

    if (type.len != 0 && !soma_str_is(type, "function")
        && !soma_str_is(type, "custom"))
    {
        return soma_openai_toolset_other(r, member, choice);
    }

    request->choice = SOMA_INNER_CHOICE_ONE;
    request->nnames = 1;
    request->names = r->arena->alloc(r->arena->data, sizeof(soma_str_t));

    if (request->names == NULL) {
        return SOMA_ERROR;
    }

    if (soma_openai_toolset_name(r, choice, request->names) != SOMA_OK) {
        return soma_fill_fail(r, "\"", member->name, "\" names no tool");
    }

    return SOMA_OK;
}


/* of a tool that is chosen: a chat has it in an object within */

static int
soma_openai_toolset_name(soma_fill_t *r, soma_str_t tool, soma_str_t *name)
{
    soma_str_t         space;
    soma_json_value_t  inner;

    if (soma_json_get(tool, "function", &inner) != SOMA_OK
        && soma_json_get(tool, "custom", &inner) != SOMA_OK)
    {
        inner.text = tool;
    }

    if (soma_fill_name(r, inner.text, "name", name) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    return (soma_fill_name(r, inner.text, "namespace", &space) == SOMA_OK
            && space.len != 0)
           ? soma_openai_toolset_joined(r->arena, space, *name, name)
           : SOMA_OK;
}


static int
soma_openai_toolset_some(soma_fill_t *r, const soma_fill_member_t *member,
    soma_str_t choice)
{
    size_t                 n;
    soma_str_t             name, mode;
    soma_json_iter_t       it;
    soma_json_value_t      inner, tools, tool;
    soma_inner_request_t  *request;

    request = r->request;

    if (soma_json_get(choice, "allowed_tools", &inner) != SOMA_OK) {
        inner.text = choice;
    }

    if (soma_json_get(inner.text, "tools", &tools) != SOMA_OK
        || tools.type != SOMA_JSON_ARRAY
        || soma_json_first(&it, tools.text) != SOMA_OK)
    {
        return soma_fill_fail(r, "\"", member->name, "\" names no tool");
    }

    for (n = 0; soma_json_next(&it, &name, &tool) == SOMA_OK; n++) {
        /* void */
    }

    if (n == 0 || n > SOMA_INNER_TOOLS_MAX) {
        return soma_fill_fail(r, "\"", member->name,
                              "\" must name from 1 to 1024 tools");
    }

    request->names = r->arena->alloc(r->arena->data, n * sizeof(soma_str_t));
    if (request->names == NULL) {
        return SOMA_ERROR;
    }

    (void) soma_json_first(&it, tools.text);

    for (n = 0; soma_json_next(&it, &name, &tool) == SOMA_OK; n++) {
        if (soma_openai_toolset_name(r, tool.text, &request->names[n])
            != SOMA_OK)
        {
            return soma_openai_toolset_other(r, member, choice);
        }
    }

    (void) soma_fill_text(inner.text, "mode", &mode);

    request->nnames = (unsigned) n;
    request->choice = SOMA_INNER_CHOICE_SOME;
    request->must = soma_str_is(mode, "required");

    return SOMA_OK;
}


/* a tool of the provider's own is nothing that another one can be told */

static int
soma_openai_toolset_other(soma_fill_t *r, const soma_fill_member_t *member,
    soma_str_t choice)
{
    if (soma_inner_other(r->request, member->name, choice) != SOMA_OK) {
        *r->error = "the request has more than 64 members that are not known";
        return SOMA_ERROR;
    }

    return SOMA_OK;
}


int
soma_openai_toolset_parallel(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    (void) member;

    r->request->one_call = (value->type == SOMA_JSON_FALSE);

    return SOMA_OK;
}
