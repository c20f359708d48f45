
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_openai_embeddings.h"
#include "soma_openai_request.h"
#include "soma_write.h"


static int soma_openai_embeddings_encoding(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_openai_embeddings_vector(soma_openai_embeddings_t *answer,
    const soma_inner_event_t *event);
static void soma_openai_embeddings_end(soma_openai_embeddings_t *answer,
    soma_pieces_t *out);


static const soma_fill_member_t  soma_openai_embeddings_members[] = {
    { soma_string("model"), soma_fill_skip, 0 },
    { soma_string("input"), soma_openai_request_inputs, 0 },
    { soma_string("encoding_format"), soma_openai_embeddings_encoding, 0 },
    { soma_string("user"), soma_fill_value,
      SOMA_INNER_USER_ID },
    { soma_string("service_tier"), soma_fill_value,
      SOMA_INNER_TIER }
};


int
soma_openai_embeddings_read(soma_inner_request_t *request,
    soma_arena_t *arena, soma_str_t body, const char **error)
{
    soma_fill_t        r;
    soma_json_value_t  input;

    if (soma_fill_init(&r, request, arena, error, &body) != SOMA_OK) {
        return SOMA_ERROR;
    }

    request->task = SOMA_INNER_INPUTS;

    if (soma_json_get(body, "input", &input) != SOMA_OK
        || input.type == SOMA_JSON_NULL)
    {
        *error = "\"input\" must be a string, a list of strings or lists of "
                 "tokens";
        return SOMA_ERROR;
    }

    return soma_fill_object(&r, body, soma_openai_embeddings_members,
                            sizeof(soma_openai_embeddings_members)
                            / sizeof(soma_openai_embeddings_members[0]));
}


static int
soma_openai_embeddings_encoding(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value)
{
    (void) member;

    r->request->base64 = soma_str_is(value->text, "\"base64\"");

    return SOMA_OK;
}


int
soma_openai_embeddings_write(soma_openai_embeddings_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event)
{
    int  rc;

    if (answer->done) {
        return SOMA_OK;
    }

    rc = SOMA_OK;

    switch (event->event) {

    case SOMA_INNER_START:
        if (event->name.len != 0) {
            answer->model = soma_str_dup(answer->arena, event->name);

            if (answer->model.data == NULL) {
                return SOMA_ERROR;
            }
        }

        break;

    case SOMA_INNER_VECTOR:
        rc = soma_openai_embeddings_vector(answer, event);
        break;

    case SOMA_INNER_USAGE:
        answer->usage = *event->usage;
        break;

    case SOMA_INNER_FAILED:
        answer->done = 1;
        break;

    case SOMA_INNER_END:
        answer->done = 1;
        soma_openai_embeddings_end(answer, out);
        break;

    default:
        break;
    }

    return (rc == SOMA_OK && out->failed) ? SOMA_ERROR : rc;
}


static int
soma_openai_embeddings_vector(soma_openai_embeddings_t *answer,
    const soma_inner_event_t *event)
{
    soma_pieces_t  *vectors;

    vectors = &answer->vectors;

    if (vectors->arena == NULL) {
        soma_pieces_init(vectors, answer->arena);
    }

    if (vectors->len + event->raw.len + event->text.len
        > SOMA_OPENAI_EMBEDDINGS_MAX)
    {
        return SOMA_DECLINED;
    }

    soma_pieces_cstr(vectors, answer->some ? ",{" : "{");
    answer->some = 1;

    soma_write_word(vectors, "object", "embedding");
    soma_write_int(vectors, "index", event->block);

    if (event->raw.data != NULL) {
        soma_write_name(vectors, "embedding");
        soma_pieces_put(vectors, event->raw.data, event->raw.len);

    } else {
        soma_write_copy(vectors, "embedding", event->text);
    }

    soma_pieces_char(vectors, '}');

    return vectors->failed ? SOMA_ERROR : SOMA_OK;
}


static void
soma_openai_embeddings_end(soma_openai_embeddings_t *answer,
    soma_pieces_t *out)
{
    soma_pieces_cstr(out, "{\"object\":\"list\",\"data\":[");

    if (answer->some) {
        soma_pieces_join(out, &answer->vectors);
    }

    soma_pieces_char(out, ']');
    soma_write_quoted(out, "model", answer->model);
    soma_pieces_cstr(out, ",\"usage\":{");
    soma_write_int(out, "prompt_tokens", answer->usage.input_tokens);
    soma_write_int(out, "total_tokens", answer->usage.input_tokens
                                        + answer->usage.output_tokens);
    soma_pieces_cstr(out, "}}");
}
