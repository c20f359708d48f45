
/*
 * Copyright (C) The ngx_soma authors
 *
 * Writes answers of the Responses API out of the inner form.
 */


#include "soma_openai_request.h"
#include "soma_openai_responses.h"
#include "soma_write.h"


static int soma_openai_responses_broken(soma_openai_responses_t *answer);
static int soma_openai_responses_empty(soma_openai_responses_t *answer,
    soma_pieces_t *out);
static int soma_openai_responses_start(soma_openai_responses_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event);
static int soma_openai_responses_begin(soma_openai_responses_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event);
static soma_openai_item_t *soma_openai_responses_new(
    soma_openai_responses_t *answer, const soma_inner_event_t *event);
static soma_openai_part_t *soma_openai_responses_joins(
    soma_openai_responses_t *answer, soma_openai_item_t *item,
    const soma_inner_event_t *event);
static int soma_openai_responses_delta(soma_openai_responses_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event);
static int soma_openai_responses_more(soma_openai_responses_t *answer,
    soma_pieces_t *out, soma_openai_part_t *part, soma_str_t text);
static int soma_openai_responses_close(soma_openai_responses_t *answer,
    soma_pieces_t *out, soma_openai_part_t *part);
static void soma_openai_responses_whole(soma_openai_responses_t *answer,
    soma_pieces_t *out, soma_openai_part_t *part);
static void soma_openai_responses_settle(soma_openai_responses_t *answer,
    soma_pieces_t *out);
static int soma_openai_responses_finish(soma_openai_responses_t *answer,
    soma_pieces_t *out, soma_inner_finish_e finish);
static int soma_openai_responses_end(soma_openai_responses_t *answer,
    soma_pieces_t *out);
static int soma_openai_responses_failed(soma_openai_responses_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event);


/* what the events of a part are called: as its words come, all of them, and
 * the member that has those */
typedef struct {
    const char  *delta;
    const char  *done;
    const char  *name;
} soma_openai_responses_words_t;

static const soma_openai_responses_words_t  soma_openai_responses_text = {
    "response.output_text.delta", "response.output_text.done", "text"
};

static const soma_openai_responses_words_t  soma_openai_responses_refusal = {
    "response.refusal.delta", "response.refusal.done", "refusal"
};

static const soma_openai_responses_words_t  soma_openai_responses_summary = {
    "response.reasoning_summary_text.delta",
    "response.reasoning_summary_text.done", "text"
};

static const soma_openai_responses_words_t  soma_openai_responses_function = {
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done", "arguments"
};

static const soma_openai_responses_words_t  soma_openai_responses_custom = {
    "response.custom_tool_call_input.delta",
    "response.custom_tool_call_input.done", "input"
};


static const soma_openai_responses_words_t *
soma_openai_responses_words(const soma_openai_part_t *part)
{
    switch (part->kind) {

    case SOMA_INNER_TEXT:
        return &soma_openai_responses_text;

    case SOMA_INNER_REFUSAL:
        return &soma_openai_responses_refusal;

    case SOMA_INNER_REASONING:
        return &soma_openai_responses_summary;

    case SOMA_INNER_CALL:
        return (part->item->tool == SOMA_INNER_CUSTOM)
               ? &soma_openai_responses_custom
               : &soma_openai_responses_function;

    default:
        return NULL;
    }
}


/* a response is one answer: what other choices say has no place in it */

int
soma_openai_responses_write(soma_openai_responses_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event)
{
    int                  rc;
    soma_openai_part_t  *part;

    if (answer->done || event->choice != 0) {
        return SOMA_OK;
    }

    rc = SOMA_OK;

    switch (event->event) {

    case SOMA_INNER_START:
        rc = soma_openai_responses_start(answer, out, event);
        break;

    case SOMA_INNER_BEGIN:
        rc = soma_openai_responses_begin(answer, out, event);
        break;

    case SOMA_INNER_DELTA:
    case SOMA_INNER_MEDIA:
        rc = soma_openai_responses_delta(answer, out, event);
        break;

    case SOMA_INNER_SIGNATURE:
        rc = soma_openai_responses_seal(answer, event);
        break;

    case SOMA_INNER_PROBS:
        rc = soma_openai_responses_probs(answer, event);
        break;

    case SOMA_INNER_CITATION:
        rc = soma_openai_responses_note(answer, out, event);
        break;

    case SOMA_INNER_CLOSE:
        part = soma_openai_responses_find(answer, event);
        rc = part ? soma_openai_responses_close(answer, out, part) : SOMA_OK;
        break;

    case SOMA_INNER_USAGE:
        answer->usage = *event->usage;
        break;

    case SOMA_INNER_FINISH:
        rc = soma_openai_responses_finish(answer, out, event->finish);
        break;

    case SOMA_INNER_FAILED:
        rc = soma_openai_responses_failed(answer, out, event);
        break;

    case SOMA_INNER_END:
        rc = soma_openai_responses_end(answer, out);
        break;

    default:
        break;
    }

    return (rc == SOMA_OK && out->failed) ? SOMA_ERROR : rc;
}


