
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_openai_events.h"
#include "soma_openai_responses_events.h"


static int soma_openai_responses_events_about(
    soma_openai_responses_events_t *answer, soma_str_t data);
static int soma_openai_responses_events_added(
    soma_openai_responses_events_t *answer, soma_str_t data);
static int soma_openai_responses_events_text(
    soma_openai_responses_events_t *answer, soma_str_t data);
static int soma_openai_responses_events_refusal(
    soma_openai_responses_events_t *answer, soma_str_t data);
static int soma_openai_responses_events_summary(
    soma_openai_responses_events_t *answer, soma_str_t data);
static int soma_openai_responses_events_plain(
    soma_openai_responses_events_t *answer, soma_str_t data);
static int soma_openai_responses_events_function(
    soma_openai_responses_events_t *answer, soma_str_t data);
static int soma_openai_responses_events_custom(
    soma_openai_responses_events_t *answer, soma_str_t data);
static int soma_openai_responses_events_cite(
    soma_openai_responses_events_t *answer, soma_str_t data);
static int soma_openai_responses_events_done(
    soma_openai_responses_events_t *answer, soma_str_t data);
static int soma_openai_responses_events_last(
    soma_openai_responses_events_t *answer, soma_str_t data);
static int soma_openai_responses_events_error(
    soma_openai_responses_events_t *answer, soma_str_t data);
static int soma_openai_responses_events_begun(
    soma_openai_responses_events_t *answer, soma_str_t response);
static int soma_openai_responses_events_output(
    soma_openai_responses_events_t *answer, soma_str_t response);
static int soma_openai_responses_events_response(
    soma_openai_responses_events_t *answer, soma_str_t response);
static int soma_openai_responses_events_failed(
    soma_openai_responses_events_t *answer, soma_str_t error);
static int soma_openai_responses_events_usage(
    soma_openai_responses_events_t *answer, soma_str_t response);
static uint32_t soma_openai_responses_events_number(soma_str_t data,
    const char *name);


int
soma_openai_responses_events_event(soma_openai_responses_events_t *answer,
    soma_str_t data)
{
    size_t      i;
    soma_str_t  type;

    static const struct {
        const char  *type;
        int        (*read)(soma_openai_responses_events_t *answer,
                        soma_str_t data);
    } events[] = {
        { "response.output_text.delta",
          soma_openai_responses_events_text },
        { "response.function_call_arguments.delta",
          soma_openai_responses_events_function },
        { "response.custom_tool_call_input.delta",
          soma_openai_responses_events_custom },
        { "response.reasoning_summary_text.delta",
          soma_openai_responses_events_summary },
        { "response.reasoning_text.delta",
          soma_openai_responses_events_plain },
        { "response.refusal.delta",
          soma_openai_responses_events_refusal },
        { "response.output_item.added",
          soma_openai_responses_events_added },
        { "response.output_item.done",
          soma_openai_responses_events_done },
        { "response.output_text.annotation.added",
          soma_openai_responses_events_cite },
        { "response.created",
          soma_openai_responses_events_about },
        { "response.in_progress",
          soma_openai_responses_events_about },
        { "response.completed",
          soma_openai_responses_events_last },
        { "response.incomplete",
          soma_openai_responses_events_last },
        { "response.failed",
          soma_openai_responses_events_last },
        { "response.cancelled",
          soma_openai_responses_events_last },
        { "error",
          soma_openai_responses_events_error }
    };

    soma_events_ready(&answer->events);
    type = soma_events_inside(data, "type");

    for (i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        if (soma_str_is(type, events[i].type)) {
            return events[i].read(answer, data);
        }
    }

    /* an error that is no event, as proxies write them */

    if (type.len == 0) {
        return soma_openai_responses_events_error(answer, data);
    }

    /* what is left says again what was said, or nothing to others */

    return SOMA_OK;
}


