
/*
 * Copyright (C) The ngx_soma authors
 *
 * Images, documents, sound and video for a request of Google's API, which takes
 * bytes, and of addresses only those of its own files and of YouTube.
 */


#include "soma_gemini_request.h"
#include "soma_write.h"


static soma_str_t soma_gemini_write_type(const soma_inner_block_t *block);
static int soma_gemini_write_address(soma_pieces_t *out,
    const soma_inner_block_t *block, soma_inner_loss_t *loss);
static int soma_gemini_write_document(soma_pieces_t *out,
    const soma_inner_block_t *block, soma_inner_loss_t *loss);


int
soma_gemini_write_media(soma_pieces_t *out, const soma_inner_block_t *block,
    soma_inner_loss_t *loss)
{
    soma_str_t  media;

    if (block->detail.len != 0 && !soma_str_is(block->detail, "auto")) {
        soma_inner_drop(loss, SOMA_STR("image_url.detail"));
    }

    if (block->cite
        && soma_inner_lose(loss, SOMA_STR("citations"), SOMA_GEMINI_WHY)
           != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    switch (block->source) {

    case SOMA_INNER_PLAIN:
    case SOMA_INNER_PARTS:
        return soma_gemini_write_document(out, block, loss);

    case SOMA_INNER_URL:
    case SOMA_INNER_FILE:
        return soma_gemini_write_address(out, block, loss);

    default:
        break;
    }

    media = soma_gemini_write_type(block);

    if (media.len == 0) {
        return soma_inner_lose(loss, block->media.len ? block->media
                                     : SOMA_STR("a file of that kind"),
                               SOMA_GEMINI_WHY);
    }

    soma_gemini_write_turns_comma(out);
    soma_pieces_cstr(out, "{\"inlineData\":{");
    soma_write_quoted(out, "mimeType", media);
    soma_write_text(out, "data", block->data);
    soma_pieces_cstr(out, "}}");

    return SOMA_OK;
}


/* what it is by its bytes, which clients do not always say right; of images
 * and documents the API takes these */

static soma_str_t
soma_gemini_write_type(const soma_inner_block_t *block)
{
    size_t      i;
    soma_str_t  media;

    static const soma_str_t  images[] = {
        soma_string("image/png"),
        soma_string("image/jpeg"),
        soma_string("image/webp"),
        soma_string("image/heic"),
        soma_string("image/heif")
    };

    media = soma_inner_sniff(block->data);

    if (media.len == 0) {
        media = block->media;
    }

    if (soma_str_case_is(media, "image/jpg")) {
        media = images[1];
    }

    switch (block->kind) {

    case SOMA_INNER_IMAGE:

        for (i = 0; i < sizeof(images) / sizeof(images[0]); i++) {
            if (soma_str_eq(media, images[i])) {
                return media;
            }
        }

        return (soma_str_t) soma_str_null;

    case SOMA_INNER_DOCUMENT:
        return soma_str_is(media, "application/pdf")
               || (media.len > 5 && memcmp(media.data, "text/", 5) == 0)
               ? media
               : media.len == 0 ? SOMA_STR("application/pdf")
                                : (soma_str_t) soma_str_null;

    default:

        /* a container may hold either, and the client says which */

        return block->media.len != 0 ? block->media : media;
    }
}


static int
soma_gemini_write_address(soma_pieces_t *out,
    const soma_inner_block_t *block, soma_inner_loss_t *loss)
{
    size_t      i;
    soma_str_t  uri;
    unsigned    own;

    static const soma_str_t  known[] = {
        soma_string("gs://"),
        soma_string("https://www.youtube.com/"),
        soma_string("https://youtube.com/"),
        soma_string("https://youtu.be/")
    };

    uri = block->data;
    own = block->source == SOMA_INNER_FILE
          && soma_gemini_write_turns_own(block);

    for (i = 0; block->source == SOMA_INNER_URL
                && i < sizeof(known) / sizeof(known[0]); i++)
    {
        own |= (uri.len > known[i].len
                && memcmp(uri.data, known[i].data, known[i].len) == 0);
    }

    if (!own) {
        return soma_inner_lose(loss, block->source == SOMA_INNER_FILE
                                     ? SOMA_STR("a file's id")
                                     : SOMA_STR("a file's address"),
                               SOMA_GEMINI_WHY);
    }

    soma_gemini_write_turns_comma(out);
    soma_pieces_cstr(out, "{\"fileData\":{");

    if (block->media.len != 0) {
        soma_write_quoted(out, "mimeType", block->media);
    }

    if (block->source == SOMA_INNER_FILE) {
        soma_write_quoted(out, "fileUri", uri);

    } else {
        soma_write_text(out, "fileUri", uri);
    }

    soma_pieces_cstr(out, "}}");

    return SOMA_OK;
}


/* words of a document: its title stands in front of them */

static int
soma_gemini_write_document(soma_pieces_t *out,
    const soma_inner_block_t *block, soma_inner_loss_t *loss)
{
    unsigned                   n;
    const soma_inner_block_t  *part;

    n = 0;

    if (block->source == SOMA_INNER_PLAIN && block->data.len == 0) {
        return SOMA_OK;
    }

    if (block->title.len != 0 || block->source == SOMA_INNER_PLAIN) {
        soma_gemini_write_turns_comma(out);
        soma_pieces_cstr(out, "{\"text\":\"");
        soma_pieces_str(out, block->title);

        if (block->source == SOMA_INNER_PLAIN) {
            soma_pieces_cstr(out, block->title.len != 0 ? "\\n\\n" : "");
            soma_pieces_str(out, block->data);
        }

        soma_pieces_cstr(out, "\"}");
    }

    if (block->source == SOMA_INNER_PLAIN) {
        return SOMA_OK;
    }

    for (part = block->content; part; part = part->next, n++) {

        if (part->kind == SOMA_INNER_TEXT
            || part->kind == SOMA_INNER_SEARCH_RESULT)
        {
            if (part->text.len != 0) {
                soma_gemini_write_turns_words(out, part->text);
            }

            continue;
        }

        if (part->kind != SOMA_INNER_IMAGE
            || part->source == SOMA_INNER_PARTS)
        {
            if (soma_inner_lose(loss, SOMA_STR("a part of a document"),
                                SOMA_GEMINI_WHY)
                != SOMA_OK)
            {
                return SOMA_DECLINED;
            }

            continue;
        }

        if (soma_gemini_write_media(out, part, loss) != SOMA_OK) {
            return SOMA_DECLINED;
        }
    }

    return SOMA_OK;
}
