
/*
 * Copyright (C) The ngx_soma authors
 *
 * Server-sent events.  An event that lies whole in a piece is read where it
 * lies; only one that is cut by the end of a piece is copied.
 */


#include "soma_sse.h"


#define SOMA_SSE_BUF_MIN  1024


static int soma_sse_lines(soma_sse_t *sse, soma_sse_line_t *line,
    const unsigned char *p, const unsigned char *end,
    soma_sse_event_t *event, const unsigned char **next);
static int soma_sse_field(soma_sse_t *sse, const unsigned char *p,
    const unsigned char *end, soma_sse_event_t *event);
static int soma_sse_data(soma_sse_t *sse, soma_str_t value,
    soma_sse_event_t *event);
static int soma_sse_grow(soma_sse_t *sse, unsigned char **buf, size_t *size,
    size_t used, size_t need);
static int soma_sse_whole(soma_sse_t *sse, soma_sse_event_t *event,
    size_t len);
static int soma_sse_part(soma_sse_t *sse, const unsigned char *p, size_t len,
    size_t *used, soma_sse_event_t *event);
static int soma_sse_join(soma_sse_t *sse, const unsigned char *p, size_t len,
    size_t *used, soma_sse_event_t *event);
static int soma_sse_keep(soma_sse_t *sse, const unsigned char *p,
    size_t len);
static int soma_sse_parse(soma_sse_t *sse, soma_sse_event_t *event,
    const unsigned char **rest);


static void
soma_sse_clear(soma_sse_event_t *event, const unsigned char *p)
{
    memset(event, 0, sizeof(soma_sse_event_t));

    event->raw.data = (unsigned char *) p;
    event->comment = 1;
}


/* of an event that comes whole */
static inline size_t
soma_sse_max(soma_sse_t *sse)
{
    return sse->max ? sse->max : SOMA_SSE_EVENT_MAX;
}


int
soma_sse_feed(soma_sse_t *sse, const unsigned char *p, size_t len,
    size_t *used, soma_sse_event_t *event)
{
    int                   rc;
    soma_sse_line_t       first;
    const unsigned char  *next;

    *used = 0;
    soma_sse_clear(event, p);

    if (sse->pass) {
        return soma_sse_part(sse, p, len, used, event);
    }

    if (len == 0) {
        return SOMA_AGAIN;
    }

    if (sse->len > 0) {
        return soma_sse_join(sse, p, len, used, event);
    }

    first = sse->line;

    rc = soma_sse_lines(sse, &sse->line, p, p + len, event, &next);

    if (rc == SOMA_ERROR) {
        sse->line = first;
        return rc;
    }

    *used = (rc == SOMA_OK) ? (size_t) (next - p) : len;

    if (*used > soma_sse_max(sse)) {
        soma_sse_long_begin(sse, first);
        return soma_sse_part(sse, p, len, used, event);
    }

    if (rc == SOMA_OK) {
        return soma_sse_whole(sse, event, *used);
    }

    soma_sse_clear(event, NULL);
    sse->first = first;
    rc = soma_sse_keep(sse, p, len);

    if (rc == SOMA_ERROR) {
        sse->line = first;
        *used = 0;
    }

    return rc;
}


/* what was kept of it comes first */
static int
soma_sse_part(soma_sse_t *sse, const unsigned char *p, size_t len,
    size_t *used, soma_sse_event_t *event)
{
    *used = 0;

    if (sse->again < sse->len) {
        sse->again += soma_sse_long(sse, sse->buf + sse->again,
                                    sse->len - sse->again, event);
        return SOMA_DECLINED;
    }

    sse->len = 0;
    sse->again = 0;

    if (len == 0) {
        return SOMA_AGAIN;
    }

    *used = soma_sse_long(sse, p, len, event);

    return SOMA_DECLINED;
}


