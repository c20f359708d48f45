
/*
 * Copyright (C) The ngx_soma authors
 *
 * Images and files within URLs (RFC 2397), as clients really write them:
 * in any case, with parameters, with blanks.
 */


#include "soma_base64.h"
#include "soma_inner.h"


#define SOMA_INNER_DATA   "data:"
#define SOMA_INNER_SNIFF  24        /* bytes, a multiple of three */


static int soma_inner_base64(soma_str_t s);
static unsigned soma_inner_media_urls(soma_inner_block_t *block,
    unsigned kinds, soma_inner_block_t **list, unsigned n, unsigned max);


int
soma_inner_data_url(soma_arena_t *arena, soma_str_t url, soma_str_t *media,
    soma_str_t *data)
{
    size_t                len;
    soma_str_t            head, word;
    const unsigned char  *comma, *end;

    while (url.len != 0 && url.data[0] == ' ') {
        url.data++;
        url.len--;
    }

    len = sizeof(SOMA_INNER_DATA) - 1;

    if (url.len < len
        || !soma_str_case_is((soma_str_t) { len, url.data }, SOMA_INNER_DATA))
    {
        return SOMA_DECLINED;
    }

    end = url.data + url.len;
    comma = memchr(url.data, ',', url.len);

    if (comma == NULL) {
        return SOMA_ERROR;
    }

    head.data = url.data + len;
    head.len = (size_t) (comma - head.data);

    data->data = (unsigned char *) comma + 1;
    data->len = (size_t) (end - data->data);

    if (!soma_inner_base64(head)) {
        return SOMA_ERROR;
    }

    for (word = head, word.len = 0; word.len < head.len; word.len++) {
        if (word.data[word.len] == ';') {
            break;
        }
    }

    *media = soma_str_trim(word);

    return soma_base64_standard(arena, *data, data) == SOMA_OK ? SOMA_OK
                                                                : SOMA_ERROR;
}


soma_str_t
soma_inner_sniff(soma_str_t base64)
{
    size_t         i, len, n;
    soma_str_t     head;
    unsigned char  bytes[SOMA_INNER_SNIFF];

    static const struct {
        size_t       at;
        soma_str_t   bytes;
        soma_str_t   media;
    } kinds[] = {
        { 0, soma_string("\x89PNG\r\n"), soma_string("image/png") },
        { 0, soma_string("\xff\xd8\xff"), soma_string("image/jpeg") },
        { 0, soma_string("GIF8"), soma_string("image/gif") },
        { 8, soma_string("WEBP"), soma_string("image/webp") },
        { 4, soma_string("ftypheic"), soma_string("image/heic") },
        { 4, soma_string("ftypmif1"), soma_string("image/heif") },
        { 0, soma_string("BM"), soma_string("image/bmp") },
        { 0, soma_string("II*\0"), soma_string("image/tiff") },
        { 0, soma_string("MM\0*"), soma_string("image/tiff") },
        { 0, soma_string("%PDF"), soma_string("application/pdf") },
        { 8, soma_string("WAVE"), soma_string("audio/wav") },
        { 0, soma_string("ID3"), soma_string("audio/mpeg") },
        { 0, soma_string("\xff\xfb"), soma_string("audio/mpeg") },
        { 0, soma_string("OggS"), soma_string("audio/ogg") },
        { 0, soma_string("fLaC"), soma_string("audio/flac") },
        { 4, soma_string("ftyp"), soma_string("video/mp4") },
        { 0, soma_string("\x1a\x45\xdf\xa3"), soma_string("video/webm") }
    };

    head = base64;
    head.len = (head.len < sizeof(bytes) / 3 * 4) ? head.len / 4 * 4
                                                  : sizeof(bytes) / 3 * 4;

    if (soma_base64_decode(bytes, &len, head) != SOMA_OK) {
        return (soma_str_t) soma_str_null;
    }

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        n = kinds[i].bytes.len;

        if (len >= kinds[i].at + n
            && memcmp(bytes + kinds[i].at, kinds[i].bytes.data, n) == 0)
        {
            return kinds[i].media;
        }
    }

    return (soma_str_t) soma_str_null;
}


/* whether the last parameter of a data URL's head is "base64" */

static int
soma_inner_base64(soma_str_t s)
{
    size_t      i;
    soma_str_t  word;

    for (i = s.len; i > 0 && s.data[i - 1] != ';'; i--) { /* void */ }

    if (i == 0) {
        return 0;
    }

    word.data = s.data + i;
    word.len = s.len - i;

    return soma_str_case_is(soma_str_trim(word), "base64");
}


unsigned
soma_inner_urls(const soma_inner_request_t *request, unsigned kinds,
    soma_inner_block_t **list, unsigned max)
{
    unsigned                  n;
    const soma_inner_turn_t  *turn;

    n = 0;

    for (turn = request->turns; turn; turn = turn->next) {
        n = soma_inner_media_urls(turn->blocks, kinds, list, n, max);
    }

    return n;
}


static unsigned
soma_inner_media_urls(soma_inner_block_t *block, unsigned kinds,
    soma_inner_block_t **list, unsigned n, unsigned max)
{
    for ( /* void */ ; block; block = block->next) {

        if (block->content != NULL) {
            n = soma_inner_media_urls(block->content, kinds, list, n, max);
        }

        if (!(kinds >> block->kind & 1) || block->source != SOMA_INNER_URL) {
            continue;
        }

        if (n < max) {
            list[n] = block;
        }

        n++;
    }

    return n;
}


int
soma_inner_fetched(soma_arena_t *arena, soma_inner_block_t *block,
    soma_str_t bytes)
{
    soma_str_t      media, data;
    unsigned char  *p;

    p = arena->alloc(arena->data, soma_base64_encoded_len(bytes.len));
    if (p == NULL) {
        return SOMA_ERROR;
    }

    data.data = p;
    data.len = soma_base64_encode(p, bytes);
    media = soma_inner_sniff(data);

    if (block->kind == SOMA_INNER_IMAGE
        ? media.len < 6 || memcmp(media.data, "image/", 6) != 0
        : !soma_str_is(media, "application/pdf"))
    {
        return SOMA_DECLINED;
    }

    block->source = SOMA_INNER_BYTES;
    block->data = data;
    block->media = media;

    return SOMA_OK;
}
