
/*
 * Copyright (C) The ngx_soma authors
 *
 * What an event of a stream, or a whole answer, comes to.
 */


#include "soma_base64.h"
#include "soma_bedrock_read.h"


#define SOMA_BEDROCK_DECODED  3072      /* bytes of a chunk that are decoded at
                                           a time: 3/4 of a multiple of 4 */


static void soma_bedrock_event_name(soma_bedrock_read_t *w,
    soma_str_t name);
static void soma_bedrock_event_chunk(soma_bedrock_read_t *w,
    soma_str_t data);
static void soma_bedrock_event_block(soma_bedrock_read_t *w);


_Static_assert(sizeof(soma_bedrock_read_t) <= sizeof(soma_reader_t),
               "a reader has room for this dialect's");


int
soma_bedrock_event(soma_answer_t *answer, soma_ask_t *ask,
    soma_sse_event_t *event)
{
    soma_bedrock_read_t  w;

    (void) ask;

    /* nothing may be put into a frame, which has a checksum */

    answer->usage_text.len = 0;

    if (event->comment || event->data.len == 0) {
        return SOMA_EVENT_PASS;
    }

    soma_bedrock_read_init(&w, answer);

    if (event->failed) {
        w.error = 1;
        return soma_bedrock_event_end(&w);
    }

    if (soma_str_is(event->name, "chunk")) {
        soma_bedrock_event_chunk(&w, event->data);
        return soma_bedrock_event_end(&w);
    }

    soma_bedrock_event_name(&w, event->name);

    if (!soma_str_is(event->name, "initial-response")) {
        soma_bedrock_read(&w, event->data.data, event->data.len);
    }

    return soma_bedrock_event_end(&w);
}


/* frames come whole */

int
soma_bedrock_part(soma_answer_t *answer, soma_ask_t *ask,
    soma_reader_t *reader, soma_sse_event_t *event)
{
    (void) answer;
    (void) ask;
    (void) reader;
    (void) event;

    return SOMA_EVENT_PASS;
}


int
soma_bedrock_body(soma_answer_t *answer, soma_reader_t *reader,
    const unsigned char *p, size_t len)
{
    soma_bedrock_read_t  *w;

    w = (soma_bedrock_read_t *) (void *) reader;

    if (!w->begun) {
        soma_bedrock_read_init(w, answer);
    }

    soma_bedrock_read(w, p, len);

    if (w->read.state == SOMA_READ_BROKEN) {
        return SOMA_ERROR;
    }

    if (!w->read.whole) {
        return SOMA_AGAIN;
    }

    soma_bedrock_usage_counted(w);

    return SOMA_OK;
}


static void
soma_bedrock_event_name(soma_bedrock_read_t *w, soma_str_t name)
{
    if (soma_str_is(name, "contentBlockStop")) {
        w->ended = 1;

    } else if (soma_str_is(name, "metadata")) {
        w->last = 1;
    }
}


/*
 * {"bytes":"..."} of a model's own words in base64, of which no letter needs
 * an escape; read as they are decoded, for they may be as long as a frame.
 */

static void
soma_bedrock_event_chunk(soma_bedrock_read_t *w, soma_str_t data)
{
    size_t             n, len;
    soma_str_t         rest, piece;
    soma_json_value_t  bytes;
    unsigned char      buf[SOMA_BEDROCK_DECODED + 3];

    if (soma_json_get(data, "bytes", &bytes) != SOMA_OK
        || bytes.type != SOMA_JSON_STRING)
    {
        return;
    }

    rest.data = bytes.text.data + 1;
    rest.len = bytes.text.len - 2;

    while (rest.len != 0) {
        n = rest.len < SOMA_BEDROCK_DECODED / 3 * 4
            ? rest.len : SOMA_BEDROCK_DECODED / 3 * 4;

        piece.data = rest.data;
        piece.len = n;

        if (soma_base64_decode(buf, &len, piece) != SOMA_OK) {
            return;
        }

        soma_bedrock_read(w, buf, len);

        rest.data += n;
        rest.len -= n;
    }
}


int
soma_bedrock_event_end(soma_bedrock_read_t *w)
{
    soma_answer_t  *answer;

    answer = w->answer;

    soma_bedrock_usage_counted(w);

    if (w->block || w->ended) {
        soma_bedrock_event_block(w);
    }

    /* what counts comes behind what says why it ended, as a rule: the second
     * of them is the last */

    if (w->last && answer->api == SOMA_API_INVOKE) {
        answer->finished = 1;
    }

    if ((w->last || (w->stopped && answer->usage_proper))
        && answer->finished)
    {
        answer->done = 1;
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


/* blocks are the choices of soma_progress_t here: begun, and ended.  One of
 * text begins with its first piece */

static void
soma_bedrock_event_block(soma_bedrock_read_t *w)
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

    if (w->ended) {
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
