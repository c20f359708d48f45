
/*
 * Copyright (C) The ngx_soma authors
 *
 * The usage of a chat answer, wherever a server puts it: at the top, in
 * x_groq, in a choice (Moonshot).
 */


#include "soma_openai_events.h"


static int soma_openai_events_counts(soma_events_t *events,
    soma_str_t object);


int
soma_openai_events_usage(soma_events_t *events, soma_str_t chunk)
{
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  usage, other, choice;

    if (soma_json_get(chunk, "usage", &usage) == SOMA_OK
        && usage.type == SOMA_JSON_OBJECT)
    {
        return soma_openai_events_counts(events, usage.text);
    }

    if (soma_json_get(chunk, "x_groq", &other) == SOMA_OK
        && soma_json_get(other.text, "usage", &usage) == SOMA_OK
        && usage.type == SOMA_JSON_OBJECT)
    {
        return soma_openai_events_counts(events, usage.text);
    }

    if (soma_json_get(chunk, "choices", &other) != SOMA_OK
        || soma_json_first(&it, other.text) != SOMA_OK || it.object)
    {
        return SOMA_OK;
    }

    while (soma_json_next(&it, &name, &choice) == SOMA_OK) {

        if (soma_json_get(choice.text, "usage", &usage) == SOMA_OK
            && usage.type == SOMA_JSON_OBJECT)
        {
            return soma_openai_events_counts(events, usage.text);
        }
    }

    return SOMA_OK;
}


/* reasoning is within the completion, but for one provider whose total tells
 * that it is not */

static int
soma_openai_events_counts(soma_events_t *events, soma_str_t object)
{
    int64_t            total, completion;
    soma_str_t         tier;
    soma_usage_t      *usage;
    soma_json_value_t  inner;

    usage = &events->usage;
    total = -1;
    completion = usage->output_tokens;

    soma_events_count(object, "prompt_tokens", &usage->input_tokens);
    soma_events_count(object, "completion_tokens", &completion);
    soma_events_count(object, "total_tokens", &total);
    soma_events_count(object, "prompt_cache_hit_tokens",
                      &usage->cached_tokens);
    soma_events_count(object, "cached_tokens", &usage->cached_tokens);
    soma_events_count(object, "num_cached_tokens", &usage->cached_tokens);
    soma_events_count(object, "num_search_queries", &usage->queries);

    if (soma_json_get(object, "prompt_tokens_details", &inner) == SOMA_OK) {
        soma_events_count(inner.text, "cached_tokens",
                          &usage->cached_tokens);
        soma_events_count(inner.text, "cache_write_tokens",
                          &usage->cache_write_tokens);
        soma_events_count(inner.text, "audio_tokens",
                          &usage->audio_input_tokens);
        soma_events_count(inner.text, "image_tokens",
                          &usage->image_input_tokens);
    }

    soma_events_count(object, "reasoning_tokens", &usage->reasoning_tokens);

    if (soma_json_get(object, "completion_tokens_details", &inner)
        == SOMA_OK)
    {
        soma_events_count(inner.text, "reasoning_tokens",
                          &usage->reasoning_tokens);
        soma_events_count(inner.text, "audio_tokens",
                          &usage->audio_output_tokens);
        soma_events_count(inner.text, "image_tokens",
                          &usage->image_output_tokens);
    }

    if (usage->reasoning_tokens > 0
        && total == usage->input_tokens + completion
                    + usage->reasoning_tokens)
    {
        completion += usage->reasoning_tokens;
    }

    usage->output_tokens = completion;

    tier = soma_events_inside(object, "service_tier");

    if (tier.len != 0) {
        usage->tier = soma_str_is(tier, "priority") ? SOMA_TIER_PRIORITY
                      : soma_str_is(tier, "flex") ? SOMA_TIER_FLEX
                      : SOMA_TIER_DEFAULT;
    }

    return soma_events_usage(events);
}
