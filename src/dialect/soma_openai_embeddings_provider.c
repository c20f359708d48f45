
/*
 * Copyright (C) The ngx_soma authors
 *
 * A provider of OpenAI's that is asked for embeddings by a client of another
 * dialect.
 */


#include "soma_openai_embeddings.h"
#include "soma_write.h"


#define SOMA_OPENAI_EMBEDDINGS_WHY                                            \
    "has no place in an embeddings request of OpenAI's API"


static int soma_openai_embeddings_rest(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);
static unsigned soma_openai_embeddings_count(soma_str_t list);
static int soma_openai_embeddings_sort(soma_str_t list, unsigned n,
    soma_json_value_t *vectors);


int
soma_openai_embeddings_request(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    soma_pieces_char(out, '{');
    soma_write_quoted(out, "model", request->model);

    if (soma_write_texts(out, "input", request, 1,
                         "must be one text each in an embeddings request of "
                         "OpenAI's API", loss)
        != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    if (request->base64) {
        soma_write_word(out, "encoding_format", "base64");
    }

    if (soma_openai_embeddings_rest(out, request, loss) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    soma_pieces_char(out, '}');

    return out->failed ? SOMA_ERROR : SOMA_OK;
}


static int
soma_openai_embeddings_rest(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    soma_inner_value_t    *user;
    soma_inner_request_t   rest;

    soma_write_sized(out, "dimensions", request, &rest);

    user = &rest.member[SOMA_INNER_USER_ID];
    soma_write_raw(out, "user", user->raw);
    user->raw.data = NULL;

    return soma_write_members(out, &rest, soma_write_inputs,
                              SOMA_OPENAI_EMBEDDINGS_WHY, loss);
}


int
soma_openai_embeddings_events(soma_openai_events_t *answer, soma_str_t body)
{
    unsigned            i, n;
    soma_events_t      *events;
    soma_json_value_t   list, usage, *vectors;

    events = &answer->events;

    if (soma_openai_events_error(events, body) != SOMA_OK
        || soma_events_about(events, body) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (events->over) {
        return SOMA_OK;
    }

    if (soma_json_get(body, "data", &list) != SOMA_OK) {
        return soma_events_vectors_none(events);
    }

    n = soma_openai_embeddings_count(list.text);

    vectors = events->arena->alloc(events->arena->data,
                                   (n + 1) * sizeof(soma_json_value_t));
    if (vectors == NULL) {
        return SOMA_ERROR;
    }

    if (n == 0 || soma_openai_embeddings_sort(list.text, n, vectors) != SOMA_OK)
    {
        return soma_events_vectors_none(events);
    }

    for (i = 0; i < n; i++) {
        if (soma_events_vector(events, i, &vectors[i]) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    /* some servers tell no more than the total, all of which is input */

    if (soma_json_get(body, "usage", &usage) == SOMA_OK) {
        soma_events_count(usage.text, "total_tokens",
                          &events->usage.input_tokens);
    }

    if (soma_openai_events_usage(events, body) != SOMA_OK) {
        return SOMA_ERROR;
    }

    return soma_events_vectors_end(events);
}


/* 0: no list, or a longer one than could be asked for */

static unsigned
soma_openai_embeddings_count(soma_str_t list)
{
    int                rc;
    unsigned           n;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  each;

    if (soma_json_first(&it, list) != SOMA_OK || it.object) {
        return 0;
    }

    for (n = 0; (rc = soma_json_next(&it, &name, &each)) == SOMA_OK; n++) {
        if (n == SOMA_INNER_TURNS_MAX) {
            return 0;
        }
    }

    return (rc == SOMA_DONE) ? n : 0;
}


/* each at its index, whatever order they came in: a vector at another's place
 * would be taken for it.  SOMA_DECLINED: one is missing */

static int
soma_openai_embeddings_sort(soma_str_t list, unsigned n,
    soma_json_value_t *vectors)
{
    int64_t            index;
    unsigned           i;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  each, vector;

    memset(vectors, 0, n * sizeof(soma_json_value_t));

    if (soma_json_first(&it, list) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    for (i = 0; soma_json_next(&it, &name, &each) == SOMA_OK; i++) {

        if (each.type != SOMA_JSON_OBJECT
            || soma_json_get(each.text, "embedding", &vector) != SOMA_OK)
        {
            return SOMA_DECLINED;
        }

        index = i;
        soma_events_count(each.text, "index", &index);

        if (index >= n || vectors[index].type != SOMA_JSON_NONE) {
            return SOMA_DECLINED;
        }

        vectors[index] = vector;
    }

    return SOMA_OK;
}
