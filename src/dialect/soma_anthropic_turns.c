
/*
 * Copyright (C) The ngx_soma authors
 *
 * The messages and the system of a request of the Messages API as turns and
 * blocks of the inner form.
 */


#include "soma_anthropic_request.h"
#include "soma_seal.h"


static int soma_anthropic_turns_blocks(soma_fill_t *r, soma_inner_block_t
    ***last, soma_json_iter_t *it, unsigned depth);
static int soma_anthropic_turns_role(soma_str_t role, soma_inner_role_e *inner);
static int soma_anthropic_turns_message(soma_fill_t *r, soma_str_t message);
static int soma_anthropic_turns_content(soma_fill_t *r,
    soma_inner_block_t ***last, soma_json_value_t *value, unsigned depth,
    unsigned *string);
static int soma_anthropic_turns_block(soma_fill_t *r,
    soma_inner_block_t ***last, soma_str_t text, unsigned depth);
static int soma_anthropic_turns_text(soma_fill_t *r,
    soma_inner_block_t *block, soma_str_t text, unsigned depth);
static int soma_anthropic_turns_source(soma_fill_t *r,
    soma_inner_block_t *block, soma_str_t text, unsigned depth);
static int soma_anthropic_turns_document(soma_fill_t *r,
    soma_inner_block_t *block, soma_str_t text, unsigned depth);
static int soma_anthropic_turns_search(soma_fill_t *r,
    soma_inner_block_t *block, soma_str_t text, unsigned depth);
static int soma_anthropic_turns_call(soma_fill_t *r,
    soma_inner_block_t *block, soma_str_t text, unsigned depth);
static int soma_anthropic_turns_result(soma_fill_t *r,
    soma_inner_block_t *block, soma_str_t text, unsigned depth);
static int soma_anthropic_turns_thinking(soma_fill_t *r,
    soma_inner_block_t *block, soma_str_t text, unsigned depth);
static void soma_anthropic_turns_signed(soma_inner_block_t *block);


#define SOMA_ANTHROPIC_DEPTH_MAX  4     /* a document in a tool's result ... */


