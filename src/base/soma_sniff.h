
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a body is by its first bytes.  Providers, and what stands before them,
 * send streams as text/plain and JSON as text/event-stream: what is billed
 * must not hang on a header.
 */


#ifndef SOMA_SNIFF_H
#define SOMA_SNIFF_H


#include "soma_base.h"


typedef enum {
    SOMA_SNIFF_MORE = 0,        /* too few bytes to tell */
    SOMA_SNIFF_SSE,             /* a line of server-sent events */
    SOMA_SNIFF_JSON,            /* an object or an array */
    SOMA_SNIFF_OTHER            /* sound, HTML, text, a bare JSON value */
} soma_sniff_e;


/*
 * p is the first byte of the body, len all of it that is there: it is looked
 * at from its start each time.  A byte order mark, blanks and blank lines may
 * come first, as some send them for as long as they think.
 */
soma_sniff_e soma_sniff(const unsigned char *p, size_t len);


#endif /* SOMA_SNIFF_H */
