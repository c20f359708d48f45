
/*
 * Copyright (C) The ngx_soma authors
 *
 * Images and documents for a request of the Messages API.
 */


#include "soma_anthropic_request.h"
#include "soma_write.h"


static soma_str_t soma_anthropic_write_media(const soma_inner_block_t *block);
static int soma_anthropic_write_from(soma_pieces_t *out,
    const soma_inner_block_t *block, soma_str_t media,
    soma_inner_loss_t *loss);
static int soma_anthropic_write_document(soma_pieces_t *out,
    const soma_inner_block_t *block, soma_inner_loss_t *loss);


/* the kinds of image that the API takes, by their first bytes in base64 */

static soma_str_t
soma_anthropic_write_media(const soma_inner_block_t *block)
{
    size_t  i;

    static const struct {
        soma_str_t  head;
        soma_str_t  media;
    } kinds[] = {
        { soma_string("iVBORw0KGgo"), soma_string("image/png") },
        { soma_string("/9j/"),        soma_string("image/jpeg") },
        { soma_string("R0lGOD"),      soma_string("image/gif") },
        { soma_string("UklGR"),       soma_string("image/webp") },
        { soma_string(""),            soma_string("") }
    };

    for (i = 0; kinds[i].head.len != 0; i++) {
        if (block->data.len >= kinds[i].head.len
            && memcmp(block->data.data, kinds[i].head.data, kinds[i].head.len)
               == 0)
        {
            return kinds[i].media;
        }
    }

    if (soma_str_case_is(block->media, "image/jpg")) {
        return SOMA_STR("image/jpeg");
    }

    for (i = 0; kinds[i].head.len != 0; i++) {
        if (soma_str_eq(block->media, kinds[i].media)) {
            break;
        }
    }

    return kinds[i].media;
}


/* an image or a document with where it comes from */

int
soma_anthropic_write_media_source(soma_pieces_t *out,
    const soma_inner_block_t *block, soma_inner_loss_t *loss)
{
    soma_str_t  media;

    media = SOMA_STR("application/pdf");

    if (block->source == SOMA_INNER_FILE
        && !soma_anthropic_write_turns_own(block))
    {
        return soma_inner_lose(loss, SOMA_STR("a file's id"),
                               "is known to one provider only");
    }

    if (block->source == SOMA_INNER_BYTES) {

        if (block->kind == SOMA_INNER_IMAGE) {
            media = soma_anthropic_write_media(block);

        } else if (block->media.len != 0
                   && !soma_str_case_is(block->media, "application/pdf"))
        {
            media.len = 0;
        }

        if (media.len == 0) {
            return soma_inner_lose(loss, block->media.len ? block->media
                                         : SOMA_STR("an image of that kind"),
                                   SOMA_ANTHROPIC_WHY);
        }
    }

    soma_anthropic_write_turns_comma(out);
    soma_pieces_char(out, '{');
    soma_write_word(out, "type", block->kind == SOMA_INNER_IMAGE
                                 ? "image" : "document");
    soma_write_name(out, "source");
    soma_pieces_char(out, '{');

    if (soma_anthropic_write_from(out, block, media, loss) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    soma_pieces_char(out, '}');

    if (block->kind == SOMA_INNER_DOCUMENT) {
        soma_write_text(out, "title", block->title);
        soma_write_text(out, "context", block->text);

        if (block->cite) {
            soma_write_raw(out, "citations", SOMA_STR("{\"enabled\":true}"));
        }
    }

    soma_anthropic_write_turns_cache(out, block->cache);
    soma_pieces_char(out, '}');

    return SOMA_OK;
}


static int
soma_anthropic_write_from(soma_pieces_t *out,
    const soma_inner_block_t *block, soma_str_t media,
    soma_inner_loss_t *loss)
{
    switch (block->source) {

    case SOMA_INNER_BYTES:
        soma_write_word(out, "type", "base64");
        soma_write_quoted(out, "media_type", media);
        soma_write_text(out, "data", block->data);
        return SOMA_OK;

    case SOMA_INNER_URL:
        soma_write_word(out, "type", "url");
        soma_write_text(out, "url", block->data);
        return SOMA_OK;

    case SOMA_INNER_FILE:
        soma_write_word(out, "type", "file");
        soma_write_quoted(out, "file_id", block->data);
        return SOMA_OK;

    default:
        return soma_anthropic_write_document(out, block, loss);
    }
}


/* words or blocks of a document */

static int
soma_anthropic_write_document(soma_pieces_t *out,
    const soma_inner_block_t *block, soma_inner_loss_t *loss)
{
    const soma_inner_block_t  *part;

    if (block->source == SOMA_INNER_PLAIN) {
        soma_write_word(out, "type", "text");
        soma_write_word(out, "media_type", "text/plain");
        soma_write_text(out, "data", block->data);
        return SOMA_OK;
    }

    soma_write_word(out, "type", "content");
    soma_write_name(out, "content");
    soma_pieces_char(out, '[');

    for (part = block->content; part; part = part->next) {
        if (soma_anthropic_write_turns_says(part)
            && soma_anthropic_write_turns_block(out, part, 0, loss) != SOMA_OK)
        {
            return SOMA_DECLINED;
        }
    }

    soma_pieces_char(out, ']');

    return SOMA_OK;
}
