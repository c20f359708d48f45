
/*
 * Copyright (C) The ngx_soma authors
 *
 * Server-sent events (WHATWG HTML 9.2), one event at a time, from pieces cut
 * anywhere.  LF, CRLF and CR end a line; "data:" may lack its space; comment
 * lines are part of the event they stand in.
 */


#ifndef SOMA_SSE_H
#define SOMA_SSE_H


#include "soma_base.h"


#define SOMA_SSE_EVENT_MAX  (64 * 1024)     /* longer ones come in parts */
#define SOMA_SSE_NAME_MAX   64
#define SOMA_SSE_FIELD_MAX  8               /* "event", and a BOM */


typedef struct {
    soma_str_t  raw;        /* the event's bytes, its blank line included */
    soma_str_t  data;       /* its data lines, joined by LF; data.data is
                               NULL when it has none */
    soma_str_t  name;       /* its event: field, or empty, as is one longer
                               than SOMA_SSE_NAME_MAX */
    unsigned    comment:1;  /* nothing but comments and blank lines */
    unsigned    part:1;     /* raw is a part of it, data are the bytes of its
                               data in that part, and name is what is known
                               so far */
    unsigned    first:1;    /* the first part, the last part */
    unsigned    last:1;
    unsigned    join:1;     /* an LF that joins lines comes before data */
    unsigned    failed:1;   /* of another framing: it says that it is an
                               error */
} soma_sse_event_t;


/* where in a line the parser stands; private to soma_sse*.c */
typedef struct {
    unsigned        text:1;     /* the line has bytes */
    unsigned        cr:1;       /* the last byte was CR: an LF is its own */
} soma_sse_line_t;


/* where in a line of an event that comes in parts; private likewise */
typedef struct {
    unsigned char   state;
    unsigned char   field_len;
    unsigned char   name_len;
    unsigned char   lost:1;     /* the name is too long */
    unsigned char   fresh:1;    /* no part yet */
    unsigned char   data:1;     /* a data line has begun */
    unsigned char   field[SOMA_SSE_FIELD_MAX];
    unsigned char   name[SOMA_SSE_NAME_MAX];
} soma_sse_long_t;


/*
 * Zero it and set "arena" before the first call.  The carry buffer grows in
 * the arena by doubling up to "max" and is used again for each
 * event, so a stream's memory does not grow with its length.
 */
typedef struct {
    soma_arena_t    *arena;
    unsigned char   *buf;       /* the part of an event seen so far */
    size_t           len;
    size_t           size;
    unsigned char   *scratch;   /* joined data of several lines */
    size_t           scratch_size;
    size_t           max;       /* of an event that comes whole, 0 for
                                   SOMA_SSE_EVENT_MAX */
    size_t           again;     /* bytes of buf that went in parts */
    soma_sse_line_t  line;      /* behind the bytes taken so far */
    soma_sse_line_t  first;     /* where the event in buf begins */
    soma_sse_long_t  parts;
    unsigned         pass:1;    /* inside an event that comes in parts */
    unsigned         begun:1;   /* behind the first event: no BOM any more */
} soma_sse_t;


/*
 * Takes bytes of [p, p + len), *used says how many.  All raw bytes in a row
 * are the stream.  A blank line in CRLF whose LF comes with a later piece
 * ends its event at the CR; the LF is then the first raw byte of the next.
 * SOMA_OK        "event" is whole; it points into [p, p + len) or into the
 *                parser and is valid until the next call; call again with
 *                the rest, even when the rest is empty
 * SOMA_AGAIN     all taken, no whole event yet
 * SOMA_DECLINED  "event" is a part of one that is longer than "max": pass it
 *                on, call again
 * SOMA_ERROR     no memory
 */
int soma_sse_feed(soma_sse_t *sse, const unsigned char *p, size_t len,
    size_t *used, soma_sse_event_t *event);

/* at the end of the stream: what is left of an event without its blank line,
 * its last line whole or not; SOMA_OK with the event, SOMA_DECLINED with the
 * last part, which has no bytes, of one that came in parts, SOMA_DONE when
 * nothing is left, SOMA_ERROR no memory */
int soma_sse_end(soma_sse_t *sse, soma_sse_event_t *event);

/* soma_sse_long.c, for soma_sse.c: parts of [p, p + len), len > 0; returns
 * how many bytes this one takes */
void soma_sse_long_begin(soma_sse_t *sse, soma_sse_line_t first);
size_t soma_sse_long(soma_sse_t *sse, const unsigned char *p, size_t len,
    soma_sse_event_t *event);
void soma_sse_long_end(soma_sse_t *sse, soma_sse_event_t *event);


#endif /* SOMA_SSE_H */
