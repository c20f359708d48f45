
/*
 * Copyright (C) The ngx_soma authors
 *
 * A call of a function: whole in a part, as a rule.  Vertex can stream its
 * arguments, a path and a piece of its value at a time:
 *
 *     {"name":"f","willContinue":true}
 *     {"partialArgs":[{"jsonPath":"$.a.b[0]","stringValue":"x",
 *                      "willContinue":true}],"willContinue":true}
 *     {}
 *
 * They become fragments of the object that holds them: what the next path has
 * not in common with the last one is closed, and the rest of it opened.
 */


#include "soma_gemini.h"
#include "soma_gemini_events.h"
#include "soma_names.h"


static int soma_gemini_args_partial(soma_gemini_events_t *answer,
    soma_events_open_t *open, soma_json_value_t *list);
static int soma_gemini_args_value(soma_gemini_events_t *answer,
    soma_events_open_t *open, soma_str_t arg);
static int soma_gemini_args_goto(soma_gemini_args_t *args, soma_pieces_t *out,
    soma_str_t path);
static size_t soma_gemini_args_step(soma_str_t path, size_t at,
    soma_str_t *name);
static int soma_gemini_args_put(soma_gemini_events_t *answer,
    soma_events_open_t *open, soma_pieces_t *out);
static int soma_gemini_args_end(soma_gemini_events_t *answer,
    soma_events_open_t *open);
static int soma_gemini_events_named(soma_gemini_events_t *answer,
    soma_events_open_t *open, soma_str_t call);


