
/*
 * Copyright (C) The ngx_soma authors
 *
 * An event that is too long to be kept: its lines as they come, or parts of
 * them.
 */


#include "soma_sse.h"


typedef enum {
    SOMA_SSE_START = 0,     /* of a line */
    SOMA_SSE_FIELD,         /* in its name */
    SOMA_SSE_SPACE,         /* behind its colon */
    SOMA_SSE_DATA,
    SOMA_SSE_EVENT,
    SOMA_SSE_OTHER
} soma_sse_state_e;


static const unsigned char *soma_sse_long_field(soma_sse_t *sse,
    const unsigned char *p, const unsigned char *end);
static void soma_sse_long_value(soma_sse_t *sse);
static void soma_sse_long_name(soma_sse_t *sse, const unsigned char *p,
    size_t len);
static int soma_sse_long_is(soma_sse_t *sse, const char *name, size_t len);


void
soma_sse_long_begin(soma_sse_t *sse, soma_sse_line_t first)
{
    sse->pass = 1;
    sse->again = 0;
    sse->line = first;

    memset(&sse->parts, 0, offsetof(soma_sse_long_t, field));
    sse->parts.fresh = 1;
}


/* a part ends where its line does, so that its data lie in one piece */

size_t
soma_sse_long(soma_sse_t *sse, const unsigned char *p, size_t len,
    soma_sse_event_t *event)
{
    unsigned              was;
    soma_sse_long_t      *parts;
    const unsigned char  *end, *eol, *q;

    parts = &sse->parts;
    end = p + len;
    was = parts->state;

    memset(event, 0, sizeof(soma_sse_event_t));

    event->raw.data = (unsigned char *) p;
    event->part = 1;
    event->first = parts->fresh;
    parts->fresh = 0;

    q = p;

    if (sse->line.cr) {
        sse->line.cr = 0;
        q += (*q == '\n');
    }

    eol = memchr(q, '\n', (size_t) (end - q));
    eol = (eol != NULL) ? eol : end;
    p = memchr(q, '\r', (size_t) (eol - q));
    eol = (p != NULL) ? p : eol;

    if (eol > q) {
        p = soma_sse_long_field(sse, q, eol);

        if (parts->state == SOMA_SSE_DATA && p < eol) {
            event->data.data = (unsigned char *) p;
            event->data.len = (size_t) (eol - p);

        } else if (parts->state == SOMA_SSE_EVENT) {
            soma_sse_long_name(sse, p, (size_t) (eol - p));
        }
    }

    if (eol < end && (parts->state == SOMA_SSE_FIELD
                      || parts->state == SOMA_SSE_SPACE))
    {
        soma_sse_long_value(sse);
    }

    if (parts->state == SOMA_SSE_DATA && was != SOMA_SSE_DATA) {
        event->join = parts->data;
        parts->data = 1;
    }

    if (eol < end) {

        q = eol + 1;

        if (*eol == '\r') {
            if (q == end) {
                sse->line.cr = 1;

            } else {
                q += (*q == '\n');
            }
        }

        if (parts->state == SOMA_SSE_START) {
            sse->pass = 0;
            sse->line.text = 0;
            event->last = 1;
        }

        parts->state = SOMA_SSE_START;
        sse->begun = 1;

    } else {
        q = end;
    }

    event->raw.len = (size_t) (q - event->raw.data);

    /* a beginning of it is no name */

    event->name.data = parts->name;
    event->name.len = (parts->lost || parts->state == SOMA_SSE_EVENT)
                      ? 0 : parts->name_len;

    return event->raw.len;
}


/* the stream has ended within the event */

void
soma_sse_long_end(soma_sse_t *sse, soma_sse_event_t *event)
{
    soma_sse_long_t  *parts;

    parts = &sse->parts;

    memset(event, 0, sizeof(soma_sse_event_t));

    event->part = 1;
    event->first = parts->fresh;
    event->last = 1;

    if (parts->state == SOMA_SSE_FIELD || parts->state == SOMA_SSE_SPACE) {
        soma_sse_long_value(sse);

        event->join = (parts->state == SOMA_SSE_DATA && parts->data);
    }

    event->name.data = parts->name;
    event->name.len = parts->lost ? 0 : parts->name_len;

    sse->pass = 0;
}


/* p < end are bytes of one line; returns where its value goes on */

static const unsigned char *
soma_sse_long_field(soma_sse_t *sse, const unsigned char *p,
    const unsigned char *end)
{
    soma_sse_long_t  *parts;

    parts = &sse->parts;

    if (parts->state == SOMA_SSE_START) {
        parts->state = SOMA_SSE_FIELD;
        parts->field_len = 0;
    }

    while (parts->state == SOMA_SSE_FIELD && p < end) {

        if (*p == ':') {
            parts->state = SOMA_SSE_SPACE;

        } else if (parts->field_len == SOMA_SSE_FIELD_MAX) {
            parts->state = SOMA_SSE_OTHER;

        } else {
            parts->field[parts->field_len++] = *p;
        }

        p++;
    }

    if (parts->state == SOMA_SSE_SPACE && p < end) {
        p += (*p == ' ');
        soma_sse_long_value(sse);
    }

    return p;
}


/* a field's value begins, of no bytes perhaps */

static void
soma_sse_long_value(soma_sse_t *sse)
{
    soma_sse_long_t  *parts;

    parts = &sse->parts;

    parts->state = soma_sse_long_is(sse, "data", 4) ? SOMA_SSE_DATA
                   : soma_sse_long_is(sse, "event", 5) ? SOMA_SSE_EVENT
                                                       : SOMA_SSE_OTHER;

    if (parts->state == SOMA_SSE_EVENT) {
        parts->name_len = 0;
        parts->lost = 0;
    }
}


static void
soma_sse_long_name(soma_sse_t *sse, const unsigned char *p, size_t len)
{
    soma_sse_long_t  *parts;

    parts = &sse->parts;

    if (len > (size_t) (SOMA_SSE_NAME_MAX - parts->name_len)) {
        parts->lost = 1;
        return;
    }

    memcpy(parts->name + parts->name_len, p, len);
    parts->name_len += (unsigned char) len;
}


static int
soma_sse_long_is(soma_sse_t *sse, const char *name, size_t len)
{
    size_t                n;
    const unsigned char  *field;

    field = sse->parts.field;
    n = sse->parts.field_len;

    if (!sse->begun && n > 3 && memcmp(field, "\xef\xbb\xbf", 3) == 0) {
        field += 3;
        n -= 3;
    }

    return n == len && memcmp(field, name, len) == 0;
}
