
/*
 * Copyright (C) The ngx_soma authors
 *
 * The state of an answer under way, for the files of dialects that lie between
 * their APIs and the inner form.
 */


#ifndef SOMA_TRANSLATE_H
#define SOMA_TRANSLATE_H


#include "soma_dialect.h"
#include "soma_events.h"


/* of a writer or a decoder.  SOMA_OK: zeroed, to be filled in; SOMA_DECLINED:
 * it is there already; SOMA_ERROR: no memory */
int soma_translate_state(soma_arena_t *arena, void **state, size_t size);

/* the first part of "events", as the decoder has it */
void soma_translate_events(soma_events_t *events,
    const soma_decoder_t *decoder);


#endif /* SOMA_TRANSLATE_H */
