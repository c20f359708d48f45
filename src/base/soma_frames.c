
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_eventstream.h"
#include "soma_frames.h"


#define SOMA_FRAMES_CARRY  4096         /* bytes of the first buffer */


static size_t soma_frames_scan(soma_frames_t *frames, const unsigned char *p,
    size_t len, int *ended);
static size_t soma_frames_array(soma_frames_t *frames, const unsigned char *p,
    size_t len, int *ended);
static size_t soma_frames_aws(soma_frames_t *frames, const unsigned char *p,
    size_t len, int *ended);
static int soma_frames_carry(soma_frames_t *frames, const unsigned char *p,
    size_t len);
static int soma_frames_event(soma_frames_t *frames, const unsigned char *p,
    size_t len, soma_sse_event_t *event);


void
soma_frames_reset(soma_frames_t *frames, soma_framing_e framing)
{
    soma_sse_t  sse;

    sse = frames->sse;

    memset(frames, 0, sizeof(soma_frames_t));

    frames->framing = framing;
    frames->sse.arena = sse.arena;
    frames->sse.buf = sse.buf;
    frames->sse.size = sse.size;
    frames->sse.scratch = sse.scratch;
    frames->sse.scratch_size = sse.scratch_size;
}


int
soma_frames_feed(soma_frames_t *frames, const unsigned char *p, size_t len,
    size_t *used, soma_sse_event_t *event)
{
    int          ended;
    soma_sse_t  *sse;

    sse = &frames->sse;

    if (frames->framing == SOMA_FRAMING_SSE) {
        return soma_sse_feed(sse, p, len, used, event);
    }

    ended = 0;
    *used = soma_frames_scan(frames, p, len, &ended);

    if (frames->broken) {
        return SOMA_ERROR;
    }

    if (ended && sse->len == 0) {
        return soma_frames_event(frames, p, *used, event);
    }

    if (soma_frames_carry(frames, p, *used) != SOMA_OK) {
        return SOMA_ERROR;
    }

    if (!ended) {
        return SOMA_AGAIN;
    }

    len = sse->len;
    sse->len = 0;

    return soma_frames_event(frames, sse->buf, len, event);
}


/* how many of these bytes belong to the event, and whether it has its end */

static size_t
soma_frames_scan(soma_frames_t *frames, const unsigned char *p, size_t len,
    int *ended)
{
    const unsigned char  *lf;

    if (len == 0) {
        return 0;
    }

    switch (frames->framing) {

    case SOMA_FRAMING_ARRAY:
        return soma_frames_array(frames, p, len, ended);

    case SOMA_FRAMING_AWS:
        return soma_frames_aws(frames, p, len, ended);

    default:
        lf = memchr(p, '\n', len);
        *ended = (lf != NULL);

        return lf ? (size_t) (lf - p) + 1 : len;
    }
}


/* the outer brackets and the commas between do not count as depth */

static size_t
soma_frames_array(soma_frames_t *frames, const unsigned char *p, size_t len,
    int *ended)
{
    size_t  i;

    for (i = 0; i < len; i++) {

        if (frames->string) {

            if (frames->escape) {
                frames->escape = 0;

            } else if (p[i] == '\\') {
                frames->escape = 1;

            } else if (p[i] == '"') {
                frames->string = 0;
            }

            continue;
        }

        switch (p[i]) {

        case '"':
            frames->string = 1;
            break;

        case '[':
            frames->depth += (frames->depth != 0);
            break;

        case '{':
            frames->depth++;
            break;

        case ']':
        case '}':
            if (frames->depth != 0 && --frames->depth == 0) {
                *ended = 1;
                return i + 1;
            }

            break;
        }
    }

    return len;
}


unsigned
soma_frames_element(const unsigned char *p, size_t *len)
{
    int            ended;
    soma_frames_t  frames;

    memset(&frames, 0, sizeof(soma_frames_t));

    ended = 0;
    *len = soma_frames_array(&frames, p, *len, &ended);

    return (unsigned) ended;
}


static size_t
soma_frames_aws(soma_frames_t *frames, const unsigned char *p, size_t len,
    int *ended)
{
    size_t          have, n;
    unsigned char   prelude[SOMA_EVENTSTREAM_PRELUDE];

    have = frames->sse.len;

    if (frames->total == 0) {

        if (have + len < SOMA_EVENTSTREAM_PRELUDE) {
            return len;
        }

        n = (have < SOMA_EVENTSTREAM_PRELUDE) ? have
                                              : SOMA_EVENTSTREAM_PRELUDE;

        memcpy(prelude, frames->sse.buf ? frames->sse.buf : p, n);
        memcpy(prelude + n, p, SOMA_EVENTSTREAM_PRELUDE - n);

        frames->total = soma_eventstream_len(prelude);

        if (frames->total == 0 || frames->total > SOMA_FRAMES_EVENT_MAX) {
            frames->broken = 1;
            return 0;
        }
    }

    n = frames->total - have;

    if (n > len) {
        return len;
    }

    frames->total = 0;
    *ended = 1;

    return n;
}


static int
soma_frames_carry(soma_frames_t *frames, const unsigned char *p, size_t len)
{
    size_t          size;
    soma_sse_t     *sse;
    unsigned char  *buf;

    sse = &frames->sse;

    if (len > SOMA_FRAMES_EVENT_MAX - sse->len) {
        frames->broken = 1;
        return SOMA_ERROR;
    }

    if (sse->len + len > sse->size) {
        size = sse->size ? sse->size : SOMA_FRAMES_CARRY;

        while (size < sse->len + len) {
            size *= 2;
        }

        buf = sse->arena->alloc(sse->arena->data, size);
        if (buf == NULL) {
            return SOMA_ERROR;
        }

        if (sse->len != 0) {
            memcpy(buf, sse->buf, sse->len);
        }

        sse->buf = buf;
        sse->size = size;
    }

    if (len != 0) {
        memcpy(sse->buf + sse->len, p, len);
        sse->len += len;
    }

    return SOMA_OK;
}


static int
soma_frames_event(soma_frames_t *frames, const unsigned char *p, size_t len,
    soma_sse_event_t *event)
{
    unsigned char  *start, *end;

    if (frames->framing == SOMA_FRAMING_AWS) {

        if (soma_eventstream_read(p, len, event) != SOMA_OK) {
            frames->broken = 1;
            return SOMA_ERROR;
        }

        return SOMA_OK;
    }

    memset(event, 0, sizeof(soma_sse_event_t));

    start = (unsigned char *) (uintptr_t) p;
    end = start + len;

    event->raw.data = start;
    event->raw.len = len;

    if (frames->framing == SOMA_FRAMING_ARRAY) {

        while (start < end && *start != '{') {
            start++;
        }
    }

    while (start < end && *start <= ' ') {
        start++;
    }

    while (end > start && end[-1] <= ' ') {
        end--;
    }

    if (start == end) {
        event->comment = 1;
        return SOMA_OK;
    }

    event->data.data = start;
    event->data.len = (size_t) (end - start);

    return SOMA_OK;
}


int
soma_frames_end(soma_frames_t *frames, soma_sse_event_t *event)
{
    size_t       len;
    soma_sse_t  *sse;

    sse = &frames->sse;

    if (frames->framing == SOMA_FRAMING_SSE) {
        return soma_sse_end(sse, event);
    }

    len = sse->len;
    sse->len = 0;

    if (len == 0 || frames->depth != 0 || frames->string
        || frames->framing == SOMA_FRAMING_AWS)
    {
        return SOMA_DONE;
    }

    return soma_frames_event(frames, sse->buf, len, event);
}
