
/*
 * Copyright (C) The ngx_soma authors
 *
 * Reads a chat request into the inner form, and what other APIs have alike.
 */


#include "soma_openai_request.h"


static int soma_openai_request_input(soma_fill_t *r, const soma_fill_member_t
    *member, soma_json_value_t *value);
static int soma_openai_request_tokens(soma_json_value_t *value);
static int soma_openai_request_modalities(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_openai_request_reasoning(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_openai_request_format(soma_fill_t *r, const soma_fill_member_t
    *member, soma_json_value_t *value);


/* model and stream are the plan's: they were read before */
static const soma_fill_member_t  soma_openai_request_members[] = {
    { soma_string("model"), soma_fill_skip, 0 },
    { soma_string("stream"), soma_fill_skip, 0 },
    { soma_string("stream_options"), soma_fill_skip, 0 },
    { soma_string("messages"), soma_openai_turns, 0 },
    { soma_string("tools"), soma_openai_toolset, 0 },
    { soma_string("tool_choice"), soma_openai_toolset_choice, 0 },
    { soma_string("parallel_tool_calls"), soma_openai_toolset_parallel, 0 },
    { soma_string("functions"), soma_openai_toolset_functions, 0 },
    { soma_string("function_call"), soma_openai_toolset_function, 0 },
    { soma_string("modalities"), soma_openai_request_modalities, 0 },
    { soma_string("reasoning"), soma_openai_request_reasoning, 0 },
    { soma_string("response_format"), soma_openai_request_format, 0 },
    { soma_string("reasoning_effort"), soma_openai_request_effort, 0 },
    { soma_string("stop"), soma_fill_stop, 0 },
    { soma_string("metadata"), soma_fill_labels, 0 },
    { soma_string("max_tokens"), soma_fill_value,
      SOMA_INNER_MAX_TOKENS },
    { soma_string("max_completion_tokens"), soma_fill_value,
      SOMA_INNER_MAX_TOKENS },
    { soma_string("temperature"), soma_fill_value,
      SOMA_INNER_TEMPERATURE },
    { soma_string("top_p"), soma_fill_value,
      SOMA_INNER_TOP_P },
    { soma_string("top_k"), soma_fill_value,
      SOMA_INNER_TOP_K },
    { soma_string("min_p"), soma_fill_value,
      SOMA_INNER_MIN_P },
    { soma_string("frequency_penalty"), soma_fill_value,
      SOMA_INNER_FREQUENCY_PENALTY },
    { soma_string("presence_penalty"), soma_fill_value,
      SOMA_INNER_PRESENCE_PENALTY },
    { soma_string("seed"), soma_fill_value,
      SOMA_INNER_SEED },
    { soma_string("n"), soma_fill_value,
      SOMA_INNER_N },
    { soma_string("logprobs"), soma_fill_value,
      SOMA_INNER_LOGPROBS },
    { soma_string("top_logprobs"), soma_fill_value,
      SOMA_INNER_TOP_LOGPROBS },
    { soma_string("logit_bias"), soma_fill_value,
      SOMA_INNER_LOGIT_BIAS },
    { soma_string("prediction"), soma_fill_value,
      SOMA_INNER_PREDICTION },
    { soma_string("verbosity"), soma_fill_value,
      SOMA_INNER_VERBOSITY },
    { soma_string("user"), soma_fill_value,
      SOMA_INNER_USER_ID },
    { soma_string("safety_identifier"), soma_fill_value,
      SOMA_INNER_USER_ID },
    { soma_string("service_tier"), soma_fill_value,
      SOMA_INNER_TIER },
    { soma_string("store"), soma_fill_value,
      SOMA_INNER_STORE },
    { soma_string("prompt_cache_key"), soma_fill_value,
      SOMA_INNER_CACHE_KEY }
};


int
soma_openai_request_read(soma_inner_request_t *request, soma_arena_t *arena,
    soma_str_t body, const char **error)
{
    soma_fill_t  r;

    if (soma_fill_init(&r, request, arena, error, &body) != SOMA_OK) {
        return SOMA_ERROR;
    }

    return soma_fill_object(&r, body, soma_openai_request_members,
                            sizeof(soma_openai_request_members)
                            / sizeof(soma_openai_request_members[0]));
}


/* a text, token numbers, or a list of both: each is a turn of its own */

int
soma_openai_request_inputs(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    int                rc;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  input;

    if (value->type != SOMA_JSON_ARRAY
        || soma_json_first(&it, value->text) != SOMA_OK)
    {
        return soma_openai_request_input(r, member, value);
    }

    rc = soma_json_next(&it, &name, &input);

    if (rc == SOMA_OK && input.type == SOMA_JSON_NUMBER) {
        return soma_openai_request_input(r, member, value);
    }

    while (rc == SOMA_OK) {

        if (soma_openai_request_input(r, member, &input) != SOMA_OK) {
            return SOMA_ERROR;
        }

        rc = soma_json_next(&it, &name, &input);
    }

    if (rc != SOMA_DONE) {
        return soma_fill_fail(r, "\"", member->name, "\" is malformed");
    }

    return SOMA_OK;
}


static int
soma_openai_request_input(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    soma_str_t            text;
    soma_inner_turn_t    *turn;
    soma_inner_block_t  **last, *block;

    if (value->type != SOMA_JSON_STRING
        && soma_openai_request_tokens(value) != SOMA_OK)
    {
        return soma_fill_fail(r, "\"", member->name,
                              "\" must be a string, a list of strings or "
                              "lists of tokens");
    }

    turn = soma_fill_turn(r, SOMA_INNER_USER);
    if (turn == NULL) {
        return SOMA_ERROR;
    }

    last = &turn->blocks;

    if (soma_fill_inside(value, &text) == SOMA_OK) {
        block = soma_fill_block(r, &last, SOMA_INNER_TEXT);
        if (block == NULL) {
            return SOMA_ERROR;
        }

        block->text = text;
        turn->string = 1;

        return SOMA_OK;
    }

    block = soma_fill_block(r, &last, SOMA_INNER_OPAQUE);
    if (block == NULL) {
        return SOMA_ERROR;
    }

    block->type = SOMA_STR("tokens");
    block->raw = value->text;
    block->maker = SOMA_STR("openai");

    return SOMA_OK;
}


/* an array of integers */

static int
soma_openai_request_tokens(soma_json_value_t *value)
{
    int                rc;
    size_t             i;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  token;

    if (value->type != SOMA_JSON_ARRAY
        || soma_json_first(&it, value->text) != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    while ((rc = soma_json_next(&it, &name, &token)) == SOMA_OK) {

        if (token.type != SOMA_JSON_NUMBER) {
            return SOMA_DECLINED;
        }

        for (i = (token.text.data[0] == '-'); i < token.text.len; i++) {
            if (token.text.data[i] < '0' || token.text.data[i] > '9') {
                return SOMA_DECLINED;
            }
        }
    }

    return (rc == SOMA_DONE) ? SOMA_OK : SOMA_DECLINED;
}


/* words alone are what every answer is of */

static int
soma_openai_request_modalities(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value)
{
    soma_str_t         name, word;
    soma_json_iter_t   it;
    soma_json_value_t  each;

    if (value->type != SOMA_JSON_ARRAY
        || soma_json_first(&it, value->text) != SOMA_OK)
    {
        return soma_fill_fail(r, "\"", member->name, "\" must be an array");
    }

    while (soma_json_next(&it, &name, &each) == SOMA_OK) {

        if (soma_fill_inside(&each, &word) == SOMA_OK
            && soma_str_is(word, "text"))
        {
            continue;
        }

        if (soma_inner_other(r->request, member->name, value->text)
            != SOMA_OK)
        {
            *r->error = "the request has more than 64 members that are not "
                        "known";
            return SOMA_ERROR;
        }

        break;
    }

    return SOMA_OK;
}


/* what gateways of several providers are asked with: an effort, or a budget
 * of tokens, and whether the reasoning is to be seen */

static int
soma_openai_request_reasoning(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value)
{
    soma_fill_member_t     effort;
    soma_json_value_t      inner;
    soma_inner_request_t  *request;

    request = r->request;

    if (value->type != SOMA_JSON_OBJECT) {
        return soma_fill_fail(r, "\"", member->name, "\" must be an object");
    }

    if (soma_json_get(value->text, "exclude", &inner) == SOMA_OK
        && inner.type == SOMA_JSON_TRUE)
    {
        request->show_said = 1;
        request->show = 0;
    }

    if (soma_json_get(value->text, "max_tokens", &inner) == SOMA_OK
        && inner.type != SOMA_JSON_NULL)
    {
        request->reasoning_member = SOMA_STR("reasoning.max_tokens");

        if (soma_json_int(&inner, &request->budget) != SOMA_OK
            || request->budget < 0)
        {
            *r->error = "\"reasoning.max_tokens\" must be a whole number";
            return SOMA_ERROR;
        }
    }

    if (soma_json_get(value->text, "effort", &inner) != SOMA_OK
        || inner.type == SOMA_JSON_NULL)
    {
        return SOMA_OK;
    }

    effort = *member;
    effort.name = SOMA_STR("reasoning.effort");

    return soma_openai_request_effort(r, &effort, &inner);
}


static int
soma_openai_request_format(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    soma_str_t         type;
    soma_json_value_t  schema;

    (void) soma_fill_text(value->text, "type", &type);

    if (soma_json_get(value->text, "json_schema", &schema) != SOMA_OK) {
        schema.text = (soma_str_t) soma_str_null;
    }

    return soma_openai_request_form(r, member->name, type, schema.text);
}


int
soma_openai_request_form(soma_fill_t *r, soma_str_t name, soma_str_t type,
    soma_str_t schema)
{
    soma_json_value_t      inner;
    soma_inner_request_t  *request;

    request = r->request;
    request->format_member = name;

    if (soma_str_is(type, "text")) {
        return SOMA_OK;
    }

    if (soma_str_is(type, "json_object")) {
        request->format = SOMA_INNER_FORMAT_OBJECT;
        return SOMA_OK;
    }

    if (!soma_str_is(type, "json_schema") || schema.data == NULL) {
        return soma_fill_fail(r, "\"", name, "\" must be text, json_object or "
                                             "json_schema");
    }

    request->format = SOMA_INNER_FORMAT_SCHEMA;

    (void) soma_fill_text(schema, "name", &request->format_name);
    (void) soma_fill_text(schema, "description", &request->format_about);

    if (soma_json_get(schema, "schema", &inner) == SOMA_OK) {
        request->format_schema = inner.text;
    }

    request->format_strict = soma_json_get(schema, "strict", &inner)
                             == SOMA_OK && inner.type == SOMA_JSON_TRUE;

    return SOMA_OK;
}


int
soma_openai_request_effort(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    soma_str_t  word;

    r->request->reasoning_member = member->name;

    if (soma_fill_inside(value, &word) == SOMA_OK) {
        r->request->effort = soma_inner_effort(word);
    }

    if (r->request->effort == SOMA_INNER_EFFORT_UNSET) {
        return soma_fill_fail(r, "\"", member->name,
                              "\" must be none, minimal, low, medium, high, "
                              "xhigh or max");
    }

    return SOMA_OK;
}
