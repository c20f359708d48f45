
/*
 * Copyright (C) The ngx_soma authors
 *
 * AWS's binary event stream (application/vnd.amazon.eventstream): frames of
 *
 *     total length      4 bytes, big-endian, of all of the frame
 *     headers' length   4 bytes
 *     CRC-32            4 bytes, of the 8 before
 *     headers           name length 1, name, type 1, value as the type has it
 *     payload
 *     CRC-32            4 bytes, of all before
 *
 * Source: AWS's "Event stream encoding", smithy.io/2.0/aws/amazon-eventstream.
 */


#ifndef SOMA_EVENTSTREAM_H
#define SOMA_EVENTSTREAM_H


#include "soma_sse.h"


#define SOMA_EVENTSTREAM_PRELUDE  12
#define SOMA_EVENTSTREAM_LEAST    16            /* bytes of a frame */
#define SOMA_EVENTSTREAM_HEAD     256           /* of the headers we write, at
                                                   the most */


/* the length of a frame by its prelude, of which SOMA_EVENTSTREAM_PRELUDE
 * bytes are there; 0: it is none, or its checksum is wrong */
size_t soma_eventstream_len(const unsigned char *p);

/*
 * One whole frame: its payload as data; as name :event-type, or
 * :exception-type, or :error-code, with "failed" for the last two.  SOMA_OK,
 * or SOMA_ERROR where it is none.
 */
int soma_eventstream_read(const unsigned char *p, size_t len,
    soma_sse_event_t *event);

/*
 * A frame around a JSON payload.  exception: of :message-type exception.  Into
 * soma_eventstream_size() bytes; returns how many.
 */
#define soma_eventstream_size(name_len, payload_len)                          \
    (SOMA_EVENTSTREAM_LEAST + SOMA_EVENTSTREAM_HEAD + (name_len)              \
     + (payload_len))

size_t soma_eventstream_write(unsigned char *to, soma_str_t name,
    unsigned exception, soma_str_t payload);


#endif /* SOMA_EVENTSTREAM_H */
