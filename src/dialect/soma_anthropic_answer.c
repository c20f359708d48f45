
/*
 * Copyright (C) The ngx_soma authors
 *
 * Writes streams of the Messages API out of the inner form; a whole answer
 * is gathered here and written by soma_anthropic_answer_whole.c.
 */


#include "soma_anthropic_answer.h"
#include "soma_write.h"


static int soma_anthropic_answer_begin(soma_anthropic_answer_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event);
static void soma_anthropic_answer_about(soma_anthropic_answer_t *answer,
    const soma_inner_event_t *event);
static void soma_anthropic_answer_finish(soma_anthropic_answer_t *answer,
    const soma_inner_event_t *event);
static int soma_anthropic_answer_add(soma_anthropic_answer_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event);
static void soma_anthropic_answer_flush(soma_anthropic_answer_t *answer,
    soma_pieces_t *out);
static void soma_anthropic_answer_start(soma_anthropic_answer_t *answer,
    soma_pieces_t *out, soma_anthropic_open_t *open);
static void soma_anthropic_answer_signed(soma_anthropic_answer_t *answer,
    soma_pieces_t *out, soma_anthropic_open_t *open);
static void soma_anthropic_answer_delta(soma_anthropic_answer_t *answer,
    soma_pieces_t *out, const char *type, const char *name,
    const char *quote, soma_pieces_t *text);
static void soma_anthropic_answer_waiting(soma_anthropic_answer_t *answer,
    soma_pieces_t *out, soma_anthropic_open_t *open);
static void soma_anthropic_answer_message(soma_anthropic_answer_t *answer,
    soma_pieces_t *out);
static int soma_anthropic_answer_end(soma_anthropic_answer_t *answer,
    soma_pieces_t *out);
static void soma_anthropic_answer_failed(soma_anthropic_answer_t *answer,
    soma_pieces_t *out, const char *type, soma_str_t message);


int
soma_anthropic_answer_write(soma_anthropic_answer_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event)
{
    int  rc;

    if (answer->done || answer->failed || event->choice != 0) {
        return SOMA_OK;
    }

    rc = SOMA_OK;

    switch (event->event) {

    case SOMA_INNER_START:
        soma_anthropic_answer_about(answer, event);
        break;

    case SOMA_INNER_USAGE:
        answer->usage = *event->usage;
        break;

    case SOMA_INNER_BEGIN:
    case SOMA_INNER_RAW:
        rc = soma_anthropic_answer_begin(answer, out, event);
        break;

    case SOMA_INNER_DELTA:
    case SOMA_INNER_SIGNATURE:
    case SOMA_INNER_CITATION:
    case SOMA_INNER_CLOSE:
        rc = soma_anthropic_answer_add(answer, out, event);
        break;

    case SOMA_INNER_FINISH:
        soma_anthropic_answer_finish(answer, event);
        break;

    case SOMA_INNER_FAILED:
        soma_anthropic_answer_failed(answer, out,
                                     soma_anthropic_answer_error(
                                                           event->status),
                                     event->text);
        break;

    case SOMA_INNER_END:
        rc = soma_anthropic_answer_end(answer, out);
        break;

    default:

        /* media and logprobs have no place in a message; the provider's
         * pings are its own */

        break;
    }

    return (rc == SOMA_OK && out->failed) ? SOMA_ERROR : rc;
}


static void
soma_anthropic_answer_about(soma_anthropic_answer_t *answer,
    const soma_inner_event_t *event)
{
    if (event->id.len != 0) {
        answer->id = soma_str_dup(answer->arena, event->id);
    }

    if (event->name.len != 0) {
        answer->model = soma_str_dup(answer->arena, event->name);
    }

    if (event->usage != NULL && event->usage->input_tokens != 0) {
        answer->usage = *event->usage;
    }
}


/* kept until the end: what the API says of it stands beside the usage */

