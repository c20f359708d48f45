
/*
 * Copyright (C) The ngx_soma authors
 */


#include <math.h>
#include <stdio.h>
#include <yyjson.h>

#include "soma_base64.h"
#include "soma_vector.h"


#define SOMA_VECTOR_FLOAT   4           /* bytes */
#define SOMA_VECTOR_DIGITS  24          /* of a number as text, at the most */


int
soma_vector_base64(soma_arena_t *arena, soma_str_t raw, soma_str_t *text)
{
    float            f;
    size_t           i, n, max;
    uint32_t         bits;
    yyjson_doc      *doc;
    yyjson_val      *root, *v;
    unsigned char   *bytes;

    doc = yyjson_read((const char *) raw.data, raw.len, 0);
    root = yyjson_doc_get_root(doc);
    n = yyjson_arr_size(root);

    if (!yyjson_is_arr(root) || n > SOMA_VECTOR_MAX) {
        yyjson_doc_free(doc);
        return SOMA_DECLINED;
    }

    bytes = arena->alloc(arena->data, n * SOMA_VECTOR_FLOAT + 1);
    text->data = arena->alloc(arena->data,
                       soma_base64_encoded_len(n * SOMA_VECTOR_FLOAT) + 1);

    if (bytes == NULL || text->data == NULL) {
        yyjson_doc_free(doc);
        return SOMA_ERROR;
    }

    yyjson_arr_foreach(root, i, max, v) {

        if (!yyjson_is_num(v)) {
            yyjson_doc_free(doc);
            return SOMA_DECLINED;
        }

        f = (float) yyjson_get_num(v);
        memcpy(&bits, &f, sizeof(bits));

        bytes[i * SOMA_VECTOR_FLOAT] = bits & 0xff;
        bytes[i * SOMA_VECTOR_FLOAT + 1] = bits >> 8 & 0xff;
        bytes[i * SOMA_VECTOR_FLOAT + 2] = bits >> 16 & 0xff;
        bytes[i * SOMA_VECTOR_FLOAT + 3] = bits >> 24;
    }

    yyjson_doc_free(doc);

    text->len = soma_base64_encode(text->data,
                                   (soma_str_t) { n * SOMA_VECTOR_FLOAT,
                                                  bytes });

    return SOMA_OK;
}


/* nine digits tell floats apart; what is no number is 0 */

int
soma_vector_raw(soma_arena_t *arena, soma_str_t text, soma_str_t *raw)
{
    float           f;
    size_t          i, n, len;
    uint32_t        bits;
    soma_out_t      out;
    unsigned char  *bytes;
    char            digits[SOMA_VECTOR_DIGITS];

    bytes = arena->alloc(arena->data, soma_base64_decoded_len(text.len) + 1);
    if (bytes == NULL) {
        return SOMA_ERROR;
    }

    if (soma_base64_decode(bytes, &len, text) != SOMA_OK
        || len % SOMA_VECTOR_FLOAT != 0
        || len / SOMA_VECTOR_FLOAT > SOMA_VECTOR_MAX)
    {
        return SOMA_DECLINED;
    }

    n = len / SOMA_VECTOR_FLOAT;
    raw->data = arena->alloc(arena->data, n * SOMA_VECTOR_DIGITS + 2);

    if (raw->data == NULL) {
        return SOMA_ERROR;
    }

    soma_put_init(&out, raw->data, n * SOMA_VECTOR_DIGITS + 2);
    soma_put_char(&out, '[');

    for (i = 0; i < n; i++) {
        bits = (uint32_t) bytes[i * SOMA_VECTOR_FLOAT]
               | (uint32_t) bytes[i * SOMA_VECTOR_FLOAT + 1] << 8
               | (uint32_t) bytes[i * SOMA_VECTOR_FLOAT + 2] << 16
               | (uint32_t) bytes[i * SOMA_VECTOR_FLOAT + 3] << 24;
        memcpy(&f, &bits, sizeof(f));

        (void) snprintf(digits, sizeof(digits), "%.9g",
                        isfinite(f) ? (double) f : 0.0);

        soma_put_cstr(&out, i == 0 ? "" : ",");
        soma_put_cstr(&out, digits);
    }

    soma_put_char(&out, ']');

    raw->len = (size_t) (out.pos - out.start);

    return out.full ? SOMA_ERROR : SOMA_OK;
}
