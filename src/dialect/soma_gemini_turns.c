
/*
 * Copyright (C) The ngx_soma authors
 *
 * The contents and the system of a request of Google's API as turns and blocks
 * of the inner form.
 */


#include "soma_gemini_request.h"


/* the members of a part that are looked at; the rest is one of them */
typedef struct {
    soma_json_value_t   text;
    soma_json_value_t   thought;
    soma_json_value_t   signature;
    soma_json_value_t   call;
    soma_json_value_t   result;
    soma_json_value_t   blob;
    soma_json_value_t   file;
    soma_str_t          type;       /* name: of any other member */
} soma_gemini_part_t;


static int soma_gemini_turns_content(soma_gemini_fill_t *r,
    soma_str_t content);
static int soma_gemini_turns_list(soma_gemini_fill_t *r,
    soma_inner_block_t ***last, soma_json_value_t *parts, unsigned depth);
static int soma_gemini_turns_part(soma_gemini_fill_t *r,
    soma_inner_block_t ***last, soma_str_t part, unsigned depth);
static int soma_gemini_turns_look(soma_gemini_fill_t *r, soma_str_t part,
    soma_gemini_part_t *found);
static int soma_gemini_turns_made(soma_gemini_fill_t *r,
    soma_inner_block_t ***last, soma_gemini_part_t *found, soma_str_t part,
    unsigned depth, soma_inner_block_t **block);
static soma_inner_block_t *soma_gemini_turns_thought(soma_gemini_fill_t *r,
    soma_inner_block_t ***last, soma_gemini_part_t *found);
static soma_inner_block_t *soma_gemini_turns_last(soma_gemini_fill_t *r,
    soma_inner_block_t ***last);
static int soma_gemini_turns_sealed(soma_gemini_fill_t *r,
    soma_inner_block_t ***last, soma_gemini_part_t *found);


