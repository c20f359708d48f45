
/*
 * Copyright (C) The ngx_soma authors
 *
 * Pictures, documents, sound and video of a request of Converse, and what a
 * search found.  AWS knows their kinds by words of its own.
 */


#include "soma_base64.h"
#include "soma_bedrock_request.h"


typedef struct {
    const char   *format;
    soma_str_t    media;
    unsigned      words;            /* of a document: it is text */
} soma_bedrock_format_t;


static int soma_bedrock_parts_words(soma_fill_t *r,
    soma_inner_block_t *block);


static const soma_bedrock_format_t  soma_bedrock_formats[] = {
    { "png",   soma_string("image/png"), 0 },
    { "jpeg",  soma_string("image/jpeg"), 0 },
    { "gif",   soma_string("image/gif"), 0 },
    { "webp",  soma_string("image/webp"), 0 },
    { "pdf",   soma_string("application/pdf"), 0 },
    { "csv",   soma_string("text/csv"), 1 },
    { "txt",   soma_string("text/plain"), 1 },
    { "md",    soma_string("text/markdown"), 1 },
    { "html",  soma_string("text/html"), 1 },
    { "doc",   soma_string("application/msword"), 0 },
    { "docx",  soma_string("application/vnd.openxmlformats-officedocument."
                           "wordprocessingml.document"), 0 },
    { "xls",   soma_string("application/vnd.ms-excel"), 0 },
    { "xlsx",  soma_string("application/vnd.openxmlformats-officedocument."
                           "spreadsheetml.sheet"), 0 },
    { "mp4",   soma_string("video/mp4"), 0 },
    { "mov",   soma_string("video/quicktime"), 0 },
    { "mkv",   soma_string("video/x-matroska"), 0 },
    { "webm",  soma_string("video/webm"), 0 },
    { "flv",   soma_string("video/x-flv"), 0 },
    { "mpeg",  soma_string("video/mpeg"), 0 },
    { "mpg",   soma_string("video/mpeg"), 0 },
    { "wmv",   soma_string("video/x-ms-wmv"), 0 },
    { "three_gp", soma_string("video/3gpp"), 0 }
};


static const soma_bedrock_format_t  soma_bedrock_sounds[] = {
    { "mp3",   soma_string("audio/mpeg"), 0 },
    { "mpeg",  soma_string("audio/mpeg"), 0 },
    { "mpga",  soma_string("audio/mpeg"), 0 },
    { "wav",   soma_string("audio/wav"), 0 },
    { "flac",  soma_string("audio/flac"), 0 },
    { "aac",   soma_string("audio/aac"), 0 },
    { "x-aac", soma_string("audio/aac"), 0 },
    { "ogg",   soma_string("audio/ogg"), 0 },
    { "opus",  soma_string("audio/opus"), 0 },
    { "m4a",   soma_string("audio/mp4"), 0 },
    { "mp4",   soma_string("audio/mp4"), 0 },
    { "webm",  soma_string("audio/webm"), 0 },
    { "mka",   soma_string("audio/x-matroska"), 0 },
    { "mkv",   soma_string("audio/x-matroska"), 0 },
    { "pcm",   soma_string("audio/pcm"), 0 }
};


int
soma_bedrock_parts_media(soma_fill_t *r, soma_inner_block_t *block,
    soma_json_value_t *value)
{
    size_t                        i, n;
    unsigned                      words;
    soma_str_t                    format, bytes;
    soma_json_value_t             source, place;
    const soma_bedrock_format_t  *list;

    (void) soma_fill_text(value->text, "format", &format);

    if (block->kind == SOMA_INNER_AUDIO) {
        list = soma_bedrock_sounds;
        n = sizeof(soma_bedrock_sounds) / sizeof(soma_bedrock_sounds[0]);

    } else {
        list = soma_bedrock_formats;
        n = sizeof(soma_bedrock_formats) / sizeof(soma_bedrock_formats[0]);
    }

    words = 0;

    for (i = 0; i < n; i++) {
        if (soma_str_is(format, list[i].format)) {
            block->media = list[i].media;
            words = list[i].words;
        }
    }

    if (soma_json_get(value->text, "source", &source) != SOMA_OK) {
        source.text = SOMA_STR("{}");
    }

    if (block->kind == SOMA_INNER_DOCUMENT
        && soma_fill_text(source.text, "text", &block->data) == SOMA_OK)
    {
        block->source = SOMA_INNER_PLAIN;
        return SOMA_OK;
    }

    if (soma_json_get(source.text, "s3Location", &place) == SOMA_OK
        && soma_fill_name(r, place.text, "uri", &block->data) == SOMA_OK)
    {
        block->source = SOMA_INNER_FILE;
        block->maker = SOMA_STR(SOMA_BEDROCK_MAKER);
        return SOMA_OK;
    }

    if (soma_fill_name(r, source.text, "bytes", &bytes) != SOMA_OK
        || soma_base64_standard(r->arena, bytes, &block->data) != SOMA_OK)
    {
        *r->error = "an image, a document, a video or a sound must have a "
                    "\"source\" with its \"bytes\" in base64";
        return SOMA_ERROR;
    }

    if (block->media.len == 0) {
        block->media = soma_inner_sniff(block->data);
    }

    return (block->kind == SOMA_INNER_DOCUMENT && words)
           ? soma_bedrock_parts_words(r, block) : SOMA_OK;
}


/* a file of text: all dialects have words, not all have files */

static int
soma_bedrock_parts_words(soma_fill_t *r, soma_inner_block_t *block)
{
    soma_str_t  plain;

    plain.data = r->arena->alloc(r->arena->data,
                                 soma_base64_decoded_len(block->data.len)
                                 + 1);
    if (plain.data == NULL) {
        return SOMA_ERROR;
    }

    if (soma_base64_decode(plain.data, &plain.len, block->data) != SOMA_OK) {
        *r->error = "the \"bytes\" of a document are not in base64";
        return SOMA_ERROR;
    }

    block->source = SOMA_INNER_PLAIN;

    return soma_inner_text(r->arena, plain, &block->data);
}


/* kept as it stood for its own dialect; the words are for all others */

int
soma_bedrock_parts_search(soma_fill_t *r, soma_inner_block_t *block,
    soma_json_value_t *value)
{
    soma_str_t         name, words;
    soma_pieces_t      out;
    soma_json_iter_t   it;
    soma_json_value_t  content, part;

    (void) soma_fill_text(value->text, "title", &block->title);
    (void) soma_fill_text(value->text, "source", &block->data);

    block->source = SOMA_INNER_URL;
    block->raw = value->text;
    block->type = SOMA_STR("searchResult");
    block->maker = SOMA_STR(SOMA_BEDROCK_MAKER);

    soma_pieces_init(&out, r->arena);

    if (soma_json_get(value->text, "content", &content) == SOMA_OK
        && soma_json_first(&it, content.text) == SOMA_OK && !it.object)
    {
        while (soma_json_next(&it, &name, &part) == SOMA_OK) {
            if (soma_fill_text(part.text, "text", &words) == SOMA_OK) {
                soma_pieces_str(&out, words);
            }
        }
    }

    return soma_pieces_whole(&out, &block->text);
}
