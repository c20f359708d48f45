
/*
 * Copyright (C) The ngx_soma authors
 *
 * Pictures, documents, sound and video for a request of Converse, which takes
 * them by their bytes, and by words of its own for their kinds.
 */


#include "soma_base64.h"
#include "soma_bedrock_write.h"
#include "soma_write.h"


#define SOMA_BEDROCK_TITLE  100     /* bytes of a document's name; AWS takes
                                       twice as many */
#define SOMA_BEDROCK_DIGITS  8      /* and of what makes it unlike others */


static const char *soma_bedrock_write_format(
    const soma_inner_block_t *block);
static int soma_bedrock_write_source(soma_bedrock_write_t *w,
    const soma_inner_block_t *block);
static int soma_bedrock_write_words(soma_bedrock_write_t *w,
    soma_str_t text);
static int soma_bedrock_write_parts(soma_bedrock_write_t *w,
    const soma_inner_block_t *block);
static int soma_bedrock_write_title(soma_bedrock_write_t *w,
    const soma_inner_block_t *block);
static unsigned soma_bedrock_write_new(soma_bedrock_write_t *w,
    soma_str_t name);


int
soma_bedrock_write_media(soma_bedrock_write_t *w,
    const soma_inner_block_t *block)
{
    const char  *kind, *format;

    kind = (block->kind == SOMA_INNER_IMAGE) ? "image"
           : (block->kind == SOMA_INNER_DOCUMENT) ? "document"
           : (block->kind == SOMA_INNER_AUDIO) ? "audio" : "video";

    if ((block->kind == SOMA_INNER_IMAGE
         && w->loss->facts & SOMA_FACT_NO_IMAGES)
        || (block->kind == SOMA_INNER_DOCUMENT
            && w->loss->facts & SOMA_FACT_NO_DOCUMENTS))
    {
        return soma_inner_lose(w->loss, (soma_str_t) { strlen(kind),
                               (unsigned char *) (uintptr_t) kind },
                               "is not taken by the model");
    }

    if (block->source == SOMA_INNER_FILE && !soma_bedrock_write_own(block)) {
        return soma_inner_lose(w->loss, SOMA_STR("a file's id"),
                               "is known to one provider only");
    }

    if (block->source == SOMA_INNER_URL) {
        return soma_bedrock_write_lose(w, SOMA_STR("an image or a document "
                                                   "by URL"));
    }

    format = soma_bedrock_write_format(block);

    if (format == NULL) {
        return soma_bedrock_write_lose(w, block->media.len
                                          ? block->media
                                          : SOMA_STR("a file of that kind"));
    }

    if (block->detail.len != 0 && !soma_str_is(block->detail, "auto")) {
        soma_inner_drop(w->loss, SOMA_STR("image_url.detail"));
    }

    soma_bedrock_write_comma(w->out);
    soma_pieces_char(w->out, '{');
    soma_write_name(w->out, kind);
    soma_pieces_char(w->out, '{');

    if (*format != '\0') {
        soma_write_word(w->out, "format", format);
    }

    if ((block->kind == SOMA_INNER_DOCUMENT
         && soma_bedrock_write_title(w, block) != SOMA_OK)
        || soma_bedrock_write_source(w, block) != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    soma_pieces_cstr(w->out, "}}");

    return SOMA_OK;
}


/* what AWS calls it: its first bytes tell, then what was said of it.  NULL: it
 * takes none of that kind; empty: blocks have none */

static const char *
soma_bedrock_write_format(const soma_inner_block_t *block)
{
    size_t      i;
    soma_str_t  media;

    static const struct {
        soma_inner_kind_e   kind;
        const char         *media;
        const char         *format;
    } formats[] = {
        { SOMA_INNER_IMAGE, "image/png", "png" },
        { SOMA_INNER_IMAGE, "image/jpeg", "jpeg" },
        { SOMA_INNER_IMAGE, "image/jpg", "jpeg" },
        { SOMA_INNER_IMAGE, "image/gif", "gif" },
        { SOMA_INNER_IMAGE, "image/webp", "webp" },
        { SOMA_INNER_DOCUMENT, "application/pdf", "pdf" },
        { SOMA_INNER_DOCUMENT, "text/plain", "txt" },
        { SOMA_INNER_DOCUMENT, "text/markdown", "md" },
        { SOMA_INNER_DOCUMENT, "text/html", "html" },
        { SOMA_INNER_DOCUMENT, "text/csv", "csv" },
        { SOMA_INNER_DOCUMENT, "application/msword", "doc" },
        { SOMA_INNER_DOCUMENT, "application/vnd.openxmlformats-"
          "officedocument.wordprocessingml.document", "docx" },
        { SOMA_INNER_DOCUMENT, "application/vnd.ms-excel", "xls" },
        { SOMA_INNER_DOCUMENT, "application/vnd.openxmlformats-"
          "officedocument.spreadsheetml.sheet", "xlsx" },
        { SOMA_INNER_AUDIO, "audio/mpeg", "mp3" },
        { SOMA_INNER_AUDIO, "audio/mp3", "mp3" },
        { SOMA_INNER_AUDIO, "audio/wav", "wav" },
        { SOMA_INNER_AUDIO, "audio/x-wav", "wav" },
        { SOMA_INNER_AUDIO, "audio/flac", "flac" },
        { SOMA_INNER_AUDIO, "audio/aac", "aac" },
        { SOMA_INNER_AUDIO, "audio/ogg", "ogg" },
        { SOMA_INNER_AUDIO, "audio/opus", "opus" },
        { SOMA_INNER_AUDIO, "audio/mp4", "m4a" },
        { SOMA_INNER_AUDIO, "audio/webm", "webm" },
        { SOMA_INNER_AUDIO, "audio/pcm", "pcm" },
        { SOMA_INNER_VIDEO, "video/mp4", "mp4" },
        { SOMA_INNER_VIDEO, "video/quicktime", "mov" },
        { SOMA_INNER_VIDEO, "video/mov", "mov" },
        { SOMA_INNER_VIDEO, "video/x-matroska", "mkv" },
        { SOMA_INNER_VIDEO, "video/webm", "webm" },
        { SOMA_INNER_VIDEO, "video/x-flv", "flv" },
        { SOMA_INNER_VIDEO, "video/mpeg", "mpeg" },
        { SOMA_INNER_VIDEO, "video/x-ms-wmv", "wmv" },
        { SOMA_INNER_VIDEO, "video/3gpp", "three_gp" }
    };

    if (block->source == SOMA_INNER_PARTS) {
        return "";
    }

    media = block->media;

    if (block->source == SOMA_INNER_BYTES
        && (block->kind == SOMA_INNER_IMAGE || media.len == 0))
    {
        media = soma_inner_sniff(block->data);
        media = (media.len != 0) ? media : block->media;
    }

    for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        if (formats[i].kind == block->kind
            && soma_str_case_is(media, formats[i].media))
        {
            return formats[i].format;
        }
    }

    if (block->kind != SOMA_INNER_DOCUMENT) {
        return NULL;
    }

    return (block->source == SOMA_INNER_PLAIN) ? "txt"
           : (media.len == 0) ? "pdf" : NULL;
}


