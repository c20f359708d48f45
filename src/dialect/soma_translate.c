
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_translate.h"


int
soma_translate_state(soma_arena_t *arena, void **state, size_t size)
{
    if (*state != NULL) {
        return SOMA_DECLINED;
    }

    *state = arena->alloc(arena->data, size);
    if (*state == NULL) {
        return SOMA_ERROR;
    }

    memset(*state, 0, size);

    return SOMA_OK;
}


void
soma_translate_events(soma_events_t *events, const soma_decoder_t *decoder)
{
    events->arena = decoder->arena;
    events->sink = decoder->sink;
    events->data = decoder->data;
    events->seed = decoder->seed;
}
