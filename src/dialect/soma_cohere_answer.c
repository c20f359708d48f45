
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_cohere_answer.h"
#include "soma_cohere_request.h"
#include "soma_seal.h"
#include "soma_usage_cost.h"
#include "soma_write.h"


static int soma_cohere_answer_begin(soma_cohere_answer_t *answer,
    const soma_inner_event_t *event);
static int soma_cohere_answer_new(soma_cohere_answer_t *answer,
    soma_cohere_open_t **result);
static int soma_cohere_answer_add(soma_cohere_answer_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event);
static void soma_cohere_answer_keep(soma_cohere_open_t *open,
    const soma_inner_event_t *event);
static void soma_cohere_answer_flush(soma_cohere_answer_t *answer,
    soma_pieces_t *out);
static void soma_cohere_answer_start(soma_cohere_answer_t *answer,
    soma_pieces_t *out, soma_cohere_open_t *open);
static void soma_cohere_answer_delta(soma_cohere_answer_t *answer,
    soma_pieces_t *out, soma_cohere_open_t *open);
static void soma_cohere_answer_stop(soma_cohere_answer_t *answer,
    soma_pieces_t *out, soma_cohere_open_t *open);
static void soma_cohere_answer_event(soma_pieces_t *out, const char *type);
static void soma_cohere_answer_message(soma_cohere_answer_t *answer,
    soma_pieces_t *out);
static void soma_cohere_answer_carry(soma_cohere_answer_t *answer,
    soma_cohere_open_t *open);
static int soma_cohere_answer_id(soma_cohere_answer_t *answer,
    soma_cohere_open_t *open, soma_str_t *id);
static void soma_cohere_answer_call(soma_cohere_answer_t *answer,
    soma_pieces_t *out, soma_cohere_open_t *open);
static void soma_cohere_answer_finish(soma_cohere_answer_t *answer,
    soma_pieces_t *out);
static void soma_cohere_answer_usage(soma_cohere_answer_t *answer,
    soma_pieces_t *out);
static void soma_cohere_answer_whole(soma_cohere_answer_t *answer,
    soma_pieces_t *out);
static void soma_cohere_answer_end(soma_cohere_answer_t *answer,
    soma_pieces_t *out);
static void soma_cohere_answer_failed(soma_cohere_answer_t *answer,
    soma_pieces_t *out, soma_str_t message);


#define soma_cohere_kind(open)                                                \
    ((open)->kind == SOMA_INNER_REASONING ? "thinking" : "text")


int
soma_cohere_answer_write(soma_cohere_answer_t *answer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    int  rc;

    if (answer->done || answer->failed || event->choice != 0) {
        return SOMA_OK;
    }

    rc = SOMA_OK;

    switch (event->event) {

    case SOMA_INNER_START:
        if (event->id.len != 0) {
            answer->id = soma_str_dup(answer->arena, event->id);
        }

        if (event->usage != NULL && event->usage->input_tokens != 0) {
            answer->usage = *event->usage;
        }

        break;

    case SOMA_INNER_USAGE:
        answer->usage = *event->usage;
        break;

    case SOMA_INNER_BEGIN:
        rc = soma_cohere_answer_begin(answer, event);
        break;

    case SOMA_INNER_DELTA:
    case SOMA_INNER_SIGNATURE:
    case SOMA_INNER_CLOSE:
        rc = soma_cohere_answer_add(answer, out, event);
        break;

    case SOMA_INNER_FINISH:
        answer->finish = event->finish;
        break;

    case SOMA_INNER_FAILED:
        soma_cohere_answer_failed(answer, out, event->text);
        break;

    case SOMA_INNER_END:
        soma_cohere_answer_end(answer, out);
        break;

    default:

        /* media and logprobs have no place in a message; citations are of
         * another dialect's offsets */

        break;
    }

    return (rc == SOMA_OK && out->failed) ? SOMA_ERROR : rc;
}


/* a block that only another dialect can say is left out, and so are media */

