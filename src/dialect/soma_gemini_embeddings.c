
/*
 * Copyright (C) The ngx_soma authors
 */


#include <stdio.h>

#include "soma_base64.h"
#include "soma_gemini_embeddings.h"
#include "soma_write.h"


#define SOMA_GEMINI_FLOAT_MAX  32       /* bytes of one, written out */


static int soma_gemini_embeddings_vector(soma_vectors_t *vectors,
    const soma_inner_event_t *event);
static int soma_gemini_embeddings_floats(soma_vectors_t *vectors,
    soma_str_t base64);
static void soma_gemini_embeddings_end(soma_vectors_t *vectors,
    soma_pieces_t *out);


int
soma_gemini_embeddings_write(soma_gemini_embeddings_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event)
{
    return soma_vectors_write(&answer->v, out, event,
                              soma_gemini_embeddings_vector,
                              soma_gemini_embeddings_end);
}


static int
soma_gemini_embeddings_vector(soma_vectors_t *vectors,
    const soma_inner_event_t *event)
{
    int                        rc;
    soma_pieces_t             *list;
    soma_gemini_embeddings_t  *answer;

    list = &vectors->list;
    answer = (soma_gemini_embeddings_t *) (void *) vectors;

    if (vectors->n != 0 && !answer->batch) {
        return SOMA_OK;
    }

    if (list->len + event->raw.len + 3 * event->text.len
        > SOMA_GEMINI_VECTORS_MAX)
    {
        return SOMA_DECLINED;
    }

    soma_pieces_cstr(list, vectors->n++ != 0 ? ",{\"values\":"
                                             : "{\"values\":");

    if (event->raw.data != NULL) {
        soma_pieces_put(list, event->raw.data, event->raw.len);

    } else {
        rc = soma_gemini_embeddings_floats(vectors, event->text);

        if (rc != SOMA_OK) {
            return rc;
        }
    }

    soma_pieces_char(list, '}');

    return list->failed ? SOMA_ERROR : SOMA_OK;
}


/* base64 of little-endian numbers of 32 bits, as numbers */

static int
soma_gemini_embeddings_floats(soma_vectors_t *vectors,
    soma_str_t base64)
{
    int             n;
    char            text[SOMA_GEMINI_FLOAT_MAX];
    float           f;
    size_t          i, len;
    uint32_t        bits;
    unsigned char  *p;

    p = vectors->arena->alloc(vectors->arena->data,
                              soma_base64_decoded_len(base64.len) + 1);
    if (p == NULL) {
        return SOMA_ERROR;
    }

    if (soma_base64_decode(p, &len, base64) != SOMA_OK || len % 4 != 0) {
        return SOMA_DECLINED;
    }

    soma_pieces_char(&vectors->list, '[');

    for (i = 0; i < len; i += 4) {
        bits = (uint32_t) p[i] | (uint32_t) p[i + 1] << 8
               | (uint32_t) p[i + 2] << 16 | (uint32_t) p[i + 3] << 24;

        if ((bits >> 23 & 0xff) == 0xff) {
            return SOMA_DECLINED;
        }

        memcpy(&f, &bits, sizeof(f));
        n = snprintf(text, sizeof(text), "%s%.9g", i != 0 ? "," : "",
                     (double) f);

        soma_pieces_put(&vectors->list, text, (size_t) n);
    }

    soma_pieces_char(&vectors->list, ']');

    return SOMA_OK;
}


static void
soma_gemini_embeddings_end(soma_vectors_t *vectors, soma_pieces_t *out)
{
    soma_gemini_embeddings_t  *answer;

    answer = (soma_gemini_embeddings_t *) (void *) vectors;

    soma_pieces_char(out, '{');

    if (answer->count) {
        soma_write_int(out, "totalTokens", vectors->usage.input_tokens);

        if (vectors->usage.cached_tokens != 0) {
            soma_write_int(out, "cachedContentTokenCount",
                           vectors->usage.cached_tokens);
        }

        soma_pieces_char(out, '}');
        return;
    }

    if (answer->batch) {
        soma_pieces_cstr(out, "\"embeddings\":[");
        soma_pieces_join(out, &vectors->list);
        soma_pieces_char(out, ']');

    } else {
        soma_pieces_cstr(out, "\"embedding\":");

        if (vectors->n != 0) {
            soma_pieces_join(out, &vectors->list);

        } else {
            soma_pieces_cstr(out, "{\"values\":[]}");
        }
    }

    if (vectors->usage.known) {
        soma_pieces_cstr(out, ",\"usageMetadata\":{");
        soma_write_int(out, "promptTokenCount", vectors->usage.input_tokens);
        soma_write_int(out, "totalTokenCount", vectors->usage.input_tokens);
        soma_pieces_char(out, '}');
    }

    soma_pieces_char(out, '}');
}
