
/*
 * Copyright (C) The ngx_soma authors
 *
 * Google's own kind of schema, of OpenAPI 3.0 with types in capitals, as JSON
 * Schema.
 *
 *     {"type":"STRING","nullable":true}   {"type":["string","null"]}
 *     {"minItems":"2"}                    {"minItems":2}
 *     "propertyOrdering"                  the order of "properties"
 *     "example"                           "examples"
 *
 * What is JSON Schema already stays as it was written, to the byte: clients
 * put that into the same members.
 */


#include "soma_gemini_request.h"
#include "soma_write.h"


#define SOMA_GEMINI_SCHEMA_DEPTH  64
#define SOMA_GEMINI_SCHEMA_ORDER  128   /* names of propertyOrdering that are
                                           heeded */


static unsigned soma_gemini_schema_own(soma_str_t raw, unsigned depth);
static int soma_gemini_schema_write(soma_pieces_t *out, soma_str_t raw,
    unsigned depth);
static int soma_gemini_schema_member(soma_pieces_t *out, soma_str_t name,
    soma_json_value_t *value, unsigned nullable, unsigned depth);
static int soma_gemini_schema_list(soma_pieces_t *out, soma_str_t raw,
    unsigned nullable, unsigned depth);
static int soma_gemini_schema_members(soma_pieces_t *out, soma_str_t raw,
    soma_str_t order, unsigned depth);
static int soma_gemini_schema_ordered(soma_pieces_t *out, soma_str_t raw,
    soma_str_t order, soma_str_t *its, unsigned *n, unsigned depth);
static unsigned soma_gemini_schema_seen(const soma_str_t *its, unsigned n,
    soma_str_t name);
static int soma_gemini_schema_property(soma_pieces_t *out, soma_str_t name,
    soma_json_value_t *value, unsigned depth);
static void soma_gemini_schema_type(soma_pieces_t *out,
    soma_json_value_t *value, unsigned nullable);
static void soma_gemini_schema_enum(soma_pieces_t *out, soma_str_t raw,
    unsigned nullable);
static void soma_gemini_schema_name(soma_pieces_t *out, soma_str_t name);


/* numbers that Google's JSON has as strings */
static const char *const  soma_gemini_schema_counts[] = {
    "minItems", "maxItems", "minProperties", "maxProperties", "minLength",
    "maxLength", NULL
};

/* members that hold a schema, or schemas by their names, or a list */
static const char *const  soma_gemini_schema_one[] = {
    "items", "additionalProperties", "not", NULL
};

static const char *const  soma_gemini_schema_named[] = {
    "properties", "$defs", "defs", "definitions", "patternProperties", NULL
};

static const char *const  soma_gemini_schema_some[] = {
    "anyOf", "allOf", "oneOf", "prefixItems", NULL
};


static unsigned
soma_gemini_schema_among(soma_str_t name, const char *const *list)
{
    for ( /* void */ ; *list != NULL; list++) {
        if (soma_str_is(name, *list)
            || ((*list)[0] != '$' && soma_gemini_is(name, *list)))
        {
            return 1;
        }
    }

    return 0;
}


int
soma_gemini_schema(soma_arena_t *arena, soma_str_t raw, soma_str_t *schema)
{
    soma_pieces_t  out;

    if (!soma_gemini_schema_own(raw, 0)) {
        *schema = raw;
        return SOMA_OK;
    }

    soma_pieces_init(&out, arena);

    if (soma_gemini_schema_write(&out, raw, 0) != SOMA_OK) {
        return SOMA_ERROR;
    }

    return soma_pieces_whole(&out, schema);
}


/* whether there is something in it that JSON Schema does not say so */

static unsigned
soma_gemini_schema_own(soma_str_t raw, unsigned depth)
{
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  v;

    if (depth >= SOMA_GEMINI_SCHEMA_DEPTH) {
        return 1;
    }

    if (soma_json_first(&it, raw) != SOMA_OK) {
        return 0;
    }

    while (soma_json_next(&it, &name, &v) == SOMA_OK) {

        if (it.object
            && ((soma_str_is(name, "type") && v.type == SOMA_JSON_STRING
                 && v.text.len > 2 && v.text.data[1] >= 'A'
                 && v.text.data[1] <= 'Z')
                || soma_str_is(name, "nullable")
                || soma_gemini_is(name, "propertyOrdering")
                || soma_str_is(name, "example")
                || (soma_gemini_schema_among(name, soma_gemini_schema_counts)
                    && v.type == SOMA_JSON_STRING)
                || soma_str_is(name, "any_of")))
        {
            return 1;
        }

        if ((v.type == SOMA_JSON_OBJECT || v.type == SOMA_JSON_ARRAY)
            && soma_gemini_schema_own(v.text, depth + 1))
        {
            return 1;
        }
    }

    return 0;
}


