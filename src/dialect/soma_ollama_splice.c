
/*
 * Copyright (C) The ngx_soma authors
 *
 * The edits that turn a client's body into the provider's: the model's name,
 * and as many tokens as were reserved.
 */


#include "soma_ollama.h"


#define SOMA_OLLAMA_EDIT_MAX  64    /* {"num_predict":N}, with its name */


static int soma_ollama_splice_bound(soma_ask_t *ask, soma_arena_t *arena,
    soma_value_pt value, void *data, int64_t n, soma_json_edits_t *edits);
static int soma_ollama_splice_text(soma_arena_t *arena, const char *before,
    int64_t n, const char *after, soma_str_t *text);


int
soma_ollama_splice(soma_ask_t *ask, soma_str_t model, soma_arena_t *arena,
    soma_value_pt value, void *data, soma_json_edits_t *edits)
{
    int64_t  n;

    if (ask->scan == NULL) {
        return SOMA_OK;
    }

    if (soma_ask_rename(ask, model, arena, edits) != SOMA_OK) {
        return SOMA_ERROR;
    }

    n = ask->max_tokens > 0 ? ask->max_tokens : ask->bound;

    if (n <= 0 || soma_ollama_bounds(ask->api) == NULL) {
        return SOMA_OK;
    }

    return soma_ollama_splice_bound(ask, arena, value, data, n, edits);
}


static int
soma_ollama_splice_bound(soma_ask_t *ask, soma_arena_t *arena,
    soma_value_pt value, void *data, int64_t n, soma_json_edits_t *edits)
{
    int                rc;
    size_t             start;
    int64_t            said;
    soma_str_t         name, text;
    soma_json_span_t  *span;
    soma_json_iter_t   it;
    soma_json_value_t  options, v;

    span = &ask->scan->span[SOMA_ASK_MAX_TOKENS];
    rc = soma_ask_value(ask, SOMA_ASK_MAX_TOKENS, value, data, &options);

    if (rc == SOMA_DECLINED) {

        if (span->type == SOMA_JSON_NULL) {
            rc = soma_ollama_splice_text(arena, "{\"num_predict\":", n, "}",
                                         &text);

            return (rc == SOMA_OK) ? soma_json_edit(edits, span->start,
                                                    span->end, text) : rc;
        }

        start = ask->scan->open;
        rc = soma_ollama_splice_text(arena, "\"options\":{\"num_predict\":",
                                     n, "},", &text);

        return (rc == SOMA_OK) ? soma_json_edit(edits, start, start, text)
                               : rc;
    }

    if (rc != SOMA_OK) {
        return SOMA_ERROR;
    }

    rc = soma_ollama_ask_bound(options.text, arena, &v);

    if (rc == SOMA_ERROR) {
        return SOMA_ERROR;
    }

    /* the last one counts, whatever it says */

    if (v.type != SOMA_JSON_NONE) {

        if (soma_json_int(&v, &said) == SOMA_OK && said == n) {
            return SOMA_OK;
        }

        start = span->start + (size_t) (v.text.data - options.text.data);
        rc = soma_ollama_splice_text(arena, "", n, "", &text);

        return (rc == SOMA_OK) ? soma_json_edit(edits, start,
                                                start + v.text.len, text)
                               : rc;
    }

    start = span->start + 1;
    rc = soma_json_first(&it, options.text);

    if (rc == SOMA_OK) {
        rc = soma_json_next(&it, &name, &v);
    }

    if (soma_ollama_splice_text(arena, "\"num_predict\":", n,
                                rc == SOMA_DONE ? "" : ",", &text)
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    return soma_json_edit(edits, start, start, text);
}


static int
soma_ollama_splice_text(soma_arena_t *arena, const char *before, int64_t n,
    const char *after, soma_str_t *text)
{
    soma_out_t  out;

    text->data = arena->alloc(arena->data, SOMA_OLLAMA_EDIT_MAX);
    if (text->data == NULL) {
        return SOMA_ERROR;
    }

    soma_put_init(&out, text->data, SOMA_OLLAMA_EDIT_MAX);
    soma_put_cstr(&out, before);
    soma_put_int(&out, n);
    soma_put_cstr(&out, after);

    text->len = (size_t) (out.pos - out.start);

    return SOMA_OK;
}
