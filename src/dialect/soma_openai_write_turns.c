
/*
 * Copyright (C) The ngx_soma authors
 *
 * The conversation for a chat request.
 */


#include "soma_openai_shared.h"
#include "soma_openai_write.h"
#include "soma_write.h"


static int soma_openai_write_system(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);
static int soma_openai_write_turn(soma_pieces_t *out,
    const soma_inner_turn_t *turn, soma_inner_loss_t *loss);
static int soma_openai_write_results(soma_pieces_t *out,
    const soma_inner_turn_t *turn, soma_inner_loss_t *loss);
static unsigned soma_openai_write_result(soma_pieces_t *out,
    const soma_inner_block_t *block);
static unsigned soma_openai_write_worded(const soma_inner_block_t *part);
static int soma_openai_write_content(soma_pieces_t *out,
    const soma_inner_block_t *blocks, soma_inner_loss_t *loss);
static unsigned soma_openai_write_thinks(const soma_inner_block_t *block);
static void soma_openai_write_thoughts(soma_pieces_t *out,
    const soma_inner_block_t *blocks);
static void soma_openai_write_calls(soma_pieces_t *out,
    const soma_inner_block_t *blocks);
static void soma_openai_write_call(soma_pieces_t *out,
    const soma_inner_block_t *block);


