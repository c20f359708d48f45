
/*
 * Copyright (C) The ngx_soma authors
 *
 * Where in an event or an answer stands what counts: texts, usage, ends,
 * errors.  What an event comes to as a whole is soma_bedrock_event.c.
 */


#include "soma_bedrock_read.h"


typedef struct {
    soma_str_t     name;
    unsigned char  slot;
} soma_bedrock_member_t;


static unsigned soma_bedrock_slot(void *data, unsigned place,
    soma_str_t name);
static unsigned soma_bedrock_member(const soma_bedrock_member_t *list,
    size_t n, soma_str_t name);
static void soma_bedrock_note(void *data, unsigned slot,
    soma_json_type_e type, const unsigned char *p);
static void soma_bedrock_counts(soma_bedrock_read_t *w, unsigned metrics);
static void soma_bedrock_word(void *data, unsigned slot,
    soma_json_value_t *value);
static void soma_bedrock_typed(soma_bedrock_read_t *w, soma_str_t type);
static void soma_bedrock_piece(void *data, unsigned slot,
    const unsigned char *p, size_t len, unsigned escaped);
static void soma_bedrock_close(void *data, unsigned place,
    const unsigned char *p);


#define SKIP  SOMA_READ_SKIP
#define WORD  SOMA_READ_SMALL
#define TEXT  SOMA_READ_TEXT

static const soma_read_way_t  soma_bedrock_ways[SOMA_BS_TOTAL] = {
    [SOMA_BS_ROOT] = { SKIP, SKIP, SOMA_BP_ROOT, 0, 0 },
    [SOMA_BS_EVENT] = { SKIP, SKIP, SOMA_BP_ROOT, 0, 1 },
    [SOMA_BS_STOPPED] = { SKIP, SKIP, SOMA_BP_ROOT, 0, 1 },
    [SOMA_BS_INDEX] = { SKIP, WORD, 0, 0, 0 },
    [SOMA_BS_ERROR] = { SKIP, SKIP, 0, 0, 1 },
    [SOMA_BS_TYPE] = { WORD, SKIP, 0, 0, 0 },
    [SOMA_BS_ID] = { WORD, SKIP, 0, 0, 0 },
    [SOMA_BS_MODEL] = { WORD, SKIP, 0, 0, 0 },
    [SOMA_BS_MESSAGE] = { SKIP, SKIP, SOMA_BP_MESSAGE, 0, 1 },
    [SOMA_BS_CONTENT] = { TEXT, SKIP, 0, SOMA_BP_CONTENT, 1 },
    [SOMA_BS_BLOCK] = { SKIP, SKIP, SOMA_BP_BLOCK, 0, 1 },
    [SOMA_BS_START] = { SKIP, SKIP, SOMA_BP_BLOCK, 0, 1 },
    [SOMA_BS_DELTA] = { SKIP, SKIP, SOMA_BP_DELTA, 0, 1 },
    [SOMA_BS_TEXT] = { TEXT, SKIP, 0, 0, 0 },
    [SOMA_BS_THINKING] = { TEXT, SKIP, 0, 0, 1 },
    [SOMA_BS_SIGNATURE] = { SKIP, SKIP, 0, 0, 1 },
    [SOMA_BS_JSON] = { TEXT, SKIP, 0, 0, 0 },
    [SOMA_BS_TOOL] = { SKIP, SKIP, SOMA_BP_TOOL, 0, 1 },
    [SOMA_BS_INPUT] = { TEXT, SKIP, SOMA_BP_INPUT, 0, 1 },
    [SOMA_BS_REASON] = { SKIP, SKIP, SOMA_BP_REASON, 0, 1 },
    [SOMA_BS_CITED] = { SKIP, SKIP, SOMA_BP_CITED, 0, 0 },
    [SOMA_BS_OTHER] = { SKIP, SKIP, 0, 0, 1 },
    [SOMA_BS_RESULTS] = { SKIP, SKIP, 0, SOMA_BP_RESULTS, 1 },
    [SOMA_BS_RESULT] = { SKIP, SKIP, SOMA_BP_RESULT, 0, 0 },
    [SOMA_BS_FORMED] = { SKIP, SKIP, 0, 0, 1 },
    [SOMA_BS_STOP] = { SKIP, SKIP, 0, 0, 1 },
    [SOMA_BS_USAGE] = { SKIP, SKIP, SOMA_BP_USAGE, 0, 1 },
    [SOMA_BS_METRICS] = { SKIP, SKIP, SOMA_BP_METRICS, 0, 1 },
    [SOMA_BS_COUNT] = { SKIP, WORD, 0, 0, 0 },
    [SOMA_BS_GROUP] = { SKIP, SKIP, SOMA_BP_GROUP, 0, 0 },
    [SOMA_BS_CACHES] = { SKIP, SKIP, 0, SOMA_BP_CACHES, 0 },
    [SOMA_BS_CACHE] = { SKIP, SKIP, SOMA_BP_CACHE, 0, 1 },
    [SOMA_BS_TTL] = { WORD, SKIP, 0, 0, 0 },
    [SOMA_BS_TIER] = { SKIP, SKIP, SOMA_BP_TIER, 0, 0 },
    [SOMA_BS_TIER_NAME] = { WORD, SKIP, 0, 0, 0 }
};

