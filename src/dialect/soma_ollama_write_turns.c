
/*
 * Copyright (C) The ngx_soma authors
 *
 * The conversation for a request of a chat.
 *
 * A message has one text, with its images beside it, its thinking and its
 * calls: the order of blocks is lost.  Texts of the model's are joined with
 * nothing in between, others with an empty line.  A result is a message of
 * text alone, so its images are the user's, behind all results of the turn.
 */


#include "soma_base64.h"
#include "soma_ollama_request.h"
#include "soma_write.h"


#define SOMA_OLLAMA_GAP  "\\n\\n"       /* an empty line, escaped */


typedef struct {
    const soma_inner_request_t  *request;
    soma_inner_loss_t           *loss;
    const char                  *gap;       /* between texts */
    unsigned                     texts;     /* of the message at hand */
    unsigned                     images;
    unsigned                     apart:1;   /* they are a message of their
                                               own, once there is one */
} soma_ollama_write_t;


static void soma_ollama_write_begin(soma_pieces_t *out, const char *role);
static int soma_ollama_write_system(soma_pieces_t *out,
    soma_ollama_write_t *w);
static int soma_ollama_write_turn(soma_pieces_t *out, soma_ollama_write_t *w,
    const soma_inner_turn_t *turn);
static int soma_ollama_write_results(soma_pieces_t *out,
    soma_ollama_write_t *w, const soma_inner_turn_t *turn);
static int soma_ollama_write_result(soma_pieces_t *out,
    soma_ollama_write_t *w, const soma_inner_block_t *block);
static int soma_ollama_write_content(soma_pieces_t *out,
    soma_ollama_write_t *w, const soma_inner_block_t *blocks);
static int soma_ollama_write_words(soma_pieces_t *out,
    soma_ollama_write_t *w, const soma_inner_block_t *block);
static int soma_ollama_write_document(soma_pieces_t *out,
    soma_ollama_write_t *w, const soma_inner_block_t *block);
static int soma_ollama_write_decoded(soma_pieces_t *out,
    soma_ollama_write_t *w, const soma_inner_block_t *block);
static int soma_ollama_write_text(soma_pieces_t *out, soma_ollama_write_t *w,
    soma_str_t title, soma_str_t text);
static int soma_ollama_write_images(soma_pieces_t *out,
    soma_ollama_write_t *w, const soma_inner_block_t *blocks);
static int soma_ollama_write_image(soma_pieces_t *out,
    soma_ollama_write_t *w, const soma_inner_block_t *block);
static int soma_ollama_write_calls(soma_pieces_t *out,
    soma_ollama_write_t *w, const soma_inner_block_t *blocks);
static int soma_ollama_write_call(soma_pieces_t *out, soma_ollama_write_t *w,
    const soma_inner_block_t *block);
static void soma_ollama_write_thinking(soma_pieces_t *out,
    const soma_inner_block_t *blocks);
static int soma_ollama_write_lose(soma_ollama_write_t *w, soma_str_t name);


