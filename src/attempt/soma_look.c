
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_look.h"


soma_look_e
soma_look_stream(const soma_dialect_t *dialect, soma_ask_t *ask,
    const unsigned char *p, size_t len)
{
    size_t            used;
    unsigned          says;
    soma_sse_t        sse;
    soma_answer_t     answer;
    soma_reader_t     reader;
    soma_sse_event_t  event;

    memset(&sse, 0, sizeof(soma_sse_t));
    memset(&reader, 0, sizeof(soma_reader_t));
    memset(&answer, 0, sizeof(soma_answer_t));

    answer.api = ask->api;
    answer.stream = 1;
    says = 0;

    soma_sse_long_begin(&sse, sse.line);

    for ( /* void */ ; len > 0; p += used, len -= used) {

        /* nothing is kept: all events come in parts */

        used = soma_sse_long(&sse, p, len, &event);

        says |= (event.data.len != 0);

        if (dialect->part(&answer, ask, &reader, &event) == SOMA_EVENT_ERROR)
        {
            return SOMA_LOOK_ERROR;
        }

        if (!event.last) {
            continue;
        }

        if (says) {
            return SOMA_LOOK_GOOD;
        }

        soma_sse_long_begin(&sse, sse.line);
    }

    return SOMA_LOOK_MORE;
}
