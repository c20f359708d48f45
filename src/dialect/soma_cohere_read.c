
/*
 * Copyright (C) The ngx_soma authors
 *
 * Where in an event or an answer stands what counts: texts, counts, ends,
 * errors.  What it comes to as a whole is soma_cohere_event.c.
 */


#include "soma_cohere_read.h"


#define soma_name_is(name, s)                                                 \
    ((name).len == sizeof(s) - 1                                              \
     && memcmp((name).data, s, sizeof(s) - 1) == 0)


static unsigned soma_cohere_slot(void *data, unsigned place,
    soma_str_t name);
static unsigned soma_cohere_slot_delta(soma_str_t name);
static unsigned soma_cohere_slot_usage(unsigned place, soma_str_t name);
static void soma_cohere_note(void *data, unsigned slot,
    soma_json_type_e type, const unsigned char *p);
static void soma_cohere_word(void *data, unsigned slot,
    soma_json_value_t *value);
static soma_cohere_type_e soma_cohere_type(soma_str_t name);
static void soma_cohere_piece(void *data, unsigned slot,
    const unsigned char *p, size_t len, unsigned escaped);
static void soma_cohere_close(void *data, unsigned place,
    const unsigned char *p);


#define SKIP  SOMA_READ_SKIP
#define WORD  SOMA_READ_SMALL
#define TEXT  SOMA_READ_TEXT

static const soma_read_way_t  soma_cohere_ways[SOMA_COS_TOTAL] = {
    [SOMA_COS_ROOT] = { SKIP, SKIP, SOMA_COP_ROOT, 0, 0 },
    [SOMA_COS_TYPE] = { WORD, SKIP, 0, 0, 0 },
    [SOMA_COS_ID] = { WORD, SKIP, 0, 0, 0 },
    [SOMA_COS_INDEX] = { SKIP, WORD, 0, 0, 0 },
    [SOMA_COS_DELTA] = { SKIP, SKIP, SOMA_COP_DELTA, 0, 0 },
    [SOMA_COS_MESSAGE] = { SKIP, SKIP, SOMA_COP_MESSAGE, 0, 1 },
    [SOMA_COS_CONTENT] = { SKIP, SKIP, SOMA_COP_CONTENT, SOMA_COP_CONTENTS,
                           0 },
    [SOMA_COS_PART] = { SKIP, SKIP, SOMA_COP_CONTENT, 0, 0 },
    [SOMA_COS_TEXT] = { TEXT, SKIP, 0, 0, 0 },
    [SOMA_COS_THINKING] = { TEXT, SKIP, 0, 0, 0 },
    [SOMA_COS_PLAN] = { TEXT, SKIP, 0, 0, 0 },
    [SOMA_COS_CALLS] = { SKIP, SKIP, SOMA_COP_CALL, SOMA_COP_CALLS, 1 },
    [SOMA_COS_CALL] = { SKIP, SKIP, SOMA_COP_CALL, 0, 1 },
    [SOMA_COS_FUNCTION] = { SKIP, SKIP, SOMA_COP_FUNCTION, 0, 0 },
    [SOMA_COS_ARGUMENTS] = { TEXT, SKIP, 0, 0, 0 },
    [SOMA_COS_FINISH] = { WORD, SKIP, 0, 0, 0 },
    [SOMA_COS_ERROR] = { SKIP, SKIP, 0, 0, 1 },
    [SOMA_COS_USAGE] = { SKIP, SKIP, SOMA_COP_USAGE, 0, 1 },
    [SOMA_COS_VECTORS] = { SKIP, SKIP, 0, 0, 1 },
    [SOMA_COS_TOKENS] = { SKIP, SKIP, SOMA_COP_TOKENS, 0, 0 },
    [SOMA_COS_BILLED] = { SKIP, SKIP, SOMA_COP_BILLED, 0, 0 },
    [SOMA_COS_CACHED] = { SKIP, WORD, 0, 0, 0 },
    [SOMA_COS_INPUT] = { SKIP, WORD, 0, 0, 0 },
    [SOMA_COS_OUTPUT] = { SKIP, WORD, 0, 0, 0 },
    [SOMA_COS_REASONING] = { SKIP, WORD, 0, 0, 0 },
    [SOMA_COS_BILLED_INPUT] = { SKIP, WORD, 0, 0, 0 },
    [SOMA_COS_BILLED_OUTPUT] = { SKIP, WORD, 0, 0, 0 },
    [SOMA_COS_SEARCHES] = { SKIP, WORD, 0, 0, 0 }
};

