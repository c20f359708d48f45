
/*
 * Copyright (C) The ngx_soma authors
 *
 * The provider is told how long an answer may be under the one name that it
 * reads, with the number that was reserved, whatever names the client said
 * it by: a name that the provider does not know bounds nothing.
 */


#include "soma_openai.h"


#define SOMA_BOUND_MAX     32   /* of "":, and a number */
#define SOMA_BOUND_NAMES   3
#define SOMA_BOUND_WINDOW  64   /* bytes of white space looked at at a time */


typedef struct {
    soma_ask_t         *ask;
    soma_arena_t       *arena;
    soma_value_pt       value;
    void               *data;
    soma_json_edits_t  *edits;
} soma_bound_t;


static unsigned soma_openai_bound_member(soma_ask_t *ask, soma_str_t model);
static unsigned soma_openai_bound_others(soma_bound_t *b, unsigned own,
    soma_json_span_t **other);
static int soma_openai_bound_put(soma_bound_t *b, soma_str_t name, int64_t n,
    const char *end, size_t from, size_t to);
static int soma_openai_bound_remove(soma_bound_t *b, soma_json_span_t *span);
static int soma_openai_bound_back(soma_bound_t *b, size_t from, size_t *at,
    unsigned char *c);
static int soma_openai_bound_on(soma_bound_t *b, size_t from, size_t *at,
    unsigned char *c);


static const unsigned  soma_openai_bound_names[SOMA_BOUND_NAMES] = {
    SOMA_ASK_MAX_TOKENS,
    SOMA_ASK_MAX_COMPLETION_TOKENS,
    SOMA_ASK_MAX_OUTPUT_TOKENS
};


int
soma_openai_encode_bound(soma_ask_t *ask, soma_str_t model,
    soma_arena_t *arena, soma_value_pt value, void *data,
    soma_json_edits_t *edits)
{
    int                rc;
    int64_t            n;
    unsigned           i, own, others;
    soma_str_t         name;
    soma_bound_t       b = { ask, arena, value, data, edits };
    soma_json_span_t  *span, *other[SOMA_BOUND_NAMES];

    n = ask->max_tokens > 0 ? ask->max_tokens : ask->bound;

    if (n <= 0 || soma_openai_bounds(ask->api) == NULL) {
        return SOMA_OK;
    }

    own = soma_openai_bound_member(ask, model);
    span = &ask->scan->span[own];
    name = soma_openai_want[own].name;
    others = soma_openai_bound_others(&b, own, other);

    i = 0;

    if (span->type != SOMA_JSON_NONE) {
        rc = soma_ask_number(ask, own, n, arena, value, data, edits);

    } else if (others > 0) {

        /* what the client called it takes the provider's name in its place */

        rc = soma_openai_bound_put(&b, name, n, "", other[0]->name,
                                   other[0]->end);
        i = 1;

    } else {
        rc = soma_openai_bound_put(&b, name, n, ",", ask->scan->open,
                                   ask->scan->open);
    }

    for ( /* void */ ; rc == SOMA_OK && i < others; i++) {
        rc = soma_openai_bound_remove(&b, other[i]);
    }

    return rc;
}


static unsigned
soma_openai_bound_member(soma_ask_t *ask, soma_str_t model)
{
    if (ask->api == SOMA_API_RESPONSES) {
        return SOMA_ASK_MAX_OUTPUT_TOKENS;
    }

    if (ask->api == SOMA_API_CHAT
        && (ask->newer_bound || soma_openai_bound_newer(model)))
    {
        return SOMA_ASK_MAX_COMPLETION_TOKENS;
    }

    return SOMA_ASK_MAX_TOKENS;
}


/* models that refuse "max_tokens", whoever serves them: o1, o3-mini, gpt-5,
 * openai/gpt-5.2 ... */

int
soma_openai_bound_newer(soma_str_t model)
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


/* bounds by other names than the provider's, as they stand in the body; null
 * bounds nothing and may stay */