int
soma_gemini_turns(soma_fill_t *fill, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    int                  rc;
    soma_str_t           name;
    soma_json_iter_t     it;
    soma_json_value_t    content;
    soma_gemini_fill_t  *r;

    (void) member;

    r = (soma_gemini_fill_t *) fill;

    /* the API takes one content for a list of it */

    if (value->type == SOMA_JSON_OBJECT) {
        return soma_gemini_turns_content(r, value->text);
    }

    if (value->type != SOMA_JSON_ARRAY
        || soma_json_first(&it, value->text) != SOMA_OK)
    {
        *fill->error = "\"contents\" must be an array";
        return SOMA_ERROR;
    }

    while ((rc = soma_json_next(&it, &name, &content)) == SOMA_OK) {

        if (content.type != SOMA_JSON_OBJECT) {
            *fill->error = "each of \"contents\" must be an object";
            return SOMA_ERROR;
        }

        if (soma_gemini_turns_content(r, content.text) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    if (rc != SOMA_DONE) {
        *fill->error = "\"contents\" is malformed";
        return SOMA_ERROR;
    }

    return SOMA_OK;
}


int
soma_gemini_turns_system(soma_fill_t *fill, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    soma_inner_block_t  *block;

    (void) member;

    if (value->type == SOMA_JSON_STRING) {
        block = soma_fill_block(fill, &fill->system, SOMA_INNER_TEXT);

        return block ? soma_fill_inside(value, &block->text) : SOMA_ERROR;
    }

    return soma_gemini_turns_parts((soma_gemini_fill_t *) fill,
                                   &fill->system, value->text, 0);
}


/* a role that is not said is the user's; results have "function" in older
 * clients */

static int
soma_gemini_turns_content(soma_gemini_fill_t *r, soma_str_t content)
{
    soma_inner_role_e     role;
    soma_inner_turn_t    *turn;
    soma_json_value_t     v;
    soma_inner_block_t  **last;

    role = SOMA_INNER_USER;

    if (soma_gemini_get(content, "role", &v) == SOMA_OK
        && v.type != SOMA_JSON_NULL)
    {
        if (soma_str_is(v.text, "\"model\"")) {
            role = SOMA_INNER_ASSISTANT;

        } else if (soma_str_is(v.text, "\"system\"")) {
            role = SOMA_INNER_SYSTEM;

        } else if (!soma_str_is(v.text, "\"user\"")
                   && !soma_str_is(v.text, "\"function\"")
                   && !soma_str_is(v.text, "\"tool\"")
                   && !soma_str_is(v.text, "\"\""))
        {
            return soma_fill_fail(&r->fill, "", v.text, " is no role of a "
                                  "content: there are user and model");
        }
    }

    turn = soma_fill_turn(&r->fill, role);
    if (turn == NULL) {
        return SOMA_ERROR;
    }

    last = &turn->blocks;

    return soma_gemini_turns_parts(r, &last, content, 0);
}


int
soma_gemini_turns_parts(soma_gemini_fill_t *r, soma_inner_block_t ***last,
    soma_str_t content, unsigned depth)
{
    soma_json_value_t  parts;

    if (soma_gemini_get(content, "parts", &parts) != SOMA_OK
        || parts.type == SOMA_JSON_NULL)
    {
        return SOMA_OK;
    }

    return soma_gemini_turns_list(r, last, &parts, depth);
}


static int
soma_gemini_turns_list(soma_gemini_fill_t *r, soma_inner_block_t ***last,
    soma_json_value_t *parts, unsigned depth)
{
    int                rc;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  part;

    if (parts->type == SOMA_JSON_OBJECT) {
        return soma_gemini_turns_part(r, last, parts->text, depth);
    }

    if (parts->type != SOMA_JSON_ARRAY
        || soma_json_first(&it, parts->text) != SOMA_OK)
    {
        *r->fill.error = "\"parts\" must be an array";
        return SOMA_ERROR;
    }

    while ((rc = soma_json_next(&it, &name, &part)) == SOMA_OK) {

        if (part.type != SOMA_JSON_OBJECT) {
            *r->fill.error = "each of \"parts\" must be an object";
            return SOMA_ERROR;
        }

        if (soma_gemini_turns_part(r, last, part.text, depth) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    if (rc != SOMA_DONE) {
        *r->fill.error = "\"parts\" is malformed";
        return SOMA_ERROR;
    }

    return SOMA_OK;
}


static int
soma_gemini_turns_part(soma_gemini_fill_t *r, soma_inner_block_t ***last,
    soma_str_t part, unsigned depth)
{
    int                   rc;
    soma_str_t            signature;
    soma_gemini_part_t    found;
    soma_inner_block_t   *block;

    if (depth == SOMA_GEMINI_DEPTH_MAX) {
        *r->fill.error = "the parts of a content lie too deep in each other";
        return SOMA_ERROR;
    }

    if (soma_gemini_turns_look(r, part, &found) != SOMA_OK) {
        return SOMA_ERROR;
    }

    rc = soma_gemini_turns_sealed(r, last, &found);

    if (rc == SOMA_ERROR) {
        return SOMA_ERROR;
    }

    if (rc == SOMA_OK) {

        /* all that was in it is said, or the signature is nobody's here */

        found.signature.type = SOMA_JSON_NONE;

        if (found.text.type == SOMA_JSON_STRING
            && (found.text.text.len == 2
                || found.thought.type == SOMA_JSON_TRUE))
        {
            return SOMA_OK;
        }
    }

    if (soma_gemini_turns_made(r, last, &found, part, depth, &block)
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (block == NULL || block->kind == SOMA_INNER_OPAQUE
        || soma_fill_inside(&found.signature, &signature) != SOMA_OK)
    {
        return SOMA_OK;
    }

    block->signature = signature;
    block->maker = SOMA_STR(SOMA_GEMINI_MAKER);

    return SOMA_OK;
}


/* a part is one of its members and some that speak of it */

static int
soma_gemini_turns_look(soma_gemini_fill_t *r, soma_str_t part,
    soma_gemini_part_t *found)
{
    int                rc;
    size_t             i;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  v;

    struct {
        const char         *name;
        soma_json_value_t  *to;
    } members[] = {
        { "text", &found->text },
        { "thought", &found->thought },
        { "thoughtSignature", &found->signature },
        { "functionCall", &found->call },
        { "functionResponse", &found->result },
        { "inlineData", &found->blob },
        { "fileData", &found->file }
    };

    memset(found, 0, sizeof(soma_gemini_part_t));

    if (soma_json_first(&it, part) != SOMA_OK) {
        return SOMA_ERROR;
    }

    while ((rc = soma_json_next(&it, &name, &v)) == SOMA_OK) {

        if (v.type == SOMA_JSON_NULL) {
            continue;
        }

        for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
            if (soma_gemini_is(name, members[i].name)) {
                *members[i].to = v;
                break;
            }
        }

        if (i < sizeof(members) / sizeof(members[0])) {
            continue;
        }

        if (soma_gemini_is(name, "videoMetadata")
            || soma_gemini_is(name, "mediaResolution")
            || soma_gemini_is(name, "partMetadata"))
        {
            r->path = SOMA_STR("contents.parts.");
            rc = soma_gemini_request_other(r, name, v.text);
            r->path = SOMA_STR("");

            if (rc != SOMA_OK) {
                return SOMA_ERROR;
            }

            continue;
        }

        found->type = name;
    }

    if (rc != SOMA_DONE) {
        *r->fill.error = "a part of \"contents\" is malformed";
        return SOMA_ERROR;
    }

    return SOMA_OK;
}


static int
soma_gemini_turns_made(soma_gemini_fill_t *r, soma_inner_block_t ***last,
    soma_gemini_part_t *found, soma_str_t part, unsigned depth,
    soma_inner_block_t **block)
{
    unsigned  thought;

    *block = NULL;

    if (found->call.type == SOMA_JSON_OBJECT) {
        *block = soma_fill_block(&r->fill, last, SOMA_INNER_CALL);

        return *block ? soma_gemini_parts_call(r, *block, found->call.text)
                      : SOMA_ERROR;
    }

    if (found->result.type == SOMA_JSON_OBJECT) {
        *block = soma_fill_block(&r->fill, last, SOMA_INNER_RESULT);

        return *block ? soma_gemini_parts_result(r, *block,
                                                 found->result.text,
                                                 depth + 1)
                      : SOMA_ERROR;
    }

    if (found->blob.type == SOMA_JSON_OBJECT) {
        return soma_gemini_parts_data(r, last, found->blob.text, block);
    }

    if (found->file.type == SOMA_JSON_OBJECT) {
        return soma_gemini_parts_file(r, last, found->file.text, block);
    }

    if (found->type.len != 0) {
        *block = soma_fill_block(&r->fill, last, SOMA_INNER_OPAQUE);

        if (*block == NULL) {
            return SOMA_ERROR;
        }

        (*block)->type = found->type;
        (*block)->raw = part;
        (*block)->maker = SOMA_STR(SOMA_GEMINI_MAKER);
        return SOMA_OK;
    }

    if (found->text.type != SOMA_JSON_STRING) {

        if (found->signature.type != SOMA_JSON_STRING) {
            *r->fill.error = "a part of \"contents\" has nothing in it";
            return SOMA_ERROR;
        }

        found->text.type = SOMA_JSON_STRING;
        found->text.text = SOMA_STR("\"\"");
    }

    thought = (found->thought.type == SOMA_JSON_TRUE);

    if (thought) {
        *block = soma_gemini_turns_thought(r, last, found);

        if (*block == NULL) {
            return SOMA_ERROR;
        }

        (*block)->maker = SOMA_STR(SOMA_GEMINI_MAKER);

        return SOMA_OK;
    }

    *block = soma_fill_block(&r->fill, last, SOMA_INNER_TEXT);
    if (*block == NULL) {
        return SOMA_ERROR;
    }

    return soma_fill_inside(&found->text, &(*block)->text);
}


/* what was streamed in pieces comes back in as many parts: they are one
 * thought, up to its signature.  NULL: no memory */

static soma_inner_block_t *
soma_gemini_turns_thought(soma_gemini_fill_t *r, soma_inner_block_t ***last,
    soma_gemini_part_t *found)
{
    soma_str_t           text;
    soma_inner_block_t  *block;
    unsigned char       *p;

    text = (soma_str_t) soma_str_null;
    (void) soma_fill_inside(&found->text, &text);

    block = r->thought;

    if (block == NULL || *last != &block->next || block->signature.len != 0
        || block->opaque.len != 0)
    {
        block = soma_fill_block(&r->fill, last, SOMA_INNER_REASONING);

        if (block != NULL) {
            block->text = text;
            r->thought = block;
        }

        return block;
    }

    p = r->fill.arena->alloc(r->fill.arena->data,
                             block->text.len + text.len + 1);
    if (p == NULL) {
        return NULL;
    }

    if (block->text.len != 0) {
        memcpy(p, block->text.data, block->text.len);
    }

    if (text.len != 0) {
        memcpy(p + block->text.len, text.data, text.len);
    }

    block->text.data = p;
    block->text.len += text.len;

    return block;
}


/* the thought that stands right before, if nobody has signed it, or a new one
 * without words */

static soma_inner_block_t *
soma_gemini_turns_last(soma_gemini_fill_t *r, soma_inner_block_t ***last)
{
    soma_inner_block_t  *block;

    block = r->thought;

    if (block != NULL && *last == &block->next && block->signature.len == 0
        && block->opaque.len == 0)
    {
        return block;
    }

    block = soma_fill_block(&r->fill, last, SOMA_INNER_REASONING);

    if (block != NULL) {
        r->thought = block;
    }

    return block;
}


/*
 * Reasoning of another maker that came through this client: a block of its
 * own, before what it stood on.  SOMA_OK; SOMA_DECLINED: there is none;
 * SOMA_ERROR.
 */

static int
soma_gemini_turns_sealed(soma_gemini_fill_t *r, soma_inner_block_t ***last,
    soma_gemini_part_t *found)
{
    int                  rc;
    soma_str_t           text;
    soma_inner_block_t   sealed, *block;

    if (soma_fill_inside(&found->signature, &text) != SOMA_OK
        || soma_inner_plain(r->fill.arena, text, &text) != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    memset(&sealed, 0, sizeof(soma_inner_block_t));

    rc = soma_seal_take(r->fill.arena, text, &sealed);

    if (rc != SOMA_OK || sealed.maker.len == 0) {
        return rc;
    }

    /* of a thought it is the last part; on another part it stands alone */

    if (found->thought.type == SOMA_JSON_TRUE) {
        block = soma_gemini_turns_thought(r, last, found);

    } else {
        block = soma_gemini_turns_last(r, last);
    }

    if (block == NULL) {
        return SOMA_ERROR;
    }

    block->signature = sealed.signature;
    block->opaque = sealed.opaque;
    block->maker = sealed.maker;

    return SOMA_OK;
}