#undef SKIP
#undef WORD
#undef TEXT


static const soma_read_ops_t  soma_bedrock_ops = {
    soma_bedrock_ways,
    soma_bedrock_slot,
    soma_bedrock_note,
    soma_bedrock_word,
    soma_bedrock_piece,
    soma_bedrock_close
};


#define SOMA_MEMBERS(list)  list, sizeof(list) / sizeof(list[0])

/* those of Converse's frames first: they come once a token */
static const soma_bedrock_member_t  soma_bedrock_root[] = {
    { soma_string("contentBlockIndex"), SOMA_BS_INDEX },
    { soma_string("delta"), SOMA_BS_DELTA },
    { soma_string("start"), SOMA_BS_START },
    { soma_string("usage"), SOMA_BS_USAGE },
    { soma_string("stopReason"), SOMA_BS_STOP },
    { soma_string("output"), SOMA_BS_MESSAGE },
    { soma_string("serviceTier"), SOMA_BS_TIER },
    { soma_string("inputTokens"), SOMA_BS_FORMED },
    { soma_string("type"), SOMA_BS_TYPE },
    { soma_string("index"), SOMA_BS_INDEX },
    { soma_string("id"), SOMA_BS_ID },
    { soma_string("model"), SOMA_BS_MODEL },
    { soma_string("message"), SOMA_BS_MESSAGE },
    { soma_string("content"), SOMA_BS_CONTENT },
    { soma_string("content_block"), SOMA_BS_BLOCK },
    { soma_string("error"), SOMA_BS_ERROR },
    { soma_string("contentBlockDelta"), SOMA_BS_EVENT },
    { soma_string("contentBlockStart"), SOMA_BS_EVENT },
    { soma_string("contentBlockStop"), SOMA_BS_STOPPED },
    { soma_string("messageStart"), SOMA_BS_EVENT },
    { soma_string("messageStop"), SOMA_BS_EVENT },
    { soma_string("metadata"), SOMA_BS_EVENT },
    { soma_string("text"), SOMA_BS_TEXT },
    { soma_string("outputText"), SOMA_BS_TEXT },
    { soma_string("generation"), SOMA_BS_TEXT },
    { soma_string("completion"), SOMA_BS_TEXT },
    { soma_string("results"), SOMA_BS_RESULTS },
    { soma_string("choices"), SOMA_BS_RESULTS },
    { soma_string("outputs"), SOMA_BS_RESULTS },
    { soma_string("generations"), SOMA_BS_RESULTS },
    { soma_string("completions"), SOMA_BS_RESULTS },
    { soma_string("embedding"), SOMA_BS_FORMED },
    { soma_string("embeddings"), SOMA_BS_FORMED },
    { soma_string("images"), SOMA_BS_FORMED },
    { soma_string("stop_reason"), SOMA_BS_STOP },
    { soma_string("finish_reason"), SOMA_BS_STOP },
    { soma_string("completionReason"), SOMA_BS_STOP },
    { soma_string("amazon-bedrock-invocationMetrics"), SOMA_BS_METRICS }
};