int
soma_gemini_events_call(soma_gemini_events_t *answer, unsigned choice,
    soma_str_t call, soma_str_t signature)
{
    unsigned             more;
    soma_events_t       *events;
    soma_json_value_t    v, args, partial;
    soma_events_open_t  *open;

    events = &answer->events;

    more = soma_gemini_get(call, "willContinue", &v) == SOMA_OK
           && v.type == SOMA_JSON_TRUE;

    open = soma_events_find(events, choice, SOMA_INNER_CALL,
                            SOMA_EVENTS_NO_KEY);

    /* a name begins a call, whatever is open */

    if (open != NULL && soma_events_inside(call, "name").len != 0) {

        if (soma_gemini_args_end(answer, open) != SOMA_OK
            || soma_events_close(events, open) != SOMA_OK)
        {
            return SOMA_ERROR;
        }

        open = NULL;
    }

    if (open == NULL) {

        if (soma_events_begin(events, choice, SOMA_INNER_CALL,
                              SOMA_EVENTS_NO_KEY, &open)
            != SOMA_OK)
        {
            return SOMA_ERROR;
        }

        if (open == NULL) {
            return SOMA_OK;
        }

        answer->calls[choice / 64] |= (uint64_t) 1 << (choice % 64);

        if (answer->args != NULL) {
            memset(answer->args, 0, sizeof(soma_gemini_args_t));
        }
    }

    if (soma_gemini_events_named(answer, open, call) != SOMA_OK) {
        return SOMA_ERROR;
    }

    if (soma_gemini_get(call, "args", &args) == SOMA_OK
        && args.type == SOMA_JSON_OBJECT
        && (open->tool == SOMA_INNER_CUSTOM
            ? soma_events_text(events, open, soma_events_inside(args.text,
                                                                "input"))
            : soma_events_raw(events, open, args.text))
           != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (soma_gemini_get(call, "partialArgs", &partial) == SOMA_OK
        && soma_gemini_args_partial(answer, open, &partial) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (soma_gemini_events_signed(answer, choice, open, signature)
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (more || events->over) {
        return SOMA_OK;
    }

    return soma_gemini_args_end(answer, open) == SOMA_OK
           ? soma_events_close(events, open) : SOMA_ERROR;
}


/* as the client's request calls it; a tool of it that takes free text was
 * written as one that takes an object with that text */

static int
soma_gemini_events_named(soma_gemini_events_t *answer,
    soma_events_open_t *open, soma_str_t call)
{
    soma_str_t                   id, name;
    soma_arena_t                *arena;
    soma_json_value_t            v;
    const soma_inner_toolset_t  *tool;

    id.len = 0;
    name.len = 0;
    tool = NULL;
    arena = answer->events.arena;

    if (soma_json_get(call, "id", &v) == SOMA_OK
        && v.type == SOMA_JSON_STRING
        && soma_json_text(arena, &v, &id) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (soma_json_get(call, "name", &v) == SOMA_OK
        && v.type == SOMA_JSON_STRING
        && (soma_json_text(arena, &v, &name) != SOMA_OK
            || soma_names_back(arena, &soma_gemini_tool_names,
                               answer->request, name, &name, &tool)
               != SOMA_OK))
    {
        return SOMA_ERROR;
    }

    if (tool != NULL && tool->kind == SOMA_INNER_CUSTOM && !open->begun) {
        open->tool = SOMA_INNER_CUSTOM;
    }

    return soma_events_name(&answer->events, open, id, name);
}


static int
soma_gemini_args_partial(soma_gemini_events_t *answer,
    soma_events_open_t *open, soma_json_value_t *list)
{
    soma_str_t         name;
    soma_arena_t      *arena;
    soma_json_iter_t   it;
    soma_json_value_t  arg;

    arena = answer->events.arena;

    if (answer->args == NULL) {
        answer->args = arena->alloc(arena->data, sizeof(soma_gemini_args_t));

        if (answer->args == NULL) {
            return SOMA_ERROR;
        }

        memset(answer->args, 0, sizeof(soma_gemini_args_t));
    }

    if (soma_json_first(&it, list->text) != SOMA_OK || it.object) {
        return SOMA_OK;
    }

    while (soma_json_next(&it, &name, &arg) == SOMA_OK) {
        if (soma_gemini_args_value(answer, open, arg.text) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    return SOMA_OK;
}


/* one value, or a piece of a string */

static int
soma_gemini_args_value(soma_gemini_events_t *answer,
    soma_events_open_t *open, soma_str_t arg)
{
    size_t               i;
    unsigned             more;
    soma_str_t           path;
    soma_pieces_t       *out;
    soma_json_value_t    v, where, value;
    soma_gemini_args_t  *args;

    static const char *const  scalars[] = {
        "numberValue", "boolValue", "nullValue"
    };

    args = answer->args;

    if (open->tool == SOMA_INNER_CUSTOM) {
        return soma_events_text(&answer->events, open,
                                soma_events_inside(arg, "stringValue"));
    }

    if (soma_gemini_get(arg, "jsonPath", &where) != SOMA_OK
        || where.type != SOMA_JSON_STRING
        || soma_json_text(answer->events.arena, &where, &path) != SOMA_OK)
    {
        return SOMA_OK;
    }

    more = soma_gemini_get(arg, "willContinue", &v) == SOMA_OK
           && v.type == SOMA_JSON_TRUE;

    out = soma_gemini_events_scratch(answer);

    if (!args->string || args->len != path.len
        || memcmp(args->path, path.data, path.len) != 0)
    {
        if (args->string) {
            soma_pieces_char(out, '"');
            args->string = 0;
        }

        if (soma_gemini_args_goto(args, out, path) != SOMA_OK) {
            return soma_events_failed(&answer->events, 502,
                                      SOMA_STR("api_error"), SOMA_STR(""),
                                      SOMA_STR("the provider's answer has a "
                                               "call whose arguments lie "
                                               "nowhere"));
        }
    }

    if (soma_gemini_get(arg, "stringValue", &value) == SOMA_OK
        && value.type == SOMA_JSON_STRING)
    {
        if (!args->string) {
            soma_pieces_char(out, '"');
        }

        soma_pieces_put(out, value.text.data + 1, value.text.len - 2);
        args->string = more;

        if (!more) {
            soma_pieces_char(out, '"');
        }

        return soma_gemini_args_put(answer, open, out);
    }

    for (i = 0; i < sizeof(scalars) / sizeof(scalars[0]); i++) {
        if (soma_gemini_get(arg, scalars[i], &value) == SOMA_OK) {
            break;
        }
    }

    if (i == sizeof(scalars) / sizeof(scalars[0]) || i == 2) {
        value.text = SOMA_STR("null");
    }

    soma_pieces_put(out, value.text.data, value.text.len);

    return soma_gemini_args_put(answer, open, out);
}


/* "out" gets what lies between the last value and that path's */

static int
soma_gemini_args_goto(soma_gemini_args_t *args, soma_pieces_t *out,
    soma_str_t path)
{
    size_t         at, next, from;
    unsigned       depth;
    soma_str_t     name, last;
    unsigned char  kind;

    if (path.len < 2 || path.data[0] != '$' || path.len > sizeof(args->path))
    {
        return SOMA_DECLINED;
    }

    last.data = args->path;
    last.len = args->len;

    /* the steps that both have, all but the last one of each */

    at = 1;
    depth = 1;

    for ( ;; ) {
        next = soma_gemini_args_step(path, at, &name);

        if (next == 0 || next == path.len || next >= last.len
            || memcmp(path.data, last.data, next) != 0
            || (last.data[next] != '.' && last.data[next] != '['))
        {
            break;
        }

        at = next;
        depth++;
    }

    if (!args->begun) {
        args->begun = 1;
        args->depth = 0;
        depth = 0;
    }

    while (args->depth > depth) {
        args->depth--;
        soma_pieces_char(out, args->kind[args->depth] == '{' ? '}' : ']');
    }

    if (args->depth != 0) {
        soma_pieces_char(out, ',');
    }

    for (from = at; from < path.len; from = next) {

        next = soma_gemini_args_step(path, from, &name);
        kind = (path.data[from] == '[' && path.data[from + 1] != '\'') ? '['
                                                                       : '{';

        if (next == 0) {
            return SOMA_DECLINED;
        }

        if (from != at || args->depth == 0) {

            if (args->depth == SOMA_GEMINI_PATH_DEPTH) {
                return SOMA_DECLINED;
            }

            args->kind[args->depth++] = kind;
            soma_pieces_char(out, kind);
        }

        if (args->kind[args->depth - 1] != kind) {
            return SOMA_DECLINED;
        }

        if (kind == '{') {
            soma_pieces_quote(out, name);
            soma_pieces_char(out, ':');
        }
    }

    memcpy(args->path, path.data, path.len);
    args->len = path.len;

    return SOMA_OK;
}


/* ".name", "['name']" or "[0]" at "at"; returns behind it, 0: it is neither */

static size_t
soma_gemini_args_step(soma_str_t path, size_t at, soma_str_t *name)
{
    size_t  i;

    if (at >= path.len) {
        return 0;
    }

    if (path.data[at] == '.') {

        for (i = at + 1; i < path.len && path.data[i] != '.'
                         && path.data[i] != '['; i++)
        {
            /* void */
        }

        name->data = path.data + at + 1;
        name->len = i - at - 1;

        return name->len != 0 ? i : 0;
    }

    if (path.data[at] != '[') {
        return 0;
    }

    if (at + 1 < path.len && path.data[at + 1] == '\'') {

        for (i = at + 2; i + 1 < path.len; i++) {
            if (path.data[i] == '\'' && path.data[i + 1] == ']') {
                name->data = path.data + at + 2;
                name->len = i - at - 2;
                return i + 2;
            }
        }

        return 0;
    }

    for (i = at + 1; i < path.len && path.data[i] >= '0'
                     && path.data[i] <= '9'; i++)
    {
        /* void */
    }

    return (i > at + 1 && i < path.len && path.data[i] == ']') ? i + 1 : 0;
}


/* raw JSON, as the text of a string that holds it */

static int
soma_gemini_args_put(soma_gemini_events_t *answer, soma_events_open_t *open,
    soma_pieces_t *out)
{
    soma_str_t  raw;

    if (soma_pieces_whole(out, &raw) != SOMA_OK) {
        return SOMA_ERROR;
    }

    return (raw.len != 0) ? soma_events_raw(&answer->events, open, raw)
                          : SOMA_OK;
}


static int
soma_gemini_args_end(soma_gemini_events_t *answer, soma_events_open_t *open)
{
    soma_pieces_t       *out;
    soma_gemini_args_t  *args;

    args = answer->args;

    if (args == NULL || !args->begun) {
        return SOMA_OK;
    }

    out = soma_gemini_events_scratch(answer);

    if (args->string) {
        soma_pieces_char(out, '"');
    }

    while (args->depth != 0) {
        args->depth--;
        soma_pieces_char(out, args->kind[args->depth] == '{' ? '}' : ']');
    }

    memset(args, 0, sizeof(soma_gemini_args_t));

    return soma_gemini_args_put(answer, open, out);
}
