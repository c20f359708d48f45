
/*
 * Copyright (C) The ngx_soma authors
 *
 * The messages of a chat request as turns of the inner form.
 */


#include "soma_openai_request.h"


static int soma_openai_turns_role(soma_str_t role, soma_inner_role_e *inner);
static int soma_openai_turns_message(soma_fill_t *r, soma_json_value_t *value);
static int soma_openai_turns_words(soma_fill_t *r, soma_inner_block_t ***last,
    soma_str_t message, const char *name, soma_inner_kind_e kind);
static int soma_openai_turns_blocks(soma_fill_t *r, soma_inner_block_t ***last,
    soma_json_value_t *value, soma_inner_turn_t *turn);
static int soma_openai_turns_image(soma_fill_t *r, soma_inner_block_t *block,
    soma_str_t part);
static int soma_openai_turns_file(soma_fill_t *r, soma_inner_block_t *block,
    soma_str_t part);
static int soma_openai_turns_sound(soma_fill_t *r, soma_inner_block_t *block,
    soma_str_t part);
static int soma_openai_turns_part(soma_fill_t *r, soma_inner_block_t ***last,
    soma_str_t part);
static int soma_openai_turns_call(soma_fill_t *r, soma_inner_block_t ***last,
    soma_str_t message, soma_str_t call);
static int soma_openai_turns_calls(soma_fill_t *r, soma_inner_block_t ***last,
    soma_str_t message, soma_str_t calls);
static int soma_openai_turns_function(soma_fill_t *r,
    soma_inner_block_t ***last, soma_str_t function);
static int soma_openai_turns_made(soma_fill_t *r, unsigned turn,
    soma_str_t name, soma_str_t *id);
static int soma_openai_turns_result(soma_fill_t *r, soma_str_t message);


