
/*
 * Copyright (C) The ngx_soma authors
 *
 * The first byte says which family, and how long the parts are that the rest
 * comes in: whole or in parts it is the same number, and no more than bytes.
 * A second byte of 0xff makes the rest a vocabulary's file.
 */


#include <stdlib.h>

#include "soma_bpe.h"
#include "soma_bpe_test.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
need(int cond)
{
    if (!cond) {
        abort();
    }
}


static void
fuzz_file(const uint8_t *data, size_t size)
{
    const char  *error;
    soma_str_t   file;
    soma_bpe_t   bpe;

    file.data = malloc(size + 1);
    file.len = size;
    need(file.data != NULL);
    memcpy(file.data, data, size);

    error = NULL;

    if (soma_bpe_open(&bpe, file, &error) != SOMA_OK) {
        need(error != NULL);

    } else {
        need(soma_bpe_count(&bpe, file) <= (int64_t) size);
    }

    free(file.data);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t             i, n, part;
    int64_t            tokens;
    soma_str_t         text, file;
    soma_bpe_stream_t  stream;

    static soma_bpe_t  bpe[SOMA_BPE_FAMILIES];

    for (i = SOMA_BPE_CL100K; i < SOMA_BPE_FAMILIES; i++) {
        if (bpe[i].slot == NULL) {
            need(soma_bpe_test_open(&bpe[i], i, &file) == SOMA_OK);
        }
    }

    if (size < 2) {
        return 0;
    }

    if (data[1] == 0xff) {
        fuzz_file(data + 2, size - 2);
        return 0;
    }

    i = (data[0] & 1) ? SOMA_BPE_O200K : SOMA_BPE_CL100K;
    part = 1 + data[0] / 2;

    text.data = (unsigned char *) (uintptr_t) data + 1;
    text.len = size - 1;

    tokens = soma_bpe_count(&bpe[i], text);
    need(tokens > 0 && tokens <= (int64_t) text.len);

    soma_bpe_stream_init(&stream, &bpe[i]);

    for (n = 0; n < text.len; n += part) {
        part = part < text.len - n ? part : text.len - n;
        soma_bpe_stream_add(&stream, text.data + n, part);
        need(soma_bpe_stream_tokens(&stream) <= stream.bytes);
    }

    need(soma_bpe_stream_tokens(&stream) == tokens);

    return 0;
}
