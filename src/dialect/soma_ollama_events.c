
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_ollama_events.h"
#include "soma_vector.h"


#define SOMA_OLLAMA_STATUS  500         /* of an error that tells none */


static int soma_ollama_events_error(soma_events_t *events, soma_str_t line);
static int soma_ollama_events_about(soma_events_t *events, soma_str_t line);
static int soma_ollama_events_message(soma_ollama_events_t *answer,
    soma_str_t message, const char *content);
static int soma_ollama_events_words(soma_events_t *events,
    soma_inner_kind_e kind, soma_str_t text);
static int soma_ollama_events_pause(soma_events_t *events);
static int soma_ollama_events_images(soma_events_t *events,
    soma_str_t message);
static int soma_ollama_events_image(soma_events_t *events, soma_str_t image);
static int soma_ollama_events_calls(soma_ollama_events_t *answer,
    soma_str_t message);
static int soma_ollama_events_call(soma_ollama_events_t *answer,
    soma_str_t call);
static int soma_ollama_events_usage(soma_events_t *events, soma_str_t line);
static int soma_ollama_events_done(soma_ollama_events_t *answer,
    soma_str_t line);
static int soma_ollama_events_vector(soma_ollama_events_t *answer,
    unsigned index, soma_str_t raw);


int
soma_ollama_events_line(soma_ollama_events_t *answer, soma_str_t data)
{
    soma_events_t      *events;
    soma_json_iter_t    it;
    soma_json_value_t   value;

    events = &answer->events;
    data = soma_str_trim(data);

    if (events->over || soma_json_first(&it, data) != SOMA_OK || !it.object) {
        return SOMA_OK;
    }

    if (soma_ollama_events_error(events, data) != SOMA_OK
        || soma_ollama_events_about(events, data) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (events->over) {
        return SOMA_OK;
    }

    if (soma_json_get(data, "message", &value) == SOMA_OK
        && value.type == SOMA_JSON_OBJECT)
    {
        if (soma_ollama_events_message(answer, value.text, "content")
            != SOMA_OK)
        {
            return SOMA_ERROR;
        }

    } else if (soma_ollama_events_message(answer, data, "response")
               != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (soma_ollama_probs_read(events, data) != SOMA_OK) {
        return SOMA_ERROR;
    }

    if (soma_json_get(data, "done", &value) != SOMA_OK
        || value.type != SOMA_JSON_TRUE)
    {
        return SOMA_OK;
    }

    return soma_ollama_events_done(answer, data);
}


int
soma_ollama_events_whole(soma_ollama_events_t *answer, soma_str_t body)
{
    soma_events_t      *events;
    soma_json_value_t   value;

    events = &answer->events;

    if (soma_ollama_events_error(events, body) != SOMA_OK) {
        return SOMA_ERROR;
    }

    if (events->over) {
        return SOMA_OK;
    }

    if ((soma_json_get(body, "message", &value) != SOMA_OK
         || value.type != SOMA_JSON_OBJECT)
        && (soma_json_get(body, "response", &value) != SOMA_OK
            || value.type != SOMA_JSON_STRING))
    {
        return soma_events_failed(events, 502, SOMA_STR("api_error"),
                                  SOMA_STR(""),
                                  SOMA_STR("the provider's answer has no "
                                           "message"));
    }

    if (soma_ollama_events_line(answer, body) != SOMA_OK) {
        return SOMA_ERROR;
    }

    return events->over ? SOMA_OK : soma_ollama_events_done(answer, body);
}


/* a stream that has come to its end has said so */

int
soma_ollama_events_end(soma_ollama_events_t *answer)
{
    return answer->events.over ? SOMA_OK : SOMA_DECLINED;
}


/* {"error": "..."}; some tell its status beside it */

static int
soma_ollama_events_error(soma_events_t *events, soma_str_t line)
{
    size_t             i;
    int64_t            status;
    soma_str_t         text;
    soma_json_value_t  error;

    static const char *const  names[] = { "status", "StatusCode" };

    if (soma_json_get(line, "error", &error) != SOMA_OK
        || (error.type != SOMA_JSON_STRING
            && error.type != SOMA_JSON_OBJECT))
    {
        return SOMA_OK;
    }

    text = (error.type == SOMA_JSON_STRING)
           ? soma_events_inside(line, "error")
           : soma_events_inside(error.text, "message");

    status = 0;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        soma_events_count(line, names[i], &status);
    }

    return soma_events_failed(events,
                              status >= 400 && status < 600
                              ? (int) status : SOMA_OLLAMA_STATUS,
                              SOMA_STR("api_error"), SOMA_STR(""), text);
}


static int
soma_ollama_events_about(soma_events_t *events, soma_str_t line)
{
    int64_t  ms;

    if (soma_events_about(events, line) != SOMA_OK) {
        return SOMA_ERROR;
    }

    if (events->created == 0
        && soma_time_parse(soma_events_inside(line, "created_at"), &ms)
           == SOMA_OK
        && ms > 0)
    {
        events->created = ms / 1000;
    }

    return SOMA_OK;
}


/* of generate it is the answer itself */

static int
soma_ollama_events_message(soma_ollama_events_t *answer, soma_str_t message,
    const char *content)
{
    soma_events_t  *events;

    events = &answer->events;

    if (soma_ollama_events_words(events, SOMA_INNER_REASONING,
                                 soma_events_inside(message, "thinking"))
        != SOMA_OK
        || soma_ollama_events_words(events, SOMA_INNER_TEXT,
                                    soma_events_inside(message, content))
           != SOMA_OK
        || soma_ollama_events_images(events, message) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    return soma_ollama_events_calls(answer, message);
}


/* words of one kind go on until others come, or a call */

static int
soma_ollama_events_words(soma_events_t *events, soma_inner_kind_e kind,
    soma_str_t text)
{
    soma_events_open_t  *open;

    if (text.len == 0) {
        return SOMA_OK;
    }

    open = soma_events_find(events, 0, kind, SOMA_EVENTS_NO_KEY);

    if (open == NULL) {

        if (soma_ollama_events_pause(events) != SOMA_OK
            || soma_events_begin(events, 0, kind, SOMA_EVENTS_NO_KEY, &open)
               != SOMA_OK)
        {
            return SOMA_ERROR;
        }

        if (open == NULL) {
            return SOMA_OK;
        }
    }

    return soma_events_text(events, open, text);
}


static int
soma_ollama_events_pause(soma_events_t *events)
{
    while (events->open != NULL) {
        if (soma_events_close(events, events->open) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    return SOMA_OK;
}


static int
soma_ollama_events_images(soma_events_t *events, soma_str_t message)
{
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  images, image;

    if (soma_json_get(message, "images", &images) != SOMA_OK
        || soma_json_first(&it, images.text) != SOMA_OK || it.object)
    {
        return SOMA_OK;
    }

    while (soma_json_next(&it, &name, &image) == SOMA_OK) {

        if (image.type == SOMA_JSON_STRING
            && soma_ollama_events_image(events, image.text) != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    return SOMA_OK;
}


static int
soma_ollama_events_image(soma_events_t *events, soma_str_t image)
{
    soma_inner_event_t   event;
    soma_events_open_t  *open;

    image.data++;
    image.len -= 2;

    if (soma_ollama_events_pause(events) != SOMA_OK
        || soma_events_begin(events, 0, SOMA_INNER_IMAGE, SOMA_EVENTS_NO_KEY,
                             &open)
           != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (open == NULL) {
        return SOMA_OK;
    }

    memset(&event, 0, sizeof(event));

    event.event = SOMA_INNER_MEDIA;
    event.block = open->block;
    event.kind = SOMA_INNER_IMAGE;
    event.media = soma_inner_sniff(image);
    event.text = image;

    if (!soma_inner_is_text(image)) {
        event.text.len = 0;
    }

    if (soma_events_emit(events, &event) != SOMA_OK) {
        return SOMA_ERROR;
    }

    return soma_events_close(events, open);
}


static int
soma_ollama_events_calls(soma_ollama_events_t *answer, soma_str_t message)
{
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  calls, call;

    if (soma_json_get(message, "tool_calls", &calls) != SOMA_OK
        || soma_json_first(&it, calls.text) != SOMA_OK || it.object)
    {
        return SOMA_OK;
    }

    while (soma_json_next(&it, &name, &call) == SOMA_OK) {

        if (call.type == SOMA_JSON_OBJECT
            && soma_ollama_events_call(answer, call.text) != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    return SOMA_OK;
}


/* a call comes whole; arguments in a string are what some servers say for an
 * object */

static int
soma_ollama_events_call(soma_ollama_events_t *answer, soma_str_t call)
{
    soma_str_t           id, name;
    soma_events_t       *events;
    soma_json_value_t    function, value;
    soma_events_open_t  *open;

    events = &answer->events;

    if (soma_json_get(call, "function", &function) != SOMA_OK
        || function.type != SOMA_JSON_OBJECT)
    {
        return SOMA_OK;
    }

    if (soma_events_decoded(events, call, "id", &id) != SOMA_OK
        || soma_events_decoded(events, function.text, "name", &name)
           != SOMA_OK
        || soma_ollama_events_pause(events) != SOMA_OK
        || soma_events_begin(events, 0, SOMA_INNER_CALL, SOMA_EVENTS_NO_KEY,
                             &open)
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

    if (events->over) {
        return SOMA_OK;
    }

    if (soma_json_get(function.text, "arguments", &value) == SOMA_OK) {

        if (value.type == SOMA_JSON_OBJECT) {

            if (soma_mend_body(events->arena, &value.text) != SOMA_OK
                || soma_events_raw(events, open, value.text) != SOMA_OK)
            {
                return SOMA_ERROR;
            }

        } else if (value.type == SOMA_JSON_STRING
                   && soma_events_text(events, open,
                                       soma_events_inside(function.text,
                                                          "arguments"))
                      != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    return soma_events_close(events, open);
}


static int
soma_ollama_events_usage(soma_events_t *events, soma_str_t line)
{
    int64_t  prompt, eval;

    prompt = -1;
    eval = -1;

    soma_events_count(line, "prompt_eval_count", &prompt);
    soma_events_count(line, "eval_count", &eval);

    if (prompt < 0 && eval < 0) {
        return SOMA_OK;
    }

    events->usage.input_tokens = (prompt > 0) ? prompt : 0;
    events->usage.output_tokens = (eval > 0) ? eval : 0;

    return soma_events_usage(events);
}


/* "load" and "unload" answer who asks for nothing else; a call makes a stop a
 * call's, which Ollama does not tell apart */

static int
soma_ollama_events_done(soma_ollama_events_t *answer, soma_str_t line)
{
    soma_str_t            reason;
    soma_events_t        *events;
    soma_inner_finish_e   finish;

    events = &answer->events;
    reason = soma_events_inside(line, "done_reason");

    finish = (reason.len == 0 || soma_str_is(reason, "stop")
              || soma_str_is(reason, "load")
              || soma_str_is(reason, "unload")) ? SOMA_INNER_STOP
             : soma_str_is(reason, "length") ? SOMA_INNER_LENGTH
             : SOMA_INNER_OTHER;

    if (answer->called && finish != SOMA_INNER_LENGTH) {
        finish = SOMA_INNER_TOOL_CALLS;
    }

    if (soma_ollama_events_usage(events, line) != SOMA_OK
        || soma_events_finish(events, 0, finish, (soma_str_t) soma_str_null)
           != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    return soma_events_end(events);
}


/* vectors have no finish */

int
soma_ollama_events_embed(soma_ollama_events_t *answer, soma_str_t body)
{
    unsigned            n;
    soma_str_t          name;
    soma_events_t      *events;
    soma_json_iter_t    it;
    soma_json_value_t   list, vector;

    events = &answer->events;

    if (soma_ollama_events_error(events, body) != SOMA_OK
        || soma_ollama_events_about(events, body) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (events->over) {
        return SOMA_OK;
    }

    if (soma_json_get(body, "embedding", &vector) == SOMA_OK
        && vector.type == SOMA_JSON_ARRAY)
    {
        if (soma_ollama_events_vector(answer, 0, vector.text) != SOMA_OK) {
            return SOMA_ERROR;
        }

    } else if (soma_json_get(body, "embeddings", &list) == SOMA_OK
               && list.type == SOMA_JSON_ARRAY
               && soma_json_first(&it, list.text) == SOMA_OK)
    {
        for (n = 0; soma_json_next(&it, &name, &vector) == SOMA_OK; n++) {
            if (soma_ollama_events_vector(answer, n, vector.text) != SOMA_OK)
            {
                return SOMA_ERROR;
            }
        }

    } else {
        return soma_events_failed(events, 502, SOMA_STR("api_error"),
                                  SOMA_STR(""),
                                  SOMA_STR("the provider's answer has no "
                                           "embeddings"));
    }

    if (events->over) {
        return SOMA_OK;
    }

    if (soma_ollama_events_usage(events, body) != SOMA_OK) {
        return SOMA_ERROR;
    }

    events->finished[0] |= 1;

    return soma_events_end(events);
}


static int
soma_ollama_events_vector(soma_ollama_events_t *answer, unsigned index,
    soma_str_t raw)
{
    int                  rc;
    soma_events_t       *events;
    soma_inner_event_t   event;

    events = &answer->events;

    memset(&event, 0, sizeof(event));

    event.event = SOMA_INNER_VECTOR;
    event.block = index;
    event.raw = raw;

    if (answer->request != NULL && answer->request->base64) {
        rc = soma_vector_base64(events->arena, raw, &event.text);

        if (rc == SOMA_ERROR) {
            return SOMA_ERROR;
        }

        if (rc == SOMA_OK) {
            event.raw = (soma_str_t) soma_str_null;
        }
    }

    return soma_events_emit(events, &event);
}
