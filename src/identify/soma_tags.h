
/*
 * Copyright (C) The ngx_soma authors
 *
 * Tags of a request beside those of its key: words with commas between them.
 */


#ifndef SOMA_TAGS_H
#define SOMA_TAGS_H


#include "soma_base.h"
#include "soma_json.h"


/*
 * Appends to what "out" holds.  A tag that has no room, or a byte that is
 * none of a text, is left out whole; "out" never gets full.
 */

/* the words of a list */
void soma_tags_list(soma_out_t *out, soma_str_t list);

/* "name=value" of each member of an object whose value is a text */
void soma_tags_object(soma_out_t *out, soma_str_t object,
    soma_arena_t *arena);


#endif /* SOMA_TAGS_H */
