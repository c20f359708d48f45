
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a client asks, read off its body.
 */


#include "soma_openai.h"


#define SOMA_ASK_N_MAX           1024
#define SOMA_ASK_PROMPTS_MAX     65536          /* times N times TOKENS fits */


static int soma_openai_ask_members(soma_ask_t *ask, soma_arena_t *arena,
    soma_value_pt value, void *data, const char **error);
static int soma_openai_ask_member(soma_ask_t *ask, soma_arena_t *arena,
    unsigned member, soma_json_value_t *v, const char **error);
static int soma_openai_ask_n(soma_ask_t *ask, unsigned member,
    soma_json_value_t *value, const char **error);
static int soma_openai_numbers(soma_str_t list);
static int soma_openai_ask_prompts(soma_ask_t *ask, soma_value_pt value,
    void *data, const char **error);
static int soma_openai_ask_beside(soma_ask_t *ask, soma_arena_t *arena,
    soma_value_pt value, void *data, const char **error);
static int soma_openai_ask_tokens(soma_ask_t *ask, unsigned member,
    soma_json_value_t *value, const char **error);
static int soma_openai_bounded_by(soma_api_e api, unsigned member);
static int soma_openai_ask_tier(soma_ask_t *ask, soma_arena_t *arena,
    soma_json_value_t *value, const char **error);


/* in the order of soma_ask_member_e */
const soma_json_want_t  soma_openai_want[SOMA_ASK_TOTAL] = {
    { soma_string("model"),                  1 },
    { soma_string("stream"),                 1 },
    { soma_string("stream_options"),         1 },
    { soma_string("max_tokens"),             1 },
    { soma_string("max_completion_tokens"),  1 },
    { soma_string("max_output_tokens"),      1 },
    { soma_string("n"),                      1 },
    { soma_string("best_of"),                1 },
    { soma_string("service_tier"),           1 },
    { soma_string("user"),                   1 },
    { soma_string("messages"),               0 },
    { soma_string("input"),                  0 },
    { soma_string("prompt"),                 1 },
    { soma_string("tools"),                  1 },
    { soma_string("background"),             1 },
    { soma_string("previous_response_id"),   1 },
    { soma_string("conversation"),           1 },
    { soma_string("store"),                  1 },
    { soma_string("metadata"),               1 },
    { soma_string("size"),                   1 },
    { soma_string("quality"),                1 },
    { soma_str_null,                         0 }
};