static const soma_bedrock_member_t  soma_bedrock_message[] = {
    { soma_string("message"), SOMA_BS_MESSAGE },
    { soma_string("content"), SOMA_BS_CONTENT },
    { soma_string("text"), SOMA_BS_TEXT },
    { soma_string("usage"), SOMA_BS_USAGE },
    { soma_string("id"), SOMA_BS_ID },
    { soma_string("model"), SOMA_BS_MODEL },
    { soma_string("tool_calls"), SOMA_BS_OTHER },
    { soma_string("stop_reason"), SOMA_BS_STOP }
};


/* of a block, its beginning, or more of it */
static const soma_bedrock_member_t  soma_bedrock_block[] = {
    { soma_string("text"), SOMA_BS_TEXT },
    { soma_string("toolUse"), SOMA_BS_TOOL },
    { soma_string("reasoningContent"), SOMA_BS_REASON },
    { soma_string("citationsContent"), SOMA_BS_CITED },
    { soma_string("toolResult"), SOMA_BS_OTHER },
    { soma_string("image"), SOMA_BS_OTHER },
    { soma_string("audio"), SOMA_BS_OTHER },
    { soma_string("video"), SOMA_BS_OTHER },
    { soma_string("tool_calls"), SOMA_BS_OTHER },
    { soma_string("thinking"), SOMA_BS_THINKING },
    { soma_string("partial_json"), SOMA_BS_JSON },
    { soma_string("signature"), SOMA_BS_SIGNATURE },
    { soma_string("input"), SOMA_BS_INPUT },
    { soma_string("content"), SOMA_BS_CONTENT },
    { soma_string("stop_reason"), SOMA_BS_STOP }
};


static const soma_bedrock_member_t  soma_bedrock_reason[] = {
    { soma_string("text"), SOMA_BS_THINKING },
    { soma_string("reasoningText"), SOMA_BS_REASON },
    { soma_string("signature"), SOMA_BS_SIGNATURE },
    { soma_string("redactedContent"), SOMA_BS_SIGNATURE }
};


static const soma_bedrock_member_t  soma_bedrock_result[] = {
    { soma_string("text"), SOMA_BS_TEXT },
    { soma_string("outputText"), SOMA_BS_TEXT },
    { soma_string("message"), SOMA_BS_MESSAGE },
    { soma_string("data"), SOMA_BS_MESSAGE },
    { soma_string("delta"), SOMA_BS_DELTA },
    { soma_string("stop_reason"), SOMA_BS_STOP },
    { soma_string("finish_reason"), SOMA_BS_STOP },
    { soma_string("completionReason"), SOMA_BS_STOP }
};


void
soma_bedrock_read_init(soma_bedrock_read_t *w, soma_answer_t *answer)
{
    unsigned  i;

    memset(w, 0, offsetof(soma_bedrock_read_t, read));
    soma_read_init(&w->read, SOMA_BP_TOP);

    w->answer = answer;
    w->begun = 1;
    w->proper = 1;

    for (i = 0; i < SOMA_B_FIELDS; i++) {
        w->n[i] = -1;
    }
}


void
soma_bedrock_read(soma_bedrock_read_t *w, const unsigned char *p, size_t len)
{
    w->piece = p;

    soma_read(&w->read, &soma_bedrock_ops, w, p, len);

    w->taken += (int64_t) len;
}


static unsigned
soma_bedrock_member(const soma_bedrock_member_t *list, size_t n,
    soma_str_t name)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (list[i].name.len == name.len
            && memcmp(list[i].name.data, name.data, name.len) == 0)
        {
            return list[i].slot;
        }
    }

    return 0;
}


