
/*
 * Copyright (C) The ngx_soma authors
 *
 * Where in an event or an answer stands what counts: texts, usage, ends,
 * errors.  What an event comes to as a whole is soma_anthropic_event.c.
 */


#include "soma_anthropic_read.h"


#define soma_name_is(name, s)                                                 \
    ((name).len == sizeof(s) - 1                                              \
     && memcmp((name).data, s, sizeof(s) - 1) == 0)


static unsigned soma_anthropic_slot(void *data, unsigned place,
    soma_str_t name);
static void soma_anthropic_note(void *data, unsigned slot,
    soma_json_type_e type, const unsigned char *p);
static void soma_anthropic_word(void *data, unsigned slot,
    soma_json_value_t *value);
static void soma_anthropic_piece(void *data, unsigned slot,
    const unsigned char *p, size_t len, unsigned escaped);
static void soma_anthropic_close(void *data, unsigned place,
    const unsigned char *p);
static soma_anthropic_type_e soma_anthropic_type(soma_str_t type);
static void soma_anthropic_block(soma_answer_t *answer, soma_str_t type);


#define SKIP  SOMA_READ_SKIP
#define WORD  SOMA_READ_SMALL
#define TEXT  SOMA_READ_TEXT

static const soma_read_way_t  soma_anthropic_ways[SOMA_AS_TOTAL] = {
    [SOMA_AS_ROOT] = { SKIP, SKIP, SOMA_AP_ROOT, 0, 0 },
    [SOMA_AS_TYPE] = { WORD, SKIP, 0, 0, 0 },
    [SOMA_AS_INDEX] = { SKIP, WORD, 0, 0, 0 },
    [SOMA_AS_ERROR] = { SKIP, SKIP, 0, 0, 1 },
    [SOMA_AS_MESSAGE] = { SKIP, SKIP, SOMA_AP_MESSAGE, 0, 1 },
    [SOMA_AS_ID] = { WORD, SKIP, 0, 0, 0 },
    [SOMA_AS_MODEL] = { WORD, SKIP, 0, 0, 0 },
    [SOMA_AS_CONTENT] = { SKIP, SKIP, 0, SOMA_AP_CONTENT, 1 },
    [SOMA_AS_BLOCK] = { SKIP, SKIP, SOMA_AP_BLOCK, 0, 1 },
    [SOMA_AS_BLOCK_TYPE] = { WORD, SKIP, 0, 0, 0 },
    [SOMA_AS_DELTA] = { SKIP, SKIP, SOMA_AP_DELTA, 0, 1 },
    [SOMA_AS_TEXT] = { TEXT, SKIP, 0, 0, 0 },
    [SOMA_AS_THINKING] = { TEXT, SKIP, 0, 0, 0 },
    [SOMA_AS_SIGNATURE] = { SKIP, SKIP, 0, 0, 1 },
    [SOMA_AS_JSON] = { TEXT, SKIP, 0, 0, 0 },
    [SOMA_AS_INPUT] = { SKIP, SKIP, SOMA_AP_INPUT, 0, 1 },
    [SOMA_AS_STOP] = { SKIP, SKIP, 0, 0, 1 },
    [SOMA_AS_USAGE] = { SKIP, SKIP, SOMA_AP_USAGE, 0, 1 },
    [SOMA_AS_USAGE_FIRST] = { SKIP, SKIP, SOMA_AP_USAGE, 0, 1 },
    [SOMA_AS_COUNT] = { SKIP, WORD, 0, 0, 0 },
    [SOMA_AS_GROUP] = { SKIP, SKIP, SOMA_AP_GROUP, 0, 0 },
    [SOMA_AS_TIER] = { WORD, SKIP, 0, 0, 0 }
};

#undef SKIP
#undef WORD
#undef TEXT


static const soma_read_ops_t  soma_anthropic_ops = {
    soma_anthropic_ways,
    soma_anthropic_slot,
    soma_anthropic_note,
    soma_anthropic_word,
    soma_anthropic_piece,
    soma_anthropic_close
};


void
soma_anthropic_read_init(soma_anthropic_read_t *w, soma_answer_t *answer)
{
    memset(w, 0, offsetof(soma_anthropic_read_t, read));
    soma_read_init(&w->read, SOMA_AP_TOP);

    w->answer = answer;
    w->begun = 1;
}