int
soma_ollama_write_turns(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    soma_ollama_write_t       w;
    const soma_inner_turn_t  *turn;

    memset(&w, 0, sizeof(soma_ollama_write_t));

    w.request = request;
    w.loss = loss;
    w.gap = SOMA_OLLAMA_GAP;

    if (request->cache != SOMA_INNER_CACHE_NONE) {
        soma_inner_drop(loss, SOMA_STR("cache_control"));
    }

    soma_write_name(out, "messages");
    soma_pieces_char(out, '[');

    if (soma_ollama_write_system(out, &w) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    for (turn = request->turns; turn; turn = turn->next) {
        if (soma_ollama_write_turn(out, &w, turn) != SOMA_OK) {
            return SOMA_DECLINED;
        }
    }

    soma_pieces_char(out, ']');

    return SOMA_OK;
}


static int
soma_ollama_write_lose(soma_ollama_write_t *w, soma_str_t name)
{
    return soma_inner_lose(w->loss, name, SOMA_OLLAMA_WHY);
}


static void
soma_ollama_write_begin(soma_pieces_t *out, const char *role)
{
    if (out->tail != '[') {
        soma_pieces_char(out, ',');
    }

    soma_pieces_char(out, '{');
    soma_write_word(out, "role", role);
}


static int
soma_ollama_write_system(soma_pieces_t *out, soma_ollama_write_t *w)
{
    if (w->request->system == NULL) {
        return SOMA_OK;
    }

    soma_ollama_write_begin(out, "system");

    if (soma_ollama_write_content(out, w, w->request->system) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    soma_pieces_char(out, '}');

    return SOMA_OK;
}


static int
soma_ollama_write_turn(soma_pieces_t *out, soma_ollama_write_t *w,
    const soma_inner_turn_t *turn)
{
    unsigned                   n;
    const soma_inner_block_t  *block;

    static const char *const  roles[] = {
        "system", "system", "user", "assistant"
    };

    if (turn->name.len != 0
        && soma_ollama_write_lose(w, SOMA_STR("messages.name")) != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    if (soma_ollama_write_results(out, w, turn) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    for (n = 0, block = turn->blocks; block; block = block->next) {
        n += (block->kind != SOMA_INNER_RESULT);
    }

    if (n == 0 && turn->blocks != NULL) {
        return SOMA_OK;
    }

    soma_ollama_write_begin(out, roles[turn->role]);

    w->gap = (turn->role == SOMA_INNER_ASSISTANT) ? "" : SOMA_OLLAMA_GAP;

    if (soma_ollama_write_content(out, w, turn->blocks) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    w->gap = SOMA_OLLAMA_GAP;

    if (turn->role == SOMA_INNER_ASSISTANT) {
        soma_ollama_write_thinking(out, turn->blocks);

        if (soma_ollama_write_calls(out, w, turn->blocks) != SOMA_OK) {
            return SOMA_DECLINED;
        }
    }

    soma_pieces_char(out, '}');

    return SOMA_OK;
}


static int
soma_ollama_write_results(soma_pieces_t *out, soma_ollama_write_t *w,
    const soma_inner_turn_t *turn)
{
    unsigned                   images;
    const soma_inner_block_t  *block, *part;

    images = 0;

    for (block = turn->blocks; block; block = block->next) {

        if (block->kind != SOMA_INNER_RESULT) {
            continue;
        }

        if (soma_ollama_write_result(out, w, block) != SOMA_OK) {
            return SOMA_DECLINED;
        }

        for (part = block->content; part; part = part->next) {
            images += (part->kind == SOMA_INNER_IMAGE
                       || part->kind == SOMA_INNER_DOCUMENT);
        }
    }

    if (images == 0) {
        return SOMA_OK;
    }

    w->images = 0;
    w->apart = 1;

    for (block = turn->blocks; block; block = block->next) {
        if (block->kind == SOMA_INNER_RESULT
            && soma_ollama_write_images(out, w, block->content) != SOMA_OK)
        {
            return SOMA_DECLINED;
        }
    }

    soma_pieces_cstr(out, w->images != 0 ? "]}" : "");

    return SOMA_OK;
}


/* a failure is told by its first word */

static int
soma_ollama_write_result(soma_pieces_t *out, soma_ollama_write_t *w,
    const soma_inner_block_t *block)
{
    soma_ollama_write_begin(out, "tool");

    w->texts = 0;
    soma_write_name(out, "content");
    soma_pieces_cstr(out, block->error ? "\"Error: " : "\"");

    if (soma_ollama_write_words(out, w, block->content) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    soma_pieces_char(out, '"');

    if (block->name.len != 0) {
        soma_write_quoted(out, "tool_name", block->name);
    }

    if (block->id.len != 0) {
        soma_write_quoted(out, "tool_call_id", block->id);
    }

    if (block->cache != SOMA_INNER_CACHE_NONE) {
        soma_inner_drop(w->loss, SOMA_STR("cache_control"));
    }

    soma_pieces_char(out, '}');

    return SOMA_OK;
}


/* "content" and "images" of a message */

static int
soma_ollama_write_content(soma_pieces_t *out, soma_ollama_write_t *w,
    const soma_inner_block_t *blocks)
{
    w->texts = 0;
    w->images = 0;
    w->apart = 0;

    soma_write_name(out, "content");
    soma_pieces_char(out, '"');

    if (soma_ollama_write_words(out, w, blocks) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    soma_pieces_char(out, '"');

    if (soma_ollama_write_images(out, w, blocks) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    if (w->images != 0) {
        soma_pieces_char(out, ']');
    }

    return SOMA_OK;
}


static int
soma_ollama_write_words(soma_pieces_t *out, soma_ollama_write_t *w,
    const soma_inner_block_t *block)
{
    int  rc;

    for ( /* void */ ; block; block = block->next) {

        if (block->cache != SOMA_INNER_CACHE_NONE) {
            soma_inner_drop(w->loss, SOMA_STR("cache_control"));
        }

        switch (block->kind) {

        case SOMA_INNER_TEXT:
        case SOMA_INNER_REFUSAL:
        case SOMA_INNER_SEARCH_RESULT:
            rc = soma_ollama_write_text(out, w, (soma_str_t) soma_str_null,
                                        block->text);
            break;

        case SOMA_INNER_DOCUMENT:
            rc = soma_ollama_write_document(out, w, block);
            break;

        case SOMA_INNER_AUDIO:
            rc = soma_ollama_write_lose(w, SOMA_STR("input_audio"));
            break;

        case SOMA_INNER_VIDEO:
            rc = soma_ollama_write_lose(w, SOMA_STR("video"));
            break;

        case SOMA_INNER_OPAQUE:
            rc = soma_ollama_write_lose(w, block->type);
            break;

        default:
            rc = SOMA_OK;
        }

        if (rc != SOMA_OK) {
            return SOMA_DECLINED;
        }
    }

    return SOMA_OK;
}


static int
soma_ollama_write_text(soma_pieces_t *out, soma_ollama_write_t *w,
    soma_str_t title, soma_str_t text)
{
    if (w->texts++ != 0) {
        soma_pieces_cstr(out, w->gap);
    }

    if (title.len != 0) {
        soma_pieces_str(out, title);
        soma_pieces_cstr(out, SOMA_OLLAMA_GAP);
    }

    soma_pieces_str(out, text);

    return SOMA_OK;
}


/* its words, with its title before them */

static int
soma_ollama_write_document(soma_pieces_t *out, soma_ollama_write_t *w,
    const soma_inner_block_t *block)
{
    if (block->cite
        && soma_ollama_write_lose(w, SOMA_STR("citations")) != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    if (block->text.len != 0) {
        (void) soma_ollama_write_text(out, w, (soma_str_t) soma_str_null,
                                      block->text);
    }

    switch (block->source) {

    case SOMA_INNER_PLAIN:
        return soma_ollama_write_text(out, w, block->title, block->data);

    case SOMA_INNER_PARTS:
        if (block->title.len != 0) {
            (void) soma_ollama_write_text(out, w,
                                          (soma_str_t) soma_str_null,
                                          block->title);
        }

        return soma_ollama_write_words(out, w, block->content);

    case SOMA_INNER_BYTES:
        if (block->media.len > 5 && memcmp(block->media.data, "text/", 5) == 0)
        {
            return soma_ollama_write_decoded(out, w, block);
        }

        return soma_ollama_write_lose(w, block->media.len
                                         ? block->media
                                         : SOMA_STR("a document"));

    case SOMA_INNER_URL:
        return soma_ollama_write_lose(w, SOMA_STR("a document by URL"));

    default:
        return soma_inner_lose(w->loss, SOMA_STR("a document's file id"),
                               "is known to one provider only");
    }
}


/* words that came as bytes */

static int
soma_ollama_write_decoded(soma_pieces_t *out, soma_ollama_write_t *w,
    const soma_inner_block_t *block)
{
    size_t          len;
    soma_str_t      text;
    soma_arena_t   *arena;
    soma_pieces_t   quoted;
    unsigned char  *p;

    arena = out->arena;
    p = arena->alloc(arena->data, soma_base64_decoded_len(block->data.len)
                                  + 1);

    if (p == NULL || soma_base64_decode(p, &len, block->data) != SOMA_OK) {
        out->failed |= (p == NULL);
        return soma_ollama_write_lose(w, SOMA_STR("a document"));
    }

    soma_pieces_init(&quoted, arena);
    soma_pieces_quote(&quoted, (soma_str_t) { len, p });

    if (soma_pieces_whole(&quoted, &text) != SOMA_OK) {
        out->failed = 1;
        return SOMA_OK;
    }

    text.data++;
    text.len -= 2;

    return soma_ollama_write_text(out, w, block->title, text);
}


/* of a list, those of documents in it too; "]" is the caller's */

static int
soma_ollama_write_images(soma_pieces_t *out, soma_ollama_write_t *w,
    const soma_inner_block_t *block)
{
    for ( /* void */ ; block; block = block->next) {

        if (block->kind == SOMA_INNER_DOCUMENT
            && block->source == SOMA_INNER_PARTS)
        {
            if (soma_ollama_write_images(out, w, block->content) != SOMA_OK) {
                return SOMA_DECLINED;
            }

            continue;
        }

        if (block->kind == SOMA_INNER_IMAGE
            && soma_ollama_write_image(out, w, block) != SOMA_OK)
        {
            return SOMA_DECLINED;
        }
    }

    return SOMA_OK;
}


/* the kinds are known by their bytes, whatever they are called */

static int
soma_ollama_write_image(soma_pieces_t *out, soma_ollama_write_t *w,
    const soma_inner_block_t *block)
{
    soma_str_t  media;

    if (block->source == SOMA_INNER_FILE) {
        return soma_inner_lose(w->loss, SOMA_STR("an image's file id"),
                               "is known to one provider only");
    }

    if (block->source != SOMA_INNER_BYTES) {
        return soma_ollama_write_lose(w, SOMA_STR("an image by URL"));
    }

    if (w->loss->facts & SOMA_FACT_NO_IMAGES) {
        return soma_inner_lose(w->loss, SOMA_STR("an image"),
                               "is not known to that model");
    }

    media = soma_inner_sniff(block->data);

    if (media.len == 0) {
        media = block->media;
    }

    if (!soma_str_case_is(media, "image/png")
        && !soma_str_case_is(media, "image/jpeg")
        && !soma_str_case_is(media, "image/jpg"))
    {
        return soma_ollama_write_lose(w, media.len
                                         ? media
                                         : SOMA_STR("an image of that kind"));
    }

    if (block->detail.len != 0 && !soma_str_is(block->detail, "auto")) {
        soma_inner_drop(w->loss, SOMA_STR("image_url.detail"));
    }

    if (w->images++ == 0) {

        if (w->apart) {
            soma_ollama_write_begin(out, "user");
            soma_write_word(out, "content", "");
        }

        soma_write_name(out, "images");
        soma_pieces_char(out, '[');

    } else {
        soma_pieces_char(out, ',');
    }

    soma_pieces_text(out, block->data);

    return SOMA_OK;
}


/* signed reasoning is its maker's and goes to nobody else */

static void
soma_ollama_write_thinking(soma_pieces_t *out,
    const soma_inner_block_t *block)
{
    unsigned  n;

    for (n = 0; block; block = block->next) {

        if (block->kind != SOMA_INNER_REASONING || block->text.len == 0
            || block->signature.len != 0 || block->opaque.len != 0)
        {
            continue;
        }

        if (n++ == 0) {
            soma_write_name(out, "thinking");
            soma_pieces_char(out, '"');
        }

        soma_pieces_str(out, block->text);
    }

    if (n != 0) {
        soma_pieces_char(out, '"');
    }
}


static int
soma_ollama_write_calls(soma_pieces_t *out, soma_ollama_write_t *w,
    const soma_inner_block_t *block)
{
    unsigned  n;

    for (n = 0; block; block = block->next) {

        if (block->kind != SOMA_INNER_CALL) {
            continue;
        }

        if (n++ == 0) {
            soma_write_name(out, "tool_calls");
        }

        soma_pieces_char(out, n == 1 ? '[' : ',');

        if (soma_ollama_write_call(out, w, block) != SOMA_OK) {
            return SOMA_DECLINED;
        }
    }

    if (n != 0) {
        soma_pieces_char(out, ']');
    }

    return SOMA_OK;
}


static int
soma_ollama_write_call(soma_pieces_t *out, soma_ollama_write_t *w,
    const soma_inner_block_t *block)
{
    if (block->broken) {
        w->loss->refused = SOMA_STR("tool_calls.function.arguments");
        w->loss->why = "must be a JSON object in a request of Ollama's API";
        return SOMA_DECLINED;
    }

    soma_pieces_char(out, '{');

    if (block->id.len != 0) {
        soma_write_quoted(out, "id", block->id);
    }

    soma_write_name(out, "function");
    soma_pieces_char(out, '{');
    soma_write_quoted(out, "name", block->name);

    if (block->tool == SOMA_INNER_CUSTOM) {
        soma_pieces_cstr(out, ",\"arguments\":{");
        soma_write_text(out, "input", block->text.data ? block->text
                                                       : SOMA_STR(""));
        soma_pieces_char(out, '}');

    } else {
        soma_write_raw(out, "arguments", block->arguments.len
                                         ? block->arguments
                                         : SOMA_STR("{}"));
    }

    soma_pieces_cstr(out, "}}");

    return SOMA_OK;
}
