
/*
 * Copyright (C) The ngx_soma authors
 *
 * Reads a request of the completions API into the inner form: each prompt is
 * a turn.  Source: OpenAI's API reference, "Create completion".
 */


#include "soma_openai_request.h"


static int soma_openai_completions_stated(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value);


static const soma_fill_member_t  soma_openai_completions_members[] = {
    { soma_string("model"), soma_fill_skip, 0 },
    { soma_string("stream"), soma_fill_skip, 0 },
    { soma_string("stream_options"), soma_fill_skip, 0 },
    { soma_string("prompt"), soma_openai_request_inputs, 0 },
    { soma_string("suffix"), soma_openai_completions_stated, 0 },
    { soma_string("echo"), soma_openai_completions_stated, 0 },
    { soma_string("best_of"), soma_openai_completions_stated, 0 },
    { soma_string("stop"), soma_fill_stop, 0 },
    { soma_string("max_tokens"), soma_fill_value,
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
      SOMA_INNER_TOP_LOGPROBS },
    { soma_string("logit_bias"), soma_fill_value,
      SOMA_INNER_LOGIT_BIAS },
    { soma_string("user"), soma_fill_value,
      SOMA_INNER_USER_ID },
    { soma_string("service_tier"), soma_fill_value,
      SOMA_INNER_TIER }
};


int
soma_openai_completions_read(soma_inner_request_t *request,
    soma_arena_t *arena, soma_str_t body, const char **error)
{
    soma_fill_t  r;

    if (soma_fill_init(&r, request, arena, error, &body) != SOMA_OK) {
        return SOMA_ERROR;
    }

    request->task = SOMA_INNER_PROMPTS;

    return soma_fill_object(&r, body, soma_openai_completions_members,
                            sizeof(soma_openai_completions_members)
                            / sizeof(soma_openai_completions_members[0]));
}


/* no other dialect has these, but what they are set to may be what is so
 * without them */

static int
soma_openai_completions_stated(soma_fill_t *r,
    const soma_fill_member_t *member, soma_json_value_t *value)
{
    if (value->type == SOMA_JSON_FALSE
        || soma_str_is(value->text, "\"\"")
        || (soma_str_is(value->text, "1")
            && soma_str_is(member->name, "best_of"))
        || soma_inner_other(r->request, member->name, value->text) == SOMA_OK)
    {
        return SOMA_OK;
    }

    *r->error = "the request has more than 64 members that are not known";

    return SOMA_ERROR;
}
