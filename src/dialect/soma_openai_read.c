
/*
 * Copyright (C) The ngx_soma authors
 *
 * Where in an event or an answer stands what counts: texts, usage, ends,
 * errors.  What an event comes to as a whole is soma_openai_event.c.
 */


#include "soma_openai_slot.h"


static void soma_openai_read_delta(soma_openai_read_t *w,
    const unsigned char *p, size_t len, unsigned escaped);
static void soma_openai_note(void *data, unsigned slot,
    soma_json_type_e type, const unsigned char *p);
static void soma_openai_word(void *data, unsigned slot,
    soma_json_value_t *value);
static void soma_openai_piece(void *data, unsigned slot,
    const unsigned char *p, size_t len, unsigned escaped);
static void soma_openai_close(void *data, unsigned place,
    const unsigned char *p);


#define SKIP  SOMA_READ_SKIP
#define WORD  SOMA_READ_SMALL
#define TEXT  SOMA_READ_TEXT

static const soma_read_way_t  soma_openai_ways[SOMA_S_TOTAL] = {
    [SOMA_S_ROOT] = { SKIP, SKIP, SOMA_P_ROOT, SOMA_P_LIST, 0 },
    [SOMA_S_BARE] = { SKIP, WORD, 0, 0, 0 },
    [SOMA_S_USAGE] = { SKIP, SKIP, SOMA_P_USAGE, 0, 1 },
    [SOMA_S_USAGE_ELSEWHERE] = { SKIP, SKIP, SOMA_P_USAGE, 0, 1 },
    [SOMA_S_COUNT] = { WORD, WORD, 0, 0, 0 },
    [SOMA_S_GROUP] = { SKIP, SKIP, SOMA_P_GROUP, 0, 0 },
    [SOMA_S_ERROR] = { SKIP, SKIP, 0, 0, 1 },
    [SOMA_S_TYPE] = { WORD, SKIP, 0, 0, 0 },
    [SOMA_S_OBJECT] = { WORD, SKIP, 0, 0, 0 },
    [SOMA_S_RESPONSE] = { SKIP, SKIP, SOMA_P_RESPONSE, 0, 0 },
    [SOMA_S_EVENT_DELTA] = { TEXT, SKIP, 0, 0, 1 },
    [SOMA_S_TIER] = { WORD, SKIP, 0, 0, 0 },
    [SOMA_S_MODEL] = { WORD, SKIP, 0, 0, 0 },
    [SOMA_S_ID] = { WORD, SKIP, 0, 0, 0 },
    [SOMA_S_CREATED] = { SKIP, WORD, 0, 0, 0 },
    [SOMA_S_SEQUENCE] = { SKIP, WORD, 0, 0, 0 },
    [SOMA_S_DURATION] = { WORD, WORD, 0, 0, 0 },
    [SOMA_S_DATA] = { SKIP, SKIP, 0, 0, 1 },
    [SOMA_S_HOLDER] = { SKIP, SKIP, SOMA_P_HOLDER, 0, 0 },
    [SOMA_S_CHOICES] = { SKIP, SKIP, 0, SOMA_P_CHOICES, 1 },
    [SOMA_S_CHOICE] = { SKIP, SKIP, SOMA_P_CHOICE, 0, 1 },
    [SOMA_S_INDEX] = { SKIP, WORD, 0, 0, 0 },
    [SOMA_S_FINISH] = { SKIP, SKIP, 0, 0, 1 },
    [SOMA_S_DELTA] = { SKIP, SKIP, SOMA_P_DELTA, 0, 0 },
    [SOMA_S_MESSAGE] = { SKIP, SKIP, SOMA_P_MESSAGE, 0, 1 },
    [SOMA_S_TEXT] = { TEXT, SKIP, 0, 0, 0 },
    [SOMA_S_TRANSCRIPT] = { TEXT, SKIP, 0, 0, 1 },
    [SOMA_S_CONTENT] = { TEXT, SKIP, SOMA_P_PART, SOMA_P_PARTS, 1 },
    [SOMA_S_REASONING] = { TEXT, SKIP, SOMA_P_PART, SOMA_P_PARTS, 1 },
    [SOMA_S_REASONING_CONTENT] = { TEXT, SKIP, SOMA_P_PART, SOMA_P_PARTS, 1 },
    [SOMA_S_REASONING_DETAILS] = { TEXT, SKIP, SOMA_P_PART, SOMA_P_PARTS, 1 },
    [SOMA_S_CALLS] = { SKIP, SKIP, 0, SOMA_P_CALLS, 0 },
    [SOMA_S_CALL] = { SKIP, SKIP, SOMA_P_CALL, 0, 0 },
    [SOMA_S_FUNCTION] = { SKIP, SKIP, SOMA_P_FUNCTION, 0, 0 },
    [SOMA_S_CALL_NAME] = { SKIP, SKIP, 0, 0, 1 },
    [SOMA_S_ARGUMENTS] = { TEXT, SKIP, 0, 0, 0 },
    [SOMA_S_AUDIO] = { SKIP, SKIP, SOMA_P_AUDIO, 0, 1 },
    [SOMA_S_PART] = { TEXT, SKIP, SOMA_P_PART, SOMA_P_PARTS, 0 },
    [SOMA_S_OUTPUT] = { SKIP, SKIP, 0, SOMA_P_OUTPUT, 1 },
    [SOMA_S_ITEM] = { SKIP, SKIP, SOMA_P_ITEM, 0, 1 },
    [SOMA_S_ITEM_TYPE] = { WORD, SKIP, 0, 0, 0 },
    [SOMA_S_ITEM_PARTS] = { TEXT, SKIP, SOMA_P_PART, SOMA_P_PARTS, 1 },
    [SOMA_S_BYTES] = { SKIP, SKIP, 0, 0, 1 },
    [SOMA_S_TOOLS] = { SKIP, SKIP, SOMA_P_TOOLS, 0, 0 },
    [SOMA_S_IMAGE_GEN] = { SKIP, SKIP, SOMA_P_IMAGE_GEN, 0, 1 },
    [SOMA_S_WEB_SEARCH] = { SKIP, SKIP, SOMA_P_WEB_SEARCH, 0, 1 }
};

