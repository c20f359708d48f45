
/*
 * Copyright (C) The ngx_soma authors
 *
 * Cohere's endpoints, what a client asks there, read off its body, what of it
 * is prompt, and the edits that turn it into the provider's.
 */


#include "soma_cohere.h"


#define SOMA_COHERE_EDIT_MAX  48    /* "max_tokens":N, */

#define SOMA_NAMES(list)  list, sizeof(list) / sizeof(list[0])


static int soma_cohere_ask_stream(soma_ask_t *ask, soma_json_value_t *value,
    const char **error);
static int soma_cohere_ask_bound(soma_ask_t *ask, soma_json_value_t *value,
    const char **error);


/* ranks pass to a provider of this dialect alone */
static const soma_surface_t  soma_cohere_surfaces[] = {
    { soma_string("/chat"), SOMA_POST, SOMA_API_CHAT, SOMA_BODY_JSON,
      SOMA_STREAM_ASKED, 0 },
    { soma_string("/embed"), SOMA_POST, SOMA_API_EMBEDDINGS, SOMA_BODY_JSON,
      SOMA_STREAM_NEVER, 0 },
    { soma_string("/rerank"), SOMA_POST, SOMA_API_RERANK, SOMA_BODY_JSON,
      SOMA_STREAM_NEVER, 0 }
};


/* documents are prompt as well as messages are */
const soma_json_want_t  soma_cohere_want[SOMA_ASK_TOTAL] = {
    [SOMA_ASK_MODEL] = { soma_string("model"), 1 },
    [SOMA_ASK_STREAM] = { soma_string("stream"), 1 },
    [SOMA_ASK_MAX_TOKENS] = { soma_string("max_tokens"), 1 },
    [SOMA_ASK_MESSAGES] = { soma_string("messages"), 1 },
    [SOMA_ASK_INPUT] = { soma_string("documents"), 1 },
    [SOMA_ASK_TOOLS] = { soma_string("tools"), 1 }
};


static const soma_prompt_name_t  soma_cohere_prompt_request[] = {
    { soma_string("messages"),          SOMA_PART_MESSAGES },
    { soma_string("documents"),         SOMA_PART_TEXT },
    { soma_string("texts"),             SOMA_PART_INPUT },
    { soma_string("inputs"),            SOMA_PART_TEXT },
    { soma_string("images"),            SOMA_PART_IMAGES },
    { soma_string("query"),             SOMA_PART_INPUT },
    { soma_string("tools"),             SOMA_PART_TOOLS },
    { soma_string("response_format"),   SOMA_PART_TEXT },
    { soma_string("model"),             SOMA_PART_SKIP },
    { soma_string("thinking"),          SOMA_PART_SKIP },
    { soma_string("citation_options"),  SOMA_PART_SKIP },
    { soma_string("safety_mode"),       SOMA_PART_SKIP },
    { soma_string("stop_sequences"),    SOMA_PART_SKIP }
};


static const soma_prompt_name_t  soma_cohere_prompt_message[] = {
    { soma_string("role"),              SOMA_PART_TEXT },
    { soma_string("content"),           SOMA_PART_CONTENT },
    { soma_string("tool_call_id"),      SOMA_PART_SKIP },
    { soma_string("citations"),         SOMA_PART_SKIP }
};


static const soma_prompt_name_t  soma_cohere_prompt_part[] = {
    { soma_string("type"),              SOMA_PART_SKIP },
    { soma_string("image_url"),         SOMA_PART_IMAGE }
};


static const soma_str_t  soma_cohere_prompt_mark[] = {
    soma_string("image_url\""),
    soma_str_null
};

static const soma_json_marks_t  soma_cohere_prompt_marks = {
    soma_cohere_prompt_mark, soma_str_null, soma_str_null, 0
};


const soma_prompt_names_t  soma_cohere_prompt = {
    SOMA_NAMES(soma_cohere_prompt_request),
    SOMA_NAMES(soma_cohere_prompt_message),
    SOMA_NAMES(soma_cohere_prompt_part),
    &soma_cohere_prompt_marks,
    SOMA_FETCH_NAME
};


