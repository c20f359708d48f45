
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_openai_events.h"


static soma_inner_finish_e soma_openai_events_reason(soma_str_t reason);
static int soma_openai_events_chunk(soma_openai_events_t *answer,
    soma_str_t chunk, const char *member);
static int soma_openai_events_choice(soma_events_t *events,
    soma_str_t choice, const char *member);
static int soma_openai_events_message(soma_events_t *events, unsigned index,
    soma_str_t message);
static int soma_openai_events_content(soma_events_t *events, unsigned index,
    soma_str_t message);
static int soma_openai_events_part(soma_events_t *events, unsigned index,
    soma_str_t part);
static int soma_openai_events_thought(soma_events_t *events, unsigned index,
    soma_str_t message);
static int soma_openai_events_words(soma_events_t *events, unsigned index,
    soma_inner_kind_e kind, soma_str_t text);
static int soma_openai_events_cites(soma_events_t *events, unsigned index,
    soma_str_t message);
static int soma_openai_events_probs(soma_events_t *events, unsigned index,
    soma_str_t choice);
static int soma_openai_events_finish(soma_events_t *events, unsigned index,
    soma_str_t choice);


int
soma_openai_events_event(soma_openai_events_t *answer, soma_str_t data)
{
    soma_json_iter_t  it;

    data = soma_str_trim(data);

    if (soma_str_is(data, "[DONE]")) {
        return soma_events_end(&answer->events);
    }

    if (soma_json_first(&it, data) != SOMA_OK || !it.object) {
        return SOMA_OK;
    }

    return soma_openai_events_chunk(answer, data, "delta");
}


int
soma_openai_events_whole(soma_openai_events_t *answer, soma_str_t body)
{
    soma_events_t      *events;
    soma_json_value_t   choices;

    events = &answer->events;

    if (soma_openai_events_error(events, body) != SOMA_OK) {
        return SOMA_ERROR;
    }

    if (events->over) {
        return SOMA_OK;
    }

    if (soma_json_get(body, "choices", &choices) != SOMA_OK
        || choices.type != SOMA_JSON_ARRAY)
    {
        return soma_events_failed(events, 502, SOMA_STR("api_error"),
                                  SOMA_STR(""),
                                  SOMA_STR("the provider's answer has no "
                                           "choices"));
    }

    if (soma_openai_events_chunk(answer, body, "message") != SOMA_OK) {
        return SOMA_ERROR;
    }

    return soma_events_end(events);
}


int
soma_openai_events_end(soma_openai_events_t *answer)
{
    unsigned        i;
    soma_events_t  *events;

    events = &answer->events;

    if (events->over) {
        return SOMA_OK;
    }

    for (i = 0; i < events->choices; i++) {
        if (!(events->finished[i / 64] >> (i % 64) & 1)) {
            return SOMA_DECLINED;
        }
    }

    return (i != 0) ? soma_events_end(events) : SOMA_DECLINED;
}