#undef SKIP
#undef WORD
#undef TEXT


static const soma_read_ops_t  soma_openai_ops = {
    soma_openai_ways,
    soma_openai_slot,
    soma_openai_note,
    soma_openai_word,
    soma_openai_piece,
    soma_openai_close
};


void
soma_openai_read_init(soma_openai_read_t *w, soma_answer_t *answer)
{
    memset(w, 0, offsetof(soma_openai_read_t, counts));
    soma_read_init(&w->read, SOMA_P_TOP);

    w->answer = answer;
    w->begun = 1;
}


void
soma_openai_read(soma_openai_read_t *w, const unsigned char *p, size_t len)
{
    soma_read(&w->read, &soma_openai_ops, w, p, len);
}


static void
soma_openai_note(void *data, unsigned slot, soma_json_type_e type,
    const unsigned char *p)
{
    soma_answer_t       *answer;
    soma_openai_read_t  *w = data;

    answer = w->answer;

    switch (slot) {

    case SOMA_S_CHOICES:
        w->choices |= (type == SOMA_JSON_ARRAY);
        answer->formed |= (type == SOMA_JSON_ARRAY);
        break;

    case SOMA_S_CHOICE:
        w->any = 1;
        w->index = 0;
        w->finished = 0;
        break;

    case SOMA_S_FINISH:
        w->finished |= (type == SOMA_JSON_STRING);
        break;

    case SOMA_S_CONTENT:
    case SOMA_S_REASONING:
    case SOMA_S_REASONING_CONTENT:
    case SOMA_S_REASONING_DETAILS:
    case SOMA_S_ITEM_PARTS:
        w->parts = (unsigned char) slot;
        break;

    case SOMA_S_EVENT_DELTA:
        w->parts = 0;
        break;

    case SOMA_S_MESSAGE:
    case SOMA_S_ITEM:
        w->within = (answer->stream && type == SOMA_JSON_OBJECT);
        break;

    case SOMA_S_OUTPUT:
    case SOMA_S_DATA:
        answer->formed |= (type == SOMA_JSON_ARRAY);
        break;

    case SOMA_S_TRANSCRIPT:
        answer->formed |= (type == SOMA_JSON_STRING);
        break;

    case SOMA_S_USAGE:
    case SOMA_S_USAGE_ELSEWHERE:

        if (type == SOMA_JSON_OBJECT) {
            w->elsewhere = (slot == SOMA_S_USAGE_ELSEWHERE);
            w->usage |= !w->elsewhere;
            w->usage_at = p;
            answer->formed = 1;
            soma_openai_usage_init(&w->counts);
        }

        break;

    case SOMA_S_IMAGE_GEN:
    case SOMA_S_WEB_SEARCH:
        soma_openai_usage_init(&w->counts);
        break;

    case SOMA_S_ERROR:

        if (type != SOMA_JSON_NULL && type != SOMA_JSON_FALSE) {
            w->error = 1;
            answer->failed = 1;
        }

        break;

    case SOMA_S_CALL_NAME:
    case SOMA_S_BYTES:
    case SOMA_S_AUDIO:
        answer->begun |= (type == SOMA_JSON_STRING
                          || type == SOMA_JSON_ARRAY
                          || type == SOMA_JSON_OBJECT);
        break;
    }
}


