
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a client of the Messages API asks, read off its body.  What is wrong is
 * told in the API's own words, which its clients know.
 */


#include "soma_anthropic.h"


static int soma_anthropic_ask_stream(soma_ask_t *ask,
    soma_json_value_t *value, const char **error);
static int soma_anthropic_ask_tokens(soma_ask_t *ask,
    soma_json_value_t *value, const char **error);
static int soma_anthropic_ask_tier(soma_ask_t *ask, soma_arena_t *arena,
    soma_json_value_t *value, const char **error);
static int soma_anthropic_ask_objects(soma_ask_t *ask, soma_arena_t *arena,
    soma_value_pt value, void *data, const char **error);
static int soma_anthropic_ask_container(soma_ask_t *ask, soma_arena_t *arena,
    soma_json_value_t *value);
static int soma_anthropic_ask_skills(soma_ask_t *ask, soma_arena_t *arena,
    soma_json_value_t *skills);


static const soma_surface_t  soma_anthropic_surfaces[] = {
    { soma_string("/messages"), SOMA_POST, SOMA_API_CHAT, SOMA_BODY_JSON,
      SOMA_STREAM_ASKED, 0 },
    { soma_string("/messages/count_tokens"), SOMA_POST, SOMA_API_COUNT,
      SOMA_BODY_JSON, SOMA_STREAM_NEVER, 0 }
};


const soma_json_want_t  soma_anthropic_want[SOMA_ASK_TOTAL] = {
    [SOMA_ASK_MODEL] = { soma_string("model"), 1 },
    [SOMA_ASK_STREAM] = { soma_string("stream"), 1 },
    [SOMA_ASK_MAX_TOKENS] = { soma_string("max_tokens"), 1 },
    [SOMA_ASK_SERVICE_TIER] = { soma_string("service_tier"), 1 },
    [SOMA_ASK_MESSAGES] = { soma_string("messages"), 0 },
    [SOMA_ASK_TOOLS] = { soma_string("tools"), 1 },
    [SOMA_ASK_METADATA] = { soma_string("metadata"), 1 },
    [SOMA_ASK_CONTAINER] = { soma_string("container"), 1 }
};


int
soma_anthropic_surface(soma_url_t *url, soma_arena_t *arena)
{
    size_t  i;

    (void) arena;

    for (i = 0;
         i < sizeof(soma_anthropic_surfaces) / sizeof(soma_surface_t);
         i++)
    {
        if (soma_str_eq(url->below, soma_anthropic_surfaces[i].path)) {
            url->surface = &soma_anthropic_surfaces[i];
            return SOMA_OK;
        }
    }

    return SOMA_DECLINED;
}


const char *
soma_anthropic_bounds(soma_api_e api)
{
    return (api == SOMA_API_CHAT) ? "\"max_tokens\"" : NULL;
}


/* a stream tells its usage unasked */