static int
soma_openai_responses_start(soma_openai_responses_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event)
{
    soma_str_t  id;

    if (event->id.len != 0) {
        id = event->id;

        if (id.len > 5 && memcmp(id.data, "resp_", 5) == 0) {
            id.data += 5;
            id.len -= 5;
        }

        answer->id = soma_str_dup(answer->arena, id);

        if (answer->id.data == NULL) {
            return SOMA_ERROR;
        }
    }

    if (event->name.len != 0) {
        answer->model = soma_str_dup(answer->arena, event->name);

        if (answer->model.data == NULL) {
            return SOMA_ERROR;
        }
    }

    if (event->created != 0) {
        answer->created = event->created;
    }

    answer->response = soma_openai_responses_quote(answer->arena, "resp_",
                                                   answer->id, 0);
    if (answer->response.data == NULL) {
        return SOMA_ERROR;
    }

    soma_openai_responses_told(answer, out, "response.created");
    soma_openai_responses_told(answer, out, "response.in_progress");

    return SOMA_OK;
}


static int
soma_openai_responses_begin(soma_openai_responses_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event)
{
    unsigned             words;
    soma_openai_item_t  *item;
    soma_openai_part_t  *part;

    words = (event->kind == SOMA_INNER_TEXT
             || event->kind == SOMA_INNER_REFUSAL);

    if (!words && event->kind != SOMA_INNER_REASONING
        && event->kind != SOMA_INNER_CALL && event->kind != SOMA_INNER_IMAGE)
    {
        return SOMA_OK;
    }

    if (answer->nparts == SOMA_OPENAI_RESPONSES_PARTS) {
        return SOMA_DECLINED;
    }

    answer->nparts++;
    item = answer->item;

    if (!words || item == NULL || item->kind != SOMA_INNER_TEXT) {
        soma_openai_responses_settle(answer, out);

        item = soma_openai_responses_new(answer, event);
        if (item == NULL) {
            return SOMA_ERROR;
        }

        soma_openai_responses_listed(answer, out, item,
                                     "response.output_item.added");
    }

    part = soma_openai_responses_joins(answer, item, event);
    if (part == NULL) {
        return SOMA_ERROR;
    }

    if (words) {
        soma_openai_responses_shown(answer, out, part,
                                    "response.content_part.added");
    }

    return SOMA_OK;
}


/* one more part of an item */

static soma_openai_part_t *
soma_openai_responses_joins(soma_openai_responses_t *answer,
    soma_openai_item_t *item, const soma_inner_event_t *event)
{
    soma_openai_part_t  *part;

    part = answer->arena->alloc(answer->arena->data,
                                sizeof(soma_openai_part_t));
    if (part == NULL) {
        return NULL;
    }

    memset(part, 0, sizeof(soma_openai_part_t));

    part->item = item;
    part->block = event->block;
    part->kind = event->kind;
    part->index = item->nparts++;
    soma_pieces_init(&part->said, answer->arena);

    *item->last = part;
    item->last = &part->next;
    item->open++;

    answer->part = part;

    return part;
}


