
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a client of the Embed API asks, and what it is told.
 */


#include "soma_cohere_embed.h"
#include "soma_cohere_request.h"
#include "soma_vector.h"
#include "soma_write.h"


static int soma_cohere_embed_texts(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_cohere_embed_inputs(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_cohere_embed_contents(soma_fill_t *r,
    const soma_fill_member_t *member, soma_str_t contents);
static int soma_cohere_embed_text(soma_fill_t *r, soma_inner_block_t ***last,
    soma_str_t text);
static int soma_cohere_embed_images(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_cohere_embed_types(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_cohere_embed_truncate(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_cohere_embed_other(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);

static int soma_cohere_embed_vector(soma_vectors_t *vectors,
    const soma_inner_event_t *event);
static unsigned soma_cohere_embed_base64(const soma_vectors_t *vectors);
static void soma_cohere_embed_end(soma_vectors_t *vectors,
    soma_pieces_t *out);
static void soma_cohere_embed_said(soma_cohere_embed_t *answer,
    soma_pieces_t *out);


/* model and stream are the plan's: they were read before.  What is not here
 * has no field: input_type, output_dimension, max_tokens */
static const soma_fill_member_t  soma_cohere_embed_members[] = {
    { soma_string("model"), soma_fill_skip, 0 },
    { soma_string("stream"), soma_fill_skip, 0 },
    { soma_string("texts"), soma_cohere_embed_texts, 0 },
    { soma_string("inputs"), soma_cohere_embed_inputs, 0 },
    { soma_string("images"), soma_cohere_embed_images, 0 },
    { soma_string("embedding_types"), soma_cohere_embed_types, 0 },
    { soma_string("truncate"), soma_cohere_embed_truncate, 0 },
    { soma_string("priority"), soma_cohere_request_priority, 0 }
};


int
soma_cohere_embed_read(soma_inner_request_t *request, soma_arena_t *arena,
    soma_str_t body, const char **error)
{
    int          rc;
    soma_fill_t  r;

    if (soma_fill_init(&r, request, arena, error, &body) != SOMA_OK) {
        return SOMA_ERROR;
    }

    request->task = SOMA_INNER_INPUTS;

    rc = soma_fill_object(&r, body, soma_cohere_embed_members,
                          sizeof(soma_cohere_embed_members)
                          / sizeof(soma_cohere_embed_members[0]));

    if (rc == SOMA_OK && request->nturns == 0) {
        *error = "there are no \"texts\", an array of strings";
        return SOMA_ERROR;
    }

    return rc;
}


static int
soma_cohere_embed_texts(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    int                   rc;
    soma_str_t            name, text;
    soma_json_iter_t      it;
    soma_json_value_t     each;
    soma_inner_turn_t    *turn;
    soma_inner_block_t  **last;

    if (value->type != SOMA_JSON_ARRAY
        || soma_json_first(&it, value->text) != SOMA_OK)
    {
        return soma_fill_fail(r, "\"", member->name,
                              "\" must be an array of strings");
    }

    while ((rc = soma_json_next(&it, &name, &each)) == SOMA_OK) {

        if (soma_fill_inside(&each, &text) != SOMA_OK) {
            return soma_fill_fail(r, "\"", member->name,
                                  "\" must be an array of strings");
        }

        turn = soma_fill_turn(r, SOMA_INNER_USER);
        if (turn == NULL) {
            return SOMA_ERROR;
        }

        turn->string = 1;
        last = &turn->blocks;

        if (soma_cohere_embed_text(r, &last, text) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    return (rc == SOMA_DONE) ? SOMA_OK
           : soma_fill_fail(r, "\"", member->name, "\" is malformed");
}


static int
soma_cohere_embed_inputs(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    int                rc;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  each, content;

    if (value->type != SOMA_JSON_ARRAY
        || soma_json_first(&it, value->text) != SOMA_OK)
    {
        return soma_fill_fail(r, "\"", member->name, "\" must be an array");
    }

    while ((rc = soma_json_next(&it, &name, &each)) == SOMA_OK) {

        if (each.type != SOMA_JSON_OBJECT
            || soma_json_get(each.text, "content", &content) != SOMA_OK
            || content.type != SOMA_JSON_ARRAY)
        {
            return soma_fill_fail(r, "each of \"", member->name,
                                  "\" must have a \"content\", an array");
        }

        if (soma_cohere_embed_contents(r, member, content.text) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    return (rc == SOMA_DONE) ? SOMA_OK
           : soma_fill_fail(r, "\"", member->name, "\" is malformed");
}


/* of an input of several parts, those of text */

static int
soma_cohere_embed_contents(soma_fill_t *r, const soma_fill_member_t *member,
    soma_str_t contents)
{
    int                   rc;
    soma_str_t            name, text;
    soma_json_iter_t      it;
    soma_json_value_t     part;
    soma_inner_turn_t    *turn;
    soma_inner_block_t  **last;

    turn = soma_fill_turn(r, SOMA_INNER_USER);

    if (turn == NULL || soma_json_first(&it, contents) != SOMA_OK) {
        return SOMA_ERROR;
    }

    last = &turn->blocks;

    while ((rc = soma_json_next(&it, &name, &part)) == SOMA_OK) {

        if (part.type != SOMA_JSON_OBJECT
            || soma_fill_text(part.text, "text", &text) != SOMA_OK)
        {
            return soma_fill_fail(r, "\"", member->name, "\" of anything but "
                                  "text have no place in a request to "
                                  "another provider");
        }

        if (soma_cohere_embed_text(r, &last, text) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    return (rc == SOMA_DONE) ? SOMA_OK
           : soma_fill_fail(r, "\"", member->name, "\" is malformed");
}


static int
soma_cohere_embed_text(soma_fill_t *r, soma_inner_block_t ***last,
    soma_str_t text)
{
    soma_inner_block_t  *block;

    block = soma_fill_block(r, last, SOMA_INNER_TEXT);
    if (block == NULL) {
        return SOMA_ERROR;
    }

    block->text = text;

    return SOMA_OK;
}


/* without them there is nothing left to ask for, so that nobody may leave them
 * out */

static int
soma_cohere_embed_images(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  each;

    if (value->type == SOMA_JSON_ARRAY
        && soma_json_first(&it, value->text) == SOMA_OK
        && soma_json_next(&it, &name, &each) == SOMA_DONE)
    {
        return SOMA_OK;
    }

    return soma_fill_fail(r, "\"", member->name, "\" have no place in a "
                          "request to another provider");
}


/* one type is what others can say, and of those that quantize none */

static int
soma_cohere_embed_types(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    unsigned           n, known;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  type;

    if (value->type != SOMA_JSON_ARRAY
        || soma_json_first(&it, value->text) != SOMA_OK)
    {
        return soma_fill_fail(r, "\"", member->name,
                              "\" must be an array of strings");
    }

    known = 0;

    for (n = 0; soma_json_next(&it, &name, &type) == SOMA_OK; n++) {

        if (soma_str_is(type.text, "\"base64\"")) {
            r->request->base64 = (n == 0);
            known++;

        } else if (soma_str_is(type.text, "\"float\"")) {
            r->request->base64 = 0;
            known++;
        }
    }

    return (n == known && n <= 1) ? SOMA_OK
                                  : soma_cohere_embed_other(r, member, value);
}


/* what is too long for it is cut at an end, if nothing is said at its last
 * one; that it is not is what others do */

static int
soma_cohere_embed_truncate(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    soma_inner_value_t  *kept;

    if (!soma_str_is(value->text, "\"NONE\"")) {
        return soma_cohere_embed_other(r, member, value);
    }

    kept = &r->request->member[SOMA_INNER_TRUNCATION];
    kept->name = member->name;
    kept->raw = SOMA_STR("\"disabled\"");

    return SOMA_OK;
}


static int
soma_cohere_embed_other(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    if (soma_inner_other(r->request, member->name, value->text) != SOMA_OK) {
        *r->error = "the request has more than 64 members that are not known";
        return SOMA_ERROR;
    }

    return SOMA_OK;
}


int
soma_cohere_embed_write(soma_cohere_embed_t *answer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    return soma_vectors_write(&answer->v, out, event,
                              soma_cohere_embed_vector,
                              soma_cohere_embed_end);
}


/* as it was asked for, whatever form the provider has */

static int
soma_cohere_embed_vector(soma_vectors_t *vectors,
    const soma_inner_event_t *event)
{
    int             rc;
    unsigned        base64;
    soma_str_t      vector;
    soma_pieces_t  *list;

    list = &vectors->list;
    base64 = soma_cohere_embed_base64(vectors);
    vector = base64 ? event->text : event->raw;

    if (vector.data == NULL) {
        rc = base64 ? soma_vector_base64(vectors->arena, event->raw, &vector)
                    : soma_vector_raw(vectors->arena, event->text, &vector);

        if (rc != SOMA_OK) {
            return rc;
        }
    }

    if (list->len + vector.len > SOMA_COHERE_EMBED_MAX) {
        return SOMA_DECLINED;
    }

    if (vectors->n++ != 0) {
        soma_pieces_char(list, ',');
    }

    if (base64) {
        soma_pieces_char(list, '"');
    }

    soma_pieces_put(list, vector.data, vector.len);

    if (base64) {
        soma_pieces_char(list, '"');
    }

    return list->failed ? SOMA_ERROR : SOMA_OK;
}


static unsigned
soma_cohere_embed_base64(const soma_vectors_t *vectors)
{
    const soma_inner_request_t  *request;

    request = ((const soma_cohere_embed_t *) (const void *) vectors)->request;

    return request != NULL && request->base64;
}


static void
soma_cohere_embed_end(soma_vectors_t *vectors, soma_pieces_t *out)
{
    soma_pieces_char(out, '{');
    soma_write_quoted(out, "id", vectors->id);
    soma_write_name(out, "embeddings");
    soma_pieces_char(out, '{');
    soma_write_name(out, soma_cohere_embed_base64(vectors) ? "base64"
                                                           : "float");
    soma_pieces_char(out, '[');

    soma_pieces_join(out, &vectors->list);
    soma_pieces_cstr(out, "]}");
    soma_cohere_embed_said((soma_cohere_embed_t *) (void *) vectors, out);
    soma_pieces_cstr(out, ",\"meta\":{\"api_version\":{\"version\":\"2\"}");

    if (vectors->usage.known) {
        soma_pieces_cstr(out, ",\"billed_units\":{");
        soma_write_int(out, "input_tokens", vectors->usage.input_tokens);
        soma_pieces_char(out, '}');
    }

    soma_pieces_cstr(out, "},\"response_type\":\"embeddings_by_type\"}");
}


/* the texts that were asked about, as the client wrote them */

static void
soma_cohere_embed_said(soma_cohere_embed_t *answer, soma_pieces_t *out)
{
    unsigned                  n;
    const soma_inner_turn_t  *turn;

    if (answer->request == NULL) {
        return;
    }

    n = 0;

    for (turn = answer->request->turns; turn; turn = turn->next) {

        if (!turn->string || turn->blocks == NULL) {
            continue;
        }

        if (n++ == 0) {
            soma_write_name(out, "texts");
        }

        soma_pieces_char(out, n == 1 ? '[' : ',');
        soma_pieces_text(out, turn->blocks->text);
    }

    if (n != 0) {
        soma_pieces_char(out, ']');
    }
}
