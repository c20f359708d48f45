
/*
 * Copyright (C) The ngx_soma authors
 *
 * A streamed event, looked at once: the top level for its members, and of
 * the choices only what counts text and ends.
 */


#include "soma_openai.h"
#include "soma_openai_walk.h"


/* of the choices of one event */
typedef struct {
    soma_answer_t     *answer;
    int64_t            text_len;
    int64_t            index;           /* of the choice at hand */
    unsigned           n;
    unsigned           seen:1;
    unsigned           finished:1;
} soma_openai_choices_t;

typedef struct {
    soma_openai_choices_t  choices;
    soma_json_value_t      usage;
    soma_json_value_t      error;
    soma_json_value_t      type;
    soma_json_value_t      object;
    soma_json_value_t      response;
    soma_json_value_t      delta;
    soma_json_value_t      tier;
    soma_json_value_t      model;
    soma_json_value_t      id;
    soma_json_value_t      created;
    soma_json_value_t      sequence;
} soma_openai_chunk_t;


static int soma_openai_chunk(soma_answer_t *answer, soma_str_t data,
    soma_openai_chunk_t *chunk);
static void soma_openai_head(soma_answer_t *answer,
    soma_openai_chunk_t *chunk);
static soma_json_value_t *soma_openai_slot(soma_openai_chunk_t *chunk,
    soma_str_t name);
static int soma_openai_choices(soma_walk_t *w,
    soma_openai_choices_t *choices);
static int soma_openai_choice(soma_walk_t *w, soma_openai_choices_t *choices);
static int soma_openai_delta(soma_walk_t *w, soma_openai_choices_t *choices);
static void soma_openai_choice_end(soma_openai_choices_t *choices,
    int finished);
static unsigned soma_openai_channel(soma_openai_choices_t *choices,
    soma_openai_channel_e kind);
static int64_t soma_openai_calls(soma_openai_choices_t *choices,
    soma_str_t text);
static int64_t soma_openai_arguments(soma_openai_choices_t *choices,
    soma_str_t text);
static int64_t soma_openai_parts(soma_answer_t *answer, unsigned channel,
    soma_json_value_t *value, unsigned depth);
static int64_t soma_openai_heard(soma_answer_t *answer, unsigned channel,
    soma_json_value_t *value);
static int64_t soma_openai_text_len(soma_json_value_t *value);
static void soma_openai_typed(soma_answer_t *answer,
    soma_openai_chunk_t *chunk, soma_str_t type);
static void soma_openai_response(soma_answer_t *answer, soma_str_t text);


#define soma_name_is(name, s)                                                 \
    ((name).len == sizeof(s) - 1                                              \
     && memcmp((name).data, s, sizeof(s) - 1) == 0)


int
soma_openai_event(soma_answer_t *answer, soma_ask_t *ask,
    soma_sse_event_t *event)
{
    int                  failed;
    soma_str_t           data, type;
    soma_openai_chunk_t  chunk;

    data = event->data;
    answer->usage_text.len = 0;

    if (event->comment || data.len == 0) {
        return SOMA_EVENT_PASS;
    }

    if (data.len >= 6 && memcmp(data.data, "[DONE]", 6) == 0) {
        answer->done = 1;
        return SOMA_EVENT_PASS;
    }

    failed = soma_name_is(event->name, "error");

    if (soma_openai_chunk(answer, data, &chunk) != SOMA_OK) {
        answer->failed |= failed;
        return failed ? SOMA_EVENT_ERROR : SOMA_EVENT_PASS;
    }

    soma_openai_head(answer, &chunk);

    if (chunk.tier.type == SOMA_JSON_STRING) {
        soma_openai_service_tier(answer, &chunk.tier);
    }

    if (chunk.usage.type == SOMA_JSON_OBJECT) {
        soma_openai_usage(answer, chunk.usage.text);
        answer->usage_text = chunk.usage.text;
    }

    if (chunk.choices.seen) {
        answer->text_len += chunk.choices.text_len;
        answer->finished |= chunk.choices.finished;

    } else {
        type = event->name;

        if (chunk.type.type == SOMA_JSON_STRING) {
            type.data = chunk.type.text.data + 1;
            type.len = chunk.type.text.len - 2;
        }

        failed |= soma_name_is(type, "error")
                  || soma_name_is(type, "response.failed");

        soma_openai_typed(answer, &chunk, type);
    }

    /* vLLM and Mistral: the whole event is the error */

    if (failed || soma_openai_failed(&chunk.error)
        || (chunk.object.type == SOMA_JSON_STRING
            && soma_name_is(chunk.object.text, "\"error\"")))
    {
        answer->failed = 1;
        return SOMA_EVENT_ERROR;
    }

    if (!ask->usage_asked
        && (ask->api == SOMA_API_CHAT || ask->api == SOMA_API_COMPLETIONS)
        && chunk.usage.type == SOMA_JSON_OBJECT
        && chunk.choices.seen && chunk.choices.n == 0)
    {
        return SOMA_EVENT_DROP;
    }

    return SOMA_EVENT_PASS;
}


