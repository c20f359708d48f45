
/*
 * Copyright (C) The ngx_soma authors
 *
 * Tools that a request brings.  A function or a custom tool is the client's
 * own: the model writes what it is to be called with, and that is all.  So are
 * those of a namespace.  Any other one is run by the provider, or described by
 * it, which takes words of the prompt that nobody here has seen.
 */


#include "soma_openai.h"


/* one tool as it stands */
typedef struct {
    soma_str_t         type;
    soma_json_value_t  tools;       /* of a namespace */
    soma_str_t         more[SOMA_ASK_HOSTED_MAX];   /* objects that no
                                                       function has */
    unsigned           nmore;
    unsigned           function;
} soma_tool_t;


static int soma_openai_tool_list(soma_ask_t *ask, soma_arena_t *arena,
    soma_json_value_t *value, unsigned *n, unsigned depth,
    const char **error);
static int soma_openai_tool(soma_ask_t *ask, soma_arena_t *arena,
    soma_json_value_t *tool, unsigned *n, unsigned depth,
    const char **error);
static int soma_openai_tool_read(soma_tool_t *t, soma_arena_t *arena,
    soma_json_value_t *tool, const char **error);
static int soma_openai_tool_in(const soma_str_t *names, soma_str_t name);


int
soma_openai_ask_tools(soma_ask_t *ask, soma_arena_t *arena,
    soma_json_value_t *value, const char **error)
{
    unsigned  n;

    n = 0;
    ask->nhosted = 0;
    *error = "\"tools\" must be an array of objects, or null";

    return soma_openai_tool_list(ask, arena, value, &n, 0, error);
}


/* n counts those of namespaces too; depth is 1 within one */

static int
soma_openai_tool_list(soma_ask_t *ask, soma_arena_t *arena,
    soma_json_value_t *value, unsigned *n, unsigned depth,
    const char **error)
{
    int                rc;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  tool;

    if (value->type != SOMA_JSON_ARRAY
        || soma_json_first(&it, value->text) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    for ( ;; ) {
        rc = soma_json_next(&it, &name, &tool);

        if (rc == SOMA_DONE) {
            return SOMA_OK;
        }

        if (rc != SOMA_OK || tool.type != SOMA_JSON_OBJECT) {
            *error = "\"tools\" must be an array of objects, or null";
            return SOMA_ERROR;
        }

        if ((*n)++ == SOMA_ASK_TOOLS_MAX) {
            *error = "there are more than 1024 \"tools\"";
            return SOMA_ERROR;
        }

        if (soma_openai_tool(ask, arena, &tool, n, depth, error) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }
}


/* objects that a function may have; any other is a tool of its own to some
 * provider, like {"googleSearch":{}} */
static const soma_str_t  soma_openai_tool_objects[] = {
    soma_string("function"),
    soma_string("custom"),
    soma_string("parameters"),
    soma_string("input_schema"),
    soma_string("output_schema"),
    soma_string("format"),
    soma_string("cache_control"),
    soma_string("metadata"),
    soma_str_null
};


/*
 * A type that stands twice, or in another case, may be read as either.  What
 * has none is a function if it holds one.
 */

static int
soma_openai_tool(soma_ask_t *ask, soma_arena_t *arena,
    soma_json_value_t *tool, unsigned *n, unsigned depth,
    const char **error)
{
    int          rc;
    unsigned     i;
    soma_tool_t  t;

    memset(&t, 0, sizeof(soma_tool_t));
    *error = "a tool in \"tools\" is malformed";

    rc = soma_openai_tool_read(&t, arena, tool, error);

    if (rc != SOMA_OK) {
        return SOMA_ERROR;
    }

    if (soma_str_is(t.type, "namespace") && depth == 0) {
        *error = "a namespace in \"tools\" needs one \"tools\", an array";

        rc = soma_openai_tool_list(ask, arena, &t.tools, n, 1, error);

        if (rc != SOMA_OK) {
            return SOMA_ERROR;
        }

    } else if (t.type.len != 0 && !soma_str_is(t.type, "function")
               && !soma_str_is(t.type, "custom"))
    {
        return soma_ask_hosted(ask, t.type, error);
    }

    if (t.type.len == 0 && !t.function && t.nmore == 0) {
        *error = "a tool in \"tools\" needs one \"type\", a string";
        return SOMA_ERROR;
    }

    for (i = 0; i < t.nmore; i++) {
        if (soma_ask_hosted(ask, t.more[i], error) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    return SOMA_OK;
}


static int
soma_openai_tool_read(soma_tool_t *t, soma_arena_t *arena,
    soma_json_value_t *tool, const char **error)
{
    int                rc;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  v;

    if (soma_json_first(&it, tool->text) != SOMA_OK) {
        return SOMA_ERROR;
    }

    for ( ;; ) {
        rc = soma_json_next(&it, &name, &v);

        if (rc != SOMA_OK) {
            return rc == SOMA_DONE ? SOMA_OK : SOMA_ERROR;
        }

        if (soma_ask_name(arena, name, &name) != SOMA_OK) {
            return SOMA_ERROR;
        }

        if (soma_str_case_is(name, "type")) {

            if (t->type.data != NULL || !soma_str_is(name, "type")
                || soma_json_text(arena, &v, &t->type) != SOMA_OK
                || t->type.len == 0)
            {
                *error = "a tool in \"tools\" needs one \"type\", a string";
                return SOMA_ERROR;
            }

            continue;
        }

        if (soma_str_case_is(name, "tools")) {

            if (t->tools.type != SOMA_JSON_NONE
                || !soma_str_is(name, "tools"))
            {
                *error = "a tool in \"tools\" has \"tools\" twice";
                return SOMA_ERROR;
            }

            t->tools = v;
            continue;
        }

        if (v.type != SOMA_JSON_OBJECT) {
            continue;
        }

        t->function |= soma_str_is(name, "function");

        if (soma_openai_tool_in(soma_openai_tool_objects, name)) {
            continue;
        }

        if (t->nmore < SOMA_ASK_HOSTED_MAX) {
            t->more[t->nmore++] = name;
        }
    }
}


static int
soma_openai_tool_in(const soma_str_t *names, soma_str_t name)
{
    size_t  i;

    for (i = 0; names[i].len != 0; i++) {
        if (soma_str_eq(name, names[i])) {
            return 1;
        }
    }

    return 0;
}