static unsigned
soma_openai_bound_others(soma_bound_t *b, unsigned own,
    soma_json_span_t **other)
{
    unsigned           i, k, n;
    soma_json_span_t  *span;

    n = 0;

    for (i = 0; i < SOMA_BOUND_NAMES; i++) {
        span = &b->ask->scan->span[soma_openai_bound_names[i]];

        if (soma_openai_bound_names[i] == own
            || span->type == SOMA_JSON_NONE || span->type == SOMA_JSON_NULL)
        {
            continue;
        }

        for (k = n++; k > 0 && other[k - 1]->start > span->start; k--) {
            other[k] = other[k - 1];
        }

        other[k] = span;
    }

    return n;
}


/* the whole member and "end", instead of the bytes of [from, to) */

static int
soma_openai_bound_put(soma_bound_t *b, soma_str_t name, int64_t n,
    const char *end, size_t from, size_t to)
{
    size_t      size;
    soma_out_t  out;
    soma_str_t  text;

    size = name.len + SOMA_BOUND_MAX;

    text.data = b->arena->alloc(b->arena->data, size);
    if (text.data == NULL) {
        return SOMA_ERROR;
    }

    soma_put_init(&out, text.data, size);

    soma_put_char(&out, '"');
    soma_put_str(&out, name);
    soma_put_cstr(&out, "\":");
    soma_put_int(&out, n);
    soma_put_cstr(&out, end);

    if (out.full) {
        return SOMA_ERROR;
    }

    text.len = (size_t) (out.pos - out.start);

    return soma_json_edit(b->edits, from, to, text);
}


/*
 * A member goes with the comma before it.  The first one, or one whose comma
 * has gone already, goes with the comma behind it: members are removed from
 * the first to the last.
 */

static int
soma_openai_bound_remove(soma_bound_t *b, soma_json_span_t *span)
{
    size_t         at;
    unsigned       i;
    unsigned char  c;

    if (soma_openai_bound_back(b, span->name, &at, &c) != SOMA_OK) {
        return SOMA_ERROR;
    }

    for (i = 0; i < b->edits->n; i++) {
        if (b->edits->edit[i].start <= at && at < b->edits->edit[i].end) {
            c = '{';
        }
    }

    if (c == ',') {
        return soma_json_edit(b->edits, at, span->end, SOMA_STR(""));
    }

    if (soma_openai_bound_on(b, span->end, &at, &c) != SOMA_OK) {
        return SOMA_ERROR;
    }

    return soma_json_edit(b->edits, span->name, c == ',' ? at + 1 : span->end,
                          SOMA_STR(""));
}


static int
soma_openai_bound_space(int c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}


/* the nearest byte before "from" that is no white space: there is one, the
 * object's bracket */

static int
soma_openai_bound_back(soma_bound_t *b, size_t from, size_t *at,
    unsigned char *c)
{
    size_t            i;
    soma_str_t        text;
    soma_json_span_t  span;

    memset(&span, 0, sizeof(soma_json_span_t));

    while (from > 0) {
        span.end = (uint32_t) from;
        span.start = span.end > SOMA_BOUND_WINDOW
                     ? span.end - SOMA_BOUND_WINDOW : 0;

        if (b->value(b->data, &span, &text) != SOMA_OK) {
            return SOMA_ERROR;
        }

        for (i = text.len; i > 0; i--) {
            if (!soma_openai_bound_space(text.data[i - 1])) {
                *at = span.start + i - 1;
                *c = text.data[i - 1];
                return SOMA_OK;
            }
        }

        from = span.start;
    }

    return SOMA_ERROR;
}


/* the same behind "from" */

static int
soma_openai_bound_on(soma_bound_t *b, size_t from, size_t *at,
    unsigned char *c)
{
    size_t            i;
    soma_str_t        text;
    soma_json_span_t  span;

    memset(&span, 0, sizeof(soma_json_span_t));

    while (from <= b->ask->scan->close) {
        span.start = (uint32_t) from;
        span.end = (uint32_t) (b->ask->scan->close + 1);

        if (span.end - span.start > SOMA_BOUND_WINDOW) {
            span.end = span.start + SOMA_BOUND_WINDOW;
        }

        if (b->value(b->data, &span, &text) != SOMA_OK) {
            return SOMA_ERROR;
        }

        for (i = 0; i < text.len; i++) {
            if (!soma_openai_bound_space(text.data[i])) {
                *at = span.start + i;
                *c = text.data[i];
                return SOMA_OK;
            }
        }

        from = span.end;
    }

    return SOMA_ERROR;
}