static void
soma_anthropic_answer_finish(soma_anthropic_answer_t *answer,
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


const char *
soma_anthropic_answer_error(int status)
{
    size_t  i;

    static const struct {
        int          status;
        const char  *type;
    } types[] = {
        { 400, "invalid_request_error" },
        { 401, "authentication_error" },
        { 402, "billing_error" },
        { 403, "permission_error" },
        { 404, "not_found_error" },
        { 408, "timeout_error" },
        { 413, "request_too_large" },
        { 422, "invalid_request_error" },
        { 429, "rate_limit_error" },
        { 503, "overloaded_error" },
        { 504, "timeout_error" },
        { 529, "overloaded_error" }
    };

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (types[i].status == status) {
            return types[i].type;
        }
    }

    return "api_error";
}


/* a block that only another dialect can say is left out, and so are media */

static int
soma_anthropic_answer_begin(soma_anthropic_answer_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event)
{
    int                     rc;
    soma_anthropic_open_t  *open;

    if (event->event == SOMA_INNER_RAW) {
        if (!soma_str_is(event->maker, "anthropic")) {
            return SOMA_OK;
        }

    } else if (event->kind != SOMA_INNER_TEXT && event->kind != SOMA_INNER_CALL
               && event->kind != SOMA_INNER_REASONING
               && event->kind != SOMA_INNER_REFUSAL)
    {
        return SOMA_OK;
    }

    rc = soma_anthropic_answer_new(answer, &open);

    if (rc != SOMA_OK) {
        return rc;
    }

    open->block = event->block;
    open->kind = (event->event == SOMA_INNER_RAW) ? SOMA_INNER_OPAQUE
                                                  : event->kind;
    open->tool = event->tool;

    soma_anthropic_answer_head(answer, open, event);

    if (answer->stream) {
        soma_anthropic_answer_flush(answer, out);
    }

    return open->head.failed ? SOMA_ERROR : SOMA_OK;
}


static int
soma_anthropic_answer_add(soma_anthropic_answer_t *answer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    soma_anthropic_open_t  *open;

    open = soma_anthropic_answer_open(answer, event);

    if (open == NULL) {
        return SOMA_OK;
    }

    if (answer->stream && open != answer->open
        && event->event == SOMA_INNER_CITATION)
    {
        /* the API's own blocks are never mixed, so nobody misses it */

        return SOMA_OK;
    }

    soma_anthropic_answer_keep(open, event);

    if (open->text.failed || open->cites.failed || open->seal.failed) {
        return SOMA_ERROR;
    }

    if (!answer->stream) {
        return SOMA_OK;
    }

    if (open == answer->open) {
        soma_anthropic_answer_flush(answer, out);
        return SOMA_OK;
    }

    answer->held += event->text.len + event->raw.len + event->opaque.len;

    if (answer->held > SOMA_ANTHROPIC_HELD_MAX) {
        answer->error = "the provider's blocks are mixed, and more than 4 MB "
                        "wait for the first one's end";
        return SOMA_DECLINED;
    }

    return SOMA_OK;
}


/* writes what the first block has, and of those behind it that may follow */

static void
soma_anthropic_answer_flush(soma_anthropic_answer_t *answer,
    soma_pieces_t *out)
{
    soma_anthropic_open_t  *open;

    while (answer->open != NULL) {
        open = answer->open;

        soma_anthropic_answer_waiting(answer, out, open);

        if (!open->closed) {
            return;
        }

        if (open->started) {
            soma_pieces_cstr(out, "event: content_block_stop\n"
                                  "data: {\"type\":\"content_block_stop\","
                                  "\"index\":");
            soma_pieces_int(out, answer->index++);
            soma_pieces_cstr(out, "}\n\n");
        }

        if (open->kind == SOMA_INNER_CALL && open->seal.len != 0) {
            soma_anthropic_answer_signed(answer, out, open);
        }

        answer->open = open->next;
        open->next = answer->spare;
        answer->spare = open;

        if (answer->open != NULL && answer->open->next == NULL) {

            /* nothing waits behind the one that is first now */

            answer->held = 0;
        }
    }

    answer->held = 0;
}


