
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_anthropic_events.h"


#define SOMA_ANTHROPIC_EVENTS_MAKER  "anthropic"


static int soma_anthropic_events_message(soma_anthropic_events_t *answer,
    soma_str_t data);
static int soma_anthropic_events_start(soma_anthropic_events_t *answer,
    soma_str_t data);
static int soma_anthropic_events_delta(soma_anthropic_events_t *answer,
    soma_str_t data);
static int soma_anthropic_events_stop(soma_anthropic_events_t *answer,
    soma_str_t data);
static int soma_anthropic_events_finish(soma_anthropic_events_t *answer,
    soma_str_t data);
static int soma_anthropic_events_done(soma_anthropic_events_t *answer,
    soma_str_t data);
static int soma_anthropic_events_ping(soma_anthropic_events_t *answer,
    soma_str_t data);
static int soma_anthropic_events_error(soma_anthropic_events_t *answer,
    soma_str_t data);
static int soma_anthropic_events_block(soma_anthropic_events_t *answer,
    uint32_t index, soma_str_t block);
static int soma_anthropic_events_opaque(soma_anthropic_events_t *answer,
    soma_str_t type, soma_str_t block);
static int soma_anthropic_events_filled(soma_anthropic_events_t *answer,
    soma_events_open_t *open, soma_str_t block);
static int soma_anthropic_events_cites(soma_anthropic_events_t *answer,
    soma_events_open_t *open, soma_str_t block);
static int soma_anthropic_events_cite(soma_anthropic_events_t *answer,
    soma_events_open_t *open, soma_str_t cite);
static int soma_anthropic_events_seal(soma_anthropic_events_t *answer,
    soma_events_open_t *open, soma_str_t signature, soma_str_t opaque);
static int soma_anthropic_events_usage(soma_anthropic_events_t *answer,
    soma_str_t object);
static int soma_anthropic_events_reason(soma_anthropic_events_t *answer,
    soma_str_t object);
static soma_events_open_t *soma_anthropic_events_open(
    soma_anthropic_events_t *answer, soma_str_t data, uint32_t *index);


int
soma_anthropic_events_event(soma_anthropic_events_t *answer, soma_str_t data)
{
    size_t      i;
    soma_str_t  type;

    static const struct {
        const char  *type;
        int        (*read)(soma_anthropic_events_t *answer, soma_str_t data);
    } events[] = {
        { "content_block_delta", soma_anthropic_events_delta },
        { "content_block_start", soma_anthropic_events_start },
        { "content_block_stop",  soma_anthropic_events_stop },
        { "message_start",       soma_anthropic_events_message },
        { "message_delta",       soma_anthropic_events_finish },
        { "message_stop",        soma_anthropic_events_done },
        { "ping",                soma_anthropic_events_ping },
        { "error",               soma_anthropic_events_error }
    };

    type = soma_events_inside(data, "type");

    for (i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        if (soma_str_is(type, events[i].type)) {
            return events[i].read(answer, data);
        }
    }

    /* one that nobody knows says nothing to others */

    return SOMA_OK;
}


int
soma_anthropic_events_end(soma_anthropic_events_t *answer)
{
    soma_events_t  *events;

    events = &answer->events;

    if (events->over) {
        return SOMA_OK;
    }

    return (events->finished[0] & 1) ? soma_events_end(events)
                                     : SOMA_DECLINED;
}


