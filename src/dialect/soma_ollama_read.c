
/*
 * Copyright (C) The ngx_soma authors
 *
 * Where in a line or an answer stands what counts: texts, counts, ends,
 * errors.  What it comes to as a whole is soma_ollama_event.c.
 */


#include "soma_ollama_read.h"


#define soma_name_is(name, s)                                                 \
    ((name).len == sizeof(s) - 1                                              \
     && memcmp((name).data, s, sizeof(s) - 1) == 0)


static unsigned soma_ollama_slot(void *data, unsigned place,
    soma_str_t name);
static void soma_ollama_note(void *data, unsigned slot,
    soma_json_type_e type, const unsigned char *p);
static void soma_ollama_word(void *data, unsigned slot,
    soma_json_value_t *value);
static void soma_ollama_piece(void *data, unsigned slot,
    const unsigned char *p, size_t len, unsigned escaped);
static void soma_ollama_close(void *data, unsigned place,
    const unsigned char *p);
static void soma_ollama_count(soma_json_value_t *value, int64_t *count);
static void soma_ollama_created(soma_answer_t *answer, soma_str_t time);


#define SKIP  SOMA_READ_SKIP
#define WORD  SOMA_READ_SMALL
#define TEXT  SOMA_READ_TEXT

static const soma_read_way_t  soma_ollama_ways[SOMA_OLS_TOTAL] = {
    [SOMA_OLS_ROOT] = { SKIP, SKIP, SOMA_OLP_ROOT, 0, 1 },
    [SOMA_OLS_MODEL] = { WORD, SKIP, 0, 0, 0 },
    [SOMA_OLS_CREATED] = { WORD, SKIP, 0, 0, 0 },
    [SOMA_OLS_MESSAGE] = { SKIP, SKIP, SOMA_OLP_MESSAGE, 0, 1 },
    [SOMA_OLS_TEXT] = { TEXT, SKIP, 0, 0, 1 },
    [SOMA_OLS_THINKING] = { TEXT, SKIP, 0, 0, 0 },
    [SOMA_OLS_CALLS] = { SKIP, SKIP, 0, SOMA_OLP_CALLS, 0 },
    [SOMA_OLS_CALL] = { SKIP, SKIP, SOMA_OLP_CALL, 0, 1 },
    [SOMA_OLS_FUNCTION] = { SKIP, SKIP, SOMA_OLP_FUNCTION, 0, 0 },
    [SOMA_OLS_ARGUMENTS] = { TEXT, SKIP, SOMA_OLP_ARGUMENTS, 0, 1 },
    [SOMA_OLS_DONE] = { SKIP, SKIP, 0, 0, 1 },
    [SOMA_OLS_REASON] = { WORD, SKIP, 0, 0, 0 },
    [SOMA_OLS_ERROR] = { SKIP, SKIP, 0, 0, 1 },
    [SOMA_OLS_VECTORS] = { SKIP, SKIP, 0, 0, 1 },
    [SOMA_OLS_PROMPT] = { SKIP, WORD, 0, 0, 0 },
    [SOMA_OLS_EVAL] = { SKIP, WORD, 0, 0, 0 }
};

#undef SKIP
#undef WORD
#undef TEXT


static const soma_read_ops_t  soma_ollama_ops = {
    soma_ollama_ways,
    soma_ollama_slot,
    soma_ollama_note,
    soma_ollama_word,
    soma_ollama_piece,
    soma_ollama_close
};


void
soma_ollama_read_init(soma_ollama_read_t *w, soma_answer_t *answer)
{
    memset(w, 0, offsetof(soma_ollama_read_t, read));
    soma_read_init(&w->read, SOMA_OLP_TOP);

    w->answer = answer;
    w->prompt = -1;
    w->eval = -1;
    w->begun = 1;
}


void
soma_ollama_read(soma_ollama_read_t *w, const unsigned char *p, size_t len)
{
    w->piece = p;

    soma_read(&w->read, &soma_ollama_ops, w, p, len);

    w->taken += (int64_t) len;
}


static inline unsigned
soma_ollama_root(soma_str_t name)
{
    switch (name.len) {

    case 4:
        return soma_name_is(name, "done") ? SOMA_OLS_DONE : 0;

    case 5:
        return soma_name_is(name, "model") ? SOMA_OLS_MODEL
               : soma_name_is(name, "error") ? SOMA_OLS_ERROR : 0;

    case 7:
        return soma_name_is(name, "message") ? SOMA_OLS_MESSAGE : 0;

    case 8:
        return soma_name_is(name, "response") ? SOMA_OLS_TEXT
               : soma_name_is(name, "thinking") ? SOMA_OLS_THINKING : 0;

    case 9:
        return soma_name_is(name, "embedding") ? SOMA_OLS_VECTORS : 0;

    case 10:
        return soma_name_is(name, "created_at") ? SOMA_OLS_CREATED
               : soma_name_is(name, "eval_count") ? SOMA_OLS_EVAL
               : soma_name_is(name, "embeddings") ? SOMA_OLS_VECTORS : 0;

    case 11:
        return soma_name_is(name, "done_reason") ? SOMA_OLS_REASON : 0;

    case 17:
        return soma_name_is(name, "prompt_eval_count") ? SOMA_OLS_PROMPT : 0;
    }

    return 0;
}


