
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_openai_embeddings.h"
#include "soma_openai_request.h"
#include "soma_write.h"


static int soma_openai_embeddings_encoding(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_openai_embeddings_vector(soma_vectors_t *vectors,
    const soma_inner_event_t *event);
static void soma_openai_embeddings_end(soma_vectors_t *vectors,
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
soma_openai_embeddings_write(soma_vectors_t *vectors, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    return soma_vectors_write(vectors, out, event,
                              soma_openai_embeddings_vector,
                              soma_openai_embeddings_end);
}


static int
soma_openai_embeddings_vector(soma_vectors_t *vectors,
    const soma_inner_event_t *event)
{
    soma_pieces_t  *list;

    list = &vectors->list;

    if (list->len + event->raw.len + event->text.len
        > SOMA_OPENAI_EMBEDDINGS_MAX)
    {
        return SOMA_DECLINED;
    }

    soma_pieces_cstr(list, vectors->n++ != 0 ? ",{" : "{");

    soma_write_word(list, "object", "embedding");
    soma_write_int(list, "index", event->block);

    if (event->raw.data != NULL) {
        soma_write_name(list, "embedding");
        soma_pieces_put(list, event->raw.data, event->raw.len);

    } else {
        soma_write_copy(list, "embedding", event->text);
    }

    soma_pieces_char(list, '}');

    return list->failed ? SOMA_ERROR : SOMA_OK;
}


static void
soma_openai_embeddings_end(soma_vectors_t *vectors, soma_pieces_t *out)
{
    soma_pieces_cstr(out, "{\"object\":\"list\",\"data\":[");

    soma_pieces_join(out, &vectors->list);
    soma_pieces_char(out, ']');
    soma_write_quoted(out, "model", vectors->model);
    soma_pieces_cstr(out, ",\"usage\":{");
    soma_write_int(out, "prompt_tokens", vectors->usage.input_tokens);
    soma_write_int(out, "total_tokens", vectors->usage.input_tokens
                                        + vectors->usage.output_tokens);
    soma_pieces_cstr(out, "}}");
}
