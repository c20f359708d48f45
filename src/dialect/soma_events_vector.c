
/*
 * Copyright (C) The ngx_soma authors
 *
 * Vectors of a provider's answer, in the form that its client asked for.
 */


#include "soma_events.h"
#include "soma_vector.h"


/* one in base64 is handed on as it stood: only who asked for it has some */

int
soma_events_vector(soma_events_t *events, unsigned index,
    soma_json_value_t *value)
{
    int                 rc;
    soma_str_t          text;
    soma_inner_event_t  event;

    memset(&event, 0, sizeof(event));

    event.event = SOMA_INNER_VECTOR;
    event.block = index;

    if (value->type == SOMA_JSON_STRING && value->text.len >= 2) {
        text.data = value->text.data + 1;
        text.len = value->text.len - 2;

        if (soma_inner_is_text(text)) {
            event.text = text;
            return soma_events_emit(events, &event);
        }
    }

    if (value->type != SOMA_JSON_ARRAY) {
        return soma_events_failed(events, 502, SOMA_STR("api_error"),
                                  SOMA_STR(""),
                                  SOMA_STR("the provider's answer has an "
                                           "embedding that is none"));
    }

    event.raw = value->text;

    if (events->request != NULL && events->request->base64) {
        rc = soma_vector_base64(events->arena, value->text, &event.text);

        if (rc == SOMA_ERROR) {
            return SOMA_ERROR;
        }

        if (rc == SOMA_OK) {
            event.raw = (soma_str_t) soma_str_null;
        }
    }

    return soma_events_emit(events, &event);
}


int
soma_events_vectors_end(soma_events_t *events)
{
    events->finished[0] |= 1;

    return soma_events_end(events);
}


int
soma_events_vectors_none(soma_events_t *events)
{
    return soma_events_failed(events, 502, SOMA_STR("api_error"),
                              SOMA_STR(""),
                              SOMA_STR("the provider's answer has no "
                                       "embeddings"));
}
