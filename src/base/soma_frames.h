
/*
 * Copyright (C) The ngx_soma authors
 *
 * The events of a stream, whatever keeps them apart: server-sent events
 * (soma_sse.h), lines of JSON, the elements of one JSON array, or AWS's binary
 * frames (soma_eventstream.h).  Pieces may be cut anywhere.
 */


#ifndef SOMA_FRAMES_H
#define SOMA_FRAMES_H


#include "soma_sse.h"


/* an event that is no server-sent one comes whole, and is at most so long */
#define SOMA_FRAMES_EVENT_MAX  (16 * 1024 * 1024)


typedef enum {
    SOMA_FRAMING_SSE = 0,
    SOMA_FRAMING_LINES,             /* a line is an event; a blank one, a
                                       comment */
    SOMA_FRAMING_ARRAY,             /* [{...},\r\n{...}]; what is between
                                       belongs to the next, and the end is a
                                       comment */
    SOMA_FRAMING_AWS
} soma_framing_e;


/* zeroed, with arena and framing set; "sse" has the carry of all of them, and
 * the bound of an event's length */
typedef struct {
    soma_framing_e   framing;
    soma_sse_t       sse;

    /* private: where in an event the bytes taken so far end */
    size_t           total;         /* AWS: of the frame, once known */
    unsigned         depth;         /* ARRAY: of braces and brackets */
    unsigned         string:1;
    unsigned         escape:1;
    unsigned         broken:1;
} soma_frames_t;


/*
 * As soma_sse_feed() and soma_sse_end(); only server-sent events come in
 * parts.  SOMA_ERROR also for a frame that is none, or has a wrong checksum,
 * and for an event that is too long: frames->broken tells that from want of
 * memory.
 */
int soma_frames_feed(soma_frames_t *frames, const unsigned char *p,
    size_t len, size_t *used, soma_sse_event_t *event);
int soma_frames_end(soma_frames_t *frames, soma_sse_event_t *event);

/* of an array's element that begins at p: 1 where it is whole, *len then is
 * its length */
unsigned soma_frames_element(const unsigned char *p, size_t *len);

/* for the next stream; the carry stays */
void soma_frames_reset(soma_frames_t *frames, soma_framing_e framing);


#endif /* SOMA_FRAMES_H */