static int
soma_openai_events_chunk(soma_openai_events_t *answer, soma_str_t chunk,
    const char *member)
{
    soma_str_t          name;
    soma_events_t      *events;
    soma_json_iter_t    it;
    soma_json_value_t   choices, choice;

    events = &answer->events;

    if (soma_openai_events_error(events, chunk) != SOMA_OK
        || soma_events_about(events, chunk) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (soma_json_get(chunk, "choices", &choices) == SOMA_OK
        && soma_json_first(&it, choices.text) == SOMA_OK && !it.object)
    {
        while (soma_json_next(&it, &name, &choice) == SOMA_OK) {

            if (choice.type == SOMA_JSON_OBJECT
                && soma_openai_events_choice(events, choice.text, member)
                   != SOMA_OK)
            {
                return SOMA_ERROR;
            }
        }
    }

    return soma_openai_events_usage(events, chunk);
}


/* some say "message" in a stream, too; beside a delta it repeats all of it */

static int
soma_openai_events_choice(soma_events_t *events, soma_str_t choice,
    const char *member)
{
    int64_t            index;
    soma_json_value_t  message;

    index = 0;
    soma_events_count(choice, "index", &index);

    if (index >= SOMA_INNER_CHOICES_MAX) {
        index = SOMA_INNER_CHOICES_MAX;
    }

    if (soma_json_get(choice, member, &message) != SOMA_OK
        || message.type != SOMA_JSON_OBJECT)
    {
        if (soma_json_get(choice, "message", &message) != SOMA_OK) {
            message.type = SOMA_JSON_NULL;
        }
    }

    if (message.type == SOMA_JSON_OBJECT
        && soma_openai_events_message(events, (unsigned) index, message.text)
           != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (soma_openai_events_probs(events, (unsigned) index, choice) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    return soma_openai_events_finish(events, (unsigned) index, choice);
}


static int
soma_openai_events_message(soma_events_t *events, unsigned index,
    soma_str_t message)
{
    if (soma_openai_events_thought(events, index, message) != SOMA_OK
        || soma_openai_events_details(events, index, message) != SOMA_OK
        || soma_openai_events_content(events, index, message) != SOMA_OK
        || soma_openai_events_words(events, index, SOMA_INNER_REFUSAL,
                                    soma_events_inside(message, "refusal"))
           != SOMA_OK
        || soma_openai_events_cites(events, index, message) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    return soma_openai_events_calls(events, index, message);
}


/* one string, or parts as Mistral has them */

static int
soma_openai_events_content(soma_events_t *events, unsigned index,
    soma_str_t message)
{
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  content, part;

    if (soma_json_get(message, "content", &content) != SOMA_OK) {
        return SOMA_OK;
    }

    if (content.type == SOMA_JSON_STRING) {
        return soma_openai_events_words(events, index, SOMA_INNER_TEXT,
                                        soma_events_inside(message,
                                                           "content"));
    }

    if (soma_json_first(&it, content.text) != SOMA_OK || it.object) {
        return SOMA_OK;
    }

    while (soma_json_next(&it, &name, &part) == SOMA_OK) {
        if (soma_openai_events_part(events, index, part.text) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    return SOMA_OK;
}


static int
soma_openai_events_part(soma_events_t *events, unsigned index,
    soma_str_t part)
{
    soma_str_t         type, name;
    soma_json_iter_t   it;
    soma_json_value_t  thinking, inner;

    type = soma_events_inside(part, "type");

    if (soma_str_is(type, "text")) {
        return soma_openai_events_words(events, index, SOMA_INNER_TEXT,
                                        soma_events_inside(part, "text"));
    }

    if (soma_str_is(type, "refusal")) {
        return soma_openai_events_words(events, index, SOMA_INNER_REFUSAL,
                                        soma_events_inside(part, "refusal"));
    }

    if (!soma_str_is(type, "thinking")
        || soma_json_get(part, "thinking", &thinking) != SOMA_OK)
    {
        return SOMA_OK;
    }

    if (thinking.type == SOMA_JSON_STRING) {
        return soma_openai_events_words(events, index, SOMA_INNER_REASONING,
                                        soma_events_inside(part,
                                                           "thinking"));
    }

    if (soma_json_first(&it, thinking.text) != SOMA_OK || it.object) {
        return SOMA_OK;
    }

    while (soma_json_next(&it, &name, &inner) == SOMA_OK) {
        if (soma_openai_events_words(events, index, SOMA_INNER_REASONING,
                                     soma_events_inside(inner.text, "text"))
            != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    return SOMA_OK;
}


/* those that have both names say the same under each */

static int
soma_openai_events_thought(soma_events_t *events, unsigned index,
    soma_str_t message)
{
    soma_str_t         text, name;
    soma_json_iter_t   it;
    soma_json_value_t  details, detail;

    text = soma_events_inside(message, "reasoning_content");

    if (text.len == 0) {
        text = soma_events_inside(message, "reasoning");
    }

    if (text.len == 0
        && soma_json_get(message, "reasoning_details", &details) == SOMA_OK
        && soma_json_first(&it, details.text) == SOMA_OK && !it.object)
    {
        while (soma_json_next(&it, &name, &detail) == SOMA_OK) {
            text = soma_events_inside(detail.text, "text");

            if (text.len == 0) {
                text = soma_events_inside(detail.text, "summary");
            }

            if (soma_openai_events_words(events, index, SOMA_INNER_REASONING,
                                         text)
                != SOMA_OK)
            {
                return SOMA_ERROR;
            }
        }

        return SOMA_OK;
    }

    return soma_openai_events_words(events, index, SOMA_INNER_REASONING,
                                    text);
}


/* words of one kind go on until words of another one or a call come */

static int
soma_openai_events_words(soma_events_t *events, unsigned index,
    soma_inner_kind_e kind, soma_str_t text)
{
    size_t               i;
    soma_events_open_t  *open;

    static const soma_inner_kind_e  kinds[] = {
        SOMA_INNER_TEXT, SOMA_INNER_REASONING, SOMA_INNER_REFUSAL
    };

    if (text.len == 0) {
        return SOMA_OK;
    }

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {

        if (kinds[i] == kind) {
            continue;
        }

        open = soma_events_find(events, index, kinds[i], SOMA_EVENTS_NO_KEY);

        if (open != NULL && soma_events_close(events, open) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    open = soma_events_find(events, index, kind, SOMA_EVENTS_NO_KEY);

    if (open == NULL
        && soma_events_begin(events, index, kind, SOMA_EVENTS_NO_KEY, &open)
           != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    return (open != NULL) ? soma_events_text(events, open, text) : SOMA_OK;
}


static int
soma_openai_events_cites(soma_events_t *events, unsigned index,
    soma_str_t message)
{
    soma_str_t           name;
    soma_json_iter_t     it;
    soma_inner_event_t   event;
    soma_json_value_t    notes, note;
    soma_events_open_t  *open;

    open = soma_events_find(events, index, SOMA_INNER_TEXT,
                            SOMA_EVENTS_NO_KEY);

    if (open == NULL
        || soma_json_get(message, "annotations", &notes) != SOMA_OK
        || soma_json_first(&it, notes.text) != SOMA_OK || it.object)
    {
        return SOMA_OK;
    }

    while (soma_json_next(&it, &name, &note) == SOMA_OK) {

        if (note.type != SOMA_JSON_OBJECT) {
            continue;
        }

        if (soma_mend_body(events->arena, &note.text) != SOMA_OK) {
            return SOMA_ERROR;
        }

        memset(&event, 0, sizeof(event));

        event.event = SOMA_INNER_CITATION;
        event.choice = index;
        event.block = open->block;
        event.kind = SOMA_INNER_TEXT;
        event.type = soma_events_inside(note.text, "type");
        event.raw = note.text;
        event.maker = SOMA_STR("openai");

        if (soma_events_emit(events, &event) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    return SOMA_OK;
}


static int
soma_openai_events_probs(soma_events_t *events, unsigned index,
    soma_str_t choice)
{
    soma_inner_event_t  event;
    soma_json_value_t   probs;

    if (index >= SOMA_INNER_CHOICES_MAX
        || soma_json_get(choice, "logprobs", &probs) != SOMA_OK
        || probs.type != SOMA_JSON_OBJECT)
    {
        return SOMA_OK;
    }

    if (soma_mend_body(events->arena, &probs.text) != SOMA_OK) {
        return SOMA_ERROR;
    }

    memset(&event, 0, sizeof(event));

    event.event = SOMA_INNER_PROBS;
    event.choice = index;
    event.raw = probs.text;

    return soma_events_emit(events, &event);
}


static int
soma_openai_events_finish(soma_events_t *events, unsigned index,
    soma_str_t choice)
{
    soma_str_t         reason;
    soma_json_value_t  value;

    if (soma_json_get(choice, "finish_reason", &value) != SOMA_OK
        || value.type != SOMA_JSON_STRING)
    {
        return SOMA_OK;
    }

    reason = soma_events_inside(choice, "finish_reason");

    if (soma_str_is(reason, "error")
        || soma_str_is(reason, "insufficient_system_resource"))
    {
        return soma_events_failed(events, 503, SOMA_STR("server_error"),
                                  reason, SOMA_STR("the provider could not "
                                                   "finish its answer"));
    }

    return soma_events_finish(events, index,
                              soma_openai_events_reason(reason),
                              (soma_str_t) soma_str_null);
}


static soma_inner_finish_e
soma_openai_events_reason(soma_str_t reason)
{
    size_t  i;

    static const struct {
        const char           *name;
        soma_inner_finish_e   finish;
    } reasons[] = {
        { "stop",           SOMA_INNER_STOP },
        { "",               SOMA_INNER_STOP },
        { "tool_calls",     SOMA_INNER_TOOL_CALLS },
        { "function_call",  SOMA_INNER_TOOL_CALLS },
        { "length",         SOMA_INNER_LENGTH },
        { "model_length",   SOMA_INNER_CONTEXT_FULL },
        { "content_filter", SOMA_INNER_FILTER }
    };

    for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (soma_str_is(reason, reasons[i].name)) {
            return reasons[i].finish;
        }
    }

    return SOMA_INNER_OTHER;
}


/* {"error": {...}}, {"error": "..."}, {"object": "error", ...} */

int
soma_openai_events_error(soma_events_t *events, soma_str_t chunk)
{
    soma_str_t         type, code, text;
    soma_json_value_t  error;

    if (soma_str_is(soma_events_inside(chunk, "object"), "error")) {
        error.text = chunk;
        error.type = SOMA_JSON_OBJECT;

    } else if (soma_json_get(chunk, "error", &error) != SOMA_OK
               || (error.type != SOMA_JSON_OBJECT
                   && error.type != SOMA_JSON_STRING))
    {
        return SOMA_OK;
    }

    type.len = 0;
    code.len = 0;

    if (error.type == SOMA_JSON_OBJECT) {
        type = soma_events_inside(error.text, "type");
        code = soma_events_inside(error.text, "code");
        text = soma_events_inside(error.text, "message");

    } else {
        text = soma_events_inside(chunk, "error");
    }

    return soma_events_failed(events,
                              soma_openai_events_status(type, code,
                                                        error.text),
                              type, code, text);
}


/* by a code that is a status, or by what it is called */

int
soma_openai_events_status(soma_str_t type, soma_str_t code, soma_str_t error)
{
    size_t             i;
    int64_t            status;
    soma_json_value_t  value;

    static const struct {
        const char  *name;
        int          status;
    } names[] = {
        { "insufficient_quota",      429 },
        { "rate_limit_exceeded",     429 },
        { "rate_limit_error",        429 },
        { "context_length_exceeded", 400 },
        { "content_filter",          400 },
        { "invalid_api_key",         401 },
        { "authentication_error",    401 },
        { "permission_error",        403 },
        { "model_not_found",         404 },
        { "not_found_error",         404 },
        { "overloaded",              503 },
        { "overloaded_error",        503 },
        { "timeout",                 504 },
        { "invalid_request_error",   400 }
    };

    if (error.data[0] == '{'
        && soma_json_get(error, "code", &value) == SOMA_OK
        && value.type == SOMA_JSON_NUMBER
        && soma_json_int(&value, &status) == SOMA_OK
        && status >= 400 && status <= 599)
    {
        return (int) status;
    }

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (soma_str_is(code, names[i].name)
            || soma_str_is(type, names[i].name))
        {
            return names[i].status;
        }
    }

    return 500;
}
