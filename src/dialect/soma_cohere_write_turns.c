
/*
 * Copyright (C) The ngx_soma authors
 *
 * Messages and documents for a request.
 */


#include "soma_cohere.h"
#include "soma_cohere_request.h"
#include "soma_custom.h"
#include "soma_write.h"


typedef struct {
    const soma_inner_request_t  *request;
    soma_inner_loss_t           *loss;
    soma_pieces_t               *out;
    soma_pieces_t                documents;
} soma_cohere_write_t;


static int soma_cohere_write_turn(soma_cohere_write_t *w,
    const soma_inner_turn_t *turn);
static int soma_cohere_write_user(soma_cohere_write_t *w, const char *role,
    const soma_inner_turn_t *turn);
static int soma_cohere_write_assistant(soma_cohere_write_t *w,
    const soma_inner_turn_t *turn);
static void soma_cohere_write_begin(soma_cohere_write_t *w, const char *role);
static int soma_cohere_write_results(soma_cohere_write_t *w,
    const soma_inner_turn_t *turn);
static int soma_cohere_write_result(soma_cohere_write_t *w,
    const soma_inner_block_t *block);
static int soma_cohere_write_parts(soma_cohere_write_t *w,
    const soma_inner_block_t *block, unsigned within);
static int soma_cohere_write_part(soma_cohere_write_t *w,
    const soma_inner_block_t *block, unsigned within);
static void soma_cohere_write_words(soma_cohere_write_t *w,
    const char *type, const char *name, soma_str_t text);
static int soma_cohere_write_image(soma_cohere_write_t *w,
    const soma_inner_block_t *block);
static int soma_cohere_write_document(soma_cohere_write_t *w,
    const soma_inner_block_t *block, unsigned within);
static int soma_cohere_write_calls(soma_cohere_write_t *w,
    const soma_inner_block_t *block);
static unsigned soma_cohere_write_images(const soma_inner_turn_t *turn);


#define soma_cohere_lose(w, name)                                             \
    soma_inner_lose((w)->loss, name, SOMA_COHERE_WHY)


int
soma_cohere_write_turns(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    soma_inner_turn_t         system;
    soma_cohere_write_t       w;
    const soma_inner_turn_t  *turn;

    memset(&w, 0, sizeof(soma_cohere_write_t));

    w.request = request;
    w.loss = loss;
    w.out = out;

    soma_pieces_init(&w.documents, out->arena);

    soma_write_name(out, "messages");
    soma_pieces_char(out, '[');

    if (request->system != NULL) {
        memset(&system, 0, sizeof(soma_inner_turn_t));
        system.blocks = request->system;
        system.string = (request->system->next == NULL);

        if (soma_cohere_write_user(&w, "system", &system) != SOMA_OK) {
            return SOMA_DECLINED;
        }
    }

    for (turn = request->turns; turn; turn = turn->next) {
        if (soma_cohere_write_turn(&w, turn) != SOMA_OK) {
            return SOMA_DECLINED;
        }
    }

    soma_pieces_char(out, ']');

    if (w.documents.len != 0) {
        soma_write_name(out, "documents");
        soma_pieces_char(out, '[');
        soma_pieces_join(out, &w.documents);
        soma_pieces_char(out, ']');
    }

    return SOMA_OK;
}


