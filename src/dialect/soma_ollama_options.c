
/*
 * Copyright (C) The ngx_soma authors
 *
 * "options" of a request: those that others know, and those that only Ollama
 * has, which are refused or dropped by their names.
 */


#include "soma_ollama_request.h"


static int soma_ollama_options_stop(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_ollama_options_bound(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_ollama_options_other(soma_fill_t *r, soma_str_t name,
    soma_json_value_t *value);


/* by the names that a client is told, which stand in "options" without what
 * comes before the dot */
static const soma_fill_member_t  soma_ollama_options_members[] = {
    { soma_string("options.num_predict"), soma_ollama_options_bound,
      SOMA_INNER_MAX_TOKENS },
    { soma_string("options.stop"), soma_ollama_options_stop, 0 },
    { soma_string("options.temperature"), soma_fill_value,
      SOMA_INNER_TEMPERATURE },
    { soma_string("options.top_p"), soma_fill_value, SOMA_INNER_TOP_P },
    { soma_string("options.top_k"), soma_fill_value, SOMA_INNER_TOP_K },
    { soma_string("options.min_p"), soma_fill_value, SOMA_INNER_MIN_P },
    { soma_string("options.seed"), soma_fill_value, SOMA_INNER_SEED },
    { soma_string("options.frequency_penalty"), soma_fill_value,
      SOMA_INNER_FREQUENCY_PENALTY },
    { soma_string("options.presence_penalty"), soma_fill_value,
      SOMA_INNER_PRESENCE_PENALTY }
};

#define SOMA_OLLAMA_OPTIONS_N                                                 \
    (sizeof(soma_ollama_options_members)                                      \
     / sizeof(soma_ollama_options_members[0]))


/* the last one of a name holds */

int
soma_ollama_options(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    int                rc;
    size_t             i;
    soma_str_t         name, known;
    soma_json_iter_t   it;
    soma_json_value_t  v, values[SOMA_OLLAMA_OPTIONS_N];

    if (value->type != SOMA_JSON_OBJECT
        || soma_json_first(&it, value->text) != SOMA_OK)
    {
        return soma_fill_fail(r, "\"", member->name, "\" must be an object");
    }

    for (i = 0; i < SOMA_OLLAMA_OPTIONS_N; i++) {
        values[i].type = SOMA_JSON_NULL;
    }

    while ((rc = soma_json_next(&it, &name, &v)) == SOMA_OK) {

        for (i = 0; i < SOMA_OLLAMA_OPTIONS_N; i++) {
            known = soma_ollama_options_members[i].name;
            known.data += SOMA_OLLAMA_OPTIONS_LEN;
            known.len -= SOMA_OLLAMA_OPTIONS_LEN;

            if (soma_str_eq(name, known)) {
                break;
            }
        }

        if (i < SOMA_OLLAMA_OPTIONS_N) {
            values[i] = v;

        } else if (v.type != SOMA_JSON_NULL
                   && soma_ollama_options_other(r, name, &v) != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    if (rc != SOMA_DONE) {
        return soma_fill_fail(r, "\"", member->name, "\" is malformed");
    }

    for (i = 0; i < SOMA_OLLAMA_OPTIONS_N; i++) {
        member = &soma_ollama_options_members[i];

        if (values[i].type != SOMA_JSON_NULL
            && member->read(r, member, &values[i]) != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    return SOMA_OK;
}


/* an empty list, or an empty string in its place, is none */

static int
soma_ollama_options_stop(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    return soma_str_is(value->text, "\"\"")
           ? SOMA_OK : soma_fill_stop(r, member, value);
}


/* below 1 there is none */

static int
soma_ollama_options_bound(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    int64_t  n;

    if (soma_json_int(value, &n) == SOMA_OK && n < 1) {
        return SOMA_OK;
    }

    return soma_fill_value(r, member, value);
}


static int
soma_ollama_options_other(soma_fill_t *r, soma_str_t name,
    soma_json_value_t *value)
{
    soma_str_t  path;

    path.len = SOMA_OLLAMA_OPTIONS_LEN + name.len;
    path.data = r->arena->alloc(r->arena->data, path.len);

    if (path.data == NULL) {
        return SOMA_ERROR;
    }

    memcpy(path.data, SOMA_OLLAMA_OPTIONS, SOMA_OLLAMA_OPTIONS_LEN);
    soma_copy(path.data + SOMA_OLLAMA_OPTIONS_LEN, name.data, name.len);

    if (soma_inner_other(r->request, path, value->text) != SOMA_OK) {
        *r->error = "the request has more than 64 members that are not known";
        return SOMA_ERROR;
    }

    return SOMA_OK;
}