int
soma_openai_responses_events_whole(soma_openai_responses_events_t *answer,
    soma_str_t body)
{
    soma_json_value_t  output;

    soma_events_ready(&answer->events);

    if (soma_json_get(body, "output", &output) != SOMA_OK
        || output.type != SOMA_JSON_ARRAY)
    {
        if (soma_openai_responses_events_error(answer, body) != SOMA_OK) {
            return SOMA_ERROR;
        }

        return answer->events.over
               ? SOMA_OK
               : soma_events_failed(&answer->events, 502,
                                    SOMA_STR("api_error"), SOMA_STR(""),
                                    SOMA_STR("the provider's answer is no "
                                             "response"));
    }

    return soma_openai_responses_events_response(answer, body);
}


int
soma_openai_responses_events_end(soma_openai_responses_events_t *answer)
{
    return answer->events.over ? SOMA_OK : SOMA_DECLINED;
}


static int
soma_openai_responses_events_about(soma_openai_responses_events_t *answer,
    soma_str_t data)
{
    soma_json_value_t  response;

    return (soma_json_get(data, "response", &response) == SOMA_OK
            && response.type == SOMA_JSON_OBJECT)
           ? soma_openai_responses_events_begun(answer, response.text)
           : SOMA_OK;
}


static int
soma_openai_responses_events_begun(soma_openai_responses_events_t *answer,
    soma_str_t response)
{
    soma_json_value_t  value;

    if (answer->events.created == 0
        && soma_json_get(response, "created_at", &value) == SOMA_OK)
    {
        (void) soma_json_int(&value, &answer->events.created);
    }

    return soma_events_about(&answer->events, response);
}


static uint32_t
soma_openai_responses_events_number(soma_str_t data, const char *name)
{
    int64_t  n;

    n = 0;
    soma_events_count(data, name, &n);

    return (n < SOMA_OPENAI_RESPONSES_EACH) ? (uint32_t) n
                                            : SOMA_OPENAI_RESPONSES_EACH - 1;
}


