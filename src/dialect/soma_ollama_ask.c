
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a client of Ollama's asks, read off its body, and what of it is
 * prompt.  A chat that does not say whether it streams does.
 */


#include "soma_ollama.h"


#define SOMA_NAMES(list)  list, sizeof(list) / sizeof(list[0])


static int soma_ollama_ask_stream(soma_ask_t *ask, soma_json_value_t *value,
    const char **error);
static int soma_ollama_ask_options(soma_ask_t *ask, soma_arena_t *arena,
    soma_json_value_t *value, const char **error);
static int soma_ollama_ask_images(soma_ask_t *ask, soma_json_value_t *value,
    const char **error);


/* the bound of an answer stands in "options"; "images" are generate's */
const soma_json_want_t  soma_ollama_want[SOMA_ASK_TOTAL] = {
    [SOMA_ASK_MODEL] = { soma_string("model"), 1 },
    [SOMA_ASK_STREAM] = { soma_string("stream"), 1 },
    [SOMA_ASK_MAX_TOKENS] = { soma_string("options"), 1 },
    [SOMA_ASK_MESSAGES] = { soma_string("messages"), 1 },
    [SOMA_ASK_INPUT] = { soma_string("input"), 1 },
    [SOMA_ASK_PROMPT] = { soma_string("prompt"), 1 },
    [SOMA_ASK_TOOLS] = { soma_string("tools"), 1 },
    [SOMA_ASK_CONTAINER] = { soma_string("images"), 1 }
};


/* numbers of "context" are tokens of earlier answers; images of generate are
 * counted by soma_ollama_ask() */
static const soma_prompt_name_t  soma_ollama_prompt_request[] = {
    { soma_string("messages"),      SOMA_PART_MESSAGES },
    { soma_string("prompt"),        SOMA_PART_INPUT },
    { soma_string("input"),         SOMA_PART_INPUT },
    { soma_string("suffix"),        SOMA_PART_INPUT },
    { soma_string("context"),       SOMA_PART_INPUT },
    { soma_string("system"),        SOMA_PART_SYSTEM },
    { soma_string("tools"),         SOMA_PART_TOOLS },
    { soma_string("images"),        SOMA_PART_SKIP },
    { soma_string("model"),         SOMA_PART_SKIP },
    { soma_string("options"),       SOMA_PART_SKIP },
    { soma_string("think"),         SOMA_PART_SKIP },
    { soma_string("keep_alive"),    SOMA_PART_SKIP },
    { soma_string("dimensions"),    SOMA_PART_SKIP }
};


static const soma_prompt_name_t  soma_ollama_prompt_message[] = {
    { soma_string("role"),          SOMA_PART_TEXT },
    { soma_string("content"),       SOMA_PART_TEXT },
    { soma_string("images"),        SOMA_PART_IMAGES },
    { soma_string("tool_name"),     SOMA_PART_NAME },
    { soma_string("tool_call_id"),  SOMA_PART_SKIP }
};


static const soma_str_t  soma_ollama_prompt_mark[] = {
    soma_string("images\""),
    soma_str_null
};

static const soma_json_marks_t  soma_ollama_prompt_marks = {
    soma_ollama_prompt_mark, soma_str_null, soma_str_null, 0
};


const soma_prompt_names_t  soma_ollama_prompt = {
    SOMA_NAMES(soma_ollama_prompt_request),
    SOMA_NAMES(soma_ollama_prompt_message),
    NULL, 0,
    &soma_ollama_prompt_marks,
    SOMA_FETCH_NAME
};


const char *
soma_ollama_bounds(soma_api_e api)
{
    return (api == SOMA_API_CHAT) ? "\"options\" with \"num_predict\"" : NULL;
}


