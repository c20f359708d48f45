
/*
 * Copyright (C) The ngx_soma authors
 *
 * Where in an event or an answer stands what counts: texts, usage, ends,
 * errors.  What an event comes to as a whole is soma_gemini_event.c.
 */


#include "soma_gemini_read.h"


#define soma_name_is(name, s)                                                 \
    ((name).len == sizeof(s) - 1                                              \
     && memcmp((name).data, s, sizeof(s) - 1) == 0)


static unsigned soma_gemini_slot(void *data, unsigned place, soma_str_t name);
static void soma_gemini_note(void *data, unsigned slot,
    soma_json_type_e type, const unsigned char *p);
static void soma_gemini_word(void *data, unsigned slot,
    soma_json_value_t *value);
static void soma_gemini_piece(void *data, unsigned slot,
    const unsigned char *p, size_t len, unsigned escaped);
static void soma_gemini_close(void *data, unsigned place,
    const unsigned char *p);
static void soma_gemini_choice(soma_gemini_read_t *w);


#define SKIP  SOMA_READ_SKIP
#define WORD  SOMA_READ_SMALL
#define TEXT  SOMA_READ_TEXT

static const soma_read_way_t  soma_gemini_ways[SOMA_GS_TOTAL] = {
    [SOMA_GS_ROOT] = { SKIP, SKIP, SOMA_GP_ROOT, SOMA_GP_LIST, 1 },
    [SOMA_GS_ERROR] = { SKIP, SKIP, 0, 0, 1 },
    [SOMA_GS_ID] = { WORD, SKIP, 0, 0, 0 },
    [SOMA_GS_MODEL] = { WORD, SKIP, 0, 0, 0 },
    [SOMA_GS_CANDIDATES] = { SKIP, SKIP, 0, SOMA_GP_CANDIDATES, 1 },
    [SOMA_GS_CANDIDATE] = { SKIP, SKIP, SOMA_GP_CANDIDATE, 0, 1 },
    [SOMA_GS_INDEX] = { SKIP, WORD, 0, 0, 0 },
    [SOMA_GS_CONTENT] = { SKIP, SKIP, SOMA_GP_CONTENT, 0, 0 },
    [SOMA_GS_PARTS] = { SKIP, SKIP, 0, SOMA_GP_PARTS, 0 },
    [SOMA_GS_PART] = { SKIP, SKIP, SOMA_GP_PART, 0, 0 },
    [SOMA_GS_TEXT] = { TEXT, SKIP, 0, 0, 0 },
    [SOMA_GS_THOUGHT] = { SKIP, SKIP, 0, 0, 1 },
    [SOMA_GS_SIGNATURE] = { SKIP, SKIP, 0, 0, 1 },
    [SOMA_GS_CALL] = { SKIP, SKIP, SOMA_GP_CALL, 0, 1 },
    [SOMA_GS_ARGS] = { SKIP, SKIP, SOMA_GP_ARGS, 0, 1 },
    [SOMA_GS_PARTIAL] = { SKIP, SKIP, 0, SOMA_GP_PARTIAL, 1 },
    [SOMA_GS_CODE] = { SKIP, SKIP, SOMA_GP_CODE, 0, 1 },
    [SOMA_GS_CODE_TEXT] = { TEXT, SKIP, 0, 0, 0 },
    [SOMA_GS_MADE] = { SKIP, SKIP, 0, 0, 1 },
    [SOMA_GS_FINISH] = { SKIP, SKIP, 0, 0, 1 },
    [SOMA_GS_GROUNDING] = { SKIP, SKIP, SOMA_GP_GROUNDING, 0, 0 },
    [SOMA_GS_QUERIES] = { SKIP, SKIP, 0, SOMA_GP_QUERIES, 0 },
    [SOMA_GS_QUERY] = { SKIP, SKIP, 0, 0, 1 },
    [SOMA_GS_FEEDBACK] = { SKIP, SKIP, SOMA_GP_FEEDBACK, 0, 0 },
    [SOMA_GS_BLOCKED] = { SKIP, SKIP, 0, 0, 1 },
    [SOMA_GS_ANSWERS] = { SKIP, SKIP, 0, 0, 1 },
    [SOMA_GS_USAGE] = { SKIP, SKIP, SOMA_GP_USAGE, 0, 1 },
    [SOMA_GS_COUNT] = { SKIP, WORD, 0, 0, 0 },
    [SOMA_GS_TIER] = { WORD, SKIP, 0, 0, 0 },
    [SOMA_GS_PROMPT_DETAILS] = { SKIP, SKIP, 0, SOMA_GP_PROMPT_DETAILS, 0 },
    [SOMA_GS_ANSWER_DETAILS] = { SKIP, SKIP, 0, SOMA_GP_ANSWER_DETAILS, 0 },
    [SOMA_GS_DETAIL] = { SKIP, SKIP, SOMA_GP_DETAIL, 0, 1 },
    [SOMA_GS_MODALITY] = { WORD, SKIP, 0, 0, 0 },
    [SOMA_GS_MODALITY_COUNT] = { SKIP, WORD, 0, 0, 0 }
};

