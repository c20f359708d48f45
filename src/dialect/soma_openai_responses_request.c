
/*
 * Copyright (C) The ngx_soma authors
 *
 * Reads a request of the Responses API into the inner form: all but its
 * input.
 */


#include "soma_openai_responses.h"
#include "soma_openai_request.h"


static int soma_openai_responses_instructions(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_openai_responses_text(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_openai_responses_effort(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_openai_responses_include(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_openai_responses_stated(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);
static int soma_openai_responses_other(soma_fill_t *r, soma_str_t name,
    soma_str_t raw);


/* what comes first in the conversation is read first */
static const soma_fill_member_t  soma_openai_responses_members[] = {
    { soma_string("model"), soma_fill_skip, 0 },
    { soma_string("stream"), soma_fill_skip, 0 },
    { soma_string("stream_options"), soma_fill_skip, 0 },
    { soma_string("instructions"), soma_openai_responses_instructions, 0 },
    { soma_string("input"), soma_openai_responses_input, 0 },
    { soma_string("tools"), soma_openai_toolset_flat, 0 },
    { soma_string("tool_choice"), soma_openai_toolset_choice, 0 },
    { soma_string("parallel_tool_calls"), soma_openai_toolset_parallel, 0 },
    { soma_string("text"), soma_openai_responses_text, 0 },
    { soma_string("reasoning"), soma_openai_responses_effort, 0 },
    { soma_string("include"), soma_openai_responses_include, 0 },
    { soma_string("background"), soma_openai_responses_stated, 0 },
    { soma_string("metadata"), soma_fill_labels, 0 },
    { soma_string("max_output_tokens"), soma_fill_value,
      SOMA_INNER_MAX_TOKENS },
    { soma_string("temperature"), soma_fill_value,
      SOMA_INNER_TEMPERATURE },
    { soma_string("top_p"), soma_fill_value,
      SOMA_INNER_TOP_P },
    { soma_string("top_logprobs"), soma_fill_value,
      SOMA_INNER_TOP_LOGPROBS },
    { soma_string("user"), soma_fill_value,
      SOMA_INNER_USER_ID },
    { soma_string("safety_identifier"), soma_fill_value,
      SOMA_INNER_USER_ID },
    { soma_string("service_tier"), soma_fill_value,
      SOMA_INNER_TIER },
    { soma_string("store"), soma_fill_value,
      SOMA_INNER_STORE },
    { soma_string("truncation"), soma_fill_value,
      SOMA_INNER_TRUNCATION },
    { soma_string("prompt_cache_key"), soma_fill_value,
      SOMA_INNER_CACHE_KEY }
};


int
soma_openai_responses_read(soma_inner_request_t *request,
    soma_arena_t *arena, soma_str_t body, const char **error)
{
    soma_fill_t  r;

    if (soma_fill_init(&r, request, arena, error, &body) != SOMA_OK) {
        return SOMA_ERROR;
    }

    return soma_fill_object(&r, body, soma_openai_responses_members,
                            sizeof(soma_openai_responses_members)
                            / sizeof(soma_openai_responses_members[0]));
}


static int
soma_openai_responses_instructions(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value)
{
    soma_str_t           text;
    soma_inner_block_t  *block;

    if (soma_fill_inside(value, &text) != SOMA_OK) {
        return soma_fill_fail(r, "\"", member->name, "\" must be a string");
    }

    block = soma_fill_block(r, &r->system, SOMA_INNER_TEXT);
    if (block == NULL) {
        return SOMA_ERROR;
    }

    block->text = text;

    return SOMA_OK;
}


static int
soma_openai_responses_text(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    soma_str_t           type;
    soma_json_value_t    inner;
    soma_inner_value_t  *verbosity;

    if (value->type != SOMA_JSON_OBJECT) {
        return soma_fill_fail(r, "\"", member->name, "\" must be an object");
    }

    if (soma_json_get(value->text, "verbosity", &inner) == SOMA_OK
        && inner.type != SOMA_JSON_NULL)
    {
        verbosity = &r->request->member[SOMA_INNER_VERBOSITY];

        verbosity->name = SOMA_STR("text.verbosity");
        verbosity->raw = inner.text;
    }

    if (soma_json_get(value->text, "format", &inner) != SOMA_OK
        || inner.type == SOMA_JSON_NULL)
    {
        return SOMA_OK;
    }

    (void) soma_fill_text(inner.text, "type", &type);

    return soma_openai_request_form(r, SOMA_STR("text.format"), type,
                                    inner.text);
}


/* a summary is what can be seen of the reasoning */

static int
soma_openai_responses_effort(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value)
{
    soma_json_value_t   inner;
    soma_fill_member_t  effort;

    if (value->type != SOMA_JSON_OBJECT) {
        return soma_fill_fail(r, "\"", member->name, "\" must be an object");
    }

    if ((soma_json_get(value->text, "summary", &inner) == SOMA_OK
         || soma_json_get(value->text, "generate_summary", &inner) == SOMA_OK)
        && inner.type != SOMA_JSON_NULL)
    {
        r->request->show_said = 1;
        r->request->show = 1;
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


/*
 * What an answer is to have in it.  Encrypted reasoning is there wherever the
 * provider gives something to carry; the source of a hosted tool's results is
 * nothing where there are no such tools.
 */

static int
soma_openai_responses_include(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value)
{
    soma_str_t           name, word;
    soma_json_iter_t     it;
    soma_json_value_t    item;
    soma_inner_value_t  *probs;

    if (value->type != SOMA_JSON_ARRAY
        || soma_json_first(&it, value->text) != SOMA_OK)
    {
        return soma_fill_fail(r, "\"", member->name, "\" must be an array");
    }

    while (soma_json_next(&it, &name, &item) == SOMA_OK) {

        if (soma_fill_inside(&item, &word) != SOMA_OK) {
            return soma_fill_fail(r, "\"", member->name,
                                  "\" must be an array of strings");
        }

        if (soma_str_is(word, "reasoning.encrypted_content")) {
            continue;
        }

        if (!soma_str_is(word, "message.output_text.logprobs")) {
            return soma_openai_responses_other(r, member->name, value->text);
        }

        probs = &r->request->member[SOMA_INNER_LOGPROBS];

        probs->name = member->name;
        probs->raw = SOMA_STR("true");
    }

    return SOMA_OK;
}


/* false is what is so without it */

static int
soma_openai_responses_stated(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value)
{
    return (value->type == SOMA_JSON_FALSE)
           ? SOMA_OK
           : soma_openai_responses_other(r, member->name, value->text);
}


static int
soma_openai_responses_other(soma_fill_t *r, soma_str_t name, soma_str_t raw)
{
    if (soma_inner_other(r->request, name, raw) != SOMA_OK) {
        *r->error = "the request has more than 64 members that are not known";
        return SOMA_ERROR;
    }

    return SOMA_OK;
}