int
soma_cohere_surface(soma_url_t *url, soma_arena_t *arena)
{
    size_t      i;
    soma_str_t  below;

    (void) arena;

    below = soma_dialect_below(url->path, "/v2/");

    for (i = 0;
         i < sizeof(soma_cohere_surfaces) / sizeof(soma_cohere_surfaces[0]);
         i++)
    {
        if (soma_str_eq(below, soma_cohere_surfaces[i].path)) {
            url->surface = &soma_cohere_surfaces[i];
            return SOMA_OK;
        }
    }

    return SOMA_DECLINED;
}


/* the model is named in the body */

soma_str_t
soma_cohere_surface_path(soma_arena_t *arena, const soma_ask_t *ask,
    soma_str_t model)
{
    (void) arena;
    (void) model;

    return (ask->url != NULL && ask->url->surface != NULL)
           ? ask->url->surface->path : SOMA_STR("/chat");
}


soma_api_e
soma_cohere_surface_answers(soma_api_e api)
{
    return (api == SOMA_API_EMBEDDINGS) ? SOMA_API_EMBEDDINGS
                                        : SOMA_API_CHAT;
}


const char *
soma_cohere_bounds(soma_api_e api)
{
    return (api == SOMA_API_CHAT) ? "\"max_tokens\"" : NULL;
}


int
soma_cohere_ask(soma_ask_t *ask, soma_arena_t *arena, soma_value_pt value,
    void *data, const char **error)
{
    int                rc;
    size_t             i;
    soma_json_value_t  v;

    static const unsigned  members[] = {
        SOMA_ASK_MODEL, SOMA_ASK_STREAM, SOMA_ASK_MAX_TOKENS
    };

    soma_ask_begin(ask);
    ask->stream = 0;

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
            rc = soma_cohere_ask_stream(ask, &v, error);
            break;

        default:
            rc = soma_cohere_ask_bound(ask, &v, error);
        }

        if (rc != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    *error = NULL;

    return SOMA_OK;
}


static int
soma_cohere_ask_stream(soma_ask_t *ask, soma_json_value_t *value,
    const char **error)
{
    switch (value->type) {

    case SOMA_JSON_NONE:
    case SOMA_JSON_FALSE:
        return SOMA_OK;

    case SOMA_JSON_TRUE:
        ask->stream = (ask->api == SOMA_API_CHAT);
        return SOMA_OK;

    default:
        *error = "\"stream\" must be true or false";
        return SOMA_ERROR;
    }
}


static int
soma_cohere_ask_bound(soma_ask_t *ask, soma_json_value_t *value,
    const char **error)
{
    int64_t  n;

    if (value->type == SOMA_JSON_NONE || ask->api != SOMA_API_CHAT) {
        return SOMA_OK;
    }

    if (value->type != SOMA_JSON_NUMBER
        || soma_json_int(value, &n) != SOMA_OK || n < 0)
    {
        *error = "\"max_tokens\" must be a positive integer";
        return SOMA_ERROR;
    }

    if (n > 0) {
        ask->max_tokens = (n < SOMA_ASK_TOKENS_MAX) ? n
                                                    : SOMA_ASK_TOKENS_MAX;
    }

    return SOMA_OK;
}


int
soma_cohere_splice(soma_ask_t *ask, soma_str_t model, soma_arena_t *arena,
    soma_value_pt value, void *data, soma_json_edits_t *edits)
{
    int64_t     n;
    soma_out_t  out;
    soma_str_t  text;

    if (ask->scan == NULL) {
        return SOMA_OK;
    }

    if (soma_ask_rename(ask, model, arena, edits) != SOMA_OK) {
        return SOMA_ERROR;
    }

    n = (ask->max_tokens > 0) ? ask->max_tokens : ask->bound;

    if (n <= 0 || ask->api != SOMA_API_CHAT) {
        return SOMA_OK;
    }

    if (ask->scan->span[SOMA_ASK_MAX_TOKENS].type != SOMA_JSON_NONE) {
        return soma_ask_number(ask, SOMA_ASK_MAX_TOKENS, n, arena, value,
                               data, edits);
    }

    text.data = arena->alloc(arena->data, SOMA_COHERE_EDIT_MAX);
    if (text.data == NULL) {
        return SOMA_ERROR;
    }

    soma_put_init(&out, text.data, SOMA_COHERE_EDIT_MAX);
    soma_put_cstr(&out, "\"max_tokens\":");
    soma_put_int(&out, n);
    soma_put_char(&out, ',');

    text.len = (size_t) (out.pos - out.start);

    return soma_json_edit(edits, ask->scan->open, ask->scan->open, text);
}
