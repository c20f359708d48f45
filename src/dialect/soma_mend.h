
/*
 * Copyright (C) The ngx_soma authors
 *
 * Texts as the inner form wants them, from those who write others: no half
 * of a surrogate pair, no bytes that are no UTF-8, no control characters, no
 * escapes that JSON does not have.  Providers cut streams where they like,
 * also within a character: its first half waits for the other one.
 */


#ifndef SOMA_MEND_H
#define SOMA_MEND_H


#include "soma_base.h"


#define SOMA_MEND_HELD  6           /* bytes: the escape of half a pair */


/* room for texts that had to be mended, used again for each of a stream: it
 * grows to twice the longest and no further */
typedef struct {
    soma_arena_t   *arena;
    unsigned char  *data;
    size_t          size;
} soma_mend_room_t;


/* of one text that comes in pieces, zeroed at its start */
typedef struct {
    unsigned char  held[SOMA_MEND_HELD];
    unsigned char  len;
} soma_mend_t;


/*
 * The next piece, as it stood between its quotes.  *out is good until the
 * next call with that room; it is the text itself where there was nothing to
 * mend, and may be empty.  SOMA_OK, or SOMA_ERROR without memory.
 */
int soma_mend_text(soma_mend_t *mend, soma_mend_room_t *room, soma_str_t text,
    soma_str_t *out);

/* the end of the text: SOMA_OK with what stands for a half that nothing
 * followed, or SOMA_DECLINED */
int soma_mend_end(soma_mend_t *mend, soma_str_t *out);

/*
 * A JSON body, whole: *body becomes a mended copy in the arena where it has
 * to be.  Control characters stay, for most of them are not in a string.
 */
int soma_mend_body(soma_arena_t *arena, soma_str_t *body);


#endif /* SOMA_MEND_H */