static soma_openai_item_t *
soma_openai_responses_new(soma_openai_responses_t *answer,
    const soma_inner_event_t *event)
{
    soma_str_t           name, space;
    const char          *prefix;
    soma_openai_item_t  *item;

    item = answer->arena->alloc(answer->arena->data,
                                sizeof(soma_openai_item_t));
    if (item == NULL) {
        return NULL;
    }

    memset(item, 0, sizeof(soma_openai_item_t));

    item->kind = (event->kind == SOMA_INNER_REFUSAL) ? SOMA_INNER_TEXT
                                                     : event->kind;
    item->tool = event->tool;
    item->index = answer->nitems++;
    item->last = &item->parts;
    soma_pieces_init(&item->seal, answer->arena);

    prefix = (item->kind == SOMA_INNER_REASONING) ? "rs_"
             : (item->kind == SOMA_INNER_IMAGE) ? "ig_"
             : (item->kind != SOMA_INNER_CALL) ? "msg_"
             : (item->tool == SOMA_INNER_CUSTOM) ? "ctc_" : "fc_";

    item->id = soma_openai_responses_quote(answer->arena, prefix, answer->id,
                                           item->index);
    if (item->id.data == NULL) {
        return NULL;
    }

    if (item->kind == SOMA_INNER_CALL) {
        item->call = soma_openai_responses_quote(answer->arena, "", event->id,
                                                 0);
        name = event->name;
        space = soma_openai_toolset_spacename(answer->request, &name);
        item->name = soma_openai_responses_quote(answer->arena, "", name, 0);

        if (space.len != 0) {
            item->space = soma_openai_responses_quote(answer->arena, "",
                                                      space, 0);
        }

        if (item->call.data == NULL || item->name.data == NULL
            || (space.len != 0 && item->space.data == NULL))
        {
            return NULL;
        }
    }

    if (answer->items == NULL) {
        answer->last = &answer->items;
    }

    *answer->last = item;
    answer->last = &item->next;
    answer->item = item;

    return item;
}


static int
soma_openai_responses_delta(soma_openai_responses_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event)
{
    soma_openai_part_t  *part;

    part = soma_openai_responses_find(answer, event);

    if (part == NULL || event->text.len == 0) {
        return SOMA_OK;
    }

    return soma_openai_responses_more(answer, out, part, event->text);
}


/* the next words of a part; a summary's stream is told of it when it has
 * some */

static int
soma_openai_responses_more(soma_openai_responses_t *answer,
    soma_pieces_t *out, soma_openai_part_t *part, soma_str_t text)
{
    int                                   rc;
    const soma_openai_responses_words_t  *words;

    rc = soma_openai_responses_keep(answer, &part->said, text);
    words = soma_openai_responses_words(part);

    if (rc != SOMA_OK || !answer->stream || words == NULL) {
        return rc;
    }

    if (part->kind == SOMA_INNER_REASONING && !part->begun) {
        soma_openai_responses_shown(answer, out, part,
                                    "response.reasoning_summary_part.added");
    }

    part->begun = 1;

    soma_openai_responses_place(answer, out, part, words->delta);
    soma_write_copy(out, "delta", text);

    if (part->kind == SOMA_INNER_TEXT) {
        soma_pieces_cstr(out, ",\"logprobs\":[]");
    }

    soma_openai_responses_event_end(out);

    return SOMA_OK;
}


/* a call without arguments has none that is no JSON: clients parse them */

static int
soma_openai_responses_close(soma_openai_responses_t *answer,
    soma_pieces_t *out, soma_openai_part_t *part)
{
    int  rc;

    if (part->closed) {
        return SOMA_OK;
    }

    if (part->kind == SOMA_INNER_CALL
        && part->item->tool == SOMA_INNER_FUNCTION && part->said.len == 0)
    {
        rc = soma_openai_responses_more(answer, out, part, SOMA_STR("{}"));

        if (rc != SOMA_OK) {
            return rc;
        }
    }

    if (soma_pieces_whole(&part->said, &part->text) != SOMA_OK) {
        return SOMA_ERROR;
    }

    part->closed = 1;
    part->item->open--;

    if (answer->stream && soma_openai_responses_words(part) != NULL
        && (part->kind != SOMA_INNER_REASONING || part->begun))
    {
        soma_openai_responses_whole(answer, out, part);
    }

    return SOMA_OK;
}


/* a stream is told all words of a part once more */

static void
soma_openai_responses_whole(soma_openai_responses_t *answer,
    soma_pieces_t *out, soma_openai_part_t *part)
{
    const soma_openai_responses_words_t  *words;

    words = soma_openai_responses_words(part);

    soma_openai_responses_place(answer, out, part, words->done);

    if (words == &soma_openai_responses_function) {
        soma_write_raw(out, "name", part->item->name);
    }

    soma_write_text(out, words->name, part->text);

    if (part->kind == SOMA_INNER_TEXT) {
        soma_openai_responses_likely(part, out);
    }

    soma_openai_responses_event_end(out);

    if (part->kind == SOMA_INNER_REASONING) {
        soma_openai_responses_shown(answer, out, part,
                                    "response.reasoning_summary_part.done");

    } else if (part->kind != SOMA_INNER_CALL) {
        soma_openai_responses_shown(answer, out, part,
                                    "response.content_part.done");
    }
}


/* an item is done when its parts are closed and another one has begun: then
 * nothing more belongs to it, and it was not cut */

