
/*
 * Copyright (C) The ngx_soma authors
 *
 * Reads requests into the inner form.  What generate is asked is a chat of one
 * turn, what embed is asked are inputs.
 */


#include "soma_ollama_request.h"


static int soma_ollama_request_prompt(soma_fill_t *r, soma_str_t body);
static int soma_ollama_request_inputs(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_ollama_request_input(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_ollama_request_format(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_ollama_request_think(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_ollama_request_truncate(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_ollama_request_raw(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_ollama_request_some(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);


/* model and stream are the plan's: they were read before.  "shift" says what
 * becomes of an answer that is longer than the window; others end it there */
#define SOMA_OLLAMA_REQUEST_MEMBERS                                           \
    { soma_string("model"), soma_fill_skip, 0 },                              \
    { soma_string("stream"), soma_fill_skip, 0 },                             \
    { soma_string("shift"), soma_fill_skip, 0 },                              \
    { soma_string("options"), soma_ollama_options, 0 },                       \
    { soma_string("format"), soma_ollama_request_format, 0 },                 \
    { soma_string("think"), soma_ollama_request_think, 0 },                   \
    { soma_string("truncate"), soma_ollama_request_truncate, 0 },             \
    { soma_string("template"), soma_ollama_request_some, 0 },                 \
    { soma_string("logprobs"), soma_fill_value, SOMA_INNER_LOGPROBS },        \
    { soma_string("top_logprobs"), soma_fill_value, SOMA_INNER_TOP_LOGPROBS }


static const soma_fill_member_t  soma_ollama_request_chat[] = {
    SOMA_OLLAMA_REQUEST_MEMBERS,
    { soma_string("messages"), soma_ollama_turns, 0 },
    { soma_string("tools"), soma_ollama_tools, 0 }
};


/* prompt and images are read together, before */
static const soma_fill_member_t  soma_ollama_request_generate[] = {
    SOMA_OLLAMA_REQUEST_MEMBERS,
    { soma_string("prompt"), soma_fill_skip, 0 },
    { soma_string("images"), soma_fill_skip, 0 },
    { soma_string("system"), soma_ollama_turns_system, 0 },
    { soma_string("raw"), soma_ollama_request_raw, 0 },
    { soma_string("suffix"), soma_ollama_request_some, 0 },
    { soma_string("context"), soma_ollama_request_some, 0 }
};


static const soma_fill_member_t  soma_ollama_request_embed[] = {
    { soma_string("model"), soma_fill_skip, 0 },
    { soma_string("input"), soma_ollama_request_inputs, 0 },
    { soma_string("truncate"), soma_ollama_request_truncate, 0 },
    { soma_string("options"), soma_ollama_options, 0 }
};


static const soma_fill_member_t  soma_ollama_request_embeddings[] = {
    { soma_string("model"), soma_fill_skip, 0 },
    { soma_string("prompt"), soma_ollama_request_input, 0 },
    { soma_string("options"), soma_ollama_options, 0 }
};


#define SOMA_OLLAMA_TABLE(table)  table, sizeof(table) / sizeof(table[0])


int
soma_ollama_request_read(soma_inner_request_t *request,
    soma_ollama_form_e form, soma_arena_t *arena, soma_str_t body,
    const char **error)
{
    int          rc;
    soma_fill_t  r;

    if (soma_fill_init(&r, request, arena, error, &body) != SOMA_OK) {
        return SOMA_ERROR;
    }

    switch (form) {

    case SOMA_OLLAMA_GENERATE:
        if (soma_ollama_request_prompt(&r, body) != SOMA_OK) {
            return SOMA_ERROR;
        }

        return soma_fill_object(&r, body,
                             SOMA_OLLAMA_TABLE(soma_ollama_request_generate));

    case SOMA_OLLAMA_EMBED:
        request->task = SOMA_INNER_INPUTS;
        rc = soma_fill_object(&r, body,
                              SOMA_OLLAMA_TABLE(soma_ollama_request_embed));
        break;

    case SOMA_OLLAMA_EMBEDDINGS:
        request->task = SOMA_INNER_INPUTS;
        rc = soma_fill_object(&r, body,
                         SOMA_OLLAMA_TABLE(soma_ollama_request_embeddings));
        break;

    default:
        rc = soma_fill_object(&r, body,
                              SOMA_OLLAMA_TABLE(soma_ollama_request_chat));
    }

    if (rc == SOMA_OK && request->nturns == 0) {
        *error = (form == SOMA_OLLAMA_CHAT)
                 ? "\"messages\" has nothing in it: no model is loaded here"
                 : "there is no \"input\", a string or an array of strings";
        return SOMA_ERROR;
    }

    return rc;
}


static int
soma_ollama_request_prompt(soma_fill_t *r, soma_str_t body)
{
    soma_str_t            text;
    soma_inner_turn_t    *turn;
    soma_json_value_t     images;
    soma_inner_block_t  **last, *block;

    if (soma_fill_text(body, "prompt", &text) != SOMA_OK || text.len == 0) {
        *r->error = "there is no \"prompt\", a string: no model is loaded "
                    "here";
        return SOMA_ERROR;
    }

    turn = soma_fill_turn(r, SOMA_INNER_USER);
    if (turn == NULL) {
        return SOMA_ERROR;
    }

    last = &turn->blocks;

    if (soma_json_get(body, "images", &images) == SOMA_OK
        && soma_ollama_turns_images(r, &last, &images) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    turn->string = (turn->blocks == NULL);

    block = soma_fill_block(r, &last, SOMA_INNER_TEXT);
    if (block == NULL) {
        return SOMA_ERROR;
    }

    block->text = text;

    return SOMA_OK;
}


static int
soma_ollama_request_inputs(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    int                rc;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  input;

    if (value->type != SOMA_JSON_ARRAY
        || soma_json_first(&it, value->text) != SOMA_OK)
    {
        return soma_ollama_request_input(r, member, value);
    }

    while ((rc = soma_json_next(&it, &name, &input)) == SOMA_OK) {
        if (soma_ollama_request_input(r, member, &input) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    return (rc == SOMA_DONE) ? SOMA_OK
           : soma_fill_fail(r, "\"", member->name, "\" is malformed");
}


static int
soma_ollama_request_input(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    soma_str_t            text;
    soma_inner_turn_t    *turn;
    soma_inner_block_t  **last, *block;

    if (soma_fill_inside(value, &text) != SOMA_OK) {
        return soma_fill_fail(r, "\"", member->name, "\" must be a string or "
                              "an array of strings");
    }

    turn = soma_fill_turn(r, SOMA_INNER_USER);
    if (turn == NULL) {
        return SOMA_ERROR;
    }

    last = &turn->blocks;
    turn->string = 1;

    block = soma_fill_block(r, &last, SOMA_INNER_TEXT);
    if (block == NULL) {
        return SOMA_ERROR;
    }

    block->text = text;

    return SOMA_OK;
}


/* "json", a schema, or "" as clients have it that always say it */

static int
soma_ollama_request_format(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    soma_inner_request_t  *request;

    request = r->request;
    request->format_member = member->name;

    if (value->type == SOMA_JSON_OBJECT) {
        request->format = SOMA_INNER_FORMAT_SCHEMA;
        request->format_schema = value->text;
        return SOMA_OK;
    }

    if (soma_str_is(value->text, "\"json\"")) {
        request->format = SOMA_INNER_FORMAT_OBJECT;
        return SOMA_OK;
    }

    if (soma_str_is(value->text, "\"\"")) {
        return SOMA_OK;
    }

    return soma_fill_fail(r, "\"", member->name,
                          "\" must be \"json\" or a JSON schema");
}


/* true leaves it to the model how much; who asks for it wants to see it */

static int
soma_ollama_request_think(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    soma_str_t             word;
    soma_inner_request_t  *request;

    request = r->request;
    request->reasoning_member = member->name;

    if (value->type == SOMA_JSON_FALSE) {
        request->effort = SOMA_INNER_EFFORT_NONE;
        return SOMA_OK;
    }

    request->show_said = 1;
    request->show = 1;

    if (value->type == SOMA_JSON_TRUE) {
        request->adaptive = 1;
        return SOMA_OK;
    }

    if (soma_fill_inside(value, &word) == SOMA_OK) {
        request->effort = soma_inner_effort(word);
    }

    return (request->effort > SOMA_INNER_EFFORT_NONE) ? SOMA_OK
           : soma_fill_fail(r, "\"", member->name, "\" must be true, false, "
                            "\"low\", \"medium\", \"high\" or \"max\"");
}


/* true is what is so anyway, here */

static int
soma_ollama_request_truncate(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value)
{
    soma_inner_value_t  *kept;

    if (value->type == SOMA_JSON_FALSE) {
        kept = &r->request->member[SOMA_INNER_TRUNCATION];
        kept->name = member->name;
        kept->raw = SOMA_STR("\"disabled\"");
    }

    return SOMA_OK;
}


static int
soma_ollama_request_raw(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    return (value->type == SOMA_JSON_FALSE)
           ? SOMA_OK : soma_ollama_request_some(r, member, value);
}


/* what only Ollama knows, if anything is said with it */

static int
soma_ollama_request_some(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    if (soma_str_is(value->text, "\"\"") || soma_str_is(value->text, "[]")) {
        return SOMA_OK;
    }

    if (soma_inner_other(r->request, member->name, value->text) != SOMA_OK) {
        *r->error = "the request has more than 64 members that are not known";
        return SOMA_ERROR;
    }

    return SOMA_OK;
}
