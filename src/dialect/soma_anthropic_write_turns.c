
/*
 * Copyright (C) The ngx_soma authors
 *
 * The conversation for a request of the Messages API.
 *
 * What the API wants of it: no empty text; results of tools directly behind
 * their calls, all of them in one turn and first in it; no blanks at the end
 * of a last turn of the assistant's; documents in a user's turn.  The
 * system's words later on are a user's text in a frame,
 *
 *     <system>
 *     ...
 *     </system>
 */


#include "soma_anthropic_request.h"
#include "soma_custom.h"
#include "soma_write.h"


static int soma_anthropic_write_system(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);
static const soma_inner_turn_t *soma_anthropic_write_run(
    const soma_inner_turn_t *turn);
static int soma_anthropic_write_turn(soma_pieces_t *out,
    const soma_inner_turn_t *turn, const soma_inner_turn_t *end,
    soma_inner_loss_t *loss);
static int soma_anthropic_write_blocks(soma_pieces_t *out,
    const soma_inner_turn_t *turn, unsigned results,
    soma_inner_loss_t *loss);
static void soma_anthropic_write_text(soma_pieces_t *out,
    const soma_inner_block_t *block, soma_str_t text);
static void soma_anthropic_write_framed(soma_pieces_t *out,
    const soma_inner_block_t *block);
static int soma_anthropic_write_call(soma_pieces_t *out,
    const soma_inner_block_t *block, soma_inner_loss_t *loss);
static int soma_anthropic_write_result(soma_pieces_t *out,
    const soma_inner_block_t *block, soma_inner_loss_t *loss);
static void soma_anthropic_write_reasoning(soma_pieces_t *out,
    const soma_inner_block_t *block);