/* what every event of a stream says alike, and its number */

static void
soma_openai_head(soma_answer_t *answer, soma_openai_chunk_t *chunk)
{
    int64_t  n;

    if (answer->model.len == 0) {
        soma_openai_model(answer, &chunk->model);
    }

    if (answer->id.len == 0) {
        soma_openai_id(answer, &chunk->id);
    }

    if (answer->created == 0 && soma_json_int(&chunk->created, &n) == SOMA_OK)
    {
        answer->created = n;
    }

    if (chunk->sequence.type == SOMA_JSON_NUMBER
        && soma_json_int(&chunk->sequence, &n) == SOMA_OK
        && n >= 0 && n < INT64_MAX)
    {
        answer->progress.sequence = n + 1;
    }
}


/* the members of an event that matter; SOMA_DECLINED: it is no object */

static int
soma_openai_chunk(soma_answer_t *answer, soma_str_t data,
    soma_openai_chunk_t *chunk)
{
    int                 rc;
    soma_str_t          name;
    soma_walk_t         w;
    soma_json_value_t   value, *slot;

    w.p = data.data;
    w.end = data.data + data.len;

    if (!soma_walk_enter(&w, '{')) {
        return SOMA_DECLINED;
    }

    memset(chunk, 0, sizeof(soma_openai_chunk_t));
    chunk->choices.answer = answer;

    while ((rc = soma_walk_next(&w, &name)) == SOMA_OK) {

        if (soma_name_is(name, "choices") && soma_walk_enter(&w, '[')) {

            if (soma_openai_choices(&w, &chunk->choices) != SOMA_OK) {
                return SOMA_DECLINED;
            }

            continue;
        }

        if (soma_walk_value(&w, &value) != SOMA_OK) {
            return SOMA_DECLINED;
        }

        slot = soma_openai_slot(chunk, name);

        if (slot != NULL) {
            *slot = value;
        }
    }

    return rc == SOMA_DONE ? SOMA_OK : SOMA_DECLINED;
}


static soma_json_value_t *
soma_openai_slot(soma_openai_chunk_t *chunk, soma_str_t name)
{
    switch (name.len) {

    case 2:
        return soma_name_is(name, "id") ? &chunk->id : NULL;

    case 4:
        return soma_name_is(name, "type") ? &chunk->type : NULL;

    case 5:
        return soma_name_is(name, "usage") ? &chunk->usage
               : soma_name_is(name, "error") ? &chunk->error
               : soma_name_is(name, "delta") ? &chunk->delta
               : soma_name_is(name, "model") ? &chunk->model : NULL;

    case 6:
        return soma_name_is(name, "object") ? &chunk->object : NULL;

    case 7:
        return soma_name_is(name, "created") ? &chunk->created : NULL;

    case 8:
        return soma_name_is(name, "response") ? &chunk->response : NULL;

    case 12:
        return soma_name_is(name, "service_tier") ? &chunk->tier : NULL;

    case 15:
        return soma_name_is(name, "sequence_number") ? &chunk->sequence
                                                     : NULL;
    }

    return NULL;
}


