
/*
 * Copyright (C) The ngx_soma authors
 *
 * The messages of a chat as turns of the inner form.
 *
 * Calls need no ids here, nor do results: those that have none are given some
 * by the order of the calls, the same in each request of a conversation, and
 * a result is of the first call of its tool that has none yet.
 */


#include "soma_base64.h"
#include "soma_ollama_request.h"
#include "soma_seal.h"


/* a call whose result is yet to come */
typedef struct soma_ollama_pending_s  soma_ollama_pending_t;

struct soma_ollama_pending_s {
    soma_ollama_pending_t   *next;
    soma_inner_block_t      *call;
};


typedef struct {
    soma_fill_t             *r;
    soma_ollama_pending_t   *first;
    soma_ollama_pending_t  **last;
    uint64_t                 calls;     /* so far */
} soma_ollama_turns_t;


static int soma_ollama_turns_message(soma_ollama_turns_t *t,
    soma_str_t message);
static int soma_ollama_turns_role(soma_str_t role, soma_inner_role_e *inner);
static int soma_ollama_turns_content(soma_ollama_turns_t *t,
    soma_inner_block_t ***last, soma_str_t message, soma_str_t *text);
static int soma_ollama_turns_text(soma_fill_t *r, soma_inner_block_t ***last,
    soma_inner_kind_e kind, soma_str_t text);
static int soma_ollama_turns_image(soma_fill_t *r,
    soma_inner_block_t ***last, soma_json_value_t *value);
static int soma_ollama_turns_calls(soma_ollama_turns_t *t,
    soma_inner_block_t ***last, soma_str_t message);
static int soma_ollama_turns_call(soma_ollama_turns_t *t,
    soma_inner_block_t ***last, soma_str_t call);
static int soma_ollama_turns_id(soma_ollama_turns_t *t,
    soma_inner_block_t *block, soma_str_t call);
static int soma_ollama_turns_result(soma_ollama_turns_t *t,
    soma_str_t message);
static int soma_ollama_turns_called(soma_ollama_turns_t *t,
    soma_inner_block_t *block, soma_str_t message);


