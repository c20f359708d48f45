
/*
 * Copyright (C) The ngx_soma authors
 *
 * Vectors for clients of embed, and of embeddings, which has one.
 */


#include "soma_ollama_answer.h"
#include "soma_vector.h"
#include "soma_write.h"


static int soma_ollama_embed_vector(soma_vectors_t *vectors,
    const soma_inner_event_t *event);
static void soma_ollama_embed_end(soma_vectors_t *vectors,
    soma_pieces_t *out);


int
soma_ollama_embed_write(soma_ollama_embed_t *answer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    return soma_vectors_write(&answer->v, out, event,
                              soma_ollama_embed_vector,
                              soma_ollama_embed_end);
}


static int
soma_ollama_embed_vector(soma_vectors_t *vectors,
    const soma_inner_event_t *event)
{
    int                   rc;
    soma_str_t            raw;
    soma_ollama_embed_t  *answer;

    answer = (soma_ollama_embed_t *) (void *) vectors;

    if (answer->form == SOMA_OLLAMA_EMBEDDINGS && vectors->n != 0) {
        return SOMA_OK;
    }

    raw = event->raw;

    if (raw.data == NULL) {
        rc = soma_vector_raw(vectors->arena, event->text, &raw);

        if (rc != SOMA_OK) {
            return rc;
        }
    }

    if (vectors->list.len + raw.len > SOMA_OLLAMA_EMBED_MAX) {
        return SOMA_DECLINED;
    }

    if (vectors->n++ != 0) {
        soma_pieces_char(&vectors->list, ',');
    }

    soma_pieces_put(&vectors->list, raw.data, raw.len);

    return vectors->list.failed ? SOMA_ERROR : SOMA_OK;
}


static void
soma_ollama_embed_end(soma_vectors_t *vectors, soma_pieces_t *out)
{
    soma_ollama_embed_t  *answer;

    answer = (soma_ollama_embed_t *) (void *) vectors;

    soma_pieces_char(out, '{');

    if (answer->form == SOMA_OLLAMA_EMBEDDINGS) {
        soma_write_name(out, "embedding");

        if (vectors->n != 0) {
            soma_pieces_join(out, &vectors->list);

        } else {
            soma_pieces_cstr(out, "[]");
        }

        soma_pieces_char(out, '}');
        return;
    }

    soma_write_quoted(out, "model", vectors->model);
    soma_write_name(out, "embeddings");
    soma_pieces_char(out, '[');

    soma_pieces_join(out, &vectors->list);
    soma_pieces_char(out, ']');
    soma_write_int(out, "total_duration",
                   answer->elapsed > 0 ? answer->elapsed : 1);
    soma_write_int(out, "load_duration", 0);
    soma_write_int(out, "prompt_eval_count", vectors->usage.input_tokens);
    soma_pieces_char(out, '}');
}