static void
soma_anthropic_answer_waiting(soma_anthropic_answer_t *answer,
    soma_pieces_t *out, soma_anthropic_open_t *open)
{
    /* of a block that has nothing in it nothing is said: clients send it
     * back, and the API refuses that */

    if (!open->started && open->kind != SOMA_INNER_CALL
        && open->kind != SOMA_INNER_OPAQUE && open->text.len == 0
        && open->cites.len == 0 && !open->sealed)
    {
        return;
    }

    /* a call's signature goes before it, if it comes in time */

    if (!open->started && open->kind == SOMA_INNER_CALL && !open->closed
        && open->text.len == 0)
    {
        return;
    }

    if (!open->started) {
        soma_anthropic_answer_start(answer, out, open);
    }

    switch (open->kind) {

    case SOMA_INNER_OPAQUE:
        return;

    case SOMA_INNER_CALL:
        soma_anthropic_answer_delta(answer, out, "input_json_delta",
                                    "partial_json", "\"", &open->text);
        break;

    case SOMA_INNER_REASONING:
        if (open->redacted) {
            return;
        }

        soma_anthropic_answer_delta(answer, out, "thinking_delta", "thinking",
                                    "\"", &open->text);
        soma_anthropic_answer_delta(answer, out, "signature_delta",
                                    "signature", "\"", &open->seal);
        break;

    default:
        soma_anthropic_answer_delta(answer, out, "text_delta", "text",
                                    "\"", &open->text);
        soma_anthropic_answer_delta(answer, out, "citations_delta",
                                    "citation", "", &open->cites);
    }
}


static void
soma_anthropic_answer_start(soma_anthropic_answer_t *answer,
    soma_pieces_t *out, soma_anthropic_open_t *open)
{
    soma_anthropic_answer_message(answer, out);

    open->started = 1;

    if (open->kind == SOMA_INNER_CALL && open->seal.len != 0) {
        soma_anthropic_answer_signed(answer, out, open);
    }

    soma_pieces_cstr(out, "event: content_block_start\n"
                          "data: {\"type\":\"content_block_start\","
                          "\"index\":");
    soma_pieces_int(out, answer->index);
    soma_pieces_cstr(out, ",\"content_block\":");

    switch (open->kind) {

    case SOMA_INNER_OPAQUE:
        soma_pieces_join(out, &open->head);
        break;

    case SOMA_INNER_CALL:
        soma_pieces_char(out, '{');
        soma_pieces_join(out, &open->head);
        soma_pieces_cstr(out, ",\"input\":{}}");
        break;

    case SOMA_INNER_REASONING:
        if (open->redacted) {
            soma_pieces_cstr(out, "{\"type\":\"redacted_thinking\","
                                  "\"data\":\"");
            soma_pieces_join(out, &open->seal);
            soma_pieces_cstr(out, "\"}");
            break;
        }

        soma_pieces_cstr(out, "{\"type\":\"thinking\",\"thinking\":\"\","
                              "\"signature\":\"\"}");
        break;

    default:
        soma_pieces_cstr(out, "{\"type\":\"text\",\"text\":\"\"}");
    }

    soma_pieces_cstr(out, "}\n\n");
}


/* the signature of a call, in a block of its own */

static void
soma_anthropic_answer_signed(soma_anthropic_answer_t *answer,
    soma_pieces_t *out, soma_anthropic_open_t *open)
{
    soma_pieces_cstr(out, "event: content_block_start\n"
                          "data: {\"type\":\"content_block_start\","
                          "\"index\":");
    soma_pieces_int(out, answer->index);
    soma_pieces_cstr(out, ",\"content_block\":{\"type\":"
                          "\"redacted_thinking\",\"data\":\"");
    soma_pieces_join(out, &open->seal);
    soma_pieces_cstr(out, "\"}}\n\n"
                          "event: content_block_stop\n"
                          "data: {\"type\":\"content_block_stop\","
                          "\"index\":");
    soma_pieces_int(out, answer->index++);
    soma_pieces_cstr(out, "}\n\n");

    soma_pieces_reset(&open->seal);
}


static void
soma_anthropic_answer_delta(soma_anthropic_answer_t *answer,
    soma_pieces_t *out, const char *type, const char *name,
    const char *quote, soma_pieces_t *text)
{
    if (text->len == 0) {
        return;
    }

    soma_pieces_cstr(out, "event: content_block_delta\n"
                          "data: {\"type\":\"content_block_delta\","
                          "\"index\":");
    soma_pieces_int(out, answer->index);
    soma_pieces_cstr(out, ",\"delta\":{");
    soma_write_word(out, "type", type);
    soma_write_name(out, name);
    soma_pieces_cstr(out, quote);
    soma_pieces_join(out, text);
    soma_pieces_cstr(out, quote);
    soma_pieces_cstr(out, "}}\n\n");

    soma_pieces_reset(text);
}