#undef SKIP
#undef WORD
#undef TEXT


static const soma_read_ops_t  soma_gemini_ops = {
    soma_gemini_ways,
    soma_gemini_slot,
    soma_gemini_note,
    soma_gemini_word,
    soma_gemini_piece,
    soma_gemini_close
};


void
soma_gemini_read_init(soma_gemini_read_t *w, soma_answer_t *answer)
{
    memset(w, 0, offsetof(soma_gemini_read_t, read));
    soma_read_init(&w->read, SOMA_GP_TOP);

    w->answer = answer;
    w->begun = 1;
}


void
soma_gemini_read(soma_gemini_read_t *w, const unsigned char *p, size_t len)
{
    w->piece = p;

    soma_read(&w->read, &soma_gemini_ops, w, p, len);

    w->taken += (int64_t) len;
}


static inline unsigned
soma_gemini_root(soma_str_t name)
{
    switch (name.len) {

    case 5:
        return soma_name_is(name, "error") ? SOMA_GS_ERROR : 0;

    case 9:
        return soma_name_is(name, "embedding") ? SOMA_GS_ANSWERS : 0;

    case 10:
        return soma_name_is(name, "candidates") ? SOMA_GS_CANDIDATES
               : soma_name_is(name, "responseId") ? SOMA_GS_ID
               : soma_name_is(name, "embeddings") ? SOMA_GS_ANSWERS : 0;

    case 11:
        return soma_name_is(name, "totalTokens") ? SOMA_GS_ANSWERS
               : soma_name_is(name, "predictions") ? SOMA_GS_ANSWERS : 0;

    case 12:
        return soma_name_is(name, "modelVersion") ? SOMA_GS_MODEL : 0;

    case 13:
        return soma_name_is(name, "usageMetadata") ? SOMA_GS_USAGE : 0;

    case 14:
        return soma_name_is(name, "promptFeedback") ? SOMA_GS_FEEDBACK : 0;
    }

    return 0;
}


static inline unsigned
soma_gemini_candidate(soma_str_t name)
{
    return soma_name_is(name, "content") ? SOMA_GS_CONTENT
           : soma_name_is(name, "index") ? SOMA_GS_INDEX
           : soma_name_is(name, "finishReason") ? SOMA_GS_FINISH
           : soma_name_is(name, "groundingMetadata") ? SOMA_GS_GROUNDING : 0;
}


static inline unsigned
soma_gemini_in_part(soma_str_t name)
{
    return soma_name_is(name, "text") ? SOMA_GS_TEXT
           : soma_name_is(name, "thought") ? SOMA_GS_THOUGHT
           : soma_name_is(name, "thoughtSignature") ? SOMA_GS_SIGNATURE
           : soma_name_is(name, "functionCall") ? SOMA_GS_CALL
           : soma_name_is(name, "executableCode") ? SOMA_GS_CODE
           : SOMA_GS_MADE;
}


static unsigned
soma_gemini_slot(void *data, unsigned place, soma_str_t name)
{
    switch (place) {

    case SOMA_GP_ROOT:
        return soma_gemini_root(name);

    case SOMA_GP_PART:
        return soma_gemini_in_part(name);

    case SOMA_GP_CANDIDATE:
        return soma_gemini_candidate(name);

    case SOMA_GP_TOP:
    case SOMA_GP_LIST:
        return SOMA_GS_ROOT;

    case SOMA_GP_CANDIDATES:
        return SOMA_GS_CANDIDATE;

    case SOMA_GP_CONTENT:
        return soma_name_is(name, "parts") ? SOMA_GS_PARTS : 0;

    case SOMA_GP_PARTS:
        return SOMA_GS_PART;

    case SOMA_GP_CALL:
        return soma_name_is(name, "args") ? SOMA_GS_ARGS
               : soma_name_is(name, "partialArgs") ? SOMA_GS_PARTIAL : 0;

    case SOMA_GP_ARGS:
    case SOMA_GP_PARTIAL:
        return 0;

    case SOMA_GP_CODE:
        return soma_name_is(name, "code") ? SOMA_GS_CODE_TEXT : 0;

    case SOMA_GP_GROUNDING:
        return soma_name_is(name, "webSearchQueries") ? SOMA_GS_QUERIES : 0;

    case SOMA_GP_QUERIES:
        return SOMA_GS_QUERY;

    case SOMA_GP_FEEDBACK:
        return soma_name_is(name, "blockReason") ? SOMA_GS_BLOCKED : 0;
    }

    return soma_gemini_usage_slot(data, place, name);
}


