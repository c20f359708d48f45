
/*
 * Copyright (C) The ngx_soma authors
 *
 * What an event of a stream, or a whole answer, comes to, and whether what
 * came with a good status is one at all.
 */


#include "soma_cohere_read.h"
#include "soma_verdict.h"


static int soma_cohere_event_end(soma_cohere_read_t *w);
static void soma_cohere_event_usage(soma_cohere_read_t *w);


_Static_assert(sizeof(soma_cohere_read_t) <= sizeof(soma_reader_t),
               "a reader has room for this dialect's");


static const soma_str_t  soma_cohere_answers[] = {
    soma_string("finish_reason"),
    soma_string("delta"),
    soma_string("usage"),
    soma_string("embeddings"),
    soma_string("results"),
    soma_string("type"),
    soma_str_null
};

static const char *const  soma_cohere_content[] = {
    "too many tokens",
    "message must be",
    NULL
};

static const char *const  soma_cohere_added[] = { NULL };


static const soma_verdict_words_t  soma_cohere_words = {
    soma_cohere_answers, 2, soma_cohere_content, soma_cohere_added
};


int
soma_cohere_event(soma_answer_t *answer, soma_ask_t *ask,
    soma_sse_event_t *event)
{
    soma_cohere_read_t  w;

    (void) ask;

    answer->usage_text.len = 0;

    if (event->comment || event->data.len == 0) {
        return SOMA_EVENT_PASS;
    }

    soma_cohere_read_init(&w, answer);
    w.lies = 1;

    soma_cohere_read(&w, event->data.data, event->data.len);

    return soma_cohere_event_end(&w);
}


int
soma_cohere_part(soma_answer_t *answer, soma_ask_t *ask,
    soma_reader_t *reader, soma_sse_event_t *event)
{
    soma_cohere_read_t  *w;

    (void) ask;

    w = (soma_cohere_read_t *) (void *) reader;

    if (event->first || !w->begun) {
        soma_cohere_read_init(w, answer);
        answer->usage_text.len = 0;
    }

    if (event->join) {
        soma_cohere_read(w, (const unsigned char *) "\n", 1);
    }

    soma_cohere_read(w, event->data.data, event->data.len);

    w->some |= (event->join || event->data.len != 0);

    if (!event->last || !w->some) {
        return w->error ? SOMA_EVENT_ERROR : SOMA_EVENT_PASS;
    }

    return soma_cohere_event_end(w);
}


/* the end of a whole answer is known by its bytes alone */

int
soma_cohere_body(soma_answer_t *answer, soma_reader_t *reader,
    const unsigned char *p, size_t len)
{
    soma_cohere_read_t  *w;

    w = (soma_cohere_read_t *) (void *) reader;

    if (!w->begun) {
        soma_cohere_read_init(w, answer);
    }

    soma_cohere_read(w, p, len);

    if (w->read.state == SOMA_READ_BROKEN) {
        return SOMA_ERROR;
    }

    if (!w->read.whole) {
        return SOMA_AGAIN;
    }

    (void) soma_cohere_event_end(w);

    return SOMA_OK;
}


static int
soma_cohere_event_end(soma_cohere_read_t *w)
{
    soma_answer_t  *answer;

    answer = w->answer;

    soma_cohere_event_usage(w);

    switch (w->type) {

    case SOMA_COT_CONTENT_START:
        answer->progress.sequence = soma_cohere_open(SOMA_COHERE_CONTENT,
                                                     w->index < 0
                                                     ? 0 : w->index);
        break;

    case SOMA_COT_CALL_START:
        answer->progress.sequence = soma_cohere_open(SOMA_COHERE_CALL,
                                                     w->index < 0
                                                     ? 0 : w->index);
        break;

    case SOMA_COT_BLOCK_END:
        answer->progress.sequence = 0;
        break;

    case SOMA_COT_MESSAGE_END:
        answer->done = 1;
        break;

    default:
        break;
    }

    return w->error ? SOMA_EVENT_ERROR : SOMA_EVENT_PASS;
}


/* what is billed is less than what was read, and stands in for it where a
 * server says no more */

static void
soma_cohere_event_usage(soma_cohere_read_t *w)
{
    int64_t        n, input, output;
    soma_usage_t  *usage;

#define soma_count(slot)  w->count[(slot) - SOMA_COS_CACHED]

    if (!w->counted) {
        return;
    }

    input = soma_count(SOMA_COS_INPUT);
    output = soma_count(SOMA_COS_OUTPUT);

    if (input < 0 && output < 0) {
        input = soma_count(SOMA_COS_BILLED_INPUT);
        output = soma_count(SOMA_COS_BILLED_OUTPUT);
    }

    if (input < 0 && output < 0 && soma_count(SOMA_COS_SEARCHES) < 0) {
        return;
    }

    usage = &w->answer->usage;
    usage->input_tokens = (input > 0) ? input : 0;
    usage->output_tokens = (output > 0) ? output : 0;
    usage->known = 1;
    w->answer->usage_proper = 1;

    n = soma_count(SOMA_COS_CACHED);
    usage->cached_tokens = (n > usage->input_tokens) ? usage->input_tokens
                           : (n > 0) ? n : 0;

    n = soma_count(SOMA_COS_REASONING);
    usage->reasoning_tokens = (n > usage->output_tokens)
                              ? usage->output_tokens : (n > 0) ? n : 0;

    n = soma_count(SOMA_COS_SEARCHES);
    usage->queries = (n > 0) ? n : 0;

#undef soma_count
}


/* one string is all of an error */

soma_verdict_e
soma_cohere_verdict(soma_look_t *look)
{
    soma_str_t         text;
    soma_json_value_t  message;

    text = soma_str_trim(look->text);

    if (look->whole && soma_json_get(text, "message", &message) == SOMA_OK
        && message.type == SOMA_JSON_STRING)
    {
        look->closed = 1;
        return SOMA_VERDICT_ERROR;
    }

    return soma_verdict_judge(look, &soma_cohere_words, 1);
}


void
soma_cohere_refusal(soma_str_t body, soma_refusal_t *refusal)
{
    soma_verdict_refusal(body, &soma_cohere_words, refusal);

    refusal->ours = (refusal->whole
                     && soma_json_get(soma_str_trim(body), "message",
                                      &refusal->message)
                        == SOMA_OK
                     && refusal->message.type == SOMA_JSON_STRING);
}
