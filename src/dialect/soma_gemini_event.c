
/*
 * Copyright (C) The ngx_soma authors
 *
 * What an event of a stream, or a whole answer, comes to.
 */


#include "soma_gemini_read.h"


static int soma_gemini_event_end(soma_gemini_read_t *w);
static void soma_gemini_event_usage(soma_gemini_read_t *w);


_Static_assert(sizeof(soma_gemini_read_t) <= sizeof(soma_reader_t),
               "a reader has room for this dialect's");


int
soma_gemini_event(soma_answer_t *answer, soma_ask_t *ask,
    soma_sse_event_t *event)
{
    soma_gemini_read_t  w;

    (void) ask;

    answer->usage_text.len = 0;

    if (event->comment || event->data.len == 0) {
        return SOMA_EVENT_PASS;
    }

    soma_gemini_read_init(&w, answer);
    w.lies = 1;

    soma_gemini_read(&w, event->data.data, event->data.len);

    return soma_gemini_event_end(&w);
}


int
soma_gemini_part(soma_answer_t *answer, soma_ask_t *ask,
    soma_reader_t *reader, soma_sse_event_t *event)
{
    soma_gemini_read_t  *w;

    (void) ask;

    w = (soma_gemini_read_t *) (void *) reader;

    if (event->first || !w->begun) {
        soma_gemini_read_init(w, answer);
        answer->usage_text.len = 0;
    }

    if (event->join) {
        soma_gemini_read(w, (const unsigned char *) "\n", 1);
    }

    soma_gemini_read(w, event->data.data, event->data.len);

    w->some |= (event->join || event->data.len != 0);

    if (!event->last || !w->some) {
        return w->error ? SOMA_EVENT_ERROR : SOMA_EVENT_PASS;
    }

    return soma_gemini_event_end(w);
}


int
soma_gemini_body(soma_answer_t *answer, soma_reader_t *reader,
    const unsigned char *p, size_t len)
{
    soma_gemini_read_t  *w;

    w = (soma_gemini_read_t *) (void *) reader;

    if (!w->begun) {
        soma_gemini_read_init(w, answer);
    }

    soma_gemini_read(w, p, len);

    if (w->read.state == SOMA_READ_BROKEN) {
        return SOMA_ERROR;
    }

    soma_gemini_event_usage(w);

    return w->read.whole ? SOMA_OK : SOMA_AGAIN;
}


static int
soma_gemini_event_end(soma_gemini_read_t *w)
{
    soma_answer_t  *answer;

    answer = w->answer;

    soma_gemini_event_usage(w);

    if (!w->error) {
        return SOMA_EVENT_PASS;
    }

    answer->failed = 1;

    /* an error instead of an answer is billed by nobody, though its prompt
     * was counted */

    if (answer->text_len == 0 && !answer->usage_proper) {
        answer->usage.known = 0;
    }

    return SOMA_EVENT_ERROR;
}


/*
 * A count of the prompt alone is what a stream begins with: it is the bill
 * where the answer has ended without a word, or is none.
 */

static void
soma_gemini_event_usage(soma_gemini_read_t *w)
{
    soma_answer_t  *answer;

    answer = w->answer;

    if (answer->usage.queries < w->queries) {
        answer->usage.queries = w->queries;
    }

    if (!w->counted) {
        return;
    }

    answer->usage.known = answer->usage_proper
                          || answer->api == SOMA_API_EMBEDDINGS
                          || (answer->finished && answer->text_len == 0);
}
