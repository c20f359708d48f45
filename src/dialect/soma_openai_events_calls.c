
/*
 * Copyright (C) The ngx_soma authors
 *
 * The calls of a chat answer, in fragments as servers really send them.
 */


#include "soma_openai_events.h"


static int soma_openai_events_call(soma_events_t *events, unsigned choice,
    soma_str_t call);
static int soma_openai_events_which(soma_events_t *events, unsigned choice,
    soma_str_t call, soma_str_t id, soma_events_open_t **open);
static int soma_openai_events_new(soma_events_t *events, unsigned choice,
    uint32_t key, soma_events_open_t **open);
static int soma_openai_events_fill(soma_events_t *events,
    soma_events_open_t *open, soma_str_t id, soma_str_t function,
    const char *member);
static soma_str_t soma_openai_events_plain(soma_events_t *events,
    soma_str_t object, const char *name);


int
soma_openai_events_calls(soma_events_t *events, unsigned choice,
    soma_str_t message)
{
    soma_str_t           name;
    soma_json_iter_t     it;
    soma_json_value_t    calls, call;
    soma_events_open_t  *open;

    if (soma_json_get(message, "tool_calls", &calls) == SOMA_OK
        && soma_json_first(&it, calls.text) == SOMA_OK && !it.object)
    {
        while (soma_json_next(&it, &name, &call) == SOMA_OK) {

            if (call.type == SOMA_JSON_OBJECT
                && soma_openai_events_call(events, choice, call.text)
                   != SOMA_OK)
            {
                return SOMA_ERROR;
            }
        }
    }

    /* the form of before tools: one call, without an id */

    if (soma_json_get(message, "function_call", &call) != SOMA_OK
        || call.type != SOMA_JSON_OBJECT
        || (soma_events_inside(call.text, "name").len == 0
            && soma_events_inside(call.text, "arguments").len == 0))
    {
        return SOMA_OK;
    }

    open = soma_events_find(events, choice, SOMA_INNER_CALL,
                            SOMA_EVENTS_NO_KEY);

    if (open == NULL
        && soma_openai_events_new(events, choice, 0, &open) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    return (open == NULL) ? SOMA_OK
           : soma_openai_events_fill(events, open,
                                     (soma_str_t) soma_str_null, call.text,
                                     "arguments");
}


static int
soma_openai_events_call(soma_events_t *events, unsigned choice,
    soma_str_t call)
{
    soma_str_t           id;
    const char          *member;
    soma_json_value_t    function;
    soma_events_open_t  *open;

    id = soma_openai_events_plain(events, call, "id");

    if (soma_openai_events_which(events, choice, call, id, &open) != SOMA_OK) {
        return SOMA_ERROR;
    }

    if (open == NULL) {
        return SOMA_OK;
    }

    /* some servers write both, and leave one of them empty */

    member = "arguments";

    if (soma_json_get(call, "function", &function) != SOMA_OK
        || function.type != SOMA_JSON_OBJECT
        || soma_str_is(soma_events_inside(call, "type"), "custom"))
    {
        if (soma_json_get(call, "custom", &function) == SOMA_OK
            && function.type == SOMA_JSON_OBJECT)
        {
            open->tool = SOMA_INNER_CUSTOM;
            member = "input";

        } else {
            function.text = SOMA_STR("{}");
        }
    }

    /* the signature is of the call, and comes with its name */

    if (soma_events_name(events, open, id,
                         soma_openai_events_plain(events, function.text,
                                                  "name"))
        != SOMA_OK
        || soma_openai_events_extra(events, open, call) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    return soma_openai_events_fill(events, open, id, function.text, member);
}


/*
 * By the call's number; where another id stands beside it, it is another
 * call, for there are servers that number all of them 0.  Without a number
 * by the id, and without both it is the one that began last.
 */

static int
soma_openai_events_which(soma_events_t *events, unsigned choice,
    soma_str_t call, soma_str_t id, soma_events_open_t **result)
{
    int64_t              index;
    uint32_t             key;
    soma_str_t           its;
    soma_events_open_t  *open;

    index = -1;
    soma_events_count(call, "index", &index);

    key = (index >= 0 && index < UINT32_MAX) ? (uint32_t) index
                                             : SOMA_EVENTS_NO_KEY;

    if (key != SOMA_EVENTS_NO_KEY) {
        open = soma_events_find(events, choice, SOMA_INNER_CALL, key);

        if (open != NULL) {
            its.data = open->id;
            its.len = open->id_len;

            if (id.len == 0 || its.len == 0 || soma_str_eq(id, its)) {
                *result = open;
                return SOMA_OK;
            }

            open = soma_events_find_id(events, choice, id);
        }

    } else if (id.len != 0) {
        open = soma_events_find_id(events, choice, id);

    } else {
        open = soma_events_find(events, choice, SOMA_INNER_CALL,
                                SOMA_EVENTS_NO_KEY);
    }

    if (open != NULL) {
        *result = open;
        return SOMA_OK;
    }

    return soma_openai_events_new(events, choice, key, result);
}


/* words before it are over */

static int
soma_openai_events_new(soma_events_t *events, unsigned choice, uint32_t key,
    soma_events_open_t **result)
{
    soma_events_open_t  *open, *next;

    for (open = events->open; open; open = next) {
        next = open->next;

        if (open->choice == choice && open->kind != SOMA_INNER_CALL
            && soma_events_close(events, open) != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    return soma_events_begin(events, choice, SOMA_INNER_CALL, key, result);
}


/* arguments that are an object are what some servers say for the string */

static int
soma_openai_events_fill(soma_events_t *events, soma_events_open_t *open,
    soma_str_t id, soma_str_t function, const char *member)
{
    soma_json_value_t  value;

    if (soma_events_name(events, open, id,
                         soma_openai_events_plain(events, function, "name"))
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (soma_json_get(function, member, &value) != SOMA_OK) {
        return SOMA_OK;
    }

    if (value.type == SOMA_JSON_STRING) {
        return soma_events_text(events, open,
                                soma_events_inside(function, member));
    }

    return (value.type == SOMA_JSON_OBJECT)
           ? soma_events_raw(events, open, value.text) : SOMA_OK;
}


/* decoded; empty where there is none */

static soma_str_t
soma_openai_events_plain(soma_events_t *events, soma_str_t object,
    const char *name)
{
    soma_str_t         text;
    soma_json_value_t  value;

    text.len = 0;
    text.data = NULL;

    if (soma_json_get(object, name, &value) == SOMA_OK
        && value.type == SOMA_JSON_STRING
        && value.text.len <= 8 * SOMA_INNER_ID_MAX
        && soma_json_text(events->arena, &value, &text) != SOMA_OK)
    {
        text.len = 0;
    }

    return text;
}
