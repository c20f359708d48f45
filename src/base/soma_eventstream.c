
/*
 * Copyright (C) The ngx_soma authors
 */


#include <zlib.h>

#include "soma_eventstream.h"


#define SOMA_EVENTSTREAM_STRING  7          /* the type of all we look at */


typedef struct {
    soma_str_t            name;
    soma_str_t            value;            /* empty: no string */
} soma_eventstream_header_t;


static uint32_t soma_eventstream_u32(const unsigned char *p);
static unsigned char *soma_eventstream_put(unsigned char *p, uint32_t n);
static unsigned char *soma_eventstream_header(unsigned char *p,
    const char *name, soma_str_t value);
static int soma_eventstream_next(soma_str_t *headers,
    soma_eventstream_header_t *header);


static uint32_t
soma_eventstream_u32(const unsigned char *p)
{
    return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16
           | (uint32_t) p[2] << 8 | p[3];
}


static unsigned char *
soma_eventstream_put(unsigned char *p, uint32_t n)
{
    *p++ = (unsigned char) (n >> 24);
    *p++ = (unsigned char) (n >> 16);
    *p++ = (unsigned char) (n >> 8);
    *p++ = (unsigned char) n;

    return p;
}


size_t
soma_eventstream_len(const unsigned char *p)
{
    uint32_t  total, headers;

    total = soma_eventstream_u32(p);
    headers = soma_eventstream_u32(p + 4);

    if (total < SOMA_EVENTSTREAM_LEAST
        || headers > total - SOMA_EVENTSTREAM_LEAST
        || soma_eventstream_u32(p + 8) != (uint32_t) crc32(0, p, 8))
    {
        return 0;
    }

    return total;
}


int
soma_eventstream_read(const unsigned char *p, size_t len,
    soma_sse_event_t *event)
{
    soma_str_t                 headers;
    soma_eventstream_header_t  header;

    memset(event, 0, sizeof(soma_sse_event_t));

    if (len < SOMA_EVENTSTREAM_LEAST || soma_eventstream_len(p) != len
        || soma_eventstream_u32(p + len - 4)
           != (uint32_t) crc32(0, p, (uInt) (len - 4)))
    {
        return SOMA_ERROR;
    }

    headers.data = (unsigned char *) (uintptr_t) p + SOMA_EVENTSTREAM_PRELUDE;
    headers.len = soma_eventstream_u32(p + 4);

    event->raw.data = (unsigned char *) (uintptr_t) p;
    event->raw.len = len;
    event->data.data = headers.data + headers.len;
    event->data.len = len - SOMA_EVENTSTREAM_LEAST - headers.len;

    while (headers.len != 0) {

        if (soma_eventstream_next(&headers, &header) != SOMA_OK) {
            return SOMA_ERROR;
        }

        if (soma_str_is(header.name, ":event-type")) {
            event->name = header.value;

        } else if (soma_str_is(header.name, ":exception-type")
                   || soma_str_is(header.name, ":error-code"))
        {
            event->name = header.value;
            event->failed = 1;
        }
    }

    return SOMA_OK;
}


static int
soma_eventstream_next(soma_str_t *headers, soma_eventstream_header_t *header)
{
    size_t          n;
    unsigned        type;
    unsigned char  *p, *end;

    static const unsigned char  sizes[] = { 0, 0, 1, 2, 4, 8, 0, 0, 8, 16 };

    p = headers->data;
    end = p + headers->len;

    n = *p++;

    if ((size_t) (end - p) < n + 1) {
        return SOMA_ERROR;
    }

    header->name.data = p;
    header->name.len = n;
    p += n;
    type = *p++;

    if (type >= sizeof(sizes)) {
        return SOMA_ERROR;
    }

    n = sizes[type];
    header->value.data = p;
    header->value.len = 0;

    if (type == SOMA_EVENTSTREAM_STRING || type == 6) {

        if (end - p < 2) {
            return SOMA_ERROR;
        }

        n = (size_t) p[0] << 8 | p[1];
        p += 2;
    }

    if ((size_t) (end - p) < n) {
        return SOMA_ERROR;
    }

    if (type == SOMA_EVENTSTREAM_STRING) {
        header->value.data = p;
        header->value.len = n;
    }

    p += n;
    headers->data = p;
    headers->len = (size_t) (end - p);

    return SOMA_OK;
}


static unsigned char *
soma_eventstream_header(unsigned char *p, const char *name, soma_str_t value)
{
    size_t  len;

    len = strlen(name);

    *p++ = (unsigned char) len;
    memcpy(p, name, len);
    p += len;
    *p++ = SOMA_EVENTSTREAM_STRING;
    *p++ = (unsigned char) (value.len >> 8);
    *p++ = (unsigned char) value.len;
    memcpy(p, value.data, value.len);

    return p + value.len;
}


size_t
soma_eventstream_write(unsigned char *to, soma_str_t name,
    unsigned exception, soma_str_t payload)
{
    size_t          total;
    unsigned char  *p, *headers;

    headers = to + SOMA_EVENTSTREAM_PRELUDE;

    p = soma_eventstream_header(headers, exception ? ":exception-type"
                                                   : ":event-type", name);
    p = soma_eventstream_header(p, ":content-type",
                                SOMA_STR("application/json"));
    p = soma_eventstream_header(p, ":message-type",
                                exception ? SOMA_STR("exception")
                                          : SOMA_STR("event"));

    total = SOMA_EVENTSTREAM_LEAST + (size_t) (p - headers) + payload.len;

    (void) soma_eventstream_put(to, (uint32_t) total);
    (void) soma_eventstream_put(to + 4, (uint32_t) (p - headers));
    (void) soma_eventstream_put(to + 8, (uint32_t) crc32(0, to, 8));

    memcpy(p, payload.data, payload.len);
    p += payload.len;

    (void) soma_eventstream_put(p, (uint32_t) crc32(0, to, (uInt) (total
                                                                   - 4)));

    return total;
}
