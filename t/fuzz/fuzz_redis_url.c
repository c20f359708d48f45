
/*
 * Copyright (C) The ngx_soma authors
 *
 * A URL of Redis, and a redirection of a cluster: what is accepted is within
 * the text.
 */


#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "soma_redis_url.h"
#include "soma_slot.h"


static void
within(soma_str_t s, soma_str_t text)
{
    if (s.len && (s.data < text.data
                  || s.data + s.len > text.data + text.len))
    {
        abort();
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned           i;
    soma_str_t         text, word;
    const char        *error;
    soma_redis_url_t   url;
    soma_slot_move_t   move;

    text.len = size;
    text.data = malloc(size ? size : 1);
    if (text.data == NULL) {
        return 0;
    }

    memcpy(text.data, data, size);

    soma_slot_move(&move, text);
    within(move.host, text);

    if (soma_slot(text) >= SOMA_SLOTS) {
        abort();
    }

    if (soma_redis_url(&url, text, &error, &word) != SOMA_OK) {
        within(word, text);

    } else {
        within(url.user, text);
        within(url.password, text);
        within(url.path, text);
        within(url.master, text);

        for (i = 0; i < url.nhosts; i++) {
            within(url.hosts[i].name, text);
        }
    }

    free(text.data);

    return 0;
}