static int
soma_bedrock_write_source(soma_bedrock_write_t *w,
    const soma_inner_block_t *block)
{
    int  rc;

    rc = SOMA_OK;

    soma_write_name(w->out, "source");
    soma_pieces_char(w->out, '{');

    switch (block->source) {

    case SOMA_INNER_FILE:
        soma_pieces_cstr(w->out, "\"s3Location\":{");
        soma_write_quoted(w->out, "uri", block->data);
        soma_pieces_char(w->out, '}');
        break;

    case SOMA_INNER_PLAIN:
        rc = soma_bedrock_write_words(w, block->data);
        break;

    case SOMA_INNER_PARTS:
        rc = soma_bedrock_write_parts(w, block);
        break;

    default:
        soma_write_text(w->out, "bytes", block->data);
    }

    soma_pieces_char(w->out, '}');

    if (block->kind == SOMA_INNER_DOCUMENT) {

        if (block->text.len != 0) {
            soma_write_text(w->out, "context", block->text);
        }

        if (block->cite) {
            soma_write_raw(w->out, "citations",
                           SOMA_STR("{\"enabled\":true}"));
        }
    }

    return rc;
}


/* a text as the bytes of a file */

static int
soma_bedrock_write_words(soma_bedrock_write_t *w, soma_str_t text)
{
    soma_str_t      plain, bytes;
    soma_arena_t   *arena;

    arena = w->out->arena;

    if (soma_inner_plain(arena, text, &plain) != SOMA_OK) {
        w->failed = 1;
        return SOMA_DECLINED;
    }

    bytes.data = arena->alloc(arena->data,
                              soma_base64_encoded_len(plain.len) + 1);

    if (bytes.data == NULL) {
        w->failed = 1;
        return SOMA_DECLINED;
    }

    bytes.len = soma_base64_encode(bytes.data, plain);
    soma_write_text(w->out, "bytes", bytes);

    return SOMA_OK;
}


