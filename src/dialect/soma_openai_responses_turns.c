
/*
 * Copyright (C) The ngx_soma authors
 *
 * The input of a Responses request as turns of the inner form.  Its items
 * have no turns: what the assistant said, thought and called, one item after
 * the other, is one.
 */


#include "soma_openai_request.h"
#include "soma_openai_responses.h"
#include "soma_seal.h"


/* the assistant's turn that is not over yet */
typedef struct {
    soma_fill_t          *r;
    soma_inner_turn_t    *turn;     /* NULL: there is none */
    soma_inner_block_t  **last;
} soma_openai_responses_turn_t;


static int soma_openai_responses_one(soma_openai_responses_turn_t *t,
    soma_json_value_t *value);
static int soma_openai_responses_said(soma_openai_responses_turn_t *t,
    soma_str_t item);
static int soma_openai_responses_called(soma_openai_responses_turn_t *t,
    soma_str_t item);
static int soma_openai_responses_result(soma_openai_responses_turn_t *t,
    soma_str_t item);
static int soma_openai_responses_thought(soma_openai_responses_turn_t *t,
    soma_str_t item);
static int soma_openai_responses_sealed(soma_fill_t *r,
    soma_inner_block_t *block, soma_str_t item);
static int soma_openai_responses_tools(soma_openai_responses_turn_t *t,
    soma_str_t item);
static int soma_openai_responses_elsewhere(soma_openai_responses_turn_t *t,
    soma_str_t item);
static int soma_openai_responses_opaque(soma_openai_responses_turn_t *t,
    soma_str_t type, soma_str_t item);
static int soma_openai_responses_assistant(soma_openai_responses_turn_t *t);
static int soma_openai_responses_content(soma_fill_t *r,
    soma_inner_block_t ***last, soma_json_value_t *content,
    soma_inner_turn_t *turn);
static int soma_openai_responses_piece(soma_fill_t *r,
    soma_inner_block_t ***last, soma_str_t part);
static int soma_openai_responses_picture(soma_fill_t *r,
    soma_inner_block_t *block, soma_str_t part);
static int soma_openai_responses_file(soma_fill_t *r,
    soma_inner_block_t *block, soma_str_t part);


