
/*
 * Copyright (C) The ngx_soma authors
 *
 * The conversation for a request of the Responses API: a list of items, which
 * has no turns.
 */


#include "soma_openai_responses_write.h"
#include "soma_openai_shared.h"
#include "soma_write.h"
#include "soma_xxh3.h"


#define SOMA_OPENAI_RESPONSES_RS  3             /* bytes of "rs_" */


static void soma_openai_responses_write_system(soma_pieces_t *out,
    const soma_inner_request_t *request);
static int soma_openai_responses_write_turn(soma_pieces_t *out,
    const soma_inner_turn_t *turn, soma_inner_loss_t *loss);
static int soma_openai_responses_write_message(soma_pieces_t *out,
    const soma_inner_turn_t *turn, soma_inner_loss_t *loss);
static int soma_openai_responses_write_assistant(soma_pieces_t *out,
    const soma_inner_turn_t *turn, soma_inner_loss_t *loss);
static const soma_inner_block_t *soma_openai_responses_write_said(
    soma_pieces_t *out, const soma_inner_block_t *block);
static const soma_inner_block_t *soma_openai_responses_write_thought(
    soma_pieces_t *out, const soma_inner_block_t *block);
static void soma_openai_responses_write_seal(soma_pieces_t *out,
    soma_str_t opaque, soma_str_t *seal);
static void soma_openai_responses_write_call(soma_pieces_t *out,
    const soma_inner_block_t *block);
static int soma_openai_responses_write_result(soma_pieces_t *out,
    const soma_inner_block_t *block, soma_inner_loss_t *loss);
static int soma_openai_responses_write_image(soma_pieces_t *out,
    const soma_inner_block_t *block, soma_inner_loss_t *loss);
static int soma_openai_responses_write_file(soma_pieces_t *out,
    const soma_inner_block_t *block, soma_inner_loss_t *loss);


int
soma_openai_responses_write_input(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    int                       rc;
    const soma_inner_turn_t  *turn;

    soma_openai_responses_write_system(out, request);

    soma_write_name(out, "input");
    soma_pieces_char(out, '[');

    for (turn = request->turns; turn; turn = turn->next) {
        rc = soma_openai_responses_write_turn(out, turn, loss);

        if (rc != SOMA_OK) {
            return rc;
        }
    }

    soma_pieces_char(out, ']');

    return SOMA_OK;
}


static void
soma_openai_responses_write_system(soma_pieces_t *out,
    const soma_inner_request_t *request)
{
    const soma_inner_block_t  *block;

    if (request->system == NULL) {
        return;
    }

    soma_write_name(out, "instructions");
    soma_pieces_char(out, '"');

    for (block = request->system; block; block = block->next) {

        if (block != request->system) {
            soma_pieces_cstr(out, "\\n\\n");
        }

        soma_pieces_str(out, block->text);
    }

    soma_pieces_char(out, '"');
}