static int
soma_openai_responses_events_text(soma_openai_responses_events_t *answer,
    soma_str_t data)
{
    if (soma_openai_responses_events_words(answer, SOMA_INNER_TEXT,
                 soma_openai_responses_events_number(data, "output_index"),
                 soma_openai_responses_events_number(data, "content_index"),
                 soma_events_inside(data, "delta"))
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    return soma_openai_responses_events_probs(answer, data);
}


static int
soma_openai_responses_events_refusal(soma_openai_responses_events_t *answer,
    soma_str_t data)
{
    return soma_openai_responses_events_words(answer, SOMA_INNER_REFUSAL,
                 soma_openai_responses_events_number(data, "output_index"),
                 soma_openai_responses_events_number(data, "content_index"),
                 soma_events_inside(data, "delta"));
}


static int
soma_openai_responses_events_summary(soma_openai_responses_events_t *answer,
    soma_str_t data)
{
    return soma_openai_responses_events_thought(answer,
                 soma_openai_responses_events_number(data, "output_index"),
                 soma_openai_responses_events_number(data, "summary_index"),
                 1, soma_events_inside(data, "delta"));
}


static int
soma_openai_responses_events_plain(soma_openai_responses_events_t *answer,
    soma_str_t data)
{
    return soma_openai_responses_events_thought(answer,
                 soma_openai_responses_events_number(data, "output_index"),
                 soma_openai_responses_events_number(data, "content_index"),
                 0, soma_events_inside(data, "delta"));
}


/* calls begin with it, all others when they have something to say */

static int
soma_openai_responses_events_added(soma_openai_responses_events_t *answer,
    soma_str_t data)
{
    uint32_t             index;
    soma_str_t           type;
    soma_inner_tool_e    tool;
    soma_json_value_t    item;
    soma_events_open_t  *open;

    if (soma_json_get(data, "item", &item) != SOMA_OK
        || item.type != SOMA_JSON_OBJECT)
    {
        return SOMA_OK;
    }

    index = soma_openai_responses_events_number(data, "output_index");
    type = soma_events_inside(item.text, "type");

    if (soma_str_is(type, "function_call")) {
        tool = SOMA_INNER_FUNCTION;

    } else if (soma_str_is(type, "custom_tool_call")) {
        tool = SOMA_INNER_CUSTOM;

    } else {
        return SOMA_OK;
    }

    return soma_openai_responses_events_call(answer, index, tool, item.text,
                                             &open);
}


static int
soma_openai_responses_events_function(soma_openai_responses_events_t *answer,
    soma_str_t data)
{
    uint32_t             index;
    soma_events_open_t  *open;

    index = soma_openai_responses_events_number(data, "output_index");

    if (soma_openai_responses_events_call(answer, index, SOMA_INNER_FUNCTION,
                                          SOMA_STR("{}"), &open)
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (open == NULL) {
        return SOMA_OK;
    }

    answer->said[index / 64] |= (uint64_t) 1 << (index % 64);

    return soma_events_text(&answer->events, open,
                            soma_events_inside(data, "delta"));
}


static int
soma_openai_responses_events_custom(soma_openai_responses_events_t *answer,
    soma_str_t data)
{
    uint32_t             index;
    soma_events_open_t  *open;

    index = soma_openai_responses_events_number(data, "output_index");

    if (soma_openai_responses_events_call(answer, index, SOMA_INNER_CUSTOM,
                                          SOMA_STR("{}"), &open)
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (open == NULL) {
        return SOMA_OK;
    }

    answer->said[index / 64] |= (uint64_t) 1 << (index % 64);

    return soma_events_text(&answer->events, open,
                            soma_events_inside(data, "delta"));
}


static int
soma_openai_responses_events_cite(soma_openai_responses_events_t *answer,
    soma_str_t data)
{
    uint32_t             index, part;
    soma_json_value_t    note;
    soma_events_open_t  *open;

    index = soma_openai_responses_events_number(data, "output_index");
    part = soma_openai_responses_events_number(data, "content_index");

    open = soma_events_find(&answer->events, 0, SOMA_INNER_TEXT,
                            index * SOMA_OPENAI_RESPONSES_EACH + part);

    if (open == NULL || soma_json_get(data, "annotation", &note) != SOMA_OK) {
        return SOMA_OK;
    }

    return soma_openai_responses_events_note(answer, open, note.text);
}


static int
soma_openai_responses_events_done(soma_openai_responses_events_t *answer,
    soma_str_t data)
{
    soma_json_value_t  item;

    if (soma_json_get(data, "item", &item) != SOMA_OK
        || item.type != SOMA_JSON_OBJECT)
    {
        return SOMA_OK;
    }

    return soma_openai_responses_events_item(answer,
                  soma_openai_responses_events_number(data, "output_index"),
                  item.text);
}


static int
soma_openai_responses_events_last(soma_openai_responses_events_t *answer,
    soma_str_t data)
{
    soma_json_value_t  response;

    if (soma_json_get(data, "response", &response) != SOMA_OK
        || response.type != SOMA_JSON_OBJECT)
    {
        response.text = data;
    }

    return soma_openai_responses_events_response(answer, response.text);
}


/* all of it, as far as it was not said before */

static int
soma_openai_responses_events_response(soma_openai_responses_events_t *answer,
    soma_str_t response)
{
    soma_str_t           status, reason;
    soma_json_value_t    value;
    soma_inner_finish_e  finish;

    if (soma_openai_responses_events_begun(answer, response) != SOMA_OK
        || soma_openai_responses_events_output(answer, response) != SOMA_OK
        || soma_openai_responses_events_usage(answer, response) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    status = soma_events_inside(response, "status");

    if (soma_str_is(status, "failed") || soma_str_is(status, "cancelled")) {

        return soma_openai_responses_events_failed(answer,
                             soma_json_get(response, "error", &value)
                             == SOMA_OK && value.type == SOMA_JSON_OBJECT
                             ? value.text : SOMA_STR("{}"));
    }

    finish = answer->calls ? SOMA_INNER_TOOL_CALLS : SOMA_INNER_STOP;

    if (soma_str_is(status, "incomplete")) {

        reason.len = 0;

        if (soma_json_get(response, "incomplete_details", &value) == SOMA_OK)
        {
            reason = soma_events_inside(value.text, "reason");
        }

        finish = soma_str_is(reason, "content_filter") ? SOMA_INNER_FILTER
                                                       : SOMA_INNER_LENGTH;
    }

    if (soma_events_finish(&answer->events, 0, finish,
                           (soma_str_t) soma_str_null)
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    return soma_events_end(&answer->events);
}


static int
soma_openai_responses_events_output(soma_openai_responses_events_t *answer,
    soma_str_t response)
{
    uint32_t           index;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  output, item;

    if (soma_json_get(response, "output", &output) != SOMA_OK
        || soma_json_first(&it, output.text) != SOMA_OK || it.object)
    {
        return SOMA_OK;
    }

    for (index = 0; soma_json_next(&it, &name, &item) == SOMA_OK; index++) {

        if (item.type == SOMA_JSON_OBJECT
            && index < SOMA_OPENAI_RESPONSES_ITEMS
            && soma_openai_responses_events_item(answer, index, item.text)
               != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    if (index > SOMA_OPENAI_RESPONSES_ITEMS) {
        return soma_events_failed(&answer->events, 502, SOMA_STR("api_error"),
                                  SOMA_STR(""),
                                  SOMA_STR("the provider's answer has more "
                                           "than 1024 items"));
    }

    return SOMA_OK;
}


/* {"type": "error", "code", "message"}, or both within "error" */

static int
soma_openai_responses_events_error(soma_openai_responses_events_t *answer,
    soma_str_t data)
{
    soma_json_value_t  error;

    if (soma_json_get(data, "error", &error) == SOMA_OK
        && (error.type == SOMA_JSON_OBJECT || error.type == SOMA_JSON_STRING))
    {
        return soma_openai_events_error(&answer->events, data);
    }

    return soma_str_is(soma_events_inside(data, "type"), "error")
           ? soma_openai_responses_events_failed(answer, data) : SOMA_OK;
}


static int
soma_openai_responses_events_failed(soma_openai_responses_events_t *answer,
    soma_str_t error)
{
    soma_str_t  type, code, text;

    type = soma_events_inside(error, "type");
    code = soma_events_inside(error, "code");
    text = soma_events_inside(error, "message");

    if (text.len == 0) {
        text = SOMA_STR("the provider could not finish its answer");
    }

    if (type.len == 0 || soma_str_is(type, "error")) {
        type = SOMA_STR("server_error");
    }

    return soma_events_failed(&answer->events,
                              soma_openai_events_status(type, code, error),
                              type, code, text);
}


static int
soma_openai_responses_events_usage(soma_openai_responses_events_t *answer,
    soma_str_t response)
{
    soma_str_t         tier;
    soma_usage_t      *usage;
    soma_json_value_t  object, inner;

    if (soma_json_get(response, "usage", &object) != SOMA_OK
        || object.type != SOMA_JSON_OBJECT)
    {
        return SOMA_OK;
    }

    usage = &answer->events.usage;

    soma_events_count(object.text, "input_tokens", &usage->input_tokens);
    soma_events_count(object.text, "output_tokens", &usage->output_tokens);

    if (soma_json_get(object.text, "input_tokens_details", &inner) == SOMA_OK)
    {
        soma_events_count(inner.text, "cached_tokens",
                          &usage->cached_tokens);
        soma_events_count(inner.text, "cache_write_tokens",
                          &usage->cache_write_tokens);
    }

    if (soma_json_get(object.text, "output_tokens_details", &inner)
        == SOMA_OK)
    {
        soma_events_count(inner.text, "reasoning_tokens",
                          &usage->reasoning_tokens);
    }

    tier = soma_events_inside(response, "service_tier");

    if (tier.len != 0) {
        usage->tier = soma_str_is(tier, "priority") ? SOMA_TIER_PRIORITY
                      : soma_str_is(tier, "flex") ? SOMA_TIER_FLEX
                      : SOMA_TIER_DEFAULT;
    }

    return soma_events_usage(&answer->events);
}