int
soma_anthropic_turns(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    int                rc;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  message;

    (void) member;

    if (value->type != SOMA_JSON_ARRAY
        || soma_json_first(&it, value->text) != SOMA_OK)
    {
        *r->error = "\"messages\" must be an array";
        return SOMA_ERROR;
    }

    while ((rc = soma_json_next(&it, &name, &message)) == SOMA_OK) {

        if (message.type != SOMA_JSON_OBJECT) {
            *r->error = "each of \"messages\" must be an object";
            return SOMA_ERROR;
        }

        if (soma_anthropic_turns_message(r, message.text) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    if (rc != SOMA_DONE) {
        *r->error = "\"messages\" is malformed";
        return SOMA_ERROR;
    }

    return SOMA_OK;
}


int
soma_anthropic_turns_system(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    unsigned  string;

    (void) member;

    return soma_anthropic_turns_content(r, &r->system, value, 0, &string);
}


static int
soma_anthropic_turns_message(soma_fill_t *r, soma_str_t message)
{
    unsigned              string;
    soma_str_t            role;
    soma_inner_role_e     inner;
    soma_inner_turn_t    *turn;
    soma_json_value_t     content;
    soma_inner_block_t  **last;

    (void) soma_fill_text(message, "role", &role);

    if (soma_anthropic_turns_role(role, &inner) != SOMA_OK) {
        return soma_fill_fail(r, "\"", role, "\" is no role of a message: "
                              "there are user, assistant and system");
    }

    if (soma_json_get(message, "content", &content) != SOMA_OK) {
        *r->error = "each of \"messages\" must have a \"content\"";
        return SOMA_ERROR;
    }

    turn = soma_fill_turn(r, inner);
    if (turn == NULL) {
        return SOMA_ERROR;
    }

    last = &turn->blocks;

    if (soma_anthropic_turns_content(r, &last, &content, 0, &string)
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    turn->string = string;
    soma_anthropic_turns_signed(turn->blocks);

    return SOMA_OK;
}


static int
soma_anthropic_turns_role(soma_str_t role, soma_inner_role_e *inner)
{
    if (soma_str_is(role, "user")) {
        *inner = SOMA_INNER_USER;

    } else if (soma_str_is(role, "assistant")) {
        *inner = SOMA_INNER_ASSISTANT;

    } else if (soma_str_is(role, "system")) {
        *inner = SOMA_INNER_SYSTEM;

    } else {
        return SOMA_DECLINED;
    }

    return SOMA_OK;
}


static int
soma_anthropic_turns_content(soma_fill_t *r, soma_inner_block_t ***last,
    soma_json_value_t *value, unsigned depth, unsigned *string)
{
    soma_json_iter_t     it;
    soma_inner_block_t  *block;

    *string = 0;

    if (value->type == SOMA_JSON_STRING) {
        block = soma_fill_block(r, last, SOMA_INNER_TEXT);
        if (block == NULL) {
            return SOMA_ERROR;
        }

        *string = 1;

        return soma_fill_inside(value, &block->text);
    }

    if (value->type != SOMA_JSON_ARRAY
        || soma_json_first(&it, value->text) != SOMA_OK)
    {
        *r->error = "a content must be a string or an array of blocks";
        return SOMA_ERROR;
    }

    return soma_anthropic_turns_blocks(r, last, &it, depth);
}


static int
soma_anthropic_turns_blocks(soma_fill_t *r, soma_inner_block_t ***last,
    soma_json_iter_t *it, unsigned depth)
{
    int                rc;
    soma_str_t         name;
    soma_json_value_t  part;

    while ((rc = soma_json_next(it, &name, &part)) == SOMA_OK) {

        if (part.type != SOMA_JSON_OBJECT) {
            *r->error = "each block of a content must be an object";
            return SOMA_ERROR;
        }

        if (soma_anthropic_turns_block(r, last, part.text, depth) != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    if (rc != SOMA_DONE) {
        *r->error = "a content is malformed";
        return SOMA_ERROR;
    }

    return SOMA_OK;
}


static int
soma_anthropic_turns_block(soma_fill_t *r, soma_inner_block_t ***last,
    soma_str_t text, unsigned depth)
{
    size_t               i;
    soma_str_t           type;
    soma_inner_block_t  *block;

    static const struct {
        const char         *type;
        soma_inner_kind_e   kind;
        int               (*read)(soma_fill_t *r, soma_inner_block_t *block,
                                soma_str_t text, unsigned depth);
    } kinds[] = {
        { "text", SOMA_INNER_TEXT, soma_anthropic_turns_text },
        { "image", SOMA_INNER_IMAGE, soma_anthropic_turns_source },
        { "document", SOMA_INNER_DOCUMENT, soma_anthropic_turns_document },
        { "search_result", SOMA_INNER_SEARCH_RESULT,
          soma_anthropic_turns_search },
        { "tool_use", SOMA_INNER_CALL, soma_anthropic_turns_call },
        { "tool_result", SOMA_INNER_RESULT, soma_anthropic_turns_result },
        { "thinking", SOMA_INNER_REASONING, soma_anthropic_turns_thinking },
        { "redacted_thinking", SOMA_INNER_REASONING,
          soma_anthropic_turns_thinking }
    };

    if (depth == SOMA_ANTHROPIC_DEPTH_MAX) {
        *r->error = "the blocks of a content lie too deep in each other";
        return SOMA_ERROR;
    }

    if (soma_fill_name(r, text, "type", &type) != SOMA_OK) {
        *r->error = "a block of a content has no \"type\"";
        return SOMA_ERROR;
    }

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (soma_str_is(type, kinds[i].type)) {
            break;
        }
    }

    block = soma_fill_block(r, last,
                            i < sizeof(kinds) / sizeof(kinds[0])
                            ? kinds[i].kind : SOMA_INNER_OPAQUE);
    if (block == NULL) {
        return SOMA_ERROR;
    }

    block->cache = soma_fill_cache(text);

    if (block->kind == SOMA_INNER_OPAQUE) {
        block->type = type;
        block->raw = text;
        block->maker = SOMA_STR(SOMA_ANTHROPIC_MAKER);
        return SOMA_OK;
    }

    return kinds[i].read(r, block, text, depth);
}


static int
soma_anthropic_turns_text(soma_fill_t *r, soma_inner_block_t *block,
    soma_str_t text, unsigned depth)
{
    soma_json_value_t  citations;

    (void) depth;

    if (soma_fill_text(text, "text", &block->text) != SOMA_OK) {
        *r->error = "a block of type \"text\" has no text";
        return SOMA_ERROR;
    }

    if (soma_json_get(text, "citations", &citations) == SOMA_OK
        && citations.type == SOMA_JSON_ARRAY)
    {
        block->raw = citations.text;
    }

    return SOMA_OK;
}


/* of an image or a document: bytes, a URL, a file, words or blocks */

static int
soma_anthropic_turns_source(soma_fill_t *r, soma_inner_block_t *block,
    soma_str_t text, unsigned depth)
{
    int                   rc;
    unsigned              string;
    soma_str_t            type;
    soma_json_value_t     source, content;
    soma_inner_block_t  **last;

    if (soma_json_get(text, "source", &source) != SOMA_OK
        || source.type != SOMA_JSON_OBJECT)
    {
        *r->error = "an image or a document has no \"source\"";
        return SOMA_ERROR;
    }

    (void) soma_fill_text(source.text, "type", &type);
    (void) soma_fill_name(r, source.text, "media_type", &block->media);

    rc = SOMA_DECLINED;

    if (soma_str_is(type, "base64")) {
        rc = soma_fill_text(source.text, "data", &block->data);

    } else if (soma_str_is(type, "url")) {
        block->source = SOMA_INNER_URL;
        rc = soma_fill_text(source.text, "url", &block->data);

    } else if (soma_str_is(type, "file")) {
        block->source = SOMA_INNER_FILE;
        block->maker = SOMA_STR(SOMA_ANTHROPIC_MAKER);
        rc = soma_fill_name(r, source.text, "file_id", &block->data);

    } else if (soma_str_is(type, "text")) {
        block->source = SOMA_INNER_PLAIN;
        rc = soma_fill_text(source.text, "data", &block->data);

    } else if (soma_str_is(type, "content")
               && soma_json_get(source.text, "content", &content) == SOMA_OK)
    {
        block->source = SOMA_INNER_PARTS;
        last = &block->content;

        return soma_anthropic_turns_content(r, &last, &content, depth + 1,
                                            &string);
    }

    if (rc != SOMA_OK) {
        return soma_fill_fail(r, "the source of type \"", type,
                              "\" of an image or a document is not known or "
                              "not whole");
    }

    return SOMA_OK;
}


static int
soma_anthropic_turns_document(soma_fill_t *r, soma_inner_block_t *block,
    soma_str_t text, unsigned depth)
{
    soma_json_value_t  citations, enabled;

    (void) soma_fill_text(text, "title", &block->title);
    (void) soma_fill_text(text, "context", &block->text);

    block->cite = soma_json_get(text, "citations", &citations) == SOMA_OK
                  && soma_json_get(citations.text, "enabled", &enabled)
                     == SOMA_OK
                  && enabled.type == SOMA_JSON_TRUE;

    return soma_anthropic_turns_source(r, block, text, depth);
}


/* kept as it stood for its own dialect; the words are for all others */

static int
soma_anthropic_turns_search(soma_fill_t *r, soma_inner_block_t *block,
    soma_str_t text, unsigned depth)
{
    soma_str_t         name, words;
    soma_pieces_t      out;
    soma_json_iter_t   it;
    soma_json_value_t  content, part;

    (void) depth;

    (void) soma_fill_text(text, "title", &block->title);
    (void) soma_fill_text(text, "source", &block->data);

    block->source = SOMA_INNER_URL;
    block->raw = text;
    block->type = SOMA_STR("search_result");
    block->maker = SOMA_STR(SOMA_ANTHROPIC_MAKER);

    soma_pieces_init(&out, r->arena);

    if (soma_json_get(text, "content", &content) == SOMA_OK
        && soma_json_first(&it, content.text) == SOMA_OK && !it.object)
    {
        while (soma_json_next(&it, &name, &part) == SOMA_OK) {
            if (soma_fill_text(part.text, "text", &words) == SOMA_OK) {
                soma_pieces_str(&out, words);
            }
        }
    }

    return soma_pieces_whole(&out, &block->text);
}


static int
soma_anthropic_turns_call(soma_fill_t *r, soma_inner_block_t *block,
    soma_str_t text, unsigned depth)
{
    soma_json_value_t  input;

    (void) depth;

    if (soma_fill_name(r, text, "id", &block->id) != SOMA_OK
        || soma_fill_name(r, text, "name", &block->name) != SOMA_OK)
    {
        *r->error = "a block of type \"tool_use\" must have an \"id\" and a "
                    "\"name\"";
        return SOMA_ERROR;
    }

    block->arguments = SOMA_STR("{}");

    if (soma_json_get(text, "input", &input) == SOMA_OK
        && input.type != SOMA_JSON_NULL)
    {
        if (input.type != SOMA_JSON_OBJECT) {
            *r->error = "\"input\" of a block of type \"tool_use\" must be "
                        "an object";
            return SOMA_ERROR;
        }

        block->arguments = input.text;
    }

    return soma_fill_call(r, block);
}


static int
soma_anthropic_turns_result(soma_fill_t *r, soma_inner_block_t *block,
    soma_str_t text, unsigned depth)
{
    unsigned              string;
    soma_json_value_t     content, failed;
    soma_inner_block_t  **last, *call;

    if (soma_fill_name(r, text, "tool_use_id", &block->id) != SOMA_OK) {
        *r->error = "a block of type \"tool_result\" has no \"tool_use_id\"";
        return SOMA_ERROR;
    }

    call = soma_fill_called(r, block->id);

    if (call != NULL) {
        block->name = call->name;
        block->tool = call->tool;
    }

    block->error = soma_json_get(text, "is_error", &failed) == SOMA_OK
                   && failed.type == SOMA_JSON_TRUE;

    if (soma_json_get(text, "content", &content) != SOMA_OK
        || content.type == SOMA_JSON_NULL)
    {
        return SOMA_OK;
    }

    last = &block->content;

    return soma_anthropic_turns_content(r, &last, &content, depth + 1,
                                        &string);
}


/* what another provider's model thought is in an envelope that says whose it
 * is (soma_seal.h) */

static int
soma_anthropic_turns_thinking(soma_fill_t *r, soma_inner_block_t *block,
    soma_str_t text, unsigned depth)
{
    int         rc;
    soma_str_t  signature, opaque;

    (void) depth;

    (void) soma_fill_text(text, "thinking", &block->text);
    (void) soma_fill_text(text, "signature", &signature);
    (void) soma_fill_text(text, "data", &opaque);

    rc = soma_seal_take(r->arena, opaque.len ? opaque : signature, block);

    if (rc != SOMA_DECLINED) {
        return rc;
    }

    /* this API signs all that its models think */

    if (signature.len != 0 || opaque.len != 0) {
        block->maker = SOMA_STR(SOMA_ANTHROPIC_MAKER);
        block->signature = signature;
        block->opaque = opaque;
    }

    return SOMA_OK;
}


/*
 * A signature without words that is not this API's own is of the call that it
 * stands behind or, where that has one or there is none, before: other models
 * sign their calls.
 */

static void
soma_anthropic_turns_signed(soma_inner_block_t *block)
{
    soma_inner_block_t  *last, *seal, *call;

    for (last = NULL; block; last = block, block = block->next) {

        if (block->kind != SOMA_INNER_REASONING || block->text.len != 0
            || block->signature.len == 0
            || soma_anthropic_write_turns_own(block))
        {
            continue;
        }

        seal = block;

        call = (last != NULL && last->kind == SOMA_INNER_CALL
                && last->signature.len == 0) ? last : block->next;

        if (call != NULL && call->kind == SOMA_INNER_CALL) {
            call->signature = seal->signature;
            call->maker = seal->maker;
            seal->signature = (soma_str_t) soma_str_null;
            seal->maker = (soma_str_t) soma_str_null;
        }
    }
}