#undef SKIP
#undef WORD
#undef TEXT


static const soma_read_ops_t  soma_cohere_ops = {
    soma_cohere_ways,
    soma_cohere_slot,
    soma_cohere_note,
    soma_cohere_word,
    soma_cohere_piece,
    soma_cohere_close
};


void
soma_cohere_read_init(soma_cohere_read_t *w, soma_answer_t *answer)
{
    size_t  i;

    memset(w, 0, offsetof(soma_cohere_read_t, read));
    soma_read_init(&w->read, SOMA_COP_TOP);

    w->answer = answer;
    w->index = -1;
    w->begun = 1;

    for (i = 0; i < SOMA_COHERE_COUNTS; i++) {
        w->count[i] = -1;
    }
}


void
soma_cohere_read(soma_cohere_read_t *w, const unsigned char *p, size_t len)
{
    soma_read(&w->read, &soma_cohere_ops, w, p, len);
}


static unsigned
soma_cohere_slot(void *data, unsigned place, soma_str_t name)
{
    (void) data;

    switch (place) {

    case SOMA_COP_TOP:
        return SOMA_COS_ROOT;

    case SOMA_COP_ROOT:

        if (soma_name_is(name, "type")) {
            return SOMA_COS_TYPE;
        }

        if (soma_name_is(name, "id")) {
            return SOMA_COS_ID;
        }

        if (soma_name_is(name, "index")) {
            return SOMA_COS_INDEX;
        }

        if (soma_name_is(name, "delta")) {
            return SOMA_COS_DELTA;
        }

        if (soma_name_is(name, "meta")) {
            return SOMA_COS_USAGE;
        }

        if (soma_name_is(name, "embeddings")
            || soma_name_is(name, "results"))
        {
            return SOMA_COS_VECTORS;
        }

        /* an answer has there what an event has in its delta */

        return soma_cohere_slot_delta(name);

    case SOMA_COP_DELTA:
        return soma_cohere_slot_delta(name);

    case SOMA_COP_MESSAGE:
        return soma_name_is(name, "content") ? SOMA_COS_CONTENT
               : soma_name_is(name, "tool_calls") ? SOMA_COS_CALLS
               : soma_name_is(name, "tool_plan") ? SOMA_COS_PLAN : 0;

    case SOMA_COP_CONTENTS:
        return SOMA_COS_PART;

    case SOMA_COP_CONTENT:
        return soma_name_is(name, "text") ? SOMA_COS_TEXT
               : soma_name_is(name, "thinking") ? SOMA_COS_THINKING : 0;

    case SOMA_COP_CALLS:
        return SOMA_COS_CALL;

    case SOMA_COP_CALL:
        return soma_name_is(name, "function") ? SOMA_COS_FUNCTION : 0;

    case SOMA_COP_FUNCTION:
        return soma_name_is(name, "arguments") ? SOMA_COS_ARGUMENTS : 0;

    default:
        return soma_cohere_slot_usage(place, name);
    }
}


static unsigned
soma_cohere_slot_delta(soma_str_t name)
{
    return soma_name_is(name, "message") ? SOMA_COS_MESSAGE
           : soma_name_is(name, "finish_reason") ? SOMA_COS_FINISH
           : soma_name_is(name, "usage") ? SOMA_COS_USAGE
           : soma_name_is(name, "error") ? SOMA_COS_ERROR : 0;
}


static unsigned
soma_cohere_slot_usage(unsigned place, soma_str_t name)
{
    switch (place) {

    case SOMA_COP_USAGE:
        return soma_name_is(name, "tokens") ? SOMA_COS_TOKENS
               : soma_name_is(name, "billed_units") ? SOMA_COS_BILLED
               : soma_name_is(name, "cached_tokens") ? SOMA_COS_CACHED : 0;

    case SOMA_COP_TOKENS:
        return soma_name_is(name, "input_tokens") ? SOMA_COS_INPUT
               : soma_name_is(name, "output_tokens") ? SOMA_COS_OUTPUT
               : soma_name_is(name, "reasoning_tokens") ? SOMA_COS_REASONING
               : 0;

    case SOMA_COP_BILLED:
        return soma_name_is(name, "input_tokens") ? SOMA_COS_BILLED_INPUT
               : soma_name_is(name, "output_tokens") ? SOMA_COS_BILLED_OUTPUT
               : soma_name_is(name, "search_units") ? SOMA_COS_SEARCHES : 0;
    }

    return 0;
}


