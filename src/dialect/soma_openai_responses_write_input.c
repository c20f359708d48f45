
/*
 * Copyright (C) The ngx_soma authors
 *
 * The input of a Responses request: each block that is no words is an item of
 * its own, in the order of the conversation.
 */


#include "soma_names.h"
#include "soma_openai.h"
#include "soma_openai_responses_write.h"
#include "soma_write.h"
#include "soma_xxh3.h"


#define SOMA_OPENAI_RESPONSES_RS  3             /* bytes of "rs_" */


static int soma_openai_responses_input_turn(soma_pieces_t *out,
    const soma_inner_turn_t *turn, soma_inner_loss_t *loss);
static int soma_openai_responses_input_results(soma_pieces_t *out,
    const soma_inner_block_t *blocks, soma_inner_loss_t *loss);
static int soma_openai_responses_input_said(soma_pieces_t *out,
    const soma_inner_turn_t *turn, soma_inner_loss_t *loss);
static int soma_openai_responses_input_assistant(soma_pieces_t *out,
    const soma_inner_turn_t *turn, soma_inner_loss_t *loss);
static void soma_openai_responses_input_thought(soma_pieces_t *out,
    const soma_inner_block_t *block);
static void soma_openai_responses_input_call(soma_pieces_t *out,
    const soma_inner_block_t *block);
static int soma_openai_responses_input_parts(soma_pieces_t *out,
    const soma_inner_block_t *blocks, soma_inner_loss_t *loss);
static int soma_openai_responses_input_part(soma_pieces_t *out,
    const soma_inner_block_t *block, soma_inner_loss_t *loss);
static int soma_openai_responses_input_file(soma_pieces_t *out,
    const soma_inner_block_t *block, soma_inner_loss_t *loss);
static void soma_openai_responses_input_data(soma_pieces_t *out,
    const char *name, soma_str_t media, soma_str_t data);
static void soma_openai_responses_input_id(soma_pieces_t *out,
    const char *name, soma_str_t id);
static void soma_openai_responses_input_comma(soma_pieces_t *out);


const soma_names_t  soma_openai_tool_names = { "_-", 64, 0 };
const soma_names_t  soma_openai_call_ids = { "_-~.:", 1536, 0 };


int
soma_openai_responses_write_input(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    const soma_inner_turn_t  *turn;

    soma_pieces_cstr(out, ",\"input\":[");

    for (turn = request->turns; turn; turn = turn->next) {
        if (soma_openai_responses_input_turn(out, turn, loss) != SOMA_OK) {
            return SOMA_DECLINED;
        }
    }

    soma_pieces_char(out, ']');

    return SOMA_OK;
}


static void
soma_openai_responses_input_comma(soma_pieces_t *out)
{
    if (out->tail != '[') {
        soma_pieces_char(out, ',');
    }
}


