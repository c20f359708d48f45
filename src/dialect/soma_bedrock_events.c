
/*
 * Copyright (C) The ngx_soma authors
 *
 * Answers of Converse as inner events: frames and their order, ends, usage and
 * exceptions.  What is in the blocks is soma_bedrock_events_parts.c.
 *
 * A block of text has no beginning of its own, a number says where a piece
 * belongs.  What counts comes behind what says why it ended, as a rule; the
 * answer is whole when both were there.
 */


#include "soma_bedrock_events.h"


static int soma_bedrock_events_start(soma_bedrock_events_t *answer,
    soma_str_t data);
static int soma_bedrock_events_delta(soma_bedrock_events_t *answer,
    soma_str_t data);
static int soma_bedrock_events_stop(soma_bedrock_events_t *answer,
    soma_str_t data);
static int soma_bedrock_events_finish(soma_bedrock_events_t *answer,
    soma_str_t data);
static int soma_bedrock_events_metadata(soma_bedrock_events_t *answer,
    soma_str_t data);
static int soma_bedrock_events_over(soma_bedrock_events_t *answer);
static int soma_bedrock_events_failed(soma_bedrock_events_t *answer,
    const soma_sse_event_t *event);
static int soma_bedrock_events_reason(soma_bedrock_events_t *answer,
    soma_str_t object);
static soma_str_t soma_bedrock_events_sequence(soma_str_t object);
static int soma_bedrock_events_usage(soma_bedrock_events_t *answer,
    soma_str_t object);
static void soma_bedrock_events_hour(soma_usage_t *usage,
    soma_str_t details);
static void soma_bedrock_events_tier(soma_bedrock_events_t *answer,
    soma_str_t object);
static uint32_t soma_bedrock_events_index(soma_str_t data);


int
soma_bedrock_events_event(soma_bedrock_events_t *answer,
    const soma_sse_event_t *event)
{
    size_t  i;

    static const struct {
        const char  *name;
        int        (*read)(soma_bedrock_events_t *answer, soma_str_t data);
    } events[] = {
        { "contentBlockDelta", soma_bedrock_events_delta },
        { "contentBlockStart", soma_bedrock_events_start },
        { "contentBlockStop",  soma_bedrock_events_stop },
        { "messageStop",       soma_bedrock_events_finish },
        { "metadata",          soma_bedrock_events_metadata }
    };

    if (event->failed) {
        return soma_bedrock_events_failed(answer, event);
    }

    for (i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        if (soma_str_is(event->name, events[i].name)) {
            return events[i].read(answer, event->data);
        }
    }

    /* messageStart says the role alone; initial-response, and one that nobody
     * knows, say nothing to others */

    return SOMA_OK;
}


int
soma_bedrock_events_end(soma_bedrock_events_t *answer)
{
    soma_events_t  *events;

    events = &answer->events;

    if (events->over) {
        return SOMA_OK;
    }

    return answer->stopped ? soma_events_end(events) : SOMA_DECLINED;
}


