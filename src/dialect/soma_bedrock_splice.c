
/*
 * Copyright (C) The ngx_soma authors
 *
 * The edit that turns a client's body into the provider's: as many tokens as
 * were reserved.  The model's name stands in the path.
 */


#include "soma_bedrock.h"


static int soma_bedrock_splice_new(soma_ask_t *ask, int64_t n,
    soma_arena_t *arena, soma_json_edits_t *edits);


int
soma_bedrock_splice(soma_ask_t *ask, soma_str_t model, soma_arena_t *arena,
    soma_value_pt value, void *data, soma_json_edits_t *edits)
{
    int                rc;
    size_t             at;
    int64_t            n, said;
    soma_out_t         out;
    soma_str_t         text;
    soma_json_value_t  bound;

    (void) model;

    n = ask->max_tokens > 0 ? ask->max_tokens : ask->bound;

    if (ask->scan == NULL || n <= 0
        || (ask->api != SOMA_API_CHAT && ask->api != SOMA_API_INVOKE))
    {
        return SOMA_OK;
    }

    rc = soma_bedrock_ask_bound(ask, value, data, &bound, &at);

    if (rc == SOMA_ERROR) {
        return SOMA_ERROR;
    }

    /* what a model of words of its own calls it where nothing is said, nobody
     * knows */

    if (rc == SOMA_DECLINED) {
        return (ask->api == SOMA_API_CHAT)
               ? soma_bedrock_splice_new(ask, n, arena, edits) : SOMA_OK;
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

    return soma_json_edit(edits, at, at + bound.text.len, text);
}


/* into the object that is there, or into one of its own */

static int
soma_bedrock_splice_new(soma_ask_t *ask, int64_t n, soma_arena_t *arena,
    soma_json_edits_t *edits)
{
    size_t             start, end;
    unsigned           inside, absent;
    soma_str_t         text;
    soma_pieces_t      out;
    soma_json_span_t  *span;

    span = &ask->scan->span[SOMA_ASK_MAX_OUTPUT_TOKENS];
    inside = (span->type == SOMA_JSON_OBJECT);
    absent = (span->type == SOMA_JSON_NONE);

    soma_pieces_init(&out, arena);
    soma_pieces_cstr(&out, absent ? "\"inferenceConfig\":{\"maxTokens\":"
                           : inside ? "\"maxTokens\":" : "{\"maxTokens\":");
    soma_pieces_int(&out, n);

    if (!inside) {
        soma_pieces_char(&out, '}');
    }

    /* a comma may not be left behind the last member of an object */

    if ((inside && span->end - span->start > 2)
        || (absent && !ask->scan->empty))
    {
        soma_pieces_char(&out, ',');
    }

    if (soma_pieces_whole(&out, &text) != SOMA_OK) {
        return SOMA_ERROR;
    }

    start = absent ? ask->scan->open : span->start + inside;
    end = (absent || inside) ? start : span->end;

    return soma_json_edit(edits, start, end, text);
}
