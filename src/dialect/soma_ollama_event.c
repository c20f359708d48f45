
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a line of a stream, or a whole answer, comes to.
 */


#include "soma_ollama_read.h"


static int soma_ollama_event_end(soma_ollama_read_t *w);
static void soma_ollama_event_counted(soma_ollama_read_t *w);


_Static_assert(sizeof(soma_ollama_read_t) <= sizeof(soma_reader_t),
               "a reader has room for this dialect's");


int
soma_ollama_event(soma_answer_t *answer, soma_ask_t *ask,
    soma_sse_event_t *event)
{
    soma_ollama_read_t  w;

    (void) ask;

    answer->usage_text.len = 0;

    if (event->comment || event->data.len == 0) {
        return SOMA_EVENT_PASS;
    }

    soma_ollama_read_init(&w, answer);
    w.lies = 1;

    soma_ollama_read(&w, event->data.data, event->data.len);

    return soma_ollama_event_end(&w);
}


int
soma_ollama_part(soma_answer_t *answer, soma_ask_t *ask,
    soma_reader_t *reader, soma_sse_event_t *event)
{
    soma_ollama_read_t  *w;

    (void) ask;

    w = (soma_ollama_read_t *) (void *) reader;

    if (event->first || !w->begun) {
        soma_ollama_read_init(w, answer);
        answer->usage_text.len = 0;
    }

    if (event->join) {
        soma_ollama_read(w, (const unsigned char *) "\n", 1);
    }

    soma_ollama_read(w, event->data.data, event->data.len);

    w->some |= (event->join || event->data.len != 0);

    if (!event->last || !w->some) {
        return w->error ? SOMA_EVENT_ERROR : SOMA_EVENT_PASS;
    }

    return soma_ollama_event_end(w);
}


/* the end of a whole answer is known by its bytes alone */

int
soma_ollama_body(soma_answer_t *answer, soma_reader_t *reader,
    const unsigned char *p, size_t len)
{
    soma_ollama_read_t  *w;

    w = (soma_ollama_read_t *) (void *) reader;

    if (!w->begun) {
        soma_ollama_read_init(w, answer);
    }

    soma_ollama_read(w, p, len);

    if (w->read.state == SOMA_READ_BROKEN) {
        return SOMA_ERROR;
    }

    if (!w->read.whole) {
        return SOMA_AGAIN;
    }

    (void) soma_ollama_event_end(w);

    return SOMA_OK;
}


static int
soma_ollama_event_end(soma_ollama_read_t *w)
{
    soma_answer_t  *answer;

    answer = w->answer;

    if (w->error) {
        answer->failed = 1;
        return SOMA_EVENT_ERROR;
    }

    if (w->done) {
        answer->finished = 1;
        answer->done = 1;
    }

    soma_ollama_event_counted(w);

    return SOMA_EVENT_PASS;
}


/*
 * A prompt that its cache has whole is not counted by older servers, and what
 * is 0 is left out: where one of both is there the other one is 0, unless
 * there is text that nobody counted.
 */

static void
soma_ollama_event_counted(soma_ollama_read_t *w)
{
    soma_answer_t  *answer;

    answer = w->answer;

    if (w->eval < 0 && w->prompt < 0 && !(w->done && w->loaded)) {
        return;
    }

    if (w->eval < 0 && answer->text_len > 0
        && answer->api != SOMA_API_EMBEDDINGS)
    {
        return;
    }

    answer->usage.input_tokens = (w->prompt > 0) ? w->prompt : 0;
    answer->usage.output_tokens = (w->eval > 0) ? w->eval : 0;
    answer->usage.known = 1;
    answer->usage_proper = 1;
}
