
/*
 * Copyright (C) The ngx_soma authors
 *
 * Reads answers of the Responses API into the inner form: how they begin and
 * end.  What is said of their items is soma_openai_responses_items.c.
 */


#include "soma_openai_responses_write.h"


static int soma_openai_responses_events_last(
    soma_openai_responses_events_t *answer, soma_str_t response);
static int soma_openai_responses_events_counts(
    soma_openai_responses_events_t *answer, soma_str_t response);
static int soma_openai_responses_events_failed(
    soma_openai_responses_events_t *answer, soma_str_t holder);
static int soma_openai_responses_events_status(soma_str_t code);
static int soma_openai_responses_events_begun(
    soma_openai_responses_events_t *answer, soma_str_t response);


int
soma_openai_responses_events_event(soma_openai_responses_events_t *answer,
    soma_str_t data)
{
    soma_str_t         type;
    soma_json_iter_t   it;
    soma_json_value_t  response;

    data = soma_str_trim(data);

    if (soma_json_first(&it, data) != SOMA_OK || !it.object) {
        return SOMA_OK;
    }

    type = soma_events_inside(data, "type");

    if (soma_str_is(type, "error") || type.len == 0) {
        return soma_openai_responses_events_failed(answer, data);
    }

    if (soma_json_get(data, "response", &response) != SOMA_OK
        || response.type != SOMA_JSON_OBJECT)
    {
        return soma_openai_responses_items_event(answer, type, data);
    }

    if (soma_openai_responses_events_begun(answer, response.text) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (soma_str_is(type, "response.completed")
        || soma_str_is(type, "response.incomplete")
        || soma_str_is(type, "response.failed")
        || soma_str_is(type, "response.cancelled"))
    {
        return soma_openai_responses_events_last(answer, response.text);
    }

    return SOMA_OK;
}


int
soma_openai_responses_events_whole(soma_openai_responses_events_t *answer,
    soma_str_t body)
{
    uint32_t            i;
    soma_str_t          name;
    soma_json_iter_t    it;
    soma_json_value_t   output, item;

    if (soma_json_get(body, "output", &output) != SOMA_OK
        || output.type != SOMA_JSON_ARRAY
        || soma_json_first(&it, output.text) != SOMA_OK)
    {
        if (soma_openai_responses_events_failed(answer, body) != SOMA_OK) {
            return SOMA_ERROR;
        }

        return soma_events_failed(&answer->events, 502,
                                  SOMA_STR("api_error"), SOMA_STR(""),
                                  SOMA_STR("the provider's answer has no "
                                           "output"));
    }

    if (soma_openai_responses_events_begun(answer, body) != SOMA_OK) {
        return SOMA_ERROR;
    }

    for (i = 0; soma_json_next(&it, &name, &item) == SOMA_OK; i++) {

        if (item.type == SOMA_JSON_OBJECT
            && soma_openai_responses_items_whole(answer, i, item.text)
               != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    return soma_openai_responses_events_last(answer, body);
}


int
soma_openai_responses_events_end(soma_openai_responses_events_t *answer)
{
    return answer->events.over ? SOMA_OK : SOMA_DECLINED;
}


static int
soma_openai_responses_events_begun(soma_openai_responses_events_t *answer,
    soma_str_t response)
{
    soma_json_value_t  created;

    if (answer->events.created == 0
        && soma_json_get(response, "created_at", &created) == SOMA_OK)
    {
        (void) soma_json_int(&created, &answer->events.created);
    }

    return soma_events_about(&answer->events, response);
}


/* the usage, why it ended, and its end */

static int
soma_openai_responses_events_last(soma_openai_responses_events_t *answer,
    soma_str_t response)
{
    soma_str_t           status, reason;
    soma_events_t       *events;
    soma_json_value_t    details;
    soma_inner_finish_e  finish;

    events = &answer->events;

    if (soma_openai_responses_events_counts(answer, response) != SOMA_OK) {
        return SOMA_ERROR;
    }

    status = soma_events_inside(response, "status");

    if (soma_str_is(status, "failed") || soma_str_is(status, "cancelled")) {

        if (soma_openai_responses_events_failed(answer, response)
            != SOMA_OK)
        {
            return SOMA_ERROR;
        }

        return soma_events_failed(events, 502, SOMA_STR("server_error"),
                                  status, SOMA_STR("the provider did not "
                                                   "finish its answer"));
    }

    finish = answer->called ? SOMA_INNER_TOOL_CALLS : SOMA_INNER_STOP;

    if (soma_str_is(status, "incomplete")) {
        reason.len = 0;

        if (soma_json_get(response, "incomplete_details", &details)
            == SOMA_OK && details.type == SOMA_JSON_OBJECT)
        {
            reason = soma_events_inside(details.text, "reason");
        }

        finish = soma_str_is(reason, "content_filter") ? SOMA_INNER_FILTER
                                                       : SOMA_INNER_LENGTH;
    }

    if (soma_events_finish(events, 0, finish, (soma_str_t) soma_str_null)
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    return soma_events_end(events);
}


static int
soma_openai_responses_events_counts(soma_openai_responses_events_t *answer,
    soma_str_t response)
{
    soma_str_t         tier;
    soma_usage_t      *usage;
    soma_json_value_t  counts, inner;

    usage = &answer->events.usage;

    tier = soma_events_inside(response, "service_tier");

    if (tier.len != 0) {
        usage->tier = soma_str_is(tier, "priority") ? SOMA_TIER_PRIORITY
                      : soma_str_is(tier, "flex") ? SOMA_TIER_FLEX
                      : SOMA_TIER_DEFAULT;
    }

    if (soma_json_get(response, "usage", &counts) != SOMA_OK
        || counts.type != SOMA_JSON_OBJECT)
    {
        return SOMA_OK;
    }

    soma_events_count(counts.text, "input_tokens", &usage->input_tokens);
    soma_events_count(counts.text, "output_tokens", &usage->output_tokens);

    if (soma_json_get(counts.text, "input_tokens_details", &inner)
        == SOMA_OK)
    {
        soma_events_count(inner.text, "cached_tokens",
                          &usage->cached_tokens);
        soma_events_count(inner.text, "cache_write_tokens",
                          &usage->cache_write_tokens);
    }

    if (soma_json_get(counts.text, "output_tokens_details", &inner)
        == SOMA_OK)
    {
        soma_events_count(inner.text, "reasoning_tokens",
                          &usage->reasoning_tokens);
    }

    return soma_events_usage(&answer->events);
}


/* an error in an object that has one, or is one; nothing where there is none */

static int
soma_openai_responses_events_failed(soma_openai_responses_events_t *answer,
    soma_str_t holder)
{
    soma_str_t         code, type;
    soma_json_value_t  error;

    if (soma_json_get(holder, "error", &error) == SOMA_OK
        && error.type == SOMA_JSON_OBJECT)
    {
        holder = error.text;

    } else if (soma_events_inside(holder, "message").len == 0) {
        return SOMA_OK;
    }

    code = soma_events_inside(holder, "code");
    type = soma_events_inside(holder, "type");

    return soma_events_failed(&answer->events,
                              soma_openai_responses_events_status(
                                                code.len ? code : type),
                              soma_str_is(type, "error")
                              ? SOMA_STR("server_error") : type,
                              code, soma_events_inside(holder, "message"));
}


static int
soma_openai_responses_events_status(soma_str_t code)
{
    size_t  i;

    static const struct {
        const char  *code;
        int          status;
    } codes[] = {
        { "rate_limit_exceeded",     429 },
        { "rate_limit_error",        429 },
        { "insufficient_quota",      429 },
        { "invalid_prompt",          400 },
        { "invalid_request_error",   400 },
        { "context_length_exceeded", 400 },
        { "content_filter",          400 },
        { "invalid_api_key",         401 },
        { "model_not_found",         404 },
        { "server_overloaded",       503 },
        { "overloaded",              503 },
        { "timeout",                 504 }
    };

    for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (soma_str_is(code, codes[i].code)) {
            return codes[i].status;
        }
    }

    return 500;
}
