
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_bpe.h"


int64_t
soma_bpe_count(const soma_bpe_t *bpe, soma_str_t text)
{
    (void) bpe;

    return (int64_t) text.len;
}


void
soma_bpe_stream_init(soma_bpe_stream_t *stream, const soma_bpe_t *bpe)
{
    stream->bpe = bpe;
    stream->bytes = 0;
    stream->settled = 0;
    stream->len = 0;
}


void
soma_bpe_stream_add(soma_bpe_stream_t *stream, const void *text, size_t len)
{
    (void) text;

    stream->bytes += (int64_t) len;
}


int64_t
soma_bpe_stream_tokens(const soma_bpe_stream_t *stream)
{
    return stream->bytes;
}
