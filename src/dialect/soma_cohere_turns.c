
/*
 * Copyright (C) The ngx_soma authors
 *
 * The messages of a chat as turns of the inner form.
 */


#include "soma_cohere_request.h"
#include "soma_openai_request.h"
#include "soma_seal.h"


static int soma_cohere_turns_message(soma_fill_t *r, soma_str_t message,
    soma_inner_turn_t **tools);
static int soma_cohere_turns_content(soma_fill_t *r,
    soma_inner_block_t ***last, soma_str_t message);
static int soma_cohere_turns_part(soma_fill_t *r, soma_inner_block_t ***last,
    soma_json_value_t *value);
static int soma_cohere_turns_image(soma_fill_t *r, soma_inner_block_t ***last,
    soma_str_t part);
static int soma_cohere_turns_document(soma_fill_t *r,
    soma_inner_block_t ***last, soma_str_t part);
static int soma_cohere_turns_text(soma_fill_t *r, soma_inner_block_t ***last,
    soma_inner_kind_e kind, soma_str_t text);
static int soma_cohere_turns_calls(soma_fill_t *r, soma_inner_turn_t *turn,
    soma_inner_block_t ***last, soma_str_t message);
static int soma_cohere_turns_call(soma_fill_t *r, soma_inner_turn_t *turn,
    soma_inner_block_t ***last, soma_str_t call);
static int soma_cohere_turns_before(soma_fill_t *r, soma_inner_turn_t *turn,
    soma_inner_block_t ***last, soma_str_t id);
static int soma_cohere_turns_open(soma_fill_t *r, soma_inner_block_t *block);
static int soma_cohere_turns_result(soma_fill_t *r, soma_str_t message,
    soma_inner_turn_t **tools);