void
soma_anthropic_read(soma_anthropic_read_t *w, const unsigned char *p,
    size_t len)
{
    w->piece = p;

    soma_read(&w->read, &soma_anthropic_ops, w, p, len);

    w->taken += (int64_t) len;
}


void
soma_anthropic_read_named(soma_anthropic_read_t *w, soma_str_t name)
{
    if (!w->typed) {
        w->type = (unsigned char) soma_anthropic_type(name);
    }
}


static inline unsigned
soma_anthropic_root(soma_str_t name)
{
    switch (name.len) {

    case 2:
        return soma_name_is(name, "id") ? SOMA_AS_ID : 0;

    case 4:
        return soma_name_is(name, "type") ? SOMA_AS_TYPE : 0;

    case 5:
        return soma_name_is(name, "delta") ? SOMA_AS_DELTA
               : soma_name_is(name, "index") ? SOMA_AS_INDEX
               : soma_name_is(name, "usage") ? SOMA_AS_USAGE
               : soma_name_is(name, "model") ? SOMA_AS_MODEL
               : soma_name_is(name, "error") ? SOMA_AS_ERROR : 0;

    case 7:
        return soma_name_is(name, "message") ? SOMA_AS_MESSAGE
               : soma_name_is(name, "content") ? SOMA_AS_CONTENT : 0;

    case 11:
        return soma_name_is(name, "stop_reason") ? SOMA_AS_STOP : 0;

    case 13:
        return soma_name_is(name, "content_block") ? SOMA_AS_BLOCK : 0;
    }

    return 0;
}


static inline unsigned
soma_anthropic_message(soma_str_t name)
{
    return soma_name_is(name, "id") ? SOMA_AS_ID
           : soma_name_is(name, "model") ? SOMA_AS_MODEL
           : soma_name_is(name, "usage") ? SOMA_AS_USAGE_FIRST
           : soma_name_is(name, "content") ? SOMA_AS_CONTENT
           : soma_name_is(name, "stop_reason") ? SOMA_AS_STOP : 0;
}


static unsigned
soma_anthropic_slot(void *data, unsigned place, soma_str_t name)
{
    switch (place) {

    case SOMA_AP_ROOT:
        return soma_anthropic_root(name);

    case SOMA_AP_DELTA:
        return soma_name_is(name, "text") ? SOMA_AS_TEXT
               : soma_name_is(name, "thinking") ? SOMA_AS_THINKING
               : soma_name_is(name, "partial_json") ? SOMA_AS_JSON
               : soma_name_is(name, "signature") ? SOMA_AS_SIGNATURE
               : soma_name_is(name, "stop_reason") ? SOMA_AS_STOP : 0;

    case SOMA_AP_TOP:
        return SOMA_AS_ROOT;

    case SOMA_AP_BLOCK:
        return soma_name_is(name, "type") ? SOMA_AS_BLOCK_TYPE
               : soma_name_is(name, "text") ? SOMA_AS_TEXT
               : soma_name_is(name, "thinking") ? SOMA_AS_THINKING
               : soma_name_is(name, "input") ? SOMA_AS_INPUT : 0;

    case SOMA_AP_MESSAGE:
        return soma_anthropic_message(name);

    case SOMA_AP_CONTENT:
        return SOMA_AS_BLOCK;

    case SOMA_AP_INPUT:
        return 0;
    }

    return soma_anthropic_usage_slot(data, place, name);
}


static void
soma_anthropic_note(void *data, unsigned slot, soma_json_type_e type,
    const unsigned char *p)
{
    soma_answer_t          *answer;
    soma_anthropic_read_t  *w = data;

    answer = w->answer;

    switch (slot) {

    case SOMA_AS_MESSAGE:
    case SOMA_AS_DELTA:
        answer->formed |= (type == SOMA_JSON_OBJECT);
        break;

    case SOMA_AS_CONTENT:
        answer->formed |= (type == SOMA_JSON_ARRAY);
        w->index = -1;
        break;

    case SOMA_AS_BLOCK:
        answer->formed |= (type == SOMA_JSON_OBJECT);

        /* of a whole answer they are counted */

        w->index += (w->read.place[w->read.depth] == SOMA_AP_CONTENT);
        break;

    case SOMA_AS_SIGNATURE:
        answer->reasoned |= (type == SOMA_JSON_STRING);
        answer->begun |= (type == SOMA_JSON_STRING);
        break;

    case SOMA_AS_INPUT:
        w->input_at = w->taken + (p - w->piece);
        break;

    case SOMA_AS_STOP:
        w->stopped |= (type == SOMA_JSON_STRING);
        answer->finished |= w->stopped;
        break;

    case SOMA_AS_USAGE:
    case SOMA_AS_USAGE_FIRST:

        if (type == SOMA_JSON_OBJECT) {
            w->last = (slot == SOMA_AS_USAGE);
            w->usage_at = p;
            answer->formed = 1;
            soma_anthropic_usage_init(w);
        }

        break;

    case SOMA_AS_ERROR:

        if (type != SOMA_JSON_NULL && type != SOMA_JSON_FALSE) {
            w->error = 1;
            answer->failed = 1;
        }

        break;
    }
}


