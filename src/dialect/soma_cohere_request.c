
/*
 * Copyright (C) The ngx_soma authors
 *
 * Reads requests into the inner form, but for their messages.
 */


#include "soma_cohere_request.h"
#include "soma_openai_request.h"


#define SOMA_COHERE_DOCUMENTS_MAX  1024


static int soma_cohere_request_choice(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_cohere_request_strict(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_cohere_request_format(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_cohere_request_think(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_cohere_request_documents(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_cohere_request_document(soma_fill_t *r,
    soma_inner_block_t ***last, soma_json_value_t *value);
static int soma_cohere_request_citations(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_cohere_request_safety(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);


/* model and stream are the plan's: they were read before; documents go to the
 * turns, strict_tools to the tools, citation_options to the documents */
static const soma_fill_member_t  soma_cohere_request_members[] = {
    { soma_string("model"), soma_fill_skip, 0 },
    { soma_string("stream"), soma_fill_skip, 0 },
    { soma_string("messages"), soma_cohere_turns, 0 },
    { soma_string("documents"), soma_cohere_request_documents, 0 },
    { soma_string("citation_options"), soma_cohere_request_citations, 0 },
    { soma_string("tools"), soma_openai_toolset, 0 },
    { soma_string("strict_tools"), soma_cohere_request_strict, 0 },
    { soma_string("tool_choice"), soma_cohere_request_choice, 0 },
    { soma_string("response_format"), soma_cohere_request_format, 0 },
    { soma_string("thinking"), soma_cohere_request_think, 0 },
    { soma_string("safety_mode"), soma_cohere_request_safety, 0 },
    { soma_string("priority"), soma_cohere_request_priority, 0 },
    { soma_string("stop_sequences"), soma_fill_stop, 0 },
    { soma_string("max_tokens"), soma_fill_value, SOMA_INNER_MAX_TOKENS },
    { soma_string("temperature"), soma_fill_value, SOMA_INNER_TEMPERATURE },
    { soma_string("p"), soma_fill_value, SOMA_INNER_TOP_P },
    { soma_string("k"), soma_fill_value, SOMA_INNER_TOP_K },
    { soma_string("seed"), soma_fill_value, SOMA_INNER_SEED },
    { soma_string("frequency_penalty"), soma_fill_value,
      SOMA_INNER_FREQUENCY_PENALTY },
    { soma_string("presence_penalty"), soma_fill_value,
      SOMA_INNER_PRESENCE_PENALTY },
    { soma_string("logprobs"), soma_fill_value, SOMA_INNER_LOGPROBS }
};


int
soma_cohere_request_read(soma_inner_request_t *request, soma_arena_t *arena,
    soma_str_t body, const char **error)
{
    int          rc;
    soma_fill_t  r;

    if (soma_fill_init(&r, request, arena, error, &body) != SOMA_OK) {
        return SOMA_ERROR;
    }

    rc = soma_fill_object(&r, body, soma_cohere_request_members,
                          sizeof(soma_cohere_request_members)
                          / sizeof(soma_cohere_request_members[0]));

    if (rc == SOMA_OK && request->nturns == 0 && request->system == NULL) {
        *error = "\"messages\" has nothing in it";
        return SOMA_ERROR;
    }

    return rc;
}


static int
soma_cohere_request_choice(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    r->request->choice_name = member->name;

    if (soma_str_is(value->text, "\"REQUIRED\"")) {
        r->request->choice = SOMA_INNER_CHOICE_ANY;

    } else if (soma_str_is(value->text, "\"NONE\"")) {
        r->request->choice = SOMA_INNER_CHOICE_NONE;

    } else {
        return soma_fill_fail(r, "\"", member->name,
                              "\" must be \"REQUIRED\" or \"NONE\"");
    }

    return SOMA_OK;
}


static int
soma_cohere_request_strict(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    unsigned  i;

    (void) member;

    for (i = 0; i < r->request->ntools; i++) {
        r->request->tools[i].strict_said = 1;
        r->request->tools[i].strict = (value->type == SOMA_JSON_TRUE);
    }

    return SOMA_OK;
}


static int
soma_cohere_request_format(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    soma_str_t             type;
    soma_json_value_t      schema;
    soma_inner_request_t  *request;

    request = r->request;
    request->format_member = member->name;

    (void) soma_fill_text(value->text, "type", &type);

    if (value->type != SOMA_JSON_OBJECT
        || (!soma_str_is(type, "text") && !soma_str_is(type, "json_object")))
    {
        return soma_fill_fail(r, "\"", member->name, "\" must be an object "
                              "with a \"type\": \"text\" or \"json_object\"");
    }

    if (soma_str_is(type, "text")) {
        return SOMA_OK;
    }

    request->format = SOMA_INNER_FORMAT_OBJECT;

    if ((soma_json_get(value->text, "json_schema", &schema) == SOMA_OK
         || soma_json_get(value->text, "schema", &schema) == SOMA_OK)
        && schema.type == SOMA_JSON_OBJECT)
    {
        request->format = SOMA_INNER_FORMAT_SCHEMA;
        request->format_schema = schema.text;
        request->format_strict = 1;
    }

    return SOMA_OK;
}


/* who asks for it sees it; without a number it is the model's choice */

static int
soma_cohere_request_think(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    int64_t                n;
    soma_str_t             type;
    soma_json_value_t      budget;
    soma_inner_request_t  *request;

    request = r->request;
    request->reasoning_member = member->name;

    (void) soma_fill_text(value->text, "type", &type);

    if (soma_str_is(type, "disabled")) {
        request->effort = SOMA_INNER_EFFORT_NONE;
        return SOMA_OK;
    }

    if (!soma_str_is(type, "enabled")) {
        return soma_fill_fail(r, "\"", member->name, "\" must be an object "
                              "with a \"type\": \"enabled\" or \"disabled\"");
    }

    request->show_said = 1;
    request->show = 1;

    if (soma_json_get(value->text, "token_budget", &budget) != SOMA_OK
        || budget.type == SOMA_JSON_NULL)
    {
        request->adaptive = 1;
        return SOMA_OK;
    }

    if (budget.type != SOMA_JSON_NUMBER
        || soma_json_int(&budget, &n) != SOMA_OK || n < 0)
    {
        return soma_fill_fail(r, "\"token_budget\" of \"", member->name,
                              "\" must be a positive integer");
    }

    if (n == 0) {
        request->effort = SOMA_INNER_EFFORT_NONE;

    } else {
        request->budget = n;
    }

    return SOMA_OK;
}


/* they stand before the words of the user's that ask about them: the last
 * ones */

static int
soma_cohere_request_documents(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value)
{
    int                   rc;
    unsigned              n;
    soma_str_t            name;
    soma_json_iter_t      it;
    soma_json_value_t     document;
    soma_inner_turn_t    *turn, *user;
    soma_inner_block_t   *first, **last;

    if (value->type != SOMA_JSON_ARRAY
        || soma_json_first(&it, value->text) != SOMA_OK)
    {
        return soma_fill_fail(r, "\"", member->name, "\" must be an array");
    }

    first = NULL;
    last = &first;

    for (n = 0; (rc = soma_json_next(&it, &name, &document)) == SOMA_OK; n++)
    {
        if (n == SOMA_COHERE_DOCUMENTS_MAX) {
            return soma_fill_fail(r, "\"", member->name,
                                  "\" has more than 1024 documents");
        }

        if (soma_cohere_request_document(r, &last, &document) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    if (rc != SOMA_DONE) {
        return soma_fill_fail(r, "\"", member->name, "\" is malformed");
    }

    user = NULL;

    for (turn = r->request->turns; turn; turn = turn->next) {
        if (turn->role == SOMA_INNER_USER
            && (turn->blocks == NULL
                || turn->blocks->kind != SOMA_INNER_RESULT))
        {
            user = turn;
        }
    }

    if (first == NULL) {
        return SOMA_OK;
    }

    if (user == NULL) {
        return soma_fill_fail(r, "\"", member->name,
                              "\" have no message of the user's to go with");
    }

    *last = user->blocks;
    user->blocks = first;
    user->string = 0;

    return SOMA_OK;
}


/* a string, or an object whose "data" is any object: what is no text in it is
 * told as its JSON */

static int
soma_cohere_request_document(soma_fill_t *r, soma_inner_block_t ***last,
    soma_json_value_t *value)
{
    soma_str_t           text;
    soma_json_value_t    data;
    soma_inner_block_t  *block;

    block = soma_fill_block(r, last, SOMA_INNER_DOCUMENT);
    if (block == NULL) {
        return SOMA_ERROR;
    }

    block->source = SOMA_INNER_PLAIN;
    block->media = SOMA_STR("text/plain");

    if (soma_fill_inside(value, &block->data) == SOMA_OK) {
        return SOMA_OK;
    }

    if (value->type != SOMA_JSON_OBJECT
        || soma_json_get(value->text, "data", &data) != SOMA_OK)
    {
        *r->error = "each of \"documents\" must be a string or have \"data\"";
        return SOMA_ERROR;
    }

    if (soma_fill_inside(&data, &block->data) == SOMA_OK) {
        return SOMA_OK;
    }

    if (soma_fill_text(data.text, "title", &block->title) != SOMA_OK) {
        (void) soma_fill_text(value->text, "id", &block->title);
    }

    if (soma_fill_text(data.text, "text", &block->data) == SOMA_OK
        || soma_fill_text(data.text, "snippet", &block->data) == SOMA_OK)
    {
        return SOMA_OK;
    }

    if (soma_inner_text(r->arena, data.text, &text) != SOMA_OK) {
        return SOMA_ERROR;
    }

    block->data = text;

    return SOMA_OK;
}


/* a mode is how exact they are, which nobody else can say; who asks for them
 * gets them of each document */

static int
soma_cohere_request_citations(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value)
{
    soma_str_t           mode;
    soma_inner_turn_t   *turn;
    soma_inner_block_t  *block;

    (void) member;

    if (soma_fill_text(value->text, "mode", &mode) != SOMA_OK
        || soma_str_is(mode, "OFF") || soma_str_is(mode, "DISABLED"))
    {
        return SOMA_OK;
    }

    for (turn = r->request->turns; turn; turn = turn->next) {
        for (block = turn->blocks; block; block = block->next) {
            block->cite |= (block->kind == SOMA_INNER_DOCUMENT);
        }
    }

    return SOMA_OK;
}


static int
soma_cohere_request_safety(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    if (soma_str_is(value->text, "\"CONTEXTUAL\"")) {
        return SOMA_OK;
    }

    if (soma_inner_other(r->request, member->name, value->text) != SOMA_OK) {
        *r->error = "the request has more than 64 members that are not known";
        return SOMA_ERROR;
    }

    return SOMA_OK;
}


/* 0 is the highest, and said by nobody who means nothing: what may wait is
 * another provider's flex */

int
soma_cohere_request_priority(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    soma_inner_value_t  *tier;

    if (!soma_str_is(value->text, "0")) {
        tier = &r->request->member[SOMA_INNER_TIER];
        tier->name = member->name;
        tier->raw = SOMA_STR("\"flex\"");
    }

    return SOMA_OK;
}
