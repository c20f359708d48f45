
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_cohere_events.h"


#define SOMA_COHERE_STATUS  502         /* of an error that tells none */


static int soma_cohere_events_error(soma_events_t *events, soma_str_t text);
static int soma_cohere_events_message(soma_cohere_events_t *answer,
    soma_str_t message);
static int soma_cohere_events_contents(soma_events_t *events,
    soma_str_t contents);
static int soma_cohere_events_content(soma_events_t *events, uint32_t key,
    soma_str_t content);
static int soma_cohere_events_words(soma_events_t *events,
    soma_inner_kind_e kind, uint32_t key, soma_str_t text);
static int soma_cohere_events_call(soma_cohere_events_t *answer, uint32_t key,
    soma_str_t call);
static int soma_cohere_events_more(soma_events_t *events, uint32_t key,
    soma_str_t call);
static int soma_cohere_events_close(soma_events_t *events, unsigned kinds,
    uint32_t key);
static int soma_cohere_events_done(soma_cohere_events_t *answer,
    soma_str_t end);
static soma_inner_finish_e soma_cohere_events_finish(soma_str_t reason);


#define SOMA_COHERE_WORDS                                                     \
    (1u << SOMA_INNER_TEXT | 1u << SOMA_INNER_REASONING)
#define SOMA_COHERE_ALL  (SOMA_COHERE_WORDS | 1u << SOMA_INNER_CALL)


int
soma_cohere_events_event(soma_cohere_events_t *answer, soma_str_t data)
{
    int64_t             index;
    uint32_t            key;
    soma_str_t          type, message;
    soma_events_t      *events;
    soma_json_value_t   delta, value;

    events = &answer->events;
    data = soma_str_trim(data);
    type = soma_events_inside(data, "type");

    if (events->over || type.len == 0) {
        return SOMA_OK;
    }

    index = 0;
    soma_events_count(data, "index", &index);
    key = (uint32_t) (index & 0xffff);

    if (soma_json_get(data, "delta", &delta) != SOMA_OK
        || delta.type != SOMA_JSON_OBJECT)
    {
        delta.text = SOMA_STR("{}");
    }

    message = SOMA_STR("{}");

    if (soma_json_get(delta.text, "message", &value) == SOMA_OK
        && value.type == SOMA_JSON_OBJECT)
    {
        message = value.text;
    }

    if (soma_str_is(type, "message-start")) {
        return soma_events_about(events, data);
    }

    if (soma_str_is(type, "message-end")) {
        return soma_cohere_events_done(answer, delta.text);
    }

    if (soma_str_is(type, "content-end")) {
        return soma_cohere_events_close(events, SOMA_COHERE_WORDS, key);
    }

    if (soma_str_is(type, "tool-call-end")) {
        return soma_cohere_events_close(events, 1u << SOMA_INNER_CALL, key);
    }

    if (soma_str_is(type, "tool-plan-delta")) {
        return soma_cohere_events_words(events, SOMA_INNER_REASONING,
                                        SOMA_EVENTS_NO_KEY,
                                        soma_events_inside(message,
                                                           "tool_plan"));
    }

    if (soma_str_is(type, "content-start")
        || soma_str_is(type, "content-delta"))
    {
        return (soma_json_get(message, "content", &value) == SOMA_OK
                && value.type == SOMA_JSON_OBJECT)
               ? soma_cohere_events_content(events, key, value.text)
               : SOMA_OK;
    }

    if (soma_json_get(message, "tool_calls", &value) != SOMA_OK
        || value.type != SOMA_JSON_OBJECT)
    {
        return SOMA_OK;
    }

    return soma_str_is(type, "tool-call-start")
           ? soma_cohere_events_call(answer, key, value.text)
           : soma_str_is(type, "tool-call-delta")
           ? soma_cohere_events_more(events, key, value.text) : SOMA_OK;
}


