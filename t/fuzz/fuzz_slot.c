
/*
 * Copyright (C) The ngx_soma authors
 *
 * Redirections of a cluster, as any node may word them, and the slots of keys.
 */


#include <stdlib.h>

#include "soma_slot.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
need(int cond)
{
    if (!cond) {
        abort();
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    soma_str_t        text;
    soma_slot_move_t  move;

    text.data = (unsigned char *) (uintptr_t) data;
    text.len = size;

    need(soma_slot(text) < SOMA_SLOTS);

    soma_slot_move(&move, text);

    if (move.move != SOMA_SLOT_STAYS) {
        need(move.slot < SOMA_SLOTS);
        need(move.port > 0 && move.port < 65536);
        need(move.host.len <= SOMA_SLOT_HOST_MAX);
        need(move.host.len == 0
             || (move.host.data >= data
                 && move.host.data + move.host.len <= data + size));
    }

    return 0;
}
