
/*
 * Copyright (C) The ngx_soma authors
 *
 * The messages and the system of a request of Converse as turns and blocks of
 * the inner form.  A block is an object of one member, whose name says what it
 * is; a cache's point is a block behind the one that it is of.
 */


#include "soma_bedrock_request.h"
#include "soma_seal.h"


#define SOMA_BEDROCK_DEPTH_MAX  4       /* a document in a tool's result ... */


static int soma_bedrock_turns_message(soma_fill_t *r, soma_str_t message);
static int soma_bedrock_turns_content(soma_fill_t *r,
    soma_inner_block_t ***last, soma_json_value_t *value, unsigned depth);
static int soma_bedrock_turns_member(soma_fill_t *r, soma_str_t block,
    soma_str_t *name, soma_json_value_t *value);
static int soma_bedrock_turns_block(soma_fill_t *r,
    soma_inner_block_t ***last, soma_inner_block_t **before, soma_str_t text,
    unsigned depth);
static int soma_bedrock_turns_text(soma_fill_t *r, soma_inner_block_t *block,
    soma_json_value_t *value, unsigned depth);
static int soma_bedrock_turns_json(soma_fill_t *r, soma_inner_block_t *block,
    soma_json_value_t *value, unsigned depth);
static int soma_bedrock_turns_media(soma_fill_t *r, soma_inner_block_t *block,
    soma_json_value_t *value, unsigned depth);
static int soma_bedrock_turns_document(soma_fill_t *r,
    soma_inner_block_t *block, soma_json_value_t *value, unsigned depth);
static int soma_bedrock_turns_search(soma_fill_t *r,
    soma_inner_block_t *block, soma_json_value_t *value, unsigned depth);
static int soma_bedrock_turns_cited(soma_fill_t *r,
    soma_inner_block_t *block, soma_json_value_t *value, unsigned depth);
static int soma_bedrock_turns_call(soma_fill_t *r, soma_inner_block_t *block,
    soma_json_value_t *value, unsigned depth);
static int soma_bedrock_turns_result(soma_fill_t *r,
    soma_inner_block_t *block, soma_json_value_t *value, unsigned depth);
static int soma_bedrock_turns_thought(soma_fill_t *r,
    soma_inner_block_t *block, soma_json_value_t *value, unsigned depth);