int
soma_sse_end(soma_sse_t *sse, soma_sse_event_t *event)
{
    size_t                len;
    const unsigned char  *rest;

    if (sse->pass) {
        soma_sse_long_end(sse, event);
        sse->len = 0;

        return SOMA_DECLINED;
    }

    len = sse->len;

    if (len == 0) {
        soma_sse_clear(event, NULL);
        return SOMA_DONE;
    }

    if (soma_sse_parse(sse, event, &rest) == SOMA_ERROR
        || soma_sse_field(sse, rest, sse->buf + len, event) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    sse->len = 0;

    return soma_sse_whole(sse, event, len);
}


/*
 * Walks lines until the blank one: SOMA_OK with *next behind it.  SOMA_AGAIN:
 * there is none, *next is the line that has not ended.  Fields are read into
 * "event", unless that is NULL.
 */
static int
soma_sse_lines(soma_sse_t *sse, soma_sse_line_t *line,
    const unsigned char *p, const unsigned char *end,
    soma_sse_event_t *event, const unsigned char **next)
{
    const unsigned char  *lf, *eol, *start;

    if (line->cr) {
        line->cr = 0;
        p += (*p == '\n');
    }

    lf = NULL;

    while (p < end) {
        start = p;

        /* one search of LF for many lines that end in CR */
        if (lf == NULL || lf < p) {
            lf = memchr(p, '\n', (size_t) (end - p));
            lf = (lf != NULL) ? lf : end;
        }

        eol = memchr(p, '\r', (size_t) (lf - p));
        eol = (eol != NULL) ? eol : lf;

        if (eol == end) {
            line->text = 1;
            break;
        }

        p = eol + 1;

        if (*eol == '\r') {
            if (p == end) {
                line->cr = 1;

            } else {
                p += (*p == '\n');
            }
        }

        if (eol == start && !line->text) {
            *next = p;
            return SOMA_OK;
        }

        line->text = 0;

        if (event != NULL
            && soma_sse_field(sse, start, eol, event) != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    *next = p;

    return SOMA_AGAIN;
}


static int
soma_sse_field(soma_sse_t *sse, const unsigned char *p,
    const unsigned char *end, soma_sse_event_t *event)
{
    size_t      len, name;
    soma_str_t  value;

    if (!sse->begun && p == event->raw.data && end - p >= 3
        && memcmp(p, "\xef\xbb\xbf", 3) == 0)
    {
        p += 3;
    }

    if (p == end || *p == ':') {
        return SOMA_OK;
    }

    event->comment = 0;
    len = (size_t) (end - p);

    name = (*p == 'd') ? 4 : (*p == 'e') ? 5 : 0;

    if (name == 0 || len < name
        || memcmp(p, name == 4 ? "data" : "event", name) != 0
        || (len > name && p[name] != ':'))
    {
        return SOMA_OK;
    }

    p += (len > name) ? name + 1 : name;
    p += (p < end && *p == ' ');

    value.data = (unsigned char *) p;
    value.len = (size_t) (end - p);

    if (name == 4) {
        return soma_sse_data(sse, value, event);
    }

    event->name = value;

    if (value.len > SOMA_SSE_NAME_MAX) {
        event->name.len = 0;
    }

    return SOMA_OK;
}


static int
soma_sse_data(soma_sse_t *sse, soma_str_t value, soma_sse_event_t *event)
{
    size_t       need;
    soma_str_t  *data;

    data = &event->data;

    if (data->data == NULL) {
        *data = value;
        return SOMA_OK;
    }

    need = data->len + 1 + value.len;

    /* it will come in parts */
    if (need > SOMA_SSE_EVENT_MAX && need > soma_sse_max(sse)) {
        return SOMA_OK;
    }

    if (data->data != sse->scratch) {
        if (soma_sse_grow(sse, &sse->scratch, &sse->scratch_size, 0, need)
            != SOMA_OK)
        {
            return SOMA_ERROR;
        }

        memcpy(sse->scratch, data->data, data->len);

    } else if (soma_sse_grow(sse, &sse->scratch, &sse->scratch_size,
                             data->len, need)
               != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    sse->scratch[data->len] = '\n';
    memcpy(sse->scratch + data->len + 1, value.data, value.len);

    data->data = sse->scratch;
    data->len = need;

    return SOMA_OK;
}


/* "used" bytes stay; need <= SOMA_SSE_EVENT_MAX */
static int
soma_sse_grow(soma_sse_t *sse, unsigned char **buf, size_t *size,
    size_t used, size_t need)
{
    size_t          n;
    unsigned char  *p;

    if (need <= *size) {
        return SOMA_OK;
    }

    n = (*size > 0) ? *size : SOMA_SSE_BUF_MIN;

    while (n < need) {
        n *= 2;
    }

    p = sse->arena->alloc(sse->arena->data, n);
    if (p == NULL) {
        return SOMA_ERROR;
    }

    if (used > 0) {
        memcpy(p, *buf, used);
    }

    *buf = p;
    *size = n;

    return SOMA_OK;
}


static int
soma_sse_whole(soma_sse_t *sse, soma_sse_event_t *event, size_t len)
{
    event->raw.len = len;
    sse->begun = 1;

    return SOMA_OK;
}


/* the event's beginning is in the buffer */
static int
soma_sse_join(soma_sse_t *sse, const unsigned char *p, size_t len,
    size_t *used, soma_sse_event_t *event)
{
    int                   rc;
    size_t                n;
    soma_sse_line_t       line;
    const unsigned char  *next, *rest;

    line = sse->line;

    rc = soma_sse_lines(sse, &sse->line, p, p + len, NULL, &next);

    n = (rc == SOMA_OK) ? (size_t) (next - p) : len;

    if (n > soma_sse_max(sse) - sse->len) {
        soma_sse_long_begin(sse, sse->first);
        return soma_sse_part(sse, p, len, used, event);
    }

    if (soma_sse_keep(sse, p, n) == SOMA_ERROR) {
        sse->line = line;
        return SOMA_ERROR;
    }

    if (rc == SOMA_AGAIN) {
        *used = n;
        return SOMA_AGAIN;
    }

    if (soma_sse_parse(sse, event, &rest) == SOMA_ERROR) {
        sse->len -= n;
        sse->line = line;
        return SOMA_ERROR;
    }

    *used = n;
    n = sse->len;
    sse->len = 0;

    return soma_sse_whole(sse, event, n);
}


static int
soma_sse_keep(soma_sse_t *sse, const unsigned char *p, size_t len)
{
    if (soma_sse_grow(sse, &sse->buf, &sse->size, sse->len, sse->len + len)
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    memcpy(sse->buf + sse->len, p, len);
    sse->len += len;

    return SOMA_AGAIN;
}


/* reads the event in the buffer */
static int
soma_sse_parse(soma_sse_t *sse, soma_sse_event_t *event,
    const unsigned char **rest)
{
    soma_sse_line_t  line;

    line = sse->first;
    soma_sse_clear(event, sse->buf);

    return soma_sse_lines(sse, &line, sse->buf, sse->buf + sse->len, event,
                          rest);
}
