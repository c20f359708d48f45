
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a client of Google's API asks, read off its body: the model stands in
 * its URL, the rest in generationConfig.
 */


#include "soma_gemini.h"


static int soma_gemini_ask_numbers(soma_ask_t *ask, soma_str_t config,
    const char **error);
static int soma_gemini_ask_tools(soma_ask_t *ask, soma_arena_t *arena,
    soma_json_value_t *tools, const char **error);
static int soma_gemini_ask_tool(soma_ask_t *ask, soma_arena_t *arena,
    soma_str_t tool, const char **error);
static int soma_gemini_ask_twice(soma_ask_t *ask, unsigned one,
    unsigned other);


/* of what has two spellings each has a slot */
const soma_json_want_t  soma_gemini_want[SOMA_ASK_TOTAL] = {
    [SOMA_ASK_MODEL] = { soma_string("model"), 0 },
    [SOMA_ASK_MAX_OUTPUT_TOKENS] = { soma_string("generationConfig"), 1 },
    [SOMA_ASK_MAX_TOKENS] = { soma_string("generation_config"), 1 },
    [SOMA_ASK_SERVICE_TIER] = { soma_string("serviceTier"), 1 },
    [SOMA_ASK_USER] = { soma_string("service_tier"), 1 },
    [SOMA_ASK_MESSAGES] = { soma_string("contents"), 0 },
    [SOMA_ASK_INPUT] = { soma_string("requests"), 1 },
    [SOMA_ASK_TOOLS] = { soma_string("tools"), 1 },
    [SOMA_ASK_PREVIOUS] = { soma_string("cachedContent"), 1 },
    [SOMA_ASK_CONVERSATION] = { soma_string("cached_content"), 1 }
};


int
soma_gemini_is(soma_str_t name, const char *camel)
{
    size_t  i;

    for (i = 0; i < name.len; i++, camel++) {

        if (name.data[i] == '_' && *camel >= 'A' && *camel <= 'Z'
            && i + 1 < name.len
            && name.data[i + 1] == (unsigned char) (*camel | 0x20))
        {
            i++;
            continue;
        }

        if (name.data[i] != (unsigned char) *camel || *camel == '\0') {
            return 0;
        }
    }

    return *camel == '\0';
}


int
soma_gemini_get(soma_str_t object, const char *camel,
    soma_json_value_t *value)
{
    int                rc;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  v;

    if (soma_json_first(&it, object) != SOMA_OK || !it.object) {
        return SOMA_DECLINED;
    }

    rc = SOMA_DECLINED;

    while (soma_json_next(&it, &name, &v) == SOMA_OK) {
        if (soma_gemini_is(name, camel)) {
            *value = v;
            rc = SOMA_OK;
        }
    }

    return rc;
}


const char *
soma_gemini_bounds(soma_api_e api)
{
    return (api == SOMA_API_CHAT) ? "\"generationConfig.maxOutputTokens\""
                                  : NULL;
}


int
soma_gemini_ask(soma_ask_t *ask, soma_arena_t *arena, soma_value_pt value,
    void *data, const char **error)
{
    int                rc;
    soma_str_t         name;
    unsigned           member;
    soma_json_value_t  v;

    *error = "the body could not be read";

    if (ask->url != NULL) {
        ask->model = ask->url->model;
        ask->stream = (ask->url->surface->stream == SOMA_STREAM_ALWAYS);
    }

    soma_ask_begin(ask);

    if (soma_gemini_ask_twice(ask, SOMA_ASK_MAX_OUTPUT_TOKENS,
                              SOMA_ASK_MAX_TOKENS))
    {
        *error = "generationConfig: stands twice in the request";
        return SOMA_ERROR;
    }

    rc = soma_gemini_ask_config(ask, value, data, &v);

    if (rc == SOMA_ERROR
        || (rc == SOMA_OK
            && soma_gemini_ask_numbers(ask, v.text, error) != SOMA_OK))
    {
        return SOMA_ERROR;
    }

    member = (ask->scan->span[SOMA_ASK_SERVICE_TIER].type != SOMA_JSON_NONE)
             ? SOMA_ASK_SERVICE_TIER : SOMA_ASK_USER;

    if (soma_ask_value(ask, member, value, data, &v) == SOMA_OK
        && v.type == SOMA_JSON_STRING
        && soma_json_text(arena, &v, &name) == SOMA_OK)
    {
        ask->tier = soma_ask_tier(name);
    }

    if (soma_gemini_ask_objects(ask, arena, value, data, error) != SOMA_OK) {
        return SOMA_ERROR;
    }

    rc = soma_ask_value(ask, SOMA_ASK_TOOLS, value, data, &v);

    if (rc == SOMA_ERROR
        || (rc == SOMA_OK
            && soma_gemini_ask_tools(ask, arena, &v, error) != SOMA_OK))
    {
        return SOMA_ERROR;
    }

    *error = NULL;

    return SOMA_OK;
}


