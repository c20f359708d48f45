
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a client of Bedrock asks, read off its body: the model stands in its
 * URL, the bound of the answer in inferenceConfig, or where the model's own
 * words have it.
 */


#include "soma_bedrock.h"


static int soma_bedrock_ask_nested(soma_str_t object, const char *const *names,
    soma_json_value_t *bound);
static int soma_bedrock_ask_tier(soma_ask_t *ask, soma_arena_t *arena,
    soma_json_value_t *tier, const char **error);
static int soma_bedrock_ask_tools(soma_ask_t *ask, soma_arena_t *arena,
    soma_json_value_t *config, const char **error);


/* those of models' own bodies have the slots of others */
const soma_json_want_t  soma_bedrock_want[SOMA_ASK_TOTAL] = {
    [SOMA_ASK_MAX_OUTPUT_TOKENS] = { soma_string("inferenceConfig"), 1 },
    [SOMA_ASK_MAX_TOKENS] = { soma_string("max_tokens"), 1 },
    [SOMA_ASK_MAX_COMPLETION_TOKENS] = { soma_string("max_gen_len"), 1 },
    [SOMA_ASK_SIZE] = { soma_string("textGenerationConfig"), 1 },
    [SOMA_ASK_SERVICE_TIER] = { soma_string("serviceTier"), 1 },
    [SOMA_ASK_MESSAGES] = { soma_string("messages"), 0 },
    [SOMA_ASK_INPUT] = { soma_string("input"), 0 },
    [SOMA_ASK_TOOLS] = { soma_string("toolConfig"), 1 },
    [SOMA_ASK_PROMPT] = { soma_string("promptVariables"), 0 },
    [SOMA_ASK_METADATA] = { soma_string("requestMetadata"), 1 }
};


const char *
soma_bedrock_bounds(soma_api_e api)
{
    return (api == SOMA_API_CHAT) ? "\"inferenceConfig.maxTokens\"" : NULL;
}


int
soma_bedrock_ask(soma_ask_t *ask, soma_arena_t *arena, soma_value_pt value,
    void *data, const char **error)
{
    int                rc;
    size_t             at;
    int64_t            n;
    soma_json_value_t  v;

    n = 0;
    *error = "the body could not be read";

    ask->model = ask->url->model;
    soma_ask_begin(ask);
    ask->stream = (ask->url->surface->stream == SOMA_STREAM_ALWAYS);

    rc = soma_bedrock_ask_bound(ask, value, data, &v, &at);

    if (rc == SOMA_OK && v.type == SOMA_JSON_NULL) {
        rc = SOMA_DECLINED;
    }

    if (rc == SOMA_OK && (v.type != SOMA_JSON_NUMBER
                          || soma_json_int(&v, &n) != SOMA_OK || n < 1))
    {
        rc = SOMA_ERROR;
    }

    if (rc == SOMA_ERROR) {
        *error = (ask->api == SOMA_API_INVOKE)
                 ? "the bound of the answer must be a whole number above 0, "
                   "said once"
                 : "inferenceConfig: must be an object, and its maxTokens a "
                   "whole number above 0, said once";
        return SOMA_ERROR;
    }

    if (rc == SOMA_OK) {
        ask->max_tokens = (n < SOMA_ASK_TOKENS_MAX) ? n : SOMA_ASK_TOKENS_MAX;
    }

    rc = soma_ask_value(ask, SOMA_ASK_SERVICE_TIER, value, data, &v);

    if (rc == SOMA_ERROR
        || (rc == SOMA_OK
            && soma_bedrock_ask_tier(ask, arena, &v, error) != SOMA_OK))
    {
        return SOMA_ERROR;
    }

    rc = soma_ask_value(ask, SOMA_ASK_TOOLS, value, data, &v);

    if (rc == SOMA_ERROR
        || (rc == SOMA_OK
            && soma_bedrock_ask_tools(ask, arena, &v, error) != SOMA_OK))
    {
        return SOMA_ERROR;
    }

    /* of a prompt that AWS keeps only the variables are here */

    if (ask->scan->span[SOMA_ASK_PROMPT].type != SOMA_JSON_NONE) {
        ask->window = 1;
    }

    if (soma_bedrock_ask_objects(ask, arena, value, data, error) != SOMA_OK) {
        return SOMA_ERROR;
    }

    *error = NULL;

    return SOMA_OK;
}