static void
soma_openai_responses_settle(soma_openai_responses_t *answer,
    soma_pieces_t *out)
{
    soma_openai_item_t  *item;

    for (item = answer->settled ? answer->settled : answer->items; item;
         item = item->next)
    {
        if (item->open == 0 && !item->done) {
            item->done = 1;
            soma_openai_responses_listed(answer, out, item,
                                         "response.output_item.done");
        }
    }

    /* those before are looked at no more */

    for (item = answer->settled ? answer->settled : answer->items;
         item != NULL && item->done; item = item->next)
    {
        answer->settled = item;
    }
}


static int
soma_openai_responses_finish(soma_openai_responses_t *answer,
    soma_pieces_t *out, soma_inner_finish_e finish)
{
    int                  rc;
    soma_openai_item_t  *item;
    soma_openai_part_t  *part;

    if (answer->finished) {
        return SOMA_OK;
    }

    rc = (answer->items == NULL) ? soma_openai_responses_empty(answer, out)
                                 : SOMA_OK;
    if (rc != SOMA_OK) {
        return rc;
    }

    for (item = answer->items; item; item = item->next) {
        for (part = item->open ? item->parts : NULL; part; part = part->next) {

            rc = soma_openai_responses_close(answer, out, part);

            if (rc != SOMA_OK) {
                return rc;
            }
        }
    }

    answer->finished = 1;
    answer->finish = finish;
    answer->item->incomplete = (finish == SOMA_INNER_LENGTH
                                || finish == SOMA_INNER_CONTEXT_FULL
                                || finish == SOMA_INNER_FILTER);

    soma_openai_responses_settle(answer, out);

    return SOMA_OK;
}


/* clients look for a message where there is nothing else */

static int
soma_openai_responses_empty(soma_openai_responses_t *answer,
    soma_pieces_t *out)
{
    soma_inner_event_t  event;

    memset(&event, 0, sizeof(soma_inner_event_t));

    event.event = SOMA_INNER_BEGIN;
    event.kind = SOMA_INNER_TEXT;

    return soma_openai_responses_begin(answer, out, &event);
}


static int
soma_openai_responses_end(soma_openai_responses_t *answer,
    soma_pieces_t *out)
{
    int  rc;

    rc = soma_openai_responses_finish(answer, out, SOMA_INNER_OTHER);

    if (rc != SOMA_OK) {
        return rc;
    }

    answer->done = 1;
    answer->ended = 1;

    if (answer->finish == SOMA_INNER_MALFORMED_CALL) {
        answer->failed = 1;
        answer->code = SOMA_STR("server_error");
        answer->message = SOMA_STR("the model's call of a tool is malformed");
    }

    if (!answer->stream) {
        soma_openai_responses_object(answer, out);
        return SOMA_OK;
    }

    soma_openai_responses_told(answer, out,
                               answer->failed ? "response.failed"
                               : answer->item->incomplete
                               ? "response.incomplete"
                               : "response.completed");

    return SOMA_OK;
}


/* of a stream; a whole answer that failed is an error with its status, which
 * is the business of whoever has the header to write */

static int
soma_openai_responses_failed(soma_openai_responses_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event)
{
    answer->done = 1;
    answer->ended = 1;
    answer->failed = 1;
    answer->code = (event->status == 429
                    || soma_str_is(event->code, "rate_limit_exceeded"))
                   ? SOMA_STR("rate_limit_exceeded")
                   : SOMA_STR("server_error");
    answer->message = event->text;

    if (!answer->stream) {
        return SOMA_OK;
    }

    if (answer->response.data == NULL) {
        answer->response = soma_openai_responses_quote(answer->arena, "resp_",
                                                       answer->id, 0);
        if (answer->response.data == NULL) {
            return SOMA_ERROR;
        }
    }

    if (soma_openai_responses_broken(answer) != SOMA_OK) {
        return SOMA_ERROR;
    }

    soma_openai_responses_error(answer, out, event);
    soma_openai_responses_told(answer, out, "response.failed");

    return SOMA_OK;
}


/* what was said so far is all that there will be */

static int
soma_openai_responses_broken(soma_openai_responses_t *answer)
{
    soma_openai_item_t  *item;
    soma_openai_part_t  *part;

    for (item = answer->items; item; item = item->next) {
        for (part = item->parts; part; part = part->next) {

            if (!part->closed
                && soma_pieces_whole(&part->said, &part->text) != SOMA_OK)
            {
                return SOMA_ERROR;
            }

            part->closed = 1;
        }

        item->incomplete = !item->done;
        item->done = 1;
    }

    return SOMA_OK;
}
