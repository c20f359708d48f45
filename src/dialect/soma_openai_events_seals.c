
/*
 * Copyright (C) The ngx_soma authors
 *
 * Signatures in an answer to a chat, of servers that ask for them back: in
 * reasoning_details as OpenRouter has them, in a call's extra_content as
 * Google has it.
 */


#include "soma_openai_events.h"
#include "soma_openai_shared.h"


static int soma_openai_events_detail(soma_events_t *events, unsigned index,
    soma_str_t detail);
static int soma_openai_events_seal(soma_events_t *events,
    soma_events_open_t *open, soma_str_t signature, soma_str_t opaque);


int
soma_openai_events_details(soma_events_t *events, unsigned index,
    soma_str_t message)
{
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  details, detail;

    if (index >= SOMA_INNER_CHOICES_MAX
        || soma_json_get(message, "reasoning_details", &details) != SOMA_OK
        || soma_json_first(&it, details.text) != SOMA_OK || it.object)
    {
        return SOMA_OK;
    }

    while (soma_json_next(&it, &name, &detail) == SOMA_OK) {

        if (detail.type == SOMA_JSON_OBJECT
            && soma_openai_events_detail(events, index, detail.text)
               != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    return SOMA_OK;
}


/* what is encrypted goes back as it came, whatever else stands beside it */

static int
soma_openai_events_detail(soma_events_t *events, unsigned index,
    soma_str_t detail)
{
    soma_str_t           signature, opaque;
    soma_events_open_t  *open;

    opaque.len = 0;
    opaque.data = NULL;
    signature = soma_events_inside(detail, "signature");

    if (soma_events_inside(detail, "data").len != 0) {

        if (soma_mend_body(events->arena, &detail) != SOMA_OK
            || soma_inner_text(events->arena, detail, &opaque) != SOMA_OK)
        {
            return SOMA_ERROR;
        }

    } else if (signature.len == 0) {
        return SOMA_OK;
    }

    open = soma_events_find(events, index, SOMA_INNER_REASONING,
                            SOMA_EVENTS_NO_KEY);

    if (open == NULL
        && soma_events_begin(events, index, SOMA_INNER_REASONING,
                             SOMA_EVENTS_NO_KEY, &open)
           != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (open == NULL) {
        return SOMA_OK;
    }

    if (soma_openai_events_seal(events, open, signature, opaque) != SOMA_OK) {
        return SOMA_ERROR;
    }

    /* a block has one, and the next words are another block's */

    return soma_events_close(events, open);
}


int
soma_openai_events_extra(soma_events_t *events, soma_events_open_t *open,
    soma_str_t call)
{
    soma_json_value_t  extra, google;

    if (!open->begun
        || soma_json_get(call, "extra_content", &extra) != SOMA_OK
        || soma_json_get(extra.text, "google", &google) != SOMA_OK)
    {
        return SOMA_OK;
    }

    return soma_openai_events_seal(events, open,
                                   soma_events_inside(google.text,
                                                      "thought_signature"),
                                   (soma_str_t) soma_str_null);
}


static int
soma_openai_events_seal(soma_events_t *events, soma_events_open_t *open,
    soma_str_t signature, soma_str_t opaque)
{
    soma_mend_t         mend;
    soma_inner_event_t  event;

    if (signature.len == 0 && opaque.len == 0) {
        return SOMA_OK;
    }

    memset(&event, 0, sizeof(event));
    memset(&mend, 0, sizeof(mend));

    event.event = SOMA_INNER_SIGNATURE;
    event.choice = open->choice;
    event.block = open->block;
    event.kind = open->kind;
    event.maker = SOMA_STR(SOMA_OPENAI_CHAT_MAKER);

    if (soma_mend_text(&mend, &events->room,
                       opaque.len ? opaque : signature,
                       opaque.len ? &event.opaque : &event.text)
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    return soma_events_emit(events, &event);
}