static unsigned
soma_ollama_slot(void *data, unsigned place, soma_str_t name)
{
    (void) data;

    switch (place) {

    case SOMA_OLP_ROOT:
        return soma_ollama_root(name);

    case SOMA_OLP_MESSAGE:
        return soma_name_is(name, "content") ? SOMA_OLS_TEXT
               : soma_name_is(name, "thinking") ? SOMA_OLS_THINKING
               : soma_name_is(name, "tool_calls") ? SOMA_OLS_CALLS : 0;

    case SOMA_OLP_TOP:
        return SOMA_OLS_ROOT;

    case SOMA_OLP_CALLS:
        return SOMA_OLS_CALL;

    case SOMA_OLP_CALL:
        return soma_name_is(name, "function") ? SOMA_OLS_FUNCTION : 0;

    case SOMA_OLP_FUNCTION:
        return soma_name_is(name, "arguments") ? SOMA_OLS_ARGUMENTS : 0;
    }

    return 0;
}


static void
soma_ollama_note(void *data, unsigned slot, soma_json_type_e type,
    const unsigned char *p)
{
    soma_answer_t       *answer;
    soma_ollama_read_t  *w = data;

    answer = w->answer;

    switch (slot) {

    case SOMA_OLS_ROOT:
        w->root = p;
        break;

    case SOMA_OLS_MESSAGE:
        answer->formed |= (type == SOMA_JSON_OBJECT);
        break;

    case SOMA_OLS_TEXT:
        answer->formed |= (type == SOMA_JSON_STRING);
        break;

    case SOMA_OLS_VECTORS:
        answer->formed |= (type == SOMA_JSON_ARRAY);
        break;

    case SOMA_OLS_CALL:
        answer->begun |= (type == SOMA_JSON_OBJECT);
        break;

    case SOMA_OLS_ARGUMENTS:
        w->input_at = w->taken + (p - w->piece);
        break;

    case SOMA_OLS_DONE:
        w->done |= (type == SOMA_JSON_TRUE);
        answer->formed |= (type == SOMA_JSON_TRUE
                           || type == SOMA_JSON_FALSE);
        break;

    case SOMA_OLS_ERROR:

        if (type != SOMA_JSON_NULL && type != SOMA_JSON_FALSE) {
            w->error = 1;
            answer->failed = 1;
        }

        break;
    }
}


static void
soma_ollama_word(void *data, unsigned slot, soma_json_value_t *value)
{
    soma_str_t           text;
    soma_ollama_read_t  *w = data;

    switch (slot) {

    case SOMA_OLS_PROMPT:
        soma_ollama_count(value, &w->prompt);
        return;

    case SOMA_OLS_EVAL:
        soma_ollama_count(value, &w->eval);
        return;

    case SOMA_OLS_MODEL:
        soma_answer_model(w->answer, value);
        return;
    }

    text.data = value->text.data + 1;
    text.len = value->text.len - 2;

    if (slot == SOMA_OLS_CREATED) {
        soma_ollama_created(w->answer, text);
        return;
    }

    w->loaded |= (soma_name_is(text, "load") || soma_name_is(text, "unload"));
}


static void
soma_ollama_count(soma_json_value_t *value, int64_t *count)
{
    int64_t  n;

    if (value->type == SOMA_JSON_NUMBER
        && soma_json_int(value, &n) == SOMA_OK
        && n >= 0 && n <= SOMA_OLLAMA_TOKENS_MAX)
    {
        *count = n;
    }
}


static void
soma_ollama_created(soma_answer_t *answer, soma_str_t time)
{
    int64_t  ms;

    if (answer->created == 0 && soma_time_parse(time, &ms) == SOMA_OK
        && ms > 0)
    {
        answer->created = ms / 1000;
    }
}


/* counts it, for whoever listens to it too */

static void
soma_ollama_piece(void *data, unsigned slot, const unsigned char *p,
    size_t len, unsigned escaped)
{
    soma_answer_t       *answer;
    soma_ollama_read_t  *w = data;

    answer = w->answer;
    answer->begun = 1;
    answer->reasoned |= (slot == SOMA_OLS_THINKING);
    answer->text_len += escaped ? soma_answer_text_len(p, len)
                                : (int64_t) len;

    if (answer->text != NULL) {
        soma_answer_text(answer, slot == SOMA_OLS_TEXT ? SOMA_OLLAMA_TEXT
                                 : slot == SOMA_OLS_THINKING
                                 ? SOMA_OLLAMA_THINKING
                                 : SOMA_OLLAMA_ARGUMENTS, p, len);
    }
}


static void
soma_ollama_close(void *data, unsigned place, const unsigned char *p)
{
    int64_t              n;
    soma_answer_t       *answer;
    soma_ollama_read_t  *w = data;

    answer = w->answer;

    if (place == SOMA_OLP_ARGUMENTS) {

        /* nobody hears what is no text */

        n = w->taken + (p - w->piece) - w->input_at;
        answer->text_len += n;
        answer->unheard += n;
        return;
    }

    if (place == SOMA_OLP_ROOT && w->lies && w->done) {

        /* counts stand beside the answer: what has them is all of it */

        answer->usage_text.data = (unsigned char *) w->root;
        answer->usage_text.len = (size_t) (p - w->root);
    }
}
