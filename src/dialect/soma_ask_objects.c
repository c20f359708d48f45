
/*
 * Copyright (C) The ngx_soma authors
 *
 * Objects that a request names and that the provider keeps: an earlier
 * response, a conversation, a prompt, files ...  All tenants of a gateway
 * share them under the provider's one key.  One pass over what may name some.
 */


#include "soma_ask.h"
#include "soma_walk.h"


static const struct {
    soma_str_t     name;
    soma_object_e  kind;
} soma_ask_objects_names[] = {
    { soma_string("file_id"),           SOMA_OBJECT_FILE },
    { soma_string("file_ids"),          SOMA_OBJECT_FILE },
    { soma_string("vector_store_id"),   SOMA_OBJECT_STORE },
    { soma_string("vector_store_ids"),  SOMA_OBJECT_STORE },
    { soma_string("container"),         SOMA_OBJECT_CONTAINER }
};


/* where in a text the walk is */
typedef struct {
    soma_ask_t           *ask;
    soma_arena_t         *arena;
    const unsigned char  *p;
    const unsigned char  *end;
    unsigned              depth;
    unsigned              items;        /* the text is a list of items */
    unsigned              calls;        /* "input" is not looked into */
    unsigned              has_id;       /* the item at hand, */
    unsigned              has_more;     /* that says what it is */
} soma_objects_t;


static int soma_ask_objects_walk(soma_objects_t *w);
static int soma_ask_objects_quote(const unsigned char *start,
    const unsigned char *p);
static int soma_ask_objects_string(soma_objects_t *w, soma_str_t *s);
static int soma_ask_objects_member(soma_objects_t *w, soma_str_t name);
static int soma_ask_objects_past(soma_objects_t *w);
static void soma_ask_objects_spelt(const soma_objects_t *w);
static int soma_ask_objects_values(soma_objects_t *w, soma_object_e kind);
static int soma_ask_objects_add(soma_ask_t *ask, soma_arena_t *arena,
    soma_object_e kind, soma_str_t id);


/* an id, or an object with one: {"id":"conv_1"} */

