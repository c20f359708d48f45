
/*
 * Copyright (C) The ngx_soma authors
 *
 * What stands in an answer to Bedrock's clients that is no answer: errors,
 * whose names are in a header, exceptions within a stream, what shows that a
 * stream lives, and the end of one whose budget has cut it.
 */


#include "soma_bedrock.h"
#include "soma_eventstream.h"
#include "soma_usage_cost.h"


#define SOMA_BEDROCK_PAYLOAD_MAX  1024      /* bytes of a frame's that is
                                               written here */
#define SOMA_BEDROCK_MESSAGE_MAX  (8 * 1024)        /* of an exception's */


static void soma_bedrock_fault_frame(soma_out_t *out, soma_str_t name,
    unsigned exception, soma_out_t *payload);
static void soma_bedrock_cut_count(soma_out_t *out, const char *name,
    int64_t n);


/* in the order of soma_fault_e */
static const struct {
    int          status;            /* 0: as everybody's */
    soma_str_t   name;
} soma_bedrock_faults[] = {
    { 0,   soma_string("InternalServerException") },
    { 0,   soma_string("ValidationException") },
    { 403, soma_string("UnrecognizedClientException") },
    { 0,   soma_string("AccessDeniedException") },
    { 0,   soma_string("ResourceNotFoundException") },
    { 0,   soma_string("ResourceNotFoundException") },
    { 0,   soma_string("ValidationException") },
    { 0,   soma_string("ConflictException") },
    { 0,   soma_string("ValidationException") },
    { 0,   soma_string("ValidationException") },
    { 0,   soma_string("ValidationException") },
    { 0,   soma_string("ConflictException") },
    { 0,   soma_string("ThrottlingException") },
    { 0,   soma_string("ServiceQuotaExceededException") },
    { 0,   soma_string("InternalServerException") },
    { 500, soma_string("InternalServerException") },
    { 0,   soma_string("ServiceUnavailableException") },
    { 408, soma_string("ModelTimeoutException") }
};


void
soma_bedrock_fault(soma_out_t *out, soma_fault_e fault, soma_str_t code,
    soma_str_t message)
{
    (void) fault;
    (void) code;

    soma_put_cstr(out, "{\"message\":");
    soma_put_json_str(out, message);
    soma_put_char(out, '}');
}


int
soma_bedrock_fault_status(soma_fault_e fault)
{
    return soma_bedrock_faults[fault].status
           ? soma_bedrock_faults[fault].status
           : soma_dialect_fault_status(fault);
}


soma_str_t
soma_bedrock_fault_name(soma_fault_e fault)
{
    return soma_bedrock_faults[fault].name;
}


/* those that a stream of Converse may have */

soma_str_t
soma_bedrock_fault_exception(int status)
{
    switch (status) {

    case 429:
        return SOMA_STR("throttlingException");

    case 503:
    case 529:
        return SOMA_STR("serviceUnavailableException");

    case 500:
        return SOMA_STR("internalServerException");
    }

    return (status >= 400 && status < 500 && status != 408 && status != 424)
           ? SOMA_STR("validationException")
           : SOMA_STR("modelStreamErrorException");
}


/* nothing comes behind an exception; a message that is too long for one frame
 * is not cut in the midst of a letter, but said to be so */

void
soma_bedrock_fault_event(soma_out_t *out, const soma_ask_t *ask,
    soma_fault_e fault, soma_str_t code, soma_str_t message)
{
    soma_out_t     payload;
    unsigned char  buf[SOMA_BEDROCK_MESSAGE_MAX];

    (void) ask;

    soma_put_init(&payload, buf, sizeof(buf));
    soma_bedrock_fault(&payload, fault, code, message);

    if (payload.full) {
        soma_put_init(&payload, buf, sizeof(buf));
        soma_bedrock_fault(&payload, fault, code,
                           SOMA_STR("the answer was broken off, for a reason "
                                    "that is too long to be told"));
    }

    /* what the provider broke is a model's error there */

    soma_bedrock_fault_frame(out, fault == SOMA_FAULT_UPSTREAM
                                  ? SOMA_STR("modelStreamErrorException")
                                  : soma_bedrock_fault_exception(
                                         soma_bedrock_fault_status(fault)),
                             1, &payload);
}