int
soma_openai_turns(soma_fill_t *r, const soma_fill_member_t *member,
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

        if (soma_openai_turns_message(r, &message) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    if (rc != SOMA_DONE) {
        *r->error = "\"messages\" is malformed";
        return SOMA_ERROR;
    }

    return SOMA_OK;
}


static int
soma_openai_turns_role(soma_str_t role, soma_inner_role_e *inner)
{
    size_t  i;

    static const struct {
        const char         *name;
        soma_inner_role_e   role;
    } roles[] = {
        { "system",    SOMA_INNER_SYSTEM },
        { "developer", SOMA_INNER_DEVELOPER },
        { "user",      SOMA_INNER_USER },
        { "assistant", SOMA_INNER_ASSISTANT }
    };

    for (i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        if (soma_str_is(role, roles[i].name)) {
            *inner = roles[i].role;
            return SOMA_OK;
        }
    }

    return SOMA_DECLINED;
}


/* the system's words before the first turn stand apart: most dialects have
 * a place of their own for them */

static int
soma_openai_turns_message(soma_fill_t *r, soma_json_value_t *value)
{
    soma_str_t            role;
    soma_inner_role_e     inner;
    soma_inner_turn_t    *turn;
    soma_json_value_t     content, calls;
    soma_inner_block_t  **last;

    (void) soma_fill_text(value->text, "role", &role);

    if (soma_str_is(role, "tool") || soma_str_is(role, "function")) {
        return soma_openai_turns_result(r, value->text);
    }

    if (soma_openai_turns_role(role, &inner) != SOMA_OK) {
        return soma_fill_fail(r, "\"", role,
                   "\" is no role of a message: there are system, developer, "
                   "user, assistant and tool");
    }

    if (soma_json_get(value->text, "content", &content) != SOMA_OK) {
        content.type = SOMA_JSON_NULL;
    }

    if (inner <= SOMA_INNER_DEVELOPER && r->request->turns == NULL) {
        return soma_openai_turns_blocks(r, &r->system, &content, NULL);
    }

    turn = soma_fill_turn(r, inner);
    if (turn == NULL) {
        return SOMA_ERROR;
    }

    last = &turn->blocks;

    (void) soma_fill_text(value->text, "name", &turn->name);

    if (inner == SOMA_INNER_ASSISTANT
        && soma_openai_thoughts(r, &last, value->text) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (soma_openai_turns_blocks(r, &last, &content, turn) != SOMA_OK) {
        return SOMA_ERROR;
    }

    if (soma_openai_turns_words(r, &last, value->text, "refusal",
                                SOMA_INNER_REFUSAL)
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (soma_json_get(value->text, "tool_calls", &calls) == SOMA_OK
        && calls.type == SOMA_JSON_ARRAY)
    {
        return soma_openai_turns_calls(r, &last, value->text, calls.text);
    }

    if (soma_json_get(value->text, "function_call", &calls) == SOMA_OK
        && calls.type == SOMA_JSON_OBJECT)
    {
        return soma_openai_turns_function(r, &last, calls.text);
    }

    return SOMA_OK;
}


/* a member of a message that is words of one kind, if it has any */

static int
soma_openai_turns_words(soma_fill_t *r, soma_inner_block_t ***last,
    soma_str_t message, const char *name, soma_inner_kind_e kind)
{
    soma_str_t           text;
    soma_inner_block_t  *block;

    if (soma_fill_text(message, name, &text) != SOMA_OK || text.len == 0) {
        return SOMA_OK;
    }

    block = soma_fill_block(r, last, kind);
    if (block == NULL) {
        return SOMA_ERROR;
    }

    block->text = text;

    return SOMA_OK;
}


/* a content: one string, or parts; turn is NULL for the system's */

static int
soma_openai_turns_blocks(soma_fill_t *r, soma_inner_block_t ***last,
    soma_json_value_t *value, soma_inner_turn_t *turn)
{
    int                  rc;
    soma_str_t           name;
    soma_json_iter_t     it;
    soma_json_value_t    part;
    soma_inner_block_t  *block;

    if (value->type == SOMA_JSON_NULL) {
        return SOMA_OK;
    }

    if (value->type == SOMA_JSON_STRING) {
        block = soma_fill_block(r, last, SOMA_INNER_TEXT);
        if (block == NULL) {
            return SOMA_ERROR;
        }

        (void) soma_fill_inside(value, &block->text);

        if (turn != NULL) {
            turn->string = 1;
        }

        return SOMA_OK;
    }

    if (value->type != SOMA_JSON_ARRAY
        || soma_json_first(&it, value->text) != SOMA_OK)
    {
        *r->error = "\"content\" of a message must be a string or an array "
                    "of parts";
        return SOMA_ERROR;
    }

    while ((rc = soma_json_next(&it, &name, &part)) == SOMA_OK) {

        if (part.type != SOMA_JSON_OBJECT) {
            *r->error = "each part of a \"content\" must be an object";
            return SOMA_ERROR;
        }

        if (soma_openai_turns_part(r, last, part.text) != SOMA_OK) {
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
soma_openai_turns_image(soma_fill_t *r, soma_inner_block_t *block,
    soma_str_t part)
{
    soma_json_value_t  value, inner;

    if (soma_json_get(part, "image_url", &value) != SOMA_OK) {
        *r->error = "an image has no \"image_url\"";
        return SOMA_ERROR;
    }

    if (value.type == SOMA_JSON_OBJECT) {
        (void) soma_fill_name(r, value.text, "detail",
                                        &block->detail);

        if (soma_json_get(value.text, "url", &inner) != SOMA_OK) {
            *r->error = "\"image_url\" has no \"url\"";
            return SOMA_ERROR;
        }

        value = inner;
    }

    return soma_openai_turns_url(r, block, &value);
}


/* an image's: its bytes may be in it */

int
soma_openai_turns_url(soma_fill_t *r, soma_inner_block_t *block,
    soma_json_value_t *value)
{
    int         rc;
    soma_str_t  url;

    if (value->type != SOMA_JSON_STRING
        || soma_json_text(r->arena, value, &url) != SOMA_OK)
    {
        *r->error = "\"url\" of an image must be a string";
        return SOMA_ERROR;
    }

    rc = soma_inner_data_url(r->arena, url, &block->media, &block->data);

    if (rc == SOMA_ERROR) {
        *r->error = "an image's data: URL must hold ;base64 and bytes in it";
        return SOMA_ERROR;
    }

    if (rc == SOMA_DECLINED) {
        block->source = SOMA_INNER_URL;
        (void) soma_fill_inside(value, &block->data);
    }

    return SOMA_OK;
}


static int
soma_openai_turns_file(soma_fill_t *r, soma_inner_block_t *block,
    soma_str_t part)
{
    soma_json_value_t  file;

    if (soma_json_get(part, "file", &file) != SOMA_OK
        || file.type != SOMA_JSON_OBJECT)
    {
        *r->error = "a file has no \"file\"";
        return SOMA_ERROR;
    }

    return soma_openai_turns_document(r, block, file.text);
}


int
soma_openai_turns_document(soma_fill_t *r, soma_inner_block_t *block,
    soma_str_t file)
{
    int                rc;
    soma_str_t         data;
    soma_json_value_t  value;

    (void) soma_fill_text(file, "filename", &block->title);

    if (soma_fill_name(r, file, "file_id", &block->data) == SOMA_OK) {
        block->source = SOMA_INNER_FILE;
        block->maker = SOMA_STR("openai");
        return SOMA_OK;
    }

    if (soma_json_get(file, "file_data", &value) != SOMA_OK
        || value.type != SOMA_JSON_STRING
        || soma_json_text(r->arena, &value, &data) != SOMA_OK)
    {
        *r->error = "a file has neither \"file_data\" nor \"file_id\"";
        return SOMA_ERROR;
    }

    rc = soma_inner_data_url(r->arena, data, &block->media, &block->data);

    if (rc == SOMA_ERROR) {
        *r->error = "a file's data: URL must hold ;base64 and bytes in it";
        return SOMA_ERROR;
    }

    if (rc == SOMA_DECLINED) {
        block->data = data;
        block->media = SOMA_STR("application/pdf");
    }

    return SOMA_OK;
}


static int
soma_openai_turns_sound(soma_fill_t *r, soma_inner_block_t *block,
    soma_str_t part)
{
    soma_str_t         format;
    soma_json_value_t  sound;

    if (soma_json_get(part, "input_audio", &sound) != SOMA_OK
        || sound.type != SOMA_JSON_OBJECT
        || soma_fill_text(sound.text, "data", &block->data)
           != SOMA_OK)
    {
        *r->error = "sound has no \"input_audio\" with \"data\"";
        return SOMA_ERROR;
    }

    (void) soma_fill_text(sound.text, "format", &format);

    block->media = soma_str_is(format, "mp3") ? SOMA_STR("audio/mpeg")
                                              : SOMA_STR("audio/wav");

    return SOMA_OK;
}


static int
soma_openai_turns_part(soma_fill_t *r, soma_inner_block_t ***last,
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
        { "text",        SOMA_INNER_TEXT,     "text",    NULL },
        { "refusal",     SOMA_INNER_REFUSAL,  "refusal", NULL },
        { "image_url",   SOMA_INNER_IMAGE,    NULL,
          soma_openai_turns_image },
        { "file",        SOMA_INNER_DOCUMENT, NULL,
          soma_openai_turns_file },
        { "input_audio", SOMA_INNER_AUDIO,    NULL,
          soma_openai_turns_sound }
    };

    (void) soma_fill_text(part, "type", &type);

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (soma_str_is(type, kinds[i].type)) {
            break;
        }
    }

    if (i == sizeof(kinds) / sizeof(kinds[0])) {
        return soma_fill_fail(r, "a part of type \"", type,
                                        "\" is not known here");
    }

    block = soma_fill_block(r, last, kinds[i].kind);
    if (block == NULL) {
        return SOMA_ERROR;
    }

    block->cache = soma_fill_cache(part);

    if (kinds[i].read != NULL) {
        return kinds[i].read(r, block, part);
    }

    if (soma_fill_text(part, kinds[i].text, &block->text) != SOMA_OK)
    {
        return soma_fill_fail(r, "a part of type \"", type,
                                        "\" has no text");
    }

    return SOMA_OK;
}


/*
 * Arguments come as a string that holds JSON: without its escapes they are
 * raw.  "" is what some servers and clients write for none.
 */

int
soma_openai_turns_arguments(soma_fill_t *r, soma_inner_block_t *block,
    soma_str_t function)
{
    soma_str_t         text;
    soma_json_value_t  value;

    block->arguments = SOMA_STR("{}");

    if (soma_json_get(function, "arguments", &value) != SOMA_OK
        || value.type != SOMA_JSON_STRING)
    {
        return SOMA_OK;
    }

    if (soma_json_text(r->arena, &value, &text) != SOMA_OK) {
        return SOMA_ERROR;
    }

    text = soma_str_trim(text);

    if (text.len == 0) {
        return SOMA_OK;
    }

    if (!soma_inner_object(text)) {
        block->broken = 1;
        (void) soma_fill_inside(&value, &text);
    }

    block->arguments = text;

    return SOMA_OK;
}


static int
soma_openai_turns_call(soma_fill_t *r, soma_inner_block_t ***last,
    soma_str_t message, soma_str_t call)
{
    soma_str_t           type;
    soma_json_value_t    function;
    soma_inner_block_t  *block;

    if (soma_openai_thoughts_before(r, last, message, call) != SOMA_OK) {
        return SOMA_ERROR;
    }

    block = soma_fill_block(r, last, SOMA_INNER_CALL);
    if (block == NULL) {
        return SOMA_ERROR;
    }

    (void) soma_fill_text(call, "type", &type);

    if (soma_fill_name(r, call, "id", &block->id) == SOMA_OK
        && soma_fill_call(r, block) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (soma_openai_thoughts_call(r, block, message, call) != SOMA_OK) {
        return SOMA_ERROR;
    }

    if (soma_str_is(type, "custom")
        && soma_json_get(call, "custom", &function) == SOMA_OK)
    {
        block->tool = SOMA_INNER_CUSTOM;
        (void) soma_fill_name(r, function.text, "name",
                                        &block->name);
        (void) soma_fill_text(function.text, "input", &block->text);
        return SOMA_OK;
    }

    if (soma_json_get(call, "function", &function) != SOMA_OK
        || function.type != SOMA_JSON_OBJECT)
    {
        *r->error = "each of \"tool_calls\" must have a \"function\"";
        return SOMA_ERROR;
    }

    (void) soma_fill_name(r, function.text, "name", &block->name);

    return soma_openai_turns_arguments(r, block, function.text);
}


static int
soma_openai_turns_calls(soma_fill_t *r, soma_inner_block_t ***last,
    soma_str_t message, soma_str_t calls)
{
    int                rc;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  call;

    if (soma_json_first(&it, calls) != SOMA_OK) {
        return SOMA_ERROR;
    }

    while ((rc = soma_json_next(&it, &name, &call)) == SOMA_OK) {

        if (soma_openai_turns_call(r, last, message, call.text) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    if (rc != SOMA_DONE) {
        *r->error = "\"tool_calls\" is malformed";
        return SOMA_ERROR;
    }

    return SOMA_OK;
}


/* the form of before tools: a call has no id, and its result its name alone.
 * Both get one that is made of the name; the last call of a name is meant */

static int
soma_openai_turns_function(soma_fill_t *r, soma_inner_block_t ***last,
    soma_str_t function)
{
    soma_inner_block_t  *block;

    block = soma_fill_block(r, last, SOMA_INNER_CALL);
    if (block == NULL) {
        return SOMA_ERROR;
    }

    if (soma_fill_name(r, function, "name", &block->name) != SOMA_OK) {
        *r->error = "each \"function_call\" must have a \"name\"";
        return SOMA_ERROR;
    }

    if (soma_openai_turns_made(r, r->request->nturns, block->name, &block->id)
        != SOMA_OK
        || soma_fill_call(r, block) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    return soma_openai_turns_arguments(r, block, function);
}


/* "call_N_NAME", N the number of turns so far: it is told from the one of a
 * call before, and the result's is that of the turn before it */

static int
soma_openai_turns_made(soma_fill_t *r, unsigned turn, soma_str_t name,
    soma_str_t *id)
{
    soma_pieces_t  out;

    soma_pieces_init(&out, r->arena);
    soma_pieces_cstr(&out, "call_");
    soma_pieces_int(&out, turn);
    soma_pieces_char(&out, '_');
    soma_pieces_put(&out, name.data, name.len);

    return soma_pieces_whole(&out, id);
}


/* results that follow each other are one turn of the user's */

static int
soma_openai_turns_result(soma_fill_t *r, soma_str_t message)
{
    soma_json_value_t     content;
    soma_inner_turn_t    *turn;
    soma_inner_block_t  **last, **inner, *block, *call;

    if (soma_json_get(message, "content", &content) != SOMA_OK) {
        content.type = SOMA_JSON_NULL;
    }

    turn = soma_fill_turn(r, SOMA_INNER_USER);
    if (turn == NULL) {
        return SOMA_ERROR;
    }

    last = &turn->blocks;

    block = soma_fill_block(r, &last, SOMA_INNER_RESULT);
    if (block == NULL) {
        return SOMA_ERROR;
    }

    if (soma_fill_name(r, message, "tool_call_id", &block->id)
        == SOMA_OK)
    {
        call = soma_fill_called(r, block->id);

        if (call != NULL) {
            block->name = call->name;
            block->tool = call->tool;
        }

    } else if (soma_fill_name(r, message, "name", &block->name) == SOMA_OK) {

        if (soma_openai_turns_made(r, r->request->nturns - 1, block->name,
                                   &block->id)
            != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    inner = &block->content;

    return soma_openai_turns_blocks(r, &inner, &content, NULL);
}
