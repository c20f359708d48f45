
/*
 * Copyright (C) The ngx_soma authors
 *
 * The edits that turn a client's body into the provider's.
 */


#include "soma_openai.h"


static int soma_openai_encode_model(soma_ask_t *ask, soma_str_t model,
    soma_arena_t *arena, soma_json_edits_t *edits);
static int soma_openai_encode_usage(soma_ask_t *ask, soma_arena_t *arena,
    soma_value_pt value, void *data, soma_json_edits_t *edits);


int
soma_openai_encode(soma_ask_t *ask, soma_str_t model, soma_arena_t *arena,
    soma_value_pt value, void *data, soma_json_edits_t *edits)
{
    if (ask->scan == NULL) {
        return SOMA_OK;
    }

    if (soma_openai_encode_model(ask, model, arena, edits) != SOMA_OK) {
        return SOMA_ERROR;
    }

    if (soma_openai_encode_bound(ask, model, arena, value, data, edits)
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if ((ask->api != SOMA_API_CHAT && ask->api != SOMA_API_COMPLETIONS)
        || !ask->stream || ask->usage_asked || ask->usage_left)
    {
        return SOMA_OK;
    }

    return soma_openai_encode_usage(ask, arena, value, data, edits);
}


/* of a client whose URL names it the body says another one, or none */

static int
soma_openai_encode_model(soma_ask_t *ask, soma_str_t model,
    soma_arena_t *arena, soma_json_edits_t *edits)
{
    soma_str_t         text;
    soma_pieces_t      out;
    soma_json_span_t  *span;

    if (ask->url == NULL || ask->url->model.len == 0) {
        return soma_ask_rename(ask, model, arena, edits);
    }

    span = &ask->scan->span[SOMA_ASK_MODEL];
    soma_pieces_init(&out, arena);

    if (span->type != SOMA_JSON_NONE) {
        soma_pieces_quote(&out, model);

        return (soma_pieces_whole(&out, &text) == SOMA_OK)
               ? soma_json_edit(edits, span->start, span->end, text)
               : SOMA_ERROR;
    }

    /* there is something to come before */

    if (ask->scan->span[SOMA_ASK_MESSAGES].type == SOMA_JSON_NONE
        && ask->scan->span[SOMA_ASK_INPUT].type == SOMA_JSON_NONE
        && ask->scan->span[SOMA_ASK_PROMPT].type == SOMA_JSON_NONE)
    {
        return SOMA_OK;
    }

    soma_pieces_cstr(&out, "\"model\":");
    soma_pieces_quote(&out, model);
    soma_pieces_char(&out, ',');

    return (soma_pieces_whole(&out, &text) == SOMA_OK)
           ? soma_json_edit(edits, ask->scan->open, ask->scan->open, text)
           : SOMA_ERROR;
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

    rc = soma_ask_value(ask, SOMA_ASK_STREAM_OPTIONS, value, data,
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