static soma_openai_type_e
soma_openai_type(soma_str_t type)
{
    if (type.len > 6 && memcmp(type.data + type.len - 6, ".delta", 6) == 0) {
        return (type.len > 11
                && memcmp(type.data + type.len - 11, "audio.delta", 11) == 0)
               ? SOMA_T_SOUND : SOMA_T_DELTA;
    }

    if (soma_name_is(type, "error")) {
        return SOMA_T_ERROR;
    }

    if (soma_name_is(type, "response.failed")) {
        return SOMA_T_FAILED;
    }

    if (soma_name_is(type, "response.completed")
        || soma_name_is(type, "response.incomplete")
        || soma_name_is(type, "response.cancelled"))
    {
        return SOMA_T_LAST;
    }

    if (soma_name_is(type, "transcript.text.done")
        || soma_name_is(type, "speech.audio.done")
        || soma_name_is(type, "image_generation.completed")
        || soma_name_is(type, "image_edit.completed"))
    {
        return SOMA_T_DONE;
    }

    return SOMA_T_OTHER;
}


void
soma_openai_read_named(soma_openai_read_t *w, soma_str_t name)
{
    if (!w->typed) {
        w->type = (name.len != 0) ? (unsigned char) soma_openai_type(name)
                                  : SOMA_T_NONE;
    }
}


static void
soma_openai_word(void *data, unsigned slot, soma_json_value_t *value)
{
    int64_t              n;
    soma_str_t           name;
    soma_answer_t       *answer;
    soma_openai_read_t  *w = data;

    answer = w->answer;

    switch (slot) {

    case SOMA_S_COUNT:
        soma_openai_usage_count(w, value);
        break;

    case SOMA_S_ID:
        soma_answer_id(answer, value);
        break;

    case SOMA_S_MODEL:
        soma_answer_model(answer, value);
        break;

    case SOMA_S_TIER:
        soma_openai_service_tier(answer, value);
        break;

    case SOMA_S_CREATED:

        if (answer->created == 0 && soma_json_int(value, &n) == SOMA_OK) {
            answer->created = n;
        }

        break;

    case SOMA_S_SEQUENCE:

        if (value->type == SOMA_JSON_NUMBER
            && soma_json_int(value, &n) == SOMA_OK && n >= 0 && n < INT64_MAX)
        {
            answer->progress.sequence = n + 1;
        }

        break;

    case SOMA_S_INDEX:
        (void) soma_json_int(value, &w->index);
        break;

    case SOMA_S_TYPE:
        name.data = value->text.data + 1;
        name.len = value->text.len - 2;
        w->typed = 1;
        w->type = (unsigned char) soma_openai_type(name);
        break;

    case SOMA_S_ITEM_TYPE:
        answer->reasoned |= soma_name_is(value->text, "\"reasoning\"");
        break;

    case SOMA_S_OBJECT:

        /* vLLM and Mistral: the whole event is the error */

        if (soma_name_is(value->text, "\"error\"")) {
            w->error = 1;
            answer->failed = 1;

        } else {
            answer->formed = 1;
        }

        break;

    case SOMA_S_DURATION:
        soma_openai_duration(answer, value);
        break;

    case SOMA_S_BARE:
        answer->done |= soma_name_is(value->text, "DONE");
        break;
    }
}


/* counts it, for whoever listens to it too */

