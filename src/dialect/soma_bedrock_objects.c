
/*
 * Copyright (C) The ngx_soma authors
 *
 * Pictures and documents that lie in AWS's storage.
 */


#include "soma_bedrock.h"


#define SOMA_BEDROCK_OBJECTS_DEPTH  12  /* from a message to a source within
                                           the result of a tool */


static int soma_bedrock_objects_in(soma_ask_t *ask, soma_arena_t *arena,
    soma_str_t value, unsigned depth);
static int soma_bedrock_objects_at(soma_ask_t *ask, soma_arena_t *arena,
    soma_json_value_t *location);


int
soma_bedrock_ask_objects(soma_ask_t *ask, soma_arena_t *arena,
    soma_value_pt value, void *data, const char **error)
{
    int                rc;
    size_t             i;
    soma_json_value_t  v;

    static const unsigned  lists[] = { SOMA_ASK_MESSAGES, SOMA_ASK_INPUT };

    *error = "an \"s3Location\" is not named by a plain \"uri\", or there "
             "are more than 32";

    if (!soma_json_scan_marked(ask->scan)) {
        return SOMA_OK;
    }

    for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        rc = soma_ask_value(ask, lists[i], value, data, &v);

        if (rc == SOMA_ERROR
            || (rc == SOMA_OK
                && soma_bedrock_objects_in(ask, arena, v.text, 0) != SOMA_OK))
        {
            return SOMA_ERROR;
        }
    }

    return SOMA_OK;
}


/* arguments of tools, and JSON that they gave back, are the client's own
 * words */

static int
soma_bedrock_objects_in(soma_ask_t *ask, soma_arena_t *arena,
    soma_str_t value, unsigned depth)
{
    int                rc;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  v;

    if (depth == SOMA_BEDROCK_OBJECTS_DEPTH
        || soma_json_first(&it, value) != SOMA_OK)
    {
        return SOMA_OK;
    }

    while ((rc = soma_json_next(&it, &name, &v)) == SOMA_OK) {

        if (soma_ask_name(arena, name, &name) != SOMA_OK) {
            return SOMA_ERROR;
        }

        if (soma_str_is(name, "s3Location")) {
            if (soma_bedrock_objects_at(ask, arena, &v) != SOMA_OK) {
                return SOMA_ERROR;
            }

            continue;
        }

        if (soma_str_is(name, "input") || soma_str_is(name, "json")) {
            continue;
        }

        if ((v.type == SOMA_JSON_OBJECT || v.type == SOMA_JSON_ARRAY)
            && soma_bedrock_objects_in(ask, arena, v.text, depth + 1)
               != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    return (rc == SOMA_DONE) ? SOMA_OK : SOMA_ERROR;
}


/* whatever it is, as much of it as the model can read is prompt */

static int
soma_bedrock_objects_at(soma_ask_t *ask, soma_arena_t *arena,
    soma_json_value_t *location)
{
    soma_json_value_t  uri;

    ask->window = 1;

    if (location->type != SOMA_JSON_OBJECT
        || soma_json_get(location->text, "uri", &uri) != SOMA_OK
        || uri.type != SOMA_JSON_STRING)
    {
        return SOMA_ERROR;
    }

    return soma_ask_object(ask, arena, &uri, SOMA_OBJECT_FILE);
}