int
soma_anthropic_events_whole(soma_anthropic_events_t *answer, soma_str_t body)
{
    uint32_t           index;
    soma_str_t         type, name;
    soma_json_iter_t   it;
    soma_json_value_t  content, block, usage;

    type = soma_events_inside(body, "type");

    if (soma_str_is(type, "error")) {
        return soma_anthropic_events_error(answer, body);
    }

    if (soma_json_get(body, "content", &content) != SOMA_OK
        || content.type != SOMA_JSON_ARRAY
        || soma_json_first(&it, content.text) != SOMA_OK)
    {
        return soma_events_failed(&answer->events, 502, SOMA_STR("api_error"),
                                  SOMA_STR(""),
                                  SOMA_STR("the provider's answer is no "
                                           "message"));
    }

    if (soma_events_about(&answer->events, body) != SOMA_OK) {
        return SOMA_ERROR;
    }

    for (index = 0; soma_json_next(&it, &name, &block) == SOMA_OK; index++) {
        if (soma_anthropic_events_block(answer, index, block.text) != SOMA_OK
            || soma_anthropic_events_stop(answer, (soma_str_t) soma_str_null)
               != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    if (soma_json_get(body, "usage", &usage) == SOMA_OK
        && soma_anthropic_events_usage(answer, usage.text) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (soma_anthropic_events_reason(answer, body) != SOMA_OK) {
        return SOMA_ERROR;
    }

    return soma_events_end(&answer->events);
}


static int
soma_anthropic_events_message(soma_anthropic_events_t *answer,
    soma_str_t data)
{
    soma_json_value_t  message, usage;

    if (soma_json_get(data, "message", &message) != SOMA_OK) {
        return SOMA_OK;
    }

    if (soma_events_about(&answer->events, message.text) != SOMA_OK) {
        return SOMA_ERROR;
    }

    if (soma_json_get(message.text, "usage", &usage) != SOMA_OK) {
        return SOMA_OK;
    }

    return soma_anthropic_events_usage(answer, usage.text);
}


/* the block of an event, and the number that the provider gave it */

static soma_events_open_t *
soma_anthropic_events_open(soma_anthropic_events_t *answer, soma_str_t data,
    uint32_t *index)
{
    int64_t              n;
    soma_events_open_t  *open;

    n = 0;
    soma_events_count(data, "index", &n);
    *index = (uint32_t) n;

    for (open = answer->events.open; open; open = open->next) {
        if (open->key == *index) {
            return open;
        }
    }

    return NULL;
}


static int
soma_anthropic_events_start(soma_anthropic_events_t *answer, soma_str_t data)
{
    uint32_t             index;
    soma_json_value_t    block;
    soma_events_open_t  *open;

    if (soma_json_get(data, "content_block", &block) != SOMA_OK) {
        return SOMA_OK;
    }

    /* one of the same number that was never stopped is over now */

    open = soma_anthropic_events_open(answer, data, &index);

    if (open != NULL
        && soma_events_close(&answer->events, open) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    return soma_anthropic_events_block(answer, index, block.text);
}


static int
soma_anthropic_events_block(soma_anthropic_events_t *answer, uint32_t index,
    soma_str_t block)
{
    soma_str_t           type;
    soma_inner_kind_e    kind;
    soma_events_open_t  *open;

    type = soma_events_inside(block, "type");

    if (soma_str_is(type, "text")) {
        kind = SOMA_INNER_TEXT;

    } else if (soma_str_is(type, "tool_use")) {
        kind = SOMA_INNER_CALL;

    } else if (soma_str_is(type, "thinking")
               || soma_str_is(type, "redacted_thinking"))
    {
        kind = SOMA_INNER_REASONING;

    } else {
        return soma_anthropic_events_opaque(answer, type, block);
    }

    if (soma_events_begin(&answer->events, 0, kind, index, &open) != SOMA_OK) {
        return SOMA_ERROR;
    }

    return (open != NULL) ? soma_anthropic_events_filled(answer, open, block)
                          : SOMA_OK;
}


static int
soma_anthropic_events_opaque(soma_anthropic_events_t *answer, soma_str_t type,
    soma_str_t block)
{
    soma_inner_event_t  event;

    if (type.len == 0 || answer->events.finished[0] & 1) {
        return SOMA_OK;
    }

    if (soma_mend_body(answer->events.arena, &block) != SOMA_OK) {
        return SOMA_ERROR;
    }

    memset(&event, 0, sizeof(event));

    event.event = SOMA_INNER_RAW;
    event.block = answer->events.blocks[0]++;
    event.kind = SOMA_INNER_OPAQUE;
    event.type = type;
    event.raw = block;
    event.maker = SOMA_STR(SOMA_ANTHROPIC_EVENTS_MAKER);

    return soma_events_emit(&answer->events, &event);
}


/* what a block has from its start: of a whole answer all, of a stream's
 * mostly nothing */

static int
soma_anthropic_events_filled(soma_anthropic_events_t *answer,
    soma_events_open_t *open, soma_str_t block)
{
    soma_str_t         id, name;
    soma_json_iter_t   it;
    soma_json_value_t  value;

    if (open->kind == SOMA_INNER_TEXT) {
        if (soma_events_text(&answer->events, open,
                             soma_events_inside(block, "text"))
            != SOMA_OK)
        {
            return SOMA_ERROR;
        }

        return soma_anthropic_events_cites(answer, open, block);
    }

    if (open->kind == SOMA_INNER_REASONING) {
        if (soma_events_text(&answer->events, open,
                             soma_events_inside(block, "thinking"))
            != SOMA_OK)
        {
            return SOMA_ERROR;
        }

        return soma_anthropic_events_seal(answer, open,
                                   soma_events_inside(block, "signature"),
                                   soma_events_inside(block, "data"));
    }

    id.len = 0;
    name.len = 0;

    if (soma_json_get(block, "id", &value) == SOMA_OK) {
        (void) soma_json_text(answer->events.arena, &value, &id);
    }

    if (soma_json_get(block, "name", &value) == SOMA_OK) {
        (void) soma_json_text(answer->events.arena, &value, &name);
    }

    if (soma_events_name(&answer->events, open, id, name) != SOMA_OK) {
        return SOMA_ERROR;
    }

    /* {} is what a stream begins with */

    if (soma_json_get(block, "input", &value) != SOMA_OK
        || value.type != SOMA_JSON_OBJECT
        || soma_json_first(&it, value.text) != SOMA_OK
        || soma_json_next(&it, &name, &(soma_json_value_t) { 0 }) != SOMA_OK)
    {
        return SOMA_OK;
    }

    return soma_events_raw(&answer->events, open, value.text);
}


static int
soma_anthropic_events_cites(soma_anthropic_events_t *answer,
    soma_events_open_t *open, soma_str_t block)
{
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  cites, cite;

    if (soma_json_get(block, "citations", &cites) != SOMA_OK
        || soma_json_first(&it, cites.text) != SOMA_OK || it.object)
    {
        return SOMA_OK;
    }

    while (soma_json_next(&it, &name, &cite) == SOMA_OK) {
        if (soma_anthropic_events_cite(answer, open, cite.text) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    return SOMA_OK;
}


static int
soma_anthropic_events_cite(soma_anthropic_events_t *answer,
    soma_events_open_t *open, soma_str_t cite)
{
    soma_inner_event_t  event;

    if (cite.len == 0 || cite.data[0] != '{') {
        return SOMA_OK;
    }

    if (soma_mend_body(answer->events.arena, &cite) != SOMA_OK) {
        return SOMA_ERROR;
    }

    memset(&event, 0, sizeof(event));

    event.event = SOMA_INNER_CITATION;
    event.block = open->block;
    event.kind = open->kind;
    event.type = soma_events_inside(cite, "type");
    event.raw = cite;
    event.maker = SOMA_STR(SOMA_ANTHROPIC_EVENTS_MAKER);

    return soma_events_emit(&answer->events, &event);
}


static int
soma_anthropic_events_seal(soma_anthropic_events_t *answer,
    soma_events_open_t *open, soma_str_t signature, soma_str_t opaque)
{
    soma_mend_t         mend;
    soma_inner_event_t  event;

    if (signature.len == 0 && opaque.len == 0) {
        return SOMA_OK;
    }

    memset(&event, 0, sizeof(event));
    memset(&mend, 0, sizeof(mend));

    event.event = SOMA_INNER_SIGNATURE;
    event.block = open->block;
    event.kind = open->kind;
    event.maker = SOMA_STR(SOMA_ANTHROPIC_EVENTS_MAKER);

    /* a block has one of them */

    if (soma_mend_text(&mend, &answer->events.room,
                       signature.len ? signature : opaque,
                       signature.len ? &event.text : &event.opaque)
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    return soma_events_emit(&answer->events, &event);
}


/* a delta whose block never began begins it, where it can */

static int
soma_anthropic_events_delta(soma_anthropic_events_t *answer, soma_str_t data)
{
    size_t               i;
    uint32_t             index;
    soma_str_t           type;
    soma_json_value_t    delta, cite;
    soma_events_open_t  *open;

    static const struct {
        const char         *type;
        const char         *text;
        soma_inner_kind_e   kind;
    } kinds[] = {
        { "text_delta",       "text",         SOMA_INNER_TEXT },
        { "input_json_delta", "partial_json", SOMA_INNER_CALL },
        { "thinking_delta",   "thinking",     SOMA_INNER_REASONING },
        { "signature_delta",  NULL,           SOMA_INNER_REASONING },
        { "citations_delta",  NULL,           SOMA_INNER_TEXT }
    };

    if (soma_json_get(data, "delta", &delta) != SOMA_OK) {
        return SOMA_OK;
    }

    type = soma_events_inside(delta.text, "type");

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (soma_str_is(type, kinds[i].type)) {
            break;
        }
    }

    if (i == sizeof(kinds) / sizeof(kinds[0])) {
        return SOMA_OK;
    }

    open = soma_anthropic_events_open(answer, data, &index);

    if (open == NULL && kinds[i].kind != SOMA_INNER_CALL
        && soma_events_begin(&answer->events, 0, kinds[i].kind, index, &open)
           != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (open == NULL || open->kind != kinds[i].kind) {
        return SOMA_OK;
    }

    if (kinds[i].text != NULL) {
        return soma_events_text(&answer->events, open,
                                soma_events_inside(delta.text,
                                                   kinds[i].text));
    }

    if (open->kind == SOMA_INNER_REASONING) {
        return soma_anthropic_events_seal(answer, open,
                                 soma_events_inside(delta.text, "signature"),
                                 (soma_str_t) soma_str_null);
    }

    if (soma_json_get(delta.text, "citation", &cite) != SOMA_OK) {
        return SOMA_OK;
    }

    return soma_anthropic_events_cite(answer, open, cite.text);
}


/* no data: the one that is open, of a whole answer */

static int
soma_anthropic_events_stop(soma_anthropic_events_t *answer, soma_str_t data)
{
    uint32_t             index;
    soma_events_open_t  *open;

    open = (data.data == NULL) ? answer->events.open
           : soma_anthropic_events_open(answer, data, &index);

    return (open != NULL) ? soma_events_close(&answer->events, open)
                          : SOMA_OK;
}


static int
soma_anthropic_events_finish(soma_anthropic_events_t *answer, soma_str_t data)
{
    soma_json_value_t  usage, delta;

    if (soma_json_get(data, "usage", &usage) == SOMA_OK
        && soma_anthropic_events_usage(answer, usage.text) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (soma_json_get(data, "delta", &delta) != SOMA_OK
        || soma_events_inside(delta.text, "stop_reason").len == 0)
    {
        return SOMA_OK;
    }

    return soma_anthropic_events_reason(answer, delta.text);
}


static int
soma_anthropic_events_reason(soma_anthropic_events_t *answer,
    soma_str_t object)
{
    size_t               i;
    soma_str_t           reason, text;
    soma_mend_t          mend;
    soma_inner_finish_e  finish;

    /* a refusal is what the provider's own filters make of an answer */

    static const struct {
        const char           *name;
        soma_inner_finish_e   finish;
    } reasons[] = {
        { "end_turn",                      SOMA_INNER_STOP },
        { "stop_sequence",                 SOMA_INNER_STOP_SEQUENCE },
        { "tool_use",                      SOMA_INNER_TOOL_CALLS },
        { "max_tokens",                    SOMA_INNER_LENGTH },
        { "model_context_window_exceeded", SOMA_INNER_CONTEXT_FULL },
        { "refusal",                       SOMA_INNER_FILTER },
        { "pause_turn",                    SOMA_INNER_PAUSE }
    };

    finish = SOMA_INNER_OTHER;
    reason = soma_events_inside(object, "stop_reason");

    for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (soma_str_is(reason, reasons[i].name)) {
            finish = reasons[i].finish;
            break;
        }
    }

    memset(&mend, 0, sizeof(mend));
    answer->events.room.arena = answer->events.arena;

    if (soma_mend_text(&mend, &answer->events.room,
                       soma_events_inside(object, "stop_sequence"), &text)
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    return soma_events_finish(&answer->events, 0, finish, text);
}


static int
soma_anthropic_events_done(soma_anthropic_events_t *answer, soma_str_t data)
{
    (void) data;

    return soma_events_end(&answer->events);
}


static int
soma_anthropic_events_ping(soma_anthropic_events_t *answer, soma_str_t data)
{
    soma_inner_event_t  event;

    (void) data;

    memset(&event, 0, sizeof(event));

    event.event = SOMA_INNER_PING;

    return answer->events.started ? soma_events_emit(&answer->events, &event)
                                  : SOMA_OK;
}


static int
soma_anthropic_events_error(soma_anthropic_events_t *answer, soma_str_t data)
{
    size_t             i;
    int                status;
    soma_str_t         type;
    soma_json_value_t  error;

    static const struct {
        const char  *type;
        int          status;
    } types[] = {
        { "invalid_request_error", 400 },
        { "authentication_error",  401 },
        { "billing_error",         402 },
        { "permission_error",      403 },
        { "not_found_error",       404 },
        { "request_too_large",     413 },
        { "rate_limit_error",      429 },
        { "api_error",             500 },
        { "timeout_error",         504 },
        { "overloaded_error",      529 }
    };

    if (soma_json_get(data, "error", &error) != SOMA_OK) {
        error.text = SOMA_STR("{}");
    }

    type = soma_events_inside(error.text, "type");
    status = 500;

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (soma_str_is(type, types[i].type)) {
            status = types[i].status;
        }
    }

    return soma_events_failed(&answer->events, status, type, SOMA_STR(""),
                              soma_events_inside(error.text, "message"));
}


/* a later word of a count holds, and one that is not said again stays */

static int
soma_anthropic_events_usage(soma_anthropic_events_t *answer,
    soma_str_t object)
{
    soma_str_t         tier;
    soma_usage_t      *usage;
    soma_json_value_t  inner;

    usage = &answer->events.usage;

    soma_events_count(object, "input_tokens", &answer->input);
    soma_events_count(object, "cache_read_input_tokens", &answer->cached);
    soma_events_count(object, "cache_creation_input_tokens",
                      &answer->written);
    soma_events_count(object, "output_tokens", &usage->output_tokens);

    if (soma_json_get(object, "cache_creation", &inner) == SOMA_OK) {
        soma_events_count(inner.text, "ephemeral_1h_input_tokens",
                          &usage->cache_write_1h_tokens);
    }

    if (soma_json_get(object, "output_tokens_details", &inner) == SOMA_OK) {
        soma_events_count(inner.text, "thinking_tokens",
                          &usage->reasoning_tokens);
    }

    if (soma_json_get(object, "server_tool_use", &inner) == SOMA_OK) {
        soma_events_count(inner.text, "web_search_requests",
                          &usage->queries);
    }

    tier = soma_events_inside(object, "service_tier");

    if (tier.len != 0) {
        usage->tier = soma_str_is(tier, "priority") ? SOMA_TIER_PRIORITY
                      : soma_str_is(tier, "batch") ? SOMA_TIER_BATCH
                      : SOMA_TIER_DEFAULT;
    }

    usage->cached_tokens = answer->cached;
    usage->cache_write_tokens = answer->written;
    usage->input_tokens = answer->input + answer->cached + answer->written;

    return soma_events_usage(&answer->events);
}