static inline void
soma_openai_heard(soma_openai_read_t *w, soma_openai_channel_e kind,
    const unsigned char *p, size_t len, unsigned escaped)
{
    soma_answer_t  *answer;

    answer = w->answer;
    answer->text_len += escaped ? soma_answer_text_len(p, len)
                                : (int64_t) len;

    if (answer->text != NULL) {
        soma_answer_text(answer,
                         (unsigned) w->index * SOMA_OPENAI_CHANNELS + kind,
                         p, len);
    }
}


/*
 * Some send the same reasoning under two names, or with details: what comes
 * under the first name is heard, and of the others what is more of it.
 */

static void
soma_openai_thought(soma_openai_read_t *w, unsigned slot,
    const unsigned char *p, size_t len)
{
    int64_t  n, more;

    if (w->named == 0) {
        w->named = (unsigned char) slot;
    }

    n = soma_answer_text_len(p, len);
    w->answer->reasoned = 1;

    if (slot == w->named) {
        w->thought += n;
        soma_openai_heard(w, SOMA_OPENAI_REASONING, p, len, 1);
        return;
    }

    if (slot != w->named_again) {
        w->named_again = (unsigned char) slot;
        w->again = 0;
    }

    w->again += n;
    more = w->again - w->thought;

    if (more > 0) {
        w->thought += more;
        w->answer->text_len += more;
        w->answer->unheard += more;
    }
}


static void
soma_openai_piece(void *data, unsigned slot, const unsigned char *p,
    size_t len, unsigned escaped)
{
    soma_openai_read_t  *w = data;

    if (slot == SOMA_S_PART) {
        slot = w->parts;
    }

    if (w->within || (slot == SOMA_S_TRANSCRIPT && w->answer->stream)) {

        /* said before, as a rule */

        w->whole += soma_answer_text_len(p, len);
        return;
    }

    switch (slot) {

    case SOMA_S_REASONING:
    case SOMA_S_REASONING_CONTENT:
    case SOMA_S_REASONING_DETAILS:
        soma_openai_thought(w, slot, p, len);
        return;

    case SOMA_S_ARGUMENTS:
        soma_openai_heard(w, SOMA_OPENAI_CALLS, p, len, escaped);
        return;

    case SOMA_S_EVENT_DELTA:
        soma_openai_read_delta(w, p, len, escaped);
        return;
    }

    soma_openai_heard(w, SOMA_OPENAI_CONTENT, p, len, escaped);
}


/* of an event whose type is yet to come it is in doubt */

static void
soma_openai_read_delta(soma_openai_read_t *w, const unsigned char *p,
    size_t len, unsigned escaped)
{
    int64_t  before;

    if (w->type != SOMA_T_DELTA && w->type != SOMA_T_NONE) {
        return;
    }

    before = w->answer->text_len;
    soma_openai_heard(w, SOMA_OPENAI_CONTENT, p, len, escaped);

    if (w->type == SOMA_T_NONE) {
        w->doubtful += w->answer->text_len - before;
    }
}


static void
soma_openai_choice_end(soma_openai_read_t *w)
{
    int64_t           i;
    soma_progress_t  *progress;

    w->answer->finished |= w->finished;

    i = w->index;
    progress = &w->answer->progress;

    if (i < 0 || i >= SOMA_ANSWER_CHOICES_MAX) {
        return;
    }

    if (i >= progress->choices) {
        progress->choices = (unsigned) i + 1;
    }

    if (w->finished) {
        progress->ended[i / 64] |= (uint64_t) 1 << (i % 64);
    }
}


static void
soma_openai_close(void *data, unsigned place, const unsigned char *p)
{
    soma_openai_read_t  *w = data;

    switch (place) {

    case SOMA_P_CHOICE:
        soma_openai_choice_end(w);
        w->index = 0;
        break;

    case SOMA_P_MESSAGE:
    case SOMA_P_ITEM:
        w->within = 0;

        /* fall through */

    case SOMA_P_DELTA:
        w->named = 0;
        w->named_again = 0;
        w->thought = 0;
        break;

    case SOMA_P_USAGE:
        soma_openai_usage_counted(w, place);

        if (w->lies && (!w->elsewhere || w->answer->usage_text.len == 0)) {
            w->answer->usage_text.data = (unsigned char *) w->usage_at;
            w->answer->usage_text.len = (size_t) (p - w->usage_at);
        }

        break;

    case SOMA_P_IMAGE_GEN:
    case SOMA_P_WEB_SEARCH:
        soma_openai_usage_counted(w, place);
        break;
    }
}