static int
soma_openai_responses_input_turn(soma_pieces_t *out,
    const soma_inner_turn_t *turn, soma_inner_loss_t *loss)
{
    if (turn->role == SOMA_INNER_ASSISTANT) {
        return soma_openai_responses_input_assistant(out, turn, loss);
    }

    if (turn->name.len != 0
        && soma_inner_lose(loss, SOMA_STR("name"), SOMA_OPENAI_RESPONSES_WHY)
           != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    if (soma_openai_responses_input_results(out, turn->blocks, loss)
        != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    return soma_openai_responses_input_said(out, turn, loss);
}


/* text alone is a string, anything else is parts; a failed one says so in
 * its first word, as nothing else tells it */

static int
soma_openai_responses_input_results(soma_pieces_t *out,
    const soma_inner_block_t *blocks, soma_inner_loss_t *loss)
{
    unsigned                   parts;
    const soma_inner_block_t  *block, *part;

    for (block = blocks; block; block = block->next) {

        if (block->kind != SOMA_INNER_RESULT) {
            continue;
        }

        soma_openai_responses_input_comma(out);
        soma_pieces_char(out, '{');
        soma_write_word(out, "type", block->tool == SOMA_INNER_CUSTOM
                                     ? "custom_tool_call_output"
                                     : "function_call_output");
        soma_openai_responses_input_id(out, "call_id", block->id);

        parts = 0;

        for (part = block->content; part; part = part->next) {
            parts |= (part->kind != SOMA_INNER_TEXT
                      && part->kind != SOMA_INNER_SEARCH_RESULT);
        }

        soma_write_name(out, "output");

        if (parts) {
            soma_pieces_char(out, '[');

            if (soma_openai_responses_input_parts(out, block->content, loss)
                != SOMA_OK)
            {
                return SOMA_DECLINED;
            }

            soma_pieces_cstr(out, "]}");
            continue;
        }

        soma_pieces_cstr(out, block->error ? "\"Error: " : "\"");

        for (part = block->content; part; part = part->next) {
            soma_pieces_str(out, part->text);
        }

        soma_pieces_cstr(out, "\"}");
    }

    return SOMA_OK;
}


/* what is no result; a turn of nothing is left out */

static int
soma_openai_responses_input_said(soma_pieces_t *out,
    const soma_inner_turn_t *turn, soma_inner_loss_t *loss)
{
    unsigned                   n;
    const soma_inner_block_t  *block;

    static const char *const  roles[] = { "system", "developer", "user" };

    n = 0;

    for (block = turn->blocks; block; block = block->next) {
        n += (block->kind != SOMA_INNER_RESULT);
    }

    if (n == 0) {
        return SOMA_OK;
    }

    soma_openai_responses_input_comma(out);
    soma_pieces_char(out, '{');
    soma_write_word(out, "role", roles[turn->role]);
    soma_pieces_cstr(out, ",\"content\":[");

    if (soma_openai_responses_input_parts(out, turn->blocks, loss)
        != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    soma_pieces_cstr(out, "]}");

    return SOMA_OK;
}


/* foreign reasoning is nobody's business here, and no text either */

static int
soma_openai_responses_input_assistant(soma_pieces_t *out,
    const soma_inner_turn_t *turn, soma_inner_loss_t *loss)
{
    const soma_inner_block_t  *block;

    for (block = turn->blocks; block; block = block->next) {

        switch (block->kind) {

        case SOMA_INNER_TEXT:
        case SOMA_INNER_REFUSAL:
        case SOMA_INNER_SEARCH_RESULT:
            if (block->text.len != 0) {
                soma_openai_responses_input_comma(out);
                soma_pieces_char(out, '{');
                soma_write_word(out, "role", "assistant");
                soma_write_text(out, "content", block->text);
                soma_pieces_char(out, '}');
            }

            break;

        case SOMA_INNER_REASONING:
            soma_openai_responses_input_thought(out, block);
            break;

        case SOMA_INNER_CALL:
            soma_openai_responses_input_call(out, block);
            break;

        default:
            if (soma_inner_lose(loss, block->type.len
                                      ? block->type
                                      : SOMA_STR("an assistant's image"),
                                SOMA_OPENAI_RESPONSES_WHY)
                != SOMA_OK)
            {
                return SOMA_DECLINED;
            }
        }
    }

    return SOMA_OK;
}


/* its id is looked at by nobody where nothing is kept, but has to be there */

static void
soma_openai_responses_input_thought(soma_pieces_t *out,
    const soma_inner_block_t *block)
{
    soma_str_t     id;
    unsigned char  buf[SOMA_OPENAI_RESPONSES_RS + 16];

    if (block->opaque.len == 0 || !soma_str_is(block->maker, "openai")) {
        return;
    }

    memcpy(buf, "rs_", SOMA_OPENAI_RESPONSES_RS);
    (void) soma_put_hex64(buf + SOMA_OPENAI_RESPONSES_RS,
                          soma_xxh3(&block->opaque, 1));

    id.data = buf;
    id.len = sizeof(buf);

    soma_openai_responses_input_comma(out);
    soma_pieces_char(out, '{');
    soma_write_word(out, "type", "reasoning");
    soma_write_quoted(out, "id", id);
    soma_pieces_cstr(out, ",\"summary\":[");

    if (block->text.len != 0) {
        soma_pieces_cstr(out, "{\"type\":\"summary_text\"");
        soma_write_text(out, "text", block->text);
        soma_pieces_char(out, '}');
    }

    soma_pieces_char(out, ']');
    soma_write_text(out, "encrypted_content", block->opaque);
    soma_pieces_char(out, '}');
}


static void
soma_openai_responses_input_call(soma_pieces_t *out,
    const soma_inner_block_t *block)
{
    unsigned    custom;
    soma_str_t  name;

    custom = (block->tool == SOMA_INNER_CUSTOM);

    if (soma_names_fit(out->arena, &soma_openai_tool_names, block->name,
                       &name)
        != SOMA_OK)
    {
        out->failed = 1;
        return;
    }

    soma_openai_responses_input_comma(out);
    soma_pieces_char(out, '{');
    soma_write_word(out, "type", custom ? "custom_tool_call"
                                        : "function_call");
    soma_openai_responses_input_id(out, "call_id", block->id);
    soma_write_quoted(out, "name", name);

    if (custom) {
        soma_write_text(out, "input", block->text.data != NULL
                                      ? block->text : SOMA_STR(""));

    } else if (block->broken) {
        soma_write_text(out, "arguments", block->arguments);

    } else {
        soma_write_escaped(out, "arguments", block->arguments.data != NULL
                                             ? block->arguments
                                             : SOMA_STR("{}"));
    }

    soma_pieces_char(out, '}');
}


static void
soma_openai_responses_input_id(soma_pieces_t *out, const char *name,
    soma_str_t id)
{
    soma_str_t  fit;

    if (soma_names_fit(out->arena, &soma_openai_call_ids, id, &fit)
        != SOMA_OK)
    {
        out->failed = 1;
        return;
    }

    soma_write_quoted(out, name, fit);
}


static int
soma_openai_responses_input_parts(soma_pieces_t *out,
    const soma_inner_block_t *blocks, soma_inner_loss_t *loss)
{
    const soma_inner_block_t  *block;

    for (block = blocks; block; block = block->next) {

        if (block->kind != SOMA_INNER_RESULT
            && soma_openai_responses_input_part(out, block, loss) != SOMA_OK)
        {
            return SOMA_DECLINED;
        }
    }

    return SOMA_OK;
}


static int
soma_openai_responses_input_part(soma_pieces_t *out,
    const soma_inner_block_t *block, soma_inner_loss_t *loss)
{
    switch (block->kind) {

    case SOMA_INNER_TEXT:
    case SOMA_INNER_SEARCH_RESULT:
    case SOMA_INNER_REFUSAL:
        soma_openai_responses_input_comma(out);
        soma_pieces_char(out, '{');
        soma_write_word(out, "type", "input_text");
        soma_write_text(out, "text", block->text);
        soma_pieces_char(out, '}');
        return SOMA_OK;

    case SOMA_INNER_IMAGE:
        if (block->source == SOMA_INNER_FILE) {
            return soma_inner_lose(loss, SOMA_STR("an image's file id"),
                                   "is known to one provider only");
        }

        soma_openai_responses_input_comma(out);
        soma_pieces_char(out, '{');
        soma_write_word(out, "type", "input_image");

        if (block->source == SOMA_INNER_URL) {
            soma_write_text(out, "image_url", block->data);

        } else {
            soma_openai_responses_input_data(out, "image_url",
                                             block->media.len
                                             ? block->media
                                             : soma_inner_sniff(block->data),
                                             block->data);
        }

        soma_write_quoted(out, "detail", block->detail.len
                                         ? block->detail : SOMA_STR("auto"));
        soma_pieces_char(out, '}');
        return SOMA_OK;

    case SOMA_INNER_DOCUMENT:
        return soma_openai_responses_input_file(out, block, loss);

    default:
        return soma_inner_lose(loss, block->type.len ? block->type
                                     : block->kind == SOMA_INNER_AUDIO
                                       ? SOMA_STR("input_audio")
                                       : SOMA_STR("video"),
                               SOMA_OPENAI_RESPONSES_WHY);
    }
}


static int
soma_openai_responses_input_file(soma_pieces_t *out,
    const soma_inner_block_t *block, soma_inner_loss_t *loss)
{
    const soma_inner_block_t  *part;

    if (block->source == SOMA_INNER_FILE) {
        return soma_inner_lose(loss, SOMA_STR("a document's file id"),
                               "is known to one provider only");
    }

    soma_openai_responses_input_comma(out);
    soma_pieces_char(out, '{');

    if (block->source == SOMA_INNER_PLAIN
        || block->source == SOMA_INNER_PARTS)
    {
        soma_write_word(out, "type", "input_text");
        soma_pieces_cstr(out, ",\"text\":\"");
        soma_pieces_str(out, block->title);
        soma_pieces_cstr(out, block->title.len ? "\\n\\n" : "");
        soma_pieces_str(out, block->data);

        for (part = block->content; part; part = part->next) {
            if (part->kind == SOMA_INNER_TEXT) {
                soma_pieces_str(out, part->text);
                soma_pieces_cstr(out, part->next ? "\\n\\n" : "");
            }
        }

        soma_pieces_cstr(out, "\"}");
        return SOMA_OK;
    }

    soma_write_word(out, "type", "input_file");

    if (block->source == SOMA_INNER_URL) {
        soma_write_text(out, "file_url", block->data);

    } else {
        soma_write_text(out, "filename", block->title.len
                                         ? block->title
                                         : SOMA_STR("document.pdf"));
        soma_openai_responses_input_data(out, "file_data",
                                         block->media.len
                                         ? block->media
                                         : SOMA_STR("application/pdf"),
                                         block->data);
    }

    soma_pieces_char(out, '}');

    return SOMA_OK;
}


static void
soma_openai_responses_input_data(soma_pieces_t *out, const char *name,
    soma_str_t media, soma_str_t data)
{
    soma_write_name(out, name);
    soma_pieces_cstr(out, "\"data:");
    soma_pieces_put(out, media.data, media.len);
    soma_pieces_cstr(out, ";base64,");
    soma_pieces_str(out, data);
    soma_pieces_char(out, '"');
}