static unsigned
soma_bedrock_slot(void *data, unsigned place, soma_str_t name)
{
    unsigned  slot;

    switch (place) {

    case SOMA_BP_TOP:
        return SOMA_BS_ROOT;

    case SOMA_BP_ROOT:
        slot = soma_bedrock_member(SOMA_MEMBERS(soma_bedrock_root), name);
        break;

    case SOMA_BP_MESSAGE:
        return soma_bedrock_member(SOMA_MEMBERS(soma_bedrock_message), name);

    case SOMA_BP_CONTENT:
        return SOMA_BS_BLOCK;

    case SOMA_BP_BLOCK:
    case SOMA_BP_DELTA:
        return soma_bedrock_member(SOMA_MEMBERS(soma_bedrock_block), name);

    case SOMA_BP_TOOL:
        return soma_str_is(name, "input") ? SOMA_BS_INPUT : 0;

    case SOMA_BP_INPUT:
        return 0;

    case SOMA_BP_REASON:
        return soma_bedrock_member(SOMA_MEMBERS(soma_bedrock_reason), name);

    case SOMA_BP_CITED:
        return soma_str_is(name, "content") ? SOMA_BS_CONTENT : 0;

    case SOMA_BP_RESULTS:
        return SOMA_BS_RESULT;

    case SOMA_BP_RESULT:
        slot = soma_bedrock_member(SOMA_MEMBERS(soma_bedrock_result), name);
        break;

    case SOMA_BP_CACHES:
        return SOMA_BS_CACHE;

    case SOMA_BP_TIER:
        return soma_str_is(name, "type") ? SOMA_BS_TIER_NAME : 0;

    default:
        slot = 0;
    }

    return slot ? slot : soma_bedrock_usage_slot(data, place, name);
}


static void
soma_bedrock_note(void *data, unsigned slot, soma_json_type_e type,
    const unsigned char *p)
{
    unsigned              is;
    soma_answer_t        *answer;
    soma_bedrock_read_t  *w = data;

    answer = w->answer;
    is = (type != SOMA_JSON_NULL && type != SOMA_JSON_FALSE);

    switch (slot) {

    case SOMA_BS_STOPPED:
        w->ended = 1;
        answer->formed = 1;
        break;

    case SOMA_BS_MESSAGE:
    case SOMA_BS_START:
    case SOMA_BS_DELTA:
    case SOMA_BS_EVENT:
        answer->formed |= (type == SOMA_JSON_OBJECT);
        w->block |= (slot == SOMA_BS_START || slot == SOMA_BS_DELTA);
        break;

    case SOMA_BS_CONTENT:
    case SOMA_BS_RESULTS:
    case SOMA_BS_FORMED:
        answer->formed |= is;

        if (slot == SOMA_BS_CONTENT
            && w->read.place[w->read.depth] != SOMA_BP_CITED)
        {
            w->index = (type == SOMA_JSON_ARRAY) ? -1 : w->index;
        }

        break;

    case SOMA_BS_BLOCK:
        answer->formed |= (type == SOMA_JSON_OBJECT);

        /* of a whole answer they are counted */

        w->index += (w->read.place[w->read.depth] == SOMA_BP_CONTENT);
        break;

    case SOMA_BS_SIGNATURE:
        answer->begun |= (type == SOMA_JSON_STRING);
        answer->reasoned |= (type == SOMA_JSON_STRING);
        break;

    case SOMA_BS_THINKING:
    case SOMA_BS_REASON:
        answer->reasoned |= is;
        break;

    case SOMA_BS_TOOL:
    case SOMA_BS_OTHER:
        answer->begun |= is;
        break;

    case SOMA_BS_INPUT:
        answer->begun |= is;
        w->input_at = w->taken + (p - w->piece);
        break;

    case SOMA_BS_STOP:
        w->stopped |= (type == SOMA_JSON_STRING);
        answer->finished |= (type == SOMA_JSON_STRING);
        break;

    case SOMA_BS_USAGE:
    case SOMA_BS_METRICS:

        if (type == SOMA_JSON_OBJECT) {
            answer->formed = 1;
            soma_bedrock_counts(w, slot == SOMA_BS_METRICS);
        }

        break;

    case SOMA_BS_CACHE:
        w->cache = 0;
        w->hour = 0;
        break;

    case SOMA_BS_ERROR:
        w->error |= is;
        answer->failed |= is;
        break;
    }
}