int
soma_anthropic_ask(soma_ask_t *ask, soma_arena_t *arena, soma_value_pt value,
    void *data, const char **error)
{
    int                rc;
    size_t             i;
    soma_json_value_t  v;

    static const unsigned  members[] = {
        SOMA_ASK_MODEL, SOMA_ASK_STREAM, SOMA_ASK_MAX_TOKENS,
        SOMA_ASK_SERVICE_TIER, SOMA_ASK_TOOLS
    };

    *error = "the body could not be read";

    soma_ask_begin(ask);
    ask->stream = 0;

    for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {

        rc = soma_ask_value(ask, members[i], value, data, &v);

        if (rc == SOMA_DECLINED) {
            v.type = SOMA_JSON_NONE;

        } else if (rc != SOMA_OK) {
            return SOMA_ERROR;
        }

        switch (members[i]) {

        case SOMA_ASK_MODEL:
            *error = "model: Field required";
            rc = (v.type == SOMA_JSON_NONE)
                 ? SOMA_ERROR : soma_ask_model(ask, arena, &v, error);
            break;

        case SOMA_ASK_STREAM:
            rc = soma_anthropic_ask_stream(ask, &v, error);
            break;

        case SOMA_ASK_MAX_TOKENS:
            rc = soma_anthropic_ask_tokens(ask, &v, error);
            break;

        case SOMA_ASK_SERVICE_TIER:
            rc = soma_anthropic_ask_tier(ask, arena, &v, error);
            break;

        default:
            rc = (v.type == SOMA_JSON_NONE)
                 ? SOMA_OK : soma_anthropic_ask_tools(ask, arena, &v, error);
        }

        if (rc != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    if (soma_anthropic_ask_objects(ask, arena, value, data, error)
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    *error = NULL;

    return SOMA_OK;
}


static int
soma_anthropic_ask_stream(soma_ask_t *ask, soma_json_value_t *value,
    const char **error)
{
    switch (value->type) {

    case SOMA_JSON_NONE:
    case SOMA_JSON_FALSE:
        return SOMA_OK;

    case SOMA_JSON_TRUE:
        ask->stream = 1;
        return SOMA_OK;

    default:
        *error = "stream: Input should be a valid boolean";
        return SOMA_ERROR;
    }
}


static int
soma_anthropic_ask_tokens(soma_ask_t *ask, soma_json_value_t *value,
    const char **error)
{
    int64_t  n;

    if (value->type == SOMA_JSON_NONE && ask->api == SOMA_API_COUNT) {
        return SOMA_OK;
    }

    if (value->type == SOMA_JSON_NONE) {
        *error = "max_tokens: Field required";
        return SOMA_ERROR;
    }

    if (soma_json_int(value, &n) != SOMA_OK) {
        *error = "max_tokens: Input should be a valid integer";
        return SOMA_ERROR;
    }

    if (n < 1) {
        *error = "max_tokens: Input should be greater than or equal to 1";
        return SOMA_ERROR;
    }

    ask->max_tokens = (n < SOMA_ASK_TOKENS_MAX) ? n : SOMA_ASK_TOKENS_MAX;

    return SOMA_OK;
}


static int
soma_anthropic_ask_tier(soma_ask_t *ask, soma_arena_t *arena,
    soma_json_value_t *value, const char **error)
{
    soma_str_t  name;

    if (value->type == SOMA_JSON_NONE) {
        return SOMA_OK;
    }

    if (value->type != SOMA_JSON_STRING
        || soma_json_text(arena, value, &name) != SOMA_OK)
    {
        *error = "service_tier: Input should be a valid string";
        return SOMA_ERROR;
    }

    ask->tier = soma_ask_tier(name);

    return SOMA_OK;
}


/* what the provider keeps: files, containers, skills that somebody made */

static int
soma_anthropic_ask_objects(soma_ask_t *ask, soma_arena_t *arena,
    soma_value_pt value, void *data, const char **error)
{
    int                rc;
    soma_json_value_t  v;

    *error = "a file or a \"container\" is not named by plain ids, 32 at "
             "most";

    rc = soma_ask_value(ask, SOMA_ASK_CONTAINER, value, data, &v);

    if (rc == SOMA_ERROR
        || (rc == SOMA_OK
            && soma_anthropic_ask_container(ask, arena, &v) != SOMA_OK))
    {
        return SOMA_ERROR;
    }

    if (ask->scan->span[SOMA_ASK_MESSAGES].type != SOMA_JSON_ARRAY
        || !soma_json_scan_marked(ask->scan))
    {
        return SOMA_OK;
    }

    if (soma_ask_value(ask, SOMA_ASK_MESSAGES, value, data, &v) != SOMA_OK) {
        return SOMA_ERROR;
    }

    return soma_ask_objects(ask, arena, v.text, SOMA_ASK_CALLS);
}


/* an id, or an object that may have one, and skills that it is to hold */

static int
soma_anthropic_ask_container(soma_ask_t *ask, soma_arena_t *arena,
    soma_json_value_t *value)
{
    int                rc;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  v;

    if (value->type != SOMA_JSON_OBJECT) {
        return soma_ask_object(ask, arena, value, SOMA_OBJECT_CONTAINER);
    }

    if (soma_json_first(&it, value->text) != SOMA_OK) {
        return SOMA_ERROR;
    }

    while ((rc = soma_json_next(&it, &name, &v)) == SOMA_OK) {

        if (soma_ask_name(arena, name, &name) != SOMA_OK) {
            return SOMA_ERROR;
        }

        if (v.type == SOMA_JSON_NULL) {
            continue;
        }

        if (soma_str_case_is(name, "skills")) {
            if (soma_anthropic_ask_skills(ask, arena, &v) != SOMA_OK) {
                return SOMA_ERROR;
            }

            continue;
        }

        if (soma_str_case_is(name, "id")
            && (v.type != SOMA_JSON_STRING
                || soma_ask_object(ask, arena, &v, SOMA_OBJECT_CONTAINER)
                   != SOMA_OK))
        {
            return SOMA_ERROR;
        }
    }

    return rc == SOMA_DONE ? SOMA_OK : SOMA_ERROR;
}


/* the maker's own are everybody's */

static int
soma_anthropic_ask_skills(soma_ask_t *ask, soma_arena_t *arena,
    soma_json_value_t *skills)
{
    int                rc;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  skill, v;

    if (skills->type != SOMA_JSON_ARRAY
        || soma_json_first(&it, skills->text) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    while ((rc = soma_json_next(&it, &name, &skill)) == SOMA_OK) {

        if (skill.type == SOMA_JSON_OBJECT
            && soma_json_get(skill.text, "type", &v) == SOMA_OK
            && soma_str_is(v.text, "\"anthropic\"")
            && memchr(skill.text.data, '\\', skill.text.len) == NULL)
        {
            continue;
        }

        if (skill.type != SOMA_JSON_OBJECT
            || soma_json_get(skill.text, "skill_id", &v) != SOMA_OK
            || soma_ask_object(ask, arena, &v, SOMA_OBJECT_CONTAINER)
               != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    return rc == SOMA_DONE ? SOMA_OK : SOMA_ERROR;
}