int
soma_openai_responses_input(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    int                            rc;
    soma_str_t                     name;
    soma_json_iter_t               it;
    soma_json_value_t              item;
    soma_inner_turn_t             *turn;
    soma_inner_block_t           **last;
    soma_openai_responses_turn_t   t;

    if (value->type == SOMA_JSON_STRING) {
        turn = soma_fill_turn(r, SOMA_INNER_USER);
        if (turn == NULL) {
            return SOMA_ERROR;
        }

        last = &turn->blocks;

        return soma_openai_responses_content(r, &last, value, turn);
    }

    if (value->type != SOMA_JSON_ARRAY
        || soma_json_first(&it, value->text) != SOMA_OK)
    {
        return soma_fill_fail(r, "\"", member->name,
                              "\" must be a string or an array of items");
    }

    t.r = r;
    t.turn = NULL;
    t.last = NULL;

    while ((rc = soma_json_next(&it, &name, &item)) == SOMA_OK) {
        if (soma_openai_responses_one(&t, &item) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    if (rc != SOMA_DONE) {
        return soma_fill_fail(r, "\"", member->name, "\" is malformed");
    }

    return SOMA_OK;
}


static int
soma_openai_responses_one(soma_openai_responses_turn_t *t,
    soma_json_value_t *value)
{
    size_t      i;
    soma_str_t  type;

    static const struct {
        const char  *type;
        int        (*read)(soma_openai_responses_turn_t *t, soma_str_t item);
    } kinds[] = {
        { "",                        soma_openai_responses_said },
        { "message",                 soma_openai_responses_said },
        { "agent_message",           soma_openai_responses_said },
        { "reasoning",               soma_openai_responses_thought },
        { "function_call",           soma_openai_responses_called },
        { "custom_tool_call",        soma_openai_responses_called },
        { "function_call_output",    soma_openai_responses_result },
        { "custom_tool_call_output", soma_openai_responses_result },
        { "additional_tools",        soma_openai_responses_tools },
        { "item_reference",          soma_openai_responses_elsewhere },
        { "compaction",              soma_openai_responses_elsewhere }
    };

    if (value->type != SOMA_JSON_OBJECT) {
        *t->r->error = "each item of \"input\" must be an object";
        return SOMA_ERROR;
    }

    (void) soma_fill_name(t->r, value->text, "type", &type);

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (soma_str_is(type, kinds[i].type)) {
            return kinds[i].read(t, value->text);
        }
    }

    return soma_openai_responses_opaque(t, type, value->text);
}


/* the system's words before the first turn stand apart */

static int
soma_openai_responses_said(soma_openai_responses_turn_t *t, soma_str_t item)
{
    soma_str_t            role;
    soma_fill_t          *r;
    soma_inner_turn_t    *turn;
    soma_json_value_t     content;
    soma_inner_role_e     inner;
    soma_inner_block_t  **last;

    r = t->r;

    if (soma_json_get(item, "content", &content) != SOMA_OK) {
        content.type = SOMA_JSON_NULL;
    }

    (void) soma_fill_text(item, "role", &role);

    /* one of another agent has no role, but an author */

    if (role.len == 0
        && soma_fill_text(item, "type", &role) == SOMA_OK
        && soma_str_is(role, "agent_message"))
    {
        role = SOMA_STR("assistant");
    }

    if (soma_str_is(role, "assistant")) {
        return (soma_openai_responses_assistant(t) == SOMA_OK)
               ? soma_openai_responses_content(r, &t->last, &content, t->turn)
               : SOMA_ERROR;
    }

    if (soma_str_is(role, "user")) {
        inner = SOMA_INNER_USER;

    } else if (soma_str_is(role, "system")) {
        inner = SOMA_INNER_SYSTEM;

    } else if (soma_str_is(role, "developer")) {
        inner = SOMA_INNER_DEVELOPER;

    } else {
        return soma_fill_fail(r, "\"", role,
                   "\" is no role of a message: there are system, developer, "
                   "user and assistant");
    }

    t->turn = NULL;

    if (inner != SOMA_INNER_USER && r->request->turns == NULL) {
        return soma_openai_responses_content(r, &r->system, &content, NULL);
    }

    turn = soma_fill_turn(r, inner);
    if (turn == NULL) {
        return SOMA_ERROR;
    }

    last = &turn->blocks;

    return soma_openai_responses_content(r, &last, &content, turn);
}


/* the turn goes on, or a new one begins; what it has more than one item of
 * has no short form */

static int
soma_openai_responses_assistant(soma_openai_responses_turn_t *t)
{
    if (t->turn == NULL) {
        t->turn = soma_fill_turn(t->r, SOMA_INNER_ASSISTANT);
        if (t->turn == NULL) {
            return SOMA_ERROR;
        }

        t->last = &t->turn->blocks;
    }

    t->turn->string = 0;

    return SOMA_OK;
}


static int
soma_openai_responses_called(soma_openai_responses_turn_t *t,
    soma_str_t item)
{
    soma_str_t           type;
    soma_fill_t         *r;
    soma_inner_block_t  *block;

    r = t->r;

    if (soma_openai_responses_assistant(t) != SOMA_OK) {
        return SOMA_ERROR;
    }

    block = soma_fill_block(r, &t->last, SOMA_INNER_CALL);
    if (block == NULL) {
        return SOMA_ERROR;
    }

    if (soma_fill_name(r, item, "name", &block->name) != SOMA_OK) {
        *r->error = "each call in \"input\" must have a \"name\"";
        return SOMA_ERROR;
    }

    if (soma_fill_name(r, item, "call_id", &block->id) == SOMA_OK
        && soma_fill_call(r, block) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (soma_fill_name(r, item, "namespace", &type) == SOMA_OK
        && type.len != 0
        && soma_openai_toolset_joined(r->arena, type, block->name,
                                      &block->name)
           != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    (void) soma_fill_text(item, "type", &type);

    if (soma_str_is(type, "custom_tool_call")) {
        block->tool = SOMA_INNER_CUSTOM;
        (void) soma_fill_text(item, "input", &block->text);
        return SOMA_OK;
    }

    return soma_openai_turns_arguments(r, block, item);
}


static int
soma_openai_responses_result(soma_openai_responses_turn_t *t,
    soma_str_t item)
{
    soma_fill_t          *r;
    soma_inner_turn_t    *turn;
    soma_json_value_t     output;
    soma_inner_block_t  **last, **inner, *block, *call;

    r = t->r;
    t->turn = NULL;

    turn = soma_fill_turn(r, SOMA_INNER_USER);
    if (turn == NULL) {
        return SOMA_ERROR;
    }

    last = &turn->blocks;

    block = soma_fill_block(r, &last, SOMA_INNER_RESULT);
    if (block == NULL) {
        return SOMA_ERROR;
    }

    if (soma_fill_name(r, item, "call_id", &block->id) == SOMA_OK) {

        call = soma_fill_called(r, block->id);

        if (call != NULL) {
            block->name = call->name;
            block->tool = call->tool;
        }
    }

    if (soma_json_get(item, "output", &output) != SOMA_OK) {
        output.type = SOMA_JSON_NULL;
    }

    inner = &block->content;

    return soma_openai_responses_content(r, &inner, &output, NULL);
}


/* a block for each of its texts, and what is encrypted on the last of them;
 * the reasoning itself, where it is there, else the summary of it */

static int
soma_openai_responses_thought(soma_openai_responses_turn_t *t,
    soma_str_t item)
{
    unsigned             i;
    soma_str_t           name, text;
    soma_json_iter_t     it;
    soma_json_value_t    list, part;
    soma_inner_block_t  *block;

    static const char  *const names[] = { "content", "summary" };

    if (soma_openai_responses_assistant(t) != SOMA_OK) {
        return SOMA_ERROR;
    }

    block = NULL;

    for (i = 0; i < 2 && block == NULL; i++) {

        if (soma_json_get(item, names[i], &list) != SOMA_OK
            || list.type != SOMA_JSON_ARRAY
            || soma_json_first(&it, list.text) != SOMA_OK)
        {
            continue;
        }

        while (soma_json_next(&it, &name, &part) == SOMA_OK) {

            if (soma_fill_text(part.text, "text", &text) != SOMA_OK) {
                continue;
            }

            block = soma_fill_block(t->r, &t->last, SOMA_INNER_REASONING);
            if (block == NULL) {
                return SOMA_ERROR;
            }

            block->text = text;
        }
    }

    if (block == NULL) {
        block = soma_fill_block(t->r, &t->last, SOMA_INNER_REASONING);
        if (block == NULL) {
            return SOMA_ERROR;
        }

        block->text = SOMA_STR("");
    }

    return soma_openai_responses_sealed(t->r, block, item);
}


/* what does not say whose it is comes from OpenAI's own models */

static int
soma_openai_responses_sealed(soma_fill_t *r, soma_inner_block_t *block,
    soma_str_t item)
{
    int         rc;
    soma_str_t  seal;

    if (soma_fill_text(item, "encrypted_content", &seal) != SOMA_OK
        || seal.len == 0)
    {
        return SOMA_OK;
    }

    rc = soma_seal_take(r->arena, seal, block);

    if (rc == SOMA_DECLINED) {
        block->maker = SOMA_STR("openai");
        block->opaque = seal;
        return SOMA_OK;
    }

    return rc;
}


/* tools that came up within the conversation */

static int
soma_openai_responses_tools(soma_openai_responses_turn_t *t, soma_str_t item)
{
    soma_json_value_t  tools;

    if (soma_json_get(item, "tools", &tools) != SOMA_OK) {
        return SOMA_OK;
    }

    return soma_openai_toolset_flat(t->r, NULL, &tools);
}


/* a part of the conversation that only its provider has: nobody else can go
 * on from it */

static int
soma_openai_responses_elsewhere(soma_openai_responses_turn_t *t,
    soma_str_t item)
{
    unsigned               i;
    soma_str_t             type;
    soma_inner_request_t  *request;

    request = t->r->request;

    (void) soma_fill_text(item, "type", &type);

    for (i = 0; i < request->nothers; i++) {
        if (soma_str_eq(request->other[i].name, type)) {
            break;
        }
    }

    if (i == request->nothers
        && soma_inner_other(request, type, item) != SOMA_OK)
    {
        *t->r->error = "the request has more than 64 members that are not "
                       "known";
        return SOMA_ERROR;
    }

    return soma_openai_responses_opaque(t, type, item);
}


/* an item that only OpenAI knows; what a tool gave back is the user's turn */

static int
soma_openai_responses_opaque(soma_openai_responses_turn_t *t,
    soma_str_t type, soma_str_t item)
{
    soma_inner_turn_t    *turn;
    soma_inner_block_t   *block, **last;

    static const soma_str_t  output = soma_string("_output");

    if (type.len > output.len
        && memcmp(type.data + type.len - output.len, output.data, output.len)
           == 0)
    {
        t->turn = NULL;

        turn = soma_fill_turn(t->r, SOMA_INNER_USER);
        if (turn == NULL) {
            return SOMA_ERROR;
        }

        last = &turn->blocks;
        block = soma_fill_block(t->r, &last, SOMA_INNER_OPAQUE);

    } else if (soma_openai_responses_assistant(t) != SOMA_OK) {
        return SOMA_ERROR;

    } else {
        block = soma_fill_block(t->r, &t->last, SOMA_INNER_OPAQUE);
    }

    if (block == NULL) {
        return SOMA_ERROR;
    }

    block->type = type;
    block->raw = item;
    block->maker = SOMA_STR("openai");

    return SOMA_OK;
}


/* one string, or parts; turn is NULL for the system's and for results */

static int
soma_openai_responses_content(soma_fill_t *r, soma_inner_block_t ***last,
    soma_json_value_t *content, soma_inner_turn_t *turn)
{
    int                  rc;
    soma_str_t           name;
    soma_json_iter_t     it;
    soma_json_value_t    part;
    soma_inner_block_t  *block;

    if (content->type == SOMA_JSON_NULL) {
        return SOMA_OK;
    }

    if (content->type == SOMA_JSON_STRING) {

        if (turn != NULL) {
            turn->string = (turn->blocks == NULL);
        }

        block = soma_fill_block(r, last, SOMA_INNER_TEXT);
        if (block == NULL) {
            return SOMA_ERROR;
        }

        (void) soma_fill_inside(content, &block->text);

        return SOMA_OK;
    }

    if (content->type != SOMA_JSON_ARRAY
        || soma_json_first(&it, content->text) != SOMA_OK)
    {
        *r->error = "\"content\" of a message and \"output\" of a call must "
                    "be a string or an array of parts";
        return SOMA_ERROR;
    }

    while ((rc = soma_json_next(&it, &name, &part)) == SOMA_OK) {

        if (part.type != SOMA_JSON_OBJECT) {
            *r->error = "each part of a \"content\" must be an object";
            return SOMA_ERROR;
        }

        if (soma_openai_responses_piece(r, last, part.text) != SOMA_OK) {
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
soma_openai_responses_piece(soma_fill_t *r, soma_inner_block_t ***last,
    soma_str_t part)
{
    size_t               i;
    soma_str_t           type;
    soma_inner_block_t  *block;

    static const struct {
        const char         *type;
        soma_inner_kind_e   kind;
        const char         *text;       /* the member with its words */
        int               (*read)(soma_fill_t *r,
                                soma_inner_block_t *block, soma_str_t part);
    } kinds[] = {
        { "input_text",  SOMA_INNER_TEXT,     "text",    NULL },
        { "output_text", SOMA_INNER_TEXT,     "text",    NULL },
        { "text",        SOMA_INNER_TEXT,     "text",    NULL },
        { "refusal",     SOMA_INNER_REFUSAL,  "refusal", NULL },
        { "input_image", SOMA_INNER_IMAGE,    NULL,
          soma_openai_responses_picture },
        { "input_file",  SOMA_INNER_DOCUMENT, NULL,
          soma_openai_responses_file },
        { NULL,          SOMA_INNER_OPAQUE,   NULL,      NULL }
    };

    (void) soma_fill_name(r, part, "type", &type);

    for (i = 0; kinds[i].type != NULL; i++) {
        if (soma_str_is(type, kinds[i].type)) {
            break;
        }
    }

    block = soma_fill_block(r, last, kinds[i].kind);
    if (block == NULL) {
        return SOMA_ERROR;
    }

    block->cache = soma_fill_cache(part);

    if (kinds[i].read != NULL) {
        return kinds[i].read(r, block, part);
    }

    if (kinds[i].text == NULL) {
        block->type = type;
        block->raw = part;
        block->maker = SOMA_STR("openai");
        return SOMA_OK;
    }

    if (soma_fill_text(part, kinds[i].text, &block->text) != SOMA_OK) {
        return soma_fill_fail(r, "a part of type \"", type, "\" has no text");
    }

    return SOMA_OK;
}


static int
soma_openai_responses_picture(soma_fill_t *r, soma_inner_block_t *block,
    soma_str_t part)
{
    soma_json_value_t  url;

    (void) soma_fill_name(r, part, "detail", &block->detail);

    if (soma_fill_name(r, part, "file_id", &block->data) == SOMA_OK) {
        block->source = SOMA_INNER_FILE;
        block->maker = SOMA_STR("openai");
        return SOMA_OK;
    }

    if (soma_json_get(part, "image_url", &url) != SOMA_OK) {
        *r->error = "an image has neither \"image_url\" nor \"file_id\"";
        return SOMA_ERROR;
    }

    return soma_openai_turns_url(r, block, &url);
}


static int
soma_openai_responses_file(soma_fill_t *r, soma_inner_block_t *block,
    soma_str_t part)
{
    if (soma_fill_text(part, "file_url", &block->data) != SOMA_OK) {
        return soma_openai_turns_document(r, block, part);
    }

    block->source = SOMA_INNER_URL;
    (void) soma_fill_text(part, "filename", &block->title);

    return SOMA_OK;
}