static int
soma_gemini_schema_write(soma_pieces_t *out, soma_str_t raw, unsigned depth)
{
    int                rc;
    unsigned           nullable;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  v, order;

    if (depth >= SOMA_GEMINI_SCHEMA_DEPTH
        || soma_json_first(&it, raw) != SOMA_OK || !it.object)
    {
        return SOMA_ERROR;
    }

    nullable = soma_json_get(raw, "nullable", &v) == SOMA_OK
               && v.type == SOMA_JSON_TRUE;

    if (soma_gemini_get(raw, "propertyOrdering", &order) != SOMA_OK) {
        order.text.len = 0;
    }

    soma_pieces_char(out, '{');

    while ((rc = soma_json_next(&it, &name, &v)) == SOMA_OK) {

        if (soma_str_is(name, "nullable")
            || soma_gemini_is(name, "propertyOrdering")
            || soma_str_is(v.text, "\"TYPE_UNSPECIFIED\""))
        {
            continue;
        }

        if (soma_str_is(name, "properties") && v.type == SOMA_JSON_OBJECT) {
            soma_gemini_schema_name(out, name);
            rc = soma_gemini_schema_members(out, v.text, order.text,
                                            depth + 1);

        } else {
            rc = soma_gemini_schema_member(out, name, &v, nullable, depth);
        }

        if (rc != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    soma_pieces_char(out, '}');

    return (rc == SOMA_DONE) ? SOMA_OK : SOMA_ERROR;
}


static int
soma_gemini_schema_member(soma_pieces_t *out, soma_str_t name,
    soma_json_value_t *value, unsigned nullable, unsigned depth)
{
    int64_t     n;
    soma_str_t  count;

    if (soma_str_is(name, "example")) {
        soma_gemini_schema_name(out, SOMA_STR("examples"));
        soma_pieces_char(out, '[');
        soma_pieces_str(out, value->text);
        soma_pieces_char(out, ']');
        return SOMA_OK;
    }

    soma_gemini_schema_name(out, soma_str_is(name, "any_of")
                                 ? SOMA_STR("anyOf") : name);

    if (soma_str_is(name, "type")) {
        soma_gemini_schema_type(out, value, nullable);
        return SOMA_OK;
    }

    if (soma_str_is(name, "enum") && value->type == SOMA_JSON_ARRAY) {
        soma_gemini_schema_enum(out, value->text, nullable);
        return SOMA_OK;
    }

    if (soma_fill_inside(value, &count) == SOMA_OK
        && soma_gemini_schema_among(name, soma_gemini_schema_counts)
        && soma_number_int(count, &n) == SOMA_OK)
    {
        soma_pieces_int(out, n);
        return SOMA_OK;
    }

    if (value->type == SOMA_JSON_OBJECT
        && soma_gemini_schema_among(name, soma_gemini_schema_one))
    {
        return soma_gemini_schema_write(out, value->text, depth + 1);
    }

    if (value->type == SOMA_JSON_OBJECT
        && soma_gemini_schema_among(name, soma_gemini_schema_named))
    {
        return soma_gemini_schema_members(out, value->text, SOMA_STR(""),
                                          depth + 1);
    }

    if (value->type == SOMA_JSON_ARRAY
        && soma_gemini_schema_among(name, soma_gemini_schema_some))
    {
        return soma_gemini_schema_list(out, value->text,
                                       nullable && soma_gemini_is(name,
                                                                  "anyOf"),
                                       depth + 1);
    }

    soma_pieces_str(out, value->text);

    return SOMA_OK;
}


static int
soma_gemini_schema_list(soma_pieces_t *out, soma_str_t raw, unsigned nullable,
    unsigned depth)
{
    int                rc;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  v;

    if (depth >= SOMA_GEMINI_SCHEMA_DEPTH
        || soma_json_first(&it, raw) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    soma_pieces_char(out, '[');

    while ((rc = soma_json_next(&it, &name, &v)) == SOMA_OK) {

        if (out->tail != '[') {
            soma_pieces_char(out, ',');
        }

        if (v.type != SOMA_JSON_OBJECT) {
            soma_pieces_str(out, v.text);

        } else if (soma_gemini_schema_write(out, v.text, depth + 1)
                   != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    if (nullable) {
        soma_pieces_cstr(out, out->tail != '[' ? ",{\"type\":\"null\"}"
                                               : "{\"type\":\"null\"}");
    }

    soma_pieces_char(out, ']');

    return (rc == SOMA_DONE) ? SOMA_OK : SOMA_ERROR;
}


/* schemas by name, those first that "order" names, in that order */

static int
soma_gemini_schema_members(soma_pieces_t *out, soma_str_t raw,
    soma_str_t order, unsigned depth)
{
    int                rc;
    unsigned           n;
    soma_str_t         name, its[SOMA_GEMINI_SCHEMA_ORDER];
    soma_json_iter_t   it;
    soma_json_value_t  v;

    soma_pieces_char(out, '{');

    n = 0;

    if (order.len != 0
        && soma_gemini_schema_ordered(out, raw, order, its, &n, depth)
           != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (soma_json_first(&it, raw) != SOMA_OK) {
        return SOMA_ERROR;
    }

    while ((rc = soma_json_next(&it, &name, &v)) == SOMA_OK) {

        if (!soma_gemini_schema_seen(its, n, name)
            && soma_gemini_schema_property(out, name, &v, depth) != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    soma_pieces_char(out, '}');

    return (rc == SOMA_DONE) ? SOMA_OK : SOMA_ERROR;
}


/* *n of them are in "its" then, which are written */

static int
soma_gemini_schema_ordered(soma_pieces_t *out, soma_str_t raw,
    soma_str_t order, soma_str_t *its, unsigned *n, unsigned depth)
{
    soma_str_t         name, next;
    soma_json_iter_t   it, look;
    soma_json_value_t  v, word;

    if (soma_json_first(&it, order) != SOMA_OK || it.object) {
        return SOMA_OK;
    }

    while (*n < SOMA_GEMINI_SCHEMA_ORDER
           && soma_json_next(&it, &name, &word) == SOMA_OK)
    {
        if (soma_fill_inside(&word, &next) != SOMA_OK
            || soma_gemini_schema_seen(its, *n, next)
            || soma_json_first(&look, raw) != SOMA_OK)
        {
            continue;
        }

        while (soma_json_next(&look, &name, &v) == SOMA_OK) {

            if (!soma_str_eq(name, next)) {
                continue;
            }

            if (soma_gemini_schema_property(out, name, &v, depth) != SOMA_OK)
            {
                return SOMA_ERROR;
            }

            its[(*n)++] = next;
            break;
        }
    }

    return SOMA_OK;
}


static unsigned
soma_gemini_schema_seen(const soma_str_t *its, unsigned n, soma_str_t name)
{
    unsigned  i;

    for (i = 0; i < n && !soma_str_eq(its[i], name); i++) { /* void */ }

    return i < n;
}


static int
soma_gemini_schema_property(soma_pieces_t *out, soma_str_t name,
    soma_json_value_t *value, unsigned depth)
{
    soma_gemini_schema_name(out, name);

    if (value->type == SOMA_JSON_OBJECT) {
        return soma_gemini_schema_write(out, value->text, depth + 1);
    }

    soma_pieces_str(out, value->text);

    return SOMA_OK;
}


/* a word, or a list of them, which then is left as it is */

static void
soma_gemini_schema_type(soma_pieces_t *out, soma_json_value_t *value,
    unsigned nullable)
{
    size_t  i;

    if (value->type != SOMA_JSON_STRING) {
        soma_pieces_str(out, value->text);
        return;
    }

    if (nullable) {
        soma_pieces_char(out, '[');
    }

    for (i = 0; i < value->text.len; i++) {
        soma_pieces_char(out, (value->text.data[i] >= 'A'
                               && value->text.data[i] <= 'Z')
                              ? value->text.data[i] | 0x20
                              : value->text.data[i]);
    }

    if (nullable) {
        soma_pieces_cstr(out, ",\"null\"]");
    }
}


static void
soma_gemini_schema_enum(soma_pieces_t *out, soma_str_t raw,
    unsigned nullable)
{
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  v;

    if (!nullable || soma_json_first(&it, raw) != SOMA_OK
        || soma_json_next(&it, &name, &v) != SOMA_OK)
    {
        soma_pieces_str(out, raw);
        return;
    }

    soma_pieces_put(out, raw.data, raw.len - 1);
    soma_pieces_cstr(out, ",null]");
}


static void
soma_gemini_schema_name(soma_pieces_t *out, soma_str_t name)
{
    if (out->tail != '{') {
        soma_pieces_char(out, ',');
    }

    soma_pieces_text(out, name);
    soma_pieces_char(out, ':');
}
