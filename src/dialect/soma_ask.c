
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a request says, and the edits that change it, in words that dialects
 * have in common.
 */


#include "soma_ask.h"


#define SOMA_JSON_ESCAPED_MAX  6        /* bytes of one, \u0000 */
#define SOMA_ASK_DIGITS_MAX    24


void
soma_ask_begin(soma_ask_t *ask)
{
    ask->max_tokens = -1;
    ask->n = 1;
    ask->prompts = 1;
    ask->usage_asked = 1;
    ask->nhosted = 0;
    ask->nids = 0;
    ask->ids = NULL;
    ask->before = 0;
    ask->window = 0;
    ask->unstored = 0;
    ask->tier = SOMA_TIER_DEFAULT;
    memset(&ask->work, 0, sizeof(soma_work_t));
}


/*
 * The value of a member: SOMA_DECLINED when it is absent or null, which
 * mean the same for every optional member.
 */

int
soma_ask_value(soma_ask_t *ask, unsigned member, soma_value_pt value,
    void *data, soma_json_value_t *v)
{
    soma_json_span_t  *span;

    span = &ask->scan->span[member];

    if (span->type == SOMA_JSON_NONE || span->type == SOMA_JSON_NULL) {
        return SOMA_DECLINED;
    }

    v->type = span->type;

    return value(data, span, &v->text);
}


int
soma_ask_model(soma_ask_t *ask, soma_arena_t *arena, soma_json_value_t *value,
    const char **error)
{
    if (value->type != SOMA_JSON_STRING) {
        *error = "\"model\" must be a string";
        return SOMA_ERROR;
    }

    if (soma_json_text(arena, value, &ask->model) != SOMA_OK) {
        *error = "\"model\" could not be read";
        return SOMA_ERROR;
    }

    if (ask->model.len == 0) {
        *error = "you must provide a \"model\" parameter";
        return SOMA_ERROR;
    }

    if (ask->model.len > SOMA_ASK_MODEL_MAX) {
        *error = "\"model\" is longer than 512 bytes";
        return SOMA_ERROR;
    }

    return SOMA_OK;
}


soma_tier_e
soma_ask_tier(soma_str_t name)
{
    if (soma_str_case_is(name, "flex")) {
        return SOMA_TIER_FLEX;
    }

    if (soma_str_case_is(name, "priority")) {
        return SOMA_TIER_PRIORITY;
    }

    if (soma_str_case_is(name, "batch")) {
        return SOMA_TIER_BATCH;
    }

    return SOMA_TIER_DEFAULT;
}


int
soma_ask_name(soma_arena_t *arena, soma_str_t name, soma_str_t *text)
{
    soma_json_value_t  quoted;

    *text = name;

    if (name.len == 0 || memchr(name.data, '\\', name.len) == NULL) {
        return SOMA_OK;
    }

    quoted.type = SOMA_JSON_STRING;
    quoted.text.data = name.data - 1;
    quoted.text.len = name.len + 2;

    return soma_json_text(arena, &quoted, text);
}


int
soma_ask_hosted(soma_ask_t *ask, soma_str_t type, const char **error)
{
    unsigned  i;

    for (i = 0; i < ask->nhosted; i++) {
        if (soma_str_eq(ask->hosted[i], type)) {
            return SOMA_OK;
        }
    }

    if (ask->nhosted == SOMA_ASK_HOSTED_MAX) {
        *error = "\"tools\" has more than 8 kinds beside functions";
        return SOMA_ERROR;
    }

    ask->hosted[ask->nhosted++] = type;

    return SOMA_OK;
}


int
soma_ask_rename(soma_ask_t *ask, soma_str_t model, soma_arena_t *arena,
    soma_json_edits_t *edits)
{
    size_t             size;
    soma_out_t         out;
    soma_str_t         text;
    soma_json_span_t  *span;

    span = &ask->scan->span[SOMA_ASK_MODEL];

    if (span->type == SOMA_JSON_NONE || soma_str_eq(model, ask->model)) {
        return SOMA_OK;
    }

    size = model.len * SOMA_JSON_ESCAPED_MAX + 2;

    text.data = arena->alloc(arena->data, size);
    if (text.data == NULL) {
        return SOMA_ERROR;
    }

    soma_put_init(&out, text.data, size);
    soma_put_json_str(&out, model);

    if (out.full) {
        return SOMA_ERROR;
    }

    text.len = (size_t) (out.pos - out.start);

    return soma_json_edit(edits, span->start, span->end, text);
}


int
soma_ask_number(soma_ask_t *ask, unsigned member, int64_t n,
    soma_arena_t *arena, soma_value_pt value, void *data,
    soma_json_edits_t *edits)
{
    int64_t            said;
    soma_out_t         out;
    soma_str_t         text;
    soma_json_span_t  *span;
    soma_json_value_t  v;

    span = &ask->scan->span[member];
    v.type = span->type;

    if (span->type == SOMA_JSON_NUMBER
        && value(data, span, &v.text) == SOMA_OK
        && soma_json_int(&v, &said) == SOMA_OK && said == n)
    {
        return SOMA_OK;
    }

    text.data = arena->alloc(arena->data, SOMA_ASK_DIGITS_MAX);
    if (text.data == NULL) {
        return SOMA_ERROR;
    }

    soma_put_init(&out, text.data, SOMA_ASK_DIGITS_MAX);
    soma_put_int(&out, n);

    text.len = (size_t) (out.pos - out.start);

    return soma_json_edit(edits, span->start, span->end, text);
}
