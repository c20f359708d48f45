
/*
 * Copyright (C) The ngx_soma authors
 *
 * What an event of a stream, or a whole answer, comes to.
 */


#include "soma_openai_read.h"


static int soma_openai_event_end(soma_openai_read_t *w, soma_ask_t *ask);
static void soma_openai_event_whole(soma_openai_read_t *w);


_Static_assert(sizeof(soma_openai_read_t) <= sizeof(soma_reader_t),
               "a reader has room for this dialect's");


int
soma_openai_event(soma_answer_t *answer, soma_ask_t *ask,
    soma_sse_event_t *event)
{
    soma_str_t          data;
    soma_openai_read_t  w;

    data = event->data;
    answer->usage_text.len = 0;

    if (event->comment || data.len == 0) {
        return SOMA_EVENT_PASS;
    }

    if (data.len == 6 && memcmp(data.data, "[DONE]", 6) == 0) {
        answer->done = 1;
        return SOMA_EVENT_PASS;
    }

    soma_openai_read_init(&w, answer);
    w.lies = 1;

    soma_openai_read_named(&w, event->name);
    soma_openai_read(&w, data.data, data.len);

    return soma_openai_event_end(&w, ask);
}


/* what of it is gone by cannot be dropped any more: it is said only whether
 * it is an error */

int
soma_openai_part(soma_answer_t *answer, soma_ask_t *ask,
    soma_reader_t *reader, soma_sse_event_t *event)
{
    soma_openai_read_t  *w;

    w = (soma_openai_read_t *) (void *) reader;

    if (event->first || !w->begun) {
        soma_openai_read_init(w, answer);
        answer->usage_text.len = 0;
    }

    soma_openai_read_named(w, event->name);

    if (event->join) {
        soma_openai_read(w, (const unsigned char *) "\n", 1);
    }

    soma_openai_read(w, event->data.data, event->data.len);

    w->some |= (event->join || event->data.len != 0);

    if (!event->last || !w->some) {
        return w->error ? SOMA_EVENT_ERROR : SOMA_EVENT_PASS;
    }

    return soma_openai_event_end(w, ask) == SOMA_EVENT_ERROR
           ? SOMA_EVENT_ERROR : SOMA_EVENT_PASS;
}


int
soma_openai_body(soma_answer_t *answer, soma_reader_t *reader,
    const unsigned char *p, size_t len)
{
    soma_openai_read_t  *w;

    w = (soma_openai_read_t *) (void *) reader;

    if (!w->begun) {
        soma_openai_read_init(w, answer);
    }

    soma_openai_read(w, p, len);

    if (w->read.state == SOMA_READ_BROKEN) {
        return SOMA_ERROR;
    }

    return w->read.whole ? SOMA_OK : SOMA_AGAIN;
}


static int
soma_openai_event_end(soma_openai_read_t *w, soma_ask_t *ask)
{
    soma_answer_t  *answer;

    answer = w->answer;

    /* only what has no choices is known by its type */

    if (!w->choices) {

        w->error |= (w->type == SOMA_T_ERROR || w->type == SOMA_T_FAILED);

        if (w->type == SOMA_T_LAST || w->type == SOMA_T_FAILED
            || w->type == SOMA_T_DONE)
        {
            answer->finished = 1;
            answer->done = 1;
        }
    }

    soma_openai_event_whole(w);

    if (w->error) {
        answer->failed = 1;
        return SOMA_EVENT_ERROR;
    }

    if (w->usage && !w->any && w->read.whole && !ask->usage_asked
        && (answer->api == SOMA_API_CHAT
            || answer->api == SOMA_API_COMPLETIONS))
    {
        return SOMA_EVENT_DROP;
    }

    return SOMA_EVENT_PASS;
}


/*
 * A text that stands whole in an event is the one that came in pieces, and
 * is all there is where none did.
 */

static void
soma_openai_event_whole(soma_openai_read_t *w)
{
    soma_answer_t  *answer;

    answer = w->answer;

    if (w->doubtful > 0 && (w->choices || (w->type != SOMA_T_DELTA
                                           && w->type != SOMA_T_NONE)))
    {
        answer->text_len -= w->doubtful;
    }

    if (w->whole > answer->text_len) {
        answer->unheard += w->whole - answer->text_len;
        answer->text_len = w->whole;
    }

    if (answer->text_len > 0) {
        answer->begun = 1;
    }
}