int
soma_cohere_events_whole(soma_cohere_events_t *answer, soma_str_t body)
{
    soma_str_t          text;
    soma_events_t      *events;
    soma_json_value_t   message;

    events = &answer->events;
    body = soma_str_trim(body);

    if (soma_cohere_events_refused(events, body) != SOMA_OK) {
        return SOMA_ERROR;
    }

    if (soma_json_get(body, "message", &message) != SOMA_OK
        || message.type != SOMA_JSON_OBJECT)
    {
        text = SOMA_STR("the provider's answer has no message");
        return soma_cohere_events_error(events, text);
    }

    if (soma_events_about(events, body) != SOMA_OK
        || soma_cohere_events_message(answer, message.text) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    return soma_cohere_events_done(answer, body);
}


/* one string is all of an error */

int
soma_cohere_events_refused(soma_events_t *events, soma_str_t body)
{
    soma_json_value_t  message;

    return (soma_json_get(body, "message", &message) == SOMA_OK
            && message.type == SOMA_JSON_STRING)
           ? soma_cohere_events_error(events,
                                      soma_events_inside(body, "message"))
           : SOMA_OK;
}


/* a stream that has come to its end has said so */

int
soma_cohere_events_end(soma_cohere_events_t *answer)
{
    return answer->events.over ? SOMA_OK : SOMA_DECLINED;
}


static int
soma_cohere_events_error(soma_events_t *events, soma_str_t text)
{
    return soma_events_failed(events, SOMA_COHERE_STATUS,
                              SOMA_STR("api_error"), SOMA_STR(""), text);
}


/* the plan is what the model thinks before the calls: "chain-of-thought style",
 * says Cohere's reference, and not for who asked */

static int
soma_cohere_events_message(soma_cohere_events_t *answer, soma_str_t message)
{
    uint32_t            key;
    soma_str_t          name;
    soma_events_t      *events;
    soma_json_iter_t    it;
    soma_json_value_t   value, call;

    events = &answer->events;

    if (soma_json_get(message, "content", &value) == SOMA_OK
        && value.type == SOMA_JSON_ARRAY
        && soma_cohere_events_contents(events, value.text) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (soma_cohere_events_words(events, SOMA_INNER_REASONING,
                                 SOMA_EVENTS_NO_KEY,
                                 soma_events_inside(message, "tool_plan"))
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (soma_json_get(message, "tool_calls", &value) != SOMA_OK
        || soma_json_first(&it, value.text) != SOMA_OK || it.object)
    {
        return SOMA_OK;
    }

    for (key = 0; soma_json_next(&it, &name, &call) == SOMA_OK; key++) {

        if (call.type != SOMA_JSON_OBJECT) {
            continue;
        }

        if (soma_cohere_events_call(answer, key, call.text) != SOMA_OK
            || soma_cohere_events_close(events, SOMA_COHERE_ALL, key)
               != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    return SOMA_OK;
}


static int
soma_cohere_events_contents(soma_events_t *events, soma_str_t contents)
{
    uint32_t           key;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  content;

    if (soma_json_first(&it, contents) != SOMA_OK) {
        return SOMA_OK;
    }

    for (key = 0; soma_json_next(&it, &name, &content) == SOMA_OK; key++) {

        if (content.type != SOMA_JSON_OBJECT) {
            continue;
        }

        if (soma_cohere_events_content(events, key, content.text) != SOMA_OK
            || soma_cohere_events_close(events, SOMA_COHERE_WORDS, key)
               != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    return SOMA_OK;
}


static int
soma_cohere_events_content(soma_events_t *events, uint32_t key,
    soma_str_t content)
{
    if (soma_cohere_events_words(events, SOMA_INNER_REASONING, key,
                                 soma_events_inside(content, "thinking"))
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    return soma_cohere_events_words(events, SOMA_INNER_TEXT, key,
                                    soma_events_inside(content, "text"));
}


/* a block begins with its first word: most are announced by an empty one */

static int
soma_cohere_events_words(soma_events_t *events, soma_inner_kind_e kind,
    uint32_t key, soma_str_t text)
{
    soma_events_open_t  *open;

    if (text.len == 0 || events->over) {
        return SOMA_OK;
    }

    open = soma_events_find(events, 0, kind, key);

    if (open == NULL
        && soma_events_begin(events, 0, kind, key, &open) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    return (open == NULL) ? SOMA_OK : soma_events_text(events, open, text);
}


/* what the plan said has ended, then */

static int
soma_cohere_events_call(soma_cohere_events_t *answer, uint32_t key,
    soma_str_t call)
{
    soma_str_t           id, name;
    soma_events_t       *events;
    soma_json_value_t    function;
    soma_events_open_t  *open;

    events = &answer->events;

    if (soma_json_get(call, "function", &function) != SOMA_OK
        || function.type != SOMA_JSON_OBJECT)
    {
        return SOMA_OK;
    }

    if (soma_cohere_events_close(events, SOMA_COHERE_WORDS,
                                 SOMA_EVENTS_NO_KEY)
        != SOMA_OK
        || soma_events_decoded(events, call, "id", &id) != SOMA_OK
        || soma_events_decoded(events, function.text, "name", &name)
           != SOMA_OK
        || soma_events_begin(events, 0, SOMA_INNER_CALL, key, &open)
           != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (open == NULL) {
        return SOMA_OK;
    }

    answer->called = 1;

    if (soma_events_name(events, open, id, name) != SOMA_OK) {
        return SOMA_ERROR;
    }

    return soma_cohere_events_more(events, key, call);
}


static int
soma_cohere_events_more(soma_events_t *events, uint32_t key, soma_str_t call)
{
    soma_str_t           text;
    soma_json_value_t    function;
    soma_events_open_t  *open;

    if (events->over
        || soma_json_get(call, "function", &function) != SOMA_OK
        || function.type != SOMA_JSON_OBJECT)
    {
        return SOMA_OK;
    }

    text = soma_events_inside(function.text, "arguments");
    open = soma_events_find(events, 0, SOMA_INNER_CALL, key);

    return (open == NULL || text.len == 0)
           ? SOMA_OK : soma_events_text(events, open, text);
}


static int
soma_cohere_events_close(soma_events_t *events, unsigned kinds, uint32_t key)
{
    unsigned             kind;
    soma_events_open_t  *open;

    for (kind = 0; kinds >> kind; kind++) {

        if (events->over || !(kinds >> kind & 1)) {
            continue;
        }

        open = soma_events_find(events, 0, (soma_inner_kind_e) kind, key);

        if (open != NULL && soma_events_close(events, open) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    return SOMA_OK;
}


/* of an answer, or of its last event: finish and usage */

static int
soma_cohere_events_done(soma_cohere_events_t *answer, soma_str_t end)
{
    soma_str_t            error, reason;
    soma_events_t        *events;
    soma_inner_finish_e   finish;

    events = &answer->events;
    error = soma_events_inside(end, "error");
    reason = soma_events_inside(end, "finish_reason");

    if (soma_cohere_events_usage(events, end, "usage") != SOMA_OK) {
        return SOMA_ERROR;
    }

    if (error.len != 0) {
        return soma_cohere_events_error(events, error);
    }

    if (soma_str_is(reason, "TIMEOUT")) {
        return soma_events_failed(events, 504, SOMA_STR("timeout"),
                                  SOMA_STR(""),
                                  SOMA_STR("the provider's own time for the "
                                           "answer was over"));
    }

    while (events->open != NULL) {
        if (soma_events_close(events, events->open) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    finish = soma_cohere_events_finish(reason);

    if (answer->called && finish == SOMA_INNER_STOP) {
        finish = SOMA_INNER_TOOL_CALLS;
    }

    if (soma_events_finish(events, 0, finish, (soma_str_t) soma_str_null)
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    return soma_events_end(events);
}


static soma_inner_finish_e
soma_cohere_events_finish(soma_str_t reason)
{
    size_t  i;

    static const struct {
        soma_str_t           reason;
        soma_inner_finish_e  finish;
    } finishes[] = {
        { soma_string("COMPLETE"),      SOMA_INNER_STOP },
        { soma_string("STOP_SEQUENCE"), SOMA_INNER_STOP_SEQUENCE },
        { soma_string("MAX_TOKENS"),    SOMA_INNER_LENGTH },
        { soma_string("TOOL_CALL"),     SOMA_INNER_TOOL_CALLS },
        { soma_string("ERROR_TOXIC"),   SOMA_INNER_FILTER },
        { soma_string("ERROR"),         SOMA_INNER_FILTER }
    };

    for (i = 0; i < sizeof(finishes) / sizeof(finishes[0]); i++) {
        if (soma_str_eq(reason, finishes[i].reason)) {
            return finishes[i].finish;
        }
    }

    return SOMA_INNER_OTHER;
}


/* what is billed stands in for it where a server says no more */

int
soma_cohere_events_usage(soma_events_t *events, soma_str_t end,
    const char *name)
{
    int64_t            input, output;
    soma_json_value_t  usage, tokens;

    if (soma_json_get(end, name, &usage) != SOMA_OK
        || usage.type != SOMA_JSON_OBJECT)
    {
        return SOMA_OK;
    }

    if ((soma_json_get(usage.text, "tokens", &tokens) != SOMA_OK
         || tokens.type != SOMA_JSON_OBJECT)
        && (soma_json_get(usage.text, "billed_units", &tokens) != SOMA_OK
            || tokens.type != SOMA_JSON_OBJECT))
    {
        return SOMA_OK;
    }

    input = 0;
    output = 0;
    soma_events_count(tokens.text, "input_tokens", &input);
    soma_events_count(tokens.text, "output_tokens", &output);

    events->usage.input_tokens = input;
    events->usage.output_tokens = output;
    soma_events_count(usage.text, "cached_tokens",
                      &events->usage.cached_tokens);
    soma_events_count(tokens.text, "reasoning_tokens",
                      &events->usage.reasoning_tokens);

    if (events->usage.cached_tokens > input) {
        events->usage.cached_tokens = input;
    }

    if (events->usage.reasoning_tokens > output) {
        events->usage.reasoning_tokens = output;
    }

    return soma_events_usage(events);
}
