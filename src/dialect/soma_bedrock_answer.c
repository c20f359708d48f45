
/*
 * Copyright (C) The ngx_soma authors
 *
 * Writes answers of Converse out of the inner form: their frames, and what
 * begins and ends them.  Blocks are soma_bedrock_answer_blocks.c, a whole
 * answer is soma_bedrock_answer_whole.c.
 */


#include "soma_bedrock.h"
#include "soma_bedrock_answer.h"
#include "soma_eventstream.h"
#include "soma_usage_cost.h"
#include "soma_write.h"


#define SOMA_BEDROCK_NAME_MAX   64      /* of an event */
#define SOMA_BEDROCK_FRAME      1024    /* bytes of the first room */
#define SOMA_BEDROCK_NS         1000000 /* of a millisecond */


static void soma_bedrock_answer_finish(soma_bedrock_answer_t *answer,
    const soma_inner_event_t *event);
static int soma_bedrock_answer_end(soma_bedrock_answer_t *answer,
    soma_pieces_t *out);
static int soma_bedrock_answer_failed(soma_bedrock_answer_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event);


int
soma_bedrock_answer_write(soma_bedrock_answer_t *answer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    int  rc;

    if (answer->done || answer->failed || event->choice != 0) {
        return SOMA_OK;
    }

    if (answer->payload.arena == NULL) {
        soma_pieces_init(&answer->payload, answer->arena);
    }

    rc = SOMA_OK;

    switch (event->event) {

    case SOMA_INNER_START:
        if (event->usage != NULL && event->usage->input_tokens != 0) {
            answer->usage = *event->usage;
        }

        break;

    case SOMA_INNER_USAGE:
        answer->usage = *event->usage;
        break;

    case SOMA_INNER_BEGIN:
        rc = soma_bedrock_answer_begin(answer, out, event);
        break;

    case SOMA_INNER_DELTA:
    case SOMA_INNER_SIGNATURE:
    case SOMA_INNER_CITATION:
    case SOMA_INNER_MEDIA:
    case SOMA_INNER_CLOSE:
        rc = soma_bedrock_answer_add(answer, out, event);
        break;

    case SOMA_INNER_FINISH:
        soma_bedrock_answer_finish(answer, event);
        break;

    case SOMA_INNER_FAILED:
        rc = soma_bedrock_answer_failed(answer, out, event);
        break;

    case SOMA_INNER_END:
        rc = soma_bedrock_answer_end(answer, out);
        break;

    default:

        /* blocks of others and logprobs have no place in a message; the
         * provider's pings are its own */

        break;
    }

    return (rc == SOMA_OK && out->failed) ? SOMA_ERROR : rc;
}


static void
soma_bedrock_answer_finish(soma_bedrock_answer_t *answer,
    const soma_inner_event_t *event)
{
    answer->finish = event->finish;

    if (event->text.len != 0) {
        soma_pieces_init(&answer->stop, answer->arena);
        soma_pieces_char(&answer->stop, '"');
        soma_pieces_put(&answer->stop, event->text.data, event->text.len);
        soma_pieces_char(&answer->stop, '"');
    }
}


/* around answer->payload, in a room that is used again */

int
soma_bedrock_answer_frame(soma_bedrock_answer_t *answer, soma_pieces_t *out,
    soma_str_t name, unsigned exception)
{
    size_t          need, len;
    soma_str_t      payload;
    soma_arena_t   *arena;

    if (soma_pieces_whole(&answer->payload, &payload) != SOMA_OK) {
        return SOMA_ERROR;
    }

    need = soma_eventstream_size(SOMA_BEDROCK_NAME_MAX, payload.len);

    if (need > answer->size) {
        arena = answer->arena;
        len = answer->size ? answer->size : SOMA_BEDROCK_FRAME;

        while (len < need) {
            len *= 2;
        }

        answer->frame = arena->alloc(arena->data, len);
        if (answer->frame == NULL) {
            answer->size = 0;
            return SOMA_ERROR;
        }

        answer->size = len;
    }

    len = soma_eventstream_write(answer->frame, name, exception, payload);

    soma_pieces_put(out, answer->frame, len);
    soma_pieces_reset(&answer->payload);

    return SOMA_OK;
}


int
soma_bedrock_answer_message(soma_bedrock_answer_t *answer, soma_pieces_t *out)
{
    if (answer->begun) {
        return SOMA_OK;
    }

    answer->begun = 1;

    soma_pieces_cstr(&answer->payload, "{\"role\":\"assistant\"}");

    return soma_bedrock_answer_frame(answer, out, SOMA_STR("messageStart"),
                                     0);
}


/* a call makes a stop a call's, whatever the provider says of it */