int
soma_bedrock_turns(soma_fill_t *r, const soma_fill_member_t *member,
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

        if (soma_bedrock_turns_message(r, message.text) != SOMA_OK) {
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
soma_bedrock_turns_system(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    (void) member;

    return soma_bedrock_turns_content(r, &r->system, value, 0);
}


static int
soma_bedrock_turns_message(soma_fill_t *r, soma_str_t message)
{
    soma_str_t            role;
    soma_inner_role_e     inner;
    soma_inner_turn_t    *turn;
    soma_json_value_t     content;
    soma_inner_block_t  **last;

    (void) soma_fill_text(message, "role", &role);

    if (soma_str_is(role, "user")) {
        inner = SOMA_INNER_USER;

    } else if (soma_str_is(role, "assistant")) {
        inner = SOMA_INNER_ASSISTANT;

    } else if (soma_str_is(role, "system")) {
        inner = SOMA_INNER_SYSTEM;

    } else {
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

    return soma_bedrock_turns_content(r, &last, &content, 0);
}


static int
soma_bedrock_turns_content(soma_fill_t *r, soma_inner_block_t ***last,
    soma_json_value_t *value, unsigned depth)
{
    int                  rc;
    soma_str_t           name;
    soma_json_iter_t     it;
    soma_json_value_t    part;
    soma_inner_block_t  *before;

    if (value->type != SOMA_JSON_ARRAY
        || soma_json_first(&it, value->text) != SOMA_OK)
    {
        *r->error = "a content must be an array of blocks";
        return SOMA_ERROR;
    }

    if (depth == SOMA_BEDROCK_DEPTH_MAX) {
        *r->error = "the blocks of a content lie too deep in each other";
        return SOMA_ERROR;
    }

    before = NULL;

    while ((rc = soma_json_next(&it, &name, &part)) == SOMA_OK) {
        if (soma_bedrock_turns_block(r, last, &before, part.text, depth)
            != SOMA_OK)
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


/* the one that is not null: a union has no more */

static int
soma_bedrock_turns_member(soma_fill_t *r, soma_str_t block, soma_str_t *name,
    soma_json_value_t *value)
{
    unsigned           n;
    soma_str_t         key;
    soma_json_iter_t   it;
    soma_json_value_t  v;

    n = 0;

    if (soma_json_first(&it, block) == SOMA_OK && it.object) {
        while (soma_json_next(&it, &key, &v) == SOMA_OK) {

            if (v.type != SOMA_JSON_NULL) {
                *name = key;
                *value = v;
                n++;
            }
        }
    }

    if (n != 1) {
        *r->error = "each block of a content must be an object with one "
                    "member";
        return SOMA_ERROR;
    }

    return SOMA_OK;
}


static int
soma_bedrock_turns_block(soma_fill_t *r, soma_inner_block_t ***last,
    soma_inner_block_t **before, soma_str_t text, unsigned depth)
{
    size_t               i, n;
    soma_str_t           name, type;
    soma_json_value_t    value;
    soma_inner_block_t  *block;

    static const struct {
        const char         *name;
        soma_inner_kind_e   kind;
        int               (*read)(soma_fill_t *r, soma_inner_block_t *block,
                                soma_json_value_t *value, unsigned depth);
    } kinds[] = {
        { "text", SOMA_INNER_TEXT, soma_bedrock_turns_text },
        { "json", SOMA_INNER_TEXT, soma_bedrock_turns_json },
        { "image", SOMA_INNER_IMAGE, soma_bedrock_turns_media },
        { "document", SOMA_INNER_DOCUMENT, soma_bedrock_turns_document },
        { "video", SOMA_INNER_VIDEO, soma_bedrock_turns_media },
        { "audio", SOMA_INNER_AUDIO, soma_bedrock_turns_media },
        { "toolUse", SOMA_INNER_CALL, soma_bedrock_turns_call },
        { "toolResult", SOMA_INNER_RESULT, soma_bedrock_turns_result },
        { "reasoningContent", SOMA_INNER_REASONING,
          soma_bedrock_turns_thought },
        { "citationsContent", SOMA_INNER_TEXT, soma_bedrock_turns_cited },
        { "searchResult", SOMA_INNER_SEARCH_RESULT,
          soma_bedrock_turns_search }
    };

    if (soma_bedrock_turns_member(r, text, &name, &value) != SOMA_OK) {
        return SOMA_ERROR;
    }

    if (soma_str_is(name, "cachePoint")) {

        if (*before != NULL) {
            (*before)->cache = soma_bedrock_turns_point(value.text);
        }

        return SOMA_OK;
    }

    n = sizeof(kinds) / sizeof(kinds[0]);

    for (i = 0; i < n; i++) {
        if (soma_str_is(name, kinds[i].name)) {
            break;
        }
    }

    /* what a tool of AWS's own was asked and gave back is nobody else's */

    if (i < n && (kinds[i].kind == SOMA_INNER_CALL
                  || kinds[i].kind == SOMA_INNER_RESULT)
        && soma_fill_text(value.text, "type", &type) == SOMA_OK
        && !soma_str_is(type, "tool_use") && !soma_str_is(type, "tool_result"))
    {
        name = type;
        i = n;
    }

    block = soma_fill_block(r, last, i < n ? kinds[i].kind
                                           : SOMA_INNER_OPAQUE);
    if (block == NULL) {
        return SOMA_ERROR;
    }

    *before = block;

    if (i < n) {
        return kinds[i].read(r, block, &value, depth);
    }

    block->type = name;
    block->raw = text;
    block->maker = SOMA_STR(SOMA_BEDROCK_MAKER);

    return SOMA_OK;
}


soma_inner_cache_e
soma_bedrock_turns_point(soma_str_t point)
{
    soma_str_t  ttl;

    (void) soma_fill_text(point, "ttl", &ttl);

    return soma_str_is(ttl, "1h") ? SOMA_INNER_CACHE_1H : SOMA_INNER_CACHE_5M;
}


static int
soma_bedrock_turns_text(soma_fill_t *r, soma_inner_block_t *block,
    soma_json_value_t *value, unsigned depth)
{
    (void) depth;

    if (soma_fill_inside(value, &block->text) != SOMA_OK) {
        *r->error = "\"text\" of a block must be a string";
        return SOMA_ERROR;
    }

    return SOMA_OK;
}


/* of what a tool gave back: others have it as a text */

static int
soma_bedrock_turns_json(soma_fill_t *r, soma_inner_block_t *block,
    soma_json_value_t *value, unsigned depth)
{
    soma_str_t  inside;

    (void) depth;

    inside.data = value->text.data + 1;
    inside.len = value->text.len - 2;

    if (value->type == SOMA_JSON_OBJECT && soma_str_trim(inside).len == 0) {

        /* a text may not be empty here: this is what stands for it */

        block->text = SOMA_STR("");
        return SOMA_OK;
    }

    return soma_inner_text(r->arena, value->text, &block->text);
}


static int
soma_bedrock_turns_media(soma_fill_t *r, soma_inner_block_t *block,
    soma_json_value_t *value, unsigned depth)
{
    (void) depth;

    return soma_bedrock_parts_media(r, block, value);
}


/* words, blocks or a file */

static int
soma_bedrock_turns_document(soma_fill_t *r, soma_inner_block_t *block,
    soma_json_value_t *value, unsigned depth)
{
    soma_json_value_t     citations, enabled, source, content;
    soma_inner_block_t  **last;

    (void) soma_fill_text(value->text, "name", &block->title);
    (void) soma_fill_text(value->text, "context", &block->text);

    block->cite = soma_json_get(value->text, "citations", &citations)
                  == SOMA_OK
                  && soma_json_get(citations.text, "enabled", &enabled)
                     == SOMA_OK
                  && enabled.type == SOMA_JSON_TRUE;

    if (soma_json_get(value->text, "source", &source) == SOMA_OK
        && soma_json_get(source.text, "content", &content) == SOMA_OK
        && content.type != SOMA_JSON_NULL)
    {
        block->source = SOMA_INNER_PARTS;
        last = &block->content;

        return soma_bedrock_turns_content(r, &last, &content, depth + 1);
    }

    return soma_bedrock_parts_media(r, block, value);
}


static int
soma_bedrock_turns_search(soma_fill_t *r, soma_inner_block_t *block,
    soma_json_value_t *value, unsigned depth)
{
    (void) depth;

    return soma_bedrock_parts_search(r, block, value);
}


/* what the assistant said, and where it had it from: the former alone is to
 * be said again */

static int
soma_bedrock_turns_cited(soma_fill_t *r, soma_inner_block_t *block,
    soma_json_value_t *value, unsigned depth)
{
    soma_str_t         name, words;
    soma_pieces_t      out;
    soma_json_iter_t   it;
    soma_json_value_t  content, part;

    (void) depth;

    soma_pieces_init(&out, r->arena);

    if (soma_json_get(value->text, "content", &content) == SOMA_OK
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
soma_bedrock_turns_call(soma_fill_t *r, soma_inner_block_t *block,
    soma_json_value_t *value, unsigned depth)
{
    soma_json_value_t  input;

    (void) depth;

    if (soma_fill_name(r, value->text, "toolUseId", &block->id) != SOMA_OK
        || soma_fill_name(r, value->text, "name", &block->name) != SOMA_OK)
    {
        *r->error = "a \"toolUse\" must have a \"toolUseId\" and a \"name\"";
        return SOMA_ERROR;
    }

    block->arguments = SOMA_STR("{}");

    if (soma_json_get(value->text, "input", &input) == SOMA_OK
        && input.type != SOMA_JSON_NULL)
    {
        if (input.type != SOMA_JSON_OBJECT) {
            *r->error = "\"input\" of a \"toolUse\" must be an object";
            return SOMA_ERROR;
        }

        block->arguments = input.text;
    }

    return soma_fill_call(r, block);
}


static int
soma_bedrock_turns_result(soma_fill_t *r, soma_inner_block_t *block,
    soma_json_value_t *value, unsigned depth)
{
    soma_str_t            status;
    soma_json_value_t     content;
    soma_inner_block_t  **last, *call;

    if (soma_fill_name(r, value->text, "toolUseId", &block->id) != SOMA_OK) {
        *r->error = "a \"toolResult\" has no \"toolUseId\"";
        return SOMA_ERROR;
    }

    call = soma_fill_called(r, block->id);

    if (call != NULL) {
        block->name = call->name;
        block->tool = call->tool;
    }

    (void) soma_fill_text(value->text, "status", &status);
    block->error = soma_str_is(status, "error");

    if (soma_json_get(value->text, "content", &content) != SOMA_OK
        || content.type == SOMA_JSON_NULL)
    {
        return SOMA_OK;
    }

    last = &block->content;

    return soma_bedrock_turns_content(r, &last, &content, depth + 1);
}


static int
soma_bedrock_turns_thought(soma_fill_t *r, soma_inner_block_t *block,
    soma_json_value_t *value, unsigned depth)
{
    int                rc;
    soma_str_t         seal, opaque;
    soma_json_value_t  whole;

    (void) depth;

    seal.len = 0;
    seal.data = NULL;

    (void) soma_fill_text(value->text, "redactedContent", &opaque);

    if (soma_json_get(value->text, "reasoningText", &whole) == SOMA_OK) {
        (void) soma_fill_text(whole.text, "text", &block->text);
        (void) soma_fill_text(whole.text, "signature", &seal);
    }

    rc = soma_seal_take(r->arena, seal.len != 0 ? seal : opaque, block);

    if (rc != SOMA_DECLINED) {
        return rc;
    }

    block->signature = seal;
    block->opaque = opaque;
    block->maker = SOMA_STR(SOMA_BEDROCK_MAKER);

    return SOMA_OK;
}