static int
soma_cohere_answer_begin(soma_cohere_answer_t *answer,
    const soma_inner_event_t *event)
{
    int                  rc;
    soma_cohere_open_t  *open;

    if (event->kind != SOMA_INNER_TEXT && event->kind != SOMA_INNER_CALL
        && event->kind != SOMA_INNER_REASONING
        && event->kind != SOMA_INNER_REFUSAL)
    {
        return SOMA_OK;
    }

    rc = soma_cohere_answer_new(answer, &open);

    if (rc != SOMA_OK) {
        return rc;
    }

    open->block = event->block;
    open->kind = event->kind;

    if (event->kind == SOMA_INNER_CALL) {
        answer->called = 1;
        open->id = soma_str_dup(answer->arena, event->id);
        open->name = soma_str_dup(answer->arena, event->name);

        if ((event->id.len != 0 && open->id.data == NULL)
            || (event->name.len != 0 && open->name.data == NULL))
        {
            return SOMA_ERROR;
        }
    }

    return SOMA_OK;
}


/* the last of the list */

static int
soma_cohere_answer_new(soma_cohere_answer_t *answer,
    soma_cohere_open_t **result)
{
    soma_cohere_open_t  *open;

    open = answer->spare;

    if (open != NULL) {
        answer->spare = open->next;
        soma_pieces_reset(&open->text);
        soma_pieces_reset(&open->seal);

    } else if (answer->nopen == (answer->stream ? SOMA_INNER_OPEN_MAX
                                                : SOMA_INNER_BLOCKS_MAX))
    {
        answer->error = "the answer has too many blocks open at once";
        return SOMA_DECLINED;

    } else {
        open = answer->arena->alloc(answer->arena->data,
                                    sizeof(soma_cohere_open_t));
        if (open == NULL) {
            return SOMA_ERROR;
        }

        answer->nopen++;
        soma_pieces_init(&open->text, answer->arena);
        soma_pieces_init(&open->seal, answer->arena);
    }

    open->next = NULL;
    open->id = (soma_str_t) soma_str_null;
    open->name = (soma_str_t) soma_str_null;
    open->started = 0;
    open->closed = 0;

    if (answer->open == NULL) {
        answer->last = &answer->open;
    }

    *answer->last = open;
    answer->last = &open->next;

    *result = open;

    return SOMA_OK;
}


static int
soma_cohere_answer_add(soma_cohere_answer_t *answer, soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    soma_cohere_open_t  *open;

    for (open = answer->open; open; open = open->next) {
        if (open->block == event->block && !open->closed) {
            break;
        }
    }

    if (open == NULL) {
        return SOMA_OK;
    }

    soma_cohere_answer_keep(open, event);

    if (open->text.failed || open->seal.failed) {
        return SOMA_ERROR;
    }

    if (!answer->stream) {
        return SOMA_OK;
    }

    if (open == answer->open) {
        soma_cohere_answer_flush(answer, out);
        return SOMA_OK;
    }

    answer->held += event->text.len;

    if (answer->held > SOMA_COHERE_HELD_MAX) {
        answer->error = "the provider's blocks are mixed, and more than 4 MB "
                        "wait for the first one's end";
        return SOMA_DECLINED;
    }

    return SOMA_OK;
}


/* a signature goes into a call's id, for there is no other place that clients
 * send back: that of reasoning into the id of the call which follows it */

static void
soma_cohere_answer_keep(soma_cohere_open_t *open,
    const soma_inner_event_t *event)
{
    switch (event->event) {

    case SOMA_INNER_DELTA:
        soma_pieces_put(&open->text, event->text.data, event->text.len);
        break;

    case SOMA_INNER_SIGNATURE:

        if ((open->kind == SOMA_INNER_CALL
             || open->kind == SOMA_INNER_REASONING)
            && open->seal.len == 0
            && event->text.len + event->opaque.len < SOMA_COHERE_SEAL_MAX)
        {
            soma_seal_put(&open->seal, event);
        }

        break;

    default:
        open->closed = 1;
    }
}


/* writes what the first block has, and of those behind it that may follow */

