
/*
 * Copyright (C) The ngx_soma authors
 *
 * Vectors for clients of embed, and of embeddings, which has one.
 */


#include "soma_ollama_answer.h"
#include "soma_vector.h"
#include "soma_write.h"


static int soma_ollama_embed_vector(soma_ollama_embed_t *answer,
    const soma_inner_event_t *event);
static void soma_ollama_embed_end(soma_ollama_embed_t *answer,
    soma_pieces_t *out);


int
soma_ollama_embed_write(soma_ollama_embed_t *answer, soma_pieces_t *out,
    const soma_inner_event_t *event)
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
        rc = soma_ollama_embed_vector(answer, event);
        break;

    case SOMA_INNER_USAGE:
        answer->usage = *event->usage;
        break;

    case SOMA_INNER_FAILED:
        answer->done = 1;
        break;

    case SOMA_INNER_END:
        answer->done = 1;
        soma_ollama_embed_end(answer, out);
        break;

    default:
        break;
    }

    return (rc == SOMA_OK && out->failed) ? SOMA_ERROR : rc;
}


static int
soma_ollama_embed_vector(soma_ollama_embed_t *answer,
    const soma_inner_event_t *event)
{
    int             rc;
    soma_str_t      raw;
    soma_pieces_t  *vectors;

    vectors = &answer->vectors;

    if (vectors->arena == NULL) {
        soma_pieces_init(vectors, answer->arena);
    }

    if (answer->form == SOMA_OLLAMA_EMBEDDINGS && answer->n != 0) {
        return SOMA_OK;
    }

    raw = event->raw;

    if (raw.data == NULL) {
        rc = soma_vector_raw(answer->arena, event->text, &raw);

        if (rc != SOMA_OK) {
            return rc;
        }
    }

    if (vectors->len + raw.len > SOMA_OLLAMA_EMBED_MAX) {
        return SOMA_DECLINED;
    }

    if (answer->n++ != 0) {
        soma_pieces_char(vectors, ',');
    }

    soma_pieces_put(vectors, raw.data, raw.len);

    return vectors->failed ? SOMA_ERROR : SOMA_OK;
}


static void
soma_ollama_embed_end(soma_ollama_embed_t *answer, soma_pieces_t *out)
{
    soma_pieces_char(out, '{');

    if (answer->form == SOMA_OLLAMA_EMBEDDINGS) {
        soma_write_name(out, "embedding");

        if (answer->n != 0) {
            soma_pieces_join(out, &answer->vectors);

        } else {
            soma_pieces_cstr(out, "[]");
        }

        soma_pieces_char(out, '}');
        return;
    }

    soma_write_quoted(out, "model", answer->model);
    soma_write_name(out, "embeddings");
    soma_pieces_char(out, '[');

    if (answer->n != 0) {
        soma_pieces_join(out, &answer->vectors);
    }

    soma_pieces_char(out, ']');
    soma_write_int(out, "total_duration",
                   answer->elapsed > 0 ? answer->elapsed : 1);
    soma_write_int(out, "load_duration", 0);
    soma_write_int(out, "prompt_eval_count", answer->usage.input_tokens);
    soma_pieces_char(out, '}');
}