static void
soma_gemini_note(void *data, unsigned slot, soma_json_type_e type,
    const unsigned char *p)
{
    soma_answer_t       *answer;
    soma_gemini_read_t  *w = data;

    answer = w->answer;

    switch (slot) {

    case SOMA_GS_ROOT:
        w->list |= (type == SOMA_JSON_ARRAY);
        break;

    case SOMA_GS_CANDIDATES:
        answer->formed |= (type == SOMA_JSON_ARRAY);
        w->index = -1;
        break;

    case SOMA_GS_CANDIDATE:
        w->index++;
        w->ended = 0;
        break;

    case SOMA_GS_THOUGHT:
        answer->reasoned |= (type == SOMA_JSON_TRUE);
        break;

    case SOMA_GS_SIGNATURE:
        answer->reasoned |= (type == SOMA_JSON_STRING);
        break;

    case SOMA_GS_CALL:
    case SOMA_GS_CODE:
    case SOMA_GS_MADE:
        answer->begun |= (type == SOMA_JSON_OBJECT);
        break;

    case SOMA_GS_ARGS:
    case SOMA_GS_PARTIAL:
        w->args_at = w->taken + (p - w->piece);
        break;

    case SOMA_GS_FINISH:
        w->ended = (type != SOMA_JSON_NULL);
        answer->finished |= w->ended;
        break;

    case SOMA_GS_QUERY:
        w->queries++;
        break;

    case SOMA_GS_BLOCKED:
        answer->formed |= (type == SOMA_JSON_STRING);
        answer->finished |= (type == SOMA_JSON_STRING);
        break;

    case SOMA_GS_ANSWERS:
        answer->formed |= (type != SOMA_JSON_NULL);
        break;

    case SOMA_GS_USAGE:

        if (type == SOMA_JSON_OBJECT) {
            w->usage_at = p;
            answer->formed = 1;
            soma_gemini_usage_init(w);
        }

        break;

    case SOMA_GS_DETAIL:
        w->modality = 0;
        w->detail = 0;
        break;

    case SOMA_GS_ERROR:

        if (type != SOMA_JSON_NULL && type != SOMA_JSON_FALSE) {
            w->error = 1;
            answer->failed = 1;
        }

        break;
    }
}


static void
soma_gemini_word(void *data, unsigned slot, soma_json_value_t *value)
{
    int64_t              n;
    soma_gemini_read_t  *w = data;

    switch (slot) {

    case SOMA_GS_COUNT:
        soma_gemini_usage_count(w, value);
        break;

    case SOMA_GS_MODALITY_COUNT:

        if (soma_json_int(value, &n) == SOMA_OK
            && n >= 0 && n <= SOMA_GEMINI_TOKENS_MAX)
        {
            w->detail = n;
        }

        break;

    case SOMA_GS_MODALITY:
        soma_gemini_usage_modality(w, value);
        break;

    case SOMA_GS_TIER:
        soma_gemini_usage_tier(w, value);
        break;

    case SOMA_GS_ID:
        soma_answer_id(w->answer, value);
        break;

    case SOMA_GS_MODEL:
        soma_answer_model(w->answer, value);
        break;

    case SOMA_GS_INDEX:

        /* its place in the list where none is said */

        if (soma_json_int(value, &n) == SOMA_OK && n >= 0) {
            w->index = n;
        }

        break;
    }
}


/* counts it, for whoever listens to it too */

static void
soma_gemini_piece(void *data, unsigned slot, const unsigned char *p,
    size_t len, unsigned escaped)
{
    unsigned             channel;
    soma_answer_t       *answer;
    soma_gemini_read_t  *w = data;

    answer = w->answer;
    answer->begun = 1;
    answer->text_len += escaped ? soma_answer_text_len(p, len)
                                : (int64_t) len;

    if (answer->text == NULL) {
        return;
    }

    channel = (slot == SOMA_GS_TEXT) ? SOMA_GEMINI_TEXT : SOMA_GEMINI_CODE;

    soma_answer_text(answer,
                     (unsigned) w->index * SOMA_GEMINI_CHANNELS + channel,
                     p, len);
}


static void
soma_gemini_close(void *data, unsigned place, const unsigned char *p)
{
    int64_t              n;
    soma_answer_t       *answer;
    soma_gemini_read_t  *w = data;

    answer = w->answer;

    switch (place) {

    case SOMA_GP_ARGS:
    case SOMA_GP_PARTIAL:

        /* nobody hears what is no text */

        n = w->taken + (p - w->piece) - w->args_at;

        if (n > 2) {
            answer->text_len += n;
            answer->unheard += n;
        }

        break;

    case SOMA_GP_CANDIDATE:
        soma_gemini_choice(w);
        break;

    case SOMA_GP_DETAIL:
        soma_gemini_usage_detail(w, w->read.place[w->read.depth - 1]);
        break;

    case SOMA_GP_USAGE:
        soma_gemini_usage_counted(w);

        if (w->lies) {
            answer->usage_text.data = (unsigned char *) w->usage_at;
            answer->usage_text.len = (size_t) (p - w->usage_at);
        }

        break;
    }
}


static void
soma_gemini_choice(soma_gemini_read_t *w)
{
    uint64_t          bit;
    soma_progress_t  *progress;

    progress = &w->answer->progress;

    if (w->index < 0 || w->index >= SOMA_ANSWER_CHOICES_MAX) {
        return;
    }

    if (progress->choices <= w->index) {
        progress->choices = (unsigned) w->index + 1;
    }

    bit = (uint64_t) 1 << (w->index % 64);

    if (w->ended) {
        progress->ended[w->index / 64] |= bit;
    }
}