int
soma_ollama_turns(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    int                  rc;
    soma_str_t           name;
    soma_json_iter_t     it;
    soma_json_value_t    message;
    soma_ollama_turns_t  t;

    if (value->type != SOMA_JSON_ARRAY
        || soma_json_first(&it, value->text) != SOMA_OK)
    {
        return soma_fill_fail(r, "\"", member->name, "\" must be an array");
    }

    t.r = r;
    t.first = NULL;
    t.last = &t.first;
    t.calls = 0;

    while ((rc = soma_json_next(&it, &name, &message)) == SOMA_OK) {

        if (message.type != SOMA_JSON_OBJECT) {
            return soma_fill_fail(r, "each of \"", member->name,
                                  "\" must be an object");
        }

        if (soma_ollama_turns_message(&t, message.text) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    return (rc == SOMA_DONE) ? SOMA_OK
           : soma_fill_fail(r, "\"", member->name, "\" is malformed");
}


/* generate's */

int
soma_ollama_turns_system(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    soma_str_t  text;

    if (soma_fill_inside(value, &text) != SOMA_OK) {
        return soma_fill_fail(r, "\"", member->name, "\" must be a string");
    }

    return (text.len == 0) ? SOMA_OK
           : soma_ollama_turns_text(r, &r->system, SOMA_INNER_TEXT, text);
}


static int
soma_ollama_turns_message(soma_ollama_turns_t *t, soma_str_t message)
{
    soma_str_t            role, text;
    soma_fill_t          *r;
    soma_inner_role_e     inner;
    soma_inner_turn_t    *turn;
    soma_inner_block_t  **last;

    r = t->r;

    (void) soma_fill_text(message, "role", &role);

    if (soma_str_is(role, "tool")) {
        return soma_ollama_turns_result(t, message);
    }

    if (soma_ollama_turns_role(role, &inner) != SOMA_OK) {
        return soma_fill_fail(r, "\"", role, "\" is no role of a message: "
                              "there are system, user, assistant and tool");
    }

    if (inner == SOMA_INNER_SYSTEM && r->request->turns == NULL) {
        return soma_ollama_turns_content(t, &r->system, message, &text);
    }

    turn = soma_fill_turn(r, inner);
    if (turn == NULL) {
        return SOMA_ERROR;
    }

    last = &turn->blocks;

    if (soma_fill_text(message, "thinking", &text) == SOMA_OK
        && text.len != 0
        && soma_ollama_turns_text(r, &last, SOMA_INNER_REASONING, text)
           != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (soma_ollama_turns_content(t, &last, message, &text) != SOMA_OK
        || soma_ollama_turns_calls(t, &last, message) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    /* a turn of nothing is one of an empty text */

    if (turn->blocks == NULL
        && soma_ollama_turns_text(r, &last, SOMA_INNER_TEXT, SOMA_STR(""))
           != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    turn->string = (turn->blocks->kind == SOMA_INNER_TEXT
                    && turn->blocks->next == NULL);

    return SOMA_OK;
}


static int
soma_ollama_turns_role(soma_str_t role, soma_inner_role_e *inner)
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


/* images, then the text, as Ollama puts them before its model */

static int
soma_ollama_turns_content(soma_ollama_turns_t *t, soma_inner_block_t ***last,
    soma_str_t message, soma_str_t *text)
{
    soma_fill_t        *r;
    soma_json_value_t   images, content;

    r = t->r;

    if (soma_json_get(message, "images", &images) == SOMA_OK
        && soma_ollama_turns_images(r, last, &images) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    text->len = 0;

    if (soma_json_get(message, "content", &content) == SOMA_OK
        && content.type != SOMA_JSON_NULL
        && soma_fill_inside(&content, text) != SOMA_OK)
    {
        *r->error = "\"content\" of a message must be a string";
        return SOMA_ERROR;
    }

    return (text->len == 0) ? SOMA_OK
           : soma_ollama_turns_text(r, last, SOMA_INNER_TEXT, *text);
}


static int
soma_ollama_turns_text(soma_fill_t *r, soma_inner_block_t ***last,
    soma_inner_kind_e kind, soma_str_t text)
{
    soma_inner_block_t  *block;

    block = soma_fill_block(r, last, kind);
    if (block == NULL) {
        return SOMA_ERROR;
    }

    block->text = text;

    return SOMA_OK;
}


int
soma_ollama_turns_images(soma_fill_t *r, soma_inner_block_t ***last,
    soma_json_value_t *value)
{
    int                rc;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  image;

    if (value->type == SOMA_JSON_NULL) {
        return SOMA_OK;
    }

    if (value->type != SOMA_JSON_ARRAY
        || soma_json_first(&it, value->text) != SOMA_OK)
    {
        *r->error = "\"images\" must be an array of strings";
        return SOMA_ERROR;
    }

    while ((rc = soma_json_next(&it, &name, &image)) == SOMA_OK) {
        if (soma_ollama_turns_image(r, last, &image) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    if (rc != SOMA_DONE) {
        *r->error = "\"images\" is malformed";
        return SOMA_ERROR;
    }

    return SOMA_OK;
}


/* base64 and nothing before it: the bytes say what they are */

static int
soma_ollama_turns_image(soma_fill_t *r, soma_inner_block_t ***last,
    soma_json_value_t *value)
{
    int                  rc;
    soma_str_t           text;
    soma_inner_block_t  *block;

    *r->error = "each of \"images\" must be the bytes of one, in base64";

    if (value->type != SOMA_JSON_STRING
        || soma_json_text(r->arena, value, &text) != SOMA_OK
        || text.len == 0)
    {
        return SOMA_ERROR;
    }

    block = soma_fill_block(r, last, SOMA_INNER_IMAGE);
    if (block == NULL) {
        return SOMA_ERROR;
    }

    rc = soma_base64_standard(r->arena, text, &block->data);

    if (rc != SOMA_OK) {
        return SOMA_ERROR;
    }

    block->media = soma_inner_sniff(block->data);

    if (block->media.len < 6 || memcmp(block->media.data, "image/", 6) != 0) {
        *r->error = "one of \"images\" is of no kind that is known";
        return SOMA_ERROR;
    }

    *r->error = NULL;

    return SOMA_OK;
}


/* results come before the next calls do */

static int
soma_ollama_turns_calls(soma_ollama_turns_t *t, soma_inner_block_t ***last,
    soma_str_t message)
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
        *t->r->error = "\"tool_calls\" must be an array";
        return SOMA_ERROR;
    }

    t->first = NULL;
    t->last = &t->first;

    while ((rc = soma_json_next(&it, &name, &call)) == SOMA_OK) {
        if (soma_ollama_turns_call(t, last, call.text) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    if (rc != SOMA_DONE) {
        *t->r->error = "\"tool_calls\" is malformed";
        return SOMA_ERROR;
    }

    return SOMA_OK;
}


static int
soma_ollama_turns_call(soma_ollama_turns_t *t, soma_inner_block_t ***last,
    soma_str_t call)
{
    soma_fill_t            *r;
    soma_json_value_t       function, v;
    soma_inner_block_t     *block;
    soma_ollama_pending_t  *pending;

    r = t->r;

    if (soma_json_get(call, "function", &function) != SOMA_OK
        || function.type != SOMA_JSON_OBJECT)
    {
        *r->error = "each of \"tool_calls\" must have a \"function\"";
        return SOMA_ERROR;
    }

    block = soma_fill_block(r, last, SOMA_INNER_CALL);
    pending = r->arena->alloc(r->arena->data, sizeof(soma_ollama_pending_t));

    if (block == NULL || pending == NULL) {
        return SOMA_ERROR;
    }

    (void) soma_fill_name(r, function.text, "name", &block->name);

    block->arguments = SOMA_STR("{}");

    if (soma_json_get(function.text, "arguments", &v) == SOMA_OK
        && v.type != SOMA_JSON_NULL)
    {
        if (v.type != SOMA_JSON_OBJECT) {
            *r->error = "\"arguments\" of a call must be an object";
            return SOMA_ERROR;
        }

        block->arguments = v.text;
    }

    pending->call = block;
    pending->next = NULL;
    *t->last = pending;
    t->last = &pending->next;

    return soma_ollama_turns_id(t, block, call);
}


static int
soma_ollama_turns_id(soma_ollama_turns_t *t, soma_inner_block_t *block,
    soma_str_t call)
{
    soma_fill_t    *r;
    unsigned char  *p;

    r = t->r;
    t->calls++;

    if (soma_fill_name(r, call, "id", &block->id) == SOMA_OK
        && block->id.len != 0)
    {
        if (soma_seal_take_id(r->arena, r->request->seals, block) != SOMA_OK) {
            return SOMA_ERROR;
        }

    } else {
        p = r->arena->alloc(r->arena->data, sizeof("call_") - 1 + 16);
        if (p == NULL) {
            return SOMA_ERROR;
        }

        memcpy(p, "call_", sizeof("call_") - 1);
        block->id.data = p;
        block->id.len = (size_t) (soma_put_hex64(p + sizeof("call_") - 1,
                                                 t->calls)
                                  - p);
    }

    return soma_fill_call(r, block);
}


static int
soma_ollama_turns_result(soma_ollama_turns_t *t, soma_str_t message)
{
    soma_str_t            text;
    soma_fill_t          *r;
    soma_inner_turn_t    *turn;
    soma_inner_block_t  **last, **inner, *block;

    r = t->r;

    turn = soma_fill_turn(r, SOMA_INNER_USER);
    if (turn == NULL) {
        return SOMA_ERROR;
    }

    last = &turn->blocks;

    block = soma_fill_block(r, &last, SOMA_INNER_RESULT);
    if (block == NULL) {
        return SOMA_ERROR;
    }

    if (soma_ollama_turns_called(t, block, message) != SOMA_OK) {
        return SOMA_ERROR;
    }

    inner = &block->content;

    if (soma_ollama_turns_content(t, &inner, message, &text) != SOMA_OK) {
        return SOMA_ERROR;
    }

    return (block->content != NULL) ? SOMA_OK
           : soma_ollama_turns_text(r, &inner, SOMA_INNER_TEXT, SOMA_STR(""));
}


/* which call a result is of: by its id, or the first one of its tool that has
 * no result, or the first one at all where it does not name a tool */

static int
soma_ollama_turns_called(soma_ollama_turns_t *t, soma_inner_block_t *block,
    soma_str_t message)
{
    unsigned                 n;
    soma_str_t               name;
    soma_fill_t             *r;
    soma_inner_block_t      *call;
    soma_ollama_pending_t  **link, *pending;

    r = t->r;
    call = NULL;

    if (soma_fill_name(r, message, "tool_name", &name) != SOMA_OK) {
        (void) soma_fill_name(r, message, "name", &name);
    }

    if (soma_fill_name(r, message, "tool_call_id", &block->id) == SOMA_OK
        && block->id.len != 0)
    {
        if (soma_seal_take_id(r->arena, r->request->seals, block) != SOMA_OK) {
            return SOMA_ERROR;
        }

        block->signature = (soma_str_t) soma_str_null;
        block->opaque = (soma_str_t) soma_str_null;
        block->maker = (soma_str_t) soma_str_null;

        call = soma_fill_called(r, block->id);
    }

    for (link = &t->first, n = 0;
         *link != NULL && n < SOMA_OLLAMA_PENDING_MAX;
         link = &(*link)->next, n++)
    {
        pending = *link;

        if (block->id.len != 0 ? pending->call != call
            : (name.len != 0 && !soma_str_eq(pending->call->name, name)))
        {
            continue;
        }

        call = pending->call;
        *link = pending->next;

        if (t->last == &pending->next) {
            t->last = link;
        }

        break;
    }

    if (call != NULL) {
        block->id = call->id;
        block->name = call->name;

    } else {
        block->name = name;
    }

    return SOMA_OK;
}