static void
soma_anthropic_answer_message(soma_anthropic_answer_t *answer,
    soma_pieces_t *out)
{
    if (answer->begun) {
        return;
    }

    answer->begun = 1;

    soma_pieces_cstr(out, "event: message_start\n"
                          "data: {\"type\":\"message_start\","
                          "\"message\":{");
    soma_write_quoted(out, "id", answer->id);
    soma_write_word(out, "type", "message");
    soma_write_word(out, "role", "assistant");
    soma_write_quoted(out, "model", answer->model);
    soma_pieces_cstr(out, ",\"content\":[],\"stop_reason\":null,"
                          "\"stop_sequence\":null,\"usage\":");
    soma_anthropic_answer_usage(out, &answer->usage, -1);
    soma_pieces_cstr(out, "}}\n\n");
}


/* a call makes a stop a call's, whatever the provider says of it, and a
 * refusal one of the model's */

void
soma_anthropic_answer_stop(soma_anthropic_answer_t *answer,
    soma_pieces_t *out)
{
    soma_inner_finish_e  finish;

    /* in the order of soma_inner_finish_e */
    static const char *const  reasons[] = {
        "end_turn", "stop_sequence", "tool_use", "max_tokens",
        "model_context_window_exceeded", "refusal", "refusal", "pause_turn",
        "end_turn", "end_turn"
    };

    finish = answer->finish;

    if (finish == SOMA_INNER_STOP || finish == SOMA_INNER_OTHER) {
        finish = answer->calls ? SOMA_INNER_TOOL_CALLS
                 : answer->refused ? SOMA_INNER_REFUSED : finish;
    }

    soma_write_word(out, "stop_reason", reasons[finish]);
    soma_write_name(out, "stop_sequence");

    if (finish == SOMA_INNER_STOP_SEQUENCE && answer->stop.len != 0) {
        soma_pieces_join(out, &answer->stop);

    } else {
        soma_pieces_cstr(out, "null");
    }
}


/* blocks that the provider left open are closed: the client waits for it */

static int
soma_anthropic_answer_end(soma_anthropic_answer_t *answer, soma_pieces_t *out)
{
    soma_anthropic_open_t  *open;

    answer->done = 1;

    if (answer->finish == SOMA_INNER_MALFORMED_CALL) {
        answer->error = "the model made a call that is malformed";

        if (!answer->stream) {
            return SOMA_DECLINED;
        }

        soma_anthropic_answer_failed(answer, out, "api_error",
                                     SOMA_STR("the model made a call that is "
                                              "malformed"));
        return SOMA_OK;
    }

    if (!answer->stream) {
        return soma_anthropic_answer_whole(answer, out);
    }

    for (open = answer->open; open; open = open->next) {
        open->closed = 1;
    }

    soma_anthropic_answer_flush(answer, out);
    soma_anthropic_answer_message(answer, out);

    soma_pieces_cstr(out, "event: message_delta\n"
                          "data: {\"type\":\"message_delta\",\"delta\":{");
    soma_anthropic_answer_stop(answer, out);
    soma_pieces_cstr(out, "},\"usage\":");
    soma_anthropic_answer_usage(out, &answer->usage, answer->cost);
    soma_pieces_cstr(out, "}\n\n"
                          "event: message_stop\n"
                          "data: {\"type\":\"message_stop\"}\n\n");

    return SOMA_OK;
}


/* of a stream; a whole answer that failed is an error with its status, which
 * is the business of whoever has the header to write */

static void
soma_anthropic_answer_failed(soma_anthropic_answer_t *answer,
    soma_pieces_t *out, const char *type, soma_str_t message)
{
    answer->failed = 1;

    if (!answer->stream) {
        return;
    }

    soma_pieces_cstr(out, "event: error\n"
                          "data: {\"type\":\"error\",\"error\":{");
    soma_write_word(out, "type", type);
    soma_write_copy(out, "message", message);
    soma_pieces_cstr(out, "}}\n\n");
}