static int
soma_cohere_write_turn(soma_cohere_write_t *w, const soma_inner_turn_t *turn)
{
    if (turn->name.len != 0
        && soma_cohere_lose(w, SOMA_STR("messages.name")) != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    switch (turn->role) {

    case SOMA_INNER_ASSISTANT:
        return soma_cohere_write_assistant(w, turn);

    case SOMA_INNER_USER:
        if (soma_cohere_write_results(w, turn) != SOMA_OK) {
            return SOMA_DECLINED;
        }

        return soma_cohere_write_user(w, "user", turn);

    default:
        return soma_cohere_write_user(w, "system", turn);
    }
}


static void
soma_cohere_write_begin(soma_cohere_write_t *w, const char *role)
{
    if (w->out->tail != '[') {
        soma_pieces_char(w->out, ',');
    }

    soma_pieces_char(w->out, '{');
    soma_write_word(w->out, "role", role);
}


/* images that tools gave come from the user, for a tool may give text alone;
 * a turn of documents alone has no words of its own */

static int
soma_cohere_write_user(soma_cohere_write_t *w, const char *role,
    const soma_inner_turn_t *turn)
{
    unsigned                   words;
    const soma_inner_block_t  *block;

    words = soma_cohere_write_images(turn);

    for (block = turn->blocks; block; block = block->next) {
        words += (block->kind != SOMA_INNER_RESULT);
    }

    if (words == 0) {
        return SOMA_OK;
    }

    soma_cohere_write_begin(w, role);
    soma_write_name(w->out, "content");

    block = turn->blocks;

    if (turn->string && block->next == NULL
        && block->kind == SOMA_INNER_TEXT)
    {
        soma_pieces_text(w->out, block->text);
        soma_pieces_char(w->out, '}');
        return SOMA_OK;
    }

    soma_pieces_char(w->out, '[');

    for ( /* void */ ; block; block = block->next) {
        if (block->kind == SOMA_INNER_RESULT
            && soma_cohere_write_parts(w, block->content, 2) != SOMA_OK)
        {
            return SOMA_DECLINED;
        }
    }

    if (soma_cohere_write_parts(w, turn->blocks, 0) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    if (w->out->tail == '[') {
        soma_cohere_write_words(w, "text", "text", SOMA_STR(""));
    }

    soma_pieces_cstr(w->out, "]}");

    return SOMA_OK;
}


/* of its results */

static unsigned
soma_cohere_write_images(const soma_inner_turn_t *turn)
{
    unsigned                   n;
    const soma_inner_block_t  *block, *part;

    n = 0;

    for (block = turn->blocks; block; block = block->next) {

        if (block->kind != SOMA_INNER_RESULT) {
            continue;
        }

        for (part = block->content; part; part = part->next) {
            n += (part->kind == SOMA_INNER_IMAGE);
        }
    }

    return n;
}


static int
soma_cohere_write_results(soma_cohere_write_t *w,
    const soma_inner_turn_t *turn)
{
    const soma_inner_block_t  *block;

    for (block = turn->blocks; block; block = block->next) {
        if (block->kind == SOMA_INNER_RESULT
            && soma_cohere_write_result(w, block) != SOMA_OK)
        {
            return SOMA_DECLINED;
        }
    }

    return SOMA_OK;
}


/* a failure is told by its first word */

static int
soma_cohere_write_result(soma_cohere_write_t *w,
    const soma_inner_block_t *block)
{
    const soma_inner_block_t  *part;

    soma_cohere_write_begin(w, "tool");
    soma_write_quoted(w->out, "tool_call_id", block->id);
    soma_write_name(w->out, "content");

    part = block->content;

    if (part == NULL
        || (part->next == NULL && part->kind == SOMA_INNER_TEXT))
    {
        soma_pieces_cstr(w->out, block->error ? "\"Error: " : "\"");

        if (part != NULL) {
            soma_pieces_str(w->out, part->text);
        }

        soma_pieces_cstr(w->out, "\"}");
        return SOMA_OK;
    }

    soma_pieces_char(w->out, '[');

    if (block->error) {
        soma_cohere_write_words(w, "text", "text", SOMA_STR("Error:"));
    }

    if (soma_cohere_write_parts(w, part, 1) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    if (w->out->tail == '[') {
        soma_cohere_write_words(w, "text", "text", SOMA_STR(""));
    }

    soma_pieces_cstr(w->out, "]}");

    return SOMA_OK;
}


/* within 0: of a message; 1: a result, but its images; 2: a result's images */

static int
soma_cohere_write_parts(soma_cohere_write_t *w,
    const soma_inner_block_t *block, unsigned within)
{
    for ( /* void */ ; block; block = block->next) {

        if (within != 0
            && (within == 2) != (block->kind == SOMA_INNER_IMAGE))
        {
            continue;
        }

        if (soma_cohere_write_part(w, block, within) != SOMA_OK) {
            return SOMA_DECLINED;
        }
    }

    return SOMA_OK;
}


static int
soma_cohere_write_part(soma_cohere_write_t *w,
    const soma_inner_block_t *block, unsigned within)
{
    switch (block->kind) {

    case SOMA_INNER_TEXT:
    case SOMA_INNER_REFUSAL:
    case SOMA_INNER_SEARCH_RESULT:
        soma_cohere_write_words(w, "text", "text", block->text);
        return SOMA_OK;

    case SOMA_INNER_IMAGE:
        return soma_cohere_write_image(w, block);

    case SOMA_INNER_DOCUMENT:
        return soma_cohere_write_document(w, block, within);

    case SOMA_INNER_AUDIO:
        return soma_cohere_lose(w, SOMA_STR("input_audio"));

    case SOMA_INNER_VIDEO:
        return soma_cohere_lose(w, SOMA_STR("video"));

    case SOMA_INNER_OPAQUE:
        return soma_cohere_lose(w, block->type);

    default:
        return SOMA_OK;
    }
}


static void
soma_cohere_write_words(soma_cohere_write_t *w, const char *type,
    const char *name, soma_str_t text)
{
    if (w->out->tail != '[') {
        soma_pieces_char(w->out, ',');
    }

    soma_pieces_char(w->out, '{');
    soma_write_word(w->out, "type", type);
    soma_write_text(w->out, name, text.data ? text : SOMA_STR(""));
    soma_pieces_char(w->out, '}');
}


static int
soma_cohere_write_image(soma_cohere_write_t *w,
    const soma_inner_block_t *block)
{
    size_t      i;
    soma_str_t  media;

    static const char *const  kinds[] = {
        "image/png", "image/jpeg", "image/webp", "image/gif"
    };

    if (block->source == SOMA_INNER_FILE) {
        return soma_inner_lose(w->loss, SOMA_STR("an image's file id"),
                               "is known to one provider only");
    }

    if (block->source == SOMA_INNER_URL) {
        soma_pieces_cstr(w->out, w->out->tail == '[' ? "" : ",");
        soma_pieces_cstr(w->out, "{\"type\":\"image_url\",\"image_url\":{");
        soma_write_text(w->out, "url", block->data);
        soma_write_quoted(w->out, "detail", block->detail);
        soma_pieces_cstr(w->out, "}}");
        return SOMA_OK;
    }

    media = soma_inner_sniff(block->data);

    if (media.len == 0) {
        media = block->media.len ? block->media : SOMA_STR("image/png");
    }

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (soma_str_is(media, kinds[i])) {
            break;
        }
    }

    if (i == sizeof(kinds) / sizeof(kinds[0])) {
        return soma_cohere_lose(w, media);
    }

    soma_pieces_cstr(w->out, w->out->tail == '[' ? "" : ",");
    soma_pieces_cstr(w->out, "{\"type\":\"image_url\",\"image_url\":{"
                             "\"url\":\"data:");
    soma_pieces_put(w->out, media.data, media.len);
    soma_pieces_cstr(w->out, ";base64,");
    soma_pieces_str(w->out, block->data);
    soma_pieces_char(w->out, '"');
    soma_write_quoted(w->out, "detail", block->detail);
    soma_pieces_cstr(w->out, "}}");

    return SOMA_OK;
}


/* plain words are the API's documents, but within what a tool gave, where they
 * are its text */

static int
soma_cohere_write_document(soma_cohere_write_t *w,
    const soma_inner_block_t *block, unsigned within)
{
    soma_pieces_t  *out;

    if (block->source == SOMA_INNER_PARTS) {
        return soma_cohere_write_parts(w, block->content, within);
    }

    if (block->source != SOMA_INNER_PLAIN) {
        return (block->source == SOMA_INNER_FILE)
               ? soma_inner_lose(w->loss, SOMA_STR("a document's file id"),
                                 "is known to one provider only")
               : soma_cohere_lose(w, block->media.len
                                     ? block->media
                                     : SOMA_STR("a document"));
    }

    if (within != 0) {
        soma_cohere_write_words(w, "text", "text", block->data);
        return SOMA_OK;
    }

    out = &w->documents;

    soma_pieces_cstr(out, out->len != 0 ? ",{\"data\":{" : "{\"data\":{");
    soma_write_text(out, "title", block->title);
    soma_write_text(out, "snippet", block->data);
    soma_pieces_cstr(out, "}}");

    return SOMA_OK;
}


/* thinking, then words, then calls; signed reasoning is its maker's and goes to
 * nobody else */

static int
soma_cohere_write_assistant(soma_cohere_write_t *w,
    const soma_inner_turn_t *turn)
{
    unsigned                   n, calls;
    const soma_inner_block_t  *block;

    n = 0;
    calls = 0;

    for (block = turn->blocks; block; block = block->next) {
        calls += (block->kind == SOMA_INNER_CALL);
        n += (block->kind != SOMA_INNER_CALL
              && block->kind != SOMA_INNER_REASONING);
    }

    soma_cohere_write_begin(w, "assistant");

    if (turn->string && turn->blocks != NULL && turn->blocks->next == NULL
        && turn->blocks->kind == SOMA_INNER_TEXT)
    {
        soma_write_text(w->out, "content", turn->blocks->text);
        soma_pieces_char(w->out, '}');
        return SOMA_OK;
    }

    for (block = turn->blocks; block; block = block->next) {
        n += (block->kind == SOMA_INNER_REASONING && block->text.len != 0
              && block->signature.len == 0 && block->opaque.len == 0);
    }

    if (n != 0 || calls == 0) {
        soma_write_name(w->out, "content");
        soma_pieces_char(w->out, '[');

        for (block = turn->blocks; block; block = block->next) {
            if (block->kind == SOMA_INNER_REASONING && block->text.len != 0
                && block->signature.len == 0 && block->opaque.len == 0)
            {
                soma_cohere_write_words(w, "thinking", "thinking",
                                        block->text);
            }
        }

        if (soma_cohere_write_parts(w, turn->blocks, 0) != SOMA_OK) {
            return SOMA_DECLINED;
        }

        if (w->out->tail == '[') {
            soma_cohere_write_words(w, "text", "text", SOMA_STR(""));
        }

        soma_pieces_char(w->out, ']');
    }

    if (calls != 0 && soma_cohere_write_calls(w, turn->blocks) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    soma_pieces_char(w->out, '}');

    return SOMA_OK;
}


static int
soma_cohere_write_calls(soma_cohere_write_t *w,
    const soma_inner_block_t *block)
{
    soma_str_t      whole;
    soma_pieces_t   input;
    soma_pieces_t  *out;

    out = w->out;
    soma_write_name(out, "tool_calls");
    soma_pieces_char(out, '[');

    for ( /* void */ ; block; block = block->next) {

        if (block->kind != SOMA_INNER_CALL) {
            continue;
        }

        if (block->broken) {
            w->loss->refused = SOMA_STR("tool_calls.function.arguments");
            w->loss->why = "must be a JSON object in a request of Cohere's "
                           "API";
            return SOMA_DECLINED;
        }

        soma_pieces_cstr(out, out->tail == '[' ? "{" : ",{");
        soma_write_quoted(out, "id", block->id);
        soma_write_word(out, "type", "function");
        soma_pieces_cstr(out, ",\"function\":{");
        soma_write_quoted(out, "name", block->name);

        whole = block->arguments.len ? block->arguments : SOMA_STR("{}");

        if (block->tool == SOMA_INNER_CUSTOM) {
            soma_pieces_init(&input, out->arena);
            soma_custom_arguments(&input, block);

            if (soma_pieces_whole(&input, &whole) != SOMA_OK) {
                out->failed = 1;
                return SOMA_OK;
            }
        }

        soma_write_escaped(out, "arguments", whole);
        soma_pieces_cstr(out, "}}");
    }

    soma_pieces_char(out, ']');

    return SOMA_OK;
}
