
/*
 * Copyright (C) The ngx_soma authors
 *
 * A provider of the Embed API that is asked by a client of another dialect.
 */


#include "soma_cohere_embed.h"
#include "soma_cohere_events.h"
#include "soma_cohere_request.h"
#include "soma_write.h"


static int soma_cohere_embed_list(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);
static int soma_cohere_embed_rest(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);
static soma_str_t soma_cohere_embed_type(soma_str_t name, soma_str_t word);
static int soma_cohere_embed_vectors(soma_events_t *events,
    soma_str_t list, unsigned *n);


int
soma_cohere_embed_request(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    soma_pieces_char(out, '{');
    soma_write_quoted(out, "model", request->model);

    if (soma_cohere_embed_list(out, request, loss) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    soma_write_raw(out, "embedding_types",
                   request->base64 ? SOMA_STR("[\"base64\"]")
                                   : SOMA_STR("[\"float\"]"));

    if (soma_cohere_embed_rest(out, request, loss) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    soma_pieces_char(out, '}');

    return out->failed ? SOMA_ERROR : SOMA_OK;
}


/* numbers of tokens are another model's own */

static int
soma_cohere_embed_list(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    if (request->nturns > SOMA_COHERE_EMBED_TEXTS_MAX) {
        loss->refused = SOMA_STR("input");
        loss->why = "has more texts than the 96 that a request of Cohere's "
                    "API takes";
        return SOMA_DECLINED;
    }

    return soma_write_texts(out, "texts", request, 0,
                            "must be one text each in a request of Cohere's "
                            "API", loss);
}


/* what its vectors are good for has to be said to this API: who says nothing
 * of it keeps them */

static int
soma_cohere_embed_rest(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    unsigned              i, n;
    soma_str_t            type, word;
    soma_inner_request_t  rest;

    type = SOMA_STR("\"search_document\"");

    soma_write_sized(out, "output_dimension", request, &rest);

    for (i = 0, n = 0; i < rest.nothers; i++) {
        word = soma_cohere_embed_type(rest.other[i].name, rest.other[i].raw);

        if (word.data != NULL) {
            type = word;

        } else {
            rest.other[n++] = rest.other[i];
        }
    }

    rest.nothers = n;

    soma_write_raw(out, "input_type", type);

    if (soma_str_is(request->member[SOMA_INNER_TRUNCATION].raw,
                    "\"disabled\""))
    {
        soma_write_word(out, "truncate", "NONE");
    }

    return soma_write_members(out, &rest, soma_write_inputs,
                              SOMA_COHERE_WHY, loss);
}


/* this API's word, of a client that knows it, and what Google's are called
 * here; data NULL: it says nothing of that */

static soma_str_t
soma_cohere_embed_type(soma_str_t name, soma_str_t word)
{
    size_t  i;

    static const struct {
        const char  *word;
        soma_str_t   type;
    } types[] = {
        { "\"RETRIEVAL_DOCUMENT\"", soma_string("\"search_document\"") },
        { "\"RETRIEVAL_QUERY\"", soma_string("\"search_query\"") },
        { "\"CODE_RETRIEVAL_QUERY\"", soma_string("\"search_query\"") },
        { "\"QUESTION_ANSWERING\"", soma_string("\"search_query\"") },
        { "\"FACT_VERIFICATION\"", soma_string("\"search_query\"") },
        { "\"CLASSIFICATION\"", soma_string("\"classification\"") },
        { "\"CLUSTERING\"", soma_string("\"clustering\"") }
    };

    if (soma_str_is(name, "input_type") && word.data[0] == '"') {
        return word;
    }

    if (soma_str_is(name, "taskType") || soma_str_is(name, "task_type")) {

        for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
            if (soma_str_is(word, types[i].word)) {
                return types[i].type;
            }
        }
    }

    return (soma_str_t) soma_str_null;
}


/* one type was asked for, and one is read; a server that knows none of them
 * has the list itself */

int
soma_cohere_embed_events(soma_events_t *events, soma_str_t body)
{
    unsigned           n;
    soma_json_value_t  list, types;

    n = 0;
    body = soma_str_trim(body);

    if (soma_cohere_events_refused(events, body) != SOMA_OK
        || soma_events_about(events, body) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (soma_json_get(body, "embeddings", &types) != SOMA_OK) {
        return soma_events_vectors_none(events);
    }

    if (types.type == SOMA_JSON_ARRAY) {
        list = types;

    } else if (types.type != SOMA_JSON_OBJECT
               || (soma_json_get(types.text, "float", &list) != SOMA_OK
                   && soma_json_get(types.text, "base64", &list) != SOMA_OK))
    {
        return soma_events_vectors_none(events);
    }

    if (soma_cohere_embed_vectors(events, list.text, &n) != SOMA_OK) {
        return SOMA_ERROR;
    }

    if (n == 0) {
        return soma_events_vectors_none(events);
    }

    if (soma_cohere_events_usage(events, body, "meta") != SOMA_OK) {
        return SOMA_ERROR;
    }

    return soma_events_vectors_end(events);
}


static int
soma_cohere_embed_vectors(soma_events_t *events, soma_str_t list, unsigned *n)
{
    int                rc;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  vector;

    if (soma_json_first(&it, list) != SOMA_OK || it.object) {
        return SOMA_OK;
    }

    while ((rc = soma_json_next(&it, &name, &vector)) == SOMA_OK) {
        if (soma_events_vector(events, (*n)++, &vector) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    *n = (rc == SOMA_DONE) ? *n : 0;

    return SOMA_OK;
}
