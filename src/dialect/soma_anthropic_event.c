
/*
 * Copyright (C) The ngx_soma authors
 *
 * What an event of a stream, or a whole answer, comes to.
 */


#include "soma_anthropic_read.h"


static int soma_anthropic_event_end(soma_anthropic_read_t *w);
static void soma_anthropic_event_block(soma_anthropic_read_t *w);


_Static_assert(sizeof(soma_anthropic_read_t) <= sizeof(soma_reader_t),
               "a reader has room for this dialect's");


int
soma_anthropic_event(soma_answer_t *answer, soma_ask_t *ask,
    soma_sse_event_t *event)
{
    soma_anthropic_read_t  w;

    (void) ask;

    answer->usage_text.len = 0;

    if (event->comment || event->data.len == 0) {
        return SOMA_EVENT_PASS;
    }

    soma_anthropic_read_init(&w, answer);
    w.lies = 1;

    soma_anthropic_read_named(&w, event->name);
    soma_anthropic_read(&w, event->data.data, event->data.len);

    return soma_anthropic_event_end(&w);
}


int
soma_anthropic_part(soma_answer_t *answer, soma_ask_t *ask,
    soma_reader_t *reader, soma_sse_event_t *event)
{
    soma_anthropic_read_t  *w;

    (void) ask;

    w = (soma_anthropic_read_t *) (void *) reader;

    if (event->first || !w->begun) {
        soma_anthropic_read_init(w, answer);
        answer->usage_text.len = 0;
    }

    soma_anthropic_read_named(w, event->name);

    if (event->join) {
        soma_anthropic_read(w, (const unsigned char *) "\n", 1);
    }

    soma_anthropic_read(w, event->data.data, event->data.len);

    w->some |= (event->join || event->data.len != 0);

    if (!event->last || !w->some) {
        return w->error ? SOMA_EVENT_ERROR : SOMA_EVENT_PASS;
    }

    return soma_anthropic_event_end(w);
}


int
soma_anthropic_body(soma_answer_t *answer, soma_reader_t *reader,
    const unsigned char *p, size_t len)
{
    soma_anthropic_read_t  *w;

    w = (soma_anthropic_read_t *) (void *) reader;

    if (!w->begun) {
        soma_anthropic_read_init(w, answer);
    }

    soma_anthropic_read(w, p, len);

    if (w->read.state == SOMA_READ_BROKEN) {
        return SOMA_ERROR;
    }

    return w->read.whole ? SOMA_OK : SOMA_AGAIN;
}


static int
soma_anthropic_event_end(soma_anthropic_read_t *w)
{
    soma_answer_t  *answer;

    answer = w->answer;

    switch (w->type) {

    case SOMA_AT_BLOCK_START:
    case SOMA_AT_BLOCK_STOP:
        soma_anthropic_event_block(w);
        break;

    case SOMA_AT_MESSAGE_DELTA:

        /* what the first event said of the output is as good as nothing: some
         * never say more */

        if (w->stopped && !w->counted && !answer->usage_proper
            && answer->text_len > 0)
        {
            answer->usage.known = 0;
        }

        break;

    case SOMA_AT_MESSAGE_STOP:
        answer->finished = 1;
        answer->done = 1;
        break;

    case SOMA_AT_ERROR:
        w->error = 1;
        break;
    }

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


/* blocks are the choices of soma_progress_t here: begun, and ended */

static void
soma_anthropic_event_block(soma_anthropic_read_t *w)
{
    int64_t           i;
    uint64_t          bit;
    soma_progress_t  *progress;

    i = w->index;
    progress = &w->answer->progress;

    if (i < 0 || i >= SOMA_ANSWER_CHOICES_MAX) {
        return;
    }

    bit = (uint64_t) 1 << (i % 64);

    if (w->type == SOMA_AT_BLOCK_STOP) {
        progress->ended[i / 64] |= bit;
        return;
    }

    progress->ended[i / 64] &= ~bit;

    for ( /* void */ ; progress->choices < i; progress->choices++) {

        /* those that the provider passed over were never begun */

        progress->ended[progress->choices / 64]
            |= (uint64_t) 1 << (progress->choices % 64);
    }

    if (progress->choices == i) {
        progress->choices++;
    }
}