static int
soma_gemini_ask_twice(soma_ask_t *ask, unsigned one, unsigned other)
{
    return ask->scan->span[one].type != SOMA_JSON_NONE
           && ask->scan->span[other].type != SOMA_JSON_NONE;
}


int
soma_gemini_ask_config(soma_ask_t *ask, soma_value_pt value, void *data,
    soma_json_value_t *config)
{
    int  rc;

    rc = soma_ask_value(ask, SOMA_ASK_MAX_OUTPUT_TOKENS, value, data, config);

    return (rc == SOMA_DECLINED)
           ? soma_ask_value(ask, SOMA_ASK_MAX_TOKENS, value, data, config)
           : rc;
}


/* the bound decides what is reserved: it may not be said twice, nor in a way
 * that the provider reads otherwise */

static int
soma_gemini_ask_numbers(soma_ask_t *ask, soma_str_t config,
    const char **error)
{
    int                rc;
    int64_t           *to, n;
    unsigned           seen, bit;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  v;

    *error = "generationConfig: must be an object, each of its members once";
    seen = 0;

    if (soma_json_first(&it, config) != SOMA_OK || !it.object) {
        return SOMA_ERROR;
    }

    while ((rc = soma_json_next(&it, &name, &v)) == SOMA_OK) {

        if (memchr(name.data, '\\', name.len) != NULL) {
            return SOMA_ERROR;
        }

        if (soma_gemini_is(name, "maxOutputTokens")) {
            to = &ask->max_tokens;
            bit = 1;

        } else if (soma_gemini_is(name, "candidateCount")) {
            to = &ask->n;
            bit = 2;

        } else {
            continue;
        }

        if (seen & bit) {
            return SOMA_ERROR;
        }

        seen |= bit;

        if (v.type == SOMA_JSON_NULL) {
            continue;
        }

        if (v.type != SOMA_JSON_NUMBER || soma_json_int(&v, &n) != SOMA_OK
            || n < 1)
        {
            *error = "generationConfig: maxOutputTokens and candidateCount "
                     "must be whole numbers above 0";
            return SOMA_ERROR;
        }

        *to = (n < SOMA_ASK_TOKENS_MAX) ? n : SOMA_ASK_TOKENS_MAX;
    }

    if (ask->n > SOMA_ANSWER_CHOICES_MAX) {
        *error = "generationConfig.candidateCount: must be at most 1024";
        return SOMA_ERROR;
    }

    return (rc == SOMA_DONE) ? SOMA_OK : SOMA_ERROR;
}


/* each kind but functions is one that the provider runs */

static int
soma_gemini_ask_tools(soma_ask_t *ask, soma_arena_t *arena,
    soma_json_value_t *tools, const char **error)
{
    int                rc;
    unsigned           n;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  tool;

    *error = "tools: must be an array of at most 1024 objects";

    if (tools->type != SOMA_JSON_ARRAY
        || soma_json_first(&it, tools->text) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    n = 0;

    while ((rc = soma_json_next(&it, &name, &tool)) == SOMA_OK) {

        if (++n > SOMA_ASK_TOOLS_MAX || tool.type != SOMA_JSON_OBJECT) {
            return SOMA_ERROR;
        }

        if (soma_gemini_ask_tool(ask, arena, tool.text, error) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    return (rc == SOMA_DONE) ? SOMA_OK : SOMA_ERROR;
}


static int
soma_gemini_ask_tool(soma_ask_t *ask, soma_arena_t *arena, soma_str_t tool,
    const char **error)
{
    int                rc;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  v;

    if (soma_json_first(&it, tool) != SOMA_OK) {
        return SOMA_ERROR;
    }

    while ((rc = soma_json_next(&it, &name, &v)) == SOMA_OK) {

        if (soma_ask_name(arena, name, &name) != SOMA_OK) {
            return SOMA_ERROR;
        }

        if (v.type == SOMA_JSON_NULL
            || soma_gemini_is(name, "functionDeclarations"))
        {
            continue;
        }

        if (soma_ask_hosted(ask, name, error) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    return (rc == SOMA_DONE) ? SOMA_OK : SOMA_ERROR;
}