/* what stood before is counted by now; what Anthropic's first event says of
 * the answer is no bill */

static void
soma_bedrock_counts(soma_bedrock_read_t *w, unsigned metrics)
{
    soma_bedrock_usage_counted(w);

    w->metrics = metrics;
    w->proper = (w->read.place[w->read.depth] != SOMA_BP_MESSAGE);
    w->last |= metrics;
}


static void
soma_bedrock_word(void *data, unsigned slot, soma_json_value_t *value)
{
    soma_str_t            text;
    soma_bedrock_read_t  *w = data;

    switch (slot) {

    case SOMA_BS_COUNT:
        soma_bedrock_usage_count(w, value);
        return;

    case SOMA_BS_TIER_NAME:
        soma_bedrock_usage_tier(w, value);
        return;

    case SOMA_BS_ID:
        soma_answer_id(w->answer, value);
        return;

    case SOMA_BS_MODEL:
        soma_answer_model(w->answer, value);
        return;

    case SOMA_BS_INDEX:
        (void) soma_json_int(value, &w->index);
        return;
    }

    text.data = value->text.data + 1;
    text.len = value->text.len - 2;

    if (slot == SOMA_BS_TTL) {
        w->hour = soma_str_is(text, "1h");
        return;
    }

    soma_bedrock_typed(w, text);
}


static void
soma_bedrock_typed(soma_bedrock_read_t *w, soma_str_t type)
{
    if (soma_str_is(type, "message_stop")) {
        w->last = 1;

    } else if (soma_str_is(type, "error")) {
        w->error = 1;
        w->answer->failed = 1;
    }
}


/* counts it, for whoever listens to it too */

static void
soma_bedrock_piece(void *data, unsigned slot, const unsigned char *p,
    size_t len, unsigned escaped)
{
    unsigned              channel;
    soma_answer_t        *answer;
    soma_bedrock_read_t  *w = data;

    answer = w->answer;
    answer->begun = 1;
    answer->text_len += escaped ? soma_answer_text_len(p, len)
                                : (int64_t) len;

    if (answer->text == NULL) {
        return;
    }

    channel = (slot == SOMA_BS_INPUT || slot == SOMA_BS_JSON)
              ? SOMA_BEDROCK_JSON
              : (slot == SOMA_BS_THINKING) ? SOMA_BEDROCK_THINKING
              : SOMA_BEDROCK_TEXT;

    soma_answer_text(answer,
                     (unsigned) w->index * SOMA_BEDROCK_CHANNELS + channel,
                     p, len);
}


static void
soma_bedrock_close(void *data, unsigned place, const unsigned char *p)
{
    int64_t               n;
    soma_answer_t        *answer;
    soma_bedrock_read_t  *w = data;

    answer = w->answer;

    switch (place) {

    case SOMA_BP_INPUT:

        /* {} is what a stream begins with; nobody hears what is no text */

        n = w->taken + (p - w->piece) - w->input_at;

        if (n > 2) {
            answer->text_len += n;
            answer->unheard += n;
        }

        break;

    case SOMA_BP_CACHE:
        if (w->hour) {
            n = w->n[SOMA_B_CACHE_WRITE_1H];
            w->n[SOMA_B_CACHE_WRITE_1H] = (n > 0 ? n : 0) + w->cache;
            w->counted = 1;
        }

        break;

    case SOMA_BP_USAGE:
    case SOMA_BP_METRICS:
        soma_bedrock_usage_counted(w);
        break;
    }
}