static soma_anthropic_type_e
soma_anthropic_type(soma_str_t type)
{
    return soma_name_is(type, "content_block_start") ? SOMA_AT_BLOCK_START
           : soma_name_is(type, "content_block_stop") ? SOMA_AT_BLOCK_STOP
           : soma_name_is(type, "message_delta") ? SOMA_AT_MESSAGE_DELTA
           : soma_name_is(type, "message_stop") ? SOMA_AT_MESSAGE_STOP
           : soma_name_is(type, "error") ? SOMA_AT_ERROR : SOMA_AT_OTHER;
}


static void
soma_anthropic_word(void *data, unsigned slot, soma_json_value_t *value)
{
    soma_str_t              text;
    soma_anthropic_read_t  *w = data;

    switch (slot) {

    case SOMA_AS_COUNT:
        soma_anthropic_usage_count(w, value);
        return;

    case SOMA_AS_TIER:
        soma_anthropic_usage_tier(w, value);
        return;

    case SOMA_AS_ID:
        soma_answer_id(w->answer, value);
        return;

    case SOMA_AS_MODEL:
        soma_answer_model(w->answer, value);
        return;

    case SOMA_AS_INDEX:
        (void) soma_json_int(value, &w->index);
        return;
    }

    text.data = value->text.data + 1;
    text.len = value->text.len - 2;

    if (slot == SOMA_AS_BLOCK_TYPE) {
        soma_anthropic_block(w->answer, text);
        return;
    }

    w->typed = 1;
    w->type = (unsigned char) soma_anthropic_type(text);

    if (w->type == SOMA_AT_ERROR) {
        w->error = 1;
        w->answer->failed = 1;
    }
}


/* tool_use, server_tool_use, mcp_tool_use; their results too are a part of
 * the answer */

static void
soma_anthropic_block(soma_answer_t *answer, soma_str_t type)
{
    if (soma_name_is(type, "thinking")
        || soma_name_is(type, "redacted_thinking"))
    {
        answer->reasoned = 1;

    } else if (!soma_name_is(type, "text")) {
        answer->begun = 1;
    }
}


/* counts it, for whoever listens to it too */

static void
soma_anthropic_piece(void *data, unsigned slot, const unsigned char *p,
    size_t len, unsigned escaped)
{
    unsigned                channel;
    soma_answer_t          *answer;
    soma_anthropic_read_t  *w = data;

    answer = w->answer;
    answer->begun = 1;
    answer->text_len += escaped ? soma_answer_text_len(p, len)
                                : (int64_t) len;

    if (answer->text == NULL) {
        return;
    }

    channel = (slot == SOMA_AS_TEXT) ? SOMA_ANTHROPIC_TEXT
              : (slot == SOMA_AS_JSON) ? SOMA_ANTHROPIC_JSON
              : SOMA_ANTHROPIC_THINKING;

    soma_answer_text(answer,
                     (unsigned) w->index * SOMA_ANTHROPIC_CHANNELS + channel,
                     p, len);
}


static void
soma_anthropic_close(void *data, unsigned place, const unsigned char *p)
{
    int64_t                 n;
    soma_answer_t          *answer;
    soma_anthropic_read_t  *w = data;

    answer = w->answer;

    if (place == SOMA_AP_INPUT) {

        /* {} is what a stream begins with; nobody hears what is no text */

        n = w->taken + (p - w->piece) - w->input_at;

        if (n > 2) {
            answer->text_len += n;
            answer->unheard += n;
        }

        return;
    }

    if (place != SOMA_AP_USAGE) {
        return;
    }

    soma_anthropic_usage_counted(w);

    /* what a stream says first is no bill */

    if (w->lies && w->last) {
        answer->usage_text.data = (unsigned char *) w->usage_at;
        answer->usage_text.len = (size_t) (p - w->usage_at);
    }
}