static void
soma_bedrock_fault_frame(soma_out_t *out, soma_str_t name, unsigned exception,
    soma_out_t *payload)
{
    size_t         len;
    soma_str_t     text;
    unsigned char  buf[SOMA_BEDROCK_MESSAGE_MAX
                       + soma_eventstream_size(64, 0)];

    text.data = payload->start;
    text.len = (size_t) (payload->pos - payload->start);

    len = soma_eventstream_write(buf, name, exception, text);

    soma_put(out, buf, len);
}


void
soma_bedrock_count(soma_out_t *out, const soma_ask_t *ask, int64_t tokens)
{
    (void) ask;

    soma_put_cstr(out, "{\"inputTokens\":");
    soma_put_int(out, tokens);
    soma_put_char(out, '}');
}


soma_str_t
soma_bedrock_stream_type(const soma_ask_t *ask)
{
    (void) ask;

    return SOMA_STR("application/vnd.amazon.eventstream");
}


/* a frame of an event that nobody knows: "ping", with {} in it */

soma_str_t
soma_bedrock_beat(const soma_ask_t *ask)
{
    (void) ask;

    return SOMA_STR("\0\0\0\\\0\0\0J\016\310U-"
                    "\013:event-type\007\0\004ping"
                    "\015:content-type\007\0\020application/json"
                    "\015:message-type\007\0\005event"
                    "{}Q\305\246\375");
}


/* what a model of words of its own would say, nobody knows: its frames end */

void
soma_bedrock_cut(soma_out_t *out, soma_ask_t *ask, soma_answer_t *answer,
    const soma_usage_t *usage, int64_t cost)
{
    int64_t        rest;
    unsigned       i;
    soma_out_t     payload;
    unsigned char  buf[SOMA_BEDROCK_PAYLOAD_MAX];

    if (ask->api == SOMA_API_INVOKE) {
        return;
    }

    for (i = 0; i < answer->progress.choices && !answer->finished; i++) {

        if (answer->progress.ended[i / 64] >> (i % 64) & 1) {
            continue;
        }

        soma_put_init(&payload, buf, sizeof(buf));
        soma_bedrock_cut_count(&payload, "{\"contentBlockIndex", i);
        soma_put_char(&payload, '}');
        soma_bedrock_fault_frame(out, SOMA_STR("contentBlockStop"), 0,
                                 &payload);
    }

    if (!answer->finished) {
        soma_put_init(&payload, buf, sizeof(buf));
        soma_put_cstr(&payload, "{\"stopReason\":\"max_tokens\"}");
        soma_bedrock_fault_frame(out, SOMA_STR("messageStop"), 0, &payload);
    }

    rest = usage->input_tokens - usage->cached_tokens
           - usage->cache_write_tokens;

    soma_put_init(&payload, buf, sizeof(buf));
    soma_bedrock_cut_count(&payload, "{\"usage\":{\"inputTokens",
                           rest > 0 ? rest : 0);
    soma_bedrock_cut_count(&payload, ",\"outputTokens",
                           usage->output_tokens);
    soma_bedrock_cut_count(&payload, ",\"totalTokens",
                           usage->input_tokens + usage->output_tokens);
    soma_bedrock_cut_count(&payload, ",\"cacheReadInputTokens",
                           usage->cached_tokens);
    soma_bedrock_cut_count(&payload, ",\"cacheWriteInputTokens",
                           usage->cache_write_tokens);

    if (cost >= 0) {
        soma_put_char(&payload, ',');
        soma_usage_cost_put(&payload, cost);
    }

    soma_put_cstr(&payload, "},\"metrics\":{\"latencyMs\":0}}");
    soma_bedrock_fault_frame(out, SOMA_STR("metadata"), 0, &payload);
}


static void
soma_bedrock_cut_count(soma_out_t *out, const char *name, int64_t n)
{
    soma_put_cstr(out, name);
    soma_put_cstr(out, "\":");
    soma_put_int(out, n);
}