/* an error's message is a string, an answer's an object */

static void
soma_cohere_note(void *data, unsigned slot, soma_json_type_e type,
    const unsigned char *p)
{
    soma_answer_t       *answer;
    soma_cohere_read_t  *w = data;

    answer = w->answer;

    switch (slot) {

    case SOMA_COS_MESSAGE:
        answer->formed |= (type == SOMA_JSON_OBJECT);
        w->error |= (type == SOMA_JSON_STRING);
        break;

    case SOMA_COS_CALLS:
    case SOMA_COS_CALL:
        answer->begun |= (type == SOMA_JSON_OBJECT);
        break;

    case SOMA_COS_ERROR:
        w->error |= (type != SOMA_JSON_NULL && type != SOMA_JSON_FALSE);
        break;

    case SOMA_COS_VECTORS:
        answer->formed |= (type == SOMA_JSON_ARRAY
                           || type == SOMA_JSON_OBJECT);
        break;

    case SOMA_COS_USAGE:
        w->usage = p;
        w->counted |= (type == SOMA_JSON_OBJECT);
        answer->formed |= (type == SOMA_JSON_OBJECT);
        break;
    }

    answer->failed |= w->error;
}


static void
soma_cohere_word(void *data, unsigned slot, soma_json_value_t *value)
{
    int64_t              n;
    soma_str_t           text;
    soma_cohere_read_t  *w = data;

    switch (slot) {

    case SOMA_COS_ID:
        soma_answer_id(w->answer, value);
        return;

    case SOMA_COS_TYPE:
        text.data = value->text.data + 1;
        text.len = value->text.len - 2;
        w->type = soma_cohere_type(text);
        return;

    case SOMA_COS_FINISH:
        w->answer->finished = 1;
        w->answer->formed = 1;
        return;
    }

    if (value->type != SOMA_JSON_NUMBER
        || soma_json_int(value, &n) != SOMA_OK
        || n < 0 || n > SOMA_COHERE_TOKENS_MAX)
    {
        return;
    }

    if (slot == SOMA_COS_INDEX) {
        w->index = n;

    } else {
        w->count[slot - SOMA_COS_CACHED] = n;
    }
}


static soma_cohere_type_e
soma_cohere_type(soma_str_t name)
{
    return soma_name_is(name, "content-start") ? SOMA_COT_CONTENT_START
           : soma_name_is(name, "tool-call-start") ? SOMA_COT_CALL_START
           : soma_name_is(name, "content-end")
             || soma_name_is(name, "tool-call-end") ? SOMA_COT_BLOCK_END
           : soma_name_is(name, "message-end") ? SOMA_COT_MESSAGE_END
           : SOMA_COT_OTHER;
}


/* counts it, for whoever listens to it too */

static void
soma_cohere_piece(void *data, unsigned slot, const unsigned char *p,
    size_t len, unsigned escaped)
{
    soma_answer_t       *answer;
    soma_cohere_read_t  *w = data;

    answer = w->answer;
    answer->begun = 1;
    answer->reasoned |= (slot == SOMA_COS_THINKING);
    answer->text_len += escaped ? soma_answer_text_len(p, len)
                                : (int64_t) len;

    if (answer->text != NULL) {
        soma_answer_text(answer, slot == SOMA_COS_TEXT ? SOMA_COHERE_TEXT
                                 : slot == SOMA_COS_THINKING
                                 ? SOMA_COHERE_THINKING
                                 : slot == SOMA_COS_PLAN ? SOMA_COHERE_PLAN
                                 : SOMA_COHERE_ARGUMENTS, p, len);
    }
}


static void
soma_cohere_close(void *data, unsigned place, const unsigned char *p)
{
    soma_cohere_read_t  *w = data;

    if (place == SOMA_COP_USAGE && w->lies) {
        w->answer->usage_text.data = (unsigned char *) w->usage;
        w->answer->usage_text.len = (size_t) (p - w->usage);
    }
}