static void
soma_cohere_answer_flush(soma_cohere_answer_t *answer, soma_pieces_t *out)
{
    soma_cohere_open_t  *open;

    while (answer->open != NULL) {
        open = answer->open;

        /* a call waits for its signature, and has arguments whatever the
         * model says; of a block that has nothing in it nothing is said */

        if (!open->started && open->text.len == 0 && open->closed
            && open->kind == SOMA_INNER_CALL)
        {
            soma_pieces_cstr(&open->text, "{}");
        }

        if (!open->started && open->text.len != 0) {
            soma_cohere_answer_start(answer, out, open);
        }

        if (open->text.len != 0) {
            soma_cohere_answer_delta(answer, out, open);
        }

        if (!open->closed) {
            return;
        }

        if (open->started) {
            soma_cohere_answer_stop(answer, out, open);
        }

        soma_cohere_answer_carry(answer, open);

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
soma_cohere_answer_event(soma_pieces_t *out, const char *type)
{
    soma_pieces_cstr(out, "event: ");
    soma_pieces_cstr(out, type);
    soma_pieces_cstr(out, "\ndata: {\"type\":\"");
    soma_pieces_cstr(out, type);
    soma_pieces_char(out, '"');
}


static void
soma_cohere_answer_message(soma_cohere_answer_t *answer, soma_pieces_t *out)
{
    if (answer->begun) {
        return;
    }

    answer->begun = 1;

    soma_cohere_answer_event(out, "message-start");
    soma_write_quoted(out, "id", answer->id);
    soma_pieces_cstr(out, ",\"delta\":{\"message\":{\"role\":\"assistant\"}}"
                          "}\n\n");
}


static void
soma_cohere_answer_start(soma_cohere_answer_t *answer, soma_pieces_t *out,
    soma_cohere_open_t *open)
{
    soma_cohere_answer_message(answer, out);

    open->started = 1;

    if (open->kind == SOMA_INNER_CALL) {
        soma_cohere_answer_event(out, "tool-call-start");
        soma_write_int(out, "index", answer->calls);
        soma_pieces_cstr(out, ",\"delta\":{\"message\":{\"tool_calls\":");
        soma_cohere_answer_call(answer, out, open);
        soma_pieces_cstr(out, "\"\"}}}}}\n\n");
        return;
    }

    soma_cohere_answer_event(out, "content-start");
    soma_write_int(out, "index", answer->contents);
    soma_pieces_cstr(out, ",\"delta\":{\"message\":{\"content\":{");
    soma_write_word(out, "type", soma_cohere_kind(open));
    soma_write_word(out, soma_cohere_kind(open), "");
    soma_pieces_cstr(out, "}}}}\n\n");
}


static void
soma_cohere_answer_carry(soma_cohere_answer_t *answer,
    soma_cohere_open_t *open)
{
    soma_str_t  seal;

    if (open->kind != SOMA_INNER_REASONING || open->seal.len == 0
        || soma_pieces_whole(&open->seal, &seal) != SOMA_OK)
    {
        return;
    }

    answer->carried = soma_str_dup(answer->arena, seal);
}


/* with its own signature, or with that of the reasoning before it */

static int
soma_cohere_answer_id(soma_cohere_answer_t *answer, soma_cohere_open_t *open,
    soma_str_t *id)
{
    soma_str_t     envelope;
    const char    *mark;
    soma_pieces_t  whole;

    *id = open->id;

    if (open->seal.len == 0 && answer->carried.len == 0) {
        return SOMA_OK;
    }

    mark = SOMA_SEAL_BEFORE;
    envelope = answer->carried;

    if (open->seal.len != 0) {
        mark = SOMA_SEAL_OWN;

        if (soma_pieces_whole(&open->seal, &envelope) != SOMA_OK) {
            return SOMA_ERROR;
        }

    } else {
        answer->carried = (soma_str_t) soma_str_null;
    }

    if (open->id.len + SOMA_COHERE_ID_ROOM >= SOMA_INNER_ID_MAX) {
        return SOMA_OK;
    }

    soma_pieces_init(&whole, answer->arena);
    soma_pieces_put(&whole, open->id.data, open->id.len);
    soma_pieces_cstr(&whole, mark);

    if (soma_seal_put_id(&whole, envelope, answer->seals, SOMA_INNER_ID_MAX
                         - SOMA_COHERE_ID_ROOM - open->id.len)
        != SOMA_OK)
    {
        return SOMA_OK;
    }

    return soma_pieces_whole(&whole, id);
}


/* up to its arguments */

static void
soma_cohere_answer_call(soma_cohere_answer_t *answer, soma_pieces_t *out,
    soma_cohere_open_t *open)
{
    soma_str_t  id;

    if (soma_cohere_answer_id(answer, open, &id) != SOMA_OK) {
        out->failed = 1;
        return;
    }

    soma_pieces_char(out, '{');
    soma_write_quoted(out, "id", id);
    soma_write_word(out, "type", "function");
    soma_pieces_cstr(out, ",\"function\":{");
    soma_write_quoted(out, "name", open->name);
    soma_write_name(out, "arguments");
}


/* the text of arguments is that of a JSON string already */

static void
soma_cohere_answer_delta(soma_cohere_answer_t *answer, soma_pieces_t *out,
    soma_cohere_open_t *open)
{
    if (open->kind == SOMA_INNER_CALL) {
        soma_cohere_answer_event(out, "tool-call-delta");
        soma_write_int(out, "index", answer->calls);
        soma_pieces_cstr(out, ",\"delta\":{\"message\":{\"tool_calls\":{"
                              "\"function\":{\"arguments\":\"");
        soma_pieces_join(out, &open->text);
        soma_pieces_cstr(out, "\"}}}}}\n\n");

    } else {
        soma_cohere_answer_event(out, "content-delta");
        soma_write_int(out, "index", answer->contents);
        soma_pieces_cstr(out, ",\"delta\":{\"message\":{\"content\":{");
        soma_write_name(out, soma_cohere_kind(open));
        soma_pieces_char(out, '"');
        soma_pieces_join(out, &open->text);
        soma_pieces_cstr(out, "\"}}}}\n\n");
    }

    soma_pieces_reset(&open->text);
}


static void
soma_cohere_answer_stop(soma_cohere_answer_t *answer, soma_pieces_t *out,
    soma_cohere_open_t *open)
{
    unsigned  call;

    call = (open->kind == SOMA_INNER_CALL);

    soma_cohere_answer_event(out, call ? "tool-call-end" : "content-end");
    soma_write_int(out, "index", call ? answer->calls++
                                      : answer->contents++);
    soma_pieces_cstr(out, "}\n\n");
}


/* a call makes a stop a call's, whatever the provider says of it */

static void
soma_cohere_answer_finish(soma_cohere_answer_t *answer, soma_pieces_t *out)
{
    soma_inner_finish_e  finish;

    /* in the order of soma_inner_finish_e */
    static const char *const  reasons[] = {
        "COMPLETE", "STOP_SEQUENCE", "TOOL_CALL", "MAX_TOKENS", "MAX_TOKENS",
        "ERROR", "COMPLETE", "COMPLETE", "ERROR", "COMPLETE"
    };

    finish = answer->finish;

    if (answer->called
        && (finish == SOMA_INNER_STOP || finish == SOMA_INNER_OTHER))
    {
        finish = SOMA_INNER_TOOL_CALLS;
    }

    soma_write_word(out, "finish_reason", reasons[finish]);
}


/* what is billed here are the tokens */

static void
soma_cohere_answer_usage(soma_cohere_answer_t *answer, soma_pieces_t *out)
{
    soma_out_t           cost;
    unsigned char        buf[SOMA_USAGE_COST_MAX];
    const soma_usage_t  *usage;

    usage = &answer->usage;

    soma_pieces_cstr(out, ",\"usage\":{\"billed_units\":{");
    soma_write_int(out, "input_tokens", usage->input_tokens);
    soma_write_int(out, "output_tokens", usage->output_tokens);
    soma_pieces_cstr(out, "},\"tokens\":{");
    soma_write_int(out, "input_tokens", usage->input_tokens);
    soma_write_int(out, "output_tokens", usage->output_tokens);

    if (usage->reasoning_tokens != 0) {
        soma_write_int(out, "reasoning_tokens", usage->reasoning_tokens);
    }

    soma_pieces_char(out, '}');
    soma_write_int(out, "cached_tokens", usage->cached_tokens);

    if (answer->stream && answer->cost >= 0) {
        soma_put_init(&cost, buf, sizeof(buf));
        soma_usage_cost_put(&cost, answer->cost);
        soma_pieces_char(out, ',');
        soma_pieces_put(out, buf, (size_t) (cost.pos - cost.start));
    }

    soma_pieces_char(out, '}');
}


static void
soma_cohere_answer_whole(soma_cohere_answer_t *answer, soma_pieces_t *out)
{
    soma_cohere_open_t  *open;

    soma_pieces_char(out, '{');
    soma_write_quoted(out, "id", answer->id);
    soma_pieces_cstr(out, ",\"message\":{\"role\":\"assistant\","
                          "\"content\":[");

    for (open = answer->open; open; open = open->next) {

        if (open->kind == SOMA_INNER_CALL || open->text.len == 0) {
            continue;
        }

        soma_pieces_cstr(out, out->tail == '[' ? "{" : ",{");
        soma_write_word(out, "type", soma_cohere_kind(open));
        soma_write_name(out, soma_cohere_kind(open));
        soma_pieces_char(out, '"');
        soma_pieces_join(out, &open->text);
        soma_pieces_cstr(out, "\"}");
    }

    soma_pieces_char(out, ']');

    if (answer->called) {
        soma_pieces_cstr(out, ",\"tool_calls\":[");

        for (open = answer->open; open; open = open->next) {

            if (open->kind != SOMA_INNER_CALL) {
                soma_cohere_answer_carry(answer, open);
                continue;
            }

            soma_pieces_cstr(out, out->tail == '[' ? "" : ",");
            soma_cohere_answer_call(answer, out, open);
            soma_pieces_char(out, '"');

            if (open->text.len == 0) {
                soma_pieces_cstr(out, "{}");
            }

            soma_pieces_join(out, &open->text);
            soma_pieces_cstr(out, "\"}}");
        }

        soma_pieces_char(out, ']');
    }

    soma_pieces_char(out, '}');
    soma_cohere_answer_finish(answer, out);
    soma_cohere_answer_usage(answer, out);
    soma_pieces_cstr(out, "}\n");
}


/* blocks that the provider left open are closed: the client waits for it */

static void
soma_cohere_answer_end(soma_cohere_answer_t *answer, soma_pieces_t *out)
{
    soma_cohere_open_t  *open;

    answer->done = 1;

    if (!answer->stream) {
        soma_cohere_answer_whole(answer, out);
        return;
    }

    for (open = answer->open; open; open = open->next) {
        open->closed = 1;
    }

    soma_cohere_answer_flush(answer, out);
    soma_cohere_answer_message(answer, out);

    soma_cohere_answer_event(out, "message-end");
    soma_pieces_cstr(out, ",\"delta\":{");
    soma_cohere_answer_finish(answer, out);
    soma_cohere_answer_usage(answer, out);
    soma_pieces_cstr(out, "}}\n\ndata: [DONE]\n\n");
}


/* of a stream; a whole answer that failed is an error with its status, which
 * is the business of whoever has the header to write */

static void
soma_cohere_answer_failed(soma_cohere_answer_t *answer, soma_pieces_t *out,
    soma_str_t message)
{
    answer->failed = 1;

    if (!answer->stream) {
        return;
    }

    soma_cohere_answer_message(answer, out);
    soma_cohere_answer_event(out, "message-end");
    soma_pieces_cstr(out, ",\"delta\":{\"finish_reason\":\"ERROR\"");
    soma_write_copy(out, "error", message);
    soma_pieces_cstr(out, "}}\n\n");
}