int
soma_anthropic_write_turns(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    const soma_inner_turn_t  *turn, *end;

    if (soma_anthropic_write_system(out, request, loss) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    soma_write_name(out, "messages");
    soma_pieces_char(out, '[');

    for (turn = request->turns; turn; turn = end) {
        end = soma_anthropic_write_run(turn);

        if (soma_anthropic_write_turn(out, turn, end, loss) != SOMA_OK) {
            return SOMA_DECLINED;
        }
    }

    /* the API wants one turn, and so does whoever asks */

    if (out->tail == '[') {
        loss->refused = SOMA_STR("messages");
        loss->why = "has nothing in it for a request of Anthropic's API, "
                    "which knows no empty text";
        return SOMA_DECLINED;
    }

    soma_pieces_char(out, ']');

    return SOMA_OK;
}


void
soma_anthropic_write_turns_cache(soma_pieces_t *out, soma_inner_cache_e cache)
{
    if (cache == SOMA_INNER_CACHE_5M) {
        soma_write_raw(out, "cache_control",
                       SOMA_STR("{\"type\":\"ephemeral\"}"));

    } else if (cache == SOMA_INNER_CACHE_1H) {
        soma_write_raw(out, "cache_control",
                       SOMA_STR("{\"type\":\"ephemeral\",\"ttl\":\"1h\"}"));
    }
}


void
soma_anthropic_write_turns_comma(soma_pieces_t *out)
{
    if (out->tail != '[') {
        soma_pieces_char(out, ',');
    }
}


/* an object of any kind has to be asked for in words */

static int
soma_anthropic_write_system(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    unsigned                   n;
    const soma_inner_block_t  *block;

    n = 0;

    for (block = request->system; block; block = block->next) {

        if (block->kind != SOMA_INNER_TEXT) {
            if (soma_inner_lose(loss, SOMA_STR("a part of the system that is "
                                               "no text"),
                                SOMA_ANTHROPIC_WHY)
                != SOMA_OK)
            {
                return SOMA_DECLINED;
            }

            continue;
        }

        if (soma_inner_blank(block->text)) {
            continue;
        }

        soma_pieces_cstr(out, n++ == 0 ? ",\"system\":[" : ",");
        soma_anthropic_write_text(out, block, block->text);
    }

    if (request->format == SOMA_INNER_FORMAT_OBJECT) {
        soma_pieces_cstr(out, n++ == 0 ? ",\"system\":[" : ",");
        soma_pieces_cstr(out, "{\"type\":\"text\",\"text\":\"Answer with one "
                              "JSON object and nothing else: no words "
                              "around it and no code fence.\"}");
    }

    if (n != 0) {
        soma_pieces_char(out, ']');
    }

    return SOMA_OK;
}


/* where the turns end that are one for the API: those up to the assistant's
 * next where there are results among them */

static const soma_inner_turn_t *
soma_anthropic_write_run(const soma_inner_turn_t *turn)
{
    const soma_inner_turn_t   *end;
    const soma_inner_block_t  *block;

    for (end = turn; end && end->role != SOMA_INNER_ASSISTANT;
         end = end->next)
    {
        for (block = end->blocks; block; block = block->next) {

            if (block->kind != SOMA_INNER_RESULT) {
                continue;
            }

            while (end && end->role != SOMA_INNER_ASSISTANT) {
                end = end->next;
            }

            return end;
        }
    }

    return turn->next;
}


static int
soma_anthropic_write_turn(soma_pieces_t *out, const soma_inner_turn_t *turn,
    const soma_inner_turn_t *end, soma_inner_loss_t *loss)
{
    unsigned                   says;
    const soma_inner_turn_t   *each;
    const soma_inner_block_t  *block;

    says = 0;

    for (each = turn; each != end; each = each->next) {

        if (each->name.len != 0
            && soma_inner_lose(loss, SOMA_STR("messages.name"),
                               SOMA_ANTHROPIC_WHY)
               != SOMA_OK)
        {
            return SOMA_DECLINED;
        }

        for (block = each->blocks; block; block = block->next) {
            says += soma_anthropic_write_turns_says(block);
        }
    }

    if (says == 0) {
        return SOMA_OK;
    }

    soma_anthropic_write_turns_comma(out);
    soma_pieces_char(out, '{');
    soma_write_word(out, "role", turn->role == SOMA_INNER_ASSISTANT
                                 ? "assistant" : "user");

    block = turn->blocks;

    if (turn->string && turn->next == end && turn->role == SOMA_INNER_USER
        && block->next == NULL && block->cache == SOMA_INNER_CACHE_NONE
        && block->kind == SOMA_INNER_TEXT)
    {
        soma_write_text(out, "content", block->text);
        soma_pieces_char(out, '}');
        return SOMA_OK;
    }

    soma_write_name(out, "content");
    soma_pieces_char(out, '[');

    for (each = turn; each != end; each = each->next) {
        if (soma_anthropic_write_blocks(out, each, 1, loss) != SOMA_OK) {
            return SOMA_DECLINED;
        }
    }

    for (each = turn; each != end; each = each->next) {
        if (soma_anthropic_write_blocks(out, each, 0, loss) != SOMA_OK) {
            return SOMA_DECLINED;
        }
    }

    soma_pieces_cstr(out, "]}");

    return SOMA_OK;
}


/* whether there is something of it to write */

unsigned
soma_anthropic_write_turns_says(const soma_inner_block_t *block)
{
    switch (block->kind) {

    case SOMA_INNER_TEXT:
    case SOMA_INNER_REFUSAL:
        return !soma_inner_blank(block->text);

    case SOMA_INNER_REASONING:
        return soma_anthropic_write_turns_own(block)
               && (block->signature.len != 0 || block->opaque.len != 0);

    case SOMA_INNER_OPAQUE:
        return soma_anthropic_write_turns_own(block);

    default:
        return 1;
    }
}


static int
soma_anthropic_write_blocks(soma_pieces_t *out, const soma_inner_turn_t *turn,
    unsigned results, soma_inner_loss_t *loss)
{
    unsigned                   last;
    const soma_inner_block_t  *block;

    for (block = turn->blocks; block; block = block->next) {

        if ((block->kind == SOMA_INNER_RESULT) != results) {
            continue;
        }

        if (!soma_anthropic_write_turns_says(block)) {

            if (block->kind == SOMA_INNER_OPAQUE
                && soma_inner_lose(loss, block->type, SOMA_ANTHROPIC_WHY)
                   != SOMA_OK)
            {
                return SOMA_DECLINED;
            }

            continue;
        }

        if (turn->role <= SOMA_INNER_DEVELOPER
            && block->kind == SOMA_INNER_TEXT)
        {
            soma_anthropic_write_turns_comma(out);
            soma_anthropic_write_framed(out, block);
            continue;
        }

        last = (turn->role == SOMA_INNER_ASSISTANT && turn->next == NULL
                && block->next == NULL);

        if (soma_anthropic_write_turns_block(out, block, last,
                                             loss) != SOMA_OK) {
            return SOMA_DECLINED;
        }
    }

    return SOMA_OK;
}


int
soma_anthropic_write_turns_block(soma_pieces_t *out,
    const soma_inner_block_t *block, unsigned trim, soma_inner_loss_t *loss)
{
    switch (block->kind) {

    case SOMA_INNER_TEXT:
    case SOMA_INNER_REFUSAL:
        soma_anthropic_write_turns_comma(out);
        soma_anthropic_write_text(out, block,
                                  trim ? soma_write_trim(block->text)
                                       : block->text);
        return SOMA_OK;

    case SOMA_INNER_IMAGE:
        if (block->detail.len != 0 && !soma_str_is(block->detail, "auto")) {
            soma_inner_drop(loss, SOMA_STR("image_url.detail"));
        }

        return soma_anthropic_write_media_source(out, block, loss);

    case SOMA_INNER_DOCUMENT:
        return soma_anthropic_write_media_source(out, block, loss);

    case SOMA_INNER_CALL:
        return soma_anthropic_write_call(out, block, loss);

    case SOMA_INNER_RESULT:
        return soma_anthropic_write_result(out, block, loss);

    case SOMA_INNER_REASONING:
        soma_anthropic_write_turns_comma(out);
        soma_anthropic_write_reasoning(out, block);
        return SOMA_OK;

    case SOMA_INNER_SEARCH_RESULT:
    case SOMA_INNER_OPAQUE:
        soma_anthropic_write_turns_comma(out);

        if (soma_anthropic_write_turns_own(block)) {
            soma_pieces_str(out, block->raw);

        } else {
            soma_anthropic_write_text(out, block, block->text);
        }

        return SOMA_OK;

    case SOMA_INNER_AUDIO:
        return soma_inner_lose(loss, SOMA_STR("input_audio"),
                               SOMA_ANTHROPIC_WHY);

    default:
        return soma_inner_lose(loss, SOMA_STR("video"), SOMA_ANTHROPIC_WHY);
    }
}


static void
soma_anthropic_write_text(soma_pieces_t *out, const soma_inner_block_t *block,
    soma_str_t text)
{
    soma_pieces_char(out, '{');
    soma_write_word(out, "type", "text");
    soma_write_text(out, "text", text);

    if (block->kind == SOMA_INNER_TEXT) {
        soma_write_raw(out, "citations", block->raw);
    }

    soma_anthropic_write_turns_cache(out, block->cache);
    soma_pieces_char(out, '}');
}


static void
soma_anthropic_write_framed(soma_pieces_t *out,
    const soma_inner_block_t *block)
{
    soma_pieces_cstr(out, "{\"type\":\"text\",\"text\":\"<system>\\n");
    soma_pieces_str(out, block->text);
    soma_pieces_cstr(out, "\\n</system>\"");
    soma_anthropic_write_turns_cache(out, block->cache);
    soma_pieces_char(out, '}');
}


static int
soma_anthropic_write_call(soma_pieces_t *out, const soma_inner_block_t *block,
    soma_inner_loss_t *loss)
{
    if (block->broken) {
        loss->refused = SOMA_STR("tool_calls.function.arguments");
        loss->why = "must be a JSON object in a request of Anthropic's API";
        return SOMA_DECLINED;
    }

    soma_anthropic_write_turns_comma(out);
    soma_pieces_char(out, '{');
    soma_write_word(out, "type", "tool_use");
    soma_anthropic_write_turns_name(out, "id",
                                    &soma_anthropic_write_turns_ids,
                                    block->id);
    soma_anthropic_write_turns_name(out, "name",
                                    &soma_anthropic_write_turns_names,
                                    block->name);

    if (block->tool == SOMA_INNER_CUSTOM) {
        soma_write_name(out, "input");
        soma_custom_arguments(out, block);

    } else {
        soma_write_raw(out, "input", block->arguments);
    }

    soma_anthropic_write_turns_cache(out, block->cache);
    soma_pieces_char(out, '}');

    return SOMA_OK;
}


static int
soma_anthropic_write_result(soma_pieces_t *out,
    const soma_inner_block_t *block, soma_inner_loss_t *loss)
{
    unsigned                   n;
    const soma_inner_block_t  *part;

    soma_anthropic_write_turns_comma(out);
    soma_pieces_char(out, '{');
    soma_write_word(out, "type", "tool_result");
    soma_anthropic_write_turns_name(out, "tool_use_id",
                                    &soma_anthropic_write_turns_ids,
                                    block->id);

    part = block->content;
    n = 0;

    if (part != NULL && part->next == NULL && part->kind == SOMA_INNER_TEXT
        && part->cache == SOMA_INNER_CACHE_NONE && part->raw.data == NULL)
    {
        soma_write_text(out, "content", part->text);
        part = NULL;
    }

    for ( /* void */ ; part; part = part->next) {

        if (!soma_anthropic_write_turns_says(part)) {
            continue;
        }

        if (n++ == 0) {
            soma_write_name(out, "content");
            soma_pieces_char(out, '[');
        }

        if (soma_anthropic_write_turns_block(out, part, 0, loss) != SOMA_OK) {
            return SOMA_DECLINED;
        }
    }

    if (n != 0) {
        soma_pieces_char(out, ']');
    }

    if (block->error) {
        soma_pieces_cstr(out, ",\"is_error\":true");
    }

    soma_anthropic_write_turns_cache(out, block->cache);
    soma_pieces_char(out, '}');

    return SOMA_OK;
}


static void
soma_anthropic_write_reasoning(soma_pieces_t *out,
    const soma_inner_block_t *block)
{
    soma_pieces_char(out, '{');

    if (block->opaque.len != 0) {
        soma_write_word(out, "type", "redacted_thinking");
        soma_write_text(out, "data", block->opaque);

    } else {
        soma_write_word(out, "type", "thinking");
        soma_write_text(out, "thinking", block->text.data ? block->text
                                                          : SOMA_STR(""));
        soma_write_text(out, "signature", block->signature);
    }

    soma_pieces_char(out, '}');
}


const soma_names_t  soma_anthropic_write_turns_names = { "_-", 128, 0 };
const soma_names_t  soma_anthropic_write_turns_ids = { "_-", 64, 0 };


void
soma_anthropic_write_turns_name(soma_pieces_t *out, const char *member,
    const soma_names_t *rule, soma_str_t name)
{
    soma_str_t  fit;

    if (soma_names_fit(out->arena, rule, name, &fit) != SOMA_OK) {
        out->failed = 1;
        return;
    }

    soma_write_quoted(out, member, fit);
}


unsigned
soma_anthropic_write_turns_own(const soma_inner_block_t *block)
{
    size_t  len;

    len = sizeof(SOMA_ANTHROPIC_MAKER) - 1;

    return block->maker.len >= len
           && memcmp(block->maker.data, SOMA_ANTHROPIC_MAKER, len) == 0;
}