int
soma_cohere_turns(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    int                 rc;
    soma_str_t          name;
    soma_json_iter_t    it;
    soma_inner_turn_t  *tools;
    soma_json_value_t   message;

    if (value->type != SOMA_JSON_ARRAY
        || soma_json_first(&it, value->text) != SOMA_OK)
    {
        return soma_fill_fail(r, "\"", member->name, "\" must be an array");
    }

    tools = NULL;

    while ((rc = soma_json_next(&it, &name, &message)) == SOMA_OK) {

        if (message.type != SOMA_JSON_OBJECT) {
            return soma_fill_fail(r, "each of \"", member->name,
                                  "\" must be an object");
        }

        if (soma_cohere_turns_message(r, message.text, &tools) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    return (rc == SOMA_DONE) ? SOMA_OK
           : soma_fill_fail(r, "\"", member->name, "\" is malformed");
}


/* results that follow each other are one turn; what is planned is said before
 * the calls */

static int
soma_cohere_turns_message(soma_fill_t *r, soma_str_t message,
    soma_inner_turn_t **tools)
{
    soma_str_t            role, text;
    soma_inner_role_e     inner;
    soma_inner_turn_t    *turn;
    soma_inner_block_t  **last;

    (void) soma_fill_text(message, "role", &role);

    if (soma_str_is(role, "tool")) {
        return soma_cohere_turns_result(r, message, tools);
    }

    *tools = NULL;

    if (soma_str_is(role, "user")) {
        inner = SOMA_INNER_USER;

    } else if (soma_str_is(role, "assistant")) {
        inner = SOMA_INNER_ASSISTANT;

    } else if (soma_str_is(role, "system")) {
        inner = SOMA_INNER_SYSTEM;

    } else {
        return soma_fill_fail(r, "\"", role, "\" is no role of a message: "
                              "there are system, user, assistant and tool");
    }

    if (inner == SOMA_INNER_SYSTEM && r->request->turns == NULL) {
        return soma_cohere_turns_content(r, &r->system, message);
    }

    turn = soma_fill_turn(r, inner);
    if (turn == NULL) {
        return SOMA_ERROR;
    }

    last = &turn->blocks;

    if (soma_cohere_turns_content(r, &last, message) != SOMA_OK) {
        return SOMA_ERROR;
    }

    if (inner == SOMA_INNER_ASSISTANT) {

        if (soma_fill_text(message, "tool_plan", &text) == SOMA_OK
            && text.len != 0
            && soma_cohere_turns_text(r, &last, SOMA_INNER_TEXT, text)
               != SOMA_OK)
        {
            return SOMA_ERROR;
        }

        if (soma_cohere_turns_calls(r, turn, &last, message) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    /* a turn of nothing is one of an empty text */

    if (turn->blocks == NULL
        && soma_cohere_turns_text(r, &last, SOMA_INNER_TEXT, SOMA_STR(""))
           != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    turn->string = (turn->blocks->kind == SOMA_INNER_TEXT
                    && turn->blocks->next == NULL);

    return SOMA_OK;
}


static int
soma_cohere_turns_content(soma_fill_t *r, soma_inner_block_t ***last,
    soma_str_t message)
{
    int                rc;
    soma_str_t         name, text;
    soma_json_iter_t   it;
    soma_json_value_t  content, part;

    if (soma_json_get(message, "content", &content) != SOMA_OK
        || content.type == SOMA_JSON_NULL)
    {
        return SOMA_OK;
    }

    if (soma_fill_inside(&content, &text) == SOMA_OK) {
        return (text.len == 0) ? SOMA_OK
               : soma_cohere_turns_text(r, last, SOMA_INNER_TEXT, text);
    }

    if (content.type != SOMA_JSON_ARRAY
        || soma_json_first(&it, content.text) != SOMA_OK)
    {
        *r->error = "\"content\" of a message must be a string or an array";
        return SOMA_ERROR;
    }

    while ((rc = soma_json_next(&it, &name, &part)) == SOMA_OK) {
        if (soma_cohere_turns_part(r, last, &part) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    if (rc != SOMA_DONE) {
        *r->error = "\"content\" of a message is malformed";
        return SOMA_ERROR;
    }

    return SOMA_OK;
}


static int
soma_cohere_turns_part(soma_fill_t *r, soma_inner_block_t ***last,
    soma_json_value_t *value)
{
    soma_str_t  type, text;

    if (soma_fill_inside(value, &text) == SOMA_OK) {
        return soma_cohere_turns_text(r, last, SOMA_INNER_TEXT, text);
    }

    (void) soma_fill_text(value->text, "type", &type);

    if (soma_str_is(type, "text")) {
        (void) soma_fill_text(value->text, "text", &text);
        return soma_cohere_turns_text(r, last, SOMA_INNER_TEXT, text);
    }

    if (soma_str_is(type, "thinking")) {
        (void) soma_fill_text(value->text, "thinking", &text);
        return soma_cohere_turns_text(r, last, SOMA_INNER_REASONING, text);
    }

    if (soma_str_is(type, "image_url")) {
        return soma_cohere_turns_image(r, last, value->text);
    }

    if (soma_str_is(type, "document")) {
        return soma_cohere_turns_document(r, last, value->text);
    }

    return soma_fill_fail(r, "\"", type, "\" is no type of a content: there "
                          "are text, thinking, image_url and document");
}


static int
soma_cohere_turns_image(soma_fill_t *r, soma_inner_block_t ***last,
    soma_str_t part)
{
    soma_str_t           sniffed;
    soma_json_value_t    image, url;
    soma_inner_block_t  *block;

    if (soma_json_get(part, "image_url", &image) != SOMA_OK
        || image.type != SOMA_JSON_OBJECT
        || soma_json_get(image.text, "url", &url) != SOMA_OK)
    {
        *r->error = "an image has no \"image_url\" with a \"url\"";
        return SOMA_ERROR;
    }

    block = soma_fill_block(r, last, SOMA_INNER_IMAGE);
    if (block == NULL) {
        return SOMA_ERROR;
    }

    (void) soma_fill_name(r, image.text, "detail", &block->detail);

    if (soma_openai_turns_url(r, block, &url) != SOMA_OK) {
        return SOMA_ERROR;
    }

    if (block->source != SOMA_INNER_BYTES) {
        return SOMA_OK;
    }

    sniffed = soma_inner_sniff(block->data);

    if (sniffed.len != 0
        && (sniffed.len < 6 || memcmp(sniffed.data, "image/", 6) != 0))
    {
        return soma_fill_fail(r, "\"image_url\" holds ", sniffed,
                              ", which is no image");
    }

    return SOMA_OK;
}


/* of a result's: what is no text in it is told as its JSON */

static int
soma_cohere_turns_document(soma_fill_t *r, soma_inner_block_t ***last,
    soma_str_t part)
{
    soma_str_t         text;
    soma_json_value_t  document, data;

    if (soma_json_get(part, "document", &document) != SOMA_OK
        || document.type != SOMA_JSON_OBJECT
        || soma_json_get(document.text, "data", &data) != SOMA_OK)
    {
        *r->error = "a document has no \"document\" with \"data\"";
        return SOMA_ERROR;
    }

    if (soma_fill_inside(&data, &text) != SOMA_OK
        && soma_inner_text(r->arena, data.text, &text) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    return soma_cohere_turns_text(r, last, SOMA_INNER_TEXT, text);
}


static int
soma_cohere_turns_text(soma_fill_t *r, soma_inner_block_t ***last,
    soma_inner_kind_e kind, soma_str_t text)
{
    soma_inner_block_t  *block;

    block = soma_fill_block(r, last, kind);
    if (block == NULL) {
        return SOMA_ERROR;
    }

    block->text = (text.data != NULL) ? text : SOMA_STR("");

    return SOMA_OK;
}


static int
soma_cohere_turns_calls(soma_fill_t *r, soma_inner_turn_t *turn,
    soma_inner_block_t ***last, soma_str_t message)
{
    int                rc;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  calls, call;

    if (soma_json_get(message, "tool_calls", &calls) != SOMA_OK
        || calls.type == SOMA_JSON_NULL)
    {
        return SOMA_OK;
    }

    if (calls.type != SOMA_JSON_ARRAY
        || soma_json_first(&it, calls.text) != SOMA_OK)
    {
        *r->error = "\"tool_calls\" must be an array";
        return SOMA_ERROR;
    }

    while ((rc = soma_json_next(&it, &name, &call)) == SOMA_OK) {
        if (soma_cohere_turns_call(r, turn, last, call.text) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    if (rc != SOMA_DONE) {
        *r->error = "\"tool_calls\" is malformed";
        return SOMA_ERROR;
    }

    return SOMA_OK;
}


static int
soma_cohere_turns_call(soma_fill_t *r, soma_inner_turn_t *turn,
    soma_inner_block_t ***last, soma_str_t call)
{
    soma_str_t           id;
    soma_json_value_t    function;
    soma_inner_block_t  *block;

    if (soma_json_get(call, "function", &function) != SOMA_OK
        || function.type != SOMA_JSON_OBJECT)
    {
        *r->error = "each of \"tool_calls\" must have a \"function\"";
        return SOMA_ERROR;
    }

    if (soma_fill_name(r, call, "id", &id) != SOMA_OK || id.len == 0) {
        *r->error = "each of \"tool_calls\" must have an \"id\"";
        return SOMA_ERROR;
    }

    if (soma_cohere_turns_before(r, turn, last, id) != SOMA_OK) {
        return SOMA_ERROR;
    }

    block = soma_fill_block(r, last, SOMA_INNER_CALL);
    if (block == NULL) {
        return SOMA_ERROR;
    }

    block->id = id;

    (void) soma_fill_name(r, function.text, "name", &block->name);

    if (soma_openai_turns_arguments(r, block, function.text) != SOMA_OK) {
        return SOMA_ERROR;
    }

    if (soma_cohere_turns_open(r, block) != SOMA_OK) {
        return SOMA_ERROR;
    }

    return soma_fill_call(r, block);
}


/* the signature of reasoning that stands before the call, or that the client
 * has not sent back */

static int
soma_cohere_turns_before(soma_fill_t *r, soma_inner_turn_t *turn,
    soma_inner_block_t ***last, soma_str_t id)
{
    soma_str_t           bare, seal;
    soma_inner_block_t  *block, *thought;

    if (soma_seal_in_id(id, r->arena, r->request->seals, &bare, &seal)
        != SOMA_SEAL_REASONING
        || seal.len == 0)
    {
        return SOMA_OK;
    }

    thought = NULL;

    for (block = turn->blocks; block; block = block->next) {
        if (block->kind == SOMA_INNER_REASONING
            && block->signature.data == NULL && block->opaque.data == NULL)
        {
            thought = block;
        }
    }

    if (thought == NULL) {
        thought = soma_fill_block(r, last, SOMA_INNER_REASONING);
        if (thought == NULL) {
            return SOMA_ERROR;
        }

        thought->text = SOMA_STR("");
    }

    return (soma_seal_take(r->arena, seal, thought) == SOMA_ERROR)
           ? SOMA_ERROR : SOMA_OK;
}


/* an id that a signature came in */

static int
soma_cohere_turns_open(soma_fill_t *r, soma_inner_block_t *block)
{
    soma_str_t  bare, seal;

    if (soma_seal_in_id(block->id, r->arena, r->request->seals, &bare, &seal)
        == SOMA_SEAL_REASONING) {
        block->id = bare;
        return SOMA_OK;
    }

    return soma_seal_take_id(r->arena, r->request->seals, block);
}


static int
soma_cohere_turns_result(soma_fill_t *r, soma_str_t message,
    soma_inner_turn_t **tools)
{
    soma_inner_block_t  **last, **inner, *block, *call;

    if (*tools == NULL) {
        *tools = soma_fill_turn(r, SOMA_INNER_USER);
        if (*tools == NULL) {
            return SOMA_ERROR;
        }
    }

    for (last = &(*tools)->blocks; *last != NULL; last = &(*last)->next) {
        /* void */
    }

    block = soma_fill_block(r, &last, SOMA_INNER_RESULT);
    if (block == NULL) {
        return SOMA_ERROR;
    }

    if (soma_fill_name(r, message, "tool_call_id", &block->id) != SOMA_OK) {
        *r->error = "a message of a tool must have a \"tool_call_id\"";
        return SOMA_ERROR;
    }

    if (soma_cohere_turns_open(r, block) != SOMA_OK) {
        return SOMA_ERROR;
    }

    /* the signature is the call's */

    block->signature = (soma_str_t) soma_str_null;
    block->opaque = (soma_str_t) soma_str_null;
    block->maker = (soma_str_t) soma_str_null;

    call = soma_fill_called(r, block->id);

    if (call != NULL) {
        block->name = call->name;
        block->tool = call->tool;
    }

    inner = &block->content;

    return soma_cohere_turns_content(r, &inner, message);
}
