
/*
 * Copyright (C) The ngx_soma authors
 *
 * The edits that turn a client's body into the provider's.
 */


#include "soma_openai.h"


#define SOMA_ASK_BOUND_MAX     32       /* of "":, and a number */
#define SOMA_JSON_ESCAPED_MAX  6        /* bytes of one, \u0000 */


static int soma_openai_encode_bound(soma_ask_t *ask, soma_str_t model,
    soma_arena_t *arena, soma_json_edits_t *edits);
static unsigned soma_openai_bound_member(soma_ask_t *ask, soma_str_t model);
static int soma_openai_newer(soma_str_t model);
static int soma_openai_encode_usage(soma_ask_t *ask, soma_arena_t *arena,
    soma_value_pt value, void *data, soma_json_edits_t *edits);


int
soma_openai_encode(soma_ask_t *ask, soma_str_t model, soma_arena_t *arena,
    soma_value_pt value, void *data, soma_json_edits_t *edits)
{
    size_t             size;
    soma_out_t         out;
    soma_str_t         text;
    soma_json_span_t  *span;

    if (ask->scan == NULL) {
        return SOMA_OK;
    }

    span = &ask->scan->span[SOMA_ASK_MODEL];

    if (span->type != SOMA_JSON_NONE && !soma_str_eq(model, ask->model)) {

        size = model.len * SOMA_JSON_ESCAPED_MAX + 2;

        text.data = arena->alloc(arena->data, size);
        if (text.data == NULL) {
            return SOMA_ERROR;
        }

        soma_out_init(&out, text.data, size);
        soma_put_json_str(&out, model);

        if (out.full) {
            return SOMA_ERROR;
        }

        text.len = out.pos - out.start;

        if (soma_json_edit(edits, span->start, span->end, text) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    if (ask->bound > 0
        && soma_openai_encode_bound(ask, model, arena, edits) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if ((ask->api != SOMA_API_CHAT && ask->api != SOMA_API_COMPLETIONS)
        || !ask->stream || ask->usage_asked)
    {
        return SOMA_OK;
    }

    return soma_openai_encode_usage(ask, arena, value, data, edits);
}


/* a null in the place of the bound is replaced: twice it must not stand */

static int
soma_openai_encode_bound(soma_ask_t *ask, soma_str_t model,
    soma_arena_t *arena, soma_json_edits_t *edits)
{
    size_t             size, start, end;
    unsigned           member;
    soma_out_t         out;
    soma_str_t         name, text;
    soma_json_span_t  *span;

    if (soma_openai_bounds(ask->api) == NULL) {
        return SOMA_OK;
    }

    member = soma_openai_bound_member(ask, model);
    name = soma_openai_want[member].name;
    span = &ask->scan->span[member];

    size = name.len + SOMA_ASK_BOUND_MAX;

    text.data = arena->alloc(arena->data, size);
    if (text.data == NULL) {
        return SOMA_ERROR;
    }

    soma_out_init(&out, text.data, size);

    if (span->type == SOMA_JSON_NONE) {
        start = ask->scan->open;
        end = start;

        soma_put_char(&out, '"');
        soma_put_str(&out, name);
        soma_put_cstr(&out, "\":");
        soma_put_int(&out, ask->bound);
        soma_put_char(&out, ',');

    } else {
        start = span->start;
        end = span->end;

        soma_put_int(&out, ask->bound);
    }

    if (out.full) {
        return SOMA_ERROR;
    }

    text.len = out.pos - out.start;

    return soma_json_edit(edits, start, end, text);
}


static unsigned
soma_openai_bound_member(soma_ask_t *ask, soma_str_t model)
{
    if (ask->api == SOMA_API_RESPONSES) {
        return SOMA_ASK_MAX_OUTPUT_TOKENS;
    }

    if (ask->api == SOMA_API_CHAT
        && (ask->newer_bound || soma_openai_newer(model)))
    {
        return SOMA_ASK_MAX_COMPLETION_TOKENS;
    }

    return SOMA_ASK_MAX_TOKENS;
}


/* models that refuse "max_tokens", whoever serves them: o1, o3-mini, gpt-5,
 * openai/gpt-5.2 ... */

static int
soma_openai_newer(soma_str_t model)
{
    size_t                i, len;
    const unsigned char  *p;

    p = model.data;
    len = model.len;

    for (i = len; i > 0; i--) {
        if (model.data[i - 1] == '/') {
            p = model.data + i;
            len = model.len - i;
            break;
        }
    }

    if (len >= 2 && p[0] == 'o' && p[1] >= '1' && p[1] <= '9') {
        return len == 2 || p[2] == '-';
    }

    return len >= 5 && memcmp(p, "gpt-", 4) == 0 && p[4] >= '5'
           && p[4] <= '9';
}


static int
soma_openai_encode_usage(soma_ask_t *ask, soma_arena_t *arena,
    soma_value_pt value, void *data, soma_json_edits_t *edits)
{
    int                rc;
    size_t             start;
    const char        *error;
    soma_str_t         name;
    soma_json_span_t  *span;
    soma_json_iter_t   it;
    soma_json_value_t  options, include;

    span = &ask->scan->span[SOMA_ASK_STREAM_OPTIONS];

    if (span->type == SOMA_JSON_NONE) {
        start = ask->scan->open;
        return soma_json_edit(edits, start, start,
                   SOMA_STR("\"stream_options\":{\"include_usage\":true},"));
    }

    if (span->type == SOMA_JSON_NULL) {
        return soma_json_edit(edits, span->start, span->end,
                              SOMA_STR("{\"include_usage\":true}"));
    }

    rc = soma_openai_value(ask, SOMA_ASK_STREAM_OPTIONS, value, data,
                           &options);
    if (rc != SOMA_OK) {
        return SOMA_ERROR;
    }

    rc = soma_openai_include_usage(&options, arena, &include, &error);

    if (rc == SOMA_OK) {
        start = span->start + (include.text.data - options.text.data);
        return soma_json_edit(edits, start, start + include.text.len,
                              SOMA_STR("true"));
    }

    if (rc != SOMA_DECLINED) {
        return SOMA_ERROR;
    }

    start = span->start + 1;

    if (soma_json_first(&it, options.text) == SOMA_OK
        && soma_json_next(&it, &name, &include) == SOMA_DONE)
    {
        return soma_json_edit(edits, start, start,
                              SOMA_STR("\"include_usage\":true"));
    }

    return soma_json_edit(edits, start, start,
                          SOMA_STR("\"include_usage\":true,"));
}
