
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_catch.h"


#define SOMA_CATCH_ROOM  1024           /* first size of the buffer */


static int soma_catch_keep(soma_catch_t *c, const unsigned char *p,
    size_t len);
static void soma_catch_whole(soma_catch_t *c, soma_answer_t *answer,
    unsigned i, soma_str_t text);


void
soma_catch_init(soma_catch_t *c, const soma_dialect_t *dialect,
    soma_arena_t *arena)
{
    soma_json_scan_init(&c->scan, dialect->answer_want, dialect->answer_nwant);

    c->dialect = dialect;
    c->arena = arena;
    c->buf = NULL;
    c->len = 0;
    c->size = 0;
    c->index = 0;
    c->part = 0;
    c->lost = 0;
}


int
soma_catch(soma_catch_t *c, soma_answer_t *answer, const unsigned char *p,
    size_t len)
{
    int                      rc;
    size_t                   off, start;
    unsigned                 i;
    soma_str_t               text;
    const soma_json_span_t  *span;

    off = c->scan.offset;

    rc = soma_json_scan(&c->scan, p, len);

    if (rc == SOMA_ERROR) {
        return SOMA_ERROR;
    }

    for (i = 0; i < c->dialect->answer_nwant; i++) {

        span = &c->scan.span[i];

        if (span->type == SOMA_JSON_NONE) {
            continue;
        }

        if (c->part && c->index == i) {

            /* the value whose beginning came with an earlier piece */

            if (span->end < off) {
                continue;
            }

            if (soma_catch_keep(c, p, span->end - off) != SOMA_OK) {
                return SOMA_ERROR;
            }

            text.data = c->buf;
            text.len = c->len;
            c->part = 0;

            if (!c->lost) {
                soma_catch_whole(c, answer, i, text);
            }

            continue;
        }

        if (span->start >= off) {
            text.data = (unsigned char *) p + (span->start - off);
            text.len = span->end - span->start;
            soma_catch_whole(c, answer, i, text);
        }
    }

    if (soma_json_scan_partial(&c->scan, &i, &start) != SOMA_OK) {
        return rc;
    }

    if (start >= off) {
        c->index = i;
        c->part = 1;
        c->lost = 0;
        c->len = 0;
        p += start - off;
        len -= start - off;
    }

    return soma_catch_keep(c, p, len) == SOMA_OK ? rc : SOMA_ERROR;
}


static int
soma_catch_keep(soma_catch_t *c, const unsigned char *p, size_t len)
{
    size_t          size;
    unsigned char  *buf;

    if (c->lost || c->len + len > SOMA_CATCH_MAX) {
        c->lost = 1;
        return SOMA_OK;
    }

    if (c->len + len > c->size) {
        size = c->size ? c->size : SOMA_CATCH_ROOM;

        while (size < c->len + len) {
            size *= 2;
        }

        buf = c->arena->alloc(c->arena->data, size);
        if (buf == NULL) {
            return SOMA_ERROR;
        }

        if (c->len) {
            memcpy(buf, c->buf, c->len);
        }

        c->buf = buf;
        c->size = size;
    }

    if (len) {
        memcpy(c->buf + c->len, p, len);
        c->len += len;
    }

    return SOMA_OK;
}


static void
soma_catch_whole(soma_catch_t *c, soma_answer_t *answer, unsigned i,
    soma_str_t text)
{
    soma_json_value_t  value;

    if (text.len > SOMA_CATCH_MAX) {
        return;
    }

    value.text = text;
    value.type = c->scan.span[i].type;

    c->dialect->member(answer, i, &value);
}
