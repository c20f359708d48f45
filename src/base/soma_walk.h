
/*
 * Copyright (C) The ngx_soma authors
 *
 * One pass over a text that lies whole, into objects and arrays and out of
 * them again.  The iterator of soma_json.h finds the end of a value before one
 * may look inside, so that each level of nesting costs another pass.
 *
 * Lenient: brackets are counted, not paired, and control characters may
 * stand in strings.  What is read here is only counted, never trusted.
 */


#ifndef SOMA_WALK_H
#define SOMA_WALK_H


#include "soma_read.h"


typedef struct {
    const unsigned char  *p;
    const unsigned char  *end;
} soma_walk_t;


/* steps into an object ('{') or an array ('['): whether there is one */

static inline int
soma_walk_enter(soma_walk_t *w, int c)
{
    w->p = soma_read_space(w->p, w->end);

    if (w->p == w->end || *w->p != c) {
        return 0;
    }

    w->p++;

    return 1;
}


/*
 * To the next member (name is its raw name) or, with name NULL, element.
 * SOMA_DONE: the object or array has ended, and is left.
 */

static inline int
soma_walk_next(soma_walk_t *w, soma_str_t *name)
{
    const unsigned char  *p, *end, *last;

    end = w->end;
    p = soma_read_space(w->p, end);

    if (p < end && *p == ',') {
        p = soma_read_space(p + 1, end);
    }

    if (p == end) {
        return SOMA_ERROR;
    }

    if (*p == (name != NULL ? '}' : ']')) {
        w->p = p + 1;
        return SOMA_DONE;
    }

    if (name == NULL) {
        w->p = p;
        return SOMA_OK;
    }

    if (*p != '"') {
        return SOMA_ERROR;
    }

    last = soma_read_quote(p + 1, end);

    if (last == NULL) {
        return SOMA_ERROR;
    }

    name->data = (unsigned char *) p + 1;
    name->len = (size_t) (last - p) - 2;

    p = soma_read_space(last, end);

    if (p == end || *p != ':') {
        return SOMA_ERROR;
    }

    w->p = soma_read_space(p + 1, end);

    return SOMA_OK;
}


static inline const unsigned char *
soma_walk_nested(const unsigned char *p, const unsigned char *end)
{
    unsigned  depth;

    depth = 0;

    while (p < end) {

        switch (*p++) {

        case '"':
            p = soma_read_quote(p, end);
            if (p == NULL) {
                return NULL;
            }

            break;

        case '{':
        case '[':
            depth++;
            break;

        case '}':
        case ']':
            if (--depth == 0) {
                return p;
            }

            break;
        }
    }

    return NULL;
}


/* takes the value */

static inline int
soma_walk_value(soma_walk_t *w, soma_json_value_t *value)
{
    const unsigned char  *p, *end, *start;

    end = w->end;
    start = soma_read_space(w->p, end);
    p = start;

    if (p == end) {
        return SOMA_ERROR;
    }

    switch (*p) {

    case '"':
        value->type = SOMA_JSON_STRING;
        p = soma_read_quote(p + 1, end);
        break;

    case '{':
    case '[':
        value->type = (*p == '{') ? SOMA_JSON_OBJECT : SOMA_JSON_ARRAY;
        p = soma_walk_nested(p, end);
        break;

    default:
        value->type = (*p == 'n') ? SOMA_JSON_NULL
                      : (*p == 't') ? SOMA_JSON_TRUE
                      : (*p == 'f') ? SOMA_JSON_FALSE : SOMA_JSON_NUMBER;

        while (p < end && *p != ',' && *p != '}' && *p != ']' && *p > ' ') {
            p++;
        }

        if (p == start) {
            return SOMA_ERROR;
        }
    }

    if (p == NULL) {
        return SOMA_ERROR;
    }

    value->text.data = (unsigned char *) start;
    value->text.len = (size_t) (p - start);

    w->p = p;

    return SOMA_OK;
}


#endif /* SOMA_WALK_H */