void
soma_bedrock_answer_stop(soma_bedrock_answer_t *answer, soma_pieces_t *out)
{
    soma_str_t           stop;
    soma_inner_finish_e  finish;

    /* in the order of soma_inner_finish_e */
    static const char *const  reasons[] = {
        "end_turn", "stop_sequence", "tool_use", "max_tokens",
        "model_context_window_exceeded", "content_filtered", "end_turn",
        "end_turn", "malformed_tool_use", "end_turn"
    };

    finish = answer->finish;

    if (answer->calls
        && (finish == SOMA_INNER_STOP || finish == SOMA_INNER_OTHER))
    {
        finish = SOMA_INNER_TOOL_CALLS;
    }

    soma_write_word(out, "stopReason", reasons[finish]);

    if (finish != SOMA_INNER_STOP_SEQUENCE || answer->stop.len == 0
        || !(answer->stops || answer->delta_stops)
        || soma_pieces_whole(&answer->stop, &stop) != SOMA_OK)
    {
        return;
    }

    soma_write_name(out, "additionalModelResponseFields");
    soma_pieces_char(out, '{');

    if (answer->stops) {
        soma_write_raw(out, "stop_sequence", stop);
    }

    if (answer->delta_stops) {
        soma_write_name(out, "delta");
        soma_pieces_char(out, '{');
        soma_write_raw(out, "stop_sequence", stop);
        soma_pieces_char(out, '}');
    }

    soma_pieces_char(out, '}');
}


/* what the caller pays full for, and beside it what the cache did, which
 * cannot be more than there was; how long it took, and how it was served */

void
soma_bedrock_answer_usage(soma_bedrock_answer_t *answer, soma_pieces_t *out,
    int64_t cost)
{
    int64_t              rest, cached, written, hour;
    soma_out_t           said;
    unsigned char        buf[SOMA_USAGE_COST_MAX];
    const soma_usage_t  *usage;

    usage = &answer->usage;
    rest = usage->input_tokens;

    cached = (usage->cached_tokens < rest) ? usage->cached_tokens : rest;
    rest -= cached;

    written = (usage->cache_write_tokens < rest) ? usage->cache_write_tokens
                                                 : rest;
    rest -= written;

    hour = (usage->cache_write_1h_tokens < written)
           ? usage->cache_write_1h_tokens : written;

    soma_write_name(out, "usage");
    soma_pieces_char(out, '{');
    soma_write_int(out, "inputTokens", rest);
    soma_write_int(out, "outputTokens", usage->output_tokens);
    soma_write_int(out, "totalTokens",
                   usage->input_tokens + usage->output_tokens);

    if (cached != 0 || written != 0) {
        soma_write_int(out, "cacheReadInputTokens", cached);
        soma_write_int(out, "cacheWriteInputTokens", written);
    }

    if (hour != 0) {
        soma_write_name(out, "cacheDetails");
        soma_pieces_cstr(out, "[{\"ttl\":\"1h\"");
        soma_write_int(out, "inputTokens", hour);
        soma_pieces_char(out, '}');

        if (written != hour) {
            soma_pieces_cstr(out, ",{\"ttl\":\"5m\"");
            soma_write_int(out, "inputTokens", written - hour);
            soma_pieces_char(out, '}');
        }

        soma_pieces_char(out, ']');
    }

    if (cost >= 0) {
        soma_put_init(&said, buf, sizeof(buf));
        soma_usage_cost_put(&said, cost);

        soma_pieces_char(out, ',');
        soma_pieces_put(out, buf, (size_t) (said.pos - buf));
    }

    soma_pieces_char(out, '}');

    soma_write_name(out, "metrics");
    soma_pieces_char(out, '{');
    soma_write_int(out, "latencyMs", answer->elapsed / SOMA_BEDROCK_NS);
    soma_pieces_char(out, '}');

    if (usage->tier == SOMA_TIER_FLEX || usage->tier == SOMA_TIER_PRIORITY) {
        soma_write_name(out, "serviceTier");
        soma_pieces_char(out, '{');
        soma_write_word(out, "type", usage->tier == SOMA_TIER_FLEX
                                     ? "flex" : "priority");
        soma_pieces_char(out, '}');
    }
}


/* blocks that the provider left open are closed: the client waits for it */

static int
soma_bedrock_answer_end(soma_bedrock_answer_t *answer, soma_pieces_t *out)
{
    soma_bedrock_open_t  *open;

    answer->done = 1;

    if (!answer->stream) {
        return soma_bedrock_answer_whole(answer, out);
    }

    if (soma_bedrock_answer_message(answer, out) != SOMA_OK) {
        return SOMA_ERROR;
    }

    for (open = answer->open; open; open = open->next) {
        if (soma_bedrock_answer_shut(answer, out, open) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    soma_pieces_char(&answer->payload, '{');
    soma_bedrock_answer_stop(answer, &answer->payload);
    soma_pieces_char(&answer->payload, '}');

    if (soma_bedrock_answer_frame(answer, out, SOMA_STR("messageStop"), 0)
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    soma_pieces_char(&answer->payload, '{');
    soma_bedrock_answer_usage(answer, &answer->payload, answer->cost);
    soma_pieces_char(&answer->payload, '}');

    return soma_bedrock_answer_frame(answer, out, SOMA_STR("metadata"), 0);
}


/* of a stream; a whole answer that failed is an error with its status, which
 * is the business of whoever has the header to write */

static int
soma_bedrock_answer_failed(soma_bedrock_answer_t *answer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    answer->failed = 1;

    if (!answer->stream) {
        return SOMA_OK;
    }

    soma_pieces_char(&answer->payload, '{');
    soma_write_copy(&answer->payload, "message",
                    event->text.len ? event->text
                                    : SOMA_STR("the provider failed"));
    soma_pieces_char(&answer->payload, '}');

    return soma_bedrock_answer_frame(answer, out,
                                     soma_bedrock_fault_exception(
                                                           event->status),
                                     1);
}