int
soma_ollama_ask(soma_ask_t *ask, soma_arena_t *arena, soma_value_pt value,
    void *data, const char **error)
{
    int                rc;
    size_t             i;
    soma_json_value_t  v;

    static const unsigned  members[] = {
        SOMA_ASK_MODEL, SOMA_ASK_STREAM, SOMA_ASK_MAX_TOKENS,
        SOMA_ASK_CONTAINER
    };

    soma_ask_begin(ask);
    ask->stream = (ask->api == SOMA_API_CHAT);

    for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {

        *error = "the body could not be read";
        rc = soma_ask_value(ask, members[i], value, data, &v);

        if (rc == SOMA_DECLINED) {
            v.type = SOMA_JSON_NONE;

        } else if (rc != SOMA_OK) {
            return SOMA_ERROR;
        }

        switch (members[i]) {

        case SOMA_ASK_MODEL:
            *error = "\"model\" is required";
            rc = (v.type == SOMA_JSON_NONE)
                 ? SOMA_ERROR : soma_ask_model(ask, arena, &v, error);
            break;

        case SOMA_ASK_STREAM:
            rc = soma_ollama_ask_stream(ask, &v, error);
            break;

        case SOMA_ASK_MAX_TOKENS:
            rc = soma_ollama_ask_options(ask, arena, &v, error);
            break;

        default:
            rc = soma_ollama_ask_images(ask, &v, error);
        }

        if (rc != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    *error = NULL;

    return SOMA_OK;
}


static int
soma_ollama_ask_stream(soma_ask_t *ask, soma_json_value_t *value,
    const char **error)
{
    switch (value->type) {

    case SOMA_JSON_NONE:
    case SOMA_JSON_TRUE:
        return SOMA_OK;

    case SOMA_JSON_FALSE:
        ask->stream = 0;
        return SOMA_OK;

    default:
        *error = "\"stream\" must be true or false";
        return SOMA_ERROR;
    }
}


/* -1 is no bound, -2 as much as there is room for, and 0 is none either */

static int
soma_ollama_ask_options(soma_ask_t *ask, soma_arena_t *arena,
    soma_json_value_t *value, const char **error)
{
    int                rc;
    int64_t            n;
    soma_json_value_t  bound;

    if (value->type == SOMA_JSON_NONE) {
        return SOMA_OK;
    }

    *error = "\"options\" must be an object";

    if (value->type != SOMA_JSON_OBJECT) {
        return SOMA_ERROR;
    }

    rc = soma_ollama_ask_bound(value->text, arena, &bound);

    if (rc != SOMA_OK) {
        return (rc == SOMA_DECLINED) ? SOMA_OK : SOMA_ERROR;
    }

    if (bound.type != SOMA_JSON_NUMBER
        || soma_json_int(&bound, &n) != SOMA_OK)
    {
        *error = "\"num_predict\" of \"options\" must be an integer";
        return SOMA_ERROR;
    }

    if (n > 0 && ask->api == SOMA_API_CHAT) {
        ask->max_tokens = (n < SOMA_ASK_TOKENS_MAX) ? n
                                                    : SOMA_ASK_TOKENS_MAX;
    }

    return SOMA_OK;
}


int
soma_ollama_ask_bound(soma_str_t options, soma_arena_t *arena,
    soma_json_value_t *bound)
{
    int                rc;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  v;

    bound->type = SOMA_JSON_NONE;

    if (soma_json_first(&it, options) != SOMA_OK || !it.object) {
        return SOMA_ERROR;
    }

    while ((rc = soma_json_next(&it, &name, &v)) == SOMA_OK) {

        if (soma_ask_name(arena, name, &name) != SOMA_OK) {
            return SOMA_ERROR;
        }

        if (soma_str_is(name, "num_predict")) {
            *bound = v;
        }
    }

    if (rc != SOMA_DONE) {
        return SOMA_ERROR;
    }

    return (bound->type == SOMA_JSON_NONE || bound->type == SOMA_JSON_NULL)
           ? SOMA_DECLINED : SOMA_OK;
}


/* of a chat they are in its messages, where they are counted */

static int
soma_ollama_ask_images(soma_ask_t *ask, soma_json_value_t *value,
    const char **error)
{
    int64_t            n;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  image;

    if (value->type == SOMA_JSON_NONE
        || soma_ollama_surface_form(ask) != SOMA_OLLAMA_GENERATE)
    {
        return SOMA_OK;
    }

    *error = "\"images\" must be an array of up to 256 strings";

    if (value->type != SOMA_JSON_ARRAY
        || soma_json_first(&it, value->text) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    for (n = 0; soma_json_next(&it, &name, &image) == SOMA_OK; n++) {
        if (n == SOMA_OLLAMA_IMAGES_MAX) {
            return SOMA_ERROR;
        }
    }

    ask->before = n * SOMA_OLLAMA_IMAGE_TOKENS;

    return SOMA_OK;
}