int
soma_ask_object(soma_ask_t *ask, soma_arena_t *arena,
    soma_json_value_t *v, soma_object_e kind)
{
    int                rc;
    unsigned           n;
    soma_str_t         name, id;
    soma_json_iter_t   it;
    soma_json_value_t  member, quoted;

    if (v->type == SOMA_JSON_STRING) {
        return soma_json_text(arena, v, &id) == SOMA_OK
               ? soma_ask_objects_add(ask, arena, kind, id) : SOMA_ERROR;
    }

    if (v->type != SOMA_JSON_OBJECT
        || soma_json_first(&it, v->text) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    for (n = 0; ; ) {
        rc = soma_json_next(&it, &name, &member);

        if (rc == SOMA_DONE) {
            return n == 1 ? SOMA_OK : SOMA_ERROR;
        }

        quoted.type = SOMA_JSON_STRING;
        quoted.text.data = name.data - 1;
        quoted.text.len = name.len + 2;

        if (rc != SOMA_OK || soma_json_text(arena, &quoted, &name) != SOMA_OK)
        {
            return SOMA_ERROR;
        }

        if (!soma_str_case_is(name, "id")) {
            continue;
        }

        if (n++ != 0 || soma_json_text(arena, &member, &id) != SOMA_OK
            || soma_ask_objects_add(ask, arena, kind, id) != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }
}


int
soma_ask_objects(soma_ask_t *ask, soma_arena_t *arena, soma_str_t list,
    unsigned how)
{
    soma_objects_t  w;

    w.ask = ask;
    w.arena = arena;
    w.p = list.data;
    w.end = w.p + list.len;
    w.items = how & SOMA_ASK_ITEMS;
    w.calls = how & SOMA_ASK_CALLS;

    return soma_ask_objects_walk(&w);
}


/*
 * Past all tokens of a text that the scanner took: a string with a colon
 * behind it is the name of a member, wherever it stands.
 */

static int
soma_ask_objects_walk(soma_objects_t *w)
{
    soma_str_t  s;

    w->depth = 0;
    w->has_id = 0;
    w->has_more = 0;

    while (w->p < w->end) {

        switch (*w->p) {

        case '"':
            if (soma_ask_objects_string(w, &s) != SOMA_OK) {
                return SOMA_ERROR;
            }

            if (w->p < w->end && *w->p == ':'
                && soma_ask_objects_member(w, s) != SOMA_OK)
            {
                return SOMA_ERROR;
            }

            continue;

        case '{':
        case '[':
            w->depth++;

            if (w->depth == 2) {
                w->has_id = 0;
                w->has_more = 0;
            }

            break;

        case '}':
        case ']':

            /* an item that has an id and says no more stands for another */

            if (w->depth == 2 && w->items && w->has_id && !w->has_more
                && soma_ask_objects_add(w->ask, w->arena, SOMA_OBJECT_ITEM,
                                          SOMA_STR(""))
                   != SOMA_OK)
            {
                return SOMA_ERROR;
            }

            w->depth--;
            break;
        }

        w->p++;
    }

    return SOMA_OK;
}


/* whether a quote behind a backslash ends its string all the same */

static int
soma_ask_objects_quote(const unsigned char *start, const unsigned char *p)
{
    const unsigned char  *q;

    for (q = p; q > start && q[-1] == '\\'; q--) { /* void */ }

    return ((p - q) & 1) == 0;
}


/* a string without its quotes, and the white space behind it */

static int
soma_ask_objects_string(soma_objects_t *w, soma_str_t *s)
{
    const unsigned char  *p, *start;

    start = w->p + 1;

    for (p = start; ; p++) {
        p = memchr(p, '"', (size_t) (w->end - p));

        if (p == NULL) {
            return SOMA_ERROR;
        }

        if (p[-1] != '\\' || soma_ask_objects_quote(start, p)) {
            break;
        }
    }

    s->data = (unsigned char *) start;
    s->len = (size_t) (p - start);

    for (p++; p < w->end && *p <= ' '; p++) { /* void */ }

    w->p = p;

    return SOMA_OK;
}


/* w->p is at the colon */

static int
soma_ask_objects_member(soma_objects_t *w, soma_str_t name)
{
    size_t             i;
    soma_json_value_t  quoted;

    if (name.len != 0 && memchr(name.data, '\\', name.len) != NULL) {
        quoted.type = SOMA_JSON_STRING;
        quoted.text.data = name.data - 1;
        quoted.text.len = name.len + 2;

        if (soma_json_text(w->arena, &quoted, &name) != SOMA_OK) {
            return SOMA_ERROR;
        }

        /* who spells an address like that is not read any further */

        if (w->calls && (soma_str_is(name, "type") || soma_str_is(name, "url")
                         || soma_str_is(name, "source")))
        {
            w->ask->window = 1;
        }

        if (name.len >= 4 && memcmp(name.data + name.len - 4, "_url", 4) == 0)
        {
            w->ask->window = 1;
        }
    }

    for (w->p++; w->p < w->end && *w->p <= ' '; w->p++) { /* void */ }

    if (w->calls && soma_str_is(name, "input")) {
        return soma_ask_objects_past(w);
    }

    if (w->calls && soma_str_is(name, "type")) {
        soma_ask_objects_spelt(w);
    }

    if (w->depth == 2 && w->items) {

        if (soma_str_case_is(name, "id")) {
            w->has_id = 1;

        } else if (soma_str_is(name, "type") || soma_str_is(name, "role")
                   || soma_str_is(name, "content"))
        {
            w->has_more |= (w->p < w->end && *w->p != 'n');
        }

        if (soma_str_case_is(name, "type")) {
            return soma_ask_objects_values(w, SOMA_OBJECT_ITEM);
        }
    }

    for (i = 0; i < sizeof(soma_ask_objects_names)
                    / sizeof(soma_ask_objects_names[0]);
         i++)
    {
        if (soma_str_case_is(name, (const char *)
                             soma_ask_objects_names[i].name.data))
        {
            return soma_ask_objects_values(w,
                                         soma_ask_objects_names[i].kind);
        }
    }

    return SOMA_OK;
}


static int
soma_ask_objects_past(soma_objects_t *w)
{
    soma_walk_t        walk;
    soma_json_value_t  value;

    walk.p = w->p;
    walk.end = w->end;

    if (soma_walk_value(&walk, &value) != SOMA_OK) {
        return SOMA_ERROR;
    }

    w->p = walk.p;

    return SOMA_OK;
}


/* a type spelt with escapes may be that of an address */

static void
soma_ask_objects_spelt(const soma_objects_t *w)
{
    soma_str_t      s;
    soma_objects_t  value;

    value = *w;

    if (value.p < value.end && *value.p == '"'
        && soma_ask_objects_string(&value, &s) == SOMA_OK && s.len != 0
        && memchr(s.data, '\\', s.len) != NULL)
    {
        w->ask->window = 1;
    }
}


/* the string at w->p, or those of the list there; of types, the one that
 * makes its item stand for another */

static int
soma_ask_objects_values(soma_objects_t *w, soma_object_e kind)
{
    unsigned           list;
    soma_str_t         s;
    soma_json_value_t  quoted;

    list = (kind != SOMA_OBJECT_ITEM && w->p < w->end && *w->p == '[');

    if (list) {
        for (w->p++; w->p < w->end && *w->p <= ' '; w->p++) { /* void */ }
    }

    while (w->p < w->end && *w->p == '"') {

        quoted.text.data = (unsigned char *) w->p;

        if (soma_ask_objects_string(w, &s) != SOMA_OK) {
            return SOMA_ERROR;
        }

        quoted.type = SOMA_JSON_STRING;
        quoted.text.len = s.len + 2;

        if (soma_json_text(w->arena, &quoted, &s) != SOMA_OK) {
            return SOMA_ERROR;
        }

        if (kind == SOMA_OBJECT_ITEM) {
            return soma_str_is(s, "item_reference")
                   ? soma_ask_objects_add(w->ask, w->arena, kind,
                                            SOMA_STR(""))
                   : SOMA_OK;
        }

        if (soma_ask_objects_add(w->ask, w->arena, kind, s) != SOMA_OK) {
            return SOMA_ERROR;
        }

        if (!list || w->p == w->end || *w->p != ',') {
            break;
        }

        for (w->p++; w->p < w->end && *w->p <= ' '; w->p++) { /* void */ }
    }

    if (list) {
        w->depth++;         /* the walk comes by its bracket */
    }

    return SOMA_OK;
}


static int
soma_ask_objects_add(soma_ask_t *ask, soma_arena_t *arena,
    soma_object_e kind, soma_str_t id)
{
    unsigned  i;

    if (ask->ids == NULL) {
        ask->ids = arena->alloc(arena->data,
                                SOMA_ASK_IDS_MAX * sizeof(soma_ask_id_t));
        if (ask->ids == NULL) {
            return SOMA_ERROR;
        }
    }

    for (i = 0; i < ask->nids; i++) {
        if (ask->ids[i].kind == kind && soma_str_eq(ask->ids[i].id, id)) {
            return SOMA_OK;
        }
    }

    if (ask->nids == SOMA_ASK_IDS_MAX) {
        return SOMA_ERROR;
    }

    ask->ids[ask->nids].kind = kind;
    ask->ids[ask->nids].id = id;
    ask->nids++;

    return SOMA_OK;
}