int
soma_bedrock_ask_bound(soma_ask_t *ask, soma_value_pt value, void *data,
    soma_json_value_t *bound, size_t *at)
{
    int                rc;
    size_t             i, n, start;
    soma_json_value_t  v;

    static const char *const  own[] = { "maxTokens", NULL };
    static const char *const  nova[] = { "maxTokens", "max_new_tokens", NULL };
    static const char *const  titan[] = { "maxTokenCount", NULL };

    static const struct {
        unsigned            member;
        const char *const  *names;      /* in it; NULL: it is the number */
    } places[] = {
        { SOMA_ASK_MAX_OUTPUT_TOKENS,     nova },
        { SOMA_ASK_MAX_TOKENS,            NULL },
        { SOMA_ASK_MAX_COMPLETION_TOKENS, NULL },
        { SOMA_ASK_SIZE,                  titan }
    };

    bound->type = SOMA_JSON_NONE;
    *at = 0;

    if (ask->scan == NULL || ask->api == SOMA_API_COUNT) {
        return SOMA_DECLINED;
    }

    /* Converse has one of them, models have any */

    n = (ask->api == SOMA_API_INVOKE) ? sizeof(places) / sizeof(places[0]) : 1;

    for (i = 0; i < n; i++) {

        rc = soma_ask_value(ask, places[i].member, value, data, &v);

        if (rc == SOMA_DECLINED) {
            continue;
        }

        if (rc != SOMA_OK) {
            return SOMA_ERROR;
        }

        start = ask->scan->span[places[i].member].start;

        if (places[i].names == NULL) {

            if (bound->type != SOMA_JSON_NONE) {
                return SOMA_ERROR;
            }

            *bound = v;
            *at = start;
            continue;
        }

        v.type = (v.text.len != 0 && v.text.data[0] == '{') ? v.type
                                                            : SOMA_JSON_NONE;

        rc = (v.type == SOMA_JSON_OBJECT)
             ? soma_bedrock_ask_nested(v.text, ask->api == SOMA_API_CHAT
                                               ? own : places[i].names, bound)
             : SOMA_ERROR;

        if (rc == SOMA_ERROR) {
            return SOMA_ERROR;
        }

        if (rc == SOMA_OK) {
            *at = start + (size_t) (bound->text.data - v.text.data);
        }
    }

    return (bound->type != SOMA_JSON_NONE) ? SOMA_OK : SOMA_DECLINED;
}


/* the bound decides what is reserved: it may not be said twice, nor in a way
 * that the provider reads otherwise */

static int
soma_bedrock_ask_nested(soma_str_t object, const char *const *names,
    soma_json_value_t *bound)
{
    int                rc;
    unsigned           i, seen;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  v;

    if (soma_json_first(&it, object) != SOMA_OK || !it.object) {
        return SOMA_ERROR;
    }

    seen = 0;

    while ((rc = soma_json_next(&it, &name, &v)) == SOMA_OK) {

        if (memchr(name.data, '\\', name.len) != NULL) {
            return SOMA_ERROR;
        }

        for (i = 0; names[i] != NULL; i++) {
            if (soma_str_is(name, names[i])) {
                break;
            }
        }

        if (names[i] == NULL) {
            continue;
        }

        if (seen || bound->type != SOMA_JSON_NONE) {
            return SOMA_ERROR;
        }

        seen = 1;
        *bound = v;
    }

    if (rc != SOMA_DONE) {
        return SOMA_ERROR;
    }

    return seen ? SOMA_OK : SOMA_DECLINED;
}


/* an object in Converse's words, {"type":"priority"} */

static int
soma_bedrock_ask_tier(soma_ask_t *ask, soma_arena_t *arena,
    soma_json_value_t *tier, const char **error)
{
    soma_str_t         name;
    soma_json_value_t  v;

    v = *tier;

    if (tier->type == SOMA_JSON_OBJECT
        && soma_json_get(tier->text, "type", &v) != SOMA_OK)
    {
        return SOMA_OK;
    }

    if (v.type != SOMA_JSON_STRING
        || soma_json_text(arena, &v, &name) != SOMA_OK)
    {
        *error = "serviceTier: its type must be a string";
        return SOMA_ERROR;
    }

    ask->tier = soma_ask_tier(name);

    return SOMA_OK;
}


/* each systemTool is one that AWS runs */

static int
soma_bedrock_ask_tools(soma_ask_t *ask, soma_arena_t *arena,
    soma_json_value_t *config, const char **error)
{
    int                rc;
    unsigned           n;
    soma_str_t         name, key;
    soma_json_iter_t   it, member;
    soma_json_value_t  tools, tool, v, named;

    *error = "toolConfig: its tools must be an array of at most 1024 objects";

    if (config->type != SOMA_JSON_OBJECT) {
        return SOMA_ERROR;
    }

    if (soma_json_get(config->text, "tools", &tools) != SOMA_OK
        || tools.type == SOMA_JSON_NULL)
    {
        return SOMA_OK;
    }

    if (tools.type != SOMA_JSON_ARRAY
        || soma_json_first(&it, tools.text) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    n = 0;

    while ((rc = soma_json_next(&it, &name, &tool)) == SOMA_OK) {

        if (++n > SOMA_ASK_TOOLS_MAX || tool.type != SOMA_JSON_OBJECT
            || soma_json_first(&member, tool.text) != SOMA_OK)
        {
            return SOMA_ERROR;
        }

        while (soma_json_next(&member, &key, &v) == SOMA_OK) {

            if (soma_ask_name(arena, key, &key) != SOMA_OK) {
                return SOMA_ERROR;
            }

            if (!soma_str_is(key, "systemTool")) {
                continue;
            }

            if (soma_json_get(v.text, "name", &named) != SOMA_OK
                || named.type != SOMA_JSON_STRING
                || soma_json_text(arena, &named, &name) != SOMA_OK
                || soma_ask_hosted(ask, name, error) != SOMA_OK)
            {
                return SOMA_ERROR;
            }
        }
    }

    return (rc == SOMA_DONE) ? SOMA_OK : SOMA_ERROR;
}