int
soma_openai_write_turns(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    const soma_inner_turn_t  *turn;

    soma_write_name(out, "messages");
    soma_pieces_char(out, '[');

    if (soma_openai_write_system(out, request, loss) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    for (turn = request->turns; turn; turn = turn->next) {
        if (soma_openai_write_turn(out, turn, loss) != SOMA_OK) {
            return SOMA_DECLINED;
        }
    }

    soma_pieces_char(out, ']');

    return SOMA_OK;
}


/* the blocks of the system are joined: many servers take one string only */

static int
soma_openai_write_system(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    unsigned                   n;
    const soma_inner_block_t  *block;

    n = 0;

    for (block = request->system; block; block = block->next) {

        if (block->kind != SOMA_INNER_TEXT) {
            if (soma_inner_lose(loss, SOMA_STR("a part of the system that is "
                                               "no text"),
                                SOMA_OPENAI_WHY)
                != SOMA_OK)
            {
                return SOMA_DECLINED;
            }

            continue;
        }

        if (n++ != 0) {
            soma_pieces_cstr(out, "\\n\\n");

        } else {
            soma_pieces_char(out, '{');
            soma_write_word(out, "role",
                            (loss->facts & SOMA_FACT_DEVELOPER)
                            ? "developer" : "system");
            soma_write_name(out, "content");
            soma_pieces_char(out, '"');
        }

        soma_pieces_str(out, block->text);
    }

    if (n != 0) {
        soma_pieces_cstr(out, "\"}");
    }

    return SOMA_OK;
}


/* of a turn that has nothing in it nothing is said */

static int
soma_openai_write_turn(soma_pieces_t *out, const soma_inner_turn_t *turn,
    soma_inner_loss_t *loss)
{
    unsigned                   words, calls, thoughts;
    const char                *role;
    const soma_inner_block_t  *block;

    static const char  *const  roles[] = {
        "system", "system", "user", "assistant"
    };

    if (turn->role == SOMA_INNER_USER
        && soma_openai_write_results(out, turn, loss) != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    words = 0;
    calls = 0;
    thoughts = 0;

    for (block = turn->blocks; block; block = block->next) {
        words += soma_openai_write_said(block);
        calls += (block->kind == SOMA_INNER_CALL);
        thoughts += soma_openai_write_thinks(block);
    }

    if (words == 0 && calls == 0 && thoughts == 0) {
        return SOMA_OK;
    }

    role = roles[turn->role];

    if (turn->role <= SOMA_INNER_DEVELOPER
        && (loss->facts & SOMA_FACT_DEVELOPER))
    {
        role = "developer";
    }

    soma_openai_shared_comma(out);
    soma_pieces_char(out, '{');
    soma_write_word(out, "role", role);
    soma_write_text(out, "name", turn->name);

    if (words == 0) {
        soma_pieces_cstr(out, calls ? ",\"content\":null"
                                    : ",\"content\":\"\"");

    } else if (soma_openai_write_content(out, turn->blocks, loss) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    if (thoughts != 0) {
        soma_openai_write_thoughts(out, turn->blocks);
    }

    soma_openai_write_calls(out, turn->blocks);
    soma_pieces_char(out, '}');

    return SOMA_OK;
}


/* each result is a message of its own, before what the user says beside; a
 * tool's message holds text alone, so its images are the user's, behind all
 * of them */

static int
soma_openai_write_results(soma_pieces_t *out, const soma_inner_turn_t *turn,
    soma_inner_loss_t *loss)
{
    unsigned                   n;
    const soma_inner_block_t  *block, *part;

    n = 0;

    for (block = turn->blocks; block; block = block->next) {
        if (block->kind == SOMA_INNER_RESULT) {
            n += soma_openai_write_result(out, block);
        }
    }

    if (n == 0) {
        return SOMA_OK;
    }

    soma_openai_shared_comma(out);
    soma_pieces_cstr(out, "{\"role\":\"user\",\"content\":[");

    for (block = turn->blocks; block; block = block->next) {

        if (block->kind != SOMA_INNER_RESULT) {
            continue;
        }

        for (part = block->content; part; part = part->next) {

            if (!soma_openai_write_worded(part)
                && soma_openai_write_part(out, part, loss) != SOMA_OK)
            {
                return SOMA_DECLINED;
            }
        }
    }

    soma_pieces_cstr(out, "]}");

    return SOMA_OK;
}


/* returns how many of its parts are no text */

static unsigned
soma_openai_write_result(soma_pieces_t *out, const soma_inner_block_t *block)
{
    unsigned                   n;
    const soma_inner_block_t  *part;

    n = 0;

    soma_openai_shared_comma(out);
    soma_pieces_cstr(out, "{\"role\":\"tool\"");
    soma_openai_shared_name(out, "tool_call_id", block->id);
    soma_pieces_cstr(out, block->error ? ",\"content\":\"Error: "
                                       : ",\"content\":\"");

    for (part = block->content; part; part = part->next) {

        if (!soma_openai_write_worded(part)) {
            n++;
            continue;
        }

        soma_pieces_str(out, part->text);

        if (part->kind == SOMA_INNER_DOCUMENT) {
            soma_pieces_str(out, part->data);
        }
    }

    soma_pieces_cstr(out, "\"}");

    return n;
}


static unsigned
soma_openai_write_worded(const soma_inner_block_t *part)
{
    return part->kind == SOMA_INNER_TEXT
           || part->kind == SOMA_INNER_SEARCH_RESULT
           || (part->kind == SOMA_INNER_DOCUMENT
               && part->source == SOMA_INNER_PLAIN);
}


/* one text is written as a string, which every server understands */

static int
soma_openai_write_content(soma_pieces_t *out,
    const soma_inner_block_t *blocks, soma_inner_loss_t *loss)
{
    unsigned                   n;
    const soma_inner_block_t  *block, *only;

    n = 0;
    only = NULL;

    for (block = blocks; block; block = block->next) {
        if (soma_openai_write_said(block)) {
            only = block;
            n++;
        }
    }

    if (n == 1 && only->kind == SOMA_INNER_TEXT) {
        soma_write_text(out, "content", only->text);
        return SOMA_OK;
    }

    soma_write_name(out, "content");
    soma_pieces_char(out, '[');

    for (block = blocks; block; block = block->next) {
        if (soma_openai_write_part(out, block, loss) != SOMA_OK) {
            return SOMA_DECLINED;
        }
    }

    soma_pieces_char(out, ']');

    return SOMA_OK;
}


/* reasoning that nobody signed is of a server that wants it back as it gave
 * it; another provider's is nothing that may be sent in the open */

static unsigned
soma_openai_write_thinks(const soma_inner_block_t *block)
{
    return block->kind == SOMA_INNER_REASONING
           && ((block->maker.len == 0 && block->text.len != 0)
               || soma_str_is(block->maker, SOMA_OPENAI_CHAT_MAKER));
}


static void
soma_openai_write_thoughts(soma_pieces_t *out,
    const soma_inner_block_t *blocks)
{
    unsigned                   n;
    soma_str_t                 raw;
    const soma_inner_block_t  *block;

    n = 0;

    for (block = blocks; block; block = block->next) {
        if (soma_openai_write_thinks(block) && block->text.len != 0) {
            soma_pieces_cstr(out, n++ == 0 ? ",\"reasoning_content\":\""
                                           : "");
            soma_pieces_str(out, block->text);
        }
    }

    soma_pieces_cstr(out, n != 0 ? "\"" : "");

    for (n = 0, block = blocks; block; block = block->next) {

        if (!soma_openai_write_thinks(block)
            || (block->signature.len == 0 && block->opaque.len == 0))
        {
            continue;
        }

        raw = block->opaque;

        if (raw.len != 0
            && (soma_inner_plain(out->arena, block->opaque, &raw) != SOMA_OK
                || !soma_inner_object(raw)))
        {
            continue;
        }

        soma_pieces_cstr(out, n++ == 0 ? ",\"reasoning_details\":[" : ",");

        if (raw.len != 0) {
            soma_pieces_str(out, raw);
            continue;
        }

        soma_pieces_char(out, '{');
        soma_write_word(out, "type", "reasoning.text");
        soma_write_text(out, "text", block->text.data ? block->text
                                                      : SOMA_STR(""));
        soma_write_text(out, "signature", block->signature);
        soma_pieces_char(out, '}');
    }

    soma_pieces_cstr(out, n != 0 ? "]" : "");
}


static void
soma_openai_write_calls(soma_pieces_t *out, const soma_inner_block_t *blocks)
{
    unsigned                   n;
    const soma_inner_block_t  *block;

    n = 0;

    for (block = blocks; block; block = block->next) {
        if (block->kind == SOMA_INNER_CALL) {
            soma_pieces_cstr(out, n++ == 0 ? ",\"tool_calls\":[{" : ",{");
            soma_openai_write_call(out, block);
        }
    }

    if (n != 0) {
        soma_pieces_char(out, ']');
    }
}


static void
soma_openai_write_call(soma_pieces_t *out, const soma_inner_block_t *block)
{
    soma_openai_shared_name(out, "id", block->id);

    if (block->tool == SOMA_INNER_CUSTOM) {
        soma_write_word(out, "type", "custom");
        soma_pieces_cstr(out, ",\"custom\":{");
        soma_openai_shared_name(out, "name", block->name);
        soma_write_text(out, "input", block->text.data != NULL
                                      ? block->text : SOMA_STR(""));

    } else {
        soma_write_word(out, "type", "function");
        soma_pieces_cstr(out, ",\"function\":{");
        soma_openai_shared_name(out, "name", block->name);

        if (block->broken) {
            soma_write_text(out, "arguments", block->arguments);

        } else {
            soma_write_escaped(out, "arguments", block->arguments.len
                                                 ? block->arguments
                                                 : SOMA_STR("{}"));
        }
    }

    soma_pieces_char(out, '}');

    if (block->signature.len != 0
        && soma_str_is(block->maker, SOMA_OPENAI_CHAT_MAKER))
    {
        soma_pieces_cstr(out, ",\"extra_content\":{\"google\":{");
        soma_write_text(out, "thought_signature", block->signature);
        soma_pieces_cstr(out, "}}");
    }

    soma_pieces_char(out, '}');
}
