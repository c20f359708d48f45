
/*
 * Copyright (C) The ngx_soma authors
 *
 * A request's way through a dialect, for tests: scan, ask, encode, and the
 * body with its edits made.
 */


#ifndef SOMA_ASK_TEST_H
#define SOMA_ASK_TEST_H


#include "soma_arena_malloc.h"
#include "soma_dialect.h"


typedef struct {
    soma_json_scan_t   scan;
    soma_ask_t         ask;
    soma_json_edits_t  edits;
    soma_str_t         body;
    const char        *error;
} soma_test_ask_t;


static inline int
soma_test_value(void *data, soma_json_span_t *span, soma_str_t *s)
{
    soma_str_t  *body = data;

    s->data = body->data + span->start;
    s->len = span->end - span->start;

    return SOMA_OK;
}


static inline int
soma_test_ask(soma_test_ask_t *t, const soma_dialect_t *dialect,
    soma_api_e api, soma_str_t body, soma_arena_t *arena)
{
    int  rc;

    memset(t, 0, sizeof(soma_test_ask_t));

    t->body = body;
    t->ask.api = api;
    t->ask.scan = &t->scan;
    t->ask.body_len = body.len;

    soma_json_scan_init(&t->scan, dialect->want, SOMA_ASK_TOTAL);
    soma_json_scan_watch(&t->scan, dialect->prompt->marks);
    t->scan.other = soma_policy_find;

    rc = soma_json_scan(&t->scan, body.data, body.len);

    if (rc != SOMA_ERROR) {
        rc = soma_json_scan_end(&t->scan);
    }

    if (rc != SOMA_OK) {
        t->error = t->scan.error;
        return SOMA_ERROR;
    }

    return dialect->ask(&t->ask, arena, soma_test_value, &t->body, &t->error);
}


/* the body as the provider gets it; data NULL when encode() fails */
static inline soma_str_t
soma_test_encode(soma_test_ask_t *t, const soma_dialect_t *dialect,
    soma_str_t model, soma_arena_t *arena)
{
    size_t       pos;
    unsigned     i;
    soma_out_t   out;
    soma_str_t   s = soma_str_null;

    memset(&t->edits, 0, sizeof(t->edits));

    if (dialect->splice(&t->ask, model, arena, soma_test_value, &t->body,
                        &t->edits)
        != SOMA_OK)
    {
        return s;
    }

    s.len = soma_json_edited_len(&t->edits, t->body.len);
    s.data = arena->alloc(arena->data, s.len);
    if (s.data == NULL) {
        return s;
    }

    soma_put_init(&out, s.data, s.len);

    for (i = 0, pos = 0; i < t->edits.n; i++) {
        soma_put(&out, t->body.data + pos, t->edits.edit[i].start - pos);
        soma_put_str(&out, t->edits.edit[i].text);
        pos = t->edits.edit[i].end;
    }

    soma_put(&out, t->body.data + pos, t->body.len - pos);

    if (out.full || out.pos != out.end) {
        s.data = NULL;
    }

    return s;
}


#endif /* SOMA_ASK_TEST_H */