int
soma_openai_ask(soma_ask_t *ask, soma_arena_t *arena, soma_value_pt value,
    void *data, const char **error)
{
    *error = "the body could not be read";

    ask->max_tokens = -1;
    ask->n = 1;
    ask->prompts = 1;

    if (ask->scan == NULL) {
        if (ask->model.len == 0) {
            *error = "you must provide a \"model\" parameter";
            return SOMA_ERROR;
        }

        *error = NULL;
        return SOMA_OK;
    }

    ask->stream = 0;
    ask->usage_asked = 0;
    ask->nhosted = 0;
    ask->nids = 0;
    ask->ids = NULL;
    ask->before = 0;
    ask->window = 0;
    ask->tier = SOMA_TIER_DEFAULT;

    if (soma_openai_ask_members(ask, arena, value, data, error) != SOMA_OK
        || soma_openai_ask_prompts(ask, value, data, error) != SOMA_OK
        || soma_openai_ask_beside(ask, arena, value, data, error) != SOMA_OK
        || soma_openai_work(ask, arena, value, data) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (ask->api == SOMA_API_MODERATIONS
        && ask->scan->span[SOMA_ASK_INPUT].type == SOMA_JSON_NONE)
    {
        *error = "you must provide an \"input\" parameter";
        return SOMA_ERROR;
    }

    *error = NULL;

    return SOMA_OK;
}


/* those of one value each, in their order */

static int
soma_openai_ask_members(soma_ask_t *ask, soma_arena_t *arena,
    soma_value_pt value, void *data, const char **error)
{
    int                rc;
    unsigned           i;
    soma_json_value_t  v;

    for (i = 0; i <= SOMA_ASK_SERVICE_TIER; i++) {

        rc = soma_ask_value(ask, i, value, data, &v);

        /* the name in the URL is what a provider of those goes by */

        if (i == SOMA_ASK_MODEL && ask->url != NULL
            && ask->url->model.len != 0)
        {
            if (ask->url->model.len > SOMA_ASK_MODEL_MAX) {
                *error = "the deployment's name is longer than 512 bytes";
                return SOMA_ERROR;
            }

            ask->model = ask->url->model;
            continue;
        }

        if (rc == SOMA_DECLINED) {
            if (i == SOMA_ASK_MODEL && ask->api != SOMA_API_MODERATIONS) {
                *error = "you must provide a \"model\" parameter";
                return SOMA_ERROR;
            }

            continue;
        }

        if (rc != SOMA_OK
            || soma_openai_ask_member(ask, arena, i, &v, error) == SOMA_ERROR)
        {
            return SOMA_ERROR;
        }
    }

    return SOMA_OK;
}


static int
soma_openai_ask_member(soma_ask_t *ask, soma_arena_t *arena, unsigned member,
    soma_json_value_t *v, const char **error)
{
    int                rc;
    soma_json_value_t  include;

    switch (member) {

    case SOMA_ASK_MODEL:
        return soma_ask_model(ask, arena, v, error);

    case SOMA_ASK_STREAM:
        if (v->type != SOMA_JSON_TRUE && v->type != SOMA_JSON_FALSE) {
            *error = "\"stream\" must be true, false or null";
            return SOMA_ERROR;
        }

        ask->stream = (v->type == SOMA_JSON_TRUE);
        return SOMA_OK;

    case SOMA_ASK_STREAM_OPTIONS:
        rc = soma_openai_include_usage(v, arena, &include, error);
        ask->usage_asked = (rc == SOMA_OK && include.type == SOMA_JSON_TRUE);
        return rc;

    case SOMA_ASK_N:
    case SOMA_ASK_BEST_OF:
        return soma_openai_ask_n(ask, member, v, error);

    case SOMA_ASK_SERVICE_TIER:
        return soma_openai_ask_tier(ask, arena, v, error);

    default:
        return soma_openai_ask_tokens(ask, member, v, error);
    }
}


static int
soma_openai_ask_n(soma_ask_t *ask, unsigned member, soma_json_value_t *value,
    const char **error)
{
    int64_t  n;

    /* of completions best_of are made and billed, and n of them shown */

    if (member == SOMA_ASK_BEST_OF && ask->api != SOMA_API_COMPLETIONS) {
        return SOMA_OK;
    }

    if (soma_json_int(value, &n) != SOMA_OK || n < 1 || n > SOMA_ASK_N_MAX) {
        *error = (member == SOMA_ASK_N)
                 ? "\"n\" must be an integer from 1 to 1024, or null"
                 : "\"best_of\" must be an integer from 1 to 1024, or null";
        return SOMA_ERROR;
    }

    ask->n = (n > ask->n) ? n : ask->n;

    return SOMA_OK;
}


/* a list of numbers and nothing else, without a walk over what may be long */

static int
soma_openai_numbers(soma_str_t list)
{
    size_t             i;
    static const char  others[] = { '"', '[', '{', 'u', 'l' };  /* null ... */

    for (i = 0; i < sizeof(others); i++) {
        if (memchr(list.data + 1, others[i], list.len - 1) != NULL) {
            return 0;
        }
    }

    return 1;
}


/*
 * Completions answer each of several prompts; a list of numbers is one.  Of
 * texts and numbers mixed each is taken for a prompt, whatever a provider
 * makes of it.
 */

static int
soma_openai_ask_prompts(soma_ask_t *ask, soma_value_pt value, void *data,
    const char **error)
{
    int                rc;
    int64_t            n;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  v, prompt;

    if (ask->api != SOMA_API_COMPLETIONS
        || ask->scan->span[SOMA_ASK_PROMPT].type != SOMA_JSON_ARRAY)
    {
        return SOMA_OK;
    }

    rc = soma_ask_value(ask, SOMA_ASK_PROMPT, value, data, &v);

    if (rc != SOMA_OK || soma_json_first(&it, v.text) != SOMA_OK) {
        return SOMA_ERROR;
    }

    if (soma_openai_numbers(v.text)) {
        return SOMA_OK;
    }

    n = 0;

    while (soma_json_next(&it, &name, &prompt) == SOMA_OK) {

        if (++n > SOMA_ASK_PROMPTS_MAX) {
            *error = "\"prompt\" has more than 65536 texts";
            return SOMA_ERROR;
        }
    }

    if (n > 1) {
        ask->prompts = n;
    }

    return SOMA_OK;
}


/*
 * What is asked beside text.  What works on in the background tells what it
 * cost to nobody who waits for it here: a budget would be told of nothing.
 */

static int
soma_openai_ask_beside(soma_ask_t *ask, soma_arena_t *arena,
    soma_value_pt value, void *data, const char **error)
{
    int                rc;
    soma_json_value_t  v;

    switch (ask->scan->span[SOMA_ASK_BACKGROUND].type) {

    case SOMA_JSON_NONE:
    case SOMA_JSON_NULL:
    case SOMA_JSON_FALSE:
        break;

    case SOMA_JSON_TRUE:
        *error = "\"background\" is not taken here, since what it costs is "
                 "not known when it is answered: leave it out";
        return SOMA_ERROR;

    default:
        *error = "\"background\" must be false or null";
        return SOMA_ERROR;
    }

    ask->unstored = (ask->scan->span[SOMA_ASK_STORE].type == SOMA_JSON_FALSE);

    rc = soma_ask_value(ask, SOMA_ASK_TOOLS, value, data, &v);

    if (rc == SOMA_OK) {
        rc = soma_openai_ask_tools(ask, arena, &v, error);
    }

    if (rc == SOMA_ERROR) {
        return SOMA_ERROR;
    }

    return soma_openai_ask_objects(ask, arena, value, data, error);
}


/*
 * Which of two names counts differs from provider to provider, and from model
 * to model: what is reserved is the most that either of them grants, and the
 * provider is told that by its own name.  A name of another API bounds
 * nothing.  -1 is how local servers say null.  0 is "no bound" to some
 * providers and nothing to others.
 */

static int
soma_openai_ask_tokens(soma_ask_t *ask, unsigned member,
    soma_json_value_t *value, const char **error)
{
    int64_t  n;

    if (soma_json_int(value, &n) != SOMA_OK || n < -1) {
        *error = "\"max_tokens\", \"max_completion_tokens\" and "
                 "\"max_output_tokens\" must be an integer of at least 1, "
                 "or null";
        return SOMA_ERROR;
    }

    if (n == 0) {
        *error = "an answer of 0 tokens is not an answer: \"max_tokens\", "
                 "\"max_completion_tokens\" and \"max_output_tokens\" must "
                 "be at least 1, or null";
        return SOMA_ERROR;
    }

    if (n > SOMA_ASK_TOKENS_MAX) {
        n = SOMA_ASK_TOKENS_MAX;
    }

    if (n > ask->max_tokens && soma_openai_bounded_by(ask->api, member)) {
        ask->max_tokens = n;
    }

    return SOMA_OK;
}


static int
soma_openai_bounded_by(soma_api_e api, unsigned member)
{
    switch (api) {

    case SOMA_API_CHAT:
        return member != SOMA_ASK_MAX_OUTPUT_TOKENS;

    case SOMA_API_COMPLETIONS:
        return member == SOMA_ASK_MAX_TOKENS;

    case SOMA_API_RESPONSES:
        return member == SOMA_ASK_MAX_OUTPUT_TOKENS;

    default:
        return 0;
    }
}


const char *
soma_openai_bounds(soma_api_e api)
{
    switch (api) {

    case SOMA_API_CHAT:
        return "\"max_completion_tokens\" or \"max_tokens\"";

    case SOMA_API_COMPLETIONS:
        return "\"max_tokens\"";

    case SOMA_API_RESPONSES:
        return "\"max_output_tokens\"";

    default:
        return NULL;
    }
}


static int
soma_openai_ask_tier(soma_ask_t *ask, soma_arena_t *arena,
    soma_json_value_t *value, const char **error)
{
    soma_str_t  name;

    if (value->type != SOMA_JSON_STRING
        || soma_json_text(arena, value, &name) != SOMA_OK)
    {
        *error = "\"service_tier\" must be a string or null";
        return SOMA_ERROR;
    }

    ask->tier = soma_ask_tier(name);

    return SOMA_OK;
}


/*
 * Finds stream_options.include_usage: SOMA_OK, SOMA_DECLINED when it is not
 * there.  Two of them would let the gateway and the provider read different
 * ones, so that a client could hide its usage: refused, however spelt.
 */

int
soma_openai_include_usage(soma_json_value_t *options, soma_arena_t *arena,
    soma_json_value_t *include, const char **error)
{
    int                rc;
    soma_str_t         name, text;
    soma_json_iter_t   it;
    soma_json_value_t  v, quoted;

    include->type = SOMA_JSON_NONE;

    if (options->type != SOMA_JSON_OBJECT
        || soma_json_first(&it, options->text) != SOMA_OK)
    {
        *error = "\"stream_options\" must be an object or null";
        return SOMA_ERROR;
    }

    for ( ;; ) {
        rc = soma_json_next(&it, &name, &v);

        if (rc == SOMA_DONE) {
            break;
        }

        if (rc != SOMA_OK) {
            *error = "\"stream_options\" is malformed";
            return SOMA_ERROR;
        }

        text = name;

        if (memchr(name.data, '\\', name.len) != NULL) {
            quoted.type = SOMA_JSON_STRING;
            quoted.text.data = name.data - 1;
            quoted.text.len = name.len + 2;

            if (soma_json_text(arena, &quoted, &text) != SOMA_OK) {
                *error = "\"stream_options\" is malformed";
                return SOMA_ERROR;
            }
        }

        if (!soma_str_is(text, "include_usage")) {
            continue;
        }

        if (include->type != SOMA_JSON_NONE) {
            *error = "\"stream_options\" has \"include_usage\" twice";
            return SOMA_ERROR;
        }

        if (v.type != SOMA_JSON_TRUE && v.type != SOMA_JSON_FALSE
            && v.type != SOMA_JSON_NULL)
        {
            *error = "\"include_usage\" must be true, false or null";
            return SOMA_ERROR;
        }

        *include = v;
    }

    return include->type == SOMA_JSON_NONE ? SOMA_DECLINED : SOMA_OK;
}