/* texts alone, none of them blank */

static int
soma_bedrock_write_parts(soma_bedrock_write_t *w,
    const soma_inner_block_t *block)
{
    const soma_inner_block_t  *part;

    soma_write_name(w->out, "content");
    soma_pieces_char(w->out, '[');

    for (part = block->content; part; part = part->next) {

        if (part->kind != SOMA_INNER_TEXT) {
            if (soma_bedrock_write_lose(w, SOMA_STR("a part of a document "
                                                    "that is no text"))
                != SOMA_OK)
            {
                return SOMA_DECLINED;
            }

            continue;
        }

        if (!soma_inner_blank(part->text)) {
            soma_bedrock_write_comma(w->out);
            soma_pieces_char(w->out, '{');
            soma_write_text(w->out, "text", part->text);
            soma_pieces_char(w->out, '}');
        }
    }

    soma_pieces_char(w->out, ']');

    return SOMA_OK;
}


/* letters, digits, single blanks, hyphens and brackets; no two are alike */

static int
soma_bedrock_write_title(soma_bedrock_write_t *w,
    const soma_inner_block_t *block)
{
    size_t         i, len;
    unsigned       n;
    soma_out_t     out;
    soma_str_t     plain, name;
    unsigned char  c, buf[SOMA_BEDROCK_TITLE + SOMA_BEDROCK_DIGITS];

    if (soma_inner_plain(w->out->arena, block->title, &plain) != SOMA_OK) {
        w->failed = 1;
        return SOMA_DECLINED;
    }

    for (i = 0, len = 0; i < plain.len && len < SOMA_BEDROCK_TITLE; i++) {
        c = plain.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9')
              || (c != '\0' && strchr("-()[]", c) != NULL)))
        {
            c = ' ';
        }

        if (c != ' ' || (len != 0 && buf[len - 1] != ' ')) {
            buf[len++] = c;
        }
    }

    len -= (len != 0 && buf[len - 1] == ' ');

    if (len == 0) {
        memcpy(buf, "document", sizeof("document") - 1);
        len = sizeof("document") - 1;
    }

    if (w->ntitles == SOMA_BEDROCK_NAMES_MAX) {
        w->loss->refused = SOMA_STR("messages");
        w->loss->why = "has more than 128 documents";
        return SOMA_DECLINED;
    }

    name.data = buf;
    name.len = len;

    for (n = 2; !soma_bedrock_write_new(w, name); n++) {
        soma_put_init(&out, buf + len, SOMA_BEDROCK_DIGITS);
        soma_put_char(&out, ' ');
        soma_put_int(&out, n);
        name.len = len + (size_t) (out.pos - out.start);
    }

    soma_write_copy(w->out, "name", name);

    return SOMA_OK;
}


/* whether no document has that name yet; it has now */

static unsigned
soma_bedrock_write_new(soma_bedrock_write_t *w, soma_str_t name)
{
    unsigned  i;
    uint64_t  hash;

    hash = soma_str_hash(name.data, name.len);

    for (i = 0; i < w->ntitles; i++) {
        if (w->titles[i] == hash) {
            return 0;
        }
    }

    w->titles[w->ntitles++] = hash;

    return 1;
}
