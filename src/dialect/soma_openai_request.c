
/*
 * Copyright (C) The ngx_soma authors
 *
 * Reads a chat request into the inner form.
 */


#include "soma_openai_request.h"


static int soma_openai_request_format(soma_fill_t *r, const soma_fill_member_t
    *member, soma_json_value_t *value);
static int soma_openai_request_effort(soma_fill_t *r, const soma_fill_member_t
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


static int
soma_openai_request_format(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    soma_str_t             type;
    soma_json_value_t      schema, inner;
    soma_inner_request_t  *request;

    request = r->request;
    request->format_member = member->name;

    (void) soma_fill_text(value->text, "type", &type);

    if (soma_str_is(type, "text")) {
        return SOMA_OK;
    }

    if (soma_str_is(type, "json_object")) {
        request->format = SOMA_INNER_FORMAT_OBJECT;
        return SOMA_OK;
    }

    if (!soma_str_is(type, "json_schema")
        || soma_json_get(value->text, "json_schema", &schema) != SOMA_OK)
    {
        *r->error = "\"response_format\" must be text, json_object or "
                    "json_schema";
        return SOMA_ERROR;
    }

    request->format = SOMA_INNER_FORMAT_SCHEMA;

    (void) soma_fill_text(schema.text, "name", &request->format_name);
    (void) soma_fill_text(schema.text, "description",
                          &request->format_about);

    if (soma_json_get(schema.text, "schema", &inner) == SOMA_OK) {
        request->format_schema = inner.text;
    }

    request->format_strict = soma_json_get(schema.text, "strict", &inner)
                             == SOMA_OK && inner.type == SOMA_JSON_TRUE;

    return SOMA_OK;
}


static int
soma_openai_request_effort(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value)
{
    soma_str_t  word;

    r->request->reasoning_member = member->name;

    if (soma_fill_inside(value, &word) == SOMA_OK) {
        r->request->effort = soma_inner_effort(word);
    }

    if (r->request->effort == SOMA_INNER_EFFORT_UNSET) {
        *r->error = "\"reasoning_effort\" must be none, minimal, low, "
                    "medium, high, xhigh or max";
        return SOMA_ERROR;
    }

    return SOMA_OK;
}
