
/*
 * Copyright (C) The ngx_soma authors
 *
 * What the readers of answers look for: blocks that are open, members of an
 * object.
 */


#include "soma_events.h"


soma_events_open_t *
soma_events_find(soma_events_t *events, unsigned choice,
    soma_inner_kind_e kind, uint32_t key)
{
    soma_events_open_t  *open;

    for (open = events->open; open; open = open->next) {
        if (open->choice == choice && open->kind == kind
            && (key == SOMA_EVENTS_NO_KEY || open->key == key))
        {
            return open;
        }
    }

    return NULL;
}


soma_events_open_t *
soma_events_find_id(soma_events_t *events, unsigned choice, soma_str_t id)
{
    soma_str_t           its;
    soma_events_open_t  *open;

    for (open = events->open; open; open = open->next) {
        its.data = open->id;
        its.len = open->id_len;

        if (open->choice == choice && open->kind == SOMA_INNER_CALL
            && soma_str_eq(its, id))
        {
            return open;
        }
    }

    return NULL;
}


void
soma_events_count(soma_str_t object, const char *name, int64_t *n)
{
    int64_t            count;
    soma_json_value_t  value;

    if (soma_json_get(object, name, &value) == SOMA_OK
        && value.type == SOMA_JSON_NUMBER
        && soma_json_int(&value, &count) == SOMA_OK
        && count >= 0 && count <= SOMA_EVENTS_TOKENS_MAX)
    {
        *n = count;
    }
}


int
soma_events_decoded(soma_events_t *events, soma_str_t object,
    const char *name, soma_str_t *text)
{
    soma_json_value_t  value;

    *text = (soma_str_t) soma_str_null;

    if (soma_json_get(object, name, &value) != SOMA_OK
        || value.type != SOMA_JSON_STRING)
    {
        return SOMA_OK;
    }

    return soma_json_text(events->arena, &value, text);
}


soma_str_t
soma_events_inside(soma_str_t object, const char *name)
{
    soma_str_t         text;
    soma_json_value_t  value;

    text.len = 0;
    text.data = NULL;

    if (soma_json_get(object, name, &value) == SOMA_OK
        && value.type == SOMA_JSON_STRING && value.text.len >= 2)
    {
        text.data = value.text.data + 1;
        text.len = value.text.len - 2;
    }

    return text;
}
