
/*
 * Copyright (C) The ngx_soma authors
 *
 * The edits that turn a client's body into the provider's: as many tokens as
 * were reserved; and where a body names its model, as those of embeddings do,
 * the provider's name.
 */


#include "soma_gemini.h"
#include "soma_pieces.h"


static int soma_gemini_splice_bound(soma_ask_t *ask, int64_t n,
    soma_arena_t *arena, soma_value_pt value, void *data,
    soma_json_edits_t *edits);
static int soma_gemini_splice_new(soma_ask_t *ask, soma_json_span_t *span,
    unsigned more, int64_t n, soma_arena_t *arena, soma_json_edits_t *edits);
static int soma_gemini_splice_models(soma_ask_t *ask, soma_str_t model,
    soma_arena_t *arena, soma_value_pt value, void *data,
    soma_json_edits_t *edits);
static void soma_gemini_splice_renamed(soma_pieces_t *out,
    const unsigned char **from, soma_str_t request, soma_str_t model);


int
soma_gemini_splice(soma_ask_t *ask, soma_str_t model, soma_arena_t *arena,
    soma_value_pt value, void *data, soma_json_edits_t *edits)
{
    int64_t     n;
    soma_str_t  named;

    if (ask->scan == NULL) {
        return SOMA_OK;
    }

    /* "models/NAME", whatever the client wrote */

    if (!soma_str_eq(model, ask->model)) {

        named.len = sizeof("models/") - 1 + model.len;
        named.data = arena->alloc(arena->data, named.len);

        if (named.data == NULL) {
            return SOMA_ERROR;
        }

        memcpy(named.data, "models/", sizeof("models/") - 1);
        memcpy(named.data + sizeof("models/") - 1, model.data, model.len);

        if (soma_ask_rename(ask, named, arena, edits) != SOMA_OK
            || soma_gemini_splice_models(ask, named, arena, value, data,
                                         edits)
               != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    n = ask->max_tokens > 0 ? ask->max_tokens : ask->bound;

    if (n <= 0 || ask->api != SOMA_API_CHAT) {
        return SOMA_OK;
    }

    return soma_gemini_splice_bound(ask, n, arena, value, data, edits);
}


static int
soma_gemini_splice_bound(soma_ask_t *ask, int64_t n, soma_arena_t *arena,
    soma_value_pt value, void *data, soma_json_edits_t *edits)
{
    size_t             start;
    int64_t            said;
    unsigned           more;
    soma_out_t         out;
    soma_str_t         text, name;
    soma_json_iter_t   it;
    soma_json_span_t  *span;
    soma_json_value_t  config, bound;

    span = &ask->scan->span[SOMA_ASK_MAX_OUTPUT_TOKENS];

    if (span->type == SOMA_JSON_NONE) {
        span = &ask->scan->span[SOMA_ASK_MAX_TOKENS];
    }

    if (span->type != SOMA_JSON_OBJECT) {
        more = (span->type == SOMA_JSON_NONE && !ask->scan->empty);
        return soma_gemini_splice_new(ask, span, more, n, arena, edits);
    }

    if (soma_gemini_ask_config(ask, value, data, &config) != SOMA_OK) {
        return SOMA_ERROR;
    }

    if (soma_gemini_get(config.text, "maxOutputTokens", &bound) != SOMA_OK) {
        more = soma_json_first(&it, config.text) == SOMA_OK
               && soma_json_next(&it, &name, &bound) == SOMA_OK;

        return soma_gemini_splice_new(ask, span, more, n, arena, edits);
    }

    if (bound.type == SOMA_JSON_NUMBER
        && soma_json_int(&bound, &said) == SOMA_OK && said == n)
    {
        return SOMA_OK;
    }

    text.data = arena->alloc(arena->data, SOMA_INT_LEN);
    if (text.data == NULL) {
        return SOMA_ERROR;
    }

    soma_put_init(&out, text.data, SOMA_INT_LEN);
    soma_put_int(&out, n);
    text.len = (size_t) (out.pos - out.start);

    start = span->start + (size_t) (bound.text.data - config.text.data);

    return soma_json_edit(edits, start, start + bound.text.len, text);
}


/* where nothing is said of it: into the object that is there, or into one of
 * its own; "more": there are members behind it */

static int
soma_gemini_splice_new(soma_ask_t *ask, soma_json_span_t *span,
    unsigned more, int64_t n, soma_arena_t *arena, soma_json_edits_t *edits)
{
    size_t         start;
    unsigned       inside;
    soma_str_t     text;
    soma_pieces_t  out;

    inside = (span->type == SOMA_JSON_OBJECT);

    soma_pieces_init(&out, arena);

    if (span->type == SOMA_JSON_NONE) {
        soma_pieces_cstr(&out, "\"generationConfig\":");
    }

    soma_pieces_cstr(&out, inside ? "\"maxOutputTokens\":"
                                  : "{\"maxOutputTokens\":");
    soma_pieces_int(&out, n);

    if (!inside) {
        soma_pieces_char(&out, '}');
    }

    if (more) {
        soma_pieces_char(&out, ',');
    }

    if (soma_pieces_whole(&out, &text) != SOMA_OK) {
        return SOMA_ERROR;
    }

    if (span->type == SOMA_JSON_NONE) {
        start = ask->scan->open;
        return soma_json_edit(edits, start, start, text);
    }

    if (inside) {
        return soma_json_edit(edits, span->start + 1, span->start + 1, text);
    }

    return soma_json_edit(edits, span->start, span->end, text);
}


/* each of the requests of a batch has its model's name: they are one edit */

static int
soma_gemini_splice_models(soma_ask_t *ask, soma_str_t model,
    soma_arena_t *arena, soma_value_pt value, void *data,
    soma_json_edits_t *edits)
{
    int                   rc;
    soma_str_t            name, text;
    soma_pieces_t         out;
    soma_json_iter_t      it;
    soma_json_span_t     *span;
    soma_json_value_t     requests, request;
    const unsigned char  *from;

    span = &ask->scan->span[SOMA_ASK_INPUT];

    rc = soma_ask_value(ask, SOMA_ASK_INPUT, value, data, &requests);

    if (rc != SOMA_OK) {
        return (rc == SOMA_DECLINED) ? SOMA_OK : SOMA_ERROR;
    }

    if (requests.type != SOMA_JSON_ARRAY
        || soma_json_first(&it, requests.text) != SOMA_OK)
    {
        return SOMA_OK;
    }

    soma_pieces_init(&out, arena);
    from = requests.text.data;

    while (soma_json_next(&it, &name, &request) == SOMA_OK) {
        soma_gemini_splice_renamed(&out, &from, request.text, model);
    }

    if (from == requests.text.data) {
        return SOMA_OK;
    }

    soma_pieces_put(&out, from, (size_t) (requests.text.data
                                          + requests.text.len - from));

    if (soma_pieces_whole(&out, &text) != SOMA_OK) {
        return SOMA_ERROR;
    }

    return soma_json_edit(edits, span->start, span->end, text);
}


static void
soma_gemini_splice_renamed(soma_pieces_t *out, const unsigned char **from,
    soma_str_t request, soma_str_t model)
{
    soma_json_value_t  v;

    if (soma_json_get(request, "model", &v) != SOMA_OK
        || v.type != SOMA_JSON_STRING)
    {
        return;
    }

    soma_pieces_put(out, *from, (size_t) (v.text.data - *from));
    soma_pieces_quote(out, model);

    *from = v.text.data + v.text.len;
}