static int
soma_openai_responses_write_turn(soma_pieces_t *out,
    const soma_inner_turn_t *turn, soma_inner_loss_t *loss)
{
    int                        rc;
    const soma_inner_block_t  *block;

    if (turn->name.len != 0
        && soma_inner_lose(loss, SOMA_STR("messages.name"),
                           SOMA_OPENAI_RESPONSES_WHY)
           != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    if (turn->role == SOMA_INNER_ASSISTANT) {
        return soma_openai_responses_write_assistant(out, turn, loss);
    }

    for (block = turn->blocks; block; block = block->next) {

        if (block->kind != SOMA_INNER_RESULT) {
            continue;
        }

        rc = soma_openai_responses_write_result(out, block, loss);

        if (rc != SOMA_OK) {
            return rc;
        }
    }

    return soma_openai_responses_write_message(out, turn, loss);
}


/* what of it is no result */

static int
soma_openai_responses_write_message(soma_pieces_t *out,
    const soma_inner_turn_t *turn, soma_inner_loss_t *loss)
{
    int                        rc;
    unsigned                   n;
    const soma_inner_block_t  *block, *only;

    static const char  *const  roles[] = {
        "system", "developer", "user", "assistant"
    };

    n = 0;
    only = NULL;

    for (block = turn->blocks; block; block = block->next) {
        if (block->kind != SOMA_INNER_RESULT) {
            only = block;
            n++;
        }
    }

    if (n == 0) {
        return SOMA_OK;
    }

    soma_openai_shared_comma(out);
    soma_pieces_char(out, '{');
    soma_write_word(out, "type", "message");
    soma_write_word(out, "role", roles[turn->role]);

    if (turn->string && n == 1 && only->kind == SOMA_INNER_TEXT) {
        soma_write_text(out, "content", only->text);
        soma_pieces_char(out, '}');
        return SOMA_OK;
    }

    soma_write_name(out, "content");
    soma_pieces_char(out, '[');

    for (block = turn->blocks; block; block = block->next) {

        if (block->kind == SOMA_INNER_RESULT) {
            continue;
        }

        rc = soma_openai_responses_write_part(out, block, loss);

        if (rc != SOMA_OK) {
            return rc;
        }
    }

    soma_pieces_cstr(out, "]}");

    return SOMA_OK;
}


/* in their order: the API looks at it */

static int
soma_openai_responses_write_assistant(soma_pieces_t *out,
    const soma_inner_turn_t *turn, soma_inner_loss_t *loss)
{
    const soma_inner_block_t  *block;

    for (block = turn->blocks; block; /* void */ ) {

        switch (block->kind) {

        case SOMA_INNER_TEXT:
        case SOMA_INNER_REFUSAL:
            block = soma_openai_responses_write_said(out, block);
            continue;

        case SOMA_INNER_REASONING:
            block = soma_openai_responses_write_thought(out, block);
            continue;

        case SOMA_INNER_CALL:
            soma_openai_responses_write_call(out, block);
            break;

        case SOMA_INNER_OPAQUE:

            if (soma_openai_shared_own(block)) {
                soma_openai_shared_comma(out);
                soma_pieces_str(out, block->raw);
                break;
            }

            /* fall through */

        default:
            if (soma_inner_lose(loss, block->type.len
                                      ? block->type
                                      : SOMA_STR("an assistant's media"),
                                SOMA_OPENAI_RESPONSES_WHY)
                != SOMA_OK)
            {
                return SOMA_DECLINED;
            }
        }

        block = block->next;
    }

    return SOMA_OK;
}


/* a text is a message with a string: one with parts is an answer's item, which
 * has an id.  Returns what is behind it */

static const soma_inner_block_t *
soma_openai_responses_write_said(soma_pieces_t *out,
    const soma_inner_block_t *block)
{
    if (block->text.len != 0) {
        soma_openai_shared_comma(out);
        soma_pieces_char(out, '{');
        soma_write_word(out, "role", "assistant");
        soma_write_text(out, "content", block->text);
        soma_pieces_char(out, '}');
    }

    return block->next;
}


/*
 * An item is the blocks up to the one that has what is encrypted.  What is
 * not OpenAI's own, or has nothing of that, no model here can go on from.
 */

static const soma_inner_block_t *
soma_openai_responses_write_thought(soma_pieces_t *out,
    const soma_inner_block_t *block)
{
    unsigned                   n;
    soma_str_t                 seal;
    const soma_inner_block_t  *last, *end;

    last = block;

    while (last->opaque.len == 0 && last->next != NULL
           && last->next->kind == SOMA_INNER_REASONING)
    {
        last = last->next;
    }

    end = last->next;

    if (last->opaque.len == 0 || !soma_openai_shared_own(last)) {
        return end;
    }

    soma_openai_shared_comma(out);
    soma_openai_responses_write_seal(out, last->opaque, &seal);
    soma_pieces_cstr(out, ",\"summary\":[");

    for (n = 0; block != end; block = block->next) {

        if (block->text.len == 0) {
            continue;
        }

        soma_pieces_cstr(out, n++ == 0 ? "{" : ",{");
        soma_write_word(out, "type", "summary_text");
        soma_write_text(out, "text", block->text);
        soma_pieces_char(out, '}');
    }

    soma_pieces_char(out, ']');
    soma_write_text(out, "encrypted_content", seal);
    soma_pieces_char(out, '}');

    return end;
}


/* an item up to its id, which stands before what is encrypted or, where that
 * came without one, is made of it */

static void
soma_openai_responses_write_seal(soma_pieces_t *out, soma_str_t opaque,
    soma_str_t *seal)
{
    soma_str_t      id;
    unsigned char  *bar, text[SOMA_OPENAI_RESPONSES_RS + 16];

    *seal = opaque;
    bar = memchr(opaque.data, '|', opaque.len);

    soma_pieces_char(out, '{');
    soma_write_word(out, "type", "reasoning");

    if (bar != NULL) {
        id.data = opaque.data;
        id.len = (size_t) (bar - opaque.data);
        seal->data = bar + 1;
        seal->len = opaque.len - id.len - 1;

        soma_write_text(out, "id", id);
        return;
    }

    /* nobody looks for it where nothing is kept, but it has to be there */

    memcpy(text, "rs_", SOMA_OPENAI_RESPONSES_RS);
    (void) soma_put_hex64(text + SOMA_OPENAI_RESPONSES_RS,
                          soma_xxh3(&opaque, 1));

    id.data = text;
    id.len = sizeof(text);
    soma_write_quoted(out, "id", id);
}


static void
soma_openai_responses_write_call(soma_pieces_t *out,
    const soma_inner_block_t *block)
{
    unsigned  custom;

    custom = (block->tool == SOMA_INNER_CUSTOM);

    soma_openai_shared_comma(out);
    soma_pieces_char(out, '{');
    soma_write_word(out, "type", custom ? "custom_tool_call"
                                        : "function_call");
    soma_openai_shared_name(out, "call_id", block->id);
    soma_openai_shared_name(out, "name", block->name);

    if (custom) {
        soma_write_text(out, "input", block->text.data ? block->text
                                                       : SOMA_STR(""));

    } else if (block->broken) {
        soma_write_text(out, "arguments", block->arguments);

    } else {
        soma_write_escaped(out, "arguments", block->arguments.len
                                             ? block->arguments
                                             : SOMA_STR("{}"));
    }

    soma_pieces_char(out, '}');
}


/* a failure is told in words: the API has no place for it */

static int
soma_openai_responses_write_result(soma_pieces_t *out,
    const soma_inner_block_t *block, soma_inner_loss_t *loss)
{
    int                        rc;
    const soma_inner_block_t  *part;

    soma_openai_shared_comma(out);
    soma_pieces_char(out, '{');
    soma_write_word(out, "type", block->tool == SOMA_INNER_CUSTOM
                                 ? "custom_tool_call_output"
                                 : "function_call_output");
    soma_openai_shared_name(out, "call_id", block->id);
    soma_write_name(out, "output");

    part = block->content;

    if (part == NULL || (part->next == NULL
                         && part->kind == SOMA_INNER_TEXT))
    {
        soma_pieces_cstr(out, block->error ? "\"Error: " : "\"");
        soma_pieces_str(out, part ? part->text : SOMA_STR(""));
        soma_pieces_cstr(out, "\"}");
        return SOMA_OK;
    }

    soma_pieces_char(out, '[');

    if (block->error) {
        soma_pieces_cstr(out, "{\"type\":\"input_text\",\"text\":"
                              "\"Error:\"}");
    }

    for ( /* void */ ; part; part = part->next) {
        rc = soma_openai_responses_write_part(out, part, loss);

        if (rc != SOMA_OK) {
            return rc;
        }
    }

    soma_pieces_cstr(out, "]}");

    return SOMA_OK;
}


int
soma_openai_responses_write_part(soma_pieces_t *out,
    const soma_inner_block_t *block, soma_inner_loss_t *loss)
{
    switch (block->kind) {

    case SOMA_INNER_TEXT:
    case SOMA_INNER_REFUSAL:
        soma_openai_shared_comma(out);
        soma_pieces_cstr(out, "{\"type\":\"input_text\"");
        soma_write_text(out, "text", block->text);
        soma_pieces_char(out, '}');
        return SOMA_OK;

    case SOMA_INNER_SEARCH_RESULT:
        soma_openai_shared_comma(out);
        soma_pieces_cstr(out, "{\"type\":\"input_text\"");
        soma_openai_shared_words(out, "text", block);
        soma_pieces_char(out, '}');
        return SOMA_OK;

    case SOMA_INNER_IMAGE:
        return soma_openai_responses_write_image(out, block, loss);

    case SOMA_INNER_DOCUMENT:
        return soma_openai_responses_write_file(out, block, loss);

    case SOMA_INNER_OPAQUE:

        if (soma_openai_shared_own(block)) {
            soma_openai_shared_comma(out);
            soma_pieces_str(out, block->raw);
            return SOMA_OK;
        }

        return soma_inner_lose(loss, block->type, SOMA_OPENAI_RESPONSES_WHY);

    default:
        return soma_inner_lose(loss, block->kind == SOMA_INNER_AUDIO
                                     ? SOMA_STR("input_audio")
                                     : SOMA_STR("video"),
                               SOMA_OPENAI_RESPONSES_WHY);
    }
}


static int
soma_openai_responses_write_image(soma_pieces_t *out,
    const soma_inner_block_t *block, soma_inner_loss_t *loss)
{
    if (block->source == SOMA_INNER_FILE && !soma_openai_shared_own(block)) {
        return soma_inner_lose(loss, SOMA_STR("an image's file id"),
                               "is known to one provider only");
    }

    soma_openai_shared_comma(out);
    soma_pieces_cstr(out, "{\"type\":\"input_image\"");

    if (block->source == SOMA_INNER_FILE) {
        soma_write_quoted(out, "file_id", block->data);

    } else if (block->source == SOMA_INNER_URL) {
        soma_write_text(out, "image_url", block->data);

    } else {
        soma_openai_shared_data(out, "image_url", block);
    }

    soma_write_quoted(out, "detail", block->detail.len ? block->detail
                                                       : SOMA_STR("auto"));
    soma_pieces_char(out, '}');

    return SOMA_OK;
}


static int
soma_openai_responses_write_file(soma_pieces_t *out,
    const soma_inner_block_t *block, soma_inner_loss_t *loss)
{
    if (block->source == SOMA_INNER_FILE && !soma_openai_shared_own(block)) {
        return soma_inner_lose(loss, SOMA_STR("a file's id"),
                               "is known to one provider only");
    }

    if (block->cite
        && soma_inner_lose(loss, SOMA_STR("citations"),
                           SOMA_OPENAI_RESPONSES_WHY)
           != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    soma_openai_shared_comma(out);

    switch (block->source) {

    case SOMA_INNER_PLAIN:
    case SOMA_INNER_PARTS:
        soma_pieces_cstr(out, "{\"type\":\"input_text\"");
        soma_openai_shared_words(out, "text", block);
        break;

    case SOMA_INNER_URL:
        soma_pieces_cstr(out, "{\"type\":\"input_file\"");
        soma_write_text(out, "file_url", block->data);
        break;

    case SOMA_INNER_FILE:
        soma_pieces_cstr(out, "{\"type\":\"input_file\"");
        soma_write_quoted(out, "file_id", block->data);
        break;

    default:
        soma_pieces_cstr(out, "{\"type\":\"input_file\"");
        soma_write_text(out, "filename", soma_openai_shared_title(block));
        soma_openai_shared_data(out, "file_data", block);
    }

    soma_pieces_char(out, '}');

    return SOMA_OK;
}
