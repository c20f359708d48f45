
/*
 * Copyright (C) The ngx_soma authors
 *
 * The blocks of a conversation for a request of Converse: each is an object of
 * one member.
 */


#include "soma_bedrock_write.h"
#include "soma_custom.h"
#include "soma_write.h"


static void soma_bedrock_write_text(soma_pieces_t *out, soma_str_t text);
static int soma_bedrock_write_call(soma_bedrock_write_t *w,
    const soma_inner_block_t *block);
static void soma_bedrock_write_thought(soma_bedrock_write_t *w,
    const soma_inner_block_t *block);
static void soma_bedrock_write_found(soma_bedrock_write_t *w,
    const soma_inner_block_t *block);


void
soma_bedrock_write_comma(soma_pieces_t *out)
{
    if (out->tail != '[') {
        soma_pieces_char(out, ',');
    }
}


void
soma_bedrock_write_cache(soma_pieces_t *out, soma_inner_cache_e cache)
{
    if (cache == SOMA_INNER_CACHE_NONE) {
        return;
    }

    soma_bedrock_write_comma(out);
    soma_pieces_cstr(out, cache == SOMA_INNER_CACHE_1H
                          ? "{\"cachePoint\":{\"type\":\"default\","
                            "\"ttl\":\"1h\"}}"
                          : "{\"cachePoint\":{\"type\":\"default\"}}");
}


void
soma_bedrock_write_id(soma_bedrock_write_t *w, const char *name,
    const soma_names_t *rule, soma_str_t id)
{
    soma_str_t  fit;

    if (soma_names_fit(w->out->arena, rule, id, &fit) != SOMA_OK) {
        w->failed = 1;
        fit = SOMA_STR("");
    }

    soma_write_quoted(w->out, name, fit);
}


unsigned
soma_bedrock_write_own(const soma_inner_block_t *block)
{
    size_t  len;

    len = sizeof(SOMA_BEDROCK_MAKER) - 1;

    return block->maker.len >= len
           && memcmp(block->maker.data, SOMA_BEDROCK_MAKER, len) == 0;
}


/* reasoning of others, or that nobody signed, is left out */

unsigned
soma_bedrock_write_says(const soma_inner_block_t *block)
{
    switch (block->kind) {

    case SOMA_INNER_TEXT:
    case SOMA_INNER_REFUSAL:
        return !soma_inner_blank(block->text);

    case SOMA_INNER_REASONING:
        return soma_bedrock_write_own(block)
               && (block->signature.len != 0 || block->opaque.len != 0);

    case SOMA_INNER_OPAQUE:
        return soma_bedrock_write_own(block);

    case SOMA_INNER_SEARCH_RESULT:
        return soma_bedrock_write_own(block)
               || !soma_inner_blank(block->text);

    default:
        return 1;
    }
}


int
soma_bedrock_write_block(soma_bedrock_write_t *w,
    const soma_inner_block_t *block, unsigned trim)
{
    int  rc;

    rc = SOMA_OK;

    switch (block->kind) {

    case SOMA_INNER_TEXT:
    case SOMA_INNER_REFUSAL:
        soma_bedrock_write_text(w->out, trim
                                        ? soma_write_trim(block->text)
                                        : block->text);
        break;

    case SOMA_INNER_CALL:
        rc = soma_bedrock_write_call(w, block);
        break;

    case SOMA_INNER_RESULT:
        rc = soma_bedrock_write_result(w, block);
        break;

    case SOMA_INNER_REASONING:
        soma_bedrock_write_thought(w, block);
        break;

    case SOMA_INNER_SEARCH_RESULT:
        soma_bedrock_write_found(w, block);
        break;

    case SOMA_INNER_OPAQUE:
        soma_bedrock_write_comma(w->out);
        soma_pieces_str(w->out, block->raw);
        break;

    default:
        rc = soma_bedrock_write_media(w, block);
    }

    if (rc == SOMA_OK) {
        soma_bedrock_write_cache(w->out, block->cache);
    }

    return rc;
}


static void
soma_bedrock_write_text(soma_pieces_t *out, soma_str_t text)
{
    soma_bedrock_write_comma(out);
    soma_pieces_char(out, '{');
    soma_write_text(out, "text", text);
    soma_pieces_char(out, '}');
}


