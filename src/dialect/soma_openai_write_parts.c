
/*
 * Copyright (C) The ngx_soma authors
 *
 * The parts of a message's content for a chat request.
 */


#include "soma_openai_shared.h"
#include "soma_openai_write.h"
#include "soma_write.h"


static int soma_openai_write_image(soma_pieces_t *out,
    const soma_inner_block_t *block, soma_inner_loss_t *loss);
static int soma_openai_write_file(soma_pieces_t *out,
    const soma_inner_block_t *block, soma_inner_loss_t *loss);
static int soma_openai_write_sound(soma_pieces_t *out,
    const soma_inner_block_t *block, soma_inner_loss_t *loss);


unsigned
soma_openai_write_said(const soma_inner_block_t *block)
{
    return block->kind != SOMA_INNER_CALL && block->kind != SOMA_INNER_RESULT
           && block->kind != SOMA_INNER_REASONING;
}


int
soma_openai_write_part(soma_pieces_t *out, const soma_inner_block_t *block,
    soma_inner_loss_t *loss)
{
    switch (block->kind) {

    case SOMA_INNER_CALL:
    case SOMA_INNER_RESULT:
    case SOMA_INNER_REASONING:
        return SOMA_OK;

    case SOMA_INNER_TEXT:
        soma_openai_shared_comma(out);
        soma_pieces_cstr(out, "{\"type\":\"text\"");
        soma_write_text(out, "text", block->text);
        soma_pieces_char(out, '}');
        return SOMA_OK;

    case SOMA_INNER_SEARCH_RESULT:
        soma_openai_shared_comma(out);
        soma_pieces_cstr(out, "{\"type\":\"text\"");
        soma_openai_shared_words(out, "text", block);
        soma_pieces_char(out, '}');
        return SOMA_OK;

    case SOMA_INNER_REFUSAL:
        soma_openai_shared_comma(out);
        soma_pieces_cstr(out, "{\"type\":\"refusal\"");
        soma_write_text(out, "refusal", block->text);
        soma_pieces_char(out, '}');
        return SOMA_OK;

    case SOMA_INNER_IMAGE:
        return soma_openai_write_image(out, block, loss);

    case SOMA_INNER_DOCUMENT:
        return soma_openai_write_file(out, block, loss);

    case SOMA_INNER_AUDIO:
        return soma_openai_write_sound(out, block, loss);

    default:
        return soma_inner_lose(loss, block->type.len ? block->type
                                                     : SOMA_STR("video"),
                               SOMA_OPENAI_WHY);
    }
}


static int
soma_openai_write_image(soma_pieces_t *out, const soma_inner_block_t *block,
    soma_inner_loss_t *loss)
{
    if (block->source == SOMA_INNER_FILE) {
        return soma_inner_lose(loss, SOMA_STR("an image's file id"),
                               "is known to one provider only");
    }

    soma_openai_shared_comma(out);
    soma_pieces_cstr(out, "{\"type\":\"image_url\",\"image_url\":{");

    if (block->source == SOMA_INNER_URL) {
        soma_write_text(out, "url", block->data);

    } else {
        soma_openai_shared_data(out, "url", block);
    }

    soma_write_quoted(out, "detail", block->detail);
    soma_pieces_cstr(out, "}}");

    return SOMA_OK;
}


static int
soma_openai_write_file(soma_pieces_t *out, const soma_inner_block_t *block,
    soma_inner_loss_t *loss)
{
    if (block->cite
        && soma_inner_lose(loss, SOMA_STR("citations"), SOMA_OPENAI_WHY)
           != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    if (block->source == SOMA_INNER_URL
        || (block->source == SOMA_INNER_FILE
            && !soma_openai_shared_own(block)))
    {
        return soma_inner_lose(loss, SOMA_STR("a document by URL or id"),
                               SOMA_OPENAI_WHY);
    }

    soma_openai_shared_comma(out);

    if (block->source == SOMA_INNER_PLAIN
        || block->source == SOMA_INNER_PARTS)
    {
        soma_pieces_cstr(out, "{\"type\":\"text\"");
        soma_openai_shared_words(out, "text", block);
        soma_pieces_char(out, '}');
        return SOMA_OK;
    }

    soma_pieces_cstr(out, "{\"type\":\"file\",\"file\":{");

    if (block->source == SOMA_INNER_FILE) {
        soma_write_quoted(out, "file_id", block->data);

    } else {
        soma_openai_shared_data(out, "file_data", block);
        soma_write_text(out, "filename", soma_openai_shared_title(block));
    }

    soma_pieces_cstr(out, "}}");

    return SOMA_OK;
}


static int
soma_openai_write_sound(soma_pieces_t *out, const soma_inner_block_t *block,
    soma_inner_loss_t *loss)
{
    const char  *format;

    format = (soma_str_is(block->media, "audio/mpeg")
              || soma_str_is(block->media, "audio/mp3")) ? "mp3"
             : (soma_str_is(block->media, "audio/wav")
                || soma_str_is(block->media, "audio/x-wav")
                || soma_str_is(block->media, "audio/wave")) ? "wav" : NULL;

    if (format == NULL || block->source != SOMA_INNER_BYTES) {
        return soma_inner_lose(loss, block->media.len ? block->media
                                                      : SOMA_STR("audio"),
                               SOMA_OPENAI_WHY);
    }

    soma_openai_shared_comma(out);
    soma_pieces_cstr(out, "{\"type\":\"input_audio\",\"input_audio\":{");
    soma_write_text(out, "data", block->data);
    soma_write_word(out, "format", format);
    soma_pieces_cstr(out, "}}");

    return SOMA_OK;
}