int
soma_bedrock_events_whole(soma_bedrock_events_t *answer, soma_str_t body)
{
    uint32_t             index;
    soma_str_t           name;
    soma_json_iter_t     it;
    soma_json_value_t    output, message, content, block, usage;
    soma_events_open_t  *open;

    if (soma_json_get(body, "output", &output) != SOMA_OK
        || soma_json_get(output.text, "message", &message) != SOMA_OK
        || soma_json_get(message.text, "content", &content) != SOMA_OK
        || content.type != SOMA_JSON_ARRAY
        || soma_json_first(&it, content.text) != SOMA_OK)
    {
        return soma_events_failed(&answer->events, 502, SOMA_STR("api_error"),
                                  SOMA_STR(""),
                                  SOMA_STR("the provider's answer is no "
                                           "message"));
    }

    /* one that says nothing of itself begins, too */

    if (soma_events_about(&answer->events, SOMA_STR("{}")) != SOMA_OK) {
        return SOMA_ERROR;
    }

    for (index = 0; soma_json_next(&it, &name, &block) == SOMA_OK; index++) {

        if (soma_bedrock_events_block(answer, index, block.text) != SOMA_OK) {
            return SOMA_ERROR;
        }

        open = answer->events.open;

        if (open != NULL
            && soma_events_close(&answer->events, open) != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    soma_bedrock_events_tier(answer, body);

    if (soma_json_get(body, "usage", &usage) == SOMA_OK
        && soma_bedrock_events_usage(answer, usage.text) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (soma_bedrock_events_reason(answer, body) != SOMA_OK) {
        return SOMA_ERROR;
    }

    return soma_events_end(&answer->events);
}


static uint32_t
soma_bedrock_events_index(soma_str_t data)
{
    int64_t  n;

    n = 0;
    soma_events_count(data, "contentBlockIndex", &n);

    return (uint32_t) n;
}


int
soma_bedrock_events_open(soma_bedrock_events_t *answer, uint32_t index,
    soma_inner_kind_e kind, unsigned begin, soma_events_open_t **result)
{
    soma_events_open_t  *open;

    *result = NULL;

    for (open = answer->events.open; open; open = open->next) {
        if (open->key == index) {
            break;
        }
    }

    if (open != NULL && open->kind == kind) {
        *result = open;
        return SOMA_OK;
    }

    if (!begin) {
        return SOMA_OK;
    }

    if (open != NULL && soma_events_close(&answer->events, open) != SOMA_OK) {
        return SOMA_ERROR;
    }

    return soma_events_begin(&answer->events, 0, kind, index, result);
}


/* a call, or a picture; what a tool of AWS's own does is told to nobody
 * else */

static int
soma_bedrock_events_start(soma_bedrock_events_t *answer, soma_str_t data)
{
    uint32_t             index;
    soma_json_value_t    start, value;
    soma_events_open_t  *open;

    if (soma_json_get(data, "start", &start) != SOMA_OK) {
        return SOMA_OK;
    }

    index = soma_bedrock_events_index(data);

    if (soma_json_get(start.text, "toolUse", &value) == SOMA_OK) {
        return soma_bedrock_events_call(answer, index, value.text, &open);
    }

    if (soma_json_get(start.text, "image", &value) == SOMA_OK) {
        return soma_bedrock_events_picture(answer, index, value.text, 1);
    }

    return SOMA_OK;
}


static int
soma_bedrock_events_delta(soma_bedrock_events_t *answer, soma_str_t data)
{
    soma_json_value_t  delta;

    if (soma_json_get(data, "delta", &delta) != SOMA_OK) {
        return SOMA_OK;
    }

    return soma_bedrock_events_piece(answer, soma_bedrock_events_index(data),
                                     delta.text);
}


static int
soma_bedrock_events_stop(soma_bedrock_events_t *answer, soma_str_t data)
{
    uint32_t             index;
    soma_events_open_t  *open;

    index = soma_bedrock_events_index(data);

    for (open = answer->events.open; open; open = open->next) {
        if (open->key == index) {
            return soma_events_close(&answer->events, open);
        }
    }

    return SOMA_OK;
}


static int
soma_bedrock_events_finish(soma_bedrock_events_t *answer, soma_str_t data)
{
    if (answer->stopped) {
        return SOMA_OK;
    }

    answer->stopped = 1;

    if (soma_bedrock_events_reason(answer, data) != SOMA_OK) {
        return SOMA_ERROR;
    }

    return soma_bedrock_events_over(answer);
}


static int
soma_bedrock_events_metadata(soma_bedrock_events_t *answer, soma_str_t data)
{
    soma_json_value_t  usage;

    answer->metered = 1;

    soma_bedrock_events_tier(answer, data);

    if (soma_json_get(data, "usage", &usage) == SOMA_OK
        && soma_bedrock_events_usage(answer, usage.text) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    return soma_bedrock_events_over(answer);
}


static int
soma_bedrock_events_over(soma_bedrock_events_t *answer)
{
    return (answer->stopped && answer->metered)
           ? soma_events_end(&answer->events) : SOMA_OK;
}


/* names have a small letter first here, and a capital one in headers */

static int
soma_bedrock_events_failed(soma_bedrock_events_t *answer,
    const soma_sse_event_t *event)
{
    int         status;
    size_t      i;
    soma_str_t  message;

    static const struct {
        const char  *name;
        int          status;
    } names[] = {
        { "validationException",           400 },
        { "accessDeniedException",         403 },
        { "resourceNotFoundException",     404 },
        { "modelTimeoutException",         504 },
        { "throttlingException",           429 },
        { "modelNotReadyException",        429 },
        { "serviceQuotaExceededException", 429 },
        { "internalServerException",       500 },
        { "modelStreamErrorException",     502 },
        { "modelErrorException",           502 },
        { "serviceUnavailableException",   503 }
    };

    status = 500;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (soma_str_case_is(event->name, names[i].name)) {
            status = names[i].status;
            break;
        }
    }

    message = soma_events_inside(event->data, "message");

    if (message.data == NULL) {
        message = soma_events_inside(event->data, "Message");
    }

    return soma_events_failed(&answer->events, status, event->name,
                              SOMA_STR(""), message);
}


static int
soma_bedrock_events_reason(soma_bedrock_events_t *answer, soma_str_t object)
{
    size_t               i;
    soma_str_t           reason, text;
    soma_mend_t          mend;
    soma_inner_finish_e  finish;

    static const struct {
        const char           *name;
        soma_inner_finish_e   finish;
    } reasons[] = {
        { "end_turn",                      SOMA_INNER_STOP },
        { "stop_sequence",                 SOMA_INNER_STOP_SEQUENCE },
        { "tool_use",                      SOMA_INNER_TOOL_CALLS },
        { "max_tokens",                    SOMA_INNER_LENGTH },
        { "model_context_window_exceeded", SOMA_INNER_CONTEXT_FULL },
        { "content_filtered",              SOMA_INNER_FILTER },
        { "guardrail_intervened",          SOMA_INNER_FILTER },
        { "malformed_tool_use",            SOMA_INNER_MALFORMED_CALL },
        { "malformed_model_output",        SOMA_INNER_MALFORMED_CALL }
    };

    finish = SOMA_INNER_OTHER;
    reason = soma_events_inside(object, "stopReason");

    for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (soma_str_is(reason, reasons[i].name)) {
            finish = reasons[i].finish;
            break;
        }
    }

    memset(&mend, 0, sizeof(mend));
    answer->events.room.arena = answer->events.arena;

    if (soma_mend_text(&mend, &answer->events.room,
                       soma_bedrock_events_sequence(object), &text)
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    return soma_events_finish(&answer->events, 0, finish, text);
}


/* which one it was, where the request asked for it */

static soma_str_t
soma_bedrock_events_sequence(soma_str_t object)
{
    soma_str_t         text;
    soma_json_value_t  fields, delta;

    if (soma_json_get(object, "additionalModelResponseFields", &fields)
        != SOMA_OK)
    {
        return (soma_str_t) soma_str_null;
    }

    text = soma_events_inside(fields.text, "stop_sequence");

    if (text.data == NULL
        && soma_json_get(fields.text, "delta", &delta) == SOMA_OK)
    {
        text = soma_events_inside(delta.text, "stop_sequence");
    }

    return text;
}


static int
soma_bedrock_events_usage(soma_bedrock_events_t *answer, soma_str_t object)
{
    soma_usage_t      *usage;
    soma_json_value_t  details;

    usage = &answer->events.usage;

    soma_events_count(object, "inputTokens", &answer->input);
    soma_events_count(object, "cacheReadInputTokens", &answer->cached);
    soma_events_count(object, "cacheWriteInputTokens", &answer->written);
    soma_events_count(object, "outputTokens", &usage->output_tokens);

    usage->cache_write_1h_tokens = 0;

    if (soma_json_get(object, "cacheDetails", &details) == SOMA_OK) {
        soma_bedrock_events_hour(usage, details.text);
    }

    usage->cached_tokens = answer->cached;
    usage->cache_write_tokens = answer->written;
    usage->input_tokens = answer->input + answer->cached + answer->written;

    if (usage->cache_write_1h_tokens > answer->written) {
        usage->cache_write_1h_tokens = answer->written;
    }

    return soma_events_usage(&answer->events);
}


static void
soma_bedrock_events_hour(soma_usage_t *usage, soma_str_t details)
{
    int64_t            n;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  detail;

    if (soma_json_first(&it, details) != SOMA_OK || it.object) {
        return;
    }

    while (soma_json_next(&it, &name, &detail) == SOMA_OK) {

        n = 0;

        if (soma_str_is(soma_events_inside(detail.text, "ttl"), "1h")) {
            soma_events_count(detail.text, "inputTokens", &n);
        }

        if (n <= SOMA_EVENTS_TOKENS_MAX - usage->cache_write_1h_tokens) {
            usage->cache_write_1h_tokens += n;
        }
    }
}


static void
soma_bedrock_events_tier(soma_bedrock_events_t *answer, soma_str_t object)
{
    soma_str_t         type;
    soma_json_value_t  tier;

    if (soma_json_get(object, "serviceTier", &tier) != SOMA_OK) {
        return;
    }

    type = soma_events_inside(tier.text, "type");

    answer->events.usage.tier = soma_str_is(type, "priority")
                                ? SOMA_TIER_PRIORITY
                                : soma_str_is(type, "flex")
                                ? SOMA_TIER_FLEX : SOMA_TIER_DEFAULT;
}