static int
soma_bedrock_write_call(soma_bedrock_write_t *w,
    const soma_inner_block_t *block)
{
    if (block->broken) {
        w->loss->refused = SOMA_STR("tool_calls.function.arguments");
        w->loss->why = "must be a JSON object in a request of Bedrock's "
                       "Converse";
        return SOMA_DECLINED;
    }

    soma_bedrock_write_comma(w->out);
    soma_pieces_cstr(w->out, "{\"toolUse\":{");
    soma_bedrock_write_id(w, "toolUseId", &soma_bedrock_call_ids, block->id);
    soma_bedrock_write_id(w, "name", &soma_bedrock_tool_names, block->name);

    if (block->tool == SOMA_INNER_CUSTOM) {
        soma_write_name(w->out, "input");
        soma_custom_arguments(w->out, block);

    } else {
        soma_write_raw(w->out, "input", block->arguments.data != NULL
                                        ? block->arguments : SOMA_STR("{}"));
    }

    soma_pieces_cstr(w->out, "}}");

    return SOMA_OK;
}


/* no text in it may be blank, and it may not be empty */

int
soma_bedrock_write_result(soma_bedrock_write_t *w,
    const soma_inner_block_t *block)
{
    int                        rc;
    const soma_inner_block_t  *part;

    soma_bedrock_write_comma(w->out);
    soma_pieces_cstr(w->out, "{\"toolResult\":{");
    soma_bedrock_write_id(w, "toolUseId", &soma_bedrock_call_ids, block->id);
    soma_write_name(w->out, "content");
    soma_pieces_char(w->out, '[');

    for (part = block->content; part; part = part->next) {

        if (!soma_bedrock_write_says(part)) {
            continue;
        }

        switch (part->kind) {

        case SOMA_INNER_TEXT:
        case SOMA_INNER_REFUSAL:
            soma_bedrock_write_text(w->out, part->text);
            rc = SOMA_OK;
            break;

        case SOMA_INNER_SEARCH_RESULT:
            soma_bedrock_write_found(w, part);
            rc = SOMA_OK;
            break;

        case SOMA_INNER_IMAGE:
        case SOMA_INNER_DOCUMENT:
        case SOMA_INNER_VIDEO:
            rc = soma_bedrock_write_media(w, part);
            break;

        default:
            rc = soma_bedrock_write_lose(w, part->type.len ? part->type
                                         : SOMA_STR("a part of what a tool "
                                                    "gave back"));
        }

        if (rc != SOMA_OK) {
            return rc;
        }
    }

    if (w->out->tail == '[') {
        soma_pieces_cstr(w->out, "{\"json\":{}}");
    }

    soma_pieces_char(w->out, ']');

    if (block->error) {
        soma_write_word(w->out, "status", "error");
    }

    soma_pieces_cstr(w->out, "}}");

    return SOMA_OK;
}


static void
soma_bedrock_write_thought(soma_bedrock_write_t *w,
    const soma_inner_block_t *block)
{
    soma_bedrock_write_comma(w->out);
    soma_pieces_cstr(w->out, "{\"reasoningContent\":{");

    if (block->opaque.len != 0) {
        soma_write_text(w->out, "redactedContent", block->opaque);

    } else {
        soma_write_name(w->out, "reasoningText");
        soma_pieces_char(w->out, '{');
        soma_write_text(w->out, "text", block->text.data ? block->text
                                                         : SOMA_STR(""));
        soma_write_text(w->out, "signature", block->signature);
        soma_pieces_char(w->out, '}');
    }

    soma_pieces_cstr(w->out, "}}");
}


/* what a search found: of another dialect its words, its title and where it
 * was */

static void
soma_bedrock_write_found(soma_bedrock_write_t *w,
    const soma_inner_block_t *block)
{
    soma_json_value_t  citations, enabled;

    soma_bedrock_write_comma(w->out);
    soma_pieces_char(w->out, '{');
    soma_write_name(w->out, "searchResult");

    if (soma_bedrock_write_own(block)) {
        soma_pieces_str(w->out, block->raw);
        soma_pieces_char(w->out, '}');
        return;
    }

    soma_pieces_char(w->out, '{');
    soma_write_text(w->out, "source", block->data.data ? block->data
                                                       : SOMA_STR(""));
    soma_write_text(w->out, "title", block->title.data ? block->title
                                                       : SOMA_STR(""));
    soma_write_name(w->out, "content");
    soma_pieces_cstr(w->out, "[{");
    soma_write_text(w->out, "text", block->text);
    soma_pieces_cstr(w->out, "}]");

    if (block->raw.data != NULL
        && soma_json_get(block->raw, "citations", &citations) == SOMA_OK
        && soma_json_get(citations.text, "enabled", &enabled) == SOMA_OK
        && enabled.type == SOMA_JSON_TRUE)
    {
        soma_write_raw(w->out, "citations", SOMA_STR("{\"enabled\":true}"));
    }

    soma_pieces_cstr(w->out, "}}");
}