static int
soma_openai_choices(soma_walk_t *w, soma_openai_choices_t *choices)
{
    int                rc;
    soma_json_value_t  value;

    choices->seen = 1;

    while ((rc = soma_walk_next(w, NULL)) == SOMA_OK) {

        choices->n++;

        rc = soma_walk_enter(w, '{') ? soma_openai_choice(w, choices)
                                     : soma_walk_value(w, &value);
        if (rc != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    return rc == SOMA_DONE ? SOMA_OK : SOMA_ERROR;
}


static int
soma_openai_choice(soma_walk_t *w, soma_openai_choices_t *choices)
{
    int                rc, finished;
    soma_str_t         name;
    soma_json_value_t  value;

    finished = 0;
    choices->index = 0;

    while ((rc = soma_walk_next(w, &name)) == SOMA_OK) {

        if (soma_name_is(name, "delta") && soma_walk_enter(w, '{')) {

            if (soma_openai_delta(w, choices) != SOMA_OK) {
                return SOMA_ERROR;
            }

            continue;
        }

        if (soma_walk_value(w, &value) != SOMA_OK) {
            return SOMA_ERROR;
        }

        if (value.type == SOMA_JSON_STRING) {

            if (soma_name_is(name, "finish_reason")) {
                finished = 1;

            } else if (soma_name_is(name, "text")) {
                choices->text_len += soma_openai_heard(choices->answer,
                           soma_openai_channel(choices, SOMA_OPENAI_CONTENT),
                           &value);
            }

        } else if (value.type == SOMA_JSON_NUMBER
                   && soma_name_is(name, "index"))
        {
            (void) soma_json_int(&value, &choices->index);
        }
    }

    soma_openai_choice_end(choices, finished);

    return rc == SOMA_DONE ? SOMA_OK : SOMA_ERROR;
}


static void
soma_openai_choice_end(soma_openai_choices_t *choices, int finished)
{
    int64_t           i;
    soma_progress_t  *progress;

    choices->finished |= (finished != 0);

    i = choices->index;
    progress = &choices->answer->progress;

    if (i < 0 || i >= SOMA_ANSWER_CHOICES_MAX) {
        return;
    }

    if (i >= progress->choices) {
        progress->choices = (unsigned) i + 1;
    }

    if (finished) {
        progress->ended[i / 64] |= (uint64_t) 1 << (i % 64);
    }
}


static unsigned
soma_openai_channel(soma_openai_choices_t *choices,
    soma_openai_channel_e kind)
{
    return (unsigned) choices->index * SOMA_OPENAI_CHANNELS + kind;
}


static int
soma_openai_delta(soma_walk_t *w, soma_openai_choices_t *choices)
{
    int                rc;
    int64_t            n, reasoning;
    unsigned           channel;
    soma_str_t         name;
    soma_json_value_t  value, thought;

    reasoning = 0;

    while ((rc = soma_walk_next(w, &name)) == SOMA_OK) {

        if (soma_walk_value(w, &value) != SOMA_OK) {
            return SOMA_ERROR;
        }

        if (soma_name_is(name, "content") || soma_name_is(name, "refusal")) {
            channel = soma_openai_channel(choices, SOMA_OPENAI_CONTENT);
            choices->text_len += soma_openai_parts(choices->answer, channel,
                                                   &value, 0);

        } else if (soma_name_is(name, "reasoning_content")
                   || soma_name_is(name, "reasoning"))
        {
            /* some send the same text under both names */

            n = soma_openai_parts(NULL, 0, &value, 0);

            if (n > reasoning) {
                reasoning = n;
                thought = value;
            }

        } else if (soma_name_is(name, "tool_calls")) {
            choices->text_len += soma_openai_calls(choices, value.text);

        } else if (soma_name_is(name, "function_call")) {
            choices->text_len += soma_openai_arguments(choices, value.text);
        }
    }

    if (reasoning > 0) {
        channel = soma_openai_channel(choices, SOMA_OPENAI_REASONING);
        choices->text_len += reasoning;
        (void) soma_openai_parts(choices->answer, channel, &thought, 0);
    }

    return rc == SOMA_DONE ? SOMA_OK : SOMA_ERROR;
}


static int64_t
soma_openai_calls(soma_openai_choices_t *choices, soma_str_t text)
{
    int64_t            n;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  call, function;

    n = 0;

    if (soma_json_first(&it, text) != SOMA_OK || it.object) {
        return 0;
    }

    while (soma_json_next(&it, &name, &call) == SOMA_OK) {

        if (call.type == SOMA_JSON_OBJECT
            && soma_json_get(call.text, "function", &function) == SOMA_OK
            && function.type == SOMA_JSON_OBJECT)
        {
            n += soma_openai_arguments(choices, function.text);
        }
    }

    return n;
}


static int64_t
soma_openai_arguments(soma_openai_choices_t *choices, soma_str_t text)
{
    soma_json_value_t  value;

    if (soma_json_get(text, "arguments", &value) != SOMA_OK) {
        return 0;
    }

    return soma_openai_heard(choices->answer,
                             soma_openai_channel(choices, SOMA_OPENAI_CALLS),
                             &value);
}


/* a string, or an array of parts that hold one (Mistral's thinking); answer
 * NULL: for its length only */

static int64_t
soma_openai_parts(soma_answer_t *answer, unsigned channel,
    soma_json_value_t *value, unsigned depth)
{
    int64_t            n;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  part;

    if (value->type == SOMA_JSON_STRING) {
        return soma_openai_heard(answer, channel, value);
    }

    if (depth == SOMA_OPENAI_PARTS_MAX
        || soma_json_first(&it, value->text) != SOMA_OK)
    {
        return 0;
    }

    n = 0;

    while (soma_json_next(&it, &name, &part) == SOMA_OK) {

        if (it.object && !soma_name_is(name, "text")
            && !soma_name_is(name, "thinking"))
        {
            continue;
        }

        if (part.type == SOMA_JSON_STRING || part.type == SOMA_JSON_ARRAY
            || part.type == SOMA_JSON_OBJECT)
        {
            n += soma_openai_parts(answer, channel, &part, depth + 1);
        }
    }

    return n;
}


/* counts a string, for whoever listens to it too */

static int64_t
soma_openai_heard(soma_answer_t *answer, unsigned channel,
    soma_json_value_t *value)
{
    if (answer != NULL && answer->text != NULL
        && value->type == SOMA_JSON_STRING)
    {
        soma_openai_text(answer, channel, value->text);
    }

    return soma_openai_text_len(value);
}


/* bytes of a string when unescaped, \u taken for one UTF-8 unit of three */

static int64_t
soma_openai_text_len(soma_json_value_t *value)
{
    size_t                n;
    const unsigned char  *p, *end;

    if (value->type != SOMA_JSON_STRING) {
        return 0;
    }

    p = value->text.data + 1;
    end = value->text.data + value->text.len - 1;
    n = end - p;

    while (p < end && (p = memchr(p, '\\', end - p)) != NULL) {

        if (end - p >= 6 && p[1] == 'u') {
            n -= (p[2] == '0' && p[3] == '0') ? 5 : 3;
            p += 6;

        } else {
            n -= 1;
            p += 2;
        }
    }

    return n;
}


/* events that say what they are: responses, speech, transcripts, images */

static void
soma_openai_typed(soma_answer_t *answer, soma_openai_chunk_t *chunk,
    soma_str_t type)
{
    if (type.len > 6 && memcmp(type.data + type.len - 6, ".delta", 6) == 0) {

        if (chunk->delta.type == SOMA_JSON_STRING
            && !(type.len > 11
                 && memcmp(type.data + type.len - 11, "audio.delta", 11) == 0))
        {
            answer->text_len += soma_openai_heard(answer,
                                                  SOMA_OPENAI_CONTENT,
                                                  &chunk->delta);
        }

        return;
    }

    if (soma_name_is(type, "response.created")) {

        if (chunk->response.type == SOMA_JSON_OBJECT) {
            soma_openai_response(answer, chunk->response.text);
        }

        return;
    }

    if (soma_name_is(type, "response.completed")
        || soma_name_is(type, "response.incomplete")
        || soma_name_is(type, "response.failed")
        || soma_name_is(type, "response.cancelled"))
    {
        answer->finished = 1;
        answer->done = 1;

        if (chunk->response.type == SOMA_JSON_OBJECT) {
            soma_openai_response(answer, chunk->response.text);
        }

        return;
    }

    if (soma_name_is(type, "transcript.text.done")
        || soma_name_is(type, "speech.audio.done")
        || soma_name_is(type, "image_generation.completed"))
    {
        answer->finished = 1;
        answer->done = 1;
    }
}


static void
soma_openai_response(soma_answer_t *answer, soma_str_t text)
{
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  value;

    if (soma_json_first(&it, text) != SOMA_OK) {
        return;
    }

    while (soma_json_next(&it, &name, &value) == SOMA_OK) {

        if (soma_name_is(name, "usage")) {
            if (value.type == SOMA_JSON_OBJECT) {
                soma_openai_usage(answer, value.text);
                answer->usage_text = value.text;
            }

        } else if (soma_name_is(name, "service_tier")) {
            soma_openai_service_tier(answer, &value);

        } else if (soma_name_is(name, "model")) {
            soma_openai_model(answer, &value);

        } else if (soma_name_is(name, "id")) {
            soma_openai_id(answer, &value);

        } else if (soma_name_is(name, "created_at")) {
            (void) soma_json_int(&value, &answer->created);
        }
    }
}
